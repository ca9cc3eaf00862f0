/*
 * vecgraph_paths.c: what the order of a scan may be used for.
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
 * (This file and vecgraph_cost.c know each other: while a path is costed there it is looked at here, and a path of vecgraph is known here by
 * who costs it.)
 *
 * All look at the query, not at settings: a prepared plan outlives those. The library, and so the hook, is there in time:
 * reading the index's description, which comes before its paths, loads it.
 */
#include "am/vecgraph.h"

#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"

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

/* The plan need not join in the order of the scan. */
bool
vecgraph_is_substituted(PlannerInfo *root, RelOptInfo *rel)
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

bool
vecgraph_admit_order(PlannerInfo *root, IndexPath *path)
{
	if (path->indexorderbys == NIL || path->path.pathkeys == NIL
		|| !order_is_final(root)
		|| vecgraph_is_substituted(root, path->path.parent)
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
