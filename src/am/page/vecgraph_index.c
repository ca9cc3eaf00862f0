/*
 * vecgraph_index.c: opening an index for work on its pages.
 */
#include "am/page/vecgraph_page.h"

#include "am/vecgraph.h"

void
vecgraph_index_open(VecGraphIndex *index, Relation relation, MemoryContext context)
{
	memset(index, 0, sizeof(*index));
	index->relation = relation;
	index->mem = vecgraph_mem(context);
	vecgraph_index_refresh(index);
}

void
vecgraph_index_refresh(VecGraphIndex *index)
{
	index->waited = false;
	index->ahead.concurrency = 0;
	vecgraph_read_meta(index->relation, &index->meta, &index->geometry);
	index->id_bound = vx_id_bound(&index->geometry, RelationGetNumberOfBlocks(index->relation));
	for (uint32 i = 0; i < index->meta.entry_count; i++)
		if (index->meta.entries[i] >= index->id_bound)
			vecgraph_corrupted(index->relation, VECGRAPH_META_BLOCK, -1, "an entry node lies beyond the end of the index");
	index->space = vx_meta_space(&index->meta);
	/* models first, then the cache: see vecgraph_codes_follow */
	index->codes = vecgraph_codes_open(index);
	if (index->codes == NULL)
		return;
	vecgraph_cache_begin(&index->codes->view);
	vecgraph_codes_catch_up(index);
}
