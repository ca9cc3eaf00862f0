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
 *   islands  if most nodes had to be repaired, those that cannot be reached any more although others lead to them are attached; it takes
 *            reading every node once, which is little beside that
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
#include "utils/memutils.h"

#include "core/vx_visited.h"
#include "graph/vx_repair.h"
#include "pg/vecidx_fault.h"

/* What is kept of deleted nodes, to lead others around them, is as much of maintenance_work_mem: of 64 MB half a million of them. */
#define HEIRS_SHARE 4

/* A slot of heap TIDs that pass 1 met. */
typedef struct TidSlotSeen
{
	VxNodeId	owner;
	VxNodeId	slot;
} TidSlotSeen;

typedef struct VecGraphVacuum
{
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
	uint32		live_count;
	uint32		repaired_count;
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
tid_is_dead(VecGraphVacuum *vacuum, VxNodeId slot, const VxHeapTid *tid)
{
	ItemPointerData item;

	vecgraph_tid_get(tid, &item);
	if (!ItemPointerIsValid(&item))
		vecgraph_slot_corrupted(&vacuum->store.index, slot, "an invalid heap TID");
	return vacuum->callback(&item, vacuum->callback_state);
}

/* Slots of a page: from first on, before end. */
typedef struct SlotRange
{
	uint32		first;
	uint32		end;
} SlotRange;

/* Whether a slot has a dead TID. */
static bool
has_dead_tid(VecGraphVacuum *vacuum, VxNodeId id, VxSlot *slot)
{
	uint32		count;
	const VxHeapTid *tids = vx_slot_tids(slot, &count);

	for (uint32 i = 0; i < count; i++)
		if (tid_is_dead(vacuum, id, &tids[i]))
			return true;
	return false;
}

/* From the first to the last slot of a page that have dead TIDs; empty if none has, as most. Call with a lock. */
static SlotRange
find_dead_tids(VecGraphVacuum *vacuum, BlockNumber block, Page page)
{
	const VxGeometry *g = &vacuum->store.index.geometry;
	VxNodeId	first = vx_block_first_id(g, block);
	SlotRange	range = {0, 0};

	for (uint32 i = 0; i < g->nodes_per_page; i++)
		if (has_dead_tid(vacuum, first + i, vx_slot(g, vecgraph_page_body(page), i)))
		{
			if (range.end == 0)
				range.first = i;
			range.end = i + 1;
		}
	return range;
}

/* Removes the dead TIDs of the image of a slot by moving the others up; a live node that has none left, and no chain, becomes deleted. It keeps its edges. */
static void
remove_dead_tids(VecGraphVacuum *vacuum, VxNodeId id, VxSlot *slot)
{
	uint32		count;
	VxHeapTid  *tids = vx_slot_tids(slot, &count);
	uint32		kept = 0;

	for (uint32 i = 0; i < count; i++)
		if (!tid_is_dead(vacuum, id, &tids[i]))
			tids[kept++] = tids[i];
	if (kept == count)
		return;
	vacuum->stats->tuples_removed += count - kept;
	/* who has read the node, and is about to write its edges, is to find that it has changed */
	slot->version++;
	if (slot->state == VX_SLOT_TIDS)
	{
		((VxTidSlot *) slot)->tid_count = kept;
		return;
	}
	memset(tids + kept, 0, (VX_INLINE_TIDS - kept) * sizeof(VxHeapTid));
	slot->tid_count = kept;
	if (kept == 0 && slot->chain == VX_NO_NODE)
		slot->state = VX_SLOT_DELETED;
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

/* Notes what is on a page after its dead TIDs are gone: deleted slots, also those of vacuums before, and slots of TIDs. Call with a lock. */
static void
take_stock(VecGraphVacuum *vacuum, BlockNumber block, Page page)
{
	const VxGeometry *g = &vacuum->store.index.geometry;
	VxNodeId	first = vx_block_first_id(g, block);

	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		uint32		count;

		(void) vx_slot_tids(slot, &count);
		vacuum->stats->num_index_tuples += count;
		if (slot->state == VX_SLOT_DELETED)
			mark_dead(vacuum, first + i);
		else if (slot->state == VX_SLOT_TIDS)
			remember_tid_slot(vacuum, ((VxTidSlot *) slot)->owner, first + i);
	}
}

/* One record for all dead TIDs of a page. No lock on entry or return. */
static void
pass1_page(VecGraphVacuum *vacuum, BlockNumber block)
{
	Buffer		buffer;
	Page		page;
	const VxGeometry *g = &vacuum->store.index.geometry;
	SlotRange	range;

	vecidx_vacuum_delay_point();
	if (!vecgraph_lock_nodes(&vacuum->store.index, block, BUFFER_LOCK_SHARE, &buffer))
		return;
	page = BufferGetPage(buffer);
	range = find_dead_tids(vacuum, block, page);
	if (range.end > 0)
	{
		VecGraphDelta delta;
		void	   *slots;

		/*
		 * Between the locks TIDs may be added, which are not dead, but only this vacuum removes any: what was found dead still
		 * is. The server has no upgrade of a content lock, and the pages without dead TIDs, mostly all, need none.
		 */
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		vecgraph_delta_start(&delta, &vacuum->store.index);
		slots = vecgraph_delta_image(&delta, buffer, vx_slot(g, vecgraph_page_body(page), range.first),
									 (range.end - range.first) * g->record_bytes);
		for (uint32 i = range.first; i < range.end; i++)
			remove_dead_tids(vacuum, vx_block_first_id(g, block) + i, vx_slot(g, slots, i - range.first));
		vecgraph_delta_finish(&delta);
	}
	/* under the same lock as the removal, so that the set dead has what was emptied just now, and no insert comes in between */
	take_stock(vacuum, block, page);
	UnlockReleaseBuffer(buffer);
}

static void
pass1(VecGraphVacuum *vacuum)
{
	BlockNumber block = vacuum->store.index.geometry.first_segment;

	/*
	 * Pages that are added meanwhile count, too: validation of a concurrent build wants every TID. Where it ends is where pass 3
	 * begins: what comes later is not dead.
	 */
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

static int
compare_tid_slots(const void *left, const void *right)
{
	const TidSlotSeen *a = left;
	const TidSlotSeen *b = right;

	if (a->owner != b->owner)
		return a->owner < b->owner ? -1 : 1;
	return a->slot < b->slot ? -1 : a->slot > b->slot;
}

/* Takes an empty slot out of a chain, where previous leads to it; false if an insert got in between, at the head or into this slot. */
static bool
unlink_tid_slot(VecGraphVacuum *vacuum, VxNodeId previous, VxNodeId victim)
{
	bool		emptied;

	VECIDX_FAULT_POINT("vacuum-before-unlink");
	if (!vecgraph_unlink_tid_slot(&vacuum->store.index, previous, victim, &emptied))
		return false;
	if (emptied)
		mark_dead(vacuum, previous);
	mark_dead(vacuum, victim);
	return true;
}

/* Walks the chain of a node, takes out what is empty, and adds the slots it has to in_chain. */
static void
trim_chain(VecGraphVacuum *vacuum, VxNodeId owner, VxVisited *in_chain)
{
	VecGraphIndex *index = &vacuum->store.index;
	VecGraphChain chain = vecgraph_chain_of(index, owner);
	VxNodeId	previous = owner;

	while (chain.next != VX_NO_NODE)
	{
		VxNodeId	here = chain.next;
		Buffer		buffer;
		const VxTidSlot *slot;
		bool		empty;

		vecidx_vacuum_delay_point();
		slot = vecgraph_chain_lock_next(index, &chain, &buffer);
		empty = slot != NULL && slot->tid_count == 0;
		UnlockReleaseBuffer(buffer);
		/* others walk on when this happens; but only VACUUM takes slots out of chains, and there is no other: this one is broken */
		if (slot == NULL || !vx_visited_add(in_chain, here))
			vecgraph_slot_corrupted(index, here, "a chain of heap TIDs is broken");
		/* what cannot be taken out now is for the next vacuum */
		if (!empty || !unlink_tid_slot(vacuum, previous, here))
			previous = here;
	}
}

/* Takes what is empty or lost out of all chains; returns whether that made any slot deleted. */
static bool
trim_chains(VecGraphVacuum *vacuum)
{
	uint32		dead_before = vacuum->dead_count;
	VxVisited	in_chain;

	/* by owner, so that each chain is walked once; slots that were taken since pass 1 are for the next vacuum */
	qsort(vacuum->tid_slots, vacuum->tid_slot_count, sizeof(TidSlotSeen), compare_tid_slots);
	vx_visited_init(&in_chain, &vacuum->store.index.mem);
	/* all chains before any slot is dropped: only then it is known of a slot that no chain has it */
	for (uint32 i = 0; i < vacuum->tid_slot_count; i++)
		if (i == 0 || vacuum->tid_slots[i].owner != vacuum->tid_slots[i - 1].owner)
			trim_chain(vacuum, vacuum->tid_slots[i].owner, &in_chain);
	for (uint32 i = 0; i < vacuum->tid_slot_count; i++)
		/* an insert that failed left it */
		if (!vx_visited_has(&in_chain, vacuum->tid_slots[i].slot)
			&& vecgraph_drop_tid_slot(&vacuum->store.index, vacuum->tid_slots[i].slot, vacuum->tid_slots[i].owner))
			mark_dead(vacuum, vacuum->tid_slots[i].slot);
	vx_visited_free(&in_chain);
	return vacuum->dead_count > dead_before;
}

/* ---- pass 2 ---- */

/* A live node that points to dead ones. */
typedef struct ToRepair
{
	VxNodeId	id;
	VxEdges		edges;
} ToRepair;

/* Notes the live nodes of a page and what they point to, and collects those that point to dead ones. Returns how many. */
static uint32
survey_page(VecGraphVacuum *vacuum, BlockNumber block, Page page, ToRepair *out)
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
		vacuum->live_count += vx_visited_add(&vacuum->live, first + i);
		for (int j = 0; j < slot->degree; j++)
		{
			vx_visited_add(&vacuum->linked, slot->edges[j]);
			to_repair |= is_dead(vacuum, slot->edges[j]);
		}
		if (!to_repair)
			continue;
		out[n].id = first + i;
		out[n].edges.version = slot->version;
		out[n].edges.count = slot->degree;
		memcpy(out[n++].edges.ids, slot->edges, slot->degree * sizeof(VxNodeId));
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

/*
 * Leaves the dead nodes that a live one points to for the next vacuum. Read when repairing has been given up: what it does not point to
 * by now it will not point to again, as new edges lead to live nodes.
 */
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

/* Notes what a node leads to since it was repaired: the next in a line was led to by a dead node alone. */
static void
note_linked(VecGraphVacuum *vacuum, const VxNodeId *ids, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
		vx_visited_add(&vacuum->linked, ids[i]);
}

/* Leads one live node around dead neighbours that others were changing when its page was written. */
static VxStatus
repair_node(VecGraphVacuum *vacuum, VxRepairer *repairer, VecGraphNewEdges *node)
{
	node->status = VX_CONFLICT;
	if (!VECIDX_FAULT_REFUSES("vacuum-repair"))
		node->status = vx_repair(repairer, node->id, &node->count);

	/*
	 * A node to which many are being linked may change faster than it can be repaired. Its edges stay, so what they lead to must
	 * not be freed.
	 */
	if (node->status == VX_CONFLICT)
		spare_neighbours(vacuum, node->id);
	else if (node->status == VX_OK)
		memcpy(node->ids, repairer->chosen, node->count * sizeof(VxNodeId));
	return node->status;
}

/*
 * Leads the live nodes of a page around dead neighbours: chooses for all, without a lock, and writes them at once; new: room for as many. No
 * lock on entry or return; others may change the nodes meanwhile.
 */
static void
repair_page(VecGraphVacuum *vacuum, VxRepairer *repairer, const ToRepair *nodes, uint32 n, VecGraphNewEdges *new)
{
	VecGraphStore *store = &vacuum->store;

	for (uint32 i = 0; i < n; i++)
	{
		new[i].id = nodes[i].id;
		new[i].seen_version = nodes[i].edges.version;
		new[i].status = VX_CONFLICT;
		new[i].count = vx_repair_choose(repairer, nodes[i].id, &nodes[i].edges, new[i].ids);
	}
	VECIDX_FAULT_POINT("vacuum-repair-chosen");
	if (!VECIDX_FAULT_REFUSES("vacuum-repair"))
		vecgraph_replace_edges(store, new, n);
	for (uint32 i = 0; i < n; i++)
	{
		if (new[i].status == VX_CONFLICT)
			(void) repair_node(vacuum, repairer, &new[i]);
		if (new[i].status != VX_OK)
			continue;
		if (new[i].count == 0)
			vecgraph_relink(store, &vacuum->linker, new[i].id);
		else
			note_linked(vacuum, new[i].ids, new[i].count);
	}
	vacuum->repaired_count += n;
}

static void
pass2(VecGraphVacuum *vacuum)
{
	VecGraphStore *store = &vacuum->store;

	/* those that were added since pass 1, too: inserts that ended at the barrier may have led their nodes to dead ones */
	BlockNumber blocks = RelationGetNumberOfBlocks(store->index.relation);
	ToRepair   *nodes = palloc(store->index.geometry.nodes_per_page * sizeof(ToRepair));
	VecGraphNewEdges *new = palloc(store->index.geometry.nodes_per_page * sizeof(VecGraphNewEdges));
	VxRepairer	repairer;

	vx_repairer_init(&repairer, &store->index.mem, &store->base, is_dead, vacuum, vacuum->dead_count,
					 (size_t) maintenance_work_mem * 1024 / HEIRS_SHARE);
	for (BlockNumber block = store->index.geometry.first_segment; block < blocks; block++)
	{
		Buffer		buffer;
		uint32		n;

		vecidx_vacuum_delay_point();
		if (!vecgraph_lock_nodes(&store->index, block, BUFFER_LOCK_SHARE, &buffer))
			continue;
		n = survey_page(vacuum, block, BufferGetPage(buffer), nodes);
		UnlockReleaseBuffer(buffer);
		/* without the page's lock: repairing reads other pages, and two node pages are never locked at once for it */
		if (n > 0)
			repair_page(vacuum, &repairer, nodes, n, new);
	}
	vx_repairer_free(&repairer);
	pfree(new);
	pfree(nodes);
}

/*
 * Links live nodes that nobody led to when pass 2 came by: those that a crash or an error left without back-links, and those that pruning
 * has cut off. A node that is being inserted just now may be among them: it is linked by both, which does no harm.
 */
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
	/* edges are nearest first, but for late additions */
	for (uint32 i = 0; i < edges.count; i++)
		if (is_live(vacuum, edges.ids[i]))
			return edges.ids[i];
	return VX_NO_NODE;
}

/* A live node that pass 2 met, VX_NO_NODE if the index is empty. Walks through all ids: it is wanted when all entries are gone at once. */
static VxNodeId
any_live_node(VecGraphVacuum *vacuum)
{
	uint32		bound = vx_id_bound(&vacuum->store.index.geometry, vacuum->blocks);

	for (VxNodeId id = 0; id < bound; id++)
		if (vx_visited_has(&vacuum->live, id) && is_live(vacuum, id))
			return id;
	return VX_NO_NODE;
}

/*
 * Gives the index entries that are live. Starts over if an insert has written entries meanwhile. Comes before relinking, which
 * searches from them.
 */
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

		/*
		 * false: an insert has written entries since the refresh; to overwrite those would cut off the node that it made an
		 * entry
		 */
		if (vecgraph_set_entries(&store->index, entries, n))
			return;
	}
}

/* ---- pass 3 ---- */

/*
 * Clears the signatures of what will be freed on a page, so that scans need not read it to find nothing there. Before it is free:
 * afterwards the slot may be another node's at any time.
 */
static void
clear_signatures(VecGraphVacuum *vacuum, BlockNumber block)
{
	VecGraphIndex *index = &vacuum->store.index;
	const VxGeometry *g = &index->geometry;
	VxNodeId	first = vx_block_first_id(g, block);
	VecGraphDigests none = {0};
	VxNodeId   *ids;
	uint32		count = 0;

	if (g->filter_count == 0)
		return;
	ids = palloc(g->nodes_per_page * sizeof(VxNodeId));
	none.signatures = palloc0((Size) g->nodes_per_page * g->filter_count * sizeof(uint64));
	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		if (!is_to_be_freed(vacuum, first + i))
			continue;
		if (count > 0 && vx_code_block(g, ids[0]) != vx_code_block(g, first + i))
		{
			vecgraph_write_digests(index, ids, &none, count);
			count = 0;
		}
		ids[count++] = first + i;
	}
	if (count > 0)
		vecgraph_write_digests(index, ids, &none, count);
	if (index->codes != NULL)
		vecgraph_codes_catch_up(index);
	pfree(ids);
	pfree((void *) none.signatures);
}

/* Frees what is dead. A record for each page. */
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
		clear_signatures(vacuum, block);
		VECIDX_FAULT_POINT("vacuum-signatures-cleared");
		vecgraph_free_slots(&store->index, block, is_to_be_freed, vacuum);
	}
}

IndexBulkDeleteResult *
vecgraph_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback,
					void *callback_state)
{
	VecGraphVacuum vacuum = {0};
	VecGraphCounts counts = {0};
	MemoryContext old_context;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	counts.n[VECGRAPH_COUNT_VACUUMS] = 1;
	counts.n[VECGRAPH_COUNT_REMOVED] = -(uint64) stats->tuples_removed;
	/* several calls of one vacuum each see the whole index */
	stats->num_index_tuples = 0;

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
		/* from here on no insert is under way that has seen a slot of the set dead alive */
		vecgraph_wait_for_inserts(info->index);
		VECIDX_FAULT_POINT("vacuum-after-barrier");
		/* inserts that have begun since then may have seen alive what was deleted only now */
		if (vacuum.tid_slot_count > 0 && trim_chains(&vacuum))
			vecgraph_wait_for_inserts(info->index);
	}
	if (vacuum.dead_count > 0)
	{
		VECIDX_FAULT_POINT("vacuum-before-repair");
		/* in this order: entries are chosen among what pass 2 has met alive, and relinking searches from the entries */
		pass2(&vacuum);
		replace_entries(&vacuum);
		relink_lost(&vacuum);
		VECIDX_FAULT_POINT("vacuum-before-free");
		pass3(&vacuum);
		if (vacuum.repaired_count > vacuum.live_count / 2)
			vecgraph_attach(&vacuum.store);
	}
	counts.n[VECGRAPH_COUNT_REMOVED] += (uint64) stats->tuples_removed;
	counts.n[VECGRAPH_COUNT_FREED] = vacuum.dead_count;
	counts.n[VECGRAPH_COUNT_REPAIRED] = vacuum.repaired_count;
	vecgraph_count_change(&vacuum.store, &counts);

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(vacuum.context);
	return stats;
}

/* Fits an index that has grown or drifted, and measures how long lists must be in one that has changed. removed: rows, by this VACUUM. */
static void
fit_if_wanted(IndexVacuumInfo *info, double tuples, double removed)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph fit", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);

	/* VACUUM has locked it, and parallel workers do not clean up */
	Relation	heap = table_open(info->index->rd_index->indrelid, NoLock);
	VecGraphStore store;

	vecgraph_store_open(&store, info->index, context);
	store.index.strategy = info->strategy;
	store.vacuuming = true;
	if (removed > 0)
		vecgraph_note_changes(&store.index, removed);
	if (vecgraph_wants_fit(&store, heap, tuples))
		vecgraph_fit(&store, heap, false);
	else if (vecgraph_wants_calibration(&store.index))
		vecgraph_calibrate(info->index, heap, true, info->strategy);
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
	fit_if_wanted(info, stats->num_index_tuples, stats->tuples_removed);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
