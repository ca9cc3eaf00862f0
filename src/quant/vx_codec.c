/*
 * vx_codec.c: encoding, and scoring queries against codes; see vx_codec.h.
 */
#include "quant/vx_codec.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/vx_robust.h"

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

static const VxCodecOps kinds[] = {
	[VX_CODES_NONE] = {.name = "none"},
	[VX_CODES_SCALAR4] = {
		.name = "scalar4",.model = VX_MODEL_MEAN,.model_copies = 2,.links = true,.prunes = true,.bits = 4
	},
	[VX_CODES_SCALAR2] = {
		.name = "scalar2",.model = VX_MODEL_MEAN,.model_copies = 2,.links = true,.bits = 2
	},
	[VX_CODES_PQ] = {
		.name = "pq",.model = VX_MODEL_CODEBOOK,.model_copies = 2,.needs_training = true
	},
};

const VxCodecOps *
vx_code_kind(uint32_t kind)
{
	return kind < sizeof(kinds) / sizeof(kinds[0]) ? &kinds[kind] : NULL;
}

static inline uint32_t
level_bits(VxCodeKind kind)
{
	return kinds[kind].bits;
}

size_t
vx_code_model_bytes(VxCodeKind kind, uint32_t dim)
{
	switch (kinds[kind].model)
	{
		case VX_MODEL_NONE:
			return 0;
		case VX_MODEL_MEAN:
			return dim * sizeof(float);
		case VX_MODEL_CODEBOOK:
			return vx_pq_codebook_bytes(dim);
	}
	return 0;
}

/* Of scalar codes: n2, f and for inner product the vector's own squared length. */
static inline uint32_t
header_floats(VxMetric metric)
{
	return metric == VX_METRIC_IP ? 3 : 2;
}

uint32_t
vx_code_bytes(VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t subvectors)
{
	if (kind == VX_CODES_NONE)
		return 0;
	if (kind == VX_CODES_PQ)
		return subvectors + 1;
	return header_floats(metric) * (uint32_t) sizeof(float) + vx_rotation_padded(dim) * level_bits(kind) / 8;
}

bool
vx_code_bytes_fit(VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t code_bytes)
{
	if (kind == VX_CODES_PQ)
		return code_bytes >= 2 && vx_code_subvectors(code_bytes) <= dim;
	return code_bytes == vx_code_bytes(kind, metric, dim, 0);
}

void
vx_codec_init(VxCodec *codec, const VxMem *mem, VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t subvectors)
{
	memset(codec, 0, sizeof(*codec));
	codec->kind = kind;
	codec->metric = metric;
	codec->dim = dim;
	codec->code_bytes = vx_code_bytes(kind, metric, dim, subvectors);
	codec->scale[0] = codec->scale[1] = 1;
	codec->unit2 = 1;
	if (kind == VX_CODES_PQ)
	{
		codec->padded = dim;
		codec->subvectors = subvectors;
		codec->pq_scratch = vx_alloc_array(mem, vx_size_product(2, dim), sizeof(float));
		return;
	}
	vx_rotation_init(&codec->rotation, mem, dim);
	codec->padded = codec->rotation.padded;
	codec->bits = level_bits(kind);
	codec->header_bytes = header_floats(metric) * (uint32_t) sizeof(float);
	codec->level_bytes = codec->padded * codec->bits / 8;
	codec->stride = (codec->level_bytes + VX_CODE_STEP - 1) / VX_CODE_STEP * VX_CODE_STEP;
	codec->scratch = vx_alloc_array(mem, codec->padded, sizeof(float));
}

void
vx_codec_set_codebooks(VxCodec *codec, const VxPqCodebook *codebook0, const VxPqCodebook *codebook1)
{
	VX_ASSERT(codec->kind == VX_CODES_PQ);
	VX_ASSERT(codebook0 == NULL || (codebook0->dim == codec->dim && codebook0->m == codec->subvectors));
	VX_ASSERT(codebook1 == NULL || (codebook1->dim == codec->dim && codebook1->m == codec->subvectors));
	codec->codebook[0] = codebook0;
	codec->codebook[1] = codebook1;
}

/* ---- which model a code is of ---- */

static inline int
parity_of(uint32_t epoch)
{
	return (int) (epoch & 1);
}

/* The parity that a code is of, to one who knows an epoch and, if mixed, the one before; *known: whether it is of those. */
static inline int
code_parity(VxCodeKind kind, uint32_t epoch, bool mixed, const uint8_t *code, bool *known)
{
	int			parity = parity_of(epoch);
	bool		is_current;
	bool		is_older;

	if (kind == VX_CODES_PQ)
	{
		is_current = code[0] == (uint8_t) epoch;
		is_older = code[0] == (uint8_t) (epoch - 1);
	}
	else
	{
		/* the sign bit of the first float */
		uint32_t	word;

		memcpy(&word, code, sizeof(word));
		is_current = (int) (word >> 31) == parity;
		is_older = !is_current;
	}
	*known = is_current || (mixed && is_older);
	return is_older && (mixed || kind != VX_CODES_PQ) ? 1 - parity : parity;
}

bool
vx_codec_is_current(const VxCodec *codec, const uint8_t *code)
{
	bool		known;

	code_parity(codec->kind, codec->epoch, false, code, &known);
	return known;
}

bool
vx_codec_knows(const VxCodec *codec, const uint8_t *code)
{
	bool		known;

	code_parity(codec->kind, codec->epoch, codec->mixed, code, &known);
	return known;
}

int
vx_codec_parity_of(const VxCodec *codec, const uint8_t *code)
{
	bool		known;

	return code_parity(codec->kind, codec->epoch, codec->mixed, code, &known);
}

static inline const VxPqCodebook *
codebook_of(const VxCodec *codec, const uint8_t *code)
{
	return codec->codebook[vx_codec_parity_of(codec, code)];
}

/* ---- encoding ---- */

/* The largest value of a vector, whatever its sign. */
static float
largest_of(const float *x, uint32_t n)
{
	float		largest = 0;

	for (uint32_t i = 0; i < n; i++)
		largest = VX_MAX(largest, fabsf(x[i]));
	return largest;
}

/* The power of two that brings a finite number above 0 near 1, as far as it and its inverse are floats. */
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

static inline float
to_float(double x)
{
	return (float) VX_MIN(x, (double) FLT_MAX);
}

void
vx_codec_set_max_norm2(VxCodec *codec, float max_norm2)
{
	codec->given_max_norm2 = max_norm2;
	codec->max_norm2 = to_float((double) max_norm2 * codec->unit2);
}

/* a - b [dim], NULL for zero, multiplied with a scale and rotated, to result [padded]. */
static void
rotated_difference(const VxCodec *codec, const float *a, const float *b, float scale, float *result)
{
	memset(result, 0, codec->padded * sizeof(float));
	for (uint32_t i = 0; i < codec->dim; i++)
		result[i] = (a != NULL ? a[i] * scale : 0) - (b != NULL ? b[i] * scale : 0);
	vx_rotation_apply(&codec->rotation, result);
}

void
vx_codec_fit_mean(const VxMem *mem, const VxSample *sample, float *mean)
{
	double		spread = vx_robust_mean(mem, sample, mean);
	float		size = to_float(sqrt(spread / sample->dim));

	if (largest_of(mean, sample->dim) >= size / AROUND_ZERO)
		return;
	memset(mean, 0, sample->dim * sizeof(float));
	if (scale_of_largest(size) != 1)
		mean[0] = size;
}

void
vx_codec_set_means(VxCodec *codec, const VxMem *mem, const float *mean0, const float *mean1)
{
	const float *means[2] = {mean0, mean1};
	float	   *block = NULL;
	float	   *at = NULL;
	float		scale;

	if (codec->kind == VX_CODES_PQ)
		return;
	/* before the old ones are given back: where memory runs out, they stay */
	if (mean0 != NULL || mean1 != NULL)
		at = block = vx_alloc_array(mem, 2 * ((size_t) codec->padded + codec->dim), sizeof(float));
	for (int parity = 0; parity < 2; parity++)
		codec->scale[parity] = means[parity] == NULL ? 1 : scale_of_largest(largest_of(means[parity], codec->dim));
	scale = codec->scale[parity_of(codec->epoch)];
	codec->unit2 = (double) scale * (double) scale;
	vx_codec_set_max_norm2(codec, codec->given_max_norm2);
	codec->shift = codec->origin = NULL;
	if (block != NULL)
	{
		codec->shift = at;
		codec->origin = at + codec->padded;
		at += 2 * (size_t) codec->padded;
		rotated_difference(codec, mean1, mean0, scale, codec->shift);
		rotated_difference(codec, mean0, NULL, scale, codec->origin);
	}
	for (int parity = 0; parity < 2; parity++)
	{
		codec->mean[parity] = means[parity] != NULL ? at : NULL;
		if (codec->mean[parity] == NULL)
			continue;
		memcpy(codec->mean[parity], means[parity], codec->dim * sizeof(float));
		at += codec->dim;
	}
	vx_free(mem, codec->means);
	codec->means = block;
}

static void
rotate(VxCodec *codec)
{
	memset(codec->scratch + codec->dim, 0, (codec->padded - codec->dim) * sizeof(float));
	vx_rotation_apply(&codec->rotation, codec->scratch);
}

/* What codes are made from, into out [dim]. */
static inline void
coded(const VxCodec *codec, const VxPoint *point, float *out)
{
	VxSpace		space = {.metric = codec->metric,.dim = codec->dim};

	vx_space_coded(&space, point, out);
}

/*
 * As centred(), for a vector whose square is no float: the result is divided by *unit, a power of two. Slow.
 */
static float
centred_wide(VxCodec *codec, const float *mean, float scale, const VxPoint *point, float *unit)
{
	float	   *y = codec->scratch;
	double		largest = 0;
	double		inverse;

	coded(codec, point, y);
	for (uint32_t i = 0; i < codec->dim; i++)
		largest = VX_MAX(largest, fabs((double) scale * ((double) y[i] - (mean != NULL ? (double) mean[i] : 0))));
	*unit = largest > 0 ? 1 / scale_for(to_float(largest)) : 1;
	inverse = (double) scale / (double) *unit;
	for (uint32_t i = 0; i < codec->dim; i++)
		y[i] = to_float(inverse * ((double) y[i] - (mean != NULL ? (double) mean[i] : 0)));
	rotate(codec);
	return vx_kernels->norm_squared(y, codec->padded);
}

/*
 * The vector minus a mean (NULL: zero), multiplied with a scale and rotated, in the codec's scratch memory. Returns its squared
 * length. *unit is what both would have to be multiplied with, the length twice: 1 unless that is too long or short.
 */
static float
centred(VxCodec *codec, const float *mean, float scale, const VxPoint *point, float *unit)
{
	float	   *y = codec->scratch;
	float		norm2;

	coded(codec, point, y);
	if (scale != 1)
		for (uint32_t i = 0; i < codec->dim; i++)
			y[i] = y[i] * scale - (mean != NULL ? mean[i] * scale : 0);
	else if (mean != NULL)
		for (uint32_t i = 0; i < codec->dim; i++)
			y[i] -= mean[i];
	rotate(codec);
	norm2 = vx_kernels->norm_squared(y, codec->padded);
	*unit = 1;
	if (norm2 >= VX_LEAST_NORM2 && norm2 <= FLT_MAX)
		return norm2;
	return centred_wide(codec, mean, scale, point, unit);
}

/* The squared length of a vector in the units of a scale. */
static float
scaled_norm2(const VxCodec *codec, const VxPoint *point, float scale)
{
	if (scale == 1)
		return VX_MIN(point->norm2, FLT_MAX);
	return to_float(vx_wide_inner_product(point->x, point->x, codec->dim) * (double) scale * (double) scale);
}

/* Levels are 0 .. 2 * half - 1, standing for level - half + 0.5 steps. */
static inline float
level_of(float x, float half)
{
	float		level = floorf(x) + half;

	/* written so that NaN becomes 0 */
	if (!(level > 0))
		return 0;
	return level < 2 * half - 1 ? level : 2 * half - 1;
}

/* The step for which the levels are nearest in direction to y. */
static float
choose_step(const VxCodec *codec, const float *y, float norm2)
{
	const float *steps = codec->bits == 4 ? steps4 : steps2;
	float		half = codec->bits == 4 ? 8 : 2;
	float		rms = sqrtf(norm2 / (float) codec->padded);
	float		best = -1;
	float		best_step = 1;

	for (int s = 0; s < STEPS; s++)
	{
		float		step = steps[s] * rms;
		float		inverse = 1 / step;
		float		dot = 0;
		float		length2 = 0;

		for (uint32_t i = 0; i < codec->padded; i++)
		{
			float		value = level_of(y[i] * inverse, half) - half + 0.5f;

			dot += value * y[i];
			length2 += value * value;
		}
		if (dot > 0 && dot * dot / length2 > best)
		{
			best = dot * dot / length2;
			best_step = step;
		}
	}
	return best_step;
}

static void
encode_levels(VxCodec *codec, int parity, const VxPoint *point, uint8_t *code)
{
	float		unit;
	float		norm2 = centred(codec, codec->mean[parity], codec->scale[parity], point, &unit);
	const float *y = codec->scratch;
	float		factor = 0;
	float		header[3];
	uint8_t    *levels = code + codec->header_bytes;

	memset(levels, 0, codec->level_bytes);
	if (norm2 > 0)
	{
		float		half = codec->bits == 4 ? 8 : 2;
		float		inverse = 1 / choose_step(codec, y, norm2);
		float		dot = 0;

		for (uint32_t i = 0; i < codec->padded; i++)
		{
			float		level = level_of(y[i] * inverse, half);

			levels[i % codec->level_bytes] |= (uint8_t) ((uint32_t) level << (i / codec->level_bytes * codec->bits));
			dot += (level - half + 0.5f) * y[i];
		}
		if (dot > 0)
			factor = to_float((double) (norm2 / dot) * (double) unit);
		norm2 = (float) ((double) norm2 * (double) unit * (double) unit);
	}
	/* zero, too, has a sign */
	header[0] = parity == 0 ? norm2 : -norm2;
	header[1] = factor;
	header[2] = codec->metric == VX_METRIC_IP ? scaled_norm2(codec, point, codec->scale[parity]) : 0;
	memcpy(code, header, codec->header_bytes);
}

/* What product quantisation works on: the vector, under cosine its direction. */
static const float *
pq_vector(const VxCodec *codec, const VxPoint *point)
{
	if (codec->metric != VX_METRIC_COSINE)
		return point->x;
	coded(codec, point, codec->pq_scratch);
	return codec->pq_scratch;
}

void
vx_codec_encode_as(VxCodec *codec, int parity, const VxPoint *point, uint8_t *code)
{
	if (codec->kind != VX_CODES_PQ)
	{
		encode_levels(codec, parity, point, code);
		return;
	}
	code[0] = (uint8_t) (parity == parity_of(codec->epoch) ? codec->epoch : codec->epoch - 1);
	vx_pq_encode(codec->codebook[parity], pq_vector(codec, point), codec->pq_scratch + codec->dim, code + 1);
}

void
vx_codec_encode(VxCodec *codec, const VxPoint *point, uint8_t *code)
{
	vx_codec_encode_as(codec, parity_of(codec->epoch), point, code);
}

/* ---- queries ---- */

void
vx_code_query_init(const VxCodec *codec, const VxMem *mem, VxCodeQuery *query)
{
	size_t		bytes;

	memset(query, 0, sizeof(*query));
	if (codec->kind == VX_CODES_PQ)
	{
		for (int parity = 0; parity < 2; parity++)
			vx_pq_table_init(&query->tables[parity], mem, codec->dim, codec->subvectors);
		return;
	}
	bytes = (size_t) codec->stride * (8 / codec->bits);
	for (int parity = 0; parity < 2; parity++)
	{
		query->planes[parity].planes = vx_alloc(mem, bytes);
		memset(query->planes[parity].planes, 0, bytes);
	}
}

void
vx_code_query_free(VxCodeQuery *query, const VxMem *mem)
{
	for (int parity = 0; parity < 2; parity++)
	{
		vx_free(mem, query->planes[parity].planes);
		if (query->tables[parity].entries != NULL)
			vx_pq_table_free(&query->tables[parity], mem);
	}
	memset(query, 0, sizeof(*query));
}

/* What takes lengths in codes of a parity to those in scores. */
static inline double
unit_of(const VxCodec *codec, int parity)
{
	return sqrt(codec->unit2) / (double) codec->scale[parity];
}

/* The query is in the codec's scratch memory, centred and rotated, its squared length norm2; unit as of centred(). */
static void
prepare_planes(const VxCodec *codec, int parity, bool is_product, float norm2, float unit, VxCodePlanes *out)
{
	const float *y = codec->scratch;
	float		largest = largest_of(y, codec->padded);
	double		to_unit = unit_of(codec, parity);
	float		inverse;
	int32_t		sum = 0;

	if (!isfinite(largest))
		largest = 0;
	out->scale = largest / 127;
	inverse = out->scale > 0 ? 1 / out->scale : 0;
	if (!isfinite(inverse))
		inverse = 0;
	for (uint32_t plane = 0; plane < 8 / codec->bits; plane++)
		for (uint32_t i = 0; i < codec->level_bytes; i++)
		{
			float		value = y[plane * codec->level_bytes + i] * inverse;
			/* the comparisons turn NaN into -127 */
			int32_t		rounded = (int32_t) ((value > -127 ? (value < 127 ? value : 127) : -127) + 127.5f) - 127;

			out->planes[(size_t) plane * codec->stride + i] = (int8_t) rounded;
			sum += rounded;
		}
	out->center = (codec->bits == 4 ? 7.5f : 1.5f) * (float) sum;
	out->scale = to_float((double) out->scale * (double) unit);
	out->norm2 = (float) ((double) norm2 * (double) unit * (double) unit);
	out->to_unit2 = (float) (is_product ? to_unit : to_unit * to_unit);
	out->mean_product = 0;
}

/* Takes planes from the units of scores to those of their parity; of products only one side is in those. */
static void
to_scale(VxCodePlanes *planes, bool is_product, double to_unit)
{
	if (is_product || to_unit == 1)
		return;
	planes->scale = to_float((double) planes->scale / to_unit);
	planes->norm2 = (float) ((double) planes->norm2 / (to_unit * to_unit));
}

static void
finish_query(const VxCodec *codec, float norm2, bool linking, VxCodeQuery *query)
{
	query->epoch = codec->epoch;
	query->mixed = codec->mixed;
	query->linking = linking;
	query->added = 0;
	if (codec->metric == VX_METRIC_IP && linking)
		query->added = vx_space_added(codec->max_norm2, norm2);
}

/* Whether a query is to be ready for codes of a parity. */
static inline bool
wants_parity(const VxCodec *codec, int parity)
{
	return parity == parity_of(codec->epoch) || codec->mixed;
}

void
vx_codec_prepare(VxCodec *codec, const VxPoint *point, bool linking, VxCodeQuery *query)
{
	/* linking by inner product starts from squared L2, to which the added dimension comes */
	VxMetric	metric = codec->metric == VX_METRIC_COSINE ? VX_METRIC_COSINE
		: codec->metric == VX_METRIC_IP && !linking ? VX_METRIC_IP : VX_METRIC_L2;

	for (int parity = 0; parity < 2; parity++)
	{
		if (!wants_parity(codec, parity))
			continue;
		if (codec->kind == VX_CODES_PQ)
			vx_pq_prepare(&query->tables[parity], codec->codebook[parity], metric, pq_vector(codec, point));
		else
		{
			/* products are in order whatever the query's length: it is not scaled */
			bool		is_product = metric == VX_METRIC_IP;
			float		scale = codec->scale[parity];
			const float *mean = codec->mean[parity];
			float		unit;
			float		norm2 = centred(codec, is_product ? NULL : mean, is_product ? 1 : scale, point, &unit);

			prepare_planes(codec, parity, is_product, norm2, unit, &query->planes[parity]);
			if (is_product && mean != NULL)
				query->planes[parity].mean_product = scale == 1 ? vx_kernels->inner_product(point->x, mean, codec->dim)
					: (float) (vx_wide_inner_product(point->x, mean, codec->dim) * (double) scale);
		}
	}
	finish_query(codec, scaled_norm2(codec, point, codec->scale[parity_of(codec->epoch)]), linking, query);
}

uint32_t
vx_codec_decoded_values(const VxCodec *codec)
{
	return codec->kind != VX_CODES_PQ && codec->metric == VX_METRIC_IP ? codec->padded + 1 : codec->padded;
}

/* The squared length of the vector that was encoded, not relative to a mean, in the units of scores. */
static inline float
own_norm2(const VxCodec *codec, const VxPoint *decoded)
{
	return vx_codec_decoded_values(codec) > codec->padded ? decoded->x[codec->padded] : decoded->norm2;
}

float
vx_codec_own_norm2(const VxCodec *codec, const VxPoint *decoded)
{
	float		norm2 = own_norm2(codec, decoded);

	return codec->unit2 == 1 ? norm2 : (float) ((double) norm2 / codec->unit2);
}

void
vx_codec_prepare_decoded(VxCodec *codec, const VxPoint *decoded, bool linking, VxCodeQuery *query)
{
	if (codec->kind == VX_CODES_PQ)
	{
		/* decoded codes are vectors */
		vx_codec_prepare(codec, decoded, linking, query);
		return;
	}
	for (int parity = 0; parity < 2; parity++)
	{
		bool		is_product = codec->metric == VX_METRIC_IP && !linking;
		float	   *y = codec->scratch;
		float		mean_product = 0;

		if (!wants_parity(codec, parity))
			continue;
		/* decoded codes are relative to the mean of parity 0 */
		memcpy(y, decoded->x, codec->padded * sizeof(float));
		if (codec->shift != NULL && is_product)
		{
			for (uint32_t i = 0; i < codec->padded; i++)
				y[i] += codec->origin[i];
			mean_product = vx_kernels->inner_product(y, codec->origin, codec->padded)
				+ (parity == 1 ? vx_kernels->inner_product(y, codec->shift, codec->padded) : 0);
		}
		else if (codec->shift != NULL && parity == 1)
			for (uint32_t i = 0; i < codec->padded; i++)
				y[i] -= codec->shift[i];
		prepare_planes(codec, parity, is_product, vx_kernels->norm_squared(y, codec->padded), 1, &query->planes[parity]);
		/* and in the units of scores, whatever the parity's own are */
		to_scale(&query->planes[parity], is_product, unit_of(codec, parity));
		query->planes[parity].mean_product = (float) ((double) mean_product / unit_of(codec, parity));
	}
	finish_query(codec, own_norm2(codec, decoded), linking, query);
}

static inline float
orderable(float score)
{
	return isnan(score) ? INFINITY : score;
}

/* Inner product, linking: what the added dimensions contribute. */
static inline float
added_term(const VxCodec *codec, float query_added, float norm2)
{
	float		added = query_added - vx_space_added(codec->max_norm2, norm2);

	return added * added;
}

/* Inner product: the squared length of the vector that a scalar code is of. */
static inline float
code_own_norm2(const uint8_t *code)
{
	float		norm2;

	memcpy(&norm2, code + 2 * sizeof(float), sizeof(norm2));
	return norm2;
}

/*
 * The score of a code whose levels have this dot product with the query's planes. to_unit2: planes->to_unit2, which is 1 for planes
 * of the newest model.
 */
static inline float
finish_score(const VxCodec *codec, const VxCodeQuery *query, const VxCodePlanes *planes, float to_unit2, const uint8_t *code,
			 int32_t dot)
{
	float		header[2];
	float		product;
	float		value;

	memcpy(header, code, sizeof(header));
	product = header[1] * planes->scale * ((float) dot - planes->center);
	if (codec->metric == VX_METRIC_IP && !query->linking)
		return orderable((-product - planes->mean_product) * to_unit2);
	value = (fabsf(header[0]) + planes->norm2 - 2 * product) * to_unit2;
	if (codec->metric == VX_METRIC_COSINE)
		value *= 0.5f;
	if (codec->metric == VX_METRIC_IP)
		value += added_term(codec, query->added, code_own_norm2(code) * to_unit2);
	return orderable(value);
}

/* How many codes are scored at once. */
#define BATCH 256

/* As vx_codec_score, for up to BATCH codes. */
static bool
score_pq(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score)
{
	const VxPqTable *table = &query->tables[parity_of(query->epoch)];
	const uint8_t *bytes[BATCH];
	bool		all_known = true;

	for (uint32_t i = 0; i < n; i++)
	{
		vx_prefetch(codes[i], codec->code_bytes);
		bytes[i] = codes[i] + 1;
	}
	vx_pq_score(table, bytes, n, score);
	for (uint32_t i = 0; i < n; i++)
	{
		bool		known;
		const VxPqTable *its = &query->tables[code_parity(codec->kind, query->epoch, query->mixed, codes[i], &known)];

		all_known &= known;
		if (its != table)
			vx_pq_score(its, &bytes[i], 1, &score[i]);
		if (codec->metric == VX_METRIC_IP && query->linking)
		{
			vx_pq_decode(codebook_of(codec, codes[i]), bytes[i], codec->pq_scratch);
			score[i] += added_term(codec, query->added, vx_kernels->norm_squared(codec->pq_scratch, codec->dim));
		}
	}
	return all_known;
}

static bool
score_levels(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score)
{
	VxCodeDot	dot_kernel = codec->bits == 4 ? vx_code_kernels->dot4 : vx_code_kernels->dot2;
	const VxCodePlanes *planes = &query->planes[parity_of(query->epoch)];
	const uint8_t *levels[BATCH];
	int32_t		dot[BATCH];
	bool		all_known = true;

	for (uint32_t i = 0; i < n; i++)
	{
		vx_prefetch(codes[i], 1);
		levels[i] = codes[i] + codec->header_bytes;
	}
	dot_kernel(levels, n, planes->planes, codec->stride, codec->level_bytes, dot);
	for (uint32_t i = 0; i < n; i++)
	{
		bool		known;
		const VxCodePlanes *its = &query->planes[code_parity(codec->kind, query->epoch, query->mixed, codes[i], &known)];

		all_known &= known;
		if (its != planes && known)
		{
			dot_kernel(&levels[i], 1, its->planes, codec->stride, codec->level_bytes, &dot[i]);
			score[i] = finish_score(codec, query, its, its->to_unit2, codes[i], dot[i]);
		}
		else
			score[i] = finish_score(codec, query, planes, 1, codes[i], dot[i]);
	}
	return all_known;
}

bool
vx_codec_score(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score)
{
	bool		all_known = true;

	for (uint32_t from = 0; from < n; from += BATCH)
	{
		uint32_t	count = VX_MIN(n - from, BATCH);

		if (codec->kind == VX_CODES_PQ)
			all_known &= score_pq(codec, query, codes + from, count, score + from);
		else
			all_known &= score_levels(codec, query, codes + from, count, score + from);
	}
	return all_known;
}

/* ---- what codes stand for ---- */

/* Takes what was decoded from the units of its parity to those of scores. */
static void
to_units(const VxCodec *codec, int parity, VxPoint *point)
{
	double		to_unit = unit_of(codec, parity);

	point->norm2 = (float) ((double) point->norm2 * to_unit * to_unit);
	for (uint32_t i = 0; i < codec->padded; i++)
		point->x[i] = (float) ((double) point->x[i] * to_unit);
	if (codec->metric == VX_METRIC_IP)
		point->x[codec->padded] = to_float((double) point->x[codec->padded] * to_unit * to_unit);
}

static void
decode_levels(const VxCodec *codec, const uint8_t *code, VxPoint *point)
{
	float		header[2];
	float		offset = codec->bits == 4 ? 7.5f : 1.5f;
	uint32_t	mask = (1u << codec->bits) - 1;
	const uint8_t *levels = code + codec->header_bytes;

	memcpy(header, code, sizeof(header));
	point->norm2 = fabsf(header[0]);
	if (codec->metric == VX_METRIC_IP)
		point->x[codec->padded] = code_own_norm2(code);
	for (uint32_t plane = 0; plane < 8 / codec->bits; plane++)
		for (uint32_t i = 0; i < codec->level_bytes; i++)
			point->x[plane * codec->level_bytes + i]
				= header[1] * ((float) (levels[i] >> (plane * codec->bits) & mask) - offset);
	if (codec->unit2 != 1 || codec->scale[0] != codec->scale[1])
		to_units(codec, vx_codec_parity_of(codec, code), point);
	if (vx_codec_parity_of(codec, code) == 1 && codec->shift != NULL)
	{
		point->norm2 += 2 * vx_kernels->inner_product(point->x, codec->shift, codec->padded)
			+ vx_kernels->norm_squared(codec->shift, codec->padded);
		for (uint32_t i = 0; i < codec->padded; i++)
			point->x[i] += codec->shift[i];
	}
}

void
vx_codec_decode(const VxCodec *codec, const uint8_t *code, VxPoint *point)
{
	if (codec->kind != VX_CODES_PQ)
	{
		decode_levels(codec, code, point);
		return;
	}
	vx_pq_decode(codebook_of(codec, code), code + 1, point->x);
	point->norm2 = vx_kernels->norm_squared(point->x, codec->dim);
}

float
vx_codec_error(VxCodec *codec, const VxPoint *point, const uint8_t *code, float *norm2)
{
	float		header[2];
	float		offset = codec->bits == 4 ? 7.5f : 1.5f;
	uint32_t	mask = (1u << codec->bits) - 1;
	const uint8_t *levels = code + codec->header_bytes;
	int			parity = vx_codec_parity_of(codec, code);
	float		scale = codec->scale[parity];
	double		to_unit2 = codec->unit2 / ((double) scale * (double) scale);
	float		unit;
	float		length2;
	const float *y;
	float		error = 0;

	if (codec->kind == VX_CODES_PQ)
	{
		y = pq_vector(codec, point);
		if (norm2 != NULL)
			*norm2 = vx_kernels->l2_squared(y, vx_pq_mean(codebook_of(codec, code)), codec->dim);
		return vx_pq_error(codebook_of(codec, code), y, code + 1);
	}
	memcpy(header, code, sizeof(header));
	length2 = centred(codec, codec->mean[parity], scale, point, &unit);
	y = codec->scratch;
	header[1] /= unit;
	for (uint32_t i = 0; i < codec->padded; i++)
	{
		uint32_t	level = ((uint32_t) levels[i % codec->level_bytes] >> (i / codec->level_bytes * codec->bits)) & mask;
		float		rest = y[i] - header[1] * ((float) level - offset);

		error += rest * rest;
	}
	to_unit2 *= (double) unit * (double) unit;
	if (norm2 != NULL)
		*norm2 = (float) ((double) length2 * to_unit2);
	return (float) ((double) error * to_unit2);
}

/* The pair score of two vectors by squared lengths and inner product relative to a mean, and by their own squared lengths. */
static inline float
pair_score(const VxCodec *codec, float norm2_a, float norm2_b, float product, float own_a, float own_b)
{
	float		value = norm2_a + norm2_b - 2 * product;

	if (codec->metric == VX_METRIC_COSINE)
		value *= 0.5f;
	value = value < 0 ? 0 : value;
	if (codec->metric == VX_METRIC_IP)
		value += added_term(codec, vx_space_added(codec->max_norm2, own_a), own_b);
	return orderable(value);
}

float
vx_codec_pair_decoded(const VxCodec *codec, const VxPoint *a, const VxPoint *b)
{
	return pair_score(codec, a->norm2, b->norm2, vx_kernels->inner_product(a->x, b->x, codec->padded),
					  own_norm2(codec, a), own_norm2(codec, b));
}

/* ---- codes compared with codes ---- */

/* An opened four-bit code: its levels, and the same as a query has them, doubled to be whole numbers around zero. */
typedef struct OpenedLevels
{
	float		norm2;
	float		own_norm2;		/* inner product */
	float		factor;
	int32_t		sum;			/* of planes */
	uint8_t		levels[];		/* [stride], then int8_t planes [2][stride] */
} OpenedLevels;

static inline bool
opens_to_levels(const VxCodec *codec)
{
	return codec->kind == VX_CODES_SCALAR4 && !codec->mixed;
}

size_t
vx_codec_opened_bytes(const VxCodec *codec)
{
	return opens_to_levels(codec) ? sizeof(OpenedLevels) + 3 * (size_t) codec->stride
		: VX_POINT_BYTES(vx_codec_decoded_values(codec));
}

static void
open_levels(const VxCodec *codec, const uint8_t *code, OpenedLevels *opened)
{
	const uint8_t *levels = code + codec->header_bytes;
	uint32_t	bytes = codec->level_bytes;
	int8_t	   *low = (int8_t *) opened->levels + codec->stride;
	int8_t	   *high = low + codec->stride;
	float		header[2];
	int32_t		sum = 0;

	memcpy(header, code, sizeof(header));
	opened->norm2 = fabsf(header[0]);
	opened->own_norm2 = codec->metric == VX_METRIC_IP ? code_own_norm2(code) : 0;
	opened->factor = header[1];
	memcpy(opened->levels, levels, bytes);
	for (uint32_t i = 0; i < bytes; i++)
	{
		low[i] = (int8_t) (2 * (levels[i] & 15) - 15);
		high[i] = (int8_t) (2 * (levels[i] >> 4) - 15);
		sum += low[i] + high[i];
	}
	/* the zeros of low and high cancel what is behind the levels, but memcheck would not believe it */
	memset(opened->levels + bytes, 0, codec->stride - bytes);
	memset(low + bytes, 0, codec->stride - bytes);
	memset(high + bytes, 0, codec->stride - bytes);
	opened->sum = sum;
}

void
vx_codec_open(const VxCodec *codec, const uint8_t *code, void *opened)
{
	if (opens_to_levels(codec))
		open_levels(codec, code, opened);
	else
		vx_codec_decode(codec, code, opened);
}

void
vx_codec_pairs(const VxCodec *codec, const void *one, const void *const *others, uint32_t n, float *score)
{
	const OpenedLevels *x = one;
	const uint8_t *levels[BATCH];
	int32_t		dot[BATCH];

	if (!opens_to_levels(codec))
	{
		for (uint32_t i = 0; i < n; i++)
			score[i] = vx_codec_pair_decoded(codec, one, others[i]);
		return;
	}
	for (uint32_t from = 0; from < n; from += BATCH)
	{
		uint32_t	count = VX_MIN(n - from, BATCH);

		for (uint32_t i = 0; i < count; i++)
			levels[i] = ((const OpenedLevels *) others[from + i])->levels;
		vx_code_kernels->dot4(levels, count, (const int8_t *) x->levels + codec->stride, codec->stride, codec->level_bytes,
							  dot);
		for (uint32_t i = 0; i < count; i++)
		{
			const OpenedLevels *y = others[from + i];

			/* (2 l - 15) (2 m - 15) = 2 m (2 l - 15) - 15 (2 l - 15); the doubling of both sides leaves a factor of 4 */
			score[from + i] = pair_score(codec, x->norm2, y->norm2,
										 x->factor * y->factor * 0.25f * (float) (2 * dot[i] - 15 * x->sum),
										 x->own_norm2, y->own_norm2);
		}
	}
}
