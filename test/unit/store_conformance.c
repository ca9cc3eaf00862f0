/*
 * store_conformance.c: see store_conformance.h. Each part returns NULL or the rule that was broken.
 */
#include "store_conformance.h"

#include <math.h>
#include <string.h>

#define EXPECT(condition, rule) \
	do { \
		if (!(condition)) \
			return (rule); \
	} while (0)

#define TRY(part) \
	do { \
		const char *broken_ = (part); \
		if (broken_ != NULL) \
			return broken_; \
	} while (0)

static VxStatus
read_node(const StoreTrial *trial, VxNodeId id, VxEdges *edges)
{
	memset(edges, 0xA5, sizeof(*edges));
	return trial->store->ops->read_edges(trial->store, id, NULL, edges);
}

static VxStatus
add_edge(const StoreTrial *trial, VxNodeId id, VxNodeId target)
{
	return trial->store->ops->add_edge(trial->store, id, target);
}

static VxStatus
replace_edges(const StoreTrial *trial, VxNodeId id, uint32_t version, const VxNodeId *ids, uint32_t n)
{
	return trial->store->ops->replace_edges(trial->store, id, version, ids, n);
}

/* Whether a node reads as it did. */
static bool
is_as_before(const StoreTrial *trial, VxNodeId id, const VxEdges *before)
{
	VxEdges		now;

	return read_node(trial, id, &now) == VX_OK && now.version == before->version && now.live == before->live
		&& now.count == before->count && memcmp(now.ids, before->ids, now.count * sizeof(VxNodeId)) == 0;
}

static bool
has_edges(const VxEdges *edges, const VxNodeId *ids, uint32_t n)
{
	return edges->count == n && memcmp(edges->ids, ids, n * sizeof(VxNodeId)) == 0;
}

/* Leaves a live node without edges, and says at which version. */
static const char *
clear_node(const StoreTrial *trial, VxNodeId id, VxEdges *edges)
{
	EXPECT(read_node(trial, id, edges) == VX_OK, "a live node can be read");
	EXPECT(edges->live, "a live node is read as live");
	EXPECT(edges->count <= trial->store->edge_capacity, "a node has at most as many edges as the store says");
	EXPECT(is_as_before(trial, id, edges), "reading changes nothing");
	EXPECT(replace_edges(trial, id, edges->version, trial->ids, 0) == VX_OK, "edges are replaced at the version that was read");
	EXPECT(read_node(trial, id, edges) == VX_OK && edges->count == 0, "edges can be replaced by none");
	return NULL;
}

/* ---- writes of one node ---- */

static const char *
try_add(const StoreTrial *trial)
{
	uint32_t	capacity = trial->store->edge_capacity;
	VxNodeId	id = trial->ids[0];
	VxEdges		before;
	VxEdges		after;

	TRY(clear_node(trial, id, &before));
	for (uint32_t i = 0; i < capacity; i++)
	{
		EXPECT(add_edge(trial, id, trial->ids[i + 1]) == VX_OK, "an edge is added while there is room");
		EXPECT(read_node(trial, id, &after) == VX_OK, "a node that was given an edge can be read");
		EXPECT(after.version != before.version, "an added edge changes the version");
		EXPECT(has_edges(&after, trial->ids + 1, i + 1), "an added edge is the last one, and the others stay");
		EXPECT(add_edge(trial, id, trial->ids[i + 1]) == VX_EXISTS && is_as_before(trial, id, &after),
			   "an edge that exists is told, and nothing changes");
		EXPECT(replace_edges(trial, id, before.version, trial->ids, 0) == VX_CONFLICT && is_as_before(trial, id, &after),
			   "a version that an added edge has ended conflicts, and nothing changes");
		before = after;
	}
	EXPECT(add_edge(trial, id, trial->ids[capacity + 1]) == VX_FULL && is_as_before(trial, id, &before),
		   "a node that is full is told, and nothing changes");
	EXPECT(add_edge(trial, id, trial->ids[1]) == VX_EXISTS, "that an edge exists comes before that there is no room");
	return NULL;
}

static const char *
try_replace(const StoreTrial *trial)
{
	uint32_t	capacity = trial->store->edge_capacity;
	VxNodeId	id = trial->ids[0];
	VxEdges		before;
	VxEdges		after;
	uint32_t	sizes[] = {capacity, 1, 0, capacity / 2, capacity};

	TRY(clear_node(trial, id, &before));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		EXPECT(replace_edges(trial, id, before.version, trial->ids + 1 + i % 2, sizes[i]) == VX_OK,
			   "edges are replaced at the version that was read");
		EXPECT(read_node(trial, id, &after) == VX_OK && has_edges(&after, trial->ids + 1 + i % 2, sizes[i]),
			   "a node has the edges that were given, in that order, and no others");
		EXPECT(after.version != before.version, "replaced edges change the version");
		EXPECT(after.live, "replaced edges leave a node live");
		EXPECT(replace_edges(trial, id, before.version, trial->ids, 0) == VX_CONFLICT && is_as_before(trial, id, &after),
			   "a version that replaced edges have ended conflicts, and nothing changes");
		before = after;
	}
	EXPECT(replace_edges(trial, id, before.version + 1, trial->ids, 0) == VX_CONFLICT, "a version that never was conflicts");
	return NULL;
}

/* ---- many writes of many nodes, against a model of them ---- */

#define MODEL_NODES 8
#define MODEL_STEPS 5000

typedef struct ModelNode
{
	VxEdges		seen;			/* as it was read last */
	uint32_t	old_version;	/* one that it had before, if has_old */
	bool		has_old;
} ModelNode;

static const char *
model_add(const StoreTrial *trial, ModelNode *node, VxNodeId id, VxNodeId target)
{
	VxStatus	expected = node->seen.count == trial->store->edge_capacity ? VX_FULL : VX_OK;

	for (uint32_t i = 0; i < node->seen.count; i++)
		if (node->seen.ids[i] == target)
			expected = VX_EXISTS;
	EXPECT(add_edge(trial, id, target) == expected, "among many writes, add_edge answers as the edges of the node say");
	if (expected == VX_OK)
		node->seen.ids[node->seen.count++] = target;
	return NULL;
}

static const char *
model_replace(const StoreTrial *trial, ModelNode *node, VxNodeId id, VxRng *rng)
{
	uint32_t	n = vx_rng_below(rng, trial->store->edge_capacity + 1);
	uint32_t	first = vx_rng_below(rng, trial->count - n + 1);
	bool		stale = node->has_old && vx_rng_below(rng, 4) == 0;

	EXPECT(replace_edges(trial, id, stale ? node->old_version : node->seen.version, trial->ids + first, n)
		   == (stale ? VX_CONFLICT : VX_OK), "among many writes, replace_edges answers as the version says");
	if (stale)
		return NULL;
	memcpy(node->seen.ids, trial->ids + first, n * sizeof(VxNodeId));
	node->seen.count = n;
	return NULL;
}

static const char *
try_many(const StoreTrial *trial)
{
	VxRng		rng = {trial->seed};
	ModelNode	model[MODEL_NODES];

	memset(model, 0, sizeof(model));
	for (uint32_t i = 0; i < MODEL_NODES; i++)
		TRY(clear_node(trial, trial->ids[i], &model[i].seen));
	for (uint32_t step = 0; step < MODEL_STEPS; step++)
	{
		uint32_t	at = vx_rng_below(&rng, MODEL_NODES);
		ModelNode  *node = &model[at];
		VxEdges		now;

		if (vx_rng_below(&rng, 8) == 0)
			TRY(model_replace(trial, node, trial->ids[at], &rng));
		else
			TRY(model_add(trial, node, trial->ids[at], trial->ids[vx_rng_below(&rng, trial->count)]));
		EXPECT(read_node(trial, trial->ids[at], &now) == VX_OK, "among many writes, a node can be read");
		EXPECT(has_edges(&now, node->seen.ids, node->seen.count), "among many writes, a node has the edges that it was given");
		if (now.version != node->seen.version)
		{
			node->old_version = node->seen.version;
			node->has_old = true;
			node->seen.version = now.version;
		}
		if (trial->poll != NULL && step % 64 == 0)
			trial->poll(trial->context);
		trial->store->ops->poll(trial->store);
	}
	for (uint32_t i = 0; i < MODEL_NODES; i++)
		EXPECT(is_as_before(trial, trial->ids[i], &model[i].seen), "writes of other nodes leave a node as it is");
	return NULL;
}

/* ---- scores ---- */

static const char *
try_scores(const StoreTrial *trial)
{
	VxStore    *store = trial->store;
	uint32_t	n = VX_MIN(trial->count, VX_MAX_EDGES);
	float		scores[VX_MAX_EDGES];
	float		again;

	for (int linking = 0; linking < 2; linking++)
	{
		VxQuery		query = {.linking = linking != 0};

		query.point = trial->point(trial->context, trial->ids[0]);
		store->ops->prepare(store, &query);
		for (uint32_t i = 0; i < n; i++)
			scores[i] = NAN;
		store->ops->score(store, &query, trial->ids, n, scores);
		for (uint32_t i = 0; i < n; i++)
		{
			VxEdges		edges;

			EXPECT(!isnan(scores[i]), "every node of a batch is scored, and by a number");
			store->ops->score(store, &query, &trial->ids[i], 1, &again);
			EXPECT(again == scores[i], "a node scores alone as it does in a batch");
			if (linking)
				continue;
			edges.exact = edges.error = NAN;
			EXPECT(store->ops->read_edges(store, trial->ids[i], &query, &edges) == VX_OK && !isnan(edges.exact) && edges.error >= 0,
				   "a node that is read for a query has a distance, and an error of it");
		}
		if (store->ops->asks_otherwise != NULL)
			(void) store->ops->asks_otherwise(store, &query);
	}
	return NULL;
}

static const char *
try_pairs(const StoreTrial *trial)
{
	VxStore    *store = trial->store;
	uint32_t	n = VX_MIN(trial->count, VX_MAX_EDGES);
	VxPointSet	set = {0};
	float		distance[VX_MAX_EDGES];
	float		back;
	const char *broken = NULL;

	/* a set is used again, for more and for fewer */
	for (uint32_t size = 1; broken == NULL; size = VX_MIN(size * 2, n))
	{
		store->ops->gather(store, trial->ids, size, &set);
		for (uint32_t i = 0; i < size && broken == NULL; i++)
			if (set.points[i] == NULL)
				broken = "a live node has a representation";
		if (broken == NULL)
			store->ops->pairs(store, set.points[0], set.points, size, distance);
		for (uint32_t i = 0; i < size && broken == NULL; i++)
		{
			store->ops->pairs(store, set.points[i], set.points, 1, &back);
			if (isnan(distance[i]))
				broken = "a distance between nodes is a number";
			else if (fabsf(back - distance[i]) > 1e-3f * (fabsf(back) + fabsf(distance[i])))
				broken = "distances between nodes are the same both ways";
		}
		if (size == n)
			break;
	}
	vx_pointset_free(&set, trial->mem);
	return broken;
}

/* ---- entries ---- */

static const char *
try_entries(const StoreTrial *trial)
{
	VxNodeId	ids[VX_MAX_ENTRIES];
	uint32_t	count = trial->store->ops->entries(trial->store, ids);
	VxEdges		edges;

	EXPECT(count <= VX_MAX_ENTRIES, "there are at most VX_MAX_ENTRIES entries");
	for (uint32_t i = 0; i < count; i++)
	{
		EXPECT(read_node(trial, ids[i], &edges) == VX_OK, "an entry can be read");
		for (uint32_t j = 0; j < i; j++)
			EXPECT(ids[i] != ids[j], "no entry comes twice");
	}
	return NULL;
}

/* ---- from live to deleted to free to live again ---- */

static const char *
try_deleted(const StoreTrial *trial, VxNodeId id, const VxEdges *live)
{
	VxEdges		deleted;

	trial->delete_node(trial->context, id);
	EXPECT(read_node(trial, id, &deleted) == VX_OK, "a deleted node can be read");
	EXPECT(!deleted.live, "a deleted node is not read as live");
	EXPECT(has_edges(&deleted, live->ids, live->count), "a deleted node still leads where it led");
	EXPECT(add_edge(trial, id, trial->ids[trial->count - 1]) == VX_GONE && is_as_before(trial, id, &deleted),
		   "a deleted node takes no edge");
	EXPECT(replace_edges(trial, id, deleted.version, live->ids, 1) == VX_OK, "edges of a deleted node can be replaced");
	EXPECT(read_node(trial, id, &deleted) == VX_OK && !deleted.live, "a deleted node whose edges were replaced is not live");
	return NULL;
}

static const char *
try_free(const StoreTrial *trial, VxNodeId id, uint32_t last_version)
{
	VxEdges		edges;
	VxStatus	status;

	trial->free_node(trial->context, id);
	EXPECT(read_node(trial, id, &edges) == VX_GONE, "a node that was freed is gone for who reads it");
	EXPECT(add_edge(trial, id, trial->ids[2]) == VX_GONE, "a node that was freed is gone for who adds an edge");
	status = replace_edges(trial, id, last_version, trial->ids + 2, 1);
	EXPECT(status == VX_GONE || status == VX_CONFLICT, "edges of a node that was freed are not replaced");
	EXPECT(read_node(trial, id, &edges) == VX_GONE, "a node that was freed stays gone");
	return NULL;
}

/* ABA: who has read the node that was in a place before must not write to the one that is there now. */
static const char *
try_reuse(const StoreTrial *trial, VxNodeId id, const uint32_t *versions, uint32_t n)
{
	VxEdges		edges;

	trial->reuse_node(trial->context, id);
	EXPECT(read_node(trial, id, &edges) == VX_OK && edges.live, "a new node in an old place is live");
	EXPECT(edges.count == 0, "a new node has no edges of the old one");
	for (uint32_t i = 0; i < n; i++)
	{
		EXPECT(edges.version != versions[i], "a new node has no version of the old one");
		EXPECT(replace_edges(trial, id, versions[i], trial->ids + 2, 1) == VX_CONFLICT && is_as_before(trial, id, &edges),
			   "who has read the old node does not write to the new one");
	}
	EXPECT(add_edge(trial, id, trial->ids[2]) == VX_OK, "a new node takes edges");
	return NULL;
}

static const char *
try_lives(const StoreTrial *trial)
{
	for (int i = 0; i < 2 && trial->delete_node != NULL; i++)
	{
		VxNodeId	id = trial->ids[i];
		VxEdges		edges;
		uint32_t	versions[3];

		TRY(clear_node(trial, id, &edges));
		versions[0] = edges.version;
		EXPECT(add_edge(trial, id, trial->ids[2]) == VX_OK && add_edge(trial, id, trial->ids[3]) == VX_OK, "a cleared node takes edges");
		EXPECT(read_node(trial, id, &edges) == VX_OK, "a live node can be read");
		versions[1] = edges.version;
		TRY(try_deleted(trial, id, &edges));
		if (trial->free_node == NULL)
			continue;
		EXPECT(read_node(trial, id, &edges) == VX_OK, "a deleted node can be read");
		versions[2] = edges.version;
		TRY(try_free(trial, id, versions[2]));
		if (trial->reuse_node != NULL)
			TRY(try_reuse(trial, id, versions, 3));
	}
	return NULL;
}

const char *
store_conforms(const StoreTrial *trial)
{
	const VxStore *store = trial->store;

	EXPECT(store->max_degree >= 1 && store->max_degree <= VX_MAX_DEGREE && store->max_degree <= store->edge_capacity
		   && store->edge_capacity <= VX_MAX_EDGES && store->overflow_degree <= store->edge_capacity,
		   "degrees and capacity are within their bounds");
	if (trial->count < store->edge_capacity + 2 || trial->count < MODEL_NODES)
		return "the trial needs more nodes";
	TRY(try_add(trial));
	TRY(try_replace(trial));
	TRY(try_many(trial));
	if (store->ops->prefetch != NULL)
		store->ops->prefetch(trial->store, trial->ids[0]);
	if (trial->point != NULL)
		TRY(try_scores(trial));
	TRY(try_pairs(trial));
	TRY(try_entries(trial));
	TRY(try_lives(trial));
	return NULL;
}
