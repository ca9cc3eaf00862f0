/*
 * vecgraph_info.c: what an index is like, from SQL.
 */
#include "am/ops/vecgraph_ops.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

VECIDX_SQL_FUNCTION(vecgraph_info);

/* The columns behind the vector as CREATE INDEX would have them; NULL if there are none. */
static char *
filter_columns(Relation index)
{
	StringInfoData names;

	if (RelationGetNumberOfAttributes(index) == 1)
		return NULL;
	initStringInfo(&names);
	for (int column = 2; column <= RelationGetNumberOfAttributes(index); column++)
	{
		Datum		name = DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(RelationGetRelid(index)), Int32GetDatum(column),
											   BoolGetDatum(true));

		appendStringInfo(&names, "%s%s", column > 2 ? ", " : "", TextDatumGetCString(name));
	}
	return names.data;
}

/* List sizes of scans, by what was measured, for 1, 10 and 100 rows. */
static Datum
list_sizes(const VxListNeeds *needs, const VecGraphOpclass *opclass)
{
	Datum		sizes[VX_CURVE_RANKS];

	for (int i = 0; i < VX_CURVE_RANKS; i++)
		sizes[i] = Int32GetDatum(vecgraph_first_list(needs, opclass, vx_curve_rank[i]));
	return PointerGetDatum(construct_array(sizes, VX_CURVE_RANKS, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/*
 * vecgraph_info(index regclass) returns one record, see the SQL declaration. Reads the whole index.
 */
Datum
vecgraph_info(PG_FUNCTION_ARGS)
{
	Relation	index = vecgraph_open_index(PG_GETARG_OID(0), AccessShareLock);
	VecGraphStore store;
	const VxMeta *meta = &store.index.meta;
	VecGraphSurvey found;
	uint64		live;
	TupleDesc	desc;
	Datum		values[27];
	bool		nulls[27] = {0};
	char	   *filters = filter_columns(index);
	VxListNeeds needs;
	int			n = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	vecgraph_survey(index, &store, &found);
	live = found.slots[VX_SLOT_LIVE];

	values[n++] = Int32GetDatum(meta->format_version);
	values[n++] = CStringGetTextDatum(vx_metric_kind(meta->metric)->name);
	values[n++] = Int32GetDatum(meta->dim);
	values[n++] = Int32GetDatum(meta->max_degree);
	values[n++] = Int32GetDatum(meta->build_list_size);
	values[n++] = Float4GetDatum(meta->alpha);
	values[n++] = Int64GetDatum(live + found.slots[VX_SLOT_DELETED]);
	values[n++] = Int64GetDatum(live);
	values[n++] = Int64GetDatum(found.slots[VX_SLOT_DELETED]);
	values[n++] = Int64GetDatum(found.slots[VX_SLOT_FREE]);
	values[n++] = Int64GetDatum(found.tids);
	values[n++] = Float8GetDatum(live == 0 ? 0 : (double) found.edges / live);
	values[n++] = Int64GetDatum(found.unreachable);
	values[n++] = Int64GetDatum((int64) RelationGetNumberOfBlocks(index) * BLCKSZ);
	values[n++] = CStringGetTextDatum(vx_storage_name((VxStorage) meta->storage));
	values[n++] = CStringGetTextDatum(vx_code_kind(meta->code_kind)->name);
	values[n++] = Int32GetDatum(meta->code_bytes);
	values[n++] = Int64GetDatum((int64) found.code_pages * BLCKSZ);
	values[n++] = Int64GetDatum(store.index.codes == NULL ? 0 : vecgraph_cache_count(&store.index.codes->view, found.bound));
	values[n++] = CStringGetTextDatum(store.index.codes == NULL ? "none" : vecgraph_cache_kind());
	nulls[n] = !(found.spread > 0);
	values[n] = Float8GetDatum(nulls[n] ? 0 : sqrt(found.code_error / found.spread));
	n++;
	values[n++] = Int64GetDatum(meta->fitted_nodes);
	nulls[n] = !found.measured || !(meta->fitted_error > 0);
	values[n] = Float8GetDatum(nulls[n] ? 0 : found.code_error / (double) meta->fitted_error);
	n++;
	nulls[n] = filters == NULL;
	values[n] = nulls[n] ? (Datum) 0 : CStringGetTextDatum(filters);
	n++;
	needs = vecgraph_list_needs(index, store.opclass, &meta->curve);
	values[n++] = Float8GetDatum(vecgraph_target(index));
	values[n++] = list_sizes(&needs, store.opclass);
	nulls[n] = !vx_curve_is_measured(&meta->curve);
	values[n] = BoolGetDatum(!nulls[n] && vecgraph_reaches_target(&meta->curve, vecgraph_target(index)));
	n++;
	relation_close(index, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
