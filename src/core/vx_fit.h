/*
 * vx_fit.h: what estimates are worth: a straight line from estimated to exact values, fitted as pairs of them come, and how far
 * exact values lie from it.
 *
 * A search learns an exact distance with every node that it reads. Fitting, rather than subtracting, lets the two be on different
 * scales (codes estimate squared L2, the operator is its root, or L1), and expects of the smallest estimates what is true of them:
 * that they are rather too small. Old pairs fade, since the line is wanted for distances at which the search is now.
 */
#ifndef VX_FIT_H
#define VX_FIT_H

#include <math.h>

#include "core/vx_port.h"

/* About how many of the last pairs count, and how many it takes to say anything. */
#define VX_FIT_MEMORY 256
#define VX_FIT_LEAST 8

/* By how many standard deviations estimates are mistrusted. */
#define VX_FIT_DEVIATIONS 4.0

typedef struct VxFit
{
	double		n;				/* pairs, at most VX_FIT_MEMORY */
	double		mean_x;			/* of estimates */
	double		mean_y;			/* of exact values */
	double		xx;				/* mean squares and product of the deviations from these */
	double		xy;
	double		yy;
} VxFit;

/* Takes a pair in. What is not finite teaches nothing. */
static inline void
vx_fit_add(VxFit *fit, double estimate, double exact)
{
	double		dx = estimate - fit->mean_x;
	double		dy = exact - fit->mean_y;
	double		share;

	if (!isfinite(estimate) || !isfinite(exact))
		return;
	fit->n = VX_MIN(fit->n + 1, VX_FIT_MEMORY);
	share = 1 / fit->n;
	fit->mean_x += share * dx;
	fit->mean_y += share * dy;
	fit->xx += share * ((1 - share) * dx * dx - fit->xx);
	fit->xy += share * ((1 - share) * dx * dy - fit->xy);
	fit->yy += share * ((1 - share) * dy * dy - fit->yy);
}

/*
 * Below what no exact value is expected where estimates are at least this high. -infinity where too little is known.
 */
static inline double
vx_fit_lower(const VxFit *fit, double estimate)
{
	double		slope = fit->xx > 0 ? VX_MAX(fit->xy / fit->xx, 0) : 0;
	double		rest = VX_MAX(fit->yy - slope * fit->xy, 0);

	if (fit->n < VX_FIT_LEAST)
		return -INFINITY;
	/* two of the pairs made the line */
	return fit->mean_y + slope * (estimate - fit->mean_x) - VX_FIT_DEVIATIONS * sqrt(rest * fit->n / (fit->n - 2));
}

#endif							/* VX_FIT_H */
