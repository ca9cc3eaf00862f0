/*
 * unit_graph.h: what the tests of graphs share: a memory store with points, its build, and what is asked of a graph.
 */
#ifndef UNIT_GRAPH_H
#define UNIT_GRAPH_H

#include "graph/vx_memstore.h"
#include "quant/vx_code_kernels.h"

typedef struct UnitGraph
{
	VxMemStore	store;
	uint32_t	dim;
} UnitGraph;

/* Adds a node with the vector x [dim] to a store; returns its id. */
VxNodeId	unit_graph_add(VxMemStore *store, const float *x);

/* A store of n points, without edges, clustered so that it is not all the same everywhere. vx_memstore_free gives it back. */
void		unit_graph_points(UnitGraph *graph, VxMetric metric, uint32_t n, uint32_t dim, uint32_t degree, uint64_t seed);

/* A store of n points of 16 dimensions around centres that are far apart where spread is small; i is of centre i % centres. */
void		unit_graph_clusters(VxMemStore *store, uint32_t n, uint32_t centres, double spread);

/* Links all points of a store, with this list size. */
void		unit_graph_build(VxMemStore *store, uint32_t list_size);

/* A built graph of such points. */
void		unit_graph_make(UnitGraph *graph, VxMetric metric, uint32_t n, uint32_t dim, uint32_t degree, uint64_t seed);

/* Asserts that edges are within bounds, to others, and once each, and that every node can be reached. */
void		unit_graph_check(VxMemStore *store);

/* The share of the true k nearest live points of random queries that a search of list size l finds, in order. */
double		unit_graph_recall(UnitGraph *graph, uint32_t k, uint32_t l, uint64_t seed);

/* A scalar codec fitted to the points of a graph; gives it back. */
void		unit_graph_codec(VxCodec *codec, const UnitGraph *graph);
void		unit_graph_free_codec(VxCodec *codec);

#endif							/* UNIT_GRAPH_H */
