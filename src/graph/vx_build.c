/*
 * vx_build.c: one pass of Vamana insertion over points in memory; see vx_build.h.
 *
 * Points are linked in id order unless the store has another; see vx_order.h.
 */
#include "graph/vx_build.h"

#include <string.h>

#include "core/vx_rng.h"
#include "graph/vx_entries.h"

/* How many points are looked at for entries; copies of them are to take a few megabytes at most. */
static uint32_t
sample_size(const VxMemStore *store)
{
	size_t		most = VX_ENTRIES_SAMPLE;
	size_t		bytes = vx_computer_opened_bytes(&store->computer);

	if (bytes > 0)
		most = VX_MIN(most, VX_MAX(VX_ENTRIES_LEAST_SAMPLE, ((size_t) 8 << 20) / bytes));
	return VX_MIN(store->count, (uint32_t) most);
}

static void
choose_entries(VxBuild *build, VxRng *rng)
{
	VxMemStore *store = build->store;
	const VxMem *mem = store->mem;
	uint32_t	n = sample_size(store);
	VxNodeId   *ids = vx_alloc_array(mem, n, sizeof(VxNodeId));
	VxPointSet	sample = {0};

	for (uint32_t i = 0; i < n; i++)
		ids[i] = vx_rng_in_part(rng, store->count, i, n);
	store->base.ops->gather(&store->base, ids, n, &sample);
	store->entry_count = vx_entries_choose(&store->base, mem, ids, &sample, n, rng, store->entry_ids);
	vx_free(mem, ids);
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
	VxQuery		query = {.point = vx_memstore_query(build->store, id),.linking = true,.salt = id};
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
	if (build->next == build->store->count)
		return false;
	vx_build_link(build, build->next, build->next + 1);
	build->next++;
	return true;
}

void
vx_build_link(VxBuild *build, uint32_t first, uint32_t end)
{
	VxMemStore *store = build->store;

	for (uint32_t i = first; i < end; i++)
	{
		VxNodeId	id = store->order != NULL ? store->order[i] : i;

		if (!is_entry(store, id))
			link_point(build, id);
	}
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

static bool
query_for(void *context, VxNodeId id, VxQuery *query)
{
	query->point = vx_memstore_query(context, id);
	return true;
}

uint32_t
vx_build_attach(VxBuild *build)
{
	VxMemStore *store = build->store;
	uint32_t	unreachable = vx_link_attach(&build->linker, &store->base, store->count, build->list_size, query_for, store);

	vx_build_leave(build);
	return unreachable;
}

uint32_t
vx_build_finish(VxBuild *build)
{
	vx_build_prune(build, 0, build->store->count);
	return vx_build_attach(build);
}
