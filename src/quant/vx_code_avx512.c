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
#define v_level(v, shift, mask) _mm512_and_si512(_mm512_srli_epi16(v, (uint8_t) (shift)), _mm512_set1_epi8((char) (mask)))
#define v_dot(sum, levels, query) _mm512_dpbusd_epi32(sum, levels, query)
#define v_sum(v) _mm512_reduce_add_epi32(v)

static inline __m256i
fold(__m512i v)
{
	return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

static inline void
v_sum4(__m512i a, __m512i b, __m512i c, __m512i d, int32_t *out)
{
	__m256i		halves = _mm256_hadd_epi32(_mm256_hadd_epi32(fold(a), fold(b)), _mm256_hadd_epi32(fold(c), fold(d)));

	_mm_storeu_si128((__m128i *) (void *) out,
					 _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1)));
}

#include "quant/vx_code_template.h"

#endif
