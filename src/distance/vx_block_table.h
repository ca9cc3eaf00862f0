/*
 * vx_block_table.h: the tables of block kernels, for the files of this folder only.
 */
#ifndef VX_BLOCK_TABLE_H
#define VX_BLOCK_TABLE_H

#include "distance/vx_block.h"

extern const VxBlockKernels vx_block_kernels_scalar;

#if defined(__x86_64__)
extern const VxBlockKernels vx_block_kernels_avx2;
extern const VxBlockKernels vx_block_kernels_avx512;
#endif

#if defined(__aarch64__)
extern const VxBlockKernels vx_block_kernels_neon;
#endif

#endif							/* VX_BLOCK_TABLE_H */
