/*
 * vx_codec_scalar.c: scalar codes: the vector minus a mean is rotated at random and each dimension rounded to one of 16 (or 4) evenly
 * spaced levels, with a step chosen per vector so that the levels point as nearly as possible in the vector's direction.
 *
 *     code:  float n2 (sign bit: parity of the epoch) | float f | levels [level_bytes], see vx_code_kernels.h for the planes
 *            inner product has a third float, the squared length of the vector, before the levels
 *
 * The squared length n2 and f = n2 / <levels, vector> correct the estimate:
 *
 *     <vector, query> ~ f * <levels, query>,     |vector - query|^2 ~ n2 + |query|^2 - 2 f <levels, query>
 *
 * and by inner product <vector, query> = <vector - mean, query> + <mean, query>. Nothing is trained but the mean, and a wrong mean costs
 * accuracy, not correctness. L1 is not kept by rotations, so its codes estimate squared L2.
 * Source: Gao, Long 2024, "RaBitQ", sections 3.1-3.3, and Gao et al. 2024, "Practical and asymptotically optimal quantization
 * of high-dimensional vectors in Euclidean space", section 3, for several bits. Differs: the step is searched on a grid.
 *
 * Decoded codes are rotated vectors relative to the mean of parity 0. For inner product they have one value more, the squared length of
 * the vector without a mean. Four-bit codes are compared with each other by integers, while only one model is known.
 */
#include "quant/vx_code_kernels.h"
#include "quant/vx_codec_impl.h"
#include "quant/vx_robust.h"
#include "quant/vx_rotation.h"

/*
 * Steps that are tried, in multiples of the vector's root mean square. Rotated dimensions are nearly normal, for which 0.335
 * (16 levels) and 0.996 (4 levels) are best on average (Max 1960, "Quantizing for minimum distortion", table II).
 */
static const float steps4[] = {0.20f, 0.24f, 0.27f, 0.30f, 0.33f, 0.36f, 0.40f, 0.45f};
static const float steps2[] = {0.65f, 0.75f, 0.85f, 0.93f, 1.0f, 1.08f, 1.18f, 1.3f};

#define STEPS 8

/* A mean whose largest value is outside these bounds says that its vectors are to be scaled. */
#define LEAST_UNSCALED 1e-10f
#define MOST_UNSCALED 1e10f

/* Vectors whose mean is so many times smaller than their elements lie around zero: what is left of it says nothing. */
#define AROUND_ZERO 1024

_Static_assert(VX_CODE_OVERREAD >= VX_CODE_STEP, "memory behind codes");

typedef struct ScalarCodec
{
	uint32_t	bits;			/* of a level */
	float		half;			/* of the number of levels */
	uint32_t	padded;			/* dimensions after rotation */
	uint32_t	header_bytes;	/* before the levels */
	uint32_t	level_bytes;
	uint32_t	stride;			/* of a query's planes */
	VxRotation	rotation;
	float		scale[2];		/* by parity: what vectors are multiplied with, 1 unless squares would leave the range of floats */
	float	   *shift;			/* [padded] what leads from parity 1 to parity 0, rotated; NULL is zero */
	float	   *origin;			/* [padded] behind it: the mean of parity 0, rotated; NULL is zero */
	float	   *scratch;		/* [2][padded] */
	int8_t	   *pair_planes;	/* [2][stride] of the one that others are compared with */
} ScalarCodec;

/* What is before the levels of a code; the sign of norm2 is that of the epoch's parity. */
typedef struct Header
{
	float		norm2;
	float		factor;
	float		own_norm2;		/* the vector's own; inner product only */
} Header;

/* A query made ready for codes of one parity; a query's state is two of these. */
typedef struct Planes
{
	int8_t	   *planes;			/* [8 / bits][stride] */
	float		scale;			/* of the planes */
	float		center;			/* what the levels' offset contributes to the dot product */
	float		norm2;			/* |query - mean|^2 */
	float		to_unit2;		/* what takes scores from this parity's scale to that of the newest model */
	float		mean_product;	/* inner product: <query, mean> */
} Planes;

static size_t
mean_bytes(uint32_t dim)
{
	return dim * sizeof(float);
}

static const char *
check_mean(const void *model, uint32_t dim, uint32_t code_bytes)
{
	const float *mean = model;

	(void) code_bytes;
	for (uint32_t i = 0; i < dim; i++)
		if (!isfinite(mean[i]))
			return "the mean of the vectors is not finite";
	return NULL;
}

static inline uint32_t
header_bytes(VxMetric metric)
{
	return (uint32_t) (metric == VX_METRIC_IP ? sizeof(Header) : offsetof(Header, own_norm2));
}

static uint32_t
scalar_code_bytes(const VxCodecOps *kind, const VxSpace *space, uint32_t subvectors)
{
	(void) subvectors;
	return header_bytes(space->metric) + vx_rotation_padded(vx_space_coded_dim(space)) * kind->bits / 8;
}

static void
scalar_init(VxCodec *codec, const VxMem *mem)
{
	ScalarCodec *scalar = codec->state = vx_alloc(mem, sizeof(ScalarCodec));

	memset(scalar, 0, sizeof(*scalar));
	vx_rotation_init(&scalar->rotation, mem, codec->dim);
	scalar->bits = codec->ops->bits;
	scalar->half = (float) (1 << (scalar->bits - 1));
	scalar->padded = scalar->rotation.padded;
	scalar->header_bytes = header_bytes(codec->metric);
	scalar->level_bytes = scalar->padded * scalar->bits / 8;
	scalar->stride = (scalar->level_bytes + VX_CODE_STEP - 1) / VX_CODE_STEP * VX_CODE_STEP;
	scalar->scale[0] = scalar->scale[1] = 1;
	scalar->scratch = vx_alloc_array(mem, vx_size_product(2, scalar->padded), sizeof(float));
	scalar->pair_planes = vx_alloc_array(mem, 2, scalar->stride);
	codec->decoded_dim = scalar->padded;
	codec->decoded_values = scalar->padded + (codec->metric == VX_METRIC_IP);
}

static void
scalar_free(VxCodec *codec, const VxMem *mem)
{
	ScalarCodec *scalar = codec->state;

	vx_free(mem, scalar->rotation.signs);
	vx_free(mem, scalar->shift);
	vx_free(mem, scalar->scratch);
	vx_free(mem, scalar->pair_planes);
}

/* ---- means ---- */

/* The largest value of a vector, whatever its sign. */
static float
largest_of(const float *x, uint32_t n)
{
	float		largest = 0;

	for (uint32_t i = 0; i < n; i++)
		largest = VX_MAX(largest, fabsf(x[i]));
	return largest;
}

/*
 * The power of two that brings a finite number above 0 near 1, as far as it and its inverse are floats. A power of two: multiplying by it
 * rounds nothing but what becomes subnormal, so that scaling and scaling back gives the same value.
 */
static float
scale_for(float x)
{
	return ldexpf(1, VX_MAX(-126, VX_MIN(126, -ilogbf(x))));
}

/* What vectors are multiplied with whose mean has this largest value. */
static float
scale_of_largest(float largest)
{
	if (!(largest > 0) || !isfinite(largest) || (largest >= LEAST_UNSCALED && largest <= MOST_UNSCALED))
		return 1;
	return scale_for(largest);
}

static inline double
square(float x)
{
	return (double) x * (double) x;
}

/* a - b [dim], NULL for zero, multiplied with a scale and rotated, to result [padded]. */
static void
rotated_difference(const VxCodec *codec, const float *a, const float *b, float scale, float *result)
{
	const ScalarCodec *scalar = codec->state;

	memset(result, 0, scalar->padded * sizeof(float));
	for (uint32_t i = 0; i < codec->dim; i++)
		result[i] = (a != NULL ? a[i] * scale : 0) - (b != NULL ? b[i] * scale : 0);
	vx_rotation_apply(&scalar->rotation, result);
}

void
vx_codec_fit_mean(const VxMem *mem, const VxSample *sample, float *mean)
{
	double		spread = vx_robust_mean(mem, sample, mean);
	float		size = vx_to_finite(sqrt(spread / sample->dim));

	if (largest_of(mean, sample->dim) >= size / AROUND_ZERO)
		return;

	/*
	 * a mean of zero loses nothing then; but scales are read off the mean (scalar_set_models), so one element says the size
	 * where squares would not be floats
	 */
	memset(mean, 0, sample->dim * sizeof(float));
	if (scale_of_largest(size) != 1)
		mean[0] = size;
}

static void
scalar_set_models(VxCodec *codec, const VxMem *mem, const void *const *models, int newest)
{
	ScalarCodec *scalar = codec->state;
	float	   *block = NULL;
	float		scale;

	/* before the old one is given back: where memory runs out, it stays */
	if (models[0] != NULL || models[1] != NULL)
		block = vx_alloc_array(mem, vx_size_product(2, scalar->padded), sizeof(float));
	for (int parity = 0; parity < 2; parity++)
		scalar->scale[parity] = models[parity] == NULL ? 1 : scale_of_largest(largest_of(models[parity], codec->dim));
	scale = scalar->scale[newest];
	codec->unit2 = square(scale);
	codec->centre2 = models[newest] == NULL ? 0
		: vx_to_finite(vx_wide_inner_product(models[newest], models[newest], codec->dim) * codec->unit2);
	vx_codec_set_max_norm2(codec, codec->given_max_norm2);
	vx_free(mem, scalar->shift);
	scalar->shift = block;
	scalar->origin = block != NULL ? block + scalar->padded : NULL;
	if (block == NULL)
		return;
	rotated_difference(codec, models[1], models[0], scale, scalar->shift);
	rotated_difference(codec, models[0], NULL, scale, scalar->origin);
}

/* ---- encoding ---- */

static void
rotate(VxCodec *codec)
{
	const ScalarCodec *scalar = codec->state;

	memset(scalar->scratch + codec->dim, 0, (scalar->padded - codec->dim) * sizeof(float));
	vx_rotation_apply(&scalar->rotation, scalar->scratch);
}

/*
 * As centred(), for a vector whose square is no float: the result is divided by *unit, a power of two. Slow.
 */
static float
centred_wide(VxCodec *codec, const float *mean, float scale, const VxPoint *point, float *unit)
{
	const ScalarCodec *scalar = codec->state;
	float	   *y = scalar->scratch;
	double		largest = 0;
	double		inverse;

	vx_codec_coded(codec, point, y);
	for (uint32_t i = 0; i < codec->dim; i++)
		largest = VX_MAX(largest, fabs((double) scale * ((double) y[i] - (mean != NULL ? (double) mean[i] : 0))));
	*unit = largest > 0 ? 1 / scale_for(vx_to_finite(largest)) : 1;
	inverse = (double) scale / (double) *unit;
	for (uint32_t i = 0; i < codec->dim; i++)
		y[i] = vx_to_finite(inverse * ((double) y[i] - (mean != NULL ? (double) mean[i] : 0)));
	rotate(codec);
	return vx_kernels->norm_squared(y, scalar->padded);
}

/*
 * The vector minus a mean (NULL: zero), multiplied with a scale and rotated, in the codec's scratch memory. Returns its squared
 * length. *unit is what both would have to be multiplied with, the length twice: 1 unless that is too long or short.
 */
static float
centred(VxCodec *codec, const float *mean, float scale, const VxPoint *point, float *unit)
{
	const ScalarCodec *scalar = codec->state;
	float	   *y = scalar->scratch;
	float		norm2;

	vx_codec_coded(codec, point, y);
	if (scale != 1)
		for (uint32_t i = 0; i < codec->dim; i++)
			y[i] = y[i] * scale - (mean != NULL ? mean[i] * scale : 0);
	else if (mean != NULL)
		for (uint32_t i = 0; i < codec->dim; i++)
			y[i] -= mean[i];
	rotate(codec);
	norm2 = vx_kernels->norm_squared(y, scalar->padded);
	*unit = 1;
	if (norm2 >= VX_LEAST_NORM2 && norm2 <= FLT_MAX)
		return norm2;
	return centred_wide(codec, mean, scale, point, unit);
}

/*
 * Levels are 0 .. 2 * half - 1, standing for level - half + 0.5 steps. Returns level - half: the floor of x, by what compilers have registers
 * for everywhere.
 */
static inline int32_t
level_of(float x, float half)
{
	float		within;
	int32_t		level;

	/* written so that NaN becomes level 0 */
	within = x > -half ? x : -half;
	within = within < half - 1 ? within : half - 1;
	level = (int32_t) within;
	return level - ((float) level > within);
}

/* What the levels of y [padded] stand for, in steps whose inverse is given, to values [padded]. A loop that compilers make one over registers. */
static void
round_to_levels(const ScalarCodec *scalar, const float *y, float inverse, float *values)
{
	float		half = scalar->half;
	uint32_t	n = scalar->padded;

	for (uint32_t i = 0; i < n; i++)
		values[i] = (float) level_of(y[i] * inverse, half) + 0.5f;
}

/* The step for which the levels are nearest in direction to y. */
static float
choose_step(const VxCodec *codec, const float *y, float norm2)
{
	const ScalarCodec *scalar = codec->state;
	const float *steps = scalar->bits == 4 ? steps4 : steps2;
	float	   *values = scalar->scratch + scalar->padded;
	float		rms = sqrtf(norm2 / (float) scalar->padded);
	float		best = -1;
	float		best_step = 1;

	for (int s = 0; s < STEPS; s++)
	{
		float		step = steps[s] * rms;
		float		dot;
		float		length2;

		round_to_levels(scalar, y, 1 / step, values);
		dot = vx_kernels->inner_product(values, y, scalar->padded);
		length2 = vx_kernels->norm_squared(values, scalar->padded);
		if (dot > 0 && dot * dot / length2 > best)
		{
			best = dot * dot / length2;
			best_step = step;
		}
	}
	return best_step;
}

static void
scalar_encode(VxCodec *codec, int parity, const VxPoint *point, uint8_t *code)
{
	const ScalarCodec *scalar = codec->state;
	float		unit;
	float		norm2 = centred(codec, codec->model[parity], scalar->scale[parity], point, &unit);
	const float *y = scalar->scratch;
	Header		header = {0};
	uint8_t    *levels = code + scalar->header_bytes;

	memset(levels, 0, scalar->level_bytes);
	if (norm2 > 0)
	{
		float	   *values = scalar->scratch + scalar->padded;
		float		dot;

		round_to_levels(scalar, y, 1 / choose_step(codec, y, norm2), values);
		dot = vx_kernels->inner_product(values, y, scalar->padded);
		/* a plane has dimensions that follow each other, so that a kernel unpacks a register of them by a shift and a mask */
		for (uint32_t plane = 0; plane < 8 / scalar->bits; plane++, values += scalar->level_bytes)
			for (uint32_t i = 0; i < scalar->level_bytes; i++)
				levels[i] |= (uint8_t) ((int32_t) (values[i] + scalar->half) << (plane * scalar->bits));
		if (dot > 0)
			header.factor = vx_to_finite((double) (norm2 / dot) * (double) unit);
		norm2 = (float) ((double) norm2 * (double) unit * (double) unit);
	}
	/* zero, too, has a sign */
	header.norm2 = parity == 0 ? norm2 : -norm2;
	if (codec->metric == VX_METRIC_IP)
		header.own_norm2 = vx_score_norm2(codec, point, square(scalar->scale[parity]));
	memcpy(code, &header, scalar->header_bytes);
}

/* ---- queries ---- */

static void
scalar_query_init(const VxCodec *codec, const VxMem *mem, VxCodeQuery *query)
{
	const ScalarCodec *scalar = codec->state;
	size_t		bytes = (size_t) scalar->stride * (8 / scalar->bits);
	Planes	   *planes = query->state = vx_alloc(mem, 2 * (sizeof(Planes) + bytes));

	memset(planes, 0, 2 * (sizeof(Planes) + bytes));
	planes[0].planes = (int8_t *) (planes + 2);
	planes[1].planes = planes[0].planes + bytes;
}

/* What takes lengths in codes of a parity to those in scores. */
static inline double
unit_of(const VxCodec *codec, int parity)
{
	const ScalarCodec *scalar = codec->state;

	return sqrt(codec->unit2) / (double) scalar->scale[parity];
}

/* The query is in the codec's scratch memory, centred and rotated, its squared length norm2; unit as of centred(). */
static void
prepare_planes(const VxCodec *codec, int parity, bool is_product, float norm2, float unit, Planes *out)
{
	const ScalarCodec *scalar = codec->state;
	const float *y = scalar->scratch;
	float		largest = largest_of(y, scalar->padded);
	double		to_unit = unit_of(codec, parity);
	float		inverse;
	int32_t		sum = 0;

	if (!isfinite(largest))
		largest = 0;
	out->scale = largest / 127;
	inverse = out->scale > 0 ? 1 / out->scale : 0;
	if (!isfinite(inverse))
		inverse = 0;
	for (uint32_t plane = 0; plane < 8 / scalar->bits; plane++)
		for (uint32_t i = 0; i < scalar->level_bytes; i++)
		{
			float		value = y[plane * scalar->level_bytes + i] * inverse;

			/* the comparisons turn NaN into -127 */
			int32_t		rounded = (int32_t) ((value > -127 ? (value < 127 ? value : 127) : -127) + 127.5f) - 127;

			out->planes[(size_t) plane * scalar->stride + i] = (int8_t) rounded;
			sum += rounded;
		}
	out->center = (scalar->half - 0.5f) * (float) sum;
	out->scale = vx_to_finite((double) out->scale * (double) unit);
	out->norm2 = (float) ((double) norm2 * (double) unit * (double) unit);
	out->to_unit2 = (float) (is_product ? to_unit : to_unit * to_unit);
	out->mean_product = 0;
}

static inline bool
scores_products(const VxCodec *codec, const VxCodeQuery *query)
{
	return codec->metric == VX_METRIC_IP && !query->linking;
}

static void
scalar_prepare(VxCodec *codec, int parity, const VxPoint *point, VxCodeQuery *query)
{
	ScalarCodec *scalar = codec->state;
	Planes	   *planes = (Planes *) query->state + parity;
	float		scale = scalar->scale[parity];
	const float *mean = codec->model[parity];
	float		mean_product = 0;
	float		unit;
	float		norm2;

	if (!scores_products(codec, query))
	{
		/* linking by inner product, too, starts from squared L2, to which the added dimension comes */
		norm2 = centred(codec, mean, scale, point, &unit);
		prepare_planes(codec, parity, false, norm2, unit, planes);
		return;
	}
	if (mean != NULL)
	{
		vx_codec_coded(codec, point, scalar->scratch);
		mean_product = scale == 1 ? vx_kernels->inner_product(scalar->scratch, mean, codec->dim)
			: (float) (vx_wide_inner_product(scalar->scratch, mean, codec->dim) * (double) scale);
	}
	/* products are in order whatever the query's length: it is not scaled */
	norm2 = centred(codec, NULL, 1, point, &unit);
	prepare_planes(codec, parity, true, norm2, unit, planes);
	planes->mean_product = mean_product;
}

static void
scalar_prepare_decoded(VxCodec *codec, int parity, const VxPoint *decoded, VxCodeQuery *query)
{
	ScalarCodec *scalar = codec->state;
	Planes	   *planes = (Planes *) query->state + parity;
	bool		product = scores_products(codec, query);
	double		to_unit = unit_of(codec, parity);
	float	   *y = scalar->scratch;
	float		mean_product = 0;

	/* decoded codes are relative to the mean of parity 0 */
	memcpy(y, decoded->x, scalar->padded * sizeof(float));
	if (scalar->shift != NULL && product)
	{
		for (uint32_t i = 0; i < scalar->padded; i++)
			y[i] += scalar->origin[i];
		mean_product = vx_kernels->inner_product(y, scalar->origin, scalar->padded)
			+ (parity == 1 ? vx_kernels->inner_product(y, scalar->shift, scalar->padded) : 0);
	}
	else if (scalar->shift != NULL && parity == 1)
		for (uint32_t i = 0; i < scalar->padded; i++)
			y[i] -= scalar->shift[i];
	prepare_planes(codec, parity, product, vx_kernels->norm_squared(y, scalar->padded), 1, planes);
	/* and in the units of scores, whatever the parity's own are; of products only one side is in those */
	planes->mean_product = (float) ((double) mean_product / to_unit);
	if (product)
		return;
	planes->scale = vx_to_finite((double) planes->scale / to_unit);
	planes->norm2 = (float) ((double) planes->norm2 / (to_unit * to_unit));
}

static inline Header
read_header(const VxCodec *codec, const uint8_t *code)
{
	Header		header = {0};

	/* one by one: a structure that is made of pieces and read as a whole stalls until they have left the store queue */
	memcpy(&header.norm2, code, sizeof(float));
	memcpy(&header.factor, code + offsetof(Header, factor), sizeof(float));
	if (codec->metric == VX_METRIC_IP)
		memcpy(&header.own_norm2, code + offsetof(Header, own_norm2), sizeof(float));
	/* the sign is not the norm's: it is the parity, which vx_epoch_by_sign reads */
	header.norm2 = fabsf(header.norm2);
	return header;
}

/*
 * The score of a code whose levels have this dot product with the query's planes. to_unit2: planes->to_unit2, which is 1 for planes
 * of the newest model.
 */
static inline float
finish_score(const VxCodec *codec, const VxCodeQuery *query, const Planes *planes, float to_unit2, const uint8_t *code,
			 int32_t dot)
{
	Header		header = read_header(codec, code);
	float		product = header.factor * planes->scale * ((float) dot - planes->center);
	float		value;

	if (scores_products(codec, query))
		return vx_score_orderable((-product - planes->mean_product) * to_unit2);
	value = (header.norm2 + planes->norm2 - 2 * product) * to_unit2;
	if (codec->relative && query->linking)
		return vx_score_relative(codec, value, header.norm2 * to_unit2, planes->norm2 * to_unit2);
	if (codec->metric == VX_METRIC_COSINE)
		value *= 0.5f;
	if (codec->metric == VX_METRIC_IP)
		value += vx_score_added(codec, query->added, header.own_norm2 * to_unit2);
	return vx_score_orderable(value);
}

/*
 * As finish_score() for n codes at once, which are of the newest model or count as such, but for linking by an added dimension. Headers are put
 * side by side first, so that the compiler computes several scores in one register. Returns whether all are of the newest model.
 */
static bool
finish_scores(const VxCodec *codec, const VxCodeQuery *query, const Planes *planes, const uint8_t *const *codes, uint32_t n,
			  const int32_t *dot, float *score)
{
	uint32_t	parity = (uint32_t) vx_epoch_parity(query->epoch) << 31;
	uint32_t	wrong = 0;
	float		norm2[VX_CODE_BATCH];
	float		factor[VX_CODE_BATCH];

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	word;

		memcpy(&word, codes[i], sizeof(word));
		wrong |= word ^ parity;
		word &= 0x7FFFFFFF;
		memcpy(&norm2[i], &word, sizeof(word));
		memcpy(&factor[i], codes[i] + offsetof(Header, factor), sizeof(float));
	}
	if (codec->relative && query->linking)
		for (uint32_t i = 0; i < n; i++)
			score[i] = vx_score_relative(codec, norm2[i] + planes->norm2 - 2 * (factor[i] * planes->scale * ((float) dot[i] - planes->center)),
										 norm2[i], planes->norm2);
	else if (codec->metric == VX_METRIC_IP)
		for (uint32_t i = 0; i < n; i++)
			score[i] = vx_score_orderable(-(factor[i] * planes->scale * ((float) dot[i] - planes->center)) - planes->mean_product);
	else
	{
		float		unit = codec->metric == VX_METRIC_COSINE ? 0.5f : 1;

		for (uint32_t i = 0; i < n; i++)
			score[i] = vx_score_orderable((norm2[i] + planes->norm2
										   - 2 * (factor[i] * planes->scale * ((float) dot[i] - planes->center))) * unit);
	}
	return wrong >> 31 == 0;
}

static bool
scalar_score(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score)
{
	const ScalarCodec *scalar = codec->state;
	VxCodeDot	dot_kernel = scalar->bits == 4 ? vx_code_kernels->dot4 : vx_code_kernels->dot2;
	const Planes *prepared = query->state;
	const Planes *planes = &prepared[vx_epoch_parity(query->epoch)];
	const uint8_t *levels[VX_CODE_BATCH];
	int32_t		dot[VX_CODE_BATCH];
	bool		all_known = true;
	uint32_t	ready = 0;

	do
	{
		/* codes are all over memory: all lines are asked for before one is read, as a batch of misses is little more than one */
		vx_prefetch(codes[ready], codec->code_bytes);
		levels[ready] = codes[ready] + scalar->header_bytes;
	} while (++ready < n);
	dot_kernel(levels, n, planes->planes, scalar->stride, scalar->level_bytes, dot);
	if (!query->mixed && (codec->metric != VX_METRIC_IP || scores_products(codec, query) || codec->relative))
		return finish_scores(codec, query, planes, codes, n, dot, score);
	for (uint32_t i = 0; i < n; i++)
	{
		bool		known;
		const Planes *its = &prepared[vx_epoch_by_sign(query->epoch, query->mixed, codes[i], &known)];

		/*
		 * while a fit goes on codes of two epochs are mixed; most are of one, so all are scored by that, and the others once
		 * more
		 */
		all_known &= known;
		if (its != planes && known)
		{
			dot_kernel(&levels[i], 1, its->planes, scalar->stride, scalar->level_bytes, &dot[i]);
			score[i] = finish_score(codec, query, its, its->to_unit2, codes[i], dot[i]);
		}
		else
			score[i] = finish_score(codec, query, planes, 1, codes[i], dot[i]);
	}
	return all_known;
}

/* ---- what codes stand for ---- */

static inline int
parity_of(const VxCodec *codec, const uint8_t *code)
{
	bool		known;

	return vx_epoch_by_sign(codec->epoch, codec->mixed, code, &known);
}

/* What the levels of a code stand for, multiplied with a factor, to x [padded]. */
static void
read_levels(const ScalarCodec *scalar, const uint8_t *code, float factor, float *x)
{
	const uint8_t *levels = code + scalar->header_bytes;
	uint32_t	mask = (1u << scalar->bits) - 1;
	float		offset = scalar->half - 0.5f;

	for (uint32_t plane = 0; plane < 8 / scalar->bits; plane++)
		for (uint32_t i = 0; i < scalar->level_bytes; i++)
			*x++ = factor * ((float) (levels[i] >> (plane * scalar->bits) & mask) - offset);
}

static void
scalar_decode(const VxCodec *codec, const uint8_t *code, VxPoint *point)
{
	const ScalarCodec *scalar = codec->state;
	Header		header = read_header(codec, code);
	int			parity = parity_of(codec, code);
	double		to_unit = unit_of(codec, parity);

	point->norm2 = (float) ((double) header.norm2 * to_unit * to_unit);
	if (codec->metric == VX_METRIC_IP)
		point->x[scalar->padded] = vx_to_finite((double) header.own_norm2 * to_unit * to_unit);
	read_levels(scalar, code, vx_to_finite((double) header.factor * to_unit), point->x);
	if (parity == 1 && scalar->shift != NULL)
	{
		point->norm2 += 2 * vx_kernels->inner_product(point->x, scalar->shift, scalar->padded)
			+ vx_kernels->norm_squared(scalar->shift, scalar->padded);
		for (uint32_t i = 0; i < scalar->padded; i++)
			point->x[i] += scalar->shift[i];
	}
}

static float
scalar_error(VxCodec *codec, const VxPoint *point, const uint8_t *code, float *norm2)
{
	const ScalarCodec *scalar = codec->state;
	int			parity = parity_of(codec, code);
	float		unit;
	float		length2 = centred(codec, codec->model[parity], scalar->scale[parity], point, &unit);
	double		to_unit = unit_of(codec, parity) * (double) unit;
	float	   *decoded = scalar->scratch + scalar->padded;

	read_levels(scalar, code, read_header(codec, code).factor / unit, decoded);
	if (norm2 != NULL)
		*norm2 = (float) ((double) length2 * to_unit * to_unit);
	return (float) ((double) vx_kernels->l2_squared(scalar->scratch, decoded, scalar->padded) * to_unit * to_unit);
}

/* ---- codes compared with codes ---- */

/* An opened four-bit code: what is before its levels, and these with what the kernels read behind them. */
typedef struct OpenedLevels
{
	Header		header;
	uint8_t		levels[];		/* [stride] */
} OpenedLevels;

static size_t
scalar4_opened_bytes(const VxCodec *codec)
{
	const ScalarCodec *scalar = codec->state;

	return codec->mixed ? vx_codec_decoded_bytes(codec) : sizeof(OpenedLevels) + (size_t) scalar->stride;
}

static void
scalar4_open(const VxCodec *codec, const uint8_t *code, void *opened)
{
	const ScalarCodec *scalar = codec->state;
	OpenedLevels *out = opened;

	if (codec->mixed)
	{
		vx_codec_open_decoded(codec, code, opened);
		return;
	}
	out->header = read_header(codec, code);
	memcpy(out->levels, code + scalar->header_bytes, scalar->level_bytes);
	/* the zeros of planes cancel what is behind the levels, but memcheck would not believe it */
	memset(out->levels + scalar->level_bytes, 0, scalar->stride - scalar->level_bytes);
}

/* Levels as a query has them, doubled to be whole numbers around zero, to planes [2][stride]. Returns the sum of all. */
static int32_t
make_planes(const ScalarCodec *scalar, const uint8_t *levels, int8_t *planes)
{
	uint32_t	bytes = scalar->level_bytes;
	int8_t	   *low = planes;
	int8_t	   *high = planes + scalar->stride;
	int32_t		sum = 0;

	for (uint32_t i = 0; i < bytes; i++)
	{
		low[i] = (int8_t) (2 * (levels[i] & 15) - 15);
		high[i] = (int8_t) (2 * (levels[i] >> 4) - 15);
	}
	for (uint32_t i = 0; i < bytes; i++)
		sum += (levels[i] & 15) + (levels[i] >> 4);
	memset(low + bytes, 0, scalar->stride - bytes);
	memset(high + bytes, 0, scalar->stride - bytes);
	return 2 * sum - 30 * (int32_t) bytes;
}

static void
scalar4_pairs(const VxCodec *codec, const void *one, const void *const *others, uint32_t n, float *score)
{
	const ScalarCodec *scalar = codec->state;
	const OpenedLevels *x = one;
	int8_t	   *planes = scalar->pair_planes;
	const uint8_t *levels[VX_CODE_BATCH];
	int32_t		dot[VX_CODE_BATCH];
	float		norm2[VX_CODE_BATCH];
	float		factor[VX_CODE_BATCH];
	int32_t		sum;

	if (codec->mixed)
	{
		vx_codec_pairs_decoded(codec, one, others, n, score);
		return;
	}
	sum = 15 * make_planes(scalar, x->levels, planes);
	for (uint32_t from = 0; from < n; from += VX_CODE_BATCH)
	{
		uint32_t	count = VX_MIN(n - from, VX_CODE_BATCH);

		for (uint32_t i = 0; i < count; i++)
		{
			const OpenedLevels *y = others[from + i];

			levels[i] = y->levels;
			norm2[i] = y->header.norm2;
			factor[i] = y->header.factor;
		}
		vx_code_kernels->dot4(levels, count, planes, scalar->stride, scalar->level_bytes, dot);
		/* (2 l - 15) (2 m - 15) = 2 m (2 l - 15) - 15 (2 l - 15); the doubling of both sides leaves a factor of 4 */
		for (uint32_t i = 0; i < count; i++)
			factor[i] = x->header.factor * factor[i] * 0.25f * (float) (2 * dot[i] - sum);
		for (uint32_t i = 0; i < count; i++)
		{
			float		own = codec->metric == VX_METRIC_IP ? ((const OpenedLevels *) others[from + i])->header.own_norm2 : 0;

			score[from + i] = vx_score_pair(codec, x->header.norm2, norm2[i], factor[i], x->header.own_norm2, own);
		}
	}
}

/* What kinds of any number of bits have in common. */
#define SCALAR_OPS \
	.forms = 1 << VX_FORM_DENSE | 1 << VX_FORM_SPARSE,.model = VX_MODEL_MEAN,.model_copies = 2,.links = true,.model_bytes = mean_bytes,.check_model = check_mean, \
	.code_bytes = scalar_code_bytes,.init = scalar_init,.free = scalar_free,.set_models = scalar_set_models, \
	.code_parity = vx_epoch_by_sign,.encode = scalar_encode,.query_init = scalar_query_init, \
	.prepare = scalar_prepare,.prepare_decoded = scalar_prepare_decoded,.score = scalar_score,.decode = scalar_decode, \
	.error = scalar_error

const VxCodecOps vx_codec_scalar4 = {
	SCALAR_OPS,.name = "scalar4",.bits = 4,.prunes = true,
	.opened_bytes = scalar4_opened_bytes,.open = scalar4_open,.pairs = scalar4_pairs
};

const VxCodecOps vx_codec_scalar2 = {
	SCALAR_OPS,.name = "scalar2",.bits = 2,
	.opened_bytes = vx_codec_decoded_bytes,.open = vx_codec_open_decoded,.pairs = vx_codec_pairs_decoded
};
