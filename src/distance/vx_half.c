/*
 * vx_half.c: half precision; see vx_half.h. x86-64 processors with F16C convert eight at a time, the others by arithmetic
 * on bits that gives the same results.
 */
#include "distance/vx_half.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LARGEST_HALF 65504.0f

static uint16_t
from_float(float x)
{
	uint32_t	bits;
	uint32_t	sign;
	uint32_t	magnitude;

	/* the comparisons are false for NaN */
	x = x < LARGEST_HALF ? x : (x >= LARGEST_HALF ? LARGEST_HALF : 0);
	x = x > -LARGEST_HALF ? x : -LARGEST_HALF;
	memcpy(&bits, &x, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	magnitude = bits & 0x7FFFFFFF;
	if (magnitude < 0x38800000)
	{
		/* below the smallest normal half: let a float addition do the rounding */
		float		shifted;

		memcpy(&shifted, &magnitude, sizeof(shifted));
		shifted += 0.5f;
		memcpy(&magnitude, &shifted, sizeof(magnitude));
		return (uint16_t) (sign | (magnitude - 0x3F000000));
	}
	/* to the half's exponent, and half a unit (less if the last bit is even) for rounding */
	magnitude += 0xC8000FFF + (magnitude >> 13 & 1);
	return (uint16_t) (sign | (magnitude >> 13));
}

static float
to_float(uint16_t half)
{
	uint32_t	magnitude = (uint32_t) (half & 0x7FFF) << 13;
	uint32_t	exponent = magnitude & 0x0F800000;
	float		x;

	if (exponent == 0x0F800000)
		magnitude += 0x70000000;	/* infinity, NaN */
	else if (exponent == 0)
	{
		/* zero and subnormals: normalised by a float subtraction */
		static const float smallest = 0x1.0p-14f;

		magnitude += 0x38800000;
		memcpy(&x, &magnitude, sizeof(x));
		x -= smallest;
		memcpy(&magnitude, &x, sizeof(magnitude));
	}
	else
		magnitude += 0x38000000;
	magnitude |= (uint32_t) (half & 0x8000) << 16;
	memcpy(&x, &magnitude, sizeof(x));
	return x;
}

#if defined(__x86_64__)
__attribute__((target("avx,f16c")))
static size_t
from_floats_f16c(const float *x, size_t n, uint16_t *half)
{
	__m256		most = _mm256_set1_ps(LARGEST_HALF);
	__m256		least = _mm256_set1_ps(-LARGEST_HALF);
	size_t		i = 0;

	for (; i + 8 <= n; i += 8)
	{
		__m256		v = _mm256_loadu_ps(x + i);

		v = _mm256_and_ps(v, _mm256_cmp_ps(v, v, _CMP_ORD_Q));
		v = _mm256_min_ps(_mm256_max_ps(v, least), most);
		_mm_storeu_si128((__m128i *) (void *) (half + i), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
	}
	return i;
}

__attribute__((target("avx,f16c")))
static size_t
to_floats_f16c(const uint16_t *half, size_t n, float *x)
{
	size_t		i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(x + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (const void *) (half + i))));
	return i;
}

static int
have_f16c(void)
{
	static int	known = -1;

	if (known < 0)
	{
		__builtin_cpu_init();
		known = __builtin_cpu_supports("avx2") != 0;	/* every processor with AVX2 has F16C; compilers differ on asking */
	}
	return known;
}
#endif

void
vx_half_from_floats(const float *x, size_t n, uint16_t *half)
{
	size_t		i = 0;

#if defined(__x86_64__)
	if (have_f16c())
		i = from_floats_f16c(x, n, half);
#endif
	for (; i < n; i++)
		half[i] = from_float(x[i]);
}

void
vx_half_to_floats(const uint16_t *half, size_t n, float *x)
{
	size_t		i = 0;

#if defined(__x86_64__)
	if (have_f16c())
		i = to_floats_f16c(half, n, x);
#endif
	for (; i < n; i++)
		x[i] = to_float(half[i]);
}

/* Elements up to LARGEST_HALF, and a root mean square whose error as a subnormal half is less than that of a normal one. */
#define MOST_NORM2 (LARGEST_HALF * LARGEST_HALF)
#define LEAST_MEAN2 0x1p-26f

/* What lengths become when they are scaled: 2^14 is about a quarter of the largest half. */
#define SCALED_EXPONENT 14

/* For squared norms that are no floats: elements from 2^58, which 4,000 of them may be, to 2^85, and below 2^-75. */
#define SCALE_OF_INFINITE 0x1p-70f
#define SCALE_OF_ZERO 0x1p88f

float
vx_half_scale(float norm2, size_t n)
{
	if (norm2 <= MOST_NORM2 && norm2 >= LEAST_MEAN2 * (float) n)
		return 1;
	if (!(norm2 <= FLT_MAX))
		return SCALE_OF_INFINITE;
	if (!(norm2 > 0))
		return SCALE_OF_ZERO;
	/* half the exponent, rounded up */
	return ldexpf(1, SCALED_EXPONENT - (ilogbf(norm2) + 2) / 2);
}

void
vx_half_from_scaled(const float *x, size_t n, float scale, uint16_t *half)
{
	float		part[64];

	if (scale == 1)
	{
		vx_half_from_floats(x, n, half);
		return;
	}
	for (size_t from = 0; from < n; from += 64)
	{
		size_t		count = n - from < 64 ? n - from : 64;

		for (size_t i = 0; i < count; i++)
			part[i] = x[from + i] * scale;
		vx_half_from_floats(part, count, half + from);
	}
}

void
vx_half_to_scaled(const uint16_t *half, size_t n, float scale, float *x)
{
	float		inverse = 1 / scale;

	vx_half_to_floats(half, n, x);
	if (scale != 1)
		for (size_t i = 0; i < n; i++)
			x[i] *= inverse;
}
