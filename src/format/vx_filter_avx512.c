/*
 * vx_filter_avx512.c: filter kernels for x86-64 with AVX-512 F, BW and VL (compiled with these), whose comparisons give bits.
 */
#include "format/vx_filter.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VEC __m512i
#define VEC_BYTES 64
#define VX_TABLE vx_filter_kernels_avx512
#define VX_NAME "avx512"

#define v_load(p) _mm512_loadu_si512(p)
#define v_set(x, width) ((width) == 4 ? _mm512_set1_epi32((int) (uint32_t) (x)) : _mm512_set1_epi64((long long) (x)))
#define v_sub(a, b, width) ((width) == 4 ? _mm512_sub_epi32(a, b) : _mm512_sub_epi64(a, b))
#define v_and(a, b) _mm512_and_si512(a, b)
#define v_le(a, b, width) ((width) == 4 ? (uint32_t) _mm512_cmple_epu32_mask(a, b) : (uint32_t) _mm512_cmple_epu64_mask(a, b))
#define v_eq(a, b, width) ((width) == 4 ? (uint32_t) _mm512_cmpeq_epi32_mask(a, b) : (uint32_t) _mm512_cmpeq_epi64_mask(a, b))

#include "format/vx_filter_template.h"

#endif
