/*
 * vecgraph_radius.c: WHERE embedding <-> query < radius ORDER BY embedding <-> query.
 *
 * To the planner the condition is one on the table's rows: nothing tells the index that it may stop. So while a path in order of a
 * distance is costed, the conditions of its table are looked through for an upper bound of that distance, and the bound is given to
 * the scan as an index condition of its own:  embedding <-| radius.  That operator says nothing without the query of the scan; it is true
 * of all values, for executors that test it again. The condition itself stays where it was, and is tested for each row.
 *
 * Where nothing asks for that order, the condition is reason enough for a path of its own, in no order. The scan must be told what the
 * distance is measured from, too:  embedding <-| query.  Like all that the index answers this is approximate, so it is for reading only:
 * who changes rows, or locks them, must find all, in every part of the query. vecgraph.enable_radius_scan = off has the table read.
 */
#include "am/vecgraph.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

VECIDX_SQL_FUNCTION(vecgraph_within);

static set_rel_pathlist_hook_type previous_set_rel_pathlist_hook;

/*
 * vecgraph_within(value, radius) returns boolean
 * vecgraph_within(value, query) returns boolean
 *
 * Of the operator <-|, see above: true.
 */
Datum
vecgraph_within(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/* What is less than something else in a condition, by < or <=, either way round: *greater receives that. NULL if it is no such condition. */
static Expr *
lesser_side(Expr *condition, Expr **greater)
{
	OpExpr	   *op = (OpExpr *) condition;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2)
		return NULL;
	set_opfuncid(op);
	if (op->opfuncid == F_FLOAT8LT || op->opfuncid == F_FLOAT8LE)
	{
		*greater = lsecond(op->args);
		return linitial(op->args);
	}
	if (op->opfuncid == F_FLOAT8GT || op->opfuncid == F_FLOAT8GE)
	{
		*greater = linitial(op->args);
		return lsecond(op->args);
	}
	return NULL;
}

/* The bound that a condition sets to an expression; NULL if it is no such condition. */
static Expr *
upper_bound(PlannerInfo *root, RelOptInfo *rel, Expr *condition, Expr *distance)
{
	Expr	   *bound;
	Expr	   *bounded = lesser_side(condition, &bound);

	/* it must be the same for all rows, and known when the scan begins */
	if (bounded == NULL || !equal(bounded, distance)
		|| bms_is_member(rel->relid, pull_varnos(root, (Node *) bound))
		|| !bms_is_subset(pull_varnos(root, (Node *) bound), pull_varnos(root, (Node *) distance))
		|| contain_volatile_functions((Node *) bound))
		return NULL;
	return bound;
}

/* An index condition that gives the scan the right side of <-|, of the type that the distance has or of a bound. NULL: there is no such operator. */
static RestrictInfo *
make_qual(PlannerInfo *root, IndexOptInfo *index, OpExpr *distance, Oid type, Expr *given)
{
	Oid			within = get_opfamily_member(index->opfamily[0], index->opcintype[0], type, VECGRAPH_STRATEGY_WITHIN);

	if (!OidIsValid(within))
		return NULL;
	return make_simple_restrictinfo(root, make_opclause(within, BOOLOID, false, copyObject(linitial(distance->args)), copyObject(given),
														InvalidOid, InvalidOid));
}

/* The index condition of a radius; with_centre: and of what it is measured from. */
static IndexClause *
make_clause(PlannerInfo *root, IndexOptInfo *index, OpExpr *distance, RestrictInfo *condition, Expr *bound, bool with_centre)
{
	RestrictInfo *radius = make_qual(root, index, distance, FLOAT8OID, bound);
	RestrictInfo *centre = with_centre ? make_qual(root, index, distance, index->opcintype[0], lsecond(distance->args)) : NULL;
	IndexClause *clause;

	if (radius == NULL || (with_centre && centre == NULL))
		return NULL;
	clause = makeNode(IndexClause);
	clause->rinfo = condition;
	clause->indexquals = with_centre ? list_make2(centre, radius) : list_make1(radius);
	clause->lossy = true;
	clause->indexcol = 0;
	clause->indexcols = NIL;
	return clause;
}

/* The condition of a path that has a radius; NULL if none has. */
static IndexClause *
radius_of(const IndexPath *path)
{
	ListCell   *cell;

	foreach(cell, path->indexclauses)
		if (lfirst_node(IndexClause, cell)->indexcol == 0 && lfirst_node(IndexClause, cell)->lossy)
			return lfirst_node(IndexClause, cell);
	return NULL;
}

bool
vecgraph_has_centre(const IndexPath *path)
{
	IndexClause *clause = radius_of(path);

	return clause != NULL && list_length(clause->indexquals) > 1;
}

bool
vecgraph_find_radius(PlannerInfo *root, IndexPath *path)
{
	ListCell   *cell;

	/* a path may be costed again, for other parameters */
	if (radius_of(path) != NULL)
		return true;
	foreach(cell, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);
		OpExpr	   *distance = linitial_node(OpExpr, path->indexorderbys);
		Expr	   *bound = upper_bound(root, path->path.parent, condition->clause, (Expr *) distance);
		IndexClause *clause = bound == NULL ? NULL : make_clause(root, path->indexinfo, distance, condition, bound, false);

		if (clause != NULL)
		{
			/* the list may be another path's, too */
			path->indexclauses = lcons(clause, list_copy(path->indexclauses));
			return true;
		}
	}
	return false;
}

/* The distance of the vectors of an index that a condition bounds, with the column on the left; NULL if it is no such condition. */
static OpExpr *
bounded_distance(PlannerInfo *root, IndexOptInfo *index, RestrictInfo *condition)
{
	Expr	   *bound;
	OpExpr	   *distance = (OpExpr *) lesser_side(condition->clause, &bound);
	Oid			operator;

	if (distance == NULL || !IsA(distance, OpExpr) || list_length(distance->args) != 2)
		return NULL;
	operator = distance->opno;
	if (!match_index_to_operand(linitial(distance->args), 0, index))
	{
		operator = get_commutator(distance->opno);
		if (!OidIsValid(operator) || !match_index_to_operand(lsecond(distance->args), 0, index))
			return NULL;
		distance = (OpExpr *) make_opclause(operator, distance->opresulttype, false, lsecond(distance->args), linitial(distance->args),
											InvalidOid, InvalidOid);
	}
	/* both must be known when the scan begins, and nothing is joined here */
	if (!OidIsValid(get_op_opfamily_sortfamily(operator, index->opfamily[0]))
		|| !bms_is_empty(pull_varnos(root, lsecond(distance->args))) || !bms_is_empty(pull_varnos(root, (Node *) bound))
		|| contain_volatile_functions((Node *) distance) || contain_volatile_functions((Node *) bound))
		return NULL;
	return distance;
}

/* The path of an index for a radius that the conditions of its table set; NULL if they set none. */
static IndexPath *
radius_path(PlannerInfo *root, IndexOptInfo *index)
{
	ListCell   *cell;

	foreach(cell, index->indrestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);
		OpExpr	   *distance;
		Expr	   *bound;
		IndexClause *clause;

		if (condition->pseudoconstant || !restriction_is_securely_promotable(condition, index->rel))
			continue;
		distance = bounded_distance(root, index, condition);
		if (distance == NULL)
			continue;
		lesser_side(condition->clause, &bound);
		clause = make_clause(root, index, distance, condition, bound, true);
		if (clause != NULL)
			/* what the table's columns are computed with may be from the other side of a LATERAL */
			return create_index_path(root, index, list_make1(clause), NIL, NIL, NIL, ForwardScanDirection, false, index->rel->lateral_relids,
									 1.0, false);
	}
	return NULL;
}

/* Whether rows are only read here, and in all queries that this one is a part of. */
static bool
is_for_reading(PlannerInfo *root)
{
	for (; root != NULL; root = root->parent_root)
		if (root->parse->commandType != CMD_SELECT || root->parse->rowMarks != NIL || root->parse->hasModifyingCTE)
			return false;
	return true;
}

static void
add_radius_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	ListCell   *cell;

	if (previous_set_rel_pathlist_hook)
		previous_set_rel_pathlist_hook(root, rel, rti, rte);
	if (!vecgraph_enable_radius_scan || rte->rtekind != RTE_RELATION || rte->tablesample != NULL || !is_for_reading(root)
		|| vecgraph_is_substituted(root, rel))
		return;
	foreach(cell, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
		IndexPath  *path;

		if ((void *) index->amcostestimate != (void *) vecgraph_costestimate || (index->indpred != NIL && !index->predOK))
			continue;
		path = radius_path(root, index);
		if (path != NULL)
			add_path(rel, (Path *) path);
	}
}

void
vecgraph_init_radius(void)
{
	previous_set_rel_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_radius_paths;
}
