/*
 * vecgraph_workers.h: parallel maintenance workers, as a build starts them: once to scan, once to link and write, once to insert.
 *
 * The leader calls vecgraph_workers_enter, fills in what is shared, calls _launch, does its own part of the work, and calls _finish. A
 * worker starts in a function that is found by its name, calls vecgraph_workers_begin and finds the things by shm_toc_lookup. Who fails
 * ends the build by its error, which the leader meets where it waits or polls.
 */
#ifndef VECGRAPH_WORKERS_H
#define VECGRAPH_WORKERS_H

#include "postgres.h"

#include "access/parallel.h"
#include "storage/shm_toc.h"

/* Whether workers, of which there may be so many, are worth their start for so many rows or points, and may be started here. */
extern bool vecgraph_workers_help(int workers, double rows);

/* A thing that participants share. */
typedef struct VecGraphShare
{
	uint64		key;			/* by which workers look it up, below UINT64CONST(0xFFFF) */
	Size		bytes;
	void	   *address;		/* of the leader; filled in by vecgraph_workers_enter */
} VecGraphShare;

/*
 * Enters parallel mode and makes memory for count shared things; function: where workers start. Returns NULL, and has left parallel
 * mode, where the system has none.
 */
extern ParallelContext *vecgraph_workers_enter(const char *function, int workers, VecGraphShare *shares, int count);

/* Starts workers, which show their leader's query; what: what they are for, in the server's log. */
extern void vecgraph_workers_launch(ParallelContext *context, const char *what);

/* Waits for them, and ends context and parallel mode. Errors: those of the workers. */
extern void vecgraph_workers_finish(ParallelContext *context);

/* In a worker: shows the query in pg_stat_activity. */
extern void vecgraph_workers_begin(shm_toc *toc);

#endif							/* VECGRAPH_WORKERS_H */
