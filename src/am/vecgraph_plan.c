/*
 * vecgraph_plan.c: what an index will look like: from dimensions, metric and options to the meta page. Everything that can be
 * refused is refused here, before a row is read.
 */
#include "am/vecgraph.h"

#include "lib/stringinfo.h"

/* From here on two bits a dimension estimate distances as well as four do on fewer. */
#define TWO_BITS_FROM_DIM 768

static void
refuse_dimensions(uint32 dim, uint32 most, uint32 degree, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("column cannot have more than %u dimensions for vecgraph index", most),
			 errdetail("The column has %u dimensions, and a node with %u edges must fit a page.", dim, degree),
			 errhint("%s", hint)));
}

/* The codes that a type has where they are made from so many dimensions, if there are to be any. */
static VxCodeKind
usual_codes(const VecidxType *type, uint32 coded_dim)
{
	if (coded_dim >= TWO_BITS_FROM_DIM && vecidx_type_has_codes(type, VX_CODES_SCALAR2))
		return VX_CODES_SCALAR2;
	if (vecidx_type_has_codes(type, VX_CODES_SCALAR4))
		return VX_CODES_SCALAR4;
	return vecidx_type_has_codes(type, VX_CODES_BITS) ? VX_CODES_BITS : VX_CODES_NONE;
}

void
vecgraph_check_trained(const VecGraphOpclass *opclass)
{
	bool		has_type = vecidx_type_has_codes(opclass->type, VX_CODES_PQ);

	if (!has_type || !vx_metric_kind(opclass->metric)->coded)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trained codes are not supported for %s", has_type ? "L1 distance" : opclass->type->name)));
}

/* Chooses storage, codes and max degree, in this order, within what the options say. */
static void
plan_node(VxMeta *meta, const VecGraphOptions *options, const VecGraphOpclass *opclass, uint32 body, uint32 subvectors)
{
	const VecidxType *type = opclass->type;
	VxSpace		space = vx_meta_space(meta);
	uint32		coded_dim = vx_space_coded_dim(&space);
	bool		automatic = options == NULL || options->max_degree == 0;
	uint32		wanted = automatic ? type->usual_degree : options->max_degree;
	uint32		least = automatic ? type->packed_degree / 3 : wanted;
	VxStorage	storage = options != NULL ? (VxStorage) options->storage : 0;
	VecGraphCodesOption codes = options != NULL ? (VecGraphCodesOption) options->codes : VECGRAPH_CODES_AUTO;
	VxStorage	whole = type->whole;
	bool		fits = vx_fitting_degree(body, whole, meta->dim, wanted, least) > 0;
	bool		half_fits = vecidx_type_has_storage(type, VX_STORAGE_HALF)
		&& vx_fitting_degree(body, VX_STORAGE_HALF, meta->dim, wanted, least) > 0;

	if (subvectors > 0)
		vecgraph_check_trained(opclass);
	if (subvectors > coded_dim)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"pq_subvectors\" cannot be more than the dimensions"),
				 errdetail("The column has %u dimensions.", meta->dim)));
	/* a type whose values are halves has no other storage half than that */
	if (storage != 0 && !vecidx_type_has_storage(type, storage))
		storage = whole;
	if (!fits && !vecidx_type_has_storage(type, VX_STORAGE_HEAP))
		refuse_dimensions(meta->dim, vx_fitting_dim(body, whole, least), least, "Leave option \"max_degree\" to its default.");
	if (!fits && storage == whole)
		refuse_dimensions(meta->dim, vx_fitting_dim(body, whole, least), least, "Leave option \"storage\" to its default.");
	if (codes == VECGRAPH_CODES_NONE && !vx_storage_is_exact(whole))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"codes\" cannot be none for %s", type->name),
				 errdetail("A node does not hold the vector.")));
	if (!fits && codes == VECGRAPH_CODES_NONE)
		refuse_dimensions(meta->dim, vx_fitting_dim(body, whole, least), least, "Leave option \"codes\" to its default.");
	if (!half_fits && storage == VX_STORAGE_HALF)
		refuse_dimensions(meta->dim, vx_fitting_dim(body, VX_STORAGE_HALF, least), least,
						  "Leave option \"storage\" to its default.");
	/* as much of the vector as fits: what is read from the heap costs a search a page for each row */
	if (storage == 0)
		storage = fits ? whole : half_fits ? VX_STORAGE_HALF : VX_STORAGE_HEAP;
	meta->storage = storage;
	meta->max_degree = vx_fitting_degree(body, storage, meta->dim, wanted, least);
	if (automatic && meta->max_degree > type->packed_degree)
		meta->max_degree = vx_packing_degree(body, storage, meta->dim, type->packed_degree, meta->max_degree);
	meta->edge_capacity = meta->max_degree;

	/* without the vector in the node there must be codes: nothing else tells a search how far it is */
	meta->code_kind = usual_codes(type, coded_dim);
	if (vx_storage_is_exact(storage) && !vecgraph_wants_codes(options, opclass, meta->dim))
		meta->code_kind = VX_CODES_NONE;
	if (subvectors > 0)
		meta->code_kind = VX_CODES_PQ;
	meta->code_bytes = vx_code_bytes((VxCodeKind) meta->code_kind, &space, subvectors);
	meta->code_flags = vx_code_kind(meta->code_kind)->needs_training ? VX_CODES_MODEL(0) : 0;
	meta->record_bytes = vx_record_bytes(storage, meta->dim, meta->edge_capacity);
	meta->first_segment = vx_first_segment((VxCodeKind) meta->code_kind, body, coded_dim, vx_meta_filtered(meta));
}

uint32
vecgraph_default_subvectors(int dim)
{
	return Max(1, dim / 4);
}

void
vecgraph_plan(const VecGraphOptions *options, const VecGraphColumns *columns, int dim, uint32 subvectors, VxMeta *meta,
			  VxGeometry *geometry)
{
	const VecGraphOpclass *opclass = columns->opclass;
	uint32		body = VECGRAPH_BODY_BYTES;
	const char *wrong;

	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions"),
				 errhint("Declare the column, or cast the indexed expression, with a number of dimensions, such as %s(3).",
						 opclass->type->name)));
	if ((uint32) dim > opclass->type->max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %u dimensions for vecgraph index", opclass->type->max_dim)));

	memset(meta, 0, sizeof(*meta));
	meta->magic = VX_META_MAGIC;
	for (int i = 0; i < columns->filters.count; i++)
		meta->filter_kinds[i] = columns->filters.column[i].kind;
	if (!pg_strong_random(&meta->build_id, sizeof(meta->build_id)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random build id")));
	meta->dim = dim;
	meta->metric = opclass->metric;
	meta->form = opclass->type->form;
	meta->format_version = vx_meta_version(meta);
	meta->build_list_size = options != NULL ? options->build_list_size : VECGRAPH_DEFAULT_LIST_SIZE;
	meta->alpha = options != NULL ? options->alpha : 0;
	if (meta->alpha == 0)
		meta->alpha = dim <= 3 ? VECGRAPH_LOW_DIM_ALPHA : VECGRAPH_DEFAULT_ALPHA;
	plan_node(meta, options, opclass, body, subvectors);
	meta->body_bytes = body;
	meta->free_page = VX_NO_BLOCK;

	wrong = vx_meta_check(meta, body, geometry);
	if (wrong != NULL)
		elog(ERROR, "invalid vecgraph layout: %s", wrong);
}

char *
vecgraph_differing_options(Relation index, const VxMeta *meta)
{
	VecGraphOptions *options = (VecGraphOptions *) index->rd_options;
	bool		named = vecgraph_codebook_option(options) != NULL;
	uint32		subvectors = options != NULL ? options->pq_subvectors : 0;
	VecGraphColumns columns;
	VxMeta		planned;
	VxGeometry	geometry;
	StringInfoData differing;

	if (subvectors == meta->dim)
		subvectors = 0;
	/* the size of a codebook is checked where it is read */
	if (named)
		subvectors = vx_code_kind(meta->code_kind)->model == VX_MODEL_CODEBOOK ? vx_code_subvectors(meta->code_bytes) : vecgraph_default_subvectors(meta->dim);
	vecgraph_columns_open(index, CurrentMemoryContext, &columns);
	vecgraph_plan(options, &columns, meta->dim, subvectors, &planned, &geometry);
	initStringInfo(&differing);
	if (planned.storage != meta->storage)
		appendStringInfoString(&differing, ", storage");
	if (planned.code_kind != meta->code_kind || planned.code_bytes != meta->code_bytes)
		appendStringInfoString(&differing, ", codes");
	/* what is not set follows from the others */
	if (planned.max_degree != meta->max_degree && (differing.len == 0 || (options != NULL && options->max_degree != 0)))
		appendStringInfoString(&differing, ", max_degree");
	if (planned.build_list_size != meta->build_list_size)
		appendStringInfoString(&differing, ", build_list_size");
	if (planned.alpha != meta->alpha)
		appendStringInfoString(&differing, ", alpha");
	return differing.len > 0 ? differing.data + 2 : NULL;
}

void
vecgraph_report_options(Relation index, const VxMeta *meta)
{
	char	   *differing = vecgraph_differing_options(index, meta);

	if (differing != NULL)
		ereport(NOTICE,
				(errmsg("index \"%s\" is not what its options ask for", RelationGetRelationName(index)),
				 errdetail("They differ in: %s.", differing),
				 errhint("REINDEX it.")));
}
