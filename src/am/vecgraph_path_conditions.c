/*
 * vecgraph_path_conditions.c: the conditions on filter columns that a path has.
 *
 * Such conditions are given to a path in order by the server, but for two sorts, which are added while it is costed: lists (IN, = ANY),
 * which up to version 16 no path has that is in an order, and conditions on boolean columns that are no comparison (flag, NOT flag), which
 * up to 15 only the server's own operator families have. Paths that vecgraph_radius.c makes get all of theirs so.
 *
 * A condition has the index column on its left, or is turned round; its other side is the same for all rows of a scan: it has no column of
 * the table and nothing volatile. It compares by the collation of the index column, if there is one, since signatures are made by that.
 */
#include "am/vecgraph.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

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
