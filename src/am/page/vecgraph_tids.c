/*
 * vecgraph_tids.c: the heap TIDs of a node, inline and in its chain: adding them, walking along a chain, and taking slots out of it.
 *
 * A chain grows at its head, by inserts, and slots are taken out of it by VACUUM alone. Between two steps of a walk no lock is held. So
 * a slot that a walk comes to may have been taken away, and may be in another chain by then: its state and owner tell. Where it
 * has come back to the same chain, all older slots that are left are behind it.
 *
 * Adding a heap TID looks at the node again when it is locked: VACUUM may have deleted it since the search found it, and a deleted node
 * is never made live again. (The barrier keeps its slot from being used again meanwhile; the vector is compared all the same.)
 */
#include "am/page/vecgraph_page.h"

#include "pg/vecidx_fault.h"

/*
 * How often a chain may change while a heap TID is added to it, before it is taken to be broken. Each time another insert or VACUUM was
 * faster; but a chain whose first slot is not the node's own, by damage, would look so for ever.
 */
#define MAX_CHAIN_ATTEMPTS 1000

/*
 * How often a walk may find that the chain has changed. VACUUM passes by a chain once, so more than a few times means that the
 * chain does not hold together.
 */
#define MAX_CHAIN_RESTARTS 64

/* ---- adding ---- */

typedef struct NewTidSlot
{
	VxNodeId	owner;
	VxNodeId	chain;
	ItemPointer heap_tid;
} NewTidSlot;

/*
 * VecGraphFill: a slot with its first heap TID, not in a chain yet. The version, which the caller has raised, stays. It names its owner
 * all the same: if a crash comes before prepend_chain, VACUUM looks for it in the owner's chain, and finds an orphan.
 */
static void
fill_tid_slot(const VecGraphIndex *index, VxSlot *slot, void *context)
{
	const NewTidSlot *new = context;
	VxTidSlot  *tids = vx_slot_init_tids(&index->geometry, slot, slot->version, new->owner, new->chain);

	vecgraph_tid_set(&tids->tids[tids->tid_count++], new->heap_tid);
}

/* What adding a heap TID to a slot came to. */
typedef enum AddStatus
{
	ADD_DONE,
	ADD_GONE,					/* the slot is not what it was */
	ADD_FULL
} AddStatus;

/* Adds the TID inline if there is room; in any case *chain is the newest slot of the chain. No lock on entry or return. */
static AddStatus
add_inline(VecGraphIndex *index, VxNodeId id, const VxPoint *point, ItemPointer heap_tid, VxNodeId *chain)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	AddStatus	status = ADD_DONE;

	*chain = slot->chain;
	if (slot->state != VX_SLOT_LIVE || !vecgraph_slot_has_point(&index->space, &index->geometry, slot, point))
		status = ADD_GONE;
	else if (slot->tid_count == VX_INLINE_TIDS)
		status = ADD_FULL;
	else
	{
		VecGraphDelta delta;

		vecgraph_delta_start(&delta, index);
		/* the head of the slot; the edges behind it, the larger part, need not be copied */
		slot = vecgraph_delta_image(&delta, buffer, slot, offsetof(VxSlot, edges));
		vecgraph_tid_set(&slot->tids[slot->tid_count++], heap_tid);
		slot->version++;
		vecgraph_delta_finish(&delta);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

/*
 * Adds the TID to the newest slot of the node's chain; ADD_GONE if VACUUM has taken it out meanwhile. Older slots are not tried: room that
 * VACUUM has made in them stays, until they are empty and taken out. No lock on entry or return.
 */
static AddStatus
add_to_chain(VecGraphIndex *index, VxNodeId id, VxNodeId chain, ItemPointer heap_tid)
{
	Buffer		buffer;
	VxTidSlot  *slot = (VxTidSlot *) vecgraph_lock_slot(index, chain, BUFFER_LOCK_EXCLUSIVE, &buffer);
	AddStatus	status = ADD_DONE;

	if (slot->state != VX_SLOT_TIDS || slot->owner != id)
		status = ADD_GONE;
	else if (slot->tid_count == index->geometry.tids_per_slot)
		status = ADD_FULL;
	else
	{
		VecGraphDelta delta;
		VxTidSlot  *head;
		VxHeapTid  *tid;

		vecgraph_delta_start(&delta, index);
		head = vecgraph_delta_image(&delta, buffer, slot, offsetof(VxTidSlot, tids));
		tid = vecgraph_delta_image(&delta, buffer, &slot->tids[slot->tid_count], sizeof(VxHeapTid));
		vecgraph_tid_set(tid, heap_tid);
		head->tid_count++;
		head->version++;
		vecgraph_delta_finish(&delta);
	}
	UnlockReleaseBuffer(buffer);
	return status;
}

/*
 * Puts a slot with more TIDs, already written, in front of the node's chain, if that is still seen_chain and the node still
 * this vector.
 */
static bool
prepend_chain(VecGraphIndex *index, VxNodeId id, const VxPoint *point, VxNodeId seen_chain, VxNodeId new_slot)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	bool		done = slot->state == VX_SLOT_LIVE && slot->chain == seen_chain;

	done = done && vecgraph_slot_has_point(&index->space, &index->geometry, slot, point);
	if (done)
	{
		VecGraphDelta delta;

		vecgraph_delta_start(&delta, index);
		slot = vecgraph_delta_image(&delta, buffer, slot, offsetof(VxSlot, edges));
		slot->chain = new_slot;
		slot->version++;
		vecgraph_delta_finish(&delta);
	}
	UnlockReleaseBuffer(buffer);
	return done;
}

bool
vecgraph_add_tid(VecGraphIndex *index, VxNodeId id, const VxPoint *point, ItemPointer heap_tid)
{
	for (int attempt = 0; attempt < MAX_CHAIN_ATTEMPTS; attempt++)
	{
		VxNodeId	chain;
		NewTidSlot	new;
		VxNodeId	new_slot;
		AddStatus	status = add_inline(index, id, point, heap_tid, &chain);

		if (status != ADD_FULL)
			return status == ADD_DONE;

		if (chain != VX_NO_NODE)
		{
			status = add_to_chain(index, id, chain, heap_tid);
			if (status == ADD_DONE)
				return true;
			if (status == ADD_GONE)
				continue;		/* VACUUM took the slot away: look at the node again */
		}

		new = (NewTidSlot)
		{
			.owner = id,.chain = chain,.heap_tid = heap_tid
		};

		/*
		 * written before anything leads to it, and with no lock held: taking a slot may lock the meta page, which comes before
		 * nodes
		 */
		new_slot = vecgraph_take_slot(index, fill_tid_slot, &new, NULL);
		VECIDX_FAULT_POINT("insert-before-chain");
		if (prepend_chain(index, id, point, chain, new_slot))
			return true;
		/* another insert was faster, or VACUUM has changed the chain: the slot is in none, and nobody will look for it */
		(void) vecgraph_drop_tid_slot(index, new_slot, id);
	}
	vecgraph_slot_corrupted(index, id, "a chain of heap TIDs is broken");
}

/* ---- walking ---- */

VecGraphChain
vecgraph_chain_of(VecGraphIndex *index, VxNodeId node)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(index, node, BUFFER_LOCK_SHARE, &buffer);
	VecGraphChain chain = vecgraph_chain_from(node, slot->state == VX_SLOT_LIVE ? slot->chain : VX_NO_NODE);

	UnlockReleaseBuffer(buffer);
	return chain;
}

VxTidSlot *
vecgraph_chain_lock_next(VecGraphIndex *index, VecGraphChain *chain, Buffer *buffer)
{
	VxTidSlot  *slot = (VxTidSlot *) vecgraph_lock_slot(index, chain->next, BUFFER_LOCK_SHARE, buffer);

	if (slot->state != VX_SLOT_TIDS || slot->owner != chain->node)
		return NULL;
	/* read under the lock under which the caller reads the TIDs: both are of one moment */
	chain->next = slot->chain;
	chain->steps++;
	return slot;
}

bool
vecgraph_chain_restart(VecGraphIndex *index, VecGraphChain *chain, VecGraphPayload *payload)
{
	Buffer		buffer;
	VxSlot	   *slot;

	if (chain->restarts++ == MAX_CHAIN_RESTARTS)
		return false;
	slot = vecgraph_lock_slot(index, chain->node, BUFFER_LOCK_SHARE, &buffer);
	memset(payload, 0, sizeof(*payload));
	payload->chain = VX_NO_NODE;
	if (slot->state == VX_SLOT_LIVE)
		vecgraph_fill_payload(slot, payload);
	UnlockReleaseBuffer(buffer);
	/* what is behind it may have been returned already: that is for the caller to know */
	chain->next = payload->chain;
	chain->steps = 0;
	return true;
}

/* ---- taking out ---- */

bool
vecgraph_drop_tid_slot(VecGraphIndex *index, VxNodeId id, VxNodeId owner)
{
	Buffer		buffer;
	VxTidSlot  *slot = (VxTidSlot *) vecgraph_lock_slot(index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	bool		done = slot->state == VX_SLOT_TIDS && slot->owner == owner;

	if (done)
	{
		VecGraphDelta delta;
		VxSlot	   *dropped;

		vecgraph_delta_start(&delta, index);
		dropped = vecgraph_delta_image(&delta, buffer, slot, index->geometry.record_bytes);
		vx_slot_clear(&index->geometry, dropped);
		/* deleted, not free: only VACUUM frees slots, after a barrier */
		dropped->state = VX_SLOT_DELETED;
		vecgraph_delta_finish(&delta);
	}
	UnlockReleaseBuffer(buffer);
	return done;
}

bool
vecgraph_unlink_tid_slot(VecGraphIndex *index, VxNodeId previous, VxNodeId victim, bool *emptied)
{
	const VxGeometry *g = &index->geometry;
	BlockNumber block_a = vx_id_block(g, Min(previous, victim));
	BlockNumber block_b = vx_id_block(g, Max(previous, victim));
	Buffer		a = ReadBuffer(index->relation, block_a);
	Buffer		b = block_a == block_b ? InvalidBuffer : ReadBuffer(index->relation, block_b);
	GenericXLogState *xlog = GenericXLogStart(index->relation);
	Page		page_a;
	Page		page_b;
	VxSlot	   *from;
	VxTidSlot  *gone;
	bool		done;

	/* a is the lower block, since blocks grow with ids: the only two node pages that are ever locked at once are so in one order */
	LockBuffer(a, BUFFER_LOCK_EXCLUSIVE);
	if (b != InvalidBuffer)
		LockBuffer(b, BUFFER_LOCK_EXCLUSIVE);
	page_a = GenericXLogRegisterBuffer(xlog, a, 0);
	page_b = b == InvalidBuffer ? page_a : GenericXLogRegisterBuffer(xlog, b, 0);
	from = vx_slot(g, vecgraph_page_body(previous < victim ? page_a : page_b), vx_id_slot(g, previous));
	gone = (VxTidSlot *) vx_slot(g, vecgraph_page_body(previous < victim ? page_b : page_a), vx_id_slot(g, victim));

	/* since it was seen empty an insert may have used it, or put another slot in front of it */
	done = from->chain == victim && gone->state == VX_SLOT_TIDS && gone->tid_count == 0;
	if (done)
	{
		/* in a node and in a slot of TIDs the chain is at the same place, so it does not matter which of them leads here */
		from->chain = gone->chain;
		from->version++;
		/* pass 1 has left the node alive for the sake of its chain */
		if (from->state == VX_SLOT_LIVE && from->tid_count == 0 && from->chain == VX_NO_NODE)
			from->state = VX_SLOT_DELETED;
		*emptied = from->state == VX_SLOT_DELETED;
		vx_slot_clear(g, (VxSlot *) gone);
		((VxSlot *) gone)->state = VX_SLOT_DELETED;
		GenericXLogFinish(xlog);
	}
	else
		GenericXLogAbort(xlog);
	if (b != InvalidBuffer)
		UnlockReleaseBuffer(b);
	UnlockReleaseBuffer(a);
	return done;
}
