/*
 * operand.c: values that come row by row; see vecidx_operand.h.
 */
#include "type/vecidx_operand.h"

#include "access/detoast.h"

VecidxReadAhead vecidx_ahead;

/* Of the arguments of a function, as long as its caller's FmgrInfo lives: for a query. */
typedef struct KeptOperands
{
	struct varatt_external place[2];	/* of the last value that was out of line; zeros: there was none */
	Datum		value[2];		/* it; 0: it has come only once */
} KeptOperands;

Datum
vecidx_toasted_operand(FunctionCallInfo fcinfo, int argument)
{
	Datum		value = PG_GETARG_DATUM(argument);
	KeptOperands *kept;
	struct varatt_external place;

	if (fcinfo->flinfo == NULL)
		return value;
	kept = fcinfo->flinfo->fn_extra;
	if (kept == NULL)
		fcinfo->flinfo->fn_extra = kept = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(KeptOperands));
	VARATT_EXTERNAL_GET_POINTER(place, DatumGetPointer(value));
	if (memcmp(&place, &kept->place[argument], sizeof(place)) != 0)
	{
		if (kept->value[argument] != 0)
			pfree(DatumGetPointer(kept->value[argument]));
		kept->value[argument] = 0;
		kept->place[argument] = place;
		return value;
	}
	if (kept->value[argument] == 0)
	{
		MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		kept->value[argument] = PointerGetDatum(PG_DETOAST_DATUM(value));
		MemoryContextSwitchTo(before);
	}
	return kept->value[argument];
}
