/*
 * vecidx_module.c: what happens when the library is loaded.
 */
#include "pg/vecidx_compat.h"

#include "am/vecgraph.h"
#include "cache/vecgraph_cache.h"
#include "distance/vx_distance.h"
#include "pg/vecidx_fault.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	vx_kernels_select();
	vx_code_kernels_select();
	vx_pq_kernels_select();
	vecgraph_cache_init();
	vecgraph_init_options();
	vecgraph_init_paths();
	vecidx_fault_init();
}
