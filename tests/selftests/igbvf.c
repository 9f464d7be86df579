// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of an 82576 VF moves: registers, rings, statistics, mailbox, and
 * what the PF does for it; seen from its user and from the wire. Type pt-igb-vf.
 * Lab device: igb.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "clock.h"
#include "dma.h"
#include "health.h"
#include "igbvf/world.h"
#include "igbvf_regs.h"
#include "job.h"
#include "kmsg.h"
#include "netdev.h"

#define TEST_SECONDS	600
#define ENTRIES		32

#define RX(queue, reg)	(IGBVF_RX_RING(queue) + IGBVF_RING_##reg)
#define TX(queue, reg)	(IGBVF_TX_RING(queue) + IGBVF_RING_##reg)
/* For both: of DCA */
#define IGBVF_RING_CACHE	0x14

/*
 * Registers
 */

static const uint32_t registers[] = {
	RX(0, BAL), RX(0, BAH), RX(0, LEN), RX(0, SRRCTL), RX(0, HEAD),
	RX(0, CACHE), RX(0, TAIL), RX(0, DCTL),
	RX(1, BAL), RX(1, BAH), RX(1, LEN), RX(1, SRRCTL), RX(1, HEAD),
	RX(1, CACHE), RX(1, TAIL), RX(1, DCTL),
	TX(0, BAL), TX(0, BAH), TX(0, LEN), TX(0, HEAD), TX(0, CACHE),
	TX(0, TAIL), TX(0, DCTL), TX(0, WBAL), TX(0, WBAH),
	TX(1, BAL), TX(1, BAH), TX(1, LEN), TX(1, HEAD), TX(1, CACHE),
	TX(1, TAIL), TX(1, DCTL), TX(1, WBAL), TX(1, WBAH),
	IGBVF_PSRTYPE, VTEIMS, VTEIAC, VTEIAM,
	VTEITR(0), VTEITR(1), VTEITR(2), VTIVAR0, VTIVAR_MISC,
	VMBMEM, VMBMEM + 4, VMBMEM + 8, VMBMEM + 60,
};

struct registers {
	uint32_t value[ARRAY_SIZE(registers)];
};

static void look(struct world *w, struct registers *regs)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++)
		regs->value[i] = igbvf_reg_read(&w->vf, registers[i]);
}

#define CHECK_REGISTERS(before, after) do { \
	unsigned int _i; \
	for (_i = 0; _i < ARRAY_SIZE(registers); _i++) { \
		EXPECT_EQ((before)->value[_i], (after)->value[_i]) { \
			TH_LOG("register 0x%x", registers[_i]); \
		} \
	} \
} while (0)

static bool enabled(struct world *w)
{
	return (igbvf_reg_read(&w->vf, RX(0, DCTL)) |
		igbvf_reg_read(&w->vf, RX(1, DCTL)) |
		igbvf_reg_read(&w->vf, TX(0, DCTL)) |
		igbvf_reg_read(&w->vf, TX(1, DCTL))) & IGBVF_DCTL_ENABLE;
}

static const uint32_t counters[] = { VFGPRC, VFGPTC, VFGORC, VFGOTC, VFMPRC };

static void count(struct world *w, uint32_t *values)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		values[i] = igbvf_reg_read(&w->vf, counters[i]);
}

/*
 * What the PF does for a VF
 */

static const uint8_t own[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 0 };
static const uint8_t second[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 2 };
static const uint8_t third[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 3 };
static const uint8_t stranger[6] = { 2, 0x76, 0x66, 0x69, 0x6f, 9 };
static const uint8_t multicast[6] = { 1, 0, 0x5e, 1, 2, 3 };
static const uint8_t multicast2[6] = { 1, 0, 0x5e, 4, 5, 6 };
static const uint8_t no_multicast[6] = { 1, 0, 0x5e, 9, 9, 9 };

/* MTA: bits 47 to 36 of the address */
static uint32_t hash(const uint8_t *address)
{
	return (address[4] >> 4 | address[5] << 4) & 0xfff;
}

static int ask(struct world *w, uint32_t type, uint32_t value)
{
	uint32_t message[2] = { type, value };

	return igbvf_ask(&w->vf, message, 2);
}

static int ask_for_all(struct world *w)
{
	uint32_t hashes = hash(multicast) | hash(multicast2) << 16;

	return igbvf_ask_address(&w->vf, VF_MAC_FILTER_ADD, second) ? :
	       igbvf_ask_address(&w->vf, VF_MAC_FILTER_ADD, third) ? :
	       ask(w, VF_SET_VLAN | VF_VLAN_ADD, 5) ? :
	       ask(w, VF_SET_VLAN | VF_VLAN_ADD, 7) ? :
	       ask(w, VF_SET_VLAN | VF_VLAN_ADD, 100) ? :
	       ask(w, VF_SET_VLAN | VF_VLAN_ADD, 4094) ? :
	       /* and not 7 */
	       ask(w, VF_SET_VLAN, 7) ? :
	       ask(w, VF_SET_MULTICAST | MSG_INFO(2), hashes) ? :
	       ask(w, VF_SET_LPE, MTU);
}

#define CHECK_ALL(w) do { \
	EXPECT_EQ(1, world_arrives(w, own, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, second, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, stranger, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 5, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, own, 6, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, own, 7, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 100, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 4094, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, multicast, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, multicast2, 0, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, no_multicast, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 0, LONG)); \
} while (0)

/*
 * Ways to move
 */

FIXTURE(move) {
	struct world w;
};

/*
 * @closed: to the VF itself, which is reset in between
 * @memory_off: while saved and loaded, as QEMU has it at the destination
 */
FIXTURE_VARIANT(move) {
	bool closed;
	bool memory_off;
};

FIXTURE_VARIANT_ADD(move, other) {
};

FIXTURE_VARIANT_ADD(move, itself) {
	.closed = true,
};

FIXTURE_VARIANT_ADD(move, memory_off) {
	.memory_off = true,
};

FIXTURE_SETUP(move)
{
	struct world *w = &self->w;
	const char *missing = world_offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_start(w, ENTRIES));
}

FIXTURE_TEARDOWN(move)
{
	EXPECT_EQ(0, world_withdraw(&self->w));
}

static int go(struct world *w, const struct _fixture_variant_move *variant)
{
	unsigned int from = w->at, to = variant->closed ? from : !from;
	int ret = 0;

	if (variant->memory_off)
		ret = world_memory(w, from, false);
	if (!ret)
		ret = world_save(w);
	if (!ret && variant->closed) {
		world_detach(w);
		world_close(w, from);
	}
	if (!ret)
		ret = world_open(w, to);
	if (!ret && variant->memory_off)
		ret = world_memory(w, to, false);
	if (!ret)
		ret = world_load(w, to);
	if (!ret && variant->memory_off)
		ret = world_memory(w, to, true);
	if (!ret)
		ret = world_attach(w, to);
	if (!ret)
		ret = mig_set_state(world_user(w), RUNNING, NULL);
	/* The end of the one is nothing to the other. */
	if (!ret && !variant->closed)
		world_close(w, from);
	return ret;
}

TEST_F_TIMEOUT(move, registers, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct registers before, after;

	ASSERT_EQ(0, world_works(w));
	/* None as after a reset */
	igbvf_reg_write(&w->vf, IGBVF_PSRTYPE, 0x10);
	igbvf_reg_write(&w->vf, VTEIAM, 4);
	igbvf_reg_write(&w->vf, RX(0, CACHE), 0xa200);
	igbvf_reg_write(&w->vf, TX(1, CACHE), 0x2200);
	igbvf_reg_write(&w->vf, TX(1, WBAH), IOVA >> 32);
	igbvf_reg_write(&w->vf, TX(1, WBAL), (uint32_t)IOVA + 0x3000);
	look(w, &before);
	ASSERT_EQ(0, go(w, variant));
	look(w, &after);
	CHECK_REGISTERS(&before, &after);
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(move, frames_and_interrupts, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, go(w, variant));
	/* Each once, for what was pending */
	for (i = 0; i < VECTORS; i++)
		EXPECT_EQ(0, eventfd_wait(w->vectors[i], 1000));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(move, statistics, TEST_SECONDS)
{
	uint32_t before[ARRAY_SIZE(counters)], after[ARRAY_SIZE(counters)];
	struct world *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, ask(w, VF_SET_MULTICAST | MSG_INFO(1), hash(multicast)));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, world_works(w));
		ASSERT_EQ(1, world_arrives(w, multicast, 0, SHORT));
	}
	count(w, before);
	ASSERT_EQ(0, go(w, variant));
	count(w, after);
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		EXPECT_LT(0, before[i]);
		EXPECT_EQ(before[i], after[i]) {
			TH_LOG("register 0x%x", counters[i]);
		}
	}
	EXPECT_EQ(1, world_arrives(w, multicast, 0, SHORT));
	world_fill_tx(w, 0);
	EXPECT_EQ(0, world_sent(w, 0));
	count(w, after);
	/* The frame, and the one behind it */
	EXPECT_EQ(before[0] + 2, after[0]);
	EXPECT_EQ(before[1] + 1, after[1]);
	EXPECT_LE(before[2] + 2 * SHORT, after[2]);
	EXPECT_LE(before[3] + SHORT, after[3]);
}

TEST_F_TIMEOUT(move, what_the_pf_does, TEST_SECONDS)
{
	struct world *w = &self->w;

	/* Linux's PF keeps them, and the size of frames, of the last user. */
	ASSERT_EQ(0, igbvf_ask_address(&w->vf, VF_MAC_FILTER_CLR, second));
	EXPECT_EQ(0, world_arrives(w, second, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 5, SHORT));
	EXPECT_EQ(0, world_arrives(w, multicast, 0, SHORT));
	ASSERT_EQ(0, ask_for_all(w));
	CHECK_ALL(w);
	ASSERT_EQ(0, go(w, variant));
	CHECK_ALL(w);
	/* What was taken back is not there any more. */
	ASSERT_EQ(0, ask(w, VF_SET_VLAN, 5));
	ASSERT_EQ(0, go(w, variant));
	EXPECT_EQ(0, world_arrives(w, own, 5, SHORT));
	EXPECT_EQ(1, world_arrives(w, own, 100, SHORT));
}

/*
 * With both VFs open
 */

FIXTURE(igbvf) {
	struct world w;
};

FIXTURE_SETUP(igbvf)
{
	struct world *w = &self->w;
	const char *missing = world_offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_open(w, 1));
	ASSERT_EQ(0, world_start(w, ENTRIES));
}

FIXTURE_TEARDOWN(igbvf)
{
	EXPECT_EQ(0, world_withdraw(&self->w));
}

TEST_F_TIMEOUT(igbvf, there_and_back, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct registers before, after;
	int i;

	ASSERT_EQ(0, ask_for_all(w));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, world_works(w));
		look(w, &before);
		ASSERT_EQ(0, world_move(w, !w->at));
		look(w, &after);
		CHECK_REGISTERS(&before, &after);
	}
	CHECK_ALL(w);
}

/* A migration that was called off */
TEST_F_TIMEOUT(igbvf, goes_on_at_the_source, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct registers before, after;

	ASSERT_EQ(0, ask_for_all(w));
	ASSERT_EQ(0, world_works(w));
	look(w, &before);
	ASSERT_EQ(0, world_save(w));
	EXPECT_FALSE(enabled(w));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	look(w, &after);
	CHECK_REGISTERS(&before, &after);
	EXPECT_EQ(0, world_works(w));
	CHECK_ALL(w);
}

/* Nothing of the state gets lost on the way, also of what no frame shows. */
TEST_F_TIMEOUT(igbvf, what_is_loaded_is_saved_again, TEST_SECONDS)
{
	struct world *w = &self->w;
	static struct mig_stream first;
	size_t i;

	ASSERT_EQ(0, ask_for_all(w));
	ASSERT_EQ(0, ask(w, VF_SET_PROMISC | VF_PROMISC_MULTICAST, 0));
	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, world_save(w));
	first = w->stream;
	ASSERT_EQ(0, world_load(w, 1));
	w->at = 1;
	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(first.len, w->stream.len);
	for (i = 0; i < first.len; i++) {
		/* The checksum is that of the rest. */
		EXPECT_EQ(first.bytes[i], w->stream.bytes[i]) {
			TH_LOG("byte %zu", i);
		}
	}
	w->at = 0;
}

TEST_F_TIMEOUT(igbvf, nobody_did_anything, TEST_SECONDS)
{
	struct world *w = &self->w;

	world_detach(w);
	world_close(w, 0);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_move(w, 1));
	EXPECT_FALSE(enabled(w));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(igbvf, only_vectors_that_are_enabled, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	igbvf_reg_write(&w->vf, VTEIMC, 7);
	igbvf_reg_write(&w->vf, VTEIAC, 1 << VECTOR);
	igbvf_reg_write(&w->vf, VTEIMS, 1 << VECTOR);
	for (i = 0; i < VECTORS; i++)
		world_drain(w, i);
	ASSERT_EQ(0, world_move(w, 1));
	EXPECT_EQ(0, eventfd_wait(w->vectors[VECTOR], 1000));
	EXPECT_EQ(1, world_arrives(w, own, 0, SHORT));
	world_fill_tx(w, 0);
	EXPECT_EQ(0, world_sent(w, 0));
	EXPECT_FALSE(world_drain(w, 0));
	EXPECT_FALSE(world_drain(w, 2));
}

/*
 * Rings
 */

/* Both begin that many descriptors before the end. */
static int begin_at_end(struct world *w, uint32_t before)
{
	struct igbvf_ring *rings[] = { &w->rx[0], &w->tx[0], &w->tx[1] };
	uint32_t regs[] = { IGBVF_RX_RING(0), IGBVF_TX_RING(0), IGBVF_TX_RING(1) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rings); i++) {
		if (igbvf_ring_stop(&w->vf, rings[i]))
			return -EIO;
		rings[i]->head = rings[i]->entries - before;
		rings[i]->tail = rings[i]->head;
		igbvf_reg_write(&w->vf, regs[i] + IGBVF_RING_HEAD,
				rings[i]->head);
		igbvf_reg_write(&w->vf, regs[i] + IGBVF_RING_TAIL,
				rings[i]->tail);
		igbvf_reg_write(&w->vf, regs[i] + IGBVF_RING_DCTL,
				IGBVF_DCTL_ENABLE);
	}
	return 0;
}

static void send_some(struct __test_metadata *_metadata, struct world *w,
		      unsigned int frames)
{
	while (frames--)
		ASSERT_EQ(0, world_send(w, own, 0, SHORT));
}

/* The next frames that the VF has are @first to @last. */
static void check_taken(struct __test_metadata *_metadata, struct world *w,
			uint32_t first, uint32_t last)
{
	for (; first <= last; first++)
		ASSERT_EQ(first, world_take(w));
}

/* Each goes over the end at the one VF, and again at the other. */
TEST_F_TIMEOUT(igbvf, rings_of_any_size, TEST_SECONDS)
{
	static const uint32_t sizes[] = { 8, 32, 4096, MAX_ENTRIES };
	struct world *w = &self->w;
	struct registers before, after;
	uint32_t first, left;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		TH_LOG("%u descriptors", sizes[i]);
		ASSERT_EQ(0, world_start(w, sizes[i]));
		ASSERT_EQ(0, begin_at_end(w, 3));
		/* All but one are posted; and two of them used. */
		world_post(w);
		first = w->sequence + 1;
		send_some(_metadata, w, 2);
		look(w, &before);
		EXPECT_EQ(sizes[i] - 1, before.value[4]);
		ASSERT_EQ(0, world_move(w, !w->at));
		look(w, &after);
		CHECK_REGISTERS(&before, &after);
		check_taken(_metadata, w, first, first + 1);

		/* Each buffer that is left gets its frame, and no other does. */
		left = sizes[i] - 3 < 64 ? sizes[i] - 3 : 64;
		first = w->sequence + 1;
		send_some(_metadata, w, left + 1);
		check_taken(_metadata, w, first, first + left - 1);
		EXPECT_EQ(sizes[i] - 3 == left ? 0 : (int)(first + left),
			  world_take(w));
		for (j = 0; j < 6; j++)
			ASSERT_EQ(0, world_works(w));
	}
}

TEST_F_TIMEOUT(igbvf, empty_ring, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_move(w, 1));
	ASSERT_EQ(0, world_send(w, own, 0, SHORT));
	EXPECT_EQ(0, igbvf_reg_read(&w->vf, RX(0, HEAD)));
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(igbvf, full_ring, TEST_SECONDS)
{
	struct world *w = &self->w;

	/* All that was posted has come, and nobody has looked. */
	world_post(w);
	send_some(_metadata, w, ENTRIES + 3);
	ASSERT_EQ(0, world_move(w, 1));
	check_taken(_metadata, w, 1, ENTRIES - 1);
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(igbvf, disabled_queues, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct registers before, after;

	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, igbvf_ring_stop(&w->vf, &w->rx[0]));
	ASSERT_EQ(0, igbvf_ring_stop(&w->vf, &w->tx[1]));
	look(w, &before);
	ASSERT_EQ(0, world_move(w, 1));
	look(w, &after);
	CHECK_REGISTERS(&before, &after);
	EXPECT_FALSE(after.value[7] & IGBVF_DCTL_ENABLE);
	/* The other queue does what it did. */
	world_fill_tx(w, 0);
	EXPECT_EQ(0, world_sent(w, 0));
	world_post(w);
	ASSERT_EQ(0, world_send(w, own, 0, SHORT));
	EXPECT_EQ(0, world_take(w));

	memset((void *)w->rx[0].desc, 0, ENTRIES * 16);
	memset((void *)w->tx[1].desc, 0, ENTRIES * 16);
	ASSERT_EQ(0, igbvf_ring_start(&w->vf, &w->rx[0]));
	ASSERT_EQ(0, igbvf_ring_start(&w->vf, &w->tx[1]));
	EXPECT_EQ(0, world_works(w));
}

/* The doorbell was rung, and the VF did not come to it. */
TEST_F_TIMEOUT(igbvf, frames_that_were_not_sent_yet, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	for (i = 0; i < QUEUES; i++) {
		ASSERT_EQ(0, world_works(w));
		ASSERT_EQ(0, mig_set_state(world_user(w), STOP, NULL));
		world_fill_tx(w, i);
		EXPECT_NE(igbvf_reg_read(&w->vf, TX(i, HEAD)),
			  igbvf_reg_read(&w->vf, TX(i, TAIL)));
		ASSERT_EQ(0, world_move(w, !w->at));
		EXPECT_EQ(0, world_sent(w, i));
	}
	EXPECT_EQ(0, world_works(w));
}

/* They are lost, and nothing else is. */
TEST_F_TIMEOUT(igbvf, frames_while_it_stands, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct registers before, after;

	ASSERT_EQ(0, world_works(w));
	world_post(w);
	look(w, &before);
	ASSERT_EQ(0, world_save(w));
	send_some(_metadata, w, 5);
	ASSERT_EQ(0, world_load(w, 1));
	send_some(_metadata, w, 5);
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	look(w, &after);
	CHECK_REGISTERS(&before, &after);
	EXPECT_EQ(0, world_take(w));
	EXPECT_EQ(0, world_works(w));
	EXPECT_EQ(0, world_take(w));
}

/* Every buffer that was posted gets its frame, in order. */
TEST_F_TIMEOUT(igbvf, two_hundred_moves, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint32_t first;
	long start = now_ms();
	int i;

	for (i = 0; i < 200; i++) {
		world_post(w);
		first = w->sequence + 1;
		send_some(_metadata, w, 1 + i % 7);
		ASSERT_EQ(0, world_move(w, !w->at)) {
			TH_LOG("move %d", i);
		}
		check_taken(_metadata, w, first, w->sequence);
		world_fill_tx(w, i % QUEUES);
		ASSERT_EQ(0, world_sent(w, i % QUEUES));
	}
	TH_LOG("%ld ms", now_ms() - start);
	EXPECT_EQ(0, world_works(w));
}

/*
 * The mailbox, in the middle of it
 */

static void request(struct world *w, const uint8_t *address)
{
	uint32_t message[3] = { VF_SET_MAC_ADDR };
	int i;

	memcpy(&message[1], address, 6);
	for (i = 0; i < 3; i++)
		igbvf_reg_write(&w->vf, VMBMEM + i * 4, message[i]);
	igbvf_reg_write(&w->vf, V2PMAILBOX, V2PMAILBOX_REQ);
}

static bool owned(struct world *w)
{
	igbvf_reg_write(&w->vf, V2PMAILBOX, V2PMAILBOX_VFU);
	return igbvf_reg_read(&w->vf, V2PMAILBOX) & V2PMAILBOX_VFU;
}

/* Of all that was read, since a read clears it */
static bool answered(struct world *w, uint32_t read)
{
	long end = now_ms() + 3000;

	while (!(read & V2PMAILBOX_PFSTS) && now_ms() < end) {
		usleep(1000);
		read |= igbvf_reg_read(&w->vf, V2PMAILBOX);
	}
	return read & V2PMAILBOX_PFSTS;
}

#define MAC_ACK	(VF_SET_MAC_ADDR | MSG_CTS | MSG_ACK)

/* The PF has answered, and nobody has looked. */
TEST_F_TIMEOUT(igbvf, answer_that_was_not_read, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint32_t read;
	uint8_t byte;
	int i;

	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_TRUE(owned(w));
	request(w, third);
	usleep(200000);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, world_move(w, !w->at));
	/* Each part of the register has its own of it. */
	ASSERT_EQ(1, vfio_read(world_user(w), 0, V2PMAILBOX + 1, &byte, 1));
	EXPECT_EQ(0, byte);
	read = igbvf_reg_read(&w->vf, V2PMAILBOX);
	EXPECT_TRUE(read & V2PMAILBOX_PFSTS);
	EXPECT_TRUE(read & V2PMAILBOX_PFACK);
	EXPECT_FALSE(igbvf_reg_read(&w->vf, V2PMAILBOX) &
		     (V2PMAILBOX_PFSTS | V2PMAILBOX_PFACK));
	EXPECT_EQ(MAC_ACK, igbvf_reg_read(&w->vf, VMBMEM));
	/* It holds, whether it was read or not. */
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, SHORT));
	EXPECT_EQ(0, ask(w, VF_SET_VLAN | VF_VLAN_ADD, 5));
}

TEST_F_TIMEOUT(igbvf, half_a_message, TEST_SECONDS)
{
	struct world *w = &self->w;

	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_TRUE(owned(w));
	igbvf_reg_write(&w->vf, VMBMEM, VF_SET_MAC_ADDR);
	igbvf_reg_write(&w->vf, VMBMEM + 4, 0x12345678);
	igbvf_reg_write(&w->vf, VMBMEM + 60, 0x9abcdef0);
	ASSERT_EQ(0, world_move(w, 1));
	EXPECT_EQ(V2PMAILBOX_VFU, igbvf_reg_read(&w->vf, V2PMAILBOX) &
		  (V2PMAILBOX_VFU | V2PMAILBOX_PFSTS));
	EXPECT_EQ(VF_SET_MAC_ADDR, igbvf_reg_read(&w->vf, VMBMEM));
	EXPECT_EQ(0x12345678, igbvf_reg_read(&w->vf, VMBMEM + 4));
	EXPECT_EQ(0x9abcdef0, igbvf_reg_read(&w->vf, VMBMEM + 60));
	/* And the rest */
	request(w, third);
	EXPECT_TRUE(answered(w, 0));
	EXPECT_EQ(MAC_ACK, igbvf_reg_read(&w->vf, VMBMEM));
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, SHORT));
}

static int pf_up(struct world *w)
{
	int ret = world_ip(w, "up");

	close(w->packet);
	w->packet = ret ? -1 : netdev_frames(w->vfs[0].pf);
	return w->packet < 0 ? -EIO : 0;
}

/* The PF at the destination answers what the source's has not. */
TEST_F_TIMEOUT(igbvf, request_that_was_not_answered, TEST_SECONDS)
{
	struct world *w = &self->w;

	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_EQ(0, world_ip(w, "down"));
	usleep(200000);
	/* Perhaps it has said so. */
	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_TRUE(owned(w));
	request(w, third);
	usleep(200000);
	EXPECT_FALSE(igbvf_reg_read(&w->vf, V2PMAILBOX) & V2PMAILBOX_PFSTS);
	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, pf_up(w));
	ASSERT_EQ(0, world_load(w, 1));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_TRUE(answered(w, 0));
	EXPECT_EQ(MAC_ACK, igbvf_reg_read(&w->vf, VMBMEM));
	/* The PF has reset itself, and so the rings of the source. */
	ASSERT_EQ(0, igbvf_ring_start(&w->vf, &w->rx[0]));
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, SHORT));
}

/*
 * Refusals
 */

/*
 * VF 1 can't have the state of VF 0, for which things go on, until @remedy; then
 * it can.
 */
static void check_refused(struct __test_metadata *_metadata, struct world *w,
			  const char *message, const char *remedy)
{
	struct vfio_user *target = &w->users[1];

	ASSERT_EQ(0, world_save(w));
	EXPECT_EQ(-EACCES, world_load(w, 1));
	EXPECT_EQ(1, kmsg_has(w->kmsg, w->vfs[1].bdf, message, 1000));
	EXPECT_EQ(ERROR, mig_state(target));
	EXPECT_EQ(-EINVAL, mig_set_state(target, RUNNING, NULL));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0, world_works(w));

	ASSERT_EQ(0, vfio_reset(target));
	EXPECT_EQ(RUNNING, mig_state(target));
	ASSERT_EQ(0, world_ip(w, "%s", remedy));
	ASSERT_EQ(0, world_move(w, 1));
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(igbvf, another_address_is_set, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ip(w, "vf 1 mac 52:54:00:aa:bb:cc"));
	check_refused(_metadata, w,
		      "the PF refuses MAC address 02:76:66:69:6f:00: set it for this VF on this host, or none",
		      "vf 1 mac 00:00:00:00:00:00");
}

TEST_F_TIMEOUT(igbvf, its_address_is_set, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ip(w, "vf 1 mac 02:76:66:69:6f:00"));
	EXPECT_EQ(0, world_move(w, 1));
	EXPECT_EQ(0, world_works(w));
	EXPECT_EQ(0, world_ip(w, "vf 1 mac 00:00:00:00:00:00"));
}

TEST_F_TIMEOUT(igbvf, a_vlan_is_set, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, ask(w, VF_SET_VLAN | VF_VLAN_ADD, 9));
	ASSERT_EQ(0, world_ip(w, "vf 1 vlan 44"));
	check_refused(_metadata, w,
		      "the PF refuses VLAN 9: set no VLAN for this VF on this host",
		      "vf 1 vlan 0");
	EXPECT_EQ(1, world_arrives(w, own, 9, SHORT));
}

/* Where its address is set */
TEST_F_TIMEOUT(igbvf, not_trusted, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, igbvf_ask_address(&w->vf, VF_MAC_FILTER_ADD, second));
	ASSERT_EQ(0, world_ip(w, "vf 1 mac 02:76:66:69:6f:00"));
	check_refused(_metadata, w,
		      "the PF refuses the further MAC address 02:76:66:69:6f:02: trust this VF on this host",
		      "vf 1 trust on");
	EXPECT_EQ(1, world_arrives(w, second, 0, SHORT));
	EXPECT_EQ(0, world_ip(w, "vf 1 trust off"));
	EXPECT_EQ(0, world_ip(w, "vf 1 mac 00:00:00:00:00:00"));
}

TEST_F_TIMEOUT(igbvf, pf_is_down, TEST_SECONDS)
{
	struct world *w = &self->w;
	long start;

	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, world_ip(w, "down"));
	start = now_ms();
	EXPECT_EQ(-ETIMEDOUT, world_load(w, 1));
	EXPECT_GT(10000, now_ms() - start);
	EXPECT_EQ(1, kmsg_has(w->kmsg, w->vfs[1].bdf,
			      "the PF does not answer: bring it up, with its driver",
			      1000));
	EXPECT_EQ(ERROR, mig_state(&w->users[1]));
	ASSERT_EQ(0, vfio_reset(&w->users[1]));
	EXPECT_EQ(RUNNING, mig_state(&w->users[1]));
	ASSERT_EQ(0, pf_up(w));
	/* The same again */
	ASSERT_EQ(0, world_load(w, 1));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0, world_works(w));
}

/*
 * Resets
 */

static bool has_state(struct world *w, uint32_t state)
{
	return state != ERROR &&
	       ((state != PRE_COPY && state != PRE_COPY_P2P) ||
		mig_has_precopy(world_user(w)));
}

/* VF 1 is in that state; in RESUMING it has one, if @loaded. */
static void enter(struct __test_metadata *_metadata, struct world *w,
		  uint32_t state, bool loaded)
{
	int fd;

	if (state == RESUMING && loaded) {
		ASSERT_EQ(0, world_load(w, 1));
	} else {
		ASSERT_EQ(0, mig_set_state(&w->users[1], state, &fd));
		close(fd);
	}
}

/* As after power-on; and then it is of use. */
static void check_reset(struct __test_metadata *_metadata, struct world *w)
{
	EXPECT_EQ(RUNNING, mig_state(world_user(w)));
	EXPECT_FALSE(enabled(w));
	/* A reset has not ended the tracking of pages, by which posts are late. */
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	EXPECT_EQ(0, world_works(w));
	ASSERT_TRUE(__test_passed(_metadata));
}

/* What VF 0 has saved is there to be loaded; VF 1 runs. */
static void save_and_start(struct __test_metadata *_metadata, struct world *w)
{
	ASSERT_EQ(0, ask_for_all(w));
	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	ASSERT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(igbvf, reset_in_every_state, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint32_t state;
	int loaded;

	save_and_start(_metadata, w);
	for (state = 0; state < NUM_STATES; state++) {
		for (loaded = 0; loaded <= (state == RESUMING); loaded++) {
			if (!has_state(w, state))
				continue;
			TH_LOG("%s", mig_name(state));
			enter(_metadata, w, state, loaded);
			ASSERT_EQ(0, vfio_reset(world_user(w)));
			check_reset(_metadata, w);
		}
	}
}

TEST_F_TIMEOUT(igbvf, reset_by_register_in_every_state, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint32_t state;
	int loaded, i;

	save_and_start(_metadata, w);
	for (state = 0; state < NUM_STATES; state++) {
		for (loaded = 0; loaded <= (state == RESUMING); loaded++) {
			if (!has_state(w, state))
				continue;
			TH_LOG("%s", mig_name(state));
			enter(_metadata, w, state, loaded);
			for (i = 0; i < VECTORS; i++)
				world_drain(w, i);
			igbvf_reg_write(&w->vf, VTCTRL, VTCTRL_RST);
			EXPECT_EQ(state, mig_state(world_user(w)));
			/* Nothing was loaded: that is an error of its own. */
			if (state == RESUMING && !loaded) {
				ASSERT_EQ(0, vfio_reset(world_user(w)));
			} else {
				ASSERT_EQ(0, mig_set_state(world_user(w),
							   RUNNING, NULL));
			}
			/* What was stopped does not come to life again. */
			for (i = 0; i < VECTORS; i++)
				EXPECT_FALSE(world_drain(w, i));
			check_reset(_metadata, w);
		}
	}
}

/*
 * Hostile states
 */

/* The records of the stream: identity, and then the state */
struct record {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t len;
	uint32_t crc;
};

#define STATE_AT	(16 + 48)
#define PAYLOAD_AT	(STATE_AT + sizeof(struct record))

static uint32_t crc32_le(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *at = data;
	int bit;

	while (len--) {
		crc ^= *at++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

/* The state again has the checksum that it ought to have. */
static void seal(struct mig_stream *stream)
{
	struct record *record = (void *)(stream->bytes + STATE_AT);

	record->crc = crc32_le(~0u, record, offsetof(struct record, crc));
	record->crc = crc32_le(record->crc, record + 1, record->len);
}

/*
 * @w: with what was saved
 * @vf: which takes what is made of it
 * @step: every so many bytes are flipped, from @vf on
 * @random: how many times more than one byte
 */
struct mutation {
	struct world *w;
	unsigned int vf;
	unsigned int step;
	unsigned int random;
	unsigned int taken;
	unsigned int refused;
	struct mig_stream stream;
};

/* Loads it, and has it run; whatever becomes of it, the next can be loaded. */
static int try(struct mutation *m)
{
	struct vfio_user *user = &m->w->users[m->vf];
	int fd, ret;

	seal(&m->stream);
	ret = mig_set_state(user, RESUMING, &fd);
	if (ret)
		return ret;
	ret = mig_write(fd, m->stream.bytes, m->stream.len, PAGE);
	close(fd);
	if (!ret)
		ret = mig_set_state(user, RUNNING, NULL);
	if (!ret) {
		m->taken++;
		return world_send(m->w, everybody, 0, SHORT);
	}

	m->refused++;
	if (ret != -EINVAL && ret != -EACCES && ret != -ETIMEDOUT)
		return ret;
	ret = vfio_reset(user);
	return ret ? ret : vfio_bus_master(user, true);
}

static int mutate(void *arg)
{
	struct mutation *m = arg;
	const struct mig_stream *saved = &m->w->stream;
	size_t len = saved->len - PAYLOAD_AT, i;
	unsigned int seed = 1 + m->vf, bytes, round;
	int ret = 0;

	for (i = m->vf; !ret && i < len; i += m->step) {
		m->stream = *saved;
		m->stream.bytes[PAYLOAD_AT + i] ^= 1 << i % 8;
		ret = try(m);
	}
	for (round = 0; !ret && round < m->random; round++) {
		m->stream = *saved;
		for (bytes = 2 + round % 4; bytes; bytes--)
			m->stream.bytes[PAYLOAD_AT + rand_r(&seed) % len] =
				rand_r(&seed);
		ret = try(m);
	}
	return ret;
}

TEST_F_TIMEOUT(igbvf, hostile_states, TEST_SECONDS)
{
	struct world *w = &self->w;
	static struct mutation m[VFS];
	struct job job[VFS];
	uint8_t *canary = memory_alloc(PAGE);
	unsigned int i;

	memset(canary, 0x5a, PAGE);
	ASSERT_EQ(0, ask_for_all(w));
	ASSERT_EQ(0, world_works(w));
	world_post(w);
	ASSERT_EQ(0, world_save(w));
	for (i = 0; i < VFS; i++) {
		m[i] = (struct mutation){
			.w = w, .vf = i, .step = VFS, .random = 500,
		};
		ASSERT_EQ(0, vfio_bus_master(&w->users[i], true));
		job[i] = (struct job){ .run = mutate, .arg = &m[i] };
		ASSERT_EQ(0, job_start(&job[i], job[i].run, job[i].arg));
	}
	for (i = 0; i < VFS; i++) {
		ASSERT_EQ(0, job_wait(&job[i], TEST_SECONDS));
		EXPECT_EQ(0, job[i].result);
		TH_LOG("VF %u: %u loaded, %u refused", i, m[i].taken,
		       m[i].refused);
		EXPECT_LT(0, m[i].taken);
		EXPECT_LT(0, m[i].refused);
	}
	EXPECT_TRUE(all_bytes(canary, 0x5a, PAGE));
	/* For QEMU's model, which never forgets a vector that a queue had */
	ASSERT_EQ(0, world_ip(w, "down"));
	ASSERT_EQ(0, pf_up(w));
	for (i = 0; i < VFS; i++) {
		ASSERT_EQ(0, vfio_reset(&w->users[i]));
		ASSERT_EQ(0, world_attach(w, i));
		ASSERT_EQ(0, world_start(w, ENTRIES));
		EXPECT_EQ(0, world_works(w));
	}
	EXPECT_EQ(0, health_complaints(w->kmsg));
}

/* Rings where nothing is mapped: what is there stays as it is. */
TEST_F_TIMEOUT(igbvf, rings_that_are_elsewhere, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint8_t *canary = memory_alloc(PAGE);
	uint64_t where = physical(canary);
	int i;

	memset(canary, 0x5a, PAGE);
	ASSERT_NE(0, where);
	world_post(w);
	ASSERT_EQ(0, world_save(w));
	/* The address of the first receive ring */
	memcpy(w->stream.bytes + PAYLOAD_AT, &where, 8);
	seal(&w->stream);
	ASSERT_EQ(0, world_load(w, 1));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, world_send(w, own, 0, SHORT));
	usleep(100000);
	EXPECT_TRUE(all_bytes(canary, 0x5a, PAGE));
	ASSERT_EQ(0, vfio_reset(world_user(w)));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	EXPECT_EQ(0, world_works(w));
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(world_end);
}

TEST_HARNESS_MAIN
