/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The differences between the kernels that mdev-pt builds on, and nothing
 * else.  Each HAVE_* comes from the Makefile, which looks for the declaration.
 */
#ifndef _MDEV_PT_COMPAT_H
#define _MDEV_PT_COMPAT_H

#include <linux/pci.h>
#include <linux/string.h>
#include <linux/vfio_pci_core.h>

/* pci_dev::driver_override moved to struct device */
static inline int mdev_pt_set_driver_override(struct pci_dev *pdev,
					      const char *name)
{
#ifdef HAVE_DEVICE_DRIVER_OVERRIDE
	return device_set_driver_override(&pdev->dev, name);
#else
	return driver_set_override(&pdev->dev, &pdev->driver_override, name,
				   strlen(name));
#endif
}

/*
 * Map a BAR into vfio-pci-core's table, if it isn't: done when the device is
 * opened, or by an exported function, or, in 6.1, by a private one.
 */
static inline int mdev_pt_setup_barmap(struct vfio_pci_core_device *vdev,
				       unsigned int bar)
{
#if defined(HAVE_VFIO_PCI_GET_IOMAP)
	return PTR_ERR_OR_ZERO((__force void *)
			       vfio_pci_core_get_iomap(vdev, bar));
#elif defined(HAVE_VFIO_PCI_SETUP_BARMAP)
	return vfio_pci_core_setup_barmap(vdev, bar);
#else
	int ret;

	if (vdev->barmap[bar])
		return 0;

	/* As vfio-pci-core undoes it when the device is closed */
	ret = pci_request_selected_regions(vdev->pdev, BIT(bar), "vfio");
	if (ret)
		return ret;
	vdev->barmap[bar] = pci_iomap(vdev->pdev, bar, 0);
	if (vdev->barmap[bar])
		return 0;
	pci_release_selected_regions(vdev->pdev, BIT(bar));
	return -ENOMEM;
#endif
}

/* The vfio-pci default operations that only some kernels have */
#ifdef HAVE_VFIO_IOMMUFD
#if IS_ENABLED(CONFIG_IOMMUFD)
#define MDEV_PT_HAS_IOMMUFD
#define MDEV_PT_OPS_IOMMUFD \
	.bind_iommufd	= mdev_pt_iommufd_bind, \
	.unbind_iommufd	= mdev_pt_iommufd_unbind, \
	.attach_ioas	= mdev_pt_iommufd_attach, \
	.detach_ioas	= mdev_pt_iommufd_detach,
#else
/* All NULL */
#define MDEV_PT_OPS_IOMMUFD \
	.bind_iommufd	= vfio_iommufd_physical_bind, \
	.unbind_iommufd	= vfio_iommufd_physical_unbind, \
	.attach_ioas	= vfio_iommufd_physical_attach_ioas, \
	.detach_ioas	= vfio_iommufd_physical_detach_ioas,
#endif
#else
#define MDEV_PT_OPS_IOMMUFD
#endif

#ifdef HAVE_VFIO_PASID
#define MDEV_PT_OPS_PASID \
	.pasid_attach_ioas	= vfio_iommufd_physical_pasid_attach_ioas, \
	.pasid_detach_ioas	= vfio_iommufd_physical_pasid_detach_ioas,
#else
#define MDEV_PT_OPS_PASID
#endif

#ifdef HAVE_VFIO_MATCH_TOKEN
#define MDEV_PT_OPS_MATCH_TOKEN \
	.match_token_uuid	= vfio_pci_core_match_token_uuid,
#else
#define MDEV_PT_OPS_MATCH_TOKEN
#endif

#ifdef HAVE_VFIO_REGION_INFO_CAPS
#define MDEV_PT_OPS_REGION_INFO \
	.get_region_info_caps	= mdev_pt_vfio_get_region_info,
#else
#define MDEV_PT_OPS_REGION_INFO
#endif

/*
 * Device logs of written pages need the iova_bitmap, which some kernels only
 * have with a driver of their own that uses it.
 */
#if !defined(HAVE_IOVA_BITMAP_OPTIONAL) || IS_ENABLED(CONFIG_IOMMUFD_DRIVER)
#include <linux/iova_bitmap.h>
#define HAVE_VFIO_DMA_LOGGING
#endif

/*
 * How much there is to move: a feature since 6.2. Without it QEMU expects 100 GB,
 * and never comes to an end.
 */
#ifdef VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
#define HAVE_VFIO_MIG_DATA_SIZE
#else
#define VFIO_DEVICE_FEATURE_MIG_DATA_SIZE 9
struct vfio_device_feature_mig_data_size {
	__aligned_u64 stop_copy_length;
};
#endif

/* Opened by iommufd, and not by a group? */
static inline bool mdev_pt_is_iommufd(struct vfio_device *vdev)
{
#ifdef MDEV_PT_HAS_IOMMUFD
	return vdev->iommufd_device;
#else
	return false;
#endif
}

/* The namespace of iommufd's symbols became a string. */
#ifdef HAVE_NAMESPACE_STRING
#define MDEV_PT_IMPORT_NS(ns) MODULE_IMPORT_NS(#ns)
#else
#define MDEV_PT_IMPORT_NS(ns) MODULE_IMPORT_NS(ns)
#endif

/* For trace events with a field and an argument dev: the second one went. */
#ifdef HAVE_ASSIGN_STR_DST
#define mdev_pt_assign_dev_name() __assign_str(dev)
#else
#define mdev_pt_assign_dev_name() __assign_str(dev, dev_name(dev))
#endif

/*
 * Mappings of a VFIO device can be zapped through its inode. A doorbell page has
 * 4 KB, and no other registers may be mapped with it. A guest maps it as a device,
 * and we as memory: only x86 keeps the two coherent.
 */
#ifdef HAVE_VFIO_INODE
#define MDEV_PT_CAN_ZAP (IS_ENABLED(CONFIG_X86) && PAGE_SIZE == SZ_4K)
#else
#define MDEV_PT_CAN_ZAP false
#endif

#endif /* _MDEV_PT_COMPAT_H */
