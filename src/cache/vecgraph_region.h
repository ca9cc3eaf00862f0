/*
 * vecgraph_region.h: the piece of shared memory that the cache of codes lives in, and how a backend comes by it.
 */
#ifndef VECGRAPH_REGION_H
#define VECGRAPH_REGION_H

#include "cache/vecgraph_cache.h"
#include "cache/vecgraph_counts.h"

#include "storage/lwlock.h"

/* An index that has been searched. */
typedef struct VecGraphHotIndex
{
	Oid			database;
	Oid			index;
} VecGraphHotIndex;

#define VECGRAPH_HOT_INDEXES 64

/* Indexes that follow their logs at the same time, at most: each has one of these locks, by its key. */
#define VECGRAPH_FOLLOW_LOCKS 32

/* An index whose work is counted (vecgraph_counts.h). */
typedef struct VecGraphCountedIndex
{
	pg_atomic_uint64 owner;		/* database and index; 0: free */
	pg_atomic_uint64 used;		/* a TimestampTz; 0: never */
	pg_atomic_uint64 since;		/* likewise, of the counts */
	pg_atomic_uint64 counts[VECGRAPH_COUNTERS];
} VecGraphCountedIndex;

#define VECGRAPH_COUNTED_INDEXES 128

/* Head of the region; hash buckets, cached indexes, chunk headers and chunk memory follow. */
typedef struct VecGraphRegion
{
	uint64		magic;
	uint64		cookie;			/* random: which region this is */
	bool		dynamic;		/* not in the main shared memory */
	int			tranche;
	uint32		chunk_count;
	LWLock		follow[VECGRAPH_FOLLOW_LOCKS];	/* the right to follow a log of codes */
	LWLock		lock;			/* everything below, hash chains, cached indexes, and who owns which chunk */
	uint32		never_used;		/* chunks from here on have never been used */
	uint32		hand;			/* of the eviction clock */
	uint32		hot_used[VECGRAPH_HOT_INDEXES]; /* in seconds; the array below is of the same length */
	VecGraphHotIndex hot[VECGRAPH_HOT_INDEXES];

	pg_atomic_uint64 hits;		/* codes scored from the cache */
	pg_atomic_uint64 misses;	/* codes read from their pages */
	pg_atomic_uint64 loads;		/* chunks filled */
	pg_atomic_uint64 evictions; /* chunks taken from an index */

	VecGraphCountedIndex counted[VECGRAPH_COUNTED_INDEXES]; /* who owns which is under the lock */
} VecGraphRegion;

static inline uint32 *
vecgraph_region_buckets(VecGraphRegion *region)
{
	return (uint32 *) ((char *) region + MAXALIGN(sizeof(VecGraphRegion)));
}

/* Each index that is cached has a chunk; some more, so that few have to share a place. */
static inline uint32
vecgraph_region_index_count(uint32 chunk_count)
{
	return chunk_count + 64;
}

static inline VecGraphCachedIndex *
vecgraph_region_indexes(VecGraphRegion *region)
{
	return (VecGraphCachedIndex *) ((char *) vecgraph_region_buckets(region)
									+ MAXALIGN(region->chunk_count * sizeof(uint32)));
}

static inline VecGraphChunk *
vecgraph_region_chunks(VecGraphRegion *region)
{
	return (VecGraphChunk *) (vecgraph_region_indexes(region) + vecgraph_region_index_count(region->chunk_count));
}

static inline uint8 *
vecgraph_region_memory(VecGraphRegion *region)
{
	return (uint8 *) TYPEALIGN(4096, vecgraph_region_chunks(region) + region->chunk_count);
}

/*
 * The region, mapped in this backend; NULL if there is none to be had: then a line in the log says why, once, and for a while calls
 * return NULL at once. Waits for another backend that is making it. Call it with no lock held, in a transaction or while the
 * region is preloaded.
 */
extern VecGraphRegion *vecgraph_region_attach(void);

/* The region if this backend has mapped it already, else NULL; makes none, and takes no lock. */
extern VecGraphRegion *vecgraph_region_attached(void);

/* Copies the list of hot indexes to hot [VECGRAPH_HOT_INDEXES]; returns how many there are, 0 without a region. */
extern int	vecgraph_region_hot(VecGraphHotIndex *hot);

#endif							/* VECGRAPH_REGION_H */
