// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins: how a type1 container is told which pages were written, and how it asks
 * before memory goes
 *
 * A container takes all memory for written until a page is pinned through it; from
 * then on, and for as long as the IOMMU group is in it, it reports what was pinned.
 * A page that is pinned and unpinned is reported by the next query, and by an unmap
 * that wants to know.
 *
 * But an unmap asks nobody who has no page pinned in the mapping, and what the
 * function has written since the last scan would be forgotten.  So one page is kept
 * pinned, a guard, for each region of memory that has buffers or descriptors which
 * the function may write to.  The price is that every query reports it.
 *
 * type1 asks each device of the container until nothing is pinned in the mapping.
 * When it has asked eleven times, that is a BUG.  So from the time that a device was
 * asked, nothing is pinned there by it until the unmap has ended.  type1 tells of the
 * beginning only; the end is when the task that unmaps leaves its ioctl: it is given
 * a file to release on its way out.  Each device that has a page pinned there is
 * asked before type1 looks again, so whatever their number, type1 asks once.
 *
 * It asks with a lock of the container held, for which another task that unmaps, or
 * opens a device, may wait with the lock that pins need: then nothing can be unpinned
 * before this one goes on.  So it does go on, after a while, and is asked again.  From
 * the second time on nothing is pinned any more, and the migration fails; and from the
 * tenth on it waits, whoever may hang then, for it is the user's own doing.
 *
 * A device that begins to track between two times was not asked.  Nobody says which
 * container it is in, so from the second time on it does not pin there, whosever it is;
 * but for the time that the task waits here, when type1 does not look.
 */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "pins.h"

/*
 * Memory comes and goes in pieces of this size, or larger ones: hypervisors plug
 * what guests can take.
 */
#define REGION_SHIFT	27
#define REGION_PAGES	BIT(REGION_SHIFT - PAGE_SHIFT)

/* For 512 GB of memory that is posted at the same time. Beyond, no guards. */
#define GUARDS_MAX	4096

/* Pages that are pinned at once */
#define PINS_MAX	16

/* How long a task that unmaps waits before it lets another one in */
#define PATIENCE_MS	1000

/* The pass over the devices from which on it waits for ever: type1 makes eleven */
#define PASS_LAST	10

/* How often a region that could not be pinned is tried again, of those expected */
#define AGAIN_MS	100

/*
 * struct guard - one region
 * @page: what is pinned, of the region. xa_lock of the guards.
 * @count: what may be written there, and is not yet marked. guards_lock.
 * @pinned: whether @page is. xa_lock.
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

/**
 * struct mdev_pt_pins - the pins of a device
 * @ref: the device's, and one of each unmap that asked
 * @vdev: the device; no longer of use once it has dropped its reference
 * @scan: marks what was written up to now
 * @narrow: a container believes what it is told, and perhaps still does
 * @error: why nothing is pinned until tracking ends, or 0. pins_lock.
 * @begun: when tracking began, in pins_events. pins_lock.
 * @guards_lock: guards what is named so
 * @guards: pages that are kept pinned, by region. Regions come and go under
 *	@guards_lock and the xa_lock.
 * @nr_guards: how many. @guards_lock.
 * @guarding: tracking has begun: @release may be queued, and regions may come. The
 *	xa_lock, and @guards_lock.
 * @release: unpins what is about to be unmapped
 */
struct mdev_pt_pins {
	struct kref ref;
	struct vfio_device *vdev;
	void (*scan)(struct vfio_device *vdev);
	bool narrow;
	int error;
	u64 begun;
	struct mutex guards_lock;	/* guards, nr_guards, guarding */
	struct xarray guards;
	unsigned int nr_guards;
	bool guarding;
	struct work_struct release;
};

/*
 * struct flight - pages that are just being pinned
 * @node: in pins_flights. pins_lock.
 */
struct flight {
	struct list_head node;
	struct mdev_pt_pins *pins;
	u64 first;
	u64 last;
};

/*
 * struct unmap - a device that was asked by a task that unmaps, until that task
 *	leaves its ioctl
 * @node: in pins_unmaps. pins_lock.
 * @pins: the device's; held
 * @task: who unmaps; nothing but a name
 * @first, @last: pages of the mapping that it has asked for last. pins_lock.
 * @pass: how often it has asked for that one. pins_lock.
 * @closed: none of them is pinned any more. pins_lock.
 * @begun: when it asked first, in pins_events. pins_lock.
 * @waits: the task waits here. pins_lock.
 */
struct unmap {
	struct list_head node;
	struct mdev_pt_pins *pins;
	struct task_struct *task;
	u64 first;
	u64 last;
	unsigned int pass;
	bool closed;
	u64 begun;
	bool waits;
};

static DEFINE_SPINLOCK(pins_lock);	/* pins_flights, pins_unmaps, pins_events */
static LIST_HEAD(pins_flights);
static LIST_HEAD(pins_unmaps);
static u64 pins_events;

/* Something was unpinned, or an unmap has ended. */
static DECLARE_WAIT_QUEUE_HEAD(pins_wait);

static void pins_release(struct kref *ref)
{
	kfree(container_of(ref, struct mdev_pt_pins, ref));
}

static void pins_fail(struct mdev_pt_pins *pins, int error)
{
	lockdep_assert_held(&pins_lock);

	if (!pins->error)
		pins->error = error;
}

/* What @unmap, which asked @pins, or another device, says of pinning: see pins_check() */
static int pins_check_unmap(struct mdev_pt_pins *pins, struct unmap *unmap,
			    u64 first, u64 last)
{
	bool there = first <= unmap->last && last >= unmap->first;

	if (!unmap->closed)
		return 0;
	if (unmap->pins != pins)
		return unmap->pass > 1 && !unmap->waits && there &&
		       pins->begun > unmap->begun ? -EBUSY : 0;
	if (unmap->pass > 1)
		return -EBUSY;
	return there ? -EAGAIN : 0;
}

/* May they be pinned? -EAGAIN: not now; or an error: not any more. */
static int pins_check(struct mdev_pt_pins *pins, u64 first, u64 last)
{
	struct unmap *unmap;
	int ret = 0;

	lockdep_assert_held(&pins_lock);

	if (pins->error)
		return pins->error;
	list_for_each_entry(unmap, &pins_unmaps, node) {
		ret = pins_check_unmap(pins, unmap, first, last) ?: ret;
		if (ret == -EBUSY)
			break;
	}
	return ret;
}

/* Whoever unmaps either waits for the end of it, or has closed the pages: an error. */
static int pins_begin_flight(struct flight *flight)
{
	int ret;

	spin_lock(&pins_lock);
	ret = pins_check(flight->pins, flight->first, flight->last);
	if (!ret)
		list_add(&flight->node, &pins_flights);
	else if (ret != -EAGAIN)
		pins_fail(flight->pins, ret);
	spin_unlock(&pins_lock);
	return ret;
}

/* The pages are pinned already, and will not be found as guards any more. */
static void pins_continue_flight(struct flight *flight)
{
	spin_lock(&pins_lock);
	list_add(&flight->node, &pins_flights);
	spin_unlock(&pins_lock);
}

static void pins_end_flight(struct flight *flight)
{
	spin_lock(&pins_lock);
	list_del(&flight->node);
	spin_unlock(&pins_lock);
	if (wq_has_sleeper(&pins_wait))
		wake_up_all(&pins_wait);
}

static bool pins_try_flight(struct flight *flight, int *ret)
{
	*ret = pins_begin_flight(flight);
	return *ret != -EAGAIN;
}

/* Until the pages may be pinned: 0, or never */
static int pins_wait_for_flight(struct flight *flight)
{
	int ret;

	if (wait_event_killable(pins_wait, pins_try_flight(flight, &ret)))
		return -EINTR;
	return ret;
}

/* How many pages are pinned: all, or it is an error. */
static int pins_pin(struct mdev_pt_pins *pins, u64 page, unsigned int count)
{
	struct page *pages[PINS_MAX];
	int ret;

	ret = vfio_pin_pages(pins->vdev, page << PAGE_SHIFT, count, IOMMU_WRITE,
			     pages);
	if (ret > 0)
		WRITE_ONCE(pins->narrow, true);
	return ret;
}

static void pins_unpin(struct mdev_pt_pins *pins, u64 page, unsigned int count)
{
	vfio_unpin_pages(pins->vdev, page << PAGE_SHIFT, count);
}

/*
 * Have the pages reported: how many, from the first on; 0 if the function can't
 * write to the first; or an error: they never will be. May wait for the end of an
 * unmap.
 */
int mdev_pt_pins_mark(struct mdev_pt_pins *pins, u64 page, u64 count)
{
	struct flight flight = { .pins = pins, .first = page };
	int ret;

	count = min_t(u64, count, PINS_MAX);
	flight.last = page + count - 1;
	ret = pins_wait_for_flight(&flight);
	if (ret)
		return ret;
	ret = pins_pin(pins, page, count);
	/* Some of them may not be mapped. */
	if (ret < 0 && count > 1)
		ret = pins_pin(pins, page, 1);
	if (ret > 0)
		pins_unpin(pins, page, ret);
	pins_end_flight(&flight);

	/* Not mapped, or not for writing */
	return ret == -EINVAL || ret == -EPERM ? 0 : ret;
}

/*
 * Pin any page, so that the container believes us: 1, 0 if none can be, or an error.
 * It doesn't say what is mapped: a machine's memory begins at 0 or at a power of two.
 */
int mdev_pt_pins_narrow(struct mdev_pt_pins *pins)
{
	unsigned int bit;
	int ret;

	ret = mdev_pt_pins_mark(pins, 0, 1);
	for (bit = PAGE_SHIFT; !ret && bit < 52; bit++)
		ret = mdev_pt_pins_mark(pins, (1ull << bit) >> PAGE_SHIFT, 1);
	return ret;
}

bool mdev_pt_pins_are_narrow(struct mdev_pt_pins *pins)
{
	return READ_ONCE(pins->narrow);
}

/* The container is another one. */
void mdev_pt_pins_forget(struct mdev_pt_pins *pins)
{
	WRITE_ONCE(pins->narrow, false);
}

/* Why nothing is pinned any more, or 0 */
int mdev_pt_pins_error(struct mdev_pt_pins *pins)
{
	return READ_ONCE(pins->error);
}

/* Not in memory that is not there, or is about to go: the next post tries again. */
static void pins_pin_guard(struct mdev_pt_pins *pins, struct guard *guard, u64 page)
{
	struct flight flight = { .pins = pins, .first = page, .last = page };

	if (pins_begin_flight(&flight))
		return;
	if (pins_pin(pins, page, 1) == 1) {
		xa_lock(&pins->guards);
		guard->page = page;
		guard->pinned = true;
		xa_unlock(&pins->guards);
	}
	/* Who unmaps looks for guards when nothing is being pinned any more. */
	pins_end_flight(&flight);
}

static struct guard *pins_get_guard(struct mdev_pt_pins *pins, u64 page)
{
	u64 index = page / REGION_PAGES;
	struct guard *guard = xa_load(&pins->guards, index);

	lockdep_assert_held(&pins->guards_lock);

	if (guard)
		return guard;
	if (pins->nr_guards == GUARDS_MAX)
		return NULL;
	guard = kzalloc(sizeof(*guard), GFP_KERNEL_ACCOUNT);
	if (!guard)
		return NULL;
	if (xa_err(xa_store(&pins->guards, index, guard, GFP_KERNEL_ACCOUNT))) {
		kfree(guard);
		return NULL;
	}
	guard->again = jiffies;
	pins->nr_guards++;
	return guard;
}

static bool pins_guard_is_pinned(struct mdev_pt_pins *pins, struct guard *guard)
{
	bool pinned;

	xa_lock(&pins->guards);
	pinned = guard->pinned;
	xa_unlock(&pins->guards);
	return pinned;
}

static bool pins_guard_region(struct mdev_pt_pins *pins, u64 page)
{
	struct guard *guard = pins_get_guard(pins, page);

	if (!guard)
		return false;
	guard->count++;
	if (!pins_guard_is_pinned(pins, guard))
		pins_pin_guard(pins, guard, page);
	return true;
}

static void pins_expect_in_region(struct mdev_pt_pins *pins, u64 page)
{
	struct guard *guard = pins_get_guard(pins, page);

	if (!guard)
		return;
	if (!guard->expected)
		guard->count++;
	guard->expected = true;
	/* This is called again and again, and hostile memory is not there. */
	if (pins_guard_is_pinned(pins, guard) ||
	    time_before(jiffies, guard->again))
		return;
	pins_pin_guard(pins, guard, page);
	guard->again = jiffies + msecs_to_jiffies(AGAIN_MS);
}

static void pins_unguard_region(struct mdev_pt_pins *pins, u64 page)
{
	u64 index = page / REGION_PAGES;
	struct guard *guard = xa_load(&pins->guards, index);
	struct flight flight = { .pins = pins };

	lockdep_assert_held(&pins->guards_lock);

	if (WARN_ON_ONCE(!guard) || --guard->count)
		return;
	flight.first = index * REGION_PAGES;
	flight.last = flight.first + REGION_PAGES - 1;
	pins_continue_flight(&flight);
	xa_erase(&pins->guards, index);
	pins->nr_guards--;
	/* Nobody else finds it any more. */
	if (guard->pinned)
		pins_unpin(pins, guard->page, 1);
	pins_end_flight(&flight);
	kfree(guard);
}

/*
 * The function may write there: have the container ask before it goes. False: there
 * is nothing to undo.
 */
bool mdev_pt_pins_guard(struct mdev_pt_pins *pins, u64 iova, u64 len)
{
	u64 first = iova >> PAGE_SHIFT, last;
	bool guarded;

	if (!READ_ONCE(pins->guarding) || !len ||
	    check_add_overflow(iova, len - 1, &last))
		return false;
	last >>= PAGE_SHIFT;
	mutex_lock(&pins->guards_lock);
	guarded = pins->guarding && pins_guard_region(pins, first);
	if (guarded && first / REGION_PAGES != last / REGION_PAGES) {
		guarded = pins_guard_region(pins, last);
		if (!guarded)
			pins_unguard_region(pins, first);
	}
	mutex_unlock(&pins->guards_lock);
	return guarded;
}

/* It was written, and is marked. */
void mdev_pt_pins_unguard(struct mdev_pt_pins *pins, u64 iova, u64 len)
{
	u64 first = iova >> PAGE_SHIFT, last = (iova + len - 1) >> PAGE_SHIFT;

	mutex_lock(&pins->guards_lock);
	pins_unguard_region(pins, first);
	if (first / REGION_PAGES != last / REGION_PAGES)
		pins_unguard_region(pins, last);
	mutex_unlock(&pins->guards_lock);
}

/* The same until tracking ends, said again and again */
void mdev_pt_pins_expect(struct mdev_pt_pins *pins, u64 iova, u64 len)
{
	u64 first = iova >> PAGE_SHIFT, last;

	if (!READ_ONCE(pins->guarding) || !len ||
	    check_add_overflow(iova, len - 1, &last))
		return;
	last >>= PAGE_SHIFT;
	mutex_lock(&pins->guards_lock);
	if (pins->guarding) {
		pins_expect_in_region(pins, first);
		if (first / REGION_PAGES != last / REGION_PAGES)
			pins_expect_in_region(pins, last);
	}
	mutex_unlock(&pins->guards_lock);
}

static bool pins_have_guard(struct mdev_pt_pins *pins, u64 first, u64 last)
{
	struct guard *guard;
	unsigned long index;
	bool found = false;

	xa_lock(&pins->guards);
	xa_for_each_range(&pins->guards, index, guard, first / REGION_PAGES,
			  last / REGION_PAGES) {
		found = guard->pinned && guard->page >= first &&
			guard->page <= last;
		if (found)
			break;
	}
	xa_unlock(&pins->guards);
	return found;
}

/* May a guard on this page not stay? */
static bool pins_are_closed(struct mdev_pt_pins *pins, u64 page)
{
	bool closed;

	spin_lock(&pins_lock);
	closed = pins_check(pins, page, page);
	spin_unlock(&pins_lock);
	return closed;
}

/* The next one that can't stay; unpinned by who gets it. */
static bool pins_take_guard(struct mdev_pt_pins *pins, u64 *page)
{
	struct guard *guard;
	unsigned long index;
	bool found = false;

	xa_lock(&pins->guards);
	xa_for_each(&pins->guards, index, guard) {
		found = guard->pinned && pins_are_closed(pins, guard->page);
		if (found) {
			guard->pinned = false;
			*page = guard->page;
			break;
		}
	}
	xa_unlock(&pins->guards);
	return found;
}

static void pins_release_guards(struct work_struct *work)
{
	struct mdev_pt_pins *pins = container_of(work, struct mdev_pt_pins,
						 release);
	struct flight flight = { .pins = pins, .last = U64_MAX };
	u64 page;

	pins_continue_flight(&flight);
	while (pins_take_guard(pins, &page))
		pins_unpin(pins, page, 1);
	pins_end_flight(&flight);
}

static int pins_unmap_end(struct inode *inode, struct file *file)
{
	struct unmap *unmap = file->private_data;

	spin_lock(&pins_lock);
	list_del(&unmap->node);
	spin_unlock(&pins_lock);
	wake_up_all(&pins_wait);
	kref_put(&unmap->pins->ref, pins_release);
	kfree(unmap);
	return 0;
}

static const struct file_operations pins_unmap_fops = {
	.owner = THIS_MODULE,
	.release = pins_unmap_end,
};

/* This task has not asked @pins before: NULL without memory. */
static struct unmap *pins_unmap_begin(struct mdev_pt_pins *pins)
{
	struct unmap *unmap;
	struct file *file;

	unmap = kzalloc(sizeof(*unmap), GFP_KERNEL_ACCOUNT);
	if (!unmap)
		return NULL;
	file = anon_inode_getfile("[mdev-pt unmap]", &pins_unmap_fops, unmap,
				  O_RDONLY);
	if (IS_ERR(file)) {
		kfree(unmap);
		return NULL;
	}
	unmap->task = current;
	unmap->pins = pins;
	kref_get(&pins->ref);
	spin_lock(&pins_lock);
	unmap->begun = ++pins_events;
	list_add(&unmap->node, &pins_unmaps);
	spin_unlock(&pins_lock);
	/* It is released when the task returns to userspace. */
	fput(file);
	return unmap;
}

static struct unmap *pins_find_unmap(struct mdev_pt_pins *pins)
{
	struct unmap *unmap, *found = NULL;

	spin_lock(&pins_lock);
	list_for_each_entry(unmap, &pins_unmaps, node) {
		if (unmap->pins == pins && unmap->task == current)
			found = unmap;
	}
	spin_unlock(&pins_lock);
	return found;
}

/*
 * Which pass over the devices is it? All devices of the container were asked in a
 * pass before one is in the next. One that was opened meanwhile was not.
 */
static unsigned int pins_count_pass(struct unmap *unmap, u64 first, u64 last)
{
	struct unmap *other;
	unsigned int pass = 0;

	spin_lock(&pins_lock);
	/* What it has asked for before is gone. */
	if (unmap->first != first || unmap->last != last) {
		unmap->first = first;
		unmap->last = last;
		unmap->pass = 0;
		unmap->closed = false;
	}
	list_for_each_entry(other, &pins_unmaps, node) {
		if (other->task == current && other->first == first &&
		    other->last == last)
			pass = max(pass, other->pass);
	}
	unmap->pass = unmap->pass == pass ? pass + 1 : pass;
	pass = unmap->pass;
	spin_unlock(&pins_lock);
	wake_up_all(&pins_wait);
	return pass;
}

/* From now on nothing is pinned there. */
static void pins_close(struct mdev_pt_pins *pins, struct unmap *unmap)
{
	spin_lock(&pins_lock);
	if (!unmap) {
		pins_fail(pins, -ENOMEM);
	} else {
		unmap->closed = true;
		if (unmap->pass > 1)
			pins_fail(pins, -EBUSY);
	}
	spin_unlock(&pins_lock);
}

/* This task waits, and type1 does not look before it has done so; or not any more. */
static void pins_set_waiting(bool waits)
{
	struct unmap *unmap;

	spin_lock(&pins_lock);
	list_for_each_entry(unmap, &pins_unmaps, node) {
		if (unmap->task == current)
			unmap->waits = waits;
	}
	spin_unlock(&pins_lock);
}

/* Is nothing pinned just now, that was before the pages were closed? */
static bool pins_have_landed(struct mdev_pt_pins *pins, u64 first, u64 last)
{
	struct flight *flight;
	bool landed = true;

	spin_lock(&pins_lock);
	list_for_each_entry(flight, &pins_flights, node) {
		if (flight->pins == pins && flight->first <= last &&
		    flight->last >= first)
			landed = false;
	}
	spin_unlock(&pins_lock);
	return landed;
}

/* Let go of the guards in pages that are closed. */
static void pins_release_soon(struct mdev_pt_pins *pins)
{
	xa_lock(&pins->guards);
	if (pins->guarding)
		queue_work(system_highpri_wq, &pins->release);
	xa_unlock(&pins->guards);
}

/* The container is about to unmap memory in which somebody has pinned pages. */
void mdev_pt_pins_unmap(struct mdev_pt_pins *pins, u64 iova, u64 len)
{
	u64 first = iova >> PAGE_SHIFT, last = (iova + len - 1) >> PAGE_SHIFT;
	struct unmap *unmap = pins_find_unmap(pins) ?: pins_unmap_begin(pins);
	unsigned int pass = unmap ? pins_count_pass(unmap, first, last) : 1;
	long patience = pass < PASS_LAST ? msecs_to_jiffies(PATIENCE_MS) :
					   MAX_SCHEDULE_TIMEOUT;

	if (pass == 1 && pins_have_guard(pins, first, last))
		pins->scan(pins->vdev);
	pins_close(pins, unmap);
	pins_set_waiting(true);
	wait_event_timeout(pins_wait, pins_have_landed(pins, first, last),
			   patience);
	if (pins_have_guard(pins, first, last))
		pins_release_soon(pins);
	/* In this order: a guard that goes is in flight before it is gone. */
	wait_event_timeout(pins_wait,
			   !pins_have_guard(pins, first, last) &&
			   pins_have_landed(pins, first, last), patience);
	pins_set_waiting(false);
}

/* Tracking begins: there may be guards. */
void mdev_pt_pins_begin(struct mdev_pt_pins *pins)
{
	spin_lock(&pins_lock);
	pins->error = 0;
	pins->begun = ++pins_events;
	spin_unlock(&pins_lock);

	mutex_lock(&pins->guards_lock);
	xa_lock(&pins->guards);
	pins->guarding = true;
	xa_unlock(&pins->guards);
	mutex_unlock(&pins->guards_lock);
}

/* Tracking has ended. */
void mdev_pt_pins_end(struct mdev_pt_pins *pins)
{
	struct flight flight = { .pins = pins, .last = U64_MAX };
	struct guard *guard;
	unsigned long index;

	mutex_lock(&pins->guards_lock);
	xa_lock(&pins->guards);
	pins->guarding = false;
	xa_unlock(&pins->guards);
	cancel_work_sync(&pins->release);

	pins_continue_flight(&flight);
	xa_for_each(&pins->guards, index, guard) {
		xa_erase(&pins->guards, index);
		if (guard->pinned)
			pins_unpin(pins, guard->page, 1);
		kfree(guard);
	}
	pins->nr_guards = 0;
	pins_end_flight(&flight);
	mutex_unlock(&pins->guards_lock);
}

struct mdev_pt_pins *mdev_pt_pins_create(struct vfio_device *vdev,
					 void (*scan)(struct vfio_device *vdev))
{
	struct mdev_pt_pins *pins;

	pins = kzalloc(sizeof(*pins), GFP_KERNEL);
	if (!pins)
		return NULL;
	kref_init(&pins->ref);
	pins->vdev = vdev;
	pins->scan = scan;
	mutex_init(&pins->guards_lock);
	xa_init_flags(&pins->guards, XA_FLAGS_ACCOUNT);
	INIT_WORK(&pins->release, pins_release_guards);
	return pins;
}

/* The device is closed, and no page is pinned. */
void mdev_pt_pins_destroy(struct mdev_pt_pins *pins)
{
	kref_put(&pins->ref, pins_release);
}
