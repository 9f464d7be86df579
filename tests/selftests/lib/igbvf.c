// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "igbvf.h"

#define PAGE		4096
#define ENTRIES		32
#define MAILBOX_TIMEOUT_MS	1000

#define VTCTRL		0x0000
#define VTCTRL_RST	(1u << 26)
#define VMBMEM		0x0800
#define V2PMAILBOX	0x0c40
#define V2PMAILBOX_REQ		(1u << 0)
#define V2PMAILBOX_ACK		(1u << 1)
#define V2PMAILBOX_VFU		(1u << 2)
#define V2PMAILBOX_PFSTS	(1u << 4)
#define VTEIMS		0x1524
#define VTEIMC		0x1528
#define VTEIAC		0x152c
#define VTEICR		0x1580
#define VTIVAR0		0x1700
/* queue 0, receive and transmit: vector 1 */
#define VTIVAR0_VECTOR1	0x8181
#define RING_BAL	0x00
#define RING_BAH	0x04
#define RING_LEN	0x08
#define RING_SRRCTL	0x0c
#define RING_HEAD	0x10
#define RING_TAIL	0x18
#define RING_DCTL	0x28
#define DCTL_ENABLE	(1u << 25)
#define RX_RING		0x2800
#define TX_RING		0x3800
/* One buffer, of 2 KB */
#define SRRCTL_ADVANCED	(1u << 25 | 2)

/* The messages that Linux's PF driver knows */
#define VF_RESET	0x0001
#define VF_SET_MAC_ADDR	0x0002
#define PF_CONTROL	0x0100
#define MSG_TYPE	0xffff
#define MSG_ACK		(1u << 31)
/* The longest of them, in words */
#define MSG_LEN		3

/* 7.2.2.3, advanced transmit data descriptor */
#define TX_DATA		(3u << 20)
#define TX_EOP		(1u << 24)
#define TX_IFCS		(1u << 25)
#define TX_RS		(1u << 27)
#define TX_DEXT		(1u << 29)
#define TX_PAYLEN(len)	((uint32_t)(len) << 14)
#define DESC_DD		(1u << 0)

static uint32_t reg_read(struct igbvf *vf, size_t offset)
{
	return *(volatile uint32_t *)(vf->regs + offset);
}

static void reg_write(struct igbvf *vf, size_t offset, uint32_t value)
{
	*(volatile uint32_t *)(vf->regs + offset) = value;
}

static uint32_t mailbox_read(struct igbvf *vf)
{
	vf->mailbox |= reg_read(vf, V2PMAILBOX);
	return vf->mailbox;
}

/* Waits for one of @bits, and takes them. */
static int mailbox_wait(struct igbvf *vf, uint32_t bits, int timeout_ms)
{
	long end = now_ms() + timeout_ms;

	while (!(mailbox_read(vf) & bits)) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(500);
	}
	vf->mailbox &= ~bits;
	return 0;
}

/* Of the memory that both sides write to */
static int mailbox_own(struct igbvf *vf)
{
	long end = now_ms() + IGBVF_TIMEOUT_MS;

	do {
		reg_write(vf, V2PMAILBOX, V2PMAILBOX_VFU);
		if (mailbox_read(vf) & V2PMAILBOX_VFU) {
			vf->mailbox &= ~V2PMAILBOX_VFU;
			return 0;
		}
		usleep(500);
	} while (now_ms() < end);
	return -EBUSY;
}

static int mailbox_receive(struct igbvf *vf, uint32_t *message)
{
	int ret, i;

	ret = mailbox_wait(vf, V2PMAILBOX_PFSTS, MAILBOX_TIMEOUT_MS);
	if (!ret)
		ret = mailbox_own(vf);
	if (ret)
		return ret;
	for (i = 0; i < MSG_LEN; i++)
		message[i] = reg_read(vf, VMBMEM + i * 4);
	reg_write(vf, V2PMAILBOX, V2PMAILBOX_ACK);
	return 0;
}

/* Sends a message, which the answer replaces. */
static int mailbox_call(struct igbvf *vf, uint32_t *message)
{
	uint32_t type = message[0] & MSG_TYPE;
	int ret, i;

	ret = mailbox_own(vf);
	if (ret)
		return ret;
	for (i = 0; i < MSG_LEN; i++)
		reg_write(vf, VMBMEM + i * 4, message[i]);
	reg_write(vf, V2PMAILBOX, V2PMAILBOX_REQ);

	do {
		ret = mailbox_receive(vf, message);
		if (ret)
			return ret;
		/* The PF also sends to all VFs when its link changes. */
	} while ((message[0] & MSG_TYPE) == PF_CONTROL);

	return (message[0] & MSG_TYPE) == type ? 0 : -EPROTO;
}

/*
 * After it the PF lets the VF send and receive. The VF has to choose an
 * address where the PF's administrator has not.
 */
static int say_reset(struct igbvf *vf)
{
	static const uint8_t address[6] = { 0x02, 0x76, 0x66, 0x69, 0x6f, 0 };
	uint32_t message[MSG_LEN] = { VF_RESET };
	int ret;

	ret = mailbox_call(vf, message);
	if (ret)
		return ret;
	if (message[0] & MSG_ACK) {
		memcpy(vf->mac, &message[1], sizeof(vf->mac));
		return 0;
	}

	memcpy(vf->mac, address, sizeof(vf->mac));
	message[0] = VF_SET_MAC_ADDR;
	message[1] = 0;
	message[2] = 0;
	memcpy(&message[1], address, sizeof(address));
	ret = mailbox_call(vf, message);
	if (ret)
		return ret;
	return message[0] & MSG_ACK ? 0 : -EACCES;
}

static int ring_start(struct igbvf *vf, uint32_t ring, uint64_t iova)
{
	long end = now_ms() + IGBVF_TIMEOUT_MS;

	reg_write(vf, ring + RING_BAL, iova);
	reg_write(vf, ring + RING_BAH, iova >> 32);
	reg_write(vf, ring + RING_LEN, ENTRIES * 16);
	if (ring == RX_RING)
		reg_write(vf, ring + RING_SRRCTL, SRRCTL_ADVANCED);
	reg_write(vf, ring + RING_HEAD, 0);
	reg_write(vf, ring + RING_TAIL, 0);
	reg_write(vf, ring + RING_DCTL, DCTL_ENABLE);
	while (!(reg_read(vf, ring + RING_DCTL) & DCTL_ENABLE)) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(500);
	}
	return 0;
}

static int map_registers(struct igbvf *vf, struct vfio_user *u)
{
	void *regs;
	int ret;

	ret = vfio_mmap(u, VFIO_PCI_BAR0_REGION_INDEX, 0, 4 * PAGE, &regs);
	if (ret)
		return ret;
	vf->u = u;
	vf->regs = regs;
	vf->regs_len = 4 * PAGE;
	return 0;
}

int igbvf_receiving(struct vfio_user *u)
{
	struct igbvf vf = {};
	int ret;

	ret = map_registers(&vf, u);
	if (ret)
		return ret;
	ret = !!(reg_read(&vf, RX_RING + RING_DCTL) & DCTL_ENABLE);
	munmap((void *)vf.regs, vf.regs_len);
	return ret;
}

int igbvf_start(struct igbvf *vf, struct vfio_user *u, void *memory,
		uint64_t iova)
{
	int32_t fds[2] = { -1 };
	int ret, i;

	memset(vf, 0, sizeof(*vf));
	memset(memory, 0, IGBVF_RING_MEM);
	vf->rx = memory;
	vf->tx = (void *)((uint8_t *)memory + PAGE);
	vf->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	ret = map_registers(vf, u);
	if (!ret)
		ret = vfio_bus_master(u, true);
	if (ret)
		return ret;
	fds[1] = vf->eventfd;
	ret = vfio_irq_eventfds(u, VFIO_PCI_MSIX_IRQ_INDEX, 0, 2, fds);
	if (ret)
		return ret;

	reg_write(vf, VTCTRL, VTCTRL_RST);
	/*
	 * The PF may see our first message before it sees the reset, which then
	 * ends what the message began: the next is refused, or not answered.
	 */
	for (i = 0, ret = -EAGAIN; i < 3 && ret; i++)
		ret = say_reset(vf);
	if (!ret)
		ret = ring_start(vf, RX_RING, iova);
	if (!ret)
		ret = ring_start(vf, TX_RING, iova + PAGE);
	if (ret)
		return ret;

	reg_write(vf, VTIVAR0, VTIVAR0_VECTOR1);
	/* Read to clear; from now on, each message clears its cause. */
	reg_read(vf, VTEICR);
	reg_write(vf, VTEIAC, 1u << 1);
	reg_write(vf, VTEIMS, 1u << 1);
	return 0;
}

void igbvf_stop(struct igbvf *vf)
{
	if (vf->regs) {
		reg_write(vf, VTEIMC, ~0u);
		reg_write(vf, VTCTRL, VTCTRL_RST);
		munmap((void *)vf->regs, vf->regs_len);
		vfio_irq_disable(vf->u, VFIO_PCI_MSIX_IRQ_INDEX);
	}
	close(vf->eventfd);
}

int igbvf_post(struct igbvf *vf, uint64_t iova)
{
	volatile uint32_t *desc = vf->rx[vf->rx_tail];

	desc[0] = iova;
	desc[1] = iova >> 32;
	desc[2] = 0;
	desc[3] = 0;
	vf->rx_tail = (vf->rx_tail + 1) % ENTRIES;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	reg_write(vf, RX_RING + RING_TAIL, vf->rx_tail);
	return 0;
}

static int desc_wait(const volatile uint32_t *status, int timeout_ms)
{
	long end = now_ms() + timeout_ms;

	while (!(*status & DESC_DD)) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(100);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

int igbvf_receive(struct igbvf *vf, int timeout_ms)
{
	volatile uint32_t *desc = vf->rx[(vf->rx_tail + ENTRIES - 1) % ENTRIES];
	int ret = desc_wait(&desc[2], timeout_ms);

	return ret ? ret : (int)(desc[3] & 0xffff);
}

int igbvf_send(struct igbvf *vf, uint64_t iova, size_t len)
{
	volatile uint32_t *desc = vf->tx[vf->tx_tail];

	desc[0] = iova;
	desc[1] = iova >> 32;
	desc[2] = TX_DATA | TX_EOP | TX_IFCS | TX_RS | TX_DEXT | len;
	desc[3] = TX_PAYLEN(len);
	vf->tx_tail = (vf->tx_tail + 1) % ENTRIES;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	reg_write(vf, TX_RING + RING_TAIL, vf->tx_tail);
	return desc_wait(&desc[3], IGBVF_TIMEOUT_MS);
}
