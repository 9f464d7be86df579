// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of an 82576 VF moves: registers, rings, statistics, and what the PF
 * does for it; seen from its user and from the wire. Type pt-igb-vf. More of it
 * in igbvf_mailbox and igbvf_hostile. Lab device: igb.
 */

#include <string.h>
#include <unistd.h>

#include "igbvf_fixture.h"
#include "clock.h"
#include "rounds.h"

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

static const uint32_t counters[] = { VFGPRC, VFGPTC, VFGORC, VFGOTC, VFMPRC };

static void count(struct world *w, uint32_t *values)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		values[i] = igbvf_reg_read(&w->vf, counters[i]);
}

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

	ASSERT_EQ(0, world_ask(w, VF_SET_MULTICAST | MSG_INFO(1),
			       world_hash(multicast)));
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

	EXPECT_EQ(0, world_arrives(w, second, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 5, SHORT));
	EXPECT_EQ(0, world_arrives(w, multicast, 0, SHORT));
	ASSERT_EQ(0, world_ask_for_all(w));
	CHECK_ALL(w);
	ASSERT_EQ(0, go(w, variant));
	CHECK_ALL(w);
	/* What was taken back is not there any more. */
	ASSERT_EQ(0, world_ask(w, VF_SET_VLAN, 5));
	ASSERT_EQ(0, go(w, variant));
	EXPECT_EQ(0, world_arrives(w, own, 5, SHORT));
	EXPECT_EQ(1, world_arrives(w, own, 100, SHORT));
}

/*
 * With both VFs open
 */

TEST_F_TIMEOUT(igbvf, there_and_back, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct registers before, after;
	int i;

	ASSERT_EQ(0, world_ask_for_all(w));
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

	ASSERT_EQ(0, world_ask_for_all(w));
	ASSERT_EQ(0, world_works(w));
	look(w, &before);
	ASSERT_EQ(0, world_save(w));
	EXPECT_FALSE(world_enabled(w));
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

	ASSERT_EQ(0, world_ask_for_all(w));
	ASSERT_EQ(0, world_ask(w, VF_SET_PROMISC | VF_PROMISC_MULTICAST, 0));
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
	EXPECT_FALSE(world_enabled(w));
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

	for (i = 0; i < (int)rounds(200, 60); i++) {
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
 * It stands between a context, which it has read, and the frame that it is for. The
 * PF gets no frame without the tag that the context has.
 */
TEST_F_TIMEOUT(igbvf, context_and_then_its_frame, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, world_ask(w, VF_SET_VLAN | VF_VLAN_ADD, 5));
	ASSERT_EQ(0, world_listen_vlan(w, 5));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, world_fill_context(w, i / 2 % 2, 5));
		/* As it does without */
		if (i % 2)
			ASSERT_EQ(0, world_move(w, !w->at));
		world_fill_tagged(w, i / 2 % 2);
		ASSERT_EQ(0, world_sent(w, i / 2 % 2)) {
			TH_LOG("round %u", i);
		}
	}
	/* Nor is anything else read twice. */
	ASSERT_EQ(0, world_fill_context(w, 0, 5));
	ASSERT_EQ(0, mig_set_state(world_user(w), STOP, NULL));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	world_fill_tagged(w, 0);
	EXPECT_EQ(0, world_sent(w, 0));
	EXPECT_EQ(w->tx[0].tail, igbvf_reg_read(&w->vf, TX(0, HEAD)));
}

TEST_HARNESS_MAIN
