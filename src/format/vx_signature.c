/*
 * vx_signature.c: the bits of an element in the signature of a set.
 */
#include "format/vx_signature.h"

#include "core/vx_rng.h"

uint64_t
vx_bloom_bits(uint64_t hash)
{
	VxRng		mixer = {hash};
	uint64_t	mixed = vx_rng_next(&mixer);	/* some hashes have 32 bits, or are good in their low bits only */
	uint64_t	bits = 0;

	for (int i = 0; i < VX_BLOOM_BITS; i++)
		bits |= UINT64_C(1) << ((mixed >> 16 * i & 0xFFFF) * 63 >> 16);
	return bits;
}
