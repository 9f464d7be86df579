// SPDX-License-Identifier: GPL-2.0-only
/* The smallest vendor that there is, for edu too: pt-test-other */

#include <linux/mdev_pt.h>
#include <linux/module.h>

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};

static const struct mdev_pt_vendor_ops ops;

static struct mdev_pt_vendor_driver vendor = {
	.owner = THIS_MODULE,
	.name = "Test other",
	.type = "test-other",
	.id_table = ids,
	.ops = &ops,
};
module_mdev_pt_vendor_driver(vendor);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A vendor of mdev-pt for its tests");
