// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive queues: a frame into the buffers that the driver has
 * posted, and what there is to say about it into their descriptors
 *
 * A frame that finds no buffers is dropped. Writes are posted: that one failed
 * is not seen by the device, only counted.
 */

#include <string.h>

#include "vf.h"

/* Where a descriptor's done bit is */
#define QW1	8

struct reception {
	struct packet packet;
	const uint8_t *frame;
	size_t len;
	uint32_t hash;
	bool hashed;
	int vlan;
	bool local;
};

/* Tag 1 is the outermost; it goes into the descriptor if it is stripped. */
static size_t strip_vlan(const struct vf *vf, uint8_t *frame, size_t len,
			 int *vlan)
{
	bool port_vlan = vf->policy.port_vlan;

	*vlan = -1;
	if (len < ETH_HLEN + VLAN_HLEN || get_be16(frame + 12) != 0x8100 ||
	    !(port_vlan || vf->pf.vlan_stripping))
		return len;
	/* Of a port VLAN the function knows nothing. */
	if (!port_vlan)
		*vlan = get_be16(frame + 14);
	memmove(frame + 12, frame + 16, len - 16);
	return len - VLAN_HLEN;
}

static unsigned int free_descriptors(const struct rx_queue *q)
{
	if (q->tail >= q->ring_len)
		return 0;
	return (q->tail + q->ring_len - q->head) % q->ring_len;
}

static bool has_room(const struct rx_queue *q, size_t len)
{
	return free_descriptors(q) >= (len + q->buffer - 1) / q->buffer;
}

static void write_back(struct vf *vf, const struct rx_queue *q,
		       const struct rx_desc *d)
{
	uint64_t address = q->base +
			   (uint64_t)q->head * vf->port->descriptor;

	/* Who sees the done bit may count on the rest. */
	if (vf->port->descriptor == 32)
		dma_write(vf, address + 16, &d->qw2, 16);
	dma_write(vf, address, &d->qw0, 8);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	dma_write(vf, address + QW1, &d->qw1, 8);
}

static void describe(const struct reception *r, struct rx_desc *d)
{
	d->qw1 |= RXD_EOF | r->packet.status | RXD_PTYPE(r->packet.ptype);
	if (r->local)
		d->qw1 |= RXD_LPBK;
	if (r->vlan >= 0) {
		d->qw1 |= RXD_L2TAG1P;
		d->qw0 |= (uint64_t)r->vlan << 16;
	}
	if (r->hashed) {
		d->qw1 |= RXD_FLTSTAT_RSS;
		d->qw0 |= (uint64_t)r->hash << 32;
	}
}

/* How much of the frame went to the first descriptor's header buffer */
static size_t split_header(struct vf *vf, const struct rx_queue *q,
			   const struct reception *r, uint64_t address,
			   uint64_t *flags)
{
	size_t len = r->packet.payload;

	if (!q->header)
		return 0;
	if (len > q->header) {
		*flags |= RXD_HBO;
		return 0;
	}
	dma_write(vf, address & ~1ULL, r->frame, len);
	*flags |= RXD_SPH | RXD_HLENGTH(len);
	return len;
}

static void put(struct vf *vf, struct rx_queue *q, const struct reception *r)
{
	struct rx_desc read, done;
	size_t offset = 0, len;
	bool first = true;

	while (first || offset < r->len) {
		memset(&read, 0, sizeof(read));
		if (dma_read(vf, q->base +
				 (uint64_t)q->head * vf->port->descriptor,
			     &read, vf->port->descriptor)) {
			q->stopped = true;
			return;
		}
		done = (struct rx_desc){ .qw1 = RXD_DD };
		if (first)
			offset = split_header(vf, q, r, read.qw1, &done.qw1);
		len = r->len - offset < q->buffer ? r->len - offset : q->buffer;
		dma_write(vf, read.qw0, r->frame + offset, len);
		done.qw1 |= RXD_LENGTH(len);
		offset += len;
		if (offset == r->len)
			describe(r, &done);
		write_back(vf, q, &done);
		q->head = (q->head + 1) % q->ring_len;
		first = false;
	}
}

static void count(struct vf *vf, const uint8_t *frame, size_t len)
{
	vf->stats.rx_bytes += len + CRC_LEN;
	switch (packet_address_status(frame)) {
	case RXD_BROADCAST:
		vf->stats.rx_broadcast++;
		break;
	case RXD_MULTICAST:
		vf->stats.rx_multicast++;
		break;
	default:
		vf->stats.rx_unicast++;
	}
}

void rx_deliver(struct vf *vf, const uint8_t *frame, size_t len, bool local)
{
	static uint8_t copy[MAX_FRAME];
	struct reception r = { .frame = copy, .local = local };
	struct rx_queue *q;
	unsigned int queue;

	memcpy(copy, frame, len);
	count(vf, frame, len);
	r.len = strip_vlan(vf, copy, len, &r.vlan);
	packet_parse(copy, r.len, vf->port->x722, &r.packet);
	r.hashed = rss_hash(vf, &r.packet, &r.hash);
	queue = vf->hlut[r.hashed ? r.hash % HLUT_LEN : 0];
	q = &vf->rx[queue < MAX_QUEUES ? queue : 0];
	if (!q->enabled || q->stopped || len + CRC_LEN > q->max_packet ||
	    !has_room(q, r.len)) {
		vf->stats.rx_discards++;
		return;
	}
	put(vf, q, &r);
	q->packets++;
	irq_cause(vf, q->vector, q->itr);
}
