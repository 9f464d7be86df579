// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of a user of iommufd, whose address spaces come and go: the core reads
 * the rings where the device does, or says that it can't. See dirty.c. Type
 * pt-igb-vf. Lab device: igb.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "job.h"
#include "kmsg.h"
#include "migration.h"
#include "nic.h"

#define NIC_TYPE	"pt-igb-vf"
#define NIC_MODULE	"mdev_pt_igb_vf"
#define TEST_SECONDS	600
#define PATIENCE_MS	5000

#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

FIXTURE(ioas) {
	struct nic w;
	int kmsg;
};

FIXTURE_SETUP(ioas)
{
	struct nic *w = &self->w;
	const char *missing = nic_offer(w, NIC_TYPE, NIC_MODULE);

	if (missing)
		SKIP(return, "%s", missing);
	if (!vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd, or no character devices of VFIO");
	w->seed = 1;
	w->way = VFIO_WAY_CDEV;
	ASSERT_EQ(0, nic_attach(w));
	missing = nic_tracking_missing(w, LOG);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
}

FIXTURE_TEARDOWN(ioas)
{
	nic_detach(&self->w);
	EXPECT_EQ(0, function_withdraw(&self->w.function));
	close(self->w.packet);
	close(self->kmsg);
}

/* The same memory there, too: vfio_map_dma() and _unmap_dma() are about @ioas. */
static int map_in(struct nic *w, uint32_t ioas)
{
	w->user.ioas = ioas;
	return vfio_map_dma(&w->user, w->rings.memory, w->rings.iova,
			    w->rings.size, READ_WRITE) ? :
	       vfio_map_dma(&w->user, w->buffers.memory, w->buffers.iova,
			    w->buffers.size, READ_WRITE);
}

static int unmap_in(struct nic *w, uint32_t ioas)
{
	w->user.ioas = ioas;
	return vfio_unmap_dma(&w->user, w->rings.iova, w->rings.size) ? :
	       vfio_unmap_dma(&w->user, w->buffers.iova, w->buffers.size);
}

static bool refused(struct __test_metadata *_metadata, struct nic *w, int kmsg)
{
	EXPECT_EQ(-EOPNOTSUPP, nic_track(w));
	return kmsg_has(kmsg, w->function.bdf, "address space (IOAS)",
			PATIENCE_MS);
}

TEST_F_TIMEOUT(ioas, is_needed, TEST_SECONDS)
{
	struct nic *w = &self->w;
	uint32_t tables;

	ASSERT_EQ(0, vfio_detach(&w->user));
	EXPECT_TRUE(refused(_metadata, w, self->kmsg));
	ASSERT_EQ(0, vfio_page_tables_new(&w->user, w->user.ioas, &tables));
	ASSERT_EQ(0, vfio_attach(&w->user, tables));
	EXPECT_TRUE(refused(_metadata, w, self->kmsg));
	/* Untracked, it works there. */
	CHECK_TRAFFIC(w, 100);

	ASSERT_EQ(0, vfio_attach(&w->user, w->user.ioas));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_SYNC(w, "attached");
	CHECK_STOPPED(w);
}

/* What is mapped in the one that the device is not attached to is of no use. */
TEST_F_TIMEOUT(ioas, another_while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	uint32_t ioas[2] = { w->user.ioas };
	int i;

	ASSERT_EQ(0, vfio_ioas_new(&w->user, &ioas[1]));
	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 10; i++) {
		CHECK_TRAFFIC(w, 100);
		ASSERT_EQ(0, map_in(w, ioas[!(i % 2)]));
		ASSERT_EQ(0, vfio_attach(&w->user, ioas[!(i % 2)]));
		ASSERT_EQ(0, unmap_in(w, ioas[i % 2]));
		CHECK_TRAFFIC(w, 100);
		CHECK_SYNC(w, "another");
	}
	CHECK_STOPPED(w);
}

struct mover {
	struct nic *w;
	uint32_t ioas[2];
	bool stop;
	int rounds;
};

static int move(void *arg)
{
	struct mover *m = arg;
	int ret = 0;

	while (!ret && !__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE)) {
		ret = vfio_attach(&m->w->user, m->ioas[1]) ? :
		      vfio_attach(&m->w->user, m->ioas[0]);
		__atomic_add_fetch(&m->rounds, 1, __ATOMIC_RELEASE);
	}
	return ret;
}

/* At every moment the rings are where they are: no post is overlooked. */
TEST_F_TIMEOUT(ioas, another_while_posts_are_seen, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mover mover = { .w = w, .ioas = { w->user.ioas } };
	struct job job;
	int i, j, rounds;
	long seen;

	ASSERT_EQ(0, vfio_ioas_new(&w->user, &mover.ioas[1]));
	ASSERT_EQ(0, map_in(w, mover.ioas[1]));
	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 5; i++) {
		mover.stop = false;
		rounds = __atomic_load_n(&mover.rounds, __ATOMIC_ACQUIRE);
		ASSERT_EQ(0, job_start(&job, move, &mover));
		/* No frames: each attachment stops the device's DMA for a moment. */
		for (j = 0; j < 200; j++) {
			seen = nic_posts(w);
			nic_post(w, 1);
			while (nic_posts(w) == seen && !job_ended(&job))
				usleep(100);
		}
		__atomic_store_n(&mover.stop, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
		EXPECT_LT(rounds + 10, mover.rounds);
		ASSERT_TRUE(nic_receive(w, 190));
		CHECK_SYNC(w, "moved");
	}
	TH_LOG("%d times", mover.rounds * 2);
	CHECK_STOPPED(w);
}

/* The device goes on there, and nobody can say where it writes. */
TEST_F_TIMEOUT(ioas, page_tables_while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;
	uint32_t tables;

	ASSERT_EQ(0, vfio_page_tables_new(&w->user, w->user.ioas, &tables));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 100);
	CHECK_SYNC(w, "before");
	ASSERT_EQ(0, vfio_attach(&w->user, tables));
	CHECK_TRAFFIC(w, 100);
	EXPECT_EQ(-EOPNOTSUPP, nic_sync(w, &count));
	EXPECT_TRUE(kmsg_has(self->kmsg, w->function.bdf,
			     "written pages may be missing", PATIENCE_MS));
	/* It was so for a time: that does not end by itself. */
	ASSERT_EQ(0, vfio_attach(&w->user, w->user.ioas));
	CHECK_TRAFFIC(w, 100);
	EXPECT_EQ(-EOPNOTSUPP, nic_sync(w, &count));
	ASSERT_EQ(0, nic_untrack(w));

	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

/* Neither the device nor we have memory; that loses nothing. */
TEST_F_TIMEOUT(ioas, detached_while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;
	uint32_t other;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 100);
		nic_post(w, 255);
		ASSERT_EQ(0, vfio_ioas_new(&w->user, &other));
		ASSERT_EQ(0, map_in(w, other));
		ASSERT_EQ(0, vfio_detach(&w->user));
		EXPECT_EQ(0, vfio_detach(&w->user));
		/* Nobody is left who uses the old one. */
		ASSERT_EQ(0, nic_sync(w, &count));
		EXPECT_EQ(0, count.missed);
		nic_post(w, 255);
		EXPECT_TRUE(nic_send(w, MAX_FRAME));
		ASSERT_EQ(0, vfio_attach(&w->user, other));
		ASSERT_EQ(0, nic_restart(w));
		CHECK_TRAFFIC(w, 100);
		CHECK_SYNC(w, "attached again");
	}
	CHECK_STOPPED(w);
}

TEST_F_TIMEOUT(ioas, is_free_after_detach_and_close, TEST_SECONDS)
{
	struct nic *w = &self->w;
	uint32_t first = w->user.ioas;
	uint32_t other;

	ASSERT_EQ(0, vfio_ioas_new(&w->user, &other));
	ASSERT_EQ(0, map_in(w, other));
	ASSERT_EQ(0, nic_track(w));
	nic_post(w, 255);
	EXPECT_EQ(-EBUSY, vfio_iommufd_destroy(&w->user, first));
	ASSERT_EQ(0, vfio_attach(&w->user, other));
	EXPECT_EQ(0, vfio_iommufd_destroy(&w->user, first));
	ASSERT_EQ(0, vfio_detach(&w->user));
	EXPECT_EQ(0, unmap_in(w, other));
	EXPECT_EQ(0, vfio_iommufd_destroy(&w->user, other));

	ASSERT_EQ(0, vfio_ioas_new(&w->user, &other));
	ASSERT_EQ(0, map_in(w, other));
	ASSERT_EQ(0, vfio_attach(&w->user, other));
	CHECK_TRAFFIC(w, 100);
	/* The watcher is at work. */
	nic_post(w, 255);
	igbvf_detach(&w->vf);
	close(w->user.device);
	w->user.device = -1;
	EXPECT_EQ(0, vfio_iommufd_destroy(&w->user, other));
}

/* Rings and buffers that lead nowhere */
TEST_F_TIMEOUT(ioas, without_the_rings, TEST_SECONDS)
{
	uint64_t bitmap[DIRTY_WORDS(BUFFERS_SIZE / PAGE)] = {};
	struct nic *w = &self->w;
	struct mirror_count count;
	uint32_t first = w->user.ioas;
	uint32_t empty;

	ASSERT_EQ(0, vfio_ioas_new(&w->user, &empty));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 100);
	ASSERT_EQ(0, vfio_attach(&w->user, empty));
	nic_post(w, 255);
	EXPECT_TRUE(nic_send(w, MAX_FRAME));
	ASSERT_EQ(0, nic_sync(w, &count));
	EXPECT_EQ(0, count.missed);
	ASSERT_EQ(0, vfio_attach(&w->user, first));
	ASSERT_EQ(0, nic_restart(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_SYNC(w, "with them");

	/* The device may read them, and the page tables say so; nobody else may. */
	nic_post(w, 100);
	ASSERT_EQ(0, nic_sync(w, &count));
	ASSERT_EQ(0, mprotect(w->rings.memory, w->rings.size, PROT_NONE));
	igbvf_reg_write(&w->vf, IGBVF_RX_RING(0) + IGBVF_RING_TAIL,
			(w->rx.tail + 10) % w->rx.entries);
	EXPECT_EQ(-EFAULT, log_report(&w->user, BUFFERS_IOVA, BUFFERS_SIZE, PAGE,
				      bitmap));
	EXPECT_TRUE(kmsg_has(self->kmsg, w->function.bdf,
			     "written pages may be missing", PATIENCE_MS));
	ASSERT_EQ(0, mprotect(w->rings.memory, w->rings.size,
			      PROT_READ | PROT_WRITE));
}

/* The container's interface, on an address space */
TEST_F_TIMEOUT(ioas, of_a_group, TEST_SECONDS)
{
	struct nic *w = &self->w;

	nic_detach(w);
	ASSERT_EQ(0, vfio_open_group_iommufd(&w->user, w->function.bdf,
					     w->function.name));
	ASSERT_EQ(0, nic_start(w));
	ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_SYNC(w, "of a group");
	CHECK_STOPPED(w);
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void end(void)
{
	nic_end(NIC_MODULE);
}

static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(end);
}

TEST_HARNESS_MAIN
