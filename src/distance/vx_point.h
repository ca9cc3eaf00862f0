/*
 * vx_point.h: the forms that points have. Each begins with norm2, the squared norm; a copy of its bytes is the same point.
 *
 * Who knows what a form looks like: vx_space.c and the kernels that it calls; who makes points of values (src/type); who stores them
 * otherwise than they are (src/format); who makes codes of them (src/quant). All others ask the space (vx_space.h).
 */
#ifndef VX_POINT_H
#define VX_POINT_H

#include <stddef.h>
#include <stdint.h>

typedef enum VxForm
{
	VX_FORM_DENSE = 0,			/* VxPoint; values are on disk: never renumber */
	VX_FORM_BITS = 1,			/* VxBitsPoint */
	VX_FORM_SPARSE = 2			/* VxSparsePoint */
} VxForm;

/* Floats. Points of any form are handed on as pointers to this, too. */
typedef struct VxPoint
{
	float		norm2;			/* squared norm, as vx_kernels->norm_squared gives it */
	float		x[];			/* [dim] */
} VxPoint;

#define VX_POINT_BYTES(dim) (sizeof(float) * (1 + (size_t) (dim)))

/* Bits, in whole words of eight bytes; those behind the last one are zero. Which bit of a byte is which does not matter. */
typedef struct VxBitsPoint
{
	float		norm2;			/* how many are set */
	uint32_t	bits[];			/* [2 * VX_BITS_WORDS(dim)] */
} VxBitsPoint;

#define VX_BITS_WORDS(dim) (((size_t) (dim) + 63) / 64)
#define VX_BITS_POINT_BYTES(dim) (sizeof(float) + 8 * VX_BITS_WORDS(dim))

/* What is not zero in a vector of floats. Points of one space have different lengths. */
typedef struct VxSparsePoint
{
	float		norm2;
	uint32_t	count;
	uint32_t	parts[];		/* [count] indices from 0, ascending; then [count] values, floats that are not zero */
} VxSparsePoint;

#define VX_SPARSE_POINT_BYTES(count) (sizeof(float) + sizeof(uint32_t) + 2 * sizeof(uint32_t) * (size_t) (count))

static inline const float *
vx_sparse_values(const VxSparsePoint *point)
{
	return (const float *) (const void *) (point->parts + point->count);
}

#endif							/* VX_POINT_H */
