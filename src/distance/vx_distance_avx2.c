/*
 * vx_distance_avx2.c: kernels for x86-64 with AVX2 and FMA (compiled with -mavx2 -mfma).
 */
#include "distance/vx_distance_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#define VEC __m256
#define VEC_FLOATS 8
#define VX_TABLE vx_kernels_avx2
#define VX_NAME "avx2"

#define v_zero() _mm256_setzero_ps()
#define v_load(p) _mm256_loadu_ps(p)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_abs(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)

static inline __m256
v_load_part(const float *p, size_t n)
{
	static const int32_t mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

	return _mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *) (mask + 8 - n)));
}

static inline float
v_sum(__m256 v)
{
	__m128		s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
	return _mm_cvtss_f32(s);
}

#include "distance/vx_distance_template.h"

#endif
