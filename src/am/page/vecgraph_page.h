/*
 * vecgraph_page.h: what is on the pages of an index, and how that changes; grouped by the file that defines it.
 *
 * Functions raise ERRCODE_INDEX_CORRUPTED for what is not as ../README.md says, and the server's errors of reading and writing. Where
 * nothing is said of locks, none is held on entry or on return; "locked" is the content lock of a page whose buffer is pinned.
 */
#ifndef VECGRAPH_PAGE_H
#define VECGRAPH_PAGE_H

#include "pg/vecidx_compat.h"

#include "access/generic_xlog.h"
#include "lib/ilist.h"
#include "portability/instr_time.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "cache/vecgraph_cache.h"
#include "core/vx_mem.h"
#include "format/vx_format.h"
#include "quant/vx_robust.h"

#define VECGRAPH_META_BLOCK 0

/* What has been asked for ahead of one relation: vecgraph_ahead.c. */
#define VECGRAPH_AHEAD_PLACES 128

typedef struct VecGraphAhead
{
	Relation	relation;
	BlockNumber blocks;			/* it has had so many */
	uint32		concurrency;	/* so many may be read at a time; 0: nothing is asked for */
	BlockNumber *asked;			/* [VECGRAPH_AHEAD_PLACES] the last one of those that share a place; NULL before it is first
								 * begun */
} VecGraphAhead;

/* An index that is open: what everybody needs who reads or writes its pages. */
typedef struct VecGraphIndex
{
	Relation	relation;
	VxMeta		meta;			/* as it was when opened or refreshed */
	VxGeometry	geometry;
	VxSpace		space;			/* likewise, but that max_norm2 may have been raised */
	uint32		id_bound;		/* ids below this exist; grows with the relation */
	bool		building;		/* changes are not logged one by one: see VecGraphChange */
	BufferAccessStrategy strategy;	/* NULL but in vacuum */
	Snapshot	snapshot;		/* of the scan that reads nodes, else NULL */
	VxMem		mem;			/* in a context that outlives this */
	struct VecGraphCodes *codes;	/* NULL: there are none, or not yet */
	struct VecGraphCodesUse *codes_use; /* what keeps them; NULL: not yet asked for */
	uint8	   *code_copies;	/* [VX_MAX_EDGES] of codes that are not in the cache; NULL until there is one */
	VxPoint    *half_buffer;	/* what vecgraph_slot_point converted last */
	bool		waited;			/* a page has had to be waited for since it was opened or refreshed: ahead is begun */
	VecGraphAhead ahead;
} VecGraphIndex;

/* ---- vecgraph_page.c: pages in buffers ---- */

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

/* Reads a page and locks it (BUFFER_LOCK_SHARE or _EXCLUSIVE); what it holds is not checked. strategy may be NULL. */
static inline Buffer
vecgraph_read_and_lock(Relation relation, BlockNumber block, BufferAccessStrategy strategy, int mode)
{
	Buffer		buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

	LockBuffer(buffer, mode);
	return buffer;
}

/* Raises ERRCODE_INDEX_CORRUPTED. slot may be -1. */
pg_noreturn extern void vecgraph_corrupted(Relation relation, BlockNumber block, int slot, const char *what);

/* The same for the slot of an id. */
pg_noreturn extern void vecgraph_slot_corrupted(const VecGraphIndex *index, VxNodeId id, const char *what);

/* Makes the image of a page that nobody reads yet the meta page. */
extern void vecgraph_init_meta_page(Page page, const VxMeta *meta);

/* A node page of free slots, which is not in the list of pages with free slots yet. */
extern void vecgraph_init_node_page(Page page, const VxGeometry *geometry);

/* A page of any kind: zeros to be filled, used bytes long. Those are what generic WAL records will have of it. */
extern void vecgraph_init_data_page(Page page, uint16 kind, uint32 used);

/* Fails unless the locked buffer holds a good page of the kind; the meta page's values are checked by vecgraph_read_meta. */
extern void vecgraph_check_meta_page(Relation relation, Buffer buffer);

/* The same; slots are checked one by one when they are read. */
extern void vecgraph_check_node_page(Relation relation, Buffer buffer, const VxGeometry *geometry);

/* The same; any bytes are a safe code. */
extern void vecgraph_check_code_page(Relation relation, Buffer buffer, const VxGeometry *geometry);

/* The same; the model is checked when all of it has been read. */
extern void vecgraph_check_model_page(Relation relation, Buffer buffer, const VxGeometry *geometry);

/* The same; entries are checked when they are followed. */
extern void vecgraph_check_code_log_page(Relation relation, Buffer buffer, const VxGeometry *geometry);

/* Bytes in use on a page of a model. */
extern uint32 vecgraph_model_page_used(const VxGeometry *geometry, BlockNumber block);

/*
 * Whether a locked buffer holds one of the zero pages at the end of an index that were added and never filled, or never logged
 * before a crash. Anywhere else they are corruption. Takes share locks on those behind it, one at a time.
 */
extern bool vecgraph_is_unfilled(Relation relation, Buffer buffer);

/* How many blocks the index has without those. No lock on any page. */
extern BlockNumber vecgraph_filled_blocks(Relation relation);

/* Converts a heap TID to its form in a slot. */
extern void vecgraph_tid_set(VxHeapTid *to, ItemPointer from);

/* The other way round. It need not be a valid one: vecgraph_check_heap_tid. */
extern void vecgraph_tid_get(const VxHeapTid *from, ItemPointer to);

/* For sets of heap TIDs, valid or not. */
static inline uint32
vecgraph_tid_hash(const ItemPointerData *tid)
{
	return (ItemPointerGetBlockNumberNoCheck(tid) * 0x9E3779B1u) ^ (ItemPointerGetOffsetNumberNoCheck(tid) * 0x85EBCA77u);
}

/*
 * A change of pages that are exclusively locked: one WAL record, or, in an index that is being built and that nobody can see,
 * nothing but the change: the build logs its pages when it is done.
 */
typedef struct VecGraphChange
{
	GenericXLogState *xlog;		/* NULL in a build */
} VecGraphChange;

static inline VecGraphChange
vecgraph_change_start(const VecGraphIndex *index)
{
	VecGraphChange change = {index->building ? NULL : GenericXLogStart(index->relation)};

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

static inline void
vecgraph_change_finish(VecGraphChange change)
{
	if (change.xlog != NULL)
		GenericXLogFinish(change.xlog);
}

/* ---- vecgraph_delta.c: changes of a few bytes ---- */

#define VECGRAPH_DELTA_PAGES 4	/* meta page, node page, codes, log of codes */
#define VECGRAPH_DELTA_RANGES 16
#define VECGRAPH_DELTA_BYTES (2 * BLCKSZ + 512) /* of all images: a slot, what a code page has, and small ones */

typedef struct VecGraphDeltaRange
{
	int			page;			/* its number in the change */
	int			offset;			/* in the page */
	int			bytes;
	char	   *image;
} VecGraphDeltaRange;

/*
 * The same as a VecGraphChange for who knows which bytes of a page change: only these are copied and compared. Until it is finished
 * nothing has happened, so one that is not may be forgotten.
 */
typedef struct VecGraphDelta
{
	Relation	relation;
	bool		building;
	int			page_count;
	int			range_count;
	Size		used;			/* of images */
	Buffer		pages[VECGRAPH_DELTA_PAGES];
	VecGraphDeltaRange ranges[VECGRAPH_DELTA_RANGES];
	union
	{
		char		bytes[VECGRAPH_DELTA_BYTES];
		int64		align;
		double		align_too;
	}			images;
} VecGraphDelta;

/* Starts a change of pages that are exclusively locked. */
extern void vecgraph_delta_start(VecGraphDelta *delta, const VecGraphIndex *index);

/*
 * The image of a part of a page, aligned as that is, to be changed before the change is finished. Parts of one page are asked for in their
 * order, do not overlap, and lie behind its header and outside its hole. Errors: too many, or too large; there are none in a change that
 * the constants above are made for.
 */
extern void *vecgraph_delta_image(VecGraphDelta *delta, Buffer buffer, const void *part, Size bytes);

/* Whether there is room for one more image of so many bytes. */
extern bool vecgraph_delta_has_room(const VecGraphDelta *delta, Size bytes);

/* Puts the images in their places and logs that: one WAL record, unless the index is being built or needs none, or there are none. */
extern void vecgraph_delta_finish(VecGraphDelta *delta);

/* The same by GenericXLog, in an index that is not being built: for servers whose records are not known, and for tests. */
extern void vecgraph_delta_finish_by_images(VecGraphDelta *delta);

/* ---- vecgraph_meta.c: the meta page, and the barrier that inserts pass ---- */

/* Reads the meta page, checked, and computes the geometry. Errors: another format version. */
extern void vecgraph_read_meta(Relation relation, VxMeta *meta, VxGeometry *geometry);

/* The meta page, pinned and locked: the first in the order of page locks but for the extension lock. */
extern Buffer vecgraph_lock_meta(const VecGraphIndex *index, int mode);

static inline VxMeta *
vecgraph_meta_of(Page page)
{
	return (VxMeta *) vecgraph_page_body(page);
}

/* Writes new entries unless those on the meta page are no longer what the index knows; returns whether it did. */
extern bool vecgraph_set_entries(VecGraphIndex *index, const VxNodeId *entries, uint32 count);

/* Makes a node one more entry, or one instead of another. False if the entries have changed since the index was refreshed. */
extern bool vecgraph_add_entry(VecGraphIndex *index, VxNodeId id);

/*
 * Inner product: notes a norm, on the meta page, too, if it is the largest, on which the added dimension of linking depends, but
 * at most the bound of norms. Returns whether it has just come to the bound.
 */
extern bool vecgraph_raise_max_norm(VecGraphIndex *index, float norm2);

/* Inner product: chooses max_norm2 for these squared norms, and notes what is usual among them. */
extern void vecgraph_choose_max_norm(VxMeta *meta, const VxRobustSum *norms);

/* Writes what the index's meta says of its codes to the meta page, and what follows from norms, unless NULL. */
extern void vecgraph_write_fitted(VecGraphIndex *index, const VxRobustSum *norms);

/* Writes a curve, measured by now with so many live nodes, to the meta page. */
extern void vecgraph_write_curve(VecGraphIndex *index, const VxCurve *curve, uint32 nodes);

/* Whether an index has grown so much since its curve was measured that lists may be too short by it, and VACUUM has not been there. */
extern bool vecgraph_has_outgrown_curve(const VecGraphIndex *index);

/* Adds so many rows to those that are gone since the curve was measured, on the meta page and in the index's meta. */
extern void vecgraph_note_changes(VecGraphIndex *index, double rows);

/* A mean squared distance as the meta page has it. */
extern float vecgraph_finite_error(double error);

/*
 * Begins an insert, for the barrier: until vecgraph_end_insert this backend reads and writes the graph. Waits while another backend
 * waits for a barrier. It is a heavyweight lock on block 0: an error gives it back. No content lock is held on entry.
 */
extern void vecgraph_begin_insert(Relation relation);

/* Ends an insert. */
extern void vecgraph_end_insert(Relation relation);

/*
 * Waits for a barrier: returns when all inserts that had begun have ended. Nothing is held on return. No content lock is held on entry,
 * and this backend is not inserting.
 */
extern void vecgraph_wait_for_inserts(Relation relation);

/* ---- vecgraph_ahead.c: asking for pages before they are wanted ---- */

/* A stretch of work in which pages may have to be read. */
typedef struct VecGraphWatch
{
	uint64		pages;			/* read by this backend before it */
	instr_time	begun;
} VecGraphWatch;

/* How many pages this backend has had to read so far, of any relation. */
extern uint64 vecgraph_pages_read(void);

/* Begins to watch. */
extern void vecgraph_watch_begin(VecGraphWatch *watch);

/* Whether a page has been read since, for which this backend probably had to wait. */
extern bool vecgraph_watch_waited(const VecGraphWatch *watch);

/*
 * Begins to ask for pages of a relation, which stays open: as many as its tablespace is set to have read at a time (effective_io_concurrency,
 * or what that is for maintenance). It has asked for none yet. mem is of a context that outlives it.
 */
extern void vecgraph_ahead_begin(VecGraphAhead *ahead, Relation relation, bool maintenance, const VxMem *mem);

/* Begins to ask for pages of an index if those that were read in a stretch of work had to be waited for. */
static inline void
vecgraph_note_waiting(VecGraphIndex *index, const VecGraphWatch *watch)
{
	if (!index->waited && vecgraph_watch_waited(watch))
	{
		index->waited = true;
		vecgraph_ahead_begin(&index->ahead, index->relation, index->strategy != NULL, &index->mem);
	}
}

/*
 * Asks for a page that will be read soon, unless it was asked for lately or is in the buffers. That not too many are asked for is the
 * caller's business. Locks, pins and reads nothing.
 */
extern void vecgraph_ahead_ask(VecGraphAhead *ahead, BlockNumber block);

/* ---- vecgraph_slots.c: finding, locking and reading slots ---- */

/* The buffer that a page was last seen in, pinned, or InvalidBuffer: then read it, and note where it was found. Takes no lock. */
extern Buffer vecgraph_pin_recent(Relation relation, BlockNumber block);

/* Notes the buffer that a page was found in, pinned and checked by the caller. */
extern void vecgraph_note_recent(Relation relation, BlockNumber block, Buffer buffer);

/* The same for pages of tables, which nobody checks. */
extern Buffer vecgraph_pin_recent_row(Relation table, BlockNumber block);
extern void vecgraph_note_recent_row(Relation table, BlockNumber block, Buffer buffer);

/*
 * Only asks the CPU for memory of the buffer pool: so many bytes of a slot. Whatever page is there by now, nothing is read from
 * it, so neither pin nor lock is needed.
 */
extern void vecgraph_prefetch_slot(const VecGraphIndex *index, VxNodeId id, uint32 bytes);

/*
 * Reads and locks (BUFFER_LOCK_SHARE or _EXCLUSIVE) the page of a node id and returns its slot, checked. The caller
 * unlocks and releases the buffer. Errors: a page that has changed since a snapshot that is too old.
 */
extern VxSlot *vecgraph_lock_slot(VecGraphIndex *index, VxNodeId id, int mode, Buffer *buffer);

/*
 * Reads and locks a node page, checked with all its slots, but for what depends on other pages. False for a block that has no
 * nodes, and for a last page that was never filled: then nothing is locked. The caller unlocks and releases the buffer
 * otherwise. Errors: as above.
 */
extern bool vecgraph_lock_nodes(VecGraphIndex *index, BlockNumber block, int mode, Buffer *buffer);

/* Whether a slot, locked or copied, holds this very vector; its hash must do where only the heap has the vector. */
extern bool vecgraph_slot_has_point(const VxSpace *space, const VxGeometry *geometry, VxSlot *slot, const VxPoint *point);

/* Writes a point to the image of a slot, as the storage of the index wants it. */
extern void vecgraph_slot_set_point(const VxSpace *space, const VxGeometry *geometry, VxSlot *slot, const VxPoint *point);

/*
 * The vector of a slot, exact or, with VX_STORAGE_HALF, as half precision has it. Where it is stored as halves it is valid until
 * the next call, else as long as the slot is locked. Only where vx_storage_has_vector.
 */
extern const VxPoint *vecgraph_slot_point(VecGraphIndex *index, VxSlot *slot);

/* Copies the vector of a node, as vecgraph_slot_point has it; false if it is gone. */
extern bool vecgraph_copy_point(VecGraphIndex *index, VxNodeId id, VxPoint *copy);

/* What a scan is handed with each node that it finds: VxEdges.payload. */
typedef struct VecGraphPayload
{
	VxNodeId	chain;
	VxHeapTid	tids[VX_INLINE_TIDS];
	uint8		tid_count;
} VecGraphPayload;

/* Copies what a scan wants of a slot, locked or copied. */
extern void vecgraph_fill_payload(const VxSlot *slot, VecGraphPayload *payload);

/* ---- vecgraph_tids.c: the heap TIDs of a node, inline and in its chain ---- */

/*
 * Adds a heap TID to a node that has this very vector: inline, in the newest slot of its chain, or in a new one. False if the
 * node is not live, or not this vector, any more. Takes one slot's lock at a time, and what vecgraph_take_slot does.
 */
extern bool vecgraph_add_tid(VecGraphIndex *index, VxNodeId id, const VxPoint *point, ItemPointer heap_tid);

/* A walk along the chain of a node. */
typedef struct VecGraphChain
{
	VxNodeId	node;
	VxNodeId	next;			/* the slot to be read, VX_NO_NODE at the end */
	uint32		steps;			/* slots read, from the first on */
	int			restarts;
} VecGraphChain;

/* The chain of a node from a slot on. */
static inline VecGraphChain
vecgraph_chain_from(VxNodeId node, VxNodeId next)
{
	VecGraphChain chain = {.node = node,.next = next};

	return chain;
}

/* The chain that a node has now, from its first slot on; an empty one for what is no live node. */
extern VecGraphChain vecgraph_chain_of(VecGraphIndex *index, VxNodeId node);

/*
 * Reads and locks (share) the next slot of a chain and goes on behind it. NULL if it is not in this chain any more; the chain
 * stays there. The caller unlocks and releases the buffer in any case.
 */
extern VxTidSlot *vecgraph_chain_lock_next(VecGraphIndex *index, VecGraphChain *chain, Buffer *buffer);

/* Whether so many slots were read that the chain must be a circle. */
static inline bool
vecgraph_chain_is_circle(const VecGraphIndex *index, const VecGraphChain *chain)
{
	return chain->steps > index->id_bound;
}

/*
 * Goes back to the first slot that the chain has now, and copies the inline heap TIDs with it, none if the node is gone. False
 * if that was done so often that the chain must be broken.
 */
extern bool vecgraph_chain_restart(VecGraphIndex *index, VecGraphChain *chain, VecGraphPayload *payload);

/*
 * Turns a slot of TIDs of an owner that is in no chain into a deleted one, for VACUUM to free; false if it is not that any more.
 */
extern bool vecgraph_drop_tid_slot(VecGraphIndex *index, VxNodeId id, VxNodeId owner);

/*
 * For VACUUM: takes an empty slot out of a chain: previous, the node or slot before it, gets its link, and the slot becomes
 * deleted, in one record. *emptied tells whether previous is a deleted node now. Two pages are locked at once, in block order, and
 * none on return.
 * False if the slot is not empty, or previous does not lead to it, any more.
 */
extern bool vecgraph_unlink_tid_slot(VecGraphIndex *index, VxNodeId previous, VxNodeId victim, bool *emptied);

/* ---- vecgraph_alloc.c: taking and giving back slots ---- */

/* Digests to be written, of n nodes; what is NULL stays as it is. */
typedef struct VecGraphDigests
{
	const uint8 *codes;			/* [n][code_bytes] */
	const uint64 *signatures;	/* [n][filter_count] */
} VecGraphDigests;

/* Writes the image of a slot that was free; its version has been raised, and stays. */
typedef void (*VecGraphFill) (const VecGraphIndex *index, VxSlot *slot, void *context);

/*
 * Takes a free slot, adding pages if there is none, lets fill() write its image (state included), and logs that together with its
 * digest (NULL: none). fill (VecGraphFill) is called with the page locked, and raises no error. Then follows the log of codes, if there
 * was a digest and the index has codes. Returns the id. Errors: no room for more ids.
 */
extern VxNodeId vecgraph_take_slot(VecGraphIndex *index, VecGraphFill fill, void *context, const VecGraphDigests *digest);

/*
 * Frees those slots of one node page that are deleted and selected, in one record; returns how many. For VACUUM: nothing leads to
 * them. selected() is called with the meta page and this page locked.
 */
extern int	vecgraph_free_slots(VecGraphIndex *index, BlockNumber block,
								bool (*selected) (void *context, VxNodeId id), void *context);

/* ---- vecgraph_code_pages.c: codes, signatures, models and the log of codes on their pages ---- */

/*
 * Reads the digests of n nodes from their pages, one share lock after the other; for vecgraph_cache_fetch. context is a
 * VecGraphIndex. Node pages may be locked.
 */
extern void vecgraph_read_digests(void *context, uint32 first, uint32 n, const VecGraphDigestParts *out);

/* Asks for the first pages of those that have the digests of n nodes, as many as may be read at a time, once the index asks for pages. */
extern void vecgraph_ask_for_digests(VecGraphIndex *index, uint32 first, uint32 n);

/* The same, codes only. */
extern void vecgraph_read_codes(VecGraphIndex *index, uint32 first, uint32 n, uint8 *out);

/* Reads the signature [filter_count] of a node from its page; share lock as above. */
extern void vecgraph_read_signature(VecGraphIndex *index, VxNodeId id, uint64 *signature);

/* Where digests are written: their page and that of the log of codes, pinned and exclusively locked, or no buffers. */
typedef struct VecGraphDigestPlace
{
	Buffer		codes;
	Buffer		log;
} VecGraphDigestPlace;

/* Pins and locks them for the digest of a node, unless there is nothing in it or it is NULL. Take no other page lock after these. */
extern VecGraphDigestPlace vecgraph_lock_digest(VecGraphIndex *index, VxNodeId id, const VecGraphDigests *digests);

/*
 * Writes the digests of n nodes, all of that page, unless NULL, and notes it in the log, as parts of a change that is finished before
 * the place is unlocked. Then the caller lets the cache catch up.
 */
extern void vecgraph_put_digests(VecGraphIndex *index, VecGraphDelta *delta, VecGraphDigestPlace place, const VxNodeId *ids,
								 const VecGraphDigests *digests, uint32 n);

/* Unlocks and releases both, unless there are none. The change is finished. */
extern void vecgraph_unlock_digest(VecGraphDigestPlace place);

/* The three in one, and a record of its own. */
extern void vecgraph_write_digests(VecGraphIndex *index, const VxNodeId *ids, const VecGraphDigests *digests, uint32 n);

/*
 * Reads the model [model_bytes] from the pages of a parity, one share lock after the other: if a fit writes it meanwhile, what is
 * read is a mixture, and the caller is to check it.
 */
extern void vecgraph_read_model(VecGraphIndex *index, int parity, void *model);

/* Writes a model to those pages, a record for each. Call for a parity that the meta page does not speak of, with the table's lock. */
extern void vecgraph_write_model(VecGraphIndex *index, int parity, const void *model);

/* The page of the log of codes, checked and pinned, not locked. The caller releases the buffer. */
extern Buffer vecgraph_pin_code_log(VecGraphIndex *index);

/* ---- vecgraph_codes.c: the codes of an index, as one backend sees them ---- */

typedef struct VecGraphCodes
{
	Oid			index_oid;
	uint32		epoch;			/* of the models in the codec */
	uint32		flags;
	MemoryContext context;		/* of all this */
	VxCodec		codec;
	MemoryContext models;		/* of the codec's; NULL: none yet */
	VecGraphCacheView view;

	/* of vecgraph_codes.c alone */
	int			uses;			/* open indexes that have them */
	bool		kept;			/* found when the index is opened next */
	dlist_node	link;			/* of those kept */
	Size		bytes;			/* what they took when they were last kept or released */
} VecGraphCodes;

/*
 * The codes of an index, with the models that its meta page speaks of; NULL if it has no codes, or they need training: then it is not
 * in the cache, and signatures, if it has any, are read from their pages. They
 * are there until the index's memory goes, or the next call, which may return others.
 */
extern VecGraphCodes *vecgraph_codes_open(VecGraphIndex *index);

/*
 * Call when scoring met codes of an epoch that the query was not prepared for; reloads the models if the meta page says that there
 * are newer ones, and follows the log. Returns whether the query is to be prepared again. Errors: a damaged model.
 */
extern bool vecgraph_codes_follow(VecGraphIndex *index, const VxCodeQuery *query);

/*
 * Where the code of a node can be read (VX_CODE_OVERREAD bytes behind it, too): in the cache, or in the index's copy number
 * place (< VX_MAX_EDGES), which stays until that place is used again.
 */
extern const uint8 *vecgraph_code(VecGraphIndex *index, VxNodeId id, uint32 place);

/* The same for n <= VX_MAX_EDGES nodes, to codes [n]; those that are not in the cache are in the places of their order. Starts to fetch them. */
extern void vecgraph_find_codes(VecGraphIndex *index, const VxNodeId *ids, uint32 n, const void **codes);

/* ---- vecgraph_code_log.c: how changed codes become known to caches ---- */

/*
 * Follows the log of codes: every change of a code that was written, or replayed, before the call is in the cache when this returns.
 * Cheap where nothing has changed, and nothing without a region. index->codes is there. Errors: a damaged log or code page.
 */
extern void vecgraph_codes_catch_up(VecGraphIndex *index);

/* Checks the log of codes. Errors: it names pages that are not code pages of this index, or has more entries than changes. */
extern void vecgraph_check_code_log(VecGraphIndex *index);

/* ---- vecgraph_index.c: opening an index ---- */

/*
 * Opens an index: memory is taken from the context, which outlives it; strategy, snapshot and building are for the caller to set.
 * Follows the log of codes. Errors: another format version.
 */
extern void vecgraph_index_open(VecGraphIndex *index, Relation relation, MemoryContext context);

/* Reads the meta page again, since entries, codes, free page and largest norm may have changed, and follows the log. Errors: the same. */
extern void vecgraph_index_refresh(VecGraphIndex *index);

#endif							/* VECGRAPH_PAGE_H */
