/*
 * vector_unpack.c: many vectors from one bytea, as a client has them in memory: little-endian float32 (of halfvec: float16) one behind the
 * other, and their ids as little-endian int64. Rows are copied, not parsed.
 */
#include "pg/vecidx_compat.h"

#include "access/htup_details.h"
#include "access/detoast.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "port/pg_bswap.h"

#include "type/vecidx_dense.h"

typedef struct Unpacking
{
	int			dim;
	const char *vectors;		/* [rows][dim] */
	const char *ids;			/* [rows], or NULL: rows are counted from 1 */
} Unpacking;

/* Of an element, packed and in a value alike. */
static inline int
element_bytes(VecidxDense type)
{
	return type == VECIDX_VECTOR ? sizeof(float) : sizeof(uint16);
}

/* How many entries of a size there are in bytes that what (vectors, ids) are packed in. Errors: a part of one is left over. */
static uint64
packed_rows(const char *what, const bytea *packed, Size size)
{
	Size		bytes = VARSIZE_ANY_EXHDR(packed);

	if (bytes % size != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("length of packed %s must be a multiple of %zu bytes, not %zu", what, size, bytes)));
	return bytes / size;
}

/* The int64 at any address. */
static int64
little_endian_int64(const char *bytes)
{
	uint64		bits;

	memcpy(&bits, bytes, sizeof(bits));
#ifdef WORDS_BIGENDIAN
	bits = pg_bswap64(bits);
#endif
	return (int64) bits;
}

#ifdef WORDS_BIGENDIAN
static void
swap_elements(VecidxDense type, VecidxVector *v)
{
	uint32	   *words = (uint32 *) v->x;
	uint16	   *halves = (uint16 *) v->x;

	for (int i = 0; i < v->dim; i++)
		if (type == VECIDX_VECTOR)
			words[i] = pg_bswap32(words[i]);
		else
			halves[i] = pg_bswap16(halves[i]);
}
#endif

/* Whether element i is a number: not all bits of its exponent are set. */
static pg_attribute_always_inline bool
is_finite(VecidxDense type, const VecidxVector *v, int i)
{
	if (type == VECIDX_VECTOR)
		return (((const uint32 *) v->x)[i] & 0x7F800000) != 0x7F800000;
	return (((const VecidxHalfvec *) v)->x[i] & 0x7C00) != 0x7C00;
}

/* Whether element i, which is no number, is a NaN: bits of its fraction are set. */
static bool
is_nan(VecidxDense type, const VecidxVector *v, int i)
{
	if (type == VECIDX_VECTOR)
		return (((const uint32 *) v->x)[i] & 0x007FFFFF) != 0;
	return (((const VecidxHalfvec *) v)->x[i] & 0x03FF) != 0;
}

/* The vector in packed bytes, in a value of its own. row is its number, from 1. Errors: elements that are not finite, with their place. */
static pg_attribute_always_inline VecidxVector *
unpack_vector(VecidxDense type, const char *packed, int dim, uint64 row)
{
	Size		bytes = (Size) dim * element_bytes(type);
	VecidxVector *v = palloc(offsetof(VecidxVector, x) + bytes);
	bool		finite = true;

	SET_VARSIZE(v, offsetof(VecidxVector, x) + bytes);
	v->dim = dim;
	v->unused = 0;
	memcpy(v->x, packed, bytes);
#ifdef WORDS_BIGENDIAN
	swap_elements(type, v);
#endif
	for (int i = 0; i < dim; i++)
		finite &= is_finite(type, v, i);
	for (int i = 0; !finite && i < dim; i++)
		if (!is_finite(type, v, i))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%s not allowed in %s", is_nan(type, v, i) ? "NaN" : "infinite value", vecidx_dense_name(type)),
					 errdetail("It is element %d of row " UINT64_FORMAT ".", i + 1, row)));
	return v;
}

/*
 * vecidx_unpack_rows([ids bytea,] vectors bytea, dimensions integer) returns setof (id bigint, embedding vector), a row for each call;
 * vecidx_unpack_halfvec_rows. The bytes are read in place, or, if they are toasted, from one copy. vecidx_unpack is a query of these.
 */
static pg_attribute_always_inline Datum
unpack(FunctionCallInfo fcinfo, VecidxDense type)
{
	FuncCallContext *calls;
	Unpacking  *state;
	uint64		row;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (SRF_IS_FIRSTCALL())
	{
		int			argument = PG_NARGS() - 2;	/* of the vectors */
		int			dim = PG_GETARG_INT32(argument + 1);
		MemoryContext caller;
		bytea	   *packed;

		calls = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(calls->multi_call_memory_ctx);
		vecidx_check_dim(type, dim);
		state = palloc(sizeof(Unpacking));
		state->dim = dim;
		packed = PG_GETARG_BYTEA_PP(argument);
		state->vectors = VARDATA_ANY(packed);
		calls->max_calls = packed_rows("vectors", packed, (Size) dim * element_bytes(type));
		state->ids = NULL;
		if (argument > 0)
		{
			uint64		ids;

			packed = PG_GETARG_BYTEA_PP(0);
			state->ids = VARDATA_ANY(packed);
			ids = packed_rows("ids", packed, sizeof(int64));
			if (ids != calls->max_calls)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						 errmsg("different numbers of packed ids and vectors: " UINT64_FORMAT " and " UINT64_FORMAT,
								ids, calls->max_calls)));
		}
		if (get_call_result_type(fcinfo, NULL, &calls->tuple_desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		calls->tuple_desc = BlessTupleDesc(calls->tuple_desc);
		calls->user_fctx = state;
		MemoryContextSwitchTo(caller);
	}

	calls = SRF_PERCALL_SETUP();
	state = calls->user_fctx;
	row = calls->call_cntr;
	if (row >= calls->max_calls)
		SRF_RETURN_DONE(calls);
	values[0] = Int64GetDatum(state->ids == NULL ? (int64) row + 1 : little_endian_int64(state->ids + row * sizeof(int64)));
	values[1] = PointerGetDatum(unpack_vector(type, state->vectors + row * state->dim * element_bytes(type), state->dim, row + 1));
	SRF_RETURN_NEXT(calls, HeapTupleGetDatum(heap_form_tuple(calls->tuple_desc, values, nulls)));
}

VECIDX_DENSE_FUNCTIONS(unpack, vecidx_unpack, vecidx_unpack_halfvec);

/* The value of an argument, counted from the last one, that the planner knows; false: it does not. */
static bool
known_argument(SupportRequestRows *request, int from_last, Const **value)
{
	List	   *arguments = ((FuncExpr *) request->node)->args;
	Node	   *node = estimate_expression_value(request->root, list_nth(arguments, list_length(arguments) - 1 - from_last));

	*value = (Const *) node;
	return IsA(node, Const);
}

/* Tells the planner how many rows there will be. Bytes that are no whole rows, and other errors, are for the function itself to find. */
static Datum
unpack_support(FunctionCallInfo fcinfo, VecidxDense type)
{
	SupportRequestRows *request = (SupportRequestRows *) PG_GETARG_POINTER(0);
	Const	   *vectors;
	Const	   *dim;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(request->node)
		|| !known_argument(request, 1, &vectors) || !known_argument(request, 0, &dim))
		PG_RETURN_POINTER(NULL);
	request->rows = 0;
	if (!vectors->constisnull && !dim->constisnull && DatumGetInt32(dim->constvalue) > 0)
		request->rows = (double) (toast_raw_datum_size(vectors->constvalue) - VARHDRSZ)
			/ ((double) DatumGetInt32(dim->constvalue) * element_bytes(type));
	PG_RETURN_POINTER(request);
}

VECIDX_DENSE_FUNCTIONS(unpack_support, vecidx_unpack_support, vecidx_unpack_halfvec_support);
