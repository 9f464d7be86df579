// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config spaces of host bridge and LPC bridge
 *
 * The guest's driver tells the chipset by them. They sit at fixed places on
 * every machine with Intel graphics.
 */

#include <linux/pci.h>
#include <linux/string.h>

#include "igd.h"

#define HOST_BRIDGE	PCI_DEVFN(0x00, 0)
#define LPC_BRIDGE	PCI_DEVFN(0x1f, 0)

/* The largest aligned piece at @at, at most @len bytes; returns its length. */
static int read_piece(struct pci_dev *bridge, int at, void *buf, size_t len)
{
	__le32 le;
	u32 dword;
	u16 word;
	u8 byte;
	int width, ret;

	if (at % 4 == 0 && len >= 4) {
		width = 4;
		ret = pci_user_read_config_dword(bridge, at, &dword);
	} else if (at % 2 == 0 && len >= 2) {
		width = 2;
		ret = pci_user_read_config_word(bridge, at, &word);
		dword = word;
	} else {
		width = 1;
		ret = pci_user_read_config_byte(bridge, at, &byte);
		dword = byte;
	}
	if (ret)
		return ret;

	le = cpu_to_le32(dword);
	memcpy(buf, &le, width);
	return width;
}

static int bridge_read(struct mdev_pt_device *pt, void *data, u64 offset,
		       void *buf, size_t len)
{
	size_t done = 0;
	int ret;

	while (done < len) {
		ret = read_piece(data, offset + done, buf + done, len - done);
		if (ret < 0)
			return ret;
		done += ret;
	}
	return 0;
}

static const struct mdev_pt_region_ops bridge_ops = {
	.read = bridge_read,
};

/* Sets @bridge, and returns 0, also if there is none. */
static int add_bridge(struct mdev_pt_device *pt, unsigned int devfn,
		      unsigned int class, u32 subtype, struct pci_dev **bridge)
{
	struct pci_dev *pdev = pci_get_domain_bus_and_slot(0, 0, devfn);
	int ret;

	*bridge = pdev;
	if (!pdev)
		return 0;
	if (pdev->vendor != PCI_VENDOR_ID_INTEL || pdev->class != class << 8) {
		dev_err_ratelimited(&pt->vdev.pdev->dev, "%s is not Intel's bridge of class %04x: use type pt-pci, without regions for graphics\n",
				    pci_name(pdev), class);
		return -EINVAL;
	}

	ret = mdev_pt_add_region(pt, IGD_REGION_TYPE, subtype, pdev->cfg_size,
				 &bridge_ops, pdev);
	return ret < 0 ? ret : 0;
}

/* Without a host bridge the LPC bridge isn't looked for, as by vfio-pci. */
int igd_add_bridges(struct mdev_pt_device *pt, struct igd *igd)
{
	int ret;

	ret = add_bridge(pt, HOST_BRIDGE, PCI_CLASS_BRIDGE_HOST,
			 VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG,
			 &igd->host_bridge);
	if (ret || !igd->host_bridge)
		return ret;

	return add_bridge(pt, LPC_BRIDGE, PCI_CLASS_BRIDGE_ISA,
			  VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG,
			  &igd->lpc_bridge);
}

void igd_end_bridges(struct igd *igd)
{
	pci_dev_put(igd->lpc_bridge);
	pci_dev_put(igd->host_bridge);
}
