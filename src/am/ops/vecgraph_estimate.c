/*
 * vecgraph_estimate.c: what a build will take, before it is begun.
 *
 * Memory and size follow from the layout; time from linking a sample of the rows here and now. Linking one more node costs about
 * one search, and searches grow with the logarithm of the graph.
 */
#include "am/ops/vecgraph_ops.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "graph/vx_build.h"

VECIDX_SQL_FUNCTION(vecgraph_build_estimate);

#define SAMPLE_ROWS 2000

/* Bytes a row's heap TIDs, its place in the table of twins and in the order of linking take, in memory. */
#define OTHER_ROW_BYTES 40

double
vecgraph_build_memory(const VxMeta *meta, double rows, double point_bytes)
{
	return rows * (point_bytes + vx_memstore_link_bytes(meta->max_degree) + meta->code_bytes + OTHER_ROW_BYTES);
}

/* Rows of a table: what ANALYZE or VACUUM saw, or a count where they have not been. */
static double
row_count(const VecGraphSource *source)
{
	Relation	relation = relation_open(source->table, AccessShareLock);
	double		rows = relation->rd_rel->reltuples;
	char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
												  RelationGetRelationName(relation));
	bool		isnull;

	relation_close(relation, AccessShareLock);
	if (rows >= 0)
		return rows;
	if (SPI_execute(psprintf("SELECT pg_catalog.count(%s) FROM %s", quote_identifier(source->column), name), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not count rows");
	return (double) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* A sample of vectors. */
typedef struct Sample
{
	VecGraphSource source;
	VxMemStore	store;
	uint32		rows;			/* met so far */
	double		bytes;			/* of their points */
} Sample;

static bool
load(void *context, Datum value)
{
	Sample	   *sample = context;
	VxMemStore *store = &sample->store;
	VxPoint    *point = vecgraph_point(sample->source.type, &store->space, value, CurrentMemoryContext);

	if (point != NULL)
	{
		vx_memstore_add(store, point);
		sample->bytes += vx_space_bytes(&store->space, point);
		store->space.max_norm2 = Max(store->space.max_norm2, point->norm2);
		pfree(point);
	}
	return ++sample->rows < SAMPLE_ROWS;
}

/* Seconds to link the sample, as the build would. */
static double
time_linking(VxMemStore *store, const VxMeta *meta, const VxMem *mem)
{
	VxCodec		codec;
	VxBuild		build;
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	if (meta->code_kind != VX_CODES_NONE && !vx_code_kind(meta->code_kind)->needs_training)
	{
		vx_codec_init(&codec, mem, (VxCodeKind) meta->code_kind, &store->space, meta->code_bytes);
		vx_codec_set_max_norm2(&codec, store->space.max_norm2);
		vx_memstore_set_codec(store, &codec, vx_comparison_for_linking(&codec));
		vx_memstore_seal(store);
		vx_memstore_encode(store, 0, store->count);
	}
	vx_build_begin(&build, store, meta->build_list_size, 1);
	while (vx_build_step(&build))
		;
	vx_build_finish(&build);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	return INSTR_TIME_GET_DOUBLE(end);
}

/*
 * vecgraph_build_estimate(source regclass, source_column name, options text[], metric text) returns one record: rows, their
 * dimensions, bytes of memory in which all of them can be linked, whether maintenance_work_mem has that, bytes of the index, and
 * seconds for one process that has the memory. Errors: as CREATE INDEX with these options, and no rows.
 */
Datum
vecgraph_build_estimate(PG_FUNCTION_ARGS)
{
	VecGraphOptions *options = (VecGraphOptions *) vecgraph_options(PG_GETARG_DATUM(2), true);
	VecGraphOpclass opclass = {0};
	VecGraphColumns columns = {.opclass = &opclass};
	Sample		sample = {.rows = 0};
	VecGraphSource *source = &sample.source;
	VxMemStore *store = &sample.store;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecgraph estimate", ALLOCSET_DEFAULT_SIZES);
	VxMem		mem = vecgraph_mem(context);
	VxMeta		meta;
	VxGeometry	geometry;
	VxSpace		space;
	TupleDesc	desc;
	double		rows;
	double		seconds;
	double		memory;
	Datum		values[6];
	bool		nulls[6] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	vecgraph_open_source(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)), fcinfo->flinfo->fn_oid, source);
	opclass.type = source->type;
	opclass.metric = vecgraph_metric_of(text_to_cstring(PG_GETARG_TEXT_PP(3)), source->type->form, false);
	vecgraph_plan(options, &columns, source->typmod, options->pq_subvectors == source->typmod ? 0 : options->pq_subvectors, &meta,
				  &geometry);

	SPI_connect();
	rows = row_count(source);
	space = vx_meta_space(&meta);
	vx_memstore_init(store, &mem, &space, meta.max_degree, meta.alpha);
	store->poll = vecgraph_poll;
	vecgraph_read_source(source, SAMPLE_ROWS, load, &sample);
	if (store->count < 2)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there are too few rows to estimate from"),
				 errhint("ANALYZE the table if it has rows.")));
	SPI_finish();
	seconds = time_linking(store, &meta, &mem);

	rows = Max(rows, store->count);
	memory = vecgraph_build_memory(&meta, rows, sample.bytes / store->count);
	seconds *= rows / store->count * log(rows + 1) / log(store->count + 1);
	values[0] = Int64GetDatum((int64) rows);
	values[1] = Int32GetDatum((int32) meta.dim);
	values[2] = Int64GetDatum((int64) memory);
	values[3] = BoolGetDatum(memory <= maintenance_work_mem * 1024.0);
	values[4] = Int64GetDatum((int64) vx_blocks_for(&geometry, (uint32) Min(rows, (double) (VX_NO_NODE - 1))) * BLCKSZ);
	values[5] = Float8GetDatum(seconds);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
