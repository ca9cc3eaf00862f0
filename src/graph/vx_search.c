/*
 * vx_search.c: greedy best-first search; see vx_search.h.
 */
#include "graph/vx_search.h"

#include <math.h>
#include <string.h>

/* Order of candidates: by score, ties by id. */
static inline bool
nearer(const VxCandidate *a, const VxCandidate *b)
{
	return a->score < b->score || (a->score == b->score && a->id < b->id);
}

/* Field by field: a candidate put together elsewhere and copied here would stall until its halves have left the store queue. */
static inline void
set_candidate(VxCandidate *candidate, float score, VxNodeId id)
{
	candidate->score = score;
	candidate->id = id;
	candidate->expanded = false;
	candidate->dead = false;
}

void
vx_search_init(VxSearch *search, const VxMem *mem)
{
	memset(search, 0, sizeof(*search));
	search->mem = mem;
	vx_idset_init(&search->visited, mem);
}

void
vx_search_free(VxSearch *search)
{
	vx_idset_free(&search->visited);
	vx_free(search->mem, search->list);
	vx_free(search->mem, search->rest);
	vx_free(search->mem, search->found);
	vx_free(search->mem, search->found_heap);
	vx_search_init(search, search->mem);
}

static void
rest_sift_up(VxSearch *search, uint32_t i)
{
	VxCandidate *heap = search->rest;
	VxCandidate moving = heap[i];

	while (i > 0 && nearer(&moving, &heap[(i - 1) / 2]))
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = moving;
}

static void
rest_sift_down(VxSearch *search, uint32_t i)
{
	VxCandidate *heap = search->rest;
	uint32_t	n = search->rest_count;
	VxCandidate moving = heap[i];

	for (;;)
	{
		uint32_t	child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && nearer(&heap[child + 1], &heap[child]))
			child++;
		if (!nearer(&heap[child], &moving))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moving;
}

/* Keeps a candidate that was not expanded. */
static inline void
rest_add(VxSearch *search, float score, VxNodeId id)
{
	if (search->rest_count >= search->rest_limit)
	{
		search->forgot = true;
		return;
	}
	if (search->rest_count == search->rest_capacity)
	{
		uint32_t	capacity = vx_grown(search->rest_capacity, 1024);

		search->rest = vx_resize_array(search->mem, search->rest, capacity, sizeof(VxCandidate));
		search->rest_capacity = capacity;
	}
	set_candidate(&search->rest[search->rest_count++], score, id);
	if (search->rest_is_heap)
		rest_sift_up(search, search->rest_count - 1);
}

/* Removes the nearest of the rest; the caller knows that there is one and that it is a heap. */
static VxCandidate
rest_take(VxSearch *search)
{
	VxCandidate top = search->rest[0];

	search->rest[0] = search->rest[--search->rest_count];
	if (search->rest_count > 0)
		rest_sift_down(search, 0);
	return top;
}

/* Sorts a few candidates, nearest first. */
static void
sort_candidates(VxCandidate *candidates, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		VxCandidate moving = candidates[i];
		uint32_t	at = i;

		for (; at > 0 && nearer(&moving, &candidates[at - 1]); at--)
			candidates[at] = candidates[at - 1];
		candidates[at] = moving;
	}
}

/* Merges n sorted candidates into the list, from its far end; what does not fit goes to the rest. */
static void
list_merge(VxSearch *search, const VxCandidate *fresh, uint32_t n)
{
	VxCandidate *list = search->list;
	uint32_t	old = search->count;	/* list[0 .. old) and fresh[0 .. n) are still to be placed */

	search->count = VX_MIN(old + n, search->capacity);
	while (n > 0)
	{
		uint32_t	at = old + n - 1;
		bool		from_list = old > 0 && nearer(&fresh[n - 1], &list[old - 1]);
		const VxCandidate *next = from_list ? &list[--old] : &fresh[--n];

		if (at < search->capacity)
			list[at] = *next;
		else if (!next->expanded)	/* if it was, it is among the found, or dead */
			rest_add(search, next->score, next->id);
		if (!from_list && at < search->cursor)
			search->cursor = at;
	}
}

/* Scores those ids that were not scored before, and offers them to the list. */
static void
offer(VxSearch *search, const VxNodeId *ids, uint32_t n)
{
	VxStore    *store = search->store;
	VxCandidate *fresh = search->fresh;
	uint32_t	unseen = 0;
	uint32_t	good = 0;
	VxCandidate worst = {.score = INFINITY,.id = VX_NO_NODE};

	if (search->count == search->capacity)
		worst = search->list[search->count - 1];

	vx_idset_reserve(&search->visited, n);
	for (uint32_t i = 0; i < n; i++)
	{
		/* no branch: which were seen is anybody's guess */
		search->batch[unseen] = ids[i];
		unseen += vx_idset_add_reserved(&search->visited, ids[i]);
	}
	if (unseen == 0)
		return;

	store->ops->score(store, search->query, search->batch, unseen, search->batch_score);
	store->stats.scored += unseen;
	for (uint32_t i = 0; i < unseen; i++)
	{
		float		score = search->batch_score[i];
		VxNodeId	id = search->batch[i];

		if (score < worst.score || (score == worst.score && id < worst.id))
			set_candidate(&fresh[good++], score, id);
		else
			rest_add(search, score, id);
	}
	sort_candidates(fresh, good);
	list_merge(search, fresh, good);
}

void
vx_search_begin(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, uint32_t keep)
{
	VxNodeId	entries[VX_MAX_ENTRIES];
	uint32_t	entry_count;

	if (list_size > search->capacity || search->list == NULL)
		search->list = vx_resize_array(search->mem, search->list, list_size, sizeof(VxCandidate));
	search->store = store;
	search->query = query;
	search->capacity = list_size;
	search->count = search->cursor = 0;
	search->rest_count = 0;
	search->rest_limit = keep;
	search->rest_is_heap = false;
	search->forgot = false;
	search->collecting = keep > 0;
	search->found_count = 0;
	search->handed_out = 0;
	vx_idset_clear(&search->visited);

	store->ops->prepare(store, query);
	entry_count = store->ops->entries(store, entries);
	offer(search, entries, entry_count);
}

/* Order of found nodes: by distance, ties by id. */
static inline bool
found_nearer(const VxSearch *search, uint32_t a, uint32_t b)
{
	const VxFound *x = &search->found[a];
	const VxFound *y = &search->found[b];

	return x->distance < y->distance || (x->distance == y->distance && x->id < y->id);
}

/* Adds the node whose edges were just read to those found. */
static void
found_add(VxSearch *search, VxNodeId id)
{
	uint32_t	i = search->found_count;
	uint32_t	place;
	VxFound    *found;

	if (i == search->found_capacity)
	{
		uint32_t	capacity = vx_grown(i, 128);

		search->found = vx_resize_array(search->mem, search->found, capacity, sizeof(VxFound));
		search->found_heap = vx_resize_array(search->mem, search->found_heap, capacity, sizeof(uint32_t));
		for (uint32_t k = i; k < capacity; k++)
			search->found_heap[k] = k;
		search->found_capacity = capacity;
	}
	place = search->found_heap[i];
	found = &search->found[place];
	found->distance = search->edges.exact;
	found->id = id;
	memcpy(found->payload, search->edges.payload, sizeof(found->payload));
	for (; i > 0 && found_nearer(search, place, search->found_heap[(i - 1) / 2]); i = (i - 1) / 2)
		search->found_heap[i] = search->found_heap[(i - 1) / 2];
	search->found_heap[i] = place;
	search->found_count++;
}

/* Takes the nearest; its record stays where it is until another node is found. */
static const VxFound *
found_take(VxSearch *search)
{
	uint32_t   *heap = search->found_heap;
	uint32_t	n = --search->found_count;
	uint32_t	top = heap[0];
	uint32_t	moving = heap[n];
	uint32_t	i = 0;

	heap[n] = top;
	for (;;)
	{
		uint32_t	child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && found_nearer(search, heap[child + 1], heap[child]))
			child++;
		if (!found_nearer(search, heap[child], moving))
			break;
		heap[i] = heap[child];
		i = child;
	}
	if (n > 0)
		heap[i] = moving;
	return &search->found[top];
}

static inline void
skip_expanded(VxSearch *search)
{
	while (search->cursor < search->count && search->list[search->cursor].expanded)
		search->cursor++;
}

void
vx_search_converge(VxSearch *search)
{
	VxStore    *store = search->store;

	for (;;)
	{
		VxCandidate *next;

		skip_expanded(search);
		if (search->cursor == search->count)
			return;

		store->ops->poll(store);
		next = &search->list[search->cursor++];
		next->expanded = true;
		/* unless a nearer one turns up among the edges of this, the one behind it is next */
		skip_expanded(search);
		if (store->ops->prefetch != NULL && search->cursor < search->count)
			store->ops->prefetch(store, search->list[search->cursor].id);
		if (store->ops->read_edges(store, next->id, search->collecting ? search->query : NULL, &search->edges) != VX_OK)
		{
			next->dead = true;
			continue;
		}
		next->dead = !search->edges.live;
		store->stats.expanded++;
		if (search->collecting && search->edges.live)
			found_add(search, next->id);
		offer(search, search->edges.ids, search->edges.count);
	}
}

/* Moves the list outwards: drops the nearer half, which has been expanded, and fills up from the rest. */
static void
slide(VxSearch *search)
{
	uint32_t	drop = VX_MIN(search->count, search->capacity - search->capacity / 2);

	memmove(search->list, search->list + drop, (search->count - drop) * sizeof(VxCandidate));
	search->count -= drop;
	search->cursor = 0;
	search->handed_out = 0;

	if (!search->rest_is_heap)
	{
		for (uint32_t i = search->rest_count / 2; i-- > 0;)
			rest_sift_down(search, i);
		search->rest_is_heap = true;
	}
	while (search->count < search->capacity && search->rest_count > 0)
	{
		VxCandidate candidate = rest_take(search);

		list_merge(search, &candidate, 1);
	}
}

const VxFound *
vx_search_next(VxSearch *search, bool resume)
{
	vx_search_converge(search);
	while (resume && search->rest_count + search->count > 0
		   && (search->found_count == 0 || search->handed_out >= VX_MAX(1, search->capacity / 2)))
	{
		slide(search);
		vx_search_converge(search);
	}
	if (search->found_count == 0 || (!resume && search->handed_out >= search->capacity))
		return NULL;
	search->handed_out++;
	return found_take(search);
}
