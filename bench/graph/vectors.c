/*
 * vectors.c: reading .fvecs and .bvecs files; exact scores by brute force.
 */
#include "vectors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIM 16000

static int
complain(const char *path, const char *what)
{
	fprintf(stderr, "bench_graph: %s: %s\n", path, what);
	return -1;
}

static int
read_rows(Vectors *vectors, FILE *f, const char *path, uint32_t limit, size_t value_bytes)
{
	int32_t		dim;
	uint8_t    *row = NULL;
	uint32_t	capacity = 0;

	while (vectors->count < limit && fread(&dim, sizeof(dim), 1, f) == 1)
	{
		float	   *x;

		if (dim < 1 || dim > MAX_DIM || (vectors->count > 0 && (uint32_t) dim != vectors->dim))
			return free(row), complain(path, "a row has impossible dimensions, or others than the first");
		vectors->dim = (uint32_t) dim;
		if (vectors->count == capacity)
		{
			capacity = capacity == 0 ? 1024 : capacity * 2;
			vectors->x = realloc(vectors->x, (size_t) capacity * vectors->dim * sizeof(float));
			row = realloc(row, vectors->dim * value_bytes);
			if (vectors->x == NULL || row == NULL)
				return complain(path, "not enough memory");
		}
		if (fread(row, value_bytes, vectors->dim, f) != vectors->dim)
			return free(row), complain(path, "ends within a row");
		x = vectors->x + (size_t) vectors->count * vectors->dim;
		if (value_bytes == sizeof(float))
			memcpy(x, row, vectors->dim * sizeof(float));
		else
			for (uint32_t j = 0; j < vectors->dim; j++)
				x[j] = row[j];
		vectors->count++;
	}
	free(row);
	return vectors->count > 0 ? 0 : complain(path, "holds no vectors");
}

int
vectors_read(Vectors *vectors, const char *path, uint32_t limit)
{
	const char *suffix = strrchr(path, '.');
	size_t		value_bytes = suffix != NULL && strcmp(suffix, ".bvecs") == 0 ? 1 : sizeof(float);
	FILE	   *f;
	int			result;

	memset(vectors, 0, sizeof(*vectors));
	if (suffix == NULL || (strcmp(suffix, ".fvecs") != 0 && strcmp(suffix, ".bvecs") != 0))
		return complain(path, "must be an .fvecs or .bvecs file");
	f = fopen(path, "rb");
	if (f == NULL)
		return complain(path, strerror(errno));
	result = read_rows(vectors, f, path, limit, value_bytes);
	fclose(f);
	return result;
}

static int
compare(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return (x > y) - (x < y);
}

float
vectors_kth_score(const Vectors *base, const VxSpace *space, const VxPoint *query, uint32_t k, VxPoint *point, float *work)
{
	for (uint32_t i = 0; i < base->count; i++)
	{
		vx_point_set(point, base->x + (size_t) i * base->dim, base->dim);
		work[i] = vx_space_query(space, query, point);
	}
	qsort(work, base->count, sizeof(float), compare);
	return work[k - 1];
}
