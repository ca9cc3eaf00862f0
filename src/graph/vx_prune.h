/*
 * vx_prune.h: which of many candidates become a node's edges.
 *
 * Source: Subramanya et al. 2019, "DiskANN", algorithm 2 (RobustPrune): each edge that is chosen drops those candidates to which
 * it is alpha times nearer than the node is. Differs: alpha is on the scale of the
 * store's pair scores (squared distances for L2), a list is never filled up with dropped candidates, and of those in the node's own
 * place, whose first would drop all others, some stay.
 */
#ifndef VX_PRUNE_H
#define VX_PRUNE_H

#include "graph/vx_store.h"

typedef struct VxPruneCandidate
{
	float		score;			/* distance from the node, by pairs() */
	VxNodeId	id;
	bool		settled;		/* it and others of which this is said are known not to drop each other */
	const void *point;			/* as gathered */
} VxPruneCandidate;

/* Scratch memory for pruning. */
typedef struct VxPruner
{
	const VxMem *mem;
	uint32_t	capacity;
	uint32_t   *left;			/* [capacity] candidates that are neither chosen nor dropped */
	const void **points;		/* [capacity] */
	float	   *distance;		/* [capacity] */
} VxPruner;

/* A pruner without memory yet; mem must stay valid. */
void		vx_pruner_init(VxPruner *pruner, const VxMem *mem);

/* Gives back its memory; the pruner may be used again. */
void		vx_pruner_free(VxPruner *pruner);

/* Sorts candidates nearest first, ties by vx_tie_rank with this salt. Quick where they are nearly sorted. */
void		vx_prune_sort(VxPruneCandidate *candidates, uint32_t n, uint32_t salt);

/*
 * Chooses at most max_out (<= VX_MAX_EDGES) of n sorted candidates, all with different ids and none the node itself.
 * out [max_out], nearest first. Returns how many; at least one if n > 0.
 */
uint32_t	vx_prune(VxPruner *pruner, VxStore *store, const VxPruneCandidate *candidates, uint32_t n, uint32_t max_out,
					 VxNodeId *out);

#endif							/* VX_PRUNE_H */
