/*
 * vx_kmeans.h: k-means clustering into at most VX_PQ_CENTROIDS clusters, for the subvectors of product quantisation.
 *
 * Lloyd's iteration from k-means++ seeds. Source: Arthur, Vassilvitskii 2007, "k-means++: the advantages of careful seeding",
 * section 2.2. Differs: seeds are drawn from an evenly spaced subset of VX_KMEANS_SEED_POINTS points, because drawing from all
 * of a large sample costs as much as an iteration and changes the result little.
 *
 * A cluster that loses its points is mended: its centroid moves to the point that lies farthest from its own centroid in the
 * cluster with the largest error, which splits that cluster. Where no error is left (fewer distinct points than clusters),
 * superfluous centroids repeat others.
 *
 * Equal inputs and seeds give equal centroids.
 */
#ifndef VX_KMEANS_H
#define VX_KMEANS_H

#include "core/vx_mem.h"
#include "quant/vx_pq_kernels.h"

#define VX_KMEANS_SEED_POINTS 8192

typedef struct VxKmeans
{
	const float *points;		/* [n][dim], finite, absolute values up to 2e18, so that sums of squares mostly stay finite */
	uint32_t	n;				/* at least 1 */
	uint32_t	dim;			/* at least 1 */
	uint32_t	k;				/* clusters wanted, 1 .. VX_PQ_CENTROIDS; no more than n are made */
	uint32_t	max_iterations; /* 0: the seeds are the centroids */
	double		tolerance;		/* stop when an iteration lowers the error by less than this share of it */
	uint64_t	seed;
	void		(*poll) (void *context);	/* may be NULL; called every millisecond or so; need not return */
	void	   *poll_context;
} VxKmeans;

/*
 * centroids [dim][VX_PQ_CENTROIDS] (see vx_pq_kernels.h) receives min(k, n) centroids; the rest repeat centroid 0. Returns the
 * mean squared distance of the points to their nearest centroids. Working memory from mem: dim * 4 bytes for each of
 * VX_KMEANS_SEED_POINTS points or n, if that is less, and dim * 8 bytes for each cluster.
 */
double		vx_kmeans(const VxKmeans *params, const VxMem *mem, float *centroids);

#endif							/* VX_KMEANS_H */
