/*
 * vecgraph_store.c: the graph's store over index pages.
 *
 * Neighbours are scored from codes where all nodes have them, else from the vectors on their pages.
 *
 * Every call pins and locks at most one page and gives it back before it returns (rule S1 of vx_store.h), so searching and
 * linking can never deadlock. Writes are of one page each, and say which bytes they change.
 */
#include "am/ops/vecgraph_ops.h"

#include "miscadmin.h"
#include "commands/vacuum.h"
#include "utils/float.h"

StaticAssertDecl(sizeof(VecGraphPayload) <= sizeof(uint64) * VX_PAYLOAD_WORDS, "a node's TIDs must fit the payload");

/* ---- VxStoreOps: what each does is said in vx_store.h ---- */

static void
page_prefetch(VxStore *base, VxNodeId id)
{
	VecGraphStore *store = (VecGraphStore *) base;

	vecgraph_prefetch_slot(&store->index, id, store->wanted_bytes);
}

static void
page_read_ahead(VxStore *base, const VxNodeId *ids, uint32_t n)
{
	VecGraphIndex *index = &((VecGraphStore *) base)->index;

	for (uint32_t i = 0; i < n; i++)
		vecgraph_ahead_ask(&index->ahead, vx_id_block(&index->geometry, ids[i]));
}

static bool
page_asks_otherwise(VxStore *base, const VxQuery *query)
{
	return vx_computer_asks_otherwise(&((VecGraphStore *) base)->computer, query->point);
}

/* Scores nodes by their codes, without any lock but what reading a code takes. False if one is of an unknown epoch. */
static bool
try_score_codes(VecGraphStore *store, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	const void *codes[VX_MAX_EDGES];

	vecgraph_find_codes(&store->index, ids, n, codes);
	return store->computer.ops->score(&store->computer, query, codes, n, score);
}

/* Asks for the pages of those codes that are not in the cache. */
VX_NOINLINE static void
ask_for_codes(VecGraphStore *store, const VxNodeId *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (vecgraph_cache_code(&store->index.codes->view, ids[i]) == NULL)
			vecgraph_ask_for_digests(&store->index, ids[i], 1);
}

static void
score_codes(VecGraphStore *store, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	bool		again;

	if (store->base.ahead > 0)
		ask_for_codes(store, ids, n);
	if (try_score_codes(store, query, ids, n, score))
		return;

	/*
	 * Codes have been fitted again since the query was prepared, or a slot has never had any. Once is enough: the second time
	 * models and codes are as new as each other, and a code that is unknown even then has a wrong score, no more.
	 */
	again = vecgraph_codes_follow(&store->index, &store->computer.code_query);
	store->computer.codec = &store->index.codes->codec;
	if (again)
	{
		vx_computer_prepare(&store->computer, query);
		try_score_codes(store, query, ids, n, score);
	}
}

/* Nodes are read ahead once one has had to be read. */
static inline void
follow_waiting(VecGraphStore *store)
{
	store->base.ahead = Min(store->index.ahead.concurrency, VX_MOST_AHEAD);
}

static VxStatus
page_read_edges(VxStore *base, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_SHARE, &buffer);
	bool		found = vx_slot_is_node(slot);

	follow_waiting(store);
	if (found)
	{
		out->version = slot->version;
		out->live = slot->state == VX_SLOT_LIVE;
		out->count = slot->degree;
		memcpy(out->ids, slot->edges, slot->degree * sizeof(VxNodeId));
		if (query != NULL)
		{
			vecgraph_fill_payload(slot, (VecGraphPayload *) out->payload);
			if (vx_storage_has_vector(store->index.geometry.storage))
			{
				const VxPoint *point = vecgraph_slot_point(&store->index, slot);

				out->exact = vx_space_operator(&store->index.space, query->point, point);
				out->error = store->index.geometry.storage == VX_STORAGE_HALF
					? vx_space_half_error(&store->index.space, query->point, point->norm2) : 0;
			}
		}
	}
	UnlockReleaseBuffer(buffer);
	/* after the lock is given back, since this may read code pages. A scan replaces the estimate by what the heap says. */
	if (found && query != NULL && !vx_storage_has_vector(store->index.geometry.storage))
	{
		float		score;

		score_codes(store, query, &id, 1, &score);
		out->exact = score;
		out->error = get_float8_infinity();
	}
	return found ? VX_OK : VX_GONE;
}

static void
page_prepare(VxStore *base, const VxQuery *query)
{
	VecGraphStore *store = (VecGraphStore *) base;
	const VxGeometry *g = &store->index.geometry;

	/* linking by codes asks nodes for their edges only */
	store->wanted_bytes = query->linking && store->computer.ops->scores_codes
		? offsetof(VxSlot, edges) + g->edge_capacity * sizeof(VxNodeId) : g->record_bytes;
	vx_computer_prepare(&store->computer, query);
}

static void
page_score(VxStore *base, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	VecGraphStore *store = (VecGraphStore *) base;

	if (store->computer.ops->scores_codes)
	{
		score_codes(store, query, ids, n, score);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
	{
		Buffer		buffer;
		VxSlot	   *slot;

		vx_store_read_ahead(base, ids + i, n - i);
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
	bool		codes = store->computer.ops->pairs_codes;
	size_t		bytes = codes ? vx_computer_opened_bytes(&store->computer) : vx_space_room(&store->index.space);

	vx_pointset_reserve(set, &store->index.mem, n);
	vx_pointset_reserve_copies(set, &store->index.mem, n, bytes);
	for (uint32_t i = 0; i < n; i++)
	{
		void	   *copy = vx_pointset_copy(set, i, bytes);

		set->points[i] = copy;
		if (codes)
		{
			store->computer.codec->ops->open(store->computer.codec, vecgraph_code(&store->index, ids[i], 0), copy);
			continue;
		}
		vx_store_read_ahead(base, ids + i, n - i);
		if (!vecgraph_copy_point(&store->index, ids[i], copy))
			set->points[i] = NULL;
	}
}

static void
page_pairs(VxStore *base, const void *one, const void *const *others, uint32_t n, float *distance)
{
	VecGraphStore *store = (VecGraphStore *) base;

	store->computer.ops->pairs(&store->computer, one, others, n, distance);
}

static VxStatus
page_add_edge(VxStore *base, VxNodeId id, VxNodeId target)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	VxStatus	status = VX_OK;

	/* a deleted node gets no edges: its own are there until pass 2 of VACUUM has led others around it */
	if (slot->state != VX_SLOT_LIVE)
		status = VX_GONE;
	for (int i = 0; i < slot->degree && status == VX_OK; i++)
		if (slot->edges[i] == target)
			status = VX_EXISTS;
	if (status == VX_OK && slot->degree == base->edge_capacity)
		status = VX_FULL;
	if (status == VX_OK)
	{
		VecGraphDelta delta;
		VxSlot	   *head;
		VxNodeId   *edge;

		vecgraph_delta_start(&delta, &store->index);
		head = vecgraph_delta_image(&delta, buffer, slot, offsetof(VxSlot, chain));
		edge = vecgraph_delta_image(&delta, buffer, &slot->edges[slot->degree], sizeof(VxNodeId));
		*edge = target;
		head->degree++;
		head->version++;
		vecgraph_delta_finish(&delta);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

/* Whether a slot's edges may be replaced by who has seen that version. */
static VxStatus
may_replace_edges(const VxSlot *slot, uint32 seen_version)
{
	if (!vx_slot_is_node(slot))
		return VX_GONE;
	/* also if the slot was freed and used again: versions go on */
	return slot->version == seen_version ? VX_OK : VX_CONFLICT;
}

/* Replaces the edges of a slot, as a part of a change. */
static void
put_edges(const VecGraphStore *store, VecGraphDelta *delta, Buffer buffer, VxSlot *slot, const VxNodeId *ids, uint32 n)
{
	uint32		edge_bytes = store->index.geometry.edge_capacity * sizeof(VxNodeId);

	Assert(n <= store->base.edge_capacity);
	slot = vecgraph_delta_image(delta, buffer, slot, offsetof(VxSlot, edges) + edge_bytes);
	memset(slot->edges, 0, edge_bytes);
	memcpy(slot->edges, ids, n * sizeof(VxNodeId));
	slot->degree = n;
	slot->version++;
}

static VxStatus
page_replace_edges(VxStore *base, VxNodeId id, uint32 seen_version, const VxNodeId *ids, uint32 n)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	VxStatus	status = may_replace_edges(slot, seen_version);

	if (status == VX_OK)
	{
		VecGraphDelta delta;

		vecgraph_delta_start(&delta, &store->index);
		put_edges(store, &delta, buffer, slot, ids, n);
		vecgraph_delta_finish(&delta);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

void
vecgraph_replace_edges(VecGraphStore *store, VecGraphNewEdges *nodes, uint32 n)
{
	const VxGeometry *g = &store->index.geometry;
	Buffer		buffer;
	VecGraphDelta delta;

	(void) vecgraph_lock_slot(&store->index, nodes[0].id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	vecgraph_delta_start(&delta, &store->index);
	for (uint32 i = 0; i < n; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(BufferGetPage(buffer)), vx_id_slot(g, nodes[i].id));

		Assert(vx_id_block(g, nodes[i].id) == BufferGetBlockNumber(buffer));
		nodes[i].status = may_replace_edges(slot, nodes[i].seen_version);
		if (nodes[i].status != VX_OK)
			continue;
		/* pages of many small nodes take several records */
		if (!vecgraph_delta_has_room(&delta, g->record_bytes))
		{
			vecgraph_delta_finish(&delta);
			vecgraph_delta_start(&delta, &store->index);
		}
		put_edges(store, &delta, buffer, slot, nodes[i].ids, nodes[i].count);
	}
	vecgraph_delta_finish(&delta);
	UnlockReleaseBuffer(buffer);
}

static bool
page_wants(VxStore *base, VxNodeId id)
{
	return vecgraph_matches(((VecGraphStore *) base)->matcher, id);
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
	.read_ahead = page_read_ahead,
	.prepare = page_prepare,
	.asks_otherwise = page_asks_otherwise,
	.score = page_score,
	.gather = page_gather,
	.pairs = page_pairs,
	.add_edge = page_add_edge,
	.replace_edges = page_replace_edges,
	.entries = page_entries,
	.wants = page_wants,
	.poll = page_poll,
};

/*
 * How nodes are compared. Four bits are as good for pruning as the vectors, and cost no page accesses. Fewer are not, but where their
 * scores are in other units. Where codes estimate another distance than the metric, only decoded codes have that in common.
 */
static VxComparison
choose_comparison(const VecGraphIndex *index)
{
	const VxMeta *meta = &index->meta;

	if (!vx_codes_usable(meta))
		return VX_BY_POINTS;
	if (vx_codec_prunes(&index->codes->codec) || !vx_storage_has_vector(index->geometry.storage) || !vx_metric_kind(meta->metric)->coded)
		return VX_BY_CODES;
	return VX_BY_CODES_AND_POINTS;
}

/* What follows from the index, which has just been opened or refreshed. */
static void
follow_index(VecGraphStore *store)
{
	VecGraphIndex *index = &store->index;
	const VxMeta *meta = &index->meta;
	VxCodec    *codec = index->codes != NULL ? &index->codes->codec : NULL;
	VxComparison comparison = choose_comparison(index);

	if (store->computer.ops == NULL || store->computer.comparison != comparison)
	{
		vx_computer_free(&store->computer);
		vx_computer_init(&store->computer, &index->mem, comparison, &index->space, codec);
	}
	store->computer.codec = codec;
	store->base.max_degree = meta->max_degree;
	store->base.edge_capacity = meta->edge_capacity;
	/* Room for a few more back-links before the next pruning, which costs far more than an edge is worth. */
	store->base.overflow_degree = Max(1, meta->edge_capacity * 4 / 5);
	/* what is compared by codes is compared by squared distances */
	store->base.alpha = comparison == VX_BY_CODES ? vx_alpha_of_all(meta->alpha) : vx_space_alpha(&index->space, meta->alpha);
	store->base.rough_scores = comparison != VX_BY_POINTS && !vx_metric_kind(meta->metric)->coded;
}

void
vecgraph_store_select(VecGraphStore *store, VecGraphMatcher *matcher)
{
	store->matcher = matcher;
	store->base.selective = matcher != NULL;
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
	/* the meta page is damaged, or someone has changed the catalog: the operator's distances would be in another order */
	if (store->index.space.metric != store->opclass->metric)
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "the metric is not that of the operator class");
	if (!vecidx_type_has_storage(store->opclass->type, store->index.geometry.storage))
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "the storage is not one for the operator class");
}
