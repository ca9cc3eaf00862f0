/*
 * vx_memstore.h: the store in memory, for building an index and for unit tests.
 *
 * Nodes are added as points first (vx_memstore_add) and become visible to searches when linked. Where memory is short they are
 * added as codes instead (vx_memstore_use_codes). By which of them nodes are compared is a matter of the store's computer.
 *
 * Ids are array positions, so the arrays may sit anywhere. Several threads or processes may link at once, each with a
 * VxMemStore of its own over the same arrays. Nobody waits for a lock: the version of a node is odd while its edges are
 * written, which takes a few stores in a row, and who reads them meanwhile reads again. Points, codes, entries and deleted
 * do not change while others look.
 */
#ifndef VX_MEMSTORE_H
#define VX_MEMSTORE_H

#include "distance/vx_space.h"
#include "graph/vx_computer.h"
#include "graph/vx_link.h"

typedef struct VxMemStore
{
	VxStore		base;
	VxSpace		space;
	const VxMem *mem;
	const VxMem *arrays;		/* of what participants share: slabs of points, the arrays [count] below */
	uint32_t	count;			/* points added */
	uint32_t	item_bytes;		/* of what was added: a point, or a code; the largest, where they vary */
	uint32_t	slab_shift;		/* log2 of the items in a slab */
	uint32_t	slab_count;
	char	  **slabs;			/* items in pieces, so growing never copies them */
	bool		varies;			/* items have different lengths */
	uint64_t   *places;			/* [places_capacity] where they vary: slab << 32 | offset in it; else NULL */
	uint32_t	places_capacity;
	uint32_t	slab_used;		/* bytes of the last slab, where they vary */
	VxNodeId   *edges;			/* [count][edge_capacity]; NULL until vx_memstore_seal */
	uint16_t   *degrees;		/* [count] */
	uint32_t   *versions;		/* [count] changes so far, times two; odd while one is being written */
	uint8_t    *deleted;		/* [count] */
	VxCodec    *codec;			/* NULL: no codes */
	uint8_t    *codes;			/* [count] code_bytes each, and VX_CODE_OVERREAD behind */
	VxComputer	computer;
	VxNodeId   *order;			/* [count] in which nodes are linked; NULL: by id */
	VxNodeId	entry_ids[VX_MAX_ENTRIES];
	uint32_t	entry_count;
	void		(*poll) (void *context);	/* may be NULL; context is */
} VxMemStore;

/*
 * max_degree R (<= VX_MAX_DEGREE); the working lists get 30 % slack, because pruning at every overflow costs twice the
 * time. alpha is on the scale of squared distances. What is shared comes from mem, too, unless arrays is set before
 * anything is added; the arrays are allocated once and never resized.
 */
void		vx_memstore_init(VxMemStore *store, const VxMem *mem, const VxSpace *space, uint32_t max_degree, float alpha);

/* Frees what the store allocated: not for a participant's view. */
void		vx_memstore_free(VxMemStore *store);

/* Bytes of a slab of the store. */
size_t		vx_memstore_slab_bytes(const VxMemStore *store);

/* Bytes that linking needs for each point besides. */
size_t		vx_memstore_link_bytes(uint32_t max_degree);

/* Bytes of the items so far: of slabs, each with its room to spare. */
static inline size_t
vx_memstore_slabs_bytes(const VxMemStore *store)
{
	return store->slab_count * vx_memstore_slab_bytes(store);
}

/* Whether one more item takes one more slab, if it is as large as it may be. */
static inline bool
vx_memstore_is_full(const VxMemStore *store)
{
	if (store->varies)
		return store->slab_count == 0 || store->slab_used + store->item_bytes > vx_memstore_slab_bytes(store);
	return store->count >> store->slab_shift == store->slab_count;
}

/* Adds an unlinked node with a copy of a point, that is not larger than vx_space_room; returns its id. */
VxNodeId	vx_memstore_add(VxMemStore *store, const VxPoint *point);

/*
 * Makes an empty store one whose nodes are known by their codes only. The codec, of a kind that prunes, must stay valid; for inner
 * product its max_norm2 must be set before linking.
 */
void		vx_memstore_use_codes(VxMemStore *store, VxCodec *codec);

/* Adds an unlinked node of such a store with a copy of code [code_bytes]; returns its id. */
VxNodeId	vx_memstore_add_code(VxMemStore *store, const uint8_t *code);

/*
 * Moves a point to the place of another, before linking. What is where, the caller knows: position count is a place for one point aside,
 * item_bytes at aside, or of its place alone where points vary.
 */
void		vx_memstore_move(VxMemStore *store, uint32_t to, uint32_t from, void *aside);

/* What linking searches for to place a node. With codes only it is valid until the next call. */
const VxPoint *vx_memstore_query(VxMemStore *store, VxNodeId id);

/* Allocates what linking needs for the points added so far, unless that was done; no point may be added afterwards. */
void		vx_memstore_seal(VxMemStore *store);

/* Makes room for an order of linking, to be filled in before that; all points have been added. */
VxNodeId   *vx_memstore_make_order(VxMemStore *store);

/* Gives the store codes, not made yet, and memory for them if it has none; compares by them as told. The codec must stay valid. */
void		vx_memstore_set_codec(VxMemStore *store, VxCodec *codec, VxComparison comparison);

/* Compares nodes by something else that they have. */
void		vx_memstore_compare(VxMemStore *store, VxComparison comparison);

/* Encodes points first to end - 1. */
void		vx_memstore_encode(VxMemStore *store, VxNodeId first, VxNodeId end);

static inline const uint8_t *
vx_memstore_code(const VxMemStore *store, VxNodeId id)
{
	return store->codes + (size_t) id * store->codec->code_bytes;
}

/* What was added, until a store with codes only is sealed: then see vx_memstore_code. */
static inline const void *
vx_memstore_item(const VxMemStore *store, VxNodeId id)
{
	if (store->varies)
		return store->slabs[store->places[id] >> 32] + (uint32_t) store->places[id];
	return store->slabs[id >> store->slab_shift]
		+ (size_t) (id & ((UINT32_C(1) << store->slab_shift) - 1)) * store->item_bytes;
}

static inline const VxPoint *
vx_memstore_point(const VxMemStore *store, VxNodeId id)
{
	return vx_memstore_item(store, id);
}

#endif							/* VX_MEMSTORE_H */
