/*
 * vecidx_value.h: what the functions of all types share: dimensions as type modifiers, text, arrays that are cast to them.
 */
#ifndef VECIDX_VALUE_H
#define VECIDX_VALUE_H

#include "pg/vecidx_compat.h"

#include "utils/array.h"

/* ---- the type modifier: the number of dimensions ---- */

/* What a typmod_in function returns. Errors: there is more than one, it is not a number, not from 1 to max_dim. type is in messages. */
extern int32 vecidx_typmod_in(ArrayType *array, const char *type, int32 max_dim);

/* Raises an error if dimensions are not those of the type modifier; any will do if that is -1. */
extern void vecidx_check_typmod_dim(int32 typmod, int dim);

/* ---- text ---- */

/* Behind the white space at p, which is what isspace() means in the C locale, whatever the locale is. */
static inline const char *
vecidx_skip_space(const char *p)
{
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	return p;
}

/* ---- arrays of numbers ---- */

typedef struct VecidxArray
{
	int			n;
	Oid			type;			/* of elements */
	Datum	   *elements;		/* [n], to be freed with pfree() */
} VecidxArray;

/* Takes an array apart. Errors: it has more than one dimension, or NULLs. */
extern void vecidx_open_array(ArrayType *array, VecidxArray *opened);

/* An element as a float. Errors: of no type that is known: integer, real, double precision, numeric; a numeric is out of range. */
extern float vecidx_array_element(const VecidxArray *array, int i);

#endif							/* VECIDX_VALUE_H */
