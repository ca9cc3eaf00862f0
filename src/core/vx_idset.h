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

void		vx_idset_init(VxIdSet *set, const VxMem *mem);
void		vx_idset_free(VxIdSet *set);

/* Empties the set; a table that was small stays for the next use. */
void		vx_idset_clear(VxIdSet *set);

/* Makes room for more members; called by vx_idset_add. */
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

/* Adds id (not UINT32_MAX); returns false if it was a member already. */
static inline bool
vx_idset_add(VxIdSet *set, uint32_t id)
{
	uint32_t	at;

	if (set->slots == NULL || set->count > set->mask / 2)
		vx_idset_grow(set);
	for (at = vx_idset_slot(set, id); set->slots[at] != 0; at = (at + 1) & set->mask)
		if (set->slots[at] == id + 1)
			return false;
	set->slots[at] = id + 1;
	set->count++;
	return true;
}

#endif							/* VX_IDSET_H */
