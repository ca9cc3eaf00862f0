/*
 * vecgraph_build_rest.c: the rows of a build that came when memory was full, until they are inserted; see vecgraph_build_state.h.
 *
 * They wait on disk until the others are linked and written, and are then sorted into the order in which they are best linked
 * (vx_order.h): who inserts near vectors one after the other reads and writes the same pages, so few need to be in buffers, and
 * in the processor's caches. All memory of the build is there for finding that order, and then for the sort.
 */
#include "am/build/vecgraph_build_state.h"
#include "am/build/vecgraph_queue.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

/* Memory for rows that wait for the others to be linked, at most, and the part of that of the build; more go to disk. */
#define WAITING_BYTES (1024 * 1024)
#define WAITING_SHARE 16

/* The part of the memory for finding the order of these rows: the rest of it is with them. */
#define ORDER_BYTES(limit) ((limit) / 4 * 3)

enum
{
	COLUMN_KEY = 1,				/* place in the order, 0 while it waits; then a hash: twins are neighbours */
	COLUMN_HASH,
	COLUMN_ROW,					/* bytea of the VecGraphFlatRow */
	COLUMNS = COLUMN_ROW
};

struct VecGraphBuildRest
{
	VxSpace		space;
	uint32		filter_count;
	uint64		count;
	TupleTableSlot *slot;		/* of the row that was read last */
	VecGraphFlatRow *row;		/* this, aligned */
	Tuplestorestate *waiting;	/* first */
	uint64		position;		/* of the next in it */
	Tuplesortstate *sort;		/* then */
};

VecGraphBuildRest *
vecgraph_build_rest_begin(VecGraphBuild *build)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->context);
	VecGraphBuildRest *rest = palloc0(sizeof(VecGraphBuildRest));
	TupleDesc	desc = CreateTemplateTupleDesc(COLUMNS);

	TupleDescInitEntry(desc, COLUMN_KEY, "key", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_HASH, "hash", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_ROW, "row", BYTEAOID, -1, 0);
	rest->space = build->space;
	rest->filter_count = build->geometry.filter_count;
	rest->waiting = tuplestore_begin_heap(false, false, (int) (Min(build->memory_limit / WAITING_SHARE, WAITING_BYTES) / 1024));
	tuplestore_set_eflags(rest->waiting, EXEC_FLAG_REWIND);
	rest->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old_context);
	return rest;
}

void
vecgraph_build_rest_put(VecGraphBuildRest *rest, const VecGraphRow *row)
{
	bytea	   *value = palloc(VARHDRSZ + vecgraph_flat_row_bytes(&rest->space, row->point, rest->filter_count));
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};

	SET_VARSIZE(value, VARHDRSZ + vecgraph_flatten_row(&rest->space, row, rest->filter_count, (VecGraphFlatRow *) VARDATA(value)));
	values[COLUMN_KEY - 1] = Int32GetDatum(0);
	values[COLUMN_HASH - 1] = Int32GetDatum((int32) row->hash);
	values[COLUMN_ROW - 1] = PointerGetDatum(value);
	tuplestore_putvalues(rest->waiting, rest->slot->tts_tupleDescriptor, values, nulls);
	rest->count++;
}

uint64
vecgraph_build_rest_count(const VecGraphBuildRest *rest)
{
	return rest->count;
}

/* Copies the row out of the slot, where it need not be aligned. */
static void
copy_row(VecGraphBuildRest *rest)
{
	bool		is_null;
	bytea	   *value = (bytea *) DatumGetPointer(slot_getattr(rest->slot, COLUMN_ROW, &is_null));

	memcpy(rest->row, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* ---- waiting rows, read one after the other ---- */

static void
rewind_waiting(VecGraphBuildRest *rest)
{
	rest->position = 0;
	tuplestore_rescan(rest->waiting);
}

static bool
next_waiting(VecGraphBuildRest *rest)
{
	CHECK_FOR_INTERRUPTS();
	if (!tuplestore_gettupleslot(rest->waiting, true, false, rest->slot))
		return false;
	rest->position++;
	copy_row(rest);
	return true;
}

/* The vector of row i, which is not before the last one. */
static const VxPoint *
waiting_point(void *context, uint32 i)
{
	VecGraphBuildRest *rest = context;

	/* by few at a time, since this cannot be interrupted */
	while (rest->position < i)
	{
		uint64		step = Min(i - rest->position, 1000);

		CHECK_FOR_INTERRUPTS();
		tuplestore_skiptuples(rest->waiting, (int64) step, true);
		rest->position += step;
	}
	if (!next_waiting(rest))
		elog(ERROR, "rows that wait to be inserted are lost");
	return &rest->row->point;
}

/* ---- sorting ---- */

/* Gives the sort the waiting rows with their places in the order. */
static void
feed_sort(VecGraphBuildRest *rest, const VxOrder *order)
{
	TupleTableSlot *slot = rest->slot;
	TupleTableSlot *keyed = MakeSingleTupleTableSlot(slot->tts_tupleDescriptor, &TTSOpsVirtual);

	rewind_waiting(rest);
	while (next_waiting(rest))
	{
		slot_getallattrs(slot);
		ExecClearTuple(keyed);
		memcpy(keyed->tts_values, slot->tts_values, COLUMNS * sizeof(Datum));
		memset(keyed->tts_isnull, 0, COLUMNS * sizeof(bool));
		keyed->tts_values[COLUMN_KEY - 1] = Int32GetDatum((int32) vx_order_key(order, &rest->row->point, rest->row->hash));
		tuplesort_puttupleslot(rest->sort, ExecStoreVirtualTuple(keyed));
	}
	ExecDropSingleTupleTableSlot(keyed);
	ExecClearTuple(slot);
}

void
vecgraph_build_rest_sort(VecGraphBuild *build, VecGraphBuildRest *rest)
{
	TupleDesc	desc = rest->slot->tts_tupleDescriptor;
	AttrNumber	columns[] = {COLUMN_KEY, COLUMN_HASH};
	Oid			operators[] = {Int4LessOperator, Int4LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	VxOrder		order;
	Size		memory;

	rest->row = MemoryContextAlloc(build->context, vecgraph_flat_row_room(&rest->space, rest->filter_count));
	rewind_waiting(rest);
	vx_order_init(&order, &build->mem, &build->space,
				  vx_order_depth(vx_space_coded_dim(&build->space), rest->count, ORDER_BYTES(build->memory_limit)),
				  waiting_point, rest, (uint32) Min(rest->count, PG_UINT32_MAX), VECGRAPH_BUILD_SEED, vecgraph_poll);
	memory = build->memory_limit - build->memory_limit / VECGRAPH_QUEUE_SHARE - vx_order_kept_bytes(order.dim, order.depth);
	rest->sort = tuplesort_begin_heap(desc, lengthof(columns), columns, operators, collations, nulls_first,
									  (int) (memory / 1024), NULL, 0);
	feed_sort(rest, &order);
	tuplestore_end(rest->waiting);
	vx_order_free(&order, &build->mem);
	tuplesort_performsort(rest->sort);
}

bool
vecgraph_build_rest_next(VecGraphBuildRest *rest, VecGraphRow *row)
{
	if (!tuplesort_gettupleslot(rest->sort, true, false, rest->slot, NULL))
		return false;
	copy_row(rest);
	*row = vecgraph_unflatten_row(&rest->space, rest->row);
	return true;
}

void
vecgraph_build_rest_end(VecGraphBuildRest *rest)
{
	ExecDropSingleTupleTableSlot(rest->slot);
	tuplesort_end(rest->sort);
	pfree(rest->row);
	pfree(rest);
}
