/*
 * vector_cast.c: casts between vector and arrays.
 */
#include "pg/vecidx_compat.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "type/vecidx_vector.h"

VECIDX_SQL_FUNCTION(vecidx_array_to_vector);
VECIDX_SQL_FUNCTION(vecidx_vector_to_float4);

static float
element_to_float(Oid type, Datum element)
{
	switch (type)
	{
		case INT4OID:
			return (float) DatumGetInt32(element);
		case FLOAT4OID:
			return DatumGetFloat4(element);
		case FLOAT8OID:
			return (float) DatumGetFloat8(element);
		case NUMERICOID:
			return DatumGetFloat4(DirectFunctionCall1(numeric_float4, element));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("unsupported array type")));
}

/* array_to_vector({integer|real|double precision|numeric}[], integer, boolean) returns vector */
Datum
vecidx_array_to_vector(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Oid			type = ARR_ELEMTYPE(array);
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *elements;
	int			n;
	VecidxVector *result;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("array must be 1-D")));
	if (ARR_HASNULL(array) && array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls")));

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &elements, NULL, &n);
	vecidx_check_dim(n);
	vecidx_check_typmod_dim(PG_GETARG_INT32(1), n);

	result = vecidx_vector_new(n);
	for (int i = 0; i < n; i++)
	{
		result->x[i] = element_to_float(type, elements[i]);
		vecidx_check_element(result->x[i]);
	}
	pfree(elements);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* vector_to_float4(vector, integer, boolean) returns real[] */
Datum
vecidx_vector_to_float4(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	Datum	   *elements = palloc(v->dim * sizeof(Datum));
	ArrayType  *result;

	for (int i = 0; i < v->dim; i++)
		elements[i] = Float4GetDatum(v->x[i]);
	result = construct_array(elements, v->dim, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT);
	pfree(elements);
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_ARRAYTYPE_P(result);
}
