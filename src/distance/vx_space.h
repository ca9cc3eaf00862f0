/*
 * vx_space.h: points and the scores between them, for each metric of the index.
 *
 * A point is a vector with its squared norm kept in front of it, the form in which build memory and index pages hold
 * vectors. Two scores exist, because a search and a graph may want different ones:
 *
 *   query  how far a point is from a query: orders points exactly as the SQL operator does
 *   pair   how far two points are for linking: what the pruning rule takes for a (squared) metric
 *
 *             query                     pair
 *   L2        |q-p|^2                   |a-b|^2
 *   cosine    1 - q.p / (|q||p|)        the same: half the squared L2 distance of the unit vectors
 *   L1        sum |q-p|                 the same (a metric, not a squared one: see vx_space_alpha)
 *   ip        -q.p                      squared L2 after one added dimension sqrt(M - |x|^2), M the largest squared
 *                                       norm: then nearest neighbour order from a query (added dimension 0) is inner
 *                                       product order. Source: Bachrach et al. 2014, "Speeding up the Xbox recommender
 *                                       system using a Euclidean transformation for inner-product spaces", section 3.
 *
 * What is nearest by the pair score of ip is not what a query of the same direction finds: that favours long vectors. Where
 * lengths differ, nodes get edges to both (vx_space_asks_otherwise); by pairs alone searches end among the short vectors.
 *
 * Smaller is nearer. Scores are never NaN: NaN (cosine of a zero vector, vectors that are not finite) becomes +infinity.
 */
#ifndef VX_SPACE_H
#define VX_SPACE_H

#include <math.h>

#include "core/vx_port.h"
#include "distance/vx_distance.h"

typedef enum VxMetric
{
	VX_METRIC_L2 = 1,			/* values are on disk: never renumber */
	VX_METRIC_IP = 2,
	VX_METRIC_COSINE = 3,
	VX_METRIC_L1 = 4
} VxMetric;

typedef struct VxPoint
{
	float		norm2;			/* squared norm, as vx_kernels->norm_squared gives it */
	float		x[];			/* [dim] */
} VxPoint;

typedef struct VxSpace
{
	VxMetric	metric;
	uint32_t	dim;
	float		max_norm2;		/* ip only: M above; points with a larger norm count as having it */
} VxSpace;

#define VX_POINT_BYTES(dim) (sizeof(float) * (1 + (size_t) (dim)))

/* Fills point (VX_POINT_BYTES(dim) bytes) from x [dim]. */
void		vx_point_set(VxPoint *point, const float *x, uint32_t dim);

float		vx_space_query(const VxSpace *space, const VxPoint *query, const VxPoint *p);
float		vx_space_pair(const VxSpace *space, const VxPoint *a, const VxPoint *b);

/* What a vector of this squared norm is multiplied with where only directions count: under cosine its length is 1 then. */
static inline float
vx_space_unit_scale(VxMetric metric, float norm2)
{
	return metric == VX_METRIC_COSINE && norm2 > 0 ? 1 / sqrtf(norm2) : 1;
}

/* Whether a query at a point of this squared norm finds others than the nearest by pair score: ip, and there are longer vectors. */
static inline bool
vx_space_asks_otherwise(const VxSpace *space, float norm2)
{
	return space->metric == VX_METRIC_IP && norm2 < 0.9f * space->max_norm2;
}

/*
 * The factor by which pair scores are compared in pruning, given alpha as it applies to squared distances (as DiskANN's
 * own code applies it): L1 scores are not squared, so alpha enters by its square root.
 */
float		vx_space_alpha(const VxSpace *space, float alpha);

/*
 * The value of the SQL operator, as the SQL function computes it: <-> is the root of the L2 score, <=> keeps double
 * precision where the score is a float. Never NaN.
 */
double		vx_space_operator(const VxSpace *space, const VxPoint *query, const VxPoint *p);

#endif							/* VX_SPACE_H */
