/*
 * vecidx_knn.c: the exact nearest rows of many queries, by one pass over the table.
 *
 * The table is read by a query of its own, as the caller would read it: with the caller's snapshot, rights and row security, and whatever
 * the relation is, a table, a view, a foreign table. Its rows go into blocks, and blocks into a batch (distance/vx_batch.h), which has the distances.
 * Each query keeps its nearest rows so far in a heap, the farthest on top: that is its bound. Rows at the same distance are ordered by their
 * keys, so that the result is the same in whatever order rows come.
 *
 * Memory: one half of work_mem for the queries of a pass, and one for their heaps. Queries for which there is no room wait for another pass;
 * so do those, the last half each time, whose heaps turn out to be too large. Besides there is one block, of vectors and keys, and the result, which goes to disk
 * beyond work_mem as that of any function does.
 */
#include "pg/vecidx_compat.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "am/vecgraph.h"
#include "distance/vx_batch.h"
#include "exact/vecidx_knn.h"
#include "type/vecidx_vector.h"

#define FIRST_CAPACITY 16

/* A block ends when its keys have so many bytes. */
#define MOST_KEY_BYTES (1024 * 1024)

/* What orders rows at the same distance. */
typedef struct Key
{
	int16		length;
	bool		by_value;
	Oid			collation;
	FmgrInfo   *compare;
} Key;

typedef VecidxKnnNeighbour Neighbour;

typedef struct KnnQuery
{
	const float *x;
	int			number;
	uint32		count;
	uint32		capacity;
	Neighbour  *heap;			/* [capacity], the farthest first */
} KnnQuery;

typedef struct Knn
{
	DestReceiver receiver;		/* first: what the server calls with rows */
	const VecidxKnn *asked;
	uint32		k;
	uint32		dim;
	Key			key;
	KnnQuery   *queries;		/* [query_count] */
	uint32		query_count;

	/* of a pass */
	MemoryContext context;
	KnnQuery   *active;			/* [active_count] of queries */
	uint32		active_count;
	Size		heap_room;		/* bytes */
	Size		heap_bytes;
	VxBatch    *batch;
	uint32		rows;			/* in the block */
	Datum	   *keys;			/* [block], in keys_context */
	bool	   *null_keys;
	MemoryContext keys_context;
	Size		key_bytes;		/* in it */
} Knn;

/* ---- the nearest rows of a query ---- */

static int
compare_neighbours(const void *a, const void *b, void *context)
{
	const Neighbour *x = a;
	const Neighbour *y = b;
	const Key  *key = &((const Knn *) context)->key;
	int			order = float8_cmp_internal(x->distance, y->distance);

	if (order != 0)
		return order;
	if (x->null_key || y->null_key)
		return (int) x->null_key - (int) y->null_key;
	return DatumGetInt32(FunctionCall2Coll(key->compare, key->collation, x->key, y->key));
}

static inline bool
has_allocated_key(const Knn *knn, const Neighbour *neighbour)
{
	return !knn->key.by_value && !neighbour->null_key;
}

static void
drop_key(Knn *knn, Neighbour *neighbour)
{
	if (!has_allocated_key(knn, neighbour))
		return;
	knn->heap_bytes -= GetMemoryChunkSpace(DatumGetPointer(neighbour->key));
	pfree(DatumGetPointer(neighbour->key));
}

/* Makes the key of a row of the block one of the pass. */
static void
keep_key(Knn *knn, Neighbour *neighbour)
{
	MemoryContext before;

	if (!has_allocated_key(knn, neighbour))
		return;
	before = MemoryContextSwitchTo(knn->context);
	neighbour->key = datumCopy(neighbour->key, false, knn->key.length);
	MemoryContextSwitchTo(before);
	knn->heap_bytes += GetMemoryChunkSpace(DatumGetPointer(neighbour->key));
}

static void
grow_heap(Knn *knn, KnnQuery *query)
{
	query->capacity = Min(vx_grown(query->capacity, FIRST_CAPACITY), knn->k);
	if (query->heap == NULL)
		query->heap = MemoryContextAllocHuge(knn->context, query->capacity * sizeof(Neighbour));
	else
	{
		knn->heap_bytes -= GetMemoryChunkSpace(query->heap);
		query->heap = repalloc_huge(query->heap, query->capacity * sizeof(Neighbour));
	}
	knn->heap_bytes += GetMemoryChunkSpace(query->heap);
}

/* Leaves the last half of the queries, and what they have found, to another pass. Errors: there is only one. */
static void
leave_half(Knn *knn)
{
	uint32		left = knn->active_count / 2;

	if (left == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%u nearest rows of one query do not fit work_mem", knn->k),
				 errhint("Increase work_mem, or ask for fewer rows.")));
	for (uint32 q = left; q < knn->active_count; q++)
	{
		KnnQuery   *query = &knn->active[q];

		for (uint32 i = 0; i < query->count; i++)
			drop_key(knn, &query->heap[i]);
		if (query->heap != NULL)
		{
			knn->heap_bytes -= GetMemoryChunkSpace(query->heap);
			pfree(query->heap);
		}
		query->heap = NULL;
		query->count = query->capacity = 0;
	}
	knn->active_count = left;
	vx_batch_shrink(knn->batch, left);
}

static void
sift_up(Knn *knn, Neighbour *heap, uint32 at)
{
	Neighbour	moved = heap[at];

	for (; at > 0 && compare_neighbours(&moved, &heap[(at - 1) / 2], knn) > 0; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = moved;
}

static void
sift_down(Knn *knn, Neighbour *heap, uint32 count)
{
	Neighbour	moved = heap[0];
	uint32		at = 0;

	for (;;)
	{
		uint64		child = 2 * (uint64) at + 1;

		if (child + 1 < count && compare_neighbours(&heap[child + 1], &heap[child], knn) > 0)
			child++;
		if (child >= count || compare_neighbours(&moved, &heap[child], knn) >= 0)
			break;
		heap[at] = heap[child];
		at = (uint32) child;
	}
	heap[at] = moved;
}

/* VxBatchTake: a row of the block that is within the bound of a query. */
static void
take_row(void *context, uint32_t number, uint32_t row, double distance)
{
	Knn		   *knn = context;
	KnnQuery   *query = &knn->active[number];
	Neighbour	new = {.distance = distance,.key = knn->keys[row],.null_key = knn->null_keys[row]};

	if (query->count == knn->k)
	{
		if (compare_neighbours(&new, &query->heap[0], knn) >= 0)
			return;
		drop_key(knn, &query->heap[0]);
		keep_key(knn, &new);
		query->heap[0] = new;
		sift_down(knn, query->heap, query->count);
	}
	else
	{
		if (query->count == query->capacity)
			grow_heap(knn, query);
		keep_key(knn, &new);
		query->heap[query->count] = new;
		sift_up(knn, query->heap, query->count++);
	}
	if (query->count == knn->k)
		vx_batch_set_bound(knn->batch, number, query->heap[0].distance);
	while (knn->heap_bytes > knn->heap_room)
		leave_half(knn);
}

/* ---- rows ---- */

/* VxBatchPoll */
static void
serve_interrupts(void *context)
{
	CHECK_FOR_INTERRUPTS();
}

static void
scan_block(Knn *knn)
{
	vx_batch_scan(knn->batch, knn->rows, take_row, serve_interrupts, knn);
	knn->rows = 0;
	knn->key_bytes = 0;
	MemoryContextReset(knn->keys_context);
}

/* DestReceiver.receiveSlot: a row of the table, its key and its vector. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Knn		   *knn = (Knn *) self;
	bool		isnull;
	Datum		value;
	Datum		key;

	value = slot_getattr(slot, 2, &isnull);
	if (isnull)
		return true;
	knn->asked->source->type->floats(value, knn->dim, vx_batch_row(knn->batch, knn->rows));
	key = slot_getattr(slot, 1, &isnull);
	if (!isnull && !knn->key.by_value)
	{
		MemoryContext before = MemoryContextSwitchTo(knn->keys_context);
		Datum		plain = knn->key.length == -1 ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(key)) : key;

		key = plain == key ? datumCopy(key, false, knn->key.length) : plain;
		MemoryContextSwitchTo(before);
		knn->key_bytes += GetMemoryChunkSpace(DatumGetPointer(key));
	}
	knn->keys[knn->rows] = key;
	knn->null_keys[knn->rows] = isnull;
	if (++knn->rows == vx_batch_block_rows(knn->batch) || knn->key_bytes > MOST_KEY_BYTES)
		scan_block(knn);
	return true;
}

/* DestReceiver.rStartup */
static void
start_rows(DestReceiver *self, int operation, TupleDesc row)
{
	Knn		   *knn = (Knn *) self;

	vecgraph_check_source(knn->asked->source, row, 2);
	/* a row that is cast to record is of its own type still */
	if (TupleDescAttr(row, 0)->attlen != knn->key.length || TupleDescAttr(row, 0)->attbyval != knn->key.by_value)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("keys have changed their type while they were read")));
}

static void
end_rows(DestReceiver *self)
{
}

/* ---- passes ---- */

/* Bytes that so many queries take in a pass, without their heaps. */
static Size
bytes_of_queries(const Knn *knn, uint32 count)
{
	Size		one = sizeof(const float *);

	if (knn->asked->source->type->round != NULL)
		one += knn->dim * sizeof(float);
	return vx_size_sum(vx_batch_bytes(knn->asked->metric, knn->dim, count), vx_size_product(count, one));
}

/* The floats of the queries of a pass: those of the values, or what the type of the column would have of them. */
static const float **
floats_of_queries(Knn *knn)
{
	const float **x = MemoryContextAllocHuge(knn->context, knn->active_count * sizeof(const float *));

	for (uint32 q = 0; q < knn->active_count; q++)
	{
		x[q] = knn->active[q].x;
		if (knn->asked->source->type->round != NULL)
		{
			float	   *rounded = MemoryContextAlloc(knn->context, knn->dim * sizeof(float));

			memcpy(rounded, x[q], knn->dim * sizeof(float));
			knn->asked->source->type->round(rounded, knn->dim);
			x[q] = rounded;
		}
	}
	return x;
}

/* Reads the table once, for as many queries from the first one on as there is memory for: those are active then, with what they have found. */
static void
make_pass(Knn *knn, uint32 first)
{
	Size		room = work_mem * (Size) 1024 / 2;
	SPIExecuteOptions options = {.read_only = true,.dest = &knn->receiver};
	VxMem		mem = vecgraph_mem(knn->context);
	int			result;

	knn->active = knn->queries + first;
	knn->active_count = knn->query_count - first;
	while (knn->active_count > 1 && bytes_of_queries(knn, knn->active_count) > room)
		knn->active_count -= (knn->active_count + 15) / 16;
	knn->heap_room = room;
	knn->heap_bytes = 0;
	knn->batch = vx_batch_new(&mem, knn->asked->metric, knn->dim, floats_of_queries(knn), knn->active_count);
	knn->rows = 0;
	knn->key_bytes = 0;
	knn->keys = MemoryContextAlloc(knn->context, vx_batch_block_rows(knn->batch) * sizeof(Datum));
	knn->null_keys = MemoryContextAlloc(knn->context, vx_batch_block_rows(knn->batch) * sizeof(bool));
	knn->keys_context = AllocSetContextCreate(knn->context, "vecidx_knn keys", ALLOCSET_DEFAULT_SIZES);
	result = SPI_execute_extended(knn->asked->sql, &options);
	if (result < 0)
		elog(ERROR, "vecidx_knn could not read the table: %s", SPI_result_code_string(result));
	scan_block(knn);
}

static void
look_up_key_type(Oid type, Key *key)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);

	if (!OidIsValid(entry->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a comparison function for type %s", format_type_be(type)),
				 errhint("Rows at the same distance are ordered by their keys. Another key_type, such as NULL::text, may do.")));
	key->compare = &entry->cmp_proc_finfo;
	key->collation = OidIsValid(get_typcollation(type)) ? C_COLLATION_OID : InvalidOid;
	get_typlenbyval(type, &key->length, &key->by_value);
}

void
vecidx_knn_search(const VecidxKnn *asked, VecidxKnnTake take, void *context)
{
	Knn			knn = {.asked = asked,.k = asked->k,.dim = asked->dim,.query_count = asked->query_count};
	uint32		first = 0;

	knn.receiver = (DestReceiver)
	{
		.receiveSlot = receive_row,.rStartup = start_rows,.rShutdown = end_rows,.rDestroy = end_rows,.mydest = DestNone
	};
	look_up_key_type(asked->key_type, &knn.key);
	knn.queries = MemoryContextAllocHuge(CurrentMemoryContext, Max(asked->query_count, 1) * sizeof(KnnQuery));
	memset(knn.queries, 0, asked->query_count * sizeof(KnnQuery));
	for (uint32 q = 0; q < asked->query_count; q++)
	{
		knn.queries[q].x = asked->queries[q].x;
		knn.queries[q].number = asked->queries[q].number;
	}
	knn.context = AllocSetContextCreate(CurrentMemoryContext, "vecidx_knn pass", ALLOCSET_DEFAULT_SIZES);
	while (first < knn.query_count)
	{
		make_pass(&knn, first);
		for (uint32 q = 0; q < knn.active_count; q++)
		{
			KnnQuery   *query = &knn.active[q];

			qsort_arg(query->heap, query->count, sizeof(Neighbour), compare_neighbours, &knn);
			take(context, query->number, query->heap, query->count);
		}
		first += knn.active_count;
		MemoryContextReset(knn.context);
	}
	MemoryContextDelete(knn.context);
	pfree(knn.queries);
}

/* ---- arguments ---- */

/* All that a call says. */
typedef struct Arguments
{
	VecidxKnn	knn;
	VecGraphSource source;
	const char *key;			/* in SQL */
	TupleDesc	descriptor;
	Tuplestorestate *store;
} Arguments;

static void
take_queries(VecidxKnn *knn, ArrayType *array)
{
	int16		length;
	bool		by_value;
	char		alignment;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	VecidxKnnQuery *queries;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment, &elements, &nulls, &count);
	knn->queries = queries = MemoryContextAllocHuge(CurrentMemoryContext, Max(count, 1) * sizeof(VecidxKnnQuery));
	for (int i = 0; i < count; i++)
	{
		const VecidxVector *value;

		if (nulls[i])
			continue;
		value = DatumGetVecidxVector(elements[i]);
		if (knn->query_count == 0)
			knn->dim = value->dim;
		else if (value->dim != (int) knn->dim)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("queries have different dimensions, %u and %d", knn->dim, value->dim)));
		queries[knn->query_count++] = (VecidxKnnQuery)
		{
			.x = value->x,.number = i + 1
		};
	}
	pfree(elements);
	pfree(nulls);
}

/* The column, whose values are arrays of floats, or are cast to such. */
static void
open_column(Arguments *call, FunctionCallInfo fcinfo, Oid table, const char *column)
{
	Oid			type;

	vecgraph_open_source(table, column, fcinfo->flinfo->fn_oid, &call->source);
	type = getBaseType(get_atttype(table, get_attnum(table, column)));
	if (call->source.type->floats == NULL || (vecgraph_type_of(type) == NULL && !OidIsValid(get_element_type(type))))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vecidx_knn does not search columns of type %s", format_type_be(type)),
				 errhint("Columns of type vector, halfvec or of arrays of numbers are searched.")));
}

/* The place of a row: only where one file has all rows. */
static void
use_ctid(Arguments *call)
{
	Oid			table = call->source.table;
	char		kind = get_rel_relkind(table);

	if ((kind != RELKIND_RELATION && kind != RELKIND_MATVIEW) || find_inheritance_children(table, NoLock) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("ctid does not tell the rows of \"%s\" apart", get_rel_name(table)),
				 errdetail("It is the place of a row in the file of one table."),
				 errhint("Name a column that does, and its type: key_column => 'id', key_type => NULL::bigint.")));
	call->key = "ctid";
	call->knn.key_type = TIDOID;
}

static void
use_column(Arguments *call, const char *column, Oid type)
{
	if (get_attnum(call->source.table, column) == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(call->source.table))));
	/* bpchar and bit without a length would else be names of types of length 1 */
	call->key = psprintf("%s::%s", quote_identifier(column),
						 format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	call->knn.key_type = type;
}

/* The query that reads the table. */
static char *
query_of(const Arguments *call)
{
	Relation	relation = relation_open(call->source.table, NoLock);
	char	   *sql = psprintf("SELECT %s, %s FROM %s", call->key, call->source.expression,
							   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation)));

	relation_close(relation, NoLock);
	return sql;
}

static Tuplestorestate *
begin_result(FunctionCallInfo fcinfo, TupleDesc *descriptor)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vecidx_knn returns a set of rows, which is not wanted here")));
	before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	info->returnMode = SFRM_Materialize;
	info->setResult = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->setDesc = *descriptor;
	MemoryContextSwitchTo(before);
	return info->setResult;
}

/* VecidxKnnTake: rows of the result. */
static void
put_rows(void *context, int number, const Neighbour *nearest, uint32 n)
{
	Arguments  *call = context;

	for (uint32 i = 0; i < n; i++)
	{
		Datum		values[3] = {Int32GetDatum(number), nearest[i].key, Float8GetDatum(nearest[i].distance)};
		bool		nulls[3] = {false, nearest[i].null_key, false};

		tuplestore_putvalues(call->store, call->descriptor, values, nulls);
	}
}

/* metric: its place among the arguments. key_column: NULL for the ctid. */
static Datum
search(FunctionCallInfo fcinfo, int metric, const char *key_column, Oid key_type)
{
	Arguments	call = {0};
	VecidxKnn  *knn = &call.knn;

	call.store = begin_result(fcinfo, &call.descriptor);
	if (PG_GETARG_INT32(3) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of nearest rows must be at least 1, not %d", PG_GETARG_INT32(3))));
	knn->k = PG_GETARG_INT32(3);
	open_column(&call, fcinfo, PG_GETARG_OID(1), NameStr(*PG_GETARG_NAME(2)));
	knn->source = &call.source;
	knn->metric = vecgraph_metric_of(text_to_cstring(PG_GETARG_TEXT_PP(metric)), call.source.type->form, false);
	if (key_column == NULL)
		use_ctid(&call);
	else
		use_column(&call, key_column, key_type);
	take_queries(knn, PG_GETARG_ARRAYTYPE_P(0));
	knn->sql = query_of(&call);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	vecidx_knn_search(knn, put_rows, &call);
	SPI_finish();
	return (Datum) 0;
}

/* vecidx_knn(queries vector[], source regclass, source_column name, k integer, metric text) returns setof (query integer, ctid tid, distance double precision) */
VECIDX_SQL_FUNCTION(vecidx_knn);
Datum
vecidx_knn(PG_FUNCTION_ARGS)
{
	return search(fcinfo, 4, NULL, InvalidOid);
}

/*
 * vecidx_knn(queries vector[], source regclass, source_column name, k integer, key_column name, key_type anyelement, metric text) returns
 * setof (query integer, key anyelement, distance double precision). Only the type of key_type counts, so this is not strict.
 */
VECIDX_SQL_FUNCTION(vecidx_knn_by_key);
Datum
vecidx_knn_by_key(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;

	for (int i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && i != 5)
		{
			begin_result(fcinfo, &descriptor);
			return (Datum) 0;
		}
	return search(fcinfo, 6, NameStr(*PG_GETARG_NAME(4)), get_fn_expr_argtype(fcinfo->flinfo, 5));
}
