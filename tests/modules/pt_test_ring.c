// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vendor whose rings are set up by messages, for the tests of what is written
 * to them: type pt-test-ring, on VFs of QEMU's igb (8086:10ca). They have
 * registers for that, but here it is the user who says what ring there is, through
 * a region. Queue 0 only; what the type saves is nothing.
 *
 * Parameter "look_ms": how long a look at what was written takes.
 */

#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/mdev_pt.h>
#include <linux/module.h>

#include "pt_test_ring.h"

/* 82576 datasheet, 8.26 */
#define RDH		0x2810
#define RDT		0x2818
#define RXDCTL		0x2828
#define SRRCTL1		0x290c
#define TDH		0x3810
#define TDT		0x3818
#define TXDCTL		0x3828
#define DCTL_ENABLE	BIT(25)

/* A frame of 1400 bytes in the smallest of the tests' buffers */
#define MAX_PACKET	4

static const u32 tails[] = {
	[PT_TEST_RING_RX] = RDT,
	[PT_TEST_RING_TX] = TDT,
};

static const u32 heads[] = {
	[PT_TEST_RING_RX] = RDH,
	[PT_TEST_RING_TX] = TDH,
};

static unsigned int rx_posted(const u32 *config, const void *desc,
			      struct mdev_pt_buffer *buffers, unsigned int max)
{
	const __le64 *address = desc;

	if (!max)
		return 0;
	buffers[0].iova = le64_to_cpu(address[0]);
	buffers[0].len = config[0];
	return 1;
}

/* 7.1.5: DD, in what is written back */
static bool rx_done(const u32 *config, const void *desc)
{
	const __le32 *word = desc;

	return le32_to_cpu(word[2]) & BIT(0);
}

/* 7.2.2.4 */
static bool tx_done(const u32 *config, const void *desc)
{
	const __le32 *word = desc;

	return le32_to_cpu(word[3]) & BIT(0);
}

static const enum mdev_pt_ring_completion completions[] = {
	[PT_TEST_RING_DONE] = MDEV_PT_RING_DONE,
	[PT_TEST_RING_HEAD] = MDEV_PT_RING_HEAD,
	[PT_TEST_RING_WRITEBACK] = MDEV_PT_RING_WRITEBACK,
};

static int message(struct mdev_pt_device *pt, void *data, u64 offset,
		   const void *buf, size_t len)
{
	const struct pt_test_ring_message *msg = buf;
	struct mdev_pt_ring ring = {
		.desc_size = 16,
		.max_packet = MAX_PACKET,
	};
	bool receive;

	if (offset || len != sizeof(*msg) || msg->tail >= ARRAY_SIZE(tails) ||
	    msg->completion >= ARRAY_SIZE(completions))
		return -EINVAL;
	if (!msg->entries) {
		mdev_pt_ring_detach(pt, msg->tail);
		return 0;
	}

	receive = msg->tail == PT_TEST_RING_RX;
	ring.base = msg->base;
	ring.entries = msg->entries;
	ring.completion = completions[msg->completion];
	ring.head = heads[msg->tail];
	ring.writeback = msg->writeback;
	ring.done = receive ? rx_done : tx_done;
	ring.posted = receive ? rx_posted : NULL;
	ring.config[0] = msg->buffer;
	return mdev_pt_ring_attach(pt, msg->tail, &ring);
}

static const struct mdev_pt_region_ops message_region = {
	.write = message,
};

static int read_ctl(struct mdev_pt_device *pt, u32 reg, u64 *ctl)
{
	*ctl = 0;
	return mdev_pt_bar_read(pt, 0, reg, 4, ctl);
}

static int set_enabled(struct mdev_pt_device *pt, u32 reg, bool enable)
{
	int err, ret;
	u64 ctl;

	ret = read_ctl(pt, reg, &ctl);
	ctl &= ~(u64)DCTL_ENABLE;
	ret = ret ?: mdev_pt_bar_write(pt, 0, reg, 4,
				       ctl | (enable ? DCTL_ENABLE : 0));
	if (ret)
		return ret;
	ret = read_poll_timeout(read_ctl, err,
				err || !(ctl & DCTL_ENABLE) == !enable, 20,
				100000, false, pt, reg, &ctl);
	return err ?: ret;
}

static int ring_quiesce(struct mdev_pt_device *pt)
{
	return set_enabled(pt, RXDCTL, false) ?:
	       set_enabled(pt, TXDCTL, false);
}

/* Tails that were not passed on yet are by the core. */
static int ring_resume(struct mdev_pt_device *pt)
{
	return set_enabled(pt, RXDCTL, true) ?: set_enabled(pt, TXDCTL, true);
}

static ssize_t ring_save(struct mdev_pt_device *pt, void *buf, size_t size)
{
	return 0;
}

static int ring_load(struct mdev_pt_device *pt, const void *buf, size_t size,
		     u32 version)
{
	return 0;
}

static unsigned int look_ms;
module_param(look_ms, uint, 0644);

/* The rings say it all. */
static void ring_mark_written(struct mdev_pt_device *pt, bool stopped)
{
	if (READ_ONCE(look_ms))
		msleep(READ_ONCE(look_ms));
}

static const struct mdev_pt_migration_ops migration_ops = {
	.state_size = 16,
	.version = 1,
	.quiesce = ring_quiesce,
	.resume = ring_resume,
	.save = ring_save,
	.load = ring_load,
	.mark_written = ring_mark_written,
};

/* Of a queue that the tests don't use: on the page of RDT */
static const u32 beside[] = { SRRCTL1 };

/* What must be refused */
static int check_refusals(struct mdev_pt_device *pt)
{
	static const u32 outside[] = { 0x100000 }, odd[] = { RDT + 2 };
	struct mdev_pt_ring ring = {
		.entries = 8, .desc_size = 16,
		.completion = MDEV_PT_RING_DONE,
	};

	if (mdev_pt_add_tails(pt, 0, outside, 1) != -EINVAL ||
	    mdev_pt_add_tails(pt, 0, odd, 1) != -EINVAL ||
	    mdev_pt_add_tails(pt, 0, tails, 0) != -EINVAL ||
	    mdev_pt_ring_attach(pt, 0, &ring) != -EINVAL)
		return -ENOTRECOVERABLE;
	return 0;
}

static int ring_open(struct mdev_pt_device *pt)
{
	static const struct mdev_pt_ring no_done = {
		.entries = 8, .desc_size = 16,
		.completion = MDEV_PT_RING_DONE,
	}, no_entries = {
		.desc_size = 16, .completion = MDEV_PT_RING_HEAD,
	};
	static const u32 elsewhere[] = { 0x1000 }, odd[] = { SRRCTL1 + 2 };
	int ret;

	ret = check_refusals(pt) ?:
	      mdev_pt_add_tails(pt, 0, tails, ARRAY_SIZE(tails)) ?:
	      mdev_pt_add_beside(pt, 0, beside, ARRAY_SIZE(beside)) ?:
	      mdev_pt_add_region(pt, PT_TEST_RING_TYPE,
				 PT_TEST_RING_SUBTYPE_MESSAGES, PAGE_SIZE,
				 &message_region, NULL);
	if (ret)
		return ret;
	if (mdev_pt_ring_attach(pt, 0, &no_done) != -EINVAL ||
	    mdev_pt_ring_attach(pt, 0, &no_entries) != -EINVAL ||
	    mdev_pt_add_beside(pt, 0, elsewhere, 1) != -EINVAL ||
	    mdev_pt_add_beside(pt, 0, odd, 1) != -EINVAL)
		return -ENOTRECOVERABLE;
	return 0;
}

static const struct mdev_pt_vendor_ops ring_ops = {
	.open = ring_open,
	.migration = &migration_ops,
};

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x10ca) },
	{}
};

static struct mdev_pt_vendor_driver ring_driver = {
	.owner = THIS_MODULE,
	.name = "Test rings",
	.type = "test-ring",
	.id_table = ids,
	.ops = &ring_ops,
};
module_mdev_pt_vendor_driver(ring_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A vendor of mdev-pt with rings that are set up by messages");
