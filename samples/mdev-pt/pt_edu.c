// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vendor to copy: QEMU's educational device, 1234:11e8
 *
 * The device computes factorials, modulo 2^32, one step for each number: asked
 * for that of 4294967295 it is busy for seconds, and its host's CPU with it.
 * The result is 0 from 34 on, so a user who asks for more is given that of 34.
 * How often that happens can be read from a region of the device.
 *
 * Documentation/vendor-guide.rst explains how to make another one of it.
 */

#include <linux/atomic.h>
#include <linux/mdev_pt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vfio.h>

#define EDU_VENDOR_ID		0x1234
#define EDU_DEVICE_ID		0x11e8

/* BAR 0: factorial computation. Registers below 0x80 are 4 bytes wide. */
#define EDU_FACTORIAL		0x08
#define EDU_FACTORIAL_MAX	34

/*
 * What userspace reads from the region of type VFIO_REGION_TYPE_PCI_VENDOR_TYPE
 * | 0x1234, subtype 1. All count from 0 when the device is opened.
 * @reads, @writes: accesses to the factorial register
 * @bounded: how many of @writes asked for more than EDU_FACTORIAL_MAX
 */
struct pt_edu_stats {
	__le64 reads;
	__le64 writes;
	__le64 bounded;
};

#define PT_EDU_REGION_TYPE	(VFIO_REGION_TYPE_PCI_VENDOR_TYPE | \
				 EDU_VENDOR_ID)
#define PT_EDU_REGION_STATS	1

/* One for each mdev. Accesses run concurrently, hence atomic. */
struct pt_edu {
	atomic64_t reads;
	atomic64_t writes;
	atomic64_t bounded;
};

static int pt_edu_stats_read(struct mdev_pt_device *pt, void *data, u64 offset,
			     void *buf, size_t len)
{
	struct pt_edu *edu = data;
	struct pt_edu_stats stats = {
		.reads = cpu_to_le64(atomic64_read(&edu->reads)),
		.writes = cpu_to_le64(atomic64_read(&edu->writes)),
		.bounded = cpu_to_le64(atomic64_read(&edu->bounded)),
	};

	memcpy(buf, (u8 *)&stats + offset, len);
	return 0;
}

static const struct mdev_pt_region_ops pt_edu_stats_ops = {
	.read = pt_edu_stats_read,
};

static int pt_edu_factorial_read(struct mdev_pt_device *pt, void *data,
				 u64 offset, unsigned int width, u64 *value)
{
	struct pt_edu *edu = data;

	atomic64_inc(&edu->reads);
	return MDEV_PT_DEFAULT;
}

static int pt_edu_factorial_write(struct mdev_pt_device *pt, void *data,
				  u64 offset, unsigned int width, u64 value)
{
	struct pt_edu *edu = data;

	atomic64_inc(&edu->writes);
	/* The device ignores what is narrower than the register. */
	if (width != 4 || value <= EDU_FACTORIAL_MAX)
		return MDEV_PT_DEFAULT;

	atomic64_inc(&edu->bounded);
	return mdev_pt_bar_write(pt, 0, offset, width, EDU_FACTORIAL_MAX);
}

static const struct mdev_pt_trap_ops pt_edu_factorial_ops = {
	.read = pt_edu_factorial_read,
	.write = pt_edu_factorial_write,
};

static int pt_edu_create(struct mdev_pt_device *pt)
{
	struct pt_edu *edu;

	edu = kzalloc(sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	pt->data = edu;
	return 0;
}

static void pt_edu_remove(struct mdev_pt_device *pt)
{
	kfree(pt->data);
}

static int pt_edu_open(struct mdev_pt_device *pt)
{
	struct pt_edu *edu = pt->data;
	int ret;

	/* What one user did is not the next one's business. */
	atomic64_set(&edu->reads, 0);
	atomic64_set(&edu->writes, 0);
	atomic64_set(&edu->bounded, 0);

	ret = mdev_pt_add_region(pt, PT_EDU_REGION_TYPE, PT_EDU_REGION_STATS,
				 sizeof(struct pt_edu_stats), &pt_edu_stats_ops,
				 edu);
	if (ret)
		return ret;

	return mdev_pt_add_trap(pt, VFIO_PCI_BAR0_REGION_INDEX, EDU_FACTORIAL,
				4, &pt_edu_factorial_ops, edu);
}

static const struct mdev_pt_vendor_ops pt_edu_ops = {
	.create = pt_edu_create,
	.remove = pt_edu_remove,
	.open = pt_edu_open,
};

static const struct pci_device_id pt_edu_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR_ID, EDU_DEVICE_ID) },
	{}
};

static struct mdev_pt_vendor_driver pt_edu_driver = {
	.owner = THIS_MODULE,
	.name = "QEMU educational device",
	.type = "edu",
	.id_table = pt_edu_ids,
	.ops = &pt_edu_ops,
};
module_mdev_pt_vendor_driver(pt_edu_driver);

MODULE_ALIAS("mdev-pt:1234-11e8");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample vendor of mdev-pt: QEMU's educational device");
MODULE_AUTHOR("The mdev-pt developers");
