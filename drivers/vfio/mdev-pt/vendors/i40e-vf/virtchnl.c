// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages between a VF and its PF: which rings there are, and what was granted
 *
 * All of it comes from the user's memory: each field may have any value. What the PF
 * refuses is not noted; what it had granted before a move and refuses afterwards is
 * logged. Messages that we don't know are nothing to us.
 */

#include <linux/bitfield.h>
#include <linux/etherdevice.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "i40e_vf.h"

/* So many a driver never has without an answer; the oldest goes. */
#define MAX_REQUESTS	32

/* Received packets whose descriptors are written later, by the cache line */
#define LATE_PACKETS	8

struct request {
	struct list_head node;
	u32 message;
	size_t len;
	u8 data[];
};

/* The elements of @size bytes behind @head of them; none if they are not there */
static unsigned int count_of(u16 count, size_t head, size_t size, size_t len)
{
	return len >= head && count <= (len - head) / size ? count : 0;
}

/* Rings */

static unsigned int rx_posted(const u32 *config, const void *desc,
			      struct mdev_pt_buffer *buffers, unsigned int max)
{
	const __le64 *address = desc;
	unsigned int count = 0;

	if (count < max) {
		buffers[count].iova = le64_to_cpu(address[0]);
		buffers[count++].len = config[0];
	}
	if (count < max && config[1]) {
		buffers[count].iova = le64_to_cpu(address[1]);
		buffers[count++].len = config[1];
	}
	return count;
}

/* What is posted has an address there, or 0. */
static bool rx_done(const u32 *config, const void *desc)
{
	const __le64 *qword = desc;

	return le64_to_cpu(qword[1]) & I40E_VF_RX_DD;
}

static bool tx_done(const u32 *config, const void *desc)
{
	const __le64 *qword = desc;

	return FIELD_GET(I40E_VF_TX_DTYPE, le64_to_cpu(qword[1])) ==
	       I40E_VF_TX_DTYPE_DONE;
}

static u64 ring_base(__le64 base)
{
	return round_down(le64_to_cpu(base), I40E_VF_RING_ALIGN);
}

static void attach_rx(struct i40e_vf *i40e, unsigned int index)
{
	const struct vc_rx_queue *info = &i40e->pairs[index].info.rx;
	u32 buffer = le32_to_cpu(info->buffer_size);
	struct mdev_pt_ring ring = {
		.base = ring_base(info->base),
		.entries = le32_to_cpu(info->ring_len),
		.desc_size = I40E_VF_RX_DESC_SIZE,
		.completion = MDEV_PT_RING_DONE,
		.done = rx_done,
		.posted = rx_posted,
		.config = { buffer },
	};

	if (info->splithdr_enabled)
		ring.config[1] = le16_to_cpu(info->hdr_size);
	ring.max_packet = LATE_PACKETS;
	if (buffer)
		ring.max_packet += DIV_ROUND_UP_ULL(le32_to_cpu(info->max_pkt_size),
						    buffer);
	/* One that can't be is refused by the PF, too. */
	if (mdev_pt_ring_attach(i40e->pt, index, &ring))
		mdev_pt_ring_detach(i40e->pt, index);
}

static void attach_tx(struct i40e_vf *i40e, unsigned int index)
{
	const struct vc_tx_queue *info = &i40e->pairs[index].info.tx;
	struct mdev_pt_ring ring = {
		.base = ring_base(info->base),
		.entries = le16_to_cpu(info->ring_len),
		.desc_size = I40E_VF_TX_DESC_SIZE,
		.completion = MDEV_PT_RING_DONE,
		.done = tx_done,
	};

	if (info->headwb_enabled) {
		ring.completion = MDEV_PT_RING_WRITEBACK;
		ring.writeback = le64_to_cpu(info->headwb);
	}
	index += I40E_VF_QUEUES;
	if (mdev_pt_ring_attach(i40e->pt, index, &ring))
		mdev_pt_ring_detach(i40e->pt, index);
}

/*
 * While the driver did not know that it has moved it may have rung for queues
 * that were not there. A tail is heeded when its queue is enabled.
 */
static void clear_tails(struct i40e_vf *i40e)
{
	unsigned int i;

	if (!i40e->stale_tails)
		return;
	i40e->stale_tails = false;
	for (i = 0; i < I40E_VF_QUEUES; i++) {
		if (i40e->pairs[i].configured)
			mdev_pt_ring_set_tail(i40e->pt, I40E_VF_QUEUES + i, 0);
	}
}

static void enable_queues(struct i40e_vf *i40e,
			  const struct vc_queue_select *select)
{
	u32 rx = le32_to_cpu(select->rx_queues);
	u32 tx = le32_to_cpu(select->tx_queues);
	unsigned int i;

	clear_tails(i40e);
	for (i = 0; i < I40E_VF_QUEUES; i++) {
		if (!i40e->pairs[i].configured)
			continue;
		if (rx & BIT(i))
			attach_rx(i40e, i);
		if (tx & BIT(i))
			attach_tx(i40e, i);
	}
}

static void disable_queues(struct i40e_vf *i40e, u32 rx, u32 tx)
{
	unsigned int i;

	for (i = 0; i < I40E_VF_QUEUES; i++) {
		if (rx & BIT(i))
			mdev_pt_ring_detach(i40e->pt, i);
		if (tx & BIT(i))
			mdev_pt_ring_detach(i40e->pt, I40E_VF_QUEUES + i);
	}
}

static unsigned int pairs_in(const struct vc_queues *msg, size_t len)
{
	if (len < sizeof(*msg))
		return 0;
	return count_of(le16_to_cpu(msg->head.count), sizeof(*msg),
			sizeof(msg->pairs[0]), len);
}

static void config_queues(struct i40e_vf *i40e, const struct vc_queues *msg,
			  size_t len)
{
	unsigned int count = pairs_in(msg, len), i;
	u16 index;

	for (i = 0; i < count; i++) {
		index = le16_to_cpu(msg->pairs[i].rx.queue_id);
		if (index >= I40E_VF_QUEUES)
			continue;
		i40e->pairs[index].configured = true;
		i40e->pairs[index].info = msg->pairs[i];
	}
}

/* Granted */

static void add_mac(struct i40e_vf_granted *granted, const struct vc_mac *mac)
{
	u16 nr = le16_to_cpu(granted->nr_macs), i;

	if (!is_valid_ether_addr(mac->addr))
		return;
	if (is_zero_ether_addr(granted->mac) || mac->type == VC_MAC_PRIMARY)
		ether_addr_copy(granted->mac, mac->addr);
	for (i = 0; i < nr; i++) {
		if (ether_addr_equal(granted->macs[i], mac->addr))
			return;
	}
	if (nr == I40E_VF_MACS)
		return;
	ether_addr_copy(granted->macs[nr], mac->addr);
	granted->nr_macs = cpu_to_le16(nr + 1);
}

static bool del_mac(struct i40e_vf_granted *granted, const u8 *addr)
{
	u16 nr = le16_to_cpu(granted->nr_macs), i;

	for (i = 0; i < nr; i++) {
		if (!ether_addr_equal(granted->macs[i], addr))
			continue;
		nr--;
		ether_addr_copy(granted->macs[i], granted->macs[nr]);
		eth_zero_addr(granted->macs[nr]);
		granted->nr_macs = cpu_to_le16(nr);
		return true;
	}
	return false;
}

static bool del_vlan(struct i40e_vf_granted *granted, u16 vid)
{
	u8 *byte = &granted->vlans[vid % VLAN_N_VID / 8], bit = BIT(vid % 8);
	bool was = *byte & bit;

	*byte &= ~bit;
	return was;
}

static void add_vlan(struct i40e_vf_granted *granted, u16 vid)
{
	granted->vlans[vid % VLAN_N_VID / 8] |= BIT(vid % 8);
}

static void visit_macs(struct i40e_vf *i40e, const struct request *r,
		       void (*visit)(struct i40e_vf *i40e,
				     const struct vc_mac *mac))
{
	const struct vc_list *list = (const void *)r->data;
	const struct vc_mac *macs = (const void *)(list + 1);
	unsigned int count, i;

	if (r->len < sizeof(*list))
		return;
	count = count_of(le16_to_cpu(list->count), sizeof(*list),
			 sizeof(*macs), r->len);
	for (i = 0; i < count; i++)
		visit(i40e, &macs[i]);
}

static void visit_vlans(struct i40e_vf *i40e, const struct request *r,
			void (*visit)(struct i40e_vf *i40e, u16 vid))
{
	const struct vc_list *list = (const void *)r->data;
	const __le16 *vids = (const void *)(list + 1);
	unsigned int count, i;

	if (r->len < sizeof(*list))
		return;
	count = count_of(le16_to_cpu(list->count), sizeof(*list),
			 sizeof(*vids), r->len);
	for (i = 0; i < count; i++)
		visit(i40e, le16_to_cpu(vids[i]));
}

static void granted_mac(struct i40e_vf *i40e, const struct vc_mac *mac)
{
	add_mac(&i40e->granted, mac);
}

static void deleted_mac(struct i40e_vf *i40e, const struct vc_mac *mac)
{
	del_mac(&i40e->granted, mac->addr);
	del_mac(&i40e->before, mac->addr);
}

static void granted_vlan(struct i40e_vf *i40e, u16 vid)
{
	add_vlan(&i40e->granted, vid);
}

static void deleted_vlan(struct i40e_vf *i40e, u16 vid)
{
	del_vlan(&i40e->granted, vid);
	del_vlan(&i40e->before, vid);
}

static void granted_resources(struct i40e_vf *i40e,
			      const struct vc_resources *answer, size_t len)
{
	struct i40e_vf_granted *granted = &i40e->granted;

	if (len < sizeof(*answer))
		return;
	memset(granted, 0, sizeof(*granted));
	granted->resources = 1;
	granted->caps = answer->caps;
	if (is_valid_ether_addr(answer->mac))
		ether_addr_copy(granted->mac, answer->mac);
	/* The PF has them only for who was reset. */
	disable_queues(i40e, U32_MAX, U32_MAX);
}

static void granted_queues(struct i40e_vf *i40e, const struct request *r)
{
	const struct vc_queues *msg = (const void *)r->data;
	unsigned int count = pairs_in(msg, r->len), i;
	u16 queues = 0, max_frame = 0;
	u32 frame;

	for (i = 0; i < count; i++) {
		frame = le32_to_cpu(msg->pairs[i].rx.max_pkt_size);
		max_frame = max_t(u32, max_frame, min_t(u32, frame, U16_MAX));
		queues = max_t(u32, queues,
			       le16_to_cpu(msg->pairs[i].rx.queue_id) + 1);
	}
	if (queues > I40E_VF_QUEUES)
		return;
	i40e->granted.queues = cpu_to_le16(queues);
	i40e->granted.max_frame = cpu_to_le16(max_frame);
}

static void granted_vectors(struct i40e_vf *i40e, const struct request *r)
{
	const struct vc_irq_map *msg = (const void *)r->data;
	unsigned int count, i;
	u16 vectors = 0;

	if (r->len < sizeof(*msg))
		return;
	count = count_of(le16_to_cpu(msg->count), sizeof(*msg),
			 sizeof(msg->vectors[0]), r->len);
	for (i = 0; i < count; i++)
		vectors = max_t(u32, vectors,
				le16_to_cpu(msg->vectors[i].vector) + 1);
	if (vectors <= I40E_VF_VECTORS + 1)
		i40e->granted.vectors = cpu_to_le16(vectors);
}

static u8 promiscuous(const struct request *r)
{
	const struct vc_promiscuous *msg = (const void *)r->data;

	return r->len < sizeof(*msg) ? 0 : le16_to_cpu(msg->flags);
}

static u8 rss_of(u32 message)
{
	switch (message) {
	case VC_CONFIG_RSS_KEY:
		return I40E_VF_RSS_KEY;
	case VC_CONFIG_RSS_LUT:
		return I40E_VF_RSS_LUT;
	case VC_SET_RSS_HENA:
		return I40E_VF_RSS_HENA;
	}
	return 0;
}

static void was_granted(struct i40e_vf *i40e, const struct request *r,
			const void *answer, size_t len)
{
	const struct vc_queue_select *select = (const void *)r->data;

	switch (r->message) {
	case VC_GET_VF_RESOURCES:
		granted_resources(i40e, answer, len);
		break;
	case VC_CONFIG_VSI_QUEUES:
		granted_queues(i40e, r);
		break;
	case VC_CONFIG_IRQ_MAP:
		granted_vectors(i40e, r);
		break;
	case VC_DISABLE_QUEUES:
		if (r->len >= sizeof(*select))
			disable_queues(i40e, le32_to_cpu(select->rx_queues),
				       le32_to_cpu(select->tx_queues));
		break;
	case VC_ADD_ETH_ADDR:
		visit_macs(i40e, r, granted_mac);
		break;
	case VC_DEL_ETH_ADDR:
		visit_macs(i40e, r, deleted_mac);
		break;
	case VC_ADD_VLAN:
		visit_vlans(i40e, r, granted_vlan);
		break;
	case VC_DEL_VLAN:
		visit_vlans(i40e, r, deleted_vlan);
		break;
	case VC_CONFIG_PROMISCUOUS_MODE:
		i40e->granted.promiscuous = promiscuous(r);
		break;
	case VC_GET_STATS:
		if (len >= sizeof(i40e->stats))
			memcpy(&i40e->stats, answer, sizeof(i40e->stats));
		break;
	case VC_ENABLE_VLAN_STRIPPING:
		i40e->granted.stripping = 1;
		break;
	case VC_DISABLE_VLAN_STRIPPING:
		i40e->granted.stripping = 0;
		break;
	default:
		i40e->granted.rss |= rss_of(r->message);
	}
}

/* What was granted before the move, and is not any more: said once */

#define refused(i40e, fmt, ...) \
	dev_warn_ratelimited(&(i40e)->pt->vdev.pdev->dev, \
			     "after the move the PF refuses " fmt "\n", ##__VA_ARGS__)

static void refused_mac(struct i40e_vf *i40e, const struct vc_mac *mac)
{
	if (del_mac(&i40e->before, mac->addr))
		refused(i40e, "MAC address %pM: trust this VF, or set that address for it",
			mac->addr);
}

static void refused_vlan(struct i40e_vf *i40e, u16 vid)
{
	if (del_vlan(&i40e->before, vid))
		refused(i40e, "VLAN %u: trust this VF, or set no VLAN for it",
			vid % VLAN_N_VID);
}

static void was_refused(struct i40e_vf *i40e, const struct request *r,
			u32 status)
{
	struct i40e_vf_granted *before = &i40e->before;

	switch (r->message) {
	case VC_GET_VF_RESOURCES:
		if (before->resources)
			refused(i40e, "all resources (%d): create the mdev again",
				(int)status);
		before->resources = 0;
		break;
	case VC_CONFIG_VSI_QUEUES:
		if (before->queues)
			refused(i40e, "queues for frames of %u bytes (%d): allow them",
				le16_to_cpu(before->max_frame), (int)status);
		before->queues = 0;
		break;
	case VC_CONFIG_IRQ_MAP:
		if (before->vectors)
			refused(i40e, "vectors (%d): allow the same number on this host",
				(int)status);
		before->vectors = 0;
		break;
	case VC_ADD_ETH_ADDR:
		visit_macs(i40e, r, refused_mac);
		break;
	case VC_ADD_VLAN:
		visit_vlans(i40e, r, refused_vlan);
		break;
	case VC_CONFIG_PROMISCUOUS_MODE:
		if (before->promiscuous && promiscuous(r))
			refused(i40e, "promiscuous mode (%d): trust this VF on this host",
				(int)status);
		before->promiscuous = 0;
		break;
	case VC_ENABLE_VLAN_STRIPPING:
		if (before->stripping)
			refused(i40e, "the stripping of VLAN tags (%d)",
				(int)status);
		before->stripping = 0;
		break;
	default:
		if (before->rss & rss_of(r->message))
			refused(i40e, "its settings of RSS (message %u, %d)",
				r->message, (int)status);
		before->rss &= ~rss_of(r->message);
	}
}

/* Requests */

static void drop(struct i40e_vf *i40e, struct request *r)
{
	list_del(&r->node);
	i40e->nr_requests--;
	kfree(r);
}

static struct request *oldest(struct i40e_vf *i40e)
{
	return list_first_entry(&i40e->requests, struct request, node);
}

static void remember(struct i40e_vf *i40e, u32 message, const void *data,
		     size_t len)
{
	struct request *r = kmalloc(struct_size(r, data, len),
				    GFP_KERNEL_ACCOUNT);

	if (!r) {
		i40e->deaf = true;
		return;
	}
	if (i40e->nr_requests == MAX_REQUESTS)
		drop(i40e, oldest(i40e));
	r->message = message;
	r->len = len;
	memcpy(r->data, data, len);
	list_add_tail(&r->node, &i40e->requests);
	i40e->nr_requests++;
}

/* The PF has not seen it yet. */
void i40e_vf_request(struct i40e_vf *i40e, u32 message, const void *data,
		     size_t len)
{
	switch (message) {
	case VC_RESET_VF:
		/* No answer: the reset is seen in VF_ARQLEN. */
		return;
	case VC_CONFIG_VSI_QUEUES:
		config_queues(i40e, data, len);
		break;
	case VC_ENABLE_QUEUES:
		if (len >= sizeof(struct vc_queue_select))
			enable_queues(i40e, data);
		break;
	case VC_CONFIG_PROMISCUOUS_MODE:
		/* Its driver sees to it. */
		i40e->repeat = false;
		break;
	}
	remember(i40e, message, data, len);
}

void i40e_vf_answer(struct i40e_vf *i40e, u32 message, u32 status,
		    const void *data, size_t len)
{
	struct request *r;

	list_for_each_entry(r, &i40e->requests, node) {
		if (r->message != message)
			continue;
		if (status)
			was_refused(i40e, r, status);
		else
			was_granted(i40e, r, data, len);
		drop(i40e, r);
		return;
	}
}

void i40e_vf_forget(struct i40e_vf *i40e)
{
	while (i40e->nr_requests)
		drop(i40e, oldest(i40e));
	memset(i40e->pairs, 0, sizeof(i40e->pairs));
	memset(&i40e->stats, 0, sizeof(i40e->stats));
	i40e->asked = false;
}

/*
 * Linux's iavf repeats after a reset what it has asked for before, but not
 * promiscuous mode, which it takes for still on.  It asks for statistics every 2 s
 * when it is up: one such request is used to ask for that instead.
 */
bool i40e_vf_repeats(struct i40e_vf *i40e, u32 message, const void *data,
		     size_t len, struct vc_promiscuous *instead)
{
	const struct vc_queue_select *select = data;

	if (!i40e->repeat || message != VC_GET_STATS ||
	    len < sizeof(*select) || !i40e->granted.queues)
		return false;
	instead->vsi_id = select->vsi_id;
	instead->flags = cpu_to_le16(i40e->before.promiscuous);
	return true;
}

/* What a destination must have */

void i40e_vf_fill_needs(const struct i40e_vf_granted *granted,
			struct i40e_vf_needs *needs)
{
	needs->caps = granted->caps;
	needs->queues = granted->queues;
	needs->vectors = granted->vectors;
	needs->max_frame = granted->max_frame;
	ether_addr_copy(needs->mac, granted->mac);
}

/* @nr_macs is used by us. */
bool i40e_vf_granted_valid(const struct i40e_vf_granted *granted)
{
	return granted->resources <= 1 && granted->stripping <= 1 &&
	       le16_to_cpu(granted->queues) <= I40E_VF_QUEUES &&
	       le16_to_cpu(granted->vectors) <= I40E_VF_VECTORS + 1 &&
	       le16_to_cpu(granted->nr_macs) <= I40E_VF_MACS;
}

/* Of those that say how RSS is set up a driver gets one; some were not asked for. */
#define CAPS_NOT_COMPARED \
	(VC_CAP_RSS_AQ | VC_CAP_RSS_REG | VC_CAP_RSS_PF | VC_CAP_RDMA | \
	 VC_CAP_RX_POLLING | VC_CAP_USO)

int i40e_vf_check_needs(struct i40e_vf *i40e, const struct i40e_vf_needs *needs)
{
	const struct i40e_vf_learned *learned = &i40e->learned;
	u16 queues = le16_to_cpu(needs->queues);
	u16 vectors = le16_to_cpu(needs->vectors);
	u16 max_frame = le16_to_cpu(needs->max_frame);
	u32 caps = le32_to_cpu(needs->caps) & ~CAPS_NOT_COMPARED;

	/* Its driver has nothing yet. */
	if (!needs->caps)
		return 0;
	if (!learned->known) {
		i40e_vf_err(i40e, "what the PF grants is not known: create the mdev again when the PF is up\n");
		return -EACCES;
	}
	if (queues > learned->queues || vectors > learned->vectors) {
		i40e_vf_err(i40e, "the guest uses %u pairs of queues and %u vectors, the PF grants %u and %u: allow as many on this host\n",
			    queues, vectors, learned->queues, learned->vectors);
		return -EACCES;
	}
	if (caps & ~learned->caps) {
		i40e_vf_err(i40e, "the PF does not grant capabilities %#x, which the guest has: use the same PF driver and settings, and set no VLAN for this VF\n",
			    caps & ~learned->caps);
		return -EACCES;
	}
	if (learned->max_mtu && max_frame > learned->max_mtu) {
		i40e_vf_err(i40e, "the guest receives frames of %u bytes, the PF grants %u: allow as many on this host\n",
			    max_frame, learned->max_mtu);
		return -EACCES;
	}
	if (!is_zero_ether_addr(learned->mac) &&
	    !is_zero_ether_addr(needs->mac) &&
	    !ether_addr_equal(learned->mac, needs->mac)) {
		i40e_vf_err(i40e, "the PF has set MAC address %pM for this VF, the guest has %pM: set that one, or none, and create the mdev again\n",
			    learned->mac, needs->mac);
		return -EACCES;
	}
	return 0;
}
