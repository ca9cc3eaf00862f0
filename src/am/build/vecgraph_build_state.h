/*
 * vecgraph_build_state.h: what the files of CREATE INDEX share, and they alone: the state of a build, in parts, and per file what
 * others call.
 *
 * Who calls whom: vecgraph_build.c calls the steps scan, load, fit, order, link, write and insert; scanning calls load; loading
 * calls fit, order and write, and puts the rest aside; linking calls write; inserting takes the rest. Arena, queue and workers
 * know of no build and have headers of their own.
 *
 * Memory: what a build keeps is in VecGraphBuild.context, or in shared memory (vecgraph_arena.h): points, edges, codes and,
 * when workers link, heap TIDs and chains. The leader alone allocates there, and in the state; a worker has a context of its
 * own. While rows are read the current context is that of one row, and is reset after it. Peaks are counted in
 * vecgraph_build_load.c.
 *
 * All functions may raise errors of memory, and of reading and writing the index; others are named. No page is locked on entry or
 * return.
 */
#ifndef VECGRAPH_BUILD_STATE_H
#define VECGRAPH_BUILD_STATE_H

#include "am/ops/vecgraph_ops.h"

#include "commands/progress.h"

#include "am/build/vecgraph_arena.h"
#include "graph/vx_build.h"
#include "graph/vx_order.h"

/* Steps in pg_stat_progress_create_index. */
typedef enum VecGraphBuildStep
{
	VECGRAPH_STEP_LOADING = PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 1,
	VECGRAPH_STEP_LINKING,
	VECGRAPH_STEP_WRITING,
	VECGRAPH_STEP_INSERTING,
	VECGRAPH_STEP_TRAINING
} VecGraphBuildStep;

/* One build is like another: equal rows give equal graphs. */
#define VECGRAPH_BUILD_SEED 1

/* The part of the memory that finding the order of linking may take. */
#define VECGRAPH_ORDER_SHARE 16

/* ---- state ---- */

/* The build at large: what all steps know. It is there before the first row, but meta gets what fitting and linking find. */
typedef struct VecGraphBuild
{
	Relation	index;
	VecGraphColumns columns;
	VxMeta		meta;
	VxGeometry	geometry;
	VxSpace		space;
	bool		concurrent;		/* CREATE INDEX CONCURRENTLY: its locks are others */
	int			workers;		/* that may be started, 0: none */
	double		expected_rows;	/* a guess of what the heap has */
	Size		memory_limit;	/* bytes */
	MemoryContext context;
	VxMem		mem;			/* the same for algorithms */
} VecGraphBuild;

/* Heap TIDs of a node beyond its first: a list, newest first. */
typedef struct VecGraphBuildMoreTids
{
	VxHeapTid	tid;
	uint32		next;			/* position + 1 in VecGraphBuildNodes.more, 0 at the end */
} VecGraphBuildMoreTids;

typedef struct VecGraphBuildTids
{
	VxHeapTid	first;
	uint32		more;			/* position + 1 of the newest of the others */
	uint32		count;
} VecGraphBuildTids;

/* What is in memory of the nodes: loaded, put in order, linked, written. To be linked by workers it moves to the arena. */
typedef struct VecGraphBuildNodes
{
	VxMemStore	store;
	VecGraphBuildTids *tids;	/* [tids_capacity], by id */
	uint64	   *signatures;		/* [tids_capacity][filter_count], by id; NULL without filter columns */
	uint32		tids_capacity;
	VecGraphBuildMoreTids *more;
	uint32		more_count;
	uint32		more_capacity;
} VecGraphBuildNodes;

/* The signature [filter_count] of a node; NULL without filter columns. */
static inline uint64 *
vecgraph_build_signature(const VecGraphBuild *build, const VecGraphBuildNodes *nodes, VxNodeId id)
{
	return nodes->signatures == NULL ? NULL : nodes->signatures + (Size) id * build->geometry.filter_count;
}

/* What codes are made with, once there is something to fit it to. */
typedef struct VecGraphBuildFit
{
	bool		done;
	VxPqCodebook *codebook;		/* that the index names; NULL: none */
	VxCodec		codec;			/* of the index; of VX_CODES_NONE if nodes get no codes, or none yet */
	const void *model;			/* for its pages: a codebook, this one or a trained one, or a mean; NULL: none */
	VxCodec    *link_codec;		/* where vectors are on pages: of the codes that the graph is linked by; else NULL */
	VxCodec		own_link_codec; /* it, where those of the index are too coarse */
} VecGraphBuildFit;

/* In which order nodes are linked. */
typedef struct VecGraphBuildOrder
{
	bool		done;
	VxOrder		order;			/* its depth is 0 where there are few points, or memory is very short: then there is no order */
	uint32	   *keys;			/* where vectors are on pages: places in it, [tids_capacity] by id; else NULL */
} VecGraphBuildOrder;

/* Where the heap TIDs of a node are that do not fit it. */
typedef struct VecGraphBuildChain
{
	VxNodeId	node;
	VxNodeId	first;			/* id of the first of its slots, which follow each other */
} VecGraphBuildChain;

/* What is known of the pages of the index before they are written, to all who write; everyone has a copy. */
typedef struct VecGraphBuildPages
{
	bool		points_placed;	/* vectors are on their pages, not in memory */
	bool		codes_placed;	/* the codes of the index, too, if nodes get any, since the graph is linked by others */
	bool		log_later;		/* pages are not logged as they are written */
	const void *model;			/* of the codes of the index, NULL: none; only the leader writes it */
	BlockNumber made;			/* blocks, when vectors were placed */
	BlockNumber extended;		/* blocks that the index has, as far as is known here */

	/* from vecgraph_build_plan_pages on */
	uint32		ids;			/* slots that the index will have, of nodes and of chains */
	BlockNumber planned;		/* blocks that it will have */
	BlockNumber tail;			/* the first of those with slots of chains; planned if there are none */
	uint32		chain_count;
	VecGraphBuildChain *chains; /* [chain_count] by node; to be linked by workers it moves to the arena */
} VecGraphBuildPages;

/* Rows that memory has no room for; of vecgraph_build_rest.c alone. */
typedef struct VecGraphBuildRest VecGraphBuildRest;

/* What loading leaves to the steps after it. */
typedef struct VecGraphBuildLoaded
{
	VecGraphArena *arena;		/* NULL: no workers */
	VecGraphBuildNodes nodes;
	VecGraphBuildFit fit;
	VecGraphBuildOrder order;
	VecGraphBuildPages pages;
	VecGraphBuildRest *rest;	/* NULL: there is none */
} VecGraphBuildLoaded;

/* The lock that whoever builds holds on the index. */
static inline LOCKMODE
vecgraph_build_index_lock(bool concurrent)
{
	return concurrent ? RowExclusiveLock : AccessExclusiveLock;
}

/* The one on the table. */
static inline LOCKMODE
vecgraph_build_heap_lock(bool concurrent)
{
	return concurrent ? ShareUpdateExclusiveLock : ShareLock;
}

/* ---- vecgraph_build_load.c ---- */

/* Rows on their way into memory. */
typedef struct VecGraphBuildLoad VecGraphBuildLoad;

/*
 * Gets ready to fill in loaded, of which fit.codebook is set and all else is zero. If there may be workers, there is an arena.
 */
extern VecGraphBuildLoad *vecgraph_build_load_begin(VecGraphBuild *build, VecGraphBuildLoaded *loaded);

/* So many bytes of the build's memory are others' from now on. */
extern void vecgraph_build_load_reserve(VecGraphBuildLoad *load, Size bytes);

/* Takes in a row; may fit codes and put vectors on pages to make room. */
extern void vecgraph_build_load_row(VecGraphBuildLoad *load, VecGraphRow *row);

/* All rows are there: chooses the largest norm, and gives back what only loading needs. Returns their number. */
extern double vecgraph_build_load_end(VecGraphBuildLoad *load);

/* Gives back all that was loaded but fit and rest, arena included. */
extern void vecgraph_build_unload(VecGraphBuild *build, VecGraphBuildLoaded *loaded);

/* ---- vecgraph_build_scan.c ---- */

/*
 * Reads the heap, by workers, too, and loads each row that belongs into the index. Returns the heap's number of rows. Errors:
 * vectors of another dimension, those of expressions, and those of workers.
 */
extern double vecgraph_build_scan(VecGraphBuild *build, VecGraphBuildLoad *load, Relation heap, struct IndexInfo *info);

/* ---- vecgraph_build_fit.c ---- */

/*
 * Fits the mean or trains the codebook of the index to the points of a store, unless that was done. no_room: there are more, but
 * for memory.
 */
extern void vecgraph_build_fit(VecGraphBuild *build, const VxMemStore *store, VecGraphBuildFit *fit, bool no_room);

/* Chooses the codec for linking without vectors, and fits it to those that are still there; the index's must be fitted. */
extern void vecgraph_build_fit_link_codec(VecGraphBuild *build, const VxMemStore *store, VecGraphBuildFit *fit);

/* Everything is loaded: gives its store a codec if it is to have codes, fitted before, and the codec the largest norm. */
extern void vecgraph_build_fit_store(VecGraphBuild *build, VxMemStore *store, VecGraphBuildFit *fit, bool no_room);

/* ---- vecgraph_build_order.c ---- */

/* Makes the order of linking from the points of a store, unless that was done. */
extern void vecgraph_build_order_make(VecGraphBuild *build, VxMemStore *store, VecGraphBuildOrder *order);

/*
 * Puts the nodes in it, when all are loaded. Points get other ids, so that what is linked in turn is near each other on pages,
 * too; codes, whose vectors are on pages already, keep theirs.
 */
extern void vecgraph_build_order_nodes(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildOrder *order);

/* ---- vecgraph_build_link.c ---- */

/*
 * Encodes the nodes, if their store has a codec, links and prunes them, notes the entries in meta, and writes the index but for
 * its tail; with workers if arena is not NULL and the server grants some. Errors: those of workers.
 */
extern void vecgraph_build_link(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages, VecGraphArena *arena);

/* ---- vecgraph_build_write.c ---- */

/* Puts the vector of a new node on its page, making pages as needed; its slot stays free. */
extern void vecgraph_build_place_point(VecGraphBuild *build, VecGraphBuildPages *pages, VxNodeId id, const VxPoint *point);

/* The same for its code; signatures stay in memory until nodes are written. */
extern void vecgraph_build_place_code(VecGraphBuild *build, VecGraphBuildPages *pages, VxNodeId id, const uint8 *code);

/* Fills an empty page of any kind. model: of the codes of the index, NULL: none. */
extern void vecgraph_build_init_page(const VxMeta *meta, const VxGeometry *geometry, const void *model, Page page, BlockNumber block);

/* Blocks to be written at once, and logged. */
#define VECGRAPH_WRITE_BATCH 64

/* Decides where everything goes, once all rows are loaded and ids are final. Errors: too many rows. */
extern void vecgraph_build_plan_pages(VecGraphBuild *build, const VecGraphBuildNodes *nodes, VecGraphBuildPages *pages);

/*
 * Writes blocks first to end - 1, and logs them unless the build does that in the end: of the head (meta page, models, log of codes;
 * entries are known, and nodes may be NULL), of the body, which begins at first_segment, or the whole tail, the slots of chains. Several
 * participants may write the body, each other blocks; after it comes the tail, since nodes take their first heap TIDs.
 */
extern void vecgraph_build_write(VecGraphBuild *build, VecGraphBuildNodes *nodes, VecGraphBuildPages *pages,
								 BlockNumber first, BlockNumber end);

/* ---- vecgraph_build_rest.c ---- */

/* Gets ready to take rows that memory has no room for. */
extern VecGraphBuildRest *vecgraph_build_rest_begin(VecGraphBuild *build);

/* Takes such a row. */
extern void vecgraph_build_rest_put(VecGraphBuildRest *rest, const VecGraphRow *row);

/* How many rows it has taken. */
extern uint64 vecgraph_build_rest_count(const VecGraphBuildRest *rest);

/* Finds the order of those rows, and sorts them, with all memory of the build but what a queue takes. */
extern void vecgraph_build_rest_sort(VecGraphBuild *build, VecGraphBuildRest *rest);

/* The next of the sorted rows, valid until the next call; false at the end. */
extern bool vecgraph_build_rest_next(VecGraphBuildRest *rest, VecGraphRow *row);

/* Gives back what the sorted rows take. */
extern void vecgraph_build_rest_end(VecGraphBuildRest *rest);

/* ---- vecgraph_build_insert.c ---- */

/*
 * Inserts the rest into the pages of the index, when the others are there, by workers, too; then logs the whole. Errors: those of
 * workers.
 */
extern void vecgraph_build_insert(VecGraphBuild *build, VecGraphBuildRest *rest);

#endif							/* VECGRAPH_BUILD_STATE_H */
