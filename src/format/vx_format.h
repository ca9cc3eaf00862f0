/*
 * vx_format.h: the index on disk. What lies in which block, and where in it, is computed here and nowhere else.
 *
 * Block 0 is the meta page. With codes, the pages of their models follow (vx_codec.h); with digests, the page of their log; then come
 * segments; a segment is its code pages (none without digests, else one; more only where a page holds more nodes than digests) and the
 * node pages of the ids whose digests those hold:
 *
 *     block 0     1 ...                    first_segment-1   first_segment ...
 *     [ meta ]    [ means or codebooks ]   [ log of codes ]  [ codes | nodes | nodes | ... ][ codes | nodes | ... ] ...
 *
 * Code pages hold digests of nodes: what searches want to know of a node before they read it. A digest is the node's code, and its
 * signature in an index with filter columns; an index with either has code pages and a log. All of a page's codes come first, then each
 * column of its signatures.
 *
 * Nodes are fixed-size records (slots) with dense ids, so an id gives block and slot by arithmetic:
 *
 *     node page n of the index (from 0) holds ids n * nodes_per_page ... ; it is page n % pages_per_segment of segment
 *     n / pages_per_segment.
 *
 * All pages are standard PostgreSQL pages: header (24 bytes), body up to pd_lower, special space (VxPageSpecial) at the end.
 * This file speaks of the body and the special space only; integers are in the machine's byte order, as everywhere in
 * PostgreSQL. README.md in this folder has pictures of the bytes, and what must hold of them.
 */
#ifndef VX_FORMAT_H
#define VX_FORMAT_H

#include "core/vx_curve.h"
#include "format/vx_record.h"
#include "format/vx_signature.h"
#include "quant/vx_codec.h"

#define VX_META_MAGIC 0x56584758	/* "VXGX" */

/*
 * Format versions:
 *   1  meta page, segments without code pages, full float32 vectors in the node
 *   2  code pages, means, codebooks, storage heap and half
 *   3  three inline heap TIDs instead of four; two codebooks, trained codes with a byte for their epoch; codes for
 *      inner product relative to a mean
 *   4  several entry nodes; indexes may be without the codes that they ask for until these are trained
 *   5  no marks in a slot of heap TIDs known to be dead; a log of changed codes
 *   6  signatures; an index without filter columns is still of version 5
 *   7  points of other forms; an index of dense ones is still of version 5 or 6
 */
#define VX_FORMAT_VERSION 5
#define VX_FORMAT_VERSION_FILTERED 6
#define VX_FORMAT_VERSION_FORMS 7

/* Page kinds; the high byte makes the last two bytes of an index page recognisable, as other access methods do. */
#define VX_PAGE_META 0xA101
#define VX_PAGE_NODES 0xA102
#define VX_PAGE_CODES 0xA103
#define VX_PAGE_MODEL 0xA104
#define VX_PAGE_CODE_LOG 0xA105

#define VX_NO_BLOCK UINT32_MAX
/* next_free of a page that is not in the list of pages with free slots */
#define VX_NOT_LISTED (UINT32_MAX - 1)

typedef struct VxPageSpecial
{
	uint32_t	next_free;		/* node pages: next page with free slots, VX_NO_BLOCK at the end, VX_NOT_LISTED */
	uint16_t	free_slots;		/* node pages: how many slots are VX_SLOT_FREE */
	uint16_t	kind;			/* VX_PAGE_* */
} VxPageSpecial;

typedef struct VxMeta
{
	uint32_t	magic;
	uint32_t	format_version;
	uint64_t	build_id;		/* random: no two builds share it */
	uint32_t	dim;
	uint16_t	metric;			/* VxMetric */
	uint16_t	max_degree;		/* R */
	uint16_t	edge_capacity;
	uint16_t	build_list_size;
	float		alpha;
	uint8_t		storage;		/* VxStorage */
	uint8_t		code_kind;		/* VxCodeKind */
	uint16_t	code_bytes;		/* per node, 0 without codes */
	uint32_t	record_bytes;
	uint32_t	body_bytes;		/* of a page: differs with the block size */
	uint32_t	first_segment;	/* block */
	uint32_t	code_epoch;		/* counts models (vx_codec.h); its lowest bit is the parity of new codes */
	float		max_norm2;		/* inner product: VxSpace.max_norm2 */
	uint32_t	free_page;		/* first node page with free slots, or VX_NO_BLOCK */
	uint32_t	entry_count;
	uint32_t	entries[VX_MAX_ENTRIES];
	uint32_t	code_flags;		/* VX_CODES_... below */
	uint32_t	fitted_nodes;	/* how many vectors the newest model was fitted to */
	float		fitted_error;	/* usual squared distance of vectors from their codes then, a vx_robust_result; 0: not known */
	uint32_t	fitted_slots;	/* ids that the index had room for then */
	float		usual_norm2;	/* inner product: nine tenths of the squared norms are at most this; 0: not known */
	uint8_t		filter_kinds[VX_MAX_FILTERS];	/* VxSignatureKind of each filter column, then VX_SIGNATURE_NONE */
	uint8_t		form;			/* VxForm */
	uint8_t		curve_room;		/* 6 log2 of the ids that there was room for when the curve was measured */
	uint8_t		reserved_bytes[2];	/* zero */
	VxCurve		curve;			/* list sizes of searches; zeros: not measured */
	uint32_t	curve_nodes;	/* live ones when it was measured */
	uint32_t	curve_changes;	/* rows that VACUUM has seen gone since then */
} VxMeta;

/* The space of an index. */
static inline VxSpace
vx_meta_space(const VxMeta *meta)
{
	VxSpace		space = {
		.metric = (VxMetric) meta->metric,.dim = meta->dim,.max_norm2 = meta->max_norm2,.form = (VxForm) meta->form
	};

	return space;
}

/*
 * code_flags: which models exist, whether codes of the older one may be left, and whether nodes may be left that have no code at
 * all, so that nobody may go by codes. Codes that need training and have no model are yet to be trained: nodes have none.
 */
#define VX_CODES_MODEL(parity) (1u << (parity))
#define VX_CODES_MIXED 4u
#define VX_CODES_PARTIAL 8u

/* Whether the codes of the index are yet to be trained. */
static inline bool
vx_codes_untrained(const VxMeta *meta)
{
	return vx_code_kind(meta->code_kind)->needs_training && (meta->code_flags & (VX_CODES_MODEL(0) | VX_CODES_MODEL(1))) == 0;
}

/* Whether searches can go by codes: there are some, and every node has one. */
static inline bool
vx_codes_usable(const VxMeta *meta)
{
	return meta->code_kind != VX_CODES_NONE && (meta->code_flags & VX_CODES_PARTIAL) == 0 && !vx_codes_untrained(meta);
}

/*
 * The log of codes: which code pages have changed, so that copies of digests elsewhere can follow. Whoever changes digests adds their
 * page in the same WAL record. A page that changes again before any other does stays one entry; so a reader who knows the log as it was at
 * some time has to read again the page that was its last entry then, and all that were added since. The oldest entries are overwritten.
 */
typedef struct VxCodeLog
{
	uint64_t	changes;		/* so far */
	uint64_t	entries;		/* so far, of which the last vx_code_log_room() are there */
	uint32_t	blocks[];		/* code pages, entry i at i % vx_code_log_room() */
} VxCodeLog;

/* Of those who follow the log, none should come so late that this many code pages have changed since. */
#define VX_CODE_LOG_ENTRIES 500

static inline uint32_t
vx_code_log_room(uint32_t body_bytes)
{
	return VX_MIN(VX_CODE_LOG_ENTRIES, (body_bytes - (uint32_t) sizeof(VxCodeLog)) / (uint32_t) sizeof(uint32_t));
}

/* Bytes in use on its page. */
static inline uint32_t
vx_code_log_used(uint32_t body_bytes)
{
	return (uint32_t) (sizeof(VxCodeLog) + vx_code_log_room(body_bytes) * sizeof(uint32_t));
}

/* Where its page is, in an index with digests. */
static inline uint32_t
vx_code_log_block(uint32_t first_segment)
{
	return first_segment - 1;
}

/* The place of the entry that a change of a page wants; NULL if the newest entry is of this page. */
static inline uint32_t *
vx_code_log_entry(VxCodeLog *log, uint32_t room, uint32_t block)
{
	if (log->entries > 0 && log->blocks[(log->entries - 1) % room] == block)
		return NULL;
	return &log->blocks[log->entries % room];
}

/* Notes that digests on a page change, in the log's first fields and in that entry, both of which may be images. */
static inline void
vx_code_log_add(VxCodeLog *log, uint32_t *entry, uint32_t block)
{
	if (entry != NULL)
	{
		*entry = block;
		log->entries++;
	}
	log->changes++;
}

/*
 * Finds the first entry that a reader must follow who has followed the log to so many changes and entries, as *first. False if the log
 * does not name all of them any more.
 */
static inline bool
vx_code_log_news(const VxCodeLog *log, uint32_t room, uint64_t changes, uint64_t entries, uint64_t *first)
{
	*first = entries == 0 ? 0 : entries - 1;
	return changes <= log->changes && entries <= log->entries && log->entries - *first <= room;
}

/* README.md says so. */
_Static_assert(sizeof(VxPageSpecial) == 8 && offsetof(VxPageSpecial, free_slots) == 4 && offsetof(VxPageSpecial, kind) == 6,
			   "special space");
_Static_assert(offsetof(VxMeta, magic) == 0 && offsetof(VxMeta, format_version) == 4 && offsetof(VxMeta, build_id) == 8
			   && offsetof(VxMeta, dim) == 16 && offsetof(VxMeta, metric) == 20 && offsetof(VxMeta, max_degree) == 22
			   && offsetof(VxMeta, edge_capacity) == 24 && offsetof(VxMeta, build_list_size) == 26
			   && offsetof(VxMeta, alpha) == 28, "meta page: what was asked for");
_Static_assert(offsetof(VxMeta, storage) == 32 && offsetof(VxMeta, code_kind) == 33 && offsetof(VxMeta, code_bytes) == 34
			   && offsetof(VxMeta, record_bytes) == 36 && offsetof(VxMeta, body_bytes) == 40
			   && offsetof(VxMeta, first_segment) == 44, "meta page: what lies where");
_Static_assert(offsetof(VxMeta, code_epoch) == 48 && offsetof(VxMeta, max_norm2) == 52 && offsetof(VxMeta, free_page) == 56
			   && offsetof(VxMeta, entry_count) == 60 && offsetof(VxMeta, entries) == 64 && VX_MAX_ENTRIES == 72,
			   "meta page: what changes");
_Static_assert(offsetof(VxMeta, code_flags) == 352 && offsetof(VxMeta, fitted_nodes) == 356 && offsetof(VxMeta, fitted_error) == 360
			   && offsetof(VxMeta, fitted_slots) == 364 && offsetof(VxMeta, usual_norm2) == 368
			   && offsetof(VxMeta, filter_kinds) == 372 && offsetof(VxMeta, form) == 380 && offsetof(VxMeta, curve) == 384
			   && offsetof(VxMeta, curve_nodes) == 408 && offsetof(VxMeta, curve_changes) == 412
			   && sizeof(VxMeta) == 416, "meta page: models");
_Static_assert(sizeof(VxCurve) == 24 && VX_CURVE_RANKS == 3 && VX_CURVE_RECALLS == 8, "curve");
_Static_assert(VX_FORM_DENSE == 0 && VX_FORM_BITS == 1 && VX_FORM_SPARSE == 2, "forms of points");
_Static_assert(VX_MAX_FILTERS == 8 && VX_SIGNATURE_NONE == 0 && VX_SIGNATURE_ORDERED4 == 1 && VX_SIGNATURE_ORDERED8 == 2
			   && VX_SIGNATURE_HASH4 == 3 && VX_SIGNATURE_HASH8 == 4 && VX_SIGNATURE_BLOOM8 == 5 && VX_SIGNATURE_ABSENT == 0
			   && VX_SIGNATURE_NULL == 1, "signatures");
_Static_assert(offsetof(VxCodeLog, changes) == 0 && offsetof(VxCodeLog, entries) == 8 && offsetof(VxCodeLog, blocks) == 16
			   && VX_CODE_LOG_ENTRIES == 500, "log of codes");

/* Pages of one model; 0 without codes. Here, too, dim is that of what codes are made from. */
uint32_t	vx_model_pages(VxCodeKind kind, uint32_t body_bytes, uint32_t dim);

/* The first block behind the meta page, all copies, and the log of codes, if there are digests. */
static inline uint32_t
vx_first_segment(VxCodeKind kind, uint32_t body_bytes, uint32_t dim, bool filtered)
{
	return 1 + vx_code_kind(kind)->model_copies * vx_model_pages(kind, body_bytes, dim) + (kind != VX_CODES_NONE || filtered);
}

/* Whether an index has filter columns. */
static inline bool
vx_meta_filtered(const VxMeta *meta)
{
	return meta->filter_kinds[0] != VX_SIGNATURE_NONE;
}

/* The format version of an index. */
static inline uint32_t
vx_meta_version(const VxMeta *meta)
{
	if (meta->form != VX_FORM_DENSE)
		return VX_FORMAT_VERSION_FORMS;
	return vx_meta_filtered(meta) ? VX_FORMAT_VERSION_FILTERED : VX_FORMAT_VERSION;
}

/* The block of page i of a model, by its place, and the other way round: which of the pages of all models a block is. */
static inline uint32_t
vx_model_block(uint32_t model_pages, uint32_t copy, uint32_t i)
{
	return 1 + copy * model_pages + i;
}

static inline uint32_t
vx_model_page(uint32_t block)
{
	return block - 1;
}

/* Bytes in use on page number i of the model pages (all copies counted). */
static inline uint32_t
vx_model_page_used(uint32_t model_bytes, uint32_t model_pages, uint32_t body_bytes, uint32_t i)
{
	return VX_MIN(body_bytes, model_bytes - i % model_pages * body_bytes);
}

/*
 * Checks a meta page and computes the geometry. Returns NULL, or what is wrong with it (a message fragment).
 * body_bytes is what pages of this server have.
 */
const char *vx_meta_check(const VxMeta *meta, uint32_t body_bytes, VxGeometry *geometry);

static inline uint32_t
vx_id_block(const VxGeometry *g, VxNodeId id)
{
	uint32_t	page = id / g->nodes_per_page;

	return g->first_segment + page / g->pages_per_segment * (g->pages_per_segment + g->code_pages)
		+ g->code_pages + page % g->pages_per_segment;
}

static inline uint32_t
vx_id_slot(const VxGeometry *g, VxNodeId id)
{
	return id % g->nodes_per_page;
}

/* Where the code of an id is: block, and place in the page body. The block has its signature, too. Only for indexes with digests. */
static inline uint32_t
vx_code_block(const VxGeometry *g, VxNodeId id)
{
	uint32_t	ids = g->pages_per_segment * g->nodes_per_page;

	return g->first_segment + id / ids * (g->pages_per_segment + g->code_pages) + id % ids / g->codes_per_page;
}

static inline uint32_t
vx_code_offset(const VxGeometry *g, VxNodeId id)
{
	return id % (g->pages_per_segment * g->nodes_per_page) % g->codes_per_page * g->code_bytes;
}

/* Where a column of the signature of an id is in the body of the same page. */
static inline uint32_t
vx_signature_offset(const VxGeometry *g, VxNodeId id, uint32_t column)
{
	uint32_t	place = id % (g->pages_per_segment * g->nodes_per_page) % g->codes_per_page;

	return g->codes_per_page * g->filter_start[column] + place * g->filter_width[column];
}

/* Writes the signature [filter_count] of an id to the body of its page. */
static inline void
vx_signature_put(const VxGeometry *g, void *body, VxNodeId id, const uint64_t *signature)
{
	for (uint32_t i = 0; i < g->filter_count; i++)
		vx_signature_store((char *) body + vx_signature_offset(g, id, i), g->filter_width[i], signature[i]);
}

/* How many codes, id's being the first, lie one behind the other on the same page. */
static inline uint32_t
vx_code_stretch(const VxGeometry *g, VxNodeId id)
{
	uint32_t	within = id % (g->pages_per_segment * g->nodes_per_page);
	uint32_t	in_segment = g->pages_per_segment * g->nodes_per_page - within;

	return VX_MIN(g->codes_per_page - within % g->codes_per_page, in_segment);
}

/* Bytes of a code page's body that are in use: the same for every code page of an index. */
static inline uint32_t
vx_code_page_used(const VxGeometry *g)
{
	return g->codes_per_page * g->digest_bytes;
}

/* The id whose code is first on a code page. */
static inline VxNodeId
vx_code_page_first_id(const VxGeometry *g, uint32_t block)
{
	uint32_t	stride = g->pages_per_segment + g->code_pages;
	uint32_t	within = block - g->first_segment;

	return within / stride * g->pages_per_segment * g->nodes_per_page + within % stride * g->codes_per_page;
}

/* Whether a block is a code page. */
static inline bool
vx_block_has_codes(const VxGeometry *g, uint32_t block)
{
	return block >= g->first_segment
		&& (block - g->first_segment) % (g->pages_per_segment + g->code_pages) < g->code_pages;
}

/* Whether a block is a node page (else it is a meta, model or code page). */
static inline bool
vx_block_has_nodes(const VxGeometry *g, uint32_t block)
{
	return block >= g->first_segment
		&& (block - g->first_segment) % (g->pages_per_segment + g->code_pages) >= g->code_pages;
}

/* The id of the first slot of a node page. */
static inline VxNodeId
vx_block_first_id(const VxGeometry *g, uint32_t block)
{
	uint32_t	stride = g->pages_per_segment + g->code_pages;
	uint32_t	within = block - g->first_segment;

	return (within / stride * g->pages_per_segment + within % stride - g->code_pages) * g->nodes_per_page;
}

/* One more than the largest id that an index of this many blocks can hold. */
uint32_t	vx_id_bound(const VxGeometry *g, uint32_t blocks);

/* Blocks of an index with this many ids. */
uint32_t	vx_blocks_for(const VxGeometry *g, uint32_t ids);

#endif							/* VX_FORMAT_H */
