/*
 * vecgraph_workers.c: parallel maintenance workers of a build; see vecgraph_workers.h.
 */
#include "am/build/vecgraph_workers.h"

#include "access/xact.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"

/* Fewer rows are read, linked or inserted before a worker has started. */
#define LEAST_ROWS 1000

/* Of the query, in every table of contents. */
#define KEY_QUERY UINT64CONST(0xFFFF)

static Size
query_bytes(void)
{
	return debug_query_string != NULL ? strlen(debug_query_string) + 1 : 0;
}

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
vecgraph_workers_enter(const char *function, int workers)
{
	ParallelContext *context;

	EnterParallelMode();
	context = CreateParallelContext("vecidx", function, workers);
	vecgraph_workers_expect(context, query_bytes());
	return context;
}

void
vecgraph_workers_expect(ParallelContext *context, Size bytes)
{
	shm_toc_estimate_chunk(&context->estimator, bytes);
	shm_toc_estimate_keys(&context->estimator, 1);
}

bool
vecgraph_workers_make_memory(ParallelContext *context)
{
	InitializeParallelDSM(context);
	if (context->seg != NULL)
		return true;
	/* too many segments in the system */
	leave(context);
	return false;
}

void *
vecgraph_workers_share(ParallelContext *context, uint64 key, Size bytes)
{
	void	   *thing = shm_toc_allocate(context->toc, bytes);

	shm_toc_insert(context->toc, key, thing);
	return thing;
}

void
vecgraph_workers_launch(ParallelContext *context, const char *what)
{
	Size		bytes = query_bytes();

	if (bytes > 0)
		memcpy(vecgraph_workers_share(context, KEY_QUERY, bytes), debug_query_string, bytes);
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
