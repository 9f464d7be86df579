// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages: which the function wrote to, and whom to tell
 *
 * The user asks in one of two ways.  By the log of the device: a bitmap of ours,
 * which the query reads.  Or by its type1 container, which takes all memory for
 * dirty until a page is pinned through it; from then on, and for ever, it
 * reports the pages that were pinned since the last query, so that pinning and
 * unpinning a page marks it: pins.c.
 *
 * A thread watches the rings while somebody asks, and only then.
 */

#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../core.h"
#include "migration.h"
#include "trace.h"

/*
 * How often the watcher looks at doorbells: at once after one was rung, and then
 * ever less. A doorbell waits as long; at 1 Gb/s, 256 buffers of 1500 bytes last
 * for 3 ms.
 */
#define WATCH_MIN_NS	(200 * NSEC_PER_USEC)
#define WATCH_MAX_NS	(NSEC_PER_MSEC)

/*
 * How often it looks at what the function has passed. For that it reads registers,
 * each of which takes longer than all else of a look, and nobody waits for it.
 */
#define WATCH_ALL_NS	(2 * NSEC_PER_MSEC)

/*
 * The log: one bit a page, in chunks. As many as cover 2 TB of memory in use; a
 * guest that has its device write all over an address space gets all of it
 * reported instead.
 */
#define CHUNK_SHIFT	(PAGE_SHIFT + PAGE_SHIFT + 3)
#define CHUNK_PAGES	BIT(CHUNK_SHIFT - PAGE_SHIFT)
#define MAX_CHUNKS	16384

struct chunk {
	DECLARE_BITMAP(dirty, CHUNK_PAGES);
};

void mdev_pt_dirty_init(struct mdev_pt_tracker *t)
{
	mutex_init(&t->lock);
	xa_init_flags(&t->chunks, XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&t->wait);
	mdev_pt_pin_init(t);
}

/*
 * Pin any page, so that the container believes us. It doesn't say what is
 * mapped: a machine's memory begins at 0 or at a power of two.
 */
static int narrow(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	unsigned int bit;
	int ret;

	lockdep_assert_held(&t->lock);

	ret = mdev_pt_pin_mark(pt, 0, 1);
	for (bit = PAGE_SHIFT; !ret && bit < 52; bit++)
		ret = mdev_pt_pin_mark(pt, (1ull << bit) >> PAGE_SHIFT, 1);
	if (ret == 1)
		t->narrowed = true;
	return ret;
}

static void log_page(struct mdev_pt_tracker *t, u64 page)
{
	unsigned long index = page / CHUNK_PAGES;
	struct chunk *chunk = xa_load(&t->chunks, index);

	if (!chunk && t->nr_chunks < MAX_CHUNKS) {
		chunk = kzalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
		if (chunk && xa_err(xa_store(&t->chunks, index, chunk,
					     GFP_KERNEL_ACCOUNT))) {
			kfree(chunk);
			chunk = NULL;
		}
		if (chunk)
			t->nr_chunks++;
	}
	if (chunk)
		__set_bit(page % CHUNK_PAGES, chunk->dirty);
	else
		t->all_dirty = true;
}

static void log_free(struct mdev_pt_tracker *t)
{
	struct chunk *chunk;
	unsigned long index;

	xa_for_each(&t->chunks, index, chunk)
		kfree(chunk);
	xa_destroy(&t->chunks);
	t->nr_chunks = 0;
	t->all_dirty = false;
}

/* Returns how many of the pages are done. */
static u64 mark_pages(struct mdev_pt_device *pt, u64 page, u64 count)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	int ret;

	if (t->mode == MDEV_PT_TRACKING_LOG) {
		log_page(t, page);
		count = 1;
	} else {
		ret = mdev_pt_pin_mark(pt, page, count);
		if (ret > 0)
			t->narrowed = true;
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
	while (page <= last && t->mode != MDEV_PT_TRACKING_OFF) {
		page += mark_pages(pt, page, last - page + 1);
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

static int dma_rw(struct mdev_pt_device *pt, u64 iova, void *buf, size_t len,
		  bool write)
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
	return dma_rw(pt, iova, buf, len, false);
}
EXPORT_SYMBOL_GPL(mdev_pt_dma_read);

int mdev_pt_dma_write(struct mdev_pt_device *pt, u64 iova, const void *buf,
		      size_t len)
{
	/* It is read from. */
	int ret = dma_rw(pt, iova, (void *)buf, len, true);

	if (!ret)
		mdev_pt_mark_dirty(pt, iova, len);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_dma_write);

/* What queues and rings don't say */
static void ask_vendor(struct mdev_pt_device *pt)
{
	const struct mdev_pt_migration_ops *ops = pt->ops->migration;

	/* In low power nothing is written. */
	if (ops->mark_written && !READ_ONCE(pt->vdev.pm_runtime_engaged))
		ops->mark_written(pt, READ_ONCE(pt->mig->stopped));
}

/* Is there more to do than @looks? */
static bool is_wanted(struct mdev_pt_tracker *t, unsigned long looks)
{
	return kthread_should_stop() || atomic_long_read(&t->wanted) != looks;
}

static int watch(void *data)
{
	struct mdev_pt_device *pt = data;
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	ktime_t now, next_all = 0;
	u64 period = WATCH_MIN_NS;
	struct mem_cgroup *old;
	unsigned long looks;
	bool all;

	/* What it takes to follow the user's rings is the user's. */
	old = set_active_memcg(t->memcg);
	mdev_pt_queues_begin(pt);
	while (!kthread_should_stop()) {
		looks = atomic_long_read(&t->wanted);
		/* What was wanted before is done by this look. */
		smp_rmb();
		now = ktime_get();
		all = looks != t->done || ktime_after(now, next_all);
		if (all)
			next_all = ktime_add_ns(now, WATCH_ALL_NS);
		if (mdev_pt_queues_look(pt, all))
			period = WATCH_MIN_NS;
		else
			period = min_t(u64, period + period / 4, WATCH_MAX_NS);
		if (all)
			ask_vendor(pt);
		if (looks != t->done) {
			/* Who sees it sees the marks. */
			smp_store_release(&t->done, looks);
			wake_up_all(&t->wait);
		}
		wait_event_interruptible_hrtimeout(t->wait, is_wanted(t, looks),
						   ns_to_ktime(period));
	}
	mdev_pt_queues_finish(pt);
	set_active_memcg(old);
	WRITE_ONCE(t->watching, false);
	wake_up_all(&t->wait);
	return 0;
}

static bool is_done(struct mdev_pt_tracker *t, unsigned long look)
{
	/* Pairs with the watcher's release. */
	return (long)(smp_load_acquire(&t->done) - look) >= 0 ||
	       !READ_ONCE(t->watching);
}

/* When this returns, a look was taken since it was called, if any is taken. */
void mdev_pt_dirty_look(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	unsigned long look = atomic_long_inc_return(&t->wanted);

	wake_up_all(&t->wait);
	wait_event(t->wait, is_done(t, look));
}

/*
 * The same, for a caller who must not wait for ever, nor for a lock. A look that
 * comes too late has not marked what it should have.
 */
void mdev_pt_dirty_look_within(struct mdev_pt_device *pt, unsigned long timeout)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	unsigned long look = atomic_long_inc_return(&t->wanted);

	wake_up_all(&t->wait);
	if (!wait_event_timeout(t->wait, is_done(t, look), timeout))
		cmpxchg(&t->error, 0, -ETIMEDOUT);
}

/* What the function has written up to now is marked when this returns. */
void mdev_pt_dirty_flush(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	lockdep_assert_held(&pt->mig->lock);

	if (!t->watcher)
		return;
	/* A look after a reset, or at half a setup, leaves some for the next. */
	mdev_pt_dirty_look(pt);
	mdev_pt_dirty_look(pt);
}

/* Why pages may be missing, or 0. Who asks is about to refuse. */
int mdev_pt_dirty_error(struct mdev_pt_device *pt)
{
	int ret = READ_ONCE(pt->mig->tracker.error);

	if (ret)
		dev_err_ratelimited(&pt->vdev.pdev->dev, "migration: written pages may be missing (%d): start it again\n",
				    ret);
	return ret;
}

/*
 * Track from now on for who asks by @mode. A log serves a container's user,
 * too: it does not listen to the container.
 */
int mdev_pt_dirty_start(struct mdev_pt_device *pt, enum mdev_pt_tracking mode)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	struct task_struct *watcher;
	bool narrowed;
	int ret;

	lockdep_assert_held(&pt->mig->lock);

	if (t->watcher)
		return 0;

	watcher = kthread_create(watch, pt, "mdev_pt/%s",
				 pci_name(pt->vdev.pdev));
	if (IS_ERR(watcher))
		return PTR_ERR(watcher);

	mutex_lock(&t->lock);
	t->error = 0;
	t->mode = mode;
	mutex_unlock(&t->lock);
	trace_mdev_pt_tracking(&pt->vdev.pdev->dev, mode);

	mdev_pt_pin_begin(pt);
	t->memcg = get_mem_cgroup_from_mm(current->mm);
	t->watcher = watcher;
	WRITE_ONCE(t->watching, true);
	wake_up_process(watcher);
	mdev_pt_dirty_look(pt);

	if (mode == MDEV_PT_TRACKING_LOG)
		return 0;
	mutex_lock(&t->lock);
	ret = narrow(pt);
	narrowed = t->narrowed;
	mutex_unlock(&t->lock);
	if (!narrowed) {
		pci_info(pt->vdev.pdev, "migration: no way to report written pages (%d): all memory counts as written\n",
			 ret);
		mdev_pt_dirty_stop(pt);
	}
	return 0;
}

/* Outside it, the user has the device's own pages again. */
void mdev_pt_dirty_stop(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	lockdep_assert_held(&pt->mig->lock);

	if (!t->watcher)
		return;
	kthread_stop(t->watcher);
	t->watcher = NULL;
	mdev_pt_pin_end(pt);
	mem_cgroup_put(t->memcg);
	t->memcg = NULL;

	mutex_lock(&t->lock);
	t->mode = MDEV_PT_TRACKING_OFF;
	t->error = 0;
	log_free(t);
	mutex_unlock(&t->lock);
	trace_mdev_pt_tracking(&pt->vdev.pdev->dev, MDEV_PT_TRACKING_OFF);
}

void mdev_pt_dirty_stop_type1(struct mdev_pt_device *pt)
{
	if (pt->mig->tracker.mode == MDEV_PT_TRACKING_TYPE1)
		mdev_pt_dirty_stop(pt);
}

#ifdef HAVE_VFIO_DMA_LOGGING
static void read_chunk(struct chunk *chunk, unsigned long first,
		       unsigned long begin, unsigned long end,
		       struct iova_bitmap *bitmap)
{
	unsigned long bit = begin;

	for_each_set_bit_from(bit, chunk->dirty, end) {
		iova_bitmap_set(bitmap, (first + bit) << PAGE_SHIFT, PAGE_SIZE);
		__clear_bit(bit, chunk->dirty);
	}
}

int mdev_pt_dirty_read(struct mdev_pt_device *pt, unsigned long iova,
		       size_t length, struct iova_bitmap *bitmap)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	unsigned long page = iova >> PAGE_SHIFT;
	unsigned long last = (iova + length - 1) >> PAGE_SHIFT;
	unsigned long index, first;
	struct chunk *chunk;
	int ret;

	mdev_pt_dirty_flush(pt);
	ret = mdev_pt_dirty_error(pt);
	if (ret || !length)
		return ret;

	mutex_lock(&t->lock);
	if (t->all_dirty) {
		iova_bitmap_set(bitmap, iova, length);
	} else {
		xa_for_each_range(&t->chunks, index, chunk, page / CHUNK_PAGES,
				  last / CHUNK_PAGES) {
			first = index * CHUNK_PAGES;
			read_chunk(chunk, first,
				   max(page, first) - first,
				   min(last - first + 1, CHUNK_PAGES), bitmap);
		}
	}
	mutex_unlock(&t->lock);
	return 0;
}
#endif
