/*
 * vx_repair.h: leading nodes around deleted neighbours.
 *
 * Source: FreshDiskANN (Singh et al. 2021), algorithm 4, reduced to the nearest few live neighbours of each deleted node, its heirs.
 * Differs, too, in that nothing is compared: no list gets longer by its repair, but for very short ones, so none is pruned.
 */
#ifndef VX_REPAIR_H
#define VX_REPAIR_H

#include "graph/vx_store.h"

/*
 * How many live neighbours of a deleted node replace the edge to it, where there is room. More in lists that are not short cost time and
 * gained nothing measurable.
 */
#define VX_HEIRS 2

/* What leads around a dead node, kept for the others that point to it. */
typedef struct VxHeirs
{
	VxNodeId	dead;			/* or VX_NO_NODE */
	VxNodeId	next;			/* where its line leads (vx_link_beside), or VX_NO_NODE */
	uint32_t	count;
	VxNodeId	ids[VX_HEIRS + 1];	/* its nearest live neighbours but next: one of them may be the node that is repaired */
} VxHeirs;

/* A repair of many nodes, with one set of dead ones that does not change meanwhile; nor do their edges, but for some that go. */
typedef struct VxRepairer
{
	const VxMem *mem;
	VxStore    *store;
	bool		(*is_dead) (void *context, VxNodeId id);
	void	   *context;
	VxHeirs    *heirs;			/* [mask + 1], of each dead node that was met last in its place */
	uint32_t	mask;
	VxEdges		own;			/* of the node at hand */
	VxEdges		other;			/* of a dead one */
	VxNodeId	chosen[VX_MAX_EDGES];	/* by vx_repair */
} VxRepairer;

/* is_dead tells which ids go, dead how many there are. Takes at most so much memory, but for some hundred bytes. */
void		vx_repairer_init(VxRepairer *repairer, const VxMem *mem, VxStore *store, bool (*is_dead) (void *context, VxNodeId id),
							 void *context, uint32_t dead, size_t memory);

/* Gives back its memory. */
void		vx_repairer_free(VxRepairer *repairer);

/*
 * Chooses the edges that replace those of a live node: the live ones among these, and heirs of the dead ones. out [VX_MAX_EDGES]. Returns
 * how many. Reads other nodes.
 */
uint32_t	vx_repair_choose(VxRepairer *repairer, VxNodeId id, const VxEdges *edges, VxNodeId *out);

/*
 * Reads a node and repairs it. Returns OK (also if there was nothing to do), GONE, or CONFLICT after too many attempts; remaining
 * is how many edges the node has afterwards, which are in repairer->chosen.
 */
VxStatus	vx_repair(VxRepairer *repairer, VxNodeId id, uint32_t *remaining);

#endif							/* VX_REPAIR_H */
