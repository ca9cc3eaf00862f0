/*
 * test_codec_epoch.c: codes of two models, of all kinds.
 */
#include "unit.h"

#include "quant/vx_pq.h"
#include "unit_codec.h"

#define EPOCH_POINTS 500
#define EPOCH_DIM 24

/* Points around a centre, and a codebook trained from them. */
static const float *
point_row(void *context, uint32_t i)
{
	return ((VxPoint **) context)[i]->x;
}

typedef struct Era
{
	VxPoint    *points[EPOCH_POINTS];
	VxPqCodebook *codebook;
	float		mean[EPOCH_DIM];
} Era;

static void
make_era(Era *era, float centre, VxMetric metric, uint32_t m)
{
	VxRng		rng = {(uint64_t) (centre * 10) + 1};
	VxPqSample	sample = {.n = EPOCH_POINTS,.row = point_row,.context = era->points};

	for (uint32_t i = 0; i < EPOCH_POINTS; i++)
	{
		era->points[i] = unit_point(EPOCH_DIM, &rng, centre);
		if (metric == VX_METRIC_COSINE)
		{
			float		scale = 1 / sqrtf(era->points[i]->norm2);
			float		x[EPOCH_DIM];

			for (uint32_t k = 0; k < EPOCH_DIM; k++)
				x[k] = era->points[i]->x[k] * scale;
			vx_point_set(era->points[i], x, EPOCH_DIM);
		}
	}
	for (uint32_t k = 0; k < EPOCH_DIM; k++)
	{
		era->mean[k] = 0;
		for (uint32_t i = 0; i < EPOCH_POINTS; i++)
			era->mean[k] += era->points[i]->x[k] / EPOCH_POINTS;
	}
	era->codebook = malloc(vx_pq_codebook_bytes(EPOCH_DIM));
	vx_pq_train(&unit_mem, EPOCH_DIM, m, &sample, 1, era->codebook);
}

static const void *
model_of(const Era *era, VxCodeKind kind)
{
	return kind == VX_CODES_PQ ? (const void *) era->codebook : era->mean;
}

static void
free_era(Era *era)
{
	for (uint32_t i = 0; i < EPOCH_POINTS; i++)
		free(era->points[i]);
	free(era->codebook);
}

/* Root mean square error of the scores of codes [EPOCH_POINTS], all of which must be known or none. */
static double
score_error(const VxCodec *codec, const VxCodeQuery *query, const VxSpace *space, const VxPoint *of, VxPoint **points,
			const uint8_t *codes, bool known)
{
	double		error = 0;

	for (uint32_t i = 0; i < EPOCH_POINTS; i++)
	{
		const uint8_t *code = codes + (size_t) i * codec->code_bytes;
		float		exact = query->linking ? vx_space_pair(space, of, points[i]) : vx_space_query(space, of, points[i]);
		float		score;

		assert_int_equal(vx_codec_score(codec, query, &code, 1, &score), known);
		error += pow((double) (exact - score), 2);
	}
	return sqrt(error / EPOCH_POINTS);
}

/* Codes of two models are told apart, and scored by the model that each is of. */
static void
check_epochs(VxCodeKind kind, VxMetric metric, bool linking)
{
	VxSpace		space = {.metric = metric,.dim = EPOCH_DIM,.max_norm2 = 40 * EPOCH_DIM};
	uint32_t	m = EPOCH_DIM / 2;
	VxCodec		codec;
	VxCodeQuery query;
	Era			old;
	Era			new;
	uint8_t    *codes[2];
	size_t		bytes;
	double		error[2];
	const VxPoint *of;

	make_era(&old, 0.5f, metric, m);
	make_era(&new, 4, metric, m);
	unit_codec_init(&codec, kind, metric, EPOCH_DIM, vx_code_bytes(kind, &space, m));
	vx_codec_set_max_norm2(&codec, space.max_norm2);
	vx_codec_set_models(&codec, &unit_mem, 0, false, model_of(&old, kind), model_of(&new, kind));
	vx_code_query_init(&codec, &unit_mem, &query);
	bytes = (size_t) EPOCH_POINTS * codec.code_bytes + VX_CODE_OVERREAD;
	for (int k = 0; k < 2; k++)
	{
		codec.epoch = 256 + (uint32_t) k;
		codes[k] = calloc(1, bytes);
		for (uint32_t i = 0; i < EPOCH_POINTS; i++)
		{
			uint8_t    *code = codes[k] + (size_t) i * codec.code_bytes;

			vx_codec_encode(&codec, (k == 0 ? old : new).points[i], code);
			assert_true(vx_codec_is_current(&codec, code));
			codec.epoch++;
			assert_false(vx_codec_is_current(&codec, code));
			codec.epoch--;
		}
	}
	of = new.points[0];

	/* each epoch alone */
	for (int k = 0; k < 2; k++)
	{
		codec.epoch = 256 + (uint32_t) k;
		vx_codec_prepare(&codec, of, linking, &query);
		error[k] = score_error(&codec, &query, &space, of, (k == 0 ? old : new).points, codes[k], true);
		score_error(&codec, &query, &space, of, (k == 0 ? new : old).points, codes[1 - k], false);
	}
	/* both together, by the same tables: the same errors */
	codec.mixed = true;
	vx_codec_prepare(&codec, of, linking, &query);
	for (int k = 0; k < 2; k++)
	{
		double		again = score_error(&codec, &query, &space, of, (k == 0 ? old : new).points, codes[k], true);

		assert_true(fabs(again - error[k]) <= 1e-6 * error[k]);
		for (uint32_t i = 0; i < EPOCH_POINTS; i++)
		{
			const VxPoint *point = (k == 0 ? old : new).points[i];
			const uint8_t *code = codes[k] + (size_t) i * codec.code_bytes;
			uint8_t    *made = calloc(1, codec.code_bytes);
			bool		known;

			assert_int_equal(vx_codec_parity_of(&codec, code, &known), k);
			assert_true(known);
			codec.ops->encode(&codec, k, point, made);
			assert_memory_equal(code, made, codec.code_bytes);
			free(made);
			assert_true(codec.ops->error(&codec, point, code, NULL) < 0.6f * vx_kernels->norm_squared(point->x, EPOCH_DIM));
		}
	}
	/* a query that is known by its code only: estimates are about as good */
	if (kind != VX_CODES_SCALAR2)
		for (int k = 0; k < 2; k++)
		{
			VxPoint    *decoded = malloc(VX_POINT_BYTES(codec.decoded_values));
			double		by_code;

			codec.ops->decode(&codec, codes[1], decoded);
			vx_codec_prepare_decoded(&codec, decoded, linking, &query);
			by_code = score_error(&codec, &query, &space, of, (k == 0 ? old : new).points, codes[k], true);
			assert_true(by_code < 4 * error[k] + 0.05 * (double) (metric == VX_METRIC_COSINE ? 1 : of->norm2));
			free(decoded);
		}
	/* who missed an epoch knows it, as far as codes say */
	codec.mixed = false;
	codec.epoch = 258;
	vx_codec_prepare(&codec, of, linking, &query);
	if (kind == VX_CODES_PQ)
		score_error(&codec, &query, &space, of, old.points, codes[0], false);
	score_error(&codec, &query, &space, of, new.points, codes[1], false);

	free(codes[0]);
	free(codes[1]);
	unit_codec_free(&codec, &query);
	free_era(&old);
	free_era(&new);
}

static void
test_epochs(void **state)
{
	(void) state;
	for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_PQ; kind++)
		for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
			for (int linking = 0; linking < 2; linking++)
				check_epochs((VxCodeKind) kind, (VxMetric) metric, linking);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
