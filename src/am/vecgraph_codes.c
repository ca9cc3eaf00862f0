/*
 * vecgraph_codes.c: the codes of an index, as one backend sees them.
 *
 * What does not change from one search to the next (the rotation, the models, where the cache has which codes) is kept for
 * as long as the backend lives, one entry per index that it has searched, so that a search starts at once.
 *
 * The two models (vx_codec.h) have pages of their own behind the meta page. A new one is written to the pages of the other
 * parity before the meta page says so (code_epoch), and those of a model are not written again while codes of it may be left.
 */
#include "am/vecgraph.h"

#include <math.h>

#include "common/hashfn.h"
#include "storage/bufmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

static HTAB *all_codes = NULL;

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
		BlockNumber block = VECGRAPH_META_BLOCK + 1 + parity * g->model_pages + i;
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

	if (store->meta.code_kind != VX_CODES_PQ)
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

static void
free_models(void **models)
{
	for (int parity = 0; parity < 2; parity++)
		if (models[parity] != NULL)
			pfree(models[parity]);
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

/* Gives the codec the models that the store knows of, or newer ones. */
static void
load_models(VecGraphStore *store, VecGraphCodes *codes)
{
	VxMem		mem = vecgraph_mem(codes->context);
	void	   *models[2];
	const char *wrong;
	int			damaged;

	while ((damaged = read_models(store, codes->context, models, &wrong)) >= 0)
	{
		/* the next model but one may be being written where this one was */
		free_models(models);
		if (!find_models(store))
			vecgraph_corrupted(store->index, VECGRAPH_META_BLOCK + 1 + damaged * store->geometry.model_pages, -1, wrong);
	}
	if (store->meta.code_kind == VX_CODES_PQ)
	{
		free_models(codes->codebooks);
		memcpy(codes->codebooks, models, sizeof(models));
		vx_codec_set_codebooks(&codes->codec, models[0], models[1]);
	}
	else
	{
		vx_codec_set_means(&codes->codec, &mem, models[0], models[1]);
		free_models(models);
	}
	codes->epoch = store->meta.code_epoch;
	codes->flags = store->meta.code_flags;
	codes->codec.epoch = codes->epoch;
	codes->codec.mixed = (codes->flags & VX_CODES_MIXED) != 0;
}

VecGraphCodes *
vecgraph_codes_open(VecGraphStore *store)
{
	Oid			oid = RelationGetRelid(store->index);
	uint64		key;
	VecGraphCodes *codes;
	bool		found;

	if (store->meta.code_kind == VX_CODES_NONE || (store->meta.code_kind == VX_CODES_PQ && store->meta.code_flags == 0))
		return NULL;
	if (all_codes == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Oid),.entrysize = sizeof(VecGraphCodes)};

		all_codes = hash_create("vecgraph codes", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	key = files_key(store->index, store->meta.build_id);
	codes = hash_search(all_codes, &oid, HASH_ENTER, &found);
	if (!found)
		codes->context = NULL;
	if (codes->context == NULL || codes->key != key)
	{
		VxMem		mem;

		/* if it was rebuilt, no scan of this backend can be using what it was before */
		if (codes->context != NULL)
			MemoryContextDelete(codes->context);
		codes->context = NULL;
		codes->key = 0;			/* until it is complete */
		memset(codes->codebooks, 0, sizeof(codes->codebooks));
		codes->context = AllocSetContextCreate(TopMemoryContext, "vecgraph codes", ALLOCSET_SMALL_SIZES);
		mem = vecgraph_mem(codes->context);
		vx_codec_init(&codes->codec, &mem, (VxCodeKind) store->meta.code_kind, (VxMetric) store->meta.metric,
					  store->meta.dim, vx_code_subvectors(store->meta.code_bytes));
		vecgraph_cache_open(&codes->view, codes->context, oid, key, store->meta.code_bytes);
		load_models(store, codes);
		codes->key = key;
	}
	else if (codes->epoch != store->meta.code_epoch || codes->flags != store->meta.code_flags)
		load_models(store, codes);
	codes->codec.max_norm2 = store->meta.max_norm2;
	return codes;
}

bool
vecgraph_codes_follow(VecGraphStore *store, const VxCodeQuery *query)
{
	find_models(store);
	vecgraph_codes_open(store);
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
			/* codes on pages that are added from now on are put over these zeros; pages that were added before must be read */
			blocks = RelationGetNumberOfBlocks(store->index);
			if (first + done < first || block >= blocks)
				return;
			continue;
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
		store->code_copies = vx_alloc(&store->mem, VX_MAX_EDGES * copy_bytes);
		memset(store->code_copies, 0, VX_MAX_EDGES * copy_bytes);
	}
	copy = store->code_copies + place * copy_bytes;
	vecgraph_read_codes(store, id, 1, copy);
	return copy;
}
