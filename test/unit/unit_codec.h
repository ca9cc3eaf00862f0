/*
 * unit_codec.h: what the tests of codecs share.
 */
#ifndef UNIT_CODEC_H
#define UNIT_CODEC_H

#include "core/vx_rng.h"
#include "quant/vx_codec.h"

/* A point, to be freed, of normal random numbers around an offset. */
VxPoint    *unit_point(uint32_t dim, VxRng *rng, float offset);

/* Makes a codec of dense points. */
void		unit_codec_init(VxCodec *codec, VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t code_bytes);

/* Gives a codec and its query back. */
void		unit_codec_free(VxCodec *codec, VxCodeQuery *query);

#endif							/* UNIT_CODEC_H */
