/*
 * vx_code_scalar.c: code kernels in plain C, and the choice of kernels.
 */
#include "quant/vx_code_kernels.h"

#define VX_TABLE vx_code_kernels_scalar
#define VX_NAME "scalar"

VX_INLINE void
dot(const uint8_t *const *codes, uint32_t n, int bits, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *result)
{
	for (uint32_t c = 0; c < n; c++)
	{
		int32_t		sum = 0;

		for (uint32_t i = 0; i < bytes; i++)
			for (int plane = 0; plane < 8 / bits; plane++)
				sum += (codes[c][i] >> (plane * bits) & ((1 << bits) - 1)) * query[(uint32_t) plane * stride + i];
		result[c] = sum;
	}
}

#include "quant/vx_code_table.h"

const VxCodeKernels *vx_code_kernels = &vx_code_kernels_scalar;

const VxCodeKernels *
vx_code_kernels_available(int i)
{
	const VxCodeKernels *tables[3];
	int			n = 0;

	tables[n++] = &vx_code_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2"))
		tables[n++] = &vx_code_kernels_avx2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
		&& __builtin_cpu_supports("avx512vnni"))
		tables[n++] = &vx_code_kernels_avx512;
#elif defined(__aarch64__)
	tables[n++] = &vx_code_kernels_neon;
#endif
	return i >= 0 && i < n ? tables[i] : NULL;
}

VX_SELECT_KERNELS(VxCodeKernels, vx_code_kernels_select, vx_code_kernels, vx_code_kernels_available)
