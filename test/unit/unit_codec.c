/*
 * unit_codec.c: what the tests of codecs share; see unit_codec.h.
 */
#include "unit.h"

#include "unit_codec.h"

VxPoint *
unit_point(uint32_t dim, VxRng *rng, float offset)
{
	VxPoint    *point = malloc(VX_POINT_BYTES(dim));
	float	   *x = malloc(dim * sizeof(float));

	for (uint32_t i = 0; i < dim; i++)
		x[i] = unit_normal(rng) + offset;
	vx_point_set(point, x, dim);
	free(x);
	return point;
}

void
unit_codec_init(VxCodec *codec, VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t code_bytes)
{
	VxSpace		space = {.metric = metric,.dim = dim};

	vx_codec_init(codec, &unit_mem, kind, &space, code_bytes);
}

void
unit_codec_free(VxCodec *codec, VxCodeQuery *query)
{
	vx_codec_free(codec, &unit_mem);
	vx_code_query_free(query, &unit_mem);
}
