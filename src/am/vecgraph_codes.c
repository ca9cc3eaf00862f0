/*
 * vecgraph_codes.c: the codes of an index, as one backend sees them.
 *
 * What does not change from one search to the next (the rotation, the means, where the cache has which codes) is kept for
 * as long as the backend lives, one entry per index that it has searched, so that a search starts at once.
 *
 * The two means, or the codebook, have pages of their own behind the meta page. A new mean is written to the pages of the other parity before
 * the meta page says so (code_epoch), and the pages of a mean are not written again while codes of it may be left.
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

/* Reads one copy of what the codes are made from into out [model_bytes]. */
static void
read_model(VecGraphStore *store, uint32 copy, char *out)
{
	const VxGeometry *g = &store->geometry;

	for (uint32 i = 0; i < g->model_pages; i++)
	{
		BlockNumber block = VECGRAPH_META_BLOCK + 1 + copy * g->model_pages + i;
		Buffer		buffer = ReadBuffer(store->index, block);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		vecgraph_check_model_page(store->index, buffer, g);
		memcpy(out + (Size) i * g->body_bytes, vecgraph_page_body(BufferGetPage(buffer)),
			   vecgraph_model_page_used(g, block));
		UnlockReleaseBuffer(buffer);
	}
}

static void
read_mean(VecGraphStore *store, int parity, float *out)
{
	const VxGeometry *g = &store->geometry;

	read_model(store, parity, (char *) out);
	for (uint32 i = 0; i < g->dim; i++)
		if (isnan(out[i]) || isinf(out[i]))
			vecgraph_corrupted(store->index, VECGRAPH_META_BLOCK + 1 + parity * g->model_pages, -1,
							   "the mean of the vectors is not finite");
}

static void
read_codebook(VecGraphStore *store, VecGraphCodes *codes)
{
	const char *wrong;

	codes->codebook = MemoryContextAllocHuge(codes->context, store->geometry.model_bytes);
	read_model(store, 0, (char *) codes->codebook);
	wrong = vx_pq_check(codes->codebook, store->geometry.model_bytes);
	if (wrong == NULL && (codes->codebook->dim != store->meta.dim || codes->codebook->m != store->meta.code_bytes))
		wrong = "the codebook is not that of the index";
	if (wrong != NULL)
		vecgraph_corrupted(store->index, VECGRAPH_META_BLOCK + 1, -1, wrong);
	vx_codec_set_codebook(&codes->codec, codes->codebook);
}

static void
read_means(VecGraphStore *store, VecGraphCodes *codes)
{
	VxMem		mem = vecgraph_mem(codes->context);
	uint32		flags = store->meta.code_flags;
	float	   *means[2] = {NULL, NULL};

	for (int parity = 0; parity < 2; parity++)
		if (flags & VX_CODES_MEAN(parity))
		{
			means[parity] = palloc(store->geometry.dim * sizeof(float));
			read_mean(store, parity, means[parity]);
		}
	vx_codec_set_means(&codes->codec, &mem, means[0], means[1]);
	codes->codec.parity = store->meta.code_epoch & 1;
	codes->codec.mixed = (flags & VX_CODES_MIXED) != 0;
	codes->epoch = store->meta.code_epoch;
	codes->flags = flags;
	for (int parity = 0; parity < 2; parity++)
		if (means[parity] != NULL)
			pfree(means[parity]);
}

VecGraphCodes *
vecgraph_codes_open(VecGraphStore *store)
{
	Oid			oid = RelationGetRelid(store->index);
	uint64		key;
	VecGraphCodes *codes;
	bool		found;

	if (store->meta.code_kind == VX_CODES_NONE)
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
		codes->codebook = NULL;
		codes->context = AllocSetContextCreate(TopMemoryContext, "vecgraph codes", ALLOCSET_SMALL_SIZES);
		mem = vecgraph_mem(codes->context);
		vx_codec_init(&codes->codec, &mem, (VxCodeKind) store->meta.code_kind, (VxMetric) store->meta.metric,
					  store->meta.dim, store->meta.code_bytes);
		vecgraph_cache_open(&codes->view, codes->context, oid, key, store->meta.code_bytes);
		if (store->meta.code_kind == VX_CODES_PQ)
			read_codebook(store, codes);
		else
			read_means(store, codes);
		codes->key = key;
	}
	else if (codes->codebook == NULL && (codes->epoch != store->meta.code_epoch || codes->flags != store->meta.code_flags))
		read_means(store, codes);
	codes->codec.max_norm2 = store->meta.max_norm2;
	return codes;
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
			/* the last page may have been added and not yet logged */
			if (PageIsNew(BufferGetPage(buffer)) && block + 1 >= RelationGetNumberOfBlocks(store->index))
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
