// SPDX-License-Identifier: GPL-2.0-only
/* Writes an OpRegion: for memory that the lab host's kernel was told to reserve */

#include <stdio.h>
#include <stdlib.h>

#include "opregion.h"

int main(int argc, char **argv)
{
	struct opregion o = { .version = 0x0201, .vbt_size = 4096 };
	uint8_t *image;
	size_t size;

	if (argc > 2 || (argc == 2 && opregion_parse(&o, argv[1]))) {
		fprintf(stderr, "Usage: %s [version=,vbt=,offset=,address=,fault=] >FILE\n",
			argv[0]);
		return 2;
	}
	size = opregion_size(&o);
	image = malloc(size);
	if (!image) {
		perror(argv[0]);
		return 1;
	}
	opregion_build(&o, image);
	if (fwrite(image, size, 1, stdout) != 1 || fflush(stdout)) {
		perror(argv[0]);
		return 1;
	}
	free(image);
	return 0;
}
