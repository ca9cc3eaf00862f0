/*
 * test_format.c: the arithmetic of pages and ids, and the checks of slots against hostile bytes.
 */
#include "unit.h"

#include "format/vx_format.h"

#define BODY 8160

static VxMeta
sample_meta(uint32_t dim, uint16_t degree)
{
	VxMeta		meta;

	memset(&meta, 0, sizeof(meta));
	meta.magic = VX_META_MAGIC;
	meta.format_version = VX_FORMAT_VERSION;
	meta.dim = dim;
	meta.metric = VX_METRIC_L2;
	meta.max_degree = degree;
	meta.edge_capacity = degree;
	meta.build_list_size = 100;
	meta.alpha = 1.2f;
	meta.storage = VX_STORAGE_FULL;
	meta.record_bytes = vx_record_bytes(dim, degree);
	meta.body_bytes = BODY;
	meta.first_segment = 1;
	meta.free_page = VX_NO_BLOCK;
	return meta;
}

/* Every id has a place of its own, and blocks and ids map onto each other both ways, with and without code pages. */
static void
check_geometry(VxGeometry g)
{
	uint32_t	n = g.nodes_per_page * g.pages_per_segment * 3 + g.nodes_per_page + 1;

	for (VxNodeId id = 0; id < n; id++)
	{
		uint32_t	block = vx_id_block(&g, id);

		assert_true(vx_block_has_nodes(&g, block));
		assert_int_equal(vx_block_first_id(&g, block) + vx_id_slot(&g, id), id);
		assert_true(vx_id_slot(&g, id) < g.nodes_per_page);
		assert_true(id < vx_id_bound(&g, block + 1));
		assert_true(id >= vx_id_bound(&g, block));
		assert_int_equal(vx_blocks_for(&g, id + 1), block + 1);
	}
	assert_int_equal(vx_id_bound(&g, 0), 0);
	assert_int_equal(vx_id_bound(&g, g.first_segment), 0);
	assert_int_equal(vx_blocks_for(&g, 0), g.first_segment);
	assert_false(vx_block_has_nodes(&g, 0));
}

static void
test_geometry(void **state)
{
	static const uint32_t dims[] = {1, 2, 3, 100, 128, 384, 768, 1024, 1536, 1960};
	VxGeometry	g;

	(void) state;
	for (size_t i = 0; i < sizeof(dims) / sizeof(*dims); i++)
	{
		VxMeta		meta = sample_meta(dims[i], 64);

		assert_null(vx_meta_check(&meta, BODY, &g));
		assert_true(g.nodes_per_page * g.record_bytes <= BODY);
		check_geometry(g);

		/* with a code page in front of each segment, as coded indexes will have */
		g.code_pages = 1;
		for (g.pages_per_segment = 1; g.pages_per_segment < 20; g.pages_per_segment += 6)
			check_geometry(g);
	}
}

static void
test_fitting(void **state)
{
	(void) state;
	for (uint32_t dim = 1; dim <= 2040; dim++)
	{
		uint32_t	degree = vx_fitting_degree(BODY, dim, 64, 16);

		if (degree == 0)
		{
			assert_true(vx_record_bytes(dim, 16) > BODY);
			continue;
		}
		assert_true(degree >= 16 && degree <= 64);
		assert_true(vx_record_bytes(dim, degree) <= BODY);
		assert_true(degree == 64 || vx_record_bytes(dim, degree + 1) > BODY);
		assert_true(vx_fitting_dim(BODY, degree) >= dim);
	}
	assert_true(vx_fitting_degree(BODY, 2000, 64, 16) > 0);
	assert_int_equal(vx_fitting_degree(BODY, 16000, 64, 16), 0);
}

static void
test_meta_check(void **state)
{
	VxMeta		good = sample_meta(128, 64);
	VxGeometry	g;
	VxRng		rng = {3};

	(void) state;
	assert_null(vx_meta_check(&good, BODY, &g));
	assert_non_null(vx_meta_check(&good, BODY / 2, &g));

	/* whatever bytes are hit, the geometry of an accepted page is sound */
	for (int round = 0; round < 20000; round++)
	{
		VxMeta		meta = good;

		((uint8_t *) &meta)[vx_rng_below(&rng, offsetof(VxMeta, entries))] = (uint8_t) vx_rng_next(&rng);
		if (vx_meta_check(&meta, BODY, &g) != NULL)
			continue;
		assert_true(g.nodes_per_page >= 1 && g.nodes_per_page * g.record_bytes <= BODY);
		assert_true(g.pages_per_segment >= 1);
		assert_true(meta.entry_count <= VX_MAX_ENTRIES);
	}
}

static void
test_slot_check(void **state)
{
	VxMeta		meta = sample_meta(16, 8);
	VxGeometry	g;
	VxRng		rng = {5};
	uint32_t	bound = 1000;
	VxSlot	   *slot;
	int			accepted = 0;

	(void) state;
	assert_null(vx_meta_check(&meta, BODY, &g));
	slot = calloc(1, g.record_bytes);
	for (int round = 0; round < 200000; round++)
	{
		uint8_t    *bytes = (uint8_t *) slot;

		for (uint32_t i = 0; i < g.record_bytes; i++)
			bytes[i] = (uint8_t) (vx_rng_below(&rng, 4) == 0 ? vx_rng_next(&rng) : 0);
		slot->state = (uint8_t) vx_rng_below(&rng, 5);
		if (vx_slot_check(&g, slot, bound, true) != NULL)
			continue;
		accepted++;
		if (slot->state == VX_SLOT_LIVE || slot->state == VX_SLOT_DELETED)
		{
			assert_true(slot->degree <= g.edge_capacity && slot->tid_count <= VX_INLINE_TIDS);
			for (uint32_t i = 0; i < slot->degree; i++)
				assert_true(slot->edges[i] < bound);
		}
		else if (slot->state == VX_SLOT_TIDS)
			assert_true(((VxTidSlot *) slot)->tid_count <= g.tids_per_slot);
		else
			assert_int_equal(slot->state, VX_SLOT_FREE);
	}
	assert_true(accepted > 0);

	/* clearing keeps the version growing, so that optimistic writers notice */
	slot->version = 41;
	vx_slot_clear(&g, slot);
	assert_int_equal(slot->version, 42);
	assert_int_equal(slot->state, VX_SLOT_FREE);
	free(slot);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_fitting),
		cmocka_unit_test(test_meta_check),
		cmocka_unit_test(test_slot_check),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
