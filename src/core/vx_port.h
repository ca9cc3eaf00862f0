/*
 * vx_port.h: what every pure file includes: fixed-width types, assertions, small helpers.
 */
#ifndef VX_PORT_H
#define VX_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef VX_DEBUG
#include <assert.h>
#define VX_ASSERT(condition) assert(condition)
#else
#define VX_ASSERT(condition) ((void) 0)
#endif

#define VX_MIN(a, b) ((a) < (b) ? (a) : (b))
#define VX_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif							/* VX_PORT_H */
