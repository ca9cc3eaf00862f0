/*
 * vecgraph_counts.h: what has been done with each index, counted in shared memory.
 *
 * Counts are in the region of the cache: there are none without it, and where it is not preloaded only sessions that have used it count. They
 * begin anew when the server starts, on standbys, too. There is room for the indexes that were used last; one that was used again after
 * many others begins at zero, as vecgraph_counts_read says (since). REINDEX keeps them, but for CONCURRENTLY, which makes
 * another index; DROP INDEX lets them go.
 */
#ifndef VECGRAPH_COUNTS_H
#define VECGRAPH_COUNTS_H

#include "pg/vecidx_compat.h"

#include "datatype/timestamp.h"

/* In the order of the columns of vecgraph_stats. */
typedef enum VecGraphCounter
{
	/* of scans */
	VECGRAPH_COUNT_SCANS,
	VECGRAPH_COUNT_ROWS,		/* heap TIDs returned */
	VECGRAPH_COUNT_EXPANDED,	/* nodes read by searches */
	VECGRAPH_COUNT_SCORED,		/* nodes scored */
	VECGRAPH_COUNT_CODES_CACHED,	/* codes that were in the cache */
	VECGRAPH_COUNT_CODES_READ,	/* codes that were read from their pages */
	VECGRAPH_COUNT_PAGES_HIT,	/* buffers, of index and table, that were there */
	VECGRAPH_COUNT_PAGES_READ,	/* buffers that were not */
	VECGRAPH_COUNT_FETCHED,		/* vectors read from the table */
	VECGRAPH_COUNT_LISTS,		/* the sum of the list sizes */
	VECGRAPH_COUNT_GROWN,		/* scans whose list has grown */
	VECGRAPH_COUNT_PASSES,		/* passes over signatures */
	VECGRAPH_COUNT_SWEEPS,		/* scans that came to the sweep */
	/* of changes */
	VECGRAPH_COUNT_INSERTS,
	VECGRAPH_COUNT_LOST_LINKS,	/* back-links given up after too many conflicts */
	VECGRAPH_COUNT_VACUUMS,		/* walks of VACUUM through the index */
	VECGRAPH_COUNT_REMOVED,		/* heap TIDs removed */
	VECGRAPH_COUNT_FREED,		/* nodes freed */
	VECGRAPH_COUNT_REPAIRED,	/* nodes led around those */
	VECGRAPH_COUNT_FITS,
	VECGRAPH_COUNTERS
} VecGraphCounter;

/* Those of a scan are the first ones. */
#define VECGRAPH_SCAN_COUNTERS VECGRAPH_COUNT_INSERTS

typedef struct VecGraphCounts
{
	uint64		n[VECGRAPH_COUNTERS];
} VecGraphCounts;

/* Adds to the counts of an index of this database; does nothing without a region. No lock is held on entry or return. */
extern void vecgraph_counts_add(Oid index, const VecGraphCounts *counts);

/* The counts of an index of this database, and since when they have been counted; false: there are none. */
extern bool vecgraph_counts_read(Oid index, VecGraphCounts *counts, TimestampTz *since);

/* Counts begin anew; nothing if there are none. */
extern void vecgraph_counts_reset(Oid index);

/* There is no such index any more. */
extern void vecgraph_counts_forget(Oid index);

#endif							/* VECGRAPH_COUNTS_H */
