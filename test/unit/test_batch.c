/*
 * test_batch.c: block kernels against double precision, and batches against the distance of every query to every row.
 */
#include "unit.h"

#include "distance/vx_batch.h"
#include "distance/vx_block.h"

/* The largest relative error of one operation on floats. */
#define ROUNDING 0x1p-24

static float *
random_floats(VxRng *rng, size_t n)
{
	float	   *x = malloc(n * sizeof(float));

	for (size_t i = 0; i < n; i++)
		x[i] = unit_normal(rng);
	return x;
}

/* ---- kernels ---- */

/* One product of each query of a panel with each row of a tile: as near the true one as vx_block.h says. */
static void
check_products(const VxBlockKernels *k, VxRng *rng, uint32_t width, size_t dim, size_t stride)
{
	float	   *panel = random_floats(rng, dim * width);
	float	   *rows = random_floats(rng, (VX_TILE_ROWS - 1) * stride + dim);
	float	   *products = malloc(VX_TILE_ROWS * width * sizeof(float));
	double		rounding = (double) (dim + 1) * ROUNDING;

	k->products(panel, width, dim, rows, stride, products);
	for (size_t row = 0; row < VX_TILE_ROWS; row++)
		for (size_t q = 0; q < width; q++)
		{
			double		expected = 0;
			double		magnitude = 0;

			for (size_t i = 0; i < dim; i++)
			{
				double		term = (double) panel[i * width + q] * (double) rows[row * stride + i];

				expected += term;
				magnitude += fabs(term);
			}
			if (!(fabs((double) products[row * width + q] - expected) <= rounding / (1 - rounding) * magnitude))
				fail_msg("%s: dim %zu, width %u: %.9g is not %.9g", k->name, dim, width, (double) products[row * width + q], expected);
		}
	free(panel);
	free(rows);
	free(products);
}

static void
test_products(void **state)
{
	static const size_t dims[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 100, 128, 384, 1536, 16000};
	VxRng		rng = {1};
	const VxBlockKernels *k;

	(void) state;
	for (int i = 0; (k = vx_block_kernels_available(i)) != NULL; i++)
	{
		print_message("# block kernels: %s\n", k->name);
		assert_true(k->width <= VX_PANEL_MAX && k->width % 2 == 0);
		for (size_t d = 0; d < sizeof(dims) / sizeof(*dims); d++)
			for (uint32_t width = k->width / 2; width <= k->width; width += k->width / 2)
			{
				check_products(k, &rng, width, dims[d], dims[d]);
				check_products(k, &rng, width, dims[d], dims[d] + 5);
			}
	}
}

/* Every table says the same of numbers that need no rounding, and of those that are none. */
static void
test_near(void **state)
{
	static const float values[] = {0, -0.0f, 1, -1, 2, -2, 4, INFINITY, -INFINITY, NAN};
	const uint32_t count = sizeof(values) / sizeof(*values);
	VxRng		rng = {2};
	const VxBlockKernels *k;

	(void) state;
	for (int i = 0; (k = vx_block_kernels_available(i)) != NULL; i++)
		for (int round = 0; round < 2000; round++)
		{
			uint32_t	width = round % 2 == 0 ? k->width : k->width / 2;
			float		products[VX_TILE_ROWS * VX_PANEL_MAX];
			float		slope[VX_PANEL_MAX];
			float		floor[VX_PANEL_MAX];
			float		length[VX_TILE_ROWS];
			float		base[VX_TILE_ROWS];
			uint32_t	near[VX_TILE_ROWS];
			const VxPanelBounds bounds = {.slope = slope,.floor = floor,.length = length,.base = base};

			for (uint32_t j = 0; j < VX_TILE_ROWS * width; j++)
				products[j] = values[vx_rng_below(&rng, count)];
			for (uint32_t j = 0; j < width; j++)
			{
				slope[j] = values[vx_rng_below(&rng, count)];
				floor[j] = values[vx_rng_below(&rng, count)];
			}
			for (uint32_t j = 0; j < VX_TILE_ROWS; j++)
			{
				length[j] = values[vx_rng_below(&rng, count)];
				base[j] = values[vx_rng_below(&rng, count)];
			}
			k->near(products, width, &bounds, near);
			for (uint32_t row = 0; row < VX_TILE_ROWS; row++)
			{
				assert_true(width == 32 || near[row] >> width == 0);
				for (uint32_t q = 0; q < width; q++)
				{
					bool		expected = !(products[row * width + q] + slope[q] * length[row] < floor[q] + base[row]);

					assert_int_equal(near[row] >> q & 1, expected);
				}
			}
		}
}

/* ---- batches ---- */

#define MOST_QUERIES 41
#define ROWS 700
#define K 5

typedef struct Neighbour
{
	double		distance;
	uint32_t	row;
} Neighbour;

/* The nearest rows of each query, ties by number of row, the last first: so later rows take the place of earlier ones. */
typedef struct Lists
{
	VxBatch    *batch;
	uint32_t	first_row;		/* of the block */
	uint32_t	count[MOST_QUERIES];
	Neighbour	nearest[MOST_QUERIES][K];
	uint64_t	taken;
} Lists;

/* As the server orders double precision: NaN is the largest. */
static bool
is_nearer(Neighbour a, Neighbour b)
{
	if (a.distance < b.distance || (!isnan(a.distance) && isnan(b.distance)))
		return true;
	return (a.distance == b.distance || (isnan(a.distance) && isnan(b.distance))) && a.row > b.row;
}

static void
take(void *context, uint32_t query, uint32_t row, double distance)
{
	Lists	   *lists = context;
	Neighbour	new = {.distance = distance,.row = lists->first_row + row};
	Neighbour  *nearest = lists->nearest[query];
	uint32_t	at = lists->count[query];

	lists->taken++;
	if (at == K && !is_nearer(new, nearest[K - 1]))
		return;
	at = at == K ? K - 1 : lists->count[query]++;
	for (; at > 0 && is_nearer(new, nearest[at - 1]); at--)
		nearest[at] = nearest[at - 1];
	nearest[at] = new;
	if (lists->batch != NULL && lists->count[query] == K)
		vx_batch_set_bound(lists->batch, query, nearest[K - 1].distance);
}

static double
distance_between(VxMetric metric, const float *a, const float *b, uint32_t dim)
{
	float		dot;
	float		norm2_a;
	float		norm2_b;

	if (metric == VX_METRIC_L2)
		return vx_l2_distance(a, b, dim, vx_kernels->l2_squared(a, b, dim));
	if (metric == VX_METRIC_IP)
		return -(double) vx_kernels->inner_product(a, b, dim);
	if (metric == VX_METRIC_L1)
		return (double) vx_kernels->l1(a, b, dim);
	vx_kernels->cosine_parts(a, b, dim, &dot, &norm2_a, &norm2_b);
	return 1 - vx_cosine_similarity(a, b, dim, dot, norm2_a, norm2_b);
}

/* What vectors are like. */
typedef enum Regime
{
	PLAIN,						/* standard normal */
	OFFSET,						/* the same, far from the origin: all products are nearly the same */
	GRID,						/* few different ones: ties, and zero vectors */
	WILD,						/* lengths from 1e-30 to 1e30 */
	HUGE_ONES,					/* about 1e20 */
	TINY,						/* about 1e-24 */
	REGIMES
} Regime;

static void
fill(VxRng *rng, Regime regime, float *x, uint32_t dim)
{
	float		scale = regime == WILD ? powf(10, (float) vx_rng_below(rng, 61) - 30) : regime == HUGE_ONES ? 1e20f : regime == TINY ? 1e-24f : 1;

	for (uint32_t i = 0; i < dim; i++)
	{
		x[i] = unit_normal(rng) * scale;
		if (regime == OFFSET)
			x[i] += 1000;
		if (regime == GRID)
			x[i] = i < 2 ? (float) vx_rng_below(rng, 3) : 0;
	}
}

static uint32_t polls;

/* VxBatchPoll */
static void
count_polls(void *context)
{
	(void) context;
	polls++;
}

/* Blocks of at most so many rows, every row once: the lists of a batch are those of all distances. Returns the share of pairs that were taken. */
static double
check_batch(VxRng *rng, VxMetric metric, Regime regime, uint32_t dim, uint32_t n, uint32_t block_rows)
{
	float	   *queries = malloc(n * dim * sizeof(float));
	float	   *rows = malloc(ROWS * dim * sizeof(float));
	const float *starts[MOST_QUERIES];
	Lists		expected = {.batch = NULL};
	Lists		got = {.batch = NULL};

	for (uint32_t q = 0; q < n; q++)
	{
		starts[q] = queries + q * dim;
		fill(rng, regime, queries + q * dim, dim);
	}
	for (uint32_t row = 0; row < ROWS; row++)
		fill(rng, regime, rows + row * dim, dim);
	for (uint32_t row = 0; row < ROWS; row++)
		for (uint32_t q = 0; q < n; q++)
			take(&expected, q, row, distance_between(metric, starts[q], rows + row * dim, dim));

	got.batch = vx_batch_new(&unit_mem, metric, dim, starts, n);
	block_rows = VX_MIN(block_rows, vx_batch_block_rows(got.batch));
	for (got.first_row = 0; got.first_row < ROWS; got.first_row += block_rows)
	{
		uint32_t	count = VX_MIN(block_rows, ROWS - got.first_row);

		for (uint32_t i = 0; i < count; i++)
			memcpy(vx_batch_row(got.batch, i), rows + (got.first_row + i) * dim, dim * sizeof(float));
		polls = 0;
		vx_batch_scan(got.batch, count, take, count_polls, &got);
		/* however many queries there are, a piece has few */
		assert_true(polls >= n / VX_PANEL_MAX);
		if (metric == VX_METRIC_L1)
			assert_int_equal(polls, n);
	}
	vx_batch_free(got.batch);
	for (uint32_t q = 0; q < n; q++)
		for (uint32_t i = 0; i < K; i++)
		{
			Neighbour	a = expected.nearest[q][i];
			Neighbour	b = got.nearest[q][i];

			if (a.row != b.row || memcmp(&a.distance, &b.distance, sizeof(double)) != 0)
				fail_msg("metric %d, regime %d, dim %u, %u queries: %u is row %u at %.17g, not %u at %.17g", metric, regime, dim, n, i,
						 a.row, a.distance, b.row, b.distance);
		}
	free(queries);
	free(rows);
	return (double) got.taken / n / ROWS;
}

static void
test_batches(void **state)
{
	static const uint32_t dims[] = {1, 2, 16, 50, 129};
	static const uint32_t blocks[] = {1, 13, UINT32_MAX};
	const VxKernels *saved = vx_kernels;
	const VxBlockKernels *saved_block = vx_block_kernels;
	VxRng		rng = {3};

	(void) state;
	for (int t = 0; vx_kernels_available(t) != NULL && vx_block_kernels_available(t) != NULL; t++)
	{
		vx_kernels = vx_kernels_available(t);
		vx_block_kernels = vx_block_kernels_available(t);
		for (VxMetric metric = VX_METRIC_L2; metric <= VX_METRIC_L1; metric++)
			for (Regime regime = PLAIN; regime < REGIMES; regime++)
				for (size_t d = 0; d < sizeof(dims) / sizeof(*dims); d++)
					for (size_t b = 0; b < sizeof(blocks) / sizeof(*blocks); b++)
						check_batch(&rng, metric, regime, dims[d], 1 + vx_rng_below(&rng, MOST_QUERIES), blocks[b]);
	}
	vx_kernels = saved;
	vx_block_kernels = saved_block;
}

/* Where vectors are no longer than they are apart, few rows are more than sifted. */
static void
test_sifting(void **state)
{
	VxRng		rng = {4};

	(void) state;
	for (VxMetric metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
		assert_true(check_batch(&rng, metric, PLAIN, 129, MOST_QUERIES, UINT32_MAX) < 0.06);
}

static void
count_taken(void *context, uint32_t query, uint32_t row, double distance)
{
	uint32_t   *taken = context;

	(void) row;
	(void) distance;
	taken[query]++;
}

/* Queries that are given up, and those in lanes that nobody is in, are not asked. */
static void
test_shrink(void **state)
{
	VxRng		rng = {5};
	uint32_t	counts[] = {2, 9, 40};

	(void) state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++)
	{
		uint32_t	n = counts[c];
		float	   *x = random_floats(&rng, n * 20);
		const float *starts[MOST_QUERIES];
		uint32_t	taken[MOST_QUERIES] = {0};
		VxBatch    *batch;

		for (uint32_t q = 0; q < n; q++)
			starts[q] = x + q * 20;
		batch = vx_batch_new(&unit_mem, VX_METRIC_IP, 20, starts, n);
		memcpy(vx_batch_row(batch, 0), x, 20 * sizeof(float));
		vx_batch_scan(batch, 1, count_taken, count_polls, taken);
		vx_batch_shrink(batch, n / 2);
		vx_batch_shrink(batch, n);
		vx_batch_scan(batch, 1, count_taken, count_polls, taken);
		for (uint32_t q = 0; q < n; q++)
			assert_int_equal(taken[q], q < n / 2 ? 2 : 1);
		vx_batch_free(batch);
		free(x);
	}
}

/* A batch takes as many bytes as it says, but for its block and itself. */
static size_t allocated;

static void *
counting_resize(void *context, void *p, size_t size)
{
	if (p == NULL)
		allocated += size;
	return unit_resize(context, p, size);
}

static void
test_bytes(void **state)
{
	static const VxMem mem = {.resize = counting_resize};
	float	   *x = calloc(2000, sizeof(float));
	const float *starts[500];

	(void) state;
	for (uint32_t q = 0; q < 500; q++)
		starts[q] = x;
	for (VxMetric metric = VX_METRIC_L2; metric <= VX_METRIC_L1; metric++)
		for (uint32_t n = 1; n < 500; n = n * 3 / 2 + 1)
		{
			VxBatch    *batch;
			size_t		bytes = vx_batch_bytes(metric, 1000, n);
			size_t		block;

			allocated = 0;
			batch = vx_batch_new(&mem, metric, 1000, starts, n);
			block = vx_batch_block_rows(batch) * (size_t) (vx_batch_row(batch, 1) - vx_batch_row(batch, 0)) * sizeof(float);
			assert_in_range(block, 1, 1 << 20);
			assert_in_range(allocated, block + bytes / 2, block + bytes + 4096);
			vx_batch_free(batch);
		}
	free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_sifting),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
