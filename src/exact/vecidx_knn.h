/*
 * vecidx_knn.h: the exact nearest rows of many queries.
 */
#ifndef VECIDX_KNN_H
#define VECIDX_KNN_H

#include "am/ops/vecgraph_ops.h"

typedef struct VecidxKnnQuery
{
	const float *x;				/* [dim], finite */
	int			number;			/* as the caller counts */
} VecidxKnnQuery;

typedef struct VecidxKnn
{
	const char *sql;			/* a query whose rows are searched: their keys and their vectors */
	Oid			key_type;		/* of the keys; by which rows at the same distance are ordered */
	const VecGraphSource *source;	/* of the vectors, whose type is one of floats */
	VxMetric	metric;
	uint32		k;				/* so many rows at most */
	uint32		dim;
	const VecidxKnnQuery *queries;	/* [query_count] */
	uint32		query_count;
} VecidxKnn;

typedef struct VecidxKnnNeighbour
{
	double		distance;
	Datum		key;
	bool		null_key;
} VecidxKnnNeighbour;

/* What is done with the nearest rows [n] of a query, by distance and key, which are valid until this returns. */
typedef void (*VecidxKnnTake) (void *context, int number, const VecidxKnnNeighbour *nearest, uint32 n);

/*
 * Finds the nearest rows of all queries, which are taken in their order. NULL vectors are no neighbours. Reads the rows once for as many queries as
 * there is work_mem for, by the active snapshot and with the rights of the current user. The caller has called SPI_connect. Serves interrupts.
 * Errors: key_type has no order; vectors of other dimensions; work_mem has no room for k rows; those of the SQL.
 */
extern void vecidx_knn_search(const VecidxKnn *knn, VecidxKnnTake take, void *context);

#endif							/* VECIDX_KNN_H */
