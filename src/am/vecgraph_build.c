/*
 * vecgraph_build.c: CREATE INDEX.
 *
 * 1. loading   the heap is scanned; distinct vectors go to a memory store, identical ones share a node
 * 2. linking   vx_build makes the graph in memory, with parallel workers where the server grants them (vecgraph_parallel)
 * 3. writing   pages are written in block order and logged as they are written
 *
 * When the rows outgrow maintenance_work_mem, steps 2 and 3 are taken with what was read so far, and the rest is inserted
 * row by row into the pages: slower, but bounded.
 *
 * Everything that can be refused is refused before the heap is read.
 */
#include "am/vecgraph.h"

#include <math.h>

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

#include "am/vecgraph_parallel.h"

/* Phases in pg_stat_progress_create_index; 1 is PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE. */
#define PHASE_LOADING 2
#define PHASE_LINKING 3
#define PHASE_WRITING 4
#define PHASE_INSERTING 5
#define PHASE_TRAINING 6

/* How many pages are logged at once. */
#define WRITE_BATCH 32

/* Codes that lose more than this share of the vectors' variance are worth a warning. */
#define POOR_CODES 0.5f

/* One build is like another: equal rows give equal graphs. */
#define BUILD_SEED 1

/* Heap TIDs of a node beyond its first: a list, newest first. */
typedef struct MoreTids
{
	VxHeapTid	tid;
	uint32		next;			/* position + 1 in VecGraphBuild.more, 0 at the end */
} MoreTids;

typedef struct NodeTids
{
	VxHeapTid	first;
	uint32		more;			/* position + 1 of the newest of the others */
	uint32		count;
} NodeTids;

typedef struct VecGraphBuild
{
	Relation	heap;
	Relation	index;
	IndexInfo  *index_info;
	VxMeta		meta;
	VxGeometry	geometry;
	MemoryContext context;		/* of everything below */
	MemoryContext row_context;
	VxMem		mem;
	Size		memory_limit;	/* bytes */

	/* loading */
	VxSpace		space;
	VxMemStore	store;
	VecGraphParallel *parallel;	/* NULL: no workers */
	NodeTids   *tids;			/* [tids_capacity], by node id */
	uint32		tids_capacity;
	MoreTids   *more;
	uint32		more_count;
	uint32		more_capacity;
	uint32	   *twins;			/* open hash table of node id + 1 */
	uint32		twins_mask;
	double		index_tuples;

	/* codes, once all points are loaded */
	VxCodec		codec;
	float	   *mean;			/* [dim], NULL for zero */
	VxPqCodebook *codebook;		/* NULL for untrained codes */
	float	   *training_vector;	/* [dim] */

	/* inserting, once memory was full */
	bool		inserting;
	bool		log_later;		/* write_pages does not log what it writes */
	VecGraphStore pages;
	VxLinker	linker;
} VecGraphBuild;

char *
vecgraph_buildphasename(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case PHASE_LOADING:
			return "loading tuples";
		case PHASE_LINKING:
			return "linking graph";
		case PHASE_WRITING:
			return "writing pages";
		case PHASE_TRAINING:
			return "training codes";
		case PHASE_INSERTING:
			return "inserting tuples";
		default:
			return NULL;
	}
}

/*
 * Plans the index. trained: there will be vectors to train a codebook from, if the options want one. Returns the codebook that
 * the options name, or NULL.
 */
static VxPqCodebook *
plan_index(Relation index, VxMeta *meta, VxGeometry *geometry, bool trained, MemoryContext context)
{
	VxMetric	metric = vecgraph_opclass(index)->metric;
	VecGraphOptions *options = (VecGraphOptions *) index->rd_options;
	int			dim = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
	const char *name = vecgraph_codebook_option(options);
	uint32		subvectors = options != NULL && trained ? options->pq_subvectors : 0;
	VxPqCodebook *codebook = NULL;

	/* as many subvectors as dimensions are what untrained codes have */
	if (dim > 0 && subvectors == (uint32) dim)
		subvectors = 0;
	if (name != NULL && dim > 0)
	{
		codebook = vecgraph_codebook_load(index, name, metric, dim, context);
		if (options->pq_subvectors != 0 && (uint32) options->pq_subvectors != codebook->m)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("codebook \"%s\" has %u subvectors, not %d", name, codebook->m, options->pq_subvectors),
					 errhint("Leave option \"pq_subvectors\" out.")));
		subvectors = codebook->m;
	}
	vecgraph_plan(options, metric, dim, subvectors, meta, geometry);
	return codebook;
}

/* ---- loading ---- */

static inline uint32
point_hash(VecGraphBuild *build, const float *x)
{
	return hash_bytes((const unsigned char *) x, build->meta.dim * sizeof(float));
}

static void
twins_put(VecGraphBuild *build, VxNodeId id)
{
	uint32		at = point_hash(build, vx_memstore_point(&build->store, id)->x) & build->twins_mask;

	while (build->twins[at] != 0)
		at = (at + 1) & build->twins_mask;
	build->twins[at] = id + 1;
}

/* The node that has this very vector, or VX_NO_NODE. */
static VxNodeId
twins_find(VecGraphBuild *build, const float *x)
{
	uint32		at = point_hash(build, x) & build->twins_mask;

	for (; build->twins[at] != 0; at = (at + 1) & build->twins_mask)
		if (memcmp(vx_memstore_point(&build->store, build->twins[at] - 1)->x, x, build->meta.dim * sizeof(float)) == 0)
			return build->twins[at] - 1;
	return VX_NO_NODE;
}

static void
twins_grow(VecGraphBuild *build)
{
	Size		size = ((Size) build->twins_mask + 1) * 2;

	pfree(build->twins);
	build->twins = MemoryContextAllocExtended(build->context, size * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	build->twins_mask = size - 1;
	for (VxNodeId id = 0; id < build->store.count; id++)
		twins_put(build, id);
}

/* Bytes that the build will use, linking included, once one more point is loaded. */
static Size
memory_needed(VecGraphBuild *build)
{
	VxMemStore *store = &build->store;
	Size		n = (Size) store->count + 1;
	Size		chunk = n > (Size) store->chunk_count * VX_MEM_CHUNK_POINTS ? vx_memstore_chunk_bytes(build->meta.dim) : 0;
	Size		points = build->parallel != NULL ? vecgraph_parallel_bytes(build->parallel, chunk)
		: store->chunk_count * vx_memstore_chunk_bytes(build->meta.dim) + chunk;

	return points
		+ n * (vx_memstore_link_bytes(build->meta.max_degree) + build->meta.code_bytes)
		+ build->tids_capacity * sizeof(NodeTids) + build->more_capacity * sizeof(MoreTids)
		+ ((Size) build->twins_mask + 1) * sizeof(uint32)
		/* bitmap and stack of reachability */
		+ n * 5;
}

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
		build->more_capacity = Max(1024, build->more_capacity * 2);
		build->more = vx_resize(&build->mem, build->more, build->more_capacity * sizeof(MoreTids));
	}
	more = &build->more[build->more_count++];
	vecgraph_tid_set(&more->tid, heap_tid);
	more->next = node->more;
	node->more = build->more_count;
}

static void
load_point(VecGraphBuild *build, const VxPoint *point, ItemPointer heap_tid)
{
	VxNodeId	id = twins_find(build, point->x);

	if (id == VX_NO_NODE)
	{
		if (build->store.count == build->tids_capacity)
		{
			build->tids_capacity = Max(1024, build->tids_capacity + build->tids_capacity / 2);
			build->tids = vx_resize(&build->mem, build->tids, build->tids_capacity * sizeof(NodeTids));
		}
		id = vx_memstore_add(&build->store, point->x);
		memset(&build->tids[id], 0, sizeof(NodeTids));
		if (build->store.count > build->twins_mask / 2)
			twins_grow(build);	/* puts the new one in, too */
		else
			twins_put(build, id);
		if (build->meta.metric == VX_METRIC_IP)
			build->meta.max_norm2 = Max(build->meta.max_norm2, point->norm2);
	}
	add_tid(build, id, heap_tid);
}

/* ---- linking and writing ---- */

static void
poll_interrupts(void *context)
{
	CHECK_FOR_INTERRUPTS();
}

/* A loaded point for training. Under cosine directions are trained. */
static const float *
training_row(void *context, uint32 i)
{
	VecGraphBuild *build = context;
	const VxPoint *point = vx_memstore_point(&build->store, i);
	float		scale;

	if (build->meta.metric != VX_METRIC_COSINE)
		return point->x;
	scale = 1 / sqrtf(point->norm2);
	for (uint32 k = 0; k < build->meta.dim; k++)
		build->training_vector[k] = point->x[k] * scale;
	return build->training_vector;
}

/* Trains a codebook from the loaded points, and says so if its codes will be poor. */
static void
train_codebook(VecGraphBuild *build)
{
	VxPqSample	sample = {.n = build->store.count,.row = training_row,.context = build,.poll = poll_interrupts};
	float		lost;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_TRAINING);
	build->training_vector = MemoryContextAlloc(build->context, build->meta.dim * sizeof(float));
	build->codebook = MemoryContextAllocHuge(build->context, vx_pq_codebook_bytes(build->meta.dim));
	vx_pq_train(&build->mem, build->meta.dim, build->meta.code_bytes, &sample, BUILD_SEED, build->codebook);
	vx_codec_set_codebook(&build->codec, build->codebook);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LINKING);

	lost = build->codebook->variance > 0 ? build->codebook->error / build->codebook->variance : 0;
	if (lost > POOR_CODES)
		ereport(NOTICE,
				(errmsg("codes of %u subvectors lose %.0f%% of what tells the vectors apart", build->meta.code_bytes,
						100.0 * lost),
				 errdetail("Searches need longer lists to reach the same recall."),
				 errhint("Use more subvectors, or leave option \"pq_subvectors\" to its default.")));
}

/* Fits the mean or the codebook to the loaded points, if they get codes. */
static void
fit_codec(VecGraphBuild *build)
{
	uint32		dim = build->meta.dim;
	uint32		n = build->store.count;
	float		max_norm2;
	double	   *sum;

	if (build->meta.code_kind == VX_CODES_PQ && build->codebook == NULL && n < VECGRAPH_TRAINING_ROWS)
	{
		ereport(NOTICE,
				(errmsg("too few rows to train codes of index \"%s\": it gets untrained ones",
						RelationGetRelationName(build->index)),
				 errdetail("There are %u distinct vectors, and training needs %d.", n, VECGRAPH_TRAINING_ROWS),
				 errhint("REINDEX it when the table has grown.")));
		max_norm2 = build->meta.max_norm2;
		vecgraph_plan((VecGraphOptions *) build->index->rd_options, (VxMetric) build->meta.metric, dim, 0, &build->meta,
					  &build->geometry);
		build->meta.max_norm2 = max_norm2;
	}
	if (build->meta.code_kind == VX_CODES_NONE || n == 0)
		return;
	vx_codec_init(&build->codec, &build->mem, (VxCodeKind) build->meta.code_kind, (VxMetric) build->meta.metric, dim,
				  build->meta.code_bytes);
	build->codec.max_norm2 = build->meta.max_norm2;
	if (build->codebook != NULL)
		vx_codec_set_codebook(&build->codec, build->codebook);
	else if (build->meta.code_kind == VX_CODES_PQ)
		train_codebook(build);
	else if (build->meta.metric != VX_METRIC_IP)
	{
		sum = MemoryContextAllocZero(build->context, dim * sizeof(double));
		build->mean = MemoryContextAlloc(build->context, dim * sizeof(float));
		for (VxNodeId id = 0; id < n; id++)
			vx_codec_add_to_mean(&build->codec, vx_memstore_point(&build->store, id), sum);
		for (uint32 i = 0; i < dim; i++)
		{
			build->mean[i] = (float) (sum[i] / n);
			if (isinf(build->mean[i]))
				build->mean[i] = 0;
		}
		pfree(sum);
		vx_codec_set_means(&build->codec, &build->mem, build->mean, NULL);
		build->meta.code_flags = VX_CODES_MEAN(0);
	}
	build->meta.fitted_nodes = n;
	/* trained codes are too coarse for linking, and under L1 codes estimate another distance: vectors are in memory anyway */
	vx_memstore_set_codec(&build->store, &build->codec,
						  build->meta.code_kind != VX_CODES_PQ && build->meta.metric != VX_METRIC_L1);
}

static void
link_alone(VecGraphBuild *build)
{
	VxBuild		linking;

	if (build->store.codec != NULL)
		vx_memstore_encode(&build->store, 0, build->store.count);
	vx_build_begin(&linking, &build->store, build->meta.build_list_size, BUILD_SEED);
	while (vx_build_step(&linking))
		if (linking.next % 64 == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, linking.next);
	vx_build_finish(&linking);
}

static void
link_graph(VecGraphBuild *build)
{
	const void *model;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LINKING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->store.count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);

	build->store.space.max_norm2 = build->meta.max_norm2;
	fit_codec(build);
	model = build->codebook != NULL ? (const void *) build->codebook : (const void *) build->mean;
	if (build->parallel == NULL
		|| !vecgraph_parallel_link(build->parallel, &build->store, build->meta.alpha, build->meta.build_list_size,
								   BUILD_SEED, model,
								   vx_code_model_bytes((VxCodeKind) build->meta.code_kind, build->meta.dim)))
		link_alone(build);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->store.count);

	build->meta.entry_count = build->store.entry_count;
	memcpy(build->meta.entries, build->store.entry_ids, sizeof(build->meta.entries));
}

/* Where write_pages is: heap TIDs that do not fit their node go to slots behind all nodes. */
typedef struct ChainWriter
{
	VxNodeId	node;			/* whose chain is being written */
	uint32		more;			/* position + 1 of its next TID to write, 0: go to the next node */
} ChainWriter;

static uint32
chain_slots(VecGraphBuild *build, uint32 tid_count)
{
	if (tid_count <= VX_INLINE_TIDS)
		return 0;
	return (tid_count - VX_INLINE_TIDS + build->geometry.tids_per_slot - 1) / build->geometry.tids_per_slot;
}

/* Writes the node with its first TIDs; chain is the id of its first slot of others, which the caller counts on. */
static void
fill_node(VecGraphBuild *build, VxSlot *slot, VxNodeId id, VxNodeId chain)
{
	const VxGeometry *g = &build->geometry;
	NodeTids   *node = &build->tids[id];
	uint32		more = node->more;

	slot->state = VX_SLOT_LIVE;
	slot->version = 1;
	slot->tids[slot->tid_count++] = node->first;
	for (; more != 0 && slot->tid_count < VX_INLINE_TIDS; more = build->more[more - 1].next)
		slot->tids[slot->tid_count++] = build->more[more - 1].tid;
	node->more = more;			/* what is left for the chain */
	slot->chain = more != 0 ? chain : VX_NO_NODE;
	slot->degree = build->store.degrees[id];
	memcpy(slot->edges, build->store.edges + (Size) id * build->store.base.edge_capacity,
		   slot->degree * sizeof(VxNodeId));
	vecgraph_slot_set_point(g, slot, vx_memstore_point(&build->store, id));
}

/* Writes the next slot of a chain, whose id is given. */
static void
fill_chain(VecGraphBuild *build, VxTidSlot *slot, VxNodeId id, ChainWriter *writer)
{
	while (writer->more == 0)
		writer->more = build->tids[++writer->node].more;
	slot->state = VX_SLOT_TIDS;
	slot->version = 1;
	slot->owner = writer->node;
	while (writer->more != 0 && slot->tid_count < build->geometry.tids_per_slot)
	{
		slot->tids[slot->tid_count++] = build->more[writer->more - 1].tid;
		writer->more = build->more[writer->more - 1].next;
	}
	slot->chain = writer->more != 0 ? id + 1 : VX_NO_NODE;
}

static Buffer
new_block(Relation index, BlockNumber expected)
{
	Buffer		buffer = ReadBufferExtended(index, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);

	if (BufferGetBlockNumber(buffer) != expected)
		elog(ERROR, "unexpected block %u in new index \"%s\"", BufferGetBlockNumber(buffer),
			 RelationGetRelationName(index));
	return buffer;
}

/* The pages of the codebook or of the two means: the first fitted to what was loaded, the second for a later fit. */
static void
fill_model_page(const VxGeometry *g, Page page, BlockNumber block, const void *model)
{
	uint32		number = block - VECGRAPH_META_BLOCK - 1;
	uint32		used = vecgraph_model_page_used(g, block);

	vecgraph_init_data_page(page, VX_PAGE_MODEL, used);
	if (model != NULL && number < g->model_pages)
		memcpy(vecgraph_page_body(page), (const char *) model + (Size) number * g->body_bytes, used);
}

static void
fill_code_page(VecGraphBuild *build, Page page, BlockNumber block)
{
	const VxGeometry *g = &build->geometry;
	VxNodeId	first = vx_code_page_first_id(g, block);
	uint32		n = first < build->store.count ? Min(vx_code_run(g, first), build->store.count - first) : 0;

	vecgraph_init_data_page(page, VX_PAGE_CODES, vx_code_page_used(g));
	if (n > 0)
		memcpy(vecgraph_page_body(page), vx_memstore_code(&build->store, first), (Size) n * g->code_bytes);
}

static void
fill_node_page(VecGraphBuild *build, Page page, BlockNumber block, uint32 ids, VxNodeId *chain, ChainWriter *writer)
{
	const VxGeometry *g = &build->geometry;
	VxNodeId	first = vx_block_first_id(g, block);

	vecgraph_init_node_page(page, g);
	for (uint32 i = 0; i < g->nodes_per_page && first + i < ids; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		VxNodeId	id = first + i;

		if (id < build->store.count)
		{
			fill_node(build, slot, id, *chain);
			*chain += chain_slots(build, build->tids[id].count);
		}
		else
			fill_chain(build, (VxTidSlot *) slot, id, writer);
		vecgraph_page_special(page)->free_slots--;
	}
	if (block == build->meta.free_page)
		vecgraph_page_special(page)->next_free = VX_NO_BLOCK;
}

static void
write_pages(VecGraphBuild *build)
{
	const VxGeometry *g = &build->geometry;
	Relation	index = build->index;
	uint32		nodes = build->store.count;
	uint64		ids = nodes;
	VxNodeId	chain = nodes;
	ChainWriter writer = {.node = VX_NO_NODE};	/* ++ makes it 0 */
	BlockNumber blocks;
	BlockNumber logged = 0;

	for (VxNodeId id = 0; id < nodes; id++)
		ids += chain_slots(build, build->tids[id].count);
	if (ids >= VX_NO_NODE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for index \"%s\"", RelationGetRelationName(index))));
	blocks = vx_blocks_for(g, ids);
	if (ids % g->nodes_per_page != 0)
		build->meta.free_page = blocks - 1;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_WRITING);
	for (BlockNumber block = 0; block < blocks; block++)
	{
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buffer = new_block(index, block);
		page = BufferGetPage(buffer);
		if (block == VECGRAPH_META_BLOCK)
			vecgraph_init_meta_page(page, &build->meta);
		else if (block < g->first_segment)
			fill_model_page(g, page, block, build->codebook != NULL ? (void *) build->codebook : (void *) build->mean);
		else if (vx_block_has_codes(g, block))
			fill_code_page(build, page, block);
		else
			fill_node_page(build, page, block, ids, &chain, &writer);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);

		if (RelationNeedsWAL(index) && !build->log_later && block - logged >= WRITE_BATCH)
		{
			log_newpage_range(index, MAIN_FORKNUM, logged, block + 1, true);
			logged = block + 1;
		}
	}
	if (RelationNeedsWAL(index) && !build->log_later && logged < blocks)
		log_newpage_range(index, MAIN_FORKNUM, logged, blocks, true);
}

/* ---- the whole ---- */

static void
free_memory(VecGraphBuild *build)
{
	vx_memstore_free(&build->store);
	if (build->parallel != NULL)
		vecgraph_parallel_end(build->parallel);
	build->parallel = NULL;
	if (build->tids != NULL)
		pfree(build->tids);
	if (build->more != NULL)
		pfree(build->more);
	pfree(build->twins);
	build->tids = NULL;
	build->more = NULL;
	build->twins = NULL;
}

/* Memory is full: puts what is there on pages, and goes on inserting into them. */
static void
switch_to_inserting(VecGraphBuild *build)
{
	ereport(NOTICE,
			(errmsg("vecgraph graph no longer fits into maintenance_work_mem after %.0f rows", build->index_tuples),
			 errdetail("The other rows are linked through the pages of the index, which takes longer."),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
	link_graph(build);
	/* pages will change many times: they are logged in the end */
	build->log_later = true;
	write_pages(build);
	free_memory(build);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_INSERTING);
	vecgraph_store_open(&build->pages, build->index, build->context);
	build->pages.building = true;
	vx_linker_init(&build->linker, &build->pages.mem);
	build->inserting = true;
}

static void
build_callback(Relation index, ItemPointer heap_tid, Datum *values, bool *isnull, bool alive, void *state)
{
	VecGraphBuild *build = state;
	MemoryContext old_context;
	VxPoint    *point;

	if (isnull[0])
		return;

	old_context = MemoryContextSwitchTo(build->row_context);
	point = vecgraph_point_from_datum(&build->space, values[0], false, build->row_context);
	if (point != NULL)
	{
		if (!build->inserting && memory_needed(build) > build->memory_limit && build->store.count > 0)
			switch_to_inserting(build);
		if (build->inserting)
			vecgraph_insert_point(&build->pages, &build->linker, point, heap_tid);
		else
			load_point(build, point, heap_tid);
		build->index_tuples++;
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

static void
begin_build(VecGraphBuild *build, Relation heap, Relation index, IndexInfo *index_info)
{
	int			workers;

	memset(build, 0, sizeof(*build));
	build->heap = heap;
	build->index = index;
	build->index_info = index_info;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph build", ALLOCSET_DEFAULT_SIZES);
	build->codebook = plan_index(index, &build->meta, &build->geometry, true, build->context);
	build->row_context = AllocSetContextCreate(build->context, "vecgraph build row", ALLOCSET_DEFAULT_SIZES);
	build->mem = vecgraph_mem(build->context);
	build->memory_limit = (Size) maintenance_work_mem * 1024;
	build->twins_mask = 1023;
	build->twins = MemoryContextAllocZero(build->context, 1024 * sizeof(uint32));
	build->space = (VxSpace)
	{
		.metric = (VxMetric) build->meta.metric,.dim = build->meta.dim
	};
	vx_memstore_init(&build->store, &build->mem, &build->space, build->meta.max_degree, build->meta.alpha);
	build->store.poll = poll_interrupts;

	workers = vecidx_build_workers(heap, index, index_info);
	if (workers > 0)
	{
		build->parallel = vecgraph_parallel_begin(workers, vx_memstore_chunk_bytes(build->meta.dim), build->memory_limit,
												  build->context);
		build->store.arrays = vecgraph_parallel_mem(build->parallel);
	}
}

IndexBuildResult *
vecgraph_build(Relation heap, Relation index, IndexInfo *index_info)
{
	VecGraphBuild build;
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));

	begin_build(&build, heap, index, index_info);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LOADING);
	result->heap_tuples = table_index_build_scan(heap, index, index_info, true, true, build_callback, &build, NULL);
	if (!build.inserting)
	{
		link_graph(&build);
		write_pages(&build);
		free_memory(&build);
	}
	else if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	result->index_tuples = build.index_tuples;
	MemoryContextDelete(build.context);
	return result;
}

/* The init fork of an unlogged index: what it is reset to after a crash. */
void
vecgraph_buildempty(Relation index)
{
	VxMeta		meta;
	VxGeometry	geometry;
	VxPqCodebook *codebook;

	codebook = plan_index(index, &meta, &geometry, false, CurrentMemoryContext);
	for (BlockNumber block = 0; block < geometry.first_segment; block++)
	{
		Buffer		buffer = ReadBufferExtended(index, INIT_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);

		START_CRIT_SECTION();
		if (block == VECGRAPH_META_BLOCK)
			vecgraph_init_meta_page(BufferGetPage(buffer), &meta);
		else
			fill_model_page(&geometry, BufferGetPage(buffer), block, codebook);
		MarkBufferDirty(buffer);
		log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
		UnlockReleaseBuffer(buffer);
	}
}
