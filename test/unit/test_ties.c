/*
 * test_ties.c: graphs of points of which many are equally far from each other, or in one place for the metric: all of them can be
 * reached, and searches find some that are as near as the nearest.
 */
#include "unit.h"

#include "graph/vx_build.h"
#include "graph/vx_check.h"
#include "graph/vx_repair.h"
#include "unit_graph.h"

#define MOST_DIM 200

typedef struct Ties
{
	const char *name;
	VxMetric	metric;
	uint32_t	n;
	uint32_t	dim;
	uint32_t	degree;
	void		(*fill) (uint32_t i, uint32_t dim, float *x);
} Ties;

/* Axes, one after the other, longer each time. */
static void
fill_axes(uint32_t i, uint32_t dim, float *x)
{
	x[i % dim] = (float) (1 + i / dim);
}

/* Two directions of one dimension, mixed. */
static void
fill_line(uint32_t i, uint32_t dim, float *x)
{
	VxRng		rng = {i};

	x[dim - 1] = (float) (i + 1) * (vx_rng_below(&rng, 2) ? 1 : -1);
}

/* Multiples of 40 vectors: the cosine of two of them is not exactly 1. */
static void
fill_parallel(uint32_t i, uint32_t dim, float *x)
{
	VxRng		rng = {i % 40};

	for (uint32_t j = 0; j < dim; j++)
		x[j] = (float) vx_rng_unit(&rng) * (float) (1 + i / 40);
}

/* All points with coordinates 0 to 3. */
static void
fill_grid(uint32_t i, uint32_t dim, float *x)
{
	for (uint32_t j = 0; j < dim; j++)
		x[j] = (float) (i >> 2 * j & 3);
}

/* Random corners of a cube; all of them for few dimensions. */
static void
fill_corners(uint32_t i, uint32_t dim, float *x)
{
	VxRng		rng = {i};
	uint64_t	bits = dim > 10 ? vx_rng_next(&rng) : i;

	for (uint32_t j = 0; j < dim; j++)
		x[j] = (float) (bits >> j & 1);
}

static const Ties ties[] = {
	{"axes, cosine", VX_METRIC_COSINE, 2000, 100, 32, fill_axes},
	{"axes, inner product", VX_METRIC_IP, 1000, 100, 32, fill_axes},
	{"equal axes, inner product", VX_METRIC_IP, 200, 200, 24, fill_axes},
	{"equal axes, L2", VX_METRIC_L2, 200, 200, 24, fill_axes},
	{"equal axes, L1", VX_METRIC_L1, 200, 200, 24, fill_axes},
	{"line, cosine", VX_METRIC_COSINE, 1000, 1, 32, fill_line},
	{"parallel, cosine", VX_METRIC_COSINE, 2000, 24, 32, fill_parallel},
	{"grid, L2", VX_METRIC_L2, 256, 4, 32, fill_grid},
	{"grid, L1", VX_METRIC_L1, 256, 4, 32, fill_grid},
	{"corners, L2", VX_METRIC_L2, 1024, 10, 32, fill_corners},
	{"corners, L1", VX_METRIC_L1, 1024, 10, 32, fill_corners},
	{"corners of many dimensions, L2", VX_METRIC_L2, 2000, 24, 32, fill_corners},
};

#define KINDS (sizeof(ties) / sizeof(*ties))

static void
fill_store(VxMemStore *store, const Ties *kind)
{
	vx_memstore_init(store, &unit_mem, &(VxSpace) {.metric = kind->metric,.dim = kind->dim}, kind->degree, 1.2f);
	for (uint32_t i = 0; i < kind->n; i++)
	{
		float		x[MOST_DIM] = {0};

		kind->fill(i, kind->dim, x);
		unit_graph_add(store, x);
		store->space.max_norm2 = VX_MAX(store->space.max_norm2, vx_memstore_point(store, i)->norm2);
	}
}

/* How many live nodes from this id on cannot be reached. */
static uint32_t
unreachable_from(VxMemStore *store, VxNodeId first)
{
	VxVisited	reached;
	uint32_t	n = 0;

	vx_visited_init(&reached, &unit_mem);
	vx_check_reach(&store->base, &unit_mem, store->count, &reached);
	for (VxNodeId id = first; id < store->count; id++)
		n += !store->deleted[id] && !vx_visited_has(&reached, id);
	vx_visited_free(&reached);
	return n;
}

static uint32_t
unreachable(VxMemStore *store)
{
	return unreachable_from(store, 0);
}

/* The share of what searches find for the points themselves that is no farther than the tenth nearest. */
static double
found(VxMemStore *store)
{
	enum
	{
		QUERIES = 50,
		K = 10
	};
	VxSearch	search;
	double	   *distance = malloc(store->count * sizeof(double));
	uint32_t	hits = 0;

	vx_search_init(&search, &unit_mem);
	for (uint32_t q = 0; q < QUERIES; q++)
	{
		VxQuery		query = {.point = vx_memstore_point(store, store->count / QUERIES * q)};
		double		worst = INFINITY;
		const VxFound *next;

		for (VxNodeId id = 0; id < store->count; id++)
			distance[id] = store->deleted[id] ? (double) INFINITY
				: vx_space_operator(&store->space, query.point, vx_memstore_point(store, id));
		for (VxNodeId id = 0; id < store->count; id++)
		{
			uint32_t	nearer = 0;

			for (VxNodeId other = 0; other < store->count; other++)
				nearer += distance[other] <= distance[id];
			if (nearer >= K)
				worst = VX_MIN(worst, distance[id]);
		}
		vx_search_begin(&search, &store->base, &query, 64, SIZE_MAX);
		for (uint32_t i = 0; i < K && (next = vx_search_next(&search, i + 1, VX_SEARCH_STAY)) != NULL; i++)
			hits += next->distance <= worst + 1e-6;
	}
	vx_search_free(&search);
	free(distance);
	return (double) hits / (QUERIES * K);
}

static void
report(const Ties *kind, const char *how, VxMemStore *store, uint32_t most_lost)
{
	uint32_t	lost = unreachable(store);
	double		recall = found(store);

	print_message("# %s, %s: %u of %u unreachable, %.3f found\n", kind->name, how, lost, store->count, recall);
	assert_true(lost <= most_lost);
	assert_true(recall >= 0.98);
}

static void
test_built(void **state)
{
	(void) state;
	for (size_t i = 0; i < KINDS; i++)
	{
		VxMemStore	store;

		fill_store(&store, &ties[i]);
		unit_graph_build(&store, 80);
		unit_graph_check(&store);
		report(&ties[i], "built", &store, 0);
		vx_memstore_free(&store);
	}
}

static bool
is_deleted(void *context, VxNodeId id)
{
	return ((VxMemStore *) context)->deleted[id];
}

/* As pages are: lists without slack, and one entry, to begin with. */
static void
seal_as_pages(VxMemStore *store)
{
	store->base.edge_capacity = store->base.max_degree;
	store->base.overflow_degree = store->base.max_degree * 4 / 5;
	vx_memstore_seal(store);
	store->entry_count = 1;
	store->entry_ids[0] = 0;
}

/* Leads the live nodes of a store around the deleted ones. */
static void
repair_all(VxMemStore *store)
{
	VxRepairer	repairer;

	/* fewer places than there are dead nodes: some push each other out */
	vx_repairer_init(&repairer, &unit_mem, &store->base, is_deleted, store, store->count, 1000 * sizeof(VxHeirs));
	for (VxNodeId id = 0; id < store->count; id++)
	{
		uint32_t	remaining;

		vx_repair(&repairer, id, &remaining);
	}
	vx_repairer_free(&repairer);
}

/* As pages are: lists without slack, one entry, and nothing is mended in the end. Then a third is deleted, which may cut off a few. */
static void
test_inserted(void **state)
{
	(void) state;
	for (size_t i = 0; i < KINDS; i++)
	{
		VxMemStore	store;
		VxLinker	linker;

		fill_store(&store, &ties[i]);
		seal_as_pages(&store);
		vx_linker_init(&linker, &unit_mem);
		for (VxNodeId id = 1; id < store.count; id++)
		{
			VxQuery		query = {.point = vx_memstore_point(&store, id),.linking = true,.salt = id};

			vx_link_choose(&linker, &store.base, &query, 80, VX_NO_NODE);
			store.base.ops->replace_edges(&store.base, id, 0, linker.edges.ids, linker.edges.count);
			vx_link_back(&linker, &store.base, id);
		}
		report(&ties[i], "inserted", &store, 0);

		for (VxNodeId id = 1; id < store.count; id++)
			store.deleted[id] = id % 3 == 2;
		repair_all(&store);
		report(&ties[i], "a third deleted", &store, store.count / 50);
		vx_linker_free(&linker);
		vx_memstore_free(&store);
	}
}

/* Random points, of which the last ones are in the places of the first, forty in each. */
#define PLACES 20
#define SPREAD 400
#define IN_PLACE 40

static void
fill_places(uint32_t i, uint32_t dim, float *x)
{
	VxRng		rng = {i < SPREAD ? i : i % PLACES};

	for (uint32_t j = 0; j < dim; j++)
		x[j] = (float) vx_rng_unit(&rng);
}

typedef struct Seeking
{
	VxMemStore *store;
	VxNodeId	self;
	VxNodeId	wanted;			/* VX_NO_NODE: any in the same place will do */
	VxNodeId	beside;
	bool		found;
} Seeking;

static float
score_of_place(void *context)
{
	(void) context;
	return 0;
}

static VxLikeness
is_in_place(void *context, VxNodeId id)
{
	Seeking    *seeking = context;
	VxMemStore *store = seeking->store;

	if (!vx_space_same(&store->space, vx_memstore_point(store, id), vx_memstore_point(store, seeking->self)))
		return VX_UNLIKE;
	if (seeking->beside == VX_NO_NODE)
		seeking->beside = id;
	seeking->found |= id == seeking->wanted;
	return id == seeking->wanted ? VX_SOUGHT : VX_LIKE;
}

/* Nodes of one place, each led to from one other: all can be reached, and found by a search that goes no farther, also when most are deleted. */
static void
test_lines(void **state)
{
	static const Ties kind = {"lines", VX_METRIC_L2, SPREAD + PLACES * IN_PLACE, 16, 12, fill_places};
	VxMemStore	store;
	VxLinker	linker;
	VxRng		rng = {7};

	(void) state;
	fill_store(&store, &kind);
	seal_as_pages(&store);
	vx_linker_init(&linker, &unit_mem);
	for (VxNodeId id = 1; id < store.count; id++)
	{
		VxQuery		query = {.point = vx_memstore_point(&store, id),.linking = true,.salt = id};
		Seeking		seeking = {.store = &store,.self = id,.wanted = VX_NO_NODE,.beside = VX_NO_NODE};
		VxSought	sought = {.ask = is_in_place,.context = &seeking};
		bool		seen = vx_link_seek(&linker, &store.base, &query, 80, &sought, score_of_place);

		assert_int_equal(seen, id >= SPREAD);
		if (!seen)
			vx_link_choose_found(&linker, &store.base, &query, 80, VX_NO_NODE);
		else
			assert_true(vx_link_copy(&linker, &store.base, seeking.beside));
		store.base.ops->replace_edges(&store.base, id, 0, linker.edges.ids, linker.edges.count);
		if (!seen)
			vx_link_back(&linker, &store.base, id);
		else
			assert_true(vx_link_beside(&linker, &store.base, seeking.beside, id));
		/* others come, whose edges may drive out what they like, but not the one to the next in line */
		for (int i = 0; i < 2; i++)
		{
			VxNodeId	from = (VxNodeId) vx_rng_below(&rng, id);

			vx_link_edge(&linker, &store.base, from, (VxNodeId) ((from + 1 + vx_rng_below(&rng, id)) % (id + 1)));
		}
	}
	assert_int_equal(unreachable_from(&store, SPREAD), 0);
	for (VxNodeId id = SPREAD; id < store.count; id++)
	{
		VxQuery		query = {.point = vx_memstore_point(&store, id),.linking = true,.salt = ~id};
		Seeking		seeking = {.store = &store,.self = id,.wanted = id,.beside = VX_NO_NODE};
		VxSought	sought = {.ask = is_in_place,.context = &seeking};

		assert_true(vx_link_seek(&linker, &store.base, &query, 80, &sought, score_of_place));
		assert_true(seeking.found);
	}

	/* whole ends and middles of lines go */
	for (VxNodeId id = 1; id < store.count; id++)
		store.deleted[id] = id < SPREAD ? id % 5 == 1 : (id - SPREAD) / PLACES % 10 != 6;
	repair_all(&store);
	assert_int_equal(unreachable_from(&store, SPREAD), 0);
	vx_linker_free(&linker);
	vx_memstore_free(&store);
}

/* VACUUM, which has met a node that nobody led to yet, may link it before the insert does: no edge comes to be there twice, or to lead to itself. */
static void
test_beside_linked(void **state)
{
	static const Ties kind = {"lines", VX_METRIC_L2, SPREAD + PLACES * 2, 16, 12, fill_places};

	(void) state;
	for (int in_front = 0; in_front < 2; in_front++)
	{
		VxMemStore	store;
		VxLinker	linker;
		const VxNodeId beside = SPREAD;
		const VxNodeId id = SPREAD + PLACES;
		VxNodeId	edges[3] = {SPREAD + 1, id + 1, 3};

		fill_store(&store, &kind);
		vx_memstore_seal(&store);
		store.entry_count = 1;
		store.entry_ids[0] = 0;
		vx_linker_init(&linker, &unit_mem);
		for (VxNodeId i = 0; i < store.count; i++)
			if (i != id)
				store.base.ops->add_edge(&store.base, i, (i + 1) % store.count);
		store.base.ops->replace_edges(&store.base, beside, store.versions[beside] / 2, edges, 3);
		assert_true(vx_link_copy(&linker, &store.base, beside));
		store.base.ops->replace_edges(&store.base, id, 0, linker.edges.ids, linker.edges.count);
		edges[in_front ? 0 : 2] = id;
		store.base.ops->replace_edges(&store.base, beside, store.versions[beside] / 2, edges, 3);
		assert_true(vx_link_beside(&linker, &store.base, beside, id));
		unit_graph_check(&store);
		vx_linker_free(&linker);
		vx_memstore_free(&store);
	}
}

static bool
query_for(void *context, VxNodeId id, VxQuery *query)
{
	query->point = vx_memstore_query(context, id);
	return true;
}

/* Where all lists are full of the same few nodes, all others are attached, to different nodes. */
static void
test_attach_many(void **state)
{
	static const Ties kind = {"equal axes, L2", VX_METRIC_L2, 200, 200, 8, fill_axes};
	VxMemStore	store;
	VxLinker	linker;

	(void) state;
	fill_store(&store, &kind);
	vx_memstore_seal(&store);
	store.entry_count = 1;
	store.entry_ids[0] = 0;
	for (VxNodeId id = 0; id < store.count; id++)
		for (VxNodeId to = 0; to < 9; to++)
			if (to != id && store.degrees[id] < 8)
				store.base.ops->add_edge(&store.base, id, to);
	assert_int_equal(unreachable(&store), store.count - 9);
	vx_linker_init(&linker, &unit_mem);
	assert_int_equal(vx_link_attach(&linker, &store.base, store.count, 40, query_for, &store), 0);
	vx_linker_free(&linker);
	unit_graph_check(&store);
	vx_memstore_free(&store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built),
		cmocka_unit_test(test_inserted),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_beside_linked),
		cmocka_unit_test(test_attach_many),
	};

	vx_kernels_select();
	vx_code_kernels_select();
	return cmocka_run_group_tests_name("ties", tests, NULL, NULL);
}
