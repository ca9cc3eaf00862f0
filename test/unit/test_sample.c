/*
 * test_sample.c: samples are full, within bounds, the same for the same seed, and every vector is as likely to be in.
 */
#include "unit.h"

#include <string.h>

#include "quant/vx_sample.h"

#define DIM 3

/* Numbers 0 .. n - 1, each as a vector of itself. */
static void
draw(VxSample *sample, uint32_t capacity, uint32_t n, uint64_t seed)
{
	vx_sample_init(sample, &unit_mem, DIM, capacity, seed);
	for (uint32_t i = 0; i < n; i++)
	{
		float	   *to = vx_sample_add(sample);

		assert_true(i >= capacity || to != NULL);
		for (uint32_t k = 0; to != NULL && k < DIM; k++)
			to[k] = (float) i;
	}
}

static void
test_small_streams(void **state)
{
	(void) state;
	for (uint32_t n = 0; n <= 20; n++)
	{
		VxSample	sample;

		draw(&sample, 20, n, 7);
		assert_int_equal(sample.count, n);
		assert_int_equal(sample.seen, n);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < DIM; k++)
				assert_true(vx_sample_row(&sample, i)[k] == (float) i);
		vx_sample_free(&sample, &unit_mem);
	}
}

static void
test_fairness(void **state)
{
	enum
	{
		N = 400,
		KEPT = 100,
		ROUNDS = 400
	};
	uint32_t	times[N] = {0};

	(void) state;
	for (uint32_t round = 0; round < ROUNDS; round++)
	{
		bool		seen[N] = {false};
		VxSample	sample;

		draw(&sample, KEPT, N, round);
		assert_int_equal(sample.count, KEPT);
		assert_int_equal(sample.seen, N);
		for (uint32_t i = 0; i < KEPT; i++)
		{
			const float *row = vx_sample_row(&sample, i);
			uint32_t	number = (uint32_t) row[0];

			assert_true(number < N && row[1] == row[0] && row[2] == row[0] && !seen[number]);
			seen[number] = true;
			times[number]++;
		}
		vx_sample_free(&sample, &unit_mem);
	}
	/* expected 100, standard deviation 8.7: five of these for the worst of 400 */
	for (uint32_t i = 0; i < N; i++)
		assert_true(times[i] > 56 && times[i] < 144);
}

static void
test_seeds(void **state)
{
	VxSample	a;
	VxSample	b;
	VxSample	c;

	(void) state;
	draw(&a, 50, 500, 1);
	draw(&b, 50, 500, 1);
	draw(&c, 50, 500, 2);
	assert_memory_equal(a.rows, b.rows, 50 * DIM * sizeof(float));
	assert_true(memcmp(a.rows, c.rows, 50 * DIM * sizeof(float)) != 0);
	vx_sample_free(&a, &unit_mem);
	vx_sample_free(&b, &unit_mem);
	vx_sample_free(&c, &unit_mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_streams),
		cmocka_unit_test(test_fairness),
		cmocka_unit_test(test_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
