// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an access that the kernel carries out costs: read() of one register of
 * edu, through vfio-pci, through pt without a vendor and with several. Each way
 * has its turn in each round, so that what the machine does else hits all; the
 * fastest round of each counts.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "edu.h"

#define ROUNDS	7
#define READS	20000

static const struct way {
	const char *name;
	const char *driver;
	const char *type;
	uint64_t offset;
} ways[] = {
	{ "vfio-pci", "vfio-pci", NULL, 0x4 },
	{ "pt-pci", "pt", "pt-pci", 0x4 },
	{ "vendor without ops", "pt", "pt-test-null", 0x4 },
	{ "vendor whose op passes on", "pt", "pt-test-count", 0x4 },
	{ "vendor with traps, beside them", "pt", "pt-test-trap", 0x98 },
	{ "trap, read from the hardware", "pt", "pt-test-trap", 0x4 },
	{ "trap, answered by the vendor", "pt", "pt-test-trap", 0x100 },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* ns for one read, or a negative error */
static double measure(struct edu *edu, const struct way *way)
{
	uint32_t value;
	double start;
	int i, ret;

	ret = pci_bind(edu->bdf, way->driver);
	if (ret)
		return ret;
	ret = way->type ? edu_create_and_open(edu, way->type) :
			  vfio_open_group(&edu->user, edu->bdf, edu->bdf);
	start = now();
	for (i = 0; !ret && i < READS; i++) {
		if (vfio_read(&edu->user, VFIO_PCI_BAR0_REGION_INDEX,
			      way->offset, &value, 4) != 4)
			ret = -1;
	}
	start = now() - start;
	vfio_close(&edu->user);
	if (mdev_exists(edu->uuid))
		mdev_remove(edu->uuid);
	return ret ? ret : start / READS;
}

int main(void)
{
	double best[WAYS] = {}, ns;
	struct edu edu;
	size_t i;
	int round;

	if (edu_bind(&edu)) {
		fprintf(stderr, "no edu device, or no test modules\n");
		return 1;
	}
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < WAYS; i++) {
			ns = measure(&edu, &ways[i]);
			if (ns < 0) {
				fprintf(stderr, "%s: %g\n", ways[i].name, ns);
				return 1;
			}
			if (!round || ns < best[i])
				best[i] = ns;
		}
	}
	printf("%-34s %10s %10s\n", "a read of 4 bytes", "ns", "ratio");
	for (i = 0; i < WAYS; i++)
		printf("%-34s %10.0f %10.3f\n", ways[i].name, best[i],
		       best[i] / best[0]);
	return edu_unbind(&edu) ? 1 : 0;
}
