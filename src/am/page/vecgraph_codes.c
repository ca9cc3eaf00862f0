/*
 * vecgraph_codes.c: the codes of an index, as one backend sees them.
 *
 * What does not change from one search to the next (the rotation, the models, where the cache has which codes) is kept, one entry
 * per index that the backend has searched, so that a search starts at once. An entry is forgotten when its index may have been
 * dropped or rebuilt, which the relation cache's invalidations tell, and when entries that nobody uses take more than
 * KEPT_BYTES, those first that were used longest ago.
 *
 * Stores count as users until their memory goes. What is forgotten while it has users stays whole for them, and is freed after the
 * last of them; so an invalidation may come at any time.
 *
 * The two models (vx_codec.h) have pages of their own behind the meta page. A new one is written to the pages of the other
 * parity before the meta page says so (code_epoch), and those of a model are not written again while codes of it may be left.
 */
#include "am/vecgraph.h"

#include <math.h>

#include "common/hashfn.h"
#include "storage/bufmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

/* Entries that nobody uses may take so much memory together. */
#define KEPT_BYTES ((Size) 64 * 1024 * 1024)

/* The codes that a backend keeps for later stores, by index. */
typedef struct KeptCodes
{
	Oid			index_oid;
	VecGraphCodes *codes;
} KeptCodes;

static HTAB *kept_codes = NULL;
static dlist_head kept_order = DLIST_STATIC_INIT(kept_order);	/* of the same, used last first */
static Size kept_bytes = 0;

/* A store's claim to codes; in the store's memory, with which it goes. */
typedef struct VecGraphCodesUse
{
	MemoryContextCallback callback;
	VecGraphCodes *codes;		/* NULL: none yet */
} VecGraphCodesUse;

/* ---- keeping and forgetting; only keep() can fail ---- */

/* Counts what an entry takes by now: models change, and the view grows. */
static void
measure(VecGraphCodes *codes)
{
	kept_bytes -= codes->bytes;
	codes->bytes = MemoryContextMemAllocated(codes->context, true);
	kept_bytes += codes->bytes;
}

/* No later store finds these codes. */
static void
forget(VecGraphCodes *codes)
{
	Assert(codes->kept);
	hash_search(kept_codes, &codes->index_oid, HASH_REMOVE, NULL);
	dlist_delete(&codes->link);
	kept_bytes -= codes->bytes;
	codes->kept = false;
	if (codes->uses == 0)
		MemoryContextDelete(codes->context);
}

static void
forget_least_used(void)
{
	dlist_node *node = dlist_is_empty(&kept_order) ? NULL : dlist_tail_node(&kept_order);

	while (node != NULL && kept_bytes > KEPT_BYTES)
	{
		VecGraphCodes *codes = dlist_container(VecGraphCodes, link, node);

		node = dlist_has_prev(&kept_order, node) ? dlist_prev_node(&kept_order, node) : NULL;
		if (codes->uses == 0)
			forget(codes);
	}
}

/* A relation, or any if InvalidOid, is not what it was. */
static void
relation_changed(Datum unused, Oid oid)
{
	dlist_mutable_iter iter;
	KeptCodes  *entry;

	if (OidIsValid(oid))
	{
		entry = hash_search(kept_codes, &oid, HASH_FIND, NULL);
		if (entry != NULL)
			forget(entry->codes);
		return;
	}
	dlist_foreach_modify(iter, &kept_order)
		forget(dlist_container(VecGraphCodes, link, iter.cur));
}

static void
init_kept_codes(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid),.entrysize = sizeof(KeptCodes)};

	kept_codes = hash_create("vecgraph kept codes", 16, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

/* Later stores are to find these codes, whose context is still the caller's. */
static void
keep(VecGraphCodes *codes)
{
	bool		found;
	KeptCodes  *entry = hash_search(kept_codes, &codes->index_oid, HASH_ENTER, &found);

	Assert(!found);
	entry->codes = codes;
	codes->kept = true;
	dlist_push_head(&kept_order, &codes->link);
	MemoryContextSetParent(codes->context, TopMemoryContext);
	measure(codes);
}

static void
release(VecGraphCodes *codes)
{
	Assert(codes->uses > 0);
	if (--codes->uses > 0)
		return;
	if (!codes->kept)
	{
		MemoryContextDelete(codes->context);
		return;
	}
	measure(codes);
	forget_least_used();
}

/* The store's memory goes. */
static void
end_use(void *arg)
{
	VecGraphCodesUse *use = arg;

	if (use->codes != NULL)
		release(use->codes);
	use->codes = NULL;
}

/* The store uses these codes from now on. */
static void
use_codes(VecGraphStore *store, VecGraphCodes *codes)
{
	VecGraphCodesUse *use = store->codes_use;
	VecGraphCodes *before = use->codes;

	codes->uses++;
	use->codes = codes;
	if (before != NULL)
		release(before);
}

static void
init_use(VecGraphStore *store)
{
	MemoryContext context = store->mem.context;
	VecGraphCodesUse *use = MemoryContextAllocZero(context, sizeof(VecGraphCodesUse));

	use->callback.func = end_use;
	use->callback.arg = use;
	MemoryContextRegisterResetCallback(context, &use->callback);
	store->codes_use = use;
}

/* ---- models ---- */

/* What the files of the index are; VecGraphCacheView.key. */
static uint64
files_key(Relation index, uint64 build_id)
{
	struct
	{
		uint64		build_id;
		uint32		oids[3];
		uint32		zero;
	}			what = {build_id, {vecidx_database_of(index), vecidx_tablespace_of(index), vecidx_file_number_of(index)}, 0};

	return hash_bytes_extended((const unsigned char *) &what, sizeof(what), 0);
}

/* Reads the model of a parity into out [model_bytes]. */
static void
read_model(VecGraphStore *store, int parity, void *out)
{
	const VxGeometry *g = &store->geometry;

	for (uint32 i = 0; i < g->model_pages; i++)
	{
		BlockNumber block = vx_model_block(g->model_pages, parity, i);
		Buffer		buffer = ReadBuffer(store->index, block);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		vecgraph_check_model_page(store->index, buffer, g);
		memcpy((char *) out + (Size) i * g->body_bytes, vecgraph_page_body(BufferGetPage(buffer)),
			   vecgraph_model_page_used(g, block));
		UnlockReleaseBuffer(buffer);
	}
}

/* What is wrong with a model that was read, or NULL. */
static const char *
check_model(VecGraphStore *store, const void *model)
{
	const VxPqCodebook *codebook = model;
	const float *mean = model;
	const char *wrong;

	if (vx_code_kind(store->meta.code_kind)->model == VX_MODEL_MEAN)
	{
		for (uint32 i = 0; i < store->geometry.dim; i++)
			if (!isfinite(mean[i]))
				return "the mean of the vectors is not finite";
		return NULL;
	}
	wrong = vx_pq_check(model, store->geometry.model_bytes);
	if (wrong == NULL && (codebook->dim != store->meta.dim || codebook->m != vx_code_subvectors(store->meta.code_bytes)))
		wrong = "the codebook is not that of the index";
	return wrong;
}

/*
 * Reads the models that the meta page speaks of into models [2], NULL where there is none. Returns the parity of a damaged one
 * and *wrong, else -1.
 */
static int
read_models(VecGraphStore *store, MemoryContext context, void **models, const char **wrong)
{
	models[0] = models[1] = NULL;
	for (int parity = 0; parity < 2; parity++)
	{
		if ((store->meta.code_flags & VX_CODES_MODEL(parity)) == 0)
			continue;
		models[parity] = MemoryContextAllocHuge(context, store->geometry.model_bytes);
		read_model(store, parity, models[parity]);
		*wrong = check_model(store, models[parity]);
		if (*wrong != NULL)
			return parity;
	}
	return -1;
}

/* Looks at the meta page for newer models, and at nothing else there; false if the store knows of them. */
static bool
find_models(VecGraphStore *store)
{
	VxMeta		meta;
	VxGeometry	geometry;
	bool		changed;

	vecgraph_read_meta(store->index, &meta, &geometry);
	changed = meta.code_epoch != store->meta.code_epoch || meta.code_flags != store->meta.code_flags;
	store->meta.code_epoch = meta.code_epoch;
	store->meta.code_flags = meta.code_flags;
	return changed;
}

/*
 * Gives the codec the models that the store knows of, or newer ones. An error leaves it those that it has: they are replaced when
 * the new ones are complete, which until then are the caller's memory.
 */
static void
load_models(VecGraphStore *store, VecGraphCodes *codes)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph models", ALLOCSET_START_SMALL_SIZES);
	VxMem		mem = vecgraph_mem(codes->context);
	void	   *models[2];
	const char *wrong;
	int			damaged;

	while ((damaged = read_models(store, context, models, &wrong)) >= 0)
	{
		/* the next model but one may be being written where this one was */
		MemoryContextReset(context);
		if (!find_models(store))
			vecgraph_corrupted(store->index, vx_model_block(store->geometry.model_pages, damaged, 0), -1, wrong);
	}
	if (vx_code_kind(store->meta.code_kind)->model == VX_MODEL_CODEBOOK)
	{
		memcpy(codes->codebooks, models, sizeof(models));
		vx_codec_set_codebooks(&codes->codec, models[0], models[1]);
		if (codes->codebook_context != NULL)
			MemoryContextDelete(codes->codebook_context);
		MemoryContextSetParent(context, codes->context);
		codes->codebook_context = context;
	}
	else
	{
		codes->codec.epoch = store->meta.code_epoch;
		vx_codec_set_means(&codes->codec, &mem, models[0], models[1]);
		MemoryContextDelete(context);
	}
	codes->epoch = store->meta.code_epoch;
	codes->flags = store->meta.code_flags;
	codes->codec.epoch = codes->epoch;
	codes->codec.mixed = (codes->flags & VX_CODES_MIXED) != 0;
}

/* The codes of the store's index, made anew and kept. */
static VecGraphCodes *
make_codes(VecGraphStore *store, uint64 key)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph codes", ALLOCSET_SMALL_SIZES);
	VecGraphCodes *codes = MemoryContextAllocZero(context, sizeof(VecGraphCodes));
	VxMem		mem = vecgraph_mem(context);
	/* a temporary index is gone before anybody could want it back after a restart */
	Oid			lasting = RelationUsesLocalBuffers(store->index) ? InvalidOid : RelationGetRelid(store->index);

	codes->index_oid = RelationGetRelid(store->index);
	codes->key = key;
	codes->context = context;
	vx_codec_init(&codes->codec, &mem, (VxCodeKind) store->meta.code_kind, (VxMetric) store->meta.metric,
				  store->meta.dim, vx_code_subvectors(store->meta.code_bytes));
	vecgraph_cache_open(&codes->view, context, lasting, key, store->meta.code_bytes);
	load_models(store, codes);
	keep(codes);
	return codes;
}

/* The codes of the store's index, as other stores have left them or made anew. */
static VecGraphCodes *
find_codes(VecGraphStore *store, uint64 key)
{
	Oid			oid = RelationGetRelid(store->index);
	KeptCodes  *entry;

	if (kept_codes == NULL)
		init_kept_codes();
	entry = hash_search(kept_codes, &oid, HASH_FIND, NULL);
	if (entry != NULL && entry->codes->key == key)
	{
		dlist_move_head(&kept_order, &entry->codes->link);
		return entry->codes;
	}
	/* rebuilt */
	if (entry != NULL)
		forget(entry->codes);
	return make_codes(store, key);
}

VecGraphCodes *
vecgraph_codes_open(VecGraphStore *store)
{
	uint64		key;
	VecGraphCodes *codes;

	if (store->meta.code_kind == VX_CODES_NONE || vx_codes_untrained(&store->meta))
		return NULL;
	key = files_key(store->index, store->meta.build_id);
	if (store->codes_use == NULL)
		init_use(store);
	codes = store->codes_use->codes;
	if (codes == NULL || !codes->kept || codes->key != key)
	{
		codes = find_codes(store, key);
		use_codes(store, codes);
	}
	if (codes->epoch != store->meta.code_epoch || codes->flags != store->meta.code_flags)
		load_models(store, codes);
	vx_codec_set_max_norm2(&codes->codec, store->meta.max_norm2);
	return codes;
}

bool
vecgraph_codes_follow(VecGraphStore *store, const VxCodeQuery *query)
{
	find_models(store);
	store->codes = vecgraph_codes_open(store);
	/* what is known of the models must not be newer than the codes in the cache */
	vecgraph_cache_begin(&store->codes->view);
	vecgraph_codes_catch_up(store);
	return store->codes->codec.epoch != query->epoch || store->codes->codec.mixed != query->mixed;
}

void
vecgraph_read_codes(void *context, uint32 first, uint32 n, uint8 *out)
{
	VecGraphStore *store = context;
	const VxGeometry *g = &store->geometry;
	BlockNumber blocks = RelationGetNumberOfBlocks(store->index);

	for (uint32 done = 0; done < n;)
	{
		uint32		run = Min(vx_code_run(g, first + done), n - done);
		BlockNumber block = vx_code_block(g, first + done);
		uint8	   *to = out + (Size) done * g->code_bytes;

		if (first + done < first || block >= blocks)
		{
			memset(to, 0, (Size) (n - done) * g->code_bytes);
			return;
		}
		done += run;
		{
			Buffer		buffer = ReadBuffer(store->index, block);

			LockBuffer(buffer, BUFFER_LOCK_SHARE);
			if (vecgraph_is_unfilled(store->index, buffer))
				memset(to, 0, (Size) run * g->code_bytes);
			else
			{
				vecgraph_check_code_page(store->index, buffer, g);
				memcpy(to, (uint8 *) vecgraph_page_body(BufferGetPage(buffer)) + vx_code_offset(g, first + done - run),
					   (Size) run * g->code_bytes);
			}
			UnlockReleaseBuffer(buffer);
		}
	}
}

const uint8 *
vecgraph_code(VecGraphStore *store, VxNodeId id, uint32 place)
{
	Size		copy_bytes = store->geometry.code_bytes + VX_CODE_OVERREAD;
	uint8	   *copy;

	VecGraphCacheView *view = &store->codes->view;
	const uint8 *code = vecgraph_cache_code(view, id);

	if (code == NULL)
		code = vecgraph_cache_fetch(view, id, vecgraph_read_codes, store);
	if (code != NULL)
	{
		view->hits++;
		return code;
	}
	view->misses++;
	if (store->code_copies == NULL)
	{
		store->code_copies = vx_alloc_array(&store->mem, VX_MAX_EDGES, copy_bytes);
		memset(store->code_copies, 0, VX_MAX_EDGES * copy_bytes);
	}
	copy = store->code_copies + place * copy_bytes;
	vecgraph_read_codes(store, id, 1, copy);
	return copy;
}
