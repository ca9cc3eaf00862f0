/*
 * test_sparse.c: distances of sparse vectors are those of the dense ones that they stand for.
 */
#include "unit.h"

#include <float.h>

#include "distance/vx_sparse.h"

#define DIM 60

typedef struct Vector
{
	float		dense[DIM];
	int32_t		indices[DIM];
	float		values[DIM];
	VxSparse	sparse;
} Vector;

/* Fills a vector: of each dimension, whether it is not zero is a matter of chance. Integers are small, so that all sums of floats are exact. */
static void
fill(Vector *v, VxRng *rng, double density, bool integers)
{
	uint32_t	nnz = 0;

	memset(v, 0, sizeof(*v));
	for (int32_t i = 0; i < DIM; i++)
		if (vx_rng_unit(rng) < density)
		{
			float		x = integers ? 1 + (float) vx_rng_below(rng, 9) : unit_normal(rng);

			v->dense[i] = vx_rng_unit(rng) < 0.5 ? x : -x;
			v->indices[nnz] = i;
			v->values[nnz++] = v->dense[i];
		}
	v->sparse = (VxSparse)
	{
		.nnz = nnz,.indices = v->indices,.values = v->values
	};
}

/* The same sums over all dimensions, where a zero adds nothing: the order of the others is the same, and so is each bit. */
static void
test_like_dense(void **state)
{
	VxRng		rng = {7};

	(void) state;
	for (int round = 0; round < 3000; round++)
	{
		Vector		a;
		Vector		b;
		float		l2 = 0;
		float		l1 = 0;
		float		product = 0;
		float		norm2 = 0;

		fill(&a, &rng, round % 7 / 6.0, round % 2 == 0);
		fill(&b, &rng, round % 5 / 4.0, round % 2 == 0);
		for (int i = 0; i < DIM; i++)
		{
			float		difference = a.dense[i] - b.dense[i];

			l2 += difference * difference;
			l1 += fabsf(difference);
			product += a.dense[i] * b.dense[i];
			norm2 += a.dense[i] * a.dense[i];
		}
		assert_true(vx_sparse_l2_squared(&a.sparse, &b.sparse) == l2);
		assert_true(vx_sparse_l2_squared(&b.sparse, &a.sparse) == l2);
		assert_true(vx_sparse_l1(&a.sparse, &b.sparse) == l1);
		assert_true(vx_sparse_l1(&b.sparse, &a.sparse) == l1);
		assert_true(vx_sparse_inner_product(&a.sparse, &b.sparse) == product);
		assert_true(vx_sparse_inner_product(&b.sparse, &a.sparse) == product);
		assert_true(vx_sparse_norm_squared(&a.sparse) == norm2);
		assert_true(vx_sparse_l2_squared(&a.sparse, &a.sparse) == 0);
		assert_true(vx_sparse_l1(&a.sparse, &a.sparse) == 0);
	}
}

static void
test_cosine(void **state)
{
	const int32_t indices[] = {3, 1000000};
	const float values[] = {1.1f, 1.1f};
	const float opposite[] = {-3, -3};
	VxSparse	a = {.nnz = 2,.indices = indices,.values = values};
	VxSparse	b = {.nnz = 2,.indices = indices,.values = opposite};
	VxSparse	c = {.nnz = 1,.indices = indices,.values = values};
	VxSparse	none = {.nnz = 0};

	(void) state;
	/* also where rounding would lead beyond */
	assert_true(vx_sparse_cosine_similarity(&a, &a, 2.41f, 2.41f) == 1);
	assert_true(vx_sparse_cosine_similarity(&a, &b, 2.41f, 17.9f) == -1);
	assert_true(fabs(vx_sparse_cosine_similarity(&a, &c, 2 * 1.1f * 1.1f, 1.1f * 1.1f) - sqrt(0.5)) < 1e-6);
	assert_true(isnan(vx_sparse_cosine_similarity(&a, &none, 2.42f, 0)));
	assert_true(isnan(vx_sparse_cosine_similarity(&none, &none, 0, 0)));
}

/* Sums leave the range of floats where the dense ones do. */
static void
test_extremes(void **state)
{
	const int32_t indices[] = {0};
	const float large[] = {3e38f};
	const float negative[] = {-3e38f};
	const float small[] = {1e-30f};
	VxSparse	a = {.nnz = 1,.indices = indices,.values = large};
	VxSparse	b = {.nnz = 1,.indices = indices,.values = negative};
	VxSparse	c = {.nnz = 1,.indices = indices,.values = small};

	(void) state;
	assert_true(isinf(vx_sparse_l2_squared(&a, &b)));
	assert_true(isinf(vx_sparse_l1(&a, &b)));
	assert_true(vx_sparse_inner_product(&a, &b) == -INFINITY);
	assert_true(isinf(vx_sparse_norm_squared(&a)));
	assert_true(isnan(vx_sparse_cosine_similarity(&a, &a, INFINITY, INFINITY)));
	assert_true(vx_sparse_norm_squared(&c) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_dense),
		cmocka_unit_test(test_cosine),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
