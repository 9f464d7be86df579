// SPDX-License-Identifier: GPL-2.0-only

#include <string.h>

#include "pins.h"
#include "type1.h"

/* type1: BUG_ON(++retries > 10) */
#define RETRIES_MAX	10

unsigned int type1_asked_max;
unsigned long type1_asked, type1_pinned;

void type1_init(struct container *c)
{
	/* Across two regions; next to that; after a hole; across two others */
	static const u64 first[MAPPINGS] = {
		REGION_PAGES - 8, REGION_PAGES + 8, REGION_PAGES + 40, 3 * REGION_PAGES - 8,
	};
	unsigned int i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < MAPPINGS; i++) {
		c->mappings[i].first = first[i];
		c->mappings[i].mapped = true;
		c->mappings[i].writable = true;
	}
}

struct mapping *type1_find(struct container *c, u64 page)
{
	struct mapping *m;

	for (m = c->mappings; m < c->mappings + MAPPINGS; m++) {
		if (page - m->first < MAPPING_PAGES)
			return m->mapped ? m : NULL;
	}
	return NULL;
}

static void type1_put(struct vfio_device *d, u64 page)
{
	struct mapping *m = type1_find(d->container, page);
	unsigned int i = m ? page - m->first : 0;

	if (!m || !m->refs[i] || !d->refs[m - d->container->mappings][i])
		sched_fail("unpins a page that is not pinned");
	m->refs[i]--;
	m->pinned--;
	d->refs[m - d->container->mappings][i]--;
	d->pinned--;
}

static int type1_get(struct vfio_device *d, u64 page, int prot)
{
	struct mapping *m = type1_find(d->container, page);

	if (!m)
		return -EINVAL;
	if ((prot & IOMMU_WRITE) && !m->writable)
		return -EPERM;
	m->refs[page - m->first]++;
	m->pinned++;
	d->refs[m - d->container->mappings][page - m->first]++;
	d->pinned++;
	return 0;
}

static void type1_check_pinned(struct vfio_device *d, u64 page, int npage)
{
	struct mapping *m;
	unsigned int n;

	if (d->given_up && sched_called() > d->given_up)
		sched_fail("pins after it was asked twice");
	type1_pinned++;
	for (; npage--; page++) {
		m = type1_find(d->container, page);
		n = m - d->container->mappings;
		if (d->closed[n] == d->epoch)
			sched_fail("pins what is being unmapped");
		d->pinned_at[n][page - m->first] = type1_pinned;
	}
}

unsigned long type1_pinned_at(struct vfio_device *d, u64 page)
{
	unsigned int i;

	for (i = 0; i < MAPPINGS; i++) {
		if (page - d->container->mappings[i].first < MAPPING_PAGES)
			return d->pinned_at[i][page - d->container->mappings[i].first];
	}
	return 0;
}

int vfio_pin_pages(struct vfio_device *d, u64 iova, int npage, int prot,
		   struct page **pages)
{
	u64 page = iova >> PAGE_SHIFT;
	int i, ret = sched_fails() ? -ENOMEM : 0;

	mutex_lock(&d->container->lock);
	for (i = 0; !ret && i < npage; i++) {
		ret = type1_get(d, page + i, prot);
		/* The page may have to be brought in first. */
		sched_point();
	}
	if (ret) {
		for (i -= 2; i >= 0; i--)
			type1_put(d, page + i);
	}
	sched_trace("pins", page, ret ? ret : npage);
	if (!ret)
		type1_check_pinned(d, page, npage);
	mutex_unlock(&d->container->lock);
	return ret ? ret : npage;
}

void vfio_unpin_pages(struct vfio_device *d, u64 iova, int npage)
{
	int i;

	mutex_lock(&d->container->lock);
	for (i = 0; i < npage; i++)
		type1_put(d, (iova >> PAGE_SHIFT) + i);
	sched_trace("unpins", iova >> PAGE_SHIFT, npage);
	mutex_unlock(&d->container->lock);
}

static void type1_ask(struct vfio_device *d, struct mapping *m, unsigned int asked)
{
	unsigned int i, n = m - d->container->mappings, epoch = d->epoch;
	unsigned long expired = sched_expired;
	bool again;
	int error;

	sched_trace("asks device", d->number, asked);
	mdev_pt_pins_unmap(d->pins, m->first << PAGE_SHIFT,
			   (u64)MAPPING_PAGES << PAGE_SHIFT);
	sched_trace("asked device; still pinned", d->number, d->pinned);
	type1_asked++;
	type1_asked_max = max(type1_asked_max, asked);
	error = mdev_pt_pins_error(d->pins);
	if (d->epoch != epoch)
		return;
	again = d->asked_in == epoch || !sched_may_fail();
	d->asked_in = epoch;
	/* Without memory nobody knows of the first time, but for the error. */
	if (asked > 1 && again && d->tracking) {
		if (!error)
			sched_fail("was asked twice, and has no error");
		if (!d->given_up)
			d->given_up = sched_clock();
	}
	/* One that could not wait until its pages were unpinned is asked again. */
	if (sched_expired != expired)
		return;
	for (i = 0; i < MAPPING_PAGES; i++) {
		if (d->refs[n][i])
			sched_fail("was asked, and has pages pinned there");
	}
	d->closed[n] = epoch;
}

static void type1_notify(struct container *c, struct mapping *m, unsigned int *asked)
{
	unsigned int i;

	if (!c->nr_devices)
		return;
	mutex_lock(&c->device_list_lock);
	mutex_unlock(&c->lock);
	c->passes++;
	wake_up_all(&c->asked);
	for (i = 0; i < c->nr_devices; i++)
		type1_ask(c->devices[i], m, ++asked[c->devices[i]->number]);
	mutex_unlock(&c->device_list_lock);
	mutex_lock(&c->lock);
}

void type1_unmap(struct container *c, unsigned int from, unsigned int to)
{
	struct mapping *m, *last = NULL;
	unsigned int asked[MAPPINGS][DEVICES_MAX] = {};
	unsigned int i, retries = 0;

	c->unmapping++;
	c->unmaps++;
	sched_trace("unmaps", from, to);
	mutex_lock(&c->lock);
	for (m = c->mappings + from; m <= c->mappings + to;) {
		if (m->mapped && m->pinned) {
			if (last != m)
				retries = 0;
			else if (++retries > RETRIES_MAX)
				sched_fail("type1's BUG");
			last = m;
			type1_notify(c, m, asked[m - c->mappings]);
			m = c->mappings + from;
			continue;
		}
		m->mapped = false;
		for (i = 0; i < c->nr_devices; i++)
			c->devices[i]->closed[m - c->mappings] = 0;
		m++;
	}
	sched_trace("unmapped", from, to);
	mutex_unlock(&c->lock);
	sched_leave_ioctl();
	sched_trace("has left the ioctl", 0, 0);
	c->unmapping--;
}

void type1_map(struct container *c, unsigned int from, unsigned int to)
{
	struct mapping *m;

	mutex_lock(&c->lock);
	for (m = c->mappings + from; m <= c->mappings + to; m++) {
		m->mapped = true;
		m->writable = sched_random(8);
		m->generation++;
	}
	mutex_unlock(&c->lock);
}

/* At the head, so in the middle of an unmap it is asked first. */
void type1_register(struct container *c, struct vfio_device *d)
{
	mutex_lock(&c->lock);
	mutex_lock(&c->device_list_lock);
	memmove(c->devices + 1, c->devices, c->nr_devices++ * sizeof(*c->devices));
	c->devices[0] = d;
	mutex_unlock(&c->device_list_lock);
	mutex_unlock(&c->lock);
}

void type1_unregister(struct container *c, struct vfio_device *d)
{
	unsigned int i;

	mutex_lock(&c->lock);
	mutex_lock(&c->device_list_lock);
	for (i = 0; c->devices[i] != d; i++)
		;
	memmove(c->devices + i, c->devices + i + 1,
		(--c->nr_devices - i) * sizeof(*c->devices));
	mutex_unlock(&c->device_list_lock);
	mutex_unlock(&c->lock);
}
