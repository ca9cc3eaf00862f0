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
#define REGION_LAYOUT 3
#define REGION_MAGIC (UINT64CONST(0x7665636900000000) + (REGION_LAYOUT << 24) \
					  + (sizeof(VecGraphRegion) << 8) + sizeof(VecGraphChunk))

#define HANDLE_FILE PG_STAT_TMP_DIR "/vecidx_cache"
#define LOCK_FILE PG_STAT_TMP_DIR "/vecidx_lock"

/* A backend that found no region looks again after so long, then after twice as long, and so on up to the most. */
#define RETRY_MS 10000
#define MAX_RETRY_MS (32 * RETRY_MS)

/* As pg_stat_activity has it: wait events are named by the process that reads them. */
#define TRANCHE_NAME "vecidx_cache"

/* What the handle file holds; cookie 0 until there is a region. */
typedef struct RegionHandle
{
	uint64		cookie;
	dsm_handle	handle;
} RegionHandle;

static int	cache_size_mb;
static VecGraphRegion *preloaded = NULL;
static VecGraphRegion *mapped = NULL;	/* a dynamic one, until the process ends */

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static Size
region_size(void)
{
	return (Size) cache_size_mb * 1024 * 1024;
}

/*
 * How many chunks a region of this size has. Fixed is what there is once, and the most that aligning its parts takes (vecgraph_region.h).
 * Behind the last chunk so many bytes are readable as a code may be read beyond its end.
 */
static uint32
chunks_in(Size size)
{
	Size		fixed = MAXALIGN(sizeof(VecGraphRegion)) + 4096 + 2 * MAXIMUM_ALIGNOF + VX_CODE_OVERREAD;

	fixed += vecgraph_region_index_count(0) * sizeof(VecGraphCachedIndex);
	if (size < fixed)
		return 0;
	return (size - fixed) / (VECGRAPH_CHUNK_BYTES + sizeof(VecGraphChunk) + sizeof(VecGraphCachedIndex) + sizeof(uint32));
}

static void
init_region(VecGraphRegion *region, Size size, bool dynamic)
{
	VecGraphCachedIndex *indexes;
	VecGraphChunk *chunks;

	memset(region, 0, sizeof(*region));
	/* a handle that an earlier server has left may by now be that of a segment of somebody else; this it cannot have by chance */
	if (!pg_strong_random(&region->cookie, sizeof(region->cookie)))
		region->cookie = (uint64) GetCurrentTimestamp() ^ ((uint64) MyProcPid << 40);
	region->dynamic = dynamic;
	region->chunk_count = chunks_in(size);
	region->tranche = LWLockNewTrancheId();
	LWLockInitialize(&region->lock, region->tranche);
	for (int i = 0; i < VECGRAPH_FOLLOW_LOCKS; i++)
		LWLockInitialize(&region->follow[i], region->tranche);
	/* VECGRAPH_NO_CHUNK each */
	memset(vecgraph_region_buckets(region), 0xFF, region->chunk_count * sizeof(uint32));
	chunks = vecgraph_region_chunks(region);
	memset(chunks, 0, region->chunk_count * sizeof(VecGraphChunk));
	for (uint32 i = 0; i < region->chunk_count; i++)
		pg_atomic_init_u64(&chunks[i].owner, 0);
	indexes = vecgraph_region_indexes(region);
	memset(indexes, 0, vecgraph_region_index_count(region->chunk_count) * sizeof(VecGraphCachedIndex));
	for (uint32 i = 0; i < vecgraph_region_index_count(region->chunk_count); i++)
		pg_atomic_init_u64(&indexes[i].stamp, 0);
	pg_atomic_init_u64(&region->hits, 0);
	pg_atomic_init_u64(&region->misses, 0);
	pg_atomic_init_u64(&region->loads, 0);
	pg_atomic_init_u64(&region->evictions, 0);
	for (int i = 0; i < VECGRAPH_COUNTED_INDEXES; i++)
	{
		VecGraphCountedIndex *counted = &region->counted[i];

		pg_atomic_init_u64(&counted->owner, 0);
		pg_atomic_init_u64(&counted->used, 0);
		pg_atomic_init_u64(&counted->since, 0);
		for (int j = 0; j < VECGRAPH_COUNTERS; j++)
			pg_atomic_init_u64(&counted->counts[j], 0);
	}
	region->magic = REGION_MAGIC;
}

/* ---- preloaded ---- */

/* The postmaster adds up what all libraries want, before it makes its shared memory; cache_size cannot change any more. */
static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	if (cache_size_mb > 0)
		RequestAddinShmemSpace(region_size());
}

/* The memory is there. */
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
	/* processes are forked from this one and have its names, or come here themselves */
	LWLockRegisterTranche(preloaded->tranche, TRANCHE_NAME);
}

void
vecgraph_cache_init(void)
{
	bool		preloading = process_shared_preload_libraries_in_progress;

	/* a dynamic region is of the size that whoever makes it finds set; others take it as it is */
	DefineCustomIntVariable("vecgraph.cache_size",
							"Shared memory for the codes of vecgraph indexes.",
							"0 scores codes from their pages.",
							&cache_size_mb, 256, 0, 1024 * 1024,
							preloading ? PGC_POSTMASTER : PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	if (!preloading)
		return;
	vecidx_request_shmem(previous_request_hook, request_memory);
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

/* ---- dynamic ---- */

/* Why there is no region, for the log. */
static char problem[512];

static void
note_problem(const char *what)
{
	strlcpy(problem, what, sizeof(problem));
}

/*
 * Makes a segment of a size or, if that is 0, attaches to one, which is then mapped until the backend ends. NULL if there is none
 * or that fails: no room (a container's /dev/shm is often small), no address space, no rights. *failed tells the latter.
 *
 * An error of dsm.c leaves nothing behind but a descriptor and, of an attachment, a reference. Both belong to a resource owner of
 * their own, so they go with it and no subtransaction is needed. Nothing in there serves interrupts, so no cancel is caught here.
 */
static dsm_segment *
open_segment(dsm_handle handle, Size size, bool *failed)
{
	ResourceOwner outer = CurrentResourceOwner;
	ResourceOwner owner = ResourceOwnerCreate(outer, "vecidx cache");
	MemoryContext context = CurrentMemoryContext;
	uint32		holdoff = InterruptHoldoffCount;
	dsm_segment *volatile segment = NULL;

	*failed = false;
	CurrentResourceOwner = owner;
	PG_TRY();
	{
		segment = size > 0 ? dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS) : dsm_attach(handle);
		if (segment != NULL)
			dsm_pin_mapping(segment);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		/* raising an error has set it to zero, and this one ends here */
		InterruptHoldoffCount = holdoff;
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		note_problem(error->message);
		FreeErrorData(error);
		*failed = true;
	}
	PG_END_TRY();
	CurrentResourceOwner = outer;
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(owner);
	return segment;
}

/* False if there is no handle, or one is only being made. */
static bool
read_handle(RegionHandle *handle)
{
	int			file = BasicOpenFile(HANDLE_FILE, O_RDONLY | PG_BINARY);
	bool		complete;

	if (file < 0)
		return false;
	complete = read(file, handle, sizeof(*handle)) == sizeof(*handle);
	close(file);
	return complete && handle->cookie != 0;
}

/* Writes the handle file in place: a backend that reads half of it finds a segment with another cookie, or none. False: problem says why. */
static bool
write_handle(const RegionHandle *handle)
{
	int			file = BasicOpenFile(HANDLE_FILE, O_RDWR | O_CREAT | PG_BINARY);
	ssize_t		written = -1;

	if (file >= 0)
	{
		errno = 0;
		written = write(file, handle, sizeof(*handle));
		if (close(file) == 0 && written == sizeof(*handle))
			return true;
		/* a write that was cut short does not say why */
		if (errno == 0)
			errno = ENOSPC;
	}
	snprintf(problem, sizeof(problem), "could not write file \"%s\": %s", HANDLE_FILE, strerror(errno));
	return false;
}

typedef enum AttachResult
{
	REGION_ATTACHED,
	REGION_ABSENT,				/* nobody has made it, or it is of another library */
	REGION_OUT_OF_REACH			/* it is there, and this backend cannot map it */
} AttachResult;

/* Maps the segment that the handle file names. */
static AttachResult
attach_segment(VecGraphRegion **region)
{
	RegionHandle handle;
	dsm_segment *segment;
	bool		mapped;
	bool		failed;

	if (!read_handle(&handle))
		return REGION_ABSENT;
	/* an error may have struck after an earlier attachment; to attach to one segment twice is an error */
	segment = dsm_find_mapping(handle.handle);
	mapped = segment != NULL;
	if (!mapped)
		segment = open_segment(handle.handle, 0, &failed);
	if (segment == NULL)
		return failed ? REGION_OUT_OF_REACH : REGION_ABSENT;
	*region = dsm_segment_address(segment);
	/* the magic is that of a build of the library, the cookie that of one region */
	if (dsm_segment_map_length(segment) >= sizeof(VecGraphRegion)
		&& (*region)->magic == REGION_MAGIC && (*region)->cookie == handle.cookie)
		return REGION_ATTACHED;
	if (!mapped)
		dsm_detach(segment);
	return REGION_ABSENT;
}

/*
 * A new segment of the wanted size or, where the system does not give that, of at most half of what it does: parallel queries
 * need dynamic shared memory, too. NULL if that is hardly anything, or the server has no place for another segment.
 *
 * So the first size that can be had after one that could not (limited) only tells what there is: it is given back, and the next size, its
 * half, is taken.
 */
static dsm_segment *
create_segment(void)
{
	bool		limited = false;

	for (Size size = region_size(); chunks_in(size) > 0; size /= 2)
	{
		bool		failed;
		dsm_segment *segment = open_segment(DSM_HANDLE_INVALID, size, &failed);

		if (segment != NULL && !limited)
		{
			init_region(dsm_segment_address(segment), dsm_segment_map_length(segment), true);
			return segment;
		}
		if (segment == NULL && !failed)
		{
			note_problem("too many dynamic shared memory segments");
			break;
		}
		limited = segment == NULL;
		if (segment != NULL)
			dsm_detach(segment);
	}
	return NULL;
}

/*
 * Makes the region, or NULL. A region that the handle file does not name would be found by nobody else, and each backend would make
 * one: so the file is written first, with zeros.
 */
static VecGraphRegion *
create_region(void)
{
	RegionHandle handle = {0};
	dsm_segment *segment;
	VecGraphRegion *region;

	if (!write_handle(&handle) || (segment = create_segment()) == NULL)
		return NULL;
	region = dsm_segment_address(segment);
	handle.cookie = region->cookie;
	handle.handle = dsm_segment_handle(segment);
	if (!write_handle(&handle))
	{
		dsm_detach(segment);
		return NULL;
	}
	/* last: a segment that is not pinned goes with the last mapping, so what has failed above leaves none behind */
	dsm_pin_segment(segment);
	return region;
}

/*
 * The right to make the region, as a file to be closed, or -1. One of the server's own locks would not do: a parallel worker does
 * not wait for those that its leader has. It is given back by closing the file, which the server does if the transaction fails.
 */
static int
lock_creation(void)
{
	int			file = OpenTransientFile(LOCK_FILE, O_RDWR | O_CREAT | PG_BINARY);

	while (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK && errno != EINTR)
		{
			int			save_errno = errno;

			CloseTransientFile(file);
			errno = save_errno;
			file = -1;
			break;
		}
		/* polled: from within a flock that waits nobody could be cancelled */
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000L);
	}
	if (file < 0)
		snprintf(problem, sizeof(problem), "could not lock file \"%s\": %s", LOCK_FILE, strerror(errno));
	return file;
}

/*
 * Attaches to the dynamic region, or makes it; one process at a time. A backend that cannot map the one that there is makes no
 * other: it would take its memory once more, and the handle file names but one.
 */
static VecGraphRegion *
attach_or_create(void)
{
	VecGraphRegion *region = NULL;
	AttachResult result = attach_segment(&region);
	int			lock;

	if (result == REGION_ABSENT)
	{
		lock = lock_creation();
		if (lock < 0)
			return NULL;
		/* who had the lock has made it, mostly */
		result = attach_segment(&region);
		if (result == REGION_ABSENT)
		{
			region = create_region();
			result = region != NULL ? REGION_ATTACHED : REGION_ABSENT;
		}
		CloseTransientFile(lock);
	}
	return result == REGION_ATTACHED ? region : NULL;
}

VecGraphRegion *
vecgraph_region_attach(void)
{
	static TimestampTz failed_at = 0;
	static int	retry_ms = RETRY_MS;
	static bool told = false;
	VecGraphRegion *region;

	if (mapped != NULL)
		return mapped;
	/* outside of a transaction nothing would clean up behind an error: resource owners and open files are those of transactions */
	if (preloaded != NULL || cache_size_mb == 0 || !IsUnderPostmaster || !IsTransactionState())
		return preloaded;
	if (failed_at != 0 && !TimestampDifferenceExceeds(failed_at, GetCurrentTimestamp(), retry_ms))
		return NULL;

	region = attach_or_create();
	if (region != NULL)
	{
		LWLockRegisterTranche(region->tranche, TRANCHE_NAME);
		mapped = region;
		return region;
	}
	/* what is missing is mostly missing for long, and to try takes system calls and a lock that all want */
	if (failed_at != 0)
		retry_ms = Min(retry_ms * 2, MAX_RETRY_MS);
	failed_at = GetCurrentTimestamp();
	if (!told)
		ereport(LOG,
				(errmsg("no shared memory for the codes of vecgraph indexes, searches read them from pages"),
				 errdetail_internal("%s", problem),
				 errhint("Add vecidx to shared_preload_libraries, or lower vecgraph.cache_size.")));
	told = true;
	return NULL;
}

VecGraphRegion *
vecgraph_region_attached(void)
{
	return preloaded != NULL ? preloaded : mapped;
}
