/*
 * fuzz_slot.c: slots of node pages: what vx_slot_check lets pass can be read as the server reads it, inside the slot and the index.
 */
#include "fuzz.h"

#include <math.h>

#include "format/vx_format.h"

#define BODY 8160

static VxGeometry
choose_geometry(FuzzInput *input)
{
	VxGeometry	g = {0};

	g.storage = (VxStorage) (VX_STORAGE_FULL + fuzz_below(input, 5));
	g.dim = 1 + fuzz_below(input, 64);
	g.edge_capacity = 1 + fuzz_below(input, 40);
	g.record_bytes = vx_record_bytes(g.storage, g.dim, g.edge_capacity);
	g.body_bytes = BODY;
	g.nodes_per_page = BODY / g.record_bytes;
	g.tids_per_slot = (uint32_t) ((g.record_bytes - offsetof(VxTidSlot, tids)) / sizeof(VxHeapTid));
	return g;
}

static void
use_node(const VxGeometry *g, VxSlot *slot, uint32_t id_bound)
{
	uint32_t	sum = 0;

	FUZZ_ASSERT(slot->tid_count <= VX_INLINE_TIDS);
	for (uint32_t i = 0; i < slot->tid_count; i++)
		sum += slot->tids[i].offset;
	for (uint32_t i = 0; i < slot->degree; i++)
		FUZZ_ASSERT(slot->edges[i] < id_bound);
	if (g->storage == VX_STORAGE_FULL)
		for (uint32_t i = 0; i < g->dim; i++)
			FUZZ_ASSERT(isfinite(vx_slot_whole_point(g, slot)->x[i]));
	if (g->storage == VX_STORAGE_EXACT_HALF)
		for (uint32_t i = 0; i < g->dim; i++)
			FUZZ_ASSERT((vx_slot_half_point(g, slot)->half[i] & 0x7C00) != 0x7C00);
	if (g->storage == VX_STORAGE_HALF)
		for (uint32_t i = 0; i < g->dim; i++)
			sum += vx_slot_absent_point(g, slot)->half[i];
	(void) *(volatile uint32_t *) &sum;
}

int
fuzz_one(const uint8_t *data, size_t size)
{
	FuzzInput	input = {data, size};
	VxGeometry	g = choose_geometry(&input);
	uint32_t	id_bound = 1 + fuzz_below(&input, 1000);
	VxSlot	   *slot = malloc(g.record_bytes);
	uint32_t	version;

	fuzz_take(&input, slot, g.record_bytes);
	if (vx_slot_check(&g, slot, id_bound, true) == NULL && slot->state != VX_SLOT_FREE)
	{
		FUZZ_ASSERT(vx_slot_check(&g, slot, id_bound, false) == NULL);
		FUZZ_ASSERT(slot->chain == VX_NO_NODE || slot->chain < id_bound);
		if (slot->state == VX_SLOT_TIDS)
		{
			const VxTidSlot *more = (const VxTidSlot *) slot;

			FUZZ_ASSERT(more->owner < id_bound);
			FUZZ_ASSERT((const char *) (more->tids + more->tid_count) <= (const char *) slot + g.record_bytes);
		}
		else
			use_node(&g, slot, id_bound);
	}
	version = slot->version;
	vx_slot_clear(&g, slot);
	FUZZ_ASSERT(slot->version == version + 1 && vx_slot_check(&g, slot, id_bound, true) == NULL);
	free(slot);
	return 0;
}
