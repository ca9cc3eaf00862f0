/*
 * vecidx_shards.c: one search of many tables: the partitions or children of a table, which may be foreign tables, on other servers.
 *
 * What the planner makes of ORDER BY ... LIMIT over partitions merges them in order: the servers of foreign ones are asked one after the other
 * as rows are wanted, and none is told of the LIMIT. Here each shard is asked for its own nearest rows, by a sub-select with a LIMIT, which a
 * foreign table sends to its server, and the sub-selects are the parts of a UNION ALL in a WITH that is MATERIALIZED: nobody wants it in an
 * order, so it becomes an Append, which asks all servers (async_capable) at the same time. The query and the LIMIT are constants in the
 * text, since a LIMIT that is a parameter is not sent.
 *
 * The statement is made anew by each call, from the shards that there are then: none is left out. It is run as the caller's own, with
 * the caller's rights on each shard, so under the policies of shards; that of a table whose own policies would apply fails.
 */
#include "shards/vecidx_shards.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* What is searched, and for what. */
typedef struct ShardSearch
{
	Relation	table;			/* of whose shards */
	const char *column;			/* with the vectors */
	Oid			type;			/* its type, or what that is a domain over */
	bool		is_domain;
	int32		typmod;
	Oid			operator;		/* that measures */
	char	   *query;			/* the text of the vector */
	int64		k;
	char	   *condition;		/* SQL, or NULL */
} ShardSearch;

/* Operators by metric, as users know them. */
static const struct
{
	const char *metric;
	const char *operator;
}			metric_operators[] = {
	{"l2", "<->"}, {"ip", "<#>"}, {"cosine", "<=>"}, {"l1", "<+>"}, {"hamming", "<~>"}, {"jaccard", "<%>"}
};

/* The operator of that name among those that vecgraph orders values of a type by; they may be another extension's. InvalidOid: none. */
static Oid
ordering_operator(Oid type, const char *name)
{
	Relation	operators = table_open(AccessMethodOperatorRelationId, AccessShareLock);
	Oid			method = get_index_am_oid("vecgraph", false);
	Oid			found = InvalidOid;
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_amop_amoplefttype, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(type));
	ScanKeyInit(&keys[1], Anum_pg_amop_amoprighttype, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(type));
	ScanKeyInit(&keys[2], Anum_pg_amop_amoppurpose, BTEqualStrategyNumber, F_CHAREQ, CharGetDatum(AMOP_ORDER));
	scan = systable_beginscan(operators, InvalidOid, false, NULL, lengthof(keys), keys);
	while (!OidIsValid(found) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_amop form = (Form_pg_amop) GETSTRUCT(tuple);
		char	   *its_name = get_opname(form->amopopr);

		if (form->amopmethod == method && its_name != NULL && strcmp(its_name, name) == 0)
			found = form->amopopr;
	}
	systable_endscan(scan);
	table_close(operators, AccessShareLock);
	return found;
}

static Oid
operator_of(Oid type, const char *metric)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < (int) lengthof(metric_operators); i++)
	{
		Oid			found = ordering_operator(type, metric_operators[i].operator);

		if (!OidIsValid(found))
			continue;
		if (pg_strcasecmp(metric, metric_operators[i].metric) == 0)
			return found;
		appendStringInfo(&valid, "%s\"%s\"", valid.len > 0 ? ", " : "", metric_operators[i].metric);
	}
	if (valid.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("values of type %s cannot be searched by distance", format_type_be(type))));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no metric \"%s\" for type %s", metric, format_type_be(type)),
			 errhint("Metrics are: %s.", valid.data)));
}

/* The query as text that the type of the column takes, whatever type it came as. Errors: it does not take it, or not of these dimensions. */
static char *
query_text(Datum query, Oid query_type, Oid type, int32 typmod)
{
	Oid			output;
	Oid			input;
	Oid			parameter;
	bool		is_varlena;
	char	   *text;

	getTypeOutputInfo(query_type, &output, &is_varlena);
	text = OidOutputFunctionCall(output, query);
	getTypeInputInfo(type, &input, &parameter);
	(void) OidInputFunctionCall(input, text, parameter, typmod);
	return text;
}

/* Fills in what is searched; table is open. Errors: no such column, no metric of that name, k, the query. */
static void
begin_search(ShardSearch *search, Relation table, const char *column, Datum query, Oid query_type, int64 k, const char *metric, char *condition)
{
	AttrNumber	attribute = get_attnum(RelationGetRelid(table), column);
	Oid			collation;

	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of nearest rows must be at least 1, not %lld", (long long) k)));
	if (attribute <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, RelationGetRelationName(table))));
	search->table = table;
	search->column = column;
	get_atttypetypmodcoll(RelationGetRelid(table), attribute, &search->type, &search->typmod, &collation);
	search->is_domain = get_typtype(search->type) == TYPTYPE_DOMAIN;
	search->type = getBaseTypeAndTypmod(search->type, &search->typmod);
	search->operator = operator_of(search->type, metric);
	search->query = query_text(query, query_type, search->type, search->typmod);
	search->k = k;
	search->condition = condition;
}

static char *
qualified_operator(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)), NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

/* Appends the columns of the table, by their names in a shard or in the WITH. */
static void
append_columns(StringInfo sql, const ShardSearch *search, const char *alias)
{
	TupleDesc	row = RelationGetDescr(search->table);
	const char *separator = "";

	for (int i = 0; i < row->natts; i++)
		if (!TupleDescAttr(row, i)->attisdropped)
		{
			appendStringInfo(sql, "%s%s.%s", separator, alias, quote_identifier(NameStr(TupleDescAttr(row, i)->attname)));
			separator = ", ";
		}
}

/* Fails if policies of the table are to choose among rows of its shards: queries of these are subject to their own policies alone. */
static void
check_policies(Relation table, List *shards)
{
	if ((list_length(shards) > 1 || (shards != NIL && linitial_oid(shards) != RelationGetRelid(table)))
		&& check_enable_rls(RelationGetRelid(table), InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("shards of \"%s\" cannot be searched under its row-level security", RelationGetRelationName(table)),
				 errdetail("Each shard would be asked by its own policies, not by those of the table.")));
}

/* The name of the distance among the columns of the WITH, which have others. */
static const char *
distance_name(const ShardSearch *search)
{
	char	   *name = pstrdup("distance");

	while (get_attnum(RelationGetRelid(search->table), name) != InvalidAttrNumber)
		name = psprintf("_%s", name);
	return quote_identifier(name);
}

static char *
statement_of(const ShardSearch *search)
{
	List	   *shards = vecidx_shards_of(search->table);
	/* bit without a length would else be the name of a type of length 1 */
	char	   *type = format_type_extended(search->type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);

	/* without the first cast it might be another operator, of a domain that the column is of */
	char	   *distance = psprintf("shard.%s%s%s %s %s::%s", quote_identifier(search->column), search->is_domain ? "::" : "", search->is_domain ? type : "",
									qualified_operator(search->operator), quote_literal_cstr(search->query), type);
	const char *name = distance_name(search);
	StringInfoData sql;
	ListCell   *cell;

	check_policies(search->table, shards);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "WITH found AS MATERIALIZED (");
	foreach(cell, shards)
	{
		appendStringInfoString(&sql, cell == list_head(shards) ? "\n\t(SELECT " : "\n\tUNION ALL (SELECT ");
		append_columns(&sql, search, "shard");
		appendStringInfo(&sql, ", %s AS %s FROM ONLY %s shard", distance, name, vecidx_qualified_name(lfirst_oid(cell)));
		/* on a line of its own, as it may end with a comment */
		if (search->condition != NULL)
			appendStringInfo(&sql, " WHERE (%s\n)", search->condition);
		appendStringInfo(&sql, " ORDER BY %s LIMIT " INT64_FORMAT ")", distance, search->k);
	}
	if (shards == NIL)
	{
		appendStringInfoString(&sql, "SELECT ");
		append_columns(&sql, search, "shard");
		appendStringInfo(&sql, ", NULL::double precision AS %s FROM %s shard WHERE false", name, vecidx_qualified_name(RelationGetRelid(search->table)));
	}
	appendStringInfoString(&sql, ")\nSELECT ");
	append_columns(&sql, search, "found");
	appendStringInfo(&sql, " FROM found ORDER BY found.%s LIMIT " INT64_FORMAT, name, search->k);
	return sql.data;
}

/*
 * vecidx_shards_sql(shards regclass, source_column name, query anycompatible, k bigint, metric text, condition text) returns text: the
 * statement that vecidx_shards runs, to be looked at or explained. condition may be NULL; NULL if anything else is. Errors: those of begin_search.
 */
VECIDX_SQL_FUNCTION(vecidx_shards_sql);
Datum
vecidx_shards_sql(PG_FUNCTION_ARGS)
{
	ShardSearch search;
	Relation	table;
	char	   *statement;

	for (int i = 0; i < 5; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	table = vecidx_shards_open(PG_GETARG_OID(0));
	begin_search(&search, table, NameStr(*PG_GETARG_NAME(1)), PG_GETARG_DATUM(2), get_fn_expr_argtype(fcinfo->flinfo, 2), PG_GETARG_INT64(3),
				 text_to_cstring(PG_GETARG_TEXT_PP(4)), PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5)));
	statement = statement_of(&search);
	relation_close(table, NoLock);
	PG_RETURN_TEXT_P(cstring_to_text(statement));
}

/* The table whose rows are of the type of an argument. Errors: that is no such type. */
static Oid
table_of_rows(Oid type)
{
	/* a domain has none: rows of other shards may not be what it allows */
	Oid			table = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("vecidx_shards wants rows of a table, not type %s", format_type_be(type)),
				 errhint("Write NULL::, and the name of the table.")));
	return table;
}

static void
describe_search(void *context)
{
	errcontext("search of the shards of \"%s\"", RelationGetRelationName(((const ShardSearch *) context)->table));
}

static void
run(ShardSearch *search, const VecidxRows *rows)
{
	ErrorContextCallback callback = {.previous = error_context_stack,.callback = describe_search,.arg = search};

	error_context_stack = &callback;
	vecidx_take_rows(statement_of(search), rows);
	error_context_stack = callback.previous;
}

/*
 * vecidx_shards(rows anyelement, source_column name, query anycompatible, k bigint, metric text, condition text) returns setof anyelement: the k
 * nearest rows of all shards of the table that has rows of this type, nearest first. Only the type of rows counts. condition: SQL, of the columns of
 * a shard, or NULL. No rows if anything else is NULL. Errors: those of begin_search and of the statement.
 */
VECIDX_SQL_FUNCTION(vecidx_shards);
Datum
vecidx_shards(PG_FUNCTION_ARGS)
{
	ShardSearch search;
	Relation	table = vecidx_shards_open(table_of_rows(get_fn_expr_argtype(fcinfo->flinfo, 0)));
	VecidxRows	rows;

	vecidx_begin_rows(fcinfo, RelationGetDescr(table), &rows);
	for (int i = 1; i < 5; i++)
		if (PG_ARGISNULL(i))
		{
			relation_close(table, NoLock);
			return (Datum) 0;
		}
	begin_search(&search, table, NameStr(*PG_GETARG_NAME(1)), PG_GETARG_DATUM(2), get_fn_expr_argtype(fcinfo->flinfo, 2), PG_GETARG_INT64(3),
				 text_to_cstring(PG_GETARG_TEXT_PP(4)), PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5)));
	run(&search, &rows);
	relation_close(table, NoLock);
	return (Datum) 0;
}
