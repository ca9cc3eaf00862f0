/*
 * vx_idset.h: a set of node ids as an open hash table, sized by what is in it.
 *
 * Searches visit a few thousand of perhaps a hundred million nodes, so neither starting nor ending one may cost anything
 * that grows with the index. (For walks over all nodes there is the bitmap of vx_visited.h.)
 */
#ifndef VX_IDSET_H
#define VX_IDSET_H

#include "core/vx_mem.h"

typedef struct VxIdSet
{
	const VxMem *mem;
	uint32_t   *slots;			/* [mask + 1] id + 1, 0 is empty; linear probing */
	uint32_t	mask;
	uint32_t	shift;			/* 32 - log2(mask + 1) */
	uint32_t	count;
} VxIdSet;

/* An empty set, without memory yet. */
void		vx_idset_init(VxIdSet *set, const VxMem *mem);

/* Gives back its memory. */
void		vx_idset_free(VxIdSet *set);

/* Empties the set; a table that was small stays for the next use. */
void		vx_idset_clear(VxIdSet *set);

/* Doubles the table. */
void		vx_idset_grow(VxIdSet *set);

static inline uint32_t
vx_idset_slot(const VxIdSet *set, uint32_t id)
{
	return (id * 0x9E3779B1u) >> set->shift;
}

static inline bool
vx_idset_has(const VxIdSet *set, uint32_t id)
{
	if (set->count == 0)
		return false;
	for (uint32_t at = vx_idset_slot(set, id); set->slots[at] != 0; at = (at + 1) & set->mask)
		if (set->slots[at] == id + 1)
			return true;
	return false;
}

/*
 * Makes room for n more members. At most three eighths of the table are used, so most look-ups end at their first slot; but the largest
 * has a place for every id, and one more.
 */
static inline void
vx_idset_reserve(VxIdSet *set, uint32_t n)
{
	while (set->slots == NULL || ((uint64_t) set->count + n > set->mask / 8 * 3 && set->shift > 0))
		vx_idset_grow(set);
}

/* Adds id (not UINT32_MAX), for which there is room; returns false if it was a member already. */
static inline bool
vx_idset_add_reserved(VxIdSet *set, uint32_t id)
{
	uint32_t	at = vx_idset_slot(set, id);
	uint32_t	found = set->slots[at];
	bool		is_new;

	/*
	 * Nearly always the first slot is empty or its own; which of the two is anybody's guess, so both are asked for in one: the
	 * product is 0 if a factor is.
	 */
	while ((uint64_t) found * (found ^ (id + 1)) != 0)
	{
		at = (at + 1) & set->mask;
		found = set->slots[at];
	}
	is_new = found == 0;
	set->slots[at] = id + 1;
	set->count += is_new;
	return is_new;
}

static inline bool
vx_idset_add(VxIdSet *set, uint32_t id)
{
	vx_idset_reserve(set, 1);
	return vx_idset_add_reserved(set, id);
}

#endif							/* VX_IDSET_H */
