// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages: what only one of the two ways of asking has; see dirty.c. Lab
 * device: igb.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "migration.h"
#include "nic.h"

#define NIC_TYPE	"pt-igb-vf"
#define NIC_MODULE	"mdev_pt_igb_vf"
#define TEST_SECONDS	600

FIXTURE(container) {
	struct nic w;
};

FIXTURE_SETUP(container)
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

FIXTURE_TEARDOWN(container)
{
	nic_detach(&self->w);
	EXPECT_EQ(0, function_withdraw(&self->w.function));
	close(self->w.packet);
}

/* Who has not heard of the device can't know better. */
TEST_F_TIMEOUT(container, everything_until_precopy, TEST_SECONDS)
{
	struct nic *w = &self->w;
	struct mirror_count count;

	ASSERT_EQ(0, container_start(&w->user));
	ASSERT_EQ(0, nic_sync(w, &count));
	EXPECT_EQ(count.pages, count.reported);
	CHECK_TRAFFIC(w, 50);
	ASSERT_EQ(0, nic_sync(w, &count));
	EXPECT_EQ(count.pages, count.reported);
	ASSERT_EQ(0, mig_set_state(&w->user, PRE_COPY, NULL));
	ASSERT_EQ(0, nic_sync(w, &count));
	EXPECT_GT(100, count.reported);
}

/* No page at a power of two, where the core looks for one to pin */
TEST_F_TIMEOUT(container, memory_at_odd_addresses, TEST_SECONDS)
{
	struct nic *w = &self->w;

	nic_detach(w);
	w->rx.entries = 0;
	ASSERT_EQ(0, vfio_open_group(&w->user, w->function.bdf,
				     w->function.name));
	ASSERT_EQ(0, mirror_map(&w->buffers, &w->user, BUFFERS_IOVA,
				BUFFERS_SIZE));
	ASSERT_EQ(0, container_start(&w->user));
	ASSERT_EQ(0, mig_set_state(&w->user, PRE_COPY, NULL));
	ASSERT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
}

FIXTURE(log) {
	struct nic w;
	uint64_t page_size;
};

FIXTURE_SETUP(log)
{
	struct nic *w = &self->w;
	const char *missing = nic_offer(w, NIC_TYPE, NIC_MODULE);

	if (missing)
		SKIP(return, "%s", missing);
	w->seed = 1;
	ASSERT_EQ(0, nic_attach(w));
	missing = nic_tracking_missing(w, LOG);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	self->page_size = PAGE;
}

FIXTURE_TEARDOWN(log)
{
	nic_detach(&self->w);
	EXPECT_EQ(0, function_withdraw(&self->w.function));
	close(self->w.packet);
}

#define RANGE(iova, length) \
	(&(struct vfio_device_feature_dma_logging_range){ iova, length })

TEST_F_TIMEOUT(log, one_after_the_other, TEST_SECONDS)
{
	struct vfio_user *user = &self->w.user;
	uint64_t bitmap[DIRTY_WORDS(BUFFERS_SIZE / PAGE)] = {};

	EXPECT_GT(0, log_stop(user));
	EXPECT_GT(0, log_report(user, BUFFERS_IOVA, BUFFERS_SIZE, PAGE,
				bitmap));
	ASSERT_EQ(0, log_start(user, RANGE(BUFFERS_IOVA, BUFFERS_SIZE), 1,
			       &self->page_size));
	EXPECT_EQ(PAGE, self->page_size);
	EXPECT_GT(0, log_start(user, RANGE(RINGS_IOVA, RINGS_SIZE), 1,
			       &self->page_size));
	/* The first is as it was. */
	EXPECT_EQ(0, log_report(user, BUFFERS_IOVA, BUFFERS_SIZE, PAGE,
				bitmap));
	EXPECT_EQ(0, log_stop(user));
	EXPECT_GT(0, log_stop(user));
}

TEST_F_TIMEOUT(log, wrong_ranges, TEST_SECONDS)
{
	static const struct vfio_device_feature_dma_logging_range overlap[] = {
		{ BUFFERS_IOVA, 8 * PAGE }, { BUFFERS_IOVA + PAGE, PAGE },
	};
	struct vfio_user *user = &self->w.user;
	uint64_t *size = &self->page_size, bitmap = 0;

	EXPECT_EQ(-EINVAL, log_start(user, overlap, 2, size));
	EXPECT_EQ(-EINVAL, log_start(user, overlap, 0, size));
	EXPECT_GT(0, log_start(user, overlap, 0xffffffff, size));
	EXPECT_EQ(-EINVAL, log_start(user, RANGE(BUFFERS_IOVA + 1, PAGE), 1,
				     size));
	EXPECT_EQ(-EINVAL, log_start(user, RANGE(BUFFERS_IOVA, PAGE + 1), 1,
				     size));
	EXPECT_EQ(-EOVERFLOW, log_start(user, RANGE(-PAGE, 2 * PAGE), 1, size));
	EXPECT_EQ(-EFAULT, log_start(user, (void *)8, 1, size));
	*size = 0;
	EXPECT_EQ(-EINVAL, log_start(user, RANGE(BUFFERS_IOVA, PAGE), 1, size));
	*size = 3 * PAGE;
	EXPECT_EQ(-EINVAL, log_start(user, RANGE(0, 3 * PAGE), 1, size));
	/* None of them has begun anything. */
	EXPECT_GT(0, log_stop(user));

	*size = PAGE;
	ASSERT_EQ(0, log_start(user, RANGE(BUFFERS_IOVA, PAGE), 1, size));
	EXPECT_EQ(-EINVAL, log_report(user, BUFFERS_IOVA, PAGE, 1000, &bitmap));
	EXPECT_EQ(-EINVAL, log_report(user, BUFFERS_IOVA, PAGE, 0, &bitmap));
	EXPECT_EQ(-EOVERFLOW, log_report(user, -PAGE, 2 * PAGE, PAGE, &bitmap));
	EXPECT_GT(0, log_report(user, BUFFERS_IOVA, PAGE, PAGE, (void *)8));
	/* Elsewhere nothing was written. */
	EXPECT_EQ(0, log_report(user, 0x5000000000, 64 * PAGE, PAGE, &bitmap));
	EXPECT_EQ(0, bitmap);
	EXPECT_EQ(0, log_stop(user));
}

/* Each page that changed has its bit, in units of any size. */
static void check_units(struct __test_metadata *_metadata, struct nic *w,
			uint64_t hint, uint64_t unit)
{
	uint64_t bitmap[DIRTY_WORDS(BUFFERS_SIZE / PAGE)] = {};
	size_t page, at, missed = 0, bits = 0;
	uint64_t size = hint;

	ASSERT_EQ(0, log_start(&w->user, RANGE(BUFFERS_IOVA, BUFFERS_SIZE), 1,
			       &size));
	EXPECT_EQ(0, size & (size - 1));
	mirror_begin(&w->buffers);
	CHECK_TRAFFIC(w, 50);
	ASSERT_EQ(0, log_report(&w->user, BUFFERS_IOVA, BUFFERS_SIZE, unit,
				bitmap));
	for (page = 0; page < BUFFERS_SIZE / PAGE; page++) {
		at = page * PAGE / unit;
		if (memcmp(w->buffers.memory + page * PAGE,
			   w->buffers.copy + page * PAGE, PAGE))
			missed += !(bitmap[at / 64] >> at % 64 & 1);
	}
	for (at = 0; at < ARRAY_SIZE(bitmap) * 64; at++)
		bits += bitmap[at / 64] >> at % 64 & 1;
	EXPECT_EQ(0, missed);
	EXPECT_GE(BUFFERS_SIZE / unit, bits);
	TH_LOG("%llu bytes a bit: %zu of %llu", (unsigned long long)unit, bits,
	       (unsigned long long)(BUFFERS_SIZE / unit));
	ASSERT_EQ(0, log_stop(&w->user));
}

TEST_F_TIMEOUT(log, units_of_any_size, TEST_SECONDS)
{
	check_units(_metadata, &self->w, PAGE, PAGE);
	check_units(_metadata, &self->w, PAGE, 16 * PAGE);
	check_units(_metadata, &self->w, PAGE, 512 * PAGE);
	check_units(_metadata, &self->w, 16 * PAGE, 16 * PAGE);
	check_units(_metadata, &self->w, 512 * PAGE, PAGE);
	check_units(_metadata, &self->w, 512 * PAGE, 512 * PAGE);
}

/* A report says it once, for what it was asked for, and clears no bit. */
TEST_F_TIMEOUT(log, report_clears_what_it_said, TEST_SECONDS)
{
	struct nic *w = &self->w;
	uint64_t bitmap[DIRTY_WORDS(BUFFERS_SIZE / PAGE)];
	struct mirror_count count = {};
	size_t half = BUFFERS_SIZE / 2, again = 0, i;

	ASSERT_EQ(0, nic_track(w));
	CHECK_TRAFFIC(w, 300);
	memset(bitmap, 0xff, sizeof(bitmap));
	ASSERT_EQ(0, log_report(&w->user, BUFFERS_IOVA, half, PAGE, bitmap));
	for (i = 0; i < ARRAY_SIZE(bitmap); i++)
		EXPECT_EQ(~0ULL, bitmap[i]);
	memset(bitmap, 0, sizeof(bitmap));
	ASSERT_EQ(0, log_report(&w->user, BUFFERS_IOVA, half, PAGE, bitmap));
	mirror_begin(&w->rings);
	/* The other half is still there. */
	memcpy(w->buffers.copy, w->buffers.memory, half);
	ASSERT_EQ(0, mirror_sync(&w->buffers, &w->user, LOG, &count));
	EXPECT_EQ(0, count.missed);
	EXPECT_LT(0, count.changed);
	for (i = 0; i < ARRAY_SIZE(bitmap); i++)
		again += __builtin_popcountll(bitmap[i]);
	/* Perhaps a frame of the PF's own */
	EXPECT_GT(10, again);
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
