/*
 * test_code_kernels.c: integer dot products of packed codes.
 */
#include "unit.h"

#include "quant/vx_code_kernels.h"

/* All kernels give the scalar kernels' integers. */
static void
test_kernels_agree(void **state)
{
	VxRng		rng = {7};
	const VxCodeKernels *table;

	(void) state;
	for (int t = 1; (table = vx_code_kernels_available(t)) != NULL; t++)
		for (uint32_t bytes = 4; bytes <= 300; bytes += 4)
		{
			uint32_t	stride = (bytes + VX_CODE_STEP - 1) / VX_CODE_STEP * VX_CODE_STEP;
			int8_t	   *query = calloc(4, stride);
			uint8_t    *memory = malloc(3 * bytes + VX_CODE_STEP);
			const uint8_t *codes[3] = {memory, memory + bytes, memory + 2 * bytes};
			int32_t		expected[3];
			int32_t		got[3];

			for (uint32_t plane = 0; plane < 4; plane++)
				for (uint32_t i = 0; i < bytes; i++)
					query[plane * stride + i] = (int8_t) (bytes % 8 == 0 ? (vx_rng_below(&rng, 2) ? 127 : -127)
														  : (int) vx_rng_below(&rng, 255) - 127);
			for (uint32_t i = 0; i < 3 * bytes + VX_CODE_STEP; i++)
				memory[i] = (uint8_t) (bytes % 12 == 0 ? 255 : vx_rng_below(&rng, 256));
			vx_code_kernels_scalar.dot4(codes, 3, query, stride, bytes, expected);
			table->dot4(codes, 3, query, stride, bytes, got);
			assert_memory_equal(expected, got, sizeof(got));
			vx_code_kernels_scalar.dot2(codes, 3, query, stride, bytes, expected);
			table->dot2(codes, 3, query, stride, bytes, got);
			assert_memory_equal(expected, got, sizeof(got));
			free(query);
			free(memory);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
