/*
 * vx_code_table.h: the table of kernels VX_TABLE, called VX_NAME, for both widths of levels, from the function dot() that the including
 * file has before this line: as VxCodeDot, and with the bits of a level, a constant where it is inlined.
 */

static void
dot4(const uint8_t *const *codes, uint32_t n, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *result)
{
	dot(codes, n, 4, query, stride, bytes, result);
}

static void
dot2(const uint8_t *const *codes, uint32_t n, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *result)
{
	dot(codes, n, 2, query, stride, bytes, result);
}

const VxCodeKernels VX_TABLE = {.name = VX_NAME,.dot4 = dot4,.dot2 = dot2};
