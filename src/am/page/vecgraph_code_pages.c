/*
 * vecgraph_code_pages.c: codes, the models that they are made with, and their log, on their pages.
 *
 * A model is on several pages, which are locked one after the other. It is never changed where it is in use: a fit writes the new one
 * where the one before the last was, and announces it on the meta page when it is complete. A reader that comes too late may find
 * a mixture there; what it makes of that is in vecgraph_codes.c (load_models).
 */
#include "am/page/vecgraph_page.h"

/* ---- models ---- */

void
vecgraph_read_model(VecGraphIndex *index, int parity, void *out)
{
	const VxGeometry *g = &index->geometry;

	for (uint32 i = 0; i < g->model_pages; i++)
	{
		BlockNumber block = vx_model_block(g->model_pages, parity, i);
		Buffer		buffer = ReadBuffer(index->relation, block);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		vecgraph_check_model_page(index->relation, buffer, g);
		memcpy((char *) out + (Size) i * g->body_bytes, vecgraph_page_body(BufferGetPage(buffer)),
			   vecgraph_model_page_used(g, block));
		UnlockReleaseBuffer(buffer);
	}
}

void
vecgraph_write_model(VecGraphIndex *index, int parity, const void *model)
{
	const VxGeometry *g = &index->geometry;

	for (uint32 i = 0; i < g->model_pages; i++)
	{
		BlockNumber block = vx_model_block(g->model_pages, parity, i);
		Buffer		buffer = ReadBuffer(index->relation, block);
		VecGraphChange change;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		vecgraph_check_model_page(index->relation, buffer, g);
		change = vecgraph_change_start(index);
		memcpy(vecgraph_page_body(vecgraph_change_page(change, buffer, 0)),
			   (const char *) model + (Size) i * g->body_bytes, vecgraph_model_page_used(g, block));
		vecgraph_change_finish(change);
		UnlockReleaseBuffer(buffer);
	}
}

/* ---- the log ---- */

Buffer
vecgraph_pin_code_log(VecGraphIndex *index)
{
	BlockNumber block = vx_code_log_block(index->geometry.first_segment);
	Buffer		buffer = vecgraph_pin_recent(index->relation, block);

	/* each search comes here: the page is nearly always where it was, and was checked then */
	if (BufferIsValid(buffer))
		return buffer;
	buffer = ReadBuffer(index->relation, block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	vecgraph_check_code_log_page(index->relation, buffer, &index->geometry);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	vecgraph_note_recent(index->relation, block, buffer);
	return buffer;
}

/* ---- codes ---- */

void
vecgraph_read_codes(void *context, uint32 first, uint32 n, uint8 *out)
{
	VecGraphIndex *index = context;
	const VxGeometry *g = &index->geometry;
	BlockNumber blocks = RelationGetNumberOfBlocks(index->relation);

	for (uint32 done = 0; done < n;)
	{
		uint32		stretch = Min(vx_code_stretch(g, first + done), n - done);
		BlockNumber block = vx_code_block(g, first + done);
		uint8	   *to = out + (Size) done * g->code_bytes;
		Buffer		buffer;

		/* a run of the cache may reach beyond the end of the index, or of all ids */
		if (first + done < first || block >= blocks)
		{
			memset(to, 0, (Size) (n - done) * g->code_bytes);
			return;
		}
		buffer = ReadBuffer(index->relation, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (vecgraph_is_unfilled(index->relation, buffer))
			memset(to, 0, (Size) stretch * g->code_bytes);
		else
		{
			vecgraph_check_code_page(index->relation, buffer, g);
			memcpy(to, (uint8 *) vecgraph_page_body(BufferGetPage(buffer)) + vx_code_offset(g, first + done),
				   (Size) stretch * g->code_bytes);
		}
		UnlockReleaseBuffer(buffer);
		done += stretch;
	}
}

VecGraphCodePlace
vecgraph_lock_code(VecGraphIndex *index, VxNodeId id, const uint8 *code)
{
	VecGraphCodePlace place = {InvalidBuffer, InvalidBuffer};

	if (code == NULL)
		return place;
	place.codes = ReadBuffer(index->relation, vx_code_block(&index->geometry, id));
	LockBuffer(place.codes, BUFFER_LOCK_EXCLUSIVE);
	vecgraph_check_code_page(index->relation, place.codes, &index->geometry);
	place.log = vecgraph_pin_code_log(index);
	LockBuffer(place.log, BUFFER_LOCK_EXCLUSIVE);
	return place;
}

/* Page and log stay locked until both are changed: a follower that reads the entry finds the codes. */
void
vecgraph_put_codes(VecGraphIndex *index, VecGraphChange change, VecGraphCodePlace place, const VxNodeId *ids, const uint8 *codes,
				   uint32 n)
{
	const VxGeometry *g = &index->geometry;
	char	   *body;

	if (codes == NULL)
		return;
	body = vecgraph_page_body(vecgraph_change_page(change, place.codes, 0));
	for (uint32 i = 0; i < n; i++)
		memcpy(body + vx_code_offset(g, ids[i]), codes + (Size) i * g->code_bytes, g->code_bytes);
	vx_code_log_add(vecgraph_page_body(vecgraph_change_page(change, place.log, 0)), vx_code_log_room(g->body_bytes),
					BufferGetBlockNumber(place.codes));
}

void
vecgraph_unlock_code(VecGraphCodePlace place)
{
	if (!BufferIsValid(place.codes))
		return;
	UnlockReleaseBuffer(place.log);
	UnlockReleaseBuffer(place.codes);
}

void
vecgraph_write_codes(VecGraphIndex *index, const VxNodeId *ids, const uint8 *codes, uint32 n)
{
	VecGraphCodePlace place = vecgraph_lock_code(index, ids[0], codes);
	VecGraphChange change = vecgraph_change_start(index);

	vecgraph_put_codes(index, change, place, ids, codes, n);
	vecgraph_change_finish(change);
	vecgraph_unlock_code(place);
}
