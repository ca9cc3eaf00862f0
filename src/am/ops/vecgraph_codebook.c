/*
 * vecgraph_codebook.c: named codebooks, trained once and used by many indexes (partitions, shards): finding one, and its copies.
 *
 * Codebooks are rows of the extension's table vecidx_codebook, which pg_dump dumps. An index made WITH (codebook = 'name') copies
 * the codebook into its own pages. When it is built again it takes the row as that is then, if there is one; else the copy that it
 * had; else, as there is nothing else, the codes that its own rows train (vecgraph_codebook_for_build). An index without codes trained
 * so far takes the row when it finds it (vecgraph_fit.c).
 *
 * Centroids tell what the vectors look like that they were trained from, and so do, to who tries hard enough, the codes of an
 * index of his own. So the owner of an index must have the rights of the codebook's owner, or the right to read the table. It does not
 * matter who builds the index: dumps are restored by others, and autovacuum is a superuser. Training and dropping, which are in
 * vecgraph_train_codebook.c, run with the rights of their caller.
 */
#include "am/ops/vecgraph_ops.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
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

Oid
vecgraph_codebook_table(Oid function)
{
	return get_relname_relid("vecidx_codebook", get_func_namespace(function));
}

/* ---- finding one ---- */

static Oid
codebook_table(Relation index)
{
	return vecgraph_codebook_table(index_getprocid(index, 1, VECGRAPH_PROC_SUPPORT));
}

void
vecgraph_codebook_lock(Oid table, const char *name, LOCKMODE mode)
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

	vecgraph_codebook_lock(codebook_table(index), name, AccessShareLock);
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
