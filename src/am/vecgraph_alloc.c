/*
 * vecgraph_alloc.c: taking and giving back slots.
 *
 * Node pages with free slots form a list: meta.free_page names the first, each page the next. Slots are always taken from
 * the first page, so inserts fill one page after the other instead of wandering over cold ones. Only entering and leaving
 * the list touches the meta page, once for each page that fills up.
 *
 * Locks: relation extension lock, then meta page, then node page; see README.
 */
#include "am/vecgraph.h"

#include "miscadmin.h"
#include "storage/lmgr.h"

typedef struct PageOfSlots
{
	Buffer		buffer;			/* exclusively locked */
	VxPageSpecial *special;
} PageOfSlots;

static bool
lock_free_page(VecGraphStore *store, BlockNumber block, PageOfSlots *out)
{
	const VxGeometry *g = &store->geometry;

	if (!vx_block_has_nodes(g, block) || block >= RelationGetNumberOfBlocks(store->index))
		vecgraph_corrupted(store->index, VECGRAPH_META_BLOCK, -1, "the list of free pages leads out of the index");
	out->buffer = ReadBufferExtended(store->index, MAIN_FORKNUM, block, RBM_NORMAL, store->strategy);
	LockBuffer(out->buffer, BUFFER_LOCK_EXCLUSIVE);
	vecgraph_check_node_page(store->index, out->buffer, g);
	out->special = vecgraph_page_special(BufferGetPage(out->buffer));
	return out->special->next_free != VX_NOT_LISTED;
}

/* Fills the first free slot of a page image; returns its slot number, or -1 if the page has none. */
static int
fill_free_slot(VecGraphStore *store, Page page, VecGraphFill fill, void *context)
{
	const VxGeometry *g = &store->geometry;

	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);

		if (slot->state != VX_SLOT_FREE)
			continue;
		slot->version++;
		fill(store, slot, context);
		vecgraph_page_special(page)->free_slots--;
		return (int) i;
	}
	return -1;
}

static Buffer
lock_meta(VecGraphStore *store, int mode)
{
	Buffer		buffer = ReadBuffer(store->index, VECGRAPH_META_BLOCK);

	LockBuffer(buffer, mode);
	return buffer;
}

static inline VxMeta *
meta_of(Page page)
{
	return (VxMeta *) vecgraph_page_body(page);
}

static BlockNumber
first_free_page(VecGraphStore *store)
{
	Buffer		meta_buffer = lock_meta(store, BUFFER_LOCK_SHARE);
	BlockNumber block = meta_of(BufferGetPage(meta_buffer))->free_page;

	UnlockReleaseBuffer(meta_buffer);
	return block;
}

/* Adds one node page, all of whose slots are free, and puts it in the list. */
static void
extend(VecGraphStore *store)
{
	const VxGeometry *g = &store->geometry;
	Relation	index = store->index;
	BlockNumber blocks;
	BlockNumber block;
	Buffer		meta_buffer;
	Buffer		buffer = InvalidBuffer;
	GenericXLogState *xlog;
	Page		page;
	Page		meta_page;

	LockRelationForExtension(index, ExclusiveLock);
	if (first_free_page(store) != VX_NO_BLOCK)
	{
		UnlockRelationForExtension(index, ExclusiveLock);
		return;					/* somebody else was faster */
	}

	blocks = RelationGetNumberOfBlocks(index);
	if (vx_id_bound(g, blocks + 1) >= VX_NO_NODE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" has as many nodes as it can", RelationGetRelationName(index))));

	/* A crash may have left a last page that was added but never logged. */
	if (blocks > g->first_segment)
	{
		buffer = ReadBuffer(index, blocks - 1);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (!PageIsNew(BufferGetPage(buffer)))
		{
			UnlockReleaseBuffer(buffer);
			buffer = InvalidBuffer;
		}
	}
	if (buffer == InvalidBuffer)
		buffer = ReadBufferExtended(index, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);
	block = BufferGetBlockNumber(buffer);

	/*
	 * Nobody else can want both this page and the meta page: no reader knows the page yet, and the extension lock keeps
	 * other writers out. So taking the meta page second cannot deadlock.
	 */
	meta_buffer = lock_meta(store, BUFFER_LOCK_EXCLUSIVE);
	xlog = GenericXLogStart(index);
	meta_page = GenericXLogRegisterBuffer(xlog, meta_buffer, 0);
	page = GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
	vecgraph_init_node_page(page, g);
	vecgraph_page_special(page)->next_free = meta_of(meta_page)->free_page;
	meta_of(meta_page)->free_page = block;
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(buffer);
	UnlockRelationForExtension(index, ExclusiveLock);
}

/* Takes a slot from a listed page that keeps at least one more. Returns its id, or VX_NO_NODE. */
static VxNodeId
take_from_page(VecGraphStore *store, BlockNumber block, VecGraphFill fill, void *context)
{
	PageOfSlots from;
	VxNodeId	id = VX_NO_NODE;

	if (lock_free_page(store, block, &from) && from.special->free_slots > 1)
	{
		GenericXLogState *xlog = GenericXLogStart(store->index);
		Page		page = GenericXLogRegisterBuffer(xlog, from.buffer, 0);
		int			slot = fill_free_slot(store, page, fill, context);

		if (slot < 0)
			vecgraph_corrupted(store->index, block, -1, "no free slot where one should be");
		GenericXLogFinish(xlog);
		id = vx_block_first_id(&store->geometry, block) + slot;
	}
	UnlockReleaseBuffer(from.buffer);
	return id;
}

/* Takes the last slot of the first listed page, and the page from the list. Returns its id, or VX_NO_NODE. */
static VxNodeId
take_last_of_page(VecGraphStore *store, BlockNumber block, VecGraphFill fill, void *context)
{
	Buffer		meta_buffer = lock_meta(store, BUFFER_LOCK_EXCLUSIVE);
	PageOfSlots from;
	VxNodeId	id = VX_NO_NODE;

	if (meta_of(BufferGetPage(meta_buffer))->free_page != block)
	{
		UnlockReleaseBuffer(meta_buffer);
		return VX_NO_NODE;
	}
	if (!lock_free_page(store, block, &from))
		vecgraph_corrupted(store->index, block, -1, "the first free page is not in the list of free pages");
	if (from.special->free_slots <= 1)
	{
		GenericXLogState *xlog = GenericXLogStart(store->index);
		Page		meta_page = GenericXLogRegisterBuffer(xlog, meta_buffer, 0);
		Page		page = GenericXLogRegisterBuffer(xlog, from.buffer, 0);
		int			slot = fill_free_slot(store, page, fill, context);

		if ((slot >= 0) != (from.special->free_slots == 1))
			vecgraph_corrupted(store->index, block, -1, "no free slot where one should be");
		if (slot >= 0)
			id = vx_block_first_id(&store->geometry, block) + slot;
		meta_of(meta_page)->free_page = vecgraph_page_special(page)->next_free;
		vecgraph_page_special(page)->next_free = VX_NOT_LISTED;
		GenericXLogFinish(xlog);
	}
	UnlockReleaseBuffer(from.buffer);
	UnlockReleaseBuffer(meta_buffer);
	return id;
}

VxNodeId
vecgraph_take_slot(VecGraphStore *store, VecGraphFill fill, void *context)
{
	for (;;)
	{
		BlockNumber block = first_free_page(store);
		VxNodeId	id;

		CHECK_FOR_INTERRUPTS();
		if (block == VX_NO_BLOCK)
		{
			extend(store);
			continue;
		}
		id = take_from_page(store, block, fill, context);
		if (id == VX_NO_NODE)
			id = take_last_of_page(store, block, fill, context);
		if (id != VX_NO_NODE)
			return id;
	}
}

int
vecgraph_free_slots(VecGraphStore *store, BlockNumber block, bool (*selected) (void *context, VxNodeId id), void *context)
{
	const VxGeometry *g = &store->geometry;
	VxNodeId	first = vx_block_first_id(g, block);
	Buffer		meta_buffer = lock_meta(store, BUFFER_LOCK_EXCLUSIVE);
	Buffer		buffer = ReadBufferExtended(store->index, MAIN_FORKNUM, block, RBM_NORMAL, store->strategy);
	GenericXLogState *xlog = GenericXLogStart(store->index);
	Page		meta_page;
	Page		page;
	int			freed = 0;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	vecgraph_check_node_page(store->index, buffer, g);
	page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);

		if (slot->state == VX_SLOT_DELETED && selected(context, first + i))
		{
			vx_slot_clear(g, slot);
			freed++;
		}
	}
	if (freed > 0)
	{
		VxPageSpecial *special = vecgraph_page_special(page);

		special->free_slots += freed;
		if (special->next_free == VX_NOT_LISTED)
		{
			meta_page = GenericXLogRegisterBuffer(xlog, meta_buffer, 0);
			special->next_free = meta_of(meta_page)->free_page;
			meta_of(meta_page)->free_page = block;
		}
		GenericXLogFinish(xlog);
	}
	else
		GenericXLogAbort(xlog);
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(meta_buffer);
	return freed;
}
