/*
 * unit.h: what the unit tests share: cmocka, allocators, and random numbers.
 */
#ifndef UNIT_H
#define UNIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/vx_mem.h"
#include "core/vx_rng.h"

static void *
unit_resize(void *context, void *p, size_t size)
{
	(void) context;
	if (size == 0)
	{
		free(p);
		return NULL;
	}
	p = realloc(p, size);
	if (p == NULL)
		abort();
	return p;
}

static const VxMem unit_mem = {.resize = unit_resize};

/* A number of the standard normal distribution. */
static inline float
unit_normal(VxRng *rng)
{
	double		u = vx_rng_unit(rng) + 1e-12;
	double		v = vx_rng_unit(rng);

	return (float) (sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

/*
 * An allocator that has no memory: it writes down what it is asked for, gives an address that must not be touched, and leaves at the
 * request of number `last`. So what is asked for can be huge.
 */
typedef struct UnitRequests
{
	jmp_buf		leave;
	size_t		sizes[8];
	uint32_t	count;
	uint32_t	last;
} UnitRequests;

static inline void *
unit_request(void *context, void *p, size_t size)
{
	UnitRequests *requests = context;
	static char nothing[VX_CACHE_LINE];

	(void) p;
	assert_true(size > 0 && requests->count < sizeof(requests->sizes) / sizeof(requests->sizes[0]));
	requests->sizes[requests->count++] = size;
	if (requests->count == requests->last)
		longjmp(requests->leave, 1);
	return nothing;
}

#endif							/* UNIT_H */
