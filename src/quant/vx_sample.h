/*
 * vx_sample.h: a random sample of vectors that are seen one after the other, each kept with the same probability.
 *
 * Source: Vitter 1985, "Random sampling with a reservoir", algorithm R.
 */
#ifndef VX_SAMPLE_H
#define VX_SAMPLE_H

#include "core/vx_mem.h"
#include "core/vx_rng.h"

typedef struct VxSample
{
	uint32_t	dim;
	uint32_t	capacity;		/* vectors that are kept */
	uint32_t	count;			/* kept so far */
	uint64_t	seen;
	float	   *rows;			/* [capacity][dim] */
	VxRng		rng;
} VxSample;

/* Takes capacity * dim floats from mem; capacity > 0. Equal seeds and vectors give equal samples. */
void		vx_sample_init(VxSample *sample, const VxMem *mem, uint32_t dim, uint32_t capacity, uint64_t seed);

/* Gives back its memory. */
void		vx_sample_free(VxSample *sample, const VxMem *mem);

/* Counts one more vector. Returns where to put it [dim], or NULL if it is not kept. */
float	   *vx_sample_add(VxSample *sample);

/* Vector i [dim] of those kept; context is the sample: VxPqSample.row. */
const float *vx_sample_row(void *context, uint32_t i);

#endif							/* VX_SAMPLE_H */
