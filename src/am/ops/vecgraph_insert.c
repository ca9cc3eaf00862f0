/*
 * vecgraph_insert.c: a row enters the live graph.
 *
 * The order of steps makes a crash between any two harmless: the node is written with its heap TID and its own edges first,
 * then others are led to it. A node that nobody leads to is found again by VACUUM. See README.
 */
#include "am/vecgraph.h"

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
fill_node(VecGraphStore *store, VxSlot *slot, void *context)
{
	const NewNode *node = context;

	slot->state = VX_SLOT_LIVE;
	slot->chain = VX_NO_NODE;
	slot->tid_count = 1;
	memset(slot->tids, 0, sizeof(slot->tids));
	vecgraph_tid_set(&slot->tids[0], node->heap_tid);
	slot->degree = node->edges->count;
	memset(slot->edges, 0, store->geometry.edge_capacity * sizeof(VxNodeId));
	memcpy(slot->edges, node->edges->ids, node->edges->count * sizeof(VxNodeId));
	vecgraph_slot_set_point(&store->space, &store->geometry, slot, node->point);
}

typedef struct NewTidSlot
{
	VxNodeId	owner;
	VxNodeId	chain;
	ItemPointer heap_tid;
} NewTidSlot;

static void
fill_tid_slot(VecGraphStore *store, VxSlot *slot, void *context)
{
	const NewTidSlot *new = context;
	VxTidSlot  *tids = (VxTidSlot *) slot;
	uint32		version = slot->version;

	memset(slot, 0, store->geometry.record_bytes);
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
	const VxGeometry *g = &store->geometry;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(store, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	TwinStatus	status = TWIN_DONE;

	*chain = slot->chain;
	if (slot->state != VX_SLOT_LIVE || !vecgraph_slot_has_point(&store->space, &store->geometry, slot, point))
		status = TWIN_GONE;
	else if (slot->tid_count == VX_INLINE_TIDS)
		status = TWIN_CHAIN_FULL;
	else
	{
		VecGraphChange change = vecgraph_change_start(store);

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
	const VxGeometry *g = &store->geometry;
	Buffer		buffer;
	VxTidSlot  *slot = (VxTidSlot *) vecgraph_lock_slot(store, chain, BUFFER_LOCK_EXCLUSIVE, &buffer);
	TwinStatus	status = TWIN_DONE;

	if (slot->state != VX_SLOT_TIDS || slot->owner != id)
		status = TWIN_GONE;
	else if (slot->tid_count == g->tids_per_slot)
		status = TWIN_CHAIN_FULL;
	else
	{
		VecGraphChange change = vecgraph_change_start(store);

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
	const VxGeometry *g = &store->geometry;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(store, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	bool		done = slot->state == VX_SLOT_LIVE && slot->chain == seen_chain
		&& vecgraph_slot_has_point(&store->space, &store->geometry, slot, point);

	if (done)
	{
		VecGraphChange change = vecgraph_change_start(store);

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
	const VxGeometry *g = &store->geometry;
	Buffer		buffer;
	VecGraphChange change;
	VxSlot	   *slot;

	vecgraph_lock_slot(store, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	change = vecgraph_change_start(store);
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
		new_slot = vecgraph_take_slot(store, fill_tid_slot, &new, NULL);
		VECIDX_FAULT_POINT("insert-before-chain");
		if (prepend_chain(store, id, point, chain, new_slot))
			return true;
		discard_tid_slot(store, new_slot);
	}
	vecgraph_corrupted(store->index, vx_id_block(&store->geometry, id), (int) vx_id_slot(&store->geometry, id),
					   "a chain of heap TIDs is broken");
}

static bool
is_twin(VecGraphStore *store, VxNodeId id, const VxPoint *point)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(store, id, BUFFER_LOCK_SHARE, &buffer);
	bool		same = slot->state == VX_SLOT_LIVE && vecgraph_slot_has_point(&store->space, &store->geometry, slot, point);

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

bool
vecgraph_set_entries(VecGraphStore *store, const VxNodeId *entries, uint32 count)
{
	Buffer		buffer = ReadBuffer(store->index, VECGRAPH_META_BLOCK);
	VxMeta	   *meta;
	bool		unchanged;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	meta = vecgraph_page_body(BufferGetPage(buffer));
	unchanged = meta->entry_count == store->meta.entry_count
		&& memcmp(meta->entries, store->meta.entries, sizeof(meta->entries)) == 0;
	if (unchanged)
	{
		VecGraphChange change = vecgraph_change_start(store);

		meta = vecgraph_page_body(vecgraph_change_page(change, buffer, 0));
		meta->entry_count = count;
		memset(meta->entries, 0, sizeof(meta->entries));
		memcpy(meta->entries, entries, count * sizeof(VxNodeId));
		vecgraph_change_finish(change);
	}
	UnlockReleaseBuffer(buffer);
	return unchanged;
}

/*
 * Makes a node an entry when the search met nothing alive to link it to: the first node of an index, or the first after
 * everything else has died. Returns false if the entries have changed since the store was refreshed: look again then.
 */
static bool
claim_entry(VecGraphStore *store, VxNodeId id)
{
	VxNodeId	entries[VX_MAX_ENTRIES];
	uint32		count = store->meta.entry_count;

	memcpy(entries, store->meta.entries, sizeof(entries));
	/* with all entries taken, all are dead: any may go */
	entries[count < VX_MAX_ENTRIES ? count++ : id % VX_MAX_ENTRIES] = id;
	return vecgraph_set_entries(store, entries, count);
}

/*
 * Inner product: remembers the largest norm, on which the added dimension of linking depends, up to its bound. Returns whether it
 * has just come to the bound.
 */
static bool
raise_max_norm(VecGraphStore *store, float norm2)
{
	float		bound = vx_space_norm_bound(store->meta.usual_norm2);
	bool		is_first = store->meta.max_norm2 < bound && norm2 >= bound;
	Buffer		buffer = ReadBuffer(store->index, VECGRAPH_META_BLOCK);
	VecGraphChange change;
	VxMeta	   *meta;

	norm2 = Min(norm2, bound);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	change = vecgraph_change_start(store);
	meta = vecgraph_page_body(vecgraph_change_page(change, buffer, 0));
	meta->max_norm2 = Max(meta->max_norm2, norm2);
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(buffer);
	store->space.max_norm2 = Max(store->space.max_norm2, norm2);
	if (store->codes != NULL)
		vx_codec_set_max_norm2(&store->codes->codec, store->space.max_norm2);
	return is_first;
}

/* The vector of a node, allocated, NULL if it is gone; what its code stands for where only the heap has the vector. */
static VxPoint *
node_point(VecGraphStore *store, VxNodeId id)
{
	VxPoint    *point;

	if (store->geometry.storage == VX_STORAGE_HEAP)
	{
		point = vx_alloc(&store->mem, VX_POINT_BYTES(vx_codec_decoded_values(&store->codes->codec)));
		vx_codec_decode(&store->codes->codec, vecgraph_code(store, id, 0), point);
		return point;
	}
	point = vx_alloc(&store->mem, vx_space_room(&store->space));
	if (vecgraph_copy_point(store, id, point))
		return point;
	vx_free(&store->mem, point);
	return NULL;
}

void
vecgraph_relink(VecGraphStore *store, VxLinker *linker, VxNodeId id)
{
	for (;;)
	{
		VxQuery		query = {.linking = true};
		VxEdges		before;
		VxPoint    *point;

		CHECK_FOR_INTERRUPTS();
		vecgraph_store_refresh(store);
		if (store->base.ops->read_edges(&store->base, id, NULL, &before) != VX_OK || !before.live)
			return;
		point = node_point(store, id);
		if (point == NULL)
			return;
		query.point = point;
		store->query_decoded = store->geometry.storage == VX_STORAGE_HEAP;
		vx_link_choose(linker, &store->base, &query, store->meta.build_list_size, id);
		store->query_decoded = false;
		vx_free(&store->mem, point);
		if (linker->edges.count == 0)
		{
			if (claim_entry(store, id))
				return;
			continue;
		}
		if (store->base.ops->replace_edges(&store->base, id, before.version, linker->edges.ids,
										   linker->edges.count) == VX_CONFLICT)
			continue;
		vx_link_back(linker, &store->base, id);
		return;
	}
}

/* What vecgraph_attach searches with. */
typedef struct Seeker
{
	VecGraphStore *store;
	VxPoint    *point;			/* of the last node, NULL at first */
} Seeker;

static bool
seek(void *context, VxNodeId id, VxQuery *query)
{
	Seeker	   *seeker = context;
	VecGraphStore *store = seeker->store;
	VxEdges		edges;

	vx_free(&store->mem, seeker->point);
	seeker->point = NULL;
	if (store->base.ops->read_edges(&store->base, id, NULL, &edges) == VX_OK && edges.live)
		seeker->point = node_point(store, id);
	query->point = seeker->point;
	return seeker->point != NULL;
}

void
vecgraph_attach(VecGraphStore *store)
{
	Seeker		seeker = {.store = store};
	BufferAccessStrategy strategy = store->strategy;
	VxLinker	linker;

	/* this walk comes by the same pages again and again: VACUUM's ring of few buffers is not for it */
	store->strategy = NULL;
	vecgraph_store_refresh(store);
	vx_linker_init(&linker, &store->mem);
	store->query_decoded = store->geometry.storage == VX_STORAGE_HEAP;
	vx_link_attach(&linker, &store->base, vx_id_bound(&store->geometry, vecgraph_filled_blocks(store->index)),
				   store->meta.build_list_size, seek, &seeker);
	store->query_decoded = false;
	vx_free(&store->mem, seeker.point);
	vx_linker_free(&linker);
	store->strategy = strategy;
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
	if (store->space.metric == VX_METRIC_IP && point->norm2 > store->space.max_norm2
		&& store->space.max_norm2 < vx_space_norm_bound(store->meta.usual_norm2))
		is_far_longest = raise_max_norm(store, point->norm2);

	vx_link_choose(linker, &store->base, &query, store->meta.build_list_size, VX_NO_NODE);
	VECIDX_FAULT_POINT("insert-edges-chosen");
	if (add_to_twin(store, linker, point, heap_tid))
		return;

	if (store->codes != NULL)
	{
		code = vx_alloc(&store->mem, store->geometry.code_bytes);
		vx_codec_encode(&store->codes->codec, point, code);
	}
	id = vecgraph_take_slot(store, fill_node, &node, code);
	vx_free(&store->mem, code);
	VECIDX_FAULT_POINT("insert-before-back-links");
	if (linker->edges.count > 0)
		vx_link_back(linker, &store->base, id);
	else if (!claim_entry(store, id))
		vecgraph_relink(store, linker, id);
	/* what most queries ask for now would be hard to find from where the index was so far */
	if (is_far_longest)
		(void) claim_entry(store, id);
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
		vx_linker_init(&state->linker, &state->store.mem);
		state->row_context = AllocSetContextCreate(index_info->ii_Context, "vecgraph insert", ALLOCSET_DEFAULT_SIZES);
		index_info->ii_AmCache = state;
	}
	state->store.index = index;

	old_context = MemoryContextSwitchTo(state->row_context);
	point = vecgraph_point(state->store.opclass->type, &state->store.space, values[0], state->row_context);
	if (point != NULL)
	{
		/*
		 * Held while the graph is read and written, so that VACUUM can wait for those who may have seen a node before it was
		 * marked deleted.
		 */
		LockPage(index, VECGRAPH_META_BLOCK, ShareLock);
		vecgraph_insert_point(&state->store, &state->linker, point, heap_tid);
		UnlockPage(index, VECGRAPH_META_BLOCK, ShareLock);
		vecgraph_fit_early(&state->store, heap);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->row_context);
	return false;
}
