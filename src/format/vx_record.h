/*
 * vx_record.h: slots of a node page: what the record of a node, or of more of its heap TIDs, holds, and how that is written and read.
 *
 * README.md in this folder has pictures of the bytes. What a storage is like, others ask by vx_storage_...; which one it is, only those
 * who choose one (options, plans, types) and vecgraph_check.
 */
#ifndef VX_RECORD_H
#define VX_RECORD_H

#include <stddef.h>

#include "core/vx_node.h"
#include "distance/vx_space.h"
#include "format/vx_signature.h"

/* What a node keeps inline. */
typedef enum VxStorage
{
	VX_STORAGE_FULL = 1,		/* the vector: VxPoint */
	VX_STORAGE_HEAP = 2,		/* VxAbsentPoint: the vector is read from the heap row; needs codes */
	VX_STORAGE_HALF = 3,		/* VxAbsentPoint and the vector in half precision; needs codes */
	VX_STORAGE_EXACT_HALF = 4,	/* VxHalfPoint: the vector, of a type whose elements are halves */
	VX_STORAGE_BITS = 5			/* VxBitsPoint */
} VxStorage;

/* What users call it. */
static inline const char *
vx_storage_name(VxStorage storage)
{
	return storage == VX_STORAGE_HEAP ? "heap" : storage == VX_STORAGE_HALF ? "half" : "full";
}

/* Whether nodes may hold points of a form so; false for a number that is no storage. */
static inline bool
vx_storage_suits(VxStorage storage, VxForm form)
{
	switch (storage)
	{
		case VX_STORAGE_FULL:
		case VX_STORAGE_HALF:
		case VX_STORAGE_EXACT_HALF:
			return form == VX_FORM_DENSE;
		case VX_STORAGE_HEAP:
			return form != VX_FORM_BITS;
		case VX_STORAGE_BITS:
			return form == VX_FORM_BITS;
	}
	return false;
}

/* Whether a node holds its point as it is. */
static inline bool
vx_storage_has_point(VxStorage storage)
{
	return storage == VX_STORAGE_FULL || storage == VX_STORAGE_BITS;
}

/* Whether a node holds its vector, if perhaps only as nearly as halves have it. */
static inline bool
vx_storage_has_vector(VxStorage storage)
{
	return storage != VX_STORAGE_HEAP;
}

/* Whether it holds that as halves. */
static inline bool
vx_storage_has_halves(VxStorage storage)
{
	return storage == VX_STORAGE_HALF || storage == VX_STORAGE_EXACT_HALF;
}

/* Whether a node holds all that its vector is. */
static inline bool
vx_storage_is_exact(VxStorage storage)
{
	return vx_storage_has_point(storage) || storage == VX_STORAGE_EXACT_HALF;
}

/* Whether a node holds a hash of its vector. */
static inline bool
vx_storage_has_hash(VxStorage storage)
{
	return storage == VX_STORAGE_HEAP || storage == VX_STORAGE_HALF;
}

/*
 * What stands in a node for a vector that only the heap has exactly: enough to recognise the same vector, and with
 * VX_STORAGE_HALF the vector as nearly as half precision has it.
 */
typedef struct VxAbsentPoint
{
	float		norm2;
	uint32_t	hash[2];
	uint16_t	half[];			/* [dim] VX_STORAGE_HALF */
} VxAbsentPoint;

/* A vector whose elements are halves: VX_STORAGE_EXACT_HALF. */
typedef struct VxHalfPoint
{
	float		norm2;			/* of VxPoint */
	uint16_t	half[];			/* [dim] */
} VxHalfPoint;

typedef enum VxSlotState
{
	VX_SLOT_FREE = 0,
	VX_SLOT_LIVE = 1,			/* a node with at least one heap TID */
	VX_SLOT_DELETED = 2,		/* a node without heap TIDs, until VACUUM has led the graph around it */
	VX_SLOT_TIDS = 3			/* more heap TIDs of the node that it names as owner */
} VxSlotState;

/* A heap TID: block number (high half first) and offset, the bytes of PostgreSQL's ItemPointerData. */
typedef struct VxHeapTid
{
	uint16_t	block_high;
	uint16_t	block_low;
	uint16_t	offset;
} VxHeapTid;

#define VX_INLINE_TIDS 3

/* First bytes of every slot. A node's edges follow, then its point (see VxStorage). */
typedef struct VxSlot
{
	uint8_t		state;			/* VxSlotState */
	uint8_t		tid_count;		/* inline heap TIDs */
	uint16_t	degree;
	uint32_t	version;		/* grows with every change of edges, heap TIDs or state, also over reuse of the slot */
	uint32_t	chain;			/* newest slot with more TIDs of this node, or VX_NO_NODE */
	uint16_t	reserved;		/* zero */
	VxHeapTid	tids[VX_INLINE_TIDS];
	VxNodeId	edges[];		/* [edge_capacity], nearest first but for late additions */
} VxSlot;

/* A slot in state VX_SLOT_TIDS. */
typedef struct VxTidSlot
{
	uint8_t		state;			/* VX_SLOT_TIDS */
	uint8_t		reserved1;
	uint16_t	tid_count;
	uint32_t	version;
	uint32_t	chain;			/* next older slot of the chain, or VX_NO_NODE */
	VxNodeId	owner;
	VxHeapTid	tids[];			/* [geometry.tids_per_slot] */
} VxTidSlot;

/* README.md says so. */
_Static_assert(sizeof(VxHeapTid) == 6 && offsetof(VxHeapTid, block_low) == 2 && offsetof(VxHeapTid, offset) == 4, "heap TID");
_Static_assert(offsetof(VxSlot, state) == 0 && offsetof(VxSlot, tid_count) == 1 && offsetof(VxSlot, degree) == 2
			   && offsetof(VxSlot, version) == 4 && offsetof(VxSlot, chain) == 8 && offsetof(VxSlot, reserved) == 12
			   && offsetof(VxSlot, tids) == 14 && offsetof(VxSlot, edges) == 32 && sizeof(VxSlot) == 32, "node");
_Static_assert(offsetof(VxTidSlot, state) == 0 && offsetof(VxTidSlot, tid_count) == 2 && offsetof(VxTidSlot, version) == 4
			   && offsetof(VxTidSlot, chain) == 8 && offsetof(VxTidSlot, owner) == 12 && offsetof(VxTidSlot, tids) == 16,
			   "slot of heap TIDs");
_Static_assert(offsetof(VxPoint, x) == 4, "point of storage full");
_Static_assert(offsetof(VxBitsPoint, bits) == 4 && VX_BITS_POINT_BYTES(65) == 20, "point of storage bits");
_Static_assert(offsetof(VxAbsentPoint, hash) == 4 && offsetof(VxAbsentPoint, half) == 12, "point of storage heap and half");
_Static_assert(offsetof(VxHalfPoint, half) == 4, "point of storage exact half");

/* What follows from the meta page by arithmetic: vx_meta_check in vx_format.h fills it in. */
typedef struct VxGeometry
{
	VxStorage	storage;
	uint32_t	dim;
	uint32_t	coded_dim;		/* vx_space_coded_dim */
	uint32_t	edge_capacity;
	uint32_t	record_bytes;
	uint32_t	body_bytes;
	uint32_t	model_bytes;	/* of a model */
	uint32_t	model_pages;	/* of each copy of it */
	uint32_t	first_segment;
	uint32_t	nodes_per_page;
	uint32_t	code_bytes;		/* 0 without codes */
	uint32_t	filter_count;
	uint32_t	filter_width[VX_MAX_FILTERS];	/* bytes of a signature's columns */
	uint32_t	filter_start[VX_MAX_FILTERS];	/* of those in front of one in a digest, the code included */
	uint32_t	digest_bytes;	/* code and signature; 0 without both */
	uint32_t	codes_per_page;
	uint32_t	code_pages;		/* per segment */
	uint32_t	pages_per_segment;	/* node pages */
	uint32_t	tids_per_slot;
} VxGeometry;

/* Bytes of a slot. */
uint32_t	vx_record_bytes(VxStorage storage, uint32_t dim, uint32_t edge_capacity);

/* The largest max degree <= wanted with which a node fits a page body, or 0 if not even least fits. */
uint32_t	vx_fitting_degree(uint32_t body_bytes, VxStorage storage, uint32_t dim, uint32_t wanted, uint32_t least);

/* The largest max degree from least to most with which as many nodes fit a page body as with least, at least one. */
uint32_t	vx_packing_degree(uint32_t body_bytes, VxStorage storage, uint32_t dim, uint32_t least, uint32_t most);

/* The largest dim whose vector, stored so (not VX_STORAGE_HEAP), fits a page body with this degree. */
uint32_t	vx_fitting_dim(uint32_t body_bytes, VxStorage storage, uint32_t degree);

static inline VxSlot *
vx_slot(const VxGeometry *g, void *body, uint32_t slot)
{
	return (VxSlot *) ((char *) body + (size_t) slot * g->record_bytes);
}

static inline bool
vx_slot_is_node(const VxSlot *slot)
{
	return slot->state == VX_SLOT_LIVE || slot->state == VX_SLOT_DELETED;
}

/* The heap TIDs in a slot: those of a live node that are inline, or those of a slot of its chain; none in others. */
static inline VxHeapTid *
vx_slot_tids(VxSlot *slot, uint32_t *count)
{
	VxTidSlot  *more = (VxTidSlot *) slot;

	*count = slot->state == VX_SLOT_LIVE ? slot->tid_count : slot->state == VX_SLOT_TIDS ? more->tid_count : 0;
	return slot->state == VX_SLOT_TIDS ? more->tids : slot->tids;
}

/* ---- the point of a node ---- */

/* Only with VX_STORAGE_HEAP and VX_STORAGE_HALF. */
static inline VxAbsentPoint *
vx_slot_absent_point(const VxGeometry *g, VxSlot *slot)
{
	return (VxAbsentPoint *) (slot->edges + g->edge_capacity);
}

/* Only with VX_STORAGE_EXACT_HALF. */
static inline VxHalfPoint *
vx_slot_half_point(const VxGeometry *g, VxSlot *slot)
{
	return (VxHalfPoint *) (slot->edges + g->edge_capacity);
}

/* Only where vx_storage_has_point. */
static inline VxPoint *
vx_slot_whole_point(const VxGeometry *g, VxSlot *slot)
{
	return (VxPoint *) (slot->edges + g->edge_capacity);
}

/*
 * Writes a point to a slot, as the storage of the index wants it. hash: of vx_space_identity, where vx_storage_has_hash. Vectors
 * are read again by those who know it, so it must be the same for all time.
 */
void		vx_slot_set_point(const VxSpace *space, const VxGeometry *g, VxSlot *slot, const VxPoint *point, uint64_t hash);

/* Whether a slot holds this very vector, to the bit; norm and hash, as above, must do where only the heap has it. */
bool		vx_slot_has_point(const VxSpace *space, const VxGeometry *g, const VxSlot *slot, const VxPoint *point, uint64_t hash);

/* The point of a slot that has halves, made in room [vx_space_room]; with VX_STORAGE_HALF as nearly as these have it. */
const VxPoint *vx_slot_widen_point(const VxGeometry *g, const VxSlot *slot, VxPoint *room);

/* The point of a slot: there, or made in room. Only where vx_storage_has_vector. */
static inline const VxPoint *
vx_slot_point(const VxGeometry *g, VxSlot *slot, VxPoint *room)
{
	return vx_storage_has_point(g->storage) ? vx_slot_whole_point(g, slot) : vx_slot_widen_point(g, slot, room);
}

/* ---- slots ---- */

/*
 * Checks one slot whatever its bytes are: state, counts, edges and chain below id_bound, norm and vector finite where
 * they must be. Returns NULL or what is wrong. deep also looks at every element of the vector.
 */
const char *vx_slot_check(const VxGeometry *g, const VxSlot *slot, uint32_t id_bound, bool deep);

/*
 * Makes a slot a live node with these edges [degree], no chain and no heap TIDs yet: the caller adds them to tid_count and tids. Writes all
 * in front of the point, what is not used as zeros, and leaves the point: a build may have put it there before. version: what the slot's is to be.
 */
void		vx_slot_init_node(const VxGeometry *g, VxSlot *slot, uint32_t version, const VxNodeId *edges, uint32_t degree);

/*
 * Makes a slot one of heap TIDs of a node, in front of chain (VX_NO_NODE: it is the last), with none yet: the caller adds them to tid_count
 * and tids. Writes the whole record, what is not used as zeros. version: what the slot's is to be. Returns the slot, as what it is now.
 */
VxTidSlot  *vx_slot_init_tids(const VxGeometry *g, VxSlot *slot, uint32_t version, VxNodeId owner, VxNodeId chain);

/* Clears a slot to VX_SLOT_FREE, keeping and advancing its version. */
void		vx_slot_clear(const VxGeometry *g, VxSlot *slot);

#endif							/* VX_RECORD_H */
