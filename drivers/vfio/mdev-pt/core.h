/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mdev_pt_core offers to mdev_pt, and the parts of mdev_pt_core to each
 * other; what vendors build on is in <linux/mdev_pt.h>
 *
 * core_device.c  the VFIO device of a function: life cycle, accesses
 * core_links.c   its sysfs links
 * core_vendor.c  the registry of vendors; what they say of a function
 * core_region.c  regions that a vendor adds; region info
 * core_trap.c    traps in BARs and in config space
 * core_bar.c     BAR accesses from the kernel
 * core_iommufd.c  the user's memory, also with iommufd
 * compat_region_info.c  region info on older kernels
 *
 * Migration has a header of its own: migration/migration.h.
 */
#ifndef _MDEV_PT_CORE_H
#define _MDEV_PT_CORE_H

#include <linux/list.h>
#include <linux/mdev_pt.h>
#include <linux/notifier.h>

/**
 * struct mdev_pt_offer - a function that a vendor accepted
 * @fn: what the vendor sees
 * @vendor: the vendor; registered for as long as the offer exists
 * @node: for whoever made it
 */
struct mdev_pt_offer {
	struct mdev_pt_function fn;
	const struct mdev_pt_vendor_driver *vendor;
	struct list_head node;
};

static inline struct mdev_pt_device *to_mdev_pt_device(struct vfio_device *vdev)
{
	return container_of(vdev, struct mdev_pt_device, vdev.vdev);
}

/* A vendor's callback returned @ret: what is positive would pass for a pointer. */
static inline int mdev_pt_vendor_result(int ret)
{
	return WARN_ONCE(ret > 0, "mdev_pt: a vendor returned %d\n", ret) ?
	       -EINVAL : ret;
}

/* core_device.c */
struct mdev_pt_device *mdev_pt_device_create(struct pci_dev *pdev,
					     struct mdev_device *mdev,
					     struct mdev_pt_offer *offer);
void mdev_pt_device_destroy(struct mdev_pt_device *pt);
void mdev_pt_device_reset_done(struct pci_dev *pdev);

/* core_vendor.c */
enum mdev_pt_vendor_event {
	MDEV_PT_VENDOR_ADDED,
	MDEV_PT_VENDOR_REMOVED,
};

int mdev_pt_vendor_subscribe(struct notifier_block *nb);
void mdev_pt_vendor_unsubscribe(struct notifier_block *nb);
int mdev_pt_visit_vendors(int (*visit)(const struct mdev_pt_vendor_driver *vendor,
				       void *data), void *data);
bool mdev_pt_vendor_knows(const struct mdev_pt_vendor_driver *vendor,
			  u16 vendor_id, u16 device_id, u32 class);
struct mdev_pt_offer *mdev_pt_offer_make(const struct mdev_pt_vendor_driver *vendor,
					 struct pci_dev *pdev);
void mdev_pt_offer_end(struct mdev_pt_offer *offer);

/* core_links.c */
int mdev_pt_links_create(struct mdev_pt_device *pt);
void mdev_pt_links_remove(struct mdev_pt_device *pt);

/* core_device.c, for the VFIO core */
int mdev_pt_vfio_get_region_info(struct vfio_device *vdev,
				 struct vfio_region_info *info,
				 struct vfio_info_cap *caps);

/* What vfio-pci-core says of a region */
#ifdef HAVE_VFIO_REGION_INFO_CAPS
static inline int mdev_pt_core_region_info(struct vfio_pci_core_device *vdev,
					   struct vfio_region_info *info,
					   struct vfio_info_cap *caps)
{
	return vfio_pci_ioctl_get_region_info(&vdev->vdev, info, caps);
}
#else
/* compat_region_info.c */
int mdev_pt_core_region_info(struct vfio_pci_core_device *vdev,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps);
long mdev_pt_ioctl_get_region_info(struct mdev_pt_device *pt,
				   struct vfio_region_info __user *arg);
#endif

/* core_bar.c */
int mdev_pt_memory_hold(struct mdev_pt_device *pt);
void mdev_pt_memory_release(struct mdev_pt_device *pt);
int mdev_pt_bar_write_unless(struct mdev_pt_device *pt, unsigned int bar,
			     u64 offset, unsigned int width, u64 value,
			     const bool *stale);

/* core_iommufd.c */
#ifdef MDEV_PT_HAS_IOMMUFD
int mdev_pt_iommufd_bind(struct vfio_device *vdev, struct iommufd_ctx *ictx,
			 u32 *out_device_id);
void mdev_pt_iommufd_unbind(struct vfio_device *vdev);
int mdev_pt_iommufd_attach(struct vfio_device *vdev, u32 *pt_id);
void mdev_pt_iommufd_detach(struct vfio_device *vdev);
#endif
bool mdev_pt_has_user_memory(struct mdev_pt_device *pt);
int mdev_pt_user_rw(struct mdev_pt_device *pt, u64 iova, void *buf, size_t len,
		    bool write);

/* core_trap.c */
void mdev_pt_traps_end(struct mdev_pt_device *pt);
int mdev_pt_add_page_trap(struct mdev_pt_device *pt, unsigned int bar,
			  u64 offset, const struct mdev_pt_trap_ops *ops,
			  void *data, bool mapped);
bool mdev_pt_traps_overlap_pages(struct mdev_pt_device *pt, unsigned int index,
				 u64 offset, u64 len, bool mapped);
int mdev_pt_traps_add_sparse_cap(struct mdev_pt_device *pt,
				 struct vfio_region_info *info,
				 struct vfio_info_cap *caps);
ssize_t mdev_pt_trap_read(struct mdev_pt_device *pt, char __user *buf,
			  size_t count, loff_t *ppos);
ssize_t mdev_pt_trap_write(struct mdev_pt_device *pt, const char __user *buf,
			   size_t count, loff_t *ppos);

/* Does region @index have traps? */
static inline bool mdev_pt_is_trapped(struct mdev_pt_device *pt, u64 index)
{
	return unlikely(pt->trapped) && index < VFIO_PCI_NUM_REGIONS &&
	       test_bit(index, &pt->trapped);
}

#endif /* _MDEV_PT_CORE_H */
