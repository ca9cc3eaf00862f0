/*
 * vx_distance_select.c: which kernel table this processor runs.
 */
#include "core/vx_port.h"
#include "distance/vx_distance_impl.h"

const VxKernels *vx_kernels = &vx_kernels_scalar;

const VxKernels *
vx_kernels_available(int i)
{
	const VxKernels *tables[4];
	int			n = 0;

	tables[n++] = &vx_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
	{
		tables[n++] = &vx_kernels_avx2;
		if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
			&& __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
			tables[n++] = &vx_kernels_avx512;
	}
#elif defined(__aarch64__)
	tables[n++] = &vx_kernels_neon;
#endif
	return i >= 0 && i < n ? tables[i] : NULL;
}

VX_SELECT_KERNELS(VxKernels, vx_kernels_select, vx_kernels, vx_kernels_available)
