/*
 * test_text.c: numbers from text are what strtof() makes of them.
 */
#include "unit.h"

#include <stdio.h>

#include "core/vx_rng.h"
#include "core/vx_text.h"

/* Compares with strtof, bit by bit; returns whether the fast way was taken. */
static bool
same(const char *text)
{
	const char *end = NULL;
	char	   *expected_end;
	float		value = 0;
	float		expected = strtof(text, &expected_end);

	if (!vx_text_float(text, &end, &value))
		return false;
	if (memcmp(&value, &expected, sizeof(float)) != 0 || end != expected_end)
		fail_msg("\"%s\": %.9g instead of %.9g", text, (double) value, (double) expected);
	return true;
}

static void
test_written_out(void **state)
{
	static const char *const taken[] = {
		"0", "-0", "1", "-1.5", "0.1,", "34e5]", "7.25}", "1e5 ", ".5", "5.", "00012.50", "-3E-4,", "1e+2", "16777218", "0.000000000000000001"
	};
	static const char *const refused[] = {
		"", "-", ".", "e5", "1e", "1e+", "+1", "0x10", "nan", "inf", "1x", "1.5.2", "--1", " 1", "1_0",
		"1e400", "1e-40", "3.5e38", "1e-46", "12345678901234567890", "1e23", "1e99999999999",
		"16777217", "3.4e10"	/* half way between two floats */
	};

	(void) state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (!same(taken[i]))
			fail_msg("\"%s\" was not read", taken[i]);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		assert_false(same(refused[i]));
}

static void
test_random(void **state)
{
	static const char *const formats[] = {"%.9g", "%.6g", "%.17g", "%f", "%.3f", "%.12e", "%.15g,", "%.8f]", "%.5g}", "%.0f"};
	VxRng		rng = {5};
	int			taken = 0;
	char		text[512];

	(void) state;
	for (int i = 0; i < 1000000; i++)
	{
		double		number;

		if (i % 3 == 0)
			number = (vx_rng_unit(&rng) - 0.5) * 4;
		else
		{
			/* any bits: half way between two floats, or next to it, in every other case */
			uint64_t	bits = vx_rng_next(&rng);

			bits = (bits & ~(UINT64_C(0x7FF) << 52)) | (uint64_t) (1023 - 30 + (int) vx_rng_below(&rng, 60)) << 52;
			if (i % 3 == 1)
				bits = (bits & ~UINT64_C(0x1FFFFFFF)) + UINT64_C(0x10000000) + vx_rng_below(&rng, 3) - 1;
			memcpy(&number, &bits, sizeof(number));
		}
		snprintf(text, sizeof(text), formats[i % 9], number);
		taken += same(text);
	}
	/* a test that takes the slow way says nothing */
	assert_true(taken > 300000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_out),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
