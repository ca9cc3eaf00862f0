/*
 * vector_agg.c: avg(vector) and avg(halfvec). Their state is a float8[]: the count of rows, then the sum of each element; {0}
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

static void
broken_state(VecidxDense type, const char *function, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s_%s: expected state array", vecidx_dense_name(type), function),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

/* The values of a state, *dim + 1 of them (dim 0 in one without rows). function: what they are for, without the name of the type. */
static float8 *
state_values(ArrayType *state, VecidxDense type, const char *function, int *dim)
{
	float8	   *values = (float8 *) ARR_DATA_PTR(state);

	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] < 1 || ARR_HASNULL(state) || ARR_ELEMTYPE(state) != FLOAT8OID)
		broken_state(type, function, NULL);
	if (!(values[0] >= 0) || values[0] != floor(values[0]) || isinf(values[0]))
		broken_state(type, function, "The first element must be a number of rows.");
	*dim = ARR_DIMS(state)[0] - 1;
	if (values[0] > 0 || *dim > 0)
		vecidx_check_dim(type, *dim);
	return values;
}

/* A sum of finite numbers. */
static inline void
check_sum(float8 sum, VecidxDense type, const char *function)
{
	if (likely(isfinite(sum)))
		return;
	if (isinf(sum))
		float_overflow_error();
	broken_state(type, function, "Sums must not be NaN.");
}

/* A state for so many dimensions, all zero. */
static ArrayType *
new_state(int dim, float8 **values)
{
	int			n = dim + 1;
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

/* vector_accum(double precision[], vector) returns double precision[]; halfvec_accum */
static pg_attribute_always_inline Datum
accum(FunctionCallInfo fcinfo, VecidxDense type)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	int			dim;
	float8	   *values = state_values(state, type, "accum", &dim);
	float8	   *sums;
	ArrayType  *result;
	VecidxOpened v;

	vecidx_open(type, PG_GETARG_DATUM(1), &v);
	if (dim > 0)
		vecidx_check_typmod_dim(dim, v.dim);

	/* an aggregate's own state is updated in place */
	if (dim > 0 && AggCheckCallContext(fcinfo, NULL))
	{
		result = state;
		sums = values;
	}
	else
	{
		result = new_state(v.dim, &sums);
		memcpy(sums, values, (dim + 1) * sizeof(float8));
	}
	sums[0] += 1;
	for (int i = 0; i < v.dim; i++)
	{
		/* the first row is taken as it is: zero plus minus zero would be zero */
		sums[i + 1] = dim == 0 ? v.x[i] : sums[i + 1] + v.x[i];
		check_sum(sums[i + 1], type, "accum");
	}
	vecidx_close(&v);
	PG_RETURN_ARRAYTYPE_P(result);
}

VECIDX_DENSE_FUNCTIONS(accum, vecidx_vector_accum, vecidx_halfvec_accum);

/* vector_combine(double precision[], double precision[]) returns double precision[]; halfvec_combine */
static pg_attribute_always_inline Datum
combine(FunctionCallInfo fcinfo, VecidxDense type)
{
	int			dim_a;
	int			dim_b;
	float8	   *a = state_values(PG_GETARG_ARRAYTYPE_P(0), type, "combine", &dim_a);
	float8	   *b = state_values(PG_GETARG_ARRAYTYPE_P(1), type, "combine", &dim_b);
	int			dim = a[0] > 0 ? dim_a : dim_b;
	float8	   *sums;
	ArrayType  *result;

	if (a[0] > 0 && b[0] > 0)
		vecidx_check_typmod_dim(dim_a, dim_b);
	result = new_state(dim, &sums);
	sums[0] = a[0] + b[0];
	for (int i = 1; i <= dim; i++)
	{
		sums[i] = a[0] == 0 ? b[i] : b[0] == 0 ? a[i] : a[i] + b[i];
		check_sum(sums[i], type, "combine");
	}
	PG_RETURN_ARRAYTYPE_P(result);
}

VECIDX_DENSE_FUNCTIONS(combine, vecidx_vector_combine, vecidx_halfvec_combine);

/* vector_avg(double precision[]) returns vector; NULL without rows; halfvec_avg */
static pg_attribute_always_inline Datum
avg(FunctionCallInfo fcinfo, VecidxDense type)
{
	int			dim;
	float8	   *sums = state_values(PG_GETARG_ARRAYTYPE_P(0), type, "avg", &dim);
	VecidxResult result;

	if (sums[0] == 0)
		PG_RETURN_NULL();
	vecidx_begin_result(type, dim, &result);
	for (int i = 0; i < dim; i++)
	{
		result.x[i] = (float) (sums[i + 1] / sums[0]);
		vecidx_check_element(type, result.x[i]);
	}
	return vecidx_end_result(type, &result);
}

VECIDX_DENSE_FUNCTIONS(avg, vecidx_vector_avg, vecidx_halfvec_avg);
