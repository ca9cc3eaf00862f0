/*
 * vx_distance.h: distance kernels over float32 arrays, chosen once for the processor.
 *
 * All functions take arrays of n floats, aligned as float is (no more is needed; n may be 0), that do not change during
 * the call; nothing outside them is read, and there are no side effects.
 *
 * Sums are of single precision. One that leaves its range is computed again in double precision, which has room for all sums of
 * floats, and rounded: the result for finite inputs is never NaN, and infinite only if what it stands for is beyond FLT_MAX.
 *
 * Within one kernel table a result depends on the values alone, not on where they lie, and l2_squared, inner_product and
 * l1 give the same bits for (a, b) and (b, a). Between tables the order of additions differs, and with it the last bits.
 *
 * Bit rule: within one kernel table, cosine_parts() gives exactly the floats that inner_product() and norm_squared()
 * give, so a caller may keep a vector's norm and still agree with the operator to the last bit.
 */
#ifndef VX_DISTANCE_H
#define VX_DISTANCE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct VxKernels
{
	const char *name;			/* "scalar", "avx2", "avx512", "neon" */
	float		(*l2_squared) (const float *a, const float *b, size_t n);	/* sum (a-b)^2 */
	float		(*inner_product) (const float *a, const float *b, size_t n);	/* sum a*b */
	float		(*l1) (const float *a, const float *b, size_t n);	/* sum |a-b| */
	float		(*l2_score) (const float *a, const float *b, size_t n); /* of l2_squared: see vx_space.h */
	float		(*norm_squared) (const float *a, size_t n); /* sum a*a */
	void		(*cosine_parts) (const float *a, const float *b, size_t n,
								 float *dot, float *norm2_a, float *norm2_b);	/* all three in one pass */
} VxKernels;

/* The table in use. Points to the scalar kernels until vx_kernels_select() has run, so it is never NULL. */
extern const VxKernels *vx_kernels;

/* Chooses the fastest table that this processor runs; called once when the library is loaded. Returns the choice. */
const VxKernels *vx_kernels_select(void);

/* For tests and benchmarks: the i-th table that this processor can run (0 is scalar), or NULL past the last. */
const VxKernels *vx_kernels_available(int i);

/* The squared L2 distance, in double precision from the first element on, slowly. */
double		vx_wide_l2_squared(const float *a, const float *b, size_t n);

/* The same for the inner product. */
double		vx_wide_inner_product(const float *a, const float *b, size_t n);

/* The same for the cosine of the angle; rounding may take it out of [-1, 1]. */
double		vx_wide_cosine_similarity(const float *a, const float *b, size_t n);

/* What is beyond all floats counts as the largest of them, and so does NaN. */
static inline float
vx_to_finite(double x)
{
	return x < (double) FLT_MAX ? (float) x : FLT_MAX;
}

/*
 * The bounds of squares that are scores themselves, and the power by which others are compressed: the rule is in vx_space.h. Squares
 * of distances between any floats, 1e-90 to 1e82, become 1e-38 to 1e37: no denormals, which are less precise, and still finite when pruning
 * multiplies them.
 */
#define VX_LEAST_SQUARE 1e-30f
#define VX_MOST_SQUARE 1e30f
#define VX_COMPRESSION 0.125

static inline bool
vx_square_is_plain(float square)
{
	return __builtin_expect(square >= VX_LEAST_SQUARE && square <= VX_MOST_SQUARE, true);
}

/* The score of sum (a-b)^2 + added, where that is not plain. Slow. Infinite only if it is NaN. */
float		vx_wide_square_score(const float *a, const float *b, size_t n, float added);

/* Below this, squares are lost to a squared norm because single precision has no room for them. */
#define VX_LEAST_NORM2 1e-30f

/*
 * The Euclidean distance of a and b, from what l2_squared() gives. Where its square leaves the range of floats it is computed again:
 * it is zero only between equal vectors, and infinite only if it is too large for a float itself.
 */
static inline double
vx_l2_distance(const float *a, const float *b, size_t n, float l2_squared)
{
	double		distance;

	if (l2_squared >= VX_LEAST_NORM2 && l2_squared <= FLT_MAX)
		return sqrt((double) l2_squared);
	distance = sqrt(vx_wide_l2_squared(a, b, n));
	return distance > (double) FLT_MAX ? (double) INFINITY : distance;
}

/*
 * The cosine of the angle between a and b, in [-1, 1], from what cosine_parts() gives. NaN if either is a zero vector. Lengths do
 * not matter: if a square of them leaves the range of floats, the parts are computed again.
 */
static inline double
vx_cosine_similarity(const float *a, const float *b, size_t n, float dot, float norm2_a, float norm2_b)
{
	double		similarity;

	if (norm2_a >= VX_LEAST_NORM2 && norm2_a <= FLT_MAX && norm2_b >= VX_LEAST_NORM2 && norm2_b <= FLT_MAX)
		similarity = (double) dot / sqrt((double) norm2_a * (double) norm2_b);
	else
		similarity = vx_wide_cosine_similarity(a, b, n);
	/* rounding may leave the range; NaN passes both tests */
	if (similarity > 1)
		return 1;
	if (similarity < -1)
		return -1;
	return similarity;
}

#endif							/* VX_DISTANCE_H */
