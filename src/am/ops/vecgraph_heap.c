/*
 * vecgraph_heap.c: vectors of heap rows, for indexes whose nodes do not hold their vectors.
 *
 * If the vector is an expression, it is evaluated on the rows. The pin on the last heap page stays until it is released or the next
 * page is read.
 *
 * Who reads by an MVCC snapshot sees rows that are whole. Fitting codes reads all that anybody may still see, and VACUUM, which fits
 * them, too, holds nobody back from removing rows: a row may die just after it has been found, and its out-of-line values be
 * gone before they are fetched. Nobody can see such a row any more, so any code is good enough for it, and it counts as not seen.
 * Therefore values are fetched here, by a function that does not mind, before anything else looks at them.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

struct VecGraphHeap
{
	Relation	heap;
	Snapshot	snapshot;
	BlockNumber blocks;			/* of the heap, as far as was looked */
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;		/* the row */
	TupleTableSlot *whole;		/* the same with its out-of-line values fetched; NULL: rows cannot lose them */
	Bitmapset  *columns;		/* that the vector is made of, as pull_varattnos has them */
	IndexInfo  *info;			/* of the vector */
	const VecidxType *type;
	EState	   *estate;
	MemoryContext row_context;
};

/* The columns whose values make the vector. */
static Bitmapset *
indexed_columns(IndexInfo *info)
{
	Bitmapset  *columns = NULL;
	AttrNumber	column = info->ii_IndexAttrNumbers[0];

	if (column != 0)
		return bms_make_singleton(column - FirstLowInvalidHeapAttributeNumber);
	pull_varattnos((Node *) info->ii_Expressions, 1, &columns);
	/* a whole row is all of its columns */
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns))
		return NULL;
	return columns;
}

/* How the vector of a row is made. What the index filters by nobody here asks for: its expressions are the table owner's code. */
static IndexInfo *
vector_info(Relation index)
{
	IndexInfo  *info = BuildIndexInfo(index);

	info->ii_NumIndexAttrs = 1;
	info->ii_Expressions = list_truncate(info->ii_Expressions, info->ii_IndexAttrNumbers[0] == 0 ? 1 : 0);
	return info;
}

VecGraphHeap *
vecgraph_heap_begin(Relation heap, Relation index, Snapshot snapshot, MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	VecGraphHeap *rows = palloc0(sizeof(VecGraphHeap));

	rows->heap = heap;
	rows->snapshot = snapshot;
	rows->fetch = table_index_fetch_begin(heap);
	rows->slot = table_slot_create(heap, NULL);
	rows->info = vector_info(index);
	rows->type = vecgraph_opclass(index)->type;
	rows->estate = CreateExecutorState();
	if (!IsMVCCSnapshot(snapshot))
	{
		rows->columns = indexed_columns(rows->info);
		rows->whole = MakeSingleTupleTableSlot(RelationGetDescr(heap), &TTSOpsVirtual);
	}
	GetPerTupleExprContext(rows->estate)->ecxt_scantuple = rows->whole != NULL ? rows->whole : rows->slot;
	rows->row_context = AllocSetContextCreate(context, "vecgraph heap row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old_context);
	return rows;
}

void
vecgraph_check_heap_tid(const VecGraphIndex *index, Relation heap, BlockNumber *known_blocks, VxNodeId node, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	if (!ItemPointerIsValid(tid))
		vecgraph_slot_corrupted(index, node, "an invalid heap TID");
	if (block < *known_blocks || heap == NULL || heap->rd_tableam != GetHeapamTableAmRoutine())
		return;
	*known_blocks = RelationGetNumberOfBlocks(heap);
	if (block >= *known_blocks)
		vecgraph_slot_corrupted(index, node, "a heap TID beyond the end of the table");
}

/*
 * Reads an out-of-line value as it is stored, perhaps compressed, into the current context. NULL if parts of it are missing.
 */
static struct varlena *
fetch_value(struct varlena *pointer)
{
	struct varatt_external where;
	Relation	toast;
	Relation   *indexes;
	int			index_count;
	int			valid_index;
	ScanKeyData key;
	SnapshotData snapshot;
	SysScanDesc scan;
	HeapTuple	chunk;
	struct varlena *value;
	Size		size;
	Size		filled = 0;

	VARATT_EXTERNAL_GET_POINTER(where, pointer);
	size = VARATT_EXTERNAL_GET_EXTSIZE(where);
	value = palloc(VARHDRSZ + size);
	if (VARATT_EXTERNAL_IS_COMPRESSED(where))
		SET_VARSIZE_COMPRESSED(value, VARHDRSZ + size);
	else
		SET_VARSIZE(value, VARHDRSZ + size);

	toast = table_open(where.va_toastrelid, AccessShareLock);
	valid_index = toast_open_indexes(toast, AccessShareLock, &indexes, &index_count);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(where.va_valueid));
	scan = systable_beginscan_ordered(toast, indexes[valid_index], vecidx_toast_snapshot(&snapshot), 1, &key);
	for (int32 number = 0; (chunk = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL; number++)
	{
		bool		isnull;
		int32		here = DatumGetInt32(heap_getattr(chunk, 2, RelationGetDescr(toast), &isnull));
		struct varlena *data = (struct varlena *) DatumGetPointer(heap_getattr(chunk, 3, RelationGetDescr(toast), &isnull));
		Size		bytes = isnull ? 0 : VARSIZE_ANY_EXHDR(data);

		if (here != number || bytes > size - filled)
			break;
		memcpy((char *) VARDATA(value) + filled, VARDATA_ANY(data), bytes);
		filled += bytes;
	}
	systable_endscan_ordered(scan);
	toast_close_indexes(indexes, index_count, AccessShareLock);
	table_close(toast, AccessShareLock);
	return filled == size ? value : NULL;
}

/* Fills rows->whole from rows->slot; false if an out-of-line value that the vector is made of is gone. */
static bool
fetch_values(VecGraphHeap *rows)
{
	TupleDesc	desc = rows->whole->tts_tupleDescriptor;

	slot_getallattrs(rows->slot);
	ExecClearTuple(rows->whole);
	for (int i = 0; i < desc->natts; i++)
	{
		Datum		value = rows->slot->tts_values[i];
		bool		isnull = rows->slot->tts_isnull[i];

		if (!isnull && TupleDescAttr(desc, i)->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value))
			&& (rows->columns == NULL || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, rows->columns)))
		{
			struct varlena *whole = fetch_value((struct varlena *) DatumGetPointer(value));

			if (whole == NULL)
				return false;
			value = PointerGetDatum(whole);
		}
		rows->whole->tts_values[i] = value;
		rows->whole->tts_isnull[i] = isnull;
	}
	ExecStoreVirtualTuple(rows->whole);
	return true;
}

/* The vector of the row at a heap TID of a node, NULL if the row has none. False if the snapshot does not see it. */
static bool
row_point(VecGraphHeap *rows, const VecGraphIndex *index, VxNodeId node, const VxHeapTid *from, const VxPoint **point)
{
	ItemPointerData tid;
	MemoryContext old_context;
	bool		call_again = false;
	bool		all_dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	vecgraph_tid_get(from, &tid);
	vecgraph_check_heap_tid(index, rows->heap, &rows->blocks, node, &tid);
	if (!table_index_fetch_tuple(rows->fetch, &tid, rows->snapshot, rows->slot, &call_again, &all_dead))
		return false;
	MemoryContextReset(rows->row_context);
	old_context = MemoryContextSwitchTo(rows->row_context);
	if (rows->whole != NULL && !fetch_values(rows))
	{
		MemoryContextSwitchTo(old_context);
		ExecClearTuple(rows->slot);
		return false;
	}
	FormIndexDatum(rows->info, rows->whole != NULL ? rows->whole : rows->slot, rows->estate, values, isnull);
	*point = vecgraph_row_point(rows->type, &index->space, values, isnull, rows->row_context);
	MemoryContextSwitchTo(old_context);
	ResetPerTupleExprContext(rows->estate);
	if (rows->whole != NULL)
		ExecClearTuple(rows->whole);
	ExecClearTuple(rows->slot);
	return true;
}

/* Copies the heap TIDs of the next slot of a chain to tids [tids_per_slot]; returns how many there are, -1 if it is in the chain no more. */
static int
copy_chain_slot(VecGraphIndex *index, VecGraphChain *chain, VxHeapTid *tids)
{
	Buffer		buffer;
	const VxTidSlot *slot = vecgraph_chain_lock_next(index, chain, &buffer);
	int			count = slot == NULL ? -1 : slot->tid_count;

	if (count > 0)
		memcpy(tids, slot->tids, count * sizeof(VxHeapTid));
	UnlockReleaseBuffer(buffer);
	return count;
}

bool
vecgraph_heap_point(VecGraphHeap *rows, VecGraphIndex *index, VxNodeId node, const VecGraphPayload *payload,
					const VxPoint **point)
{
	VecGraphChain chain = vecgraph_chain_from(node, payload->chain);
	VecGraphPayload again;
	VxHeapTid  *tids;
	bool		found = false;

	for (int i = 0; i < payload->tid_count; i++)
		if (row_point(rows, index, node, &payload->tids[i], point))
			return true;
	if (chain.next == VX_NO_NODE)
		return false;
	tids = palloc(index->geometry.tids_per_slot * sizeof(VxHeapTid));
	while (chain.next != VX_NO_NODE && !vecgraph_chain_is_circle(index, &chain) && !found)
	{
		int			count = copy_chain_slot(index, &chain, tids);

		CHECK_FOR_INTERRUPTS();
		/* from the first again: rows that the snapshot sees are still there; those that are given up come out of scans, too */
		if (count < 0 && !vecgraph_chain_restart(index, &chain, &again))
			break;
		for (int i = 0; i < count && !found; i++)
			found = row_point(rows, index, node, &tids[i], point);
	}
	pfree(tids);
	return found;
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
	if (rows->whole != NULL)
		ExecDropSingleTupleTableSlot(rows->whole);
	ExecDropSingleTupleTableSlot(rows->slot);
	FreeExecutorState(rows->estate);
}
