/*
 * vecgraph_fit.c: fitting the codes of an index again, when it has grown or its vectors have drifted.
 *
 * An index that began empty has codes relative to zero, one that has grown tenfold a mean or a codebook of what its first tenth
 * looked like. A new model (vx_codec.h) makes codes more accurate. Nobody waits for the change:
 *
 *   1  the new model is written to the pages of the parity that is not in use
 *   2  the meta page announces it (code_epoch, VX_CODES_MIXED): codes made from now on are of the new epoch, and searches
 *      that start from now on are prepared for both; those that have started learn of it from the first new code that they meet
 *   3  inserts that began before are waited out
 *   4  node page by node page, codes of the old epoch are made again
 *   5  the meta page forgets the old model
 *   6  nodes whose old codes said too little to link them well are linked again; entry nodes are chosen from what the index holds
 *      by now, and nodes that cannot be reached from them are attached
 *
 * Codes that were never trained have no older model: then nobody goes by codes, new nodes are given theirs all the same
 * (VX_CODES_PARTIAL), until step 5 says that all have one.
 *
 * A crash or cancel after 2 leaves codes of both epochs, which costs searches a little time; the next fit finishes the work
 * before it starts its own. The caller keeps others from fitting and from VACUUM (ShareUpdateExclusiveLock on the table), so
 * nobody frees a slot meanwhile.
 */
#include "am/ops/vecgraph_ops.h"

#include <float.h>
#include <math.h>

#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/vx_visited.h"
#include "graph/vx_entries.h"
#include "quant/vx_sample.h"
#include "pg/vecidx_fault.h"

VECIDX_SQL_FUNCTION(vecgraph_train);

/* VACUUM fits the codes of an index that has grown to this many times its slots, if it has at least so many heap TIDs. */
#define GROWTH_TO_FIT 2
#define LEAST_TO_FIT VECGRAPH_TRAINING_ROWS

/* It also does where codes lose VECGRAPH_DRIFT_TO_FIT times as much as when they were fitted: measured on so many pages. */
#define DRIFT_PAGES 64

/*
 * Codes are fitted by inserts, too, while an index is small: when it has so many slots, and again when it has grown to so many
 * times that. Rows that are loaded into an empty index would be linked by poor codes, or by none, until the first VACUUM.
 */
#define EARLY_SLOTS 128
#define EARLY_SLOTS_TO_TRAIN 1024
#define EARLY_GROWTH 8
#define EARLY_MOST_SLOTS 10000

/* A node whose code lost this many times what its new one does is linked again. */
#define RELINK_ERROR 4

/* While codes are made again, the error is measured for one node in so many. */
#define ERROR_EVERY 8

#define FIT_SEED 1

/* Walks through the vectors of an index. */
typedef struct Walk
{
	VecGraphStore *store;
	VecGraphHeap *rows;			/* where the vectors are; NULL: in the nodes */
	SnapshotData snapshot;		/* rows that somebody may still see */
	VxPoint    *zero;			/* stands for the vector of a node whose rows are all dead */
	char	   *page;			/* the copy of a page that is visited: no lock is held meanwhile */
} Walk;

/* What is done with each node. */
typedef void (*NodeVisit) (Walk *walk, VxNodeId id, const VxPoint *point, void *context);

static void
begin_visits(Walk *walk, VecGraphStore *store, Relation heap)
{
	memset(walk, 0, sizeof(*walk));
	walk->store = store;
	walk->page = palloc(BLCKSZ);
	walk->zero = palloc0(vx_space_room(&store->index.space));
	if (vx_storage_has_vector(store->index.geometry.storage))
		return;
	/* rows that have just died need good codes as long as somebody sees them; who sees them protects their values */
	InitNonVacuumableSnapshot(walk->snapshot, GlobalVisTestFor(heap));
	walk->rows = vecgraph_heap_begin(heap, store->index.relation, &walk->snapshot, CurrentMemoryContext);
}

static void
end_visits(Walk *walk)
{
	if (walk->rows != NULL)
		vecgraph_heap_end(walk->rows);
	pfree(walk->page);
	pfree(walk->zero);
}

/* The vector of a node in a copied page, valid until the next; walk->zero if the heap has none that anybody could still see. */
static const VxPoint *
visited_point(Walk *walk, VxNodeId id, VxSlot *slot)
{
	VecGraphPayload payload;
	const VxPoint *point;

	if (walk->rows == NULL)
		return vecgraph_slot_point(&walk->store->index, slot);
	vecgraph_fill_payload(slot, &payload);
	if (vecgraph_heap_point(walk->rows, &walk->store->index, id, &payload, &point) && point != NULL)
		return point;
	return walk->zero;
}

/* Calls visit for every node of a page, live or deleted, on a copy of the page: visit may read heap rows, and write codes. */
static void
visit_page(Walk *walk, BlockNumber block, NodeVisit visit, void *context)
{
	VecGraphStore *store = walk->store;
	const VxGeometry *g = &store->index.geometry;
	Buffer		buffer;

	store->base.ops->poll(&store->base);
	if (!vecgraph_lock_nodes(&store->index, block, BUFFER_LOCK_SHARE, &buffer))
		return;

	/*
	 * what an insert adds to the page from now on has a code of the new epoch: whoever walks to make codes has waited for a
	 * barrier
	 */
	memcpy(walk->page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body((Page) walk->page), i);
		VxNodeId	id = vx_block_first_id(g, block) + i;

		if (vx_slot_is_node(slot))
			visit(walk, id, visited_point(walk, id, slot), context);
	}
	if (walk->rows != NULL)
		vecgraph_heap_release(walk->rows);
}

/* ---- new models ---- */

static void
visit_all(Walk *walk, NodeVisit visit, void *context)
{
	const VxGeometry *g = &walk->store->index.geometry;

	for (BlockNumber block = g->first_segment; block < RelationGetNumberOfBlocks(walk->store->index.relation); block++)
		visit_page(walk, block, visit, context);
}

static void
add_point_to_sample(Walk *walk, VxNodeId id, const VxPoint *point, void *context)
{
	VxSample   *sample = context;
	float	   *to;

	/* nobody's vector: it would draw a mean towards zero, and take a centroid of a codebook */
	if (point == walk->zero)
		return;
	to = vx_sample_add(sample);
	if (to != NULL)
		vx_space_coded(&walk->store->index.space, point, to);
}

/* The mean [dim] of most vectors, or NULL if there are none. */
static void *
new_mean(Walk *walk)
{
	VecGraphStore *store = walk->store;
	uint32		dim = store->index.geometry.coded_dim;
	float	   *mean = NULL;
	VxSample	sample;

	vx_sample_init(&sample, &store->index.mem, dim, Min(vx_robust_sample(dim), Max(store->index.id_bound, 1)), FIT_SEED);
	visit_all(walk, add_point_to_sample, &sample);
	if (sample.count > 0)
	{
		mean = palloc(dim * sizeof(float));
		vx_codec_fit_mean(&store->index.mem, &sample, mean);
	}
	vx_sample_free(&sample, &store->index.mem);
	return mean;
}

/* Whether a codebook has the size of the codes of the index; says so, at the level, if not. */
static bool
check_size(VecGraphIndex *index, const char *name, const VxPqCodebook *codebook, int level)
{
	uint32		subvectors = vx_code_subvectors(index->meta.code_bytes);

	if (codebook->m == subvectors)
		return true;
	ereport(level,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("codes of index \"%s\" cannot change their size", RelationGetRelationName(index->relation)),
			 errdetail("It has codes of %u subvectors, and codebook \"%s\" is for %u.", subvectors, name, codebook->m),
			 errhint("Use REINDEX.")));
	return false;
}

/* Whether the index has this very codebook already. */
static bool
has_codebook(VecGraphIndex *index, const VxPqCodebook *codebook)
{
	const VxPqCodebook *ours = index->codes == NULL ? NULL : index->codes->codec.model[index->meta.code_epoch & 1];

	return ours != NULL && codebook->bytes == ours->bytes && memcmp(codebook, ours, ours->bytes) == 0;
}

/*
 * Whether the index names a codebook, and has it: that is its owner's business then. Where it names one but could not have it so far, it
 * looks for it whenever it might be fitted.
 */
static bool
names_codebook(VecGraphIndex *index, bool has_it)
{
	return vx_code_kind(index->meta.code_kind)->model == VX_MODEL_CODEBOOK && vx_codes_usable(&index->meta) == has_it
		&& vecgraph_codebook_option((VecGraphOptions *) index->relation->rd_options) != NULL;
}

/* The codebook that the index names, if it is there and of use; problems are reported at the level. */
static VxPqCodebook *
named_codebook(VecGraphIndex *index, int level)
{
	const char *name = vecgraph_codebook_option((VecGraphOptions *) index->relation->rd_options);
	VxMetric	metric = (VxMetric) index->meta.metric;
	int			dim = index->geometry.coded_dim;
	VxPqCodebook *codebook;

	if (level >= ERROR)
		codebook = vecgraph_codebook_load(index->relation, name, metric, dim, CurrentMemoryContext);
	else
		vecgraph_codebook_find(index->relation, name, metric, dim, level, CurrentMemoryContext, &codebook);
	return codebook != NULL && check_size(index, name, codebook, level) ? codebook : NULL;
}

/* A codebook trained from the vectors of the index, or NULL, but by request, if there are too few or too little memory. */
static void *
new_codebook(Walk *walk, bool by_request)
{
	VecGraphStore *store = walk->store;
	uint32		dim = store->index.geometry.coded_dim;
	uint32		capacity = vecgraph_training_capacity(dim, VX_PQ_MAX_SAMPLE);
	VxSample	sample;
	VxPqSample	training = {.row = vx_sample_row,.context = &sample,.poll = vecgraph_poll};
	void	   *codebook;

	if (capacity < VECGRAPH_TRAINING_ROWS && !by_request)
		return NULL;
	vecgraph_check_training_capacity(dim, capacity);
	vx_sample_init(&sample, &store->index.mem, dim, Min(capacity, Max(store->index.id_bound, 1)), FIT_SEED);
	visit_all(walk, add_point_to_sample, &sample);
	if (sample.count < VECGRAPH_TRAINING_ROWS && !by_request)
		return NULL;
	vecgraph_check_training_rows(sample.count);
	training.n = sample.count;
	codebook = vx_alloc(&store->index.mem, store->index.geometry.model_bytes);
	vx_pq_train(&store->index.mem, dim, vx_code_subvectors(store->index.meta.code_bytes), &training, FIT_SEED, codebook);
	vx_sample_free(&sample, &store->index.mem);
	return codebook;
}

/*
 * The codebook for trained codes; NULL if there is none, or the index has it. Unless asked, an index that names one comes here
 * only while it awaits it, and trains its own if it does not find it.
 */
static void *
codebook_model(Walk *walk, bool by_request)
{
	VecGraphStore *store = walk->store;
	VxPqCodebook *codebook;

	if (vecgraph_codebook_option((VecGraphOptions *) store->index.relation->rd_options) == NULL)
		return new_codebook(walk, by_request);
	codebook = named_codebook(&store->index, by_request ? ERROR : WARNING);
	if (codebook == NULL)
		return new_codebook(walk, by_request);
	return has_codebook(&store->index, codebook) ? NULL : codebook;
}

/* What new codes can be made with; NULL if there is nothing to make it from, or the index has it. */
static void *
new_model(Walk *walk, bool by_request)
{
	switch (vx_code_kind(walk->store->index.meta.code_kind)->model)
	{
		case VX_MODEL_NONE:
			break;
		case VX_MODEL_MEAN:
			return new_mean(walk);
		case VX_MODEL_CODEBOOK:
			return codebook_model(walk, by_request);
	}
	return NULL;
}

/* ---- codes ---- */

/* Squared norms, and a node with the largest, VX_NO_NODE if all are 0. */
typedef struct Norms
{
	VxRobustSum sum;
	VxNodeId	longest;
} Norms;

/* Codes that are made again, those of one code page at a time, and what is known of all of them. */
typedef struct NewCodes
{
	VxNodeId   *ids;			/* [codes_per_page] */
	uint8	   *codes;			/* [codes_per_page][code_bytes] */
	uint32		waiting;		/* of these, not yet written */
	uint8	   *code;			/* [code_bytes] at hand */
	uint32		nodes;
	VxRobustSum error;			/* of those measured */
	Norms		norms;			/* inner product */
	bool		first;			/* nodes may have had no code at all */
	VxVisited	lost;			/* nodes to be linked again */
} NewCodes;

/* Writes the codes that wait, all of one code page. */
static void
write_waiting_codes(VecGraphStore *store, NewCodes *new)
{
	VecGraphDigests digests = {.codes = new->codes};

	if (new->waiting == 0)
		return;
	vecgraph_write_digests(&store->index, new->ids, &digests, new->waiting);
	new->waiting = 0;
	/* now, so that the log is not overwritten before this server's cache has seen all of it */
	vecgraph_codes_catch_up(&store->index);
}

static void
begin_norms(Norms *norms)
{
	vx_robust_begin(&norms->sum);
	norms->longest = VX_NO_NODE;
}

static void
add_norm(Walk *walk, VxNodeId id, const VxPoint *point, void *context)
{
	Norms	   *norms = context;

	if (point == walk->zero)
		return;
	if (point->norm2 > norms->sum.largest)
		norms->longest = id;
	vx_robust_add(&norms->sum, point->norm2);
}

/*
 * NodeVisit: makes the code of a node anew if it is of the old epoch, and measures. Codes of one code page are written together, when a node
 * of another page comes: ids come in order. An insert may write a code of the page meanwhile, but not of these nodes.
 */
static void
encode_again(Walk *walk, VxNodeId id, const VxPoint *point, void *context)
{
	NewCodes   *new = context;
	VecGraphStore *store = walk->store;
	const VxGeometry *g = &store->index.geometry;
	VxCodec    *codec = &store->index.codes->codec;

	vecgraph_read_codes(&store->index, id, 1, new->code);
	if (!vx_codec_is_current(codec, new->code))
	{
		/* first of all, as the new code takes the place of the old one; a node that had none was linked without codes */
		float		before = new->first ? 0 : codec->ops->error(codec, point, new->code, NULL);

		if (new->waiting > 0 && vx_code_block(g, new->ids[0]) != vx_code_block(g, id))
			write_waiting_codes(store, new);
		vx_codec_encode(codec, point, new->code);
		if (!new->first && before > RELINK_ERROR * codec->ops->error(codec, point, new->code, NULL))
			vx_visited_add(&new->lost, id);
		memcpy(new->codes + (Size) new->waiting * g->code_bytes, new->code, g->code_bytes);
		new->ids[new->waiting++] = id;
	}
	new->nodes++;
	if (vx_metric_kind(store->index.space.metric)->lengths)
		add_norm(walk, id, point, &new->norms);
	/* the vector zero that stands for dead rows says nothing of how exact codes are for those that are asked for */
	if (id % ERROR_EVERY == 0 && point != walk->zero)
		vx_robust_add(&new->error, codec->ops->error(codec, point, new->code, NULL));
}

/* Writes what is known of the codes by now, and what follows from norms, unless NULL. */
static void
write_fitted(VecGraphStore *store, const Norms *norms)
{
	vecgraph_write_fitted(&store->index, norms == NULL ? NULL : &norms->sum);
	vecgraph_store_refresh(store);
}

/* Links the nodes again whose codes were poor. */
static void
relink(VecGraphStore *store, const VxVisited *lost)
{
	VxLinker	linker;

	vx_linker_init(&linker, &store->index.mem);
	for (VxNodeId id = 0; id < store->index.id_bound; id++)
		if (vx_visited_has(lost, id))
		{
			store->base.ops->poll(&store->base);
			vecgraph_relink(store, &linker, id);
		}
	vx_linker_free(&linker);
}

/* Some live nodes, at most count, into ids; returns how many. */
static uint32
some_nodes(VecGraphStore *store, VxNodeId *ids, uint32 count)
{
	VxRng		rng = {FIT_SEED};
	VxEdges		edges;
	uint32		bound = vx_id_bound(&store->index.geometry, vecgraph_filled_blocks(store->index.relation));
	uint32		parts = Min(count, bound);
	uint32		n = 0;

	for (uint32 i = 0; i < parts; i++)
	{
		store->base.ops->poll(&store->base);
		ids[n] = vx_rng_in_part(&rng, bound, i, parts);
		if (store->base.ops->read_edges(&store->base, ids[n], NULL, &edges) == VX_OK && edges.live)
			n++;
	}
	return n;
}

/*
 * Searches start from what the index holds now, which may be elsewhere than what it held first. longest, if any, is an entry in any
 * case: what most queries ask for by inner product.
 */
static void
choose_entries(VecGraphStore *store, VxNodeId longest)
{
	VxNodeId	ids[VX_ENTRIES_LEAST_SAMPLE];
	VxNodeId	entries[VX_MAX_ENTRIES] = {0};
	VxRng		rng = {FIT_SEED};
	VxPointSet	sample = {0};
	uint32		n = some_nodes(store, ids, VX_ENTRIES_LEAST_SAMPLE);
	uint32		usable = 0;

	store->base.ops->gather(&store->base, ids, n, &sample);
	/* none was free a moment ago, and nobody frees any; all the same */
	for (uint32 i = 0; i < n; i++)
		if (sample.points[i] != NULL)
		{
			ids[usable] = ids[i];
			sample.points[usable++] = sample.points[i];
		}
	if (usable > 0)
	{
		uint32		count = vx_entries_choose(&store->base, &store->index.mem, ids, &sample, usable, &rng, entries);

		for (uint32 i = 0; i < count && longest != VX_NO_NODE; i++)
			if (entries[i] == longest)
				longest = VX_NO_NODE;
		if (longest != VX_NO_NODE)
			entries[count < VX_MAX_ENTRIES ? count++ : VX_MAX_ENTRIES - 1] = longest;
		vecgraph_set_entries(&store->index, entries, count);
	}
	vx_pointset_free(&sample, &store->index.mem);
}

/* Steps 3 to 6; returns how many nodes there are. */
static uint32
finish_fit(Walk *walk)
{
	VecGraphStore *store = walk->store;
	const VxGeometry *g = &store->index.geometry;
	VxMeta	   *meta = &store->index.meta;
	NewCodes	new = {
		.code = palloc(g->code_bytes + VX_CODE_OVERREAD),.first = (meta->code_flags & VX_CODES_PARTIAL) != 0
	};

	vx_robust_begin(&new.error);
	begin_norms(&new.norms);
	vx_visited_init(&new.lost, &store->index.mem);
	new.ids = palloc(g->codes_per_page * sizeof(VxNodeId));
	new.codes = palloc((Size) g->codes_per_page * g->code_bytes + VX_CODE_OVERREAD);
	/* inserts that have read the meta page before it announced the model make codes of the old epoch: after this there are none */
	vecgraph_wait_for_inserts(store->index.relation);
	visit_all(walk, encode_again, &new);
	write_waiting_codes(store, &new);
	VECIDX_FAULT_POINT("fit-codes-written");
	/* every code is of the newest epoch now: nobody needs the older model, and its pages may be written by the next fit */
	meta->code_flags &= VX_CODES_MODEL(meta->code_epoch & 1);
	meta->fitted_nodes = new.nodes;
	meta->fitted_slots = store->index.id_bound;
	meta->fitted_error = vecgraph_finite_error(vx_robust_result(&new.error));
	write_fitted(store, &new.norms);
	relink(store, &new.lost);
	choose_entries(store, new.norms.longest);
	vecgraph_attach(store);
	vx_visited_free(&new.lost);
	pfree(new.code);
	pfree(new.ids);
	pfree(new.codes);
	return new.nodes;
}

/* What is done where there are no codes, or too few vectors to make them from. */
static void
finish_without_codes(Walk *walk)
{
	VecGraphStore *store = walk->store;
	Norms		norms;

	begin_norms(&norms);
	if (vx_metric_kind(store->index.space.metric)->lengths)
		visit_all(walk, add_norm, &norms);
	store->index.meta.fitted_slots = store->index.id_bound;
	write_fitted(store, &norms);
	choose_entries(store, norms.longest);
	vecgraph_attach(store);
}

uint32
vecgraph_fit(VecGraphStore *store, Relation heap, bool by_request)
{
	VxMeta	   *meta = &store->index.meta;
	uint32		fitted = meta->fitted_nodes;
	bool		untrained = vx_codes_untrained(meta);
	void	   *model = NULL;
	VecGraphCounts counts = {0};
	Walk		walk;

	counts.n[VECGRAPH_COUNT_FITS] = 1;
	vecgraph_count_change(store, &counts);
	begin_visits(&walk, store, heap);
	if (meta->code_kind == VX_CODES_NONE)
	{
		finish_without_codes(&walk);
		end_visits(&walk);
		vecgraph_calibrate(store->index.relation, heap, store->vacuuming, store->index.strategy);
		return 0;
	}
	if (meta->code_flags & (VX_CODES_MIXED | VX_CODES_PARTIAL))
		finish_fit(&walk);
	model = new_model(&walk, by_request);
	if (model == NULL && !by_request)
		finish_without_codes(&walk);
	if (model != NULL)
	{
		/* the pages that no code is of: an interrupted fit, whose codes are of both, has been finished above */
		int			parity = 1 - (meta->code_epoch & 1);

		/* all of the model before the meta page speaks of it: a crash in between leaves pages that nobody reads */
		vecgraph_write_model(&store->index, parity, model);
		meta->code_flags |= VX_CODES_MODEL(parity) | (untrained ? VX_CODES_PARTIAL : VX_CODES_MIXED);
		meta->code_epoch++;
		write_fitted(store, NULL);
		VECIDX_FAULT_POINT("fit-model-written");
		fitted = finish_fit(&walk);
		pfree(model);
	}
	end_visits(&walk);
	/* by new codes searches go otherwise */
	vecgraph_calibrate(store->index.relation, heap, store->vacuuming, store->index.strategy);
	return fitted;
}

/* ---- when to fit ---- */

static void
add_error(Walk *walk, VxNodeId id, const VxPoint *point, void *context)
{
	NewCodes   *codes = context;

	if (point == walk->zero)
		return;
	vecgraph_read_codes(&walk->store->index, id, 1, codes->code);
	vx_robust_add(&codes->error, walk->store->index.codes->codec.ops->error(&walk->store->index.codes->codec, point, codes->code, NULL));
}

/* Whether codes lose much more than when they were fitted, by some pages from all over the index. */
static bool
has_drifted(VecGraphStore *store, Relation heap)
{
	const VxGeometry *g = &store->index.geometry;
	BlockNumber first = g->first_segment;
	BlockNumber blocks = RelationGetNumberOfBlocks(store->index.relation);
	NewCodes	codes = {.code = palloc(g->code_bytes + VX_CODE_OVERREAD)};
	Walk		walk;

	if (!(store->index.meta.fitted_error > 0) || blocks <= first)
		return false;
	vx_robust_begin(&codes.error);
	begin_visits(&walk, store, heap);
	for (uint32 i = 0; i < Min(DRIFT_PAGES, blocks - first); i++)
	{
		/* the last ones, too: new vectors are there */
		BlockNumber block = blocks - 1 - (BlockNumber) ((uint64) i * (blocks - first) / Min(DRIFT_PAGES, blocks - first));

		visit_page(&walk, block, add_error, &codes);
	}
	end_visits(&walk);
	pfree(codes.code);
	return vx_robust_result(&codes.error) >= VECGRAPH_DRIFT_TO_FIT * (double) store->index.meta.fitted_error;
}

void
vecgraph_fit_early(VecGraphStore *store, Relation heap)
{
	VecGraphIndex *index = &store->index;
	const VxCodecOps *kind = vx_code_kind(index->meta.code_kind);
	MemoryContext context;
	MemoryContext old_context;
	VecGraphStore ours;

	if (names_codebook(index, true))
		return;
	/* the lock is not waited for: VACUUM, or another fit, may have it for long, and the next insert asks again */
	if (index->id_bound < (kind->needs_training && !names_codebook(index, false) ? EARLY_SLOTS_TO_TRAIN : EARLY_SLOTS)
		|| index->id_bound > EARLY_MOST_SLOTS
		|| index->id_bound < (uint64) index->meta.fitted_slots * EARLY_GROWTH
		|| !ConditionalLockRelation(heap, ShareUpdateExclusiveLock))
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph fit", ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	vecgraph_store_open(&ours, index->relation, context);
	/* another insert may have done it between this one's look at the meta page and the lock */
	if (ours.index.id_bound >= (uint64) ours.index.meta.fitted_slots * EARLY_GROWTH)
		vecgraph_fit(&ours, heap, false);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	UnlockRelation(heap, ShareUpdateExclusiveLock);
}

bool
vecgraph_wants_fit(VecGraphStore *store, Relation heap, double tuples)
{
	VecGraphIndex *index = &store->index;

	if (names_codebook(index, false) && named_codebook(index, WARNING) != NULL)
		return true;
	if (tuples < LEAST_TO_FIT)
		return false;
	if (index->meta.code_kind == VX_CODES_NONE)
		return index->id_bound >= (uint64) index->meta.fitted_slots * GROWTH_TO_FIT;
	/* one that cannot be trained in the memory there is stays */
	if (names_codebook(index, true))
		return false;
	if (vx_code_kind(index->meta.code_kind)->needs_training
		&& vecgraph_training_capacity(index->geometry.coded_dim, VX_PQ_MAX_SAMPLE) < VECGRAPH_TRAINING_ROWS)
		return false;
	return index->id_bound >= (uint64) index->meta.fitted_slots * GROWTH_TO_FIT || has_drifted(store, heap);
}

/* ---- by request ---- */

/*
 * vecgraph_train(index regclass) returns bigint: fits the codes of an index to the vectors that it holds now, or to its named
 * codebook as that is now, without blocking reads or writes, and returns how many vectors those are. VACUUM does it by itself
 * when an index has grown to twice its size or its vectors have drifted, but for named codebooks. Errors: no codes; too few
 * vectors or too little memory to train a codebook; the named codebook does not exist, may not be read by the index's owner, or is
 * not like that of the index. A notice says which options have changed so that only a rebuild can follow.
 */
Datum
vecgraph_train(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	VecGraphStore store;
	VecGraphOwnerRights rights;
	uint32		fitted;

	PreventCommandDuringRecovery("vecgraph_train()");
	index = vecgraph_open_index_and_table(PG_GETARG_OID(0), RowExclusiveLock, ShareUpdateExclusiveLock, &heap);
	vecgraph_begin_owner_rights(heap, &rights);
	vecgraph_store_open(&store, index, CurrentMemoryContext);
	vecgraph_report_options(index, &store.index.meta);
	if (store.index.meta.code_kind == VX_CODES_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has no codes", RelationGetRelationName(index))));
	if (vx_code_kind(store.index.meta.code_kind)->model == VX_MODEL_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("codes of index \"%s\" are exact, and not fitted to anything", RelationGetRelationName(index))));
	fitted = vecgraph_fit(&store, heap, true);
	vecgraph_end_owner_rights(&rights);
	relation_close(index, RowExclusiveLock);
	table_close(heap, ShareUpdateExclusiveLock);
	PG_RETURN_INT64(fitted);
}
