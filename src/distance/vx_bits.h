/*
 * vx_bits.h: kernels that count bits, chosen once for the processor.
 *
 * Strings are n words of eight bytes, at any address; nothing outside them is read. Counts are exact, so every table gives the same.
 */
#ifndef VX_BITS_H
#define VX_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "core/vx_port.h"

typedef struct VxBitKernels
{
	const char *name;			/* "scalar", "avx2", "avx512", "neon" */
	uint32_t	(*differing) (const void *a, const void *b, size_t n);	/* bits that are set in one string only */
	uint32_t	(*set) (const void *a, size_t n);	/* bits that are set */
} VxBitKernels;

/* The table in use. Points to the scalar kernels until vx_bit_kernels_select() has run, so it is never NULL. */
extern const VxBitKernels *vx_bit_kernels;

/* Chooses the fastest table that this processor runs; called once when the library is loaded. Returns the choice. */
const VxBitKernels *vx_bit_kernels_select(void);

/* For tests and benchmarks: the i-th table that this processor can run (0 is scalar), or NULL past the last. */
const VxBitKernels *vx_bit_kernels_available(int i);

/*
 * Of strings of which so many bits differ, and so many are set in either: 1 - both / either. As pgvector has it, that is 1 if none is set
 * in both, and so between two without any. Counts that cannot be, from bytes that are no string, give a number all the same.
 */
static inline double
vx_jaccard_distance(uint64_t differing, uint64_t set_a, uint64_t set_b)
{
	uint64_t	sum = set_a + set_b;

	/* sum - differing is set in both, sum + differing in either, times two */
	return sum <= differing ? 1 : 1 - (double) (sum - differing) / (double) (sum + differing);
}

/* Sorensen's distance: in the order of that, but that it is 0 between two without any bit set. */
static inline double
vx_sorensen_distance(uint64_t differing, uint64_t set_a, uint64_t set_b)
{
	return differing == 0 ? 0 : (double) differing / (double) VX_MAX(set_a + set_b, differing);
}

#endif							/* VX_BITS_H */
