/*
 * vx_code_template.h: the code kernels over vector registers, written once for all instruction sets.
 *
 * The including file defines
 *   VEC                        an integer register of VEC_BYTES bytes (VEC_BYTES divides VX_CODE_STEP)
 *   v_zero() v_load(p)
 *   v_level(v, shift, mask)    each byte of v shifted right and masked; only bits below the byte's top are kept
 *   v_dot(sum, levels, query)  adds products of unsigned and signed bytes, grouped, to 32-bit sums
 *   v_sum(v)                   the sum of the 32-bit lanes
 *   v_sum4(a, b, c, d, out)    the sums of four, to out [4]: a fraction of the work of four times one
 *   VX_TABLE, VX_NAME
 */

/* sums [width]: of products of levels and query, for codes side by side; bits and width are constants where it is inlined. */
VX_INLINE void
add_products(const uint8_t *const *codes, uint32_t width, int bits, const int8_t *query, uint32_t stride, uint32_t bytes, VEC *sums)
{
	for (uint32_t k = 0; k < width; k++)
		sums[k] = v_zero();
	for (uint32_t i = 0; i < bytes; i += VEC_BYTES)
	{
		VEC			planes[4];

		for (int plane = 0; plane < 8 / bits; plane++)
			planes[plane] = v_load(query + (uint32_t) plane * stride + i);
		for (uint32_t k = 0; k < width; k++)
		{
			VEC			packed = v_load(codes[k] + i);

			for (int plane = 0; plane < 8 / bits; plane++)
				sums[k] = v_dot(sums[k], v_level(packed, plane * bits, (1 << bits) - 1), planes[plane]);
		}
	}
}

VX_INLINE void
dot(const uint8_t *const *codes, uint32_t n, int bits, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *result)
{
	VEC			sums[4];
	uint32_t	c = 0;

	for (; c + 4 <= n; c += 4)
	{
		add_products(codes + c, 4, bits, query, stride, bytes, sums);
		v_sum4(sums[0], sums[1], sums[2], sums[3], result + c);
	}
	for (; c < n; c++)
	{
		add_products(codes + c, 1, bits, query, stride, bytes, sums);
		result[c] = v_sum(sums[0]);
	}
}

#include "quant/vx_code_table.h"
