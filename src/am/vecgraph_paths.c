/*
 * vecgraph_paths.c: what the order of a scan may be used for, and which conditions it can have.
 *
 * To the planner a path either is in order or is not. The order of a scan of vecgraph is nearly one: rows that were met late
 * come late, and with vecgraph.iterative_scan = strict_order they are left out; rows whose vector is NULL never come. That is
 * what an approximate ORDER BY ... LIMIT means. It is a wrong answer wherever something else rests on the order: grouping,
 * DISTINCT, window functions, merge joins, ties. So the rule is:
 *
 *   The order of a scan serves the ORDER BY of the very query level that the scan is in, and nothing else.
 *
 * Two things make it hold.
 *
 * A path is refused where its query level could use its order for something else, or could claim more than one distance of it, or an
 * outer join would answer for the rows that do not come (vecgraph_admit_order). It is refused while it is costed, before it is compared
 * with any other: without its order and with infinite costs it never is better than the sequential scan that is there before it, so it is
 * dropped, whatever is disabled by enable_seqscan and the like; and no other path is dropped for it.
 *
 * What leaves a query level says nothing of its order, if that rests on a scan of vecgraph (hide_order). The rows come in it all the
 * same, so an outer query that wants no order pays nothing; one that wants it sorts.
 *
 * Conditions on filter columns are given to a path in order by the server, but for two sorts, which are added while it is costed: lists
 * (IN, = ANY), which up to version 16 no path has that is in an order, and conditions on boolean columns that are no comparison (flag,
 * NOT flag), which up to 15 only the server's own operator families have. Paths that vecgraph_radius.c makes get all of theirs so.
 *
 * (This file and vecgraph_cost.c know each other: while a path is costed there it is looked at here, and a path of vecgraph is known here by
 * who costs it.)
 *
 * All look at the query, not at settings: a prepared plan outlives those. The library, and so the hook, is there in time:
 * reading the index's description, which comes before its paths, loads it.
 */
#include "am/vecgraph.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static create_upper_paths_hook_type previous_upper_paths_hook;

/*
 * Whether a query level is the one that stands for min(distance): the planner then looks for the first row in order. Such a
 * level is a copy of its parent with one column of this name.
 */
static bool
is_min_aggregate(PlannerInfo *root)
{
	const char *name;

	if (root->parent_root == NULL || !root->parent_root->parse->hasAggs || list_length(root->processed_tlist) != 1)
		return false;
	name = linitial_node(TargetEntry, root->processed_tlist)->resname;
	return name != NULL && strcmp(name, "agg_target") == 0;
}

/* Whether the order that a query level asks its scans for is that of its ORDER BY and has no other use. */
static bool
order_is_final(PlannerInfo *root)
{
	Query	   *parse = root->parse;

	return root->sort_pathkeys != NIL
		&& root->query_pathkeys == root->sort_pathkeys
		&& parse->groupClause == NIL
		&& parse->groupingSets == NIL
		&& parse->distinctClause == NIL
		&& !parse->hasAggs
		&& !parse->hasWindowFuncs
		&& !root->hasHavingQual
		&& parse->limitOption != LIMIT_OPTION_WITH_TIES
		&& !is_min_aggregate(root);
}

static EquivalenceClass *
canonical(EquivalenceClass *ec)
{
	while (ec != NULL && ec->ec_merged != NULL)
		ec = ec->ec_merged;
	return ec;
}

/*
 * Whether a merge join could use the order of a distance: the distance is equal to something else, or an outer join asks for that
 * (its sides are not made equal, so they stay classes of their own). Members for partitions and the like are only other names.
 */
static bool
order_could_merge(RelOptInfo *rel, EquivalenceClass *ec)
{
	ListCell   *cell;
	int			members = 0;

	foreach(cell, ec->ec_members)
		members += !lfirst_node(EquivalenceMember, cell)->em_is_child;
	if (members > 1)
		return true;
	foreach(cell, rel->joininfo)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);

		if (clause->mergeopfamilies != NIL && (canonical(clause->left_ec) == ec || canonical(clause->right_ec) == ec))
			return true;
	}
	return false;
}

/*
 * Whether a join stands something else in for rows that a scan leaves out: an outer join NULLs, say. The plan need not join in the
 * order of the scan.
 */
static bool
is_substituted(PlannerInfo *root, RelOptInfo *rel)
{
	Relids		relids = rel->top_parent_relids != NULL ? rel->top_parent_relids : rel->relids;
	ListCell   *cell;

	foreach(cell, root->join_info_list)
	{
		SpecialJoinInfo *join = lfirst_node(SpecialJoinInfo, cell);

		if (bms_is_subset(relids, join->syn_righthand)
			|| (join->jointype == JOIN_FULL && bms_is_subset(relids, join->syn_lefthand)))
			return true;
	}
	return false;
}

/*
 * value = ANY (column), where the column has arrays, as  column @> ARRAY[value];  NIL if that is not what it is. The operator must be the
 * one by which arrays compare their elements.
 */
static List *
element_condition(PlannerInfo *root, IndexOptInfo *index, int column, ScalarArrayOpExpr *comparison)
{
	Expr	   *value = linitial(comparison->args);
	Expr	   *array = lsecond(comparison->args);
	Oid			element = get_element_type(exprType((Node *) array));
	ArrayExpr  *set;

	if (!comparison->useOr || !OidIsValid(element) || exprType((Node *) value) != element
		|| IsA(array, RelabelType)
		|| !match_index_to_operand((Node *) array, column, index)
		|| !op_in_opfamily(OID_ARRAY_CONTAINS_OP, index->opfamily[column])
		|| lookup_type_cache(element, TYPECACHE_EQ_OPR)->eq_opr != comparison->opno
		|| (OidIsValid(index->indexcollations[column]) && index->indexcollations[column] != comparison->inputcollid)
		|| bms_is_member(index->rel->relid, pull_varnos(root, (Node *) value))
		|| contain_volatile_functions((Node *) value))
		return NIL;
	set = makeNode(ArrayExpr);
	set->array_typeid = exprType((Node *) array);
	set->array_collid = exprCollation((Node *) array);
	set->element_typeid = element;
	set->elements = list_make1(value);
	set->location = -1;
	return list_make1(make_simple_restrictinfo(root, make_opclause(OID_ARRAY_CONTAINS_OP, BOOLOID, false, array,
																   (Expr *) eval_const_expressions(root, (Node *) set),
																   InvalidOid, comparison->inputcollid)));
}

/* A comparison of the index column, or whether it is NULL, as the server has it where it makes the path; NIL if it is not that. */
static List *
plain_condition(PlannerInfo *root, IndexOptInfo *index, int column, RestrictInfo *rinfo)
{
	OpExpr	   *comparison = (OpExpr *) rinfo->clause;
	Node	   *constant;

	if (IsA(comparison, NullTest))
	{
		NullTest   *test = (NullTest *) comparison;

		return !test->argisrow && match_index_to_operand((Node *) test->arg, column, index) ? list_make1(rinfo) : NIL;
	}
	if (!IsA(comparison, OpExpr) || list_length(comparison->args) != 2
		|| (OidIsValid(index->indexcollations[column]) && index->indexcollations[column] != comparison->inputcollid))
		return NIL;
	if (!match_index_to_operand(linitial(comparison->args), column, index))
	{
		Oid			commuted = get_commutator(comparison->opno);

		if (!OidIsValid(commuted) || !match_index_to_operand(lsecond(comparison->args), column, index))
			return NIL;
		comparison = (OpExpr *) make_opclause(commuted, BOOLOID, false, lsecond(comparison->args), linitial(comparison->args),
											  InvalidOid, comparison->inputcollid);
		rinfo = make_simple_restrictinfo(root, (Expr *) comparison);
	}
	constant = lsecond(comparison->args);
	if (!op_in_opfamily(comparison->opno, index->opfamily[column])
		|| bms_is_member(index->rel->relid, pull_varnos(root, constant))
		|| contain_volatile_functions(constant))
		return NIL;
	return list_make1(rinfo);
}

/* The operator of strategy = with which a clause is a condition on the index column, made if there is none in it; NIL if it is not. */
static List *
condition_on(PlannerInfo *root, IndexOptInfo *index, int column, RestrictInfo *rinfo)
{
	Node	   *clause = (Node *) rinfo->clause;
	bool		value = true;

	if (IsA(clause, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *comparison = (ScalarArrayOpExpr *) clause;
		Node	   *constants = lsecond(comparison->args);

		if (comparison->useOr
			&& match_index_to_operand(linitial(comparison->args), column, index)
			&& op_in_opfamily(comparison->opno, index->opfamily[column])
			&& (!OidIsValid(index->indexcollations[column]) || index->indexcollations[column] == comparison->inputcollid)
			&& !bms_is_member(index->rel->relid, pull_varnos(root, constants))
			&& !contain_volatile_functions(constants))
			return list_make1(rinfo);
		return element_condition(root, index, column, comparison);
	}
	if (IsA(clause, OpExpr) || IsA(clause, NullTest))
		return plain_condition(root, index, column, rinfo);
	if (!op_in_opfamily(BooleanEqualOperator, index->opfamily[column]))
		return NIL;
	/* where a clause is asked of an index it is not looked at whether it is false or NULL */
	if (is_notclause(clause))
	{
		clause = (Node *) get_notclausearg((Expr *) clause);
		value = false;
	}
	else if (IsA(clause, BooleanTest))
	{
		BooleanTest *test = (BooleanTest *) clause;

		if (test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE)
			return NIL;
		clause = (Node *) test->arg;
		value = test->booltesttype == IS_TRUE;
	}
	if (!match_index_to_operand(clause, column, index))
		return NIL;
	return list_make1(make_simple_restrictinfo(root, make_opclause(BooleanEqualOperator, BOOLOID, false, (Expr *) clause,
																   (Expr *) makeBoolConst(value, false),
																   InvalidOid, InvalidOid)));
}

void
vecgraph_add_conditions(PlannerInfo *root, IndexPath *path)
{
	IndexOptInfo *index = path->indexinfo;
	List	   *clauses = NIL;	/* of one column after the other, as the server has them */
	ListCell   *cell;
	bool		added = false;

	for (int column = 0; column < index->nkeycolumns; column++)
	{
		List	   *known = NIL;	/* RestrictInfos */

		foreach(cell, path->indexclauses)
		{
			IndexClause *clause = lfirst_node(IndexClause, cell);

			if (clause->indexcol != column)
				continue;
			clauses = lappend(clauses, clause);
			known = lappend(known, clause->rinfo);
		}
		if (column == 0)
			continue;
		foreach(cell, index->indrestrictinfo)
		{
			RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
			List	   *quals;
			IndexClause *clause;

			if (rinfo->pseudoconstant || list_member_ptr(known, rinfo) || !restriction_is_securely_promotable(rinfo, index->rel))
				continue;
			quals = condition_on(root, index, column, rinfo);
			if (quals == NIL)
				continue;
			clause = makeNode(IndexClause);
			clause->rinfo = rinfo;
			clause->indexquals = quals;
			clause->indexcol = column;
			/* what is asked of an array instead is true of the same rows, but is not what was asked */
			clause->lossy = IsA(rinfo->clause, ScalarArrayOpExpr) && linitial(quals) != rinfo;
			clauses = lappend(clauses, clause);
			added = true;
		}
	}
	/* the list may be that of another path, too */
	if (added)
		path->indexclauses = clauses;
}

bool
vecgraph_admit_order(PlannerInfo *root, IndexPath *path)
{
	if (path->indexorderbys == NIL || path->path.pathkeys == NIL
		|| !order_is_final(root)
		|| is_substituted(root, path->path.parent)
		|| order_could_merge(path->path.parent, linitial_node(PathKey, path->path.pathkeys)->pk_eclass))
	{
		path->indexorderbys = path->indexorderbycols = path->path.pathkeys = NIL;
		return false;
	}

	/*
	 * ORDER BY v <-> a, v <-> b: a scan has one distance, the first, and what follows is sorted above it. The lists are shared
	 * with others and stay as they are.
	 */
	if (list_length(path->indexorderbys) > 1)
	{
		path->indexorderbys = list_make1(linitial(path->indexorderbys));
		path->indexorderbycols = list_make1_int(linitial_int(path->indexorderbycols));
		path->path.pathkeys = list_make1(linitial(path->path.pathkeys));
	}

	/*
	 * The planner has not looked at the distance to say whether parallel workers can have this path. They do not know parameters
	 * of outer queries.
	 */
	if (!is_parallel_safe(root, (Node *) path->indexorderbys))
		path->path.parallel_safe = false;
	return true;
}

/* Whether the order of a path is that of a scan of vecgraph, or made from it without sorting all rows. */
static bool
rests_on_scan(Path *path)
{
	List	   *inputs = NIL;
	ListCell   *cell;

	if (path->pathkeys == NIL)
		return false;
	switch (nodeTag(path))
	{
		case T_IndexPath:
			return ((IndexPath *) path)->indexorderbys != NIL
				&& (void *) ((IndexPath *) path)->indexinfo->amcostestimate == (void *) vecgraph_costestimate;
		case T_ProjectionPath:
			return rests_on_scan(((ProjectionPath *) path)->subpath);
		case T_ProjectSetPath:
			return rests_on_scan(((ProjectSetPath *) path)->subpath);
		case T_LimitPath:
			return rests_on_scan(((LimitPath *) path)->subpath);
		case T_LockRowsPath:
			return rests_on_scan(((LockRowsPath *) path)->subpath);
		case T_MaterialPath:
			return rests_on_scan(((MaterialPath *) path)->subpath);
		case T_MemoizePath:
			return rests_on_scan(((MemoizePath *) path)->subpath);
		case T_GatherMergePath:
			return rests_on_scan(((GatherMergePath *) path)->subpath);
		case T_IncrementalSortPath:
			return rests_on_scan(((IncrementalSortPath *) path)->spath.subpath);
		case T_NestPath:
		case T_MergePath:
			/* a join is in the order of its outer side */
			return rests_on_scan(((JoinPath *) path)->outerjoinpath);
		case T_AppendPath:
			inputs = ((AppendPath *) path)->subpaths;
			break;
		case T_MergeAppendPath:
			inputs = ((MergeAppendPath *) path)->subpaths;
			break;
		case T_CustomPath:
			inputs = ((CustomPath *) path)->custom_paths;
			break;
		default:
			/* a full sort; other scans; subqueries, whose own level has hidden what there was to hide */
			return false;
	}
	foreach(cell, inputs)
		if (rests_on_scan(lfirst(cell)))
			return true;
	return false;
}

/*
 * A path of the last step of a query level without its claim of order. LIMIT and row locks are of this step alone. Other paths may be
 * shared with steps before, and plans are made from what some say of their order, so they stay as they are; a projection to the
 * same columns is put on them, which is no node in the plan.
 */
static Path *
hide_order(PlannerInfo *root, Path *path)
{
	if (!IsA(path, LimitPath) && !IsA(path, LockRowsPath))
		path = (Path *) create_projection_path(root, path->parent, path, path->pathtarget);
	path->pathkeys = NIL;
	return path;
}

/*
 * Called when the paths of a query level are complete and nothing of it has been looked at from outside. Partial paths need no
 * care: a scan of vecgraph is never one, nor the outer side of one.
 */
static void
upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output, void *extra)
{
	ListCell   *cell;

	if (previous_upper_paths_hook)
		previous_upper_paths_hook(root, stage, input, output, extra);
	if (stage != UPPERREL_FINAL || root->parent_root == NULL)
		return;
	foreach(cell, output->pathlist)
		if (rests_on_scan(lfirst(cell)))
			lfirst(cell) = hide_order(root, lfirst(cell));
}

void
vecgraph_init_paths(void)
{
	previous_upper_paths_hook = create_upper_paths_hook;
	create_upper_paths_hook = upper_paths;
}
