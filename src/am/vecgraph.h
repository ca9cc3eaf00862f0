/*
 * vecgraph.h: what an index is, what it costs, and what its plans may be used for; grouped by the file that defines it. The wings
 * have headers of their own: page/vecgraph_page.h, ops/vecgraph_ops.h, build/vecgraph_build.h.
 *
 * README.md in this folder has the locks, the WAL rules, and each operation step by step. Nothing declared here takes or wants a lock on
 * a page, unless it says so.
 */
#ifndef VECGRAPH_H
#define VECGRAPH_H

#include "pg/vecidx_compat.h"

#include "access/amapi.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

#include "core/vx_mem.h"
#include "format/vx_filter.h"
#include "format/vx_format.h"
#include "type/vecidx_type.h"

/* Bytes of a page between header and special space. */
#define VECGRAPH_BODY_BYTES ((uint32) (BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - MAXALIGN(sizeof(VxPageSpecial))))

/* Strategy numbers of operator classes: of vectors the first, of filters the others. */
#define VECGRAPH_STRATEGY_DISTANCE 1
#define VECGRAPH_STRATEGY_LESS 2
#define VECGRAPH_STRATEGY_LESS_EQUAL 3
#define VECGRAPH_STRATEGY_EQUAL 4
#define VECGRAPH_STRATEGY_GREATER_EQUAL 5
#define VECGRAPH_STRATEGY_GREATER 6
#define VECGRAPH_STRATEGY_OVERLAP 7 /* array && array */
#define VECGRAPH_STRATEGY_CONTAINS 8	/* array @> array */
#define VECGRAPH_STRATEGY_WITHIN 9	/* vector <-| radius: vecgraph_radius.c */

/* So many rows a scan with conditions on filter columns is thought to be asked for, when its ways are weighed. */
#define VECGRAPH_WANTED_ROWS 10

/*
 * What those ways cost, in nanoseconds; measured. A walk meets nodes, on their pages, and scores their neighbours; a pass tests
 * signatures, scores what passes, by codes or else from pages, and meets as many nodes as a list has.
 */
#define VECGRAPH_TEST_COST 0.7
#define VECGRAPH_SCORE_COST(code_bytes) (20 + 0.15 * (code_bytes))
#define VECGRAPH_PAGE_SCORE_COST 400
#define VECGRAPH_MEET_COST(code_bytes) (900 + 20 * VECGRAPH_SCORE_COST(code_bytes))

/* The first two as shares of the last with usual codes: for the planner, who does not open the index to see how long its codes are. */
#define VECGRAPH_TEST_SHARE 0.0005
#define VECGRAPH_SCORE_SHARE 0.02

/* The support function, of both. */
#define VECGRAPH_PROC_SUPPORT 1

/* ---- vecgraph_options.c: index options and settings ---- */

#define VECGRAPH_MIN_MAX_DEGREE 4
#define VECGRAPH_DEFAULT_LIST_SIZE 80
#define VECGRAPH_DEFAULT_ALPHA 1.2
#define VECGRAPH_LOW_DIM_ALPHA 2.0
#define VECGRAPH_DEFAULT_TARGET 0.98
#define VECGRAPH_LEAST_TARGET 0.8
#define VECGRAPH_MOST_TARGET 0.999
#define VECGRAPH_MOST_LIST_SIZE 10000

typedef struct VecGraphOptions
{
	int32		vl_len_;
	int			max_degree;		/* 0: automatic */
	int			build_list_size;
	double		alpha;			/* 0: automatic */
	int			storage;		/* VxStorage, 0: automatic */
	int			codes;			/* VecGraphCodesOption */
	int			pq_subvectors;	/* 0: as many as dimensions, untrained */
	int			codebook;		/* offset of a name, 0: none */
	double		target_recall;	/* 0: not set */
} VecGraphOptions;

typedef enum VecGraphCodesOption
{
	VECGRAPH_CODES_AUTO,
	VECGRAPH_CODES_PQ,
	VECGRAPH_CODES_NONE
} VecGraphCodesOption;

typedef enum VecGraphIterativeScan
{
	VECGRAPH_ITERATIVE_OFF,
	VECGRAPH_ITERATIVE_RELAXED,
	VECGRAPH_ITERATIVE_STRICT
} VecGraphIterativeScan;

extern int	vecgraph_search_list_size;
extern double vecgraph_target_recall;
extern int	vecgraph_iterative_scan;
extern int	vecgraph_max_scan_tuples;
extern double vecgraph_scan_mem_multiplier;
extern bool vecgraph_enable_radius_scan;
extern bool vecgraph_omit_unread_distance;
extern int	vecgraph_rerank;

/* Defines options and settings. _PG_init calls it, once. */
extern void vecgraph_init_options(void);

/* amoptions. Errors, if validate: values out of range, options that do not go together. */
extern bytea *vecgraph_options(Datum reloptions, bool validate);

/* Whether an index whose nodes hold their vectors is to have codes as well. */
extern bool vecgraph_wants_codes(const VecGraphOptions *options, const VecGraphOpclass *opclass, uint32 dim);

/* The list size L that scans of an index by this operator class use now where none was measured: the setting, or what is usual. */
extern int	vecgraph_effective_list_size(const VecGraphOpclass *opclass);

/* The name in option codebook, or NULL. */
extern const char *vecgraph_codebook_option(const VecGraphOptions *options);

/* ---- vecgraph_needs.c: how long the lists of searches are ---- */

/* The place of the ten nearest in a curve (vx_curve_rank): what is said of recall where nothing else is. */
#define VECGRAPH_USUAL_RANK 1

/* The recall that scans of an index are to have now: by the setting, or the option. */
extern double vecgraph_target(Relation index);

/* Whether somebody has asked for a recall, of this index or of all. */
extern bool vecgraph_target_is_set(Relation index);

/*
 * What scans of an index by this operator class need for it; not known where a list size is set, or the index has no curve. Where nobody has set a
 * target, lists are not shorter than is usual, which mostly finds more.
 */
extern VxListNeeds vecgraph_list_needs(Relation index, const VecGraphOpclass *opclass, const VxCurve *curve);

/*
 * The first list of a scan that so many rows are wanted of (0: not known) in an index with these needs, known or not, by this operator class. Where
 * it is not known how many, it is the usual one at least, from which the search goes on by how deep it is.
 */
extern uint32 vecgraph_first_list(const VxListNeeds *needs, const VecGraphOpclass *opclass, uint32 rows);

/* Whether lists of VECGRAPH_MOST_LIST_SIZE are enough for a recall, by a curve that is measured. */
extern bool vecgraph_reaches_target(const VxCurve *curve, double target);

/* Says, in a notice, that the recall of the option is out of reach. */
extern void vecgraph_report_recall(Relation index, const VxCurve *curve);

/* ---- page/vecgraph_meta.c: what the planner is told of an index ---- */

/* The curve of an index, of zeros if its meta page is none: scans say so. Takes a share lock on the meta page. Errors: those of reading it. */
extern void vecgraph_read_curve(Relation index, VxCurve *curve);

/* ---- vecgraph_migrate.c: names from other extensions ---- */

/* Errors: one of the options, an array of texts or none, is what another extension calls one of ours, which the hint names. */
extern void vecgraph_refuse_other_options(Datum reloptions);

/*
 * To be called with each scan, in a transaction: with the first, second, fourth, ... of a session it looks for settings of other
 * extensions that have been made where those extensions are not there, and logs each once. Errors: none but of reading the catalog.
 */
extern void vecgraph_notice_other_settings(void);

/* ---- vecgraph_opclass.c: what an operator class says about itself ---- */

/*
 * The description by the operator class of an index's first column; it is constant. Errors: that operator class is one of filters,
 * which nobody can build an index with.
 */
extern const VecGraphOpclass *vecgraph_opclass(Relation index);

/* What a column, counted from 0, is for by its operator class. Errors: its support function is none of ours. */
extern VecGraphRole vecgraph_column_role(Relation index, int column);

/* amvalidate: says what is wrong, at level INFO, and returns false if anything is. */
extern bool vecgraph_validate(Oid opclassoid);

/* The description that operator classes of vectors for an SQL type have; NULL if there are none. */
extern const VecidxType *vecgraph_type_of(Oid sql_type);

/*
 * The SQL type for which the extension that a function belongs to has operator classes with a description. Its own name is not asked for:
 * with vecidx_pgvector the type is another extension's. Errors: there is none.
 */
extern Oid	vecgraph_sql_type_of(const VecidxType *type, Oid function);

/* ---- vecgraph_filter.c: values of filter columns, those behind the vector, as signatures ---- */

struct VecGraphFilterColumn;

/* The signature of a value, or of a constant of a type that goes with the column's. */
typedef uint64 (*VecGraphEncode) (const struct VecGraphFilterColumn *column, Datum value);

typedef struct VecGraphFilterColumn
{
	VxSignatureKind kind;
	Oid			input_type;		/* of the operator class */
	Oid			collation;

	VecGraphEncode encode;		/* of values of the column's type */

	/* Of values, or of elements where the kind is VX_SIGNATURE_BLOOM8; NULL where it is not needed */
	FmgrInfo   *hash;
	bool		hash_is_wide;	/* has 64 bits, and a seed */

	/* VX_SIGNATURE_BLOOM8: the type of elements */
	Oid			element;
	int16		element_length;
	bool		element_by_value;
	char		element_align;
} VecGraphFilterColumn;

/* The filter columns of an index; column i is attribute i + 2 of the index. */
typedef struct VecGraphFilters
{
	int			count;
	VecGraphFilterColumn column[VX_MAX_FILTERS];
} VecGraphFilters;

/*
 * Called before a build reads a row. Errors: the columns of the index are not a vector and then up to VX_MAX_FILTERS filters of types whose
 * values have signatures.
 */
extern void vecgraph_check_columns(Relation index);

/*
 * Finds out how values of an index's filter columns become signatures; what that takes is in context. Errors: a type whose values cannot be
 * hashed; more than VX_MAX_FILTERS columns.
 */
extern void vecgraph_filters_open(Relation index, MemoryContext context, VecGraphFilters *filters);

/* Fails if an index, whose meta page is given, was built with signatures of other kinds, so that none of them says anything now. */
extern void vecgraph_check_kinds(Relation index, const VecGraphFilters *filters, const VxMeta *meta);

/*
 * signature [filters->count] of a row, whose values are those of all columns of the index. Leaves garbage in the current memory context.
 * Errors: those of the types' functions.
 */
extern void vecgraph_make_signature(const VecGraphFilters *filters, const Datum *values, const bool *isnull, uint64 *signature);

/* How a constant of a type (InvalidOid: the column's) becomes a signature of the column; NULL if that is not known. */
extern VecGraphEncode vecgraph_encoder_of(const VecGraphFilterColumn *column, Oid type);

/*
 * The bits of the elements of an array, [n], each for itself, in the current memory context; NULLs have none, and has_null says whether
 * there are any. Only for columns of kind VX_SIGNATURE_BLOOM8. Errors: those of the element type's functions.
 */
extern uint64 *vecgraph_bits_of_elements(const VecGraphFilterColumn *column, Datum value, uint32 *n, bool *has_null);

/* ---- vecgraph_conditions.c: conditions on filter columns as tests of signatures ---- */

/*
 * The conditions of a scan as a filter, in context. Keys that signatures say nothing about are left out: the executor must test all keys
 * again. False: no indexed row matches. filter->count may be 0. Errors: those of the types' functions.
 */
extern bool vecgraph_make_filter(const VecGraphFilters *filters, ScanKey keys, int nkeys, MemoryContext context, VxFilter *filter);

/* ---- vecgraph_row.c: rows of the table as the index has them ---- */

/* What the columns of an index are: a vector, then filter columns. */
typedef struct VecGraphColumns
{
	const VecGraphOpclass *opclass;
	VecGraphFilters filters;
} VecGraphColumns;

/* Fills in columns, whose memory is taken from context. */
extern void vecgraph_columns_open(Relation index, MemoryContext context, VecGraphColumns *columns);

/* Makes the point of an indexed value in context, NULL if it has no place in the space. Errors: wrong number of dimensions. */
extern VxPoint *vecgraph_point(const VecidxType *type, const VxSpace *space, Datum value, MemoryContext context);

/*
 * What is indexed of a row, in any of the ways that it may come into the index. Rows that differ in nothing but their heap TIDs are
 * twins, and share a node.
 */
typedef struct VecGraphRow
{
	ItemPointerData tid;
	uint32		hash;			/* vecgraph_row_hash; only while rows are loaded in a build */
	VxPoint    *point;
	uint64		signature[VX_MAX_FILTERS];	/* of each filter column, then nothing */
} VecGraphRow;

/* Whether a row, whose values are not looked at, is not indexed. */
static inline bool
vecgraph_row_is_absent(const bool *isnull)
{
	return isnull[0];
}

/*
 * Makes the point of a row in context, of the values of the index's columns, of which no other than the vector is looked at; NULL if the
 * row is not indexed. Errors: wrong number of dimensions.
 */
extern VxPoint *vecgraph_row_point(const VecidxType *type, const VxSpace *space, const Datum *values, const bool *isnull,
								   MemoryContext context);

/*
 * Makes the row, its point in context, of the values of the index's columns; false if it is not indexed: its vector is NULL or has no
 * place in the space. Errors: wrong number of dimensions.
 */
extern bool vecgraph_make_row(const VecGraphColumns *columns, const VxSpace *space, const Datum *values, const bool *isnull,
							  ItemPointer tid, MemoryContext context, VecGraphRow *row);

/* A hash by which twins are found, of what they have in common. */
extern uint32 vecgraph_row_hash(const VxSpace *space, const VxPoint *point, const uint64 *signature, uint32 filter_count);

/* The row in one piece, for queues and files; its signature is behind the point. */
typedef struct VecGraphFlatRow
{
	ItemPointerData tid;
	uint16		filter_count;
	uint32		hash;
	VxPoint		point;			/* as long as it is */
} VecGraphFlatRow;

/* Bytes of one with this point. */
static inline Size
vecgraph_flat_row_bytes(const VxSpace *space, const VxPoint *point, uint32 filter_count)
{
	return offsetof(VecGraphFlatRow, point) + vx_space_bytes(space, point) + filter_count * sizeof(uint64);
}

/* Bytes of the largest. */
static inline Size
vecgraph_flat_row_room(const VxSpace *space, uint32 filter_count)
{
	return offsetof(VecGraphFlatRow, point) + vx_space_room(space) + filter_count * sizeof(uint64);
}

/* Fills in flat; returns its bytes. */
extern Size vecgraph_flatten_row(const VxSpace *space, const VecGraphRow *row, uint32 filter_count, VecGraphFlatRow *flat);

/* The row, whose point is where it was. */
extern VecGraphRow vecgraph_unflatten_row(const VxSpace *space, VecGraphFlatRow *flat);

/* ---- vecgraph_plan.c: what an index will look like ---- */

/* Errors: there are no trained codes of such values, or for such distances. */
extern void vecgraph_check_trained(const VecGraphOpclass *opclass);

/*
 * Fills the meta page of an empty index and its geometry. subvectors: those of trained codes, 0 for untrained ones. Errors:
 * no dimensions, or options that do not go together or do not fit a page.
 */
extern void vecgraph_plan(const VecGraphOptions *options, const VecGraphColumns *columns, int dim, uint32 subvectors, VxMeta *meta,
						  VxGeometry *geometry);

/*
 * What of an index is not as its options, which may have changed since it was built, want it now, as names in a list; NULL if nothing is. Errors:
 * those of vecgraph_plan.
 */
extern char *vecgraph_differing_options(Relation index, const VxMeta *meta);

/*
 * Says, in a notice, what of an index is not as its options, which may have changed since it was built, want it now: only building it
 * again can follow them. Errors: those of vecgraph_plan.
 */
extern void vecgraph_report_options(Relation index, const VxMeta *meta);

/* How many subvectors a codebook has when nobody says. */
extern uint32 vecgraph_default_subvectors(int dim);

/* ---- vecgraph_mem.c: what pure code is given of the server ---- */

/* Memory of a context; lack of it is an error. */
extern VxMem vecgraph_mem(MemoryContext context);

/* Interrupts, for algorithms that poll. context is not used. */
extern void vecgraph_poll(void *context);

/* ---- vecgraph_cost.c ---- */

struct PlannerInfo;
struct IndexPath;
struct RelOptInfo;

/*
 * amcostestimate: the first row costs a search, all rows cost to drain the index. A path whose order may not serve (vecgraph_admit_order)
 * is refused by its cost. Reads no page of the index.
 */
extern void vecgraph_costestimate(struct PlannerInfo *root, struct IndexPath *path, double loop_count,
								  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
								  double *correlation, double *pages);

/* ---- vecgraph_paths.c: what the order of a scan may be used for ---- */

/*
 * Called while a path is costed, before it is compared with others. True if its order can serve the ORDER BY of its query level
 * and nothing else; then it is in order of one distance. False takes its order away: it is to be refused.
 */
extern bool vecgraph_admit_order(struct PlannerInfo *root, struct IndexPath *path);

/* Whether a join stands something else in for rows that a scan of the table leaves out: an outer join NULLs, say, or NOT EXISTS the others. */
extern bool vecgraph_is_substituted(struct PlannerInfo *root, struct RelOptInfo *rel);

/* Installs the hook that keeps the order from outer query levels. */
extern void vecgraph_init_paths(void);

/* ---- vecgraph_path_conditions.c: conditions on filter columns ---- */

/* Called while a path is costed, before it is asked what its conditions cost: adds those that the server leaves out. */
extern void vecgraph_add_conditions(struct PlannerInfo *root, struct IndexPath *path);

/* ---- vecgraph_radius.c: an upper bound of the distance ---- */

/* What the operator <-| of strategy VECGRAPH_STRATEGY_WITHIN calls where it is tested outside of a scan: true. amvalidate knows it by its address. */
extern PGDLLEXPORT Datum vecgraph_within(PG_FUNCTION_ARGS);

/* Whether a path is one of those for a radius without order. */
extern bool vecgraph_has_centre(const struct IndexPath *path);

/* Installs the hook that makes paths for a radius without order. */
extern void vecgraph_init_radius(void);

/*
 * Called while a path in order of a distance is costed: if the conditions of its table set that distance an upper bound, adds an index
 * condition by which the scan stops there. Returns whether the path has one.
 */
extern bool vecgraph_find_radius(struct PlannerInfo *root, struct IndexPath *path);

/* ---- vecgraph_unread.c: distances that nobody reads ---- */

/* Installs the hook that takes them out of finished plans. */
extern void vecgraph_init_unread(void);

#endif							/* VECGRAPH_H */
