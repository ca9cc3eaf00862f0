/*
 * test_format.c: the arithmetic of pages and ids, and the checks of slots against hostile bytes.
 */
#include "unit.h"

#include "format/vx_format.h"

#define BODY 8160

static VxMeta
sample_meta_with(VxStorage storage, VxCodeKind kind, uint32_t dim, uint16_t degree)
{
	VxMeta		meta;
	VxSpace		space;

	memset(&meta, 0, sizeof(meta));
	meta.magic = VX_META_MAGIC;
	meta.form = storage == VX_STORAGE_BITS ? VX_FORM_BITS : VX_FORM_DENSE;
	meta.format_version = vx_meta_version(&meta);
	meta.dim = dim;
	meta.metric = meta.form == VX_FORM_BITS ? VX_METRIC_HAMMING : VX_METRIC_L2;
	meta.max_degree = degree;
	meta.edge_capacity = degree;
	meta.build_list_size = 100;
	meta.alpha = 1.2f;
	meta.storage = (uint8_t) storage;
	meta.code_kind = (uint8_t) kind;
	meta.code_flags = VX_CODES_MODEL(0);
	space = vx_meta_space(&meta);
	meta.code_bytes = (uint16_t) vx_code_bytes(kind, &space, (dim + 3) / 4);
	meta.record_bytes = vx_record_bytes(storage, dim, degree);
	meta.body_bytes = BODY;
	meta.first_segment = vx_first_segment(kind, BODY, dim, false);
	meta.free_page = VX_NO_BLOCK;
	return meta;
}

static VxMeta
sample_meta(uint32_t dim, uint16_t degree)
{
	return sample_meta_with(VX_STORAGE_FULL, VX_CODES_NONE, dim, degree);
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
		if (g.code_bytes > 0)
		{
			uint32_t	code_block = vx_code_block(&g, id);
			uint32_t	stretch = vx_code_stretch(&g, id);

			assert_true(vx_block_has_codes(&g, code_block) && !vx_block_has_nodes(&g, code_block));
			assert_true(code_block < block && block - code_block <= g.code_pages + g.pages_per_segment);
			assert_true(vx_code_offset(&g, id) + stretch * g.code_bytes <= vx_code_page_used(&g));
			assert_true(vx_code_page_used(&g) <= BODY);
			/* the next code is either right behind or starts another page */
			assert_true(stretch >= 1);
			if (stretch > 1)
				assert_true(vx_code_block(&g, id + 1) == code_block
							&& vx_code_offset(&g, id + 1) == vx_code_offset(&g, id) + g.code_bytes);
			else
				assert_true(vx_code_block(&g, id + 1) != code_block && vx_code_offset(&g, id + 1) == 0);
		}
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

		for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_PQ; kind++)
		{
			meta = sample_meta_with(VX_STORAGE_FULL, (VxCodeKind) kind, dims[i], 64);
			assert_null(vx_meta_check(&meta, BODY, &g));
			assert_true(g.code_pages >= 1);
			check_geometry(g);
		}
	}
	for (uint32_t dim = 1; dim <= 16000; dim += 97)
		for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_PQ; kind++)
		{
			VxMeta		meta = sample_meta_with(VX_STORAGE_HEAP, (VxCodeKind) kind, dim, 64);

			assert_null(vx_meta_check(&meta, BODY, &g));
			check_geometry(g);
			if (vx_fitting_degree(BODY, VX_STORAGE_HALF, dim, 16, 16) == 0)
				continue;
			for (int storage = VX_STORAGE_HALF; storage <= VX_STORAGE_EXACT_HALF; storage++)
			{
				meta = sample_meta_with((VxStorage) storage, (VxCodeKind) kind, dim, 16);
				assert_null(vx_meta_check(&meta, BODY, &g));
				check_geometry(g);
			}
		}
}

/* Trained codes have the codebooks that the flags and the epoch speak of. */
static void
test_codebook_flags(void **state)
{
	(void) state;
	for (uint32_t flags = 0; flags < 16; flags++)
		for (uint32_t epoch = 0; epoch < 4; epoch++)
		{
			VxMeta		meta = sample_meta_with(VX_STORAGE_FULL, VX_CODES_PQ, 64, 16);
			bool		newest = flags & VX_CODES_MODEL(epoch & 1);
			bool		older = flags & VX_CODES_MODEL(1 - (epoch & 1));
			VxGeometry	g;

			meta.code_flags = flags;
			meta.code_epoch = epoch;
			/* none at all, and so no flags, before they are trained for the first time */
			assert_int_equal(vx_meta_check(&meta, BODY, &g) == NULL,
							 flags == 0 ? epoch == 0 : newest && (older || !(flags & VX_CODES_MIXED)));
			assert_int_equal(vx_codes_usable(&meta), (newest || older) && !(flags & VX_CODES_PARTIAL));
			meta = sample_meta_with(VX_STORAGE_HEAP, VX_CODES_PQ, 64, 16);
			meta.code_flags = 0;
			assert_non_null(vx_meta_check(&meta, BODY, &g));
			/* without vectors in its nodes an index has a code for each */
			meta.code_flags = VX_CODES_MODEL(0);
			assert_null(vx_meta_check(&meta, BODY, &g));
			meta.code_flags |= VX_CODES_PARTIAL;
			assert_non_null(vx_meta_check(&meta, BODY, &g));
		}
}

static void
check_fitting(VxStorage storage, uint32_t dim)
{
	uint32_t	degree = vx_fitting_degree(BODY, storage, dim, 64, 16);

	assert_true((degree > 0) == (dim <= vx_fitting_dim(BODY, storage, 16)));
	if (degree == 0)
	{
		assert_true(vx_record_bytes(storage, dim, 16) > BODY);
		return;
	}
	assert_true(degree >= 16 && degree <= 64);
	assert_true(vx_record_bytes(storage, dim, degree) <= BODY);
	assert_true(degree == 64 || vx_record_bytes(storage, dim, degree + 1) > BODY);
	assert_true(vx_fitting_dim(BODY, storage, degree) >= dim);
	if (degree >= 48)
	{
		uint32_t	packed = vx_packing_degree(BODY, storage, dim, 48, degree);
		uint32_t	nodes = BODY / vx_record_bytes(storage, dim, 48);

		assert_true(packed >= 48 && packed <= degree);
		assert_int_equal(BODY / vx_record_bytes(storage, dim, packed), nodes);
		assert_true(packed == degree || BODY / vx_record_bytes(storage, dim, packed + 1) < nodes);
	}
}

static void
test_fitting(void **state)
{
	(void) state;
	for (uint32_t dim = 1; dim <= 2040; dim++)
		check_fitting(VX_STORAGE_FULL, dim);
	for (uint32_t dim = 1; dim <= 4090; dim++)
	{
		check_fitting(VX_STORAGE_HALF, dim);
		check_fitting(VX_STORAGE_EXACT_HALF, dim);
	}
	assert_true(vx_fitting_degree(BODY, VX_STORAGE_FULL, 2000, 64, 16) > 0);
	assert_true(vx_fitting_degree(BODY, VX_STORAGE_EXACT_HALF, 4000, 64, 16) > 0);
	assert_int_equal(vx_fitting_degree(BODY, VX_STORAGE_FULL, 16000, 64, 16), 0);
}

/* Whatever somebody has seen of the log of codes, it names every page that has changed since, or says that it does not know. */
static void
test_code_log(void **state)
{
	enum
	{
		PAGES = 40,
		CHANGES = 500
	};
	uint32_t	room = vx_code_log_room(100);
	VxCodeLog  *log = calloc(1, vx_code_log_used(100));
	uint32_t	changed[CHANGES];
	uint64_t	entries[CHANGES + 1];
	uint64_t	first;
	VxRng		rng = {7};

	(void) state;
	assert_true(vx_code_log_used(100) <= 100 && vx_code_log_used(100) > 100 - sizeof(uint32_t) && room == 21);
	assert_int_equal(vx_code_log_room(BODY), VX_CODE_LOG_ENTRIES);
	assert_true(vx_code_log_news(log, room, 0, 0, &first) && first == 0);
	for (uint32_t i = 0; i < CHANGES; i++)
	{
		/* often the same page as before, as inserts do */
		changed[i] = i > 0 && vx_rng_below(&rng, 4) > 0 ? changed[i - 1] : vx_rng_below(&rng, PAGES);
		entries[i] = log->entries;
		vx_code_log_add(log, vx_code_log_entry(log, room, changed[i]), changed[i]);
		entries[i + 1] = log->entries;
		assert_int_equal(log->changes, i + 1);
		for (uint32_t seen = 0; seen <= i + 1; seen++)
		{
			if (!vx_code_log_news(log, room, seen, entries[seen], &first))
			{
				assert_true(log->entries - entries[seen] >= room);
				continue;
			}
			for (uint32_t k = seen; k <= i && i - seen < 100; k++)
			{
				bool		named = false;

				for (uint64_t e = first; e < log->entries; e++)
					named |= log->blocks[e % room] == changed[k];
				assert_true(named);
			}
		}
	}
	/* a log that has gone back does not tell */
	assert_false(vx_code_log_news(log, room, log->changes + 1, log->entries, &first));
	assert_false(vx_code_log_news(log, room, log->changes, log->entries + 1, &first));
	free(log);
}

static void
test_meta_check(void **state)
{
	VxMeta		good = sample_meta_with(VX_STORAGE_FULL, VX_CODES_SCALAR4, 128, 64);
	VxGeometry	g;
	VxRng		rng = {3};

	(void) state;
	assert_null(vx_meta_check(&good, BODY, &g));
	assert_non_null(vx_meta_check(&good, BODY / 2, &g));
	for (int wrong = -4; wrong <= 4; wrong += 8)
	{
		VxMeta		meta = good;

		meta.record_bytes += (uint32_t) wrong;
		assert_non_null(vx_meta_check(&meta, BODY, &g));
	}

	/* whatever bytes are hit, the geometry of an accepted page is sound */
	for (int round = 0; round < 20000; round++)
	{
		VxMeta		meta = good;

		((uint8_t *) &meta)[vx_rng_below(&rng, offsetof(VxMeta, entries))] = (uint8_t) vx_rng_next(&rng);
		if (vx_meta_check(&meta, BODY, &g) != NULL)
			continue;
		assert_true(g.nodes_per_page >= 1 && g.nodes_per_page * g.record_bytes <= BODY);
		assert_true(g.pages_per_segment >= 1);
		assert_true((g.code_bytes == 0) == (g.code_pages == 0) && vx_code_page_used(&g) <= BODY);
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

	/* a live node whose vector is finite, or not */
	memset(slot, 0, g.record_bytes);
	slot->state = VX_SLOT_LIVE;
	slot->chain = VX_NO_NODE;
	assert_null(vx_slot_check(&g, slot, bound, true));
	vx_slot_whole_point(&g, slot)->x[g.dim - 1] = INFINITY;
	assert_null(vx_slot_check(&g, slot, bound, false));
	assert_non_null(vx_slot_check(&g, slot, bound, true));
	free(slot);
	meta = sample_meta_with(VX_STORAGE_EXACT_HALF, VX_CODES_NONE, 16, 8);
	assert_null(vx_meta_check(&meta, BODY, &g));
	slot = calloc(1, g.record_bytes);
	slot->state = VX_SLOT_LIVE;
	slot->chain = VX_NO_NODE;
	for (uint32_t half = 0; half <= 0xFFFF; half++)
	{
		vx_slot_half_point(&g, slot)->half[g.dim - 1] = (uint16_t) half;
		assert_int_equal(vx_slot_check(&g, slot, bound, true) == NULL, (half & 0x7FFF) <= 0x7BFF);
	}

	/* clearing keeps the version growing, so that optimistic writers notice */
	slot->version = 41;
	vx_slot_clear(&g, slot);
	assert_int_equal(slot->version, 42);
	assert_int_equal(slot->state, VX_SLOT_FREE);
	free(slot);
}

/* What a slot is given of a vector it has again, as exactly as its storage can, and of no other. */
static void
test_slot_points(void **state)
{
	static const VxStorage storages[] = {VX_STORAGE_FULL, VX_STORAGE_HEAP, VX_STORAGE_HALF, VX_STORAGE_EXACT_HALF, VX_STORAGE_BITS};
	VxRng		rng = {7};

	(void) state;
	for (size_t s = 0; s < sizeof(storages) / sizeof(storages[0]); s++)
		for (uint32_t dim = 1; dim < 140; dim += 23)
		{
			VxMeta		meta = sample_meta_with(storages[s], vx_storage_has_point(storages[s]) ? VX_CODES_NONE : VX_CODES_SCALAR4, dim, 8);
			VxSpace		space = vx_meta_space(&meta);
			VxPoint    *point = malloc(vx_space_room(&space));
			VxPoint    *other = malloc(vx_space_room(&space));
			VxPoint    *room = malloc(vx_space_room(&space));
			VxGeometry	g;
			VxSlot	   *slot;

			assert_null(vx_meta_check(&meta, BODY, &g));
			slot = calloc(1, g.record_bytes);
			/* halves, so that every storage can hold them; or any bits */
			memset(point, 0, vx_space_room(&space));
			for (uint32_t i = 0; i < vx_space_room(&space) / sizeof(float) - 1; i++)
				point->x[i] = (float) vx_rng_below(&rng, 512) / 8 + 1;
			point->norm2 = vx_space_norm2(&space, point);
			memcpy(other, point, vx_space_bytes(&space, point));
			other->x[vx_space_room(&space) / sizeof(float) - 2] += 1;
			other->norm2 = vx_space_norm2(&space, other);

			vx_slot_set_point(&space, &g, slot, point, 77);
			assert_true(vx_slot_has_point(&space, &g, slot, point, 77));
			assert_false(vx_slot_has_point(&space, &g, slot, other, 78));
			if (vx_storage_has_hash(storages[s]))
				assert_false(vx_slot_has_point(&space, &g, slot, point, (uint64_t) 77 << 32));
			if (storages[s] != VX_STORAGE_HEAP)
				assert_true(vx_space_same(&space, vx_slot_point(&g, slot, room), point));
			free(slot);
			free(room);
			free(other);
			free(point);
		}
}

/* What is written to a slot does not depend on what was there before, but for a node's point, which stays. */
static void
test_slot_init(void **state)
{
	static const VxNodeId edges[] = {7, 3, 900};
	VxMeta		meta = sample_meta(16, 8);
	VxGeometry	g;
	uint8_t    *bytes;
	size_t		point;

	(void) state;
	assert_null(vx_meta_check(&meta, BODY, &g));
	bytes = malloc(g.record_bytes);
	point = (size_t) ((uint8_t *) vx_slot_whole_point(&g, (VxSlot *) bytes) - bytes);
	for (int before = 0; before <= 0xFF; before += 0xFF)
	{
		VxSlot	   *slot = (VxSlot *) bytes;
		VxTidSlot  *tids;

		memset(bytes, before, g.record_bytes);
		vx_slot_init_node(&g, slot, 41, edges, 3);
		assert_int_equal(slot->state, VX_SLOT_LIVE);
		assert_int_equal(slot->version, 41);
		assert_int_equal(slot->chain, VX_NO_NODE);
		assert_int_equal(slot->tid_count, 0);
		assert_int_equal(slot->degree, 3);
		assert_memory_equal(slot->edges, edges, sizeof(edges));
		for (size_t i = offsetof(VxSlot, reserved); i < g.record_bytes; i++)
			if (i < offsetof(VxSlot, edges) || i >= offsetof(VxSlot, edges) + sizeof(edges))
				assert_int_equal(bytes[i], i < point ? 0 : before);
		if (before == 0)
			assert_null(vx_slot_check(&g, slot, 1000, true));

		memset(bytes, before, g.record_bytes);
		tids = vx_slot_init_tids(&g, slot, 42, 5, 6);
		assert_ptr_equal(tids, slot);
		assert_int_equal(tids->state, VX_SLOT_TIDS);
		assert_int_equal(tids->version, 42);
		assert_int_equal(tids->owner, 5);
		assert_int_equal(tids->chain, 6);
		assert_int_equal(tids->tid_count, 0);
		assert_int_equal(tids->reserved1, 0);
		for (size_t i = offsetof(VxTidSlot, tids); i < g.record_bytes; i++)
			assert_int_equal(bytes[i], 0);
		assert_null(vx_slot_check(&g, slot, 1000, true));
	}
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_fitting),
		cmocka_unit_test(test_codebook_flags),
		cmocka_unit_test(test_code_log),
		cmocka_unit_test(test_meta_check),
		cmocka_unit_test(test_slot_check),
		cmocka_unit_test(test_slot_points),
		cmocka_unit_test(test_slot_init),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
