/*
 * test_kmeans.c: k-means, and the kernels under it.
 */
#include "unit.h"


#include "quant/vx_kmeans.h"

/* The tables of all processors agree to the bit, so that codes do; and with a plain loop. */
static void
test_kernels_agree(void **state)
{
	static float centroids[40 * VX_PQ_CENTROIDS];
	static float expected[VX_PQ_CENTROIDS],
				out[VX_PQ_CENTROIDS];
	const VxPqKernels *scalar = vx_pq_kernels_available(0);
	const VxPqKernels *kernels;
	float		x[40];
	VxRng		rng = {6};

	(void) state;
	for (int t = 0; (kernels = vx_pq_kernels_available(t)) != NULL; t++)
		for (uint32_t dim = 1; dim <= 40; dim++)
		{
			float		distance,
						scalar_distance;
			uint32_t	best = 0;
			uint32_t	found;

			/* coarse values, so that equal distances are frequent */
			for (uint32_t i = 0; i < dim * VX_PQ_CENTROIDS; i++)
				centroids[i] = (float) vx_rng_below(&rng, dim < 4 ? 9 : 3) - 1;
			for (uint32_t d = 0; d < dim; d++)
				x[d] = (float) vx_rng_below(&rng, 5) * 0.5f - 1;
			memset(expected, 0, sizeof(expected));
			for (uint32_t c = 0; c < VX_PQ_CENTROIDS; c++)
			{
				for (uint32_t d = 0; d < dim; d++)
					expected[c] += (x[d] - centroids[d * VX_PQ_CENTROIDS + c]) * (x[d] - centroids[d * VX_PQ_CENTROIDS + c]);
				if (expected[c] < expected[best])
					best = c;
			}
			kernels->l2_squared(x, dim, centroids, out);
			/* halves: sums are exact in any order */
			assert_memory_equal(out, expected, sizeof(out));
			found = kernels->nearest(x, dim, centroids, &distance);
			assert_int_equal(found, best);
			assert_true(distance == expected[best]);

			for (uint32_t d = 0; d < dim; d++)
				x[d] = unit_normal(&rng);
			scalar->inner_product(x, dim, centroids, expected);
			kernels->inner_product(x, dim, centroids, out);
			assert_memory_equal(out, expected, sizeof(out));
			scalar->l2_squared(x, dim, centroids, expected);
			kernels->l2_squared(x, dim, centroids, out);
			assert_memory_equal(out, expected, sizeof(out));
			assert_int_equal(kernels->nearest(x, dim, centroids, &distance), scalar->nearest(x, dim, centroids, &scalar_distance));
			assert_true(distance == scalar_distance);
			assert_true(distance == out[scalar->nearest(x, dim, centroids, &scalar_distance)]);
		}
}

/* Lloyd's iteration beats its seeds, and on clusters that lie apart finds each of them. */
static void
test_kmeans_clusters(void **state)
{
	enum
	{
		CLUSTERS = 40,
		EACH = 50
	};
	static float points[CLUSTERS * EACH * 2];
	static float centroids[2 * VX_PQ_CENTROIDS];
	VxKmeans	params = {.points = points,.n = CLUSTERS * EACH,.dim = 2,.k = CLUSTERS,.max_iterations = 0};
	VxRng		rng = {3};
	double		seeds_error,
				error;
	bool		seen[CLUSTERS] = {false};

	(void) state;
	for (uint32_t i = 0; i < CLUSTERS * EACH; i++)
	{
		points[2 * i] = (float) (i % CLUSTERS % 8 * 100) + unit_normal(&rng);
		points[2 * i + 1] = (float) (i % CLUSTERS / 8 * 100) + unit_normal(&rng);
	}
	seeds_error = vx_kmeans(&params, &unit_mem, centroids);
	params.max_iterations = 20;
	error = vx_kmeans(&params, &unit_mem, centroids);
	assert_true(error < seeds_error);
	assert_true(error > 1.5 && error < 2.2);
	for (uint32_t i = 0; i < CLUSTERS; i++)
	{
		float		distance;
		uint32_t	c = vx_pq_kernels->nearest(points + 2 * i, 2, centroids, &distance);

		assert_true(c < CLUSTERS);
		assert_false(seen[c]);
		seen[c] = true;
	}
	for (uint32_t c = CLUSTERS; c < VX_PQ_CENTROIDS; c++)
		assert_true(centroids[c] == centroids[0] && centroids[VX_PQ_CENTROIDS + c] == centroids[VX_PQ_CENTROIDS]);
}

/*
 * Seeds are drawn from a subset. Distinct points that it does not hold are found by mending empty clusters: here the subset
 * (every second point) is all the same. Fewer iterations than clusters: several must be mended in one.
 */
static void
test_kmeans_mends_empty_clusters(void **state)
{
	enum
	{
		N = 2 * VX_KMEANS_SEED_POINTS,
		DISTINCT = 20
	};
	float	   *points = calloc(N, sizeof(float));
	static float centroids[VX_PQ_CENTROIDS];
	VxKmeans	params = {.points = points,.n = N,.dim = 1,.k = DISTINCT,.max_iterations = 15};

	(void) state;
	for (uint32_t i = 1; i < N; i += 2)
		points[i] = (float) (i / 2 % DISTINCT);
	assert_true(vx_kmeans(&params, &unit_mem, centroids) == 0);
	for (uint32_t i = 1; i < 2 * DISTINCT; i += 2)
	{
		float		distance;

		vx_pq_kernels->nearest(points + i, 1, centroids, &distance);
		assert_true(distance == 0);
	}
	free(points);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels_agree),
		cmocka_unit_test(test_kmeans_clusters),
		cmocka_unit_test(test_kmeans_mends_empty_clusters),
	};

	vx_pq_kernels_select();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
