/*
 * bench_kernels.c: what one distance costs, for each kernel table, metric and dimension.
 *
 * Three cases, because a graph search is rarely short of arithmetic and often waits for memory:
 *
 *   L1        all vectors fit in 16 kB: the arithmetic and the call
 *   random    vectors in random order from an array far larger than the caches
 *   prefetch  the same order, with every cache line of a vector asked for LOOKAHEAD vectors before its turn
 *
 * Memory latency (dependent loads, one per cache line) and bandwidth (one core reading the array in order) are measured in
 * the same run on the same array, so that the random cases can be read against them on a shared or unknown machine. Pages
 * are of the system's default size, as PostgreSQL's shared buffers mostly are; so random includes address translation.
 *
 * Each figure is the median of REPEATS runs of at least --ms milliseconds. The order of vectors comes from a fixed seed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "core/vx_rng.h"
#include "distance/vx_distance.h"

#define CACHE_LINE 64
#define L1_BYTES (16 * 1024)
#define REPEATS 5
#define LOOKAHEAD 4
#define ORDER_COUNT (1 << 16)	/* random places, read in order: 256 kB */

typedef enum Metric
{
	METRIC_L2, METRIC_IP, METRIC_L1, METRIC_NORM, METRIC_COSINE, METRIC_COUNT
} Metric;

typedef enum Case
{
	CASE_L1, CASE_RANDOM, CASE_PREFETCH, CASE_COUNT
} Case;

static const char *const metric_names[METRIC_COUNT] = {"l2", "ip", "l1", "norm", "cosine"};
static const char *const case_names[CASE_COUNT] = {"L1", "random", "prefetch"};
static const size_t dims[] = {8, 32, 128, 384, 768, 1536};

#define DIM_COUNT (sizeof(dims) / sizeof(*dims))
#define MAX_DIM 1536

/* What every measurement works on. */
typedef struct Bench
{
	float	   *array;			/* [bytes / 4], random in [-1, 1) */
	size_t		bytes;
	float		query[MAX_DIM];
	uint32_t	order[ORDER_COUNT + LOOKAHEAD];	/* vector numbers for the dimension at hand */
	double		min_ns;			/* shortest run that is believed */
	double		sink;			/* results end here, so that none is optimized away */
} Bench;

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

static double
median(double *values, int n)
{
	qsort(values, (size_t) n, sizeof(double), compare_doubles);
	return values[n / 2];
}

/*
 * Nanoseconds per dependent load: each cache line of the array holds the number of the next, in one random cycle over all
 * lines (Sattolo's shuffle), so neither the prefetchers nor reordering can help. Leaves the array full of these numbers.
 */
static double
measure_latency(Bench *bench)
{
	uint64_t   *words = (uint64_t *) (void *) bench->array;
	size_t		step = CACHE_LINE / sizeof(uint64_t);
	uint32_t	lines = (uint32_t) (bench->bytes / CACHE_LINE);
	double		samples[REPEATS];
	uint64_t	at = 0;
	VxRng		rng = {1};

	for (uint32_t i = 0; i < lines; i++)
		words[i * step] = i;
	for (uint32_t i = lines - 1; i > 0; i--)
	{
		uint32_t	j = vx_rng_below(&rng, i);
		uint64_t	t = words[i * step];

		words[i * step] = words[j * step];
		words[j * step] = t;
	}
	for (int r = 0; r < REPEATS; r++)
	{
		uint32_t	loads = 200000;
		double		start = now_ns();

		for (uint32_t i = 0; i < loads; i++)
			at = words[at * step];
		samples[r] = (now_ns() - start) / loads;
	}
	bench->sink += (double) at;
	return median(samples, REPEATS);
}

/* Gigabytes per second that one core reads in address order. */
static double
measure_bandwidth(Bench *bench)
{
	const uint64_t *words = (const uint64_t *) (const void *) bench->array;
	size_t		count = bench->bytes / sizeof(uint64_t);
	double		samples[REPEATS];

	for (int r = 0; r < REPEATS; r++)
	{
		uint64_t	sums[8] = {0};
		double		start = now_ns();

		for (size_t i = 0; i + 8 <= count; i += 8)
			for (size_t k = 0; k < 8; k++)
				sums[k] += words[i + k];
		samples[r] = (double) bench->bytes / (now_ns() - start);
		for (int k = 0; k < 8; k++)
			bench->sink += (double) sums[k];
	}
	return median(samples, REPEATS);
}

static void
fill(Bench *bench)
{
	VxRng		rng = {2};
	size_t		count = bench->bytes / sizeof(float);

	for (size_t i = 0; i < count; i++)
		bench->array[i] = (float) (vx_rng_next(&rng) >> 40) * 0x1.0p-23f - 1;
	for (size_t i = 0; i < MAX_DIM; i++)
		bench->query[i] = (float) (vx_rng_next(&rng) >> 40) * 0x1.0p-23f - 1;
}

static inline float
distance(const VxKernels *kernels, Metric metric, const float *query, const float *x, size_t dim)
{
	float		dot, norm2_query, norm2_x;

	switch (metric)
	{
		case METRIC_L2:
			return kernels->l2_squared(query, x, dim);
		case METRIC_IP:
			return kernels->inner_product(query, x, dim);
		case METRIC_L1:
			return kernels->l1(query, x, dim);
		case METRIC_NORM:
			return kernels->norm_squared(x, dim);
		default:
			kernels->cosine_parts(query, x, dim, &dot, &norm2_query, &norm2_x);
			return dot + norm2_query + norm2_x;
	}
}

static inline void
prefetch(const float *x, size_t dim)
{
	const char *p = (const char *) x;

	for (size_t at = 0; at < dim * sizeof(float); at += CACHE_LINE)
		__builtin_prefetch(p + at, 0, 3);
}

/* One pass over count vectors in the given order. */
static double
pass(Bench *bench, const VxKernels *kernels, Metric metric, size_t dim, uint32_t count, bool ahead)
{
	float		sum = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		if (ahead)
			prefetch(bench->array + bench->order[i + LOOKAHEAD] * dim, dim);
		sum += distance(kernels, metric, bench->query, bench->array + bench->order[i] * dim, dim);
	}
	return (double) sum;
}

/* Nanoseconds per distance. */
static double
measure(Bench *bench, const VxKernels *kernels, Metric metric, size_t dim, Case where)
{
	size_t		vector_bytes = dim * sizeof(float);
	size_t		vectors = (where == CASE_L1 ? L1_BYTES : bench->bytes) / vector_bytes;
	uint32_t	count = ORDER_COUNT;
	double		samples[REPEATS];
	VxRng		rng = {3};

	/* a pass over large vectors alone would take longer than asked for */
	while (count > 256 && (double) (count * dim) > bench->min_ns * 4)
		count /= 2;
	for (uint32_t i = 0; i < count + LOOKAHEAD; i++)
		bench->order[i] = where == CASE_L1 ? (uint32_t) (i % vectors) : vx_rng_below(&rng, (uint32_t) vectors);
	if (where == CASE_L1)
		bench->sink += pass(bench, kernels, metric, dim, (uint32_t) vectors, false);

	for (int r = 0; r < REPEATS; r++)
	{
		uint64_t	done = 0;
		double		start = now_ns();
		double		elapsed;

		do
		{
			bench->sink += pass(bench, kernels, metric, dim, count, where == CASE_PREFETCH);
			done += count;
			elapsed = now_ns() - start;

			/* the next pass must not find in the caches what this one has read */
			if (where != CASE_L1)
				for (uint32_t i = 0; i < count + LOOKAHEAD; i++)
					bench->order[i] = vx_rng_below(&rng, (uint32_t) vectors);
			start = now_ns() - elapsed;
		} while (elapsed < bench->min_ns);
		samples[r] = elapsed / (double) done;
	}
	return median(samples, REPEATS);
}

static void
cpu_name(char *name, size_t size)
{
	FILE	   *f = fopen("/proc/cpuinfo", "r");
	char		line[256];

	snprintf(name, size, "unknown");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
	{
		char	   *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		colon[1 + strcspn(colon + 1, "\n\"\\")] = '\0';
		snprintf(name, size, "%s", colon + 1 + strspn(colon + 1, " "));
		break;
	}
	if (f != NULL)
		fclose(f);
}

/* One row per metric and dimension, three columns per table. */
static void
print_table(Bench *bench, const char *only)
{
	const VxKernels *k;

	printf("ns per distance; prefetch looks %d vectors ahead\n\n%-7s %5s", LOOKAHEAD, "", "");
	for (int t = 0; (k = vx_kernels_available(t)) != NULL; t++)
		if (only == NULL || strcmp(only, k->name) == 0)
			printf("  | %-27s", k->name);
	printf("\n%-7s %5s", "metric", "dim");
	for (int t = 0; (k = vx_kernels_available(t)) != NULL; t++)
		if (only == NULL || strcmp(only, k->name) == 0)
			printf("  | %8s %8s %9s", case_names[0], case_names[1], case_names[2]);
	printf("\n");
	for (int m = 0; m < METRIC_COUNT; m++)
		for (size_t d = 0; d < DIM_COUNT; d++)
		{
			printf("%-7s %5zu", metric_names[m], dims[d]);
			for (int t = 0; (k = vx_kernels_available(t)) != NULL; t++)
			{
				if (only != NULL && strcmp(only, k->name) != 0)
					continue;
				printf("  |");
				for (int c = 0; c < CASE_COUNT; c++)
					printf(" %*.1f", c == CASE_PREFETCH ? 9 : 8, measure(bench, k, (Metric) m, dims[d], (Case) c));
				fflush(stdout);
			}
			printf("\n");
		}
}

static void
print_json_cells(Bench *bench, const char *only)
{
	const VxKernels *k;
	const char *separator = "";

	for (int t = 0; (k = vx_kernels_available(t)) != NULL; t++)
		for (int m = 0; m < METRIC_COUNT && (only == NULL || strcmp(only, k->name) == 0); m++)
			for (size_t d = 0; d < DIM_COUNT; d++)
			{
				printf("%s\n    {\"kernels\": \"%s\", \"metric\": \"%s\", \"dim\": %zu", separator, k->name, metric_names[m], dims[d]);
				for (int c = 0; c < CASE_COUNT; c++)
					printf(", \"%s_ns\": %.2f", case_names[c], measure(bench, k, (Metric) m, dims[d], (Case) c));
				printf("}");
				separator = ",";
			}
}

static void
usage(FILE *to)
{
	fputs("usage: bench_kernels [--json] [--kernels NAME] [--mb SIZE] [--ms TIME]\n"
		  "  --kernels NAME  only this table: scalar, avx2, avx512 or neon\n"
		  "  --mb SIZE       size of the large array in megabytes, 16 to 16384 (256)\n"
		  "  --ms TIME       milliseconds per run, 1 to 10000 (4)\n", to);
}

static size_t
number(const char *text, size_t low, size_t high)
{
	char	   *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
	{
		fprintf(stderr, "bench_kernels: \"%s\" is not a number from %zu to %zu\n", text, low, high);
		exit(2);
	}
	return value;
}

static bool
is_available(const char *name)
{
	const VxKernels *k;

	for (int t = 0; (k = vx_kernels_available(t)) != NULL; t++)
		if (strcmp(k->name, name) == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"kernels", required_argument, NULL, 'k'}, {"mb", required_argument, NULL, 'm'},
		{"ms", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}
	};
	static Bench bench = {.bytes = (size_t) 256 << 20,.min_ns = 4e6};
	const char *only = NULL;
	bool		json = false;
	char		cpu[200];
	double		latency, bandwidth;
	int			c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c)
		{
			case 'j':
				json = true;
				break;
			case 'k':
				only = optarg;
				break;
			case 'm':
				bench.bytes = number(optarg, 16, 16384) << 20;
				break;
			case 't':
				bench.min_ns = (double) number(optarg, 1, 10000) * 1e6;
				break;
			default:
				usage(c == 'h' ? stdout : stderr);
				return c == 'h' ? 0 : 2;
		}
	if (optind < argc || (only != NULL && !is_available(only)))
	{
		fprintf(stderr, "bench_kernels: %s\n", optind < argc ? "takes no arguments" : "this processor has no such kernels");
		usage(stderr);
		return 2;
	}
	bench.array = mmap(NULL, bench.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bench.array == MAP_FAILED)
	{
		perror("bench_kernels: mmap");
		return 1;
	}
	cpu_name(cpu, sizeof(cpu));
	latency = measure_latency(&bench);
	bandwidth = measure_bandwidth(&bench);
	fill(&bench);
	if (json)
	{
		printf("{\n  \"cpu\": \"%s\",\n  \"array_mb\": %zu,\n  \"latency_ns\": %.1f,\n  \"bandwidth_gb_s\": %.2f,\n  \"distances\": [",
			   cpu, bench.bytes >> 20, latency, bandwidth);
		print_json_cells(&bench, only);
		printf("\n  ]\n}\n");
	}
	else
	{
		printf("%s, array of %zu MB: latency %.1f ns per load, bandwidth %.2f GB/s on one core\n",
			   cpu, bench.bytes >> 20, latency, bandwidth);
		print_table(&bench, only);
	}
	/* never true; keeps the results alive */
	if (bench.sink == 0.123456789)
		fputs("\n", stderr);
	return 0;
}
