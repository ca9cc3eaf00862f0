/*
 * vecgraph_build_rest.c: the rows of a build that came when memory was full, until they are inserted; see vecgraph_build_impl.h.
 *
 * They wait on disk until the others are linked and written, and are then sorted into the order in which they are best linked
 * (vx_order.h): who inserts near vectors one after the other reads and writes the same pages, so few need to be in buffers, and in
 * the processor's caches. All memory of the build is there for finding that order, and then for the sort.
 */
#include "am/build/vecgraph_build_impl.h"
#include "am/build/vecgraph_queue.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

/* Memory for rows that wait for the others to be linked, at most, and the part of that of the build; more go to disk. */
#define WAITING_BYTES (1024 * 1024)
#define WAITING_SHARE 16

/* The part of the memory for finding the order of these rows: the rest of it is with them. */
#define ORDER_BYTES(limit) ((limit) / 4 * 3)

enum
{
	COLUMN_KEY = 1,				/* place in the order, 0 while it waits; then a hash: equal vectors are neighbours */
	COLUMN_HASH,
	COLUMN_ROW,					/* bytea of the VecGraphFlatRow */
	COLUMNS = COLUMN_ROW
};

/* Rows that wait, read one after the other. */
typedef struct Waiting
{
	Tuplestorestate *store;
	TupleTableSlot *slot;		/* of the last row */
	uint64		position;		/* of the next */
	VecGraphFlatRow *row;		/* the last */
} Waiting;

void
vecgraph_build_begin_rest(VecGraphBuild *build)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->context);
	TupleDesc	desc = CreateTemplateTupleDesc(COLUMNS);

	TupleDescInitEntry(desc, COLUMN_KEY, "key", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_HASH, "hash", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_ROW, "row", BYTEAOID, -1, 0);
	build->rest = tuplestore_begin_heap(false, false, (int) (Min(build->memory_limit / WAITING_SHARE, WAITING_BYTES) / 1024));
	tuplestore_set_eflags(build->rest, EXEC_FLAG_REWIND);
	build->rest_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old_context);
}

void
vecgraph_build_put_rest(VecGraphBuild *build, const VecGraphRow *row)
{
	bytea	   *value = palloc(VARHDRSZ + vecgraph_flat_row_room(&build->space));
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};

	SET_VARSIZE(value, VARHDRSZ + vecgraph_flatten_row(&build->space, row, (VecGraphFlatRow *) VARDATA(value)));
	values[COLUMN_KEY - 1] = Int32GetDatum(0);
	values[COLUMN_HASH - 1] = Int32GetDatum((int32) row->hash);
	values[COLUMN_ROW - 1] = PointerGetDatum(value);
	tuplestore_putvalues(build->rest, build->rest_slot->tts_tupleDescriptor, values, nulls);
	build->rest_rows++;
}

static void
begin_waiting(VecGraphBuild *build, Waiting *waiting)
{
	waiting->store = build->rest;
	waiting->slot = build->rest_slot;
	waiting->position = 0;
	waiting->row = MemoryContextAlloc(build->context, vecgraph_flat_row_room(&build->space));
	tuplestore_rescan(build->rest);
}

/* Copies the row out of a tuple, where it need not be aligned. */
static void
copy_row(TupleTableSlot *slot, VecGraphFlatRow *row)
{
	bool		is_null;
	bytea	   *value = (bytea *) DatumGetPointer(slot_getattr(slot, COLUMN_ROW, &is_null));

	memcpy(row, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static bool
next_waiting(Waiting *waiting)
{
	CHECK_FOR_INTERRUPTS();
	if (!tuplestore_gettupleslot(waiting->store, true, false, waiting->slot))
		return false;
	waiting->position++;
	copy_row(waiting->slot, waiting->row);
	return true;
}

/* The vector of row i, which is not before the last one. */
static const VxPoint *
waiting_point(void *context, uint32 i)
{
	Waiting    *waiting = context;

	/* by few at a time, since this cannot be interrupted */
	while (waiting->position < i)
	{
		uint64		step = Min(i - waiting->position, 1000);

		CHECK_FOR_INTERRUPTS();
		tuplestore_skiptuples(waiting->store, (int64) step, true);
		waiting->position += step;
	}
	if (!next_waiting(waiting))
		elog(ERROR, "rows that wait to be inserted are lost");
	return &waiting->row->point;
}

/* Finds the order of the rows that wait. */
static void
order_rest(VecGraphBuild *build, Waiting *waiting, VxOrder *order)
{
	uint32		dim = build->meta.dim;

	begin_waiting(build, waiting);
	vx_order_init(order, &build->mem, build->space.metric, dim,
				  vx_order_depth(dim, build->rest_rows, ORDER_BYTES(build->memory_limit)),
				  waiting_point, waiting, (uint32) Min(build->rest_rows, PG_UINT32_MAX), VECGRAPH_BUILD_SEED, vecgraph_poll);
	pfree(waiting->row);
}

Tuplesortstate *
vecgraph_build_sort_rest(VecGraphBuild *build)
{
	AttrNumber	columns[] = {COLUMN_KEY, COLUMN_HASH};
	Oid			operators[] = {Int4LessOperator, Int4LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	TupleTableSlot *slot = build->rest_slot;
	TupleTableSlot *keyed = MakeSingleTupleTableSlot(slot->tts_tupleDescriptor, &TTSOpsVirtual);
	VxOrder		order;
	Waiting		waiting;
	Size		memory;
	Tuplesortstate *sort;

	order_rest(build, &waiting, &order);
	memory = build->memory_limit - build->memory_limit / VECGRAPH_QUEUE_SHARE - vx_order_kept_bytes(build->meta.dim, order.depth);
	sort = tuplesort_begin_heap(slot->tts_tupleDescriptor, lengthof(columns), columns, operators, collations, nulls_first,
								(int) (memory / 1024), NULL, 0);
	begin_waiting(build, &waiting);
	while (next_waiting(&waiting))
	{
		slot_getallattrs(slot);
		ExecClearTuple(keyed);
		memcpy(keyed->tts_values, slot->tts_values, COLUMNS * sizeof(Datum));
		memset(keyed->tts_isnull, 0, COLUMNS * sizeof(bool));
		keyed->tts_values[COLUMN_KEY - 1] = Int32GetDatum((int32) vx_order_key(&order, &waiting.row->point, waiting.row->hash));
		tuplesort_puttupleslot(sort, ExecStoreVirtualTuple(keyed));
	}
	ExecDropSingleTupleTableSlot(keyed);
	ExecClearTuple(slot);
	tuplestore_end(build->rest);
	vx_order_free(&order, &build->mem);
	pfree(waiting.row);
	tuplesort_performsort(sort);
	return sort;
}

bool
vecgraph_build_next_rest(Tuplesortstate *sort, TupleTableSlot *slot, VecGraphFlatRow *flat)
{
	if (!tuplesort_gettupleslot(sort, true, false, slot, NULL))
		return false;
	copy_row(slot, flat);
	return true;
}
