/* stub */
#include "am/vecgraph.h"
void
vecgraph_filters_open(Relation index, MemoryContext context, VecGraphFilters *filters)
{
	memset(filters, 0, sizeof(*filters));
}
void
vecgraph_make_signature(const VecGraphFilters *filters, const Datum *values, const bool *isnull, uint64 *signature)
{
}
