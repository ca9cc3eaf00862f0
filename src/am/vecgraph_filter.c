/*
 * vecgraph_filter.c: values of filter columns as signatures, and conditions on them as tests of signatures.
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
 * c >= k for a column's value c and a constant k implies the same of their signatures. < and > become <= and >=, as different values may
 * share a signature.
 */
#include "am/vecgraph.h"

#include "access/skey.h"
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

typedef uint64 (*Encoder) (const VecGraphFilterColumn *column, Datum value);

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

/*
 * The bits of each element of an array that is not NULL, n of them, in the current memory context. has_null: whether there are others.
 */
static uint64 *
bits_of_elements(const VecGraphFilterColumn *column, Datum value, uint32 *n, bool *has_null)
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
	uint64	   *bits = bits_of_elements(column, value, &n, &has_null);
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
	Encoder		encode;
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

void
vecgraph_check_columns(Relation index)
{
	VecGraphFilters filters;

	(void) vecgraph_opclass(index);
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

/* ---- conditions ---- */

/* What all keys on a column ask of its signature. */
typedef struct Condition
{
	uint64		low;
	uint64		high;
	uint64	   *values;			/* [n], ascending: is one of these; NULL: there is no such condition */
	uint32		n;
	uint64		mask;			/* has all of these bits */
} Condition;

static void
narrow(Condition *condition, uint64 low, uint64 high)
{
	condition->low = Max(condition->low, low);
	condition->high = Min(condition->high, high);
}

static int
compare_signatures(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/* Puts them in order, each once; returns how many that are. */
static uint32
sort_signatures(uint64 *signatures, uint32 n)
{
	uint32		kept = 0;

	qsort(signatures, n, sizeof(uint64), compare_signatures);
	for (uint32 i = 0; i < n; i++)
		if (kept == 0 || signatures[i] != signatures[kept - 1])
			signatures[kept++] = signatures[i];
	return kept;
}

/* Only values that are among others, too, stay: both [n] are in order. Returns how many stay. */
static uint32
intersect(uint64 *values, uint32 n, const uint64 *others, uint32 n_others)
{
	uint32		kept = 0;

	for (uint32 i = 0, j = 0; i < n; i++)
	{
		while (j < n_others && others[j] < values[i])
			j++;
		if (j < n_others && others[j] == values[i])
			values[kept++] = values[i];
	}
	return kept;
}

/* How the constant of a key becomes a signature of the column; NULL if that is not known. */
static Encoder
encoder_of(const VecGraphFilterColumn *column, Oid type)
{
	if (!OidIsValid(type) || type == column->input_type)
		return column->encode;
	for (int i = 0; i < lengthof(encoders); i++)
		if (encoders[i].input_type == column->input_type && encoders[i].type == type)
			return encoders[i].encode;
	return NULL;
}

/* The signatures [n] of the constants of a key: of elements that are not NULL if it has an array of constants. */
static uint64 *
signatures_of_key(const VecGraphFilterColumn *column, Encoder encode, ScanKey key, uint32 *n)
{
	ArrayType  *array;
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	uint64	   *signatures;

	*n = 0;
	if ((key->sk_flags & SK_SEARCHARRAY) == 0)
	{
		signatures = palloc(sizeof(uint64));
		signatures[(*n)++] = encode(column, key->sk_argument);
		return signatures;
	}
	array = DatumGetArrayTypeP(key->sk_argument);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &elements, &nulls, &count);
	signatures = palloc(sizeof(uint64) * Max(count, 1));
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			signatures[(*n)++] = encode(column, elements[i]);
	return signatures;
}

/* A key that compares by order or equality. Returns false if no row can match. */
static bool
add_comparison(Condition *condition, const VecGraphFilterColumn *column, ScanKey key)
{
	Encoder		encode = encoder_of(column, key->sk_subtype);
	bool		ordered = column->kind == VX_SIGNATURE_ORDERED4 || column->kind == VX_SIGNATURE_ORDERED8;
	uint64		max = vx_signature_max(vx_signature_width(column->kind));
	uint64	   *signatures;
	uint32		n;

	if (encode == NULL || (!ordered && key->sk_strategy != VECGRAPH_STRATEGY_EQUAL))
		return true;
	signatures = signatures_of_key(column, encode, key, &n);
	n = sort_signatures(signatures, n);
	if (n == 0)
		return false;
	/* of several constants one is enough: the one that allows most */
	switch (key->sk_strategy)
	{
		case VECGRAPH_STRATEGY_LESS:
		case VECGRAPH_STRATEGY_LESS_EQUAL:
			narrow(condition, VX_SIGNATURE_LEAST, signatures[n - 1]);
			break;
		case VECGRAPH_STRATEGY_GREATER:
		case VECGRAPH_STRATEGY_GREATER_EQUAL:
			narrow(condition, signatures[0], max);
			break;
		default:
			narrow(condition, signatures[0], signatures[n - 1]);
			if (condition->values != NULL)
				n = intersect(signatures, n, condition->values, condition->n);
			condition->values = signatures;
			condition->n = n;
	}
	return true;
}

/*
 * A key that compares sets. If it asks for one of several sets of bits, that is a test of its own, which is filled in; its n is 0
 * else. Returns false if no row can match.
 */
static bool
add_set(Condition *condition, const VecGraphFilterColumn *column, ScanKey key, VxTest *test)
{
	bool		all = key->sk_strategy == VECGRAPH_STRATEGY_CONTAINS;
	uint64	   *bits;
	uint32		n;
	bool		has_null;

	test->n = 0;
	/* no operator has arrays of arrays */
	if (column->kind != VX_SIGNATURE_BLOOM8 || (key->sk_flags & SK_SEARCHARRAY) != 0
		|| encoder_of(column, key->sk_subtype) == NULL)
		return true;
	bits = bits_of_elements(column, key->sk_argument, &n, &has_null);
	/* no array contains NULL, nor has anything in common with an empty one */
	if (all ? has_null : n == 0)
		return false;
	for (uint32 i = 0; i < n; i++)
		bits[i] |= VX_BLOOM_SET;
	n = sort_signatures(bits, n);
	if (all || n == 1)
	{
		condition->mask |= VX_BLOOM_SET;
		for (uint32 i = 0; i < n; i++)
			condition->mask |= bits[i];
		return true;
	}
	test->kind = VX_TEST_BITS;
	test->values = bits;
	test->n = n;
	return true;
}

/* Writes a condition as tests, at most two of them, behind those that a filter has. Returns false if no row can match. */
static bool
write_tests(Condition *condition, uint32 column, VxFilter *filter)
{
	uint64		max = vx_signature_max(filter->width[column]);
	VxTest		test = {.column = column};

	if (condition->values != NULL)
	{
		uint32		kept = 0;

		for (uint32 i = 0; i < condition->n; i++)
		{
			uint64		value = condition->values[i];

			if (condition->low <= value && value <= condition->high && (value & condition->mask) == condition->mask)
				condition->values[kept++] = value;
		}
		if (kept == 0)
			return false;
		condition->n = kept;
		condition->low = condition->values[0];
		condition->high = condition->values[kept - 1];
		condition->mask = 0;
	}
	if (condition->low > condition->high)
		return false;
	if (condition->low == condition->high)
	{
		if ((condition->low & condition->mask) != condition->mask)
			return false;
		condition->mask = 0;
	}
	if (condition->mask != 0)
	{
		uint64	   *mask = palloc(sizeof(uint64));

		*mask = condition->mask;
		test.kind = VX_TEST_BITS;
		test.values = mask;
		test.n = 1;
		filter->tests[filter->count++] = test;
	}
	/* sets are not ordered: the range is that of all data, of which the mask takes care */
	else if (condition->low != VX_SIGNATURE_ABSENT || condition->high != max)
	{
		test.kind = condition->n > 1 ? VX_TEST_ANY_OF : VX_TEST_RANGE;
		test.low = condition->low;
		test.high = condition->high;
		test.values = condition->values;
		test.n = condition->n;
		filter->tests[filter->count++] = test;
	}
	return true;
}

bool
vecgraph_make_filter(const VecGraphFilters *filters, ScanKey keys, int nkeys, MemoryContext context, VxFilter *filter)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	VxMem		mem = vecgraph_mem(context);
	Condition	conditions[VX_MAX_FILTERS];
	bool		possible = true;

	memset(filter, 0, sizeof(*filter));
	filter->tests = palloc(sizeof(VxTest) * (2 * filters->count + nkeys + 1));
	for (int i = 0; i < filters->count; i++)
	{
		filter->width[i] = vx_signature_width(filters->column[i].kind);
		conditions[i] = (Condition)
		{
			.low = VX_SIGNATURE_ABSENT,.high = vx_signature_max(filter->width[i])
		};
	}
	for (int k = 0; k < nkeys && possible; k++)
	{
		ScanKey		key = &keys[k];
		int			i = key->sk_attno - 2;
		VxTest	   *test = &filter->tests[filter->count];

		/* the vector is in each row of the index; only whether it is NULL can be asked of it here */
		if (i < 0)
			possible = (key->sk_flags & SK_SEARCHNULL) == 0;
		else if (key->sk_flags & SK_SEARCHNULL)
			narrow(&conditions[i], VX_SIGNATURE_NULL, VX_SIGNATURE_NULL);
		else if (key->sk_flags & SK_SEARCHNOTNULL)
			narrow(&conditions[i], VX_SIGNATURE_LEAST, vx_signature_max(filter->width[i]));
		else if (key->sk_flags & SK_ISNULL)
			possible = false;	/* operators are strict */
		else if (key->sk_strategy == VECGRAPH_STRATEGY_OVERLAP || key->sk_strategy == VECGRAPH_STRATEGY_CONTAINS)
		{
			*test = (VxTest)
			{
				.column = i
			};
			possible = add_set(&conditions[i], &filters->column[i], key, test);
			filter->count += test->n > 0;
		}
		else
			possible = add_comparison(&conditions[i], &filters->column[i], key);
	}
	for (int i = 0; i < filters->count && possible; i++)
		possible = write_tests(&conditions[i], i, filter);
	if (possible)
		vx_filter_prepare(filter, &mem);
	MemoryContextSwitchTo(old);
	return possible;
}
