/*
 * test_curve.c: list sizes for recalls: how they are kept and interpolated, and that they are measured as searches turn out.
 */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "core/vx_curve.h"
#include "graph/vx_calibrate.h"
#include "graph/vx_search.h"
#include "unit_graph.h"

#define N 4000
#define DIM 24

static void
packs_sizes_rounded_up(void **state)
{
	(void) state;
	for (int place = 0; place < VX_CURVE_RANKS; place++)
	{
		uint8_t		before = 0;

		for (uint32_t list = vx_curve_rank[place]; list <= 10000; list++)
		{
			uint8_t		packed = vx_curve_pack(place, list);
			double		size = vx_curve_unpack(place, packed);

			assert_true(packed >= before && packed > 0);
			assert_true(size >= list - 1e-3 && size <= list + 0.04 * (list - vx_curve_rank[place] + 1));
			assert_int_equal(vx_curve_pack(place, size), packed);
			before = packed;
		}
		assert_int_equal(vx_curve_pack(place, INFINITY), UINT8_MAX);
		assert_true(vx_curve_unpack(place, UINT8_MAX) > 10000);
		assert_true(vx_curve_unpack(place, 1) == vx_curve_rank[place]);
	}
}

/* Sizes that grow with recall and rank. */
static VxCurve
some_curve(void)
{
	VxCurve		curve;

	for (int i = 0; i < VX_CURVE_RANKS; i++)
		for (int j = 0; j < VX_CURVE_RECALLS; j++)
			curve.list[i][j] = vx_curve_pack(i, vx_curve_rank[i] + 5 * (i + 1) / sqrt(1 - vx_curve_recall[j]));
	return curve;
}

static void
needs_grow_with_recall_and_rank(void **state)
{
	VxCurve		curve = some_curve();
	double		before_recall = 0;

	(void) state;
	for (double recall = 0.8; recall < 0.9995; recall += 0.001)
	{
		VxListNeeds needs = vx_curve_needs(&curve, recall);
		double		before = 0;

		assert_true(vx_needs_are_known(&needs));
		for (double rank = 1; rank < 100000; rank *= 1.1)
		{
			double		list = vx_needs_list(&needs, rank);

			assert_true(list >= rank && list > before);
			before = list;
		}
		assert_true(needs.list[1] >= before_recall);
		before_recall = needs.list[1];
		for (int i = 0; i < VX_CURVE_RANKS; i++)
			assert_true(fabs(vx_needs_list(&needs, vx_curve_rank[i]) - needs.list[i]) < 1e-6);
		assert_true(fabs(vx_curve_recall_of(&curve, 1, needs.list[1]) - recall) < 0.002);
	}
}

/* A curve of any bytes is one, and no list is shorter than its rank. */
static void
takes_any_bytes(void **state)
{
	VxRng		rng = {3};

	(void) state;
	for (int round = 0; round < 2000; round++)
	{
		VxCurve		curve;
		VxListNeeds needs;

		for (size_t i = 0; i < sizeof(curve); i++)
			((uint8_t *) &curve)[i] = (uint8_t) vx_rng_below(&rng, 256);
		needs = vx_curve_needs(&curve, 0.8 + 0.199 * vx_rng_unit(&rng));
		for (double rank = 1; rank < 1e9; rank *= 7)
			assert_true(vx_needs_list(&needs, rank) >= rank && isfinite(vx_needs_list(&needs, rank)));
	}
}

/* What a trace has shown. */
typedef struct Shown
{
	uint32_t	n;
	VxNodeId	ids[N];
	uint32_t	lists[N];
} Shown;

static bool
note(void *context, VxNodeId id, bool live, uint32_t list)
{
	Shown	   *shown = context;

	assert_true(live);
	shown->ids[shown->n] = id;
	shown->lists[shown->n++] = list;
	return true;
}

/* The nodes that a search with any list expands are those that the trace says it does. */
static void
trace_is_what_lists_do(void **state)
{
	static const uint32_t lists[] = {1, 2, 3, 5, 8, 13, 21, 40, 75, 150};
	UnitGraph	graph;
	VxSearch	search;
	Shown	   *shown = calloc(1, sizeof(Shown));
	VxRng		rng = {11};

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, N, DIM, 24, 5);
	vx_search_init(&search, &unit_mem);
	for (int round = 0; round < 20; round++)
	{
		VxQuery		query = {.point = vx_memstore_point(&graph.store, vx_rng_below(&rng, N))};

		shown->n = 0;
		vx_search_begin(&search, &graph.store.base, &query, 1, 1 << 24);
		vx_search_trace(&search, 150, note, shown);
		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		{
			uint64_t	before = graph.store.base.stats.expanded;
			uint32_t	by_trace = 0;

			vx_search_begin(&search, &graph.store.base, &query, lists[i], 0);
			vx_search_converge(&search);
			for (uint32_t at = 0; at < shown->n; at++)
				by_trace += shown->lists[at] <= lists[i];
			assert_int_equal(graph.store.base.stats.expanded - before, by_trace);
		}
	}
	free(shown);
	vx_search_free(&search);
	vx_memstore_free(&graph.store);
}

/* Where needs are known, lists are as long as they say for all rows from the beginning. */
static void
searches_keep_to_needs(void **state)
{
	VxListNeeds needs = {.list = {12, 30, 200},.exponent = 0.5};
	UnitGraph	graph;
	VxSearch	search;
	VxRng		rng = {12};

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, N, DIM, 24, 6);
	vx_search_init(&search, &unit_mem);
	for (int round = 0; round < 10; round++)
	{
		VxStats    *stats = &graph.store.base.stats;
		VxQuery		query = {.point = vx_memstore_point(&graph.store, vx_rng_below(&rng, N))};
		uint64_t	before = stats->expanded;
		uint64_t	fixed;

		vx_search_begin(&search, &graph.store.base, &query, 30, SIZE_MAX);
		vx_search_converge(&search);
		fixed = stats->expanded - before;

		/* so many rows as are wanted cost what that list does */
		before = stats->expanded;
		vx_search_begin(&search, &graph.store.base, &query, 30, SIZE_MAX);
		search.needs = needs;
		search.rows = 10;
		search.rows_list = 30;
		for (uint32_t rank = 1; rank <= 10; rank++)
			assert_non_null(vx_search_next(&search, rank, VX_SEARCH_GROW));
		assert_int_equal(stats->expanded - before, fixed);

		/* a list that began shorter grows to that length before the first row leaves, and no farther until the last one has */
		vx_search_begin(&search, &graph.store.base, &query, 40, SIZE_MAX);
		search.needs = needs;
		search.rows = 100;
		search.rows_list = 200;
		for (uint32_t rank = 1; rank <= 100; rank++)
		{
			assert_non_null(vx_search_next(&search, rank, VX_SEARCH_GROW));
			assert_true(search.reached >= 200 && search.reached < 220);
		}
	}
	vx_search_free(&search);
	vx_memstore_free(&graph.store);
}

/* Where nothing leads to a node but the one that is left out, and this to it, those that led to the one lead to it. */
static void
bridges_lead_around(void **state)
{
	UnitGraph	graph;
	VxBridge	bridge;
	VxEdges		edges;
	VxNodeId	ids[3] = {5, 7, 9};
	VxStore    *store;
	VxNodeId	out = 17;
	uint32_t	led = 0;

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, 500, DIM, 12, 8);
	store = &graph.store.base;
	vx_bridge_init(&bridge, &unit_mem, store);
	assert_int_equal(vx_bridge_entries(&bridge, ids, 3), 3);
	assert_true(vx_bridge_around(&bridge, out));
	for (VxNodeId id = 0; id < 500; id++)
	{
		uint32_t	count;
		bool		led_there = false;

		if (id == out || store->ops->read_edges(store, id, NULL, &edges) != VX_OK)
			continue;
		for (uint32_t i = 0; i < edges.count; i++)
			led_there |= edges.ids[i] == out;
		count = edges.count;
		vx_bridge_edges(&bridge, id, &edges);
		led += led_there;
		if (!led_there)
			assert_int_equal(edges.count, count);
		else
			assert_true(edges.count >= count - 1 && edges.count <= count + 1);
		for (uint32_t i = 0; i < edges.count; i++)
		{
			assert_true(edges.ids[i] != out && edges.ids[i] != id);
			for (uint32_t j = 0; j < i; j++)
				assert_true(edges.ids[i] != edges.ids[j]);
		}
	}
	assert_true(led > 0);
	ids[1] = out;
	assert_int_equal(vx_bridge_entries(&bridge, ids, 3), 2);
	assert_true(ids[0] == 5 && ids[1] == 9);
	vx_bridge_free(&bridge);
	vx_memstore_free(&graph.store);
}

/* A curve of made up answers: those of rank r want lists of 10 r, a tenth of them none. */
static void
makes_curves_of_answers(void **state)
{
	VxCalibration calibration;
	VxCurve		curve;

	(void) state;
	vx_calibration_init(&calibration, &unit_mem, 100, VX_CURVE_MOST_RANK, 2000);
	for (uint32_t query = 0; query < 100; query++)
	{
		uint16_t   *lists = vx_calibration_add(&calibration);

		for (uint32_t rank = 1; rank <= VX_CURVE_MOST_RANK; rank++)
			lists[rank - 1] = (uint16_t) (query % 10 == 0 ? 0 : 10 * rank);
	}
	vx_calibration_curve(&calibration, true, &curve);
	assert_true(vx_curve_is_measured(&curve));
	/* of the two nearest all that are found are nine tenths, with a list of 20; of a hundred with one of 1000 */
	assert_true(fabs(vx_curve_unpack(0, curve.list[0][1]) - 20) < 1);
	assert_true(fabs(vx_curve_unpack(1, curve.list[1][1]) - 100) < 4);
	assert_true(fabs(vx_curve_unpack(2, curve.list[2][1]) - 1000) < 40);
	assert_int_equal(curve.list[2][2], UINT8_MAX);
	/* with longer lists than those there may be more */
	vx_calibration_curve(&calibration, false, &curve);
	assert_true(vx_curve_unpack(2, curve.list[2][2]) > 2000);
	vx_calibration_free(&calibration);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_sizes_rounded_up),
		cmocka_unit_test(needs_grow_with_recall_and_rank),
		cmocka_unit_test(takes_any_bytes),
		cmocka_unit_test(trace_is_what_lists_do),
		cmocka_unit_test(searches_keep_to_needs),
		cmocka_unit_test(bridges_lead_around),
		cmocka_unit_test(makes_curves_of_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
