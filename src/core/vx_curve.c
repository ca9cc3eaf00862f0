/*
 * vx_curve.c: list sizes for recalls; see vx_curve.h.
 */
#include "core/vx_curve.h"

#include <math.h>

const uint32_t vx_curve_rank[VX_CURVE_RANKS] = {1, 10, VX_CURVE_MOST_RANK};
const double vx_curve_recall[VX_CURVE_RECALLS] = {0.80, 0.90, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999};

/* So many steps for each doubling: 4 % each, up to lists of some 17,000. */
#define STEPS 18.0

uint8_t
vx_curve_pack(int place, double list)
{
	/* the least float above a size that was unpacked must not become the next one */
	double		steps = ceil(STEPS * log2(VX_MAX(list - vx_curve_rank[place] + 1, 1)) - 1e-6);

	return (uint8_t) VX_MIN(1 + steps, UINT8_MAX);
}

double
vx_curve_unpack(int place, uint8_t packed)
{
	return vx_curve_rank[place] - 1 + exp2(VX_MAX(packed - 1, 0) / STEPS);
}

/*
 * Between two recalls a list grows as a power of the share that is missed: on all sets that were measured the one is nearly a straight line
 * over the other where both are logarithms.
 */
static double
list_for(const VxCurve *curve, int place, double recall)
{
	const uint8_t *packed = curve->list[place];
	int			i = 1;
	double		low;
	double		high;
	double		share;

	while (i < VX_CURVE_RECALLS - 1 && vx_curve_recall[i] < recall)
		i++;
	low = log(1 - vx_curve_recall[i - 1]);
	high = log(1 - vx_curve_recall[i]);
	share = VX_MAX((low - log(1 - recall)) / (low - high), 0);
	low = log(vx_curve_unpack(place, packed[i - 1]));
	high = log(vx_curve_unpack(place, packed[i]));
	return exp(low + share * VX_MAX(high - low, 0));
}

/* What a list has more than its rank, and one, as its logarithm is wanted. */
static double
excess(double list, int i)
{
	return list - vx_curve_rank[i] + 1;
}

VxListNeeds
vx_curve_needs(const VxCurve *curve, double recall)
{
	VxListNeeds needs = {.usual = 0};
	int			last = VX_CURVE_RANKS - 1;

	for (int i = 0; i < VX_CURVE_RANKS; i++)
	{
		needs.list[i] = list_for(curve, i, recall);
		/* who finds ten needs no shorter list for one */
		if (i > 0)
			needs.list[i] = VX_MAX(needs.list[i], needs.list[i - 1]);
	}
	needs.exponent = log(excess(needs.list[last], last) / excess(needs.list[last - 1], last - 1)) / log((double) vx_curve_rank[last] / vx_curve_rank[last - 1]);
	needs.exponent = VX_MIN(VX_MAX(needs.exponent, 0), 1);
	return needs;
}

double
vx_needs_list(const VxListNeeds *needs, double rank)
{
	int			i = 1;
	double		share;

	if (rank <= 1)
		return needs->list[0];
	if (rank > VX_CURVE_MOST_RANK)
		return rank + excess(needs->list[VX_CURVE_RANKS - 1], VX_CURVE_RANKS - 1) * pow(rank / VX_CURVE_MOST_RANK, needs->exponent) - 1;
	while (vx_curve_rank[i] < rank)
		i++;
	share = log(rank / vx_curve_rank[i - 1]) / log((double) vx_curve_rank[i] / vx_curve_rank[i - 1]);
	return rank + exp((1 - share) * log(excess(needs->list[i - 1], i - 1)) + share * log(excess(needs->list[i], i))) - 1;
}

double
vx_curve_recall_of(const VxCurve *curve, int place, double list)
{
	double		low = 0;
	double		high = 0.9999;

	/* needs are monotone */
	for (int step = 0; step < 40; step++)
	{
		double		middle = (low + high) / 2;

		if (list_for(curve, place, middle) <= list)
			low = middle;
		else
			high = middle;
	}
	return low;
}
