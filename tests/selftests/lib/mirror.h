/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of the user's that the device may write to, and a copy of it that is
 * kept up to date the way a migration does: by the pages that are reported
 *
 * In the end both have to be the same; where they are not, a page was missed.
 */
#ifndef _SELFTESTS_MIRROR_H
#define _SELFTESTS_MIRROR_H

#include "vfio.h"

#define PAGE	4096UL

/*
 * One mapping.
 * @written: by the CPU, which no device reports: a flag for each page
 */
struct mirror {
	uint64_t iova;
	size_t size;
	uint8_t *memory;
	uint8_t *copy;
	uint8_t *written;
};

/*
 * @pages: how many there are
 * @changed: that differed from the copy before it was brought up to date
 * @reported: by the device
 * @missed: that differ now
 */
struct mirror_count {
	size_t pages;
	size_t changed;
	size_t reported;
	size_t missed;
};

enum tracking {
	CONTAINER,
	LOG,
};

/* All return 0 or -errno. */
int mirror_map(struct mirror *m, struct vfio_user *u, uint64_t iova,
	       size_t size);
/* Also of what was never mapped */
void mirror_free(struct mirror *m);
/* From now on: the copy is the memory. */
void mirror_begin(struct mirror *m);
/* Adds to the count. */
int mirror_sync(struct mirror *m, struct vfio_user *u, enum tracking tracking,
		struct mirror_count *count);
/* The part of it that does not ask: @bitmap is what was reported. */
void mirror_take(struct mirror *m, const uint64_t *bitmap,
		 struct mirror_count *count);

#endif /* _SELFTESTS_MIRROR_H */
