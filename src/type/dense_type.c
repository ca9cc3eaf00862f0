/*
 * dense_type.c: vector and halfvec as the access method knows them.
 */
#include "type/vecidx_type.h"

#include "type/vecidx_dense.h"
#include "type/vecidx_operand.h"

StaticAssertDecl(VECIDX_VECTOR_MAX_DIM == VX_DENSE_MAX_DIM, "all vectors can be indexed");

/* Below this many dimensions a vector is hardly larger than a code, and exact. */
#define CODED_FROM 24

/* Fewer edges, down to this, cost searches little, and more nodes fit a page. */
#define USUAL_DEGREE 64
#define PACKED_DEGREE 48

/* Recall@10 of about 0.99 on the real data sets of bench/. */
#define USUAL_LIST_SIZE 64

#define ALL_CODES (1 << VX_CODES_NONE | 1 << VX_CODES_SCALAR4 | 1 << VX_CODES_SCALAR2 | 1 << VX_CODES_PQ)

/* Of either type: a halfvec begins as a vector does. */
static uint32
dense_dim(Datum value)
{
	VecidxVector *v = DatumGetVecidxVector(value);
	uint32		dim = v->dim;

	if ((Pointer) v != DatumGetPointer(value))
		pfree(v);
	return dim;
}

static pg_attribute_always_inline VxPoint *
dense_point(VecidxDense type, const VxSpace *space, Datum value, bool is_query, MemoryContext context)
{
	VecidxOpened v;
	VxPoint    *point;

	vecidx_open(type, value, &v);
	if (is_query)
		vecidx_check_same_dim(type, (int) space->dim, v.dim);
	else
		vecidx_check_typmod_dim((int32) space->dim, v.dim);
	point = MemoryContextAlloc(context, VX_POINT_BYTES(space->dim));
	vx_point_set(point, v.x, space->dim);
	vecidx_close(&v);
	return point;
}

static VxPoint *
vector_point(const VxSpace *space, Datum value, bool is_query, MemoryContext context)
{
	return dense_point(VECIDX_VECTOR, space, value, is_query, context);
}

static VxPoint *
halfvec_point(const VxSpace *space, Datum value, bool is_query, MemoryContext context)
{
	return dense_point(VECIDX_HALFVEC, space, value, is_query, context);
}

static pg_attribute_always_inline void
dense_floats(VecidxDense type, Datum value, uint32 dim, float *x)
{
	VecidxVector *v = DatumGetVecidxVector(value);

	vecidx_read_ahead(v, VARSIZE(v));
	vecidx_check_same_dim(type, (int) dim, v->dim);
	if (type == VECIDX_HALFVEC)
		vx_half_to_floats(((VecidxHalfvec *) v)->x, dim, x);
	else
		memcpy(x, v->x, dim * sizeof(float));
	if ((Pointer) v != DatumGetPointer(value))
		pfree(v);
}

static void
vector_floats(Datum value, uint32 dim, float *x)
{
	dense_floats(VECIDX_VECTOR, value, dim, x);
}

static void
halfvec_floats(Datum value, uint32 dim, float *x)
{
	dense_floats(VECIDX_HALFVEC, value, dim, x);
}

/* As the cast from vector does. */
static void
halfvec_round(float *x, uint32 dim)
{
	VecidxHalfvec *v;

	for (uint32 i = 0; i < dim; i++)
		vecidx_check_range(VECIDX_HALFVEC, x[i]);
	v = vecidx_halfvec_new(x, (int) dim);
	vx_half_to_floats(v->x, dim, x);
	pfree(v);
}

const VecidxType vecidx_vector_type = {
	.name = "vector",
	.max_dim = VECIDX_VECTOR_MAX_DIM,
	.form = VX_FORM_DENSE,
	.storages = 1 << VX_STORAGE_FULL | 1 << VX_STORAGE_HALF | 1 << VX_STORAGE_HEAP,
	.whole = VX_STORAGE_FULL,
	.codes = ALL_CODES,
	.coded_from = CODED_FROM,
	.coded_to = VECIDX_VECTOR_MAX_DIM,
	.usual_degree = USUAL_DEGREE,
	.packed_degree = PACKED_DEGREE,
	.usual_list_size = USUAL_LIST_SIZE,
	.dim = dense_dim,
	.point = vector_point,
	.floats = vector_floats,
};

/* Halves have nothing to lose by being stored as halves. */
static const VecidxType halfvec_type = {
	.name = "halfvec",
	.max_dim = VECIDX_VECTOR_MAX_DIM,
	.form = VX_FORM_DENSE,
	.storages = 1 << VX_STORAGE_EXACT_HALF | 1 << VX_STORAGE_HEAP,
	.whole = VX_STORAGE_EXACT_HALF,
	.codes = ALL_CODES,
	.coded_from = CODED_FROM,
	.coded_to = VECIDX_VECTOR_MAX_DIM,
	.usual_degree = USUAL_DEGREE,
	.packed_degree = PACKED_DEGREE,
	.usual_list_size = USUAL_LIST_SIZE,
	.dim = dense_dim,
	.point = halfvec_point,
	.floats = halfvec_floats,
	.round = halfvec_round,
};

VECIDX_SUPPORT_FUNCTION(vecgraph_vector_l2_support, VX_METRIC_L2, vecidx_vector_type);
VECIDX_SUPPORT_FUNCTION(vecgraph_vector_ip_support, VX_METRIC_IP, vecidx_vector_type);
VECIDX_SUPPORT_FUNCTION(vecgraph_vector_cosine_support, VX_METRIC_COSINE, vecidx_vector_type);
VECIDX_SUPPORT_FUNCTION(vecgraph_vector_l1_support, VX_METRIC_L1, vecidx_vector_type);
VECIDX_SUPPORT_FUNCTION(vecgraph_halfvec_l2_support, VX_METRIC_L2, halfvec_type);
VECIDX_SUPPORT_FUNCTION(vecgraph_halfvec_ip_support, VX_METRIC_IP, halfvec_type);
VECIDX_SUPPORT_FUNCTION(vecgraph_halfvec_cosine_support, VX_METRIC_COSINE, halfvec_type);
VECIDX_SUPPORT_FUNCTION(vecgraph_halfvec_l1_support, VX_METRIC_L1, halfvec_type);
