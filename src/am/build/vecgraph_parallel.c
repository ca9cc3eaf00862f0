/*
 * vecgraph_parallel.c: linking and writing a build with parallel maintenance workers; see vecgraph_parallel.h.
 *
 * When the heap has been read, everything that costs is done by all participants, the leader among them, in phases; each takes
 * batches of ids, or of blocks, from a counter until there are none:
 *
 *   encode    codes of the points
 *   entries   the leader chooses and links the entry nodes, the others wait
 *   link      each node is searched for, gets its edges and its back-links
 *   prune     lists are cut down to max degree
 *   attach    the leader sees to it that every node can be reached, and writes the head of the index; the others wait
 *   write     pages of nodes and codes are filled and logged
 *
 * What they share are the arrays of the memory store, in dynamic shared memory; vx_memstore.h says why nothing is locked. One
 * that starts late joins the phase that is under way; one that fails ends the build by its error, which the leader meets where
 * it waits or polls.
 */
#include "am/build/vecgraph_build.h"

#include "access/genam.h"
#include "access/xact.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "storage/dsm.h"
#include "storage/shmem.h"
#include "storage/shm_toc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

/* Keys of the table of contents. */
#define KEY_SHARED UINT64CONST(1)
#define KEY_CHUNKS UINT64CONST(2)
#define KEY_QUERY UINT64CONST(0xFFFF)	/* of every context */

/* Points come in about this many segments, so no more than this part of the memory is allocated in vain. */
#define POINT_SEGMENTS 32
#define MAX_SEGMENTS (2 * POINT_SEGMENTS)

/* Fewer points than this are linked before a worker has started. */
#define LEAST_POINTS 1000

/*
 * How many ids are taken at once. Neighbours in id order are near each other, and who links them one after the other finds in its
 * caches what it needs; but none may be left with much to do while the others have nothing.
 */
#define LEAST_LINK_BATCH 16
#define MOST_LINK_BATCH 1024
#define LINK_BATCHES 64			/* for each participant, if that makes neither too small nor too large ones */
#define LIGHT_BATCH 256

typedef enum Phase
{
	PHASE_ENCODE,				/* barrier phases: they count from 0 */
	PHASE_ENTRIES,
	PHASE_LINK,
	PHASE_PRUNE,
	PHASE_ATTACH,
	PHASE_WRITE,
	PHASE_DONE
} Phase;

/* Where an array lies, for everybody. */
typedef struct Place
{
	int			segment;		/* -1: there is no such array */
	Size		offset;
} Place;

typedef struct Shared
{
	Barrier		barrier;
	pg_atomic_uint64 next[PHASE_DONE];	/* first id that nobody has taken, by phase */

	VxSpace		space;
	uint32		max_degree;
	float		alpha;
	uint32		list_size;
	uint32		count;
	uint32		link_batch;
	uint32		chunk_count;

	bool		only_codes;
	bool		coded;
	VxCodeKind	code_kind;
	uint32		code_bytes;
	bool		score_codes;

	Place		edges;
	Place		degrees;
	Place		versions;
	Place		deleted;
	Place		codes;
	Place		order;
	Place		model;

	/* of VecGraphBuild, for writing */
	Oid			index;
	bool		concurrent;
	BuildRegime regime;
	BuildPages	pages;
	VxMeta		meta;
	VxGeometry	geometry;
	Place		tids;
	Place		more;
	Place		chains;

	/* set in PHASE_ENTRIES */
	VxNodeId	entry_ids[VX_MAX_ENTRIES];
	uint32		entry_count;

	int			segment_count;
	dsm_handle	segments[MAX_SEGMENTS];
} Shared;

struct VecGraphParallel
{
	VxMem		mem;
	MemoryContext context;		/* of what shared memory has no room for */
	ResourceOwner owner;		/* of the segments: one that could not be made leaves something behind in it */
	int			workers;
	Size		chunk_bytes;
	Size		segment_bytes;	/* of a segment for chunks; other arrays are few, and get segments of their own size */
	int			segment_count;
	dsm_segment *segments[MAX_SEGMENTS];
	char	   *free;			/* in the segment being filled */
	Size		free_bytes;
	Size		total;			/* bytes of all segments and of local memory */
	bool		is_local;		/* not everything is in shared memory: no workers */
};

/* ---- contexts ---- */

static Size
query_bytes(void)
{
	return debug_query_string != NULL ? strlen(debug_query_string) + 1 : 0;
}

ParallelContext *
vecgraph_parallel_enter(const char *function, int workers)
{
	EnterParallelMode();
	return CreateParallelContext("vecidx", function, workers);
}

static void
leave(ParallelContext *context)
{
	DestroyParallelContext(context);
	ExitParallelMode();
}

bool
vecgraph_parallel_make_memory(ParallelContext *context)
{
	shm_toc_estimate_chunk(&context->estimator, query_bytes());
	shm_toc_estimate_keys(&context->estimator, 1);
	InitializeParallelDSM(context);
	if (context->seg != NULL)
		return true;
	/* too many segments in the system */
	leave(context);
	return false;
}

void
vecgraph_parallel_launch(ParallelContext *context, const char *what)
{
	Size		bytes = query_bytes();

	if (bytes > 0)
		shm_toc_insert(context->toc, KEY_QUERY, memcpy(shm_toc_allocate(context->toc, bytes), debug_query_string, bytes));
	LaunchParallelWorkers(context);
	ereport(DEBUG1,
			(errmsg_internal("vecgraph %s launched %d of %d workers", what, context->nworkers_launched, context->nworkers)));
}

void
vecgraph_parallel_finish(ParallelContext *context)
{
	WaitForParallelWorkersToFinish(context);
	leave(context);
}

void
vecgraph_parallel_report_query(shm_toc *toc)
{
	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
}

/* ---- shared memory ---- */

/* A new segment, or NULL if the system has no room for it. */
static dsm_segment *
create_segment(VecGraphParallel *parallel, Size bytes)
{
	MemoryContext old_context = CurrentMemoryContext;
	ResourceOwner old_owner = CurrentResourceOwner;
	dsm_segment *volatile segment = NULL;

	CurrentResourceOwner = parallel->owner;
	PG_TRY();
	{
		segment = dsm_create(bytes, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		CurrentResourceOwner = old_owner;
		/* /dev/shm is small in many containers; all that failed is one system call, so there is nothing to roll back */
		if (code != ERRCODE_DISK_FULL && code != ERRCODE_OUT_OF_MEMORY)
			PG_RE_THROW();
		MemoryContextSwitchTo(old_context);
		FlushErrorState();
	}
	PG_END_TRY();
	CurrentResourceOwner = old_owner;
	return segment;
}

/* Adds a segment; returns its address, or NULL if that was not possible. */
static char *
add_segment(VecGraphParallel *parallel, Size bytes)
{
	dsm_segment *segment = NULL;

	if (!parallel->is_local && parallel->segment_count < MAX_SEGMENTS)
		segment = create_segment(parallel, bytes);
	if (segment == NULL)
	{
		if (!parallel->is_local)
			ereport(DEBUG1,
					(errmsg_internal("vecgraph build has no shared memory for %zu more bytes, continuing without workers",
									 bytes)));
		parallel->is_local = true;
		return NULL;
	}
	parallel->segments[parallel->segment_count++] = segment;
	parallel->total += bytes;
	return dsm_segment_address(segment);
}

/* The place of an address; segment -1 if it is not in shared memory. */
static Place
place_of(VecGraphParallel *parallel, const void *p)
{
	for (int i = 0; i < parallel->segment_count; i++)
	{
		const char *start = dsm_segment_address(parallel->segments[i]);

		if ((const char *) p >= start && (const char *) p < start + dsm_segment_map_length(parallel->segments[i]))
			return (Place)
		{
			i, (const char *) p - start
		};
	}
	return (Place)
	{
		-1, 0
	};
}

static void *
allocate(VecGraphParallel *parallel, Size size)
{
	char	   *p;

	if (!AllocHugeSizeIsValid(size))
		elog(ERROR, "invalid memory alloc request size %zu", size);
	size = CACHELINEALIGN(size);
	if (size > parallel->free_bytes && size == parallel->chunk_bytes)
	{
		parallel->free = add_segment(parallel, parallel->segment_bytes);
		parallel->free_bytes = parallel->free != NULL ? parallel->segment_bytes : 0;
	}
	if (size <= parallel->free_bytes)
	{
		p = parallel->free;
		parallel->free += size;
		parallel->free_bytes -= size;
	}
	else
		p = add_segment(parallel, size);
	if (p != NULL)
		return p;
	parallel->total += size;
	return MemoryContextAllocHuge(parallel->context, size);
}

static void *
parallel_resize(void *context, void *p, size_t size)
{
	VecGraphParallel *parallel = context;

	if (p == NULL)
		return allocate(parallel, size);
	/* segments go all at once, in the end */
	Assert(size == 0);
	if (place_of(parallel, p).segment < 0)
		pfree(p);
	return NULL;
}

VecGraphParallel *
vecgraph_parallel_begin(int workers, Size chunk_bytes, Size limit, MemoryContext context)
{
	VecGraphParallel *parallel = MemoryContextAllocZero(context, sizeof(VecGraphParallel));

	chunk_bytes = CACHELINEALIGN(chunk_bytes);
	parallel->mem = (VxMem)
	{
		.resize = parallel_resize,.context = parallel
	};
	parallel->context = context;
	parallel->owner = ResourceOwnerCreate(CurrentResourceOwner, "vecgraph build");
	parallel->workers = workers;
	parallel->chunk_bytes = chunk_bytes;
	parallel->segment_bytes = chunk_bytes * Max(1, limit / POINT_SEGMENTS / chunk_bytes);
	return parallel;
}

const VxMem *
vecgraph_parallel_mem(VecGraphParallel *parallel)
{
	return &parallel->mem;
}

Size
vecgraph_parallel_bytes(VecGraphParallel *parallel, Size more)
{
	if (more == 0 || more <= parallel->free_bytes)
		return parallel->total;
	return parallel->total + (parallel->is_local ? more : Max(more, parallel->segment_bytes));
}

void
vecgraph_parallel_end(VecGraphParallel *parallel)
{
	ResourceOwnerRelease(parallel->owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(parallel->owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(parallel->owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(parallel->owner);
	pfree(parallel);
}

/* ---- what every participant does ---- */

/* Takes the next batch of count things, first to end - 1; false if there are none left. */
static bool
take_batch(Shared *shared, Phase phase, uint32 count, uint32 size, uint32 *first, uint32 *end)
{
	uint64		next = pg_atomic_fetch_add_u64(&shared->next[phase], size);

	if (next >= count)
		return false;
	*first = (uint32) next;
	*end = (uint32) Min(next + size, count);
	return true;
}

static void
wait_for_others(Shared *shared)
{
	BarrierArriveAndWait(&shared->barrier, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
}

/* Phases encode to attach. The leader begins and ends the linking. */
static int
link_phases(Shared *shared, VecGraphBuild *build, int phase, bool is_leader, uint64 seed)
{
	VxMemStore *store = &build->store;
	VxBuild		linking;
	VxNodeId	first;
	VxNodeId	end;

	if (phase == PHASE_ENCODE)
	{
		while (shared->coded && !shared->only_codes
			   && take_batch(shared, PHASE_ENCODE, shared->count, LIGHT_BATCH, &first, &end))
			vx_memstore_encode(store, first, end);
		wait_for_others(shared);
		phase++;
	}
	if (phase == PHASE_ENTRIES)
	{
		if (is_leader)
		{
			vx_build_begin(&linking, store, shared->list_size, seed);
			memcpy(shared->entry_ids, store->entry_ids, sizeof(shared->entry_ids));
			shared->entry_count = store->entry_count;
		}
		wait_for_others(shared);
		phase++;
	}
	if (!is_leader)
	{
		memcpy(store->entry_ids, shared->entry_ids, sizeof(shared->entry_ids));
		store->entry_count = shared->entry_count;
		vx_build_join(&linking, store, shared->list_size);
	}
	if (phase == PHASE_LINK)
	{
		/* positions in the order of linking */
		while (take_batch(shared, PHASE_LINK, shared->count, shared->link_batch, &first, &end))
		{
			vx_build_link(&linking, first, end);
			/* the counter is that of all participants */
			if (is_leader)
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
											 Min(pg_atomic_read_u64(&shared->next[PHASE_LINK]), shared->count));
		}
		wait_for_others(shared);
		phase++;
	}
	if (phase == PHASE_PRUNE)
	{
		while (take_batch(shared, PHASE_PRUNE, shared->count, LIGHT_BATCH, &first, &end))
			vx_build_prune(&linking, first, end);
		wait_for_others(shared);
		phase++;
	}
	if (phase == PHASE_ATTACH)
	{
		if (is_leader)
		{
			vx_build_attach(&linking);
			vecgraph_build_linked(build);
		}
		wait_for_others(shared);
		phase++;
	}
	if (!is_leader)
		vx_build_leave(&linking);
	return phase;
}

/* The phases from the one that the participant came in. */
static void
participate(Shared *shared, VecGraphBuild *build, int phase, bool is_leader, uint64 seed)
{
	BlockNumber head = build->geometry.first_segment;
	BlockNumber first;
	BlockNumber end;

	if (phase < PHASE_WRITE)
		phase = link_phases(shared, build, phase, is_leader, seed);
	if (phase == PHASE_WRITE)
	{
		while (take_batch(shared, PHASE_WRITE, build->pages.tail - head, VECGRAPH_WRITE_BATCH, &first, &end))
			vecgraph_build_write_body(build, head + first, head + end);
		if (is_leader)
			wait_for_others(shared);
	}
}

/* ---- the leader ---- */

/* A copy of an array in shared memory, if there is room; the old one is freed. */
static void *
move_array(VecGraphParallel *parallel, void *array, Size bytes)
{
	void	   *moved;

	if (array == NULL || bytes == 0)
		return array;
	moved = memcpy(allocate(parallel, bytes), array, bytes);
	pfree(array);
	return moved;
}

/* Describes a build to the workers. Returns false if a part of it is not in shared memory. */
static bool
describe_build(VecGraphBuild *build, const void *model, Shared *shared)
{
	VecGraphParallel *parallel = build->parallel;
	const VxMemStore *store = &build->store;

	memset(shared, 0, sizeof(*shared));
	shared->space = store->space;
	shared->max_degree = store->base.max_degree;
	shared->alpha = build->meta.alpha;
	shared->list_size = build->meta.build_list_size;
	shared->count = store->count;
	shared->link_batch = Min(Max(store->count / (LINK_BATCHES * (parallel->workers + 1)), LEAST_LINK_BATCH), MOST_LINK_BATCH);
	shared->chunk_count = store->chunk_count;
	shared->only_codes = store->only_codes;
	shared->coded = store->codec != NULL;
	shared->score_codes = store->score_codes;
	if (shared->coded)
	{
		shared->code_kind = store->codec->kind;
		shared->code_bytes = store->codec->code_bytes;
	}
	shared->edges = place_of(parallel, store->edges);
	shared->degrees = place_of(parallel, store->degrees);
	shared->versions = place_of(parallel, store->versions);
	shared->deleted = place_of(parallel, store->deleted);
	shared->codes = place_of(parallel, store->codes);
	shared->order = place_of(parallel, store->order);
	shared->model = place_of(parallel, model);

	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->concurrent;
	shared->regime = build->regime;
	shared->pages = build->pages;
	shared->meta = build->meta;
	shared->geometry = build->geometry;
	shared->tids = place_of(parallel, build->tids);
	shared->more = place_of(parallel, build->more);
	shared->chains = place_of(parallel, build->chains);

	shared->segment_count = parallel->segment_count;
	for (int i = 0; i < parallel->segment_count; i++)
		shared->segments[i] = dsm_segment_handle(parallel->segments[i]);
	return !parallel->is_local;
}

/* Puts what the workers need into the context's shared memory. */
static Shared *
share(ParallelContext *context, VecGraphParallel *parallel, const VxMemStore *store, const Shared *description)
{
	Size		chunks_bytes = mul_size(store->chunk_count, sizeof(Place));
	Shared	   *shared;
	Place	   *chunks;

	shm_toc_estimate_chunk(&context->estimator, sizeof(Shared));
	shm_toc_estimate_chunk(&context->estimator, chunks_bytes);
	shm_toc_estimate_keys(&context->estimator, 2);
	if (!vecgraph_parallel_make_memory(context))
		return NULL;
	shared = shm_toc_allocate(context->toc, sizeof(Shared));
	memcpy(shared, description, sizeof(Shared));
	BarrierInit(&shared->barrier, 0);
	for (int phase = 0; phase < PHASE_DONE; phase++)
		pg_atomic_init_u64(&shared->next[phase], 0);
	shm_toc_insert(context->toc, KEY_SHARED, shared);

	chunks = shm_toc_allocate(context->toc, chunks_bytes);
	for (uint32 i = 0; i < store->chunk_count; i++)
		chunks[i] = place_of(parallel, store->chunks[i]);
	shm_toc_insert(context->toc, KEY_CHUNKS, chunks);
	return shared;
}

bool
vecgraph_parallel_build(VecGraphBuild *build, uint64 seed, const void *model, Size model_bytes)
{
	VecGraphParallel *parallel = build->parallel;
	VxMemStore *store = &build->store;
	Shared		description;
	Shared	   *shared;
	ParallelContext *context;
	void	   *shared_model = NULL;

	if (store->count < LEAST_POINTS || IsInParallelMode() || !ActiveSnapshotSet())
		return false;
	vx_memstore_seal(store);
	if (model != NULL)
		shared_model = memcpy(allocate(parallel, model_bytes), model, model_bytes);
	build->tids = move_array(parallel, build->tids, store->count * sizeof(NodeTids));
	build->more = move_array(parallel, build->more, build->more_count * sizeof(MoreTids));
	build->chains = move_array(parallel, build->chains, build->pages.chain_count * sizeof(NodeChain));
	if (!describe_build(build, shared_model, &description))
		return false;

	context = vecgraph_parallel_enter("vecgraph_parallel_build_main", parallel->workers);
	shared = share(context, parallel, store, &description);
	if (shared == NULL)
		return false;
	BarrierAttach(&shared->barrier);
	vecgraph_parallel_launch(context, "build");
	participate(shared, build, PHASE_ENCODE, true, seed);
	vecgraph_parallel_finish(context);
	return true;
}

/* ---- a worker ---- */

static void *
address_of(dsm_segment **segments, Place place)
{
	return place.segment < 0 ? NULL : (char *) dsm_segment_address(segments[place.segment]) + place.offset;
}

static void
attach_segments(Shared *shared, dsm_segment **segments)
{
	for (int i = 0; i < shared->segment_count; i++)
	{
		segments[i] = dsm_attach(shared->segments[i]);
		if (segments[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("could not map dynamic shared memory segment")));
	}
}

/* The worker's view of the store; codec is the worker's, too. */
static void
view_store(Shared *shared, dsm_segment **segments, const Place *chunks, VxMemStore *store, VxMem *mem, VxCodec *codec)
{
	vx_memstore_init(store, mem, &shared->space, shared->max_degree, shared->alpha);
	store->poll = vecgraph_poll;
	store->count = shared->count;
	store->only_codes = shared->only_codes;
	store->chunk_count = shared->chunk_count;
	if (shared->chunk_count > 0)
		store->chunks = vx_alloc_array(mem, shared->chunk_count, sizeof(char *));
	for (uint32 i = 0; i < shared->chunk_count; i++)
		store->chunks[i] = address_of(segments, chunks[i]);
	store->edges = address_of(segments, shared->edges);
	store->degrees = address_of(segments, shared->degrees);
	store->versions = address_of(segments, shared->versions);
	store->deleted = address_of(segments, shared->deleted);
	store->codes = address_of(segments, shared->codes);
	store->order = address_of(segments, shared->order);
	if (!shared->coded)
		return;

	vx_codec_init(codec, mem, shared->code_kind, shared->space.metric, shared->space.dim,
				  vx_code_subvectors(shared->code_bytes));
	vx_codec_set_max_norm2(codec, shared->space.max_norm2);
	if (vx_code_kind(shared->code_kind)->model == VX_MODEL_CODEBOOK)
		vx_codec_set_codebooks(codec, address_of(segments, shared->model), NULL);
	else
		vx_codec_set_means(codec, mem, address_of(segments, shared->model), NULL);
	vx_memstore_set_codec(store, codec, shared->score_codes);
}

/* The worker's view of what it writes. */
static void
view_build(Shared *shared, dsm_segment **segments, VecGraphBuild *build)
{
	build->regime = shared->regime;
	build->pages = shared->pages;
	build->meta = shared->meta;
	build->geometry = shared->geometry;
	build->tids = address_of(segments, shared->tids);
	build->more = address_of(segments, shared->more);
	build->chains = address_of(segments, shared->chains);
}

/* Where parallel workers of a build start; found by its name. */
PGDLLEXPORT void vecgraph_parallel_build_main(dsm_segment *segment, shm_toc *toc);

void
vecgraph_parallel_build_main(dsm_segment *segment, shm_toc *toc)
{
	Shared	   *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	Place	   *chunks = shm_toc_lookup(toc, KEY_CHUNKS, false);
	VxMem		mem = vecgraph_mem(CurrentMemoryContext);
	LOCKMODE	lock_mode = vecgraph_build_index_lock(shared->concurrent);
	dsm_segment *segments[MAX_SEGMENTS] = {NULL};
	VecGraphBuild build = {0};
	VxCodec		codec;
	int			phase;

	vecgraph_parallel_report_query(toc);
	attach_segments(shared, segments);
	view_store(shared, segments, chunks, &build.store, &mem, &codec);
	view_build(shared, segments, &build);
	build.index = index_open(shared->index, lock_mode);
	phase = BarrierAttach(&shared->barrier);
	if (phase < PHASE_DONE)
		participate(shared, &build, phase, false, 0);
	BarrierArriveAndDetach(&shared->barrier);
	index_close(build.index, lock_mode);
	for (int i = 0; i < shared->segment_count; i++)
		dsm_detach(segments[i]);
}
