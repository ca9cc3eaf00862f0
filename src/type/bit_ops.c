/*
 * bit_ops.c: distances of PostgreSQL's own type bit, as binary_quantize makes them.
 */
#include "pg/vecidx_compat.h"

#include "port/pg_bitutils.h"
#include "utils/varbit.h"

VECIDX_SQL_FUNCTION(vecidx_hamming_distance);
VECIDX_SQL_FUNCTION(vecidx_jaccard_distance);

/* How many bits are set in both of two strings, in the first, in the second. */
typedef struct BitCounts
{
	uint64		both;
	uint64		a;
	uint64		b;
} BitCounts;

static uint64
word_at(const bits8 *bits, int bytes)
{
	uint64		word = 0;

	memcpy(&word, bits, Min(bytes, (int) sizeof(word)));
	return word;
}

/* Counts in two bit strings, which must have the same length. PostgreSQL keeps the bits behind the last one zero. */
static BitCounts
count_bits(FunctionCallInfo fcinfo)
{
	VarBit	   *a = PG_GETARG_VARBIT_P(0);
	VarBit	   *b = PG_GETARG_VARBIT_P(1);
	BitCounts	counts = {0};

	if (VARBITLEN(a) != VARBITLEN(b))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %u and %u", VARBITLEN(a), VARBITLEN(b))));
	for (int i = 0; i < VARBITBYTES(a); i += sizeof(uint64))
	{
		uint64		word_a = word_at(VARBITS(a) + i, VARBITBYTES(a) - i);
		uint64		word_b = word_at(VARBITS(b) + i, VARBITBYTES(a) - i);

		counts.both += pg_popcount64(word_a & word_b);
		counts.a += pg_popcount64(word_a);
		counts.b += pg_popcount64(word_b);
	}
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return counts;
}

/* hamming_distance(bit, bit) returns double precision: how many bits differ; <~> */
Datum
vecidx_hamming_distance(PG_FUNCTION_ARGS)
{
	BitCounts	counts = count_bits(fcinfo);

	PG_RETURN_FLOAT8((double) (counts.a + counts.b - 2 * counts.both));
}

/* jaccard_distance(bit, bit) returns double precision: 1 - bits set in both / bits set in either; 1 if none is set in both; <%> */
Datum
vecidx_jaccard_distance(PG_FUNCTION_ARGS)
{
	BitCounts	counts = count_bits(fcinfo);

	if (counts.both == 0)
		PG_RETURN_FLOAT8(1);
	PG_RETURN_FLOAT8(1 - (double) counts.both / (double) (counts.a + counts.b - counts.both));
}
