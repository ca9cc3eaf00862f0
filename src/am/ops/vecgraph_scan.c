/*
 * vecgraph_scan.c: ORDER BY embedding <-> query.
 *
 * A scan has up to two phases. The search walks the graph and hands out nodes, nearest first, for as long as the consumer
 * wants more. When the reachable graph is exhausted, the sweep reads the index from front to back and hands out what the
 * search did not meet (nodes that nobody leads to, candidates that memory had no room for), so that every indexed row comes
 * out once. A query for NULL has no order and is swept at once.
 *
 * With conditions on filter columns there are two ways to search. Where many nodes pass, the search walks as without, and what does
 * not pass is a stepping stone. Where few pass, walking to them would take long: the signatures of all nodes are tested instead, and
 * the search chooses among the nodes that pass (a pass), without following edges; so it misses none. Which way, a sample of signatures
 * decides, and a walk that has cost more than expected, or has come to its end, is followed by a pass, so there is no sweep. Signatures
 * may let a wrong row through, never keep a right one out: the executor asks the conditions again.
 *
 * A radius (a bound of the distance, vecgraph_radius.c) ends a scan when the nearest node that is left lies beyond it, without a sweep: that
 * would read the whole index for rows that nearly all lie farther away. A search that has no candidates left has not come to the radius.
 *
 * No pin or lock is held between calls. That is safe because only MVCC snapshots are accepted: a heap TID that is reused
 * after it was read here belongs to a row that the scan's snapshot cannot see.
 */
#include "am/ops/vecgraph_ops.h"

#include <math.h>

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef enum ScanPhase
{
	PHASE_START,
	PHASE_SEARCH,
	PHASE_SWEEP,
	PHASE_END
} ScanPhase;

/*
 * A node that waits to be handed out. Its distance is known exactly or, from halves, as nearly as these have it: then it is looked up in the heap
 * if that is too little to tell whether it is its turn.
 */
typedef struct ReadyNode
{
	double		distance;
	double		error;			/* by which it is wrong at most */
	double		estimate;		/* by which it came from the search */
	VxNodeId	id;
	VecGraphPayload payload;
} ReadyNode;

/*
 * relaxed_order: nodes that are found too late for their place are put aside, up to so many, so that all others leave in order. They
 * leave, again in order, when there are more of them, at the end of the search, and whenever so many nodes have left, which is ten
 * times later each time: a query with a LIMIT that lacks but one of them is not to read the whole index for it.
 */
#define MOST_LATE 64
#define FIRST_LATE_TURN 1000
#define LATE_TURN_FACTOR 10

/*
 * The arrays that a scan works with. They are as large for one query as for the next, and asking the system for them anew each time
 * costs as much as a short search: a scan that ends leaves them to the next one of this backend.
 */
typedef struct ScanSpace
{
	MemoryContext context;		/* of all this */
	VxMem		mem;
	VxSearch	search;
	VxIdSet		handed_out;		/* node ids */
	ReadyNode  *ready;			/* [ready_capacity] */
	uint32		ready_capacity;
	ReadyNode	late[MOST_LATE];
	ItemPointerData *tids;		/* [tid_capacity] of the current node */
	uint32		tid_capacity;
} ScanSpace;

/* More than this is given back instead. */
#define SPACE_KEPT (512 * 1024)

/* That of a scan that ended, or NULL. */
static ScanSpace *idle_space;

typedef struct VecGraphScan
{
	VecGraphStore store;
	ScanSpace  *space;
	VxQuery		query;
	uint32		rows_wanted;	/* 0: not known */
	VxListNeeds needs;			/* of the recall that is wanted, if known */
	uint32		list;			/* the first one's size */
	MemoryContext context;		/* of everything, reset by nothing but the end */
	MemoryContext query_context;	/* of one query, reset by rescan */
	ScanPhase	phase;
	bool		search_done;	/* reranking: the search has given all it has */
	VecGraphHeap *rows;			/* NULL unless distances come from the heap */
	VecGraphFilters filters;	/* of the index's filter columns, once there are conditions */
	VxFilter	filter;			/* the conditions; none: all nodes pass */
	double		radius;			/* nothing farther is wanted; infinity: all is */
	const ScanKeyData *asked;	/* has what distances are measured from */
	VecGraphMatcher matcher;
	bool		passing;		/* the search is a pass */
	double		walk_share;		/* which share of the nodes is thought to pass, in a walk */
	double		walk_most;		/* nodes that a walk meets at most */
	VxLine		line;			/* of those distances to what the search estimated, the last of which is: */
	double		last_estimate;
	double		widest_error;	/* of nodes that came without a distance; 0 if none did */
	int64		tuples;			/* handed out in this scan */
	uint32		nodes;			/* likewise */
	double		last_distance;	/* at most, of the last of these */
	int			late_count;		/* places in space->late */
	uint32		late_turn;		/* after so many nodes they leave */

	/* nodes whose turn it is, nearest first: places in space->ready */
	int			ready_next;
	int			ready_count;

	/* the node at hand */
	VecGraphChain chain;		/* of it, with more of its TIDs */
	int			tid_next;		/* places in space->tids */
	int			tid_count;
	struct tidset_hash *seen;	/* TIDs of a node with a chain, which may change while it is read */

	VecGraphCounts counts;		/* of one query, what is not counted elsewhere */
	BlockNumber sweep_block;
	Relation	heap;
	VecGraphWatch rows_watch;	/* begun when a node was handed out after something had been read; until then without a time */
	VecGraphAhead rows_ahead;	/* of the heap; its relation is NULL as long as nothing has had to be waited for */
	uint32		rows_asked;		/* the rows of so many nodes that the search hands out have been asked for */
	BlockNumber heap_blocks;	/* the heap has at least so many; only asked for as higher ones are met */
} VecGraphScan;

/* A set of heap TIDs. */
typedef struct TidSetEntry
{
	ItemPointerData tid;
	char		status;
} TidSetEntry;

#define SH_PREFIX tidset
#define SH_ELEMENT_TYPE TidSetEntry
#define SH_KEY_TYPE ItemPointerData
#define SH_KEY tid
#define SH_HASH_KEY(table, key) vecgraph_tid_hash(&(key))
#define SH_EQUAL(table, a, b) ItemPointerEquals(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#include "pg/vecidx_fault.h"

/* Memory for the candidates of a search. */
static Size
scan_memory(void)
{
	return (Size) (work_mem * 1024.0 * vecgraph_scan_mem_multiplier);
}

/* The space for a scan whose context is given, in which it ends if the scan does so by an error. */
static ScanSpace *
take_space(MemoryContext scan_context)
{
	ScanSpace  *space = idle_space;
	MemoryContext context;

	if (space != NULL)
	{
		idle_space = NULL;
		MemoryContextSetParent(space->context, scan_context);
		return space;
	}
	context = AllocSetContextCreate(scan_context, "vecgraph scan space", ALLOCSET_DEFAULT_SIZES);
	space = MemoryContextAllocZero(context, sizeof(ScanSpace));
	space->context = context;
	space->mem = vecgraph_mem(context);
	vx_search_init(&space->search, &space->mem);
	vx_idset_init(&space->handed_out, &space->mem);
	return space;
}

/* Leaves it to the next scan, if it is the only one and not too large. */
static void
leave_space(ScanSpace *space)
{
	vx_idset_clear(&space->handed_out);
	if (idle_space != NULL || MemoryContextMemAllocated(space->context, true) > SPACE_KEPT)
		return;
	MemoryContextSetParent(space->context, TopMemoryContext);
	idle_space = space;
}

IndexScanDesc
vecgraph_beginscan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph scan", ALLOCSET_DEFAULT_SIZES);
	VecGraphScan *state = MemoryContextAllocZero(context, sizeof(VecGraphScan));

	state->context = context;
	state->query_context = AllocSetContextCreate(context, "vecgraph scan query", ALLOCSET_DEFAULT_SIZES);
	/* the store is opened by the first search: a scan that is never asked for rows reads nothing */
	state->store.index.mem = vecgraph_mem(context);
	state->space = take_space(context);
	scan->opaque = state;
	vecgraph_notice_other_settings();
	return scan;
}

/* Counts the query that ends, if it has begun. */
static void
count_query(IndexScanDesc scan)
{
	VecGraphScan *state = scan->opaque;
	VxSearch   *search = &state->space->search;
	VxStats    *stats = &state->store.base.stats;
	uint64	   *n = state->counts.n;

	if (state->phase == PHASE_START || state->store.index.relation == NULL)
		return;
	n[VECGRAPH_COUNT_SCANS] = 1;
	n[VECGRAPH_COUNT_ROWS] = (uint64) state->tuples;
	n[VECGRAPH_COUNT_EXPANDED] = stats->expanded;
	n[VECGRAPH_COUNT_SCORED] = stats->scored;
	if (state->store.index.codes != NULL)
	{
		n[VECGRAPH_COUNT_CODES_CACHED] = state->store.index.codes->view.hits;
		n[VECGRAPH_COUNT_CODES_READ] = state->store.index.codes->view.misses;
	}
	if (state->query.point != NULL)
	{
		n[VECGRAPH_COUNT_LISTS] = Max(search->capacity, search->rows_list);
		n[VECGRAPH_COUNT_GROWN] = search->grown;
	}
	vecgraph_count_scan(scan->indexRelation, &state->counts);
	memset(&state->counts, 0, sizeof(state->counts));
	memset(stats, 0, sizeof(*stats));
	state->query.point = NULL;
}

void
vecgraph_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	VecGraphScan *state = scan->opaque;

	count_query(scan);
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));

	state->phase = PHASE_START;
	state->rows_wanted = vecgraph_rows_wanted(orderbys);
	state->search_done = false;
	memset(&state->line, 0, sizeof(state->line));
	state->widest_error = 0;
	state->tuples = 0;
	state->nodes = 0;
	state->late_count = 0;
	state->late_turn = FIRST_LATE_TURN;
	state->last_distance = -get_float8_infinity();
	state->ready_next = state->ready_count = 0;
	state->tid_next = state->tid_count = 0;
	state->chain = vecgraph_chain_from(VX_NO_NODE, VX_NO_NODE);
	state->seen = NULL;
	vx_idset_clear(&state->space->handed_out);
	MemoryContextReset(state->query_context);
}

void
vecgraph_endscan(IndexScanDesc scan)
{
	VecGraphScan *state = scan->opaque;

	count_query(scan);
	if (state->rows != NULL)
		vecgraph_heap_end(state->rows);
	if (state->store.index.codes != NULL)
		vecgraph_cache_flush(&state->store.index.codes->view);
	leave_space(state->space);
	MemoryContextDelete(state->context);
	scan->opaque = NULL;
}

static bool ready_from_sweep(VecGraphScan *state);
static bool more_than_list(VecGraphScan *state);

/* ---- reading ahead ---- */

/* How many nodes' rows are asked for at once, from a rank on: first all that a query is expected to want, when these have left more each time. */
static inline uint32
rows_wanted(uint32 rank)
{
	return rank <= VECGRAPH_WANTED_ROWS ? VECGRAPH_WANTED_ROWS + 1 - rank : rank;
}

/*
 * Whether pages have been read, and had to be waited for, since the last node was handed out. Looks at the clock only after something has been
 * read, so that of the first such stretch it knows nothing.
 */
static bool
rows_were_waited_for(VecGraphScan *state)
{
	VecGraphWatch before = state->rows_watch;

	if (before.pages == vecgraph_pages_read())
		return false;
	vecgraph_watch_begin(&state->rows_watch);
	return !INSTR_TIME_IS_ZERO(before.begun) && vecgraph_watch_waited(&before);
}

/* Whether rows are to be asked for: something, of the index or of the table, has had to be waited for in this search. */
static bool
rows_are_asked_for(VecGraphScan *state)
{
	if (state->rows_ahead.relation != NULL)
		return true;
	if (!state->store.index.waited && !rows_were_waited_for(state))
		return false;
	vecgraph_ahead_begin(&state->rows_ahead, state->heap, false, &state->store.index.mem);
	/* other table access methods may number their rows as they like */
	if (state->heap->rd_tableam != GetHeapamTableAmRoutine())
		state->rows_ahead.concurrency = 0;
	return true;
}

/*
 * Asks for the pages of the table with the rows that will probably leave next from a rank on: of a node that the search has just handed out,
 * unless it is NULL, then of those that it has found.
 */
static VX_NOINLINE void
ask_for_rows_from(VecGraphScan *state, uint32 rank, const VxFound *first)
{
	VecGraphAhead *ahead = &state->rows_ahead;
	uint32		most = Min(Min(ahead->concurrency, VX_MOST_AHEAD), rows_wanted(rank));
	const VxFound *nodes[1 + VX_MOST_AHEAD];
	uint32		count = 0;

	if (most == 0)
		return;
	if (first != NULL)
		nodes[count++] = first;
	count += vx_search_peek(&state->space->search, most - count, nodes + count);
	state->rows_asked = rank + most - 1;
	for (uint32 i = 0; i < count; i++)
	{
		const VecGraphPayload *payload = (const VecGraphPayload *) nodes[i]->payload;

		for (int k = 0; k < payload->tid_count; k++)
		{
			ItemPointerData tid;

			vecgraph_tid_get(&payload->tids[k], &tid);
			vecgraph_ahead_ask(ahead, ItemPointerGetBlockNumberNoCheck(&tid));
		}
	}
}

/* The same, unless they have been asked for, or come at once. */
static inline void
ask_for_rows(VecGraphScan *state, const VxFound *first)
{
	uint32		rank = state->space->search.handed_out + (first == NULL ? 1 : 0);

	if (rank > state->rows_asked && rows_are_asked_for(state))
		ask_for_rows_from(state, rank, first);
}

/* VxSearch.ending: the rows come while the last nodes are read. */
static void
ask_for_first_rows(void *context)
{
	ask_for_rows(context, NULL);
}

/* ---- conditions ---- */

/*
 * A walk gives up when it has cost so many times what a pass was thought to, or has met so many times the nodes that should have brought
 * the rows that have left: then those that pass lie elsewhere than the query.
 */
#define WALK_COSTS 2
#define WALK_NODES 3

/* Takes the conditions in. False if no row can fulfil them. */
static bool
take_conditions(IndexScanDesc scan)
{
	VecGraphScan *state = scan->opaque;

	memset(&state->filter, 0, sizeof(state->filter));
	state->radius = get_float8_infinity();
	state->asked = scan->numberOfOrderBys > 0 ? scan->orderByData : NULL;
	for (int i = 0; i < scan->numberOfKeys; i++)
		if (scan->keyData[i].sk_attno == 1 && scan->keyData[i].sk_strategy == VECGRAPH_STRATEGY_WITHIN)
		{
			if (scan->keyData[i].sk_flags & SK_ISNULL)
				return false;
			if (scan->keyData[i].sk_subtype != FLOAT8OID)
				state->asked = &scan->keyData[i];
			/* a NaN is greater than all */
			else if (DatumGetFloat8(scan->keyData[i].sk_argument) < state->radius)
				state->radius = DatumGetFloat8(scan->keyData[i].sk_argument);
		}
	/* the planner makes no other paths, see vecgraph_costestimate */
	if (state->asked == NULL)
		elog(ERROR, "vecgraph index can only be scanned in order of a distance");
	if (scan->numberOfKeys == 0)
		return true;
	if (state->filters.count == 0)
		vecgraph_filters_open(scan->indexRelation, state->context, &state->filters);
	vecgraph_check_kinds(scan->indexRelation, &state->filters, &state->store.index.meta);
	if (!vecgraph_make_filter(&state->filters, scan->keyData, scan->numberOfKeys, state->query_context, &state->filter))
		return false;
	vecgraph_match_begin(&state->matcher, &state->store.index, &state->filter);
	return true;
}

static inline bool
has_filter(const VecGraphScan *state)
{
	return state->filter.count > 0;
}

static inline bool
has_radius(const VecGraphScan *state)
{
	return state->radius < get_float8_infinity();
}

/* The radius for the search, which must know distances, and by how much they may be wrong. */
static double
search_limit(const VecGraphScan *state)
{
	const VecGraphIndex *index = &state->store.index;

	if (!has_radius(state) || !vx_storage_has_vector(index->geometry.storage))
		return get_float8_infinity();
	if (vx_storage_is_exact(index->geometry.storage))
		return state->radius;
	return state->radius + vx_space_half_error_within(&index->space, state->query.point, state->radius);
}

/* What the search is to know of the query, once it has begun. */
static void
set_wishes(VecGraphScan *state)
{
	VxSearch   *search = &state->space->search;

	search->limit = search_limit(state);
	search->needs = state->needs;
	/* by a list size that is set, or usual, the list grows as rows leave */
	if (vx_needs_are_known(&state->needs))
	{
		search->rows = state->rows_wanted;
		search->rows_list = state->list;
	}
}

static void
give_nodes(void *context, const VxNodeId *ids, uint32 n)
{
	VecGraphScan *state = context;
	VxNodeId	new[VX_MAX_EDGES];
	uint32		count = 0;

	for (uint32 i = 0; i < n; i++)
	{
		/* what has left already, in the walk before this pass, would only take places in the list */
		if (!vx_idset_has(&state->space->handed_out, ids[i]))
			new[count++] = ids[i];
		if (count == VX_MAX_EDGES || (i == n - 1 && count > 0))
		{
			vx_search_give(&state->space->search, new, count);
			count = 0;
		}
	}
}

/*
 * The list that a search begins with. In a long one each node that comes in moves many others; so it becomes longer than this when it has
 * converged, but where it is all there will be.
 */
#define LONGEST_BEGUN_LIST 500

static uint32
begun_list(VecGraphScan *state)
{
	/* a LIMIT may be for any number of rows, but there are no more nodes than ids */
	uint32		most = Max(state->store.index.id_bound, 1);

	if (vx_needs_are_known(&state->needs) && more_than_list(state))
		most = Min(most, LONGEST_BEGUN_LIST);
	return Min(state->list, most);
}

/* A search among all nodes that pass and have not left yet. */
static void
begin_pass(VecGraphScan *state)
{
	VxSearch   *search = &state->space->search;

	state->search_done = false;
	state->counts.n[VECGRAPH_COUNT_PASSES]++;
	state->rows_asked = 0;
	/* only nodes that pass are given, so the store need not test them once more */
	vecgraph_store_select(&state->store, NULL);
	vx_search_begin_given(search, &state->store.base, &state->query, begun_list(state), scan_memory(), state->passing);
	state->passing = true;
	set_wishes(state);
	vecgraph_match_all(&state->matcher, give_nodes, state);
}

/* How many nodes a walk should meet until a row of that rank leaves. */
static double
nodes_for_rank(const VecGraphScan *state, double rank)
{
	double		of_all = rank / state->walk_share;

	return vx_needs_are_known(&state->needs) ? Max(state->list, vx_needs_list(&state->needs, of_all)) : state->list + of_all;
}

/* A search along the edges, unless with a filter a pass is cheaper. */
static void
begin_walk(VecGraphScan *state)
{
	VxSearch   *search = &state->space->search;
	const VxGeometry *g = &state->store.index.geometry;
	double		nodes = state->store.index.id_bound;
	double		meet = VECGRAPH_MEET_COST(g->code_bytes);
	double		score = state->store.computer.ops->scores_codes ? VECGRAPH_SCORE_COST(g->code_bytes) : VECGRAPH_PAGE_SCORE_COST;

	vecgraph_store_select(&state->store, NULL);
	state->passing = false;
	state->rows_asked = 0;
	if (has_filter(state))
	{
		double		share = vecgraph_match_share(&state->matcher);
		double		pass_cost = nodes * VECGRAPH_TEST_COST + nodes * share * score + state->list * meet;

		/* of a sample, in which none may pass: then a pass is thought to be cheap, and nothing is divided by zero */
		state->walk_share = Max(share, 1e-9);
		state->walk_most = WALK_COSTS * pass_cost / meet;
		if (pass_cost <= nodes_for_rank(state, state->rows_wanted > 0 ? state->rows_wanted : VECGRAPH_WANTED_ROWS) * meet)
		{
			begin_pass(state);
			return;
		}
		vecgraph_store_select(&state->store, &state->matcher);
	}
	vx_search_begin(search, &state->store.base, &state->query, begun_list(state), scan_memory());
	set_wishes(state);
	search->ending = ask_for_first_rows;
	search->ending_context = state;
}

/* Whether the search had no memory for nodes that may lie within the radius. */
static inline bool
forgot_within(const VecGraphScan *state)
{
	const VxSearch *search = &state->space->search;
	const VxLine *line = state->store.index.geometry.storage == VX_STORAGE_HEAP ? &state->line : &search->line;

	return search->forgot && (!search->grown || vx_line_exact(line, search->forgotten) <= state->radius);
}

/* Whether the search, which has nothing more, has come to the radius: it knows of nodes that must lie beyond. Else there may be others. */
static inline bool
reached_radius(const VecGraphScan *state)
{
	const VxSearch *search = &state->space->search;

	return has_radius(state) && !vx_search_gave_up(search) && search->rest_count > 0 && !forgot_within(state);
}

/* The search has nothing more. Begins a pass if there may be nodes left that pass; false if there are none. */
static bool
search_on(VecGraphScan *state)
{
	if (!has_filter(state) || (state->passing && !state->space->search.forgot))
		return false;
	if (reached_radius(state))
		return false;
	begin_pass(state);
	return true;
}

/* ---- beginning ---- */

/*
 * Whether there is a node that the query would be compared with. A query of other dimensions than the index is an error when it meets
 * a vector, and no sooner: as when the table is read.
 */
static bool
has_live_node(VecGraphScan *state)
{
	state->query.point = NULL;
	while (state->ready_count == 0)
		if (!ready_from_sweep(state))
			return false;
	return true;
}

/* With the first row that is asked for: opens or refreshes the index, and sets the phase. No lock on entry or return. */
static void
start_search(IndexScanDesc scan)
{
	VecGraphScan *state = scan->opaque;

	/*
	 * No page stays pinned between two rows, so VACUUM may take a heap TID away that this scan has read, and the heap may use it
	 * for another row: only an MVCC snapshot tells that this one is too new.
	 */
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		elog(ERROR, "non-MVCC snapshots are not supported with vecgraph");

	/* counted here, and not when the scan begins: one that is never asked for a row reads nothing */
	pgstat_count_index_scan(scan->indexRelation);
	vecidx_count_search(scan);
	state->heap = scan->heapRelation;
	state->rows_ahead.relation = NULL;
	state->rows_watch.pages = vecgraph_pages_read();
	INSTR_TIME_SET_ZERO(state->rows_watch.begun);
	if (state->store.index.relation == NULL)
		vecgraph_store_open(&state->store, scan->indexRelation, state->context);
	else
		vecgraph_store_refresh(&state->store);
	state->store.index.snapshot = scan->xs_snapshot;
	state->sweep_block = state->store.index.geometry.first_segment;
	if (!take_conditions(scan))
	{
		state->phase = PHASE_END;
		return;
	}
	/* the distance to NULL is NULL for all rows: any order is right, so they come as they lie on the pages */
	if (state->asked->sk_flags & SK_ISNULL)
	{
		state->query.point = NULL;
		state->phase = PHASE_SWEEP;
		return;
	}
	if (state->store.opclass->type->dim(state->asked->sk_argument) != state->store.index.space.dim && !has_live_node(state))
	{
		state->phase = PHASE_END;
		return;
	}
	state->query.point = state->store.opclass->type->point(&state->store.index.space, state->asked->sk_argument, true,
														   state->query_context);
	if (!vx_storage_is_exact(state->store.index.geometry.storage) && state->rows == NULL)
		state->rows = vecgraph_heap_begin(scan->heapRelation, scan->indexRelation, scan->xs_snapshot, state->context);
	state->needs = vecgraph_list_needs(scan->indexRelation, state->store.opclass, &state->store.index.meta.curve);
	state->list = vecgraph_first_list(&state->needs, state->store.opclass, state->rows_wanted);
	if (vecgraph_has_outgrown_curve(&state->store.index))
		state->list = Max(state->list, vecgraph_effective_list_size(state->store.opclass));
	/* rows that one after the other is taken of leave in the order of a list that is longer than for all of them at once */
	if (state->rows_wanted == 0)
		memset(&state->needs, 0, sizeof(state->needs));
	begin_walk(state);
	state->phase = PHASE_SEARCH;
}

static inline double
least_distance(const ReadyNode *node)
{
	return node->distance - node->error;
}

static inline double
most_distance(const ReadyNode *node)
{
	return node->distance + node->error;
}

/* Adds a node to those that are ready, in its place among those not handed out: by the distance that it has at least. */
static void
add_ready(VecGraphScan *state, const ReadyNode *node)
{
	ScanSpace  *space = state->space;
	int			at;

	/* room at the front is used again before the array grows */
	if (state->ready_count == space->ready_capacity && state->ready_next > 0)
	{
		state->ready_count -= state->ready_next;
		memmove(space->ready, space->ready + state->ready_next, state->ready_count * sizeof(ReadyNode));
		state->ready_next = 0;
	}
	if (state->ready_count == space->ready_capacity)
	{
		space->ready_capacity = vx_grown(space->ready_capacity, 64);
		space->ready = vx_resize_array(&space->mem, space->ready, space->ready_capacity, sizeof(ReadyNode));
	}
	for (at = state->ready_count; at > state->ready_next && least_distance(&space->ready[at - 1]) > least_distance(node); at--)
		space->ready[at] = space->ready[at - 1];
	space->ready[at] = *node;
	state->ready_count++;
}

/*
 * The exact distance of a node that does not hold its vector, from the first of its rows that the snapshot sees. False if
 * it sees none: then the node has nothing to hand out.
 */
static bool
distance_from_heap(VecGraphScan *state, VxNodeId node, const VecGraphPayload *payload, double *distance)
{
	const VxPoint *point;

	state->counts.n[VECGRAPH_COUNT_FETCHED]++;
	if (!vecgraph_heap_point(state->rows, &state->store.index, node, payload, &point))
		return false;
	/* a row whose indexed value is NULL cannot be one that is indexed here; the executor sees to it */
	*distance = point == NULL ? 0 : vx_space_operator(&state->store.index.space, state->query.point, point);
	return true;
}

/* Whether it is known how far estimates are wrong at most. */
static inline bool
errors_are_known(const VecGraphScan *state)
{
	return state->widest_error > 0;
}

/* What both sides of the line are measured from: what comes from halves lies around its estimate, so that there is no line, but for its height. */
static inline double
line_from(const VecGraphScan *state, double estimate)
{
	return errors_are_known(state) ? estimate : 0;
}

/* The same of a node that is ready, or about to be. False if it has nothing to hand out. */
static bool
look_up(VecGraphScan *state, ReadyNode *node)
{
	double		from = line_from(state, node->estimate);

	node->error = 0;
	if (distance_from_heap(state, node->id, &node->payload, &node->distance))
	{
		vx_line_add(&state->line, node->estimate - from, node->distance - from);
		return true;
	}
	/* its rows are invisible, as far as is known, and an estimate is not to end the scan */
	node->distance = Min(node->distance, state->radius);
	return node->payload.chain != VX_NO_NODE;
}

/* Whether rows are wanted in order. Else all within a radius are, as if the table were read. */
static inline bool
is_ordered(const VecGraphScan *state)
{
	return state->asked->sk_strategy != VECGRAPH_STRATEGY_WITHIN;
}

static bool
more_than_list(VecGraphScan *state)
{
	if (!is_ordered(state))
		return true;
	return vecgraph_iterative_scan != VECGRAPH_ITERATIVE_OFF
		&& (vecgraph_max_scan_tuples < 0 || state->tuples < vecgraph_max_scan_tuples);
}

/* For how long the search may make a node wait for others that are nearer, by vecgraph.iterative_scan. */
static VxPatience
patience(VecGraphScan *state)
{
	if (!more_than_list(state))
		return VX_SEARCH_STAY;
	return is_ordered(state) && vecgraph_iterative_scan == VECGRAPH_ITERATIVE_STRICT ? VX_SEARCH_IN_ORDER : VX_SEARCH_GROW;
}

/* The nearest of the nodes that are ready, and whose distance is known exactly; NULL if there is none. */
static const ReadyNode *
nearest_exact(const VecGraphScan *state)
{
	for (int i = state->ready_next; i < state->ready_count; i++)
		if (state->space->ready[i].error == 0)
			return &state->space->ready[i];
	return NULL;
}

/* Whether a node of that estimate, or a higher one, is expected to be nearer than one whose distance is known. */
static inline bool
is_expected(const VecGraphScan *state, double estimate, const ReadyNode *than)
{
	double		from = line_from(state, estimate);

	return estimate <= than->estimate || from + vx_line_lower(&state->line, estimate - from) <= than->distance;
}

/*
 * Whether the next node may not leave yet, since it is not known or nodes that the search has not handed out may have to leave before
 * it. The search knows its order, but where distances come from the heap: then by how far estimates are wrong at most or, if nobody knows, by
 * how far these have been from distances up to now, of as many rows as the type wants, and not while they are the same, which says nothing.
 */
static bool
needs_more(VecGraphScan *state)
{
	int			waiting = state->ready_count - state->ready_next;
	VxSearch   *search = &state->space->search;
	bool		bounded = errors_are_known(state);
	const ReadyNode *nearest;
	const ReadyNode *exact;

	if (state->search_done)
		return false;
	if (state->rows == NULL || waiting == 0)
		return waiting == 0;
	if (vecgraph_rerank > 0)
		return waiting < vecgraph_rerank;
	if (waiting >= search->found_limit)
		return false;
	nearest = &state->space->ready[state->ready_next];
	/* all within a radius are looked at, however many that are not lie in front of them: as in the search */
	if (bounded && least_distance(nearest) > state->radius)
		return state->last_estimate - state->widest_error <= state->radius;
	if (patience(state) != VX_SEARCH_IN_ORDER && search->handed_out >= vx_search_most(search, state->nodes + 1))
		return false;
	if (state->nodes + (uint32) waiting < state->store.opclass->type->least_rerank)
		return true;
	if (bounded && state->last_estimate - state->widest_error > most_distance(nearest))
		return false;
	exact = nearest_exact(state);
	return exact == NULL || is_expected(state, state->last_estimate, exact);
}

/* The next node of the search. A walk with a filter may give up instead, and have none. */
static const VxFound *
next_found(VecGraphScan *state)
{
	VxSearch   *search = &state->space->search;
	double		rank = state->nodes + 1.0;

	if (has_filter(state) && !state->passing)
		search->most_expanded = (uint64) Min(state->walk_most, WALK_NODES * nodes_for_rank(state, rank + VECGRAPH_WANTED_ROWS)) + 1;
	return vx_search_next(search, state->nodes + 1, patience(state));
}

/* Takes nodes from the search until one may leave, or there are no more. */
static void
ready_from_search(VecGraphScan *state)
{
	while (needs_more(state))
	{
		const VxFound *found = next_found(state);
		ReadyNode	node;

		if (found == NULL && vx_search_gave_up(&state->space->search) && search_on(state))
			continue;
		if (found == NULL)
		{
			state->search_done = true;
			break;
		}
		ask_for_rows(state, found);
		node.id = found->id;
		node.payload = *(const VecGraphPayload *) found->payload;
		node.distance = node.estimate = state->last_estimate = found->distance;
		node.error = found->error;
		CHECK_FOR_INTERRUPTS();
		/* a slot that was freed and used again meanwhile may come twice */
		if (!vx_idset_add(&state->space->handed_out, node.id))
			continue;
		if (node.error < get_float8_infinity())
			state->widest_error = Max(state->widest_error, node.error);
		else if (!look_up(state, &node))
			continue;
		add_ready(state, &node);
	}
	if (state->rows != NULL)
		vecgraph_heap_release(state->rows);
}

/*
 * The live nodes of the next page that the search did not hand out are ready. False at the end of the index. Pages that are added
 * meanwhile are read, too, though their rows are too new to be visible. No lock on entry or return.
 */
static bool
ready_from_sweep(VecGraphScan *state)
{
	VecGraphIndex *index = &state->store.index;
	const VxGeometry *g = &index->geometry;
	BlockNumber block = state->sweep_block;
	bool		ordered = state->query.point != NULL;
	ReadyNode  *nodes;
	int			count = 0;
	Buffer		buffer;

	CHECK_FOR_INTERRUPTS();
	if (block >= RelationGetNumberOfBlocks(index->relation))
		return false;
	state->sweep_block++;
	state->counts.n[VECGRAPH_COUNT_SWEEPS] = 1;
	if (!vecgraph_lock_nodes(index, block, BUFFER_LOCK_SHARE, &buffer))
		return true;

	nodes = palloc(g->nodes_per_page * sizeof(ReadyNode));
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(BufferGetPage(buffer)), i);
		ReadyNode  *node = &nodes[count];

		node->id = vx_block_first_id(g, block) + i;
		if (slot->state != VX_SLOT_LIVE || !vx_idset_add(&state->space->handed_out, node->id))
			continue;
		/* heap TIDs and vector are copied under one lock, so they are of one node even if its slot is used again at once */
		vecgraph_fill_payload(slot, &node->payload);
		node->distance = node->error = node->estimate = 0;
		if (ordered && state->rows == NULL)
			node->distance = vx_space_operator(&index->space, state->query.point, vecgraph_slot_point(index, slot));
		count++;
	}
	UnlockReleaseBuffer(buffer);

	for (int i = 0; i < count; i++)
	{
		/* not while the page is locked, as that may load signatures */
		if (has_filter(state) && !vecgraph_matches(&state->matcher, nodes[i].id))
			continue;
		if (ordered && state->rows != NULL)
			(void) distance_from_heap(state, nodes[i].id, &nodes[i].payload, &nodes[i].distance);
		add_ready(state, &nodes[i]);
	}
	if (state->rows != NULL)
		vecgraph_heap_release(state->rows);
	pfree(nodes);
	return true;
}

static void
add_ready_tid(IndexScanDesc scan, const VxHeapTid *tid)
{
	VecGraphScan *state = scan->opaque;
	ScanSpace  *space = state->space;
	ItemPointer ready;

	if (state->tid_count == space->tid_capacity)
	{
		space->tid_capacity = vx_grown(space->tid_capacity, 16);
		space->tids = vx_resize_array(&space->mem, space->tids, space->tid_capacity, sizeof(ItemPointerData));
	}
	ready = &space->tids[state->tid_count];
	vecgraph_tid_get(tid, ready);
	vecgraph_check_heap_tid(&state->store.index, state->heap, &state->heap_blocks, state->chain.node, ready);
	if (state->seen != NULL)
	{
		bool		found;

		tidset_insert(state->seen, *ready, &found);
		if (found)
			return;
	}
	state->tid_count++;
}

/* The inline heap TIDs of the node at hand are ready; with a chain to come, starts the set that keeps TIDs from coming out twice. */
static void
take_node_tids(IndexScanDesc scan, const VecGraphPayload *payload)
{
	VecGraphScan *state = scan->opaque;

	if (payload->chain != VX_NO_NODE && state->seen == NULL)
		state->seen = tidset_create(state->query_context, 256, NULL);
	for (int i = 0; i < payload->tid_count; i++)
		add_ready_tid(scan, &payload->tids[i]);
}

/*
 * Reads the next slot of the chain; starts again from the node if VACUUM has taken that slot away. Then TIDs come again that were
 * returned, and state->seen leaves them out.
 */
static void
read_chain_tids(IndexScanDesc scan)
{
	VecGraphScan *state = scan->opaque;
	VecGraphIndex *index = &state->store.index;
	VecGraphPayload payload;
	Buffer		buffer;
	const VxTidSlot *slot = vecgraph_chain_lock_next(index, &state->chain, &buffer);

	for (int i = 0; slot != NULL && i < slot->tid_count; i++)
		add_ready_tid(scan, &slot->tids[i]);
	/* before the page is let go, as its number is in the message */
	if (vecgraph_chain_is_circle(index, &state->chain))
		vecgraph_corrupted(index->relation, BufferGetBlockNumber(buffer), -1, "a chain of heap TIDs is a circle");
	UnlockReleaseBuffer(buffer);
	if (slot != NULL)
		return;
	if (!vecgraph_chain_restart(index, &state->chain, &payload))
		vecgraph_slot_corrupted(index, state->chain.node, "a chain of heap TIDs is broken");
	take_node_tids(scan, &payload);
}

/* The nodes that were put aside are ready, before all others. */
static void
late_are_ready(VecGraphScan *state)
{
	const ReadyNode *late = state->space->late;

	for (int i = 0; i < state->late_count; i++)
		add_ready(state, &late[i]);
	state->late_count = 0;
	state->last_distance = -get_float8_infinity();
}

/* Whether a node comes too late for its place. Then it is put aside, or left out. */
static bool
is_late(VecGraphScan *state, const ReadyNode *node)
{
	if (node->distance >= state->last_distance || !is_ordered(state))
		return false;
	if (vecgraph_iterative_scan == VECGRAPH_ITERATIVE_RELAXED)
	{
		/* the sweep has no order to keep to */
		if (state->phase == PHASE_SWEEP)
			return false;
		state->space->late[state->late_count++] = *node;
		if (state->late_count == MOST_LATE)
			late_are_ready(state);
	}
	return true;
}

/* Whether it makes no difference how far the next node is exactly: to those that leave before and after it, and to the radius. */
static bool
is_certain(const VecGraphScan *state)
{
	const ReadyNode *node = &state->space->ready[state->ready_next];
	double		least = least_distance(node);
	double		most = most_distance(node);

	if (node->error == 0)
		return true;
	return least >= state->last_distance && (most <= state->radius || least > state->radius)
		&& (state->ready_next + 1 == state->ready_count || most <= least_distance(node + 1));
}

/*
 * Takes the node whose turn it is from those that are ready: the next one or, as that is not expected to be nearer, the nearest of those
 * whose distances are known. False if the next one had to be looked up first.
 */
static bool
take_ready(VecGraphScan *state, ReadyNode *node)
{
	ReadyNode  *next = &state->space->ready[state->ready_next];
	bool		certain = is_certain(state);
	const ReadyNode *exact = certain ? NULL : nearest_exact(state);

	*node = *next;
	state->ready_next++;
	if (certain)
		return true;
	if (exact != NULL && !is_expected(state, node->estimate, exact))
	{
		*node = *exact;
		memmove(next + 1, next, (exact - next) * sizeof(ReadyNode));
		return true;
	}
	if (look_up(state, node))
		add_ready(state, node);
	vecgraph_heap_release(state->rows);
	return false;
}

/* All that is ready lies beyond the radius. In order of distance so does what is not: only nodes that were late can be left. */
static void
leave_radius(VecGraphScan *state)
{
	state->ready_next = state->ready_count;
	state->search_done = true;
}

/* A node leaves: its heap TIDs are ready. */
static void
take_node(IndexScanDesc scan, const ReadyNode *node)
{
	VecGraphScan *state = scan->opaque;

	if (state->seen != NULL)
	{
		tidset_destroy(state->seen);
		state->seen = NULL;
	}
	state->last_distance = most_distance(node);
	state->chain = vecgraph_chain_from(node->id, node->payload.chain);
	take_node_tids(scan, &node->payload);
	if (++state->nodes == state->late_turn)
	{
		state->late_turn = state->nodes > PG_UINT32_MAX / LATE_TURN_FACTOR ? PG_UINT32_MAX : state->nodes * LATE_TURN_FACTOR;
		late_are_ready(state);
	}
}

/* Makes at least one more TID ready; false at the end of the scan. What comes first is tried first: README.md has the order as steps. */
static bool
fetch_tids(IndexScanDesc scan)
{
	VecGraphScan *state = scan->opaque;

	state->tid_next = state->tid_count = 0;
	while (state->tid_count == 0)
	{
		CHECK_FOR_INTERRUPTS();
		if (state->chain.next != VX_NO_NODE)
		{
			VECIDX_FAULT_POINT("scan-before-chain");
			read_chain_tids(scan);
		}
		else if (state->phase == PHASE_SEARCH && needs_more(state))
			ready_from_search(state);
		else if (state->ready_next < state->ready_count)
		{
			ReadyNode	node;

			if (!take_ready(state, &node))
				continue;
			if (node.distance > state->radius)
				leave_radius(state);
			else if (!is_late(state, &node))
				take_node(scan, &node);
		}
		else if (state->late_count > 0)
			late_are_ready(state);
		else if (state->phase == PHASE_SEARCH && more_than_list(state) && search_on(state))
			continue;
		else if (state->phase == PHASE_SEARCH)
			state->phase = more_than_list(state) && !has_filter(state) && !reached_radius(state) ? PHASE_SWEEP : PHASE_END;
		else if (state->phase == PHASE_SWEEP)
		{
			if (!ready_from_sweep(state))
				state->phase = PHASE_END;
		}
		else
			return false;
	}
	return true;
}

/* The same; begins the search if that has not begun, and counts the buffers that it looks at. */
static bool
fetch_counted(IndexScanDesc scan)
{
	VecGraphScan *state = scan->opaque;
	int64		hit = pgBufferUsage.shared_blks_hit + pgBufferUsage.local_blks_hit;
	int64		read = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
	bool		found;

	if (state->phase == PHASE_START)
		start_search(scan);
	found = fetch_tids(scan);
	state->counts.n[VECGRAPH_COUNT_PAGES_HIT] += pgBufferUsage.shared_blks_hit + pgBufferUsage.local_blks_hit - hit;
	state->counts.n[VECGRAPH_COUNT_PAGES_READ] += pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read - read;
	return found;
}

bool
vecgraph_gettuple(IndexScanDesc scan, ScanDirection direction)
{
	VecGraphScan *state = scan->opaque;

	if (!ScanDirectionIsForward(direction))
		elog(ERROR, "vecgraph index can only be scanned forward");
	if (state->tid_next == state->tid_count && !fetch_counted(scan))
		return false;
	scan->xs_heaptid = state->space->tids[state->tid_next++];
	scan->xs_recheck = scan->numberOfKeys > 0;
	scan->xs_recheckorderby = false;
	state->tuples++;
	vecgraph_pin_row(scan);
	return true;
}
