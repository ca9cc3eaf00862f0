/*
 * vx_bits_impl.h: the tables of kernels that count bits, for the files of this folder only.
 */
#ifndef VX_BITS_IMPL_H
#define VX_BITS_IMPL_H

#include <string.h>

#include "distance/vx_bits.h"

extern const VxBitKernels vx_bit_kernels_scalar;

#if defined(__x86_64__)
extern const VxBitKernels vx_bit_kernels_avx2;
extern const VxBitKernels vx_bit_kernels_avx512;
#endif

#if defined(__aarch64__)
extern const VxBitKernels vx_bit_kernels_neon;
#endif

/* Word i of a string. */
static inline uint64_t
vx_bits_word(const void *a, size_t i)
{
	uint64_t	word;

	memcpy(&word, (const char *) a + i * sizeof(word), sizeof(word));
	return word;
}

#endif							/* VX_BITS_IMPL_H */
