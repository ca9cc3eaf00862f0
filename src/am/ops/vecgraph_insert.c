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
#include "utils/float.h"
#include "utils/memutils.h"

#include "pg/vecidx_fault.h"

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

/* What an insert looks for, before it looks for neighbours. */
typedef struct Twin
{
	VecGraphStore *store;
	VecGraphRow *row;
	const uint8 *code;			/* of the row; NULL without codes */
	const VxQuery *query;
	VxNodeId	id;				/* has this vector and signature, or VX_NO_NODE */
	VxNodeId	beside;			/* has this vector and another signature, or VX_NO_NODE */
} Twin;

/* What a twin scores, for it has the same code; by codes of another model, while both may be met, it scores otherwise and is not noticed. */
static float
twin_score(void *context)
{
	Twin	   *twin = context;
	VxComputer *computer = &twin->store->computer;
	const void *item = computer->ops->scores_codes ? (const void *) twin->code : (const void *) twin->row->point;
	float		score;

	return computer->ops->score(computer, twin->query, &item, 1, &score) ? score : -get_float4_infinity();
}

/* VxSought.ask */
static VxLikeness
is_twin(void *context, VxNodeId id)
{
	Twin	   *twin = context;

	if (!has_vector(twin->store, id, twin->row->point))
		return VX_UNLIKE;
	if (!has_signature(twin->store, id, twin->row->signature))
	{
		if (twin->beside == VX_NO_NODE)
			twin->beside = id;
		return VX_LIKE;
	}
	twin->id = id;
	return VX_SOUGHT;
}

/* Gives the row to its twin, if that is still there. */
static bool
add_to_twin(Twin *twin)
{
	VECIDX_FAULT_POINT("insert-twin-found");
	return vecgraph_add_tid(&twin->store->index, twin->id, twin->row->point, &twin->row->tid);
}

/* Copies the edges of twin->beside, unless that is going; a twin that others have put behind it meanwhile becomes twin->id. */
static bool
copy_edges(VecGraphStore *store, VxLinker *linker, Twin *twin)
{
	if (twin->beside == VX_NO_NODE || !vx_link_copy(linker, &store->base, twin->beside))
		return false;
	is_twin(twin, linker->edges.ids[0]);
	return true;
}

/*
 * Looks for a twin of the row, which gets it then. Returns whether it has. Else linker->edges are those for a new node: copied, where there
 * is one of the same vector (twin->beside), mostly of the same row before an UPDATE; or chosen. A twin, at distance 0, is on the way of
 * every search for neighbours, unless that goes astray, or others are just inserting it: then the vector gets a second node.
 */
static bool
find_place(VecGraphStore *store, VxLinker *linker, Twin *twin)
{
	VxSought	sought = {.ask = is_twin,.context = twin};
	uint32		list_size = store->index.meta.build_list_size;
	bool		found = vx_link_seek(linker, &store->base, twin->query, list_size, &sought, twin_score);
	bool		copied = false;

	if (!found)
		vx_link_choose_found(linker, &store->base, twin->query, list_size, VX_NO_NODE);
	VECIDX_FAULT_POINT("insert-edges-chosen");
	if (twin->id == VX_NO_NODE && found)
		copied = copy_edges(store, linker, twin);
	if (twin->id != VX_NO_NODE && add_to_twin(twin))
		return true;
	if (found && !copied)
	{
		/* what was found is going by now */
		twin->beside = VX_NO_NODE;
		vx_link_choose(linker, &store->base, twin->query, list_size, VX_NO_NODE);
	}
	return false;
}

/* Leads to a new node from others. */
static void
lead_to(VecGraphStore *store, VxLinker *linker, VxNodeId id, VxNodeId beside)
{
	if (beside != VX_NO_NODE && vx_link_beside(linker, &store->base, beside, id))
		return;
	/* without a neighbour it is the first live node: an entry, unless another insert was faster; then it is linked to that */
	if (linker->edges.count > 0)
		vx_link_back(linker, &store->base, id);
	else if (!vecgraph_add_entry(&store->index, id))
		vecgraph_relink(store, linker, id);
}

/* Makes the code of the row again if a search has learnt of a new model since. */
static void
bring_code_up_to_date(VecGraphStore *store, const VxPoint *point, uint8 *code)
{
	if (code != NULL && !vx_codec_is_current(&store->index.codes->codec, code))
		vx_codec_encode(&store->index.codes->codec, point, code);
}

void
vecgraph_insert_row(VecGraphStore *store, VxLinker *linker, VecGraphRow *row)
{
	const VxPoint *point = row->point;
	VxQuery		query = {.point = point,.linking = true};
	NewNode		node = {.point = point,.edges = &linker->edges,.heap_tid = &row->tid};
	Twin		twin = {.store = store,.row = row,.query = &query,.id = VX_NO_NODE,.beside = VX_NO_NODE};
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

	if (store->index.codes != NULL)
	{
		code = vx_alloc(&store->index.mem, store->index.geometry.code_bytes + VX_CODE_OVERREAD);
		vx_codec_encode(&store->index.codes->codec, point, code);
	}
	twin.code = code;
	if (find_place(store, linker, &twin))
	{
		vx_free(&store->index.mem, code);
		return;
	}

	bring_code_up_to_date(store, point, code);
	digest.codes = code;
	digest.signatures = store->index.geometry.filter_count > 0 ? row->signature : NULL;
	/* from here on the row is in the index, for passes over signatures and for VACUUM, whatever becomes of the edges to it */
	id = vecgraph_take_slot(&store->index, fill_node, &node, &digest);
	vx_free(&store->index.mem, code);
	VECIDX_FAULT_POINT("insert-before-back-links");
	if (VECIDX_FAULT_REFUSES("insert-back-links"))
		return;
	lead_to(store, linker, id, twin.beside);
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
	VecGraphCounts counts = {0};

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
		counts.n[VECGRAPH_COUNT_INSERTS] = 1;
		vecgraph_count_change(&state->store, &counts);
		/* not before: a fit waits until no insert is under way, this one included */
		vecgraph_fit_early(&state->store, heap);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->row_context);
	return false;
}
