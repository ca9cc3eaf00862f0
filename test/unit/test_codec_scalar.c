/*
 * test_codec_scalar.c: how well scalar codes estimate distances, of vectors of any size.
 */
#include "unit.h"

#include <float.h>

#include "quant/vx_code_kernels.h"
#include "unit_codec.h"

/* The error of estimates, relative to the product of lengths, root mean square over many pairs. */
static double
estimate_error(VxCodeKind kind, VxMetric metric, uint32_t dim, bool linking, bool mean, int parity)
{
	VxCodec		codec;
	VxCodeQuery query;
	VxRng		rng = {dim};
	VxSpace		space = {.metric = metric,.dim = dim,.max_norm2 = 3 * (float) dim};
	float	   *means = malloc(dim * sizeof(float));
	uint8_t    *code;
	double		error = 0;
	int			pairs = 300;

	for (uint32_t i = 0; i < dim; i++)
		means[i] = metric == VX_METRIC_COSINE ? 0.5f / sqrtf(1.25f * (float) dim) : 0.5f;	/* of unit vectors */
	unit_codec_init(&codec, kind, metric, dim, 0);
	vx_codec_set_max_norm2(&codec, space.max_norm2);
	vx_codec_set_models(&codec, &unit_mem, 0, true, mean && parity == 0 ? means : NULL, mean && parity == 1 ? means : NULL);
	vx_code_query_init(&codec, &unit_mem, &query);
	code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
	for (int i = 0; i < pairs; i++)
	{
		VxPoint    *a = unit_point(dim, &rng, 0.5f);
		VxPoint    *b = unit_point(dim, &rng, 0.5f);
		const uint8_t *codes[1] = {code};
		bool		known;
		float		score;
		double		exact;
		double		scale = metric == VX_METRIC_COSINE ? 1 : sqrt((double) a->norm2 * (double) b->norm2);

		codec.epoch = (uint32_t) parity;
		vx_codec_encode(&codec, b, code);
		assert_int_equal(vx_codec_parity_of(&codec, code, &known), parity);
		/* every other query was prepared an epoch later */
		codec.epoch += (uint32_t) (i % 2);
		vx_codec_prepare(&codec, a, linking, &query);
		assert_true(vx_codec_score(&codec, &query, codes, 1, &score));
		exact = (double) (linking ? vx_space_pair(&space, a, b) : vx_space_query(&space, a, b));
		error += (exact - (double) score) * (exact - (double) score) / (scale * scale);
		free(a);
		free(b);
	}
	free(code);
	free(means);
	unit_codec_free(&codec, &query);
	error = sqrt(error / pairs) * sqrt(dim);
	printf("# kind %d metric %d dim %u linking %d: error %.3f / sqrt(dim)\n", (int) kind, (int) metric, dim, linking, error);
	return error;
}

static void
test_estimates(void **state)
{
	static const VxMetric metrics[] = {VX_METRIC_L2, VX_METRIC_IP, VX_METRIC_COSINE};

	(void) state;
	for (int m = 0; m < 3; m++)
		for (int linking = 0; linking < 2; linking++)
			for (int parity = 0; parity < 2; parity++)
			{
				/* theory: about 0.1 / sqrt(dim) of the lengths for 4 bits, four times that for 2 bits */
				assert_true(estimate_error(VX_CODES_SCALAR4, metrics[m], 128, linking, true, parity) < 0.4);
				assert_true(estimate_error(VX_CODES_SCALAR4, metrics[m], 100, linking, false, parity) < 0.4);
				assert_true(estimate_error(VX_CODES_SCALAR4, metrics[m], 1536, linking, true, parity) < 0.4);
				assert_true(estimate_error(VX_CODES_SCALAR2, metrics[m], 1536, linking, true, parity) < 1.4);
			}
}

/* Decoded codes give the pair scores of what they stand for, whatever their parity. */
static void
test_decoded_pairs(void **state)
{
	VxCodec		codec;
	VxCodeQuery query;
	VxRng		rng = {11};
	uint32_t	dim = 200;
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = dim};
	float		mean[200];
	VxPoint    *decoded[2];
	uint8_t    *code;
	double		error = 0;

	(void) state;
	for (uint32_t i = 0; i < dim; i++)
		mean[i] = (float) (i % 3);
	unit_codec_init(&codec, VX_CODES_SCALAR4, VX_METRIC_L2, dim, 0);
	vx_codec_set_models(&codec, &unit_mem, 0, false, NULL, mean);
	vx_code_query_init(&codec, &unit_mem, &query);
	code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
	decoded[0] = malloc(VX_POINT_BYTES(codec.decoded_values));
	decoded[1] = malloc(VX_POINT_BYTES(codec.decoded_values));
	for (int i = 0; i < 200; i++)
	{
		VxPoint    *point[2];
		double		exact;

		for (int k = 0; k < 2; k++)
		{
			point[k] = unit_point(dim, &rng, 1);
			codec.epoch = (uint32_t) ((i >> k) & 1);
			vx_codec_encode(&codec, point[k], code);
			codec.ops->decode(&codec, code, decoded[k]);
		}
		exact = (double) vx_space_pair(&space, point[0], point[1]);
		error += fabs((double) vx_codec_pair_decoded(&codec, decoded[0], decoded[1]) - exact) / exact;
		free(point[0]);
		free(point[1]);
	}
	assert_true(error / 200 < 0.03);
	free(decoded[0]);
	free(decoded[1]);
	free(code);
	unit_codec_free(&codec, &query);
}

/* A sparse vector of some of dim dimensions, and of any length. */
static VxPoint *
sparse_point(uint32_t dim, VxRng *rng)
{
	uint32_t	apart = 1 + vx_rng_below(rng, 20);
	uint32_t	count = dim / 20;
	VxSparsePoint *point = malloc(VX_SPARSE_POINT_BYTES(count));
	VxSpace		space = {.metric = VX_METRIC_L2,.dim = dim,.form = VX_FORM_SPARSE};
	float		size = (float) apart;

	point->count = count;
	for (uint32_t i = 0; i < count; i++)
	{
		float		value = size * (float) (1 + vx_rng_below(rng, 1000));

		point->parts[i] = i * apart;
		memcpy(&point->parts[count + i], &value, sizeof(value));
	}
	point->norm2 = vx_space_norm2(&space, (VxPoint *) point);
	return (VxPoint *) point;
}

/* Of sparse vectors codes estimate pair scores that are relative to lengths, wherever the mean is; a zero vector is as far from all. */
static void
test_relative_pairs(void **state)
{
	static const VxMetric metrics[] = {VX_METRIC_L2, VX_METRIC_IP};
	enum
	{
		DIM = 1000
	};
	VxRng		rng = {19};
	float		mean[DIM] = {0};

	(void) state;
	for (int round = 0; round < 400; round++)
	{
		VxSpace		space = {.metric = metrics[round % 2],.dim = DIM,.form = VX_FORM_SPARSE,.max_norm2 = 1e9f};
		VxPoint    *a = sparse_point(DIM, &rng);
		VxPoint    *b = sparse_point(DIM, &rng);
		VxSparsePoint zero = {0};
		const VxPoint *points[] = {a, b, (VxPoint *) &zero};
		VxCodec		codec;
		VxCodeQuery query;
		uint8_t    *code[3];
		void	   *opened[3];

		/* far from zero, and as long as the vectors: what is told of them is less sure then */
		for (uint32_t i = 0; i < DIM; i++)
			mean[i] = round % 4 < 2 ? 0 : 100;
		vx_codec_init(&codec, &unit_mem, VX_CODES_SCALAR4, &space, 0);
		vx_codec_set_max_norm2(&codec, space.max_norm2);
		vx_codec_set_models(&codec, &unit_mem, 0, false, mean, NULL);
		vx_code_query_init(&codec, &unit_mem, &query);
		for (int i = 0; i < 3; i++)
		{
			code[i] = malloc(codec.code_bytes + VX_CODE_OVERREAD);
			opened[i] = malloc(codec.ops->opened_bytes(&codec));
			vx_codec_encode(&codec, points[i], code[i]);
			codec.ops->open(&codec, code[i], opened[i]);
		}
		for (int i = 0; i < 3; i++)
			for (int j = 0; j < 3; j++)
			{
				const uint8_t *codes[1] = {code[j]};
				float		exact = vx_space_pair(&space, points[i], points[j]);
				float		score;
				float		pair;

				vx_codec_prepare(&codec, points[i], true, &query);
				assert_true(vx_codec_score(&codec, &query, codes, 1, &score));
				codec.ops->pairs(&codec, opened[i], (const void *const *) &opened[j], 1, &pair);
				assert_true(fabsf(score - pair) < 0.05f);
				if (round % 4 < 2)
					assert_true(fabsf(score - exact) < 0.05f);
				else
					assert_true(score >= 0 && score < 2.05f);
			}
		for (int i = 0; i < 3; i++)
		{
			free(code[i]);
			free(opened[i]);
		}
		free(a);
		free(b);
		unit_codec_free(&codec, &query);
	}
}

/* Opened codes are compared as decoded ones are, by all kernels and over awkward sizes. */
static void
test_opened_pairs(void **state)
{
	static const uint32_t dims[] = {1, 3, 17, 64, 96, 128, 200, 384, 1000};
	VxRng		rng = {17};
	int			compared = 0;

	(void) state;
	for (int kernels = 0; (vx_code_kernels = vx_code_kernels_available(kernels)) != NULL; kernels++)
		for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_SCALAR2; kind++)
			for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
				for (int d = 0; d < 9; d++)
				{
					uint32_t	dim = dims[d];
					VxCodec		codec;
					VxCodeQuery query;
					VxPoint    *decoded[2];
					void	   *opened[2];
					uint8_t    *code;

					unit_codec_init(&codec, (VxCodeKind) kind, (VxMetric) metric, dim, 0);
					vx_codec_set_max_norm2(&codec, (float) dim);
					vx_code_query_init(&codec, &unit_mem, &query);
					code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
					for (int k = 0; k < 2; k++)
					{
						VxPoint    *point = unit_point(dim, &rng, 1);

						decoded[k] = malloc(VX_POINT_BYTES(codec.decoded_values));
						opened[k] = malloc(codec.ops->opened_bytes(&codec));
						vx_codec_encode(&codec, point, code);
						codec.ops->decode(&codec, code, decoded[k]);
						codec.ops->open(&codec, code, opened[k]);
						free(point);
					}
					for (int k = 0; k < 4; k++)
					{
						double		expected = (double) vx_codec_pair_decoded(&codec, decoded[k / 2], decoded[k % 2]);
						double		scale = (double) (decoded[0]->norm2 + decoded[1]->norm2) + codec.max_norm2;

						const void *others[300];
						float		scores[300];

						/* more than are compared at once */
						for (int i = 0; i < 300; i++)
							others[i] = opened[i == 299 ? k % 2 : i % 2];
						codec.ops->pairs(&codec, opened[k / 2], others, 300, scores);
						assert_true(fabs((double) scores[299] - expected) <= 1e-5 * scale);
						assert_true(scores[k % 2] == scores[299]);
						compared++;
					}
					for (int k = 0; k < 2; k++)
					{
						free(decoded[k]);
						free(opened[k]);
					}
					free(code);
					unit_codec_free(&codec, &query);
				}
	assert_true(compared >= 4 * 2 * 3 * 9);
	vx_code_kernels_select();
}

/* Odd vectors make codes, and odd bytes make numbers; nothing is NaN. */
static void
test_odd_input(void **state)
{
	static const float values[] = {0, -0.0f, 1e-40f, 1e-20f, 1e20f, 3e38f, -3e38f, 1};
	VxRng		rng = {13};

	(void) state;
	for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_SCALAR2; kind++)
		for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
			for (uint32_t dim = 1; dim < 40; dim++)
			{
				VxCodec		codec;
				VxCodeQuery query;
				VxPoint    *point = malloc(VX_POINT_BYTES(dim));
				VxPoint    *decoded;
				void	   *opened;
				float		x[40];
				uint8_t    *code;
				const uint8_t *codes[1];
				float		score;

				unit_codec_init(&codec, (VxCodeKind) kind, (VxMetric) metric, dim, 0);
				vx_codec_set_max_norm2(&codec, FLT_MAX);
				vx_code_query_init(&codec, &unit_mem, &query);
				code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
				decoded = malloc(VX_POINT_BYTES(codec.decoded_values));
				opened = malloc(codec.ops->opened_bytes(&codec));
				codes[0] = code;
				for (int round = 0; round < 50; round++)
				{
					for (uint32_t i = 0; i < dim; i++)
						x[i] = values[vx_rng_below(&rng, 8)];
					vx_point_set(point, x, dim);
					vx_codec_prepare(&codec, point, round % 2, &query);
					if (round < 25)
						vx_codec_encode(&codec, point, code);
					else
						for (uint32_t i = 0; i < codec.code_bytes; i++)
							code[i] = (uint8_t) vx_rng_below(&rng, 256);
					vx_codec_score(&codec, &query, codes, 1, &score);
					assert_true(!isnan(score));
					codec.ops->decode(&codec, code, decoded);
					assert_true(!isnan(vx_codec_pair_decoded(&codec, decoded, decoded)));
					codec.ops->open(&codec, code, opened);
					codec.ops->pairs(&codec, opened, (const void *const *) &opened, 1, &score);
					assert_true(!isnan(score));
				}
				free(point);
				free(decoded);
				free(opened);
				free(code);
				unit_codec_free(&codec, &query);
			}
}

/* An allocator that has a number of allocations left, and then leaves by its own means, as the server's does. */
typedef struct ScarceMem
{
	int			left;
	jmp_buf		out;
} ScarceMem;

static void *
scarce_resize(void *context, void *p, size_t size)
{
	ScarceMem  *scarce = context;

	if (size > 0 && scarce->left-- == 0)
		longjmp(scarce->out, 1);
	return unit_resize(NULL, p, size);
}

/* Sets means with so many allocations to be had; false if that was not enough. */
static bool
set_means_from(int left, VxCodec *codec, const float *mean0, const float *mean1)
{
	ScarceMem	scarce = {.left = left};
	VxMem		mem = {.resize = scarce_resize,.context = &scarce};

	if (setjmp(scarce.out) != 0)
		return false;
	vx_codec_set_models(codec, &mem, 0, false, mean0, mean1);
	return true;
}

/* Where memory runs out while means are set, the codec goes on with those that it has. */
static void
test_means_without_memory(void **state)
{
	enum
	{
		DIM = 50
	};
	VxRng		rng = {7};
	VxPoint    *point = unit_point(DIM, &rng, 0);
	float		means[2][DIM];
	uint8_t		before[200 + VX_CODE_OVERREAD] = {0};
	uint8_t		after[200 + VX_CODE_OVERREAD] = {0};
	VxCodec		codec;
	VxCodeQuery query;
	int			left = 0;

	(void) state;
	for (uint32_t i = 0; i < DIM; i++)
	{
		means[0][i] = unit_normal(&rng);
		means[1][i] = unit_normal(&rng);
	}
	unit_codec_init(&codec, VX_CODES_SCALAR4, VX_METRIC_L2, DIM, 0);
	vx_code_query_init(&codec, &unit_mem, &query);
	vx_codec_set_models(&codec, &unit_mem, 0, false, means[0], means[1]);
	codec.ops->encode(&codec, 1, point, before);
	while (!set_means_from(left, &codec, means[1], means[0]))
	{
		VxPoint    *decoded = malloc(VX_POINT_BYTES(codec.decoded_values));

		codec.ops->encode(&codec, 1, point, after);
		assert_memory_equal(before, after, codec.code_bytes);
		codec.ops->decode(&codec, after, decoded);
		free(decoded);
		left++;
	}
	assert_true(left > 0);
	codec.ops->encode(&codec, 1, point, after);
	assert_memory_not_equal(before, after, codec.code_bytes);
	unit_codec_free(&codec, &query);
	free(point);
}

/* of test_range */
#define RANGE_POINTS 60
#define RANGE_DIM 40

/*
 * Vectors of any size: the order of scores is that of the exact ones in double precision, relative to which their errors are as
 * those of vectors of size 1, between all four ways to get scores and for codes of two models of different scales.
 */
static void
check_range(VxCodeKind kind, VxMetric metric, float size, float query_size, bool linking, bool mixed)
{
	VxRng		rng = {5};
	VxCodec		codec;
	VxCodeQuery query;
	VxPoint    *points[RANGE_POINTS + 1];
	float		mean[RANGE_DIM];
	float		small_mean[RANGE_DIM];
	uint8_t    *code;
	const uint8_t *codes[RANGE_POINTS];
	float		score[RANGE_POINTS];
	double		exact[RANGE_POINTS];
	double		worst = 0;
	double		spread = 0;
	double		unit;

	for (uint32_t k = 0; k < RANGE_DIM; k++)
	{
		mean[k] = size * 0.3f;
		small_mean[k] = 0.3f;
	}
	for (uint32_t i = 0; i <= RANGE_POINTS; i++)
	{
		float		x[RANGE_DIM];

		points[i] = malloc(VX_POINT_BYTES(RANGE_DIM));
		for (uint32_t k = 0; k < RANGE_DIM; k++)
			x[k] = (i == RANGE_POINTS ? query_size : size) * (unit_normal(&rng) + 0.3f);
		vx_point_set(points[i], x, RANGE_DIM);
	}
	unit_codec_init(&codec, kind, metric, RANGE_DIM, 0);
	vx_codec_set_models(&codec, &unit_mem, 1, mixed, mixed ? small_mean : NULL, metric == VX_METRIC_COSINE ? small_mean : mean);
	vx_codec_set_max_norm2(&codec, VX_MIN(3 * RANGE_DIM * size * size, FLT_MAX));
	vx_code_query_init(&codec, &unit_mem, &query);
	code = malloc((size_t) RANGE_POINTS * codec.code_bytes + VX_CODE_OVERREAD);
	for (uint32_t i = 0; i < RANGE_POINTS; i++)
	{
		codes[i] = code + (size_t) i * codec.code_bytes;
		vx_codec_encode(&codec, points[i], code + (size_t) i * codec.code_bytes);
	}
	vx_codec_prepare(&codec, points[RANGE_POINTS], linking, &query);
	assert_true(vx_codec_score(&codec, &query, codes, RANGE_POINTS, score));

	/* exact scores of the query's and the vectors' directions, times their sizes; scores are so many times these */
	for (uint32_t i = 0; i < RANGE_POINTS; i++)
	{
		const float *a = points[RANGE_POINTS]->x;
		const float *b = points[i]->x;

		exact[i] = 0;
		for (uint32_t k = 0; k < RANGE_DIM; k++)
		{
			double		x = (double) a[k] / (double) query_size;
			double		y = (double) b[k] / (double) size;

			exact[i] += metric == VX_METRIC_IP && !linking ? -x * y : (x - y) * (x - y);
		}
		if (metric == VX_METRIC_COSINE)
			exact[i] = 1 - vx_wide_cosine_similarity(a, b, RANGE_DIM);
		spread += exact[i] * exact[i];
		assert_true(isfinite(score[i]));
	}
	/* the factor that fits best */
	unit = 0;
	for (uint32_t i = 0; i < RANGE_POINTS; i++)
		unit += (double) score[i] * exact[i] / spread;
	assert_true(unit > 0);
	for (uint32_t i = 0; i < RANGE_POINTS; i++)
		worst = VX_MAX(worst, fabs((double) score[i] / unit - exact[i]) / sqrt(spread / RANGE_POINTS));
	assert_true(worst < (kind == VX_CODES_SCALAR4 ? 0.2 : 0.8));

	/* pairs as well, unless they are taken by the mean of the other model, which may be far away */
	if (metric != VX_METRIC_IP && linking && !mixed)
	{
		void	   *one = malloc(codec.ops->opened_bytes(&codec));
		void	   *other = malloc(codec.ops->opened_bytes(&codec));
		const void *others[1] = {other};
		float		pair;

		codec.ops->open(&codec, codes[0], one);
		codec.ops->open(&codec, codes[1], other);
		codec.ops->pairs(&codec, one, others, 1, &pair);
		assert_true((double) pair / unit > exact[0] / 3 && (double) pair / unit < exact[0] * 3);
		free(one);
		free(other);
	}
	unit_codec_free(&codec, &query);
	free(code);
	for (uint32_t i = 0; i <= RANGE_POINTS; i++)
		free(points[i]);
}

static void
test_range(void **state)
{
	static const float sizes[] = {1e-30f, 1e-22f, 1e-15f, 1, 1e15f, 1e25f, 1e36f};

	(void) state;
	for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_SCALAR2; kind++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
			for (int mixed = 0; mixed < 2; mixed++)
			{
				for (int linking = 0; linking < 2; linking++)
				{
					check_range((VxCodeKind) kind, VX_METRIC_L2, sizes[s], sizes[s], linking, mixed);
					check_range((VxCodeKind) kind, VX_METRIC_COSINE, sizes[s], 1, linking, mixed);
					check_range((VxCodeKind) kind, VX_METRIC_COSINE, 1, sizes[s], linking, mixed);
				}
				check_range((VxCodeKind) kind, VX_METRIC_IP, sizes[s], 1, false, mixed);
				check_range((VxCodeKind) kind, VX_METRIC_IP, sizes[s], 1 / sizes[s], false, mixed);
			}
}

/* Vectors of any size on all sides of zero, whose mean has no size: each is nearest to its own code. */
static void
test_around_zero(void **state)
{
	static const float sizes[] = {1e-30f, 1e-25f, 1e-20f, 1e-15f, 1, 1e15f, 1e20f, 1e25f, 1e36f};

	(void) state;
	for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_SCALAR2; kind++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		{
			VxRng		rng = {6};
			VxCodec		codec;
			VxCodeQuery query;
			VxSample	sample;
			VxPoint    *points[RANGE_POINTS];
			float		mean[RANGE_DIM];
			uint8_t    *code;
			const uint8_t *codes[RANGE_POINTS];
			float		score[RANGE_POINTS];

			vx_sample_init(&sample, &unit_mem, RANGE_DIM, RANGE_POINTS, 1);
			for (uint32_t i = 0; i < RANGE_POINTS; i++)
			{
				float	   *x = vx_sample_add(&sample);

				for (uint32_t k = 0; k < RANGE_DIM; k++)
					x[k] = i % 2 == 0 ? sizes[s] * unit_normal(&rng) : -points[i - 1]->x[k];
				points[i] = malloc(VX_POINT_BYTES(RANGE_DIM));
				vx_point_set(points[i], x, RANGE_DIM);
			}
			vx_codec_fit_mean(&unit_mem, &sample, mean);
			vx_sample_free(&sample, &unit_mem);
			unit_codec_init(&codec, (VxCodeKind) kind, VX_METRIC_L2, RANGE_DIM, 0);
			vx_codec_set_models(&codec, &unit_mem, 0, false, mean, NULL);
			vx_code_query_init(&codec, &unit_mem, &query);
			code = malloc((size_t) RANGE_POINTS * codec.code_bytes + VX_CODE_OVERREAD);
			for (uint32_t i = 0; i < RANGE_POINTS; i++)
			{
				codes[i] = code + (size_t) i * codec.code_bytes;
				vx_codec_encode(&codec, points[i], code + (size_t) i * codec.code_bytes);
			}
			for (uint32_t q = 0; q < RANGE_POINTS; q++)
			{
				vx_codec_prepare(&codec, points[q], false, &query);
				assert_true(vx_codec_score(&codec, &query, codes, RANGE_POINTS, score));
				for (uint32_t i = 0; i < RANGE_POINTS; i++)
					assert_true(i == q || score[i] > score[q]);
			}
			unit_codec_free(&codec, &query);
			free(code);
			for (uint32_t i = 0; i < RANGE_POINTS; i++)
				free(points[i]);
		}
}

/* A vector whose squared length is no float among others: its code is of the right parity, and its scores are in their places. */
static void
test_long_vector(void **state)
{
	(void) state;
	for (int metric = VX_METRIC_L2; metric <= VX_METRIC_IP; metric++)
		for (int parity = 0; parity < 2; parity++)
		{
			VxRng		rng = {1};
			VxCodec		codec;
			VxCodeQuery query;
			VxPoint    *point = unit_point(RANGE_DIM, &rng, 0.5f);
			VxPoint    *wild = unit_point(RANGE_DIM, &rng, 0);
			float		x[RANGE_DIM];
			uint8_t    *code;
			const uint8_t *codes[1];
			float		score;

			for (uint32_t k = 0; k < RANGE_DIM; k++)
				x[k] = 3e38f * (k % 3 == 0 ? -1 : 1);
			vx_point_set(wild, x, RANGE_DIM);
			unit_codec_init(&codec, VX_CODES_SCALAR4, (VxMetric) metric, RANGE_DIM, 0);
			vx_codec_set_models(&codec, &unit_mem, (uint32_t) parity, false, point->x, point->x);
			vx_codec_set_max_norm2(&codec, 100);
			vx_code_query_init(&codec, &unit_mem, &query);
			code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
			codes[0] = code;
			vx_codec_encode(&codec, wild, code);
			assert_true(vx_codec_is_current(&codec, code));
			vx_codec_prepare(&codec, point, true, &query);
			assert_true(vx_codec_score(&codec, &query, codes, 1, &score));
			assert_true(score > 1e37f);
			if (metric == VX_METRIC_IP)
			{
				float		exact = vx_kernels->inner_product(point->x, wild->x, RANGE_DIM);

				vx_codec_prepare(&codec, point, false, &query);
				assert_true(vx_codec_score(&codec, &query, codes, 1, &score));
				assert_true((-score > 0) == (exact > 0) && fabsf(score) > 1e37f);
			}
			unit_codec_free(&codec, &query);
			free(code);
			free(point);
			free(wild);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_decoded_pairs),
		cmocka_unit_test(test_relative_pairs),
		cmocka_unit_test(test_opened_pairs),
		cmocka_unit_test(test_odd_input),
		cmocka_unit_test(test_means_without_memory),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_around_zero),
		cmocka_unit_test(test_long_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
