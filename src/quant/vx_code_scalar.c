/*
 * vx_code_scalar.c: code kernels in plain C, and the choice of kernels.
 */
#include "quant/vx_code_kernels.h"

static void
dot4(const uint8_t *const *codes, uint32_t n, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *dot)
{
	for (uint32_t c = 0; c < n; c++)
	{
		int32_t		sum = 0;

		for (uint32_t i = 0; i < bytes; i++)
			sum += (codes[c][i] & 15) * query[i] + (codes[c][i] >> 4) * query[stride + i];
		dot[c] = sum;
	}
}

static void
dot2(const uint8_t *const *codes, uint32_t n, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *dot)
{
	for (uint32_t c = 0; c < n; c++)
	{
		int32_t		sum = 0;

		for (uint32_t i = 0; i < bytes; i++)
			for (uint32_t plane = 0; plane < 4; plane++)
				sum += (codes[c][i] >> (2 * plane) & 3) * query[plane * stride + i];
		dot[c] = sum;
	}
}

const VxCodeKernels vx_code_kernels_scalar = {.name = "scalar",.dot4 = dot4,.dot2 = dot2};

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

const VxCodeKernels *
vx_code_kernels_select(void)
{
	const VxCodeKernels *table;

	/* tables are listed from slow to fast */
	for (int i = 0; (table = vx_code_kernels_available(i)) != NULL; i++)
		vx_code_kernels = table;
	return vx_code_kernels;
}
