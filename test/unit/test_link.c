/*
 * test_link.c: what is done to the edges of a graph: pruning, repair, conflicts of writers, and what nothing leads to any more.
 */
#include "unit.h"

#include "graph/vx_build.h"
#include "graph/vx_repair.h"
#include "unit_graph.h"

/* Pruning keeps the nearest candidate, never more than asked for, and drops those behind a chosen one. */
static void
test_prune(void **state)
{
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = 1};
	VxMemStore	store;
	VxPruner	pruner;
	VxPruneCandidate candidates[4];
	VxNodeId	out[4];
	static const float places[] = {0, 1, 2, 3, -1.5f};

	(void) state;
	vx_memstore_init(&store, &unit_mem, &space, 4, 1.2f);
	for (int i = 0; i < 5; i++)
		unit_graph_add(&store, &places[i]);
	for (VxNodeId id = 1; id < 5; id++)
		candidates[id - 1] = (VxPruneCandidate)
		{
			.score = places[id] * places[id],.id = id,.point = vx_memstore_point(&store, id)
		};
	vx_prune_sort(candidates, 4, 0);
	vx_pruner_init(&pruner, &unit_mem);
	/* from 0: 1 and -1.5 stay, 2 and 3 lie behind 1 */
	assert_int_equal(vx_prune(&pruner, &store.base, candidates, 4, 4, out), 2);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[1], 4);
	assert_int_equal(vx_prune(&pruner, &store.base, candidates, 4, 1, out), 1);
	assert_int_equal(vx_prune(&pruner, &store.base, candidates, 0, 4, out), 0);

	/* what is known of 1 and 2 is not asked again, and believed */
	candidates[0].settled = candidates[2].settled = true;
	assert_int_equal(candidates[2].id, 2);
	store.base.stats.compared = 0;
	assert_int_equal(vx_prune(&pruner, &store.base, candidates, 4, 4, out), 3);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[1], 4);
	assert_int_equal(out[2], 2);
	/* 1 with 4 and 3, 4 with 2; 3 is gone by then */
	assert_int_equal(store.base.stats.compared, 3);
	vx_pruner_free(&pruner);
	vx_memstore_free(&store);
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
	UnitGraph	graph = {0};
	VxRepairer	repairer;
	VxRng		rng = {77};
	double		before,
				after;

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, 3000, 12, 24, 31);
	before = unit_graph_recall(&graph, 10, 60, 6);
	for (VxNodeId id = 0; id < 3000; id++)
		graph.store.deleted[id] = vx_rng_below(&rng, 5) == 0;
	for (uint32_t i = 0; i < graph.store.entry_count; i++)
		graph.store.deleted[graph.store.entry_ids[i]] = 0;

	vx_repairer_init(&repairer, &unit_mem, &graph.store.base, is_deleted, &graph.store, 600, SIZE_MAX);
	for (VxNodeId id = 0; id < 3000; id++)
	{
		uint32_t	remaining;
		VxStatus	status = vx_repair(&repairer, id, &remaining);

		assert_int_equal(status, graph.store.deleted[id] ? VX_GONE : VX_OK);
	}
	for (VxNodeId id = 0; id < 3000; id++)
	{
		VxEdges		edges;

		graph.store.base.ops->read_edges(&graph.store.base, id, NULL, &edges);
		for (uint32_t i = 0; i < edges.count && edges.live; i++)
		{
			assert_false(graph.store.deleted[edges.ids[i]]);
			assert_true(edges.ids[i] != id);
		}
	}
	after = unit_graph_recall(&graph, 10, 60, 6);
	print_message("# recall@10 before %.3f, after deleting a fifth %.3f\n", before, after);
	assert_true(after >= before - 0.01);
	vx_repairer_free(&repairer);
	vx_memstore_free(&graph.store);
}

/* What a pruning has left is not compared with each other when the list is pruned again, but late additions are, with all. */
static void
test_prune_again(void **state)
{
	UnitGraph	graph = {0};
	VxStore    *store = &graph.store.base;
	VxLinker	linker;
	VxEdges		edges;
	uint64_t	compared;
	VxNodeId	id = 0;
	VxNodeId	late;

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, 1000, 8, 12, 54);
	vx_linker_init(&linker, &unit_mem);
	do
		store->ops->read_edges(store, id++, NULL, &edges);
	while (edges.count < 8);
	id--;
	vx_link_trim(&linker, store, id, 6);
	store->ops->read_edges(store, id, NULL, &edges);
	assert_in_range(edges.count, 2, 6);

	/* the scores of all, and no pair */
	compared = store->stats.compared;
	vx_link_trim(&linker, store, id, edges.count - 1);
	assert_int_equal(store->stats.compared - compared, edges.count);

	/* its nearest neighbour last, as a late addition: it is compared with all, and put where it belongs */
	store->ops->read_edges(store, id, NULL, &edges);
	late = edges.ids[0];
	memmove(edges.ids, edges.ids + 1, (edges.count - 1) * sizeof(VxNodeId));
	edges.ids[edges.count - 1] = late;
	store->ops->replace_edges(store, id, edges.version, edges.ids, edges.count);
	compared = store->stats.compared;
	vx_link_trim(&linker, store, id, edges.count - 1);
	assert_int_equal(store->stats.compared - compared, edges.count + edges.count - 1);
	store->ops->read_edges(store, id, NULL, &edges);
	assert_int_equal(edges.ids[0], late);
	vx_linker_free(&linker);
	vx_memstore_free(&graph.store);
}

static VxLikeness
is_unlike(void *context, VxNodeId id)
{
	(void) context;
	(void) id;
	return VX_UNLIKE;
}

static float
score_of_none(void *context)
{
	(void) context;
	return -1;
}

/* A search that seeks what is not there expands a part of its list, and all of the list are candidates. */
static void
test_seek_breadth(void **state)
{
	UnitGraph	graph = {0};
	VxStore    *store = &graph.store.base;
	VxLinker	linker;
	VxSought	sought = {.ask = is_unlike};
	VxQuery		query = {.linking = true};

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, 2000, 8, 12, 55);
	vx_linker_init(&linker, &unit_mem);
	query.point = vx_memstore_point(&graph.store, 77);
	store->stats.expanded = 0;
	assert_false(vx_link_seek(&linker, store, &query, 80, &sought, score_of_none));
	/* some on the way to it, too */
	assert_in_range(store->stats.expanded, 64, 74);
	vx_link_choose_found(&linker, store, &query, 80, 77);
	assert_int_equal(linker.usable, 79);
	vx_linker_free(&linker);
	vx_memstore_free(&graph.store);
}

/* A new node gets edges to live nodes only, also where half of those around it are deleted and not yet repaired. */
static void
test_choose_live(void **state)
{
	UnitGraph	graph = {0};
	VxLinker	linker;
	VxSought	sought = {.ask = is_unlike};

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, 1000, 8, 12, 53);
	for (VxNodeId id = 0; id < 1000; id += 2)
		graph.store.deleted[id] = 1;
	vx_linker_init(&linker, &unit_mem);
	for (VxNodeId id = 0; id < 1000; id += 50)
	{
		VxQuery		query = {.point = vx_memstore_point(&graph.store, id),.linking = true};

		vx_link_choose(&linker, &graph.store.base, &query, 40, VX_NO_NODE);
		assert_true(linker.edges.count > 0);
		for (uint32_t i = 0; i < linker.edges.count; i++)
			assert_false(graph.store.deleted[linker.edges.ids[i]]);
		/* nor to one at the far end of a list, which was scored only */
		assert_false(vx_link_seek(&linker, &graph.store.base, &query, 40, &sought, score_of_none));
		vx_link_choose_found(&linker, &graph.store.base, &query, 40, VX_NO_NODE);
		assert_true(linker.edges.count > 0);
		for (uint32_t i = 0; i < linker.edges.count; i++)
			assert_false(graph.store.deleted[linker.edges.ids[i]]);
	}
	vx_linker_free(&linker);
	vx_memstore_free(&graph.store);
}

/* A node whose only neighbour has a full list of better edges, one of which stands before the node, is led to all the same. */
static void
test_back_link_forced(void **state)
{
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = 1};
	VxMemStore	store;
	VxLinker	linker;
	VxEdges		edges;
	bool		led = false;
	static const float places[] = {0, 9, -1, -2, -3, -4, -5, 10};

	(void) state;
	vx_memstore_init(&store, &unit_mem, &space, 4, 1.2f);
	for (uint32_t i = 0; i < 8; i++)
		unit_graph_add(&store, &places[i]);
	vx_memstore_seal(&store);
	for (VxNodeId id = 1; store.base.ops->add_edge(&store.base, 0, id) != VX_FULL; id++)
		assert_true(id < 7);
	vx_linker_init(&linker, &unit_mem);
	linker.edges.count = 1;
	linker.edges.ids[0] = 0;
	vx_link_back(&linker, &store.base, 7);
	store.base.ops->read_edges(&store.base, 0, NULL, &edges);
	for (uint32_t i = 0; i < edges.count; i++)
		led |= edges.ids[i] == 7;
	assert_true(led);
	vx_linker_free(&linker);
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
	UnitGraph	graph = {0};
	VxLinker	linker;
	VxStoreOps	ops;
	VxStore    *base = &graph.store.base;
	VxEdges		before,
				after;
	VxNodeId	to = 499;

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, 500, 4, 8, 41);
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
	VxLinker	linker;
	uint32_t	lost = 0;
	uint32_t	found = 0;
	uint32_t	islanders = 0;

	(void) state;
	unit_graph_clusters(&store, N, CENTRES, 4);
	unit_graph_build(&store, 60);

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
	unit_graph_check(&store);
	vx_memstore_free(&store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prune),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_prune_again),
		cmocka_unit_test(test_seek_breadth),
		cmocka_unit_test(test_choose_live),
		cmocka_unit_test(test_back_link_forced),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_attach),
	};

	vx_kernels_select();
	vx_code_kernels_select();
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
