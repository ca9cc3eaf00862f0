/*
 * vecgraph_train.c: fitting the mean that codes are relative to again, when an index has grown.
 *
 * An index that began empty has codes relative to zero, one that has grown tenfold codes relative to what its first tenth
 * looked like. A new mean makes them more accurate. Nobody waits for the change:
 *
 *   1  the new mean is written to the pages of the parity that is not in use
 *   2  the meta page announces it (code_epoch, VX_CODES_MIXED): codes made from now on have the new parity, and searches
 *      that start from now on are prepared for both
 *   3  inserts that began before are waited out
 *   4  node page by node page, codes of the old parity are made again
 *   5  the meta page forgets the old mean
 *
 * A crash or cancel after 2 leaves codes of both parities, which costs searches a little time; the next fit finishes the work
 * before it starts its own. The caller keeps others from fitting and from VACUUM (ShareUpdateExclusiveLock on the table).
 */
#include "am/vecgraph.h"

#include <math.h>

#include "access/genam.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* What is done with each node; called with its page share locked. */
typedef void (*NodeVisit) (VecGraphStore *store, VxNodeId id, const VxPoint *point, void *context);

/* Calls visit for every node that holds a vector; done() once the page is unlocked again. */
static void
visit_nodes(VecGraphStore *store, NodeVisit visit, void (*done) (VecGraphStore *store, void *context), void *context)
{
	const VxGeometry *g = &store->geometry;

	for (BlockNumber block = g->first_segment; block < RelationGetNumberOfBlocks(store->index); block++)
	{
		Buffer		buffer;
		Page		page;

		store->base.ops->poll(&store->base);
		if (!vx_block_has_nodes(g, block))
			continue;
		buffer = ReadBufferExtended(store->index, MAIN_FORKNUM, block, RBM_NORMAL, store->strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		if (!PageIsNew(page) || block + 1 < RelationGetNumberOfBlocks(store->index))
		{
			vecgraph_check_node_page(store->index, buffer, g);
			for (uint32 i = 0; i < g->nodes_per_page; i++)
			{
				VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);

				if (slot->state == VX_SLOT_LIVE || slot->state == VX_SLOT_DELETED)
					visit(store, vx_block_first_id(g, block) + i, vecgraph_slot_point(store, slot), context);
			}
			if (done != NULL)
				done(store, context);
		}
		UnlockReleaseBuffer(buffer);
	}
}

typedef struct MeanSum
{
	double	   *sum;			/* [dim] */
	uint32		count;
} MeanSum;

static void
add_to_mean(VecGraphStore *store, VxNodeId id, const VxPoint *point, void *context)
{
	MeanSum    *mean = context;

	vx_codec_add_to_mean(&store->codes->codec, point, mean->sum);
	mean->count++;
}

/* The new codes of one page's nodes. */
typedef struct NewCodes
{
	VxNodeId   *ids;			/* [nodes_per_page] */
	uint8	   *codes;			/* [nodes_per_page][code_bytes] */
	uint32		count;
	uint8	   *old;
} NewCodes;

static void
encode_again(VecGraphStore *store, VxNodeId id, const VxPoint *point, void *context)
{
	NewCodes   *new = context;
	VxCodec    *codec = &store->codes->codec;

	vecgraph_read_codes(store, id, 1, new->old);
	if (vx_code_parity(new->old) == codec->parity)
		return;
	vx_codec_encode(codec, point, new->codes + (Size) new->count * codec->code_bytes);
	new->ids[new->count++] = id;
}

/* Writes the new codes, one record for each code page. The node page stays locked, so none of the nodes can be recycled. */
static void
write_codes(VecGraphStore *store, void *context)
{
	NewCodes   *new = context;
	const VxGeometry *g = &store->geometry;

	for (uint32 from = 0; from < new->count;)
	{
		BlockNumber block = vx_code_block(g, new->ids[from]);
		Buffer		buffer = ReadBuffer(store->index, block);
		GenericXLogState *xlog;
		char	   *body;
		uint32		to;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		vecgraph_check_code_page(store->index, buffer, g);
		xlog = GenericXLogStart(store->index);
		body = vecgraph_page_body(GenericXLogRegisterBuffer(xlog, buffer, 0));
		for (to = from; to < new->count && vx_code_block(g, new->ids[to]) == block; to++)
			memcpy(body + vx_code_offset(g, new->ids[to]), new->codes + (Size) to * g->code_bytes, g->code_bytes);
		GenericXLogFinish(xlog);
		for (uint32 i = from; i < to; i++)
			vecgraph_cache_put(&store->codes->view, new->ids[i], new->codes + (Size) i * g->code_bytes);
		UnlockReleaseBuffer(buffer);
		from = to;
	}
	new->count = 0;
}

static void
write_mean(VecGraphStore *store, int parity, const float *mean)
{
	const VxGeometry *g = &store->geometry;

	for (uint32 i = 0; i < g->model_pages; i++)
	{
		BlockNumber block = VECGRAPH_META_BLOCK + 1 + parity * g->model_pages + i;
		Buffer		buffer = ReadBuffer(store->index, block);
		GenericXLogState *xlog;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		vecgraph_check_model_page(store->index, buffer, g);
		xlog = GenericXLogStart(store->index);
		memcpy(vecgraph_page_body(GenericXLogRegisterBuffer(xlog, buffer, 0)),
			   (const char *) mean + (Size) i * g->body_bytes, vecgraph_model_page_used(g, block));
		GenericXLogFinish(xlog);
		UnlockReleaseBuffer(buffer);
	}
}

static void
write_meta(VecGraphStore *store, uint32 epoch, uint32 flags, uint32 fitted_nodes)
{
	Buffer		buffer = ReadBuffer(store->index, VECGRAPH_META_BLOCK);
	GenericXLogState *xlog;
	VxMeta	   *meta;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	xlog = GenericXLogStart(store->index);
	meta = vecgraph_page_body(GenericXLogRegisterBuffer(xlog, buffer, 0));
	meta->code_epoch = epoch;
	meta->code_flags = flags;
	meta->fitted_nodes = fitted_nodes;
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(buffer);
	vecgraph_store_refresh(store);
}

/* Steps 3 to 5. */
static void
finish_fit(VecGraphStore *store)
{
	const VxGeometry *g = &store->geometry;
	NewCodes	new = {0};

	LockPage(store->index, VECGRAPH_META_BLOCK, ExclusiveLock);
	UnlockPage(store->index, VECGRAPH_META_BLOCK, ExclusiveLock);
	new.ids = palloc(g->nodes_per_page * sizeof(VxNodeId));
	new.codes = palloc((Size) g->nodes_per_page * g->code_bytes);
	new.old = palloc(g->code_bytes + VX_CODE_OVERREAD);
	visit_nodes(store, encode_again, write_codes, &new);
	write_meta(store, store->meta.code_epoch, store->meta.code_flags & VX_CODES_MEAN(store->meta.code_epoch & 1),
			   store->meta.fitted_nodes);
	pfree(new.ids);
	pfree(new.codes);
	pfree(new.old);
}

bool
vecgraph_can_fit(const VxMeta *meta)
{
	return (meta->code_kind == VX_CODES_SCALAR4 || meta->code_kind == VX_CODES_SCALAR2)
		&& meta->storage != VX_STORAGE_HEAP && meta->metric != VX_METRIC_IP;
}

uint32
vecgraph_fit(VecGraphStore *store)
{
	uint32		dim = store->geometry.dim;
	MeanSum		mean = {.sum = palloc0(dim * sizeof(double))};
	float	   *new_mean = palloc(dim * sizeof(float));
	int			parity;

	if (store->meta.code_flags & VX_CODES_MIXED)
		finish_fit(store);
	visit_nodes(store, add_to_mean, NULL, &mean);
	if (mean.count == 0)
		return 0;
	for (uint32 i = 0; i < dim; i++)
	{
		new_mean[i] = (float) (mean.sum[i] / mean.count);
		if (!isfinite(new_mean[i]))
			new_mean[i] = 0;
	}
	parity = 1 - (store->meta.code_epoch & 1);
	write_mean(store, parity, new_mean);
	write_meta(store, store->meta.code_epoch + 1, store->meta.code_flags | VX_CODES_MEAN(parity) | VX_CODES_MIXED, mean.count);
	finish_fit(store);
	pfree(mean.sum);
	pfree(new_mean);
	return mean.count;
}
