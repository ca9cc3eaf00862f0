/*
 * vecgraph_insert.c: a row enters the live graph.
 *
 * The order of steps makes a crash between any two harmless: the node is written with its heap TID and its own edges first,
 * then others are led to it. A node that nobody leads to is found again by VACUUM. README.md has the steps, and what a crash
 * after each leaves.
 */
#include "am/ops/vecgraph_ops.h"

#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"

#include "pg/vecidx_fault.h"

/* How many of the nearest nodes may have another vector than a new row, until there is no twin of it among those behind them. */
#define TWIN_CANDIDATES 8

/* What one statement keeps between the rows that it inserts (in IndexInfo.ii_AmCache). */
typedef struct VecGraphInsertState
{
	VecGraphStore store;
	VecGraphColumns columns;
	VxLinker	linker;
	MemoryContext row_context;
} VecGraphInsertState;

typedef struct NewNode
{
	const VxPoint *point;
	const VxEdges *edges;
	ItemPointer heap_tid;
} NewNode;

/* VecGraphFill: a node with its edges and its first heap TID. The version, which the caller has raised, stays. */
static void
fill_node(const VecGraphIndex *index, VxSlot *slot, void *context)
{
	const NewNode *node = context;

	vx_slot_init_node(&index->geometry, slot, slot->version, node->edges->ids, node->edges->count);
	vecgraph_tid_set(&slot->tids[slot->tid_count++], node->heap_tid);
	vecgraph_slot_set_point(&index->space, &index->geometry, slot, node->point);
}

/* Whether a node is live and has this very vector. It may be deleted as soon as this returns: vecgraph_add_tid looks again. */
static bool
has_vector(VecGraphStore *store, VxNodeId id, const VxPoint *point)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_SHARE, &buffer);
	bool		same;

	same = slot->state == VX_SLOT_LIVE && vecgraph_slot_has_point(&store->index.space, &store->index.geometry, slot, point);
	UnlockReleaseBuffer(buffer);
	return same;
}

/* Whether a node that was live in this insert has this very signature. Its slot is no other node's before the insert has ended. */
static bool
has_signature(VecGraphStore *store, VxNodeId id, const uint64 *signature)
{
	uint64		own[VX_MAX_FILTERS];
	uint32		filter_count = store->index.geometry.filter_count;

	if (filter_count == 0)
		return true;
	/* from its page: the cache may have what was there before */
	vecgraph_read_signature(&store->index, id, own);
	return memcmp(own, signature, filter_count * sizeof(uint64)) == 0;
}

/*
 * Looks for a twin among the nearest nodes that vx_link_choose found, and gives it the TID. There may be many of this vector with other
 * signatures, in any order: all that were found are asked.
 */
static bool
add_to_twin(VecGraphStore *store, VxLinker *linker, VecGraphRow *row)
{
	uint32		others = 0;

	for (uint32 i = 0; i < linker->usable && others < TWIN_CANDIDATES; i++)
	{
		VxNodeId	id = linker->candidates[i].id;

		if (!has_vector(store, id, row->point))
		{
			others++;
			continue;
		}
		if (!has_signature(store, id, row->signature))
			continue;
		VECIDX_FAULT_POINT("insert-twin-found");
		if (vecgraph_add_tid(&store->index, id, row->point, &row->tid))
			return true;
	}
	return false;
}

void
vecgraph_insert_row(VecGraphStore *store, VxLinker *linker, VecGraphRow *row)
{
	const VxPoint *point = row->point;
	VxQuery		query = {.point = point,.linking = true};
	NewNode		node = {.point = point,.edges = &linker->edges,.heap_tid = &row->tid};
	VecGraphDigests digest = {0};
	uint8	   *code = NULL;
	VxNodeId	id;
	bool		is_far_longest = false;

	/* nodes of this vector with other signatures tie: each is to have edges to others of them */
	query.salt = vecgraph_row_hash(&store->index.space, point, row->signature, store->index.geometry.filter_count);
	vecgraph_store_refresh(store);
	if (vx_metric_kind(store->index.space.metric)->lengths && point->norm2 > store->index.space.max_norm2
		&& store->index.space.max_norm2 < vx_space_norm_bound(store->index.meta.usual_norm2))
		is_far_longest = vecgraph_raise_max_norm(&store->index, point->norm2);

	/* a twin, at distance 0, is among the nearest of these, unless the search went astray: then the vector gets a second node */
	vx_link_choose(linker, &store->base, &query, store->index.meta.build_list_size, VX_NO_NODE);
	VECIDX_FAULT_POINT("insert-edges-chosen");
	if (add_to_twin(store, linker, row))
		return;

	if (store->index.codes != NULL)
	{
		code = vx_alloc(&store->index.mem, store->index.geometry.code_bytes);
		vx_codec_encode(&store->index.codes->codec, point, code);
	}
	digest.codes = code;
	digest.signatures = store->index.geometry.filter_count > 0 ? row->signature : NULL;
	/* from here on the row is in the index, for passes over signatures and for VACUUM, whatever becomes of the edges to it */
	id = vecgraph_take_slot(&store->index, fill_node, &node, &digest);
	vx_free(&store->index.mem, code);
	VECIDX_FAULT_POINT("insert-before-back-links");
	if (VECIDX_FAULT_REFUSES("insert-back-links"))
		return;

	/* without a neighbour it is the first live node: an entry, unless another insert was faster; then it is linked to that */
	if (linker->edges.count > 0)
		vx_link_back(linker, &store->base, id);
	else if (!vecgraph_add_entry(&store->index, id))
		vecgraph_relink(store, linker, id);
	/* what most queries ask for now would be hard to find from where the index was so far */
	if (is_far_longest)
		(void) vecgraph_add_entry(&store->index, id);
}

bool
vecgraph_insert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
				IndexUniqueCheck unique, bool index_unchanged, IndexInfo *index_info)
{
	VecGraphInsertState *state = index_info->ii_AmCache;
	MemoryContext old_context;
	VecGraphRow row;

	if (vecgraph_row_is_absent(isnull))
		return false;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(index_info->ii_Context, sizeof(VecGraphInsertState));
		vecgraph_store_open(&state->store, index, index_info->ii_Context);
		vecgraph_columns_open(index, index_info->ii_Context, &state->columns);
		vecgraph_check_kinds(index, &state->columns.filters, &state->store.index.meta);
		vx_linker_init(&state->linker, &state->store.index.mem);
		state->row_context = AllocSetContextCreate(index_info->ii_Context, "vecgraph insert", ALLOCSET_DEFAULT_SIZES);
		index_info->ii_AmCache = state;
	}
	state->store.index.relation = index;

	old_context = MemoryContextSwitchTo(state->row_context);
	if (vecgraph_make_row(&state->columns, &state->store.index.space, values, isnull, heap_tid, state->row_context, &row))
	{
		/*
		 * Held while the graph is read and written, so that VACUUM can wait for those who may have seen a node before it was
		 * marked deleted.
		 */
		vecgraph_begin_insert(index);
		vecgraph_insert_row(&state->store, &state->linker, &row);
		vecgraph_end_insert(index);
		/* not before: a fit waits until no insert is under way, this one included */
		vecgraph_fit_early(&state->store, heap);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->row_context);
	return false;
}
