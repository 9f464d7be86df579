/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of a VF in BAR 0, descriptors, and messages between VF and PF, as
 * Linux's iavf and i40e have them, and mostly by the same names; not compared with
 * Intel's datasheet
 *
 * All registers are 32 bits wide.
 */
#ifndef _MDEV_PT_I40E_VF_REGS_H
#define _MDEV_PT_I40E_VF_REGS_H

#include <linux/bits.h>
#include <linux/if_ether.h>
#include <linux/types.h>

/* Tails, and on the page of the receive queues' also throttling: ITR i, vector v */
#define QTX_TAIL(q)		(0x0000 + 4 * (q))
#define QRX_TAIL(q)		(0x2000 + 4 * (q))
#define VFINT_ITRN(i, v)	(0x2800 + 64 * (i) + 4 * (v))
#define VFINT_ITRS			3

/* Vector 0, of the admin queues */
#define VFINT_ICR01		0x4800
#define VFINT_ICR0_ENA1		0x5000
#define VFINT_ICR0_INTEVENT		BIT(0)
#define VFINT_ICR0_ADMINQ		BIT(30)
#define VFINT_DYN_CTL01		0x5c00
#define VFINT_DYN_CTL_INTENA		BIT(0)
#define VFINT_DYN_CTL_SWINT_TRIG	BIT(2)
#define VFINT_DYN_CTL_ITR_INDX		GENMASK(4, 3)
#define VFINT_DYN_CTL_SW_ITR_ENA	BIT(24)
#define VFINT_DYN_CTL_SW_ITR_INDX	GENMASK(26, 25)
#define VFINT_DYN_CTL_INTENA_MSK	BIT(31)
/* An interrupt at once */
#define VFINT_ITR_NONE			3

/* Admin queues: to the PF (ATQ), from it (ARQ) */
#define VF_ARQBAH		0x6000
#define VF_ATQH			0x6400
#define VF_ATQLEN		0x6800
#define VF_ARQBAL		0x6c00
#define VF_ARQT			0x7000
#define VF_ARQH			0x7400
#define VF_ATQBAH		0x7800
#define VF_ATQBAL		0x7c00
#define VF_ARQLEN		0x8000
#define VF_ATQT			0x8400
#define VF_AQ_INDEX			GENMASK(9, 0)
#define VF_AQLEN_ENABLE			BIT(31)
/* Bases are multiples of it. */
#define VF_AQ_ALIGN			64

#define VFGEN_RSTAT		0x8800
#define VFGEN_RSTAT_VFR_STATE		GENMASK(1, 0)
#define VFR_VFACTIVE			2

/**
 * struct i40e_vf_desc - of an admin queue
 * @flags: I40E_VF_DESC_*
 * @opcode: of the firmware: I40E_VF_SEND_*
 * @datalen: of the buffer; in what was received, of the message
 * @retval: of the firmware
 * @message: opcode of the message
 * @status: of the message, from the PF: 0, or why it was refused
 * @param: nothing here
 * @addr_high: of the buffer
 * @addr_low: of the buffer
 */
struct i40e_vf_desc {
	__le16 flags;
	__le16 opcode;
	__le16 datalen;
	__le16 retval;
	__le32 message;
	__le32 status;
	__le32 param[2];
	__le32 addr_high;
	__le32 addr_low;
};

#define I40E_VF_DESC_DD		BIT(0)
#define I40E_VF_DESC_CMP	BIT(1)
#define I40E_VF_DESC_RD		BIT(10)
#define I40E_VF_DESC_BUF	BIT(12)
#define I40E_VF_DESC_SI		BIT(13)

#define I40E_VF_SEND_TO_PF	0x0801
#define I40E_VF_SEND_TO_VF	0x0802

/* The firmware's largest buffer, in bytes */
#define I40E_VF_MESSAGE_MAX	4096

/* Messages, of "virtchnl" */
enum i40e_vf_message {
	VC_VERSION			= 1,
	VC_RESET_VF			= 2,
	VC_GET_VF_RESOURCES		= 3,
	VC_CONFIG_VSI_QUEUES		= 6,
	VC_CONFIG_IRQ_MAP		= 7,
	VC_ENABLE_QUEUES		= 8,
	VC_DISABLE_QUEUES		= 9,
	VC_ADD_ETH_ADDR			= 10,
	VC_DEL_ETH_ADDR			= 11,
	VC_ADD_VLAN			= 12,
	VC_DEL_VLAN			= 13,
	VC_CONFIG_PROMISCUOUS_MODE	= 14,
	VC_GET_STATS			= 15,
	VC_EVENT			= 17,
	VC_CONFIG_RSS_KEY		= 23,
	VC_CONFIG_RSS_LUT		= 24,
	VC_SET_RSS_HENA			= 26,
	VC_ENABLE_VLAN_STRIPPING	= 27,
	VC_DISABLE_VLAN_STRIPPING	= 28,
};

struct vc_version {
	__le32 major;
	__le32 minor;
};

/* What the PF may grant */
#define VC_CAP_RDMA		BIT(1)
#define VC_CAP_RSS_AQ		BIT(3)
#define VC_CAP_RSS_REG		BIT(4)
#define VC_CAP_RX_POLLING	BIT(17)
#define VC_CAP_RSS_PF		BIT(19)
#define VC_CAP_USO		BIT(25)

struct vc_resources {
	__le16 num_vsis;
	__le16 num_queue_pairs;
	__le16 max_vectors;
	__le16 max_mtu;
	__le32 caps;
	__le32 rss_key_size;
	__le32 rss_lut_size;
	/* Of the first VSI; a VF has no other */
	__le16 vsi_id;
	__le16 vsi_queue_pairs;
	__le32 vsi_type;
	__le16 qset_handle;
	u8 mac[ETH_ALEN];
} __packed;

/* Behind these three there are as many elements as they say. */
struct vc_list {
	__le16 vsi_id;
	__le16 count;
};

struct vc_mac {
	u8 addr[ETH_ALEN];
	u8 type;
	u8 pad;
};

#define VC_MAC_PRIMARY		1

struct vc_promiscuous {
	__le16 vsi_id;
	__le16 flags;
};

struct vc_tx_queue {
	__le16 vsi_id;
	__le16 queue_id;
	__le16 ring_len;
	__le16 headwb_enabled;
	__le64 base;
	__le64 headwb;
};

struct vc_rx_queue {
	__le16 vsi_id;
	__le16 queue_id;
	__le32 ring_len;
	__le16 hdr_size;
	__le16 splithdr_enabled;
	__le32 buffer_size;
	__le32 max_pkt_size;
	__le32 pad1;
	__le64 base;
	__le32 rx_split_pos;
	__le32 pad2;
};

struct vc_queue_pair {
	struct vc_tx_queue tx;
	struct vc_rx_queue rx;
};

struct vc_queues {
	struct vc_list head;
	__le32 pad;
	struct vc_queue_pair pairs[];
};

struct vc_vector {
	__le16 vsi_id;
	__le16 vector;
	__le16 rxq_map;
	__le16 txq_map;
	__le16 rxitr_idx;
	__le16 txitr_idx;
};

struct vc_irq_map {
	__le16 count;
	struct vc_vector vectors[];
};

struct vc_queue_select {
	__le16 vsi_id;
	__le16 pad;
	__le32 rx_queues;
	__le32 tx_queues;
};

/* The answer to VC_GET_STATS: counters of packets and bytes */
struct vc_stats {
	__le64 counters[12];
};

struct vc_event {
	__le32 event;
	__le32 data[2];
	__le32 severity;
};

#define VC_EVENT_RESET_IMPENDING	2
#define VC_SEVERITY_CERTAIN_DOOM	255

/* Rings, and their descriptors when they are done */
#define I40E_VF_RING_ALIGN	128
#define I40E_VF_RX_DESC_SIZE	32
#define I40E_VF_RX_DD		BIT_ULL(0)
#define I40E_VF_TX_DESC_SIZE	16
#define I40E_VF_TX_DTYPE	GENMASK_ULL(3, 0)
#define I40E_VF_TX_DTYPE_DONE	0xf

#endif /* _MDEV_PT_I40E_VF_REGS_H */
