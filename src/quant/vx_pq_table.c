/*
 * vx_pq_table.c: scoring codes of product quantisation by look-up tables; see vx_pq.h.
 */
#include "quant/vx_pq.h"

#include <math.h>

/* Entries for all subvectors, and a bias, are still a finite sum. */
#define ENTRIES_BOUND 2e38f
#define BIAS_BOUND 1e38f

/*
 * Look-ups of this many codes run side by side, so that they wait for memory together. Plain loads are kept on purpose: AVX2
 * gathers took 6 against 2.5 ns for 8 subvectors, 15 against 9 for 32 and 44 against 40 for 96 (AMD Zen 4), and code bytes
 * fetched eight at a time gained nothing.
 */
#define SIDE_BY_SIDE 4

void
vx_pq_table_init(VxPqTable *table, const VxMem *mem, uint32_t dim, uint32_t m)
{
	table->m = m;
	table->bias = 0;
	table->entries = vx_alloc_array(mem, vx_size_product(m, VX_PQ_CENTROIDS), sizeof(float));
	table->scratch = vx_alloc_array(mem, dim, sizeof(float));
}

void
vx_pq_table_free(VxPqTable *table, const VxMem *mem)
{
	vx_free(mem, table->entries);
	vx_free(mem, table->scratch);
	table->entries = NULL;
	table->scratch = NULL;
}

/* The comparisons turn NaN into the bound. */
static inline float
bounded(float x, float bound)
{
	x = x < bound ? x : bound;
	return x > -bound ? x : -bound;
}

void
vx_pq_prepare(VxPqTable *table, const VxPqCodebook *codebook, VxMetric metric, const float *query)
{
	const float *mean = vx_pq_mean(codebook);
	const float *centroids = vx_pq_centroids(codebook);
	bool		is_product = metric == VX_METRIC_IP;
	float		scale = is_product ? -1 : metric == VX_METRIC_COSINE ? 0.5f : 1;
	size_t		count = (size_t) codebook->m * VX_PQ_CENTROIDS;
	float		bound = ENTRIES_BOUND / (float) codebook->m;

	VX_ASSERT(metric != VX_METRIC_L1 && table->m == codebook->m);
	table->bias = is_product ? bounded(-vx_kernels->inner_product(query, mean, codebook->dim), BIAS_BOUND) : 0;
	if (!is_product)
	{
		for (uint32_t d = 0; d < codebook->dim; d++)
			table->scratch[d] = query[d] - mean[d];
		query = table->scratch;
	}
	for (uint32_t s = 0; s < codebook->m; s++)
	{
		uint32_t	begin = vx_pq_begin(codebook->dim, codebook->m, s);
		uint32_t	width = vx_pq_begin(codebook->dim, codebook->m, s + 1) - begin;
		float	   *out = table->entries + (size_t) s * VX_PQ_CENTROIDS;

		if (is_product)
			vx_pq_kernels->inner_product(query + begin, width, centroids + (size_t) begin * VX_PQ_CENTROIDS, out);
		else
			vx_pq_kernels->l2_squared(query + begin, width, centroids + (size_t) begin * VX_PQ_CENTROIDS, out);
	}
	for (size_t i = 0; i < count; i++)
		table->entries[i] = bounded(table->entries[i] * scale, bound);
}

void
vx_pq_score(const VxPqTable *table, const uint8_t *const *codes, uint32_t n, float *score)
{
	uint32_t	i = 0;

	for (; i + SIDE_BY_SIDE <= n; i += SIDE_BY_SIDE)
	{
		const uint8_t *c0 = codes[i];
		const uint8_t *c1 = codes[i + 1];
		const uint8_t *c2 = codes[i + 2];
		const uint8_t *c3 = codes[i + 3];
		const float *row = table->entries;
		float		sum0 = table->bias;
		float		sum1 = table->bias;
		float		sum2 = table->bias;
		float		sum3 = table->bias;

		for (uint32_t s = 0; s < table->m; s++, row += VX_PQ_CENTROIDS)
		{
			sum0 += row[c0[s]];
			sum1 += row[c1[s]];
			sum2 += row[c2[s]];
			sum3 += row[c3[s]];
		}
		score[i] = sum0;
		score[i + 1] = sum1;
		score[i + 2] = sum2;
		score[i + 3] = sum3;
	}
	for (; i < n; i++)
	{
		const float *row = table->entries;

		/* in the same order as above: a score does not depend on the code's place in the batch */
		score[i] = table->bias;
		for (uint32_t s = 0; s < table->m; s++, row += VX_PQ_CENTROIDS)
			score[i] += row[codes[i][s]];
	}
}
