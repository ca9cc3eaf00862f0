/*
 * vecgraph_codebook.c: named codebooks: trained once, used by many indexes (partitions, shards).
 *
 * Codebooks are rows of the extension's table vecidx_codebook, which pg_dump dumps. An index made WITH (codebook = 'name') copies
 * the codebook into its own pages, so it needs the row only when it is built. All SQL here runs with the rights of its caller.
 */
#include "am/vecgraph.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "quant/vx_sample.h"
#include "type/vecidx_vector.h"

VECIDX_SQL_FUNCTION(vecidx_train_codebook);
VECIDX_SQL_FUNCTION(vecidx_drop_codebook);

#define FETCH_ROWS 1000
#define TRAINING_SEED 1

static const char *const metric_names[] = {"?", "l2", "ip", "cosine", "l1"};

const char *
vecgraph_codebook_option(const VecGraphOptions *options)
{
	return options == NULL || options->codebook == 0 ? NULL : (const char *) options + options->codebook;
}

/* The quoted name of an object of the extension, whose function was called or belongs to an operator class. */
static char *
object_name(Oid function, const char *name)
{
	return quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), name);
}

VxPqCodebook *
vecgraph_codebook_load(Relation index, const char *name, VxMetric metric, int dim, MemoryContext context)
{
	Oid			function = index_getprocid(index, 1, VECGRAPH_PROC_SUPPORT);
	char	   *query = psprintf("SELECT codebook, metric FROM %s WHERE name = $1", object_name(function, "vecidx_codebook"));
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};
	bool		isnull;
	bytea	   *block;
	Size		size;
	VxPqCodebook *codebook;
	const char *wrong;
	char	   *trained_for;

	SPI_connect();
	if (SPI_execute_with_args(query, 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read codebook \"%s\"", name);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("codebook \"%s\" does not exist", name),
				 errhint("Train it with vecidx_train_codebook().")));
	block = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	size = VARSIZE_ANY_EXHDR(block);
	codebook = MemoryContextAllocHuge(context, Max(size, sizeof(VxPqCodebook)));
	memcpy(codebook, VARDATA_ANY(block), size);
	trained_for = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);

	wrong = vx_pq_check(codebook, size);
	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("codebook \"%s\" is damaged: %s", name, wrong)));
	if (codebook->dim != (uint32) dim)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("codebook \"%s\" has %u dimensions, not %d", name, codebook->dim, dim)));
	/* directions are what cosine encodes; L2 and inner product encode vectors */
	if ((strcmp(trained_for, "cosine") == 0) != (metric == VX_METRIC_COSINE))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("codebook \"%s\" was trained for metric %s", name, trained_for),
				 errdetail("The index needs one for %s.", metric == VX_METRIC_COSINE ? "cosine" : "l2 or ip")));
	SPI_finish();
	return codebook;
}

/* ---- training ---- */

uint32
vecgraph_training_capacity(int dim, uint32 wanted)
{
	/* training copies a subvector of each vector */
	return Min((Size) maintenance_work_mem * 1024 / (2 * dim * sizeof(float)), wanted);
}

void
vecgraph_check_training_capacity(int dim, uint32 capacity)
{
	if (capacity < VECGRAPH_TRAINING_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("maintenance_work_mem is too small to train codes of %d dimensions", dim),
				 errhint("It must be at least %zu kB.", 2 * dim * sizeof(float) * VECGRAPH_TRAINING_ROWS / 1024 + 1)));
}

void
vecgraph_check_training_rows(uint32 count)
{
	if (count < VECGRAPH_TRAINING_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("too few rows to train codes"),
				 errdetail("There are %u vectors, and training needs %d.", count, VECGRAPH_TRAINING_ROWS)));
}

/* What is read of a column. */
typedef struct ColumnSample
{
	VxMem		mem;
	VxMetric	metric;
	uint32		wanted;			/* vectors, if memory has room for them */
	VxSample	sample;
} ColumnSample;

/* The first vector says how many dimensions there are, and how many vectors fit the memory. */
static void
begin_sample(ColumnSample *column, int dim)
{
	uint32		capacity = vecgraph_training_capacity(dim, column->wanted);

	vecgraph_check_training_capacity(dim, capacity);
	vx_sample_init(&column->sample, &column->mem, dim, capacity, TRAINING_SEED);
}

static void
add_to_sample(ColumnSample *column, const VecidxVector *vector)
{
	float		norm2 = vx_kernels->norm_squared(vector->x, vector->dim);
	float		scale = vx_space_unit_scale(column->metric, norm2);
	float	   *to;

	if (column->sample.rows == NULL)
		begin_sample(column, vector->dim);
	if (vector->dim != (int) column->sample.dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %u dimensions, not %d", column->sample.dim, vector->dim)));
	/* a vector without a direction is not indexed under cosine */
	if (column->metric == VX_METRIC_COSINE && (!(norm2 > 0) || isinf(norm2)))
		return;
	to = vx_sample_add(&column->sample);
	for (int i = 0; to != NULL && i < vector->dim; i++)
		to[i] = vector->x[i] * scale;
}

char *
vecgraph_sample_query(Oid table, const char *column, Oid function, int wanted)
{
	Relation	relation = relation_open(table, AccessShareLock);
	char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
												  RelationGetRelationName(relation));
	double		rows = relation->rd_rel->reltuples;
	bool		can_sample = relation->rd_rel->relkind == RELKIND_RELATION || relation->rd_rel->relkind == RELKIND_MATVIEW;
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s::%s FROM %s", quote_identifier(column), object_name(function, "vector"), name);
	if (can_sample && rows > 8.0 * wanted)
		appendStringInfo(&query, " TABLESAMPLE SYSTEM (%.6f) REPEATABLE (1)", 400.0 * wanted / rows);
	appendStringInfo(&query, " WHERE %s IS NOT NULL", quote_identifier(column));
	relation_close(relation, AccessShareLock);
	return query.data;
}

static void
read_sample(ColumnSample *column, const char *query)
{
	Portal		cursor = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL, NULL, true, 0);

	for (;;)
	{
		SPI_cursor_fetch(cursor, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			Datum		datum = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
			VecidxVector *vector;

			CHECK_FOR_INTERRUPTS();
			if (isnull)
				continue;
			vector = DatumGetVecidxVector(datum);
			add_to_sample(column, vector);
			if ((void *) vector != DatumGetPointer(datum))
				pfree(vector);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(cursor);
}

VxMetric
vecgraph_metric_of(const char *name, bool with_l1)
{
	for (int metric = VX_METRIC_L2; metric <= (with_l1 ? VX_METRIC_L1 : VX_METRIC_COSINE); metric++)
		if (pg_strcasecmp(name, metric_names[metric]) == 0)
			return (VxMetric) metric;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown metric \"%s\"", name),
			 errhint("Valid metrics are \"l2\", \"ip\"%s\"cosine\"%s.", with_l1 ? ", " : " and ", with_l1 ? " and \"l1\"" : "")));
}

static void
insert_codebook(Oid function, const char *name, VxMetric metric, VxPqCodebook *codebook)
{
	char	   *query = psprintf("INSERT INTO %s (name, dimensions, metric, subvectors, sample_size, error, hash, codebook)"
								 " VALUES ($1, $2, $3, $4, $5, $6, md5($7), $7)", object_name(function, "vecidx_codebook"));
	Oid			types[7] = {TEXTOID, INT4OID, TEXTOID, INT4OID, INT4OID, FLOAT4OID, BYTEAOID};
	Datum		values[7];
	bytea	   *block = palloc(VARHDRSZ + codebook->bytes);

	SET_VARSIZE(block, VARHDRSZ + codebook->bytes);
	memcpy(VARDATA(block), codebook, codebook->bytes);
	values[0] = CStringGetTextDatum(name);
	values[1] = Int32GetDatum(codebook->dim);
	values[2] = CStringGetTextDatum(metric_names[metric]);
	values[3] = Int32GetDatum(codebook->m);
	values[4] = Int32GetDatum(codebook->sample_count);
	values[5] = Float4GetDatum(codebook->variance > 0 ? codebook->error / codebook->variance : 0);
	values[6] = PointerGetDatum(block);
	if (SPI_execute_with_args(query, 7, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not store codebook \"%s\"", name);
}

static void
refuse_existing(Oid function, const char *name)
{
	char	   *query = psprintf("SELECT 1 FROM %s WHERE name = $1", object_name(function, "vecidx_codebook"));
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	if (SPI_execute_with_args(query, 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for codebook \"%s\"", name);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("codebook \"%s\" already exists", name)));
}

/*
 * vecidx_train_codebook(name text, source regclass, source_column name, subvectors int, metric text, sample_size int)
 * returns real: trains a codebook of that many bytes per code (0: a quarter of the dimensions) from a sample of the column, at most
 * sample_size vectors and what maintenance_work_mem has room for, and stores it. Returns the share of the vectors' variance that
 * its codes lose. Errors: the name is taken, unknown metric, fewer than 1000 vectors, different or too few dimensions.
 */
Datum
vecidx_train_codebook(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			table = PG_GETARG_OID(1);
	char	   *column_name = NameStr(*PG_GETARG_NAME(2));
	int			subvectors = PG_GETARG_INT32(3);
	int			wanted = PG_GETARG_INT32(5);
	Oid			function = fcinfo->flinfo->fn_oid;
	ColumnSample column = {.metric = vecgraph_metric_of(text_to_cstring(PG_GETARG_TEXT_PP(4)), false),.wanted = wanted};
	VxSample   *sample = &column.sample;
	VxPqSample	training = {.row = vx_sample_row,.context = sample,.poll = vecgraph_poll};
	VxPqCodebook *codebook;
	float		lost;

	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a codebook needs a name")));
	if (wanted < VECGRAPH_TRAINING_ROWS || wanted > VX_PQ_MAX_SAMPLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sample size must be between %d and %d", VECGRAPH_TRAINING_ROWS, VX_PQ_MAX_SAMPLE)));
	vecgraph_check_source(table, column_name);

	SPI_connect();
	refuse_existing(function, name);
	column.mem = vecgraph_mem(CurrentMemoryContext);
	read_sample(&column, vecgraph_sample_query(table, column_name, function, wanted));
	vecgraph_check_training_rows(sample->count);
	if (subvectors == 0)
		subvectors = Max(1, sample->dim / 4);
	if (subvectors < 1 || subvectors > Min((int) sample->dim, 8000))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of subvectors must be between 1 and %d", Min((int) sample->dim, 8000)),
				 errdetail("The vectors have %u dimensions.", sample->dim)));

	codebook = vx_alloc(&column.mem, vx_pq_codebook_bytes(sample->dim));
	training.n = sample->count;
	vx_pq_train(&column.mem, sample->dim, subvectors, &training, TRAINING_SEED, codebook);
	insert_codebook(function, name, column.metric, codebook);
	lost = codebook->variance > 0 ? codebook->error / codebook->variance : 0;
	SPI_finish();
	PG_RETURN_FLOAT4(lost);
}

/*
 * vecidx_drop_codebook(name text) returns void: removes a codebook. Indexes made with it keep their copy; to rebuild one, name
 * another codebook first. Errors: there is none of that name.
 */
Datum
vecidx_drop_codebook(PG_FUNCTION_ARGS)
{
	char	   *query = psprintf("DELETE FROM %s WHERE name = $1", object_name(fcinfo->flinfo->fn_oid, "vecidx_codebook"));
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {PG_GETARG_DATUM(0)};

	SPI_connect();
	if (SPI_execute_with_args(query, 1, types, values, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not drop a codebook");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("codebook \"%s\" does not exist", text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	SPI_finish();
	PG_RETURN_VOID();
}
