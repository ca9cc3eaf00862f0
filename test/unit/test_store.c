/*
 * test_store.c: the memory store keeps the rules of the seam, and the suite that says so notices stores that do not.
 */
#include "unit.h"
#include "unit_codec.h"

#include <math.h>

#include "graph/vx_memstore.h"
#include "store_conformance.h"
#include "unit_graph.h"

#define DIM 16
#define NODES 60
#define DEGREE 12

typedef struct Trial
{
	VxMemStore	store;
	VxNodeId	ids[NODES];
	StoreTrial	trial;
	VxCodec		codec;
} Trial;

static const void *
point_of(void *context, VxNodeId id)
{
	return vx_memstore_query(&((Trial *) context)->store, id);
}

static void
delete_node(void *context, VxNodeId id)
{
	((Trial *) context)->store.deleted[id] = 1;
}

static void
begin_trial(Trial *trial, VxMetric metric, VxComparison comparison)
{
	VxSpace		space = {.metric = metric,.dim = DIM,.max_norm2 = DIM};
	VxRng		rng = {5};

	memset(trial, 0, sizeof(*trial));
	vx_memstore_init(&trial->store, &unit_mem, &space, DEGREE, 1.2f);
	for (uint32_t i = 0; i < NODES; i++)
	{
		float		x[DIM];

		for (uint32_t j = 0; j < DIM; j++)
			x[j] = (float) vx_rng_unit(&rng);
		trial->ids[i] = unit_graph_add(&trial->store, x);
	}
	vx_memstore_seal(&trial->store);
	if (comparison != VX_BY_POINTS)
	{
		unit_codec_init(&trial->codec, VX_CODES_SCALAR4, metric, DIM, 0);
		vx_codec_set_max_norm2(&trial->codec, space.max_norm2);
		vx_memstore_set_codec(&trial->store, &trial->codec, comparison);
		vx_memstore_encode(&trial->store, 0, NODES);
	}
	trial->store.entry_ids[0] = 7;
	trial->store.entry_count = 1;
	trial->trial = (StoreTrial)
	{
		.store = &trial->store.base,.mem = &unit_mem,.ids = trial->ids,.count = NODES,.seed = 11,
		.point = point_of,.delete_node = delete_node,.context = trial
	};
}

static void
end_trial(Trial *trial)
{
	vx_memstore_free(&trial->store);
	vx_codec_free(&trial->codec, &unit_mem);
}

static VxSparsePoint *
sparse_point(uint32_t number)
{
	uint32_t	count = number % 90;
	VxSparsePoint *point = calloc(1, VX_SPARSE_POINT_BYTES(count));

	point->count = count;
	for (uint32_t i = 0; i < 2 * count; i++)
		point->parts[i] = number + i;
	return point;
}

/* Points of different lengths lie one behind the other, and are found again, also when they have changed places. */
static void
test_lengths(void **state)
{
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = 100000,.form = VX_FORM_SPARSE};
	const uint32_t n = 20000;
	VxMemStore	store;
	size_t		bytes = 0;
	uint64_t	aside;

	(void) state;
	vx_memstore_init(&store, &unit_mem, &space, DEGREE, 1.2f);
	assert_true(vx_memstore_is_full(&store));
	for (uint32_t i = 0; i < n; i++)
	{
		VxSparsePoint *point = sparse_point(i);
		bool		full = vx_memstore_is_full(&store);
		uint32_t	slabs = store.slab_count;

		bytes += VX_SPARSE_POINT_BYTES(point->count);
		assert_int_equal(vx_memstore_add(&store, (VxPoint *) point), i);
		assert_true(store.slab_count == slabs || full);
		free(point);
	}
	/* none but the last slab has room for the largest point */
	assert_true(store.slab_count > 2);
	assert_true(vx_memstore_slabs_bytes(&store) < bytes + store.slab_count * VX_SPARSE_POINT_BYTES(90) + vx_memstore_slab_bytes(&store));
	/* round by one */
	vx_memstore_move(&store, n, 0, &aside);
	for (uint32_t i = 1; i < n; i++)
		vx_memstore_move(&store, i - 1, i, &aside);
	vx_memstore_move(&store, n - 1, n, &aside);
	for (uint32_t i = 0; i < n; i++)
	{
		VxSparsePoint *point = sparse_point((i + 1) % n);

		assert_memory_equal(vx_memstore_point(&store, i), point, VX_SPARSE_POINT_BYTES(point->count));
		free(point);
	}
	vx_memstore_free(&store);
}

static void
test_memory_store(void **state)
{
	(void) state;
	for (int metric = VX_METRIC_L2; metric <= VX_METRIC_L1; metric++)
		for (int comparison = VX_BY_POINTS; comparison <= VX_BY_CODES; comparison++)
		{
			Trial		trial;
			const char *broken;

			begin_trial(&trial, (VxMetric) metric, (VxComparison) comparison);
			broken = store_conforms(&trial.trial);
			if (broken != NULL)
				fail_msg("metric %d, comparison %d: %s", metric, comparison, broken);
			end_trial(&trial);
		}
}

/* ---- a store with recycling, and stores with one fault each, over the memory store ---- */

static const VxStoreOps *sound;	/* of the memory store */
static bool is_free[NODES];
static bool keeps_version;		/* a reused place starts with the version that it had */

static VxStatus
recycling_read(VxStore *store, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	return is_free[id] ? VX_GONE : sound->read_edges(store, id, query, out);
}

static VxStatus
recycling_add(VxStore *store, VxNodeId id, VxNodeId target)
{
	return is_free[id] ? VX_GONE : sound->add_edge(store, id, target);
}

static VxStatus
recycling_replace(VxStore *store, VxNodeId id, uint32_t version, const VxNodeId *ids, uint32_t n)
{
	return is_free[id] ? VX_GONE : sound->replace_edges(store, id, version, ids, n);
}

static void
free_node(void *context, VxNodeId id)
{
	(void) context;
	is_free[id] = true;
}

static void
reuse_node(void *context, VxNodeId id)
{
	VxMemStore *store = &((Trial *) context)->store;

	is_free[id] = false;
	store->deleted[id] = 0;
	store->degrees[id] = 0;
	if (!keeps_version)
		store->versions[id] += 2;
}

static VxStatus
add_twice(VxStore *store, VxNodeId id, VxNodeId target)
{
	VxEdges		edges;
	VxStatus	status = recycling_add(store, id, target);

	if (status != VX_EXISTS)
		return status;
	recycling_read(store, id, NULL, &edges);
	if (edges.count == store->edge_capacity)
		return VX_FULL;
	edges.ids[edges.count] = target;
	return recycling_replace(store, id, edges.version, edges.ids, edges.count + 1);
}

static VxStatus
add_where_full(VxStore *store, VxNodeId id, VxNodeId target)
{
	VxEdges		edges;
	VxStatus	status = recycling_add(store, id, target);

	if (status != VX_FULL)
		return status;
	recycling_read(store, id, NULL, &edges);
	edges.ids[0] = target;
	return recycling_replace(store, id, edges.version, edges.ids, edges.count);
}

static VxStatus
add_without_version(VxStore *store, VxNodeId id, VxNodeId target)
{
	VxStatus	status = recycling_add(store, id, target);

	if (status == VX_OK)
		((VxMemStore *) store)->versions[id] -= 2;
	return status;
}

static VxStatus
add_to_deleted(VxStore *store, VxNodeId id, VxNodeId target)
{
	VxMemStore *memory = (VxMemStore *) store;
	uint8_t		deleted = memory->deleted[id];
	VxStatus	status;

	memory->deleted[id] = 0;
	status = recycling_add(store, id, target);
	memory->deleted[id] = deleted;
	return status;
}

static VxStatus
replace_at_any_version(VxStore *store, VxNodeId id, uint32_t version, const VxNodeId *ids, uint32_t n)
{
	VxEdges		edges;

	(void) version;
	return recycling_read(store, id, NULL, &edges) != VX_OK ? VX_GONE : recycling_replace(store, id, edges.version, ids, n);
}

static VxStatus
replace_without_version(VxStore *store, VxNodeId id, uint32_t version, const VxNodeId *ids, uint32_t n)
{
	VxStatus	status = recycling_replace(store, id, version, ids, n);

	if (status == VX_OK)
		((VxMemStore *) store)->versions[id] -= 2;
	return status;
}

static VxStatus
replace_but_the_last(VxStore *store, VxNodeId id, uint32_t version, const VxNodeId *ids, uint32_t n)
{
	return recycling_replace(store, id, version, ids, n == store->edge_capacity ? n - 1 : n);
}

static VxStatus
replace_freed(VxStore *store, VxNodeId id, uint32_t version, const VxNodeId *ids, uint32_t n)
{
	return sound->replace_edges(store, id, version, ids, n);
}

static VxStatus
read_freed(VxStore *store, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	return sound->read_edges(store, id, query, out);
}

static VxStatus
read_all_live(VxStore *store, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	VxStatus	status = recycling_read(store, id, query, out);

	out->live = true;
	return status;
}

static void
score_last_forgotten(VxStore *store, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	sound->score(store, query, ids, n > 1 ? n - 1 : n, score);
}

static void
score_none(VxStore *store, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	sound->score(store, query, ids, n, score);
	score[0] = NAN;
}

static void
pairs_one_way(VxStore *store, const void *one, const void *const *others, uint32_t n, float *distance)
{
	sound->pairs(store, one, others, n, distance);
	if (n > 1)
		distance[n - 1] *= 2;
}

static uint32_t
entries_twice(VxStore *store, VxNodeId *ids)
{
	uint32_t	n = sound->entries(store, ids);

	ids[n] = ids[0];
	return n + 1;
}

/* The rule that a store broke which differs from a sound one in one operation, or keeps versions for reused places. */
static const char *
conforms(const VxStoreOps *difference, bool with_versions_kept)
{
	Trial		trial;
	VxStoreOps	ops;
	const char *broken;

	begin_trial(&trial, VX_METRIC_L2, VX_BY_POINTS);
	sound = trial.store.base.ops;
	ops = *sound;
	ops.read_edges = difference->read_edges != NULL ? difference->read_edges : recycling_read;
	ops.add_edge = difference->add_edge != NULL ? difference->add_edge : recycling_add;
	ops.replace_edges = difference->replace_edges != NULL ? difference->replace_edges : recycling_replace;
	ops.score = difference->score != NULL ? difference->score : sound->score;
	ops.pairs = difference->pairs != NULL ? difference->pairs : sound->pairs;
	ops.entries = difference->entries != NULL ? difference->entries : sound->entries;
	trial.store.base.ops = &ops;
	trial.trial.free_node = free_node;
	trial.trial.reuse_node = reuse_node;
	memset(is_free, 0, sizeof(is_free));
	keeps_version = with_versions_kept;
	broken = store_conforms(&trial.trial);
	end_trial(&trial);
	return broken;
}

static void
test_faulty_stores(void **state)
{
	static const VxStoreOps faulty[] = {
		{.add_edge = add_twice},
		{.add_edge = add_where_full},
		{.add_edge = add_without_version},
		{.add_edge = add_to_deleted},
		{.replace_edges = replace_at_any_version},
		{.replace_edges = replace_without_version},
		{.replace_edges = replace_but_the_last},
		{.replace_edges = replace_freed},
		{.read_edges = read_freed},
		{.read_edges = read_all_live},
		{.score = score_last_forgotten},
		{.score = score_none},
		{.pairs = pairs_one_way},
		{.entries = entries_twice},
	};
	const VxStoreOps none = {0};
	const char *broken = conforms(&none, false);

	(void) state;
	if (broken != NULL)
		fail_msg("a sound store with recycling: %s", broken);
	assert_non_null(conforms(&none, true));
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++)
	{
		broken = conforms(&faulty[i], false);
		if (broken == NULL)
			fail_msg("faulty store %zu was not noticed", i);
		print_message("faulty store %zu: %s\n", i, broken);
	}
}

/*
 * By what nodes are linked: codes that estimate another distance lead to edges less good than those of points, but sparse points, of any
 * length, are much slower to compare than their codes, and searches go by these in any case.
 */
static void
test_comparisons(void **state)
{
	static const struct
	{
		VxSpace		space;
		VxCodeKind	kind;
		VxComparison wanted;
	}			cases[] = {
		{{.metric = VX_METRIC_L2,.dim = DIM}, VX_CODES_SCALAR4, VX_BY_CODES},
		{{.metric = VX_METRIC_L2,.dim = DIM}, VX_CODES_SCALAR2, VX_BY_CODES_AND_POINTS},
		{{.metric = VX_METRIC_L1,.dim = DIM}, VX_CODES_SCALAR4, VX_BY_POINTS},
		{{.metric = VX_METRIC_L1,.dim = 100000,.form = VX_FORM_SPARSE}, VX_CODES_SCALAR4, VX_BY_CODES},
		{{.metric = VX_METRIC_IP,.dim = 100000,.form = VX_FORM_SPARSE}, VX_CODES_SCALAR4, VX_BY_CODES},
		{{.metric = VX_METRIC_HAMMING,.dim = DIM,.form = VX_FORM_BITS}, VX_CODES_BITS, VX_BY_CODES},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		VxCodec		codec;

		vx_codec_init(&codec, &unit_mem, cases[i].kind, &cases[i].space, 0);
		assert_int_equal(vx_comparison_for_linking(&codec), cases[i].wanted);
		vx_codec_free(&codec, &unit_mem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_memory_store),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_faulty_stores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
