/*
 * vx_half.h: conversion between float32 and IEEE 754 half precision (16 bits), for vectors kept at half their size.
 */
#ifndef VX_HALF_H
#define VX_HALF_H

#include <stddef.h>
#include <stdint.h>

/* half [n] from x [n], rounded to nearest even; what is out of range becomes the largest half (65504), NaN zero. */
void		vx_half_from_floats(const float *x, size_t n, uint16_t *half);

/* x [n] from half [n], exact; any bits are safe. */
void		vx_half_to_floats(const uint16_t *half, size_t n, float *x);

/*
 * Half precision has room for 40 powers of two, of which 30 have all their bits. A vector that is much longer or shorter is kept as
 * halves of itself multiplied with a power of two, which follows from its squared norm: 1 where lengths are as usual, so that these
 * halves are those of the vector. Where the squared norm is no float it is one that suits vectors just beyond that.
 */
float		vx_half_scale(float norm2, size_t n);

/* As vx_half_from_floats, of a vector [n] with that scale. */
void		vx_half_from_scaled(const float *x, size_t n, float scale, uint16_t *half);

/* As vx_half_to_floats, to a vector [n] with that scale. */
void		vx_half_to_scaled(const uint16_t *half, size_t n, float scale, float *x);

#endif							/* VX_HALF_H */
