/*
 * vecgraph_build_link.c: linking and writing what has been loaded, alone or with workers; see vecgraph_build_state.h.
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
#include "am/build/vecgraph_build_state.h"
#include "am/build/vecgraph_workers.h"

#include "access/genam.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "utils/backend_progress.h"
#include "utils/wait_event.h"

/* Keys of the table of contents. */
#define KEY_SHARED UINT64CONST(1)
#define KEY_PLACES UINT64CONST(2)

/*
 * How many ids are taken at once. Neighbours in id order are near each other, and who links them one after the other finds in its
 * caches what it needs; but none may be left with much to do while the others have nothing.
 */
#define LEAST_LINK_BATCH 16
#define MOST_LINK_BATCH 1024
#define LINK_BATCHES 64			/* for each participant, if that makes neither too small nor too large ones */
#define LIGHT_BATCH 256			/* for phases in which each id costs little, and about the same */

/* In their order: the server's barrier counts one further each time that all have arrived, and a worker that comes late is told its count. */
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

/* Arrays that participants share, but for slabs of points: see place_arrays. */
#define ARRAYS 12

/* The memory store, and its codec. */
typedef struct LinkStore
{
	uint32		count;
	uint32		slab_count;
	VxCodeKind	code_kind;		/* VX_CODES_NONE: it has no codec */
	uint32		code_bytes;
	VxComparison comparison;
} LinkStore;

/* What participants share. */
typedef struct LinkShared
{
	Barrier		barrier;
	pg_atomic_uint64 next[PHASE_DONE];	/* first id or block that nobody has taken, by phase */
	uint32		link_batch;
	VxNodeId	entry_ids[VX_MAX_ENTRIES];	/* when PHASE_ENTRIES is over */
	uint32		entry_count;

	Oid			index;
	VecGraphBuild build;
	LinkStore	store;
	VecGraphBuildPages pages;
	VecGraphArenaHandles arena;
} LinkShared;

/* In a worker these are views of what is the leader's. */
typedef struct Participant
{
	LinkShared *shared;
	VecGraphBuild *build;
	VecGraphBuildNodes *nodes;
	VecGraphBuildPages *pages;
	bool		is_leader;
} Participant;

/* What follows when the graph is linked: entries are known, and the head of the index is written. */
static void
finish_linking(VecGraphBuild *build, const VxMemStore *store, VecGraphBuildPages *pages)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, store->count);
	build->meta.entry_count = store->entry_count;
	memcpy(build->meta.entries, store->entry_ids, sizeof(build->meta.entries));
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_WRITING);
	vecgraph_build_write(build, NULL, pages, 0, build->geometry.first_segment);
}

/* ---- alone ---- */

static void
link_alone(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages)
{
	VxMemStore *store = &nodes->store;
	VxBuild		linking;

	if (store->codec != NULL && !pages->points_placed)
		vx_memstore_encode(store, 0, store->count);
	vx_build_begin(&linking, store, build->meta.build_list_size, VECGRAPH_BUILD_SEED);
	while (vx_build_step(&linking))
		if (linking.next % 64 == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, linking.next);
	vx_build_finish(&linking);
	finish_linking(build, store, pages);
	vecgraph_build_write(build, nodes, pages, build->geometry.first_segment, pages->tail);
}

/* ---- what every participant does ---- */

/* Takes the next of count things, first to end - 1; false if there are none left. */
static bool
take_some(LinkShared *shared, Phase phase, uint32 count, uint32 size, uint32 *first, uint32 *end)
{
	uint64		next = pg_atomic_fetch_add_u64(&shared->next[phase], size);

	if (next >= count)
		return false;
	*first = (uint32) next;
	*end = (uint32) Min(next + size, count);
	return true;
}

/* Waits until all participants have done a phase, and sees what they have written in it; returns the next one. */
static int
end_phase(LinkShared *shared, int phase)
{
	BarrierArriveAndWait(&shared->barrier, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	return phase + 1;
}

/* Phases encode to attach, from the one that the participant came in. The leader begins and ends the linking. */
static int
link_phases(Participant *me, int phase)
{
	LinkShared *shared = me->shared;
	VxMemStore *store = &me->nodes->store;
	uint32		list_size = me->build->meta.build_list_size;
	VxBuild		linking;
	VxNodeId	first;
	VxNodeId	end;

	if (phase == PHASE_ENCODE)
	{
		while (store->codec != NULL && !me->pages->points_placed
			   && take_some(shared, PHASE_ENCODE, store->count, LIGHT_BATCH, &first, &end))
			vx_memstore_encode(store, first, end);
		phase = end_phase(shared, phase);
	}
	if (phase == PHASE_ENTRIES)
	{
		if (me->is_leader)
		{
			/* entries are linked to each other while there is nothing else: one participant has to do it */
			vx_build_begin(&linking, store, list_size, VECGRAPH_BUILD_SEED);
			memcpy(shared->entry_ids, store->entry_ids, sizeof(shared->entry_ids));
			shared->entry_count = store->entry_count;
		}
		phase = end_phase(shared, phase);
	}
	/* not before the phase is over, or the leader might be writing them; a worker that comes later finds them complete */
	if (!me->is_leader)
	{
		memcpy(store->entry_ids, shared->entry_ids, sizeof(shared->entry_ids));
		store->entry_count = shared->entry_count;
		vx_build_join(&linking, store, list_size);
	}
	if (phase == PHASE_LINK)
	{
		/* positions in the order of linking */
		while (take_some(shared, PHASE_LINK, store->count, shared->link_batch, &first, &end))
		{
			vx_build_link(&linking, first, end);
			/* the counter is that of all participants */
			if (me->is_leader)
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
											 Min(pg_atomic_read_u64(&shared->next[PHASE_LINK]), store->count));
		}
		phase = end_phase(shared, phase);
	}
	if (phase == PHASE_PRUNE)
	{
		while (take_some(shared, PHASE_PRUNE, store->count, LIGHT_BATCH, &first, &end))
			vx_build_prune(&linking, first, end);
		phase = end_phase(shared, phase);
	}
	if (phase == PHASE_ATTACH)
	{
		if (me->is_leader)
		{
			vx_build_attach(&linking);
			finish_linking(me->build, store, me->pages);
		}
		phase = end_phase(shared, phase);
	}
	if (!me->is_leader)
		vx_build_leave(&linking);
	return phase;
}

/* All phases, from the one that the participant came in. */
static void
participate(Participant *me, int phase)
{
	BlockNumber head = me->build->geometry.first_segment;
	BlockNumber first;
	BlockNumber end;

	if (phase < PHASE_WRITE)
		phase = link_phases(me, phase);
	if (phase == PHASE_WRITE)
	{
		while (take_some(me->shared, PHASE_WRITE, me->pages->tail - head, VECGRAPH_WRITE_BATCH, &first, &end))
			vecgraph_build_write(me->build, me->nodes, me->pages, head + first, head + end);
		/* workers detach when they have written theirs, which counts as arriving: the leader waits for the last of them */
		if (me->is_leader)
			end_phase(me->shared, phase);
	}
}

/* ---- what is shared: the leader tells, a worker hears ---- */

static void
hear_build(const LinkShared *shared, VecGraphBuild *build)
{
	/* a copy of the leader's, whose pointers are to its own memory: those that are wanted here are replaced */
	*build = shared->build;
	memset(&build->columns, 0, sizeof(build->columns)); /* of the leader: rows are nodes by now */
	build->index = index_open(shared->index, vecgraph_build_index_lock(build->concurrent));
	build->context = CurrentMemoryContext;
	build->mem = vecgraph_mem(build->context);
}

static void
tell_store(const VxMemStore *store, LinkStore *told)
{
	told->count = store->count;
	told->slab_count = store->slab_count;
	told->code_kind = VX_CODES_NONE;
	if (store->codec == NULL)
		return;
	told->code_kind = store->codec->kind;
	told->code_bytes = store->codec->code_bytes;
	told->comparison = store->computer.comparison;
}

/* The arrays are not there yet. */
static void
hear_store(const LinkStore *told, const VecGraphBuild *build, VxMemStore *store)
{
	vx_memstore_init(store, &build->mem, &build->space, build->meta.max_degree, build->meta.alpha);
	store->poll = vecgraph_poll;
	store->count = told->count;
	store->slab_count = told->slab_count;
	store->slabs = vx_alloc_array(&build->mem, Max(told->slab_count, 1), sizeof(char *));
}

/* The codec is the worker's own; the arrays are there. */
static void
hear_codec(const LinkStore *told, const void *model, VxMemStore *store)
{
	VxCodec    *codec;

	if (told->code_kind == VX_CODES_NONE)
		return;
	codec = vx_alloc(store->mem, sizeof(VxCodec));
	vx_codec_init(codec, store->mem, told->code_kind, &store->space, told->code_bytes);
	vx_codec_set_max_norm2(codec, store->space.max_norm2);
	vx_codec_set_models(codec, store->mem, 0, false, model, NULL);
	vx_memstore_set_codec(store, codec, told->comparison);
}

/* Notes the place of an array, or finds the array by it. Returns where it is in this process. */
typedef void *(*LinkPlacing) (const VecGraphArena *arena, void *array, VecGraphPlace *place);

static void *
tell_place(const VecGraphArena *arena, void *array, VecGraphPlace *place)
{
	*place = vecgraph_arena_place(arena, array);
	return array;
}

static void *
hear_place(const VecGraphArena *arena, void *array, VecGraphPlace *place)
{
	return vecgraph_arena_address(arena, *place);
}

/*
 * All arrays that are shared; place [ARRAYS + slab_count]. model: of the codes in memory. The leader and its workers come by here, with
 * another placing each, so both have the same array at the same number.
 */
static void
place_arrays(LinkPlacing placing, const VecGraphArena *arena, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages, void **model,
			 VecGraphPlace *place)
{
	VxMemStore *store = &nodes->store;

	for (uint32 i = 0; i < store->slab_count; i++)
		store->slabs[i] = placing(arena, store->slabs[i], place++);
	store->places = placing(arena, store->places, place++);
	store->edges = placing(arena, store->edges, place++);
	store->degrees = placing(arena, store->degrees, place++);
	store->versions = placing(arena, store->versions, place++);
	store->deleted = placing(arena, store->deleted, place++);
	store->codes = placing(arena, store->codes, place++);
	store->order = placing(arena, store->order, place++);
	nodes->tids = placing(arena, nodes->tids, place++);
	nodes->signatures = placing(arena, nodes->signatures, place++);
	nodes->more = placing(arena, nodes->more, place++);
	pages->chains = placing(arena, pages->chains, place++);
	*model = placing(arena, *model, place++);
}

/* ---- the leader ---- */

/* Moves everything that participants look at to shared memory; *model is a copy. Returns false if there is no room for it. */
static bool
move_to_arena(const VecGraphBuild *build, VecGraphArena *arena, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages, void **model)
{
	VxMemStore *store = &nodes->store;
	Size		signature_bytes = build->geometry.filter_count * sizeof(uint64);

	vx_memstore_seal(store);
	store->places = vecgraph_arena_move(arena, store->places, store->count * sizeof(uint64));
	*model = NULL;
	if (store->codec != NULL && store->codec->model[0] != NULL)
	{
		Size		bytes = vx_code_model_bytes(store->codec->kind, store->codec->dim);

		*model = memcpy(vx_alloc(vecgraph_arena_mem(arena), bytes), store->codec->model[0], bytes);
	}
	nodes->tids = vecgraph_arena_move(arena, nodes->tids, store->count * sizeof(VecGraphBuildTids));
	nodes->signatures = vecgraph_arena_move(arena, nodes->signatures, store->count * signature_bytes);
	nodes->more = vecgraph_arena_move(arena, nodes->more, nodes->more_count * sizeof(VecGraphBuildMoreTids));
	pages->chains = vecgraph_arena_move(arena, pages->chains, pages->chain_count * sizeof(VecGraphBuildChain));
	return vecgraph_arena_is_shared(arena);
}

/* Starts workers and tells them everything; NULL if there can be none. */
static ParallelContext *
start_linking(Participant *me, const VecGraphArena *arena, void *model)
{
	VecGraphBuild *build = me->build;
	const VxMemStore *store = &me->nodes->store;
	VecGraphShare shares[] = {
		{KEY_SHARED, sizeof(LinkShared)},
		{KEY_PLACES, mul_size(ARRAYS + (Size) store->slab_count, sizeof(VecGraphPlace))}
	};
	ParallelContext *context = vecgraph_workers_enter("vecgraph_build_link_main", build->workers, shares, lengthof(shares));
	LinkShared *shared;

	if (context == NULL)
		return NULL;
	shared = me->shared = shares[0].address;
	BarrierInit(&shared->barrier, 0);
	for (int phase = 0; phase < PHASE_DONE; phase++)
		pg_atomic_init_u64(&shared->next[phase], 0);
	shared->link_batch = Min(Max(store->count / (LINK_BATCHES * (build->workers + 1)), LEAST_LINK_BATCH), MOST_LINK_BATCH);
	shared->index = RelationGetRelid(build->index);
	shared->build = *build;
	tell_store(store, &shared->store);
	shared->pages = *me->pages;
	shared->pages.model = NULL; /* the leader writes the head */
	place_arrays(tell_place, arena, me->nodes, me->pages, &model, shares[1].address);
	vecgraph_arena_handles(arena, &shared->arena);
	/* the leader is counted before any worker can come: none of them could end a phase without it */
	BarrierAttach(&shared->barrier);
	vecgraph_workers_launch(context, "build");
	return context;
}

/* Returns false, with nothing done but arrays moved to shared memory, if there can be no workers; there the leader can use them as well. */
static bool
link_with_workers(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages, VecGraphArena *arena)
{
	Participant me = {.build = build,.nodes = nodes,.pages = pages,.is_leader = true};
	ParallelContext *context;
	void	   *model;

	if (arena == NULL || !vecgraph_workers_help(build->workers, nodes->store.count)
		|| !move_to_arena(build, arena, nodes, pages, &model))
		return false;
	context = start_linking(&me, arena, model);
	if (context == NULL)
		return false;
	participate(&me, PHASE_ENCODE);
	vecgraph_workers_finish(context);
	return true;
}

void
vecgraph_build_link(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages, VecGraphArena *arena)
{
	if (!link_with_workers(build, nodes, pages, arena))
		link_alone(build, nodes, pages);
}

/* ---- a worker ---- */

/* Where parallel workers of a build start; found by its name. */
PGDLLEXPORT void vecgraph_build_link_main(dsm_segment *segment, shm_toc *toc);

void
vecgraph_build_link_main(dsm_segment *segment, shm_toc *toc)
{
	LinkShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	VecGraphBuild build;
	VecGraphBuildNodes nodes = {0};
	VecGraphBuildPages pages = shared->pages;
	Participant me = {.shared = shared,.build = &build,.nodes = &nodes,.pages = &pages};
	VecGraphArena *arena;
	void	   *model = NULL;
	int			phase;

	vecgraph_workers_begin(toc);
	arena = vecgraph_arena_attach(&shared->arena);
	hear_build(shared, &build);
	hear_store(&shared->store, &build, &nodes.store);
	place_arrays(hear_place, arena, &nodes, &pages, &model, shm_toc_lookup(toc, KEY_PLACES, false));
	hear_codec(&shared->store, model, &nodes.store);
	phase = BarrierAttach(&shared->barrier);
	/* the others may have done all of it before this process had started */
	if (phase < PHASE_DONE)
		participate(&me, phase);
	BarrierArriveAndDetach(&shared->barrier);
	index_close(build.index, vecgraph_build_index_lock(build.concurrent));
	vecgraph_arena_detach(arena);
}
