/*
 * vx_memstore.h: the store in memory, for building an index and for unit tests.
 *
 * Nodes are added as points first (vx_memstore_add) and become visible to searches when linked.
 *
 * Ids are array positions, so the arrays may sit anywhere. Several threads or processes may link at once, each with a
 * VxMemStore of its own over the same arrays. Nobody waits for a lock: the version of a node is odd while its edges are
 * written, which takes a few stores in a row, and who reads them meanwhile reads again. Points, codes, entries and deleted
 * do not change while others look.
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
	const VxMem *arrays;		/* of what participants share: chunks of points, the arrays [count] below */
	uint32_t	count;			/* points added */
	uint32_t	chunk_count;
	char	  **chunks;			/* points, VX_MEM_CHUNK_POINTS a piece, so growing never copies them */
	VxNodeId   *edges;			/* [count][edge_capacity]; NULL until vx_memstore_seal */
	uint16_t   *degrees;		/* [count] */
	uint32_t   *versions;		/* [count] changes so far, times two; odd while one is being written */
	uint8_t    *deleted;		/* [count] */
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
 * time. alpha is on the scale of squared distances. What is shared comes from mem, too, unless arrays is set before
 * anything is added; the arrays are allocated once and never resized.
 */
void		vx_memstore_init(VxMemStore *store, const VxMem *mem, const VxSpace *space, uint32_t max_degree, float alpha);

/* Frees what the store allocated: not for a participant's view. */
void		vx_memstore_free(VxMemStore *store);

/* Bytes of a chunk of points, and of what linking needs for each point besides. */
size_t		vx_memstore_chunk_bytes(uint32_t dim);
size_t		vx_memstore_link_bytes(uint32_t max_degree);

/* Adds an unlinked node with a copy of x [dim]; returns its id. */
VxNodeId	vx_memstore_add(VxMemStore *store, const float *x);

/* Allocates what linking needs for the points added so far, unless that was done; no point may be added afterwards. */
void		vx_memstore_seal(VxMemStore *store);

/*
 * Gives the store codes, not made yet, and memory for them if it has none. With score_codes searches score codes from now on;
 * pruning stays exact. The codec must stay valid.
 */
void		vx_memstore_set_codec(VxMemStore *store, VxCodec *codec, bool score_codes);

/* Encodes points first to end - 1. */
void		vx_memstore_encode(VxMemStore *store, VxNodeId first, VxNodeId end);

/*
 * Another participant's view of a sealed store, in the same address space: shares the arrays, has a codec (NULL if the store
 * has none), query, counters and scratch memory of its own. vx_memstore_free_view gives back the latter only.
 */
void		vx_memstore_view(VxMemStore *view, const VxMemStore *store, const VxMem *mem, VxCodec *codec);
void		vx_memstore_free_view(VxMemStore *view);

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
