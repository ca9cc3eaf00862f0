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

/*
 * Sizes are made by these: in size_t, whatever the types of the counts, and one that is too large for a size_t is SIZE_MAX, which stays
 * what it is in further products and sums, and which no allocator has.
 */
static inline size_t
vx_size_product(size_t a, size_t b)
{
	size_t		product;

	return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static inline size_t
vx_size_sum(size_t a, size_t b)
{
	size_t		sum;

	return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

/* n items of so many bytes. Of a matrix: n is the product of its sides by vx_size_product. */
static inline void *
vx_alloc_array(const VxMem *mem, size_t n, size_t item_bytes)
{
	return vx_alloc(mem, vx_size_product(n, item_bytes));
}

static inline void *
vx_resize_array(const VxMem *mem, void *p, size_t n, size_t item_bytes)
{
	return vx_resize(mem, p, vx_size_product(n, item_bytes));
}

/*
 * The next capacity of an array that is full: twice as much, or least. Nothing here counts more than UINT32_MAX - 1 items (there
 * are not more node ids), so an array of UINT32_MAX is never full.
 */
static inline uint32_t
vx_grown(uint32_t capacity, uint32_t least)
{
	return capacity > UINT32_MAX / 2 ? UINT32_MAX : VX_MAX(capacity * 2, least);
}

#endif							/* VX_MEM_H */
