/*
 * vx_pq_kernels.c: see vx_pq_kernels.h.
 *
 * Written once with the compilers' vector types, which become whatever registers the target has, and compiled for the base
 * processor and for AVX2. FMA is left out on purpose: it would round differently from the other table.
 */
#include "quant/vx_pq_kernels.h"

#include <math.h>

#define LANES 8
#define CENTROID_BLOCK 64		/* centroids whose sums stay in registers */
#define BLOCK_VECTORS (CENTROID_BLOCK / LANES)

typedef float Floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(LANES * sizeof(int32_t))));

/* the same where only float alignment is known */
typedef float FloatsInMemory __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* sum[]: squared distances of x to the CENTROID_BLOCK centroids that begin at c, or products with them. */
VX_INLINE void
score_block(const float *x, uint32_t dim, const float *c, bool is_product, Floats *sum)
{
	for (int v = 0; v < BLOCK_VECTORS; v++)
		sum[v] = (Floats) {0};
	for (uint32_t d = 0; d < dim; d++, c += VX_PQ_CENTROIDS)
		for (int v = 0; v < BLOCK_VECTORS; v++)
		{
			Floats		value = *(const FloatsInMemory *) (c + v * LANES);
			Floats		difference = x[d] - value;

			sum[v] += is_product ? x[d] * value : difference * difference;
		}
}

VX_INLINE uint32_t
nearest(const float *x, uint32_t dim, const float *centroids, float *distance)
{
	Floats		best = (Floats) {0} + INFINITY;
	Ints		best_at = {0};
	Ints		at = {0, 1, 2, 3, 4, 5, 6, 7};
	float		nearest_distance = INFINITY;
	int32_t		nearest_at = 0;

	for (uint32_t block = 0; block < VX_PQ_CENTROIDS; block += CENTROID_BLOCK)
	{
		Floats		sum[BLOCK_VECTORS];

		score_block(x, dim, centroids + block, false, sum);
		for (int v = 0; v < BLOCK_VECTORS; v++)
		{
			/* only what is nearer replaces: the lowest of equals stays, and NaN never enters */
			Ints		nearer = sum[v] < best;

			best = (Floats) (((Ints) sum[v] & nearer) | ((Ints) best & ~nearer));
			best_at = (at & nearer) | (best_at & ~nearer);
			at += LANES;
		}
	}
	for (int lane = 0; lane < LANES; lane++)
		if (best[lane] < nearest_distance || (best[lane] == nearest_distance && best_at[lane] < nearest_at))
		{
			nearest_distance = best[lane];
			nearest_at = best_at[lane];
		}
	*distance = nearest_distance;
	return (uint32_t) nearest_at;
}

VX_INLINE void
score(const float *x, uint32_t dim, const float *centroids, bool is_product, float *out)
{
	for (uint32_t block = 0; block < VX_PQ_CENTROIDS; block += CENTROID_BLOCK)
	{
		Floats		sum[BLOCK_VECTORS];

		score_block(x, dim, centroids + block, is_product, sum);
		for (int v = 0; v < BLOCK_VECTORS; v++)
			*(FloatsInMemory *) (out + block + v * LANES) = sum[v];
	}
}

/* One table: the functions above compiled for a target. */
#define DEFINE_TABLE(suffix, target) \
	static target uint32_t \
	nearest_##suffix(const float *x, uint32_t dim, const float *centroids, float *distance) \
	{ \
		return nearest(x, dim, centroids, distance); \
	} \
	static target void \
	l2_squared_##suffix(const float *x, uint32_t dim, const float *centroids, float *out) \
	{ \
		score(x, dim, centroids, false, out); \
	} \
	static target void \
	inner_product_##suffix(const float *x, uint32_t dim, const float *centroids, float *out) \
	{ \
		score(x, dim, centroids, true, out); \
	} \
	static const VxPqKernels table_##suffix = \
	{ \
		.name = #suffix,.nearest = nearest_##suffix,.l2_squared = l2_squared_##suffix, \
		.inner_product = inner_product_##suffix \
	}

DEFINE_TABLE(scalar,);
#if defined(__x86_64__)
DEFINE_TABLE(avx2, __attribute__((target("avx2"))));
#endif

const VxPqKernels *vx_pq_kernels = &table_scalar;

const VxPqKernels *
vx_pq_kernels_available(int i)
{
	if (i == 0)
		return &table_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (i == 1 && __builtin_cpu_supports("avx2"))
		return &table_avx2;
#endif
	return NULL;
}

VX_SELECT_KERNELS(VxPqKernels, vx_pq_kernels_select, vx_pq_kernels, vx_pq_kernels_available)
