// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages: which the function wrote to, and whom to tell
 *
 * The user asks in one of two ways: by the log of the device, a bitmap of ours, which
 * the query reads (log.c); or by its type1 container, which is told by pinning
 * (pins.c).
 *
 * A thread scans the rings while somebody asks, and only then.
 */

#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../core.h"
#include "migration.h"
#include "pins.h"
#include "trace.h"

/*
 * How often the thread scans doorbells: at once after one was rung, and then ever
 * less. A doorbell waits as long; at 1 Gb/s, 256 buffers of 1500 bytes last
 * for 3 ms.
 */
#define SCAN_MIN_NS	(200 * NSEC_PER_USEC)
#define SCAN_MAX_NS	(NSEC_PER_MSEC)

/*
 * How often it scans what the function has passed. For that it reads registers, each
 * of which takes longer than all else of a scan, and nobody waits for it.
 */
#define SCAN_ALL_NS	(2 * NSEC_PER_MSEC)

/* How long an unmap waits for a scan, which takes some us on a quiet machine */
#define SCAN_MS		1000

/* Returns how many of the pages are done. */
static u64 dirty_mark_pages(struct mdev_pt_tracker *t, u64 page, u64 count)
{
	int ret;

	lockdep_assert_held(&t->lock);

	if (t->mode == MDEV_PT_TRACKING_LOG) {
		mdev_pt_log_add(&t->log, page);
		count = 1;
	} else {
		ret = mdev_pt_pins_mark(t->pins, page, count);
		if (ret < 0 && !t->error)
			t->error = ret;
		count = max(ret, 1);
	}
	atomic64_add(count, &t->marked);
	return count;
}

void mdev_pt_mark_dirty(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	struct mdev_pt_tracker *t;
	u64 page, last;

	if (!pt->mig || !len)
		return;
	t = &pt->mig->tracker;
	if (READ_ONCE(t->mode) == MDEV_PT_TRACKING_OFF)
		return;

	/* A hostile range may go beyond the end of what there is. */
	last = iova + len - 1;
	if (last < iova)
		last = U64_MAX;
	page = iova >> PAGE_SHIFT;
	last >>= PAGE_SHIFT;

	trace_mdev_pt_dirty(&pt->vdev.pdev->dev, iova, len);
	mutex_lock(&t->lock);
	/* After an error there is no migration for which more would count. */
	while (page <= last && t->mode != MDEV_PT_TRACKING_OFF && !t->error) {
		page += dirty_mark_pages(t, page, last - page + 1);
		cond_resched();
	}
	mutex_unlock(&t->lock);
}
EXPORT_SYMBOL_GPL(mdev_pt_mark_dirty);

/* Pages may be missing: no migration, then. */
void mdev_pt_dirty_fail(struct mdev_pt_device *pt, int error)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	mutex_lock(&t->lock);
	if (t->mode != MDEV_PT_TRACKING_OFF && !t->error)
		t->error = error;
	mutex_unlock(&t->lock);
}

static int dirty_dma_rw(struct mdev_pt_device *pt, u64 iova, void *buf,
			size_t len, bool write)
{
	int ret = mdev_pt_user_rw(pt, iova, buf, len, write);

	/* The function still can; we can't any more. */
	if (ret && ret != -EINVAL && ret != -EPERM && pt->mig)
		mdev_pt_dirty_fail(pt, ret);
	return ret;
}

/* An error: the function can't read it either. */
int mdev_pt_dma_read(struct mdev_pt_device *pt, u64 iova, void *buf, size_t len)
{
	return dirty_dma_rw(pt, iova, buf, len, false);
}
EXPORT_SYMBOL_GPL(mdev_pt_dma_read);

int mdev_pt_dma_write(struct mdev_pt_device *pt, u64 iova, const void *buf,
		      size_t len)
{
	/* It is read from. */
	int ret = dirty_dma_rw(pt, iova, (void *)buf, len, true);

	if (!ret)
		mdev_pt_mark_dirty(pt, iova, len);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_dma_write);

/* What queues and rings don't say */
static void dirty_ask_vendor(struct mdev_pt_device *pt)
{
	const struct mdev_pt_migration_ops *ops = pt->ops->migration;

	/* In low power nothing is written. */
	if (ops->mark_written && !READ_ONCE(pt->vdev.pm_runtime_engaged))
		ops->mark_written(pt, READ_ONCE(pt->mig->stopped));
}

/* Is there more to do than @scans? */
static bool dirty_is_wanted(struct mdev_pt_tracker *t, unsigned long scans)
{
	return kthread_should_stop() || atomic_long_read(&t->wanted) != scans;
}

static int dirty_track(void *data)
{
	struct mdev_pt_device *pt = data;
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	ktime_t now, next_all = 0;
	u64 period = SCAN_MIN_NS;
	struct mem_cgroup *old;
	unsigned long scans;
	bool all;

	/* What it takes to follow the user's rings is the user's. */
	old = set_active_memcg(t->memcg);
	mdev_pt_queues_begin(pt);
	while (!kthread_should_stop()) {
		scans = atomic_long_read(&t->wanted);
		/* What was wanted before is done by this scan. */
		smp_rmb();
		now = ktime_get();
		all = scans != t->done || ktime_after(now, next_all);
		if (all)
			next_all = ktime_add_ns(now, SCAN_ALL_NS);
		if (mdev_pt_queues_scan(pt, all))
			period = SCAN_MIN_NS;
		else
			period = min_t(u64, period + period / 4, SCAN_MAX_NS);
		if (all)
			dirty_ask_vendor(pt);
		if (scans != t->done) {
			/* Who sees it sees the marks. */
			smp_store_release(&t->done, scans);
			wake_up_all(&t->wait);
		}
		wait_event_interruptible_hrtimeout(t->wait,
						   dirty_is_wanted(t, scans),
						   ns_to_ktime(period));
	}
	mdev_pt_queues_finish(pt);
	set_active_memcg(old);
	WRITE_ONCE(t->tracking, false);
	wake_up_all(&t->wait);
	return 0;
}

static bool dirty_is_done(struct mdev_pt_tracker *t, unsigned long scan)
{
	/* Pairs with the thread's release. */
	return (long)(smp_load_acquire(&t->done) - scan) >= 0 ||
	       !READ_ONCE(t->tracking);
}

/* When this returns, a scan was begun since it was called, and is done, if any is. */
void mdev_pt_dirty_scan(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	unsigned long scan = atomic_long_inc_return(&t->wanted);

	wake_up_all(&t->wait);
	wait_event(t->wait, dirty_is_done(t, scan));
}

/*
 * The same, for an unmap, which must not wait for ever, nor for a lock. A scan that
 * comes too late has not marked what it should have.
 */
static void dirty_scan_in_time(struct vfio_device *vdev)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	unsigned long scan = atomic_long_inc_return(&t->wanted);

	wake_up_all(&t->wait);
	if (!wait_event_timeout(t->wait, dirty_is_done(t, scan),
				msecs_to_jiffies(SCAN_MS)))
		cmpxchg(&t->error, 0, -ETIMEDOUT);
}

/* What the function has written up to now is marked when this returns. */
void mdev_pt_dirty_flush(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	lockdep_assert_held(&pt->mig->lock);

	if (!t->thread)
		return;
	/* A scan after a reset, or of half a setup, leaves some for the next. */
	mdev_pt_dirty_scan(pt);
	mdev_pt_dirty_scan(pt);
}

/* Why pages may be missing, or 0. Who asks is about to refuse. */
int mdev_pt_dirty_error(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	int ret = READ_ONCE(t->error);

	if (!ret && t->mode == MDEV_PT_TRACKING_TYPE1)
		ret = mdev_pt_pins_error(t->pins);
	if (ret)
		dev_err_ratelimited(&pt->vdev.pdev->dev, "migration: written pages may be missing (%d): start it again\n",
				    ret);
	return ret;
}

static int dirty_is_other(struct device *dev, void *data)
{
	struct pci_dev *pdev = data;

	/* Bridges write nothing of their own. */
	return dev != &pdev->dev &&
	       !(dev_is_pci(dev) && pci_is_bridge(to_pci_dev(dev)));
}

/*
 * A container believes what it is told of a whole IOMMU group: what another function
 * of the group writes would not be told.
 */
static bool dirty_shares_group(struct mdev_pt_device *pt)
{
	struct pci_dev *pdev = pt->vdev.pdev;
	struct iommu_group *group = iommu_group_get(&pdev->dev);
	bool shares;

	if (!group)
		return false;
	shares = iommu_group_for_each_dev(group, pdev, dirty_is_other);
	iommu_group_put(group);
	return shares;
}

/* Once narrow, the container goes on to be so: then there is no way back. */
static int dirty_check_group(struct mdev_pt_device *pt)
{
	if (!dirty_shares_group(pt))
		return 0;
	dev_warn_ratelimited(&pt->vdev.pdev->dev, "migration: another function is in the same IOMMU group, and what it writes can't be told: %s\n",
			     mdev_pt_dirty_is_narrow(pt) ?
			     "remove it" : "all memory counts as written");
	return -EXDEV;
}

static int dirty_start_thread(struct mdev_pt_device *pt,
			      enum mdev_pt_tracking mode)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	struct task_struct *thread;

	thread = kthread_create(dirty_track, pt, "mdev_pt/%s",
				pci_name(pt->vdev.pdev));
	if (IS_ERR(thread))
		return PTR_ERR(thread);

	mutex_lock(&t->lock);
	t->error = 0;
	t->mode = mode;
	mutex_unlock(&t->lock);
	trace_mdev_pt_tracking(&pt->vdev.pdev->dev, mode);

	if (mode == MDEV_PT_TRACKING_TYPE1)
		mdev_pt_pins_begin(t->pins);
	t->memcg = get_mem_cgroup_from_mm(current->mm);
	t->thread = thread;
	WRITE_ONCE(t->tracking, true);
	wake_up_process(thread);
	mdev_pt_dirty_scan(pt);
	return 0;
}

/*
 * Track from now on for who asks by @mode. A log serves a container's user,
 * too: it does not listen to the container.
 */
int mdev_pt_dirty_start(struct mdev_pt_device *pt, enum mdev_pt_tracking mode)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	int ret;

	lockdep_assert_held(&pt->mig->lock);

	if (t->thread)
		return 0;
	if (mode == MDEV_PT_TRACKING_TYPE1 && dirty_check_group(pt))
		return mdev_pt_dirty_is_narrow(pt) ? -EBUSY : 0;
	ret = dirty_start_thread(pt, mode);
	if (ret || mode == MDEV_PT_TRACKING_LOG)
		return ret;

	ret = mdev_pt_pins_narrow(t->pins);
	if (!mdev_pt_dirty_is_narrow(pt)) {
		dev_info_ratelimited(&pt->vdev.pdev->dev, "migration: no way to report written pages (%d): all memory counts as written\n",
				     ret);
		mdev_pt_dirty_stop(pt);
	}
	return 0;
}

/*
 * The function is about to be stopped. In a container that believes what it is told, a
 * migration may begin meanwhile, so it is tracked from now on. Where that can't be, the
 * guest is paused all the same, and such a migration fails.
 */
void mdev_pt_dirty_before_stop(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	int ret;

	if (!mdev_pt_dirty_is_narrow(pt))
		return;
	ret = mdev_pt_dirty_start(pt, MDEV_PT_TRACKING_TYPE1);
	if (!ret)
		return;
	mutex_lock(&t->lock);
	t->error = ret;
	mutex_unlock(&t->lock);
}

/* Does the container believe what it is told? */
bool mdev_pt_dirty_is_narrow(struct mdev_pt_device *pt)
{
	return mdev_pt_pins_are_narrow(pt->mig->tracker.pins);
}

/* The user is another one, and so is the container. */
void mdev_pt_dirty_new_user(struct mdev_pt_device *pt)
{
	mdev_pt_pins_forget(pt->mig->tracker.pins);
}

/* Outside it, the user has the device's own pages again. */
void mdev_pt_dirty_stop(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	lockdep_assert_held(&pt->mig->lock);

	if (!t->thread)
		return;
	kthread_stop(t->thread);
	t->thread = NULL;
	mdev_pt_pins_end(t->pins);
	mem_cgroup_put(t->memcg);
	t->memcg = NULL;

	mutex_lock(&t->lock);
	t->mode = MDEV_PT_TRACKING_OFF;
	t->error = 0;
	mdev_pt_log_free(&t->log);
	mutex_unlock(&t->lock);
	trace_mdev_pt_tracking(&pt->vdev.pdev->dev, MDEV_PT_TRACKING_OFF);
}

void mdev_pt_dirty_stop_type1(struct mdev_pt_device *pt)
{
	if (pt->mig->tracker.mode == MDEV_PT_TRACKING_TYPE1)
		mdev_pt_dirty_stop(pt);
}

/* The container is about to unmap memory that has pinned pages. */
void mdev_pt_dirty_unmap(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	mdev_pt_pins_unmap(pt->mig->tracker.pins, iova, len);
}

/* The function may write there. False: there is nothing to undo. */
bool mdev_pt_dirty_guard(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	return mdev_pt_pins_guard(pt->mig->tracker.pins, iova, len);
}

/* It was written, and is marked. */
void mdev_pt_dirty_unguard(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	mdev_pt_pins_unguard(pt->mig->tracker.pins, iova, len);
}

void mdev_pt_expect_written(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	if (pt->mig)
		mdev_pt_pins_expect(pt->mig->tracker.pins, iova, len);
}
EXPORT_SYMBOL_GPL(mdev_pt_expect_written);

#ifdef HAVE_VFIO_DMA_LOGGING
int mdev_pt_dirty_read(struct mdev_pt_device *pt, unsigned long iova,
		       size_t length, struct iova_bitmap *bitmap)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	int ret;

	mdev_pt_dirty_flush(pt);
	ret = mdev_pt_dirty_error(pt);
	if (ret || !length)
		return ret;

	mutex_lock(&t->lock);
	mdev_pt_log_read(&t->log, iova, length, bitmap);
	mutex_unlock(&t->lock);
	return 0;
}
#endif

int mdev_pt_dirty_create(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	mutex_init(&t->lock);
	mdev_pt_log_init(&t->log);
	init_waitqueue_head(&t->wait);
	t->pins = mdev_pt_pins_create(&pt->vdev.vdev, dirty_scan_in_time);
	return t->pins ? 0 : -ENOMEM;
}

void mdev_pt_dirty_destroy(struct mdev_pt_tracker *t)
{
	if (t->pins)
		mdev_pt_pins_destroy(t->pins);
}
