// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of rings that are set up by messages: the vendor attaches them to
 * their tails. See dirty.c. Type pt-test-ring. Lab device: igb.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NIC_TYPE	"pt-test-ring"
#define NIC_MODULE	"pt_test_ring"

#include "nic_fixture.h"
#include "clock.h"
#include "job.h"
#include "netdev.h"
#include "sysfs.h"

#include "../modules/pt_test_ring.h"

/* 82576 datasheet, 8.26 */
#define SRRCTL1	0x290c

/* The vendor's only region */
#define MESSAGES	VFIO_PCI_NUM_REGIONS

static int say(struct nic *w, const struct pt_test_ring_message *message)
{
	ssize_t ret = vfio_write(&w->user, MESSAGES, 0, message,
				 sizeof(*message));

	return ret < 0 ? ret : ret == sizeof(*message) ? 0 : -EIO;
}

static int attach_rx(struct nic *w, uint32_t completion)
{
	return say(w, &(struct pt_test_ring_message){
		.tail = PT_TEST_RING_RX, .base = w->rx.iova,
		.entries = w->rx.entries, .buffer = w->room,
		.completion = completion,
	});
}

static int detach_rx(struct nic *w)
{
	return say(w, &(struct pt_test_ring_message){
		.tail = PT_TEST_RING_RX });
}

static void check_traffic(struct __test_metadata *_metadata, struct nic *w)
{
	int i;

	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 600);
		CHECK_SYNC(w, "phase");
	}
	CHECK_STOPPED(w);
	ASSERT_EQ(0, nic_untrack(w));
}

/* The ring is in use when tracking begins: nobody knows how far. */
TEST_F_TIMEOUT(dirty, before_tracking, TEST_SECONDS)
{
	struct nic *w = &self->w;

	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	CHECK_TRAFFIC(w, 100);
	ASSERT_EQ(0, nic_track(w));
	check_traffic(_metadata, w);
	/* And again, from where it is now */
	nic_post(w, 255);
	ASSERT_EQ(0, nic_track(w));
	ASSERT_TRUE(nic_receive(w, 100));
	CHECK_SYNC(w, "posted before");
	check_traffic(_metadata, w);
}

TEST_F_TIMEOUT(dirty, by_the_head, TEST_SECONDS)
{
	struct nic *w = &self->w;

	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_HEAD));
	CHECK_TRAFFIC(w, 100);
	ASSERT_EQ(0, nic_track(w));
	check_traffic(_metadata, w);
}

/* Attached while tracked; what is posted already is noted before it returns. */
TEST_F_TIMEOUT(dirty, while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	long seen;

	ASSERT_EQ(0, nic_track(w));
	nic_post(w, 100);
	/* Nobody knows of the ring: the tail goes on, and nothing is seen. */
	ASSERT_TRUE(nic_receive(w, 50));
	EXPECT_EQ(0, nic_posts(w));
	ASSERT_EQ(0, nic_untrack(w));

	ASSERT_EQ(0, nic_ring_start(w, 64, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	ASSERT_EQ(0, nic_track(w));
	/* No frame arrives before the ring is attached. */
	nic_post(w, 63);
	seen = nic_posts(w);
	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	EXPECT_LE(seen + 63, nic_posts(w));
	check_traffic(_metadata, w);
}

/* What was written until then is reported, and nothing that comes later. */
TEST_F_TIMEOUT(dirty, detached, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;

	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	ASSERT_EQ(0, detach_rx(w));
	ASSERT_EQ(0, nic_sync(w, &count));
	CHECK_COUNT(count, "detached");
	EXPECT_LT(100, count.changed);
	/* Twice is once. */
	EXPECT_EQ(0, detach_rx(w));
	CHECK_TRAFFIC(w, 100);
	ASSERT_EQ(0, nic_sync(w, &count));
	EXPECT_LT(0, count.missed);
	/* Some may still be of the last posts. */
	EXPECT_GT(20, count.reported);
}

TEST_F_TIMEOUT(dirty, a_reset_detaches, TEST_SECONDS)
{
	struct nic *w = &self->w;
	long seen;

	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	ASSERT_EQ(0, vfio_reset(&w->user));
	CHECK_SYNC(w, "reset");
	ASSERT_EQ(0, nic_untrack(w));

	ASSERT_EQ(0, nic_restart(w));
	ASSERT_EQ(0, nic_track(w));
	seen = nic_posts(w);
	CHECK_TRAFFIC(w, 100);
	EXPECT_EQ(seen, nic_posts(w));
	ASSERT_EQ(0, nic_untrack(w));
	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	ASSERT_EQ(0, nic_track(w));
	check_traffic(_metadata, w);
}

/* A register beside the tail is the function's, tracked or not. */
TEST_F_TIMEOUT(dirty, register_beside, TEST_SECONDS)
{
	struct nic *w = &self->w;

	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	igbvf_reg_write(&w->vf, SRRCTL1, 0x02000002);
	ASSERT_EQ(0, nic_track(w));
	EXPECT_EQ(0x02000002, igbvf_reg_read(&w->vf, SRRCTL1));
	igbvf_reg_write(&w->vf, SRRCTL1, 0x02000001);
	EXPECT_EQ(0x02000001, igbvf_reg_read(&w->vf, SRRCTL1));
	CHECK_TRAFFIC(w, 50);
	/* The last before tracking ends */
	igbvf_reg_write(&w->vf, SRRCTL1, 0x02000002);
	ASSERT_EQ(0, nic_untrack(w));
	EXPECT_EQ(0x02000002, igbvf_reg_read(&w->vf, SRRCTL1));
}

#define LOOK_MS	"/sys/module/" NIC_MODULE "/parameters/look_ms"

/* @fd: where the state comes from */
static int track(struct nic *w, int *fd)
{
	mirror_begin(&w->rings);
	mirror_begin(&w->buffers);
	return container_start(&w->user) ? :
	       mig_set_state(&w->user, PRE_COPY, fd);
}

static int save(struct nic *w, int fd)
{
	static struct mig_stream stream;
	int ret;

	stream.len = 0;
	ret = mig_set_state(&w->user, STOP_COPY, NULL) ? :
	      mig_read(fd, &stream, 4096);
	close(fd);
	return ret;
}

/*
 * Memory goes before anybody has looked what was written there: that migration is
 * not completed, the next one may be.
 */
TEST_F_TIMEOUT(dirty, look_that_comes_too_late, TEST_SECONDS)
{
	struct nic *w = &self->w;
	int ret, fd;

	if (w->tracking != CONTAINER)
		SKIP(return, "the container forgets with the memory, the log does not");
	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	ASSERT_EQ(0, track(w, &fd));
	CHECK_TRAFFIC(w, 100);
	ASSERT_EQ(0, sysfs_write(LOOK_MS, "5000"));
	ret = vfio_unmap_dma(&w->user, w->buffers.iova, w->buffers.size);
	ASSERT_EQ(0, sysfs_write(LOOK_MS, "0"));
	ASSERT_EQ(0, ret);

	EXPECT_EQ(-ETIMEDOUT, save(w, fd));
	ASSERT_EQ(0, nic_untrack(w));

	ASSERT_EQ(0, vfio_map_dma(&w->user, w->buffers.memory, w->buffers.iova,
				  w->buffers.size, VFIO_DMA_MAP_FLAG_READ |
				  VFIO_DMA_MAP_FLAG_WRITE));
	ASSERT_EQ(0, track(w, &fd));
	CHECK_TRAFFIC(w, 100);
	CHECK_SYNC(w, "tracked again");
	EXPECT_EQ(0, save(w, fd));
	ASSERT_EQ(0, nic_untrack(w));
}

/* Under traffic, in any order */
TEST_F_TIMEOUT(dirty, comes_and_goes_under_traffic, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct nic_driver driver = { .w = w };
	struct job job;
	int i;

	ASSERT_EQ(0, job_start(&job, nic_drive, &driver));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, attach_rx(w, i % 2 ? PT_TEST_RING_DONE :
					  PT_TEST_RING_HEAD));
		if (i % 3)
			ASSERT_EQ(0, nic_track(w));
		if (i % 5)
			ASSERT_EQ(0, detach_rx(w));
		if (i % 3)
			ASSERT_EQ(0, nic_untrack(w));
	}
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	/* No tail was lost. */
	CHECK_TRAFFIC(w, 1000);
}

static void check_sent(struct __test_metadata *_metadata, struct nic *w,
		       uint32_t completion, uint64_t writeback)
{
	struct igbvf_ring tx = {
		.desc = (void *)(w->rings.memory + TX_RING),
		.iova = RINGS_IOVA + TX_RING,
		.entries = 32,
		.writeback = writeback,
	};
	long end = now_ms() + NIC_PATIENCE_MS;
	unsigned int done = 0;

	ASSERT_EQ(0, igbvf_ring_stop(&w->vf, &w->vf.tx));
	memset(w->rings.memory + TX_RING, 0, PAGE);
	make_frame(w->rings.memory + TX_BUFFER, w->vf.mac, 1);
	ASSERT_EQ(0, igbvf_ring_start(&w->vf, &tx));
	ASSERT_EQ(0, say(w, &(struct pt_test_ring_message){
		.tail = PT_TEST_RING_TX, .base = tx.iova,
		.entries = tx.entries, .completion = completion,
		.writeback = writeback,
	}));
	while (igbvf_ring_room(&tx))
		igbvf_ring_fill_tx(&tx, RINGS_IOVA + TX_BUFFER, FRAME_LEN);
	ASSERT_EQ(0, nic_track(w));
	/* From here on only the device writes. */
	igbvf_ring_bell(&w->vf, &tx);
	/* The head can't be read just now. */
	while (writeback && now_ms() < end &&
	       *(volatile uint32_t *)(w->rings.memory + WRITEBACK) != 31)
		;
	tx.writeback = 0;
	while (!writeback && done < 31 && now_ms() < end)
		done += igbvf_ring_done(&w->vf, &tx);
	if (writeback)
		done = *(uint32_t *)(w->rings.memory + WRITEBACK);
	EXPECT_EQ(31, done);
	CHECK_SYNC(w, "sent");
	CHECK_STOPPED(w);
	ASSERT_EQ(0, nic_untrack(w));
}

TEST_F_TIMEOUT(dirty, sent, TEST_SECONDS)
{
	check_sent(_metadata, &self->w, PT_TEST_RING_DONE, 0);
}

TEST_F_TIMEOUT(dirty, sent_with_head_writeback, TEST_SECONDS)
{
	check_sent(_metadata, &self->w, PT_TEST_RING_WRITEBACK,
		   RINGS_IOVA + WRITEBACK);
}

/* They lead nowhere, or are what no device has. */
TEST_F_TIMEOUT(dirty, hostile, TEST_SECONDS)
{
	static const struct pt_test_ring_message messages[] = {
		{ .base = 0x123456789000, .entries = 256, .buffer = 2048 },
		{ .base = -128ULL, .entries = 256, .buffer = 2048 },
		{ .base = BUFFERS_IOVA, .entries = 65536, .buffer = 2048 },
		{ .base = BUFFERS_IOVA, .entries = 256, .buffer = 1 << 20 },
		{ .base = BUFFERS_IOVA, .entries = 256,
		  .completion = PT_TEST_RING_WRITEBACK,
		  .writeback = -2ULL },
		{ .base = BUFFERS_IOVA, .entries = 2, .buffer = 2048 },
	};
	struct nic *w = &self->w;
	struct mirror_count count;
	unsigned int i;

	EXPECT_EQ(-EINVAL, say(w, &(struct pt_test_ring_message){
		.entries = 65537 }));
	EXPECT_EQ(-EINVAL, say(w, &(struct pt_test_ring_message){
		.entries = 1 }));
	EXPECT_EQ(-EINVAL, say(w, &(struct pt_test_ring_message){
		.entries = 8, .tail = 2 }));
	for (i = 0; i < ARRAY_SIZE(messages); i++) {
		/* Before tracking begins, and while it goes on */
		if (i % 2)
			ASSERT_EQ(0, say(w, &messages[i]));
		ASSERT_EQ(0, nic_track(w));
		if (!(i % 2))
			ASSERT_EQ(0, say(w, &messages[i]));
		nic_post(w, 100);
		EXPECT_TRUE(nic_send(w, 100));
		EXPECT_EQ(0, nic_sync(w, &count));
		EXPECT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
		ASSERT_EQ(0, nic_untrack(w));
	}
	ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	ASSERT_EQ(0, attach_rx(w, PT_TEST_RING_DONE));
	ASSERT_EQ(0, nic_track(w));
	check_traffic(_metadata, w);
}

TEST_HARNESS_MAIN
