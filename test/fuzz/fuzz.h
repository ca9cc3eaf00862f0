/*
 * fuzz.h: what the fuzz targets share. A target is a program of one function, fuzz_one(), which takes any bytes and must neither
 * crash nor fail a FUZZ_ASSERT. It is linked with main.c, which mutates the files of corpus/TARGET, or with clang's libFuzzer.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vx_mem.h"

#define FUZZ_ASSERT(condition) \
	((condition) ? (void) 0 : (fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition), abort()))

/* libFuzzer calls it by this name, and so does main.c. */
#define fuzz_one LLVMFuzzerTestOneInput
int			fuzz_one(const uint8_t *data, size_t size);

/* The input, read piece by piece; zeros behind its end. */
typedef struct FuzzInput
{
	const uint8_t *data;
	size_t		size;
} FuzzInput;

static inline void
fuzz_take(FuzzInput *input, void *to, size_t size)
{
	size_t		n = VX_MIN(size, input->size);

	if (size == 0)
		return;
	memset(to, 0, size);
	if (n > 0)
		memcpy(to, input->data, n);
	input->data += n;
	input->size -= n;
}

/* A number below bound. */
static inline uint32_t
fuzz_below(FuzzInput *input, uint32_t bound)
{
	uint32_t	value;

	fuzz_take(input, &value, sizeof(value));
	return value % bound;
}

/* An allocator whose memory is given back at once, as that of contexts in the server: some of it has no other way. */
typedef struct FuzzBlock
{
	struct FuzzBlock *next;
	struct FuzzBlock **link;	/* what points to this one */
	max_align_t memory[];
} FuzzBlock;

static inline void *
fuzz_resize(void *context, void *p, size_t size)
{
	FuzzBlock **all = context;
	FuzzBlock  *block = p == NULL ? NULL : (FuzzBlock *) ((char *) p - sizeof(FuzzBlock));

	if (block != NULL)
	{
		*block->link = block->next;
		if (block->next != NULL)
			block->next->link = block->link;
	}
	if (size == 0)
	{
		free(block);
		return NULL;
	}
	block = realloc(block, sizeof(FuzzBlock) + size);
	if (block == NULL)
		abort();
	block->next = *all;
	block->link = all;
	if (block->next != NULL)
		block->next->link = &block->next;
	*all = block;
	return block->memory;
}

static inline void
fuzz_free_all(FuzzBlock **all)
{
	while (*all != NULL)
		fuzz_resize(all, (*all)->memory, 0);
}

#endif							/* FUZZ_H */
