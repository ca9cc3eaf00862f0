/*
 * vecgraph_delta.c: small changes of pages, and their WAL records.
 *
 * GenericXLog (src/backend/access/transam/generic_xlog.c of the server) copies each page before it is changed and compares all of it
 * afterwards. Whoever knows which bytes it changes needs neither: this file writes the very record that GenericXLogFinish would write,
 * byte for byte, from those alone. So replay is the server's own, without this library, and a server whose records are not known here
 * is left to GenericXLog.
 *
 * The record, the same from PostgreSQL 9.6 to 18 (VECIDX_KNOWS_GENERIC_RECORDS): of resource manager RM_GENERIC_ID, with info 0 and no main data. Each
 * page is registered as a standard one, without its hole, numbered as they came to the change. The data of a page are fragments, in the
 * order of the page:
 *
 *     OffsetNumber offset     of the first byte, in the page
 *     OffsetNumber length     in bytes
 *     length bytes            as they are to be
 *
 * A fragment begins and ends with a byte that differs. Up to FRAGMENT_HEADER bytes that are equal do not end it, unless the hole lies
 * between. Pages are changed and the record is made in one critical section, as by the server.
 */
#include "am/page/vecgraph_page.h"

#include "access/generic_xlog.h"
#include "access/xloginsert.h"
#include "miscadmin.h"

#define FRAGMENT_HEADER (2 * (int) sizeof(OffsetNumber))

/*
 * Fragments take no more bytes than images, but for a header, or as many equal bytes as that, in front of each part. Within a part a
 * header takes the place of more equal bytes than it has itself.
 */
#define RECORD_BYTES (VECGRAPH_DELTA_BYTES + VECGRAPH_DELTA_RANGES * FRAGMENT_HEADER)

StaticAssertDecl(VECGRAPH_DELTA_PAGES <= MAX_GENERIC_XLOG_PAGES, "a generic record has no more pages");

void
vecgraph_delta_start(VecGraphDelta *delta, const VecGraphIndex *index)
{
	delta->relation = index->relation;
	delta->building = index->building;
	delta->page_count = 0;
	delta->range_count = 0;
	delta->used = 0;
}

/* The number of a page in the change. */
static int
page_number(VecGraphDelta *delta, Buffer buffer)
{
	for (int i = 0; i < delta->page_count; i++)
		if (delta->pages[i] == buffer)
			return i;
	if (delta->page_count == VECGRAPH_DELTA_PAGES)
		elog(ERROR, "too many pages in a change of index \"%s\"", RelationGetRelationName(delta->relation));
	delta->pages[delta->page_count] = buffer;
	return delta->page_count++;
}

void *
vecgraph_delta_image(VecGraphDelta *delta, Buffer buffer, const void *part, Size bytes)
{
	Page		page = BufferGetPage(buffer);
	Size		offset = (const char *) part - (char *) page;
	Size		at = MAXALIGN(delta->used) + offset % MAXIMUM_ALIGNOF;	/* so that it is aligned alike */
	VecGraphDeltaRange *range;

	Assert(offset >= SizeOfPageHeaderData && offset + bytes <= BLCKSZ);
	Assert(offset + bytes <= ((PageHeader) page)->pd_lower || offset >= ((PageHeader) page)->pd_upper);
	if (delta->range_count == VECGRAPH_DELTA_RANGES || bytes > sizeof(delta->images) || at > sizeof(delta->images) - bytes)
		elog(ERROR, "too much in a change of index \"%s\"", RelationGetRelationName(delta->relation));
	range = &delta->ranges[delta->range_count];
	range->page = page_number(delta, buffer);
	range->offset = offset;
	range->bytes = bytes;
	range->image = delta->images.bytes + at;
	for (int i = delta->range_count - 1; i >= 0; i--)
		if (delta->ranges[i].page == range->page)
		{
			Assert(delta->ranges[i].offset + delta->ranges[i].bytes <= range->offset);
			break;
		}
	delta->range_count++;
	delta->used = at + bytes;
	memcpy(range->image, part, bytes);
	return range->image;
}

/* Where fragments of one page are written. */
typedef struct FragmentWriter
{
	char	   *next;
	char	   *header;			/* of the fragment that is not ended yet, or NULL */
	int			offset;			/* of its first byte, and of the byte behind its last */
	int			end;
} FragmentWriter;

/* Writes the header of the fragment that is being written, if any. */
static void
end_fragment(FragmentWriter *writer)
{
	OffsetNumber header[2] = {writer->offset, writer->end - writer->offset};

	if (writer->header != NULL)
		memcpy(writer->header, header, sizeof(header));
	writer->header = NULL;
}

/* Writes a run of bytes that differ, as a part of the last fragment if that is near. */
static void
write_run(FragmentWriter *writer, Page page, int offset, const char *bytes, int count)
{
	int			gap = offset - writer->end;
	bool		over_hole = writer->end <= ((PageHeader) page)->pd_lower && offset >= ((PageHeader) page)->pd_upper;

	if (writer->header != NULL && gap >= 0 && gap <= FRAGMENT_HEADER && !over_hole)
	{
		memcpy(writer->next, page + writer->end, gap);
		writer->next += gap;
	}
	else
	{
		end_fragment(writer);
		writer->header = writer->next;
		writer->next += FRAGMENT_HEADER;
		writer->offset = offset;
	}
	memcpy(writer->next, bytes, count);
	writer->next += count;
	writer->end = offset + count;
}

/* Words at a time, whichever way bytes are ordered in them; the last ones byte by byte. */
static inline uint64
word_at(const char *bytes)
{
	uint64		word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* The place from which on two stretches of so many bytes differ, or bytes. */
static int
skip_equal(const char *now, const char *image, int at, int bytes)
{
	while (at + (int) sizeof(uint64) <= bytes && word_at(now + at) == word_at(image + at))
		at += sizeof(uint64);
	while (at < bytes && now[at] == image[at])
		at++;
	return at;
}

/* The place from which on they are equal, or bytes. */
static int
skip_different(const char *now, const char *image, int at, int bytes)
{
	while (at + (int) sizeof(uint64) <= bytes)
	{
		uint64		difference = word_at(now + at) ^ word_at(image + at);

		/* has it a byte that is zero? (Mycroft) */
		if (((difference - UINT64CONST(0x0101010101010101)) & ~difference & UINT64CONST(0x8080808080808080)) != 0)
			break;
		at += sizeof(uint64);
	}
	while (at < bytes && now[at] != image[at])
		at++;
	return at;
}

/* Writes all that will differ on a page that is not changed yet to out; returns where that ends. */
static char *
write_fragments(const VecGraphDelta *delta, int number, char *out)
{
	Page		page = BufferGetPage(delta->pages[number]);
	FragmentWriter writer = {.next = out};

	for (int i = 0; i < delta->range_count; i++)
	{
		const VecGraphDeltaRange *range = &delta->ranges[i];
		const char *now = page + range->offset;
		int			at = 0;

		if (range->page != number)
			continue;
		while (at < range->bytes)
		{
			int			begin = skip_equal(now, range->image, at, range->bytes);

			at = skip_different(now, range->image, begin, range->bytes);
			if (at > begin)
				write_run(&writer, page, range->offset + begin, range->image + begin, at - begin);
		}
	}
	end_fragment(&writer);
	return writer.next;
}

bool
vecgraph_delta_has_room(const VecGraphDelta *delta, Size bytes)
{
	/* as vecgraph_delta_image aligns it */
	return delta->range_count < VECGRAPH_DELTA_RANGES && MAXALIGN(delta->used) + MAXIMUM_ALIGNOF + bytes <= sizeof(delta->images);
}

void
vecgraph_delta_finish(VecGraphDelta *delta)
{
	bool		logged = !delta->building && RelationNeedsWAL(delta->relation);
	char		record[RECORD_BYTES];
	char	   *fragments[VECGRAPH_DELTA_PAGES + 1];	/* of each page, up to where those of the next are */

	if (delta->range_count == 0)
		return;
	if (logged && !VECIDX_KNOWS_GENERIC_RECORDS)
	{
		vecgraph_delta_finish_by_images(delta);
		return;
	}
	fragments[0] = record;
	for (int i = 0; i < delta->page_count && logged; i++)
		fragments[i + 1] = write_fragments(delta, i, fragments[i]);
	if (logged)
		XLogBeginInsert();

	START_CRIT_SECTION();
	for (int i = 0; i < delta->range_count; i++)
	{
		const VecGraphDeltaRange *range = &delta->ranges[i];

		memcpy(BufferGetPage(delta->pages[range->page]) + range->offset, range->image, range->bytes);
	}
	for (int i = 0; i < delta->page_count; i++)
		MarkBufferDirty(delta->pages[i]);
	if (logged)
	{
		XLogRecPtr	lsn;

		for (int i = 0; i < delta->page_count; i++)
		{
			XLogRegisterBuffer(i, delta->pages[i], REGBUF_STANDARD);
			XLogRegisterBufData(i, fragments[i], fragments[i + 1] - fragments[i]);
		}
		lsn = XLogInsert(RM_GENERIC_ID, 0);
		for (int i = 0; i < delta->page_count; i++)
			PageSetLSN(BufferGetPage(delta->pages[i]), lsn);
	}
	END_CRIT_SECTION();
}

void
vecgraph_delta_finish_by_images(VecGraphDelta *delta)
{
	GenericXLogState *xlog = GenericXLogStart(delta->relation);

	for (int i = 0; i < delta->page_count; i++)
		GenericXLogRegisterBuffer(xlog, delta->pages[i], 0);
	for (int i = 0; i < delta->range_count; i++)
	{
		const VecGraphDeltaRange *range = &delta->ranges[i];

		memcpy(GenericXLogRegisterBuffer(xlog, delta->pages[range->page], 0) + range->offset, range->image, range->bytes);
	}
	GenericXLogFinish(xlog);
}
