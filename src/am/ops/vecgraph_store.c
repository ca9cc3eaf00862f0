/*
 * vecgraph_store.c: the graph's store over index pages.
 *
 * Neighbours are scored from codes where all nodes have them, else from the vectors on their pages.
 *
 * Every call pins and locks at most one page and gives it back before it returns (rule S1 of vx_store.h), so searching and
 * linking can never deadlock. Writes go through generic WAL records of one page.
 */
#include "am/ops/vecgraph_ops.h"

#include "miscadmin.h"
#include "commands/vacuum.h"
#include "utils/float.h"

static void
page_prefetch(VxStore *base, VxNodeId id)
{
	VecGraphStore *store = (VecGraphStore *) base;

	vecgraph_prefetch_slot(&store->index, id, store->scoring.wanted_bytes);
}

static void
prepare_codes(VecGraphStore *store, const VxQuery *query)
{
	if (store->query_decoded)
		vx_codec_prepare_decoded(&store->index.codes->codec, query->point, query->linking, &store->scoring.query);
	else
		vx_codec_prepare(&store->index.codes->codec, query->point, query->linking, &store->scoring.query);
}

static bool
page_asks_otherwise(VxStore *base, const VxQuery *query)
{
	VecGraphStore *store = (VecGraphStore *) base;

	return vx_space_asks_otherwise(&store->index.space, store->query_decoded
								   ? vx_codec_own_norm2(&store->index.codes->codec, query->point)
								   : ((const VxPoint *) query->point)->norm2);
}

static bool
try_score_codes(VecGraphStore *store, const VxNodeId *ids, uint32_t n, float *score)
{
	const uint8 *codes[VX_MAX_EDGES];

	Assert(n <= VX_MAX_EDGES);
	for (uint32_t i = 0; i < n; i++)
		codes[i] = vecgraph_code(&store->index, ids[i], i);
	return vx_codec_score(&store->index.codes->codec, &store->scoring.query, codes, n, score);
}

static void
score_codes(VecGraphStore *store, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	/* it fails where codes have been fitted again since the query was prepared, or a slot has never had any */
	if (!try_score_codes(store, ids, n, score) && vecgraph_codes_follow(&store->index, &store->scoring.query))
	{
		prepare_codes(store, query);
		try_score_codes(store, ids, n, score);
	}
}

static VxStatus
page_read_edges(VxStore *base, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_SHARE, &buffer);
	bool		found = vx_slot_is_node(slot);

	if (found)
	{
		out->version = slot->version;
		out->live = slot->state == VX_SLOT_LIVE;
		out->count = slot->degree;
		memcpy(out->ids, slot->edges, slot->degree * sizeof(VxNodeId));
		if (query != NULL)
		{
			vecgraph_fill_payload(slot, (VecGraphPayload *) out->payload);
			if (store->index.geometry.storage != VX_STORAGE_HEAP)
				out->exact = vx_space_operator(&store->index.space, query->point, vecgraph_slot_point(&store->index, slot));
		}
	}
	UnlockReleaseBuffer(buffer);
	if (found && query != NULL && store->index.geometry.storage == VX_STORAGE_HEAP)
	{
		float		score;

		score_codes(store, query, &id, 1, &score);
		out->exact = score;
	}
	return found ? VX_OK : VX_GONE;
}

static void
page_prepare(VxStore *base, const VxQuery *query)
{
	VecGraphStore *store = (VecGraphStore *) base;
	const VxGeometry *g = &store->index.geometry;

	/* linking by codes asks nodes for their edges only */
	store->scoring.wanted_bytes = query->linking && store->by_codes
		? offsetof(VxSlot, edges) + g->edge_capacity * sizeof(VxNodeId) : g->record_bytes;
	if (store->by_codes)
		prepare_codes(store, query);
}

static void
page_score(VxStore *base, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	VecGraphStore *store = (VecGraphStore *) base;

	if (store->by_codes)
	{
		score_codes(store, query, ids, n, score);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
	{
		Buffer		buffer;
		VxSlot	   *slot;

		page_prefetch(base, ids[Min(i + 2, n - 1)]);
		slot = vecgraph_lock_slot(&store->index, ids[i], BUFFER_LOCK_SHARE, &buffer);
		if (!vx_slot_is_node(slot))
			score[i] = get_float4_infinity();
		else if (query->linking)
			score[i] = vx_space_pair(&store->index.space, query->point, vecgraph_slot_point(&store->index, slot));
		else
			score[i] = vx_space_query(&store->index.space, query->point, vecgraph_slot_point(&store->index, slot));
		UnlockReleaseBuffer(buffer);
	}
}

static void
page_gather(VxStore *base, const VxNodeId *ids, uint32_t n, VxPointSet *set)
{
	VecGraphStore *store = (VecGraphStore *) base;
	size_t		bytes = store->scoring.decoded ? vx_codec_opened_bytes(&store->index.codes->codec) : vx_space_room(&store->index.space);

	vx_pointset_reserve(set, &store->index.mem, n);
	vx_pointset_reserve_copies(set, &store->index.mem, n, bytes);
	for (uint32_t i = 0; i < n; i++)
	{
		void	   *copy = vx_pointset_copy(set, i, bytes);

		set->points[i] = copy;
		if (store->scoring.decoded)
			vx_codec_open(&store->index.codes->codec, vecgraph_code(&store->index, ids[i], 0), copy);
		else if (!vecgraph_copy_point(&store->index, ids[i], copy))
			set->points[i] = NULL;
	}
}

static void
page_pairs(VxStore *base, const void *one, const void *const *others, uint32_t n, float *distance)
{
	VecGraphStore *store = (VecGraphStore *) base;

	if (store->scoring.decoded)
	{
		vx_codec_pairs(&store->index.codes->codec, one, others, n, distance);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		distance[i] = vx_space_pair(&store->index.space, one, others[i]);
}

static VxStatus
page_add_edge(VxStore *base, VxNodeId id, VxNodeId target)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	VxStatus	status = VX_OK;

	if (slot->state != VX_SLOT_LIVE)
		status = VX_GONE;
	for (int i = 0; i < slot->degree && status == VX_OK; i++)
		if (slot->edges[i] == target)
			status = VX_EXISTS;
	if (status == VX_OK && slot->degree == base->edge_capacity)
		status = VX_FULL;
	if (status == VX_OK)
	{
		VecGraphChange change = vecgraph_change_start(&store->index);
		Page		page = vecgraph_change_page(change, buffer, 0);

		slot = vx_slot(&store->index.geometry, vecgraph_page_body(page), vx_id_slot(&store->index.geometry, id));
		slot->edges[slot->degree++] = target;
		slot->version++;
		vecgraph_change_finish(change);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

static VxStatus
page_replace_edges(VxStore *base, VxNodeId id, uint32 seen_version, const VxNodeId *ids, uint32 n)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	VxStatus	status = VX_OK;

	Assert(n <= base->edge_capacity);
	if (!vx_slot_is_node(slot))
		status = VX_GONE;
	else if (slot->version != seen_version)
		status = VX_CONFLICT;
	else
	{
		VecGraphChange change = vecgraph_change_start(&store->index);
		Page		page = vecgraph_change_page(change, buffer, 0);

		slot = vx_slot(&store->index.geometry, vecgraph_page_body(page), vx_id_slot(&store->index.geometry, id));
		memset(slot->edges, 0, store->index.geometry.edge_capacity * sizeof(VxNodeId));
		memcpy(slot->edges, ids, n * sizeof(VxNodeId));
		slot->degree = n;
		slot->version++;
		vecgraph_change_finish(change);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

static uint32
page_entries(VxStore *base, VxNodeId *ids)
{
	VecGraphStore *store = (VecGraphStore *) base;

	memcpy(ids, store->index.meta.entries, store->index.meta.entry_count * sizeof(VxNodeId));
	return store->index.meta.entry_count;
}

static void
page_poll(VxStore *base)
{
	if (((VecGraphStore *) base)->vacuuming)
		vecidx_vacuum_delay_point();
	else
		CHECK_FOR_INTERRUPTS();
}

static const VxStoreOps page_ops = {
	.read_edges = page_read_edges,
	.prefetch = page_prefetch,
	.prepare = page_prepare,
	.asks_otherwise = page_asks_otherwise,
	.score = page_score,
	.gather = page_gather,
	.pairs = page_pairs,
	.add_edge = page_add_edge,
	.replace_edges = page_replace_edges,
	.entries = page_entries,
	.poll = page_poll,
};

/* What follows from the index, which has just been opened or refreshed. */
static void
follow_index(VecGraphStore *store)
{
	VecGraphIndex *index = &store->index;
	const VxMeta *meta = &index->meta;

	store->base.max_degree = meta->max_degree;
	store->base.edge_capacity = meta->edge_capacity;
	/* Room for a few more back-links before the next pruning, which costs far more than an edge is worth. */
	store->base.overflow_degree = Max(1, meta->edge_capacity * 4 / 5);
	store->base.alpha = vx_space_alpha(&store->index.space, meta->alpha);
	store->by_codes = vx_codes_usable(meta);
	store->base.rough_scores = store->by_codes && !vx_metric_kind(meta->metric)->coded;
	if (index->codes == NULL)
		return;

	/*
	 * Four bits are as good for pruning as the vectors, and cost no page accesses. Fewer are not. Where codes estimate another
	 * distance than the metric, only decoded codes have that in common.
	 */
	store->scoring.decoded = store->by_codes
		&& (vx_code_kind(meta->code_kind)->prunes || index->geometry.storage == VX_STORAGE_HEAP
			|| !vx_metric_kind(meta->metric)->coded);
	if (store->scoring.decoded)
		store->base.alpha = meta->alpha;
	if (!store->scoring.query_ready)
		vx_code_query_init(&index->codes->codec, &index->mem, &store->scoring.query);
	store->scoring.query_ready = true;
}

void
vecgraph_store_refresh(VecGraphStore *store)
{
	vecgraph_index_refresh(&store->index);
	follow_index(store);
}

void
vecgraph_store_open(VecGraphStore *store, Relation index, MemoryContext context)
{
	memset(store, 0, sizeof(*store));
	store->base.ops = &page_ops;
	vecgraph_index_open(&store->index, index, context);
	follow_index(store);
	store->opclass = vecgraph_opclass(index);
	if (store->index.space.metric != store->opclass->metric)
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "the metric is not that of the operator class");
	if (!vecidx_type_has_storage(store->opclass->type, store->index.geometry.storage))
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "the storage is not one for the operator class");
}
