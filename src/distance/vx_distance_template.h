/*
 * vx_distance_template.h: the kernels over vector registers, written once for all instruction sets.
 *
 * The including file defines
 *   VEC           a register of VEC_FLOATS floats
 *   v_zero() v_load(p) v_load_part(p, n) v_sub(a, b) v_add(a, b) v_fma(a, b, c) = a*b+c, v_abs(a), v_sum(a)
 *   VX_TABLE      the name of the table, and VX_NAME its string
 * v_load_part reads n < VEC_FLOATS floats and nothing beyond, the rest is zero.
 *
 * Four accumulators hide the latency of the fused multiply-add. Every sum has the same shape, so cosine_parts gives the
 * very floats that the single sums give (the bit rule of vx_distance.h).
 */
#include <string.h>

/* sum = one sum over a and b, STEP being the accumulation of one register. */
#define VX_SUM(STEP) \
	do { \
		VEC			s0 = v_zero(), s1 = v_zero(), s2 = v_zero(), s3 = v_zero(); \
		size_t		i = 0; \
		for (; i + 4 * VEC_FLOATS <= n; i += 4 * VEC_FLOATS) \
		{ \
			s0 = STEP(s0, v_load(a + i), v_load(b + i)); \
			s1 = STEP(s1, v_load(a + i + VEC_FLOATS), v_load(b + i + VEC_FLOATS)); \
			s2 = STEP(s2, v_load(a + i + 2 * VEC_FLOATS), v_load(b + i + 2 * VEC_FLOATS)); \
			s3 = STEP(s3, v_load(a + i + 3 * VEC_FLOATS), v_load(b + i + 3 * VEC_FLOATS)); \
		} \
		for (; i + VEC_FLOATS <= n; i += VEC_FLOATS) \
			s0 = STEP(s0, v_load(a + i), v_load(b + i)); \
		if (i < n) \
			s1 = STEP(s1, v_load_part(a + i, n - i), v_load_part(b + i, n - i)); \
		sum = v_sum(v_add(v_add(s0, s1), v_add(s2, s3))); \
	} while (0)

static inline VEC
step_l2(VEC sum, VEC x, VEC y)
{
	VEC			d = v_sub(x, y);

	return v_fma(d, d, sum);
}

static inline VEC
step_dot(VEC sum, VEC x, VEC y)
{
	return v_fma(x, y, sum);
}

static inline VEC
step_l1(VEC sum, VEC x, VEC y)
{
	return v_add(sum, v_abs(v_sub(x, y)));
}

static float
l2_squared(const float *a, const float *b, size_t n)
{
	float		sum;

	VX_SUM(step_l2);
	return sum;
}

static float
inner_product(const float *a, const float *b, size_t n)
{
	float		sum;

	VX_SUM(step_dot);
	return vx_settle_inner_product(sum, a, b, n);
}

static float
l1(const float *a, const float *b, size_t n)
{
	float		sum;

	VX_SUM(step_l1);
	return sum;
}

static float
l2_score(const float *a, const float *b, size_t n)
{
	float		sum;

	VX_SUM(step_l2);
	return vx_settle_square(sum, a, b, n);
}

static float
norm_squared(const float *a, size_t n)
{
	return inner_product(a, a, n);
}

/* One register of cosine_parts into the accumulators number K. */
#define VX_COSINE_STEP(K, LOAD_X, LOAD_Y) \
	do { \
		VEC			x = LOAD_X; \
		VEC			y = LOAD_Y; \
		dot##K = step_dot(dot##K, x, y); \
		aa##K = step_dot(aa##K, x, x); \
		bb##K = step_dot(bb##K, y, y); \
	} while (0)

/*
 * The accumulators have names and are no array: gcc 12 clears the array on the stack, which made short vectors twice as
 * dear with AVX-512 (bench/kernels).
 */
static void
cosine_parts(const float *a, const float *b, size_t n, float *dot, float *norm2_a, float *norm2_b)
{
	VEC			dot0 = v_zero(), dot1 = v_zero(), dot2 = v_zero(), dot3 = v_zero();
	VEC			aa0 = v_zero(), aa1 = v_zero(), aa2 = v_zero(), aa3 = v_zero();
	VEC			bb0 = v_zero(), bb1 = v_zero(), bb2 = v_zero(), bb3 = v_zero();
	size_t		i = 0;

	for (; i + 4 * VEC_FLOATS <= n; i += 4 * VEC_FLOATS)
	{
		VX_COSINE_STEP(0, v_load(a + i), v_load(b + i));
		VX_COSINE_STEP(1, v_load(a + i + VEC_FLOATS), v_load(b + i + VEC_FLOATS));
		VX_COSINE_STEP(2, v_load(a + i + 2 * VEC_FLOATS), v_load(b + i + 2 * VEC_FLOATS));
		VX_COSINE_STEP(3, v_load(a + i + 3 * VEC_FLOATS), v_load(b + i + 3 * VEC_FLOATS));
	}
	for (; i + VEC_FLOATS <= n; i += VEC_FLOATS)
		VX_COSINE_STEP(0, v_load(a + i), v_load(b + i));
	if (i < n)
		VX_COSINE_STEP(1, v_load_part(a + i, n - i), v_load_part(b + i, n - i));
	*dot = v_sum(v_add(v_add(dot0, dot1), v_add(dot2, dot3)));
	*norm2_a = v_sum(v_add(v_add(aa0, aa1), v_add(aa2, aa3)));
	*norm2_b = v_sum(v_add(v_add(bb0, bb1), v_add(bb2, bb3)));
	*dot = vx_settle_inner_product(*dot, a, b, n);
}

const VxKernels VX_TABLE = {
	.name = VX_NAME,
	.l2_squared = l2_squared,
	.inner_product = inner_product,
	.l1 = l1,
	.l2_score = l2_score,
	.norm_squared = norm_squared,
	.cosine_parts = cosine_parts,
};
