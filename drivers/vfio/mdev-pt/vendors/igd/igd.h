/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * igd.c       the vendor: type pt-igd, its life cycle, the ASLS register
 * opregion.c  the OpRegion and its VBT
 * bridges.c   config spaces of host bridge and LPC bridge
 */
#ifndef _MDEV_PT_IGD_H
#define _MDEV_PT_IGD_H

#include <linux/mdev_pt.h>

/* The type of all its regions */
#define IGD_REGION_TYPE	(VFIO_REGION_TYPE_PCI_VENDOR_TYPE | PCI_VENDOR_ID_INTEL)

struct opregion_header;

/**
 * struct igd_opregion - the firmware's OpRegion, as the user sees it
 * @header: of the mailboxes, which follow it; OPREGION_SIZE bytes, mapped
 * @vbt: external VBT, mapped; NULL without one
 * @size: of the region, in bytes
 */
struct igd_opregion {
	const struct opregion_header *header;
	const void *vbt;
	size_t size;
};

/**
 * struct igd - an open device
 * @asls: the user's ASLS register
 * @opregion: all 0 without one
 * @host_bridge: NULL if it isn't there; with a reference, as @lpc_bridge
 * @lpc_bridge: NULL if it isn't there
 */
struct igd {
	__le32 asls;
	struct igd_opregion opregion;
	struct pci_dev *host_bridge;
	struct pci_dev *lpc_bridge;
};

/* Each adds regions; what was mapped or taken before an error stays. */
int igd_add_opregion(struct mdev_pt_device *pt, struct igd *igd, u32 *asls);
int igd_add_bridges(struct mdev_pt_device *pt, struct igd *igd);

void igd_end_opregion(struct igd *igd);
void igd_end_bridges(struct igd *igd);

#endif /* _MDEV_PT_IGD_H */
