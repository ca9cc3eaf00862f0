/*
 * vx_prune.c: RobustPrune; see vx_prune.h.
 *
 * In the paper's words: V is what is left of the candidates, p* is chosen, R is max_out.
 */
#include "graph/vx_prune.h"

#include <string.h>

/*
 * One edge in so many may lead to a point in the node's own place. With one alone, points in one place would all have it to each
 * other's, and whoever has found some of them would not come by the others.
 */
#define EDGES_PER_TWIN 4

static inline bool
nearer(const VxPruneCandidate *a, const VxPruneCandidate *b, uint32_t salt)
{
	return a->score < b->score || (a->score == b->score && vx_tie_rank(a->id, salt) < vx_tie_rank(b->id, salt));
}

static inline bool
are_settled(const VxPruneCandidate *a, const VxPruneCandidate *b)
{
	return a->settled && b->settled;
}

void
vx_prune_sort(VxPruneCandidate *candidates, uint32_t n, uint32_t salt)
{
	for (uint32_t i = 1; i < n; i++)
	{
		VxPruneCandidate moving = candidates[i];
		uint32_t	at = i;

		for (; at > 0 && nearer(&moving, &candidates[at - 1], salt); at--)
			candidates[at] = candidates[at - 1];
		candidates[at] = moving;
	}
}

void
vx_pruner_init(VxPruner *pruner, const VxMem *mem)
{
	memset(pruner, 0, sizeof(*pruner));
	pruner->mem = mem;
}

void
vx_pruner_free(VxPruner *pruner)
{
	vx_free(pruner->mem, pruner->left);
	vx_free(pruner->mem, (void *) pruner->points);
	vx_free(pruner->mem, pruner->distance);
	vx_pruner_init(pruner, pruner->mem);
}

static void
reserve(VxPruner *pruner, uint32_t n)
{
	if (n <= pruner->capacity)
		return;
	pruner->left = vx_resize_array(pruner->mem, pruner->left, n, sizeof(*pruner->left));
	pruner->points = vx_resize_array(pruner->mem, (void *) pruner->points, n, sizeof(*pruner->points));
	pruner->distance = vx_resize_array(pruner->mem, pruner->distance, n, sizeof(*pruner->distance));
	pruner->capacity = n;
}

uint32_t
vx_prune(VxPruner *pruner, VxStore *store, const VxPruneCandidate *candidates, uint32_t n, uint32_t max_out, VxNodeId *out)
{
	uint32_t	twins = (max_out + EDGES_PER_TWIN - 1) / EDGES_PER_TWIN;
	uint32_t	count = 0;
	float		alpha = n > 0 ? vx_alpha_among(&store->alpha, candidates[0].score, candidates[n - 1].score) : 1;

	VX_ASSERT(max_out <= VX_MAX_EDGES);
	reserve(pruner, n);
	/* all of them but the last, which drops what any would, and those that are too many */
	for (; count + 1 < twins && count + 1 < n && candidates[count + 1].score <= 0; count++)
		out[count] = candidates[count].id;
	n -= count;
	for (uint32_t i = 0; i < n; i++)
		pruner->left[i] = count + i;
	while (n > 0 && count < max_out)
	{
		const VxPruneCandidate *chosen = &candidates[pruner->left[0]];
		uint32_t	kept = 0;
		uint32_t	asked = 0;

		/* the nearest that is left, as candidates are sorted and dropping some keeps their order */
		out[count++] = chosen->id;
		if (count == max_out)
			break;
		for (uint32_t i = 1; i < n; i++)
			if (!are_settled(chosen, &candidates[pruner->left[i]]))
				pruner->points[asked++] = candidates[pruner->left[i]].point;
		store->ops->pairs(store, chosen->point, pruner->points, asked, pruner->distance);
		store->stats.compared += asked;
		asked = 0;
		for (uint32_t i = 1; i < n; i++)
		{
			uint32_t	candidate = pruner->left[i];

			/*
			 * it is dropped if the chosen one is alpha times nearer to it than the node is: a search gets there by the chosen
			 * one
			 */
			pruner->left[kept] = candidate;
			kept += are_settled(chosen, &candidates[candidate])
				|| !(alpha * pruner->distance[asked++] <= candidates[candidate].score);
		}
		n = kept;
	}
	return count;
}
