/*
 * vecgraph_build_load.c: rows of the heap into the memory of a build; see vecgraph_build_impl.h.
 *
 * Identical vectors share a node: the table of twins finds it by the hash of the vector.
 */
#include "am/build/vecgraph_build_impl.h"

#include "commands/progress.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

/* So many points are loaded whatever the memory: a mean of fewer would be none. */
#define LEAST_POINTS 128

/* Points, and heap TIDs besides the first of each; tables of them with room to spare are counted in 32 bits. */
#define MOST_LOADED (UINT32_MAX / 2)

#define FIRST_TWINS 1024

/* After so many rows loaded the progress is reported. */
#define PROGRESS_ROWS 256

static void
init_store(VecGraphBuild *build)
{
	vx_memstore_init(&build->store, &build->mem, &build->space, build->meta.max_degree, build->meta.alpha);
	build->store.poll = vecgraph_poll;
}

/* Shared memory for what the workers will look at, if there are to be workers. */
static void
start_arena(VecGraphBuild *build)
{
	if (build->workers <= 0)
		return;
	build->arena = vecgraph_arena_begin(vx_memstore_chunk_bytes(&build->store), build->memory_limit, build->context);
	build->store.arrays = vecgraph_arena_mem(build->arena);
}

void
vecgraph_build_begin_load(VecGraphBuild *build)
{
	build->twins_mask = FIRST_TWINS - 1;
	build->twins = MemoryContextAllocZero(build->context, FIRST_TWINS * sizeof(Twin));
	init_store(build);
	start_arena(build);
	if (build->meta.metric == VX_METRIC_IP)
	{
		build->norms = MemoryContextAlloc(build->context, sizeof(VxRobustSum));
		vx_robust_begin(build->norms);
	}
}

/* Whether one more row would take more memory than there is, linking included. */
static bool
is_full(VecGraphBuild *build)
{
	VxMemStore *store = &build->store;
	Size		n = (Size) store->count + 1;
	Size		more = vx_memstore_is_full(store) ? vx_memstore_chunk_bytes(store) : 0;
	Size		items = store->chunk_count * vx_memstore_chunk_bytes(store) + more;
	/* codes that wait in chunks are copied before they are linked */
	uint32		code_bytes = build->regime == BUILD_CODES ? build->link_codec->code_bytes : build->meta.code_bytes;
	Size		tids = build->tids_capacity * sizeof(NodeTids) + build->more_capacity * sizeof(MoreTids);
	Size		keys = build->regime == BUILD_CODES ? build->tids_capacity * sizeof(uint32) : 0;
	Size		loading = build->queue_bytes + ((Size) build->twins_mask + 1) * sizeof(Twin);
	/* the order of linking takes twice an id, reachability later a bitmap and a stack (5 bytes) */
	Size		linking = n * (vx_memstore_link_bytes(build->meta.max_degree) + code_bytes + 2 * sizeof(uint32))
		+ build->memory_limit / VECGRAPH_ORDER_SHARE;

	/* workers get copies of heap TIDs */
	if (build->arena != NULL)
		linking += tids;
	if (build->regime == BUILD_POINTS && build->arena != NULL)
		items = vecgraph_arena_bytes(build->arena, more);
	if (n > MOST_LOADED || build->more_count >= MOST_LOADED)
		return true;
	return items + tids + keys + Max(loading, linking) > build->memory_limit && n > LEAST_POINTS;
}

/* ---- twins ---- */

static void
twins_put(VecGraphBuild *build, Twin twin)
{
	uint32		at = twin.hash & build->twins_mask;

	while (build->twins[at].node != 0)
		at = (at + 1) & build->twins_mask;
	build->twins[at] = twin;
}

/* Doubles the table. */
static void
twins_grow(VecGraphBuild *build)
{
	Twin	   *old = build->twins;
	Size		old_size = (Size) build->twins_mask + 1;

	build->twins = MemoryContextAllocExtended(build->context, 2 * old_size * sizeof(Twin), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	build->twins_mask = 2 * old_size - 1;
	for (Size i = 0; i < old_size; i++)
		if (old[i].node != 0)
			twins_put(build, old[i]);
	pfree(old);
}

/* Whether the vector of a node, that lies on its page, is this one. */
static bool
placed_point_is(VecGraphBuild *build, VxNodeId id, const VxPoint *point)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer = ReadBuffer(build->index, vx_id_block(g, id));
	bool		same;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	vecgraph_check_node_page(build->index, buffer, g);
	same = vecgraph_slot_has_point(&build->space, g, vx_slot(g, vecgraph_page_body(BufferGetPage(buffer)), vx_id_slot(g, id)),
								   point);
	UnlockReleaseBuffer(buffer);
	return same;
}

/* The node that has this very vector, or VX_NO_NODE. */
static VxNodeId
twins_find(VecGraphBuild *build, const VxPoint *point, uint32 hash)
{
	uint32		at = hash & build->twins_mask;

	for (; build->twins[at].node != 0; at = (at + 1) & build->twins_mask)
	{
		VxNodeId	id = build->twins[at].node - 1;

		if (build->twins[at].hash != hash)
			continue;
		if (build->regime == BUILD_CODES
			? placed_point_is(build, id, point)
			: vx_space_same(&build->space, vx_memstore_point(&build->store, id), point))
			return id;
	}
	return VX_NO_NODE;
}

/* ---- rows ---- */

static void
add_tid(VecGraphBuild *build, VxNodeId id, ItemPointer heap_tid)
{
	NodeTids   *node = &build->tids[id];
	MoreTids   *more;

	if (node->count++ == 0)
	{
		vecgraph_tid_set(&node->first, heap_tid);
		return;
	}
	if (build->more_count == build->more_capacity)
	{
		build->more_capacity = vx_grown(build->more_capacity, 1024);
		build->more = vx_resize_array(&build->mem, build->more, build->more_capacity, sizeof(MoreTids));
	}
	more = &build->more[build->more_count++];
	vecgraph_tid_set(&more->tid, heap_tid);
	more->next = node->more;
	node->more = build->more_count;
}

/* Keeps the code of a new node in memory and puts everything else on its page. */
static VxNodeId
add_code(VecGraphBuild *build, const VxPoint *point, uint32 hash)
{
	VxNodeId	id;

	vx_codec_encode(build->link_codec, point, build->code);
	id = vx_memstore_add_code(&build->store, build->code);
	build->keys[id] = vecgraph_build_key(build, point, hash);
	vecgraph_build_place_point(build, id, point);
	if (build->pages.codes_placed)
	{
		vx_codec_encode(&build->codec, point, build->index_code);
		vecgraph_build_place_code(build, id, build->index_code);
	}
	return id;
}

/* Adds a row: its vector, or just its heap TID if the vector is there already. */
static void
load(VecGraphBuild *build, VecGraphRow *row)
{
	VxNodeId	id;

	id = twins_find(build, row->point, row->hash);
	if (id == VX_NO_NODE)
	{
		if (build->store.count == build->tids_capacity)
		{
			build->tids_capacity = Max(1024, build->tids_capacity + build->tids_capacity / 2);
			build->tids = vx_resize_array(&build->mem, build->tids, build->tids_capacity, sizeof(NodeTids));
			if (build->regime == BUILD_CODES)
				build->keys = vx_resize_array(&build->mem, build->keys, build->tids_capacity, sizeof(uint32));
		}
		id = build->regime == BUILD_CODES ? add_code(build, row->point, row->hash) : vx_memstore_add(&build->store, row->point);
		memset(&build->tids[id], 0, sizeof(NodeTids));
		if (build->store.count > build->twins_mask / 2)
			twins_grow(build);
		twins_put(build, (Twin)
				  {
					  .node = id + 1,.hash = row->hash
				  });
		if (build->norms != NULL)
			vx_robust_add(build->norms, row->point->norm2);
	}
	add_tid(build, id, &row->tid);
}

/* ---- when vectors do not fit ---- */

/* Codes to link by: those of the index, if they are good enough, else some of their own. */
static void
choose_link_codec(VecGraphBuild *build)
{
	build->link_codec = &build->codec;
	if (vx_code_kind(build->meta.code_kind)->prunes)
		return;
	build->link_codec = &build->own_link_codec;
	build->pages.codes_placed = build->meta.code_kind != VX_CODES_NONE && !build->untrained;
	vx_codec_init(build->link_codec, &build->mem, VX_CODES_SCALAR4, (VxMetric) build->meta.metric, build->meta.dim, 0);
	vecgraph_build_fit_mean(build, build->link_codec);
}

/*
 * Goes from BUILD_POINTS to BUILD_CODES: moves the vectors to their pages and keeps codes. Returns false, having done nothing, if
 * that would not make enough room, or codes would be too coarse to link by.
 */
static bool
switch_to_codes(VecGraphBuild *build)
{
	uint32		dim = build->meta.dim;
	VxMemStore	points = build->store;
	Size		link_bytes = vx_memstore_link_bytes(build->meta.max_degree);
	Size		code_bytes = vx_code_bytes(VX_CODES_SCALAR4, build->space.metric, dim, 0);

	Assert(build->regime == BUILD_POINTS);
	if (!vecgraph_wants_codes(NULL, (VxMetric) build->meta.metric, dim)
		|| link_bytes + 2 * code_bytes > (link_bytes + vx_space_room(&build->space)) * 3 / 4)
		return false;

	vecgraph_build_fit(build, true);
	vecgraph_build_make_order(build);
	build->keys = MemoryContextAllocHuge(build->context, vx_size_product(build->tids_capacity, sizeof(uint32)));
	choose_link_codec(build);
	build->code = MemoryContextAlloc(build->context, build->link_codec->code_bytes);
	build->index_code = MemoryContextAlloc(build->context, Max(build->meta.code_bytes, 1));
	build->switched_after = build->index_tuples;
	build->regime = BUILD_CODES;

	init_store(build);
	vx_memstore_use_codes(&build->store, build->link_codec);
	for (VxNodeId id = 0; id < points.count; id++)
	{
		const VxPoint *point = vx_memstore_point(&points, id);

		CHECK_FOR_INTERRUPTS();
		add_code(build, point, vx_space_hash(&build->space, point));
	}
	vx_memstore_free(&points);
	if (build->arena != NULL)
		vecgraph_arena_end(build->arena);
	start_arena(build);
	return true;
}

/* Not even codes fit: other rows, the rest, wait. */
static void
begin_rest(VecGraphBuild *build)
{
	ereport(NOTICE,
			(errmsg("vecgraph graph no longer fits into maintenance_work_mem after %.0f rows", build->index_tuples),
			 errdetail("The other rows are linked through the pages of the index, which takes longer."),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
	/* pages will change many times: they are logged in the end */
	build->pages.log_later = true;
	vecgraph_build_begin_rest(build);
}

/* Makes room for one more row, if that is possible. */
static void
make_room(VecGraphBuild *build)
{
	if (build->rest != NULL || !is_full(build))
		return;
	if (build->regime == BUILD_POINTS && switch_to_codes(build))
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_LOADING);
		if (!is_full(build))
			return;
	}
	begin_rest(build);
}

void
vecgraph_build_take(VecGraphBuild *build, VecGraphRow *row)
{
	make_room(build);
	if (build->rest != NULL)
		vecgraph_build_put_rest(build, row);
	else
		load(build, row);
	build->index_tuples++;
	if ((uint64) build->index_tuples % PROGRESS_ROWS == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) build->index_tuples);
}

void
vecgraph_build_end_load(VecGraphBuild *build)
{
	pfree(build->twins);
	build->twins = NULL;
}

void
vecgraph_build_free_memory(VecGraphBuild *build)
{
	/* they may have been moved to where workers see them */
	vx_free(build->store.arrays, build->tids);
	vx_free(build->store.arrays, build->more);
	vx_free(build->store.arrays, build->chains);
	vx_memstore_free(&build->store);
	vx_order_free(&build->order, &build->mem);
	if (build->arena != NULL)
		vecgraph_arena_end(build->arena);
	build->arena = NULL;
	if (build->keys != NULL)
		pfree(build->keys);
	build->keys = NULL;
	build->tids = NULL;
	build->more = NULL;
	build->chains = NULL;
}
