/*
 * vx_signature.h: signatures: what an index keeps of the value of a filter column in a node, in 4 or 8 bytes.
 *
 * A signature stands for many values. Conditions are tested by signatures first (vx_filter.h), which may let a row through whose
 * value does not match, and never reject one whose value does; so all that a map of values to signatures must do is
 *
 *   equality     equal values have equal signatures
 *   order        a <= b implies signature(a) <= signature(b), for kinds that are ordered
 *   sets         a superset has all bits of a set, for Bloom filters
 *
 * In memory a signature is a uint64_t, whatever its kind; signatures of kinds of 4 bytes are below 2^32. Two numbers are none of data:
 * VX_SIGNATURE_ABSENT, where there is no node, and VX_SIGNATURE_NULL. Values that would get one of these have the least
 * signature of data instead, which keeps them in order.
 */
#ifndef VX_SIGNATURE_H
#define VX_SIGNATURE_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/vx_port.h"

#define VX_MAX_FILTERS 8

typedef enum VxSignatureKind
{
	VX_SIGNATURE_NONE = 0,		/* values are on disk: never renumber */
	VX_SIGNATURE_ORDERED4 = 1,
	VX_SIGNATURE_ORDERED8 = 2,
	VX_SIGNATURE_HASH4 = 3,		/* equality only */
	VX_SIGNATURE_HASH8 = 4,
	VX_SIGNATURE_BLOOM8 = 5		/* sets */
} VxSignatureKind;

#define VX_SIGNATURE_ABSENT 0	/* no node here: matches nothing */
#define VX_SIGNATURE_NULL 1
#define VX_SIGNATURE_LEAST 2	/* data are at least this */

/* Bytes of a signature; 0 for VX_SIGNATURE_NONE and for numbers that are no kind. */
static inline uint32_t
vx_signature_width(VxSignatureKind kind)
{
	switch (kind)
	{
		case VX_SIGNATURE_ORDERED4:
		case VX_SIGNATURE_HASH4:
			return 4;
		case VX_SIGNATURE_ORDERED8:
		case VX_SIGNATURE_HASH8:
		case VX_SIGNATURE_BLOOM8:
			return 8;
		case VX_SIGNATURE_NONE:
			break;
	}
	return 0;
}

/* The largest signature of so many bytes. */
static inline uint64_t
vx_signature_max(uint32_t width)
{
	return width == 4 ? UINT32_MAX : UINT64_MAX;
}

/* A signature of so many bytes at a place that need not be aligned. */
static inline uint64_t
vx_signature_load(const void *place, uint32_t width)
{
	uint64_t	eight;
	uint32_t	four;

	if (width == sizeof(eight))
	{
		memcpy(&eight, place, sizeof(eight));
		return eight;
	}
	memcpy(&four, place, sizeof(four));
	return four;
}

static inline void
vx_signature_store(void *place, uint32_t width, uint64_t signature)
{
	uint32_t	four = (uint32_t) signature;

	if (width == sizeof(signature))
		memcpy(place, &signature, sizeof(signature));
	else
		memcpy(place, &four, sizeof(four));
}

/* ---- values of ordered types: each of these maps is monotone ---- */

/* Small numbers are more common than large ones: the largest share a signature, the smallest do not. */
static inline uint64_t
vx_signature_uint32(uint32_t value)
{
	return VX_MIN((uint64_t) value + VX_SIGNATURE_LEAST, UINT32_MAX);
}

static inline uint64_t
vx_signature_int32(int32_t value)
{
	return VX_MAX((uint32_t) value ^ UINT32_C(0x80000000), (uint32_t) VX_SIGNATURE_LEAST);
}

static inline uint64_t
vx_signature_int64(int64_t value)
{
	return VX_MAX((uint64_t) value ^ UINT64_C(0x8000000000000000), (uint64_t) VX_SIGNATURE_LEAST);
}

/* An integer of any size among those of 4 bytes: what is beyond counts as the last of them. */
static inline uint64_t
vx_signature_clamped(int64_t value)
{
	return vx_signature_int32((int32_t) VX_MAX(VX_MIN(value, INT32_MAX), INT32_MIN));
}

/* Zeros of both signs are equal, NaNs are equal and greater than all else. */
static inline uint64_t
vx_signature_float(float value)
{
	uint32_t	bits;

	if (isnan(value))
		return UINT32_MAX;
	value += 0.0f;				/* -0 becomes 0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 31 ? ~bits : bits | UINT32_C(0x80000000);
}

static inline uint64_t
vx_signature_double(double value)
{
	uint64_t	bits;

	if (isnan(value))
		return UINT64_MAX;
	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(0x8000000000000000);
}

/* Of a double among those of floats. */
static inline uint64_t
vx_signature_rounded(double value)
{
	/* C leaves open what becomes of a number beyond all floats */
	if (value > (double) FLT_MAX)
		value = HUGE_VAL;
	else if (value < -(double) FLT_MAX)
		value = -HUGE_VAL;
	return vx_signature_float((float) value);
}

/* The first bytes of a string, in the order of memcmp() of strings that are padded with zeros. */
static inline uint64_t
vx_signature_bytes(const void *bytes, size_t n)
{
	uint64_t	prefix = 0;

	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix = prefix << 8 | (i < n ? ((const uint8_t *) bytes)[i] : 0);
	return VX_MAX(prefix, (uint64_t) VX_SIGNATURE_LEAST);
}

/* ---- hashes ---- */

static inline uint64_t
vx_signature_hash32(uint32_t hash)
{
	return VX_MAX(hash, (uint32_t) VX_SIGNATURE_LEAST);
}

static inline uint64_t
vx_signature_hash64(uint64_t hash)
{
	return VX_MAX(hash, (uint64_t) VX_SIGNATURE_LEAST);
}

/* ---- sets: the signature of a set is VX_BLOOM_SET and the bits of its elements ---- */

/* Set in each signature of a set, and in no other number. Tests include it, so that neither NULL nor an absent node matches. */
#define VX_BLOOM_SET UINT64_C(0x8000000000000000)

/*
 * Of 63 bits, how many an element has. The share of sets of n elements that have all bits of an element which they do not have is about
 * (1 - (62 / 63) ^ (bits * n)) ^ bits:
 *
 *   bits   n = 3    5      10     15     20
 *   3      .2 %     .9 %   5.5 %  13 %   23 %
 *   4      .1 %     .5 %   5.0 %  14 %   27 %
 *   5      .05 %    .4 %   5.1 %  17 %   33 %
 *
 * 4 is best at 10 elements, twice as good as 3 below, and loses little above.
 */
#define VX_BLOOM_BITS 4

/* The bits of an element, by the hash of it. */
uint64_t	vx_bloom_bits(uint64_t hash);

#endif							/* VX_SIGNATURE_H */
