/*
 * vecgraph_build_insert.c: inserts the rows of a build that memory had no room for; see vecgraph_build_state.h.
 *
 * The leader puts sorted rows (vecgraph_build_rest.c) into a queue of batches; all participants, the leader among them, take
 * batches from it and insert their rows as INSERT would. Nobody waits for anybody but for a batch: the leader inserts where it
 * finds no free one. Twins come one after the other and go to the same participant, so they share a node.
 */
#include "am/build/vecgraph_build_state.h"
#include "am/build/vecgraph_queue.h"
#include "am/build/vecgraph_workers.h"

#include "access/genam.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

/* Keys of the table of contents. */
#define KEY_SHARED UINT64CONST(1)
#define KEY_QUEUE UINT64CONST(2)

/* What the leader shares with workers, besides the queue. */
typedef struct InsertShared
{
	Oid			index;
	bool		concurrent;		/* the locks of CREATE INDEX CONCURRENTLY */
	pg_atomic_uint64 inserted;	/* rows so far */
} InsertShared;

/* What a participant inserts with. */
typedef struct Inserter
{
	InsertShared *shared;
	VecGraphQueue *queue;
	VecGraphStore store;
	VxLinker	linker;
	MemoryContext context;		/* of a row */
} Inserter;

/* ---- what every participant does ---- */

static void
insert_row(Inserter *inserter, VecGraphBatch *batch, uint32 i)
{
	VecGraphRow row = vecgraph_unflatten_row(&inserter->queue->space, vecgraph_queue_row(batch, i));
	bool		is_last = i == batch->row_count - 1;

	vecgraph_insert_row(&inserter->store, &inserter->linker, &row);
	for (uint32 more = 0; is_last && more < batch->more_count; more++)
	{
		row.tid = batch->more[more];
		vecgraph_insert_row(&inserter->store, &inserter->linker, &row);
	}
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
begin_inserting(Inserter *inserter, InsertShared *shared, VecGraphQueue *queue, Relation index, MemoryContext context)
{
	inserter->shared = shared;
	inserter->queue = queue;
	vecgraph_store_open(&inserter->store, index, context);
	inserter->store.index.building = true;
	vx_linker_init(&inserter->linker, &inserter->store.index.mem);
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
	if (vecgraph_queue_take_this(batch, VECGRAPH_BATCH_FULL))
		insert_for_leader(inserter, batch);
	else
		vecgraph_queue_wait_for(inserter->queue, batch);
}

/* Whether a row is a twin of the last one of a batch. */
static bool
is_twin_of_last(VecGraphQueue *queue, VecGraphBatch *batch, const VecGraphRow *row)
{
	VecGraphRow last;

	if (batch->row_count == 0)
		return false;
	last = vecgraph_unflatten_row(&queue->space, vecgraph_queue_row(batch, batch->row_count - 1));
	return memcmp(last.signature, row->signature, queue->filter_count * sizeof(uint64)) == 0
		&& vx_space_same(&queue->space, last.point, row->point);
}

/* Feeds the queue with the sorted rows, and inserts with the others. */
static void
feed_queue(Inserter *inserter, VecGraphBuildRest *rest)
{
	VecGraphQueue *queue = inserter->queue;
	VecGraphBatch *batch = empty_batch(inserter);
	VecGraphRow row;

	while (vecgraph_build_rest_next(rest, &row))
	{
		if (is_twin_of_last(queue, batch, &row))
		{
			if (batch->more_count < VECGRAPH_MORE_TIDS)
			{
				batch->more[batch->more_count++] = row.tid;
				continue;
			}
			/* who inserts this one is to find the node of the others */
			vecgraph_queue_give(queue, batch, VECGRAPH_BATCH_FULL);
			wait_for(inserter, batch);
			batch = empty_batch(inserter);
		}
		else if (batch->more_count == 0 && vecgraph_queue_add(queue, batch, &row))
			continue;
		else
		{
			vecgraph_queue_give(queue, batch, VECGRAPH_BATCH_FULL);
			batch = empty_batch(inserter);
		}
		vecgraph_queue_add(queue, batch, &row);
	}
	vecgraph_queue_give(queue, batch, VECGRAPH_BATCH_FULL);
	vecgraph_queue_close(queue);
	while ((batch = vecgraph_queue_take(queue, VECGRAPH_BATCH_FULL)) != NULL)
		insert_for_leader(inserter, batch);
}

static void
init_shared(VecGraphBuild *build, InsertShared *shared)
{
	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->concurrent;
	pg_atomic_init_u64(&shared->inserted, 0);
}

/* Starts workers, and gives the inserter what it shares with them; NULL if there can be none. */
static ParallelContext *
start_inserting(VecGraphBuild *build, const VecGraphBuildRest *rest, Inserter *inserter)
{
	VecGraphQueue sized;
	Size		bytes = vecgraph_queue_size(&build->space, build->geometry.filter_count, build->memory_limit, build->workers + 1, &sized);
	VecGraphShare shares[] = {{KEY_SHARED, sizeof(InsertShared)}, {KEY_QUEUE, bytes}};
	ParallelContext *context;

	if (!vecgraph_workers_help(build->workers, (double) vecgraph_build_rest_count(rest)))
		return NULL;
	context = vecgraph_workers_enter("vecgraph_build_insert_main", build->workers, shares, lengthof(shares));
	if (context == NULL)
		return NULL;
	inserter->shared = shares[0].address;
	init_shared(build, inserter->shared);
	inserter->queue = shares[1].address;
	vecgraph_queue_init(inserter->queue, &sized);
	vecgraph_workers_launch(context, "build, inserting,");
	return context;
}

void
vecgraph_build_insert(VecGraphBuild *build, VecGraphBuildRest *rest)
{
	Inserter	inserter;
	InsertShared alone;
	ParallelContext *context;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_INSERTING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, vecgraph_build_rest_count(rest));
	vecgraph_build_rest_sort(build, rest);
	context = start_inserting(build, rest, &inserter);
	if (context == NULL)
	{
		VecGraphQueue sized;

		init_shared(build, &alone);
		inserter.shared = &alone;
		inserter.queue = MemoryContextAlloc(build->context,
											vecgraph_queue_size(&build->space, build->geometry.filter_count, build->memory_limit, 1, &sized));
		vecgraph_queue_init(inserter.queue, &sized);
	}
	begin_inserting(&inserter, inserter.shared, inserter.queue, build->index, build->context);
	feed_queue(&inserter, rest);
	if (context != NULL)
		vecgraph_workers_finish(context);
	vecgraph_build_rest_end(rest);
	vecgraph_attach(&inserter.store);
	if (RelationNeedsWAL(build->index))
		log_newpage_range(build->index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(build->index), true);
}

/* ---- a worker ---- */

/* Where parallel workers start; found by its name. */
PGDLLEXPORT void vecgraph_build_insert_main(dsm_segment *segment, shm_toc *toc);

void
vecgraph_build_insert_main(dsm_segment *segment, shm_toc *toc)
{
	InsertShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	VecGraphQueue *queue = shm_toc_lookup(toc, KEY_QUEUE, false);
	LOCKMODE	lock_mode = vecgraph_build_index_lock(shared->concurrent);
	Relation	index;
	Inserter	inserter;
	VecGraphBatch *batch;

	vecgraph_workers_begin(toc);
	index = index_open(shared->index, lock_mode);
	begin_inserting(&inserter, shared, queue, index, CurrentMemoryContext);
	/* the leader alone gives */
	while ((batch = vecgraph_queue_wait_full(queue, 1)) != NULL)
		insert_batch(&inserter, batch);
	index_close(index, lock_mode);
}
