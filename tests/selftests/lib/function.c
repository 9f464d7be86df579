// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "function.h"

const struct function_kind igb_vf_kind = {
	.name = "igb VF",
	.vendor = 0x8086,
	.device = 0x10c9,
	.vf = true,
	.pf_driver = "igb",
};

const struct function_kind igb_pf_kind = {
	.name = "igb PF",
	.vendor = 0x8086,
	.device = 0x10c9,
};

const struct function_kind virtio_net_vf_kind = {
	.name = "virtio-net VF",
	.vendor = 0x1af4,
	.device = 0x1041,
	.vf = true,
	/* A pool: the VFs of a PF that vfio-pci holds want a token. */
	.pf_driver = "pt",
};

const struct function_kind nvme_vf_kind = {
	.name = "nvme VF",
	.vendor = 0x1b36,
	.device = 0x0010,
	.vf = true,
	.pf_driver = "nvme",
};

const struct function_kind nvme_kind = {
	.name = "nvme",
	.vendor = 0x1b36,
	.device = 0x0010,
};

const struct function_kind vga_kind = {
	.name = "VGA",
	.vendor = 0x1234,
	.device = 0x1111,
};

int function_load_drivers(void)
{
	if (getenv("MDEV_PT_TYPE") && system("modprobe pt_test"))
		return -ENOENT;
	if (sysfs_exists("/sys/bus/pci/drivers/vfio-pci") &&
	    sysfs_exists("/sys/bus/pci/drivers/pt"))
		return 0;
	return system("modprobe -a vfio-pci mdev_pt") ? -ENOENT : 0;
}

int function_enable_vf(const char *pf)
{
	int ret;

	/*
	 * Nobody else is to try the VF in between: an NVMe VF without resources
	 * makes the kernel's driver lose memory.
	 */
	ret = pci_attr_write(pf, "sriov_drivers_autoprobe", "0");
	if (ret)
		return ret;
	ret = pci_set_vfs(pf, 1);
	pci_attr_write(pf, "sriov_drivers_autoprobe", "1");
	return ret;
}

static int take_vf(struct function *f, const struct function_kind *kind)
{
	int ret;

	ret = pci_bind(f->pf, kind->pf_driver);
	if (ret)
		return ret;
	ret = function_enable_vf(f->pf);
	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	return pci_vf(f->pf, 0, f->bdf);
}

/* The mdev of a test that did not come to its end goes away with its driver. */
static int remove_leftovers(const char *bdf)
{
	char driver[64];
	int ret;

	ret = pci_driver(bdf, driver, sizeof(driver));
	if (ret < 0)
		return ret;
	return strcmp(driver, "pt") ? 0 : pci_bind(bdf, NULL);
}

int function_take(struct function *f, const struct function_kind *kind)
{
	int ret;

	memset(f, 0, sizeof(*f));
	f->vf = kind->vf;

	/* VFs with the ID of their PF come after it. */
	ret = pci_find(kind->vendor, kind->device, 0, f->pf);
	if (ret)
		return ret;
	ret = function_load_drivers();
	if (ret)
		return ret;

	if (kind->vf) {
		ret = take_vf(f, kind);
		return ret ? ret : remove_leftovers(f->bdf);
	}

	strcpy(f->bdf, f->pf);
	ret = pci_set_vfs(f->pf, 0);
	return ret && ret != -ENOENT ? ret : remove_leftovers(f->bdf);
}

/*
 * A VF of a pool has the PF as its parent; a whole PF has a type of its own.
 * MDEV_PT_TYPE, in the environment, is another type for all.
 */
static int create_mdev(struct function *f)
{
	const char *parent = f->bdf;
	const char *type = "pt-pci", *other = getenv("MDEV_PT_TYPE");
	char driver[64];
	int ret;

	if (f->vf) {
		ret = pci_driver(f->pf, driver, sizeof(driver));
		if (ret < 0)
			return ret;
		if (!strcmp(driver, "pt"))
			parent = f->pf;
	} else if (mdev_available(parent, "pt-pf") >= 0) {
		type = "pt-pf";
	}

	uuid_make(f->uuid);
	ret = mdev_create(parent, other ? other : type, f->uuid);
	if (ret) {
		fprintf(stderr, "# no mdev of type %s on %s (%d)\n",
			other ? other : type, parent, ret);
		f->uuid[0] = '\0';
	}
	return ret;
}

static int remove_mdev(struct function *f)
{
	int ret;

	if (!f->uuid[0])
		return 0;
	ret = mdev_remove(f->uuid);
	f->uuid[0] = '\0';
	return ret;
}

int function_offer(struct function *f, const char *driver)
{
	int ret;

	ret = remove_mdev(f);
	if (ret)
		return ret;
	ret = pci_bind(f->bdf, driver);
	if (ret)
		return ret;

	f->name = f->bdf;
	if (strcmp(driver, "pt"))
		return 0;
	ret = create_mdev(f);
	f->name = f->uuid;
	return ret;
}

int function_offer_type(struct function *f, const char *type)
{
	int ret;

	ret = remove_mdev(f);
	if (!ret)
		ret = pci_bind(f->bdf, "pt");
	if (ret)
		return ret;

	uuid_make(f->uuid);
	f->name = f->uuid;
	ret = mdev_create(f->bdf, type, f->uuid);
	if (ret)
		f->uuid[0] = '\0';
	return ret;
}

int function_withdraw(struct function *f)
{
	int ret = remove_mdev(f);

	return ret ? ret : pci_bind(f->bdf, NULL);
}

int function_give_back(const struct function_kind *kind)
{
	char pf[BDF_LEN], driver[64], override[64];
	int ret;

	ret = pci_find(kind->vendor, kind->device, 0, pf);
	if (ret)
		return ret == -ENODEV ? 0 : ret;
	ret = pci_attr_read(pf, "driver_override", override, sizeof(override));
	if (ret < 0)
		return ret;
	ret = pci_driver(pf, driver, sizeof(driver));
	/* Nobody has taken it. */
	if (ret > 0 && !strcmp(override, "(null)"))
		return 0;

	pci_set_vfs(pf, 0);
	ret = pci_bind(pf, NULL);
	return ret ? ret : sysfs_write("/sys/bus/pci/drivers_probe", pf);
}
