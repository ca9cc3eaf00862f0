/*
 * vx_codec_bits.c: codes of bit strings: the strings themselves. Scores are exact, and there is no model, so every code is of every epoch.
 *
 * A code is the words of its point. Under Jaccard distance, which wants to know how many bits are set, that count stands before them; it is
 * taken as it is, and limited, since any bytes are a code.
 */
#include "quant/vx_codec_impl.h"

static inline size_t
words_of(const VxCodec *codec)
{
	return VX_BITS_WORDS(codec->space.dim);
}

static inline size_t
header_bytes(VxMetric metric)
{
	return metric == VX_METRIC_JACCARD ? sizeof(uint32_t) : 0;
}

static inline const uint8_t *
bits_of(const VxCodec *codec, const uint8_t *code)
{
	return code + header_bytes(codec->metric);
}

/* How many bits are set in a code, as it says itself. Jaccard distance. */
static inline uint32_t
count_of(const VxCodec *codec, const uint8_t *code)
{
	uint32_t	count;

	memcpy(&count, code, sizeof(count));
	return VX_MIN(count, codec->space.dim);
}

static uint32_t
bits_code_bytes(const VxCodecOps *kind, const VxSpace *space, uint32_t subvectors)
{
	(void) kind;
	(void) subvectors;
	return (uint32_t) (header_bytes(space->metric) + 8 * VX_BITS_WORDS(space->dim));
}

static void
bits_init(VxCodec *codec, const VxMem *mem)
{
	(void) mem;
	codec->decoded_dim = codec->decoded_values = (uint32_t) (2 * words_of(codec));
}

static int
bits_code_parity(uint32_t epoch, bool mixed, const uint8_t *code, bool *known)
{
	(void) mixed;
	(void) code;
	*known = true;
	return vx_epoch_parity(epoch);
}

static void
bits_encode(VxCodec *codec, int parity, const VxPoint *point, uint8_t *code)
{
	const VxBitsPoint *bits = (const VxBitsPoint *) point;
	uint32_t	count = (uint32_t) bits->norm2;

	(void) parity;
	memcpy(code, &count, header_bytes(codec->metric));
	memcpy(code + header_bytes(codec->metric), bits->bits, 8 * words_of(codec));
}

/* A query's state is its point. */
static void
bits_query_init(const VxCodec *codec, const VxMem *mem, VxCodeQuery *query)
{
	query->state = vx_alloc(mem, VX_BITS_POINT_BYTES(codec->space.dim));
}

static void
bits_prepare(VxCodec *codec, int parity, const VxPoint *point, VxCodeQuery *query)
{
	(void) parity;
	memcpy(query->state, point, VX_BITS_POINT_BYTES(codec->space.dim));
}

static bool
bits_score(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score)
{
	const VxBitsPoint *point = query->state;
	uint32_t	set = (uint32_t) point->norm2;
	size_t		words = words_of(codec);

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	differing = vx_bit_kernels->differing(point->bits, bits_of(codec, codes[i]), words);

		if (codec->metric == VX_METRIC_HAMMING)
			score[i] = (float) differing;
		else
			score[i] = (float) (query->linking ? vx_sorensen_distance : vx_jaccard_distance) (differing, set, count_of(codec, codes[i]));
	}
	return true;
}

static void
bits_decode(const VxCodec *codec, const uint8_t *code, VxPoint *point)
{
	VxBitsPoint *bits = (VxBitsPoint *) point;

	memcpy(bits->bits, bits_of(codec, code), 8 * words_of(codec));
	/* Hamming distance does not ask for it, and who compares edges decodes many */
	bits->norm2 = codec->metric == VX_METRIC_JACCARD ? (float) count_of(codec, code) : 0;
}

/* How many bits are other ones, the count's difference among them. */
static float
bits_error(VxCodec *codec, const VxPoint *point, const uint8_t *code, float *norm2)
{
	const VxBitsPoint *bits = (const VxBitsPoint *) point;
	float		error = (float) vx_bit_kernels->differing(bits->bits, bits_of(codec, code), words_of(codec));

	/* relative to nothing: a code is right or wrong */
	if (norm2 != NULL)
		*norm2 = 0;
	return codec->metric == VX_METRIC_JACCARD ? error + fabsf(bits->norm2 - (float) count_of(codec, code)) : error;
}

static void
bits_pairs(const VxCodec *codec, const void *one, const void *const *others, uint32_t n, float *score)
{
	for (uint32_t i = 0; i < n; i++)
		score[i] = vx_space_pair(&codec->space, one, others[i]);
}

const VxCodecOps vx_codec_bits = {
	.name = "bits",
	.forms = 1 << VX_FORM_BITS,
	.model = VX_MODEL_NONE,
	.links = true,
	.prunes = true,
	.code_bytes = bits_code_bytes,
	.init = bits_init,
	.code_parity = bits_code_parity,
	.encode = bits_encode,
	.query_init = bits_query_init,
	.prepare = bits_prepare,
	.prepare_decoded = bits_prepare,
	.score = bits_score,
	.decode = bits_decode,
	.error = bits_error,
	.opened_bytes = vx_codec_decoded_bytes,
	.open = vx_codec_open_decoded,
	.pairs = bits_pairs,
};
