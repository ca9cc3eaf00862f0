/*
 * vx_text.h: numbers from text.
 */
#ifndef VX_TEXT_H
#define VX_TEXT_H

#include "core/vx_port.h"

/*
 * Reads a plain decimal number ("-12.5", "3e-4") that a comma, a closing bracket or brace, white space or the end of the text follows. Returns false
 * and changes nothing where the number is written otherwise, or where more than doubles would be needed to round it as strtof()
 * does: ask that then. Else *value is what strtof() returns, and *end is behind the number.
 *
 * Source: Clinger 1990, "How to read floating point numbers accurately", section 1 (the fast path), carried on to floats.
 */
bool		vx_text_float(const char *text, const char **end, float *value);

#endif							/* VX_TEXT_H */
