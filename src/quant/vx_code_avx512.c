/*
 * vx_code_avx512.c: code kernels for x86-64 with AVX-512 F, BW, VL and VNNI (compiled with these).
 */
#include "quant/vx_code_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VEC __m512i
#define VEC_BYTES 64
#define VX_TABLE vx_code_kernels_avx512
#define VX_NAME "avx512"

#define v_zero() _mm512_setzero_si512()
#define v_load(p) _mm512_loadu_si512(p)
#define v_level(v, shift, mask) _mm512_and_si512(_mm512_srli_epi16(v, shift), _mm512_set1_epi8(mask))
#define v_add(a, b) _mm512_add_epi32(a, b)
#define v_dot(sum, levels, query) _mm512_dpbusd_epi32(sum, levels, query)
#define v_sum(v) _mm512_reduce_add_epi32(v)

#include "quant/vx_code_template.h"

#endif
