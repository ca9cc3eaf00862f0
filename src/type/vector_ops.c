/*
 * vector_ops.c: distances, arithmetic, comparison and the other functions of the type vector.
 *
 * Arguments are read in place: DatumGetVecidxVector copies only what is toasted or has a short varlena header (which
 * vectors of up to 29 dimensions may have), and PG_FREE_IF_COPY gives such copies back at once, so that a scan over a
 * large table runs in constant memory.
 */
#include "pg/vecidx_compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/varbit.h"

#include "distance/vx_distance.h"
#include "type/vecidx_vector.h"

VECIDX_SQL_FUNCTION(vecidx_l2_distance);
VECIDX_SQL_FUNCTION(vecidx_l2_squared_distance);
VECIDX_SQL_FUNCTION(vecidx_inner_product);
VECIDX_SQL_FUNCTION(vecidx_negative_inner_product);
VECIDX_SQL_FUNCTION(vecidx_cosine_distance);
VECIDX_SQL_FUNCTION(vecidx_spherical_distance);
VECIDX_SQL_FUNCTION(vecidx_l1_distance);
VECIDX_SQL_FUNCTION(vecidx_vector_dims);
VECIDX_SQL_FUNCTION(vecidx_vector_norm);
VECIDX_SQL_FUNCTION(vecidx_l2_normalize);
VECIDX_SQL_FUNCTION(vecidx_vector_add);
VECIDX_SQL_FUNCTION(vecidx_vector_sub);
VECIDX_SQL_FUNCTION(vecidx_vector_mul);
VECIDX_SQL_FUNCTION(vecidx_vector_concat);
VECIDX_SQL_FUNCTION(vecidx_binary_quantize);
VECIDX_SQL_FUNCTION(vecidx_subvector);
VECIDX_SQL_FUNCTION(vecidx_vector_lt);
VECIDX_SQL_FUNCTION(vecidx_vector_le);
VECIDX_SQL_FUNCTION(vecidx_vector_eq);
VECIDX_SQL_FUNCTION(vecidx_vector_ne);
VECIDX_SQL_FUNCTION(vecidx_vector_ge);
VECIDX_SQL_FUNCTION(vecidx_vector_gt);
VECIDX_SQL_FUNCTION(vecidx_vector_cmp);

void
vecidx_check_same_dim(const VecidxVector *a, const VecidxVector *b)
{
	if (a->dim != b->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %d and %d", a->dim, b->dim)));
}

void
vecidx_check_overflow(float value)
{
	if (isinf(value))
		float_overflow_error();
}

/* ---- distances ---- */

#define GET_PAIR(a, b) \
	VecidxVector *a = PG_GETARG_VECIDX_VECTOR(0); \
	VecidxVector *b = PG_GETARG_VECIDX_VECTOR(1); \
	vecidx_check_same_dim(a, b)

#define FREE_PAIR(a, b) \
	PG_FREE_IF_COPY(a, 0); \
	PG_FREE_IF_COPY(b, 1)

/* vector_l2_squared_distance(vector, vector) returns double precision */
Datum
vecidx_l2_squared_distance(PG_FUNCTION_ARGS)
{
	double		result;

	GET_PAIR(a, b);
	result = vx_kernels->l2_squared(a->x, b->x, a->dim);
	FREE_PAIR(a, b);
	PG_RETURN_FLOAT8(result);
}

/* l2_distance(vector, vector) returns double precision; <-> */
Datum
vecidx_l2_distance(PG_FUNCTION_ARGS)
{
	double		result;

	GET_PAIR(a, b);
	result = sqrt((double) vx_kernels->l2_squared(a->x, b->x, a->dim));
	FREE_PAIR(a, b);
	PG_RETURN_FLOAT8(result);
}

/* inner_product(vector, vector) returns double precision */
Datum
vecidx_inner_product(PG_FUNCTION_ARGS)
{
	double		result;

	GET_PAIR(a, b);
	result = vx_kernels->inner_product(a->x, b->x, a->dim);
	FREE_PAIR(a, b);
	PG_RETURN_FLOAT8(result);
}

/* vector_negative_inner_product(vector, vector) returns double precision; <#> */
Datum
vecidx_negative_inner_product(PG_FUNCTION_ARGS)
{
	double		result;

	GET_PAIR(a, b);
	result = vx_kernels->inner_product(a->x, b->x, a->dim);
	FREE_PAIR(a, b);
	PG_RETURN_FLOAT8(-result);
}

/* cosine_distance(vector, vector) returns double precision; <=>. NaN if either is a zero vector. */
Datum
vecidx_cosine_distance(PG_FUNCTION_ARGS)
{
	float		dot;
	float		norm2_a;
	float		norm2_b;
	double		similarity;

	GET_PAIR(a, b);
	vx_kernels->cosine_parts(a->x, b->x, a->dim, &dot, &norm2_a, &norm2_b);
	FREE_PAIR(a, b);
	similarity = (double) dot / sqrt((double) norm2_a * (double) norm2_b);
	/* rounding may leave [-1, 1]; NaN passes both tests */
	if (similarity > 1)
		similarity = 1;
	else if (similarity < -1)
		similarity = -1;
	PG_RETURN_FLOAT8(1 - similarity);
}

/* vector_spherical_distance(vector, vector) returns double precision: the angle over pi, for unit vectors */
Datum
vecidx_spherical_distance(PG_FUNCTION_ARGS)
{
	double		dot;

	GET_PAIR(a, b);
	dot = vx_kernels->inner_product(a->x, b->x, a->dim);
	FREE_PAIR(a, b);
	if (dot > 1)
		dot = 1;
	else if (dot < -1)
		dot = -1;
	PG_RETURN_FLOAT8(acos(dot) / M_PI);
}

/* l1_distance(vector, vector) returns double precision; <+> */
Datum
vecidx_l1_distance(PG_FUNCTION_ARGS)
{
	double		result;

	GET_PAIR(a, b);
	result = vx_kernels->l1(a->x, b->x, a->dim);
	FREE_PAIR(a, b);
	PG_RETURN_FLOAT8(result);
}

/* ---- one vector ---- */

/* vector_dims(vector) returns integer */
Datum
vecidx_vector_dims(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	int			dim = v->dim;

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_INT32(dim);
}

/* The norm in double precision: squares of large floats must not overflow. */
static double
norm(const VecidxVector *v)
{
	double		sum = 0;

	for (int i = 0; i < v->dim; i++)
		sum += (double) v->x[i] * (double) v->x[i];
	return sqrt(sum);
}

/* vector_norm(vector) returns double precision */
Datum
vecidx_vector_norm(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	double		result = norm(v);

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_FLOAT8(result);
}

/* l2_normalize(vector) returns vector; a zero vector stays one */
Datum
vecidx_l2_normalize(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	VecidxVector *result = vecidx_vector_new(v->dim);
	double		length = norm(v);

	if (length > 0)
		for (int i = 0; i < v->dim; i++)
		{
			result->x[i] = (float) (v->x[i] / length);
			vecidx_check_overflow(result->x[i]);
		}
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* binary_quantize(vector) returns bit: 1 where an element is above zero */
Datum
vecidx_binary_quantize(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	int			size = VARBITTOTALLEN(v->dim);
	VarBit	   *result = palloc0(size);
	bits8	   *bits = VARBITS(result);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = v->dim;
	for (int i = 0; i < v->dim; i++)
		if (v->x[i] > 0)
			bits[i / 8] |= 1 << (7 - i % 8);
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_VARBIT_P(result);
}

/*
 * subvector(vector, start integer, count integer) returns vector. Positions count from 1; what lies outside the vector is
 * cut off, as substring does.
 */
Datum
vecidx_subvector(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	int64		start = PG_GETARG_INT32(1);
	int64		end = start + PG_GETARG_INT32(2);	/* exclusive */
	VecidxVector *result;

	start = Max(start, 1);
	end = Min(end, (int64) v->dim + 1);
	vecidx_check_dim(PG_GETARG_INT32(2) < 1 || end <= start ? 0 : (int) (end - start));
	result = vecidx_vector_new((int) (end - start));
	memcpy(result->x, v->x + start - 1, (end - start) * sizeof(float));
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* ---- arithmetic ---- */

/* vector_add(vector, vector) returns vector; + */
Datum
vecidx_vector_add(PG_FUNCTION_ARGS)
{
	VecidxVector *result;

	GET_PAIR(a, b);
	result = vecidx_vector_new(a->dim);
	for (int i = 0; i < a->dim; i++)
	{
		result->x[i] = a->x[i] + b->x[i];
		vecidx_check_overflow(result->x[i]);
	}
	FREE_PAIR(a, b);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* vector_sub(vector, vector) returns vector; - */
Datum
vecidx_vector_sub(PG_FUNCTION_ARGS)
{
	VecidxVector *result;

	GET_PAIR(a, b);
	result = vecidx_vector_new(a->dim);
	for (int i = 0; i < a->dim; i++)
	{
		result->x[i] = a->x[i] - b->x[i];
		vecidx_check_overflow(result->x[i]);
	}
	FREE_PAIR(a, b);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* vector_mul(vector, vector) returns vector: element by element; * */
Datum
vecidx_vector_mul(PG_FUNCTION_ARGS)
{
	VecidxVector *result;

	GET_PAIR(a, b);
	result = vecidx_vector_new(a->dim);
	for (int i = 0; i < a->dim; i++)
	{
		result->x[i] = a->x[i] * b->x[i];
		vecidx_check_overflow(result->x[i]);
		if (result->x[i] == 0 && a->x[i] != 0 && b->x[i] != 0)
			float_underflow_error();
	}
	FREE_PAIR(a, b);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* vector_concat(vector, vector) returns vector; || */
Datum
vecidx_vector_concat(PG_FUNCTION_ARGS)
{
	VecidxVector *a = PG_GETARG_VECIDX_VECTOR(0);
	VecidxVector *b = PG_GETARG_VECIDX_VECTOR(1);
	int			dim = a->dim + b->dim;
	VecidxVector *result;

	vecidx_check_dim(dim);
	result = vecidx_vector_new(dim);
	memcpy(result->x, a->x, a->dim * sizeof(float));
	memcpy(result->x + a->dim, b->x, b->dim * sizeof(float));
	FREE_PAIR(a, b);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* ---- comparison: by elements, then by length ---- */

static int
compare(const VecidxVector *a, const VecidxVector *b)
{
	int			common = Min(a->dim, b->dim);

	for (int i = 0; i < common; i++)
	{
		if (a->x[i] < b->x[i])
			return -1;
		if (a->x[i] > b->x[i])
			return 1;
	}
	return a->dim < b->dim ? -1 : a->dim > b->dim;
}

static int
compare_args(FunctionCallInfo fcinfo)
{
	VecidxVector *a = PG_GETARG_VECIDX_VECTOR(0);
	VecidxVector *b = PG_GETARG_VECIDX_VECTOR(1);
	int			result = compare(a, b);

	FREE_PAIR(a, b);
	return result;
}

/* vector_lt(vector, vector) returns boolean; < */
Datum
vecidx_vector_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) < 0);
}

/* vector_le(vector, vector) returns boolean; <= */
Datum
vecidx_vector_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) <= 0);
}

/* vector_eq(vector, vector) returns boolean; = */
Datum
vecidx_vector_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) == 0);
}

/* vector_ne(vector, vector) returns boolean; <> */
Datum
vecidx_vector_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) != 0);
}

/* vector_ge(vector, vector) returns boolean; >= */
Datum
vecidx_vector_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) >= 0);
}

/* vector_gt(vector, vector) returns boolean; > */
Datum
vecidx_vector_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_args(fcinfo) > 0);
}

/* vector_cmp(vector, vector) returns integer: -1, 0 or 1 */
Datum
vecidx_vector_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_args(fcinfo));
}
