/*
 * vx_space.h: points and the scores between them, for each metric of the index.
 *
 * A point is what build memory, queues and index pages hold of a vector, its squared norm in front. It has one of several forms
 * (vx_point.h); the space knows which, and is asked about points by all who only hand them on. Which form it is, is a switch: the
 * form of floats comes first everywhere, since its distances must not become slower by the others.
 *
 * Two scores exist, because a search and a graph may want different ones:
 *
 *   query  how far a point is from a query: orders points exactly as the SQL operator does
 *   pair   how far two points are for linking: what the pruning rule takes for a (squared) metric
 *
 *             query                     pair
 *   L2        |q-p|^2                   |a-b|^2
 *   cosine    1 - q.p / (|q||p|)        the same: half the squared L2 distance of the unit vectors; 0 if that is all rounding
 *   L1        sum |q-p|                 the same (a metric, not a squared one: see vx_space_alpha)
 *   Hamming   bits that differ          the same: squared L2 of vectors of zeros and ones
 *   Jaccard   1 - both / either, 1 if   differing / (set in one + set in the other): Sorensen's distance, in the same order, but that
 *             no bit is set in both     equal points are 0 apart where no bit is set, too. The roots of both are distances in a Euclidean
 *                                       space (Gower, Legendre 1986, "Metric and Euclidean properties of dissimilarity coefficients"),
 *                                       but this one is Hamming distance where as many bits are set in all, and is pruned as that is
 *   ip        -q.p                      squared L2 after one added dimension sqrt(M - |x|^2), M the largest squared
 *                                       norm: then nearest neighbour order from a query (added dimension 0) is inner
 *                                       product order. Source: Bachrach et al. 2014, "Speeding up the Xbox recommender
 *                                       system using a Euclidean transformation for inner-product spaces", section 3.
 *                                       Differs: a few vectors may be longer than sqrt(M), see vx_space_added.
 *   sparse    as above                  but for cosine: the distance (squared, but for L1) divided by the sum of both (squared) lengths: from 0 to 2
 *
 * Sparse vectors are nearly at right angles. So by distances alone the shortest is nearer to any than that is to others, and pruning would leave
 * hardly an edge that does not lead to one of the shortest.
 *
 * What is nearest by the pair score of ip is not what a query of the same direction finds: that favours long vectors. Where
 * lengths differ, nodes get edges to both (vx_space_asks_otherwise); by pairs alone searches end among the short vectors. The same is done
 * wherever pairs are relative.
 *
 * Smaller is nearer. Scores are never NaN: NaN (cosine of a zero vector, vectors that are not finite) becomes +infinity.
 *
 * Squares of L2 leave the range of floats where distances are still in it. So a score that is a square s (L2, and pairs of ip) is s
 * itself only between VX_LEAST_SQUARE and VX_MOST_SQUARE. Beyond either bound b it goes on as b * (s / b)^VX_COMPRESSION: in the order of
 * s, and never infinite, and zero only between equal vectors. Which of two compressed scores is so many times the other must be asked with
 * the same power of the factor: VxAlpha.
 */
#ifndef VX_SPACE_H
#define VX_SPACE_H

#include <float.h>
#include <math.h>

#include "core/vx_hash.h"
#include "core/vx_port.h"
#include "distance/vx_bits.h"
#include "distance/vx_distance.h"
#include "distance/vx_point.h"

typedef enum VxMetric
{
	VX_METRIC_L2 = 1,			/* values are on disk: never renumber */
	VX_METRIC_IP = 2,
	VX_METRIC_COSINE = 3,
	VX_METRIC_L1 = 4,
	VX_METRIC_HAMMING = 5,
	VX_METRIC_JACCARD = 6
} VxMetric;

/* What a metric is like. */
typedef struct VxMetricKind
{
	const char *name;			/* in SQL */
	uint32_t	forms;			/* of points that have it: bits 1 << VxForm */
	bool		directions;		/* vectors of one direction are one: what codes are made from has length 1 */
	bool		lengths;		/* the longest vectors matter to linking: VxSpace.max_norm2 */
	bool		coded;			/* codes estimate it; else they estimate L2, which puts vectors in roughly the same order */
} VxMetricKind;

/* The description of a metric; NULL for a number that is none. */
const VxMetricKind *vx_metric_kind(uint32_t metric);

typedef struct VxSpace
{
	VxMetric	metric;
	uint32_t	dim;
	float		max_norm2;		/* ip only: M above, finite */
	VxForm		form;
} VxSpace;

/* No vector of a form has more dimensions. */
#define VX_DENSE_MAX_DIM 16000
#define VX_BITS_MAX_DIM 64000
#define VX_SPARSE_MAX_DIM 1000000000

/* No sparse vector has more non-zeros. */
#define VX_SPARSE_MAX_COUNT 16000

/* Fills a dense point (VX_POINT_BYTES(dim) bytes) from x [dim]. */
void		vx_point_set(VxPoint *point, const float *x, uint32_t dim);

/* Whether there can be such a space: for what comes from a page. */
bool		vx_space_is_valid(const VxSpace *space);

/* Whether points have different lengths. */
static inline bool
vx_space_varies(const VxSpace *space)
{
	return space->form == VX_FORM_SPARSE;
}

/* Bytes of the largest point. */
static inline size_t
vx_space_room(const VxSpace *space)
{
	switch (space->form)
	{
		case VX_FORM_DENSE:
			break;
		case VX_FORM_BITS:
			return VX_BITS_POINT_BYTES(space->dim);
		case VX_FORM_SPARSE:
			return VX_SPARSE_POINT_BYTES(VX_SPARSE_MAX_COUNT);
	}
	return VX_POINT_BYTES(space->dim);
}

/* Bytes of this point; a copy of them is the same point, whatever lies behind it. */
static inline size_t
vx_space_bytes(const VxSpace *space, const VxPoint *point)
{
	return vx_space_varies(space) ? VX_SPARSE_POINT_BYTES(((const VxSparsePoint *) point)->count) : vx_space_room(space);
}

/* The bytes of a point that tell its vector from others: equal ones are of equal vectors, whatever machine made the points. */
static inline const void *
vx_space_identity(const VxSpace *space, const VxPoint *point, size_t *bytes)
{
	*bytes = vx_space_bytes(space, point) - offsetof(VxPoint, x);
	return point->x;
}

/* Whether two points are of one vector, bit by bit: zeros of both signs differ. */
static inline bool
vx_space_same(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	size_t		bytes;
	const void *identity = vx_space_identity(space, a, &bytes);

	return (!vx_space_varies(space) || vx_space_bytes(space, b) == vx_space_bytes(space, a)) && memcmp(identity, b->x, bytes) == 0;
}

/* A hash of that. */
static inline uint32_t
vx_space_hash(const VxSpace *space, const VxPoint *point)
{
	size_t		bytes;
	const void *identity = vx_space_identity(space, point, &bytes);

	return (uint32_t) vx_hash_floats(identity, bytes / sizeof(float));
}

/* Whether a search can tell how near a point is: under cosine a zero vector has no direction, and is not indexed. */
bool		vx_space_has_place(const VxSpace *space, const VxPoint *point);

/* The squared norm of a vector of floats, in double precision: neither zero nor infinite where that of the point is so by its range. */
double		vx_space_wide_norm2(const VxSpace *space, const VxPoint *point);

/* The squared norm of a point's vector, computed anew: infinite if that is too large for a float. */
float		vx_space_norm2(const VxSpace *space, const VxPoint *point);

/* Whether a point is one of its form, and what it keeps of its vector besides is right, but for rounding. */
bool		vx_space_is_sound(const VxSpace *space, const VxPoint *point);

/* The score of a point for a query, by which searches order nodes: see the table at the top. */
float		vx_space_query(const VxSpace *space, const VxPoint *query, const VxPoint *p);

/* The score of two points for each other, by which nodes are linked: see the table at the top. */
float		vx_space_pair(const VxSpace *space, const VxPoint *a, const VxPoint *b);

/* What a vector is divided by where only directions count: its length, else 1. */
float		vx_space_unit_length(const VxSpace *space, const VxPoint *point);

/* Of forms other than dense, a sketch: as many floats at most. */
#define VX_SKETCH_MAX_DIM 2048

/*
 * Whether nodes are linked as well by what codes are made from as by points: where it is as far from each other as they are (VxMetricKind.coded),
 * and in sketches under L1, too, which are of roots.
 */
bool		vx_space_links_as_coded(const VxSpace *space);

/* Dimensions of what codes are made from. */
uint32_t	vx_space_coded_dim(const VxSpace *space);

/*
 * out [vx_space_coded_dim] is what codes are made from, and the order of linking: the vector itself or, where only directions count,
 * the one of length 1 (zero for a zero vector). Of points that are not dense it is a sketch: a linear map into few dimensions, which keeps
 * distances and products roughly. Source: Charikar, Chen, Farach-Colton 2002, "Finding frequent items in data streams", section 3: each
 * dimension is added to one of few sums, with a sign; which sum and sign is as if drawn by lot. Those are never to change: there may be
 * codes on disk. Of non-zeros each is added to a sum in each of SPARSE_PARTS (vx_space.c) parts of the sketch, which then gets the length of
 * the vector; few dimensions are the sketch themselves. Under L1, but for few dimensions, it is made of their roots, signs kept, whose squared
 * distances are much like L1 distances: the same where one of two has a zero.
 */
void		vx_space_coded(const VxSpace *space, const VxPoint *point, float *out);

/* The same, *length times as long, where it lies: a dense point's own floats, or in room [VX_SKETCH_MAX_DIM]. */
const float *vx_space_coded_in(const VxSpace *space, const VxPoint *point, float *room, float *length);

/*
 * ip: the dimension added to a vector, for M and its squared norm. Where that is more than M, longer vectors are farther from
 * the others on the other side of zero. What is beyond all floats counts as the largest of them.
 */
static inline float
vx_space_added(float max_norm2, float norm2)
{
	float		rest = max_norm2 - VX_MIN(norm2, FLT_MAX);

	return copysignf(sqrtf(fabsf(rest)), rest);
}

/*
 * ip: what max_norm2 may be at most where nine tenths of the squared norms are usual_norm2 or less (0: not known). One vector that
 * is long beyond measure would make the added dimensions of all others equal, and the pair score say nothing of their norms.
 */
static inline float
vx_space_norm_bound(float usual_norm2)
{
	return usual_norm2 > 0 && usual_norm2 < FLT_MAX / 16 ? 16 * usual_norm2 : FLT_MAX;
}

/* Whether pair scores are relative to the lengths of both vectors. */
static inline bool
vx_space_pairs_relative(const VxSpace *space)
{
	return space->form == VX_FORM_SPARSE && space->metric != VX_METRIC_COSINE;
}

/*
 * Whether a query at a point of this squared norm finds others than the nearest by pair score: where that is relative; by ip, if there are
 * longer vectors, or may be.
 */
static inline bool
vx_space_asks_otherwise(const VxSpace *space, float norm2)
{
	if (vx_space_pairs_relative(space))
		return true;
	return space->metric == VX_METRIC_IP && (norm2 < 0.9f * space->max_norm2 || norm2 > space->max_norm2);
}

/* The factor by which pair scores are compared in pruning: those that are compressed have their own. */
typedef struct VxAlpha
{
	float		plain;
	float		compressed;
} VxAlpha;

/* For scores of which none is compressed. */
static inline VxAlpha
vx_alpha_of_all(float alpha)
{
	return (VxAlpha)
	{
		.plain = alpha,.compressed = alpha
	};
}

/* The factor for candidates from the nearest to the farthest. Where only some are compressed, these are compared as if they were not: more stay. */
static inline float
vx_alpha_among(const VxAlpha *alpha, float nearest, float farthest)
{
	return farthest < VX_LEAST_SQUARE || nearest > VX_MOST_SQUARE ? alpha->compressed : alpha->plain;
}

/*
 * That of a space, given alpha as it applies to squared distances (as DiskANN's own code applies it): L1 scores are not squared, so alpha
 * enters by its square root.
 */
VxAlpha		vx_space_alpha(const VxSpace *space, float alpha);

/*
 * How far the operator's value for a dense vector of that squared norm may be from its value for the same in halves (vx_half_from_scaled), given
 * its own norm. Infinite where norms are out of the range of floats.
 */
double		vx_space_half_error(const VxSpace *space, const VxPoint *query, float norm2);

/* The same for all that are within a distance of the query; under inner product, for those that are not longer than most (max_norm2). */
double		vx_space_half_error_within(const VxSpace *space, const VxPoint *query, double distance);

/*
 * The value of the SQL operator, as the SQL function computes it: <-> is the root of the L2 score, or finer where that is out of range,
 * <=> keeps double precision where the score is a float. Never NaN.
 */
double		vx_space_operator(const VxSpace *space, const VxPoint *query, const VxPoint *p);

#endif							/* VX_SPACE_H */
