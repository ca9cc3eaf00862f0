/*
 * test_codec_bits.c: codes of bit strings score exactly as the strings do, and any bytes are a safe code.
 */
#include "unit.h"

#include <math.h>

#include "unit_codec.h"

#define STRINGS 40

static VxPoint *
random_bits(const VxSpace *space, uint32_t one_in, VxRng *rng)
{
	VxBitsPoint *point = calloc(1, vx_space_room(space));

	for (uint32_t i = 0; i < space->dim; i++)
		((uint8_t *) point->bits)[i / 8] |= (uint8_t) ((vx_rng_below(rng, one_in) == 0) << (7 - i % 8));
	point->norm2 = vx_space_norm2(space, (VxPoint *) point);
	return (VxPoint *) point;
}

/* Scores of codes are those of points, and so are distances between decoded codes, both ways of asking. */
static void
check_scores(VxMetric metric, uint32_t dim)
{
	VxSpace		space = {.metric = metric,.dim = dim,.form = VX_FORM_BITS};
	VxRng		rng = {dim};
	VxCodec		codec;
	VxCodeQuery query;
	VxPoint    *points[STRINGS];
	uint8_t    *codes[STRINGS];
	void	   *opened[STRINGS];
	float		score[STRINGS];
	float		norm2;

	vx_codec_init(&codec, &unit_mem, VX_CODES_BITS, &space, 0);
	vx_code_query_init(&codec, &unit_mem, &query);
	for (int i = 0; i < STRINGS; i++)
	{
		/* the last two have no bit set */
		points[i] = random_bits(&space, i < 20 ? 2 : i < STRINGS - 2 ? 5 : UINT32_MAX, &rng);
		codes[i] = malloc(codec.code_bytes + VX_CODE_OVERREAD);
		opened[i] = malloc(codec.ops->opened_bytes(&codec));
		vx_codec_encode(&codec, points[i], codes[i]);
		codec.ops->open(&codec, codes[i], opened[i]);
		assert_true(vx_codec_is_current(&codec, codes[i]));
		assert_true(codec.ops->error(&codec, points[i], codes[i], &norm2) == 0 && norm2 == 0);
		codes[i][codec.code_bytes - 1] ^= 1;
		assert_true(codec.ops->error(&codec, points[i], codes[i], NULL) == 1);
		codes[i][codec.code_bytes - 1] ^= 1;
	}
	for (int linking = 0; linking < 2; linking++)
		for (int q = 0; q < STRINGS; q++)
			for (int decoded = 0; decoded < 2; decoded++)
			{
				if (decoded)
					vx_codec_prepare_decoded(&codec, opened[q], linking, &query);
				else
					vx_codec_prepare(&codec, points[q], linking, &query);
				/* what Hamming distance has no use for is not decoded */
				if (decoded && metric == VX_METRIC_JACCARD)
					assert_memory_equal(opened[q], points[q], vx_space_bytes(&space, points[q]));
				assert_true(vx_codec_score(&codec, &query, (const uint8_t *const *) codes, STRINGS, score));
				for (int i = 0; i < STRINGS; i++)
					assert_true(score[i] == (linking ? vx_space_pair(&space, points[q], points[i])
											 : vx_space_query(&space, points[q], points[i])));
			}
	for (int q = 0; q < STRINGS; q++)
	{
		codec.ops->pairs(&codec, opened[q], (const void *const *) opened, STRINGS, score);
		for (int i = 0; i < STRINGS; i++)
			assert_true(score[i] == vx_space_pair(&space, points[q], points[i]));
		/* nothing is nearer than itself, also if the operator says 1 */
		assert_true(score[q] == 0);
	}
	for (int i = 0; i < STRINGS; i++)
	{
		free(points[i]);
		free(codes[i]);
		free(opened[i]);
	}
	unit_codec_free(&codec, &query);
}

static void
test_scores(void **state)
{
	static const uint32_t dims[] = {1, 8, 63, 64, 65, 100, 384, 1536, 64000};

	(void) state;
	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
	{
		check_scores(VX_METRIC_HAMMING, dims[i]);
		check_scores(VX_METRIC_JACCARD, dims[i]);
	}
}

/* Bytes that are no code have scores, which are numbers. */
static void
test_garbage(void **state)
{
	VxRng		rng = {2};

	(void) state;
	for (int metric = VX_METRIC_HAMMING; metric <= VX_METRIC_JACCARD; metric++)
		for (uint32_t dim = 1; dim < 200; dim += 13)
		{
			VxSpace		space = {.metric = (VxMetric) metric,.dim = dim,.form = VX_FORM_BITS};
			VxPoint    *point = random_bits(&space, 2, &rng);
			VxPoint    *decoded = malloc(vx_space_room(&space));
			uint8_t    *code;
			VxCodec		codec;
			VxCodeQuery query;
			float		score;

			vx_codec_init(&codec, &unit_mem, VX_CODES_BITS, &space, 0);
			vx_code_query_init(&codec, &unit_mem, &query);
			code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
			for (int round = 0; round < 20; round++)
			{
				for (uint32_t i = 0; i < codec.code_bytes; i++)
					code[i] = (uint8_t) (round < 2 ? round * 0xFF : (int) vx_rng_below(&rng, 256));
				vx_codec_prepare(&codec, point, false, &query);
				assert_true(vx_codec_score(&codec, &query, (const uint8_t *const *) &code, 1, &score));
				assert_true(isfinite(score) && score >= 0);
				codec.ops->decode(&codec, code, decoded);
				vx_codec_prepare_decoded(&codec, decoded, true, &query);
				assert_true(vx_codec_score(&codec, &query, (const uint8_t *const *) &code, 1, &score));
				assert_true(isfinite(score) && score >= 0);
				assert_true(isfinite(codec.ops->error(&codec, point, code, NULL)));
			}
			free(code);
			free(point);
			free(decoded);
			unit_codec_free(&codec, &query);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_garbage),
	};

	vx_bit_kernels_select();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
