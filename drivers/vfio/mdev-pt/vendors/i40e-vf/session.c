// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the PF grants to a VF: a short conversation of our own, before a user has it
 *
 * The VF's DMA still belongs to the host then. Afterwards the VF is reset, so that
 * the user finds a fresh one. The PF knows from it which version the VF speaks:
 * Linux's remembers that over resets, and a guest that arrives says it only once.
 */

#include <linux/bitfield.h>
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/iopoll.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "i40e_vf.h"

/* As many as iavf has */
#define ENTRIES			32
#define BUFFER_SIZE		512

/* For the PF to reset the VF, and to answer a message */
#define PATIENCE_MS		1000
#define POLL_US			100

/*
 * All there is but for RDMA, which takes resources, polling, which not every port
 * grants, and one that makes Linux's PF keep the last guest's address for the
 * administrator's.
 */
#define CAPS \
	((u32)~(VC_CAP_RDMA | VC_CAP_RX_POLLING | VC_CAP_USO))

/* What the VF reads and writes: bases first, as they have to be aligned */
struct memory {
	struct i40e_vf_desc atq[ENTRIES];
	struct i40e_vf_desc arq[ENTRIES];
	u8 request[64];
	u8 answers[ENTRIES][BUFFER_SIZE];
};

struct session {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct memory *memory;
	dma_addr_t dma;
	u32 sent;
	u32 received;
};

static int count_device(struct device *dev, void *data)
{
	unsigned int *count = data;

	(*count)++;
	return 0;
}

/*
 * The group's DMA is the host's, and nobody can take it meanwhile: there is no
 * other function in the group, and of this one no VFIO device.
 */
static bool is_ours(struct pci_dev *pdev)
{
	struct iommu_group *group = iommu_group_get(&pdev->dev);
	unsigned int count = 0;
	bool ours;

	if (!group)
		return false;
	iommu_group_for_each_dev(group, &count, count_device);
	ours = count == 1 && !iommu_group_dma_owner_claimed(group);
	iommu_group_put(group);
	return ours;
}

static void put_desc(struct session *s, struct i40e_vf_desc *desc, void *buffer,
		     u16 len)
{
	dma_addr_t dma = s->dma + (buffer - (void *)s->memory);

	memset(desc, 0, sizeof(*desc));
	desc->flags = cpu_to_le16(I40E_VF_DESC_BUF);
	desc->datalen = cpu_to_le16(len);
	desc->addr_high = cpu_to_le32(upper_32_bits(dma));
	desc->addr_low = cpu_to_le32(lower_32_bits(dma));
}

static void post(struct session *s, u32 index)
{
	put_desc(s, &s->memory->arq[index], s->memory->answers[index],
		 BUFFER_SIZE);
}

static void write_queue(struct session *s, u32 head, u32 tail, u32 len, u32 low,
			u32 high, dma_addr_t base)
{
	writel(0, s->regs + head);
	writel(0, s->regs + tail);
	writel(ENTRIES | VF_AQLEN_ENABLE, s->regs + len);
	writel(lower_32_bits(base), s->regs + low);
	writel(upper_32_bits(base), s->regs + high);
}

static int begin(struct session *s)
{
	u32 value, i;
	int ret;

	ret = readl_poll_timeout(s->regs + VFGEN_RSTAT, value,
				 FIELD_GET(VFGEN_RSTAT_VFR_STATE, value) ==
				 VFR_VFACTIVE, POLL_US, PATIENCE_MS * 1000);
	if (ret)
		return ret;
	s->sent = 0;
	s->received = 0;
	for (i = 0; i < ENTRIES; i++)
		post(s, i);
	write_queue(s, VF_ATQH, VF_ATQT, VF_ATQLEN, VF_ATQBAL, VF_ATQBAH,
		    s->dma + offsetof(struct memory, atq));
	write_queue(s, VF_ARQH, VF_ARQT, VF_ARQLEN, VF_ARQBAL, VF_ARQBAH,
		    s->dma + offsetof(struct memory, arq));
	writel(ENTRIES - 1, s->regs + VF_ARQT);
	return 0;
}

static void send(struct session *s, u32 message, const void *data, u16 len)
{
	struct i40e_vf_desc *desc = &s->memory->atq[s->sent];

	memcpy(s->memory->request, data, len);
	put_desc(s, desc, s->memory->request, len);
	desc->flags |= cpu_to_le16(I40E_VF_DESC_RD | I40E_VF_DESC_SI);
	desc->opcode = cpu_to_le16(I40E_VF_SEND_TO_PF);
	desc->message = cpu_to_le32(message);
	s->sent = (s->sent + 1) % ENTRIES;
	/* The VF reads it when it sees the tail, which writel() sees to. */
	writel(s->sent, s->regs + VF_ATQT);
}

/*
 * The next message: its opcode, or a negative error. Up to @len bytes go to @data;
 * what is not there is 0.
 */
static int receive(struct session *s, u32 *status, void *data, u16 len)
{
	struct i40e_vf_desc *desc = &s->memory->arq[s->received];
	u32 head, message;
	u16 got;
	int ret;

	ret = readl_poll_timeout(s->regs + VF_ARQH, head,
				 (head & VF_AQ_INDEX) != s->received, POLL_US,
				 PATIENCE_MS * 1000);
	if (ret)
		return ret;
	if ((head & VF_AQ_INDEX) >= ENTRIES)
		return -EIO;
	dma_rmb();
	message = le32_to_cpu(desc->message);
	*status = le32_to_cpu(desc->status);
	got = min_t(u16, le16_to_cpu(desc->datalen), BUFFER_SIZE);
	memset(data, 0, len);
	memcpy(data, s->memory->answers[s->received], min(got, len));

	post(s, s->received);
	writel(s->received, s->regs + VF_ARQT);
	s->received = (s->received + 1) % ENTRIES;
	return message > INT_MAX ? 0 : message;
}

static int ask(struct session *s, u32 message, const void *request, u16 len,
	       void *answer, u16 answer_len)
{
	unsigned long end = jiffies + msecs_to_jiffies(PATIENCE_MS);
	u32 status;
	int ret;

	send(s, message, request, len);
	/* Events may come between. */
	do {
		ret = receive(s, &status, answer, answer_len);
		if (ret < 0)
			return ret;
		if (ret == message)
			return status ? -EPROTO : 0;
	} while (time_before(jiffies, end));
	return -ETIMEDOUT;
}

static int talk(struct session *s, struct i40e_vf_learned *learned)
{
	const struct vc_version version = {
		.major = cpu_to_le32(1), .minor = cpu_to_le32(1),
	};
	const __le32 caps = cpu_to_le32(CAPS);
	struct vc_resources resources;
	struct vc_version answer;
	int ret;

	ret = begin(s);
	if (!ret)
		ret = ask(s, VC_VERSION, &version, sizeof(version), &answer,
			  sizeof(answer));
	if (!ret && answer.major != version.major)
		ret = -EPROTO;
	if (!ret)
		ret = ask(s, VC_GET_VF_RESOURCES, &caps, sizeof(caps),
			  &resources, sizeof(resources));
	if (ret)
		return ret;

	learned->queues = le16_to_cpu(resources.num_queue_pairs);
	learned->vectors = le16_to_cpu(resources.max_vectors);
	learned->max_mtu = le16_to_cpu(resources.max_mtu);
	learned->caps = le32_to_cpu(resources.caps);
	if (is_valid_ether_addr(resources.mac))
		ether_addr_copy(learned->mac, resources.mac);
	learned->known = true;
	return 0;
}

/* No DMA, and no queue, when this returns 0 */
static int end(struct session *s)
{
	pci_clear_master(s->pdev);
	return pci_reset_function_locked(s->pdev);
}

/* A VF that a driver has used grants its resources only after a reset. */
static int learn(struct session *s, struct i40e_vf_learned *learned)
{
	int tries = 2, ret, reset;

	do {
		pci_set_master(s->pdev);
		ret = talk(s, learned);
		reset = end(s);
	} while (ret && !reset && --tries);
	return ret ? ret : reset;
}

static int with_memory(struct session *s, struct i40e_vf_learned *learned)
{
	int ret;

	s->memory = dma_alloc_coherent(&s->pdev->dev, sizeof(*s->memory),
				       &s->dma, GFP_KERNEL);
	if (!s->memory)
		return -ENOMEM;
	ret = learn(s, learned);
	dma_free_coherent(&s->pdev->dev, sizeof(*s->memory), s->memory, s->dma);
	return ret;
}

static int with_registers(struct session *s, struct i40e_vf_learned *learned)
{
	int ret;

	if (pci_resource_len(s->pdev, I40E_VF_BAR) < SZ_64K)
		return -ENODEV;
	ret = pci_request_selected_regions(s->pdev, BIT(I40E_VF_BAR),
					   "mdev_pt_i40e_vf");
	if (ret)
		return ret;
	s->regs = pci_iomap(s->pdev, I40E_VF_BAR, 0);
	ret = s->regs ? with_memory(s, learned) : -ENOMEM;
	if (s->regs)
		pci_iounmap(s->pdev, s->regs);
	pci_release_selected_regions(s->pdev, BIT(I40E_VF_BAR));
	return ret;
}

int i40e_vf_learn(struct i40e_vf *i40e)
{
	struct session s = { .pdev = i40e->pt->vdev.pdev };
	int ret;

	if (!is_ours(s.pdev)) {
		pci_warn(s.pdev, "the PF can't be asked what it grants, as the VF shares its IOMMU group: guests can't migrate to this mdev\n");
		return -EBUSY;
	}
	ret = pci_enable_device_mem(s.pdev);
	if (!ret) {
		ret = with_registers(&s, &i40e->learned);
		pci_disable_device(s.pdev);
	}
	if (ret)
		pci_warn(s.pdev, "the PF does not say what it grants (%d): guests can't migrate to this mdev; bring the PF up and create it again\n",
			 ret);
	return ret;
}
