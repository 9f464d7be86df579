// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of a NIC that really writes to memory: every page that changed was
 * reported, by the type1 container or by the log of the device, whichever this
 * kernel has. A copy that is made from the reports alone has to be equal in the
 * end. Type pt-igb-vf. Lab device: igb.
 */

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define NIC_TYPE	"pt-igb-vf"
#define NIC_MODULE	"mdev_pt_igb_vf"

#include "nic_fixture.h"
#include "job.h"

TEST_F_TIMEOUT(dirty, nothing_without_traffic, TEST_SECONDS)
{
	struct mirror_count count;
	int i;

	ASSERT_EQ(0, nic_track(&self->w));
	nic_post(&self->w, 255);
	ASSERT_EQ(0, nic_sync(&self->w, &count));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, nic_sync_quiet(&self->w, &count));
		EXPECT_EQ(0, count.missed);
		/* Perhaps a frame of the PF's own */
		EXPECT_GT(10, count.reported);
	}
}

TEST_F_TIMEOUT(dirty, between_queries, TEST_SECONDS)
{
	struct nic *w = &self->w;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 5; i++) {
		CHECK_TRAFFIC(w, 600);
		CHECK_SYNC(w, "phase");
	}
	CHECK_STOPPED(w);
}

/* Few pages of many: whoever says "all" has said nothing. */
TEST_F_TIMEOUT(dirty, what_was_not_written_is_not_reported, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;

	ASSERT_EQ(0, nic_track(w));
	ASSERT_EQ(0, nic_sync(w, &count));
	CHECK_TRAFFIC(w, 10);
	ASSERT_EQ(0, nic_sync_quiet(w, &count));
	EXPECT_EQ(0, count.missed);
	EXPECT_LE(10, count.changed);
	/* Three pages for a buffer, and then some frames that were not asked for */
	EXPECT_GT(200, count.reported);
}

/* Queries while descriptors are posted and frames arrive */
TEST_F_TIMEOUT(dirty, while_queries_run, TEST_SECONDS)
{
	struct nic_driver driver = { .w = &self->w };
	struct mirror_count count;
	struct job job;
	int i;

	ASSERT_EQ(0, nic_track(&self->w));
	ASSERT_EQ(0, job_start(&job, nic_drive, &driver));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, nic_sync(&self->w, &count));
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	TH_LOG("%u descriptors done", driver.done);
	EXPECT_LT(100, driver.done);
	CHECK_STOPPED(&self->w);
}

static int send_on(void *arg)
{
	struct nic_driver *driver = arg;

	while (!__atomic_load_n(&driver->stop, __ATOMIC_ACQUIRE))
		driver->done += nic_send(driver->w, MAX_FRAME);
	return 0;
}

/* The device is stopped in the middle of a packet, and then stands. */
TEST_F_TIMEOUT(dirty, stopped_while_frames_arrive, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct nic_driver driver;
	struct job job;
	unsigned int sent;
	int i;

	for (i = 0; i < 20; i++) {
		driver = (struct nic_driver){ .w = w };
		ASSERT_EQ(0, nic_track(w));
		nic_collect(w, 0, 0);
		nic_post(w, 255);
		ASSERT_EQ(0, job_start(&job, send_on, &driver));
		ASSERT_LT(0, nic_collect(w, 1, NIC_PATIENCE_MS));
		CHECK_STOPPED(w);
		/* More frames change nothing. */
		sent = __atomic_load_n(&driver.done, __ATOMIC_RELAXED);
		while (__atomic_load_n(&driver.done, __ATOMIC_RELAXED) <
		       sent + 20)
			usleep(1000);
		EXPECT_EQ(0, memcmp(w->buffers.memory, w->buffers.copy,
				    w->buffers.size));
		EXPECT_EQ(0, memcmp(w->rings.memory, w->rings.copy,
				    w->rings.size));
		__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
		ASSERT_EQ(0, nic_untrack(w));
	}
	/* It goes on where it was. */
	CHECK_TRAFFIC(w, 100);
}

/*
 * A queue that is disabled reads so at once, and stops when the core has seen it:
 * what is written in between is reported, and drivers wait longer than that.
 */
TEST_F_TIMEOUT(dirty, disabled_queue_stands, TEST_SECONDS)
{
	const uint32_t control = IGBVF_RX_RING(0) + IGBVF_RING_DCTL;
	struct nic *w = &self->w;
	struct nic_driver driver;
	unsigned int sent;
	struct job job;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 20; i++) {
		driver = (struct nic_driver){ .w = w };
		nic_post(w, 255);
		ASSERT_EQ(0, job_start(&job, send_on, &driver));
		ASSERT_LT(0, nic_collect(w, 1, NIC_PATIENCE_MS));
		igbvf_reg_write(&w->vf, control, 0);
		EXPECT_EQ(0, igbvf_reg_read(&w->vf, control) &
			     IGBVF_DCTL_ENABLE);
		/* As Linux's driver does */
		usleep(10000);
		CHECK_SYNC(w, "disabled");
		sent = __atomic_load_n(&driver.done, __ATOMIC_RELAXED);
		while (__atomic_load_n(&driver.done, __ATOMIC_RELAXED) <
		       sent + 20)
			usleep(1000);
		EXPECT_EQ(0, memcmp(w->buffers.memory, w->buffers.copy,
				    w->buffers.size));
		__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
		ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED |
					    IGBVF_PACKET(2)));
	}
	CHECK_STOPPED(w);
}

/*
 * It stands in the middle of a migration, or when one begins of which then no
 * PRE_COPY tells, and goes on.
 */
TEST_F_TIMEOUT(dirty, goes_on_after_a_stop, TEST_SECONDS)
{
	static const uint32_t ways[][2] = {
		{ STOP_COPY, STOP }, { STOP, STOP }, { STOP_COPY, STOP_COPY },
		{ RUNNING_P2P, RUNNING_P2P }, { STOP_COPY, STOP },
	};
	struct nic *w = &self->w;
	struct mirror_count count;
	unsigned int i;

	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		TH_LOG("%s, %s", mig_name(ways[i][0]), mig_name(ways[i][1]));
		ASSERT_EQ(0, mig_set_state(&w->user, ways[i][0], NULL));
		ASSERT_EQ(0, nic_sync(w, &count));
		CHECK_COUNT(count, "stopped");
		ASSERT_EQ(0, mig_set_state(&w->user, ways[i][1], NULL));
		ASSERT_EQ(0, mig_set_state(&w->user, RUNNING, NULL));
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "goes on");
		CHECK_TRAFFIC(w, 300);
	}
	CHECK_STOPPED(w);
}

/* Nobody sees the doorbell of what was posted before. */
TEST_F_TIMEOUT(dirty, posted_before, TEST_SECONDS)
{
	struct nic *w = &self->w;

	nic_post(w, 255);
	ASSERT_EQ(0, nic_track(w));
	ASSERT_TRUE(nic_receive(w, 100));
	/* Descriptors, too: no CPU has written to them. */
	CHECK_SYNC(w, "posted before");
	ASSERT_TRUE(nic_receive(w, 100));
	CHECK_STOPPED(w);
}

/* A buffer that waits longer than several queries take */
TEST_F_TIMEOUT(dirty, posted_long_before, TEST_SECONDS)
{
	struct nic *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, nic_track(w));
	nic_post(w, 255);
	for (i = 0; i < 10; i++)
		CHECK_SYNC(w, "waiting");
	ASSERT_TRUE(nic_receive(w, 50));
	CHECK_SYNC(w, "written");
	ASSERT_TRUE(nic_receive(w, 50));
	CHECK_STOPPED(w);
}
/* The guest's driver goes down and comes up. */
TEST_F_TIMEOUT(dirty, ring_set_up_anew, TEST_SECONDS)
{
	static const uint32_t entries[] = { 64, 8, 1024, 64, 64 };
	struct nic *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 100);
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		ASSERT_EQ(0, nic_ring_start(w, entries[i], IGBVF_ADVANCED |
					IGBVF_PACKET(1 + i % 2)));
		CHECK_TRAFFIC(w, 100);
		/* What was written for an earlier ring, too */
		if (i % 2)
			CHECK_SYNC(w, "set up");
	}
	CHECK_STOPPED(w);
}

/* And nobody looks at the rings in between. */
TEST_F_TIMEOUT(dirty, again_and_again, TEST_SECONDS)
{
	struct nic *w = &self->w;
	long seen;
	int i;

	for (i = 0; i < 10; i++) {
		seen = nic_posts(w);
		ASSERT_LE(0, seen);
		CHECK_TRAFFIC(w, 300);
		EXPECT_EQ(seen, nic_posts(w));
		ASSERT_EQ(0, nic_track(w));
		CHECK_TRAFFIC(w, 300);
		EXPECT_LT(seen, nic_posts(w));
		CHECK_SYNC(w, "round");
		if (i % 2)
			CHECK_STOPPED(w);
		ASSERT_EQ(0, nic_untrack(w));
	}
}

/* The doorbells come and go while somebody rings them. */
TEST_F_TIMEOUT(dirty, begins_and_ends_under_traffic, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct nic_driver driver = { .w = w };
	struct job job;
	int i;

	ASSERT_EQ(0, job_start(&job, nic_drive, &driver));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, nic_track(w));
		ASSERT_EQ(0, nic_untrack(w));
	}
	ASSERT_EQ(0, nic_track(w));
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
	ASSERT_EQ(0, nic_untrack(w));
	/* No tail was lost: the device has all that was posted. */
	CHECK_TRAFFIC(w, 1000);
}

/* The guest reboots in the middle of its migration. */
TEST_F_TIMEOUT(dirty, reset_while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 300);
		ASSERT_EQ(0, vfio_reset(&w->user));
		EXPECT_EQ(RUNNING, mig_state(&w->user));
		ASSERT_EQ(0, nic_restart(w));
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "after a reset");
	}
	CHECK_STOPPED(w);
}

/* By its own register */
TEST_F_TIMEOUT(dirty, driver_restarts_while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 300);
		ASSERT_EQ(0, nic_restart(w));
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "after a restart");
	}
	CHECK_STOPPED(w);
}

TEST_F_TIMEOUT(dirty, killed_while_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	unsigned int *rounds = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, i;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, rounds);
	nic_detach(w);
	for (i = 0; i < 5; i++) {
		*rounds = 0;
		pid = fork();
		if (!pid) {
			struct mirror_count count;

			w->rx.entries = 0;
			if (nic_attach(w) || nic_ring_start(w, 256, IGBVF_ADVANCED |
						    IGBVF_PACKET(2)) ||
			    nic_track(w))
				_exit(1);
			while (nic_traffic(w, 50) && !nic_sync(w, &count))
				__atomic_add_fetch(rounds, 1, __ATOMIC_RELEASE);
			_exit(2);
		}
		while (__atomic_load_n(rounds, __ATOMIC_ACQUIRE) < 3u + i)
			ASSERT_EQ(0, waitpid(pid, &status, WNOHANG));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	w->rx.entries = 0;
	ASSERT_EQ(0, nic_attach(w));
	ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	EXPECT_EQ(RUNNING, mig_state(&w->user));
	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

TEST_HARNESS_MAIN
