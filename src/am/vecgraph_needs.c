/*
 * vecgraph_needs.c: how long the lists of searches are: as long as the recall that is wanted needs them, by what was measured, unless
 * vecgraph.search_list_size says it.
 */
#include "am/vecgraph.h"

#include <math.h>

/* Where nobody has set a target, lists are at most so many times as long as usual. */
#define MOST_UNASKED 16.0

double
vecgraph_target(Relation index)
{
	const VecGraphOptions *options = (const VecGraphOptions *) index->rd_options;

	if (vecgraph_target_recall > 0)
		return vecgraph_target_recall;
	return options != NULL && options->target_recall > 0 ? options->target_recall : VECGRAPH_DEFAULT_TARGET;
}

bool
vecgraph_target_is_set(Relation index)
{
	const VecGraphOptions *options = (const VecGraphOptions *) index->rd_options;

	return vecgraph_target_recall > 0 || (options != NULL && options->target_recall > 0);
}

/*
 * What scans need where nobody has set a target: lists as long as usual, or as the default target needs them, but not without end: an index with many nodes
 * that no search comes by would need lists of all others.
 */
static VxListNeeds
usual_needs(VxListNeeds needs, uint32 usual)
{
	for (int i = 0; i < VX_CURVE_RANKS; i++)
		needs.list[i] = Min(needs.list[i], MOST_UNASKED * usual + vx_curve_rank[i]);
	needs.usual = usual;
	return needs;
}

VxListNeeds
vecgraph_list_needs(Relation index, const VecGraphOpclass *opclass, const VxCurve *curve)
{
	/* those that were asked for last: they take a few dozen logarithms, and most scans of a session ask for the same ones */
	static VxCurve last_curve;
	static double last_target;
	static VxListNeeds last;
	VxListNeeds none = {.usual = 0};
	double		target;

	if (vecgraph_search_list_size > 0 || !vx_curve_is_measured(curve))
		return none;
	target = vecgraph_target(index);
	if (target != last_target || memcmp(curve, &last_curve, sizeof(VxCurve)) != 0)
	{
		last = vx_curve_needs(curve, target);
		last_curve = *curve;
		last_target = target;
	}
	return vecgraph_target_is_set(index) ? last : usual_needs(last, (uint32) vecgraph_effective_list_size(opclass));
}

uint32
vecgraph_first_list(const VxListNeeds *needs, const VecGraphOpclass *opclass, uint32 rows)
{
	uint32		usual = vecgraph_effective_list_size(opclass);
	uint32		list;

	if (!vx_needs_are_known(needs))
		return usual;
	list = (uint32) Min(ceil(vx_needs_list(needs, rows > 0 ? rows : vx_curve_rank[VECGRAPH_USUAL_RANK])), Max(VECGRAPH_MOST_LIST_SIZE, rows));
	return rows > 0 ? Max(list, needs->usual) : Max(list, usual);
}

bool
vecgraph_reaches_target(const VxCurve *curve, double target)
{
	return vx_curve_needs(curve, target).list[VECGRAPH_USUAL_RANK] <= VECGRAPH_MOST_LIST_SIZE;
}

void
vecgraph_report_recall(Relation index, const VxCurve *curve)
{
	double		target = vecgraph_target(index);

	if (!vx_curve_is_measured(curve) || vecgraph_reaches_target(curve, target))
		return;
	ereport(NOTICE,
			(errmsg("index \"%s\" does not reach a recall of %g", RelationGetRelationName(index), target),
			 errdetail("The longest list that searches have finds about %.3f of the ten nearest rows.",
					   vx_curve_recall_of(curve, VECGRAPH_USUAL_RANK, VECGRAPH_MOST_LIST_SIZE)),
			 errhint("Build it with more edges (option \"max_degree\") or more exact codes, or set a lower target (option \"target_recall\").")));
}
