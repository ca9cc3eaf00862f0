/*
 * shards_common.c: tables, names and rows of functions about shards; see vecidx_shards.h.
 */
#include "shards/vecidx_shards.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

Relation
vecidx_shards_open(Oid table)
{
	char		kind = get_rel_relkind(table);

	if (kind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", table)));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", get_rel_name(table))));
	/* before it is locked: whoever may not read it must not hold up others */
	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK
		&& pg_attribute_aclcheck_all(table, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), get_rel_name(table));
	return relation_open(table, AccessShareLock);
}

/* Whether a table is another session's alone, whose rows nobody else can read. */
static bool
is_temporary_elsewhere(Oid table)
{
	return get_rel_persistence(table) == RELPERSISTENCE_TEMP && !isTempNamespace(get_rel_namespace(table));
}

List *
vecidx_shards_of(Relation table)
{
	List	   *all = find_all_inheritors(RelationGetRelid(table), AccessShareLock, NULL);
	List	   *shards = NIL;
	ListCell   *cell;

	foreach(cell, all)
	{
		/* as a query of the table would, this leaves out children that are temporary in other sessions */
		if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_PARTITIONED_TABLE
			&& (lfirst_oid(cell) == RelationGetRelid(table) || !is_temporary_elsewhere(lfirst_oid(cell))))
			shards = lappend_oid(shards, lfirst_oid(cell));
	}
	return shards;
}

char *
vecidx_qualified_name(Oid table)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

void
vecidx_begin_rows(FunctionCallInfo fcinfo, TupleDesc descriptor, VecidxRows *rows)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s returns a set of rows, which is not wanted here", get_func_name(fcinfo->flinfo->fn_oid))));
	rows->context = info->econtext->ecxt_per_query_memory;
	before = MemoryContextSwitchTo(rows->context);
	rows->descriptor = CreateTupleDescCopy(descriptor);
	rows->store = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(before);
	info->returnMode = SFRM_Materialize;
	info->setResult = rows->store;
	info->setDesc = rows->descriptor;
}

void
vecidx_take_rows(const char *query, const VecidxRows *rows)
{
	SPIExecuteOptions options = {.read_only = true,.dest = CreateDestReceiver(DestTuplestore)};
	int			result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	SetTuplestoreDestReceiverParams(options.dest, rows->store, rows->context, false, rows->descriptor,
									"a table has changed while it was searched");
	result = SPI_execute_extended(query, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "shards could not be read: %s", SPI_result_code_string(result));
	SPI_finish();
}
