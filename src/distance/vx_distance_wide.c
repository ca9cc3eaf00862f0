/*
 * vx_distance_wide.c: sums that leave the range of single precision, in double precision. See vx_distance.h for when.
 */
#include "distance/vx_distance.h"

double
vx_wide_l2_squared(const float *a, const float *b, size_t n)
{
	double		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((double) a[i] - (double) b[i]) * ((double) a[i] - (double) b[i]);
	return sum;
}

double
vx_wide_inner_product(const float *a, const float *b, size_t n)
{
	double		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double) a[i] * (double) b[i];
	return sum;
}

double
vx_wide_cosine_similarity(const float *a, const float *b, size_t n)
{
	return vx_wide_inner_product(a, b, n) / sqrt(vx_wide_inner_product(a, a, n) * vx_wide_inner_product(b, b, n));
}

float
vx_wide_square_score(const float *a, const float *b, size_t n, float added)
{
	double		square = vx_wide_l2_squared(a, b, n) + (double) added;
	double		bound = (double) (square < 1 ? VX_LEAST_SQUARE : VX_MOST_SQUARE);

	return isnan(square) ? INFINITY : (float) (bound * pow(square / bound, VX_COMPRESSION));
}
