/*
 * test_distance.c: every kernel table against double precision, on awkward sizes and values.
 */
#include "unit.h"

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "distance/vx_distance.h"

#define MAX_DIM 16000

static const size_t sizes[] = {127, 128, 129, 130, 255, 256, 257, 383, 384, 385, 767, 768, 1535, 1536, 1537, MAX_DIM};

/* n floats that end where a page ends that nobody may read beyond. */
static float *
guarded(size_t n)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);
	size_t		bytes = (n * sizeof(float) + page - 1) / page * page;
	char	   *p = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + bytes, page, PROT_NONE), 0);
	return (float *) (void *) (p + bytes) - n;
}

static void
close_to(double expected, double got, double scale)
{
	/* a sum of n float products errs by a few roundings of its partial sums */
	if (!(fabs(expected - got) <= 4e-6 * scale + 1e-30))
		fail_msg("expected %.9g, got %.9g", expected, got);
}

static void
check_table(const VxKernels *k, const float *a, const float *b, size_t n)
{
	double		l2 = 0,
				ip = 0,
				l1 = 0,
				na = 0,
				nb = 0,
				ip_scale = 0;
	float		dot,
				norm2_a,
				norm2_b;

	for (size_t i = 0; i < n; i++)
	{
		double		d = (double) a[i] - (double) b[i];

		l2 += d * d;
		l1 += fabs(d);
		ip += (double) a[i] * (double) b[i];
		ip_scale += fabs((double) a[i] * (double) b[i]);
		na += (double) a[i] * (double) a[i];
		nb += (double) b[i] * (double) b[i];
	}
	close_to(l2, (double) k->l2_squared(a, b, n), l2 * 10);
	close_to(ip, (double) k->inner_product(a, b, n), ip_scale * 10);
	close_to(l1, (double) k->l1(a, b, n), l1 * 10);
	close_to(na, (double) k->norm_squared(a, n), na * 10);
	close_to(nb, (double) k->norm_squared(b, n), nb * 10);

	/* symmetry and the bit rule: equal floats, not just near ones */
	assert_true(k->l2_squared(a, b, n) == k->l2_squared(b, a, n));
	assert_true(k->inner_product(a, b, n) == k->inner_product(b, a, n));
	assert_true(k->l1(a, b, n) == k->l1(b, a, n));
	k->cosine_parts(a, b, n, &dot, &norm2_a, &norm2_b);
	assert_true(dot == k->inner_product(a, b, n));
	assert_true(norm2_a == k->norm_squared(a, n));
	assert_true(norm2_b == k->norm_squared(b, n));
}

static void
for_each_table(void (*check) (const VxKernels *))
{
	const VxKernels *k;
	int			count = 0;

	for (int i = 0; (k = vx_kernels_available(i)) != NULL; i++, count++)
	{
		print_message("# kernels: %s\n", k->name);
		check(k);
	}
	assert_true(count >= 1);
}

static void
check_random(const VxKernels *k)
{
	VxRng		rng = {42};
	float	   *a = guarded(MAX_DIM);
	float	   *b = guarded(MAX_DIM);

	for (size_t i = 0; i < MAX_DIM; i++)
	{
		a[i] = (float) (vx_rng_unit(&rng) * 4 - 2);
		b[i] = (float) (vx_rng_unit(&rng) * 4 - 2);
	}
	/* arrays end at the guard page, and start at every offset from a register's boundary */
	for (size_t n = 0; n <= 70; n++)
		check_table(k, a + MAX_DIM - n, b + MAX_DIM - n, n);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (size_t offset = 0; offset < 17 && offset + sizes[i] <= MAX_DIM; offset++)
			check_table(k, a + MAX_DIM - sizes[i] - offset, b + MAX_DIM - sizes[i], sizes[i]);
}

static void
test_random(void **state)
{
	(void) state;
	for_each_table(check_random);
}

/* Sums of small integers are exact in floats, whatever their order. */
static void
check_integers(const VxKernels *k)
{
	VxRng		rng = {7};
	float		a[200],
				b[200];

	for (int round = 0; round < 100; round++)
	{
		size_t		n = vx_rng_below(&rng, 200) + 1;
		double		l2 = 0,
					ip = 0,
					l1 = 0;

		for (size_t i = 0; i < n; i++)
		{
			a[i] = (float) vx_rng_below(&rng, 256);
			b[i] = (float) vx_rng_below(&rng, 256);
			l2 += (double) ((a[i] - b[i]) * (a[i] - b[i]));
			ip += (double) (a[i] * b[i]);
			l1 += (double) fabsf(a[i] - b[i]);
		}
		assert_true((double) k->l2_squared(a, b, n) == l2);
		assert_true((double) k->inner_product(a, b, n) == ip);
		assert_true((double) k->l1(a, b, n) == l1);
	}
}

static void
test_integers(void **state)
{
	(void) state;
	for_each_table(check_integers);
}

static void
check_special(const VxKernels *k)
{
	float		zero[40] = {0};
	float		huge[40],
				tiny[40],
				negative_zero[40];

	for (int i = 0; i < 40; i++)
	{
		huge[i] = 3e38f;
		tiny[i] = 1e-42f;
		negative_zero[i] = -0.0f;
	}
	for (size_t n = 1; n <= 40; n++)
	{
		assert_true(isinf(k->l2_squared(huge, zero, n)));
		assert_true(isinf(k->norm_squared(huge, n)));
		assert_true(k->l2_squared(huge, huge, n) == 0);
		assert_true(k->l1(tiny, zero, n) > 0);
		assert_true(k->l2_squared(negative_zero, zero, n) == 0);
	}
	assert_true(k->l2_squared(huge, zero, 0) == 0);
	assert_true(k->inner_product(huge, huge, 0) == 0);
}

static void
test_special(void **state)
{
	(void) state;
	for_each_table(check_special);
}

static void
test_selection(void **state)
{
	const VxKernels *chosen;

	(void) state;
	assert_non_null(vx_kernels);
	assert_string_equal(vx_kernels_available(0)->name, "scalar");
	chosen = vx_kernels_select();
	assert_ptr_equal(chosen, vx_kernels);
	assert_null(vx_kernels_available(-1));
	assert_null(vx_kernels_available(100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_selection),
	};

	return cmocka_run_group_tests_name("distance", tests, NULL, NULL);
}
