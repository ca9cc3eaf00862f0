/*
 * vecgraph_rows.c: the pages of rows that a scan returns.
 *
 * For each heap TID the executor has the heap look up the page in the buffer table, and most rows of a scan lie on another page than the one
 * before: that takes about half of what a row costs in memory. But the heap keeps the page of the last row pinned, and looks nothing up if the
 * next one lies there, too. So where the buffer of the next row's page is remembered from an earlier row, of any scan, it becomes that page.
 * Whose pin it is, and when it goes, stays as it was: it is the executor's, that of one page at a time.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/heapam.h"
#include "access/relscan.h"
#include "pgstat.h"
#include "storage/bufmgr.h"

#include "am/page/vecgraph_page.h"

void
vecgraph_pin_row(IndexScanDesc scan)
{
	IndexFetchHeapData *fetch = (IndexFetchHeapData *) scan->xs_heapfetch;
	Relation	heap = scan->heapRelation;
	BlockNumber block = ItemPointerGetBlockNumber(&scan->xs_heaptid);
	Buffer		buffer;

	if (fetch == NULL || heap->rd_tableam != GetHeapamTableAmRoutine())
		return;
	if (BufferIsValid(fetch->xs_cbuf))
	{
		BlockNumber last = BufferGetBlockNumber(fetch->xs_cbuf);

		if (last == block)
			return;
		vecgraph_note_recent_row(heap, last, fetch->xs_cbuf);
	}
	buffer = vecgraph_pin_recent_row(heap, block);
	if (!BufferIsValid(buffer))
		return;
	if (BufferIsValid(fetch->xs_cbuf))
		ReleaseBuffer(fetch->xs_cbuf);
	fetch->xs_cbuf = buffer;
	/* what the heap does with a page that it has looked up */
	pgstat_count_buffer_read(heap);
	pgstat_count_buffer_hit(heap);
	heap_page_prune_opt(heap, buffer);
}
