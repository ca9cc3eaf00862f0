/*
 * fuzz_codebook.c: codebooks: what vx_pq_check lets pass can be used without reading outside it, and gives finite numbers.
 *
 * The file under test is included, to have its checksum: no mutant would hit that.
 */
#include "quant/vx_pq.c"

#include "fuzz.h"

#define MOST_DIM 6

/*
 * The first bytes choose how much of the head is put right, the head follows, then values, which the block repeats until it is full: a
 * codebook is large, and inputs are small.
 */
int
fuzz_one(const uint8_t *data, size_t size)
{
	FuzzInput	input = {data, size};
	FuzzBlock  *all = NULL;
	const VxMem mem = {fuzz_resize, &all};
	uint32_t	mended = fuzz_below(&input, 4);
	uint32_t	dim = 1 + fuzz_below(&input, MOST_DIM);
	size_t		bytes = vx_pq_codebook_bytes(dim);
	VxPqCodebook *codebook = aligned_alloc(8, bytes);
	float		values[64];
	float		x[MOST_DIM];
	float		scratch[MOST_DIM];
	uint8_t		code[MOST_DIM];
	const uint8_t *const codes[] = {code};
	VxPqTable	table;
	float		score;

	memset(codebook, 0, bytes);
	fuzz_take(&input, codebook, sizeof(*codebook));
	fuzz_take(&input, x, sizeof(x));
	fuzz_take(&input, code, sizeof(code));
	fuzz_take(&input, values, sizeof(values));
	for (size_t i = 0; i < (size_t) dim * (VX_PQ_CENTROIDS + 1); i++)
		codebook->values[i] = values[i % 64];
	if (mended >= 1)
	{
		codebook->magic = MAGIC;
		codebook->version = VERSION;
		codebook->dim = dim;
		codebook->bytes = bytes;
	}
	if (mended >= 2)
		codebook->checksum = checksum(codebook, bytes);
	if (vx_pq_check(codebook, bytes) == NULL)
	{
		for (uint32_t i = 0; i < dim; i++)
			if (!isfinite(x[i]))
				x[i] = 0;
		FUZZ_ASSERT(codebook->m <= dim);
		vx_pq_decode(codebook, code, scratch);
		for (uint32_t i = 0; i < dim; i++)
			FUZZ_ASSERT(isfinite(scratch[i]));
		vx_pq_table_init(&table, &mem, dim, codebook->m);
		for (int metric = VX_METRIC_L2; metric <= VX_METRIC_COSINE; metric++)
		{
			vx_pq_prepare(&table, codebook, (VxMetric) metric, x);
			vx_pq_score(&table, codes, 1, &score);
			FUZZ_ASSERT(isfinite(score));
		}
		vx_pq_table_free(&table, &mem);
		vx_pq_encode(codebook, x, scratch, code);
		vx_pq_decode(codebook, code, x);
	}
	/* shorter than it says: it must not be read behind its end */
	else if (size > 0)
	{
		size_t		part = data[size - 1] * bytes / 255 / 8 * 8;
		void	   *cut = aligned_alloc(8, VX_MAX(part, 8));

		memcpy(cut, codebook, part);
		(void) vx_pq_check(cut, part);
		free(cut);
	}
	free(codebook);
	return 0;
}
