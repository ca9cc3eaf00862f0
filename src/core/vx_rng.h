/*
 * vx_rng.h: a small seeded generator, passed explicitly so that equal seeds give equal graphs.
 *
 * Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
 */
#ifndef VX_RNG_H
#define VX_RNG_H

#include "core/vx_port.h"

typedef struct VxRng
{
	uint64_t	state;			/* any value is a good seed */
} VxRng;

static inline uint64_t
vx_rng_next(VxRng *rng)
{
	uint64_t	z = (rng->state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* Uniform in [0, bound), bound > 0; the bias of the multiply-shift form is below 2^-32 for 32-bit bounds. */
static inline uint32_t
vx_rng_below(VxRng *rng, uint32_t bound)
{
	return (uint32_t) (((vx_rng_next(rng) >> 32) * (uint64_t) bound) >> 32);
}

/*
 * Uniform in part i of [0, n), which is cut into parts of equal size; none is empty where n >= parts. One of each part is a sample from
 * all over, whatever order the n are in.
 */
static inline uint32_t
vx_rng_in_part(VxRng *rng, uint32_t n, uint32_t i, uint32_t parts)
{
	uint32_t	low = (uint32_t) ((uint64_t) n * i / parts);
	uint32_t	high = (uint32_t) ((uint64_t) n * (i + 1) / parts);

	return low + vx_rng_below(rng, high - low);
}

/* Uniform in [0, 1). */
static inline double
vx_rng_unit(VxRng *rng)
{
	return (double) (vx_rng_next(rng) >> 11) * 0x1.0p-53;
}

#endif							/* VX_RNG_H */
