/*
 * test_codec_pq.c: codes of product quantisation score as the vectors that they stand for.
 */
#include "unit.h"

#include "quant/vx_pq.h"
#include "unit_codec.h"

#define POINTS 300
#define DIM 24
#define SUBVECTORS 12

/* What is trained: vectors, under cosine their directions. */
typedef struct Training
{
	VxPoint    *points[POINTS];
	VxSpace		space;
	float		row[DIM];
} Training;

static const float *
training_row(void *context, uint32_t i)
{
	Training   *training = context;

	vx_space_coded(&training->space, training->points[i], training->row);
	return training->row;
}

/* Scores of queries and of pairs, for a metric, are the exact ones of decoded codes; by a query that is decoded itself as well. */
static void
check_scores(VxMetric metric)
{
	VxRng		rng = {3};
	VxSpace		space = {.metric = metric,.dim = DIM,.max_norm2 = 2 * DIM};
	Training	training = {.space = space};
	VxPqSample	sample = {.n = POINTS,.row = training_row,.context = &training};
	void	   *codebook = malloc(vx_pq_codebook_bytes(DIM));
	VxCodec		codec;
	VxCodeQuery query;
	VxPoint    *decoded[2];
	VxPoint    *vector = malloc(VX_POINT_BYTES(DIM));

	for (int i = 0; i < POINTS; i++)
		training.points[i] = unit_point(DIM, &rng, 0.5f);
	vx_pq_train(&unit_mem, DIM, SUBVECTORS, &sample, 1, codebook);
	unit_codec_init(&codec, VX_CODES_PQ, metric, DIM, SUBVECTORS + 1);
	vx_codec_set_max_norm2(&codec, space.max_norm2);
	vx_codec_set_models(&codec, &unit_mem, 7, false, NULL, codebook);
	assert_int_equal(codec.decoded_values, DIM);
	vx_code_query_init(&codec, &unit_mem, &query);
	for (int k = 0; k < 2; k++)
		decoded[k] = malloc(VX_POINT_BYTES(DIM));
	for (int i = 0; i + 1 < POINTS; i++)
	{
		uint8_t		bytes[2][SUBVECTORS + 1];
		const uint8_t *code = bytes[1];
		float		score;

		for (int k = 0; k < 2; k++)
		{
			vx_codec_encode(&codec, training.points[i + k], bytes[k]);
			assert_int_equal(bytes[k][0], 7);
			codec.ops->decode(&codec, bytes[k], decoded[k]);
		}
		assert_true(vx_codec_own_norm2(&codec, decoded[1]) == decoded[1]->norm2);
		for (int linking = 0; linking < 2; linking++)
			for (int by_code = 0; by_code < 2; by_code++)
			{
				const VxPoint *one = by_code ? decoded[0] : training.points[i];
				double		exact;

				if (by_code)
					vx_codec_prepare_decoded(&codec, one, linking, &query);
				else
					vx_codec_prepare(&codec, one, linking, &query);
				assert_true(vx_codec_score(&codec, &query, &code, 1, &score));
				/* of directions half the squared distance is meant, though what codes stand for is not quite as long */
				vx_space_coded(&space, one, vector->x);
				vector->norm2 = one->norm2;
				if (metric == VX_METRIC_COSINE)
					exact = 0.5 * (double) vx_kernels->l2_squared(vector->x, decoded[1]->x, DIM);
				else
					exact = (double) (linking ? vx_space_pair(&space, vector, decoded[1]) : vx_space_query(&space, vector, decoded[1]));
				assert_true(fabs((double) score - exact) < 1e-4 * DIM);
			}
		/* the last query was one of a pair */
		assert_true(fabs((double) (vx_codec_pair_decoded(&codec, decoded[0], decoded[1]) - score)) < 0.05 * DIM);
	}
	for (int k = 0; k < 2; k++)
		free(decoded[k]);
	unit_codec_free(&codec, &query);
	for (int i = 0; i < POINTS; i++)
		free(training.points[i]);
	free(vector);
	free(codebook);
}

static void
test_scores(void **state)
{
	(void) state;
	for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
		check_scores((VxMetric) metric);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
