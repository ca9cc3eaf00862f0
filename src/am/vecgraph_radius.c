/*
 * vecgraph_radius.c: WHERE embedding <-> query < radius ORDER BY embedding <-> query.
 *
 * To the planner the condition is one on the table's rows: nothing tells the index that it may stop. So while a path in order of a
 * distance is costed, the conditions of its table are looked through for an upper bound of that distance, and the bound is given to
 * the scan as an index condition of its own:  embedding <-| radius.  That operator says nothing without the query of the scan; it is true
 * of all values, for executors that test it again. The condition itself stays where it was, and is tested for each row.
 */
#include "am/vecgraph.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

VECIDX_SQL_FUNCTION(vecgraph_within);

/*
 * vecgraph_within(value, radius) returns boolean
 *
 * Of the operator <-|, see above: true.
 */
Datum
vecgraph_within(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/* The bound that a condition sets to an expression, by < or <=, either way round; NULL if it is no such condition. */
static Expr *
upper_bound(PlannerInfo *root, RelOptInfo *rel, Expr *condition, Expr *distance)
{
	OpExpr	   *op = (OpExpr *) condition;
	Expr	   *left;
	Expr	   *right;
	Expr	   *bound = NULL;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2)
		return NULL;
	set_opfuncid(op);
	left = linitial(op->args);
	right = lsecond(op->args);
	if ((op->opfuncid == F_FLOAT8LT || op->opfuncid == F_FLOAT8LE) && equal(left, distance))
		bound = right;
	else if ((op->opfuncid == F_FLOAT8GT || op->opfuncid == F_FLOAT8GE) && equal(right, distance))
		bound = left;
	/* it must be the same for all rows, and known when the scan begins */
	if (bound == NULL || bms_is_member(rel->relid, pull_varnos(root, (Node *) bound))
		|| !bms_is_subset(pull_varnos(root, (Node *) bound), pull_varnos(root, (Node *) distance))
		|| contain_volatile_functions((Node *) bound))
		return NULL;
	return bound;
}

/* The index condition that gives the scan a bound of its distance. */
static IndexClause *
make_clause(PlannerInfo *root, IndexPath *path, RestrictInfo *condition, Expr *bound)
{
	IndexOptInfo *index = path->indexinfo;
	OpExpr	   *distance = linitial_node(OpExpr, path->indexorderbys);
	Oid			within = get_opfamily_member(index->opfamily[0], index->opcintype[0], FLOAT8OID, VECGRAPH_STRATEGY_WITHIN);
	IndexClause *clause;

	if (!OidIsValid(within))
		return NULL;
	clause = makeNode(IndexClause);
	clause->rinfo = condition;
	clause->indexquals = list_make1(make_simple_restrictinfo(root, make_opclause(within, BOOLOID, false,
																				  copyObject(linitial(distance->args)),
																				  copyObject(bound), InvalidOid, InvalidOid)));
	clause->lossy = true;
	clause->indexcol = 0;
	clause->indexcols = NIL;
	return clause;
}

/* Whether a path has such a condition. */
static bool
has_radius(const IndexPath *path)
{
	ListCell   *cell;

	foreach(cell, path->indexclauses)
		if (lfirst_node(IndexClause, cell)->indexcol == 0 && lfirst_node(IndexClause, cell)->lossy)
			return true;
	return false;
}

bool
vecgraph_find_radius(PlannerInfo *root, IndexPath *path)
{
	ListCell   *cell;

	/* a path may be costed again, for other parameters */
	if (has_radius(path))
		return true;
	foreach(cell, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);
		Expr	   *bound = upper_bound(root, path->path.parent, condition->clause, linitial(path->indexorderbys));
		IndexClause *clause = bound != NULL ? make_clause(root, path, condition, bound) : NULL;

		if (clause != NULL)
		{
			/* the list may be another path's, too */
			path->indexclauses = lcons(clause, list_copy(path->indexclauses));
			return true;
		}
	}
	return false;
}
