/*
 * vx_search.h: greedy best-first search over a bounded list, resumable without end.
 *
 * Source: Subramanya et al. 2019, "DiskANN", algorithm 1 (GreedySearch). Differs: what does not fit the list of L is
 * kept, not forgotten, so that a consumer who wants more than the list holds is served by moving the list outwards until
 * the reachable graph is exhausted.
 *
 * Two passes in one: the list is ordered by scores, which may be estimates from codes; each node that is expanded is met on
 * its page, where its exact distance is known, and live ones wait in a heap of found nodes to leave in exact order.
 *
 * Use: vx_search_init once, vx_search_begin per query, then either
 *   vx_search_converge, and read list[0 .. count)    (linking: the L nearest by score, dead nodes marked)
 *   vx_search_next as long as wanted                 (scans: live nodes, nearest first)
 */
#ifndef VX_SEARCH_H
#define VX_SEARCH_H

#include "core/vx_idset.h"
#include "graph/vx_store.h"

typedef struct VxCandidate
{
	float		score;
	VxNodeId	id;
	bool		expanded;
	bool		dead;			/* expanded and found deleted or gone: not a result */
} VxCandidate;

/* A live node that was expanded, and not handed out yet. */
typedef struct VxFound
{
	double		distance;		/* exact */
	VxNodeId	id;
	uint64_t	payload[VX_PAYLOAD_WORDS];
} VxFound;

typedef struct VxSearch
{
	const VxMem *mem;
	VxStore    *store;
	const VxQuery *query;
	VxIdSet		visited;		/* ids that were scored */

	VxCandidate *list;			/* [capacity], nearest first */
	uint32_t	capacity;		/* L */
	uint32_t	count;
	uint32_t	cursor;			/* no unexpanded candidate before this */

	/* What fell out of the list, unexpanded or not. A min-heap once resumed, before that just an array. */
	VxCandidate *rest;
	uint32_t	rest_count;
	uint32_t	rest_capacity;
	uint32_t	rest_limit;		/* beyond this candidates are forgotten; 0: nothing is kept */
	bool		rest_is_heap;
	bool		forgot;			/* something was forgotten: exhausting the list is not exhausting the graph */

	/* Found nodes: a heap of places in an array, so that records do not move. */
	bool		collecting;
	VxFound    *found;			/* [found_capacity] */
	uint32_t   *found_heap;		/* [found_capacity] nearest on top; unused places of found behind found_count */
	uint32_t	found_count;
	uint32_t	found_capacity;
	uint32_t	handed_out;		/* since the list last moved */

	VxEdges		edges;
	VxNodeId	batch[VX_MAX_EDGES];
	float		batch_score[VX_MAX_EDGES];
	VxCandidate fresh[VX_MAX_EDGES];
} VxSearch;

void		vx_search_init(VxSearch *search, const VxMem *mem);
void		vx_search_free(VxSearch *search);

/*
 * Starts a search for query with a list of L = list_size (at least 1). The query must stay valid while the search is used.
 * keep: how many candidates outside the list may be remembered for vx_search_next to go on with; 0 if only
 * vx_search_converge will be called.
 */
void		vx_search_begin(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, uint32_t keep);

/* Expands until no candidate of the list is unexpanded. */
void		vx_search_converge(VxSearch *search);

/*
 * The nearest live node that has not been handed out, or NULL when nothing is left; valid until the next call. After half a
 * list of nodes has left, the list moves outwards, so late results are as good as early ones. With resume false the search
 * stays within its first list.
 */
const VxFound *vx_search_next(VxSearch *search, bool resume);

#endif							/* VX_SEARCH_H */
