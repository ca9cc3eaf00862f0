/*
 * vx_batch.h: many queries at once against many rows: which rows may be as near as a query wants, and exactly how far these are.
 *
 * A batch is given rows by blocks, and for each query a bound. It calls take for every query and row whose distance is not greater than the
 * query's bound, with the distance; no others, but for bounds that take itself lowers (or shrinking) on the way. Distances have the bits of the SQL operators.
 *
 * L2, inner products and cosines are sifted: inner products of all queries with all rows are a matrix product (vx_block.h), from which it
 * follows, by |q-r|^2 = |q|^2 - 2 q.r + |r|^2, which rows cannot be within a bound. That is imprecise, the more so the longer vectors are
 * compared with their distances. So it leaves a margin for every rounding there can be, in the products, the norms and the operator itself,
 * and for the others the operator's kernel decides: however large the margin, no row is lost, and the result does not depend on how rows
 * come in blocks. Vectors whose squared norms are not well within the range of floats (zero vectors, too) are not sifted.
 *
 * The margin. Let u = 2^-24, g = n u / (1 - n u) for n dimensions, and e = 2 (n + 64) u. In range, norms, the operator's sums and products err by g times the sum
 * of the magnitudes of their terms, at most: |r|^2, d^2, |q||r|; what is lost below 2^-149 is far less than what e has in reserve. With P for
 * the product, N and Q for squared norms of row and query as computed, and D for the bound, a row has to be looked at if
 *
 *   L2      P + e|q||r| >= ((1 - e) Q - (1 + e) D^2) / 2 + (1 - e) N / 2
 *   ip      P + 2e|q||r| >= -D - 16u |D|
 *   cosine  P - (1 - D - 4e) |q||r| >= 0
 *
 * where e is at least twice g, and has 128 u to spare for the few roundings of these formulas themselves, each of u times one of its terms. Each
 * has a term of the query and one of the row on the right, and a factor of each on the left: VxPanelBounds.
 */
#ifndef VX_BATCH_H
#define VX_BATCH_H

#include "core/vx_mem.h"
#include "distance/vx_space.h"

typedef struct VxBatch VxBatch;

/* What is done with a row within the bound of a query. row: its number in the block. */
typedef void (*VxBatchTake) (void *context, uint32_t query, uint32_t row, double distance);

/* Bytes that a batch of so many queries takes, but for its block, which has at most 1 MB. */
size_t		vx_batch_bytes(VxMetric metric, uint32_t dim, uint32_t queries);

/*
 * Makes a batch. metric: one of floats. queries [n]: finite floats [dim], which stay where they are; dim is 1 to VX_DENSE_MAX_DIM. Bounds are NaN: all rows are within
 * them. mem is kept by value; all memory is freed by vx_batch_free.
 */
VxBatch    *vx_batch_new(const VxMem *mem, VxMetric metric, uint32_t dim, const float *const *queries, uint32_t n);

void		vx_batch_free(VxBatch *batch);

/* How many rows a block has room for. */
uint32_t	vx_batch_block_rows(const VxBatch *batch);

/* Where row number i of the block is to be put: finite floats [dim]. */
float	   *vx_batch_row(VxBatch *batch, uint32_t i);

/* Is called between pieces of some million operations; may leave by a jump. */
typedef void (*VxBatchPoll) (void *context);

/* Goes through the first n rows of the block. */
void		vx_batch_scan(VxBatch *batch, uint32_t n, VxBatchTake take, VxBatchPoll poll, void *context);

/* From now on rows farther than this are nothing to the query. A bound that is NaN is none; else it is not to grow. take may call this. */
void		vx_batch_set_bound(VxBatch *batch, uint32_t query, double bound);

/* From now on only the first n queries are asked. take may call this. */
void		vx_batch_shrink(VxBatch *batch, uint32_t n);

#endif							/* VX_BATCH_H */
