/*
 * bit_ops.c: distances of PostgreSQL's own type bit, as binary_quantize makes them.
 */
#include "pg/vecidx_compat.h"

#include "port/pg_bitutils.h"
#include "utils/varbit.h"

#include "distance/vx_bits.h"
#include "type/vecidx_operand.h"

VECIDX_SQL_FUNCTION(vecidx_hamming_distance);
VECIDX_SQL_FUNCTION(vecidx_jaccard_distance);

/* How many bits of two strings differ, are set in the first, in the second. */
typedef struct BitCounts
{
	uint64		differing;
	uint64		a;
	uint64		b;
} BitCounts;

/* What follows so many whole words, zeros behind it. */
static uint64
last_word(const VarBit *bits, int words)
{
	uint64		word = 0;

	memcpy(&word, VARBITS(bits) + words * sizeof(word), VARBITBYTES(bits) - words * sizeof(word));
	return word;
}

/*
 * Counts in two bit strings, which must have the same length; those that are set only where wanted. PostgreSQL keeps the bits behind the last
 * one zero.
 */
static BitCounts
count_bits(FunctionCallInfo fcinfo, bool set)
{
	Datum		value_a = vecidx_operand(fcinfo, 0);
	Datum		value_b = vecidx_operand(fcinfo, 1);
	VarBit	   *a = DatumGetVarBitP(value_a);
	VarBit	   *b = DatumGetVarBitP(value_b);
	BitCounts	counts = {0};
	int			words = VARBITBYTES(a) / sizeof(uint64);
	uint64		last_a;
	uint64		last_b;

	if (VARBITLEN(a) != VARBITLEN(b))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %u and %u", VARBITLEN(a), VARBITLEN(b))));
	last_a = last_word(a, words);
	last_b = last_word(b, words);
	counts.differing = vx_bit_kernels->differing(VARBITS(a), VARBITS(b), words) + pg_popcount64(last_a ^ last_b);
	if (set)
	{
		counts.a = vx_bit_kernels->set(VARBITS(a), words) + pg_popcount64(last_a);
		counts.b = vx_bit_kernels->set(VARBITS(b), words) + pg_popcount64(last_b);
	}
	if ((Pointer) a != DatumGetPointer(value_a))
		pfree(a);
	if ((Pointer) b != DatumGetPointer(value_b))
		pfree(b);
	return counts;
}

/* hamming_distance(bit, bit) returns double precision: how many bits differ; <~> */
Datum
vecidx_hamming_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8((double) count_bits(fcinfo, false).differing);
}

/* jaccard_distance(bit, bit) returns double precision: 1 - bits set in both / bits set in either; 1 if none is set in both; <%> */
Datum
vecidx_jaccard_distance(PG_FUNCTION_ARGS)
{
	BitCounts	counts = count_bits(fcinfo, true);

	PG_RETURN_FLOAT8(vx_jaccard_distance(counts.differing, counts.a, counts.b));
}
