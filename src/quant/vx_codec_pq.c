/*
 * vx_codec_pq.c: codes of product quantisation: a byte for each of `subvectors` subvectors, from a trained codebook; see vx_pq.h.
 *
 *     code:  uint8 epoch | subvectors [m]
 *
 * Cosine trains on and encodes unit vectors. Decoded codes are vectors. For linking by inner product the length of what a code stands
 * for is computed from the code, slower than its score.
 */
#include "quant/vx_codec_impl.h"
#include "quant/vx_pq.h"

typedef struct PqCodec
{
	uint32_t	subvectors;
	float	   *scratch;		/* [2][dim] */
} PqCodec;

static const char *
pq_check_model(const void *model, uint32_t dim, uint32_t code_bytes)
{
	const VxPqCodebook *codebook = model;
	const char *wrong = vx_pq_check(model, vx_pq_codebook_bytes(dim));

	if (wrong == NULL && (codebook->dim != dim || codebook->m != vx_code_subvectors(code_bytes)))
		wrong = "the codebook is not that of the index";
	return wrong;
}

static uint32_t
pq_code_bytes(const VxCodecOps *kind, const VxSpace *space, uint32_t subvectors)
{
	(void) kind;
	return subvectors >= 1 && subvectors <= vx_space_coded_dim(space) ? subvectors + 1 : 0;
}

static void
pq_init(VxCodec *codec, const VxMem *mem)
{
	PqCodec    *pq = codec->state = vx_alloc(mem, sizeof(PqCodec));

	codec->decoded_dim = codec->decoded_values = codec->dim;
	pq->subvectors = vx_code_subvectors(codec->code_bytes);
	pq->scratch = vx_alloc_array(mem, vx_size_product(2, codec->dim), sizeof(float));
}

static void
pq_free(VxCodec *codec, const VxMem *mem)
{
	vx_free(mem, ((PqCodec *) codec->state)->scratch);
}

static inline const VxPqCodebook *
codebook_of(const VxCodec *codec, const uint8_t *code)
{
	bool		known;

	return codec->model[vx_epoch_by_byte(codec->epoch, codec->mixed, code, &known)];
}

/* What is encoded: the vector, under cosine its direction; of points that are not dense a sketch. */
static const float *
coded_vector(const VxCodec *codec, const VxPoint *point)
{
	const PqCodec *pq = codec->state;

	if (codec->space.form == VX_FORM_DENSE && codec->metric != VX_METRIC_COSINE)
		return point->x;
	vx_codec_coded(codec, point, pq->scratch);
	return pq->scratch;
}

static void
pq_encode(VxCodec *codec, int parity, const VxPoint *point, uint8_t *code)
{
	const PqCodec *pq = codec->state;

	code[0] = (uint8_t) (parity == vx_epoch_parity(codec->epoch) ? codec->epoch : codec->epoch - 1);
	vx_pq_encode(codec->model[parity], coded_vector(codec, point), pq->scratch + codec->dim, code + 1);
}

/* A query's state is VxPqTable [2], by parity. */
static void
pq_query_init(const VxCodec *codec, const VxMem *mem, VxCodeQuery *query)
{
	const PqCodec *pq = codec->state;
	VxPqTable  *tables = query->state = vx_alloc_array(mem, 2, sizeof(VxPqTable));

	for (int parity = 0; parity < 2; parity++)
		vx_pq_table_init(&tables[parity], mem, codec->dim, pq->subvectors);
}

static void
pq_query_free(VxCodeQuery *query, const VxMem *mem)
{
	for (int parity = 0; parity < 2; parity++)
		vx_pq_table_free((VxPqTable *) query->state + parity, mem);
}

static void
pq_prepare(VxCodec *codec, int parity, const VxPoint *point, VxCodeQuery *query)
{
	/* linking by inner product starts from squared L2, to which the added dimension comes */
	VxMetric	metric = codec->metric == VX_METRIC_IP && query->linking ? VX_METRIC_L2 : codec->metric;

	vx_pq_prepare((VxPqTable *) query->state + parity, codec->model[parity], metric, coded_vector(codec, point));
}

static bool
pq_score(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score)
{
	const PqCodec *pq = codec->state;
	const VxPqTable *tables = query->state;
	const VxPqTable *table = &tables[vx_epoch_parity(query->epoch)];
	const uint8_t *bytes[VX_CODE_BATCH];
	bool		all_known = true;
	uint32_t	ready = 0;

	do
	{
		vx_prefetch(codes[ready], codec->code_bytes);
		bytes[ready] = codes[ready] + 1;
	} while (++ready < n);
	vx_pq_score(table, bytes, n, score);
	for (uint32_t i = 0; i < n; i++)
	{
		bool		known;
		const VxPqTable *its = &tables[vx_epoch_by_byte(query->epoch, query->mixed, codes[i], &known)];

		all_known &= known;
		if (its != table)
			vx_pq_score(its, &bytes[i], 1, &score[i]);
		if (codec->metric == VX_METRIC_IP && query->linking)
		{
			vx_pq_decode(codebook_of(codec, codes[i]), bytes[i], pq->scratch);
			score[i] += vx_score_added(codec, query->added, vx_kernels->norm_squared(pq->scratch, codec->dim));
		}
	}
	return all_known;
}

static void
pq_decode(const VxCodec *codec, const uint8_t *code, VxPoint *point)
{
	vx_pq_decode(codebook_of(codec, code), code + 1, point->x);
	point->norm2 = vx_kernels->norm_squared(point->x, codec->dim);
}

static float
pq_error(VxCodec *codec, const VxPoint *point, const uint8_t *code, float *norm2)
{
	const VxPqCodebook *codebook = codebook_of(codec, code);
	const float *x = coded_vector(codec, point);
	float	   *decoded = ((PqCodec *) codec->state)->scratch + codec->dim;

	if (norm2 != NULL)
		*norm2 = vx_kernels->l2_squared(x, vx_pq_mean(codebook), codec->dim);
	vx_pq_decode(codebook, code + 1, decoded);
	return vx_kernels->l2_squared(x, decoded, codec->dim);
}

const VxCodecOps vx_codec_pq = {
	.name = "pq",
	.forms = 1 << VX_FORM_DENSE,
	.model = VX_MODEL_CODEBOOK,
	.model_copies = 2,
	.needs_training = true,
	.model_bytes = vx_pq_codebook_bytes,
	.check_model = pq_check_model,
	.code_bytes = pq_code_bytes,
	.init = pq_init,
	.free = pq_free,
	.code_parity = vx_epoch_by_byte,
	.encode = pq_encode,
	.query_init = pq_query_init,
	.query_free = pq_query_free,
	.prepare = pq_prepare,
	.prepare_decoded = pq_prepare,
	.score = pq_score,
	.decode = pq_decode,
	.error = pq_error,
	.opened_bytes = vx_codec_decoded_bytes,
	.open = vx_codec_open_decoded,
	.pairs = vx_codec_pairs_decoded,
};
