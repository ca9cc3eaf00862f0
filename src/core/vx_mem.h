/*
 * vx_mem.h: the allocator that pure code is given.
 *
 * One function does everything, as in Lua: p NULL allocates, size 0 frees, anything else resizes. It never returns
 * NULL for a size above 0: it leaves by its own means (ereport in the server, abort in tests). Whatever was allocated
 * is owned by the caller's allocator, so a non-local exit leaks nothing that resetting that allocator does not free.
 */
#ifndef VX_MEM_H
#define VX_MEM_H

#include "core/vx_port.h"

typedef struct VxMem
{
	void	   *(*resize) (void *context, void *p, size_t size);
	void	   *context;
} VxMem;

static inline void *
vx_alloc(const VxMem *mem, size_t size)
{
	return mem->resize(mem->context, NULL, size);
}

static inline void *
vx_resize(const VxMem *mem, void *p, size_t size)
{
	return mem->resize(mem->context, p, size);
}

static inline void
vx_free(const VxMem *mem, void *p)
{
	if (p != NULL)
		mem->resize(mem->context, p, 0);
}

#endif							/* VX_MEM_H */
