/*
 * vx_visited.h: a set of node ids as a bitmap, for walks over all nodes. (For searches, which visit few of many, there is vx_idset.h.)
 */
#ifndef VX_VISITED_H
#define VX_VISITED_H

#include "core/vx_mem.h"

typedef struct VxVisited
{
	const VxMem *mem;
	uint64_t   *words;			/* [word_count] */
	uint32_t	word_count;
} VxVisited;

/* An empty set, without memory yet. */
void		vx_visited_init(VxVisited *set, const VxMem *mem);

/* Gives back its memory. */
void		vx_visited_free(VxVisited *set);

/* Makes room for ids below bound; growing keeps the members. */
void		vx_visited_reserve(VxVisited *set, uint32_t bound);

static inline bool
vx_visited_has(const VxVisited *set, uint32_t id)
{
	uint32_t	word = id >> 6;

	return word < set->word_count && (set->words[word] >> (id & 63) & 1) != 0;
}

/* Adds id; returns false if it was a member already. */
static inline bool
vx_visited_add(VxVisited *set, uint32_t id)
{
	uint32_t	word = id >> 6;
	uint64_t	bit = UINT64_C(1) << (id & 63);

	if (vx_visited_has(set, id))
		return false;
	vx_visited_reserve(set, id);
	set->words[word] |= bit;
	return true;
}

#endif							/* VX_VISITED_H */
