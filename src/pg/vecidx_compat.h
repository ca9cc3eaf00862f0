/*
 * vecidx_compat.h: every difference between the PostgreSQL versions 14 to 18 that vecidx supports, in one place.
 */
#ifndef VECIDX_COMPAT_H
#define VECIDX_COMPAT_H

#include "postgres.h"
#include "fmgr.h"

#if PG_VERSION_NUM < 140000
#error "vecidx needs PostgreSQL 14 or newer"
#endif

/*
 * Declares a C function that SQL calls. Up to 15, PG_FUNCTION_INFO_V1 exports only the info record, so the function
 * itself is exported here (the Makefile hides everything else).
 */
#define VECIDX_SQL_FUNCTION(f) PGDLLEXPORT PG_FUNCTION_INFO_V1(f)

#if PG_VERSION_NUM >= 180000
#define vecidx_vacuum_delay_point() vacuum_delay_point(false)
#else
#define vecidx_vacuum_delay_point() vacuum_delay_point()
#endif

#include "storage/bufmgr.h"
#include "utils/rel.h"

/* The snapshot by which out-of-line values are read; up to 17 it is made in memory of the caller's. */
#if PG_VERSION_NUM >= 180000
#define vecidx_toast_snapshot(snapshot) ((void) (snapshot), get_toast_snapshot())
#else
#define vecidx_toast_snapshot(snapshot) (init_toast_snapshot(snapshot), (snapshot))
#endif

/*
 * Up to 16 rows may be taken away under a snapshot that is old enough (old_snapshot_threshold): an error if the page could have lost
 * some since. page is locked; snapshot may be NULL.
 */
#if PG_VERSION_NUM >= 170000
#define vecidx_test_for_old_snapshot(snapshot, relation, page) ((void) 0)
#else
#define vecidx_test_for_old_snapshot(snapshot, relation, page) TestForOldSnapshot((snapshot), (relation), (page))
#endif

/* Whether generic WAL records are as am/page/vecgraph_delta.c writes them: the same since 9.6, looked up to 18. */
#define VECIDX_KNOWS_GENERIC_RECORDS (PG_VERSION_NUM >= 140000 && PG_VERSION_NUM < 190000)

/* VARSIZE and the like */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The default of effective_io_concurrency up to 17, of the time when a disk was one arm; who sets it says something else. */
#if PG_VERSION_NUM >= 180000
#define VECIDX_UNSET_IO_CONCURRENCY (-1)
#else
#define VECIDX_UNSET_IO_CONCURRENCY 1
#endif

/* GetXLogReplayRecPtr */
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#else
#include "access/xlog.h"
#endif

/* Where the files of a relation are: tablespace and number. */
#if PG_VERSION_NUM >= 160000
#define vecidx_tablespace_of(relation) ((relation)->rd_locator.spcOid)
#define vecidx_database_of(relation) ((relation)->rd_locator.dbOid)
#define vecidx_file_number_of(relation) ((relation)->rd_locator.relNumber)
#define vecidx_read_recent_buffer(relation, block, buffer) \
	ReadRecentBuffer((relation)->rd_locator, MAIN_FORKNUM, (block), (buffer))
#else
#define vecidx_tablespace_of(relation) ((relation)->rd_node.spcNode)
#define vecidx_database_of(relation) ((relation)->rd_node.dbNode)
#define vecidx_file_number_of(relation) ((relation)->rd_node.relNode)
#if PG_VERSION_NUM >= 150000
#define vecidx_read_recent_buffer(relation, block, buffer) \
	ReadRecentBuffer((relation)->rd_node, MAIN_FORKNUM, (block), (buffer))
#else
/* 14 does not count such a page among those that were found in the buffers */
#include "executor/instrument.h"
#define vecidx_read_recent_buffer(relation, block, buffer) \
	(ReadRecentBuffer((relation)->rd_node, MAIN_FORKNUM, (block), (buffer)) && ++pgBufferUsage.shared_blks_hit > 0)
#endif
#endif

/* Makes a copy of a relation's descriptor that of another file, and the storage of that, which stays until the transaction ends. */
#if PG_VERSION_NUM >= 160000
#define vecidx_set_file(relation, tablespace, number) \
	((relation)->rd_locator.spcOid = (tablespace), (relation)->rd_locator.relNumber = (number))
#define vecidx_storage_of(relation) smgropen((relation)->rd_locator, (relation)->rd_backend)
#else
#define vecidx_set_file(relation, tablespace, number) \
	((relation)->rd_node.spcNode = (tablespace), (relation)->rd_node.relNode = (number))
#define vecidx_storage_of(relation) smgropen((relation)->rd_node, (relation)->rd_backend)
#endif

/* Reading through a copy of a descriptor is not to be counted: statistics would keep pointing to the copy. */
#if PG_VERSION_NUM >= 150000
#define vecidx_leave_statistics(relation) ((relation)->pgstat_info = NULL, (relation)->pgstat_enabled = false)
#else
#define vecidx_leave_statistics(relation) ((relation)->pgstat_info = NULL)
#endif

/* From 18 on this stands before declarations; before, an attribute stood behind them. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* A preloaded library asks for shared memory from a hook, which calls the previous one; up to 14, when there is none, at once. */
#if PG_VERSION_NUM >= 150000
#define vecidx_request_shmem(previous, hook) ((previous) = shmem_request_hook, shmem_request_hook = (hook))
#else
typedef void (*shmem_request_hook_type) (void);
#define vecidx_request_shmem(previous, hook) ((previous) = NULL, (hook) ())
#endif

/* From 18 on EXPLAIN shows how often an index was searched. */
#if PG_VERSION_NUM >= 180000
#define vecidx_count_search(scan) ((scan)->instrument != NULL ? (void) (scan)->instrument->nsearches++ : (void) 0)
#else
#define vecidx_count_search(scan) ((void) (scan))
#endif

/* From 17 on an access method says that it builds with parallel workers. */
#if PG_VERSION_NUM >= 170000
#define vecidx_set_amcanbuildparallel(routine) ((routine)->amcanbuildparallel = true)
#else
#define vecidx_set_amcanbuildparallel(routine) ((void) 0)
#endif

/* From 18 on planner paths have a number of disabled nodes, which is compared before costs. */
#if PG_VERSION_NUM >= 180000
#define vecidx_set_disabled_nodes(path, number) ((path)->disabled_nodes = (number))
#else
#define vecidx_set_disabled_nodes(path, number) ((void) (path))
#endif

/* From 17 on maintenance commands run functions with a safe search_path. */
#if PG_VERSION_NUM >= 170000
#define vecidx_restrict_search_path() RestrictSearchPath()
#else
#define vecidx_restrict_search_path() ((void) 0)
#endif

/*
 * Adds empty blocks to a relation that nobody else extends; returns how many, at most as many as wanted. From 16 on several at
 * once cost little more than one, as the system need not be given their zeros.
 */
static inline uint32
vecidx_extend(Relation relation, uint32 wanted)
{
#if PG_VERSION_NUM >= 160000
	Buffer		buffers[64];
	uint32		added;

	ExtendBufferedRelBy(BMR_REL(relation), MAIN_FORKNUM, NULL, EB_SKIP_EXTENSION_LOCK, Min(wanted, lengthof(buffers)),
						buffers, &added);
	for (uint32 i = 0; i < added; i++)
		ReleaseBuffer(buffers[i]);
	return added;
#else
	ReleaseBuffer(ReadBuffer(relation, P_NEW));
	return 1;
#endif
}

/* Whether the current user owns a relation (or is a superuser). */
#if PG_VERSION_NUM >= 160000
#define vecidx_owns_relation(oid) object_ownercheck(RelationRelationId, (oid), GetUserId())
#else
#define vecidx_owns_relation(oid) pg_class_ownercheck((oid), GetUserId())
#endif

/*
 * Whether a collation orders by bytes, as memcmp() does. Declared here up to 17, and found out in the catalogs from 18 on, because
 * utils/pg_locale.h includes headers of ICU, which need not be there.
 */
#if PG_VERSION_NUM >= 180000
#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

static inline bool
vecidx_collates_by_bytes(Oid collation)
{
	bool		database = collation == DEFAULT_COLLATION_OID;
	int			cache = database ? DATABASEOID : COLLOID;
	HeapTuple	tuple;
	char		provider;
	bool		by_bytes;

	if (!OidIsValid(collation))
		return false;
	tuple = SearchSysCache1(cache, ObjectIdGetDatum(database ? MyDatabaseId : collation));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	provider = database ? ((Form_pg_database) GETSTRUCT(tuple))->datlocprovider : ((Form_pg_collation) GETSTRUCT(tuple))->collprovider;
	by_bytes = provider == COLLPROVIDER_BUILTIN;
	if (provider == COLLPROVIDER_LIBC)
	{
		int			attribute = database ? Anum_pg_database_datcollate : Anum_pg_collation_collcollate;
		char	   *name = TextDatumGetCString(SysCacheGetAttrNotNull(cache, tuple, attribute));

		by_bytes = strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;
		pfree(name);
	}
	ReleaseSysCache(tuple);
	return by_bytes;
}
#else
extern bool lc_collate_is_c(Oid collation);
#define vecidx_collates_by_bytes(collation) lc_collate_is_c(collation)
#endif

#endif							/* VECIDX_COMPAT_H */
