/*
 * vx_distance_impl.h: the kernel tables, for the files of this folder only.
 */
#ifndef VX_DISTANCE_IMPL_H
#define VX_DISTANCE_IMPL_H

#include "distance/vx_distance.h"

extern const VxKernels vx_kernels_scalar;

#if defined(__x86_64__)
extern const VxKernels vx_kernels_avx2;
extern const VxKernels vx_kernels_avx512;
#endif

#if defined(__aarch64__)
extern const VxKernels vx_kernels_neon;
#endif

#endif							/* VX_DISTANCE_IMPL_H */
