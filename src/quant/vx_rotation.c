/*
 * vx_rotation.c: random signs and Walsh-Hadamard transforms; see vx_rotation.h.
 */
#include "quant/vx_rotation.h"

#include "core/vx_rng.h"

#include <math.h>

/* Codes on disk depend on it: a new value is a new format version. */
#define ROTATION_SEED UINT64_C(0x76656369647831)

void
vx_rotation_init(VxRotation *rotation, const VxMem *mem, uint32_t dim)
{
	VxRng		rng = {ROTATION_SEED + dim};

	rotation->dim = dim;
	rotation->padded = vx_rotation_padded(dim);
	for (rotation->block = 1; rotation->block * 2 <= rotation->padded;)
		rotation->block *= 2;
	rotation->signs = vx_alloc_array(mem, vx_size_product(VX_ROTATION_TRANSFORMS, rotation->padded), sizeof(float));
	for (uint32_t i = 0; i < VX_ROTATION_TRANSFORMS * rotation->padded; i++)
		rotation->signs[i] = (vx_rng_next(&rng) >> 63) != 0 ? 1.0f : -1.0f;
}

/* Two stages at once, on the four quarters [n] of a piece: each value is read and written once. */
VX_INLINE void
two_stages(float *restrict a, float *restrict b, float *restrict c, float *restrict d, uint32_t n, uint32_t step)
{
	for (uint32_t i = 0; i < n * step; i += step)
	{
		float		sum = a[i] + b[i];
		float		difference = a[i] - b[i];
		float		next_sum = c[i] + d[i];
		float		next_difference = c[i] - d[i];

		a[i] = sum + next_sum;
		b[i] = difference + next_difference;
		c[i] = sum - next_sum;
		d[i] = difference - next_difference;
	}
}

/* The stages of width h and 2 h of x [n], 4 h dividing n. */
VX_INLINE void
stages(float *x, uint32_t n, uint32_t h)
{
	for (uint32_t i = 0; i < n; i += 4 * h)
		two_stages(x + i, x + i + h, x + i + 2 * h, x + i + 3 * h, h, 1);
}

/* The stage of half of x [2 n]. */
VX_INLINE void
last_stage(float *restrict low, float *restrict high, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		float		sum = low[i] + high[i];

		high[i] = low[i] - high[i];
		low[i] = sum;
	}
}

/* x [n], n a power of two >= 16. Widths that are constants, and neighbours side by side, are what the compiler makes registers of. */
static void
hadamard(float *x, uint32_t n)
{
	float		scale = 1 / sqrtf((float) n);
	uint32_t	h = 16;

	two_stages(x, x + 1, x + 2, x + 3, n / 4, 4);
	stages(x, n, 4);
	for (; h <= n / 4; h *= 4)
		stages(x, n, h);
	if (h < n)
		last_stage(x, x + h, h);
	for (uint32_t i = 0; i < n; i++)
		x[i] *= scale;
}

void
vx_rotation_apply(const VxRotation *rotation, float *x)
{
	uint32_t	n = rotation->padded;
	uint32_t	block = rotation->block;

	for (uint32_t t = 0; t < VX_ROTATION_TRANSFORMS; t++)
	{
		const float *signs = rotation->signs + (size_t) t * n;

		for (uint32_t i = 0; i < n; i++)
			x[i] *= signs[i];
		hadamard(t % 2 == 0 ? x : x + n - block, block);
	}
}
