/*
 * vecgraph_source.c: the vectors of a column, read with SQL, and the metric of a name: for functions that have no index to ask.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define FETCH_ROWS 1000

/* The number of the column. Errors: those of vecgraph_open_source. */
static AttrNumber
readable_column(Oid table, const char *column)
{
	AttrNumber	attribute = get_attnum(table, column);
	char		kind = get_rel_relkind(table);

	if (kind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", table)));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_MATVIEW && kind != RELKIND_VIEW
		&& kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table, view or foreign table", get_rel_name(table))));
	if (attribute == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(table))));
	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK
		&& pg_attribute_aclcheck(table, attribute, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), get_rel_name(table));
	return attribute;
}

void
vecgraph_open_source(Oid table, const char *column, Oid function, VecGraphSource *source)
{
	Oid			sql_type;
	Oid			collation;

	/* nobody without rights waits for a lock; and who has waited may find another table */
	(void) readable_column(table, column);
	LockRelationOid(table, AccessShareLock);
	get_atttypetypmodcoll(table, readable_column(table, column), &sql_type, &source->typmod, &collation);
	source->table = table;
	source->column = column;
	source->type = vecgraph_type_of(getBaseType(sql_type));
	source->expression = pstrdup(quote_identifier(column));
	if (source->type != NULL)
		return;
	source->type = &vecidx_vector_type;
	source->expression = psprintf("%s::%s", source->expression,
								  format_type_be_qualified(vecgraph_sql_type_of(source->type, function)));
}

void
vecgraph_check_source(const VecGraphSource *source, TupleDesc row, int column)
{
	if (vecgraph_type_of(getBaseType(TupleDescAttr(row, column - 1)->atttypid)) != source->type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has changed its type while it was read", source->column)));
}

/* SQL for the column. */
static char *
query_of(const VecGraphSource *source, int wanted)
{
	Relation	relation = relation_open(source->table, NoLock);
	char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
												  RelationGetRelationName(relation));
	double		rows = relation->rd_rel->reltuples;
	bool		can_sample = relation->rd_rel->relkind == RELKIND_RELATION || relation->rd_rel->relkind == RELKIND_MATVIEW;
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s FROM %s", source->expression, name);
	if (can_sample && rows > 8.0 * wanted)
		appendStringInfo(&query, " TABLESAMPLE pg_catalog.system (%.6f) REPEATABLE (1)", 400.0 * wanted / rows);
	appendStringInfo(&query, " WHERE %s IS NOT NULL", quote_identifier(source->column));
	relation_close(relation, NoLock);
	return query.data;
}

void
vecgraph_read_source(const VecGraphSource *source, int wanted, bool (*take) (void *context, Datum value), void *context)
{
	Portal		cursor = SPI_cursor_open_with_args(NULL, query_of(source, wanted), 0, NULL, NULL, NULL, true, 0);
	bool		more = true;

	vecgraph_check_source(source, cursor->tupDesc, 1);
	while (more)
	{
		SPI_cursor_fetch(cursor, true, FETCH_ROWS);
		more = SPI_processed > 0;
		for (uint64 i = 0; i < SPI_processed && more; i++)
		{
			bool		isnull;
			Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

			CHECK_FOR_INTERRUPTS();
			more = isnull || take(context, value);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(cursor);
}

VxMetric
vecgraph_metric_of(const char *name, VxForm form, bool only_coded)
{
	const VxMetricKind *kind;
	const char *last = NULL;
	StringInfoData valid;

	initStringInfo(&valid);
	for (int metric = VX_METRIC_L2; (kind = vx_metric_kind(metric)) != NULL; metric++)
	{
		if ((kind->forms >> form & 1) == 0 || (only_coded && !kind->coded))
			continue;
		if (pg_strcasecmp(name, kind->name) == 0)
			return (VxMetric) metric;
		if (last != NULL)
			appendStringInfo(&valid, "%s\"%s\"", valid.len > 0 ? ", " : "", last);
		last = kind->name;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown metric \"%s\"", name),
			 errhint("Valid metrics are %s and \"%s\".", valid.data, last)));
}
