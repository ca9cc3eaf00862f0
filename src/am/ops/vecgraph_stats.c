/*
 * vecgraph_stats.c: counts of what is done with indexes: their way from operations into shared memory, and out of it by SQL.
 *
 * A scan counts for itself and adds that when it ends, an insert when the row is in, VACUUM and fits when they are done. What fails is not
 * counted.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "access/genam.h"
#include "access/table.h"

/* Columns of vecgraph_stats before the counts, and of vecgraph_last_scan, which has not that of scans. */
#define STATS_COLUMNS 2
#define LAST_SCAN_COLUMNS 1

static VecGraphCounts last_scan;
static Oid	last_index;			/* InvalidOid: no scan has ended yet */

static object_access_hook_type previous_access_hook;

void
vecgraph_count_scan(Relation index, const VecGraphCounts *counts)
{
	last_scan = *counts;
	last_index = RelationGetRelid(index);
	vecgraph_counts_add(last_index, counts);
}

void
vecgraph_count_change(VecGraphStore *store, VecGraphCounts *counts)
{
	counts->n[VECGRAPH_COUNT_LOST_LINKS] = store->base.stats.lost_links;
	memset(&store->base.stats, 0, sizeof(store->base.stats));
	vecgraph_counts_add(RelationGetRelid(store->index.relation), counts);
}

/* A relation that is about to go takes its counts along; if the transaction aborts, they begin anew. */
static void
forget_dropped(ObjectAccessType access, Oid class_oid, Oid object, int part, void *arguments)
{
	if (previous_access_hook)
		previous_access_hook(access, class_oid, object, part, arguments);
	if (access == OAT_DROP && class_oid == RelationRelationId && part == 0)
		vecgraph_counts_forget(object);
}

void
vecgraph_init_stats(void)
{
	previous_access_hook = object_access_hook;
	object_access_hook = forget_dropped;
}

/* Columns from the first counter to before the last one: numbers, but the sum of list sizes as a mean. */
static void
count_columns(const VecGraphCounts *counts, int first, int last, Datum *values, bool *nulls)
{
	for (int i = first; i < last; i++)
	{
		*nulls = i == VECGRAPH_COUNT_LISTS && counts->n[VECGRAPH_COUNT_SCANS] == 0;
		if (i == VECGRAPH_COUNT_LISTS)
			*values = Float8GetDatum(*nulls ? 0 : (double) counts->n[i] / (double) counts->n[VECGRAPH_COUNT_SCANS]);
		else
			*values = Int64GetDatum((int64) counts->n[i]);
		values++;
		nulls++;
	}
}

/* vecgraph_stats() returns setof record, see the SQL declaration: a row for each index of this database that has counts. For all users. */
VECIDX_SQL_FUNCTION(vecgraph_stats);
Datum
vecgraph_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;
	TupleDesc	descriptor;
	Tuplestorestate *store;
	Relation	classes;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vecgraph_stats returns a set of rows, which is not wanted here")));
	before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	store = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = store;
	info->setDesc = descriptor;
	MemoryContextSwitchTo(before);

	classes = table_open(RelationRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_class_relam, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(get_index_am_oid("vecgraph", false)));
	scan = systable_beginscan(classes, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		VecGraphCounts counts;
		TimestampTz since;
		Datum		values[STATS_COLUMNS + VECGRAPH_COUNTERS];
		bool		nulls[STATS_COLUMNS + VECGRAPH_COUNTERS] = {false};

		if (form->relkind != RELKIND_INDEX || !vecgraph_counts_read(form->oid, &counts, &since))
			continue;
		values[0] = ObjectIdGetDatum(form->oid);
		values[1] = TimestampTzGetDatum(since);
		count_columns(&counts, 0, VECGRAPH_COUNTERS, values + STATS_COLUMNS, nulls + STATS_COLUMNS);
		tuplestore_putvalues(store, descriptor, values, nulls);
	}
	systable_endscan(scan);
	table_close(classes, AccessShareLock);
	return (Datum) 0;
}

/* vecgraph_stats_reset(index regclass) returns void. For the index's owner. */
VECIDX_SQL_FUNCTION(vecgraph_stats_reset);
Datum
vecgraph_stats_reset(PG_FUNCTION_ARGS)
{
	Relation	index = vecgraph_open_index(PG_GETARG_OID(0), AccessShareLock);

	vecgraph_counts_reset(RelationGetRelid(index));
	relation_close(index, AccessShareLock);
	PG_RETURN_VOID();
}

/* vecgraph_last_scan() returns record, see the SQL declaration; NULL if no scan has ended in this session. */
VECIDX_SQL_FUNCTION(vecgraph_last_scan);
Datum
vecgraph_last_scan(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	Datum		values[LAST_SCAN_COLUMNS + VECGRAPH_SCAN_COUNTERS - VECGRAPH_COUNT_ROWS];
	bool		nulls[LAST_SCAN_COLUMNS + VECGRAPH_SCAN_COUNTERS - VECGRAPH_COUNT_ROWS] = {false};

	if (!OidIsValid(last_index))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = ObjectIdGetDatum(last_index);
	count_columns(&last_scan, VECGRAPH_COUNT_ROWS, VECGRAPH_SCAN_COUNTERS, values + LAST_SCAN_COLUMNS, nulls + LAST_SCAN_COLUMNS);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
