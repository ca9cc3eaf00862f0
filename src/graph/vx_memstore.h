/*
 * vx_memstore.h: the store in memory, for building an index and for unit tests.
 *
 * Ids are array positions, so the arrays may sit anywhere, shared memory included. Nodes are added as points first
 * (vx_memstore_add) and become visible to searches when linked. Serial for now: a parallel build needs the two places
 * marked "node lock" to lock the node, nothing else.
 */
#ifndef VX_MEMSTORE_H
#define VX_MEMSTORE_H

#include "distance/vx_space.h"
#include "graph/vx_link.h"
#include "quant/vx_codec.h"

typedef struct VxMemStore
{
	VxStore		base;
	VxSpace		space;
	const VxMem *mem;
	uint32_t	count;			/* points added */
	uint32_t	capacity;
	uint32_t	chunk_count;
	char	  **chunks;			/* points, VX_MEM_CHUNK_POINTS a piece, so growing never copies them */
	VxNodeId   *edges;			/* [capacity][edge_capacity] */
	uint16_t   *degrees;		/* [capacity] */
	uint32_t   *versions;		/* [capacity] */
	uint8_t    *deleted;		/* [capacity] */
	VxCodec    *codec;			/* NULL: no codes */
	bool		score_codes;	/* searches score codes, else points */
	uint8_t    *codes;			/* [count] code_bytes each, and VX_CODE_OVERREAD behind */
	VxCodeQuery code_query;
	VxNodeId	entry_ids[VX_MAX_ENTRIES];
	uint32_t	entry_count;
	void		(*poll) (void *context);	/* may be NULL */
	void	   *poll_context;
} VxMemStore;

#define VX_MEM_CHUNK_POINTS 1024

/*
 * max_degree R (<= VX_MAX_DEGREE); the working lists get 30 % slack, because pruning at every overflow costs twice the
 * time. alpha is on the scale of squared distances.
 */
void		vx_memstore_init(VxMemStore *store, const VxMem *mem, const VxSpace *space, uint32_t max_degree, float alpha);
void		vx_memstore_free(VxMemStore *store);

/* Bytes that n points will need, to compare with a budget. */
size_t		vx_memstore_bytes(uint32_t n, uint32_t dim, uint32_t max_degree);

/* Adds an unlinked node with a copy of x [dim]; returns its id. */
VxNodeId	vx_memstore_add(VxMemStore *store, const float *x);

/*
 * Encodes all points. With score_codes searches score codes from now on; pruning stays exact. No point may be added
 * afterwards. The codec must stay valid.
 */
void		vx_memstore_encode(VxMemStore *store, VxCodec *codec, bool score_codes);

static inline const uint8_t *
vx_memstore_code(const VxMemStore *store, VxNodeId id)
{
	return store->codes + (size_t) id * store->codec->code_bytes;
}

static inline const VxPoint *
vx_memstore_point(const VxMemStore *store, VxNodeId id)
{
	return (const VxPoint *) (store->chunks[id / VX_MEM_CHUNK_POINTS]
							  + (id % VX_MEM_CHUNK_POINTS) * VX_POINT_BYTES(store->space.dim));
}

#endif							/* VX_MEMSTORE_H */
