/* SPDX-License-Identifier: GPL-2.0-only */
/* Is the kernel still well after what we did to it? */
#ifndef _SELFTESTS_HEALTH_H
#define _SELFTESTS_HEALTH_H

#include <stddef.h>

/*
 * Prints the kernel's complaints (oops, lockdep, KASAN, ...) since the last
 * call, or since kmsg_open() made @fd; returns their number.
 */
int health_complaints(int fd);

/* Prints the stacks of all tasks that are in D state, or wait in VFIO or PCI. */
void health_print_blocked(void);

/* Waits until no task is in D state; 0, or -ETIMEDOUT. */
int health_no_blocked(int timeout_ms);

/* The partition of all PCI functions into IOMMU groups, as text to compare */
void health_groups(char *buf, size_t len);

#define HEALTH_CACHES	512

/* The objects in use, slab cache by slab cache */
struct health_slabs {
	unsigned int count;
	struct {
		char name[48];
		long objects;
	} cache[HEALTH_CACHES];
};

/* -errno where the kernel does not tell */
int health_slabs(struct health_slabs *slabs);

/*
 * How many kmemleak reports there are, which get printed; -ENOENT without
 * kmemleak.  health_leaks_clear() forgets those that are not our doing.
 */
int health_leaks_clear(void);
int health_leaks(void);

#endif /* _SELFTESTS_HEALTH_H */
