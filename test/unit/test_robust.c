/*
 * test_robust.c: estimates are those of all values where none is wild, and stay where they are where some are.
 */
#include "unit.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/vx_rng.h"
#include "core/vx_select.h"
#include "quant/vx_robust.h"

#define DIM 20

static int
compare(const void *a, const void *b)
{
	return *(const float *) a < *(const float *) b ? -1 : *(const float *) a > *(const float *) b;
}

static void
test_select(void **state)
{
	VxRng		rng = {1};
	float		values[300];
	float		sorted[300];

	(void) state;
	for (uint32_t n = 1; n <= 300; n += n < 20 ? 1 : 31)
		for (uint32_t k = 0; k < n; k += 1 + n / 20)
		{
			/* many equal ones, too, and infinities */
			for (uint32_t i = 0; i < n; i++)
			{
				values[i] = (float) vx_rng_below(&rng, k % 2 == 0 ? 5 : 1000) - 2;
				if (vx_rng_below(&rng, 30) == 0)
					values[i] = INFINITY;
			}
			memcpy(sorted, values, n * sizeof(float));
			qsort(sorted, n, sizeof(float), compare);
			assert_true(vx_select(values, n, k) == sorted[k]);
			qsort(values, n, sizeof(float), compare);
			assert_memory_equal(values, sorted, n * sizeof(float));
		}
}

/* n vectors from 0 to 1 in all dimensions, of which the first wild ones are replaced by others of a size. */
static void
fill(VxSample *sample, uint32_t n, uint32_t wild, float size)
{
	VxRng		rng = {n};

	vx_sample_init(sample, &unit_mem, DIM, VX_MAX(n, 1), 1);
	for (uint32_t i = 0; i < n; i++)
	{
		float	   *x = vx_sample_add(sample);

		for (uint32_t k = 0; k < DIM; k++)
			x[k] = (float) vx_rng_unit(&rng) * (i < wild ? size : 1);
	}
}

static void
test_mean(void **state)
{
	static const float sizes[] = {100, -1e6f, 1e20f, 3e38f, -3e38f};
	float		clean[DIM];
	float		mean[DIM];
	VxSample	sample;

	(void) state;
	for (uint32_t n = 20; n <= 2000; n *= 10)
	{
		double		spread;
		double		expected = 0;

		/* without wild ones it is the plain mean */
		fill(&sample, n, 0, 0);
		spread = vx_robust_mean(&unit_mem, &sample, clean);
		for (uint32_t k = 0; k < DIM; k++)
		{
			double		sum = 0;

			for (uint32_t i = 0; i < n; i++)
				sum += (double) vx_sample_row(&sample, i)[k];
			assert_true(fabs(sum / n - (double) clean[k]) < 1e-6);
			for (uint32_t i = 0; i < n; i++)
				expected += pow((double) vx_sample_row(&sample, i)[k] - sum / n, 2) / n;
		}
		assert_true(fabs(spread - expected) < 1e-4 * expected);
		vx_sample_free(&sample, &unit_mem);

		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
			for (uint32_t share = 1000; share >= 20; share /= 7)
			{
				fill(&sample, n, (n + share - 1) / share, sizes[s]);
				spread = vx_robust_mean(&unit_mem, &sample, mean);
				for (uint32_t k = 0; k < DIM; k++)
					assert_true(fabsf(mean[k] - clean[k]) < (n == 20 ? 0.06f : 0.02f));
				assert_true(spread > 0.9 * expected && spread < 1.1 * expected);
				vx_sample_free(&sample, &unit_mem);
			}
	}
}

static void
test_small_samples(void **state)
{
	float		mean[DIM];
	VxSample	sample;

	(void) state;
	fill(&sample, 0, 0, 0);
	assert_true(vx_robust_mean(&unit_mem, &sample, mean) == 0);
	for (uint32_t k = 0; k < DIM; k++)
		assert_true(mean[k] == 0);
	vx_sample_free(&sample, &unit_mem);
	for (uint32_t n = 1; n <= 3; n++)
	{
		fill(&sample, n, n, 3e38f);
		assert_true(isfinite(vx_robust_mean(&unit_mem, &sample, mean)));
		for (uint32_t k = 0; k < DIM; k++)
			assert_true(isfinite(mean[k]) && mean[k] > 0);
		vx_sample_free(&sample, &unit_mem);
	}
	/* where a quarter is elsewhere it is not wild */
	fill(&sample, 400, 100, 1000);
	vx_robust_mean(&unit_mem, &sample, mean);
	assert_true(mean[0] > 100);
	vx_sample_free(&sample, &unit_mem);
}

static void
test_sum(void **state)
{
	static const float sizes[] = {1e-37f, 1e-3f, 1, 1e30f};
	VxRobustSum *sum = malloc(sizeof(VxRobustSum));

	(void) state;
	vx_robust_begin(sum);
	assert_true(vx_robust_result(sum) == 0 && vx_robust_quantile(sum, 0.9) == 0);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		VxRng		rng = {s};
		double		plain = 0;
		double		result;

		vx_robust_begin(sum);
		for (int i = 0; i < 1000; i++)
		{
			float		value = sizes[s] * (float) (0.5 + vx_rng_unit(&rng));

			plain += (double) value / 1000;
			vx_robust_add(sum, value);
		}
		result = vx_robust_result(sum);
		assert_true(fabs(result - plain) < 1e-5 * plain);
		assert_true(fabs(vx_robust_quantile(sum, 0.9) / (double) sizes[s] - 1.4) < 0.2);
		/* a few wild ones count, but not for much */
		for (int i = 0; i < 50; i++)
			vx_robust_add(sum, i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 3e38f);
		assert_true(vx_robust_result(sum) >= result && vx_robust_result(sum) < 1.25 * result);
		assert_true(vx_robust_quantile(sum, 0.9) < 1.6 * (double) sizes[s]);
		assert_true(isinf(sum->largest));
		/* when they are as many as the others, they are what there is */
		for (int i = 0; i < 1000; i++)
			vx_robust_add(sum, 1e35f);
		assert_true(vx_robust_result(sum) > 1e30);
	}
	vx_robust_begin(sum);
	vx_robust_add(sum, -0.0f);
	for (int i = 0; i < 20; i++)
		vx_robust_add(sum, i < 10 ? 0 : 1);
	assert_true(vx_robust_result(sum) > 0 && vx_robust_result(sum) < 1);
	free(sum);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_mean),
		cmocka_unit_test(test_small_samples),
		cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
