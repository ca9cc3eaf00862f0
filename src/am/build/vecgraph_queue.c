/*
 * vecgraph_queue.c: rows from some processes of a build to others; see vecgraph_queue.h.
 */
#include "am/build/vecgraph_queue.h"

#include "utils/wait_event.h"

#define BATCH_BYTES (256 * 1024)	/* about, if so many rows are not enough */
#define BATCHES 4				/* for each participant */

static inline VecGraphBatch *
batch_number(VecGraphQueue *queue, uint32 i)
{
	return (VecGraphBatch *) (queue->batches + i * queue->batch_bytes);
}

Size
vecgraph_queue_size(const VxSpace *space, uint32 filter_count, Size limit, int participants, VecGraphQueue *sized)
{
	Size		head = MAXALIGN(sizeof(VecGraphBatch));
	Size		row = MAXALIGN(vecgraph_flat_row_room(space, filter_count));
	Size		most;

	memset(sized, 0, sizeof(*sized));
	sized->shared = participants > 1;
	sized->batch_count = sized->shared ? BATCHES * participants : 1;
	sized->space = *space;
	sized->filter_count = filter_count;
	most = (limit / VECGRAPH_QUEUE_SHARE - offsetof(VecGraphQueue, batches)) / sized->batch_count;
	most = Min(most - Min(most, head), BATCH_BYTES);
	sized->batch_room = Min(Max(most / row, 1), VECGRAPH_BATCH_ROWS) * row;
	sized->batch_bytes = head + sized->batch_room;
	return offsetof(VecGraphQueue, batches) + sized->batch_count * sized->batch_bytes;
}

void
vecgraph_queue_init(VecGraphQueue *queue, const VecGraphQueue *sized)
{
	memcpy(queue, sized, offsetof(VecGraphQueue, batches));
	pg_atomic_init_u32(&queue->turns, 0);
	pg_atomic_init_u32(&queue->closed, 0);
	ConditionVariableInit(&queue->filled);
	ConditionVariableInit(&queue->emptied);
	for (uint32 i = 0; i < queue->batch_count; i++)
	{
		VecGraphBatch *batch = batch_number(queue, i);

		pg_atomic_init_u32(&batch->state, VECGRAPH_BATCH_EMPTY);
		batch->turn = 0;
	}
}

bool
vecgraph_queue_take_this(VecGraphBatch *batch, VecGraphBatchState state)
{
	uint32		expected = state;

	return pg_atomic_compare_exchange_u32(&batch->state, &expected, VECGRAPH_BATCH_TAKEN);
}

/*
 * The batch of that state whose turn it is, NULL if there is none; others may take it meanwhile. Looks at all of them, which are few,
 * without a lock: which is taken, an exchange of its state decides.
 */
static VecGraphBatch *
next_batch(VecGraphQueue *queue, VecGraphBatchState state)
{
	VecGraphBatch *next = NULL;

	for (uint32 i = 0; i < queue->batch_count; i++)
	{
		VecGraphBatch *batch = batch_number(queue, i);

		/* the difference, since turns wrap around */
		if (pg_atomic_read_u32(&batch->state) == state && (next == NULL || (int32) (batch->turn - next->turn) < 0))
			next = batch;
	}
	return next;
}

VecGraphBatch *
vecgraph_queue_take(VecGraphQueue *queue, VecGraphBatchState state)
{
	VecGraphBatch *batch;

	do
	{
		batch = next_batch(queue, state);
	} while (batch != NULL && !vecgraph_queue_take_this(batch, state));
	if (batch != NULL && state == VECGRAPH_BATCH_EMPTY)
		batch->row_count = batch->more_count = batch->starts[0] = 0;
	return batch;
}

void
vecgraph_queue_give(VecGraphQueue *queue, VecGraphBatch *batch, VecGraphBatchState state)
{
	/* full ones are taken in the order in which they were given */
	if (state == VECGRAPH_BATCH_FULL)
		batch->turn = pg_atomic_fetch_add_u32(&queue->turns, 1);
	/* a full barrier: what was read or written here was so before others may look */
	pg_atomic_exchange_u32(&batch->state, state);
	if (!queue->shared)
		return;
	if (state == VECGRAPH_BATCH_FULL)
		ConditionVariableSignal(&queue->filled);
	else
		ConditionVariableBroadcast(&queue->emptied);	/* some wait for a certain one */
}

bool
vecgraph_queue_add(VecGraphQueue *queue, VecGraphBatch *batch, const VecGraphRow *row)
{
	uint32		i = batch->row_count;
	Size		bytes = MAXALIGN(vecgraph_flat_row_bytes(&queue->space, row->point, queue->filter_count));

	if (i == VECGRAPH_BATCH_ROWS || batch->starts[i] + bytes > queue->batch_room)
		return false;
	vecgraph_flatten_row(&queue->space, row, queue->filter_count, vecgraph_queue_row(batch, i));
	batch->starts[i + 1] = batch->starts[i] + (uint32) bytes;
	batch->row_count++;
	return true;
}

/* ---- waiting ---- */

VecGraphBatch *
vecgraph_queue_wait_empty(VecGraphQueue *queue)
{
	VecGraphBatch *batch;

	while ((batch = vecgraph_queue_take(queue, VECGRAPH_BATCH_EMPTY)) == NULL)
		ConditionVariableSleep(&queue->emptied, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	ConditionVariableCancelSleep();
	return batch;
}

VecGraphBatch *
vecgraph_queue_wait_full(VecGraphQueue *queue, uint32 givers)
{
	VecGraphBatch *batch;

	for (;;)
	{
		/* the count first: what was given before is seen then */
		bool		is_closed = pg_atomic_read_u32(&queue->closed) == givers;

		pg_read_barrier();
		batch = vecgraph_queue_take(queue, VECGRAPH_BATCH_FULL);
		if (batch != NULL || is_closed)
			break;
		ConditionVariableSleep(&queue->filled, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
	return batch;
}

void
vecgraph_queue_wait_for(VecGraphQueue *queue, VecGraphBatch *batch)
{
	while (pg_atomic_read_u32(&batch->state) != VECGRAPH_BATCH_EMPTY)
		ConditionVariableSleep(&queue->emptied, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	ConditionVariableCancelSleep();
}

void
vecgraph_queue_close(VecGraphQueue *queue)
{
	/* a full barrier: what was given is seen by who sees this */
	pg_atomic_fetch_add_u32(&queue->closed, 1);
	if (queue->shared)
		ConditionVariableBroadcast(&queue->filled);
}
