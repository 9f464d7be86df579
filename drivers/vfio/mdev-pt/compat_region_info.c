// SPDX-License-Identifier: GPL-2.0-only
/*
 * Region info on kernels whose vfio-pci-core only gives it to a user
 *
 * Before the region-info op of VFIO devices, vfio-pci-core answered the ioctl
 * itself and exported no part of it. A vendor, or a trap, that has something to
 * add needs the answer in the kernel; without one the ioctl goes straight to
 * vfio-pci-core.
 */

#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "core.h"

static int bar_info(struct vfio_pci_core_device *vdev,
		    struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	struct vfio_info_cap_header msix_mappable = {
		.id = VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
		.version = 1,
	};

	info->size = pci_resource_len(vdev->pdev, info->index);
	if (!info->size)
		return 0;
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (!vdev->bar_mmap_supported[info->index])
		return 0;
	info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (info->index != vdev->msix_bar)
		return 0;
	return vfio_info_add_capability(caps, &msix_mappable,
					sizeof(msix_mappable));
}

/* Whether there is a ROM shows by its content, for which memory must be on. */
static void rom_info(struct vfio_pci_core_device *vdev,
		     struct vfio_region_info *info)
{
	struct resource *rom = &vdev->pdev->resource[PCI_ROM_RESOURCE];
	void __iomem *io;
	size_t size;
	u16 cmd;

	info->size = resource_size(rom);
	if (!rom->start && !rom->end)
		info->size = 0;
	if (!info->size && (rom->flags & IORESOURCE_ROM_SHADOW))
		info->size = SZ_128K;
	if (!info->size)
		return;

	down_write(&vdev->memory_lock);
	pci_read_config_word(vdev->pdev, PCI_COMMAND, &cmd);
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(vdev->pdev, PCI_COMMAND,
				      cmd | PCI_COMMAND_MEMORY);
	io = pci_map_rom(vdev->pdev, &size);
	if (io) {
		info->flags = VFIO_REGION_INFO_FLAG_READ;
		pci_unmap_rom(vdev->pdev, io);
	} else {
		info->size = 0;
	}
	pci_write_config_word(vdev->pdev, PCI_COMMAND, cmd);
	up_write(&vdev->memory_lock);
}

static int device_region_info(struct vfio_pci_core_device *vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_type type = {
		.header.id = VFIO_REGION_INFO_CAP_TYPE,
		.header.version = 1,
	};
	struct vfio_pci_region *region;
	u32 i = info->index - VFIO_PCI_NUM_REGIONS;
	int ret;

	if (i >= vdev->num_regions)
		return -EINVAL;
	region = &vdev->region[array_index_nospec(i, vdev->num_regions)];

	info->size = region->size;
	info->flags = region->flags;
	type.type = region->type;
	type.subtype = region->subtype;
	ret = vfio_info_add_capability(caps, &type.header, sizeof(type));
	if (ret || !region->ops->add_capability)
		return ret;
	return region->ops->add_capability(vdev, region, caps);
}

int mdev_pt_core_region_info(struct vfio_pci_core_device *vdev,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps)
{
	info->offset = VFIO_PCI_INDEX_TO_OFFSET(info->index);
	info->size = 0;
	info->flags = 0;

	switch (info->index) {
	case VFIO_PCI_BAR0_REGION_INDEX ... VFIO_PCI_BAR5_REGION_INDEX:
		return bar_info(vdev, info, caps);
	case VFIO_PCI_ROM_REGION_INDEX:
		rom_info(vdev, info);
		return 0;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = vdev->pdev->cfg_size;
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE;
		return 0;
	case VFIO_PCI_VGA_REGION_INDEX:
		if (!vdev->has_vga)
			return -EINVAL;
		info->size = 0xc0000;
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE;
		return 0;
	default:
		return device_region_info(vdev, info, caps);
	}
}

/* The capabilities follow @info if there is room; else say how much it takes. */
static int put_caps(struct vfio_region_info *info, struct vfio_info_cap *caps,
		    struct vfio_region_info __user *arg)
{
	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz < sizeof(*info) + caps->size) {
		info->argsz = sizeof(*info) + caps->size;
		info->cap_offset = 0;
		return 0;
	}
	vfio_info_cap_shift(caps, sizeof(*info));
	info->cap_offset = sizeof(*info);
	return copy_to_user(arg + 1, caps->buf, caps->size) ? -EFAULT : 0;
}

/* VFIO_DEVICE_GET_REGION_INFO */
long mdev_pt_ioctl_get_region_info(struct mdev_pt_device *pt,
				   struct vfio_region_info __user *arg)
{
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_info_cap caps = {};
	struct vfio_region_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	if (!pt->ops->get_region_info && !mdev_pt_is_trapped(pt, info.index))
		return vfio_pci_core_ioctl(&pt->vdev.vdev,
					   VFIO_DEVICE_GET_REGION_INFO,
					   (unsigned long)arg);

	ret = mdev_pt_vfio_get_region_info(&pt->vdev.vdev, &info, &caps);
	if (!ret && caps.size)
		ret = put_caps(&info, &caps, arg);
	kfree(caps.buf);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}
