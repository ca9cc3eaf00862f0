/*
 * vx_distance_avx512.c: kernels for x86-64 with AVX-512 F, BW, DQ and VL (compiled with these).
 */
#include "distance/vx_distance_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VEC __m512
#define VEC_FLOATS 16
#define VX_TABLE vx_kernels_avx512
#define VX_NAME "avx512"

#define v_zero() _mm512_setzero_ps()
#define v_load(p) _mm512_loadu_ps(p)
#define v_load_part(p, n) _mm512_maskz_loadu_ps((__mmask16) ((1u << (n)) - 1), p)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_abs(a) _mm512_abs_ps(a)
#define v_sum(a) _mm512_reduce_add_ps(a)

#include "distance/vx_distance_template.h"

#endif
