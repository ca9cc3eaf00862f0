/*
 * vecgraph_build_write.c: the pages of a build; see vecgraph_build_state.h.
 *
 * There are three parts: the head (meta page, models, log of codes), the body (nodes and their digests) and the tail (heap TIDs of
 * nodes that have many). Several processes may write the body at once, each its own blocks; a block is logged soon after it is
 * written. Where vectors did not fit into memory, pages with the vectors are there already and get the rest now. Nobody sees
 * any of them before the build commits.
 */
#include "am/build/vecgraph_build_state.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"

/* What is written. */
typedef struct Writer
{
	VecGraphBuild *build;
	VecGraphBuildNodes *nodes;	/* NULL: the head alone is written */
	VecGraphBuildPages *pages;

	/*
	 * in the tail: heap TIDs that do not fit their node go to slots behind all nodes, node after node; one process writes all of
	 * it
	 */
	VxNodeId	chain_node;		/* whose chain is being written */
	uint32		chain_more;		/* position + 1 of its next TID to write, 0: go to the next node */
} Writer;

/* How many slots a node with so many heap TIDs has in its chain. */
static uint32
chain_slots(const VxGeometry *g, uint32 tid_count)
{
	if (tid_count <= VX_INLINE_TIDS)
		return 0;
	return (tid_count - VX_INLINE_TIDS + g->tids_per_slot - 1) / g->tids_per_slot;
}

void
vecgraph_build_plan_pages(VecGraphBuild *build, const VecGraphBuildNodes *nodes, VecGraphBuildPages *pages)
{
	const VxGeometry *g = &build->geometry;
	uint32		count = nodes->store.count;
	uint64		ids = count;
	uint32		chain_count = 0;

	for (VxNodeId id = 0; id < count; id++)
	{
		uint32		slots = chain_slots(g, nodes->tids[id].count);

		ids += slots;
		chain_count += slots > 0;
	}
	/* no more than there are ids, and blocks for them */
	if (ids >= vx_id_bound(g, MaxBlockNumber))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for index \"%s\"", RelationGetRelationName(build->index))));

	pages->chains = MemoryContextAllocHuge(build->context, Max(chain_count, 1) * sizeof(VecGraphBuildChain));
	pages->chain_count = 0;
	pages->ids = count;
	for (VxNodeId id = 0; id < count && pages->chain_count < chain_count; id++)
	{
		uint32		slots = chain_slots(g, nodes->tids[id].count);

		if (slots == 0)
			continue;
		pages->chains[pages->chain_count++] = (VecGraphBuildChain)
		{
			.node = id,.first = pages->ids
		};
		pages->ids += slots;
	}
	pages->planned = vx_blocks_for(g, pages->ids);

	/*
	 * the page on which the first slot of a chain is, and maybe the last nodes; only the last page of all can have slots to
	 * spare
	 */
	pages->tail = pages->ids > count ? vx_id_block(g, count) : pages->planned;
	if (pages->ids % g->nodes_per_page != 0)
		build->meta.free_page = pages->planned - 1;
}

/* ---- pages, with or without what is in memory ---- */

/* Makes the index so many blocks long at least. Several participants may do so at once: what one knows of the length may be outdated. */
static void
extend_to(Relation index, VecGraphBuildPages *pages, BlockNumber blocks)
{
	if (pages->extended >= blocks)
		return;
	LockRelationForExtension(index, ExclusiveLock);
	pages->extended = RelationGetNumberOfBlocks(index);
	while (pages->extended < blocks)
		pages->extended += vecidx_extend(index, blocks - pages->extended);
	UnlockRelationForExtension(index, ExclusiveLock);
}

/* A block for the first time, exclusively locked and all zeros. */
static Buffer
new_block(Relation index, VecGraphBuildPages *pages, BlockNumber block)
{
	extend_to(index, pages, block + 1);
	return ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);
}

/*
 * A page between the meta page and the first segment: of the two models, of which the first is made of what was loaded, or is the named
 * codebook (NULL: none), and the second is for a later fit; or the empty log of codes.
 */
static void
init_head_page(const VxGeometry *g, const void *model, Page page, BlockNumber block)
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

void
vecgraph_build_init_page(const VxMeta *meta, const VxGeometry *g, const void *model, Page page, BlockNumber block)
{
	if (block == VECGRAPH_META_BLOCK)
		vecgraph_init_meta_page(page, meta);
	else if (block < g->first_segment)
		init_head_page(g, model, page, block);
	else if (vx_block_has_codes(g, block))
		vecgraph_init_data_page(page, VX_PAGE_CODES, vx_code_page_used(g));
	else
		vecgraph_init_node_page(page, g);
}

/* Adds pages until there is this one. They are logged when the index is written. */
static void
make_blocks(VecGraphBuild *build, VecGraphBuildPages *pages, BlockNumber last)
{
	for (; pages->made <= last; pages->made++)
	{
		Buffer		buffer = new_block(build->index, pages, pages->made);

		vecgraph_build_init_page(&build->meta, &build->geometry, pages->model, BufferGetPage(buffer), pages->made);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/* A page that was made before, or is now; it may have been written and read again since. */
static Buffer
lock_block(VecGraphBuild *build, VecGraphBuildPages *pages, BlockNumber block)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer;

	make_blocks(build, pages, block);
	buffer = vecgraph_read_and_lock(build->index, block, NULL, BUFFER_LOCK_EXCLUSIVE);
	if (block >= g->first_segment && vx_block_has_codes(g, block))
		vecgraph_check_code_page(build->index, buffer, g);
	else if (block >= g->first_segment)
		vecgraph_check_node_page(build->index, buffer, g);
	return buffer;
}

void
vecgraph_build_place_point(VecGraphBuild *build, VecGraphBuildPages *pages, VxNodeId id, const VxPoint *point)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer = lock_block(build, pages, vx_id_block(g, id));

	vecgraph_slot_set_point(&build->space, g, vx_slot(g, vecgraph_page_body(BufferGetPage(buffer)), vx_id_slot(g, id)), point);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

void
vecgraph_build_place_code(VecGraphBuild *build, VecGraphBuildPages *pages, VxNodeId id, const uint8 *code)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer = lock_block(build, pages, vx_code_block(g, id));

	memcpy((uint8 *) vecgraph_page_body(BufferGetPage(buffer)) + vx_code_offset(g, id), code, g->code_bytes);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/* ---- what is in memory ---- */

/* The first slot of the chain of a node that has one: chains are planned in the order of their nodes. */
static VxNodeId
first_of_chain(const VecGraphBuildPages *pages, VxNodeId node)
{
	uint32		low = 0;
	uint32		high = pages->chain_count - 1;

	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (pages->chains[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	Assert(pages->chains[low].node == node);
	return pages->chains[low].first;
}

/* Writes the node with its first TIDs. */
static void
write_node(Writer *writer, VxSlot *slot, VxNodeId id)
{
	const VecGraphBuildNodes *nodes = writer->nodes;
	const VxMemStore *store = &nodes->store;
	VecGraphBuildTids *node = &nodes->tids[id];
	uint32		more = node->more;

	vx_slot_init_node(&writer->build->geometry, slot, 1, store->edges + (Size) id * store->base.edge_capacity, store->degrees[id]);
	slot->tids[slot->tid_count++] = node->first;
	for (; more != 0 && slot->tid_count < VX_INLINE_TIDS; more = nodes->more[more - 1].next)
		slot->tids[slot->tid_count++] = nodes->more[more - 1].tid;
	/* what is left for the chain; each node is written by one participant, and the tail when all of them are done */
	node->more = more;
	if (more != 0)
		slot->chain = first_of_chain(writer->pages, id);
	if (!writer->pages->points_placed)
		vecgraph_slot_set_point(&store->space, &writer->build->geometry, slot, vx_memstore_point(store, id));
}

/* Writes the next slot of a chain, whose id is given. */
static void
write_chain(Writer *writer, VxSlot *slot, VxNodeId id)
{
	const VecGraphBuildNodes *nodes = writer->nodes;
	VxTidSlot  *tids;

	while (writer->chain_more == 0)
		writer->chain_more = nodes->tids[++writer->chain_node].more;
	tids = vx_slot_init_tids(&writer->build->geometry, slot, 1, writer->chain_node, VX_NO_NODE);
	while (writer->chain_more != 0 && tids->tid_count < writer->build->geometry.tids_per_slot)
	{
		tids->tids[tids->tid_count++] = nodes->more[writer->chain_more - 1].tid;
		writer->chain_more = nodes->more[writer->chain_more - 1].next;
	}
	/* slots of a chain follow each other, so the next one is known before it is written */
	if (writer->chain_more != 0)
		tids->chain = id + 1;
}

/* Puts the digests of a page on it, but for codes that are there already. Those of slots of chains, behind all nodes, stay zeros. */
static void
write_code_page(Writer *writer, Page page, BlockNumber block)
{
	const VxGeometry *g = &writer->build->geometry;
	const VxMemStore *store = &writer->nodes->store;
	VxNodeId	first = vx_code_page_first_id(g, block);
	VxNodeId	end;

	if (first >= store->count)
		return;
	end = first + Min(vx_code_stretch(g, first), store->count - first);
	if (store->codes != NULL && !writer->pages->codes_placed)
		memcpy(vecgraph_page_body(page), vx_memstore_code(store, first), (Size) (end - first) * g->code_bytes);
	for (VxNodeId id = first; id < end && g->filter_count > 0; id++)
		vx_signature_put(g, vecgraph_page_body(page), id, vecgraph_build_signature(writer->build, writer->nodes, id));
}

static void
write_node_page(Writer *writer, Page page, BlockNumber block)
{
	const VxGeometry *g = &writer->build->geometry;
	VxNodeId	first = vx_block_first_id(g, block);

	for (uint32 i = 0; i < g->nodes_per_page && first + i < writer->pages->ids; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		VxNodeId	id = first + i;

		if (id < writer->nodes->store.count)
			write_node(writer, slot, id);
		else
			write_chain(writer, slot, id);
		vecgraph_page_special(page)->free_slots--;
	}
	/* the list of free pages has this one only */
	if (block == writer->build->meta.free_page)
		vecgraph_page_special(page)->next_free = VX_NO_BLOCK;
}

/*
 * Writes blocks first to end - 1, with what is in memory for them, and logs them unless the build does that in the end. One that was
 * made when vectors were put on pages keeps these, and gets the rest. Each page is locked for itself.
 */
static void
write_blocks(Writer *writer, BlockNumber first, BlockNumber end)
{
	VecGraphBuild *build = writer->build;
	VecGraphBuildPages *pages = writer->pages;
	const VxGeometry *g = &build->geometry;
	Relation	index = build->index;

	extend_to(index, pages, end);
	for (BlockNumber block = first; block < end; block++)
	{
		bool		is_made = block < pages->made;
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buffer = is_made ? lock_block(build, pages, block) : new_block(index, pages, block);
		page = BufferGetPage(buffer);
		/* the meta page again: when vectors were put on pages, entries were not known yet */
		if (!is_made || block == VECGRAPH_META_BLOCK)
			vecgraph_build_init_page(&build->meta, g, pages->model, page, block);
		if (block >= g->first_segment && !vx_block_has_codes(g, block))
			write_node_page(writer, page, block);
		else if (block >= g->first_segment)
			write_code_page(writer, page, block);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
	/* with no page locked: it locks them itself, many for each record */
	if (RelationNeedsWAL(index) && !pages->log_later && first < end)
		log_newpage_range(index, MAIN_FORKNUM, first, end, true);
}

void
vecgraph_build_write(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages, BlockNumber first, BlockNumber end)
{
	/* ++ makes the node 0 */
	Writer		writer = {.build = build,.nodes = nodes,.pages = pages,.chain_node = VX_NO_NODE};

	/* so many at a time that what is logged is still in the buffers */
	for (; first < end; first += Min(VECGRAPH_WRITE_BATCH, end - first))
		write_blocks(&writer, first, first + Min(VECGRAPH_WRITE_BATCH, end - first));
}
