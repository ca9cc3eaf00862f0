/*
 * vecgraph_store.c: the graph's store over index pages.
 *
 * Every call pins and locks at most one page and gives it back before it returns (rule S1 of vx_store.h), so searching and
 * linking can never deadlock. Writes go through generic WAL records of one page.
 */
#include "am/vecgraph.h"

#include "miscadmin.h"
#include "commands/vacuum.h"
#include "storage/bufmgr.h"
#include "utils/float.h"
#include "utils/memutils.h"

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
	*buffer = ReadBufferExtended(store->index, MAIN_FORKNUM, block, RBM_NORMAL, store->strategy);
	LockBuffer(*buffer, mode);
	vecgraph_check_node_page(store->index, *buffer, g);
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

static VxStatus
page_read_edges(VxStore *base, VxNodeId id, VxEdges *out)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot((VecGraphStore *) base, id, BUFFER_LOCK_SHARE, &buffer);
	bool		found = is_node(slot);

	if (found)
	{
		out->version = slot->version;
		out->live = slot->state == VX_SLOT_LIVE;
		out->count = slot->degree;
		memcpy(out->ids, slot->edges, slot->degree * sizeof(VxNodeId));
	}
	UnlockReleaseBuffer(buffer);
	return found ? VX_OK : VX_GONE;
}

static void
page_score(VxStore *base, const VxQuery *query, const VxNodeId *ids, uint32 n, float *score)
{
	VecGraphStore *store = (VecGraphStore *) base;

	for (uint32 i = 0; i < n; i++)
	{
		Buffer		buffer;
		VxSlot	   *slot = vecgraph_lock_slot(store, ids[i], BUFFER_LOCK_SHARE, &buffer);

		if (!is_node(slot))
			score[i] = get_float4_infinity();
		else if (query->linking)
			score[i] = vx_space_pair(&store->space, query->point, vx_slot_point(&store->geometry, slot));
		else
			score[i] = vx_space_query(&store->space, query->point, vx_slot_point(&store->geometry, slot));
		UnlockReleaseBuffer(buffer);
	}
}

static void
page_gather(VxStore *base, const VxNodeId *ids, uint32 n, VxPointSet *set)
{
	VecGraphStore *store = (VecGraphStore *) base;
	size_t		bytes = VX_POINT_BYTES(store->space.dim);

	vx_pointset_reserve(set, &store->mem, n);
	if (set->copies_size < n * bytes)
	{
		set->copies = vx_resize(&store->mem, set->copies, n * bytes);
		set->copies_size = n * bytes;
	}
	for (uint32 i = 0; i < n; i++)
	{
		Buffer		buffer;
		VxSlot	   *slot = vecgraph_lock_slot(store, ids[i], BUFFER_LOCK_SHARE, &buffer);
		char	   *copy = (char *) set->copies + i * bytes;

		set->points[i] = NULL;
		if (is_node(slot))
		{
			memcpy(copy, vx_slot_point(&store->geometry, slot), bytes);
			set->points[i] = copy;
		}
		UnlockReleaseBuffer(buffer);
	}
}

static float
page_pair(VxStore *base, const void *a, const void *b)
{
	return vx_space_pair(&((VecGraphStore *) base)->space, a, b);
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
		GenericXLogState *xlog = GenericXLogStart(store->index);
		Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);

		slot = vx_slot(&store->geometry, vecgraph_page_body(page), vx_id_slot(&store->geometry, id));
		slot->edges[slot->degree++] = target;
		slot->version++;
		GenericXLogFinish(xlog);
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
		GenericXLogState *xlog = GenericXLogStart(store->index);
		Page		page = GenericXLogRegisterBuffer(xlog, buffer, 0);

		slot = vx_slot(&store->geometry, vecgraph_page_body(page), vx_id_slot(&store->geometry, id));
		memset(slot->edges, 0, store->geometry.edge_capacity * sizeof(VxNodeId));
		memcpy(slot->edges, ids, n * sizeof(VxNodeId));
		slot->degree = n;
		slot->version++;
		GenericXLogFinish(xlog);
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
	.score = page_score,
	.gather = page_gather,
	.pair = page_pair,
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

	store->space.metric = (VxMetric) store->meta.metric;
	store->space.dim = store->meta.dim;
	store->space.max_norm2 = store->meta.max_norm2;
	store->base.max_degree = store->meta.max_degree;
	store->base.edge_capacity = store->meta.edge_capacity;
	/* Room for a few more back-links before the next pruning, which costs far more than an edge is worth. */
	store->base.overflow_degree = Max(1, store->meta.edge_capacity * 4 / 5);
	store->base.alpha = vx_space_alpha(&store->space, store->meta.alpha);
}

void
vecgraph_store_open(VecGraphStore *store, Relation index, MemoryContext context)
{
	memset(store, 0, sizeof(*store));
	store->base.ops = &page_ops;
	store->index = index;
	store->mem = vecgraph_mem(context);
	vecgraph_store_refresh(store);
	if (store->space.metric != vecgraph_opclass(index)->metric)
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "the metric is not that of the operator class");
}
