/*
 * vx_computer.h: how far nodes are from a query and from each other, whatever they are known by: points, codes, or both.
 *
 * A store finds its nodes' items (a point each, or a code) and has a computer say how far they are; so neither the store nor what
 * searches, links and prunes knows which distance that is. Source of the cut: faiss (Douze et al. 2024, "The Faiss library"), whose graphs
 * see a DistanceComputer only.
 */
#ifndef VX_COMPUTER_H
#define VX_COMPUTER_H

#include "graph/vx_store.h"
#include "quant/vx_codec.h"

/* What is compared. */
typedef enum VxComparison
{
	VX_BY_POINTS,
	VX_BY_CODES_AND_POINTS,		/* a query, which is a point, with codes; nodes with each other by points */
	VX_BY_CODES,				/* a query, which is a point, with codes; nodes with each other by codes */
	VX_BY_CODES_ALONE			/* the same where a query, too, is a decoded code, as there are no points */
} VxComparison;

typedef struct VxComputer VxComputer;

/* Items are points, or codes with VX_CODE_OVERREAD readable bytes behind them. */
typedef struct VxComputerOps
{
	bool		scores_codes;	/* items of score() are codes */
	bool		pairs_codes;	/* items of open() are codes */
	bool		asks_codes;		/* items of vx_computer_query() are codes */

	/* May be NULL. As in VxStoreOps. */
	void		(*prepare) (VxComputer *computer, const VxQuery *query);

	/* Scores n items. Returns false where vx_codec_score does. */
	bool		(*score) (VxComputer *computer, const VxQuery *query, const void *const *items, uint32_t n, float *score);

	/* Makes n items in set->points ready for pairs(), in the set's own memory if they have to be copied. */
	void		(*open) (const VxComputer *computer, VxPointSet *set, uint32_t n);
	void		(*pairs) (const VxComputer *computer, const void *one, const void *const *others, uint32_t n, float *distance);
} VxComputerOps;

struct VxComputer
{
	const VxComputerOps *ops;
	const VxMem *mem;
	VxComparison comparison;
	const VxSpace *space;		/* of points, the owner's */
	VxCodec    *codec;			/* of codes, the owner's; may be NULL by points */
	VxCodeQuery code_query;
	VxPoint    *decoded;		/* [codec->decoded_values] what vx_computer_query has decoded last; NULL: nothing yet */
};

/* How nodes that have points and codes are best linked: by what is fast, unless it is too coarse or estimates another distance. */
VxComparison vx_comparison_for_linking(const VxCodec *codec);

/* mem, space and codec must stay valid. */
void		vx_computer_init(VxComputer *computer, const VxMem *mem, VxComparison comparison, const VxSpace *space, VxCodec *codec);

/* Gives back its memory; a computer of zeros may be freed, too. */
void		vx_computer_free(VxComputer *computer);

/* Where nodes are compared by codes: whether the next queries are decoded codes (by codes alone), or points. Else nothing changes. */
void		vx_computer_ask(VxComputer *computer, bool decoded);

static inline void
vx_computer_prepare(VxComputer *computer, const VxQuery *query)
{
	if (computer->ops->prepare != NULL)
		computer->ops->prepare(computer, query);
}

/* What is searched for to place a node: its point, or what its code stands for, until the next call. */
const VxPoint *vx_computer_query(VxComputer *computer, const void *item);

/* VxStoreOps.asks_otherwise. */
bool		vx_computer_asks_otherwise(const VxComputer *computer, const VxPoint *query);

/* Bytes that open() takes for a copy of an item, 0 if it makes none. */
size_t		vx_computer_opened_bytes(const VxComputer *computer);

#endif							/* VX_COMPUTER_H */
