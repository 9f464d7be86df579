/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A type1 container, as unmaps, pins and devices see it: Linux 6.1 to 7.x,
 * drivers/vfio/vfio_iommu_type1.c
 */
#ifndef _PINS_TYPE1_H
#define _PINS_TYPE1_H

#include "kernel.h"

#define DEVICES_MAX	16
#define MAPPINGS	4
#define MAPPING_PAGES	16
/* As in pins.c: mappings lie on its regions' edges. */
#define REGION_PAGES	(1u << 15)

/*
 * @generation: how often it was mapped
 * @pinned: references to its pages
 * @refs: by page
 */
struct mapping {
	u64 first;
	bool mapped;
	bool writable;
	unsigned int generation;
	unsigned int pinned;
	unsigned int refs[MAPPING_PAGES];
};

/*
 * @unmapping: tasks that unmap, up to the end of their ioctl
 * @unmaps: how many have begun
 * @passes: how often the devices were asked
 */
struct container {
	struct mutex lock;
	struct mutex device_list_lock;		/* the inner one */
	struct vfio_device *devices[DEVICES_MAX];
	unsigned int nr_devices;
	struct mapping mappings[MAPPINGS];
	unsigned int unmapping;
	unsigned int unmaps;
	unsigned int passes;
	struct wait_queue_head asked;
};

/*
 * @refs: pages that it has pinned, and how many
 * @epoch: how often its tracking has begun or ended, and one
 * @given_up: when it had been asked twice in this epoch (sched_clock()): it pins
 *	nothing unless it has begun to; 0: it was not
 * @asked_in: the epoch in which it was asked last
 * @closed: by mapping: the epoch in which it was asked, and has waited, until the
 *	mapping is gone; 0: not
 */
struct vfio_device {
	struct container *container;
	struct mdev_pt_pins *pins;
	unsigned int number;
	unsigned int refs[MAPPINGS][MAPPING_PAGES];
	unsigned int pinned;
	unsigned int epoch;
	bool tracking;
	unsigned long given_up;
	unsigned int closed[MAPPINGS];
	unsigned int asked_in;
	unsigned long pinned_at[MAPPINGS][MAPPING_PAGES];
	/* Of its tracking thread: see test.c */
	struct mutex posting;
	struct wait_queue_head scans;
	unsigned int scans_wanted;
	unsigned int scans_done;
	bool scanning;
};

/* How often a device was asked about one mapping by one unmap, at most */
extern unsigned int type1_asked_max;
extern unsigned long type1_asked;
extern unsigned long type1_pinned;		/* how often any pages were */

void type1_init(struct container *c);
struct mapping *type1_find(struct container *c, u64 page);
/* The last time that @d pinned it: type1_pinned */
unsigned long type1_pinned_at(struct vfio_device *d, u64 page);
void type1_map(struct container *c, unsigned int from, unsigned int to);
void type1_unmap(struct container *c, unsigned int from, unsigned int to);
void type1_register(struct container *c, struct vfio_device *d);
void type1_unregister(struct container *c, struct vfio_device *d);

#endif /* _PINS_TYPE1_H */
