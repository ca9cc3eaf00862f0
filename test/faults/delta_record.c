/*
 * delta_record.c: vecidx_test_delta(index regclass, rounds int, seed int) returns text: makes random changes of pages of an index by
 * vecgraph_delta_finish and by GenericXLog, and compares the pages and the WAL records, which are to be the same to the byte, and what
 * replay would make of them. Returns what differs, or NULL. Only in the library of `make FAULTS=1`.
 *
 * The bytes that it writes are no index, but each page is afterwards what it was. full_page_writes must be off, and nobody else may use
 * the index.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "access/xlogreader.h"
#include "access/xlogutils.h"
#include "utils/builtins.h"

#include "core/vx_rng.h"

/* A change: of some pages, and some parts of each. */
typedef struct Part
{
	int			page;
	int			offset;
	int			bytes;
	char		wanted[BLCKSZ];
} Part;

typedef struct Trial
{
	VecGraphIndex index;
	VxRng		rng;
	int			page_count;
	int			part_count;
	Buffer		buffers[VECGRAPH_DELTA_PAGES];
	PGAlignedBlock before[VECGRAPH_DELTA_PAGES];
	PGAlignedBlock after[VECGRAPH_DELTA_PAGES];
	Part		parts[VECGRAPH_DELTA_RANGES];
	Size		image_bytes;
} Trial;

/* What a record has of each page. */
typedef struct Record
{
	XLogRecPtr	start;
	Size		bytes[VECGRAPH_DELTA_PAGES];
	char		data[VECGRAPH_DELTA_PAGES][2 * BLCKSZ];
} Record;

/* A part from an offset on, before an end, that keeps some of what is there, if it fits the change. Returns where it ends. */
static int
choose_part(Trial *trial, int page, int offset, int end)
{
	static const int longest[] = {4, 8, 32, 300, BLCKSZ};
	static const int gaps[] = {1, 3, 6, 12, 2000};
	Part	   *part = &trial->parts[trial->part_count];
	int			change = (int) vx_rng_below(&trial->rng, 5);
	int			bytes;

	offset += (int) vx_rng_below(&trial->rng, (uint32) gaps[vx_rng_below(&trial->rng, lengthof(gaps))]);
	bytes = 1 + (int) vx_rng_below(&trial->rng, (uint32) longest[vx_rng_below(&trial->rng, lengthof(longest))]);
	if (offset + bytes > end)
		bytes = end - offset;
	if (bytes <= 0 || trial->part_count == VECGRAPH_DELTA_RANGES
		|| trial->image_bytes + bytes + 2 * MAXIMUM_ALIGNOF > VECGRAPH_DELTA_BYTES)
		return end;
	part->page = page;
	part->offset = offset;
	part->bytes = bytes;
	memcpy(part->wanted, trial->before[page].data + offset, bytes);
	/* from nothing to nearly each byte */
	for (int i = 0; i < bytes; i++)
		if (change > 0 && vx_rng_below(&trial->rng, 1 + (uint32) (change * change)) == 0)
			part->wanted[i] ^= (char) (1 + vx_rng_below(&trial->rng, 255));
	trial->part_count++;
	trial->image_bytes += bytes + 2 * MAXIMUM_ALIGNOF;
	return offset + bytes;
}

/* Locks random pages, in order, and chooses what is to change there; perhaps nothing. */
static void
choose_change(Trial *trial)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(trial->index.relation);
	BlockNumber block = vx_rng_below(&trial->rng, blocks);

	trial->page_count = trial->part_count = 0;
	trial->image_bytes = 0;
	while (block < blocks && trial->page_count < VECGRAPH_DELTA_PAGES && trial->part_count < VECGRAPH_DELTA_RANGES)
	{
		int			page = trial->page_count++;
		PageHeader	header;
		int			chosen = trial->part_count;

		trial->buffers[page] = vecgraph_read_and_lock(trial->index.relation, block, NULL, BUFFER_LOCK_EXCLUSIVE);
		header = (PageHeader) BufferGetPage(trial->buffers[page]);
		memcpy(trial->before[page].data, header, BLCKSZ);
		/* near the end of what is in use, too */
		for (int at = vx_rng_below(&trial->rng, 4) > 0 ? SizeOfPageHeaderData : header->pd_lower - 12; at < header->pd_lower;)
			at = vx_rng_below(&trial->rng, 6) == 0 ? header->pd_lower : choose_part(trial, page, at, header->pd_lower);
		if (vx_rng_below(&trial->rng, 2) == 0 || trial->part_count == chosen)
			choose_part(trial, page, header->pd_upper, BLCKSZ);
		if (trial->part_count == chosen)
		{
			UnlockReleaseBuffer(trial->buffers[page]);
			trial->page_count--;
			break;
		}
		block += 1 + vx_rng_below(&trial->rng, 8);
	}
}

static void
release(Trial *trial)
{
	for (int i = 0; i < trial->page_count; i++)
		UnlockReleaseBuffer(trial->buffers[i]);
}

/* Makes the change. */
static XLogRecPtr
make_change(Trial *trial, void (*finish) (VecGraphDelta *delta))
{
	VecGraphDelta delta;

	vecgraph_delta_start(&delta, &trial->index);
	for (int i = 0; i < trial->part_count; i++)
	{
		const Part *part = &trial->parts[i];
		Buffer		buffer = trial->buffers[part->page];
		char	   *image = vecgraph_delta_image(&delta, buffer, BufferGetPage(buffer) + part->offset, part->bytes);

		if ((uintptr_t) image % MAXIMUM_ALIGNOF != part->offset % MAXIMUM_ALIGNOF)
			elog(ERROR, "an image is not aligned as its part");
		memcpy(image, part->wanted, part->bytes);
	}
	finish(&delta);
	return ProcLastRecPtr;
}

/* Makes pages what they were before. */
static void
undo(Trial *trial)
{
	VecGraphChange change = vecgraph_change_start(&trial->index);

	for (int i = 0; i < trial->page_count; i++)
	{
		Page		page = vecgraph_change_page(change, trial->buffers[i], 0);

		memcpy(page + SizeOfPageHeaderData, trial->before[i].data + SizeOfPageHeaderData, BLCKSZ - SizeOfPageHeaderData);
	}
	vecgraph_change_finish(change);
}

/* Whether a page is the same as a copy, but for where its last record is, and a checksum. */
static bool
is_same(Page page, const char *copy)
{
	Size		from = offsetof(PageHeaderData, pd_flags);

	return memcmp(page + from, copy + from, BLCKSZ - from) == 0;
}

/* Reads the data of a record, which is a generic one of this change's pages. */
static void
read_record(const Trial *trial, XLogReaderState *reader, Record *record)
{
	char	   *message = NULL;

	XLogBeginRead(reader, record->start);
	if (XLogReadRecord(reader, &message) == NULL)
		elog(ERROR, "no WAL record: %s", message != NULL ? message : "?");
	if (XLogRecGetRmid(reader) != RM_GENERIC_ID || XLogRecGetInfo(reader) != 0 || XLogRecGetDataLen(reader) != 0)
		elog(ERROR, "the record is not a generic one");
	for (int i = 0; i < trial->page_count; i++)
	{
		BlockNumber block;
		char	   *data;

		if (!XLogRecHasBlockRef(reader, i))
			elog(ERROR, "the record is of fewer pages");
		XLogRecGetBlockTag(reader, i, NULL, NULL, &block);
		if (block != BufferGetBlockNumber(trial->buffers[i]))
			elog(ERROR, "the record is not of this page");
		if (XLogRecHasBlockImage(reader, i))
			elog(ERROR, "full_page_writes is not off");
		data = XLogRecGetBlockData(reader, i, &record->bytes[i]);
		if (record->bytes[i] > sizeof(record->data[i]))
			elog(ERROR, "a record of %zu bytes for a page", record->bytes[i]);
		if (data != NULL)
			memcpy(record->data[i], data, record->bytes[i]);
	}
	if (XLogRecHasBlockRef(reader, trial->page_count))
		elog(ERROR, "the record is of more pages");
}

/* What generic_redo makes of a page. */
static void
replay(char *page, const char *data, Size bytes)
{
	for (const char *next = data; next < data + bytes;)
	{
		OffsetNumber header[2];

		memcpy(header, next, sizeof(header));
		memcpy(page + header[0], next + sizeof(header), header[1]);
		next += sizeof(header) + header[1];
	}
	memset(page + ((PageHeader) page)->pd_lower, 0, ((PageHeader) page)->pd_upper - ((PageHeader) page)->pd_lower);
}

/* Whether both records are the same, and make of the pages before what is there afterwards. */
static const char *
compare_records(Trial *trial, const Record *server, const Record *own)
{
	for (int i = 0; i < trial->page_count; i++)
	{
		if (server->bytes[i] != own->bytes[i] || memcmp(server->data[i], own->data[i], own->bytes[i]) != 0)
			return "the record is not that of GenericXLogFinish";
		replay(trial->before[i].data, own->data[i], own->bytes[i]);
		if (!is_same(trial->after[i].data, trial->before[i].data))
			return "replay makes another page";
	}
	return NULL;
}

static const char *
try_change(Trial *trial, XLogReaderState *reader, Record *server, Record *own)
{
	const char *broken = NULL;

	do
		choose_change(trial);
	while (trial->page_count == 0);
	server->start = make_change(trial, vecgraph_delta_finish_by_images);
	for (int i = 0; i < trial->page_count; i++)
		memcpy(trial->after[i].data, BufferGetPage(trial->buffers[i]), BLCKSZ);
	undo(trial);
	own->start = make_change(trial, vecgraph_delta_finish);
	for (int i = 0; i < trial->page_count; i++)
		if (!is_same(BufferGetPage(trial->buffers[i]), trial->after[i].data)
			|| PageGetLSN(BufferGetPage(trial->buffers[i])) != XactLastRecEnd)
			broken = "the page is another one";
	undo(trial);
	XLogFlush(XactLastRecEnd);
	read_record(trial, reader, server);
	read_record(trial, reader, own);
	release(trial);
	return broken != NULL ? broken : compare_records(trial, server, own);
}

VECIDX_SQL_FUNCTION(vecidx_test_delta);

Datum
vecidx_test_delta(PG_FUNCTION_ARGS)
{
	int			rounds = PG_GETARG_INT32(1);
	Relation	heap;
	Relation	index = vecgraph_open_index_and_table(PG_GETARG_OID(0), RowExclusiveLock, ShareUpdateExclusiveLock, &heap);
	Trial	   *trial = palloc0(sizeof(Trial));
	Record	   *records = palloc(2 * sizeof(Record));
	XLogReaderState *reader = XLogReaderAllocate(wal_segment_size, NULL,
												 XL_ROUTINE(.page_read = &read_local_xlog_page,
															.segment_open = &wal_segment_open,
															.segment_close = &wal_segment_close), NULL);
	const char *broken = NULL;

	vecgraph_index_open(&trial->index, index, CurrentMemoryContext);
	trial->rng.state = (uint64) PG_GETARG_INT32(2);
	for (int i = 0; i < rounds && broken == NULL; i++)
		broken = try_change(trial, reader, &records[0], &records[1]);
	XLogReaderFree(reader);
	relation_close(index, NoLock);
	relation_close(heap, NoLock);
	if (broken == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(broken));
}
