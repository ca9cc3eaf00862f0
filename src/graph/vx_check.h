/*
 * vx_check.h: reachability, the one invariant of a graph that no single node shows.
 */
#ifndef VX_CHECK_H
#define VX_CHECK_H

#include "core/vx_visited.h"
#include "graph/vx_store.h"

/*
 * Marks in reached every id below bound that can be reached from the store's entries through nodes that are not gone.
 * Costs bound/8 bytes beside 4 bytes an id for the stack. Returns how many were reached.
 */
uint32_t	vx_check_reach(VxStore *store, const VxMem *mem, uint32_t bound, VxVisited *reached);

/* The same from one node, adding to what is reached already. */
uint32_t	vx_check_reach_from(VxStore *store, const VxMem *mem, uint32_t bound, VxVisited *reached, VxNodeId start);

#endif							/* VX_CHECK_H */
