/*
 * vx_code_avx2.c: code kernels for x86-64 with AVX2 (compiled with -mavx2).
 */
#include "quant/vx_code_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VEC __m256i
#define VEC_BYTES 32
#define VX_TABLE vx_code_kernels_avx2
#define VX_NAME "avx2"

#define v_zero() _mm256_setzero_si256()
#define v_load(p) _mm256_loadu_si256((const __m256i *) (const void *) (p))
#define v_level(v, shift, mask) _mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi8((char) (mask)))
/* levels are at most 15, so a pair of products is below 2 * 15 * 128 and cannot saturate */
#define v_dot(sum, levels, query) \
	_mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(levels, query), _mm256_set1_epi16(1)))

static inline int32_t
v_sum(__m256i v)
{
	__m128i		s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return _mm_cvtsi128_si32(s);
}

static inline void
v_sum4(__m256i a, __m256i b, __m256i c, __m256i d, int32_t *out)
{
	__m256i		halves = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));

	_mm_storeu_si128((__m128i *) (void *) out,
					 _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1)));
}

#include "quant/vx_code_template.h"

#endif
