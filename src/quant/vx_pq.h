/*
 * vx_pq.h: product quantisation: codes of a byte for each of m subvectors, from a trained codebook.
 *
 * The vector minus the mean of the training sample is cut into m subvectors, and each is replaced by the number of the nearest
 * of 256 centroids trained for it. A distance to a query is estimated as the distance to the centroids, from a table made once
 * for the query: m look-ups and additions for each code.
 * Source: Jegou, Douze, Schmid 2011, "Product quantization for nearest neighbor search", sections II-B and III-A (asymmetric
 * distances).
 *
 * Where m does not divide the dimensions, the first dim % m subvectors have one dimension more. A sample of fewer than 256
 * vectors makes as many centroids as it has vectors; the others repeat centroid 0, so every byte is a safe code always.
 *
 * A codebook is one flat block in native byte order, without pointers, to be copied by memcpy. Blocks that were not just
 * trained must pass vx_pq_check before anything else is done with them.
 *
 *     VxPqCodebook (64 bytes) | float centroids [dim][256] | float mean [dim] | zeros to a multiple of 8 bytes
 *
 * Row d of the centroids has coordinate d of the centroids of the subvector that dimension d belongs to: the rows of a
 * subvector follow each other, and the layout does not depend on m.
 */
#ifndef VX_PQ_H
#define VX_PQ_H

#include "core/vx_mem.h"
#include "distance/vx_space.h"
#include "quant/vx_pq_kernels.h"

#define VX_PQ_MAX_DIM VX_DENSE_MAX_DIM
#define VX_PQ_MAX_SUBVECTORS 8000	/* that a user can ask for */
#define VX_PQ_MAX_SAMPLE 128000

typedef struct VxPqCodebook
{
	uint32_t	magic;
	uint32_t	version;
	uint64_t	bytes;			/* of the whole block */
	uint64_t	checksum;		/* of the whole block, with 0 here */
	uint32_t	dim;			/* 1 .. VX_PQ_MAX_DIM */
	uint32_t	m;				/* subvectors = bytes of a code, 1 .. dim */
	uint32_t	centroid_count; /* of each subvector, 1 .. 256; the rest repeat centroid 0 */
	uint32_t	sample_count;	/* vectors trained from */
	float		variance;		/* mean squared distance of the sample to its mean */
	float		error;			/* mean squared distance of the sample to what its codes stand for */
	uint32_t	reserved[4];	/* 0 */
	float		values[];
} VxPqCodebook;

_Static_assert(sizeof(VxPqCodebook) == 64, "layout of codebooks");

static inline const float *
vx_pq_centroids(const VxPqCodebook *codebook)
{
	return codebook->values;
}

static inline const float *
vx_pq_mean(const VxPqCodebook *codebook)
{
	return codebook->values + (size_t) codebook->dim * VX_PQ_CENTROIDS;
}

/* First dimension of subvector s of m; s = m gives dim. */
static inline uint32_t
vx_pq_begin(uint32_t dim, uint32_t m, uint32_t s)
{
	return s * (dim / m) + VX_MIN(s, dim % m);
}

/* What a codebook is trained from. */
typedef struct VxPqSample
{
	uint32_t	n;				/* no more than VX_PQ_MAX_SAMPLE, evenly spaced, are used */

	/* Vector i [dim], finite, unchanged until the next call. Each vector is asked for m + 1 times, in passes over all. */
	const float *(*row) (void *context, uint32_t i);
	void		(*poll) (void *context);	/* may be NULL; called every millisecond or so; need not return */
	void	   *context;		/* of both */
} VxPqSample;

/* Bytes of a codebook, 0 if dim is out of range. */
size_t		vx_pq_codebook_bytes(uint32_t dim);

/*
 * Trains a codebook into block (vx_pq_codebook_bytes(dim) bytes, aligned to 8). 1 <= m <= dim <= VX_PQ_MAX_DIM. Equal samples
 * and seeds give equal blocks. An empty sample gives a valid codebook by which every vector is zero. Coordinates beyond 1e18
 * count as 1e18, NaN as the mean.
 */
void		vx_pq_train(const VxMem *mem, uint32_t dim, uint32_t m, const VxPqSample *sample, uint64_t seed, void *block);

/*
 * What is wrong with a codebook of unknown origin, in lower case for a detail message; NULL if it is whole. block [size] may be
 * any bytes. Reads all of it, so check once, not for each query.
 */
const char *vx_pq_check(const void *block, size_t size);

/* code [m] of x [dim]: the nearest centroids, the lowest of equally near ones. scratch [dim] is overwritten. */
void		vx_pq_encode(const VxPqCodebook *codebook, const float *x, float *scratch, uint8_t *code);

/* x [dim] that a code [m] stands for. */
void		vx_pq_decode(const VxPqCodebook *codebook, const uint8_t *code, float *x);

/* A query made ready for scoring codes. */
typedef struct VxPqTable
{
	uint32_t	m;
	float		bias;			/* part of every score */
	float	   *entries;		/* [m][VX_PQ_CENTROIDS] */
	float	   *scratch;		/* [dim] */
} VxPqTable;

/* Memory for the tables of any number of queries, one after the other. */
void		vx_pq_table_init(VxPqTable *table, const VxMem *mem, uint32_t dim, uint32_t m);

/* Gives that back. */
void		vx_pq_table_free(VxPqTable *table, const VxMem *mem);

/*
 * Fills the table for query [dim]. Scores are on the scale of vx_space_query: L2 |q-p|^2, IP -q.p, COSINE half the squared L2
 * distance, for which the caller passes a unit vector and has encoded unit vectors. L1 is not supported.
 */
void		vx_pq_prepare(VxPqTable *table, const VxPqCodebook *codebook, VxMetric metric, const float *query);

/*
 * score[i] = the score of codes[i] [m], n of them, at any addresses; nothing beyond their m bytes is read. Scores are finite:
 * parts of a subvector count as 1e34 at most.
 */
void		vx_pq_score(const VxPqTable *table, const uint8_t *const *codes, uint32_t n, float *score);

#endif							/* VX_PQ_H */
