/*
 * vecgraph_build_order.c: the order in which loaded nodes are linked; see vecgraph_build_state.h and vx_order.h.
 */
#include "am/build/vecgraph_build_state.h"

#include "miscadmin.h"

/* Where the loaded points are fewer, what linking needs is in the processor's caches anyway. */
#define LEAST_ORDERED 100000

static const VxPoint *
loaded_point(void *context, uint32 i)
{
	return vx_memstore_point(context, i);
}

void
vecgraph_build_order_make(VecGraphBuild *build, VxMemStore *store, VecGraphBuildOrder *order)
{
	uint64		rows = (uint64) Max(build->expected_rows, store->count);
	uint32		depth = 0;

	if (order->done)
		return;
	order->done = true;
	if (rows >= LEAST_ORDERED)
		depth = vx_order_depth(vx_space_coded_dim(&build->space), rows, build->memory_limit / VECGRAPH_ORDER_SHARE);
	vx_order_init(&order->order, &build->mem, &build->space, depth, loaded_point, store, store->count,
				  VECGRAPH_BUILD_SEED, vecgraph_poll);
}

/* Nodes that are put in order, and places for one of them. */
typedef struct Mover
{
	VecGraphBuildNodes *nodes;
	uint32		filter_count;
	VecGraphBuildTids tids;
	uint64		signature[VX_MAX_FILTERS];
	void	   *point;
} Mover;

/* Moves a node; number store.count is the place aside. */
static void
move_node(void *context, uint32 to, uint32 from)
{
	Mover	   *mover = context;
	uint32		n = mover->nodes->store.count;
	VecGraphBuildTids *to_tids = to < n ? &mover->nodes->tids[to] : &mover->tids;

	*to_tids = from < n ? mover->nodes->tids[from] : mover->tids;
	vx_memstore_move(&mover->nodes->store, to, from, mover->point);
	if (mover->filter_count > 0)
	{
		uint64	   *signatures = mover->nodes->signatures;

		memcpy(to < n ? signatures + (Size) to * mover->filter_count : mover->signature,
			   from < n ? signatures + (Size) from * mover->filter_count : mover->signature,
			   mover->filter_count * sizeof(uint64));
	}
}

/* Gives points the ids in whose order they are best linked. */
static void
move_points(VecGraphBuild *build, VecGraphBuildNodes *nodes, VxOrder *order)
{
	const VxMemStore *store = &nodes->store;
	uint32		n = store->count;
	uint32	   *keys = MemoryContextAllocHuge(build->context, n * sizeof(uint32));
	uint32	   *sorted = MemoryContextAllocHuge(build->context, n * sizeof(uint32));
	uint32		filter_count = build->geometry.filter_count;
	Mover		mover = {.nodes = nodes,.filter_count = filter_count};

	for (uint32 i = 0; i < n; i++)
	{
		const VxPoint *point = vx_memstore_point(store, i);

		CHECK_FOR_INTERRUPTS();
		keys[i] = vx_order_key(order, point, vecgraph_row_hash(&build->space, point, vecgraph_build_signature(build, nodes, i),
															   filter_count));
	}
	vx_order_sort(order, &build->mem, keys, n, sorted);
	mover.point = MemoryContextAlloc(build->context, Max(store->item_bytes, sizeof(uint64)));
	vx_order_apply(sorted, n, move_node, &mover);
	pfree(mover.point);
	pfree(keys);
	pfree(sorted);
}

void
vecgraph_build_order_nodes(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildOrder *order)
{
	VxMemStore *store = &nodes->store;

	vecgraph_build_order_make(build, store, order);
	if (order->order.depth == 0)
		return;
	if (order->keys == NULL)
		move_points(build, nodes, &order->order);
	else
		vx_order_sort(&order->order, &build->mem, order->keys, store->count, vx_memstore_make_order(store));
}
