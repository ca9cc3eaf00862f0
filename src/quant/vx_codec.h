/*
 * vx_codec.h: codes: a few bits per dimension from which distances to a query are estimated.
 *
 * There are several kinds of codes. Each is a set of operations (VxCodecOps) in a file of its own: vx_codec_scalar.c, vx_codec_pq.c,
 * vx_codec_bits.c.
 * README.md has what they have in common, the table of kinds, and how one is added.
 *
 * What codes are made with, mean or codebook, is their model. It can be replaced while codes of both models are read: each
 * model is an epoch, whose lowest bit, the parity, says which of two places the model has. A code says of which epoch it is.
 * Whoever meets a code of another epoch than those it knows learns of that.
 *
 * Metrics: L2; cosine as L2 between unit vectors; inner product, for which linking needs the vector's own squared length, too
 * (vx_space.h). L1 has no codes of its own: scalar ones estimate squared L2, which is good enough for a first pass.
 *
 * Any bytes are a safe code: estimates from garbage are wrong numbers, never NaN. A squared length beyond all floats is infinite.
 */
#ifndef VX_CODEC_H
#define VX_CODEC_H

#include "core/vx_mem.h"
#include "distance/vx_space.h"
#include "quant/vx_sample.h"

typedef enum VxCodeKind
{
	VX_CODES_NONE = 0,			/* values are on disk: never renumber */
	VX_CODES_SCALAR4 = 1,
	VX_CODES_SCALAR2 = 2,
	VX_CODES_PQ = 3,
	VX_CODES_BITS = 4
} VxCodeKind;

/* What kinds of models there are on disk. */
typedef enum VxModelKind
{
	VX_MODEL_NONE,
	VX_MODEL_MEAN,				/* float [dim]; without one it is zero */
	VX_MODEL_CODEBOOK			/* VxPqCodebook */
} VxModelKind;

/* How far behind a code memory must be readable. */
#define VX_CODE_OVERREAD 64

typedef struct VxCodecOps VxCodecOps;
typedef struct VxCodec VxCodec;
typedef struct VxCodeQuery VxCodeQuery;

/*
 * A kind of codes: what it is like, and what can be done. Where a function below calls an operation, that says what it is to do; the
 * others are called as they are.
 */
struct VxCodecOps
{
	const char *name;
	uint32_t	forms;			/* of points that can have such codes: bits 1 << VxForm */
	VxModelKind model;
	uint32_t	model_copies;	/* on disk: 2 (by parity) where there is a model */
	bool		needs_training; /* no code can be made before a model was trained from many vectors */
	bool		links;			/* searches for a node's edges may score by them where vectors are at hand as well */
	bool		prunes;			/* they are as good as vectors when edges are compared with each other */
	uint32_t	bits;			/* of a level, scalar codes */

	/* Of a model. NULL where there is none. */
	size_t		(*model_bytes) (uint32_t dim);

	/*
	 * What is wrong with a model of model_bytes, for codes of so many bytes, in lower case for a detail message; NULL if
	 * nothing.
	 */
	const char *(*check_model) (const void *model, uint32_t dim, uint32_t code_bytes);

	/* Bytes of a code of points of one of the forms, 0 if there can be none of so many subvectors. */
	uint32_t	(*code_bytes) (const VxCodecOps *kind, const VxSpace *space, uint32_t subvectors);

	/* Makes the kind's part of a codec, whose other part has been made; gives it back, but for the state itself: may be NULL. */
	void		(*init) (VxCodec *codec, const VxMem *mem);
	void		(*free) (VxCodec *codec, const VxMem *mem);

	/* May be NULL. Takes note of new models, before the codec has them. newest: the parity of codes made from now on. */
	void		(*set_models) (VxCodec *codec, const VxMem *mem, const void *const *models, int newest);

	/* As vx_codec_parity_of. */
	int			(*code_parity) (uint32_t epoch, bool mixed, const uint8_t *code, bool *known);

	/* Makes the code [code_bytes] of a point, of the epoch with the given parity. */
	void		(*encode) (VxCodec *codec, int parity, const VxPoint *point, uint8_t *code);

	/*
	 * A query's memory, but for the state itself query_free, which may be NULL; and the query made ready for codes of one
	 * parity.
	 */
	void		(*query_init) (const VxCodec *codec, const VxMem *mem, VxCodeQuery *query);
	void		(*query_free) (VxCodeQuery *query, const VxMem *mem);
	void		(*prepare) (VxCodec *codec, int parity, const VxPoint *point, VxCodeQuery *query);
	void		(*prepare_decoded) (VxCodec *codec, int parity, const VxPoint *decoded, VxCodeQuery *query);

	/* As vx_codec_score, for 1 to VX_CODE_BATCH codes. */
	bool		(*score) (const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n, float *score);

	/*
	 * What a code stands for: point->x [decoded_values] in the codec's own coordinates, point->norm2 its squared length. Codes
	 * of different parity are brought to the mean of parity 0. What is in a point of bits is for the codec alone.
	 */
	void		(*decode) (const VxCodec *codec, const uint8_t *code, VxPoint *point);

	/*
	 * How far a vector is from what a code stands for, as a squared distance in the units of scores; *norm2, if not NULL,
	 * receives the squared distance of the vector from the mean of the code's model.
	 */
	float		(*error) (VxCodec *codec, const VxPoint *point, const uint8_t *code, float *norm2);

	/*
	 * For comparing many codes with each other: open() fills in opened [opened_bytes, aligned as floats], what pairs() wants to
	 * know of a code; that gives score [n], of one with each of n others. The result is that of vx_codec_pair_decoded, but for
	 * rounding. Neither may a codec change, nor epochs begin or cease to be mixed, between opening and comparing.
	 */
	size_t		(*opened_bytes) (const VxCodec *codec);
	void		(*open) (const VxCodec *codec, const uint8_t *code, void *opened);
	void		(*pairs) (const VxCodec *codec, const void *one, const void *const *others, uint32_t n, float *score);
};

#define VX_CODE_BATCH 256

/* The description of a kind, VX_CODES_NONE included; NULL for a number that is no kind. */
const VxCodecOps *vx_code_kind(uint32_t kind);

/* Bytes of a model of a kind; 0 if it has none. dim: vx_space_coded_dim. */
size_t		vx_code_model_bytes(VxCodeKind kind, uint32_t dim);

/* Bytes of a code, 0 for VX_CODES_NONE, and where there can be none of that kind. subvectors matter for VX_CODES_PQ only. */
uint32_t	vx_code_bytes(VxCodeKind kind, const VxSpace *space, uint32_t subvectors);

/* Whether codes of a kind can have so many bytes. */
bool		vx_code_bytes_fit(VxCodeKind kind, const VxSpace *space, uint32_t code_bytes);

/* Of codes of product quantisation, which have a byte of their own for the epoch. */
static inline uint32_t
vx_code_subvectors(uint32_t code_bytes)
{
	return code_bytes - 1;
}

struct VxCodec
{
	const VxCodecOps *ops;
	VxCodeKind	kind;
	VxSpace		space;			/* of points */
	VxMetric	metric;			/* its */
	uint32_t	dim;			/* vx_space_coded_dim */
	uint32_t	code_bytes;
	uint32_t	decoded_dim;	/* dimensions of decoded codes, in the codec's own coordinates */
	uint32_t	decoded_values; /* the same, and one more where the vector's own squared length is behind them */
	float		max_norm2;		/* inner product: VxSpace.max_norm2, in the units of scores */
	float		given_max_norm2;	/* the same as it was given */
	bool		relative;		/* vx_space_pairs_relative */
	float		centre2;		/* the same where models are means: the squared length of the newest, in the units of scores */
	double		unit2;			/* so many times those of vectors are squared lengths and products in scores and decoded codes */
	uint32_t	epoch;			/* of codes made now */
	bool		mixed;			/* codes of the epoch before may be met */
	const void *model[2];		/* by parity, the owner's */
	void	   *state;			/* what the kind has besides */
};

struct VxCodeQuery
{
	const VxCodecOps *ops;		/* of the codec that it has memory for; NULL: none */
	uint32_t	epoch;			/* of the codec when the query was prepared */
	bool		mixed;
	bool		linking;
	float		added;			/* inner product, linking: the query's added dimension */
	void	   *state;			/* what the kind has made of it, by parity */
};

/*
 * kind must not be NONE. The space may go; its max_norm2 does not matter. code_bytes: as vx_code_bytes says; 0 will do where they follow
 * from the dimensions. The codec has no models and is of epoch 0.
 */
void		vx_codec_init(VxCodec *codec, const VxMem *mem, VxCodeKind kind, const VxSpace *space, uint32_t code_bytes);

/* Gives back its memory; a codec of zeros may be freed, too. */
void		vx_codec_free(VxCodec *codec, const VxMem *mem);

/* Inner product: VxSpace.max_norm2. */
void		vx_codec_set_max_norm2(VxCodec *codec, float max_norm2);

/*
 * The mean [dim], for codes whose model is one, of vectors like those of a sample (vx_space_coded). Where they lie around zero it is
 * zero, but for one value that says how large they are, if squares would leave the range of floats.
 */
void		vx_codec_fit_mean(const VxMem *mem, const VxSample *sample, float *mean);

/*
 * Sets epoch, mixed (codes of the epoch before may be met) and the models, checked, of both parities, which must stay valid with the
 * codec. A mean that is NULL is zero; of codebooks only that of the older epoch may be NULL, and the newer must be set before
 * anything is encoded or prepared. A codec that there is no memory for keeps what it has.
 *
 * Where vectors are so long or short that their squares are no floats, all are multiplied with a power of two, which the mean
 * decides. Scores are then those of the vectors so multiplied: what is nearer is nearer all the same.
 */
void		vx_codec_set_models(VxCodec *codec, const VxMem *mem, uint32_t epoch, bool mixed, const void *model0, const void *model1);

/* Makes the code [code_bytes] of a point, of the codec's epoch. */
void		vx_codec_encode(VxCodec *codec, const VxPoint *point, uint8_t *code);

/* Whether a code is of the codec's epoch. */
bool		vx_codec_is_current(const VxCodec *codec, const uint8_t *code);

/*
 * The parity of the model that a code is taken to be of, whatever its bytes are; *known: whether it is of the codec's epoch or, if mixed,
 * of the one before.
 */
int			vx_codec_parity_of(const VxCodec *codec, const uint8_t *code, bool *known);

/* Allocates the memory of a query. */
void		vx_code_query_init(const VxCodec *codec, const VxMem *mem, VxCodeQuery *query);

/* Gives it back; a query of zeros may be freed, too. */
void		vx_code_query_free(VxCodeQuery *query, const VxMem *mem);

/* Makes a query ready for vx_codec_score. linking: estimate pair scores of vx_space.h, else query scores. */
void		vx_codec_prepare(VxCodec *codec, const VxPoint *point, bool linking, VxCodeQuery *query);

/* The same for a query that is itself only known by its decoded code. */
void		vx_codec_prepare_decoded(VxCodec *codec, const VxPoint *decoded, bool linking, VxCodeQuery *query);

/*
 * Whether nodes are compared with each other by codes where vectors are at hand as well: as these are as good, or since scores are in
 * other units than distances of vectors.
 */
static inline bool
vx_codec_prunes(const VxCodec *codec)
{
	return codec->ops->prunes || codec->unit2 != 1;
}

/*
 * Estimated scores of n codes, on the scale of vx_space_query or vx_space_pair. Every code must be readable for
 * VX_CODE_OVERREAD bytes behind its end. Returns false if some are of an epoch that the codec did not know when the query was
 * prepared: their scores are no good.
 */
bool		vx_codec_score(const VxCodec *codec, const VxCodeQuery *query, const uint8_t *const *codes, uint32_t n,
						   float *score);

/* The squared length, not relative to a mean, of the vector that a decoded code is of. */
float		vx_codec_own_norm2(const VxCodec *codec, const VxPoint *decoded);

/* Estimated pair score of two decoded codes, of kinds that decode to floats. */
float		vx_codec_pair_decoded(const VxCodec *codec, const VxPoint *a, const VxPoint *b);

#endif							/* VX_CODEC_H */
