/*
 * vecgraph_cost.c: what the planner is told a scan costs.
 *
 * A search pays before its first row: it expands about L nodes and scores a share of their neighbours. After that each row
 * costs about one more expansion. The planner interpolates between the first row and the last, so the total is what
 * draining the index costs: then a sort of the table is cheaper, and chosen.
 */
#include "am/vecgraph.h"

#include <math.h>

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

void
vecgraph_costestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost, Cost *total_cost,
					  Selectivity *selectivity, double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	double		nodes = Max(info->tuples, 1);
	double		list = Min((double) vecgraph_effective_list_size(), nodes);
	double		page_count = Max(info->pages, 1);
	double		random_page_cost;
	double		dim = 128;
	double		scored;
	double		score_cost;
	double		read_pages;
	GenericCosts costs = {0};

	/* without an order there is nothing that this index can do */
	if (path->indexorderbys == NIL)
	{
		*startup_cost = *total_cost = get_float8_infinity();
		*selectivity = 0;
		*correlation = 0;
		*pages = 0;
		return;
	}

	/* selectivity of the index predicate, if any */
	genericcostestimate(root, path, loop_count, &costs);
	get_tablespace_page_costs(info->reltablespace, &random_page_cost, NULL);
	if (info->indextlist != NIL)
	{
		Node	   *key = (Node *) ((TargetEntry *) linitial(info->indextlist))->expr;
		int32		typmod = exprTypmod(key);

		if (typmod > 0)
			dim = typmod;
	}

	scored = Min(nodes, list * (1 + VECGRAPH_DEFAULT_MAX_DEGREE * FRESH_SHARE));
	score_cost = cpu_operator_cost * (1 + dim / DIMS_PER_OPERATOR);
	read_pages = index_pages_fetched(scored, (BlockNumber) page_count, page_count, root);
	*startup_cost = scored * (score_cost + cpu_index_tuple_cost) + read_pages * random_page_cost;
	*total_cost = *startup_cost
		+ nodes * (1 + VECGRAPH_DEFAULT_MAX_DEGREE * FRESH_SHARE) * (score_cost + cpu_index_tuple_cost)
		+ Max(page_count - read_pages, 0) * random_page_cost;
	*selectivity = costs.indexSelectivity;
	*correlation = 0;
	*pages = page_count;
}
