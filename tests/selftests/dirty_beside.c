// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of a queue whose vendor does not know all registers of its page: those
 * are the function's own, whatever is tracked. Type pt-test-queue. Lab device: igb.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NIC_TYPE	"pt-test-queue"
#define NIC_MODULE	"pt_test_queue"

#include "nic_fixture.h"

/* 82576 datasheet, 8.10: of queue 1, which the vendor has not named */
#define RDBAL1		0x2900
#define RDBAH1		0x2904
/* Of queue 0: RDH, which it has, and RXCTL, which it has not */
#define RDH		0x2810
#define RXCTL		0x2814
#define QUEUE_PAGE	0x2000

static uint64_t get(struct nic *w, uint64_t offset, size_t width)
{
	uint64_t value = 0;

	return vfio_read(&w->user, VFIO_PCI_BAR0_REGION_INDEX, offset, &value,
			 width) == (ssize_t)width ? value : ~0ull;
}

static bool set(struct nic *w, uint64_t offset, size_t width, uint64_t value)
{
	return vfio_write(&w->user, VFIO_PCI_BAR0_REGION_INDEX, offset, &value,
			  width) == (ssize_t)width;
}

TEST_F_TIMEOUT(dirty, is_the_functions_own, TEST_SECONDS)
{
	struct nic *w = &self->w;

	ASSERT_TRUE(set(w, RDBAL1, 4, 0x11110000));
	ASSERT_EQ(0, nic_track(w));
	EXPECT_EQ(0x11110000, get(w, RDBAL1, 4));
	EXPECT_TRUE(set(w, RDBAL1, 4, 0x22220000));
	EXPECT_TRUE(set(w, RDBAH1, 4, 0x33));
	EXPECT_EQ(0x22220000, get(w, RDBAL1, 4));
	EXPECT_EQ(0x3322220000ull, get(w, RDBAL1, 8));
	EXPECT_TRUE(set(w, RDBAL1, 8, 0x5544440000ull));
	EXPECT_EQ(0x44440000, get(w, RDBAL1, 4));
	EXPECT_EQ(0x55, get(w, RDBAH1, 4));
	ASSERT_EQ(0, nic_untrack(w));
	EXPECT_EQ(0x44440000, get(w, RDBAL1, 4));
	EXPECT_EQ(0x55, get(w, RDBAH1, 4));
}

/* One half of an access is in the shadow, and the other is not. */
TEST_F_TIMEOUT(dirty, beside_one_that_is_known, TEST_SECONDS)
{
	struct nic *w = &self->w;
	uint64_t both;

	ASSERT_EQ(0, nic_track(w));
	EXPECT_TRUE(set(w, RXCTL, 4, 0x1000000));
	both = get(w, RDH, 8);
	EXPECT_EQ(get(w, RDH, 4), both & UINT32_MAX);
	EXPECT_EQ(get(w, RXCTL, 4), both >> 32);
	ASSERT_EQ(0, nic_untrack(w));
	EXPECT_EQ(both >> 32, get(w, RXCTL, 4));
}

TEST_F_TIMEOUT(dirty, page_is_not_mapped, TEST_SECONDS)
{
	void *page;

	EXPECT_EQ(-EINVAL, vfio_mmap(&self->w.user, VFIO_PCI_BAR0_REGION_INDEX,
				     QUEUE_PAGE, PAGE, &page));
}

TEST_F_TIMEOUT(dirty, is_tracked_all_the_same, TEST_SECONDS)
{
	struct nic *w = &self->w;
	int i;

	ASSERT_EQ(0, nic_track(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "phase");
	}
	CHECK_STOPPED(w);
}

TEST_HARNESS_MAIN
