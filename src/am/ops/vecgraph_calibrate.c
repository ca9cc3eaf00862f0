/*
 * vecgraph_calibrate.c: measuring how long the list of a search must be for a recall, when an index has been built, fitted or changed.
 *
 *   1  some live nodes from all over the index are the queries
 *   2  all pages are read once, and the nearest of each query found exactly
 *   3  a search for each, with a long list and as if its node were not there, tells with how long a list each of these would have
 *      been found (graph/vx_calibrate.h)
 *   4  the curve is written to the meta page
 *
 * Others may write meanwhile: what they add or take away after step 2 has come by is not found in step 3, or found in vain, which a few rows do
 * not make a difference to. The work is bounded: a few percent of what building the index took.
 */
#include "am/ops/vecgraph_ops.h"

#include <math.h>

#include "access/table.h"
#include "commands/vacuum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/vx_rng.h"
#include "distance/vx_batch.h"
#include "graph/vx_calibrate.h"

/* Queries: one for so many nodes, within limits; and how many nodes their searches expand at most, for each node and besides. */
#define NODES_PER_QUERY 150
#define LEAST_QUERIES 200
#define MOST_QUERIES 1000
#define EXPANDED_PER_NODE 4
#define EXPANDED_AT_LEAST 20000

/* Each of so many queries may take its share of that; easy ones leave theirs to others. */
#define HARD_QUERIES 64
#define LEAST_DEPTH 500
#define MOST_DEPTH 4000

/* Memory for the candidates of a search: of more than there will be. */
#define TRACE_MEMORY (16 * 1024 * 1024)

/* A sample that is so small by hard queries tells nothing. */
#define LEAST_ANSWERED 20

/* The curve is measured again when the index has more or fewer nodes, or rows have gone, by this share: by what is on so many pages. */
#define CHANGE_TO_CALIBRATE 0.25
#define COUNTED_PAGES 64

/* An index with fewer slots is measured with what is in it when it is built or fitted, and not for its changes. */
#define LEAST_SLOTS 100

#define CALIBRATE_SEED 1

/* One of the nearest of a query. */
typedef struct Nearest
{
	double		distance;
	VxNodeId	id;
} Nearest;

typedef struct Sampled
{
	VxNodeId	id;
	VxPoint    *point;
	uint32		count;			/* of nearest */
	Nearest    *nearest;		/* [VX_CURVE_MOST_RANK], nearest first */
} Sampled;

typedef struct Calibrator
{
	VecGraphStore store;		/* first, since the graph sees it as its own */
	VxStoreOps	ops;			/* real, but around the node of the query */
	const VxStoreOps *real;
	VxBridge	bridge;

	VecGraphHeap *rows;			/* where the vectors are; NULL: in the nodes */
	SnapshotData snapshot;
	Sampled    *queries;		/* [count] */
	uint32		count;
	uint32		live;			/* nodes */

	VxBatch    *batch;			/* of queries that are floats; else NULL */
	VxNodeId   *row_ids;		/* [block_rows] of its block */
	uint32		rows_waiting;	/* in the block */

	/* of the search that is traced */
	const Sampled *asked;
	bool		has_ties;		/* some of the nearest are equally far */
	uint16_t   *lists;
	uint32		ranks;
	uint32		found;
	VxPoint    *point;			/* room for one */
} Calibrator;

/* ---- queries ---- */

/* The vector of a live node in context, and nothing if it has none that can be seen. False if it is not live. */
static bool
copy_vector(Calibrator *calibrator, VxNodeId id, VxPoint **copy)
{
	VecGraphIndex *index = &calibrator->store.index;
	VecGraphPayload payload;
	const VxPoint *point = NULL;
	Buffer		buffer;
	VxSlot	   *slot = vecgraph_lock_slot(index, id, BUFFER_LOCK_SHARE, &buffer);
	bool		live = slot->state == VX_SLOT_LIVE;

	*copy = NULL;
	if (live)
		vecgraph_fill_payload(slot, &payload);
	if (live && calibrator->rows == NULL)
	{
		point = vecgraph_slot_point(index, slot);
		*copy = palloc(vx_space_bytes(&index->space, point));
		memcpy(*copy, point, vx_space_bytes(&index->space, point));
	}
	UnlockReleaseBuffer(buffer);
	if (live && calibrator->rows != NULL)
	{
		if (vecgraph_heap_point(calibrator->rows, index, id, &payload, &point) && point != NULL)
		{
			*copy = palloc(vx_space_bytes(&index->space, point));
			memcpy(*copy, point, vx_space_bytes(&index->space, point));
		}
		vecgraph_heap_release(calibrator->rows);
	}
	return live;
}

/* Chooses the queries, in no order. */
static void
choose_queries(Calibrator *calibrator)
{
	VxRng		rng = {CALIBRATE_SEED};
	uint32		bound = vx_id_bound(&calibrator->store.index.geometry, vecgraph_filled_blocks(calibrator->store.index.relation));
	uint32		parts = Min(bound, Max(LEAST_QUERIES, Min(MOST_QUERIES, bound / NODES_PER_QUERY)));

	calibrator->queries = palloc(Max(parts, 1) * sizeof(Sampled));
	for (uint32 i = 0; i < parts; i++)
	{
		Sampled		query = {.id = vx_rng_in_part(&rng, bound, i, parts)};
		uint32		at = vx_rng_below(&rng, calibrator->count + 1);

		calibrator->store.base.ops->poll(&calibrator->store.base);
		if (!copy_vector(calibrator, query.id, &query.point) || query.point == NULL)
			continue;
		query.nearest = palloc(VX_CURVE_MOST_RANK * sizeof(Nearest));
		calibrator->queries[calibrator->count] = calibrator->queries[at];
		calibrator->queries[at] = query;
		calibrator->count++;
	}
}

/* ---- the nearest of each ---- */

static void
offer_to_query(Sampled *query, VxNodeId id, double distance)
{
	uint32		at;

	if (id == query->id)
		return;
	if (query->count < VX_CURVE_MOST_RANK)
		at = query->count++;
	else if (distance < query->nearest[VX_CURVE_MOST_RANK - 1].distance)
		at = VX_CURVE_MOST_RANK - 1;
	else
		return;
	for (; at > 0 && query->nearest[at - 1].distance > distance; at--)
		query->nearest[at] = query->nearest[at - 1];
	query->nearest[at].distance = distance;
	query->nearest[at].id = id;
}

/* VxBatchTake */
static void
take_row(void *context, uint32_t number, uint32_t row, double distance)
{
	Calibrator *calibrator = context;
	Sampled    *query = &calibrator->queries[number];

	offer_to_query(query, calibrator->row_ids[row], distance);
	if (query->count == VX_CURVE_MOST_RANK)
		vx_batch_set_bound(calibrator->batch, number, query->nearest[VX_CURVE_MOST_RANK - 1].distance);
}

static void
compare_waiting_rows(Calibrator *calibrator)
{
	if (calibrator->rows_waiting > 0)
		vx_batch_scan(calibrator->batch, calibrator->rows_waiting, take_row, vecgraph_poll, calibrator);
	calibrator->rows_waiting = 0;
}

/* Compares a node with all queries. */
static void
compare_node(Calibrator *calibrator, VxNodeId id, const VxPoint *point)
{
	const VxSpace *space = &calibrator->store.index.space;

	calibrator->live++;
	if (calibrator->batch == NULL)
	{
		for (uint32 i = 0; i < calibrator->count; i++)
			offer_to_query(&calibrator->queries[i], id, vx_space_operator(space, calibrator->queries[i].point, point));
		return;
	}
	memcpy(vx_batch_row(calibrator->batch, calibrator->rows_waiting), point->x, space->dim * sizeof(float));
	calibrator->row_ids[calibrator->rows_waiting++] = id;
	if (calibrator->rows_waiting == vx_batch_block_rows(calibrator->batch))
		compare_waiting_rows(calibrator);
}

/* Compares the live nodes of a page, which is a copy: rows of the table may be read. */
static void
compare_page(Calibrator *calibrator, BlockNumber block, Page page)
{
	VecGraphIndex *index = &calibrator->store.index;
	const VxGeometry *g = &index->geometry;

	for (uint32 i = 0; i < g->nodes_per_page; i++)
	{
		VxSlot	   *slot = vx_slot(g, vecgraph_page_body(page), i);
		VxNodeId	id = vx_block_first_id(g, block) + i;
		const VxPoint *point = NULL;
		VecGraphPayload payload;

		if (slot->state != VX_SLOT_LIVE)
			continue;
		if (calibrator->rows == NULL)
			point = vecgraph_slot_point(index, slot);
		else
		{
			vecgraph_fill_payload(slot, &payload);
			if (!vecgraph_heap_point(calibrator->rows, index, id, &payload, &point))
				point = NULL;
		}
		if (point != NULL)
			compare_node(calibrator, id, point);
	}
	if (calibrator->rows != NULL)
		vecgraph_heap_release(calibrator->rows);
}

static void
begin_batch(Calibrator *calibrator)
{
	const VxSpace *space = &calibrator->store.index.space;
	const float **floats;

	if (space->form != VX_FORM_DENSE)
		return;
	floats = palloc(calibrator->count * sizeof(float *));
	for (uint32 i = 0; i < calibrator->count; i++)
		floats[i] = calibrator->queries[i].point->x;
	calibrator->batch = vx_batch_new(&calibrator->store.index.mem, space->metric, space->dim, floats, calibrator->count);
	calibrator->row_ids = palloc(vx_batch_block_rows(calibrator->batch) * sizeof(VxNodeId));
}

/* Finds the nearest of each query, by reading all pages. */
static void
find_nearest(Calibrator *calibrator)
{
	VecGraphStore *store = &calibrator->store;
	BufferAccessStrategy strategy = store->index.strategy;
	char	   *copy = palloc(BLCKSZ);
	Buffer		buffer;

	begin_batch(calibrator);
	if (strategy == NULL)
		store->index.strategy = GetAccessStrategy(BAS_BULKREAD);
	for (BlockNumber block = store->index.geometry.first_segment; block < RelationGetNumberOfBlocks(store->index.relation); block++)
	{
		store->base.ops->poll(&store->base);
		if (!vecgraph_lock_nodes(&store->index, block, BUFFER_LOCK_SHARE, &buffer))
			continue;
		memcpy(copy, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		compare_page(calibrator, block, (Page) copy);
	}
	if (calibrator->batch != NULL)
	{
		compare_waiting_rows(calibrator);
		vx_batch_free(calibrator->batch);
	}
	if (strategy == NULL)
		FreeAccessStrategy(store->index.strategy);
	store->index.strategy = strategy;
	pfree(copy);
}

/* ---- searches ---- */

/* VxStoreOps.read_edges and entries, around the node of the query. */
static VxStatus
read_edges_around(VxStore *base, VxNodeId id, const VxQuery *query, VxEdges *out)
{
	Calibrator *calibrator = (Calibrator *) base;
	VxStatus	status = calibrator->real->read_edges(base, id, query, out);

	if (status == VX_OK)
		vx_bridge_edges(&calibrator->bridge, id, out);
	return status;
}

static uint32_t
entries_around(VxStore *base, VxNodeId *ids)
{
	Calibrator *calibrator = (Calibrator *) base;

	return vx_bridge_entries(&calibrator->bridge, ids, calibrator->real->entries(base, ids));
}

/* Of a query some of whose nearest are equally far any of those will do; so distances are compared, not nodes. */
static void
note_tied(Calibrator *calibrator, VxNodeId id, uint32 list)
{
	const Sampled *query = calibrator->asked;
	double		distance;

	if (!vecgraph_copy_point(&calibrator->store.index, id, calibrator->point))
		return;
	distance = vx_space_operator(&calibrator->store.index.space, query->point, calibrator->point);
	for (uint32 rank = 0; rank < calibrator->ranks; rank++)
		if (query->nearest[rank].distance == distance && calibrator->lists[rank] == 0)
		{
			calibrator->lists[rank] = list;
			calibrator->found++;
			return;
		}
}

/* VxShow: notes the list with which one of the nearest was found. */
static bool
note_found(void *context, VxNodeId id, bool live, uint32_t list)
{
	Calibrator *calibrator = context;

	if (live && calibrator->has_ties)
		note_tied(calibrator, id, list);
	else if (live)
		for (uint32 rank = 0; rank < calibrator->ranks; rank++)
			if (calibrator->asked->nearest[rank].id == id)
			{
				calibrator->lists[rank] = list;
				calibrator->found++;
				break;
			}
	return calibrator->found < calibrator->ranks;
}

/* Traces the search of a query, which goes around its node. */
static void
trace(Calibrator *calibrator, const Sampled *query, VxSearch *search, uint32 depth, uint16_t *lists)
{
	VxQuery		asked = {.point = query->point};

	calibrator->asked = query;
	calibrator->lists = lists;
	calibrator->found = 0;
	calibrator->has_ties = false;
	for (uint32 rank = 1; rank < calibrator->ranks && calibrator->rows == NULL; rank++)
		calibrator->has_ties |= query->nearest[rank].distance == query->nearest[rank - 1].distance;
	vx_search_begin(search, &calibrator->store.base, &asked, 1, TRACE_MEMORY);
	vx_search_trace(search, depth, note_found, calibrator);
}

/* Searches for the nearest of as many queries as may be, and makes a curve of it; false if they are too few. */
static bool
measure(Calibrator *calibrator, VxCurve *curve)
{
	VecGraphStore *store = &calibrator->store;
	const VxMem *mem = &store->index.mem;
	double		budget = EXPANDED_AT_LEAST + EXPANDED_PER_NODE * (double) calibrator->live;
	uint32		depth = (uint32) Min(calibrator->live, Max(LEAST_DEPTH, Min(MOST_DEPTH, budget / HARD_QUERIES)));
	VxCalibration calibration;
	VxSearch	search;
	bool		measured;

	calibrator->ranks = Min(VX_CURVE_MOST_RANK, calibrator->live - 1);
	calibrator->point = palloc(vx_space_room(&store->index.space));
	vx_calibration_init(&calibration, mem, calibrator->count, calibrator->ranks, depth);
	vx_search_init(&search, mem);
	store->base.ops = &calibrator->ops;
	store->base.stats.expanded = 0;
	for (uint32 i = 0; i < calibrator->count && store->base.stats.expanded < budget; i++)
	{
		/* fewer were seen than there are: someone deletes them, or its row could be read when it was chosen, and no more */
		if (calibrator->queries[i].count < calibrator->ranks || !vx_bridge_around(&calibrator->bridge, calibrator->queries[i].id))
			continue;
		trace(calibrator, &calibrator->queries[i], &search, depth, vx_calibration_add(&calibration));
	}
	store->base.ops = calibrator->real;
	measured = calibration.count >= Min(LEAST_ANSWERED, calibrator->live);
	if (measured)
		vx_calibration_curve(&calibration, depth >= calibrator->live, curve);
	vx_search_free(&search);
	vx_calibration_free(&calibration);
	return measured;
}

/* ---- the whole ---- */

/* About how many live nodes there are, by some pages from all over the index. */
static double
count_live(VecGraphIndex *index)
{
	const VxGeometry *g = &index->geometry;
	uint32		pages = index->id_bound / g->nodes_per_page;
	uint32		counted = Min(pages, COUNTED_PAGES);
	uint32		slots = 0;
	uint32		live = 0;

	for (uint32 i = 0; i < counted; i++)
	{
		VxNodeId	first = (uint32) ((uint64) pages * i / counted) * g->nodes_per_page;
		Buffer		buffer;

		if (!vecgraph_lock_nodes(index, vx_id_block(g, first), BUFFER_LOCK_SHARE, &buffer))
			continue;
		for (uint32 slot = 0; slot < g->nodes_per_page; slot++)
			live += vx_slot(g, vecgraph_page_body(BufferGetPage(buffer)), slot)->state == VX_SLOT_LIVE;
		slots += g->nodes_per_page;
		UnlockReleaseBuffer(buffer);
	}
	return slots == 0 ? 0 : (double) live / slots * index->id_bound;
}

bool
vecgraph_wants_calibration(VecGraphIndex *index)
{
	const VxMeta *meta = &index->meta;
	double		change = meta->curve_nodes * CHANGE_TO_CALIBRATE;

	if (index->id_bound < LEAST_SLOTS || !vecgraph_target_is_set(index->relation))
		return false;
	return !vx_curve_is_measured(&meta->curve) || meta->curve_changes >= change
		|| fabs(count_live(index) - meta->curve_nodes) >= change;
}

void
vecgraph_calibrate(Relation index, Relation heap, bool vacuuming, BufferAccessStrategy strategy)
{
	MemoryContext context;
	MemoryContext old_context;
	Calibrator *calibrator;
	VxCurve		curve;

	if (!vecgraph_target_is_set(index))
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph calibration", ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	calibrator = palloc0(sizeof(Calibrator));
	vecgraph_store_open(&calibrator->store, index, context);
	calibrator->store.vacuuming = vacuuming;
	calibrator->store.index.strategy = strategy;
	calibrator->real = calibrator->store.base.ops;
	calibrator->ops = *calibrator->real;
	calibrator->ops.read_edges = read_edges_around;
	calibrator->ops.entries = entries_around;
	vx_bridge_init(&calibrator->bridge, &calibrator->store.index.mem, &calibrator->store.base);
	if (!vx_storage_has_vector(calibrator->store.index.geometry.storage))
	{
		/* as when codes are fitted */
		InitNonVacuumableSnapshot(calibrator->snapshot, GlobalVisTestFor(heap));
		calibrator->rows = vecgraph_heap_begin(heap, index, &calibrator->snapshot, context);
	}
	choose_queries(calibrator);
	if (calibrator->count > 0)
		find_nearest(calibrator);
	if (calibrator->rows != NULL)
		vecgraph_heap_end(calibrator->rows);
	/* searches come back to pages */
	calibrator->store.index.strategy = NULL;
	if (calibrator->count > 0 && calibrator->live > 1 && measure(calibrator, &curve))
		vecgraph_write_curve(&calibrator->store.index, &curve, calibrator->live);
	/* too few could be asked, and of an index like this it would be so again: VACUUM is not to read all of it each time */
	else if (calibrator->live > 0 && vx_curve_is_measured(&calibrator->store.index.meta.curve))
		vecgraph_write_curve(&calibrator->store.index, &calibrator->store.index.meta.curve, calibrator->live);
	vx_bridge_free(&calibrator->bridge);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
