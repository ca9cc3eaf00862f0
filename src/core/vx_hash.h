/*
 * vx_hash.h: a fast hash of the bytes of a vector, to find equal ones by.
 *
 * Four independent lanes of multiplications keep the multiplier busy; what the lanes end with goes through the finaliser of
 * vx_rng.h. The values are the same on all machines of one byte order, and are not meant to be stored.
 */
#ifndef VX_HASH_H
#define VX_HASH_H

#include <string.h>

#include "core/vx_rng.h"

#define VX_HASH_LANES 4

/*
 * One step. A product carries nothing downwards, so a difference in the highest bits alone would stay there and meet its like in
 * the next step: the shifts bring high bits down, by distances at which no two bits of the sign, the exponent or the first digits
 * of an element are.
 */
static inline uint64_t
vx_hash_mix(uint64_t lane, uint64_t word)
{
	lane ^= word;
	lane = (lane ^ (lane >> 23)) * UINT64_C(0x9E3779B97F4A7C15);
	return lane ^ (lane >> 29);
}

/* Of n floats, bit by bit: zeros of both signs differ. */
static inline uint64_t
vx_hash_floats(const float *x, size_t n)
{
	uint64_t	lanes[VX_HASH_LANES] = {1, 2, 3, 4};
	VxRng		mixer = {n};
	uint64_t	word;
	size_t		i = 0;

	for (; i + 2 * VX_HASH_LANES <= n; i += 2 * VX_HASH_LANES)
		for (size_t lane = 0; lane < VX_HASH_LANES; lane++)
		{
			memcpy(&word, x + i + 2 * lane, sizeof(word));
			lanes[lane] = vx_hash_mix(lanes[lane], word);
		}
	for (; i < n; i += 2)
	{
		word = 0;
		memcpy(&word, x + i, (n - i > 1 ? 2 : 1) * sizeof(float));
		lanes[i / 2 % VX_HASH_LANES] = vx_hash_mix(lanes[i / 2 % VX_HASH_LANES], word);
	}
	for (size_t lane = 0; lane < VX_HASH_LANES; lane++)
		mixer.state = vx_rng_next(&mixer) ^ lanes[lane];
	return vx_rng_next(&mixer);
}

#endif							/* VX_HASH_H */
