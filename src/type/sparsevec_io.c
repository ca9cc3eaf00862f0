/*
 * sparsevec_io.c: text and binary input and output of the type sparsevec, and its type modifier.
 *
 * Text is {1:1.5,3:2}/5: positions, which count from one, with their elements, then the dimensions; white space is allowed around each, and
 * positions need not ascend. The wire format is int32 dim, int32 nnz, int32 zero, then nnz int32 positions, which count from zero and ascend,
 * then nnz float4 elements, all big-endian. Names, messages and formats are those that users of pgvector know.
 */
#include "pg/vecidx_compat.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "core/vx_text.h"
#include "type/vecidx_sparse.h"

VecidxSparsevec *
vecidx_sparsevec_new(int dim, int nnz)
{
	Size		size = VECIDX_SPARSEVEC_SIZE(nnz);
	VecidxSparsevec *v = palloc0(size);

	SET_VARSIZE(v, size);
	v->dim = dim;
	v->nnz = nnz;
	return v;
}

/* ---- errors ---- */

void
vecidx_sparse_check_dim(int dim)
{
	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec must have at least 1 dimension")));
	if (dim > VECIDX_SPARSEVEC_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more than %d dimensions", VECIDX_SPARSEVEC_MAX_DIM)));
}

void
vecidx_sparse_check_same_dim(int a, int b)
{
	if (a != b)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different sparsevec dimensions %d and %d", a, b)));
}

void
vecidx_sparse_check_nnz(int nnz, int dim)
{
	if (nnz < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec cannot have negative number of elements")));
	if (nnz > VECIDX_SPARSEVEC_MAX_NNZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more than %d non-zero elements", VECIDX_SPARSEVEC_MAX_NNZ)));
	if (nnz > dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more elements than dimensions")));
}

/* A position, the i-th of a value: in bounds, and behind the one before. */
static void
check_index(const int32 *indices, int i, int dim)
{
	if (indices[i] < 0 || indices[i] >= dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec index out of bounds")));
	if (i > 0 && indices[i] < indices[i - 1])
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec indices must be in ascending order")));
	if (i > 0 && indices[i] == indices[i - 1])
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec indices must not contain duplicates")));
}

void
vecidx_sparse_check_element(float value)
{
	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s not allowed in sparsevec", isnan(value) ? "NaN" : "infinite value")));
}

static void
malformed(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type sparsevec: \"%s\"", text),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

/* ---- text ---- */

typedef struct Element
{
	int32		index;			/* counts from zero */
	float		value;
} Element;

static int
compare_elements(const void *a, const void *b)
{
	int32		ai = ((const Element *) a)->index;
	int32		bi = ((const Element *) b)->index;

	return ai < bi ? -1 : ai > bi;
}

/* Reads an integer at *p and moves *p behind it and the white space that follows. What is out of range is the bound next to it. */
static int32
parse_integer(const char *text, const char **p, int32 least)
{
	char	   *end;
	long		value = strtol(*p, &end, 10);

	if (end == *p)
		malformed(text, NULL);
	*p = vecidx_skip_space(end);
	return (int32) Max(Min(value, INT_MAX), least);
}

/* The same of an element. One that is so small that it becomes zero is out of range, too. */
static float
parse_value(const char *text, const char **p)
{
	const char *start = *p;
	char	   *end;
	float		value;

	if (!vx_text_float(start, p, &value))
	{
		errno = 0;
		value = strtof(start, &end);
		if (end == start)
			malformed(text, NULL);
		if (errno == ERANGE && (value == 0 || isinf(value)))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("\"%s\" is out of range for type sparsevec", pnstrdup(start, end - start))));
		*p = end;
	}
	vecidx_sparse_check_element(value);
	*p = vecidx_skip_space(*p);
	return value;
}

/*
 * Reads positions with their elements up to the closing brace, behind which *p is then. Returns how many are not zero; those are in
 * elements, which has room for as many as there are commas, and one more.
 */
static int
parse_elements(const char *text, const char **p, Element *elements)
{
	int			nnz = 0;

	if (**p == '}')
	{
		++*p;
		return 0;
	}
	for (;;)
	{
		Element    *element = &elements[nnz];

		*p = vecidx_skip_space(*p);
		/* least as it is, so that it does not wrap around */
		element->index = parse_integer(text, p, INT_MIN + 1) - 1;
		if (**p != ':')
			malformed(text, NULL);
		*p = vecidx_skip_space(*p + 1);
		element->value = parse_value(text, p);
		nnz += element->value != 0;
		if (**p != ',' && **p != '}')
			malformed(text, NULL);
		if (*(*p)++ == '}')
			return nnz;
	}
}

/* sparsevec_in(cstring, oid, integer) returns sparsevec */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_in);
Datum
vecidx_sparsevec_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *p = vecidx_skip_space(text);
	int			most = 1;
	Element    *elements;
	int			nnz;
	int32		dim;
	VecidxSparsevec *v;

	for (const char *c = text; *c != '\0'; c++)
		most += *c == ',';
	if (most > VECIDX_SPARSEVEC_MAX_NNZ)
		vecidx_sparse_check_nnz(most, INT_MAX);
	elements = palloc(most * sizeof(Element));

	if (*p != '{')
		malformed(text, "Vector contents must start with \"{\".");
	p = vecidx_skip_space(p + 1);
	nnz = parse_elements(text, &p, elements);
	p = vecidx_skip_space(p);
	if (*p != '/')
		malformed(text, "Unexpected end of input.");
	p = vecidx_skip_space(p + 1);
	dim = parse_integer(text, &p, INT_MIN);
	if (*p != '\0')
		malformed(text, "Junk after closing.");
	vecidx_sparse_check_dim(dim);
	vecidx_check_typmod_dim(PG_GETARG_INT32(2), dim);

	qsort(elements, nnz, sizeof(Element), compare_elements);
	v = vecidx_sparsevec_new(dim, nnz);
	for (int i = 0; i < nnz; i++)
	{
		v->indices[i] = elements[i].index;
		VECIDX_SPARSEVEC_VALUES(v)[i] = elements[i].value;
		check_index(v->indices, i, dim);
	}
	pfree(elements);
	PG_RETURN_POINTER(v);
}

/* sparsevec_out(sparsevec) returns cstring: the shortest text that reads back as the same floats */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_out);
Datum
vecidx_sparsevec_out(PG_FUNCTION_ARGS)
{
	VecidxSparseOpened v;
	char	   *text;
	char	   *p;

	vecidx_sparse_open(PG_GETARG_DATUM(0), &v);
	/* a position, colon, float and comma for each; braces, slash, dimensions and the end */
	text = palloc(v.x.nnz * (10 + 1 + FLOAT_SHORTEST_DECIMAL_LEN + 1) + 3 + 10 + 1);
	p = text;

	*p++ = '{';
	for (uint32 i = 0; i < v.x.nnz; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += pg_ltoa(v.x.indices[i] + 1, p);
		*p++ = ':';
		p += float_to_shortest_decimal_bufn(v.x.values[i], p);
	}
	*p++ = '}';
	*p++ = '/';
	p += pg_ltoa(v.dim, p);		/* ends with a zero */
	vecidx_sparse_close(&v);
	PG_RETURN_CSTRING(text);
}

/* sparsevec_typmod_in(cstring[]) returns integer */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_typmod_in);
Datum
vecidx_sparsevec_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(vecidx_typmod_in(PG_GETARG_ARRAYTYPE_P(0), "sparsevec", VECIDX_SPARSEVEC_MAX_DIM));
}

/* ---- the wire ---- */

/* sparsevec_recv(internal, oid, integer) returns sparsevec */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_recv);
Datum
vecidx_sparsevec_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		dim = (int32) pq_getmsgint(message, sizeof(int32));
	int32		nnz = (int32) pq_getmsgint(message, sizeof(int32));
	int32		unused = (int32) pq_getmsgint(message, sizeof(int32));
	VecidxSparsevec *v;
	float	   *values;

	vecidx_sparse_check_dim(dim);
	vecidx_sparse_check_nnz(nnz, dim);
	vecidx_check_typmod_dim(PG_GETARG_INT32(2), dim);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));
	v = vecidx_sparsevec_new(dim, nnz);
	for (int i = 0; i < nnz; i++)
	{
		v->indices[i] = (int32) pq_getmsgint(message, sizeof(int32));
		check_index(v->indices, i, dim);
	}
	values = VECIDX_SPARSEVEC_VALUES(v);
	for (int i = 0; i < nnz; i++)
	{
		values[i] = pq_getmsgfloat4(message);
		vecidx_sparse_check_element(values[i]);
		if (values[i] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("binary representation of sparsevec cannot contain zero values")));
	}
	PG_RETURN_POINTER(v);
}

/* sparsevec_send(sparsevec) returns bytea */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_send);
Datum
vecidx_sparsevec_send(PG_FUNCTION_ARGS)
{
	VecidxSparsevec *v = DatumGetVecidxSparsevec(PG_GETARG_DATUM(0));
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint32(&message, v->dim);
	pq_sendint32(&message, v->nnz);
	pq_sendint32(&message, v->unused);
	for (int i = 0; i < v->nnz; i++)
		pq_sendint32(&message, v->indices[i]);
	for (int i = 0; i < v->nnz; i++)
		pq_sendfloat4(&message, VECIDX_SPARSEVEC_VALUES(v)[i]);
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* sparsevec(sparsevec, integer, boolean) returns sparsevec: applies a type modifier */
VECIDX_SQL_FUNCTION(vecidx_sparsevec_typmod);
Datum
vecidx_sparsevec_typmod(PG_FUNCTION_ARGS)
{
	VecidxSparsevec *v = DatumGetVecidxSparsevec(PG_GETARG_DATUM(0));

	vecidx_check_typmod_dim(PG_GETARG_INT32(1), v->dim);
	PG_RETURN_POINTER(v);
}
