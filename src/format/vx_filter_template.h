/*
 * vx_filter_template.h: the filter kernels over vector registers, written once for all instruction sets.
 *
 * The including file defines
 *   VEC              a register of VEC_BYTES bytes
 *   v_load(p) v_set4(x) v_set8(x) v_sub4(a, b) v_sub8(a, b) v_and(a, b)
 *   v_le4(a, b) v_le8(a, b) v_eq4(a, b) v_eq8(a, b)
 *                    comparisons of unsigned numbers of 4 or 8 bytes: a bit for each
 *   VX_TABLE         the name of the table, and VX_NAME its string
 *
 * A range is one comparison: x - low, which wraps, is at most high - low.
 */

/* The bits of all registers of a column; BITS gives those of register x. */
#define VX_FILTER_LOOP(width, BITS) \
	do { \
		const char *from = column; \
		found = 0; \
		for (uint32_t r = 0; r < VX_FILTER_BLOCK * (width) / VEC_BYTES; r++) \
		{ \
			VEC			x = v_load(from + r * VEC_BYTES); \
			found |= (uint64_t) (BITS) << r * (VEC_BYTES / (width)); \
		} \
	} while (0)

static uint64_t
range4(const void *column, uint64_t low, uint64_t high)
{
	VEC			base = v_set4(low);
	VEC			span = v_set4(high - low);
	uint64_t	found;

	VX_FILTER_LOOP(4, v_le4(v_sub4(x, base), span));
	return found;
}

static uint64_t
range8(const void *column, uint64_t low, uint64_t high)
{
	VEC			base = v_set8(low);
	VEC			span = v_set8(high - low);
	uint64_t	found;

	VX_FILTER_LOOP(8, v_le8(v_sub8(x, base), span));
	return found;
}

static uint64_t
any4(const void *column, const uint64_t *values, uint32_t n)
{
	uint64_t	any = 0;

	for (uint32_t v = 0; v < n; v++)
	{
		VEC			value = v_set4(values[v]);
		uint64_t	found;

		VX_FILTER_LOOP(4, v_eq4(x, value));
		any |= found;
	}
	return any;
}

static uint64_t
any8(const void *column, const uint64_t *values, uint32_t n)
{
	uint64_t	any = 0;

	for (uint32_t v = 0; v < n; v++)
	{
		VEC			value = v_set8(values[v]);
		uint64_t	found;

		VX_FILTER_LOOP(8, v_eq8(x, value));
		any |= found;
	}
	return any;
}

static uint64_t
masks8(const void *column, const uint64_t *masks, uint32_t n)
{
	uint64_t	any = 0;

	for (uint32_t v = 0; v < n; v++)
	{
		VEC			mask = v_set8(masks[v]);
		uint64_t	found;

		VX_FILTER_LOOP(8, v_eq8(v_and(x, mask), mask));
		any |= found;
	}
	return any;
}

const VxFilterKernels VX_TABLE = {
	.name = VX_NAME,
	.range4 = range4,
	.range8 = range8,
	.any4 = any4,
	.any8 = any8,
	.masks8 = masks8,
};
