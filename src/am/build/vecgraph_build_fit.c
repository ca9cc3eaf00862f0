/*
 * vecgraph_build_fit.c: what codes are made with: a mean or a codebook, from what has been loaded; see vecgraph_build_impl.h.
 */
#include "am/build/vecgraph_build_impl.h"

#include "commands/progress.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

/* From so many points it is measured how much codes lose. */
#define ERROR_POINTS 1000

/* Codes that lose more than this share of the vectors' variance are worth a warning. */
#define POOR_CODES 0.5f

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

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VECGRAPH_STEP_TRAINING);
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
	vx_codec_fit_mean(&build->mem, &sample, mean);
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

/* Says why codes are not trained, what the index has instead, and what helps where there are too few rows. */
static void
report_untrained(VecGraphBuild *build, bool no_room, const char *instead, const char *hint)
{
	const char *name = RelationGetRelationName(build->index);

	ereport(NOTICE,
			(no_room ? errmsg("maintenance_work_mem is too small to train codes of index \"%s\": %s", name, instead)
			 : errmsg("too few rows to train codes of index \"%s\": %s", name, instead),
			 no_room ? errdetail("It has room for %u distinct vectors, and training needs %d.", build->store.count,
								 VECGRAPH_TRAINING_ROWS)
			 : errdetail("There are %u distinct vectors, and training needs %d.", build->store.count, VECGRAPH_TRAINING_ROWS),
			 no_room ? errhint("Increase maintenance_work_mem, and REINDEX it.") : errhint("%s", hint)));
}

/* Too few rows to train codes from have been loaded. */
static void
go_on_untrained(VecGraphBuild *build, bool no_room)
{
	float		max_norm2 = build->meta.max_norm2;
	float		usual_norm2 = build->meta.usual_norm2;

	if (build->meta.storage != VX_STORAGE_HEAP)
	{
		build->untrained = true;
		build->meta.code_flags = 0;
		report_untrained(build, no_room, "it does without for now",
						 "They are trained when there are enough: by inserts, by VACUUM, or by vecgraph_train().");
		return;
	}
	/* nothing but codes could tell what nodes look like */
	report_untrained(build, no_room, "it gets untrained ones", "REINDEX it when the table has grown.");
	vecgraph_plan((VecGraphOptions *) build->index->rd_options, vecgraph_opclass(build->index), build->meta.dim, 0, &build->meta,
				  &build->geometry);
	build->meta.max_norm2 = max_norm2;
	build->meta.usual_norm2 = usual_norm2;
}

void
vecgraph_build_fit(VecGraphBuild *build, bool no_room)
{
	uint32		dim = build->meta.dim;
	uint32		n = build->store.count;

	if (build->fitted)
		return;
	build->fitted = true;
	if (vx_code_kind(build->meta.code_kind)->needs_training && build->codebook == NULL && n < VECGRAPH_TRAINING_ROWS)
		go_on_untrained(build, no_room);
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

const VxCodec *
vecgraph_build_prepare_codec(VecGraphBuild *build)
{
	if (build->regime == BUILD_CODES)
	{
		vx_codec_set_max_norm2(build->link_codec, build->meta.max_norm2);
		return build->link_codec;
	}
	vecgraph_build_fit(build, build->rest != NULL);
	if (build->meta.code_kind == VX_CODES_NONE || build->untrained || build->store.count == 0)
		return NULL;
	vx_codec_set_max_norm2(&build->codec, build->meta.max_norm2);
	/* some codes are too coarse for linking, and under L1 codes estimate another distance: vectors are in memory anyway */
	vx_memstore_set_codec(&build->store, &build->codec,
						  vx_code_kind(build->meta.code_kind)->links && build->meta.metric != VX_METRIC_L1);
	return &build->codec;
}
