/*
 * vecgraph_build.h: what the files of CREATE INDEX share: vecgraph_build.c (the whole, linking), vecgraph_build_load.c (rows
 * into memory), vecgraph_build_write.c (pages).
 */
#ifndef VECGRAPH_BUILD_H
#define VECGRAPH_BUILD_H

#include "am/vecgraph.h"

#include "am/vecgraph_parallel.h"

/* Where vectors are while the graph is linked. Each needs less memory than the one before. */
typedef enum BuildRegime
{
	BUILD_POINTS,				/* in memory */
	BUILD_CODES,				/* on their pages; the graph is linked in memory by their codes */
	BUILD_PAGES					/* on their pages, and so is the graph: rows are inserted one by one */
} BuildRegime;

/* Heap TIDs of a node beyond its first: a list, newest first. */
typedef struct MoreTids
{
	VxHeapTid	tid;
	uint32		next;			/* position + 1 in VecGraphBuild.more, 0 at the end */
} MoreTids;

typedef struct NodeTids
{
	VxHeapTid	first;
	uint32		more;			/* position + 1 of the newest of the others */
	uint32		count;
} NodeTids;

typedef struct VecGraphBuild
{
	Relation	index;
	VxMeta		meta;
	VxGeometry	geometry;
	MemoryContext context;		/* of everything below */
	MemoryContext row_context;
	VxMem		mem;
	Size		memory_limit;	/* bytes */
	BuildRegime regime;

	/* loading */
	VxSpace		space;
	VxMemStore	store;
	int			workers;
	VecGraphParallel *parallel;	/* NULL: no workers */
	NodeTids   *tids;			/* [tids_capacity], by node id */
	uint32		tids_capacity;
	MoreTids   *more;
	uint32		more_count;
	uint32		more_capacity;
	uint32	   *twins;			/* open hash table of node id + 1 */
	uint32		twins_mask;
	double		index_tuples;

	/* codes, once there is something to fit them to */
	bool		fitted;
	VxCodec		codec;			/* of the index */
	VxPqCodebook *codebook;		/* NULL for untrained codes */
	float	   *training_vector;	/* [dim] */

	/* BUILD_CODES and later */
	double		switched_after;	/* rows */
	VxCodec		own_link_codec;
	VxCodec    *link_codec;		/* of the codes that the graph is linked by: the index's or, where those are too coarse, own */
	uint8	   *code;			/* [link_codec->code_bytes] of the row at hand */
	uint8	   *index_code;		/* [meta.code_bytes] the same where the index has other codes */
	BlockNumber extended;		/* blocks that the index has */
	BlockNumber blocks;			/* pages made so far */
	bool		log_later;		/* pages are not logged as they are written */

	/* BUILD_PAGES */
	VecGraphStore pages;
	VxLinker	linker;
} VecGraphBuild;

/* ---- vecgraph_build.c ---- */

/* Fits the mean or trains the codebook of the index to the loaded points, unless that was done. */
extern void vecgraph_build_fit(VecGraphBuild *build);

/* Gives a codec of scalar codes the mean of the loaded points. */
extern void vecgraph_build_fit_mean(VecGraphBuild *build, VxCodec *codec);

/* ---- vecgraph_build_load.c ---- */

/* An empty store and table of twins; asks for shared memory if there are to be workers. */
extern void vecgraph_build_begin_load(VecGraphBuild *build);

/* Whether one more row would take more memory than there is, linking included. */
extern bool vecgraph_build_is_full(VecGraphBuild *build);

/* Adds a row: its vector, or just its heap TID if the vector is there already. */
extern void vecgraph_build_load(VecGraphBuild *build, const VxPoint *point, ItemPointer heap_tid);

/*
 * Goes from BUILD_POINTS to BUILD_CODES: moves the vectors to their pages and keeps codes. Returns false, having done nothing, if
 * that would not make enough room, or codes would be too coarse to link by.
 */
extern bool vecgraph_build_switch_to_codes(VecGraphBuild *build);

/* Gives back what loading and linking used. */
extern void vecgraph_build_free_memory(VecGraphBuild *build);

/* ---- vecgraph_build_write.c ---- */

/* Puts the vector of a new node on its page, making pages as needed; its slot stays free. */
extern void vecgraph_build_place_point(VecGraphBuild *build, VxNodeId id, const VxPoint *point);

/* The same for its code. */
extern void vecgraph_build_place_code(VecGraphBuild *build, VxNodeId id, const uint8 *code);

/*
 * An empty page of the codebook or of the two means: the first is model, fitted to what was loaded (NULL: none), the second for a
 * later fit.
 */
extern void vecgraph_build_fill_model_page(const VxGeometry *geometry, Page page, BlockNumber block, const void *model);

/* Writes the index as linked. */
extern void vecgraph_build_write(VecGraphBuild *build);

#endif							/* VECGRAPH_BUILD_H */
