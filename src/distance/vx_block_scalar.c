/*
 * vx_block_scalar.c: the block kernels in plain C: obviously right, and what every other table is tested against.
 */
#include "distance/vx_block_table.h"

#define WIDTH 8

static void
products(const float *panel, uint32_t width, size_t dim, const float *rows, size_t stride, float *out)
{
	for (uint32_t row = 0; row < VX_TILE_ROWS; row++)
	{
		float		sums[WIDTH] = {0};

		for (size_t i = 0; i < dim; i++)
			for (uint32_t q = 0; q < width; q++)
				sums[q] += rows[row * stride + i] * panel[i * width + q];
		for (uint32_t q = 0; q < width; q++)
			out[row * width + q] = sums[q];
	}
}

static void
near(const float *products, uint32_t width, const VxPanelBounds *bounds, uint32_t *near)
{
	for (uint32_t row = 0; row < VX_TILE_ROWS; row++)
	{
		near[row] = 0;
		for (uint32_t q = 0; q < width; q++)
		{
			float		product = products[row * width + q] + bounds->slope[q] * bounds->length[row];

			if (!(product < bounds->floor[q] + bounds->base[row]))
				near[row] |= UINT32_C(1) << q;
		}
	}
}

const VxBlockKernels vx_block_kernels_scalar = {
	.name = "scalar",
	.width = WIDTH,
	.products = products,
	.near = near,
};
