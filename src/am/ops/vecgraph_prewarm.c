/*
 * vecgraph_prewarm.c: bringing the codes of an index into the cache. After a restart vecgraph_prewarmer.c does it with those that were
 * hot.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/relation.h"
#include "miscadmin.h"

VECIDX_SQL_FUNCTION(vecgraph_prewarm);

/* Loads the run of codes that a node is in, or waits while somebody else does; false if there is no room for it. */
static bool
prewarm_run(VecGraphStore *store, VxNodeId id)
{
	VecGraphCacheView *view = &store->index.codes->view;

	while (vecgraph_cache_code(view, id) == NULL && vecgraph_cache_fetch(view, id, vecgraph_read_digests, &store->index) == NULL)
	{
		if (vecgraph_cache_is_full(view))
			return false;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000L);
	}
	return true;
}

uint32
vecgraph_prewarm_index(Relation index, bool (*is_wanted) (void))
{
	VecGraphStore store;
	VecGraphCacheView *view;

	vecgraph_store_open(&store, index, CurrentMemoryContext);
	if (!store.computer.ops->scores_codes || store.index.id_bound == 0 || vecgraph_cache_capacity() == 0)
		return 0;
	view = &store.index.codes->view;
	view->no_room_until = 0;	/* what a search of this session met a moment ago says nothing of now */
	for (uint32 id = 0; id < store.index.id_bound; id += Min(view->ids_per_chunk, VX_NO_NODE - id))
	{
		CHECK_FOR_INTERRUPTS();
		vecgraph_ask_for_digests(&store.index, id, store.index.id_bound - id);
		if ((is_wanted != NULL && !is_wanted()) || !prewarm_run(&store, id))
			break;
	}
	return vecgraph_cache_count(view, store.index.id_bound);
}

/*
 * vecgraph_prewarm(index regclass) returns bigint: loads the codes of the index into the cache, as far as there is room, and
 * says of how many nodes (slots, to be exact) they are there now. 0 for an index without codes. Waits for who else is loading them.
 */
Datum
vecgraph_prewarm(PG_FUNCTION_ARGS)
{
	Relation	index = vecgraph_open_index(PG_GETARG_OID(0), AccessShareLock);
	uint32		cached = vecgraph_prewarm_index(index, NULL);

	relation_close(index, AccessShareLock);
	PG_RETURN_INT64(cached);
}
