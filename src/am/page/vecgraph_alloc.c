/*
 * vecgraph_alloc.c: taking and giving back slots.
 *
 * Node pages with free slots form a list: meta.free_page names the first, each page the next. Slots are always taken from
 * the first page, so inserts fill one page after the other instead of wandering over cold ones. Only entering and leaving
 * the list touches the meta page, once for each page that fills up.
 *
 * Locks: relation extension lock, then meta page, then node page, then code page, then the log of codes; see README.
 *
 * free_page is read without keeping the meta page locked, so the page may have filled up, or have left the list, until it is
 * locked. Then nothing is taken, and the caller looks again. A page can only leave the list as its first, while the meta page is
 * locked; a page that is locked and listed therefore stays listed.
 */
#include "am/page/vecgraph_page.h"

#include "miscadmin.h"
#include "storage/lmgr.h"

typedef struct PageOfSlots
{
	Buffer		buffer;			/* exclusively locked */
	VxPageSpecial *special;
} PageOfSlots;

/*
 * Reads and locks a page of the list exclusively, as *out, checked. The number comes from another page, so it is looked at before it is
 * read. Returns whether the page is in the list now. The caller unlocks and releases the buffer in any case. Errors: the block is no node
 * page of the index.
 */
static bool
lock_free_page(VecGraphIndex *index, BlockNumber block, PageOfSlots *out)
{
	const VxGeometry *g = &index->geometry;

	if (!vx_block_has_nodes(g, block) || block >= RelationGetNumberOfBlocks(index->relation))
		vecgraph_corrupted(index->relation, VECGRAPH_META_BLOCK, -1, "the list of free pages leads out of the index");
	out->buffer = vecgraph_read_and_lock(index->relation, block, index->strategy, BUFFER_LOCK_EXCLUSIVE);
	vecgraph_check_node_page(index->relation, out->buffer, g);
	out->special = vecgraph_page_special(BufferGetPage(out->buffer));
	return out->special->next_free != VX_NOT_LISTED;
}

/* The number of the first free slot of a page, or -1. */
static int
find_free_slot(const VxGeometry *g, Page page)
{
	for (uint32 i = 0; i < g->nodes_per_page; i++)
		if (vx_slot(g, vecgraph_page_body(page), i)->state == VX_SLOT_FREE)
			return (int) i;
	return -1;
}

/* Has a free slot filled, as a part of a change. The version grows, so that what was read of the slot before is known to be old. */
static void
fill_slot(const VecGraphIndex *index, VecGraphDelta *delta, Buffer buffer, int number, VecGraphFill fill, void *context)
{
	VxSlot	   *slot = vx_slot(&index->geometry, vecgraph_page_body(BufferGetPage(buffer)), number);

	slot = vecgraph_delta_image(delta, buffer, slot, index->geometry.record_bytes);
	slot->version++;
	fill(index, slot, context);
}

/* The first page of the list as it is now, VX_NO_BLOCK if it is empty; it may be another as soon as this returns. */
static BlockNumber
first_free_page(VecGraphIndex *index)
{
	Buffer		meta_buffer = vecgraph_lock_meta(index, BUFFER_LOCK_SHARE);
	BlockNumber block = vecgraph_meta_of(BufferGetPage(meta_buffer))->free_page;

	UnlockReleaseBuffer(meta_buffer);
	return block;
}

/*
 * The next block of the index, exclusively locked and zero; under the extension lock. Blocks that others have added, and not filled
 * before they failed, are taken first, so that zero pages are at the end only.
 */
static Buffer
add_block(VecGraphIndex *index)
{
	BlockNumber filled = vecgraph_filled_blocks(index->relation);

	if (filled == RelationGetNumberOfBlocks(index->relation))
		return ReadBufferExtended(index->relation, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);
	return vecgraph_read_and_lock(index->relation, filled, NULL, BUFFER_LOCK_EXCLUSIVE);
}

/* Makes a new page one of codes, all zeros. Nothing refers to it until there is a node page behind it. */
static void
add_code_page(VecGraphIndex *index, Buffer buffer)
{
	VecGraphChange change = vecgraph_change_start(index);

	vecgraph_init_data_page(vecgraph_change_page(change, buffer, GENERIC_XLOG_FULL_IMAGE), VX_PAGE_CODES,
							vx_code_page_used(&index->geometry));
	vecgraph_change_finish(change);
}

/* Makes a new page one of nodes, all free, and puts it at the head of the list. */
static void
add_node_page(VecGraphIndex *index, Buffer buffer)
{
	/*
	 * Nobody else can want both this page and the meta page: no reader knows the page yet, and the extension lock keeps other
	 * writers out. So taking the meta page second cannot deadlock.
	 */
	Buffer		meta_buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	VecGraphChange change = vecgraph_change_start(index);
	Page		meta_page = vecgraph_change_page(change, meta_buffer, 0);
	Page		page = vecgraph_change_page(change, buffer, GENERIC_XLOG_FULL_IMAGE);

	vecgraph_init_node_page(page, &index->geometry);
	vecgraph_page_special(page)->next_free = vecgraph_meta_of(meta_page)->free_page;
	vecgraph_meta_of(meta_page)->free_page = BufferGetBlockNumber(buffer);
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(meta_buffer);
}

/*
 * Adds a node page, and the code pages before it if a segment begins; nothing if there are free slots by now. Takes and gives back the
 * extension lock. A failure between two pages leaves a segment that is begun, and the next call goes on with it.
 */
static void
extend(VecGraphIndex *index)
{
	const VxGeometry *g = &index->geometry;
	bool		nodes = false;

	/* no page is locked here: this lock comes first in the order */
	LockRelationForExtension(index->relation, ExclusiveLock);
	/* somebody else may have been faster */
	while (!nodes && first_free_page(index) == VX_NO_BLOCK)
	{
		Buffer		buffer;

		if (vx_id_bound(g, RelationGetNumberOfBlocks(index->relation) + 1) >= VX_NO_NODE)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("index \"%s\" has as many nodes as it can", RelationGetRelationName(index->relation))));
		buffer = add_block(index);
		nodes = vx_block_has_nodes(g, BufferGetBlockNumber(buffer));
		if (nodes)
			add_node_page(index, buffer);
		else
			add_code_page(index, buffer);
		UnlockReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(index->relation, ExclusiveLock);
}

/*
 * Takes the first free slot of a page, if there is one, and unless meta_buffer is InvalidBuffer the page from the list, all in one
 * record: of up to four pages, more than which no generic record can have. Both pages are locked exclusively, and stay so. Returns the
 * id, or VX_NO_NODE.
 */
static VxNodeId
take_slot_of(VecGraphIndex *index, const PageOfSlots *from, Buffer meta_buffer, VecGraphFill fill, void *context,
			 const VecGraphDigests *digest)
{
	BlockNumber block = BufferGetBlockNumber(from->buffer);
	int			slot = find_free_slot(&index->geometry, BufferGetPage(from->buffer));
	VxNodeId	id = slot < 0 ? VX_NO_NODE : vx_block_first_id(&index->geometry, block) + slot;
	VecGraphDigestPlace place = {InvalidBuffer, InvalidBuffer};
	VecGraphDelta delta;
	VxPageSpecial *special;
	uint32	   *free_page = NULL;

	if ((slot >= 0) != (from->special->free_slots > 0))
		vecgraph_corrupted(index->relation, block, -1, "no free slot where one should be");
	if (slot >= 0)
		place = vecgraph_lock_digest(index, id, digest);
	vecgraph_delta_start(&delta, index);
	/* images are asked for page by page, and on a page in the order of its bytes */
	if (meta_buffer != InvalidBuffer)
		free_page = vecgraph_delta_image(&delta, meta_buffer, &vecgraph_meta_of(BufferGetPage(meta_buffer))->free_page, sizeof(uint32));
	if (slot >= 0)
		fill_slot(index, &delta, from->buffer, slot, fill, context);
	special = vecgraph_delta_image(&delta, from->buffer, from->special, sizeof(VxPageSpecial));
	if (free_page != NULL)
	{
		*free_page = special->next_free;
		special->next_free = VX_NOT_LISTED;
	}
	if (slot >= 0)
	{
		special->free_slots--;
		vecgraph_put_digests(index, &delta, place, &id, digest, 1);
	}
	vecgraph_delta_finish(&delta);
	vecgraph_unlock_digest(place);
	return id;
}

/*
 * Takes a slot from a listed page that keeps at least one more, so the meta page is not needed. Returns its id, or VX_NO_NODE if the
 * page has left the list, or has no more than one.
 */
static VxNodeId
take_from_page(VecGraphIndex *index, BlockNumber block, VecGraphFill fill, void *context, const VecGraphDigests *digest)
{
	PageOfSlots from;
	VxNodeId	id = VX_NO_NODE;

	if (lock_free_page(index, block, &from) && from.special->free_slots > 1)
		id = take_slot_of(index, &from, InvalidBuffer, fill, context, digest);
	UnlockReleaseBuffer(from.buffer);
	return id;
}

/*
 * Takes the last slot of the first listed page, and the page from the list. Returns its id, or VX_NO_NODE if the page is not the first
 * any more, or has got more free slots.
 */
static VxNodeId
take_last_of_page(VecGraphIndex *index, BlockNumber block, VecGraphFill fill, void *context, const VecGraphDigests *digest)
{
	Buffer		meta_buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	PageOfSlots from;
	VxNodeId	id = VX_NO_NODE;

	if (vecgraph_meta_of(BufferGetPage(meta_buffer))->free_page == block)
	{
		if (!lock_free_page(index, block, &from))
			vecgraph_corrupted(index->relation, block, -1, "the first free page is not in the list of free pages");
		if (from.special->free_slots <= 1)
			id = take_slot_of(index, &from, meta_buffer, fill, context, digest);
		UnlockReleaseBuffer(from.buffer);
	}
	UnlockReleaseBuffer(meta_buffer);
	return id;
}

VxNodeId
vecgraph_take_slot(VecGraphIndex *index, VecGraphFill fill, void *context, const VecGraphDigests *digest)
{
	/*
	 * Each time round that brings nothing somebody else has got on: the page is not the first any more, or VACUUM has freed
	 * slots on it while this was waiting for the meta page. The node page alone is tried first, since all inserts want the meta
	 * page.
	 */
	for (;;)
	{
		BlockNumber block = first_free_page(index);
		VxNodeId	id;

		CHECK_FOR_INTERRUPTS();
		if (block == VX_NO_BLOCK)
		{
			extend(index);
			continue;
		}
		id = take_from_page(index, block, fill, context, digest);
		if (id == VX_NO_NODE)
			id = take_last_of_page(index, block, fill, context, digest);
		if (id == VX_NO_NODE)
			continue;
		/* nobody is led to the node yet; when somebody is, this backend first, its code is in the cache */
		if (digest != NULL && index->codes != NULL)
			vecgraph_codes_catch_up(index);
		return id;
	}
}

int
vecgraph_free_slots(VecGraphIndex *index, BlockNumber block, bool (*selected) (void *context, VxNodeId id), void *context)
{
	const VxGeometry *g = &index->geometry;
	VxNodeId	first = vx_block_first_id(g, block);
	Buffer		meta_buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	Buffer		buffer = vecgraph_read_and_lock(index->relation, block, index->strategy, BUFFER_LOCK_EXCLUSIVE);
	char	   *body = vecgraph_page_body(BufferGetPage(buffer));
	uint32		begin = g->nodes_per_page;	/* of the slots that are freed, the first and the one behind the last */
	uint32		end = 0;
	int			freed = 0;

	vecgraph_check_node_page(index->relation, buffer, g);
	for (uint32 i = 0; i < g->nodes_per_page; i++)
		if (vx_slot(g, body, i)->state == VX_SLOT_DELETED && selected(context, first + i))
		{
			begin = Min(begin, i);
			end = i + 1;
		}
	if (end > 0)
	{
		VecGraphDelta delta;
		char	   *slots;
		VxPageSpecial *special;

		vecgraph_delta_start(&delta, index);
		slots = vecgraph_delta_image(&delta, buffer, vx_slot(g, body, begin), (end - begin) * g->record_bytes);
		for (uint32 i = begin; i < end; i++)
		{
			VxSlot	   *slot = vx_slot(g, slots, i - begin);

			if (slot->state != VX_SLOT_DELETED || !selected(context, first + i))
				continue;
			/* the version grows: whoever holds the id finds out that the slot is another one */
			vx_slot_clear(g, slot);
			freed++;
		}
		special = vecgraph_delta_image(&delta, buffer, vecgraph_page_special(BufferGetPage(buffer)), sizeof(VxPageSpecial));
		special->free_slots += freed;
		/* the meta page is locked in any case, since its lock comes first, but changed only here */
		if (special->next_free == VX_NOT_LISTED)
		{
			uint32	   *free_page = vecgraph_delta_image(&delta, meta_buffer, &vecgraph_meta_of(BufferGetPage(meta_buffer))->free_page,
														 sizeof(uint32));

			special->next_free = *free_page;
			*free_page = block;
		}
		vecgraph_delta_finish(&delta);
	}
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(meta_buffer);
	return freed;
}
