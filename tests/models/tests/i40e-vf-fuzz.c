// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that writes anything anywhere, from a seed that FUZZ_SEED sets:
 * registers, messages, descriptors. The model may refuse all of it. It may not
 * end, nor hang.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fixture.h"
#include "vf.h"

#define ROUNDS		4000

static uint64_t random_state;

/* xorshift64* */
static uint64_t rnd(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static bool one_in(uint32_t n)
{
	return !below(n);
}

FIXTURE(fuzz) {
	struct vf_model v;
};

FIXTURE_VARIANT(fuzz) {
	const char *options[5];
};

FIXTURE_VARIANT_ADD(fuzz, xl710) {
};

FIXTURE_VARIANT_ADD(fuzz, x722) {
	.options = { "--device=0x37cd", "--trusted", "--descriptor=16",
		     "--queues=16" },
};

FIXTURE_SETUP(fuzz)
{
	const char *seed = getenv("FUZZ_SEED");

	random_state = seed ? strtoull(seed, NULL, 0) :
			      (uint64_t)time(NULL) * 2 + 1;
	TH_LOG("FUZZ_SEED=%llu", (unsigned long long)random_state);
	ASSERT_EQ(0, vf_start(&self->v, variant->options));
}

FIXTURE_TEARDOWN(fuzz)
{
	EXPECT_EQ(0, vf_end(&self->v));
}

static uint32_t some_register(void)
{
	static const uint32_t registers[] = {
		QTX_TAIL1, QRX_TAIL1, VFINT_ITRN1, VFINT_DYN_CTLN1,
		VFINT_ICR01, VFINT_ITR01, VFINT_ICR0_ENA1, VFINT_DYN_CTL01,
		VF_ARQBAH1, VF_ATQH1, VF_ATQLEN1, VF_ARQBAL1, VF_ARQT1,
		VF_ARQH1, VF_ATQBAH1, VF_ATQBAL1, VF_ARQLEN1, VF_ATQT1,
		VFGEN_RSTAT, VFQF_HENA, VFQF_HKEY, VFQF_HLUT,
	};

	return registers[below(sizeof(registers) / 4)] + 4 * below(17);
}

static void write_anything(struct vf_function *f)
{
	static const uint32_t values[] = {
		0, 1, 31, 32, 33, 0x3ff, 0x1fff, 0x80000020, 0x800003ff, ~0U,
	};

	vf_put(f, some_register(),
	       one_in(2) ? values[below(10)] : (uint32_t)rnd());
}

/* Numbers that a list could have, among what is no message at all */
static void send_anything(struct vf_function *f, uint16_t vsi)
{
	static const uint16_t lengths[] = {
		0, 2, 4, 8, 10, 12, 20, 26, 57, 69, 136, 264, 1096,
	};
	uint8_t msg[AQ_MAX_BUF];
	unsigned int i;

	for (i = 0; i < sizeof(msg); i++)
		msg[i] = one_in(4) ? rnd() : one_in(2) ? below(4) : 0;
	if (!one_in(4))
		memcpy(msg, &vsi, 2);
	vf_send(f, one_in(20) ? (uint32_t)rnd() : below(NUM_OPS + 2), msg,
		one_in(3) ? below(AQ_MAX_BUF) : lengths[below(13)]);
}

static uint64_t some_address(void)
{
	if (one_in(8))
		return rnd();
	return MEMORY + below(MEMORY_SIZE);
}

/* Near enough to what is right to get past the first checks */
static uint64_t some_data(void)
{
	static const uint64_t sizes[] = {
		0, 16, 17, 54, 60, 100, 1500, 9000, 9729, 16383,
	};
	uint64_t cmd = below(1024) & ~TXD_DUMMY;
	uint64_t offsets = one_in(3) ? rnd() & 0x3ffff :
			   7ULL | (5ULL << below(2)) << 7 |
			   (2ULL + 3 * below(2)) << 14;

	if (one_in(2))
		cmd |= TXD_EOP;
	return cmd << 4 | offsets << 16 | sizes[below(10)] << 34;
}

static uint64_t some_context(uint64_t *qw0)
{
	*qw0 = one_in(2) ? 0 : rnd();
	return TXD_CONTEXT | (one_in(2) ? CTX_TSO : 0) |
	       (one_in(3) ? CTX_IL2TAG2 : 0) | (rnd() & 0x3ffffULL) << 30 |
	       (uint64_t)(one_in(2) ? 64 + below(2000) : below(16384)) << 50;
}

/* One that is right, but for the frame's contents: 54 bytes of headers */
static unsigned int segmented(struct tx_desc *d)
{
	uint64_t payload = 1 + below(16383 - 54);

	d[0].addr = 0;
	d[0].qw1 = TXD_CONTEXT | CTX_TSO | payload << 30 |
		   (uint64_t)(64 + below(9000)) << 50;
	d[1].addr = MEMORY + below(MEMORY_SIZE / 2);
	d[1].qw1 = (TXD_EOP | TXD_RS | (1ULL + below(3)) << 5 |
		    L4T_TCP << 8) << 4 | (7ULL | 5 << 7 | 5 << 14) << 16 |
		   (payload + 54) << 34;
	return 2;
}

static void send_packets(struct vf_function *f)
{
	struct tx_desc *d = (struct tx_desc *)(f->memory + TX_RING(0));
	unsigned int i;

	for (i = 0; i < RING - 1; i++) {
		d[i].addr = some_address();
		d[i].qw1 = one_in(8) ? rnd() : some_data();
		if (one_in(5))
			d[i].qw1 = some_context(&d[i].addr);
		else if (one_in(4))
			i += segmented(d + i) - 1;
	}
	vf_put(f, QTX_TAIL1, below(RING + 1));
}

static void post_anything(struct vf_function *f)
{
	uint64_t *d = (uint64_t *)(f->memory + RX_RING(0));
	unsigned int i;

	for (i = 0; i < 4 * RING; i++)
		d[i] = some_address();
	vf_put(f, QRX_TAIL1, below(RING + 1));
}

TEST_F(fuzz, driver)
{
	struct vf_function *f = NULL;
	uint16_t vsi[VFS];
	unsigned int i, n;
	bool sent = false;

	for (i = 0; i < ROUNDS; i++) {
		n = i < VFS ? i : below(VFS);
		f = &self->v.f[n];
		/*
		 * Most packets are such that the queue stands until the next
		 * reset, and the PF names its resources once a reset.
		 */
		if (i < VFS || one_in(20)) {
			vf_command(&self->v, "%u reset-time 0", n);
			vf_command(&self->v, "%u release", n);
			vf_command(&self->v, "%u reset", n);
			vf_command(&self->v, "%u spoof-check off", n);
			vf_bus_master(f, true);
			vsi[n] = vf_open(f);
			if (vsi[n])
				vf_queues(f, vsi[n], 1);
			continue;
		}
		switch (below(8)) {
		case 0:
			write_anything(f);
			break;
		case 1:
			send_anything(f, vsi[n]);
			break;
		case 2:
			post_anything(f);
			break;
		case 3:
			if (one_in(8))
				vf_command(&self->v, "%u reset", n);
			break;
		default:
			send_packets(f);
			sent |= !sent && vf_value(&self->v, "0 stats",
						  "tx-bytes") > 0;
		}
	}
	/* It was not for nothing. */
	vf_command(&self->v, "0 release");
	EXPECT_TRUE(sent);
	EXPECT_LT(0, vf_value(&self->v, "0 stats", "malicious"));
	EXPECT_LT(0, vf_value(&self->v, "1 stats", "dma-errors"));
	EXPECT_EQ(0x8086, client_get(&f->c, CONFIG, 0) & 0xffff);
}

TEST_HARNESS_MAIN
