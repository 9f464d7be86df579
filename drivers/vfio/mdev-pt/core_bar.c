// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR accesses from the kernel, as careful as vfio-pci-core's own
 *
 * A BAR is mapped once, into vfio-pci-core's table, where an access of the user
 * finds it too; vfio-pci-core unmaps it when the device is closed.
 */

#include <linux/io.h>
#include <linux/pm_runtime.h>

#include "compat.h"
#include "core.h"

/* What the user has set */
static bool memory_is_on(struct vfio_pci_core_device *vdev)
{
	return *(__le16 *)(vdev->vconfig + PCI_COMMAND) &
	       cpu_to_le16(PCI_COMMAND_MEMORY);
}

/*
 * With memory decoding off, in D3, or in a reset the access would hang or get a
 * machine check. A VF has no decoding of its own to switch off.
 */
static bool memory_is_enabled(struct mdev_pt_device *pt)
{
	struct vfio_pci_core_device *vdev = &pt->vdev;
	struct pci_dev *pdev = vdev->pdev;
	u16 cmd = 0;

	lockdep_assert_held(&vdev->memory_lock);

	if ((__force int)pdev->current_state >= (__force int)PCI_D3hot ||
	    vdev->pm_runtime_engaged)
		return false;
	if (pdev->no_command_memory || memory_is_on(vdev))
		return true;

	/* The user may have switched it off again meanwhile. */
	if (pt->memory_held)
		pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	return cmd & PCI_COMMAND_MEMORY;
}

/*
 * For registers to be accessed though the user has switched memory off, as QEMU
 * has at the destination: there the state comes before the configuration space.
 * A VF has no such switch, but QEMU's models of VFs have. Not nested.
 */
int mdev_pt_memory_hold(struct mdev_pt_device *pt)
{
	struct vfio_pci_core_device *vdev = &pt->vdev;
	struct pci_dev *pdev = vdev->pdev;
	u16 cmd;

	if (pm_runtime_resume_and_get(&pdev->dev))
		return -EIO;

	down_write(&vdev->memory_lock);
	pt->memory_held = true;
	pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(pdev, PCI_COMMAND,
				      cmd | PCI_COMMAND_MEMORY);
	up_write(&vdev->memory_lock);
	return 0;
}

void mdev_pt_memory_release(struct mdev_pt_device *pt)
{
	struct vfio_pci_core_device *vdev = &pt->vdev;
	struct pci_dev *pdev = vdev->pdev;
	u16 cmd;

	down_write(&vdev->memory_lock);
	pt->memory_held = false;
	pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	if (cmd & PCI_COMMAND_MEMORY && !memory_is_on(vdev))
		pci_write_config_word(pdev, PCI_COMMAND,
				      cmd & ~PCI_COMMAND_MEMORY);
	up_write(&vdev->memory_lock);

	pm_runtime_put(&pdev->dev);
}

int mdev_pt_set_bus_master(struct mdev_pt_device *pt, bool on)
{
	struct vfio_pci_core_device *vdev = &pt->vdev;
	struct pci_dev *pdev = vdev->pdev;
	u16 was, cmd;

	down_write(&vdev->memory_lock);
	pci_read_config_word(pdev, PCI_COMMAND, &was);
	cmd = on ? was | PCI_COMMAND_MASTER : was & ~PCI_COMMAND_MASTER;
	if (!PCI_POSSIBLE_ERROR(was) && cmd != was) {
		pci_write_config_word(pdev, PCI_COMMAND, cmd);
		/* The answer comes behind all that was written. */
		pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	}
	up_write(&vdev->memory_lock);

	/* Reads that the function waits for */
	if (!on && !PCI_POSSIBLE_ERROR(was))
		pci_wait_for_pending_transaction(pdev);
	return PCI_POSSIBLE_ERROR(was) ? -EIO : !!(was & PCI_COMMAND_MASTER);
}
EXPORT_SYMBOL_GPL(mdev_pt_set_bus_master);

static int io_read(void __iomem *io, unsigned int width, u64 *value)
{
	switch (width) {
	case 1:
		*value = ioread8(io);
		return 0;
	case 2:
		*value = ioread16(io);
		return 0;
	case 4:
		*value = ioread32(io);
		return 0;
#ifdef CONFIG_64BIT
	case 8:
		*value = readq(io);
		return 0;
#endif
	}
	return -EINVAL;
}

static int io_write(void __iomem *io, unsigned int width, u64 value)
{
	switch (width) {
	case 1:
		iowrite8(value, io);
		return 0;
	case 2:
		iowrite16(value, io);
		return 0;
	case 4:
		iowrite32(value, io);
		return 0;
#ifdef CONFIG_64BIT
	case 8:
		writeq(value, io);
		return 0;
#endif
	}
	return -EINVAL;
}

static int bar_check(struct pci_dev *pdev, unsigned int bar, u64 offset,
		     unsigned int width)
{
	u64 len;

	if (bar >= PCI_STD_NUM_BARS)
		return -EINVAL;
	len = pci_resource_len(pdev, bar);
	if (width > 8 || !is_power_of_2(width) || offset & (width - 1) ||
	    offset >= len || width > len - offset)
		return -EINVAL;
	/* Ports have no access of 8 bytes. */
	if (width == 8 && !(pci_resource_flags(pdev, bar) & IORESOURCE_MEM))
		return -EINVAL;
	return 0;
}

/* Calls io_read() for @in, else io_write() with @out, unless @stale. */
static int bar_access(struct mdev_pt_device *pt, unsigned int bar, u64 offset,
		      unsigned int width, u64 *in, u64 out, const bool *stale)
{
	struct vfio_pci_core_device *vdev = &pt->vdev;
	struct pci_dev *pdev = vdev->pdev;
	void __iomem *io;
	int ret;

	ret = bar_check(pdev, bar, offset, width);
	if (ret)
		return ret;

	io = vdev->barmap[bar];
	if (IS_ERR_OR_NULL((__force void *)io))
		return -ENXIO;
	io += offset;

	if (pm_runtime_resume_and_get(&pdev->dev))
		return -EIO;

	down_read(&vdev->memory_lock);
	if ((pci_resource_flags(pdev, bar) & IORESOURCE_MEM) &&
	    !memory_is_enabled(pt))
		ret = -EIO;
	else if (stale && READ_ONCE(*stale))
		ret = -EAGAIN;
	else
		ret = in ? io_read(io, width, in) : io_write(io, width, out);
	up_read(&vdev->memory_lock);

	pm_runtime_put(&pdev->dev);
	return ret;
}

int mdev_pt_map_bar(struct mdev_pt_device *pt, unsigned int bar)
{
	if (bar >= PCI_STD_NUM_BARS || !pci_resource_len(pt->vdev.pdev, bar))
		return -EINVAL;
	return mdev_pt_setup_barmap(&pt->vdev, bar);
}
EXPORT_SYMBOL_GPL(mdev_pt_map_bar);

int mdev_pt_bar_read(struct mdev_pt_device *pt, unsigned int bar, u64 offset,
		     unsigned int width, u64 *value)
{
	return bar_access(pt, bar, offset, width, value, 0, NULL);
}
EXPORT_SYMBOL_GPL(mdev_pt_bar_read);

int mdev_pt_bar_write(struct mdev_pt_device *pt, unsigned int bar, u64 offset,
		      unsigned int width, u64 value)
{
	return bar_access(pt, bar, offset, width, NULL, value, NULL);
}
EXPORT_SYMBOL_GPL(mdev_pt_bar_write);

/* -EAGAIN if @stale, which a reset sets under memory_lock */
int mdev_pt_bar_write_unless(struct mdev_pt_device *pt, unsigned int bar,
			     u64 offset, unsigned int width, u64 value,
			     const bool *stale)
{
	return bar_access(pt, bar, offset, width, NULL, value, stale);
}
