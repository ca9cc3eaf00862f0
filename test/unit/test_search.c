/*
 * test_search.c: searches over the memory store: every node once, and order and cost of long searches whose scores are estimates.
 */
#include "unit.h"
#include "unit_codec.h"

#include <math.h>

#include "core/vx_line.h"
#include "core/vx_visited.h"
#include "graph/vx_build.h"
#include "unit_graph.h"

#include <string.h>

#define N 3000
#define DIM 32
#define QUERIES 20

/* Uniform points of many dimensions, in which distances lie close together, scored by codes. */
typedef struct Fixture
{
	VxMemStore	store;
	VxCodec		codec;
	float		mean[DIM];		/* of the codec */
	double		distance[N];	/* of the query at hand */
	double		sorted[N];
} Fixture;

static void
random_point(VxRng *rng, float *x)
{
	for (int i = 0; i < DIM; i++)
		x[i] = (float) vx_rng_unit(rng);
}

static int
make_fixture(void **state)
{
	Fixture    *f = calloc(1, sizeof(Fixture));
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = DIM};
	VxRng		rng = {17};
	float		x[DIM];

	vx_memstore_init(&f->store, &unit_mem, &space, 32, 1.2f);
	for (int i = 0; i < N; i++)
	{
		random_point(&rng, x);
		unit_graph_add(&f->store, x);
	}
	for (int i = 0; i < DIM; i++)
		f->mean[i] = 0.5f;
	unit_codec_init(&f->codec, VX_CODES_SCALAR4, VX_METRIC_L2, DIM, 0);
	vx_codec_set_models(&f->codec, &unit_mem, 0, false, f->mean, NULL);
	vx_memstore_seal(&f->store);
	vx_memstore_set_codec(&f->store, &f->codec, VX_BY_CODES);
	vx_memstore_encode(&f->store, 0, N);
	unit_graph_build(&f->store, 60);
	*state = f;
	return 0;
}

static int
free_fixture(void **state)
{
	Fixture    *f = *state;

	vx_memstore_free(&f->store);
	vx_codec_free(&f->codec, &unit_mem);
	free(f);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* A random query, and what is true of it. */
static VxPoint *
make_query(Fixture *f, VxRng *rng)
{
	VxPoint    *point = malloc(VX_POINT_BYTES(DIM));
	float		x[DIM];

	random_point(rng, x);
	vx_point_set(point, x, DIM);
	for (VxNodeId id = 0; id < N; id++)
		f->distance[id] = f->sorted[id] = vx_space_operator(&f->store.space, point, vx_memstore_point(&f->store, id));
	qsort(f->sorted, N, sizeof(double), compare);
	return point;
}

/* Of the ten nodes that come first among those farther than the one of this rank, how many are right. */
static int
page(const Fixture *f, const VxNodeId *ids, uint32_t n, uint32_t rank)
{
	double		last = rank > 0 ? f->sorted[rank - 1] : -1;
	int			seen = 0;
	int			right = 0;

	for (uint32_t i = 0; i < n && seen < 10; i++)
		if (f->distance[ids[i]] > last)
		{
			seen++;
			right += f->distance[ids[i]] <= f->sorted[rank + 9];
		}
	return right;
}

/* Late pages are as good as the first, in order, and cost what is in proportion to their rank; the first costs one list. */
static void
test_deep(void **state)
{
	static const uint32_t ranks[] = {0, 50, 100, 200, 500, 1000, 2000};
	static const VxPatience patiences[] = {VX_SEARCH_GROW, VX_SEARCH_IN_ORDER, VX_SEARCH_GROW};
	Fixture    *f = *state;
	VxSearch	search;
	VxNodeId	ids[N];

	vx_search_init(&search, &unit_mem);
	for (int p = 0; p < 3; p++)
	{
		VxRng		rng = {23};
		int			right[7] = {0};
		int			late = 0;

		/* at last by exact scores: then only what the search has not come by can be late */
		vx_memstore_compare(&f->store, p < 2 ? VX_BY_CODES : VX_BY_POINTS);
		for (int q = 0; q < QUERIES; q++)
		{
			VxPoint    *point = make_query(f, &rng);
			VxQuery		query = {.point = point};
			double		last = 0;

			f->store.base.stats.expanded = 0;
			vx_search_begin(&search, &f->store.base, &query, 64, SIZE_MAX);
			for (uint32_t i = 0; i < N; i++)
			{
				const VxFound *found = vx_search_next(&search, i + 1, patiences[p]);

				assert_non_null(found);
				assert_true(found->distance == f->distance[found->id]);
				ids[i] = found->id;
				late += found->distance < last;
				last = VX_MAX(last, found->distance);
				if (i < 10 && patiences[p] == VX_SEARCH_GROW)
					assert_true(f->store.base.stats.expanded <= 75);
				assert_true(f->store.base.stats.expanded <= 200 + 4 * i);
			}
			assert_null(vx_search_next(&search, N + 1, patiences[p]));
			for (int r = 0; r < 7; r++)
				right[r] += page(f, ids, N, ranks[r]);
			free(point);
		}
		print_message("# late: %.5f of all; right of the ten after rank", late / (double) (QUERIES * N));
		for (int r = 0; r < 7; r++)
		{
			print_message(" %u: %.3f", ranks[r], right[r] / (10.0 * QUERIES));
			assert_true(right[r] >= 0.97 * 10 * QUERIES);
		}
		print_message("\n");
		assert_true(late <= 0.0005 * QUERIES * N);
	}
	vx_memstore_compare(&f->store, VX_BY_CODES);
	vx_search_free(&search);
}

/* Staying within a list that has grown gives what it holds. */
static void
test_stay(void **state)
{
	Fixture    *f = *state;
	VxSearch	search;
	VxRng		rng = {29};
	VxPoint    *point = make_query(f, &rng);
	VxQuery		query = {.point = point};
	uint32_t	count;

	vx_search_init(&search, &unit_mem);
	vx_search_begin(&search, &f->store.base, &query, 20, SIZE_MAX);
	for (count = 0; count < 100; count++)
		assert_non_null(vx_search_next(&search, count + 1, VX_SEARCH_GROW));
	f->store.base.stats.expanded = 0;
	for (; vx_search_next(&search, count + 1, VX_SEARCH_STAY) != NULL; count++)
		;
	assert_int_equal(f->store.base.stats.expanded, 0);
	assert_true(count > 100 && count < N / 2);
	vx_search_free(&search);
	free(point);
}

/* Where memory is short the far candidates are forgotten: what comes first is what comes with plenty. */
static void
test_short_memory(void **state)
{
	Fixture    *f = *state;
	VxSearch	search;
	VxRng		rng = {31};
	VxPoint    *point = make_query(f, &rng);
	VxQuery		query = {.point = point};
	VxNodeId	ids[N];
	uint32_t	count;
	VxIdSet		seen;
	const VxFound *found;

	vx_search_init(&search, &unit_mem);
	vx_idset_init(&seen, &unit_mem);
	vx_search_begin(&search, &f->store.base, &query, 40, SIZE_MAX);
	for (uint32_t i = 0; i < 200; i++)
		ids[i] = vx_search_next(&search, i + 1, VX_SEARCH_GROW)->id;

	/* room for a good thousand candidates */
	vx_search_begin(&search, &f->store.base, &query, 40, 24 * 1024);
	for (count = 0; (found = vx_search_next(&search, count + 1, VX_SEARCH_GROW)) != NULL; count++)
	{
		if (count < 200)
			assert_int_equal(found->id, ids[count]);
		assert_true(vx_idset_add(&seen, found->id));
		assert_true(search.rest_count <= 24 * 1024 / sizeof(VxCandidate));
		assert_true(search.found_count <= 24 * 1024 / sizeof(VxFound));
	}
	assert_true(search.forgot);
	assert_true(count > 400);

	/* next to none, and no room to put anything in order */
	vx_search_begin(&search, &f->store.base, &query, 2, 20);
	for (count = 0; vx_search_next(&search, count + 1, VX_SEARCH_IN_ORDER) != NULL; count++)
		;
	assert_true(search.forgot);
	assert_true(count > 0 && count < N);
	vx_idset_free(&seen);
	vx_search_free(&search);
	free(point);
}

/*
 * A search among given nodes, time and again where memory is short: every node comes once, and what memory has room for are the nearest of
 * those that have not come yet.
 */
static void
test_given(void **state)
{
	static const size_t memories[] = {SIZE_MAX, 24 * 1024, 6 * 1024};
	Fixture    *f = *state;
	VxSearch	search;
	VxRng		rng = {37};
	VxPoint    *point = make_query(f, &rng);
	VxQuery		query = {.point = point};

	vx_search_init(&search, &unit_mem);
	for (int m = 0; m < 3; m++)
	{
		VxIdSet		seen;
		uint32_t	count = 0;
		float		last = -INFINITY;
		int			passes = 0;

		vx_idset_init(&seen, &unit_mem);
		do
		{
			float		highest = last;
			const VxFound *found;

			vx_search_begin_given(&search, &f->store.base, &query, 40, memories[m], passes > 0);
			/* in an order that has nothing to do with the query */
			for (VxNodeId id = 0; id < N; id += 20)
			{
				VxNodeId	ids[20];
				uint32_t	n = 0;

				for (VxNodeId i = id; i < id + 20; i++)
					if (!vx_idset_has(&seen, i))
						ids[n++] = i;
				vx_search_give(&search, ids, n);
			}
			while ((found = vx_search_next(&search, count + 1, VX_SEARCH_GROW)) != NULL)
			{
				assert_true(vx_idset_add(&seen, found->id));
				assert_true(found->score >= last);
				highest = VX_MAX(highest, found->score);
				count++;
			}
			last = highest;
			passes++;
		} while (search.forgot);
		assert_int_equal(count, N);
		assert_int_equal(passes > 1, m > 0);
		vx_idset_free(&seen);
	}
	vx_search_free(&search);
	free(point);
}

/* A resumed search hands out every node once, however small its list is; order is exact within the list. */
static void
test_streaming(void **state)
{
	static const uint32_t list_sizes[] = {1, 2, 3, 10, 64, 2000};
	UnitGraph	graph = {0};

	(void) state;
	unit_graph_make(&graph, VX_METRIC_L2, 1000, 6, 16, 21);
	for (int i = 0; i < 6; i++)
	{
		VxSearch	search;
		VxVisited	seen;
		VxQuery		query = {.point = vx_memstore_point(&graph.store, 17)};
		const VxFound *c;
		uint32_t	count = 0;

		vx_search_init(&search, &unit_mem);
		/* twice: the second use starts from cleared, not from fresh, memory */
		for (int use = 0; use < 2; use++)
		{
			vx_visited_init(&seen, &unit_mem);
			count = 0;
			vx_search_begin(&search, &graph.store.base, &query, list_sizes[i], SIZE_MAX);
			while ((c = vx_search_next(&search, count + 1, VX_SEARCH_GROW)) != NULL)
			{
				assert_true(vx_visited_add(&seen, c->id));
				count++;
			}
			assert_int_equal(count, 1000);
			assert_false(search.forgot);
			vx_visited_free(&seen);
		}
		/* without going on */
		vx_search_begin(&search, &graph.store.base, &query, list_sizes[i], SIZE_MAX);
		for (count = 0; vx_search_next(&search, count + 1, VX_SEARCH_STAY) != NULL; count++)
			;
		assert_int_equal(count, VX_MIN(list_sizes[i], 1000));
		vx_search_free(&search);
	}
	vx_memstore_free(&graph.store);
}

/* ---- reading ahead ---- */

/* What a store that notes it has been asked for. */
static VxIdSet named;
static const VxStoreOps *mem_ops;
static uint32_t unnamed;		/* reads of nodes that were not named before */

static VxStatus
noting_read_edges(VxStore *store, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	unnamed += !vx_idset_has(&named, id);
	return mem_ops->read_edges(store, id, query, out);
}

static void
noting_read_ahead(VxStore *store, const VxNodeId *ids, uint32_t n)
{
	assert_true(n > 0 && n <= store->ahead);
	for (uint32_t i = 0; i < n; i++)
		vx_idset_add(&named, ids[i]);
}

/* What the search has found when it says that it is about to end, the first time. */
typedef struct Ending
{
	const VxSearch *search;
	VxNodeId	ids[10];
	uint32_t	count;
} Ending;

static void
note_ending(void *context)
{
	Ending	   *ending = context;
	const VxFound *found[10];

	if (ending->count > 0)
		return;
	ending->count = vx_search_peek(ending->search, 10, found);
	for (uint32_t i = 0; i < ending->count; i++)
		ending->ids[i] = found[i]->id;
}

#define ROWS 100

/*
 * A store that reads ahead is told of each node before it is read, of few others, and in time of what will be found; and gives the same
 * answers as one that does not.
 */
static void
test_read_ahead(void **state)
{
	static const uint32_t depths[] = {0, 2, 16, VX_MOST_AHEAD};
	Fixture    *f = *state;
	VxStore    *store = &f->store.base;
	VxStoreOps	noting = *store->ops;
	VxSearch	search;
	VxNodeId	without[QUERIES][ROWS];

	mem_ops = store->ops;
	noting.read_edges = noting_read_edges;
	noting.read_ahead = noting_read_ahead;
	store->ops = &noting;
	vx_idset_init(&named, &unit_mem);
	vx_search_init(&search, &unit_mem);
	for (int d = 0; d < 4; d++)
	{
		VxRng		rng = {41};
		uint32_t	told = 0;
		uint32_t	foreseen = 0;

		store->ahead = depths[d];
		store->stats.expanded = 0;
		unnamed = 0;
		for (int q = 0; q < QUERIES; q++)
		{
			VxPoint    *point = make_query(f, &rng);
			VxQuery		query = {.point = point};
			Ending		ending = {.search = &search};

			vx_idset_clear(&named);
			vx_search_begin(&search, store, &query, 40, SIZE_MAX);
			search.ending = note_ending;
			search.ending_context = &ending;
			for (uint32_t i = 0; i < ROWS; i++)
			{
				VxNodeId	id = vx_search_next(&search, i + 1, VX_SEARCH_GROW)->id;

				if (d == 0)
					without[q][i] = id;
				assert_int_equal(id, without[q][i]);
				for (uint32_t k = 0; i < 10 && k < ending.count; k++)
					foreseen += ending.ids[k] == id;
			}
			told += named.count;
			free(point);
		}
		print_message("# %u ahead: %u nodes read, %u of them unannounced, %u announced, %u of the first rows foreseen\n", depths[d],
					  (uint32_t) store->stats.expanded, unnamed, told, foreseen);
		if (d == 0)
		{
			assert_int_equal(told + foreseen, 0);
			continue;
		}
		assert_int_equal(unnamed, 0);
		assert_true(told < 1.1 * (double) store->stats.expanded + QUERIES * depths[d]);
		assert_true(foreseen > 0.9 * 10 * QUERIES);
	}
	store->ahead = 0;
	store->ops = mem_ops;
	vx_idset_free(&named);
	vx_search_free(&search);
}

/* Who peeks sees what leaves next, and takes nothing away. */
static void
test_peek(void **state)
{
	Fixture    *f = *state;
	VxSearch	search;
	VxRng		rng = {43};
	VxPoint    *point = make_query(f, &rng);
	VxQuery		query = {.point = point};
	const VxFound *next[VX_MOST_AHEAD];

	vx_search_init(&search, &unit_mem);
	vx_search_begin(&search, &f->store.base, &query, 100, SIZE_MAX);
	assert_int_equal(vx_search_peek(&search, 5, next), 0);
	assert_non_null(vx_search_next(&search, 1, VX_SEARCH_STAY));
	for (uint32_t rank = 2; search.found_count > 0; rank++)
	{
		uint32_t	n = vx_search_peek(&search, 1000, next);

		assert_int_equal(n, VX_MIN(search.found_count, VX_MOST_AHEAD));
		for (uint32_t i = 1; i < n; i++)
			assert_true(next[i - 1]->distance <= next[i]->distance);
		/* of a list of a hundred, and some more that were met on the way */
		if (rank <= 100)
			assert_ptr_equal(vx_search_next(&search, rank, VX_SEARCH_STAY), next[0]);
		else
			break;
	}
	vx_search_free(&search);
	free(point);
}

/* A line follows the pairs that it is given, and knows how far they lie from it. */
static void
test_line(void **state)
{
	VxLine		line = {0};
	VxRng		rng = {37};
	int			below = 0;

	(void) state;
	for (int i = 0; i < VX_LINE_LEAST; i++)
	{
		assert_true(isinf(vx_line_lower(&line, 0)));
		vx_line_add(&line, INFINITY, 1);
		vx_line_add(&line, 1, (double) NAN);
		vx_line_add(&line, i, 3 + 2 * i);
	}
	assert_true(fabs(vx_line_lower(&line, 10) - 23) < 1e-6);
	assert_true(isinf(vx_line_lower(&line, (double) INFINITY)) && vx_line_lower(&line, (double) INFINITY) < 0);
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < 5000; i++)
		{
			double		x = turn * 100 + i * 0.001;
			double		y = 1 + x * (turn + 1) + vx_rng_unit(&rng) - 0.5;

			below += i > 1000 && y < vx_line_lower(&line, x);
			vx_line_add(&line, x, y);
		}
	assert_int_equal(below, 0);
	/* four times the deviation of what is uniform between -0.5 and 0.5 */
	assert_true(fabs(vx_line_lower(&line, 105) - (211 - 4 * 0.2887)) < 0.3);

	/* all estimates the same */
	memset(&line, 0, sizeof(line));
	for (int i = 0; i < 20; i++)
		vx_line_add(&line, 5, 7);
	assert_true(fabs(vx_line_lower(&line, 9) - 7) < 1e-9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_streaming),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_stay),
		cmocka_unit_test(test_short_memory),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_read_ahead),
		cmocka_unit_test(test_peek),
	};

	vx_kernels_select();
	vx_code_kernels_select();
	return cmocka_run_group_tests_name("search", tests, make_fixture, free_fixture);
}
