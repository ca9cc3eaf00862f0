/*
 * vecgraph_build.c: CREATE INDEX.
 *
 * 1. loading   the heap is scanned; distinct vectors go to a memory store, identical ones share a node
 * 2. linking   vx_build makes the graph in memory
 * 3. writing   pages are written and logged
 *
 * All steps are done by parallel workers, too, where the server grants them (vecgraph_build_scan.c, vecgraph_parallel.c).
 *
 * When vectors and graph outgrow maintenance_work_mem, the vectors go to their pages and only codes stay, by which the graph is
 * linked all the same. When codes and graph outgrow it, too, all other rows wait on disk until steps 2 and 3 are done. They are
 * then sorted into the order in which they are best linked, and inserted one by one into the pages, by all workers: slower, but
 * bounded. (BuildRegime has the names.)
 *
 * Everything that can be refused is refused before the heap is read.
 */
#include "am/build/vecgraph_build.h"

#include <math.h>

#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/backend_progress.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "pg/vecidx_fault.h"

/* Phases in pg_stat_progress_create_index; 1 is PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE. */
#define PHASE_LOADING 2
#define PHASE_LINKING 3
#define PHASE_WRITING 4
#define PHASE_INSERTING 5
#define PHASE_TRAINING 6

/* After so many rows loaded the progress is reported. */
#define PROGRESS_ROWS 256

/* From so many points it is measured how much codes lose. */
#define ERROR_POINTS 1000

/* Codes that lose more than this share of the vectors' variance are worth a warning. */
#define POOR_CODES 0.5f

/* Where the loaded points are fewer, what linking needs is in the processor's caches anyway. */
#define LEAST_ORDERED 100000

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
 * Plans the index. heap: its table, whose vectors can train a codebook, if the options want one; NULL for the init fork of an
 * index that has just been built. Returns the codebook that codes are to be made with, or NULL.
 */
static VxPqCodebook *
plan_index(Relation heap, Relation index, VxMeta *meta, VxGeometry *geometry, MemoryContext context)
{
	const VecGraphOpclass *opclass = vecgraph_opclass(index);
	VecGraphOptions *options = (VecGraphOptions *) index->rd_options;
	int			dim = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
	bool		named = vecgraph_codebook_option(options) != NULL;
	uint32		subvectors = options != NULL ? options->pq_subvectors : 0;
	VxPqCodebook *codebook = NULL;

	if (named && dim > 0)
		codebook = heap != NULL ? vecgraph_codebook_for_build(heap, index, opclass->metric, dim, context)
			: vecgraph_codebook_copy(index, opclass->metric, dim, context);
	if (codebook != NULL)
		subvectors = codebook->m;
	else if (named && subvectors == 0)
		subvectors = vecgraph_default_subvectors(dim);
	/* as many subvectors as dimensions are what untrained codes have */
	else if (dim > 0 && subvectors == (uint32) dim)
		subvectors = 0;
	vecgraph_plan(options, opclass, dim, subvectors, meta, geometry);
	if (heap == NULL && codebook == NULL && vx_code_kind(meta->code_kind)->needs_training)
	{
		/* where only codes could tell what nodes look like there must be some from the beginning */
		if (meta->storage == VX_STORAGE_HEAP)
			vecgraph_plan(options, opclass, dim, 0, meta, geometry);
		else
			meta->code_flags = 0;
	}
	return codebook;
}

/* ---- codes ---- */

/* A loaded point for training. Under cosine directions are trained. */
static const float *
training_row(void *context, uint32 i)
{
	VecGraphBuild *build = context;
	const VxPoint *point = vx_memstore_point(&build->store, i);
	if (build->meta.metric != VX_METRIC_COSINE)
		return point->x;
	vx_space_coded(VX_METRIC_COSINE, point->x, build->meta.dim, point->norm2, build->training_vector);
	return build->training_vector;
}

/* Trains a codebook from the loaded points, and says so if its codes will be poor. */
static void
train_codebook(VecGraphBuild *build)
{
	VxPqSample	sample = {.n = build->store.count,.row = training_row,.context = build,.poll = vecgraph_poll};
	uint32		subvectors = vx_code_subvectors(build->meta.code_bytes);
	float		lost;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_TRAINING);
	build->training_vector = MemoryContextAlloc(build->context, build->meta.dim * sizeof(float));
	build->codebook = MemoryContextAllocHuge(build->context, vx_pq_codebook_bytes(build->meta.dim));
	vx_pq_train(&build->mem, build->meta.dim, subvectors, &sample, VECGRAPH_BUILD_SEED, build->codebook);
	vx_codec_set_codebooks(&build->codec, build->codebook, NULL);

	lost = build->codebook->variance > 0 ? build->codebook->error / build->codebook->variance : 0;
	if (lost > POOR_CODES)
		ereport(NOTICE,
				(errmsg("codes of %u subvectors lose %.0f%% of what tells the vectors apart", subvectors, 100.0 * lost),
				 errdetail("Searches need longer lists to reach the same recall."),
				 errhint("Use more subvectors, or leave option \"pq_subvectors\" to its default.")));
}

void
vecgraph_build_fit_mean(VecGraphBuild *build, VxCodec *codec)
{
	uint32		dim = build->meta.dim;
	uint32		n = build->store.count;
	float	   *mean = MemoryContextAlloc(build->context, dim * sizeof(float));
	VxRng		rng = {VECGRAPH_BUILD_SEED};
	VxSample	sample;

	vx_sample_init(&sample, &build->mem, dim, Min(n, vx_robust_sample(dim)), VECGRAPH_BUILD_SEED);
	/* one point from each of as many equal stretches */
	for (uint32 i = 0; i < sample.capacity; i++)
	{
		uint32		low = (uint64) n * i / sample.capacity;
		uint32		high = (uint64) n * (i + 1) / sample.capacity;
		const VxPoint *point = vx_memstore_point(&build->store, low + vx_rng_below(&rng, high - low));

		vx_space_coded(codec->metric, point->x, dim, point->norm2, vx_sample_add(&sample));
	}
	vx_robust_mean(&build->mem, &sample, mean);
	vx_codec_set_means(codec, &build->mem, mean, NULL);
	vx_sample_free(&sample, &build->mem);
	pfree(mean);
}

/* How far loaded points are from what their codes stand for: VxMeta.fitted_error. */
static float
measure_error(VecGraphBuild *build)
{
	uint32		n = Min(build->store.count, ERROR_POINTS);
	uint8	   *code = palloc(build->codec.code_bytes);
	VxRobustSum *error = palloc(sizeof(VxRobustSum));
	float		result;

	vx_robust_begin(error);
	for (uint32 i = 0; i < n; i++)
	{
		const VxPoint *point = vx_memstore_point(&build->store, (uint64) i * build->store.count / n);

		vx_codec_encode(&build->codec, point, code);
		vx_robust_add(error, vx_codec_error(&build->codec, point, code, NULL));
	}
	result = vecgraph_finite_error(vx_robust_result(error));
	pfree(error);
	pfree(code);
	return result;
}

/* Too few rows to train codes from. */
static void
go_on_untrained(VecGraphBuild *build)
{
	const char *name = RelationGetRelationName(build->index);
	float		max_norm2 = build->meta.max_norm2;
	float		usual_norm2 = build->meta.usual_norm2;

	if (build->meta.storage != VX_STORAGE_HEAP)
	{
		build->untrained = true;
		build->meta.code_flags = 0;
		ereport(NOTICE,
				(errmsg("too few rows to train codes of index \"%s\": it does without for now", name),
				 errdetail("There are %u distinct vectors, and training needs %d.", build->store.count, VECGRAPH_TRAINING_ROWS),
				 errhint("They are trained when there are enough: by inserts, by VACUUM, or by vecgraph_train().")));
		return;
	}
	/* nothing but codes could tell what nodes look like */
	ereport(NOTICE,
			(errmsg("too few rows to train codes of index \"%s\": it gets untrained ones", name),
			 errdetail("There are %u distinct vectors, and training needs %d.", build->store.count, VECGRAPH_TRAINING_ROWS),
			 errhint("REINDEX it when the table has grown.")));
	vecgraph_plan((VecGraphOptions *) build->index->rd_options, vecgraph_opclass(build->index), build->meta.dim, 0, &build->meta,
				  &build->geometry);
	build->meta.max_norm2 = max_norm2;
	build->meta.usual_norm2 = usual_norm2;
}

void
vecgraph_build_fit(VecGraphBuild *build)
{
	uint32		dim = build->meta.dim;
	uint32		n = build->store.count;

	if (build->fitted)
		return;
	build->fitted = true;
	if (vx_code_kind(build->meta.code_kind)->needs_training && build->codebook == NULL && n < VECGRAPH_TRAINING_ROWS)
		go_on_untrained(build);
	build->meta.fitted_slots = n;
	if (build->meta.code_kind == VX_CODES_NONE || build->untrained || n == 0)
		return;
	vx_codec_init(&build->codec, &build->mem, (VxCodeKind) build->meta.code_kind, (VxMetric) build->meta.metric, dim,
				  vx_code_subvectors(build->meta.code_bytes));
	if (build->codebook != NULL)
		vx_codec_set_codebooks(&build->codec, build->codebook, NULL);
	else if (vx_code_kind(build->meta.code_kind)->needs_training)
		train_codebook(build);
	else
	{
		vecgraph_build_fit_mean(build, &build->codec);
		build->meta.code_flags = VX_CODES_MODEL(0);
	}
	build->meta.fitted_nodes = n;
	build->meta.fitted_error = measure_error(build);
}

/* ---- linking ---- */

static const VxPoint *
loaded_point(void *context, uint32 i)
{
	return vx_memstore_point(&((VecGraphBuild *) context)->store, i);
}

/* Moves a node; number store.count is a place aside. */
static void
move_node(void *context, uint32 to, uint32 from)
{
	VecGraphBuild *build = context;
	uint32		n = build->store.count;
	NodeTids   *to_tids = to < n ? &build->tids[to] : &build->tids_aside;
	VxPoint    *to_point = to < n ? (VxPoint *) vx_memstore_point(&build->store, to) : build->point_aside;

	*to_tids = from < n ? build->tids[from] : build->tids_aside;
	memcpy(to_point, from < n ? vx_memstore_point(&build->store, from) : build->point_aside, build->store.item_bytes);
}

void
vecgraph_build_make_order(VecGraphBuild *build)
{
	uint32		dim = build->meta.dim;
	uint64		rows = (uint64) Max(build->expected_rows, build->store.count);
	uint32		depth = 0;

	if (build->has_order)
		return;
	build->has_order = true;
	if (rows >= LEAST_ORDERED)
		depth = vx_order_depth(dim, rows, build->memory_limit / VECGRAPH_ORDER_SHARE);
	vx_order_init(&build->order, &build->mem, build->space.metric, dim, depth, loaded_point, build, build->store.count,
				  VECGRAPH_BUILD_SEED, vecgraph_poll);
}

/* Gives the loaded points other ids: those in whose order they are best linked, and that are near each other on pages, too. */
static void
order_points(VecGraphBuild *build)
{
	uint32		n = build->store.count;
	uint32	   *keys;
	uint32	   *sorted;

	vecgraph_build_make_order(build);
	if (build->order.depth == 0)
		return;
	keys = MemoryContextAllocHuge(build->context, n * sizeof(uint32));
	sorted = MemoryContextAllocHuge(build->context, n * sizeof(uint32));
	for (uint32 i = 0; i < n; i++)
	{
		const VxPoint *point = loaded_point(build, i);

		CHECK_FOR_INTERRUPTS();
		keys[i] = vecgraph_build_key(build, point, vx_space_hash(&build->space, point));
	}
	vx_order_sort(&build->order, &build->mem, keys, n, sorted);
	build->point_aside = MemoryContextAlloc(build->context, build->store.item_bytes);
	vx_order_apply(sorted, n, move_node, build);
	pfree(build->point_aside);
	pfree(keys);
	pfree(sorted);
}

/* The codec that the store's codes are of, with the largest norm that it now knows; NULL if it has none. */
static const VxCodec *
prepare_codec(VecGraphBuild *build)
{
	if (build->regime == BUILD_CODES)
	{
		vx_codec_set_max_norm2(build->link_codec, build->meta.max_norm2);
		return build->link_codec;
	}
	vecgraph_build_fit(build);
	if (build->meta.code_kind == VX_CODES_NONE || build->untrained || build->store.count == 0)
		return NULL;
	vx_codec_set_max_norm2(&build->codec, build->meta.max_norm2);
	/* some codes are too coarse for linking, and under L1 codes estimate another distance: vectors are in memory anyway */
	vx_memstore_set_codec(&build->store, &build->codec,
						  vx_code_kind(build->meta.code_kind)->links && build->meta.metric != VX_METRIC_L1);
	return &build->codec;
}

void
vecgraph_build_linked(VecGraphBuild *build)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->store.count);
	build->meta.entry_count = build->store.entry_count;
	memcpy(build->meta.entries, build->store.entry_ids, sizeof(build->meta.entries));
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_WRITING);
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
	vecgraph_build_linked(build);
	vecgraph_build_write_body(build, build->geometry.first_segment, build->pages.tail);
}

/* Decides which norm is the largest for linking. */
static void
choose_max_norm(VecGraphBuild *build)
{
	if (build->norms == NULL)
		return;
	vecgraph_choose_max_norm(&build->meta, build->norms);
	build->store.space.max_norm2 = build->meta.max_norm2;
	pfree(build->norms);
	build->norms = NULL;
}

/* Makes an index of what is loaded, and gives its memory back. */
static void
link_and_write(VecGraphBuild *build)
{
	const VxCodec *codec;
	const void *model = NULL;
	Size		model_bytes = 0;

	choose_max_norm(build);
	codec = prepare_codec(build);
	if (codec != NULL)
	{
		model = vx_code_kind(codec->kind)->model == VX_MODEL_CODEBOOK ? (const void *) codec->codebook[0] : (const void *) codec->mean[0];
		model_bytes = vx_code_model_bytes(codec->kind, build->meta.dim);
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LINKING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->store.count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	if (build->regime == BUILD_POINTS)
		order_points(build);
	else if (build->order.depth > 0)
		vx_order_sort(&build->order, &build->mem, build->keys, build->store.count, vx_memstore_make_order(&build->store));
	vecgraph_build_plan_pages(build);
	if (build->parallel == NULL || !vecgraph_parallel_build(build, VECGRAPH_BUILD_SEED, model, model_bytes))
		link_and_write_alone(build);
	vecgraph_build_write_tail(build);
	vecgraph_build_free_memory(build);
}

/* ---- the whole ---- */

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

/* Inserts it. */
static void
insert_rest(VecGraphBuild *build)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_INSERTING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->rest_rows);
	vecgraph_build_insert_rest(build);
	if (RelationNeedsWAL(build->index))
		log_newpage_range(build->index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(build->index), true);
}

/* Makes room for one more row, if that is possible. */
static void
make_room(VecGraphBuild *build)
{
	if (build->rest != NULL || !vecgraph_build_is_full(build))
		return;
	if (build->regime == BUILD_POINTS && vecgraph_build_switch_to_codes(build))
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LOADING);
		if (!vecgraph_build_is_full(build))
			return;
	}
	begin_rest(build);
}

void
vecgraph_build_take(VecGraphBuild *build, const VxPoint *point, uint32 hash, ItemPointer heap_tid)
{
	make_room(build);
	if (build->rest != NULL)
		vecgraph_build_put_rest(build, point, hash, heap_tid);
	else
		vecgraph_build_load(build, point, hash, heap_tid);
	build->index_tuples++;
	if ((uint64) build->index_tuples % PROGRESS_ROWS == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) build->index_tuples);
}

/*
 * How many parallel workers there may be: what the server decides by max_parallel_maintenance_workers, the table and the index
 * expressions. But it wants each to have 32 MB of maintenance_work_mem for itself, and here all share what there is.
 */
static int
count_workers(Relation heap, Relation index)
{
	int			memory = maintenance_work_mem;
	volatile int workers = 0;

	PG_TRY();
	{
		maintenance_work_mem = MAX_KILOBYTES;
		workers = plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
	}
	PG_FINALLY();
	{
		maintenance_work_mem = memory;
	}
	PG_END_TRY();
	return workers;
}

static void
begin_build(VecGraphBuild *build, Relation heap, Relation index, IndexInfo *index_info)
{
	BlockNumber pages;
	double		visible;

	memset(build, 0, sizeof(*build));
	build->index = index;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph build", ALLOCSET_DEFAULT_SIZES);
	build->codebook = plan_index(heap, index, &build->meta, &build->geometry, build->context);
	build->mem = vecgraph_mem(build->context);
	build->memory_limit = (Size) maintenance_work_mem * 1024;
	build->space = vx_meta_space(&build->meta);
	build->workers = count_workers(heap, index);
	build->concurrent = index_info->ii_Concurrent;
	estimate_rel_size(heap, NULL, &pages, &build->expected_rows, &visible);
	vecgraph_build_begin_load(build);
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
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) build.expected_rows);
	result->heap_tuples = vecgraph_build_scan(&build, heap, index_info);
	if (build.regime == BUILD_CODES && build.rest == NULL)
		ereport(NOTICE,
				(errmsg("vectors no longer fit into maintenance_work_mem after %.0f rows", build.switched_after),
				 errdetail("The graph of index \"%s\" is linked by their codes, which are a little less exact.",
						   RelationGetRelationName(index)),
				 errhint("Increase maintenance_work_mem to keep vectors in memory.")));
	vecgraph_build_end_load(&build);
	VECIDX_FAULT_POINT("build-loaded");
	link_and_write(&build);
	if (build.rest != NULL)
		insert_rest(&build);
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

	codebook = plan_index(NULL, index, &meta, &geometry, CurrentMemoryContext);
	for (BlockNumber block = 0; block < geometry.first_segment; block++)
	{
		Buffer		buffer = ReadBufferExtended(index, INIT_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);

		START_CRIT_SECTION();
		if (block == VECGRAPH_META_BLOCK)
			vecgraph_init_meta_page(BufferGetPage(buffer), &meta);
		else
			vecgraph_build_fill_head_page(&geometry, BufferGetPage(buffer), block, codebook);
		MarkBufferDirty(buffer);
		log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
		UnlockReleaseBuffer(buffer);
	}
}
