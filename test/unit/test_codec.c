/*
 * test_codec.c: what the kinds of codes say of themselves.
 */
#include "unit.h"

#include "quant/vx_pq.h"
#include "unit_codec.h"

static const VxSpace ten = {.metric = VX_METRIC_L2,.dim = 10};

static void
test_kinds(void **state)
{
	(void) state;
	assert_null(vx_code_kind(VX_CODES_BITS + 1));
	for (uint32_t kind = VX_CODES_NONE; kind <= VX_CODES_BITS; kind++)
	{
		const VxCodecOps *ops = vx_code_kind(kind);

		assert_non_null(ops);
		assert_int_equal(ops->model == VX_MODEL_NONE, ops->model_copies == 0);
		assert_int_equal(ops->model == VX_MODEL_NONE, vx_code_model_bytes((VxCodeKind) kind, 10) == 0);
		/* what is as good as vectors for comparing edges is good enough to find them */
		assert_true(ops->links || !ops->prunes);
	}
}

/* Sizes are those of the kind, whatever the dimensions; there are none of a form of points that the kind is not for. */
static void
test_code_bytes(void **state)
{
	(void) state;
	for (int kind = VX_CODES_NONE; kind <= VX_CODES_BITS; kind++)
		for (int metric = VX_METRIC_L2; metric <= VX_METRIC_JACCARD; metric++)
			for (uint32_t dim = 1; dim < 100; dim += 7)
			{
				VxForm		form = metric >= VX_METRIC_HAMMING ? VX_FORM_BITS : VX_FORM_DENSE;
				bool		none = kind == VX_CODES_NONE || (kind == VX_CODES_BITS) != (form == VX_FORM_BITS);
				VxSpace		space = {.metric = (VxMetric) metric,.dim = dim,.form = form};
				uint32_t	bytes = vx_code_bytes((VxCodeKind) kind, &space, dim);

				assert_int_equal(bytes == 0, none);
				assert_int_equal(vx_code_bytes_fit((VxCodeKind) kind, &space, bytes), kind == VX_CODES_NONE || !none);
				assert_false(vx_code_bytes_fit((VxCodeKind) kind, &space, bytes + 1));
				assert_int_equal(vx_code_bytes_fit((VxCodeKind) kind, &space, 0), kind == VX_CODES_NONE);
			}
	/* fewer subvectors than dimensions, but one */
	assert_true(vx_code_bytes_fit(VX_CODES_PQ, &ten, 2));
	assert_false(vx_code_bytes_fit(VX_CODES_PQ, &ten, 1));
}

static void
test_model_check(void **state)
{
	VxPqSample	sample = {0};
	float		mean[10] = {0};
	void	   *codebook = malloc(vx_pq_codebook_bytes(10));

	(void) state;
	assert_null(vx_code_kind(VX_CODES_SCALAR4)->check_model(mean, 10, vx_code_bytes(VX_CODES_SCALAR4, &ten, 0)));
	mean[9] = INFINITY;
	assert_non_null(vx_code_kind(VX_CODES_SCALAR2)->check_model(mean, 10, vx_code_bytes(VX_CODES_SCALAR2, &ten, 0)));
	vx_pq_train(&unit_mem, 10, 5, &sample, 1, codebook);
	assert_null(vx_code_kind(VX_CODES_PQ)->check_model(codebook, 10, 6));
	assert_non_null(vx_code_kind(VX_CODES_PQ)->check_model(codebook, 10, 5));
	assert_non_null(vx_code_kind(VX_CODES_PQ)->check_model(codebook, 9, 6));
	memset(codebook, 1, 4);
	assert_non_null(vx_code_kind(VX_CODES_PQ)->check_model(codebook, 10, 6));
	free(codebook);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_code_bytes),
		cmocka_unit_test(test_model_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
