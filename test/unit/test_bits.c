/*
 * test_bits.c: every table of kernels that count bits gives the counts of a loop over bits, whatever the length and the address.
 */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/vx_rng.h"
#include "distance/vx_bits.h"

/* More than are added up by bytes at a time, and the longest string that is indexed. */
static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 31, 33, 123, 124, 125, 127, 128, 129, 255, 257, 1000};

/* n words that begin at an odd address and end where a page ends that nobody may read beyond. */
static uint8_t *
guarded(size_t n)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);
	size_t		bytes = (n * 8 + 1 + page - 1) / page * page;
	char	   *p = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + bytes, page, PROT_NONE), 0);
	return (uint8_t *) p + bytes - n * 8;
}

static uint32_t
count_slowly(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32_t	count = 0;

	for (size_t i = 0; i < n * 64; i++)
		count += (uint32_t) ((a[i / 8] ^ (b == NULL ? 0 : b[i / 8])) >> i % 8 & 1);
	return count;
}

/* kind: 0 random bits, 1 all are set, 2 a few. */
static void
fill(uint8_t *a, size_t n, int kind, VxRng *rng)
{
	for (size_t i = 0; i < n * 8; i++)
		a[i] = (uint8_t) (kind == 1 ? 0xFF : kind == 0 ? vx_rng_below(rng, 256) : vx_rng_below(rng, 9) == 0);
}

static void
test_counts(void **state)
{
	VxRng		rng = {1};
	const VxBitKernels *k;

	(void) state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		size_t		n = sizes[s];
		uint8_t    *a = guarded(n);
		uint8_t    *b = guarded(n);
		uint8_t    *odd = malloc(n * 8 + 1);

		for (int kind = 0; kind < 9; kind++)
		{
			fill(a, n, kind % 3, &rng);
			fill(b, n, kind / 3, &rng);
			memcpy(odd + 1, b, n * 8);
			for (int i = 0; (k = vx_bit_kernels_available(i)) != NULL; i++)
			{
				assert_int_equal(k->differing(a, b, n), count_slowly(a, b, n));
				assert_int_equal(k->differing(a, odd + 1, n), count_slowly(a, b, n));
				assert_int_equal(k->differing(a, a, n), 0);
				assert_int_equal(k->set(a, n), count_slowly(a, NULL, n));
				assert_int_equal(k->set(odd + 1, n), count_slowly(b, NULL, n));
			}
		}
		free(odd);
	}
}

static void
test_jaccard(void **state)
{
	(void) state;
	assert_true(vx_jaccard_distance(0, 4, 4) == 0);
	assert_true(vx_jaccard_distance(1, 4, 3) == 0.25);
	assert_true(vx_jaccard_distance(4, 4, 0) == 1);
	assert_true(vx_jaccard_distance(2, 1, 1) == 1);
	/* two without any bit set */
	assert_true(vx_jaccard_distance(0, 0, 0) == 1);
	/* what cannot be */
	for (uint64_t set = 0; set < 20; set++)
		for (uint64_t differing = 0; differing < 60; differing++)
			assert_true(vx_jaccard_distance(differing, set, 7) >= 0 && vx_jaccard_distance(differing, set, 7) <= 1);
}

static void
test_choice(void **state)
{
	const VxBitKernels *chosen = vx_bit_kernels_select();

	(void) state;
	assert_ptr_equal(chosen, vx_bit_kernels);
	assert_string_equal(vx_bit_kernels_available(0)->name, "scalar");
	for (int i = 0; vx_bit_kernels_available(i) != NULL; i++)
		print_message("# kernels that count bits: %s\n", vx_bit_kernels_available(i)->name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_jaccard),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
