/*
 * vecgraph_build.c: CREATE INDEX: its callbacks, and the order of steps; see vecgraph_build_state.h.
 *
 * 1. loading   the heap is scanned; distinct rows go to a memory store, twins share a node
 * 2. linking   codes are fitted, nodes put in order, and vx_build makes the graph in memory
 * 3. writing   pages are written and logged
 * 4. inserting the rest, if there is any
 * 5. calibrating: it is measured how long lists of searches must be
 *
 * All steps are done by parallel workers, too, where the server grants them (vecgraph_workers.h).
 *
 * When vectors and graph outgrow maintenance_work_mem, the vectors go to their pages and only codes stay, by which the graph is
 * linked all the same. When codes and graph outgrow it, too, all other rows, the rest, wait on disk until steps 2 and 3 are done.
 * They are then sorted into the order in which they are best linked, and inserted one by one into the pages: slower, but bounded.
 *
 * Everything that can be refused is refused before the heap is read.
 */
#include "am/build/vecgraph_build_state.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "utils/backend_progress.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "am/build/vecgraph_build.h"
#include "pg/vecidx_fault.h"

char *
vecgraph_buildphasename(int64 phase)
{
	static char *const names[] = {
		[PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE] = "initializing",
		[VECGRAPH_STEP_LOADING] = "loading tuples",
		[VECGRAPH_STEP_LINKING] = "linking graph",
		[VECGRAPH_STEP_WRITING] = "writing pages",
		[VECGRAPH_STEP_INSERTING] = "inserting tuples",
		[VECGRAPH_STEP_TRAINING] = "training codes",
	};

	return phase >= 0 && phase < lengthof(names) ? names[phase] : NULL;
}

/*
 * Plans the index. heap: its table, whose vectors can train a codebook, if the options want one; NULL for the init fork of an
 * index that has just been built. Returns the codebook that codes are to be made with, or NULL.
 */
static VxPqCodebook *
plan_index(Relation heap, Relation index, const VecGraphColumns *columns, VxMeta *meta, VxGeometry *geometry, MemoryContext context)
{
	const VecGraphOpclass *opclass = columns->opclass;
	VecGraphOptions *options = (VecGraphOptions *) index->rd_options;
	int			dim = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
	bool		named = vecgraph_codebook_option(options) != NULL;
	uint32		subvectors = options != NULL ? options->pq_subvectors : 0;
	VxPqCodebook *codebook = NULL;

	/* before anything is said of the codebook */
	if (named)
		vecgraph_check_trained(opclass);
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
	vecgraph_plan(options, columns, dim, subvectors, meta, geometry);
	if (heap == NULL && codebook == NULL && vx_code_kind(meta->code_kind)->needs_training)
	{
		/* where only codes could tell what nodes look like there must be some from the beginning */
		if (!vx_storage_has_vector((VxStorage) meta->storage))
			vecgraph_plan(options, columns, dim, 0, meta, geometry);
		else
			meta->code_flags = 0;
	}
	return codebook;
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

/* ---- the whole ---- */

/* Begins a build; returns the codebook that the index names, or NULL. */
static VxPqCodebook *
begin_build(VecGraphBuild *build, Relation heap, Relation index, IndexInfo *index_info)
{
	VxPqCodebook *codebook;
	BlockNumber pages;
	double		visible;

	build->index = index;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph build", ALLOCSET_DEFAULT_SIZES);
	build->mem = vecgraph_mem(build->context);
	vecgraph_check_columns(index);
	vecgraph_columns_open(index, build->context, &build->columns);
	codebook = plan_index(heap, index, &build->columns, &build->meta, &build->geometry, build->context);
	build->space = vx_meta_space(&build->meta);
	build->memory_limit = (Size) maintenance_work_mem * 1024;
	build->workers = count_workers(heap, index);
	build->concurrent = index_info->ii_Concurrent;
	estimate_rel_size(heap, NULL, &pages, &build->expected_rows, &visible);
	return codebook;
}

/* Makes an index of what is loaded, and gives its memory back. */
static void
link_and_write(VecGraphBuild *build, VecGraphBuildLoaded *loaded)
{
	VecGraphBuildNodes *nodes = &loaded->nodes;
	VecGraphBuildPages *pages = &loaded->pages;

	vecgraph_build_fit_store(build, &nodes->store, &loaded->fit, loaded->rest != NULL);
	pages->model = loaded->fit.model;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_LINKING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, nodes->store.count);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	vecgraph_build_order_nodes(build, nodes, &loaded->order);
	vecgraph_build_plan_pages(build, nodes, pages);
	vecgraph_build_link(build, nodes, pages, loaded->arena);
	vecgraph_build_write(build, nodes, pages, pages->tail, pages->planned);
	vecgraph_build_unload(build, loaded);
}

IndexBuildResult *
vecgraph_build(Relation heap, Relation index, IndexInfo *index_info)
{
	VecGraphBuild build = {0};
	VecGraphBuildLoaded loaded = {0};
	VecGraphBuildLoad *load;
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));

	loaded.fit.codebook = begin_build(&build, heap, index, index_info);
	load = vecgraph_build_load_begin(&build, &loaded);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_LOADING);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) build.expected_rows);
	result->heap_tuples = vecgraph_build_scan(&build, load, heap, index_info);
	result->index_tuples = vecgraph_build_load_end(load);
	VECIDX_FAULT_POINT("build-loaded");
	link_and_write(&build, &loaded);
	if (loaded.rest != NULL)
		vecgraph_build_insert(&build, loaded.rest);
	MemoryContextDelete(build.context);
	vecgraph_calibrate(index, heap, false, NULL);
	vecgraph_read_meta(index, &build.meta, &build.geometry);
	vecgraph_report_recall(index, &build.meta.curve);
	return result;
}

/* The init fork of an unlogged index: what it is reset to after a crash. */
void
vecgraph_buildempty(Relation index)
{
	VxMeta		meta;
	VxGeometry	geometry;
	VecGraphColumns columns;
	VxPqCodebook *codebook;

	vecgraph_columns_open(index, CurrentMemoryContext, &columns);
	codebook = plan_index(NULL, index, &columns, &meta, &geometry, CurrentMemoryContext);
	for (BlockNumber block = 0; block < geometry.first_segment; block++)
	{
		Buffer		buffer = ReadBufferExtended(index, INIT_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);

		START_CRIT_SECTION();
		vecgraph_build_init_page(&meta, &geometry, codebook, BufferGetPage(buffer), block);
		MarkBufferDirty(buffer);
		log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
		UnlockReleaseBuffer(buffer);
	}
}
