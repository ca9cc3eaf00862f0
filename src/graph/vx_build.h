/*
 * vx_build.h: turns the unlinked points of a memory store into a Vamana graph.
 */
#ifndef VX_BUILD_H
#define VX_BUILD_H

#include "graph/vx_memstore.h"

typedef struct VxBuild
{
	VxMemStore *store;
	VxLinker	linker;
	uint32_t	list_size;		/* L in build */
	uint32_t	next;			/* position in the order of linking of the next point */
} VxBuild;

/*
 * Prepares linking: seals the store, chooses the entry nodes (the point nearest the mean, and spread points) and links them.
 * list_size is L in build; seed makes the sample from which entries are chosen reproducible.
 */
void		vx_build_begin(VxBuild *build, VxMemStore *store, uint32_t list_size, uint64_t seed);

/* Links the next point; returns false when all are linked. */
bool		vx_build_step(VxBuild *build);

/*
 * Ends the build: prunes lists down to max degree, and gives every node that cannot be reached from the entries an edge
 * from its nearest reachable node. Returns how many nodes stay unreachable (0 but for pathological degree limits).
 */
uint32_t	vx_build_finish(VxBuild *build);

/*
 * The same by several participants: one begins; then each of the others joins with a view of the store, all link points that no
 * other links, and when all have done so, all prune; then the others leave and the first attaches.
 *
 * Joins a build that has begun.
 */
void		vx_build_join(VxBuild *build, VxMemStore *view, uint32_t list_size);

/* Links the points at positions first to end - 1 in the order of linking. */
void		vx_build_link(VxBuild *build, uint32_t first, uint32_t end);

/* Prunes nodes first to end - 1 down to max degree, when all are linked. */
void		vx_build_prune(VxBuild *build, VxNodeId first, VxNodeId end);

/* Gives back what a participant that has joined has for itself. */
void		vx_build_leave(VxBuild *build);

/* Gives edges to what cannot be reached, and ends the build, when all are pruned. Returns as vx_build_finish does. */
uint32_t	vx_build_attach(VxBuild *build);

#endif							/* VX_BUILD_H */
