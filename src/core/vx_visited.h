/*
 * vx_visited.h: a set of node ids as a bitmap that is cleared by what was touched.
 *
 * A search touches a few thousand of perhaps millions of ids; remembering which 64-bit words it set makes clearing cost
 * what the search cost, not what the index has.
 */
#ifndef VX_VISITED_H
#define VX_VISITED_H

#include "core/vx_mem.h"

typedef struct VxVisited
{
	const VxMem *mem;
	uint64_t   *words;			/* [word_count] */
	uint32_t	word_count;
	uint32_t   *touched;		/* [touched_capacity] words that are not zero */
	uint32_t	touched_count;
	uint32_t	touched_capacity;
} VxVisited;

/* An empty set, without memory yet. */
void		vx_visited_init(VxVisited *set, const VxMem *mem);

/* Gives back its memory. */
void		vx_visited_free(VxVisited *set);

/* Empties the set; its memory stays for the next search. */
void		vx_visited_clear(VxVisited *set);

/* Makes room for ids below bound; growing keeps the members. */
void		vx_visited_reserve(VxVisited *set, uint32_t bound);

/* Slow path of vx_visited_add: first bit of a word, or an id beyond the bitmap. */
void		vx_visited_touch(VxVisited *set, uint32_t word);

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

	if (word >= set->word_count || set->words[word] == 0)
		vx_visited_touch(set, word);
	else if ((set->words[word] & bit) != 0)
		return false;
	set->words[word] |= bit;
	return true;
}

#endif							/* VX_VISITED_H */
