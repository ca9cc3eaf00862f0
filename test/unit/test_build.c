/*
 * test_build.c: graphs built over the memory store: how good they are, that they are the same each time, their entries, and graphs
 * built by codes alone.
 */
#include "unit.h"

#include "graph/vx_build.h"
#include "unit_graph.h"

static void
test_build(void **state)
{
	(void) state;
	for (int metric = VX_METRIC_L2; metric <= VX_METRIC_L1; metric++)
	{
		UnitGraph	graph = {0};
		double		found;

		unit_graph_make(&graph, (VxMetric) metric, 3000, 12, 24, 11);
		unit_graph_check(&graph.store);
		found = unit_graph_recall(&graph, 10, 60, 5);
		print_message("# metric %d: recall@10 %.3f\n", metric, found);
		assert_true(found > 0.95);
		vx_memstore_free(&graph.store);
	}
}

/* Tiny and degenerate inputs: nothing, one point, fewer points than entries, all points on a line. */
static void
test_small(void **state)
{
	(void) state;
	for (uint32_t n = 0; n <= 40; n++)
	{
		UnitGraph	graph = {0};

		unit_graph_make(&graph, VX_METRIC_L2, n, 1, 4, 3);
		unit_graph_check(&graph.store);
		vx_memstore_free(&graph.store);
	}
}

/* Equal seeds and rows give equal graphs. */
static void
test_deterministic(void **state)
{
	UnitGraph	a = {0}, b = {0};

	(void) state;
	unit_graph_make(&a, VX_METRIC_L2, 500, 8, 16, 9);
	unit_graph_make(&b, VX_METRIC_L2, 500, 8, 16, 9);
	for (VxNodeId id = 0; id < 500; id++)
	{
		VxEdges		x,
					y;

		a.store.base.ops->read_edges(&a.store.base, id, NULL, &x);
		b.store.base.ops->read_edges(&b.store.base, id, NULL, &y);
		assert_int_equal(x.count, y.count);
		assert_memory_equal(x.ids, y.ids, x.count * sizeof(VxNodeId));
	}
	vx_memstore_free(&a.store);
	vx_memstore_free(&b.store);
}

/* A graph linked by codes alone is nearly as good as one linked by the points. */
static void
test_only_codes(void **state)
{
	(void) state;
	for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
	{
		UnitGraph	points = {0};
		UnitGraph	codes = {.dim = 24};
		VxCodec		codec;
		double		by_points;
		double		by_codes;

		unit_graph_make(&points, (VxMetric) metric, 4000, 24, 24, 61);
		by_points = unit_graph_recall(&points, 10, 80, 5);

		unit_graph_codec(&codec, &points);
		vx_memstore_init(&codes.store, &unit_mem, &points.store.space, 24, 1.2f);
		vx_memstore_use_codes(&codes.store, &codec);
		for (VxNodeId id = 0; id < points.store.count; id++)
		{
			uint8_t    *code = malloc(codec.code_bytes);

			vx_codec_encode(&codec, vx_memstore_point(&points.store, id), code);
			assert_int_equal(vx_memstore_add_code(&codes.store, code), id);
			assert_memory_equal(vx_memstore_item(&codes.store, id), code, codec.code_bytes);
			free(code);
		}
		unit_graph_build(&codes.store, 60);
		unit_graph_check(&codes.store);

		/* searched by the points */
		memcpy(points.store.degrees, codes.store.degrees, points.store.count * sizeof(uint16_t));
		memcpy(points.store.edges, codes.store.edges,
			   (size_t) points.store.count * points.store.base.edge_capacity * sizeof(VxNodeId));
		memcpy(points.store.entry_ids, codes.store.entry_ids, sizeof(points.store.entry_ids));
		points.store.entry_count = codes.store.entry_count;
		by_codes = unit_graph_recall(&points, 10, 80, 5);
		print_message("metric %d: recall %.3f by points, %.3f by codes\n", metric, by_points, by_codes);
		assert_true(by_points >= 0.9);
		assert_true(by_codes >= by_points - 0.02);
		vx_memstore_free(&codes.store);
		vx_memstore_free(&points.store);
		unit_graph_free_codec(&codec);
	}
}

/* Entries lie far from each other, and there are more where points are in clusters. */
static void
test_entries(void **state)
{
	(void) state;
	for (uint32_t clustered = 0; clustered < 2; clustered++)
	{
		VxMemStore	store;
		VxBuild		build;
		bool		seen[40] = {false};
		uint32_t	centres = 0;

		unit_graph_clusters(&store, 4000, 40, clustered ? 1 : 40);
		vx_build_begin(&build, &store, 40, 1);
		assert_int_equal(store.entry_count, clustered ? 64 : 16);
		for (uint32_t i = 0; i < store.entry_count; i++)
		{
			centres += !seen[store.entry_ids[i] % 40];
			seen[store.entry_ids[i] % 40] = true;
			for (uint32_t j = 0; j < i; j++)
				assert_true(store.entry_ids[i] != store.entry_ids[j]);
		}
		if (clustered)
			assert_int_equal(centres, 40);
		vx_build_leave(&build);
		vx_memstore_free(&store);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_only_codes),
		cmocka_unit_test(test_entries),
	};

	vx_kernels_select();
	vx_code_kernels_select();
	return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
