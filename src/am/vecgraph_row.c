/*
 * vecgraph_row.c: rows of a table as an index has them. What the values of its columns are is known here and nowhere else.
 */
#include "am/vecgraph.h"

VxPoint *
vecgraph_point(const VecidxType *type, const VxSpace *space, Datum value, MemoryContext context)
{
	VxPoint    *point = type->point(space, value, false, context);

	if (vx_space_has_place(space, point))
		return point;
	pfree(point);
	return NULL;
}

bool
vecgraph_make_row(const VecGraphOpclass *opclass, const VxSpace *space, const Datum *values, const bool *isnull, ItemPointer tid,
				  MemoryContext context, VecGraphRow *row)
{
	if (vecgraph_row_is_absent(isnull))
		return false;
	row->tid = *tid;
	row->hash = 0;
	row->point = vecgraph_point(opclass->type, space, values[0], context);
	return row->point != NULL;
}

Size
vecgraph_flatten_row(const VxSpace *space, const VecGraphRow *row, VecGraphFlatRow *flat)
{
	Size		bytes = vx_space_bytes(space, row->point);

	flat->tid = row->tid;
	flat->unused = 0;
	flat->hash = row->hash;
	memcpy(&flat->point, row->point, bytes);
	return offsetof(VecGraphFlatRow, point) + bytes;
}
