/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two functions with queues, for tests of what goes through them: a sends, b
 * receives. All of it is for one file each, as the harness wants its fixtures.
 */
#ifndef _MODELS_TESTS_RINGS_H
#define _MODELS_TESTS_RINGS_H

#include "fixture.h"
#include "vf.h"

FIXTURE(rings) {
	struct vf_model v;
	struct vf_function *a, *b;
	unsigned int tail;
	unsigned int descriptor;
};

FIXTURE_VARIANT(rings) {
	const char *options[2];
	unsigned int descriptor;
};

FIXTURE_VARIANT_ADD(rings, of_32_bytes) {
	.descriptor = 32,
};

FIXTURE_VARIANT_ADD(rings, of_16_bytes) {
	.options = { "--descriptor=16" },
	.descriptor = 16,
};

FIXTURE_SETUP(rings)
{
	unsigned int i;

	ASSERT_EQ(0, vf_start(&self->v, variant->options));
	self->a = &self->v.f[0];
	self->b = &self->v.f[1];
	self->descriptor = variant->descriptor;
	ASSERT_EQ(0, vf_queues(self->a, vf_open(self->a), 1));
	ASSERT_EQ(0, vf_queues(self->b, vf_open(self->b), 2));
	for (i = 0; i < 2; i++)
		vf_post(self->b, i, RING - 1, self->descriptor);
}

FIXTURE_TEARDOWN(rings)
{
	EXPECT_EQ(0, vf_end(&self->v));
}

#define DATA(cmd, size, offsets) \
	((uint64_t)(cmd) << 4 | (uint64_t)(offsets) << 16 | \
	 (uint64_t)(size) << 34)
#define OFFSETS(mac, ip, l4)	((mac) / 2 | (ip) / 4 << 7 | (l4) / 4 << 14)
#define LAST			(TXD_EOP | TXD_RS)

static inline void put_tx(struct vf_function *f, unsigned int index,
			  uint64_t addr, uint64_t qw1)
{
	struct tx_desc *d = (struct tx_desc *)(f->memory + TX_RING(0));

	d[index % RING] = (struct tx_desc){ addr, qw1 };
}

static inline uint64_t tx_qw1(struct vf_function *f, unsigned int index)
{
	return ((struct tx_desc *)(f->memory + TX_RING(0)))[index % RING].qw1;
}

#define TAIL(n) \
	do { \
		self->tail = (self->tail + (n)) % RING; \
		vf_put(self->a, QTX_TAIL1, self->tail); \
	} while (0)

static inline uint8_t *packet(struct vf_function *f)
{
	return f->memory + TX_BUFFERS;
}

/* Addresses and type; function 1 is 11. */
static inline void put_header(struct vf_function *f, uint16_t type)
{
	static const uint8_t addresses[] =
		"\x52\x54\x00\x0e\x00\x11\x52\x54\x00\x0e\x00\x10";

	memset(packet(f), 0, 20000);
	memcpy(packet(f), addresses, 12);
	packet(f)[12] = type >> 8;
	packet(f)[13] = type;
}

static inline const uint8_t *received(struct vf_function *f,
				      unsigned int queue, unsigned int index)
{
	return f->memory + RX_BUFFERS + 0x40000 * queue + RX_BUFFER * index;
}

static inline const uint64_t *rx_desc(struct vf_function *f,
				      unsigned int queue, unsigned int index,
				      unsigned int size)
{
	return (uint64_t *)(f->memory + RX_RING(queue) + index * size);
}

/* As vf_post() does */
static inline void put_rx(struct vf_function *f, unsigned int index,
			  unsigned int size)
{
	uint64_t *d = (uint64_t *)rx_desc(f, 0, index, size);

	d[0] = MEMORY + RX_BUFFERS + RX_BUFFER * index;
	d[1] = 0;
}

#define RX(index)	rx_desc(self->b, 0, index, self->descriptor)
#define STATUS(index)	(RX(index)[1] & 0x7ffff)
#define ERRORS(index)	(RX(index)[1] >> 19 & 0xff)
#define PTYPE(index)	(RX(index)[1] >> 30 & 0xff)
#define LENGTH(index)	(RX(index)[1] >> 38 & 0x3fff)

#endif /* _MODELS_TESTS_RINGS_H */
