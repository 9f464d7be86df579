/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages a device wrote to, as its user is told: by the type1 container, or
 * by the log of the device
 *
 * Every function returns 0 or -errno. Bitmaps have a bit for each page, the
 * first in bit 0 of the first word; a query sets bits, and clears none.
 */
#ifndef _SELFTESTS_DIRTY_H
#define _SELFTESTS_DIRTY_H

#include "vfio.h"

#define DIRTY_WORDS(pages)	(((pages) + 63) / 64)

int container_start(struct vfio_user *u);
int container_stop(struct vfio_user *u);
/* No mapping may be cut in two. */
int container_query(struct vfio_user *u, uint64_t iova, uint64_t size,
		    uint64_t *bitmap);
/* Unmaps, and says what was written before */
int container_unmap(struct vfio_user *u, uint64_t iova, uint64_t size,
		    uint64_t *bitmap);

/* @page_size: in and out */
int log_start(struct vfio_user *u,
	      const struct vfio_device_feature_dma_logging_range *ranges,
	      uint32_t count, uint64_t *page_size);
int log_stop(struct vfio_user *u);
int log_report(struct vfio_user *u, uint64_t iova, uint64_t length,
	       uint64_t page_size, uint64_t *bitmap);
/* -ENOTTY: this kernel has none */
int log_probe(struct vfio_user *u);

#endif /* _SELFTESTS_DIRTY_H */
