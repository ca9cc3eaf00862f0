/*
 * vector_io.c: text and binary input and output of the types vector and halfvec, and their type modifier.
 *
 * Text is [1,2,3] with white space allowed around elements. The wire format is int16 dim, int16 zero, then dim float4 values
 * (of halfvec: halves), all big-endian. Names, messages and formats are those that users of pgvector know.
 */
#include "pg/vecidx_compat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/float.h"

#include "core/vx_text.h"
#include "type/vecidx_dense.h"

VecidxVector *
vecidx_vector_new(int dim)
{
	Size		size = VECIDX_VECTOR_SIZE(dim);
	VecidxVector *v = palloc0(size);

	SET_VARSIZE(v, size);
	v->dim = dim;
	return v;
}

VecidxHalfvec *
vecidx_halfvec_new(const float *x, int dim)
{
	Size		size = VECIDX_HALFVEC_SIZE(dim);
	VecidxHalfvec *v = palloc(size);

	SET_VARSIZE(v, size);
	v->dim = dim;
	v->unused = 0;
	vx_half_from_floats(x, dim, v->x);
	return v;
}

/* ---- errors ---- */

void
vecidx_check_dim(VecidxDense type, int dim)
{
	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s must have at least 1 dimension", vecidx_dense_name(type))));
	if (dim > VECIDX_VECTOR_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s cannot have more than %d dimensions", vecidx_dense_name(type), VECIDX_VECTOR_MAX_DIM)));
}

void
vecidx_check_same_dim(VecidxDense type, int a, int b)
{
	if (a != b)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different %s dimensions %d and %d", vecidx_dense_name(type), a, b)));
}

static void
out_of_range(VecidxDense type, const char *number)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("\"%s\" is out of range for type %s", number, vecidx_dense_name(type))));
}

void
vecidx_check_range(VecidxDense type, float value)
{
	if (isfinite(value) && fabsf(value) >= vecidx_dense_overflow(type))
	{
		char	   *number = palloc(FLOAT_SHORTEST_DECIMAL_LEN);

		float_to_shortest_decimal_buf(value, number);
		out_of_range(type, number);
	}
}

void
vecidx_check_element(VecidxDense type, float value)
{
	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s not allowed in %s", isnan(value) ? "NaN" : "infinite value", vecidx_dense_name(type))));
	vecidx_check_range(type, value);
}

void
vecidx_check_overflow(VecidxDense type, float value)
{
	if (fabsf(value) >= vecidx_dense_overflow(type))
		float_overflow_error();
}

/* ---- text ---- */

static void
malformed(VecidxDense type, const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", vecidx_dense_name(type), text),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

/* Reads one element at *p and moves *p behind it and the white space that follows. */
static float
parse_element(VecidxDense type, const char *text, const char **p)
{
	const char *start = *p;
	char	   *end;
	float		value;

	if (!vx_text_float(start, p, &value))
	{
		if (*start == '\0')
			malformed(type, text, NULL);
		errno = 0;
		value = strtof(start, &end);
		if (end == start)
			malformed(type, text, NULL);
		*p = end;
		/* an underflow to a denormal or to zero is taken as it is */
		if (errno == ERANGE && isinf(value))
			out_of_range(type, pnstrdup(start, end - start));
	}
	if (isfinite(value) && fabsf(value) >= vecidx_dense_overflow(type))
		out_of_range(type, pnstrdup(start, *p - start));
	vecidx_check_element(type, value);
	*p = vecidx_skip_space(*p);
	return value;
}

/* Reads elements with commas between them into an array that grows; *p is then at what follows the last. Returns how many. */
static int
parse_elements(VecidxDense type, const char *text, const char **p, int capacity, float **x)
{
	int			dim = 0;

	*x = palloc(capacity * sizeof(float));
	for (;;)
	{
		if (dim == VECIDX_VECTOR_MAX_DIM)
			vecidx_check_dim(type, dim + 1);
		if (dim == capacity)
		{
			capacity *= 2;
			*x = repalloc(*x, capacity * sizeof(float));
		}
		*p = vecidx_skip_space(*p);
		(*x)[dim++] = parse_element(type, text, p);
		if (**p != ',')
			return dim;
		++*p;
	}
}

/* vector_in(cstring, oid, integer) returns vector; halfvec_in */
static pg_attribute_always_inline Datum
dense_in(FunctionCallInfo fcinfo, VecidxDense type)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	const char *p = vecidx_skip_space(text);
	float	   *x;
	int			dim;
	VecidxResult result;

	if (*p != '[')
		malformed(type, text, "Vector contents must start with \"[\".");
	p = vecidx_skip_space(p + 1);
	if (*p == ']')
		vecidx_check_dim(type, 0);
	dim = parse_elements(type, text, &p, typmod > 0 ? Min(typmod, VECIDX_VECTOR_MAX_DIM) : 64, &x);
	if (*p != ']')
		malformed(type, text, NULL);
	p = vecidx_skip_space(p + 1);
	if (*p != '\0')
		malformed(type, text, "Junk after closing right brace.");

	vecidx_check_typmod_dim(typmod, dim);
	vecidx_begin_result(type, dim, &result);
	memcpy(result.x, x, dim * sizeof(float));
	pfree(x);
	return vecidx_end_result(type, &result);
}

VECIDX_DENSE_FUNCTIONS(dense_in, vecidx_vector_in, vecidx_halfvec_in);

/* vector_out(vector) returns cstring: the shortest text that reads back as the same floats; halfvec_out */
static pg_attribute_always_inline Datum
dense_out(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxOpened v;
	char	   *text;
	char	   *p;

	vecidx_open(type, PG_GETARG_DATUM(0), &v);
	p = text = palloc(v.dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	*p++ = '[';
	for (int i = 0; i < v.dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(v.x[i], p);
	}
	*p++ = ']';
	*p = '\0';
	vecidx_close(&v);
	PG_RETURN_CSTRING(text);
}

VECIDX_DENSE_FUNCTIONS(dense_out, vecidx_vector_out, vecidx_halfvec_out);

/* vector_typmod_in(cstring[]) returns integer; halfvec_typmod_in */
static pg_attribute_always_inline Datum
dense_typmod_in(FunctionCallInfo fcinfo, VecidxDense type)
{
	PG_RETURN_INT32(vecidx_typmod_in(PG_GETARG_ARRAYTYPE_P(0), vecidx_dense_name(type), VECIDX_VECTOR_MAX_DIM));
}

VECIDX_DENSE_FUNCTIONS(dense_typmod_in, vecidx_vector_typmod_in, vecidx_halfvec_typmod_in);

/* ---- the wire ---- */

static void
decode_floats(const char *bytes, int n, float *x)
{
	for (int i = 0; i < n; i++)
	{
		uint32		bits;

		memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
		bits = pg_ntoh32(bits);
		memcpy(&x[i], &bits, sizeof(bits));
	}
}

static void
decode_halves(const char *bytes, int n, float *x)
{
	uint16	   *half = palloc(n * sizeof(uint16));

	memcpy(half, bytes, n * sizeof(uint16));
	for (int i = 0; i < n; i++)
		half[i] = pg_ntoh16(half[i]);
	vx_half_to_floats(half, n, x);
	pfree(half);
}

/* vecidx_check_element for many, which are hardly ever wrong. */
static pg_attribute_always_inline void
check_elements(VecidxDense type, const float *x, int dim)
{
	float		overflow = vecidx_dense_overflow(type);
	bool		wrong = false;

	for (int i = 0; i < dim; i++)
		wrong |= !(fabsf(x[i]) < overflow);
	for (int i = 0; wrong && i < dim; i++)
		vecidx_check_element(type, x[i]);
}

/*
 * The elements of a message, all at once. Of a message that is too short, those that it has are checked before it is refused: so
 * the first thing that is wrong with a message is what its sender is told.
 */
static pg_attribute_always_inline void
receive_elements(StringInfo message, VecidxDense type, int dim, float *x)
{
	int			size = type == VECIDX_VECTOR ? sizeof(uint32) : sizeof(uint16);
	int			present = Min(dim, (message->len - message->cursor) / size);
	const char *bytes = pq_getmsgbytes(message, present * size);

	if (type == VECIDX_VECTOR)
		decode_floats(bytes, present, x);
	else
		decode_halves(bytes, present, x);
	check_elements(type, x, present);
	if (present < dim)
		(void) pq_getmsgbytes(message, (dim - present) * size);
}

/* vector_recv(internal, oid, integer) returns vector; halfvec_recv */
static pg_attribute_always_inline Datum
dense_recv(FunctionCallInfo fcinfo, VecidxDense type)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int16		dim = pq_getmsgint(message, sizeof(int16));
	int16		unused = pq_getmsgint(message, sizeof(int16));
	VecidxResult result;

	vecidx_check_dim(type, dim);
	vecidx_check_typmod_dim(typmod, dim);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));
	vecidx_begin_result(type, dim, &result);
	receive_elements(message, type, dim, result.x);
	return vecidx_end_result(type, &result);
}

VECIDX_DENSE_FUNCTIONS(dense_recv, vecidx_vector_recv, vecidx_halfvec_recv);

/* vector_send(vector) returns bytea; halfvec_send */
static pg_attribute_always_inline Datum
dense_send(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxVector *v = DatumGetVecidxVector(PG_GETARG_DATUM(0));
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint16(&message, v->dim);
	pq_sendint16(&message, v->unused);
	for (int i = 0; i < v->dim; i++)
		if (type == VECIDX_VECTOR)
			pq_sendfloat4(&message, v->x[i]);
		else
			pq_sendint16(&message, ((VecidxHalfvec *) v)->x[i]);
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

VECIDX_DENSE_FUNCTIONS(dense_send, vecidx_vector_send, vecidx_halfvec_send);

/* vector(vector, integer, boolean) returns vector: applies a type modifier; halfvec(halfvec, integer, boolean) */
static pg_attribute_always_inline Datum
dense_typmod(FunctionCallInfo fcinfo, VecidxDense type)
{
	VecidxVector *v = DatumGetVecidxVector(PG_GETARG_DATUM(0));

	(void) type;
	vecidx_check_typmod_dim(PG_GETARG_INT32(1), v->dim);
	PG_RETURN_POINTER(v);
}

VECIDX_DENSE_FUNCTIONS(dense_typmod, vecidx_vector_typmod, vecidx_halfvec_typmod);
