/*
 * vecgraph_codebook.c: named codebooks: trained once, used by many indexes (partitions, shards).
 *
 * Codebooks are rows of the extension's table vecidx_codebook, which pg_dump dumps. An index made WITH (codebook = 'name') copies
 * the codebook into its own pages. When it is built again it takes the row as that is then, if there is one; else the copy that it
 * had; else, as there is nothing else, the codes that its own rows train (vecgraph_codebook_for_build). An index without codes trained
 * so far takes the row when it finds it (vecgraph_fit.c).
 *
 * Centroids tell what the vectors look like that they were trained from, and so do, to who tries hard enough, the codes of an
 * index of his own. So the owner of an index must have the rights of the codebook's owner, or the right to read the table. It does not
 * matter who builds the index: dumps are restored by others, and autovacuum is a superuser. Training and dropping run with the
 * rights of their caller.
 */
#include "am/ops/vecgraph_ops.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "quant/vx_sample.h"

VECIDX_SQL_FUNCTION(vecidx_train_codebook);
VECIDX_SQL_FUNCTION(vecidx_drop_codebook);

#define TRAINING_SEED 1

/* Of the indexes with a codebook that is to be dropped, so many are named. */
#define MOST_NAMED 10

/* The table of the extension that a function is of: one that was called, or belongs to an operator class. */
static Oid
table_of(Oid function)
{
	return get_relname_relid("vecidx_codebook", get_func_namespace(function));
}

/* Runs a query of the table, whose name it has as %s. */
static void
run_query(Oid function, const char *format, int nargs, Oid *types, Datum *values, int expected)
{
	char	   *table = quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), "vecidx_codebook");

	if (SPI_execute_with_args(psprintf(format, table), nargs, types, values, NULL, false, 0) != expected)
		elog(ERROR, "query of table %s failed", table);
}

/* ---- finding one ---- */

static Oid
codebook_table(Relation index)
{
	return table_of(index_getprocid(index, 1, VECGRAPH_PROC_SUPPORT));
}

/*
 * Keeps the codebook of a name from being dropped until the transaction ends, or, to drop it, waits for those who are about to use
 * it. A name need not be there to be locked.
 */
static void
lock_name(Oid table, const char *name, LOCKMODE mode)
{
	LockDatabaseObject(table, hash_bytes((const unsigned char *) name, (int) strlen(name)), 0, mode);
}

/*
 * Whether a role may use a codebook: it has the rights of the codebook's owner, or may read the table. Where row security applies to
 * the role, which rows it may read is not asked: it has to have the owner's rights.
 */
static bool
may_use(Relation table, AttrNumber attribute, Oid role, const char *owner)
{
	Oid			owner_oid = get_role_oid(owner, true);

	if (OidIsValid(owner_oid) && has_privs_of_role(role, owner_oid))
		return true;
	return (pg_class_aclcheck(RelationGetRelid(table), role, ACL_SELECT) == ACLCHECK_OK
			|| pg_attribute_aclcheck(RelationGetRelid(table), attribute, role, ACL_SELECT) == ACLCHECK_OK)
		&& check_enable_rls(RelationGetRelid(table), role, true) != RLS_ENABLED;
}

/* What a row of the table says, in context. */
typedef struct CodebookRow
{
	VxPqCodebook *codebook;		/* not checked yet */
	Size		size;
	char	   *metric;
} CodebookRow;

static VecGraphCodebookStatus
read_tuple(Relation table, HeapTuple tuple, Oid role, MemoryContext context, CodebookRow *row)
{
	TupleDesc	desc = RelationGetDescr(table);
	AttrNumber	attribute = get_attnum(RelationGetRelid(table), "codebook");
	bool		isnull;
	Datum		owner = heap_getattr(tuple, get_attnum(RelationGetRelid(table), "owner"), desc, &isnull);
	bytea	   *block;

	if (!may_use(table, attribute, role, NameStr(*DatumGetName(owner))))
		return VECGRAPH_CODEBOOK_FORBIDDEN;
	row->metric = TextDatumGetCString(heap_getattr(tuple, get_attnum(RelationGetRelid(table), "metric"), desc, &isnull));
	block = DatumGetByteaPP(heap_getattr(tuple, attribute, desc, &isnull));
	row->size = VARSIZE_ANY_EXHDR(block);
	row->codebook = MemoryContextAllocHuge(context, Max(row->size, sizeof(VxPqCodebook)));
	memcpy(row->codebook, VARDATA_ANY(block), row->size);
	return VECGRAPH_CODEBOOK_FOUND;
}

/*
 * Reads the row of a name as it is now, by a scan of its own: indexes are built and fitted with the rights of many, and by whatever
 * search_path there is. The table is small but for the codebooks, which are stored out of line.
 */
static VecGraphCodebookStatus
read_row(Oid table_oid, const char *name, Oid role, MemoryContext context, CodebookRow *row)
{
	Relation	table = OidIsValid(table_oid) ? try_relation_open(table_oid, AccessShareLock) : NULL;
	VecGraphCodebookStatus status = VECGRAPH_CODEBOOK_MISSING;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (table == NULL)
		return status;
	ScanKeyEntryInitialize(&key, 0, get_attnum(table_oid, "name"), BTEqualStrategyNumber, TEXTOID, DEFAULT_COLLATION_OID,
						   F_TEXTEQ, CStringGetTextDatum(name));
	scan = systable_beginscan(table, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		status = read_tuple(table, tuple, role, context, row);
	systable_endscan(scan);
	relation_close(table, AccessShareLock);
	return status;
}

/* Whether a codebook is sound and one for an index like this; says what is wrong at the level. */
static bool
check_fit(const CodebookRow *row, const char *name, VxMetric metric, int dim, int level)
{
	const char *wrong = vx_pq_check(row->codebook, row->size);

	if (wrong != NULL)
		ereport(level,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("codebook \"%s\" is damaged: %s", name, wrong)));
	else if (row->codebook->dim != (uint32) dim)
		ereport(level,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("codebook \"%s\" has %u dimensions, not %d", name, row->codebook->dim, dim)));
	/* directions are what cosine encodes; L2 and inner product encode vectors */
	else if ((strcmp(row->metric, "cosine") == 0) != vx_metric_kind(metric)->directions)
		ereport(level,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("codebook \"%s\" was trained for metric %s", name, row->metric),
				 errdetail("The index needs one for %s.", vx_metric_kind(metric)->directions ? "cosine" : "l2 or ip")));
	else
		return true;
	return false;
}

VecGraphCodebookStatus
vecgraph_codebook_find(Relation index, const char *name, VxMetric metric, int dim, int unfit_level, MemoryContext context,
					   VxPqCodebook **codebook)
{
	CodebookRow row = {0};
	VecGraphCodebookStatus status = read_row(codebook_table(index), name, index->rd_rel->relowner, context, &row);

	*codebook = NULL;
	if (status != VECGRAPH_CODEBOOK_FOUND)
		return status;
	if (!check_fit(&row, name, metric, dim, unfit_level))
	{
		pfree(row.codebook);
		return VECGRAPH_CODEBOOK_UNFIT;
	}
	*codebook = row.codebook;
	return VECGRAPH_CODEBOOK_FOUND;
}

VxPqCodebook *
vecgraph_codebook_load(Relation index, const char *name, VxMetric metric, int dim, MemoryContext context)
{
	VxPqCodebook *codebook;

	switch (vecgraph_codebook_find(index, name, metric, dim, ERROR, context, &codebook))
	{
		case VECGRAPH_CODEBOOK_MISSING:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("codebook \"%s\" does not exist", name),
					 errhint("Train it with vecidx_train_codebook().")));
			break;
		case VECGRAPH_CODEBOOK_FORBIDDEN:
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied for codebook \"%s\"", name),
					 errdetail("Role \"%s\", the owner of index \"%s\", is neither the codebook's owner nor may it read table vecidx_codebook.",
							   GetUserNameFromId(index->rd_rel->relowner, false), RelationGetRelationName(index))));
			break;
		default:
			break;
	}
	return codebook;
}

/* ---- copies in indexes ---- */

/* Copies a page; one that cannot be read comes as zeros. */
static void
read_page(Relation file, BlockNumber block, char *page)
{
	Buffer		buffer = ReadBufferExtended(file, MAIN_FORKNUM, block, RBM_ZERO_ON_ERROR, NULL);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
}

/* The copy that is in a file of so many blocks; NULL if that is damaged, or has none for an index like this. */
static VxPqCodebook *
read_copy(Relation file, BlockNumber blocks, VxMetric metric, int dim, MemoryContext context)
{
	char	   *page = palloc(BLCKSZ);
	VxMeta		meta;
	VxGeometry	geometry;
	VxPqCodebook *codebook;
	uint32		parity;

	if (blocks <= VECGRAPH_META_BLOCK)
		return NULL;
	read_page(file, VECGRAPH_META_BLOCK, page);
	memcpy(&meta, vecgraph_page_body(page), sizeof(meta));
	parity = meta.code_epoch & 1;
	if (PageIsNew((Page) page) || vx_meta_check(&meta, VECGRAPH_BODY_BYTES, &geometry) != NULL
		|| vx_code_kind(meta.code_kind)->model != VX_MODEL_CODEBOOK || (meta.code_flags & VX_CODES_MODEL(parity)) == 0
		|| meta.dim != (uint32) dim || vx_metric_kind(meta.metric)->directions != vx_metric_kind(metric)->directions
		|| geometry.first_segment > blocks)
		return NULL;
	codebook = MemoryContextAllocHuge(context, geometry.model_bytes);
	for (uint32 i = 0; i < geometry.model_pages; i++)
	{
		BlockNumber block = VECGRAPH_META_BLOCK + 1 + parity * geometry.model_pages + i;

		read_page(file, block, page);
		memcpy((char *) codebook + (Size) i * geometry.body_bytes, vecgraph_page_body(page),
			   vecgraph_model_page_used(&geometry, block));
	}
	pfree(page);
	if (vx_code_kind(meta.code_kind)->check_model(codebook, meta.dim, meta.code_bytes) == NULL)
		return codebook;
	pfree(codebook);
	return NULL;
}

VxPqCodebook *
vecgraph_codebook_copy(Relation index, VxMetric metric, int dim, MemoryContext context)
{
	return read_copy(index, RelationGetNumberOfBlocks(index), metric, dim, context);
}

/* The copy in a file that the index had before. */
static VxPqCodebook *
copy_in_file(Relation index, Oid tablespace, Oid number, VxMetric metric, int dim, MemoryContext context)
{
	RelationData file = *index;
	SMgrRelation storage;

	vecidx_set_file(&file, OidIsValid(tablespace) ? tablespace : MyDatabaseTableSpace, number);
	vecidx_leave_statistics(&file);
	storage = file.rd_smgr = vecidx_storage_of(&file);
	if (!smgrexists(storage, MAIN_FORKNUM))
		return NULL;
	return read_copy(&file, smgrnblocks(storage, MAIN_FORKNUM), metric, dim, context);
}

/*
 * The copy that an index had before this transaction gave it a new file, as REINDEX, TRUNCATE and whatever rewrites a table do, just
 * before the index is built. The old file stays until the transaction has ended, and the old row of pg_class, which this transaction
 * has updated, says where it is.
 */
static VxPqCodebook *
copy_before(Relation index, VxMetric metric, int dim, MemoryContext context)
{
	Relation	classes = table_open(RelationRelationId, AccessShareLock);
	VxPqCodebook *newest = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationGetRelid(index)));
	scan = systable_beginscan(classes, ClassOidIndexId, true, SnapshotAny, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		VxPqCodebook *copy;

		if (!OidIsValid(form->relfilenode) || form->relfilenode == vecidx_file_number_of(index)
			|| (tuple->t_data->t_infomask & HEAP_XMAX_INVALID) != 0
			|| !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(tuple->t_data)))
			continue;
		copy = copy_in_file(index, form->reltablespace, form->relfilenode, metric, dim, context);
		newest = copy != NULL ? copy : newest;
	}
	systable_endscan(scan);
	table_close(classes, AccessShareLock);
	return newest;
}

/*
 * The copy of another index of the table that names the same codebook: REINDEX CONCURRENTLY builds beside the old index. *sibling is the name
 * of that index.
 */
static VxPqCodebook *
copy_of_sibling(Relation heap, Relation index, const char *name, VxMetric metric, int dim, MemoryContext context, char **sibling)
{
	List	   *indexes = RelationGetIndexList(heap);
	VxPqCodebook *copy = NULL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	other;
		const char *others;

		if (lfirst_oid(cell) == RelationGetRelid(index) || copy != NULL)
			continue;
		other = index_open(lfirst_oid(cell), AccessShareLock);
		others = other->rd_rel->relam != index->rd_rel->relam ? NULL
			: vecgraph_codebook_option((VecGraphOptions *) other->rd_options);
		if (others != NULL && strcmp(others, name) == 0)
			copy = vecgraph_codebook_copy(other, metric, dim, context);
		if (copy != NULL)
			*sibling = pstrdup(RelationGetRelationName(other));
		index_close(other, AccessShareLock);
	}
	list_free(indexes);
	return copy;
}

/*
 * An index without its codebook is one that a dump brought before the codebook, or whose codebook was removed. It is made all the
 * same, so that dumps can be restored in any order.
 */
static void
warn_absent(Relation index, const char *name, VecGraphCodebookStatus status, uint32 subvectors)
{
	/* its files are going to be replaced by those of the old cluster */
	if (IsBinaryUpgrade)
		return;
	ereport(WARNING,
			(errcode(status == VECGRAPH_CODEBOOK_FORBIDDEN ? ERRCODE_INSUFFICIENT_PRIVILEGE : ERRCODE_UNDEFINED_OBJECT),
			 status == VECGRAPH_CODEBOOK_FORBIDDEN ? errmsg("permission denied for codebook \"%s\"", name)
			 : errmsg("codebook \"%s\" does not exist", name),
			 errdetail("Index \"%s\" has codes of %u subvectors, trained from its own rows as soon as there are %d.",
					   RelationGetRelationName(index), subvectors, VECGRAPH_TRAINING_ROWS),
			 status == VECGRAPH_CODEBOOK_FORBIDDEN
			 ? errhint("Give \"%s\", the owner of the index, the right to read table vecidx_codebook, and REINDEX the index.",
					   GetUserNameFromId(index->rd_rel->relowner, false))
			 : errhint("When the codebook is there, REINDEX the index.")));
}

VxPqCodebook *
vecgraph_codebook_for_build(Relation heap, Relation index, VxMetric metric, int dim, MemoryContext context)
{
	const VecGraphOptions *options = (VecGraphOptions *) index->rd_options;
	const char *name = vecgraph_codebook_option(options);
	uint32		wanted = options->pq_subvectors;
	VecGraphCodebookStatus status;
	VxPqCodebook *codebook;
	char	   *sibling = NULL;

	lock_name(codebook_table(index), name, AccessShareLock);
	status = vecgraph_codebook_find(index, name, metric, dim, ERROR, context, &codebook);
	if (status == VECGRAPH_CODEBOOK_FOUND)
	{
		if (wanted != 0 && wanted != codebook->m)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("codebook \"%s\" has %u subvectors, not %u", name, codebook->m, wanted),
					 errhint("Leave option \"pq_subvectors\" out.")));
		return codebook;
	}
	codebook = copy_before(index, metric, dim, context);
	if (codebook == NULL)
		codebook = copy_of_sibling(heap, index, name, metric, dim, context, &sibling);
	if (codebook != NULL && (wanted == 0 || wanted == codebook->m))
	{
		/* which name the copy had is not known: the option may have been changed since */
		ereport(NOTICE,
				(sibling != NULL
				 ? errmsg("index \"%s\" is made with the codebook of index \"%s\"", RelationGetRelationName(index), sibling)
				 : errmsg("index \"%s\" is made with the codebook that it had", RelationGetRelationName(index)),
				 status == VECGRAPH_CODEBOOK_FORBIDDEN ? errdetail("The owner of the index may not read codebook \"%s\".", name)
				 : errdetail("There is no codebook \"%s\".", name)));
		return codebook;
	}
	warn_absent(index, name, status, wanted != 0 ? wanted : vecgraph_default_subvectors(dim));
	return NULL;
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
	Oid			table = table_of(function);
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {PG_GETARG_DATUM(0)};

	if (pg_class_aclcheck(table, GetUserId(), ACL_DELETE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, "vecidx_codebook");
	/* an index that is being made with it is seen when its transaction has ended */
	lock_name(table, name, AccessExclusiveLock);
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
