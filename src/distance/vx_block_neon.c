/*
 * vx_block_neon.c: block kernels for 64-bit ARM, where NEON is always present.
 */
#include "distance/vx_block_table.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define VEC float32x4_t
#define VEC_FLOATS 4
#define WIDE_ROWS 12
#define VX_TABLE vx_block_kernels_neon
#define VX_NAME "neon"

#define v_zero() vdupq_n_f32(0)
#define v_load(p) vld1q_f32(p)
#define v_store(p, a) vst1q_f32(p, a)
#define v_set(x) vdupq_n_f32(x)
#define v_add(a, b) vaddq_f32(a, b)
#define v_fma(a, b, c) vfmaq_f32(c, a, b)

static inline uint32_t
v_not_less(float32x4_t a, float32x4_t b)
{
	static const uint32_t bits[4] = {1, 2, 4, 8};

	return vaddvq_u32(vbicq_u32(vld1q_u32(bits), vcltq_f32(a, b)));
}

#include "distance/vx_block_template.h"

#endif
