/*
 * vx_link.h: giving a node its place in the graph. (Leading others around one that is deleted is vx_repair.h's.)
 *
 * Source: DiskANN (Subramanya et al. 2019), algorithm 3, one pass (the insertion of FreshDiskANN, Singh et al. 2021,
 * algorithm 2). graph/README says what differs and what it was worth.
 */
#ifndef VX_LINK_H
#define VX_LINK_H

#include "graph/vx_prune.h"
#include "graph/vx_search.h"

/* Scratch memory for linking; one per worker, reused for every node. */
typedef struct VxLinker
{
	const VxMem *mem;
	VxSearch	search;
	VxEdges		edges;			/* chosen for the node at hand (version unused) */
	VxEdges		other;			/* of a neighbour */
	VxEdges		further;		/* of a neighbour of that */
	VxNodeId   *ids;			/* [capacity] */
	VxNodeId   *unread;			/* [capacity] those of the candidates that were scored only, and may be deleted */
	uint32_t	unread_count;
	VxPruneCandidate *candidates;	/* [capacity] */
	uint32_t	capacity;
	uint32_t	usable;			/* after vx_link_choose: live candidates, nearest first */
	VxPointSet	points;
	VxPointSet	node;
	VxPruner	pruner;
	float	   *distance;		/* [capacity] */
} VxLinker;

/* A linker without memory yet; mem must stay valid. */
void		vx_linker_init(VxLinker *linker, const VxMem *mem);

/* Gives back its memory; the linker may be used again. */
void		vx_linker_free(VxLinker *linker);

/*
 * Searches with list_size for what is near a node at query (with linking set) that is not in the graph, until what is sought is found.
 * score_of says what that would score, once the query is prepared; its context and what is asked are filled in. Returns whether it was
 * found; if not, vx_link_choose_found goes on, with a list whose far end has been scored, but not expanded.
 */
bool		vx_link_seek(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxSought *sought,
						 float (*score_of) (void *context));

/*
 * Finds the neighbours that a node at query (with linking set) should have: searches with list_size, and once more as a query
 * would where the store says that this finds others (asks_otherwise), and prunes to the store's max degree. self is left out
 * (VX_NO_NODE for a node that is not in the graph). The choice is in linker->edges, the live candidates that were looked at,
 * nearest first, in linker->candidates [usable].
 */
void		vx_link_choose(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxNodeId self);

/* The same with what the last search, of the same query and list_size, has found. */
void		vx_link_choose_found(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxNodeId self);

/*
 * A short way for a node in the same place as one that is linked, beside. Its edges, in linker->edges, are to be the same, and one to that.
 * Returns false if that cannot be: beside is going, or has edges to such nodes, or has none.
 */
bool		vx_link_copy(VxLinker *linker, VxStore *store, VxNodeId beside);

/*
 * Then: leads to it, id, from beside, and from nowhere else. Nodes in one place so make a line, each with the next as its first edge, which
 * is never given up. Returns false if others have changed the edges of beside so much that it must be linked as any other.
 */
bool		vx_link_beside(VxLinker *linker, VxStore *store, VxNodeId beside, VxNodeId id);

/*
 * Adds the edge neighbour -> id for every neighbour in linker->edges, pruning those that are full. At least one keeps it, so
 * the node can be reached.
 */
void		vx_link_back(VxLinker *linker, VxStore *store, VxNodeId id);

/*
 * For a node that has got other edges, in linker->edges: keeps the one by which it leads to the next in its place, if it had one. before:
 * those that it had.
 */
void		vx_link_keep_line(VxLinker *linker, VxStore *store, VxNodeId id, const VxEdges *before);

/* Adds one edge from -> to, pruning if full. Returns whether the edge is there now. */
bool		vx_link_edge(VxLinker *linker, VxStore *store, VxNodeId from, VxNodeId to);

/*
 * Gives every live node below bound that cannot be reached from the entries an edge from a near reachable node: islands
 * form where clusters lie far apart, as pruning prefers what is near. Searches with list_size for what query_of fills in (linking
 * and salt are set), which returns false for nodes that are gone. Returns how many nodes may be unreachable still (0 but for
 * pathological degree limits). Takes 3 times bound/8 bytes beside 4 bytes an id from the linker's memory.
 */
uint32_t	vx_link_attach(VxLinker *linker, VxStore *store, uint32_t bound, uint32_t list_size,
						   bool (*query_of) (void *context, VxNodeId id, VxQuery *query), void *context);

/* Prunes a node that has more than max edges down to it. */
void		vx_link_trim(VxLinker *linker, VxStore *store, VxNodeId id, uint32_t max);

#endif							/* VX_LINK_H */
