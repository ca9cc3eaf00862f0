/*
 * vx_filter_template.h: the filter kernels over vector registers, written once for all instruction sets.
 *
 * The including file defines
 *   VEC              a register of VEC_BYTES bytes
 *   v_load(p) v_set(x, width) v_sub(a, b, width) v_and(a, b)
 *   v_le(a, b, width) v_eq(a, b, width)
 *                    comparisons of unsigned numbers of so many bytes: a bit for each
 *   VX_TABLE         the name of the table, and VX_NAME its string
 * width is 4 or 8, and a constant where these are inlined.
 */

/* A range is one comparison: x - low, which wraps, is at most high - low. */
VX_INLINE uint64_t
range(const void *column, uint32_t width, uint64_t low, uint64_t high)
{
	VEC			base = v_set(low, width);
	VEC			span = v_set(high - low, width);
	uint64_t	found = 0;

	for (uint32_t r = 0; r < VX_FILTER_BLOCK * width / VEC_BYTES; r++)
		found |= (uint64_t) v_le(v_sub(v_load((const char *) column + r * VEC_BYTES), base, width), span, width) << r * (VEC_BYTES / width);
	return found;
}

VX_INLINE uint64_t
any(const void *column, uint32_t width, const uint64_t *values, uint32_t n, bool masked)
{
	uint64_t	found = 0;

	for (uint32_t v = 0; v < n; v++)
	{
		VEC			value = v_set(values[v], width);

		for (uint32_t r = 0; r < VX_FILTER_BLOCK * width / VEC_BYTES; r++)
		{
			VEC			x = v_load((const char *) column + r * VEC_BYTES);

			found |= (uint64_t) v_eq(masked ? v_and(x, value) : x, value, width) << r * (VEC_BYTES / width);
		}
	}
	return found;
}

#include "format/vx_filter_table.h"
