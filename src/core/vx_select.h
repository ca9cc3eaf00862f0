/*
 * vx_select.h: order statistics.
 */
#ifndef VX_SELECT_H
#define VX_SELECT_H

#include "core/vx_port.h"

/* The value at place k < n in order of size. values [n], none NaN, are left in another order. */
float		vx_select(float *values, uint32_t n, uint32_t k);

#endif							/* VX_SELECT_H */
