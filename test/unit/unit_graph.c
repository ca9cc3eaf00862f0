/*
 * unit_graph.c: graphs that tests make, and what is asked of them.
 */
#include "unit.h"

#include "graph/vx_build.h"
#include "graph/vx_check.h"
#include "quant/vx_robust.h"
#include "unit_graph.h"

VxNodeId
unit_graph_add(VxMemStore *store, const float *x)
{
	VxPoint    *point = malloc(vx_space_room(&store->space));
	VxNodeId	id;

	vx_point_set(point, x, store->space.dim);
	id = vx_memstore_add(store, point);
	free(point);
	return id;
}

void
unit_graph_points(UnitGraph *graph, VxMetric metric, uint32_t n, uint32_t dim, uint32_t degree, uint64_t seed)
{
	VxSpace		space = {.metric = metric,.dim = dim};
	VxRng		rng = {seed};
	float	   *x = malloc(dim * sizeof(float));

	graph->dim = dim;
	vx_memstore_init(&graph->store, &unit_mem, &space, degree, 1.2f);
	for (uint32_t i = 0; i < n; i++)
	{
		VxRng		centre = {seed * 1000 + vx_rng_below(&rng, 20)};

		for (uint32_t j = 0; j < dim; j++)
			x[j] = (float) (vx_rng_unit(&centre) * 4 + vx_rng_unit(&rng) + vx_rng_unit(&rng));
		unit_graph_add(&graph->store, x);
		graph->store.space.max_norm2 = VX_MAX(graph->store.space.max_norm2, vx_memstore_point(&graph->store, i)->norm2);
	}
	free(x);
}

void
unit_graph_clusters(VxMemStore *store, uint32_t n, uint32_t centres, double spread)
{
	VxRng		rng = {99};

	vx_memstore_init(store, &unit_mem, &(VxSpace) {.metric = VX_METRIC_L2,.dim = 16}, 16, 1.2f);
	for (uint32_t i = 0; i < n; i++)
	{
		VxRng		centre = {1000 + i % centres};
		float		x[16];

		for (uint32_t k = 0; k < 16; k++)
			x[k] = (float) (vx_rng_unit(&centre) * 10 + vx_rng_unit(&rng) * spread);
		unit_graph_add(store, x);
	}
}

void
unit_graph_build(VxMemStore *store, uint32_t list_size)
{
	VxBuild		build;

	vx_build_begin(&build, store, list_size, 1);
	while (vx_build_step(&build))
		;
	assert_int_equal(vx_build_finish(&build), 0);
}

void
unit_graph_make(UnitGraph *graph, VxMetric metric, uint32_t n, uint32_t dim, uint32_t degree, uint64_t seed)
{
	unit_graph_points(graph, metric, n, dim, degree, seed);
	unit_graph_build(&graph->store, 60);
}

void
unit_graph_check(VxMemStore *store)
{
	VxVisited	reached;

	for (VxNodeId id = 0; id < store->count; id++)
	{
		VxEdges		edges;

		assert_int_equal(store->base.ops->read_edges(&store->base, id, NULL, &edges), VX_OK);
		assert_true(edges.count <= store->base.max_degree);
		for (uint32_t i = 0; i < edges.count; i++)
		{
			assert_true(edges.ids[i] < store->count);
			assert_true(edges.ids[i] != id);
			for (uint32_t j = 0; j < i; j++)
				assert_true(edges.ids[i] != edges.ids[j]);
		}
	}
	vx_visited_init(&reached, &unit_mem);
	assert_int_equal(vx_check_reach(&store->base, &unit_mem, store->count, &reached), store->count);
	vx_visited_free(&reached);
}

double
unit_graph_recall(UnitGraph *graph, uint32_t k, uint32_t l, uint64_t seed)
{
	VxMemStore *store = &graph->store;
	VxSearch	search;
	VxRng		rng = {seed};
	VxPoint    *point = malloc(VX_POINT_BYTES(graph->dim));
	float	   *x = malloc(graph->dim * sizeof(float));
	uint32_t	hits = 0;
	uint32_t	queries = 100;

	vx_search_init(&search, &unit_mem);
	for (uint32_t q = 0; q < queries; q++)
	{
		VxQuery		query = {.point = point};
		const VxPoint *near = vx_memstore_point(store, vx_rng_below(&rng, store->count));
		double		last = 0;

		for (uint32_t j = 0; j < graph->dim; j++)
			x[j] = near->x[j] + (float) (vx_rng_unit(&rng) - 0.5) * 0.5f;
		vx_point_set(point, x, graph->dim);
		vx_search_begin(&search, &store->base, &query, l, SIZE_MAX);
		for (uint32_t i = 0; i < k; i++)
		{
			const VxFound *c = vx_search_next(&search, i + 1, VX_SEARCH_STAY);
			uint32_t	rank = 0;

			assert_non_null(c);
			assert_true(i == 0 || c->distance >= last);
			last = c->distance;
			for (VxNodeId id = 0; id < store->count; id++)
				rank += !store->deleted[id]
					&& vx_space_operator(&store->space, point, vx_memstore_point(store, id)) < c->distance;
			hits += rank < k;
		}
	}
	vx_search_free(&search);
	free(point);
	free(x);
	return (double) hits / (queries * k);
}

void
unit_graph_codec(VxCodec *codec, const UnitGraph *graph)
{
	float	   *mean = malloc(graph->dim * sizeof(float));
	VxSample	sample;

	vx_codec_init(codec, &unit_mem, VX_CODES_SCALAR4, &graph->store.space, 0);
	vx_codec_set_max_norm2(codec, graph->store.space.max_norm2);
	vx_sample_init(&sample, &unit_mem, graph->dim, graph->store.count, 1);
	for (VxNodeId id = 0; id < graph->store.count; id++)
	{
		const VxPoint *point = vx_memstore_point(&graph->store, id);

		vx_space_coded(&graph->store.space, point, vx_sample_add(&sample));
	}
	vx_robust_mean(&unit_mem, &sample, mean);
	vx_codec_set_models(codec, &unit_mem, 0, false, mean, NULL);
	vx_sample_free(&sample, &unit_mem);
}

void
unit_graph_free_codec(VxCodec *codec)
{
	free((void *) codec->model[0]);
	vx_codec_free(codec, &unit_mem);
}
