/*
 * vecgraph_train_codebook.c: training named codebooks, and dropping them; what training wants of memory and rows, for whoever trains.
 *
 * Both run with the rights of their caller, on the extension's table vecidx_codebook. vecgraph_codebook.c says what indexes make of it.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "quant/vx_sample.h"

VECIDX_SQL_FUNCTION(vecidx_train_codebook);
VECIDX_SQL_FUNCTION(vecidx_drop_codebook);

#define TRAINING_SEED 1

/* Of the indexes with a codebook that is to be dropped, so many are named. */
#define MOST_NAMED 10

/* Runs a query of the table, whose name it has as %s. */
static void
run_query(Oid function, const char *format, int nargs, Oid *types, Datum *values, int expected)
{
	char	   *table = quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), "vecidx_codebook");

	if (SPI_execute_with_args(psprintf(format, table), nargs, types, values, NULL, false, 0) != expected)
		elog(ERROR, "query of table %s failed", table);
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
	VecGraphSource source;
	VxMem		mem;
	VxSpace		space;
	uint32		wanted;			/* vectors, if memory has room for them */
	VxSample	sample;
} ColumnSample;

/* The first vector says how many dimensions there are, and how many vectors fit the memory. */
static void
begin_sample(ColumnSample *column, uint32 dim)
{
	uint32		capacity = vecgraph_training_capacity(dim, column->wanted);

	vecgraph_check_training_capacity(dim, capacity);
	vx_sample_init(&column->sample, &column->mem, dim, capacity, TRAINING_SEED);
	column->space.dim = dim;
}

static bool
add_value_to_sample(void *context, Datum value)
{
	ColumnSample *column = context;
	VxPoint    *point;
	float	   *to;

	if (column->sample.rows == NULL)
		begin_sample(column, column->source.type->dim(value));
	point = vecgraph_point(column->source.type, &column->space, value, CurrentMemoryContext);
	if (point == NULL)
		return true;
	to = vx_sample_add(&column->sample);
	if (to != NULL)
		vx_space_coded(&column->space, point, to);
	pfree(point);
	return true;
}

static void
insert_codebook(Oid function, const char *name, VxMetric metric, VxPqCodebook *codebook)
{
	Oid			types[7] = {TEXTOID, INT4OID, TEXTOID, INT4OID, INT4OID, FLOAT4OID, BYTEAOID};
	Datum		values[7];
	bytea	   *block = palloc(VARHDRSZ + codebook->bytes);

	SET_VARSIZE(block, VARHDRSZ + codebook->bytes);
	memcpy(VARDATA(block), codebook, codebook->bytes);
	values[0] = CStringGetTextDatum(name);
	values[1] = Int32GetDatum(codebook->dim);
	values[2] = CStringGetTextDatum(vx_metric_kind(metric)->name);
	values[3] = Int32GetDatum(codebook->m);
	values[4] = Int32GetDatum(codebook->sample_count);
	values[5] = Float4GetDatum(codebook->variance > 0 ? codebook->error / codebook->variance : 0);
	values[6] = PointerGetDatum(block);
	run_query(function, "INSERT INTO %s (name, dimensions, metric, subvectors, sample_size, error, hash, codebook)"
			  " VALUES ($1, $2, $3, $4, $5, $6, pg_catalog.md5($7), $7)", 7, types, values, SPI_OK_INSERT);
}

static void
refuse_existing(Oid function, const char *name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};

	run_query(function, "SELECT 1 FROM %s WHERE name OPERATOR(pg_catalog.=) $1", 1, types, values, SPI_OK_SELECT);
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
	int			subvectors = PG_GETARG_INT32(3);
	int			wanted = PG_GETARG_INT32(5);
	Oid			function = fcinfo->flinfo->fn_oid;
	ColumnSample column = {.space.metric = vecgraph_metric_of(text_to_cstring(PG_GETARG_TEXT_PP(4)), VX_FORM_DENSE, true),.wanted = wanted};
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
	vecgraph_open_source(PG_GETARG_OID(1), NameStr(*PG_GETARG_NAME(2)), function, &column.source);
	if (!vecidx_type_has_codes(column.source.type, VX_CODES_PQ))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trained codes are not supported for %s", column.source.type->name)));

	SPI_connect();
	refuse_existing(function, name);
	column.mem = vecgraph_mem(CurrentMemoryContext);
	vecgraph_read_source(&column.source, wanted, add_value_to_sample, &column);
	vecgraph_check_training_rows(sample->count);
	if (subvectors == 0)
		subvectors = vecgraph_default_subvectors(sample->dim);
	if (subvectors < 1 || subvectors > Min((int) sample->dim, VX_PQ_MAX_SUBVECTORS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of subvectors must be between 1 and %d", Min((int) sample->dim, VX_PQ_MAX_SUBVECTORS)),
				 errdetail("The vectors have %u dimensions.", sample->dim)));

	codebook = vx_alloc(&column.mem, vx_pq_codebook_bytes(sample->dim));
	training.n = sample->count;
	vx_pq_train(&column.mem, sample->dim, subvectors, &training, TRAINING_SEED, codebook);
	insert_codebook(function, name, column.space.metric, codebook);
	lost = codebook->variance > 0 ? codebook->error / codebook->variance : 0;
	SPI_finish();
	PG_RETURN_FLOAT4(lost);
}

/* ---- dropping ---- */

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* The names of the indexes of this database, in order, that name a codebook. */
static List *
indexes_with(const char *name)
{
	Relation	classes = table_open(RelationRelationId, AccessShareLock);
	List	   *names = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_class_relam, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(get_index_am_oid("vecgraph", false)));
	scan = systable_beginscan(classes, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		bytea	   *options = extractRelOptions(tuple, RelationGetDescr(classes), vecgraph_options);
		const char *its = vecgraph_codebook_option((VecGraphOptions *) options);

		if (its != NULL && strcmp(its, name) == 0)
			names = lappend(names, quote_qualified_identifier(get_namespace_name(form->relnamespace), NameStr(form->relname)));
	}
	systable_endscan(scan);
	table_close(classes, AccessShareLock);
	list_sort(names, compare_names);
	return names;
}

/* What a message says of them: all, or the first few and how many more. */
static char *
list_of(List *names)
{
	StringInfoData list;
	int			shown = Min(list_length(names), MOST_NAMED);

	initStringInfo(&list);
	for (int i = 0; i < shown; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", (char *) list_nth(names, i));
	if (shown < list_length(names))
		appendStringInfo(&list, ", and %d more", list_length(names) - shown);
	return list.data;
}

/* Refuses to drop a codebook that indexes name, or says that they keep their copies. */
static void
report_users(const char *name, bool cascade)
{
	List	   *names = indexes_with(name);

	if (names == NIL)
		return;
	if (!cascade)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop codebook \"%s\" because indexes are made with it", name),
				 errdetail("Those are %s.", list_of(names)),
				 errhint("Use cascade => true to drop it all the same; the indexes keep their copies.")));
	ereport(NOTICE,
			(errmsg("indexes keep their copies of codebook \"%s\"", name),
			 errdetail("Those are %s.", list_of(names))));
}

/*
 * vecidx_drop_codebook(name text, cascade boolean) returns void: removes a codebook. Indexes made with it keep their copies, also
 * when they are rebuilt. Errors: there is none of that name; without cascade, indexes name it.
 */
Datum
vecidx_drop_codebook(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		cascade = PG_GETARG_BOOL(1);
	Oid			function = fcinfo->flinfo->fn_oid;
	Oid			table = vecgraph_codebook_table(function);
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {PG_GETARG_DATUM(0)};

	if (pg_class_aclcheck(table, GetUserId(), ACL_DELETE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, "vecidx_codebook");
	/* an index that is being made with it is seen when its transaction has ended */
	vecgraph_codebook_lock(table, name, AccessExclusiveLock);
	SPI_connect();
	run_query(function, "DELETE FROM %s WHERE name OPERATOR(pg_catalog.=) $1", 1, types, values, SPI_OK_DELETE);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("codebook \"%s\" does not exist", name)));
	SPI_finish();
	report_users(name, cascade);
	PG_RETURN_VOID();
}
