/*
 * vx_prune.c: RobustPrune; see vx_prune.h.
 */
#include "graph/vx_prune.h"

#include <stdlib.h>
#include <string.h>

static int
compare_candidates(const void *left, const void *right)
{
	const VxPruneCandidate *a = left;
	const VxPruneCandidate *b = right;

	if (a->score != b->score)
		return a->score < b->score ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

void
vx_prune_sort(VxPruneCandidate *candidates, uint32_t n)
{
	qsort(candidates, n, sizeof(VxPruneCandidate), compare_candidates);
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
	uint32_t	count = 0;

	VX_ASSERT(max_out <= VX_MAX_EDGES);
	reserve(pruner, n);
	for (uint32_t i = 0; i < n; i++)
		pruner->left[i] = i;
	while (n > 0 && count < max_out)
	{
		const VxPruneCandidate *chosen = &candidates[pruner->left[0]];
		uint32_t	kept = 0;

		out[count++] = chosen->id;
		if (count == max_out)
			break;
		for (uint32_t i = 1; i < n; i++)
			pruner->points[i] = candidates[pruner->left[i]].point;
		store->ops->pairs(store, chosen->point, pruner->points + 1, n - 1, pruner->distance + 1);
		store->stats.compared += n - 1;
		for (uint32_t i = 1; i < n; i++)
		{
			uint32_t	candidate = pruner->left[i];

			pruner->left[kept] = candidate;
			kept += !(store->alpha * pruner->distance[i] <= candidates[candidate].score);
		}
		n = kept;
	}
	return count;
}
