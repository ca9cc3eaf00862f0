/*
 * vx_idset.c: growing and clearing; see vx_idset.h.
 */
#include "core/vx_idset.h"

#include <string.h>

/* The first table. A search needs a larger one, which it keeps, but not all sets are of what a search has visited. */
#define FIRST_BITS 8
/* A table larger than this is given back when the set is cleared. */
#define KEEP_BITS 16

void
vx_idset_init(VxIdSet *set, const VxMem *mem)
{
	memset(set, 0, sizeof(*set));
	set->mem = mem;
}

void
vx_idset_free(VxIdSet *set)
{
	vx_free(set->mem, set->slots);
	vx_idset_init(set, set->mem);
}

void
vx_idset_clear(VxIdSet *set)
{
	if (set->count == 0)
		return;
	if (set->shift < 32 - KEEP_BITS)
	{
		vx_idset_free(set);
		return;
	}
	memset(set->slots, 0, ((size_t) set->mask + 1) * sizeof(uint32_t));
	set->count = 0;
}

void
vx_idset_grow(VxIdSet *set)
{
	uint32_t   *old = set->slots;
	uint32_t	old_size = old == NULL ? 0 : set->mask + 1;

	set->shift = old == NULL ? 32 - FIRST_BITS : set->shift - 1;
	set->mask = UINT32_MAX >> set->shift;
	set->slots = vx_alloc_array(set->mem, (size_t) set->mask + 1, sizeof(uint32_t));
	memset(set->slots, 0, ((size_t) set->mask + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < old_size; i++)
		if (old[i] != 0)
		{
			uint32_t	at = vx_idset_slot(set, old[i] - 1);

			while (set->slots[at] != 0)
				at = (at + 1) & set->mask;
			set->slots[at] = old[i];
		}
	vx_free(set->mem, old);
}
