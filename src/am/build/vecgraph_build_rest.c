/*
 * vecgraph_build_rest.c: the rows of a build that came when memory was full; see vecgraph_build.h.
 *
 * They wait on disk until the others are linked and written, and are then sorted into the order in which they are best linked
 * (vx_order.h): who inserts near vectors one after the other reads and writes the same pages, so few need to be in buffers, and in
 * the processor's caches. All memory of the build is there for finding that order, and then for the sort.
 *
 * The leader puts sorted rows into a queue of batches; all participants, the leader among them, take batches from it and insert
 * their rows as INSERT would. Nobody waits for anybody but for a batch: the leader inserts where it finds no free one. Rows of
 * equal vectors come one after the other and go to the same participant, so they share a node.
 */
#include "am/build/vecgraph_build.h"
#include "am/build/vecgraph_queue.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"
#include "utils/wait_event.h"

/* Fewer rows than this are inserted before a worker has started. */
#define LEAST_ROWS 1000

/* Memory for rows that wait for the others to be linked, at most, and the part of that of the build; more go to disk. */
#define WAITING_BYTES (1024 * 1024)
#define WAITING_SHARE 16

/* The part of the memory for finding the order of these rows: the rest of it is with them. */
#define ORDER_BYTES(limit) ((limit) / 4 * 3)

/* Keys of the table of contents. */
#define KEY_SHARED UINT64CONST(1)
#define KEY_QUEUE UINT64CONST(2)

enum
{
	COLUMN_KEY = 1,				/* place in the order, 0 while it waits; then a hash: equal vectors are neighbours */
	COLUMN_HASH,
	COLUMN_TID,
	COLUMN_POINT,				/* bytea of the VxPoint */
	COLUMNS = COLUMN_POINT
};

typedef struct Shared
{
	Oid			index;
	bool		concurrent;		/* the locks of CREATE INDEX CONCURRENTLY */
	pg_atomic_uint32 finished;	/* no more batches will come */
	pg_atomic_uint64 inserted;	/* rows so far */
} Shared;

/* Rows that wait, read one after the other. */
typedef struct Waiting
{
	Tuplestorestate *store;
	TupleTableSlot *slot;		/* of the last row */
	uint64		position;		/* of the next */
	VxPoint    *point;			/* of the last row, aligned */
	Size		point_bytes;
} Waiting;

/* What a participant inserts with. */
typedef struct Inserter
{
	Shared	   *shared;
	VecGraphQueue *queue;
	VecGraphStore store;
	VxLinker	linker;
	MemoryContext context;		/* of a row */
} Inserter;

/* ---- waiting rows ---- */

void
vecgraph_build_begin_rest(VecGraphBuild *build)
{
	MemoryContext old_context = MemoryContextSwitchTo(build->context);
	TupleDesc	desc = CreateTemplateTupleDesc(COLUMNS);

	TupleDescInitEntry(desc, COLUMN_KEY, "key", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_HASH, "hash", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_TID, "tid", TIDOID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_POINT, "point", BYTEAOID, -1, 0);
	build->rest = tuplestore_begin_heap(false, false, (int) (Min(build->memory_limit / WAITING_SHARE, WAITING_BYTES) / 1024));
	tuplestore_set_eflags(build->rest, EXEC_FLAG_REWIND);
	build->rest_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old_context);
}

void
vecgraph_build_put_rest(VecGraphBuild *build, const VxPoint *point, uint32 hash, ItemPointer heap_tid)
{
	Size		bytes = VX_POINT_BYTES(build->meta.dim);
	bytea	   *value = palloc(VARHDRSZ + bytes);
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};

	SET_VARSIZE(value, VARHDRSZ + bytes);
	memcpy(VARDATA(value), point, bytes);
	values[COLUMN_KEY - 1] = Int32GetDatum(0);
	values[COLUMN_HASH - 1] = Int32GetDatum((int32) hash);
	values[COLUMN_TID - 1] = PointerGetDatum(heap_tid);
	values[COLUMN_POINT - 1] = PointerGetDatum(value);
	tuplestore_putvalues(build->rest, build->rest_slot->tts_tupleDescriptor, values, nulls);
	build->rest_rows++;
}

static void
begin_waiting(VecGraphBuild *build, Waiting *waiting)
{
	waiting->store = build->rest;
	waiting->slot = build->rest_slot;
	waiting->position = 0;
	waiting->point_bytes = VX_POINT_BYTES(build->meta.dim);
	waiting->point = MemoryContextAlloc(build->context, waiting->point_bytes);
	tuplestore_rescan(build->rest);
}

static bool
next_waiting(Waiting *waiting)
{
	bool		is_null;

	CHECK_FOR_INTERRUPTS();
	if (!tuplestore_gettupleslot(waiting->store, true, false, waiting->slot))
		return false;
	waiting->position++;
	memcpy(waiting->point, VARDATA_ANY(DatumGetPointer(slot_getattr(waiting->slot, COLUMN_POINT, &is_null))),
		   waiting->point_bytes);
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
	return waiting->point;
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
	pfree(waiting->point);
}

/* Sorts the rows that wait. */
static Tuplesortstate *
sort_rest(VecGraphBuild *build)
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
		uint32		hash;

		slot_getallattrs(slot);
		ExecClearTuple(keyed);
		memcpy(keyed->tts_values, slot->tts_values, COLUMNS * sizeof(Datum));
		memset(keyed->tts_isnull, 0, COLUMNS * sizeof(bool));
		hash = (uint32) DatumGetInt32(slot->tts_values[COLUMN_HASH - 1]);
		keyed->tts_values[COLUMN_KEY - 1] = Int32GetDatum((int32) vx_order_key(&order, waiting.point, hash));
		tuplesort_puttupleslot(sort, ExecStoreVirtualTuple(keyed));
	}
	ExecDropSingleTupleTableSlot(keyed);
	ExecClearTuple(slot);
	tuplestore_end(build->rest);
	vx_order_free(&order, &build->mem);
	pfree(waiting.point);
	tuplesort_performsort(sort);
	return sort;
}

/* The next row; *point need not be aligned. Both are valid until the next call. */
static bool
next_row(Tuplesortstate *sort, TupleTableSlot *slot, ItemPointer *tid, const void **point)
{
	bool		is_null;

	if (!tuplesort_gettupleslot(sort, true, false, slot, NULL))
		return false;
	*tid = (ItemPointer) DatumGetPointer(slot_getattr(slot, COLUMN_TID, &is_null));
	*point = VARDATA_ANY(DatumGetPointer(slot_getattr(slot, COLUMN_POINT, &is_null)));
	return true;
}

/* ---- what every participant does ---- */

static void
insert_row(Inserter *inserter, VecGraphBatch *batch, uint32 i)
{
	VecGraphRow *row = vecgraph_queue_row(inserter->queue, batch, i);
	bool		is_last = i == batch->row_count - 1;

	vecgraph_insert_point(&inserter->store, &inserter->linker, &row->point, &row->tid);
	for (uint32 more = 0; is_last && more < batch->more_count; more++)
		vecgraph_insert_point(&inserter->store, &inserter->linker, &row->point, &batch->more[more]);
}

/* Inserts the rows of a batch that was taken, and gives it back. */
static void
insert_batch(Inserter *inserter, VecGraphBatch *batch)
{
	MemoryContext old_context = MemoryContextSwitchTo(inserter->context);

	for (uint32 i = 0; i < batch->row_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		insert_row(inserter, batch, i);
		MemoryContextReset(inserter->context);
	}
	MemoryContextSwitchTo(old_context);
	pg_atomic_fetch_add_u64(&inserter->shared->inserted, batch->row_count + batch->more_count);
	vecgraph_queue_give(inserter->queue, batch, VECGRAPH_BATCH_EMPTY);
}

static void
begin_inserting(Inserter *inserter, Shared *shared, VecGraphQueue *queue, Relation index, MemoryContext context)
{
	inserter->shared = shared;
	inserter->queue = queue;
	vecgraph_store_open(&inserter->store, index, context);
	inserter->store.building = true;
	vx_linker_init(&inserter->linker, &inserter->store.mem);
	inserter->context = AllocSetContextCreate(context, "vecgraph build insert", ALLOCSET_DEFAULT_SIZES);
}

/* ---- the leader ---- */

static void
insert_for_leader(Inserter *inserter, VecGraphBatch *batch)
{
	insert_batch(inserter, batch);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, pg_atomic_read_u64(&inserter->shared->inserted));
}

/* An empty batch; inserts the rows of others until there is one. */
static VecGraphBatch *
empty_batch(Inserter *inserter)
{
	for (;;)
	{
		VecGraphBatch *batch = vecgraph_queue_take(inserter->queue, VECGRAPH_BATCH_EMPTY);

		if (batch != NULL)
			return batch;
		batch = vecgraph_queue_take(inserter->queue, VECGRAPH_BATCH_FULL);
		if (batch != NULL)
			insert_for_leader(inserter, batch);
	}
}

/* Waits until the rows of a batch are in the index. */
static void
wait_for(Inserter *inserter, VecGraphBatch *batch)
{
	VecGraphQueue *queue = inserter->queue;

	if (vecgraph_queue_take_this(batch, VECGRAPH_BATCH_FULL))
	{
		insert_for_leader(inserter, batch);
		return;
	}
	ConditionVariablePrepareToSleep(&queue->emptied);
	while (pg_atomic_read_u32(&batch->state) != VECGRAPH_BATCH_EMPTY)
		ConditionVariableSleep(&queue->emptied, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	ConditionVariableCancelSleep();
}

/* Feeds the queue with the rows of the sort, and inserts with the others. */
static void
feed(Inserter *inserter, Tuplesortstate *sort, TupleTableSlot *slot)
{
	VecGraphQueue *queue = inserter->queue;
	VecGraphBatch *batch = empty_batch(inserter);
	ItemPointer tid;
	const void *point;

	while (next_row(sort, slot, &tid, &point))
	{
		if (batch->row_count > 0
			&& memcmp(&vecgraph_queue_row(queue, batch, batch->row_count - 1)->point, point, queue->point_bytes) == 0)
		{
			if (batch->more_count < VECGRAPH_MORE_TIDS)
			{
				batch->more[batch->more_count++] = *tid;
				continue;
			}
			/* who inserts this one is to find the node of the others */
			vecgraph_queue_give(queue, batch, VECGRAPH_BATCH_FULL);
			wait_for(inserter, batch);
			batch = empty_batch(inserter);
		}
		else if (batch->row_count == queue->batch_rows || batch->more_count > 0)
		{
			vecgraph_queue_give(queue, batch, VECGRAPH_BATCH_FULL);
			batch = empty_batch(inserter);
		}
		vecgraph_queue_add(queue, batch, tid, 0, point);
	}
	vecgraph_queue_give(queue, batch, VECGRAPH_BATCH_FULL);
	pg_atomic_write_u32(&inserter->shared->finished, 1);
	if (queue->shared)
		ConditionVariableBroadcast(&queue->filled);
	while ((batch = vecgraph_queue_take(queue, VECGRAPH_BATCH_FULL)) != NULL)
		insert_for_leader(inserter, batch);
}

static void
init_shared(VecGraphBuild *build, Shared *shared)
{
	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->concurrent;
	pg_atomic_init_u32(&shared->finished, 0);
	pg_atomic_init_u64(&shared->inserted, 0);
}

/* Starts workers, and gives the inserter what it shares with them; NULL if there can be none. */
static ParallelContext *
start_workers(VecGraphBuild *build, Inserter *inserter)
{
	VecGraphQueue sized;
	Size		bytes = vecgraph_queue_size(build->meta.dim, build->memory_limit, build->workers + 1, &sized);
	ParallelContext *context;

	if (build->workers <= 0 || build->rest_rows < LEAST_ROWS || IsInParallelMode() || !ActiveSnapshotSet())
		return NULL;
	context = vecgraph_parallel_enter("vecgraph_build_insert_main", build->workers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(Shared));
	shm_toc_estimate_chunk(&context->estimator, bytes);
	shm_toc_estimate_keys(&context->estimator, 2);
	if (!vecgraph_parallel_make_memory(context))
		return NULL;
	inserter->shared = shm_toc_allocate(context->toc, sizeof(Shared));
	init_shared(build, inserter->shared);
	shm_toc_insert(context->toc, KEY_SHARED, inserter->shared);
	inserter->queue = shm_toc_allocate(context->toc, bytes);
	vecgraph_queue_init(inserter->queue, &sized);
	shm_toc_insert(context->toc, KEY_QUEUE, inserter->queue);
	vecgraph_parallel_launch(context, "build, inserting,");
	return context;
}

void
vecgraph_build_insert_rest(VecGraphBuild *build)
{
	TupleTableSlot *slot = build->rest_slot;
	Tuplesortstate *sort = sort_rest(build);
	Inserter	inserter;
	ParallelContext *context = start_workers(build, &inserter);
	Shared		alone;

	if (context == NULL)
	{
		VecGraphQueue sized;

		init_shared(build, &alone);
		inserter.shared = &alone;
		inserter.queue = MemoryContextAlloc(build->context,
											vecgraph_queue_size(build->meta.dim, build->memory_limit, 1, &sized));
		vecgraph_queue_init(inserter.queue, &sized);
	}
	begin_inserting(&inserter, inserter.shared, inserter.queue, build->index, build->context);
	feed(&inserter, sort, slot);
	if (context != NULL)
		vecgraph_parallel_finish(context);
	ExecDropSingleTupleTableSlot(slot);
	tuplesort_end(sort);
	vecgraph_attach(&inserter.store);
}

/* ---- a worker ---- */

/* Where parallel workers start; found by its name. */
PGDLLEXPORT void vecgraph_build_insert_main(dsm_segment *segment, shm_toc *toc);

void
vecgraph_build_insert_main(dsm_segment *segment, shm_toc *toc)
{
	Shared	   *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	VecGraphQueue *queue = shm_toc_lookup(toc, KEY_QUEUE, false);
	LOCKMODE	lock_mode = vecgraph_build_index_lock(shared->concurrent);
	Relation	index;
	Inserter	inserter;

	vecgraph_parallel_report_query(toc);
	index = index_open(shared->index, lock_mode);
	begin_inserting(&inserter, shared, queue, index, CurrentMemoryContext);
	for (;;)
	{
		VecGraphBatch *batch;
		bool		finished;

		ConditionVariablePrepareToSleep(&queue->filled);
		for (;;)
		{
			/* the flag first: what was given before it was set is seen then */
			finished = pg_atomic_read_u32(&shared->finished) != 0;
			pg_read_barrier();
			batch = vecgraph_queue_take(queue, VECGRAPH_BATCH_FULL);
			if (batch != NULL || finished)
				break;
			ConditionVariableSleep(&queue->filled, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
		}
		ConditionVariableCancelSleep();
		if (batch == NULL)
			break;
		insert_batch(&inserter, batch);
	}
	index_close(index, lock_mode);
}
