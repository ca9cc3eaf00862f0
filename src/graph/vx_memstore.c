/*
 * vx_memstore.c: the store in memory; see vx_memstore.h.
 */
#include "graph/vx_memstore.h"

#include <math.h>
#include <string.h>

static VxStatus
mem_read_edges(VxStore *base, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	VxMemStore *store = (VxMemStore *) base;

	if (id >= store->count)
		return VX_GONE;
	/* node lock: shared */
	out->version = store->versions[id];
	out->live = !store->deleted[id];
	out->count = store->degrees[id];
	memcpy(out->ids, store->edges + (size_t) id * base->edge_capacity, out->count * sizeof(VxNodeId));
	if (query != NULL)
		out->exact = vx_space_operator(&store->space, query->point, vx_memstore_point(store, id));
	return VX_OK;
}

static void
mem_prepare(VxStore *base, const VxQuery *query)
{
	VxMemStore *store = (VxMemStore *) base;

	if (store->score_codes)
		vx_codec_prepare(store->codec, query->point, query->linking, &store->code_query);
}

static void
score_codes(VxMemStore *store, const VxNodeId *ids, uint32_t n, float *score)
{
	const uint8_t *codes[VX_MAX_EDGES];

	VX_ASSERT(n <= VX_MAX_EDGES);
	for (uint32_t i = 0; i < n; i++)
		codes[i] = vx_memstore_code(store, ids[i]);
	vx_codec_score(store->codec, &store->code_query, codes, n, score);
}

static void
mem_score(VxStore *base, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score)
{
	VxMemStore *store = (VxMemStore *) base;
	size_t		bytes = VX_POINT_BYTES(store->space.dim);

	if (store->score_codes)
	{
		score_codes(store, ids, n, score);
		return;
	}
	/* ask for the next points while one is computed: a miss costs more than a distance */
	for (uint32_t i = 0; i < n; i++)
	{
		const char *ahead = (const char *) vx_memstore_point(store, ids[VX_MIN(i + 3, n - 1)]);
		const VxPoint *p = vx_memstore_point(store, ids[i]);

		for (size_t line = 0; line < VX_MIN(bytes, 512); line += 64)
			__builtin_prefetch(ahead + line);
		score[i] = query->linking ? vx_space_pair(&store->space, query->point, p)
			: vx_space_query(&store->space, query->point, p);
	}
}

static void
mem_gather(VxStore *base, const VxNodeId *ids, uint32_t n, VxPointSet *set)
{
	VxMemStore *store = (VxMemStore *) base;

	vx_pointset_reserve(set, store->mem, n);
	for (uint32_t i = 0; i < n; i++)
		set->points[i] = vx_memstore_point(store, ids[i]);
}

static float
mem_pair(VxStore *base, const void *a, const void *b)
{
	return vx_space_pair(&((VxMemStore *) base)->space, a, b);
}

static VxStatus
mem_add_edge(VxStore *base, VxNodeId id, VxNodeId target)
{
	VxMemStore *store = (VxMemStore *) base;
	VxNodeId   *edges = store->edges + (size_t) id * base->edge_capacity;

	/* node lock: exclusive */
	if (store->deleted[id])
		return VX_GONE;
	for (uint32_t i = 0; i < store->degrees[id]; i++)
		if (edges[i] == target)
			return VX_EXISTS;
	if (store->degrees[id] == base->edge_capacity)
		return VX_FULL;
	edges[store->degrees[id]++] = target;
	store->versions[id]++;
	return VX_OK;
}

static VxStatus
mem_replace_edges(VxStore *base, VxNodeId id, uint32_t seen_version, const VxNodeId *ids, uint32_t n)
{
	VxMemStore *store = (VxMemStore *) base;

	VX_ASSERT(n <= base->edge_capacity);
	/* node lock: exclusive */
	if (store->versions[id] != seen_version)
		return VX_CONFLICT;
	memcpy(store->edges + (size_t) id * base->edge_capacity, ids, n * sizeof(VxNodeId));
	store->degrees[id] = (uint16_t) n;
	store->versions[id]++;
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
		store->poll(store->poll_context);
}

static const VxStoreOps mem_ops = {
	.read_edges = mem_read_edges,
	.prepare = mem_prepare,
	.score = mem_score,
	.gather = mem_gather,
	.pair = mem_pair,
	.add_edge = mem_add_edge,
	.replace_edges = mem_replace_edges,
	.entries = mem_entries,
	.poll = mem_poll,
};

static uint32_t
slack_capacity(uint32_t max_degree)
{
	return VX_MIN(max_degree + (max_degree * 3 + 9) / 10, VX_MAX_EDGES);
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
	store->mem = mem;
}

void
vx_memstore_free(VxMemStore *store)
{
	for (uint32_t i = 0; i < store->chunk_count; i++)
		vx_free(store->mem, store->chunks[i]);
	vx_free(store->mem, store->chunks);
	vx_free(store->mem, store->edges);
	vx_free(store->mem, store->degrees);
	vx_free(store->mem, store->versions);
	vx_free(store->mem, store->deleted);
	vx_free(store->mem, store->codes);
	vx_code_query_free(&store->code_query, store->mem);
	memset(store, 0, sizeof(*store));
}

size_t
vx_memstore_bytes(uint32_t n, uint32_t dim, uint32_t max_degree)
{
	return (size_t) n * (VX_POINT_BYTES(dim) + slack_capacity(max_degree) * sizeof(VxNodeId)
						 + sizeof(uint16_t) + sizeof(uint32_t) + sizeof(uint8_t));
}

static void
grow(VxMemStore *store)
{
	uint32_t	capacity = store->capacity + VX_MAX(VX_MEM_CHUNK_POINTS, store->capacity / 2);
	uint32_t	old = store->capacity;

	store->edges = vx_resize(store->mem, store->edges,
							 (size_t) capacity * store->base.edge_capacity * sizeof(VxNodeId));
	store->degrees = vx_resize(store->mem, store->degrees, capacity * sizeof(uint16_t));
	store->versions = vx_resize(store->mem, store->versions, capacity * sizeof(uint32_t));
	store->deleted = vx_resize(store->mem, store->deleted, capacity);
	memset(store->degrees + old, 0, (capacity - old) * sizeof(uint16_t));
	memset(store->versions + old, 0, (capacity - old) * sizeof(uint32_t));
	memset(store->deleted + old, 0, capacity - old);
	store->capacity = capacity;
}

VxNodeId
vx_memstore_add(VxMemStore *store, const float *x)
{
	VxNodeId	id = store->count;

	if (id == store->capacity)
		grow(store);
	if (id / VX_MEM_CHUNK_POINTS == store->chunk_count)
	{
		store->chunks = vx_resize(store->mem, store->chunks, (store->chunk_count + 1) * sizeof(char *));
		store->chunks[store->chunk_count] = vx_alloc(store->mem,
													 VX_MEM_CHUNK_POINTS * VX_POINT_BYTES(store->space.dim));
		store->chunk_count++;
	}
	vx_point_set((VxPoint *) vx_memstore_point(store, id), x, store->space.dim);
	store->count++;
	return id;
}

void
vx_memstore_encode(VxMemStore *store, VxCodec *codec, bool score_codes)
{
	size_t		bytes = (size_t) store->count * codec->code_bytes;

	store->codec = codec;
	store->score_codes = score_codes;
	store->codes = vx_alloc(store->mem, bytes + VX_CODE_OVERREAD);
	memset(store->codes + bytes, 0, VX_CODE_OVERREAD);
	vx_code_query_init(codec, store->mem, &store->code_query);
	for (VxNodeId id = 0; id < store->count; id++)
	{
		mem_poll(&store->base);
		vx_codec_encode(codec, vx_memstore_point(store, id), (uint8_t *) vx_memstore_code(store, id));
	}
}
