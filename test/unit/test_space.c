/*
 * test_space.c: what a space says of its points, and what metrics are like.
 */
#include "unit.h"

#include "core/vx_rng.h"

#include <float.h>
#include <math.h>

#include "distance/vx_half.h"
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
	assert_null(vx_metric_kind(7));
	assert_null(vx_metric_kind(UINT32_MAX));
	for (uint32_t i = 1; i < 7; i++)
		for (uint32_t j = 1; j < i; j++)
			assert_string_not_equal(vx_metric_kind(i)->name, vx_metric_kind(j)->name);
}

static void
test_validity(void **state)
{
	static const uint32_t max_dim[] = {VX_DENSE_MAX_DIM, VX_BITS_MAX_DIM, VX_SPARSE_MAX_DIM, 0, 0};

	(void) state;
	for (uint32_t metric = 0; metric <= 7; metric++)
		for (uint32_t form = 0; form < 5; form++)
		{
			VxSpace		space = {.metric = (VxMetric) metric,.form = (VxForm) form};
			bool		valid = form == VX_FORM_BITS ? metric >= 5 && metric <= 6 : form <= VX_FORM_SPARSE && metric >= 1 && metric <= 4;

			assert_false(vx_space_is_valid(&space));
			space.dim = 1;
			assert_int_equal(vx_space_is_valid(&space), valid);
			space.dim = max_dim[form];
			assert_int_equal(vx_space_is_valid(&space), valid);
			space.dim++;
			assert_false(vx_space_is_valid(&space));
			space.dim = UINT32_MAX;
			assert_false(vx_space_is_valid(&space));
		}
}

/* A point of any form with random contents; count: of non-zeros. */
static VxPoint *
random_point(const VxSpace *space, uint32_t count, VxRng *rng)
{
	VxPoint    *point = calloc(1, space->form == VX_FORM_SPARSE ? VX_SPARSE_POINT_BYTES(count) : vx_space_room(space));

	if (space->form == VX_FORM_SPARSE)
	{
		VxSparsePoint *sparse = (VxSparsePoint *) point;

		sparse->count = count;
		for (uint32_t i = 0; i < count; i++)
		{
			float		value = (float) vx_rng_unit(rng) + 1;

			sparse->parts[i] = i == 0 ? vx_rng_below(rng, 3) : sparse->parts[i - 1] + 1 + vx_rng_below(rng, 3);
			memcpy(sparse->parts + count + i, &value, sizeof(value));
		}
	}
	else if (space->form == VX_FORM_BITS)
		for (uint32_t i = 0; i < space->dim; i++)
			((uint8_t *) point->x)[i / 8] |= (uint8_t) (vx_rng_below(rng, 2) << (7 - i % 8));
	else
		for (uint32_t i = 0; i < space->dim; i++)
			point->x[i] = (float) vx_rng_unit(rng);
	point->norm2 = vx_space_norm2(space, point);
	return point;
}

/* Points of other forms are themselves, to the last byte, and nothing behind it; and no others. */
static void
test_forms(void **state)
{
	static const VxForm forms[] = {VX_FORM_DENSE, VX_FORM_BITS, VX_FORM_SPARSE};
	VxRng		rng = {3};

	(void) state;
	for (size_t f = 0; f < 3; f++)
		for (uint32_t dim = 1; dim < 700; dim += 63)
		{
			VxSpace		space = {.dim = 3 * dim,.form = forms[f]};
			VxPoint    *a = random_point(&space, dim, &rng);
			size_t		bytes = vx_space_bytes(&space, a);
			char	   *copy = malloc(bytes + 8);

			assert_true(vx_space_varies(&space) ? vx_space_room(&space) >= bytes : vx_space_room(&space) == bytes);
			memcpy(copy, a, bytes);
			memset(copy + bytes, 0xFF, 8);
			assert_int_equal(vx_space_bytes(&space, (VxPoint *) copy), bytes);
			assert_true(vx_space_same(&space, a, (VxPoint *) copy));
			assert_int_equal(vx_space_hash(&space, a), vx_space_hash(&space, (VxPoint *) copy));
			assert_true(vx_space_is_sound(&space, (VxPoint *) copy));
			copy[bytes - 1] ^= 0x40;
			assert_false(vx_space_same(&space, a, (VxPoint *) copy));
			assert_int_not_equal(vx_space_hash(&space, a), vx_space_hash(&space, (VxPoint *) copy));
			if (forms[f] == VX_FORM_SPARSE)
			{
				VxSparsePoint *sparse = (VxSparsePoint *) copy;
				VxPoint    *shorter = random_point(&space, dim - 1, &rng);

				assert_false(vx_space_same(&space, a, shorter));
				assert_false(vx_space_same(&space, shorter, a));
				assert_int_equal(vx_space_bytes(&space, shorter), bytes - 8);
				memcpy(copy, a, bytes);
				sparse->parts[dim - 1] = dim == 1 ? space.dim : sparse->parts[dim - 2];
				assert_false(vx_space_is_sound(&space, (VxPoint *) copy));
				free(shorter);
			}
			free(copy);
			free(a);
		}
}

/* The pair score of sparse vectors, of dense ones with the same elements: relative to their lengths, but for cosine. */
static float
sparse_pair_of(const VxSpace *dense, const VxPoint *a, const VxPoint *b)
{
	VxSpace		l2 = {.metric = VX_METRIC_L2,.dim = dense->dim};
	float		length[2] = {0};

	if (dense->metric == VX_METRIC_COSINE)
		return vx_space_pair(dense, a, b);
	if (dense->metric != VX_METRIC_L1)
		return vx_space_pair(&l2, a, b) / (a->norm2 + b->norm2);
	for (uint32_t i = 0; i < dense->dim; i++)
	{
		length[0] += fabsf(a->x[i]);
		length[1] += fabsf(b->x[i]);
	}
	return vx_space_pair(dense, a, b) / (length[0] + length[1]);
}

/* What is between sparse vectors is what is between the dense ones that they stand for. */
static void
test_sparse_scores(void **state)
{
	enum
	{
		N = 40
	};
	VxRng		rng = {6};

	(void) state;
	for (int round = 0; round < 400; round++)
	{
		VxSpace		sparse = {.metric = metrics[round % 4],.dim = N,.form = VX_FORM_SPARSE,.max_norm2 = 90};
		VxSpace		dense = {.metric = metrics[round % 4],.dim = N,.max_norm2 = 90};
		VxPoint    *a[2];
		VxPoint    *b[2];
		float		x[2][N] = {0};
		float		out[2][N];
		float		relative_pair;

		for (int p = 0; p < 2; p++)
		{
			const VxSparsePoint *point;

			a[p] = random_point(&sparse, 1 + vx_rng_below(&rng, N / 4), &rng);
			point = (const VxSparsePoint *) a[p];
			for (uint32_t i = 0; i < point->count; i++)
				x[p][point->parts[i]] = vx_sparse_values(point)[i];
			b[p] = point_of(&dense, x[p]);
			assert_true(fabsf(a[p]->norm2 - b[p]->norm2) <= 1e-5f * b[p]->norm2);
			assert_true(fabsf(vx_space_unit_length(&sparse, a[p]) - vx_space_unit_length(&dense, b[p])) < 1e-5f);
			assert_true(fabs(vx_space_wide_norm2(&sparse, a[p]) - vx_space_wide_norm2(&dense, b[p])) < 1e-9);
			/* of so few dimensions there is no sketch */
			assert_int_equal(vx_space_coded_dim(&sparse), N);
			vx_space_coded(&sparse, a[p], out[0]);
			vx_space_coded(&dense, b[p], out[1]);
			for (int i = 0; i < N; i++)
				assert_true(fabsf(out[0][i] - out[1][i]) < 1e-5f);
		}
		assert_true(fabsf(vx_space_query(&sparse, a[0], a[1]) - vx_space_query(&dense, b[0], b[1])) < 1e-4f);
		relative_pair = sparse_pair_of(&dense, b[0], b[1]);
		assert_true(fabsf(vx_space_pair(&sparse, a[0], a[1]) - relative_pair) < 1e-4f);
		assert_true(relative_pair >= 0 && relative_pair < 2.0001f);
		assert_true(fabs(vx_space_operator(&sparse, a[0], a[1]) - vx_space_operator(&dense, b[0], b[1])) < 1e-4);
		assert_true(vx_space_pair(&sparse, a[0], a[0]) == 0);
		for (int p = 0; p < 2; p++)
		{
			free(a[p]);
			free(b[p]);
		}
	}
}

/* Under L1 a sketch is of roots, but of few dimensions, which are not zero mostly. */
static void
test_sparse_roots(void **state)
{
	static const uint32_t dims[] = {1, 3, 15, 63, 64, 2048};

	(void) state;
	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
		for (size_t m = 0; m < 4; m++)
		{
			VxSpace		space = {.metric = metrics[m],.dim = dims[i],.form = VX_FORM_SPARSE};
			VxSparsePoint *point = calloc(1, VX_SPARSE_POINT_BYTES(1));
			float		sketch[VX_SKETCH_MAX_DIM];
			float		value = -9;
			float		wanted = metrics[m] == VX_METRIC_COSINE ? -1 : metrics[m] == VX_METRIC_L1 && dims[i] >= 64 ? -3 : -9;

			point->count = 1;
			point->parts[0] = dims[i] - 1;
			memcpy(point->parts + 1, &value, sizeof(float));
			point->norm2 = vx_space_norm2(&space, (VxPoint *) point);
			vx_space_coded(&space, (VxPoint *) point, sketch);
			assert_true(fabsf(sketch[dims[i] - 1] - wanted) < 1e-5f);
			free(point);
		}
}

/* What is out of range, or has no direction, is far, and never a NaN; sketches are finite. */
static void
test_sparse_extremes(void **state)
{
	static const float values[] = {3e38f, -3e38f, 1e-40f, -1e-40f, 1};
	VxPoint    *points[6];

	(void) state;
	for (size_t m = 0; m < 4; m++)
	{
		VxSpace		space = {.metric = metrics[m],.dim = 1000000,.form = VX_FORM_SPARSE,.max_norm2 = FLT_MAX};

		for (uint32_t i = 0; i < 6; i++)
		{
			VxSparsePoint *point = calloc(1, VX_SPARSE_POINT_BYTES(1));

			point->count = i < 5;
			if (i < 5)
				memcpy(point->parts + 1, &values[i], sizeof(float));
			points[i] = (VxPoint *) point;
			points[i]->norm2 = vx_space_norm2(&space, points[i]);
			assert_int_equal(vx_space_has_place(&space, points[i]), i < 5 || space.metric != VX_METRIC_COSINE);
		}
		for (uint32_t i = 0; i < 6; i++)
		{
			float		sketch[VX_SKETCH_MAX_DIM];

			vx_space_coded(&space, points[i], sketch);
			for (uint32_t k = 0; k < vx_space_coded_dim(&space); k++)
				assert_true(isfinite(sketch[k]));
			for (uint32_t j = 0; j < 6; j++)
			{
				assert_true(vx_space_query(&space, points[i], points[j]) <= INFINITY);
				assert_true(vx_space_pair(&space, points[i], points[j]) <= INFINITY);
				assert_true(vx_space_operator(&space, points[i], points[j]) <= INFINITY);
			}
		}
		for (int i = 0; i < 6; i++)
			free(points[i]);
	}
}

/* How far two sketches are, squared. */
static double
sketch_distance(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	float		room[2][VX_SKETCH_MAX_DIM];
	uint32_t	dim = vx_space_coded_dim(space);
	double		sum = 0;

	assert_true(dim >= 1 && dim <= VX_SKETCH_MAX_DIM);
	/* nothing is written beyond, and all up to there */
	memset(room, 0xFF, sizeof(room));
	vx_space_coded(space, a, room[0]);
	vx_space_coded(space, b, room[1]);
	for (uint32_t i = 0; i < VX_SKETCH_MAX_DIM; i++)
		assert_int_equal(isnan(room[0][i]) || isnan(room[1][i]), i >= dim);
	for (uint32_t i = 0; i < dim; i++)
		sum += ((double) room[0][i] - (double) room[1][i]) * ((double) room[0][i] - (double) room[1][i]);
	return sum;
}

/* Sketches of points are as far from each other as the points, but for what chance does. */
static void
test_sketches(void **state)
{
	static const uint32_t dims[] = {8, 384, 2048, 2049, 64000};
	VxRng		rng = {4};

	(void) state;
	for (size_t d = 0; d < 5; d++)
	{
		VxSpace		bits = {.metric = VX_METRIC_HAMMING,.dim = dims[d],.form = VX_FORM_BITS};
		VxSpace		sparse = {.metric = VX_METRIC_L2,.dim = 3 * dims[d],.form = VX_FORM_SPARSE};
		double		ratio = 0;
		const int	rounds = dims[d] < 1000 ? 500 : 50;

		for (int i = 0; i < rounds; i++)
		{
			VxPoint    *a = random_point(&bits, 0, &rng);
			VxPoint    *b = random_point(&bits, 0, &rng);

			assert_true(sketch_distance(&bits, a, a) == 0);
			ratio += sketch_distance(&bits, a, b) / (double) fmaxf(vx_space_pair(&bits, a, b), 1) / rounds;
			free(a);
			free(b);
		}
		assert_true(ratio > 0.8 && ratio < 1.2);
		ratio = 0;
		for (int i = 0; i < rounds; i++)
		{
			VxPoint    *a = random_point(&sparse, VX_MIN(dims[d], 1000), &rng);
			VxPoint    *b = random_point(&sparse, VX_MIN(dims[d], 100), &rng);
			VxPoint    *zero = random_point(&sparse, 0, &rng);

			assert_true(sketch_distance(&sparse, a, a) == 0);
			/* lengths are kept */
			assert_true(fabs(sketch_distance(&sparse, a, zero) / (double) a->norm2 - 1) < 1e-5);
			ratio += sketch_distance(&sparse, a, b) / (double) vx_space_query(&sparse, a, b) / rounds;
			free(a);
			free(b);
			free(zero);
		}
		assert_true(ratio > 0.8 && ratio < 1.2);
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

/* An element of a vector of some kind: all alike, of many lengths, most of them small, or as they come. */
static float
element_of(VxRng *rng, int kind, uint32_t i, float level)
{
	float		any = (float) (vx_rng_next(rng) >> 40) / 16777216 - 0.5f;

	if (kind == 0)
		return level;
	if (kind == 1)
		return any * ldexpf(1, -(int) (i % 30));
	return kind == 2 && i > 0 ? any / 16384 : any;
}

/* Distances to a vector in halves are wrong by what is said at most, and that is little. */
static void
test_half_error(void **state)
{
	static const uint32_t dims[] = {1, 3, 128, 1536};
	VxRng		rng = {42};
	float		widest[VX_METRIC_L1 + 1] = {0};

	(void) state;
	for (int m = 0; m < 4; m++)
		for (int d = 0; d < 4; d++)
			for (int trial = 0; trial < 2000; trial++)
			{
				VxSpace		space = {.metric = metrics[m],.dim = dims[d]};
				float		x[2][1536];
				uint16_t	half[1536];
				float		scale = ldexpf(1, (int) (vx_rng_next(&rng) % 80) - 40);
				float		level = 1 + (float) (vx_rng_next(&rng) >> 40) / 16777216;
				VxPoint    *query;
				VxPoint    *point;
				VxPoint    *rounded;
				double		error;
				double		wrong;

				for (uint32_t i = 0; i < space.dim; i++)
				{
					x[0][i] = element_of(&rng, trial % 4, i, level) * (trial % 3 == 0 ? 1 : scale);
					x[1][i] = element_of(&rng, trial / 4 % 4, i, level * 1.1f) * scale;
				}
				query = point_of(&space, x[0]);
				point = point_of(&space, x[1]);
				rounded = point_of(&space, x[1]);
				vx_half_from_scaled(x[1], space.dim, vx_half_scale(point->norm2, space.dim), half);
				vx_half_to_scaled(half, space.dim, vx_half_scale(point->norm2, space.dim), rounded->x);
				error = vx_space_half_error(&space, query, point->norm2);
				wrong = fabs(vx_space_operator(&space, query, point) - vx_space_operator(&space, query, rounded));
				assert_true(wrong <= error);
				/* how long it is follows from where it lies */
				if (space.metric != VX_METRIC_IP)
					assert_true(vx_space_half_error_within(&space, query, 1.0001 * vx_space_operator(&space, query, point)) >= 0.999 * error || isinf(error));
				if (isfinite(error) && error > 0)
					widest[space.metric] = VX_MAX(widest[space.metric], (float) (wrong / error));
				free(query);
				free(point);
				free(rounded);
			}
	for (int m = 0; m < 4; m++)
		assert_true(widest[metrics[m]] > 0.3f);
}

/* Nothing is said of what leaves the range of floats. */
static void
test_half_error_unknown(void **state)
{
	static const float values[] = {0, 1e-30f, 1e30f};

	(void) state;
	for (int m = 0; m < 4; m++)
		for (int i = 0; i < 3; i++)
		{
			VxSpace		space = {.metric = metrics[m],.dim = DIM};
			VxPoint    *usual = level_point(&space, 1);
			VxPoint    *unusual = level_point(&space, values[i]);

			assert_true(isfinite(vx_space_half_error(&space, usual, usual->norm2)));
			assert_true(isinf(vx_space_half_error(&space, usual, unusual->norm2)));
			assert_true(isinf(vx_space_half_error(&space, unusual, usual->norm2)));
			free(usual);
			free(unusual);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_sparse_scores),
		cmocka_unit_test(test_sparse_roots),
		cmocka_unit_test(test_sparse_extremes),
		cmocka_unit_test(test_sketches),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_coded),
		cmocka_unit_test(test_squares),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_alpha),
		cmocka_unit_test(test_half_error),
		cmocka_unit_test(test_half_error_unknown),
	};

	vx_kernels_select();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
