/*
 * test_order.c: the order of linking: a permutation in rounds, each of which keeps near points together, whatever the points.
 */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "core/vx_rng.h"
#include "graph/vx_build.h"
#include "graph/vx_order.h"

#define DIM 24
#define BITS 2600

typedef struct Points
{
	uint32_t	n;
	VxPoint   **points;
} Points;

static const VxPoint *
point_of(void *context, uint32_t i)
{
	return ((Points *) context)->points[i];
}

static void
no_poll(void *context)
{
	(void) context;
}

/* n points around as many centres; spread 0 makes those of a centre equal. */
static void
make_points(Points *points, uint32_t n, uint32_t centres, double spread, uint64_t seed)
{
	VxRng		rng = {seed};

	points->n = n;
	points->points = malloc(n * sizeof(VxPoint *));
	for (uint32_t i = 0; i < n; i++)
	{
		VxRng		centre = {seed * 1000 + vx_rng_below(&rng, centres)};
		float		x[DIM];

		for (uint32_t k = 0; k < DIM; k++)
			x[k] = (float) (vx_rng_unit(&centre) * 10 + spread * vx_rng_unit(&rng));
		points->points[i] = malloc(VX_POINT_BYTES(DIM));
		vx_point_set(points->points[i], x, DIM);
	}
}

/* n bit strings around as many centres, from which they differ in one bit of 16. */
static void
make_bits(Points *points, const VxSpace *space, uint32_t n, uint32_t centres)
{
	VxRng		rng = {9};

	points->n = n;
	points->points = malloc(n * sizeof(VxPoint *));
	for (uint32_t i = 0; i < n; i++)
	{
		VxRng		centre = {1000 + vx_rng_below(&rng, centres)};
		VxPoint    *point = points->points[i] = calloc(1, vx_space_room(space));

		for (uint32_t k = 0; k < space->dim; k++)
			((uint8_t *) point->x)[k / 8] |= (uint8_t) ((vx_rng_below(&centre, 2) ^ (vx_rng_below(&rng, 16) == 0)) << k % 8);
		point->norm2 = vx_space_norm2(space, point);
	}
}

static void
free_points(Points *points)
{
	for (uint32_t i = 0; i < points->n; i++)
		free(points->points[i]);
	free(points->points);
}

/* The order of some points of a space, into sorted [n]; keys [n] are theirs. */
static void
make_order_in(Points *points, const VxSpace *space, uint32_t depth, VxOrder *order, uint32_t *keys, uint32_t *sorted)
{
	vx_order_init(order, &unit_mem, space, depth, point_of, points, points->n, 5, no_poll);
	for (uint32_t i = 0; i < points->n; i++)
	{
		keys[i] = vx_order_key(order, points->points[i], i);
		assert_true(keys[i] < vx_order_key_bound(order));
	}
	if (depth == 0)
		for (uint32_t i = 0; i < points->n; i++)
			assert_int_equal(keys[i], 0);
	vx_order_sort(order, &unit_mem, keys, points->n, sorted);
}

static void
make_order(Points *points, VxMetric metric, uint32_t depth, VxOrder *order, uint32_t *keys, uint32_t *sorted)
{
	VxSpace		space = {.metric = metric,.dim = DIM};

	make_order_in(points, &space, depth, order, keys, sorted);
}

static void
assert_permutation(const uint32_t *sorted, uint32_t n)
{
	bool	   *seen = calloc(n, sizeof(bool));

	for (uint32_t i = 0; i < n; i++)
	{
		assert_true(sorted[i] < n && !seen[sorted[i]]);
		seen[sorted[i]] = true;
	}
	free(seen);
}

static void
test_neighbours(void **state)
{
	enum
	{
		N = 20000
	};
	VxMetric	metrics[] = {VX_METRIC_L2, VX_METRIC_IP, VX_METRIC_COSINE, VX_METRIC_L1};
	uint32_t   *keys = malloc(N * sizeof(uint32_t));
	uint32_t   *sorted = malloc(N * sizeof(uint32_t));

	(void) state;
	for (uint32_t m = 0; m < 4; m++)
	{
		Points		points;
		VxOrder		order;
		VxSpace		space = {.metric = VX_METRIC_L2,.dim = DIM};
		uint32_t	depth = 8;
		uint32_t	in_round[5] = {0};
		double		apart = 0;
		double		random = 0;

		make_points(&points, N, 100, 2, m + 1);
		make_order(&points, metrics[m], depth, &order, keys, sorted);
		assert_permutation(sorted, N);
		for (uint32_t i = 0; i < N; i++)
		{
			in_round[keys[i] >> depth]++;
			if (i == 0)
				continue;
			assert_true(keys[sorted[i - 1]] < keys[sorted[i]] || (keys[sorted[i - 1]] == keys[sorted[i]] && sorted[i - 1] < sorted[i]));
			apart += (double) vx_space_pair(&space, points.points[sorted[i - 1]], points.points[sorted[i]]);
			random += (double) vx_space_pair(&space, points.points[i - 1], points.points[i]);
		}
		/* of one centre they would be 16 apart (24 dimensions, 2 * 2^2 / 12 each), all are 416; halves cut through centres */
		assert_true(random / N > 300);
		assert_true(apart / N < 104);
		for (uint32_t i = 0; i < 5; i++)
		{
			double		expected = N / 16.0 * (i < 2 ? 1 : 1 << (i - 1));

			assert_true(fabs(in_round[i] - expected) < 5 * sqrt(expected));
		}
		vx_order_free(&order, &unit_mem);
		free_points(&points);
	}
	free(keys);
	free(sorted);
}

/* Bit strings are ordered by sketches of them. */
static void
test_sketched(void **state)
{
	enum
	{
		N = 5000
	};
	VxSpace		space = {.metric = VX_METRIC_HAMMING,.dim = BITS,.form = VX_FORM_BITS};
	uint32_t   *keys = malloc(N * sizeof(uint32_t));
	uint32_t   *sorted = malloc(N * sizeof(uint32_t));
	Points		points;
	VxOrder		order;
	double		apart = 0;

	(void) state;
	make_bits(&points, &space, N, 20);
	make_order_in(&points, &space, 7, &order, keys, sorted);
	assert_permutation(sorted, N);
	for (uint32_t i = 1; i < N; i++)
		apart += (double) vx_space_pair(&space, points.points[sorted[i - 1]], points.points[sorted[i]]);
	/* of one centre they would be 305 apart, all are 1300; halves cut through centres */
	assert_true(apart / N < 600);
	vx_order_free(&order, &unit_mem);
	free_points(&points);
	free(keys);
	free(sorted);
}

/* Whatever cannot be told apart, or measured, is ordered somehow. */
static void
test_odd_points(void **state)
{
	enum
	{
		N = 3000
	};
	static const float odd[] = {INFINITY, -INFINITY, NAN, 3e38f, -3e38f, 1e-45f, 0};
	uint32_t	keys[N];
	uint32_t	sorted[N];

	(void) state;
	for (uint32_t kind = 0; kind < 3; kind++)
	{
		Points		points;
		VxOrder		order;

		make_points(&points, N, kind == 0 ? 1 : 7, 0, kind);
		for (uint32_t i = 0; i < N && kind == 2; i++)
			for (uint32_t k = 0; k < DIM; k++)
				points.points[i]->x[k] = odd[(i + k * 3) % 7];
		make_order(&points, VX_METRIC_COSINE, 5, &order, keys, sorted);
		assert_permutation(sorted, N);
		vx_order_free(&order, &unit_mem);
		free_points(&points);
	}
}

static void
test_small(void **state)
{
	uint32_t	keys[10];
	uint32_t	sorted[10];

	(void) state;
	assert_int_equal(vx_order_depth(DIM, 0, SIZE_MAX), 0);
	assert_int_equal(vx_order_depth(DIM, 127, SIZE_MAX), 0);
	assert_int_equal(vx_order_depth(DIM, 128, SIZE_MAX), 1);
	assert_int_equal(vx_order_depth(DIM, 100000, SIZE_MAX), 10);
	assert_int_equal(vx_order_depth(DIM, UINT64_MAX, 0), 0);
	for (size_t bytes = 100; bytes < 10000000; bytes *= 3)
	{
		uint32_t	depth = vx_order_depth(DIM, UINT64_MAX, bytes);

		assert_true(depth == 0 || vx_order_bytes(DIM, depth) <= bytes);
		assert_true(depth == 16 || vx_order_bytes(DIM, depth + 1) > bytes);
	}
	for (uint32_t n = 0; n <= 10; n++)
		for (uint32_t depth = 0; depth < 4; depth++)
		{
			Points		points;
			VxOrder		order;

			make_points(&points, n, 3, 1, n);
			make_order(&points, VX_METRIC_L2, depth, &order, keys, sorted);
			assert_permutation(sorted, n);
			vx_order_free(&order, &unit_mem);
			free_points(&points);
		}
}

typedef struct Items
{
	uint32_t	n;
	uint32_t   *items;			/* [n + 1] */
	uint32_t	moves;
} Items;

static void
move(void *context, uint32_t to, uint32_t from)
{
	Items	   *items = context;

	assert_true(to <= items->n && from <= items->n);
	items->items[to] = items->items[from];
	items->moves++;
}

static void
test_apply(void **state)
{
	(void) state;
	for (uint32_t n = 0; n < 200; n++)
	{
		VxRng		rng = {n};
		uint32_t	sorted[200];
		uint32_t	wanted[200];
		uint32_t	values[201];
		Items		items = {.n = n,.items = values};

		for (uint32_t i = 0; i < n; i++)
		{
			uint32_t	j = vx_rng_below(&rng, i + 1);

			values[i] = i * 7;
			sorted[i] = sorted[j];
			sorted[j] = i;
		}
		for (uint32_t i = 0; i < n; i++)
			wanted[i] = values[sorted[i]];
		vx_order_apply(sorted, n, move, &items);
		assert_memory_equal(values, wanted, n * sizeof(uint32_t));
		assert_true(items.moves <= n + n / 2);
	}
}

/* A store that is linked in an order of its own: every node is, and can be reached. */
static void
test_linking(void **state)
{
	enum
	{
		N = 2000
	};
	Points		points;
	VxOrder		order;
	VxMemStore	store;
	VxBuild		build;
	uint32_t	keys[N];
	uint32_t	steps = 0;

	(void) state;
	make_points(&points, N, 20, 4, 3);
	vx_memstore_init(&store, &unit_mem, &(VxSpace) {.metric = VX_METRIC_L2,.dim = DIM}, 24, 1.2f);
	for (uint32_t i = 0; i < N; i++)
		vx_memstore_add(&store, points.points[i]);
	make_order(&points, VX_METRIC_L2, 4, &order, keys, vx_memstore_make_order(&store));
	vx_build_begin(&build, &store, 50, 1);
	while (vx_build_step(&build))
		steps++;
	assert_int_equal(steps, N);
	for (uint32_t i = 0; i < N; i++)
		assert_true(store.degrees[i] > 0);
	assert_int_equal(vx_build_finish(&build), 0);
	vx_order_free(&order, &unit_mem);
	vx_memstore_free(&store);
	free_points(&points);
}

/* What a large build of long vectors asks for: a product of 32 bits was too short for it. */
static void
test_large(void **state)
{
	UnitRequests requests = {.last = 3};
	VxMem		mem = {.resize = unit_request,.context = &requests};
	VxOrder		order;
	uint32_t	dim = 16000;
	uint32_t	depth = 16;
	size_t		rows = 0;

	(void) state;
	if (setjmp(requests.leave) == 0)
		vx_order_init(&order, &mem, &(VxSpace) {.metric = VX_METRIC_L2,.dim = dim}, depth, point_of, NULL, UINT32_MAX, 5, no_poll);
	assert_int_equal(requests.count, 3);
	for (uint32_t i = 0; i < 3; i++)
		rows = VX_MAX(rows, requests.sizes[i]);
	/* a sample of 6 points for each of the leaves */
	assert_true(rows == (size_t) 6 * 65536 * 16000 * sizeof(float));
	assert_true(rows < vx_order_bytes(dim, depth));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_sketched),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_odd_points),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_linking),
	};

	vx_kernels_select();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
