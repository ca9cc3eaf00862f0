/*
 * vecgraph_mem.c: what pure code is given of the server: memory, and a word now and then.
 */
#include "am/vecgraph.h"

#include "miscadmin.h"

static void *
mem_resize(void *context, void *p, size_t size)
{
	if (size == 0)
	{
		pfree(p);
		return NULL;
	}
	if (p == NULL)
		return MemoryContextAllocHuge((MemoryContext) context, size);
	return repalloc_huge(p, size);
}

VxMem
vecgraph_mem(MemoryContext context)
{
	return (VxMem)
	{
		.resize = mem_resize,.context = context
	};
}

void
vecgraph_poll(void *context)
{
	CHECK_FOR_INTERRUPTS();
}
