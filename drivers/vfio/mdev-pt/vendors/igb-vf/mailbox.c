// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mailbox between VF and PF (82576 datasheet, 7.8.2.9)
 *
 * A VF can't set its own address, filters or frame size: its driver asks the
 * PF's, by messages in VMBMEM that V2PMAILBOX announces. What the PF granted is
 * in registers that the VF can't read. So we listen, and at the destination ask
 * the PF there for the same. Messages that we don't know are passed on.
 *
 * Messages are those of Linux's PF driver, which define the protocol.
 */

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "igb_vf.h"

/* The first word of a message; an answer has that of its request. */
#define MSG_TYPE		GENMASK(15, 0)
#define MSG_INFO		GENMASK(23, 16)
/* Clear to send: the PF knows that the VF was reset. */
#define MSG_CTS			BIT(29)
#define MSG_NACK		BIT(30)
#define MSG_ACK			BIT(31)

#define VF_RESET		0x01
#define VF_SET_MAC_ADDR		0x02
#define VF_MAC_FILTER_CLR		1
#define VF_MAC_FILTER_ADD		2
#define VF_SET_MULTICAST	0x03
#define VF_SET_VLAN		0x04
#define VF_VLAN_ADD			1
#define VF_SET_LPE		0x05
#define VF_SET_PROMISC		0x06

/* Of these the last one that was granted counts. */
static const u16 settings[IGB_VF_SETTINGS] = {
	VF_SET_MULTICAST, VF_SET_LPE, VF_SET_PROMISC,
};

/* The longest answer that is of interest, in words: with an address */
#define ANSWER_WORDS		3

/* For the PF to answer; it is the wait of Linux's VF driver, too. */
#define ANSWER_TIMEOUT		HZ
#define REPLAYS			3

/* For all that close() has to say: its user is killed, or waits. */
#define FORGET_TIMEOUT		(HZ / 2)

static int vmbmem_read(struct igb_vf *igb, __le32 *words, unsigned int count)
{
	unsigned int i;
	u32 value;
	int ret;

	for (i = 0; i < count; i++) {
		ret = igb_vf_read(igb, VMBMEM + i * 4, &value);
		if (ret)
			return ret;
		words[i] = cpu_to_le32(value);
	}
	return 0;
}

static int vmbmem_write(struct igb_vf *igb, const __le32 *words)
{
	unsigned int i;
	int ret;

	for (i = 0; i < VMBMEM_WORDS; i++) {
		ret = igb_vf_write(igb, VMBMEM + i * 4, le32_to_cpu(words[i]));
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * What the PF forgets when the VF is reset. Linux's keeps the further addresses
 * and the frame size.
 */
void igb_vf_mailbox_reset(struct igb_vf *igb)
{
	struct igb_vf_granted *granted = &igb->granted;
	unsigned int i;

	igb->requested = false;
	granted->ready = 0;
	eth_zero_addr(granted->mac);
	memset(granted->vlans, 0, sizeof(granted->vlans));
	for (i = 0; i < IGB_VF_SETTINGS; i++) {
		if (settings[i] != VF_SET_LPE)
			memset(granted->settings[i], 0,
			       sizeof(granted->settings[i]));
	}
}

static void add_filter(struct igb_vf_granted *granted, const u8 *addr)
{
	unsigned int i;

	for (i = 0; i < granted->nr_filters; i++) {
		if (ether_addr_equal(granted->filters[i], addr))
			return;
	}
	/* The port has room for no more. */
	if (i < RAR_ENTRIES) {
		ether_addr_copy(granted->filters[i], addr);
		granted->nr_filters++;
	}
}

static void note_mac(struct igb_vf_granted *granted, unsigned int info,
		     const u8 *addr)
{
	if (info == VF_MAC_FILTER_CLR)
		granted->nr_filters = 0;
	else if (!is_valid_ether_addr(addr))
		return;
	else if (info == VF_MAC_FILTER_ADD)
		add_filter(granted, addr);
	else if (!info)
		ether_addr_copy(granted->mac, addr);
}

static void note_vlan(struct igb_vf_granted *granted, bool add, u32 vid)
{
	vid %= VLAN_N_VID;
	if (add)
		granted->vlans[vid / 8] |= BIT(vid % 8);
	else
		granted->vlans[vid / 8] &= ~BIT(vid % 8);
}

static void note_granted(struct igb_vf_granted *granted, const __le32 *message)
{
	u32 first = le32_to_cpu(message[0]);
	unsigned int type = FIELD_GET(MSG_TYPE, first);
	unsigned int info = FIELD_GET(MSG_INFO, first);
	unsigned int i;

	if (type == VF_SET_MAC_ADDR)
		note_mac(granted, info, (const u8 *)&message[1]);
	else if (type == VF_SET_VLAN)
		note_vlan(granted, info, le32_to_cpu(message[1]));

	for (i = 0; i < IGB_VF_SETTINGS; i++) {
		if (type != settings[i])
			continue;
		memcpy(granted->settings[i], message,
		       sizeof(granted->settings[i]));
		first &= MSG_TYPE | MSG_INFO;
		granted->settings[i][0] = cpu_to_le32(first);
	}
}

/* The PF also speaks unasked: when its link changes, when it is reset. */
static bool is_answer(const __le32 *message, u32 request)
{
	u32 first = le32_to_cpu(message[0]);

	return !((first ^ request) & MSG_TYPE) && first & (MSG_ACK | MSG_NACK);
}

/* The PF has said something: if it is the answer, note it. */
static int note_answer(struct igb_vf *igb)
{
	u32 request = le32_to_cpu(igb->request[0]);
	__le32 answer[ANSWER_WORDS];
	bool ack;
	int ret;

	ret = vmbmem_read(igb, answer, ARRAY_SIZE(answer));
	if (ret || !is_answer(answer, request))
		return ret;

	igb->requested = false;
	ack = le32_to_cpu(answer[0]) & MSG_ACK;
	if (request == VF_RESET) {
		/* NACK says only that no address is set. */
		igb_vf_mailbox_reset(igb);
		igb->granted.ready = 1;
		if (ack)
			note_mac(&igb->granted, 0, (const u8 *)&answer[1]);
	} else if (ack) {
		note_granted(&igb->granted, igb->request);
	}
	return 0;
}

/*
 * Read V2PMAILBOX, which clears bits: keep them for the user, and see if the PF
 * has answered. The others are in @live.
 */
static int sync_mailbox(struct igb_vf *igb, u32 *live)
{
	u32 value;
	int ret;

	ret = igb_vf_read(igb, V2PMAILBOX, &value);
	if (ret)
		return ret;
	igb->pending |= value & V2PMAILBOX_R2C;
	*live = value & ~V2PMAILBOX_R2C;

	return value & V2PMAILBOX_PFSTS && igb->requested ? note_answer(igb) : 0;
}

static int v2pmailbox_read(struct mdev_pt_device *pt, void *data, u64 offset,
			   unsigned int width, u64 *value)
{
	struct igb_vf *igb = data;
	u32 live;
	int ret;

	igb_vf_lock(igb);
	ret = sync_mailbox(igb, &live);
	if (!ret) {
		*value = igb_vf_part(live | igb->pending, offset, width);
		igb->pending &= ~igb_vf_whole(*value, offset);
	}
	igb_vf_unlock(igb);
	return ret;
}

static int pass_on(struct igb_vf *igb, u32 value)
{
	__le32 request[VMBMEM_WORDS];
	u32 live;
	int ret;

	ret = sync_mailbox(igb, &live);
	/*
	 * A user who changes the message meanwhile deceives itself: at the
	 * destination it gets what it could as well have asked for.
	 */
	if (!ret && value & V2PMAILBOX_REQ)
		ret = vmbmem_read(igb, request, ARRAY_SIZE(request));
	if (!ret)
		ret = igb_vf_write(igb, V2PMAILBOX, value);
	if (!ret && value & V2PMAILBOX_REQ) {
		memcpy(igb->request, request, sizeof(request));
		igb->requested = true;
		igb->told = true;
	}
	return ret;
}

static int v2pmailbox_write(struct mdev_pt_device *pt, void *data, u64 offset,
			    unsigned int width, u64 value)
{
	struct igb_vf *igb = data;
	int ret;

	igb_vf_lock(igb);
	ret = pass_on(igb, igb_vf_whole(value, offset));
	igb_vf_unlock(igb);
	return ret;
}

const struct mdev_pt_trap_ops igb_vf_mailbox_ops = {
	.read	= v2pmailbox_read,
	.write	= v2pmailbox_write,
};

int igb_vf_mailbox_save(struct igb_vf *igb, struct igb_vf_mailbox_state *state)
{
	u32 live;
	int ret;

	ret = sync_mailbox(igb, &live);
	if (!ret)
		ret = vmbmem_read(igb, state->vmbmem, VMBMEM_WORDS);
	if (ret)
		return ret;

	memcpy(state->request, igb->request, sizeof(state->request));
	state->pending = igb->pending;
	state->requested = igb->requested;
	state->owned = !!(live & V2PMAILBOX_VFU);
	state->granted = igb->granted;
	return 0;
}

bool igb_vf_mailbox_valid(const struct igb_vf_mailbox_state *state)
{
	const struct igb_vf_granted *granted = &state->granted;
	unsigned int i;
	u32 first;

	if (state->pending & ~V2PMAILBOX_R2C || state->requested > 1 ||
	    state->owned > 1 || state->reserved)
		return false;

	if (granted->ready > 1 || granted->nr_filters > RAR_ENTRIES ||
	    memchr_inv(granted->reserved, 0, sizeof(granted->reserved)))
		return false;

	for (i = 0; i < IGB_VF_SETTINGS; i++) {
		first = le32_to_cpu(granted->settings[i][0]);
		if (first && (first & ~MSG_INFO) != settings[i])
			return false;
	}
	for (i = 0; i < granted->nr_filters; i++) {
		if (!is_valid_ether_addr(granted->filters[i]))
			return false;
	}
	return is_zero_ether_addr(granted->mac) ||
	       is_valid_ether_addr(granted->mac);
}

static void wait_for_pf(void)
{
	usleep_range(100, 300);
}

/* Of VMBMEM. The reads also drop what the PF has announced before. */
static int own_vmbmem(struct igb_vf *igb, unsigned long end)
{
	u32 value;
	int ret;

	for (;;) {
		ret = igb_vf_write(igb, V2PMAILBOX, V2PMAILBOX_VFU);
		if (!ret)
			ret = igb_vf_read(igb, V2PMAILBOX, &value);
		if (ret || value & V2PMAILBOX_VFU)
			return ret;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		wait_for_pf();
	}
}

static int receive(struct igb_vf *igb, __le32 *answer, unsigned long end)
{
	int ret;

	ret = own_vmbmem(igb, end);
	if (!ret)
		ret = vmbmem_read(igb, answer, ANSWER_WORDS);
	if (!ret)
		ret = igb_vf_write(igb, V2PMAILBOX, V2PMAILBOX_ACK);
	return ret;
}

static int wait_for_answer(struct igb_vf *igb, u32 request, __le32 *answer,
			   unsigned long end)
{
	u32 value;
	int ret;

	do {
		wait_for_pf();
		ret = igb_vf_read(igb, V2PMAILBOX, &value);
		if (ret)
			return ret;
		if (!(value & V2PMAILBOX_PFSTS))
			continue;
		ret = receive(igb, answer, end);
		if (ret || is_answer(answer, request))
			return ret;
	} while (time_before(jiffies, end));
	return -ETIMEDOUT;
}

static int call(struct igb_vf *igb, const __le32 *message, __le32 *answer,
		unsigned long end)
{
	int ret;

	ret = own_vmbmem(igb, end);
	if (!ret)
		ret = vmbmem_write(igb, message);
	if (!ret)
		ret = igb_vf_write(igb, V2PMAILBOX, V2PMAILBOX_REQ);
	return ret ? ret : wait_for_answer(igb, le32_to_cpu(message[0]), answer,
					   end);
}

/* -EACCES: refused. -EAGAIN: the PF wants to hear of a reset first. */
static int ask_until(struct igb_vf *igb, const __le32 *message,
		     unsigned long end)
{
	__le32 answer[ANSWER_WORDS];
	u32 first;
	int ret;

	ret = call(igb, message, answer, end);
	if (ret)
		return ret;

	first = le32_to_cpu(answer[0]);
	if (first & MSG_ACK)
		return 0;
	return first & MSG_CTS ? -EACCES : -EAGAIN;
}

static int ask(struct igb_vf *igb, const __le32 *message)
{
	return ask_until(igb, message, jiffies + ANSWER_TIMEOUT);
}

static int ask_for_mac(struct igb_vf *igb, unsigned int info, const u8 *addr)
{
	__le32 message[VMBMEM_WORDS] = {
		cpu_to_le32(VF_SET_MAC_ADDR | FIELD_PREP(MSG_INFO, info)),
	};
	int ret;

	memcpy(&message[1], addr, ETH_ALEN);
	ret = ask(igb, message);
	if (ret == -EACCES && info)
		igb_vf_err(igb, "the PF refuses the further MAC address %pM: trust this VF on this host, and free a MAC filter of the port\n",
			   addr);
	else if (ret == -EACCES)
		igb_vf_err(igb, "the PF refuses MAC address %pM: set it for this VF on this host, or none\n",
			   addr);
	return ret;
}

static int ask_for_vlan(struct igb_vf *igb, unsigned int vid)
{
	__le32 message[VMBMEM_WORDS] = {
		cpu_to_le32(VF_SET_VLAN | FIELD_PREP(MSG_INFO, VF_VLAN_ADD)),
		cpu_to_le32(vid),
	};
	int ret;

	ret = ask(igb, message);
	if (ret == -EACCES)
		igb_vf_err(igb, "the PF refuses VLAN %u: set no VLAN for this VF on this host, and free a VLAN filter of the port\n",
			   vid);
	return ret;
}

static int ask_for_setting(struct igb_vf *igb, const __le32 *message)
{
	int ret;

	if (!message[0])
		return 0;
	ret = ask(igb, message);
	if (ret == -EACCES)
		igb_vf_err(igb, "the PF refuses message %#x, which the source's granted: use the same PF driver on both hosts\n",
			   le32_to_cpu(message[0]));
	return ret;
}

/* The order is that of a driver that starts. */
static int replay(struct igb_vf *igb, const struct igb_vf_granted *granted)
{
	__le32 message[VMBMEM_WORDS] = { cpu_to_le32(VF_RESET) };
	__le32 answer[ANSWER_WORDS];
	unsigned int i;
	int ret;

	/* After it the PF lets the VF send and receive. */
	igb->told = true;
	ret = call(igb, message, answer, jiffies + ANSWER_TIMEOUT);
	if (!ret && !is_zero_ether_addr(granted->mac) &&
	    (le32_to_cpu(answer[0]) & MSG_NACK ||
	     !ether_addr_equal(granted->mac, (const u8 *)&answer[1])))
		ret = ask_for_mac(igb, 0, granted->mac);
	/* Linux's PF keeps them over a reset. */
	if (!ret && granted->nr_filters)
		ret = ask_for_mac(igb, VF_MAC_FILTER_CLR, granted->filters[0]);
	for (i = 0; !ret && i < granted->nr_filters; i++) {
		ret = ask_for_mac(igb, VF_MAC_FILTER_ADD, granted->filters[i]);
		/* For close(), should the rest be refused */
		if (!ret)
			add_filter(&igb->granted, granted->filters[i]);
	}
	for (i = 0; !ret && i < VLAN_N_VID; i++) {
		if (granted->vlans[i / 8] & BIT(i % 8))
			ret = ask_for_vlan(igb, i);
	}
	for (i = 0; !ret && i < IGB_VF_SETTINGS; i++)
		ret = ask_for_setting(igb, granted->settings[i]);
	return ret;
}

/*
 * The PF may see a reset of the function after our first message, and then wants
 * to hear of it again, or does not answer at all.
 */
static int replay_until_done(struct igb_vf *igb,
			     const struct igb_vf_granted *granted)
{
	int tries, ret = -EAGAIN;

	for (tries = 0; tries < REPLAYS; tries++) {
		ret = replay(igb, granted);
		if (ret != -EAGAIN && ret != -ETIMEDOUT)
			return ret;
	}
	igb_vf_err(igb, "the PF does not answer: bring it up, with its driver\n");
	return -ETIMEDOUT;
}

int igb_vf_mailbox_load(struct igb_vf *igb,
			const struct igb_vf_mailbox_state *state)
{
	bool again = state->requested && !state->owned;
	u32 value = 0;
	int ret;

	if (state->granted.ready) {
		ret = replay_until_done(igb, &state->granted);
		if (ret)
			return ret;
	}

	ret = own_vmbmem(igb, jiffies + ANSWER_TIMEOUT);
	if (ret == -ETIMEDOUT)
		igb_vf_err(igb, "the PF keeps the mailbox: reload its driver\n");
	if (!ret)
		ret = vmbmem_write(igb, again ? state->request : state->vmbmem);
	if (ret)
		return ret;

	/* Who owns VMBMEM writes a new message: the old one is given up. */
	if (state->owned)
		value = V2PMAILBOX_VFU;
	else if (again)
		value = V2PMAILBOX_REQ;
	ret = igb_vf_write(igb, V2PMAILBOX, value);
	if (ret)
		return ret;

	igb->pending = state->pending;
	igb->requested = again;
	memcpy(igb->request, state->request, sizeof(igb->request));
	/* A VF that is not ready has nothing of the PF here. */
	if (state->granted.ready)
		igb->granted = state->granted;
	return 0;
}

static int forget(struct igb_vf *igb)
{
	const struct igb_vf_granted *granted = &igb->granted;
	unsigned long end = jiffies + FORGET_TIMEOUT;
	__le32 message[VMBMEM_WORDS] = { cpu_to_le32(VF_RESET) };
	__le32 answer[ANSWER_WORDS] = { cpu_to_le32(MSG_ACK) };
	unsigned int i;
	int ret;

	ret = igb_vf_write(igb, VTCTRL, VTCTRL_RST);
	/*
	 * An address comes with ACK. It is the administrator's, or the PF has
	 * seen the message before the reset: then it goes with the second.
	 */
	for (i = 0; !ret && i < 2 && le32_to_cpu(answer[0]) & MSG_ACK; i++)
		ret = call(igb, message, answer, end);
	if (!ret && granted->nr_filters) {
		message[0] = cpu_to_le32(VF_SET_MAC_ADDR |
					 FIELD_PREP(MSG_INFO, VF_MAC_FILTER_CLR));
		memcpy(&message[1], granted->filters[0], ETH_ALEN);
		ret = ask_until(igb, message, end);
	}
	for (i = 0; !ret && i < IGB_VF_SETTINGS; i++) {
		if (settings[i] != VF_SET_LPE || !granted->settings[i][0])
			continue;
		message[0] = cpu_to_le32(VF_SET_LPE);
		message[1] = cpu_to_le32(VLAN_ETH_FRAME_LEN + ETH_FCS_LEN);
		ret = ask_until(igb, message, end);
	}
	return ret;
}

/*
 * When a VF is reset, Linux's PF forgets its VLANs, and its address as well, but
 * not in the port's filter, which it writes when the VF says that it was reset.
 * Until then whatever the port sends to that address, from the PF and from other
 * VFs, is for this VF: it is dropped, and never gets to where the guest is now.
 * Further addresses and the frame size outlast that, too.
 */
void igb_vf_mailbox_forget(struct igb_vf *igb)
{
	int ret;

	/* Pulled out: so is the PF. */
	if (!igb->told || pci_channel_offline(igb->pt->vdev.pdev))
		return;
	ret = forget(igb);
	if (ret)
		igb_vf_err(igb, "the PF still filters for the VF's last user (%d): set it down and up again\n",
			   ret);
}
