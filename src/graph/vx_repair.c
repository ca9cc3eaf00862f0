/*
 * vx_repair.c: leading nodes around deleted neighbours; see vx_repair.h.
 *
 * A dead node is in the lists of some thirty others, and is read for the first of them only: what the rest need of it is a handful of ids.
 */
#include "graph/vx_repair.h"

#include <string.h>

#define MAX_ATTEMPTS 16

void
vx_repairer_init(VxRepairer *repairer, const VxMem *mem, VxStore *store, bool (*is_dead) (void *context, VxNodeId id), void *context,
				 uint32_t dead, size_t memory)
{
	size_t		places = 16;

	/* twice as many as there are, so that most have theirs alone */
	while (places < 2 * (size_t) dead && 2 * places * sizeof(VxHeirs) <= memory)
		places *= 2;
	*repairer = (VxRepairer)
	{
		.mem = mem,.store = store,.is_dead = is_dead,.context = context,.mask = (uint32_t) (places - 1)
	};
	repairer->heirs = vx_alloc_array(mem, places, sizeof(VxHeirs));
	for (size_t i = 0; i < places; i++)
		repairer->heirs[i].dead = VX_NO_NODE;
}

void
vx_repairer_free(VxRepairer *repairer)
{
	vx_free(repairer->mem, repairer->heirs);
	repairer->heirs = NULL;
}

static inline bool
is_dead(const VxRepairer *repairer, VxNodeId id)
{
	return repairer->is_dead(repairer->context, id);
}

static bool
contains(const VxNodeId *ids, uint32_t n, VxNodeId id)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* So many dead nodes in a line are followed to a live one. */
#define LONGEST_LINE 256

/*
 * Follows the first edges of a dead node as long as they lead to dead ones: nodes in one place are in a line (vx_link_beside), and of a row
 * that has changed often the last is alive. Returns the live one that the last dead one leads to first, or VX_NO_NODE.
 */
static VxNodeId
follow_line(VxRepairer *repairer, VxNodeId dead)
{
	VxEdges    *other = &repairer->other;
	VxNodeId	mark = dead;	/* to notice circles: Brent's way */

	for (uint32_t step = 1; step <= LONGEST_LINE; step++)
	{
		if (repairer->store->ops->read_edges(repairer->store, dead, NULL, other) != VX_OK || other->count == 0)
			return VX_NO_NODE;
		if (!is_dead(repairer, other->ids[0]))
			return other->ids[0];
		dead = other->ids[0];
		if (dead == mark)
			return VX_NO_NODE;
		if ((step & (step - 1)) == 0)
			mark = dead;
	}
	return VX_NO_NODE;
}

/* Where a dead node's heirs are kept, or another's are. */
static inline VxHeirs *
place_of(const VxRepairer *repairer, VxNodeId dead)
{
	return &repairer->heirs[(dead * UINT32_C(0x9E3779B1) >> 7) & repairer->mask];
}

/* Tells the store of those of n dead nodes that will be read. */
static void
read_dead_ahead(VxRepairer *repairer, const VxNodeId *dead, uint32_t n)
{
	VxNodeId	missing[VX_MAX_EDGES];
	uint32_t	count = 0;

	for (uint32_t i = 0; i < n; i++)
		if (place_of(repairer, dead[i])->dead != dead[i])
			missing[count++] = dead[i];
	vx_store_read_ahead(repairer->store, missing, count);
}

/* What leads around a dead node; valid until the next call. */
static const VxHeirs *
heirs_of(VxRepairer *repairer, VxNodeId dead)
{
	VxHeirs    *heirs = place_of(repairer, dead);
	VxEdges    *other = &repairer->other;

	if (heirs->dead == dead)
		return heirs;
	heirs->dead = dead;
	heirs->next = follow_line(repairer, dead);
	heirs->count = 0;
	if (repairer->store->ops->read_edges(repairer->store, dead, NULL, other) != VX_OK)
		return heirs;
	/* The edges of a node are nearest first (but for late additions), so its first live ones are its nearest. */
	for (uint32_t i = 0; i < other->count && heirs->count < VX_HEIRS + 1; i++)
		if (other->ids[i] != heirs->next && !is_dead(repairer, other->ids[i]))
			heirs->ids[heirs->count++] = other->ids[i];
	return heirs;
}

/* The heir of that rank for a node, or VX_NO_NODE: first comes where the line leads, then the nearest; the node itself is none. */
static VxNodeId
heir_at(const VxHeirs *heirs, VxNodeId id, uint32_t rank)
{
	if (heirs->next != VX_NO_NODE && heirs->next != id && rank-- == 0)
		return heirs->next;
	for (uint32_t i = 0; i < heirs->count; i++)
		if (heirs->ids[i] != id && rank-- == 0)
			return heirs->ids[i];
	return VX_NO_NODE;
}

/* Adds all live neighbours of a dead one to the n edges of a node, if that leaves the list no more than half full. Returns how many there are then. */
static uint32_t
add_all(VxRepairer *repairer, VxNodeId id, VxNodeId dead, VxNodeId *out, uint32_t n)
{
	VxStore    *store = repairer->store;
	VxEdges    *other = &repairer->other;

	if (store->ops->read_edges(store, dead, NULL, other) != VX_OK || n + other->count > store->max_degree / 2)
		return n;
	for (uint32_t i = 0; i < other->count; i++)
		if (other->ids[i] != id && !is_dead(repairer, other->ids[i]) && !contains(out, n, other->ids[i]))
			out[n++] = other->ids[i];
	return n;
}

/* Moves an id to the front, if it is there. */
static void
bring_forward(VxNodeId *ids, uint32_t n, VxNodeId id)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == id)
		{
			memmove(ids + 1, ids, i * sizeof(VxNodeId));
			ids[0] = id;
			return;
		}
}

uint32_t
vx_repair_choose(VxRepairer *repairer, VxNodeId id, const VxEdges *edges, VxNodeId *out)
{
	VxStore    *store = repairer->store;
	uint32_t	n = 0;
	VxNodeId	dead[VX_MAX_EDGES];
	uint32_t	dead_count = 0;

	for (uint32_t i = 0; i < edges->count; i++)
		if (is_dead(repairer, edges->ids[i]))
			dead[dead_count++] = edges->ids[i];
		else
			out[n++] = edges->ids[i];

	if (store->ahead > 0)
		read_dead_ahead(repairer, dead, dead_count);

	/*
	 * the first heir of each before the second of any: there is room for as many as have gone, and no list is to get longer by
	 * its repair
	 */
	for (uint32_t rank = 0; rank < VX_HEIRS; rank++)
		for (uint32_t i = 0; i < dead_count && n < edges->count; i++)
		{
			VxNodeId	heir = heir_at(heirs_of(repairer, dead[i]), id, rank);

			/* one that is there already counts as an heir: the way around the dead node exists */
			if (heir != VX_NO_NODE && !contains(out, n, heir))
				out[n++] = heir;
		}
	/* in a short list nothing else makes up for a neighbour that is left out */
	for (uint32_t i = 0; i < dead_count && n < store->max_degree / 2; i++)
		n = add_all(repairer, id, dead[i], out, n);
	/* the next in line stays in front: see vx_link_beside */
	if (dead_count > 0 && dead[0] == edges->ids[0])
		bring_forward(out, n, heirs_of(repairer, dead[0])->next);
	return n;
}

VxStatus
vx_repair(VxRepairer *repairer, VxNodeId id, uint32_t *remaining)
{
	VxStore    *store = repairer->store;
	VxEdges    *own = &repairer->own;

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		uint32_t	dead = 0;
		VxStatus	status;

		if (store->ops->read_edges(store, id, NULL, own) != VX_OK || !own->live)
			return VX_GONE;
		/* another attempt may find that whoever was faster has pruned the dead ones away */
		for (uint32_t i = 0; i < own->count; i++)
			dead += is_dead(repairer, own->ids[i]);
		*remaining = vx_repair_choose(repairer, id, own, repairer->chosen);
		if (dead == 0)
			return VX_OK;
		status = store->ops->replace_edges(store, id, own->version, repairer->chosen, *remaining);
		if (status != VX_CONFLICT)
			return status;
		store->stats.conflicts++;
	}
	return VX_CONFLICT;
}
