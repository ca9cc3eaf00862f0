/*
 * vectors.h: vectors from texmex files, and exact neighbours among them.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdint.h>

#include "distance/vx_space.h"

typedef struct Vectors
{
	float	   *x;				/* [count][dim] */
	uint32_t	count;
	uint32_t	dim;
} Vectors;

/*
 * Reads at most limit rows of an .fvecs or .bvecs file. Returns 0, or -1 after a message to standard error.
 */
int			vectors_read(Vectors *vectors, const char *path, uint32_t limit);

/* The distance of the k-th nearest of base to query, as the metric's query score. work: float [base->count]. */
float		vectors_kth_score(const Vectors *base, const VxSpace *space, const VxPoint *query, uint32_t k, VxPoint *point,
							  float *work);

#endif							/* VECTORS_H */
