// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the receiver makes of a packet: its type, its class
 * for RSS, whether its checksums are right
 *
 * Tunnels are not looked into: such a packet is of its outer headers' type.
 */

#include <string.h>

#include "vf.h"

#define ETHERTYPE_IPV4		0x0800
#define ETHERTYPE_ARP		0x0806
#define ETHERTYPE_VLAN		0x8100
#define ETHERTYPE_QINQ		0x88a8
#define ETHERTYPE_IPV6		0x86dd

#define IP_ICMP			1
#define IP_TCP			6
#define IP_UDP			17
#define IP_ICMPV6		58
#define IP_SCTP			132
#define TCP_SYN			0x02
#define TCP_ACK			0x10

#define IPV4_HLEN		20
#define IPV6_HLEN		40
#define MAX_EXTENSIONS		8

/*
 * @l3, @l4: where those headers begin; @end: of the IP packet, without padding
 * @address, @address_len: of source and destination together
 */
struct layers {
	const uint8_t *frame;
	size_t l3;
	size_t l4;
	size_t end;
	size_t address;
	unsigned int address_len;
	unsigned int protocol;
	bool ipv6;
	bool fragment;
};

uint64_t packet_sum(uint64_t sum, const uint8_t *data, size_t len)
{
	for (; len > 1; data += 2, len -= 2)
		sum += get_be16(data);
	return len ? sum + (*data << 8) : sum;
}

uint16_t packet_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

uint32_t packet_crc32c(const uint8_t *data, size_t len)
{
	uint32_t crc = ~0U;
	unsigned int bit;

	while (len--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static bool parse_ipv4(struct layers *l, size_t len)
{
	const uint8_t *ip = l->frame + l->l3;
	size_t hlen, total;

	if (len < l->l3 + IPV4_HLEN || ip[0] >> 4 != 4)
		return false;
	hlen = (ip[0] & 0xf) * 4;
	total = get_be16(ip + 2);
	if (hlen < IPV4_HLEN || total < hlen || total > len - l->l3)
		return false;
	l->l4 = l->l3 + hlen;
	l->end = l->l3 + total;
	l->address = l->l3 + 12;
	l->address_len = 8;
	l->protocol = ip[9];
	l->fragment = get_be16(ip + 6) & 0x3fff;
	return true;
}

/* The extension headers that a receiver may skip */
static bool is_extension(unsigned int protocol)
{
	return protocol == 0 || protocol == 43 || protocol == 60;
}

static bool parse_ipv6(struct layers *l, size_t len, uint64_t *status)
{
	const uint8_t *ip = l->frame + l->l3;
	unsigned int left = MAX_EXTENSIONS;
	size_t total;

	if (len < l->l3 + IPV6_HLEN || ip[0] >> 4 != 6)
		return false;
	total = IPV6_HLEN + get_be16(ip + 4);
	if (total > len - l->l3)
		return false;
	l->ipv6 = true;
	l->l4 = l->l3 + IPV6_HLEN;
	l->end = l->l3 + total;
	l->address = l->l3 + 8;
	l->address_len = 32;
	l->protocol = ip[6];
	while (left-- && is_extension(l->protocol)) {
		if (l->end < l->l4 + 8)
			return false;
		/* A routing header: the checksum has another destination. */
		if (l->protocol == 43)
			*status |= RXD_IPV6EXADD;
		l->protocol = l->frame[l->l4];
		l->l4 += 8 + l->frame[l->l4 + 1] * 8;
		if (l->l4 > l->end)
			return false;
	}
	if (l->protocol == 44)
		l->fragment = true;
	return true;
}

static uint64_t pseudo_header(const struct layers *l)
{
	return packet_sum(l->protocol + (l->end - l->l4),
			  l->frame + l->address, l->address_len);
}

static bool l4_sum_is_right(const struct layers *l)
{
	return !packet_fold(packet_sum(pseudo_header(l), l->frame + l->l4,
				       l->end - l->l4));
}

static bool sctp_sum_is_right(const struct layers *l)
{
	static uint8_t copy[MAX_FRAME];
	size_t len = l->end - l->l4;

	memcpy(copy, l->frame + l->l4, len);
	memset(copy + 8, 0, 4);
	return packet_crc32c(copy, len) == get32(l->frame + l->l4 + 8);
}

/* What is too short for its header is a plain IP packet. */
static unsigned int parse_tcp(const struct layers *l, struct packet *p)
{
	const uint8_t *tcp = l->frame + l->l4;
	size_t hlen;

	if (l->end < l->l4 + 20)
		return PTYPE_PAY3;
	hlen = (tcp[12] >> 4) * 4;
	if (hlen < 20 || hlen > l->end - l->l4)
		return PTYPE_PAY3;
	p->payload = l->l4 + hlen;
	if (!l4_sum_is_right(l))
		p->status |= RXD_L4E;
	return PTYPE_TCP;
}

static unsigned int parse_udp(const struct layers *l, struct packet *p)
{
	if (l->end < l->l4 + 8)
		return PTYPE_PAY3;
	p->payload = l->l4 + 8;
	if (!get_be16(l->frame + l->l4 + 6))
		p->status |= RXD_INT_UDP_0;
	else if (!l4_sum_is_right(l))
		p->status |= RXD_L4E;
	return PTYPE_UDP;
}

static unsigned int parse_sctp(const struct layers *l, struct packet *p)
{
	if (l->end < l->l4 + 12)
		return PTYPE_PAY3;
	p->payload = l->l4 + 12;
	if (!sctp_sum_is_right(l))
		p->status |= RXD_L4E;
	return PTYPE_SCTP;
}

static unsigned int parse_l4(const struct layers *l, struct packet *p)
{
	p->payload = l->l4;
	if (l->fragment)
		return PTYPE_FRAGMENT;
	switch (l->protocol) {
	case IP_TCP:
		return parse_tcp(l, p);
	case IP_UDP:
		return parse_udp(l, p);
	case IP_SCTP:
		return parse_sctp(l, p);
	case IP_ICMP:
		return l->ipv6 ? PTYPE_PAY3 : PTYPE_ICMP;
	case IP_ICMPV6:
		return l->ipv6 ? PTYPE_ICMP : PTYPE_PAY3;
	default:
		return PTYPE_PAY3;
	}
}

/* The X722 tells unicast from multicast UDP, and a SYN from the rest of TCP. */
static unsigned int pctype(const struct layers *l, unsigned int kind, bool x722)
{
	const uint8_t *destination = l->frame + l->address + l->address_len / 2;
	unsigned int flags;
	bool multicast;

	switch (kind) {
	case PTYPE_FRAGMENT:
		return PCTYPE_FRAGMENT;
	case PTYPE_UDP:
		if (!x722)
			return PCTYPE_UDP;
		multicast = l->ipv6 ? destination[0] == 0xff :
				      destination[0] >> 4 == 0xe;
		return multicast ? PCTYPE_MULTICAST_UDP : PCTYPE_UNICAST_UDP;
	case PTYPE_TCP:
		flags = l->frame[l->l4 + 13];
		if (x722 && flags & TCP_SYN && !(flags & TCP_ACK))
			return PCTYPE_TCP_SYN;
		return PCTYPE_TCP;
	case PTYPE_SCTP:
		return PCTYPE_SCTP;
	default:
		return PCTYPE_OTHER;
	}
}

static void classify(const struct layers *l, unsigned int kind, bool x722,
		     struct packet *p)
{
	bool ports = kind == PTYPE_TCP || kind == PTYPE_UDP ||
		     kind == PTYPE_SCTP;

	p->ptype = (l->ipv6 ? PTYPE_IPV6 : PTYPE_IPV4) + kind;
	p->pctype = (l->ipv6 ? PCTYPE_IPV6 : PCTYPE_IPV4) +
		    pctype(l, kind, x722);
	memcpy(p->hash_input, l->frame + l->address, l->address_len);
	p->hash_len = l->address_len;
	if (!ports)
		return;
	memcpy(p->hash_input + p->hash_len, l->frame + l->l4, 4);
	p->hash_len += 4;
}

uint64_t packet_address_status(const uint8_t *frame)
{
	static const uint8_t all[ETH_ALEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	};

	if (!memcmp(frame, all, ETH_ALEN))
		return RXD_BROADCAST;
	return frame[0] & 1 ? RXD_MULTICAST : 0;
}

void packet_parse(const uint8_t *frame, size_t len, bool x722,
		  struct packet *p)
{
	struct layers l = { .frame = frame, .l3 = ETH_HLEN };
	unsigned int type = get_be16(frame + 12);
	bool is_ip = false;

	*p = (struct packet){
		.ptype = PTYPE_L2,
		.pctype = PCTYPE_L2,
		.payload = ETH_HLEN,
		.status = packet_address_status(frame),
	};
	while ((type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ) &&
	       len >= l.l3 + VLAN_HLEN) {
		type = get_be16(frame + l.l3 + 2);
		l.l3 += VLAN_HLEN;
	}
	if (type == ETHERTYPE_ARP)
		p->ptype = PTYPE_ARP;
	else if (type == ETHERTYPE_IPV4)
		is_ip = parse_ipv4(&l, len);
	else if (type == ETHERTYPE_IPV6)
		is_ip = parse_ipv6(&l, len, &p->status);
	if (!is_ip)
		return;
	p->status |= RXD_L3L4P;
	if (!l.ipv6 && packet_fold(packet_sum(0, frame + l.l3, l.l4 - l.l3)))
		p->status |= RXD_IPE;
	classify(&l, parse_l4(&l, p), x722, p);
}
