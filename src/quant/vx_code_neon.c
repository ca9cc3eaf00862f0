/*
 * vx_code_neon.c: code kernels for 64-bit ARM (baseline NEON, no dot-product extension needed).
 */
#include "quant/vx_code_kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define VEC_BYTES 16
#define VX_TABLE vx_code_kernels_neon
#define VX_NAME "neon"

/* sums are 32-bit lanes, bytes are bytes: one register type for both keeps the template simple */
#define VEC uint8x16_t
#define v_zero() vdupq_n_u8(0)
#define v_load(p) vld1q_u8((const uint8_t *) (p))
#define v_level(v, shift, mask) vandq_u8(vshlq_u8(v, vdupq_n_s8((int8_t) -(shift))), vdupq_n_u8((uint8_t) (mask)))

static inline VEC
v_dot(VEC sum, VEC levels, VEC query)
{
	int8x16_t	l = vreinterpretq_s8_u8(levels);
	int8x16_t	q = vreinterpretq_s8_u8(query);
	int16x8_t	low = vmull_s8(vget_low_s8(l), vget_low_s8(q));
	int16x8_t	high = vmull_s8(vget_high_s8(l), vget_high_s8(q));
	int32x4_t	s = vreinterpretq_s32_u8(sum);

	return vreinterpretq_u8_s32(vpadalq_s16(vpadalq_s16(s, low), high));
}

static inline int32_t
v_sum(VEC v)
{
	return vaddvq_s32(vreinterpretq_s32_u8(v));
}

static inline void
v_sum4(VEC a, VEC b, VEC c, VEC d, int32_t *out)
{
	int32x4_t	ab = vpaddq_s32(vreinterpretq_s32_u8(a), vreinterpretq_s32_u8(b));
	int32x4_t	cd = vpaddq_s32(vreinterpretq_s32_u8(c), vreinterpretq_s32_u8(d));

	vst1q_s32(out, vpaddq_s32(ab, cd));
}

#include "quant/vx_code_template.h"

#endif
