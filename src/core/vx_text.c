/*
 * vx_text.c: numbers from text; see vx_text.h.
 */
#include "core/vx_text.h"

#include <float.h>
#include <string.h>

#define MOST_DIGITS 15			/* a mantissa of so many is exact in a double */
#define MOST_POWER 22			/* and so is this power of ten */

static const double powers[MOST_POWER + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ends_number(char c)
{
	return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\0' || (c >= '\t' && c <= '\r');
}

bool
vx_text_float(const char *text, const char **end, float *value)
{
	const char *p = text;
	bool		negative = *p == '-';
	uint64_t	mantissa = 0;
	int			digits = 0;		/* leading zeros not counted */
	int			seen = 0;
	int			power = 0;
	double		d;
	uint64_t	bits;

	p += negative;
	for (; is_digit(*p); p++, seen++)
	{
		digits += digits > 0 || *p != '0';
		mantissa = mantissa * 10 + (uint64_t) (*p - '0');
		if (digits > MOST_DIGITS)
			return false;
	}
	if (*p == '.')
		for (p++; is_digit(*p); p++, seen++, power--)
		{
			digits += digits > 0 || *p != '0';
			mantissa = mantissa * 10 + (uint64_t) (*p - '0');
			if (digits > MOST_DIGITS)
				return false;
		}
	if (seen == 0)
		return false;
	if (*p == 'e' || *p == 'E')
	{
		bool		below = p[1] == '-';
		int			exponent = 0;

		p += 1 + (p[1] == '-' || p[1] == '+');
		if (!is_digit(*p))
			return false;
		for (; is_digit(*p); p++)
		{
			exponent = exponent * 10 + (*p - '0');
			if (exponent > 99)
				return false;
		}
		power += below ? -exponent : exponent;
	}
	if (!ends_number(*p) || power > MOST_POWER || power < -MOST_POWER)
		return false;

	/* one operation on exact numbers: the double nearest to what is written */
	d = power < 0 ? (double) mantissa / powers[-power] : (double) mantissa * powers[power];
	if (mantissa != 0 && (d < (double) FLT_MIN * 2 || d > (double) FLT_MAX / 2))
		return false;
	/* rounded once more it is the nearest float, unless it lies half way between two: then it matters what was cut off before */
	memcpy(&bits, &d, sizeof(bits));
	if ((bits & UINT64_C(0x1FFFFFFF)) == UINT64_C(0x10000000))
		return false;
	*value = (float) (negative ? -d : d);
	*end = p;
	return true;
}
