/*
 * vx_block_template.h: the block kernels over vector registers, written once for all instruction sets.
 *
 * The including file defines
 *   VEC            a register of VEC_FLOATS floats
 *   v_zero() v_load(p) v_store(p, a) v_set(x) v_add(a, b) v_fma(a, b, c) = a*b+c
 *   v_not_less(a, b)   the bits of the lanes where a is not less than b, or either is NaN
 *   WIDE_ROWS      how many rows, of which VX_TILE_ROWS is a multiple, are multiplied with two registers of queries at once: all sums and
 *                  three operands are to fit the registers
 *   VX_TABLE       the name of the table, and VX_NAME its string
 */

#define WIDTH (2 * VEC_FLOATS)

/*
 * One sum for each row and register of queries, all in registers; each element of a row is loaded once and multiplied with the queries'.
 * Rows are reached from every third one of them, which leaves registers for addresses, too.
 */
VX_INLINE void
multiply(const float *panel, const uint32_t vecs, size_t dim, const float *rows, size_t stride, const uint32_t row_count, float *out)
{
	VEC			sums[VX_TILE_ROWS][2];
	const float *third[VX_TILE_ROWS / 3];

#pragma GCC unroll 12
	for (uint32_t row = 0; row < row_count; row++)
#pragma GCC unroll 2
		for (uint32_t v = 0; v < vecs; v++)
			sums[row][v] = v_zero();
#pragma GCC unroll 4
	for (uint32_t row = 0; row < row_count; row += 3)
		third[row / 3] = rows + row * stride;
	for (size_t i = 0; i < dim; i++)
	{
		VEC			queries[2];

#pragma GCC unroll 2
		for (uint32_t v = 0; v < vecs; v++)
			queries[v] = v_load(panel + (i * vecs + v) * VEC_FLOATS);
#pragma GCC unroll 12
		for (uint32_t row = 0; row < row_count; row++)
		{
			VEC			element = v_set(third[row / 3][row % 3 * stride + i]);

#pragma GCC unroll 2
			for (uint32_t v = 0; v < vecs; v++)
				sums[row][v] = v_fma(element, queries[v], sums[row][v]);
		}
	}
#pragma GCC unroll 12
	for (uint32_t row = 0; row < row_count; row++)
#pragma GCC unroll 2
		for (uint32_t v = 0; v < vecs; v++)
			v_store(out + (row * vecs + v) * VEC_FLOATS, sums[row][v]);
}

static void
products(const float *panel, uint32_t width, size_t dim, const float *rows, size_t stride, float *out)
{
	if (width == VEC_FLOATS)
		multiply(panel, 1, dim, rows, stride, VX_TILE_ROWS, out);
	else
		for (uint32_t row = 0; row < VX_TILE_ROWS; row += WIDE_ROWS)
			multiply(panel, 2, dim, rows + row * stride, stride, WIDE_ROWS, out + row * WIDTH);
}

static void
near(const float *products, uint32_t width, const VxPanelBounds *bounds, uint32_t *near)
{
	for (uint32_t row = 0; row < VX_TILE_ROWS; row++)
	{
		VEC			length = v_set(bounds->length[row]);
		VEC			base = v_set(bounds->base[row]);

		near[row] = 0;
		for (uint32_t q = 0; q < width; q += VEC_FLOATS)
		{
			VEC			product = v_fma(v_load(bounds->slope + q), length, v_load(products + row * width + q));

			near[row] |= (uint32_t) v_not_less(product, v_add(v_load(bounds->floor + q), base)) << q;
		}
	}
}

const VxBlockKernels VX_TABLE = {
	.name = VX_NAME,
	.width = WIDTH,
	.products = products,
	.near = near,
};
