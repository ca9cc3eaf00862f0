/*
 * vecgraph_slots.c: slots of node pages: finding the page, locking it, checking and reading what is there.
 */
#include "am/page/vecgraph_page.h"

#include "common/hashfn.h"
#include "storage/buf_internals.h"

#include "distance/vx_half.h"

/*
 * Where pages were last seen in the buffer pool, by file and block: looking there first saves the buffer table's look-up, which
 * costs more than all else about a page in memory. The buffer itself says whether it still holds the page. Neighbours on disk
 * are neighbours here, since near nodes are on near pages.
 */
#define RECENT_BITS 18
static Buffer recent_buffers[1 << RECENT_BITS];

static inline Buffer *
recent_buffer(Relation relation, BlockNumber block)
{
	return &recent_buffers[(((uint32) vecidx_file_number_of(relation) * 0x85EBCA6Bu >> (32 - RECENT_BITS)) + block)
						   & ((1 << RECENT_BITS) - 1)];
}

Buffer
vecgraph_pin_recent(Relation relation, BlockNumber block)
{
	Buffer		recent = *recent_buffer(relation, block);

	return !RelationUsesLocalBuffers(relation) && BufferIsValid(recent) && vecidx_read_recent_buffer(relation, block, recent)
		? recent : InvalidBuffer;
}

void
vecgraph_note_recent(Relation relation, BlockNumber block, Buffer buffer)
{
	if (!RelationUsesLocalBuffers(relation))
		*recent_buffer(relation, block) = buffer;
}

void
vecgraph_prefetch_slot(const VecGraphIndex *index, VxNodeId id, uint32 bytes)
{
	const VxGeometry *g = &index->geometry;
	Buffer		buffer = *recent_buffer(index->relation, vx_id_block(g, id));
	const char *page;
	const char *slot;

	if (buffer <= 0)
		return;
	page = (const char *) BufferGetBlock(buffer);
	slot = (const char *) vx_slot(g, vecgraph_page_body((Page) page), vx_id_slot(g, id));
	vx_prefetch(GetBufferDescriptor(buffer - 1), 1);
	/* more is not in flight at once; the processor goes on by itself */
	vx_prefetch(slot, Min(bytes, 32 * VX_CACHE_LINE));
}

static Buffer
lock_page_of_slot(VecGraphIndex *index, BlockNumber block, int mode)
{
	bool		hinted = index->strategy == NULL;
	Buffer		buffer = hinted ? vecgraph_pin_recent(index->relation, block) : InvalidBuffer;

	/* checked when it was first met here: head and end of a page are two more misses of the processor's cache */
	if (BufferIsValid(buffer))
	{
		LockBuffer(buffer, mode);
		return buffer;
	}
	buffer = ReadBufferExtended(index->relation, MAIN_FORKNUM, block, RBM_NORMAL, index->strategy);
	LockBuffer(buffer, mode);
	vecgraph_check_node_page(index->relation, buffer, &index->geometry);
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

	/* An id that an insert has just made may lie beyond the bound that is known here; then look again. */
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
	*buffer = ReadBufferExtended(index->relation, MAIN_FORKNUM, block, RBM_NORMAL, index->strategy);
	LockBuffer(*buffer, mode);
	if (vecgraph_is_unfilled(index->relation, *buffer))
	{
		UnlockReleaseBuffer(*buffer);
		return false;
	}
	vecidx_test_for_old_snapshot(index->snapshot, index->relation, BufferGetPage(*buffer));
	vecgraph_check_node_page(index->relation, *buffer, g);
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		const char *wrong = vx_slot_check(g, vx_slot(g, vecgraph_page_body(BufferGetPage(*buffer)), i), VX_NO_NODE, false);

		if (wrong != NULL)
			vecgraph_corrupted(index->relation, block, (int) i, wrong);
	}
	return true;
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
		vx_half_from_scaled(point->x, g->dim, vx_half_scale(point->norm2, g->dim), absent->half);
}

const VxPoint *
vecgraph_slot_point(VecGraphIndex *index, VxSlot *slot)
{
	const VxGeometry *g = &index->geometry;
	VxPoint    *point;

	if (g->storage == VX_STORAGE_FULL)
		return vx_slot_point(g, slot);
	Assert(g->storage != VX_STORAGE_HEAP);
	if (index->half_buffer == NULL)
		index->half_buffer = vx_alloc(&index->mem, vx_space_room(&index->space));
	point = index->half_buffer;
	if (g->storage == VX_STORAGE_EXACT_HALF)
	{
		point->norm2 = vx_slot_half_point(g, slot)->norm2;
		vx_half_to_floats(vx_slot_half_point(g, slot)->half, g->dim, point->x);
	}
	else
	{
		point->norm2 = vx_slot_absent_point(g, slot)->norm2;
		vx_half_to_scaled(vx_slot_absent_point(g, slot)->half, g->dim, vx_half_scale(point->norm2, g->dim), point->x);
	}
	return point;
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
