// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vendor that names less than its device has: type pt-test-queue, on VFs of QEMU's
 * igb (8086:10ca). Of the page of receive queues it knows those of queue 0.
 */

#include <linux/mdev_pt.h>
#include <linux/module.h>

/* 82576 datasheet, 8.10 */
#define RX(reg)		(0x2800 + (reg))
#define RXDCTL_ENABLE	BIT(25)
/* What a frame of 1400 bytes takes of the tests' buffers, and their largest size */
#define MAX_PACKET	4
#define BUFFER		2048

static const u32 rx_config[] = { RX(0x0c) };

static unsigned int queue_posted(const u32 *config, const void *desc,
				 struct mdev_pt_buffer *buffers,
				 unsigned int max)
{
	const __le64 *address = desc;

	if (!max)
		return 0;
	buffers[0].iova = le64_to_cpu(address[0]);
	buffers[0].len = BUFFER;
	return 1;
}

static const struct mdev_pt_queue_map queues[] = {
	{
		.receive = true,
		.desc_size = 16,
		.max_entries = 4096,
		.base_lo = RX(0x00),
		.base_hi = RX(0x04),
		.len = RX(0x08),
		.head = RX(0x10),
		.tail = RX(0x18),
		.ctl = RX(0x28),
		.enable = RXDCTL_ENABLE,
		.config = rx_config,
		.nr_config = ARRAY_SIZE(rx_config),
		.max_packet = MAX_PACKET,
		.posted = queue_posted,
	},
};

static ssize_t queue_save(struct mdev_pt_device *pt, void *buf, size_t size)
{
	return mdev_pt_queues_save(pt, buf) ?:
	       mdev_pt_queues_size(ARRAY_SIZE(queues));
}

static int queue_load(struct mdev_pt_device *pt, const void *buf, size_t size,
		      u32 version)
{
	return size == mdev_pt_queues_size(ARRAY_SIZE(queues)) ?
	       mdev_pt_queues_load(pt, buf) : -EINVAL;
}

static const struct mdev_pt_migration_ops migration_ops = {
	.state_size = mdev_pt_queues_size(ARRAY_SIZE(queues)),
	.version = 1,
	.quiesce = mdev_pt_queues_stop,
	.resume = mdev_pt_queues_start,
	.save = queue_save,
	.load = queue_load,
};

static int queue_open(struct mdev_pt_device *pt)
{
	/* No such flag */
	if (mdev_pt_add_queues(pt, 0, queues, ARRAY_SIZE(queues), BIT(1)) !=
	    -EINVAL)
		return -ENOTRECOVERABLE;
	return mdev_pt_add_queues(pt, 0, queues, ARRAY_SIZE(queues), 0);
}

static const struct mdev_pt_vendor_ops queue_ops = {
	.open = queue_open,
	.migration = &migration_ops,
};

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x10ca) },
	{}
};

static struct mdev_pt_vendor_driver queue_driver = {
	.owner = THIS_MODULE,
	.name = "Test queues",
	.type = "test-queue",
	.id_table = ids,
	.ops = &queue_ops,
};
module_mdev_pt_vendor_driver(queue_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A vendor of mdev-pt that names some of its registers");
