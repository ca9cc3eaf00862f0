/*
 * vx_codec_impl.h: what the files of codecs share. Nobody else includes it.
 */
#ifndef VX_CODEC_IMPL_H
#define VX_CODEC_IMPL_H

#include <math.h>
#include <string.h>

#include "quant/vx_codec.h"

/* The kinds. */
extern const VxCodecOps vx_codec_scalar4;
extern const VxCodecOps vx_codec_scalar2;
extern const VxCodecOps vx_codec_pq;
extern const VxCodecOps vx_codec_bits;

/* What a code is made from, into out [dim]. */
static inline void
vx_codec_coded(const VxCodec *codec, const VxPoint *point, float *out)
{
	vx_space_coded(&codec->space, point, out);
}

/* ---- epochs ---- */

static inline int
vx_epoch_parity(uint32_t epoch)
{
	return (int) (epoch & 1);
}

/* VxCodecOps.code_parity of codes whose first float tells it by its sign bit: any code is of one of the last two epochs. */
static inline int
vx_epoch_by_sign(uint32_t epoch, bool mixed, const uint8_t *code, bool *known)
{
	uint32_t	word;
	int			parity;

	memcpy(&word, code, sizeof(word));
	parity = (int) (word >> 31);
	*known = mixed || parity == vx_epoch_parity(epoch);
	return parity;
}

/* The same of codes whose first byte is the epoch's last: those of an epoch that is not known are as good as of the newest. */
static inline int
vx_epoch_by_byte(uint32_t epoch, bool mixed, const uint8_t *code, bool *known)
{
	int			parity = vx_epoch_parity(epoch);
	bool		is_older = mixed && code[0] == (uint8_t) (epoch - 1);

	*known = is_older || code[0] == (uint8_t) epoch;
	return is_older ? 1 - parity : parity;
}

/* ---- scores ---- */

static inline float
vx_score_orderable(float score)
{
	return isnan(score) ? INFINITY : score;
}

/* The squared length of a vector, multiplied with unit2. */
float		vx_score_norm2(const VxCodec *codec, const VxPoint *point, double unit2);

/* Inner product, linking: what the added dimensions contribute to the score of a vector of this squared length. */
static inline float
vx_score_added(const VxCodec *codec, float query_added, float norm2)
{
	float		added = query_added - vx_space_added(codec->max_norm2, norm2);

	return added * added;
}

/*
 * The pair score, where it is relative, of vectors of these squared lengths from a mean. Those from zero are longer by that of the mean, on
 * average; so where vectors lie around a mean far from zero, it is nearly their squared distance.
 */
static inline float
vx_score_relative(const VxCodec *codec, float square, float norm2_a, float norm2_b)
{
	return square <= 0 ? 0 : vx_score_orderable(square / (norm2_a + norm2_b + 2 * codec->centre2));
}

/* The pair score of two vectors by squared lengths and inner product relative to a mean, and by their own squared lengths. */
static inline float
vx_score_pair(const VxCodec *codec, float norm2_a, float norm2_b, float product, float own_a, float own_b)
{
	float		value = norm2_a + norm2_b - 2 * product;

	if (codec->relative)
		return vx_score_relative(codec, value, norm2_a, norm2_b);
	if (codec->metric == VX_METRIC_COSINE)
		value *= 0.5f;
	value = value < 0 ? 0 : value;
	if (codec->metric == VX_METRIC_IP)
		value += vx_score_added(codec, vx_space_added(codec->max_norm2, own_a), own_b);
	return vx_score_orderable(value);
}

/* ---- codes that are opened by decoding them: VxCodecOps of kinds that have no better form ---- */

/* opened_bytes */
size_t		vx_codec_decoded_bytes(const VxCodec *codec);

/* open */
void		vx_codec_open_decoded(const VxCodec *codec, const uint8_t *code, void *opened);

/* pairs */
void		vx_codec_pairs_decoded(const VxCodec *codec, const void *one, const void *const *others, uint32_t n, float *score);

#endif							/* VX_CODEC_IMPL_H */
