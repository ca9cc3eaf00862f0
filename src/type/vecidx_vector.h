/*
 * vecidx_vector.h: the in-memory and on-disk forms of the SQL types vector and halfvec.
 *
 * The layout is pgvector's: a varlena header, a 16-bit dimension count, 16 unused bits (zero), then the elements: float4, or IEEE
 * 754 half precision. All elements are finite. STORAGE is external: never compressed, so an inline value is read in place.
 */
#ifndef VECIDX_VECTOR_H
#define VECIDX_VECTOR_H

#include "postgres.h"
#include "fmgr.h"

#define VECIDX_VECTOR_MAX_DIM 16000 /* of both types */

typedef struct VecidxVector
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int16		dim;			/* number of elements, 1 .. VECIDX_VECTOR_MAX_DIM */
	int16		unused;			/* zero */
	float		x[FLEXIBLE_ARRAY_MEMBER];
} VecidxVector;

typedef struct VecidxHalfvec
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int16		dim;			/* as of VecidxVector */
	int16		unused;			/* zero */
	uint16		x[FLEXIBLE_ARRAY_MEMBER];
} VecidxHalfvec;

#define VECIDX_VECTOR_SIZE(dim) (offsetof(VecidxVector, x) + sizeof(float) * (Size) (dim))
#define VECIDX_HALFVEC_SIZE(dim) (offsetof(VecidxHalfvec, x) + sizeof(uint16) * (Size) (dim))
#define DatumGetVecidxVector(d) ((VecidxVector *) PG_DETOAST_DATUM(d))
#define DatumGetVecidxHalfvec(d) ((VecidxHalfvec *) PG_DETOAST_DATUM(d))

#endif							/* VECIDX_VECTOR_H */
