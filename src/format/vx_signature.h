/*
 * vx_signature.h: stub
 */
#ifndef VX_SIGNATURE_H
#define VX_SIGNATURE_H

#include <string.h>

#include "core/vx_port.h"

#define VX_MAX_FILTERS 8

typedef enum VxSignatureKind
{
	VX_SIGNATURE_NONE = 0,
	VX_SIGNATURE_ORDERED4 = 1,
	VX_SIGNATURE_ORDERED8 = 2,
	VX_SIGNATURE_HASH4 = 3,
	VX_SIGNATURE_HASH8 = 4,
	VX_SIGNATURE_BLOOM8 = 5
} VxSignatureKind;

static inline uint32_t
vx_signature_width(VxSignatureKind kind)
{
	return kind == VX_SIGNATURE_NONE || kind > VX_SIGNATURE_BLOOM8 ? 0 : kind == VX_SIGNATURE_ORDERED4 || kind == VX_SIGNATURE_HASH4 ? 4 : 8;
}

/* A column's value at a place that need not be aligned. */
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
vx_signature_store(void *place, uint32_t width, uint64_t value)
{
	uint32_t	four = (uint32_t) value;

	if (width == sizeof(value))
		memcpy(place, &value, sizeof(value));
	else
		memcpy(place, &four, sizeof(four));
}

#endif
