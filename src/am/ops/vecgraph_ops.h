/*
 * vecgraph_ops.h: what is done with an index, and what those operations share; grouped by the file that defines it.
 *
 * No function is called with a page locked, or leaves one locked or pinned, unless it says so. The index is locked as its table is, or
 * at least for reading. All raise ERRCODE_INDEX_CORRUPTED for pages that are not as ../README.md says.
 */
#ifndef VECGRAPH_OPS_H
#define VECGRAPH_OPS_H

#include "am/vecgraph.h"
#include "am/page/vecgraph_page.h"
#include "cache/vecgraph_counts.h"
#include "graph/vx_computer.h"
#include "graph/vx_link.h"
#include "quant/vx_pq.h"

/* ---- vecgraph_match.c: the nodes whose signatures pass a filter ---- */

typedef struct VecGraphMatcher
{
	VecGraphIndex *index;
	const VxFilter *filter;

	/* of vecgraph_match.c alone */
	uint8	   *copy;			/* [copy_size] of signatures that are not in the cache */
	Size		copy_size;
} VecGraphMatcher;

/* Gets ready; index and filter stay valid. A matcher, of zeros at first, may be begun again and again for the same index. */
extern void vecgraph_match_begin(VecGraphMatcher *matcher, VecGraphIndex *index, const VxFilter *filter);

/* About which share of all ids belongs to nodes that pass, by a sample. */
extern double vecgraph_match_share(VecGraphMatcher *matcher);

/*
 * Calls take with the ids of all nodes that pass, none twice, in order. Some of these may have been deleted, or be no nodes any more.
 * Serves interrupts.
 */
extern void vecgraph_match_all(VecGraphMatcher *matcher, void (*take) (void *context, const VxNodeId *ids, uint32 n), void *context);

/* Whether a node passes. */
extern bool vecgraph_matches(VecGraphMatcher *matcher, VxNodeId id);

/* ---- vecgraph_store.c: the graph's store over index pages ---- */

typedef struct VecGraphStore
{
	VxStore		base;
	VecGraphIndex index;
	const VecGraphOpclass *opclass;
	VxComputer	computer;		/* of codes, where all nodes have them; else of the vectors in the nodes */
	VecGraphMatcher *matcher;	/* vecgraph_store_select */
	bool		vacuuming;		/* poll() obeys the vacuum cost delay */
	uint32		wanted_bytes;	/* of the slots of nodes that the prepared query meets */
} VecGraphStore;

/*
 * Opens an index and what the graph wants of it; all memory is of the context. Errors: those of vecgraph_index_open, and an index that
 * is not of its operator class.
 */
extern void vecgraph_store_open(VecGraphStore *store, Relation index, MemoryContext context);

/* Edges for a node, instead of those that it had at a version. */
typedef struct VecGraphNewEdges
{
	VxNodeId	id;
	uint32		seen_version;
	VxStatus	status;			/* what became of it: OK, GONE or CONFLICT */
	uint32		count;
	VxNodeId	ids[VX_MAX_EDGES];
} VecGraphNewEdges;

/* As replace_edges() of the store for each of n nodes (at least one) of one page, under one lock of that, and mostly in one record. */
extern void vecgraph_replace_edges(VecGraphStore *store, VecGraphNewEdges *nodes, uint32 n);

/* The next searches want nodes that pass the matcher, and others are stepping stones; NULL: all nodes. */
extern void vecgraph_store_select(VecGraphStore *store, VecGraphMatcher *matcher);

/* Call before each search but the first: as vecgraph_index_refresh. */
extern void vecgraph_store_refresh(VecGraphStore *store);

/* ---- vecgraph_insert.c: a row enters the live graph ---- */

/* aminsert; returns false. The table is locked for writing. Errors: wrong number of dimensions, no room for more nodes. */
extern bool vecgraph_insert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
							IndexUniqueCheck unique, bool index_unchanged, struct IndexInfo *index_info);

/*
 * Inserts one row. The store is refreshed first. The caller is between vecgraph_begin_insert and vecgraph_end_insert, or nobody else
 * can see the index. Errors: no room for more nodes.
 */
extern void vecgraph_insert_row(VecGraphStore *store, VxLinker *linker, VecGraphRow *row);

/* ---- vecgraph_scan.c: ORDER BY embedding <-> query ---- */

/*
 * ambeginscan. The table is locked for reading, until amendscan. A scan keeps no content lock and no pin on a page of the index between
 * calls. Reads nothing yet.
 */
extern IndexScanDesc vecgraph_beginscan(Relation index, int nkeys, int norderbys);

/* amrescan: takes a query, and forgets what was returned for the one before. Reads nothing yet. */
extern void vecgraph_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);

/*
 * amgettuple: the next row's heap TID in scan->xs_heaptid; false at the end. Conditions are the executor's to test again (xs_recheck).
 * Errors: not exactly one order, a snapshot that is not MVCC, backward; a query of other dimensions than a live node; signatures that
 * are not of the kinds that the columns have by now (vecgraph_check_kinds).
 */
extern bool vecgraph_gettuple(IndexScanDesc scan, ScanDirection direction);

/* amendscan: gives everything back. */
extern void vecgraph_endscan(IndexScanDesc scan);

/* ---- vecgraph_stats.c: counts of what is done with indexes ---- */

/* Counts what a scan has done (the first VECGRAPH_SCAN_COUNTERS), which is the last one of this backend then. No lock on entry or return. */
extern void vecgraph_count_scan(Relation index, const VecGraphCounts *counts);

/* Counts a change of an index, and what the store has noted of it, which it forgets. Likewise. */
extern void vecgraph_count_change(VecGraphStore *store, VecGraphCounts *counts);

/* Lets counts of indexes go with them. _PG_init calls it, once. */
extern void vecgraph_init_stats(void);

/* ---- vecgraph_limit.c: how many rows are wanted of a scan ---- */

/* By the LIMIT above the scan to which the executor hands these keys; 0 if none is known. Call in amrescan. */
extern uint32 vecgraph_rows_wanted(ScanKey orderbys);

/* Installs the hook that looks for LIMITs. _PG_init calls it, once. */
extern void vecgraph_init_limits(void);

/* ---- vecgraph_vacuum.c: removing dead rows ---- */

/*
 * ambulkdelete: takes out the heap TIDs that the callback says are dead, and frees slots. Returns stats, allocated if NULL.
 * ShareUpdateExclusiveLock on the table keeps off all others that free slots or fit codes.
 */
extern IndexBulkDeleteResult *vecgraph_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
												  IndexBulkDeleteCallback callback, void *callback_state);

/* amvacuumcleanup: fits codes if vecgraph_wants_fit. Returns stats and locks as above; with analyze_only it does nothing. */
extern IndexBulkDeleteResult *vecgraph_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/* ---- vecgraph_estimate.c: what a build takes ---- */

/* Bytes of memory in which so many rows, whose points have so many bytes each in the mean, are linked. */
extern double vecgraph_build_memory(const VxMeta *meta, double rows, double point_bytes);

/* ---- vecgraph_fit.c: fitting an index: its codes, its entries ---- */

/* Codes that lose so many times as much as when they were fitted are fitted again. */
#define VECGRAPH_DRIFT_TO_FIT 1.5

/*
 * Makes a new model for the codes of an index, a mean or a codebook, from the vectors that it holds now (or reads its named
 * codebook), and all codes anew; returns how many. Entries are chosen anew, too, and nodes attached, also in an index without
 * codes. The caller holds ShareUpdateExclusiveLock on the table. Searches and inserts go on. Errors, by request only: too few
 * vectors or too little memory to train a codebook, and those of vecgraph_codebook_load.
 */
extern uint32 vecgraph_fit(VecGraphStore *store, Relation heap, bool by_request);

/*
 * Whether an index of so many heap TIDs has grown, or its vectors have drifted, so that VACUUM is to fit it again. Locks as above.
 */
extern bool vecgraph_wants_fit(VecGraphStore *store, Relation heap, double tuples);

/*
 * For inserts, after vecgraph_end_insert, since it waits for others: fits a small index that has grown to several times its slots since
 * it was fitted last, or never was, unless someone else is at it (who has the table's lock, which is not waited for).
 */
extern void vecgraph_fit_early(VecGraphStore *store, Relation heap);

/* ---- vecgraph_calibrate.c: measuring how long lists must be for a recall ---- */

/*
 * Measures the curve of an index, and writes it to the meta page; not of an index that has next to nothing. Locks as for vecgraph_fit, or
 * nobody else can see the index. vacuuming: obeys the vacuum cost delay, and reads by the strategy, if any. Serves interrupts.
 */
extern void vecgraph_calibrate(Relation index, Relation heap, bool vacuuming, BufferAccessStrategy strategy);

/* Whether an index, just opened, has no curve, or has changed since it was measured, so that VACUUM is to measure it again. */
extern bool vecgraph_wants_calibration(VecGraphIndex *index);

/* ---- vecgraph_relink.c: leading the graph to nodes that it has lost ---- */

/*
 * Links a node that is in the index but that nothing, or nothing alive, leads to; nothing if it is not live by now. The store is
 * refreshed first. As for vecgraph_insert_row, or nobody frees slots meanwhile.
 */
extern void vecgraph_relink(VecGraphStore *store, VxLinker *linker, VxNodeId id);

/*
 * Gives edges to nodes that cannot be reached from the entries, as vx_link_attach does. VACUUM does not run, or is the caller: no
 * id may become another node's meanwhile.
 */
extern void vecgraph_attach(VecGraphStore *store);

/* ---- vecgraph_heap.c: vectors of heap rows ---- */

typedef struct VecGraphHeap VecGraphHeap;

/*
 * Begins to read rows, as far as a snapshot sees them; if it is not an MVCC snapshot, only those that still have their
 * out-of-line values. The table is locked for reading. Everything is in context but the pin on the last page of the table, which
 * vecgraph_heap_release gives back, as does the end.
 */
extern VecGraphHeap *vecgraph_heap_begin(Relation heap, Relation index, Snapshot snapshot, MemoryContext context);

/*
 * The vector of a node from the first of its rows that is seen, valid until the next call; NULL if that row has none. False if
 * no row is seen. Leaves a page of the table pinned. Errors: those of functions in an indexed expression.
 */
extern bool vecgraph_heap_point(VecGraphHeap *rows, VecGraphIndex *index, VxNodeId node, const VecGraphPayload *payload,
								const VxPoint **point);

/* Gives the pin back; more may be read. Call when the rows of one page of the index, or of one step of a scan, are done. */
extern void vecgraph_heap_release(VecGraphHeap *rows);

/* Ends reading, and gives the pin back. */
extern void vecgraph_heap_end(VecGraphHeap *rows);

/*
 * Fails for a heap TID that none can be, and for one beyond the end of the heap, which only a damaged page can hold: the heap is
 * never truncated under a scan or VACUUM of the index. Table access methods other than heap may number their rows as they like.
 * *known_blocks, 0 at first, saves asking each time.
 */
extern void vecgraph_check_heap_tid(const VecGraphIndex *index, Relation heap, BlockNumber *known_blocks, VxNodeId node,
									ItemPointer tid);

/* ---- vecgraph_open.c: opening an index on behalf of SQL functions ---- */

/*
 * Opens and locks an index for a function that its owner called. Errors, before anything is locked: not a vecgraph index, not the
 * user's; then: dropped meanwhile, not valid, out of reach. The caller closes what is returned, with the lock or without.
 */
extern Relation vecgraph_open_index(Oid oid, LOCKMODE mode);

/* The same, and its table, which is locked first, in *table. */
extern Relation vecgraph_open_index_and_table(Oid oid, LOCKMODE mode, LOCKMODE table_mode, Relation *table);

/* Likewise, both with AccessShareLock, also for who may read all data (pg_read_all_data). */
extern Relation vecgraph_open_index_to_read(Oid oid, Relation *table);

/* What is to be restored when functions of a table's indexes have been called. */
typedef struct VecGraphOwnerRights
{
	Oid			user;
	int			context;
	int			guc_level;
} VecGraphOwnerRights;

/*
 * From here on functions in indexed expressions run with the rights of the table's owner, as they do in CREATE INDEX. *rights is for
 * vecgraph_end_owner_rights; if the transaction aborts, the server restores them.
 */
extern void vecgraph_begin_owner_rights(Relation table, VecGraphOwnerRights *rights);

/* From here on they run with the caller's rights again. */
extern void vecgraph_end_owner_rights(VecGraphOwnerRights *rights);

/* ---- vecgraph_source.c: the vectors of a column ---- */

/* A column that is read with SQL. */
typedef struct VecGraphSource
{
	Oid			table;
	const char *column;
	int32		typmod;
	const VecidxType *type;		/* of what the expression gives */
	char	   *expression;		/* the column, cast to vector unless there are operator classes for its type */
} VecGraphSource;

/*
 * Fills in source, and locks the table for reading until the transaction ends: its columns stay what they are. function: one of the
 * extension, whose vectors a column of another type is cast to. Errors: no such column, a relation that has no rows, no right to read it.
 */
extern void vecgraph_open_source(Oid table, const char *column, Oid function, VecGraphSource *source);

/*
 * Makes sure that a column (from 1) of rows that a query of the source gives is of its type: what a view calls can have replaced the view
 * since, despite the lock. Errors: it is of another type.
 */
extern void vecgraph_check_source(const VecGraphSource *source, TupleDesc row, int column);

/*
 * Reads the column, or of a large table a sample of about four times as many values as wanted: calls take with each, but for NULLs, for as
 * long as it returns true. The caller has called SPI_connect.
 */
extern void vecgraph_read_source(const VecGraphSource *source, int wanted, bool (*take) (void *context, Datum value), void *context);

/* The metric of a name, for points of a form. only_coded: one that codes estimate. Errors: there is none. */
extern VxMetric vecgraph_metric_of(const char *name, VxForm form, bool only_coded);

/* ---- vecgraph_codebook.c: named codebooks ---- */

/* What looking for a codebook came to. */
typedef enum VecGraphCodebookStatus
{
	VECGRAPH_CODEBOOK_FOUND,
	VECGRAPH_CODEBOOK_MISSING,
	VECGRAPH_CODEBOOK_FORBIDDEN,	/* to the index's owner */
	VECGRAPH_CODEBOOK_UNFIT		/* damaged, for other dimensions or another metric */
} VecGraphCodebookStatus;

/* Reads the codebook of a name into context, checked, or says why not; one that does not fit is reported at the level given. */
extern VecGraphCodebookStatus vecgraph_codebook_find(Relation index, const char *name, VxMetric metric, int dim, int unfit_level,
													 MemoryContext context, VxPqCodebook **codebook);

/* The same, where all but a codebook is an error. */
extern VxPqCodebook *vecgraph_codebook_load(Relation index, const char *name, VxMetric metric, int dim,
											MemoryContext context);

/*
 * The codebook for an index that is being built and names one: the codebook of that name, else the index's own copy from before,
 * or NULL with a warning: then the index trains its own. Locks the name. Errors: the codebook is no good for the index.
 */
extern VxPqCodebook *vecgraph_codebook_for_build(Relation heap, Relation index, VxMetric metric, int dim, MemoryContext context);

/* The newest codebook in an index's own pages, into context; NULL if it has none, or a damaged one. */
extern VxPqCodebook *vecgraph_codebook_copy(Relation index, VxMetric metric, int dim, MemoryContext context);

/* The table of codebooks of the extension that a function is of: one that was called, or belongs to an operator class. Takes no lock. */
extern Oid	vecgraph_codebook_table(Oid function);

/*
 * Keeps the codebook of a name from being dropped until the transaction ends (AccessShareLock), or, to drop it, waits for those who are
 * about to use it (AccessExclusiveLock). A name need not be there to be locked.
 */
extern void vecgraph_codebook_lock(Oid table, const char *name, LOCKMODE mode);

/* ---- vecgraph_train_codebook.c: training and dropping them; what training wants ---- */

/* Fewer vectors than this do not make a codebook; with fewer heap TIDs VACUUM does not fit an index. */
#define VECGRAPH_TRAINING_ROWS 1000

/* How many vectors maintenance_work_mem has room for while a codebook is trained from them; at most wanted. */
extern uint32 vecgraph_training_capacity(int dim, uint32 wanted);

/* Raises an error if there is memory for fewer vectors than VECGRAPH_TRAINING_ROWS. */
extern void vecgraph_check_training_capacity(int dim, uint32 capacity);

/* Raises an error if there are fewer vectors than that. */
extern void vecgraph_check_training_rows(uint32 count);

/* ---- vecgraph_rows.c: the pages of rows that a scan returns ---- */

/*
 * Call when the scan has its next heap TID (xs_heaptid), which the executor is about to fetch. If it is known which buffer has its page, that is
 * pinned in place of the last row's, as the heap would do it, and the page is pruned if that is due. No content lock is held on entry or return.
 */
extern void vecgraph_pin_row(IndexScanDesc scan);

/* ---- vecgraph_check.c: whether an index is what it should be ---- */

/* What a walk through an index has found. */
typedef struct VecGraphSurvey
{
	uint64		slots[4];		/* by VxSlotState */
	uint32		bound;			/* of their ids */
	uint64		edges;			/* of live nodes */
	uint64		tids;
	uint64		unreachable;	/* live nodes that no search meets */
	BlockNumber code_pages;
	bool		measured;		/* there were codes to measure: */
	double		code_error;		/* what they usually lose, as a squared distance in the units of the codec */
	double		spread;			/* how far what they stand for is from its middle, likewise */
} VecGraphSurvey;

/*
 * Opens an index and reads all of it, in the current memory context. Others may write meanwhile: each page is whole, but the
 * numbers are of pages read one after the other. Errors: what is wrong within a page.
 */
extern void vecgraph_survey(Relation index, VecGraphStore *store, VecGraphSurvey *found);

/* ---- vecgraph_prewarm.c: bringing codes into the cache ---- */

/*
 * Loads the codes of an index into the cache as far as there is room, and for as long as is_wanted (NULL: always); returns of
 * how many nodes they are there.
 */
extern uint32 vecgraph_prewarm_index(Relation index, bool (*is_wanted) (void));

/* ---- vecgraph_prewarmer.c: bringing back those of hot indexes ---- */

/* Asks for the worker that brings hot indexes back; while the library is preloaded. */
extern void vecgraph_prewarmer_register(void);

#endif							/* VECGRAPH_OPS_H */
