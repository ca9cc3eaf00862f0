/*
 * vx_search.h: greedy best-first search over a bounded list, resumable without end.
 *
 * Source: Subramanya et al. 2019, "DiskANN", algorithm 1 (GreedySearch). Differs: what does not fit the list of L is
 * kept, not forgotten, so that a consumer who wants more than the list holds is served by a list that grows until the
 * reachable graph is exhausted.
 *
 * Two searches in one: the list is ordered by scores, which may be estimates from codes; each node that is expanded is met on
 * its page, where its exact distance is known, and live ones wait in a heap of found nodes to leave in exact order.
 *
 * When the list has converged, the nodes in it are those up to some score, the horizon, and all of them are expanded. From
 * then on no list is needed to make it longer: of what is not expanded (rest) the nearest is expanded, over and over, which
 * moves the horizon outwards; what comes to light within the horizon is nearest, so it is next. A list of so many more nodes
 * costs so many more expansions, at any length.
 *
 * A found node may leave when nothing nearer is expected: see must_wait() in vx_search.c for the rule.
 *
 * Where a query wants some nodes only (VxStoreOps.wants), the others are stepping stones, and ranks count for as many nodes as were met
 * for each that was wanted. A caller who knows all the wanted nodes gives them instead (vx_search_give): then no edge is followed.
 *
 * Use: vx_search_init once, vx_search_begin per query, then either
 *   vx_search_converge, and read list[0 .. count)    (linking: the L nearest by score, dead nodes marked)
 *   vx_search_next as long as wanted                 (scans: live nodes, nearest first)
 *
 * or vx_search_begin_given instead of vx_search_begin, and vx_search_give, as often as wanted, before vx_search_next.
 */
#ifndef VX_SEARCH_H
#define VX_SEARCH_H

#include "core/vx_curve.h"
#include "core/vx_idset.h"
#include "core/vx_line.h"
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
	double		distance;		/* exact, */
	double		error;			/* but for so much at most: see VxEdges */
	VxNodeId	id;
	float		score;			/* by which it was expanded */
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

	/* What is in no list and not expanded, in no order; but once grown, what is near is in front, a min-heap. */
	VxCandidate *rest;
	uint32_t	rest_count;
	uint32_t	near_count;		/* once grown, 0 only if there is no rest */
	float		near_score;		/* those up to this are near */
	uint32_t	rest_capacity;
	uint32_t	rest_limit;		/* beyond this candidates are forgotten; 0: nothing is kept */
	bool		forgot;			/* something was forgotten: exhausting the rest is not exhausting the graph */
	float		forgotten;		/* the least score of that */

	/* What the caller sets after a search was begun, if he knows how many rows are wanted, and what recall of them needs. */
	VxListNeeds needs;
	uint32_t	rows;
	uint32_t	rows_list;		/* what is needed for so many; the first list may be shorter */

	double		limit;			/* nodes beyond this distance need not be found; INFINITY unless the caller sets it */
	bool		given;			/* the candidates were given: no edge is followed */
	float		farthest;		/* given: what is farther was forgotten, be it given now or before */
	uint64_t	most_expanded;	/* so many nodes are expanded, then vx_search_next gives up; 0: no limit */
	uint64_t	expanded;
	uint64_t	wanted;			/* of these: live ones that the query wants */

	/* The list once it has grown. */
	bool		grown;			/* list [] is used no more, all candidates go to the rest */
	uint32_t	reached;		/* its length: nodes that were expanded within the horizon */
	float		horizon;		/* the highest score in it */
	VxLine		line;			/* of exact distances to scores */

	/* Found nodes: a heap of places in an array, so that records do not move. */
	bool		collecting;
	VxFound    *found;			/* [found_capacity] */
	uint32_t   *found_heap;		/* [found_capacity] nearest on top; unused places of found behind found_count */
	uint32_t	found_count;
	uint32_t	found_capacity;
	uint32_t	found_limit;	/* with more, the nearest leaves without waiting */
	uint32_t	handed_out;

	/*
	 * NULL unless the caller sets it: called while reading ahead, when little is left to be read before the list has converged,
	 * at least once; hardly anything else will be among the nearest found.
	 */
	void		(*ending) (void *context);
	void	   *ending_context;

	VxEdges		edges;
	VxNodeId	batch[VX_MAX_EDGES];
	float		batch_score[VX_MAX_EDGES];
	VxCandidate fresh[VX_MAX_EDGES];
} VxSearch;

/* A search without memory yet; mem must stay valid. */
void		vx_search_init(VxSearch *search, const VxMem *mem);

/* Gives back its memory; the search may be begun again. */
void		vx_search_free(VxSearch *search);

/*
 * Starts a search for query with a list of L = list_size (at least 1). The query must stay valid while the search is used.
 * memory: bytes for what vx_search_next goes on with, candidates outside the list and found nodes; 0 if only vx_search_converge
 * will be called.
 */
void		vx_search_begin(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, size_t memory);

/*
 * The same for a search among nodes that the caller gives. What memory has no room for is forgotten, the farthest first; search->forgot
 * tells. again: the search before was one of this kind for the same query; what it has met is left out.
 */
void		vx_search_begin_given(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, size_t memory, bool again);

/* Gives n candidates, none twice; at most VX_MAX_EDGES at a time. */
void		vx_search_give(VxSearch *search, const VxNodeId *ids, uint32_t n);

/* Expands until no candidate of the list is unexpanded. */
void		vx_search_converge(VxSearch *search);

/* Whether to go on behind a node, which is live or only a stepping stone; list: the shortest with which a search comes by it. */
typedef bool (*VxShow) (void *context, VxNodeId id, bool live, uint32_t list);

/*
 * Shows nodes in the order in which they are expanded by a search with a list of any length; ends when show wants no more, or what is next is
 * for lists longer than most. The search was begun with memory.
 */
void		vx_search_trace(VxSearch *search, uint32_t most, VxShow show, void *context);

/* Whether a node is the one that is sought. */
typedef enum VxLikeness
{
	VX_UNLIKE,
	VX_LIKE,					/* it will do, if there is no other of its score that is the one */
	VX_SOUGHT
} VxLikeness;

/* A node that may be there, and that a search need not go on behind. */
typedef struct VxSought
{
	float		score;			/* what it would score */
	uint32_t	breadth;		/* it need not go on, either, behind so many of the nearest */
	VxLikeness	(*ask) (void *context, VxNodeId id);
	void	   *context;
} VxSought;

/*
 * The same, but asks about each live node that scores no more than what is sought, once it is expanded. Ends when it is the one, or when one
 * was like it and all that is left scores more. Returns whether it ended so. Else it ends when all of the list are expanded that score no more,
 * and as many of the nearest as its breadth: behind those the list has been scored only.
 */
bool		vx_search_seek(VxSearch *search, const VxSought *sought);

typedef enum VxPatience
{
	VX_SEARCH_STAY,				/* only what the list holds now: all of it, in order, then nothing */
	VX_SEARCH_GROW,				/* the list grows as nodes leave; order is weighed against cost */
	VX_SEARCH_IN_ORDER			/* it grows as far as order wants it to */
} VxPatience;

/*
 * The nearest live node that has not been handed out, or NULL when nothing is left; valid until the next call. rank: the place, from 1,
 * of what the consumer is about to give away, which is this node unless it puts nodes into another order itself. Late nodes come as
 * near the exact order as the first. NULL, too, when nothing within the limit is expected, and when a search that may give up has
 * expanded as many nodes as it may (vx_search_gave_up).
 */
const VxFound *vx_search_next(VxSearch *search, uint32_t rank, VxPatience patience);

/*
 * The nearest n found nodes (at most VX_MOST_AHEAD), nearest first, which stay found: those that would leave next if nothing else were found.
 * Returns how many there are; places [n]. They are valid as those of vx_search_next.
 */
uint32_t	vx_search_peek(const VxSearch *search, uint32_t n, const VxFound **places);

static inline bool
vx_search_gave_up(const VxSearch *search)
{
	return search->most_expanded > 0 && search->expanded >= search->most_expanded;
}

/* How many nodes may at most be looked at, for the sake of order, before the one of that rank leaves. */
uint32_t	vx_search_most(const VxSearch *search, uint32_t rank);

#endif							/* VX_SEARCH_H */
