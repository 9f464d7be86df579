/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of a VF, in BAR 0, as of the 82576 datasheet: 8.26 unless noted
 *
 * All are 32 bits wide.
 */
#ifndef _MDEV_PT_IGB_VF_REGS_H
#define _MDEV_PT_IGB_VF_REGS_H

#include <linux/bits.h>

#define VTCTRL			0x0000
#define VTCTRL_DUP		0x0004
#define VTCTRL_RST			BIT(26)

/* Mailbox: 7.8.2.9 */
#define VMBMEM			0x0800
#define VMBMEM_WORDS			16
#define V2PMAILBOX		0x0c40
#define V2PMAILBOX_REQ			BIT(0)
#define V2PMAILBOX_ACK			BIT(1)
#define V2PMAILBOX_VFU			BIT(2)
#define V2PMAILBOX_PFU			BIT(3)
#define V2PMAILBOX_PFSTS		BIT(4)
#define V2PMAILBOX_PFACK		BIT(5)
#define V2PMAILBOX_RSTI			BIT(6)
#define V2PMAILBOX_RSTD			BIT(7)
/* A read clears them. */
#define V2PMAILBOX_R2C			(V2PMAILBOX_PFSTS | V2PMAILBOX_PFACK | \
					 V2PMAILBOX_RSTD)

#define VFPSRTYPE		0x0f0c

/* Statistics: they wrap; neither a read nor a reset clears them. */
#define VFGPRC			0x0f10
#define VFGPTC			0x0f14
#define VFGORC			0x0f18
#define VFGOTC			0x0f34
#define VFMPRC			0x0f3c
#define VFGPRLBC		0x0f40
#define VFGPTLBC		0x0f44
#define VFGORLBC		0x0f48
#define VFGOTLBC		0x0f50

/* Interrupts: one bit for each of three vectors */
#define VTEICS			0x1520
#define VTEIMS			0x1524
#define VTEIMC			0x1528
#define VTEIAC			0x152c
#define VTEIAM			0x1530
#define VTEI_VECTORS		3
#define VTEI_MASK			GENMASK(VTEI_VECTORS - 1, 0)
#define VTEITR(n)		(0x1680 + 4 * (n))
/* The bits above are counters. */
#define VTEITR_CONFIG			GENMASK(15, 0)
#define VTIVAR			0x1700
#define VTIVAR_MISC		0x1740

#define QUEUE_STRIDE		0x100

/* Receive queue n */
#define RDBAL(n)	(0x2800 + QUEUE_STRIDE * (n))
#define RDBAH(n)	(0x2804 + QUEUE_STRIDE * (n))
#define RDLEN(n)	(0x2808 + QUEUE_STRIDE * (n))
#define SRRCTL(n)	(0x280c + QUEUE_STRIDE * (n))
/* in KB; 0: RCTL.BSIZE has the size */
#define SRRCTL_BSIZEPACKET		GENMASK(6, 0)
/* in 64 bytes */
#define SRRCTL_BSIZEHEADER		GENMASK(13, 8)
#define SRRCTL_DESCTYPE			GENMASK(27, 25)
#define SRRCTL_DESCTYPE_LEGACY		0
#define SRRCTL_DESCTYPE_ADV_ONEBUF	1
#define RDH(n)		(0x2810 + QUEUE_STRIDE * (n))
#define RXCTL(n)	(0x2814 + QUEUE_STRIDE * (n))
#define RDT(n)		(0x2818 + QUEUE_STRIDE * (n))
#define RXDCTL(n)	(0x2828 + QUEUE_STRIDE * (n))
#define RXDCTL_ENABLE			BIT(25)

/* Transmit queue n */
#define TDBAL(n)	(0x3800 + QUEUE_STRIDE * (n))
#define TDBAH(n)	(0x3804 + QUEUE_STRIDE * (n))
#define TDLEN(n)	(0x3808 + QUEUE_STRIDE * (n))
#define TDH(n)		(0x3810 + QUEUE_STRIDE * (n))
#define TXCTL(n)	(0x3814 + QUEUE_STRIDE * (n))
#define TDT(n)		(0x3818 + QUEUE_STRIDE * (n))
#define TXDCTL(n)	(0x3828 + QUEUE_STRIDE * (n))
#define TXDCTL_ENABLE			BIT(25)
#define TDWBAL(n)	(0x3838 + QUEUE_STRIDE * (n))
#define TDWBAL_HEAD_WB_EN		BIT(0)
#define TDWBAL_ADDRESS			GENMASK(31, 2)
#define TDWBAH(n)	(0x383c + QUEUE_STRIDE * (n))

/* The third word of an advanced transmit descriptor: 7.2.2 */
#define TXD_DTYP			GENMASK(23, 20)
#define TXD_DTYP_CONTEXT		2
#define TXD_DEXT			BIT(29)

/* Of the PF: RCTL.BSIZE, VMOLR.RLPML, and how many RAL and RAH the port has */
#define RCTL_BSIZE_MIN		256
#define RCTL_BSIZE_MAX		2048
#define VMOLR_RLPML_MAX		GENMASK(13, 0)
#define RAR_ENTRIES		24

#endif /* _MDEV_PT_IGB_VF_REGS_H */
