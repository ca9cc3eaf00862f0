/*
 * vecgraph.h: the access method's shared declarations, grouped by the file that defines them.
 *
 * README.md in this folder has the locks, the WAL rules, and insert and scan step by step; VACUUM's passes and those of a fit of codes are
 * at the top of vecgraph_vacuum.c and vecgraph_fit.c.
 */
#ifndef VECGRAPH_H
#define VECGRAPH_H

#include "pg/vecidx_compat.h"

#include "access/amapi.h"
#include "access/generic_xlog.h"
#include "lib/ilist.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "cache/vecgraph_cache.h"
#include "format/vx_format.h"
#include "graph/vx_link.h"
#include "quant/vx_robust.h"
#include "type/vecidx_type.h"

#define VECGRAPH_META_BLOCK 0

/* Strategy and support numbers of operator classes. */
#define VECGRAPH_STRATEGY_DISTANCE 1
#define VECGRAPH_PROC_SUPPORT 1

/* ---- vecgraph_options.c: index options and settings ---- */

#define VECGRAPH_DEFAULT_MAX_DEGREE 64
/* The automatic max degree goes down to this where more nodes fit a page for it: it costs searches little. */
#define VECGRAPH_PACKED_MAX_DEGREE 48
#define VECGRAPH_MIN_MAX_DEGREE 4
#define VECGRAPH_DEFAULT_LIST_SIZE 80
#define VECGRAPH_DEFAULT_ALPHA 1.2
#define VECGRAPH_LOW_DIM_ALPHA 2.0

typedef struct VecGraphOptions
{
	int32		vl_len_;
	int			max_degree;		/* 0: automatic */
	int			build_list_size;
	double		alpha;			/* 0: automatic */
	int			storage;		/* VxStorage, 0: automatic */
	int			codes;			/* VecGraphCodesOption */
	int			pq_subvectors;	/* 0: as many as dimensions, untrained */
	int			codebook;		/* offset of a name, 0: none */
} VecGraphOptions;

typedef enum VecGraphCodesOption
{
	VECGRAPH_CODES_AUTO,
	VECGRAPH_CODES_PQ,
	VECGRAPH_CODES_NONE
} VecGraphCodesOption;

typedef enum VecGraphIterativeScan
{
	VECGRAPH_ITERATIVE_OFF,
	VECGRAPH_ITERATIVE_RELAXED,
	VECGRAPH_ITERATIVE_STRICT
} VecGraphIterativeScan;

extern int	vecgraph_search_list_size;
extern int	vecgraph_iterative_scan;
extern int	vecgraph_max_scan_tuples;
extern double vecgraph_scan_mem_multiplier;
extern int	vecgraph_rerank;

extern void vecgraph_init_options(void);
extern bytea *vecgraph_options(Datum reloptions, bool validate);

/* Whether an index whose nodes hold their vectors is to have codes as well. */
extern bool vecgraph_wants_codes(const VecGraphOptions *options, VxMetric metric, uint32 dim);

/* The list size L that scans use now: the setting, or the automatic choice. */
extern int	vecgraph_effective_list_size(void);

/* ---- vecgraph_opclass.c: what an operator class says about itself ---- */

extern const VecGraphOpclass *vecgraph_opclass(Relation index);
extern bool vecgraph_validate(Oid opclassoid);

/* The description that operator classes for an SQL type have; NULL if there are none. */
extern const VecidxType *vecgraph_type_of(Oid sql_type);

/*
 * Makes the point of an indexed value in the given context. Returns NULL for values that are not indexed (zero vectors under cosine).
 * Errors: wrong number of dimensions.
 */
extern VxPoint *vecgraph_point(const VecidxType *type, const VxSpace *space, Datum value, MemoryContext context);

/* ---- vecgraph_page.c: pages, buffers, slots, the list of free slots ---- */

extern uint32 vecgraph_body_bytes(void);

static inline void *
vecgraph_page_body(Page page)
{
	return (char *) page + MAXALIGN(SizeOfPageHeaderData);
}

static inline VxPageSpecial *
vecgraph_page_special(Page page)
{
	return (VxPageSpecial *) ((char *) page + BLCKSZ - MAXALIGN(sizeof(VxPageSpecial)));
}

/* Raises ERRCODE_INDEX_CORRUPTED. slot may be -1. */
pg_noreturn extern void vecgraph_corrupted(Relation index, BlockNumber block, int slot, const char *what);

extern void vecgraph_init_meta_page(Page page, const VxMeta *meta);
extern void vecgraph_init_node_page(Page page, const VxGeometry *geometry);

/* A page of codes, of the model or of the log of codes: zeros to be filled, used bytes long. */
extern void vecgraph_init_data_page(Page page, uint16 kind, uint32 used);
extern void vecgraph_read_meta(Relation index, VxMeta *meta, VxGeometry *geometry);

/* Fails unless the locked buffer holds a good node page. */
extern void vecgraph_check_node_page(Relation index, Buffer buffer, const VxGeometry *geometry);

/* Fails unless the locked buffer holds a good code page. */
extern void vecgraph_check_code_page(Relation index, Buffer buffer, const VxGeometry *geometry);

/* The same for a page of what codes are made from; bytes in use on it. */
extern uint32 vecgraph_model_page_used(const VxGeometry *geometry, BlockNumber block);
extern void vecgraph_check_model_page(Relation index, Buffer buffer, const VxGeometry *geometry);

/* The same for the page of the log of codes; its entries are checked by who reads them. */
extern void vecgraph_check_code_log_page(Relation index, Buffer buffer, const VxGeometry *geometry);

/*
 * Whether a locked buffer holds one of the zero pages at the end of an index that were added and never filled, or never logged
 * before a crash. Anywhere else they are corruption.
 */
extern bool vecgraph_is_unfilled(Relation index, Buffer buffer);

/* How many blocks the index has without those. No lock on any page. */
extern BlockNumber vecgraph_filled_blocks(Relation index);

extern void vecgraph_tid_set(VxHeapTid *to, ItemPointer from);
extern void vecgraph_tid_get(const VxHeapTid *from, ItemPointer to);

/* ---- vecgraph_codes.c: the codes of an index, as one backend sees them ---- */

typedef struct VecGraphCodes
{
	Oid			index_oid;
	uint64		key;			/* what the files of the index are: VecGraphCacheView.key */
	uint32		epoch;			/* of the models in the codec */
	uint32		flags;
	MemoryContext context;		/* of all this */
	VxCodec		codec;
	void	   *codebooks[2];	/* VxPqCodebook, by parity, NULL where there is none */
	MemoryContext codebook_context; /* of these; NULL: none yet */
	VecGraphCacheView view;

	/* of vecgraph_codes.c alone */
	int			uses;			/* stores that have them open */
	bool		kept;			/* the next store finds them */
	dlist_node	link;			/* of those kept */
	Size		bytes;			/* what they took when they were last kept or released */
} VecGraphCodes;

struct VecGraphStore;

/*
 * The codes of the store's index, with the models that its meta page speaks of; NULL if it has no codes, or they need training. They
 * are the store's until its memory goes, or the next call, which may return others.
 */
extern VecGraphCodes *vecgraph_codes_open(struct VecGraphStore *store);

/*
 * For who has met codes of an epoch that a query is not ready for: learns of newer models, if there are any. Returns whether the
 * query is to be prepared again.
 */
extern bool vecgraph_codes_follow(struct VecGraphStore *store, const VxCodeQuery *query);

/*
 * Where the code of a node can be read (VX_CODE_OVERREAD bytes behind it, too): in the cache, or in the store's copy number
 * place (< VX_MAX_EDGES), which stays until that place is used again.
 */
extern const uint8 *vecgraph_code(struct VecGraphStore *store, VxNodeId id, uint32 place);

/* Reads the codes of n nodes from their pages; for vecgraph_cache_fetch. context is a store. */
extern void vecgraph_read_codes(void *context, uint32 first, uint32 n, uint8 *out);

/* ---- vecgraph_code_log.c: how changed codes become known to caches ---- */

/*
 * Brings what the cache has of the store's index up to date: every change of a code that was written, or replayed, before the call
 * is in it when this returns. Cheap where nothing has changed. No lock on entry.
 */
extern void vecgraph_codes_catch_up(struct VecGraphStore *store);

/* For who changes codes, holding their page exclusively locked: locks the page of the log, last of all. */
extern Buffer vecgraph_lock_code_log(struct VecGraphStore *store);

/* Errors: the log names pages that are not code pages of this index. No lock on entry. */
extern void vecgraph_check_code_log(struct VecGraphStore *store);

/* ---- vecgraph_store.c: the graph's store over index pages ---- */

typedef struct VecGraphStore
{
	VxStore		base;
	Relation	index;
	Snapshot	snapshot;		/* of the scan that reads nodes, else NULL */
	VxMeta		meta;			/* as it was when opened or refreshed */
	VxGeometry	geometry;
	VxSpace		space;
	VxMem		mem;
	uint32		id_bound;		/* ids below this exist; grows with the relation */
	VecGraphCodes *codes;		/* NULL: there are none, or not yet */
	struct VecGraphCodesUse *codes_use; /* what keeps them; NULL: not yet asked for */
	bool		by_codes;		/* searches score codes; else scores come from the vectors in the nodes */
	bool		decoded;		/* gather() and pairs() speak of decoded codes, not of vectors */
	bool		query_decoded;	/* the next query's point is a decoded code */
	uint32		wanted_bytes;	/* of the slots of nodes that the prepared query meets */
	VxCodeQuery code_query;
	bool		query_ready;	/* code_query has its memory */
	uint8	   *code_copies;	/* [VX_MAX_EDGES] of codes that are not in the cache; NULL until there is one */
	const VecGraphOpclass *opclass;
	VxPoint    *half_buffer;	/* what vecgraph_slot_point converted last */
	BufferAccessStrategy strategy;	/* NULL but in vacuum */
	bool		vacuuming;		/* poll() obeys the vacuum cost delay */
	bool		building;		/* changes are not logged one by one: see VecGraphChange */
} VecGraphStore;

/*
 * A change of pages that are exclusively locked: one WAL record, or, in an index that is being built and that nobody can see,
 * nothing but the change: the build logs its pages when it is done.
 */
typedef struct VecGraphChange
{
	GenericXLogState *xlog;		/* NULL in a build */
} VecGraphChange;

static inline VecGraphChange
vecgraph_change_start(VecGraphStore *store)
{
	VecGraphChange change = {store->building ? NULL : GenericXLogStart(store->index)};

	return change;
}

/* The image of a page to be changed; flags as for GenericXLogRegisterBuffer. */
static inline Page
vecgraph_change_page(VecGraphChange change, Buffer buffer, int flags)
{
	if (change.xlog != NULL)
		return GenericXLogRegisterBuffer(change.xlog, buffer, flags);
	MarkBufferDirty(buffer);
	return BufferGetPage(buffer);
}

/* Notes in the log of codes, in the same record, that codes on a page change; vecgraph_lock_code_log has locked the log. */
static inline void
vecgraph_change_log_codes(VecGraphStore *store, VecGraphChange change, Buffer log, BlockNumber code_block)
{
	vx_code_log_add(vecgraph_page_body(vecgraph_change_page(change, log, 0)),
					vx_code_log_room(store->geometry.body_bytes), code_block);
}

static inline void
vecgraph_change_finish(VecGraphChange change)
{
	if (change.xlog != NULL)
		GenericXLogFinish(change.xlog);
}

/* What a scan is handed with each node that it finds: VxEdges.payload. */
typedef struct VecGraphPayload
{
	VxNodeId	chain;
	VxHeapTid	tids[VX_INLINE_TIDS];
	uint8		tid_count;
} VecGraphPayload;

StaticAssertDecl(sizeof(VecGraphPayload) <= sizeof(uint64) * VX_PAYLOAD_WORDS, "a node's TIDs must fit the payload");

/* Copies what a scan wants of a slot. */
extern void vecgraph_fill_payload(const VxSlot *slot, VecGraphPayload *payload);

extern VxMem vecgraph_mem(MemoryContext context);

/* Interrupts, for algorithms that poll. context is not used. */
extern void vecgraph_poll(void *context);
extern void vecgraph_store_open(VecGraphStore *store, Relation index, MemoryContext context);
extern void vecgraph_store_refresh(VecGraphStore *store);

/* The page of the log of codes, checked and pinned, not locked. */
extern Buffer vecgraph_pin_code_log(VecGraphStore *store);

/*
 * Reads and locks (BUFFER_LOCK_SHARE or _EXCLUSIVE) the page of a node id and returns its slot, checked. The caller
 * unlocks and releases the buffer. Errors: corruption, a page that has changed since a snapshot that is too old.
 */
extern VxSlot *vecgraph_lock_slot(VecGraphStore *store, VxNodeId id, int mode, Buffer *buffer);

/* Whether a slot holds this very vector; its hash must do where only the heap has the vector. */
extern bool vecgraph_slot_has_point(const VxSpace *space, const VxGeometry *geometry, VxSlot *slot, const VxPoint *point);

/*
 * The vector of a slot, exact or, with VX_STORAGE_HALF, as half precision has it. Where it is stored as halves it is valid until
 * the next call. Not for VX_STORAGE_HEAP.
 */
extern const VxPoint *vecgraph_slot_point(VecGraphStore *store, VxSlot *slot);

/* Copies the vector of a node, as vecgraph_slot_point has it; false if it is gone. No lock on entry. */
extern bool vecgraph_copy_point(VecGraphStore *store, VxNodeId id, VxPoint *copy);

/* Writes a point to a slot, as the storage of the index wants it. */
extern void vecgraph_slot_set_point(const VxSpace *space, const VxGeometry *geometry, VxSlot *slot, const VxPoint *point);

/* ---- vecgraph_alloc.c: taking and giving back slots ---- */

/*
 * Takes a free slot, lets fill() write it (state included), and logs that together with its code (NULL: none). Returns its
 * id. No lock on entry or return.
 */
typedef void (*VecGraphFill) (VecGraphStore *store, VxSlot *slot, void *context);
extern VxNodeId vecgraph_take_slot(VecGraphStore *store, VecGraphFill fill, void *context, const uint8 *code);

/* Frees those slots of one node page that are in state VX_SLOT_DELETED and selected; returns how many. No lock held. */
extern int	vecgraph_free_slots(VecGraphStore *store, BlockNumber block,
								bool (*selected) (void *context, VxNodeId id), void *context);

/* ---- vecgraph_insert.c ---- */

extern bool vecgraph_insert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
							IndexUniqueCheck unique, bool index_unchanged, struct IndexInfo *index_info);

/* Inserts one point with its heap TID. The store is refreshed first. */
extern void vecgraph_insert_point(VecGraphStore *store, VxLinker *linker, const VxPoint *point, ItemPointer heap_tid);

/* Links a node that is in the index but that nothing, or nothing alive, leads to. */
extern void vecgraph_relink(VecGraphStore *store, VxLinker *linker, VxNodeId id);

/* Writes new entries unless those on the meta page are no longer what the store knows; returns whether it did. */
extern bool vecgraph_set_entries(VecGraphStore *store, const VxNodeId *entries, uint32 count);

/*
 * Gives edges to nodes that cannot be reached from the entries, as vx_link_attach does. VACUUM does not run, or is the caller: no
 * id may become another node's meanwhile.
 */
extern void vecgraph_attach(VecGraphStore *store);

/* ---- vecgraph_build.c ---- */

extern IndexBuildResult *vecgraph_build(Relation heap, Relation index, struct IndexInfo *index_info);
extern void vecgraph_buildempty(Relation index);
extern char *vecgraph_buildphasename(int64 phase);

/* ---- vecgraph_scan.c ---- */

extern IndexScanDesc vecgraph_beginscan(Relation index, int nkeys, int norderbys);
extern void vecgraph_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
extern bool vecgraph_gettuple(IndexScanDesc scan, ScanDirection direction);
extern void vecgraph_endscan(IndexScanDesc scan);

/* ---- vecgraph_plan.c: what an index will look like ---- */

/*
 * Fills the meta page of an empty index and its geometry. subvectors: those of trained codes, 0 for untrained ones. Errors:
 * no dimensions, or options that do not go together or do not fit a page.
 */
extern void vecgraph_plan(const VecGraphOptions *options, const VecGraphOpclass *opclass, int dim, uint32 subvectors, VxMeta *meta,
						  VxGeometry *geometry);

/*
 * Says, in a notice, what of an index is not as its options, which may have changed since it was built, want it now: only building it
 * again can follow them. Errors: those of vecgraph_plan.
 */
extern void vecgraph_report_options(Relation index, const VxMeta *meta);

/* ---- vecgraph_open.c: opening an index, and reading a column, on behalf of SQL functions ---- */

/*
 * Opens an index for a function that its owner called; the second also its table, which it locks first. Errors, before anything
 * is locked: not a vecgraph index, not the user's; then: dropped meanwhile, not valid, out of reach.
 */
extern Relation vecgraph_open_index(Oid oid, LOCKMODE mode);
extern Relation vecgraph_open_index_and_table(Oid oid, LOCKMODE mode, LOCKMODE table_mode, Relation *table);

/* What is to be restored when functions of a table's indexes have been called. */
typedef struct VecGraphOwnerRights
{
	Oid			user;
	int			context;
	int			guc_level;
} VecGraphOwnerRights;

/* Between these functions in indexed expressions run with the rights of the table's owner, as they do in CREATE INDEX. */
extern void vecgraph_begin_owner_rights(Relation table, VecGraphOwnerRights *rights);
extern void vecgraph_end_owner_rights(VecGraphOwnerRights *rights);

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
 * Fills in source, without a lock. function: one of the extension, from which the names of its objects are taken. Errors: no such
 * column, a relation that has no rows, no right to read it.
 */
extern void vecgraph_open_source(Oid table, const char *column, Oid function, VecGraphSource *source);

/* ---- vecgraph_codebook.c: named codebooks ---- */

/* Fewer vectors than this do not make a codebook. */
#define VECGRAPH_TRAINING_ROWS 1000

/* How many vectors maintenance_work_mem has room for while a codebook is trained from them; at most wanted. */
extern uint32 vecgraph_training_capacity(int dim, uint32 wanted);

/* Raises the error for a capacity, or a number of vectors, below VECGRAPH_TRAINING_ROWS. */
extern void vecgraph_check_training_capacity(int dim, uint32 capacity);
extern void vecgraph_check_training_rows(uint32 count);

/* The metric of a name; l1 only where asked for. Errors: unknown. */
extern VxMetric vecgraph_metric_of(const char *name, bool with_l1);

/* SQL that reads a column: all rows, or of a large table a sample of about four times as many as wanted. */
extern char *vecgraph_sample_query(const VecGraphSource *source, int wanted);

/* The name in option codebook, or NULL. */
extern const char *vecgraph_codebook_option(const VecGraphOptions *options);

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
 * The codebook for an index that is being built and names one: the codebook of that name, else the index's own copy from before, or
 * NULL with a warning: then the index trains its own. Locks the name. Errors: the codebook is no good for the index.
 */
extern VxPqCodebook *vecgraph_codebook_for_build(Relation heap, Relation index, VxMetric metric, int dim, MemoryContext context);

/* The newest codebook in an index's own pages, into context; NULL if it has none, or a damaged one. */
extern VxPqCodebook *vecgraph_codebook_copy(Relation index, VxMetric metric, int dim, MemoryContext context);

/* How many subvectors a codebook has when nobody says. */
extern uint32 vecgraph_default_subvectors(int dim);

/* ---- vecgraph_fit.c: fitting codes again ---- */

/*
 * Makes a new model for the codes of an index, a mean or a codebook, from the vectors that it holds now (or reads its named
 * codebook), and all codes anew; returns how many. Entries are chosen anew, too, and nodes attached, also in an index without
 * codes. The caller holds ShareUpdateExclusiveLock on the table. Searches and inserts go on. Errors, by request only: too few vectors or
 * too little memory to train a codebook, and those of vecgraph_codebook_load.
 */
extern uint32 vecgraph_fit(VecGraphStore *store, Relation heap, bool by_request);

/* Whether an index of so many heap TIDs has grown, or its vectors have drifted, so that VACUUM is to fit its codes again. */
extern bool vecgraph_wants_fit(VecGraphStore *store, Relation heap, double tuples);

/*
 * For inserts, without any lock of theirs: fits the untrained codes of an index that began empty when it has its first rows,
 * unless someone else is at it.
 */
extern void vecgraph_fit_early(VecGraphStore *store, Relation heap);

/* A mean squared distance as the meta page has it. */
extern float vecgraph_finite_error(double error);

/* Inner product: chooses max_norm2 for these squared norms, and notes what is usual among them. */
extern void vecgraph_choose_max_norm(VxMeta *meta, const VxRobustSum *norms);

/* ---- vecgraph_heap.c: vectors of heap rows ---- */

typedef struct VecGraphHeap VecGraphHeap;

/*
 * Reads the rows that a snapshot sees; if it is not an MVCC snapshot, only those that still have their out-of-line values. Everything is
 * in context but pins, which vecgraph_heap_release gives back.
 */
extern VecGraphHeap *vecgraph_heap_begin(Relation heap, Relation index, Snapshot snapshot, MemoryContext context);

/*
 * The vector of a node from the first of its rows that is seen, valid until the next call; NULL if that row has none. False if
 * no row is seen. No lock on entry.
 */
extern bool vecgraph_heap_point(VecGraphHeap *rows, VecGraphStore *store, VxNodeId node, const VecGraphPayload *payload,
								const VxPoint **point);
extern void vecgraph_heap_release(VecGraphHeap *rows);
extern void vecgraph_heap_end(VecGraphHeap *rows);

/*
 * Fails for a heap TID beyond the end of the heap, which only a damaged page can hold: the heap is never truncated under a
 * scan or VACUUM of the index. Table access methods other than heap may number their rows as they like. *known_blocks, 0 at
 * first, saves asking each time.
 */
extern void vecgraph_check_heap_tid(VecGraphStore *store, Relation heap, BlockNumber *known_blocks, VxNodeId node,
									ItemPointer tid);

/* ---- vecgraph_inspect.c ---- */

/*
 * Loads the codes of an index into the cache as far as there is room, and for as long as is_wanted (NULL: always); returns of how many
 * nodes they are there.
 */
extern uint32 vecgraph_prewarm_index(Relation index, bool (*is_wanted) (void));

/* ---- vecgraph_vacuum.c ---- */

extern IndexBulkDeleteResult *vecgraph_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
												  IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *vecgraph_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/* ---- vecgraph_cost.c ---- */

struct PlannerInfo;
struct IndexPath;
extern void vecgraph_costestimate(struct PlannerInfo *root, struct IndexPath *path, double loop_count,
								  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
								  double *correlation, double *pages);

/* ---- vecgraph_paths.c: what the order of a scan may be used for ---- */

/*
 * Called while a path is costed, before it is compared with others. True if its order can serve the ORDER BY of its query level
 * and nothing else; then it is in order of one distance. False takes its order away: it is to be refused.
 */
extern bool vecgraph_admit_order(struct PlannerInfo *root, struct IndexPath *path);

/* Installs the hook that keeps the order from outer query levels. */
extern void vecgraph_init_paths(void);

#endif							/* VECGRAPH_H */
