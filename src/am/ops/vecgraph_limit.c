/*
 * vecgraph_limit.c: how many rows are wanted of a scan.
 *
 * An access method is not told of a LIMIT. But the executor's states know of it when the scan begins: LIMIT computes its count before it asks
 * for the first row, or for rows of another query. So when a plan has been made ready to run, each LIMIT is followed down to the index scans
 * that it takes its rows from, as they come, and these are noted by what the executor hands to amrescan: the address of their ORDER BY.
 * They are forgotten with the memory of their query. Of scans of cursors, behind an OFFSET, below joins and aggregates, and with conditions that the
 * index does not test, it is not known: their lists grow as rows are taken.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/relscan.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

/* A scan that is limited. */
typedef struct LimitedScan
{
	ScanKey		orderbys;		/* the executor's */
	const LimitState *limit;
	char		status;
} LimitedScan;

#define SH_PREFIX limits
#define SH_ELEMENT_TYPE LimitedScan
#define SH_KEY_TYPE ScanKey
#define SH_KEY orderbys
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) &(key), sizeof(key))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* All that are limited by queries that run in this backend; NULL: there has been none yet. */
static limits_hash *limited;

static ExecutorStart_hook_type previous_hook;

/* A scan that was noted, to be forgotten. */
typedef struct Noted
{
	MemoryContextCallback callback;
	ScanKey		orderbys;
} Noted;

static void
forget(void *context)
{
	limits_delete(limited, ((Noted *) context)->orderbys);
}

/* Notes a scan of a vecgraph index that a LIMIT takes its rows from. */
static void
note_scan(IndexScanState *scan, const LimitState *limit)
{
	LimitedScan *entry;
	Noted	   *noted;
	bool		found;

	/* of how many rows conditions leave out nobody knows */
	if (scan->iss_NumOrderByKeys == 0 || scan->iss_RelationDesc == NULL || scan->ss.ps.qual != NULL
		|| scan->iss_RelationDesc->rd_indam->amgettuple != vecgraph_gettuple)
		return;
	if (limited == NULL)
		limited = limits_create(TopMemoryContext, 8, NULL);
	noted = MemoryContextAlloc(scan->ss.ps.state->es_query_cxt, sizeof(Noted));
	entry = limits_insert(limited, scan->iss_OrderByKeys, &found);
	entry->limit = limit;
	/* nothing below fails */
	noted->orderbys = scan->iss_OrderByKeys;
	noted->callback.func = forget;
	noted->callback.arg = noted;
	MemoryContextRegisterResetCallback(scan->ss.ps.state->es_query_cxt, &noted->callback);
}

/* Follows a LIMIT downwards, along what hands on the rows of its input in their order, all of them. */
static void
follow(PlanState *state, const LimitState *limit)
{
	if (state == NULL)
		return;
	switch (nodeTag(state))
	{
		case T_IndexScanState:
			note_scan((IndexScanState *) state, limit);
			break;
		case T_ResultState:
		case T_LockRowsState:
		case T_IncrementalSortState:
			follow(outerPlanState(state), limit);
			break;
		case T_SubqueryScanState:
			if (state->qual == NULL)
				follow(((SubqueryScanState *) state)->subplan, limit);
			break;
		case T_AppendState:
			for (int i = 0; i < ((AppendState *) state)->as_nplans; i++)
				follow(((AppendState *) state)->appendplans[i], limit);
			break;
		case T_MergeAppendState:
			for (int i = 0; i < ((MergeAppendState *) state)->ms_nplans; i++)
				follow(((MergeAppendState *) state)->mergeplans[i], limit);
			break;
		default:
			break;
	}
}

/* Finds all LIMITs of a plan. */
static bool
find_limits(PlanState *state, void *context)
{
	if (state == NULL)
		return false;
	if (IsA(state, LimitState))
		follow(outerPlanState(state), (LimitState *) state);
	return planstate_tree_walker(state, find_limits, context);
}

static void
start_executor(QueryDesc *query, int flags)
{
	if (previous_hook != NULL)
		previous_hook(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if ((flags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		find_limits(query->planstate, NULL);
}

uint32
vecgraph_rows_wanted(ScanKey orderbys)
{
	const LimitedScan *entry = limited == NULL || orderbys == NULL ? NULL : limits_lookup(limited, orderbys);
	const LimitState *limit = entry == NULL ? NULL : entry->limit;

	/*
	 * One that has not begun has no count yet, and LIMIT ALL never has one. Behind an OFFSET rows are to be those of that page:
	 * each that is missed in front of it would move it by one, so they want more than a share of them to be there, as those of a
	 * cursor do.
	 */
	if (limit == NULL || limit->lstate == LIMIT_INITIAL || limit->noCount || limit->offset > 0)
		return 0;
	return (uint32) Min(limit->count, PG_INT32_MAX);
}

void
vecgraph_init_limits(void)
{
	previous_hook = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
