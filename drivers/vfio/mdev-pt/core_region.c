// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: those that a vendor adds, and the description of all of them
 *
 * vfio-pci-core numbers device regions after its own, routes accesses to them
 * and forgets them when the device is closed.
 */

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "core.h"

struct region {
	const struct mdev_pt_region_ops *ops;
	void *data;
};

static struct vfio_pci_region *region_at(struct vfio_pci_core_device *vdev,
					 u64 file_offset)
{
	return &vdev->region[VFIO_PCI_OFFSET_TO_INDEX(file_offset) -
			     VFIO_PCI_NUM_REGIONS];
}

/* Reads to, or writes from, @buf, in pieces that fit @page. */
static ssize_t region_copy(struct mdev_pt_device *pt, struct region *region,
			   u64 offset, char __user *buf, size_t count,
			   bool iswrite, void *page)
{
	size_t done, len;
	int ret = 0;

	for (done = 0; done < count; done += len) {
		len = min_t(size_t, count - done, PAGE_SIZE);
		if (iswrite) {
			if (copy_from_user(page, buf + done, len))
				ret = -EFAULT;
			else
				ret = region->ops->write(pt, region->data,
							 offset + done, page,
							 len);
		} else {
			ret = region->ops->read(pt, region->data,
						offset + done, page, len);
			if (!ret && copy_to_user(buf + done, page, len))
				ret = -EFAULT;
		}
		ret = mdev_pt_vendor_result(ret);
		if (ret)
			break;
		cond_resched();
	}
	return ret ?: done;
}

static ssize_t region_rw(struct vfio_pci_core_device *vdev, char __user *buf,
			 size_t count, loff_t *ppos, bool iswrite)
{
	struct vfio_pci_region *core_region = region_at(vdev, *ppos);
	struct region *region = core_region->data;
	u64 offset = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t ret;
	void *page;

	if (offset >= core_region->size)
		return -EINVAL;
	if (iswrite ? !region->ops->write : !region->ops->read)
		return -EINVAL;
	count = min_t(u64, count, core_region->size - offset);

	/* Zeroed: what a read does not fill must not show what was there. */
	page = kzalloc(min_t(size_t, count, PAGE_SIZE), GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ret = region_copy(to_mdev_pt_device(&vdev->vdev), region, offset, buf,
			  count, iswrite, page);
	kfree(page);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static int region_mmap(struct vfio_pci_core_device *vdev,
		       struct vfio_pci_region *core_region,
		       struct vm_area_struct *vma)
{
	struct region *region = core_region->data;
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) & VFIO_PCI_OFFSET_MASK;
	u64 len = vma->vm_end - vma->vm_start;

	if (offset >= core_region->size || len > core_region->size - offset)
		return -EINVAL;
	return region->ops->mmap(to_mdev_pt_device(&vdev->vdev), region->data,
				 vma);
}

static void region_release(struct vfio_pci_core_device *vdev,
			   struct vfio_pci_region *core_region)
{
	kfree(core_region->data);
}

static const struct vfio_pci_regops region_regops = {
	.rw		= region_rw,
	.mmap		= region_mmap,
	.release	= region_release,
};

int mdev_pt_add_region(struct mdev_pt_device *pt, u32 type, u32 subtype,
		       size_t size, const struct mdev_pt_region_ops *ops,
		       void *data)
{
	struct region *region;
	u32 flags = 0;
	int ret;

	if (ops->read)
		flags |= VFIO_REGION_INFO_FLAG_READ;
	if (ops->write)
		flags |= VFIO_REGION_INFO_FLAG_WRITE;
	if (ops->mmap)
		flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (!flags || !size || size > VFIO_PCI_OFFSET_MASK ||
	    (ops->mmap && !PAGE_ALIGNED(size)))
		return -EINVAL;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	region->ops = ops;
	region->data = data;

	ret = vfio_pci_core_register_dev_region(&pt->vdev, type, subtype,
						&region_regops, size, flags,
						region);
	if (ret)
		kfree(region);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_add_region);

int mdev_pt_get_region_info(struct mdev_pt_device *pt,
			    struct vfio_region_info *info,
			    struct vfio_info_cap *caps)
{
	int ret;

	ret = mdev_pt_core_region_info(&pt->vdev, info, caps);
	if (!ret && mdev_pt_is_trapped(pt, info->index))
		ret = mdev_pt_traps_add_sparse_cap(pt, info, caps);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_get_region_info);
