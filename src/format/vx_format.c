/*
 * vx_format.c: geometry and checks of index pages; see vx_format.h.
 */
#include "format/vx_format.h"

#include <math.h>
#include <string.h>

uint32_t
vx_model_pages(VxCodeKind kind, uint32_t body_bytes, uint32_t dim)
{
	return (uint32_t) ((vx_code_model_bytes(kind, dim) + body_bytes - 1) / body_bytes);
}

/*
 * Whether the models exist that trained codes are made with: the newest always, the older while codes of it may be left. None at
 * all before the first training, while nodes tell their vectors.
 */
static bool
has_models(const VxMeta *meta)
{
	uint32_t	newest = VX_CODES_MODEL(meta->code_epoch & 1);
	uint32_t	both = VX_CODES_MODEL(0) | VX_CODES_MODEL(1);

	if (meta->code_flags == 0)
		return meta->code_epoch == 0 && vx_storage_has_vector((VxStorage) meta->storage);
	return (meta->code_flags & newest) != 0
		&& ((meta->code_flags & VX_CODES_MIXED) == 0 || (meta->code_flags & both) == both);
}

/* Whether the kinds of signatures are known ones, then none. */
static bool
filters_are_valid(const VxMeta *meta)
{
	for (int i = 0; i < VX_MAX_FILTERS; i++)
	{
		bool		first_none = i > 0 && meta->filter_kinds[i - 1] == VX_SIGNATURE_NONE;

		if (meta->filter_kinds[i] != VX_SIGNATURE_NONE
			&& (first_none || vx_signature_width((VxSignatureKind) meta->filter_kinds[i]) == 0))
			return false;
	}
	return true;
}

/* Bytes of code and signature. */
static uint32_t
digest_bytes(const VxMeta *meta)
{
	uint32_t	bytes = meta->code_bytes;

	for (int i = 0; i < VX_MAX_FILTERS; i++)
		bytes += vx_signature_width((VxSignatureKind) meta->filter_kinds[i]);
	return bytes;
}

/* Whether codes and storage go together, and the places that follow from them are those of the meta page. */
static bool
parts_agree(const VxMeta *meta, uint32_t body_bytes)
{
	const VxCodecOps *kind = vx_code_kind(meta->code_kind);

	VxSpace		space = vx_meta_space(meta);
	uint32_t	coded_dim = vx_space_coded_dim(&space);

	if (!vx_storage_suits((VxStorage) meta->storage, space.form))
		return false;
	if (!vx_storage_is_exact((VxStorage) meta->storage) && meta->code_kind == VX_CODES_NONE)
		return false;
	if (kind == NULL)
		return false;
	if (kind->needs_training && !has_models(meta))
		return false;
	/* while some nodes have no code, searches go by the vectors in them */
	if (!vx_storage_has_vector((VxStorage) meta->storage) && (meta->code_flags & VX_CODES_PARTIAL) != 0)
		return false;
	if (!vx_code_bytes_fit((VxCodeKind) meta->code_kind, &space, meta->code_bytes))
		return false;
	return digest_bytes(meta) <= body_bytes
		&& meta->record_bytes == vx_record_bytes((VxStorage) meta->storage, meta->dim, meta->edge_capacity)
		&& meta->record_bytes <= body_bytes
		&& meta->first_segment == vx_first_segment((VxCodeKind) meta->code_kind, body_bytes, coded_dim,
												   vx_meta_filtered(meta));
}

const char *
vx_meta_check(const VxMeta *meta, uint32_t body_bytes, VxGeometry *geometry)
{
	VxSpace		space = vx_meta_space(meta);

	if (meta->magic != VX_META_MAGIC)
		return "the meta page is not a vecgraph meta page";
	if (!filters_are_valid(meta))
		return "the meta page holds impossible values";
	if (meta->format_version != vx_meta_version(meta))
		return "the format version is not supported";
	if (meta->body_bytes != body_bytes)
		return "the page size differs";
	if (!vx_space_is_valid(&space)
		|| meta->max_degree < 1 || meta->max_degree > VX_MAX_DEGREE || meta->edge_capacity < meta->max_degree
		|| meta->edge_capacity > VX_MAX_EDGES || meta->entry_count > VX_MAX_ENTRIES
		|| meta->build_list_size < 1
		|| !(meta->alpha >= 1 && meta->alpha <= 100) || !parts_agree(meta, body_bytes))
		return "the meta page holds impossible values";

	geometry->storage = (VxStorage) meta->storage;
	geometry->dim = meta->dim;
	geometry->coded_dim = vx_space_coded_dim(&space);
	geometry->edge_capacity = meta->edge_capacity;
	geometry->record_bytes = meta->record_bytes;
	geometry->body_bytes = body_bytes;
	geometry->model_bytes = (uint32_t) vx_code_model_bytes((VxCodeKind) meta->code_kind, geometry->coded_dim);
	geometry->model_pages = vx_model_pages((VxCodeKind) meta->code_kind, body_bytes, geometry->coded_dim);
	geometry->first_segment = meta->first_segment;
	geometry->nodes_per_page = body_bytes / meta->record_bytes;
	geometry->code_bytes = meta->code_bytes;
	geometry->filter_count = 0;
	geometry->digest_bytes = meta->code_bytes;
	for (uint32_t i = 0; i < VX_MAX_FILTERS; i++)
	{
		geometry->filter_width[i] = vx_signature_width((VxSignatureKind) meta->filter_kinds[i]);
		geometry->filter_start[i] = geometry->digest_bytes;
		geometry->digest_bytes += geometry->filter_width[i];
		geometry->filter_count += geometry->filter_width[i] > 0;
	}
	geometry->codes_per_page = 0;
	geometry->code_pages = 0;
	geometry->pages_per_segment = 1;
	if (geometry->digest_bytes > 0)
	{
		geometry->codes_per_page = body_bytes / geometry->digest_bytes;
		geometry->code_pages = (geometry->nodes_per_page + geometry->codes_per_page - 1) / geometry->codes_per_page;
		if (geometry->code_pages == 1)
			geometry->pages_per_segment = geometry->codes_per_page / geometry->nodes_per_page;
	}
	geometry->tids_per_slot = (uint32_t) ((meta->record_bytes - offsetof(VxTidSlot, tids)) / sizeof(VxHeapTid));
	return NULL;
}

uint32_t
vx_id_bound(const VxGeometry *g, uint32_t blocks)
{
	uint64_t	stride = g->pages_per_segment + g->code_pages;
	uint64_t	within;
	uint64_t	pages;
	uint64_t	ids;

	if (blocks <= g->first_segment)
		return 0;
	within = blocks - g->first_segment;
	pages = within / stride * g->pages_per_segment;
	if (within % stride > g->code_pages)
		pages += within % stride - g->code_pages;
	ids = pages * g->nodes_per_page;
	return ids < VX_NO_NODE ? (uint32_t) ids : VX_NO_NODE;
}

uint32_t
vx_blocks_for(const VxGeometry *g, uint32_t ids)
{
	return ids == 0 ? g->first_segment : vx_id_block(g, ids - 1) + 1;
}
