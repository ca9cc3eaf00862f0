/*
 * vecgraph_cache.h: the digests (codes and signatures) of hot indexes in shared memory. README.md in this folder has the steps, and what
 * happens when one fails. Where codes are spoken of, signatures are meant, too.
 *
 * The region is divided into chunks of 64 kB. A chunk holds the digests of a run of node ids of one index, as the code pages of
 * that index say. It is filled by whoever misses it and may be given to another index when it has been idle. Rules:
 *
 * C1  Code pages are the truth, the cache a copy. A stale, foreign or torn code costs recall, never correctness, so readers
 *     take no lock: they check that the chunk is theirs and read. Scoring is safe on any bytes. A foreign signature would cost a
 *     row; so who tests signatures checks once more behind it (vecgraph_cache_has_run). am/ops/vecgraph_match.c says why a stale one does not.
 * C2  A chunk belongs to a tag, made from database, tablespace, relfilenumber, build id and run. DROP, REINDEX, rollback and
 *     reuse of a relfilenumber make another tag, so they never meet old codes.
 * C3  Codes in the cache are current when a search starts: whoever writes a code notes that in the log of its index, on whatever
 *     server and with whatever region, and searches and inserts follow the log before they go by codes (am/page/vecgraph_code_log.c).
 *     How far the chunks of an index have followed is kept beside them (VecGraphCachedIndex). Nobody else writes to a chunk that
 *     others may read.
 * C4  One backend at a time follows for an index. Codes are put into a chunk under the cache's lock, so that it cannot go to another
 *     index meanwhile. A chunk that is just being loaded is marked instead, and its loader reads all of it again: it may have read
 *     the page before the change. A load that is announced later finds the change on the page.
 * C5  A chunk is evicted only when nobody has used it for some seconds. An index that does not fit is scored in part from
 *     its pages rather than loaded over and over. Chunks of an index that is gone, as temporary ones soon are, stay until room is
 *     wanted.
 * C6  Lock order: who may follow for an index; content locks of its pages; the cache's lock. Loaders and followers hold the cache's
 *     lock only to take, fill or give up a chunk, not while they read pages.
 */
#ifndef VECGRAPH_CACHE_H
#define VECGRAPH_CACHE_H

#include "pg/vecidx_compat.h"

#include "port/atomics.h"

#include "format/vx_signature.h"
#include "quant/vx_codec.h"

#define VECGRAPH_CHUNK_BYTES 65536
#define VECGRAPH_NO_CHUNK PG_UINT32_MAX

/* What is known of a chunk in shared memory. */
typedef struct VecGraphChunk
{
	pg_atomic_uint64 owner;		/* tag of the codes in it, 0: none (yet) */
	uint64		loading;		/* tag of the codes being read into it; this and the rest under the cache's lock */
	uint64		key;			/* of the index that it belongs to */
	uint32		next;			/* in its hash bucket */
	uint32		used;			/* when it was last used, in seconds; set by anybody */
	bool		outdated;		/* codes have changed since loading began */
} VecGraphChunk;

/* How far something has followed the log of codes of an index: VxCodeLog. */
typedef struct VecGraphCachePosition
{
	uint64		changes;
	uint64		entries;
} VecGraphCachePosition;

/* An index that has chunks, or may have some. Under the cache's lock but for stamp. */
typedef struct VecGraphCachedIndex
{
	uint64		key;			/* 0: none */
	pg_atomic_uint64 stamp;		/* vecgraph_cache_stamp of key and position; 0: it is not known what the chunks have followed */
	VecGraphCachePosition position;
	uint32		used;			/* when it was last used, in seconds; set by anybody */
} VecGraphCachedIndex;

/* A digest has a code, then columns of a signature. */
#define VECGRAPH_MAX_PARTS (1 + VX_MAX_FILTERS)

/* Where digests of consecutive nodes are, part by part: codes [n][code_bytes], then each column [n]. A part may be NULL: not wanted. */
typedef struct VecGraphDigestParts
{
	uint8	   *part[VECGRAPH_MAX_PARTS];
} VecGraphDigestParts;

/* Reads the digests of n nodes from first on, each page under its share lock. Nodes that do not exist become zeros. */
typedef void (*VecGraphReadDigests) (void *context, uint32 first, uint32 n, const VecGraphDigestParts *out);

/* One backend's view of the cached codes of one index. */
typedef struct VecGraphCacheView
{
	MemoryContext context;
	uint64		key;			/* of the index, see C2 */
	uint32		part_count;
	uint32		part_bytes[VECGRAPH_MAX_PARTS]; /* of a node; the first is the code's */
	uint32		part_start[VECGRAPH_MAX_PARTS]; /* in a chunk: all codes come first, then each column */
	uint32		ids_per_chunk;
	uint64		inverse;		/* 2^64 / ids_per_chunk, rounded up */
	uint32	   *chunks;			/* [run_count] chunk that a run was last seen in */
	uint32		run_count;
	uint32		now;			/* seconds, as of vecgraph_cache_begin */
	uint32		no_room_until;
	VecGraphCachedIndex *index; /* where it was last seen, NULL at first */
	Oid			index_oid;		/* for the list of hot indexes; InvalidOid: not to be on it */
	uint32		noted;			/* when it was last put there */
	uint64		hits;			/* codes scored from the cache, not yet added to the region's count */
	uint64		misses;			/* codes that had to be read from pages, likewise */
} VecGraphCacheView;

/* The region as this backend has it mapped; NULL where there is none. */
extern VecGraphChunk *vecgraph_chunks;
extern uint8 *vecgraph_chunk_memory;

/* Defines vecgraph.cache_size and, if the library is preloaded, asks for the shared memory. _PG_init calls it, once. */
extern void vecgraph_cache_init(void);

/*
 * Makes a view, whose memory is taken from context as it grows. key identifies the files of the index (C2); index_oid: see
 * VecGraphCacheView; part_bytes [part_count]: of the code and of each column of a node's signature. Takes no lock, and needs no region.
 */
extern void vecgraph_cache_open(VecGraphCacheView *view, MemoryContext context, Oid index_oid, uint64 key,
								const uint32 *part_bytes, uint32 part_count);

/*
 * Call when a search starts, before it follows the log: notes the time, adds the counts to those of the region, and renews the
 * index on the list of hot ones. Attaches to the region, or makes it, if this backend has none; that it cannot is no error. Takes
 * the cache's lock now and then.
 */
extern void vecgraph_cache_begin(VecGraphCacheView *view);

/*
 * Call when vecgraph_cache_code returned NULL: finds the chunk, or loads it by read(context, ...). NULL if it is not to be had now:
 * read the page then. Takes the cache's lock, but not while it reads. Errors: those of read; then the chunk is free again.
 */
extern const uint8 *vecgraph_cache_fetch(VecGraphCacheView *view, uint32 id, VecGraphReadDigests read, void *context);

/* Call when vecgraph_cache_fetch returned NULL: whether there was no room. If there was, somebody else is loading the chunk. */
static inline bool
vecgraph_cache_is_full(const VecGraphCacheView *view)
{
	return view->now < view->no_room_until;
}

/*
 * Takes the right to follow the log for the index of a view, which is an LWLock; on return it is held. Returns whether it is known
 * how far the chunks of the index have followed, and in *position where that is. Only with a region (vecgraph_cache_is_there). No
 * content lock is held on entry.
 */
extern bool vecgraph_cache_lock_index(VecGraphCacheView *view, VecGraphCachePosition *position);

/*
 * Writes down that the chunks have followed to *position, and gives the right back. An error before that gives it back, too, and
 * writes nothing down: the next one follows from where the last had got to.
 */
extern void vecgraph_cache_unlock_index(VecGraphCacheView *view, const VecGraphCachePosition *position);

/*
 * The caller has the right to follow. Copies the digests of n nodes, from first on, into the chunks that have them; a chunk that is
 * being loaded is marked to be read again instead (C4).
 */
extern void vecgraph_cache_put(VecGraphCacheView *view, uint32 first, uint32 n, const VecGraphDigestParts *digests);

/* The caller has the right to follow. Frees all chunks of the index; those that are being loaded are marked to be read again. */
extern void vecgraph_cache_forget(VecGraphCacheView *view);

/* How many of the first n ids have their codes in published chunks. Takes the cache's lock. */
extern uint32 vecgraph_cache_count(VecGraphCacheView *view, uint32 n);

/* Adds the counts of a view to those of the region, if there is one, and sets them to 0. */
extern void vecgraph_cache_flush(VecGraphCacheView *view);

/* Bytes of codes that the region has room for; 0 without a region. */
extern Size vecgraph_cache_capacity(void);

/* Where the region is: "preloaded", "dynamic" or "none". */
extern const char *vecgraph_cache_kind(void);

/* Key and count of changes in one word, which can be read without a lock. */
static inline uint64
vecgraph_cache_stamp(uint64 key, uint64 changes)
{
	return key + changes * UINT64CONST(0x9E3779B97F4A7C15);
}

static inline bool
vecgraph_cache_is_there(void)
{
	return vecgraph_chunks != NULL;
}

/* Whether the chunks of the index have followed its log to this count of changes. */
static inline bool
vecgraph_cache_is_current(VecGraphCacheView *view, uint64 changes)
{
	VecGraphCachedIndex *index = view->index;

	if (index == NULL || pg_atomic_read_u64(&index->stamp) != vecgraph_cache_stamp(view->key, changes))
		return false;
	/* codes were put before the stamp */
	pg_read_barrier();
	if (index->used != view->now)
		index->used = view->now;
	return true;
}

static inline uint64
vecgraph_cache_tag(const VecGraphCacheView *view, uint32 run)
{
	return (view->key + run * UINT64CONST(0x9E3779B97F4A7C15)) | 1;
}

static inline uint32
vecgraph_cache_run(const VecGraphCacheView *view, uint32 id)
{
	return (uint32) (((unsigned __int128) view->inverse * id) >> 64);
}

static inline const uint8 *
vecgraph_cache_place(const VecGraphCacheView *view, uint32 chunk, uint32 run, uint32 id)
{
	return vecgraph_chunk_memory + (Size) chunk * VECGRAPH_CHUNK_BYTES
		+ (Size) (id - run * view->ids_per_chunk) * view->part_bytes[0];
}

/* Where the part of a run's digests is in a chunk. */
static inline uint8 *
vecgraph_cache_part(const VecGraphCacheView *view, uint32 chunk, uint32 part)
{
	return vecgraph_chunk_memory + (Size) chunk * VECGRAPH_CHUNK_BYTES + view->part_start[part];
}

/* Whether a chunk, from which something was just read, has the codes of the run still, so that it was these. */
static inline bool
vecgraph_cache_has_run(const VecGraphCacheView *view, uint32 chunk, uint32 run)
{
	pg_read_barrier();
	return pg_atomic_read_u64(&vecgraph_chunks[chunk].owner) == vecgraph_cache_tag(view, run);
}

/* The code of a node in the cache, readable for VX_CODE_OVERREAD bytes behind its end, or NULL: call fetch then. */
static inline const uint8 *
vecgraph_cache_code(VecGraphCacheView *view, uint32 id)
{
	uint32		run = vecgraph_cache_run(view, id);
	uint32		at = run < view->run_count ? view->chunks[run] : VECGRAPH_NO_CHUNK;
	VecGraphChunk *chunk;

	if (at == VECGRAPH_NO_CHUNK)
		return NULL;
	chunk = &vecgraph_chunks[at];
	if (pg_atomic_read_u64(&chunk->owner) != vecgraph_cache_tag(view, run))
		return NULL;
	if (chunk->used != view->now)
		chunk->used = view->now;
	return vecgraph_cache_place(view, at, run, id);
}

#endif							/* VECGRAPH_CACHE_H */
