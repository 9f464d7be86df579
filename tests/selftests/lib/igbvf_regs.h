/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a driver of an 82576 VF and its PF say to each other, and further
 * registers: 7.8.2.9 and 8.26 of the datasheet
 */
#ifndef _SELFTESTS_IGBVF_REGS_H
#define _SELFTESTS_IGBVF_REGS_H

#define VTCTRL		0x0000
#define VTCTRL_RST	(1u << 26)
#define VMBMEM		0x0800
#define VMBMEM_WORDS	16
#define V2PMAILBOX	0x0c40
#define V2PMAILBOX_REQ		(1u << 0)
#define V2PMAILBOX_ACK		(1u << 1)
#define V2PMAILBOX_VFU		(1u << 2)
#define V2PMAILBOX_PFSTS	(1u << 4)
#define V2PMAILBOX_PFACK	(1u << 5)

#define VFGPRC		0x0f10
#define VFGPTC		0x0f14
#define VFGORC		0x0f18
#define VFGOTC		0x0f34
#define VFMPRC		0x0f3c

#define VTEICS		0x1520
#define VTEIMS		0x1524
#define VTEIMC		0x1528
#define VTEIAC		0x152c
#define VTEIAM		0x1530
#define VTEICR		0x1580
#define VTEITR(n)	(0x1680 + 4 * (n))
#define VTIVAR0		0x1700
#define VTIVAR_MISC	0x1740

/* The messages that Linux's PF driver knows */
#define MSG_TYPE	0xffff
#define MSG_INFO(n)	((n) << 16)
#define MSG_CTS		(1u << 29)
#define MSG_NACK	(1u << 30)
#define MSG_ACK		(1u << 31)
#define VF_RESET		0x0001
#define VF_SET_MAC_ADDR		0x0002
#define VF_MAC_FILTER_CLR		MSG_INFO(1)
#define VF_MAC_FILTER_ADD		MSG_INFO(2)
#define VF_SET_MULTICAST	0x0003
#define VF_SET_VLAN		0x0004
#define VF_VLAN_ADD			MSG_INFO(1)
#define VF_SET_LPE		0x0005
#define VF_SET_PROMISC		0x0006
#define VF_PROMISC_MULTICAST		MSG_INFO(2)

#endif /* _SELFTESTS_IGBVF_REGS_H */
