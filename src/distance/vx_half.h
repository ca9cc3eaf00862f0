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

#endif							/* VX_HALF_H */
