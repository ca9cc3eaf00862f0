/*
 * test_signature.c: signatures keep the order of values, and filters test them alike in each way.
 */
#include "unit.h"

#include <float.h>

#include "format/vx_filter.h"
#include "format/vx_signature.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ascending signatures of data; strict: all different. */
static void
check_ascending(const uint64_t *signatures, size_t n, uint32_t width, bool strict)
{
	for (size_t i = 0; i < n; i++)
	{
		assert_true(signatures[i] >= VX_SIGNATURE_LEAST && signatures[i] <= vx_signature_max(width));
		if (i > 0)
			assert_true(strict ? signatures[i] > signatures[i - 1] : signatures[i] >= signatures[i - 1]);
	}
}

static void
test_integers(void **state)
{
	static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, INT64_MIN + 2, INT64_MIN + 3, (int64_t) INT32_MIN - 1, INT32_MIN,
		INT32_MIN + 1, INT32_MIN + 2, INT32_MIN + 3, -2, -1, 0, 1, 2, INT32_MAX - 1, INT32_MAX, (int64_t) INT32_MAX + 1,
		INT64_MAX - 1, INT64_MAX};
	static const uint32_t naturals[] = {0, 1, 2, 3, INT32_MAX, UINT32_MAX - 3, UINT32_MAX - 2, UINT32_MAX - 1, UINT32_MAX};
	uint64_t	wide[COUNT(values)];
	uint64_t	narrow[COUNT(values)];

	(void) state;
	for (size_t i = 0; i < COUNT(values); i++)
	{
		wide[i] = vx_signature_int64(values[i]);
		narrow[i] = vx_signature_clamped(values[i]);
		if (values[i] >= INT32_MIN && values[i] <= INT32_MAX)
			assert_true(narrow[i] == vx_signature_int32((int32_t) values[i]));
	}
	check_ascending(wide, COUNT(values), 8, false);
	check_ascending(narrow, COUNT(values), 4, false);
	check_ascending(wide + 2, COUNT(values) - 2, 8, true);
	check_ascending(narrow + 7, 9, 4, true);

	for (size_t i = 0; i < COUNT(naturals); i++)
		narrow[i] = vx_signature_uint32(naturals[i]);
	check_ascending(narrow, COUNT(naturals), 4, false);
	check_ascending(narrow, COUNT(naturals) - 2, 4, true);
}

static void
test_floats(void **state)
{
	static const double values[] = {-HUGE_VAL, -DBL_MAX, -1e300, -FLT_MAX, -1, -(double) FLT_MIN, -1e-44, -DBL_MIN, -4.9e-324, 0, 4.9e-324,
		DBL_MIN, 1e-44, (double) FLT_MIN, 1, 1 + DBL_EPSILON, 1 + (double) FLT_EPSILON, FLT_MAX, 1e300, DBL_MAX, HUGE_VAL, (double) NAN};
	uint64_t	wide[COUNT(values)];
	uint64_t	narrow[COUNT(values)];

	(void) state;
	for (size_t i = 0; i < COUNT(values); i++)
	{
		wide[i] = vx_signature_double(values[i]);
		narrow[i] = vx_signature_rounded(values[i]);
		/* a double that is a float has the signature of that */
		if (isnan(values[i]) || fabs(values[i]) <= (double) FLT_MAX || isinf(values[i]))
			assert_true(narrow[i] == vx_signature_float((float) values[i]));
	}
	check_ascending(wide, COUNT(values), 8, true);
	check_ascending(narrow, COUNT(values), 4, false);
	assert_true(vx_signature_double(-0.0) == vx_signature_double(0.0));
	assert_true(vx_signature_float(-0.0f) == vx_signature_float(0.0f));
	assert_true(vx_signature_rounded(-4.9e-324) == vx_signature_float(0.0f));
	assert_true(vx_signature_double(-(double) NAN) == vx_signature_double((double) NAN));
	assert_true(vx_signature_float(-NAN) == vx_signature_float(NAN));
	assert_true(vx_signature_float(NAN) > vx_signature_float(INFINITY));
}

static void
test_bytes(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t		n;
	}			values[] = {{"", 0}, {"\0", 1}, {"\0\0\0\0\0\0\0\1", 8}, {"\0\0\0\0\0\0\0\2", 8}, {"\0\0\0\0\0\0\0\3", 8},
	{"\0\1", 2}, {"a", 1}, {"a\0b", 3}, {"ab", 2}, {"abcdefg", 7}, {"abcdefgh", 8}, {"abcdefghZ", 9}, {"abcdefgi", 8}, {"b", 1},
	{"\x80", 1}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9}};
	uint64_t	signatures[COUNT(values)];

	(void) state;
	for (size_t i = 0; i < COUNT(values); i++)
		signatures[i] = vx_signature_bytes(values[i].bytes, values[i].n);
	check_ascending(signatures, COUNT(values), 8, false);
	check_ascending(signatures + 3, 8, 8, true);
	assert_true(signatures[10] == signatures[11]);
	assert_true(signatures[11] < signatures[12]);
}

/* Random pairs of values of each type: the order of the signatures is never the other way round. */
static void
test_order(void **state)
{
	VxRng		rng = {31};

	(void) state;
	for (int round = 0; round < 200000; round++)
	{
		/* few bits, or all of them */
		int			shift = (int) vx_rng_below(&rng, 64);
		uint64_t	a = vx_rng_next(&rng) >> shift << vx_rng_below(&rng, (uint32_t) shift + 1);
		uint64_t	b = round % 3 == 0 ? a + vx_rng_below(&rng, 3) - 1 : vx_rng_next(&rng) >> shift;
		double		x;
		double		y;
		float		f;
		float		g;

		memcpy(&x, &a, 8);
		memcpy(&y, &b, 8);
		memcpy(&f, &a, 4);
		memcpy(&g, &b, 4);
		if ((int64_t) a <= (int64_t) b)
		{
			assert_true(vx_signature_int64((int64_t) a) <= vx_signature_int64((int64_t) b));
			assert_true(vx_signature_clamped((int64_t) a) <= vx_signature_clamped((int64_t) b));
		}
		if ((uint32_t) a <= (uint32_t) b)
			assert_true(vx_signature_uint32((uint32_t) a) <= vx_signature_uint32((uint32_t) b));
		if (x <= y || isnan(y))
		{
			assert_true(vx_signature_double(x) <= vx_signature_double(y));
			assert_true(vx_signature_rounded(x) <= vx_signature_rounded(y));
		}
		if (f <= g || isnan(g))
			assert_true(vx_signature_float(f) <= vx_signature_float(g));
		/* a column of floats, compared with a double */
		if ((double) f <= y || isnan(y))
			assert_true(vx_signature_float(f) <= vx_signature_rounded(y));
		if (y <= (double) f || isnan(f))
			assert_true(vx_signature_rounded(y) <= vx_signature_float(f));
		if (memcmp(&a, &b, 8) <= 0)
			assert_true(vx_signature_bytes(&a, 8) <= vx_signature_bytes(&b, 8));
	}
}

/* A set has the bits of its elements; others have them about as often as the table in vx_signature.h says. */
static void
test_bloom(void **state)
{
	static const struct
	{
		uint32_t	n;
		double		share;
	}			expected[] = {{3, .0013}, {5, .0055}, {10, .05}, {20, .27}};
	VxRng		rng = {32};

	(void) state;
	for (uint64_t hash = 0; hash < 1000; hash++)
	{
		int			bits = __builtin_popcountll(vx_bloom_bits(hash));

		assert_true(bits >= 1 && bits <= VX_BLOOM_BITS && (vx_bloom_bits(hash) & VX_BLOOM_SET) == 0);
	}
	for (size_t e = 0; e < COUNT(expected); e++)
	{
		uint32_t	wrong = 0;

		for (int round = 0; round < 100000; round++)
		{
			uint64_t	set = VX_BLOOM_SET;
			/* a hash of 32 bits will do */
			uint64_t	other = vx_bloom_bits(vx_rng_below(&rng, UINT32_MAX));

			for (uint32_t i = 0; i < expected[e].n; i++)
				set |= vx_bloom_bits(vx_rng_below(&rng, UINT32_MAX));
			wrong += (set & other) == other;
		}
		assert_true(wrong / 1e5 < expected[e].share * 1.3 && wrong / 1e5 > expected[e].share * 0.5);
	}
}

static void
test_columns(void **state)
{
	char		memory[8 * 5 + 1];

	(void) state;
	assert_int_equal(vx_signature_width(VX_SIGNATURE_NONE), 0);
	assert_int_equal(vx_signature_width((VxSignatureKind) 77), 0);
	for (uint32_t width = 4; width <= 8; width += 4)
		for (uint32_t i = 0; i < 5; i++)
		{
			uint64_t	signature = (UINT64_MAX - i) & vx_signature_max(width);

			vx_signature_store(memory + 1 + i * width, width, signature);
			assert_true(vx_signature_load(memory + 1 + i * width, width) == signature);
		}
}

/* A signature, often one of few, so that tests meet what they look for. */
static uint64_t
random_signature(VxRng *rng, uint32_t width)
{
	uint64_t	max = vx_signature_max(width);

	switch (vx_rng_below(rng, 8))
	{
		case 0:
			return vx_rng_below(rng, 4);
		case 1:
			return max - vx_rng_below(rng, 3);
		case 2:
			return max / 2 + vx_rng_below(rng, 3);
		case 3:
		case 4:
			return 1000 + vx_rng_below(rng, 50);
		case 5:
			return (VX_BLOOM_SET | vx_bloom_bits(vx_rng_below(rng, 4)) | vx_bloom_bits(vx_rng_below(rng, 20))) & max;
		default:
			return vx_rng_next(rng) & max;
	}
}

static int
compare_signatures(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static void
make_test(VxRng *rng, uint32_t width, VxTest *test, uint64_t *values)
{
	test->kind = (VxTestKind) vx_rng_below(rng, width == 8 ? 3 : 2);
	test->low = random_signature(rng, width);
	test->high = random_signature(rng, width);
	if (test->low > test->high)
		test->high = test->low;
	test->values = values;
	test->n = 1 + vx_rng_below(rng, vx_rng_below(rng, 2) ? 12 : 300);
	for (uint32_t i = 0; i < test->n; i++)
		values[i] = test->kind == VX_TEST_BITS ? VX_BLOOM_SET | vx_bloom_bits(vx_rng_below(rng, 30)) : random_signature(rng, width);
	if (test->kind == VX_TEST_ANY_OF)
	{
		uint32_t	kept = 0;

		qsort(values, test->n, sizeof(uint64_t), compare_signatures);
		for (uint32_t i = 0; i < test->n; i++)
			if (kept == 0 || values[i] != values[kept - 1])
				values[kept++] = values[i];
		test->n = kept;
	}
}

/* What a test means, said once more. */
static bool
passes(const VxTest *test, uint64_t x)
{
	bool		found = false;

	if (test->kind == VX_TEST_RANGE)
		return x >= test->low && x <= test->high;
	for (uint32_t i = 0; i < test->n; i++)
		found |= test->kind == VX_TEST_ANY_OF ? x == test->values[i] : (~x & test->values[i]) == 0;
	return found;
}

/* Each kernel, row by row and in blocks, on filters of up to four tests of three columns. */
static void
test_filters(void **state)
{
	static uint64_t values[4][300];
	/* entries behind n hold anything; columns begin at odd addresses */
	static char memory[3][VX_FILTER_BLOCK * 8 + 1];
	VxRng		rng = {33};
	const VxFilterKernels *chosen = vx_filter_kernels;
	const VxFilterKernels *table;
	uint32_t	matched = 0;

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		VxTest		tests[4] = {{.kind = VX_TEST_RANGE}};
		VxTest		given[4];
		VxFilter	filter = {.tests = tests,.count = round % 100 == 0 ? 0 : 1 + vx_rng_below(&rng, vx_rng_below(&rng, 4) + 1)};
		const void *columns[VX_MAX_FILTERS] = {memory[0], memory[1] + 1, memory[2] + 1};
		uint32_t	n = vx_rng_below(&rng, 3) ? VX_FILTER_BLOCK : vx_rng_below(&rng, VX_FILTER_BLOCK + 1);
		uint64_t	expected = 0;

		for (uint32_t c = 0; c < 3; c++)
		{
			filter.width[c] = vx_rng_below(&rng, 2) ? 4 : 8;
			for (uint32_t i = 0; i < VX_FILTER_BLOCK; i++)
				vx_signature_store(memory[c] + (c > 0) + i * filter.width[c], filter.width[c], random_signature(&rng, filter.width[c]));
		}
		for (uint32_t t = 0; t < filter.count; t++)
		{
			tests[t].column = vx_rng_below(&rng, 3);
			make_test(&rng, filter.width[tests[t].column], &tests[t], values[t]);
		}
		memcpy(given, tests, sizeof(given));
		vx_filter_prepare(&filter, &unit_mem);
		for (uint32_t i = 0; i < n; i++)
		{
			uint64_t	signature[3];
			bool		match = true;

			for (uint32_t c = 0; c < 3; c++)
				signature[c] = vx_signature_load((const char *) columns[c] + i * filter.width[c], filter.width[c]);
			for (uint32_t t = 0; t < filter.count; t++)
				match &= passes(&given[t], signature[given[t].column]);
			assert_true(vx_filter_matches(&filter, signature) == match);
			expected |= (uint64_t) match << i;
		}
		for (int k = 0; (table = vx_filter_kernels_available(k)) != NULL; k++)
		{
			vx_filter_kernels = table;
			if (vx_filter_block(&filter, columns, n) != expected)
				fail_msg("%s: round %d", table->name, round);
		}
		matched += expected != 0;
		for (uint32_t t = 0; t < filter.count; t++)
			free(tests[t].places);
	}
	vx_filter_kernels = chosen;
	assert_true(matched > 5000);
}

/* Columns that no test is of need not be there, and few values in a large range are found. */
static void
test_lists(void **state)
{
	enum
	{
	MANY = 5000};
	uint64_t   *values = malloc(MANY * sizeof(uint64_t));
	uint64_t	column[VX_FILTER_BLOCK];
	VxTest		test = {.kind = VX_TEST_ANY_OF,.column = 2,.values = values,.n = MANY};
	VxFilter	filter = {.tests = &test,.count = 1,.width = {4, 4, 8}};
	const void *columns[3] = {NULL, NULL, column};

	(void) state;
	for (uint64_t i = 0; i < MANY; i++)
		values[i] = 7 + (i + 1) * (i + 1) * (i + 1);
	vx_filter_prepare(&filter, &unit_mem);
	assert_true(test.low == 8 && test.high == values[MANY - 1] && test.places != NULL);
	for (uint64_t first = 0; first < MANY; first += 17)
	{
		for (uint64_t i = 0; i < VX_FILTER_BLOCK; i++)
			column[i] = i % 3 == 0 ? values[(first + i) % MANY] : values[(first + i) % MANY] + 1 + i % 2;
		assert_true(vx_filter_block(&filter, columns, VX_FILTER_BLOCK) == UINT64_C(0x9249249249249249));
		/* few candidates are looked at one by one */
		assert_true(vx_filter_block(&filter, columns, 4) == 9);
	}
	free(test.places);
	free(values);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bloom),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_lists),
	};

	vx_filter_kernels_select();
	return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
