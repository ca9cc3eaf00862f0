/*
 * vx_check.c: reachability over any store, depth first.
 */
#include "graph/vx_check.h"

static uint32_t
reach(VxStore *store, const VxMem *mem, uint32_t bound, VxVisited *reached, const VxNodeId *starts, uint32_t n)
{
	uint32_t	capacity = 1024;
	VxNodeId   *stack = vx_alloc_array(mem, capacity, sizeof(VxNodeId));
	VxEdges    *edges = vx_alloc(mem, sizeof(VxEdges));
	uint32_t	depth = 0;
	uint32_t	count = 0;

	for (uint32_t i = 0; i < n; i++)
		if (starts[i] < bound && vx_visited_add(reached, starts[i]))
			stack[depth++] = starts[i];

	while (depth > 0)
	{
		VxNodeId	id;
		uint32_t	ahead = VX_MIN(depth, store->ahead);

		store->ops->poll(store);
		vx_store_read_ahead(store, stack + depth - ahead, ahead);
		id = stack[--depth];
		if (store->ops->read_edges(store, id, NULL, edges) != VX_OK)
			continue;
		count++;
		if (depth + edges->count > capacity)
		{
			capacity = vx_grown(capacity, depth + edges->count);
			stack = vx_resize_array(mem, stack, capacity, sizeof(VxNodeId));
		}
		for (uint32_t i = 0; i < edges->count; i++)
			if (edges->ids[i] < bound && vx_visited_add(reached, edges->ids[i]))
				stack[depth++] = edges->ids[i];
	}
	vx_free(mem, stack);
	vx_free(mem, edges);
	return count;
}

uint32_t
vx_check_reach(VxStore *store, const VxMem *mem, uint32_t bound, VxVisited *reached)
{
	VxNodeId	entries[VX_MAX_ENTRIES];
	uint32_t	n = store->ops->entries(store, entries);

	return reach(store, mem, bound, reached, entries, n);
}

uint32_t
vx_check_reach_from(VxStore *store, const VxMem *mem, uint32_t bound, VxVisited *reached, VxNodeId start)
{
	return reach(store, mem, bound, reached, &start, 1);
}
