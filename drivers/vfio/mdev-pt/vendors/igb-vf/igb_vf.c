// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual functions of the Intel 82576: mdev type pt-igb-vf
 *
 * What vfio-pci would give, and live migration. The core moves the rings; here
 * are the registers around them. Interrupt and ring registers are the user's
 * alone. The first page is trapped, which holds the mailbox (see mailbox.c), the
 * reset, and statistics; nothing there is accessed often.
 */

#include <linux/bitfield.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "igb_vf.h"

#define IGB_VF_BAR	0
#define IGB_VF_QUEUES	4
#define IGB_VF_TX_QUEUES	2

/* The longest frame in the smallest buffers; splitting takes no more of them. */
#define MAX_PACKET	DIV_ROUND_UP(VMOLR_RLPML_MAX, RCTL_BSIZE_MIN)

/* RDLEN and TDLEN have 20 bits, for 16 bytes each. */
#define MAX_ENTRIES	BIT(16)

/* Written as they were read; the bits of @mask are configuration. */
static const struct {
	u32 offset;
	u32 mask;
} registers[] = {
	{ VTEIAC,	VTEI_MASK },
	{ VTEIAM,	VTEI_MASK },
	{ VTEITR(0),	VTEITR_CONFIG },
	{ VTEITR(1),	VTEITR_CONFIG },
	{ VTEITR(2),	VTEITR_CONFIG },
	{ VTIVAR,	U32_MAX },
	{ VTIVAR_MISC,	U32_MAX },
	{ VFPSRTYPE,	U32_MAX },
};

static const u32 statistics[IGB_VF_STATISTICS] = {
	VFGPRC, VFGPTC, VFGORC, VFGOTC, VFMPRC,
	VFGPRLBC, VFGPTLBC, VFGORLBC, VFGOTLBC,
};

/*
 * The stream; only ever longer.
 * @eims: the vectors that are enabled
 * @registers: of registers[]
 * @statistics: of statistics[], as the user reads them
 */
struct igb_vf_state {
	u8 queues[mdev_pt_queues_size(IGB_VF_QUEUES)];
	__le32 eims;
	__le32 registers[ARRAY_SIZE(registers)];
	__le32 statistics[IGB_VF_STATISTICS];
	struct igb_vf_mailbox_state mailbox;
} __packed __aligned(4);

int igb_vf_read(struct igb_vf *igb, u32 offset, u32 *value)
{
	u64 reg;
	int ret;

	ret = mdev_pt_bar_read(igb->pt, IGB_VF_BAR, offset, 4, &reg);
	if (!ret)
		*value = reg;
	return ret;
}

int igb_vf_write(struct igb_vf *igb, u32 offset, u32 value)
{
	return mdev_pt_bar_write(igb->pt, IGB_VF_BAR, offset, 4, value);
}

u32 igb_vf_part(u32 reg, u64 offset, unsigned int width)
{
	return (reg >> offset % 4 * 8) & GENMASK(width * 8 - 1, 0);
}

u32 igb_vf_whole(u64 value, u64 offset)
{
	return value << offset % 4 * 8;
}

static void was_reset(struct igb_vf *igb)
{
	igb_vf_mailbox_reset(igb);
	/* resume() has nothing to enable. */
	igb->eims = 0;
}

void igb_vf_lock(struct igb_vf *igb)
{
	mutex_lock(&igb->lock);
	if (atomic_xchg(&igb->reset, 0)) {
		was_reset(igb);
		igb->pending = 0;
	}
}

void igb_vf_unlock(struct igb_vf *igb)
{
	mutex_unlock(&igb->lock);
}

/* Queues */

/* 7.1: the address of the packet's buffer, and behind it that of the header's */
static unsigned int rx_posted(const u32 *config, const void *desc,
			      struct mdev_pt_buffer *buffers, unsigned int max)
{
	u32 kb = FIELD_GET(SRRCTL_BSIZEPACKET, config[0]);
	u32 header = FIELD_GET(SRRCTL_BSIZEHEADER, config[0]) * 64;
	const __le64 *address = desc;
	unsigned int count = 0;

	if (count < max) {
		buffers[count].iova = le64_to_cpu(address[0]);
		buffers[count++].len = kb ? kb * 1024 : RCTL_BSIZE_MAX;
	}

	switch (FIELD_GET(SRRCTL_DESCTYPE, config[0])) {
	case SRRCTL_DESCTYPE_LEGACY:
	case SRRCTL_DESCTYPE_ADV_ONEBUF:
		return count;
	}
	/* All other types split or replicate the header. */
	if (count < max && header) {
		buffers[count].iova = le64_to_cpu(address[1]);
		buffers[count++].len = header;
	}
	return count;
}

/* 7.2: the head is written, instead of descriptors */
static unsigned int tx_written(const u32 *config,
			       struct mdev_pt_buffer *buffers, unsigned int max)
{
	if (!max || !(config[0] & TDWBAL_HEAD_WB_EN))
		return 0;

	buffers[0].iova = (u64)config[1] << 32 | (config[0] & TDWBAL_ADDRESS);
	buffers[0].len = sizeof(__le32);
	return 1;
}

/* SRRCTL first, for rx_posted(); TDWBAL and TDWBAH first, for tx_written() */
static const u32 rx_config[][2] = {
	{ SRRCTL(0), RXCTL(0) },
	{ SRRCTL(1), RXCTL(1) },
};

static const u32 tx_config[][3] = {
	{ TDWBAL(0), TDWBAH(0), TXCTL(0) },
	{ TDWBAL(1), TDWBAH(1), TXCTL(1) },
};

static const struct mdev_pt_queue_map queues[IGB_VF_QUEUES] = {
	{
		.receive = true, .desc_size = 16, .max_entries = MAX_ENTRIES,
		.base_lo = RDBAL(0), .base_hi = RDBAH(0), .len = RDLEN(0),
		.head = RDH(0), .tail = RDT(0),
		.ctl = RXDCTL(0), .enable = RXDCTL_ENABLE,
		.config = rx_config[0], .nr_config = ARRAY_SIZE(rx_config[0]),
		.max_packet = MAX_PACKET, .posted = rx_posted,
	},
	{
		.receive = true, .desc_size = 16, .max_entries = MAX_ENTRIES,
		.base_lo = RDBAL(1), .base_hi = RDBAH(1), .len = RDLEN(1),
		.head = RDH(1), .tail = RDT(1),
		.ctl = RXDCTL(1), .enable = RXDCTL_ENABLE,
		.config = rx_config[1], .nr_config = ARRAY_SIZE(rx_config[1]),
		.max_packet = MAX_PACKET, .posted = rx_posted,
	},
	{
		.desc_size = 16, .max_entries = MAX_ENTRIES,
		.base_lo = TDBAL(0), .base_hi = TDBAH(0), .len = TDLEN(0),
		.head = TDH(0), .tail = TDT(0),
		.ctl = TXDCTL(0), .enable = TXDCTL_ENABLE,
		.config = tx_config[0], .nr_config = ARRAY_SIZE(tx_config[0]),
		.written = tx_written,
	},
	{
		.desc_size = 16, .max_entries = MAX_ENTRIES,
		.base_lo = TDBAL(1), .base_hi = TDBAH(1), .len = TDLEN(1),
		.head = TDH(1), .tail = TDT(1),
		.ctl = TXDCTL(1), .enable = TXDCTL_ENABLE,
		.config = tx_config[1], .nr_config = ARRAY_SIZE(tx_config[1]),
		.written = tx_written,
	},
};

/* Traps */

static int vtctrl_write(struct mdev_pt_device *pt, void *data, u64 offset,
			unsigned int width, u64 value)
{
	struct igb_vf *igb = data;
	u32 reg = igb_vf_whole(value, offset);
	int ret;

	igb_vf_lock(igb);
	ret = igb_vf_write(igb, round_down(offset, 4), reg);
	if (!ret && reg & VTCTRL_RST)
		was_reset(igb);
	igb_vf_unlock(igb);

	if (!ret && reg & VTCTRL_RST)
		mdev_pt_queues_were_reset(pt);
	return ret;
}

static const struct mdev_pt_trap_ops vtctrl_ops = {
	.write	= vtctrl_write,
};

/* To the user's driver a counter that is less than it was has wrapped. */
static int statistic_read(struct mdev_pt_device *pt, void *data, u64 offset,
			  unsigned int width, u64 *value)
{
	struct igb_vf *igb = data;
	unsigned int i = 0;
	u32 reg;
	int ret;

	while (statistics[i] != round_down(offset, 4))
		i++;

	igb_vf_lock(igb);
	ret = igb_vf_read(igb, statistics[i], &reg);
	if (!ret)
		*value = igb_vf_part(reg + igb->statistics[i], offset, width);
	igb_vf_unlock(igb);
	return ret;
}

static const struct mdev_pt_trap_ops statistic_ops = {
	.read	= statistic_read,
};

/* Each register is a trap of its own, so that no access comes for two. */
static int add_trap(struct igb_vf *igb, u32 reg,
		    const struct mdev_pt_trap_ops *ops)
{
	return mdev_pt_add_trap(igb->pt, VFIO_PCI_BAR0_REGION_INDEX + IGB_VF_BAR,
				reg, 4, ops, igb);
}

/* Migration */

static int failed(struct igb_vf *igb, const char *what, int ret)
{
	igb_vf_err(igb, "can't %s the VF (%d): its registers do not respond as they should, reset it\n",
		   what, ret);
	return ret;
}

/*
 * A cause that is pending can't be read without losing it, so each enabled vector
 * is raised once: a driver does nothing of an interrupt too many, and waits
 * forever for one too few. Before they are enabled, or those raised already would
 * not be sent again.
 */
static int enable_interrupts(struct igb_vf *igb)
{
	int ret;

	igb_vf_lock(igb);
	ret = igb_vf_write(igb, VTEICS, igb->eims);
	if (!ret)
		ret = igb_vf_write(igb, VTEIMS, igb->eims);
	igb_vf_unlock(igb);
	return ret;
}

static int disable_interrupts(struct igb_vf *igb)
{
	u32 eims, eiac;
	int ret;

	igb_vf_lock(igb);
	ret = igb_vf_read(igb, VTEIMS, &eims);
	if (!ret)
		ret = igb_vf_read(igb, VTEIAC, &eiac);
	if (!ret)
		ret = igb_vf_write(igb, VTEIMC, VTEI_MASK);
	/*
	 * QEMU's model reads as what was written last, which is one vector of
	 * several. Those that clear their cause by themselves are in use.
	 */
	if (!ret)
		igb->eims = (eims | eiac) & VTEI_MASK;
	igb_vf_unlock(igb);
	return ret;
}

/*
 * A context that the VF has read is where nobody else can read it. If it stands
 * between one and the frame that it is for, it is to read it once more.
 */
static int step_back(struct igb_vf *igb, unsigned int queue)
{
	u32 low, high, entries, head, tail, last;
	__le32 desc[4];
	int ret;

	ret = igb_vf_read(igb, TDBAL(queue), &low) ?:
	      igb_vf_read(igb, TDBAH(queue), &high) ?:
	      igb_vf_read(igb, TDLEN(queue), &entries) ?:
	      igb_vf_read(igb, TDH(queue), &head) ?:
	      igb_vf_read(igb, TDT(queue), &tail);
	if (ret)
		return ret;
	entries /= sizeof(desc);
	if (head >= entries)
		return 0;
	last = (head ?: entries) - 1;
	/* A full ring would be an empty one; no driver fills it like that. */
	if (last == tail)
		return 0;
	/* What can't be read is none. */
	if (mdev_pt_dma_read(igb->pt, ((u64)high << 32 | low) +
			     last * sizeof(desc), desc, sizeof(desc)))
		return 0;
	if (FIELD_GET(TXD_DTYP, le32_to_cpu(desc[2])) != TXD_DTYP_CONTEXT ||
	    !(le32_to_cpu(desc[2]) & TXD_DEXT))
		return 0;
	return igb_vf_write(igb, TDH(queue), last);
}

static int stop_queues(struct igb_vf *igb)
{
	u32 ctl[IGB_VF_TX_QUEUES];
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(ctl); i++)
		ret = igb_vf_read(igb, TXDCTL(i), &ctl[i]);
	if (!ret)
		ret = mdev_pt_queues_stop(igb->pt);
	if (ret)
		return ret;
	for (i = 0; !ret && i < ARRAY_SIZE(ctl); i++) {
		if (ctl[i] & TXDCTL_ENABLE)
			ret = step_back(igb, i);
	}
	if (ret)
		mdev_pt_queues_start(igb->pt);
	return ret;
}

static int igb_vf_quiesce(struct mdev_pt_device *pt)
{
	struct igb_vf *igb = pt->data;
	int ret;

	ret = disable_interrupts(igb);
	if (ret)
		return failed(igb, "stop", ret);

	ret = stop_queues(igb);
	if (ret) {
		enable_interrupts(igb);
		return failed(igb, "stop", ret);
	}
	return 0;
}

static int igb_vf_resume(struct mdev_pt_device *pt)
{
	struct igb_vf *igb = pt->data;
	int ret;

	ret = mdev_pt_queues_start(pt);
	if (!ret)
		ret = enable_interrupts(igb);
	return ret ? failed(igb, "start", ret) : 0;
}

static int save_registers(struct igb_vf *igb, struct igb_vf_state *state)
{
	unsigned int i;
	u32 value;
	int ret;

	state->eims = cpu_to_le32(igb->eims);
	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		ret = igb_vf_read(igb, registers[i].offset, &value);
		if (ret)
			return ret;
		state->registers[i] = cpu_to_le32(value & registers[i].mask);
	}
	for (i = 0; i < ARRAY_SIZE(statistics); i++) {
		ret = igb_vf_read(igb, statistics[i], &value);
		if (ret)
			return ret;
		state->statistics[i] = cpu_to_le32(value + igb->statistics[i]);
	}
	return 0;
}

static ssize_t igb_vf_save(struct mdev_pt_device *pt, void *buf, size_t size)
{
	struct igb_vf *igb = pt->data;
	struct igb_vf_state *state = buf;
	int ret;

	if (size < sizeof(*state))
		return -EINVAL;
	memset(state, 0, sizeof(*state));

	igb_vf_lock(igb);
	ret = mdev_pt_queues_save(pt, state->queues);
	if (!ret)
		ret = save_registers(igb, state);
	if (!ret)
		ret = igb_vf_mailbox_save(igb, &state->mailbox);
	igb_vf_unlock(igb);
	return ret ? failed(igb, "save", ret) : sizeof(*state);
}

static bool registers_valid(const struct igb_vf_state *state)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		if (le32_to_cpu(state->registers[i]) & ~registers[i].mask)
			return false;
	}
	return !(le32_to_cpu(state->eims) & ~VTEI_MASK);
}

static int load_registers(struct igb_vf *igb, const struct igb_vf_state *state)
{
	unsigned int i;
	u32 value;
	int ret;

	/* QEMU's model keeps over a reset what an earlier user enabled. */
	ret = igb_vf_write(igb, VTEIMC, VTEI_MASK);
	if (ret)
		return ret;
	igb->eims = le32_to_cpu(state->eims);

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		ret = igb_vf_write(igb, registers[i].offset,
				   le32_to_cpu(state->registers[i]));
		if (ret)
			return ret;
	}
	for (i = 0; i < ARRAY_SIZE(statistics); i++) {
		ret = igb_vf_read(igb, statistics[i], &value);
		if (ret)
			return ret;
		igb->statistics[i] = le32_to_cpu(state->statistics[i]) - value;
	}
	return 0;
}

static int load(struct igb_vf *igb, const struct igb_vf_state *state)
{
	int ret = 0;

	/* To a VF that is ready the PF resets its part on our first message. */
	if (!state->mailbox.granted.ready)
		ret = igb_vf_write(igb, VTCTRL, VTCTRL_RST);
	if (!ret)
		ret = mdev_pt_queues_load(igb->pt, state->queues);
	if (!ret)
		ret = load_registers(igb, state);
	if (!ret)
		ret = igb_vf_mailbox_load(igb, &state->mailbox);
	/* What else fails has been logged. */
	return ret == -EIO ? failed(igb, "load", ret) : ret;
}

static int igb_vf_load(struct mdev_pt_device *pt, const void *buf, size_t size,
		       u32 version)
{
	struct igb_vf *igb = pt->data;
	struct igb_vf_state *state = NULL;
	int ret = -EINVAL;

	/* The stream may have it at any address. */
	if (size >= sizeof(*state)) {
		state = kmemdup(buf, sizeof(*state), GFP_KERNEL);
		if (!state)
			return -ENOMEM;
	}
	if (state && registers_valid(state) &&
	    igb_vf_mailbox_valid(&state->mailbox)) {
		igb_vf_lock(igb);
		ret = load(igb, state);
		igb_vf_unlock(igb);
	} else {
		igb_vf_err(igb, "the state in the stream is not one of an 82576 VF: migrate again\n");
	}
	kfree(state);
	return ret;
}

static const struct mdev_pt_migration_ops igb_vf_migration_ops = {
	.state_size	= sizeof(struct igb_vf_state),
	.version	= 1,
	.quiesce	= igb_vf_quiesce,
	.resume		= igb_vf_resume,
	.save		= igb_vf_save,
	.load		= igb_vf_load,
};

/* Life cycle */

static int igb_vf_create(struct mdev_pt_device *pt)
{
	struct igb_vf *igb;

	igb = kzalloc(sizeof(*igb), GFP_KERNEL);
	if (!igb)
		return -ENOMEM;
	igb->pt = pt;
	mutex_init(&igb->lock);
	pt->data = igb;
	return 0;
}

static void igb_vf_remove(struct mdev_pt_device *pt)
{
	kfree(pt->data);
}

static int igb_vf_open(struct mdev_pt_device *pt)
{
	struct igb_vf *igb = pt->data;
	unsigned int i;
	int ret;

	/* What the PF granted to one user is not the next one's. */
	atomic_set(&igb->reset, 0);
	igb->pending = 0;
	igb->requested = false;
	igb->told = false;
	memset(&igb->granted, 0, sizeof(igb->granted));
	memset(igb->statistics, 0, sizeof(igb->statistics));

	ret = add_trap(igb, VTCTRL, &vtctrl_ops);
	if (!ret)
		ret = add_trap(igb, VTCTRL_DUP, &vtctrl_ops);
	if (!ret)
		ret = add_trap(igb, V2PMAILBOX, &igb_vf_mailbox_ops);
	for (i = 0; !ret && i < IGB_VF_STATISTICS; i++)
		ret = add_trap(igb, statistics[i], &statistic_ops);
	return ret ? ret : mdev_pt_add_queues(pt, IGB_VF_BAR, queues,
					      ARRAY_SIZE(queues),
					      MDEV_PT_QUEUES_ALONE);
}

static void igb_vf_close(struct mdev_pt_device *pt)
{
	struct igb_vf *igb = pt->data;

	igb_vf_lock(igb);
	igb_vf_mailbox_forget(igb);
	igb_vf_unlock(igb);
}

/* May hold the memory_lock, which accesses wait for with the lock held. */
static void igb_vf_reset_done(struct mdev_pt_device *pt)
{
	struct igb_vf *igb = pt->data;

	atomic_set(&igb->reset, 1);
}

static const struct mdev_pt_vendor_ops igb_vf_ops = {
	.create		= igb_vf_create,
	.remove		= igb_vf_remove,
	.open		= igb_vf_open,
	.close		= igb_vf_close,
	.reset_done	= igb_vf_reset_done,
	.migration	= &igb_vf_migration_ops,
};

#define PCI_DEVICE_ID_INTEL_82576_VF	0x10ca

/* No MODULE_DEVICE_TABLE(): only who binds a function to "pt" wants this. */
static const struct pci_device_id igb_vf_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, PCI_DEVICE_ID_INTEL_82576_VF) },
	{}
};

static struct mdev_pt_vendor_driver igb_vf_driver = {
	.owner		= THIS_MODULE,
	.name		= "Intel 82576 VF",
	.type		= "igb-vf",
	.id_table	= igb_vf_ids,
	.ops		= &igb_vf_ops,
};
module_mdev_pt_vendor_driver(igb_vf_driver);

MODULE_ALIAS("mdev-pt:8086-10ca");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated passthrough and migration of Intel 82576 VFs");
MODULE_AUTHOR("The mdev-pt developers");
