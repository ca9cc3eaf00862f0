/*
 * vecgraph_build_scan.c: the heap scan of a build, with parallel workers where there are any; see vecgraph_build_state.h.
 *
 * All participants read blocks of the heap, get at the vectors (from TOAST, or by evaluating an expression) and hand over batches
 * of rows. The leader alone takes rows in, its own and those of the batches: what it does then, finding twins and copying, is
 * little beside the reading, and so neither memory nor the switch to a smaller regime needs to be agreed upon.
 */
#include "am/build/vecgraph_build_state.h"
#include "am/build/vecgraph_queue.h"
#include "am/build/vecgraph_workers.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* After so many rows of its own the leader looks for batches of others. */
#define OWN_ROWS 32

/* Keys of the table of contents. */
#define KEY_SHARED UINT64CONST(1)
#define KEY_QUEUE UINT64CONST(2)
#define KEY_SCAN UINT64CONST(3)

/* What the leader shares with workers, besides queue and scan. */
typedef struct ScanShared
{
	Oid			heap;
	Oid			index;
	bool		concurrent;		/* the locks of CREATE INDEX CONCURRENTLY */
	VxSpace		space;
	pg_atomic_uint32 broken_hot_chain;
	pg_atomic_uint64 heap_rows; /* that they have read */
} ScanShared;

/* Who reads the heap. */
typedef struct Reader
{
	VecGraphColumns columns;
	VxSpace		space;
	MemoryContext context;		/* of a row */
	ScanShared *shared;			/* of the leader */
	VecGraphQueue *queue;		/* NULL: the leader, alone */
	VecGraphBuildLoad *load;	/* of the leader; NULL: a worker */
	uint64		own_rows;		/* that the leader has met */
	VecGraphBatch *batch;		/* that a worker fills, NULL: it has none */
} Reader;

/* ---- a worker's rows ---- */

/* To the leader. */
static void
hand_over(Reader *reader, const VecGraphRow *row)
{
	if (reader->batch == NULL)
		reader->batch = vecgraph_queue_wait_empty(reader->queue);
	if (vecgraph_queue_add(reader->queue, reader->batch, row))
		return;
	vecgraph_queue_give(reader->queue, reader->batch, VECGRAPH_BATCH_FULL);
	reader->batch = vecgraph_queue_wait_empty(reader->queue);
	vecgraph_queue_add(reader->queue, reader->batch, row);
}

/* ---- the leader ---- */

/* Loads the rows of a batch, and gives it back. */
static void
load_batch(Reader *reader, VecGraphBatch *batch)
{
	MemoryContext old_context = MemoryContextSwitchTo(reader->context);

	CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < batch->row_count; i++)
	{
		VecGraphRow row = vecgraph_unflatten_row(&reader->space, vecgraph_queue_row(batch, i));

		vecgraph_build_load_row(reader->load, &row);
		MemoryContextReset(reader->context);
	}
	MemoryContextSwitchTo(old_context);
	vecgraph_queue_give(reader->queue, batch, VECGRAPH_BATCH_EMPTY);
}

/* A row of the heap, in any participant. */
static void
scan_row(Relation index, ItemPointer tid, Datum *values, bool *is_null, bool alive, void *state)
{
	Reader	   *reader = state;
	MemoryContext old_context;
	VecGraphBatch *batch;
	VecGraphRow row;

	if (reader->load != NULL && reader->queue != NULL && reader->own_rows++ % OWN_ROWS == 0)
		while ((batch = vecgraph_queue_take(reader->queue, VECGRAPH_BATCH_FULL)) != NULL)
			load_batch(reader, batch);
	old_context = MemoryContextSwitchTo(reader->context);
	if (vecgraph_make_row(&reader->columns, &reader->space, values, is_null, tid, reader->context, &row))
	{
		row.hash = vecgraph_row_hash(&reader->space, row.point, row.signature, (uint32) reader->columns.filters.count);
		if (reader->load != NULL)
			vecgraph_build_load_row(reader->load, &row);
		else
			hand_over(reader, &row);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(reader->context);
}

/* Starts workers, and gives the reader what it shares with them; NULL if there can be none. */
static ParallelContext *
start_scanning(VecGraphBuild *build, Relation heap, Snapshot snapshot, const VecGraphQueue *sized, Size queue_bytes, Reader *reader)
{
	VecGraphShare shares[] = {
		{KEY_SHARED, sizeof(ScanShared)},
		{KEY_QUEUE, queue_bytes},
		{KEY_SCAN, table_parallelscan_estimate(heap, snapshot)}
	};
	ParallelContext *context = vecgraph_workers_enter("vecgraph_build_scan_main", build->workers, shares, lengthof(shares));

	if (context == NULL)
		return NULL;
	reader->shared = shares[0].address;
	reader->shared->heap = RelationGetRelid(heap);
	reader->shared->index = RelationGetRelid(build->index);
	reader->shared->concurrent = build->concurrent;
	reader->shared->space = build->space;
	pg_atomic_init_u32(&reader->shared->broken_hot_chain, 0);
	pg_atomic_init_u64(&reader->shared->heap_rows, 0);
	reader->queue = shares[1].address;
	vecgraph_queue_init(reader->queue, sized);
	table_parallelscan_initialize(heap, shares[2].address, snapshot);
	vecgraph_workers_launch(context, "heap scan");
	return context;
}

/* The scan with workers; false, having done nothing, if they would not help, or there can be none. */
static bool
scan_with_workers(VecGraphBuild *build, Reader *reader, Relation heap, IndexInfo *info, double *heap_rows)
{
	VecGraphQueue sized;
	Size		queue_bytes = vecgraph_queue_size(&build->space, build->geometry.filter_count, build->memory_limit, build->workers + 1,
												  &sized);
	Snapshot	snapshot;
	ParallelContext *context;

	if (!vecgraph_workers_help(build->workers, build->expected_rows) || queue_bytes > build->memory_limit / VECGRAPH_QUEUE_SHARE)
		return false;
	snapshot = build->concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	context = start_scanning(build, heap, snapshot, &sized, queue_bytes, reader);
	if (context != NULL)
	{
		TableScanDesc scan = table_beginscan_parallel(heap, shm_toc_lookup(context->toc, KEY_SCAN, false));
		VecGraphBatch *batch;

		vecgraph_build_load_reserve(reader->load, queue_bytes);
		*heap_rows = table_index_build_scan(heap, build->index, info, true, true, scan_row, reader, scan);
		/* one that could not start has no rows, and is an error here */
		WaitForParallelWorkersToAttach(context);
		while ((batch = vecgraph_queue_wait_full(reader->queue, (uint32) context->nworkers_launched)) != NULL)
			load_batch(reader, batch);
		*heap_rows += (double) pg_atomic_read_u64(&reader->shared->heap_rows);
		if (pg_atomic_read_u32(&reader->shared->broken_hot_chain) != 0)
			info->ii_BrokenHotChain = true;
		vecgraph_workers_finish(context);
	}
	if (IsMVCCSnapshot(snapshot))
		UnregisterSnapshot(snapshot);
	return context != NULL;
}

double
vecgraph_build_scan(VecGraphBuild *build, VecGraphBuildLoad *load, Relation heap, IndexInfo *info)
{
	Reader		reader = {.columns = build->columns,.space = build->space,.load = load};
	double		heap_rows;

	reader.context = AllocSetContextCreate(build->context, "vecgraph build row", ALLOCSET_DEFAULT_SIZES);
	if (!scan_with_workers(build, &reader, heap, info, &heap_rows))
		heap_rows = table_index_build_scan(heap, build->index, info, true, true, scan_row, &reader, NULL);
	MemoryContextDelete(reader.context);
	return heap_rows;
}

/* ---- a worker ---- */

/* Where parallel workers start; found by its name. */
PGDLLEXPORT void vecgraph_build_scan_main(dsm_segment *segment, shm_toc *toc);

void
vecgraph_build_scan_main(dsm_segment *segment, shm_toc *toc)
{
	ScanShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	LOCKMODE	heap_lock = vecgraph_build_heap_lock(shared->concurrent);
	LOCKMODE	index_lock = vecgraph_build_index_lock(shared->concurrent);
	Reader		reader = {.space = shared->space,.queue = shm_toc_lookup(toc, KEY_QUEUE, false)};
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	double		heap_rows;

	vecgraph_workers_begin(toc);
	heap = table_open(shared->heap, heap_lock);
	index = index_open(shared->index, index_lock);
	vecgraph_columns_open(index, CurrentMemoryContext, &reader.columns);
	info = BuildIndexInfo(index);
	info->ii_Concurrent = shared->concurrent;
	reader.context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph build row", ALLOCSET_DEFAULT_SIZES);
	heap_rows = table_index_build_scan(heap, index, info, true, false, scan_row, &reader,
									   table_beginscan_parallel(heap, shm_toc_lookup(toc, KEY_SCAN, false)));
	if (reader.batch != NULL)
		vecgraph_queue_give(reader.queue, reader.batch, VECGRAPH_BATCH_FULL);
	pg_atomic_fetch_add_u64(&shared->heap_rows, (int64) heap_rows);
	if (info->ii_BrokenHotChain)
		pg_atomic_write_u32(&shared->broken_hot_chain, 1);
	vecgraph_queue_close(reader.queue);
	index_close(index, index_lock);
	table_close(heap, heap_lock);
}
