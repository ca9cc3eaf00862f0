/*
 * test_graph.c: search, linking, repair and build over the memory store.
 */
#include "unit.h"

#include <math.h>
#include <pthread.h>

#include "graph/vx_build.h"
#include "graph/vx_check.h"
#include "quant/vx_robust.h"

typedef struct Graph
{
	VxMemStore	store;
	VxBuild		build;
	uint32_t	dim;
} Graph;

/* n points, clustered so that it is not all the same everywhere. */
static void
make_points(Graph *graph, VxMetric metric, uint32_t n, uint32_t dim, uint32_t degree, uint64_t seed)
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
		vx_memstore_add(&graph->store, x);
		graph->store.space.max_norm2 = VX_MAX(graph->store.space.max_norm2, vx_memstore_point(&graph->store, i)->norm2);
	}
	free(x);
}

/* Builds a graph over such points. */
static void
make_graph(Graph *graph, VxMetric metric, uint32_t n, uint32_t dim, uint32_t degree, uint64_t seed)
{
	make_points(graph, metric, n, dim, degree, seed);
	vx_build_begin(&graph->build, &graph->store, 60, 1);
	while (vx_build_step(&graph->build))
		;
	assert_int_equal(vx_build_finish(&graph->build), 0);
}

static void
check_invariants(VxMemStore *store)
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

/* Share of the true k nearest (live) points of random queries that a search of list size l finds. */
static double
recall(Graph *graph, uint32_t k, uint32_t l, uint64_t seed)
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

static void
test_build(void **state)
{
	(void) state;
	for (int metric = VX_METRIC_L2; metric <= VX_METRIC_L1; metric++)
	{
		Graph		graph = {0};
		double		found;

		make_graph(&graph, (VxMetric) metric, 3000, 12, 24, 11);
		check_invariants(&graph.store);
		found = recall(&graph, 10, 60, 5);
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
		Graph		graph = {0};

		make_graph(&graph, VX_METRIC_L2, n, 1, 4, 3);
		check_invariants(&graph.store);
		vx_memstore_free(&graph.store);
	}
}

/* Equal seeds and rows give equal graphs. */
static void
test_deterministic(void **state)
{
	Graph		a = {0}, b = {0};

	(void) state;
	make_graph(&a, VX_METRIC_L2, 500, 8, 16, 9);
	make_graph(&b, VX_METRIC_L2, 500, 8, 16, 9);
	for (VxNodeId id = 0; id < 500; id++)
	{
		VxEdges		x, y;

		a.store.base.ops->read_edges(&a.store.base, id, NULL, &x);
		b.store.base.ops->read_edges(&b.store.base, id, NULL, &y);
		assert_int_equal(x.count, y.count);
		assert_memory_equal(x.ids, y.ids, x.count * sizeof(VxNodeId));
	}
	vx_memstore_free(&a.store);
	vx_memstore_free(&b.store);
}

#define THREADS 4
#define BATCH 16

/* What participants of a build share. */
typedef struct Party
{
	Graph	   *graph;
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

static void
make_codec(VxCodec *codec, const Graph *graph)
{
	float	   *mean = malloc(graph->dim * sizeof(float));
	VxSample	sample;

	vx_codec_init(codec, &unit_mem, VX_CODES_SCALAR4, graph->store.space.metric, graph->dim, 0);
	vx_codec_set_max_norm2(codec, graph->store.space.max_norm2);
	vx_sample_init(&sample, &unit_mem, graph->dim, graph->store.count, 1);
	for (VxNodeId id = 0; id < graph->store.count; id++)
	{
		const VxPoint *point = vx_memstore_point(&graph->store, id);

		vx_space_coded(codec->metric, point->x, graph->dim, point->norm2, vx_sample_add(&sample));
	}
	vx_robust_mean(&unit_mem, &sample, mean);
	vx_codec_set_means(codec, &unit_mem, mean, NULL);
	vx_sample_free(&sample, &unit_mem);
	free(mean);
}

/* Codecs give nothing back by themselves. */
static void
free_codec(VxCodec *codec)
{
	free(codec->rotation.signs);
	free(codec->scratch);
	free(codec->means);
}

/* What one thread does; the first chooses the entries, and attaches in the end. */
static void
participate(Party *party, bool is_first)
{
	Graph	   *graph = party->graph;
	bool		coded = graph->store.codec != NULL;
	VxMemStore	view;
	VxMemStore *store = is_first ? &graph->store : &view;
	VxBuild		build;
	VxCodec		codec;
	VxNodeId	first, end;

	if (!is_first)
	{
		if (coded)
			make_codec(&codec, graph);
		vx_memstore_view(&view, &graph->store, &unit_mem, coded ? &codec : NULL);
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
	vx_memstore_free_view(&view);
	if (coded)
		free_codec(&codec);
}

static void *
participate_thread(void *party)
{
	participate(party, false);
	return NULL;
}

static void
build_by_threads(Graph *graph)
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
	Graph		graph = {0};
	VxCodec		codec;
	double		found;

	make_points(&graph, metric, 5000, 12, 24, 51);
	vx_memstore_seal(&graph.store);
	if (coded)
	{
		make_codec(&codec, &graph);
		vx_memstore_set_codec(&graph.store, &codec, true);
	}
	if (!alone)
		build_by_threads(&graph);
	else
	{
		if (coded)
			vx_memstore_encode(&graph.store, 0, graph.store.count);
		vx_build_begin(&graph.build, &graph.store, 60, 1);
		while (vx_build_step(&graph.build))
			;
		assert_int_equal(vx_build_finish(&graph.build), 0);
	}
	graph.store.score_codes = false;
	check_invariants(&graph.store);
	found = recall(&graph, 10, 60, 5);
	vx_memstore_free(&graph.store);
	if (coded)
		free_codec(&codec);
	return found;
}

/* A graph linked by codes alone is nearly as good as one linked by the points. */
static void
test_only_codes(void **state)
{
	(void) state;
	for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
	{
		Graph		points = {0};
		Graph		codes = {.dim = 24};
		VxCodec		codec;
		double		by_points;
		double		by_codes;

		make_graph(&points, (VxMetric) metric, 4000, 24, 24, 61);
		by_points = recall(&points, 10, 80, 5);

		make_codec(&codec, &points);
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
		vx_build_begin(&codes.build, &codes.store, 60, 1);
		while (vx_build_step(&codes.build))
			;
		assert_int_equal(vx_build_finish(&codes.build), 0);
		check_invariants(&codes.store);

		/* searched by the points */
		memcpy(points.store.degrees, codes.store.degrees, points.store.count * sizeof(uint16_t));
		memcpy(points.store.edges, codes.store.edges,
			   (size_t) points.store.count * points.store.base.edge_capacity * sizeof(VxNodeId));
		memcpy(points.store.entry_ids, codes.store.entry_ids, sizeof(points.store.entry_ids));
		points.store.entry_count = codes.store.entry_count;
		by_codes = recall(&points, 10, 80, 5);
		print_message("metric %d: recall %.3f by points, %.3f by codes\n", metric, by_points, by_codes);
		assert_true(by_points >= 0.9);
		assert_true(by_codes >= by_points - 0.02);
		vx_memstore_free(&codes.store);
		vx_memstore_free(&points.store);
		free_codec(&codec);
	}
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
	Graph		graph = {0};
	pthread_t	threads[THREADS];

	(void) state;
	make_points(&graph, VX_METRIC_L2, 500, 4, 64, 61);
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
	Graph		graph = {0};
	pthread_t	threads[THREADS];

	(void) state;
	make_points(&graph, VX_METRIC_L2, 2000, 4, 64, 71);
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

/* A resumed search hands out every node once, however small its list is; order is exact within the list. */
static void
test_streaming(void **state)
{
	static const uint32_t list_sizes[] = {1, 2, 3, 10, 64, 2000};
	Graph		graph = {0};

	(void) state;
	make_graph(&graph, VX_METRIC_L2, 1000, 6, 16, 21);
	for (int i = 0; i < 6; i++)
	{
		VxSearch	search;
		VxVisited	seen;
		VxQuery		query = {.point = vx_memstore_point(&graph.store, 17)};
		const VxFound *c;
		uint32_t	count = 0;

		vx_search_init(&search, &unit_mem);
		vx_visited_init(&seen, &unit_mem);
		/* twice: the second use starts from cleared, not from fresh, memory */
		for (int use = 0; use < 2; use++)
		{
			vx_visited_clear(&seen);
			count = 0;
			vx_search_begin(&search, &graph.store.base, &query, list_sizes[i], SIZE_MAX);
			while ((c = vx_search_next(&search, count + 1, VX_SEARCH_GROW)) != NULL)
			{
				assert_true(vx_visited_add(&seen, c->id));
				count++;
			}
			assert_int_equal(count, 1000);
			assert_false(search.forgot);
		}
		/* without going on */
		vx_search_begin(&search, &graph.store.base, &query, list_sizes[i], SIZE_MAX);
		for (count = 0; vx_search_next(&search, count + 1, VX_SEARCH_STAY) != NULL; count++)
			;
		assert_int_equal(count, VX_MIN(list_sizes[i], 1000));
		vx_search_free(&search);
		vx_visited_free(&seen);
	}
	vx_memstore_free(&graph.store);
}

static bool
is_deleted(void *context, VxNodeId id)
{
	return ((VxMemStore *) context)->deleted[id];
}

/* After deleting and repairing, no live node points to a dead one, and the live ones are found as before. */
static void
test_repair(void **state)
{
	Graph		graph = {0};
	VxLinker	linker;
	VxRng		rng = {77};
	double		before, after;

	(void) state;
	make_graph(&graph, VX_METRIC_L2, 3000, 12, 24, 31);
	before = recall(&graph, 10, 60, 6);
	for (VxNodeId id = 0; id < 3000; id++)
		graph.store.deleted[id] = vx_rng_below(&rng, 5) == 0;
	for (uint32_t i = 0; i < graph.store.entry_count; i++)
		graph.store.deleted[graph.store.entry_ids[i]] = 0;

	vx_linker_init(&linker, &unit_mem);
	for (VxNodeId id = 0; id < 3000; id++)
	{
		uint32_t	remaining;
		VxStatus	status = vx_link_repair(&linker, &graph.store.base, id, is_deleted, &graph.store, &remaining);

		assert_int_equal(status, graph.store.deleted[id] ? VX_GONE : VX_OK);
	}
	for (VxNodeId id = 0; id < 3000; id++)
	{
		VxEdges		edges;

		graph.store.base.ops->read_edges(&graph.store.base, id, NULL, &edges);
		for (uint32_t i = 0; i < edges.count && edges.live; i++)
			assert_false(graph.store.deleted[edges.ids[i]]);
	}
	after = recall(&graph, 10, 60, 6);
	print_message("# recall@10 before %.3f, after deleting a fifth %.3f\n", before, after);
	assert_true(after >= before - 0.01);
	vx_linker_free(&linker);
	vx_memstore_free(&graph.store);
}

/* Pruning keeps the nearest candidate, never more than asked for, and drops those behind a chosen one. */
static void
test_prune(void **state)
{
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = 1};
	VxMemStore	store;
	VxPruner	pruner;
	VxPruneCandidate candidates[4];
	VxNodeId	out[4];
	static const float places[] = {0, 1, 2, 3, -1};

	(void) state;
	vx_memstore_init(&store, &unit_mem, &space, 4, 1.2f);
	for (int i = 0; i < 5; i++)
		vx_memstore_add(&store, &places[i]);
	for (VxNodeId id = 1; id < 5; id++)
		candidates[id - 1] = (VxPruneCandidate)
		{
			.score = places[id] * places[id],.id = id,.point = vx_memstore_point(&store, id)
		};
	vx_prune_sort(candidates, 4);
	vx_pruner_init(&pruner, &unit_mem);
	/* from 0: 1 and -1 stay, 2 and 3 lie behind 1 */
	assert_int_equal(vx_prune(&pruner, &store.base, candidates, 4, 4, out), 2);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[1], 4);
	assert_int_equal(vx_prune(&pruner, &store.base, candidates, 4, 1, out), 1);
	assert_int_equal(vx_prune(&pruner, &store.base, candidates, 0, 4, out), 0);
	vx_pruner_free(&pruner);
	vx_memstore_free(&store);
}

/* A store whose replace_edges answers CONFLICT so many times before it does what it should. */
static const VxStoreOps *real_ops;
static int	conflicts_left;

static VxStatus
conflicting_replace(VxStore *store, VxNodeId id, uint32_t seen, const VxNodeId *ids, uint32_t n)
{
	if (conflicts_left > 0)
	{
		conflicts_left--;
		return VX_CONFLICT;
	}
	return real_ops->replace_edges(store, id, seen, ids, n);
}

/* A link to a full node is repeated when somebody else was faster, and given up, leaving all as it was, in the end. */
static void
test_conflicts(void **state)
{
	Graph		graph = {0};
	VxLinker	linker;
	VxStoreOps	ops;
	VxStore    *base = &graph.store.base;
	VxEdges		before, after;
	VxNodeId	to = 499;

	(void) state;
	make_graph(&graph, VX_METRIC_L2, 500, 4, 8, 41);
	real_ops = base->ops;
	ops = *real_ops;
	ops.replace_edges = conflicting_replace;
	base->ops = &ops;
	for (VxNodeId filler = 100; base->ops->add_edge(base, 3, filler) != VX_FULL; filler++)
		;
	base->ops->read_edges(base, 3, NULL, &before);
	assert_int_equal(before.count, base->edge_capacity);
	vx_linker_init(&linker, &unit_mem);

	conflicts_left = 1000;
	vx_link_edge(&linker, base, 3, to);
	base->ops->read_edges(base, 3, NULL, &after);
	assert_int_equal(base->stats.lost_links, 1);
	assert_int_equal(after.count, before.count);
	assert_memory_equal(after.ids, before.ids, before.count * sizeof(VxNodeId));

	base->stats.conflicts = 0;
	conflicts_left = 2;
	vx_link_edge(&linker, base, 3, to);
	base->ops->read_edges(base, 3, NULL, &after);
	assert_int_equal(base->stats.lost_links, 1);
	assert_int_equal(base->stats.conflicts, 2);
	assert_true(after.count <= base->overflow_degree);
	assert_int_equal(after.version, before.version + 1);

	vx_linker_free(&linker);
	vx_memstore_free(&graph.store);
}

/* n points of 16 dimensions around so many centres, far apart where spread is small. */
static void
make_clusters(VxMemStore *store, uint32_t n, uint32_t centres, double spread)
{
	VxRng		rng = {99};

	vx_memstore_init(store, &unit_mem, &(VxSpace) {.metric = VX_METRIC_L2,.dim = 16}, 16, 1.2f);
	for (uint32_t i = 0; i < n; i++)
	{
		VxRng		centre = {1000 + i % centres};
		float		x[16];

		for (uint32_t k = 0; k < 16; k++)
			x[k] = (float) (vx_rng_unit(&centre) * 10 + vx_rng_unit(&rng) * spread);
		vx_memstore_add(store, x);
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

		make_clusters(&store, 4000, 40, clustered ? 1 : 40);
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

/* Whether the nearest of a node is itself, by a search. */
static bool
finds(VxMemStore *store, VxNodeId id)
{
	VxSearch	search;
	VxQuery		query = {.point = vx_memstore_point(store, id)};
	const VxFound *found;
	bool		same;

	vx_search_init(&search, &unit_mem);
	vx_search_begin(&search, &store->base, &query, 40, SIZE_MAX);
	found = vx_search_next(&search, 1, VX_SEARCH_STAY);
	same = found != NULL && found->id == id;
	vx_search_free(&search);
	return same;
}

static bool
island_query(void *context, VxNodeId id, VxQuery *query)
{
	VxMemStore *store = context;

	query->point = vx_memstore_query(store, id);
	return !store->deleted[id];
}

/* Clusters that nothing leads to any more are found again after vx_link_attach; deleted nodes stay where they are. */
static void
test_attach(void **state)
{
	enum
	{
		N = 3000,
		CENTRES = 30
	};
	VxMemStore	store;
	VxBuild		build;
	VxLinker	linker;
	uint32_t	lost = 0;
	uint32_t	found = 0;
	uint32_t	islanders = 0;

	(void) state;
	make_clusters(&store, N, CENTRES, 4);
	vx_build_begin(&build, &store, 60, 1);
	while (vx_build_step(&build))
		;
	assert_int_equal(vx_build_finish(&build), 0);

	/* clusters 3 and 4 become islands: no entry, and no edge from elsewhere */
	for (uint32_t i = 0; i < store.entry_count;)
		if (store.entry_ids[i] % CENTRES == 3 || store.entry_ids[i] % CENTRES == 4)
			store.entry_ids[i] = store.entry_ids[--store.entry_count];
		else
			i++;
	for (VxNodeId id = 0; id < N; id++)
	{
		VxEdges		edges;
		uint32_t	n = 0;

		store.base.ops->read_edges(&store.base, id, NULL, &edges);
		for (uint32_t i = 0; i < edges.count; i++)
			if (edges.ids[i] % CENTRES == id % CENTRES || (edges.ids[i] % CENTRES != 3 && edges.ids[i] % CENTRES != 4))
				edges.ids[n++] = edges.ids[i];
		store.base.ops->replace_edges(&store.base, id, edges.version, edges.ids, n);
	}
	store.deleted[33] = true;
	for (VxNodeId id = 0; id < N; id++)
		lost += (id % CENTRES == 3 || id % CENTRES == 4) && !finds(&store, id);
	assert_int_equal(lost, 2 * N / CENTRES);

	vx_linker_init(&linker, &unit_mem);
	assert_int_equal(vx_link_attach(&linker, &store.base, N, 60, island_query, &store), 0);
	vx_linker_free(&linker);
	for (VxNodeId id = 0; id < N; id++)
		if ((id % CENTRES == 3 || id % CENTRES == 4) && id != 33)
		{
			islanders++;
			found += finds(&store, id);
		}
	assert_true(found >= islanders * 19 / 20);
	check_invariants(&store);
	vx_memstore_free(&store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prune),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_torn_reads),
		cmocka_unit_test(test_added_edges),
		cmocka_unit_test(test_only_codes),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_streaming),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_attach),
	};

	vx_kernels_select();
	vx_code_kernels_select();
	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
