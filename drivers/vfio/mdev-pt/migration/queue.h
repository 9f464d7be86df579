/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of queues share: queue.c, queue_track.c */
#ifndef _MDEV_PT_QUEUE_H
#define _MDEV_PT_QUEUE_H

#include <linux/mdev_pt.h>

#include "migration.h"
#include "posts.h"

/* The registers of one queue, in the order in which they are written */
struct mdev_pt_queue_regs {
	u64 base;
	u32 len;
	u32 head;
	u32 tail;
	u32 ctl;
	u32 config[MDEV_PT_QUEUE_CONFIG_MAX];
};

/**
 * struct mdev_pt_queue - one ring
 * @map: its registers
 * @db: the doorbell page that they are on; NULL if it does not receive
 * @seen: what the user wrote, as far as it was passed on. Lock of @db.
 * @fresh: @seen was just read from the function. Lock of @db.
 * @stopped: disabled by mdev_pt_queues_stop(). mdev_pt_migration::queues_lock,
 *	but for a reset.
 * @stopped_ctl: what to write to go on
 * @posts: what the function may write to
 */
struct mdev_pt_queue {
	const struct mdev_pt_queue_map *map;
	struct mdev_pt_doorbell *db;
	struct mdev_pt_queue_regs seen;
	bool fresh;
	bool stopped;
	u32 stopped_ctl;
	struct mdev_pt_posts posts;
};

/* Behind the last one */
static inline struct mdev_pt_queue *
mdev_pt_queues_past(struct mdev_pt_migration *mig)
{
	return mig->queues + mig->nr_queues;
}

int mdev_pt_queue_read(struct mdev_pt_device *pt, u32 offset, u32 *value);
int mdev_pt_queue_wait(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		       bool enabled);
int mdev_pt_queue_regs_read(struct mdev_pt_device *pt,
			    const struct mdev_pt_queue_map *map,
			    struct mdev_pt_queue_regs *regs);

#endif /* _MDEV_PT_QUEUE_H */
