// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the transmitter does to a packet:
 * segmentation, checksums, VLAN tags
 *
 * Where a header is, is what the descriptors say. The driver leaves the pseudo
 * header's sum in the L4 checksum, of a packet to be segmented without its
 * length.
 */

#include <string.h>

#include "vf.h"

#define TCP_FIN_PSH	0x09
#define TCP_CWR		0x80
#define VLAN_CTAG	0x8100
#define VLAN_STAG	0x88a8

/* Offsets in the frame; @outer_l4: of a UDP tunnel, else 0 */
struct headers {
	size_t outer_ip;
	size_t outer_l4;
	size_t ip;
	size_t l4;
	size_t payload;
};

static bool is_ipv4(unsigned int type)
{
	return type & 2;
}

static size_t ip_header(unsigned int type)
{
	return type ? is_ipv4(type) ? 20 : 40 : 0;
}

static size_t l4_header(unsigned int type)
{
	static const size_t len[] = {
		[L4T_NONE] = 0, [L4T_TCP] = 20, [L4T_SCTP] = 12, [L4T_UDP] = 8,
	};

	return len[type];
}

/* Every header that we are to touch is there. */
static bool find_headers(const struct tx_packet *p, struct headers *h)
{
	*h = (struct headers){ .ip = p->maclen };
	if (p->eipt) {
		h->outer_ip = p->maclen;
		if (p->natt == NATT_UDP)
			h->outer_l4 = h->outer_ip + p->eiplen;
		h->ip = h->outer_ip + p->eiplen + p->natlen;
		if (p->eiplen < ip_header(p->eipt) ||
		    (h->outer_l4 && p->natlen < 8))
			return false;
	}
	h->l4 = h->ip + p->iplen;
	h->payload = h->l4 + p->l4len;
	if (p->l4t && !p->iipt)
		return false;
	return p->iplen >= ip_header(p->iipt) &&
	       (!p->l4t || p->l4len >= l4_header(p->l4t)) &&
	       h->payload <= p->len &&
	       (!p->iipt || p->maclen >= ETH_HLEN);
}

static void ipv4_checksum(uint8_t *ip, size_t len)
{
	put_be16(ip + 10, 0);
	put_be16(ip + 10, packet_fold(packet_sum(0, ip, len)));
}

static void l4_checksum(uint8_t *l4, size_t len, unsigned int field,
			uint64_t more, bool udp)
{
	uint16_t sum = packet_fold(packet_sum(more, l4, len));

	put_be16(l4 + field, udp && !sum ? 0xffff : sum);
}

/* @more: to add to the L4 sum, as the driver could not know it */
static void checksums(const struct tx_packet *p, const struct headers *h,
		      uint8_t *frame, size_t len, uint64_t more)
{
	size_t l4_len = len - h->l4;

	switch (p->l4t) {
	case L4T_TCP:
		l4_checksum(frame + h->l4, l4_len, 16, more, false);
		break;
	case L4T_UDP:
		l4_checksum(frame + h->l4, l4_len, 6, more, true);
		break;
	case L4T_SCTP:
		put32(frame + h->l4 + 8, 0);
		put32(frame + h->l4 + 8, packet_crc32c(frame + h->l4, l4_len));
		break;
	}
	if (p->iipt == IIPT_IPV4_CSUM)
		ipv4_checksum(frame + h->ip, p->iplen);
	if (h->outer_l4 && p->l4t_cs)
		l4_checksum(frame + h->outer_l4, len - h->outer_l4, 6,
			    p->tso ? len - h->outer_l4 : 0, true);
	if (p->eipt == EIPT_IPV4_CSUM)
		ipv4_checksum(frame + h->outer_ip, p->eiplen);
}

static size_t insert_tag(uint8_t *frame, size_t len, uint16_t type, int tag)
{
	if (tag < 0)
		return len;
	memmove(frame + 16, frame + 12, len - 12);
	put_be16(frame + 12, type);
	put_be16(frame + 14, tag);
	return len + VLAN_HLEN;
}

/* Tag 2 goes outside of tag 1; alone it is an ordinary one. */
static size_t insert_tags(const struct tx_packet *p, uint8_t *frame, size_t len)
{
	len = insert_tag(frame, len, VLAN_CTAG, p->tag1);
	return insert_tag(frame, len, p->tag1 < 0 ? VLAN_CTAG : VLAN_STAG,
			  p->tag2);
}

static void set_ip_length(uint8_t *ip, unsigned int type, size_t len,
			  unsigned int id)
{
	if (!is_ipv4(type)) {
		put_be16(ip + 4, len - 40);
		return;
	}
	put_be16(ip + 2, len);
	put_be16(ip + 4, get_be16(ip + 4) + id);
}

/* Segment @index, with @first and @last of the payload's bytes */
static void fix_headers(const struct tx_packet *p, const struct headers *h,
			uint8_t *frame, size_t len, unsigned int index,
			size_t offset, bool last)
{
	uint8_t *l4 = frame + h->l4;

	set_ip_length(frame + h->ip, p->iipt, len - h->ip, index);
	if (p->eipt)
		set_ip_length(frame + h->outer_ip, p->eipt,
			      len - h->outer_ip, p->eip_noinc ? 0 : index);
	if (h->outer_l4)
		put_be16(frame + h->outer_l4 + 4, len - h->outer_l4);
	if (p->l4t == L4T_UDP) {
		put_be16(l4 + 4, len - h->l4);
		return;
	}
	put_be32(l4 + 4, get_be32(l4 + 4) + offset);
	if (!last)
		l4[13] &= ~TCP_FIN_PSH;
	if (index)
		l4[13] &= ~TCP_CWR;
}

static bool segment(struct vf *vf, const struct tx_packet *p,
		    const struct headers *h,
		    void (*send)(struct vf *vf, const uint8_t *frame,
				 size_t len))
{
	static uint8_t frame[MAX_FRAME + 2 * VLAN_HLEN];
	size_t total = p->len - h->payload, offset, n;
	unsigned int index = 0;

	if (p->mss < TX_MIN_MSS || p->mss > TX_MAX_MSS ||
	    h->payload + p->mss > MAX_FRAME || p->tso_len != total ||
	    (p->l4t != L4T_TCP && p->l4t != L4T_UDP))
		return false;
	for (offset = 0; offset < total; offset += n, index++) {
		n = total - offset < p->mss ? total - offset : p->mss;
		memcpy(frame, p->data, h->payload);
		memcpy(frame + h->payload, p->data + h->payload + offset, n);
		fix_headers(p, h, frame, h->payload + n, index, offset,
			    offset + n == total);
		checksums(p, h, frame, h->payload + n, p->l4len + n);
		send(vf, frame, insert_tags(p, frame, h->payload + n));
	}
	return true;
}

bool offload_send(struct vf *vf, const struct tx_packet *p,
		  void (*send)(struct vf *vf, const uint8_t *frame,
			       size_t len))
{
	static uint8_t frame[MAX_FRAME + 2 * VLAN_HLEN];
	struct headers h;

	if (!find_headers(p, &h))
		return false;
	if (p->tso)
		return segment(vf, p, &h, send);
	memcpy(frame, p->data, p->len);
	checksums(p, &h, frame, p->len, 0);
	send(vf, frame, insert_tags(p, frame, p->len));
	return true;
}
