/*
 * limits.h: what this machine's memory can do at best, measured in the run that it is compared with.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include <stddef.h>

typedef struct Limits
{
	double		latency_ns;		/* of a dependent load from a random cache line */
	double		line_ns;		/* per random cache line when many are asked for at once */
	double		bandwidth;		/* bytes per nanosecond, one core reading in address order */
} Limits;

double		now_ns(void);

/* Sorts values [n] and returns the middle one. */
double		median(double *values, int n);

/* Measures all three on an array of that many bytes. Returns 0, or -1 when the memory cannot be had. */
int			limits_measure(Limits *limits, size_t bytes);

#endif							/* LIMITS_H */
