/*
 * vecgraph_handler.c: the index API routine of vecgraph; every operation is found from here.
 */
#include "am/vecgraph.h"

#include "commands/vacuum.h"

#include "am/build/vecgraph_build.h"
#include "am/ops/vecgraph_ops.h"

VECIDX_SQL_FUNCTION(vecgraph_handler);

/*
 * vecgraph_handler(internal) returns index_am_handler
 */
Datum
vecgraph_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *routine = makeNode(IndexAmRoutine);

	/* makeNode zeroes: what is not named is false, 0 or absent */
	routine->amsupport = VECGRAPH_PROC_SUPPORT;
	routine->amcanorderbyop = true;
	/* an index path with an ORDER BY only has no restriction on the first column */
	routine->amoptionalkey = true;
	/* filter columns behind the vector */
	routine->amcanmulticol = true;
	routine->amsearcharray = true;
	routine->amsearchnulls = true;
	routine->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	routine->amkeytype = InvalidOid;
	vecidx_set_amcanbuildparallel(routine);

	routine->ambuild = vecgraph_build;
	routine->ambuildempty = vecgraph_buildempty;
	routine->aminsert = vecgraph_insert;
	routine->ambulkdelete = vecgraph_bulkdelete;
	routine->amvacuumcleanup = vecgraph_vacuumcleanup;
	routine->amcostestimate = vecgraph_costestimate;
	routine->amoptions = vecgraph_options;
	routine->ambuildphasename = vecgraph_buildphasename;
	routine->amvalidate = vecgraph_validate;
	routine->ambeginscan = vecgraph_beginscan;
	routine->amrescan = vecgraph_rescan;
	routine->amgettuple = vecgraph_gettuple;
	routine->amendscan = vecgraph_endscan;

	PG_RETURN_POINTER(routine);
}
