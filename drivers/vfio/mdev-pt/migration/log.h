/* SPDX-License-Identifier: GPL-2.0-only */
/* The log of a device: which pages were written since it was last read */
#ifndef _MDEV_PT_LOG_H
#define _MDEV_PT_LOG_H

#include <linux/types.h>
#include <linux/xarray.h>

struct iova_bitmap;

/**
 * struct mdev_pt_log - the log. Its owner has the lock.
 * @chunks: bitmaps of dirty pages, by IOVA
 * @nr_chunks: how many
 * @all: there is no room for more: say that all is dirty
 */
struct mdev_pt_log {
	struct xarray chunks;
	unsigned int nr_chunks;
	bool all;
};

void mdev_pt_log_init(struct mdev_pt_log *log);
void mdev_pt_log_add(struct mdev_pt_log *log, u64 page);
void mdev_pt_log_read(struct mdev_pt_log *log, unsigned long iova, size_t length,
		      struct iova_bitmap *bitmap);
void mdev_pt_log_free(struct mdev_pt_log *log);

#endif /* _MDEV_PT_LOG_H */
