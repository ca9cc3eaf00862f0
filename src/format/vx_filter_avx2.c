/*
 * vx_filter_avx2.c: filter kernels for x86-64 with AVX2 (compiled with -mavx2).
 */
#include "format/vx_filter.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VEC __m256i
#define VEC_BYTES 32
#define VX_TABLE vx_filter_kernels_avx2
#define VX_NAME "avx2"

#define v_load(p) _mm256_loadu_si256((const __m256i *) (const void *) (p))
#define v_set(x, width) ((width) == 4 ? _mm256_set1_epi32((int) (uint32_t) (x)) : _mm256_set1_epi64x((long long) (x)))
#define v_sub(a, b, width) ((width) == 4 ? _mm256_sub_epi32(a, b) : _mm256_sub_epi64(a, b))
#define v_and(a, b) _mm256_and_si256(a, b)

VX_INLINE uint32_t
v_eq(__m256i a, __m256i b, uint32_t width)
{
	return (uint32_t) (width == 4 ? _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)))
					   : _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(a, b))));
}

/* There are no comparisons of unsigned numbers. */
VX_INLINE uint32_t
v_le(__m256i a, __m256i b, uint32_t width)
{
	__m256i		sign = _mm256_set1_epi64x(INT64_MIN);

	if (width == 4)
		return v_eq(_mm256_min_epu32(a, b), a, 4);
	return (uint32_t) _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(_mm256_xor_si256(a, sign),
																				_mm256_xor_si256(b, sign)))) ^ 15u;
}

#include "format/vx_filter_template.h"

#endif
