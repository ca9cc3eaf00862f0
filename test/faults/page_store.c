/*
 * page_store.c: vecidx_test_store(index regclass) returns text: runs the conformance suite of stores (test/unit/store_conformance.h) on the
 * pages of an index, and returns the rule that is broken, or NULL. Only in the library of `make FAULTS=1`.
 *
 * The index is thrown away afterwards: its edges are no graph any more, and one of its nodes is another. It must have been built by
 * CREATE INDEX, so that all pages but the last are full, from different vectors that the nodes hold, and nobody else may use it.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/relation.h"
#include "utils/builtins.h"

#include "store_conformance.h"

/* Nodes that are tried. */
#define MOST_NODES 400

typedef struct PageTrial
{
	VecGraphStore store;
	VxPoint    *point;			/* read last */
	VxPoint    *freed_point;	/* of the node that was deleted last */
	uint8	   *code;			/* of that node */
	VxNodeId	freed;
	VxNodeId	ids[MOST_NODES];
} PageTrial;

static const void *
point_of(void *context, VxNodeId id)
{
	PageTrial  *trial = context;

	return vecgraph_copy_point(&trial->store.index, id, trial->point) ? trial->point : NULL;
}

static void
delete_node(void *context, VxNodeId id)
{
	PageTrial  *trial = context;
	VecGraphStore *store = &trial->store;
	Buffer		buffer;
	VecGraphChange change;
	VxSlot	   *slot;

	if (store->index.geometry.storage != VX_STORAGE_HEAP)
		vecgraph_copy_point(&store->index, id, trial->freed_point);
	if (store->index.codes != NULL)
		vecgraph_read_codes(&store->index, id, 1, trial->code);
	vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	change = vecgraph_change_start(&store->index);
	slot = vx_slot(&store->index.geometry, vecgraph_page_body(vecgraph_change_page(change, buffer, 0)), vx_id_slot(&store->index.geometry, id));
	slot->state = VX_SLOT_DELETED;
	slot->tid_count = 0;
	slot->version++;
	vecgraph_change_finish(change);
	UnlockReleaseBuffer(buffer);
}

static bool
is_freed(void *context, VxNodeId id)
{
	return id == ((PageTrial *) context)->freed;
}

static void
free_node(void *context, VxNodeId id)
{
	PageTrial  *trial = context;

	trial->freed = id;
	if (vecgraph_free_slots(&trial->store.index, vx_id_block(&trial->store.index.geometry, id), is_freed, trial) != 1)
		elog(ERROR, "a deleted slot was not freed");
}

static void
fill_again(const VecGraphIndex *index, VxSlot *slot, void *context)
{
	PageTrial  *trial = context;

	slot->state = VX_SLOT_LIVE;
	slot->chain = VX_NO_NODE;
	vecgraph_slot_set_point(&index->space, &index->geometry, slot, trial->freed_point);
}

static void
reuse_node(void *context, VxNodeId id)
{
	PageTrial  *trial = context;
	VecGraphDigests digest = {.codes = trial->store.index.codes != NULL ? trial->code : NULL};

	if (vecgraph_take_slot(&trial->store.index, fill_again, trial, &digest) != id)
		elog(ERROR, "the page of the freed slot was not the first one with room");
}

VECIDX_SQL_FUNCTION(vecidx_test_store);

Datum
vecidx_test_store(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index = vecgraph_open_index_and_table(PG_GETARG_OID(0), RowExclusiveLock, ShareUpdateExclusiveLock, &heap);
	PageTrial  *trial = palloc0(sizeof(PageTrial));
	StoreTrial	what = {.store = &trial->store.base,.ids = trial->ids,.seed = 11,.context = trial};
	VxEdges		edges;
	const char *broken;

	vecgraph_store_open(&trial->store, index, CurrentMemoryContext);
	for (VxNodeId id = 0; id < trial->store.index.id_bound && what.count < MOST_NODES; id++)
		if (trial->store.base.ops->read_edges(&trial->store.base, id, NULL, &edges) == VX_OK && edges.live)
			trial->ids[what.count++] = id;
	if (what.count < trial->store.base.edge_capacity + 2)
		elog(ERROR, "too few nodes");
	what.mem = &trial->store.index.mem;
	what.poll = vecgraph_poll;
	what.delete_node = delete_node;
	what.free_node = free_node;
	what.reuse_node = reuse_node;
	if (trial->store.index.geometry.storage != VX_STORAGE_HEAP)
		what.point = point_of;
	trial->point = palloc(vx_space_room(&trial->store.index.space));
	trial->freed_point = palloc0(vx_space_room(&trial->store.index.space));
	trial->code = palloc(trial->store.index.geometry.code_bytes + VX_CODE_OVERREAD);

	broken = store_conforms(&what);
	relation_close(index, NoLock);
	relation_close(heap, NoLock);
	if (broken == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(broken));
}
