/*
 * vx_batch.c: many queries against blocks of rows; see vx_batch.h.
 */
#include "distance/vx_batch.h"

#include <math.h>
#include <string.h>

#include "distance/vx_block.h"

/* Fewer queries are not worth a matrix product. */
#define LEAST_SIFTED 4

/* A block is about that large: with a panel of queries it fits the second level of caches. */
#define BLOCK_BYTES (192 * 1024)
#define MOST_BLOCK_ROWS (32 * VX_TILE_ROWS)

/* u in vx_batch.h: the largest relative error of one operation on floats. */
#define ROUNDING 0x1p-24

/* Squared norms between which the margins hold. */
#define LEAST_SIFTED_NORM2 1e-30f
#define MOST_SIFTED_NORM2 1e30f

/* Queries of one panel. */
typedef struct Panel
{
	const float *elements;		/* [dim][width] */
	uint32_t	first;			/* query */
	uint32_t	width;
} Panel;

struct VxBatch
{
	VxMem		mem;
	VxMetric	metric;
	uint32_t	dim;
	uint32_t	n;				/* queries that are asked */
	const float *const *queries;	/* [n] of [dim] */
	double	   *bound;			/* [n] */
	double		margin;			/* e in vx_batch.h */

	/* only if rows are sifted */
	uint32_t	panel_count;	/* 0: they are not */
	Panel	   *panels;
	void	   *elements;		/* what theirs are in */
	float	   *norm2;			/* [n] */
	float	   *slope;			/* [all panels' widths], as in VxPanelBounds */
	float	   *floor;

	/* the block */
	uint32_t	block_rows;		/* a multiple of VX_TILE_ROWS */
	size_t		stride;
	float	   *rows;			/* [block_rows][stride] */
	float	   *length;			/* [block_rows], as in VxPanelBounds */
	float	   *base;
};

/* An odd number of cache lines: rows of a tile are not to have the same places in the caches. */
static size_t
stride_of(uint32_t dim)
{
	const size_t line = VX_CACHE_LINE / sizeof(float);

	return ((dim + line - 1) / line | 1) * line;
}

static bool
is_sifted(VxMetric metric, uint32_t queries)
{
	return metric != VX_METRIC_L1 && queries >= LEAST_SIFTED;
}

/* The sum of the widths of panels for so many queries: all are of full width, but for a last one that needs less than the half of it. */
static uint32_t
panel_widths(uint32_t queries)
{
	uint32_t	half = vx_block_kernels->width / 2;

	return (queries + half - 1) / half * half;
}

size_t
vx_batch_bytes(VxMetric metric, uint32_t dim, uint32_t queries)
{
	size_t		one = sizeof(double);
	size_t		widths = panel_widths(queries);

	if (!is_sifted(metric, queries))
		return vx_size_product(queries, one);
	one += sizeof(float);
	return vx_size_sum(VX_CACHE_LINE + vx_size_product(queries, one),
					   vx_size_product(widths, (dim + 2) * sizeof(float) + sizeof(Panel)));
}

/* Copies queries into panels, element by element; lanes behind the last query are zero. Elements begin with a cache line. */
static void
fill_panels(VxBatch *batch)
{
	uint32_t	widths = panel_widths(batch->n);
	uint32_t	full = vx_block_kernels->width;
	float	   *to;

	batch->elements = vx_alloc(&batch->mem, vx_size_sum(vx_size_product(vx_size_product(batch->dim, widths), sizeof(float)), VX_CACHE_LINE));
	to = (float *) (((uintptr_t) batch->elements + VX_CACHE_LINE - 1) / VX_CACHE_LINE * VX_CACHE_LINE);
	batch->panel_count = (widths + full - 1) / full;
	batch->panels = vx_alloc_array(&batch->mem, batch->panel_count, sizeof(Panel));
	for (uint32_t p = 0; p < batch->panel_count; p++)
	{
		Panel	   *panel = &batch->panels[p];

		panel->first = p * full;
		panel->width = VX_MIN(full, widths - panel->first);
		panel->elements = to;
		for (uint32_t i = 0; i < batch->dim; i++)
			for (uint32_t q = 0; q < panel->width; q++)
				*to++ = panel->first + q < batch->n ? batch->queries[panel->first + q][i] : 0;
	}
}

/* Lets nothing be near the queries or empty lanes from first to last - 1. */
static void
ask_nothing(VxBatch *batch, uint32_t first, uint32_t last)
{
	for (uint32_t q = first; q < last; q++)
	{
		batch->slope[q] = 0;
		batch->floor[q] = INFINITY;
	}
}

VxBatch *
vx_batch_new(const VxMem *mem, VxMetric metric, uint32_t dim, const float *const *queries, uint32_t n)
{
	VxBatch    *batch = vx_alloc(mem, sizeof(VxBatch));
	size_t		fitting;

	memset(batch, 0, sizeof(VxBatch));
	batch->mem = *mem;
	batch->metric = metric;
	batch->dim = dim;
	batch->n = n;
	batch->queries = queries;
	batch->margin = 2 * (dim + 64) * ROUNDING;
	batch->stride = stride_of(dim);
	fitting = BLOCK_BYTES / (batch->stride * sizeof(float)) / VX_TILE_ROWS * VX_TILE_ROWS;
	batch->block_rows = (uint32_t) VX_MIN(VX_MAX(fitting, VX_TILE_ROWS), MOST_BLOCK_ROWS);
	batch->rows = vx_alloc_array(mem, vx_size_product(batch->block_rows, batch->stride), sizeof(float));
	/* a tile that is not full is multiplied all the same */
	memset(batch->rows, 0, batch->block_rows * batch->stride * sizeof(float));
	batch->bound = vx_alloc_array(mem, n, sizeof(double));
	if (is_sifted(metric, n))
	{
		fill_panels(batch);
		batch->norm2 = vx_alloc_array(mem, n, sizeof(float));
		for (uint32_t q = 0; q < n; q++)
			batch->norm2[q] = vx_kernels->norm_squared(queries[q], dim);
		batch->slope = vx_alloc_array(mem, panel_widths(n), sizeof(float));
		batch->floor = vx_alloc_array(mem, panel_widths(n), sizeof(float));
		ask_nothing(batch, 0, panel_widths(n));
		batch->length = vx_alloc_array(mem, batch->block_rows, sizeof(float));
		batch->base = vx_alloc_array(mem, batch->block_rows, sizeof(float));
		memset(batch->length, 0, batch->block_rows * sizeof(float));
		memset(batch->base, 0, batch->block_rows * sizeof(float));
	}
	for (uint32_t q = 0; q < n; q++)
		vx_batch_set_bound(batch, q, (double) NAN);
	return batch;
}

void
vx_batch_free(VxBatch *batch)
{
	VxMem		mem = batch->mem;

	vx_free(&mem, batch->elements);
	vx_free(&mem, batch->panels);
	vx_free(&mem, batch->norm2);
	vx_free(&mem, batch->slope);
	vx_free(&mem, batch->floor);
	vx_free(&mem, batch->rows);
	vx_free(&mem, batch->length);
	vx_free(&mem, batch->base);
	vx_free(&mem, batch->bound);
	vx_free(&mem, batch);
}

uint32_t
vx_batch_block_rows(const VxBatch *batch)
{
	return batch->block_rows;
}

float *
vx_batch_row(VxBatch *batch, uint32_t i)
{
	VX_ASSERT(i < batch->block_rows);
	return batch->rows + i * batch->stride;
}

/* ---- the margin ---- */

static bool
in_sifted_range(float norm2)
{
	return norm2 >= LEAST_SIFTED_NORM2 && norm2 <= MOST_SIFTED_NORM2;
}

void
vx_batch_set_bound(VxBatch *batch, uint32_t query, double bound)
{
	double		e = batch->margin;
	double		norm2;
	double		length;

	batch->bound[query] = bound;
	if (batch->panel_count == 0)
		return;
	batch->slope[query] = 0;
	batch->floor[query] = -INFINITY;
	if (!isfinite(bound) || !in_sifted_range(batch->norm2[query]))
		return;
	norm2 = (double) batch->norm2[query];
	length = sqrt(norm2);
	if (batch->metric == VX_METRIC_L2)
	{
		batch->slope[query] = (float) (e * length);
		batch->floor[query] = (float) (((1 - e) * norm2 - (1 + e) * bound * bound) / 2);
	}
	else if (batch->metric == VX_METRIC_IP)
	{
		batch->slope[query] = (float) (2 * e * length);
		batch->floor[query] = (float) (-bound - 16 * ROUNDING * fabs(bound));
	}
	else
	{
		batch->slope[query] = (float) ((bound - 1 + 4 * e) * length);
		batch->floor[query] = 0;
	}
}

/* What the rows of the block bring to the comparison. */
static void
measure_rows(VxBatch *batch, uint32_t n)
{
	for (uint32_t row = 0; row < n; row++)
	{
		float		norm2 = vx_kernels->norm_squared(batch->rows + row * batch->stride, batch->dim);

		if (!in_sifted_range(norm2))
		{
			batch->length[row] = 0;
			batch->base[row] = -INFINITY;
		}
		else
		{
			batch->length[row] = sqrtf(norm2);
			batch->base[row] = batch->metric == VX_METRIC_L2 ? (float) ((1 - batch->margin) * (double) norm2 / 2) : 0;
		}
	}
}

/* ---- exact distances ---- */

/* The value of the SQL operator; NaN for a cosine with a zero vector. */
static double
distance_of(const VxBatch *batch, const float *a, const float *b)
{
	uint32_t	dim = batch->dim;
	float		dot;
	float		norm2_a;
	float		norm2_b;

	if (batch->metric == VX_METRIC_L2)
		return vx_l2_distance(a, b, dim, vx_kernels->l2_squared(a, b, dim));
	if (batch->metric == VX_METRIC_IP)
		return (double) -vx_kernels->inner_product(a, b, dim);
	if (batch->metric == VX_METRIC_L1)
		return (double) vx_kernels->l1(a, b, dim);
	vx_kernels->cosine_parts(a, b, dim, &dot, &norm2_a, &norm2_b);
	return 1 - vx_cosine_similarity(a, b, dim, dot, norm2_a, norm2_b);
}

static void
try_row(VxBatch *batch, uint32_t query, uint32_t row, VxBatchTake take, void *context)
{
	double		distance;

	if (query >= batch->n)
		return;
	distance = distance_of(batch, batch->queries[query], batch->rows + row * batch->stride);
	/* a distance that is NaN is beyond all bounds that are numbers */
	if (distance <= batch->bound[query] || isnan(batch->bound[query]))
		take(context, query, row, distance);
}

/* ---- blocks ---- */

static void
sift_tile(VxBatch *batch, const Panel *panel, uint32_t first, uint32_t n, VxBatchTake take, void *context)
{
	float		products[VX_TILE_ROWS * VX_PANEL_MAX];
	uint32_t	near[VX_TILE_ROWS];
	VxPanelBounds bounds = {
		.slope = batch->slope + panel->first,
		.floor = batch->floor + panel->first,
		.length = batch->length + first,
		.base = batch->base + first,
	};

	vx_block_kernels->products(panel->elements, panel->width, batch->dim, batch->rows + first * batch->stride, batch->stride, products);
	vx_block_kernels->near(products, panel->width, &bounds, near);
	for (uint32_t row = 0; row < VX_MIN(n - first, VX_TILE_ROWS); row++)
		for (uint32_t bits = near[row]; bits != 0; bits &= bits - 1)
			try_row(batch, panel->first + (uint32_t) __builtin_ctz(bits), first + row, take, context);
}

void
vx_batch_scan(VxBatch *batch, uint32_t n, VxBatchTake take, VxBatchPoll poll, void *context)
{
	VX_ASSERT(n <= batch->block_rows);
	if (batch->panel_count == 0)
	{
		for (uint32_t query = 0; query < batch->n; query++)
		{
			poll(context);
			for (uint32_t row = 0; row < n; row++)
				try_row(batch, query, row, take, context);
		}
		return;
	}
	measure_rows(batch, n);
	for (uint32_t p = 0; p < batch->panel_count && batch->panels[p].first < batch->n; p++)
	{
		poll(context);
		for (uint32_t first = 0; first < n; first += VX_TILE_ROWS)
			sift_tile(batch, &batch->panels[p], first, n, take, context);
	}
}

void
vx_batch_shrink(VxBatch *batch, uint32_t n)
{
	if (batch->panel_count > 0 && n < batch->n)
		ask_nothing(batch, n, batch->n);
	batch->n = VX_MIN(batch->n, n);
}
