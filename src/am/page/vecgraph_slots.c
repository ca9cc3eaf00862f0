/*
 * vecgraph_slots.c: slots of node pages: finding the page, locking it, checking and reading what is there.
 */
#include "am/page/vecgraph_page.h"

#include "common/hashfn.h"
#include "storage/buf_internals.h"

/*
 * Where pages were last seen in the buffer pool, by file and block: looking there first saves the buffer table's look-up, which
 * costs more than all else about a page in memory. The buffer itself says whether it still holds the page, so an entry may be wrong,
 * and that of another index in its place. Neighbours on disk are neighbours here, since near nodes are on near pages. Local buffers, of
 * temporary indexes, are found by another table, and are not noted.
 *
 * 2^18 pages of 8 kB are 2 GB of an index, for 1 MB in each backend that searches. Pages of tables, whose rows scans return, have places of
 * their own, half as many. Zero is InvalidBuffer: not seen yet.
 */
#define RECENT_BITS 18
static Buffer recent_buffers[1 << RECENT_BITS];
static Buffer recent_row_buffers[1 << (RECENT_BITS - 1)];

/*
 * Who finds a page so does not say to the server that it is used. So one that has been used less often than this, as far as the server
 * knows, is looked up: in the buffer pool stays what is used, which the server, when it wants room, forgets little by little.
 */
#define LEAST_USED 2

/* Files begin at places far from each other, by a multiplication that mixes their numbers; the blocks of one follow each other. */
static inline Buffer *
recent_place(Buffer *buffers, int bits, Relation relation, BlockNumber block)
{
	return &buffers[(((uint32) vecidx_file_number_of(relation) * 0x85EBCA6Bu >> (32 - bits)) + block) & ((1 << bits) - 1)];
}

static inline Buffer *
recent_buffer(Relation relation, BlockNumber block)
{
	return recent_place(recent_buffers, RECENT_BITS, relation, block);
}

static inline Buffer *
recent_row_buffer(Relation relation, BlockNumber block)
{
	return recent_place(recent_row_buffers, RECENT_BITS - 1, relation, block);
}

/* The page, pinned, if it is in this buffer, and InvalidBuffer if it is not, or is to be looked up. */
static Buffer
pin_recent(Relation relation, BlockNumber block, Buffer recent)
{
	if (RelationUsesLocalBuffers(relation) || !BufferIsValid(recent)
		|| BUF_STATE_GET_USAGECOUNT(pg_atomic_read_u32(&GetBufferDescriptor(recent - 1)->state)) < LEAST_USED
		|| !vecidx_read_recent_buffer(relation, block, recent))
		return InvalidBuffer;
	return recent;
}

Buffer
vecgraph_pin_recent(Relation relation, BlockNumber block)
{
	return pin_recent(relation, block, *recent_buffer(relation, block));
}

Buffer
vecgraph_pin_recent_row(Relation table, BlockNumber block)
{
	return pin_recent(table, block, *recent_row_buffer(table, block));
}

void
vecgraph_note_recent(Relation relation, BlockNumber block, Buffer buffer)
{
	if (!RelationUsesLocalBuffers(relation))
		*recent_buffer(relation, block) = buffer;
}

void
vecgraph_note_recent_row(Relation table, BlockNumber block, Buffer buffer)
{
	if (!RelationUsesLocalBuffers(table))
		*recent_row_buffer(table, block) = buffer;
}

void
vecgraph_prefetch_slot(const VecGraphIndex *index, VxNodeId id, uint32 bytes)
{
	const VxGeometry *g = &index->geometry;
	Buffer		buffer = *recent_buffer(index->relation, vx_id_block(g, id));
	const char *page;
	const char *slot;

	/* never seen; local buffers are below zero */
	if (buffer <= 0)
		return;
	page = (const char *) BufferGetBlock(buffer);
	slot = (const char *) vx_slot(g, vecgraph_page_body((Page) page), vx_id_slot(g, id));
	vx_prefetch(GetBufferDescriptor(buffer - 1), 1);
	/* more is not in flight at once; the processor goes on by itself */
	vx_prefetch(slot, Min(bytes, 32 * VX_CACHE_LINE));
}

/*
 * The node page of a block, pinned and locked. Checked but for its slots. Who reads with a strategy (VACUUM) comes by each page once, in
 * order: to note those would push out what searches in this backend come back to.
 */
static Buffer
lock_page_of_slot(VecGraphIndex *index, BlockNumber block, int mode)
{
	bool		hinted = index->strategy == NULL;
	Buffer		buffer = hinted ? vecgraph_pin_recent(index->relation, block) : InvalidBuffer;
	VecGraphWatch watch;

	/* checked when it was first met here: head and end of a page are two more misses of the processor's cache */
	if (BufferIsValid(buffer))
	{
		LockBuffer(buffer, mode);
		return buffer;
	}
	vecgraph_watch_begin(&watch);
	buffer = vecgraph_read_and_lock(index->relation, block, index->strategy, mode);
	vecgraph_check_node_page(index->relation, buffer, &index->geometry);
	vecgraph_note_waiting(index, &watch);
	if (hinted)
		vecgraph_note_recent(index->relation, block, buffer);
	return buffer;
}

VxSlot *
vecgraph_lock_slot(VecGraphIndex *index, VxNodeId id, int mode, Buffer *buffer)
{
	const VxGeometry *g = &index->geometry;
	BlockNumber block;
	VxSlot	   *slot;
	const char *wrong;

	/* the length of the file is a system call, so it is asked for only where what is known of it does not do */
	if (id >= index->id_bound)
	{
		index->id_bound = vx_id_bound(g, RelationGetNumberOfBlocks(index->relation));
		if (id >= index->id_bound)
			vecgraph_corrupted(index->relation, VECGRAPH_META_BLOCK, -1, "a node id lies beyond the end of the index");
	}
	block = vx_id_block(g, id);
	*buffer = lock_page_of_slot(index, block, mode);
	vecidx_test_for_old_snapshot(index->snapshot, index->relation, BufferGetPage(*buffer));
	slot = vx_slot(g, vecgraph_page_body(BufferGetPage(*buffer)), vx_id_slot(g, id));

	/* An edge to a node that an insert has just made may lead beyond the bound that is known here; then look again. */
	wrong = vx_slot_check(g, slot, index->id_bound, false);
	if (wrong != NULL)
	{
		index->id_bound = vx_id_bound(g, RelationGetNumberOfBlocks(index->relation));
		wrong = vx_slot_check(g, slot, index->id_bound, false);
	}
	if (wrong != NULL)
		vecgraph_corrupted(index->relation, block, (int) vx_id_slot(g, id), wrong);
	return slot;
}

bool
vecgraph_lock_nodes(VecGraphIndex *index, BlockNumber block, int mode, Buffer *buffer)
{
	const VxGeometry *g = &index->geometry;

	if (!vx_block_has_nodes(g, block))
		return false;
	*buffer = vecgraph_read_and_lock(index->relation, block, index->strategy, mode);
	if (vecgraph_is_unfilled(index->relation, *buffer))
	{
		UnlockReleaseBuffer(*buffer);
		return false;
	}
	vecidx_test_for_old_snapshot(index->snapshot, index->relation, BufferGetPage(*buffer));
	vecgraph_check_node_page(index->relation, *buffer, g);
	/* no bound of ids here: edges may lead to pages that were added while this one was read */
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		const char *wrong = vx_slot_check(g, vx_slot(g, vecgraph_page_body(BufferGetPage(*buffer)), i), VX_NO_NODE, false);

		if (wrong != NULL)
			vecgraph_corrupted(index->relation, block, (int) i, wrong);
	}
	return true;
}

/* What a slot has of a vector to know it by, where it has no more. The values are on disk: never another function. */
static uint64
hash_point(const VxSpace *space, const VxGeometry *g, const VxPoint *point)
{
	size_t		bytes;
	const void *identity = vx_space_identity(space, point, &bytes);

	return vx_storage_has_hash(g->storage) ? hash_bytes_extended(identity, (int) bytes, 0) : 0;
}

bool
vecgraph_slot_has_point(const VxSpace *space, const VxGeometry *g, VxSlot *slot, const VxPoint *point)
{
	return vx_slot_has_point(space, g, slot, point, hash_point(space, g, point));
}

void
vecgraph_slot_set_point(const VxSpace *space, const VxGeometry *g, VxSlot *slot, const VxPoint *point)
{
	vx_slot_set_point(space, g, slot, point, hash_point(space, g, point));
}

const VxPoint *
vecgraph_slot_point(VecGraphIndex *index, VxSlot *slot)
{
	/* halves are unpacked, into one place for all slots of this index */
	Assert(vx_storage_has_vector(index->geometry.storage));
	if (index->half_buffer == NULL && vx_storage_has_halves(index->geometry.storage))
		index->half_buffer = vx_alloc(&index->mem, vx_space_room(&index->space));
	return vx_slot_point(&index->geometry, slot, index->half_buffer);
}

bool
vecgraph_copy_point(VecGraphIndex *index, VxNodeId id, VxPoint *copy)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(index, id, BUFFER_LOCK_SHARE, &buffer);
	bool		found = vx_slot_is_node(slot);

	if (found)
	{
		const VxPoint *point = vecgraph_slot_point(index, slot);

		memcpy(copy, point, vx_space_bytes(&index->space, point));
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

void
vecgraph_fill_payload(const VxSlot *slot, VecGraphPayload *payload)
{
	payload->chain = slot->chain;
	payload->tid_count = slot->tid_count;
	memcpy(payload->tids, slot->tids, sizeof(payload->tids));
}
