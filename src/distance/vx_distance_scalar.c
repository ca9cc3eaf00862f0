/*
 * vx_distance_scalar.c: the kernels in plain C: obviously right, and what every other table is tested against.
 *
 * Multiplication and addition are kept apart (no fused multiply-add), so that cosine_parts and the single sums are compiled
 * to the same arithmetic: see the bit rule in vx_distance.h.
 */
#include "distance/vx_distance_impl.h"

#include <math.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

static float
l2_squared(const float *a, const float *b, size_t n)
{
	float		sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		float		d = a[i] - b[i];

		sum += d * d;
	}
	return sum;
}

static float
inner_product(const float *a, const float *b, size_t n)
{
	float		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return vx_settle_inner_product(sum, a, b, n);
}

static float
l1(const float *a, const float *b, size_t n)
{
	float		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += fabsf(a[i] - b[i]);
	return sum;
}

static float
l2_score(const float *a, const float *b, size_t n)
{
	return vx_settle_square(l2_squared(a, b, n), a, b, n);
}

static float
norm_squared(const float *a, size_t n)
{
	return inner_product(a, a, n);
}

static void
cosine_parts(const float *a, const float *b, size_t n, float *dot, float *norm2_a, float *norm2_b)
{
	*dot = inner_product(a, b, n);
	*norm2_a = norm_squared(a, n);
	*norm2_b = norm_squared(b, n);
}

const VxKernels vx_kernels_scalar = {
	.name = "scalar",
	.l2_squared = l2_squared,
	.inner_product = inner_product,
	.l1 = l1,
	.l2_score = l2_score,
	.norm_squared = norm_squared,
	.cosine_parts = cosine_parts,
};
