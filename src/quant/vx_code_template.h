/*
 * vx_code_template.h: the code kernels over vector registers, written once for all instruction sets.
 *
 * The including file defines
 *   VEC                        an integer register of VEC_BYTES bytes (VEC_BYTES divides VX_CODE_STEP)
 *   v_zero() v_load(p)
 *   v_level(v, shift, mask)    each byte of v shifted right and masked; only bits below the byte's top are kept
 *   v_dot(sum, levels, query)  adds products of unsigned and signed bytes, grouped, to 32-bit sums
 *   v_sum(v)                   the sum of the 32-bit lanes
 *   v_sum4(a, b, c, d, out)    the sums of four, to out [4]: a fraction of the work of four times one
 *   VX_TABLE, VX_NAME
 *
 * Every line of every code is prefetched before the first is scored: a batch of misses costs little more than one.
 */

static inline void
prefetch(const uint8_t *const *codes, uint32_t n, uint32_t bytes)
{
	for (uint32_t c = 0; c < n; c++)
		vx_prefetch(codes[c], bytes);
}

static void
dot4(const uint8_t *const *codes, uint32_t n, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *dot)
{
	uint32_t	c = 0;

	prefetch(codes, n, bytes);
	for (; c + 4 <= n; c += 4)
	{
		VEC			sum[4] = {v_zero(), v_zero(), v_zero(), v_zero()};

		for (uint32_t i = 0; i < bytes; i += VEC_BYTES)
		{
			VEC			query0 = v_load(query + i);
			VEC			query1 = v_load(query + stride + i);

			for (uint32_t k = 0; k < 4; k++)
			{
				VEC			packed = v_load(codes[c + k] + i);

				sum[k] = v_dot(sum[k], v_level(packed, 0, 15), query0);
				sum[k] = v_dot(sum[k], v_level(packed, 4, 15), query1);
			}
		}
		v_sum4(sum[0], sum[1], sum[2], sum[3], dot + c);
	}
	for (; c < n; c++)
	{
		const uint8_t *code = codes[c];
		VEC			sum0 = v_zero();
		VEC			sum1 = v_zero();

		for (uint32_t i = 0; i < bytes; i += VEC_BYTES)
		{
			VEC			packed = v_load(code + i);

			sum0 = v_dot(sum0, v_level(packed, 0, 15), v_load(query + i));
			sum1 = v_dot(sum1, v_level(packed, 4, 15), v_load(query + stride + i));
		}
		dot[c] = v_sum(v_add(sum0, sum1));
	}
}

static void
dot2(const uint8_t *const *codes, uint32_t n, const int8_t *query, uint32_t stride, uint32_t bytes, int32_t *dot)
{
	uint32_t	c = 0;

	prefetch(codes, n, bytes);
	for (; c + 4 <= n; c += 4)
	{
		VEC			sum[4] = {v_zero(), v_zero(), v_zero(), v_zero()};

		for (uint32_t i = 0; i < bytes; i += VEC_BYTES)
		{
			VEC			query0 = v_load(query + i);
			VEC			query1 = v_load(query + stride + i);
			VEC			query2 = v_load(query + 2 * stride + i);
			VEC			query3 = v_load(query + 3 * stride + i);

			for (uint32_t k = 0; k < 4; k++)
			{
				VEC			packed = v_load(codes[c + k] + i);

				sum[k] = v_dot(sum[k], v_level(packed, 0, 3), query0);
				sum[k] = v_dot(sum[k], v_level(packed, 2, 3), query1);
				sum[k] = v_dot(sum[k], v_level(packed, 4, 3), query2);
				sum[k] = v_dot(sum[k], v_level(packed, 6, 3), query3);
			}
		}
		v_sum4(sum[0], sum[1], sum[2], sum[3], dot + c);
	}
	for (; c < n; c++)
	{
		const uint8_t *code = codes[c];
		VEC			sum0 = v_zero();
		VEC			sum1 = v_zero();

		for (uint32_t i = 0; i < bytes; i += VEC_BYTES)
		{
			VEC			packed = v_load(code + i);

			sum0 = v_dot(sum0, v_level(packed, 0, 3), v_load(query + i));
			sum1 = v_dot(sum1, v_level(packed, 2, 3), v_load(query + stride + i));
			sum0 = v_dot(sum0, v_level(packed, 4, 3), v_load(query + 2 * stride + i));
			sum1 = v_dot(sum1, v_level(packed, 6, 3), v_load(query + 3 * stride + i));
		}
		dot[c] = v_sum(v_add(sum0, sum1));
	}
}

const VxCodeKernels VX_TABLE = {.name = VX_NAME,.dot4 = dot4,.dot2 = dot2};
