/*
 * vecidx_sparse.h: what the functions of the type sparsevec share: values opened, made, and their rules.
 *
 * As of vectors (vecidx_dense.h), opening copies only what is toasted or has a short varlena header, and closing gives such copies back.
 */
#ifndef VECIDX_SPARSE_H
#define VECIDX_SPARSE_H

#include "pg/vecidx_compat.h"

#include "distance/vx_sparse.h"
#include "type/vecidx_sparsevec.h"
#include "type/vecidx_value.h"

/* ---- errors: each raises if its rule is broken ---- */

/* Dimensions: from 1 to what a value may have. */
extern void vecidx_sparse_check_dim(int dim);

/* Dimensions of two operands: the same. */
extern void vecidx_sparse_check_same_dim(int a, int b);

/* How many elements are not zero: not more than a value may have, nor than it has dimensions. */
extern void vecidx_sparse_check_nnz(int nnz, int dim);

/* An element: not a NaN, not infinite. */
extern void vecidx_sparse_check_element(float value);

/* ---- values ---- */

typedef struct VecidxSparseOpened
{
	int			dim;
	VxSparse	x;
	void	   *detoasted;		/* NULL: the value was read in place */
} VecidxSparseOpened;

static inline void
vecidx_sparse_open(Datum datum, VecidxSparseOpened *opened)
{
	VecidxSparsevec *v = DatumGetVecidxSparsevec(datum);

	opened->dim = v->dim;
	opened->x.nnz = (uint32) v->nnz;
	opened->x.indices = v->indices;
	opened->x.values = VECIDX_SPARSEVEC_VALUES(v);
	opened->detoasted = (Pointer) v != DatumGetPointer(datum) ? v : NULL;
}

static inline void
vecidx_sparse_close(VecidxSparseOpened *opened)
{
	if (opened->detoasted != NULL)
		pfree(opened->detoasted);
}

/* Makes a value whose positions and elements are zeros, to be filled. Dimensions and nnz are checked. */
extern VecidxSparsevec *vecidx_sparsevec_new(int dim, int nnz);

#endif							/* VECIDX_SPARSE_H */
