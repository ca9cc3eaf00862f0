/*
 * vx_store.h: THE SEAM. All that the graph algorithms know about storage.
 *
 * S1  Nothing borrowed survives: results are copied out; no lock, pin or page pointer stays with the caller. (gather()
 *     may hand out pointers, but only into memory that the store keeps valid until the set is gathered again.)
 * S2  A callback may not return (the server's error exits). The algorithms own only memory from VxMem and hold no lock.
 * S3  Ids are dense small numbers, good as bitmap indexes, else opaque.
 * S4  Ids may be recycled. A read returns the version it saw; a write names that version and may answer VX_CONFLICT.
 * S5  Scores: smaller is nearer; never NaN; ties break by vx_tie_rank, so equal inputs give equal results.
 *
 * Implementations: vx_memstore (build, unit tests) and the page store of the access method. What they must do is tried by
 * test/unit/store_conformance.h.
 */
#ifndef VX_STORE_H
#define VX_STORE_H

#include "core/vx_mem.h"
#include "core/vx_node.h"
#include "distance/vx_space.h"

typedef enum VxStatus
{
	VX_OK,
	VX_GONE,					/* no such node (any more): free or recycled */
	VX_CONFLICT,				/* changed since the version that the caller saw */
	VX_FULL,					/* no room for one more edge */
	VX_EXISTS					/* the edge is there already */
} VxStatus;

/* What a store wants handed on with a node to whoever consumes a search; the algorithms only carry it. */
#define VX_PAYLOAD_WORDS 3

typedef struct VxEdges
{
	uint32_t	version;
	bool		live;			/* false: deleted, only a stepping stone */
	uint32_t	count;
	/* only where a query was given: */
	double		exact;			/* the node's distance from it, as nearly as its record can tell */
	double		error;			/* by which that is wrong at most; infinite where nobody knows */
	uint64_t	payload[VX_PAYLOAD_WORDS];
	VxNodeId	ids[VX_MAX_EDGES];
} VxEdges;

/* What searches measure distance from. */
typedef struct VxQuery
{
	const void *point;			/* as the store was given it */
	bool		linking;		/* score as linking does (pairs), not as the operator does (query): see vx_space.h */
	uint32_t	salt;			/* of the order of ties: any number, for linking another one for each node */
} VxQuery;

/*
 * The place of a node among those with the same score: a permutation of all ids, another one for each salt. Where many points
 * are equally far from each other, an order that is the same for all nodes would give all of them edges to the same few.
 */
static inline uint32_t
vx_tie_rank(VxNodeId id, uint32_t salt)
{
	uint32_t	rank = id ^ salt * UINT32_C(0x9E3779B9);

	rank = (rank ^ rank >> 16) * UINT32_C(0x85EBCA6B);
	rank = (rank ^ rank >> 13) * UINT32_C(0xC2B2AE35);
	return rank ^ rank >> 16;
}

/* Representations of several nodes for pruning, aligned with the ids that were asked for. */
typedef struct VxPointSet
{
	const void **points;		/* [capacity]; NULL where the node is gone */
	uint32_t	capacity;
	void	   *copies;			/* the store's memory behind the pointers, if it copies */
	size_t		copies_size;
} VxPointSet;

/* Most nodes that read_ahead() is told of at once. */
#define VX_MOST_AHEAD 64

typedef struct VxStats
{
	uint64_t	expanded;		/* nodes whose edges were read by searches */
	uint64_t	scored;			/* distances from a query */
	uint64_t	compared;		/* distances between nodes, in pruning */
	uint64_t	conflicts;		/* optimistic writes that had to be repeated */
	uint64_t	lost_links;		/* back-links given up after too many conflicts */
} VxStats;

typedef struct VxStore VxStore;

typedef struct VxStoreOps
{
	/* OK or GONE. query may be NULL; if not, exact, error and payload are filled in. */
	VxStatus	(*read_edges) (VxStore *store, VxNodeId id, const VxQuery *query, VxEdges *out);

	/* May be NULL. The edges of this node will probably be asked for soon: starts to fetch it into the CPU's caches. */
	void		(*prefetch) (VxStore *store, VxNodeId id);

	/*
	 * Called only while store->ahead is not 0. These nodes will probably be read soon, the first one next: starts to bring them
	 * into memory, and waits for none. The same ones may be named again and again. n <= VX_MOST_AHEAD.
	 */
	void		(*read_ahead) (VxStore *store, const VxNodeId *ids, uint32_t n);

	/* Makes a query ready for score(): look-up tables and the like. One query is in use at a time. */
	void		(*prepare) (VxStore *store, const VxQuery *query);

	/*
	 * Scores n <= VX_MAX_EDGES nodes in one batch, exactly or estimated from codes. score [n]. A node that is gone scores
	 * +infinity, or anything where codes are read: read_edges() tells.
	 */
	void		(*score) (VxStore *store, const VxQuery *query, const VxNodeId *ids, uint32_t n, float *score);

	/*
	 * May be NULL: false. Whether a query at the point of this (linking) query would find other nodes than linking: then those
	 * are candidates for edges, too, so that searches which come by are led to what queries find.
	 */
	bool		(*asks_otherwise) (VxStore *store, const VxQuery *query);

	/* Makes the representations of n nodes available for pairs(); what is gone may be NULL. */
	void		(*gather) (VxStore *store, const VxNodeId *ids, uint32_t n, VxPointSet *set);

	/* Distances between one representation and n others, for linking. distance [n]. */
	void		(*pairs) (VxStore *store, const void *one, const void *const *others, uint32_t n, float *distance);

	/* Adds the edge id -> target if there is room. OK, FULL, EXISTS, GONE (also for deleted nodes). */
	VxStatus	(*add_edge) (VxStore *store, VxNodeId id, VxNodeId target);

	/* Replaces the edges if the node is still as it was when read. OK, CONFLICT, GONE. */
	VxStatus	(*replace_edges) (VxStore *store, VxNodeId id, uint32_t seen_version, const VxNodeId *ids, uint32_t n);

	/* Where searches start: ids [VX_MAX_ENTRIES]; returns how many, 0 for an empty graph. */
	uint32_t	(*entries) (VxStore *store, VxNodeId *ids);

	/* Where the store is selective: whether the query that was prepared last wants a node; cheap, without reading it. */
	bool		(*wants) (VxStore *store, VxNodeId id);

	/* Interrupts, vacuum delay; called with nothing held. */
	void		(*poll) (VxStore *store);
} VxStoreOps;

/* Implementations embed this as their first member. */
struct VxStore
{
	const VxStoreOps *ops;
	uint32_t	max_degree;		/* R: most edges a new node is given */
	uint32_t	edge_capacity;	/* most edges a node can hold: >= max_degree, <= VX_MAX_EDGES */
	uint32_t	overflow_degree;	/* to how many a full node is pruned when one more comes */
	VxAlpha		alpha;			/* pruning slack, on the scale of pairs() */
	uint32_t	ahead;			/* read_ahead() is told of so many nodes, up to VX_MOST_AHEAD; 0 until one had to be waited for */
	bool		selective;		/* queries may want some nodes only */
	bool		rough_scores;	/* queries' scores are of another distance than exact ones: codes under L1 */
	VxStats		stats;
};

/* Tells the store of the first of n nodes that are all to be read in this order, if it reads ahead. Again for the rest after each of them. */
static inline void
vx_store_read_ahead(VxStore *store, const VxNodeId *ids, uint32_t n)
{
	if (store->ahead > 0 && n > 0)
		store->ops->read_ahead(store, ids, VX_MIN(n, store->ahead));
}

static inline void
vx_pointset_reserve(VxPointSet *set, const VxMem *mem, uint32_t n)
{
	if (n <= set->capacity)
		return;
	set->points = vx_resize_array(mem, (void *) set->points, n, sizeof(*set->points));
	set->capacity = n;
}

/* Makes room for n copies of so many bytes. */
static inline void
vx_pointset_reserve_copies(VxPointSet *set, const VxMem *mem, uint32_t n, size_t bytes)
{
	size_t		size = vx_size_product(n, bytes);

	if (set->copies_size < size)
	{
		set->copies = vx_resize(mem, set->copies, size);
		set->copies_size = size;
	}
}

static inline void *
vx_pointset_copy(const VxPointSet *set, uint32_t i, size_t bytes)
{
	return (char *) set->copies + i * bytes;
}

static inline void
vx_pointset_free(VxPointSet *set, const VxMem *mem)
{
	vx_free(mem, (void *) set->points);
	vx_free(mem, set->copies);
	set->points = NULL;
	set->copies = NULL;
	set->capacity = 0;
	set->copies_size = 0;
}

#endif							/* VX_STORE_H */
