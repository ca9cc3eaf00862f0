/*
 * vx_node.h: ids of nodes, and limits of the graph: what the algorithms and the bytes on a page both know of it.
 */
#ifndef VX_NODE_H
#define VX_NODE_H

#include "core/vx_port.h"

typedef uint32_t VxNodeId;

#define VX_NO_NODE UINT32_MAX

/* Largest max degree, and most entry nodes; buffers on the stack are sized by them. */
#define VX_MAX_DEGREE 128
#define VX_MAX_EDGES 192		/* max degree and its slack in build */
#define VX_MAX_ENTRIES 72

#endif							/* VX_NODE_H */
