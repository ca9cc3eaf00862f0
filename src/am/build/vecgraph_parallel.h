/*
 * vecgraph_parallel.h: linking and writing a build with parallel maintenance workers, and what else needs those.
 *
 * Use: vecgraph_parallel_begin before the heap is read, with vecgraph_parallel_mem as the allocator of the store's arrays; then
 * vecgraph_parallel_build once all points are loaded, the codec is fitted and pages are planned; vecgraph_parallel_end.
 */
#ifndef VECGRAPH_PARALLEL_H
#define VECGRAPH_PARALLEL_H

#include "access/parallel.h"

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
 * Encodes the points of a build, if its store has a codec, links and prunes them, and writes the index but for its tail. seed as
 * for vx_build_begin; model [model_bytes]: the codebook, or the mean (NULL: zero), of the codec that codes in memory are of. Moves
 * tids, more and chains of the build to shared memory. Returns false, having done no more than that, if there can be no workers.
 * Errors: those of the workers.
 */
struct VecGraphBuild;
extern bool vecgraph_parallel_build(struct VecGraphBuild *build, uint64 seed, const void *model, Size model_bytes);

extern void vecgraph_parallel_end(VecGraphParallel *parallel);

/*
 * What all contexts of a build have in common. Use: vecgraph_parallel_enter, estimate chunks and keys, vecgraph_parallel_make_memory,
 * fill it, vecgraph_parallel_launch, vecgraph_parallel_finish.
 */

/* Enters parallel mode; function: where workers start. */
extern ParallelContext *vecgraph_parallel_enter(const char *function, int workers);

/* Makes the memory that was estimated. Where the system has none, ends context and parallel mode, and returns false. */
extern bool vecgraph_parallel_make_memory(ParallelContext *context);

/* Starts workers, which show their leader's query; what: what they are for, in the server's log. */
extern void vecgraph_parallel_launch(ParallelContext *context, const char *what);

/* Waits for them, and ends context and parallel mode. Errors: those of the workers. */
extern void vecgraph_parallel_finish(ParallelContext *context);

/* In a worker: shows the query in pg_stat_activity. */
extern void vecgraph_parallel_report_query(shm_toc *toc);

#endif							/* VECGRAPH_PARALLEL_H */
