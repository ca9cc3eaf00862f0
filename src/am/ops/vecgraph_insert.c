/*
 * vecgraph_insert.c: a row enters the live graph.
 *
 * The order of steps makes a crash between any two harmless: the node is written with its heap TID and its own edges first,
 * then others are led to it. A node that nobody leads to is found again by VACUUM. See README.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/generic_xlog.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "pg/vecidx_fault.h"

/* How many of the nearest nodes are compared with a new vector to find its twin. */
#define TWIN_CANDIDATES 8

/* How often a chain may change while a heap TID is added to it, before it is taken to be broken. */
#define MAX_CHAIN_ATTEMPTS 1000

/* What one statement keeps between the rows that it inserts (in IndexInfo.ii_AmCache). */
typedef struct VecGraphInsertState
{
	VecGraphStore store;
	VxLinker	linker;
	MemoryContext row_context;
} VecGraphInsertState;

typedef struct NewNode
{
	const VxPoint *point;
	const VxEdges *edges;
	ItemPointer heap_tid;
} NewNode;

static void
fill_node(const VecGraphIndex *index, VxSlot *slot, void *context)
{
	const NewNode *node = context;

	slot->state = VX_SLOT_LIVE;
	slot->chain = VX_NO_NODE;
	slot->tid_count = 1;
	memset(slot->tids, 0, sizeof(slot->tids));
	vecgraph_tid_set(&slot->tids[0], node->heap_tid);
	slot->degree = node->edges->count;
	memset(slot->edges, 0, index->geometry.edge_capacity * sizeof(VxNodeId));
	memcpy(slot->edges, node->edges->ids, node->edges->count * sizeof(VxNodeId));
	vecgraph_slot_set_point(&index->space, &index->geometry, slot, node->point);
}

typedef struct NewTidSlot
{
	VxNodeId	owner;
	VxNodeId	chain;
	ItemPointer heap_tid;
} NewTidSlot;

static void
fill_tid_slot(const VecGraphIndex *index, VxSlot *slot, void *context)
{
	const NewTidSlot *new = context;
	VxTidSlot  *tids = (VxTidSlot *) slot;
	uint32		version = slot->version;

	memset(slot, 0, index->geometry.record_bytes);
	tids->state = VX_SLOT_TIDS;
	tids->version = version;
	tids->chain = new->chain;
	tids->owner = new->owner;
	tids->tid_count = 1;
	vecgraph_tid_set(&tids->tids[0], new->heap_tid);
}

/* What adding a heap TID to a node found. */
typedef enum TwinStatus
{
	TWIN_DONE,
	TWIN_GONE,					/* the node is not live, or not this vector, any more */
	TWIN_CHAIN_FULL				/* its inline TIDs and the newest slot of its chain (if any) are full */
} TwinStatus;

/* Adds the TID inline; tells the chain otherwise. */
static TwinStatus
add_tid_inline(VecGraphStore *store, VxNodeId id, const VxPoint *point, ItemPointer heap_tid, VxNodeId *chain)
{
	const VxGeometry *g = &store->index.geometry;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	TwinStatus	status = TWIN_DONE;

	*chain = slot->chain;
	if (slot->state != VX_SLOT_LIVE || !vecgraph_slot_has_point(&store->index.space, &store->index.geometry, slot, point))
		status = TWIN_GONE;
	else if (slot->tid_count == VX_INLINE_TIDS)
		status = TWIN_CHAIN_FULL;
	else
	{
		VecGraphChange change = vecgraph_change_start(&store->index);

		slot = vx_slot(g, vecgraph_page_body(vecgraph_change_page(change, buffer, 0)), vx_id_slot(g, id));
		vecgraph_tid_set(&slot->tids[slot->tid_count++], heap_tid);
		slot->version++;
		vecgraph_change_finish(change);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

/* Adds the TID to the newest slot of the node's chain. */
static TwinStatus
add_tid_to_chain(VecGraphStore *store, VxNodeId id, VxNodeId chain, ItemPointer heap_tid)
{
	const VxGeometry *g = &store->index.geometry;
	Buffer		buffer;
	VxTidSlot  *slot = (VxTidSlot *) vecgraph_lock_slot(&store->index, chain, BUFFER_LOCK_EXCLUSIVE, &buffer);
	TwinStatus	status = TWIN_DONE;

	if (slot->state != VX_SLOT_TIDS || slot->owner != id)
		status = TWIN_GONE;
	else if (slot->tid_count == g->tids_per_slot)
		status = TWIN_CHAIN_FULL;
	else
	{
		VecGraphChange change = vecgraph_change_start(&store->index);

		slot = (VxTidSlot *) vx_slot(g, vecgraph_page_body(vecgraph_change_page(change, buffer, 0)),
									 vx_id_slot(g, chain));
		vecgraph_tid_set(&slot->tids[slot->tid_count++], heap_tid);
		slot->version++;
		vecgraph_change_finish(change);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

/*
 * Puts a slot with more TIDs, already written, in front of the node's chain, if that is still seen_chain and the node still
 * this vector.
 */
static bool
prepend_chain(VecGraphStore *store, VxNodeId id, const VxPoint *point, VxNodeId seen_chain, VxNodeId new_slot)
{
	const VxGeometry *g = &store->index.geometry;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	bool		done = slot->state == VX_SLOT_LIVE && slot->chain == seen_chain
		&& vecgraph_slot_has_point(&store->index.space, &store->index.geometry, slot, point);

	if (done)
	{
		VecGraphChange change = vecgraph_change_start(&store->index);

		slot = vx_slot(g, vecgraph_page_body(vecgraph_change_page(change, buffer, 0)), vx_id_slot(g, id));
		slot->chain = new_slot;
		slot->version++;
		vecgraph_change_finish(change);
	}
	UnlockReleaseBuffer(buffer);
	return done;
}

/* Turns a slot of TIDs that found no chain to be in into a deleted one, for the next VACUUM to free. */
static void
discard_tid_slot(VecGraphStore *store, VxNodeId id)
{
	const VxGeometry *g = &store->index.geometry;
	Buffer		buffer;
	VecGraphChange change;
	VxSlot	   *slot;

	vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	change = vecgraph_change_start(&store->index);
	slot = vx_slot(g, vecgraph_page_body(vecgraph_change_page(change, buffer, 0)), vx_id_slot(g, id));
	vx_slot_clear(g, slot);
	slot->state = VX_SLOT_DELETED;
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(buffer);
}

/* Adds a heap TID to a node that has this very vector. Returns false if the node is not that any more. */
static bool
add_tid(VecGraphStore *store, VxNodeId id, const VxPoint *point, ItemPointer heap_tid)
{
	for (int attempt = 0; attempt < MAX_CHAIN_ATTEMPTS; attempt++)
	{
		VxNodeId	chain;
		NewTidSlot	new;
		VxNodeId	new_slot;
		TwinStatus	status = add_tid_inline(store, id, point, heap_tid, &chain);

		if (status != TWIN_CHAIN_FULL)
			return status == TWIN_DONE;

		if (chain != VX_NO_NODE)
		{
			status = add_tid_to_chain(store, id, chain, heap_tid);
			if (status == TWIN_DONE)
				return true;
			if (status == TWIN_GONE)
				continue;		/* VACUUM took the slot away: look at the node again */
		}

		new = (NewTidSlot)
		{
			.owner = id,.chain = chain,.heap_tid = heap_tid
		};
		new_slot = vecgraph_take_slot(&store->index, fill_tid_slot, &new, NULL);
		VECIDX_FAULT_POINT("insert-before-chain");
		if (prepend_chain(store, id, point, chain, new_slot))
			return true;
		discard_tid_slot(store, new_slot);
	}
	vecgraph_slot_corrupted(&store->index, id, "a chain of heap TIDs is broken");
}

static bool
is_twin(VecGraphStore *store, VxNodeId id, const VxPoint *point)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_SHARE, &buffer);
	bool		same = slot->state == VX_SLOT_LIVE && vecgraph_slot_has_point(&store->index.space, &store->index.geometry, slot, point);

	UnlockReleaseBuffer(buffer);
	return same;
}

/* Looks for a node with this very vector among the nearest that vx_link_choose found, and gives it the TID. */
static bool
add_to_twin(VecGraphStore *store, VxLinker *linker, const VxPoint *point, ItemPointer heap_tid)
{
	uint32		n = Min(linker->usable, TWIN_CANDIDATES);

	for (uint32 i = 0; i < n; i++)
		if (is_twin(store, linker->candidates[i].id, point)
			&& add_tid(store, linker->candidates[i].id, point, heap_tid))
			return true;
	return false;
}

void
vecgraph_insert_point(VecGraphStore *store, VxLinker *linker, const VxPoint *point, ItemPointer heap_tid)
{
	VxQuery		query = {.point = point,.linking = true};
	NewNode		node = {.point = point,.edges = &linker->edges,.heap_tid = heap_tid};
	uint8	   *code = NULL;
	VxNodeId	id;
	bool		is_far_longest = false;

	vecgraph_store_refresh(store);
	if (store->index.space.metric == VX_METRIC_IP && point->norm2 > store->index.space.max_norm2
		&& store->index.space.max_norm2 < vx_space_norm_bound(store->index.meta.usual_norm2))
		is_far_longest = vecgraph_raise_max_norm(&store->index, point->norm2);

	vx_link_choose(linker, &store->base, &query, store->index.meta.build_list_size, VX_NO_NODE);
	VECIDX_FAULT_POINT("insert-edges-chosen");
	if (add_to_twin(store, linker, point, heap_tid))
		return;

	if (store->index.codes != NULL)
	{
		code = vx_alloc(&store->index.mem, store->index.geometry.code_bytes);
		vx_codec_encode(&store->index.codes->codec, point, code);
	}
	id = vecgraph_take_slot(&store->index, fill_node, &node, code);
	vx_free(&store->index.mem, code);
	VECIDX_FAULT_POINT("insert-before-back-links");
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
	VxPoint    *point;

	if (isnull[0])
		return false;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(index_info->ii_Context, sizeof(VecGraphInsertState));
		vecgraph_store_open(&state->store, index, index_info->ii_Context);
		vx_linker_init(&state->linker, &state->store.index.mem);
		state->row_context = AllocSetContextCreate(index_info->ii_Context, "vecgraph insert", ALLOCSET_DEFAULT_SIZES);
		index_info->ii_AmCache = state;
	}
	state->store.index.relation = index;

	old_context = MemoryContextSwitchTo(state->row_context);
	point = vecgraph_point(state->store.opclass->type, &state->store.index.space, values[0], state->row_context);
	if (point != NULL)
	{
		/*
		 * Held while the graph is read and written, so that VACUUM can wait for those who may have seen a node before it was
		 * marked deleted.
		 */
		vecgraph_begin_insert(index);
		vecgraph_insert_point(&state->store, &state->linker, point, heap_tid);
		vecgraph_end_insert(index);
		vecgraph_fit_early(&state->store, heap);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->row_context);
	return false;
}
