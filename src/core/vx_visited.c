/*
 * vx_visited.c: the slow paths of the visited set.
 */
#include "core/vx_visited.h"

#include <string.h>

void
vx_visited_init(VxVisited *set, const VxMem *mem)
{
	memset(set, 0, sizeof(*set));
	set->mem = mem;
}

void
vx_visited_free(VxVisited *set)
{
	vx_free(set->mem, set->words);
	vx_free(set->mem, set->touched);
	vx_visited_init(set, set->mem);
}

void
vx_visited_clear(VxVisited *set)
{
	for (uint32_t i = 0; i < set->touched_count; i++)
		set->words[set->touched[i]] = 0;
	set->touched_count = 0;
}

void
vx_visited_reserve(VxVisited *set, uint32_t bound)
{
	uint32_t	need = (bound >> 6) + 1;

	if (need <= set->word_count)
		return;
	if (need < set->word_count + set->word_count / 2)
		need = set->word_count + set->word_count / 2;
	set->words = vx_resize_array(set->mem, set->words, need, sizeof(uint64_t));
	memset(set->words + set->word_count, 0, (size_t) (need - set->word_count) * sizeof(uint64_t));
	set->word_count = need;
}

void
vx_visited_touch(VxVisited *set, uint32_t word)
{
	if (word >= set->word_count)
		vx_visited_reserve(set, (word << 6) | 63);
	if (set->words[word] != 0)
		return;
	if (set->touched_count == set->touched_capacity)
	{
		uint32_t	capacity = vx_grown(set->touched_capacity, 1024);

		set->touched = vx_resize_array(set->mem, set->touched, capacity, sizeof(uint32_t));
		set->touched_capacity = capacity;
	}
	set->touched[set->touched_count++] = word;
}
