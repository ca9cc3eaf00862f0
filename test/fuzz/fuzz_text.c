/*
 * fuzz_text.c: numbers from text: what vx_text_float takes, strtof takes in the same way.
 */
#include "fuzz.h"

#include "core/vx_text.h"

int
fuzz_one(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	const char *end = NULL;
	char	   *expected_end;
	float		value = 0;
	float		expected;

	/* its own memory, so that reading behind the end is noticed */
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (vx_text_float(text, &end, &value))
	{
		expected = strtof(text, &expected_end);
		FUZZ_ASSERT(end == expected_end);
		FUZZ_ASSERT(memcmp(&value, &expected, sizeof(value)) == 0);
	}
	else
		FUZZ_ASSERT(end == NULL);
	free(text);
	return 0;
}
