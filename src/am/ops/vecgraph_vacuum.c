/*
 * vecgraph_vacuum.c: removing dead rows and leading the graph around the nodes that they leave empty.
 *
 *   pass 1   sequential: dead heap TIDs are removed; a node that has none left becomes deleted, still a stepping stone
 *   barrier  inserts under way are waited out
 *   chains   slots of heap TIDs that became empty, or never got into a chain, are taken out and become deleted, and so do nodes
 *            that have lost their last heap TIDs with them; if there were any, a second barrier
 *   pass 2   sequential: live nodes that point to deleted ones get the nearest live neighbours of those instead; live nodes
 *            that nobody leads to (a crash between two records of an insert) are linked again; where a node changes too fast to
 *            be repaired, it and the deleted nodes that it points to are left for the next vacuum
 *   entries  entry nodes that are deleted are replaced
 *   pass 3   deleted slots, to which nothing leads now, become free
 *
 * Pass 3 frees a slot only if it was deleted at the last barrier (the set dead). No edge and no chain leads there then, nor does
 * an insert hold its id:
 *
 *   - Only VACUUM frees slots, one VACUUM of a table at a time; a deleted node is never made live again.
 *   - An insert that could have seen the slot before it was deleted began before the last barrier, and has ended at it. Pass 2
 *     comes by the edges that it wrote. That is why nothing that is deleted after a barrier may be freed without another one, and
 *     why a chain's slot may: an insert that was to put a heap TID there has done so, or has found it deleted.
 *   - An insert that begins later chooses new edges among nodes that it has read as live. When it prunes the edges of others it
 *     can keep an edge to a deleted node, but writes only what has not changed since it was read: not a node that pass 2 has
 *     repaired meanwhile.
 *   - Deleted nodes that are left for the next vacuum lose their edges to those that are freed, so that it finds nothing else there.
 *   - The chains barrier is also what makes an orphan one: the slot was there in pass 1, so the insert that took it has put it
 *     into the chain of its owner by the time when that is walked, or never will.
 *
 * Scans hold ids for as long as they like; see README.
 *
 * A vacuum that is interrupted leaves deleted nodes behind, too; the next one finds them in pass 1 and goes on with them.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/table.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "core/vx_visited.h"
#include "pg/vecidx_fault.h"

/* A slot of heap TIDs that pass 1 met. */
typedef struct TidSlotSeen
{
	VxNodeId	owner;
	VxNodeId	slot;
} TidSlotSeen;

typedef struct VecGraphVacuum
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	VecGraphStore store;
	VxLinker	linker;
	MemoryContext context;
	BlockNumber blocks;			/* as far as pass 1 got */

	VxVisited	dead;			/* deleted slots, which this vacuum will free */
	uint32		dead_count;
	VxVisited	spared;			/* those of them that it will not */
	VxVisited	live;			/* live nodes met in pass 2 */
	VxVisited	linked;			/* nodes that a live node points to */

	TidSlotSeen *tid_slots;
	uint32		tid_slot_count;
	uint32		tid_slot_capacity;
} VecGraphVacuum;

static bool
is_dead(void *context, VxNodeId id)
{
	return vx_visited_has(&((VecGraphVacuum *) context)->dead, id);
}

static bool
is_to_be_freed(void *context, VxNodeId id)
{
	return is_dead(context, id) && !vx_visited_has(&((VecGraphVacuum *) context)->spared, id);
}

static void
mark_dead(VecGraphVacuum *vacuum, VxNodeId id)
{
	if (vx_visited_add(&vacuum->dead, id))
		vacuum->dead_count++;
}

static bool
tid_is_dead(VecGraphVacuum *vacuum, const VxHeapTid *tid)
{
	ItemPointerData item;

	vecgraph_tid_get(tid, &item);
	return vacuum->callback(&item, vacuum->callback_state);
}

/* Removes the dead ones of n TIDs by moving the others up; returns how many stay. write false only counts. */
static int
sweep_tids(VecGraphVacuum *vacuum, VxHeapTid *tids, int n, bool write)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if (!tid_is_dead(vacuum, &tids[i]))
		{
			if (write)
				tids[kept] = tids[i];
			kept++;
		}
	return kept;
}

/* Whether a page has dead TIDs; called with a share lock. */
static bool
page_has_dead_tids(VecGraphVacuum *vacuum, Page page)
{
	const VxGeometry *g = &vacuum->store.index.geometry;

	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		VxTidSlot  *more = (VxTidSlot *) slot;

		if (slot->state == VX_SLOT_LIVE
			&& sweep_tids(vacuum, slot->tids, slot->tid_count, false) < slot->tid_count)
			return true;
		if (slot->state == VX_SLOT_TIDS && sweep_tids(vacuum, more->tids, more->tid_count, false) < more->tid_count)
			return true;
	}
	return false;
}

/* Removes dead TIDs from a page image. */
static void
remove_dead_tids(VecGraphVacuum *vacuum, Page page)
{
	const VxGeometry *g = &vacuum->store.index.geometry;

	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);

		if (slot->state == VX_SLOT_LIVE)
		{
			int			kept = sweep_tids(vacuum, slot->tids, slot->tid_count, true);

			if (kept == slot->tid_count)
				continue;
			vacuum->stats->tuples_removed += slot->tid_count - kept;
			memset(slot->tids + kept, 0, (VX_INLINE_TIDS - kept) * sizeof(VxHeapTid));
			slot->tid_count = kept;
			slot->version++;
			if (kept == 0 && slot->chain == VX_NO_NODE)
				slot->state = VX_SLOT_DELETED;
		}
		else if (slot->state == VX_SLOT_TIDS)
		{
			VxTidSlot  *more = (VxTidSlot *) slot;
			int			kept = sweep_tids(vacuum, more->tids, more->tid_count, true);

			if (kept == more->tid_count)
				continue;
			vacuum->stats->tuples_removed += more->tid_count - kept;
			more->tid_count = kept;
			more->version++;
		}
	}
}

static void
remember_tid_slot(VecGraphVacuum *vacuum, VxNodeId owner, VxNodeId slot)
{
	if (vacuum->tid_slot_count == vacuum->tid_slot_capacity)
	{
		vacuum->tid_slot_capacity = vx_grown(vacuum->tid_slot_capacity, 256);
		vacuum->tid_slots = vx_resize_array(&vacuum->store.index.mem, vacuum->tid_slots, vacuum->tid_slot_capacity, sizeof(TidSlotSeen));
	}
	vacuum->tid_slots[vacuum->tid_slot_count++] = (TidSlotSeen)
	{
		.owner = owner,.slot = slot
	};
}

/* Notes what is on a page after its dead TIDs are gone; called with a lock. */
static void
take_stock(VecGraphVacuum *vacuum, BlockNumber block, Page page)
{
	const VxGeometry *g = &vacuum->store.index.geometry;
	VxNodeId	first = vx_block_first_id(g, block);

	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);

		if (slot->state == VX_SLOT_DELETED)
			mark_dead(vacuum, first + i);
		else if (slot->state == VX_SLOT_LIVE)
			vacuum->stats->num_index_tuples += slot->tid_count;
		else if (slot->state == VX_SLOT_TIDS)
		{
			vacuum->stats->num_index_tuples += ((VxTidSlot *) slot)->tid_count;
			remember_tid_slot(vacuum, ((VxTidSlot *) slot)->owner, first + i);
		}
	}
}

/* Reads and locks a node page for one of the passes; false for other pages and last ones that were never filled. */
static bool
lock_page(VecGraphVacuum *vacuum, BlockNumber block, int mode, Buffer *buffer)
{
	VecGraphStore *store = &vacuum->store;
	const VxGeometry *g = &store->index.geometry;

	vecidx_vacuum_delay_point();
	if (!vx_block_has_nodes(g, block))
		return false;
	*buffer = ReadBufferExtended(store->index.relation, MAIN_FORKNUM, block, RBM_NORMAL, store->index.strategy);
	LockBuffer(*buffer, mode);
	if (vecgraph_is_unfilled(store->index.relation, *buffer))
	{
		UnlockReleaseBuffer(*buffer);
		return false;
	}
	vecgraph_check_node_page(store->index.relation, *buffer, g);
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		const char *wrong = vx_slot_check(g, vx_slot(g, vecgraph_page_body(BufferGetPage(*buffer)), i), VX_NO_NODE, false);

		if (wrong != NULL)
			vecgraph_corrupted(store->index.relation, block, i, wrong);
	}
	return true;
}

static void
pass1_page(VecGraphVacuum *vacuum, BlockNumber block)
{
	Buffer		buffer;
	Page		page;

	if (!lock_page(vacuum, block, BUFFER_LOCK_SHARE, &buffer))
		return;
	page = BufferGetPage(buffer);
	if (page_has_dead_tids(vacuum, page))
	{
		GenericXLogState *xlog;

		/* between the locks TIDs may be added, but only this vacuum removes any */
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		xlog = GenericXLogStart(vacuum->store.index.relation);
		remove_dead_tids(vacuum, GenericXLogRegisterBuffer(xlog, buffer, 0));
		GenericXLogFinish(xlog);
	}
	take_stock(vacuum, block, page);
	UnlockReleaseBuffer(buffer);
}

static void
pass1(VecGraphVacuum *vacuum)
{
	BlockNumber block = vacuum->store.index.geometry.first_segment;

	/* pages that are added meanwhile count, too: validation of a concurrent build wants every TID */
	for (;;)
	{
		vacuum->blocks = RelationGetNumberOfBlocks(vacuum->store.index.relation);
		if (block >= vacuum->blocks)
			break;
		for (; block < vacuum->blocks; block++)
			pass1_page(vacuum, block);
	}
}

/* ---- chains ---- */

/* Next link of a node or slot, with its state as it is now. */
static VxNodeId
read_chain(VecGraphVacuum *vacuum, VxNodeId id, VxSlotState *state, bool *empty)
{
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(&vacuum->store.index, id, BUFFER_LOCK_SHARE, &buffer);
	VxNodeId	next = slot->state == VX_SLOT_FREE || slot->state == VX_SLOT_DELETED ? VX_NO_NODE : slot->chain;

	*state = slot->state;
	*empty = slot->state == VX_SLOT_TIDS && ((VxTidSlot *) slot)->tid_count == 0;
	UnlockReleaseBuffer(buffer);
	return next;
}

/*
 * Takes an empty slot out of a chain: previous gets its link, and the slot becomes deleted, in one record. Pages are locked
 * in block order. Returns false if the slot is not empty, or previous does not lead to it, any more.
 */
static bool
unlink_tid_slot(VecGraphVacuum *vacuum, VxNodeId previous, VxNodeId victim)
{
	VecGraphStore *store = &vacuum->store;
	const VxGeometry *g = &store->index.geometry;
	BlockNumber block_a = vx_id_block(g, Min(previous, victim));
	BlockNumber block_b = vx_id_block(g, Max(previous, victim));
	Buffer		a = ReadBuffer(store->index.relation, block_a);
	Buffer		b = block_a == block_b ? InvalidBuffer : ReadBuffer(store->index.relation, block_b);
	GenericXLogState *xlog = GenericXLogStart(store->index.relation);
	Page		page_a;
	Page		page_b;
	VxSlot	   *from;
	VxTidSlot  *gone;
	bool		done;

	LockBuffer(a, BUFFER_LOCK_EXCLUSIVE);
	if (b != InvalidBuffer)
		LockBuffer(b, BUFFER_LOCK_EXCLUSIVE);
	page_a = GenericXLogRegisterBuffer(xlog, a, 0);
	page_b = b == InvalidBuffer ? page_a : GenericXLogRegisterBuffer(xlog, b, 0);
	from = vx_slot(g, vecgraph_page_body(previous < victim ? page_a : page_b), vx_id_slot(g, previous));
	gone = (VxTidSlot *) vx_slot(g, vecgraph_page_body(previous < victim ? page_b : page_a), vx_id_slot(g, victim));

	done = from->chain == victim && gone->state == VX_SLOT_TIDS && gone->tid_count == 0;
	if (done)
	{
		from->chain = gone->chain;
		from->version++;
		if (from->state == VX_SLOT_LIVE && from->tid_count == 0 && from->chain == VX_NO_NODE)
			from->state = VX_SLOT_DELETED;
		if (from->state == VX_SLOT_DELETED)
			mark_dead(vacuum, previous);
		vx_slot_clear(g, (VxSlot *) gone);
		((VxSlot *) gone)->state = VX_SLOT_DELETED;
		mark_dead(vacuum, victim);
		GenericXLogFinish(xlog);
	}
	else
		GenericXLogAbort(xlog);
	if (b != InvalidBuffer)
		UnlockReleaseBuffer(b);
	UnlockReleaseBuffer(a);
	return done;
}

/* Turns a slot of TIDs that is in no chain into a deleted one: an insert that failed left it. */
static void
drop_orphan(VecGraphVacuum *vacuum, VxNodeId id, VxNodeId owner)
{
	VecGraphStore *store = &vacuum->store;
	const VxGeometry *g = &store->index.geometry;
	Buffer		buffer;
	VxTidSlot  *slot = (VxTidSlot *) vecgraph_lock_slot(&store->index, id, BUFFER_LOCK_EXCLUSIVE, &buffer);

	if (slot->state == VX_SLOT_TIDS && slot->owner == owner)
	{
		GenericXLogState *xlog = GenericXLogStart(store->index.relation);
		VxSlot	   *orphan = vx_slot(g, vecgraph_page_body(GenericXLogRegisterBuffer(xlog, buffer, 0)), vx_id_slot(g, id));

		vx_slot_clear(g, orphan);
		orphan->state = VX_SLOT_DELETED;
		GenericXLogFinish(xlog);
		mark_dead(vacuum, id);
	}
	UnlockReleaseBuffer(buffer);
}

static int
compare_tid_slots(const void *left, const void *right)
{
	const TidSlotSeen *a = left;
	const TidSlotSeen *b = right;

	if (a->owner != b->owner)
		return a->owner < b->owner ? -1 : 1;
	return a->slot < b->slot ? -1 : a->slot > b->slot;
}

/* Walks the chain of a node, takes out what is empty, and adds the slots it has to in_chain. */
static void
trim_chain(VecGraphVacuum *vacuum, VxNodeId owner, VxVisited *in_chain)
{
	VxNodeId	previous = owner;
	VxSlotState state;
	bool		empty;
	VxNodeId	next = read_chain(vacuum, owner, &state, &empty);

	if (state != VX_SLOT_LIVE)
		return;
	while (next != VX_NO_NODE)
	{
		VxNodeId	here = next;

		vecidx_vacuum_delay_point();
		next = read_chain(vacuum, here, &state, &empty);
		if (state != VX_SLOT_TIDS || !vx_visited_add(in_chain, here))
			vecgraph_slot_corrupted(&vacuum->store.index, here, "a chain of heap TIDs is broken");
		if (!empty)
			previous = here;
		else if (!unlink_tid_slot(vacuum, previous, here))
		{
			/* an insert got in between, at the head or into this slot: what is left is for the next vacuum */
			previous = here;
		}
	}
}

/* Takes what is empty or lost out of all chains; returns whether that made any slot deleted. */
static bool
trim_chains(VecGraphVacuum *vacuum)
{
	uint32		dead_before = vacuum->dead_count;
	VxVisited	in_chain;

	qsort(vacuum->tid_slots, vacuum->tid_slot_count, sizeof(TidSlotSeen), compare_tid_slots);
	vx_visited_init(&in_chain, &vacuum->store.index.mem);
	for (uint32 i = 0; i < vacuum->tid_slot_count; i++)
		if (i == 0 || vacuum->tid_slots[i].owner != vacuum->tid_slots[i - 1].owner)
			trim_chain(vacuum, vacuum->tid_slots[i].owner, &in_chain);
	for (uint32 i = 0; i < vacuum->tid_slot_count; i++)
		if (!vx_visited_has(&in_chain, vacuum->tid_slots[i].slot))
			drop_orphan(vacuum, vacuum->tid_slots[i].slot, vacuum->tid_slots[i].owner);
	vx_visited_free(&in_chain);
	return vacuum->dead_count > dead_before;
}

/* ---- pass 2 ---- */

/* Notes the live nodes of a page and what they point to, and collects those that point to dead ones into ids. */
static uint32
survey_page(VecGraphVacuum *vacuum, BlockNumber block, Page page, VxNodeId *ids)
{
	const VxGeometry *g = &vacuum->store.index.geometry;
	VxNodeId	first = vx_block_first_id(g, block);
	uint32		n = 0;

	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		bool		to_repair = false;

		if (slot->state != VX_SLOT_LIVE)
			continue;
		vx_visited_add(&vacuum->live, first + i);
		for (int j = 0; j < slot->degree; j++)
		{
			vx_visited_add(&vacuum->linked, slot->edges[j]);
			to_repair |= is_dead(vacuum, slot->edges[j]);
		}
		if (to_repair)
			ids[n++] = first + i;
	}
	return n;
}

/* Takes the edges to dead nodes out of one that is dead, too, but stays. Nobody else changes its edges. */
static void
cut_dead_edges(VecGraphVacuum *vacuum, VxNodeId id)
{
	VxStore    *store = &vacuum->store.base;
	VxEdges		edges;
	uint32		kept = 0;

	if (store->ops->read_edges(store, id, NULL, &edges) != VX_OK)
		return;
	for (uint32 i = 0; i < edges.count; i++)
		if (!is_dead(vacuum, edges.ids[i]))
			edges.ids[kept++] = edges.ids[i];
	if (kept < edges.count)
		store->ops->replace_edges(store, id, edges.version, edges.ids, kept);
}

/* Leaves the dead nodes that a live one points to for the next vacuum. */
static void
spare_neighbours(VecGraphVacuum *vacuum, VxNodeId id)
{
	VxStore    *store = &vacuum->store.base;
	VxEdges		edges;

	if (store->ops->read_edges(store, id, NULL, &edges) != VX_OK)
		return;
	for (uint32 i = 0; i < edges.count; i++)
		if (is_dead(vacuum, edges.ids[i]) && vx_visited_add(&vacuum->spared, edges.ids[i]))
			cut_dead_edges(vacuum, edges.ids[i]);
}

static void
repair_node(VecGraphVacuum *vacuum, VxNodeId id)
{
	VecGraphStore *store = &vacuum->store;
	VxStatus	status = VX_CONFLICT;
	uint32		remaining;

	if (!VECIDX_FAULT_REFUSES("vacuum-repair"))
		status = vx_link_repair(&vacuum->linker, &store->base, id, is_dead, vacuum, &remaining);
	/* a node to which many are being linked may change faster than it can be repaired */
	if (status == VX_CONFLICT)
		spare_neighbours(vacuum, id);
	else if (status == VX_OK && remaining == 0)
		vecgraph_relink(store, &vacuum->linker, id);
}

static void
pass2(VecGraphVacuum *vacuum)
{
	VecGraphStore *store = &vacuum->store;
	BlockNumber blocks = RelationGetNumberOfBlocks(store->index.relation);
	VxNodeId   *ids = palloc(store->index.geometry.nodes_per_page * sizeof(VxNodeId));

	for (BlockNumber block = store->index.geometry.first_segment; block < blocks; block++)
	{
		Buffer		buffer;
		uint32		n;

		if (!lock_page(vacuum, block, BUFFER_LOCK_SHARE, &buffer))
			continue;
		n = survey_page(vacuum, block, BufferGetPage(buffer), ids);
		UnlockReleaseBuffer(buffer);
		for (uint32 i = 0; i < n; i++)
			repair_node(vacuum, ids[i]);
	}
	pfree(ids);
}

/* Links live nodes that nobody led to when pass 2 came by. */
static void
relink_lost(VecGraphVacuum *vacuum)
{
	VecGraphStore *store = &vacuum->store;
	uint32		bound = vx_id_bound(&store->index.geometry, RelationGetNumberOfBlocks(store->index.relation));

	for (uint32 i = 0; i < store->index.meta.entry_count; i++)
		vx_visited_add(&vacuum->linked, store->index.meta.entries[i]);
	for (VxNodeId id = 0; id < bound; id++)
		if (vx_visited_has(&vacuum->live, id) && !vx_visited_has(&vacuum->linked, id))
		{
			vecidx_vacuum_delay_point();
			vecgraph_relink(store, &vacuum->linker, id);
		}
}

/* ---- entries ---- */

static bool
is_live(VecGraphVacuum *vacuum, VxNodeId id)
{
	VxEdges		edges;

	return !is_dead(vacuum, id)
		&& vacuum->store.base.ops->read_edges(&vacuum->store.base, id, NULL, &edges) == VX_OK && edges.live;
}

/* A live node to stand in for a deleted entry: the nearest of its neighbours, or VX_NO_NODE. */
static VxNodeId
heir_of(VecGraphVacuum *vacuum, VxNodeId id)
{
	VxEdges		edges;

	if (vacuum->store.base.ops->read_edges(&vacuum->store.base, id, NULL, &edges) != VX_OK)
		return VX_NO_NODE;
	for (uint32 i = 0; i < edges.count; i++)
		if (is_live(vacuum, edges.ids[i]))
			return edges.ids[i];
	return VX_NO_NODE;
}

static VxNodeId
any_live_node(VecGraphVacuum *vacuum)
{
	uint32		bound = vx_id_bound(&vacuum->store.index.geometry, vacuum->blocks);

	for (VxNodeId id = 0; id < bound; id++)
		if (vx_visited_has(&vacuum->live, id) && is_live(vacuum, id))
			return id;
	return VX_NO_NODE;
}

static void
replace_entries(VecGraphVacuum *vacuum)
{
	VecGraphStore *store = &vacuum->store;

	for (;;)
	{
		VxNodeId	entries[VX_MAX_ENTRIES] = {0};
		uint32		n = 0;
		bool		changed = false;

		vecgraph_store_refresh(store);
		for (uint32 i = 0; i < store->index.meta.entry_count; i++)
		{
			VxNodeId	id = store->index.meta.entries[i];
			bool		known = false;

			if (!is_live(vacuum, id))
			{
				id = heir_of(vacuum, id);
				changed = true;
			}
			for (uint32 j = 0; j < n; j++)
				known |= entries[j] == id;
			if (id != VX_NO_NODE && !known)
				entries[n++] = id;
		}
		if (n == 0 && (entries[0] = any_live_node(vacuum)) != VX_NO_NODE)
		{
			n = 1;
			changed = true;
		}
		if (!changed)
			return;

		if (vecgraph_set_entries(&store->index, entries, n))
			return;
	}
}

/* ---- pass 3 ---- */

static void
pass3(VecGraphVacuum *vacuum)
{
	VecGraphStore *store = &vacuum->store;
	const VxGeometry *g = &store->index.geometry;

	/* from back to front, so that the list of free pages begins with the first ones */
	for (BlockNumber block = vacuum->blocks; block-- > g->first_segment;)
	{
		bool		any = false;

		if (!vx_block_has_nodes(g, block))
			continue;
		for (uint32 i = 0; i < g->nodes_per_page; i++)
			any |= is_to_be_freed(vacuum, vx_block_first_id(g, block) + i);
		if (!any)
			continue;
		vecidx_vacuum_delay_point();
		vecgraph_free_slots(&store->index, block, is_to_be_freed, vacuum);
	}
}

IndexBulkDeleteResult *
vecgraph_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback,
					void *callback_state)
{
	VecGraphVacuum vacuum = {0};
	MemoryContext old_context;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	/* several calls of one vacuum each see the whole index */
	stats->num_index_tuples = 0;

	vacuum.info = info;
	vacuum.stats = stats;
	vacuum.callback = callback;
	vacuum.callback_state = callback_state;
	vacuum.context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph vacuum", ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(vacuum.context);
	vecgraph_store_open(&vacuum.store, info->index, vacuum.context);
	vacuum.store.index.strategy = info->strategy;
	vacuum.store.vacuuming = true;
	vx_linker_init(&vacuum.linker, &vacuum.store.index.mem);
	vx_visited_init(&vacuum.dead, &vacuum.store.index.mem);
	vx_visited_init(&vacuum.spared, &vacuum.store.index.mem);
	vx_visited_init(&vacuum.live, &vacuum.store.index.mem);
	vx_visited_init(&vacuum.linked, &vacuum.store.index.mem);

	pass1(&vacuum);
	if (vacuum.dead_count > 0 || vacuum.tid_slot_count > 0)
	{
		VECIDX_FAULT_POINT("vacuum-before-barrier");
		vecgraph_wait_for_inserts(info->index);
		VECIDX_FAULT_POINT("vacuum-after-barrier");
		if (vacuum.tid_slot_count > 0 && trim_chains(&vacuum))
			vecgraph_wait_for_inserts(info->index);
	}
	if (vacuum.dead_count > 0)
	{
		VECIDX_FAULT_POINT("vacuum-before-repair");
		pass2(&vacuum);
		replace_entries(&vacuum);
		relink_lost(&vacuum);
		VECIDX_FAULT_POINT("vacuum-before-free");
		pass3(&vacuum);
	}

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(vacuum.context);
	return stats;
}

/* Fits the codes of an index that has grown or drifted. */
static void
fit_if_wanted(IndexVacuumInfo *info, double tuples)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph fit", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Relation	heap = table_open(info->index->rd_index->indrelid, NoLock);
	VecGraphStore store;

	vecgraph_store_open(&store, info->index, context);
	store.index.strategy = info->strategy;
	store.vacuuming = true;
	if (vecgraph_wants_fit(&store, heap, tuples))
		vecgraph_fit(&store, heap, false);
	table_close(heap, NoLock);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

IndexBulkDeleteResult *
vecgraph_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = true;
	}
	fit_if_wanted(info, stats->num_index_tuples);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
