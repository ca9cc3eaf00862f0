/*
 * vx_build.c: one pass of Vamana insertion over points in memory; see vx_build.h.
 *
 * Points are linked in id order, which is heap order: it was as good as random order on real data, and keeps rows that
 * lie together in the heap together in the index.
 */
#include "graph/vx_build.h"

#include "core/vx_rng.h"
#include "graph/vx_check.h"

#include <math.h>
#include <string.h>

#define ENTRY_NODES 16
#define ENTRY_SAMPLE 2048

/* How many points are looked at for entries; opened codes of them are to take a few megabytes at most. */
static uint32_t
sample_size(const VxMemStore *store)
{
	size_t		most = ENTRY_SAMPLE;

	if (store->prune_codes)
		most = VX_MIN(most, VX_MAX(ENTRY_NODES * 4, ((size_t) 8 << 20) / vx_codec_opened_bytes(store->codec)));
	return VX_MIN(store->count, (uint32_t) most);
}

/* Which of n nodes is nearest to their mean: the medoid, near enough for a place to start from. */
static uint32_t
nearest_to_mean(VxBuild *build, const VxNodeId *ids, uint32_t n)
{
	VxMemStore *store = build->store;
	uint32_t	dim = store->only_codes ? store->codec->padded : store->space.dim;
	uint32_t	values = store->only_codes ? vx_codec_decoded_values(store->codec) : dim;
	const VxMem *mem = store->mem;
	float	   *mean = vx_alloc(mem, values * sizeof(float));
	VxPoint    *point = vx_alloc(mem, VX_POINT_BYTES(values));
	uint32_t	best = 0;
	float		best_score = INFINITY;

	memset(mean, 0, values * sizeof(float));
	for (uint32_t i = 0; i < n; i++)
	{
		const VxPoint *p = vx_memstore_query(store, ids[i]);
		/* cosine looks at directions only; codes are of directions */
		float		weight = (store->only_codes ? 1 : vx_space_unit_scale(store->space.metric, p->norm2)) / (float) n;

		for (uint32_t j = 0; j < values; j++)
			mean[j] += p->x[j] * weight;
	}
	vx_point_set(point, mean, dim);
	memcpy(point->x + dim, mean + dim, (values - dim) * sizeof(float));
	for (uint32_t i = 0; i < n; i++)
	{
		const VxPoint *p = vx_memstore_query(store, ids[i]);
		float		score = store->only_codes ? vx_codec_pair_decoded(store->codec, point, p)
			: vx_space_pair(&store->space, point, p);

		if (score < best_score)
		{
			best_score = score;
			best = i;
		}
	}
	vx_free(mem, mean);
	vx_free(mem, point);
	return best;
}

/*
 * Entry nodes: the medoid, then points drawn with probability proportional to their distance from those chosen so far.
 * Source of the drawing: Arthur, Vassilvitskii 2007, "k-means++", section 2.2.
 */
static void
choose_entries(VxBuild *build, VxRng *rng)
{
	VxMemStore *store = build->store;
	const VxMem *mem = store->mem;
	uint32_t	n = sample_size(store);
	VxNodeId   *ids = vx_alloc(mem, n * sizeof(VxNodeId));
	float	   *nearest = vx_alloc(mem, n * sizeof(float));
	float	   *score = vx_alloc(mem, n * sizeof(float));
	VxPointSet	sample = {0};
	uint32_t	pick;

	/* one point from each of n equal stretches */
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	low = (uint32_t) ((uint64_t) store->count * i / n);
		uint32_t	high = (uint32_t) ((uint64_t) store->count * (i + 1) / n);

		ids[i] = low + vx_rng_below(rng, high - low);
		nearest[i] = INFINITY;
	}
	store->base.ops->gather(&store->base, ids, n, &sample);

	pick = nearest_to_mean(build, ids, n);
	for (uint32_t entries = 1;; entries++)
	{
		double		total = 0;
		double		target;

		store->entry_ids[store->entry_count++] = ids[pick];
		if (entries == VX_MIN(ENTRY_NODES, n))
			break;
		store->base.ops->pairs(&store->base, sample.points[pick], sample.points, n, score);
		for (uint32_t i = 0; i < n; i++)
		{
			nearest[i] = VX_MIN(nearest[i], VX_MAX(score[i], 0));
			if (i == pick)
				nearest[i] = 0;
			if (isfinite(nearest[i]))
				total += (double) nearest[i];
		}
		if (!(total > 0))
			break;
		target = vx_rng_unit(rng) * total;
		for (pick = 0; pick < n - 1; pick++)
		{
			if (isfinite(nearest[pick]))
				target -= (double) nearest[pick];
			if (target < 0 && nearest[pick] > 0)
				break;
		}
		if (!(nearest[pick] > 0))
			break;
	}
	vx_free(mem, ids);
	vx_free(mem, nearest);
	vx_free(mem, score);
	vx_pointset_free(&sample, mem);
}

static bool
is_entry(const VxMemStore *store, VxNodeId id)
{
	for (uint32_t i = 0; i < store->entry_count; i++)
		if (store->entry_ids[i] == id)
			return true;
	return false;
}

static void
link_point(VxBuild *build, VxNodeId id)
{
	VxStore    *base = &build->store->base;
	VxQuery		query = {.point = vx_memstore_query(build->store, id),.linking = true};
	VxEdges		before;

	vx_link_choose(&build->linker, base, &query, build->list_size, id);
	base->ops->read_edges(base, id, NULL, &before);
	base->ops->replace_edges(base, id, before.version, build->linker.edges.ids, build->linker.edges.count);
	vx_link_back(&build->linker, base, id);
}

void
vx_build_join(VxBuild *build, VxMemStore *view, uint32_t list_size)
{
	memset(build, 0, sizeof(*build));
	build->store = view;
	build->list_size = list_size;
	vx_linker_init(&build->linker, view->mem);
}

void
vx_build_leave(VxBuild *build)
{
	vx_linker_free(&build->linker);
}

void
vx_build_begin(VxBuild *build, VxMemStore *store, uint32_t list_size, uint64_t seed)
{
	VxRng		rng = {seed};
	uint32_t	entries;

	vx_build_join(build, store, list_size);
	vx_memstore_seal(store);
	if (store->count == 0)
		return;

	choose_entries(build, &rng);

	/* Entries are linked first, each to those before it: a search for any point starts from all of them. */
	entries = store->entry_count;
	for (store->entry_count = 1; store->entry_count < entries; store->entry_count++)
		link_point(build, store->entry_ids[store->entry_count]);
}

bool
vx_build_step(VxBuild *build)
{
	VxMemStore *store = build->store;

	while (build->next < store->count && is_entry(store, build->next))
		build->next++;
	if (build->next == store->count)
		return false;
	link_point(build, build->next++);
	return true;
}

void
vx_build_link(VxBuild *build, VxNodeId first, VxNodeId end)
{
	for (VxNodeId id = first; id < end; id++)
		if (!is_entry(build->store, id))
			link_point(build, id);
}

void
vx_build_prune(VxBuild *build, VxNodeId first, VxNodeId end)
{
	VxStore    *base = &build->store->base;

	for (VxNodeId id = first; id < end; id++)
	{
		base->ops->poll(base);
		vx_link_trim(&build->linker, base, id, base->max_degree);
	}
}

/*
 * Hangs an unreachable node into the graph: an edge from the nearest reachable node that has room, else in place of the
 * last (farthest) edge of the nearest one. Returns whether it did.
 */
static bool
attach(VxBuild *build, VxNodeId id, const VxVisited *reached)
{
	VxStore    *base = &build->store->base;
	VxSearch   *search = &build->linker.search;
	VxQuery		query = {.point = vx_memstore_query(build->store, id),.linking = true};
	VxEdges		edges;

	vx_search_begin(search, base, &query, build->list_size, 0);
	vx_search_converge(search);
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < search->count; i++)
		{
			VxNodeId	from = search->list[i].id;

			if (from == id || !vx_visited_has(reached, from)
				|| base->ops->read_edges(base, from, NULL, &edges) != VX_OK)
				continue;
			if (edges.count < base->max_degree)
				edges.ids[edges.count++] = id;
			else if (pass == 1)
				edges.ids[edges.count - 1] = id;
			else
				continue;
			return base->ops->replace_edges(base, from, edges.version, edges.ids, edges.count) == VX_OK;
		}
	return false;
}

uint32_t
vx_build_attach(VxBuild *build)
{
	VxMemStore *store = build->store;
	VxStore    *base = &store->base;
	VxVisited	reached;
	uint32_t	unreachable = 0;

	vx_visited_init(&reached, store->mem);
	/* Replacing an edge may cut off others, so look again; a few rounds have always been enough. */
	for (int round = 0; round < 4; round++)
	{
		vx_visited_clear(&reached);
		unreachable = 0;
		vx_check_reach(base, store->mem, store->count, &reached);
		for (VxNodeId id = 0; id < store->count; id++)
		{
			if (vx_visited_has(&reached, id))
				continue;
			unreachable++;
			if (attach(build, id, &reached))
				vx_check_reach_from(base, store->mem, store->count, &reached, id);
		}
		if (unreachable == 0)
			break;
	}
	vx_visited_free(&reached);
	vx_build_leave(build);
	return unreachable;
}

uint32_t
vx_build_finish(VxBuild *build)
{
	vx_build_prune(build, 0, build->store->count);
	return vx_build_attach(build);
}
