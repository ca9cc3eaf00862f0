/*
 * vx_port.h: what every pure file includes: fixed-width types, assertions, small helpers.
 */
#ifndef VX_PORT_H
#define VX_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef VX_DEBUG
#include <assert.h>
#define VX_ASSERT(condition) assert(condition)
#else
#define VX_ASSERT(condition) ((void) 0)
#endif

#define VX_MIN(a, b) ((a) < (b) ? (a) : (b))
#define VX_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Of a function that becomes several, each with other constants. */
#define VX_INLINE static inline __attribute__((always_inline))

/* A function that has chosen be the last of the tables that available(i) lists, from slow to fast, with NULL behind it; returns that. */
#define VX_SELECT_KERNELS(Table, function, chosen, available) \
	const Table * \
	function(void) \
	{ \
		for (int i = 0; available(i) != NULL; i++) \
			chosen = available(i); \
		return chosen; \
	}

#define VX_CACHE_LINE 64

/* Before the type of a function: a rare or long case, for which its caller is not to save registers in all others. */
#define VX_NOINLINE __attribute__((noinline))

/* Asks for the lines of memory before they are needed. The address need not be valid. */
static inline void
vx_prefetch(const void *from, size_t bytes)
{
	size_t		before = (uintptr_t) from % VX_CACHE_LINE;	/* in its first line */

	for (size_t at = 0; at < before + bytes; at += VX_CACHE_LINE)
		__builtin_prefetch((const void *) ((uintptr_t) from - before + at));
	/* gcc takes a function that only prefetches for one without effects, and drops calls of it */
	__asm__ volatile ("");
}

#endif							/* VX_PORT_H */
