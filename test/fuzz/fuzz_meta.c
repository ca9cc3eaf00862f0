/*
 * fuzz_meta.c: meta pages: what vx_meta_check lets pass gives a geometry by which every id has a place of its own, inside its page.
 */
#include "fuzz.h"

#include "format/vx_format.h"

static void
check_id(const VxGeometry *g, VxNodeId id)
{
	uint32_t	block = vx_id_block(g, id);

	FUZZ_ASSERT(vx_block_has_nodes(g, block) && !vx_block_has_codes(g, block));
	FUZZ_ASSERT(vx_id_slot(g, id) < g->nodes_per_page);
	FUZZ_ASSERT(vx_block_first_id(g, block) + vx_id_slot(g, id) == id);
	FUZZ_ASSERT(vx_id_bound(g, block) <= id && vx_id_bound(g, block + 1) > id);
	FUZZ_ASSERT(vx_blocks_for(g, id + 1) == block + 1);
	if (g->code_bytes == 0)
		return;
	FUZZ_ASSERT(vx_block_has_codes(g, vx_code_block(g, id)));
	FUZZ_ASSERT(vx_code_stretch(g, id) >= 1);
	FUZZ_ASSERT(vx_code_offset(g, id) + (uint64_t) vx_code_stretch(g, id) * g->code_bytes <= g->body_bytes);
	FUZZ_ASSERT(vx_code_page_first_id(g, vx_code_block(g, id)) <= id);
}

/*
 * The first bytes choose the size of pages and whether what can be computed is computed, so that mutants get past the check; then a
 * meta page.
 */
int
fuzz_one(const uint8_t *data, size_t size)
{
	static const uint32_t bodies[] = {8160, 1024 - 32, 32768 - 32};
	FuzzInput	input = {data, size};
	uint32_t	body = bodies[fuzz_below(&input, 3)];
	bool		mend = fuzz_below(&input, 2) == 1;
	VxMeta		meta;
	VxGeometry	g;

	fuzz_take(&input, &meta, sizeof(meta));
	if (mend)
	{
		VxCodeKind	kind = (VxCodeKind) (meta.code_kind % 5);
		VxSpace		space;
		uint32_t	coded_dim;

		meta.magic = VX_META_MAGIC;
		meta.body_bytes = body;
		meta.form %= 2;
		meta.format_version = vx_meta_version(&meta);
		meta.storage = (uint8_t) (meta.form == VX_FORM_BITS ? VX_STORAGE_BITS : 1 + meta.storage % 4);
		meta.code_kind = (uint8_t) kind;
		meta.metric = (uint16_t) (1 + meta.metric % 4);
		if (meta.form == VX_FORM_BITS)
			meta.metric = (uint16_t) (VX_METRIC_HAMMING + meta.metric % 2);
		meta.dim = 1 + meta.dim % 16000;
		space = vx_meta_space(&meta);
		coded_dim = vx_space_coded_dim(&space);
		meta.edge_capacity = (uint16_t) (meta.edge_capacity % (VX_MAX_EDGES + 1));
		if (kind != VX_CODES_PQ)
			meta.code_bytes = (uint16_t) vx_code_bytes(kind, &space, 0);
		meta.record_bytes = vx_record_bytes((VxStorage) meta.storage, meta.dim, meta.edge_capacity);
		meta.first_segment = vx_first_segment(kind, body, coded_dim, vx_meta_filtered(&meta));
	}
	if (vx_meta_check(&meta, body, &g) != NULL)
		return 0;
	FUZZ_ASSERT(g.nodes_per_page >= 1 && (uint64_t) g.nodes_per_page * g.record_bytes <= body);
	FUZZ_ASSERT(g.pages_per_segment >= 1);
	for (uint32_t i = 0; i < 3 * g.model_pages; i++)
		FUZZ_ASSERT(vx_model_page_used(g.model_bytes, g.model_pages, body, i) <= body);
	check_id(&g, 0);
	check_id(&g, g.nodes_per_page - 1);
	check_id(&g, g.nodes_per_page);
	check_id(&g, g.nodes_per_page * g.pages_per_segment - 1);
	check_id(&g, g.nodes_per_page * g.pages_per_segment);
	/* as many blocks as a relation can have hold fewer ids than there are numbers, but with many small nodes on a page */
	check_id(&g, fuzz_below(&input, VX_MIN(vx_id_bound(&g, UINT32_MAX - 1), VX_NO_NODE - 1)));
	return 0;
}
