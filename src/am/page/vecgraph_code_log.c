/*
 * vecgraph_code_log.c: how changed codes become known to caches.
 *
 * Every change of a code is noted in the log of its index (VxCodeLog, a page), in the WAL record of the change itself. A backend that is
 * about to go by codes compares the log's count of changes with the one that its cache has followed to, and if they differ,
 * reads the pages again that the log names. So a cache is current no matter who made a change, and where: a session with another
 * region or with none, or, on a standby, the primary. What the log no longer names (it is short) makes the cache forget the index.
 *
 * Why no change is missed: the writer holds the code page's lock and the log's until both are changed. A follower reads the log with
 * its lock, so what it finds there is on the code page already, and reads that page afterwards. Chunks that are being loaded meanwhile
 * are loaded again (C4 in vecgraph_cache.h).
 */
#include "am/page/vecgraph_page.h"

#include "miscadmin.h"

#include "pg/vecidx_fault.h"

/*
 * How many changes there have been, read without a lock: after a change was committed or replayed, its count is seen here. If
 * the count is being written, what is read may be neither the old nor the new one; then it is not what the cache has, either, and the
 * slow path reads it again with a lock.
 */
static uint64
count_changes(VecGraphIndex *index)
{
	Buffer		buffer = vecgraph_pin_code_log(index);
	const VxCodeLog *log = vecgraph_page_body(BufferGetPage(buffer));
	uint64		changes = *(const volatile uint64 *) &log->changes;

	ReleaseBuffer(buffer);
	return changes;
}

/* Copies the log. */
static void
read_log(VecGraphIndex *index, VxCodeLog *log)
{
	Buffer		buffer = vecgraph_pin_code_log(index);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(log, vecgraph_page_body(BufferGetPage(buffer)), vx_code_log_used(index->geometry.body_bytes));
	UnlockReleaseBuffer(buffer);
}

/* Entry number i, checked. */
static BlockNumber
log_entry(VecGraphIndex *index, const VxCodeLog *log, uint64 i)
{
	const VxGeometry *g = &index->geometry;
	BlockNumber block = log->blocks[i % vx_code_log_room(g->body_bytes)];

	if (!vx_block_has_codes(g, block) || block >= RelationGetNumberOfBlocks(index->relation))
		vecgraph_corrupted(index->relation, vx_code_log_block(g->first_segment), -1, "the log of codes names a page without codes");
	return block;
}

/* Puts the codes of a page into the cache. The caller has the right to follow. */
static void
refresh_codes(VecGraphIndex *index, BlockNumber block)
{
	const VxGeometry *g = &index->geometry;
	VxNodeId	first = vx_code_page_first_id(g, block);
	uint32		n = Min(vx_code_stretch(g, first), VX_NO_NODE - first);
	PGAlignedBlock digests;
	VecGraphDigestParts parts = {{(uint8 *) digests.data}};

	/* as they are on the page, which has room for them */
	for (uint32 i = 0; i < g->filter_count; i++)
		parts.part[1 + i] = (uint8 *) digests.data + (Size) g->codes_per_page * g->filter_start[i];
	vecgraph_read_digests(index, first, n, &parts);
	vecgraph_cache_put(&index->codes->view, first, n, &parts);
}

/*
 * The slow path: something may have changed. Takes the right to follow, and gives it back. Several backends may come here at once; all
 * but the first find, when they have the right, that there is nothing left to do.
 */
static void
follow_log(VecGraphIndex *index)
{
	uint32		room = vx_code_log_room(index->geometry.body_bytes);
	VecGraphCacheView *view = &index->codes->view;
	VecGraphCachePosition position;
	PGAlignedBlock copy;
	const VxCodeLog *log = (VxCodeLog *) copy.data;
	uint64		first;
	bool		known = vecgraph_cache_lock_index(view, &position);

	read_log(index, (VxCodeLog *) copy.data);
	if (!known || VECIDX_FAULT_REFUSES("code-log") || !vx_code_log_news(log, room, position.changes, position.entries, &first))
		vecgraph_cache_forget(view);
	else if (log->changes != position.changes)
		for (; first < log->entries; first++)
			refresh_codes(index, log_entry(index, log, first));
	/* the copy, not the page: what was changed after it was made has not been followed */
	position.changes = log->changes;
	position.entries = log->entries;
	vecgraph_cache_unlock_index(view, &position);
}

void
vecgraph_codes_catch_up(VecGraphIndex *index)
{
	VecGraphCacheView *view = &index->codes->view;

	if (!vecgraph_cache_is_there() || vecgraph_cache_is_current(view, count_changes(index)))
		return;
	follow_log(index);
	VECIDX_FAULT_POINT("code-log-followed");
}

void
vecgraph_check_code_log(VecGraphIndex *index)
{
	PGAlignedBlock copy;
	const VxCodeLog *log = (VxCodeLog *) copy.data;
	uint64		room = vx_code_log_room(index->geometry.body_bytes);

	read_log(index, (VxCodeLog *) copy.data);
	if (log->entries > log->changes)
		vecgraph_corrupted(index->relation, vx_code_log_block(index->geometry.first_segment), -1,
						   "the log of codes has more entries than changes");
	for (uint64 i = log->entries - Min(log->entries, room); i < log->entries; i++)
		(void) log_entry(index, log, i);
}
