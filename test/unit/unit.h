/*
 * unit.h: what the unit tests share: cmocka, an allocator, and a memory store with random points.
 */
#ifndef UNIT_H
#define UNIT_H

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

#endif							/* UNIT_H */
