/*
 * vecgraph_code_pages.c: codes and signatures, the models that codes are made with, and the log of both, on their pages.
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
		Buffer		buffer = vecgraph_read_and_lock(index->relation, block, NULL, BUFFER_LOCK_SHARE);

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
		Buffer		buffer = vecgraph_read_and_lock(index->relation, block, NULL, BUFFER_LOCK_EXCLUSIVE);
		VecGraphChange change;

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
	buffer = vecgraph_read_and_lock(index->relation, block, NULL, BUFFER_LOCK_SHARE);
	vecgraph_check_code_log_page(index->relation, buffer, &index->geometry);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	vecgraph_note_recent(index->relation, block, buffer);
	return buffer;
}

/* ---- digests: codes and signatures ---- */

/* Bytes of a part of a digest. */
static inline uint32
part_bytes(const VxGeometry *g, uint32 part)
{
	return part == 0 ? g->code_bytes : g->filter_width[part - 1];
}

/* Where the part of a node's digest is in the body of its page. */
static inline uint32
part_offset(const VxGeometry *g, VxNodeId id, uint32 part)
{
	return part == 0 ? vx_code_offset(g, id) : vx_signature_offset(g, id, part - 1);
}

/* Copies parts of the digests of n nodes, from first on, to places from done on; body NULL: zeros. */
static void
copy_parts(const VxGeometry *g, const uint8 *body, VxNodeId first, uint32 n, const VecGraphDigestParts *out, uint32 done)
{
	for (uint32 i = 0; i <= g->filter_count; i++)
	{
		uint32		bytes = part_bytes(g, i);

		if (out->part[i] == NULL)
			continue;
		if (body == NULL)
			memset(out->part[i] + (Size) done * bytes, 0, (Size) n * bytes);
		else
			memcpy(out->part[i] + (Size) done * bytes, body + part_offset(g, first, i), (Size) n * bytes);
	}
}

void
vecgraph_ask_for_digests(VecGraphIndex *index, uint32 first, uint32 n)
{
	const VxGeometry *g = &index->geometry;
	uint32		done = 0;

	/* a run of the cache may reach beyond all ids */
	for (uint32 page = 0; page < index->ahead.concurrency && done < n && first + done >= first; page++)
	{
		vecgraph_ahead_ask(&index->ahead, vx_code_block(g, first + done));
		done += vx_code_stretch(g, first + done);
	}
}

/* Reads and locks the first page, of this block, of those that have the digests of n nodes, and asks for the next ones. */
static VX_NOINLINE Buffer
read_and_ask(VecGraphIndex *index, BlockNumber block, uint32 first, uint32 n)
{
	VecGraphWatch watch;
	Buffer		buffer;

	vecgraph_ask_for_digests(index, first, n);
	vecgraph_watch_begin(&watch);
	buffer = vecgraph_read_and_lock(index->relation, block, NULL, BUFFER_LOCK_SHARE);
	vecgraph_note_waiting(index, &watch);
	return buffer;
}

void
vecgraph_read_digests(void *context, uint32 first, uint32 n, const VecGraphDigestParts *out)
{
	VecGraphIndex *index = context;
	const VxGeometry *g = &index->geometry;
	BlockNumber blocks = RelationGetNumberOfBlocks(index->relation);

	for (uint32 done = 0; done < n;)
	{
		uint32		stretch = Min(vx_code_stretch(g, first + done), n - done);
		BlockNumber block = vx_code_block(g, first + done);
		Buffer		buffer;

		/* a run of the cache may reach beyond the end of the index, or of all ids */
		if (first + done < first || block >= blocks)
		{
			copy_parts(g, NULL, first + done, n - done, out, done);
			return;
		}
		/* one page is what a search may want of each of its candidates, which is no place for looking at a clock */
		buffer = stretch < n
			? read_and_ask(index, block, first + done, n - done) : vecgraph_read_and_lock(index->relation, block, NULL, BUFFER_LOCK_SHARE);
		if (vecgraph_is_unfilled(index->relation, buffer))
			copy_parts(g, NULL, first + done, stretch, out, done);
		else
		{
			vecgraph_check_code_page(index->relation, buffer, g);
			copy_parts(g, vecgraph_page_body(BufferGetPage(buffer)), first + done, stretch, out, done);
		}
		UnlockReleaseBuffer(buffer);
		done += stretch;
	}
}

void
vecgraph_read_codes(VecGraphIndex *index, uint32 first, uint32 n, uint8 *out)
{
	VecGraphDigestParts parts = {{out}};

	vecgraph_read_digests(index, first, n, &parts);
}

void
vecgraph_read_signature(VecGraphIndex *index, VxNodeId id, uint64 *signature)
{
	const VxGeometry *g = &index->geometry;
	VecGraphDigestParts parts = {0};
	uint64		columns[VX_MAX_FILTERS];

	for (uint32 i = 0; i < g->filter_count; i++)
		parts.part[1 + i] = (uint8 *) &columns[i];
	vecgraph_read_digests(index, id, 1, &parts);
	for (uint32 i = 0; i < g->filter_count; i++)
		signature[i] = vx_signature_load(&columns[i], g->filter_width[i]);
}

/* Whether there is nothing to be written. */
static bool
is_empty(const VecGraphDigests *digests)
{
	return digests == NULL || (digests->codes == NULL && digests->signatures == NULL);
}

VecGraphDigestPlace
vecgraph_lock_digest(VecGraphIndex *index, VxNodeId id, const VecGraphDigests *digests)
{
	VecGraphDigestPlace place = {InvalidBuffer, InvalidBuffer};

	if (is_empty(digests))
		return place;
	place.codes = vecgraph_read_and_lock(index->relation, vx_code_block(&index->geometry, id), NULL, BUFFER_LOCK_EXCLUSIVE);
	vecgraph_check_code_page(index->relation, place.codes, &index->geometry);
	place.log = vecgraph_pin_code_log(index);
	LockBuffer(place.log, BUFFER_LOCK_EXCLUSIVE);
	return place;
}

/* Notes in the log of codes that a page changes. */
static void
note_in_log(const VecGraphIndex *index, VecGraphDelta *delta, Buffer buffer, BlockNumber block)
{
	uint32		room = vx_code_log_room(index->geometry.body_bytes);
	VxCodeLog  *log = vecgraph_page_body(BufferGetPage(buffer));
	uint32	   *entry = vx_code_log_entry(log, room, block);
	VxCodeLog  *head = vecgraph_delta_image(delta, buffer, log, sizeof(VxCodeLog));

	if (entry != NULL)
		entry = vecgraph_delta_image(delta, buffer, entry, sizeof(*entry));
	vx_code_log_add(head, entry, block);
}

/* Page and log stay locked until both are changed: a follower that reads the entry finds the codes. */
void
vecgraph_put_digests(VecGraphIndex *index, VecGraphDelta *delta, VecGraphDigestPlace place, const VxNodeId *ids,
					 const VecGraphDigests *digests, uint32 n)
{
	const VxGeometry *g = &index->geometry;
	char	   *body;
	char	   *image = NULL;

	if (is_empty(digests))
		return;
	body = vecgraph_page_body(BufferGetPage(place.codes));
	/* many: rather one image of all than so many of parts */
	if (n > 1)
		image = vecgraph_delta_image(delta, place.codes, body, vx_code_page_used(g));
	for (uint32 i = 0; i < n; i++)
		for (uint32 part = digests->codes != NULL ? 0 : 1; part <= (digests->signatures != NULL ? g->filter_count : 0); part++)
		{
			uint32		offset = part_offset(g, ids[i], part);
			void	   *to;

			if (image != NULL)
				to = image + offset;
			else
				to = vecgraph_delta_image(delta, place.codes, body + offset, part_bytes(g, part));
			if (part == 0)
				memcpy(to, digests->codes + (Size) i * g->code_bytes, g->code_bytes);
			else
				vx_signature_store(to, g->filter_width[part - 1], digests->signatures[(Size) i * g->filter_count + part - 1]);
		}
	note_in_log(index, delta, place.log, BufferGetBlockNumber(place.codes));
}

void
vecgraph_unlock_digest(VecGraphDigestPlace place)
{
	if (!BufferIsValid(place.codes))
		return;
	UnlockReleaseBuffer(place.log);
	UnlockReleaseBuffer(place.codes);
}

void
vecgraph_write_digests(VecGraphIndex *index, const VxNodeId *ids, const VecGraphDigests *digests, uint32 n)
{
	VecGraphDigestPlace place = vecgraph_lock_digest(index, ids[0], digests);
	VecGraphDelta delta;

	vecgraph_delta_start(&delta, index);
	vecgraph_put_digests(index, &delta, place, ids, digests, n);
	vecgraph_delta_finish(&delta);
	vecgraph_unlock_digest(place);
}
