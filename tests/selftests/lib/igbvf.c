// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "igbvf.h"
#include "igbvf_regs.h"

#define PAGE		4096
#define ENTRIES		32
#define MAILBOX_TIMEOUT_MS	1000

/* queue 0, receive and transmit: vector 1 */
#define VTIVAR0_VECTOR1	0x8181

#define PF_CONTROL	0x0100
/* The longest answer, in words */
#define MSG_LEN		3

/* 7.2.2.3, advanced transmit data descriptor */
#define TX_CONTEXT	(2u << 20)
#define TX_DATA		(3u << 20)
#define TX_EOP		(1u << 24)
#define TX_IFCS		(1u << 25)
#define TX_RS		(1u << 27)
#define TX_DEXT		(1u << 29)
#define TX_VLE		(1u << 30)
#define TX_MACLEN(len)	((uint32_t)(len) << 9)
#define TX_VLAN(vlan)	((uint32_t)(vlan) << 16)
#define TX_PAYLEN(len)	((uint32_t)(len) << 14)
#define DESC_DD		(1u << 0)

uint32_t igbvf_reg_read(struct igbvf *vf, size_t offset)
{
	volatile uint8_t *page = vf->page[offset / PAGE];
	uint32_t value = ~0u;

	if (page)
		return *(volatile uint32_t *)(page + offset % PAGE);
	vfio_read(vf->u, VFIO_PCI_BAR0_REGION_INDEX, offset, &value,
		  sizeof(value));
	return value;
}

void igbvf_reg_write(struct igbvf *vf, size_t offset, uint32_t value)
{
	volatile uint8_t *page = vf->page[offset / PAGE];

	if (page)
		*(volatile uint32_t *)(page + offset % PAGE) = value;
	else
		vfio_write(vf->u, VFIO_PCI_BAR0_REGION_INDEX, offset, &value,
			   sizeof(value));
}

static uint32_t mailbox_read(struct igbvf *vf)
{
	vf->mailbox |= igbvf_reg_read(vf, V2PMAILBOX);
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
		igbvf_reg_write(vf, V2PMAILBOX, V2PMAILBOX_VFU);
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
		message[i] = igbvf_reg_read(vf, VMBMEM + i * 4);
	igbvf_reg_write(vf, V2PMAILBOX, V2PMAILBOX_ACK);
	return 0;
}

/* Sends a message of @len words; the answer has MSG_LEN. */
static int mailbox_call(struct igbvf *vf, const uint32_t *message,
			unsigned int len, uint32_t *answer)
{
	unsigned int i;
	int ret;

	ret = mailbox_own(vf);
	if (ret)
		return ret;
	/* What the PF has announced before gets lost: it is no answer to this. */
	vf->mailbox &= ~V2PMAILBOX_PFSTS;
	for (i = 0; i < len; i++)
		igbvf_reg_write(vf, VMBMEM + i * 4, message[i]);
	igbvf_reg_write(vf, V2PMAILBOX, V2PMAILBOX_REQ);

	do {
		ret = mailbox_receive(vf, answer);
		if (ret)
			return ret;
		/* The PF also sends to all VFs when its link changes. */
	} while ((answer[0] & MSG_TYPE) == PF_CONTROL);

	return (answer[0] ^ message[0]) & MSG_TYPE ? -EPROTO : 0;
}

int igbvf_ask(struct igbvf *vf, const uint32_t *message, unsigned int len)
{
	uint32_t answer[MSG_LEN];
	int ret;

	ret = mailbox_call(vf, message, len, answer);
	if (ret)
		return ret;
	return answer[0] & MSG_ACK ? 0 : -EACCES;
}

int igbvf_ask_address(struct igbvf *vf, uint32_t kind, const uint8_t *address)
{
	uint32_t message[3] = { VF_SET_MAC_ADDR | kind };

	memcpy(&message[1], address, 6);
	return igbvf_ask(vf, message, 3);
}

/*
 * After it the PF lets the VF send and receive. The VF has to choose an
 * address where the PF's administrator has not.
 */
static int say_reset(struct igbvf *vf)
{
	static const uint8_t address[6] = { 0x02, 0x76, 0x66, 0x69, 0x6f, 0 };
	uint32_t answer[MSG_LEN], message = VF_RESET;
	int ret;

	ret = mailbox_call(vf, &message, 1, answer);
	if (ret)
		return ret;
	if (answer[0] & MSG_ACK) {
		memcpy(vf->mac, &answer[1], sizeof(vf->mac));
		return 0;
	}

	memcpy(vf->mac, address, sizeof(vf->mac));
	return igbvf_ask_address(vf, 0, address);
}

static uint32_t ring_registers(const struct igbvf_ring *ring)
{
	return ring->receive ? IGBVF_RX_RING(ring->queue) :
	       IGBVF_TX_RING(ring->queue);
}

static int ring_enable(struct igbvf *vf, struct igbvf_ring *ring, bool enable)
{
	uint32_t reg = ring_registers(ring) + IGBVF_RING_DCTL;
	long end = now_ms() + IGBVF_TIMEOUT_MS;

	igbvf_reg_write(vf, reg, enable ? IGBVF_DCTL_ENABLE : 0);
	while (!(igbvf_reg_read(vf, reg) & IGBVF_DCTL_ENABLE) != !enable) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(500);
	}
	return 0;
}

int igbvf_ring_start(struct igbvf *vf, struct igbvf_ring *ring)
{
	uint32_t regs = ring_registers(ring);

	ring->head = 0;
	ring->tail = 0;
	igbvf_reg_write(vf, regs + IGBVF_RING_BAL, ring->iova);
	igbvf_reg_write(vf, regs + IGBVF_RING_BAH, ring->iova >> 32);
	igbvf_reg_write(vf, regs + IGBVF_RING_LEN, ring->entries * 16);
	if (ring->receive) {
		igbvf_reg_write(vf, regs + IGBVF_RING_SRRCTL, ring->srrctl);
	} else {
		igbvf_reg_write(vf, regs + IGBVF_RING_WBAH, ring->writeback >> 32);
		igbvf_reg_write(vf, regs + IGBVF_RING_WBAL,
			  ring->writeback | !!ring->writeback);
	}
	igbvf_reg_write(vf, regs + IGBVF_RING_HEAD, 0);
	igbvf_reg_write(vf, regs + IGBVF_RING_TAIL, 0);
	return ring_enable(vf, ring, true);
}

int igbvf_ring_stop(struct igbvf *vf, struct igbvf_ring *ring)
{
	int ret = ring_enable(vf, ring, false);

	/* As Linux's driver does, whatever the register says. */
	usleep(10000);
	return ret;
}

uint32_t igbvf_ring_room(const struct igbvf_ring *ring)
{
	return (ring->head + ring->entries - ring->tail - 1) % ring->entries;
}

static void ring_fill(struct igbvf_ring *ring, uint64_t first, uint64_t second)
{
	volatile uint32_t *desc = ring->desc[ring->tail];

	desc[0] = first;
	desc[1] = first >> 32;
	desc[2] = second;
	desc[3] = second >> 32;
	ring->tail = (ring->tail + 1) % ring->entries;
}

/* The header's address is where the VF will say that it is done. */
void igbvf_ring_fill_rx(struct igbvf_ring *ring, uint64_t packet,
			uint64_t header)
{
	ring_fill(ring, packet, header);
}

static void fill_tx(struct igbvf_ring *ring, uint64_t iova, size_t len,
		    uint64_t command)
{
	command |= TX_DATA | TX_EOP | TX_IFCS | TX_RS | TX_DEXT | len;
	ring_fill(ring, iova, (uint64_t)TX_PAYLEN(len) << 32 | command);
}

void igbvf_ring_fill_tx(struct igbvf_ring *ring, uint64_t iova, size_t len)
{
	fill_tx(ring, iova, len, 0);
}

void igbvf_ring_fill_tagged(struct igbvf_ring *ring, uint64_t iova, size_t len)
{
	fill_tx(ring, iova, len, TX_VLE);
}

void igbvf_ring_fill_context(struct igbvf_ring *ring, unsigned int vlan)
{
	ring_fill(ring, TX_VLAN(vlan) | TX_MACLEN(14), TX_CONTEXT | TX_DEXT);
}

void igbvf_ring_bell(struct igbvf *vf, struct igbvf_ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	igbvf_reg_write(vf, ring_registers(ring) + IGBVF_RING_TAIL, ring->tail);
}

static bool desc_done(const struct igbvf_ring *ring)
{
	const volatile uint32_t *desc = ring->desc[ring->head];

	if (!ring->receive)
		return desc[3] & DESC_DD;
	/* For legacy descriptors QEMU's model writes back advanced ones. */
	if (!(ring->srrctl & 7u << 25))
		return (desc[2] | desc[3]) & DESC_DD;
	return desc[2] & DESC_DD;
}

uint32_t igbvf_ring_done(struct igbvf *vf, struct igbvf_ring *ring)
{
	uint32_t count = 0, head;

	if (ring->writeback) {
		head = igbvf_reg_read(vf, ring_registers(ring) + IGBVF_RING_HEAD);
		count = (head + ring->entries - ring->head) % ring->entries;
		ring->head = head;
		return count;
	}
	while (ring->head != ring->tail && desc_done(ring)) {
		ring->head = (ring->head + 1) % ring->entries;
		count++;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return count;
}

/* A page that a vendor traps is not mapped. */
static int map_registers(struct igbvf *vf, struct vfio_user *u)
{
	void *page;
	int ret, i;

	vf->u = u;
	for (i = 0; i < IGBVF_PAGES; i++) {
		ret = vfio_mmap(u, VFIO_PCI_BAR0_REGION_INDEX, i * PAGE, PAGE,
				&page);
		if (!ret)
			vf->page[i] = page;
		else if (ret != -EINVAL)
			return ret;
	}
	return 0;
}

static void unmap_registers(struct igbvf *vf)
{
	int i;

	for (i = 0; i < IGBVF_PAGES; i++) {
		if (vf->page[i])
			munmap((void *)vf->page[i], PAGE);
		vf->page[i] = NULL;
	}
}

int igbvf_attach(struct igbvf *vf, struct vfio_user *u)
{
	return map_registers(vf, u);
}

void igbvf_detach(struct igbvf *vf)
{
	unmap_registers(vf);
	vf->u = NULL;
}

int igbvf_receiving(struct vfio_user *u)
{
	struct igbvf vf = {};
	int ret;

	ret = map_registers(&vf, u);
	if (!ret)
		ret = !!(igbvf_reg_read(&vf, IGBVF_RX_RING(0) + IGBVF_RING_DCTL) &
			 IGBVF_DCTL_ENABLE);
	unmap_registers(&vf);
	return ret;
}

int igbvf_start(struct igbvf *vf, struct vfio_user *u, void *memory,
		uint64_t iova)
{
	int32_t fds[2] = { -1 };
	int ret, i;

	memset(vf, 0, sizeof(*vf));
	memset(memory, 0, IGBVF_RING_MEM);
	vf->rx = (struct igbvf_ring){
		.receive = true,
		.desc = memory,
		.entries = ENTRIES,
		.iova = iova,
		.srrctl = IGBVF_ADVANCED | IGBVF_PACKET(2),
	};
	vf->tx = (struct igbvf_ring){
		.desc = (void *)((uint8_t *)memory + PAGE),
		.entries = ENTRIES,
		.iova = iova + PAGE,
	};
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

	igbvf_reg_write(vf, VTCTRL, VTCTRL_RST);
	/*
	 * The PF may see our first message before it sees the reset, which then
	 * ends what the message began: the next is refused, or not answered.
	 */
	for (i = 0, ret = -EAGAIN; i < 3 && ret; i++)
		ret = say_reset(vf);
	if (!ret)
		ret = igbvf_ring_start(vf, &vf->rx);
	if (!ret)
		ret = igbvf_ring_start(vf, &vf->tx);
	if (ret)
		return ret;

	igbvf_reg_write(vf, VTIVAR0, VTIVAR0_VECTOR1);
	/* Read to clear; from now on, each message clears its cause. */
	igbvf_reg_read(vf, VTEICR);
	igbvf_reg_write(vf, VTEIAC, 1u << 1);
	igbvf_reg_write(vf, VTEIMS, 1u << 1);
	return 0;
}

void igbvf_stop(struct igbvf *vf)
{
	if (vf->u) {
		igbvf_reg_write(vf, VTEIMC, ~0u);
		igbvf_reg_write(vf, VTCTRL, VTCTRL_RST);
		vfio_irq_disable(vf->u, VFIO_PCI_MSIX_IRQ_INDEX);
		igbvf_detach(vf);
	}
	close(vf->eventfd);
}

int igbvf_post(struct igbvf *vf, uint64_t iova)
{
	igbvf_ring_fill_rx(&vf->rx, iova, 0);
	igbvf_ring_bell(vf, &vf->rx);
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
	uint32_t last = (vf->rx.tail + ENTRIES - 1) % ENTRIES;
	volatile uint32_t *desc = vf->rx.desc[last];
	int ret = desc_wait(&desc[2], timeout_ms);

	return ret ? ret : (int)(desc[3] & 0xffff);
}

int igbvf_send(struct igbvf *vf, uint64_t iova, size_t len)
{
	volatile uint32_t *desc = vf->tx.desc[vf->tx.tail];

	igbvf_ring_fill_tx(&vf->tx, iova, len);
	igbvf_ring_bell(vf, &vf->tx);
	return desc_wait(&desc[3], IGBVF_TIMEOUT_MS);
}
