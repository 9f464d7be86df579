/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Passthrough mediated devices: what mdev_pt_core offers
 *
 * One mediated device is one whole PCI function.  Its VFIO device sits on the
 * function itself, so that IOMMU group, containers, iommufd and isolation are
 * those of vfio-pci; the mdev gives it a UUID, a type and a life cycle.
 */
#ifndef _LINUX_MDEV_PT_H
#define _LINUX_MDEV_PT_H

#include <linux/mdev.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

/**
 * struct mdev_pt_device - a PCI function that is exposed as a mediated device
 * @vdev: the VFIO device on the function; also the function's drvdata for as
 *	long as it is registered, as vfio-pci-core demands
 * @mdev: the mediated device that gives the function its UUID
 *
 * Made by mdev_pt_device_create() and ended by mdev_pt_device_destroy(), both
 * under the device lock of the function; constant in between.
 */
struct mdev_pt_device {
	struct vfio_pci_core_device vdev;
	struct mdev_device *mdev;
};

struct mdev_pt_device *mdev_pt_device_create(struct pci_dev *pdev,
					     struct mdev_device *mdev);
void mdev_pt_device_destroy(struct mdev_pt_device *pt);

#endif /* _LINUX_MDEV_PT_H */
