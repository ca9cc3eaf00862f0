/*
 * vx_line.h: what estimates are worth: a straight line from estimated to exact values, drawn as pairs of them come, and how far
 * exact values lie from it.
 *
 * A search learns an exact distance with every node that it reads. A line, rather than a difference, lets the two be on different
 * scales (codes estimate squared L2, the operator is its root, or L1), and expects of the smallest estimates what is true of them:
 * that they are rather too small. Old pairs fade, since the line is wanted for distances at which the search is now.
 */
#ifndef VX_LINE_H
#define VX_LINE_H

#include <math.h>

#include "core/vx_port.h"

/* About how many of the last pairs count, and how many it takes to say anything. */
#define VX_LINE_MEMORY 256
#define VX_LINE_LEAST 8

/* By how many standard deviations estimates are mistrusted. */
#define VX_LINE_DEVIATIONS 4.0

typedef struct VxLine
{
	double		n;				/* pairs, at most VX_LINE_MEMORY */
	double		mean_x;			/* of estimates */
	double		mean_y;			/* of exact values */
	double		xx;				/* mean squares and product of the deviations from these */
	double		xy;
	double		yy;
} VxLine;

/* Takes a pair in. What is not finite teaches nothing. */
static inline void
vx_line_add(VxLine *line, double estimate, double exact)
{
	double		dx = estimate - line->mean_x;
	double		dy = exact - line->mean_y;
	double		share;

	if (!isfinite(estimate) || !isfinite(exact))
		return;
	line->n = VX_MIN(line->n + 1, VX_LINE_MEMORY);
	share = 1 / line->n;
	line->mean_x += share * dx;
	line->mean_y += share * dy;
	line->xx += share * ((1 - share) * dx * dx - line->xx);
	line->xy += share * ((1 - share) * dx * dy - line->xy);
	line->yy += share * ((1 - share) * dy * dy - line->yy);
}

static inline double
vx_line_slope(const VxLine *line)
{
	return line->xx > 0 ? VX_MAX(line->xy / line->xx, 0) : 0;
}

/* What an estimate stands for. -infinity where too little is known, as of estimates that are not finite. */
static inline double
vx_line_exact(const VxLine *line, double estimate)
{
	if (line->n < VX_LINE_LEAST || !isfinite(estimate))
		return -INFINITY;
	return line->mean_y + vx_line_slope(line) * (estimate - line->mean_x);
}

/* Below what no exact value is expected where estimates are at least this high. -infinity as above. */
static inline double
vx_line_lower(const VxLine *line, double estimate)
{
	double		rest = VX_MAX(line->yy - vx_line_slope(line) * line->xy, 0);

	if (line->n < VX_LINE_LEAST)
		return -INFINITY;
	/* two of the pairs made the line */
	return vx_line_exact(line, estimate) - VX_LINE_DEVIATIONS * sqrt(rest * line->n / (line->n - 2));
}

#endif							/* VX_LINE_H */
