/*
 * vecgraph_build_order.c: the order in which loaded nodes are linked; see vecgraph_build_impl.h and vx_order.h.
 */
#include "am/build/vecgraph_build_impl.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* Where the loaded points are fewer, what linking needs is in the processor's caches anyway. */
#define LEAST_ORDERED 100000

static const VxPoint *
loaded_point(void *context, uint32 i)
{
	return vx_memstore_point(&((VecGraphBuild *) context)->store, i);
}

/* Moves a node; number store.count is a place aside. */
static void
move_node(void *context, uint32 to, uint32 from)
{
	VecGraphBuild *build = context;
	uint32		n = build->store.count;
	NodeTids   *to_tids = to < n ? &build->tids[to] : &build->tids_aside;
	VxPoint    *to_point = to < n ? (VxPoint *) vx_memstore_point(&build->store, to) : build->point_aside;

	*to_tids = from < n ? build->tids[from] : build->tids_aside;
	memcpy(to_point, from < n ? vx_memstore_point(&build->store, from) : build->point_aside, build->store.item_bytes);
}

void
vecgraph_build_make_order(VecGraphBuild *build)
{
	uint32		dim = build->meta.dim;
	uint64		rows = (uint64) Max(build->expected_rows, build->store.count);
	uint32		depth = 0;

	if (build->has_order)
		return;
	build->has_order = true;
	if (rows >= LEAST_ORDERED)
		depth = vx_order_depth(dim, rows, build->memory_limit / VECGRAPH_ORDER_SHARE);
	vx_order_init(&build->order, &build->mem, build->space.metric, dim, depth, loaded_point, build, build->store.count,
				  VECGRAPH_BUILD_SEED, vecgraph_poll);
}

void
vecgraph_build_order_points(VecGraphBuild *build)
{
	uint32		n = build->store.count;
	uint32	   *keys;
	uint32	   *sorted;

	vecgraph_build_make_order(build);
	if (build->order.depth == 0)
		return;
	keys = MemoryContextAllocHuge(build->context, n * sizeof(uint32));
	sorted = MemoryContextAllocHuge(build->context, n * sizeof(uint32));
	for (uint32 i = 0; i < n; i++)
	{
		const VxPoint *point = loaded_point(build, i);

		CHECK_FOR_INTERRUPTS();
		keys[i] = vecgraph_build_key(build, point, vx_space_hash(&build->space, point));
	}
	vx_order_sort(&build->order, &build->mem, keys, n, sorted);
	build->point_aside = MemoryContextAlloc(build->context, build->store.item_bytes);
	vx_order_apply(sorted, n, move_node, build);
	pfree(build->point_aside);
	pfree(keys);
	pfree(sorted);
}
