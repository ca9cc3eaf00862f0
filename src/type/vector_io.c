/*
 * vector_io.c: text and binary input and output of the type vector, and its type modifier.
 *
 * Text is [1,2,3] with white space allowed around elements. The wire format is int16 dim, int16 zero, then dim float4 values,
 * all big-endian. Names, messages and formats are those that users of pgvector know.
 */
#include "pg/vecidx_compat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/vx_text.h"
#include "type/vecidx_vector.h"

VECIDX_SQL_FUNCTION(vecidx_vector_in);
VECIDX_SQL_FUNCTION(vecidx_vector_out);
VECIDX_SQL_FUNCTION(vecidx_vector_typmod_in);
VECIDX_SQL_FUNCTION(vecidx_vector_recv);
VECIDX_SQL_FUNCTION(vecidx_vector_send);
VECIDX_SQL_FUNCTION(vecidx_vector_typmod);

VecidxVector *
vecidx_vector_new(int dim)
{
	Size		size = VECIDX_VECTOR_SIZE(dim);
	VecidxVector *v = palloc0(size);

	SET_VARSIZE(v, size);
	v->dim = dim;
	return v;
}

void
vecidx_check_dim(int dim)
{
	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("vector must have at least 1 dimension")));
	if (dim > VECIDX_VECTOR_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("vector cannot have more than %d dimensions", VECIDX_VECTOR_MAX_DIM)));
}

void
vecidx_check_typmod_dim(int32 typmod, int dim)
{
	if (typmod != -1 && typmod != dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", typmod, dim)));
}

void
vecidx_check_element(float value)
{
	if (isnan(value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("NaN not allowed in vector")));
	if (isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("infinite value not allowed in vector")));
}

static void
malformed(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type vector: \"%s\"", text),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

/* What isspace() means in the C locale, whatever the locale is. */
static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* Reads one element at *p and moves *p behind it and the white space that follows. */
static float
parse_element(const char *text, const char **p)
{
	char	   *end;
	float		value;

	if (vx_text_float(*p, p, &value))
	{
		*p = skip_space(*p);
		return value;
	}
	if (**p == '\0')
		malformed(text, NULL);
	errno = 0;
	value = strtof(*p, &end);
	if (end == *p)
		malformed(text, NULL);
	/* an underflow to a denormal or to zero is taken as it is */
	if (errno == ERANGE && isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" is out of range for type vector", pnstrdup(*p, end - *p))));
	vecidx_check_element(value);
	*p = skip_space(end);
	return value;
}

/* vector_in(cstring, oid, integer) returns vector */
Datum
vecidx_vector_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	const char *p = skip_space(text);
	int			capacity = typmod > 0 ? Min(typmod, VECIDX_VECTOR_MAX_DIM) : 64;
	float	   *x = palloc(capacity * sizeof(float));
	int			dim = 0;
	VecidxVector *result;

	if (*p != '[')
		malformed(text, "Vector contents must start with \"[\".");
	p = skip_space(p + 1);
	if (*p == ']')
		vecidx_check_dim(0);

	for (;;)
	{
		if (dim == VECIDX_VECTOR_MAX_DIM)
			vecidx_check_dim(dim + 1);
		if (dim == capacity)
		{
			capacity *= 2;
			x = repalloc(x, capacity * sizeof(float));
		}
		p = skip_space(p);
		x[dim++] = parse_element(text, &p);
		if (*p == ',')
			p++;
		else if (*p == ']')
			break;
		else
			malformed(text, NULL);
	}
	p = skip_space(p + 1);
	if (*p != '\0')
		malformed(text, "Junk after closing right brace.");

	vecidx_check_typmod_dim(typmod, dim);
	result = vecidx_vector_new(dim);
	memcpy(result->x, x, dim * sizeof(float));
	pfree(x);
	PG_RETURN_VECIDX_VECTOR(result);
}

/* vector_out(vector) returns cstring: the shortest text that reads back as the same floats */
Datum
vecidx_vector_out(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	char	   *text = palloc(v->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	char	   *p = text;

	*p++ = '[';
	for (int i = 0; i < v->dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(v->x[i], p);
	}
	*p++ = ']';
	*p = '\0';
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_CSTRING(text);
}

/* vector_typmod_in(cstring[]) returns integer */
Datum
vecidx_vector_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			n;
	int32	   *typmods = ArrayGetIntegerTypmods(array, &n);

	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier")));
	if (*typmods < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type vector must be at least 1")));
	if (*typmods > VECIDX_VECTOR_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type vector cannot exceed %d", VECIDX_VECTOR_MAX_DIM)));
	PG_RETURN_INT32(*typmods);
}

/* vector_recv(internal, oid, integer) returns vector */
Datum
vecidx_vector_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int16		dim = pq_getmsgint(message, sizeof(int16));
	int16		unused = pq_getmsgint(message, sizeof(int16));
	VecidxVector *result;

	vecidx_check_dim(dim);
	vecidx_check_typmod_dim(typmod, dim);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));
	result = vecidx_vector_new(dim);
	for (int i = 0; i < dim; i++)
	{
		result->x[i] = pq_getmsgfloat4(message);
		vecidx_check_element(result->x[i]);
	}
	PG_RETURN_VECIDX_VECTOR(result);
}

/* vector_send(vector) returns bytea */
Datum
vecidx_vector_send(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint16(&message, v->dim);
	pq_sendint16(&message, v->unused);
	for (int i = 0; i < v->dim; i++)
		pq_sendfloat4(&message, v->x[i]);
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* vector(vector, integer, boolean) returns vector: applies a type modifier */
Datum
vecidx_vector_typmod(PG_FUNCTION_ARGS)
{
	VecidxVector *v = PG_GETARG_VECIDX_VECTOR(0);

	vecidx_check_typmod_dim(PG_GETARG_INT32(1), v->dim);
	PG_RETURN_VECIDX_VECTOR(v);
}
