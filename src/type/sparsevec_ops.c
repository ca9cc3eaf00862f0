/*
 * sparsevec_ops.c: distances, comparison and the other functions of the type sparsevec.
 *
 * Sums are of floats, as pgvector's: they become infinite, or NaN, where squares leave the range of floats.
 */
#include "pg/vecidx_compat.h"

#include <math.h>

#include "utils/float.h"

#include "type/vecidx_operand.h"
#include "type/vecidx_sparse.h"

/* ---- distances ---- */

/* Opens the two arguments of a function, which must have the same number of dimensions. */
static void
open_pair(FunctionCallInfo fcinfo, VecidxSparseOpened *a, VecidxSparseOpened *b)
{
	vecidx_sparse_open(vecidx_operand(fcinfo, 0), a);
	vecidx_sparse_open(vecidx_operand(fcinfo, 1), b);
	vecidx_sparse_check_same_dim(a->dim, b->dim);
}

static void
close_two(VecidxSparseOpened *a, VecidxSparseOpened *b)
{
	vecidx_sparse_close(a);
	vecidx_sparse_close(b);
}

/* What a kernel says of two values. */
static float
apply_kernel(FunctionCallInfo fcinfo, float (*kernel) (const VxSparse *a, const VxSparse *b))
{
	VecidxSparseOpened a;
	VecidxSparseOpened b;
	float		result;

	open_pair(fcinfo, &a, &b);
	result = kernel(&a.x, &b.x);
	close_two(&a, &b);
	return result;
}

/* l2_distance(sparsevec, sparsevec) returns double precision; <-> */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_l2_distance);
Datum
vecidx_sparsevec_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt(apply_kernel(fcinfo, vx_sparse_l2_squared)));
}

/* sparsevec_l2_squared_distance(sparsevec, sparsevec) returns double precision */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_l2_squared_distance);
Datum
vecidx_sparsevec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(apply_kernel(fcinfo, vx_sparse_l2_squared));
}

/* inner_product(sparsevec, sparsevec) returns double precision */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_inner_product);
Datum
vecidx_sparsevec_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(apply_kernel(fcinfo, vx_sparse_inner_product));
}

/* sparsevec_negative_inner_product(sparsevec, sparsevec) returns double precision; <#> */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_negative_inner_product);
Datum
vecidx_sparsevec_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-apply_kernel(fcinfo, vx_sparse_inner_product));
}

/* l1_distance(sparsevec, sparsevec) returns double precision; <+> */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_l1_distance);
Datum
vecidx_sparsevec_l1_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(apply_kernel(fcinfo, vx_sparse_l1));
}

/* cosine_distance(sparsevec, sparsevec) returns double precision; <=>. NaN if either is a zero vector. */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_cosine_distance);
Datum
vecidx_sparsevec_cosine_distance(PG_FUNCTION_ARGS)
{
	VecidxSparseOpened a;
	VecidxSparseOpened b;
	double		similarity;

	open_pair(fcinfo, &a, &b);
	similarity = vx_sparse_cosine_similarity(&a.x, &b.x, vx_sparse_norm_squared(&a.x), vx_sparse_norm_squared(&b.x));
	close_two(&a, &b);
	PG_RETURN_FLOAT8(1 - similarity);
}

/* ---- one vector ---- */

/* The norm in double precision: squares of large floats must not overflow. */
static double
norm_of(const VxSparse *x)
{
	double		sum = 0;

	for (uint32 i = 0; i < x->nnz; i++)
		sum += (double) x->values[i] * (double) x->values[i];
	return sqrt(sum);
}

/* l2_norm(sparsevec) returns double precision */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_norm);
Datum
vecidx_sparsevec_norm(PG_FUNCTION_ARGS)
{
	VecidxSparseOpened v;
	double		result;

	vecidx_sparse_open(PG_GETARG_DATUM(0), &v);
	result = norm_of(&v.x);
	vecidx_sparse_close(&v);
	PG_RETURN_FLOAT8(result);
}

/* l2_normalize(sparsevec) returns sparsevec, without what becomes zero; a zero vector stays one */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_l2_normalize);
Datum
vecidx_sparsevec_l2_normalize(PG_FUNCTION_ARGS)
{
	VecidxSparseOpened v;
	double		length;
	int			nnz = 0;
	int			n = 0;
	VecidxSparsevec *result;

	vecidx_sparse_open(PG_GETARG_DATUM(0), &v);
	length = norm_of(&v.x);
	for (uint32 i = 0; i < v.x.nnz; i++)
		nnz += (float) (v.x.values[i] / length) != 0;
	result = vecidx_sparsevec_new(v.dim, nnz);
	for (uint32 i = 0; i < v.x.nnz; i++)
	{
		float		value = (float) (v.x.values[i] / length);

		if (isinf(value))
			float_overflow_error();
		if (value != 0)
		{
			result->indices[n] = v.x.indices[i];
			VECIDX_SPARSEVEC_VALUES(result)[n++] = value;
		}
	}
	vecidx_sparse_close(&v);
	PG_RETURN_POINTER(result);
}

/* ---- comparison: by elements, zeros among them, then by dimensions ---- */

static int
compare_opened(const VecidxSparseOpened *a, const VecidxSparseOpened *b)
{
	uint32		shared = Min(a->x.nnz, b->x.nnz);
	uint32		i = 0;

	while (i < shared && a->x.indices[i] == b->x.indices[i] && a->x.values[i] == b->x.values[i])
		i++;
	if (i < shared && a->x.indices[i] == b->x.indices[i])
		return a->x.values[i] < b->x.values[i] ? -1 : 1;

	/* where one has its next element the other has a zero, or nothing */
	if (i < a->x.nnz && (i < b->x.nnz ? a->x.indices[i] < b->x.indices[i] : a->x.indices[i] < b->dim))
		return a->x.values[i] < 0 ? -1 : 1;
	if (i < b->x.nnz && (i < a->x.nnz || b->x.indices[i] < a->dim))
		return b->x.values[i] < 0 ? 1 : -1;
	return a->dim < b->dim ? -1 : a->dim > b->dim;
}

static int
compare(FunctionCallInfo fcinfo)
{
	VecidxSparseOpened a;
	VecidxSparseOpened b;
	int			result;

	/* whoever sorts or searches an index may call this for longer than a query, for which operands are kept */
	vecidx_sparse_open(PG_GETARG_DATUM(0), &a);
	vecidx_sparse_open(PG_GETARG_DATUM(1), &b);
	result = compare_opened(&a, &b);
	close_two(&a, &b);
	return result;
}

/* Makes a comparison, name(sparsevec, sparsevec) returns boolean. */
#define COMPARISON(name, operator) \
	VECIDX_SQL_FUNCTION(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(compare(fcinfo) operator 0); \
	} \
	extern int vecidx_dummy_declaration

COMPARISON(vecidx_sparsevec_lt, <);
COMPARISON(vecidx_sparsevec_le, <=);
COMPARISON(vecidx_sparsevec_eq, ==);
COMPARISON(vecidx_sparsevec_ne, !=);
COMPARISON(vecidx_sparsevec_ge, >=);
COMPARISON(vecidx_sparsevec_gt, >);

/* sparsevec_cmp(sparsevec, sparsevec) returns integer: -1, 0 or 1 */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_cmp);
Datum
vecidx_sparsevec_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}
