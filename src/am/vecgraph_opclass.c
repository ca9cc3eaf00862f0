/*
 * vecgraph_opclass.c: what operator classes say, and their validation.
 *
 * An operator class of vecgraph has one ordering operator (strategy 1, returning float8) and one support function, which
 * returns a VecGraphOpclass.
 */
#include "am/vecgraph.h"

#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "access/amvalidate.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

const VecGraphOpclass *
vecgraph_opclass(Relation index)
{
	FmgrInfo   *support = index_getprocinfo(index, 1, VECGRAPH_PROC_SUPPORT);

	return (const VecGraphOpclass *) DatumGetPointer(FunctionCall1(support, PointerGetDatum(NULL)));
}

const VecidxType *
vecgraph_type_of(Oid sql_type)
{
	CatCList   *classes = SearchSysCacheList1(CLAAMNAMENSP, ObjectIdGetDatum(get_index_am_oid("vecgraph", false)));
	Oid			support = InvalidOid;

	for (int i = 0; i < classes->n_members && !OidIsValid(support); i++)
	{
		Form_pg_opclass opclass = (Form_pg_opclass) GETSTRUCT(&classes->members[i]->tuple);

		if (opclass->opcintype == sql_type)
			support = get_opfamily_proc(opclass->opcfamily, sql_type, sql_type, VECGRAPH_PROC_SUPPORT);
	}
	ReleaseCatCacheList(classes);
	if (!OidIsValid(support))
		return NULL;
	return ((const VecGraphOpclass *) DatumGetPointer(OidFunctionCall1(support, PointerGetDatum(NULL))))->type;
}

static char *
opfamily_name(Oid family)
{
	HeapTuple	tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator family %u", family);
	name = pstrdup(NameStr(((Form_pg_opfamily) GETSTRUCT(tuple))->opfname));
	ReleaseSysCache(tuple);
	return name;
}

/* Whether an operator family member is as this access method needs it; complains and returns false if not. */
static bool
operator_is_valid(Form_pg_amop op, const char *family_name)
{
	const char *wrong = NULL;

	if (op->amopstrategy != VECGRAPH_STRATEGY_DISTANCE)
		wrong = "an invalid strategy number";
	else if (op->amoppurpose != AMOP_ORDER)
		wrong = "a purpose other than ordering";
	else if (get_op_rettype(op->amopopr) != FLOAT8OID
			 || !opfamily_can_sort_type(op->amopsortfamily, FLOAT8OID))
		wrong = "a result that is not ordered as double precision";
	else if (op->amoplefttype != op->amoprighttype
			 || !check_amop_signature(op->amopopr, FLOAT8OID, op->amoplefttype, op->amoprighttype))
		wrong = "a wrong signature";
	if (wrong == NULL)
		return true;
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator family \"%s\" of access method %s contains operator %s with %s",
					family_name, "vecgraph", format_operator(op->amopopr), wrong)));
	return false;
}

static bool
function_is_valid(Form_pg_amproc proc, const char *family_name)
{
	const char *wrong = NULL;

	if (proc->amprocnum != VECGRAPH_PROC_SUPPORT)
		wrong = "an invalid support number";
	else if (proc->amproclefttype != proc->amprocrighttype)
		wrong = "different left and right input types";
	else if (!check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
		wrong = "a wrong signature";
	if (wrong == NULL)
		return true;
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator family \"%s\" of access method %s contains function %s with %s",
					family_name, "vecgraph", format_procedure(proc->amproc), wrong)));
	return false;
}

bool
vecgraph_validate(Oid opclassoid)
{
	HeapTuple	class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass opclass;
	CatCList   *operators;
	CatCList   *functions;
	char	   *family_name;
	bool		has_operator = false;
	bool		has_function = false;
	bool		valid = true;

	if (!HeapTupleIsValid(class_tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(class_tuple);
	family_name = opfamily_name(opclass->opcfamily);

	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(opclass->opcfamily));
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		valid &= operator_is_valid(op, family_name);
		has_operator |= op->amoplefttype == opclass->opcintype;
	}
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(opclass->opcfamily));
	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple);

		valid &= function_is_valid(proc, family_name);
		has_function |= proc->amproclefttype == opclass->opcintype;
	}

	if (!has_operator || !has_function)
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method %s is missing %s",
						NameStr(opclass->opcname), "vecgraph",
						!has_operator ? "its ordering operator" : "its support function")));
		valid = false;
	}

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(class_tuple);
	return valid;
}
