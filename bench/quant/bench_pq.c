/*
 * bench_pq.c: product quantisation: what scoring a code costs, and on real vectors what a codebook costs and is worth.
 *
 *     bench_pq [DIRECTORY ...]
 *
 * 1. Nanoseconds per code, for each number of subvectors: codes that stay in the L1 cache with the table, then codes at random
 *    places in an array larger than the caches, and the same with the codes of the next batch prefetched. Median of REPEATS.
 * 2. For each directory with base.fvecs or base.bvecs, query.* and groundtruth.ivecs (formats: data/README.md), for each
 *    number of subvectors: bytes per vector; seconds to train from all base vectors on one core; microseconds to encode and to
 *    decode a vector and to prepare a query; squared reconstruction error as a share of the variance, of the sample and,
 *    unseen in training, of the queries; and the share of the 10 nearest vectors among the 10 (or 100) best by code alone.
 *    Distances are L2, which for the unit vectors of a cosine set is the same order.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/vx_rng.h"
#include "quant/vx_pq.h"

#define REPEATS 5
#define BATCH 32
#define ARRAY_BYTES ((size_t) 128 << 20)
#define NEAREST 10
#define RERANKED 100

static const uint32_t subvectors[] = {8, 16, 32, 64, 96};

#define SUBVECTOR_COUNT (sizeof(subvectors) / sizeof(*subvectors))

static volatile float sink;		/* results end here, so that none is optimized away */

static void *
resize(void *context, void *p, size_t size)
{
	(void) context;
	if (size == 0)
	{
		free(p);
		return NULL;
	}
	p = realloc(p, size);
	if (p == NULL)
	{
		fputs("bench_pq: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

static const VxMem mem = {.resize = resize};

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Nanoseconds per code: batches of codes at random places among the first count of the array. */
static double
measure_score(const VxPqTable *table, const uint8_t *array, uint32_t count, bool ahead)
{
	enum {BATCHES = 2048};
	static const uint8_t *places[BATCHES * BATCH + BATCH];
	double		samples[REPEATS];
	VxRng		rng = {count};

	for (int r = 0; r < REPEATS; r++)
	{
		double		start;

		for (int i = 0; i < BATCHES * BATCH + BATCH; i++)
			places[i] = array + (size_t) vx_rng_below(&rng, count) * table->m;
		start = now_ns();
		for (int b = 0; b < BATCHES; b++)
		{
			float		score[BATCH];

			if (ahead)
				for (int i = 0; i < BATCH; i++)
				{
					const uint8_t *next = places[(b + 1) * BATCH + i];

					__builtin_prefetch(next);
					__builtin_prefetch(next + table->m - 1);
				}
			vx_pq_score(table, places + b * BATCH, BATCH, score);
			sink = score[0];
		}
		samples[r] = (now_ns() - start) / (BATCHES * BATCH);
	}
	qsort(samples, REPEATS, sizeof(double), compare_doubles);
	return samples[REPEATS / 2];
}

static void
bench_score(void)
{
	uint8_t    *array = vx_alloc(&mem, ARRAY_BYTES);
	VxRng		rng = {1};

	for (size_t i = 0; i < ARRAY_BYTES; i += sizeof(uint64_t))
	{
		uint64_t	word = vx_rng_next(&rng);

		memcpy(array + i, &word, sizeof(word));
	}
	printf("ns per code, random tables\n%12s %8s %8s %9s\n", "subvectors", "L1", "random", "prefetch");
	for (size_t i = 0; i < SUBVECTOR_COUNT; i++)
	{
		VxPqTable	table = {.m = subvectors[i]};
		uint32_t	all = (uint32_t) (ARRAY_BYTES / table.m);

		table.entries = vx_alloc(&mem, (size_t) table.m * VX_PQ_CENTROIDS * sizeof(float));
		for (uint32_t j = 0; j < table.m * VX_PQ_CENTROIDS; j++)
			table.entries[j] = (float) vx_rng_unit(&rng);
		printf("%12u %8.1f %8.1f %9.1f\n", table.m, measure_score(&table, array, 64, false),
			   measure_score(&table, array, all, false), measure_score(&table, array, all, true));
		vx_free(&mem, table.entries);
	}
	vx_free(&mem, array);
}

/* Vectors of a file, each an int32 dimension and that many values of the given size. */
typedef struct Vectors
{
	uint32_t	n;
	uint32_t	dim;
	void	   *values;			/* float, or int32_t for .ivecs: [n][dim] */
} Vectors;

static void
broken(const char *path)
{
	fprintf(stderr, "bench_pq: %s cannot be read\n", path);
	exit(1);
}

/* Returns false if there is no such file. */
static bool
read_vectors(const char *directory, const char *name, size_t value_bytes, Vectors *vectors)
{
	char		path[PATH_MAX];
	FILE	   *f;
	int32_t		dim;
	long		size = 0;
	uint8_t    *row;

	if ((size_t) snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path) || (f = fopen(path, "rb")) == NULL)
		return false;
	if (fread(&dim, sizeof(dim), 1, f) != 1 || dim < 1 || dim > VX_PQ_MAX_DIM || fseek(f, 0, SEEK_END) != 0
		|| (size = ftell(f)) < 0)
		broken(path);
	vectors->dim = (uint32_t) dim;
	vectors->n = (uint32_t) ((size_t) size / (sizeof(dim) + vectors->dim * value_bytes));
	vectors->values = vx_alloc(&mem, (size_t) vectors->n * vectors->dim * sizeof(float));
	row = vx_alloc(&mem, vectors->dim * value_bytes);
	rewind(f);
	for (uint32_t i = 0; i < vectors->n; i++)
	{
		float	   *out = (float *) vectors->values + (size_t) i * vectors->dim;

		if (fread(&dim, sizeof(dim), 1, f) != 1 || (uint32_t) dim != vectors->dim
			|| fread(row, value_bytes, vectors->dim, f) != vectors->dim)
			broken(path);
		if (value_bytes == 1)
			for (uint32_t d = 0; d < vectors->dim; d++)
				out[d] = row[d];
		else
			memcpy(out, row, vectors->dim * sizeof(float));
	}
	vx_free(&mem, row);
	fclose(f);
	return true;
}

static void
read_either(const char *directory, const char *name, Vectors *vectors)
{
	char		file[64];

	snprintf(file, sizeof(file), "%s.fvecs", name);
	if (read_vectors(directory, file, sizeof(float), vectors))
		return;
	snprintf(file, sizeof(file), "%s.bvecs", name);
	if (!read_vectors(directory, file, 1, vectors))
		broken(directory);
}

static const float *
sample_row(void *context, uint32_t i)
{
	const Vectors *vectors = context;

	return (const float *) vectors->values + (size_t) i * vectors->dim;
}

/* Mean squared reconstruction error; *us is what decoding takes. */
static double
mean_error(const VxPqCodebook *codebook, Vectors *vectors, double *us)
{
	float	   *scratch = vx_alloc(&mem, codebook->dim * sizeof(float));
	uint8_t    *codes = vx_alloc(&mem, (size_t) vectors->n * codebook->m);
	double		sum = 0;
	double		start;

	for (uint32_t i = 0; i < vectors->n; i++)
	{
		uint8_t    *code = codes + (size_t) i * codebook->m;

		vx_pq_encode(codebook, sample_row(vectors, i), scratch, code);
		vx_pq_decode(codebook, code, scratch);
		sum += (double) vx_kernels->l2_squared(sample_row(vectors, i), scratch, codebook->dim);
	}
	start = now_ns();
	for (uint32_t i = 0; i < vectors->n; i++)
	{
		vx_pq_decode(codebook, codes + (size_t) i * codebook->m, scratch);
		sink = scratch[0];
	}
	*us = (now_ns() - start) / 1e3 / vectors->n;
	vx_free(&mem, codes);
	vx_free(&mem, scratch);
	return sum / vectors->n;
}

/* Adds to hits how many of the true nearest have a score among the best NEAREST, and among the best RERANKED. */
static void
count_hits(const float *score, uint32_t n, const int32_t *truth, uint32_t hits[2])
{
	for (uint32_t k = 0; k < NEAREST; k++)
	{
		uint32_t	id = (uint32_t) truth[k];
		uint32_t	rank = 0;

		for (uint32_t i = 0; i < n; i++)
			rank += score[i] < score[id] || (score[i] == score[id] && i < id);
		hits[0] += rank < NEAREST;
		hits[1] += rank < RERANKED;
	}
}

static void
bench_codebook(Vectors *base, Vectors *query, const Vectors *truth, uint32_t m)
{
	VxPqSample	sample = {.n = base->n,.row = sample_row,.context = base};
	VxPqCodebook *codebook = vx_alloc(&mem, vx_pq_codebook_bytes(base->dim));
	uint8_t    *codes = vx_alloc(&mem, (size_t) base->n * m);
	const uint8_t **places = vx_alloc(&mem, base->n * sizeof(*places));
	float	   *score = vx_alloc(&mem, base->n * sizeof(float));
	float	   *scratch = vx_alloc(&mem, base->dim * sizeof(float));
	VxPqTable	table;
	uint32_t	hits[2] = {0, 0};
	double		train_ns, encode_ns, decode_us, prepare_ns = 0, error, possible;
	double		start = now_ns();

	vx_pq_train(&mem, base->dim, m, &sample, 1, codebook);
	train_ns = now_ns() - start;
	start = now_ns();
	for (uint32_t i = 0; i < base->n; i++)
	{
		vx_pq_encode(codebook, sample_row(base, i), scratch, codes + (size_t) i * m);
		places[i] = codes + (size_t) i * m;
	}
	encode_ns = now_ns() - start;
	vx_pq_table_init(&table, &mem, codebook->dim, codebook->m);
	for (uint32_t q = 0; q < query->n; q++)
	{
		start = now_ns();
		vx_pq_prepare(&table, codebook, VX_METRIC_L2, sample_row(query, q));
		prepare_ns += now_ns() - start;
		vx_pq_score(&table, places, base->n, score);
		count_hits(score, base->n, (const int32_t *) truth->values + (size_t) q * truth->dim, hits);
	}
	error = mean_error(codebook, query, &decode_us);
	possible = (double) query->n * NEAREST;
	printf("%10u %9.2f %10.2f %10.2f %10.2f %9.4f %9.4f %10.3f %11.3f\n", m, train_ns / 1e9, encode_ns / 1e3 / base->n,
		   decode_us, prepare_ns / 1e3 / query->n, (double) (codebook->error / codebook->variance),
		   error / (double) codebook->variance, hits[0] / possible, hits[1] / possible);
	fflush(stdout);
	vx_pq_table_free(&table, &mem);
	vx_free(&mem, scratch);
	vx_free(&mem, score);
	vx_free(&mem, places);
	vx_free(&mem, codes);
	vx_free(&mem, codebook);
}

static void
bench_directory(const char *directory)
{
	Vectors		base, query, truth;

	read_either(directory, "base", &base);
	read_either(directory, "query", &query);
	if (!read_vectors(directory, "groundtruth.ivecs", sizeof(int32_t), &truth) || truth.n != query.n
		|| truth.dim < NEAREST || query.dim != base.dim)
		broken(directory);
	for (size_t i = 0; i < (size_t) truth.n * truth.dim; i++)
		if (((uint32_t *) truth.values)[i] >= base.n)
			broken(directory);
	printf("\n%s: %u vectors of %u dimensions (%zu bytes), %u queries; codebook of %zu kB\n", directory, base.n, base.dim,
		   base.dim * sizeof(float), query.n, vx_pq_codebook_bytes(base.dim) / 1024);
	printf("%10s %9s %10s %10s %10s %9s %9s %10s %11s\n", "bytes", "train s", "encode us", "decode us", "prepare us", "error",
		   "unseen", "recall@10", "10 in 100");
	for (size_t i = 0; i < SUBVECTOR_COUNT; i++)
		if (subvectors[i] <= base.dim)
			bench_codebook(&base, &query, &truth, subvectors[i]);
	vx_free(&mem, base.values);
	vx_free(&mem, query.values);
	vx_free(&mem, truth.values);
}

int
main(int argc, char **argv)
{
	vx_kernels_select();
	printf("kernels: %s\n", vx_pq_kernels_select()->name);
	bench_score();
	for (int i = 1; i < argc; i++)
		bench_directory(argv[i]);
	return 0;
}
