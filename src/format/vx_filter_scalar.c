/*
 * vx_filter_scalar.c: filter kernels in plain C, and which kernels this processor runs.
 */
#include "format/vx_filter.h"

/* The bits of a condition on each entry x of the column. */
#define BITS_OF(width, condition) \
	do { \
		for (uint32_t i = 0; i < VX_FILTER_BLOCK; i++) \
		{ \
			uint64_t	x = vx_signature_load((const char *) column + i * (width), width); \
			found |= (uint64_t) (condition) << i; \
		} \
	} while (0)

static uint64_t
range4(const void *column, uint64_t low, uint64_t high)
{
	uint64_t	found = 0;

	BITS_OF(4, low <= x && x <= high);
	return found;
}

static uint64_t
range8(const void *column, uint64_t low, uint64_t high)
{
	uint64_t	found = 0;

	BITS_OF(8, low <= x && x <= high);
	return found;
}

static uint64_t
any4(const void *column, const uint64_t *values, uint32_t n)
{
	uint64_t	found = 0;

	for (uint32_t v = 0; v < n; v++)
		BITS_OF(4, x == values[v]);
	return found;
}

static uint64_t
any8(const void *column, const uint64_t *values, uint32_t n)
{
	uint64_t	found = 0;

	for (uint32_t v = 0; v < n; v++)
		BITS_OF(8, x == values[v]);
	return found;
}

static uint64_t
masks8(const void *column, const uint64_t *masks, uint32_t n)
{
	uint64_t	found = 0;

	for (uint32_t v = 0; v < n; v++)
		BITS_OF(8, (x & masks[v]) == masks[v]);
	return found;
}

const VxFilterKernels vx_filter_kernels_scalar = {
	.name = "scalar",
	.range4 = range4,
	.range8 = range8,
	.any4 = any4,
	.any8 = any8,
	.masks8 = masks8,
};

const VxFilterKernels *vx_filter_kernels = &vx_filter_kernels_scalar;

const VxFilterKernels *
vx_filter_kernels_available(int i)
{
	const VxFilterKernels *tables[3];
	int			n = 0;

	tables[n++] = &vx_filter_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2"))
	{
		tables[n++] = &vx_filter_kernels_avx2;
		if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
			tables[n++] = &vx_filter_kernels_avx512;
	}
#endif
	return i >= 0 && i < n ? tables[i] : NULL;
}

const VxFilterKernels *
vx_filter_kernels_select(void)
{
	const VxFilterKernels *table;

	/* tables are listed from slow to fast */
	for (int i = 0; (table = vx_filter_kernels_available(i)) != NULL; i++)
		vx_filter_kernels = table;
	return vx_filter_kernels;
}
