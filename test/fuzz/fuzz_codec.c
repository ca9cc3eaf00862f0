/*
 * fuzz_codec.c: any bytes are a safe code: estimates from them are numbers, whatever the query and the mean.
 */
#include "fuzz.h"

#include <math.h>

#include "quant/vx_codec.h"
#include "quant/vx_pq.h"

#define CODES 3

/* The largest magnitude of elements: the sum of 40 squares of it is a float. */
#define MOST 1e18f

static float
take_float(FuzzInput *input)
{
	float		x;

	fuzz_take(input, &x, sizeof(x));
	return fabsf(x) <= MOST ? x : 0;
}

static float *
take_floats(FuzzInput *input, const VxMem *mem, uint32_t n)
{
	float	   *x = vx_alloc(mem, n * sizeof(float));

	for (uint32_t i = 0; i < n; i++)
		x[i] = take_float(input);
	return x;
}

/* What codes are made from: means, or a codebook trained from a few vectors. */
static const float *
training_row(void *context, uint32_t i)
{
	return (const float *) context + i;
}

static void
set_model(VxCodec *codec, FuzzInput *input, const VxMem *mem, uint32_t epoch, bool mixed)
{
	VxPqSample	sample = {.n = 4,.row = training_row};
	void	   *codebook;

	if (codec->ops->model == VX_MODEL_NONE)
	{
		vx_codec_set_models(codec, mem, epoch, mixed, NULL, NULL);
		return;
	}
	if (codec->kind != VX_CODES_PQ)
	{
		float	   *mean[2] = {take_floats(input, mem, codec->dim), take_floats(input, mem, codec->dim)};

		vx_codec_set_models(codec, mem, epoch, mixed, mean[0], fuzz_below(input, 2) == 0 ? NULL : mean[1]);
		return;
	}
	sample.context = take_floats(input, mem, codec->dim + sample.n);
	codebook = vx_alloc(mem, vx_pq_codebook_bytes(codec->dim));
	vx_pq_train(mem, codec->dim, vx_code_subvectors(codec->code_bytes), &sample, 1, codebook);
	FUZZ_ASSERT(codec->ops->check_model(codebook, codec->dim, codec->code_bytes) == NULL);
	vx_codec_set_models(codec, mem, epoch, mixed, codebook, codebook);
}

int
fuzz_one(const uint8_t *data, size_t size)
{
	FuzzInput	input = {data, size};
	FuzzBlock  *all = NULL;
	const VxMem mem = {fuzz_resize, &all};
	VxCodeKind	kind = (VxCodeKind) (VX_CODES_SCALAR4 + fuzz_below(&input, 4));
	bool		bits = kind == VX_CODES_BITS;
	VxMetric	metric = (VxMetric) (bits ? VX_METRIC_HAMMING + fuzz_below(&input, 2)
									 : VX_METRIC_L2 + fuzz_below(&input, kind == VX_CODES_PQ ? 3 : 4));
	uint32_t	dim = 1 + fuzz_below(&input, 40);
	VxSpace		space = {.metric = metric,.dim = dim,.form = bits ? VX_FORM_BITS : VX_FORM_DENSE};
	bool		linking = fuzz_below(&input, 2) == 1;
	uint32_t	epoch;
	bool		mixed;
	VxCodec		codec;
	VxCodeQuery query = {0};
	VxPoint    *point = vx_alloc(&mem, vx_space_room(&space));
	VxPoint    *decoded[CODES];
	void	   *opened[CODES];
	uint8_t    *codes[CODES];
	float		score[CODES];

	vx_codec_init(&codec, &mem, kind, &space, vx_code_bytes(kind, &space, 1 + fuzz_below(&input, dim)));
	epoch = fuzz_below(&input, 4);
	mixed = fuzz_below(&input, 2) == 1;
	vx_codec_set_max_norm2(&codec, fabsf(take_float(&input)));
	set_model(&codec, &input, &mem, epoch, mixed);
	if (bits)
	{
		fuzz_take(&input, point->x, 8 * VX_BITS_WORDS(dim));
		point->norm2 = vx_space_norm2(&space, point);
	}
	else
		vx_point_set(point, take_floats(&input, &mem, dim), dim);
	for (int i = 0; i < CODES; i++)
	{
		codes[i] = vx_alloc(&mem, codec.code_bytes + VX_CODE_OVERREAD);
		memset(codes[i], 0, codec.code_bytes + VX_CODE_OVERREAD);
		fuzz_take(&input, codes[i], codec.code_bytes);
		decoded[i] = vx_alloc(&mem, VX_POINT_BYTES(codec.decoded_values));
		opened[i] = vx_alloc(&mem, codec.ops->opened_bytes(&codec));
	}
	/* one that was made */
	vx_codec_encode(&codec, point, codes[0]);
	FUZZ_ASSERT(vx_codec_is_current(&codec, codes[0]));

	vx_code_query_init(&codec, &mem, &query);
	vx_codec_prepare(&codec, point, linking, &query);
	if (vx_codec_score(&codec, &query, (const uint8_t *const *) codes, CODES, score))
		for (int i = 0; i < CODES; i++)
			FUZZ_ASSERT(!isnan(score[i]));
	for (int i = 0; i < CODES; i++)
	{
		codec.ops->decode(&codec, codes[i], decoded[i]);
		codec.ops->open(&codec, codes[i], opened[i]);
		(void) codec.ops->error(&codec, point, codes[i], NULL);
	}
	for (int i = 0; i < CODES && !bits; i++)
		FUZZ_ASSERT(!isnan(vx_codec_pair_decoded(&codec, decoded[0], decoded[i])));
	codec.ops->pairs(&codec, opened[0], (const void *const *) opened, CODES, score);
	for (int i = 0; i < CODES; i++)
		FUZZ_ASSERT(!isnan(score[i]));
	if (linking)
	{
		vx_codec_prepare_decoded(&codec, decoded[1], true, &query);
		if (vx_codec_score(&codec, &query, (const uint8_t *const *) codes, CODES, score))
			for (int i = 0; i < CODES; i++)
				FUZZ_ASSERT(!isnan(score[i]));
	}
	fuzz_free_all(&all);
	return 0;
}
