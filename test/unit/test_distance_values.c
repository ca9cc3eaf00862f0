/*
 * test_distance_values.c: properties that every kernel table must have exactly, whatever the order of its sums.
 *
 * test_distance.c compares with double precision within a tolerance, which a lost element of a long vector may pass. Here
 * results are exact: one element at a time, integers, denormals, infinities and NaN, and equality of bits between
 * functions, between argument orders and between places in memory. Arrays are aligned as float is (4 bytes): the kernels
 * ask for no more, and C allows no less.
 */
#include "unit.h"

#include <float.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "distance/vx_distance.h"

#define MAX_SMALL 300			/* more than any main loop, its single registers and a tail take */

/* Tables this architecture may have; those the processor lacks are named in the output, so that a log shows what ran. */
#if defined(__x86_64__)
static const char *const known_tables[] = {"scalar", "avx2", "avx512"};
#elif defined(__aarch64__)
static const char *const known_tables[] = {"scalar", "neon"};
#else
static const char *const known_tables[] = {"scalar"};
#endif

/* Dimensions beyond MAX_SMALL, around what the loops and the embedding models use. */
static const size_t large_sizes[] = {383, 384, 385, 511, 512, 513, 767, 768, 769, 1023, 1024, 1025, 1535, 1536, 1537,
	15999, 16000, 16001};

static const VxKernels *
find_table(const char *name)
{
	const VxKernels *k;

	for (int i = 0; (k = vx_kernels_available(i)) != NULL; i++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static void
for_each_table(void (*check) (const VxKernels *))
{
	const VxKernels *k;

	for (int i = 0; (k = vx_kernels_available(i)) != NULL; i++)
		check(k);
}

static void
test_tables(void **state)
{
	size_t		found = 0;

	(void) state;
	for (size_t i = 0; i < sizeof(known_tables) / sizeof(*known_tables); i++)
	{
		bool		present = find_table(known_tables[i]) != NULL;

		print_message("# %s: %s\n", present ? "tested" : "skipped", known_tables[i]);
		found += present;
	}
	/* no table hides from this list */
	assert_non_null(vx_kernels_available((int) found - 1));
	assert_null(vx_kernels_available((int) found));
}

static uint32_t
bits(float x)
{
	uint32_t	u;

	memcpy(&u, &x, sizeof(u));
	return u;
}

/* Equal to the last bit; one NaN is as good as another. */
static void
same(const char *what, const VxKernels *k, size_t n, float x, float y)
{
	if (bits(x) != bits(y) && !(isnan(x) && isnan(y)))
		fail_msg("%s of %s kernels, %zu dimensions: %.9g and %.9g", what, k->name, n, (double) x, (double) y);
}

/* Symmetry, the bit rule, and the distance from itself. */
static void
check_rules(const VxKernels *k, const float *a, const float *b, size_t n)
{
	float		dot,
				norm2_a,
				norm2_b,
				l2;

	same("l2 and its reverse", k, n, k->l2_squared(a, b, n), k->l2_squared(b, a, n));
	same("ip and its reverse", k, n, k->inner_product(a, b, n), k->inner_product(b, a, n));
	same("l1 and its reverse", k, n, k->l1(a, b, n), k->l1(b, a, n));
	same("norm and ip with itself", k, n, k->norm_squared(a, n), k->inner_product(a, a, n));
	l2 = k->l2_squared(a, b, n);
	same("l2 and its score", k, n, k->l2_score(a, b, n), vx_square_is_plain(l2) ? l2 : vx_wide_square_score(a, b, n, 0));
	same("l2 score and its reverse", k, n, k->l2_score(a, b, n), k->l2_score(b, a, n));
	k->cosine_parts(a, b, n, &dot, &norm2_a, &norm2_b);
	same("dot of cosine_parts and ip", k, n, dot, k->inner_product(a, b, n));
	same("first norm of cosine_parts", k, n, norm2_a, k->norm_squared(a, n));
	same("second norm of cosine_parts", k, n, norm2_b, k->norm_squared(b, n));
	k->cosine_parts(a, a, n, &dot, &norm2_a, &norm2_b);
	same("cosine_parts of a vector with itself", k, n, dot, norm2_a);
	same("cosine_parts of a vector with itself", k, n, dot, norm2_b);
}

/* Magnitudes from 2^-60 to 2^60, so that another order of additions would give another sum. */
static float
wild(VxRng *rng)
{
	return (float) ldexp(vx_rng_unit(rng) * 2 - 1, (int) vx_rng_below(rng, 121) - 60);
}

static void
check_bits(const VxKernels *k)
{
	VxRng		rng = {17};
	size_t		longest = large_sizes[sizeof(large_sizes) / sizeof(*large_sizes) - 1];
	float	   *a = malloc(longest * sizeof(float));
	float	   *b = malloc(longest * sizeof(float));

	for (size_t i = 0; i < longest; i++)
	{
		a[i] = wild(&rng);
		b[i] = wild(&rng);
	}
	for (size_t n = 0; n <= MAX_SMALL; n++)
	{
		check_rules(k, a + n, b + n, n);
		assert_true(k->l2_squared(a, a, n) == 0);
		assert_true(k->l1(a, a, n) == 0);
	}
	for (size_t i = 0; i < sizeof(large_sizes) / sizeof(*large_sizes); i++)
		check_rules(k, a, b, large_sizes[i]);
	free(a);
	free(b);
}

static void
test_bits(void **state)
{
	(void) state;
	for_each_table(check_bits);
}

/* A result depends on the values alone: at every place within a cache line, for either array, the bits are the same. */
static void
check_places(const VxKernels *k)
{
	static const size_t some_sizes[] = {1, 3, 8, 15, 16, 17, 31, 33, 64, 100, 128, 131, 257};
	_Alignas(64) float a[MAX_SMALL],
				b[MAX_SMALL];
	float		x[MAX_SMALL],
				y[MAX_SMALL];
	VxRng		rng = {23};

	for (size_t i = 0; i < MAX_SMALL; i++)
	{
		x[i] = wild(&rng);
		y[i] = wild(&rng);
	}
	for (size_t s = 0; s < sizeof(some_sizes) / sizeof(*some_sizes); s++)
		for (size_t at_a = 0; at_a < 16; at_a++)
			for (size_t at_b = 0; at_b < 16; at_b++)
			{
				size_t		n = some_sizes[s];

				memcpy(a + at_a, x, n * sizeof(float));
				memcpy(b + at_b, y, n * sizeof(float));
				same("l2 elsewhere", k, n, k->l2_squared(a + at_a, b + at_b, n), k->l2_squared(x, y, n));
				same("ip elsewhere", k, n, k->inner_product(a + at_a, b + at_b, n), k->inner_product(x, y, n));
				same("l1 elsewhere", k, n, k->l1(a + at_a, b + at_b, n), k->l1(x, y, n));
				same("norm elsewhere", k, n, k->norm_squared(a + at_a, n), k->norm_squared(x, n));
			}
}

static void
test_places(void **state)
{
	(void) state;
	for_each_table(check_places);
}

static void
check_exact(const VxKernels *k, const float *a, const float *b, size_t n, float l2, float ip, float l1, float na, float nb)
{
	float		dot,
				norm2_a,
				norm2_b;

	same("l2", k, n, k->l2_squared(a, b, n), l2);
	same("ip", k, n, k->inner_product(a, b, n), ip);
	same("l1", k, n, k->l1(a, b, n), l1);
	same("norm", k, n, k->norm_squared(a, n), na);
	k->cosine_parts(a, b, n, &dot, &norm2_a, &norm2_b);
	same("dot", k, n, dot, ip);
	same("first norm", k, n, norm2_a, na);
	same("second norm", k, n, norm2_b, nb);
}

/*
 * Every element counts once and no other does: one element is set, the others are zero, and NaN stands on both sides of
 * the arrays, where a kernel that uses what it reads beyond them would pick it up.
 */
static void
check_one(const VxKernels *k, float *a, float *b, size_t n, size_t i)
{
	a[i] = 3;
	b[i] = -5;
	check_exact(k, a, b, n, 64, -15, 8, 9, 25);
	a[i] = b[i] = 0;
}

static void
check_each_element(const VxKernels *k)
{
	size_t		longest = large_sizes[sizeof(large_sizes) / sizeof(*large_sizes) - 1];
	size_t		margin = 64;
	float	   *a = malloc((longest + 2 * margin) * sizeof(float));
	float	   *b = malloc((longest + 2 * margin) * sizeof(float));

	for (size_t i = 0; i < longest + 2 * margin; i++)
		a[i] = b[i] = NAN;
	for (size_t n = 1; n <= MAX_SMALL; n++)
	{
		/* what was NaN behind the shorter vector is now its last element */
		a[margin + n - 1] = b[margin + n - 1] = 0;
		for (size_t i = 0; i < n; i++)
			check_one(k, a + margin, b + margin, n, i);
	}
	for (size_t s = 0, n = MAX_SMALL; s < sizeof(large_sizes) / sizeof(*large_sizes); s++)
	{
		for (; n < large_sizes[s]; n++)
			a[margin + n] = b[margin + n] = 0;
		for (size_t i = 0; i < 200; i++)
		{
			check_one(k, a + margin, b + margin, n, i);
			check_one(k, a + margin, b + margin, n, n - 1 - i);
		}
	}
	free(a);
	free(b);
}

static void
test_each_element(void **state)
{
	(void) state;
	for_each_table(check_each_element);
}

/* Bytes as floats, as SIFT descriptors are: all partial sums are integers below 2^24, so every order gives the same. */
static void
check_bytes(const VxKernels *k)
{
	static const size_t byte_sizes[] = {1, 16, 127, 128, 129, 255, 256, 258};	/* 258 * 255^2 < 2^24 */
	float		a[258],
				b[258];
	VxRng		rng = {29};

	for (size_t s = 0; s < sizeof(byte_sizes) / sizeof(*byte_sizes); s++)
		for (int round = 0; round < 50; round++)
		{
			size_t		n = byte_sizes[s];
			int64_t		l2 = 0,
						ip = 0,
						l1 = 0,
						na = 0,
						nb = 0;

			for (size_t i = 0; i < n; i++)
			{
				/* the first round is the largest distance there is */
				int64_t		x = round == 0 ? 255 : vx_rng_below(&rng, 256);
				int64_t		y = round == 0 ? 0 : vx_rng_below(&rng, 256);

				a[i] = (float) x;
				b[i] = (float) y;
				l2 += (x - y) * (x - y);
				ip += x * y;
				l1 += x > y ? x - y : y - x;
				na += x * x;
				nb += y * y;
			}
			assert_true(l2 < 1 << 24 && na < 1 << 24 && nb < 1 << 24);
			check_exact(k, a, b, n, (float) l2, (float) ip, (float) l1, (float) na, (float) nb);
		}
}

static void
test_bytes(void **state)
{
	(void) state;
	for_each_table(check_bytes);
}

/* Denormals are neither flushed to zero nor rounded: differences and their sums are whole multiples of the smallest. */
static void
check_denormals(const VxKernels *k)
{
	float		a[MAX_SMALL],
				b[MAX_SMALL];
	float		least = FLT_MIN * FLT_EPSILON;	/* 2^-149 */

	for (size_t i = 0; i < MAX_SMALL; i++)
	{
		a[i] = 3 * least;
		b[i] = -2 * least;
	}
	for (size_t n = 1; n <= MAX_SMALL; n++)
	{
		/* products are below half the smallest denormal; theirs is either zero, as it comes from a negative product */
		float		ip = k->inner_product(a, b, n);

		assert_true(ip == 0);
		check_exact(k, a, b, n, 0, ip, (float) (5 * n) * least, 0, 0);
	}
}

static void
test_denormals(void **state)
{
	(void) state;
	for_each_table(check_denormals);
}

/* Overflow gives an infinity of the right sign, never a wrong number; its cancellation and NaN give NaN at any place. */
static void
check_infinities(const VxKernels *k)
{
	float		a[MAX_SMALL] = {0};
	float		b[MAX_SMALL] = {0};

	for (size_t n = 1; n <= MAX_SMALL; n++)
		for (size_t i = n > 70 ? n - 70 : 0; i < n; i++)
		{
			float		dot,
						norm2_a,
						norm2_b;

			a[i] = FLT_MAX;
			b[i] = -FLT_MAX;
			check_exact(k, a, b, n, INFINITY, -INFINITY, INFINITY, INFINITY, INFINITY);
			b[i] = FLT_MAX;
			check_exact(k, a, b, n, 0, INFINITY, 0, INFINITY, INFINITY);
			a[i] = INFINITY;
			check_exact(k, a, b, n, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY);
			b[i] = INFINITY;
			check_exact(k, a, b, n, NAN, INFINITY, NAN, INFINITY, INFINITY);
			b[i] = 0;
			check_exact(k, a, b, n, INFINITY, NAN, INFINITY, INFINITY, 0);
			a[i] = NAN;
			check_exact(k, a, b, n, NAN, NAN, NAN, NAN, 0);
			a[i] = 0;
			b[i] = NAN;
			k->cosine_parts(a, b, n, &dot, &norm2_a, &norm2_b);
			assert_true(isnan(dot) && norm2_a == 0 && isnan(norm2_b));
			b[i] = 0;
		}
}

static void
test_infinities(void **state)
{
	(void) state;
	for_each_table(check_infinities);
}

/*
 * Partial sums beyond the range of floats, of either sign: the result is that of double precision, wherever the lanes of a register
 * put the terms. huge times huge fits a float, twice that does not.
 */
static void
check_cancelling(const VxKernels *k)
{
	const float huge = 1.5e19f;
	float		a[MAX_SMALL];
	float		b[MAX_SMALL];

	for (size_t n = 2; n <= MAX_SMALL; n++)
		for (size_t period = 1; period <= n / 2; period = period * 2 + 1)
		{
			double		sum = 0;
			float		expected;
			float		dot,
						norm2_a,
						norm2_b;

			for (size_t i = 0; i < n; i++)
			{
				a[i] = huge;
				b[i] = i / period % 2 == 0 ? huge : -huge;
				sum += (double) a[i] * (double) b[i];
			}
			expected = (float) sum;
			same("cancelling inner product", k, n, k->inner_product(a, b, n), expected);
			k->cosine_parts(a, b, n, &dot, &norm2_a, &norm2_b);
			same("cancelling dot of cosine_parts", k, n, dot, expected);
			assert_true(isinf(norm2_a) && isinf(norm2_b));
		}
}

static void
test_cancelling(void **state)
{
	(void) state;
	for_each_table(check_cancelling);
}

static double
similarity(const VxKernels *k, const float *a, const float *b, size_t n)
{
	float		dot,
				norm2_a,
				norm2_b;

	k->cosine_parts(a, b, n, &dot, &norm2_a, &norm2_b);
	return vx_cosine_similarity(a, b, n, dot, norm2_a, norm2_b);
}

/* The cosine of an angle does not depend on lengths, also where squares of them leave the range of floats, and stays in [-1, 1]. */
static void
check_similarity(const VxKernels *k)
{
	static const float scales[] = {1e-38f, 1e-30f, 1e-22f, 1e-19f, 1e-15f, 1, 1e15f, 1e19f, 1e25f, 1e37f};
	size_t		count = sizeof(scales) / sizeof(*scales);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
		{
			const float a[3] = {3 * scales[i], 4 * scales[i], 0};
			const float b[3] = {4 * scales[j], 3 * scales[j], 0};
			const float minus_a[3] = {-a[0], -a[1], 0};
			const float zero[3] = {0};

			assert_float_equal(similarity(k, a, b, 3), 0.96, 1e-6);
			assert_float_equal(similarity(k, a, a, 3), 1, 1e-6);
			assert_true(similarity(k, a, a, 3) <= 1);
			assert_float_equal(similarity(k, a, minus_a, 3), -1, 1e-6);
			assert_true(similarity(k, a, minus_a, 3) >= -1);
			assert_true(isnan(similarity(k, a, zero, 3)));
		}
}

static void
test_similarity(void **state)
{
	(void) state;
	for_each_table(check_similarity);
}

/* No dimensions: every sum is the positive zero and nothing is read, not even through a null pointer. */
static void
check_empty(const VxKernels *k)
{
	check_exact(k, NULL, NULL, 0, 0, 0, 0, 0, 0);
}

static void
test_empty(void **state)
{
	(void) state;
	for_each_table(check_empty);
}

/* Arrays that fill the space between two pages nobody may read, from either side. */
static void
check_guarded(const VxKernels *k)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);
	size_t		floats = page / sizeof(float);
	char	   *p = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	float	   *start;

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + page, page, PROT_READ | PROT_WRITE), 0);
	start = (float *) (void *) (p + page);
	for (size_t i = 0; i < floats; i++)
		start[i] = 1;
	for (size_t n = 0; n <= floats; n += n < MAX_SMALL || n + 20 > floats ? 1 : 13)
	{
		float		sum = (float) n;

		check_exact(k, start, start, n, 0, sum, 0, sum, sum);
		check_exact(k, start + floats - n, start + floats - n, n, 0, sum, 0, sum, sum);
	}
	assert_int_equal(munmap(p, 3 * page), 0);
}

static void
test_guarded(void **state)
{
	(void) state;
	for_each_table(check_guarded);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_each_element),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_denormals),
		cmocka_unit_test(test_infinities),
		cmocka_unit_test(test_cancelling),
		cmocka_unit_test(test_similarity),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_guarded),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests_name("distance values", tests, NULL, NULL);
}
