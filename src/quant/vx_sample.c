/*
 * vx_sample.c: a random sample of a stream of vectors; see vx_sample.h.
 */
#include "quant/vx_sample.h"

void
vx_sample_init(VxSample *sample, const VxMem *mem, uint32_t dim, uint32_t capacity, uint64_t seed)
{
	*sample = (VxSample)
	{
		.dim = dim,.capacity = capacity,.rng = {seed}
	};
	sample->rows = vx_alloc_array(mem, vx_size_product(capacity, dim), sizeof(float));
}

void
vx_sample_free(VxSample *sample, const VxMem *mem)
{
	vx_free(mem, sample->rows);
	sample->rows = NULL;
}

float *
vx_sample_add(VxSample *sample)
{
	uint64_t	place = sample->seen++;

	if (place >= sample->capacity)
		place = vx_rng_next(&sample->rng) % sample->seen;
	else
		sample->count++;
	return place < sample->capacity ? sample->rows + (size_t) place * sample->dim : NULL;
}

const float *
vx_sample_row(void *context, uint32_t i)
{
	const VxSample *sample = context;

	return sample->rows + (size_t) i * sample->dim;
}
