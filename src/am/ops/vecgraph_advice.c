/*
 * vecgraph_advice.c: what an index would be better for, in words, each with the statement that does it.
 *
 * All that is said is measured here and now: a walk through the index, what the cache has room for, a few rows of the table. Nothing is
 * said of what is as it should be.
 */
#include "am/ops/vecgraph_ops.h"

#include <math.h>

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* An index of fewer nodes needs no advice about its graph. */
#define LEAST_NODES 1000

/* Slots that are free, as a share of those in use. */
#define MOST_FREE 1.0

/* Rows of a node, in the mean. */
#define MOST_TWINS 2.0

/* So many rows of the table are looked at; a row of a page holds a vector of so many bytes, if it is told to. */
#define SAMPLED_ROWS 100
#define LONGEST_IN_ROW 8100

typedef struct Advice
{
	Relation	index;
	Relation	table;
	const char *index_name;		/* in SQL */
	const char *table_name;
	const char *column;			/* of the vector, in SQL; NULL: it is an expression */
	VecGraphStore store;
	VecGraphSurvey found;
	TupleDesc	descriptor;
	Tuplestorestate *rows;
} Advice;

static const char *
name_of(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
}

/* A row of the result. */
static void
advise(Advice *advice, const char *topic, const char *text, const char *statement)
{
	Datum		values[3] = {CStringGetTextDatum(topic), CStringGetTextDatum(text), CStringGetTextDatum(statement)};
	bool		nulls[3] = {false, false, false};

	tuplestore_putvalues(advice->rows, advice->descriptor, values, nulls);
}

static const char *
rebuild(const Advice *advice)
{
	return psprintf("REINDEX INDEX CONCURRENTLY %s", advice->index_name);
}

static void
advise_on_graph(Advice *advice)
{
	const VecGraphSurvey *found = &advice->found;
	const VxMeta *meta = &advice->store.index.meta;
	uint64		live = found->slots[VX_SLOT_LIVE];
	uint64		nodes = live + found->slots[VX_SLOT_TIDS];
	char	   *differing = vecgraph_differing_options(advice->index, meta);

	if (found->unreachable > 0)
		advise(advice, "unreachable", psprintf("%llu of %llu nodes cannot be reached by a search, and come only at its end. A build links them again.",
											   (unsigned long long) found->unreachable, (unsigned long long) live), rebuild(advice));
	if (found->slots[VX_SLOT_FREE] >= LEAST_NODES && (double) found->slots[VX_SLOT_FREE] > MOST_FREE * (double) nodes)
		advise(advice, "reindex", psprintf("%llu slots are free and %llu in use. Later rows will take them; a build makes the index smaller.",
										   (unsigned long long) found->slots[VX_SLOT_FREE], (unsigned long long) nodes), rebuild(advice));
	if (differing != NULL)
		advise(advice, "options", psprintf("The index is not what its options ask for. They differ in: %s.", differing), rebuild(advice));
	if (found->tids >= LEAST_NODES && (double) found->tids > MOST_TWINS * (double) live)
		advise(advice, "duplicates", psprintf("%llu rows have %llu different vectors: the nearest rows of a query are copies of few.",
											  (unsigned long long) found->tids, (unsigned long long) live),
			   advice->column == NULL
			   ? psprintf("SELECT * FROM %s", advice->table_name)
			   : psprintf("SELECT %s, pg_catalog.count(*) FROM %s GROUP BY 1 HAVING pg_catalog.count(*) > 1 ORDER BY 2 DESC",
						  advice->column, advice->table_name));
}

static void
advise_on_codes(Advice *advice)
{
	const VecGraphSurvey *found = &advice->found;
	const VxMeta *meta = &advice->store.index.meta;
	Oid			schema = get_func_namespace(index_getprocid(advice->index, 1, VECGRAPH_PROC_SUPPORT));
	const char *fit = psprintf("SELECT %s(%s)", quote_qualified_identifier(get_namespace_name(schema), "vecgraph_train"),
							   quote_literal_cstr(advice->index_name));

	if (meta->code_kind == VX_CODES_NONE)
		return;
	/* codes that are yet to be trained are of another kind than the options ask for */
	if (found->measured && meta->fitted_error > 0 && found->slots[VX_SLOT_LIVE] >= VECGRAPH_TRAINING_ROWS
		&& found->code_error >= VECGRAPH_DRIFT_TO_FIT * (double) meta->fitted_error)
		advise(advice, "drift", psprintf("The codes lose %.1f times as much of the vectors as when they were fitted, to %u of them.",
										 found->code_error / (double) meta->fitted_error, meta->fitted_nodes), fit);
	if (meta->metric == VX_METRIC_IP && meta->usual_norm2 > 0 && meta->max_norm2 >= vx_space_norm_bound(meta->usual_norm2))
		advise(advice, "wild", psprintf("A few vectors are very much longer than others: nine tenths are not longer than %g. They are near to all queries by inner product. "
										"If they are errors, delete them first.", sqrt(meta->usual_norm2)), fit);
}

static void
advise_on_cache(Advice *advice)
{
	const VecGraphIndex *index = &advice->store.index;
	Size		room = vecgraph_cache_capacity();
	Size		wanted;

	if (index->codes == NULL || !advice->store.computer.ops->scores_codes || advice->found.bound == 0)
		return;
	wanted = ((Size) (advice->found.bound - 1) / index->codes->view.ids_per_chunk + 1) * VECGRAPH_CHUNK_BYTES;
	if (wanted <= room)
		return;
	/* and some for other indexes, and for what the cache is managed by */
	advise(advice, "cache", psprintf("The codes of the index want %zu MB of the cache, which has %zu MB for all. The rest is read from pages. Restart the server after this.",
									 wanted / (1024 * 1024) + 1, room / (1024 * 1024)),
		   psprintf("ALTER SYSTEM SET vecgraph.cache_size = '%zuMB'", (room + wanted + wanted / 16) / (1024 * 1024) + 2));
}

/* Whether the values of the column are out of line, mostly; *longest is how long they are. */
static bool
is_toasted(const Advice *advice, AttrNumber attribute, Size *longest)
{
	TableScanDesc scan = table_beginscan(advice->table, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(advice->table, NULL);
	int			rows = 0;
	int			outside = 0;

	*longest = 0;
	while (rows < SAMPLED_ROWS && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, attribute, &isnull);

		if (isnull)
			continue;
		rows++;
		outside += VARATT_IS_EXTERNAL(DatumGetPointer(value));
		*longest = Max(*longest, toast_raw_datum_size(value));
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	return outside * 2 > rows;
}

static void
advise_on_table(Advice *advice)
{
	AttrNumber	attribute = advice->index->rd_index->indkey.values[0];
	Size		longest;

	if (attribute == 0 || TupleDescAttr(RelationGetDescr(advice->table), attribute - 1)->attlen != -1
		|| !is_toasted(advice, attribute, &longest) || longest > LONGEST_IN_ROW)
		return;
	if (RelationGetToastTupleTarget(advice->table, TOAST_TUPLE_TARGET) < TOAST_TUPLE_TARGET_MAIN)
		advise(advice, "toast", "The vectors are out of line (TOAST), but would fit the row: reading the table takes several times as long. This is for rows that are written from now on.",
			   psprintf("ALTER TABLE %s SET (toast_tuple_target = %d)", advice->table_name, (int) TOAST_TUPLE_TARGET_MAIN));
	advise(advice, "toast", "Rows that are there get their vectors back when the table is written anew. Nobody can use it meanwhile.",
		   psprintf("VACUUM FULL %s", advice->table_name));
}

static void
advise_on_memory(Advice *advice)
{
	const VxMeta *meta = &advice->store.index.meta;
	double		bytes;

	/* how long the others are is not known here */
	if (meta->form != VX_FORM_DENSE && meta->form != VX_FORM_BITS)
		return;
	bytes = vecgraph_build_memory(meta, (double) advice->found.slots[VX_SLOT_LIVE],
								  meta->form == VX_FORM_BITS ? meta->dim / 8.0 : meta->dim * (double) sizeof(float));
	if (bytes > maintenance_work_mem * 1024.0)
		advise(advice, "memory", psprintf("To build the index again in memory, which is faster, takes %.0f MB; maintenance_work_mem is %d MB.",
										  ceil(bytes / (1024 * 1024)), maintenance_work_mem / 1024),
			   psprintf("SET maintenance_work_mem = '%.0fMB'", ceil(bytes * 1.05 / (1024 * 1024)) + 1));
}

/*
 * vecgraph_advice(index regclass) returns setof (topic text, advice text, statement text). Reads the whole index. For its owner. Errors: those of
 * vecgraph_survey.
 */
VECIDX_SQL_FUNCTION(vecgraph_advice);
Datum
vecgraph_advice(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;
	Advice		advice = {0};
	AttrNumber	attribute;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vecgraph_advice returns a set of rows, which is not wanted here")));
	before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &advice.descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	advice.rows = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = advice.rows;
	info->setDesc = advice.descriptor;
	MemoryContextSwitchTo(before);

	advice.index = vecgraph_open_index_and_table(PG_GETARG_OID(0), AccessShareLock, AccessShareLock, &advice.table);
	advice.index_name = name_of(advice.index);
	advice.table_name = name_of(advice.table);
	attribute = advice.index->rd_index->indkey.values[0];
	if (attribute != 0)
		advice.column = quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(advice.table), attribute - 1)->attname));
	vecgraph_survey(advice.index, &advice.store, &advice.found);
	advise_on_graph(&advice);
	advise_on_codes(&advice);
	advise_on_cache(&advice);
	advise_on_table(&advice);
	advise_on_memory(&advice);
	relation_close(advice.index, AccessShareLock);
	table_close(advice.table, AccessShareLock);
	return (Datum) 0;
}
