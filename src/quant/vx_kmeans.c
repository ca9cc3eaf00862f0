/*
 * vx_kmeans.c: see vx_kmeans.h.
 */
#include "quant/vx_kmeans.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/vx_rng.h"

/* What one pass over the points learns of each cluster. */
typedef struct Cluster
{
	uint32_t	count;
	uint32_t	farthest;		/* point, if farthest_distance is above 0 */
	float		farthest_distance;
	double		error;			/* sum of squared distances */
} Cluster;

typedef struct State
{
	const VxKmeans *params;
	uint32_t	k;
	uint32_t	poll_points;	/* between two calls of poll */
	float	   *centroids;		/* [dim][VX_PQ_CENTROIDS] */
	Cluster		clusters[VX_PQ_CENTROIDS];
	double	   *sums;			/* [k][dim] of the points of each cluster */
} State;

static inline void
poll(const State *state)
{
	if (state->params->poll != NULL)
		state->params->poll(state->params->poll_context);
}

/* Evenly spaced choice: the i-th of count out of n. */
static inline uint32_t
spaced(uint32_t i, uint32_t count, uint32_t n)
{
	return (uint32_t) ((uint64_t) i * n / count);
}

static void
set_centroid(State *state, uint32_t c, const float *x, size_t stride)
{
	for (uint32_t d = 0; d < state->params->dim; d++)
		state->centroids[(size_t) d * VX_PQ_CENTROIDS + c] = x[d * stride];
}

/*
 * nearest[i] = min(nearest[i], |point i - point c|^2) for points that lie by dimension, [dim][count]; scratch [count]. Returns
 * the sum of nearest.
 */
static double
lower_distances(const float *columns, uint32_t count, uint32_t dim, uint32_t c, float *scratch, float *nearest)
{
	double		total = 0;

	memset(scratch, 0, count * sizeof(float));
	for (uint32_t d = 0; d < dim; d++)
	{
		const float *column = columns + (size_t) d * count;
		float		x = column[c];

		for (uint32_t i = 0; i < count; i++)
			scratch[i] += (column[i] - x) * (column[i] - x);
	}
	for (uint32_t i = 0; i < count; i++)
	{
		nearest[i] = VX_MIN(nearest[i], scratch[i]);
		total += (double) nearest[i];
	}
	return total;
}

/* A point with probability proportional to its weight; total is the sum of all, above 0. */
static uint32_t
draw(const float *weight, uint32_t count, double total, VxRng *rng)
{
	double		rest = vx_rng_unit(rng) * total;
	uint32_t	last = 0;

	for (uint32_t i = 0; i < count; i++)
		if (weight[i] > 0)
		{
			last = i;
			rest -= (double) weight[i];
			if (rest < 0)
				break;
		}
	return last;
}

/* k-means++ over a subset of the points; centroids beyond the distinct points found repeat centroid 0. */
static void
choose_seeds(State *state, const VxMem *mem)
{
	const VxKmeans *params = state->params;
	uint32_t	dim = params->dim;
	uint32_t	count = VX_MIN(params->n, VX_KMEANS_SEED_POINTS);
	float	   *columns = vx_alloc_array(mem, vx_size_product(count, dim), sizeof(float));
	float	   *nearest = vx_alloc_array(mem, vx_size_product(2, count), sizeof(float));
	float	   *scratch = nearest + count;
	VxRng		rng = {params->seed};
	uint32_t	chosen;

	for (uint32_t i = 0; i < count; i++)
	{
		const float *x = params->points + (size_t) spaced(i, count, params->n) * dim;

		for (uint32_t d = 0; d < dim; d++)
			columns[(size_t) d * count + i] = x[d];
		/* the largest finite number, so that sums stay finite */
		nearest[i] = FLT_MAX;
	}
	chosen = vx_rng_below(&rng, count);
	for (uint32_t c = 0; c < VX_PQ_CENTROIDS; c++)
		set_centroid(state, c, columns + chosen, count);
	for (uint32_t c = 1; c < state->k; c++)
	{
		double		total = lower_distances(columns, count, dim, chosen, scratch, nearest);

		poll(state);
		if (!(total > 0))
			break;
		chosen = draw(nearest, count, total, &rng);
		set_centroid(state, c, columns + chosen, count);
	}
	vx_free(mem, nearest);
	vx_free(mem, columns);
}

/* Assigns every point to its nearest centroid; returns the sum of squared distances. */
static double
assign(State *state)
{
	const VxKmeans *params = state->params;
	uint32_t	dim = params->dim;
	double		error = 0;

	memset(state->clusters, 0, sizeof(state->clusters));
	memset(state->sums, 0, (size_t) state->k * dim * sizeof(double));
	for (uint32_t i = 0; i < params->n; i++)
	{
		const float *x = params->points + (size_t) i * dim;
		float		distance;
		uint32_t	c = vx_pq_kernels->nearest(x, dim, state->centroids, &distance);
		Cluster    *cluster = &state->clusters[c];
		double	   *sum = state->sums + (size_t) c * dim;

		distance = VX_MIN(distance, FLT_MAX);
		cluster->count++;
		cluster->error += (double) distance;
		if (distance > cluster->farthest_distance)
		{
			cluster->farthest = i;
			cluster->farthest_distance = distance;
		}
		for (uint32_t d = 0; d < dim; d++)
			sum[d] += (double) x[d];
		if (i % state->poll_points == 0)
			poll(state);
	}
	for (uint32_t c = 0; c < state->k; c++)
		error += state->clusters[c].error;
	return error;
}

/* Gives the empty cluster c a point of the cluster with the largest error, once for each such cluster. */
static void
mend(State *state, uint32_t c)
{
	Cluster    *largest = &state->clusters[0];

	for (uint32_t i = 1; i < state->k; i++)
		if (state->clusters[i].error > largest->error)
			largest = &state->clusters[i];
	if (!(largest->error > 0))
		return;
	set_centroid(state, c, state->params->points + (size_t) largest->farthest * state->params->dim, 1);
	largest->error = 0;
}

/* Moves every centroid to the mean of its points. */
static void
update(State *state)
{
	uint32_t	dim = state->params->dim;

	for (uint32_t c = 0; c < state->k; c++)
	{
		double		count = state->clusters[c].count;

		if (state->clusters[c].count == 0)
			mend(state, c);
		else
			for (uint32_t d = 0; d < dim; d++)
				state->centroids[(size_t) d * VX_PQ_CENTROIDS + c] = (float) (state->sums[(size_t) c * dim + d] / count);
	}

	/* what the kernels take for centroids beyond k */
	for (uint32_t d = 0; d < dim; d++)
		for (uint32_t c = state->k; c < VX_PQ_CENTROIDS; c++)
			state->centroids[(size_t) d * VX_PQ_CENTROIDS + c] = state->centroids[(size_t) d * VX_PQ_CENTROIDS];
}

double
vx_kmeans(const VxKmeans *params, const VxMem *mem, float *centroids)
{
	State		state = {.params = params,.centroids = centroids,.k = VX_MIN(params->k, params->n)};
	double		previous = INFINITY;
	double		error;

	VX_ASSERT(params->n > 0 && params->dim > 0 && params->k > 0 && params->k <= VX_PQ_CENTROIDS);
	state.poll_points = (1 << 15) / params->dim + 1;
	choose_seeds(&state, mem);
	state.sums = vx_alloc_array(mem, vx_size_product(state.k, params->dim), sizeof(double));
	for (uint32_t iteration = 0;; iteration++)
	{
		error = assign(&state);
		/* stopping here, not after the update, leaves the centroids that the error was measured with */
		if (iteration >= params->max_iterations || !(error > 0) || error > previous * (1 - params->tolerance))
			break;
		previous = error;
		update(&state);
	}
	vx_free(mem, state.sums);
	return error / params->n;
}
