/*
 * vecidx_module.c: what happens when the library is loaded. It knows every folder that has something to be made ready.
 */
#include "pg/vecidx_compat.h"

#include "miscadmin.h"

#include "am/ops/vecgraph_ops.h"
#include "cache/vecgraph_cache.h"
#include "distance/vx_bits.h"
#include "distance/vx_block.h"
#include "distance/vx_distance.h"
#include "exact/vecgraph_recall.h"
#include "format/vx_filter.h"
#include "pg/vecidx_fault.h"
#include "quant/vx_code_kernels.h"
#include "quant/vx_pq_kernels.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	vx_kernels_select();
	vx_block_kernels_select();
	vx_bit_kernels_select();
	vx_code_kernels_select();
	vx_pq_kernels_select();
	vx_filter_kernels_select();
	vecgraph_cache_init();
	vecgraph_init_options();
	vecgraph_init_paths();
	vecgraph_init_radius();
	vecgraph_init_unread();
	vecgraph_init_recall();
	vecgraph_init_stats();
	vecgraph_init_limits();
	if (process_shared_preload_libraries_in_progress)
		vecgraph_prewarmer_register();
	vecidx_fault_init();
}
