/*
 * vx_bits_avx512.c: kernels that count bits for x86-64 with AVX-512 F and VPOPCNTDQ (compiled with these).
 */
#include "distance/vx_bits_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WORDS 8

/* A register of both strings, some of its words: the others are zero. */
VX_INLINE __m512i
count_some(__mmask8 mask, const void *a, const void *b, size_t i)
{
	__m512i		v = _mm512_maskz_loadu_epi64(mask, (const char *) a + i * sizeof(uint64_t));

	if (b != NULL)
		v = _mm512_xor_si512(v, _mm512_maskz_loadu_epi64(mask, (const char *) b + i * sizeof(uint64_t)));
	return _mm512_popcnt_epi64(v);
}

/* Two sums, since each addition waits for the one before. */
VX_INLINE uint32_t
count(const void *a, const void *b, size_t n)
{
	__m512i		s0 = _mm512_setzero_si512();
	__m512i		s1 = _mm512_setzero_si512();
	size_t		i = 0;

	for (; i + 2 * WORDS <= n; i += 2 * WORDS)
	{
		s0 = _mm512_add_epi64(s0, count_some(0xFF, a, b, i));
		s1 = _mm512_add_epi64(s1, count_some(0xFF, a, b, i + WORDS));
	}
	for (; i + WORDS <= n; i += WORDS)
		s0 = _mm512_add_epi64(s0, count_some(0xFF, a, b, i));
	if (i < n)
		s1 = _mm512_add_epi64(s1, count_some((__mmask8) ((1u << (n - i)) - 1), a, b, i));
	return (uint32_t) _mm512_reduce_add_epi64(_mm512_add_epi64(s0, s1));
}

#define VX_TABLE vx_bit_kernels_avx512
#define VX_NAME "avx512"
#include "distance/vx_bits_table.h"

#endif
