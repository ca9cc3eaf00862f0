/*
 * vecidx_shards_check.c: whether what is searched together fits together, and what it takes to search foreign tables well.
 *
 * What a server has is asked of its view vecgraph_indexes, by a foreign table in the schema of the sharded table, vecgraph_indexes_at_ and the
 * name of the server. vecidx_shards_setup says how to make it.
 */
#include "shards/vecidx_shards.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#define REMOTE_VIEW "vecgraph_indexes"

/* The string that a list of options has; NULL if there is none of that name. */
static const char *
option_of(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return defGetString(lfirst_node(DefElem, cell));
	}
	return NULL;
}

/* The server of a foreign table; NULL for a table of another kind. */
static ForeignServer *
server_of(Oid table)
{
	return get_rel_relkind(table) == RELKIND_FOREIGN_TABLE ? GetForeignServer(GetForeignTable(table)->serverid) : NULL;
}

static bool
is_postgres(const ForeignServer *server)
{
	return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "postgres_fdw") == 0;
}

/* Cut to the length of a name, as that of a server may be too long for more. */
static char *
view_name(const ForeignServer *server)
{
	return makeObjectName(REMOTE_VIEW "_at", server->servername, NULL);
}

/* The name, as SQL has it, of the foreign table that shows the indexes of a server. */
static char *
view_of(Relation table, const ForeignServer *server)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
									  view_name(server));
}

static Oid
owner_of(Oid table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner = HeapTupleIsValid(tuple) ? ((Form_pg_class) GETSTRUCT(tuple))->relowner : InvalidOid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return owner;
}

/*
 * Whether there is that foreign table. It is found by its name, and read with the rights of whoever asks: so what somebody else has made of that name, who
 * may create tables in the schema but is not trusted with the sharded one, is none.
 */
static bool
has_view(Relation table, const ForeignServer *server)
{
	Oid			view = get_relname_relid(view_name(server), RelationGetNamespace(table));
	ForeignServer *its_server = OidIsValid(view) ? server_of(view) : NULL;

	return its_server != NULL && its_server->serverid == server->serverid && has_privs_of_role(owner_of(view), table->rd_rel->relowner);
}

/* ---- what to set up ---- */

/* Appends a statement as a row of a function that returns text. */
static void
add_statement(const VecidxRows *rows, char *statement)
{
	Datum		value = CStringGetTextDatum(statement);
	bool		isnull = false;

	tuplestore_putvalues(rows->store, rows->descriptor, &value, &isnull);
}

/* Statements for a server. extension: whose operators are to be sent; schema: where functions like this one are. */
static void
set_up(const VecidxRows *rows, Relation table, const ForeignServer *server, const char *extension, const char *schema)
{
	const char *name = quote_identifier(server->servername);
	const char *extensions = option_of(server->options, "extensions");
	const char *async = option_of(server->options, "async_capable");
	List	   *named = NIL;
	bool		ships = false;
	bool		asks_at_once;
	ListCell   *cell;

	if (extensions != NULL && SplitIdentifierString(pstrdup(extensions), ',', &named))
	{
		foreach(cell, named)
			ships |= strcmp(lfirst(cell), extension) == 0;
	}
	if (extensions == NULL)
		add_statement(rows, psprintf("ALTER SERVER %s OPTIONS (ADD extensions '%s')", name, extension));
	else if (!ships)
		add_statement(rows, psprintf("ALTER SERVER %s OPTIONS (SET extensions %s)", name,
									 quote_literal_cstr(psprintf("%s, %s", extensions, extension))));
	if (async == NULL)
		add_statement(rows, psprintf("ALTER SERVER %s OPTIONS (ADD async_capable 'true')", name));
	else if (!parse_bool(async, &asks_at_once) || !asks_at_once)
		add_statement(rows, psprintf("ALTER SERVER %s OPTIONS (SET async_capable 'true')", name));
	if (!has_view(table, server))
		add_statement(rows, psprintf("CREATE FOREIGN TABLE %s (table_schema text, table_name text, index_name text, indexed text, predicate text, valid boolean, "
									 "metric text, dimensions integer, storage text, codes text, codebook text, codebook_hash text) "
									 "SERVER %s OPTIONS (schema_name %s, table_name '" REMOTE_VIEW "')",
									 view_of(table, server), name, quote_literal_cstr(schema)));
}

/*
 * vecidx_shards_setup(shards regclass) returns setof text: the statements that are left to be run so that the foreign tables among the shards
 * are asked well and can be checked. None are run. Errors: not a table.
 */
VECIDX_SQL_FUNCTION(vecidx_shards_setup);
Datum
vecidx_shards_setup(PG_FUNCTION_ARGS)
{
	Relation	table = vecidx_shards_open(PG_GETARG_OID(0));
	Oid			function = fcinfo->flinfo->fn_oid;
	char	   *own = get_extension_name(getExtensionOfObject(ProcedureRelationId, function));
	/* operators are those of the extension that has the types */
	const char *extension = own != NULL && strcmp(own, "vecidx_pgvector") == 0 ? "vector" : "vecidx";
	TupleDesc	descriptor = CreateTemplateTupleDesc(1);
	VecidxRows	rows;
	List	   *done = NIL;
	ListCell   *cell;

	TupleDescInitEntry(descriptor, 1, "statement", TEXTOID, -1, 0);
	vecidx_begin_rows(fcinfo, descriptor, &rows);
	foreach(cell, vecidx_shards_of(table))
	{
		ForeignServer *server = server_of(lfirst_oid(cell));

		if (server == NULL || !is_postgres(server) || list_member_oid(done, server->serverid))
			continue;
		done = lappend_oid(done, server->serverid);
		set_up(&rows, table, server, extension, get_namespace_name(get_func_namespace(function)));
	}
	relation_close(table, NoLock);
	return (Datum) 0;
}

/* ---- what is there ---- */

/* Appends a query for the indexes on the column of a shard, one row if there are none: number, shard, server, note, and the view's columns. */
static void
append_shard(StringInfo sql, Relation table, const char *column, Oid shard, const char *local_view)
{
	ForeignServer *server = server_of(shard);
	const char *schema = get_namespace_name(get_rel_namespace(shard));
	const char *name = get_rel_name(shard);
	const char *view = local_view;
	const char *note = NULL;
	AttrNumber	attribute = get_attnum(shard, column);

	if (server != NULL && !is_postgres(server))
		note = "a server of another kind than postgres_fdw, whose indexes are not known here";
	else if (server != NULL && !has_view(table, server))
		note = psprintf("its indexes are not known before foreign table %s is made, see vecidx_shards_setup()", view_of(table, server));
	else if (server != NULL)
	{
		List	   *options = GetForeignTable(shard)->options;
		const char *its_schema = option_of(options, "schema_name");
		const char *its_name = option_of(options, "table_name");
		const char *its_column = option_of(GetForeignColumnOptions(shard, attribute), "column_name");

		view = view_of(table, server);
		schema = its_schema != NULL ? its_schema : schema;
		name = its_name != NULL ? its_name : name;
		column = its_column != NULL ? its_column : column;
	}
	appendStringInfo(sql, "%s(SELECT %u::regclass AS shard, %s::name AS server, %s::text AS note, r.* FROM (SELECT) one LEFT JOIN %s r ON ",
					 sql->len > 0 ? "\nUNION ALL " : "", shard, server != NULL ? quote_literal_cstr(server->servername) : "NULL",
					 note != NULL ? quote_literal_cstr(note) : "NULL", view);
	if (note != NULL)
		appendStringInfoString(sql, "false)");
	else
		appendStringInfo(sql, "r.table_schema OPERATOR(pg_catalog.=) %s AND r.table_name OPERATOR(pg_catalog.=) %s AND r.indexed OPERATOR(pg_catalog.=) %s)",
						 quote_literal_cstr(schema), quote_literal_cstr(name), quote_literal_cstr(quote_identifier(column)));
}

/* Columns of an index that are to be what they are in the first shard, and what is said if they are not. */
static const char *const differences =
"CASE WHEN note IS NOT NULL THEN note\n"
"	WHEN index_name IS NULL THEN 'no vecgraph index on the column'\n"
"	WHEN NOT valid OR metric IS NULL THEN 'its index cannot be used'\n"
"	WHEN predicate IS NOT NULL THEN pg_catalog.format('its index is partial: WHERE %s', predicate)\n"
"	WHEN metric OPERATOR(pg_catalog.<>) pg_catalog.first_value(metric) OVER first\n"
"		THEN pg_catalog.format('metric %s, but %s has %s', metric, pg_catalog.first_value(shard) OVER first, pg_catalog.first_value(metric) OVER first)\n"
"	WHEN dimensions OPERATOR(pg_catalog.<>) pg_catalog.first_value(dimensions) OVER first\n"
"		THEN pg_catalog.format('%s dimensions, but %s has %s', dimensions, pg_catalog.first_value(shard) OVER first, pg_catalog.first_value(dimensions) OVER first)\n"
"	WHEN codebook IS DISTINCT FROM pg_catalog.first_value(codebook) OVER first\n"
"		THEN pg_catalog.format('codebook %s, but %s has %s', COALESCE(codebook, '(none)'), pg_catalog.first_value(shard) OVER first,\n"
"			COALESCE(pg_catalog.first_value(codebook) OVER first, '(none)'))\n"
"	WHEN codebook IS NOT NULL AND codebook_hash IS DISTINCT FROM pg_catalog.first_value(codebook_hash) OVER first\n"
"		THEN pg_catalog.format('another codebook of the name %s than %s has', codebook, pg_catalog.first_value(shard) OVER first)\n"
"END";

/*
 * vecidx_shards_check(shards regclass, source_column name) returns a table, see the SQL declaration: the vecgraph indexes on the column in each
 * shard, and a problem where there is none or one that is not like that of the first shard. Errors: not a table, no such column, and those of
 * asking a server, which name it.
 */
VECIDX_SQL_FUNCTION(vecidx_shards_check);
Datum
vecidx_shards_check(PG_FUNCTION_ARGS)
{
	Relation	table = vecidx_shards_open(PG_GETARG_OID(0));
	const char *column = NameStr(*PG_GETARG_NAME(1));
	char	   *local_view = quote_qualified_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)), REMOTE_VIEW);
	StringInfoData all;
	TupleDesc	descriptor;
	VecidxRows	rows;
	ListCell   *cell;

	if (get_attnum(RelationGetRelid(table), column) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, RelationGetRelationName(table))));
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	vecidx_begin_rows(fcinfo, descriptor, &rows);
	initStringInfo(&all);
	foreach(cell, vecidx_shards_of(table))
		append_shard(&all, table, column, lfirst_oid(cell), local_view);
	if (all.len > 0)
		vecidx_take_rows(psprintf("SELECT shard, server, index_name, metric, dimensions, codes, codebook, codebook_hash, %s\nFROM (%s) found\n"
								  "WINDOW first AS (ORDER BY metric IS NULL, shard::oid ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)\n"
								  "ORDER BY shard::oid, index_name", differences, all.data), &rows);
	relation_close(table, NoLock);
	return (Datum) 0;
}
