/*
 * vecgraph_build_link.c: linking and writing what has been loaded, alone or with workers; see vecgraph_build_impl.h.
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
#include "am/build/vecgraph_build_impl.h"
#include "am/build/vecgraph_workers.h"

#include "access/genam.h"
#include "commands/progress.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "utils/backend_progress.h"
#include "utils/wait_event.h"

/* Keys of the table of contents. */
#define KEY_SHARED UINT64CONST(1)
#define KEY_CHUNKS UINT64CONST(2)

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

	VecGraphPlace edges;
	VecGraphPlace degrees;
	VecGraphPlace versions;
	VecGraphPlace deleted;
	VecGraphPlace codes;
	VecGraphPlace order;
	VecGraphPlace model;

	/* of VecGraphBuild, for writing */
	Oid			index;
	bool		concurrent;
	BuildRegime regime;
	BuildPages	pages;
	VxMeta		meta;
	VxGeometry	geometry;
	VecGraphPlace tids;
	VecGraphPlace more;
	VecGraphPlace chains;

	/* set in PHASE_ENTRIES */
	VxNodeId	entry_ids[VX_MAX_ENTRIES];
	uint32		entry_count;

	VecGraphArenaHandles arena;
} Shared;

/* What follows when the graph is linked: entries are known, and the head of the index is written. */
static void
finish_linking(VecGraphBuild *build)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->store.count);
	build->meta.entry_count = build->store.entry_count;
	memcpy(build->meta.entries, build->store.entry_ids, sizeof(build->meta.entries));
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_WRITING);
	vecgraph_build_write_head(build);
}

static void
link_and_write_alone(VecGraphBuild *build)
{
	VxBuild		linking;

	if (build->store.codec != NULL && build->regime == BUILD_POINTS)
		vx_memstore_encode(&build->store, 0, build->store.count);
	vx_build_begin(&linking, &build->store, build->meta.build_list_size, VECGRAPH_BUILD_SEED);
	while (vx_build_step(&linking))
		if (linking.next % 64 == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, linking.next);
	vx_build_finish(&linking);
	finish_linking(build);
	vecgraph_build_write_body(build, build->geometry.first_segment, build->pages.tail);
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
			finish_linking(build);
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

/* Describes a build to the workers. Returns false if a part of it is not in shared memory. */
static bool
describe_build(VecGraphBuild *build, const void *model, Shared *shared)
{
	VecGraphArena *arena = build->arena;
	const VxMemStore *store = &build->store;

	memset(shared, 0, sizeof(*shared));
	shared->space = store->space;
	shared->max_degree = store->base.max_degree;
	shared->alpha = build->meta.alpha;
	shared->list_size = build->meta.build_list_size;
	shared->count = store->count;
	shared->link_batch = Min(Max(store->count / (LINK_BATCHES * (build->workers + 1)), LEAST_LINK_BATCH), MOST_LINK_BATCH);
	shared->chunk_count = store->chunk_count;
	shared->only_codes = store->only_codes;
	shared->coded = store->codec != NULL;
	shared->score_codes = store->score_codes;
	if (shared->coded)
	{
		shared->code_kind = store->codec->kind;
		shared->code_bytes = store->codec->code_bytes;
	}
	shared->edges = vecgraph_arena_place(arena, store->edges);
	shared->degrees = vecgraph_arena_place(arena, store->degrees);
	shared->versions = vecgraph_arena_place(arena, store->versions);
	shared->deleted = vecgraph_arena_place(arena, store->deleted);
	shared->codes = vecgraph_arena_place(arena, store->codes);
	shared->order = vecgraph_arena_place(arena, store->order);
	shared->model = vecgraph_arena_place(arena, model);

	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->concurrent;
	shared->regime = build->regime;
	shared->pages = build->pages;
	shared->meta = build->meta;
	shared->geometry = build->geometry;
	shared->tids = vecgraph_arena_place(arena, build->tids);
	shared->more = vecgraph_arena_place(arena, build->more);
	shared->chains = vecgraph_arena_place(arena, build->chains);

	return vecgraph_arena_handles(arena, &shared->arena);
}

/* Puts what the workers need into the context's shared memory. */
static Shared *
share(ParallelContext *context, VecGraphArena *arena, const VxMemStore *store, const Shared *description)
{
	Size		chunks_bytes = mul_size(store->chunk_count, sizeof(VecGraphPlace));
	Shared	   *shared;
	VecGraphPlace *chunks;

	vecgraph_workers_expect(context, sizeof(Shared));
	vecgraph_workers_expect(context, chunks_bytes);
	if (!vecgraph_workers_make_memory(context))
		return NULL;
	shared = vecgraph_workers_share(context, KEY_SHARED, sizeof(Shared));
	memcpy(shared, description, sizeof(Shared));
	BarrierInit(&shared->barrier, 0);
	for (int phase = 0; phase < PHASE_DONE; phase++)
		pg_atomic_init_u64(&shared->next[phase], 0);

	chunks = vecgraph_workers_share(context, KEY_CHUNKS, chunks_bytes);
	for (uint32 i = 0; i < store->chunk_count; i++)
		chunks[i] = vecgraph_arena_place(arena, store->chunks[i]);
	return shared;
}

/* Links and writes with workers; false, with nothing done but arrays moved to shared memory, if there can be none. */
static bool
link_with_workers(VecGraphBuild *build, uint64 seed, const void *model, Size model_bytes)
{
	VecGraphArena *arena = build->arena;
	VxMemStore *store = &build->store;
	Shared		description;
	Shared	   *shared;
	ParallelContext *context;
	void	   *shared_model = NULL;

	if (arena == NULL || !vecgraph_workers_help(build->workers, store->count))
		return false;
	vx_memstore_seal(store);
	if (model != NULL)
		shared_model = memcpy(vx_alloc(vecgraph_arena_mem(arena), model_bytes), model, model_bytes);
	build->tids = vecgraph_arena_move(arena, build->tids, store->count * sizeof(NodeTids));
	build->more = vecgraph_arena_move(arena, build->more, build->more_count * sizeof(MoreTids));
	build->chains = vecgraph_arena_move(arena, build->chains, build->pages.chain_count * sizeof(NodeChain));
	if (!describe_build(build, shared_model, &description))
		return false;

	context = vecgraph_workers_enter("vecgraph_build_link_main", build->workers);
	shared = share(context, arena, store, &description);
	if (shared == NULL)
		return false;
	BarrierAttach(&shared->barrier);
	vecgraph_workers_launch(context, "build");
	participate(shared, build, PHASE_ENCODE, true, seed);
	vecgraph_workers_finish(context);
	return true;
}

void
vecgraph_build_link(VecGraphBuild *build, const void *model, Size model_bytes)
{
	if (!link_with_workers(build, VECGRAPH_BUILD_SEED, model, model_bytes))
		link_and_write_alone(build);
}

/* ---- a worker ---- */

/* The worker's view of the store; codec is the worker's, too. */
static void
view_store(Shared *shared, const VecGraphArena *arena, const VecGraphPlace *chunks, VxMemStore *store, VxMem *mem, VxCodec *codec)
{
	vx_memstore_init(store, mem, &shared->space, shared->max_degree, shared->alpha);
	store->poll = vecgraph_poll;
	store->count = shared->count;
	store->only_codes = shared->only_codes;
	store->chunk_count = shared->chunk_count;
	if (shared->chunk_count > 0)
		store->chunks = vx_alloc_array(mem, shared->chunk_count, sizeof(char *));
	for (uint32 i = 0; i < shared->chunk_count; i++)
		store->chunks[i] = vecgraph_arena_address(arena, chunks[i]);
	store->edges = vecgraph_arena_address(arena, shared->edges);
	store->degrees = vecgraph_arena_address(arena, shared->degrees);
	store->versions = vecgraph_arena_address(arena, shared->versions);
	store->deleted = vecgraph_arena_address(arena, shared->deleted);
	store->codes = vecgraph_arena_address(arena, shared->codes);
	store->order = vecgraph_arena_address(arena, shared->order);
	if (!shared->coded)
		return;

	vx_codec_init(codec, mem, shared->code_kind, shared->space.metric, shared->space.dim,
				  vx_code_subvectors(shared->code_bytes));
	vx_codec_set_max_norm2(codec, shared->space.max_norm2);
	if (vx_code_kind(shared->code_kind)->model == VX_MODEL_CODEBOOK)
		vx_codec_set_codebooks(codec, vecgraph_arena_address(arena, shared->model), NULL);
	else
		vx_codec_set_means(codec, mem, vecgraph_arena_address(arena, shared->model), NULL);
	vx_memstore_set_codec(store, codec, shared->score_codes);
}

/* The worker's view of what it writes. */
static void
view_build(Shared *shared, const VecGraphArena *arena, VecGraphBuild *build)
{
	build->regime = shared->regime;
	build->pages = shared->pages;
	build->meta = shared->meta;
	build->geometry = shared->geometry;
	build->tids = vecgraph_arena_address(arena, shared->tids);
	build->more = vecgraph_arena_address(arena, shared->more);
	build->chains = vecgraph_arena_address(arena, shared->chains);
}

/* Where parallel workers of a build start; found by its name. */
PGDLLEXPORT void vecgraph_build_link_main(dsm_segment *segment, shm_toc *toc);

void
vecgraph_build_link_main(dsm_segment *segment, shm_toc *toc)
{
	Shared	   *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	VecGraphPlace *chunks = shm_toc_lookup(toc, KEY_CHUNKS, false);
	VxMem		mem = vecgraph_mem(CurrentMemoryContext);
	LOCKMODE	lock_mode = vecgraph_build_index_lock(shared->concurrent);
	VecGraphArena *arena;
	VecGraphBuild build = {0};
	VxCodec		codec;
	int			phase;

	vecgraph_workers_begin(toc);
	arena = vecgraph_arena_attach(&shared->arena);
	view_store(shared, arena, chunks, &build.store, &mem, &codec);
	view_build(shared, arena, &build);
	build.index = index_open(shared->index, lock_mode);
	phase = BarrierAttach(&shared->barrier);
	if (phase < PHASE_DONE)
		participate(shared, &build, phase, false, 0);
	BarrierArriveAndDetach(&shared->barrier);
	index_close(build.index, lock_mode);
	vecgraph_arena_detach(arena);
}
