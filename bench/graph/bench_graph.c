/*
 * bench_graph.c: what building and searching the graph costs without a server: per search, per hop and per distance.
 *
 * The store is the one of builds (graph/vx_memstore.h), so there are no pages, locks or executor: what is measured is the
 * algorithm and the memory. For each kind of code a graph is built (searches in build score the codes, as CREATE INDEX does),
 * then searched with lists of several sizes:
 *
 *   recall@10   share of the exact 10 nearest that are found
 *   hops        nodes whose edges are read;  ns/hop: time of a search divided by them
 *   scored      distances from the query, exact or from codes;  ns/score likewise
 *   floor       share of the time that fetching the scored codes or vectors takes at least, if each line comes from memory
 *               as fast as random lines do when many are asked for at once; near or above 1: bound by memory (above 1 what is
 *               read comes from caches)
 *
 * Memory latency, random lines and bandwidth are measured in the same run. Times are medians of REPEATS passes over all
 * queries. Seeds are fixed, so hops, scored and recall are the same in every run.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/vx_build.h"
#include "graph/vx_search.h"
#include "limits.h"
#include "quant/vx_code_kernels.h"
#include "quant/vx_robust.h"
#include "vectors.h"

#define REPEATS 5
#define K 10
#define CACHE_LINE 64

typedef struct Options
{
	const char *base;
	const char *queries;
	uint32_t	rows;
	uint32_t	degree;
	uint32_t	build_list;
	float		alpha;
	VxMetric	metric;
	const char *codes;			/* NULL: all kinds */
	size_t		bytes;			/* of the array for limits; 0: not measured */
	int			passes;
} Options;

/* One set, and what searches need. */
typedef struct Bench
{
	Vectors		base;
	Vectors		queries;
	VxSpace		space;
	VxPoint   **points;			/* [queries.count] */
	float	   *kth;			/* [queries.count] score of the K-th exact neighbour */
	Limits		limits;
} Bench;

static const uint32_t lists[] = {10, 16, 24, 32, 48, 64, 100, 160, 250};

static const struct
{
	const char *name;
	VxCodeKind	kind;
}			kinds[] = {{"none", VX_CODES_NONE}, {"scalar4", VX_CODES_SCALAR4}, {"scalar2", VX_CODES_SCALAR2}};

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
		fputs("bench_graph: not enough memory\n", stderr);
		exit(1);
	}
	return p;
}

static const VxMem mem = {.resize = resize};

/* Reads the sets and finds the exact answers. Returns 0, or -1 after a message. */
static int
prepare(Bench *bench, const Options *options)
{
	VxPoint    *point;
	float	   *work;

	if (vectors_read(&bench->base, options->base, options->rows) < 0
		|| vectors_read(&bench->queries, options->queries, UINT32_MAX) < 0)
		return -1;
	if (bench->base.dim != bench->queries.dim || bench->base.count < K)
	{
		fprintf(stderr, "bench_graph: %u base vectors of %u dimensions and queries of %u do not go together\n",
				bench->base.count, bench->base.dim, bench->queries.dim);
		return -1;
	}
	bench->space = (VxSpace) {.metric = options->metric,.dim = bench->base.dim};
	point = vx_alloc(&mem, VX_POINT_BYTES(bench->base.dim));
	for (uint32_t i = 0; i < bench->base.count; i++)
	{
		vx_point_set(point, bench->base.x + (size_t) i * bench->base.dim, bench->base.dim);
		bench->space.max_norm2 = VX_MAX(bench->space.max_norm2, point->norm2);
	}
	bench->points = vx_alloc(&mem, bench->queries.count * sizeof(*bench->points));
	bench->kth = vx_alloc(&mem, bench->queries.count * sizeof(*bench->kth));
	work = vx_alloc(&mem, bench->base.count * sizeof(*work));
	for (uint32_t q = 0; q < bench->queries.count; q++)
	{
		bench->points[q] = vx_alloc(&mem, VX_POINT_BYTES(bench->base.dim));
		vx_point_set(bench->points[q], bench->queries.x + (size_t) q * bench->queries.dim, bench->queries.dim);
		bench->kth[q] = vectors_kth_score(&bench->base, &bench->space, bench->points[q], K, point, work);
	}
	vx_free(&mem, work);
	vx_free(&mem, point);
	return 0;
}

/* Encodes the points of a store as CREATE INDEX does: around their mean. */
static void
encode(VxMemStore *store, VxCodec *codec, VxCodeKind kind)
{
	uint32_t	dim = store->space.dim;
	float	   *mean = vx_alloc(&mem, dim * sizeof(*mean));
	VxSample	sample;

	vx_codec_init(codec, &mem, kind, &store->space, 0);
	vx_codec_set_max_norm2(codec, store->space.max_norm2);
	vx_sample_init(&sample, &mem, dim, store->count, 1);
	for (VxNodeId id = 0; id < store->count; id++)
	{
		const VxPoint *point = vx_memstore_point(store, id);

		vx_space_coded(&store->space, point, vx_sample_add(&sample));
	}
	vx_robust_mean(&mem, &sample, mean);
	vx_codec_set_models(codec, &mem, 0, false, mean, NULL);
	vx_memstore_seal(store);
	vx_memstore_set_codec(store, codec, codec->ops->prunes ? VX_BY_CODES : VX_BY_CODES_AND_POINTS);
	vx_memstore_encode(store, 0, store->count);
	vx_sample_free(&sample, &mem);
}

/* Builds a graph into store; returns the seconds it took, adding the points not included. */
static double
build(Bench *bench, const Options *options, VxMemStore *store, VxCodec *codec, VxCodeKind kind)
{
	VxPoint    *point = vx_alloc(&mem, vx_space_room(&bench->space));
	VxBuild		state;
	double		start;

	vx_memstore_init(store, &mem, &bench->space, options->degree, options->alpha);
	for (uint32_t i = 0; i < bench->base.count; i++)
	{
		vx_point_set(point, bench->base.x + (size_t) i * bench->base.dim, bench->base.dim);
		vx_memstore_add(store, point);
	}
	vx_free(&mem, point);
	start = now_ns();
	if (kind != VX_CODES_NONE)
		encode(store, codec, kind);
	vx_build_begin(&state, store, options->build_list, 1);
	while (vx_build_step(&state))
		;
	vx_build_finish(&state);
	return (now_ns() - start) / 1e9;
}

/*
 * All queries once. Returns how many of the exact neighbours were found. Not inlined, so that callgrind can be told to count
 * its instructions alone.
 */
__attribute__((noinline)) static uint32_t
search_pass(Bench *bench, VxMemStore *store, VxSearch *search, uint32_t list_size)
{
	uint32_t	hits = 0;

	for (uint32_t q = 0; q < bench->queries.count; q++)
	{
		VxQuery		query = {.point = bench->points[q]};
		const VxFound *found;

		vx_search_begin(search, &store->base, &query, list_size, SIZE_MAX);
		for (uint32_t i = 0; i < K && (found = vx_search_next(search, i + 1, VX_SEARCH_STAY)) != NULL; i++)
			hits += vx_space_query(&bench->space, bench->points[q], vx_memstore_point(store, found->id)) <= bench->kth[q];
	}
	return hits;
}

/* Searches a graph with each size of list and prints a line for each. */
static void
search_all(Bench *bench, const Options *options, VxMemStore *store, const char *name, double record_lines)
{
	VxSearch	search;
	double		queries = bench->queries.count;

	vx_search_init(&search, &mem);
	for (size_t l = 0; l < sizeof(lists) / sizeof(*lists); l++)
	{
		double		samples[REPEATS];
		double		ns, hops, scored;
		uint32_t	hits;

		memset(&store->base.stats, 0, sizeof(store->base.stats));
		hits = search_pass(bench, store, &search, lists[l]);	/* warms up, and counts */
		hops = (double) store->base.stats.expanded / queries;
		scored = (double) store->base.stats.scored / queries;
		for (int r = 0; r < options->passes; r++)
		{
			double		start = now_ns();

			search_pass(bench, store, &search, lists[l]);
			samples[r] = (now_ns() - start) / queries;
		}
		ns = options->passes > 0 ? median(samples, options->passes) : 0;
		printf("%-8s %5u  %8.4f  %9.2f  %7.1f  %8.1f  %8.1f  %8.1f", name, lists[l], hits / (queries * K), ns / 1000, hops,
			   ns / hops, scored, ns / scored);
		if (options->bytes > 0 && ns > 0)
			printf("  %6.2f", scored * record_lines * bench->limits.line_ns / ns);
		printf("\n");
		fflush(stdout);
	}
	vx_search_free(&search);
}

static void
run_kind(Bench *bench, const Options *options, const char *name, VxCodeKind kind)
{
	VxMemStore	store;
	VxCodec		codec;
	double		seconds = build(bench, options, &store, &codec, kind);
	double		bytes = kind == VX_CODES_NONE ? (double) VX_POINT_BYTES(bench->base.dim) : codec.code_bytes;
	double		edges = 0;

	for (VxNodeId id = 0; id < store.count; id++)
		edges += store.degrees[id];
	printf("\ncodes %s: built in %.2f s (%.1f us a node, %.0f distances scored and %.0f compared a node), average degree %.1f, "
		   "%.0f bytes scored a node\n", name, seconds, seconds * 1e6 / store.count,
		   (double) store.base.stats.scored / store.count, (double) store.base.stats.compared / store.count,
		   edges / store.count, bytes);
	printf("%-8s %5s  %8s  %9s  %7s  %8s  %8s  %8s  %6s\n", "codes", "list", "recall", "us/query", "hops", "ns/hop", "scored",
		   "ns/score", options->bytes > 0 ? "floor" : "");
	search_all(bench, options, &store, name, (bytes + CACHE_LINE - 1) / CACHE_LINE);
	vx_memstore_free(&store);
}

static void
usage(FILE *to)
{
	fputs("usage: bench_graph [options]\n"
		  "  --base FILE       .fvecs or .bvecs (../../data/sift-10k/base.bvecs)\n"
		  "  --queries FILE    (../../data/sift-10k/query.bvecs)\n"
		  "  --rows N          only the first N base vectors\n"
		  "  --metric NAME     l2, ip or cosine (l2)\n"
		  "  --degree R        max degree, 4 to 128 (64)\n"
		  "  --build-list L    search list in build, 10 to 2000 (100)\n"
		  "  --codes NAME      only these: none, scalar4 or scalar2\n"
		  "  --passes N        timed passes over the queries, 0 to 5 (5)\n"
		  "  --mb SIZE         array for the memory limits in megabytes, 0 for none, to 16384 (256)\n", to);
}

static uint32_t
number(const char *text, unsigned long low, unsigned long high)
{
	char	   *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
	{
		fprintf(stderr, "bench_graph: \"%s\" is not a number from %lu to %lu\n", text, low, high);
		exit(2);
	}
	return (uint32_t) value;
}

static VxMetric
metric_named(const char *name)
{
	if (strcmp(name, "l2") == 0)
		return VX_METRIC_L2;
	if (strcmp(name, "ip") == 0)
		return VX_METRIC_IP;
	if (strcmp(name, "cosine") == 0)
		return VX_METRIC_COSINE;
	fprintf(stderr, "bench_graph: no metric named \"%s\": l2, ip or cosine\n", name);
	exit(2);
}

/* Fills options from the command line; exits on --help and on wrong usage. */
static void
parse(int argc, char **argv, Options *options)
{
	static const struct option known[] = {
		{"base", required_argument, NULL, 'b'}, {"queries", required_argument, NULL, 'q'}, {"rows", required_argument, NULL, 'n'},
		{"metric", required_argument, NULL, 'm'}, {"degree", required_argument, NULL, 'r'},
		{"build-list", required_argument, NULL, 'l'}, {"codes", required_argument, NULL, 'c'},
		{"passes", required_argument, NULL, 'p'}, {"mb", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}
	};
	bool		named = false;
	int			c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (c)
		{
			case 'b': options->base = optarg; break;
			case 'q': options->queries = optarg; break;
			case 'n': options->rows = number(optarg, 100, UINT32_MAX - 1); break;
			case 'm': options->metric = metric_named(optarg); break;
			case 'r': options->degree = number(optarg, 4, VX_MAX_DEGREE); break;
			case 'l': options->build_list = number(optarg, 10, 2000); break;
			case 'c': options->codes = optarg; break;
			case 'p': options->passes = (int) number(optarg, 0, REPEATS); break;
			case 's': options->bytes = (size_t) number(optarg, 0, 16384) << 20; break;
			default: usage(c == 'h' ? stdout : stderr); exit(c == 'h' ? 0 : 2);
		}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		named |= options->codes == NULL || strcmp(options->codes, kinds[i].name) == 0;
	if (optind < argc || !named)
	{
		fprintf(stderr, "bench_graph: %s\n", named ? "takes no arguments" : "codes are none, scalar4 or scalar2");
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	Options		options = {.base = "../../data/sift-10k/base.bvecs",.queries = "../../data/sift-10k/query.bvecs",
		.rows = UINT32_MAX,.degree = 64,.build_list = 100,.alpha = 1.2f,.metric = VX_METRIC_L2,
		.bytes = (size_t) 256 << 20,.passes = REPEATS};
	static Bench bench;

	parse(argc, argv, &options);
	vx_kernels_select();
	vx_code_kernels_select();
	if (prepare(&bench, &options) < 0)
		return 1;
	printf("%u x %u, %u queries, kernels %s, max degree %u, build list %u\n", bench.base.count, bench.base.dim,
		   bench.queries.count, vx_kernels->name, options.degree, options.build_list);
	if (options.bytes > 0)
	{
		if (limits_measure(&bench.limits, options.bytes) < 0)
		{
			perror("bench_graph: memory for the limits");
			return 1;
		}
		printf("memory, array of %zu MB: %.1f ns a dependent load, %.1f ns a random line of many, %.2f GB/s in order\n",
			   options.bytes >> 20, bench.limits.latency_ns, bench.limits.line_ns, bench.limits.bandwidth);
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (options.codes == NULL || strcmp(options.codes, kinds[i].name) == 0)
			run_kind(&bench, &options, kinds[i].name, kinds[i].kind);
	return 0;
}
