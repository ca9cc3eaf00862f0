/*
 * test_pq.c: product quantisation: training, codebooks from hostile bytes, codes, scores.
 */
#include "unit.h"

#include <float.h>

#include "quant/vx_kmeans.h"
#include "quant/vx_pq.h"

typedef struct Data
{
	uint32_t	n;
	uint32_t	dim;
	float	   *x;				/* [n][dim] */
	uint32_t	polls;
} Data;

static Data
make_data(uint32_t n, uint32_t dim, float offset, uint64_t seed)
{
	Data		data = {.n = n,.dim = dim,.x = malloc(VX_MAX(n, 1) * dim * sizeof(float))};
	VxRng		rng = {seed};

	for (size_t i = 0; i < (size_t) n * dim; i++)
		data.x[i] = unit_normal(&rng) + offset;
	return data;
}

static const float *
data_row(void *context, uint32_t i)
{
	Data	   *data = context;

	assert_true(i < data->n);
	return data->x + (size_t) i * data->dim;
}

static void
count_poll(void *context)
{
	((Data *) context)->polls++;
}

static VxPqCodebook *
train(Data *data, uint32_t m, uint64_t seed)
{
	VxPqSample	sample = {.n = data->n,.row = data_row,.context = data,.poll = count_poll};
	VxPqCodebook *codebook = malloc(vx_pq_codebook_bytes(data->dim));

	vx_pq_train(&unit_mem, data->dim, m, &sample, seed, codebook);
	assert_null(vx_pq_check(codebook, vx_pq_codebook_bytes(data->dim)));
	return codebook;
}

/* Mean squared error of the data's own codes; checks that encoding found the nearest centroid of each subvector. */
static double
coding_error(const VxPqCodebook *codebook, Data *data)
{
	uint32_t	m = codebook->m;
	uint8_t    *code = malloc(m);
	uint8_t    *other = malloc(m);
	float	   *scratch = malloc(data->dim * sizeof(float));
	double		sum = 0;
	VxRng		rng = {99};

	for (uint32_t i = 0; i < data->n; i++)
	{
		const float *x = data_row(data, i);
		float		error;

		vx_pq_encode(codebook, x, scratch, code);
		vx_pq_decode(codebook, code, scratch);
		error = vx_kernels->l2_squared(x, scratch, data->dim);
		for (uint32_t s = 0; s < m; s++)
			assert_true(code[s] < codebook->centroid_count);
		memcpy(other, code, m);
		other[vx_rng_below(&rng, m)] = (uint8_t) vx_rng_next(&rng);
		vx_pq_decode(codebook, other, scratch);
		assert_true(vx_kernels->l2_squared(x, scratch, data->dim) >= error * (1 - 1e-5f));
		sum += (double) error;
	}
	free(scratch);
	free(other);
	free(code);
	return sum / data->n;
}

/* A larger m is nearer, up to as many subvectors as dimensions; m need not divide the dimensions. */
static void
test_error_falls_with_m(void **state)
{
	static const uint32_t subvectors[] = {1, 2, 3, 5, 10, 23, 24};
	Data		data = make_data(2000, 24, 3, 1);
	double		previous = INFINITY;

	(void) state;
	for (size_t i = 0; i < sizeof(subvectors) / sizeof(*subvectors); i++)
	{
		VxPqCodebook *codebook = train(&data, subvectors[i], 7);
		double		error = coding_error(codebook, &data);

		assert_int_equal(codebook->m, subvectors[i]);
		assert_int_equal(codebook->sample_count, 2000);
		assert_true(error < previous);
		/* the mean is what one centroid would be; variance of 24 normal dimensions is 24 */
		assert_true(codebook->variance > 23 && codebook->variance < 25);
		assert_true(error < (double) codebook->variance);
		assert_true(fabs(error - (double) codebook->error) < 1e-3 * error);
		previous = error;
		free(codebook);
	}
	/* 256 levels for each normal coordinate: the best scalar quantiser has an error of about 2.7 / 256^2 each */
	assert_true(previous / 24 < 1e-3);
	assert_true(data.polls > 100);
	free(data.x);
}

/* A sample of fewer than 256 vectors is learnt by heart, and the bytes that stand for no centroid are safe. */
static void
test_small_sample(void **state)
{
	static const uint32_t sizes[] = {1, 2, 7, 100, 255, 256};

	(void) state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
	{
		Data		data = make_data(sizes[i], 10, -2, 5 + i);
		VxPqCodebook *codebook = train(&data, 3, 1);
		uint8_t		unused[3] = {255, 255, 255};
		uint8_t		first[3] = {0, 0, 0};
		float		a[10],
					b[10];

		assert_int_equal(codebook->centroid_count, sizes[i]);
		assert_true(coding_error(codebook, &data) < 1e-10);
		assert_true(codebook->error < 1e-10f);
		vx_pq_decode(codebook, unused, a);
		vx_pq_decode(codebook, first, b);
		if (sizes[i] < 256)
			assert_memory_equal(a, b, sizeof(a));
		free(codebook);
		free(data.x);
	}
}

static void
test_empty_sample(void **state)
{
	Data		data = make_data(0, 5, 0, 1);
	VxPqCodebook *codebook = train(&data, 2, 1);
	float		x[5] = {1, 2, 3, 4, 5}, scratch[5];
	uint8_t		code[2];

	(void) state;
	vx_pq_encode(codebook, x, scratch, code);
	assert_int_equal(code[0], 0);
	vx_pq_decode(codebook, code, scratch);
	for (int d = 0; d < 5; d++)
		assert_true(scratch[d] == 0);
	free(codebook);
	free(data.x);
}

/* Identical rows, and a few distinct ones many times over, are kept exactly: empty clusters must not displace centroids. */
static void
test_duplicates(void **state)
{
	static const uint32_t distinct[] = {1, 2, 50, 200};

	(void) state;
	for (size_t i = 0; i < sizeof(distinct) / sizeof(*distinct); i++)
	{
		Data		data = make_data(1000, 12, 100, 8);
		VxPqCodebook *codebook;

		for (uint32_t r = distinct[i]; r < data.n; r++)
			memcpy(data.x + (size_t) r * 12, data.x + (size_t) (r % distinct[i]) * 12, 12 * sizeof(float));
		codebook = train(&data, 5, 2);
		assert_int_equal(codebook->centroid_count, 256);
		/* the mean is near 100, where floats are 8e-6 apart */
		assert_true(coding_error(codebook, &data) < 1e-8);
		assert_true(isfinite(codebook->error) && isfinite(codebook->variance));
		free(codebook);
		free(data.x);
	}
}

static void
test_deterministic(void **state)
{
	Data		data = make_data(3000, 16, 0, 4);
	VxPqCodebook *a = train(&data, 4, 42);
	VxPqCodebook *b = train(&data, 4, 42);
	VxPqCodebook *c = train(&data, 4, 43);

	(void) state;
	assert_memory_equal(a, b, a->bytes);
	assert_memory_not_equal(a, c, a->bytes);
	free(a);
	free(b);
	free(c);
	free(data.x);
}

static float
score_by_decoding(const VxPqCodebook *codebook, VxMetric metric, const float *query, const uint8_t *code)
{
	float	   *x = malloc(codebook->dim * sizeof(float));
	double		sum = 0;

	vx_pq_decode(codebook, code, x);
	for (uint32_t d = 0; d < codebook->dim; d++)
		if (metric == VX_METRIC_IP)
			sum -= (double) query[d] * (double) x[d];
		else
			sum += ((double) query[d] - (double) x[d]) * ((double) query[d] - (double) x[d]);
	free(x);
	return (float) (metric == VX_METRIC_COSINE ? sum / 2 : sum);
}

/*
 * Scores of batches of every small size, random bytes as codes at odd addresses, equal those of decoded vectors. size: about that of
 * the vectors' elements.
 */
static void
check_scores(float size)
{
	static const VxMetric metrics[] = {VX_METRIC_L2, VX_METRIC_IP, VX_METRIC_COSINE};
	static const uint32_t subvectors[] = {1, 4, 7, 30, 37};

	for (size_t i = 0; i < sizeof(subvectors) / sizeof(*subvectors); i++)
	{
		/* fewer than 256 centroids in some */
		Data		data = make_data(i % 2 == 0 ? 600 : 60, 37, 1, 20 + i);
		uint32_t	m = subvectors[i];
		VxPqCodebook *codebook;
		VxPqTable	table;
		VxRng		rng = {i};

		for (size_t k = 0; k < (size_t) data.n * data.dim; k++)
			data.x[k] *= size;
		codebook = train(&data, m, 1);
		vx_pq_table_init(&table, &unit_mem, codebook->dim, codebook->m);
		for (size_t k = 0; k < 3; k++)
			for (uint32_t n = 0; n <= 13; n++)
			{
				const float *query = data_row(&data, n);
				uint8_t    *codes[13];
				float		score[14];

				for (uint32_t j = 0; j < n; j++)
				{
					/* of exactly m bytes, so that the address sanitizer sees reads beyond */
					codes[j] = malloc(m);
					for (uint32_t s = 0; s < m; s++)
						codes[j][s] = (uint8_t) vx_rng_next(&rng);
				}
				score[n] = 12345;
				vx_pq_prepare(&table, codebook, metrics[k], query);
				vx_pq_score(&table, (const uint8_t *const *) codes, n, score);
				assert_true(score[n] == 12345);
				for (uint32_t j = 0; j < n; j++)
				{
					float		expected = score_by_decoding(codebook, metrics[k], query, codes[j]);
					float		alone;

					assert_true(fabsf(score[j] - expected) < 1e-5f * (37 * size * size + fabsf(expected)));
					vx_pq_score(&table, (const uint8_t *const *) &codes[j], 1, &alone);
					assert_true(alone == score[j]);
					free(codes[j]);
				}
			}
		vx_pq_table_free(&table, &unit_mem);
		free(codebook);
		free(data.x);
	}
}

/* Whatever the size of elements, up to what a codebook has room for. */
static void
test_scores(void **state)
{
	(void) state;
	check_scores(1);
	check_scores(1e-15f);
	check_scores(2e17f);
}

/* The code of a query itself scores best: 16 bytes tell 1,500 random vectors of 32 dimensions well apart. */
static void
test_ranking(void **state)
{
	Data		data = make_data(1500, 32, 0, 30);
	VxPqCodebook *codebook = train(&data, 16, 1);
	uint8_t    *codes = malloc(1500 * 16);
	const uint8_t *places[1500];
	float		scratch[32],
				score[1500];
	VxPqTable	table;
	uint32_t	own_is_best = 0;

	(void) state;
	for (uint32_t i = 0; i < data.n; i++)
	{
		places[i] = codes + (size_t) i * 16;
		vx_pq_encode(codebook, data_row(&data, i), scratch, codes + (size_t) i * 16);
	}
	vx_pq_table_init(&table, &unit_mem, codebook->dim, codebook->m);
	for (uint32_t q = 0; q < 100; q++)
	{
		uint32_t	best = 0;

		vx_pq_prepare(&table, codebook, VX_METRIC_L2, data_row(&data, q));
		vx_pq_score(&table, places, data.n, score);
		for (uint32_t i = 1; i < data.n; i++)
			if (score[i] < score[best])
				best = i;
		own_is_best += best == q;
	}
	assert_int_equal(own_is_best, 100);
	vx_pq_table_free(&table, &unit_mem);
	free(codes);
	free(codebook);
	free(data.x);
}

/* The largest floats, infinities and NaN in samples, vectors and queries leave codebooks valid and scores finite. */
static void
test_extreme_values(void **state)
{
	static const float extremes[] = {FLT_MAX, -FLT_MAX, INFINITY, -INFINITY, NAN, 1e18f, FLT_MIN / 4, 0};
	static const VxMetric metrics[] = {VX_METRIC_L2, VX_METRIC_IP, VX_METRIC_COSINE};
	Data		data = make_data(600, 9, 0, 50);
	VxRng		rng = {51};
	VxPqCodebook *codebook;
	VxPqTable	table;
	float		scratch[9];
	uint8_t		code[4];
	const uint8_t *place = code;

	(void) state;
	for (size_t i = 0; i < 600 * 9; i += 1 + vx_rng_below(&rng, 3))
		data.x[i] = extremes[vx_rng_below(&rng, 8)];
	codebook = train(&data, 4, 1);
	vx_pq_table_init(&table, &unit_mem, codebook->dim, codebook->m);
	for (uint32_t i = 0; i < data.n; i++)
		for (int k = 0; k < 3; k++)
		{
			float		score;

			vx_pq_encode(codebook, data_row(&data, i), scratch, code);
			vx_pq_decode(codebook, code, scratch);
			for (int d = 0; d < 9; d++)
				assert_true(isfinite(scratch[d]));
			vx_pq_prepare(&table, codebook, metrics[k], data_row(&data, (i + 1) % data.n));
			vx_pq_score(&table, &place, 1, &score);
			assert_true(isfinite(score));
		}
	vx_pq_table_free(&table, &unit_mem);
	free(codebook);
	free(data.x);
}

/* More rows than are used: rows are asked for all over the sample, and the count is kept. */
static void
test_large_sample(void **state)
{
	Data		data = make_data(VX_PQ_MAX_SAMPLE + 5000, 1, 0, 60);
	VxPqCodebook *codebook;

	(void) state;
	/* the end of the sample lies elsewhere */
	for (uint32_t i = VX_PQ_MAX_SAMPLE; i < data.n; i++)
		data.x[i] += 100;
	codebook = train(&data, 1, 1);
	assert_int_equal(codebook->sample_count, VX_PQ_MAX_SAMPLE);
	assert_true(vx_pq_mean(codebook)[0] > 3 && vx_pq_mean(codebook)[0] < 4.5f);
	assert_true(codebook->error < 0.01f);
	free(codebook);
	free(data.x);
}

/* An allocator that knows how much is taken. */
typedef struct Meter
{
	size_t		now;
	size_t		peak;
} Meter;

static void *
metered_resize(void *context, void *p, size_t size)
{
	Meter	   *meter = context;
	size_t	   *block = p == NULL ? NULL : (size_t *) p - 2;

	if (block != NULL)
		meter->now -= block[0];
	if (size == 0)
	{
		free(block);
		return NULL;
	}
	block = realloc(block, size + 2 * sizeof(size_t));
	block[0] = size;
	meter->now += size;
	meter->peak = VX_MAX(meter->peak, meter->now);
	return block + 2;
}

/* What training takes at most: the mean's sums; a subvector of all rows; what vx_kmeans takes for seeds, then for clusters. */
static size_t
train_bytes(uint32_t dim, uint32_t m, uint32_t n)
{
	size_t		used = VX_MIN(n, VX_PQ_MAX_SAMPLE);
	size_t		widest = (dim + m - 1) / m;

	return dim * sizeof(double) + used * widest * sizeof(float)
		+ VX_MAX(VX_MIN(used, VX_KMEANS_SEED_POINTS) * (widest + 2) * sizeof(float), VX_PQ_CENTROIDS * widest * sizeof(double));
}

static void
test_memory_bound(void **state)
{
	static const uint32_t cases[][3] = {{1, 1, 1}, {13, 4, 100}, {40, 3, 9000}, {64, 64, 300}, {300, 1, 600}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
	{
		uint32_t	dim = cases[i][0],
					m = cases[i][1],
					n = cases[i][2];
		Data		data = make_data(n, dim, 0, i);
		VxPqSample	sample = {.n = n,.row = data_row,.context = &data};
		Meter		meter = {0, 0};
		VxMem		mem = {.resize = metered_resize,.context = &meter};
		VxPqCodebook *codebook = malloc(vx_pq_codebook_bytes(dim));

		vx_pq_train(&mem, dim, m, &sample, 1, codebook);
		assert_int_equal(meter.now, 0);
		assert_true(meter.peak <= train_bytes(dim, m, n));
		free(codebook);
		free(data.x);
	}
}

/* Every changed bit of the header, and of sampled bytes elsewhere, is noticed; so is every shorter size. */
static void
test_corrupted_codebook(void **state)
{
	Data		data = make_data(300, 6, 0, 70);
	VxPqCodebook *codebook = train(&data, 3, 1);
	size_t		bytes = codebook->bytes;
	uint8_t    *block = (uint8_t *) codebook;
	VxRng		rng = {71};

	(void) state;
	for (size_t bit = 0; bit < sizeof(VxPqCodebook) * 8; bit++)
	{
		block[bit / 8] ^= (uint8_t) (1 << bit % 8);
		assert_non_null(vx_pq_check(block, bytes));
		block[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	for (int i = 0; i < 2000; i++)
	{
		size_t		at = vx_rng_below(&rng, (uint32_t) bytes);
		uint8_t		change = (uint8_t) (1 + vx_rng_below(&rng, 255));

		block[at] ^= change;
		assert_non_null(vx_pq_check(block, bytes));
		block[at] ^= change;
	}
	assert_null(vx_pq_check(block, bytes));

	/* of exactly the size claimed, so that the address sanitizer sees reads beyond */
	for (size_t size = 0; size < bytes; size += size < 80 ? 1 : 997)
	{
		uint8_t    *part = malloc(VX_MAX(size, 1));

		memcpy(part, block, size);
		assert_non_null(vx_pq_check(part, size));
		free(part);
	}
	/* random headers, with the right magic and version so that the checks behind them are reached */
	for (int i = 0; i < 5000; i++)
	{
		uint64_t	noise[32];

		for (int j = 0; j < 32; j++)
			noise[j] = vx_rng_next(&rng) >> vx_rng_below(&rng, 64);
		memcpy(noise, block, 8);
		if (i % 2 == 0)
			memcpy(noise, block, 24 + vx_rng_below(&rng, 24));
		assert_non_null(vx_pq_check(noise, sizeof(noise)));
	}
	assert_non_null(vx_pq_check(block + 4, bytes - 4));
	free(codebook);
	free(data.x);
}

static void
test_sizes(void **state)
{
	(void) state;
	assert_int_equal(vx_pq_codebook_bytes(0), 0);
	assert_int_equal(vx_pq_codebook_bytes(VX_PQ_MAX_DIM + 1), 0);
	assert_int_equal(vx_pq_codebook_bytes(2), 64 + 2 * 257 * 4);
	for (uint32_t dim = 1; dim < 60; dim++)
		for (uint32_t m = 1; m <= dim; m++)
		{
			assert_int_equal(vx_pq_begin(dim, m, 0), 0);
			assert_int_equal(vx_pq_begin(dim, m, m), dim);
			for (uint32_t s = 0; s < m; s++)
				assert_int_equal(vx_pq_begin(dim, m, s + 1) - vx_pq_begin(dim, m, s), dim / m + (s < dim % m));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_error_falls_with_m),
		cmocka_unit_test(test_small_sample),
		cmocka_unit_test(test_empty_sample),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_ranking),
		cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_large_sample),
		cmocka_unit_test(test_memory_bound),
		cmocka_unit_test(test_corrupted_codebook),
	};

	vx_kernels_select();
	vx_pq_kernels_select();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
