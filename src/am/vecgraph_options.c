/*
 * vecgraph_options.c: index options (WITH ...) and settings (SET vecgraph. ...).
 */
#include "am/vecgraph.h"

#include "access/reloptions.h"
#include "utils/guc.h"

#include "quant/vx_pq.h"

int			vecgraph_search_list_size;
double		vecgraph_target_recall;
int			vecgraph_iterative_scan;
int			vecgraph_max_scan_tuples;
double		vecgraph_scan_mem_multiplier;
bool		vecgraph_enable_radius_scan;
bool		vecgraph_omit_unread_distance;
int			vecgraph_rerank;

static relopt_kind option_kind;

static relopt_enum_elt_def storage_values[] = {
	{"auto", 0},
	{"full", VX_STORAGE_FULL},
	{"half", VX_STORAGE_HALF},
	{"heap", VX_STORAGE_HEAP},
	{(const char *) NULL}
};

static relopt_enum_elt_def codes_values[] = {
	{"auto", VECGRAPH_CODES_AUTO},
	{"pq", VECGRAPH_CODES_PQ},
	{"none", VECGRAPH_CODES_NONE},
	{(const char *) NULL}
};

static const struct config_enum_entry iterative_scan_values[] = {
	{"off", VECGRAPH_ITERATIVE_OFF, false},
	{"relaxed_order", VECGRAPH_ITERATIVE_RELAXED, false},
	{"strict_order", VECGRAPH_ITERATIVE_STRICT, false},
	{NULL, 0, false}
};

/* GucRealCheckHook: 0 is none, and else it is as the option's. */
static bool
check_target_recall(double *value, void **extra, GucSource source)
{
	if (*value == 0 || *value >= VECGRAPH_LEAST_TARGET)
		return true;
	GUC_check_errdetail("Valid values are 0, and between %g and %g.", VECGRAPH_LEAST_TARGET, VECGRAPH_MOST_TARGET);
	return false;
}

void
vecgraph_init_options(void)
{
	option_kind = add_reloption_kind();
	add_int_reloption(option_kind, "max_degree", "Most edges a node of the graph has; 0 chooses automatically.",
					  0, 0, VX_MAX_DEGREE, AccessExclusiveLock);
	add_int_reloption(option_kind, "build_list_size", "Size of the search list when a node is linked.",
					  VECGRAPH_DEFAULT_LIST_SIZE, 10, 2000, AccessExclusiveLock);
	add_real_reloption(option_kind, "alpha",
					   "How much longer a detour may be before an edge is kept, on squared distances; 0 chooses automatically.",
					   0, 0, 2, AccessExclusiveLock);

	add_enum_reloption(option_kind, "storage", "What a node of the graph holds of its vector.",
					   storage_values, 0, "Valid values are \"auto\", \"full\", \"half\" and \"heap\".", AccessExclusiveLock);
	add_enum_reloption(option_kind, "codes", "What neighbours are scored by: codes in shared memory, or their vectors.",
					   codes_values, VECGRAPH_CODES_AUTO, "Valid values are \"auto\", \"pq\" and \"none\".",
					   AccessExclusiveLock);

	add_int_reloption(option_kind, "pq_subvectors",
					  "How many subvectors trained codes have, a byte each; 0 makes untrained codes of a few bits per dimension.",
					  0, 0, VX_PQ_MAX_SUBVECTORS, AccessExclusiveLock);
	add_string_reloption(option_kind, "codebook", "The named codebook that codes are made with.", NULL, NULL,
						 AccessExclusiveLock);

	add_real_reloption(option_kind, "target_recall", "The share of the nearest rows that scans are to find, on average.",
					   0, VECGRAPH_LEAST_TARGET, VECGRAPH_MOST_TARGET, ShareUpdateExclusiveLock);

	DefineCustomIntVariable("vecgraph.search_list_size",
							"Size of the list of nearest nodes that a search keeps (L).",
							"Larger is slower and finds more of the true neighbours. 0 chooses it by vecgraph.target_recall.",
							&vecgraph_search_list_size, 0, 0, VECGRAPH_MOST_LIST_SIZE, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("vecgraph.target_recall",
							 "The share of the nearest rows that scans are to find, on average.",
							 "By what was measured when the index was built or changed. 0 takes that of the index.",
							 &vecgraph_target_recall, 0, 0, VECGRAPH_MOST_TARGET, PGC_USERSET, 0, check_target_recall, NULL, NULL);
	DefineCustomEnumVariable("vecgraph.iterative_scan",
							 "How a scan goes on when more rows are wanted than its list holds.",
							 "relaxed_order returns rows that are found too late for their place later, strict_order leaves "
							 "them out; off stops at the end of the list.",
							 &vecgraph_iterative_scan, VECGRAPH_ITERATIVE_RELAXED, iterative_scan_values,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vecgraph.max_scan_tuples",
							"After how many rows a scan stops looking for more.",
							"-1 means no limit.",
							&vecgraph_max_scan_tuples, -1, -1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("vecgraph.scan_mem_multiplier",
							 "Memory of a scan for candidates, as a multiple of work_mem.",
							 NULL,
							 &vecgraph_scan_mem_multiplier, 1, 1, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vecgraph.rerank",
							"How many rows are fetched ahead to be put in exact order, where the index does not hold vectors.",
							"0 chooses automatically, by how wrong the distances in the index are.",
							&vecgraph_rerank, 0, 0, 10000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vecgraph.enable_radius_scan",
							 "Lets the planner find what lies within a distance by an index, also without ORDER BY.",
							 "The index may leave a few rows out, as in an ORDER BY.",
							 &vecgraph_enable_radius_scan, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vecgraph.omit_unread_distance",
							 "Leaves the distance out of rows that come in its order, where nothing in the plan reads it.",
							 "EXPLAIN (VERBOSE) shows NULL in its place.",
							 &vecgraph_omit_unread_distance, true, PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("vecgraph");
}

bytea *
vecgraph_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt parse[] = {
		{"max_degree", RELOPT_TYPE_INT, offsetof(VecGraphOptions, max_degree)},
		{"build_list_size", RELOPT_TYPE_INT, offsetof(VecGraphOptions, build_list_size)},
		{"alpha", RELOPT_TYPE_REAL, offsetof(VecGraphOptions, alpha)},
		{"storage", RELOPT_TYPE_ENUM, offsetof(VecGraphOptions, storage)},
		{"codes", RELOPT_TYPE_ENUM, offsetof(VecGraphOptions, codes)},
		{"codebook", RELOPT_TYPE_STRING, offsetof(VecGraphOptions, codebook)},
		{"pq_subvectors", RELOPT_TYPE_INT, offsetof(VecGraphOptions, pq_subvectors)},
		{"target_recall", RELOPT_TYPE_REAL, offsetof(VecGraphOptions, target_recall)},
	};
	VecGraphOptions *options;

	if (validate)
		vecgraph_refuse_other_options(reloptions);
	options = (VecGraphOptions *) build_reloptions(reloptions, validate, option_kind, sizeof(VecGraphOptions), parse, lengthof(parse));

	if (!validate || options == NULL)
		return (bytea *) options;

	/* 0 stands for "automatic", so the ranges have a hole that the option machinery cannot express */
	if (options->max_degree != 0 && options->max_degree < VECGRAPH_MIN_MAX_DEGREE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %d out of bounds for option \"max_degree\"", options->max_degree),
				 errdetail("Valid values are between \"%d\" and \"%d\", or 0 for an automatic choice.",
						   VECGRAPH_MIN_MAX_DEGREE, VX_MAX_DEGREE)));
	if (options->alpha != 0 && options->alpha < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %g out of bounds for option \"alpha\"", options->alpha),
				 errdetail("Valid values are between \"1.0\" and \"2.0\", or 0 for an automatic choice.")));
	if ((options->storage == VX_STORAGE_HEAP || options->storage == VX_STORAGE_HALF)
		&& options->codes == VECGRAPH_CODES_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"storage\" cannot be %s where option \"codes\" is none",
						vx_storage_name((VxStorage) options->storage)),
				 errdetail("A node that does not hold its exact vector is found by its code.")));
	if ((options->pq_subvectors != 0 || options->codebook != 0) && options->codes == VECGRAPH_CODES_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" needs codes", options->codebook != 0 ? "codebook" : "pq_subvectors"),
				 errdetail("Option \"codes\" is none.")));
	return (bytea *) options;
}

bool
vecgraph_wants_codes(const VecGraphOptions *options, const VecGraphOpclass *opclass, uint32 dim)
{
	if (options != NULL && options->codes != VECGRAPH_CODES_AUTO)
		return options->codes == VECGRAPH_CODES_PQ;
	if (options != NULL && (options->pq_subvectors > 0 || options->codebook != 0))
		return true;
	return vx_metric_kind(opclass->metric)->coded && dim >= opclass->type->coded_from && dim <= opclass->type->coded_to;
}

int
vecgraph_effective_list_size(const VecGraphOpclass *opclass)
{
	if (vecgraph_search_list_size > 0)
		return vecgraph_search_list_size;
	return (int) opclass->type->usual_list_size;
}

const char *
vecgraph_codebook_option(const VecGraphOptions *options)
{
	return options == NULL || options->codebook == 0 ? NULL : (const char *) options + options->codebook;
}
