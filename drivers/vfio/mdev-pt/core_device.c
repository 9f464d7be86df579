// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdev_pt_core: a VFIO device on a whole PCI function, owned by an mdev
 *
 * Each operation goes to the vendor if it has one of its own, else to the
 * default.  The defaults are vfio-pci-core's; what is added here is the mdev
 * (the device opens by its UUID too, and its sysfs directory leads to the group)
 * and the traps.
 */

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "core.h"
#include "migration/migration.h"

static const struct mdev_pt_vendor_ops no_vendor_ops;

static int mdev_pt_vfio_open(struct vfio_device *vdev)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	int ret;

	ret = vfio_pci_core_enable(&pt->vdev);
	if (ret)
		return ret;

	if (pt->mig)
		mdev_pt_migration_open(pt);
	if (pt->ops->open) {
		ret = mdev_pt_vendor_result(pt->ops->open(pt));
		if (ret) {
			dev_err_ratelimited(&pt->vdev.pdev->dev, "%s can't open the device (%d)\n",
					    pt->vendor->name, ret);
			if (pt->mig)
				mdev_pt_migration_close(pt);
			mdev_pt_traps_end(pt);
			vfio_pci_core_disable(&pt->vdev);
			return ret;
		}
	}

	vfio_pci_core_finish_enable(&pt->vdev);
	return 0;
}

static void mdev_pt_vfio_close(struct vfio_device *vdev)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	bool held;

	if (pt->mig)
		mdev_pt_migration_close(pt);
	if (pt->ops->close) {
		/* The user may have left memory off. */
		held = !mdev_pt_memory_hold(pt);
		pt->ops->close(pt);
		if (held)
			mdev_pt_memory_release(pt);
	}
	mdev_pt_traps_end(pt);
	vfio_pci_core_close_device(vdev);
}

ssize_t mdev_pt_read(struct mdev_pt_device *pt, char __user *buf, size_t count,
		     loff_t *ppos)
{
	if (mdev_pt_is_trapped(pt, VFIO_PCI_OFFSET_TO_INDEX(*ppos)))
		return mdev_pt_trap_read(pt, buf, count, ppos);
	return vfio_pci_core_read(&pt->vdev.vdev, buf, count, ppos);
}
EXPORT_SYMBOL_GPL(mdev_pt_read);

static ssize_t mdev_pt_vfio_read(struct vfio_device *vdev, char __user *buf,
				 size_t count, loff_t *ppos)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	return pt->ops->read ? pt->ops->read(pt, buf, count, ppos) :
			       mdev_pt_read(pt, buf, count, ppos);
}

ssize_t mdev_pt_write(struct mdev_pt_device *pt, const char __user *buf,
		      size_t count, loff_t *ppos)
{
	if (mdev_pt_is_trapped(pt, VFIO_PCI_OFFSET_TO_INDEX(*ppos)))
		return mdev_pt_trap_write(pt, buf, count, ppos);
	return vfio_pci_core_write(&pt->vdev.vdev, buf, count, ppos);
}
EXPORT_SYMBOL_GPL(mdev_pt_write);

static ssize_t mdev_pt_vfio_write(struct vfio_device *vdev,
				  const char __user *buf, size_t count,
				  loff_t *ppos)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	return pt->ops->write ? pt->ops->write(pt, buf, count, ppos) :
				mdev_pt_write(pt, buf, count, ppos);
}

static bool has_bar_traps(struct mdev_pt_device *pt)
{
	return pt->trapped & GENMASK(VFIO_PCI_BAR5_REGION_INDEX,
				     VFIO_PCI_BAR0_REGION_INDEX);
}

long mdev_pt_ioctl(struct mdev_pt_device *pt, unsigned int cmd,
		   unsigned long arg)
{
	if (cmd == VFIO_DEVICE_IOEVENTFD && has_bar_traps(pt))
		return -ENOTTY;
	return vfio_pci_core_ioctl(&pt->vdev.vdev, cmd, arg);
}
EXPORT_SYMBOL_GPL(mdev_pt_ioctl);

static long mdev_pt_vfio_ioctl(struct vfio_device *vdev, unsigned int cmd,
			       unsigned long arg)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

#ifndef HAVE_VFIO_REGION_INFO_CAPS
	if (cmd == VFIO_DEVICE_GET_REGION_INFO)
		return mdev_pt_ioctl_get_region_info(pt, (void __user *)arg);
#endif
	return pt->ops->ioctl ? pt->ops->ioctl(pt, cmd, arg) :
				mdev_pt_ioctl(pt, cmd, arg);
}

int mdev_pt_vfio_get_region_info(struct vfio_device *vdev,
				 struct vfio_region_info *info,
				 struct vfio_info_cap *caps)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	return pt->ops->get_region_info ?
		pt->ops->get_region_info(pt, info, caps) :
		mdev_pt_get_region_info(pt, info, caps);
}

int mdev_pt_mmap(struct mdev_pt_device *pt, struct vm_area_struct *vma)
{
	u64 start = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 index = VFIO_PCI_OFFSET_TO_INDEX(start);
	int ret;

	if (mdev_pt_is_trapped(pt, index) &&
	    mdev_pt_traps_overlap_pages(pt, index, start & VFIO_PCI_OFFSET_MASK,
					vma->vm_end - vma->vm_start, false))
		return -EINVAL;
	ret = vfio_pci_core_mmap(&pt->vdev.vdev, vma);
	if (!ret && pt->mig)
		mdev_pt_doorbell_mmap(pt, vma);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_mmap);

static int mdev_pt_vfio_mmap(struct vfio_device *vdev,
			     struct vm_area_struct *vma)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	return pt->ops->mmap ? pt->ops->mmap(pt, vma) : mdev_pt_mmap(pt, vma);
}

void mdev_pt_request(struct mdev_pt_device *pt, unsigned int count)
{
	vfio_pci_core_request(&pt->vdev.vdev, count);
}
EXPORT_SYMBOL_GPL(mdev_pt_request);

static void mdev_pt_vfio_request(struct vfio_device *vdev, unsigned int count)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	if (pt->ops->request)
		pt->ops->request(pt, count);
	else
		mdev_pt_request(pt, count);
}

/*
 * @name is "<UUID>[ options]" or, as for vfio-pci, "<PCI address>[ options]".
 * The options hold the VF token: a UUID must not open what the PCI address
 * would refuse, so both go through vfio_pci_core_match().
 */
static int mdev_pt_vfio_match(struct vfio_device *vdev, char *name)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	const char *uuid = dev_name(&pt->mdev->dev);
	size_t len = strlen(uuid);
	char *pci;
	int ret;

	if (strncmp(name, uuid, len) || (name[len] && name[len] != ' '))
		return vfio_pci_core_match(vdev, name);

	pci = kasprintf(GFP_KERNEL, "%s%s", pci_name(pt->vdev.pdev),
			name + len);
	if (!pci)
		return -ENOMEM;

	ret = vfio_pci_core_match(vdev, pci);
	kfree(pci);
	return ret;
}

static int mdev_pt_vfio_feature(struct vfio_device *vdev, u32 flags,
				void __user *arg, size_t argsz)
{
#ifndef HAVE_VFIO_MIG_DATA_SIZE
	if ((flags & VFIO_DEVICE_FEATURE_MASK) ==
	    VFIO_DEVICE_FEATURE_MIG_DATA_SIZE)
		return mdev_pt_feature_data_size(to_mdev_pt_device(vdev), flags,
						 arg, argsz);
#endif
	return vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);
}

/* The container is about to unmap memory that has pinned pages. */
static void mdev_pt_vfio_dma_unmap(struct vfio_device *vdev, u64 iova, u64 len)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	if (pt->mig)
		mdev_pt_dirty_unmap(pt, iova, len);
}

/* The name is also the driver_override that vfio-pci-core gives to new VFs. */
static const struct vfio_device_ops mdev_pt_device_ops = {
	.name		= "pt",
	.init		= vfio_pci_core_init_dev,
	.release	= vfio_pci_core_release_dev,
	.open_device	= mdev_pt_vfio_open,
	.close_device	= mdev_pt_vfio_close,
	.ioctl		= mdev_pt_vfio_ioctl,
	.device_feature	= mdev_pt_vfio_feature,
	.read		= mdev_pt_vfio_read,
	.write		= mdev_pt_vfio_write,
	.mmap		= mdev_pt_vfio_mmap,
	.request	= mdev_pt_vfio_request,
	.dma_unmap	= mdev_pt_vfio_dma_unmap,
	.match		= mdev_pt_vfio_match,
	MDEV_PT_OPS_REGION_INFO
	MDEV_PT_OPS_MATCH_TOKEN
	MDEV_PT_OPS_IOMMUFD
	MDEV_PT_OPS_PASID
};

#ifdef HAVE_VFIO_PCI_DMABUF
/* A dma-buf is a mapping, too. */
static int mdev_pt_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
				   struct p2pdma_provider **provider,
				   unsigned int index,
				   struct phys_vec *phys_vec,
				   struct vfio_region_dma_range *ranges,
				   size_t nr_ranges)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(&vdev->vdev);
	size_t i;

	for (i = 0; mdev_pt_is_trapped(pt, index) && i < nr_ranges; i++) {
		if (mdev_pt_traps_overlap_pages(pt, index, ranges[i].offset,
						ranges[i].length, true))
			return -EINVAL;
	}
	return vfio_pci_core_get_dmabuf_phys(vdev, provider, index, phys_vec,
					     ranges, nr_ranges);
}

static const struct vfio_pci_device_ops mdev_pt_pci_ops = {
	.get_dmabuf_phys = mdev_pt_get_dmabuf_phys,
};
#endif

static int warn_if_not_viable(struct device *dev, void *data)
{
	struct pci_dev *pdev = data;
	struct device_driver *drv = READ_ONCE(dev->driver);

	if (!drv || !dev_is_pci(dev) || to_pci_driver(drv)->driver_managed_dma)
		return 0;

	pci_warn(pdev, "%s in the same IOMMU group is bound to %s: unbind it, or the group can't be opened\n",
		 dev_name(dev), drv->name);
	return 0;
}

/* vfio refuses to open such a group; say early who is in the way. */
static void check_group_viable(struct pci_dev *pdev)
{
	struct iommu_group *group = iommu_group_get(&pdev->dev);

	if (!group)
		return;
	iommu_group_for_each_dev(group, pdev, warn_if_not_viable);
	iommu_group_put(group);
}

/*
 * Register the VFIO device of a function for @mdev, which must outlive it.
 * @offer: how the vendor of the mdev's type accepted the function, or NULL.
 *
 * When this returns, the function can be opened by the mdev's UUID or by its
 * PCI address, through its group or, where the kernel has it, through iommufd.
 *
 * The caller holds the device lock of @pdev, whose drvdata is unused and whose
 * driver sets driver_managed_dma. Returns the device, or an ERR_PTR: -EINVAL
 * without an IOMMU or where DMA is not cache coherent, -EBUSY for a PF whose VFs
 * are enabled, -ENOMEM, or what the vendor or the VFIO core returned.
 */
struct mdev_pt_device *mdev_pt_device_create(struct pci_dev *pdev,
					     struct mdev_device *mdev,
					     struct mdev_pt_offer *offer)
{
	struct mdev_pt_device *pt;
	int ret;

	device_lock_assert(&pdev->dev);

	pt = vfio_alloc_device(mdev_pt_device, vdev.vdev, &pdev->dev,
			       &mdev_pt_device_ops);
	if (IS_ERR(pt))
		return pt;

	INIT_LIST_HEAD(&pt->traps);
	pt->mdev = mdev;
	pt->ops = &no_vendor_ops;
	if (offer) {
		pt->fn = &offer->fn;
		pt->vendor = offer->vendor;
		pt->ops = offer->vendor->ops;
	}
#ifdef HAVE_VFIO_PCI_DMABUF
	pt->vdev.pci_ops = &mdev_pt_pci_ops;
#endif

	if (pt->ops->migration) {
		ret = mdev_pt_migration_create(pt);
		if (ret)
			goto err_put;
	}

	if (pt->ops->create) {
		ret = mdev_pt_vendor_result(pt->ops->create(pt));
		if (ret) {
			pci_err(pdev, "%s can't create mdev %s (%d)\n",
				pt->vendor->name, dev_name(&mdev->dev), ret);
			goto err_migration;
		}
	}

	dev_set_drvdata(&pdev->dev, &pt->vdev);

	ret = vfio_pci_core_register_device(&pt->vdev);
	if (ret) {
		if (!device_iommu_mapped(&pdev->dev))
			pci_err(pdev, "no IOMMU for this function: enable it in the firmware and on the kernel command line (%d)\n",
				ret);
		else
			pci_err(pdev, "VFIO refused the function: see the messages above (%d)\n",
				ret);
		goto err_remove;
	}

	ret = mdev_pt_links_create(pt);
	if (ret) {
		pci_err(pdev, "no sysfs links for mdev %s: remove it and create it again (%d)\n",
			dev_name(&mdev->dev), ret);
		goto err_unregister;
	}

	check_group_viable(pdev);
	return pt;

err_unregister:
	vfio_pci_core_unregister_device(&pt->vdev);
err_remove:
	dev_set_drvdata(&pdev->dev, NULL);
	if (pt->ops->remove)
		pt->ops->remove(pt);
err_migration:
	mdev_pt_migration_destroy(pt);
err_put:
	vfio_put_device(&pt->vdev.vdev);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(mdev_pt_device_create);

/*
 * Undo mdev_pt_device_create(). A user who has the device open is asked to let
 * go, and waited for. Afterwards the function has been reset and is free. The
 * caller holds the device lock of the function.
 */
void mdev_pt_device_destroy(struct mdev_pt_device *pt)
{
	struct pci_dev *pdev = pt->vdev.pdev;

	device_lock_assert(&pdev->dev);

	mdev_pt_links_remove(pt);
	vfio_pci_core_unregister_device(&pt->vdev);
	dev_set_drvdata(&pdev->dev, NULL);
	if (pt->ops->remove)
		pt->ops->remove(pt);
	mdev_pt_migration_destroy(pt);
	vfio_put_device(&pt->vdev.vdev);
}
EXPORT_SYMBOL_GPL(mdev_pt_device_destroy);

/* For the PCI driver's error handler: the device lock of @pdev is held. */
void mdev_pt_device_reset_done(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);
	struct mdev_pt_device *pt;

	if (!vdev)
		return;
	pt = to_mdev_pt_device(&vdev->vdev);
	if (pt->mig)
		mdev_pt_migration_reset_done(pt);
	if (pt->ops->reset_done)
		pt->ops->reset_done(pt);
}
EXPORT_SYMBOL_GPL(mdev_pt_device_reset_done);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Passthrough core for mediated PCI functions");
MODULE_AUTHOR("The mdev-pt developers");
MDEV_PT_IMPORT_NS(IOMMUFD);
