/*
 * vx_computer.c: distances by points, by codes, and by a mixture of both; see vx_computer.h.
 */
#include "graph/vx_computer.h"

#include <string.h>

/* Of a point so much is asked for; the processor goes on by itself. */
#define PREFETCH_BYTES 512

static inline size_t
prefetched_bytes(const VxComputer *computer)
{
	return VX_MIN(vx_space_room(computer->space), PREFETCH_BYTES);
}

/* ---- by points ---- */

static bool
score_points(VxComputer *computer, const VxQuery *query, const void *const *items, uint32_t n, float *score)
{
	const VxSpace *space = computer->space;
	size_t		bytes = prefetched_bytes(computer);

	/* ask for the next points while one is computed: a miss costs more than a distance */
	for (uint32_t i = 0; i < n; i++)
	{
		vx_prefetch(items[VX_MIN(i + 3, n - 1)], bytes);
		score[i] = query->linking ? vx_space_pair(space, query->point, items[i]) : vx_space_query(space, query->point, items[i]);
	}
	return true;
}

static void
open_points(const VxComputer *computer, VxPointSet *set, uint32_t n)
{
	size_t		bytes = prefetched_bytes(computer);

	for (uint32_t i = 0; i < n; i++)
		vx_prefetch(set->points[i], bytes);
}

static void
pair_points(const VxComputer *computer, const void *one, const void *const *others, uint32_t n, float *distance)
{
	for (uint32_t i = 0; i < n; i++)
		distance[i] = vx_space_pair(computer->space, one, others[i]);
}

/* ---- by codes ---- */

static void
prepare_point(VxComputer *computer, const VxQuery *query)
{
	vx_codec_prepare(computer->codec, query->point, query->linking, &computer->code_query);
}

static void
prepare_decoded(VxComputer *computer, const VxQuery *query)
{
	vx_codec_prepare_decoded(computer->codec, query->point, query->linking, &computer->code_query);
}

static bool
score_codes(VxComputer *computer, const VxQuery *query, const void *const *items, uint32_t n, float *score)
{
	(void) query;
	return vx_codec_score(computer->codec, &computer->code_query, (const uint8_t *const *) items, n, score);
}

static void
open_codes(const VxComputer *computer, VxPointSet *set, uint32_t n)
{
	size_t		bytes = computer->codec->ops->opened_bytes(computer->codec);

	vx_pointset_reserve_copies(set, computer->mem, n, bytes);
	for (uint32_t i = 0; i < n; i++)
	{
		void	   *copy = vx_pointset_copy(set, i, bytes);

		computer->codec->ops->open(computer->codec, set->points[i], copy);
		set->points[i] = copy;
	}
}

static void
pair_codes(const VxComputer *computer, const void *one, const void *const *others, uint32_t n, float *distance)
{
	computer->codec->ops->pairs(computer->codec, one, others, n, distance);
}

static const VxComputerOps comparisons[] = {
	[VX_BY_POINTS] = {
		.score = score_points,.open = open_points,.pairs = pair_points
	},
	[VX_BY_CODES_AND_POINTS] = {
		.scores_codes = true,.prepare = prepare_point,.score = score_codes,.open = open_points,.pairs = pair_points
	},
	[VX_BY_CODES] = {
		.scores_codes = true,.pairs_codes = true,.prepare = prepare_point,.score = score_codes,.open = open_codes,.pairs = pair_codes
	},
	[VX_BY_CODES_ALONE] = {
		.scores_codes = true,.pairs_codes = true,.asks_codes = true,
		.prepare = prepare_decoded,.score = score_codes,.open = open_codes,.pairs = pair_codes
	},
};

/* ---- all ---- */

VxComparison
vx_comparison_for_linking(const VxCodec *codec)
{
	if (!codec->ops->links || !vx_space_links_as_coded(&codec->space))
		return VX_BY_POINTS;
	return vx_codec_prunes(codec) ? VX_BY_CODES : VX_BY_CODES_AND_POINTS;
}

void
vx_computer_init(VxComputer *computer, const VxMem *mem, VxComparison comparison, const VxSpace *space, VxCodec *codec)
{
	memset(computer, 0, sizeof(*computer));
	computer->ops = &comparisons[comparison];
	computer->mem = mem;
	computer->comparison = comparison;
	computer->space = space;
	computer->codec = codec;
	if (computer->ops->scores_codes)
		vx_code_query_init(codec, mem, &computer->code_query);
}

void
vx_computer_free(VxComputer *computer)
{
	vx_code_query_free(&computer->code_query, computer->mem);
	vx_free(computer->mem, computer->decoded);
	memset(computer, 0, sizeof(*computer));
}

void
vx_computer_ask(VxComputer *computer, bool decoded)
{
	if (!computer->ops->pairs_codes)
		return;
	computer->comparison = decoded ? VX_BY_CODES_ALONE : VX_BY_CODES;
	computer->ops = &comparisons[computer->comparison];
}

const VxPoint *
vx_computer_query(VxComputer *computer, const void *item)
{
	if (!computer->ops->asks_codes)
		return item;
	if (computer->decoded == NULL)
		computer->decoded = vx_alloc(computer->mem, VX_POINT_BYTES(computer->codec->decoded_values));
	computer->codec->ops->decode(computer->codec, item, computer->decoded);
	return computer->decoded;
}

bool
vx_computer_asks_otherwise(const VxComputer *computer, const VxPoint *query)
{
	return vx_space_asks_otherwise(computer->space, computer->ops->asks_codes ? vx_codec_own_norm2(computer->codec, query)
								   : query->norm2);
}

size_t
vx_computer_opened_bytes(const VxComputer *computer)
{
	return computer->ops->pairs_codes ? computer->codec->ops->opened_bytes(computer->codec) : 0;
}
