// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of one of two functions in an IOMMU group: a container that believes
 * one of them would miss what the other writes. Type pt-test-mig. Lab devices: nvme,
 * edu-pair.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "dirty.h"
#include "dma.h"
#include "edu.h"
#include "keeper.h"
#include "kmsg.h"
#include "life.h"
#include "testmig.h"

#define PAGES	64
#define LOG_MS	5000

FIXTURE(group_of_two) {
	struct testmig t;
	char other[BDF_LEN];
	void *memory;
	int kmsg;
};

FIXTURE_SETUP(group_of_two)
{
	int ret = testmig_start();

	if (ret == -ENODEV)
		SKIP(return, "no nvme here");
	ASSERT_EQ(0, ret);
	if (pci_find(EDU_VENDOR, EDU_DEVICE, 1, self->other))
		SKIP(return, "no two functions in one IOMMU group");
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, testmig_open_edu(&self->t, TESTMIG));
	if (!mig_has_precopy(&self->t.user))
		SKIP(return, "this kernel has no PRE_COPY");
	self->memory = memory_alloc(PAGES * PAGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, vfio_map_dma(&self->t.user, self->memory, IOVA,
				  PAGES * PAGE, READ_WRITE));
	ASSERT_EQ(0, container_start(&self->t.user));
}

FIXTURE_TEARDOWN(group_of_two)
{
	EXPECT_EQ(0, testmig_close(&self->t));
	EXPECT_EQ(0, pci_rescan());
}

static int weight(struct vfio_user *u)
{
	uint64_t bitmap[DIRTY_WORDS(PAGES)] = {};
	int ret = container_query(u, IOVA, PAGES * PAGE, bitmap);

	return ret ? ret : __builtin_popcountll(bitmap[0]);
}

TEST_F_TIMEOUT(group_of_two, all_memory_counts_as_written, TESTMIG_SECONDS)
{
	struct vfio_user *u = &self->t.user;

	ASSERT_EQ(0, mig_set_state(u, PRE_COPY, NULL));
	EXPECT_EQ(PAGES, weight(u));
	EXPECT_EQ(PAGES, weight(u));
	EXPECT_TRUE(kmsg_has(self->kmsg, self->t.bdf,
			     "another function is in the same IOMMU group",
			     LOG_MS));
	EXPECT_EQ(0, mig_set_state(u, STOP_COPY, NULL));
	EXPECT_EQ(PAGES, weight(u));
}

/* The other one comes when the container believes the first already. */
TEST_F_TIMEOUT(group_of_two, other_comes_later, TESTMIG_SECONDS)
{
	struct vfio_user *u = &self->t.user;
	char byte;
	int fd;

	ASSERT_EQ(0, do_pci_remove(self->other));
	ASSERT_EQ(0, mig_set_state(u, PRE_COPY, NULL));
	EXPECT_GT(PAGES, weight(u));
	EXPECT_GT(PAGES, weight(u));
	ASSERT_EQ(0, mig_set_state(u, RUNNING, NULL));

	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_find(EDU_VENDOR, EDU_DEVICE, 1, self->other));
	EXPECT_EQ(-EBUSY, mig_set_state(u, PRE_COPY, NULL));
	EXPECT_EQ(RUNNING, mig_state(u));
	EXPECT_TRUE(kmsg_has(self->kmsg, self->t.bdf, "remove it", LOG_MS));
	/* The guest can be paused, but not moved. */
	EXPECT_EQ(0, mig_set_state(u, STOP, NULL));
	EXPECT_EQ(0, mig_set_state(u, STOP_COPY, &fd));
	EXPECT_EQ(-EBUSY, read(fd, &byte, 1) < 0 ? -errno : 0);
	close(fd);
	EXPECT_EQ(0, mig_set_state(u, RUNNING, NULL));

	ASSERT_EQ(0, do_pci_remove(self->other));
	EXPECT_EQ(0, mig_set_state(u, PRE_COPY, NULL));
	EXPECT_EQ(0, mig_set_state(u, STOP_COPY, NULL));
}

static void end(void)
{
	testmig_end();
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(end);
}

TEST_HARNESS_MAIN
