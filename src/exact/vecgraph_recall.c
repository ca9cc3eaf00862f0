/*
 * vecgraph_recall.c: how many of the rows that are exactly nearest to a query an index finds.
 *
 * Each query is asked twice, under one snapshot: by the index, as an ORDER BY ... LIMIT of the caller's would be, with all his settings of
 * scans, and exactly. All that reads the table is SQL, run with the caller's rights and under row security. The exact way is the batch of
 * vecidx_knn.c where vectors are arrays of floats, and else a sort of the whole table for each query. The planner is told which indexes the
 * table has: this one and no other for the one way, none at all for the other. So the exact way cannot be by an approximate index, of
 * whatever access method; and that the other is by this index is looked up in its plan.
 *
 * Queries are rows of the table, each left out of its own answer, or are given. A row that the index has found is right if it is one of the
 * k nearest or as near as the k-th, by the operator itself: at one distance any row will do.
 *
 * A condition is the caller's own SQL, but it must be one expression and nothing else. What an index has of expressions may be somebody
 * else's: functions in them must be of roles that could do what the caller may do anyway.
 */
#include "pg/vecidx_compat.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "optimizer/plancat.h"
#include "parser/parser.h"
#include "portability/instr_time.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "am/vecgraph.h"
#include "core/vx_rng.h"
#include "exact/vecgraph_recall.h"
#include "exact/vecidx_knn.h"

/* A query, and what has become of it. */
typedef struct RecallQuery
{
	Datum		value;
	ItemPointerData row;		/* that it is of; invalid: of none */
	int			number;			/* from 1 */
	uint32		expected;		/* rows that there are to be found, at most k */
	uint32		found;
	double		index_ms;
} RecallQuery;

typedef struct Recall
{
	Relation	index;
	Relation	table;
	const VecGraphOpclass *opclass;
	int			k;
	Oid			argument;		/* the type of queries */
	int16		length;			/* of that type */
	bool		by_value;
	const char *from;			/* SQL: of the table's rows those of the index, and of the condition */
	const char *distance;		/* SQL: from $1 */
	const char *expression;		/* SQL: the vector */
	SPIPlanPtr	by_index;
	SPIPlanPtr	ties;

	RecallQuery *queries;		/* [count] */
	uint32		count;
	uint32		seen;			/* rows, of which queries are a sample */
	VxRng		rng;
	double		exact_ms;		/* for all queries */
} Recall;

/* ---- which indexes the planner knows ---- */

/* While a query of this file is planned or run: of this table it knows no index but this one (or none). */
typedef struct KnownIndex
{
	Oid			table;
	Oid			index;
} KnownIndex;

static KnownIndex known;
static get_relation_info_hook_type previous_relation_info_hook;

static void
hide_indexes(PlannerInfo *root, Oid table, bool inherits, RelOptInfo *rel)
{
	ListCell   *cell;

	if (previous_relation_info_hook)
		previous_relation_info_hook(root, table, inherits, rel);
	if (table != known.table)
		return;
	foreach(cell, rel->indexlist)
	{
		IndexOptInfo *index = lfirst(cell);

		if (index->indexoid != known.index)
			rel->indexlist = foreach_delete_current(rel->indexlist, cell);
	}
}

void
vecgraph_init_recall(void)
{
	previous_relation_info_hook = get_relation_info_hook;
	get_relation_info_hook = hide_indexes;
}

static void
know_only(const Recall *recall, Oid index)
{
	known.table = RelationGetRelid(recall->table);
	known.index = index;
}

/* ---- the condition, and what an index has of expressions ---- */

/* Errors of the parser are about the condition, not about the statement that has called this. */
static void
point_into_condition(void *condition)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(condition);
}

/* Errors: the condition is no expression, or more than one. Then it may stand in parentheses anywhere. */
static void
check_condition(char *condition)
{
	ErrorContextCallback callback = {.previous = error_context_stack,.callback = point_into_condition,.arg = condition};
	SelectStmt *parsed;

	error_context_stack = &callback;
	parsed = castNode(SelectStmt, linitial_node(RawStmt, raw_parser(condition, RAW_PARSE_PLPGSQL_EXPR))->stmt);
	error_context_stack = callback.previous;
	if (list_length(parsed->targetList) != 1 || linitial_node(ResTarget, parsed->targetList)->name != NULL
		|| parsed->distinctClause != NIL || parsed->fromClause != NIL || parsed->whereClause != NULL || parsed->groupClause != NIL
		|| parsed->havingClause != NULL || parsed->windowClause != NIL || parsed->sortClause != NIL || parsed->limitOffset != NULL
		|| parsed->limitCount != NULL || parsed->lockingClause != NIL || parsed->op != SETOP_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a condition must be one expression"),
				 errdetail("It is \"%s\".", condition)));
}

/* Fails unless what a role has made may be run: the role could do all that the current user can. */
static void
check_maker(Oid role, const char *kind, const char *name, const Recall *recall)
{
	if (!has_privs_of_role(role, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("index \"%s\" would use %s %s of another role with your rights", RelationGetRelationName(recall->index), kind, name),
				 errhint("Call this as role \"%s\" (SET ROLE).", GetUserNameFromId(role, false))));
}

static bool
check_function(Oid function, void *context)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	check_maker(form->proowner, "function", NameStr(form->proname), context);
	ReleaseSysCache(tuple);
	return false;
}

static bool
check_makers(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain))
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(((CoerceToDomain *) node)->resulttype));
		Form_pg_type form;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", ((CoerceToDomain *) node)->resulttype);
		form = (Form_pg_type) GETSTRUCT(tuple);
		check_maker(form->typowner, "domain", NameStr(form->typname), context);
		ReleaseSysCache(tuple);
	}
	check_functions_in_node(node, check_function, context);
	return expression_tree_walker(node, check_makers, context);
}

/*
 * Of the index's expressions or its predicate, an attribute of pg_index: as they were written. The relation's own lists are folded and inlined: to make
 * them runs functions of constants, and leaves others out.
 */
static void
check_makers_of(AttrNumber attribute, Recall *recall)
{
	bool		isnull;
	Datum		expressions = SysCacheGetAttr(INDEXRELID, recall->index->rd_indextuple, attribute, &isnull);

	if (!isnull)
		check_makers(stringToNode(TextDatumGetCString(expressions)), recall);
}

/* SQL for the predicate of a partial index; NULL if it has none. */
static char *
predicate_of(Relation index)
{
	bool		isnull;
	Datum		predicate = SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indpred, &isnull);

	if (isnull)
		return NULL;
	return TextDatumGetCString(DirectFunctionCall2(pg_get_expr, predicate, ObjectIdGetDatum(index->rd_index->indrelid)));
}

/* The SQL that all queries are made of. */
static void
begin_sql(Recall *recall, const char *condition)
{
	Oid			operator = get_opfamily_member(recall->index->rd_opfamily[0], recall->argument, recall->argument, VECGRAPH_STRATEGY_DISTANCE);
	char	   *predicate = predicate_of(recall->index);
	StringInfoData from;

	check_makers_of(Anum_pg_index_indexprs, recall);
	check_makers_of(Anum_pg_index_indpred, recall);
	recall->expression = TextDatumGetCString(DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(RelationGetRelid(recall->index)),
																 Int32GetDatum(1), BoolGetDatum(false)));
	recall->distance = psprintf("(%s) OPERATOR(%s.%s) $1", recall->expression,
								quote_identifier(get_namespace_name(get_func_namespace(get_opcode(operator)))), get_opname(operator));
	initStringInfo(&from);
	appendStringInfo(&from, "ONLY %s WHERE (%s) IS NOT NULL",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(recall->table)), RelationGetRelationName(recall->table)),
					 recall->expression);
	if (predicate != NULL)
		appendStringInfo(&from, " AND (%s)", predicate);
	/* a comment at its end ends with its line */
	if (condition != NULL)
		appendStringInfo(&from, " AND (%s\n)", condition);
	recall->from = from.data;
}

/* ---- queries ---- */

#define FIRST_QUERIES 128

/* What takes rows of the table to be queries. */
typedef struct SampleReceiver
{
	DestReceiver receiver;		/* first: what the server calls with rows */
	Recall	   *recall;
	uint32		wanted;
	uint32		capacity;		/* of the array of queries */
} SampleReceiver;

/* DestReceiver.receiveSlot: the place of a row, which takes that of another by chance. */
static bool
sample_row(TupleTableSlot *slot, DestReceiver *self)
{
	SampleReceiver *sample = (SampleReceiver *) self;
	Recall	   *recall = sample->recall;
	uint32		at = recall->count;
	bool		isnull;
	Datum		row = slot_getattr(slot, 1, &isnull);

	if (at < sample->wanted)
	{
		if (recall->count++ == sample->capacity)
		{
			sample->capacity = Min(vx_grown(sample->capacity, FIRST_QUERIES), sample->wanted);
			recall->queries = repalloc_huge(recall->queries, sample->capacity * sizeof(RecallQuery));
		}
		memset(&recall->queries[at], 0, sizeof(RecallQuery));
	}
	else if (recall->seen < PG_UINT32_MAX)
		at = vx_rng_below(&recall->rng, recall->seen + 1);
	if (recall->seen < PG_UINT32_MAX)
		recall->seen++;
	if (at < sample->wanted)
		recall->queries[at].row = *(ItemPointer) DatumGetPointer(row);
	return true;
}

static void
sample_starts(DestReceiver *self, int operation, TupleDesc row)
{
}

static void
sample_ends(DestReceiver *self)
{
}

/* An array of places [n] of rows. */
static Datum
tids_datum(const ItemPointerData *tids, uint32 n)
{
	Datum	   *values = palloc(Max(n, 1) * sizeof(Datum));

	for (uint32 i = 0; i < n; i++)
		values[i] = PointerGetDatum(&tids[i]);
	return PointerGetDatum(construct_array(values, (int) n, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

static void
check_executed(int result)
{
	if (result < 0)
		elog(ERROR, "vecgraph_recall could not read the table: %s", SPI_result_code_string(result));
}

static void
set_for_now(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Takes a sample of the rows: any as likely as another, and with one seed the same for as long as the table stays as it is. */
static void
sample_queries(Recall *recall, uint32 wanted, MemoryContext context)
{
	SampleReceiver sample = {
		.receiver = {.receiveSlot = sample_row,.rStartup = sample_starts,.rShutdown = sample_ends,.rDestroy = sample_ends,.mydest = DestNone},
		.recall = recall,
		.wanted = wanted,
		.capacity = Min(wanted, FIRST_QUERIES),
	};
	SPIExecuteOptions options = {.read_only = true,.dest = &sample.receiver};
	Oid			types[1] = {TIDARRAYOID};
	Datum		arguments[1];
	ItemPointerData *tids;
	int			guc_level = NewGUCNestLevel();

	recall->queries = MemoryContextAlloc(context, sample.capacity * sizeof(RecallQuery));
	know_only(recall, InvalidOid);
	/* which rows it is of depends on their order: that of the table, whoever else reads it */
	set_for_now("max_parallel_workers_per_gather", "0");
	set_for_now("synchronize_seqscans", "off");
	check_executed(SPI_execute_extended(psprintf("SELECT ctid FROM %s", recall->from), &options));
	AtEOXact_GUC(true, guc_level);

	tids = palloc(Max(recall->count, 1) * sizeof(ItemPointerData));
	for (uint32 i = 0; i < recall->count; i++)
		tids[i] = recall->queries[i].row;
	qsort(tids, recall->count, sizeof(ItemPointerData), compare_tids);
	arguments[0] = tids_datum(tids, recall->count);
	check_executed(SPI_execute_with_args(psprintf("SELECT ctid, %s FROM %s AND ctid = ANY ($1) ORDER BY 1", recall->expression, recall->from),
										 1, types, arguments, NULL, true, 0));
	recall->count = (uint32) Min(SPI_processed, recall->count);
	for (uint32 i = 0; i < recall->count; i++)
	{
		RecallQuery *query = &recall->queries[i];
		bool		isnull;
		Datum		value;
		MemoryContext before;

		query->row = *(ItemPointer) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		query->number = (int) i + 1;
		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull);
		before = MemoryContextSwitchTo(context);
		query->value = recall->length == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) : datumCopy(value, recall->by_value, recall->length);
		MemoryContextSwitchTo(before);
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
take_queries(Recall *recall, ArrayType *array)
{
	char		alignment;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (getBaseType(ARR_ELEMTYPE(array)) != recall->argument)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("queries of index \"%s\" are of type %s, not %s", RelationGetRelationName(recall->index),
						format_type_be(recall->argument), format_type_be(ARR_ELEMTYPE(array)))));
	get_typlenbyvalalign(recall->argument, &recall->length, &recall->by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), recall->length, recall->by_value, alignment, &elements, &nulls, &count);
	recall->queries = MemoryContextAllocHuge(CurrentMemoryContext, Max(count, 1) * sizeof(RecallQuery));
	for (int i = 0; i < count; i++)
		if (!nulls[i])
		{
			RecallQuery *query = &recall->queries[recall->count++];

			memset(query, 0, sizeof(RecallQuery));
			query->value = PointerGetDatum(PG_DETOAST_DATUM(elements[i]));
			query->number = i + 1;
		}
}

/* ---- the answer of the index ---- */

/* So many rows are asked for, as one may be the query's own. */
static int
rows_asked(const Recall *recall)
{
	return recall->count > 0 && ItemPointerIsValid(&recall->queries[0].row) ? recall->k + 1 : recall->k;
}

static SPIPlanPtr
prepare(const char *sql, int arguments, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(sql, arguments, types);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* Plans the query that the index answers, and makes sure that it does. Settings are those of this query. */
static void
plan_by_index(Recall *recall)
{
	CachedPlan *cached;
	Plan	   *plan;

	know_only(recall, RelationGetRelid(recall->index));
	recall->by_index = prepare(psprintf("SELECT ctid FROM %s ORDER BY %s LIMIT %d", recall->from, recall->distance, rows_asked(recall)),
							   1, &recall->argument);
	cached = SPI_plan_get_cached_plan(recall->by_index);
	plan = cached == NULL ? NULL : linitial_node(PlannedStmt, cached->stmt_list)->planTree;
	while (plan != NULL && !(IsA(plan, IndexScan) && ((IndexScan *) plan)->indexid == RelationGetRelid(recall->index)))
		plan = plan->lefttree;
	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" cannot answer this query", RelationGetRelationName(recall->index)),
				 errdetail("The planner would rather read the table.")));
	ReleaseCachedPlan(cached, NULL);
}

static inline double
milliseconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_MILLISEC(now);
}

/* Of the rows that are not among those expected, how many are as near as the farthest of these. */
static uint32
count_ties(Recall *recall, Datum query, const ItemPointerData *rows, uint32 n, const ItemPointerData *farthest)
{
	Datum		arguments[3] = {query, tids_datum(rows, n), PointerGetDatum(farthest)};
	bool		isnull;
	int64		ties;

	know_only(recall, InvalidOid);
	check_executed(SPI_execute_plan(recall->ties, arguments, NULL, true, 0));
	ties = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return (uint32) ties;
}

/* Asks the index, and counts how many rows of its answer are among the expected ones [query->expected], nearest first, or as near. */
static void
ask_index(Recall *recall, RecallQuery *query, ItemPointerData *expected)
{
	ItemPointerData farthest = query->expected > 0 ? expected[query->expected - 1] : (ItemPointerData) {{0}};
	ItemPointerData *others;
	uint32		taken = 0;
	uint32		other_count = 0;
	instr_time	start;

	CHECK_FOR_INTERRUPTS();
	know_only(recall, RelationGetRelid(recall->index));
	INSTR_TIME_SET_CURRENT(start);
	check_executed(SPI_execute_plan(recall->by_index, &query->value, NULL, true, 0));
	query->index_ms = milliseconds_since(start);

	qsort(expected, query->expected, sizeof(ItemPointerData), compare_tids);
	others = palloc(Max(SPI_processed, 1) * sizeof(ItemPointerData));
	for (uint64 i = 0; i < SPI_processed && taken < (uint32) recall->k; i++)
	{
		bool		isnull;
		ItemPointer row = (ItemPointer) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

		if (ItemPointerIsValid(&query->row) && ItemPointerEquals(row, &query->row))
			continue;
		taken++;
		if (bsearch(row, expected, query->expected, sizeof(ItemPointerData), compare_tids) != NULL)
			query->found++;
		else
			others[other_count++] = *row;
	}
	SPI_freetuptable(SPI_tuptable);
	if (other_count > 0 && query->found < query->expected)
		query->found = Min(query->expected, query->found + count_ties(recall, query->value, others, other_count, &farthest));
	pfree(others);
}

/* ---- the exact answer ---- */

/* VecidxKnnTake: the exact answer to a query, also where it comes from SQL. Rows without a distance (NaN) are in no index. */
static void
take_exact(void *context, int number, const VecidxKnnNeighbour *nearest, uint32 n)
{
	Recall	   *recall = context;
	RecallQuery *query = &recall->queries[number];
	ItemPointerData *expected = palloc(Max(n, 1) * sizeof(ItemPointerData));

	for (uint32 i = 0; i < n && query->expected < (uint32) recall->k; i++)
	{
		ItemPointer row = (ItemPointer) DatumGetPointer(nearest[i].key);

		if (!isnan(nearest[i].distance) && !(ItemPointerIsValid(&query->row) && ItemPointerEquals(row, &query->row)))
			expected[query->expected++] = *row;
	}
	ask_index(recall, query, expected);
	pfree(expected);
}

/* All queries by passes over the table that they share. */
static void
ask_batch(Recall *recall)
{
	const VecidxType *type = recall->opclass->type;
	VecidxKnnQuery *queries = palloc(recall->count * sizeof(VecidxKnnQuery));
	VecGraphSource source = {
		.table = RelationGetRelid(recall->table),
		.column = recall->expression,
		.typmod = -1,
		.type = type,
	};
	VecidxKnn	knn = {
		.sql = psprintf("SELECT ctid, %s FROM %s", recall->expression, recall->from),
		.key_type = TIDOID,
		.source = &source,
		.metric = recall->opclass->metric,
		.k = (uint32) rows_asked(recall),
		.dim = type->dim(recall->queries[0].value),
		.queries = queries,
		.query_count = recall->count,
	};
	instr_time	start;

	for (uint32 i = 0; i < recall->count; i++)
	{
		float	   *x = palloc(knn.dim * sizeof(float));

		type->floats(recall->queries[i].value, knn.dim, x);
		queries[i] = (VecidxKnnQuery)
		{
			.x = x,.number = (int) i
		};
	}
	know_only(recall, InvalidOid);
	INSTR_TIME_SET_CURRENT(start);
	vecidx_knn_search(&knn, take_exact, recall);
	recall->exact_ms = milliseconds_since(start);
	/* which were asked in between */
	for (uint32 i = 0; i < recall->count; i++)
		recall->exact_ms = Max(recall->exact_ms - recall->queries[i].index_ms, 0);
}

/* One query after the other by sorting the table. */
static void
ask_table(Recall *recall)
{
	SPIPlanPtr	plan;

	know_only(recall, InvalidOid);
	plan = prepare(psprintf("SELECT ctid, %s FROM %s ORDER BY 2, 1 LIMIT %d", recall->distance, recall->from, rows_asked(recall)),
				   1, &recall->argument);
	for (uint32 q = 0; q < recall->count; q++)
	{
		VecidxKnnNeighbour *nearest;
		SPITupleTable *rows;
		uint32		n = 0;
		instr_time	start;

		CHECK_FOR_INTERRUPTS();
		know_only(recall, InvalidOid);
		INSTR_TIME_SET_CURRENT(start);
		check_executed(SPI_execute_plan(plan, &recall->queries[q].value, NULL, true, 0));
		recall->exact_ms += milliseconds_since(start);
		rows = SPI_tuptable;
		nearest = palloc(Max(SPI_processed, 1) * sizeof(VecidxKnnNeighbour));
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;

			nearest[n].key = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &nearest[n].null_key);
			nearest[n].distance = DatumGetFloat8(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
			n += !isnull;
		}
		take_exact(recall, (int) q, nearest, n);
		pfree(nearest);
		SPI_freetuptable(rows);
	}
}

/* ---- measuring ---- */

/* Asks all queries, or if there are none yet, a sample of the rows. */
static void
measure(Recall *recall, uint32 sample)
{
	MemoryContext context = CurrentMemoryContext;
	KnownIndex	before = known;
	int			guc_level = NewGUCNestLevel();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	PG_TRY();
	{
		Oid			tie_types[3] = {recall->argument, TIDARRAYOID, TIDOID};

		/* beside the only index there is the table itself to choose; and plans for each query anew would be timed, too */
		set_for_now("plan_cache_mode", "force_generic_plan");
		set_for_now("enable_tidscan", "on");
		if (recall->queries == NULL)
			sample_queries(recall, sample, context);
		set_for_now("enable_tidscan", "off");
		set_for_now("enable_seqscan", "off");
		set_for_now("enable_indexscan", "on");
		if (recall->count > 0)
		{
			plan_by_index(recall);
			set_for_now("enable_tidscan", "on");
			know_only(recall, InvalidOid);
			recall->ties = prepare(psprintf("SELECT pg_catalog.count(*) FROM %s AND ctid = ANY ($2) AND "
											"%s OPERATOR(pg_catalog.<=) (SELECT %s FROM %s AND ctid = $3)",
											recall->from, recall->distance, recall->distance, recall->from), 3, tie_types);
			if (recall->opclass->type->floats != NULL)
				ask_batch(recall);
			else
				ask_table(recall);
		}
	}
	PG_FINALLY();
	{
		known = before;
	}
	PG_END_TRY();
	SPI_finish();
	AtEOXact_GUC(true, guc_level);
}

/*
 * The 95 % interval of a mean of n recalls: Wilson's, for as many independent rows as the recalls vary as if there were (Korn and Graubard 1998). Their
 * variance is taken with a query more, that has found half of its rows: where all have found the same, that says little of others.
 */
static void
interval_of(const Recall *recall, uint32 n, double mean, double *low, double *high)
{
	const double z = 1.96;
	double		with_half = (mean * n + 0.5) / (n + 1);
	double		sum2 = (0.5 - with_half) * (0.5 - with_half);
	double		rows;
	double		middle;
	double		half_width;

	for (uint32 i = 0; i < recall->count; i++)
		if (recall->queries[i].expected > 0)
		{
			double		off = (double) recall->queries[i].found / recall->queries[i].expected - with_half;

			sum2 += off * off;
		}
	/* the variance of the mean is sum2 / n / (n + 1), that of rows is with_half * (1 - with_half) */
	rows = sum2 > 0 ? with_half * (1 - with_half) * n * (n + 1.0) / sum2 : n;
	rows = Min(rows, (double) n * recall->k);
	middle = (mean + z * z / (2 * rows)) / (1 + z * z / rows);
	half_width = z / (1 + z * z / rows) * sqrt(mean * (1 - mean) / rows + z * z / (4 * rows * rows));
	/* which rounding would miss by a bit */
	*low = mean > 0 ? Max(middle - half_width, 0) : 0;
	*high = mean < 1 ? Min(middle + half_width, 1) : 1;
}

/* One record: queries, recall, its interval, milliseconds a query. */
static Datum
summary(FunctionCallInfo fcinfo, const Recall *recall)
{
	TupleDesc	descriptor;
	Datum		values[6] = {0};
	bool		nulls[6] = {false, true, true, true, true, true};
	uint32		n = 0;
	double		sum = 0;
	double		index_ms = 0;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (uint32 i = 0; i < recall->count; i++)
	{
		const RecallQuery *query = &recall->queries[i];

		index_ms += query->index_ms;
		if (query->expected == 0)
			continue;
		sum += (double) query->found / query->expected;
		n++;
	}
	values[0] = Int32GetDatum(n);
	if (n > 0)
	{
		double		low;
		double		high;

		interval_of(recall, n, sum / n, &low, &high);
		values[1] = Float8GetDatum(sum / n);
		values[2] = Float8GetDatum(low);
		values[3] = Float8GetDatum(high);
		nulls[1] = nulls[2] = nulls[3] = false;
	}
	if (recall->count > 0)
	{
		values[4] = Float8GetDatum(index_ms / recall->count);
		values[5] = Float8GetDatum(recall->exact_ms / recall->count);
		nulls[4] = nulls[5] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

/* A row for each query. */
static Datum
rows_of(FunctionCallInfo fcinfo, const Recall *recall)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	TupleDesc	descriptor;
	Tuplestorestate *store;
	MemoryContext before;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vecgraph_recall_queries returns a set of rows, which is not wanted here")));
	before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	store = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = store;
	info->setDesc = descriptor;
	MemoryContextSwitchTo(before);
	for (uint32 i = 0; i < recall->count; i++)
	{
		const RecallQuery *query = &recall->queries[i];
		Datum		values[6] = {
			Int32GetDatum(query->number),
			PointerGetDatum(&query->row),
			Int32GetDatum((int32) query->expected),
			Int32GetDatum((int32) query->found),
			Float8GetDatum(query->expected > 0 ? (double) query->found / query->expected : 0),
			Float8GetDatum(query->index_ms),
		};
		bool		nulls[6] = {false, !ItemPointerIsValid(&query->row), false, false, query->expected == 0, false};

		tuplestore_putvalues(store, descriptor, values, nulls);
	}
	return (Datum) 0;
}

/*
 * What all four functions do. With queries: (index regclass, queries anyarray, k integer, condition text), without: (index regclass, k integer,
 * sample integer, condition text, seed integer). NULL, but as a condition, makes the result NULL, or no rows.
 */
static Datum
recall_of(FunctionCallInfo fcinfo, bool given, bool by_rows)
{
	Recall		recall = {0};
	int			k_argument = given ? 2 : 1;
	char	   *condition = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	int			sample = 0;

	for (int i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && i != 3)
		{
			if (by_rows)
				return rows_of(fcinfo, &recall);
			PG_RETURN_NULL();
		}
	recall.k = PG_GETARG_INT32(k_argument);
	if (recall.k < 1 || recall.k == PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of nearest rows must be from 1 to %d, not %d", PG_INT32_MAX - 1, recall.k)));
	if (!given)
	{
		sample = PG_GETARG_INT32(2);
		if (sample < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the number of queries must be at least 1, not %d", sample)));
		recall.rng.state = (uint32) PG_GETARG_INT32(4);
	}
	recall.index = vecgraph_open_index_to_read(PG_GETARG_OID(0), &recall.table);
	recall.opclass = vecgraph_opclass(recall.index);
	recall.argument = recall.index->rd_opcintype[0];
	get_typlenbyval(recall.argument, &recall.length, &recall.by_value);
	if (condition != NULL)
		check_condition(condition);
	begin_sql(&recall, condition);
	if (given)
		take_queries(&recall, PG_GETARG_ARRAYTYPE_P(1));
	measure(&recall, (uint32) sample);
	relation_close(recall.index, AccessShareLock);
	relation_close(recall.table, AccessShareLock);
	return by_rows ? rows_of(fcinfo, &recall) : summary(fcinfo, &recall);
}

/*
 * vecgraph_recall(index regclass, k integer, sample integer, condition text, seed integer) returns (queries integer, recall, recall_low,
 * recall_high, index_ms, exact_ms double precision)
 */
VECIDX_SQL_FUNCTION(vecgraph_recall);
Datum
vecgraph_recall(PG_FUNCTION_ARGS)
{
	return recall_of(fcinfo, false, false);
}

/* vecgraph_recall(index regclass, queries anyarray, k integer, condition text) returns the same */
VECIDX_SQL_FUNCTION(vecgraph_recall_given);
Datum
vecgraph_recall_given(PG_FUNCTION_ARGS)
{
	return recall_of(fcinfo, true, false);
}

/*
 * vecgraph_recall_queries(as vecgraph_recall) returns setof (query integer, row tid, expected integer, found integer, recall double precision,
 * index_ms double precision)
 */
VECIDX_SQL_FUNCTION(vecgraph_recall_queries);
Datum
vecgraph_recall_queries(PG_FUNCTION_ARGS)
{
	return recall_of(fcinfo, false, true);
}

VECIDX_SQL_FUNCTION(vecgraph_recall_queries_given);
Datum
vecgraph_recall_queries_given(PG_FUNCTION_ARGS)
{
	return recall_of(fcinfo, true, true);
}
