// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages: rings of all kinds, and rings that nobody should set up; see
 * dirty.c. Lab device: igb.
 */

#include <string.h>

#define NIC_TYPE	"pt-igb-vf"
#define NIC_MODULE	"mdev_pt_igb_vf"

#include "nic_fixture.h"
#include "clock.h"
#include "job.h"
#include "netdev.h"
#include "rounds.h"

static void check_ring(struct __test_metadata *_metadata, struct nic *w,
		       uint32_t entries, uint32_t srrctl)
{
	int i;

	ASSERT_EQ(0, nic_ring_start(w, entries, srrctl));
	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "phase");
	}
	CHECK_STOPPED(w);
	ASSERT_EQ(0, nic_untrack(w));
}

TEST_F_TIMEOUT(dirty, rings_of_any_length, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 8, IGBVF_ADVANCED | IGBVF_PACKET(2));
	check_ring(_metadata, &self->w, 40, IGBVF_ADVANCED | IGBVF_PACKET(2));
	check_ring(_metadata, &self->w, rounds(4096, 1000),
		   IGBVF_ADVANCED | IGBVF_PACKET(2));
}

TEST_F_TIMEOUT(dirty, several_buffers_a_packet, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_ADVANCED | IGBVF_PACKET(1));
}

TEST_F_TIMEOUT(dirty, large_buffers, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_ADVANCED | IGBVF_PACKET(16));
}

TEST_F_TIMEOUT(dirty, buffers_of_the_default_size, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_ADVANCED | IGBVF_PACKET(0));
}

TEST_F_TIMEOUT(dirty, legacy_descriptors, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_LEGACY | IGBVF_PACKET(2));
}

TEST_F_TIMEOUT(dirty, headers_apart, TEST_SECONDS)
{
	/* All kinds of packets */
	igbvf_reg_write(&self->w.vf, IGBVF_PSRTYPE, 0x1ffe);
	check_ring(_metadata, &self->w, 64,
		   IGBVF_SPLIT | IGBVF_HEADER(256) | IGBVF_PACKET(2));
}

/*
 * Sending: descriptors, or the head instead
 */

static void check_send(struct __test_metadata *_metadata, struct nic *w,
		       unsigned int queue, uint64_t writeback)
{
	struct igbvf_ring tx = {
		.queue = queue,
		.desc = (void *)(w->rings.memory + TX_RING),
		.iova = RINGS_IOVA + TX_RING,
		.entries = 32,
		.writeback = writeback,
	};
	long end = now_ms() + NIC_PATIENCE_MS;
	unsigned int done = 0, i;

	if (!queue)
		ASSERT_EQ(0, igbvf_ring_stop(&w->vf, &w->vf.tx));
	memset(w->rings.memory + TX_RING, 0, PAGE);
	make_frame(w->rings.memory + TX_BUFFER, w->vf.mac, 1);
	ASSERT_EQ(0, igbvf_ring_start(&w->vf, &tx));
	while (igbvf_ring_room(&tx))
		igbvf_ring_fill_tx(&tx, RINGS_IOVA + TX_BUFFER, FRAME_LEN);
	ASSERT_EQ(0, nic_track(w));

	/* From here on only the device writes. */
	igbvf_ring_bell(&w->vf, &tx);
	while (done < 31 && now_ms() < end)
		done += igbvf_ring_done(&w->vf, &tx);
	EXPECT_EQ(31, done);
	if (writeback)
		EXPECT_EQ(31, *(uint32_t *)(w->rings.memory + WRITEBACK));
	CHECK_SYNC(w, "sent");

	/* The rest is still posted, and the device still the same. */
	CHECK_STOPPED(w);
	ASSERT_EQ(0, nic_untrack(w));
	for (i = 0; i < 20; i++)
		igbvf_ring_fill_tx(&tx, RINGS_IOVA + TX_BUFFER, FRAME_LEN);
	ASSERT_EQ(0, nic_track(w));
	igbvf_ring_bell(&w->vf, &tx);
	CHECK_STOPPED(w);
	ASSERT_EQ(0, nic_untrack(w));
	for (end = now_ms() + NIC_PATIENCE_MS; done < 51 && now_ms() < end;)
		done += igbvf_ring_done(&w->vf, &tx);
	EXPECT_EQ(51, done);
	ASSERT_EQ(0, igbvf_ring_stop(&w->vf, &tx));
}

TEST_F_TIMEOUT(dirty, sent_descriptors, TEST_SECONDS)
{
	check_send(_metadata, &self->w, 0, 0);
}

TEST_F_TIMEOUT(dirty, sent_by_the_second_queue, TEST_SECONDS)
{
	check_send(_metadata, &self->w, 1, 0);
}

TEST_F_TIMEOUT(dirty, sent_with_head_writeback, TEST_SECONDS)
{
	check_send(_metadata, &self->w, 0, RINGS_IOVA + WRITEBACK);
}

/*
 * Hostile rings
 */

struct hostile {
	const char *name;
	uint64_t base;
	uint32_t len;
	uint32_t head;
	uint32_t tail;
	uint32_t srrctl;
	uint64_t buffer;
};

static const struct hostile hostile[] = {
	{ "ring unmapped", 0x123456789000, 4096, 0, 100, 2, BUFFERS_IOVA },
	{ "ring at the end of addresses", 0xffffffffffffff80, 4096, 0, 100, 2,
	  BUFFERS_IOVA },
	{ "ring at 0", 0, 4096, 0, 100, 2, BUFFERS_IOVA },
	{ "ring half unmapped", BUFFERS_IOVA + BUFFERS_SIZE - 2048, 4096, 0,
	  255, 2, BUFFERS_IOVA },
	{ "no length", BUFFERS_IOVA, 0, 0, 10, 2, BUFFERS_IOVA },
	{ "largest length", BUFFERS_IOVA, 0xfff80, 0, 0xffff, 2, BUFFERS_IOVA },
	{ "length out of range", BUFFERS_IOVA, 0xffffffff, 0, 0xffffffff, 2,
	  BUFFERS_IOVA },
	{ "tail beyond the ring", BUFFERS_IOVA, 4096, 0, 256, 2, BUFFERS_IOVA },
	{ "tail far beyond", BUFFERS_IOVA, 4096, 0, 0xffffffff, 2,
	  BUFFERS_IOVA },
	{ "head beyond the ring", BUFFERS_IOVA, 4096, 0xffff, 10, 2,
	  BUFFERS_IOVA },
	{ "buffers unmapped", BUFFERS_IOVA, 4096, 0, 200, 2, 0x123456789000 },
	{ "buffers at the end of addresses", BUFFERS_IOVA, 4096, 0, 200, 127,
	  0xfffffffffffffff0 },
	{ "buffers beyond 48 bits", BUFFERS_IOVA, 4096, 0, 200, 127,
	  0x8000000000000000 },
	{ "buffers in the ring", BUFFERS_IOVA, 4096, 0, 200, 2, BUFFERS_IOVA },
	{ "largest buffers", BUFFERS_IOVA, 4096, 0, 200, 127, BUFFERS_IOVA },
	{ "reserved descriptor type", BUFFERS_IOVA, 4096, 0, 200,
	  7u << 25 | 0x3f00 | 127, BUFFERS_IOVA },
};

static void set_up(struct nic *w, const struct hostile *h)
{
	const uint32_t regs = IGBVF_RX_RING(0);
	uint64_t *desc = (void *)w->buffers.memory;
	size_t i;

	for (i = 0; i < BUFFERS_SIZE / 8; i++)
		desc[i] = h->buffer;
	igbvf_ring_stop(&w->vf, &w->rx);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_BAL, h->base);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_BAH, h->base >> 32);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_LEN, h->len);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_SRRCTL, h->srrctl);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_HEAD, h->head);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_TAIL, h->head);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_DCTL, IGBVF_DCTL_ENABLE);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_TAIL, h->tail);
}

/* Nothing is expected of them but that they harm nobody. */
TEST_F_TIMEOUT(dirty, hostile_rings, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;
	unsigned int i, j;
	long begin;

	for (i = 0; i < ARRAY_SIZE(hostile); i++) {
		begin = now_ms();
		/* Before tracking begins, and while it goes on */
		if (i % 2)
			set_up(w, &hostile[i]);
		ASSERT_EQ(0, nic_track(w)) {
			TH_LOG("%s", hostile[i].name);
		}
		if (!(i % 2))
			set_up(w, &hostile[i]);
		for (j = 0; j < 10; j++)
			EXPECT_TRUE(nic_send(w, nic_length(w)));
		EXPECT_EQ(0, nic_sync(w, &count));
		EXPECT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
		EXPECT_EQ(0, mig_set_state(&w->user, RUNNING, NULL)) {
			TH_LOG("%s", hostile[i].name);
		}
		ASSERT_EQ(0, vfio_reset(&w->user));
		ASSERT_EQ(0, nic_untrack(w));
		TH_LOG("%s: %ld ms", hostile[i].name, now_ms() - begin);

		/* The next driver of the device has a good time. */
		ASSERT_EQ(0, nic_restart(w));
		ASSERT_EQ(0, nic_track(w));
		CHECK_TRAFFIC(w, 20);
		CHECK_STOPPED(w);
		ASSERT_EQ(0, nic_untrack(w));
	}
}

static int scribble(void *arg)
{
	static const uint8_t offsets[] = {
		IGBVF_RING_BAL, IGBVF_RING_BAH, IGBVF_RING_LEN,
		IGBVF_RING_SRRCTL, IGBVF_RING_HEAD, IGBVF_RING_TAIL,
		IGBVF_RING_DCTL,
	};
	struct nic_driver *driver = arg;
	struct nic *w = driver->w;
	unsigned int seed = 1;

	while (!__atomic_load_n(&driver->stop, __ATOMIC_ACQUIRE)) {
		uint32_t value = rand_r(&seed) << (rand_r(&seed) % 24);

		if (rand_r(&seed) % 3 == 0)
			value = rand_r(&seed) % 300;
		igbvf_reg_write(&w->vf, IGBVF_RX_RING(rand_r(&seed) % 2) +
				offsets[rand_r(&seed) % sizeof(offsets)], value);
		driver->done++;
	}
	return 0;
}

/* Registers are written at random while tracking comes and goes. */
TEST_F_TIMEOUT(dirty, registers_at_random, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct nic_driver driver = { .w = w };
	struct mirror_count count;
	struct job job;
	int i;

	ASSERT_EQ(0, job_start(&job, scribble, &driver));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, nic_track(w));
		EXPECT_TRUE(nic_send(w, nic_length(w)));
		EXPECT_EQ(0, nic_sync(w, &count));
		/* It may be in a state that no queue can be stopped in. */
		if (mig_set_state(&w->user, STOP_COPY, NULL) ||
		    nic_untrack(w)) {
			ASSERT_EQ(0, vfio_reset(&w->user));
			ASSERT_EQ(0, nic_untrack(w));
		}
	}
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	TH_LOG("%u writes", driver.done);
	ASSERT_EQ(0, vfio_reset(&w->user));
	ASSERT_EQ(0, nic_restart(w));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

TEST_HARNESS_MAIN
