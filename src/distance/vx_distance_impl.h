/*
 * vx_distance_impl.h: the kernel tables, for the files of this folder only.
 */
#ifndef VX_DISTANCE_IMPL_H
#define VX_DISTANCE_IMPL_H

#include "distance/vx_distance.h"

/*
 * An inner product as the kernels return it. Products may have either sign, so a partial sum that has overflowed says nothing about
 * the whole; other sums only grow, and are right when they are infinite.
 */
static inline float
vx_settle_inner_product(float sum, const float *a, const float *b, size_t n)
{
	return fabsf(sum) <= FLT_MAX ? sum : (float) vx_wide_inner_product(a, b, n);
}

/* A squared distance as the kernels score it. */
static inline float
vx_settle_square(float square, const float *a, const float *b, size_t n)
{
	return vx_square_is_plain(square) ? square : vx_wide_square_score(a, b, n, 0);
}

extern const VxKernels vx_kernels_scalar;

#if defined(__x86_64__)
extern const VxKernels vx_kernels_avx2;
extern const VxKernels vx_kernels_avx512;
#endif

#if defined(__aarch64__)
extern const VxKernels vx_kernels_neon;
#endif

#endif							/* VX_DISTANCE_IMPL_H */
