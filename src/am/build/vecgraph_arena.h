/*
 * vecgraph_arena.h: dynamic shared memory for what participants of a build all look at: points, codes, edges, heap TIDs.
 *
 * The leader makes an arena before it knows how many rows there are, allocates in it as they come (vecgraph_arena_mem), and
 * gives it back as a whole (vecgraph_arena_end); if the transaction fails, it goes with that. Where the system has no more
 * shared memory, local memory serves, and the build goes on without workers. Only the leader allocates. Workers attach to what
 * is there; in them an array has another address, and so it is called by its place.
 */
#ifndef VECGRAPH_ARENA_H
#define VECGRAPH_ARENA_H

#include "postgres.h"

#include "storage/dsm.h"

#include "core/vx_mem.h"

typedef struct VecGraphArena VecGraphArena;

/* Points come in about this many segments, so no more than this part of the memory is allocated in vain. */
#define VECGRAPH_POINT_SEGMENTS 32
#define VECGRAPH_ARENA_SEGMENTS (2 * VECGRAPH_POINT_SEGMENTS)

/* What workers must know to attach. */
typedef struct VecGraphArenaHandles
{
	int			count;
	dsm_handle	segments[VECGRAPH_ARENA_SEGMENTS];
} VecGraphArenaHandles;

/* Where something lies, for everybody. */
typedef struct VecGraphPlace
{
	int			segment;		/* -1: there is no such thing, or not in shared memory */
	Size		offset;
} VecGraphPlace;

/* slab_bytes: what points are allocated in; limit: bytes that the build may use. Takes no shared memory yet. */
extern VecGraphArena *vecgraph_arena_begin(Size slab_bytes, Size limit, MemoryContext context);

/* Allocates in the arena; what was allocated cannot be resized. */
extern const VxMem *vecgraph_arena_mem(VecGraphArena *arena);

/* A copy of an array in the arena; the old one is pfree'd. NULL and arrays of no bytes stay what they are. */
extern void *vecgraph_arena_move(VecGraphArena *arena, void *array, Size bytes);

/* Bytes taken from the system so far, and by one more allocation of that size (0: none). */
extern Size vecgraph_arena_bytes(const VecGraphArena *arena, Size more);

/* Gives back the arena, and all that was allocated in it. */
extern void vecgraph_arena_end(VecGraphArena *arena);

/* The place of an address in the arena; of one that is not in shared memory, or NULL, that of nothing. */
extern VecGraphPlace vecgraph_arena_place(const VecGraphArena *arena, const void *p);

/* Whether everything is in shared memory. */
extern bool vecgraph_arena_is_shared(const VecGraphArena *arena);

/* What workers are told. */
extern void vecgraph_arena_handles(const VecGraphArena *arena, VecGraphArenaHandles *handles);

/* In a worker: maps the segments. Errors: the system refuses. */
extern VecGraphArena *vecgraph_arena_attach(const VecGraphArenaHandles *handles);

/* Where a place is in this process; NULL for none. */
extern void *vecgraph_arena_address(const VecGraphArena *arena, VecGraphPlace place);

/* In a worker: unmaps the segments. */
extern void vecgraph_arena_detach(VecGraphArena *arena);

#endif							/* VECGRAPH_ARENA_H */
