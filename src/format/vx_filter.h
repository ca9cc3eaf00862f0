/*
 * vx_filter.h: conditions on the filter columns of an index, tested by signatures (vx_signature.h).
 *
 * A filter is a conjunction of tests, each of one column. It "may match" where all tests pass. A filter without tests passes all,
 * absent nodes too; any test that vecgraph_make_filter makes rejects those.
 */
#ifndef VX_FILTER_H
#define VX_FILTER_H

#include "core/vx_mem.h"
#include "format/vx_signature.h"

typedef enum VxTestKind
{
	VX_TEST_RANGE,				/* low <= signature <= high; low <= high */
	VX_TEST_ANY_OF,				/* signature is one of values */
	VX_TEST_BITS				/* (signature & mask) == mask for one of values as masks */
} VxTestKind;

typedef struct VxTest
{
	VxTestKind	kind;
	uint32_t	column;
	uint64_t	low;			/* ANY_OF: the first and the last of values */
	uint64_t	high;
	const uint64_t *values;		/* [n], ANY_OF: ascending, all different */
	uint32_t	n;

	/*
	 * Made by vx_filter_prepare for long ANY_OF: a bit for the place of each value (place_of in vx_filter.c), so that most of
	 * what is none of them is told from one bit.
	 */
	uint32_t	shift;
	uint64_t   *places;			/* NULL: there are few values, which are compared one by one */
} VxTest;

typedef struct VxFilter
{
	VxTest	   *tests;			/* [count] */
	uint32_t	count;
	uint32_t	width[VX_MAX_FILTERS];	/* bytes of the signatures of each column */
} VxFilter;

/* More values than this in an ANY_OF are looked up by places. */
#define VX_FILTER_FEW_VALUES 8

/* Entries that vx_filter_block looks at in one call. */
#define VX_FILTER_BLOCK 64

/*
 * To be called once the tests are there, before the filter is used: makes from mem what long lists are looked up by, and puts tests that
 * cost little first.
 */
void		vx_filter_prepare(VxFilter *filter, const VxMem *mem);

/* Whether a row with these signatures, one for each filter column, may match. */
bool		vx_filter_matches(const VxFilter *filter, const uint64_t *signature);

/*
 * The same for n <= VX_FILTER_BLOCK rows: bit i tells of entry i. columns[c]: the signatures of column c, of the width that it has, at any
 * address; VX_FILTER_BLOCK entries must be readable there, whatever n is. Columns without a test are not looked at, and may be NULL.
 */
uint64_t	vx_filter_block(const VxFilter *filter, const void *const *columns, uint32_t n);

/* ---- kernels, chosen once for the processor; for the files vx_filter*.c and tests ---- */

/*
 * Each tests the VX_FILTER_BLOCK entries at column, and returns a bit for each; the number in the name is the width. low, high and
 * values are below 2^32 where that is 4.
 */
typedef struct VxFilterKernels
{
	const char *name;
	uint64_t	(*range4) (const void *column, uint64_t low, uint64_t high);
	uint64_t	(*range8) (const void *column, uint64_t low, uint64_t high);
	uint64_t	(*any4) (const void *column, const uint64_t *values, uint32_t n);
	uint64_t	(*any8) (const void *column, const uint64_t *values, uint32_t n);
	uint64_t	(*masks8) (const void *column, const uint64_t *masks, uint32_t n);
} VxFilterKernels;

extern const VxFilterKernels *vx_filter_kernels;	/* never NULL: scalar until selected */
const VxFilterKernels *vx_filter_kernels_select(void);

/* For tests: the i-th table that this processor can run (0 is scalar), or NULL past the last. */
const VxFilterKernels *vx_filter_kernels_available(int i);

extern const VxFilterKernels vx_filter_kernels_scalar;
extern const VxFilterKernels vx_filter_kernels_avx2;
extern const VxFilterKernels vx_filter_kernels_avx512;

#endif							/* VX_FILTER_H */
