/*
 * vx_filter_scalar.c: filter kernels in plain C, and which kernels this processor runs.
 */
#include "format/vx_filter.h"

#define VX_TABLE vx_filter_kernels_scalar
#define VX_NAME "scalar"

VX_INLINE uint64_t
range(const void *column, uint32_t width, uint64_t low, uint64_t high)
{
	uint64_t	found = 0;

	for (uint32_t i = 0; i < VX_FILTER_BLOCK; i++)
	{
		uint64_t	x = vx_signature_load((const char *) column + i * width, width);

		found |= (uint64_t) (low <= x && x <= high) << i;
	}
	return found;
}

VX_INLINE uint64_t
any(const void *column, uint32_t width, const uint64_t *values, uint32_t n, bool masked)
{
	uint64_t	found = 0;

	for (uint32_t v = 0; v < n; v++)
		for (uint32_t i = 0; i < VX_FILTER_BLOCK; i++)
		{
			uint64_t	x = vx_signature_load((const char *) column + i * width, width);

			found |= (uint64_t) ((masked ? x & values[v] : x) == values[v]) << i;
		}
	return found;
}

#include "format/vx_filter_table.h"

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

VX_SELECT_KERNELS(VxFilterKernels, vx_filter_kernels_select, vx_filter_kernels, vx_filter_kernels_available)
