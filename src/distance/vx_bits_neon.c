/*
 * vx_bits_neon.c: kernels that count bits for 64-bit ARM, where NEON is always present.
 */
#include "distance/vx_bits_impl.h"

#if defined(__aarch64__)

#include <arm_neon.h>

/* A register's words, and how many registers are added up by bytes, of which each gets at most 8 more. */
#define WORDS 2
#define AT_ONCE 31

VX_INLINE uint32_t
count(const void *a, const void *b, size_t n)
{
	uint32_t	total = 0;
	size_t		i = 0;

	while (n - i >= WORDS)
	{
		uint8x16_t	bytes = vdupq_n_u8(0);

		for (size_t k = 0; k < AT_ONCE && n - i >= WORDS; k++, i += WORDS)
		{
			uint8x16_t	v = vld1q_u8((const uint8_t *) a + i * sizeof(uint64_t));

			if (b != NULL)
				v = veorq_u8(v, vld1q_u8((const uint8_t *) b + i * sizeof(uint64_t)));
			bytes = vaddq_u8(bytes, vcntq_u8(v));
		}
		total += vaddlvq_u8(bytes);
	}
	for (; i < n; i++)
		total += (uint32_t) __builtin_popcountll(vx_bits_word(a, i) ^ (b == NULL ? 0 : vx_bits_word(b, i)));
	return total;
}

#define VX_TABLE vx_bit_kernels_neon
#define VX_NAME "neon"
#include "distance/vx_bits_table.h"

#endif
