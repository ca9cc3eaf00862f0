/*
 * vx_calibrate.c: from traced searches to a curve; see vx_calibrate.h.
 */
#include "graph/vx_calibrate.h"

#include <math.h>
#include <string.h>

/* ---- around a node ---- */

void
vx_bridge_init(VxBridge *bridge, const VxMem *mem, VxStore *store)
{
	memset(bridge, 0, sizeof(*bridge));
	bridge->mem = mem;
	bridge->store = store;
	bridge->id = VX_NO_NODE;
}

void
vx_bridge_free(VxBridge *bridge)
{
	vx_pointset_free(&bridge->points, bridge->mem);
	vx_pointset_free(&bridge->from, bridge->mem);
	bridge->id = VX_NO_NODE;
}

bool
vx_bridge_around(VxBridge *bridge, VxNodeId id)
{
	VxStore    *store = bridge->store;
	uint32_t	kept = 0;

	bridge->id = VX_NO_NODE;
	if (store->ops->read_edges(store, id, NULL, &bridge->edges) != VX_OK || !bridge->edges.live)
		return false;
	store->ops->gather(store, bridge->edges.ids, bridge->edges.count, &bridge->points);
	for (uint32_t i = 0; i < bridge->edges.count; i++)
		if (bridge->points.points[i] != NULL)
		{
			bridge->edges.ids[kept] = bridge->edges.ids[i];
			bridge->points.points[kept++] = bridge->points.points[i];
		}
	bridge->edges.count = kept;
	bridge->id = id;
	return true;
}

static bool
leads_to(const VxEdges *edges, VxNodeId id)
{
	for (uint32_t i = 0; i < edges->count; i++)
		if (edges->ids[i] == id)
			return true;
	return false;
}

/* Edges to the nearest of the neighbours of the node that is left out, for a node whose edge to it has just been dropped. */
static void
bridge_from(VxBridge *bridge, VxNodeId id, VxEdges *edges)
{
	VxStore    *store = bridge->store;
	float		distance[VX_MAX_EDGES];
	uint32_t	wanted = 1 + (id & 1);

	store->ops->gather(store, &id, 1, &bridge->from);
	if (bridge->from.points[0] == NULL)
		return;
	store->ops->pairs(store, bridge->from.points[0], bridge->points.points, bridge->edges.count, distance);
	for (; wanted > 0 && edges->count < VX_MAX_EDGES; wanted--)
	{
		uint32_t	best = bridge->edges.count;

		for (uint32_t i = 0; i < bridge->edges.count; i++)
			if ((best == bridge->edges.count || distance[i] < distance[best]) && bridge->edges.ids[i] != id
				&& !leads_to(edges, bridge->edges.ids[i]))
				best = i;
		if (best == bridge->edges.count)
			return;
		edges->ids[edges->count++] = bridge->edges.ids[best];
	}
}

void
vx_bridge_edges(VxBridge *bridge, VxNodeId id, VxEdges *edges)
{
	if (bridge->id == VX_NO_NODE)
		return;
	for (uint32_t i = 0; i < edges->count; i++)
		if (edges->ids[i] == bridge->id)
		{
			edges->ids[i] = edges->ids[--edges->count];
			bridge_from(bridge, id, edges);
			return;
		}
}

uint32_t
vx_bridge_entries(const VxBridge *bridge, VxNodeId *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == bridge->id)
		{
			ids[i] = ids[n - 1];
			return n - 1;
		}
	return n;
}

/* ---- the curve ---- */

void
vx_calibration_init(VxCalibration *calibration, const VxMem *mem, uint32_t capacity, uint32_t ranks, uint32_t depth)
{
	memset(calibration, 0, sizeof(*calibration));
	calibration->mem = mem;
	calibration->capacity = capacity;
	calibration->ranks = VX_MIN(ranks, VX_CURVE_MOST_RANK);
	calibration->depth = VX_MIN(depth, UINT16_MAX);
	calibration->lists = vx_alloc_array(mem, vx_size_product(capacity, calibration->ranks), sizeof(uint16_t));
}

void
vx_calibration_free(VxCalibration *calibration)
{
	vx_free(calibration->mem, calibration->lists);
	calibration->lists = NULL;
}

uint16_t *
vx_calibration_add(VxCalibration *calibration)
{
	uint16_t   *lists = calibration->lists + (size_t) calibration->count++ * calibration->ranks;

	memset(lists, 0, calibration->ranks * sizeof(uint16_t));
	return lists;
}

/* How many of the nearest, of n, wanted lists of each size; those that no list found are at 0. */
typedef struct Counts
{
	uint32_t	n;
	uint32_t	depth;
	uint32_t   *of;				/* [depth + 1] */
} Counts;

/* The least list size that is enough for a share of all; 0 if none is. */
static uint32_t
least_for(const Counts *counts, double recall)
{
	uint32_t	wanted = (uint32_t) VX_MAX(ceil(recall * counts->n - 1e-9), 1);
	uint32_t	found = 0;

	for (uint32_t list = 1; list <= counts->depth; list++)
	{
		found += counts->of[list];
		if (found >= wanted)
			return list;
	}
	return 0;
}

/*
 * What lists longer than all that were tried would find: the share that is missed falls as a power of their size, as it did until now since
 * it was four times as much.
 */
static double
continued(const Counts *counts, double recall)
{
	double		missed = (double) counts->of[0] / counts->n;
	double		before = least_for(counts, 1 - VX_MIN(4 * missed, 0.5));
	double		power;

	if (before < 1 || before >= counts->depth)
		return INFINITY;
	power = log(VX_MIN(4 * missed, 0.5) / missed) / log(counts->depth / before);
	return power > 0 ? counts->depth * pow(missed / (1 - recall), 1 / power) : INFINITY;
}

/* Counts what the nearest of those ranks wanted. */
static void
count_lists(const VxCalibration *calibration, uint32_t ranks, Counts *counts)
{
	memset(counts->of, 0, ((size_t) counts->depth + 1) * sizeof(uint32_t));
	for (uint32_t query = 0; query < calibration->count; query++)
		for (uint32_t rank = 0; rank < ranks; rank++)
			counts->of[calibration->lists[(size_t) query * calibration->ranks + rank]]++;
	counts->n = calibration->count * ranks;
}

void
vx_calibration_curve(const VxCalibration *calibration, bool exhausted, VxCurve *curve)
{
	Counts		counts = {.depth = calibration->depth};

	counts.of = vx_alloc_array(calibration->mem, (size_t) counts.depth + 1, sizeof(uint32_t));
	memset(curve, 0, sizeof(*curve));
	for (int i = 0; i < VX_CURVE_RANKS; i++)
	{
		/* of the second nearest nearly the same is true as of the nearest, and twice as much is known */
		count_lists(calibration, VX_MIN(VX_MAX(vx_curve_rank[i], 2), calibration->ranks), &counts);
		for (int j = 0; j < VX_CURVE_RECALLS; j++)
		{
			double		list = least_for(&counts, vx_curve_recall[j]);

			if (list < 1)
				list = exhausted ? INFINITY : continued(&counts, vx_curve_recall[j]);
			curve->list[i][j] = vx_curve_pack(i, list);
		}
	}
	vx_free(calibration->mem, counts.of);
}
