/*
 * test_half.c: half precision conversion, all 65,536 halves and the edges of the range.
 */
#include "unit.h"

#include <math.h>

#include "distance/vx_half.h"

/* Every half but NaNs comes back from its float, one at a time (plain) and in long arrays (vector code). */
static void
test_all_halves(void **state)
{
	uint16_t   *halves = malloc(65536 * sizeof(uint16_t));
	uint16_t   *back = malloc(65536 * sizeof(uint16_t));
	float	   *floats = malloc(65536 * sizeof(float));

	(void) state;
	for (uint32_t i = 0; i < 65536; i++)
		halves[i] = (uint16_t) i;
	vx_half_to_floats(halves, 65536, floats);
	vx_half_from_floats(floats, 65536, back);
	for (uint32_t i = 0; i < 65536; i++)
	{
		uint32_t	exponent = i >> 10 & 31;
		uint32_t	mantissa = i & 1023;
		double		expected = (i & 0x8000 ? -1.0 : 1.0)
			* (exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, (int) exponent - 25));
		float		single;
		uint16_t	single_back;

		if (exponent == 31)
		{
			/* not finite: becomes the largest, or zero */
			assert_true(back[i] == (mantissa != 0 ? 0 : (i & 0x8000) | 0x7BFF) || (mantissa != 0 && back[i] == 0x8000));
			continue;
		}
		assert_true((double) floats[i] == expected);
		assert_int_equal(back[i], i);
		vx_half_to_floats(&halves[i], 1, &single);
		assert_memory_equal(&single, &floats[i], sizeof(float));
		vx_half_from_floats(&single, 1, &single_back);
		assert_int_equal(single_back, i);
	}
	free(halves);
	free(back);
	free(floats);
}

/* Rounding is the same in both ways of doing it, to the nearest half. */
static void
test_rounding(void **state)
{
	VxRng		rng = {17};
	float		x[64];
	uint16_t	fast[64];
	float		again[64];

	(void) state;
	for (int round = 0; round < 2000; round++)
	{
		for (int i = 0; i < 64; i++)
			x[i] = (float) ldexp(vx_rng_unit(&rng) - 0.5, (int) vx_rng_below(&rng, 46) - 28);
		if (round % 10 == 0)
			x[round / 10 % 64] = (float) (round % 20 == 0 ? INFINITY : -1e30f);
		vx_half_from_floats(x, 64, fast);
		vx_half_to_floats(fast, 64, again);
		for (int i = 0; i < 64; i++)
		{
			uint16_t	plain;

			vx_half_from_floats(&x[i], 1, &plain);
			assert_int_equal(plain, fast[i]);
			if (fabsf(x[i]) < 65504)
				assert_true(fabsf(again[i] - x[i]) <= fmaxf(fabsf(x[i]) * 0x1.0p-11f, 0x1.0p-25f));
		}
	}
}

/* Scaled halves have the bits that halves have, however long or short a vector is; usual vectors are not scaled. */
static void
test_scaled(void **state)
{
	static const size_t sizes[] = {1, 64, 100, 4000};
	VxRng		rng = {18};
	float		x[4000];
	float		again[4000];
	uint16_t	half[4000];
	uint16_t	plain[4000];

	(void) state;
	for (int exponent = -100; exponent <= 84; exponent++)
		for (size_t s = 0; s < 4; s++)
		{
			size_t		n = sizes[s];
			double		length2 = 0;
			float		norm2 = 0;
			float		scale;
			double		error2 = 0;

			for (size_t i = 0; i < n; i++)
			{
				x[i] = (float) ldexp(vx_rng_unit(&rng) + 0.5, exponent) * (vx_rng_below(&rng, 2) ? 1 : -1);
				length2 += (double) x[i] * (double) x[i];
				norm2 += x[i] * x[i];
			}
			scale = vx_half_scale(norm2, n);
			vx_half_from_scaled(x, n, scale, half);
			vx_half_to_scaled(half, n, scale, again);
			for (size_t i = 0; i < n; i++)
				error2 += ((double) x[i] - (double) again[i]) * ((double) x[i] - (double) again[i]);
			assert_true(error2 <= length2 * ldexp(1, -22));
			if (exponent < -7 || exponent > 9)
				continue;
			assert_true(scale == 1);
			vx_half_from_floats(x, n, plain);
			assert_memory_equal(half, plain, n * sizeof(uint16_t));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_halves),
		cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_scaled),
	};

	return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
