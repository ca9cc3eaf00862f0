/*
 * vx_bits_table.h: the table of kernels VX_TABLE, called VX_NAME, from the function count(a, b, n) that the including file has before this
 * line: how many bits of n words differ, or are set where b is NULL, a constant where it is inlined.
 */

static uint32_t
differing(const void *a, const void *b, size_t n)
{
	return count(a, b, n);
}

static uint32_t
set(const void *a, size_t n)
{
	return count(a, NULL, n);
}

const VxBitKernels VX_TABLE = {.name = VX_NAME,.differing = differing,.set = set};
