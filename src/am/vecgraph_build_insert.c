/*
 * vecgraph_build_insert.c: the rows of a build that came when memory was full; see vecgraph_build.h.
 *
 * They wait in a sort, on disk as far as memory does not do, and come back in the order in which they are best linked
 * (vx_order.h): who inserts near vectors one after the other reads and writes the same pages, so few need to be in buffers.
 *
 * The leader puts sorted rows into a queue of batches; all participants, the leader among them, take batches from it and insert
 * their rows as INSERT would. Nobody waits for anybody but for a batch: the leader inserts where it finds no free one. Rows of
 * equal vectors come one after the other and go to the same participant, so they share a node.
 */
#include "am/vecgraph_build.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
#include "utils/wait_event.h"

/* Fewer rows than this are inserted before a worker has started. */
#define LEAST_ROWS 1000

#define BATCH_ROWS 64
#define BATCH_BYTES (256 * 1024)	/* about, if so many rows are not enough */
#define BATCHES 4				/* for each participant */

/* Heap TIDs of a batch's last vector beyond its first. */
#define MORE_TIDS 512

/* The part of the memory that the queue may take. */
#define QUEUE_SHARE 8

#define KEY_QUEUE UINT64CONST(1)

enum
{
	COLUMN_KEY = 1,				/* place in the order, then a hash: equal vectors are neighbours */
	COLUMN_HASH,
	COLUMN_TID,
	COLUMN_POINT,				/* bytea of the VxPoint */
	COLUMNS = COLUMN_POINT
};

typedef enum BatchState
{
	BATCH_EMPTY,				/* the leader's */
	BATCH_FULL,					/* anybody's */
	BATCH_TAKEN					/* of who took it */
} BatchState;

typedef struct Batch
{
	pg_atomic_uint32 state;		/* BatchState */
	uint32		row_count;
	uint32		more_count;
	ItemPointerData more[MORE_TIDS];	/* heap TIDs that the last row's vector has besides */
	/* rows follow */
} Batch;

typedef struct Row
{
	ItemPointerData tid;
	VxPoint		point;			/* at its end: dim floats follow */
} Row;

typedef struct Queue
{
	Oid			index;
	bool		concurrent;		/* the locks of CREATE INDEX CONCURRENTLY */
	bool		shared;			/* there are workers */
	uint32		batch_count;
	uint32		batch_rows;		/* room in a batch */
	Size		row_bytes;
	Size		batch_bytes;
	pg_atomic_uint32 finished;	/* no more batches will come */
	pg_atomic_uint64 inserted;	/* rows so far */
	ConditionVariable filled;	/* a batch was, or there will be none any more */
	ConditionVariable emptied;	/* a batch was */
	char		batches[FLEXIBLE_ARRAY_MEMBER];
} Queue;

/* What a participant inserts with. */
typedef struct Inserter
{
	Queue	   *queue;
	VecGraphStore store;
	VxLinker	linker;
	MemoryContext context;		/* of a row */
} Inserter;

/* ---- waiting rows ---- */

void
vecgraph_build_begin_rest(VecGraphBuild *build)
{
	AttrNumber	columns[] = {COLUMN_KEY, COLUMN_HASH};
	Oid			operators[] = {Int4LessOperator, Int4LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	MemoryContext old_context = MemoryContextSwitchTo(build->context);
	TupleDesc	desc = CreateTemplateTupleDesc(COLUMNS);
	Size		memory = build->memory_limit - build->memory_limit / VECGRAPH_ORDER_SHARE - build->memory_limit / QUEUE_SHARE;

	TupleDescInitEntry(desc, COLUMN_KEY, "key", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_HASH, "hash", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_TID, "tid", TIDOID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_POINT, "point", BYTEAOID, -1, 0);
	build->rest = tuplesort_begin_heap(desc, lengthof(columns), columns, operators, collations, nulls_first,
									   (int) (memory / 1024), NULL, 0);
	build->rest_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	build->rest_put = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	MemoryContextSwitchTo(old_context);
}

void
vecgraph_build_put_rest(VecGraphBuild *build, const VxPoint *point, ItemPointer heap_tid)
{
	TupleTableSlot *slot = build->rest_put;
	Size		bytes = VX_POINT_BYTES(build->meta.dim);
	bytea	   *value = palloc(VARHDRSZ + bytes);

	SET_VARSIZE(value, VARHDRSZ + bytes);
	memcpy(VARDATA(value), point, bytes);
	ExecClearTuple(slot);
	slot->tts_values[COLUMN_KEY - 1] = Int32GetDatum((int32) vecgraph_build_key(build, point));
	slot->tts_values[COLUMN_HASH - 1] = Int32GetDatum((int32) vecgraph_build_hash(build, point));
	slot->tts_values[COLUMN_TID - 1] = PointerGetDatum(heap_tid);
	slot->tts_values[COLUMN_POINT - 1] = PointerGetDatum(value);
	memset(slot->tts_isnull, 0, COLUMNS * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(build->rest, slot);
	ExecClearTuple(slot);
	build->rest_rows++;
}

/* The next row; *point need not be aligned. Both are valid until the next call. */
static bool
next_row(VecGraphBuild *build, ItemPointer *tid, const void **point)
{
	TupleTableSlot *slot = build->rest_slot;
	bool		is_null;

	if (!tuplesort_gettupleslot(build->rest, true, false, slot, NULL))
		return false;
	*tid = (ItemPointer) DatumGetPointer(slot_getattr(slot, COLUMN_TID, &is_null));
	*point = VARDATA_ANY(DatumGetPointer(slot_getattr(slot, COLUMN_POINT, &is_null)));
	return true;
}

/* ---- the queue ---- */

static inline Batch *
batch_number(Queue *queue, uint32 i)
{
	return (Batch *) (queue->batches + i * queue->batch_bytes);
}

static inline Row *
row_number(Queue *queue, Batch *batch, uint32 i)
{
	return (Row *) ((char *) batch + MAXALIGN(sizeof(Batch)) + i * queue->row_bytes);
}

/* Fills in the dimensions of a queue for so many participants; returns its bytes. */
static Size
size_queue(VecGraphBuild *build, int participants, Queue *queue)
{
	Size		most;

	memset(queue, 0, sizeof(*queue));
	queue->index = RelationGetRelid(build->index);
	queue->concurrent = build->concurrent;
	queue->shared = participants > 1;
	queue->batch_count = queue->shared ? BATCHES * participants : 1;
	queue->row_bytes = MAXALIGN(offsetof(Row, point) + VX_POINT_BYTES(build->meta.dim));
	most = Min(build->memory_limit / QUEUE_SHARE / queue->batch_count, BATCH_BYTES);
	queue->batch_rows = Min(Max(most / queue->row_bytes, 1), BATCH_ROWS);
	queue->batch_bytes = MAXALIGN(sizeof(Batch)) + queue->batch_rows * queue->row_bytes;
	return offsetof(Queue, batches) + queue->batch_count * queue->batch_bytes;
}

static void
init_queue(Queue *queue, const Queue *sized)
{
	memcpy(queue, sized, offsetof(Queue, batches));
	pg_atomic_init_u32(&queue->finished, 0);
	pg_atomic_init_u64(&queue->inserted, 0);
	ConditionVariableInit(&queue->filled);
	ConditionVariableInit(&queue->emptied);
	for (uint32 i = 0; i < queue->batch_count; i++)
		pg_atomic_init_u32(&batch_number(queue, i)->state, BATCH_EMPTY);
}

/* Takes a full batch, NULL if there is none. */
static Batch *
take_full(Queue *queue)
{
	for (uint32 i = 0; i < queue->batch_count; i++)
	{
		Batch	   *batch = batch_number(queue, i);
		uint32		full = BATCH_FULL;

		if (pg_atomic_compare_exchange_u32(&batch->state, &full, BATCH_TAKEN))
			return batch;
	}
	return NULL;
}

static void
insert_row(Inserter *inserter, Batch *batch, uint32 i)
{
	Row		   *row = row_number(inserter->queue, batch, i);
	bool		is_last = i == batch->row_count - 1;

	vecgraph_insert_point(&inserter->store, &inserter->linker, &row->point, &row->tid);
	for (uint32 more = 0; is_last && more < batch->more_count; more++)
		vecgraph_insert_point(&inserter->store, &inserter->linker, &row->point, &batch->more[more]);
}

/* Inserts the rows of a batch that was taken, and gives it back. */
static void
insert_batch(Inserter *inserter, Batch *batch)
{
	Queue	   *queue = inserter->queue;
	MemoryContext old_context = MemoryContextSwitchTo(inserter->context);

	for (uint32 i = 0; i < batch->row_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		insert_row(inserter, batch, i);
		MemoryContextReset(inserter->context);
	}
	MemoryContextSwitchTo(old_context);
	pg_atomic_fetch_add_u64(&queue->inserted, batch->row_count + batch->more_count);
	/* a full barrier: the rows have been read before others may be written there */
	pg_atomic_exchange_u32(&batch->state, BATCH_EMPTY);
	if (queue->shared)
		ConditionVariableBroadcast(&queue->emptied);
}

static void
begin_inserting(Inserter *inserter, Queue *queue, Relation index, MemoryContext context)
{
	inserter->queue = queue;
	vecgraph_store_open(&inserter->store, index, context);
	inserter->store.building = true;
	vx_linker_init(&inserter->linker, &inserter->store.mem);
	inserter->context = AllocSetContextCreate(context, "vecgraph build insert", ALLOCSET_DEFAULT_SIZES);
}

/* ---- the leader ---- */

static void
insert_for_leader(Inserter *inserter, Batch *batch)
{
	insert_batch(inserter, batch);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, pg_atomic_read_u64(&inserter->queue->inserted));
}

/* An empty batch; inserts the rows of others until there is one. */
static Batch *
empty_batch(Inserter *inserter)
{
	Queue	   *queue = inserter->queue;

	for (;;)
	{
		Batch	   *full;

		for (uint32 i = 0; i < queue->batch_count; i++)
		{
			Batch	   *batch = batch_number(queue, i);

			if (pg_atomic_read_u32(&batch->state) != BATCH_EMPTY)
				continue;
			pg_read_barrier();
			batch->row_count = batch->more_count = 0;
			return batch;
		}
		full = take_full(queue);
		if (full != NULL)
			insert_for_leader(inserter, full);
	}
}

static void
publish(Queue *queue, Batch *batch)
{
	pg_write_barrier();
	pg_atomic_write_u32(&batch->state, BATCH_FULL);
	if (queue->shared)
		ConditionVariableSignal(&queue->filled);
}

/* Waits until the rows of a batch are in the index. */
static void
wait_for(Inserter *inserter, Batch *batch)
{
	Queue	   *queue = inserter->queue;
	uint32		full = BATCH_FULL;

	if (pg_atomic_compare_exchange_u32(&batch->state, &full, BATCH_TAKEN))
	{
		insert_for_leader(inserter, batch);
		return;
	}
	ConditionVariablePrepareToSleep(&queue->emptied);
	while (pg_atomic_read_u32(&batch->state) != BATCH_EMPTY)
		ConditionVariableSleep(&queue->emptied, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	ConditionVariableCancelSleep();
}

/* Adds a row to a batch that has room. */
static void
add_row(VecGraphBuild *build, Queue *queue, Batch *batch, ItemPointer tid, const void *point)
{
	Row		   *row = row_number(queue, batch, batch->row_count++);

	row->tid = *tid;
	memcpy(&row->point, point, VX_POINT_BYTES(build->meta.dim));
}

/* Feeds the queue until there are no more rows, and inserts with the others. */
static void
feed(VecGraphBuild *build, Inserter *inserter)
{
	Queue	   *queue = inserter->queue;
	Batch	   *batch = empty_batch(inserter);
	ItemPointer tid;
	const void *point;

	while (next_row(build, &tid, &point))
	{
		if (batch->row_count > 0
			&& memcmp(&row_number(queue, batch, batch->row_count - 1)->point, point, VX_POINT_BYTES(build->meta.dim)) == 0)
		{
			if (batch->more_count < MORE_TIDS)
			{
				batch->more[batch->more_count++] = *tid;
				continue;
			}
			/* who inserts this one is to find the node of the others */
			publish(queue, batch);
			wait_for(inserter, batch);
			batch = empty_batch(inserter);
		}
		else if (batch->row_count == queue->batch_rows || batch->more_count > 0)
		{
			publish(queue, batch);
			batch = empty_batch(inserter);
		}
		add_row(build, queue, batch, tid, point);
	}
	publish(queue, batch);
	pg_atomic_write_u32(&queue->finished, 1);
	if (queue->shared)
		ConditionVariableBroadcast(&queue->filled);
	while ((batch = take_full(queue)) != NULL)
		insert_for_leader(inserter, batch);
}

/* Starts workers; returns their queue, NULL if there can be none. */
static Queue *
start_workers(VecGraphBuild *build, ParallelContext **context)
{
	Queue		sized;
	Size		bytes = size_queue(build, build->workers + 1, &sized);
	Queue	   *queue;

	*context = NULL;
	if (build->workers <= 0 || build->rest_rows < LEAST_ROWS || IsInParallelMode() || !ActiveSnapshotSet())
		return NULL;
	EnterParallelMode();
	*context = CreateParallelContext("vecidx", "vecgraph_build_insert_main", build->workers);
	shm_toc_estimate_chunk(&(*context)->estimator, bytes);
	shm_toc_estimate_keys(&(*context)->estimator, 1);
	vecgraph_parallel_estimate_query(*context);
	InitializeParallelDSM(*context);
	if ((*context)->seg == NULL)
	{
		DestroyParallelContext(*context);
		ExitParallelMode();
		*context = NULL;
		return NULL;
	}
	queue = shm_toc_allocate((*context)->toc, bytes);
	init_queue(queue, &sized);
	shm_toc_insert((*context)->toc, KEY_QUEUE, queue);
	vecgraph_parallel_share_query(*context);
	LaunchParallelWorkers(*context);
	ereport(DEBUG1,
			(errmsg_internal("vecgraph build launched %d of %d workers to insert", (*context)->nworkers_launched,
							 build->workers)));
	return queue;
}

void
vecgraph_build_insert_rest(VecGraphBuild *build)
{
	ParallelContext *context;
	Queue	   *queue;
	Inserter	inserter;

	tuplesort_performsort(build->rest);
	queue = start_workers(build, &context);
	if (queue == NULL)
	{
		Queue		sized;

		queue = MemoryContextAlloc(build->context, size_queue(build, 1, &sized));
		init_queue(queue, &sized);
	}
	begin_inserting(&inserter, queue, build->index, build->context);
	feed(build, &inserter);
	if (context != NULL)
	{
		WaitForParallelWorkersToFinish(context);
		DestroyParallelContext(context);
		ExitParallelMode();
	}
	ExecDropSingleTupleTableSlot(build->rest_slot);
	ExecDropSingleTupleTableSlot(build->rest_put);
	tuplesort_end(build->rest);
	vecgraph_attach(&inserter.store);
}

/* ---- a worker ---- */

/* Where parallel workers start; found by its name. */
PGDLLEXPORT void vecgraph_build_insert_main(dsm_segment *segment, shm_toc *toc);

void
vecgraph_build_insert_main(dsm_segment *segment, shm_toc *toc)
{
	Queue	   *queue = shm_toc_lookup(toc, KEY_QUEUE, false);
	LOCKMODE	lock_mode = vecgraph_build_index_lock(queue->concurrent);
	Relation	index;
	Inserter	inserter;

	vecgraph_parallel_report_query(toc);
	index = index_open(queue->index, lock_mode);
	begin_inserting(&inserter, queue, index, CurrentMemoryContext);
	for (;;)
	{
		Batch	   *batch;
		bool		finished;

		ConditionVariablePrepareToSleep(&queue->filled);
		for (;;)
		{
			/* the flag first: what was published before it was set is seen then */
			finished = pg_atomic_read_u32(&queue->finished) != 0;
			pg_read_barrier();
			batch = take_full(queue);
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
