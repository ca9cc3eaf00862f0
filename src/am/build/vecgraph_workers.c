/*
 * vecgraph_workers.c: parallel maintenance workers of a build; see vecgraph_workers.h.
 */
#include "am/build/vecgraph_workers.h"

#include "access/xact.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"

/* Fewer rows are read, linked or inserted before a worker has started. */
#define LEAST_ROWS 1000

/* Of the query, in every table of contents. */
#define KEY_QUERY UINT64CONST(0xFFFF)

static void
leave(ParallelContext *context)
{
	DestroyParallelContext(context);
	ExitParallelMode();
}

bool
vecgraph_workers_help(int workers, double rows)
{
	return workers > 0 && rows >= LEAST_ROWS && !IsInParallelMode() && ActiveSnapshotSet();
}

ParallelContext *
vecgraph_workers_enter(const char *function, int workers, VecGraphShare *shares, int count)
{
	Size		query_bytes = debug_query_string != NULL ? strlen(debug_query_string) + 1 : 0;
	ParallelContext *context;

	EnterParallelMode();
	context = CreateParallelContext("vecidx", function, workers);
	for (int i = 0; i < count; i++)
		shm_toc_estimate_chunk(&context->estimator, shares[i].bytes);
	shm_toc_estimate_chunk(&context->estimator, query_bytes);
	shm_toc_estimate_keys(&context->estimator, count + 1);
	InitializeParallelDSM(context);
	if (context->seg == NULL)
	{
		/* too many segments in the system */
		leave(context);
		return NULL;
	}
	for (int i = 0; i < count; i++)
	{
		shares[i].address = shm_toc_allocate(context->toc, shares[i].bytes);
		shm_toc_insert(context->toc, shares[i].key, shares[i].address);
	}
	if (query_bytes > 0)
		shm_toc_insert(context->toc, KEY_QUERY,
					   memcpy(shm_toc_allocate(context->toc, query_bytes), debug_query_string, query_bytes));
	return context;
}

void
vecgraph_workers_launch(ParallelContext *context, const char *what)
{
	LaunchParallelWorkers(context);
	ereport(DEBUG1,
			(errmsg_internal("vecgraph %s launched %d of %d workers", what, context->nworkers_launched, context->nworkers)));
}

void
vecgraph_workers_finish(ParallelContext *context)
{
	WaitForParallelWorkersToFinish(context);
	leave(context);
}

void
vecgraph_workers_begin(shm_toc *toc)
{
	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
}
