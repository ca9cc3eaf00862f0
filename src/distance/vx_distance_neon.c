/*
 * vx_distance_neon.c: kernels for 64-bit ARM, where NEON is always present.
 */
#include "distance/vx_distance_impl.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#define VEC float32x4_t
#define VEC_FLOATS 4
#define VX_TABLE vx_kernels_neon
#define VX_NAME "neon"

#define v_zero() vdupq_n_f32(0)
#define v_load(p) vld1q_f32(p)
#define v_sub(a, b) vsubq_f32(a, b)
#define v_add(a, b) vaddq_f32(a, b)
#define v_fma(a, b, c) vfmaq_f32(c, a, b)
#define v_abs(a) vabsq_f32(a)
#define v_sum(a) vaddvq_f32(a)

static inline float32x4_t
v_load_part(const float *p, size_t n)
{
	float		part[4] = {0, 0, 0, 0};

	memcpy(part, p, n * sizeof(float));
	return vld1q_f32(part);
}

#include "distance/vx_distance_template.h"

#endif
