/*
 * vecgraph_open.c: opening an index on behalf of SQL functions.
 *
 * Whoever may not use a function must not be able to hold up others with its locks, and waiting for one takes long. So, as the
 * server's own commands do, rights and kinds are checked before anything is locked, and again under the lock: owner or index may
 * have changed while it was waited for. Tables are locked before their indexes.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"

pg_noreturn static void
refuse_absent(Oid oid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation with OID %u does not exist", oid)));
	pg_unreachable();
}

/* Fails unless the relation is a vecgraph index of the current user, or he may read all data and that is enough. Takes no lock on it. */
static void
check_index(Oid oid, bool to_read)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		refuse_absent(oid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relkind != RELKIND_INDEX || form->relam != get_index_am_oid("vecgraph", false))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a vecgraph index", NameStr(form->relname))));
	if (!vecidx_owns_relation(oid) && !(to_read && has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA)))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, NameStr(form->relname));
	ReleaseSysCache(tuple);
}

/* The rest can only be told of an index that is open. */
static void
check_usable(Relation index)
{
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary indexes of other sessions")));
	if (!index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(index))));
	if (index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot access unlogged index \"%s\" during recovery", RelationGetRelationName(index))));
}

/* What is left to do when the index's table, if that is wanted, is locked. */
static Relation
open_checked(Oid oid, LOCKMODE mode, bool to_read)
{
	Relation	index = try_relation_open(oid, mode);

	if (index == NULL)
		refuse_absent(oid);
	check_index(oid, to_read);
	check_usable(index);
	return index;
}

Relation
vecgraph_open_index(Oid oid, LOCKMODE mode)
{
	check_index(oid, false);
	return open_checked(oid, mode, false);
}

static Relation
open_both(Oid oid, LOCKMODE mode, LOCKMODE table_mode, bool to_read, Relation *table)
{
	Oid			table_oid;
	Relation	index;

	check_index(oid, to_read);
	table_oid = IndexGetRelation(oid, true);
	*table = OidIsValid(table_oid) ? try_relation_open(table_oid, table_mode) : NULL;
	if (*table == NULL)
		refuse_absent(oid);
	index = open_checked(oid, mode, to_read);
	/* the OID of an index that was dropped may have become that of another table's */
	if (index->rd_index->indrelid != table_oid)
		refuse_absent(oid);
	return index;
}

Relation
vecgraph_open_index_and_table(Oid oid, LOCKMODE mode, LOCKMODE table_mode, Relation *table)
{
	return open_both(oid, mode, table_mode, false, table);
}

Relation
vecgraph_open_index_to_read(Oid oid, Relation *table)
{
	return open_both(oid, AccessShareLock, AccessShareLock, true, table);
}

void
vecgraph_begin_owner_rights(Relation table, VecGraphOwnerRights *rights)
{
	GetUserIdAndSecContext(&rights->user, &rights->context);
	SetUserIdAndSecContext(table->rd_rel->relowner, rights->context | SECURITY_RESTRICTED_OPERATION);
	rights->guc_level = NewGUCNestLevel();
	vecidx_restrict_search_path();
}

void
vecgraph_end_owner_rights(VecGraphOwnerRights *rights)
{
	AtEOXact_GUC(false, rights->guc_level);
	SetUserIdAndSecContext(rights->user, rights->context);
}
