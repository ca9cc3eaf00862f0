/*
 * vx_block_select.c: which block kernels this processor runs.
 */
#include "distance/vx_block_table.h"

const VxBlockKernels *vx_block_kernels = &vx_block_kernels_scalar;

const VxBlockKernels *
vx_block_kernels_available(int i)
{
	const VxBlockKernels *tables[4];
	int			n = 0;

	tables[n++] = &vx_block_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
	{
		tables[n++] = &vx_block_kernels_avx2;
		if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
			&& __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
			tables[n++] = &vx_block_kernels_avx512;
	}
#elif defined(__aarch64__)
	tables[n++] = &vx_block_kernels_neon;
#endif
	return i >= 0 && i < n ? tables[i] : NULL;
}

VX_SELECT_KERNELS(VxBlockKernels, vx_block_kernels_select, vx_block_kernels, vx_block_kernels_available)
