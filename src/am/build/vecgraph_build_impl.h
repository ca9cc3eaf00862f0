/*
 * vecgraph_build_impl.h: what the files of CREATE INDEX share, for these alone: the state of a build, and per file what others call.
 */
#ifndef VECGRAPH_BUILD_IMPL_H
#define VECGRAPH_BUILD_IMPL_H

#include "am/ops/vecgraph_ops.h"

#include "commands/progress.h"
#include "utils/tuplestore.h"

#include "am/build/vecgraph_arena.h"
#include "am/build/vecgraph_build.h"
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

/*
 * Where vectors are while the graph is linked; the second needs less memory than the first. Rows that come when it, too, is full
 * are the rest, which is linked through the pages of the index.
 */
typedef enum BuildRegime
{
	BUILD_POINTS,				/* in memory */
	BUILD_CODES					/* on their pages; the graph is linked in memory by their codes */
} BuildRegime;

/* The part of the memory that finding the order of linking may take. */
#define VECGRAPH_ORDER_SHARE 16

/* One build is like another: equal rows give equal graphs. */
#define VECGRAPH_BUILD_SEED 1

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

/* Where a node is found by its vector. */
typedef struct Twin
{
	uint32		node;			/* id + 1, 0: free */
	uint32		hash;
} Twin;

/* Where the heap TIDs of a node are that do not fit it. */
typedef struct NodeChain
{
	VxNodeId	node;
	VxNodeId	first;			/* id of the first of its slots, which follow each other */
} NodeChain;

/* What is known of the pages of the index before they are written, to all who write. */
typedef struct BuildPages
{
	BlockNumber blocks;			/* made before, while vectors were placed */
	bool		codes_placed;	/* the codes of the index are on their pages, too */
	bool		log_later;		/* pages are not logged as they are written */
	uint32		ids;			/* slots that the index will have, of nodes and of chains */
	uint32		chain_count;
	BlockNumber planned;		/* blocks that the index will have */
	BlockNumber tail;			/* the first of those with slots of chains; planned if there are none */
} BuildPages;

typedef struct VecGraphBuild
{
	Relation	index;
	VxMeta		meta;
	VxGeometry	geometry;
	MemoryContext context;		/* of everything below */
	VxMem		mem;
	Size		memory_limit;	/* bytes */
	bool		concurrent;		/* CREATE INDEX CONCURRENTLY: its locks are others */
	BuildRegime regime;

	/* loading */
	double		expected_rows;	/* a guess of what the heap has */
	VxSpace		space;
	VxMemStore	store;
	int			workers;
	Size		queue_bytes;	/* of what other processes have read and this one has not taken in */
	VecGraphArena *arena;		/* NULL: no workers */
	NodeTids   *tids;			/* [tids_capacity], by node id */
	uint32		tids_capacity;
	MoreTids   *more;
	uint32		more_count;
	uint32		more_capacity;
	Twin	   *twins;			/* open hash table [twins_mask + 1] */
	uint32		twins_mask;
	double		index_tuples;
	VxRobustSum *norms;			/* squared norms of the nodes; NULL but for inner product */

	/* codes, once there is something to fit them to */
	bool		fitted;
	bool		untrained;		/* there were too few vectors to train codes from: nodes get none yet */
	VxCodec		codec;			/* of the index */
	VxPqCodebook *codebook;		/* NULL for untrained codes */
	float	   *training_vector;	/* [dim] */

	/* linking */
	bool		has_order;
	VxOrder		order;			/* of what is in memory; its depth is 0 where there are few points, or memory is very short */
	NodeTids	tids_aside;		/* places for one node while they are put in order */
	VxPoint    *point_aside;

	/* BUILD_CODES */
	uint32	   *keys;			/* [tids_capacity], by node id: places in the order */
	double		switched_after; /* rows */
	VxCodec		own_link_codec;
	VxCodec    *link_codec;		/* of the codes that the graph is linked by: the index's or, where those are too coarse, own */
	uint8	   *code;			/* [link_codec->code_bytes] of the row at hand */
	uint8	   *index_code;		/* [meta.code_bytes] the same where the index has other codes */

	/* writing */
	BlockNumber extended;		/* blocks that the index has, as far as is known here */
	BuildPages	pages;
	NodeChain  *chains;			/* [pages.chain_count] by node */

	/* rows that memory has no room for: they are inserted into the pages, one by one */
	Tuplestorestate *rest;		/* NULL: there are none */
	TupleTableSlot *rest_slot;
	uint64		rest_rows;
} VecGraphBuild;

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

/* ---- vecgraph_build_scan.c ---- */

/*
 * Reads the heap, and has each row that belongs into the index taken in. Returns its number of rows. Errors: vectors of another
 * dimension, and those of expressions.
 */
extern double vecgraph_build_scan(VecGraphBuild *build, Relation heap, struct IndexInfo *info);

/* ---- vecgraph_build_load.c ---- */

/* An empty store and table of twins; asks for shared memory if there are to be workers. */
extern void vecgraph_build_begin_load(VecGraphBuild *build);

/* Takes in a row. What it allocates in the current context is not needed after it. */
extern void vecgraph_build_take(VecGraphBuild *build, VecGraphRow *row);

/* No more rows will be loaded: gives back what only loading needs. */
extern void vecgraph_build_end_load(VecGraphBuild *build);

/* Gives back what linking used. */
extern void vecgraph_build_free_memory(VecGraphBuild *build);

/* ---- vecgraph_build_fit.c ---- */

/* Fits the mean or trains the codebook of the index to the loaded points, unless that was done. no_room: there are more, but for memory. */
extern void vecgraph_build_fit(VecGraphBuild *build, bool no_room);

/* Gives a codec of scalar codes the mean of the loaded points. */
extern void vecgraph_build_fit_mean(VecGraphBuild *build, VxCodec *codec);

/* The codec that the store's codes are of, with the largest norm that it now knows; NULL if it has none. Fits it before, if need be. */
extern const VxCodec *vecgraph_build_prepare_codec(VecGraphBuild *build);

/* ---- vecgraph_build_order.c ---- */

/* Makes the order of linking from the loaded points, unless that was done. */
extern void vecgraph_build_make_order(VecGraphBuild *build);

/* The place of a vector, whose hash is given, in the order of linking what is in memory. */
static inline uint32
vecgraph_build_key(const VecGraphBuild *build, const VxPoint *point, uint32 hash)
{
	return vx_order_key(&build->order, point, hash);
}

/* Gives the loaded points other ids: those in whose order they are best linked, and that are near each other on pages, too. */
extern void vecgraph_build_order_points(VecGraphBuild *build);

/* ---- vecgraph_build_link.c ---- */

/*
 * Encodes what is loaded, if its store has a codec, links and prunes it, and writes the index but for its tail; with workers where
 * there can be any. model [model_bytes]: the codebook, or the mean (NULL: zero), of the codec that codes in memory are of. May move
 * tids, more and chains of the build to shared memory. Errors: those of the workers.
 */
extern void vecgraph_build_link(VecGraphBuild *build, const void *model, Size model_bytes);

/* ---- vecgraph_build_write.c ---- */

/* Puts the vector of a new node on its page, making pages as needed; its slot stays free. */
extern void vecgraph_build_place_point(VecGraphBuild *build, VxNodeId id, const VxPoint *point);

/* The same for its code. */
extern void vecgraph_build_place_code(VecGraphBuild *build, VxNodeId id, const uint8 *code);

/*
 * A page between the meta page and the first segment: of the codebook or of the two means, of which the first is model, fitted to what
 * was loaded (NULL: none), the second for a later fit; or the empty log of codes.
 */
extern void vecgraph_build_fill_head_page(const VxGeometry *geometry, Page page, BlockNumber block, const void *model);

/* Blocks to be written at once, and logged. */
#define VECGRAPH_WRITE_BATCH 64

/* Decides where everything goes, once all rows are loaded and ids are final. Errors: too many rows. */
extern void vecgraph_build_plan_pages(VecGraphBuild *build);

/*
 * Write the index as linked: the head after entries are known, of the body (first_segment to tail) any blocks, and then the tail.
 */
extern void vecgraph_build_write_head(VecGraphBuild *build);
extern void vecgraph_build_write_body(VecGraphBuild *build, BlockNumber first, BlockNumber end);
extern void vecgraph_build_write_tail(VecGraphBuild *build);

/* ---- vecgraph_build_rest.c ---- */

/* Gets ready to take rows that memory has no room for. */
extern void vecgraph_build_begin_rest(VecGraphBuild *build);

/* Takes such a row. */
extern void vecgraph_build_put_rest(VecGraphBuild *build, const VecGraphRow *row);

/* Finds the order of those rows, and sorts them; they no longer wait. */
extern struct Tuplesortstate *vecgraph_build_sort_rest(VecGraphBuild *build);

/* Copies the next row to flat [vecgraph_flat_row_room]; false at the end. */
extern bool vecgraph_build_next_rest(struct Tuplesortstate *sort, TupleTableSlot *slot, VecGraphFlatRow *flat);

/* ---- vecgraph_build_insert.c ---- */

/* Inserts those rows into the pages of the index, when the others are there, and logs the whole index. */
extern void vecgraph_build_insert_rest(VecGraphBuild *build);

#endif							/* VECGRAPH_BUILD_IMPL_H */
