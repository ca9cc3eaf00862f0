/*
 * vecgraph_opclass.c: what operator classes say, and their validation.
 *
 * There are two sorts of operator classes, each with one support function. One for vectors, the first column of an index, has one
 * ordering operator (strategy 1, returning float8), and may have a search operator that gives scans a radius (strategy 9, see
 * vecgraph_radius.c); its support function returns a VecGraphOpclass. One for filters, the columns behind the vector, has search
 * operators (strategies 2 to 8), of which each stands in the default operator family of btree (= in that of hash will do), or is && or @>
 * of arrays; its support function is vecgraph_filter_support. An operator family is of one sort.
 */
#include "am/vecgraph.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/dependency.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

VECIDX_SQL_FUNCTION(vecgraph_filter_support);

/*
 * vecgraph_filter_support(internal) returns internal: the support function of operator classes of filters
 */
Datum
vecgraph_filter_support(PG_FUNCTION_ARGS)
{
	static const VecGraphRole role = VECGRAPH_ROLE_FILTER;

	PG_RETURN_POINTER(&role);
}

/* What a support function returns. */
static const VecGraphRole *
call_support(FmgrInfo *support)
{
	return (const VecGraphRole *) DatumGetPointer(FunctionCall1(support, PointerGetDatum(NULL)));
}

VecGraphRole
vecgraph_column_role(Relation index, int column)
{
	const VecGraphRole *role = call_support(index_getprocinfo(index, column + 1, VECGRAPH_PROC_SUPPORT));

	if (role == NULL || (*role != VECGRAPH_ROLE_VECTOR && *role != VECGRAPH_ROLE_FILTER))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("function %s is no support function of access method %s",
						format_procedure(index_getprocid(index, column + 1, VECGRAPH_PROC_SUPPORT)), "vecgraph")));
	return *role;
}

const VecGraphOpclass *
vecgraph_opclass(Relation index)
{
	if (vecgraph_column_role(index, 0) != VECGRAPH_ROLE_VECTOR)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the first column of a vecgraph index must be a vector"),
				 errdetail("Column \"%s\" of index \"%s\" has an operator class for filters.",
						   NameStr(TupleDescAttr(RelationGetDescr(index), 0)->attname), RelationGetRelationName(index)),
				 errhint("Name the vector first, and columns to filter by behind it.")));
	return (const VecGraphOpclass *) call_support(index_getprocinfo(index, 1, VECGRAPH_PROC_SUPPORT));
}

/* The type of values that an operator class is for, as its support function describes it; NULL if it is for filters. */
static const VecidxType *
described_type(Form_pg_opclass opclass)
{
	Oid			support = get_opfamily_proc(opclass->opcfamily, opclass->opcintype, opclass->opcintype, VECGRAPH_PROC_SUPPORT);
	const VecGraphRole *role;

	if (!OidIsValid(support))
		return NULL;
	role = (const VecGraphRole *) DatumGetPointer(OidFunctionCall1(support, PointerGetDatum(NULL)));
	return *role == VECGRAPH_ROLE_VECTOR ? ((const VecGraphOpclass *) role)->type : NULL;
}

const VecidxType *
vecgraph_type_of(Oid sql_type)
{
	CatCList   *classes = SearchSysCacheList1(CLAAMNAMENSP, ObjectIdGetDatum(get_index_am_oid("vecgraph", false)));
	const VecidxType *found = NULL;

	for (int i = 0; i < classes->n_members && found == NULL; i++)
	{
		Form_pg_opclass opclass = (Form_pg_opclass) GETSTRUCT(&classes->members[i]->tuple);

		if (opclass->opcintype == sql_type)
			found = described_type(opclass);
	}
	ReleaseCatCacheList(classes);
	return found;
}

Oid
vecgraph_sql_type_of(const VecidxType *type, Oid function)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);
	CatCList   *classes = SearchSysCacheList1(CLAAMNAMENSP, ObjectIdGetDatum(get_index_am_oid("vecgraph", false)));
	Oid			found = InvalidOid;

	for (int i = 0; i < classes->n_members && !OidIsValid(found); i++)
	{
		Form_pg_opclass opclass = (Form_pg_opclass) GETSTRUCT(&classes->members[i]->tuple);

		if (getExtensionOfObject(OperatorClassRelationId, opclass->oid) == extension && described_type(opclass) == type)
			found = opclass->opcintype;
	}
	ReleaseCatCacheList(classes);
	if (!OidIsValid(found))
		elog(ERROR, "no operator class of the extension is for type %s", type->name);
	return found;
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

/* What is wrong with an operator that gives scans a radius; NULL if nothing is. */
static const char *
within_fault(Form_pg_amop op)
{
	FmgrInfo	info;

	if (op->amoppurpose != AMOP_SEARCH)
		return "a purpose other than searching";
	if (op->amoprighttype != FLOAT8OID && op->amoprighttype != op->amoplefttype)
		return "a wrong type of what it is given";
	if (!check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype, op->amoprighttype))
		return "a wrong signature";
	fmgr_info(get_opcode(op->amopopr), &info);
	return info.fn_addr == vecgraph_within ? NULL : "a meaning other than that of its strategy number";
}

/* What is wrong with the operator of a family for vectors; NULL if nothing is. */
static const char *
distance_fault(Form_pg_amop op)
{
	if (op->amopstrategy == VECGRAPH_STRATEGY_WITHIN)
		return within_fault(op);
	if (op->amopstrategy != VECGRAPH_STRATEGY_DISTANCE)
		return "an invalid strategy number";
	if (op->amoppurpose != AMOP_ORDER)
		return "a purpose other than ordering";
	if (get_op_rettype(op->amopopr) != FLOAT8OID || !opfamily_can_sort_type(op->amopsortfamily, FLOAT8OID))
		return "a result that is not ordered as double precision";
	if (op->amoplefttype != op->amoprighttype
		|| !check_amop_signature(op->amopopr, FLOAT8OID, op->amoplefttype, op->amoprighttype))
		return "a wrong signature";
	return NULL;
}

/*
 * Whether an operator compares as signatures do: in the order, or with the equality, by which values of its left type are indexed by
 * default.
 */
static bool
compares_by_default(Form_pg_amop op)
{
	TypeCacheEntry *entry = lookup_type_cache(op->amoplefttype, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);

	if (OidIsValid(entry->btree_opf)
		&& get_op_opfamily_strategy(op->amopopr, entry->btree_opf) == op->amopstrategy - VECGRAPH_STRATEGY_LESS + BTLessStrategyNumber)
		return true;
	return op->amopstrategy == VECGRAPH_STRATEGY_EQUAL && OidIsValid(entry->hash_opf)
		&& get_op_opfamily_strategy(op->amopopr, entry->hash_opf) == HTEqualStrategyNumber;
}

/* What is wrong with the operator of a family for filters; NULL if nothing is. */
static const char *
filter_fault(Form_pg_amop op)
{
	if (op->amopstrategy < VECGRAPH_STRATEGY_LESS || op->amopstrategy > VECGRAPH_STRATEGY_CONTAINS)
		return "an invalid strategy number";
	if (op->amoppurpose != AMOP_SEARCH)
		return "a purpose other than searching";
	if (!check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype, op->amoprighttype))
		return "a wrong signature";
	if (op->amopstrategy == VECGRAPH_STRATEGY_OVERLAP ? op->amopopr != OID_ARRAY_OVERLAP_OP
		: op->amopstrategy == VECGRAPH_STRATEGY_CONTAINS ? op->amopopr != OID_ARRAY_CONTAINS_OP
		: !compares_by_default(op))
		return "a meaning other than that of its strategy number";
	return NULL;
}

/* Whether an operator family member is as this access method needs it; complains and returns false if not. */
static bool
operator_is_valid(Form_pg_amop op, bool is_filter, const char *family_name)
{
	const char *wrong = is_filter ? filter_fault(op) : distance_fault(op);

	if (wrong == NULL)
		return true;
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator family \"%s\" of access method %s contains operator %s with %s",
					family_name, "vecgraph", format_operator(op->amopopr), wrong)));
	return false;
}

/* Whether a function is vecgraph_filter_support. It is not called: functions of the server with its signature may not stand that. */
static bool
is_filter_support(Oid function)
{
	FmgrInfo	info;

	fmgr_info(function, &info);
	return info.fn_addr == vecgraph_filter_support;
}

static bool
function_is_valid(Form_pg_amproc proc, bool is_filter, const char *family_name)
{
	const char *wrong = NULL;

	if (proc->amprocnum != VECGRAPH_PROC_SUPPORT)
		wrong = "an invalid support number";
	else if (proc->amproclefttype != proc->amprocrighttype)
		wrong = "different left and right input types";
	else if (!check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
		wrong = "a wrong signature";
	else if (is_filter_support(proc->amproc) != is_filter)
		wrong = is_filter ? "another purpose than filters" : "another purpose than vectors";
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
	bool		is_filter = false;
	bool		has_operator = false;
	bool		has_function = false;
	bool		valid = true;

	if (!HeapTupleIsValid(class_tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(class_tuple);
	family_name = opfamily_name(opclass->opcfamily);

	/* a family is for filters if it has the support function of these or, without any function, an operator of theirs */
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(opclass->opcfamily));
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(opclass->opcfamily));
	for (int i = 0; i < functions->n_members && !is_filter; i++)
		is_filter = is_filter_support(((Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple))->amproc);
	for (int i = 0; i < operators->n_members && !is_filter && functions->n_members == 0; i++)
		is_filter = ((Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple))->amopstrategy != VECGRAPH_STRATEGY_DISTANCE
			&& ((Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple))->amopstrategy != VECGRAPH_STRATEGY_WITHIN;
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		valid &= operator_is_valid(op, is_filter, family_name);
		has_operator |= op->amoplefttype == opclass->opcintype && op->amopstrategy != VECGRAPH_STRATEGY_WITHIN;
	}
	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple);

		valid &= function_is_valid(proc, is_filter, family_name);
		has_function |= proc->amproclefttype == opclass->opcintype;
	}

	if (!has_operator || !has_function)
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method %s is missing %s",
						NameStr(opclass->opcname), "vecgraph",
						has_operator ? "its support function" : is_filter ? "a search operator" : "its ordering operator")));
		valid = false;
	}

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(class_tuple);
	return valid;
}
