/*
 * vx_rotation.h: a fast random rotation, which spreads what distinguishes vectors evenly over all dimensions.
 *
 * Random signs and Walsh-Hadamard transforms in turn. Where the number of dimensions is no power of two, the transforms cover
 * the front and the back of the vector in turn, overlapping. The rotation keeps lengths and inner products (to
 * rounding), depends on the number of dimensions alone, and so needs no place on disk.
 * Source: Ailon, Chazelle 2009, "The fast Johnson-Lindenstrauss transform"; Gao et al. 2024, "RaBitQ", section 3.1.2, for
 * why quantisation wants it.
 */
#ifndef VX_ROTATION_H
#define VX_ROTATION_H

#include "core/vx_mem.h"

#define VX_ROTATION_TRANSFORMS 4

/* Rotated vectors have a multiple of this many dimensions, the added ones starting as zeros. */
#define VX_ROTATION_PAD 16

typedef struct VxRotation
{
	uint32_t	dim;
	uint32_t	padded;			/* dimensions after rotation */
	uint32_t	block;			/* largest power of two <= padded */
	float	   *signs;			/* [VX_ROTATION_TRANSFORMS][padded] 1 or -1 */
} VxRotation;

/* The rotation for vectors of dim, always the same one; its memory is of mem. */
void		vx_rotation_init(VxRotation *rotation, const VxMem *mem, uint32_t dim);

/* Rotates x [padded] in place; x[dim .. padded) must be zero. */
void		vx_rotation_apply(const VxRotation *rotation, float *x);

static inline uint32_t
vx_rotation_padded(uint32_t dim)
{
	return (dim + VX_ROTATION_PAD - 1) / VX_ROTATION_PAD * VX_ROTATION_PAD;
}

#endif							/* VX_ROTATION_H */
