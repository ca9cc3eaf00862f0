/*
 * vecgraph_inspect.c: looking inside an index from SQL: vecgraph_check and vecgraph_info.
 */
#include "am/vecgraph.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "graph/vx_check.h"

VECIDX_SQL_FUNCTION(vecgraph_check);
VECIDX_SQL_FUNCTION(vecgraph_info);
VECIDX_SQL_FUNCTION(vecgraph_prewarm);
VECIDX_SQL_FUNCTION(vecgraph_train);

/* A heap TID of the index, and whether the heap scan has met it. */
typedef struct IndexedTid
{
	ItemPointerData tid;
	char		status;
} IndexedTid;

#define SH_PREFIX indexed
#define SH_ELEMENT_TYPE IndexedTid
#define SH_KEY_TYPE ItemPointerData
#define SH_KEY tid
#define SH_HASH_KEY(table, key) \
	((ItemPointerGetBlockNumberNoCheck(&(key)) * 0x9E3779B1u) ^ (ItemPointerGetOffsetNumberNoCheck(&(key)) * 0x85EBCA77u))
#define SH_EQUAL(table, a, b) ItemPointerEquals(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct VecGraphCheck
{
	Relation	index;
	VecGraphStore store;
	uint32		bound;
	uint8	   *states;			/* [bound] VxSlotState */
	uint8	   *codes;			/* room for a code as it is stored, and as it should be */
	uint8	   *made_code;
	VxVisited	in_chain;
	indexed_hash *tids;
	uint64		counts[4];		/* slots by state */
	uint64		edges;
	uint64		tid_count;
	uint64		missing;		/* heap rows that are not indexed */
	double		code_error;		/* sum of squared distances of vectors from what their codes say */
	double	   *sum;			/* [dim] of the vectors, or their directions, that have codes */
	double		norm2_sum;		/* of their squared lengths */
	uint64		coded;
	MemoryContext context;
} VecGraphCheck;

static void
broken(VecGraphCheck *check, VxNodeId id, const char *what)
{
	vecgraph_corrupted(check->index, vx_id_block(&check->store.geometry, id),
					   (int) vx_id_slot(&check->store.geometry, id), what);
}

static void
begin_check(VecGraphCheck *check, Relation index)
{
	memset(check, 0, sizeof(*check));
	check->context = CurrentMemoryContext;
	check->index = index;
	vecgraph_store_open(&check->store, index, CurrentMemoryContext);
	check->bound = check->store.id_bound;
	check->states = vx_alloc(&check->store.mem, Max(check->bound, 1));
	memset(check->states, VX_SLOT_FREE, check->bound);
	check->sum = palloc0(check->store.geometry.dim * sizeof(double));
	check->codes = palloc(check->store.geometry.code_bytes + VX_CODE_OVERREAD);
	check->made_code = palloc(check->store.geometry.code_bytes + VX_CODE_OVERREAD);
	vx_visited_init(&check->in_chain, &check->store.mem);
}

/* ---- pages and slots ---- */

static void
collect_tid(VecGraphCheck *check, VxNodeId id, const VxHeapTid *tid)
{
	ItemPointerData item;
	bool		found;

	check->tid_count++;
	if (check->tids == NULL)
		return;
	vecgraph_tid_get(tid, &item);
	if (!ItemPointerIsValid(&item))
		broken(check, id, "an invalid heap TID");
	indexed_insert(check->tids, item, &found);
	if (found)
		broken(check, id, psprintf("heap TID (%u,%u) is indexed twice",
								   ItemPointerGetBlockNumber(&item), ItemPointerGetOffsetNumber(&item)));
}

static void
check_node(VecGraphCheck *check, VxNodeId id, VxSlot *slot)
{
	const VxGeometry *g = &check->store.geometry;

	if (slot->state == VX_SLOT_LIVE && slot->tid_count == 0 && slot->chain == VX_NO_NODE)
		broken(check, id, "a live node without heap TIDs");
	if (slot->state == VX_SLOT_DELETED && (slot->tid_count != 0 || slot->chain != VX_NO_NODE))
		broken(check, id, "a deleted node with heap TIDs");
	if (slot->state == VX_SLOT_LIVE && vx_storage_is_exact(g->storage))
	{
		const VxPoint *point = vecgraph_slot_point(&check->store, slot);

		if (fabsf(point->norm2 - vx_kernels->norm_squared(point->x, g->dim)) > 1e-3f * point->norm2)
			broken(check, id, "the stored norm is not that of the vector");
	}
	for (int i = 0; i < slot->degree; i++)
	{
		if (slot->edges[i] == id)
			broken(check, id, "a node with an edge to itself");
		for (int j = 0; j < i; j++)
			if (slot->edges[i] == slot->edges[j])
				broken(check, id, "a node with two edges to the same node");
	}
	check->edges += slot->state == VX_SLOT_LIVE ? slot->degree : 0;
	for (int i = 0; i < slot->tid_count; i++)
		collect_tid(check, id, &slot->tids[i]);
}

/*
 * A code stands for its node's vector as nearly as a new one would. (It need not be the same: processors differ in the last
 * bits of sums, and half precision in more.) Also adds up how much the codes lose.
 */
static void
check_code(VecGraphCheck *check, VxNodeId id, VxSlot *slot)
{
	VxCodec    *codec = &check->store.codes->codec;
	const VxPoint *point = vecgraph_slot_point(&check->store, slot);
	float		norm2;
	float		stored;
	float		made;
	bool		near;

	vecgraph_read_codes(&check->store, id, 1, check->codes);
	stored = vx_codec_error(codec, point, check->codes, &norm2);
	vx_codec_encode_as(codec, vx_codec_parity_of(codec, check->codes), point, check->made_code);
	made = vx_codec_error(codec, point, check->made_code, NULL);
	/* written so that NaN is wrong; vectors too long for floats have no sensible codes */
	near = stored <= 1.1f * made + 1e-3f * norm2;
	if (!near && isfinite(norm2))
		broken(check, id, "the code is not that of the vector");
	if (near)
	{
		check->code_error += stored;
		check->norm2_sum += check->store.space.metric == VX_METRIC_COSINE ? 1 : point->norm2;
		vx_codec_add_to_mean(codec, point, check->sum);
		check->coded++;
	}
}

/* Sum of the squared distances of the coded vectors from their mean. */
static double
scatter_of(VecGraphCheck *check)
{
	double		sum2 = 0;

	for (uint32 i = 0; i < check->store.geometry.dim; i++)
		sum2 += check->sum[i] * check->sum[i];
	return check->coded == 0 ? 0 : check->norm2_sum - sum2 / check->coded;
}

/* A code or model page is of its kind; what is in it is checked against the nodes. */
static void
check_data_page(VecGraphCheck *check, BlockNumber block)
{
	const VxGeometry *g = &check->store.geometry;
	Buffer		buffer = ReadBuffer(check->index, block);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (block < g->first_segment)
		vecgraph_check_model_page(check->index, buffer, g);
	else if (!vecgraph_is_unfilled(check->index, buffer))
		vecgraph_check_code_page(check->index, buffer, g);
	UnlockReleaseBuffer(buffer);
}

static void
check_page(VecGraphCheck *check, BlockNumber block)
{
	const VxGeometry *g = &check->store.geometry;
	Buffer		buffer;
	Page		page;
	uint32		free_slots = 0;

	CHECK_FOR_INTERRUPTS();
	if (!vx_block_has_nodes(g, block))
	{
		check_data_page(check, block);
		return;
	}
	buffer = ReadBuffer(check->index, block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (vecgraph_is_unfilled(check->index, buffer))
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	vecgraph_check_node_page(check->index, buffer, g);
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxNodeId	id = vx_block_first_id(g, block) + i;
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		const char *wrong = vx_slot_check(g, slot, check->bound, slot->state == VX_SLOT_LIVE);

		if (wrong != NULL)
			broken(check, id, wrong);
		check->states[id] = slot->state;
		check->counts[slot->state]++;
		if (slot->state == VX_SLOT_LIVE && check->store.by_codes && g->storage != VX_STORAGE_HEAP)
			check_code(check, id, slot);
		if (slot->state == VX_SLOT_FREE)
			free_slots++;
		else if (slot->state == VX_SLOT_TIDS)
			for (int j = 0; j < ((VxTidSlot *) slot)->tid_count; j++)
				collect_tid(check, id, &((VxTidSlot *) slot)->tids[j]);
		else
			check_node(check, id, slot);
	}
	if (free_slots != vecgraph_page_special(page)->free_slots)
		vecgraph_corrupted(check->index, block, -1, "the count of free slots is wrong");
	if ((free_slots > 0) != (vecgraph_page_special(page)->next_free != VX_NOT_LISTED))
		vecgraph_corrupted(check->index, block, -1, "free slots outside the list of free pages, or a full page in it");
	UnlockReleaseBuffer(buffer);
}

/* ---- what crosses pages ---- */

static void
check_free_list(VecGraphCheck *check)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(check->index);
	BlockNumber steps = 0;

	for (BlockNumber block = check->store.meta.free_page; block != VX_NO_BLOCK;)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		if (block >= blocks || !vx_block_has_nodes(&check->store.geometry, block) || steps++ > blocks)
			vecgraph_corrupted(check->index, VECGRAPH_META_BLOCK, -1, "the list of free pages is broken");
		buffer = ReadBuffer(check->index, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		block = vecgraph_page_special(BufferGetPage(buffer))->next_free;
		UnlockReleaseBuffer(buffer);
		if (block == VX_NOT_LISTED)
			vecgraph_corrupted(check->index, VECGRAPH_META_BLOCK, -1, "the list of free pages is broken");
	}
}

/* Edges of live nodes lead to nodes; chains lead through slots of their own, each in one chain only. */
static void
check_links(VecGraphCheck *check, VxNodeId id)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&check->store, id, BUFFER_LOCK_SHARE, &buffer);
	VxNodeId	next = slot->chain;
	bool		dangling = false;

	for (int i = 0; i < slot->degree; i++)
		dangling |= slot->edges[i] < check->bound && check->states[slot->edges[i]] != VX_SLOT_LIVE
			&& check->states[slot->edges[i]] != VX_SLOT_DELETED;
	UnlockReleaseBuffer(buffer);
	if (dangling)
		broken(check, id, "an edge leads to a slot that is not a node");

	while (next != VX_NO_NODE)
	{
		VxTidSlot  *more = (VxTidSlot *) vecgraph_lock_slot(&check->store, next, BUFFER_LOCK_SHARE, &buffer);
		VxNodeId	here = next;
		bool		mine = more->state == VX_SLOT_TIDS && more->owner == id;

		next = more->chain;
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
		if (!mine || !vx_visited_add(&check->in_chain, here))
			broken(check, here, "a chain of heap TIDs is broken");
	}
}

/* How many live nodes a search can never meet. */
static uint64
count_unreachable(VecGraphCheck *check)
{
	VxVisited	reached;
	uint64		unreachable = 0;

	vx_visited_init(&reached, &check->store.mem);
	vx_check_reach(&check->store.base, &check->store.mem, check->bound, &reached);
	for (VxNodeId id = 0; id < check->bound; id++)
		unreachable += check->states[id] == VX_SLOT_LIVE && !vx_visited_has(&reached, id);
	vx_visited_free(&reached);
	return unreachable;
}

/* ---- the heap ---- */

static void
heap_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	VecGraphCheck *check = state;
	VxPoint    *point;

	if (isnull[0])
		return;
	point = vecgraph_point_from_datum(check->store.opclass, &check->store.space, values[0], false, CurrentMemoryContext);
	if (point == NULL)
		return;
	pfree(point);
	if (indexed_lookup(check->tids, *tid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" lacks heap row (%u,%u)", RelationGetRelationName(index),
						ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid)),
				 errhint("Please REINDEX it.")));
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
	table_index_build_scan(heap, check->index, info, true, false, heap_row, check, scan);
}

/*
 * vecgraph_check(index regclass, heapallindexed boolean) returns void
 *
 * Raises ERRCODE_INDEX_CORRUPTED for the first broken invariant: pages and slots well formed, free slots counted and
 * listed, edges to nodes only and never twice, chains whole, each heap TID once, and with heapallindexed every visible row
 * present. Nodes that no search can reach are not corruption (scans still return them, last): a WARNING counts them.
 * Takes a share lock on the table, so writers wait; on a standby, where there are none, an access share lock.
 */
Datum
vecgraph_check(PG_FUNCTION_ARGS)
{
	Oid			index_oid = PG_GETARG_OID(0);
	bool		heap_all_indexed = PG_GETARG_BOOL(1);
	LOCKMODE	mode = RecoveryInProgress() ? AccessShareLock : ShareLock;
	Relation	heap;
	Relation	index = vecgraph_open_index_and_table(index_oid, AccessShareLock, mode, &heap);
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	VecGraphCheck check;
	uint64		unreachable;

	begin_check(&check, index);
	check.tids = indexed_create(CurrentMemoryContext, 1024, NULL);
	for (BlockNumber block = VECGRAPH_META_BLOCK + 1; block < RelationGetNumberOfBlocks(index); block++)
		check_page(&check, block);
	check_free_list(&check);
	for (VxNodeId id = 0; id < check.bound; id++)
		if (check.states[id] == VX_SLOT_LIVE)
			check_links(&check, id);
	if (check.counts[VX_SLOT_LIVE] > 0 && check.store.meta.entry_count == 0)
		vecgraph_corrupted(index, VECGRAPH_META_BLOCK, -1, "an index with nodes has no entry node");
	unreachable = count_unreachable(&check);
	if (heap_all_indexed)
	{
		VecGraphOwnerRights rights;

		vecgraph_begin_owner_rights(heap, &rights);
		check_heap(&check, heap, snapshot);
		vecgraph_end_owner_rights(&rights);
	}
	if (unreachable > 0)
		ereport(WARNING,
				(errmsg("%llu of %llu nodes of index \"%s\" cannot be reached by a search",
						(unsigned long long) unreachable, (unsigned long long) check.counts[VX_SLOT_LIVE],
						RelationGetRelationName(index)),
				 errhint("A VACUUM that removes rows links such nodes again, and REINDEX does.")));

	UnregisterSnapshot(snapshot);
	relation_close(index, AccessShareLock);
	table_close(heap, mode);
	PG_RETURN_VOID();
}

/*
 * vecgraph_info(index regclass) returns one record, see the SQL declaration. Reads the whole index.
 */
Datum
vecgraph_info(PG_FUNCTION_ARGS)
{
	static const char *const metrics[] = {"?", "l2", "ip", "cosine", "l1"};
	static const char *const storages[] = {"?", "full", "heap", "half", "full"};
	static const char *const code_kinds[] = {"none", "scalar4", "scalar2", "pq"};
	BlockNumber code_pages = 0;
	Relation	index = vecgraph_open_index(PG_GETARG_OID(0), AccessShareLock);
	VecGraphCheck check;
	TupleDesc	desc;
	double		scatter;
	Datum		values[23];
	bool		nulls[23] = {0};
	int			n = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	begin_check(&check, index);
	for (BlockNumber block = check.store.geometry.first_segment;
		 block < RelationGetNumberOfBlocks(index) && vx_id_bound(&check.store.geometry, block + 1) <= check.bound; block++)
	{
		check_page(&check, block);
		code_pages += vx_block_has_codes(&check.store.geometry, block);
	}

	values[n++] = Int32GetDatum(check.store.meta.format_version);
	values[n++] = CStringGetTextDatum(metrics[check.store.meta.metric]);
	values[n++] = Int32GetDatum(check.store.meta.dim);
	values[n++] = Int32GetDatum(check.store.meta.max_degree);
	values[n++] = Int32GetDatum(check.store.meta.build_list_size);
	values[n++] = Float4GetDatum(check.store.meta.alpha);
	values[n++] = Int64GetDatum(check.counts[VX_SLOT_LIVE] + check.counts[VX_SLOT_DELETED]);
	values[n++] = Int64GetDatum(check.counts[VX_SLOT_LIVE]);
	values[n++] = Int64GetDatum(check.counts[VX_SLOT_DELETED]);
	values[n++] = Int64GetDatum(check.counts[VX_SLOT_FREE]);
	values[n++] = Int64GetDatum(check.tid_count);
	values[n++] = Float8GetDatum(check.counts[VX_SLOT_LIVE] == 0 ? 0
								 : (double) check.edges / check.counts[VX_SLOT_LIVE]);
	values[n++] = Int64GetDatum(count_unreachable(&check));
	values[n++] = Int64GetDatum((int64) RelationGetNumberOfBlocks(index) * BLCKSZ);
	values[n++] = CStringGetTextDatum(storages[check.store.meta.storage]);
	values[n++] = CStringGetTextDatum(code_kinds[check.store.meta.code_kind]);
	values[n++] = Int32GetDatum(check.store.meta.code_bytes);
	values[n++] = Int64GetDatum((int64) code_pages * BLCKSZ);
	values[n++] = Int64GetDatum(check.store.codes == NULL ? 0 : vecgraph_cache_count(&check.store.codes->view, check.bound));
	values[n++] = CStringGetTextDatum(check.store.codes == NULL ? "none" : vecgraph_cache_kind());
	scatter = scatter_of(&check);
	nulls[n] = !(scatter > 0);
	values[n++] = Float8GetDatum(scatter > 0 ? sqrt(check.code_error / scatter) : 0);
	values[n++] = Int64GetDatum(check.store.meta.fitted_nodes);
	nulls[n] = check.coded == 0 || !(check.store.meta.fitted_error > 0);
	values[n] = Float8GetDatum(nulls[n] ? 0 : check.code_error / check.coded / (double) check.store.meta.fitted_error);
	n++;
	relation_close(index, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

uint32
vecgraph_prewarm_index(Relation index)
{
	VecGraphStore store;
	VecGraphCacheView *view;

	vecgraph_store_open(&store, index, CurrentMemoryContext);
	if (!store.by_codes || store.id_bound == 0)
		return 0;
	view = &store.codes->view;
	for (uint32 id = 0; id < store.id_bound; id += Min(view->ids_per_chunk, VX_NO_NODE - id))
	{
		CHECK_FOR_INTERRUPTS();
		if (vecgraph_cache_code(view, id) == NULL
			&& vecgraph_cache_fetch(view, id, vecgraph_read_codes, &store) == NULL)
			break;
	}
	return vecgraph_cache_count(view, store.id_bound);
}

/*
 * vecgraph_prewarm(index regclass) returns bigint: loads the codes of the index into the cache, as far as there is room, and
 * says of how many nodes (slots, to be exact) they are there now. 0 for an index without codes.
 */
Datum
vecgraph_prewarm(PG_FUNCTION_ARGS)
{
	Relation	index = vecgraph_open_index(PG_GETARG_OID(0), AccessShareLock);
	uint32		cached = vecgraph_prewarm_index(index);

	relation_close(index, AccessShareLock);
	PG_RETURN_INT64(cached);
}

/*
 * vecgraph_train(index regclass) returns bigint: fits the codes of an index to the vectors that it holds now, or to its named
 * codebook as that is now, without blocking reads or writes, and returns how many vectors those are. VACUUM does it by itself
 * when an index has grown to twice its size or its vectors have drifted, but for named codebooks. Errors: no codes; too few
 * vectors or too little memory to train a codebook; the named codebook does not exist, may not be read by the index's owner, or is
 * not like that of the index. A notice says which options have changed so that only a rebuild can follow.
 */
Datum
vecgraph_train(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	VecGraphStore store;
	VecGraphOwnerRights rights;
	uint32		fitted;

	PreventCommandDuringRecovery("vecgraph_train()");
	index = vecgraph_open_index_and_table(PG_GETARG_OID(0), RowExclusiveLock, ShareUpdateExclusiveLock, &heap);
	vecgraph_begin_owner_rights(heap, &rights);
	vecgraph_store_open(&store, index, CurrentMemoryContext);
	vecgraph_report_options(index, &store.meta);
	if (store.meta.code_kind == VX_CODES_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has no codes", RelationGetRelationName(index))));
	fitted = vecgraph_fit(&store, heap, true);
	vecgraph_end_owner_rights(&rights);
	relation_close(index, RowExclusiveLock);
	table_close(heap, ShareUpdateExclusiveLock);
	PG_RETURN_INT64(fitted);
}
