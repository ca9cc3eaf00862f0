/*
 * vecgraph_heap.c: vectors of heap rows, for indexes whose nodes do not hold their vectors.
 *
 * Indexed expressions are evaluated on the rows. The pin on the last heap page stays until it is released or the next page is
 * read.
 */
#include "am/vecgraph.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"

struct VecGraphHeap
{
	Relation	heap;
	Snapshot	snapshot;
	BlockNumber blocks;			/* of the heap, as far as was looked */
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	IndexInfo  *info;
	EState	   *estate;
	MemoryContext row_context;
};

VecGraphHeap *
vecgraph_heap_begin(Relation heap, Relation index, Snapshot snapshot, MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	VecGraphHeap *rows = palloc0(sizeof(VecGraphHeap));

	rows->heap = heap;
	rows->snapshot = snapshot;
	rows->fetch = table_index_fetch_begin(heap);
	rows->slot = table_slot_create(heap, NULL);
	rows->info = BuildIndexInfo(index);
	rows->estate = CreateExecutorState();
	GetPerTupleExprContext(rows->estate)->ecxt_scantuple = rows->slot;
	rows->row_context = AllocSetContextCreate(context, "vecgraph heap row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old_context);
	return rows;
}

void
vecgraph_check_heap_tid(VecGraphStore *store, Relation heap, BlockNumber *known_blocks, VxNodeId node, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	if (block < *known_blocks || heap == NULL || heap->rd_tableam != GetHeapamTableAmRoutine())
		return;
	*known_blocks = RelationGetNumberOfBlocks(heap);
	if (block >= *known_blocks)
		vecgraph_corrupted(store->index, vx_id_block(&store->geometry, node), (int) vx_id_slot(&store->geometry, node),
						   "a heap TID beyond the end of the table");
}

/* The vector of the row at a heap TID of a node, NULL if the row has none. False if the snapshot does not see it. */
static bool
row_point(VecGraphHeap *rows, VecGraphStore *store, VxNodeId node, const VxHeapTid *tid, const VxPoint **point)
{
	ItemPointerData row;
	MemoryContext old_context;
	bool		call_again = false;
	bool		all_dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	vecgraph_tid_get(tid, &row);
	vecgraph_check_heap_tid(store, rows->heap, &rows->blocks, node, &row);
	if (!table_index_fetch_tuple(rows->fetch, &row, rows->snapshot, rows->slot, &call_again, &all_dead))
		return false;
	MemoryContextReset(rows->row_context);
	old_context = MemoryContextSwitchTo(rows->row_context);
	FormIndexDatum(rows->info, rows->slot, rows->estate, values, isnull);
	*point = isnull[0] ? NULL : vecgraph_point_from_datum(store->opclass, &store->space, values[0], true, rows->row_context);
	MemoryContextSwitchTo(old_context);
	ResetPerTupleExprContext(rows->estate);
	ExecClearTuple(rows->slot);
	return true;
}

bool
vecgraph_heap_point(VecGraphHeap *rows, VecGraphStore *store, VxNodeId node, const VecGraphPayload *payload,
					const VxPoint **point)
{
	VxNodeId	chain = payload->chain;

	for (int i = 0; i < payload->tid_count; i++)
		if (row_point(rows, store, node, &payload->tids[i], point))
			return true;
	for (uint32 steps = 0; chain != VX_NO_NODE && steps <= store->id_bound; steps++)
	{
		Buffer		buffer;
		VxTidSlot  *slot = (VxTidSlot *) vecgraph_lock_slot(store, chain, BUFFER_LOCK_SHARE, &buffer);
		int			count = slot->state == VX_SLOT_TIDS ? slot->tid_count : 0;
		VxHeapTid  *tids = palloc(Max(count, 1) * sizeof(VxHeapTid));
		bool		found = false;

		memcpy(tids, slot->tids, count * sizeof(VxHeapTid));
		/* a chain that VACUUM has cut gives no vector here, but its rows still come out of scans */
		chain = slot->state == VX_SLOT_TIDS ? slot->chain : VX_NO_NODE;
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < count && !found; i++)
			found = row_point(rows, store, node, &tids[i], point);
		pfree(tids);
		if (found)
			return true;
	}
	return false;
}

void
vecgraph_heap_release(VecGraphHeap *rows)
{
	table_index_fetch_reset(rows->fetch);
}

void
vecgraph_heap_end(VecGraphHeap *rows)
{
	table_index_fetch_end(rows->fetch);
	ExecDropSingleTupleTableSlot(rows->slot);
	FreeExecutorState(rows->estate);
}
