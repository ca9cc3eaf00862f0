/*
 * vx_curve.h: how long the list of a search must be, so that it finds a given share of the nearest rows.
 *
 * A curve has the list sizes that some recalls want at the ranks 1, 10 and 100: recall of 0.98 at rank 10 is that of the ten nearest 98 in a
 * hundred are found, on average over queries. It is measured (graph/vx_calibrate.h), and kept in the meta page of an index. What one recall
 * wants of it are its needs: list sizes at those ranks, between which they are interpolated, and beyond which they are continued.
 */
#ifndef VX_CURVE_H
#define VX_CURVE_H

#include "core/vx_port.h"

#define VX_CURVE_RANKS 3
#define VX_CURVE_RECALLS 8

/* The most rank of these: so many nearest rows of a query are looked for when a curve is measured. */
#define VX_CURVE_MOST_RANK 100

/* Of list sizes the logarithm is kept of what they have more than their rank, and one (vx_curve_pack); zero: not measured. Any bytes are a curve. */
typedef struct VxCurve
{
	uint8_t		list[VX_CURVE_RANKS][VX_CURVE_RECALLS];
} VxCurve;

/* What those of a curve are: ascending. */
extern const uint32_t vx_curve_rank[VX_CURVE_RANKS];
extern const double vx_curve_recall[VX_CURVE_RECALLS];

static inline bool
vx_curve_is_measured(const VxCurve *curve)
{
	return curve->list[0][0] != 0;
}

/* A list size for the rank at that place of vx_curve_rank, at least the rank, as a curve has it, rounded up, and back. The largest stands for all beyond. */
uint8_t		vx_curve_pack(int place, double list);
double		vx_curve_unpack(int place, uint8_t packed);

/* What a recall needs. */
typedef struct VxListNeeds
{
	double		list[VX_CURVE_RANKS];	/* at vx_curve_rank; 0: not known */
	double		exponent;		/* beyond the largest rank: that by which what a list has more than its rank grows with it */
	uint32_t	usual;			/* lists are no shorter than those of a search that begins with this size; 0: as short as may be */
} VxListNeeds;

static inline bool
vx_needs_are_known(const VxListNeeds *needs)
{
	return needs->list[0] > 0;
}

/* The needs of a recall (above 0, below 1) by a curve that is measured. */
VxListNeeds vx_curve_needs(const VxCurve *curve, double recall);

/* The list size at a rank, at least that rank; the needs are known. */
double		vx_needs_list(const VxListNeeds *needs, double rank);

/* The recall that a list of this size has for the rank at that place, by a curve that is measured; as far as that knows. */
double		vx_curve_recall_of(const VxCurve *curve, int place, double list);

#endif							/* VX_CURVE_H */
