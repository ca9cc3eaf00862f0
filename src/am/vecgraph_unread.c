/*
 * vecgraph_unread.c: distances that nobody reads.
 *
 * ORDER BY embedding <-> query gives the scan a hidden column, the distance, which is there for whoever sorts or merges by it. Where the scan
 * is in that order already, often nobody does, and the executor computes it all the same, for each row that is returned: from the row, whose
 * vector may have to be put together from pieces (TOAST), when the index has known the distance long since.
 *
 * So finished plans are looked through, from the top. Each node is asked which columns of its inputs it reads, given which of its own are read;
 * one that is not known here is taken to read all. A column that is the distance a scan below is in the order of, and that nobody reads, becomes
 * NULL. The plan is otherwise what it was, its costs included.
 *
 * What goes away is the computing, which has no effect but its result: the scan computes the same operator of the same two values, so it has
 * raised the errors that there are (of dimensions), and whether the user may call the function is asked when the scan begins.
 */
#include "am/vecgraph.h"

#include "access/genam.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

static planner_hook_type previous_planner_hook;

/* Among the numbers of a plan's columns, which are from 1: all of them. */
#define ALL_COLUMNS 0

static inline bool
is_read(const TargetEntry *column, Bitmapset *read)
{
	return bms_is_member(ALL_COLUMNS, read) || bms_is_member(column->resno, read);
}

/* The columns that who runs a plan gets: all but the hidden ones. */
static Bitmapset *
visible_columns(const Plan *plan)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	foreach(cell, plan->targetlist)
	{
		TargetEntry *column = lfirst_node(TargetEntry, cell);

		if (!column->resjunk)
			columns = bms_add_member(columns, column->resno);
	}
	return columns;
}

static Bitmapset *
add_columns(Bitmapset *columns, const AttrNumber *numbers, int count)
{
	columns = bms_copy(columns);
	for (int i = 0; i < count; i++)
		columns = bms_add_member(columns, numbers[i]);
	return columns;
}

/* With those that row locks are taken by: hidden columns that are found by name. */
static Bitmapset *
add_named_columns(Bitmapset *columns, const Plan *plan)
{
	ListCell   *cell;

	columns = bms_copy(columns);
	foreach(cell, plan->targetlist)
	{
		TargetEntry *column = lfirst_node(TargetEntry, cell);

		if (column->resname != NULL)
			columns = bms_add_member(columns, column->resno);
	}
	return columns;
}

/* Adds attributes, as pull_varattnos has them, to columns. A whole row is all of them. */
static Bitmapset *
add_attributes(Bitmapset *columns, Bitmapset *attributes)
{
	int			member = -1;

	while ((member = bms_next_member(attributes, member)) >= 0)
		columns = bms_add_member(columns, Max(member + FirstLowInvalidHeapAttributeNumber, ALL_COLUMNS));
	return columns;
}

/* The columns that expressions read, by variables of a relation. */
static Bitmapset *
columns_in(Node *expressions, int relation)
{
	Bitmapset  *attributes = NULL;

	pull_varattnos(expressions, relation, &attributes);
	return add_attributes(NULL, attributes);
}

/*
 * What a node that projects reads of an input, by variables of a relation: what its conditions do, and its columns. A column that nobody
 * reads and that only hands one of the input on reads nothing: it may be anything.
 */
static Bitmapset *
projected_columns(const Plan *plan, int relation, Bitmapset *read)
{
	Bitmapset  *columns = columns_in((Node *) plan->qual, relation);
	ListCell   *cell;

	foreach(cell, plan->targetlist)
	{
		TargetEntry *column = lfirst_node(TargetEntry, cell);

		if (is_read(column, read) || !IsA(column->expr, Var))
			columns = bms_add_members(columns, columns_in((Node *) column->expr, relation));
	}
	return columns;
}

/* What a join reads of its outer or inner input. */
static Bitmapset *
joined_columns(Join *join, int relation, Bitmapset *read)
{
	Bitmapset  *columns = projected_columns(&join->plan, relation, read);
	ListCell   *cell;

	columns = bms_add_members(columns, columns_in((Node *) join->joinqual, relation));
	if (IsA(join, NestLoop))
	{
		foreach(cell, castNode(NestLoop, join)->nestParams)
			columns = bms_add_members(columns, columns_in((Node *) lfirst_node(NestLoopParam, cell)->paramval, relation));
	}
	else
	{
		columns = bms_add_members(columns, columns_in((Node *) castNode(HashJoin, join)->hashclauses, relation));
		columns = bms_add_members(columns, columns_in((Node *) castNode(HashJoin, join)->hashkeys, relation));
	}
	return columns;
}

/* The scan whose order a node's rows are in, and whose columns its expressions come from; NULL if there is none of vecgraph. */
static IndexScan *
ordering_scan(Plan *plan)
{
	while (plan != NULL && (IsA(plan, NestLoop) || IsA(plan, Result) || IsA(plan, Gather)))
		plan = outerPlan(plan);
	if (plan != NULL && IsA(plan, IndexScan) && ((IndexScan *) plan)->indexorderbyorig != NIL)
	{
		/* it has been locked by who planned it */
		Relation	index = index_open(((IndexScan *) plan)->indexid, AccessShareLock);
		bool		is_vecgraph = (void *) index->rd_indam->amcostestimate == (void *) vecgraph_costestimate;

		index_close(index, NoLock);
		return is_vecgraph ? (IndexScan *) plan : NULL;
	}
	return NULL;
}

/* An expression of a node in terms of the scan that ordering_scan finds. */
static Node *
in_terms_of_scan(Node *expression, void *context)
{
	Plan	   *plan = context;

	if (expression == NULL)
		return NULL;
	if (IsA(expression, Var) && ((Var *) expression)->varno == OUTER_VAR && !IsA(plan, IndexScan))
	{
		TargetEntry *column = get_tle_by_resno(outerPlan(plan)->targetlist, ((Var *) expression)->varattno);

		return in_terms_of_scan((Node *) column->expr, outerPlan(plan));
	}
	return expression_tree_mutator(expression, in_terms_of_scan, context);
}

/* Whether an expression in terms of a scan is what the scan is in order of, either way round. */
static bool
is_order_of(const IndexScan *scan, Node *expression)
{
	OpExpr	   *order = linitial(scan->indexorderbyorig);
	OpExpr	   *op = (OpExpr *) expression;

	if (equal(expression, order))
		return true;
	return IsA(order, OpExpr) && IsA(expression, OpExpr) && list_length(op->args) == 2 && list_length(order->args) == 2
		&& get_commutator(op->opno) == order->opno
		&& equal(linitial(op->args), lsecond(order->args)) && equal(lsecond(op->args), linitial(order->args));
}

/* Makes NULL of the columns of a node that nobody reads and that are distances. */
static void
leave_distances_out(Plan *plan, Bitmapset *read)
{
	ListCell   *cell;

	foreach(cell, plan->targetlist)
	{
		TargetEntry *column = lfirst_node(TargetEntry, cell);
		Node	   *expression = (Node *) column->expr;
		IndexScan  *scan;

		if (is_read(column, read) || !IsA(expression, OpExpr))
			continue;
		scan = ordering_scan(plan);
		if (scan == NULL)
			return;
		/* a sub-select would no longer be shown where it was; what is volatile no index is in order of */
		if (is_order_of(scan, in_terms_of_scan(expression, plan)) && !contain_subplans(expression) && !contain_volatile_functions(expression))
			column->expr = (Expr *) makeNullConst(exprType(expression), exprTypmod(expression), exprCollation(expression));
	}
}

static void look_through(Plan *plan, Bitmapset *read);

static void
look_through_all(List *plans, Bitmapset *read)
{
	ListCell   *cell;

	foreach(cell, plans)
		look_through(lfirst(cell), read);
}

/* Looks through a plan of whose columns those are read. */
static void
look_through(Plan *plan, Bitmapset *read)
{
	Bitmapset  *all = bms_make_singleton(ALL_COLUMNS);

	if (plan == NULL)
		return;
	check_stack_depth();
	switch (nodeTag(plan))
	{
			/* rows of the input go on as they are */
		case T_Limit:
			if (((Limit *) plan)->limitOption == LIMIT_OPTION_WITH_TIES)
				read = add_columns(read, ((Limit *) plan)->uniqColIdx, ((Limit *) plan)->uniqNumCols);
			look_through(outerPlan(plan), read);
			break;
		case T_LockRows:
			look_through(outerPlan(plan), add_named_columns(read, outerPlan(plan)));
			break;
		case T_Material:
			look_through(outerPlan(plan), read);
			break;
		case T_Sort:
		case T_IncrementalSort:
			look_through(outerPlan(plan), add_columns(read, ((Sort *) plan)->sortColIdx, ((Sort *) plan)->numCols));
			break;
		case T_Unique:
			look_through(outerPlan(plan), add_columns(read, ((Unique *) plan)->uniqColIdx, ((Unique *) plan)->numCols));
			break;
		case T_Hash:
			look_through(outerPlan(plan), bms_union(read, columns_in((Node *) ((Hash *) plan)->hashkeys, OUTER_VAR)));
			break;
		case T_Append:
			look_through_all(((Append *) plan)->appendplans, read);
			break;
		case T_MergeAppend:
			look_through_all(((MergeAppend *) plan)->mergeplans,
							 add_columns(read, ((MergeAppend *) plan)->sortColIdx, ((MergeAppend *) plan)->numCols));
			break;

			/* they are projected */
		case T_SubqueryScan:
			look_through(((SubqueryScan *) plan)->subplan, projected_columns(plan, ((SubqueryScan *) plan)->scan.scanrelid, read));
			break;
		case T_Result:
		case T_Gather:
			leave_distances_out(plan, read);
			look_through(outerPlan(plan), projected_columns(plan, OUTER_VAR, read));
			break;
		case T_Agg:
			/* with several grouping sets it has sorts of its own */
			if (((Agg *) plan)->chain != NIL)
				look_through(outerPlan(plan), all);
			else
				look_through(outerPlan(plan),
							 add_columns(projected_columns(plan, OUTER_VAR, all), ((Agg *) plan)->grpColIdx, ((Agg *) plan)->numCols));
			break;
		case T_NestLoop:
		case T_HashJoin:
			leave_distances_out(plan, read);
			look_through(outerPlan(plan), joined_columns((Join *) plan, OUTER_VAR, read));
			look_through(innerPlan(plan), joined_columns((Join *) plan, INNER_VAR, read));
			break;
		case T_IndexScan:
			leave_distances_out(plan, read);
			break;
		default:
			look_through(outerPlan(plan), all);
			look_through(innerPlan(plan), all);
			break;
	}
}

static PlannedStmt *
plan_and_look_through(Query *parse, const char *query_string, int cursor_options, ParamListInfo parameters)
{
	planner_hook_type plan_query = previous_planner_hook != NULL ? previous_planner_hook : standard_planner;
	PlannedStmt *statement = plan_query(parse, query_string, cursor_options, parameters);
	ListCell   *cell;

	if (!vecgraph_omit_unread_distance || statement->planTree == NULL)
		return statement;

	/*
	 * who gets a query's rows gets no hidden columns, nor does who takes the value of a sub-select; commands that write have
	 * them read
	 */
	look_through(statement->planTree, visible_columns(statement->planTree));
	foreach(cell, statement->subplans)
	{
		Plan	   *plan = lfirst(cell);

		if (plan != NULL)
			look_through(plan, visible_columns(plan));
	}
	return statement;
}

void
vecgraph_init_unread(void)
{
	previous_planner_hook = planner_hook;
	planner_hook = plan_and_look_through;
}
