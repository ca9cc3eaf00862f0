/*
 * vecgraph_parallel.h: linking the points of a build with parallel maintenance workers.
 *
 * Use: vecgraph_parallel_begin before the heap is read, with vecgraph_parallel_mem as the allocator of the store's arrays; then
 * vecgraph_parallel_link once all points are loaded and the codec is fitted; vecgraph_parallel_end when the pages are written.
 */
#ifndef VECGRAPH_PARALLEL_H
#define VECGRAPH_PARALLEL_H

#include "graph/vx_build.h"

typedef struct VecGraphParallel VecGraphParallel;

/*
 * workers: how many to launch, not counting the leader, at least 1. chunk_bytes: what points are allocated in. limit: bytes that
 * the build may use. Everything lives in context, or in shared memory that goes with the transaction if it fails.
 */
extern VecGraphParallel *vecgraph_parallel_begin(int workers, Size chunk_bytes, Size limit, MemoryContext context);

/*
 * Allocates in dynamic shared memory, or, when the system has no more of that, in local memory: then the build goes on without
 * workers. What was allocated cannot be resized.
 */
extern const VxMem *vecgraph_parallel_mem(VecGraphParallel *parallel);

/* Bytes taken from the system so far, and by one more allocation of that size (0: none). */
extern Size vecgraph_parallel_bytes(VecGraphParallel *parallel, Size more);

/*
 * Encodes the points of the store, if it has a codec, links and prunes them: all of a build but the writing. alpha as given to
 * vx_memstore_init; model [model_bytes]: the codebook, or the mean (NULL: zero), of the codec. Returns false, having done nothing,
 * if there can be no workers. Errors: those of the workers.
 */
extern bool vecgraph_parallel_link(VecGraphParallel *parallel, VxMemStore *store, float alpha, uint32 list_size,
								   uint64 seed, const void *model, Size model_bytes);

extern void vecgraph_parallel_end(VecGraphParallel *parallel);

#endif							/* VECGRAPH_PARALLEL_H */
