/*
 * vecgraph_codes.c: the codes of an index, as one backend sees them.
 *
 * What does not change from one search to the next (the rotation, the models, where the cache has which codes) is kept, one entry
 * per index that the backend has searched, so that a search starts at once. An entry is forgotten when its index may have been
 * dropped or rebuilt, which the relation cache's invalidations tell, and when entries that nobody uses take more than
 * KEPT_BYTES, those first that were used longest ago.
 *
 * Open indexes (VecGraphIndex) count as users until their memory goes. What is forgotten while it has users stays whole for them, and
 * is freed after the last of them; so an invalidation may come at any time.
 *
 * The two models (vx_codec.h) have pages of their own behind the meta page. A new one is written to the pages of the other
 * parity before the meta page says so (code_epoch), and those of a model are not written again while codes of it may be left.
 */
#include "am/page/vecgraph_page.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "am/vecgraph.h"

/* Entries that nobody uses may take so much memory together. */
#define KEPT_BYTES ((Size) 64 * 1024 * 1024)

/* The codes that a backend keeps for when it opens an index again. */
typedef struct KeptCodes
{
	Oid			index_oid;
	VecGraphCodes *codes;
} KeptCodes;

static HTAB *kept_codes = NULL;
static dlist_head kept_order = DLIST_STATIC_INIT(kept_order);	/* of the same, used last first */
static Size kept_bytes = 0;

/* An open index's claim to codes; in its memory, with which it goes. */
typedef struct VecGraphCodesUse
{
	MemoryContextCallback callback;
	VecGraphCodes *codes;		/* NULL: none yet */
} VecGraphCodesUse;

/* ---- keeping and forgetting; only keep() can fail ---- */

/* Counts what an entry takes by now: models change, and the view grows. */
static void
count_bytes(VecGraphCodes *codes)
{
	kept_bytes -= codes->bytes;
	codes->bytes = MemoryContextMemAllocated(codes->context, true);
	kept_bytes += codes->bytes;
}

/* Nobody finds these codes any more. */
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

/*
 * A relation, or any if InvalidOid, is not what it was. The server calls this whenever it takes in invalidations, so also in the
 * middle of a scan: codes in use stay as they are for their users.
 */
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

/* Makes codes found when the index is opened again; their context was the caller's so far. */
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
	count_bytes(codes);
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
	count_bytes(codes);
	forget_least_used();
}

/* The memory of an open index goes. */
static void
end_use(void *arg)
{
	VecGraphCodesUse *use = arg;

	if (use->codes != NULL)
		release(use->codes);
	use->codes = NULL;
}

/* The open index uses these codes from now on. The new ones are claimed first: they may be the ones that it had. */
static void
use_codes(VecGraphIndex *index, VecGraphCodes *codes)
{
	VecGraphCodesUse *use = index->codes_use;
	VecGraphCodes *before = use->codes;

	codes->uses++;
	use->codes = codes;
	if (before != NULL)
		release(before);
}

static void
init_use(VecGraphIndex *index)
{
	MemoryContext context = index->mem.context;
	VecGraphCodesUse *use = MemoryContextAllocZero(context, sizeof(VecGraphCodesUse));

	use->callback.func = end_use;
	use->callback.arg = use;
	MemoryContextRegisterResetCallback(context, &use->callback);
	index->codes_use = use;
}

/* ---- models ---- */

/*
 * What the files of the index are; VecGraphCacheView.key. REINDEX and TRUNCATE make another file; its number may be that of one that is
 * gone, but the build id, drawn for each build, is another one then.
 */
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

/*
 * Reads the models that the meta page speaks of into models [2], NULL where there is none. Returns the parity of a damaged one
 * and *wrong, else -1. A model is read page by page, with no lock over all of them: the check tells what came of it while a fit wrote
 * there.
 */
static int
read_models(VecGraphIndex *index, MemoryContext context, void **models, const char **wrong)
{
	models[0] = models[1] = NULL;
	for (int parity = 0; parity < 2; parity++)
	{
		if ((index->meta.code_flags & VX_CODES_MODEL(parity)) == 0)
			continue;
		models[parity] = MemoryContextAllocHuge(context, index->geometry.model_bytes);
		vecgraph_read_model(index, parity, models[parity]);
		*wrong = vx_code_kind(index->meta.code_kind)->check_model(models[parity], index->geometry.coded_dim, index->meta.code_bytes);
		if (*wrong != NULL)
			return parity;
	}
	return -1;
}

/* Looks at the meta page for newer models, and at nothing else there; false if they are known. */
static bool
find_models(VecGraphIndex *index)
{
	VxMeta		meta;
	VxGeometry	geometry;
	bool		changed;

	vecgraph_read_meta(index->relation, &meta, &geometry);
	changed = meta.code_epoch != index->meta.code_epoch || meta.code_flags != index->meta.code_flags;
	index->meta.code_epoch = meta.code_epoch;
	index->meta.code_flags = meta.code_flags;
	return changed;
}

/*
 * Gives the codec the models that index->meta speaks of, or newer ones. An error leaves it those that it has: they are replaced when
 * the new ones are complete, which until then are the caller's memory.
 */
static void
load_models(VecGraphIndex *index, VecGraphCodes *codes)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph models", ALLOCSET_START_SMALL_SIZES);
	VxMem		mem = vecgraph_mem(codes->context);
	void	   *models[2];
	const char *wrong;
	int			damaged;

	while ((damaged = read_models(index, context, models, &wrong)) >= 0)
	{
		/*
		 * A fit may be writing the next model but one where this one was: then this one is forgotten, and the meta page says so.
		 * If the meta page speaks of no others, the pages are damaged.
		 */
		MemoryContextReset(context);
		if (!find_models(index))
			vecgraph_corrupted(index->relation, vx_model_block(index->geometry.model_pages, damaged, 0), -1, wrong);
	}
	vx_codec_set_models(&codes->codec, &mem, index->meta.code_epoch, (index->meta.code_flags & VX_CODES_MIXED) != 0,
						models[0], models[1]);
	if (codes->models != NULL)
		MemoryContextDelete(codes->models);
	MemoryContextSetParent(context, codes->context);
	codes->models = context;
	codes->epoch = index->meta.code_epoch;
	codes->flags = index->meta.code_flags;
}

/* The codes of an index, made anew and kept. */
static VecGraphCodes *
create_codes(VecGraphIndex *index, uint64 key)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph codes", ALLOCSET_SMALL_SIZES);
	VecGraphCodes *codes = MemoryContextAllocZero(context, sizeof(VecGraphCodes));
	VxMem		mem = vecgraph_mem(context);
	/* a temporary index is gone before anybody could want it back after a restart */
	Oid			lasting = RelationUsesLocalBuffers(index->relation) ? InvalidOid : RelationGetRelid(index->relation);
	uint32		part_bytes[VECGRAPH_MAX_PARTS];

	codes->index_oid = RelationGetRelid(index->relation);
	codes->context = context;
	vx_codec_init(&codes->codec, &mem, (VxCodeKind) index->meta.code_kind, &index->space, index->meta.code_bytes);
	part_bytes[0] = index->geometry.code_bytes;
	for (uint32 i = 0; i < index->geometry.filter_count; i++)
		part_bytes[1 + i] = index->geometry.filter_width[i];
	vecgraph_cache_open(&codes->view, context, lasting, key, part_bytes, 1 + index->geometry.filter_count);
	load_models(index, codes);
	keep(codes);
	return codes;
}

/* The codes of an index, as others have left them or made anew. */
static VecGraphCodes *
find_codes(VecGraphIndex *index, uint64 key)
{
	Oid			oid = RelationGetRelid(index->relation);
	KeptCodes  *entry;

	if (kept_codes == NULL)
		init_kept_codes();
	entry = hash_search(kept_codes, &oid, HASH_FIND, NULL);
	if (entry != NULL && entry->codes->view.key == key)
	{
		dlist_move_head(&kept_order, &entry->codes->link);
		return entry->codes;
	}
	/* rebuilt */
	if (entry != NULL)
		forget(entry->codes);
	return create_codes(index, key);
}

VecGraphCodes *
vecgraph_codes_open(VecGraphIndex *index)
{
	uint64		key;
	VecGraphCodes *codes;

	if (index->meta.code_kind == VX_CODES_NONE || vx_codes_untrained(&index->meta))
		return NULL;
	key = files_key(index->relation, index->meta.build_id);
	if (index->codes_use == NULL)
		init_use(index);

	/* codes that were forgotten have stayed in use until here; from now on it is those that others find, too */
	codes = index->codes_use->codes;
	if (codes == NULL || !codes->kept || codes->view.key != key)
	{
		codes = find_codes(index, key);
		use_codes(index, codes);
	}
	if (codes->epoch != index->meta.code_epoch || codes->flags != index->meta.code_flags)
		load_models(index, codes);
	/* an insert of any session may have raised it since */
	vx_codec_set_max_norm2(&codes->codec, index->meta.max_norm2);
	return codes;
}

bool
vecgraph_codes_follow(VecGraphIndex *index, const VxCodeQuery *query)
{
	find_models(index);
	index->codes = vecgraph_codes_open(index);
	/* after the models: else the cache could have codes of a model that is known to be forgotten */
	vecgraph_cache_begin(&index->codes->view);
	vecgraph_codes_catch_up(index);
	return index->codes->codec.epoch != query->epoch || index->codes->codec.mixed != query->mixed;
}

const uint8 *
vecgraph_code(VecGraphIndex *index, VxNodeId id, uint32 place)
{
	Size		copy_bytes = index->geometry.code_bytes + VX_CODE_OVERREAD;
	uint8	   *copy;

	VecGraphCacheView *view = &index->codes->view;
	const uint8 *code = vecgraph_cache_code(view, id);

	if (code == NULL)
		code = vecgraph_cache_fetch(view, id, vecgraph_read_digests, index);
	if (code != NULL)
	{
		view->hits++;
		return code;
	}
	view->misses++;
	if (index->code_copies == NULL)
	{
		index->code_copies = vx_alloc_array(&index->mem, VX_MAX_EDGES, copy_bytes);
		memset(index->code_copies, 0, VX_MAX_EDGES * copy_bytes);
	}
	/* a place for each neighbour: all of a node are scored at once */
	copy = index->code_copies + place * copy_bytes;
	vecgraph_read_codes(index, id, 1, copy);
	return copy;
}

void
vecgraph_find_codes(VecGraphIndex *index, const VxNodeId *ids, uint32 n, const void **codes)
{
	VecGraphCacheView *view = &index->codes->view;
	VecGraphCacheView seen = *view; /* of its own, so that no writing here makes the compiler read it anew */
	uint32		missing = 0;

	Assert(n <= VX_MAX_EDGES);
	for (uint32 i = 0; i < n; i++)
	{
		const uint8 *code = vecgraph_cache_code(&seen, ids[i]);

		/* all are asked for before the first one is waited for; what lies behind the second line, the processor guesses */
		vx_prefetch(code, VX_CACHE_LINE + 1);
		codes[i] = code;
		missing += code == NULL;
	}
	view->hits += n - missing;
	for (uint32 i = 0; i < n && missing > 0; i++)
		if (codes[i] == NULL)
			codes[i] = vecgraph_code(index, ids[i], i);
}
