/*
 * vecgraph_region.c: shared memory for the cache of codes.
 *
 * With shared_preload_libraries = 'vecidx' the region is part of the server's main shared memory (and of its huge pages).
 * Without, the first backend that wants it makes a dynamic shared memory segment, pins it until the server stops, and leaves
 * its handle in a file that the server itself removes when it starts. A handle is believed only if the segment behind it
 * has the cookie that the file names.
 */
#include "cache/vecgraph_region.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/dsm.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

/*
 * Names the layout of the region: after the library was replaced under a running server, new backends must not take over a
 * region that old ones made. To be raised when the layout changes in a way that no size shows.
 */
#define REGION_LAYOUT 2
#define REGION_MAGIC (UINT64CONST(0x7665636900000000) + (REGION_LAYOUT << 24) \
					  + (sizeof(VecGraphRegion) << 8) + sizeof(VecGraphChunk))

#define HANDLE_FILE PG_STAT_TMP_DIR "/vecidx_cache"
#define LOCK_FILE PG_STAT_TMP_DIR "/vecidx_lock"

/* A backend that found no region looks again after so long. */
#define RETRY_MS 10000

/* What the handle file holds. */
typedef struct RegionHandle
{
	uint64		cookie;
	dsm_handle	handle;
} RegionHandle;

static int	cache_size_mb;
static VecGraphRegion *preloaded = NULL;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type previous_request_hook = NULL;
#endif
static shmem_startup_hook_type previous_startup_hook = NULL;

static Size
region_size(void)
{
	return (Size) cache_size_mb * 1024 * 1024;
}

/* How many chunks a region of this size has. */
static uint32
chunks_in(Size size)
{
	Size		fixed = MAXALIGN(sizeof(VecGraphRegion)) + 4096 + 2 * MAXIMUM_ALIGNOF + VX_CODE_OVERREAD;

	if (size < fixed)
		return 0;
	return (size - fixed) / (VECGRAPH_CHUNK_BYTES + sizeof(VecGraphChunk) + sizeof(uint32));
}

static void
init_region(VecGraphRegion *region, Size size, bool dynamic)
{
	VecGraphChunk *chunks;

	memset(region, 0, sizeof(*region));
	if (!pg_strong_random(&region->cookie, sizeof(region->cookie)))
		region->cookie = (uint64) GetCurrentTimestamp() ^ ((uint64) MyProcPid << 40);
	region->dynamic = dynamic;
	region->chunk_count = chunks_in(size);
	region->tranche = LWLockNewTrancheId();
	LWLockInitialize(&region->lock, region->tranche);
	memset(vecgraph_region_buckets(region), 0xFF, region->chunk_count * sizeof(uint32));
	chunks = vecgraph_region_chunks(region);
	memset(chunks, 0, region->chunk_count * sizeof(VecGraphChunk));
	for (uint32 i = 0; i < region->chunk_count; i++)
	{
		pg_atomic_init_u64(&chunks[i].owner, 0);
		pg_atomic_init_u32(&chunks[i].loaded_at, 0);
	}
	pg_atomic_init_u64(&region->hits, 0);
	pg_atomic_init_u64(&region->misses, 0);
	pg_atomic_init_u64(&region->loads, 0);
	pg_atomic_init_u64(&region->evictions, 0);
	region->magic = REGION_MAGIC;
}

/* ---- preloaded ---- */

static void
request_memory(void)
{
#if PG_VERSION_NUM >= 150000
	if (previous_request_hook)
		previous_request_hook();
#endif
	if (cache_size_mb > 0)
		RequestAddinShmemSpace(region_size());
}

static void
start_memory(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();
	if (cache_size_mb == 0)
		return;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	preloaded = ShmemInitStruct("vecidx cache", region_size(), &found);
	if (!found)
		init_region(preloaded, region_size(), false);
	LWLockRelease(AddinShmemInitLock);
}

void
vecgraph_cache_init(void)
{
	bool		preloading = process_shared_preload_libraries_in_progress;

	DefineCustomIntVariable("vecgraph.cache_size",
							"Shared memory for the codes of vecgraph indexes.",
							"0 scores codes from their pages.",
							&cache_size_mb, 256, 0, 1024 * 1024,
							preloading ? PGC_POSTMASTER : PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	if (!preloading)
		return;
#if PG_VERSION_NUM >= 150000
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
#else
	request_memory();
#endif
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_memory;
	vecgraph_prewarmer_register();
}

/* ---- dynamic ---- */

/*
 * Segments belong to no resource owner: they stay mapped until the backend ends.
 */
static dsm_segment *
attach_unowned(dsm_handle handle)
{
	ResourceOwner owner = CurrentResourceOwner;
	dsm_segment *segment = NULL;

	CurrentResourceOwner = NULL;
	PG_TRY();
	{
		segment = dsm_attach(handle);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	return segment;
}

/* NULL if there is no room: a container's /dev/shm is often small. */
static dsm_segment *
create_unowned(Size size)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext context = CurrentMemoryContext;
	dsm_segment *volatile segment = NULL;

	CurrentResourceOwner = NULL;
	PG_TRY();
	{
		segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		CurrentResourceOwner = owner;
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			PG_RE_THROW();
		FlushErrorState();
		FreeErrorData(error);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	return segment;
}

/* Maps the segment that the handle file names. */
static VecGraphRegion *
attach_segment(void)
{
	RegionHandle handle;
	FILE	   *file = AllocateFile(HANDLE_FILE, PG_BINARY_R);
	bool		complete;
	dsm_segment *segment;
	VecGraphRegion *region;

	if (file == NULL)
		return NULL;
	complete = fread(&handle, sizeof(handle), 1, file) == 1;
	FreeFile(file);
	if (!complete || (segment = attach_unowned(handle.handle)) == NULL)
		return NULL;
	region = dsm_segment_address(segment);
	if (dsm_segment_map_length(segment) < sizeof(VecGraphRegion)
		|| region->magic != REGION_MAGIC || region->cookie != handle.cookie)
	{
		dsm_detach(segment);
		return NULL;
	}
	return region;
}

/*
 * A new segment of the wanted size or, where the system does not give that, of at most half of what it does: parallel queries
 * need dynamic shared memory, too. NULL if that is hardly anything.
 */
static VecGraphRegion *
create_segment(RegionHandle *handle)
{
	bool		limited = false;

	for (Size size = region_size(); chunks_in(size) > 0; size /= 2)
	{
		dsm_segment *segment = create_unowned(size);
		VecGraphRegion *region;

		if (segment == NULL)
		{
			limited = true;
			continue;
		}
		if (limited)
		{
			dsm_detach(segment);
			limited = false;
			continue;
		}
		region = dsm_segment_address(segment);
		init_region(region, size, true);
		dsm_pin_segment(segment);
		handle->cookie = region->cookie;
		handle->handle = dsm_segment_handle(segment);
		return region;
	}
	return NULL;
}

static bool
write_handle(const RegionHandle *handle)
{
	char		temporary[MAXPGPATH];
	FILE	   *file;
	bool		written;

	snprintf(temporary, sizeof(temporary), HANDLE_FILE ".%d", MyProcPid);
	file = AllocateFile(temporary, PG_BINARY_W);
	if (file == NULL)
		return false;
	written = fwrite(handle, sizeof(*handle), 1, file) == 1;
	written = FreeFile(file) == 0 && written;
	if (written && rename(temporary, HANDLE_FILE) == 0)
		return true;
	unlink(temporary);
	return false;
}

/*
 * The right to make the region, as a file to be closed, or -1. One of the server's own locks would not do: a parallel worker does
 * not wait for those that its leader has.
 */
static int
lock_creation(void)
{
	int			file = OpenTransientFile(LOCK_FILE, O_RDWR | O_CREAT | PG_BINARY);

	while (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK && errno != EINTR)
		{
			CloseTransientFile(file);
			return -1;
		}
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000L);
	}
	return file;
}

/* Attaches to the dynamic region, or makes it; one process at a time. */
static VecGraphRegion *
attach_or_create(void)
{
	VecGraphRegion *region = attach_segment();
	RegionHandle handle;
	int			lock;

	if (region != NULL)
		return region;
	lock = lock_creation();
	if (lock < 0)
		return NULL;
	region = attach_segment();
	if (region == NULL)
	{
		region = create_segment(&handle);
		if (region != NULL && !write_handle(&handle))
		{
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not write file \"%s\": %m", HANDLE_FILE)));
			/* nobody else will find it: let it go with this backend */
			dsm_unpin_segment(handle.handle);
		}
	}
	CloseTransientFile(lock);
	return region;
}

VecGraphRegion *
vecgraph_region_attach(void)
{
	static TimestampTz failed_at = 0;
	static bool told = false;
	VecGraphRegion *region;

	if (preloaded != NULL || cache_size_mb == 0 || !IsUnderPostmaster || !IsTransactionState())
		return preloaded;
	if (failed_at != 0 && !TimestampDifferenceExceeds(failed_at, GetCurrentTimestamp(), RETRY_MS))
		return NULL;

	region = attach_or_create();
	if (region == NULL)
	{
		failed_at = GetCurrentTimestamp();
		if (!told)
			ereport(LOG,
					(errmsg("no shared memory for the codes of vecgraph indexes, searches read them from pages"),
					 errhint("Add vecidx to shared_preload_libraries, or lower vecgraph.cache_size.")));
		told = true;
	}
	else
		LWLockRegisterTranche(region->tranche, "vecidx_cache");
	return region;
}
