/*
 * vecidx_sparsevec.h: the in-memory and on-disk form of the SQL type sparsevec.
 *
 * The layout is pgvector's: a varlena header, the dimensions, how many of the elements are not zero, 32 unused bits (zero), then the
 * positions of those elements, which count from zero (in text from one) and ascend, then their values: float4, finite, not zero. STORAGE is
 * external.
 */
#ifndef VECIDX_SPARSEVEC_H
#define VECIDX_SPARSEVEC_H

#include "postgres.h"
#include "fmgr.h"

#define VECIDX_SPARSEVEC_MAX_DIM 1000000000
#define VECIDX_SPARSEVEC_MAX_NNZ 16000

typedef struct VecidxSparsevec
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int32		dim;			/* 1 .. VECIDX_SPARSEVEC_MAX_DIM */
	int32		nnz;			/* 0 .. VECIDX_SPARSEVEC_MAX_NNZ, and not more than dim */
	int32		unused;			/* zero */
	int32		indices[FLEXIBLE_ARRAY_MEMBER]; /* [nnz]; behind them float values [nnz] */
} VecidxSparsevec;

#define VECIDX_SPARSEVEC_SIZE(nnz) (offsetof(VecidxSparsevec, indices) + (sizeof(int32) + sizeof(float)) * (Size) (nnz))
#define VECIDX_SPARSEVEC_VALUES(v) ((float *) ((v)->indices + (v)->nnz))
#define DatumGetVecidxSparsevec(d) ((VecidxSparsevec *) PG_DETOAST_DATUM(d))

#endif							/* VECIDX_SPARSEVEC_H */
