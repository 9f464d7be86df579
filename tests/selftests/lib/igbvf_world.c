// SPDX-License-Identifier: GPL-2.0-only

#include <arpa/inet.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "igbvf_regs.h"
#include "igbvf_world.h"
#include "kmsg.h"
#include "netdev.h"

/* Where it is in the memory; igbvf_start() has the first two pages. */
#define TX_BUFFER	(4 * PAGE)
#define RX_RING(n)	((1 + 2 * (n)) * (1ul << 20))
#define TX_RING(n)	((2 + 2 * (n)) * (1ul << 20))
#define BUFFERS		WORLD_BUFFERS
#define BUFFER_SIZE	2048
#define NR_BUFFERS	((WORLD - BUFFERS) / BUFFER_SIZE)

#define PATIENCE_MS	3000

/* IEEE 802: Local Experimental Ethertype 1, and a VLAN's tag */
#define FRAME_TYPE	0x88b5
#define VLAN_NAME	"ptvlan"
#define VLAN_TYPE	0x8100

#define RX_DD		(1u << 0)
#define RX_EOP		(1u << 1)
#define TX_DD		(1u << 0)

const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
const uint8_t own[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 0 };
const uint8_t second[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 2 };
const uint8_t third[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 3 };
const uint8_t stranger[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 9 };
const uint8_t multicast[6] = { 1, 0, 0x5e, 1, 2, 3 };
const uint8_t multicast2[6] = { 1, 0, 0x5e, 4, 5, 6 };
const uint8_t no_multicast[6] = { 1, 0, 0x5e, 9, 9, 9 };

/*
 * VFs
 */

int world_ip(struct world *w, const char *format, ...)
{
	char what[128], command[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(command, sizeof(command), "ip link set %s %s", w->pf, what);
	return system(command) ? -EIO : 0;
}

static int take_vfs(struct world *w, const char *pf)
{
	unsigned int i;
	int ret;

	ret = pci_bind(pf, "igb");
	if (!ret)
		ret = pci_attr_write(pf, "sriov_drivers_autoprobe", "0");
	if (!ret)
		ret = pci_set_vfs(pf, VFS);
	for (i = 0; !ret && i < VFS; i++) {
		struct function *f = &w->vfs[i];

		f->vf = true;
		strcpy(f->pf, pf);
		ret = pci_vf(pf, i, f->bdf);
		/* What a test that did not come to its end has left goes, too. */
		if (!ret)
			ret = pci_bind(f->bdf, NULL);
	}
	return ret;
}

static int read_address(struct world *w)
{
	char path[SYSFS_PATH], text[32];
	uint8_t *a = w->pf_address;
	int ret;

	snprintf(path, sizeof(path), "/sys/class/net/%s/address", w->pf);
	ret = sysfs_read(path, text, sizeof(text));
	if (ret < 0)
		return ret;
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", a, a + 1, a + 2,
		      a + 3, a + 4, a + 5) == 6 ? 0 : -EINVAL;
}

const char *world_offer(struct world *w)
{
	char pf[BDF_LEN];
	unsigned int i;

	if (function_load_drivers() || system("modprobe " MODULE " 2>/dev/null"))
		return "there is no " MODULE " here";
	if (pci_find(igb_vf_kind.vendor, igb_vf_kind.device, 0, pf))
		return "no igb";
	if (take_vfs(w, pf))
		return "can't have two VFs";
	/* The VFs lose what the PF did for them. */
	if (netdev_of(pf, w->pf) || world_ip(w, "mtu %u", MTU))
		return "the PF takes no large frames";
	/* A PF that is down does not answer. */
	w->packet = netdev_frames(pf);
	if (w->packet < 0)
		return "no frames from the PF";
	if (read_address(w))
		return "the PF has no address";
	w->kmsg = kmsg_open();
	w->memory = memory_alloc(WORLD);
	if (!w->memory)
		return "no memory";

	for (i = 0; i < VECTORS; i++)
		w->vectors[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->srrctl = IGBVF_ADVANCED | IGBVF_PACKET(2);
	for (i = 0; i < VFS; i++) {
		w->users[i].container = -1;
		w->users[i].group = -1;
		w->users[i].iommufd = -1;
		w->users[i].device = -1;
		if (function_offer_type(&w->vfs[i], TYPE))
			return "no " TYPE;
	}
	return NULL;
}

int world_withdraw(struct world *w)
{
	int ret = 0;
	unsigned int i;

	world_detach(w);
	for (i = 0; i < VFS; i++) {
		world_close(w, i);
		if (function_withdraw(&w->vfs[i]))
			ret = -EIO;
	}
	close(w->packet);
	if (w->vlan && system("ip link del " VLAN_NAME))
		ret = -EIO;
	return ret;
}

void world_end(void)
{
	char pf[BDF_LEN];

	if (!pci_find(igb_vf_kind.vendor, igb_vf_kind.device, 0, pf))
		pci_attr_write(pf, "sriov_drivers_autoprobe", "1");
	/* Its driver forgets what it was told. */
	function_give_back(&igb_vf_kind);
	if (system("modprobe -qr " MODULE))
		fprintf(stderr, "the module stays\n");
}

int world_open(struct world *w, unsigned int vf)
{
	struct vfio_user *user = &w->users[vf];
	int ret;

	ret = vfio_open_group(user, w->vfs[vf].bdf, w->vfs[vf].name);
	return ret ? ret : vfio_map_dma(user, w->memory, IOVA, WORLD,
					READ_WRITE);
}

void world_close(struct world *w, unsigned int vf)
{
	vfio_close(&w->users[vf]);
}

struct vfio_user *world_user(struct world *w)
{
	return &w->users[w->at];
}

const char *world_bdf(struct world *w)
{
	return w->vfs[w->at].bdf;
}

/* All vectors there are, in the order of what they are for */
static int interrupts_on(struct world *w, struct vfio_user *user)
{
	vfio_irq_disable(user, VFIO_PCI_MSIX_IRQ_INDEX);
	return vfio_irq_eventfds(user, VFIO_PCI_MSIX_IRQ_INDEX, 0, VECTORS,
				 w->vectors);
}

static void interrupts_start(struct world *w)
{
	/*
	 * For each queue, receive and transmit; and the mailbox's. QEMU's model
	 * knows those of queue 0, which can't be changed, and igbvf_start() has
	 * set them.
	 */
	igbvf_reg_write(&w->vf, VTIVAR0, 0x81818181);
	igbvf_reg_write(&w->vf, VTIVAR_MISC, 0x82);
	igbvf_reg_write(&w->vf, VTEITR(0), 0x10);
	igbvf_reg_write(&w->vf, VTEITR(1), 0x20);
	igbvf_reg_write(&w->vf, VTEITR(2), 0x7ff0);
	igbvf_reg_read(&w->vf, VTEICR);
	igbvf_reg_write(&w->vf, VTEIAC, 7);
	igbvf_reg_write(&w->vf, VTEIAM, 0);
	igbvf_reg_write(&w->vf, VTEIMS, 7);
}

int world_start(struct world *w, uint32_t entries)
{
	struct vfio_user *user = world_user(w);
	unsigned int i;
	int ret;

	if (w->vf.u)
		igbvf_detach(&w->vf);
	vfio_irq_disable(user, VFIO_PCI_MSIX_IRQ_INDEX);
	ret = igbvf_start(&w->vf, user, w->memory, IOVA);
	/* We have three of our own. */
	close(w->vf.eventfd);
	if (ret)
		return ret;
	ret = igbvf_ring_stop(&w->vf, &w->vf.rx);
	if (!ret)
		ret = igbvf_ring_stop(&w->vf, &w->vf.tx);
	if (!ret)
		ret = interrupts_on(w, user);

	memset(w->memory + RX_RING(0), 0, BUFFERS - RX_RING(0));
	for (i = 0; !ret && i < QUEUES; i++) {
		w->rx[i] = (struct igbvf_ring){
			.queue = i,
			.receive = true,
			.desc = (void *)(w->memory + RX_RING(i)),
			.iova = IOVA + RX_RING(i),
			.entries = entries,
			.srrctl = w->srrctl,
		};
		w->tx[i] = (struct igbvf_ring){
			.queue = i,
			.desc = (void *)(w->memory + TX_RING(i)),
			.iova = IOVA + TX_RING(i),
			.entries = entries,
		};
		ret = igbvf_ring_start(&w->vf, &w->rx[i]);
		if (!ret)
			ret = igbvf_ring_start(&w->vf, &w->tx[i]);
	}
	if (!ret)
		interrupts_start(w);
	return ret;
}

int world_attach(struct world *w, unsigned int vf)
{
	int ret;

	world_detach(w);
	w->at = vf;
	ret = vfio_bus_master(world_user(w), true);
	if (!ret)
		ret = interrupts_on(w, world_user(w));
	return ret ? ret : igbvf_attach(&w->vf, world_user(w));
}

void world_detach(struct world *w)
{
	if (w->vf.u)
		igbvf_detach(&w->vf);
}

bool world_enabled(struct world *w)
{
	uint32_t ctl = 0;
	unsigned int i;

	for (i = 0; i < QUEUES; i++) {
		ctl |= igbvf_reg_read(&w->vf, IGBVF_RX_RING(i) + IGBVF_RING_DCTL);
		ctl |= igbvf_reg_read(&w->vf, IGBVF_TX_RING(i) + IGBVF_RING_DCTL);
	}
	return ctl & IGBVF_DCTL_ENABLE;
}

/*
 * Frames
 */

/* Behind the header is the sequence, and then what is made of it. */
static size_t make(uint8_t *frame, const uint8_t *to, const uint8_t *from,
		   unsigned int vlan, uint32_t sequence, size_t len)
{
	uint16_t type = htons(FRAME_TYPE);
	size_t at = 12, i;

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	if (vlan) {
		frame[at++] = VLAN_TYPE >> 8;
		frame[at++] = VLAN_TYPE & 0xff;
		frame[at++] = vlan >> 8;
		frame[at++] = vlan;
		len += 4;
	}
	memcpy(frame + at, &type, 2);
	memcpy(frame + at + 2, &sequence, 4);
	for (at += 6, i = 0; at < len; at++, i++)
		frame[at] = sequence + i;
	return len;
}

/* The sequence; 0: not one of ours; -EBADMSG: one that was changed */
static int look(const uint8_t *frame, size_t len)
{
	size_t at = 12, i;
	uint32_t sequence;
	uint16_t type;

	memcpy(&type, frame + at, 2);
	/* The VF may have taken it off. */
	if (type == htons(VLAN_TYPE)) {
		at += 4;
		memcpy(&type, frame + at, 2);
	}
	if (len < SHORT || type != htons(FRAME_TYPE))
		return 0;
	memcpy(&sequence, frame + at + 2, 4);
	/* The VF may have left the checksum. */
	for (at += 6, i = 0; at < len - 4; at++, i++) {
		if (frame[at] != (uint8_t)(sequence + i))
			return -EBADMSG;
	}
	return sequence;
}

void world_post(struct world *w)
{
	struct igbvf_ring *ring = &w->rx[0];
	uint32_t room = igbvf_ring_room(ring);

	if (!room)
		return;
	while (room--)
		igbvf_ring_fill_rx(ring, IOVA + BUFFERS +
				   ring->tail % NR_BUFFERS * BUFFER_SIZE, 0);
	igbvf_ring_bell(&w->vf, ring);
}

int world_send(struct world *w, const uint8_t *to, unsigned int vlan, size_t len)
{
	static const uint8_t from[6] = { 2, 0, 0, 0, 0, 1 };
	uint8_t frame[LONG + 4];

	len = make(frame, to, from, vlan, ++w->sequence, len);
	return send(w->packet, frame, len, 0) == (ssize_t)len ? 0 : -errno;
}

/* The length of the next frame, of several descriptors, or -errno */
static ssize_t gather(struct world *w, uint8_t *frame, size_t room, int timeout_ms)
{
	struct igbvf_ring *ring = &w->rx[0];
	long end = now_ms() + timeout_ms;
	size_t len = 0, part;
	uint32_t status;

	do {
		const volatile uint32_t *desc = ring->desc[ring->head];

		while (ring->head == ring->tail || !(desc[2] & RX_DD)) {
			if (now_ms() > end)
				return -ETIMEDOUT;
			usleep(200);
		}
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		status = desc[2];
		part = desc[3] & 0xffff;
		if (part > BUFFER_SIZE || part > room - len)
			return -EBADMSG;
		memcpy(frame + len, w->memory + BUFFERS +
		       ring->head % NR_BUFFERS * BUFFER_SIZE, part);
		len += part;
		ring->head = (ring->head + 1) % ring->entries;
	} while (!(status & RX_EOP));
	return len;
}

static int take(struct world *w, int timeout_ms)
{
	uint8_t frame[2 * LONG];
	ssize_t len;
	int ret;

	do {
		len = gather(w, frame, sizeof(frame), timeout_ms);
		if (len < 0)
			return len == -ETIMEDOUT ? 0 : len;
		ret = look(frame, len);
	} while (!ret);
	return ret;
}

/* What was sent has arrived, or never will. */
int world_take(struct world *w)
{
	return take(w, 50);
}

int world_arrives(struct world *w, const uint8_t *to, unsigned int vlan,
		  size_t len)
{
	int sequence, ret;

	world_post(w);
	ret = world_send(w, to, vlan, len);
	sequence = w->sequence;
	if (!ret)
		ret = world_send(w, everybody, 0, SHORT);
	if (ret)
		return ret;

	ret = take(w, PATIENCE_MS);
	if (ret == sequence + 1)
		return 0;
	if (ret != sequence)
		return ret < 0 ? ret : -ENOMSG;
	ret = take(w, PATIENCE_MS);
	return ret == sequence + 1 ? 1 : -ENOMSG;
}

static void fill_tx(struct world *w, unsigned int queue,
		    void (*fill)(struct igbvf_ring *ring, uint64_t iova,
				 size_t len))
{
	size_t at = TX_BUFFER + queue * PAGE;

	/* What is sent to all comes back in QEMU's model. */
	make(w->memory + at, w->pf_address, w->vf.mac, 0, ++w->sequence, SHORT);
	fill(&w->tx[queue], IOVA + at, SHORT);
	igbvf_ring_bell(&w->vf, &w->tx[queue]);
}

void world_fill_tx(struct world *w, unsigned int queue)
{
	fill_tx(w, queue, igbvf_ring_fill_tx);
}

void world_fill_tagged(struct world *w, unsigned int queue)
{
	fill_tx(w, queue, igbvf_ring_fill_tagged);
}

int world_fill_context(struct world *w, unsigned int queue, unsigned int vlan)
{
	long end = now_ms() + PATIENCE_MS;
	struct igbvf_ring *ring = &w->tx[queue];

	igbvf_ring_fill_context(ring, vlan);
	igbvf_ring_bell(&w->vf, ring);
	while (igbvf_reg_read(&w->vf, IGBVF_TX_RING(queue) + IGBVF_RING_HEAD) !=
	       ring->tail) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(200);
	}
	return 0;
}

int world_listen_vlan(struct world *w, unsigned int vlan)
{
	char command[128];

	close(w->packet);
	w->packet = -1;
	w->vlan = true;
	snprintf(command, sizeof(command),
		 "ip link add link %s name " VLAN_NAME " type vlan id %u",
		 w->pf, vlan);
	if (system(command))
		return -EIO;
	w->packet = netdev_frames_on(VLAN_NAME);
	return w->packet < 0 ? w->packet : 0;
}

int world_sent(struct world *w, unsigned int queue)
{
	struct pollfd poll_packet = { .fd = w->packet, .events = POLLIN };
	struct igbvf_ring *ring = &w->tx[queue];
	const volatile uint32_t *desc;
	uint8_t frame[2 * LONG];
	ssize_t len;

	desc = ring->desc[(ring->tail + ring->entries - 1) % ring->entries];
	for (;;) {
		if (poll(&poll_packet, 1, PATIENCE_MS) != 1)
			return -ETIMEDOUT;
		len = recv(w->packet, frame, sizeof(frame), 0);
		if (len >= SHORT &&
		    look(frame, len) == (int)w->sequence)
			break;
	}
	ring->head = ring->tail;
	return desc[3] & TX_DD ? 0 : -EIO;
}

int world_drain(struct world *w, unsigned int vector)
{
	uint64_t value;

	return read(w->vectors[vector], &value, sizeof(value)) == sizeof(value);
}

int world_works(struct world *w)
{
	unsigned int i;
	int ret;

	for (i = 0; i < VECTORS; i++)
		world_drain(w, i);
	ret = world_arrives(w, w->vf.mac, 0, SHORT);
	if (ret != 1)
		return ret ? ret : -ENOMSG;
	ret = eventfd_wait(w->vectors[VECTOR], PATIENCE_MS);
	world_drain(w, VECTOR);
	for (i = 0; !ret && i < QUEUES; i++) {
		world_fill_tx(w, i);
		ret = world_sent(w, i);
	}
	return ret ? ret : eventfd_wait(w->vectors[VECTOR], PATIENCE_MS);
}

/*
 * What the PF does for a VF
 */

/* MTA: bits 47 to 36 of the address */
uint32_t world_hash(const uint8_t *address)
{
	return (address[4] >> 4 | address[5] << 4) & 0xfff;
}

int world_ask(struct world *w, uint32_t type, uint32_t value)
{
	uint32_t message[2] = { type, value };

	return igbvf_ask(&w->vf, message, 2);
}

int world_ask_for_all(struct world *w)
{
	uint32_t hashes = world_hash(multicast) | world_hash(multicast2) << 16;

	return igbvf_ask_address(&w->vf, VF_MAC_FILTER_ADD, second) ? :
	       igbvf_ask_address(&w->vf, VF_MAC_FILTER_ADD, third) ? :
	       world_ask(w, VF_SET_VLAN | VF_VLAN_ADD, 5) ? :
	       world_ask(w, VF_SET_VLAN | VF_VLAN_ADD, 7) ? :
	       world_ask(w, VF_SET_VLAN | VF_VLAN_ADD, 100) ? :
	       world_ask(w, VF_SET_VLAN | VF_VLAN_ADD, 4094) ? :
	       /* and not 7 */
	       world_ask(w, VF_SET_VLAN, 7) ? :
	       world_ask(w, VF_SET_MULTICAST | MSG_INFO(2), hashes) ? :
	       world_ask(w, VF_SET_LPE, MTU);
}

int world_pf_up(struct world *w)
{
	int ret = world_ip(w, "up");

	close(w->packet);
	w->packet = ret ? -1 : netdev_frames(w->vfs[0].pf);
	return w->packet < 0 ? -EIO : 0;
}

/*
 * Migration
 */

int world_save(struct world *w)
{
	int fd, ret;

	w->stream.len = 0;
	ret = mig_set_state(world_user(w), STOP_COPY, &fd);
	if (ret)
		return ret;
	ret = mig_read(fd, &w->stream, PAGE);
	close(fd);
	return ret;
}

int world_load(struct world *w, unsigned int vf)
{
	int fd, ret;

	ret = mig_set_state(&w->users[vf], RESUMING, &fd);
	if (ret)
		return ret;
	ret = mig_write(fd, w->stream.bytes, w->stream.len, PAGE);
	close(fd);
	return ret;
}

int world_move(struct world *w, unsigned int to)
{
	int ret;

	ret = world_save(w);
	if (!ret)
		ret = world_load(w, to);
	if (!ret)
		ret = world_attach(w, to);
	return ret ? ret : mig_set_state(world_user(w), RUNNING, NULL);
}

int world_memory(struct world *w, unsigned int vf, bool on)
{
	uint16_t command;

	if (vfio_read(&w->users[vf], VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
		      &command, 2) != 2)
		return -EIO;
	command &= ~PCI_COMMAND_MEMORY;
	if (on)
		command |= PCI_COMMAND_MEMORY;
	return vfio_write(&w->users[vf], VFIO_PCI_CONFIG_REGION_INDEX,
			  PCI_COMMAND, &command, 2) == 2 ? 0 : -EIO;
}
