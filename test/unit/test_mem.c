/*
 * test_mem.c: sizes that no memory has are refused by the allocator, not made smaller.
 */
#include "unit.h"

#include "core/vx_idset.h"
#include "graph/vx_store.h"

static void
test_sizes(void **state)
{
	(void) state;
	assert_true(vx_size_product(0, SIZE_MAX) == 0);
	assert_true(vx_size_product(1, SIZE_MAX) == SIZE_MAX);
	assert_true(vx_size_product(3, 5) == 15);
	assert_true(vx_size_product(UINT32_MAX, UINT32_MAX) == (size_t) UINT32_MAX * UINT32_MAX);
	assert_true(vx_size_product(SIZE_MAX / 2, 2) == SIZE_MAX - 1);
	assert_true(vx_size_product(SIZE_MAX / 2 + 1, 2) == SIZE_MAX);
	assert_true(vx_size_product((size_t) 1 << 32, (size_t) 1 << 32) == SIZE_MAX);
	/* what is too large stays so */
	assert_true(vx_size_product(vx_size_product(SIZE_MAX, 3), 4) == SIZE_MAX);
	assert_true(vx_size_sum(vx_size_product(SIZE_MAX, 3), 64) == SIZE_MAX);
	assert_true(vx_size_sum(SIZE_MAX - 1, 1) == SIZE_MAX);
	assert_true(vx_size_sum(2, 3) == 5);
}

static void
test_capacities(void **state)
{
	uint32_t	capacity = 0;
	uint32_t	steps = 0;

	(void) state;
	for (; capacity < UINT32_MAX; steps++)
	{
		uint32_t	grown = vx_grown(capacity, 100);

		assert_true(grown > capacity && grown >= 100);
		capacity = grown;
	}
	assert_int_equal(steps, 27);
	assert_true(vx_grown(8, 100) == 100);
	assert_true(vx_grown(UINT32_MAX, 100) == UINT32_MAX);
}

/* The size that an array of n items is asked for with. */
static size_t
requested(size_t n, size_t item_bytes, bool resize)
{
	UnitRequests requests = {.last = 1};
	VxMem		mem = {.resize = unit_request,.context = &requests};

	if (setjmp(requests.leave) == 0)
		(void) (resize ? vx_resize_array(&mem, NULL, n, item_bytes) : vx_alloc_array(&mem, n, item_bytes));
	return requests.sizes[0];
}

static void
test_arrays(void **state)
{
	(void) state;
	for (int resize = 0; resize < 2; resize++)
	{
		assert_true(requested(UINT32_MAX, 64, resize) == (size_t) UINT32_MAX * 64);
		assert_true(requested(SIZE_MAX / 16 + 1, 16, resize) == SIZE_MAX);
	}
}

static void
test_point_set(void **state)
{
	UnitRequests requests = {.last = 1};
	VxMem		mem = {.resize = unit_request,.context = &requests};
	VxPointSet	set = {0};

	(void) state;
	if (setjmp(requests.leave) == 0)
		vx_pointset_reserve_copies(&set, &mem, 3, SIZE_MAX / 2);
	assert_int_equal(requests.count, 1);
	assert_true(requests.sizes[0] == SIZE_MAX);
}

/* A set of ids grows up to a table with a place for each, and no further. */
static void
test_largest_idset(void **state)
{
	UnitRequests requests = {.last = 1};
	VxMem		mem = {.resize = unit_request,.context = &requests};
	uint32_t	slots[1] = {0};
	VxIdSet		set = {.mem = &mem,.slots = slots,.mask = UINT32_MAX >> 1,.shift = 1,.count = UINT32_MAX / 16 * 3};

	(void) state;
	if (setjmp(requests.leave) == 0)
		vx_idset_reserve(&set, 64);
	assert_int_equal(requests.count, 1);
	assert_true(requests.sizes[0] == ((size_t) 1 << 32) * sizeof(uint32_t));
	assert_true(set.mask == UINT32_MAX && set.shift == 0);
	set.count = UINT32_MAX - 1;
	vx_idset_reserve(&set, 64);
	assert_int_equal(requests.count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_capacities),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_point_set),
		cmocka_unit_test(test_largest_idset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
