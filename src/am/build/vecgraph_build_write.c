/*
 * vecgraph_build_write.c: the pages of a build; see vecgraph_build_impl.h.
 *
 * There are three parts: the head (meta page and models), the body (nodes and their codes) and the tail (heap TIDs of nodes
 * that have many). Several processes may write the body at once, each its own blocks; a block is logged soon after it is
 * written. Where vectors did not fit into memory, pages with the vectors are there already and get the rest now. Nobody sees
 * any of them before the build commits.
 */
#include "am/build/vecgraph_build_impl.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"

/* Where the tail is: heap TIDs that do not fit their node go to slots behind all nodes. */
typedef struct ChainWriter
{
	VxNodeId	node;			/* whose chain is being written */
	uint32		more;			/* position + 1 of its next TID to write, 0: go to the next node */
} ChainWriter;

static uint32
chain_slots(VecGraphBuild *build, uint32 tid_count)
{
	if (tid_count <= VX_INLINE_TIDS)
		return 0;
	return (tid_count - VX_INLINE_TIDS + build->geometry.tids_per_slot - 1) / build->geometry.tids_per_slot;
}

void
vecgraph_build_plan_pages(VecGraphBuild *build)
{
	const VxGeometry *g = &build->geometry;
	uint32		nodes = build->store.count;
	uint64		ids = nodes;
	uint32		chain_count = 0;

	for (VxNodeId id = 0; id < nodes; id++)
	{
		uint32		slots = chain_slots(build, build->tids[id].count);

		ids += slots;
		chain_count += slots > 0;
	}
	/* no more than there are ids, and blocks for them */
	if (ids >= vx_id_bound(g, MaxBlockNumber))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for index \"%s\"", RelationGetRelationName(build->index))));

	build->chains = MemoryContextAllocHuge(build->context, Max(chain_count, 1) * sizeof(NodeChain));
	build->pages.chain_count = 0;
	build->pages.ids = nodes;
	for (VxNodeId id = 0; id < nodes && build->pages.chain_count < chain_count; id++)
	{
		uint32		slots = chain_slots(build, build->tids[id].count);

		if (slots == 0)
			continue;
		build->chains[build->pages.chain_count++] = (NodeChain)
		{
			.node = id,.first = build->pages.ids
		};
		build->pages.ids += slots;
	}
	build->pages.planned = vx_blocks_for(g, build->pages.ids);
	build->pages.tail = build->pages.ids > nodes ? vx_id_block(g, nodes) : build->pages.planned;
	if (build->pages.ids % g->nodes_per_page != 0)
		build->meta.free_page = build->pages.planned - 1;
}

/* The first slot of the chain of a node that has one. */
static VxNodeId
first_of_chain(VecGraphBuild *build, VxNodeId node)
{
	uint32		low = 0;
	uint32		high = build->pages.chain_count - 1;

	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (build->chains[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	Assert(build->chains[low].node == node);
	return build->chains[low].first;
}

/* Writes the node with its first TIDs. */
static void
fill_node(VecGraphBuild *build, VxSlot *slot, VxNodeId id)
{
	NodeTids   *node = &build->tids[id];
	uint32		more = node->more;

	slot->state = VX_SLOT_LIVE;
	slot->version = 1;
	slot->tids[slot->tid_count++] = node->first;
	for (; more != 0 && slot->tid_count < VX_INLINE_TIDS; more = build->more[more - 1].next)
		slot->tids[slot->tid_count++] = build->more[more - 1].tid;
	node->more = more;			/* what is left for the chain */
	slot->chain = more != 0 ? first_of_chain(build, id) : VX_NO_NODE;
	slot->degree = build->store.degrees[id];
	memcpy(slot->edges, build->store.edges + (Size) id * build->store.base.edge_capacity,
		   slot->degree * sizeof(VxNodeId));
	if (build->regime == BUILD_POINTS)
		vecgraph_slot_set_point(&build->store.space, &build->geometry, slot, vx_memstore_point(&build->store, id));
}

/* Writes the next slot of a chain, whose id is given. */
static void
fill_chain(VecGraphBuild *build, VxTidSlot *slot, VxNodeId id, ChainWriter *writer)
{
	while (writer->more == 0)
		writer->more = build->tids[++writer->node].more;
	slot->state = VX_SLOT_TIDS;
	slot->version = 1;
	slot->owner = writer->node;
	while (writer->more != 0 && slot->tid_count < build->geometry.tids_per_slot)
	{
		slot->tids[slot->tid_count++] = build->more[writer->more - 1].tid;
		writer->more = build->more[writer->more - 1].next;
	}
	slot->chain = writer->more != 0 ? id + 1 : VX_NO_NODE;
}

/* Makes the index so many blocks long at least. Several participants may do so at once. */
static void
extend_to(VecGraphBuild *build, BlockNumber blocks)
{
	if (build->extended >= blocks)
		return;
	LockRelationForExtension(build->index, ExclusiveLock);
	build->extended = RelationGetNumberOfBlocks(build->index);
	while (build->extended < blocks)
		build->extended += vecidx_extend(build->index, blocks - build->extended);
	UnlockRelationForExtension(build->index, ExclusiveLock);
}

/* A block for the first time, exclusively locked and all zeros. */
static Buffer
new_block(VecGraphBuild *build, BlockNumber block)
{
	extend_to(build, block + 1);
	return ReadBufferExtended(build->index, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);
}

void
vecgraph_build_fill_head_page(const VxGeometry *g, Page page, BlockNumber block, const void *model)
{
	uint32		number = vx_model_page(block);
	uint32		used;

	if (block == vx_code_log_block(g->first_segment))
	{
		vecgraph_init_data_page(page, VX_PAGE_CODE_LOG, vx_code_log_used(g->body_bytes));
		return;
	}
	used = vecgraph_model_page_used(g, block);
	vecgraph_init_data_page(page, VX_PAGE_MODEL, used);
	if (model != NULL && number < g->model_pages)
		memcpy(vecgraph_page_body(page), (const char *) model + (Size) number * g->body_bytes, used);
}

/* An empty page of any kind. */
static void
init_block(VecGraphBuild *build, Page page, BlockNumber block)
{
	const VxGeometry *g = &build->geometry;

	if (block == VECGRAPH_META_BLOCK)
		vecgraph_init_meta_page(page, &build->meta);
	else if (block < g->first_segment)
		vecgraph_build_fill_head_page(g, page, block, build->codebook != NULL ? (const void *) build->codebook
									  : (const void *) build->codec.mean[0]);
	else if (vx_block_has_codes(g, block))
		vecgraph_init_data_page(page, VX_PAGE_CODES, vx_code_page_used(g));
	else
		vecgraph_init_node_page(page, g);
}

/* Adds pages until there is this one. They are logged when the index is written. */
static void
make_blocks(VecGraphBuild *build, BlockNumber last)
{
	for (; build->pages.blocks <= last; build->pages.blocks++)
	{
		Buffer		buffer = new_block(build, build->pages.blocks);

		init_block(build, BufferGetPage(buffer), build->pages.blocks);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/* A page that was made before, or is now; it may have been written and read again since. */
static Buffer
lock_block(VecGraphBuild *build, BlockNumber block)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer;

	make_blocks(build, block);
	buffer = ReadBuffer(build->index, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (block >= g->first_segment && vx_block_has_codes(g, block))
		vecgraph_check_code_page(build->index, buffer, g);
	else if (block >= g->first_segment)
		vecgraph_check_node_page(build->index, buffer, g);
	return buffer;
}

void
vecgraph_build_place_point(VecGraphBuild *build, VxNodeId id, const VxPoint *point)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer = lock_block(build, vx_id_block(g, id));

	vecgraph_slot_set_point(&build->space, g, vx_slot(g, vecgraph_page_body(BufferGetPage(buffer)), vx_id_slot(g, id)), point);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

void
vecgraph_build_place_code(VecGraphBuild *build, VxNodeId id, const uint8 *code)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer = lock_block(build, vx_code_block(g, id));

	memcpy((uint8 *) vecgraph_page_body(BufferGetPage(buffer)) + vx_code_offset(g, id), code, g->code_bytes);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/* Puts the codes of a page on it, unless they were placed one by one. */
static void
fill_code_page(VecGraphBuild *build, Page page, BlockNumber block)
{
	const VxGeometry *g = &build->geometry;
	VxNodeId	first = vx_code_page_first_id(g, block);

	if (!build->pages.codes_placed && build->store.codes != NULL && first < build->store.count)
		memcpy(vecgraph_page_body(page), vx_memstore_code(&build->store, first),
			   (Size) Min(vx_code_run(g, first), build->store.count - first) * g->code_bytes);
}

/* writer is used in the tail only. */
static void
fill_node_page(VecGraphBuild *build, Page page, BlockNumber block, ChainWriter *writer)
{
	const VxGeometry *g = &build->geometry;
	VxNodeId	first = vx_block_first_id(g, block);

	for (uint32 i = 0; i < g->nodes_per_page && first + i < build->pages.ids; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		VxNodeId	id = first + i;

		if (id < build->store.count)
			fill_node(build, slot, id);
		else
			fill_chain(build, (VxTidSlot *) slot, id, writer);
		vecgraph_page_special(page)->free_slots--;
	}
	if (block == build->meta.free_page)
		vecgraph_page_special(page)->next_free = VX_NO_BLOCK;
}

static void
write_blocks(VecGraphBuild *build, BlockNumber first, BlockNumber end, ChainWriter *writer)
{
	const VxGeometry *g = &build->geometry;
	Relation	index = build->index;

	extend_to(build, end);
	for (BlockNumber block = first; block < end; block++)
	{
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buffer = block < build->pages.blocks ? lock_block(build, block) : new_block(build, block);
		page = BufferGetPage(buffer);
		if (block >= build->pages.blocks || block == VECGRAPH_META_BLOCK)
			init_block(build, page, block);
		if (block >= g->first_segment && vx_block_has_codes(g, block))
			fill_code_page(build, page, block);
		else if (block >= g->first_segment)
			fill_node_page(build, page, block, writer);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
	if (RelationNeedsWAL(index) && !build->pages.log_later && first < end)
		log_newpage_range(index, MAIN_FORKNUM, first, end, true);
}

/* The same, so many at a time that what is logged is still in the buffers. */
static void
write_many_blocks(VecGraphBuild *build, BlockNumber first, BlockNumber end, ChainWriter *writer)
{
	for (; first < end; first += Min(VECGRAPH_WRITE_BATCH, end - first))
		write_blocks(build, first, first + Min(VECGRAPH_WRITE_BATCH, end - first), writer);
}

void
vecgraph_build_write_head(VecGraphBuild *build)
{
	write_blocks(build, 0, build->geometry.first_segment, NULL);
}

void
vecgraph_build_write_body(VecGraphBuild *build, BlockNumber first, BlockNumber end)
{
	write_many_blocks(build, first, end, NULL);
}

void
vecgraph_build_write_tail(VecGraphBuild *build)
{
	ChainWriter writer = {.node = VX_NO_NODE};	/* ++ makes it 0 */

	write_many_blocks(build, build->pages.tail, build->pages.planned, &writer);
}
