/*
 * limits.c: memory latency, throughput of random cache lines, and bandwidth of one core.
 *
 * Pages are of the system's default size, as the memory of a backend is, so address translation is included.
 */
#include "limits.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "core/vx_rng.h"

#define LINE 64
#define REPEATS 5
#define LOADS 200000
#define AHEAD 16				/* lines asked for before the first is used */

static volatile uint64_t sink;	/* results end here, so that none is optimized away */

double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

double
median(double *values, int n)
{
	qsort(values, (size_t) n, sizeof(double), compare);
	return values[n / 2];
}

/* Each line holds the number of the next in one random cycle over all lines (Sattolo), so no load can start early. */
static double
latency(uint64_t *words, uint32_t lines)
{
	size_t		step = LINE / sizeof(uint64_t);
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
		double		start = now_ns();

		for (int i = 0; i < LOADS; i++)
			at = words[at * step];
		samples[r] = (now_ns() - start) / LOADS;
	}
	sink += at;
	return median(samples, REPEATS);
}

/* Random lines whose addresses are known beforehand, as those of a node's neighbours are. */
static double
random_lines(const uint64_t *words, uint32_t lines)
{
	size_t		step = LINE / sizeof(uint64_t);
	double		samples[REPEATS];
	uint64_t	sum = 0;
	VxRng		rng = {2};

	for (int r = 0; r < REPEATS; r++)
	{
		double		start = now_ns();
		uint32_t	order[AHEAD];

		for (int i = 0; i < LOADS / AHEAD; i++)
		{
			for (int k = 0; k < AHEAD; k++)
			{
				order[k] = vx_rng_below(&rng, lines);
				__builtin_prefetch(words + order[k] * step, 0, 3);
			}
			for (int k = 0; k < AHEAD; k++)
				sum += words[order[k] * step];
		}
		samples[r] = (now_ns() - start) / (LOADS / AHEAD * AHEAD);
	}
	sink += sum;
	return median(samples, REPEATS);
}

static double
bandwidth(const uint64_t *words, size_t bytes)
{
	double		samples[REPEATS];

	for (int r = 0; r < REPEATS; r++)
	{
		uint64_t	sums[8] = {0};
		double		start = now_ns();

		for (size_t i = 0; i + 8 <= bytes / sizeof(uint64_t); i += 8)
			for (size_t k = 0; k < 8; k++)
				sums[k] += words[i + k];
		samples[r] = (double) bytes / (now_ns() - start);
		for (int k = 0; k < 8; k++)
			sink += sums[k];
	}
	return median(samples, REPEATS);
}

int
limits_measure(Limits *limits, size_t bytes)
{
	void	   *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	limits->latency_ns = latency(memory, (uint32_t) (bytes / LINE));
	limits->line_ns = random_lines(memory, (uint32_t) (bytes / LINE));
	limits->bandwidth = bandwidth(memory, bytes);
	munmap(memory, bytes);
	return 0;
}
