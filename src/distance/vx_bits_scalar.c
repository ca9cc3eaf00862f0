/*
 * vx_bits_scalar.c: kernels that count bits in plain C: obviously right, and what every other table is tested against. Also the choice
 * among them.
 */
#include "distance/vx_bits_impl.h"

VX_INLINE uint32_t
count(const void *a, const void *b, size_t n)
{
	int			sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += __builtin_popcountll(vx_bits_word(a, i) ^ (b == NULL ? 0 : vx_bits_word(b, i)));
	return (uint32_t) sum;
}

#define VX_TABLE vx_bit_kernels_scalar
#define VX_NAME "scalar"
#include "distance/vx_bits_table.h"

const VxBitKernels *vx_bit_kernels = &vx_bit_kernels_scalar;

const VxBitKernels *
vx_bit_kernels_available(int i)
{
	const VxBitKernels *tables[4];
	int			n = 0;

	tables[n++] = &vx_bit_kernels_scalar;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
	{
		tables[n++] = &vx_bit_kernels_avx2;
		if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq"))
			tables[n++] = &vx_bit_kernels_avx512;
	}
#elif defined(__aarch64__)
	tables[n++] = &vx_bit_kernels_neon;
#endif
	return i >= 0 && i < n ? tables[i] : NULL;
}

VX_SELECT_KERNELS(VxBitKernels, vx_bit_kernels_select, vx_bit_kernels, vx_bit_kernels_available)
