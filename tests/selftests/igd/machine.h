/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intel graphics in the lab: tests/models/igd.c, whose BAR5 is the memory where
 * firmware would have put the OpRegion, and whose ASLS can be written
 *
 * Every function returns 0 or -errno. While no driver has the function, the
 * tests write the memory themselves.
 */
#ifndef _IGD_MACHINE_H
#define _IGD_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "sysfs.h"

#define ASLS		0xfc
#define OPREGION_SIZE	8192

/* @bar5: the BAR's physical address; 0 if it has none */
struct machine {
	char bdf[BDF_LEN];
	uint64_t bar5;
	size_t bar5_size;
};

/* What firmware might say; the rest of the memory is a pattern. */
struct opregion {
	/* Nothing is there: ASLS is @asls. */
	int absent;
	uint32_t asls;
	/* Where in BAR5 it is */
	uint32_t place;
	int signature_is_bad;
	uint32_t kilobytes;
	uint16_t version;
	uint64_t rvda;
	/* RVDA counts from the start of BAR5, and is to be a physical address. */
	int rvda_in_bar5;
	uint32_t rvds;
};

/* The first Intel display controller with a BAR5, or without */
int machine_find(struct machine *m, int with_bar5);
/* Fill memory and ASLS. */
int machine_firmware(const struct machine *m, const struct opregion *o);
/* Write the function's own registers. */
int machine_set_asls(const struct machine *m, uint32_t asls);
int machine_asls(const struct machine *m, uint32_t *asls);
/* What is in BAR5 */
uint8_t machine_pattern(size_t place);

/* A page of ours, in the kernel's memory; never freed */
int machine_own_page(uint8_t **page, uint64_t *address);

#endif /* _IGD_MACHINE_H */
