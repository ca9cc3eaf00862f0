/*
 * vecgraph_prewarmer.c: brings back the codes of hot indexes after a restart.
 *
 * With the library preloaded, a background worker notes every minute, and when the server stops, which indexes have been
 * searched lately, in a file in the data directory. When the server starts, it reads that file and has one worker after the
 * other connect to each database and load the codes of its indexes. An index that is gone, or has no room, is left out, as is
 * a database that is gone or admits nobody (the server's log says so), or that someone wants to drop or copy.
 *
 * While indexes are loaded the file has another name. Where it is found under that name, the server went down before they were: they
 * are not loaded again, lest one that makes it crash keeps it from ever starting.
 */
#include "am/ops/vecgraph_ops.h"

#include <unistd.h>

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "cache/vecgraph_region.h"

#define HOT_FILE "vecidx_hot_indexes"
#define LOADING_FILE HOT_FILE ".loading"
#define NOTE_EVERY_MS 60000

PGDLLEXPORT void vecgraph_prewarmer_main(Datum unused);
PGDLLEXPORT void vecgraph_prewarm_database_main(Datum database);

/* Reads the file of those to be loaded; returns how many indexes it names, at most VECGRAPH_HOT_INDEXES. */
static int
read_hot(VecGraphHotIndex *hot)
{
	FILE	   *file = AllocateFile(LOADING_FILE, PG_BINARY_R);
	int			count = 0;

	if (file == NULL)
		return 0;
	while (count < VECGRAPH_HOT_INDEXES && fread(&hot[count], sizeof(VecGraphHotIndex), 1, file) == 1)
		count++;
	FreeFile(file);
	return count;
}

/* Writes the file, by way of a temporary one. Failing costs a warm start, nothing else. */
static void
write_hot(void)
{
	VecGraphHotIndex hot[VECGRAPH_HOT_INDEXES];
	int			count = vecgraph_region_hot(hot);
	FILE	   *file = AllocateFile(HOT_FILE ".tmp", PG_BINARY_W);
	bool		written;

	if (file == NULL)
		return;
	written = fwrite(hot, sizeof(VecGraphHotIndex), count, file) == (size_t) count;
	written = FreeFile(file) == 0 && written;
	if (!written || rename(HOT_FILE ".tmp", HOT_FILE) != 0)
		unlink(HOT_FILE ".tmp");
}

static void
init_worker(BackgroundWorker *worker, const char *function, const char *name)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_ConsistentState;
	strlcpy(worker->bgw_library_name, "vecidx", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_name, name, sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, name, sizeof(worker->bgw_type));
}

void
vecgraph_prewarmer_register(void)
{
	BackgroundWorker worker;

	init_worker(&worker, "vecgraph_prewarmer_main", "vecidx prewarmer");
	worker.bgw_restart_time = 60;
	RegisterBackgroundWorker(&worker);
}

/* Has a worker load the indexes of one database, and waits for it. */
static void
prewarm_database(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	init_worker(&worker, "vecgraph_prewarm_database_main", "vecidx prewarmer of a database");
	worker.bgw_flags |= BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
		(void) WaitForBackgroundWorkerShutdown(handle);
}

/* Loads the indexes that were hot when the server last ran. */
static void
prewarm_hot(void)
{
	VecGraphHotIndex hot[VECGRAPH_HOT_INDEXES];
	int			count;

	if (rename(HOT_FILE, LOADING_FILE) != 0)
	{
		if (unlink(LOADING_FILE) == 0)
			ereport(LOG,
					(errmsg("codes of hot vecgraph indexes are not loaded"),
					 errdetail("The server went down when it last loaded them.")));
		return;
	}
	count = read_hot(hot);
	for (int i = 0; i < count && !ShutdownRequestPending; i++)
	{
		bool		done = false;

		for (int j = 0; j < i; j++)
			done |= hot[j].database == hot[i].database;
		if (!done)
			prewarm_database(hot[i].database);
	}
	(void) rename(LOADING_FILE, HOT_FILE);
}

void
vecgraph_prewarmer_main(Datum unused)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();

	if (vecgraph_region_attach() == NULL)
		proc_exit(0);
	prewarm_hot();
	while (!ShutdownRequestPending)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NOTE_EVERY_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		write_hot();
	}
	proc_exit(0);
}

/*
 * Whether nobody wants the database for themselves. DROP DATABASE, CREATE DATABASE with it as the template and the like lock it
 * against new sessions, give those that are there some seconds to leave, and then fail.
 */
static bool
database_is_free(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	LockRelease(&tag, RowExclusiveLock, false);
	return true;
}

/* Loads one index, if it is still there and a vecgraph index. Errors: a damaged page. */
static void
prewarm_oid(Oid oid)
{
	Relation	index;

	if (!ConditionalLockRelationOid(oid, AccessShareLock))
		return;
	index = try_relation_open(oid, NoLock);
	if (index == NULL)
	{
		UnlockRelationOid(oid, AccessShareLock);
		return;
	}
	if (index->rd_rel->relkind == RELKIND_INDEX && index->rd_rel->relam == get_index_am_oid("vecgraph", true)
		&& index->rd_index->indisvalid && index->rd_rel->relpersistence != RELPERSISTENCE_TEMP
		&& !(RecoveryInProgress() && index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED))
		vecgraph_prewarm_index(index, database_is_free);
	relation_close(index, AccessShareLock);
}

/*
 * The same in a transaction of its own; an error is reported, and is no reason to leave other indexes cold. Returns whether the
 * database is still free.
 */
static bool
prewarm_in_transaction(Oid oid)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool is_free = true;

	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		if (database_is_free())
			prewarm_oid(oid);
		is_free = database_is_free();
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	return is_free;
}

void
vecgraph_prewarm_database_main(Datum database)
{
	VecGraphHotIndex hot[VECGRAPH_HOT_INDEXES];
	int			count;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
	count = read_hot(hot);
	for (int i = 0; i < count; i++)
		if (hot[i].database == DatumGetObjectId(database) && !prewarm_in_transaction(hot[i].index))
			break;
	proc_exit(0);
}
