/*
 * vector_cast.c: casts between vector, halfvec and arrays.
 */
#include "pg/vecidx_compat.h"

#include "catalog/pg_type.h"

#include "type/vecidx_dense.h"

/* array_to_vector({integer|real|double precision|numeric}[], integer, boolean) returns vector; array_to_halfvec */
static pg_attribute_always_inline Datum
array_to_dense(FunctionCallInfo fcinfo, VecidxDense dense)
{
	VecidxArray array;
	VecidxResult result;

	vecidx_open_array(PG_GETARG_ARRAYTYPE_P(0), &array);
	vecidx_check_dim(dense, array.n);
	vecidx_check_typmod_dim(PG_GETARG_INT32(1), array.n);

	vecidx_begin_result(dense, array.n, &result);
	for (int i = 0; i < array.n; i++)
	{
		result.x[i] = vecidx_array_element(&array, i);
		vecidx_check_range(dense, result.x[i]);
	}
	/* numbers that are no elements at all are found last */
	for (int i = 0; i < array.n; i++)
		vecidx_check_element(dense, result.x[i]);
	pfree(array.elements);
	return vecidx_end_result(dense, &result);
}

VECIDX_DENSE_FUNCTIONS(array_to_dense, vecidx_array_to_vector, vecidx_array_to_halfvec);

/* vector_to_float4(vector, integer, boolean) returns real[]; halfvec_to_float4 */
static pg_attribute_always_inline Datum
dense_to_float4(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened v;
	Datum	   *elements;
	ArrayType  *result;

	vecidx_open(type, PG_GETARG_DATUM(0), &v);
	elements = palloc(v.dim * sizeof(Datum));
	for (int i = 0; i < v.dim; i++)
		elements[i] = Float4GetDatum(v.x[i]);
	result = construct_array(elements, v.dim, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT);
	pfree(elements);
	vecidx_close(&v);
	PG_RETURN_ARRAYTYPE_P(result);
}

VECIDX_DENSE_FUNCTIONS(dense_to_float4, vecidx_vector_to_float4, vecidx_halfvec_to_float4);

/* vector_to_halfvec(vector, integer, boolean) returns halfvec, rounded to the nearest; fails for what is out of range; halfvec_to_vector */
static pg_attribute_always_inline Datum
convert(FunctionCallInfo fcinfo, VecidxDense from)
{
	VecidxDense to = from == VECIDX_VECTOR ? VECIDX_HALFVEC : VECIDX_VECTOR;
	VecidxOpened v;
	VecidxResult result;

	vecidx_open(from, PG_GETARG_DATUM(0), &v);
	vecidx_check_typmod_dim(PG_GETARG_INT32(1), v.dim);
	vecidx_begin_result(to, v.dim, &result);
	for (int i = 0; i < v.dim; i++)
	{
		vecidx_check_range(to, v.x[i]);
		result.x[i] = v.x[i];
	}
	vecidx_close(&v);
	return vecidx_end_result(to, &result);
}

VECIDX_DENSE_FUNCTIONS(convert, vecidx_vector_to_halfvec, vecidx_halfvec_to_vector);
