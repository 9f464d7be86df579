// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sysfs links that let userspace find the VFIO device from the mdev
 *
 *   iommu_group  QEMU and libvirt take the group of /dev/vfio/N from it
 *   vfio-dev     QEMU takes the character device of iommufd from it
 *   function     people and tools see which PCI function the mdev holds
 *
 * and migration/, of a device that can migrate.
 *
 * The VFIO device is a child of the PCI function, so the first two, which the
 * kernel makes on the function, have to be repeated on the mdev.
 */

#include <linux/kernfs.h>
#include <linux/sysfs.h>

#include "core.h"
#include "migration/migration.h"

/*
 * struct iommu_group is private to the IOMMU core; its kobject is what the
 * link in the function's directory points to.
 */
static int link_iommu_group(struct kobject *mdev, struct pci_dev *pdev)
{
	struct kernfs_node *link;
	int ret = -ENODEV;

	link = kernfs_find_and_get(pdev->dev.kobj.sd, "iommu_group");
	if (!link)
		return -ENODEV;

	if (kernfs_type(link) == KERNFS_LINK)
		ret = sysfs_create_link(mdev, link->symlink.target_kn->priv,
					"iommu_group");
	kernfs_put(link);
	return ret;
}

/* The VFIO device must be registered, and stay so until the links are gone. */
int mdev_pt_links_create(struct mdev_pt_device *pt)
{
	struct vfio_device *vdev = &pt->vdev.vdev;
	struct kobject *mdev = &pt->mdev->dev.kobj;
	struct pci_dev *pdev = pt->vdev.pdev;
	int ret;

	ret = link_iommu_group(mdev, pdev);
	if (ret)
		return ret;

	ret = sysfs_create_link(mdev, vdev->device.kobj.parent, "vfio-dev");
	if (ret)
		goto err_group;

	ret = sysfs_create_link(mdev, &pdev->dev.kobj, "function");
	if (ret)
		goto err_vfio;

	ret = pt->mig ? mdev_pt_migration_show(pt) : 0;
	if (ret)
		goto err_function;

	return 0;

err_function:
	sysfs_remove_link(mdev, "function");
err_vfio:
	sysfs_remove_link(mdev, "vfio-dev");
err_group:
	sysfs_remove_link(mdev, "iommu_group");
	return ret;
}

void mdev_pt_links_remove(struct mdev_pt_device *pt)
{
	struct kobject *mdev = &pt->mdev->dev.kobj;

	if (pt->mig)
		mdev_pt_migration_hide(pt);
	sysfs_remove_link(mdev, "function");
	sysfs_remove_link(mdev, "vfio-dev");
	sysfs_remove_link(mdev, "iommu_group");
}
