/*
 * vecgraph_counts.c: counts of what has been done with indexes; see vecgraph_counts.h.
 *
 * An index that is counted has a place in an array of the region. Who owns which place is under the region's lock, counts themselves are atomic:
 * who counts just when his place goes to another index adds to that one's.
 */
#include "cache/vecgraph_counts.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "access/xact.h"

#include "cache/vecgraph_region.h"

static inline uint64
owner_of(Oid index)
{
	return (uint64) MyDatabaseId << 32 | index;
}

/* The place of an index, or NULL. A lock is needed only by who rests on there being none. */
static VecGraphCountedIndex *
find_place(VecGraphRegion *region, uint64 owner)
{
	static int	last = 0;		/* mostly it is the same again */

	if (pg_atomic_read_u64(&region->counted[last].owner) == owner)
		return &region->counted[last];
	for (int i = 0; i < VECGRAPH_COUNTED_INDEXES; i++)
		if (pg_atomic_read_u64(&region->counted[i].owner) == owner)
		{
			last = i;
			return &region->counted[i];
		}
	return NULL;
}

static void
begin_counts(VecGraphCountedIndex *place)
{
	for (int i = 0; i < VECGRAPH_COUNTERS; i++)
		pg_atomic_write_u64(&place->counts[i], 0);
	pg_atomic_write_u64(&place->since, (uint64) GetCurrentTimestamp());
}

/* The place of an index, which is that of the one that was used longest ago if it had none. */
static VecGraphCountedIndex *
take_place(VecGraphRegion *region, uint64 owner)
{
	VecGraphCountedIndex *place;

	LWLockAcquire(&region->lock, LW_EXCLUSIVE);
	place = find_place(region, owner);
	if (place == NULL)
	{
		place = &region->counted[0];
		/* one that is free was never used */
		for (int i = 1; i < VECGRAPH_COUNTED_INDEXES; i++)
			if (pg_atomic_read_u64(&region->counted[i].used) < pg_atomic_read_u64(&place->used))
				place = &region->counted[i];
		begin_counts(place);
		pg_atomic_write_u64(&place->owner, owner);
	}
	LWLockRelease(&region->lock);
	return place;
}

void
vecgraph_counts_add(Oid index, const VecGraphCounts *counts)
{
	VecGraphRegion *region = vecgraph_region_attached();
	VecGraphCountedIndex *place;

	if (region == NULL)
		return;
	place = find_place(region, owner_of(index));
	if (place == NULL)
		place = take_place(region, owner_of(index));
	for (int i = 0; i < VECGRAPH_COUNTERS; i++)
		if (counts->n[i] > 0)
			pg_atomic_fetch_add_u64(&place->counts[i], counts->n[i]);
	pg_atomic_write_u64(&place->used, (uint64) GetCurrentStatementStartTimestamp());
}

bool
vecgraph_counts_read(Oid index, VecGraphCounts *counts, TimestampTz *since)
{
	VecGraphRegion *region = vecgraph_region_attach();
	VecGraphCountedIndex *place = region == NULL ? NULL : find_place(region, owner_of(index));

	if (place == NULL)
		return false;
	for (int i = 0; i < VECGRAPH_COUNTERS; i++)
		counts->n[i] = pg_atomic_read_u64(&place->counts[i]);
	*since = (TimestampTz) pg_atomic_read_u64(&place->since);
	return true;
}

void
vecgraph_counts_reset(Oid index)
{
	VecGraphRegion *region = vecgraph_region_attach();
	VecGraphCountedIndex *place = region == NULL ? NULL : find_place(region, owner_of(index));

	if (place != NULL)
		begin_counts(place);
}

void
vecgraph_counts_forget(Oid index)
{
	VecGraphRegion *region = vecgraph_region_attached();
	VecGraphCountedIndex *place;

	if (region == NULL)
		return;
	LWLockAcquire(&region->lock, LW_EXCLUSIVE);
	place = find_place(region, owner_of(index));
	if (place != NULL)
	{
		pg_atomic_write_u64(&place->owner, 0);
		pg_atomic_write_u64(&place->used, 0);
	}
	LWLockRelease(&region->lock);
}
