/*
 * vx_select.c: see vx_select.h. Source: Hoare 1961, "Algorithm 65: find".
 */
#include "core/vx_select.h"

float
vx_select(float *values, uint32_t n, uint32_t k)
{
	uint32_t	low = 0;
	uint32_t	high = n - 1;

	while (low < high)
	{
		float		pivot = values[low + (high - low) / 2];
		uint32_t	i = low;
		uint32_t	j = high;

		for (;;)
		{
			float		swap;

			while (values[i] < pivot)
				i++;
			while (pivot < values[j])
				j--;
			if (i >= j)
				break;
			swap = values[i];
			values[i++] = values[j];
			values[j--] = swap;
		}
		/* what lies before i is at most the pivot, what lies behind j at least */
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
	return values[k];
}
