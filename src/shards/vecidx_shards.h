/*
 * vecidx_shards.h: what functions about shards share: tables, names, and statements whose rows are their result.
 */
#ifndef VECIDX_SHARDS_H
#define VECIDX_SHARDS_H

#include "pg/vecidx_compat.h"

#include "nodes/pg_list.h"
#include "utils/tuplestore.h"

/* The rows that a function returns. */
typedef struct VecidxRows
{
	TupleDesc	descriptor;
	Tuplestorestate *store;
	MemoryContext context;		/* of both */
} VecidxRows;

/* Opens a table whose shards are wanted, with AccessShareLock. Errors: it is none, or a view, or the caller may read nothing of it. */
extern Relation vecidx_shards_open(Oid table);

/* The OIDs of the tables that have the rows of a table: its partitions, or it and its children, in the order of their OIDs, but
 * children that are temporary in other sessions. They are locked as for reading. */
extern List *vecidx_shards_of(Relation table);

/* The name of a relation as any search_path understands it. */
extern char *vecidx_qualified_name(Oid relation);

/* Makes a function return a set of rows, none as yet; descriptor is copied. Errors: its caller wants no set. */
extern void vecidx_begin_rows(FunctionCallInfo fcinfo, TupleDesc descriptor, VecidxRows *rows);

/* Runs a query; its rows, whose columns must be those wanted, are the function's. Errors: those of the query, and if it has other columns. */
extern void vecidx_take_rows(const char *query, const VecidxRows *rows);

#endif							/* VECIDX_SHARDS_H */
