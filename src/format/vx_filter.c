/*
 * vx_filter.c: tests of signatures, one row or a block of them at a time.
 */
#include "format/vx_filter.h"

/* Where a value is among 2^(64 - shift) places. */
static inline uint64_t
place_of(uint64_t value, uint32_t shift)
{
	return value * UINT64_C(0x9E3779B97F4A7C15) >> shift;
}

static inline bool
has_place(const VxTest *test, uint64_t value)
{
	uint64_t	place = place_of(value, test->shift);

	return (test->places[place / 64] >> place % 64 & 1) != 0;
}

static bool
is_among(const uint64_t *values, uint32_t n, uint64_t value)
{
	uint32_t	begin = 0;

	while (n > 1)
	{
		uint32_t	half = n / 2;

		begin = values[begin + half] <= value ? begin + half : begin;
		n -= half;
	}
	return n > 0 && values[begin] == value;
}

/* Entry i of a column. */
static inline uint64_t
entry_of(const void *column, uint32_t width, uint32_t i)
{
	return vx_signature_load((const char *) column + (size_t) i * width, width);
}

/* What a test costs, roughly, in tests of a range of 4 bytes. */
static uint32_t
cost_of(const VxTest *test, uint32_t width)
{
	if (test->kind == VX_TEST_RANGE)
		return width / 4;
	return test->places != NULL ? 50 : width / 4 * (1 + VX_MIN(test->n, 40));
}

void
vx_filter_prepare(VxFilter *filter, const VxMem *mem)
{
	for (uint32_t t = 0; t < filter->count; t++)
	{
		VxTest		test = filter->tests[t];
		uint32_t	at = t;

		test.places = NULL;
		if (test.kind == VX_TEST_ANY_OF)
		{
			test.low = test.values[0];
			test.high = test.values[test.n - 1];
			if (test.n > VX_FILTER_FEW_VALUES)
			{
				size_t		words;

				/* 64 to 128 places for each value: some 1 % of all others share one; fewer if these would not stay in L1 */
				test.shift = 64 - 10;
				while (test.shift > 32 && UINT64_C(1) << (64 - test.shift) < (test.shift > 64 - 18 ? 64 : 16) * (uint64_t) test.n)
					test.shift--;
				words = (size_t) 1 << (64 - test.shift - 6);
				test.places = vx_alloc_array(mem, words, sizeof(uint64_t));
				memset(test.places, 0, words * sizeof(uint64_t));
				for (uint32_t i = 0; i < test.n; i++)
				{
					uint64_t	place = place_of(test.values[i], test.shift);

					test.places[place / 64] |= UINT64_C(1) << place % 64;
				}
			}
		}
		/* insertion sort: there are few tests */
		for (; at > 0 && cost_of(&test, filter->width[test.column])
			 < cost_of(&filter->tests[at - 1], filter->width[filter->tests[at - 1].column]); at--)
			filter->tests[at] = filter->tests[at - 1];
		filter->tests[at] = test;
	}
}

static bool
test_passes(const VxTest *test, uint64_t signature)
{
	switch (test->kind)
	{
		case VX_TEST_RANGE:
			return test->low <= signature && signature <= test->high;
		case VX_TEST_ANY_OF:
			return is_among(test->values, test->n, signature);
		case VX_TEST_BITS:
			for (uint32_t i = 0; i < test->n; i++)
				if ((signature & test->values[i]) == test->values[i])
					return true;
			return false;
	}
	return true;
}

bool
vx_filter_matches(const VxFilter *filter, const uint64_t *signature)
{
	for (uint32_t t = 0; t < filter->count; t++)
		if (!test_passes(&filter->tests[t], signature[filter->tests[t].column]))
			return false;
	return true;
}

/* Which of the wanted entries are among many values. */
static uint64_t
among_many(const VxTest *test, const void *column, uint32_t width, uint64_t wanted)
{
	uint64_t	found = 0;

	wanted &= width == 4 ? vx_filter_kernels->range4(column, test->low, test->high)
		: vx_filter_kernels->range8(column, test->low, test->high);
	/* without a branch for each, if most are wanted */
	if (__builtin_popcountll(wanted) > VX_FILTER_BLOCK / 4)
	{
		uint64_t	placed = 0;

		if (width == 4)
			for (uint32_t i = 0; i < VX_FILTER_BLOCK; i++)
				placed |= (uint64_t) has_place(test, entry_of(column, 4, i)) << i;
		else
			for (uint32_t i = 0; i < VX_FILTER_BLOCK; i++)
				placed |= (uint64_t) has_place(test, entry_of(column, 8, i)) << i;
		wanted &= placed;
	}
	for (; wanted != 0; wanted &= wanted - 1)
	{
		uint32_t	i = (uint32_t) __builtin_ctzll(wanted);
		uint64_t	signature = entry_of(column, width, i);

		if (has_place(test, signature) && is_among(test->values, test->n, signature))
			found |= UINT64_C(1) << i;
	}
	return found;
}

uint64_t
vx_filter_block(const VxFilter *filter, const void *const *columns, uint32_t n)
{
	const VxFilterKernels *kernels = vx_filter_kernels;
	uint64_t	matches = n >= VX_FILTER_BLOCK ? UINT64_MAX : (UINT64_C(1) << n) - 1;

	for (uint32_t t = 0; t < filter->count && matches != 0; t++)
	{
		const VxTest *test = &filter->tests[t];
		const void *column = columns[test->column];
		uint32_t	width = filter->width[test->column];

		switch (test->kind)
		{
			case VX_TEST_RANGE:
				matches &= (width == 4 ? kernels->range4 : kernels->range8) (column, test->low, test->high);
				break;
			case VX_TEST_ANY_OF:
				if (test->places == NULL)
					matches &= (width == 4 ? kernels->any4 : kernels->any8) (column, test->values, test->n);
				else
					matches = among_many(test, column, width, matches);
				break;
			case VX_TEST_BITS:
				matches &= kernels->masks8(column, test->values, test->n);
				break;
		}
	}
	return matches;
}
