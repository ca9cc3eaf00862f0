/*
 * vx_filter_table.h: the table of filter kernels, made of two functions that the including file has:
 *
 *   uint64_t range(column, width, low, high)
 *   uint64_t any(column, width, values, n, masked)    masked: values are masks, of which an entry has all bits
 *
 * and VX_TABLE, the name of the table, and VX_NAME, its string.
 */

static uint64_t
range4(const void *column, uint64_t low, uint64_t high)
{
	return range(column, 4, low, high);
}

static uint64_t
range8(const void *column, uint64_t low, uint64_t high)
{
	return range(column, 8, low, high);
}

static uint64_t
any4(const void *column, const uint64_t *values, uint32_t n)
{
	return any(column, 4, values, n, false);
}

static uint64_t
any8(const void *column, const uint64_t *values, uint32_t n)
{
	return any(column, 8, values, n, false);
}

static uint64_t
masks8(const void *column, const uint64_t *masks, uint32_t n)
{
	return any(column, 8, masks, n, true);
}

const VxFilterKernels VX_TABLE = {
	.name = VX_NAME,
	.range4 = range4,
	.range8 = range8,
	.any4 = any4,
	.any8 = any8,
	.masks8 = masks8,
};
