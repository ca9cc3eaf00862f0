/*
 * test_hash.c: the hash of vectors: every bit of every element matters, and spreads over the whole value.
 */
#include "unit.h"

#include "core/vx_hash.h"

#define MOST_DIM 70

static int
compare(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static size_t
count_distinct(uint64_t *values, size_t n)
{
	size_t		distinct = n > 0;

	qsort(values, n, sizeof(uint64_t), compare);
	for (size_t i = 1; i < n; i++)
		distinct += values[i] != values[i - 1];
	return distinct;
}

/* A vector, and all others that differ from it in one bit or in the signs of two elements, have hashes of their own. */
static void
test_every_bit_counts(void **state)
{
	static uint64_t values[1 + 32 * MOST_DIM + MOST_DIM * MOST_DIM];

	(void) state;
	for (size_t dim = 1; dim <= MOST_DIM; dim++)
	{
		uint32_t	bits[MOST_DIM] = {0};
		size_t		n = 0;

		for (size_t i = 0; i < dim; i++)
			bits[i] = (uint32_t) (0x3f800000 + 0x1000 * i);
		values[n++] = vx_hash_floats((const float *) bits, dim);
		for (size_t i = 0; i < 32 * dim; i++)
		{
			bits[i / 32] ^= UINT32_C(1) << (i % 32);
			values[n++] = vx_hash_floats((const float *) bits, dim);
			bits[i / 32] ^= UINT32_C(1) << (i % 32);
		}
		for (size_t i = 0; i < dim; i++)
			for (size_t j = 0; j < i; j++)
			{
				bits[i] ^= UINT32_C(1) << 31;
				bits[j] ^= UINT32_C(1) << 31;
				values[n++] = vx_hash_floats((const float *) bits, dim);
				bits[i] ^= UINT32_C(1) << 31;
				bits[j] ^= UINT32_C(1) << 31;
			}
		assert_int_equal(count_distinct(values, n), n);
	}
}

/* The same elements elsewhere, or more zeros, make another hash. */
static void
test_places_and_lengths_count(void **state)
{
	uint64_t	values[2 * MOST_DIM];
	float		x[MOST_DIM] = {0};

	(void) state;
	for (size_t i = 0; i < MOST_DIM; i++)
	{
		values[i] = vx_hash_floats(x, i + 1);
		x[i] = 1;
		values[MOST_DIM + i] = vx_hash_floats(x, MOST_DIM);
		x[i] = 0;
	}
	assert_int_equal(count_distinct(values, 2 * MOST_DIM), 2 * MOST_DIM);
}

/* Low bits of vectors of few different values fill a table about evenly. */
static void
test_low_bits_spread(void **state)
{
	enum
	{
		BUCKETS = 4096, DIM = 16
	};
	static uint32_t counts[BUCKETS];

	(void) state;
	for (uint32_t i = 0; i < 16 * BUCKETS; i++)
	{
		float		x[DIM];

		for (uint32_t k = 0; k < DIM; k++)
			x[k] = (float) ((i >> k) & 1);
		counts[vx_hash_floats(x, DIM) % BUCKETS]++;
	}
	/* 16 on average: so far out is a bucket among 4096 once in thousands of runs */
	for (uint32_t i = 0; i < BUCKETS; i++)
		assert_in_range(counts[i], 1, 45);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_places_and_lengths_count),
		cmocka_unit_test(test_low_bits_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
