/*
 * vecgraph_page.c: index pages in buffers: initialising, checking before trusting, reporting corruption.
 */
#include "am/page/vecgraph_page.h"

#include "storage/itemptr.h"

void
vecgraph_corrupted(Relation relation, BlockNumber block, int slot, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 slot < 0
			 ? errmsg("index \"%s\" is corrupted at block %u: %s", RelationGetRelationName(relation), block, what)
			 : errmsg("index \"%s\" is corrupted at block %u, slot %d: %s", RelationGetRelationName(relation), block, slot,
					  what),
			 errhint("Please REINDEX it.")));
	pg_unreachable();
}

void
vecgraph_slot_corrupted(const VecGraphIndex *index, VxNodeId id, const char *what)
{
	vecgraph_corrupted(index->relation, vx_id_block(&index->geometry, id), (int) vx_id_slot(&index->geometry, id), what);
}

void
vecgraph_init_data_page(Page page, uint16 kind, uint32 used)
{
	VxPageSpecial *special;

	PageInit(page, BLCKSZ, sizeof(VxPageSpecial));
	/* generic WAL records keep only what lies outside pd_lower .. pd_upper */
	((PageHeader) page)->pd_lower = MAXALIGN(SizeOfPageHeaderData) + used;
	special = vecgraph_page_special(page);
	special->next_free = VX_NOT_LISTED;
	special->kind = kind;
}

void
vecgraph_init_meta_page(Page page, const VxMeta *meta)
{
	vecgraph_init_data_page(page, VX_PAGE_META, sizeof(VxMeta));
	*vecgraph_meta_of(page) = *meta;
}

void
vecgraph_init_node_page(Page page, const VxGeometry *geometry)
{
	vecgraph_init_data_page(page, VX_PAGE_NODES, geometry->nodes_per_page * geometry->record_bytes);
	for (uint32 i = 0; i < geometry->nodes_per_page; i++)
		vx_slot(geometry, vecgraph_page_body(page), i)->chain = VX_NO_NODE;
	vecgraph_page_special(page)->free_slots = geometry->nodes_per_page;
}

/* Header checks common to all kinds; used is what pd_lower must say. */
static void
check_header(Relation relation, Buffer buffer, uint16 kind, uint32 used)
{
	Page		page = BufferGetPage(buffer);
	PageHeader	header = (PageHeader) page;

	if (PageIsNew(page))
		vecgraph_corrupted(relation, BufferGetBlockNumber(buffer), -1, "unexpected zero page");
	if (header->pd_special != BLCKSZ - MAXALIGN(sizeof(VxPageSpecial))
		|| header->pd_lower != MAXALIGN(SizeOfPageHeaderData) + used
		|| header->pd_upper != header->pd_special
		|| PageGetPageSize(page) != BLCKSZ
		|| vecgraph_page_special(page)->kind != kind)
		vecgraph_corrupted(relation, BufferGetBlockNumber(buffer), -1, "the page is not of the expected kind");
}

void
vecgraph_check_node_page(Relation relation, Buffer buffer, const VxGeometry *geometry)
{
	check_header(relation, buffer, VX_PAGE_NODES, geometry->nodes_per_page * geometry->record_bytes);
	if (vecgraph_page_special(BufferGetPage(buffer))->free_slots > geometry->nodes_per_page)
		vecgraph_corrupted(relation, BufferGetBlockNumber(buffer), -1, "more free slots than slots");
}

void
vecgraph_check_code_page(Relation relation, Buffer buffer, const VxGeometry *geometry)
{
	check_header(relation, buffer, VX_PAGE_CODES, vx_code_page_used(geometry));
}

uint32
vecgraph_model_page_used(const VxGeometry *geometry, BlockNumber block)
{
	return vx_model_page_used(geometry->model_bytes, geometry->model_pages, geometry->body_bytes, vx_model_page(block));
}

void
vecgraph_check_model_page(Relation relation, Buffer buffer, const VxGeometry *geometry)
{
	check_header(relation, buffer, VX_PAGE_MODEL, vecgraph_model_page_used(geometry, BufferGetBlockNumber(buffer)));
}

void
vecgraph_check_code_log_page(Relation relation, Buffer buffer, const VxGeometry *geometry)
{
	check_header(relation, buffer, VX_PAGE_CODE_LOG, vx_code_log_used(geometry->body_bytes));
}

void
vecgraph_check_meta_page(Relation relation, Buffer buffer)
{
	const VxMeta *meta = vecgraph_meta_of(BufferGetPage(buffer));

	/* A newer vecidx may lay out even the meta page differently, so ask for the version first. */
	if (!PageIsNew(BufferGetPage(buffer)) && meta->magic == VX_META_MAGIC
		&& (meta->format_version < VX_FORMAT_VERSION || meta->format_version > VX_FORMAT_VERSION_FORMS))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has format version %u, but this vecidx reads versions %d to %d",
						RelationGetRelationName(relation), meta->format_version, VX_FORMAT_VERSION, VX_FORMAT_VERSION_FORMS),
				 errhint("Please REINDEX it.")));
	check_header(relation, buffer, VX_PAGE_META, sizeof(VxMeta));
}

/* Whether a block is all zeros, by its header. A share lock for the moment. */
static bool
is_new(Relation relation, BlockNumber block)
{
	Buffer		buffer = vecgraph_read_and_lock(relation, block, NULL, BUFFER_LOCK_SHARE);
	bool		result = PageIsNew(BufferGetPage(buffer));

	UnlockReleaseBuffer(buffer);
	return result;
}

bool
vecgraph_is_unfilled(Relation relation, Buffer buffer)
{
	BlockNumber blocks;

	if (!PageIsNew(BufferGetPage(buffer)))
		return false;
	/* inserts fill the first zero page first, so one that is followed by a page in use was not left by a crash */
	blocks = RelationGetNumberOfBlocks(relation);
	for (BlockNumber block = BufferGetBlockNumber(buffer) + 1; block < blocks; block++)
		if (!is_new(relation, block))
			return false;
	return true;
}

BlockNumber
vecgraph_filled_blocks(Relation relation)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(relation);

	while (blocks > VECGRAPH_META_BLOCK + 1 && is_new(relation, blocks - 1))
		blocks--;
	return blocks;
}

void
vecgraph_tid_set(VxHeapTid *to, ItemPointer from)
{
	to->block_high = from->ip_blkid.bi_hi;
	to->block_low = from->ip_blkid.bi_lo;
	to->offset = from->ip_posid;
}

void
vecgraph_tid_get(const VxHeapTid *from, ItemPointer to)
{
	to->ip_blkid.bi_hi = from->block_high;
	to->ip_blkid.bi_lo = from->block_low;
	to->ip_posid = from->offset;
}
