/*
 * vecidx_type.h: a type of indexed values, as the access method knows it.
 *
 * There is one description for each form that values have. Whoever has an index or an operator class comes by it through the operator
 * class's support function, and never by the name of a type: so a type of another extension, whose values have a form that is known
 * here, needs SQL only. README.md in this folder says how to add either.
 */
#ifndef VECIDX_TYPE_H
#define VECIDX_TYPE_H

#include "pg/vecidx_compat.h"

#include "format/vx_format.h"

typedef struct VecidxType
{
	const char *name;			/* in messages: of the type that vecidx or pgvector makes */
	uint32		max_dim;
	VxForm		form;			/* of points */
	uint32		storages;		/* that nodes may have: bits 1 << VxStorage */
	VxStorage	whole;			/* the one of them by which a node holds all that a value is */
	uint32		codes;			/* that nodes may have: bits 1 << VxCodeKind */
	uint32		coded_from;		/* dimensions from which codes pay beside the vector, by measurement */
	uint32		coded_to;		/* and to which */

	/*
	 * Edges of a node where option max_degree is not set: at most so many, by recall, and no fewer than so many to have more
	 * nodes on a page; a third of that where a page has no room.
	 */
	uint32		usual_degree;
	uint32		packed_degree;

	uint32		usual_list_size;	/* L of searches where nothing is set */
	uint32		least_rerank;	/* rows fetched before the first one leaves, at least, where nothing is set */

	/* How many dimensions a value has. */
	uint32		(*dim) (Datum value);

	/* Makes the point of an indexed value or a query in context. Errors: it does not have the dimensions of the space. */
	VxPoint    *(*point) (const VxSpace *space, Datum value, bool is_query, MemoryContext context);

	/*
	 * Where values are arrays of floats; NULL for others. Copies those of a value to x [dim]. Errors: it does not have these
	 * dimensions.
	 */
	void		(*floats) (Datum value, uint32 dim, float *x);

	/* Makes of floats x [dim] what a value of the type would have of them; NULL: it has them as they are. Errors: out of range. */
	void		(*round) (float *x, uint32 dim);
} VecidxType;

static inline bool
vecidx_type_has_storage(const VecidxType *type, VxStorage storage)
{
	return (type->storages >> storage & 1) != 0;
}

static inline bool
vecidx_type_has_codes(const VecidxType *type, VxCodeKind kind)
{
	return (type->codes >> kind & 1) != 0;
}

/*
 * What the columns of an operator class are for. What a support function returns begins with this, and is more only for a vector. The
 * numbers are such as memory of something else does not begin with.
 */
typedef enum VecGraphRole
{
	VECGRAPH_ROLE_VECTOR = 0x56454354,
	VECGRAPH_ROLE_FILTER = 0x46494C54
} VecGraphRole;

/* What the support function of an operator class for vectors returns. */
typedef struct VecGraphOpclass
{
	VecGraphRole role;			/* VECGRAPH_ROLE_VECTOR */
	VxMetric	metric;
	const VecidxType *type;		/* of indexed values and queries */
} VecGraphOpclass;

/* Makes a support function of vectors, name(internal) returns internal. */
#define VECIDX_SUPPORT_FUNCTION(name, metric_value, type_value) \
	VECIDX_SQL_FUNCTION(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		static const VecGraphOpclass opclass = {.role = VECGRAPH_ROLE_VECTOR,.metric = metric_value,.type = &type_value}; \
		PG_RETURN_POINTER(&opclass); \
	} \
	extern int vecidx_dummy_declaration

/* What columns are read as, by a cast, whose own type no operator class is for: arrays, for example. */
extern const VecidxType vecidx_vector_type;

#endif							/* VECIDX_TYPE_H */
