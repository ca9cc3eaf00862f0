/*
 * vx_link.c: linking, back-links, repair; see vx_link.h.
 *
 * Nothing is pruned under a lock: read, compute, write with the version that was read, and start over if somebody was
 * faster. Attempts are bounded; a back-link that is given up costs a little recall, never correctness.
 */
#include "graph/vx_link.h"

#include <string.h>

#include "graph/vx_check.h"

#define MAX_ATTEMPTS 16

/*
 * How many live neighbours of a deleted node replace the edge to it at least. More in lists that are not short costs time and gained
 * nothing measurable.
 */
#define HEIRS 2

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
 * Adds up to most live nodes of the search's list to the n in linker->ids, their scores to linker->distance. Returns how many
 * there are then.
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
		linker->ids[n] = id;
		linker->distance[n++] = search->list[i].score;
	}
	return n;
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

void
vx_link_choose(VxLinker *linker, VxStore *store, const VxQuery *query, uint32_t list_size, VxNodeId self)
{
	uint32_t	nearest;
	uint32_t	n;

	vx_search_begin(&linker->search, store, query, list_size, 0);
	vx_search_converge(&linker->search);
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
}

/*
 * Chooses at most max of the n ids in linker->ids as edges of node id, into out. Returns how many, 0 if the node is gone.
 */
static uint32_t
choose_among(VxLinker *linker, VxStore *store, VxNodeId id, uint32_t n, uint32_t max, VxNodeId *out)
{
	uint32_t	usable = 0;
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
	vx_prune_sort(linker->candidates, usable, id);
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
	uint32_t	behind = 0;		/* the place behind the last that was found */

	for (uint32_t i = 0; i < edges->count && behind < edges->count; i++)
	{
		if (store->ops->read_edges(store, edges->ids[i], NULL, further) != VX_OK || !further->live)
			continue;
		for (uint32_t place = edges->count; place-- > behind;)
			if (contains(further->ids, further->count, edges->ids[place]))
				behind = place + 1;
	}
	return behind > 0 ? behind - 1 : edges->count;
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
		reachable |= vx_link_edge(linker, store, linker->edges.ids[i], id);
	}
	/* where every neighbour has better edges, the nearest that can spare one, or is still there, keeps this one all the same */
	for (uint32_t i = 0; i < VX_MIN(linker->edges.count, ASKED_FOR_SPARE) && !reachable; i++)
		reachable = force_edge(linker, store, linker->edges.ids[i], id, store->edge_capacity, SPARE_EDGE);
	for (uint32_t i = 0; i < linker->edges.count && !reachable; i++)
		reachable = force_edge(linker, store, linker->edges.ids[i], id, store->edge_capacity, LAST_EDGE);
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

VxStatus
vx_link_repair(VxLinker *linker, VxStore *store, VxNodeId id, bool (*is_dead) (void *context, VxNodeId id),
			   void *context, uint32_t *remaining)
{
	VxEdges    *own = &linker->edges;
	VxEdges    *other = &linker->other;

	*remaining = 0;
	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		uint32_t	n = 0;
		VxStatus	status;
		VxNodeId	chosen[VX_MAX_EDGES];
		const VxNodeId *edges;

		if (store->ops->read_edges(store, id, NULL, own) != VX_OK || !own->live)
			return VX_GONE;
		reserve(linker, own->count * (HEIRS + 1) + store->max_degree);
		for (uint32_t i = 0; i < own->count; i++)
			if (!is_dead(context, own->ids[i]))
				linker->ids[n++] = own->ids[i];
		*remaining = n;
		/* another attempt may find that whoever was faster has pruned the dead ones away */
		if (n == own->count)
			return VX_OK;

		/* The edges of a node are nearest first (but for late additions), so its first live ones are its nearest. */
		for (uint32_t i = 0; i < own->count; i++)
		{
			uint32_t	heirs = 0;
			uint32_t	most = HEIRS;

			if (!is_dead(context, own->ids[i]) || store->ops->read_edges(store, own->ids[i], NULL, other) != VX_OK)
				continue;
			/* in a short list nothing else makes up for a neighbour that is left out */
			if (n + other->count <= store->max_degree / 2)
				most = other->count;
			for (uint32_t j = 0; j < other->count && heirs < most; j++)
				/* one that is there already counts as an heir: the way around the dead node exists */
				if (other->ids[j] != id && !is_dead(context, other->ids[j]))
				{
					if (!contains(linker->ids, n, other->ids[j]))
						linker->ids[n++] = other->ids[j];
					heirs++;
				}
		}

		/* more than fit are rare, since each dead neighbour makes room; only then this compares nodes */
		edges = linker->ids;
		if (n > store->edge_capacity)
		{
			n = choose_among(linker, store, id, n, store->max_degree, chosen);
			edges = chosen;
		}
		status = store->ops->replace_edges(store, id, own->version, edges, n);
		*remaining = n;
		if (status != VX_CONFLICT)
			return status;
		store->stats.conflicts++;
	}
	return VX_CONFLICT;
}
