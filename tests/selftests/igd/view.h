/* SPDX-License-Identifier: GPL-2.0-only */
/* All that a user sees of Intel graphics, taken down */
#ifndef _IGD_VIEW_H
#define _IGD_VIEW_H

#include "machine.h"
#include "snapshot.h"
#include "vfio.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define OPREGION	VFIO_PCI_NUM_REGIONS
#define HOST_BRIDGE	(VFIO_PCI_NUM_REGIONS + 1)
#define LPC_BRIDGE	(VFIO_PCI_NUM_REGIONS + 2)

/* All zero for a region that is not there */
struct vfio_region_info view_region(struct vfio_user *u, uint32_t index);
uint32_t view_region_count(struct vfio_user *u);

/* The regions from OPREGION on: info, bytes in all kinds of pieces, refusals */
void view_regions(struct snapshot *s, struct vfio_user *u);
/* Config space, what the user can do with ASLS, and what a reset does to it */
void view_config(struct snapshot *s, struct vfio_user *u);

#endif /* _IGD_VIEW_H */
