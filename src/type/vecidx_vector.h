/*
 * vecidx_vector.h: the in-memory and on-disk form of the SQL type vector, and what other C code may call on it.
 *
 * The layout is pgvector's: a varlena header, a 16-bit dimension count, 16 unused bits (zero), then float4 elements.
 * All elements are finite. STORAGE is external: never compressed, so an inline value is read in place.
 */
#ifndef VECIDX_VECTOR_H
#define VECIDX_VECTOR_H

#include "postgres.h"
#include "fmgr.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#define VECIDX_VECTOR_MAX_DIM 16000

typedef struct VecidxVector
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int16		dim;			/* number of elements, 1 .. VECIDX_VECTOR_MAX_DIM */
	int16		unused;			/* zero */
	float		x[FLEXIBLE_ARRAY_MEMBER];
} VecidxVector;

#define VECIDX_VECTOR_SIZE(dim) (offsetof(VecidxVector, x) + sizeof(float) * (Size) (dim))
#define DatumGetVecidxVector(d) ((VecidxVector *) PG_DETOAST_DATUM(d))
#define PG_GETARG_VECIDX_VECTOR(n) DatumGetVecidxVector(PG_GETARG_DATUM(n))
#define PG_RETURN_VECIDX_VECTOR(v) PG_RETURN_POINTER(v)

/* Allocates a vector of dim zeros in the current memory context. */
extern VecidxVector *vecidx_vector_new(int dim);

/* Errors shared by the files of this folder. Each raises if its rule is broken. */
extern void vecidx_check_dim(int dim);
extern void vecidx_check_typmod_dim(int32 typmod, int dim);
extern void vecidx_check_element(float value);
extern void vecidx_check_same_dim(const VecidxVector *a, const VecidxVector *b);
extern void vecidx_check_overflow(float value);

#endif							/* VECIDX_VECTOR_H */
