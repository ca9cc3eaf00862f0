/*
 * vx_prune.c: RobustPrune; see vx_prune.h.
 */
#include "graph/vx_prune.h"

#include <stdlib.h>

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

uint32_t
vx_prune(VxStore *store, const VxPruneCandidate *candidates, uint32_t n, uint32_t max_out, VxNodeId *out)
{
	const void *chosen[VX_MAX_EDGES];
	uint32_t	count = 0;

	VX_ASSERT(max_out <= VX_MAX_EDGES);
	for (uint32_t i = 0; i < n && count < max_out; i++)
	{
		const VxPruneCandidate *c = &candidates[i];
		bool		covered = false;

		for (uint32_t j = 0; j < count && !covered; j++)
		{
			store->stats.compared++;
			covered = store->alpha * store->ops->pair(store, chosen[j], c->point) <= c->score;
		}
		if (covered)
			continue;
		chosen[count] = c->point;
		out[count++] = c->id;
	}
	return count;
}
