/*
 * vector_ops.c: distances, arithmetic, comparison and the other functions of the types vector and halfvec.
 *
 * Each is written once, over floats (vecidx_dense.h). SQL names are those of vector; halfvec's are the same or have its name in
 * place of vector's.
 */
#include "pg/vecidx_compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/float.h"
#include "utils/varbit.h"

#include "distance/vx_distance.h"
#include "type/vecidx_dense.h"
#include "type/vecidx_operand.h"

/* ---- distances ---- */

static pg_attribute_always_inline void
open_two(FunctionCallInfo fcinfo, VecidxDense type, VecidxOpened *a, VecidxOpened *b)
{
	vecidx_open(type, PG_GETARG_DATUM(0), a);
	vecidx_open(type, PG_GETARG_DATUM(1), b);
}

/* Two values that must have the same number of dimensions. */
static pg_attribute_always_inline void
open_pair(FunctionCallInfo fcinfo, VecidxDense type, VecidxOpened *a, VecidxOpened *b)
{
	vecidx_open(type, vecidx_operand(fcinfo, 0), a);
	vecidx_open(type, vecidx_operand(fcinfo, 1), b);
	if (unlikely(a->dim != b->dim))
		vecidx_check_same_dim(type, a->dim, b->dim);
}

static inline void
close_two(VecidxOpened *a, VecidxOpened *b)
{
	vecidx_close(a);
	vecidx_close(b);
}

/* What a kernel says of two values. */
static pg_attribute_always_inline double
apply_kernel(FunctionCallInfo fcinfo, VecidxDense type, float (*kernel) (const float *a, const float *b, size_t n))
{
	VecidxOpened a;
	VecidxOpened b;
	double		result;

	open_pair(fcinfo, type, &a, &b);
	result = kernel(a.x, b.x, a.dim);
	close_two(&a, &b);
	return result;
}

/* vector_l2_squared_distance(vector, vector) returns double precision */
VECIDX_DENSE_STATEMENT(vecidx_l2_squared_distance, vecidx_halfvec_l2_squared_distance,
					   PG_RETURN_FLOAT8(apply_kernel(fcinfo, type, vx_kernels->l2_squared)));

/* inner_product(vector, vector) returns double precision */
VECIDX_DENSE_STATEMENT(vecidx_inner_product, vecidx_halfvec_inner_product,
					   PG_RETURN_FLOAT8(apply_kernel(fcinfo, type, vx_kernels->inner_product)));

/* vector_negative_inner_product(vector, vector) returns double precision; <#> */
VECIDX_DENSE_STATEMENT(vecidx_negative_inner_product, vecidx_halfvec_negative_inner_product,
					   PG_RETURN_FLOAT8(-apply_kernel(fcinfo, type, vx_kernels->inner_product)));

/* l1_distance(vector, vector) returns double precision; <+> */
VECIDX_DENSE_STATEMENT(vecidx_l1_distance, vecidx_halfvec_l1_distance,
					   PG_RETURN_FLOAT8(apply_kernel(fcinfo, type, vx_kernels->l1)));

/* l2_distance(vector, vector) returns double precision; <-> */
static pg_attribute_always_inline Datum
l2_distance(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened a;
	VecidxOpened b;
	double		result;

	open_pair(fcinfo, type, &a, &b);
	result = vx_l2_distance(a.x, b.x, a.dim, vx_kernels->l2_squared(a.x, b.x, a.dim));
	close_two(&a, &b);
	PG_RETURN_FLOAT8(result);
}

VECIDX_DENSE_FUNCTIONS(l2_distance, vecidx_l2_distance, vecidx_halfvec_l2_distance);

/* cosine_distance(vector, vector) returns double precision; <=>. NaN if either is a zero vector. */
static pg_attribute_always_inline Datum
cosine_distance(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened a;
	VecidxOpened b;
	float		dot;
	float		norm2_a;
	float		norm2_b;
	double		similarity;

	open_pair(fcinfo, type, &a, &b);
	vx_kernels->cosine_parts(a.x, b.x, a.dim, &dot, &norm2_a, &norm2_b);
	similarity = vx_cosine_similarity(a.x, b.x, a.dim, dot, norm2_a, norm2_b);
	close_two(&a, &b);
	PG_RETURN_FLOAT8(1 - similarity);
}

VECIDX_DENSE_FUNCTIONS(cosine_distance, vecidx_cosine_distance, vecidx_halfvec_cosine_distance);

/* vector_spherical_distance(vector, vector) returns double precision: the angle over pi, for unit vectors */
static pg_attribute_always_inline Datum
spherical_distance(FunctionCallInfo fcinfo, VecidxDense type)
{
	double		dot = apply_kernel(fcinfo, type, vx_kernels->inner_product);

	if (dot > 1)
		dot = 1;
	else if (dot < -1)
		dot = -1;
	PG_RETURN_FLOAT8(acos(dot) / M_PI);
}

VECIDX_DENSE_FUNCTIONS(spherical_distance, vecidx_spherical_distance, vecidx_halfvec_spherical_distance);

/* ---- one vector ---- */

/* vector_dims(vector) returns integer */
static pg_attribute_always_inline Datum
dims(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxVector *v = DatumGetVecidxVector(PG_GETARG_DATUM(0));
	int			dim = v->dim;

	(void) type;
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_INT32(dim);
}

VECIDX_DENSE_FUNCTIONS(dims, vecidx_vector_dims, vecidx_halfvec_dims);

/* The norm in double precision: squares of large floats must not overflow. */
static double
norm_of(const VecidxOpened *v)
{
	double		sum = 0;

	for (int i = 0; i < v->dim; i++)
		sum += (double) v->x[i] * (double) v->x[i];
	return sqrt(sum);
}

/* vector_norm(vector), l2_norm(vector) returns double precision; l2_norm(halfvec) */
static pg_attribute_always_inline Datum
norm(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened v;
	double		result;

	vecidx_open(type, PG_GETARG_DATUM(0), &v);
	result = norm_of(&v);
	vecidx_close(&v);
	PG_RETURN_FLOAT8(result);
}

VECIDX_DENSE_FUNCTIONS(norm, vecidx_vector_norm, vecidx_halfvec_norm);

/* l2_normalize(vector) returns vector; a zero vector stays one */
static pg_attribute_always_inline Datum
l2_normalize(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened v;
	VecidxResult result;
	double		length;

	vecidx_open(type, PG_GETARG_DATUM(0), &v);
	length = norm_of(&v);
	vecidx_begin_result(type, v.dim, &result);
	if (length > 0)
		for (int i = 0; i < v.dim; i++)
		{
			result.x[i] = (float) (v.x[i] / length);
			vecidx_check_overflow(type, result.x[i]);
		}
	vecidx_close(&v);
	return vecidx_end_result(type, &result);
}

VECIDX_DENSE_FUNCTIONS(l2_normalize, vecidx_l2_normalize, vecidx_halfvec_l2_normalize);

/* binary_quantize(vector) returns bit: 1 where an element is above zero */
static pg_attribute_always_inline Datum
binary_quantize(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened v;
	VarBit	   *result;
	bits8	   *bits;
	int			size;

	vecidx_open(type, PG_GETARG_DATUM(0), &v);
	size = VARBITTOTALLEN(v.dim);
	result = palloc0(size);
	bits = VARBITS(result);
	SET_VARSIZE(result, size);
	VARBITLEN(result) = v.dim;
	for (int i = 0; i < v.dim; i++)
		if (v.x[i] > 0)
			bits[i / 8] |= 1 << (7 - i % 8);
	vecidx_close(&v);
	PG_RETURN_VARBIT_P(result);
}

VECIDX_DENSE_FUNCTIONS(binary_quantize, vecidx_binary_quantize, vecidx_halfvec_binary_quantize);

/*
 * subvector(vector, start integer, count integer) returns vector. Positions count from 1; what lies outside the vector is
 * cut off, as substring does.
 */
static pg_attribute_always_inline Datum
subvector(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened v;
	VecidxResult result;
	int64		start = PG_GETARG_INT32(1);
	int64		end = start + PG_GETARG_INT32(2);	/* exclusive */

	vecidx_open(type, PG_GETARG_DATUM(0), &v);
	start = Max(start, 1);
	end = Min(end, (int64) v.dim + 1);
	vecidx_check_dim(type, PG_GETARG_INT32(2) < 1 || end <= start ? 0 : (int) (end - start));
	vecidx_begin_result(type, (int) (end - start), &result);
	memcpy(result.x, v.x + start - 1, (end - start) * sizeof(float));
	vecidx_close(&v);
	return vecidx_end_result(type, &result);
}

VECIDX_DENSE_FUNCTIONS(subvector, vecidx_subvector, vecidx_halfvec_subvector);

/* ---- arithmetic ---- */

/* A sum, a difference or a product, element by element. */
static pg_attribute_always_inline Datum
combine(FunctionCallInfo fcinfo, VecidxDense type, char operation)
{
	VecidxOpened a;
	VecidxOpened b;
	VecidxResult result;

	open_pair(fcinfo, type, &a, &b);
	vecidx_begin_result(type, a.dim, &result);
	for (int i = 0; i < a.dim; i++)
	{
		float		x = operation == '+' ? a.x[i] + b.x[i] : operation == '-' ? a.x[i] - b.x[i] : a.x[i] * b.x[i];

		vecidx_check_overflow(type, x);
		if (operation == '*' && fabsf(x) <= vecidx_dense_underflow(type) && a.x[i] != 0 && b.x[i] != 0)
			float_underflow_error();
		result.x[i] = x;
	}
	close_two(&a, &b);
	return vecidx_end_result(type, &result);
}

/* vector_add(vector, vector) returns vector; + */
VECIDX_DENSE_STATEMENT(vecidx_vector_add, vecidx_halfvec_add, return combine(fcinfo, type, '+'));

/* vector_sub(vector, vector) returns vector; - */
VECIDX_DENSE_STATEMENT(vecidx_vector_sub, vecidx_halfvec_sub, return combine(fcinfo, type, '-'));

/* vector_mul(vector, vector) returns vector: element by element; * */
VECIDX_DENSE_STATEMENT(vecidx_vector_mul, vecidx_halfvec_mul, return combine(fcinfo, type, '*'));

/* vector_concat(vector, vector) returns vector; || */
static pg_attribute_always_inline Datum
concat(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened a;
	VecidxOpened b;
	VecidxResult result;

	open_two(fcinfo, type, &a, &b);
	vecidx_check_dim(type, a.dim + b.dim);
	vecidx_begin_result(type, a.dim + b.dim, &result);
	memcpy(result.x, a.x, a.dim * sizeof(float));
	memcpy(result.x + a.dim, b.x, b.dim * sizeof(float));
	close_two(&a, &b);
	return vecidx_end_result(type, &result);
}

VECIDX_DENSE_FUNCTIONS(concat, vecidx_vector_concat, vecidx_halfvec_concat);

/* ---- comparison: by elements, then by length ---- */

static pg_attribute_always_inline int
compare(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened a;
	VecidxOpened b;
	int			i = 0;
	int			result;

	open_two(fcinfo, type, &a, &b);
	while (i < Min(a.dim, b.dim) && a.x[i] == b.x[i])
		i++;
	if (i < Min(a.dim, b.dim))
		result = a.x[i] < b.x[i] ? -1 : 1;
	else
		result = a.dim < b.dim ? -1 : a.dim > b.dim;
	close_two(&a, &b);
	return result;
}

/* vector_lt(vector, vector) returns boolean; < */
VECIDX_DENSE_STATEMENT(vecidx_vector_lt, vecidx_halfvec_lt, PG_RETURN_BOOL(compare(fcinfo, type) < 0));

/* vector_le(vector, vector) returns boolean; <= */
VECIDX_DENSE_STATEMENT(vecidx_vector_le, vecidx_halfvec_le, PG_RETURN_BOOL(compare(fcinfo, type) <= 0));

/* vector_eq(vector, vector) returns boolean; = */
VECIDX_DENSE_STATEMENT(vecidx_vector_eq, vecidx_halfvec_eq, PG_RETURN_BOOL(compare(fcinfo, type) == 0));

/* vector_ne(vector, vector) returns boolean; <> */
VECIDX_DENSE_STATEMENT(vecidx_vector_ne, vecidx_halfvec_ne, PG_RETURN_BOOL(compare(fcinfo, type) != 0));

/* vector_ge(vector, vector) returns boolean; >= */
VECIDX_DENSE_STATEMENT(vecidx_vector_ge, vecidx_halfvec_ge, PG_RETURN_BOOL(compare(fcinfo, type) >= 0));

/* vector_gt(vector, vector) returns boolean; > */
VECIDX_DENSE_STATEMENT(vecidx_vector_gt, vecidx_halfvec_gt, PG_RETURN_BOOL(compare(fcinfo, type) > 0));

/* vector_cmp(vector, vector) returns integer: -1, 0 or 1 */
VECIDX_DENSE_STATEMENT(vecidx_vector_cmp, vecidx_halfvec_cmp, PG_RETURN_INT32(compare(fcinfo, type)));
