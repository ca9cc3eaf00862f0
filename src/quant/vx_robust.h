/*
 * vx_robust.h: estimates of where most values lie, and how widely, that a few wild ones cannot move.
 *
 * A mean is wherever its largest value wants it to be: one vector of a million that is long enough makes the codes of all others
 * useless, if codes are relative to the mean. These estimates stay where they are while fewer than a tenth of the values are wild.
 * Of values that have a tail but none that is wild they are the mean, or nearly.
 */
#ifndef VX_ROBUST_H
#define VX_ROBUST_H

#include "core/vx_mem.h"
#include "quant/vx_sample.h"

/* How large a sample of vectors is worth having: of the spread around it, the error of a mean is a small part by then. */
uint32_t	vx_robust_sample(uint32_t dim);

/*
 * mean [dim] of a sample of finite vectors without those that lie much farther from the middle of all than nine tenths of them do.
 * Returns the mean squared distance of the others from it. Of an empty sample the mean is zero.
 */
double		vx_robust_mean(const VxMem *mem, const VxSample *sample, float *mean);

/* Numbers from 0 to infinity that come one after the other, counted by size. */
#define VX_ROBUST_BUCKETS 2048

typedef struct VxRobustSum
{
	uint64_t	count[VX_ROBUST_BUCKETS];
	double		sum[VX_ROBUST_BUCKETS];
	uint64_t	total;			/* of count */
	float		largest;
} VxRobustSum;

/* Begins a sum, of no numbers. */
void		vx_robust_begin(VxRobustSum *sum);

/* Adds a number; NaN counts as infinity. */
void		vx_robust_add(VxRobustSum *sum, float value);

/* What a share of the numbers, from 0 to 1, does not exceed, give or take a sixteenth of it; subnormal numbers are as one. 0 if there are none. */
double		vx_robust_quantile(const VxRobustSum *sum, double share);

/* The mean of the numbers, of which each counts as at most twice what nine tenths of them do not exceed. 0 if there are none. */
double		vx_robust_result(const VxRobustSum *sum);

#endif							/* VX_ROBUST_H */
