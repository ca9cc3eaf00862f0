/*
 * vx_memstore.c: the store in memory; see vx_memstore.h.
 */
#include "graph/vx_memstore.h"

#include <string.h>

#ifndef _WIN32
#include <sched.h>
#endif

/*
 * The edges of a node are guarded by its version, as in Boehm 2012, "Can seqlocks get along with programming language memory
 * models?": data are stored with release and loaded with acquire, so who has seen any of a change sees the odd version as
 * well. On x86 these are plain moves.
 */
#define LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define STORE(p, value) __atomic_store_n((p), (value), __ATOMIC_RELEASE)

/* Versions seen to be odd before the processor is offered to the writer, who may have lost it. */
#define SPINS 100

/* The version of a node that nobody is writing at the moment; waits for the writer, who needs a few stores. */
static uint32_t
stable_version(VxMemStore *store, VxNodeId id)
{
	for (uint32_t spins = 1;; spins++)
	{
		uint32_t	version = LOAD(&store->versions[id]);

		if (version % 2 == 0)
			return version;
#ifndef _WIN32
		if (spins % SPINS == 0)
			sched_yield();
#endif
	}
}

/* Whether what was loaded since the version was read is all of that version. Call after the loads, which have acquired. */
static inline bool
unchanged_since(VxMemStore *store, VxNodeId id, uint32_t version)
{
	return __atomic_load_n(&store->versions[id], __ATOMIC_RELAXED) == version;
}

/* Makes the caller the only writer of a node that is still at an even version. end_write must follow at once. */
static inline bool
begin_write(VxMemStore *store, VxNodeId id, uint32_t version)
{
	return __atomic_compare_exchange_n(&store->versions[id], &version, version + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Makes what was stored the next version. */
static inline void
end_write(VxMemStore *store, VxNodeId id, uint32_t version)
{
	STORE(&store->versions[id], version + 2);
}

static VxStatus
mem_read_edges(VxStore *base, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	VxMemStore *store = (VxMemStore *) base;
	uint32_t	version;

	if (id >= store->count)
		return VX_GONE;
	do
	{
		const VxNodeId *edges = store->edges + (size_t) id * base->edge_capacity;

		version = stable_version(store, id);
		out->count = LOAD(&store->degrees[id]);
		for (uint32_t i = 0; i < out->count; i++)
			out->ids[i] = LOAD(&edges[i]);
	} while (!unchanged_since(store, id, version));
	out->version = version / 2;
	out->live = !store->deleted[id];
	VX_ASSERT(query == NULL || !store->computer.ops->asks_codes);
	if (query != NULL)
	{
		out->exact = vx_space_operator(&store->space, query->point, vx_memstore_point(store, id));
		out->error = 0;
	}
	return VX_OK;
}

static void
mem_prefetch(VxStore *base, VxNodeId id)
{
	VxMemStore *store = (VxMemStore *) base;

	vx_prefetch(store->edges + (size_t) id * base->edge_capacity, base->edge_capacity * sizeof(VxNodeId));
	vx_prefetch(&store->versions[id], 1);
	vx_prefetch(&store->degrees[id], 1);
}

static void
mem_prepare(VxStore *base, const VxQuery *query)
{
	VxMemStore *store = (VxMemStore *) base;

	vx_computer_prepare(&store->computer, query);
}

static bool
mem_asks_otherwise(VxStore *base, const VxQuery *query)
{
	return vx_computer_asks_otherwise(&((VxMemStore *) base)->computer, query->point);
}

/* items [n]: the points of nodes, or their codes. */
static void
find_items(const VxMemStore *store, bool codes, const VxNodeId *ids, uint32_t n, const void **items)
{
	if (codes)
		for (uint32_t i = 0; i < n; i++)
			items[i] = vx_memstore_code(store, ids[i]);
	else
		for (uint32_t i = 0; i < n; i++)
			items[i] = vx_memstore_point(store, ids[i]);
}

static void
mem_score(VxStore *base, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	VxMemStore *store = (VxMemStore *) base;
	const void *items[VX_MAX_EDGES];

	VX_ASSERT(n <= VX_MAX_EDGES);
	find_items(store, store->computer.ops->scores_codes, ids, n, items);
	store->computer.ops->score(&store->computer, query, items, n, score);
}

static void
mem_gather(VxStore *base, const VxNodeId *ids, uint32_t n, VxPointSet *set)
{
	VxMemStore *store = (VxMemStore *) base;

	vx_pointset_reserve(set, store->mem, n);
	find_items(store, store->computer.ops->pairs_codes, ids, n, set->points);
	store->computer.ops->open(&store->computer, set, n);
}

static void
mem_pairs(VxStore *base, const void *one, const void *const *others, uint32_t n, float *distance)
{
	VxMemStore *store = (VxMemStore *) base;

	store->computer.ops->pairs(&store->computer, one, others, n, distance);
}

static VxStatus
mem_add_edge(VxStore *base, VxNodeId id, VxNodeId target)
{
	VxMemStore *store = (VxMemStore *) base;
	VxNodeId   *edges = store->edges + (size_t) id * base->edge_capacity;

	if (store->deleted[id])
		return VX_GONE;
	for (;;)
	{
		uint32_t	version = stable_version(store, id);
		uint32_t	count = LOAD(&store->degrees[id]);
		bool		exists = false;

		for (uint32_t i = 0; i < count && !exists; i++)
			exists = LOAD(&edges[i]) == target;
		if (exists || count == base->edge_capacity)
		{
			if (unchanged_since(store, id, version))
				return exists ? VX_EXISTS : VX_FULL;
		}
		else if (begin_write(store, id, version))
		{
			STORE(&edges[count], target);
			STORE(&store->degrees[id], (uint16_t) (count + 1));
			end_write(store, id, version);
			return VX_OK;
		}
	}
}

static VxStatus
mem_replace_edges(VxStore *base, VxNodeId id, uint32_t seen_version, const VxNodeId *ids, uint32_t n)
{
	VxMemStore *store = (VxMemStore *) base;
	VxNodeId   *edges = store->edges + (size_t) id * base->edge_capacity;

	VX_ASSERT(n <= base->edge_capacity);
	/* callers know versions by halves: odd ones are never seen */
	if (!begin_write(store, id, seen_version * 2))
		return VX_CONFLICT;
	for (uint32_t i = 0; i < n; i++)
		STORE(&edges[i], ids[i]);
	STORE(&store->degrees[id], (uint16_t) n);
	end_write(store, id, seen_version * 2);
	return VX_OK;
}

static uint32_t
mem_entries(VxStore *base, VxNodeId *ids)
{
	VxMemStore *store = (VxMemStore *) base;

	memcpy(ids, store->entry_ids, store->entry_count * sizeof(VxNodeId));
	return store->entry_count;
}

static void
mem_poll(VxStore *base)
{
	VxMemStore *store = (VxMemStore *) base;

	if (store->poll != NULL)
		store->poll(NULL);
}

static const VxStoreOps mem_ops = {
	.read_edges = mem_read_edges,
	.prefetch = mem_prefetch,
	.prepare = mem_prepare,
	.asks_otherwise = mem_asks_otherwise,
	.score = mem_score,
	.gather = mem_gather,
	.pairs = mem_pairs,
	.add_edge = mem_add_edge,
	.replace_edges = mem_replace_edges,
	.entries = mem_entries,
	.poll = mem_poll,
};

/* Edges that a node may have while the graph is linked: 30 % more than in the end, see vx_memstore_init. */
static uint32_t
slack_capacity(uint32_t max_degree)
{
	return VX_MIN(max_degree + (max_degree * 3 + 9) / 10, VX_MAX_EDGES);
}

/* Slabs of up to 256 kB: what is allocated and not yet used counts, too, where memory is short. */
static void
set_item_bytes(VxMemStore *store, size_t bytes, bool varies)
{
	store->item_bytes = (uint32_t) bytes;
	store->varies = varies;
	for (store->slab_shift = 0; bytes << (store->slab_shift + 1) <= 256 * 1024;)
		store->slab_shift++;
}

void
vx_memstore_compare(VxMemStore *store, VxComparison comparison)
{
	vx_computer_free(&store->computer);
	vx_computer_init(&store->computer, store->mem, comparison, &store->space, store->codec);
	store->base.rough_scores = store->computer.ops->scores_codes && !vx_metric_kind(store->space.metric)->coded;
}

void
vx_memstore_init(VxMemStore *store, const VxMem *mem, const VxSpace *space, uint32_t max_degree, float alpha)
{
	memset(store, 0, sizeof(*store));
	store->base.ops = &mem_ops;
	store->base.max_degree = max_degree;
	store->base.edge_capacity = slack_capacity(max_degree);
	store->base.overflow_degree = max_degree;
	store->base.alpha = vx_space_alpha(space, alpha);
	store->space = *space;
	store->mem = store->arrays = mem;
	set_item_bytes(store, vx_space_room(space), vx_space_varies(space));
	vx_memstore_compare(store, VX_BY_POINTS);
}

/* Where slabs come from: of codes, which only wait there until they are sealed, they are nobody else's. */
static inline const VxMem *
slab_mem(const VxMemStore *store)
{
	return store->computer.ops->asks_codes ? store->mem : store->arrays;
}

void
vx_memstore_free(VxMemStore *store)
{
	for (uint32_t i = 0; i < store->slab_count; i++)
		vx_free(slab_mem(store), store->slabs[i]);
	vx_free(store->mem, store->slabs);
	vx_free(store->arrays, store->places);
	vx_free(store->arrays, store->edges);
	vx_free(store->arrays, store->degrees);
	vx_free(store->arrays, store->versions);
	vx_free(store->arrays, store->deleted);
	vx_free(store->arrays, store->codes);
	vx_free(store->arrays, store->order);
	vx_computer_free(&store->computer);
	memset(store, 0, sizeof(*store));
}

size_t
vx_memstore_slab_bytes(const VxMemStore *store)
{
	return (size_t) store->item_bytes << store->slab_shift;
}

size_t
vx_memstore_link_bytes(uint32_t max_degree)
{
	return slack_capacity(max_degree) * sizeof(VxNodeId) + sizeof(uint16_t) + sizeof(uint32_t) + sizeof(uint8_t);
}

static void
add_slab(VxMemStore *store)
{
	store->slabs = vx_resize_array(store->mem, store->slabs, (size_t) store->slab_count + 1, sizeof(char *));
	store->slabs[store->slab_count] = vx_alloc(slab_mem(store), vx_memstore_slab_bytes(store));
	store->slab_count++;
	store->slab_used = 0;
}

/* Decides where the next item is to be, of which it is known that it fits the last slab. */
static void
place_item(VxMemStore *store, size_t bytes)
{
	if (store->count == store->places_capacity)
	{
		store->places_capacity = vx_grown(store->places_capacity, 1024);
		store->places = vx_resize_array(store->mem, store->places, store->places_capacity, sizeof(uint64_t));
	}
	store->places[store->count] = (uint64_t) (store->slab_count - 1) << 32 | store->slab_used;
	store->slab_used += (uint32_t) bytes;
}

/* Room for one more item of so many bytes. */
static void *
add_item(VxMemStore *store, size_t bytes)
{
	VX_ASSERT(store->edges == NULL && bytes <= store->item_bytes);
	if (store->varies ? store->slab_count == 0 || store->slab_used + bytes > vx_memstore_slab_bytes(store)
		: vx_memstore_is_full(store))
		add_slab(store);
	if (store->varies)
		place_item(store, bytes);
	return (void *) vx_memstore_item(store, store->count++);
}

VxNodeId
vx_memstore_add(VxMemStore *store, const VxPoint *point)
{
	size_t		bytes = vx_space_bytes(&store->space, point);

	VX_ASSERT(!store->computer.ops->asks_codes);
	memcpy(add_item(store, bytes), point, bytes);
	return store->count - 1;
}

void
vx_memstore_move(VxMemStore *store, uint32_t to, uint32_t from, void *aside)
{
	uint32_t	n = store->count;

	VX_ASSERT(store->edges == NULL);
	if (store->varies)
		memcpy(to < n ? &store->places[to] : aside, from < n ? &store->places[from] : aside, sizeof(uint64_t));
	else
		memcpy(to < n ? (void *) vx_memstore_item(store, to) : aside, from < n ? vx_memstore_item(store, from) : aside,
			   store->item_bytes);
}

void
vx_memstore_use_codes(VxMemStore *store, VxCodec *codec)
{
	VX_ASSERT(store->count == 0 && codec->ops->prunes);
	store->codec = codec;
	set_item_bytes(store, codec->code_bytes, false);
	vx_memstore_compare(store, VX_BY_CODES_ALONE);
}

VxNodeId
vx_memstore_add_code(VxMemStore *store, const uint8_t *code)
{
	memcpy(add_item(store, store->codec->code_bytes), code, store->codec->code_bytes);
	return store->count - 1;
}

const VxPoint *
vx_memstore_query(VxMemStore *store, VxNodeId id)
{
	const void *item;

	find_items(store, store->computer.ops->asks_codes, &id, 1, &item);
	return vx_computer_query(&store->computer, item);
}

/* Memory for the codes of all points, and what may be read behind the last. */
static void
alloc_codes(VxMemStore *store)
{
	size_t		bytes = vx_size_product(store->count, store->codec->code_bytes);

	store->codes = vx_alloc(store->arrays, vx_size_sum(bytes, VX_CODE_OVERREAD));
	memset(store->codes + bytes, 0, VX_CODE_OVERREAD);
}

/* Brings the codes together, slab by slab. */
static void
gather_codes(VxMemStore *store)
{
	size_t		in_slab = (size_t) 1 << store->slab_shift;

	alloc_codes(store);
	for (uint32_t i = 0; i < store->slab_count; i++)
	{
		size_t		first = i * in_slab;

		memcpy(store->codes + first * store->item_bytes, store->slabs[i],
			   VX_MIN(in_slab, store->count - first) * store->item_bytes);
		vx_free(store->mem, store->slabs[i]);
	}
	store->slab_count = 0;
}

void
vx_memstore_seal(VxMemStore *store)
{
	size_t		n = VX_MAX(store->count, 1);

	if (store->edges != NULL)
		return;
	if (store->computer.ops->asks_codes)
		gather_codes(store);
	store->degrees = vx_alloc_array(store->arrays, n, sizeof(uint16_t));
	store->versions = vx_alloc_array(store->arrays, n, sizeof(uint32_t));
	store->deleted = vx_alloc(store->arrays, n);
	store->edges = vx_alloc_array(store->arrays, vx_size_product(n, store->base.edge_capacity), sizeof(VxNodeId));
	memset(store->degrees, 0, n * sizeof(uint16_t));
	memset(store->versions, 0, n * sizeof(uint32_t));
	memset(store->deleted, 0, n);
}

VxNodeId *
vx_memstore_make_order(VxMemStore *store)
{
	VX_ASSERT(store->order == NULL);
	store->order = vx_alloc_array(store->arrays, VX_MAX(store->count, 1), sizeof(VxNodeId));
	return store->order;
}

void
vx_memstore_set_codec(VxMemStore *store, VxCodec *codec, VxComparison comparison)
{
	store->codec = codec;
	if (store->codes == NULL)
		alloc_codes(store);
	vx_memstore_compare(store, comparison);
}

void
vx_memstore_encode(VxMemStore *store, VxNodeId first, VxNodeId end)
{
	for (VxNodeId id = first; id < end; id++)
	{
		mem_poll(&store->base);
		vx_codec_encode(store->codec, vx_memstore_point(store, id), (uint8_t *) vx_memstore_code(store, id));
	}
}
