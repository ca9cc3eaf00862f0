/*
 * vecgraph_cache.c: finding, loading and evicting chunks of codes; see vecgraph_cache.h for the rules, README.md for the steps.
 */
#include "cache/vecgraph_cache.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cache/vecgraph_region.h"
#include "pg/vecidx_fault.h"

VecGraphChunk *vecgraph_chunks = NULL;
uint8	   *vecgraph_chunk_memory = NULL;

/*
 * A chunk that was used within this many seconds is not taken from its index. Where more is searched than there is room for, whoever comes
 * later reads pages; if chunks in use could be taken, all would load all the time, and nobody would find anything (C5).
 */
#define IDLE_SECONDS 10

/*
 * How many chunks are looked at to find one that may be evicted: that bounds how long the exclusive lock is held. The clock hand goes on
 * where it has stopped.
 */
#define EVICTION_SAMPLE 128

/* A cached index is in one of so many places, from the one that its key names on. */
#define INDEX_PLACES 16

/* How often a backend says that an index is hot. */
#define NOTE_HOT_SECONDS 10

/* Once it is there it stays mapped, where it is, until the backend ends. */
static VecGraphRegion *region = NULL;

static uint32
seconds_now(void)
{
	return (uint32) (GetCurrentTimestamp() / USECS_PER_SEC);
}

void
vecgraph_cache_open(VecGraphCacheView *view, MemoryContext context, Oid index_oid, uint64 key, const uint32 *part_bytes,
					uint32 part_count)
{
	uint32		digest_bytes = 0;

	/* noted and no_room_until, too, are 0, long ago: the first search says that the index is hot, and asks for chunks */
	memset(view, 0, sizeof(*view));
	view->context = context;
	view->index_oid = index_oid;
	view->key = key;
	view->part_count = part_count;
	for (uint32 i = 0; i < part_count; i++)
		digest_bytes += view->part_bytes[i] = part_bytes[i];
	view->ids_per_chunk = VECGRAPH_CHUNK_BYTES / digest_bytes;
	for (uint32 i = 1; i < part_count; i++)
		view->part_start[i] = view->part_start[i - 1] + view->ids_per_chunk * part_bytes[i - 1];

	/*
	 * To divide an id by ids_per_chunk is a multiplication then, and exact: rounding up adds less than id / 2^64 to the
	 * quotient, and to come to the next run it would take 1 / ids_per_chunk at least.
	 */
	view->inverse = PG_UINT64_MAX / view->ids_per_chunk + 1;
}

/*
 * Puts an index on the list of hot ones, or renews it there; it takes the place of the one that was searched longest ago
 * (places that nobody has are 0, older than all). Seldom enough for an exclusive lock (NOTE_HOT_SECONDS).
 */
static void
note_hot(VecGraphCacheView *view)
{
	int			place = 0;

	LWLockAcquire(&region->lock, LW_EXCLUSIVE);
	for (int i = 0; i < VECGRAPH_HOT_INDEXES; i++)
	{
		if (region->hot[i].database == MyDatabaseId && region->hot[i].index == view->index_oid)
		{
			place = i;
			break;
		}
		if (region->hot_used[i] < region->hot_used[place])
			place = i;
	}
	region->hot[place] = (VecGraphHotIndex)
	{
		.database = MyDatabaseId,.index = view->index_oid
	};
	region->hot_used[place] = view->now;
	LWLockRelease(&region->lock);
	view->noted = view->now;
}

int
vecgraph_region_hot(VecGraphHotIndex *hot)
{
	VecGraphRegion *from = vecgraph_region_attach();
	int			count = 0;

	if (from == NULL)
		return 0;
	LWLockAcquire(&from->lock, LW_SHARED);
	for (int i = 0; i < VECGRAPH_HOT_INDEXES; i++)
		if (from->hot_used[i] != 0)
			hot[count++] = from->hot[i];
	LWLockRelease(&from->lock);
	return count;
}

void
vecgraph_cache_flush(VecGraphCacheView *view)
{
	/* gathered in the view: to add each code here would send the cache line of the counts from one processor to the next */
	if (region != NULL && view->hits > 0)
		pg_atomic_fetch_add_u64(&region->hits, view->hits);
	if (region != NULL && view->misses > 0)
		pg_atomic_fetch_add_u64(&region->misses, view->misses);
	view->hits = view->misses = 0;
}

void
vecgraph_cache_begin(VecGraphCacheView *view)
{
	if (region == NULL)
	{
		region = vecgraph_region_attach();
		if (region != NULL)
		{
			vecgraph_chunks = vecgraph_region_chunks(region);
			vecgraph_chunk_memory = vecgraph_region_memory(region);
		}
	}
	view->now = seconds_now();
	vecgraph_cache_flush(view);
	if (region != NULL && OidIsValid(view->index_oid) && view->now - view->noted >= NOTE_HOT_SECONDS)
		note_hot(view);
}

Size
vecgraph_cache_capacity(void)
{
	return region == NULL ? 0 : (Size) region->chunk_count * VECGRAPH_CHUNK_BYTES;
}

const char *
vecgraph_cache_kind(void)
{
	return region == NULL ? "none" : region->dynamic ? "dynamic" : "preloaded";
}

/* ---- the hash table; all this with the cache's lock held, share for looking, exclusive for changes ---- */

/* Not by the lowest bits of the tag: one of those is always set (vecgraph_cache_tag). */
static inline uint32 *
tag_bucket(uint64 tag)
{
	return &vecgraph_region_buckets(region)[(tag >> 20) % region->chunk_count];
}

/* The chunk that has a tag or is being loaded for it, or VECGRAPH_NO_CHUNK. Owners do not change while the lock is held, if only shared. */
static uint32
find_chunk(uint64 tag)
{
	for (uint32 at = *tag_bucket(tag); at != VECGRAPH_NO_CHUNK; at = vecgraph_chunks[at].next)
		if (pg_atomic_read_u64(&vecgraph_chunks[at].owner) == tag || vecgraph_chunks[at].loading == tag)
			return at;
	return VECGRAPH_NO_CHUNK;
}

/* Takes a chunk out of the hash table, in which it is. */
static void
unhash_chunk(uint32 at, uint64 tag)
{
	uint32	   *link = tag_bucket(tag);

	while (*link != at)
	{
		Assert(*link != VECGRAPH_NO_CHUNK);
		link = &vecgraph_chunks[*link].next;
	}
	*link = vecgraph_chunks[at].next;
}

/*
 * A chunk that is free, or was idle and is evicted now, or VECGRAPH_NO_CHUNK. It is in no bucket. Where it was another index's, that
 * index's readers may still be at it: they have checked its owner, and read any bytes safely (C1).
 */
static uint32
take_chunk(uint32 now)
{
	uint32		oldest = VECGRAPH_NO_CHUNK;
	uint32		most_idle = 0;

	if (region->never_used < region->chunk_count)
		return region->never_used++;
	for (uint32 i = 0; i < Min(EVICTION_SAMPLE, region->chunk_count); i++)
	{
		uint32		at = region->hand;
		VecGraphChunk *chunk = &vecgraph_chunks[at];
		uint32		idle = now > chunk->used ? now - chunk->used : 0;

		region->hand = (region->hand + 1) % region->chunk_count;
		/* its loader writes to it without a lock */
		if (chunk->loading != 0)
			continue;
		if (pg_atomic_read_u64(&chunk->owner) == 0)
			return at;			/* a loader that failed, or a follower, has freed it */
		if (idle > IDLE_SECONDS && idle > most_idle)
		{
			most_idle = idle;
			oldest = at;
		}
	}
	if (oldest != VECGRAPH_NO_CHUNK)
	{
		VecGraphChunk *chunk = &vecgraph_chunks[oldest];

		pg_atomic_fetch_add_u64(&region->evictions, 1);
		unhash_chunk(oldest, pg_atomic_read_u64(&chunk->owner));
		pg_atomic_write_u64(&chunk->owner, 0);
		/* nobody is to see codes of the next index under this tag */
		pg_memory_barrier();
	}
	return oldest;
}

/* ---- loading ---- */

/*
 * Publishes a chunk that has been read: it has its tag from now on. False if a follower has marked it outdated meanwhile: what was
 * read may lack a change that other chunks have already, so it is to be read again.
 */
static bool
publish_chunk(VecGraphChunk *chunk)
{
	bool		current;

	LWLockAcquire(&region->lock, LW_EXCLUSIVE);

	/*
	 * a follower sets outdated with a share lock at least: it has done so before this, or finds the chunk published and writes
	 * to it
	 */
	current = !chunk->outdated;
	chunk->outdated = false;
	if (current)
	{
		/* readers look at the owner without a lock: who sees the tag must see the codes, too */
		pg_write_barrier();
		pg_atomic_write_u64(&chunk->owner, chunk->loading);
		chunk->loading = 0;
	}
	LWLockRelease(&region->lock);
	return current;
}

/* Reads a run into a chunk that has been announced for it, and publishes it. No lock on entry or return; on an error it is free. */
static void
load_chunk(VecGraphCacheView *view, uint32 at, uint32 run, VecGraphReadDigests read, void *context)
{
	VecGraphChunk *chunk = &vecgraph_chunks[at];
	uint64		tag = vecgraph_cache_tag(view, run);
	VecGraphDigestParts parts = {0};

	for (uint32 i = 0; i < view->part_count; i++)
		parts.part[i] = vecgraph_cache_part(view, at, i);

	/*
	 * A terminated backend must not leave the chunk announced for ever: nobody else would load the run, and take_chunk passes
	 * over chunks that are being loaded. It is a few pages only. No lock of the cache is held while pages are read, whose
	 * content locks come first (C6).
	 */
	HOLD_INTERRUPTS();
	PG_TRY();
	{
		VECIDX_FAULT_POINT("cache-load");
		do
		{
			read(context, run * view->ids_per_chunk, view->ids_per_chunk, &parts);
			VECIDX_FAULT_POINT("cache-run-read");
		} while (!publish_chunk(chunk));
	}
	PG_CATCH();
	{
		/* its owner is 0 all the while, so without loading it is free, and must not be found by its tag any more */
		LWLockAcquire(&region->lock, LW_EXCLUSIVE);
		unhash_chunk(at, tag);
		chunk->loading = 0;
		LWLockRelease(&region->lock);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pg_atomic_fetch_add_u64(&region->loads, 1);
	RESUME_INTERRUPTS();
}

/* Remembers where a run is. */
static void
note_run(VecGraphCacheView *view, uint32 run, uint32 at)
{
	if (run >= view->run_count)
	{
		uint32		count = Max(64, view->run_count);

		while (count <= run)
			count *= 2;
		if (view->chunks == NULL)
			view->chunks = MemoryContextAllocHuge(view->context, count * sizeof(uint32));
		else
			view->chunks = repalloc_huge(view->chunks, count * sizeof(uint32));
		for (uint32 i = view->run_count; i < count; i++)
			view->chunks[i] = VECGRAPH_NO_CHUNK;
		view->run_count = count;
	}
	view->chunks[run] = at;
}

/*
 * Looks with a share lock first: mostly another backend has loaded the run, and only this one does not know where. Announcing a chunk
 * (loading) and finding none announced are under one exclusive lock, so a run is never loaded twice.
 */
const uint8 *
vecgraph_cache_fetch(VecGraphCacheView *view, uint32 id, VecGraphReadDigests read, void *context)
{
	uint32		run = vecgraph_cache_run(view, id);
	uint64		tag = vecgraph_cache_tag(view, run);
	uint32		at = run < view->run_count ? view->chunks[run] : VECGRAPH_NO_CHUNK;
	bool		load = false;

	if (region == NULL)
		return NULL;
	if (at == VECGRAPH_NO_CHUNK || pg_atomic_read_u64(&vecgraph_chunks[at].owner) != tag)
	{
		if (view->now < view->no_room_until)
			return NULL;
		LWLockAcquire(&region->lock, LW_SHARED);
		at = find_chunk(tag);
		LWLockRelease(&region->lock);
	}
	if (at == VECGRAPH_NO_CHUNK)
	{
		LWLockAcquire(&region->lock, LW_EXCLUSIVE);
		/* between the locks somebody else may have announced it */
		at = find_chunk(tag);
		if (at == VECGRAPH_NO_CHUNK && (at = take_chunk(view->now)) != VECGRAPH_NO_CHUNK)
		{
			uint32	   *bucket = tag_bucket(tag);

			/* the owner is still 0, so no reader takes what is in it for codes; key is what it can be forgotten by */
			vecgraph_chunks[at].loading = tag;
			vecgraph_chunks[at].key = view->key;
			vecgraph_chunks[at].outdated = false;
			vecgraph_chunks[at].used = view->now;
			vecgraph_chunks[at].next = *bucket;
			*bucket = at;
			load = true;
		}
		LWLockRelease(&region->lock);
		if (at == VECGRAPH_NO_CHUNK)
		{
			/* chunks become idle by the second, so asking for each code would only wear out the lock */
			view->no_room_until = view->now + 1;
			return NULL;
		}
	}
	if (load)
		load_chunk(view, at, run, read, context);
	else if (pg_atomic_read_u64(&vecgraph_chunks[at].owner) != tag)
		return NULL;			/* somebody else is loading it: nobody waits */
	/* nothing holds the chunk: it may be evicted before the code is read, which costs no more than a wrong estimate (C1) */
	note_run(view, run, at);
	vecgraph_chunks[at].used = view->now;
	return vecgraph_cache_place(view, at, run, id);
}

/* ---- following the logs of codes ---- */

/* The right to follow for an index, which those of other indexes may share. */
static LWLock *
follow_lock(const VecGraphCacheView *view)
{
	return &region->follow[view->key % VECGRAPH_FOLLOW_LOCKS];
}

/*
 * The place of the view's index; if it has none, the one to give it: one that nobody has, or that was used longest ago. To lose its
 * place costs an index that its chunks are loaded again. Call with the cache's lock held.
 */
static VecGraphCachedIndex *
find_index(const VecGraphCacheView *view)
{
	VecGraphCachedIndex *indexes = vecgraph_region_indexes(region);
	uint32		count = vecgraph_region_index_count(region->chunk_count);
	VecGraphCachedIndex *oldest = NULL;

	for (uint32 i = 0; i < INDEX_PLACES; i++)
	{
		VecGraphCachedIndex *index = &indexes[(view->key + i) % count];

		if (index->key == view->key)
			return index;
		if (oldest == NULL || (oldest->key != 0 && (index->key == 0 || index->used < oldest->used)))
			oldest = index;
	}
	return oldest;
}

bool
vecgraph_cache_lock_index(VecGraphCacheView *view, VecGraphCachePosition *position)
{
	VecGraphCachedIndex *index;
	bool		known;

	/* waits for others that follow for the index: when they are done there may be nothing left to do */
	LWLockAcquire(follow_lock(view), LW_EXCLUSIVE);
	LWLockAcquire(&region->lock, LW_EXCLUSIVE);
	index = find_index(view);
	if (index->key != view->key)
	{
		/* it may have chunks from when it had a place before, and nobody has followed for them since */
		pg_atomic_write_u64(&index->stamp, 0);
		index->key = view->key;
	}
	/* before anything is followed: an index that was just used does not lose its place */
	index->used = view->now;
	known = pg_atomic_read_u64(&index->stamp) != 0;
	*position = index->position;
	LWLockRelease(&region->lock);
	/* another index may take the place at any time from now on; then the stamp, made from the key, is not the expected one */
	view->index = index;
	return known;
}

void
vecgraph_cache_unlock_index(VecGraphCacheView *view, const VecGraphCachePosition *position)
{
	VecGraphCachedIndex *index = view->index;

	LWLockAcquire(&region->lock, LW_EXCLUSIVE);
	/* the place may have been given to another index meanwhile: then this one's chunks are forgotten when it is searched next */
	if (index->key == view->key)
	{
		index->position = *position;
		/* who reads this stamp finds the codes that were put before it */
		pg_write_barrier();
		pg_atomic_write_u64(&index->stamp, vecgraph_cache_stamp(view->key, position->changes));
	}
	LWLockRelease(&region->lock);
	LWLockRelease(follow_lock(view));
}

void
vecgraph_cache_put(VecGraphCacheView *view, uint32 first, uint32 n, const VecGraphDigestParts *digests)
{
	uint32		done = 0;

	/*
	 * share is enough: a chunk changes its owner only under the exclusive lock, and the right to follow keeps other writers of
	 * these out
	 */
	LWLockAcquire(&region->lock, LW_SHARED);
	while (n > 0)
	{
		uint32		run = vecgraph_cache_run(view, first);
		uint32		place = first - run * view->ids_per_chunk;
		uint32		in_run = Min(n, view->ids_per_chunk - place);
		uint32		at = find_chunk(vecgraph_cache_tag(view, run));

		/* its loader may have read the page before it changed, and would publish that over what is put here */
		if (at != VECGRAPH_NO_CHUNK && vecgraph_chunks[at].loading != 0)
			vecgraph_chunks[at].outdated = true;
		else if (at != VECGRAPH_NO_CHUNK)
			for (uint32 i = 0; i < view->part_count; i++)
				memcpy(vecgraph_cache_part(view, at, i) + (Size) place * view->part_bytes[i],
					   digests->part[i] + (Size) done * view->part_bytes[i], (Size) in_run * view->part_bytes[i]);
		first += in_run;
		n -= in_run;
		done += in_run;
	}
	LWLockRelease(&region->lock);
}

void
vecgraph_cache_forget(VecGraphCacheView *view)
{
	LWLockAcquire(&region->lock, LW_EXCLUSIVE);
	/* by key, since tags of all runs of an index cannot be told from those of others; chunks that were never used have none */
	for (uint32 at = 0; at < region->never_used; at++)
	{
		VecGraphChunk *chunk = &vecgraph_chunks[at];
		uint64		owner = pg_atomic_read_u64(&chunk->owner);

		if (chunk->key != view->key)
			continue;
		/* its loader owns the chunk until it is published: it is told, and reads the run again */
		if (chunk->loading != 0)
			chunk->outdated = true;
		else if (owner != 0)
		{
			unhash_chunk(at, owner);
			pg_atomic_write_u64(&chunk->owner, 0);
		}
	}
	LWLockRelease(&region->lock);
}

uint32
vecgraph_cache_count(VecGraphCacheView *view, uint32 n)
{
	uint32		cached = 0;

	if (region == NULL || n == 0)
		return 0;
	LWLockAcquire(&region->lock, LW_SHARED);
	for (uint32 run = 0; run <= vecgraph_cache_run(view, n - 1); run++)
	{
		uint64		tag = vecgraph_cache_tag(view, run);
		uint32		at = find_chunk(tag);

		/* what is being loaded nobody can read yet */
		if (at != VECGRAPH_NO_CHUNK && pg_atomic_read_u64(&vecgraph_chunks[at].owner) == tag)
			cached += Min(view->ids_per_chunk, n - run * view->ids_per_chunk);
	}
	LWLockRelease(&region->lock);
	return cached;
}

VECIDX_SQL_FUNCTION(vecgraph_cache_stats);

/*
 * vecgraph_cache_stats() returns one record: where the cache is (preloaded, dynamic or none), its room and what is in use of
 * it in bytes, and since it was made: codes scored from it, codes read from their pages instead, chunks filled, and chunks
 * taken from an index for another. Sessions add their counts when their next search starts, or the scan ends.
 */
Datum
vecgraph_cache_stats(PG_FUNCTION_ARGS)
{
	VecGraphCacheView view = {0};
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	view.noted = seconds_now();
	vecgraph_cache_begin(&view);
	values[0] = CStringGetTextDatum(vecgraph_cache_kind());
	values[1] = Int64GetDatum((int64) vecgraph_cache_capacity());
	values[2] = Int64GetDatum(region == NULL ? 0 : (int64) region->never_used * VECGRAPH_CHUNK_BYTES);
	values[3] = Int64GetDatum(region == NULL ? 0 : (int64) pg_atomic_read_u64(&region->hits));
	values[4] = Int64GetDatum(region == NULL ? 0 : (int64) pg_atomic_read_u64(&region->misses));
	values[5] = Int64GetDatum(region == NULL ? 0 : (int64) pg_atomic_read_u64(&region->loads));
	values[6] = Int64GetDatum(region == NULL ? 0 : (int64) pg_atomic_read_u64(&region->evictions));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
