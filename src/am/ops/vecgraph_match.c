/*
 * vecgraph_match.c: the nodes whose signatures pass a filter.
 *
 * Signatures are read in the cache, where each column of a run's lies in one piece, else from code pages. Unlike a code, which only
 * estimates, a signature that is wrong would lose a row: a chunk of the cache may go to another index while it is read, so it is
 * looked at again afterwards. That a page or a chunk changes meanwhile does no harm: all rows that the snapshot sees were in the index
 * when the scan began, and the cache has followed the log since; as long as one of them is there the signature of its node stays what
 * it is, to the bit.
 */
#include "am/ops/vecgraph_ops.h"

#include "miscadmin.h"

#include "pg/vecidx_fault.h"

/* So many blocks are looked at to guess how many nodes pass. */
#define SAMPLE_BLOCKS 64

/* Signatures of consecutive nodes, column by column. */
typedef struct Stretch
{
	VxNodeId	first;
	uint32		count;
	const uint8 *column[VX_MAX_FILTERS];
	uint32		chunk;			/* of the cache, that they are in; or VECGRAPH_NO_CHUNK: they are a copy */
	uint32		run;
} Stretch;

/*
 * How many nodes from one on have their signatures in one piece: in a chunk of the cache, whose runs know nothing of pages, or on a code
 * page. It is the same whether the chunk is there or must be copied, so that nothing is asked for twice.
 */
static uint32
stretch_count(const VecGraphIndex *index, VxNodeId first)
{
	uint32		left = index->id_bound - first;

	if (index->codes != NULL)
	{
		const VecGraphCacheView *view = &index->codes->view;

		return Min(left, view->ids_per_chunk - (first - vecgraph_cache_run(view, first) * view->ids_per_chunk));
	}
	return Min(left, vx_code_stretch(&index->geometry, first));
}

/* Copies signatures from their pages. */
static void
copy_stretch(VecGraphMatcher *matcher, Stretch *stretch)
{
	const VxGeometry *g = &matcher->index->geometry;
	VecGraphDigestParts parts = {0};
	Size		size = 0;

	for (uint32 i = 0; i < g->filter_count; i++)
		size += (Size) stretch->count * g->filter_width[i];
	if (size > matcher->copy_size)
	{
		matcher->copy = vx_resize(&matcher->index->mem, matcher->copy, size);
		matcher->copy_size = size;
	}
	size = 0;
	for (uint32 i = 0; i < g->filter_count; i++)
	{
		parts.part[1 + i] = matcher->copy + size;
		stretch->column[i] = matcher->copy + size;
		size += (Size) stretch->count * g->filter_width[i];
	}
	stretch->chunk = VECGRAPH_NO_CHUNK;
	vecgraph_read_digests(matcher->index, stretch->first, stretch->count, &parts);
}

/* Finds signatures in the cache, if they can be had there. */
static bool
find_stretch(VecGraphIndex *index, Stretch *stretch)
{
	VecGraphCacheView *view = index->codes != NULL ? &index->codes->view : NULL;
	uint32		place;

	if (view == NULL || (vecgraph_cache_code(view, stretch->first) == NULL
						 && vecgraph_cache_fetch(view, stretch->first, vecgraph_read_digests, index) == NULL))
		return false;
	/* the chunk is noted: the same one must have the run still when its signatures have been read */
	stretch->run = vecgraph_cache_run(view, stretch->first);
	stretch->chunk = view->chunks[stretch->run];
	place = stretch->first - stretch->run * view->ids_per_chunk;
	for (uint32 i = 0; i < index->geometry.filter_count; i++)
		stretch->column[i] = vecgraph_cache_part(view, stretch->chunk, 1 + i) + (Size) place * index->geometry.filter_width[i];
	return true;
}

/* Which of up to VX_FILTER_BLOCK signatures pass, from a place in the stretch on. */
static uint64
match_block(const VecGraphMatcher *matcher, const Stretch *stretch, uint32 place, uint32 n)
{
	const VxGeometry *g = &matcher->index->geometry;
	const void *columns[VX_MAX_FILTERS];
	uint64		copies[VX_MAX_FILTERS][VX_FILTER_BLOCK];

	for (uint32 i = 0; i < g->filter_count; i++)
	{
		columns[i] = stretch->column[i] + (Size) place * g->filter_width[i];
		/* a whole block is read in any case, and what lies behind these may not be ours: absent nodes then */
		if (n < VX_FILTER_BLOCK)
		{
			memset(copies[i], 0, sizeof(copies[i]));
			columns[i] = memcpy(copies[i], columns[i], n * g->filter_width[i]);
		}
	}
	return vx_filter_block(matcher->filter, columns, n);
}

/* Finds the nodes of a stretch that pass: ids [stretch->count]. Returns how many. */
static uint32
match_stretch(const VecGraphMatcher *matcher, const Stretch *stretch, VxNodeId *ids)
{
	uint32		found = 0;

	for (uint32 place = 0; place < stretch->count; place += VX_FILTER_BLOCK)
	{
		uint64		passed = match_block(matcher, stretch, place, Min(VX_FILTER_BLOCK, stretch->count - place));

		if (place == 0 && stretch->count > VX_FILTER_BLOCK)
			VECIDX_FAULT_POINT("match-begun");
		for (; passed != 0; passed &= passed - 1)
			ids[found++] = stretch->first + place + (uint32) __builtin_ctzll(passed);
	}
	return found;
}

/*
 * The same, wherever the signatures are. A chunk that goes to another index loses its owner before anything is written to it; so if the
 * owner is what it was, behind the reading, all that was read was this run's. Otherwise the pages say it, under their locks.
 */
static uint32
match_nodes(VecGraphMatcher *matcher, VxNodeId first, uint32 count, VxNodeId *ids)
{
	Stretch		stretch = {.first = first,.count = count};

	if (find_stretch(matcher->index, &stretch))
	{
		uint32		found = match_stretch(matcher, &stretch, ids);

		if (vecgraph_cache_has_run(&matcher->index->codes->view, stretch.chunk, stretch.run))
			return found;
	}
	copy_stretch(matcher, &stretch);
	return match_stretch(matcher, &stretch, ids);
}

void
vecgraph_match_begin(VecGraphMatcher *matcher, VecGraphIndex *index, const VxFilter *filter)
{
	matcher->index = index;
	matcher->filter = filter;
}

double
vecgraph_match_share(VecGraphMatcher *matcher)
{
	uint32		bound = matcher->index->id_bound;
	VxNodeId	ids[VX_FILTER_BLOCK];
	uint64		found = 0;
	uint64		seen = 0;

	/* from all over: neighbours are alike, as rows that came together or, after a build, vectors that are near each other */
	for (uint32 i = 0; i < SAMPLE_BLOCKS; i++)
	{
		VxNodeId	first = (VxNodeId) ((uint64) bound * i / SAMPLE_BLOCKS);
		uint32		count = Min(VX_FILTER_BLOCK, stretch_count(matcher->index, first));

		found += match_nodes(matcher, first, count, ids);
		seen += count;
	}
	return seen == 0 ? 0 : (double) found / seen;
}

/*
 * VACUUM may have taken away rows that a snapshot sees which is too old, and cleared their signatures: then this scan will not come to
 * their pages, which would tell. But the log of codes has changed with each signature, in the same record.
 */
static void
test_for_old_snapshot(VecGraphIndex *index)
{
	Buffer		buffer;

	if (index->snapshot == NULL)
		return;
	buffer = vecgraph_pin_code_log(index);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	vecidx_test_for_old_snapshot(index->snapshot, index->relation, BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
}

void
vecgraph_match_all(VecGraphMatcher *matcher, void (*take) (void *context, const VxNodeId *ids, uint32 n), void *context)
{
	VecGraphIndex *index = matcher->index;
	VxNodeId   *ids = NULL;
	uint32		room = 0;
	uint32		count;

	/* ids beyond the bound, should the index have grown since it was asked for, are of rows that the snapshot does not see */
	for (VxNodeId first = 0; first < index->id_bound; first += count)
	{
		CHECK_FOR_INTERRUPTS();
		count = stretch_count(index, first);
		if (count > room)
		{
			ids = vx_resize_array(&index->mem, ids, count, sizeof(VxNodeId));
			room = count;
		}
		take(context, ids, match_nodes(matcher, first, count, ids));
	}
	vx_free(&index->mem, ids);
	test_for_old_snapshot(index);
}

bool
vecgraph_matches(VecGraphMatcher *matcher, VxNodeId id)
{
	VxNodeId	found;

	return match_nodes(matcher, id, 1, &found) > 0;
}
