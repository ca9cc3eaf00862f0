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

/* The score of a point of equal elements for zero, by query or by pair. */
static float
level_score(const VxSpace *space, float value, bool pair)
{
	VxPoint    *zero = level_point(space, 0);
	VxPoint    *point = level_point(space, value);
	float		score = pair ? vx_space_pair(space, zero, point) : vx_space_query(space, zero, point);

	/* whichever comes first */
	assert_true(score == (pair ? vx_space_pair(space, point, zero) : vx_space_query(space, point, zero)));
	free(zero);
	free(point);
	return score;
}

/* Scores that are squares keep the order of distances, from the smallest float to the largest, in small steps; ordinary ones are the squares. */
static void
test_squares(void **state)
{
	static const struct
	{
		VxMetric	metric;
		bool		pair;
	}			squares[] = {{VX_METRIC_L2, false}, {VX_METRIC_L2, true}, {VX_METRIC_IP, true}};

	(void) state;
	for (size_t i = 0; i < sizeof(squares) / sizeof(squares[0]); i++)
	{
		VxSpace		space = {.metric = squares[i].metric,.dim = DIM};
		float		before = level_score(&space, 0, squares[i].pair);

		assert_true(before >= 0 && before <= FLT_MIN);
		for (float value = 1e-44f; value < FLT_MAX; value *= value < 1e-37f ? 2 : 1.001f)
		{
			float		score = level_score(&space, value, squares[i].pair);
			double		square = (double) value * (double) value * DIM;

			/* as M is 0 the added dimension is as long as the vector */
			if (squares[i].metric == VX_METRIC_IP)
				square *= 2;
			if (!(score > before && score < FLT_MAX / 2))
				fail_msg("metric %d: %g has score %g, and what is nearer %g", (int) space.metric, (double) value, (double) score,
						 (double) before);
			if (square > 1.001e-30 && square < 0.999e30)
				assert_true(fabs((double) score - square) <= 1e-6 * square);
			before = score;
		}
	}
}

/* The largest squares there are, and no squares. */
static void
test_extremes(void **state)
{
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = VX_DENSE_MAX_DIM};
	float	   *x = calloc(space.dim, sizeof(float));
	VxPoint    *a;
	VxPoint    *b;
	float		score;

	(void) state;
	for (uint32_t i = 0; i < space.dim; i++)
		x[i] = FLT_MAX;
	a = point_of(&space, x);
	for (uint32_t i = 0; i < space.dim; i++)
		x[i] = -FLT_MAX;
	b = point_of(&space, x);
	score = vx_space_query(&space, a, b);
	assert_true(score > 1e30f && score < FLT_MAX / 2);
	assert_true(vx_space_query(&space, a, a) == 0);
	b->x[7] = NAN;
	assert_true(isinf(vx_space_query(&space, a, b)));
	assert_true(isinf(vx_space_pair(&space, b, a)));
	free(a);
	free(b);
	free(x);
}

/* What is alpha times as far by squares is that by scores, too, whatever the size. */
static void
test_alpha(void **state)
{
	static const float sizes[] = {1e-40f, 1e-25f, 1, 1e18f, 1e30f};
	const float alpha = 1.44f;

	(void) state;
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
		{
			VxSpace		space = {.metric = metrics[i],.dim = DIM};
			VxAlpha		of_space = vx_space_alpha(&space, alpha);
			float		near = level_score(&space, sizes[j], true);
			float		far = level_score(&space, 1.2f * sizes[j], true);

			if (metrics[i] == VX_METRIC_COSINE)
				continue;
			assert_true(fabsf(vx_alpha_among(&of_space, near, far) * near - far) <= 1e-4f * far);
			assert_true(vx_alpha_among(&of_space, 1e-32f, 1e-5f) == of_space.plain);
			assert_true(vx_alpha_among(&of_space, 1, 1e31f) == of_space.plain);
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
		cmocka_unit_test(test_squares),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_alpha),
	};

	vx_kernels_select();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
