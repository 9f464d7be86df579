// SPDX-License-Identifier: GPL-2.0-only
/* Functions of i40e-vf: descriptors, buffers, the switch, the wire */

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rings.h"

TEST_F(rings, plain_frame)
{
	put_header(self->a, 0x88b5);
	packet(self->a)[60] = 0x77;
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 100, 0));
	TAIL(1);
	EXPECT_EQ(TXD_DONE, tx_qw1(self->a, 0));
	EXPECT_EQ(RXD_DD | RXD_EOF | RXD_LPBK, STATUS(0));
	EXPECT_EQ(0, ERRORS(0));
	EXPECT_EQ(PTYPE_L2, PTYPE(0));
	EXPECT_EQ(100, LENGTH(0));
	EXPECT_EQ(0, memcmp(received(self->b, 0, 0), packet(self->a), 100));
	EXPECT_EQ(0, RX(1)[1] & RXD_DD && LENGTH(1));
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "rx-unicast"));
	EXPECT_EQ(104, vf_value(&self->v, "0 stats", "tx-bytes"));
}

/* No report without the bit; a short frame is padded; nothing before the EOP. */
TEST_F(rings, descriptors)
{
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(TXD_EOP, 20, 0));
	put_tx(self->a, 1, MEMORY + TX_BUFFERS, DATA(0, 14, 0));
	put_tx(self->a, 2, MEMORY + TX_BUFFERS + 14, DATA(0, 50, 0));
	put_tx(self->a, 3, MEMORY + TX_BUFFERS + 64, DATA(LAST, 100, 0));
	TAIL(3);
	EXPECT_EQ(DATA(TXD_EOP, 20, 0), tx_qw1(self->a, 0));
	EXPECT_EQ(60, LENGTH(0));
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "rx-unicast"));
	TAIL(1);
	EXPECT_EQ(TXD_DONE, tx_qw1(self->a, 3));
	EXPECT_EQ(164, LENGTH(1));
	EXPECT_EQ(0, memcmp(received(self->b, 0, 1), packet(self->a), 164));
}

TEST_F(rings, dummy)
{
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS,
	       DATA(LAST | TXD_DUMMY, 100, 0));
	TAIL(1);
	EXPECT_EQ(TXD_DONE, tx_qw1(self->a, 0));
	EXPECT_EQ(0, vf_value(&self->v, "1 stats", "rx-unicast"));
}

TEST_F(rings, interrupts)
{
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 100, 0));
	vf_put(self->a, VFINT_DYN_CTLN1, DYN_CTL_INTENA | ITR_NONE << 3);
	vf_put(self->b, VFINT_DYN_CTLN1, DYN_CTL_INTENA | ITR_NONE << 3);
	TAIL(1);
	EXPECT_EQ(0, eventfd_wait(self->a->vectors[1], CLIENT_TIMEOUT_MS));
	EXPECT_EQ(0, eventfd_wait(self->b->vectors[1], CLIENT_TIMEOUT_MS));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->b->vectors[2], 0));
}

TEST_F(rings, ring_wraps)
{
	unsigned int i;

	put_header(self->a, 0x88b5);
	for (i = 0; i < 3 * RING; i++) {
		put_tx(self->a, i, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
		TAIL(1);
		ASSERT_EQ(TXD_DONE, tx_qw1(self->a, i));
		ASSERT_EQ(60, LENGTH(i % RING));
		put_rx(self->b, i % RING, self->descriptor);
		vf_put(self->b, QRX_TAIL1, i % RING);
	}
	EXPECT_EQ(3 * RING, vf_value(&self->v, "1 stats", "rx-unicast"));
}

/* Both ends begin at 0 when they are enabled; the receiver's tail stays. */
TEST_F(rings, heads)
{
	const uint32_t a[] = { 0x200, 1, 1 }, b[] = { 0x201, 1, 1 };
	unsigned int i;

	put_header(self->a, 0x88b5);
	for (i = 0; i < 3; i++)
		put_tx(self->a, i, MEMORY + TX_BUFFERS, DATA(LAST, 60 + i, 0));
	TAIL(3);
	EXPECT_EQ(0, vf_request(self->a, OP_DISABLE_QUEUES, a, 12, NULL, NULL));
	EXPECT_EQ(0, vf_request(self->b, OP_DISABLE_QUEUES, b, 12, NULL, NULL));
	EXPECT_EQ(0, vf_get(self->a, QTX_TAIL1));
	EXPECT_EQ(RING - 1, vf_get(self->b, QRX_TAIL1));
	EXPECT_EQ(0, vf_request(self->a, OP_ENABLE_QUEUES, a, 12, NULL, NULL));
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 99, 0));
	vf_put(self->a, QTX_TAIL1, 1);
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "rx-discards"));
	for (i = 0; i < 3; i++)
		put_rx(self->b, i, self->descriptor);
	EXPECT_EQ(0, vf_request(self->b, OP_ENABLE_QUEUES, b, 12, NULL, NULL));
	put_tx(self->a, 1, MEMORY + TX_BUFFERS, DATA(LAST, 98, 0));
	vf_put(self->a, QTX_TAIL1, 2);
	EXPECT_EQ(98, LENGTH(0));
}

TEST_F(rings, no_buffers)
{
	unsigned int i;

	put_header(self->a, 0x88b5);
	for (i = 0; i < RING - 1; i++)
		put_tx(self->a, i, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
	TAIL(RING - 1);
	EXPECT_EQ(0, vf_value(&self->v, "1 stats", "rx-discards"));
	put_tx(self->a, RING - 1, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
	TAIL(1);
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "rx-discards"));
	/* One is free, the frame needs two. */
	put_rx(self->b, 0, self->descriptor);
	vf_put(self->b, QRX_TAIL1, 0);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, RX_BUFFER + 1, 0));
	TAIL(1);
	EXPECT_EQ(2, vf_value(&self->v, "1 stats", "rx-discards"));
	EXPECT_EQ(0, RX(63)[1] & RXD_DD && LENGTH(63) == RX_BUFFER);
}

/* As the queue was configured, with the CRC */
TEST_F(rings, too_long)
{
	const uint32_t select[] = { 0x201, 1, 1 };
	uint8_t msg[136];
	uint16_t len = vf_queue_config(msg, 0x201, 1, 1518);

	EXPECT_EQ(0, vf_request(self->b, OP_DISABLE_QUEUES, select, 12, NULL,
				NULL));
	EXPECT_EQ(0, vf_request(self->b, OP_CONFIG_VSI_QUEUES, msg, len, NULL,
				NULL));
	EXPECT_EQ(0, vf_request(self->b, OP_ENABLE_QUEUES, select, 12, NULL,
				NULL));
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 1514, 0));
	put_tx(self->a, 1, MEMORY + TX_BUFFERS, DATA(LAST, 1515, 0));
	TAIL(2);
	EXPECT_EQ(1514, LENGTH(0));
	EXPECT_EQ(0, RX(1)[1] & RXD_DD);
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "rx-discards"));
}

/* Larger than a buffer: only the last descriptor says what it was. */
TEST_F(rings, jumbo)
{
	unsigned int i;

	put_header(self->a, 0x88b5);
	packet(self->a)[8999] = 0x55;
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 9000, 0));
	TAIL(1);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(RXD_DD, STATUS(i));
		EXPECT_EQ(RX_BUFFER, LENGTH(i));
	}
	EXPECT_EQ(RXD_DD | RXD_EOF | RXD_LPBK, STATUS(4));
	EXPECT_EQ(9000 - 4 * RX_BUFFER, LENGTH(4));
	EXPECT_EQ(0x55, received(self->b, 0, 4)[9000 - 4 * RX_BUFFER - 1]);
}

/* A sum of 0 is sent as 0xffff: 0 would mean that there is none. */
/* In a descriptor on the way out, and on the way in if it is stripped there */
TEST_F(rings, addresses)
{
	static const uint8_t all[] = "\xff\xff\xff\xff\xff\xff";
	unsigned int i;

	for (i = 0; i < 3; i++)
		put_tx(self->a, i, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
	put_header(self->a, 0x88b5);
	memcpy(packet(self->a), all, 6);
	TAIL(1);
	EXPECT_EQ(RXD_BROADCAST, STATUS(0) & (3 << 9));
	EXPECT_EQ(0, vf_value(&self->v, "0 stats", "rx-broadcast"));
	/* Not for it */
	packet(self->a)[0] = 0x01;
	TAIL(1);
	EXPECT_EQ(0, vf_value(&self->v, "1 stats", "rx-multicast"));
	/* Not from it */
	memcpy(packet(self->a), all, 6);
	packet(self->a)[11] = 0x33;
	TAIL(1);
	EXPECT_EQ(1, vf_value(&self->v, "0 stats", "spoofed"));
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "rx-broadcast"));
}

/* The published values for this key, and what they select */
TEST_F(rings, too_many_buffers)
{
	unsigned int i;

	put_header(self->a, 0x88b5);
	for (i = 0; i < 9; i++)
		put_tx(self->a, i, MEMORY + TX_BUFFERS + 20 * i,
		       DATA(i == 7 ? LAST : 0, 20, 0));
	put_tx(self->a, 16, MEMORY + TX_BUFFERS, DATA(LAST, 20, 0));
	TAIL(8);
	EXPECT_EQ(160, LENGTH(0));
	for (i = 0; i < 9; i++)
		put_tx(self->a, 8 + i, MEMORY + TX_BUFFERS + 20 * i,
		       DATA(i == 8 ? LAST : 0, 20, 0));
	TAIL(9);
	EXPECT_EQ(1, vf_value(&self->v, "0 stats", "malicious"));
}

/* What stops a queue */
TEST_F(rings, malicious)
{
	const struct {
		uint64_t context;
		uint64_t data;
	} wrong[] = {
		/* unknown type, no buffer, too short, too long */
		{ 0, DATA(LAST, 100, 0) | 5 },
		{ 0, DATA(LAST, 0, 0) },
		{ 0, DATA(LAST, 16, 0) },
		{ 0, DATA(LAST, MAX_FRAME + 1, 0) },
		/* headers longer than the packet; L4 without IP */
		{ 0, DATA(LAST | 3 << 5, 60, OFFSETS(14, 60, 0)) },
		{ 0, DATA(LAST | 1 << 8, 60, OFFSETS(14, 20, 20)) },
		{ 0, DATA(LAST | 3 << 5, 60, OFFSETS(14, 16, 0)) },
		/* two contexts; TSO with a wrong MSS, length, or protocol */
		{ TXD_CONTEXT, TXD_CONTEXT },
		{ TXD_CONTEXT | CTX_TSO | 46ULL << 30 | 63ULL << 50,
		  DATA(LAST | 3 << 5 | 1 << 8, 100, OFFSETS(14, 20, 20)) },
		{ TXD_CONTEXT | CTX_TSO | 46ULL << 30 | 9669ULL << 50,
		  DATA(LAST | 3 << 5 | 1 << 8, 100, OFFSETS(14, 20, 20)) },
		{ TXD_CONTEXT | CTX_TSO | 47ULL << 30 | 100ULL << 50,
		  DATA(LAST | 3 << 5 | 1 << 8, 100, OFFSETS(14, 20, 20)) },
		{ TXD_CONTEXT | CTX_TSO | 54ULL << 30 | 100ULL << 50,
		  DATA(LAST | 3 << 5 | 2 << 8, 100, OFFSETS(14, 20, 12)) },
	};
	const uint32_t select[] = { 0x200, 1, 1 };
	unsigned int i, n;

	put_header(self->a, 0x0800);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		n = 0;
		if (wrong[i].context)
			put_tx(self->a, n++, 0, wrong[i].context);
		put_tx(self->a, n++, MEMORY + TX_BUFFERS, wrong[i].data);
		put_tx(self->a, n++, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
		vf_put(self->a, QTX_TAIL1, n);
		EXPECT_EQ(i + 1, vf_value(&self->v, "0 stats", "malicious"))
			TH_LOG("number %u", i);
		EXPECT_EQ(0, vf_request(self->a, OP_DISABLE_QUEUES, select, 12,
					NULL, NULL));
		EXPECT_EQ(0, vf_request(self->a, OP_ENABLE_QUEUES, select, 12,
					NULL, NULL));
	}
	EXPECT_EQ(0, vf_value(&self->v, "1 stats", "rx-unicast"));
	/* It starts anew with the queue, at 0. */
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
	vf_put(self->a, QTX_TAIL1, 1);
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "rx-unicast"));
}

TEST_F(rings, unreadable)
{
	put_tx(self->a, 0, 0x1000, DATA(LAST, 60, 0));
	TAIL(1);
	EXPECT_EQ(1, vf_value(&self->v, "0 stats", "dma-errors"));
	EXPECT_EQ(1, vf_value(&self->v, "0 stats", "tx-errors"));
	EXPECT_EQ(0, vf_value(&self->v, "0 stats", "malicious"));
	EXPECT_NE(NULL, strstr(vf_command(&self->v, "0 state"),
			       "tx 0 stopped"));
}

/* A write is posted: the frame is lost, the descriptor is done. */
TEST_F(rings, unwritable)
{
	uint64_t *d = (uint64_t *)(self->b->memory + RX_RING(0));

	d[0] = 0x1000;
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
	TAIL(1);
	EXPECT_EQ(RXD_DD, STATUS(0) & RXD_DD);
	EXPECT_EQ(1, vf_value(&self->v, "1 stats", "dma-errors"));
}

#define BURST	1000

static int open_peer(const struct vf_model *v, char *path, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s.peer",
		 v->path);
	snprintf(path, size, "%s", address.sun_path);
	unlink(path);
	bind(fd, (void *)&address, sizeof(address));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s.wire",
		 v->path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return connect(fd, (void *)&address, sizeof(address)) ? -1 : fd;
}

/* What is for nobody here goes out; what comes in is not a loopback. */
TEST_F(rings, wire)
{
	uint8_t frame[MAX_FRAME + 100];
	char path[108];
	int fd = open_peer(&self->v, path, sizeof(path));
	int i;

	ASSERT_LE(0, fd);
	put_header(self->a, 0x88b5);
	put_tx(self->a, 0, MEMORY + TX_BUFFERS, DATA(LAST, 60, 0));
	TAIL(1);
	packet(self->a)[5] = 0x99;
	put_tx(self->a, 1, MEMORY + TX_BUFFERS, DATA(LAST, 70, 0));
	TAIL(1);
	EXPECT_EQ(70, recv(fd, frame, sizeof(frame), 0));
	EXPECT_EQ(0, memcmp(frame, packet(self->a), 70));
	/* Too short and too long are nothing. */
	send(fd, frame, 13, 0);
	send(fd, frame, MAX_FRAME - CRC_LEN + 1, 0);
	frame[5] = 0x11;
	EXPECT_EQ(40, send(fd, frame, 40, 0));
	for (i = 0; i < 1000 && !LENGTH(1); i++)
		usleep(10000);
	EXPECT_EQ(60, LENGTH(1));
	EXPECT_EQ(RXD_DD | RXD_EOF, STATUS(1));
	EXPECT_EQ(1, vf_value(&self->v, "0 stats", "wire-in"));
	close(fd);
	unlink(path);
}

/* More than a socket takes, sent before anybody looks: all of it, in order */
TEST_F(rings, wire_burst)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	uint8_t frame[MAX_FRAME];
	char path[108];
	int fd = open_peer(&self->v, path, sizeof(path));
	unsigned int i;

	ASSERT_LE(0, fd);
	/* From the one that it is connected to, a socket takes more. */
	ASSERT_EQ(0, connect(fd, &nobody, sizeof(nobody)));
	put_header(self->a, 0x88b5);
	packet(self->a)[5] = 0x99;
	for (i = 0; i < BURST; i++) {
		packet(self->a)[14] = i >> 8;
		packet(self->a)[15] = i;
		put_tx(self->a, i % RING, MEMORY + TX_BUFFERS,
		       DATA(LAST, 60, 0));
		TAIL(1);
	}
	for (i = 0; i < BURST; i++) {
		ASSERT_EQ(60, recv(fd, frame, sizeof(frame), 0));
		ASSERT_EQ(i, frame[14] << 8 | frame[15]);
	}
	EXPECT_EQ(BURST, vf_value(&self->v, "0 stats", "wire-out"));
	EXPECT_EQ(0, vf_value(&self->v, "0 stats", "wire-dropped"));
	close(fd);
	unlink(path);
}

TEST_HARNESS_MAIN
