/*
 * vx_block.h: inner products of a panel of queries with a tile of rows, as a small matrix product, and which of them are large enough.
 *
 * A panel has the queries side by side: panel [dim][width], element i of all of them after each other, so that a register holds one
 * element of as many queries as it has lanes. Its width is that of the table or, for a last panel of few queries, the half of it.
 * A tile is VX_TILE_ROWS rows of floats, stride floats apart. Both need be aligned as floats are.
 *
 * Products are sums of single precision, of one element after the other, and are left as they come: where they leave the range of floats they
 * may be infinite or NaN. In range, a product differs from the true one by at most (dim + 1) * 2^-24 / (1 - (dim + 1) * 2^-24) times
 * the sum of the magnitudes of its terms, and dim * 2^-149.
 */
#ifndef VX_BLOCK_H
#define VX_BLOCK_H

#include "core/vx_port.h"

#define VX_TILE_ROWS 12

/* No panel is wider. */
#define VX_PANEL_MAX 32

/* What a product is compared with: see near. */
typedef struct VxPanelBounds
{
	const float *slope;			/* [width], of the queries */
	const float *floor;			/* [width], of the queries */
	const float *length;		/* [VX_TILE_ROWS], of the rows */
	const float *base;			/* [VX_TILE_ROWS], of the rows */
} VxPanelBounds;

typedef struct VxBlockKernels
{
	const char *name;			/* "scalar", "avx2", "avx512", "neon" */
	uint32_t	width;			/* of a panel: at most VX_PANEL_MAX, and even */

	/* products [VX_TILE_ROWS][width] of a panel and a tile. */
	void		(*products) (const float *panel, uint32_t width, size_t dim, const float *rows, size_t stride, float *products);

	/*
	 * near [VX_TILE_ROWS]: bit q is set unless product + slope[q] * length[row] is less than floor[q] + base[row]: also where a
	 * NaN is among them.
	 */
	void		(*near) (const float *products, uint32_t width, const VxPanelBounds *bounds, uint32_t *near);
} VxBlockKernels;

/* The table in use. Points to the scalar kernels until vx_block_kernels_select() has run. */
extern const VxBlockKernels *vx_block_kernels;

/* Chooses the fastest table that this processor runs; called once when the library is loaded. Returns the choice. */
const VxBlockKernels *vx_block_kernels_select(void);

/* For tests and benchmarks: the i-th table that this processor can run (0 is scalar), or NULL past the last. */
const VxBlockKernels *vx_block_kernels_available(int i);

#endif							/* VX_BLOCK_H */
