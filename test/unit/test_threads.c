/*
 * test_threads.c: one memory store that several threads read, write and build at once.
 */
#include "unit.h"

#include <pthread.h>

#include "graph/vx_build.h"
#include "unit_graph.h"

#define THREADS 4
#define BATCH 16

/* What participants of a build share. */
typedef struct Party
{
	UnitGraph  *graph;
	uint32_t	next[3];		/* to encode, to link, to prune */
	uint64_t	lost_links;
	pthread_barrier_t barrier;
} Party;

static bool
take_batch(Party *party, int phase, VxNodeId *first, VxNodeId *end)
{
	uint32_t	n = party->graph->store.count;

	*first = __atomic_fetch_add(&party->next[phase], BATCH, __ATOMIC_RELAXED);
	*end = VX_MIN(*first + BATCH, n);
	return *first < n;
}

/* Another participant's view of a sealed store: shares the arrays, has a codec (NULL: none), query, counters and scratch memory of its own. */
static void
make_view(VxMemStore *view, const VxMemStore *store, VxCodec *codec)
{
	*view = *store;
	memset(&view->base.stats, 0, sizeof(view->base.stats));
	memset(&view->computer, 0, sizeof(view->computer));
	view->codec = codec;
	vx_memstore_compare(view, store->computer.comparison);
}

/* What one thread does; the first chooses the entries, and attaches in the end. */
static void
participate(Party *party, bool is_first)
{
	UnitGraph  *graph = party->graph;
	bool		coded = graph->store.codec != NULL;
	VxMemStore	view;
	VxMemStore *store = is_first ? &graph->store : &view;
	VxBuild		build;
	VxCodec		codec;
	VxNodeId	first,
				end;

	if (!is_first)
	{
		if (coded)
			unit_graph_codec(&codec, graph);
		make_view(&view, &graph->store, coded ? &codec : NULL);
	}
	while (coded && take_batch(party, 0, &first, &end))
		vx_memstore_encode(store, first, end);
	pthread_barrier_wait(&party->barrier);
	if (is_first)
		vx_build_begin(&build, store, 60, 1);
	pthread_barrier_wait(&party->barrier);
	if (!is_first)
	{
		memcpy(view.entry_ids, graph->store.entry_ids, sizeof(view.entry_ids));
		view.entry_count = graph->store.entry_count;
		vx_build_join(&build, &view, 60);
	}
	while (take_batch(party, 1, &first, &end))
		vx_build_link(&build, first, end);
	pthread_barrier_wait(&party->barrier);
	while (take_batch(party, 2, &first, &end))
		vx_build_prune(&build, first, end);
	pthread_barrier_wait(&party->barrier);
	__atomic_fetch_add(&party->lost_links, store->base.stats.lost_links, __ATOMIC_RELAXED);
	if (is_first)
	{
		assert_int_equal(vx_build_attach(&build), 0);
		return;
	}
	vx_build_leave(&build);
	vx_computer_free(&view.computer);
	if (coded)
		unit_graph_free_codec(&codec);
}

static void *
participate_thread(void *party)
{
	participate(party, false);
	return NULL;
}

static void
build_by_threads(UnitGraph *graph)
{
	Party		party = {.graph = graph};
	pthread_t	threads[THREADS - 1];

	pthread_barrier_init(&party.barrier, NULL, THREADS);
	for (int i = 0; i < THREADS - 1; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, participate_thread, &party), 0);
	participate(&party, true);
	for (int i = 0; i < THREADS - 1; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&party.barrier);
	assert_int_equal(party.lost_links, 0);
}

/* A graph of 5000 points made by one thread or by several, from their codes or from themselves. */
static double
threads_recall(VxMetric metric, bool coded, bool alone)
{
	UnitGraph	graph = {0};
	VxCodec		codec;
	double		found;

	unit_graph_points(&graph, metric, 5000, 12, 24, 51);
	vx_memstore_seal(&graph.store);
	if (coded)
	{
		unit_graph_codec(&codec, &graph);
		vx_memstore_set_codec(&graph.store, &codec, VX_BY_CODES);
	}
	if (!alone)
		build_by_threads(&graph);
	else
	{
		if (coded)
			vx_memstore_encode(&graph.store, 0, graph.store.count);
		unit_graph_build(&graph.store, 60);
	}
	vx_memstore_compare(&graph.store, VX_BY_POINTS);
	unit_graph_check(&graph.store);
	found = unit_graph_recall(&graph, 10, 60, 5);
	vx_memstore_free(&graph.store);
	if (coded)
		unit_graph_free_codec(&codec);
	return found;
}

/* Threads that link at once make as sound and as good a graph as one does. */
static void
test_threads(void **state)
{
	static const struct
	{
		VxMetric	metric;
		bool		coded;
	}			cases[] = {{VX_METRIC_L2, false}, {VX_METRIC_L2, true}, {VX_METRIC_IP, false}, {VX_METRIC_IP, true},
	{VX_METRIC_COSINE, false}, {VX_METRIC_COSINE, true}, {VX_METRIC_L1, false}};

	(void) state;
	for (int i = 0; i < 7; i++)
	{
		double		alone = threads_recall(cases[i].metric, cases[i].coded, true);
		double		together = threads_recall(cases[i].metric, cases[i].coded, false);

		print_message("# metric %d%s: recall@10 of one thread %.3f, of %d %.3f\n", cases[i].metric,
					  cases[i].coded ? " from codes" : "", alone, THREADS, together);
		assert_true(together > alone - 0.02);
	}
}

/*
 * Readers never see edges that nobody wrote: every list that is written has the same number in all places, its count too, and
 * writers fight over few nodes.
 */
#define WRITES 20000
#define FOUGHT_OVER 4

static void *
rewrite_edges(void *context)
{
	VxMemStore *store = context;
	VxEdges		edges;
	VxRng		rng = {(uint64_t) pthread_self()};
	uint64_t	torn = 0;

	for (int i = 0; i < WRITES; i++)
	{
		VxNodeId	id = vx_rng_below(&rng, FOUGHT_OVER);

		store->base.ops->read_edges(&store->base, id, NULL, &edges);
		for (uint32_t k = 0; k < edges.count; k++)
			torn += edges.ids[k] != edges.count;
		edges.count = 1 + vx_rng_below(&rng, store->base.edge_capacity);
		for (uint32_t k = 0; k < edges.count; k++)
			edges.ids[k] = edges.count;
		store->base.ops->replace_edges(&store->base, id, edges.version, edges.ids, edges.count);
	}
	return (void *) (uintptr_t) torn;
}

static void
test_torn_reads(void **state)
{
	UnitGraph	graph = {0};
	pthread_t	threads[THREADS];

	(void) state;
	unit_graph_points(&graph, VX_METRIC_L2, 500, 4, 64, 61);
	vx_memstore_seal(&graph.store);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, rewrite_edges, &graph.store), 0);
	for (int i = 0; i < THREADS; i++)
	{
		void	   *torn;

		pthread_join(threads[i], &torn);
		assert_null(torn);
	}
	vx_memstore_free(&graph.store);
}

/* No edge that was added is lost, whoever else adds to the same node. */
static void *
add_edges(void *context)
{
	VxMemStore *store = context;
	static uint32_t next;
	VxNodeId	target;

	while ((target = __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED)) <= store->base.edge_capacity)
		for (VxNodeId id = 0; id < store->count; id++)
			if (store->base.ops->add_edge(&store->base, id, target) != VX_OK)
				return context;
	return NULL;
}

static void
test_added_edges(void **state)
{
	UnitGraph	graph = {0};
	pthread_t	threads[THREADS];

	(void) state;
	unit_graph_points(&graph, VX_METRIC_L2, 2000, 4, 64, 71);
	vx_memstore_seal(&graph.store);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_edges, &graph.store), 0);
	for (int i = 0; i < THREADS; i++)
	{
		void	   *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	for (VxNodeId id = 0; id < graph.store.count; id++)
	{
		VxEdges		edges;
		uint64_t	sum = 0;

		graph.store.base.ops->read_edges(&graph.store.base, id, NULL, &edges);
		assert_int_equal(edges.count, graph.store.base.edge_capacity);
		assert_int_equal(edges.version, edges.count);
		for (uint32_t i = 0; i < edges.count; i++)
			sum += edges.ids[i];
		assert_int_equal(sum, (uint64_t) edges.count * (edges.count + 1) / 2);
	}
	vx_memstore_free(&graph.store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_torn_reads),
		cmocka_unit_test(test_added_edges),
		cmocka_unit_test(test_threads),
	};

	vx_kernels_select();
	vx_code_kernels_select();
	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
