// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of a guest that is paused while its migration goes on: the function
 * stands, and nobody tells it what the migration is doing; see dirty.c. Lab device:
 * igb.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "migration.h"
#include "nic.h"

#define NIC_TYPE	"pt-igb-vf"
#define NIC_MODULE	"mdev_pt_igb_vf"
#define TEST_SECONDS	600
/* What is reported of memory that nobody writes to: pages that are pinned */
#define FEW		100

FIXTURE(paused) {
	struct nic w;
};

FIXTURE_SETUP(paused)
{
	struct nic *w = &self->w;
	const char *missing = nic_offer(w, NIC_TYPE, NIC_MODULE);

	if (missing)
		SKIP(return, "%s", missing);
	w->seed = 1;
	ASSERT_EQ(0, nic_attach(w));
	missing = nic_tracking_missing(w, CONTAINER);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
}

FIXTURE_TEARDOWN(paused)
{
	nic_detach(&self->w);
	EXPECT_EQ(0, function_withdraw(&self->w.function));
	close(self->w.packet);
}

/* Who asks, as sysfs says */
static const char *tracking(struct nic *w)
{
	static char text[32];
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path),
		 "/sys/bus/mdev/devices/%s/migration/tracking",
		 w->function.uuid);
	return sysfs_read(path, text, sizeof(text)) < 0 ? "nobody" : text;
}

/* As a migration begins: the user asks how much there is to move, and copies all. */
static int begin(struct nic *w)
{
	uint64_t size;
	int ret;

	ret = container_start(&w->user) ? : mig_data_size(&w->user, &size);
	mirror_begin(&w->rings);
	mirror_begin(&w->buffers);
	return ret;
}

/* A second round that is as long as the first never comes to an end. */
TEST_F_TIMEOUT(paused, when_it_begins, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;
	int i;

	CHECK_TRAFFIC(w, 300);
	ASSERT_EQ(0, mig_set_state(&w->user, STOP, NULL));
	ASSERT_EQ(0, begin(w));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, nic_sync(w, &count));
		EXPECT_EQ(0, count.missed);
		EXPECT_GT(FEW, count.reported);
	}
	ASSERT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
	ASSERT_EQ(0, nic_sync(w, &count));
	EXPECT_GT(FEW, count.reported);
}

TEST_F_TIMEOUT(paused, and_goes_on, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;

	CHECK_TRAFFIC(w, 300);
	ASSERT_EQ(0, mig_set_state(&w->user, STOP, NULL));
	ASSERT_EQ(0, begin(w));
	ASSERT_EQ(0, nic_sync(w, &count));
	ASSERT_EQ(0, mig_set_state(&w->user, RUNNING, NULL));
	EXPECT_STREQ("container", tracking(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_SYNC(w, "goes on");
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

/* The migration is called off while it stands; then it goes on. */
TEST_F_TIMEOUT(paused, called_off, TEST_SECONDS)
{
	struct nic *w = &self->w;

	ASSERT_EQ(0, mig_set_state(&w->user, STOP, NULL));
	ASSERT_EQ(0, begin(w));
	ASSERT_EQ(0, container_stop(&w->user));
	ASSERT_EQ(0, mig_set_state(&w->user, RUNNING, NULL));
	ASSERT_EQ(0, mig_set_state(&w->user, RUNNING, NULL));
	EXPECT_STREQ("off", tracking(w));
	CHECK_TRAFFIC(w, 300);
}

/* The guest is reset before it goes on; a migration was called off before. */
TEST_F_TIMEOUT(paused, reset_before_it_goes_on, TEST_SECONDS)
{
	static const uint32_t stopped[] = { STOP, STOP_COPY };
	struct nic *w = &self->w;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stopped); i++) {
		TH_LOG("%s", mig_name(stopped[i]));
		ASSERT_EQ(0, nic_track(w));
		ASSERT_EQ(0, nic_untrack(w));
		ASSERT_EQ(0, mig_set_state(&w->user, stopped[i], NULL));
		ASSERT_EQ(0, begin(w));
		ASSERT_EQ(0, vfio_reset(&w->user));
		ASSERT_EQ(0, mig_set_state(&w->user, RUNNING_P2P, NULL));
		ASSERT_EQ(0, mig_set_state(&w->user, RUNNING, NULL));
		ASSERT_EQ(0, nic_restart(w));
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "after a reset");
		ASSERT_EQ(0, nic_untrack(w));
	}
}

/* Another process, whose container has never heard of the device */
TEST_F_TIMEOUT(paused, next_user_is_not_tracked, TEST_SECONDS)
{
	struct nic *w = &self->w;
	int status = -1;
	pid_t pid;

	ASSERT_EQ(0, nic_track(w));
	ASSERT_EQ(0, nic_untrack(w));
	nic_detach(w);
	pid = fork();
	if (!pid) {
		w->rx.entries = 0;
		_exit(nic_attach(w) ? 1 :
		      mig_set_state(&w->user, STOP, NULL) ||
		      mig_set_state(&w->user, RUNNING, NULL) ? 2 :
		      strcmp("off", tracking(w)) ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

static void end(void)
{
	nic_end(NIC_MODULE);
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(end);
}

TEST_HARNESS_MAIN
