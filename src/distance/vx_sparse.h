/*
 * vx_sparse.h: distances of sparse vectors, of which only the elements are kept that are not zero.
 *
 * Sums are of floats and go by ascending positions: what PostgreSQL users know sparsevec to return, to the last bit, where the machine
 * does not contract products and sums. They may be infinite or NaN.
 */
#ifndef VX_SPARSE_H
#define VX_SPARSE_H

#include "core/vx_port.h"

/* A view of a sparse vector; the arrays are somebody else's. */
typedef struct VxSparse
{
	uint32_t	nnz;
	const int32_t *indices;		/* [nnz], ascending, without duplicates */
	const float *values;		/* [nnz], not zero */
} VxSparse;

/* Sum of squares of the differences. */
float		vx_sparse_l2_squared(const VxSparse *a, const VxSparse *b);

/* Sum of products. */
float		vx_sparse_inner_product(const VxSparse *a, const VxSparse *b);

/* Sum of magnitudes of the differences. */
float		vx_sparse_l1(const VxSparse *a, const VxSparse *b);

/* Sum of squares. */
float		vx_sparse_norm_squared(const VxSparse *a);

/* Cosine similarity, -1 to 1, of vectors with these squared norms. NaN where one of them is zero, or sums are out of range. */
double		vx_sparse_cosine_similarity(const VxSparse *a, const VxSparse *b, float norm2_a, float norm2_b);

#endif							/* VX_SPARSE_H */
