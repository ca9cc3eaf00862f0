/*
 * vecgraph_queue.h: rows from some processes of a build to others, in batches in shared memory.
 *
 * Whoever has rows takes an empty batch, fills it and publishes it; whoever wants rows takes a full one, reads it and gives it
 * back. Nobody waits for anybody but for a batch, and what is taken is one's own: there are no locks.
 */
#ifndef VECGRAPH_QUEUE_H
#define VECGRAPH_QUEUE_H

#include "am/vecgraph.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/itemptr.h"

/* Heap TIDs of twins of a batch's last row. */
#define VECGRAPH_MORE_TIDS 512

/* A batch has so many rows at most. */
#define VECGRAPH_BATCH_ROWS 64

/* The part of the memory of a build that a queue is to take at most. */
#define VECGRAPH_QUEUE_SHARE 8

typedef enum VecGraphBatchState
{
	VECGRAPH_BATCH_EMPTY,
	VECGRAPH_BATCH_FULL,
	VECGRAPH_BATCH_TAKEN		/* of who took it */
} VecGraphBatchState;

typedef struct VecGraphBatch
{
	pg_atomic_uint32 state;		/* VecGraphBatchState */
	uint32		turn;			/* of a full one: the lowest is taken first */
	uint32		row_count;
	uint32		more_count;
	ItemPointerData more[VECGRAPH_MORE_TIDS];	/* heap TIDs of twins of the last row */
	uint32		starts[VECGRAPH_BATCH_ROWS + 1];	/* of the rows, and where the next one would be: bytes behind this */
	/* VecGraphFlatRows follow, each as long as it is */
} VecGraphBatch;

typedef struct VecGraphQueue
{
	bool		shared;			/* there is more than one participant */
	uint32		batch_count;
	VxSpace		space;
	uint32		filter_count;
	Size		batch_room;		/* for rows in a batch: at least for the largest that there can be */
	Size		batch_bytes;
	pg_atomic_uint32 turns;		/* full batches so far */
	pg_atomic_uint32 closed;	/* participants that give no more full ones */
	ConditionVariable filled;	/* a batch was */
	ConditionVariable emptied;	/* a batch was */
	char		batches[FLEXIBLE_ARRAY_MEMBER];
} VecGraphQueue;

/* Fills in the dimensions of a queue for so many participants in a build that may use limit bytes; returns its bytes. */
extern Size vecgraph_queue_size(const VxSpace *space, uint32 filter_count, Size limit, int participants, VecGraphQueue *sized);

/* Makes an empty queue in memory of that size. */
extern void vecgraph_queue_init(VecGraphQueue *queue, const VecGraphQueue *sized);

/* Takes a batch that is in a state, or returns NULL if there is none; an empty one has no rows, a full one waited longest. */
extern VecGraphBatch *vecgraph_queue_take(VecGraphQueue *queue, VecGraphBatchState state);

/* Takes that very batch; false if it is not in that state. */
extern bool vecgraph_queue_take_this(VecGraphBatch *batch, VecGraphBatchState state);

/* Gives a taken batch away: full of rows, or empty. Wakes who waits for that. */
extern void vecgraph_queue_give(VecGraphQueue *queue, VecGraphBatch *batch, VecGraphBatchState state);

/* Takes an empty batch; waits until there is one. */
extern VecGraphBatch *vecgraph_queue_wait_empty(VecGraphQueue *queue);

/* Takes a full batch; waits until there is one, or so many participants have closed the queue and all are taken: then NULL. */
extern VecGraphBatch *vecgraph_queue_wait_full(VecGraphQueue *queue, uint32 givers);

/* Waits until a batch, which others have, is empty. */
extern void vecgraph_queue_wait_for(VecGraphQueue *queue, VecGraphBatch *batch);

/* Who calls this gives no more full batches. */
extern void vecgraph_queue_close(VecGraphQueue *queue);

/* Adds a row to a batch; false if it has no room for that. An empty one has room for any. */
extern bool vecgraph_queue_add(VecGraphQueue *queue, VecGraphBatch *batch, const VecGraphRow *row);

static inline VecGraphFlatRow *
vecgraph_queue_row(VecGraphBatch *batch, uint32 i)
{
	return (VecGraphFlatRow *) ((char *) batch + MAXALIGN(sizeof(VecGraphBatch)) + batch->starts[i]);
}

#endif							/* VECGRAPH_QUEUE_H */
