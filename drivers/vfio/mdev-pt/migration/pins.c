// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins: how a type1 container is told which pages were written, and how it asks
 * before memory goes
 *
 * A page that is pinned and unpinned is reported by the next query, and by an
 * unmap that wants to know.  But an unmap asks nobody who has no page pinned in
 * the mapping, and what the function has written since the last look is forgotten.
 * So one page is kept pinned, a guard, for each region of memory that has buffers
 * or descriptors which the function may write to.  The price is that every query
 * reports it.
 *
 * type1 tries ten times to get rid of a mapping with pinned pages, and then it is
 * a BUG.  So guards are dropped when it asks, and nothing is pinned there for a
 * while.  It asks with a lock of the container held that may be waited for with
 * another held, the one that pins need: nothing here may wait for ever, and guards
 * are dropped by a worker.
 */

#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../core.h"
#include "migration.h"

/*
 * Memory comes and goes in pieces of this size, or larger ones: hypervisors plug
 * what guests can take.
 */
#define REGION_SHIFT	27
#define REGION_PAGES	BIT(REGION_SHIFT - PAGE_SHIFT)

/* For 512 GB of memory that is posted at the same time. Beyond, no guards. */
#define MAX_GUARDS	4096

/* Pages that are pinned at once */
#define PIN_MAX		16

/* How long nothing is pinned in memory that is about to go */
#define QUIET_MS	20

/*
 * A look takes some us, and a quarter of a second where many threads want the CPUs;
 * a user can make it wait for pages of its own.
 */
#define LOOK_MS		1000

/*
 * The worker waits for a lock that the unmap needs next. It comes first, then;
 * ten times this is more than any scheduler takes.
 */
#define RELEASE_MS	1000

/* How often a region that could not be pinned is tried again, of those expected */
#define AGAIN_MS	100

/*
 * struct guard - one region
 * @page: what is pinned, of the region
 * @count: what may be written there, and is not yet marked. guards_lock.
 * @pinned: whether @page is
 * @expected: the vendor may mark some of it: guarded until tracking ends.
 *	guards_lock.
 * @again: if it is not pinned, not to be tried before, in jiffies. guards_lock.
 */
struct guard {
	u64 page;
	u32 count;
	bool pinned;
	bool expected;
	unsigned long again;
};

/* Are some of the pages in memory that is about to go, or was when it was last asked for? */
static bool is_going(struct mdev_pt_tracker *t, u64 page, u64 count, bool now)
{
	bool going;

	spin_lock(&t->quiet_lock);
	going = page + count > t->quiet_first && page <= t->quiet_last &&
		(!now || time_before(jiffies, t->quiet_until));
	spin_unlock(&t->quiet_lock);
	return going;
}

/* Also what was to be quiet before */
static void make_quiet(struct mdev_pt_tracker *t, u64 first, u64 last)
{
	spin_lock(&t->quiet_lock);
	if (time_before(jiffies, t->quiet_until)) {
		first = min(first, t->quiet_first);
		last = max(last, t->quiet_last);
	}
	t->quiet_first = first;
	t->quiet_last = last;
	t->quiet_until = jiffies + msecs_to_jiffies(QUIET_MS);
	spin_unlock(&t->quiet_lock);
}

/* Whoever unmaps either waits for the end of it, or has made it quiet: false. */
static bool begin_pin(struct mdev_pt_tracker *t, u64 page, u64 count)
{
	atomic_inc(&t->pinning);
	/* Pairs with the barrier of mdev_pt_pin_unmap(). */
	smp_mb__after_atomic();
	return !is_going(t, page, count, true);
}

static void end_pin(struct mdev_pt_tracker *t)
{
	atomic_dec(&t->pinning);
	wake_up(&t->unpinned);
}

/* How many pages are pinned: all, or it is an error. */
static int pin(struct mdev_pt_device *pt, u64 page, unsigned int count)
{
	struct page *pages[PIN_MAX];

	return vfio_pin_pages(&pt->vdev.vdev, page << PAGE_SHIFT, count,
			      IOMMU_WRITE, pages);
}

static void unpin(struct mdev_pt_device *pt, u64 page, unsigned int count)
{
	vfio_unpin_pages(&pt->vdev.vdev, page << PAGE_SHIFT, count);
}

/*
 * How many of the pages were marked, from the first on; 0 if the function can't
 * write to the first; or an error
 */
int mdev_pt_pin_mark(struct mdev_pt_device *pt, u64 page, u64 count)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	int ret;

	count = min_t(u64, count, PIN_MAX);
	while (!begin_pin(t, page, count)) {
		end_pin(t);
		schedule_timeout_uninterruptible(1);
	}
	ret = pin(pt, page, count);
	/* Some of them may not be mapped. */
	if (ret < 0 && count > 1)
		ret = pin(pt, page, 1);
	if (ret > 0)
		unpin(pt, page, ret);
	end_pin(t);

	/* Not mapped, or not for writing */
	return ret == -EINVAL || ret == -EPERM ? 0 : ret;
}

/* Not in memory that is not there, or is about to go: the next post tries again. */
static void pin_guard(struct mdev_pt_device *pt, struct guard *guard, u64 page)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	bool pinned;

	/* Who releases looks for guards when nothing is being pinned any more. */
	pinned = begin_pin(t, page, 1) && pin(pt, page, 1) == 1;
	if (pinned) {
		xa_lock(&t->guards);
		guard->page = page;
		guard->pinned = true;
		xa_unlock(&t->guards);
	}
	end_pin(t);
	if (pinned) {
		mutex_lock(&t->lock);
		t->narrowed = true;
		mutex_unlock(&t->lock);
	}
}

static struct guard *get_guard(struct mdev_pt_tracker *t, u64 page)
{
	u64 index = page / REGION_PAGES;
	struct guard *guard = xa_load(&t->guards, index);

	lockdep_assert_held(&t->guards_lock);

	if (guard)
		return guard;
	if (t->nr_guards == MAX_GUARDS)
		return NULL;
	guard = kzalloc(sizeof(*guard), GFP_KERNEL_ACCOUNT);
	if (!guard)
		return NULL;
	if (xa_err(xa_store(&t->guards, index, guard, GFP_KERNEL_ACCOUNT))) {
		kfree(guard);
		return NULL;
	}
	guard->again = jiffies;
	t->nr_guards++;
	return guard;
}

static bool is_pinned(struct mdev_pt_tracker *t, struct guard *guard)
{
	bool pinned;

	xa_lock(&t->guards);
	pinned = guard->pinned;
	xa_unlock(&t->guards);
	return pinned;
}

static bool guard_region(struct mdev_pt_device *pt, u64 page)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	struct guard *guard = get_guard(t, page);

	if (!guard)
		return false;
	guard->count++;
	if (!is_pinned(t, guard))
		pin_guard(pt, guard, page);
	return true;
}

static void expect_in_region(struct mdev_pt_device *pt, u64 page)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	struct guard *guard = get_guard(t, page);

	if (!guard)
		return;
	if (!guard->expected)
		guard->count++;
	guard->expected = true;
	/* This is called again and again, and hostile memory is not there. */
	if (is_pinned(t, guard) || time_before(jiffies, guard->again))
		return;
	pin_guard(pt, guard, page);
	guard->again = jiffies + msecs_to_jiffies(AGAIN_MS);
}

static void unguard_region(struct mdev_pt_device *pt, u64 page)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	u64 index = page / REGION_PAGES;
	struct guard *guard = xa_load(&t->guards, index);

	lockdep_assert_held(&t->guards_lock);

	if (WARN_ON_ONCE(!guard) || --guard->count)
		return;
	xa_erase(&t->guards, index);
	t->nr_guards--;
	/* Nobody else finds it any more. */
	if (guard->pinned)
		unpin(pt, guard->page, 1);
	kfree(guard);
}

/*
 * The function may write there: have the container ask before it goes. False:
 * there is nothing to undo.
 */
bool mdev_pt_guard(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	u64 first = iova >> PAGE_SHIFT, last;
	bool guarded;

	if (READ_ONCE(t->mode) != MDEV_PT_TRACKING_TYPE1 ||
	    !len || check_add_overflow(iova, len - 1, &last))
		return false;
	last >>= PAGE_SHIFT;
	mutex_lock(&t->guards_lock);
	guarded = guard_region(pt, first);
	if (guarded && first / REGION_PAGES != last / REGION_PAGES) {
		guarded = guard_region(pt, last);
		if (!guarded)
			unguard_region(pt, first);
	}
	mutex_unlock(&t->guards_lock);
	return guarded;
}

/* It was written, and is marked. */
void mdev_pt_unguard(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	u64 first = iova >> PAGE_SHIFT, last = (iova + len - 1) >> PAGE_SHIFT;
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	mutex_lock(&t->guards_lock);
	unguard_region(pt, first);
	if (first / REGION_PAGES != last / REGION_PAGES)
		unguard_region(pt, last);
	mutex_unlock(&t->guards_lock);
}

void mdev_pt_expect_written(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	u64 first = iova >> PAGE_SHIFT, last;
	struct mdev_pt_tracker *t;

	if (!pt->mig || !len || check_add_overflow(iova, len - 1, &last))
		return;
	t = &pt->mig->tracker;
	if (READ_ONCE(t->mode) != MDEV_PT_TRACKING_TYPE1)
		return;
	last >>= PAGE_SHIFT;
	mutex_lock(&t->guards_lock);
	/* Not after its end */
	if (t->guarding) {
		expect_in_region(pt, first);
		if (first / REGION_PAGES != last / REGION_PAGES)
			expect_in_region(pt, last);
	}
	mutex_unlock(&t->guards_lock);
}
EXPORT_SYMBOL_GPL(mdev_pt_expect_written);

static bool is_guarded(struct mdev_pt_tracker *t, u64 first, u64 last)
{
	struct guard *guard;
	unsigned long index;
	bool guarded = false;

	xa_lock(&t->guards);
	xa_for_each_range(&t->guards, index, guard, first / REGION_PAGES,
			  last / REGION_PAGES) {
		if (guard->pinned && guard->page >= first &&
		    guard->page <= last)
			guarded = true;
	}
	xa_unlock(&t->guards);
	return guarded;
}

/* The next in the memory that is about to go; unpinned by who gets it. */
static bool take_guard(struct mdev_pt_tracker *t, u64 *page)
{
	struct guard *guard;
	unsigned long index;
	bool found = false;

	xa_lock(&t->guards);
	xa_for_each(&t->guards, index, guard) {
		if (!guard->pinned || !is_going(t, guard->page, 1, false))
			continue;
		guard->pinned = false;
		*page = guard->page;
		found = true;
		break;
	}
	if (!found)
		t->releasing = false;
	xa_unlock(&t->guards);
	return found;
}

static void release(struct work_struct *work)
{
	struct mdev_pt_tracker *t = container_of(work, struct mdev_pt_tracker,
						 release);
	u64 page;

	while (take_guard(t, &page))
		unpin(t->pt, page, 1);
	wake_up(&t->unpinned);
}

/*
 * The container is about to unmap memory that has pinned pages: ours, or those of
 * another device. Mark what was written there, and let go.
 */
void mdev_pt_pin_unmap(struct mdev_pt_device *pt, u64 iova, u64 len)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	u64 first = iova >> PAGE_SHIFT;
	u64 last = (iova + len - 1) >> PAGE_SHIFT;

	if (is_guarded(t, first, last))
		mdev_pt_dirty_look_within(pt, msecs_to_jiffies(LOOK_MS));

	make_quiet(t, first, last);
	/* Pairs with the barrier of begin_pin(). */
	smp_mb();
	wait_event_timeout(t->unpinned, !atomic_read(&t->pinning),
			   msecs_to_jiffies(LOOK_MS));
	if (!is_guarded(t, first, last))
		return;

	xa_lock(&t->guards);
	if (t->guarding) {
		t->releasing = true;
		queue_work(system_highpri_wq, &t->release);
	}
	xa_unlock(&t->guards);
	wait_event_timeout(t->unpinned, !READ_ONCE(t->releasing),
			   msecs_to_jiffies(RELEASE_MS));
	make_quiet(t, first, last);
}

void mdev_pt_pin_init(struct mdev_pt_tracker *t)
{
	init_waitqueue_head(&t->unpinned);
	mutex_init(&t->guards_lock);
	spin_lock_init(&t->quiet_lock);
	t->quiet_until = jiffies;
	xa_init_flags(&t->guards, XA_FLAGS_ACCOUNT);
	INIT_WORK(&t->release, release);
}

void mdev_pt_pin_begin(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;

	t->pt = pt;
	mutex_lock(&t->guards_lock);
	xa_lock(&t->guards);
	t->guarding = true;
	xa_unlock(&t->guards);
	mutex_unlock(&t->guards_lock);
}

/* Tracking has ended. */
void mdev_pt_pin_end(struct mdev_pt_device *pt)
{
	struct mdev_pt_tracker *t = &pt->mig->tracker;
	struct guard *guard;
	unsigned long index;

	mutex_lock(&t->guards_lock);
	xa_lock(&t->guards);
	t->guarding = false;
	xa_unlock(&t->guards);
	cancel_work_sync(&t->release);
	WRITE_ONCE(t->releasing, false);

	xa_for_each(&t->guards, index, guard) {
		xa_erase(&t->guards, index);
		if (guard->pinned)
			unpin(pt, guard->page, 1);
		kfree(guard);
	}
	t->nr_guards = 0;
	mutex_unlock(&t->guards_lock);
	wake_up(&t->unpinned);
}
