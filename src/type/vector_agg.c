/*
 * vector_agg.c: avg(vector) and avg(halfvec). Their state is a float8[]: the count, then the sum of each element; {0}
 * before the first row.
 *
 * The state functions are callable from SQL with any array, so they trust nothing about it.
 */
#include "pg/vecidx_compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/float.h"

#include "type/vecidx_dense.h"

VECIDX_SQL_FUNCTION(vecidx_vector_combine);

/* The values of a state: n = 1 + dimensions of them (dimensions 0 in an empty state). */
static float8 *
state_values(ArrayType *state, int *n, const char *caller)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] < 1 || ARR_HASNULL(state) || ARR_ELEMTYPE(state) != FLOAT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: expected state array", caller)));
	*n = ARR_DIMS(state)[0];
	if (*n > 1)
		vecidx_check_dim(VECIDX_VECTOR, *n - 1);
	return (float8 *) ARR_DATA_PTR(state);
}

static ArrayType *
new_state(int n, float8 **values)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(float8);
	ArrayType  *state = palloc0(size);

	SET_VARSIZE(state, size);
	state->ndim = 1;
	state->elemtype = FLOAT8OID;
	ARR_DIMS(state)[0] = n;
	ARR_LBOUND(state)[0] = 1;
	*values = (float8 *) ARR_DATA_PTR(state);
	return state;
}

static void
expect_dim(int expected, int dim)
{
	if (expected != dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", expected, dim)));
}

/* vector_accum(double precision[], vector) returns double precision[]; halfvec_accum */
static pg_attribute_always_inline Datum
accum(FunctionCallInfo fcinfo, VecidxDense type)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	int			n;
	float8	   *values = state_values(state, &n, type == VECIDX_VECTOR ? "vector_accum" : "halfvec_accum");
	float8	   *sums;
	ArrayType  *result;
	VecidxOpened v;

	vecidx_open(type, PG_GETARG_DATUM(1), &v);
	if (n > 1)
		expect_dim(n - 1, v.dim);

	/* an aggregate's own state is updated in place */
	if (n > 1 && AggCheckCallContext(fcinfo, NULL))
	{
		result = state;
		sums = values;
	}
	else
	{
		result = new_state(v.dim + 1, &sums);
		memcpy(sums, values, n * sizeof(float8));
	}
	sums[0] += 1;
	for (int i = 0; i < v.dim; i++)
	{
		sums[i + 1] += v.x[i];
		if (unlikely(isinf(sums[i + 1])))
			float_overflow_error();
	}
	vecidx_close(&v);
	PG_RETURN_ARRAYTYPE_P(result);
}

VECIDX_DENSE_FUNCTIONS(accum, vecidx_vector_accum, vecidx_halfvec_accum);

/* vector_combine(double precision[], double precision[]) returns double precision[] */
Datum
vecidx_vector_combine(PG_FUNCTION_ARGS)
{
	int			n_a;
	int			n_b;
	float8	   *a = state_values(PG_GETARG_ARRAYTYPE_P(0), &n_a, "vector_combine");
	float8	   *b = state_values(PG_GETARG_ARRAYTYPE_P(1), &n_b, "vector_combine");
	float8	   *sums;
	ArrayType  *result;

	if (n_a > 1 && n_b > 1)
		expect_dim(n_a - 1, n_b - 1);
	result = new_state(Max(n_a, n_b), &sums);
	for (int i = 0; i < Max(n_a, n_b); i++)
	{
		sums[i] = (i < n_a ? a[i] : 0) + (i < n_b ? b[i] : 0);
		if (isinf(sums[i]))
			float_overflow_error();
	}
	PG_RETURN_ARRAYTYPE_P(result);
}

/* vector_avg(double precision[]) returns vector; NULL without rows; halfvec_avg */
static pg_attribute_always_inline Datum
avg(FunctionCallInfo fcinfo, VecidxDense type)
{
	int			n;
	float8	   *sums = state_values(PG_GETARG_ARRAYTYPE_P(0), &n, type == VECIDX_VECTOR ? "vector_avg" : "halfvec_avg");
	VecidxResult result;

	if (sums[0] == 0)
		PG_RETURN_NULL();
	vecidx_check_dim(type, n - 1);
	vecidx_begin_result(type, n - 1, &result);
	for (int i = 0; i < n - 1; i++)
	{
		result.x[i] = (float) (sums[i + 1] / sums[0]);
		vecidx_check_element(type, result.x[i]);
	}
	return vecidx_end_result(type, &result);
}

VECIDX_DENSE_FUNCTIONS(avg, vecidx_vector_avg, vecidx_halfvec_avg);
