/*
 * vx_record.c: slots of a node page; see vx_record.h.
 */
#include "format/vx_record.h"

#include <math.h>
#include <string.h>

#include "distance/vx_half.h"

#define HALVES_AT_ONCE 64

/* ---- how much there is room for ---- */

uint32_t
vx_record_bytes(VxStorage storage, uint32_t dim, uint32_t edge_capacity)
{
	size_t		halves = (dim + 1) / 2 * 2 * sizeof(uint16_t);
	size_t		point = 0;

	switch (storage)
	{
		case VX_STORAGE_FULL:
			point = VX_POINT_BYTES(dim);
			break;
		case VX_STORAGE_HEAP:
			point = sizeof(VxAbsentPoint);
			break;
		case VX_STORAGE_HALF:
			point = sizeof(VxAbsentPoint) + halves;
			break;
		case VX_STORAGE_EXACT_HALF:
			point = sizeof(VxHalfPoint) + halves;
			break;
		case VX_STORAGE_BITS:
			point = VX_BITS_POINT_BYTES(dim);
			break;
	}
	return (uint32_t) (sizeof(VxSlot) + edge_capacity * sizeof(VxNodeId) + point);
}

uint32_t
vx_fitting_degree(uint32_t body_bytes, VxStorage storage, uint32_t dim, uint32_t wanted, uint32_t least)
{
	uint32_t	fixed = vx_record_bytes(storage, dim, 0);
	uint32_t	room;

	if (fixed >= body_bytes)
		return 0;
	room = (body_bytes - fixed) / (uint32_t) sizeof(VxNodeId);
	if (room < least)
		return 0;
	return VX_MIN(room, wanted);
}

uint32_t
vx_packing_degree(uint32_t body_bytes, VxStorage storage, uint32_t dim, uint32_t least, uint32_t most)
{
	return vx_fitting_degree(body_bytes / (body_bytes / vx_record_bytes(storage, dim, least)), storage, dim, most, least);
}

uint32_t
vx_fitting_dim(uint32_t body_bytes, VxStorage storage, uint32_t degree)
{
	uint32_t	room = (body_bytes - vx_record_bytes(storage, 0, degree)) / (uint32_t) sizeof(float);

	switch (storage)
	{
		case VX_STORAGE_FULL:
			return room;
		case VX_STORAGE_HEAP:
			break;
		case VX_STORAGE_HALF:
		case VX_STORAGE_EXACT_HALF:
			return 2 * room;
		case VX_STORAGE_BITS:
			return room / 2 * 64;
	}
	return UINT32_MAX;
}

/* ---- the point of a node ---- */

/* Whether halves are those of these floats, to the bit. */
static bool
has_halves(const uint16_t *half, const float *x, uint32_t dim)
{
	uint16_t	other[HALVES_AT_ONCE];

	for (uint32_t i = 0; i < dim; i += HALVES_AT_ONCE)
	{
		uint32_t	n = VX_MIN(dim - i, HALVES_AT_ONCE);

		vx_half_from_floats(x + i, n, other);
		if (memcmp(half + i, other, n * sizeof(uint16_t)) != 0)
			return false;
	}
	return true;
}

bool
vx_slot_has_point(const VxSpace *space, const VxGeometry *g, const VxSlot *slot, const VxPoint *point, uint64_t hash)
{
	const VxAbsentPoint *absent;

	if (vx_storage_has_point(g->storage))
		return vx_space_same(space, vx_slot_whole_point(g, (VxSlot *) slot), point);
	if (g->storage == VX_STORAGE_EXACT_HALF)
		return has_halves(vx_slot_half_point(g, (VxSlot *) slot)->half, point->x, g->dim);
	absent = vx_slot_absent_point(g, (VxSlot *) slot);
	return absent->norm2 == point->norm2 && absent->hash[0] == (uint32_t) hash && absent->hash[1] == (uint32_t) (hash >> 32);
}

void
vx_slot_set_point(const VxSpace *space, const VxGeometry *g, VxSlot *slot, const VxPoint *point, uint64_t hash)
{
	VxAbsentPoint *absent = vx_slot_absent_point(g, slot);

	if (vx_storage_has_point(g->storage))
	{
		memcpy(vx_slot_whole_point(g, slot), point, vx_space_bytes(space, point));
		return;
	}
	if (g->storage == VX_STORAGE_EXACT_HALF)
	{
		vx_slot_half_point(g, slot)->norm2 = point->norm2;
		vx_half_from_floats(point->x, g->dim, vx_slot_half_point(g, slot)->half);
		return;
	}
	absent->norm2 = point->norm2;
	absent->hash[0] = (uint32_t) hash;
	absent->hash[1] = (uint32_t) (hash >> 32);
	if (g->storage == VX_STORAGE_HALF)
		vx_half_from_scaled(point->x, g->dim, vx_half_scale(point->norm2, g->dim), absent->half);
}

const VxPoint *
vx_slot_widen_point(const VxGeometry *g, const VxSlot *slot, VxPoint *room)
{
	const VxAbsentPoint *absent = vx_slot_absent_point(g, (VxSlot *) slot);
	const VxHalfPoint *exact = vx_slot_half_point(g, (VxSlot *) slot);

	/* the norm is first in both */
	room->norm2 = absent->norm2;
	if (g->storage == VX_STORAGE_EXACT_HALF)
		vx_half_to_floats(exact->half, g->dim, room->x);
	else
		vx_half_to_scaled(absent->half, g->dim, vx_half_scale(room->norm2, g->dim), room->x);
	return room;
}

/* ---- slots ---- */

const char *
vx_slot_check(const VxGeometry *g, const VxSlot *slot, uint32_t id_bound, bool deep)
{
	const VxTidSlot *more = (const VxTidSlot *) slot;
	uint32_t	beyond = 0;

	if (slot->state == VX_SLOT_FREE)
		return NULL;
	if (slot->chain != VX_NO_NODE && slot->chain >= id_bound)
		return "a chain leads out of the index";
	if (slot->state == VX_SLOT_TIDS)
	{
		if (more->tid_count > g->tids_per_slot)
			return "a slot has too many heap TIDs";
		if (more->owner >= id_bound)
			return "a slot belongs to a node out of the index";
		return NULL;
	}
	if (slot->state != VX_SLOT_LIVE && slot->state != VX_SLOT_DELETED)
		return "a slot has an unknown state";
	if (slot->tid_count > VX_INLINE_TIDS)
		return "a node has too many heap TIDs";
	if (slot->degree > g->edge_capacity)
		return "a node has too many edges";
	/* every node that is read passes here: no early exit, and a word as wide as an edge, so that many are compared at once */
	for (uint32_t i = 0; i < slot->degree; i++)
		beyond |= slot->edges[i] >= id_bound;
	if (beyond != 0)
		return "an edge leads out of the index";
	if (deep && g->storage == VX_STORAGE_FULL)
	{
		const VxPoint *point = vx_slot_whole_point(g, (VxSlot *) slot);

		for (uint32_t i = 0; i < g->dim; i++)
			if (!isfinite(point->x[i]))
				return "a vector has elements that are not finite";
	}
	if (deep && g->storage == VX_STORAGE_EXACT_HALF)
	{
		const VxHalfPoint *point = vx_slot_half_point(g, (VxSlot *) slot);

		for (uint32_t i = 0; i < g->dim; i++)
			if ((point->half[i] & 0x7C00) == 0x7C00)
				return "a vector has elements that are not finite";
	}
	return NULL;
}

void
vx_slot_init_node(const VxGeometry *g, VxSlot *slot, uint32_t version, const VxNodeId *edges, uint32_t degree)
{
	VX_ASSERT(degree <= g->edge_capacity);
	memset(slot, 0, sizeof(VxSlot) + g->edge_capacity * sizeof(VxNodeId));
	slot->state = VX_SLOT_LIVE;
	slot->degree = (uint16_t) degree;
	slot->version = version;
	slot->chain = VX_NO_NODE;
	memcpy(slot->edges, edges, degree * sizeof(VxNodeId));
}

VxTidSlot *
vx_slot_init_tids(const VxGeometry *g, VxSlot *slot, uint32_t version, VxNodeId owner, VxNodeId chain)
{
	VxTidSlot  *tids = (VxTidSlot *) slot;

	memset(slot, 0, g->record_bytes);
	tids->state = VX_SLOT_TIDS;
	tids->version = version;
	tids->chain = chain;
	tids->owner = owner;
	return tids;
}

void
vx_slot_clear(const VxGeometry *g, VxSlot *slot)
{
	uint32_t	version = slot->version;

	memset(slot, 0, g->record_bytes);
	slot->version = version + 1;
	slot->chain = VX_NO_NODE;
}
