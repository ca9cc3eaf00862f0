/*
 * vx_code_kernels.h: integer dot products between packed codes and a quantised query, chosen once for the processor.
 *
 * A code of `bytes` bytes holds 8 / bits planes of unsigned levels: level i of plane p is bits p * bits ... of byte i. The
 * query has the same planes as signed bytes, each padded with zeros to `stride`, a multiple of VX_CODE_STEP.
 *
 * Codes are read in steps of VX_CODE_STEP bytes from where they start: the memory behind a code must be readable for
 * VX_CODE_STEP bytes, whatever it holds (the query's zeros cancel it).
 */
#ifndef VX_CODE_KERNELS_H
#define VX_CODE_KERNELS_H

#include "core/vx_port.h"

#define VX_CODE_STEP 64

/* dot[i] = sum over planes and bytes of level * query, for n codes at the given addresses. */
typedef void (*VxCodeDot) (const uint8_t *const *codes, uint32_t n, const int8_t *query, uint32_t stride, uint32_t bytes,
						   int32_t *dot);

typedef struct VxCodeKernels
{
	const char *name;
	VxCodeDot	dot4;			/* 4-bit levels, 2 planes */
	VxCodeDot	dot2;			/* 2-bit levels, 4 planes */
} VxCodeKernels;

extern const VxCodeKernels *vx_code_kernels;	/* never NULL: scalar until selected */
const VxCodeKernels *vx_code_kernels_select(void);

/* For tests: the i-th table that this processor can run (0 is scalar), or NULL past the last. */
const VxCodeKernels *vx_code_kernels_available(int i);

extern const VxCodeKernels vx_code_kernels_scalar;
extern const VxCodeKernels vx_code_kernels_avx2;
extern const VxCodeKernels vx_code_kernels_avx512;
extern const VxCodeKernels vx_code_kernels_neon;

#endif							/* VX_CODE_KERNELS_H */
