/*
 * vecgraph_rerank.c: exact distances from heap rows, for indexes whose nodes do not hold their vectors.
 *
 * Rows are fetched under the scan's own snapshot, and indexed expressions are evaluated on them. The pin on the last heap
 * page is given back after each batch, like all pins of a scan.
 */
#include "am/vecgraph.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"

struct VecGraphRerank
{
	IndexScanDesc scan;
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	IndexInfo  *info;
	EState	   *estate;
	MemoryContext row_context;
};

VecGraphRerank *
vecgraph_rerank_begin(IndexScanDesc scan, MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	VecGraphRerank *rerank = palloc0(sizeof(VecGraphRerank));

	rerank->scan = scan;
	rerank->fetch = table_index_fetch_begin(scan->heapRelation);
	rerank->slot = table_slot_create(scan->heapRelation, NULL);
	rerank->info = BuildIndexInfo(scan->indexRelation);
	rerank->estate = CreateExecutorState();
	GetPerTupleExprContext(rerank->estate)->ecxt_scantuple = rerank->slot;
	rerank->row_context = AllocSetContextCreate(context, "vecgraph rerank", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old_context);
	return rerank;
}

bool
vecgraph_rerank_distance(VecGraphRerank *rerank, const VxSpace *space, const VxPoint *query, ItemPointer tid,
						 double *distance)
{
	ItemPointerData row = *tid;
	MemoryContext old_context;
	bool		call_again = false;
	bool		all_dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];
	bool		visible;

	visible = table_index_fetch_tuple(rerank->fetch, &row, rerank->scan->xs_snapshot, rerank->slot, &call_again, &all_dead);
	if (!visible)
		return false;
	old_context = MemoryContextSwitchTo(rerank->row_context);
	FormIndexDatum(rerank->info, rerank->slot, rerank->estate, values, isnull);
	/* a row whose indexed value is NULL cannot be one that is indexed here; the executor sees to it */
	*distance = 0;
	if (!isnull[0])
		*distance = vx_space_operator(space, query,
									  vecgraph_point_from_datum(space, values[0], true, rerank->row_context));
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(rerank->row_context);
	ResetPerTupleExprContext(rerank->estate);
	ExecClearTuple(rerank->slot);
	return true;
}

void
vecgraph_rerank_release(VecGraphRerank *rerank)
{
	table_index_fetch_reset(rerank->fetch);
}

void
vecgraph_rerank_end(VecGraphRerank *rerank)
{
	table_index_fetch_end(rerank->fetch);
	ExecDropSingleTupleTableSlot(rerank->slot);
	FreeExecutorState(rerank->estate);
}
