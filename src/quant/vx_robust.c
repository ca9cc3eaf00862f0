/*
 * vx_robust.c: see vx_robust.h.
 *
 * The mean is found in two steps, of which the first only tells what is wild: the median of each dimension, which withstands
 * almost half of wild vectors but is a poor centre of skewed or clustered ones, and then the mean of what is not far from there.
 * Sources: Huber 1964, "Robust estimation of a location parameter"; Lopuhaa, Rousseeuw 1991, "Breakdown points of affine equivariant
 * estimators", for estimating again after rejecting by distance.
 */
#include "quant/vx_robust.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/vx_select.h"
#include "distance/vx_distance.h"

#define SAMPLE_BYTES ((size_t) 4 << 20)
#define LEAST_SAMPLE 256
#define MOST_SAMPLE 2048

/* Vectors count that are at most so many times as far away as nine tenths of all. */
#define REACH 2

/* Numbers count as at most so many times what nine tenths of them do not exceed. */
#define HIGHEST 2

uint32_t
vx_robust_sample(uint32_t dim)
{
	return (uint32_t) VX_MAX(LEAST_SAMPLE, VX_MIN(MOST_SAMPLE, SAMPLE_BYTES / (dim * sizeof(float))));
}

static const float *
row_of(const VxSample *sample, uint32_t i)
{
	return sample->rows + (size_t) i * sample->dim;
}

static float
distance(const float *a, const float *b, uint32_t dim)
{
	return vx_to_finite(sqrt(vx_wide_l2_squared(a, b, dim)));
}

/* The median of each dimension; scratch [count]. */
static void
medians(const VxSample *sample, float *scratch, float *out)
{
	for (uint32_t k = 0; k < sample->dim; k++)
	{
		for (uint32_t i = 0; i < sample->count; i++)
			scratch[i] = row_of(sample, i)[k];
		out[k] = vx_select(scratch, sample->count, (sample->count - 1) / 2);
	}
}

double
vx_robust_mean(const VxMem *mem, const VxSample *sample, float *mean)
{
	uint32_t	dim = sample->dim;
	uint32_t	n = sample->count;
	uint32_t	kept = 0;
	float	   *away;
	float	   *scratch;
	double	   *sum;
	double		spread = 0;
	float		bound;

	memset(mean, 0, dim * sizeof(float));
	if (n == 0)
		return 0;
	away = vx_alloc_array(mem, n, sizeof(float));
	scratch = vx_alloc_array(mem, n, sizeof(float));
	sum = vx_alloc_array(mem, dim, sizeof(double));
	memset(sum, 0, dim * sizeof(double));

	medians(sample, scratch, mean);
	for (uint32_t i = 0; i < n; i++)
		away[i] = distance(row_of(sample, i), mean, dim);
	memcpy(scratch, away, n * sizeof(float));
	bound = REACH * vx_select(scratch, n, (uint32_t) ((uint64_t) n * 9 / 10));
	for (uint32_t i = 0; i < n; i++)
		if (away[i] <= bound)
		{
			kept++;
			for (uint32_t k = 0; k < dim; k++)
				sum[k] += (double) row_of(sample, i)[k];
		}
	for (uint32_t k = 0; k < dim; k++)
		mean[k] = (float) (sum[k] / kept);
	for (uint32_t i = 0; i < n; i++)
		if (away[i] <= bound)
		{
			double		length = (double) distance(row_of(sample, i), mean, dim);

			spread += length * length;
		}
	vx_free(mem, away);
	vx_free(mem, scratch);
	vx_free(mem, sum);
	return spread / kept;
}

/* ---- numbers ---- */

/* Eight buckets from one power of two to the next. */
static inline uint32_t
value_bucket(float value)
{
	uint32_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits >> 20;
}

void
vx_robust_begin(VxRobustSum *sum)
{
	memset(sum, 0, sizeof(*sum));
}

void
vx_robust_add(VxRobustSum *sum, float value)
{
	uint32_t	bucket;

	if (isnan(value))
		value = INFINITY;
	/* without the sign of minus zero */
	bucket = value_bucket(value > 0 ? value : 0);
	sum->count[bucket]++;
	sum->sum[bucket] += (double) value;
	sum->total++;
	sum->largest = VX_MAX(sum->largest, value);
}

double
vx_robust_quantile(const VxRobustSum *sum, double share)
{
	uint64_t	place = sum->total == 0 ? 0 : (uint64_t) ((double) (sum->total - 1) * share);
	uint64_t	below = 0;
	uint32_t	bucket = 0;

	if (sum->total == 0)
		return 0;
	while (below + sum->count[bucket] <= place)
		below += sum->count[bucket++];
	return sum->sum[bucket] / (double) sum->count[bucket];
}

double
vx_robust_result(const VxRobustSum *sum)
{
	double		highest;
	double		result = 0;

	if (sum->total == 0)
		return 0;
	highest = HIGHEST * vx_robust_quantile(sum, 0.9);
	/* nearly all are zero: then nothing is known of the others but they themselves */
	if (!(highest > 0))
		highest = INFINITY;
	for (uint32_t i = 0; i < VX_ROBUST_BUCKETS; i++)
		if (sum->count[i] > 0)
			result += (double) sum->count[i] * fmin(sum->sum[i] / (double) sum->count[i], highest);
	return result / (double) sum->total;
}
