/*
 * vx_search.c: greedy best-first search; see vx_search.h.
 */
#include "graph/vx_search.h"

#include <math.h>
#include <string.h>

/*
 * So many rows a query is expected to want: these get what the first list holds. Later ones get a list that is longer than their rank
 * by all of L, and a little more. Where scores are so inexact that order wants more, it is given as many times the rank as L is times
 * the first ranks, but not more than MOST_WIDTH times.
 */
#define FIRST_RANKS 10
#define MOST_WIDTH 8.0

/*
 * Of a rest of more than FEW the nearest NEAR in SAMPLE are put in order at a time: fewer would have to be chosen more often, more would
 * be put in order for nothing.
 */
#define FEW 64
#define NEAR 4
#define SAMPLE 32

/* By scores of another distance the first ranks, too, may want a longer list: up to so many times L. */
#define ROUGH_LISTS 3.0

/* Order of candidates: by score, ties as the query has them. */
static inline bool
nearer(const VxSearch *search, const VxCandidate *a, const VxCandidate *b)
{
	return a->score < b->score
		|| (a->score == b->score && vx_tie_rank(a->id, search->query->salt) < vx_tie_rank(b->id, search->query->salt));
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

/*
 * The rest is in no order while the list is of fixed length: nobody takes from it then, and most searches end so. When the list grows those
 * up to some score become a binary heap, the nearest first; the others wait behind it, in no order, until the heap is empty. So most
 * of the rest, which nobody takes before the search ends, costs no more than one look at each.
 */
static void
near_sift_up(VxSearch *search, uint32_t i)
{
	VxCandidate *heap = search->rest;
	VxCandidate moving = heap[i];

	while (i > 0 && nearer(search, &moving, &heap[(i - 1) / 2]))
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = moving;
}

static void
near_sift_down(VxSearch *search, uint32_t i)
{
	VxCandidate *heap = search->rest;
	uint32_t	n = search->near_count;
	VxCandidate moving = heap[i];

	for (;;)
	{
		uint32_t	child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && nearer(search, &heap[child + 1], &heap[child]))
			child++;
		if (!nearer(search, &heap[child], &moving))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moving;
}

/* A score that about NEAR of SAMPLE of the rest do not exceed, and at least one; there are SAMPLE or more. */
static float
sample_near_score(const VxSearch *search)
{
	uint32_t	step = search->rest_count / SAMPLE;
	float		least[NEAR];	/* of the sample, in order */

	for (uint32_t i = 0; i < NEAR; i++)
		least[i] = INFINITY;
	for (uint32_t i = 0; i < SAMPLE; i++)
	{
		float		score = search->rest[i * step].score;

		for (uint32_t at = 0; at < NEAR; at++)
		{
			float		farther = VX_MAX(score, least[at]);

			least[at] = VX_MIN(score, least[at]);
			score = farther;
		}
	}
	return least[NEAR - 1];
}

/* The list grows, and no near ones are left or known: chooses which are, if there is a rest. */
static void
rest_choose_near(VxSearch *search)
{
	VxCandidate *rest = search->rest;
	uint32_t	near = 0;

	search->near_score = search->rest_count <= FEW ? INFINITY : sample_near_score(search);
	for (uint32_t i = 0; i < search->rest_count; i++)
	{
		VxCandidate moving = rest[i];

		/* no branch: which are near is anybody's guess */
		rest[i] = rest[near];
		rest[near] = moving;
		near += moving.score <= search->near_score;
	}
	search->near_count = near;
	/* from the last parent to the first: less work than to add one after the other */
	for (uint32_t i = near / 2; i-- > 0;)
		near_sift_down(search, i);
}

/* Moves the nearest n of the rest to its front, in no order: Hoare's selection, on average linear. */
static void
rest_select(VxSearch *search, uint32_t n)
{
	VxCandidate *rest = search->rest;
	uint32_t	low = 0;
	uint32_t	high = search->rest_count - 1;

	while (low < high)
	{
		VxCandidate pivot = rest[low + (high - low) / 2];
		uint32_t	i = low;
		uint32_t	j = high;

		for (;;)
		{
			VxCandidate swap;

			for (; nearer(search, &rest[i], &pivot); i++)
				;
			for (; nearer(search, &pivot, &rest[j]); j--)
				;
			if (i >= j)
				break;
			swap = rest[i];
			rest[i++] = rest[j];
			rest[j--] = swap;
		}
		/* up to j is nothing behind the pivot, and behind j nothing before it */
		if (n <= j)
			high = j;
		else
			low = j + 1;
	}
}

/* What is given from now on, and is farther than all of the rest, is forgotten, too: nearer ones were. */
static void
note_farthest(VxSearch *search)
{
	search->farthest = -INFINITY;
	for (uint32_t i = 0; i < search->rest_count; i++)
		search->farthest = VX_MAX(search->farthest, search->rest[i].score);
}

/* Of candidates that score less than forgotten says in the end, none has been forgotten. */
static inline void
note_forgotten(VxSearch *search, float score)
{
	search->forgot = true;
	search->forgotten = VX_MIN(search->forgotten, score);
}

/* Forgets the farther half of the rest: half, so that the next selection comes only when as many have been added. */
static void
rest_forget(VxSearch *search)
{
	uint32_t	kept = search->rest_count / 2;

	if (search->rest_count < 2)
		return;
	rest_select(search, kept);
	for (uint32_t i = kept; i < search->rest_count; i++)
		note_forgotten(search, search->rest[i].score);
	search->rest_count = kept;
	if (search->grown)
		rest_choose_near(search);
	else if (search->given)
		note_farthest(search);
}

/* Keeps a candidate that was not expanded. */
static inline void
rest_add(VxSearch *search, float score, VxNodeId id)
{
	if (search->rest_count >= search->rest_limit)
	{
		/* now there is room, but where there is none at all, as in linking; and in a walk farthest is infinite */
		rest_forget(search);
		if (search->rest_count >= search->rest_limit || score > search->farthest)
		{
			note_forgotten(search, score);
			return;
		}
	}
	if (search->rest_count == search->rest_capacity)
	{
		uint32_t	capacity = vx_grown(search->rest_capacity, 1024);

		search->rest = vx_resize_array(search->mem, search->rest, capacity, sizeof(VxCandidate));
		search->rest_capacity = capacity;
	}
	if (search->grown && score <= search->near_score)
	{
		/* the first one that is not near makes room for it */
		search->rest[search->rest_count++] = search->rest[search->near_count];
		set_candidate(&search->rest[search->near_count++], score, id);
		near_sift_up(search, search->near_count - 1);
	}
	else
		set_candidate(&search->rest[search->rest_count++], score, id);
}

/* Removes the nearest of the rest; the caller knows that there is one and that the list grows. */
static VxCandidate
rest_take(VxSearch *search)
{
	VxCandidate top = search->rest[0];

	search->rest[0] = search->rest[--search->near_count];
	search->rest[search->near_count] = search->rest[--search->rest_count];
	if (search->near_count > 0)
		near_sift_down(search, 0);
	else
		rest_choose_near(search);
	return top;
}

/* Sorts a few candidates, nearest first. By insertion: they are neighbours of one node or entries, and mostly a handful. */
static void
sort_candidates(const VxSearch *search, VxCandidate *candidates, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		VxCandidate moving = candidates[i];
		uint32_t	at = i;

		for (; at > 0 && nearer(search, &moving, &candidates[at - 1]); at--)
			candidates[at] = candidates[at - 1];
		candidates[at] = moving;
	}
}

/* How many of the first n of the list are nearer than a candidate. By halving, with no branch that could be guessed wrong but for ties. */
static inline uint32_t
list_place(const VxSearch *search, uint32_t n, const VxCandidate *candidate)
{
	const VxCandidate *from = search->list;

	while (n > 1)
	{
		uint32_t	half = n / 2;

		from += nearer(search, &from[half - 1], candidate) ? half : 0;
		n -= half;
	}
	if (n == 1)
		from += nearer(search, from, candidate);
	return (uint32_t) (from - search->list);
}

/* Merges n sorted candidates into the list, from its far end; what does not fit goes to the rest. */
static void
list_merge(VxSearch *search, const VxCandidate *fresh, uint32_t n)
{
	VxCandidate *list = search->list;
	uint32_t	old = search->count;	/* list[0 .. old) and fresh[0 .. n) are still to be placed */

	while (old + n > search->capacity)
	{
		const VxCandidate *farthest = n == 0 || (old > 0 && nearer(search, &fresh[n - 1], &list[old - 1])) ? &list[--old] : &fresh[--n];

		if (!farthest->expanded)	/* if it was, it is among the found, or dead */
			rest_add(search, farthest->score, farthest->id);
	}
	search->count = old + n;
	while (n > 0)
	{
		uint32_t	place = list_place(search, old, &fresh[n - 1]);

		memmove(&list[place + n], &list[place], (old - place) * sizeof(VxCandidate));
		old = place;
		n--;
		list[place + n] = fresh[n];
		/* what came in before the cursor is not expanded: the search goes back to it, as it always takes the nearest */
		search->cursor = VX_MIN(search->cursor, place + n);
	}
}

/* Whether a node with the score of the worst in the list belongs there; worst is NULL where the list is not full. */
static bool
fits_by_rank(const VxSearch *search, const VxCandidate *worst, VxNodeId id)
{
	if (search->grown)
		return false;
	return worst == NULL || vx_tie_rank(id, search->query->salt) < vx_tie_rank(worst->id, search->query->salt);
}

/*
 * Scores those ids that were not scored before, and offers them to the list. When the list grows nothing comes into it here: all go to the
 * rest, from which it takes its next one.
 */
static void
offer(VxSearch *search, const VxNodeId *ids, uint32_t n)
{
	VxStore    *store = search->store;
	VxCandidate *fresh = search->fresh;
	VxIdSet		visited;
	uint32_t	unseen = 0;
	uint32_t	good = 0;
	const VxCandidate *worst = NULL;	/* of a full list */
	float		limit = INFINITY;

	if (search->grown)
		limit = -INFINITY;
	else if (search->count == search->capacity)
	{
		worst = &search->list[search->count - 1];
		limit = worst->score;
	}

	/* once for all, so that none of the additions below has to look for room */
	vx_idset_reserve(&search->visited, n);
	/* in registers, as for all that the compiler knows the batch may be the set's own */
	visited = search->visited;
	for (uint32_t i = 0; i < n; i++)
	{
		/* no branch: which were seen is anybody's guess */
		search->batch[unseen] = ids[i];
		unseen += vx_idset_add_reserved(&visited, ids[i]);
	}
	search->visited.count = visited.count;
	if (unseen == 0)
		return;

	/* all at once: the store can then ask for all their codes before it waits for the first one */
	store->ops->score(store, search->query, search->batch, unseen, search->batch_score);
	store->stats.scored += unseen;
	/* those for the list in front, the others behind them; no branch here either, but for ties */
	for (uint32_t i = 0; i < unseen; i++)
	{
		float		score = search->batch_score[i];
		bool		fits = score < limit;

		if (score == limit)
			fits = fits_by_rank(search, worst, search->batch[i]);
		set_candidate(&fresh[fits ? good : unseen - 1 - (i - good)], score, search->batch[i]);
		good += fits;
	}
	sort_candidates(search, fresh, good);
	/* if it is nearer than what was thought to be next, it comes while it and the others are put in their places */
	if (good > 0 && store->ops->prefetch != NULL
		&& (search->cursor == search->count || nearer(search, &fresh[0], &search->list[search->cursor])))
		store->ops->prefetch(store, fresh[0].id);
	/* linking keeps no rest, and most of what it scores would be of it; a list that grows is fed from the rest, whoever collects */
	if (search->collecting || search->grown)
		for (uint32_t i = good; i < unseen; i++)
			rest_add(search, fresh[i].score, fresh[i].id);
	list_merge(search, fresh, good);
}

static void
begin(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, size_t memory)
{
	if (list_size > search->capacity || search->list == NULL)
		search->list = vx_resize_array(search->mem, search->list, list_size, sizeof(VxCandidate));
	search->store = store;
	search->query = query;
	search->capacity = list_size;
	search->count = search->cursor = 0;
	search->rest_count = 0;
	/* most of the memory is for candidates: nodes that are found have left, or are few beside what was scored to find them */
	search->rest_limit = (uint32_t) VX_MIN(memory / 4 * 3 / sizeof(VxCandidate), UINT32_MAX / 2);
	search->found_limit = (uint32_t) VX_MIN(memory / 4 / (sizeof(VxFound) + sizeof(uint32_t)), UINT32_MAX / 2);
	search->forgot = false;
	search->forgotten = INFINITY;
	search->grown = false;
	search->collecting = memory > 0;
	search->found_count = 0;
	search->handed_out = 0;
	memset(&search->needs, 0, sizeof(search->needs));
	search->rows = search->rows_list = 0;
	search->limit = INFINITY;
	search->given = false;
	search->farthest = INFINITY;
	search->most_expanded = 0;
	search->expanded = 0;
	search->wanted = 0;
	search->ending = NULL;
	store->ops->prepare(store, query);
}

void
vx_search_begin(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, size_t memory)
{
	VxNodeId	entries[VX_MAX_ENTRIES];
	uint32_t	entry_count;

	vx_idset_clear(&search->visited);
	begin(search, store, query, list_size, memory);
	entry_count = store->ops->entries(store, entries);
	offer(search, entries, entry_count);
}

void
vx_search_begin_given(VxSearch *search, VxStore *store, const VxQuery *query, uint32_t list_size, size_t memory, bool again)
{
	/* again: the search before was given its nodes, too, and what it has expanded stays visited */
	if (!again)
		vx_idset_clear(&search->visited);
	begin(search, store, query, list_size, memory);
	search->given = true;
}

void
vx_search_give(VxSearch *search, const VxNodeId *ids, uint32_t n)
{
	VxStore    *store = search->store;
	uint32_t	new = 0;

	/* visited are only those that were expanded (meet): what memory forgets of the others may be given again in another search */
	for (uint32_t i = 0; i < n; i++)
		if (!vx_idset_has(&search->visited, ids[i]))
			search->batch[new++] = ids[i];
	if (new == 0)
		return;
	store->ops->score(store, search->query, search->batch, new, search->batch_score);
	store->stats.scored += new;
	for (uint32_t i = 0; i < new; i++)
		if (search->batch_score[i] > search->farthest)
			note_forgotten(search, search->batch_score[i]);
		else
			rest_add(search, search->batch_score[i], search->batch[i]);
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
found_add(VxSearch *search, float score, VxNodeId id)
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
	found->error = search->edges.error;
	found->id = id;
	found->score = score;
	memcpy(found->payload, search->edges.payload, sizeof(found->payload));
	/* a heap of places, as records are long, and one that was handed out must not move while the caller looks at it */
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

	/*
	 * behind the heap places are kept, too: the next node that is found gets this one's, and begin_growing looks there at who
	 * has left
	 */
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

/*
 * Whether the query wants a node, if it is live. What was given is wanted, or would not have been given; linking, which does not collect,
 * wants all, since edges lead to nodes of any signature.
 */
static inline bool
is_wanted(const VxSearch *search, VxNodeId id)
{
	return !search->store->selective || search->given || !search->collecting || search->store->ops->wants(search->store, id);
}

/* Reads a node and its edges, none if it is gone, and notes that it is found if it is live and wanted. Returns whether it is live. */
static bool
meet(VxSearch *search, float score, VxNodeId id, bool wanted)
{
	VxStore    *store = search->store;

	search->expanded++;
	if (search->given)
		vx_idset_add(&search->visited, id);
	/* only who collects needs the exact distance, and the heap TIDs with it; linking goes by scores alone */
	if (store->ops->read_edges(store, id, search->collecting ? search->query : NULL, &search->edges) != VX_OK)
	{
		search->edges.count = 0;
		return false;
	}
	store->stats.expanded++;
	if (search->grown)
		vx_line_add(&search->line, score, search->edges.exact);
	search->wanted += wanted && search->edges.live;
	if (search->collecting && wanted && search->edges.live)
		found_add(search, score, id);
	return search->edges.live;
}

/* All in front of the cursor are expanded; behind it some may be, since nearer ones came in later. */
static inline void
skip_expanded(VxSearch *search)
{
	while (search->cursor < search->count && search->list[search->cursor].expanded)
		search->cursor++;
}

/*
 * Tells the store which candidates will be expanded next as far as is known by now, the first of them at once. In whatever order, those of
 * the list are expanded sooner or later, unless nearer ones push them out. That happens while the search is still on its way: then the
 * nearest candidate is a new one each time, and there are few in front of it. So no more are named than these, and hardly any in vain.
 */
VX_NOINLINE static void
read_list_ahead(VxSearch *search)
{
	VxStore    *store = search->store;
	VxNodeId	ids[VX_MOST_AHEAD];
	uint32_t	most = VX_MIN(store->ahead, search->cursor + 2);
	uint32_t	n = 0;

	for (uint32_t i = search->cursor; i < search->count && n < most; i++)
		if (!search->list[i].expanded)
			ids[n++] = search->list[i].id;
	store->ops->read_ahead(store, ids, n);
	/* the last of them, unless it is the first steps of a search */
	if (n < store->ahead && search->cursor > search->count / 2 && search->ending != NULL)
		search->ending(search->ending_context);
}

/*
 * The same when the list grows: the first of a heap are the nearest, or nearly so. How far it will grow nobody knows, but mostly by about as
 * much as it has already. Of what was given most of a list is sure to be wanted.
 */
VX_NOINLINE static void
read_rest_ahead(VxSearch *search)
{
	VxNodeId	ids[VX_MOST_AHEAD];
	uint32_t	most = VX_MIN(search->store->ahead, search->near_count);

	if (!search->given)
		most = VX_MIN(most, 2 + search->reached - VX_MIN(search->reached, search->capacity));
	for (uint32_t i = 0; i < most; i++)
		ids[i] = search->rest[i].id;
	search->store->ops->read_ahead(search->store, ids, most);
}

/* Expands the nearest of the list, which is not expanded, and says which that was. */
static VxCandidate
expand_next(VxSearch *search)
{
	VxStore    *store = search->store;
	VxCandidate *next;
	VxCandidate expanded;

	/* this may not return, so nothing is half done here */
	store->ops->poll(store);
	if (store->ahead > 0)
		read_list_ahead(search);
	next = &search->list[search->cursor++];
	next->expanded = true;
	/* unless a nearer one turns up among the edges of this, the one behind it is next */
	skip_expanded(search);
	/* it comes while this one is read and its neighbours are scored */
	if (store->ops->prefetch != NULL && search->cursor < search->count)
		store->ops->prefetch(store, search->list[search->cursor].id);
	next->dead = !meet(search, next->score, next->id, is_wanted(search, next->id));
	/* by now, as the list moves */
	expanded = *next;
	offer(search, search->edges.ids, search->edges.count);
	return expanded;
}

/* Ends when all of the list are expanded: a node is offered once, so each step leaves one less that can come. */
void
vx_search_converge(VxSearch *search)
{
	for (;;)
	{
		skip_expanded(search);
		if (search->cursor == search->count)
			return;
		expand_next(search);
	}
}

/* Adds a score to n sorted ones, of which so many are less than it. */
static void
add_score(float *scores, uint32_t n, uint32_t less, float score)
{
	memmove(scores + less + 1, scores + less, (n - less) * sizeof(float));
	scores[less] = score;
}

/* How many of n sorted scores are less than a score. */
static uint32_t
count_less(const float *scores, uint32_t n, float score)
{
	uint32_t	low = 0;

	while (low < n)
	{
		uint32_t	middle = low + (n - low) / 2;

		if (scores[middle] < score)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/*
 * A search with a list of any length expands nodes in one order, the nearest first of what it knows, and ends when so many that are
 * expanded are nearer than what is next. So it comes by a node if at no time before more of them were nearer than the next. The candidates
 * are those of a list that grows from the beginning.
 */
void
vx_search_trace(VxSearch *search, uint32_t most, VxShow show, void *context)
{
	VxStore    *store = search->store;
	float	   *scores = NULL;	/* [n] of those expanded, sorted */
	uint32_t	n = 0;
	uint32_t	room = 0;
	uint32_t	list = 1;
	bool		more = true;

	search->collecting = false;
	search->edges.exact = 0;
	for (uint32_t i = 0; i < search->count; i++)
		rest_add(search, search->list[i].score, search->list[i].id);
	search->count = search->cursor = 0;
	search->grown = true;
	rest_choose_near(search);
	while (more && search->rest_count > 0)
	{
		VxCandidate next = rest_take(search);
		uint32_t	less = count_less(scores, n, next.score);
		bool		live;

		list = VX_MAX(list, less + 1);
		if (list > most)
			break;
		store->ops->poll(store);
		if (store->ops->prefetch != NULL && search->rest_count > 0)
			store->ops->prefetch(store, search->rest[0].id);
		live = meet(search, next.score, next.id, true);
		if (n == room)
		{
			room = vx_grown(room, 256);
			scores = vx_resize_array(search->mem, scores, room, sizeof(float));
		}
		add_score(scores, n++, less, next.score);
		more = show(context, next.id, live, list);
		offer(search, search->edges.ids, search->edges.count);
	}
	vx_free(search->mem, scores);
}

bool
vx_search_seek(VxSearch *search, const VxSought *sought)
{
	VxLikeness	best = VX_UNLIKE;

	for (;;)
	{
		VxCandidate expanded;

		skip_expanded(search);
		/* all of the list has been expanded: what is sought is not there, or the list is too short for it */
		if (search->cursor == search->count)
			return best != VX_UNLIKE;
		if (search->list[search->cursor].score > sought->score && (best == VX_LIKE || search->cursor >= sought->breadth))
			return best != VX_UNLIKE;
		expanded = expand_next(search);
		if (!expanded.dead && expanded.score <= sought->score)
		{
			VxLikeness	likeness = sought->ask(sought->context, expanded.id);

			if (likeness == VX_SOUGHT)
				return true;
			best = VX_MAX(best, likeness);
		}
	}
}

uint32_t
vx_search_peek(const VxSearch *search, uint32_t n, const VxFound **places)
{
	uint32_t	next[VX_MOST_AHEAD + 2];	/* in the heap, nearest first: one of them is next, whatever is taken before */
	uint32_t	waiting = 0;
	uint32_t	taken = 0;

	if (search->found_count > 0)
		next[waiting++] = 0;
	for (; taken < VX_MIN(n, VX_MOST_AHEAD) && waiting > 0; taken++)
	{
		uint32_t	top = next[0];

		places[taken] = &search->found[search->found_heap[top]];
		memmove(next, next + 1, --waiting * sizeof(*next));
		for (uint32_t child = 2 * top + 1; child <= 2 * top + 2 && child < search->found_count; child++)
		{
			uint32_t	at = waiting++;

			for (; at > 0 && found_nearer(search, search->found_heap[child], search->found_heap[next[at - 1]]); at--)
				next[at] = next[at - 1];
			next[at] = child;
		}
	}
	return taken;
}

/* What was given is a list that grows, from nothing. */
static void
begin_choosing(VxSearch *search)
{
	search->grown = true;
	search->reached = 0;
	search->horizon = -INFINITY;
	memset(&search->line, 0, sizeof(search->line));
	rest_choose_near(search);
}

/* From a list that has converged to one that grows. */
static void
begin_growing(VxSearch *search)
{
	search->grown = true;
	search->reached = search->count;
	search->horizon = search->count > 0 ? search->list[search->count - 1].score : -INFINITY;
	rest_choose_near(search);

	/* the nodes met so far, whether they have left or not; those outside the horizon were met on the way */
	memset(&search->line, 0, sizeof(search->line));
	for (uint32_t i = 0; i < search->found_count + search->handed_out; i++)
	{
		const VxFound *found = &search->found[search->found_heap[i]];

		if (found->score <= search->horizon)
			vx_line_add(&search->line, found->score, found->distance);
	}
}

/* Makes the list longer by the nearest of the rest; the caller knows that there is one. */
static void
grow(VxSearch *search)
{
	VxStore    *store = search->store;
	VxCandidate next;
	bool		wanted;

	if (store->ahead > 0)
		read_rest_ahead(search);
	next = rest_take(search);
	wanted = is_wanted(search, next.id);
	store->ops->poll(store);
	if (store->ops->prefetch != NULL && search->rest_count > 0)
		store->ops->prefetch(store, search->rest[0].id);
	search->reached++;
	/* it may be nearer than the last one: edges lead back to what lies within the horizon, and that moves outwards only */
	search->horizon = VX_MAX(search->horizon, next.score);
	meet(search, next.score, next.id, wanted);
	/* what was given is all there is */
	if (!search->given)
		offer(search, search->edges.ids, search->edges.count);
}

/* How long the list is to be before a node of that rank leaves, so that the search has come by the nodes in front of it, in a search that began with this size. */
static uint32_t
grown_list(uint32_t list, uint32_t rank)
{
	uint32_t	late = rank - VX_MIN(rank, FIRST_RANKS);	/* how much so */

	return VX_MAX(list, rank + VX_MIN(list, list / 2 + 2 * VX_MIN(late, list)) + late / 8);
}

/* The same for this search. */
static uint32_t
least_list(const VxSearch *search, uint32_t rank)
{
	uint32_t	list;

	if (!vx_needs_are_known(&search->needs))
		return grown_list(search->capacity, rank);
	list = rank <= search->rows ? search->rows_list : (uint32_t) VX_MIN(ceil(vx_needs_list(&search->needs, rank)), UINT32_MAX / 2);
	if (search->needs.usual > 0)
		list = VX_MAX(list, grown_list(search->needs.usual, rank));
	return VX_MAX(search->capacity, list);
}

/* How long it is to be at most, for the sake of order, in a search that began with this size. */
static uint32_t
most_grown_list(const VxSearch *search, uint32_t list, uint32_t rank)
{
	double		most = rank * VX_MIN((double) list / FIRST_RANKS, MOST_WIDTH);
	double		first = list * (search->store->rough_scores ? ROUGH_LISTS : 1);

	return (uint32_t) VX_MIN(VX_MAX(first, most), UINT32_MAX);
}

/* The same for this search. */
static uint32_t
most_list(const VxSearch *search, uint32_t rank)
{
	uint32_t	least;

	if (!vx_needs_are_known(&search->needs))
		return most_grown_list(search, search->capacity, rank);
	/* needs are measured, with scores as they are */
	least = least_list(search, rank);
	return search->needs.usual > 0 ? VX_MAX(least, most_grown_list(search, search->needs.usual, rank)) : least;
}

uint32_t
vx_search_most(const VxSearch *search, uint32_t rank)
{
	return most_list(search, VX_MAX(rank, search->rows));
}

/* Whether the node of that rank may need a longer list than the first one. */
static bool
list_is_short(const VxSearch *search, uint32_t rank, VxPatience patience)
{
	return search->found_count == 0 || patience == VX_SEARCH_IN_ORDER
		|| least_list(search, rank) > search->capacity || most_list(search, rank) > search->capacity;
}

/*
 * The rank among all nodes that one has among those wanted, as far as it is known by now. A walk passes over what is not wanted, and the list
 * must be as long as if it were: the tenth of the wanted nodes is about the hundredth of all where one in ten is wanted. So a row is found
 * as surely as without a filter, at the price of a longer list.
 */
static uint32_t
rank_among_all(const VxSearch *search, uint32_t rank)
{
	if (search->given || search->wanted == search->expanded)
		return rank;
	return (uint32_t) VX_MIN(rank * (double) search->expanded / (double) VX_MAX(search->wanted, 1), UINT32_MAX / 2);
}

/*
 * Whether the nearest found node must wait until the list has grown. Four kinds of nodes could still have to leave before it:
 *
 * - those that the search has not come by yet: a list of the length for its rank makes that unlikely
 * - those whose score is within the horizon: they are expanded first
 * - those of the same score, which says nothing of their order
 * - those whose score is too high: the lowest exact distance that is to be expected in the rest, as far as scores were wrong up to
 *   now, must be higher. Where many nodes lie in a narrow shell this takes a long list.
 *
 * If the nearest lies beyond the limit, or none is found, those within the limit take its place: all that may be wanted are looked at,
 * however many that are not, or are gone, lie in front of them. rank: among those that are wanted; rank_of_all: among all, when this was last asked for.
 */
static bool
must_wait(const VxSearch *search, uint32_t rank, uint32_t rank_of_all, VxPatience patience)
{
	const VxFound *nearest = search->found_count > 0 ? &search->found[search->found_heap[0]] : NULL;
	bool		none_within = nearest == NULL || nearest->distance > search->limit;

	if (nearest == NULL && search->limit == INFINITY)
		return true;
	if (none_within && vx_line_exact(&search->line, search->rest[0].score) <= search->limit)
		return true;
	/* memory: what leaves too soon comes in a poorer order, and makes room */
	if (search->found_count >= search->found_limit)
		return false;
	if (none_within)
		rank_of_all = rank_among_all(search, rank);
	if (search->reached < least_list(search, rank_of_all) || search->rest[0].score < search->horizon)
		return true;
	if (patience != VX_SEARCH_IN_ORDER && search->reached >= most_list(search, rank_of_all))
		return false;
	if (none_within)
		return vx_line_lower(&search->line, search->rest[0].score) <= search->limit;
	return search->rest[0].score <= nearest->score || vx_line_lower(&search->line, search->rest[0].score) <= nearest->distance;
}

const VxFound *
vx_search_next(VxSearch *search, uint32_t rank, VxPatience patience)
{
	uint32_t	rank_of_all;

	/* those in front of the last row leave in the order that the list for all of them has */
	rank = VX_MAX(rank, search->rows);
	vx_search_converge(search);
	if (search->given && !search->grown)
		begin_choosing(search);
	rank_of_all = rank_among_all(search, rank);
	if (patience == VX_SEARCH_STAY)
	{
		/* a list of L, and no more: what was given has none yet, and gets it now */
		while (search->given && search->rest_count > 0 && search->reached < search->capacity)
			grow(search);
		if (search->handed_out >= (search->grown ? search->reached : search->capacity))
			return NULL;
	}
	else
	{
		if (!search->grown && list_is_short(search, rank_of_all, patience))
			begin_growing(search);
		while (search->grown && search->rest_count > 0 && must_wait(search, rank, rank_of_all, patience))
		{
			if (vx_search_gave_up(search))
				return NULL;
			grow(search);
		}
	}
	/* none is left, or none that could lie within the limit */
	if (search->found_count == 0)
		return NULL;
	search->handed_out++;
	return found_take(search);
}
