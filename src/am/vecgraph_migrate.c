/*
 * vecgraph_migrate.c: names that people bring along from other extensions: options of CREATE INDEX, which are refused with a hint at those
 * of vecgraph, and settings, which the server takes without a word where nobody owns them. docs/from-pgvector.md says what each is here.
 */
#include "am/vecgraph.h"

#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* ---- options ---- */

typedef struct OtherOption
{
	const char *name;
	const char *hint;
} OtherOption;

static const OtherOption other_options[] = {
	/* pgvector's hnsw and ivfflat */
	{"m", "Option \"max_degree\" of vecgraph counts all edges of a node, of which m = N allows 2 * N; it is chosen by itself."},
	{"ef_construction", "The option of vecgraph is \"build_list_size\"."},
	{"lists", "A graph has no lists: leave the option out."},
	/* pgvectorscale's diskann */
	{"num_neighbors", "The option of vecgraph is \"max_degree\"."},
	{"search_list_size", "The option of vecgraph is \"build_list_size\"; setting \"vecgraph.search_list_size\" is for searches."},
	{"max_alpha", "The option of vecgraph is \"alpha\"."},
	{"num_dimensions", "Index an expression: (subvector(embedding, 1, 256)::vector(256))."},
	{"num_bits_per_dimension", "The options of vecgraph are \"codes\" and \"pq_subvectors\"; codes of 4 or 2 bits are chosen by themselves."},
	{"storage_layout", "The options of vecgraph are \"storage\" and \"codes\"."},
	/* VectorChord's vchordrq and vchordg */
	{"options", "vecgraph has an option for each: \"max_degree\", \"build_list_size\", \"alpha\", \"storage\", \"codes\"."},
	{"probes", "Setting \"vecgraph.search_list_size\" is for searches."},
	{"epsilon", "Setting \"vecgraph.search_list_size\" is for searches."},
	{"ef_search", "Setting \"vecgraph.search_list_size\" is for searches."},
};

void
vecgraph_refuse_other_options(Datum reloptions)
{
	Datum	   *options;
	int			n;

	if (DatumGetPointer(reloptions) == NULL)
		return;
	deconstruct_array(DatumGetArrayTypeP(reloptions), TEXTOID, -1, false, TYPALIGN_INT, &options, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = TextDatumGetCString(options[i]); /* name=value */

		name[strcspn(name, "=")] = '\0';
		for (size_t j = 0; j < lengthof(other_options); j++)
			if (strcmp(name, other_options[j].name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("unrecognized parameter \"%s\"", name),
						 errhint("%s", other_options[j].hint)));
	}
}

/* ---- settings ---- */

typedef struct OtherSetting
{
	const char *name;
	const char *extension;		/* that defines it */
	const char *ours;
} OtherSetting;

static const OtherSetting other_settings[] = {
	{"hnsw.ef_search", "vector", "vecgraph.search_list_size"},
	{"hnsw.iterative_scan", "vector", "vecgraph.iterative_scan"},
	{"hnsw.max_scan_tuples", "vector", "vecgraph.max_scan_tuples"},
	{"hnsw.scan_mem_multiplier", "vector", "vecgraph.scan_mem_multiplier"},
	{"ivfflat.probes", "vector", "vecgraph.search_list_size"},
	{"ivfflat.iterative_scan", "vector", "vecgraph.iterative_scan"},
	{"ivfflat.max_probes", "vector", "vecgraph.max_scan_tuples"},
	{"diskann.query_search_list_size", "vectorscale", "vecgraph.search_list_size"},
	{"diskann.query_rescore", "vectorscale", "vecgraph.rerank"},
	{"vchordrq.probes", "vchord", "vecgraph.search_list_size"},
	{"vchordrq.epsilon", "vchord", "vecgraph.search_list_size"},
	{"vchordrq.max_scan_tuples", "vchord", "vecgraph.max_scan_tuples"},
	{"vchordg.ef_search", "vchord", "vecgraph.search_list_size"},
	{"vchordg.max_scan_tuples", "vchord", "vecgraph.max_scan_tuples"},
};

/* Which have been told of in this session: bits by their place. */
static uint32 told;

StaticAssertDecl(lengthof(other_settings) <= 32, "a bit for each");

static void
tell_of_setting(int i)
{
	const OtherSetting *setting = &other_settings[i];

	/* one that its library owns, or will own as soon as it is loaded, is there for something else */
	if ((GetConfigOptionFlags(setting->name, true) & GUC_CUSTOM_PLACEHOLDER) == 0
		|| OidIsValid(get_extension_oid(setting->extension, true)))
		return;
	told |= UINT32_C(1) << i;
	ereport(LOG,
			(errmsg("setting \"%s\" has no effect on vecgraph indexes", setting->name),
			 errhint("The setting of vecgraph is \"%s\".", setting->ours)));
}

void
vecgraph_notice_other_settings(void)
{
	static uint64 scans;

	/* the session that workers work for tells of its own */
	if (IsParallelWorker())
		return;
	/* a client may set them at any time, and to ask each time takes longer than nothing */
	scans++;
	if ((scans & (scans - 1)) != 0)
		return;
	for (size_t i = 0; i < lengthof(other_settings); i++)
		if ((told >> i & 1) == 0)
			tell_of_setting(i);
}
