/*
 * vecgraph_filter.c: values of filter columns, and constants that they are compared with, as signatures.
 *
 * There is one support function for all operator classes of filters, which says no more than that. How a value becomes a signature follows
 * from the input type of the operator class:
 *
 *   types of the table below    in order, by an encoder for each pair of types that a family compares
 *   text, varchar, bpchar       in order, by their first bytes, where the collation orders bytes; else by hash
 *   enums                       by OID: their order may change
 *   arrays                      as sets of their elements, by the hash of these
 *   all others                  by the hash function of the type
 *
 * By hash is: by the type's default hash operator class, which has the same equality as its operator =. Only equality can be tested then.
 *
 * A constant is brought to the signatures of its column by a map of its own type that keeps the order between both types: c = k, c <= k or
 * c >= k for a column's value c and a constant k implies the same of their signatures. What is asked of these, vecgraph_conditions.c says.
 */
#include "am/vecgraph.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

/* ---- encoders ---- */

/* An encoder whose signature is a C expression of value. */
#define ENCODER(name, expression) \
	static uint64 \
	name(const VecGraphFilterColumn *column, Datum value) \
	{ \
		return expression; \
	} \
	extern int	vecidx_dummy_declaration

/* name_SIZE: among signatures of so many bytes */
ENCODER(int2_4, vx_signature_int32(DatumGetInt16(value)));
ENCODER(int4_4, vx_signature_int32(DatumGetInt32(value)));
ENCODER(int8_4, vx_signature_clamped(DatumGetInt64(value)));
ENCODER(int2_8, vx_signature_int64(DatumGetInt16(value)));
ENCODER(int4_8, vx_signature_int64(DatumGetInt32(value)));
ENCODER(int8_8, vx_signature_int64(DatumGetInt64(value)));
ENCODER(float4_4, vx_signature_float(DatumGetFloat4(value)));
ENCODER(float8_4, vx_signature_rounded(DatumGetFloat8(value)));
ENCODER(float4_8, vx_signature_double(DatumGetFloat4(value)));
ENCODER(float8_8, vx_signature_double(DatumGetFloat8(value)));
ENCODER(bool_4, vx_signature_uint32(DatumGetBool(value)));
ENCODER(oid_4, vx_signature_uint32(DatumGetObjectId(value)));
ENCODER(enum_4, vx_signature_hash32(DatumGetObjectId(value)));
ENCODER(date_4, vx_signature_int32(DatumGetDateADT(value)));
ENCODER(time_8, vx_signature_int64(DatumGetTimeADT(value)));
ENCODER(timestamp_8, vx_signature_int64(DatumGetTimestamp(value)));
ENCODER(uuid_8, vx_signature_bytes(DatumGetUUIDP(value)->data, UUID_LEN));
/* rounding keeps the order, NaN is the greatest of both types; what is beyond all doubles becomes infinite */
ENCODER(numeric_8, vx_signature_double(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value))));

/* A date as the beginning of its day. Dates go farther than timestamps. */
static uint64
date_8(const VecGraphFilterColumn *column, Datum value)
{
	DateADT		date = DatumGetDateADT(value);
	int64		time;

	if (DATE_IS_NOBEGIN(date))
		return vx_signature_int64(PG_INT64_MIN);
	if (DATE_IS_NOEND(date) || pg_mul_s64_overflow(date, USECS_PER_DAY, &time))
		return vx_signature_int64(date < 0 ? PG_INT64_MIN : PG_INT64_MAX);
	return vx_signature_int64(time);
}

/* A timestamp as a day: dates that are less or equal are not after it, those that are greater or equal not before it, however it is rounded. */
static uint64
timestamp_4(const VecGraphFilterColumn *column, Datum value)
{
	Timestamp	time = DatumGetTimestamp(value);

	if (TIMESTAMP_IS_NOBEGIN(time))
		return vx_signature_int32(DATEVAL_NOBEGIN);
	if (TIMESTAMP_IS_NOEND(time))
		return vx_signature_int32(DATEVAL_NOEND);
	return vx_signature_clamped(time / USECS_PER_DAY);
}

/*
 * An interval as microseconds, where months have 30 days and days 24 hours, which is how intervals are compared. Beyond 292,000 years all are
 * the same.
 */
static uint64
interval_8(const VecGraphFilterColumn *column, Datum value)
{
	Interval   *interval = DatumGetIntervalP(value);
	int64		days = (int64) interval->month * DAYS_PER_MONTH + interval->day + interval->time / USECS_PER_DAY;
	int64		rest = interval->time % USECS_PER_DAY;
	int64		time;

	/* so that days alone order what has not the same */
	if (rest < 0)
	{
		days--;
		rest += USECS_PER_DAY;
	}
	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &time) || pg_add_s64_overflow(time, rest, &time))
		time = days < 0 ? PG_INT64_MIN : PG_INT64_MAX;
	return vx_signature_int64(time);
}

/* The first bytes of bytea, or of text where the collation orders bytes. */
static uint64
prefix_8(const VecGraphFilterColumn *column, Datum value)
{
	struct varlena *string = (struct varlena *) DatumGetPointer(value);
	struct varlena *plain = string;
	uint64		signature;

	/* not asked by VARATT_IS_SHORT: what lies out of line is short, too */
	if (VARATT_IS_COMPRESSED(string) || VARATT_IS_EXTERNAL(string))
		plain = PG_DETOAST_DATUM_SLICE(value, 0, sizeof(signature));
	signature = vx_signature_bytes(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
	if (plain != string)
		pfree(plain);
	return signature;
}

/* Of bpchar, whose blanks at the end do not count. All of it is looked at: blanks among the first bytes may be the end, or not. */
static uint64
bpchar_8(const VecGraphFilterColumn *column, Datum value)
{
	struct varlena *string = PG_DETOAST_DATUM_PACKED(value);
	uint64		signature = vx_signature_bytes(VARDATA_ANY(string), bpchartruelen(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string)));

	if ((Pointer) string != DatumGetPointer(value))
		pfree(string);
	return signature;
}

/* The hash of a bpchar less the blanks at its end: up to 15 they count for it where the collation is not deterministic. */
static uint64
hash_of_bpchar(const VecGraphFilterColumn *column, Datum value)
{
	struct varlena *string = PG_DETOAST_DATUM_PACKED(value);
	text	   *trimmed = cstring_to_text_with_len(VARDATA_ANY(string),
												   bpchartruelen(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string)));
	uint64		hash = DatumGetUInt64(FunctionCall2Coll(column->hash, column->collation, PointerGetDatum(trimmed), UInt64GetDatum(0)));

	pfree(trimmed);
	if ((Pointer) string != DatumGetPointer(value))
		pfree(string);
	return hash;
}

static uint64
hash_of(const VecGraphFilterColumn *column, Datum value)
{
	if (column->hash->fn_oid == F_HASHBPCHAREXTENDED)
		return hash_of_bpchar(column, value);
	if (column->hash_is_wide)
		return DatumGetUInt64(FunctionCall2Coll(column->hash, column->collation, value, UInt64GetDatum(0)));
	return DatumGetUInt32(FunctionCall1Coll(column->hash, column->collation, value));
}

ENCODER(hash_4, vx_signature_hash32((uint32) hash_of(column, value)));
ENCODER(hash_8, vx_signature_hash64(hash_of(column, value)));

uint64 *
vecgraph_bits_of_elements(const VecGraphFilterColumn *column, Datum value, uint32 *n, bool *has_null)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	uint64	   *bits;

	deconstruct_array(array, column->element, column->element_length, column->element_by_value, column->element_align,
					  &elements, &nulls, &count);
	bits = palloc(sizeof(uint64) * Max(count, 1));
	*n = 0;
	*has_null = false;
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			*has_null = true;
		else
			bits[(*n)++] = vx_bloom_bits(hash_of(column, elements[i]));
	}
	pfree(elements);
	pfree(nulls);
	if ((Pointer) array != DatumGetPointer(value))
		pfree(array);
	return bits;
}

/* A set has the bits of all elements. Equal arrays are equal sets. */
static uint64
set_8(const VecGraphFilterColumn *column, Datum value)
{
	uint32		n;
	bool		has_null;
	uint64	   *bits = vecgraph_bits_of_elements(column, value, &n, &has_null);
	uint64		signature = VX_BLOOM_SET;

	for (uint32 i = 0; i < n; i++)
		signature |= bits[i];
	pfree(bits);
	return signature;
}

/* Types whose values have an order that signatures keep, and what their columns can be compared with. */
static const struct
{
	Oid			input_type;		/* of the operator class */
	Oid			type;			/* of what is encoded: the same for values of the column */
	VxSignatureKind kind;
	VecGraphEncode encode;
}			encoders[] =

{
	{INT2OID, INT2OID, VX_SIGNATURE_ORDERED4, int2_4},
	{INT2OID, INT4OID, VX_SIGNATURE_ORDERED4, int4_4},
	{INT2OID, INT8OID, VX_SIGNATURE_ORDERED4, int8_4},
	{INT4OID, INT2OID, VX_SIGNATURE_ORDERED4, int2_4},
	{INT4OID, INT4OID, VX_SIGNATURE_ORDERED4, int4_4},
	{INT4OID, INT8OID, VX_SIGNATURE_ORDERED4, int8_4},
	{INT8OID, INT2OID, VX_SIGNATURE_ORDERED8, int2_8},
	{INT8OID, INT4OID, VX_SIGNATURE_ORDERED8, int4_8},
	{INT8OID, INT8OID, VX_SIGNATURE_ORDERED8, int8_8},
	{FLOAT4OID, FLOAT4OID, VX_SIGNATURE_ORDERED4, float4_4},
	{FLOAT4OID, FLOAT8OID, VX_SIGNATURE_ORDERED4, float8_4},
	{FLOAT8OID, FLOAT4OID, VX_SIGNATURE_ORDERED8, float4_8},
	{FLOAT8OID, FLOAT8OID, VX_SIGNATURE_ORDERED8, float8_8},
	{NUMERICOID, NUMERICOID, VX_SIGNATURE_ORDERED8, numeric_8},
	{BOOLOID, BOOLOID, VX_SIGNATURE_ORDERED4, bool_4},
	{OIDOID, OIDOID, VX_SIGNATURE_ORDERED4, oid_4},
	{DATEOID, DATEOID, VX_SIGNATURE_ORDERED4, date_4},
	{DATEOID, TIMESTAMPOID, VX_SIGNATURE_ORDERED4, timestamp_4},
	{TIMESTAMPOID, DATEOID, VX_SIGNATURE_ORDERED8, date_8},
	{TIMESTAMPOID, TIMESTAMPOID, VX_SIGNATURE_ORDERED8, timestamp_8},
	{TIMESTAMPTZOID, TIMESTAMPTZOID, VX_SIGNATURE_ORDERED8, timestamp_8},
	{TIMEOID, TIMEOID, VX_SIGNATURE_ORDERED8, time_8},
	{INTERVALOID, INTERVALOID, VX_SIGNATURE_ORDERED8, interval_8},
	{UUIDOID, UUIDOID, VX_SIGNATURE_ORDERED8, uuid_8},
	{BYTEAOID, BYTEAOID, VX_SIGNATURE_ORDERED8, prefix_8},
};

/* ---- columns ---- */

/* Finds the hash function of a type, and with it the kind of a column that keeps hashes. */
static void
open_hash(VecGraphFilterColumn *column, Oid type, MemoryContext context)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_PROC | TYPECACHE_HASH_EXTENDED_PROC);

	column->hash_is_wide = OidIsValid(entry->hash_extended_proc);
	if (!column->hash_is_wide && !OidIsValid(entry->hash_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a hash function for type %s", format_type_be(type)),
				 errdetail("A vecgraph index keeps hashes of the values or elements of such a filter column."),
				 errhint("Leave the column out of the index, or define a default hash operator class for the type.")));
	column->kind = column->hash_is_wide ? VX_SIGNATURE_HASH8 : VX_SIGNATURE_HASH4;
	column->encode = column->hash_is_wide ? hash_8 : hash_4;
	column->hash = MemoryContextAlloc(context, sizeof(FmgrInfo));
	fmgr_info_cxt(column->hash_is_wide ? entry->hash_extended_proc : entry->hash_proc, column->hash, context);
}

static void
open_column(VecGraphFilterColumn *column, Oid input_type, Oid type, Oid collation, MemoryContext context)
{
	memset(column, 0, sizeof(*column));
	column->input_type = input_type;
	column->collation = collation;
	for (int i = 0; i < lengthof(encoders); i++)
		if (encoders[i].input_type == input_type && encoders[i].type == input_type)
		{
			column->kind = encoders[i].kind;
			column->encode = encoders[i].encode;
			return;
		}
	if ((input_type == TEXTOID || input_type == VARCHAROID || input_type == BPCHAROID) && vecidx_collates_by_bytes(collation))
	{
		column->kind = VX_SIGNATURE_ORDERED8;
		column->encode = input_type == BPCHAROID ? bpchar_8 : prefix_8;
	}
	else if (type_is_enum(type))
	{
		column->kind = VX_SIGNATURE_HASH4;
		column->encode = enum_4;
	}
	else if (type_is_array(type))
	{
		column->element = get_element_type(type);
		get_typlenbyvalalign(column->element, &column->element_length, &column->element_by_value, &column->element_align);
		open_hash(column, column->element, context);
		column->kind = VX_SIGNATURE_BLOOM8;
		column->encode = set_8;
	}
	else
		open_hash(column, IsPolymorphicType(input_type) ? type : input_type, context);
}

void
vecgraph_filters_open(Relation index, MemoryContext context, VecGraphFilters *filters)
{
	filters->count = IndexRelationGetNumberOfKeyAttributes(index) - 1;
	if (filters->count > VX_MAX_FILTERS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("a vecgraph index cannot have more than %d filter columns", VX_MAX_FILTERS),
				 errdetail("Index \"%s\" has %d columns behind the vector.", RelationGetRelationName(index), filters->count),
				 errhint("Leave out those that select little: their conditions are tested all the same.")));
	for (int i = 0; i < filters->count; i++)
		open_column(&filters->column[i], index->rd_opcintype[i + 1],
					getBaseType(TupleDescAttr(RelationGetDescr(index), i + 1)->atttypid), index->rd_indcollation[i + 1], context);
}

/*
 * PostgreSQL takes an operator class for any column whose values look alike: those of type bit varying, for one, which are of many
 * lengths.
 */
static void
check_vector_type(Relation index)
{
	Oid			type = getBaseType(TupleDescAttr(RelationGetDescr(index), 0)->atttypid);
	Oid			expected = index->rd_opcintype[0];

	if (type != expected)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("type not supported for vecgraph index"),
				 errdetail("The column is of type %s, and its operator class is for type %s.", format_type_be(type), format_type_be(expected)),
				 errhint("Index an expression that is a cast to type %s.", format_type_be(expected))));
}

void
vecgraph_check_columns(Relation index)
{
	VecGraphFilters filters;

	(void) vecgraph_opclass(index);
	check_vector_type(index);
	for (int i = 1; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
		if (vecgraph_column_role(index, i) != VECGRAPH_ROLE_FILTER)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a vecgraph index can have a vector in its first column only"),
					 errdetail("Column \"%s\" of index \"%s\" is column %d.",
							   NameStr(TupleDescAttr(RelationGetDescr(index), i)->attname), RelationGetRelationName(index), i + 1),
					 errhint("Make an index for each vector column.")));
	vecgraph_filters_open(index, CurrentMemoryContext, &filters);
}

void
vecgraph_check_kinds(Relation index, const VecGraphFilters *filters, const VxMeta *meta)
{
	for (int i = 0; i < filters->count; i++)
		if (filters->column[i].kind != meta->filter_kinds[i])
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("index \"%s\" was built with another form of its column \"%s\"", RelationGetRelationName(index),
							NameStr(TupleDescAttr(RelationGetDescr(index), i + 1)->attname)),
					 errdetail("The collation or the hash function of its values has changed since the index was built."),
					 errhint("Please REINDEX it.")));
}

void
vecgraph_make_signature(const VecGraphFilters *filters, const Datum *values, const bool *isnull, uint64 *signature)
{
	for (int i = 0; i < filters->count; i++)
	{
		const VecGraphFilterColumn *column = &filters->column[i];

		signature[i] = isnull[i + 1] ? VX_SIGNATURE_NULL : column->encode(column, values[i + 1]);
	}
}

VecGraphEncode
vecgraph_encoder_of(const VecGraphFilterColumn *column, Oid type)
{
	if (!OidIsValid(type) || type == column->input_type)
		return column->encode;
	for (int i = 0; i < lengthof(encoders); i++)
		if (encoders[i].input_type == column->input_type && encoders[i].type == type)
			return encoders[i].encode;
	return NULL;
}
