/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pins: how the user's type1 container is told which pages were written
 *
 * For kernels that have no log of the device. Knows the container, and nothing of
 * who marks.
 */
#ifndef _MDEV_PT_PINS_H
#define _MDEV_PT_PINS_H

#include <linux/types.h>

struct mdev_pt_pins;
struct vfio_device;

/* @scan: marks what was written up to now, or does what it can within a second */
struct mdev_pt_pins *mdev_pt_pins_create(struct vfio_device *vdev,
					 void (*scan)(struct vfio_device *vdev));
void mdev_pt_pins_destroy(struct mdev_pt_pins *pins);

/* Between these there are guards. */
void mdev_pt_pins_begin(struct mdev_pt_pins *pins);
void mdev_pt_pins_end(struct mdev_pt_pins *pins);

int mdev_pt_pins_narrow(struct mdev_pt_pins *pins);
bool mdev_pt_pins_are_narrow(struct mdev_pt_pins *pins);
void mdev_pt_pins_forget(struct mdev_pt_pins *pins);

int mdev_pt_pins_mark(struct mdev_pt_pins *pins, u64 page, u64 count);
int mdev_pt_pins_error(struct mdev_pt_pins *pins);

bool mdev_pt_pins_guard(struct mdev_pt_pins *pins, u64 iova, u64 len);
void mdev_pt_pins_unguard(struct mdev_pt_pins *pins, u64 iova, u64 len);
void mdev_pt_pins_expect(struct mdev_pt_pins *pins, u64 iova, u64 len);

void mdev_pt_pins_unmap(struct mdev_pt_pins *pins, u64 iova, u64 len);

#endif /* _MDEV_PT_PINS_H */
