/*
 * vecgraph_check.c: whether an index is what it should be: vecgraph_check, and what vecgraph_info asks.
 *
 * vecgraph_check keeps writers out, so whatever does not fit together is corruption. vecgraph_info lets them go on: each page that it
 * reads is whole, so it complains of what is wrong within one, but its numbers are of pages read one after the other.
 *
 * On a standby nobody can keep replay out, and vecgraph_check, too, reads pages one after the other. There it asserts what holds
 * within a page, and, as every row of its snapshot is indexed before that and keeps its place, that none of them is missing. What it
 * finds wrong between pages (edges, chains, the list of free pages, heap TIDs met twice, codes) counts only if no page that it has
 * read was changed after it began, by their LSNs; otherwise it says that it does not know. Replay that is paused, or has nothing to
 * do, makes it as thorough as on a primary.
 */
#include "am/ops/vecgraph_ops.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "distance/vx_half.h"
#include "graph/vx_check.h"

VECIDX_SQL_FUNCTION(vecgraph_check);

/* A heap TID of the index, and whether the heap scan has met it. */
typedef struct IndexedTid
{
	ItemPointerData tid;
	VxNodeId	node;
	char		status;
} IndexedTid;

#define SH_PREFIX indexed
#define SH_ELEMENT_TYPE IndexedTid
#define SH_KEY_TYPE ItemPointerData
#define SH_KEY tid
#define SH_HASH_KEY(table, key) vecgraph_tid_hash(&(key))
#define SH_EQUAL(table, a, b) ItemPointerEquals(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct VecGraphCheck
{
	Relation	index;
	VecGraphStore *store;
	VecGraphColumns columns;
	MemoryContext row_context;	/* of a row of the table */
	VecGraphSurvey *found;
	BlockNumber blocks;			/* of the index when this began; what is added later is left out */
	BlockNumber listed;			/* of these, pages with free slots */
	uint32		bound;			/* of the ids on them */
	uint8	   *states;			/* [bound] VxSlotState */
	char	   *page;			/* copy of the node page at hand */
	uint8	   *codes;			/* [nodes_per_page][code_bytes] its nodes' codes */
	uint8	   *made_code;		/* room for a code as it should be */
	XLogRecPtr	replayed;		/* on a standby, how far replay was when this began; else invalid */
	XLogRecPtr	newest;			/* of the LSNs of pages that were read */
	bool		overtaken;		/* something did not fit together, perhaps because replay has changed it meanwhile */
	VxVisited	in_chain;
	indexed_hash *tids;
	VxRobustSum *code_error;	/* squared distances of vectors from what their codes say */
	VxSample	sample;			/* of those vectors, under cosine of their directions */
	MemoryContext context;
} VecGraphCheck;

/* How often a page is read again because a fit goes on. Each takes it a walk through the whole index. */
#define MODEL_ATTEMPTS 8

static void
broken(VecGraphCheck *check, VxNodeId id, const char *what)
{
	vecgraph_slot_corrupted(&check->store->index, id, what);
}

static void
note_page(VecGraphCheck *check, Page page)
{
	check->newest = Max(check->newest, PageGetLSN(page));
}

/*
 * Something between pages is broken, unless replay has changed one of them (or the meta page, which was read first) after another was
 * read. Returns then. No lock is held.
 */
static void
misfit(VecGraphCheck *check, BlockNumber block, int slot, const char *what)
{
	if (!XLogRecPtrIsInvalid(check->replayed))
	{
		Buffer		meta = vecgraph_lock_meta(&check->store->index, BUFFER_LOCK_SHARE);

		note_page(check, BufferGetPage(meta));
		UnlockReleaseBuffer(meta);
		check->overtaken |= check->newest > check->replayed;
	}
	if (!check->overtaken)
		vecgraph_corrupted(check->index, block, slot, what);
}

static void
node_misfit(VecGraphCheck *check, VxNodeId id, const char *what)
{
	misfit(check, vx_id_block(&check->store->index.geometry, id), (int) vx_id_slot(&check->store->index.geometry, id), what);
}

static void
begin_check(VecGraphCheck *check, Relation index, VecGraphStore *store, VecGraphSurvey *found)
{
	const VxGeometry *g = &store->index.geometry;

	memset(check, 0, sizeof(*check));
	memset(found, 0, sizeof(*found));
	check->store = store;
	check->found = found;
	if (RecoveryInProgress())
		check->replayed = GetXLogReplayRecPtr(NULL);
	check->context = CurrentMemoryContext;
	check->index = index;
	vecgraph_store_open(check->store, index, CurrentMemoryContext);
	check->blocks = RelationGetNumberOfBlocks(index);
	check->bound = vx_id_bound(g, check->blocks);
	check->states = vx_alloc(&check->store->index.mem, Max(check->bound, 1));
	memset(check->states, VX_SLOT_FREE, check->bound);
	check->code_error = palloc(sizeof(VxRobustSum));
	vx_robust_begin(check->code_error);
	vx_sample_init(&check->sample, &check->store->index.mem, g->coded_dim, vx_robust_sample(g->coded_dim), 1);
	check->page = palloc(BLCKSZ);
	check->codes = palloc((Size) g->nodes_per_page * g->code_bytes + VX_CODE_OVERREAD);
	check->made_code = palloc(g->code_bytes + VX_CODE_OVERREAD);
	vx_visited_init(&check->in_chain, &check->store->index.mem);
}

/* ---- pages and slots ---- */

/* Notes a heap TID in the slot of an id, which is one of the node's. */
static void
collect_tid(VecGraphCheck *check, VxNodeId id, VxNodeId node, const VxHeapTid *tid)
{
	ItemPointerData item;
	bool		found;

	check->found->tids++;
	if (check->tids == NULL)
		return;
	vecgraph_tid_get(tid, &item);
	if (!ItemPointerIsValid(&item))
		broken(check, id, "an invalid heap TID");
	indexed_insert(check->tids, item, &found)->node = node;
	if (found)
		node_misfit(check, id, psprintf("heap TID (%u,%u) is indexed twice",
										ItemPointerGetBlockNumber(&item), ItemPointerGetOffsetNumber(&item)));
}

static void
check_node(VecGraphCheck *check, VxNodeId id, VxSlot *slot)
{
	const VxGeometry *g = &check->store->index.geometry;

	if (slot->state == VX_SLOT_LIVE && slot->tid_count == 0 && slot->chain == VX_NO_NODE)
		broken(check, id, "a live node without heap TIDs");
	if (slot->state == VX_SLOT_DELETED && (slot->tid_count != 0 || slot->chain != VX_NO_NODE))
		broken(check, id, "a deleted node with heap TIDs");
	if (slot->state == VX_SLOT_LIVE && vx_storage_is_exact(g->storage)
		&& !vx_space_is_sound(&check->store->index.space, vecgraph_slot_point(&check->store->index, slot)))
		broken(check, id, "the stored norm is not that of the vector");
	for (int i = 0; i < slot->degree; i++)
	{
		if (slot->edges[i] == id)
			broken(check, id, "a node with an edge to itself");
		for (int j = 0; j < i; j++)
			if (slot->edges[i] == slot->edges[j])
				broken(check, id, "a node with two edges to the same node");
	}
	check->found->edges += slot->state == VX_SLOT_LIVE ? slot->degree : 0;
}

/*
 * How far the halves of a node may be from its vector, as codes measure; 0 where the node has the vector itself. A half is right to
 * 2^-11 of its value, a tiny one to 2^-25, in the units of halves; the largest may stand for anything.
 */
static double
half_error(VecGraphCheck *check, const VxPoint *point)
{
	const VxSpace *space = &check->store->index.space;
	double		scale;
	double		sum2 = 0;

	if (check->store->index.geometry.storage != VX_STORAGE_HALF)
		return 0;
	scale = (double) vx_half_scale(point->norm2, space->dim);
	for (uint32 i = 0; i < space->dim; i++)
	{
		double		x = fabs((double) point->x[i]);
		double		error = Max(x / 2048, 1.0 / (1 << 25) / scale);

		if (!(x * scale < 65504))
			return get_float8_infinity();
		sum2 += error * error;
	}
	return sqrt(sum2) / (double) vx_space_unit_length(space, point);
}

/*
 * A code stands for its node's vector as nearly as a new one would. (It need not be the same: processors differ in the last
 * bits of sums, and half precision in more.) Also adds up how much the codes lose.
 */
static void
check_code(VecGraphCheck *check, VxNodeId id, VxSlot *slot, const uint8 *code)
{
	VxCodec    *codec = &check->store->index.codes->codec;
	const VxPoint *point = vecgraph_slot_point(&check->store->index, slot);
	double		unsure = half_error(check, point);
	bool		known;
	int			parity = vx_codec_parity_of(codec, code, &known);
	bool		near = false;
	float		norm2 = 0;
	float		stored;
	float		made;

	/* vectors too long for floats have no sensible codes, not even a sign that tells the model */
	if (isinf(unsure) || !isfinite(vx_space_norm2(&check->store->index.space, point)))
		return;
	if (known)
	{
		stored = codec->ops->error(codec, point, code, &norm2);
		codec->ops->encode(codec, parity, point, check->made_code);
		made = codec->ops->error(codec, point, check->made_code, NULL);
		/* written so that NaN is wrong; relative to a mean a vector may yet be too long */
		near = sqrt(stored) <= sqrt(1.1f * made + 1e-3f * norm2) + 2 * unsure * sqrt(codec->unit2);
	}
	if (near)
	{
		float	   *row = vx_sample_add(&check->sample);

		vx_robust_add(check->code_error, stored);
		if (row != NULL)
			vx_space_coded(&check->store->index.space, point, row);
	}
	else if (isfinite(norm2) && check->tids != NULL)
		node_misfit(check, id, known ? "the code is not that of the vector" : "the code is of an unknown model");
}

/* How far coded vectors are from their middle, as a squared distance in the units of the codec. */
static double
spread_of(VecGraphCheck *check)
{
	float	   *mean = palloc(check->store->index.geometry.coded_dim * sizeof(float));
	double		spread = vx_robust_mean(&check->store->index.mem, &check->sample, mean);

	pfree(mean);
	return check->store->index.codes == NULL ? 0 : spread * check->store->index.codes->codec.unit2;
}

/* A code or model page is of its kind; what is in it is checked against the nodes. */
static void
check_data_page(VecGraphCheck *check, BlockNumber block)
{
	const VxGeometry *g = &check->store->index.geometry;
	Buffer		buffer;

	if (block < g->first_segment && block == vx_code_log_block(g->first_segment))
	{
		vecgraph_check_code_log(&check->store->index);
		return;
	}
	buffer = vecgraph_read_and_lock(check->index, block, NULL, BUFFER_LOCK_SHARE);
	if (block < g->first_segment)
		vecgraph_check_model_page(check->index, buffer, g);
	else if (!vecgraph_is_unfilled(check->index, buffer))
		vecgraph_check_code_page(check->index, buffer, g);
	UnlockReleaseBuffer(buffer);
}

/*
 * Copies a node page and the codes of its nodes, which are written together. False for a page that was never filled; other pages that
 * are not what they should be are errors.
 */
static bool
copy_page(VecGraphCheck *check, BlockNumber block)
{
	const VxGeometry *g = &check->store->index.geometry;
	Buffer		buffer;

	if (!vecgraph_lock_nodes(&check->store->index, block, BUFFER_LOCK_SHARE, &buffer))
		return false;
	memcpy(check->page, BufferGetPage(buffer), BLCKSZ);
	note_page(check, check->page);
	if (check->store->computer.ops->scores_codes)
		vecgraph_read_codes(&check->store->index, vx_block_first_id(g, block), g->nodes_per_page, check->codes);
	UnlockReleaseBuffer(buffer);
	return true;
}

/* Whether the models of all codes on the copied page are known. */
static bool
models_known(VecGraphCheck *check)
{
	const VxGeometry *g = &check->store->index.geometry;
	bool		known = true;

	if (!check->store->computer.ops->scores_codes)
		return true;
	for (uint32 i = 0; i < g->nodes_per_page && known; i++)
		if (vx_slot(g, vecgraph_page_body(check->page), i)->state == VX_SLOT_LIVE)
			vx_codec_parity_of(&check->store->index.codes->codec, check->codes + (Size) i * g->code_bytes, &known);
	return known;
}

static void
check_slot(VecGraphCheck *check, VxNodeId id, VxSlot *slot, const uint8 *code)
{
	const VxGeometry *g = &check->store->index.geometry;
	bool		is_live = slot->state == VX_SLOT_LIVE;
	const char *wrong = vx_slot_check(g, slot, check->bound, is_live);
	const VxHeapTid *tids;
	uint32		tid_count;

	/* it may lead to a page that was added after the bound was asked for */
	if (wrong != NULL)
		wrong = vx_slot_check(g, slot, vx_id_bound(g, RelationGetNumberOfBlocks(check->index)), is_live);
	if (wrong != NULL)
		broken(check, id, wrong);
	check->states[id] = slot->state;
	check->found->slots[slot->state]++;
	if (is_live && check->store->computer.ops->scores_codes && vx_storage_has_vector(g->storage))
		check_code(check, id, slot, code);
	if (vx_slot_is_node(slot))
		check_node(check, id, slot);
	tids = vx_slot_tids(slot, &tid_count);
	for (uint32 i = 0; i < tid_count; i++)
		collect_tid(check, id, slot->state == VX_SLOT_TIDS ? ((VxTidSlot *) slot)->owner : id, &tids[i]);
}

static void
check_page(VecGraphCheck *check, BlockNumber block)
{
	const VxGeometry *g = &check->store->index.geometry;
	VxPageSpecial *special = vecgraph_page_special(check->page);
	VxNodeId	first;
	uint32		free_slots = 0;

	CHECK_FOR_INTERRUPTS();
	if (!vx_block_has_nodes(g, block))
	{
		check->found->code_pages += vx_block_has_codes(g, block);
		check_data_page(check, block);
		return;
	}
	if (!copy_page(check, block))
		return;
	/* a fit that goes on has made codes by a model that is not known here yet, or forgotten the one that is */
	for (int attempt = 0; attempt < MODEL_ATTEMPTS && !models_known(check); attempt++)
	{
		vecgraph_store_refresh(check->store);
		copy_page(check, block);
	}
	first = vx_block_first_id(g, block);
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(check->page), i);

		check_slot(check, first + i, slot, check->codes + (Size) i * g->code_bytes);
		free_slots += slot->state == VX_SLOT_FREE;
	}
	if (free_slots != special->free_slots)
		vecgraph_corrupted(check->index, block, -1, "the count of free slots is wrong");
	if ((free_slots > 0) != (special->next_free != VX_NOT_LISTED))
		vecgraph_corrupted(check->index, block, -1, "free slots outside the list of free pages, or a full page in it");
	check->listed += free_slots > 0;
}

/* ---- what crosses pages ---- */

static void
check_free_list(VecGraphCheck *check)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(check->index);
	BlockNumber steps = 0;

	for (BlockNumber block = check->store->index.meta.free_page; block != VX_NO_BLOCK;)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		if (block >= blocks || !vx_block_has_nodes(&check->store->index.geometry, block) || steps++ > blocks)
			block = VX_NOT_LISTED;
		else
		{
			buffer = vecgraph_read_and_lock(check->index, block, NULL, BUFFER_LOCK_SHARE);
			note_page(check, BufferGetPage(buffer));
			block = vecgraph_page_special(BufferGetPage(buffer))->next_free;
			UnlockReleaseBuffer(buffer);
		}
		if (block == VX_NOT_LISTED)
		{
			misfit(check, VECGRAPH_META_BLOCK, -1, "the list of free pages is broken");
			return;
		}
	}
	if (steps != check->listed)
		misfit(check, VECGRAPH_META_BLOCK, -1, "the list of free pages does not lead to all of them");
}

/* Edges of live nodes lead to nodes; chains lead through slots of their own, each in one chain only. */
static void
check_links(VecGraphCheck *check, VxNodeId id)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&check->store->index, id, BUFFER_LOCK_SHARE, &buffer);
	VecGraphChain chain = vecgraph_chain_from(id, slot->chain);
	bool		dangling = false;

	for (int i = 0; i < slot->degree; i++)
		dangling |= slot->edges[i] < check->bound && check->states[slot->edges[i]] != VX_SLOT_LIVE
			&& check->states[slot->edges[i]] != VX_SLOT_DELETED;
	note_page(check, BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	if (dangling)
		node_misfit(check, id, "an edge leads to a slot that is not a node");

	while (chain.next != VX_NO_NODE)
	{
		VxNodeId	here = chain.next;
		bool		mine = vecgraph_chain_lock_next(&check->store->index, &chain, &buffer) != NULL;

		note_page(check, BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
		if (!mine || !vx_visited_add(&check->in_chain, here))
		{
			node_misfit(check, here, "a chain of heap TIDs is broken");
			return;
		}
	}
}

/* How many live nodes a search can never meet. */
static uint64
count_unreachable(VecGraphCheck *check)
{
	VxVisited	reached;
	uint64		unreachable = 0;

	vx_visited_init(&reached, &check->store->index.mem);
	vx_check_reach(&check->store->base, &check->store->index.mem, check->bound, &reached);
	for (VxNodeId id = 0; id < check->bound; id++)
		unreachable += check->states[id] == VX_SLOT_LIVE && !vx_visited_has(&reached, id);
	vx_visited_free(&reached);
	return unreachable;
}

void
vecgraph_survey(Relation index, VecGraphStore *store, VecGraphSurvey *found)
{
	VecGraphCheck check;

	begin_check(&check, index, store, found);
	for (BlockNumber block = store->index.geometry.first_segment; block < check.blocks; block++)
		check_page(&check, block);
	found->unreachable = count_unreachable(&check);
	found->bound = check.bound;
	found->measured = check.code_error->total > 0;
	found->code_error = vx_robust_result(check.code_error);
	found->spread = spread_of(&check);
}

/* ---- the heap ---- */

/* Whether what code pages say of a node's filter columns is what the row has there. On a standby replay may have gone on. */
static void
check_signature(VecGraphCheck *check, VxNodeId node, const VecGraphRow *row)
{
	uint64		signature[VX_MAX_FILTERS];
	uint32		filter_count = check->store->index.geometry.filter_count;

	if (filter_count == 0)
		return;
	vecgraph_read_signature(&check->store->index, node, signature);
	if (memcmp(signature, row->signature, filter_count * sizeof(uint64)) != 0)
		node_misfit(check, node, psprintf("the signature is not that of heap row (%u,%u)", ItemPointerGetBlockNumber(&row->tid),
										  ItemPointerGetOffsetNumber(&row->tid)));
}

static void
heap_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	VecGraphCheck *check = state;
	IndexedTid *indexed;
	VecGraphRow row;
	MemoryContext old_context = MemoryContextSwitchTo(check->row_context);
	bool		is_indexed;

	MemoryContextReset(check->row_context);
	is_indexed = vecgraph_make_row(&check->columns, &check->store->index.space, values, isnull, tid, check->row_context, &row);
	MemoryContextSwitchTo(old_context);
	if (!is_indexed)
		return;
	indexed = indexed_lookup(check->tids, *tid);
	if (indexed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" lacks heap row (%u,%u)", RelationGetRelationName(index),
						ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid)),
				 errhint("Please REINDEX it.")));
	check_signature(check, indexed->node, &row);
}

static void
check_heap(VecGraphCheck *check, Relation heap, Snapshot snapshot)
{
	IndexInfo  *info = BuildIndexInfo(check->index);
	TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, true);

	/* like a concurrent build: rows as the snapshot sees them, by the TIDs of their HOT chains' roots */
	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	check->row_context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph check row", ALLOCSET_DEFAULT_SIZES);
	vecgraph_columns_open(check->index, CurrentMemoryContext, &check->columns);
	vecgraph_check_kinds(check->index, &check->columns.filters, &check->store->index.meta);
	table_index_build_scan(heap, check->index, info, true, false, heap_row, check, scan);
}

/*
 * vecgraph_check(index regclass, heapallindexed boolean) returns void
 *
 * Raises ERRCODE_INDEX_CORRUPTED for the first broken invariant: pages and slots well formed, free slots counted and
 * listed, edges to nodes only and never twice, chains whole, each heap TID once, and with heapallindexed every visible row
 * present. Nodes that no search can reach are not corruption (scans still return them, last): a WARNING counts them.
 * Takes a share lock on the table, so writers wait; on a standby, where there are none, an access share lock, and a NOTICE tells if
 * replay got in the way (see above).
 */
Datum
vecgraph_check(PG_FUNCTION_ARGS)
{
	Oid			index_oid = PG_GETARG_OID(0);
	bool		heap_all_indexed = PG_GETARG_BOOL(1);
	LOCKMODE	mode = RecoveryInProgress() ? AccessShareLock : ShareLock;
	Relation	heap;
	Relation	index = vecgraph_open_index_and_table(index_oid, AccessShareLock, mode, &heap);
	Snapshot	snapshot;
	VecGraphCheck check;
	VecGraphStore store;
	VecGraphSurvey found;

	/* not the transaction's: one that is older than the index sees rows that it need not have (indcheckxmin) */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	begin_check(&check, index, &store, &found);
	check.tids = indexed_create(CurrentMemoryContext, 1024, NULL);
	for (BlockNumber block = VECGRAPH_META_BLOCK + 1; block < check.blocks; block++)
		check_page(&check, block);
	check_free_list(&check);
	for (VxNodeId id = 0; id < check.bound; id++)
		if (check.states[id] == VX_SLOT_LIVE)
			check_links(&check, id);
	/* nodes without any entry are unreachable, too: an insert into an empty index that died before it made its node one */
	found.unreachable = count_unreachable(&check);
	if (heap_all_indexed)
	{
		VecGraphOwnerRights rights;

		vecgraph_begin_owner_rights(heap, &rights);
		check_heap(&check, heap, snapshot);
		vecgraph_end_owner_rights(&rights);
	}
	if (check.overtaken)
		ereport(NOTICE,
				(errmsg("index \"%s\" could not be checked fully because replay changed it meanwhile",
						RelationGetRelationName(index)),
				 errdetail("Its pages are sound each, but not all of them were read as of the same time."),
				 errhint("Call pg_wal_replay_pause() first.")));
	else if (found.unreachable > 0)
		ereport(WARNING,
				(errmsg("%llu of %llu nodes of index \"%s\" cannot be reached by a search",
						(unsigned long long) found.unreachable, (unsigned long long) found.slots[VX_SLOT_LIVE],
						RelationGetRelationName(index)),
				 errhint("REINDEX links them again, and so does a VACUUM that has to repair most nodes.")));

	UnregisterSnapshot(snapshot);
	relation_close(index, AccessShareLock);
	table_close(heap, mode);
	PG_RETURN_VOID();
}
