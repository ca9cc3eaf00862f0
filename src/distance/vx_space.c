/*
 * vx_space.c: scores between points; see vx_space.h for the table.
 */
#include "distance/vx_space.h"

#include <math.h>
#include <string.h>

static const VxMetricKind kinds[] = {
	[VX_METRIC_L2] = {.name = "l2",.coded = true},
	[VX_METRIC_IP] = {.name = "ip",.coded = true,.lengths = true},
	[VX_METRIC_COSINE] = {.name = "cosine",.coded = true,.directions = true},
	[VX_METRIC_L1] = {.name = "l1"},
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

bool
vx_space_is_valid(const VxSpace *space)
{
	return space->dim >= 1 && space->dim <= VX_DENSE_MAX_DIM && vx_metric_kind(space->metric) != NULL;
}

bool
vx_space_has_place(const VxSpace *space, const VxPoint *point)
{
	/* a norm that underflows is not that of a zero vector */
	bool		has_place = !kinds[space->metric].directions || point->norm2 > 0;

	for (uint32_t i = 0; i < space->dim && !has_place; i++)
		has_place = point->x[i] != 0;
	return has_place;
}

bool
vx_space_is_sound(const VxSpace *space, const VxPoint *point)
{
	return !(fabsf(point->norm2 - vx_kernels->norm_squared(point->x, space->dim)) > 1e-3f * point->norm2);
}

float
vx_space_unit_length(const VxSpace *space, const VxPoint *point)
{
	if (!kinds[space->metric].directions)
		return 1;
	if (point->norm2 >= VX_LEAST_NORM2 && point->norm2 <= FLT_MAX)
		return sqrtf(point->norm2);
	return (float) sqrt(vx_wide_inner_product(point->x, point->x, space->dim));
}

void
vx_space_coded(const VxSpace *space, const VxPoint *point, float *out)
{
	uint32_t	dim = space->dim;

	if (!kinds[space->metric].directions)
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

float
vx_space_query(const VxSpace *space, const VxPoint *query, const VxPoint *p)
{
	/* before all others: it has the least to do, and saves no registers */
	if (space->metric == VX_METRIC_L2)
		return vx_kernels->l2_score(query->x, p->x, space->dim);
	switch (space->metric)
	{
		case VX_METRIC_L2:
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
	if (space->metric == VX_METRIC_COSINE)
		return cosine(space, query, p);
	if (space->metric == VX_METRIC_L2)
	{
		double		distance = vx_l2_distance(query->x, p->x, space->dim, vx_kernels->l2_squared(query->x, p->x, space->dim));

		return isnan(distance) ? (double) INFINITY : distance;
	}
	return (double) vx_space_query(space, query, p);
}
