/*
 * vecgraph_row.c: rows of a table as an index has them. What the values of its columns are is known here and nowhere else.
 */
#include "am/vecgraph.h"

#include "core/vx_hash.h"

VxPoint *
vecgraph_point(const VecidxType *type, const VxSpace *space, Datum value, MemoryContext context)
{
	VxPoint    *point = type->point(space, value, false, context);

	if (vx_space_has_place(space, point))
		return point;
	pfree(point);
	return NULL;
}

VxPoint *
vecgraph_row_point(const VecidxType *type, const VxSpace *space, const Datum *values, const bool *isnull, MemoryContext context)
{
	return vecgraph_row_is_absent(isnull) ? NULL : vecgraph_point(type, space, values[0], context);
}

void
vecgraph_columns_open(Relation index, MemoryContext context, VecGraphColumns *columns)
{
	columns->opclass = vecgraph_opclass(index);
	vecgraph_filters_open(index, context, &columns->filters);
}

bool
vecgraph_make_row(const VecGraphColumns *columns, const VxSpace *space, const Datum *values, const bool *isnull, ItemPointer tid,
				  MemoryContext context, VecGraphRow *row)
{
	row->tid = *tid;
	row->hash = 0;
	row->point = vecgraph_row_point(columns->opclass->type, space, values, isnull, context);
	if (row->point == NULL)
		return false;
	if (columns->filters.count > 0)
		vecgraph_make_signature(&columns->filters, values, isnull, row->signature);
	return true;
}

uint32
vecgraph_row_hash(const VxSpace *space, const VxPoint *point, const uint64 *signature, uint32 filter_count)
{
	uint32		hash = vx_space_hash(space, point);

	for (uint32 i = 0; i < filter_count; i++)
		hash = (uint32) (vx_hash_mix(hash, signature[i]) >> 32);
	return hash;
}

Size
vecgraph_flatten_row(const VxSpace *space, const VecGraphRow *row, uint32 filter_count, VecGraphFlatRow *flat)
{
	Size		bytes = vx_space_bytes(space, row->point);

	flat->tid = row->tid;
	flat->filter_count = (uint16) filter_count;
	flat->hash = row->hash;
	memcpy(&flat->point, row->point, bytes);
	memcpy((char *) &flat->point + bytes, row->signature, filter_count * sizeof(uint64));
	return vecgraph_flat_row_bytes(space, row->point, filter_count);
}

VecGraphRow
vecgraph_unflatten_row(const VxSpace *space, VecGraphFlatRow *flat)
{
	VecGraphRow row = {.tid = flat->tid,.hash = flat->hash,.point = &flat->point};

	memcpy(row.signature, (char *) row.point + vx_space_bytes(space, row.point), flat->filter_count * sizeof(uint64));
	return row;
}
