/*
 * vecgraph_meta.c: the meta page: reading it, what changes on it, and the barrier that inserts pass.
 *
 * Its list of free pages is vecgraph_alloc.c's.
 */
#include "am/page/vecgraph_page.h"

#include <float.h>
#include <math.h>

#include "storage/lmgr.h"

#include "am/vecgraph.h"

void
vecgraph_read_meta(Relation relation, VxMeta *meta, VxGeometry *geometry)
{
	Buffer		buffer = vecgraph_read_and_lock(relation, VECGRAPH_META_BLOCK, NULL, BUFFER_LOCK_SHARE);
	const char *wrong;

	vecgraph_check_meta_page(relation, buffer);
	*meta = *vecgraph_meta_of(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);

	wrong = vx_meta_check(meta, VECGRAPH_BODY_BYTES, geometry);
	if (wrong != NULL)
		vecgraph_corrupted(relation, VECGRAPH_META_BLOCK, -1, wrong);
}

Buffer
vecgraph_lock_meta(const VecGraphIndex *index, int mode)
{
	return vecgraph_read_and_lock(index->relation, VECGRAPH_META_BLOCK, NULL, mode);
}

/* ---- entries ---- */

bool
vecgraph_set_entries(VecGraphIndex *index, const VxNodeId *entries, uint32 count)
{
	Buffer		buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	VxMeta	   *meta = vecgraph_meta_of(BufferGetPage(buffer));
	bool		unchanged;

	/* another insert, VACUUM or a fit may have written them since they were read; the caller reads them again then */
	unchanged = meta->entry_count == index->meta.entry_count
		&& memcmp(meta->entries, index->meta.entries, sizeof(meta->entries)) == 0;
	if (unchanged)
	{
		VecGraphChange change = vecgraph_change_start(index);

		meta = vecgraph_meta_of(vecgraph_change_page(change, buffer, 0));
		meta->entry_count = count;
		memset(meta->entries, 0, sizeof(meta->entries));
		memcpy(meta->entries, entries, count * sizeof(VxNodeId));
		vecgraph_change_finish(change);
	}
	UnlockReleaseBuffer(buffer);
	return unchanged;
}

bool
vecgraph_add_entry(VecGraphIndex *index, VxNodeId id)
{
	VxNodeId	entries[VX_MAX_ENTRIES];
	uint32		count = index->meta.entry_count;

	memcpy(entries, index->meta.entries, sizeof(entries));
	/* where all places are taken, their nodes were found dead, or are of less use: any may go */
	entries[count < VX_MAX_ENTRIES ? count++ : id % VX_MAX_ENTRIES] = id;
	return vecgraph_set_entries(index, entries, count);
}

/* ---- norms, and what codes are fitted to ---- */

bool
vecgraph_raise_max_norm(VecGraphIndex *index, float norm2)
{
	float		bound = vx_space_norm_bound(index->meta.usual_norm2);

	/* by the copy: of several inserts at once each may take itself for the first, and make its node an entry */
	bool		is_first = index->meta.max_norm2 < bound && norm2 >= bound;
	Buffer		buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	VecGraphChange change = vecgraph_change_start(index);
	VxMeta	   *meta = vecgraph_meta_of(vecgraph_change_page(change, buffer, 0));

	norm2 = Min(norm2, bound);
	meta->max_norm2 = Max(meta->max_norm2, norm2);
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(buffer);
	index->space.max_norm2 = Max(index->space.max_norm2, norm2);
	if (index->codes != NULL)
		vx_codec_set_max_norm2(&index->codes->codec, index->space.max_norm2);
	return is_first;
}

/*
 * Any value is sound: it only says how norms count in linking, and longer vectors count as having it (VxSpace). So it may be lower
 * than before, when long vectors are gone, though edges were chosen by the old one.
 */
void
vecgraph_choose_max_norm(VxMeta *meta, const VxRobustSum *norms)
{
	meta->usual_norm2 = (float) Min(vx_robust_quantile(norms, 0.9), FLT_MAX);
	meta->max_norm2 = Min(norms->largest, vx_space_norm_bound(meta->usual_norm2));
}

void
vecgraph_write_fitted(VecGraphIndex *index, const VxRobustSum *norms)
{
	Buffer		buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	VecGraphChange change = vecgraph_change_start(index);
	VxMeta	   *meta = vecgraph_meta_of(vecgraph_change_page(change, buffer, 0));

	meta->code_epoch = index->meta.code_epoch;
	meta->code_flags = index->meta.code_flags;
	meta->fitted_nodes = index->meta.fitted_nodes;
	meta->fitted_slots = index->meta.fitted_slots;
	meta->fitted_error = index->meta.fitted_error;
	if (norms != NULL && vx_metric_kind(meta->metric)->lengths)
		vecgraph_choose_max_norm(meta, norms);
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(buffer);
}

void
vecgraph_read_curve(Relation index, VxCurve *curve)
{
	Buffer		buffer;
	Page		page;

	memset(curve, 0, sizeof(*curve));
	buffer = vecgraph_read_and_lock(index, VECGRAPH_META_BLOCK, NULL, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (!PageIsNew(page) && vecgraph_page_special(page)->kind == VX_PAGE_META)
		*curve = vecgraph_meta_of(page)->curve;
	UnlockReleaseBuffer(buffer);
}

/* VxMeta.curve_room */
static uint8
curve_room(uint32 ids)
{
	return (uint8) ceil(6 * log2(Max(ids, 1)));
}

/*
 * By more than so much in the logarithm, a sixth to a quarter, there is room for others than those that the curve was measured with: of rows in
 * clusters of ten, one and a half times as many found 0.93 with lists that were right for 0.995.
 */
#define MUCH_MORE_ROOM 1

bool
vecgraph_has_outgrown_curve(const VecGraphIndex *index)
{
	return curve_room(index->id_bound) > index->meta.curve_room + MUCH_MORE_ROOM;
}

void
vecgraph_write_curve(VecGraphIndex *index, const VxCurve *curve, uint32 nodes)
{
	Buffer		buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	VecGraphChange change = vecgraph_change_start(index);
	VxMeta	   *meta = vecgraph_meta_of(vecgraph_change_page(change, buffer, 0));

	meta->curve = *curve;
	meta->curve_nodes = nodes;
	meta->curve_room = curve_room(index->id_bound);
	meta->curve_changes = 0;
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(buffer);
}

void
vecgraph_note_changes(VecGraphIndex *index, double rows)
{
	Buffer		buffer = vecgraph_lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
	VecGraphChange change = vecgraph_change_start(index);
	VxMeta	   *meta = vecgraph_meta_of(vecgraph_change_page(change, buffer, 0));

	meta->curve_changes = (uint32) Min(meta->curve_changes + rows, PG_UINT32_MAX);
	index->meta.curve_changes = meta->curve_changes;
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(buffer);
}

float
vecgraph_finite_error(double error)
{
	return error >= 0 && error < FLT_MAX ? (float) error : 0;
}

/* ---- the barrier ---- */

void
vecgraph_begin_insert(Relation relation)
{
	LockPage(relation, VECGRAPH_META_BLOCK, ShareLock);
}

void
vecgraph_end_insert(Relation relation)
{
	UnlockPage(relation, VECGRAPH_META_BLOCK, ShareLock);
}

/*
 * Inserts that come while this waits queue behind it, so it waits for those only that have begun. The lock is not kept: what
 * inserts do from now on cannot harm, as the callers explain.
 */
void
vecgraph_wait_for_inserts(Relation relation)
{
	LockPage(relation, VECGRAPH_META_BLOCK, ExclusiveLock);
	UnlockPage(relation, VECGRAPH_META_BLOCK, ExclusiveLock);
}
