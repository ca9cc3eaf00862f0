/*
 * vx_search.c: greedy best-first search; see vx_search.h.
 */
#include "graph/vx_search.h"

#include <string.h>

/* Order of candidates: by score, ties by id. */
static inline bool
nearer(const VxCandidate *a, const VxCandidate *b)
{
	return a->score < b->score || (a->score == b->score && a->id < b->id);
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

static void
rest_add(VxSearch *search, const VxCandidate *candidate)
{
	if (candidate->expanded)
		return;					/* it is among the found, or dead */
	if (search->rest_count >= search->rest_limit)
	{
		search->forgot = true;
		return;
	}
	if (search->rest_count == search->rest_capacity)
	{
		uint32_t	capacity = VX_MAX(1024, search->rest_capacity * 2);

		search->rest = vx_resize(search->mem, search->rest, (size_t) capacity * sizeof(VxCandidate));
		search->rest_capacity = capacity;
	}
	search->rest[search->rest_count++] = *candidate;
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

/* Puts a candidate where it belongs in the list; what does not fit goes to the rest. */
static void
list_add(VxSearch *search, const VxCandidate *candidate)
{
	VxCandidate *list = search->list;
	uint32_t	low = 0;
	uint32_t	high = search->count;

	if (search->count == search->capacity)
	{
		VxCandidate last = list[search->count - 1];

		if (!nearer(candidate, &last))
		{
			rest_add(search, candidate);
			return;
		}
		rest_add(search, &last);
		search->count--;
		high--;
	}

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (nearer(&list[middle], candidate))
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&list[low + 1], &list[low], (search->count - low) * sizeof(VxCandidate));
	list[low] = *candidate;
	search->count++;
	if (low < search->cursor)
		search->cursor = low;
}

/* Scores those ids that were not scored before, and offers them to the list. */
static void
offer(VxSearch *search, const VxNodeId *ids, uint32_t n)
{
	VxStore    *store = search->store;
	uint32_t	fresh = 0;

	for (uint32_t i = 0; i < n; i++)
		if (vx_idset_add(&search->visited, ids[i]))
			search->batch[fresh++] = ids[i];
	if (fresh == 0)
		return;

	store->ops->score(store, search->query, search->batch, fresh, search->batch_score);
	store->stats.scored += fresh;
	for (uint32_t i = 0; i < fresh; i++)
	{
		VxCandidate candidate = {.score = search->batch_score[i], .id = search->batch[i]};

		list_add(search, &candidate);
	}
}

void
vx_search_begin(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, uint32_t keep)
{
	VxNodeId	entries[VX_MAX_ENTRIES];

	if (list_size > search->capacity || search->list == NULL)
		search->list = vx_resize(search->mem, search->list, ((size_t) list_size + 1) * sizeof(VxCandidate));
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
	offer(search, entries, store->ops->entries(store, entries));
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
		uint32_t	capacity = VX_MAX(128, i * 2);

		search->found = vx_resize(search->mem, search->found, capacity * sizeof(VxFound));
		search->found_heap = vx_resize(search->mem, search->found_heap, capacity * sizeof(uint32_t));
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

void
vx_search_converge(VxSearch *search)
{
	VxStore    *store = search->store;

	for (;;)
	{
		VxCandidate *next;

		while (search->cursor < search->count && search->list[search->cursor].expanded)
			search->cursor++;
		if (search->cursor == search->count)
			return;

		store->ops->poll(store);
		next = &search->list[search->cursor++];
		next->expanded = true;
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

		list_add(search, &candidate);
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
