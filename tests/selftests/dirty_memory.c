// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of memory that comes and goes; see dirty.c. Lab device: igb.
 */

#include <string.h>

#define NIC_TYPE	"pt-igb-vf"
#define NIC_MODULE	"mdev_pt_igb_vf"

#include "nic_fixture.h"
#include "clock.h"
#include "job.h"

static int remap(struct mirror *m, struct vfio_user *u)
{
	return vfio_map_dma(u, m->memory, m->iova, m->size,
			    VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

/* Memory that is hot-plugged in the middle */
TEST_F_TIMEOUT(dirty, mapped_while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror more = {};
	struct mirror_count count = {};
	unsigned int i;

	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 100);
	ASSERT_EQ(0, mirror_map(&more, &w->user, BUFFERS_IOVA + BUFFERS_SIZE,
				64 * PAGE));
	mirror_begin(&more);
	ASSERT_EQ(0, nic_ring_start(w, 64, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	for (i = 0; i < 63; i++)
		igbvf_ring_fill_rx(&w->rx, more.iova + i * PAGE, 0);
	igbvf_ring_bell(&w->vf, &w->rx);
	ASSERT_TRUE(nic_receive(w, 50));
	ASSERT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
	ASSERT_EQ(0, mirror_sync(&more, &w->user, w->tracking, &count));
	EXPECT_LE(45, count.changed);
	CHECK_COUNT(count, "mapped late");
	mirror_free(&more);
}

/* Pins come and go just then; they must not be in the way. */
TEST_F_TIMEOUT(dirty, unmapped_under_traffic, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct nic_driver driver = { .w = w };
	struct job job;
	int i;

	ASSERT_EQ(0, nic_track(w));
	ASSERT_EQ(0, job_start(&job, nic_drive, &driver));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, vfio_unmap_dma(&w->user, w->buffers.iova,
					    w->buffers.size));
		ASSERT_EQ(0, remap(&w->buffers, &w->user));
	}
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	/* What the unmaps took away was not asked for. */
	mirror_begin(&w->buffers);
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

/* Unmaps the buffers: what was written there until now is reported. */
static int unmap_reported(struct nic *w, struct mirror_count *count)
{
	uint64_t bitmap[DIRTY_WORDS(BUFFERS_SIZE / PAGE)] = {};
	int ret;

	memset(count, 0, sizeof(*count));
	/* The log does not hear of mappings: it is asked afterwards. */
	if (w->tracking == LOG)
		return vfio_unmap_dma(&w->user, w->buffers.iova,
				      w->buffers.size) ? :
		       mirror_sync(&w->buffers, &w->user, LOG, count);
	ret = container_unmap(&w->user, w->buffers.iova, w->buffers.size,
			      bitmap);
	if (!ret)
		mirror_take(&w->buffers, bitmap, count);
	return ret;
}

TEST_F_TIMEOUT(dirty, unmapped_with_its_bitmap, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 20; i++) {
		CHECK_TRAFFIC(w, 300);
		ASSERT_EQ(0, unmap_reported(w, &count));
		EXPECT_LT(0, count.changed);
		CHECK_COUNT(count, "unmapped");
		/* The descriptors that are still posted lead nowhere just now. */
		ASSERT_EQ(0, remap(&w->buffers, &w->user));
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "mapped again");
	}
	CHECK_STOPPED(w);
}

/* Guards that stand in the way of an unmap are a BUG of the kernel's. */
TEST_F_TIMEOUT(dirty, unmapped_at_once, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;
	long begin, longest = 0;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 100; i++) {
		nic_post(w, 255);
		begin = now_ms();
		ASSERT_EQ(0, vfio_unmap_dma(&w->user, w->buffers.iova,
					    w->buffers.size));
		longest = now_ms() - begin > longest ? now_ms() - begin :
						       longest;
		ASSERT_EQ(0, remap(&w->buffers, &w->user));
		nic_collect(w, 1, 1);
		if (i % 10 == 9)
			ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED |
						    IGBVF_PACKET(2)));
	}
	TH_LOG("at most %ld ms", longest);
	mirror_begin(&w->buffers);
	ASSERT_EQ(0, nic_sync(w, &count));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

/* All of the memory goes, and the device is closed with it. */
TEST_F_TIMEOUT(dirty, everything_unmapped, TEST_SECONDS)
{
	struct nic *w = &self->w;

	ASSERT_EQ(0, nic_track(w));
	nic_post(w, 255);
	ASSERT_EQ(0, vfio_unmap_dma(&w->user, w->rings.iova, w->rings.size));
	ASSERT_EQ(0, vfio_unmap_dma(&w->user, w->buffers.iova,
				    w->buffers.size));
	EXPECT_TRUE(nic_send(w, MAX_FRAME));
	EXPECT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
	EXPECT_EQ(0, mig_set_state(&w->user, RUNNING, NULL));
}

TEST_HARNESS_MAIN
