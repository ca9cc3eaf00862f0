/*
 * test_space.c: what a space says of its points, and what metrics are like.
 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "distance/vx_space.h"

#define DIM 5

static const VxMetric metrics[] = {VX_METRIC_L2, VX_METRIC_IP, VX_METRIC_COSINE, VX_METRIC_L1};

static VxPoint *
point_of(const VxSpace *space, const float *x)
{
	VxPoint    *point = malloc(vx_space_room(space));

	vx_point_set(point, x, space->dim);
	return point;
}

/* A point of DIM equal elements. */
static VxPoint *
level_point(const VxSpace *space, float value)
{
	float		x[DIM] = {value, value, value, value, value};

	return point_of(space, x);
}

static void
test_metrics(void **state)
{
	(void) state;
	assert_null(vx_metric_kind(0));
	assert_null(vx_metric_kind(5));
	assert_null(vx_metric_kind(UINT32_MAX));
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(vx_metric_kind(metrics[i])->name, vx_metric_kind(metrics[j])->name);
}

static void
test_validity(void **state)
{
	static const uint32_t dims[] = {0, 1, VX_DENSE_MAX_DIM, VX_DENSE_MAX_DIM + 1, UINT32_MAX};
	static const bool valid[] = {false, true, true, false, false};

	(void) state;
	for (uint32_t metric = 0; metric <= 5; metric++)
		for (int i = 0; i < 5; i++)
		{
			VxSpace		space = {.metric = (VxMetric) metric,.dim = dims[i]};

			assert_int_equal(vx_space_is_valid(&space), valid[i] && metric >= 1 && metric <= 4);
		}
}

/* The same vector is the same to all who ask: whole, by its bytes, by its hash. One bit makes another of it, also the sign of a zero. */
static void
test_identity(void **state)
{
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = DIM};
	float		x[DIM] = {1, 0, -3, 4.5f, 1e-30f};
	VxPoint    *a = point_of(&space, x);
	VxPoint    *copy = malloc(vx_space_bytes(&space, a));

	(void) state;
	memcpy(copy, a, vx_space_bytes(&space, a));
	assert_true(vx_space_bytes(&space, a) <= vx_space_room(&space));
	assert_true(vx_space_same(&space, a, copy));
	assert_int_equal(vx_space_hash(&space, a), vx_space_hash(&space, copy));
	assert_true(vx_space_is_sound(&space, copy));
	for (int i = 0; i < DIM; i++)
	{
		VxPoint    *b;
		size_t		bytes;
		const void *identity;

		x[i] = -x[i];
		b = point_of(&space, x);
		identity = vx_space_identity(&space, b, &bytes);
		assert_false(vx_space_same(&space, a, b));
		assert_int_not_equal(vx_space_hash(&space, a), vx_space_hash(&space, b));
		assert_memory_not_equal(identity, vx_space_identity(&space, a, &bytes), bytes);
		x[i] = -x[i];
		free(b);
	}
	/* the norm is not what tells vectors apart: machines round it differently */
	copy->norm2 = nextafterf(copy->norm2, 0);
	assert_true(vx_space_same(&space, a, copy));
	assert_int_equal(vx_space_hash(&space, a), vx_space_hash(&space, copy));
	assert_true(vx_space_is_sound(&space, copy));
	copy->norm2 *= 1.01f;
	assert_false(vx_space_is_sound(&space, copy));
	free(a);
	free(copy);
}

/* Only a zero vector has no direction: not one whose squares are no floats. */
static void
test_place(void **state)
{
	(void) state;
	for (size_t i = 0; i < 4; i++)
	{
		static const float values[] = {0, -0.0f, 1e-40f, 1e-25f, 1, 1e30f};
		VxSpace		space = {.metric = metrics[i],.dim = DIM};

		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++)
		{
			VxPoint    *point = level_point(&space, values[j]);

			assert_int_equal(vx_space_has_place(&space, point), metrics[i] != VX_METRIC_COSINE || values[j] != 0);
			free(point);
		}
	}
}

/* What codes are made from, times what the vector was divided by, is the vector. */
static void
test_coded(void **state)
{
	(void) state;
	for (size_t i = 0; i < 4; i++)
	{
		static const float values[] = {1e-40f, 1e-25f, 0.3f, 1e30f};
		VxSpace		space = {.metric = metrics[i],.dim = DIM};
		bool		directions = vx_metric_kind(metrics[i])->directions;

		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++)
		{
			VxPoint    *point = level_point(&space, values[j]);
			float		length = vx_space_unit_length(&space, point);
			float		coded[DIM];

			vx_space_coded(&space, point, coded);
			for (int k = 0; k < DIM; k++)
			{
				if (directions)
					assert_true(fabsf(coded[k] - sqrtf(1.0f / DIM)) < 1e-6f);
				assert_true(fabsf(coded[k] * length - values[j]) <= 1e-5f * values[j]);
			}
			free(point);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_coded),
	};

	vx_kernels_select();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
