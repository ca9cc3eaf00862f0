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

/* x [n], n a power of two >= 16. The first four stages are done in one go, 16 values at a time. */
static void
hadamard(float *x, uint32_t n)
{
	float		scale = 1 / sqrtf((float) n);

	for (uint32_t i = 0; i < n; i += 16)
	{
		float	   *v = x + i;

		for (uint32_t h = 1; h < 16; h *= 2)
			for (uint32_t j = 0; j < 16; j += 2 * h)
				for (uint32_t k = j; k < j + h; k++)
				{
					float		a = v[k];
					float		b = v[k + h];

					v[k] = a + b;
					v[k + h] = a - b;
				}
	}
	for (uint32_t h = 16; h < n; h *= 2)
		for (uint32_t i = 0; i < n; i += 2 * h)
		{
			float	   *low = x + i;
			float	   *high = x + i + h;

			for (uint32_t j = 0; j < h; j++)
			{
				float		a = low[j];
				float		b = high[j];

				low[j] = a + b;
				high[j] = a - b;
			}
		}
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
