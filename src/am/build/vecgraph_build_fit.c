/*
 * vecgraph_build_fit.c: what codes are made with: a mean or a codebook, from what has been loaded; see vecgraph_build_state.h.
 */
#include "am/build/vecgraph_build_state.h"

#include "utils/backend_progress.h"

/* From so many points it is measured how much codes lose. */
#define ERROR_POINTS 1000

/* Codes that lose more than this share of the vectors' variance are worth a warning. */
#define POOR_CODES 0.5f

/* Points that a codebook is trained from. */
typedef struct TrainingRows
{
	const VxMemStore *store;
	float	   *coded;			/* [geometry.coded_dim] of the last one */
} TrainingRows;

static const float *
training_row(void *context, uint32 i)
{
	TrainingRows *rows = context;
	const VxSpace *space = &rows->store->space;
	const VxPoint *point = vx_memstore_point(rows->store, i);

	if (space->form == VX_FORM_DENSE && !vx_metric_kind(space->metric)->directions)
		return point->x;
	vx_space_coded(space, point, rows->coded);
	return rows->coded;
}

/* Trains a codebook, and says so if its codes will be poor. */
static VxPqCodebook *
train_codebook(VecGraphBuild *build, const VxMemStore *store)
{
	TrainingRows rows = {.store = store};
	VxPqSample	sample = {.n = store->count,.row = training_row,.context = &rows,.poll = vecgraph_poll};
	uint32		subvectors = vx_code_subvectors(build->meta.code_bytes);
	uint32		dim = build->geometry.coded_dim;
	VxPqCodebook *codebook = MemoryContextAllocHuge(build->context, vx_pq_codebook_bytes(dim));
	float		lost;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_TRAINING);
	rows.coded = MemoryContextAlloc(build->context, dim * sizeof(float));
	vx_pq_train(&build->mem, dim, subvectors, &sample, VECGRAPH_BUILD_SEED, codebook);
	pfree(rows.coded);

	lost = codebook->variance > 0 ? codebook->error / codebook->variance : 0;
	if (lost > POOR_CODES)
		ereport(NOTICE,
				(errmsg("codes of %u subvectors lose %.0f%% of what tells the vectors apart", subvectors, 100.0 * lost),
				 errdetail("Searches need longer lists to reach the same recall."),
				 errhint("Use more subvectors, or leave option \"pq_subvectors\" to its default.")));
	return codebook;
}

/* Gives a codec whose model is a mean that of the points. */
static void
fit_mean(VecGraphBuild *build, const VxMemStore *store, VxCodec *codec)
{
	uint32		dim = build->geometry.coded_dim;
	uint32		n = store->count;
	float	   *mean = MemoryContextAlloc(build->context, dim * sizeof(float));
	VxRng		rng = {VECGRAPH_BUILD_SEED};
	VxSample	sample;

	vx_sample_init(&sample, &build->mem, dim, Min(n, vx_robust_sample(dim)), VECGRAPH_BUILD_SEED);
	for (uint32 i = 0; i < sample.capacity; i++)
	{
		const VxPoint *point = vx_memstore_point(store, vx_rng_in_part(&rng, n, i, sample.capacity));

		vx_space_coded(&build->space, point, vx_sample_add(&sample));
	}
	vx_codec_fit_mean(&build->mem, &sample, mean);
	vx_codec_set_models(codec, &build->mem, 0, false, mean, NULL);
	vx_sample_free(&sample, &build->mem);
}

/* How far loaded points are from what their codes stand for: VxMeta.fitted_error. */
static float
measure_error(const VxMemStore *store, VxCodec *codec)
{
	uint32		n = Min(store->count, ERROR_POINTS);
	uint8	   *code = palloc(codec->code_bytes);
	VxRobustSum *error = palloc(sizeof(VxRobustSum));
	float		result;

	vx_robust_begin(error);
	for (uint32 i = 0; i < n; i++)
	{
		const VxPoint *point = vx_memstore_point(store, (uint64) i * store->count / n);

		vx_codec_encode(codec, point, code);
		vx_robust_add(error, codec->ops->error(codec, point, code, NULL));
	}
	result = vecgraph_finite_error(vx_robust_result(error));
	pfree(error);
	pfree(code);
	return result;
}

/* Says why codes are not trained, what the index has instead, and what helps where there are too few rows. */
static void
report_untrained(VecGraphBuild *build, uint32 count, bool no_room, const char *instead, const char *hint)
{
	const char *name = RelationGetRelationName(build->index);

	ereport(NOTICE,
			(no_room ? errmsg("maintenance_work_mem is too small to train codes of index \"%s\": %s", name, instead)
			 : errmsg("too few rows to train codes of index \"%s\": %s", name, instead),
			 no_room ? errdetail("It has room for %u distinct vectors, and training needs %d.", count, VECGRAPH_TRAINING_ROWS)
			 : errdetail("There are %u distinct vectors, and training needs %d.", count, VECGRAPH_TRAINING_ROWS),
			 no_room ? errhint("Increase maintenance_work_mem, and REINDEX it.") : errhint("%s", hint)));
}

/* Too few rows to train codes from have been loaded: plans others. Returns false if there are none for now. */
static bool
plan_untrained(VecGraphBuild *build, uint32 count, bool no_room)
{
	float		max_norm2 = build->meta.max_norm2;
	float		usual_norm2 = build->meta.usual_norm2;

	if (vx_storage_has_vector((VxStorage) build->meta.storage))
	{
		build->meta.code_flags = 0;
		report_untrained(build, count, no_room, "it does without for now",
						 "They are trained when there are enough: by inserts, by VACUUM, or by vecgraph_train().");
		return false;
	}
	/* nothing but codes could tell what nodes look like */
	report_untrained(build, count, no_room, "it gets untrained ones", "REINDEX it when the table has grown.");
	vecgraph_plan((VecGraphOptions *) build->index->rd_options, &build->columns, build->meta.dim, 0, &build->meta,
				  &build->geometry);
	build->meta.max_norm2 = max_norm2;
	build->meta.usual_norm2 = usual_norm2;
	return true;
}

void
vecgraph_build_fit(VecGraphBuild *build, const VxMemStore *store, VecGraphBuildFit *fit, bool no_room)
{
	VxMeta	   *meta = &build->meta;
	VxPqCodebook *codebook = fit->codebook;
	uint32		n = store->count;
	bool		coded = meta->code_kind != VX_CODES_NONE;

	if (fit->done)
		return;
	fit->done = true;
	fit->model = codebook;
	if (vx_code_kind(meta->code_kind)->needs_training && codebook == NULL && n < VECGRAPH_TRAINING_ROWS)
		coded = plan_untrained(build, n, no_room);
	meta->fitted_slots = n;
	if (!coded || n == 0)
		return;
	vx_codec_init(&fit->codec, &build->mem, (VxCodeKind) meta->code_kind, &build->space, meta->code_bytes);
	switch (fit->codec.ops->model)
	{
		case VX_MODEL_NONE:
			break;
		case VX_MODEL_MEAN:
			fit_mean(build, store, &fit->codec);
			meta->code_flags = VX_CODES_MODEL(0);
			break;
		case VX_MODEL_CODEBOOK:
			if (codebook == NULL)
				codebook = train_codebook(build, store);
			vx_codec_set_models(&fit->codec, &build->mem, 0, false, codebook, NULL);
			break;
	}
	fit->model = fit->codec.model[0];
	meta->fitted_nodes = n;
	meta->fitted_error = measure_error(store, &fit->codec);
}

void
vecgraph_build_fit_link_codec(VecGraphBuild *build, const VxMemStore *store, VecGraphBuildFit *fit)
{
	Assert(fit->done);
	fit->link_codec = &fit->codec;
	if (vx_code_kind(build->meta.code_kind)->prunes)
		return;
	fit->link_codec = &fit->own_link_codec;
	vx_codec_init(fit->link_codec, &build->mem, VX_CODES_SCALAR4, &build->space, 0);
	fit_mean(build, store, fit->link_codec);
}

void
vecgraph_build_fit_store(VecGraphBuild *build, VxMemStore *store, VecGraphBuildFit *fit, bool no_room)
{
	if (fit->link_codec != NULL)
	{
		vx_codec_set_max_norm2(fit->link_codec, build->meta.max_norm2);
		return;
	}
	vecgraph_build_fit(build, store, fit, no_room);
	if (fit->codec.kind == VX_CODES_NONE)
		return;
	vx_codec_set_max_norm2(&fit->codec, build->meta.max_norm2);
	vx_memstore_set_codec(store, &fit->codec, vx_comparison_for_linking(&fit->codec));
}
