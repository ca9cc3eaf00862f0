/*
 * test_codec.c: rotation, code kernels, and how well codes estimate distances.
 */
#include "unit.h"

#include <float.h>
#include <string.h>

#include "quant/vx_codec.h"
#include "unit_graph.h"

/* of test_epochs */
#define EPOCH_POINTS 500
#define EPOCH_DIM 24

static VxPoint *
random_point(uint32_t dim, VxRng *rng, float offset)
{
	VxPoint    *point = malloc(VX_POINT_BYTES(dim));
	float	   *x = malloc(dim * sizeof(float));

	for (uint32_t i = 0; i < dim; i++)
		x[i] = unit_normal(rng) + offset;
	vx_point_set(point, x, dim);
	free(x);
	return point;
}

static void
free_codec(VxCodec *codec, VxCodeQuery *query)
{
	unit_free_codec(codec);
	vx_code_query_free(query, &unit_mem);
}

/* Lengths and inner products survive, and a single spike is spread over all dimensions. */
static void
test_rotation(void **state)
{
	static const uint32_t dims[] = {1, 2, 3, 15, 16, 17, 31, 64, 100, 128, 129, 300, 384, 768, 1000, 1536, 2000, 16000};

	(void) state;
	for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
	{
		VxRotation	rotation;
		VxRng		rng = {dims[d]};
		float	   *a;
		float	   *b;
		double		before[3] = {0};
		double		after[3] = {0};

		vx_rotation_init(&rotation, &unit_mem, dims[d]);
		assert_true(rotation.padded >= dims[d] && rotation.padded < dims[d] + VX_ROTATION_PAD);
		a = calloc(rotation.padded, sizeof(float));
		b = calloc(rotation.padded, sizeof(float));
		for (uint32_t i = 0; i < dims[d]; i++)
		{
			a[i] = unit_normal(&rng);
			b[i] = i == 0 ? 1 : 0;
		}
		for (uint32_t i = 0; i < rotation.padded; i++)
		{
			before[0] += (double) (a[i] * a[i]);
			before[1] += (double) (b[i] * b[i]);
			before[2] += (double) (a[i] * b[i]);
		}
		vx_rotation_apply(&rotation, a);
		vx_rotation_apply(&rotation, b);
		for (uint32_t i = 0; i < rotation.padded; i++)
		{
			after[0] += (double) (a[i] * a[i]);
			after[1] += (double) (b[i] * b[i]);
			after[2] += (double) (a[i] * b[i]);
			assert_true(dims[d] < 64 || fabsf(b[i]) < 8 / sqrtf((float) rotation.padded));
		}
		for (int i = 0; i < 3; i++)
			assert_true(fabs(before[i] - after[i]) < 1e-4 * (before[0] + 1));
		free(a);
		free(b);
		free(rotation.signs);
	}
}

/* All kernels give the scalar kernels' integers. */
static void
test_kernels_agree(void **state)
{
	VxRng		rng = {7};
	const VxCodeKernels *table;

	(void) state;
	for (int t = 1; (table = vx_code_kernels_available(t)) != NULL; t++)
		for (uint32_t bytes = 4; bytes <= 300; bytes += 4)
		{
			uint32_t	stride = (bytes + VX_CODE_STEP - 1) / VX_CODE_STEP * VX_CODE_STEP;
			int8_t	   *query = calloc(4, stride);
			uint8_t    *memory = malloc(3 * bytes + VX_CODE_STEP);
			const uint8_t *codes[3] = {memory, memory + bytes, memory + 2 * bytes};
			int32_t		expected[3];
			int32_t		got[3];

			for (uint32_t plane = 0; plane < 4; plane++)
				for (uint32_t i = 0; i < bytes; i++)
					query[plane * stride + i] = (int8_t) (bytes % 8 == 0 ? (vx_rng_below(&rng, 2) ? 127 : -127)
														  : (int) vx_rng_below(&rng, 255) - 127);
			for (uint32_t i = 0; i < 3 * bytes + VX_CODE_STEP; i++)
				memory[i] = (uint8_t) (bytes % 12 == 0 ? 255 : vx_rng_below(&rng, 256));
			vx_code_kernels_scalar.dot4(codes, 3, query, stride, bytes, expected);
			table->dot4(codes, 3, query, stride, bytes, got);
			assert_memory_equal(expected, got, sizeof(got));
			vx_code_kernels_scalar.dot2(codes, 3, query, stride, bytes, expected);
			table->dot2(codes, 3, query, stride, bytes, got);
			assert_memory_equal(expected, got, sizeof(got));
			free(query);
			free(memory);
		}
}

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
	vx_codec_init(&codec, &unit_mem, kind, metric, dim, 0);
	vx_codec_set_max_norm2(&codec, space.max_norm2);
	codec.mixed = true;
	if (mean)
		vx_codec_set_means(&codec, &unit_mem, parity == 0 ? means : NULL, parity == 1 ? means : NULL);
	vx_code_query_init(&codec, &unit_mem, &query);
	code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
	for (int i = 0; i < pairs; i++)
	{
		VxPoint    *a = random_point(dim, &rng, 0.5f);
		VxPoint    *b = random_point(dim, &rng, 0.5f);
		const uint8_t *codes[1] = {code};
		float		score;
		double		exact;
		double		scale = metric == VX_METRIC_COSINE ? 1 : sqrt((double) a->norm2 * (double) b->norm2);

		codec.epoch = (uint32_t) parity;
		vx_codec_encode(&codec, b, code);
		assert_int_equal(vx_codec_parity_of(&codec, code), parity);
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
	free_codec(&codec, &query);
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
	vx_codec_init(&codec, &unit_mem, VX_CODES_SCALAR4, VX_METRIC_L2, dim, 0);
	vx_codec_set_means(&codec, &unit_mem, NULL, mean);
	vx_code_query_init(&codec, &unit_mem, &query);
	code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
	decoded[0] = malloc(VX_POINT_BYTES(vx_codec_decoded_values(&codec)));
	decoded[1] = malloc(VX_POINT_BYTES(vx_codec_decoded_values(&codec)));
	for (int i = 0; i < 200; i++)
	{
		VxPoint    *point[2];
		double		exact;

		for (int k = 0; k < 2; k++)
		{
			point[k] = random_point(dim, &rng, 1);
			codec.epoch = (uint32_t) ((i >> k) & 1);
			vx_codec_encode(&codec, point[k], code);
			vx_codec_decode(&codec, code, decoded[k]);
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
	free_codec(&codec, &query);
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

					vx_codec_init(&codec, &unit_mem, (VxCodeKind) kind, (VxMetric) metric, dim, 0);
					vx_codec_set_max_norm2(&codec, (float) dim);
					vx_code_query_init(&codec, &unit_mem, &query);
					code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
					for (int k = 0; k < 2; k++)
					{
						VxPoint    *point = random_point(dim, &rng, 1);

						decoded[k] = malloc(VX_POINT_BYTES(vx_codec_decoded_values(&codec)));
						opened[k] = malloc(vx_codec_opened_bytes(&codec));
						vx_codec_encode(&codec, point, code);
						vx_codec_decode(&codec, code, decoded[k]);
						vx_codec_open(&codec, code, opened[k]);
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
						vx_codec_pairs(&codec, opened[k / 2], others, 300, scores);
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
					free_codec(&codec, &query);
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

				vx_codec_init(&codec, &unit_mem, (VxCodeKind) kind, (VxMetric) metric, dim, 0);
				vx_codec_set_max_norm2(&codec, FLT_MAX);
				vx_code_query_init(&codec, &unit_mem, &query);
				code = malloc(codec.code_bytes + VX_CODE_OVERREAD);
				decoded = malloc(VX_POINT_BYTES(vx_codec_decoded_values(&codec)));
				opened = malloc(vx_codec_opened_bytes(&codec));
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
					vx_codec_decode(&codec, code, decoded);
					assert_true(!isnan(vx_codec_pair_decoded(&codec, decoded, decoded)));
					vx_codec_open(&codec, code, opened);
					vx_codec_pairs(&codec, opened, (const void *const *) &opened, 1, &score);
					assert_true(!isnan(score));
				}
				free(point);
				free(decoded);
				free(opened);
				free(code);
				free_codec(&codec, &query);
			}
}

/* Points around a centre, and a codebook trained from them. */
static const float *
point_row(void *context, uint32_t i)
{
	return ((VxPoint **) context)[i]->x;
}

typedef struct Era
{
	VxPoint    *points[EPOCH_POINTS];
	VxPqCodebook *codebook;
	float		mean[EPOCH_DIM];
} Era;

static void
make_era(Era *era, float centre, VxMetric metric, uint32_t m)
{
	VxRng		rng = {(uint64_t) (centre * 10) + 1};
	VxPqSample	sample = {.n = EPOCH_POINTS,.row = point_row,.context = era->points};

	for (uint32_t i = 0; i < EPOCH_POINTS; i++)
	{
		era->points[i] = random_point(EPOCH_DIM, &rng, centre);
		if (metric == VX_METRIC_COSINE)
		{
			float		scale = 1 / sqrtf(era->points[i]->norm2);
			float		x[EPOCH_DIM];

			for (uint32_t k = 0; k < EPOCH_DIM; k++)
				x[k] = era->points[i]->x[k] * scale;
			vx_point_set(era->points[i], x, EPOCH_DIM);
		}
	}
	for (uint32_t k = 0; k < EPOCH_DIM; k++)
	{
		era->mean[k] = 0;
		for (uint32_t i = 0; i < EPOCH_POINTS; i++)
			era->mean[k] += era->points[i]->x[k] / EPOCH_POINTS;
	}
	era->codebook = malloc(vx_pq_codebook_bytes(EPOCH_DIM));
	vx_pq_train(&unit_mem, EPOCH_DIM, m, &sample, 1, era->codebook);
}

static void
free_era(Era *era)
{
	for (uint32_t i = 0; i < EPOCH_POINTS; i++)
		free(era->points[i]);
	free(era->codebook);
}

/* Root mean square error of the scores of codes [EPOCH_POINTS], all of which must be known or none. */
static double
score_error(const VxCodec *codec, const VxCodeQuery *query, const VxSpace *space, const VxPoint *of, VxPoint **points,
			const uint8_t *codes, bool known)
{
	double		error = 0;

	for (uint32_t i = 0; i < EPOCH_POINTS; i++)
	{
		const uint8_t *code = codes + (size_t) i * codec->code_bytes;
		float		exact = query->linking ? vx_space_pair(space, of, points[i]) : vx_space_query(space, of, points[i]);
		float		score;

		assert_int_equal(vx_codec_score(codec, query, &code, 1, &score), known);
		error += pow((double) (exact - score), 2);
	}
	return sqrt(error / EPOCH_POINTS);
}

/* Codes of two models are told apart, and scored by the model that each is of. */
static void
check_epochs(VxCodeKind kind, VxMetric metric, bool linking)
{
	VxSpace		space = {.metric = metric,.dim = EPOCH_DIM,.max_norm2 = 40 * EPOCH_DIM};
	uint32_t	m = EPOCH_DIM / 2;
	VxCodec		codec;
	VxCodeQuery query;
	Era			old;
	Era			new;
	uint8_t    *codes[2];
	size_t		bytes;
	double		error[2];
	const VxPoint *of;

	make_era(&old, 0.5f, metric, m);
	make_era(&new, 4, metric, m);
	vx_codec_init(&codec, &unit_mem, kind, metric, EPOCH_DIM, m);
	vx_codec_set_max_norm2(&codec, space.max_norm2);
	if (kind == VX_CODES_PQ)
		vx_codec_set_codebooks(&codec, old.codebook, new.codebook);
	else
		vx_codec_set_means(&codec, &unit_mem, old.mean, new.mean);
	vx_code_query_init(&codec, &unit_mem, &query);
	bytes = (size_t) EPOCH_POINTS * codec.code_bytes + VX_CODE_OVERREAD;
	for (int k = 0; k < 2; k++)
	{
		codec.epoch = 256 + (uint32_t) k;
		codes[k] = calloc(1, bytes);
		for (uint32_t i = 0; i < EPOCH_POINTS; i++)
		{
			uint8_t    *code = codes[k] + (size_t) i * codec.code_bytes;

			vx_codec_encode(&codec, (k == 0 ? old : new).points[i], code);
			assert_true(vx_codec_is_current(&codec, code));
			codec.epoch++;
			assert_false(vx_codec_is_current(&codec, code));
			codec.epoch--;
		}
	}
	of = new.points[0];

	/* each epoch alone */
	for (int k = 0; k < 2; k++)
	{
		codec.epoch = 256 + (uint32_t) k;
		vx_codec_prepare(&codec, of, linking, &query);
		error[k] = score_error(&codec, &query, &space, of, (k == 0 ? old : new).points, codes[k], true);
		score_error(&codec, &query, &space, of, (k == 0 ? new : old).points, codes[1 - k], false);
	}
	/* both together, by the same tables: the same errors */
	codec.mixed = true;
	vx_codec_prepare(&codec, of, linking, &query);
	for (int k = 0; k < 2; k++)
	{
		double		again = score_error(&codec, &query, &space, of, (k == 0 ? old : new).points, codes[k], true);

		assert_true(fabs(again - error[k]) <= 1e-6 * error[k]);
		for (uint32_t i = 0; i < EPOCH_POINTS; i++)
		{
			const VxPoint *point = (k == 0 ? old : new).points[i];
			const uint8_t *code = codes[k] + (size_t) i * codec.code_bytes;
			uint8_t    *made = calloc(1, codec.code_bytes);

			assert_int_equal(vx_codec_parity_of(&codec, code), k);
			vx_codec_encode_as(&codec, k, point, made);
			assert_memory_equal(code, made, codec.code_bytes);
			free(made);
			assert_true(vx_codec_error(&codec, point, code, NULL) < 0.6f * vx_kernels->norm_squared(point->x, EPOCH_DIM));
		}
	}
	/* a query that is known by its code only: estimates are about as good */
	if (kind != VX_CODES_SCALAR2)
		for (int k = 0; k < 2; k++)
		{
			VxPoint    *decoded = malloc(VX_POINT_BYTES(vx_codec_decoded_values(&codec)));
			double		by_code;

			vx_codec_decode(&codec, codes[1], decoded);
			vx_codec_prepare_decoded(&codec, decoded, linking, &query);
			by_code = score_error(&codec, &query, &space, of, (k == 0 ? old : new).points, codes[k], true);
			assert_true(by_code < 4 * error[k] + 0.05 * (double) (metric == VX_METRIC_COSINE ? 1 : of->norm2));
			free(decoded);
		}
	/* who missed an epoch knows it, as far as codes say */
	codec.mixed = false;
	codec.epoch = 258;
	vx_codec_prepare(&codec, of, linking, &query);
	if (kind == VX_CODES_PQ)
		score_error(&codec, &query, &space, of, old.points, codes[0], false);
	score_error(&codec, &query, &space, of, new.points, codes[1], false);

	free(codes[0]);
	free(codes[1]);
	free(codec.pq_scratch);
	free_codec(&codec, &query);
	free_era(&old);
	free_era(&new);
}

static void
test_epochs(void **state)
{
	(void) state;
	for (int kind = VX_CODES_SCALAR4; kind <= VX_CODES_PQ; kind++)
		for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
			for (int linking = 0; linking < 2; linking++)
				check_epochs((VxCodeKind) kind, (VxMetric) metric, linking);
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
	vx_codec_set_means(codec, &mem, mean0, mean1);
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
	VxPoint    *point = random_point(DIM, &rng, 0);
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
	vx_codec_init(&codec, &unit_mem, VX_CODES_SCALAR4, VX_METRIC_L2, DIM, 0);
	vx_code_query_init(&codec, &unit_mem, &query);
	vx_codec_set_means(&codec, &unit_mem, means[0], means[1]);
	vx_codec_encode_as(&codec, 1, point, before);
	while (!set_means_from(left, &codec, means[1], means[0]))
	{
		VxPoint    *decoded = malloc(VX_POINT_BYTES(vx_codec_decoded_values(&codec)));

		vx_codec_encode_as(&codec, 1, point, after);
		assert_memory_equal(before, after, codec.code_bytes);
		vx_codec_decode(&codec, after, decoded);
		free(decoded);
		left++;
	}
	assert_true(left > 0);
	vx_codec_encode_as(&codec, 1, point, after);
	assert_memory_not_equal(before, after, codec.code_bytes);
	free_codec(&codec, &query);
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
	vx_codec_init(&codec, &unit_mem, kind, metric, RANGE_DIM, 0);
	codec.epoch = 1;
	codec.mixed = mixed;
	vx_codec_set_means(&codec, &unit_mem, mixed ? small_mean : NULL, metric == VX_METRIC_COSINE ? small_mean : mean);
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
		void	   *one = malloc(vx_codec_opened_bytes(&codec));
		void	   *other = malloc(vx_codec_opened_bytes(&codec));
		const void *others[1] = {other};
		float		pair;

		vx_codec_open(&codec, codes[0], one);
		vx_codec_open(&codec, codes[1], other);
		vx_codec_pairs(&codec, one, others, 1, &pair);
		assert_true((double) pair / unit > exact[0] / 3 && (double) pair / unit < exact[0] * 3);
		free(one);
		free(other);
	}
	free_codec(&codec, &query);
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
			vx_codec_init(&codec, &unit_mem, (VxCodeKind) kind, VX_METRIC_L2, RANGE_DIM, 0);
			vx_codec_set_means(&codec, &unit_mem, mean, NULL);
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
			free_codec(&codec, &query);
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
			VxPoint    *point = random_point(RANGE_DIM, &rng, 0.5f);
			VxPoint    *wild = random_point(RANGE_DIM, &rng, 0);
			float		x[RANGE_DIM];
			uint8_t    *code;
			const uint8_t *codes[1];
			float		score;

			for (uint32_t k = 0; k < RANGE_DIM; k++)
				x[k] = 3e38f * (k % 3 == 0 ? -1 : 1);
			vx_point_set(wild, x, RANGE_DIM);
			vx_codec_init(&codec, &unit_mem, VX_CODES_SCALAR4, (VxMetric) metric, RANGE_DIM, 0);
			codec.epoch = (uint32_t) parity;
			vx_codec_set_means(&codec, &unit_mem, point->x, point->x);
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
			free_codec(&codec, &query);
			free(code);
			free(point);
			free(wild);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_around_zero),
		cmocka_unit_test(test_long_vector),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_kernels_agree),
		cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_decoded_pairs),
		cmocka_unit_test(test_opened_pairs),
		cmocka_unit_test(test_odd_input),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_means_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
