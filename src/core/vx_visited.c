/*
 * vx_visited.c: see vx_visited.h.
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
	vx_visited_init(set, set->mem);
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
