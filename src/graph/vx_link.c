/*
 * vx_link.c: linking, back-links; see vx_link.h.
 *
 * Nothing is pruned under a lock: read, compute, write with the version that was read, and start over if somebody was
 * faster. Attempts are bounded; a back-link that is given up costs a little recall, never correctness.
 */
#include "graph/vx_link.h"

#include <math.h>
#include <string.h>

#include "graph/vx_check.h"

#define MAX_ATTEMPTS 16

/*
 * The share of its list that a search expands which seeks one node and else collects candidates: what the last ones lead to hardly gets among
 * the nearest. Of sift-50k a fifth deleted and inserted again, four times, list 80: recall@10 at L = 20, 40, 80 is 0.963, 0.989, 0.997 when all 80
 * are expanded, 0.962, 0.988, 0.997 when 64 are, in seven eighths of the time; 0.962, 0.986, 0.996 when 50 are.
 */
#define EXPANDED_SHARE 0.8

/* How many of the nearest nodes by queries are candidates for edges, where those are not the nearest for linking. */
#define ANSWERS 16

void
vx_linker_init(VxLinker *linker, const VxMem *mem)
{
	memset(linker, 0, sizeof(*linker));
	linker->mem = mem;
	vx_search_init(&linker->search, mem);
	vx_pruner_init(&linker->pruner, mem);
}

void
vx_linker_free(VxLinker *linker)
{
	vx_search_free(&linker->search);
	vx_pruner_free(&linker->pruner);
	vx_free(linker->mem, linker->ids);
	vx_free(linker->mem, linker->unread);
	vx_free(linker->mem, linker->distance);
	vx_free(linker->mem, linker->candidates);
	vx_pointset_free(&linker->points, linker->mem);
	vx_pointset_free(&linker->node, linker->mem);
	vx_linker_init(linker, linker->mem);
}

static void
reserve(VxLinker *linker, uint32_t n)
{
	if (n <= linker->capacity)
		return;
	linker->ids = vx_resize_array(linker->mem, linker->ids, n, sizeof(VxNodeId));
	linker->unread = vx_resize_array(linker->mem, linker->unread, n, sizeof(VxNodeId));
	linker->candidates = vx_resize_array(linker->mem, linker->candidates, n, sizeof(VxPruneCandidate));
	linker->distance = vx_resize_array(linker->mem, linker->distance, n, sizeof(float));
	linker->capacity = n;
}

static bool
contains(const VxNodeId *ids, uint32_t n, VxNodeId id)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/*
 * Adds up to most live nodes of the search's list to the n in linker->ids, their scores to linker->distance; those that were not read, and may be
 * deleted, to linker->unread, too. Returns how many there are then.
 */
static uint32_t
collect(VxLinker *linker, uint32_t n, uint32_t most, VxNodeId self)
{
	VxSearch   *search = &linker->search;
	uint32_t	before = n;

	reserve(linker, n + search->count);
	for (uint32_t i = 0; i < search->count && n < before + most; i++)
	{
		VxNodeId	id = search->list[i].id;

		/* deleted nodes have served as stepping stones; an edge to one would keep VACUUM from freeing it */
		if (search->list[i].dead || id == self || contains(linker->ids, before, id))
			continue;
		if (!search->list[i].expanded)
			linker->unread[linker->unread_count++] = id;
		linker->ids[n] = id;
		linker->distance[n++] = search->list[i].score;
	}
	return n;
}

/* Takes an id out of a list, if it is there. Returns how many are left. */
static uint32_t
take_out(VxNodeId *ids, uint32_t n, VxNodeId id)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == id)
		{
			memmove(ids + i, ids + i + 1, (n - i - 1) * sizeof(VxNodeId));
			return n - 1;
		}
	return n;
}

/* Takes what is deleted out of the chosen edges: an edge to it would keep VACUUM from freeing it, or be left when it is free. */
static void
leave_out_deleted(VxLinker *linker, VxStore *store)
{
	VxEdges    *edges = &linker->edges;

	for (uint32_t i = 0; i < linker->unread_count; i++)
		if (contains(edges->ids, edges->count, linker->unread[i])
			&& (store->ops->read_edges(store, linker->unread[i], NULL, &linker->other) != VX_OK || !linker->other.live))
			edges->count = take_out(edges->ids, edges->count, linker->unread[i]);
}

/* Adds what a query at the point would find to the n nodes that linking has found. */
static uint32_t
collect_answers(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t n, uint32_t list_size, VxNodeId self)
{
	VxQuery		asking = {.point = query->point,.linking = false,.salt = query->salt};
	uint32_t	with;

	vx_search_begin(&linker->search, store, &asking, list_size, 0);
	vx_search_converge(&linker->search);
	with = collect(linker, n, ANSWERS, self);
	/* pruning compares by the scores of linking, so those of the query are replaced */
	store->ops->prepare(store, query);
	store->ops->score(store, query, linker->ids + n, with - n, linker->distance + n);
	return with;
}

bool
vx_link_seek(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxSought *sought, float (*score_of) (void *context))
{
	vx_search_begin(&linker->search, store, query, list_size, 0);
	sought->score = score_of(sought->context);
	sought->breadth = (uint32_t) ceil(list_size * EXPANDED_SHARE);
	return vx_search_seek(&linker->search, sought);
}

void
vx_link_choose(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxNodeId self)
{
	vx_search_begin(&linker->search, store, query, list_size, 0);
	vx_search_converge(&linker->search);
	vx_link_choose_found(linker, store, query, list_size, self);
}

void
vx_link_choose_found(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxNodeId self)
{
	uint32_t	nearest;
	uint32_t	n;

	linker->unread_count = 0;
	n = nearest = collect(linker, 0, UINT32_MAX, self);
	if (store->ops->asks_otherwise != NULL && store->ops->asks_otherwise(store, query))
		n = collect_answers(linker, store, query, n, list_size, self);
	linker->usable = 0;
	/* once for all: pruning then compares them as often as it likes, with no page locked */
	store->ops->gather(store, linker->ids, n, &linker->points);
	for (uint32_t i = 0; i < n; i++)
		/* a node may have been freed since the search came by */
		if (linker->points.points[i] != NULL)
			linker->candidates[linker->usable++] = (VxPruneCandidate)
			{
				.score = linker->distance[i],.id = linker->ids[i],.point = linker->points.points[i]
			};
	/* what the search returned is in order; pruning needs nearest first, or it would keep far nodes in place of near ones */
	if (n > nearest)
		vx_prune_sort(linker->candidates, linker->usable, query->salt);
	linker->edges.live = true;
	linker->edges.count = vx_prune(&linker->pruner, store, linker->candidates, linker->usable, store->max_degree, linker->edges.ids);
	leave_out_deleted(linker, store);
	/* so many are deleted that it takes all of the list to find one that is not */
	if (linker->edges.count == 0 && linker->unread_count > 0)
		vx_link_choose(linker, store, query, list_size, self);
}

/*
 * A list that was pruned before begins with what was chosen then, nearest first, and goes on with late additions. By how much of its score one
 * of the former may seem nearer than one in front of it: they may have been scored otherwise then, by a point and not by its code.
 */
#define SCORE_NOISE 0.05f

/*
 * Of n candidates, in the order of a node's edges, those that a pruning has left are settled. A late addition that happens to continue their
 * order is taken for one of them: it may stay although a pruning by all pairs would drop it.
 */
static void
settle(VxPruneCandidate *candidates, uint32_t n)
{
	float		farthest = 0;

	for (uint32_t i = 0; i < n && candidates[i].score >= farthest * (1 - SCORE_NOISE); i++)
	{
		candidates[i].settled = true;
		farthest = VX_MAX(farthest, candidates[i].score);
	}
}

/*
 * Chooses at most max of the n ids in linker->ids as edges of node id, into out. Returns how many, 0 if the node is gone. The first of its
 * edges is to be the first id: where it leads to a node in the same place, that may have no other edge to it (vx_link_beside), and stays.
 */
static uint32_t
choose_among(VxLinker *linker, VxStore *store, VxNodeId id, uint32_t n, uint32_t max, VxNodeId *out)
{
	uint32_t	usable = 0;
	uint32_t	first;			/* how many stay in front */
	const void *node;

	store->ops->gather(store, &id, 1, &linker->node);
	node = linker->node.points[0];
	if (node == NULL)
		return 0;
	store->ops->gather(store, linker->ids, n, &linker->points);
	for (uint32_t i = 0; i < n; i++)
		if (linker->points.points[i] != NULL)
		{
			linker->ids[usable] = linker->ids[i];
			linker->points.points[usable++] = linker->points.points[i];
		}
	store->ops->pairs(store, node, linker->points.points, usable, linker->distance);
	for (uint32_t i = 0; i < usable; i++)
		linker->candidates[i] = (VxPruneCandidate)
		{
			.score = linker->distance[i],.id = linker->ids[i],.point = linker->points.points[i]
		};
	store->stats.compared += usable;
	/* no pruning that makes room leaves more than that */
	settle(linker->candidates, VX_MIN(usable, store->overflow_degree));
	first = usable > 0 && linker->candidates[0].score <= 0;
	vx_prune_sort(linker->candidates + first, usable - first, id);
	return vx_prune(&linker->pruner, store, linker->candidates, usable, max, out);
}

bool
vx_link_edge(VxLinker *linker, VxStore *store, VxNodeId from, VxNodeId to)
{
	VxEdges    *other = &linker->other;
	VxNodeId	chosen[VX_MAX_EDGES];

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		VxStatus	status = store->ops->add_edge(store, from, to);
		uint32_t	n;

		if (status != VX_FULL)
			return status != VX_GONE;
		/* between full and read it may have gone, or been pruned */
		if (store->ops->read_edges(store, from, NULL, other) != VX_OK)
			return false;
		if (other->count < store->edge_capacity)
			continue;

		reserve(linker, other->count + 1);
		memcpy(linker->ids, other->ids, other->count * sizeof(VxNodeId));
		linker->ids[other->count] = to;
		/* fewer than fit, so that not every back-link from now on has to prune again */
		n = choose_among(linker, store, from, other->count + 1, store->overflow_degree, chosen);
		if (n == 0)
			return false;
		status = store->ops->replace_edges(store, from, other->version, chosen, n);
		if (status != VX_CONFLICT)
			return status == VX_OK && contains(chosen, n, to);
		store->stats.conflicts++;
	}
	store->stats.lost_links++;
	return false;
}

/*
 * The last of a node's edges that leads to where an edge of another of its neighbours leads, too: if it goes, nothing is cut off. Its
 * place, or edges->count if there is none.
 */
static uint32_t
find_spare(VxLinker *linker, VxStore *store, const VxEdges *edges)
{
	VxEdges    *further = &linker->further;
	uint32_t	behind = 1;		/* the place behind the last that was found: never the first, see vx_link_beside */

	for (uint32_t i = 0; i < edges->count && behind < edges->count; i++)
	{
		vx_store_read_ahead(store, edges->ids + i, edges->count - i);
		if (store->ops->read_edges(store, edges->ids[i], NULL, further) != VX_OK || !further->live)
			continue;
		for (uint32_t place = edges->count; place-- > behind;)
			if (contains(further->ids, further->count, edges->ids[place]))
				behind = place + 1;
	}
	return behind > 1 ? behind - 1 : edges->count;
}

/* So many nodes are asked for a spare edge, which takes reading the edges of all their neighbours. */
#define ASKED_FOR_SPARE 8

/* What a full list gives up for an edge that pruning does not want. */
typedef enum Price
{
	NOTHING,
	SPARE_EDGE,					/* one that others make up for */
	LAST_EDGE					/* mostly the farthest */
} Price;

/* Adds the edge from -> to, whatever pruning says, in a list of so many. Returns whether it is there now. */
static bool
force_edge(VxLinker *linker, VxStore *store, VxNodeId from, VxNodeId to, uint32_t capacity, Price price)
{
	VxEdges    *other = &linker->other;

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		VxStatus	status;

		if (store->ops->read_edges(store, from, NULL, other) != VX_OK || !other->live)
			return false;
		/* others may be linking it just now */
		if (contains(other->ids, other->count, to))
			return true;
		if (other->count >= capacity)
		{
			uint32_t	place = other->count;

			if (price == SPARE_EDGE)
				place = find_spare(linker, store, other);
			else if (price == LAST_EDGE)
				place = other->count - 1;
			if (place == other->count)
				return false;
			other->count--;
			memmove(other->ids + place, other->ids + place + 1, (other->count - place) * sizeof(VxNodeId));
		}
		/* by the version: if anybody has changed the list since, the edge given up may be the one that others rely on now */
		other->ids[other->count++] = to;
		status = store->ops->replace_edges(store, from, other->version, other->ids, other->count);
		if (status != VX_CONFLICT)
			return status == VX_OK;
		store->stats.conflicts++;
	}
	return false;
}

void
vx_link_back(VxLinker *linker, VxStore *store, VxNodeId id)
{
	bool		reachable = false;

	for (uint32_t i = 0; i < linker->edges.count; i++)
	{
		store->ops->poll(store);
		vx_store_read_ahead(store, linker->edges.ids + i, linker->edges.count - i);
		reachable |= vx_link_edge(linker, store, linker->edges.ids[i], id);
	}
	/* where every neighbour has better edges, the nearest that can spare one, or is still there, keeps this one all the same */
	for (uint32_t i = 0; i < VX_MIN(linker->edges.count, ASKED_FOR_SPARE) && !reachable; i++)
		reachable = force_edge(linker, store, linker->edges.ids[i], id, store->edge_capacity, SPARE_EDGE);
	for (uint32_t i = 0; i < linker->edges.count && !reachable; i++)
		reachable = force_edge(linker, store, linker->edges.ids[i], id, store->edge_capacity, LAST_EDGE);
}

bool
vx_link_copy(VxLinker *linker, VxStore *store, VxNodeId beside)
{
	VxEdges    *edges = &linker->edges;

	/* it takes two edges: along the line, and back to where it was led from */
	if (store->edge_capacity < 2 || store->ops->read_edges(store, beside, NULL, edges) != VX_OK || !edges->live || edges->count == 0)
		return false;
	/* as in collect(): the new node must have no edge to a deleted one */
	for (uint32_t i = 0; i < edges->count; i++)
	{
		vx_store_read_ahead(store, edges->ids + i, edges->count - i);
		if (store->ops->read_edges(store, edges->ids[i], NULL, &linker->other) != VX_OK || !linker->other.live)
			return false;
	}
	/* who comes to the new node must find all others in its place by them, whichever they were led from: see vx_search_seek */
	edges->count = VX_MIN(edges->count + 1, store->edge_capacity);
	memmove(edges->ids + 2, edges->ids + 1, (edges->count - 2) * sizeof(VxNodeId));
	edges->ids[1] = beside;
	return true;
}

/* Whether two nodes are in one place, as far as can be told. */
static bool
share_place(VxLinker *linker, VxStore *store, VxNodeId a, VxNodeId b)
{
	VxNodeId	both[2] = {a, b};
	VxPointSet *set = &linker->points;

	store->ops->gather(store, both, 2, set);
	if (set->points[0] == NULL || set->points[1] == NULL)
		return false;
	reserve(linker, 1);
	store->ops->pairs(store, set->points[0], set->points + 1, 1, linker->distance);
	return linker->distance[0] <= 0;
}

/* Moves an id to the front, if it is there. Returns whether it is. */
static bool
bring_forward(VxNodeId *ids, uint32_t n, VxNodeId id)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == id)
		{
			memmove(ids + 1, ids, i * sizeof(VxNodeId));
			ids[0] = id;
			return true;
		}
	return false;
}

/* Puts an id that is not there in front of a node's edges; where there is no room the last goes. */
static void
put_in_front(VxEdges *edges, uint32_t capacity, VxNodeId id)
{
	edges->count = VX_MIN(edges->count + 1, capacity);
	memmove(edges->ids + 1, edges->ids, (edges->count - 1) * sizeof(VxNodeId));
	edges->ids[0] = id;
}

void
vx_link_keep_line(VxLinker *linker, VxStore *store, VxNodeId id, const VxEdges *before)
{
	VxEdges    *edges = &linker->edges;

	if (before->count == 0 || !share_place(linker, store, id, before->ids[0])
		|| store->ops->read_edges(store, before->ids[0], NULL, &linker->other) != VX_OK || !linker->other.live)
		return;
	if (!bring_forward(edges->ids, edges->count, before->ids[0]))
		put_in_front(edges, store->max_degree, before->ids[0]);
}

/*
 * Makes first the first edge of a node; it has one already to where the one that was leads. That goes if it is to the same place, and others
 * where there is no room.
 */
static bool
put_first(VxLinker *linker, VxStore *store, VxNodeId id, VxEdges *edges, VxNodeId first, VxStatus *status)
{
	if (share_place(linker, store, id, edges->ids[0]))
		edges->ids[0] = first;
	else
	{
		if (edges->count == store->edge_capacity)
		{
			reserve(linker, edges->count);
			memcpy(linker->ids, edges->ids, edges->count * sizeof(VxNodeId));
			edges->count = choose_among(linker, store, id, edges->count, VX_MIN(store->overflow_degree, store->edge_capacity - 1), edges->ids);
		}
		put_in_front(edges, store->edge_capacity, first);
	}
	*status = store->ops->replace_edges(store, id, edges->version, edges->ids, edges->count);
	store->stats.conflicts += *status == VX_CONFLICT;
	return *status == VX_OK;
}

bool
vx_link_beside(VxLinker *linker, VxStore *store, VxNodeId beside, VxNodeId id)
{
	VxEdges    *from = &linker->other;
	VxEdges    *to = &linker->further;

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		VxStatus	status;

		if (store->ops->read_edges(store, beside, NULL, from) != VX_OK || !from->live || from->count == 0
			|| store->ops->read_edges(store, id, NULL, to) != VX_OK || to->count == 0)
			return false;
		/* VACUUM, which saw that nobody led to it, has linked it meanwhile */
		if (contains(from->ids, from->count, id))
			return true;
		/* others may have come between: the first edge of the one is to be that of the other, before it is taken from there */
		if (to->ids[0] != from->ids[0])
		{
			if (contains(to->ids, to->count, from->ids[0]) || !put_first(linker, store, id, to, from->ids[0], &status))
				return false;
			continue;
		}
		if (put_first(linker, store, beside, from, id, &status))
			return true;
		if (status != VX_CONFLICT)
			return false;
	}
	return false;
}

/*
 * Hangs a node that is not of the mainland into the graph: an edge from the nearest node of the mainland that has room or, if it
 * cannot be reached, that gives up one for it. What has given up its last edge (in robbed) is not asked for that again, as it would
 * give up what it was given. Returns whether there is such an edge now.
 */
static bool
attach(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxNodeId id, const VxVisited *mainland,
	   bool is_reached, VxVisited *robbed)
{
	VxSearch   *search = &linker->search;

	/* a node that can be reached by now gets further bridges only where they cost nobody an edge */
	Price		most = is_reached ? NOTHING : LAST_EDGE;

	vx_search_begin(search, store, query, list_size, 0);
	vx_search_converge(search);
	for (Price price = NOTHING; price <= most; price++)
	{
		uint32_t	asked = 0;

		for (uint32_t i = 0; i < search->count; i++)
		{
			VxNodeId	from = search->list[i].id;

			if (from == id || !vx_visited_has(mainland, from) || (price == LAST_EDGE && !vx_visited_add(robbed, from)))
				continue;
			if (price == SPARE_EDGE && asked++ == ASKED_FOR_SPARE)
				break;
			store->ops->poll(store);
			if (force_edge(linker, store, from, id, store->max_degree, price))
				return true;
		}
	}
	return false;
}

/* One round of attaching: what can be reached at its beginning is the mainland. Returns how many could not be when it was their turn. */
static uint32_t
attach_all(VxLinker *linker, VxStore *store, uint32_t bound, uint32_t list_size,
		   bool (*query_of) (void *context, VxNodeId id, VxQuery *query), void *context)
{
	VxVisited	mainland;
	VxVisited	reached;		/* by now */
	VxVisited	robbed;
	uint32_t	unreachable = 0;

	vx_visited_init(&mainland, linker->mem);
	vx_visited_init(&reached, linker->mem);
	vx_visited_init(&robbed, linker->mem);
	vx_check_reach(store, linker->mem, bound, &mainland);
	for (VxNodeId id = 0; id < bound; id++)
		if (vx_visited_has(&mainland, id))
			vx_visited_add(&reached, id);
	for (VxNodeId id = 0; id < bound; id++)
	{
		VxQuery		query = {.linking = true,.salt = id};
		bool		is_reached = vx_visited_has(&reached, id);

		if (vx_visited_has(&mainland, id) || !query_of(context, id, &query))
			continue;
		unreachable += !is_reached;
		/* one bridge makes an island reachable, but searches find it by many */
		if (attach(linker, store, &query, list_size, id, &mainland, is_reached, &robbed) && !is_reached)
			vx_check_reach_from(store, linker->mem, bound, &reached, id);
	}
	vx_visited_free(&mainland);
	vx_visited_free(&reached);
	vx_visited_free(&robbed);
	return unreachable;
}

uint32_t
vx_link_attach(VxLinker *linker, VxStore *store, uint32_t bound, uint32_t list_size,
			   bool (*query_of) (void *context, VxNodeId id, VxQuery *query), void *context)
{
	uint32_t	before = UINT32_MAX;

	/* the last edge of a node may have led to others, and not all may have been attached: look again while it helps */
	for (;;)
	{
		uint32_t	unreachable = attach_all(linker, store, bound, list_size, query_of, context);

		if (unreachable == 0 || unreachable >= before)
			return unreachable;
		before = unreachable;
	}
}

void
vx_link_trim(VxLinker *linker, VxStore *store, VxNodeId id, uint32_t max)
{
	VxEdges    *other = &linker->other;
	VxNodeId	chosen[VX_MAX_EDGES];

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		uint32_t	n;

		if (store->ops->read_edges(store, id, NULL, other) != VX_OK || other->count <= max)
			return;
		reserve(linker, other->count);
		memcpy(linker->ids, other->ids, other->count * sizeof(VxNodeId));
		n = choose_among(linker, store, id, other->count, max, chosen);
		/* where others keep adding edges it is left untrimmed: they prune it when it is full */
		if (n == 0 || store->ops->replace_edges(store, id, other->version, chosen, n) != VX_CONFLICT)
			return;
		store->stats.conflicts++;
	}
}
