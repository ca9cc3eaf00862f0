/*
 * vx_codec.c: the kinds of codes, and what is common to them; see vx_codec.h.
 */
#include "quant/vx_codec_impl.h"

/* Of indexes without codes. */
static const VxCodecOps no_codes = {.name = "none"};

static const VxCodecOps *const kinds[] = {
	[VX_CODES_NONE] = &no_codes,
	[VX_CODES_SCALAR4] = &vx_codec_scalar4,
	[VX_CODES_SCALAR2] = &vx_codec_scalar2,
	[VX_CODES_PQ] = &vx_codec_pq,
	[VX_CODES_BITS] = &vx_codec_bits,
};

const VxCodecOps *
vx_code_kind(uint32_t kind)
{
	return kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : NULL;
}

size_t
vx_code_model_bytes(VxCodeKind kind, uint32_t dim)
{
	return kinds[kind]->model != VX_MODEL_NONE ? kinds[kind]->model_bytes(dim) : 0;
}

uint32_t
vx_code_bytes(VxCodeKind kind, const VxSpace *space, uint32_t subvectors)
{
	return (kinds[kind]->forms >> space->form & 1) != 0 ? kinds[kind]->code_bytes(kinds[kind], space, subvectors) : 0;
}

bool
vx_code_bytes_fit(VxCodeKind kind, const VxSpace *space, uint32_t code_bytes)
{
	return (code_bytes > 0) == (kind != VX_CODES_NONE)
		&& code_bytes == vx_code_bytes(kind, space, vx_code_subvectors(code_bytes));
}

void
vx_codec_init(VxCodec *codec, const VxMem *mem, VxCodeKind kind, const VxSpace *space, uint32_t code_bytes)
{
	memset(codec, 0, sizeof(*codec));
	codec->ops = kinds[kind];
	codec->kind = kind;
	codec->space = *space;
	codec->metric = space->metric;
	codec->dim = vx_space_coded_dim(space);
	codec->code_bytes = code_bytes > 0 ? code_bytes : vx_code_bytes(kind, space, 0);
	VX_ASSERT(vx_code_bytes_fit(kind, space, codec->code_bytes));
	codec->relative = vx_space_pairs_relative(space);
	codec->unit2 = 1;
	codec->ops->init(codec, mem);
}

void
vx_codec_free(VxCodec *codec, const VxMem *mem)
{
	if (codec->ops == NULL)
		return;
	if (codec->ops->free != NULL)
		codec->ops->free(codec, mem);
	vx_free(mem, codec->state);
	memset(codec, 0, sizeof(*codec));
}

void
vx_codec_set_max_norm2(VxCodec *codec, float max_norm2)
{
	codec->given_max_norm2 = max_norm2;
	codec->max_norm2 = vx_to_finite((double) max_norm2 * codec->unit2);
}

void
vx_codec_encode(VxCodec *codec, const VxPoint *point, uint8_t *code)
{
	codec->ops->encode(codec, vx_epoch_parity(codec->epoch), point, code);
}

/* ---- queries ---- */

void
vx_code_query_init(const VxCodec *codec, const VxMem *mem, VxCodeQuery *query)
{
	memset(query, 0, sizeof(*query));
	query->ops = codec->ops;
	codec->ops->query_init(codec, mem, query);
}

void
vx_code_query_free(VxCodeQuery *query, const VxMem *mem)
{
	if (query->ops == NULL)
		return;
	if (query->ops->query_free != NULL)
		query->ops->query_free(query, mem);
	vx_free(mem, query->state);
	memset(query, 0, sizeof(*query));
}

/* Makes a query of that squared length ready for the codes that the codec knows, by an operation of its kind. */
static void
prepare(VxCodec *codec, void (*operation) (VxCodec *codec, int parity, const VxPoint *point, VxCodeQuery *query), const VxPoint *point,
		float norm2, bool linking, VxCodeQuery *query)
{
	query->epoch = codec->epoch;
	query->mixed = codec->mixed;
	query->linking = linking;
	query->added = codec->metric == VX_METRIC_IP && linking && !codec->relative ? vx_space_added(codec->max_norm2, norm2) : 0;
	for (int parity = 0; parity < 2; parity++)
		if (codec->mixed || parity == vx_epoch_parity(codec->epoch))
			operation(codec, parity, point, query);
}

float
vx_score_norm2(const VxCodec *codec, const VxPoint *point, double unit2)
{
	if (unit2 == 1)
		return VX_MIN(point->norm2, FLT_MAX);
	return vx_to_finite(vx_space_wide_norm2(&codec->space, point) * unit2);
}

void
vx_codec_prepare(VxCodec *codec, const VxPoint *point, bool linking, VxCodeQuery *query)
{
	prepare(codec, codec->ops->prepare, point, vx_score_norm2(codec, point, codec->unit2), linking, query);
}

/* The squared length of the vector that was encoded, in the units of scores. */
static inline float
own_norm2(const VxCodec *codec, const VxPoint *decoded)
{
	return codec->decoded_values > codec->decoded_dim ? decoded->x[codec->decoded_dim] : decoded->norm2;
}

float
vx_codec_own_norm2(const VxCodec *codec, const VxPoint *decoded)
{
	float		norm2 = own_norm2(codec, decoded);

	return codec->unit2 == 1 ? norm2 : (float) ((double) norm2 / codec->unit2);
}

void
vx_codec_prepare_decoded(VxCodec *codec, const VxPoint *decoded, bool linking, VxCodeQuery *query)
{
	prepare(codec, codec->ops->prepare_decoded, decoded, own_norm2(codec, decoded), linking, query);
}

bool
vx_codec_score(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score)
{
	bool		all_known = true;

	for (uint32_t from = 0; from < n; from += VX_CODE_BATCH)
		all_known &= codec->ops->score(codec, query, codes + from, VX_MIN(n - from, VX_CODE_BATCH), score + from);
	return all_known;
}

/* ---- what codes stand for ---- */

float
vx_codec_pair_decoded(const VxCodec *codec, const VxPoint *a, const VxPoint *b)
{
	return vx_score_pair(codec, a->norm2, b->norm2, vx_kernels->inner_product(a->x, b->x, codec->decoded_dim),
						 own_norm2(codec, a), own_norm2(codec, b));
}

size_t
vx_codec_decoded_bytes(const VxCodec *codec)
{
	return VX_POINT_BYTES(codec->decoded_values);
}

void
vx_codec_open_decoded(const VxCodec *codec, const uint8_t *code, void *opened)
{
	codec->ops->decode(codec, code, opened);
}

void
vx_codec_pairs_decoded(const VxCodec *codec, const void *one, const void *const *others, uint32_t n, float *score)
{
	for (uint32_t i = 0; i < n; i++)
		score[i] = vx_codec_pair_decoded(codec, one, others[i]);
}
