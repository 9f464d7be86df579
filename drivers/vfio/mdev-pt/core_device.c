// SPDX-License-Identifier: GPL-2.0-only
/*
 * mdev_pt_core: a VFIO device on a whole PCI function, owned by an mdev
 *
 * Every operation is vfio-pci-core's; what is added here is the mdev: the
 * device opens by its UUID too, and its sysfs directory leads to the group.
 */

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "core.h"

static struct mdev_pt_device *to_mdev_pt_device(struct vfio_device *vdev)
{
	return container_of(vdev, struct mdev_pt_device, vdev.vdev);
}

static int mdev_pt_open_device(struct vfio_device *vdev)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	int ret;

	ret = vfio_pci_core_enable(&pt->vdev);
	if (ret)
		return ret;

	vfio_pci_core_finish_enable(&pt->vdev);
	return 0;
}

/*
 * @name is "<UUID>[ options]" or, as for vfio-pci, "<PCI address>[ options]".
 * The options hold the VF token: a UUID must not open what the PCI address
 * would refuse, so both go through vfio_pci_core_match().
 */
static int mdev_pt_match(struct vfio_device *vdev, char *name)
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

/* The name is also the driver_override that vfio-pci-core gives to new VFs. */
static const struct vfio_device_ops mdev_pt_device_ops = {
	.name		= "pt",
	.init		= vfio_pci_core_init_dev,
	.release	= vfio_pci_core_release_dev,
	.open_device	= mdev_pt_open_device,
	.close_device	= vfio_pci_core_close_device,
	.ioctl		= vfio_pci_core_ioctl,
	.device_feature	= vfio_pci_core_ioctl_feature,
	.read		= vfio_pci_core_read,
	.write		= vfio_pci_core_write,
	.mmap		= vfio_pci_core_mmap,
	.request	= vfio_pci_core_request,
	.match		= mdev_pt_match,
	MDEV_PT_OPS_REGION_INFO
	MDEV_PT_OPS_MATCH_TOKEN
	MDEV_PT_OPS_IOMMUFD
	MDEV_PT_OPS_PASID
};

#ifdef HAVE_VFIO_PCI_DMABUF
static const struct vfio_pci_device_ops mdev_pt_pci_ops = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
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

/**
 * mdev_pt_device_create - register the VFIO device of a PCI function
 * @pdev: the function; bound to the calling driver, its drvdata unused
 * @mdev: the mediated device; must outlive the returned device
 *
 * When this returns, the function can be opened by the mdev's UUID or by its
 * PCI address, through its group or, where the kernel has it, through iommufd.
 *
 * Context: Process context, may sleep. The caller holds the device lock of
 *	@pdev. The driver of @pdev must set driver_managed_dma.
 *
 * Return: The device, or an ERR_PTR: -EINVAL without an IOMMU or where DMA is
 *	not cache coherent, -EBUSY for a PF whose VFs are enabled, -ENOMEM, or
 *	what the VFIO core returned.
 */
struct mdev_pt_device *mdev_pt_device_create(struct pci_dev *pdev,
					     struct mdev_device *mdev)
{
	struct mdev_pt_device *pt;
	int ret;

	device_lock_assert(&pdev->dev);

	pt = vfio_alloc_device(mdev_pt_device, vdev.vdev, &pdev->dev,
			       &mdev_pt_device_ops);
	if (IS_ERR(pt))
		return pt;

	pt->mdev = mdev;
#ifdef HAVE_VFIO_PCI_DMABUF
	pt->vdev.pci_ops = &mdev_pt_pci_ops;
#endif
	dev_set_drvdata(&pdev->dev, &pt->vdev);

	ret = vfio_pci_core_register_device(&pt->vdev);
	if (ret) {
		if (!device_iommu_mapped(&pdev->dev))
			pci_err(pdev, "no IOMMU for this function: enable it in the firmware and on the kernel command line (%d)\n",
				ret);
		else
			pci_err(pdev, "VFIO refused the function: see the messages above (%d)\n",
				ret);
		goto err_put;
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
err_put:
	dev_set_drvdata(&pdev->dev, NULL);
	vfio_put_device(&pt->vdev.vdev);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(mdev_pt_device_create);

/**
 * mdev_pt_device_destroy - undo mdev_pt_device_create()
 * @pt: the device; freed
 *
 * A user who has the device open is asked through the request eventfd to let
 * go, and waited for. Afterwards the function has been reset and is free.
 *
 * Context: Process context, may sleep for as long as the user does not let
 *	go. The caller holds the device lock of the function.
 */
void mdev_pt_device_destroy(struct mdev_pt_device *pt)
{
	struct pci_dev *pdev = pt->vdev.pdev;

	device_lock_assert(&pdev->dev);

	mdev_pt_links_remove(pt);
	vfio_pci_core_unregister_device(&pt->vdev);
	dev_set_drvdata(&pdev->dev, NULL);
	vfio_put_device(&pt->vdev.vdev);
}
EXPORT_SYMBOL_GPL(mdev_pt_device_destroy);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Passthrough core for mediated PCI functions");
MODULE_AUTHOR("The mdev-pt developers");
