/*
 * main.c: a fuzzer without coverage, for compilers that have none: runs a target on the files of a corpus and on mutants of them.
 *
 *     TARGET RUNS SEED [FILE...]
 *
 * Equal arguments give equal runs. What the target dies of is left in crash-input.
 */
#include "fuzz.h"

#include <signal.h>
#include <sanitizer/common_interface_defs.h>

#include "core/vx_rng.h"

#define MOST 8192				/* bytes of an input */
#define MOST_FILES 256

static uint8_t current[MOST];
static size_t current_size;

static void
keep_input(void)
{
	FILE	   *file = fopen("crash-input", "wb");

	if (file != NULL)
	{
		fwrite(current, 1, current_size, file);
		fclose(file);
		fprintf(stderr, "the input is in crash-input, %zu bytes\n", current_size);
	}
}

static void
on_abort(int number)
{
	keep_input();
	signal(number, SIG_DFL);
	raise(number);
}

static void
mutate_once(VxRng *rng)
{
	static const uint32_t interesting[] = {0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000,
	0x7F7FFFFF, 0x7FC00000, 0xFF800000, 16000, 16001, 8160};
	size_t		at = current_size == 0 ? 0 : vx_rng_below(rng, (uint32_t) current_size);
	size_t		rest = current_size - at;
	size_t		few = 1 + vx_rng_below(rng, 64);
	size_t		n;

	switch (vx_rng_below(rng, 7))
	{
		case 0:
			if (rest > 0)
				current[at] ^= (uint8_t) (1 << vx_rng_below(rng, 8));
			break;
		case 1:
			if (rest > 0)
				current[at] = (uint8_t) vx_rng_below(rng, 256);
			break;
		case 2:
			n = VX_MIN(rest, 4);
			memcpy(current + at, &interesting[vx_rng_below(rng, sizeof(interesting) / sizeof(*interesting))], n);
			break;
		case 3:					/* cut */
			n = rest == 0 ? 0 : vx_rng_below(rng, (uint32_t) rest + 1);
			memmove(current + at, current + at + n, rest - n);
			current_size -= n;
			break;
		case 4:					/* repeat */
			n = VX_MIN(few, VX_MIN(rest, MOST - current_size));
			memmove(current + at + n, current + at, rest);
			current_size += n;
			break;
		case 5:					/* more */
			n = VX_MIN(few, MOST - current_size);
			for (size_t i = 0; i < n; i++)
				current[current_size++] = (uint8_t) vx_rng_below(rng, 256);
			break;
		case 6:					/* copy from elsewhere */
			n = VX_MIN(few, rest);
			if (n > 0)
				memmove(current + at, current + vx_rng_below(rng, (uint32_t) (current_size - n) + 1), n);
			break;
	}
}

int
main(int argc, char **argv)
{
	static uint8_t *files[MOST_FILES];
	static size_t sizes[MOST_FILES];
	uint32_t	count = 0;
	long		runs = argc > 1 ? atol(argv[1]) : 0;
	VxRng		rng = {argc > 2 ? strtoull(argv[2], NULL, 10) : 1};

	__sanitizer_set_death_callback(keep_input);
	signal(SIGABRT, on_abort);
	for (int i = 3; i < argc && count < MOST_FILES; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");

		if (file == NULL)
		{
			perror(argv[i]);
			return 1;
		}
		files[count] = malloc(MOST);
		sizes[count] = fread(files[count], 1, MOST, file);
		fclose(file);
		memcpy(current, files[count], current_size = sizes[count]);
		fuzz_one(current, current_size);
		count++;
	}
	for (long run = 0; run < runs; run++)
	{
		uint32_t	from = count == 0 ? 0 : vx_rng_below(&rng, count);

		current_size = 0;
		if (count > 0)
			memcpy(current, files[from], current_size = sizes[from]);
		for (uint32_t n = 1 + vx_rng_below(&rng, 8); n > 0; n--)
			mutate_once(&rng);
		fuzz_one(current, current_size);
	}
	for (uint32_t i = 0; i < count; i++)
		free(files[i]);
	printf("%ld runs, %u files\n", runs, count);
	return 0;
}
