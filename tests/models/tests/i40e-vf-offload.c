// SPDX-License-Identifier: GPL-2.0-only
/* Functions of i40e-vf: checksums, segmentation, VLAN tags, RSS */

#include <string.h>

#include "rings.h"

static uint16_t get_be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void put_be16(uint8_t *p, uint16_t value)
{
	p[0] = value >> 8;
	p[1] = value;
}

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static uint32_t sum(uint32_t start, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		start += get_be16(p);
	if (len)
		start += *p << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* IPv4 and TCP or UDP with @payload bytes, checksums as a driver leaves them */
static size_t put_ipv4(struct vf_function *f, unsigned int protocol,
		       size_t payload, bool tso)
{
	size_t l4 = protocol == 6 ? 20 : 8, total = 20 + l4 + payload, i;
	uint8_t *ip = packet(f) + 14, *h = ip + 20;
	uint32_t seed;

	put_header(f, 0x0800);
	ip[0] = 0x45;
	put_be16(ip + 2, tso ? 0 : total);
	put_be16(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, "\xc0\x00\x02\x01\xc0\x00\x02\x02", 8);
	put_be16(h, 1000);
	put_be16(h + 2, 2000);
	if (protocol == 6) {
		h[7] = 100;
		h[12] = 0x50;
		h[13] = 0x80 | 0x10 | 0x08 | 0x01;
	} else {
		put_be16(h + 4, 8 + payload);
	}
	for (i = 0; i < payload; i++)
		h[l4 + i] = i * 7;
	seed = sum(protocol + (tso ? 0 : l4 + payload), ip + 12, 8);
	put_be16(h + (protocol == 6 ? 16 : 6), seed);
	return 14 + total;
}

static bool ip_sum_is_right(const uint8_t *ip)
{
	return sum(0, ip, (ip[0] & 0xf) * 4) == 0xffff;
}

static bool l4_sum_is_right(const uint8_t *ip, size_t len)
{
	return sum(sum(ip[9] + len - 20, ip + 12, 8), ip + 20, len - 20) ==
	       0xffff;
}

TEST_F(rings, checksums)
{
	size_t len = put_ipv4(self->a, 17, 333, false);
	const uint8_t *ip = received(self->b, 0, 0) + 14;

	put_tx(self->a, 0, MEMORY + TX_BUFFERS,
	       DATA(LAST | 3 << 5 | L4T_UDP << 8, len, OFFSETS(14, 20, 8)));
	TAIL(1);
	EXPECT_EQ(len, LENGTH(0));
	EXPECT_TRUE(ip_sum_is_right(ip));
	EXPECT_TRUE(l4_sum_is_right(ip, len - 14));
	EXPECT_EQ(PTYPE_IPV4 + PTYPE_UDP, PTYPE(0));
	EXPECT_EQ(RXD_L3L4P, STATUS(0) & RXD_L3L4P);
	EXPECT_EQ(0, ERRORS(0));
	/* And without: wrong, and the receiver sees it. */
	put_tx(self->a, 1, MEMORY + TX_BUFFERS, DATA(LAST, len, 0));
	TAIL(1);
	EXPECT_EQ(1 << 3 | 1 << 4, ERRORS(1));
	/* No checksum is no error. */
	put_ipv4(self->a, 17, 333, false);
	put_be16(packet(self->a) + 40, 0);
	put_tx(self->a, 2, MEMORY + TX_BUFFERS,
	       DATA(LAST | 3 << 5, len, OFFSETS(14, 20, 0)));
	TAIL(1);
	EXPECT_EQ(0, ERRORS(2));
	EXPECT_EQ(RXD_INT_UDP_0, STATUS(2) & RXD_INT_UDP_0);
}

TEST_F(rings, udp_checksum_of_zero)
{
	size_t len = put_ipv4(self->a, 17, 10, false);
	uint8_t *udp = packet(self->a) + 34;

	/* With the seed in its place, and this, all adds up to 0xffff. */
	put_be16(udp + 8, 0);
	put_be16(udp + 8, ~sum(0, udp, 18));
	put_tx(self->a, 0, MEMORY + TX_BUFFERS,
	       DATA(LAST | 3 << 5 | L4T_UDP << 8, len, OFFSETS(14, 20, 8)));
	TAIL(1);
	EXPECT_EQ(0xffff, get_be16(received(self->b, 0, 0) + 40));
	EXPECT_EQ(0, ERRORS(0));
}

TEST_F(rings, tcp_checksum_of_odd_length)
{
	size_t len = put_ipv4(self->a, 6, 101, false);

	put_tx(self->a, 0, MEMORY + TX_BUFFERS,
	       DATA(LAST | 3 << 5 | L4T_TCP << 8, len, OFFSETS(14, 20, 20)));
	TAIL(1);
	EXPECT_TRUE(l4_sum_is_right(received(self->b, 0, 0) + 14, len - 14));
	EXPECT_EQ(PTYPE_IPV4 + PTYPE_TCP, PTYPE(0));
	EXPECT_EQ(0, ERRORS(0));
}

TEST_F(rings, segmentation)
{
	size_t len = put_ipv4(self->a, 6, 3500, true), n;
	const uint8_t *ip;
	unsigned int i;

	put_tx(self->a, 0, 0, TXD_CONTEXT | CTX_TSO | 3500ULL << 30 |
			      1460ULL << 50);
	put_tx(self->a, 1, MEMORY + TX_BUFFERS,
	       DATA(3 << 5 | L4T_TCP << 8, 54, OFFSETS(14, 20, 20)));
	put_tx(self->a, 2, MEMORY + TX_BUFFERS + 54,
	       DATA(LAST | 3 << 5 | L4T_TCP << 8, len - 54,
		    OFFSETS(14, 20, 20)));
	TAIL(3);
	EXPECT_EQ(TXD_DONE, tx_qw1(self->a, 2));
	for (i = 0; i < 3; i++) {
		n = i < 2 ? 1460 : 3500 - 2 * 1460;
		ip = received(self->b, 0, i) + 14;
		EXPECT_EQ(54 + n, LENGTH(i));
		EXPECT_EQ(40 + n, get_be16(ip + 2));
		EXPECT_EQ(0x1234 + i, get_be16(ip + 4));
		EXPECT_EQ(100 + 1460 * i, get_be32(ip + 24));
		EXPECT_EQ(i ? 0x10 | (i == 2 ? 0x09 : 0) : 0x90, ip[33]);
		EXPECT_TRUE(ip_sum_is_right(ip));
		EXPECT_TRUE(l4_sum_is_right(ip, 40 + n));
		EXPECT_EQ(0, ERRORS(i));
		EXPECT_EQ(0, memcmp(ip + 40, packet(self->a) + 54 + 1460 * i,
				    n));
	}
	EXPECT_EQ(3, vf_value(&self->v, "0 stats", "tx-unicast"));
}

TEST_F(rings, vlan_tags)
{
	const uint8_t *frame;

	vf_command(&self->v, "0 spoof-check off");
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS,
	       DATA(LAST | TXD_IL2TAG1, 100, 0) | 0x6064ULL << 48);
	TAIL(1);
	frame = received(self->b, 0, 0);
	EXPECT_EQ(104, LENGTH(0));
	EXPECT_EQ(0x8100, get_be16(frame + 12));
	EXPECT_EQ(0x6064, get_be16(frame + 14));
	EXPECT_EQ(0x88b5, get_be16(frame + 16));
	EXPECT_EQ(0, vf_request(self->b, OP_ENABLE_VLAN_STRIPPING, NULL, 0,
				NULL, NULL));
	/* The context's tag */
	put_tx(self->a, 1, 0x7065ULL << 32, TXD_CONTEXT | CTX_IL2TAG2);
	put_tx(self->a, 2, MEMORY + TX_BUFFERS, DATA(LAST, 100, 0));
	TAIL(2);
	EXPECT_EQ(100, LENGTH(1));
	EXPECT_EQ(RXD_L2TAG1P, STATUS(1) & RXD_L2TAG1P);
	EXPECT_EQ(0x7065, RX(1)[0] >> 16 & 0xffff);
	EXPECT_EQ(0, memcmp(received(self->b, 0, 1), packet(self->a), 100));
	/* Both: the context's is the outer one, and not a C-tag. */
	put_tx(self->a, 3, 0x7065ULL << 32, TXD_CONTEXT | CTX_IL2TAG2);
	put_tx(self->a, 4, MEMORY + TX_BUFFERS,
	       DATA(LAST | TXD_IL2TAG1, 100, 0) | 0x6064ULL << 48);
	TAIL(2);
	frame = received(self->b, 0, 2);
	EXPECT_EQ(0x88a8, get_be16(frame + 12));
	EXPECT_EQ(0x8100, get_be16(frame + 16));
}

TEST_F(rings, vlan_filters)
{
	const uint16_t list[4] = { 0x201, 1, 100 };

	vf_command(&self->v, "0 spoof-check off");
	EXPECT_EQ(0, vf_request(self->b, OP_ADD_VLAN, list, 8, NULL, NULL));
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS,
	       DATA(LAST | TXD_IL2TAG1, 100, 0) | 100ULL << 48);
	put_tx(self->a, 1, MEMORY + TX_BUFFERS,
	       DATA(LAST | TXD_IL2TAG1, 100, 0) | 101ULL << 48);
	put_tx(self->a, 2, MEMORY + TX_BUFFERS, DATA(LAST, 100, 0));
	TAIL(3);
	EXPECT_EQ(100, RX(0)[0] >> 16 & 0xffff);
	EXPECT_EQ(RXD_DD, STATUS(1) & (RXD_DD | RXD_L2TAG1P));
	EXPECT_EQ(2, vf_value(&self->v, "1 stats", "rx-unicast"));
}

TEST_F(rings, rss)
{
	static const uint8_t key[] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
		0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
		0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
		0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	};
	size_t len = put_ipv4(self->a, 6, 10, false);
	uint8_t *ip = packet(self->a) + 14;
	uint32_t word;
	unsigned int i;

	for (i = 0; i < sizeof(key); i += 4) {
		memcpy(&word, key + i, 4);
		vf_put(self->b, VFQF_HKEY + i, word);
	}
	/* 66.9.149.187:2794 to 161.142.100.80:1766 */
	memcpy(ip + 12, "\x42\x09\x95\xbb\xa1\x8e\x64\x50", 8);
	put_be16(ip + 20, 2794);
	put_be16(ip + 22, 1766);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, len, 0));
	TAIL(1);
	EXPECT_EQ(0x51ccc178, RX(0)[0] >> 32);
	EXPECT_EQ(RXD_FLTSTAT_RSS, STATUS(0) & RXD_FLTSTAT_RSS);
	/* 0x178 % 64 */
	vf_put(self->b, VFQF_HLUT + 0x38, 0x00000001);
	put_tx(self->a, 1, MEMORY + TX_BUFFERS, DATA(LAST, len, 0));
	TAIL(1);
	EXPECT_EQ(len, rx_desc(self->b, 1, 0, self->descriptor)[1] >> 38 &
		       0x3fff);
	/* A class that is not hashed goes to the table's first. */
	vf_put(self->b, VFQF_HENA + 4, 0);
	put_tx(self->a, 2, MEMORY + TX_BUFFERS, DATA(LAST, len, 0));
	TAIL(1);
	EXPECT_EQ(0, STATUS(1) & RXD_FLTSTAT_RSS);
	EXPECT_EQ(len, LENGTH(1));
}

TEST_HARNESS_MAIN
