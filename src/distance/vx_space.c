/*
 * vx_space.c: scores between points; see vx_space.h for the table.
 */
#include "distance/vx_space.h"

#include <math.h>
#include <string.h>

#include "distance/vx_sparse.h"

#define DENSE (1u << VX_FORM_DENSE)
#define BITS (1u << VX_FORM_BITS)
#define SPARSE (1u << VX_FORM_SPARSE)

static const VxMetricKind kinds[] = {
	[VX_METRIC_L2] = {.name = "l2",.forms = DENSE | SPARSE,.coded = true},
	[VX_METRIC_IP] = {.name = "ip",.forms = DENSE | SPARSE,.coded = true,.lengths = true},
	[VX_METRIC_COSINE] = {.name = "cosine",.forms = DENSE | SPARSE,.coded = true,.directions = true},
	[VX_METRIC_L1] = {.name = "l1",.forms = DENSE | SPARSE},
	[VX_METRIC_HAMMING] = {.name = "hamming",.forms = BITS,.coded = true},
	[VX_METRIC_JACCARD] = {.name = "jaccard",.forms = BITS,.coded = true},
};

const VxMetricKind *
vx_metric_kind(uint32_t metric)
{
	return metric < sizeof(kinds) / sizeof(kinds[0]) && kinds[metric].name != NULL ? &kinds[metric] : NULL;
}

/* The cosine distance of vectors of one direction is this at most, by rounding. */
#define ONE_DIRECTION (16 * FLT_EPSILON)

static inline float
orderable(float score)
{
	return isnan(score) ? INFINITY : score;
}

static double
cosine(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	float		dot = vx_kernels->inner_product(a->x, b->x, space->dim);
	double		similarity = vx_cosine_similarity(a->x, b->x, space->dim, dot, a->norm2, b->norm2);

	return isnan(similarity) ? (double) INFINITY : 1 - similarity;
}

void
vx_point_set(VxPoint *point, const float *x, uint32_t dim)
{
	memcpy(point->x, x, sizeof(float) * dim);
	point->norm2 = vx_kernels->norm_squared(point->x, dim);
}

/* Of vectors of a form; 0 if there is no such form. */
static uint32_t
max_dim(VxForm form)
{
	switch (form)
	{
		case VX_FORM_DENSE:
			return VX_DENSE_MAX_DIM;
		case VX_FORM_BITS:
			return VX_BITS_MAX_DIM;
		case VX_FORM_SPARSE:
			return VX_SPARSE_MAX_DIM;
	}
	return 0;
}

bool
vx_space_is_valid(const VxSpace *space)
{
	const VxMetricKind *kind = vx_metric_kind(space->metric);

	return space->dim >= 1 && space->dim <= max_dim(space->form) && kind != NULL && (kind->forms >> space->form & 1) != 0;
}

/* As if drawn by lot for a number: where a part of a vector is added to its sketch, and with which sign. */
static inline uint64_t
sketch_lot(uint32_t number)
{
	VxRng		rng = {number};

	return vx_rng_next(&rng);
}

/* ---- bits ---- */

static double
bits_distance(const VxSpace *space, const VxBitsPoint *a, const VxBitsPoint *b, bool pair)
{
	uint32_t	differing = vx_bit_kernels->differing(a->bits, b->bits, VX_BITS_WORDS(space->dim));

	if (space->metric == VX_METRIC_HAMMING)
		return differing;
	return (pair ? vx_sorensen_distance : vx_jaccard_distance) (differing, (uint64_t) a->norm2, (uint64_t) b->norm2);
}

/* Dimensions of a sketch of bits at most. */
#define BITS_SKETCH_DIM 256

/* Bytes that are added up to one dimension of a sketch. */
static uint32_t
bits_group(uint32_t dim)
{
	uint32_t	bytes = (dim + 7) / 8;

	return (bytes + BITS_SKETCH_DIM - 1) / BITS_SKETCH_DIM;
}

/* A byte's bits are added up with signs, which are those of the byte's number. */
static void
sketch_bits(const VxSpace *space, const VxBitsPoint *point, float *out)
{
	const uint8_t *bytes = (const uint8_t *) point->bits;
	uint32_t	n = (space->dim + 7) / 8;
	uint32_t	group = bits_group(space->dim);

	for (uint32_t from = 0; from < n; from += group)
	{
		int			sum = 0;

		for (uint32_t i = from; i < VX_MIN(from + group, n); i++)
		{
			uint8_t		signs = (uint8_t) sketch_lot(i);

			sum += __builtin_popcount(bytes[i] & signs) - __builtin_popcount(bytes[i] & (uint8_t) ~signs);
		}
		out[from / group] = (float) sum;
	}
}

/* ---- non-zeros ---- */

static bool
sparse_is_sound(const VxSpace *space, const VxSparsePoint *point)
{
	const float *values = vx_sparse_values(point);

	for (uint32_t i = 0; i < point->count; i++)
		if (point->parts[i] >= space->dim || (i > 0 && point->parts[i] <= point->parts[i - 1]) || values[i] == 0)
			return false;
	return true;
}

static inline VxSparse
sparse_of(const VxPoint *point)
{
	const VxSparsePoint *sparse = (const VxSparsePoint *) point;

	return (VxSparse)
	{
		.nnz = sparse->count,.indices = (const int32_t *) sparse->parts,.values = vx_sparse_values(sparse)
	};
}

/* Parts of a sketch, each of which is one of all dimensions; and their bits of a lot: the place in the part, the sign. */
#define SPARSE_PARTS 4
#define SPARSE_PART_DIM (VX_SKETCH_MAX_DIM / SPARSE_PARTS)
#define SPARSE_LOT_BITS (64 / SPARSE_PARTS)

/*
 * What a non-zero is in a sketch. Where one of two vectors has a zero, their L1 distance is the squared distance of the roots. Few dimensions
 * are rarely zero, and from their roots nothing can be told of two elements that are alike: under L1 the ten nearest of 1,200 vectors of 3
 * random elements were found to .85 by roots, to 1.0 by elements, and those of vectors of 24 without zeros to .979 and 1.0.
 */
#define ROOTS_FROM_DIM 64

static inline double
sketched(const VxSpace *space, float value)
{
	if (space->metric == VX_METRIC_L1 && space->dim >= ROOTS_FROM_DIM)
		return copysign(sqrt(fabs((double) value)), (double) value);
	return (double) value;
}

/* The squared length of that. */
static double
sketched_norm2(const VxSpace *space, const VxSparse *x)
{
	double		norm2 = 0;

	for (uint32_t i = 0; i < x->nnz; i++)
		norm2 += sketched(space, x->values[i]) * sketched(space, x->values[i]);
	return norm2;
}

/* Sums of a sketch, for which floats may be too small. */
static void
add_to_sketch(const VxSpace *space, const VxSparse *x, double *sums)
{
	memset(sums, 0, VX_SKETCH_MAX_DIM * sizeof(double));
	for (uint32_t i = 0; i < x->nnz; i++)
	{
		uint64_t	lot = sketch_lot((uint32_t) x->indices[i]);
		double		value = sketched(space, x->values[i]);

		for (uint32_t part = 0; part < SPARSE_PARTS; part++, lot >>= SPARSE_LOT_BITS)
			sums[part * SPARSE_PART_DIM + (lot & (SPARSE_PART_DIM - 1))] += (lot >> (SPARSE_LOT_BITS - 1) & 1) != 0 ? value : -value;
	}
}

static void
sketch_sparse(const VxSpace *space, const VxPoint *point, float *out)
{
	VxSparse	x = sparse_of(point);
	double		sums[VX_SKETCH_MAX_DIM];
	double		wanted2 = sketched_norm2(space, &x);
	double		norm2 = 0;
	double		scale;

	if (kinds[space->metric].directions)
		wanted2 = wanted2 > 0 ? 1 : 0;
	if (space->dim <= VX_SKETCH_MAX_DIM)
	{
		memset(sums, 0, space->dim * sizeof(double));
		for (uint32_t i = 0; i < x.nnz; i++)
			sums[x.indices[i]] = sketched(space, x.values[i]);
	}
	else
		add_to_sketch(space, &x, sums);
	for (uint32_t i = 0; i < vx_space_coded_dim(space); i++)
		norm2 += sums[i] * sums[i];
	scale = norm2 > 0 ? sqrt(wanted2 / norm2) : 0;
	for (uint32_t i = 0; i < vx_space_coded_dim(space); i++)
		out[i] = vx_to_finite(sums[i] * scale);
}

/* The cosine distance, as the SQL function computes it. */
static double
sparse_cosine(const VxPoint *a, const VxPoint *b)
{
	VxSparse	x = sparse_of(a);
	VxSparse	y = sparse_of(b);
	double		similarity = vx_sparse_cosine_similarity(&x, &y, a->norm2, b->norm2);

	return isnan(similarity) ? (double) INFINITY : 1 - similarity;
}

static inline float
sparse_length(const VxSparse *x)
{
	const VxSparse zero = {0};

	return vx_sparse_l1(x, &zero);
}

/* The query score of all metrics but cosine. */
static float
sparse_query(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	VxSparse	x = sparse_of(a);
	VxSparse	y = sparse_of(b);

	if (space->metric == VX_METRIC_IP)
		return orderable(-vx_sparse_inner_product(&x, &y));
	return orderable(space->metric == VX_METRIC_L1 ? vx_sparse_l1(&x, &y) : vx_sparse_l2_squared(&x, &y));
}

static float
sparse_pair(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	VxSparse	x = sparse_of(a);
	VxSparse	y = sparse_of(b);

	float		apart;
	float		together;

	if (space->metric == VX_METRIC_COSINE)
	{
		float		score = (float) sparse_cosine(a, b);

		return score <= ONE_DIRECTION ? 0 : score;
	}
	apart = space->metric == VX_METRIC_L1 ? vx_sparse_l1(&x, &y) : vx_sparse_l2_squared(&x, &y);
	together = space->metric == VX_METRIC_L1 ? sparse_length(&x) + sparse_length(&y) : a->norm2 + b->norm2;
	return apart <= 0 ? 0 : orderable(apart / together);
}

static double
sparse_operator(const VxSpace *space, const VxPoint *query, const VxPoint *p)
{
	if (space->metric == VX_METRIC_COSINE)
		return sparse_cosine(query, p);
	if (space->metric == VX_METRIC_L2)
		return sqrt(sparse_query(space, query, p));
	return (double) sparse_query(space, query, p);
}

/* ---- all forms ---- */

bool
vx_space_has_place(const VxSpace *space, const VxPoint *point)
{
	/* a norm that underflows is not that of a zero vector */
	bool		has_place = !kinds[space->metric].directions || point->norm2 > 0;

	if (space->form == VX_FORM_SPARSE)
		return has_place || ((const VxSparsePoint *) point)->count > 0;
	for (uint32_t i = 0; i < space->dim && !has_place; i++)
		has_place = point->x[i] != 0;
	return has_place;
}

double
vx_space_wide_norm2(const VxSpace *space, const VxPoint *point)
{
	if (space->form == VX_FORM_SPARSE)
	{
		VxSparse	x = sparse_of(point);

		return vx_wide_inner_product(x.values, x.values, x.nnz);
	}
	return vx_wide_inner_product(point->x, point->x, space->dim);
}

float
vx_space_norm2(const VxSpace *space, const VxPoint *point)
{
	switch (space->form)
	{
		case VX_FORM_DENSE:
			break;
		case VX_FORM_BITS:
			return (float) vx_bit_kernels->set(((const VxBitsPoint *) point)->bits, VX_BITS_WORDS(space->dim));
		case VX_FORM_SPARSE:
			{
				VxSparse	x = sparse_of(point);

				return vx_sparse_norm_squared(&x);
			}
	}
	return vx_kernels->norm_squared(point->x, space->dim);
}

bool
vx_space_is_sound(const VxSpace *space, const VxPoint *point)
{
	if (space->form == VX_FORM_SPARSE && !sparse_is_sound(space, (const VxSparsePoint *) point))
		return false;
	return !(fabsf(point->norm2 - vx_space_norm2(space, point)) > 1e-3f * point->norm2);
}

float
vx_space_unit_length(const VxSpace *space, const VxPoint *point)
{
	if (!kinds[space->metric].directions)
		return 1;
	if (point->norm2 >= VX_LEAST_NORM2 && point->norm2 <= FLT_MAX)
		return sqrtf(point->norm2);
	return (float) sqrt(vx_space_wide_norm2(space, point));
}

bool
vx_space_links_as_coded(const VxSpace *space)
{
	return kinds[space->metric].coded || space->form == VX_FORM_SPARSE;
}

uint32_t
vx_space_coded_dim(const VxSpace *space)
{
	switch (space->form)
	{
		case VX_FORM_DENSE:
			break;
		case VX_FORM_BITS:
			return ((space->dim + 7) / 8 + bits_group(space->dim) - 1) / bits_group(space->dim);
		case VX_FORM_SPARSE:
			return VX_MIN(space->dim, VX_SKETCH_MAX_DIM);
	}
	return space->dim;
}

const float *
vx_space_coded_in(const VxSpace *space, const VxPoint *point, float *room, float *length)
{
	if (space->form == VX_FORM_DENSE)
	{
		*length = vx_space_unit_length(space, point);
		return point->x;
	}
	vx_space_coded(space, point, room);
	*length = 1;
	return room;
}

void
vx_space_coded(const VxSpace *space, const VxPoint *point, float *out)
{
	uint32_t	dim = space->dim;

	if (space->form == VX_FORM_BITS)
		sketch_bits(space, (const VxBitsPoint *) point, out);
	else if (space->form == VX_FORM_SPARSE)
		sketch_sparse(space, point, out);
	else if (!kinds[space->metric].directions)
		memcpy(out, point->x, dim * sizeof(float));
	else if (point->norm2 >= VX_LEAST_NORM2 && point->norm2 <= FLT_MAX)
	{
		float		scale = 1 / sqrtf(point->norm2);

		for (uint32_t i = 0; i < dim; i++)
			out[i] = point->x[i] * scale;
	}
	else
	{
		double		length = sqrt(vx_wide_inner_product(point->x, point->x, dim));
		double		scale = length > 0 ? 1 / length : 0;

		for (uint32_t i = 0; i < dim; i++)
			out[i] = (float) ((double) point->x[i] * scale);
	}
}

/* The query score of forms that are not dense. */
static VX_NOINLINE float
other_query(const VxSpace *space, const VxPoint *query, const VxPoint *p)
{
	switch (space->form)
	{
		case VX_FORM_DENSE:
			break;
		case VX_FORM_SPARSE:
			return space->metric == VX_METRIC_COSINE ? (float) sparse_cosine(query, p) : sparse_query(space, query, p);
		case VX_FORM_BITS:
			return (float) bits_distance(space, (const VxBitsPoint *) query, (const VxBitsPoint *) p, false);
	}
	return INFINITY;
}

/* The pair score of forms that are not dense. */
static VX_NOINLINE float
other_pair(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	switch (space->form)
	{
		case VX_FORM_DENSE:
			break;
		case VX_FORM_SPARSE:
			return sparse_pair(space, a, b);
		case VX_FORM_BITS:
			return (float) bits_distance(space, (const VxBitsPoint *) a, (const VxBitsPoint *) b, true);
	}
	return INFINITY;
}

/* The value of the SQL operator for forms that are not dense. */
static VX_NOINLINE double
other_operator(const VxSpace *space, const VxPoint *query, const VxPoint *p)
{
	switch (space->form)
	{
		case VX_FORM_DENSE:
			break;
		case VX_FORM_SPARSE:
			return sparse_operator(space, query, p);
		case VX_FORM_BITS:
			return bits_distance(space, (const VxBitsPoint *) query, (const VxBitsPoint *) p, false);
	}
	return (double) INFINITY;
}

float
vx_space_query(const VxSpace *space, const VxPoint *query, const VxPoint *p)
{
	if (space->form != VX_FORM_DENSE)
		return other_query(space, query, p);
	/* before all others: it has the least to do, and saves no registers */
	if (space->metric == VX_METRIC_L2)
		return vx_kernels->l2_score(query->x, p->x, space->dim);
	switch (space->metric)
	{
		case VX_METRIC_L2:
		case VX_METRIC_HAMMING:
		case VX_METRIC_JACCARD:
			break;
		case VX_METRIC_IP:
			return orderable(-vx_kernels->inner_product(query->x, p->x, space->dim));
		case VX_METRIC_COSINE:
			return (float) cosine(space, query, p);
		case VX_METRIC_L1:
			return orderable(vx_kernels->l1(query->x, p->x, space->dim));
	}
	return INFINITY;
}

/* The pair score of ip. */
static VX_NOINLINE float
product_pair(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	float		added = vx_space_added(space->max_norm2, a->norm2) - vx_space_added(space->max_norm2, b->norm2);
	float		added2 = added * added;
	float		square = vx_kernels->l2_squared(a->x, b->x, space->dim) + added2;

	return vx_square_is_plain(square) ? square : vx_wide_square_score(a->x, b->x, space->dim, added2);
}

/* The pair score of cosine. */
static VX_NOINLINE float
cosine_pair(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	float		score = (float) cosine(space, a, b);

	return score <= ONE_DIRECTION ? 0 : score;
}

float
vx_space_pair(const VxSpace *space, const VxPoint *a, const VxPoint *b)
{
	if (space->form != VX_FORM_DENSE)
		return other_pair(space, a, b);
	if (space->metric == VX_METRIC_L2)
		return vx_kernels->l2_score(a->x, b->x, space->dim);
	if (space->metric == VX_METRIC_IP)
		return product_pair(space, a, b);
	if (space->metric == VX_METRIC_L1)
		return orderable(vx_kernels->l1(a->x, b->x, space->dim));
	return cosine_pair(space, a, b);
}

VxAlpha
vx_space_alpha(const VxSpace *space, float alpha)
{
	if (space->metric == VX_METRIC_L1)
		return vx_alpha_of_all(sqrtf(alpha));
	return (VxAlpha)
	{
		.plain = alpha,.compressed = powf(alpha, (float) VX_COMPRESSION)
	};
}

double
vx_space_operator(const VxSpace *space, const VxPoint *query, const VxPoint *p)
{
	if (space->form != VX_FORM_DENSE)
		return other_operator(space, query, p);
	if (space->metric == VX_METRIC_COSINE)
		return cosine(space, query, p);
	if (space->metric == VX_METRIC_L2)
	{
		double		distance = vx_l2_distance(query->x, p->x, space->dim, vx_kernels->l2_squared(query->x, p->x, space->dim));

		return isnan(distance) ? (double) INFINITY : distance;
	}
	return (double) vx_space_query(space, query, p);
}

/*
 * The error of a vector in halves, as a share of its length. An element is rounded by 2^-11 of itself at most or, below the normal halves,
 * by 2^-25, which is 2^-12 of the root mean square (vx_half_scale): together 1.12 * 2^-11.
 */
#define HALF_ERROR 0x1.2p-11

double
vx_space_half_error(const VxSpace *space, const VxPoint *query, float norm2)
{
	float		product = query->norm2 * norm2;
	double		length = sqrt((double) norm2);
	double		query_length = sqrt((double) query->norm2);
	double		sums = FLT_EPSILON * (4.0 + space->dim / 32);	/* by which they are rounded, of either vector */

	if (!(product >= FLT_MIN && product <= FLT_MAX && norm2 >= FLT_MIN && norm2 <= FLT_MAX))
		return INFINITY;
	switch (space->metric)
	{
		case VX_METRIC_IP:
			return (HALF_ERROR + sums) * length * query_length;
		case VX_METRIC_COSINE:
			return HALF_ERROR + sums;
		case VX_METRIC_L1:
			/* elements add up to so many lengths at most */
			return (HALF_ERROR * length + sums * (length + query_length)) * sqrt((double) space->dim);
		default:
			return HALF_ERROR * length + sums * (length + query_length);
	}
}

double
vx_space_half_error_within(const VxSpace *space, const VxPoint *query, double distance)
{
	double		length = sqrt((double) query->norm2);

	/* a vector is not longer than the query and the way to it; and not longer than its elements add up to */
	if (space->metric == VX_METRIC_L2)
		length += distance;
	else if (space->metric == VX_METRIC_L1)
		length = length * sqrt((double) space->dim) + distance;
	else if (space->metric == VX_METRIC_IP)
		length = sqrt((double) space->max_norm2);
	return vx_space_half_error(space, query, vx_to_finite(length * length));
}
