/*
 * vx_block_avx512.c: block kernels for x86-64 with AVX-512 F, BW, DQ and VL (compiled with these).
 */
#include "distance/vx_block_table.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VEC __m512
#define VEC_FLOATS 16
#define WIDE_ROWS 12
#define VX_TABLE vx_block_kernels_avx512
#define VX_NAME "avx512"

#define v_zero() _mm512_setzero_ps()
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, a) _mm512_storeu_ps(p, a)
#define v_set(x) _mm512_set1_ps(x)
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_not_less(a, b) _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ)

#include "distance/vx_block_template.h"

#endif
