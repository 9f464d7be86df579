// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page with the tails of receive queues is the device's, but while dirty
 * pages are tracked: then it is memory, with the same in it. Type pt-igb-vf.
 * Lab device: igb.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "clock.h"
#include "dirty.h"
#include "dma.h"
#include "igbvf.h"
#include "job.h"
#include "migration.h"
#include "netdev.h"
#include "rounds.h"

#define TYPE		"pt-igb-vf"
#define MODULE		"mdev_pt_igb_vf"
#define PATIENCE_MS	10000

/* On the page of the receive queues, and no register */
#define NOTHING		0x2ff0
#define TAIL		(IGBVF_RX_RING(0) + IGBVF_RING_TAIL)
#define CTL		(IGBVF_RX_RING(0) + IGBVF_RING_DCTL)

FIXTURE(doorbell) {
	struct dma dma;
	struct igbvf vf;
	bool logs;
	int packet;
};

static long counter(struct dma *dma, const char *name)
{
	char path[SYSFS_PATH], value[32];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/migration/%s",
		 dma->function.uuid, name);
	return sysfs_read(path, value, sizeof(value)) > 0 ? atol(value) : -1;
}

/* What the user writes to no register, memory remembers. */
static bool is_memory(struct igbvf *vf)
{
	bool remembers;

	igbvf_reg_write(vf, NOTHING, 0x5a5a5a5a);
	remembers = igbvf_reg_read(vf, NOTHING) == 0x5a5a5a5a;
	igbvf_reg_write(vf, NOTHING, 0);
	return remembers;
}

static void post(struct igbvf *vf, unsigned int count)
{
	for (; count; count--)
		igbvf_post(vf, IOVA + BUFFER);
}

static int track(struct dma *dma, bool logs, bool on)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, MEMORY };
	uint64_t page_size = PAGE;

	if (!logs)
		return mig_set_state(&dma->user, on ? PRE_COPY : RUNNING, NULL);
	return on ? log_start(&dma->user, &range, 1, &page_size) :
		    log_stop(&dma->user);
}

/* The device has it, which has no way to say so but to be asked again. */
static bool device_has(struct dma *dma, const char *name, long value)
{
	long end = now_ms() + PATIENCE_MS;

	while (counter(dma, name) != value) {
		if (now_ms() > end)
			return false;
	}
	return true;
}

FIXTURE_SETUP(doorbell)
{
	struct dma *dma = &self->dma;

	if (function_load_drivers() || system("modprobe " MODULE " 2>/dev/null"))
		SKIP(return, "there is no " MODULE " here");
	if (function_take(&dma->function, &igb_vf_kind))
		SKIP(return, "no igb VF");
	/* A PF that is down does not answer. */
	self->packet = netdev_frames(dma->function.pf);
	ASSERT_LE(0, self->packet);
	ASSERT_EQ(0, function_offer_type(&dma->function, TYPE));
	dma->memory = memory_alloc(MEMORY);
	ASSERT_NE(NULL, dma->memory);
	ASSERT_EQ(0, dma_attach(dma, VFIO_WAY_GROUP));
	self->logs = !log_probe(&dma->user);
	ASSERT_EQ(0, igbvf_start(&self->vf, &dma->user, dma->memory, IOVA));
}

FIXTURE_TEARDOWN(doorbell)
{
	if (self->vf.u)
		igbvf_stop(&self->vf);
	vfio_close(&self->dma.user);
	close(self->packet);
	function_withdraw(&self->dma.function);
	function_give_back(&igb_vf_kind);
	if (system("modprobe -qr " MODULE))
		TH_LOG("the module stays");
}

TEST_F(doorbell, is_the_device_s_outside_of_migration)
{
	EXPECT_FALSE(is_memory(&self->vf));
	post(&self->vf, 8);
	EXPECT_EQ(8, igbvf_reg_read(&self->vf, TAIL));
	EXPECT_EQ(0, counter(&self->dma, "posts"));
	EXPECT_EQ(0, counter(&self->dma, "doorbell_faults"));
}

/* Before 6.11 a mapping can't be exchanged, so there is none. */
TEST_F(doorbell, is_mapped_where_it_can_be_exchanged)
{
	bool mapped = self->vf.page[2];

	TH_LOG("%s", mapped ? "mapped" : "not mapped");
	EXPECT_EQ(!mapped, self->logs);
	EXPECT_NE(NULL, self->vf.page[1]);
	EXPECT_NE(NULL, self->vf.page[3]);
}

TEST_F(doorbell, is_memory_while_tracked)
{
	struct dma *dma = &self->dma;
	long posts;
	int i;

	for (i = 0; i < 3; i++) {
		posts = counter(dma, "posts");
		ASSERT_EQ(0, track(dma, self->logs, true));
		EXPECT_TRUE(is_memory(&self->vf));
		/* What was posted before is looked at, too. */
		ASSERT_TRUE(device_has(dma, "posts", posts + i * 8));
		post(&self->vf, 4);
		EXPECT_TRUE(device_has(dma, "posts", posts + i * 8 + 4));

		ASSERT_EQ(0, track(dma, self->logs, false));
		EXPECT_FALSE(is_memory(&self->vf));
		EXPECT_EQ(i * 8 + 4, igbvf_reg_read(&self->vf, TAIL));
		post(&self->vf, 4);
		EXPECT_EQ(posts + i * 8 + 4, counter(dma, "posts"));
	}
	EXPECT_EQ(self->vf.page[2] ? 3 : 0, counter(dma, "doorbell_faults"));
}

struct ringer {
	struct igbvf *vf;
	uint32_t tail;
	long us;
};

static int ring(void *arg)
{
	struct ringer *r = arg;
	long end = now_us() + r->us;

	do {
		r->tail = (r->tail + 1) % r->vf->rx.entries;
		igbvf_reg_write(r->vf, TAIL, r->tail);
	} while (now_us() < end);
	return 0;
}

/* Who rings last while the page is exchanged has rung. */
TEST_F_TIMEOUT(doorbell, rung_while_it_is_exchanged, 600)
{
	struct dma *dma = &self->dma;
	struct ringer ringer = { .vf = &self->vf };
	struct job job;
	unsigned int i, all = rounds(1000, 250);
	long start, sum = 0;

	post(&self->vf, self->vf.rx.entries - 1);
	for (i = 0; i < all; i++) {
		/* It ends at any time of an exchange, or soon after it. */
		ringer.us = i * 7919 % (i ? 2 * sum / i : 1000);
		ASSERT_EQ(0, job_start(&job, ring, &ringer));
		start = now_us();
		ASSERT_EQ(0, track(dma, self->logs, !(i % 2)));
		sum += now_us() - start;
		ASSERT_EQ(0, job_wait(&job, 60));
		ASSERT_EQ(ringer.tail, igbvf_reg_read(&self->vf, TAIL)) {
			TH_LOG("round %u", i);
		}
	}
	TH_LOG("an exchange takes %ld us", sum / all);
}

TEST_F(doorbell, registers_keep_their_values)
{
	uint32_t before[0x100 / 4], offset;
	int on;

	post(&self->vf, 8);
	for (offset = 0; offset < 0x30; offset += 4)
		before[offset / 4] = igbvf_reg_read(&self->vf,
						    IGBVF_RX_RING(0) + offset);
	for (on = 1; on >= 0; on--) {
		ASSERT_EQ(0, track(&self->dma, self->logs, on));
		for (offset = 0; offset < 0x30; offset += 4) {
			EXPECT_EQ(before[offset / 4],
				  igbvf_reg_read(&self->vf,
						 IGBVF_RX_RING(0) + offset)) {
				TH_LOG("register 0x%x", 0x2800 + offset);
			}
		}
	}
}

TEST_F(doorbell, read_and_write_find_what_is_mapped)
{
	struct dma *dma = &self->dma;
	uint32_t value = 5;

	if (!self->vf.page[2])
		SKIP(return, "not mapped");
	ASSERT_EQ(0, track(dma, self->logs, true));
	ASSERT_EQ(4, vfio_write(&dma->user, VFIO_PCI_BAR0_REGION_INDEX, TAIL,
				&value, 4));
	EXPECT_EQ(5, igbvf_reg_read(&self->vf, TAIL));
	igbvf_reg_write(&self->vf, TAIL, 7);
	ASSERT_EQ(4, vfio_read(&dma->user, VFIO_PCI_BAR0_REGION_INDEX, TAIL,
			       &value, 4));
	EXPECT_EQ(7, value);
	ASSERT_EQ(0, track(dma, self->logs, false));
	EXPECT_EQ(7, igbvf_reg_read(&self->vf, TAIL));
}

TEST_F(doorbell, is_as_the_device_after_a_reset)
{
	struct dma *dma = &self->dma;

	ASSERT_EQ(0, track(dma, self->logs, true));
	ASSERT_TRUE(igbvf_reg_read(&self->vf, CTL) & IGBVF_DCTL_ENABLE);
	ASSERT_EQ(0, vfio_reset(&dma->user));
	EXPECT_FALSE(igbvf_reg_read(&self->vf, CTL) & IGBVF_DCTL_ENABLE);
	EXPECT_TRUE(is_memory(&self->vf));
	/* The ring of before is not set up again by itself. */
	ASSERT_EQ(0, track(dma, self->logs, false));
	EXPECT_FALSE(is_memory(&self->vf));
	EXPECT_FALSE(igbvf_reg_read(&self->vf, CTL) & IGBVF_DCTL_ENABLE);
}

TEST_HARNESS_MAIN
