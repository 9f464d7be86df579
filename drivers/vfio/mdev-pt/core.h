/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to mdev_pt_core */
#ifndef _MDEV_PT_CORE_H
#define _MDEV_PT_CORE_H

#include <linux/mdev_pt.h>

int mdev_pt_links_create(struct mdev_pt_device *pt);
void mdev_pt_links_remove(struct mdev_pt_device *pt);

#endif /* _MDEV_PT_CORE_H */
