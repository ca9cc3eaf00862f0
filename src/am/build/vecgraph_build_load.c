/*
 * vecgraph_build_load.c: rows of the heap into the memory of a build; see vecgraph_build_state.h.
 *
 * Rows of the same vector and signature share a node: the table of twins finds it by the hash of both.
 *
 * Here it is decided where vectors are, each when the one before would exceed the memory, linking included: in memory; on their
 * pages, with only codes in memory; or with the rest, which waits on disk. To go from the first to the second makes the pages
 * of all nodes so far and encodes them; each later row goes straight to its page and its code. One process, the leader, does
 * all this.
 */
#include "am/build/vecgraph_build_state.h"

#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

/* So many points are loaded whatever the memory: a mean of fewer would be none. */
#define LEAST_LOADED 128

/* Points, and heap TIDs besides the first of each; tables of them with room to spare are counted in 32 bits. */
#define MOST_LOADED (UINT32_MAX / 2)

#define FIRST_TWINS 1024

/* After so many rows loaded the progress is reported. */
#define PROGRESS_ROWS 256

/* Where a node is found by its vector and signature. */
typedef struct Twin
{
	uint32		node;			/* id + 1, 0: free */
	uint32		hash;
} Twin;

struct VecGraphBuildLoad
{
	VecGraphBuild *build;
	VecGraphBuildLoaded *loaded;
	Twin	   *twins;			/* open hash table [twins_mask + 1] */
	uint32		twins_mask;
	VxRobustSum *norms;			/* squared norms of the nodes; NULL but for inner product */
	Size		reserved_bytes; /* of others */
	double		rows;

	/* once vectors are on their pages */
	double		switched_after; /* rows */
	uint8	   *code;			/* [link_codec->code_bytes] of the row at hand */
	uint8	   *index_code;		/* [meta.code_bytes] the same where the index has other codes */
};

static void
init_store(VecGraphBuild *build, VxMemStore *store)
{
	vx_memstore_init(store, &build->mem, &build->space, build->meta.max_degree, build->meta.alpha);
	store->poll = vecgraph_poll;
}

/* Shared memory for what the workers will look at, if there are to be workers. */
static void
start_arena(VecGraphBuild *build, VecGraphBuildLoaded *loaded)
{
	VxMemStore *store = &loaded->nodes.store;

	if (build->workers <= 0)
		return;
	loaded->arena = vecgraph_arena_begin(vx_memstore_slab_bytes(store), build->memory_limit, build->context);
	store->arrays = vecgraph_arena_mem(loaded->arena);
}

VecGraphBuildLoad *
vecgraph_build_load_begin(VecGraphBuild *build, VecGraphBuildLoaded *loaded)
{
	VecGraphBuildLoad *load = MemoryContextAllocZero(build->context, sizeof(VecGraphBuildLoad));

	load->build = build;
	load->loaded = loaded;
	load->twins_mask = FIRST_TWINS - 1;
	load->twins = MemoryContextAllocZero(build->context, FIRST_TWINS * sizeof(Twin));
	init_store(build, &loaded->nodes.store);
	start_arena(build, loaded);
	if (vx_metric_kind(build->meta.metric)->lengths)
	{
		load->norms = MemoryContextAlloc(build->context, sizeof(VxRobustSum));
		vx_robust_begin(load->norms);
	}
	return load;
}

void
vecgraph_build_load_reserve(VecGraphBuildLoad *load, Size bytes)
{
	load->reserved_bytes = bytes;
}

/* Whether one more row would take more memory than there is, linking included. */
static bool
is_full(const VecGraphBuildLoad *load)
{
	const VecGraphBuild *build = load->build;
	const VecGraphBuildNodes *nodes = &load->loaded->nodes;
	const VxMemStore *store = &nodes->store;
	const VecGraphArena *arena = load->loaded->arena;
	bool		placed = load->loaded->pages.points_placed;
	Size		n = (Size) store->count + 1;
	Size		more = vx_memstore_is_full(store) ? vx_memstore_slab_bytes(store) : 0;
	Size		items = vx_memstore_slabs_bytes(store) + more;
	Size		places = store->places_capacity * sizeof(uint64);
	/* codes that wait in slabs are copied before they are linked */
	uint32		code_bytes = placed ? load->loaded->fit.link_codec->code_bytes : build->meta.code_bytes;
	Size		tids = nodes->tids_capacity * sizeof(VecGraphBuildTids) + nodes->more_capacity * sizeof(VecGraphBuildMoreTids);
	Size		signatures = nodes->tids_capacity * build->geometry.filter_count * sizeof(uint64);
	Size		keys = placed ? nodes->tids_capacity * sizeof(uint32) : 0;
	Size		loading = load->reserved_bytes + ((Size) load->twins_mask + 1) * sizeof(Twin);
	/* the order of linking takes twice an id, reachability later a bitmap and a stack (5 bytes) */
	Size		linking = n * (vx_memstore_link_bytes(build->meta.max_degree) + code_bytes + 2 * sizeof(uint32))
		+ build->memory_limit / VECGRAPH_ORDER_SHARE;

	/* workers get copies of heap TIDs and signatures */
	if (arena != NULL)
		linking += tids + signatures + places;
	if (!placed && arena != NULL)
		items = vecgraph_arena_bytes(arena, more);
	if (n > MOST_LOADED || nodes->more_count >= MOST_LOADED)
		return true;
	return items + places + tids + signatures + keys + Max(loading, linking) > build->memory_limit && n > LEAST_LOADED;
}

/* ---- twins ---- */

/* Puts an entry into the table, which has room and lacks it. */
static void
twins_put(VecGraphBuildLoad *load, Twin twin)
{
	uint32		at = twin.hash & load->twins_mask;

	while (load->twins[at].node != 0)
		at = (at + 1) & load->twins_mask;
	load->twins[at] = twin;
}

/* Doubles the table. */
static void
twins_grow(VecGraphBuildLoad *load)
{
	Twin	   *old = load->twins;
	Size		old_size = (Size) load->twins_mask + 1;

	load->twins = MemoryContextAllocExtended(load->build->context, 2 * old_size * sizeof(Twin),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	load->twins_mask = 2 * old_size - 1;
	for (Size i = 0; i < old_size; i++)
		if (old[i].node != 0)
			twins_put(load, old[i]);
	pfree(old);
}

/* Whether the vector of a node, that lies on its page, is this one. */
static bool
placed_point_is(VecGraphBuild *build, VxNodeId id, const VxPoint *point)
{
	const VxGeometry *g = &build->geometry;
	Buffer		buffer = vecgraph_read_and_lock(build->index, vx_id_block(g, id), NULL, BUFFER_LOCK_SHARE);
	bool		same;

	vecgraph_check_node_page(build->index, buffer, g);
	same = vecgraph_slot_has_point(&build->space, g, vx_slot(g, vecgraph_page_body(BufferGetPage(buffer)), vx_id_slot(g, id)),
								   point);
	UnlockReleaseBuffer(buffer);
	return same;
}

/* Whether a node is of this very vector and signature. */
static bool
is_twin(VecGraphBuildLoad *load, VxNodeId id, const VecGraphRow *row)
{
	VecGraphBuild *build = load->build;
	const VecGraphBuildNodes *nodes = &load->loaded->nodes;
	uint32		filter_count = build->geometry.filter_count;

	if (filter_count > 0
		&& memcmp(vecgraph_build_signature(build, nodes, id), row->signature, filter_count * sizeof(uint64)) != 0)
		return false;
	return load->loaded->pages.points_placed
		? placed_point_is(build, id, row->point)
		: vx_space_same(&build->space, vx_memstore_point(&nodes->store, id), row->point);
}

/* The twin of a row, or VX_NO_NODE. */
static VxNodeId
twins_find(VecGraphBuildLoad *load, const VecGraphRow *row)
{
	uint32		at = row->hash & load->twins_mask;

	for (; load->twins[at].node != 0; at = (at + 1) & load->twins_mask)
		if (load->twins[at].hash == row->hash && is_twin(load, load->twins[at].node - 1, row))
			return load->twins[at].node - 1;
	return VX_NO_NODE;
}

/* ---- rows ---- */

static void
add_node_tid(VecGraphBuild *build, VecGraphBuildNodes *nodes, VxNodeId id, ItemPointer heap_tid)
{
	VecGraphBuildTids *node = &nodes->tids[id];
	VecGraphBuildMoreTids *more;

	if (node->count++ == 0)
	{
		vecgraph_tid_set(&node->first, heap_tid);
		return;
	}
	if (nodes->more_count == nodes->more_capacity)
	{
		nodes->more_capacity = vx_grown(nodes->more_capacity, 1024);
		nodes->more = vx_resize_array(&build->mem, nodes->more, nodes->more_capacity, sizeof(VecGraphBuildMoreTids));
	}
	more = &nodes->more[nodes->more_count++];
	vecgraph_tid_set(&more->tid, heap_tid);
	more->next = node->more;
	node->more = nodes->more_count;
}

/* Keeps the code of a new node in memory and puts its vector, and its code in the index if that is another one, on their pages. */
static VxNodeId
add_code(VecGraphBuildLoad *load, const VxPoint *point, uint32 hash)
{
	VecGraphBuildLoaded *loaded = load->loaded;
	VxNodeId	id;

	vx_codec_encode(loaded->fit.link_codec, point, load->code);
	id = vx_memstore_add_code(&loaded->nodes.store, load->code);
	loaded->order.keys[id] = vx_order_key(&loaded->order.order, point, hash);
	vecgraph_build_place_point(load->build, &loaded->pages, id, point);
	if (loaded->pages.codes_placed && loaded->fit.codec.kind != VX_CODES_NONE)
	{
		vx_codec_encode(&loaded->fit.codec, point, load->index_code);
		vecgraph_build_place_code(load->build, &loaded->pages, id, load->index_code);
	}
	return id;
}

/* Makes room for what is known of one more node by its id. */
static void
grow_tables(VecGraphBuildLoad *load)
{
	const VxMem *mem = &load->build->mem;
	VecGraphBuildNodes *nodes = &load->loaded->nodes;
	VecGraphBuildOrder *order = &load->loaded->order;
	uint32		filter_count = load->build->geometry.filter_count;

	if (nodes->store.count < nodes->tids_capacity)
		return;
	nodes->tids_capacity = Max(1024, nodes->tids_capacity + nodes->tids_capacity / 2);
	nodes->tids = vx_resize_array(mem, nodes->tids, nodes->tids_capacity, sizeof(VecGraphBuildTids));
	if (filter_count > 0)
		nodes->signatures = vx_resize_array(mem, nodes->signatures, nodes->tids_capacity, filter_count * sizeof(uint64));
	if (order->keys != NULL)
		order->keys = vx_resize_array(mem, order->keys, nodes->tids_capacity, sizeof(uint32));
}

/* Adds a row to memory: its vector and signature, or just its heap TID if it has a twin. */
static void
add_row(VecGraphBuildLoad *load, VecGraphRow *row)
{
	VecGraphBuildNodes *nodes = &load->loaded->nodes;
	uint32		filter_count = load->build->geometry.filter_count;
	VxNodeId	id = twins_find(load, row);

	if (id == VX_NO_NODE)
	{
		Twin		twin = {.hash = row->hash};

		grow_tables(load);
		id = load->loaded->pages.points_placed ? add_code(load, row->point, row->hash)
			: vx_memstore_add(&nodes->store, row->point);
		memset(&nodes->tids[id], 0, sizeof(VecGraphBuildTids));
		if (filter_count > 0)
			memcpy(vecgraph_build_signature(load->build, nodes, id), row->signature, filter_count * sizeof(uint64));
		if (nodes->store.count > load->twins_mask / 2)
			twins_grow(load);
		twin.node = id + 1;
		twins_put(load, twin);
		if (load->norms != NULL)
			vx_robust_add(load->norms, row->point->norm2);
	}
	add_node_tid(load->build, nodes, id, &row->tid);
}

/* ---- making room ---- */

/*
 * Moves the vectors to their pages and keeps codes. Returns false, having done nothing, if that would not make enough room, or
 * codes would be too coarse to link by.
 */
static bool
switch_to_codes(VecGraphBuildLoad *load)
{
	VecGraphBuild *build = load->build;
	VecGraphBuildLoaded *loaded = load->loaded;
	VecGraphBuildFit *fit = &loaded->fit;
	VxMemStore *store = &loaded->nodes.store;
	VxMemStore	points = *store;
	Size		link_bytes = vx_memstore_link_bytes(build->meta.max_degree);
	Size		code_bytes = vx_code_bytes(VX_CODES_SCALAR4, &build->space, 0);

	Assert(!loaded->pages.points_placed);
	if (!vecidx_type_has_codes(build->columns.opclass->type, VX_CODES_SCALAR4)
		|| !vecgraph_wants_codes(NULL, build->columns.opclass, build->meta.dim)
		|| link_bytes + 2 * code_bytes > (link_bytes + vx_memstore_slabs_bytes(store) / Max(store->count, 1)) * 3 / 4)
		return false;

	vecgraph_build_fit(build, store, fit, true);
	vecgraph_build_order_make(build, store, &loaded->order);
	vecgraph_build_fit_link_codec(build, store, fit);
	loaded->order.keys = MemoryContextAllocHuge(build->context, vx_size_product(loaded->nodes.tids_capacity, sizeof(uint32)));
	load->code = MemoryContextAlloc(build->context, fit->link_codec->code_bytes);
	load->index_code = MemoryContextAlloc(build->context, Max(build->meta.code_bytes, 1));
	load->switched_after = load->rows;
	loaded->pages.points_placed = true;
	loaded->pages.codes_placed = fit->link_codec != &fit->codec;
	loaded->pages.model = fit->model;

	init_store(build, store);
	vx_memstore_use_codes(store, fit->link_codec);
	for (VxNodeId id = 0; id < points.count; id++)
	{
		const VxPoint *point = vx_memstore_point(&points, id);

		CHECK_FOR_INTERRUPTS();
		add_code(load, point, vecgraph_row_hash(&build->space, point, vecgraph_build_signature(build, &loaded->nodes, id),
												build->geometry.filter_count));
	}
	vx_memstore_free(&points);
	if (loaded->arena != NULL)
		vecgraph_arena_end(loaded->arena);
	start_arena(build, loaded);
	return true;
}

/* Not even codes fit: other rows, the rest, wait. */
static void
begin_rest(VecGraphBuildLoad *load)
{
	ereport(NOTICE,
			(errmsg("vecgraph graph no longer fits into maintenance_work_mem after %.0f rows", load->rows),
			 errdetail("The other rows are linked through the pages of the index, which takes longer."),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
	/* pages will change many times: they are logged in the end */
	load->loaded->pages.log_later = true;
	load->loaded->rest = vecgraph_build_rest_begin(load->build);
}

/*
 * Makes room for one more row, if that is possible. Each regime is entered once, and never left again: what is on pages does not come
 * back into memory.
 */
static void
make_room(VecGraphBuildLoad *load)
{
	if (load->loaded->rest != NULL || !is_full(load))
		return;
	if (!load->loaded->pages.points_placed && switch_to_codes(load))
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_LOADING);
		if (!is_full(load))
			return;
	}
	begin_rest(load);
}

/* ---- the whole ---- */

void
vecgraph_build_load_row(VecGraphBuildLoad *load, VecGraphRow *row)
{
	make_room(load);
	if (load->loaded->rest != NULL)
		vecgraph_build_rest_put(load->loaded->rest, row);
	else
		add_row(load, row);
	load->rows++;
	if ((uint64) load->rows % PROGRESS_ROWS == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) load->rows);
}

double
vecgraph_build_load_end(VecGraphBuildLoad *load)
{
	VecGraphBuild *build = load->build;
	double		rows = load->rows;

	if (load->loaded->pages.points_placed && load->loaded->rest == NULL)
		ereport(NOTICE,
				(errmsg("vectors no longer fit into maintenance_work_mem after %.0f rows", load->switched_after),
				 errdetail("The graph of index \"%s\" is linked by their codes, which are a little less exact.",
						   RelationGetRelationName(build->index)),
				 errhint("Increase maintenance_work_mem to keep vectors in memory.")));
	if (load->norms != NULL)
	{
		vecgraph_choose_max_norm(&build->meta, load->norms);
		build->space.max_norm2 = build->meta.max_norm2;
		load->loaded->nodes.store.space = build->space;
		pfree(load->norms);
	}
	pfree(load->twins);
	pfree(load);
	return rows;
}

void
vecgraph_build_unload(VecGraphBuild *build, VecGraphBuildLoaded *loaded)
{
	VecGraphBuildNodes *nodes = &loaded->nodes;

	/* they may have been moved to where workers see them */
	vx_free(nodes->store.arrays, nodes->tids);
	vx_free(nodes->store.arrays, nodes->signatures);
	vx_free(nodes->store.arrays, nodes->more);
	vx_free(nodes->store.arrays, loaded->pages.chains);
	vx_memstore_free(&nodes->store);
	vx_order_free(&loaded->order.order, &build->mem);
	if (loaded->arena != NULL)
		vecgraph_arena_end(loaded->arena);
	if (loaded->order.keys != NULL)
		pfree(loaded->order.keys);
}
