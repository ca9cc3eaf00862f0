/*
 * vecidx_operand.h: what makes values cheaper that come row by row: asking for the memory of the next ones, and opening a value that stays the same once.
 */
#ifndef VECIDX_OPERAND_H
#define VECIDX_OPERAND_H

#include "pg/vecidx_compat.h"

#include "core/vx_port.h"

/* In bytes before a value: the header of its row, and columns in front of it. */
#define VECIDX_ROW_HEAD 32

/* In blocks: what is farther away than this has nothing to do with the last one. A table that was loaded beside others has every other block. */
#define VECIDX_MOST_STEP 8

/* Where the last value was. */
typedef struct VecidxReadAhead
{
	ptrdiff_t	block;			/* of the shared buffers */
	ptrdiff_t	step;			/* in blocks, to the block that is expected next; 0: it is not known */
} VecidxReadAhead;

extern VecidxReadAhead vecidx_ahead;

/*
 * Takes note of where a value of so many bytes is. If rows come block by block, as they do in a sequential scan of a table that was read in
 * order, then what is at the same place in the next block is asked for: it is there when its turn comes, row, header and all. What is asked for
 * is not touched, so it may be anything.
 */
static inline void
vecidx_read_ahead(const void *value, Size bytes)
{
	ptrdiff_t	at = (const char *) value - BufferBlocks;
	ptrdiff_t	block = at / BLCKSZ;

	if (at < 0 || block >= NBuffers)
		return;
	if (block != vecidx_ahead.block)
	{
		ptrdiff_t	step = block - vecidx_ahead.block;

		vecidx_ahead.step = step <= VECIDX_MOST_STEP && step >= -VECIDX_MOST_STEP ? step : 0;
		vecidx_ahead.block = block;
		/* the page's header and line pointers */
		if (vecidx_ahead.step != 0)
			vx_prefetch(BufferBlocks + (block + step) * BLCKSZ, 2 * VX_CACHE_LINE);
	}
	if (vecidx_ahead.step != 0)
		vx_prefetch((const char *) value + vecidx_ahead.step * BLCKSZ - VECIDX_ROW_HEAD, bytes + VECIDX_ROW_HEAD);
}

/* Of a value that is out of line: what vecidx_operand does. */
extern Datum vecidx_toasted_operand(FunctionCallInfo fcinfo, int argument);

/*
 * An argument, which is 0 or 1, of a function that has no other use for fn_extra. One that is out of line and the same as in the last two calls, as
 * the query in ORDER BY v <-> (SELECT v FROM ...), is detoasted once and kept: it must not be changed nor freed. Others are as they came.
 */
static inline Datum
vecidx_operand(FunctionCallInfo fcinfo, int argument)
{
	Datum		value = PG_GETARG_DATUM(argument);

	if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
		return vecidx_toasted_operand(fcinfo, argument);
	if (!VARATT_IS_EXTENDED(DatumGetPointer(value)))
		vecidx_read_ahead(DatumGetPointer(value), VARSIZE(DatumGetPointer(value)));
	return value;
}

#endif							/* VECIDX_OPERAND_H */
