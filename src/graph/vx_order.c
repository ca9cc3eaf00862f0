/*
 * vx_order.c: an order in which points are best linked; see vx_order.h.
 */
#include "graph/vx_order.h"

#include <math.h>
#include <string.h>

#include "core/vx_rng.h"
#include "core/vx_select.h"

/* Fewer points for each leaf are not worth a split. */
#define LEAF_POINTS 64

/* So many points of the sample come to each leaf. */
#define LEAF_SAMPLE 6

#define MAX_DEPTH 16

/* After the first round, of 2^-ROUNDS of the points, there are so many more. */
#define ROUNDS 4

/* Iterations of two-means for each direction. */
#define ITERATIONS 3

static inline uint32_t
leaves_of(uint32_t depth)
{
	return UINT32_C(1) << depth;
}

/* What is needed while the tree is made. */
typedef struct Maker
{
	VxOrder    *order;
	uint32_t	n;				/* of the sample */
	float	   *rows;			/* [n][dim] */
	uint32_t   *picked;			/* [n] rows, those of a node in a stretch */
	float	   *projected;		/* [n] by row */
	float	   *values;			/* [n] scratch */
	float	   *means;			/* [2][dim] scratch */
	VxRng		rng;
} Maker;

/* A stretch of Maker.picked. */
typedef struct Part
{
	uint32_t	first;
	uint32_t	end;
} Part;

size_t
vx_order_kept_bytes(uint32_t dim, uint32_t depth)
{
	return (size_t) leaves_of(depth) * (dim + 1) * sizeof(float);
}

size_t
vx_order_bytes(uint32_t dim, uint32_t depth)
{
	size_t		leaves = leaves_of(depth);

	return leaves * (LEAF_SAMPLE + 1) * (dim + 3) * sizeof(float) + 2 * leaves * sizeof(Part) + 2 * dim * sizeof(float);
}

uint32_t
vx_order_depth(uint32_t dim, uint64_t n, size_t bytes)
{
	uint32_t	depth = 0;

	while (depth < MAX_DEPTH && n >> (depth + 1) >= LEAF_POINTS && vx_order_bytes(dim, depth + 1) <= bytes)
		depth++;
	return depth;
}

static inline const float *
row_of(const Maker *maker, uint32_t i)
{
	return maker->rows + (size_t) i * maker->order->dim;
}

static void
project(Maker *maker, Part part, const float *direction)
{
	for (uint32_t i = part.first; i < part.end; i++)
	{
		uint32_t	row = maker->picked[i];
		float		value = vx_kernels->inner_product(direction, row_of(maker, row), maker->order->dim);

		maker->projected[row] = isnan(value) ? 0 : value;
	}
}

/* direction = b - a */
static void
set_direction(const Maker *maker, float *direction, const float *a, const float *b)
{
	for (uint32_t k = 0; k < maker->order->dim; k++)
		direction[k] = b[k] - a[k];
}

/* From a point of the part to the one that is farthest from it. */
static void
first_direction(Maker *maker, Part part, float *direction)
{
	uint32_t	dim = maker->order->dim;
	const float *from = row_of(maker, maker->picked[part.first + vx_rng_below(&maker->rng, part.end - part.first)]);
	const float *to = from;
	float		farthest = 0;

	for (uint32_t i = part.first; i < part.end; i++)
	{
		const float *row = row_of(maker, maker->picked[i]);
		float		distance = vx_kernels->l2_squared(from, row, dim);

		if (distance > farthest)
		{
			farthest = distance;
			to = row;
		}
	}
	set_direction(maker, direction, from, to);
}

/* Between the means of what projects beyond the middle and of what does not. */
static void
better_direction(Maker *maker, Part part, float *direction)
{
	uint32_t	dim = maker->order->dim;
	float	   *mean[2] = {maker->means, maker->means + dim};
	uint32_t	count[2] = {0, 0};
	double		middle = 0;

	project(maker, part, direction);
	for (uint32_t i = part.first; i < part.end; i++)
		middle += (double) maker->projected[maker->picked[i]] / (part.end - part.first);
	memset(maker->means, 0, vx_size_product(2, dim) * sizeof(float));
	for (uint32_t i = part.first; i < part.end; i++)
	{
		const float *row = row_of(maker, maker->picked[i]);
		int			side = (double) maker->projected[maker->picked[i]] > middle;

		count[side]++;
		for (uint32_t k = 0; k < dim; k++)
			mean[side][k] += row[k];
	}
	if (count[0] == 0 || count[1] == 0)
		return;
	for (int side = 0; side < 2; side++)
		for (uint32_t k = 0; k < dim; k++)
			mean[side][k] /= (float) count[side];
	set_direction(maker, direction, mean[0], mean[1]);
}

/* Makes a node of the tree from its part of the sample; returns where that divides. */
static uint32_t
split(Maker *maker, Part part, float *direction, float *threshold)
{
	uint32_t	n = part.end - part.first;
	uint32_t	low = part.first;

	/* what cannot be divided is the first child's */
	memset(direction, 0, maker->order->dim * sizeof(float));
	*threshold = 0;
	if (n < 2)
		return part.end;
	first_direction(maker, part, direction);
	for (int i = 0; i < ITERATIONS; i++)
		better_direction(maker, part, direction);
	project(maker, part, direction);
	for (uint32_t i = 0; i < n; i++)
		maker->values[i] = maker->projected[maker->picked[part.first + i]];
	*threshold = vx_select(maker->values, n, (n - 1) / 2);
	for (uint32_t i = part.first; i < part.end; i++)
	{
		uint32_t	row = maker->picked[i];

		if (maker->projected[row] > *threshold)
			continue;
		maker->picked[i] = maker->picked[low];
		maker->picked[low++] = row;
	}
	return low;
}

/* Copies points from all over into the sample. */
static void
draw_sample(Maker *maker, const VxPoint *(*point) (void *context, uint32_t i), void *context, uint32_t n)
{
	VxOrder    *order = maker->order;

	for (uint32_t i = 0; i < maker->n; i++)
	{
		const VxPoint *p = point(context, vx_rng_in_part(&maker->rng, n, i, maker->n));

		vx_space_coded(&order->space, p, maker->rows + (size_t) i * order->dim);
		maker->picked[i] = i;
	}
}

void
vx_order_init(VxOrder *order, const VxMem *mem, const VxSpace *space, uint32_t depth,
			  const VxPoint *(*point) (void *context, uint32_t i), void *context, uint32_t n, uint64_t seed,
			  void (*poll) (void *context))
{
	uint32_t	dim = vx_space_coded_dim(space);
	uint32_t	leaves = leaves_of(depth);
	Maker		maker = {.order = order,.n = VX_MIN(n, leaves * LEAF_SAMPLE),.rng = {seed}};
	size_t		rows;
	Part	   *parts;

	*order = (VxOrder)
	{
		.space = *space,.dim = dim,.depth = depth
	};
	if (depth == 0)
		return;
	rows = VX_MAX(maker.n, 1);
	order->directions = vx_alloc_array(mem, vx_size_product(leaves - 1, dim), sizeof(float));
	order->thresholds = vx_alloc_array(mem, leaves - 1, sizeof(float));
	maker.rows = vx_alloc_array(mem, vx_size_product(rows, dim), sizeof(float));
	maker.picked = vx_alloc_array(mem, rows, sizeof(uint32_t));
	maker.projected = vx_alloc_array(mem, rows, sizeof(float));
	maker.values = vx_alloc_array(mem, rows, sizeof(float));
	maker.means = vx_alloc_array(mem, vx_size_product(2, dim), sizeof(float));
	parts = vx_alloc_array(mem, 2 * (size_t) leaves - 1, sizeof(Part));
	draw_sample(&maker, point, context, n);

	parts[0] = (Part)
	{
		0, maker.n
	};
	for (uint32_t node = 0; node < leaves - 1; node++)
	{
		uint32_t	middle = split(&maker, parts[node], order->directions + (size_t) node * dim, &order->thresholds[node]);

		poll(context);
		parts[2 * node + 1] = (Part)
		{
			parts[node].first, middle
		};
		parts[2 * node + 2] = (Part)
		{
			middle, parts[node].end
		};
	}
	vx_free(mem, maker.rows);
	vx_free(mem, maker.picked);
	vx_free(mem, maker.projected);
	vx_free(mem, maker.values);
	vx_free(mem, maker.means);
	vx_free(mem, parts);
}

void
vx_order_free(VxOrder *order, const VxMem *mem)
{
	vx_free(mem, order->directions);
	vx_free(mem, order->thresholds);
	memset(order, 0, sizeof(*order));
}

/* The round of a point, drawn by its number: 0 with probability 2^-ROUNDS, and so is 1; each later one is twice as likely. */
static uint32_t
round_of(uint64_t number)
{
	VxRng		rng = {number};
	uint32_t	zeros = (uint32_t) __builtin_ctzll(vx_rng_next(&rng) | UINT64_C(1) << ROUNDS);

	return ROUNDS - zeros;
}

uint32_t
vx_order_key(const VxOrder *order, const VxPoint *point, uint64_t number)
{
	float		room[VX_SKETCH_MAX_DIM];
	float		length;
	const float *x = vx_space_coded_in(&order->space, point, room, &length);
	uint32_t	round = order->depth > 0 ? round_of(number) : 0;
	uint32_t	inner = leaves_of(order->depth) - 1;
	uint32_t	node = 0;

	while (node < inner)
	{
		float		value = vx_kernels->inner_product(order->directions + (size_t) node * order->dim, x, order->dim);

		node = 2 * node + 1 + (value > order->thresholds[node] * length);
	}
	return (round << order->depth) + (node - inner);
}

uint32_t
vx_order_key_bound(const VxOrder *order)
{
	return (ROUNDS + 1) << order->depth;
}

void
vx_order_sort(const VxOrder *order, const VxMem *mem, const uint32_t *keys, uint32_t n, uint32_t *sorted)
{
	uint32_t	bound = vx_order_key_bound(order);
	uint32_t   *first = vx_alloc_array(mem, bound, sizeof(uint32_t));	/* place of the next of each key */
	uint32_t	total = 0;

	memset(first, 0, bound * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		first[keys[i]]++;
	for (uint32_t key = 0; key < bound; key++)
	{
		uint32_t	count = first[key];

		first[key] = total;
		total += count;
	}
	for (uint32_t i = 0; i < n; i++)
		sorted[first[keys[i]]++] = i;
	vx_free(mem, first);
}

void
vx_order_apply(uint32_t *sorted, uint32_t n, void (*move) (void *context, uint32_t to, uint32_t from), void *context)
{
	for (uint32_t start = 0; start < n; start++)
	{
		uint32_t	to = start;

		if (sorted[start] == start)
			continue;
		move(context, n, start);
		while (sorted[to] != start)
		{
			uint32_t	from = sorted[to];

			move(context, to, from);
			sorted[to] = to;
			to = from;
		}
		move(context, to, n);
		sorted[to] = to;
	}
}
