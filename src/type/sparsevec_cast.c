/*
 * sparsevec_cast.c: casts to and from sparsevec.
 */
#include "pg/vecidx_compat.h"

#include "type/vecidx_dense.h"
#include "type/vecidx_sparse.h"

/* Makes a sparsevec of floats, of which NaN and infinite ones are refused. The dimensions are checked. */
static Datum
sparsevec_of(const float *x, int dim)
{
	int			nnz = 0;
	int			n = 0;
	VecidxSparsevec *v;
	float	   *values;

	for (int i = 0; i < dim; i++)
		nnz += x[i] != 0;
	vecidx_sparse_check_nnz(nnz, dim);
	v = vecidx_sparsevec_new(dim, nnz);
	values = VECIDX_SPARSEVEC_VALUES(v);
	for (int i = 0; i < dim; i++)
		if (x[i] != 0)
		{
			vecidx_sparse_check_element(x[i]);
			v->indices[n] = i;
			values[n++] = x[i];
		}
	return PointerGetDatum(v);
}

/* vector_to_sparsevec(vector, integer, boolean) returns sparsevec; halfvec_to_sparsevec */
static pg_attribute_always_inline Datum
dense_to_sparsevec(FunctionCallInfo fcinfo, VecidxDense from)
{
	VecidxOpened v;
	Datum		result;

	vecidx_open(from, PG_GETARG_DATUM(0), &v);
	vecidx_check_typmod_dim(PG_GETARG_INT32(1), v.dim);
	result = sparsevec_of(v.x, v.dim);
	vecidx_close(&v);
	return result;
}

VECIDX_DENSE_FUNCTIONS(dense_to_sparsevec, vecidx_vector_to_sparsevec, vecidx_halfvec_to_sparsevec);

/* sparsevec_to_vector(sparsevec, integer, boolean) returns vector; sparsevec_to_halfvec: fails for what is out of range */
static pg_attribute_always_inline Datum
sparsevec_to_dense(FunctionCallInfo fcinfo, VecidxDense to)
{
	VecidxSparseOpened v;
	VecidxResult result;

	vecidx_sparse_open(PG_GETARG_DATUM(0), &v);
	vecidx_check_dim(to, v.dim);
	vecidx_check_typmod_dim(PG_GETARG_INT32(1), v.dim);
	vecidx_begin_result(to, v.dim, &result);
	for (uint32 i = 0; i < v.x.nnz; i++)
	{
		vecidx_check_range(to, v.x.values[i]);
		result.x[v.x.indices[i]] = v.x.values[i];
	}
	vecidx_sparse_close(&v);
	return vecidx_end_result(to, &result);
}

VECIDX_DENSE_FUNCTIONS(sparsevec_to_dense, vecidx_sparsevec_to_vector, vecidx_sparsevec_to_halfvec);

/* array_to_sparsevec({integer|real|double precision|numeric}[], integer, boolean) returns sparsevec */
VECIDX_SQL_FUNCTION(vecidx_array_to_sparsevec);
Datum
vecidx_array_to_sparsevec(PG_FUNCTION_ARGS)
{
	VecidxArray array;
	float	   *x;
	Datum		result;

	vecidx_open_array(PG_GETARG_ARRAYTYPE_P(0), &array);
	vecidx_sparse_check_dim(array.n);
	vecidx_check_typmod_dim(PG_GETARG_INT32(1), array.n);
	x = palloc(array.n * sizeof(float));
	for (int i = 0; i < array.n; i++)
		x[i] = vecidx_array_element(&array, i);
	result = sparsevec_of(x, array.n);
	pfree(x);
	pfree(array.elements);
	return result;
}
