/*
 * store_conformance.h: what any implementation of vx_store.h must do. Pure C, without a test framework, so that a server function can
 * run it over the page store as the unit tests do over the memory store.
 */
#ifndef STORE_CONFORMANCE_H
#define STORE_CONFORMANCE_H

#include "core/vx_mem.h"
#include "core/vx_rng.h"
#include "graph/vx_store.h"

/* A store that is to be tried, and nodes of it that nobody else changes meanwhile. */
typedef struct StoreTrial
{
	VxStore    *store;
	const VxMem *mem;
	const VxNodeId *ids;		/* [count] live nodes; all their edges may be replaced */
	uint32_t	count;			/* at least the store's edge capacity + 2 */
	uint64_t	seed;			/* of the random part */

	/* What the seam leaves to others. NULL where the store has no such thing: then that is not tried. */
	void		(*poll) (void *context);	/* now and then, with nothing held */
	const void *(*point) (void *context, VxNodeId id);	/* of a live node, for a query; valid until the next call */
	void		(*delete_node) (void *context, VxNodeId id);	/* from live to deleted */
	void		(*free_node) (void *context, VxNodeId id);	/* from deleted to free */
	void		(*reuse_node) (void *context, VxNodeId id); /* a live node without edges in this very place, which is free */
	void	   *context;
} StoreTrial;

/*
 * Tries everything; returns NULL, or the rule that the store broke first. Nodes ids[0] and ids[1] may be deleted and be others in the
 * end.
 */
const char *store_conforms(const StoreTrial *trial);

#endif							/* STORE_CONFORMANCE_H */
