/*
 * vecgraph_relink.c: leading the graph to nodes that it has lost, or never knew.
 *
 * Inserts come here with a node that met nothing alive to be linked to, VACUUM with nodes that lost all their neighbours or that a
 * crash left without any, a fit of codes with those that poor codes linked badly.
 */
#include "am/ops/vecgraph_ops.h"

#include "miscadmin.h"

/* The vector of a node, allocated, NULL if it is gone; what its code stands for where only the heap has the vector. */
static VxPoint *
linking_point(VecGraphStore *store, VxNodeId id)
{
	VxPoint    *point;

	if (!vx_storage_has_vector(store->index.geometry.storage))
	{
		point = vx_alloc(&store->index.mem, VX_POINT_BYTES(store->index.codes->codec.decoded_values));
		store->index.codes->codec.ops->decode(&store->index.codes->codec, vecgraph_code(&store->index, id, 0), point);
		return point;
	}
	point = vx_alloc(&store->index.mem, vx_space_room(&store->index.space));
	if (vecgraph_copy_point(&store->index, id, point))
		return point;
	vx_free(&store->index.mem, point);
	return NULL;
}

void
vecgraph_relink(VecGraphStore *store, VxLinker *linker, VxNodeId id)
{
	for (;;)
	{
		VxQuery		query = {.linking = true,.salt = id};
		VxEdges		before;
		VxPoint    *point;

		CHECK_FOR_INTERRUPTS();
		vecgraph_store_refresh(store);
		if (store->base.ops->read_edges(&store->base, id, NULL, &before) != VX_OK || !before.live)
			return;
		point = linking_point(store, id);
		if (point == NULL)
			return;
		query.point = point;
		vx_computer_ask(&store->computer, !vx_storage_has_vector(store->index.geometry.storage));
		vx_link_choose(linker, &store->base, &query, store->index.meta.build_list_size, id);
		vx_computer_ask(&store->computer, false);
		vx_free(&store->index.mem, point);
		/* no other live node was met: what there is of the graph begins here */
		if (linker->edges.count == 0)
		{
			if (vecgraph_add_entry(&store->index, id))
				return;
			continue;
		}
		vx_link_keep_line(linker, &store->base, id, &before);

		/*
		 * a conflict means that an insert has given it an edge, or a heap TID: choose again, as there are other neighbours
		 * perhaps
		 */
		if (store->base.ops->replace_edges(&store->base, id, before.version, linker->edges.ids,
										   linker->edges.count) == VX_CONFLICT)
			continue;
		vx_link_back(linker, &store->base, id);
		return;
	}
}

/* What vecgraph_attach searches with. */
typedef struct Seeker
{
	VecGraphStore *store;
	VxPoint    *point;			/* of the last node, NULL at first */
} Seeker;

/* For vx_link_attach: fills in the query for a node; false if it is not live. */
static bool
seek(void *context, VxNodeId id, VxQuery *query)
{
	Seeker	   *seeker = context;
	VecGraphStore *store = seeker->store;
	VxEdges		edges;

	vx_free(&store->index.mem, seeker->point);
	seeker->point = NULL;
	if (store->base.ops->read_edges(&store->base, id, NULL, &edges) == VX_OK && edges.live)
		seeker->point = linking_point(store, id);
	query->point = seeker->point;
	return seeker->point != NULL;
}

void
vecgraph_attach(VecGraphStore *store)
{
	Seeker		seeker = {.store = store};
	BufferAccessStrategy strategy = store->index.strategy;
	VxLinker	linker;

	/* this walk comes by the same pages again and again: VACUUM's ring of few buffers is not for it */
	store->index.strategy = NULL;
	vecgraph_store_refresh(store);
	vx_linker_init(&linker, &store->index.mem);
	vx_computer_ask(&store->computer, !vx_storage_has_vector(store->index.geometry.storage));
	vx_link_attach(&linker, &store->base, vx_id_bound(&store->index.geometry, vecgraph_filled_blocks(store->index.relation)),
				   store->index.meta.build_list_size, seek, &seeker);
	vx_computer_ask(&store->computer, false);
	vx_free(&store->index.mem, seeker.point);
	vx_linker_free(&linker);
	store->index.strategy = strategy;
}
