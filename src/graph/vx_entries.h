/*
 * vx_entries.h: the entry nodes of a graph, where every search starts: points from all over.
 */
#ifndef VX_ENTRIES_H
#define VX_ENTRIES_H

#include "core/vx_rng.h"
#include "graph/vx_store.h"

/* Of a sample of at least so many points entries can be chosen well. */
#define VX_ENTRIES_LEAST_SAMPLE 256
#define VX_ENTRIES_SAMPLE 2048

/*
 * Chooses entries from a sample of n > 0 nodes, whose points, none NULL, are as store->ops->gather has them: one that is in the
 * middle of the others, then others drawn with probability proportional to their distance from those chosen so far. Usually 16; a
 * search that starts in the wrong one of many clusters that lie apart hardly finds the right one, so where there are such clusters
 * up to 64. Returns how many, their ids are in entries [VX_MAX_ENTRIES].
 *
 * Source of the drawing: Arthur, Vassilvitskii 2007, "k-means++: the advantages of careful seeding", section 2.2. Differs: no
 * distance counts as more than twice what nine tenths of the points are from the first entry, or a few wild points would be drawn
 * again and again, and none of the others.
 */
uint32_t	vx_entries_choose(VxStore *store, const VxMem *mem, const VxNodeId *ids, const VxPointSet *sample, uint32_t n,
							  VxRng *rng, VxNodeId *entries);

#endif							/* VX_ENTRIES_H */
