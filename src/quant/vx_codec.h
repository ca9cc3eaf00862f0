/*
 * vx_codec.h: codes: a few bits per dimension from which distances to a query are estimated.
 *
 * Scalar codes (VX_CODES_SCALAR4, VX_CODES_SCALAR2): the vector minus a mean is rotated at random and each dimension rounded
 * to one of 16 (or 4) evenly spaced levels, with a step chosen per vector so that the levels point as nearly as possible in
 * the vector's direction. Two factors, the squared length n2 and f = n2 / <levels, vector>, correct the estimate:
 *
 *     <vector, query> ~ f * <levels, query>,     |vector - query|^2 ~ n2 + |query|^2 - 2 f <levels, query>
 *
 * Nothing is trained but the mean, and a wrong mean costs accuracy, not correctness.
 * Source: Gao, Long 2024, "RaBitQ", sections 3.1-3.3, and Gao et al. 2024, "Practical and asymptotically optimal quantization
 * of high-dimensional vectors in Euclidean space", section 3, for several bits. Differs: the step is searched on a grid.
 *
 * Metrics: L2 as above; cosine as L2 between unit vectors; inner product as <vector - mean, query> + <mean, query>, with the
 * vector's own squared length besides, which linking needs (vx_space.h). L1 is not kept by rotations: its codes estimate
 * squared L2, which is good enough for a first pass.
 *
 *     code:  float n2 (sign bit: parity of the epoch) | float f | levels [level_bytes], see vx_code_kernels.h for the planes
 *            inner product has a third float, the squared length of the vector, before the levels
 *
 * Product quantisation (VX_CODES_PQ): a byte for each of `subvectors` subvectors, from a trained codebook; see vx_pq.h. Cosine
 * trains on and encodes unit vectors. For linking by inner product the length of what a code stands for is computed from the
 * code, slower than its score.
 *
 *     code:  uint8 epoch | subvectors [m]
 *
 * What codes are made from, mean or codebook, is their model. It can be replaced while codes of both models are read: each
 * model is an epoch, whose lowest bit, the parity, says which of two places the model has. A code says of which epoch it is,
 * a scalar code by the parity alone. Whoever meets a code of another epoch than those it knows learns of that.
 *
 * Any bytes are a safe code: estimates from garbage are wrong numbers, never NaN. A squared length beyond all floats is infinite.
 */
#ifndef VX_CODEC_H
#define VX_CODEC_H

#include "core/vx_mem.h"
#include "distance/vx_space.h"
#include "quant/vx_code_kernels.h"
#include "quant/vx_pq.h"
#include "quant/vx_rotation.h"
#include "quant/vx_sample.h"

typedef enum VxCodeKind
{
	VX_CODES_NONE = 0,			/* values are on disk: never renumber */
	VX_CODES_SCALAR4 = 1,
	VX_CODES_SCALAR2 = 2,
	VX_CODES_PQ = 3
} VxCodeKind;

/* What codes are made from, as it is kept on disk. */
typedef enum VxModelKind
{
	VX_MODEL_NONE,
	VX_MODEL_MEAN,				/* float [dim]; without one it is zero */
	VX_MODEL_CODEBOOK			/* VxPqCodebook */
} VxModelKind;

/* What a kind of codes is like. */
typedef struct VxCodecOps
{
	const char *name;
	VxModelKind model;
	uint32_t	model_copies;	/* on disk: 2 (by parity) where there is a model */
	bool		needs_training; /* no code can be made before a model was trained from many vectors */
	bool		links;			/* searches for a node's edges may score by them where vectors are at hand as well */
	bool		prunes;			/* they are as good as vectors when edges are compared with each other */
	uint32_t	bits;			/* of a level, scalar codes */
} VxCodecOps;

/* The description of a kind, VX_CODES_NONE included; NULL for a number that is no kind. */
const VxCodecOps *vx_code_kind(uint32_t kind);

/* Bytes of a model of a kind; 0 if it has none. */
size_t		vx_code_model_bytes(VxCodeKind kind, uint32_t dim);

/* How far behind a code memory must be readable. */
#define VX_CODE_OVERREAD VX_CODE_STEP

typedef struct VxCodec
{
	VxCodeKind	kind;
	VxMetric	metric;
	uint32_t	dim;
	uint32_t	padded;			/* dimensions of decoded codes: after rotation, or dim */
	uint32_t	bits;			/* scalar codes */
	uint32_t	header_bytes;	/* before the levels */
	uint32_t	level_bytes;
	uint32_t	code_bytes;
	uint32_t	stride;			/* of a query's planes */
	float		max_norm2;		/* inner product: VxSpace.max_norm2, in the units of scores */
	float		given_max_norm2;	/* the same as it was given */
	VxRotation	rotation;
	uint32_t	epoch;			/* of codes made now */
	bool		mixed;			/* codes of the epoch before may be met */
	float	   *means;			/* what the next four are in, NULL: nothing */
	float		scale[2];		/* by parity: what vectors are multiplied with, 1 unless squares would leave the range of floats */
	double		unit2;			/* so many times those of vectors are squared lengths and products in scores and decoded codes */
	float	   *mean[2];		/* [dim], by parity; NULL is zero */
	float	   *shift;			/* [padded] what leads from parity 1 to parity 0, rotated; NULL is zero */
	float	   *origin;			/* [padded] the mean of parity 0, rotated; NULL is zero */
	float	   *scratch;		/* [padded] */
	uint32_t	subvectors;		/* product quantisation */
	const VxPqCodebook *codebook[2];	/* by parity, the owner's; that of the older epoch may be NULL */
	float	   *pq_scratch;		/* [2][dim] */
} VxCodec;

/* A query made ready for scalar codes of one parity. */
typedef struct VxCodePlanes
{
	int8_t	   *planes;			/* [8 / bits][stride] */
	float		scale;			/* of the planes */
	float		center;			/* what the levels' offset contributes to the dot product */
	float		norm2;			/* |query - mean|^2 */
	float		to_unit2;		/* what takes scores from this parity's scale to that of the newest model */
	float		mean_product;	/* inner product: <query, mean> */
} VxCodePlanes;

typedef struct VxCodeQuery
{
	uint32_t	epoch;			/* of the codec when the query was prepared */
	bool		mixed;
	VxCodePlanes planes[2];		/* by parity, scalar codes */
	VxPqTable	tables[2];		/* by parity, product quantisation */
	float		added;			/* inner product, linking: the query's added dimension */
	bool		linking;
} VxCodeQuery;

/* Bytes of a code, 0 for VX_CODES_NONE. subvectors matter for VX_CODES_PQ only. */
uint32_t	vx_code_bytes(VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t subvectors);

/* Whether codes of a kind can have so many bytes. */
bool		vx_code_bytes_fit(VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t code_bytes);

/* Of codes of product quantisation, which have a byte of their own for the epoch. */
static inline uint32_t
vx_code_subvectors(uint32_t code_bytes)
{
	return code_bytes - 1;
}

/* kind must not be NONE. The codec's memory is never given back but by its allocator. */
void		vx_codec_init(VxCodec *codec, const VxMem *mem, VxCodeKind kind, VxMetric metric, uint32_t dim, uint32_t subvectors);

/*
 * The codebooks, checked, of both parities, that must stay valid with the codec: before anything is encoded or prepared. Only that
 * of the older epoch may be NULL.
 */
void		vx_codec_set_codebooks(VxCodec *codec, const VxPqCodebook *codebook0, const VxPqCodebook *codebook1);

/* Inner product: VxSpace.max_norm2. */
void		vx_codec_set_max_norm2(VxCodec *codec, float max_norm2);

/*
 * The mean [dim] for scalar codes of vectors like those of a sample (vx_space_coded). Where they lie around zero it is zero, but for
 * one value that says how large they are, if squares would leave the range of floats.
 */
void		vx_codec_fit_mean(const VxMem *mem, const VxSample *sample, float *mean);

/*
 * Sets the means [dim] (copied) of both parities; NULL for zero. codec->epoch must be set. A codec that there is no memory for keeps
 * what it has.
 *
 * Where vectors are so long or short that their squares are no floats, all are multiplied with a power of two, which the mean
 * decides. Scores are then those of the vectors so multiplied: what is nearer is nearer all the same.
 */
void		vx_codec_set_means(VxCodec *codec, const VxMem *mem, const float *mean0, const float *mean1);

/* code [code_bytes], of the codec's epoch, or of the one with the given parity. */
void		vx_codec_encode(VxCodec *codec, const VxPoint *point, uint8_t *code);
void		vx_codec_encode_as(VxCodec *codec, int parity, const VxPoint *point, uint8_t *code);

/*
 * Whether a code is of the codec's epoch; whether it is of that or, if mixed, of the one before; the parity of the model that a code
 * is taken to be of, whatever its bytes are.
 */
bool		vx_codec_is_current(const VxCodec *codec, const uint8_t *code);
bool		vx_codec_knows(const VxCodec *codec, const uint8_t *code);
int			vx_codec_parity_of(const VxCodec *codec, const uint8_t *code);

/* The memory of a query. */
void		vx_code_query_init(const VxCodec *codec, const VxMem *mem, VxCodeQuery *query);
void		vx_code_query_free(VxCodeQuery *query, const VxMem *mem);

/* linking: estimate pair scores of vx_space.h, else query scores. */
void		vx_codec_prepare(VxCodec *codec, const VxPoint *point, bool linking, VxCodeQuery *query);

/* The same for a query that is itself only known by its decoded code. */
void		vx_codec_prepare_decoded(VxCodec *codec, const VxPoint *decoded, bool linking, VxCodeQuery *query);

/*
 * Estimated scores of n codes, on the scale of vx_space_query or vx_space_pair. Every code must be readable for
 * VX_CODE_OVERREAD bytes behind its end. Returns false if some are of an epoch that the codec did not know when the query was
 * prepared: their scores are no good.
 */
bool		vx_codec_score(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n,
						   float *score);

/*
 * What a code stands for: point->x [padded] in the codec's own coordinates, point->norm2 its squared length. Codes of different
 * parity are brought to the mean of parity 0. Scalar codes for inner product have one value more in x, the squared length of
 * the vector without a mean.
 */
uint32_t	vx_codec_decoded_values(const VxCodec *codec);
float		vx_codec_own_norm2(const VxCodec *codec, const VxPoint *decoded);
void		vx_codec_decode(const VxCodec *codec, const uint8_t *code, VxPoint *point);

/* Estimated pair score of two decoded codes. */
float		vx_codec_pair_decoded(const VxCodec *codec, const VxPoint *a, const VxPoint *b);

/*
 * How far a vector is from what a code stands for, as a squared distance in the units of scores; *norm2, if not NULL, receives the
 * squared distance of the vector from the mean of the code's model.
 */
float		vx_codec_error(VxCodec *codec, const VxPoint *point, const uint8_t *code, float *norm2);

/*
 * For comparing many codes with each other: opened [vx_codec_opened_bytes, aligned as floats] takes what vx_codec_pairs wants to
 * know of a code, which compares one with n others. The result is that of vx_codec_pair_decoded, but for rounding; four-bit codes
 * get there by integers. Neither may a codec change, nor epochs begin or cease to be mixed, between opening and comparing.
 */
size_t		vx_codec_opened_bytes(const VxCodec *codec);
void		vx_codec_open(const VxCodec *codec, const uint8_t *code, void *opened);
void		vx_codec_pairs(const VxCodec *codec, const void *one, const void *const *others, uint32_t n, float *score);

#endif							/* VX_CODEC_H */
