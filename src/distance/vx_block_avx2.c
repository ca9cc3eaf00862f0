/*
 * vx_block_avx2.c: block kernels for x86-64 with AVX2 and FMA (compiled with -mavx2 -mfma).
 */
#include "distance/vx_block_table.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VEC __m256
#define VEC_FLOATS 8
#define WIDE_ROWS 6
#define VX_TABLE vx_block_kernels_avx2
#define VX_NAME "avx2"

#define v_zero() _mm256_setzero_ps()
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, a) _mm256_storeu_ps(p, a)
#define v_set(x) _mm256_set1_ps(x)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_not_less(a, b) _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NLT_UQ))

#include "distance/vx_block_template.h"

#endif
