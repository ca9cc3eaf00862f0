/*
 * vecgraph_conditions.c: conditions on filter columns as tests of signatures.
 *
 * All keys on a column together ask that its signature lies in a range, is one of several, or has some bits. < and > ask the same as
 * <= and >=, as different values may share a signature; the executor tests the values.
 */
#include "am/vecgraph.h"

#include "access/skey.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

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

/* The signatures [n] of the constants of a key: of elements that are not NULL if it has an array of constants. */
static uint64 *
signatures_of_key(const VecGraphFilterColumn *column, VecGraphEncode encode, ScanKey key, uint32 *n)
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
	VecGraphEncode encode = vecgraph_encoder_of(column, key->sk_subtype);
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
		|| vecgraph_encoder_of(column, key->sk_subtype) == NULL)
		return true;
	bits = vecgraph_bits_of_elements(column, key->sk_argument, &n, &has_null);
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
