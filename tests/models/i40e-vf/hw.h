/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a virtual function of an Intel XL710 or X722 looks like to its driver:
 * registers, descriptors, messages
 *
 * Names are those of "Intel Ethernet Controller X710/XXV710/XL710 Datasheet"
 * (section 10.3, registers of the VF; 8.3 and 8.4, descriptors; 7.10, admin
 * queue) where it has them; messages are "virtchnl", as in "Intel Ethernet
 * Adaptive Virtual Function Specification".
 */
#ifndef _I40E_VF_HW_H
#define _I40E_VF_HW_H

#define BIT(n)			(1U << (n))
#define BIT64(n)		(1ULL << (n))

/* PCI */
#define XL710_VF_ID		0x154c
#define X722_VF_ID		0x37cd
#define BAR0_SIZE		0x10000
#define BAR3_SIZE		0x4000
#define MSIX_TABLE		0
#define MSIX_PBA		0x2000

/* BAR0, each kind on pages of its own */
#define QTX_TAIL1		0x0000
#define QRX_TAIL1		0x2000
#define VFINT_ITRN1		0x2800	/* (i, v): + 64 * i + 4 * v */
#define VFINT_DYN_CTLN1		0x3800
#define VFINT_ICR01		0x4800
#define VFINT_ITR01		0x4c00
#define VFINT_ICR0_ENA1		0x5000
#define VFINT_STAT_CTL01	0x5400
#define VFINT_DYN_CTL01		0x5c00
#define VF_ARQBAH1		0x6000
#define VF_ATQH1		0x6400
#define VF_ATQLEN1		0x6800
#define VF_ARQBAL1		0x6c00
#define VF_ARQT1		0x7000
#define VF_ARQH1		0x7400
#define VF_ATQBAH1		0x7800
#define VF_ATQBAL1		0x7c00
#define VF_ARQLEN1		0x8000
#define VF_ATQT1		0x8400
#define VFGEN_RSTAT		0x8800
#define VFQF_HENA		0xc400
#define VFQF_HKEY		0xcc00
#define VFQF_HLUT		0xd000

/* What the silicon answers where it has no register */
#define NO_REGISTER		0xdeadbeef

/* VFINT_DYN_CTL01, VFINT_DYN_CTLN1 */
#define DYN_CTL_INTENA		BIT(0)
#define DYN_CTL_CLEARPBA	BIT(1)
#define DYN_CTL_SWINT_TRIG	BIT(2)
#define DYN_CTL_ITR_INDX(v)	((v) >> 3 & 3)
#define DYN_CTL_INTERVAL(v)	((v) >> 5 & 0xfff)
#define DYN_CTL_SW_ITR_ENA	BIT(24)
#define DYN_CTL_SW_ITR(v)	((v) >> 25 & 3)
#define DYN_CTL_WB_ON_ITR	BIT(30)
#define DYN_CTL_INTENA_MSK	BIT(31)
#define ITR_MASK		0xfff
#define ITR_UNIT_NS		2000ULL
#define ITR_NONE		3

/* VFINT_ICR01, VFINT_ICR0_ENA1 */
#define ICR0_INTEVENT		BIT(0)
#define ICR0_ADMINQ		BIT(30)
#define ICR0_SWINT		BIT(31)

/* VF_A[RT]QLEN1 and heads and tails */
#define AQ_LEN_MASK		0x3ff
#define AQ_LEN_VFE		BIT(28)
#define AQ_LEN_OVFL		BIT(29)
#define AQ_LEN_CRIT		BIT(30)
#define AQ_LEN_ENABLE		BIT(31)
#define AQ_LEN_BITS \
	(AQ_LEN_MASK | AQ_LEN_VFE | AQ_LEN_OVFL | AQ_LEN_CRIT | AQ_LEN_ENABLE)
#define AQ_BASE_ALIGN		64

/* VFGEN_RSTAT: the first two by the hardware, the last by the PF's driver */
enum {
	VFR_INPROGRESS = 0,
	VFR_COMPLETED = 1,
	VFR_VFACTIVE = 2,
};

/* Admin queue: descriptor, its flags, opcodes, return values */
struct aq_desc {
	uint16_t flags;
	uint16_t opcode;
	uint16_t datalen;
	uint16_t retval;
	uint32_t cookie_high;
	uint32_t cookie_low;
	uint32_t param0;
	uint32_t param1;
	uint32_t addr_high;
	uint32_t addr_low;
};

#define AQ_FLAG_DD		BIT(0)
#define AQ_FLAG_CMP		BIT(1)
#define AQ_FLAG_ERR		BIT(2)
#define AQ_FLAG_LB		BIT(9)
#define AQ_FLAG_RD		BIT(10)
#define AQ_FLAG_BUF		BIT(12)
#define AQ_FLAG_SI		BIT(13)
#define AQ_LARGE_BUF		512
#define AQ_MAX_BUF		4096

#define AQC_QUEUE_SHUTDOWN	0x0003
#define AQC_SEND_MSG_TO_PF	0x0801
#define AQC_SEND_MSG_TO_VF	0x0802

#define AQ_RC_EPERM		1
#define AQ_RC_E2BIG		7
#define AQ_RC_EINVAL		14

/* Transmit descriptors: 16 bytes */
struct tx_desc {
	uint64_t addr;
	uint64_t qw1;
};

#define TXD_DTYPE(qw1)		((qw1) & 0xf)
#define   TXD_DATA		0
#define   TXD_CONTEXT		1
#define   TXD_DONE		15
#define TXD_CMD(qw1)		((qw1) >> 4 & 0x3ff)
#define   TXD_EOP		BIT(0)
#define   TXD_RS		BIT(1)
#define   TXD_IL2TAG1		BIT(3)
#define   TXD_DUMMY		BIT(4)
#define   TXD_IIPT(cmd)		((cmd) >> 5 & 3)
#define     IIPT_IPV6		1
#define     IIPT_IPV4_CSUM	3
#define   TXD_L4T(cmd)		((cmd) >> 8 & 3)
#define     L4T_NONE		0
#define     L4T_TCP		1
#define     L4T_SCTP		2
#define     L4T_UDP		3
#define TXD_MACLEN(qw1)		(((qw1) >> 16 & 0x7f) * 2)
#define TXD_IPLEN(qw1)		(((qw1) >> 23 & 0x7f) * 4)
#define TXD_L4LEN(qw1)		(((qw1) >> 30 & 0xf) * 4)
#define TXD_SIZE(qw1)		((qw1) >> 34 & 0x3fff)
#define TXD_L2TAG1(qw1)		((qw1) >> 48)

#define CTX_TSO			BIT64(4)
#define CTX_IL2TAG2		BIT64(6)
#define CTX_TSO_LEN(qw1)	((qw1) >> 30 & 0x3ffff)
#define CTX_MSS(qw1)		((qw1) >> 50 & 0x3fff)
#define CTX_EIPT(qw0)		((qw0) & 3)
#define   EIPT_IPV6		1
#define   EIPT_IPV4_CSUM	3
#define CTX_EIPLEN(qw0)		(((qw0) >> 2 & 0x3f) * 4)
#define CTX_NATT(qw0)		((qw0) >> 9 & 3)
#define   NATT_UDP		1
#define CTX_EIP_NOINC(qw0)	((qw0) >> 11 & 1)
#define CTX_NATLEN(qw0)		(((qw0) >> 12 & 0x7f) * 2)
#define CTX_L4T_CS(qw0)		((qw0) >> 23 & 1)
#define CTX_L2TAG2(qw0)		((qw0) >> 32 & 0xffff)

/* What malicious driver detection (8.4.4.6) takes offence at */
#define TX_MAX_BUFFERS		8
#define TX_MIN_MSS		64
#define TX_MAX_MSS		9668
#define TX_MIN_LEN		17

/* Receive descriptors: what is read is written over */
struct rx_desc {
	uint64_t qw0;
	uint64_t qw1;
	uint64_t qw2;
	uint64_t qw3;
};

#define RXD_DD			BIT64(0)
#define RXD_EOF			BIT64(1)
#define RXD_L2TAG1P		BIT64(2)
#define RXD_L3L4P		BIT64(3)
#define RXD_MULTICAST		(1ULL << 9)
#define RXD_BROADCAST		(2ULL << 9)
#define RXD_FLTSTAT_RSS		(3ULL << 12)
#define RXD_LPBK		BIT64(14)
#define RXD_IPV6EXADD		BIT64(15)
#define RXD_INT_UDP_0		BIT64(18)
#define RXD_HBO			BIT64(19 + 2)
#define RXD_IPE			BIT64(19 + 3)
#define RXD_L4E			BIT64(19 + 4)
#define RXD_PTYPE(n)		((uint64_t)(n) << 30)
#define RXD_LENGTH(n)		((uint64_t)(n) << 38)
#define RXD_HLENGTH(n)		((uint64_t)(n) << 52)
#define RXD_SPH			BIT64(63)

/* Packet types and classes (7.1.2.2, 7.1.7.2) */
#define PTYPE_L2		1
#define PTYPE_ARP		11
#define PTYPE_IPV4		22
#define PTYPE_IPV6		88
/* relative to the IP version's */
#define   PTYPE_FRAGMENT	0
#define   PTYPE_PAY3		1
#define   PTYPE_UDP		2
#define   PTYPE_TCP		4
#define   PTYPE_SCTP		5
#define   PTYPE_ICMP		6

#define PCTYPE_IPV4		29
#define PCTYPE_IPV6		39
/* relative to the IP version's */
#define   PCTYPE_UNICAST_UDP	0
#define   PCTYPE_MULTICAST_UDP	1
#define   PCTYPE_UDP		2
#define   PCTYPE_TCP_SYN	3
#define   PCTYPE_TCP		4
#define   PCTYPE_SCTP		5
#define   PCTYPE_OTHER		6
#define   PCTYPE_FRAGMENT	7
#define PCTYPE_L2		63

/* Frames, with the CRC that no buffer has */
#define MAX_FRAME		9728
#define CRC_LEN			4
#define MIN_FRAME		60
#define ETH_HLEN		14
#define ETH_ALEN		6
#define VLAN_HLEN		4

/* virtchnl */
#define VIRTCHNL_MAJOR		1
#define VIRTCHNL_MINOR		1
#define VSI_SRIOV		6

enum {
	OP_VERSION = 1,
	OP_RESET_VF = 2,
	OP_GET_VF_RESOURCES = 3,
	OP_CONFIG_TX_QUEUE = 4,
	OP_CONFIG_RX_QUEUE = 5,
	OP_CONFIG_VSI_QUEUES = 6,
	OP_CONFIG_IRQ_MAP = 7,
	OP_ENABLE_QUEUES = 8,
	OP_DISABLE_QUEUES = 9,
	OP_ADD_ETH_ADDR = 10,
	OP_DEL_ETH_ADDR = 11,
	OP_ADD_VLAN = 12,
	OP_DEL_VLAN = 13,
	OP_CONFIG_PROMISCUOUS_MODE = 14,
	OP_GET_STATS = 15,
	OP_EVENT = 17,
	OP_CONFIG_RSS_HFUNC = 18,
	OP_RDMA = 20,
	OP_CONFIG_RDMA_IRQ_MAP = 21,
	OP_RELEASE_RDMA_IRQ_MAP = 22,
	OP_CONFIG_RSS_KEY = 23,
	OP_CONFIG_RSS_LUT = 24,
	OP_GET_RSS_HENA_CAPS = 25,
	OP_SET_RSS_HENA = 26,
	OP_ENABLE_VLAN_STRIPPING = 27,
	OP_DISABLE_VLAN_STRIPPING = 28,
	OP_REQUEST_QUEUES = 29,
	OP_ENABLE_CHANNELS = 30,
	OP_DISABLE_CHANNELS = 31,
	OP_ADD_CLOUD_FILTER = 32,
	OP_DEL_CLOUD_FILTER = 33,
	OP_GET_SUPPORTED_RXDIDS = 44,
	OP_ADD_RSS_CFG = 45,
	OP_DEL_RSS_CFG = 46,
	OP_ADD_FDIR_FILTER = 47,
	OP_DEL_FDIR_FILTER = 48,
	OP_GET_OFFLOAD_VLAN_V2_CAPS = 51,
	OP_ADD_VLAN_V2 = 52,
	OP_DEL_VLAN_V2 = 53,
	OP_ENABLE_VLAN_STRIPPING_V2 = 54,
	OP_DISABLE_VLAN_STRIPPING_V2 = 55,
	OP_ENABLE_VLAN_INSERTION_V2 = 56,
	OP_DISABLE_VLAN_INSERTION_V2 = 57,
	OP_1588_PTP_GET_CAPS = 60,
	OP_1588_PTP_GET_TIME = 61,
	OP_GET_QOS_CAPS = 66,
	OP_CONFIG_QUEUE_BW = 112,
	OP_CONFIG_QUANTA = 113,
	NUM_OPS = 114,
};

#define VC_OK			0
#define VC_ERR_PARAM		-5
#define VC_ERR_NOT_SUPPORTED	-64

#define CAP_L2			BIT(0)
#define CAP_RSS_REG		BIT(4)
#define CAP_WB_ON_ITR		BIT(5)
#define CAP_REQ_QUEUES		BIT(6)
#define CAP_ADV_LINK_SPEED	BIT(7)
#define CAP_VLAN		BIT(16)
#define CAP_RX_POLLING		BIT(17)
#define CAP_RSS_PCTYPE_V2	BIT(18)
#define CAP_RSS_PF		BIT(19)
#define CAP_ENCAP		BIT(20)
#define CAP_ENCAP_CSUM		BIT(21)
#define CAP_USO			BIT(25)

#define PROMISC_UNICAST		BIT(0)
#define PROMISC_MULTICAST	BIT(1)

#define EVENT_LINK_CHANGE	1
#define EVENT_RESET_IMPENDING	2
#define SEVERITY_INFO		0
#define SEVERITY_CERTAIN_DOOM	255

#define ETHER_ADDR_LEGACY	0
#define ETHER_ADDR_PRIMARY	1
#define ETHER_ADDR_TYPE_MASK	3

#define HKEY_LEN		52
#define HLUT_LEN		64
#define MAX_QUEUES		16
#define MAX_VECTORS		17
#define MAX_RING		4096

#endif /* _I40E_VF_HW_H */
