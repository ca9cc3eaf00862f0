/*
 * vecgraph_build.h: CREATE INDEX, for the access method's handler. What its files share is in vecgraph_build_state.h.
 */
#ifndef VECGRAPH_BUILD_H
#define VECGRAPH_BUILD_H

#include "access/amapi.h"

struct IndexInfo;

extern IndexBuildResult *vecgraph_build(Relation heap, Relation index, struct IndexInfo *index_info);
extern void vecgraph_buildempty(Relation index);
extern char *vecgraph_buildphasename(int64 phase);

#endif							/* VECGRAPH_BUILD_H */
