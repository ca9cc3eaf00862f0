/*
 * vecgraph_store.c: the graph's store over index pages.
 *
 * Neighbours are scored from codes where all nodes have them, else from the vectors on their pages.
 *
 * Every call pins and locks at most one page and gives it back before it returns (rule S1 of vx_store.h), so searching and
 * linking can never deadlock. Writes go through generic WAL records of one page.
 */
#include "am/vecgraph.h"

#include "miscadmin.h"
#include "commands/vacuum.h"
#include "common/hashfn.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "distance/vx_half.h"

static void *
mem_resize(void *context, void *p, size_t size)
{
	if (size == 0)
	{
		pfree(p);
		return NULL;
	}
	if (p == NULL)
		return MemoryContextAllocHuge((MemoryContext) context, size);
	return repalloc_huge(p, size);
}

VxMem
vecgraph_mem(MemoryContext context)
{
	return (VxMem)
	{
		.resize = mem_resize,.context = context
	};
}

void
vecgraph_poll(void *context)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Where pages were last seen in the buffer pool, by file and block: looking there first saves the buffer table's look-up, which
 * costs more than all else about a page in memory. The buffer itself says whether it still holds the page. Neighbours on disk
 * are neighbours here, since near nodes are on near pages.
 */
#define RECENT_BITS 18
static Buffer recent_buffers[1 << RECENT_BITS];

static inline Buffer *
recent_buffer(Relation index, BlockNumber block)
{
	return &recent_buffers[(((uint32) vecidx_file_number_of(index) * 0x85EBCA6Bu >> (32 - RECENT_BITS)) + block)
						   & ((1 << RECENT_BITS) - 1)];
}

/*
 * Only asks the CPU for memory of the buffer pool. Whatever page is there by now, nothing is read from it, so neither pin nor
 * lock is needed.
 */
static void
page_prefetch(VxStore *base, VxNodeId id)
{
	VecGraphStore *store = (VecGraphStore *) base;
	const VxGeometry *g = &store->geometry;
	Buffer		buffer = *recent_buffer(store->index, vx_id_block(g, id));
	const char *page;
	const char *slot;

	if (buffer <= 0)
		return;
	page = (const char *) BufferGetBlock(buffer);
	slot = (const char *) vx_slot(g, vecgraph_page_body((Page) page), vx_id_slot(g, id));
	vx_prefetch(GetBufferDescriptor(buffer - 1), 1);
	/* more is not in flight at once; the processor goes on by itself */
	vx_prefetch(slot, Min(store->wanted_bytes, 32 * VX_CACHE_LINE));
}

static Buffer
lock_node_page(VecGraphStore *store, BlockNumber block, int mode)
{
	Relation	index = store->index;
	Buffer	   *recent = recent_buffer(index, block);
	bool		hinted = store->strategy == NULL && !RelationUsesLocalBuffers(index);
	Buffer		buffer;

	/* checked when it was first met here: head and end of a page are two more misses of the processor's cache */
	if (hinted && BufferIsValid(*recent) && vecidx_read_recent_buffer(index, block, *recent))
	{
		LockBuffer(*recent, mode);
		return *recent;
	}
	buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, store->strategy);
	LockBuffer(buffer, mode);
	vecgraph_check_node_page(index, buffer, &store->geometry);
	if (hinted)
		*recent = buffer;
	return buffer;
}

Buffer
vecgraph_pin_code_log(VecGraphStore *store)
{
	Relation	index = store->index;
	BlockNumber block = vx_code_log_block(store->geometry.first_segment);
	Buffer	   *recent = recent_buffer(index, block);
	bool		hinted = !RelationUsesLocalBuffers(index);
	Buffer		buffer;

	if (hinted && BufferIsValid(*recent) && vecidx_read_recent_buffer(index, block, *recent))
		return *recent;
	buffer = ReadBuffer(index, block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	vecgraph_check_code_log_page(index, buffer, &store->geometry);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (hinted)
		*recent = buffer;
	return buffer;
}

VxSlot *
vecgraph_lock_slot(VecGraphStore *store, VxNodeId id, int mode, Buffer *buffer)
{
	const VxGeometry *g = &store->geometry;
	BlockNumber block;
	VxSlot	   *slot;
	const char *wrong;

	if (id >= store->id_bound)
	{
		store->id_bound = vx_id_bound(g, RelationGetNumberOfBlocks(store->index));
		if (id >= store->id_bound)
			vecgraph_corrupted(store->index, VECGRAPH_META_BLOCK, -1, "a node id lies beyond the end of the index");
	}
	block = vx_id_block(g, id);
	*buffer = lock_node_page(store, block, mode);
	vecidx_test_for_old_snapshot(store->snapshot, store->index, BufferGetPage(*buffer));
	slot = vx_slot(g, vecgraph_page_body(BufferGetPage(*buffer)), vx_id_slot(g, id));

	/* An id that an insert has just made may lie beyond the bound that is known here; then look again. */
	wrong = vx_slot_check(g, slot, store->id_bound, false);
	if (wrong != NULL)
	{
		store->id_bound = vx_id_bound(g, RelationGetNumberOfBlocks(store->index));
		wrong = vx_slot_check(g, slot, store->id_bound, false);
	}
	if (wrong != NULL)
		vecgraph_corrupted(store->index, block, (int) vx_id_slot(g, id), wrong);
	return slot;
}

static inline bool
is_node(const VxSlot *slot)
{
	return slot->state == VX_SLOT_LIVE || slot->state == VX_SLOT_DELETED;
}

static inline void
hash_point(const VxSpace *space, const VxPoint *point, uint32 hash[2])
{
	size_t		bytes;
	const void *identity = vx_space_identity(space, point, &bytes);
	uint64		value = hash_bytes_extended(identity, (int) bytes, 0);

	hash[0] = (uint32) value;
	hash[1] = (uint32) (value >> 32);
}

/* Whether halves are those of these floats, to the bit. */
static bool
has_halves(const uint16 *half, const float *x, uint32 dim)
{
	uint16		other[64];

	for (uint32 i = 0; i < dim; i += lengthof(other))
	{
		uint32		n = Min(dim - i, lengthof(other));

		vx_half_from_floats(x + i, n, other);
		if (memcmp(half + i, other, n * sizeof(uint16)) != 0)
			return false;
	}
	return true;
}

bool
vecgraph_slot_has_point(const VxSpace *space, const VxGeometry *g, VxSlot *slot, const VxPoint *point)
{
	VxAbsentPoint *absent;
	uint32		hash[2];

	if (g->storage == VX_STORAGE_FULL)
		return vx_space_same(space, vx_slot_point(g, slot), point);
	if (g->storage == VX_STORAGE_EXACT_HALF)
		return has_halves(vx_slot_half_point(g, slot)->half, point->x, g->dim);
	absent = vx_slot_absent_point(g, slot);
	hash_point(space, point, hash);
	return absent->norm2 == point->norm2 && absent->hash[0] == hash[0] && absent->hash[1] == hash[1];
}

void
vecgraph_slot_set_point(const VxSpace *space, const VxGeometry *g, VxSlot *slot, const VxPoint *point)
{
	VxAbsentPoint *absent;

	if (g->storage == VX_STORAGE_FULL)
	{
		memcpy(vx_slot_point(g, slot), point, vx_space_bytes(space, point));
		return;
	}
	if (g->storage == VX_STORAGE_EXACT_HALF)
	{
		vx_slot_half_point(g, slot)->norm2 = point->norm2;
		vx_half_from_floats(point->x, g->dim, vx_slot_half_point(g, slot)->half);
		return;
	}
	absent = vx_slot_absent_point(g, slot);
	absent->norm2 = point->norm2;
	hash_point(space, point, absent->hash);
	if (g->storage == VX_STORAGE_HALF)
		vx_half_from_floats(point->x, g->dim, absent->half);
}

const VxPoint *
vecgraph_slot_point(VecGraphStore *store, VxSlot *slot)
{
	const VxGeometry *g = &store->geometry;
	bool		exact = g->storage == VX_STORAGE_EXACT_HALF;

	if (g->storage == VX_STORAGE_FULL)
		return vx_slot_point(g, slot);
	Assert(g->storage != VX_STORAGE_HEAP);
	if (store->half_buffer == NULL)
		store->half_buffer = vx_alloc(&store->mem, vx_space_room(&store->space));
	store->half_buffer->norm2 = exact ? vx_slot_half_point(g, slot)->norm2 : vx_slot_absent_point(g, slot)->norm2;
	vx_half_to_floats(exact ? vx_slot_half_point(g, slot)->half : vx_slot_absent_point(g, slot)->half, g->dim,
					  store->half_buffer->x);
	return store->half_buffer;
}

static void
prepare_codes(VecGraphStore *store, const VxQuery *query)
{
	if (store->query_decoded)
		vx_codec_prepare_decoded(&store->codes->codec, query->point, query->linking, &store->code_query);
	else
		vx_codec_prepare(&store->codes->codec, query->point, query->linking, &store->code_query);
}

static bool
page_asks_otherwise(VxStore *base, const VxQuery *query)
{
	VecGraphStore *store = (VecGraphStore *) base;

	return vx_space_asks_otherwise(&store->space, store->query_decoded
								   ? vx_codec_own_norm2(&store->codes->codec, query->point)
								   : ((const VxPoint *) query->point)->norm2);
}

static bool
try_score_codes(VecGraphStore *store, const VxNodeId *ids, uint32_t n, float *score)
{
	const uint8 *codes[VX_MAX_EDGES];

	Assert(n <= VX_MAX_EDGES);
	for (uint32_t i = 0; i < n; i++)
		codes[i] = vecgraph_code(store, ids[i], i);
	return vx_codec_score(&store->codes->codec, &store->code_query, codes, n, score);
}

static void
score_codes(VecGraphStore *store, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	/* it fails where codes have been fitted again since the query was prepared, or a slot has never had any */
	if (!try_score_codes(store, ids, n, score) && vecgraph_codes_follow(store, &store->code_query))
	{
		prepare_codes(store, query);
		try_score_codes(store, ids, n, score);
	}
}

void
vecgraph_fill_payload(const VxSlot *slot, VecGraphPayload *payload)
{
	payload->chain = slot->chain;
	payload->tid_count = slot->tid_count;
	memcpy(payload->tids, slot->tids, sizeof(payload->tids));
}

static VxStatus
page_read_edges(VxStore *base, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(store, id, BUFFER_LOCK_SHARE, &buffer);
	bool		found = is_node(slot);

	if (found)
	{
		out->version = slot->version;
		out->live = slot->state == VX_SLOT_LIVE;
		out->count = slot->degree;
		memcpy(out->ids, slot->edges, slot->degree * sizeof(VxNodeId));
		if (query != NULL)
		{
			vecgraph_fill_payload(slot, (VecGraphPayload *) out->payload);
			if (store->geometry.storage != VX_STORAGE_HEAP)
				out->exact = vx_space_operator(&store->space, query->point, vecgraph_slot_point(store, slot));
		}
	}
	UnlockReleaseBuffer(buffer);
	if (found && query != NULL && store->geometry.storage == VX_STORAGE_HEAP)
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
	const VxGeometry *g = &store->geometry;

	/* linking by codes asks nodes for their edges only */
	store->wanted_bytes = query->linking && store->by_codes
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
		slot = vecgraph_lock_slot(store, ids[i], BUFFER_LOCK_SHARE, &buffer);
		if (!is_node(slot))
			score[i] = get_float4_infinity();
		else if (query->linking)
			score[i] = vx_space_pair(&store->space, query->point, vecgraph_slot_point(store, slot));
		else
			score[i] = vx_space_query(&store->space, query->point, vecgraph_slot_point(store, slot));
		UnlockReleaseBuffer(buffer);
	}
}

bool
vecgraph_copy_point(VecGraphStore *store, VxNodeId id, VxPoint *copy)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(store, id, BUFFER_LOCK_SHARE, &buffer);
	bool		found = is_node(slot);

	if (found)
	{
		const VxPoint *point = vecgraph_slot_point(store, slot);

		memcpy(copy, point, vx_space_bytes(&store->space, point));
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

static void
page_gather(VxStore *base, const VxNodeId *ids, uint32_t n, VxPointSet *set)
{
	VecGraphStore *store = (VecGraphStore *) base;
	size_t		bytes = store->decoded ? vx_codec_opened_bytes(&store->codes->codec) : vx_space_room(&store->space);

	vx_pointset_reserve(set, &store->mem, n);
	vx_pointset_reserve_copies(set, &store->mem, n, bytes);
	for (uint32_t i = 0; i < n; i++)
	{
		void	   *copy = (void *) set->points[i];

		if (store->decoded)
			vx_codec_open(&store->codes->codec, vecgraph_code(store, ids[i], 0), copy);
		else if (!vecgraph_copy_point(store, ids[i], copy))
			set->points[i] = NULL;
	}
}

static void
page_pairs(VxStore *base, const void *one, const void *const *others, uint32_t n, float *distance)
{
	VecGraphStore *store = (VecGraphStore *) base;

	if (store->decoded)
	{
		vx_codec_pairs(&store->codes->codec, one, others, n, distance);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		distance[i] = vx_space_pair(&store->space, one, others[i]);
}

static VxStatus
page_add_edge(VxStore *base, VxNodeId id, VxNodeId target)
{
	VecGraphStore *store = (VecGraphStore *) base;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(store, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
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
		VecGraphChange change = vecgraph_change_start(store);
		Page		page = vecgraph_change_page(change, buffer, 0);

		slot = vx_slot(&store->geometry, vecgraph_page_body(page), vx_id_slot(&store->geometry, id));
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
	VxSlot	   *slot = vecgraph_lock_slot(store, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	VxStatus	status = VX_OK;

	Assert(n <= base->edge_capacity);
	if (!is_node(slot))
		status = VX_GONE;
	else if (slot->version != seen_version)
		status = VX_CONFLICT;
	else
	{
		VecGraphChange change = vecgraph_change_start(store);
		Page		page = vecgraph_change_page(change, buffer, 0);

		slot = vx_slot(&store->geometry, vecgraph_page_body(page), vx_id_slot(&store->geometry, id));
		memset(slot->edges, 0, store->geometry.edge_capacity * sizeof(VxNodeId));
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

	memcpy(ids, store->meta.entries, store->meta.entry_count * sizeof(VxNodeId));
	return store->meta.entry_count;
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

/* Reads the meta page again: entries, free page and largest norm may have moved. */
void
vecgraph_store_refresh(VecGraphStore *store)
{
	vecgraph_read_meta(store->index, &store->meta, &store->geometry);
	store->id_bound = vx_id_bound(&store->geometry, RelationGetNumberOfBlocks(store->index));
	for (uint32 i = 0; i < store->meta.entry_count; i++)
		if (store->meta.entries[i] >= store->id_bound)
			vecgraph_corrupted(store->index, VECGRAPH_META_BLOCK, -1, "an entry node lies beyond the end of the index");

	store->space = vx_meta_space(&store->meta);
	store->base.max_degree = store->meta.max_degree;
	store->base.edge_capacity = store->meta.edge_capacity;
	/* Room for a few more back-links before the next pruning, which costs far more than an edge is worth. */
	store->base.overflow_degree = Max(1, store->meta.edge_capacity * 4 / 5);
	store->base.alpha = vx_space_alpha(&store->space, store->meta.alpha);
	store->codes = vecgraph_codes_open(store);
	store->by_codes = vx_codes_usable(&store->meta);
	store->base.rough_scores = store->by_codes && store->space.metric == VX_METRIC_L1;
	if (store->codes == NULL)
		return;
	vecgraph_cache_begin(&store->codes->view);
	vecgraph_codes_catch_up(store);

	/*
	 * Four bits are as good for pruning as the vectors, and cost no page accesses. Fewer are not. Under L1 codes estimate
	 * another distance, which only decoded codes have in common.
	 */
	store->decoded = store->by_codes
		&& (vx_code_kind(store->meta.code_kind)->prunes || store->geometry.storage == VX_STORAGE_HEAP
			|| store->space.metric == VX_METRIC_L1);
	if (store->decoded)
		store->base.alpha = store->meta.alpha;
	if (!store->query_ready)
		vx_code_query_init(&store->codes->codec, &store->mem, &store->code_query);
	store->query_ready = true;
}

void
vecgraph_store_open(VecGraphStore *store, Relation index, MemoryContext context)
{
	memset(store, 0, sizeof(*store));
	store->base.ops = &page_ops;
	store->index = index;
	store->mem = vecgraph_mem(context);
	vecgraph_store_refresh(store);
	store->opclass = vecgraph_opclass(index);
	if (store->space.metric != store->opclass->metric)
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "the metric is not that of the operator class");
	if (!vecidx_type_has_storage(store->opclass->type, store->geometry.storage))
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "the storage is not one for the operator class");
}
