/*
 * vecgraph_build.h: CREATE INDEX, for the access method's handler. What its files share is in vecgraph_build_state.h.
 */
#ifndef VECGRAPH_BUILD_H
#define VECGRAPH_BUILD_H

#include "access/amapi.h"

struct IndexInfo;

/*
 * ambuild. The index is locked as vecgraph_build_index_lock says, and empty. Errors: options, dimensions and codebooks that do not go
 * together, before the heap is read; those of vectors, and of workers.
 */
extern IndexBuildResult *vecgraph_build(Relation heap, Relation index, struct IndexInfo *index_info);

/* ambuildempty: writes and logs the init fork of an unlogged index. Errors: as above. */
extern void vecgraph_buildempty(Relation index);

/* ambuildphasename: what pg_stat_progress_create_index shows; NULL for an unknown number. */
extern char *vecgraph_buildphasename(int64 phase);

#endif							/* VECGRAPH_BUILD_H */
