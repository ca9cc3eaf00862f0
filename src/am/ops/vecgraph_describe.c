/*
 * vecgraph_describe.c: what an index was made with, from its meta page: what indexes that are searched together must have in common.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pg/vecidx_fault.h"

/* The hash of the codebook that an index has, as table vecidx_codebook has those of named ones; false if it has none. */
static bool
codebook_hash(Relation index, const VxMeta *meta, Datum *hash)
{
	VxPqCodebook *codebook = vecgraph_codebook_copy(index, meta->metric, meta->dim, CurrentMemoryContext);
	bytea	   *bytes;

	if (codebook == NULL)
		return false;
	bytes = palloc(VARHDRSZ + codebook->bytes);
	SET_VARSIZE(bytes, VARHDRSZ + codebook->bytes);
	memcpy(VARDATA(bytes), codebook, codebook->bytes);
	*hash = DirectFunctionCall1(md5_bytea, PointerGetDatum(bytes));
	return true;
}

/*
 * vecgraph_describe(index regclass) returns one record, see the SQL declaration: for everybody, as the server tells everybody what
 * indexes there are. NULLs for an index that is not there (any more) or cannot be read now. Reads the meta page, and a codebook if there is one. Errors: not a vecgraph
 * index, a damaged one.
 */
VECIDX_SQL_FUNCTION(vecgraph_describe);
Datum
vecgraph_describe(PG_FUNCTION_ARGS)
{
	Relation	index = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	const char *codebook;
	TupleDesc	desc;
	Datum		values[6] = {0};
	bool		nulls[6] = {true, true, true, true, true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	if (index == NULL)
		PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
	if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_rel->relam != get_index_am_oid("vecgraph", false))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a vecgraph index", RelationGetRelationName(index))));
	if (!RELATION_IS_OTHER_TEMP(index) && index->rd_index->indisvalid
		&& !(index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress()))
	{
		VxMeta		meta;
		VxGeometry	geometry;

		vecgraph_read_meta(index, &meta, &geometry);
		values[0] = CStringGetTextDatum(vx_metric_kind(meta.metric)->name);
		values[1] = Int32GetDatum(meta.dim);
		values[2] = CStringGetTextDatum(vx_storage_name((VxStorage) meta.storage));
		values[3] = CStringGetTextDatum(vx_code_kind(meta.code_kind)->name);
		codebook = vecgraph_codebook_option((VecGraphOptions *) index->rd_options);
		nulls[0] = nulls[1] = nulls[2] = nulls[3] = false;
		nulls[4] = codebook == NULL;
		values[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(codebook);
		nulls[5] = !codebook_hash(index, &meta, &values[5]);
	}
	relation_close(index, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
