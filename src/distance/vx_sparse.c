/*
 * vx_sparse.c: distances of sparse vectors; see vx_sparse.h.
 */
#include "distance/vx_sparse.h"

#include <math.h>

/* Merges the positions of two vectors: both(a, b) where they share one, alone(x) for an element that only one of them has. */
#define MERGE(a, b, both, alone) \
	do { \
		uint32_t	i = 0; \
		uint32_t	j = 0; \
		while (i < (a)->nnz && j < (b)->nnz) \
		{ \
			int32_t		ai = (a)->indices[i]; \
			int32_t		bi = (b)->indices[j]; \
			if (ai == bi) \
				both((a)->values[i], (b)->values[j]); \
			else if (ai < bi) \
				alone((a)->values[i]); \
			else \
				alone((b)->values[j]); \
			i += ai <= bi; \
			j += bi <= ai; \
		} \
		for (; i < (a)->nnz; i++) \
			alone((a)->values[i]); \
		for (; j < (b)->nnz; j++) \
			alone((b)->values[j]); \
	} while (0)

float
vx_sparse_l2_squared(const VxSparse *a, const VxSparse *b)
{
	float		sum = 0;

#define ADD_SQUARE(x) (sum += (x) * (x))
#define ADD_SQUARE_OF_DIFFERENCE(x, y) (sum += ((x) - (y)) * ((x) - (y)))
	MERGE(a, b, ADD_SQUARE_OF_DIFFERENCE, ADD_SQUARE);
	return sum;
}

float
vx_sparse_l1(const VxSparse *a, const VxSparse *b)
{
	float		sum = 0;

#define ADD_MAGNITUDE(x) (sum += fabsf(x))
#define ADD_MAGNITUDE_OF_DIFFERENCE(x, y) (sum += fabsf((x) - (y)))
	MERGE(a, b, ADD_MAGNITUDE_OF_DIFFERENCE, ADD_MAGNITUDE);
	return sum;
}

float
vx_sparse_inner_product(const VxSparse *a, const VxSparse *b)
{
	float		sum = 0;
	uint32_t	i = 0;
	uint32_t	j = 0;

	while (i < a->nnz && j < b->nnz)
	{
		int32_t		ai = a->indices[i];
		int32_t		bi = b->indices[j];

		if (ai == bi)
			sum += a->values[i] * b->values[j];
		i += ai <= bi;
		j += bi <= ai;
	}
	return sum;
}

float
vx_sparse_norm_squared(const VxSparse *a)
{
	float		sum = 0;

	for (uint32_t i = 0; i < a->nnz; i++)
		sum += a->values[i] * a->values[i];
	return sum;
}

double
vx_sparse_cosine_similarity(const VxSparse *a, const VxSparse *b, float norm2_a, float norm2_b)
{
	double		similarity = (double) vx_sparse_inner_product(a, b) / sqrt((double) norm2_a * (double) norm2_b);

	return similarity > 1 ? 1 : similarity < -1 ? -1 : similarity;
}
