/*
 * vx_bits_avx2.c: kernels that count bits for x86-64 with AVX2 (compiled with -mavx2 -mpopcnt).
 *
 * Short strings, and the ends of long ones, are counted by the processor's own instruction, a word at a time. Long ones are looked up by
 * half bytes: Mula, Kurz, Lemire 2018, "Faster population counts using AVX2 instructions", section 3.3.
 */
#include "distance/vx_bits_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* A register's words, and how many registers are added up by bytes, of which each gets at most 8 more. */
#define WORDS 4
#define AT_ONCE 31

/* The counts of all bytes of a register. */
static inline __m256i
count_bytes(__m256i v)
{
	const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i low = _mm256_set1_epi8(0x0F);

	return _mm256_add_epi8(_mm256_shuffle_epi8(counts, _mm256_and_si256(v, low)),
						   _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(v, 4), low)));
}

VX_INLINE uint32_t
count(const void *a, const void *b, size_t n)
{
	__m256i		sum = _mm256_setzero_si256();
	__m128i		half;
	uint64_t	total = 0;
	size_t		i = 0;

	while (n - i >= 2 * WORDS)
	{
		__m256i		bytes = _mm256_setzero_si256();

		for (size_t k = 0; k < AT_ONCE && n - i >= WORDS; k++, i += WORDS)
		{
			__m256i		v = _mm256_loadu_si256((const __m256i *) ((const char *) a + i * sizeof(uint64_t)));

			if (b != NULL)
				v = _mm256_xor_si256(v, _mm256_loadu_si256((const __m256i *) ((const char *) b + i * sizeof(uint64_t))));
			bytes = _mm256_add_epi8(bytes, count_bytes(v));
		}
		sum = _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
	}
	for (; i < n; i++)
		total += (uint64_t) _mm_popcnt_u64(vx_bits_word(a, i) ^ (b == NULL ? 0 : vx_bits_word(b, i)));
	half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
	return (uint32_t) (total + (uint64_t) _mm_cvtsi128_si64(half) + (uint64_t) _mm_extract_epi64(half, 1));
}

#define VX_TABLE vx_bit_kernels_avx2
#define VX_NAME "avx2"
#include "distance/vx_bits_table.h"

#endif
