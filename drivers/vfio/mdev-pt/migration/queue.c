// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: descriptor rings whose registers the vendor names; how they are stopped,
 * saved, loaded and started
 *
 * queue_track.c has what happens to them while dirty pages are tracked.
 */

#include <linux/iopoll.h>
#include <linux/slab.h>

#include "../core.h"
#include "queue.h"

/* How long a queue may take to stop or to start. 82576: some us. */
#define QUEUE_TIMEOUT_US	100000

int mdev_pt_queue_read(struct mdev_pt_device *pt, u32 offset, u32 *value)
{
	u64 wide = 0;
	int ret;

	ret = mdev_pt_bar_read(pt, pt->mig->queues_bar, offset, 4, &wide);
	*value = wide;
	return ret;
}

static int reg_write(struct mdev_pt_device *pt, u32 offset, u32 value)
{
	return mdev_pt_bar_write(pt, pt->mig->queues_bar, offset, 4, value);
}

/* Wait until the function says that the queue is enabled, or not. */
int mdev_pt_queue_wait(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		       bool enabled)
{
	int err = 0, ret;
	u32 ctl;

	ret = read_poll_timeout(mdev_pt_queue_read, err,
				err || !(ctl & q->map->enable) != enabled,
				20, QUEUE_TIMEOUT_US, false, pt, q->map->ctl,
				&ctl);
	return err ?: ret;
}

int mdev_pt_queue_regs_read(struct mdev_pt_device *pt,
			    const struct mdev_pt_queue_map *map,
			    struct mdev_pt_queue_regs *regs)
{
	u32 lo, hi = 0;
	unsigned int i;
	int ret;

	ret = mdev_pt_queue_read(pt, map->base_lo, &lo) ?:
	      mdev_pt_queue_read(pt, map->base_hi, &hi) ?:
	      mdev_pt_queue_read(pt, map->len, &regs->len) ?:
	      mdev_pt_queue_read(pt, map->head, &regs->head) ?:
	      mdev_pt_queue_read(pt, map->tail, &regs->tail) ?:
	      mdev_pt_queue_read(pt, map->ctl, &regs->ctl);
	regs->base = (u64)hi << 32 | lo;
	for (i = 0; !ret && i < map->nr_config; i++)
		ret = mdev_pt_queue_read(pt, map->config[i], &regs->config[i]);
	return ret;
}

static bool map_is_valid(struct mdev_pt_device *pt, unsigned int bar,
			 const struct mdev_pt_queue_map *map)
{
	u64 page = round_down(map->tail, SZ_4K);
	const u32 offsets[] = {
		map->base_lo, map->base_hi, map->len, map->head, map->ctl,
	};
	unsigned int i;

	if (!mdev_pt_doorbell_fits(pt, bar, map->tail) || !map->max_entries ||
	    !is_power_of_2(map->desc_size) || map->desc_size > 64 ||
	    map->nr_config > MDEV_PT_QUEUE_CONFIG_MAX ||
	    (map->receive && !map->posted))
		return false;
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (round_down(offsets[i], SZ_4K) != page || offsets[i] % 4)
			return false;
	}
	for (i = 0; i < map->nr_config; i++) {
		if (round_down(map->config[i], SZ_4K) != page ||
		    map->config[i] % 4)
			return false;
	}
	return true;
}

/* Has the page of receive queue @map registers of a queue that is not in a shadow? */
static bool queue_shares_page(const struct mdev_pt_queue_map *map,
			      const struct mdev_pt_queue_map *all,
			      unsigned int count)
{
	u64 page = round_down(map->tail, SZ_4K);
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!all[i].receive && round_down(all[i].tail, SZ_4K) == page)
			return true;
	}
	return false;
}

/* Its registers are in the shadow of its doorbell page. */
static void queue_name_registers(struct mdev_pt_queue *q)
{
	const struct mdev_pt_queue_map *map = q->map;
	const u32 offsets[] = {
		map->base_lo, map->base_hi, map->len, map->head, map->tail,
		map->ctl,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		mdev_pt_doorbell_name(q->db, offsets[i]);
	for (i = 0; i < map->nr_config; i++)
		mdev_pt_doorbell_name(q->db, map->config[i]);
}

int mdev_pt_add_queues(struct mdev_pt_device *pt, unsigned int bar,
		       const struct mdev_pt_queue_map *map, unsigned int count,
		       unsigned int flags)
{
	bool alone = flags & MDEV_PT_QUEUES_ALONE;
	struct mdev_pt_migration *mig = pt->mig;
	struct mdev_pt_queue *q;
	unsigned int i;
	int ret;

	if (!mig || mig->queues || !count || flags & ~MDEV_PT_QUEUES_ALONE)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (!map_is_valid(pt, bar, &map[i]))
			return -EINVAL;
	}
	ret = mdev_pt_map_bar(pt, bar);
	if (ret)
		return ret;

	q = kcalloc(count, sizeof(*q), GFP_KERNEL_ACCOUNT);
	if (!q)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		q[i].map = &map[i];
	mutex_lock(&mig->layout_lock);
	mig->queues = q;
	mig->nr_queues = count;
	mutex_unlock(&mig->layout_lock);
	mig->queues_bar = bar;
	for (q = mig->queues; q < mdev_pt_queues_past(mig); q++) {
		if (!q->map->receive)
			continue;
		ret = mdev_pt_doorbell_add(pt, bar, q->map->tail, alone &&
					   !queue_shares_page(q->map, map, count),
					   &q->db);
		if (ret)
			return ret;
		queue_name_registers(q);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_add_queues);

/* Undoes mdev_pt_add_queues() and mdev_pt_add_tails(), also where they failed. */
void mdev_pt_queues_end(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;

	mutex_lock(&mig->layout_lock);
	mdev_pt_doorbells_end(pt);
	mdev_pt_rings_end(pt);
	kfree(mig->queues);
	mig->queues = NULL;
	mig->nr_queues = 0;
	mutex_unlock(&mig->layout_lock);
}

static int start_queue(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	const struct mdev_pt_queue_map *map = q->map;
	u32 head, tail;
	int ret;

	if (!(q->stopped_ctl & map->enable)) {
		ret = reg_write(pt, map->ctl, q->stopped_ctl);
		goto out;
	}
	/* Nothing is posted until it runs. */
	ret = mdev_pt_queue_read(pt, map->head, &head) ?:
	      mdev_pt_queue_read(pt, map->tail, &tail) ?:
	      reg_write(pt, map->tail, head) ?:
	      reg_write(pt, map->ctl, q->stopped_ctl) ?:
	      mdev_pt_queue_wait(pt, q, true) ?:
	      reg_write(pt, map->tail, tail);
out:
	if (!ret)
		WRITE_ONCE(q->stopped, false);
	return ret;
}

static int start_queues(struct mdev_pt_device *pt)
{
	struct mdev_pt_queue *q;
	int ret;

	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		ret = q->stopped ? start_queue(pt, q) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

static int stop_queues(struct mdev_pt_device *pt)
{
	struct mdev_pt_queue *q;
	int ret;

	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		ret = mdev_pt_queue_read(pt, q->map->ctl, &q->stopped_ctl) ?:
		      reg_write(pt, q->map->ctl,
				q->stopped_ctl & ~q->map->enable);
		if (ret)
			return ret;
		WRITE_ONCE(q->stopped, true);
		q->posts.final = false;
	}
	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		ret = mdev_pt_queue_wait(pt, q, false);
		if (ret)
			return ret;
	}
	return 0;
}

int mdev_pt_queues_stop(struct mdev_pt_device *pt)
{
	int ret;

	mutex_lock(&pt->mig->queues_lock);
	ret = stop_queues(pt);
	if (ret)
		start_queues(pt);
	mutex_unlock(&pt->mig->queues_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_stop);

int mdev_pt_queues_start(struct mdev_pt_device *pt)
{
	int ret;

	mutex_lock(&pt->mig->queues_lock);
	ret = start_queues(pt);
	mutex_unlock(&pt->mig->queues_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_start);

struct saved_queue {
	__le32 base_lo;
	__le32 base_hi;
	__le32 len;
	__le32 head;
	__le32 tail;
	__le32 ctl;
	__le32 nr_config;
	__le32 config[MDEV_PT_QUEUE_CONFIG_MAX];
};

int mdev_pt_queues_save(struct mdev_pt_device *pt, void *buf)
{
	struct saved_queue *saved = buf;
	struct mdev_pt_queue_regs regs;
	struct mdev_pt_queue *q;
	unsigned int i;
	int ret;

	BUILD_BUG_ON(sizeof(*saved) != mdev_pt_queues_size(1));

	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		memset(&regs, 0, sizeof(regs));
		ret = mdev_pt_queue_regs_read(pt, q->map, &regs);
		if (ret)
			return ret;
		saved->base_lo = cpu_to_le32(regs.base);
		saved->base_hi = cpu_to_le32(regs.base >> 32);
		saved->len = cpu_to_le32(regs.len);
		saved->head = cpu_to_le32(regs.head);
		saved->tail = cpu_to_le32(regs.tail);
		saved->ctl = cpu_to_le32(q->stopped ? q->stopped_ctl :
						      regs.ctl);
		saved->nr_config = cpu_to_le32(q->map->nr_config);
		for (i = 0; i < MDEV_PT_QUEUE_CONFIG_MAX; i++)
			saved->config[i] = cpu_to_le32(regs.config[i]);
		saved++;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_save);

static int load_queue(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		      const struct saved_queue *saved)
{
	const struct mdev_pt_queue_map *map = q->map;
	unsigned int i;
	int ret;

	q->stopped_ctl = le32_to_cpu(saved->ctl);
	WRITE_ONCE(q->stopped, true);
	ret = reg_write(pt, map->ctl, q->stopped_ctl & ~map->enable) ?:
	      mdev_pt_queue_wait(pt, q, false) ?:
	      reg_write(pt, map->base_lo, le32_to_cpu(saved->base_lo)) ?:
	      reg_write(pt, map->base_hi, le32_to_cpu(saved->base_hi)) ?:
	      reg_write(pt, map->len, le32_to_cpu(saved->len));
	for (i = 0; !ret && i < map->nr_config; i++)
		ret = reg_write(pt, map->config[i],
				le32_to_cpu(saved->config[i]));
	return ret ?: reg_write(pt, map->head, le32_to_cpu(saved->head)) ?:
	       reg_write(pt, map->tail, le32_to_cpu(saved->tail));
}

int mdev_pt_queues_load(struct mdev_pt_device *pt, const void *buf)
{
	const struct saved_queue *saved = buf;
	struct mdev_pt_queue *q;
	int ret = 0;

	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		/* The rest a user may write to the registers as well. */
		if (le32_to_cpu(saved++->nr_config) != q->map->nr_config) {
			dev_err_ratelimited(&pt->vdev.pdev->dev, "migration: the stream has a queue that no such device has\n");
			return -EINVAL;
		}
	}

	saved = buf;
	mutex_lock(&pt->mig->queues_lock);
	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		ret = load_queue(pt, q, saved++);
		if (ret)
			break;
	}
	/* If there is a shadow, it does not show this. */
	mutex_lock(&pt->mig->layout_lock);
	mdev_pt_doorbells_reset(pt);
	mutex_unlock(&pt->mig->layout_lock);
	mutex_unlock(&pt->mig->queues_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_load);

void mdev_pt_queues_were_reset(struct mdev_pt_device *pt)
{
	struct mdev_pt_queue *q;

	mutex_lock(&pt->mig->layout_lock);
	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++)
		WRITE_ONCE(q->stopped, false);
	mdev_pt_rings_reset(pt);
	mdev_pt_doorbells_reset(pt);
	mutex_unlock(&pt->mig->layout_lock);
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_were_reset);
