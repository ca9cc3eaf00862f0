/*
 * vx_calibrate.h: from traced searches to a curve: how long lists must be for a recall.
 *
 * Queries are rows of the index, each as if it were not there (VxBridge leads around it). A search that is traced
 * (vx_search_trace) says of each node with how long a list it would have been found; so one search per query, with a long list, has the recall
 * of all lists.
 *
 * Real queries have no node, and never had one when neighbours chose their edges. To drop edges to the row's node would leave a hole where
 * these were pruned for its sake: searches in it wanted lists up to twice as long as those of queries from elsewhere, for the nearest row. To
 * follow its edges, which are to the very nodes that are asked for, would make them a fifth as long. So an edge to the row is replaced, as it would be if
 * the row had never been there: by edges to those of its neighbours that are nearest to where the edge comes from. One was too few, two were too many
 * in most of six sets (of real data and drawn by lot, 32 to 1536 dimensions), so every other node gets two.
 */
#ifndef VX_CALIBRATE_H
#define VX_CALIBRATE_H

#include "core/vx_curve.h"
#include "graph/vx_store.h"

/* A node that is left out, and what takes its place. */
typedef struct VxBridge
{
	const VxMem *mem;
	VxStore    *store;
	VxNodeId	id;				/* VX_NO_NODE: none */
	VxEdges		edges;			/* of it */
	VxPointSet	points;			/* of these */
	VxPointSet	from;			/* of one node */
} VxBridge;

/* A bridge around no node yet; mem and store must stay valid. The store's read_edges and entries may be those that call the functions below. */
void		vx_bridge_init(VxBridge *bridge, const VxMem *mem, VxStore *store);

void		vx_bridge_free(VxBridge *bridge);

/* Leaves out this node from now on; false if it is gone. */
bool		vx_bridge_around(VxBridge *bridge, VxNodeId id);

/* Edges that were read, as they would be. */
void		vx_bridge_edges(VxBridge *bridge, VxNodeId id, VxEdges *edges);

/* Entries likewise: returns how many are left of n. */
uint32_t	vx_bridge_entries(const VxBridge *bridge, VxNodeId *ids, uint32_t n);

/* What was found out of queries so far. */
typedef struct VxCalibration
{
	const VxMem *mem;
	uint32_t	capacity;		/* queries */
	uint32_t	count;
	uint32_t	ranks;			/* of nearest rows, at most VX_CURVE_MOST_RANK */
	uint32_t	depth;			/* lists were at most so long */
	uint16_t   *lists;			/* [capacity][ranks] list size with which the nearest of that rank was found, 0: with none */
} VxCalibration;

/* mem must stay valid; ranks is at least 1. */
void		vx_calibration_init(VxCalibration *calibration, const VxMem *mem, uint32_t capacity, uint32_t ranks, uint32_t depth);

void		vx_calibration_free(VxCalibration *calibration);

/* Adds a query: its lists [ranks], zeros, to be filled in. There is room for it. */
uint16_t   *vx_calibration_add(VxCalibration *calibration);

/* The curve; at least one query was added. exhausted: no list finds more than those that were as long as depth. */
void		vx_calibration_curve(const VxCalibration *calibration, bool exhausted, VxCurve *curve);

#endif							/* VX_CALIBRATE_H */
