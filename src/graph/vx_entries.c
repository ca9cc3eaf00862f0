/*
 * vx_entries.c: the entry nodes of a graph; see vx_entries.h.
 */
#include "graph/vx_entries.h"

#include <math.h>

#include "core/vx_select.h"

#define ENTRIES 16
#define CLUSTERED_ENTRIES 64

/* The first entry is the best of so many points of the sample. */
#define FIRST_SAMPLE 32

/* So many points of the sample are asked for their nearest one. */
#define CLUSTERED_SAMPLE 64

/* Most of the points in clusters are this many times nearer to another point of the sample than to an entry. */
#define CLUSTERED_RATIO 4

typedef struct Chooser
{
	VxStore    *store;
	const VxPointSet *sample;
	uint32_t	n;
	float	   *nearest;		/* [n] how far each point of the sample is from an entry, at most farthest */
	float		farthest;
	float	   *score;			/* [n] scratch: of score_sample */
} Chooser;

/* Fills score with the pair scores between one point of the sample and all of it, itself included. */
static void
score_sample(Chooser *chooser, uint32_t one)
{
	chooser->store->ops->pairs(chooser->store, chooser->sample->points[one], chooser->sample->points, chooser->n, chooser->score);
}

/* The i-th of count of the sample's points, from all over. */
static inline uint32_t
spaced(const Chooser *chooser, uint32_t i, uint32_t count)
{
	return (uint32_t) ((uint64_t) chooser->n * i / count);
}

/* The one of some points that is nearest to half of all. Decides how far apart points are that are not wild. */
static uint32_t
choose_first(Chooser *chooser)
{
	uint32_t	asked = VX_MIN(chooser->n, FIRST_SAMPLE);
	uint32_t	first = 0;
	float		best = INFINITY;

	for (uint32_t i = 0; i < asked; i++)
	{
		uint32_t	one = spaced(chooser, i, asked);
		float		middle;

		score_sample(chooser, one);
		middle = vx_select(chooser->score, chooser->n, chooser->n / 2);
		if (middle < best)
		{
			best = middle;
			first = one;
		}
	}
	score_sample(chooser, first);
	chooser->farthest = 2 * vx_select(chooser->score, chooser->n, (uint32_t) ((uint64_t) chooser->n * 9 / 10));
	if (!(chooser->farthest > 0))
		chooser->farthest = INFINITY;
	return first;
}

static bool
is_clustered(Chooser *chooser)
{
	uint32_t	asked = VX_MIN(chooser->n, CLUSTERED_SAMPLE);
	uint32_t	in_clusters = 0;

	for (uint32_t i = 0; i < asked; i++)
	{
		uint32_t	one = spaced(chooser, i, asked);
		float		best = INFINITY;

		score_sample(chooser, one);
		for (uint32_t j = 0; j < chooser->n; j++)
			if (j != one)
				best = VX_MIN(best, chooser->score[j]);
		in_clusters += best * CLUSTERED_RATIO < chooser->nearest[one];
	}
	return in_clusters > asked / 2;
}

/* Brings the distances up to date with a new entry; returns their sum. */
static double
add_entry(Chooser *chooser, uint32_t entry)
{
	double		total = 0;

	score_sample(chooser, entry);
	for (uint32_t i = 0; i < chooser->n; i++)
	{
		chooser->nearest[i] = VX_MIN(chooser->nearest[i], VX_MAX(chooser->score[i], 0));
		if (i == entry)
			chooser->nearest[i] = 0;
		if (isfinite(chooser->nearest[i]))
			total += (double) chooser->nearest[i];
	}
	return total;
}

/* The point at which the sum of distances exceeds target; one that is an entry itself, or equal to one, if there is none. */
static uint32_t
draw(const Chooser *chooser, double target)
{
	uint32_t	i;

	for (i = 0; i < chooser->n - 1; i++)
	{
		if (isfinite(chooser->nearest[i]))
			target -= (double) chooser->nearest[i];
		if (target < 0 && chooser->nearest[i] > 0)
			break;
	}
	return i;
}

uint32_t
vx_entries_choose(VxStore *store, const VxMem *mem, const VxNodeId *ids, const VxPointSet *sample, uint32_t n, VxRng *rng,
				  VxNodeId *entries)
{
	Chooser		chooser = {.store = store,.sample = sample,.n = n};
	uint32_t	wanted = VX_MIN(ENTRIES, n);
	uint32_t	count = 0;
	uint32_t	pick;

	_Static_assert(CLUSTERED_ENTRIES <= VX_MAX_ENTRIES, "entries must fit the meta page");
	chooser.nearest = vx_alloc_array(mem, n, sizeof(float));
	chooser.score = vx_alloc_array(mem, n, sizeof(float));
	pick = choose_first(&chooser);
	for (uint32_t i = 0; i < n; i++)
		chooser.nearest[i] = chooser.farthest;
	for (;;)
	{
		double		total;

		entries[count++] = ids[pick];
		if (count == wanted)
			break;
		total = add_entry(&chooser, pick);
		if (!(total > 0))
			break;
		if (count == ENTRIES - 1 && is_clustered(&chooser))
			wanted = VX_MIN(CLUSTERED_ENTRIES, n);
		pick = draw(&chooser, vx_rng_unit(rng) * total);
		if (!(chooser.nearest[pick] > 0))
			break;
	}
	vx_free(mem, chooser.nearest);
	vx_free(mem, chooser.score);
	return count;
}
