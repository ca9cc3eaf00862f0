/*
 * vx_order.h: an order in which points are best linked.
 *
 * Who links near points one after the other finds what a search needs, nodes, codes and edges, in the processor's caches, or
 * in the buffers of pages: a million vectors take two thirds of the time. But a graph that grew region by region lacks the
 * long edges that lead from one region to another. So there are rounds, the first of a sixteenth of the points, and then each
 * with as many as were linked before it: every round goes through all regions, and meets a graph of all of them.
 *
 * Regions are the leaves of a binary tree that halves a sample of the points again and again, each time along the line between
 * the means of two clusters. Source of the tree: Dasgupta, Freund 2008, "Random projection trees and low dimensional
 * manifolds", section 1.1, here with directions from two-means in place of random ones.
 */
#ifndef VX_ORDER_H
#define VX_ORDER_H

#include "core/vx_mem.h"
#include "distance/vx_space.h"

typedef struct VxOrder
{
	VxSpace		space;
	uint32_t	dim;			/* vx_space_coded_dim */
	uint32_t	depth;			/* of the tree: it has 2^depth leaves */
	float	   *directions;		/* [2^depth - 1][dim], of node i whose children are 2i + 1 and 2i + 2 */
	float	   *thresholds;		/* [2^depth - 1]: what projects on the direction beyond it belongs to the second child */
} VxOrder;

/* So many bytes vx_order_init takes at most, for 2^depth leaves; dim: vx_space_coded_dim. */
size_t		vx_order_bytes(uint32_t dim, uint32_t depth);

/* What it keeps of them. */
size_t		vx_order_kept_bytes(uint32_t dim, uint32_t depth);

/* The depth for n points, at most what may be had for so many bytes; 0, which is no order, for points too few to be divided. */
uint32_t	vx_order_depth(uint32_t dim, uint64_t n, size_t bytes);

/*
 * Makes a tree of this depth from n points, of which it looks at some; point(context, i) is called with ever larger i, and is valid
 * until the next call. Equal seeds and points give equal trees. poll may raise an error; everything is in mem.
 */
void		vx_order_init(VxOrder *order, const VxMem *mem, const VxSpace *space, uint32_t depth,
						  const VxPoint *(*point) (void *context, uint32_t i), void *context, uint32_t n, uint64_t seed,
						  void (*poll) (void *context));

/* Gives back its memory. */
void		vx_order_free(VxOrder *order, const VxMem *mem);

/* The place in the order of a point, which is the number-th to be asked for: points of equal keys are near each other. */
uint32_t	vx_order_key(const VxOrder *order, const VxPoint *point, uint64_t number);

/* Keys are below this. */
uint32_t	vx_order_key_bound(const VxOrder *order);

/* The n positions of keys in the order of those, equal ones as they come, into sorted [n]. */
void		vx_order_sort(const VxOrder *order, const VxMem *mem, const uint32_t *keys, uint32_t n, uint32_t *sorted);

/*
 * Puts items in such an order where they are: calls move(context, to, from) until item i is what item sorted[i] was. Position n
 * is a place for one item. sorted is used up.
 */
void		vx_order_apply(uint32_t *sorted, uint32_t n, void (*move) (void *context, uint32_t to, uint32_t from), void *context);

#endif							/* VX_ORDER_H */
