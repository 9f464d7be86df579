// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel integrated graphics: mdev type pt-igd
 *
 * A guest's driver wants more than the function: the OpRegion, where firmware
 * describes displays and their wiring, and the identity of host bridge and LPC
 * bridge. Each is a read-only region, as of vfio-pci: same order, same bytes.
 */

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "igd.h"

/* ASL Storage: the physical address of the OpRegion (PRM vol. 2c, ASLS_0_2_0_PCI) */
#define IGD_ASLS	0xfc

static int asls_read(struct mdev_pt_device *pt, void *data, u64 offset,
		     unsigned int width, u64 *value)
{
	struct igd *igd = data;
	__le64 le = 0;

	memcpy(&le, (u8 *)&igd->asls + (offset - IGD_ASLS), width);
	*value = le64_to_cpu(le);
	return 0;
}

static int asls_write(struct mdev_pt_device *pt, void *data, u64 offset,
		      unsigned int width, u64 value)
{
	struct igd *igd = data;
	__le64 le = cpu_to_le64(value);

	memcpy((u8 *)&igd->asls + (offset - IGD_ASLS), &le, width);
	return 0;
}

static const struct mdev_pt_trap_ops asls_ops = {
	.read	= asls_read,
	.write	= asls_write,
};

static void igd_end(struct igd *igd)
{
	igd_end_bridges(igd);
	igd_end_opregion(igd);
	kfree(igd);
}

static int igd_add(struct mdev_pt_device *pt, struct igd *igd)
{
	u32 asls;
	int ret;

	ret = pci_read_config_dword(pt->vdev.pdev, IGD_ASLS, &asls);
	if (ret)
		return pcibios_err_to_errno(ret);

	/* Without an OpRegion the function is passed through as it is. */
	if (asls && ~asls) {
		ret = igd_add_opregion(pt, igd, &asls);
		if (!ret)
			ret = igd_add_bridges(pt, igd);
		if (ret)
			return ret;
	}

	/*
	 * In any case: no user is to say where the host will look for the
	 * OpRegion the next time.
	 */
	igd->asls = cpu_to_le32(asls);
	return mdev_pt_add_trap(pt, VFIO_PCI_CONFIG_REGION_INDEX, IGD_ASLS,
				sizeof(igd->asls), &asls_ops, igd);
}

static int igd_open(struct mdev_pt_device *pt)
{
	struct igd *igd;
	int ret;

	igd = kzalloc(sizeof(*igd), GFP_KERNEL_ACCOUNT);
	if (!igd)
		return -ENOMEM;

	ret = igd_add(pt, igd);
	if (ret)
		igd_end(igd);
	else
		pt->data = igd;
	return ret;
}

static void igd_close(struct mdev_pt_device *pt)
{
	igd_end(pt->data);
}

static const struct mdev_pt_vendor_ops igd_ops = {
	.open	= igd_open,
	.close	= igd_close,
};

/*
 * Display controllers of all kinds: graphics without a display output of its
 * own is "other", not VGA, and has an OpRegion too. So does vfio-pci of 7.3; that
 * of 6.1 and 6.12 gives regions to VGA only.
 *
 * No MODULE_DEVICE_TABLE(): only who binds a function to "pt" wants this.
 */
static const struct pci_device_id igd_ids[] = {
	{
		PCI_DEVICE(PCI_VENDOR_ID_INTEL, PCI_ANY_ID),
		.class = PCI_BASE_CLASS_DISPLAY << 16,
		.class_mask = 0xff0000,
	},
	{}
};

static struct mdev_pt_vendor_driver igd_driver = {
	.owner		= THIS_MODULE,
	.name		= "Intel integrated graphics",
	.type		= "igd",
	.id_table	= igd_ids,
	.ops		= &igd_ops,
};
module_mdev_pt_vendor_driver(igd_driver);

/* By vendor it would come with every Intel NIC. */
MODULE_ALIAS("mdev-pt:class-03*");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated passthrough of Intel integrated graphics");
MODULE_AUTHOR("The mdev-pt developers");
