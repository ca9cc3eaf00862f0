/*
 * vecgraph_workers.h: parallel maintenance workers, as a build starts them: once to scan, once to link and write, once to insert.
 *
 * The leader calls vecgraph_workers_enter, _expect for each thing that is to be shared, _make_memory, _share for each, _launch,
 * does its own part of the work, and calls _finish. A worker starts in a function that is found by its name, calls
 * vecgraph_workers_begin and finds the things by shm_toc_lookup. Who fails ends the build by its error, which the leader meets
 * where it waits or polls.
 */
#ifndef VECGRAPH_WORKERS_H
#define VECGRAPH_WORKERS_H

#include "postgres.h"

#include "access/parallel.h"
#include "storage/shm_toc.h"

/* Whether workers, of which there may be so many, are worth their start for so many rows or points, and may be started here. */
extern bool vecgraph_workers_help(int workers, double rows);

/* Enters parallel mode; function: where workers start. */
extern ParallelContext *vecgraph_workers_enter(const char *function, int workers);

/* There will be one more thing in shared memory, of so many bytes. */
extern void vecgraph_workers_expect(ParallelContext *context, Size bytes);

/* Makes the memory that is expected. Where the system has none, ends context and parallel mode, and returns false. */
extern bool vecgraph_workers_make_memory(ParallelContext *context);

/* Takes room for a thing, which workers look up by the key (below UINT64CONST(0xFFFF)). */
extern void *vecgraph_workers_share(ParallelContext *context, uint64 key, Size bytes);

/* Starts workers, which show their leader's query; what: what they are for, in the server's log. */
extern void vecgraph_workers_launch(ParallelContext *context, const char *what);

/* Waits for them, and ends context and parallel mode. Errors: those of the workers. */
extern void vecgraph_workers_finish(ParallelContext *context);

/* In a worker: shows the query in pg_stat_activity. */
extern void vecgraph_workers_begin(shm_toc *toc);

#endif							/* VECGRAPH_WORKERS_H */
