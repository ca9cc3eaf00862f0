/*
 * test_rotation.c: the random rotation.
 */
#include "unit.h"

#include "quant/vx_rotation.h"

/* Lengths and inner products survive, and a single spike is spread over all dimensions. */
static void
test_rotation(void **state)
{
	static const uint32_t dims[] = {1, 2, 3, 15, 16, 17, 31, 64, 100, 128, 129, 300, 384, 768, 1000, 1536, 2000, 16000};

	(void) state;
	for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
	{
		VxRotation	rotation;
		VxRng		rng = {dims[d]};
		float	   *a;
		float	   *b;
		double		before[3] = {0};
		double		after[3] = {0};

		vx_rotation_init(&rotation, &unit_mem, dims[d]);
		assert_true(rotation.padded >= dims[d] && rotation.padded < dims[d] + VX_ROTATION_PAD);
		a = calloc(rotation.padded, sizeof(float));
		b = calloc(rotation.padded, sizeof(float));
		for (uint32_t i = 0; i < dims[d]; i++)
		{
			a[i] = unit_normal(&rng);
			b[i] = i == 0 ? 1 : 0;
		}
		for (uint32_t i = 0; i < rotation.padded; i++)
		{
			before[0] += (double) (a[i] * a[i]);
			before[1] += (double) (b[i] * b[i]);
			before[2] += (double) (a[i] * b[i]);
		}
		vx_rotation_apply(&rotation, a);
		vx_rotation_apply(&rotation, b);
		for (uint32_t i = 0; i < rotation.padded; i++)
		{
			after[0] += (double) (a[i] * a[i]);
			after[1] += (double) (b[i] * b[i]);
			after[2] += (double) (a[i] * b[i]);
			assert_true(dims[d] < 64 || fabsf(b[i]) < 8 / sqrtf((float) rotation.padded));
		}
		for (int i = 0; i < 3; i++)
			assert_true(fabs(before[i] - after[i]) < 1e-4 * (before[0] + 1));
		free(a);
		free(b);
		free(rotation.signs);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
