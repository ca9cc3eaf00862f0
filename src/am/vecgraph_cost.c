/*
 * vecgraph_cost.c: what the planner is told a scan costs.
 *
 * A search pays before its first row: it expands about L nodes and scores a share of their neighbours, from their pages or,
 * far cheaper, by codes. After that each row costs about one more expansion. The planner interpolates between the first row and the
 * last, so the total is what draining the index costs: then a sort of the table is cheaper, and chosen.
 *
 * With conditions on filter columns the first row costs what the cheaper of a walk and a pass does (vecgraph_scan.c decides again, by a
 * sample), and there are fewer rows; with a radius there are fewer still, and all of them may be wanted.
 *
 * Paths whose order is wanted for anything but the ORDER BY of their query level are refused here; vecgraph_paths.c has the rule.
 */
#include "am/vecgraph.h"

#include <math.h>

#include "access/genam.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

/* Share of an expanded node's edges that lead to nodes not scored before, early in a search. */
#define FRESH_SHARE 0.35

/* cpu_operator_cost pays for about this many dimensions of a distance. */
#define DIMS_PER_OPERATOR 64.0

/*
 * What reading a page costs that is likely in memory, as a share of seq_page_cost. Every search goes over the same graph, so
 * what effective_cache_size has room for is taken to be there. Measured: with this, costs of searches and of sequential
 * scans have the same ratio as their times on cached data.
 */
#define CACHED_PAGE_SHARE 0.25

/* The same for scoring a code. */
#define CODE_DIMS_PER_OPERATOR 512.0

/*
 * Added where all rows are wanted in order, without a LIMIT or a cursor. Sorting gives them exactly, with those whose vector is
 * NULL, so a scan must not win by a little, as it could where rows are wide. Less than what PostgreSQL up to 17 adds for
 * enable_seqscan = off, so that who asks for the scan this way gets it.
 */
#define ALL_ROWS_COST 5.0e9

/* Nobody knows how many rows lie within a radius; those who ask for it want the near ones. */
#define RADIUS_SHARE 0.01

/* Number of dimensions of the indexed column or expression, or a usual one. */
static uint32
index_dimensions(IndexOptInfo *info)
{
	int32		typmod = -1;

	if (info->indextlist != NIL)
		typmod = exprTypmod((Node *) ((TargetEntry *) linitial(info->indextlist))->expr);
	return typmod > 0 ? typmod : 128;
}

/* What the costs of an index depend on. */
typedef struct IndexKind
{
	double		dim;			/* of what is scored */
	double		list;			/* its list size */
	double		scored;			/* for each node that is expanded: itself and some at the ends of its edges */
	bool		codes;			/* it scores neighbours by codes, and so reads the pages of those nodes only that it expands */
} IndexKind;

/* What searches need for recall. */
static VxListNeeds
index_needs(Relation index, const VecGraphOpclass *opclass)
{
	VxCurve		curve;

	vecgraph_read_curve(index, &curve);
	return vecgraph_list_needs(index, opclass, &curve);
}

/* limit: how many rows are wanted; below 0: not known. */
static IndexKind
index_kind(IndexOptInfo *info, double limit)
{
	Relation	index = index_open(info->indexoid, NoLock);
	const VecGraphOpclass *opclass = vecgraph_opclass(index);
	VxSpace		space = {.metric = opclass->metric,.dim = index_dimensions(info),.form = opclass->type->form};
	VxListNeeds needs = index_needs(index, opclass);
	IndexKind	kind = {
		.dim = vx_space_coded_dim(&space),
		.list = vecgraph_first_list(&needs, opclass, (uint32) Max(Min(limit, PG_INT32_MAX), 0)),
		.scored = 1 + opclass->type->usual_degree * FRESH_SHARE,
		.codes = vecgraph_wants_codes((VecGraphOptions *) index->rd_options, opclass, space.dim)
		|| !vx_storage_is_exact(opclass->type->whole)
	};

	index_close(index, NoLock);
	return kind;
}

/* The conditions of a path on filter columns. */
static List *
filter_clauses(const IndexPath *path)
{
	List	   *clauses = NIL;
	ListCell   *cell;

	foreach(cell, path->indexclauses)
		if (lfirst_node(IndexClause, cell)->indexcol > 0)
			clauses = lappend(clauses, lfirst(cell));
	return clauses;
}

/* Whether the rows that a path is to find are those without a vector, which are not indexed. */
static bool
wants_absent(const IndexPath *path)
{
	ListCell   *cell;

	foreach(cell, path->indexclauses)
	{
		NullTest   *test = (NullTest *) lfirst_node(IndexClause, cell)->rinfo->clause;

		if (lfirst_node(IndexClause, cell)->indexcol == 0 && IsA(test, NullTest) && test->nulltesttype == IS_NULL)
			return true;
	}
	return false;
}

/*
 * Where there are conditions on filter columns, which so many nodes match: how many nodes are expanded before the first row leaves, by
 * the cheaper of a walk and a pass. *startup_cost receives what a pass costs besides.
 */
static double
filtered_start(double nodes, double list, double matches, double met_cost, Cost *startup_cost)
{
	double		walk = list + VECGRAPH_WANTED_ROWS * nodes / matches;
	double		pass = list + nodes * VECGRAPH_TEST_SHARE + matches * VECGRAPH_SCORE_SHARE;

	if (pass > walk)
		return Min(walk, nodes);
	*startup_cost = (pass - list) * met_cost;
	return list;
}

/* Costs that lose against those of a sequential scan, be that disabled or not. */
static void
refuse(IndexPath *path, Cost *startup_cost, Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	*startup_cost = *total_cost = get_float8_infinity();
	*selectivity = 0;
	*correlation = 0;
	*pages = 0;
	/* a disabled sequential scan has 1 */
	vecidx_set_disabled_nodes(&path->path, 2);
}

void
vecgraph_costestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost, Cost *total_cost,
					  Selectivity *selectivity, double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	double		nodes = Max(info->tuples, 1);
	IndexKind	kind;
	double		list;
	double		page_count = Max(info->pages, 1);
	double		random_page_cost;
	double		seq_page_cost;
	double		cached;
	double		page_cost;
	double		node_cost;
	double		met_cost;
	double		pages_per_node;
	double		matches;
	double		met;			/* nodes that are expanded before the first row leaves */
	double		read_pages;
	bool		has_radius;
	List	   *clauses;
	GenericCosts costs = {0};

	/* without an order, and a radius in place of it, there is nothing that this index can do */
	if (wants_absent(path) || (!vecgraph_has_centre(path) && !vecgraph_admit_order(root, path)))
	{
		refuse(path, startup_cost, total_cost, selectivity, correlation, pages);
		return;
	}

	vecgraph_add_conditions(root, path);
	/* selectivity of the conditions on filter columns, not of a radius that was found before, and of the index predicate, if any */
	clauses = path->indexclauses;
	path->indexclauses = filter_clauses(path);
	genericcostestimate(root, path, loop_count, &costs);
	path->indexclauses = clauses;
	get_tablespace_page_costs(info->reltablespace, &random_page_cost, &seq_page_cost);
	cached = Min(1, effective_cache_size / page_count);
	page_cost = cached * CACHED_PAGE_SHARE * seq_page_cost + (1 - cached) * random_page_cost;
	kind = index_kind(info, root->limit_tuples);
	list = Min(kind.list, nodes);
	node_cost = cpu_operator_cost * (1 + kind.dim / DIMS_PER_OPERATOR) + cpu_index_tuple_cost + cpu_tuple_cost;

	if (kind.codes)
	{
		met_cost = node_cost + kind.scored * cpu_operator_cost * (1 + kind.dim / CODE_DIMS_PER_OPERATOR);
		pages_per_node = 1;
	}
	else
	{
		met_cost = kind.scored * node_cost;
		pages_per_node = kind.scored;
	}
	met = list;
	matches = nodes;
	*startup_cost = 0;
	if (filter_clauses(path) != NIL)
	{
		matches = Min(nodes, Max(1, costs.indexSelectivity * info->rel->tuples));
		met = filtered_start(nodes, list, matches, met_cost, startup_cost);
	}
	has_radius = vecgraph_find_radius(root, path);
	if (has_radius)
		matches = Max(1, matches * RADIUS_SHARE);
	read_pages = index_pages_fetched(Min(nodes, met * pages_per_node), (BlockNumber) page_count, page_count, root);
	*startup_cost += Min(met, nodes / pages_per_node) * met_cost + read_pages * page_cost;
	*total_cost = *startup_cost + matches * (met_cost + (pages_per_node > 1 ? 0 : CACHED_PAGE_SHARE * seq_page_cost))
		+ Max(page_count - read_pages, 0) * matches / nodes * page_cost;
	if (root->tuple_fraction == 0 && !has_radius)
	{
		*startup_cost += ALL_ROWS_COST;
		*total_cost += ALL_ROWS_COST;
	}
	/* how many rows of the table are fetched */
	*selectivity = costs.indexSelectivity * (has_radius ? RADIUS_SHARE : 1);
	*correlation = 0;
	*pages = page_count;
}
