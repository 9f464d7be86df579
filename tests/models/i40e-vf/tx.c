// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit queues: from descriptors to packets
 *
 * What malicious driver detection would object to stops the queue, and is
 * counted; so does a descriptor or buffer that cannot be read. Only a reset, or
 * a new start of the queue, helps.
 */

#include <string.h>

#include "vf.h"

/* The descriptors of one packet */
struct chain {
	struct tx_desc descs[MAX_RING];
	unsigned int n;
	bool whole;
};

static bool read_descriptor(struct vf *vf, const struct tx_queue *q,
			    unsigned int index, struct tx_desc *d)
{
	return !dma_read(vf, q->base + (uint64_t)index * sizeof(*d), d,
			 sizeof(*d));
}

/* Up to the end of the packet, or to the tail */
static bool read_chain(struct vf *vf, const struct tx_queue *q, struct chain *c)
{
	unsigned int index = q->head;
	struct tx_desc *d;

	c->n = 0;
	c->whole = false;
	while (index != q->tail && !c->whole) {
		d = &c->descs[c->n];
		if (!read_descriptor(vf, q, index, d))
			return false;
		c->n++;
		c->whole = TXD_DTYPE(d->qw1) == TXD_DATA &&
			   TXD_CMD(d->qw1) & TXD_EOP;
		index = (index + 1) % q->ring_len;
	}
	return true;
}

static void take_context(const struct tx_desc *d, struct tx_packet *p)
{
	uint64_t qw0 = d->addr;

	p->tso = d->qw1 & CTX_TSO;
	p->tso_len = CTX_TSO_LEN(d->qw1);
	p->mss = CTX_MSS(d->qw1);
	p->eipt = CTX_EIPT(qw0);
	p->eiplen = CTX_EIPLEN(qw0);
	p->natt = CTX_NATT(qw0);
	p->natlen = CTX_NATLEN(qw0);
	p->eip_noinc = CTX_EIP_NOINC(qw0);
	p->l4t_cs = CTX_L4T_CS(qw0);
	if (d->qw1 & CTX_IL2TAG2)
		p->tag2 = CTX_L2TAG2(qw0);
}

/* The first data descriptor speaks for the packet. */
static void take_command(const struct tx_desc *d, struct tx_packet *p)
{
	unsigned int cmd = TXD_CMD(d->qw1);

	p->maclen = TXD_MACLEN(d->qw1);
	p->iplen = TXD_IPLEN(d->qw1);
	p->l4len = TXD_L4LEN(d->qw1);
	p->iipt = TXD_IIPT(cmd);
	p->l4t = TXD_L4T(cmd);
	if (cmd & TXD_IL2TAG1)
		p->tag1 = TXD_L2TAG1(d->qw1);
}

/* -1: the driver is wrong; -2: a buffer cannot be read */
static int gather(struct vf *vf, const struct chain *c, struct tx_packet *p)
{
	unsigned int i = 0, buffers = 0;
	const struct tx_desc *d;
	size_t size;

	if (TXD_DTYPE(c->descs[0].qw1) == TXD_CONTEXT)
		take_context(&c->descs[i++], p);
	take_command(&c->descs[i], p);
	for (; i < c->n; i++) {
		d = &c->descs[i];
		size = TXD_SIZE(d->qw1);
		if (TXD_DTYPE(d->qw1) != TXD_DATA || !size ||
		    size > MAX_PACKET - p->len)
			return -1;
		if (dma_read(vf, d->addr, p->data + p->len, size))
			return -2;
		p->len += size;
		buffers++;
	}
	if (!p->tso && (buffers > TX_MAX_BUFFERS || p->len > MAX_FRAME))
		return -1;
	return p->len < TX_MIN_LEN ? -1 : 0;
}

static void count(struct vf *vf, const uint8_t *frame, size_t len)
{
	vf->stats.tx_bytes += len + CRC_LEN;
	switch (packet_address_status(frame)) {
	case RXD_BROADCAST:
		vf->stats.tx_broadcast++;
		break;
	case RXD_MULTICAST:
		vf->stats.tx_multicast++;
		break;
	default:
		vf->stats.tx_unicast++;
	}
}

/* A port VLAN's tag is put in here, and a function has no other. */
static size_t add_port_vlan(const struct vf *vf, uint8_t *to,
			    const uint8_t *frame, size_t len)
{
	memcpy(to, frame, 12);
	put_be16(to + 12, 0x8100);
	put_be16(to + 14, vf->policy.port_vlan);
	memcpy(to + 16, frame + 12, len - 12);
	return len + VLAN_HLEN;
}

static void send_frame(struct vf *vf, const uint8_t *frame, size_t len)
{
	static uint8_t padded[MAX_FRAME + VLAN_HLEN];
	bool tagged = len > 13 && get_be16(frame + 12) == 0x8100;

	if (filters_is_spoofed(vf, frame, len)) {
		vf->events.spoofed++;
		vf->stats.tx_discards++;
		return;
	}
	if (!vf->policy.link_up || (vf->policy.port_vlan && tagged) ||
	    len > MAX_FRAME - CRC_LEN) {
		vf->stats.tx_discards++;
		return;
	}
	if (vf->policy.port_vlan) {
		len = add_port_vlan(vf, padded, frame, len);
		frame = padded;
	}
	if (len < MIN_FRAME) {
		memmove(padded, frame, len);
		memset(padded + len, 0, MIN_FRAME - len);
		frame = padded;
		len = MIN_FRAME;
	}
	count(vf, frame, len);
	wire_send(vf, frame, len);
}

static void stop(struct vf *vf, struct tx_queue *q, bool malicious)
{
	q->stopped = true;
	vf->stats.tx_errors++;
	if (malicious)
		vf->events.mdd++;
}

/* Where it was asked for: the done bit, or the head */
static void report(struct vf *vf, struct tx_queue *q, const struct chain *c,
		   unsigned int first)
{
	const uint64_t done = TXD_DONE;
	const uint32_t head = q->head;
	bool any = false;
	unsigned int i;

	for (i = 0; i < c->n; i++) {
		if (TXD_DTYPE(c->descs[i].qw1) != TXD_DATA ||
		    !(TXD_CMD(c->descs[i].qw1) & TXD_RS))
			continue;
		any = true;
		if (!q->head_wb)
			dma_write(vf, q->base + 8 + 16ULL *
					       ((first + i) % q->ring_len),
				  &done, sizeof(done));
	}
	if (!any)
		return;
	if (q->head_wb)
		dma_write(vf, q->head_wb_addr, &head, sizeof(head));
	irq_cause(vf, q->vector, q->itr);
}

static bool send_chain(struct vf *vf, struct tx_queue *q, const struct chain *c)
{
	struct tx_packet p = {
		.data = vf->port->gather,
		.tag1 = -1,
		.tag2 = -1,
	};
	unsigned int first = q->head;
	int ret = gather(vf, c, &p);

	if (!ret && !(TXD_CMD(c->descs[c->n - 1].qw1) & TXD_DUMMY) &&
	    !offload_send(vf, &p, send_frame))
		ret = -1;
	if (ret) {
		stop(vf, q, ret == -1);
		return false;
	}
	q->head = (q->head + c->n) % q->ring_len;
	q->packets++;
	report(vf, q, c, first);
	return true;
}

void tx_run(struct vf *vf, unsigned int queue)
{
	static struct chain chain;
	struct tx_queue *q = &vf->tx[queue];
	unsigned int left = MAX_RING;

	if (!q->enabled || q->stopped)
		return;
	if (q->tail >= q->ring_len) {
		stop(vf, q, true);
		return;
	}
	while (left-- && q->head != q->tail) {
		if (!read_chain(vf, q, &chain)) {
			stop(vf, q, false);
			return;
		}
		if (!chain.whole || !send_chain(vf, q, &chain))
			return;
	}
}
