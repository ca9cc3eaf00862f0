/*
 * vecgraph_arena.c: dynamic shared memory of a build; see vecgraph_arena.h.
 */
#include "am/build/vecgraph_arena.h"

#include "utils/memutils.h"
#include "utils/resowner.h"

struct VecGraphArena
{
	int			segment_count;
	dsm_segment *segments[VECGRAPH_ARENA_SEGMENTS];

	/* of the leader alone */
	VxMem		mem;
	MemoryContext context;		/* of what shared memory has no room for */
	ResourceOwner owner;		/* of the segments: one that could not be made leaves something behind in it */
	Size		slab_bytes;
	Size		segment_bytes;	/* of a segment for slabs; other arrays are few, and get segments of their own size */
	char	   *free;			/* in the segment being filled */
	Size		free_bytes;
	Size		total;			/* bytes of all segments and of local memory */
	bool		is_local;		/* not everything is in shared memory: no workers */
};

/* ---- the leader ---- */

/*
 * A new segment, or NULL if the system has no room for it. By default the server has the system reserve the memory of a segment when it
 * makes it, so that want of it shows here, and not when it is used.
 */
static dsm_segment *
try_segment(VecGraphArena *arena, Size bytes)
{
	MemoryContext old_context = CurrentMemoryContext;
	ResourceOwner old_owner = CurrentResourceOwner;
	dsm_segment *volatile segment = NULL;

	CurrentResourceOwner = arena->owner;
	PG_TRY();
	{
		segment = dsm_create(bytes, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		CurrentResourceOwner = old_owner;
		/* /dev/shm is small in many containers; all that failed is one system call, so there is nothing to roll back */
		if (code != ERRCODE_DISK_FULL && code != ERRCODE_OUT_OF_MEMORY)
			PG_RE_THROW();
		MemoryContextSwitchTo(old_context);
		FlushErrorState();
	}
	PG_END_TRY();
	CurrentResourceOwner = old_owner;
	return segment;
}

/* Adds a segment; returns its address, or NULL if that was not possible. */
static char *
add_segment(VecGraphArena *arena, Size bytes)
{
	dsm_segment *segment = NULL;

	if (!arena->is_local && arena->segment_count < VECGRAPH_ARENA_SEGMENTS)
		segment = try_segment(arena, bytes);
	if (segment == NULL)
	{
		if (!arena->is_local)
			ereport(DEBUG1,
					(errmsg_internal("vecgraph build has no shared memory for %zu more bytes, continuing without workers",
									 bytes)));
		/* for good: workers must see all of it, so further segments would be of no use */
		arena->is_local = true;
		return NULL;
	}
	arena->segments[arena->segment_count++] = segment;
	arena->total += bytes;
	return dsm_segment_address(segment);
}

VecGraphPlace
vecgraph_arena_place(const VecGraphArena *arena, const void *p)
{
	VecGraphPlace place = {.segment = -1};

	for (int i = 0; i < arena->segment_count; i++)
	{
		const char *start = dsm_segment_address(arena->segments[i]);

		if ((const char *) p >= start && (const char *) p < start + dsm_segment_map_length(arena->segments[i]))
		{
			place.segment = i;
			place.offset = (const char *) p - start;
			break;
		}
	}
	return place;
}

/* In the segment for slabs if there is room, else in one of its own, else in local memory. */
static void *
allocate(VecGraphArena *arena, Size size)
{
	char	   *p;

	if (!AllocHugeSizeIsValid(size))
		elog(ERROR, "invalid memory alloc request size %zu", size);
	/* so that arrays which different participants write have no cache line in common */
	size = CACHELINEALIGN(size);
	/* less than a slab is left of the segment before, and that is given up */
	if (size > arena->free_bytes && size == arena->slab_bytes)
	{
		arena->free = add_segment(arena, arena->segment_bytes);
		arena->free_bytes = arena->free != NULL ? arena->segment_bytes : 0;
	}
	if (size <= arena->free_bytes)
	{
		p = arena->free;
		arena->free += size;
		arena->free_bytes -= size;
	}
	else
		p = add_segment(arena, size);
	if (p != NULL)
		return p;
	arena->total += size;
	return MemoryContextAllocHuge(arena->context, size);
}

/* resize of VxMem */
static void *
resize(void *context, void *p, size_t size)
{
	VecGraphArena *arena = context;

	if (p == NULL)
		return allocate(arena, size);

	/* segments go all at once, in the end: what is freed before is memory in vain until then */
	Assert(size == 0);
	if (vecgraph_arena_place(arena, p).segment < 0)
		pfree(p);
	return NULL;
}

VecGraphArena *
vecgraph_arena_begin(Size slab_bytes, Size limit, MemoryContext context)
{
	VecGraphArena *arena = MemoryContextAllocZero(context, sizeof(VecGraphArena));

	slab_bytes = CACHELINEALIGN(slab_bytes);
	arena->mem = (VxMem)
	{
		.resize = resize,.context = arena
	};
	arena->context = context;
	arena->owner = ResourceOwnerCreate(CurrentResourceOwner, "vecgraph build");
	arena->slab_bytes = slab_bytes;
	/* whole slabs: of a segment that is full of points nothing is left over */
	arena->segment_bytes = slab_bytes * Max(1, limit / VECGRAPH_POINT_SEGMENTS / slab_bytes);
	return arena;
}

const VxMem *
vecgraph_arena_mem(VecGraphArena *arena)
{
	return &arena->mem;
}

void *
vecgraph_arena_move(VecGraphArena *arena, void *array, Size bytes)
{
	void	   *moved;

	if (array == NULL || bytes == 0)
		return array;
	moved = memcpy(allocate(arena, bytes), array, bytes);
	pfree(array);
	return moved;
}

Size
vecgraph_arena_bytes(const VecGraphArena *arena, Size more)
{
	/* what is free in a segment was counted when that was made */
	if (more == 0 || more <= arena->free_bytes)
		return arena->total;
	return arena->total + (arena->is_local ? more : Max(more, arena->segment_bytes));
}

/* On an error the same happens when the owner's parent, that of the command, is released. */
void
vecgraph_arena_end(VecGraphArena *arena)
{
	ResourceOwnerRelease(arena->owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(arena->owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(arena->owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(arena->owner);
	pfree(arena);
}

bool
vecgraph_arena_is_shared(const VecGraphArena *arena)
{
	return !arena->is_local;
}

void
vecgraph_arena_handles(const VecGraphArena *arena, VecGraphArenaHandles *handles)
{
	handles->count = arena->segment_count;
	for (int i = 0; i < arena->segment_count; i++)
		handles->segments[i] = dsm_segment_handle(arena->segments[i]);
}

/* ---- a worker; its mappings go with an error, too ---- */

VecGraphArena *
vecgraph_arena_attach(const VecGraphArenaHandles *handles)
{
	VecGraphArena *arena = palloc0(sizeof(VecGraphArena));

	for (; arena->segment_count < handles->count; arena->segment_count++)
	{
		dsm_segment *segment = dsm_attach(handles->segments[arena->segment_count]);

		if (segment == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("could not map dynamic shared memory segment")));
		arena->segments[arena->segment_count] = segment;
	}
	return arena;
}

void *
vecgraph_arena_address(const VecGraphArena *arena, VecGraphPlace place)
{
	return place.segment < 0 ? NULL : (char *) dsm_segment_address(arena->segments[place.segment]) + place.offset;
}

void
vecgraph_arena_detach(VecGraphArena *arena)
{
	for (int i = 0; i < arena->segment_count; i++)
		dsm_detach(arena->segments[i]);
	pfree(arena);
}
