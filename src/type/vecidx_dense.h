/*
 * vecidx_dense.h: what the types vector and halfvec have in common. Values of either are opened as floats; what a function does is
 * written once, over floats, and becomes two SQL functions (VECIDX_DENSE_FUNCTIONS).
 *
 * Opening a vector copies only what is toasted or has a short varlena header (which vectors of up to 29 dimensions may have), and
 * closing it gives such copies back at once, so that a scan over a large table runs in constant memory.
 */
#ifndef VECIDX_DENSE_H
#define VECIDX_DENSE_H

#include "pg/vecidx_compat.h"

#include <math.h>

#include "distance/vx_half.h"
#include "type/vecidx_value.h"
#include "type/vecidx_vector.h"

typedef enum VecidxDense
{
	VECIDX_VECTOR,
	VECIDX_HALFVEC
} VecidxDense;

/* Makes two SQL functions of one statement, which may use fcinfo and type: it returns a Datum. */
#define VECIDX_DENSE_STATEMENT(vector_function, halfvec_function, statement) \
	VECIDX_SQL_FUNCTION(vector_function); \
	VECIDX_SQL_FUNCTION(halfvec_function); \
	Datum \
	vector_function(PG_FUNCTION_ARGS) \
	{ \
		const VecidxDense type = VECIDX_VECTOR; \
		statement; \
	} \
	Datum \
	halfvec_function(PG_FUNCTION_ARGS) \
	{ \
		const VecidxDense type = VECIDX_HALFVEC; \
		statement; \
	} \
	extern int vecidx_dummy_declaration

/* The same of one body, Datum body(FunctionCallInfo, VecidxDense): it should be pg_attribute_always_inline. */
#define VECIDX_DENSE_FUNCTIONS(body, vector_function, halfvec_function) \
	VECIDX_DENSE_STATEMENT(vector_function, halfvec_function, return body(fcinfo, type))

static inline const char *
vecidx_dense_name(VecidxDense type)
{
	return type == VECIDX_HALFVEC ? "halfvec" : "vector";
}

/* The smallest magnitude that a type has no room for, and the largest that it rounds to zero. */
static inline float
vecidx_dense_overflow(VecidxDense type)
{
	return type == VECIDX_HALFVEC ? 65520 : (float) INFINITY;
}

static inline float
vecidx_dense_underflow(VecidxDense type)
{
	return type == VECIDX_HALFVEC ? 0x1p-25f : 0;
}

/* ---- errors: each raises if its rule is broken ---- */

/* Dimensions: from 1 to what a value may have. */
extern void vecidx_check_dim(VecidxDense type, int dim);

/* Dimensions of two operands: the same. */
extern void vecidx_check_same_dim(VecidxDense type, int a, int b);

/* Finite numbers: in the range of the type; the message has the value. */
extern void vecidx_check_range(VecidxDense type, float value);

/* In range, not a NaN, not infinite. */
extern void vecidx_check_element(VecidxDense type, float value);

/* A result that is in the range of the type. */
extern void vecidx_check_overflow(VecidxDense type, float value);

/* ---- values on their way in ---- */

/* Halves that are converted without an allocation. */
#define VECIDX_OPENED_ROOM 2048

typedef struct VecidxOpened
{
	int			dim;
	const float *x;				/* [dim] */
	void	   *detoasted;		/* NULL: the value was read in place */
	float	   *converted;		/* NULL: was not allocated */
	float		room[VECIDX_OPENED_ROOM];
} VecidxOpened;

static inline void
vecidx_open(VecidxDense type, Datum datum, VecidxOpened *opened)
{
	/* a halfvec is the same up to its elements */
	VecidxVector *v = VARATT_IS_EXTENDED(DatumGetPointer(datum)) ? DatumGetVecidxVector(datum) : (VecidxVector *) DatumGetPointer(datum);

	opened->dim = v->dim;
	opened->detoasted = (Pointer) v != DatumGetPointer(datum) ? v : NULL;
	opened->converted = NULL;
	if (type == VECIDX_HALFVEC)
	{
		float	   *x = opened->room;

		if (v->dim > VECIDX_OPENED_ROOM)
			x = opened->converted = palloc(v->dim * sizeof(float));
		vx_half_to_floats(((VecidxHalfvec *) v)->x, v->dim, x);
		opened->x = x;
	}
	else
		opened->x = v->x;
}

static inline void
vecidx_close(VecidxOpened *opened)
{
	if (opened->detoasted != NULL)
		pfree(opened->detoasted);
	if (opened->converted != NULL)
		pfree(opened->converted);
}

/* ---- values on their way out ---- */

typedef struct VecidxResult
{
	int			dim;
	float	   *x;				/* [dim] to be filled; zeros at first */
	VecidxVector *vector;		/* it, if it is one */
} VecidxResult;

/* Makes a vector of zeros, to be filled. The dimensions are checked. */
extern VecidxVector *vecidx_vector_new(int dim);

/* Makes a halfvec of floats that are in range. */
extern VecidxHalfvec *vecidx_halfvec_new(const float *x, int dim);

static inline void
vecidx_begin_result(VecidxDense type, int dim, VecidxResult *result)
{
	result->dim = dim;
	result->vector = type == VECIDX_VECTOR ? vecidx_vector_new(dim) : NULL;
	result->x = result->vector != NULL ? result->vector->x : palloc0(dim * sizeof(float));
}

static inline Datum
vecidx_end_result(VecidxDense type, VecidxResult *result)
{
	VecidxHalfvec *halfvec;

	if (type == VECIDX_VECTOR)
		return PointerGetDatum(result->vector);
	halfvec = vecidx_halfvec_new(result->x, result->dim);
	pfree(result->x);
	return PointerGetDatum(halfvec);
}

#endif							/* VECIDX_DENSE_H */
