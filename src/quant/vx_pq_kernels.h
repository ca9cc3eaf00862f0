/*
 * vx_pq_kernels.h: the inner loops of k-means and product quantisation, chosen once for the processor.
 *
 * Centroids lie by dimension: float centroids [dim][VX_PQ_CENTROIDS], so that one coordinate of a vector meets that
 * coordinate of all centroids in consecutive memory, whatever dim is. There are always VX_PQ_CENTROIDS of them.
 *
 * The tables of one architecture give the same bits: codes made on one processor are those that another would make.
 */
#ifndef VX_PQ_KERNELS_H
#define VX_PQ_KERNELS_H

#include "core/vx_port.h"

#define VX_PQ_CENTROIDS 256		/* a code byte for each subvector: on disk, never change */

typedef struct VxPqKernels
{
	const char *name;			/* "scalar", "avx2" */

	/*
	 * The centroid nearest to x [dim] by squared L2 distance, which is stored in *distance; the lowest of equally near ones.
	 * Where no distance is below infinity (or all are NaN) the answer is 0 and the distance infinity.
	 */
	uint32_t	(*nearest) (const float *x, uint32_t dim, const float *centroids, float *distance);

	/* out [VX_PQ_CENTROIDS]: squared L2 distance, or inner product, of x [dim] and each centroid. */
	void		(*l2_squared) (const float *x, uint32_t dim, const float *centroids, float *out);
	void		(*inner_product) (const float *x, uint32_t dim, const float *centroids, float *out);
} VxPqKernels;

extern const VxPqKernels *vx_pq_kernels;	/* never NULL: scalar until selected */
const VxPqKernels *vx_pq_kernels_select(void);

/* For tests: the i-th table that this processor can run (0 is scalar), or NULL past the last. */
const VxPqKernels *vx_pq_kernels_available(int i);

#endif							/* VX_PQ_KERNELS_H */
