// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages: two devices of one user, in one container; see dirty.c. Lab device:
 * igb.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "clock.h"
#include "dirty.h"
#include "igbvf_world.h"
#include "job.h"
#include "rounds.h"

#define TEST_SECONDS	600
#define ENTRIES		32
#define FRAMES		((int)rounds(50, 16))
#define PATIENCE_MS	20000
#define PAGES		(WORLD / PAGE)
#define UNMAPS		((unsigned int)rounds(500, 100))

struct traffic {
	struct world *w;
	bool stop;
};

/* @copy: of the memory, as a migration has it that copies what is reported */
FIXTURE(together) {
	struct world w;
	uint8_t *copy;
};

FIXTURE_SETUP(together)
{
	struct world *w = &self->w;
	const char *missing = world_offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, world_open(w, 0));
	if (!mig_has_precopy(world_user(w)))
		SKIP(return, "this kernel has no PRE_COPY");
	ASSERT_EQ(0, vfio_join_group(&w->users[1], &w->users[0], w->vfs[1].bdf,
				     w->vfs[1].name));
	self->copy = malloc(WORLD);
	ASSERT_NE(NULL, self->copy);
	ASSERT_EQ(0, world_start(w, ENTRIES));
}

FIXTURE_TEARDOWN(together)
{
	free(self->copy);
	EXPECT_EQ(0, world_withdraw(&self->w));
}

/* How many pages are reported, and brought up to date; or -errno */
static long query(struct _test_data_together *self)
{
	uint64_t bitmap[DIRTY_WORDS(PAGES)] = {};
	long reported = 0;
	size_t page;
	int ret;

	ret = container_query(&self->w.users[0], IOVA, WORLD, bitmap);
	if (ret)
		return ret;
	for (page = 0; page < PAGES; page++) {
		if (!(bitmap[page / 64] >> page % 64 & 1))
			continue;
		reported++;
		memcpy(self->copy + page * PAGE,
		       self->w.memory + page * PAGE, PAGE);
	}
	return reported;
}

/* Pages of buffers, which the CPU does not write to, that differ from the copy */
static unsigned int differing(struct _test_data_together *self)
{
	unsigned int n = 0;
	size_t page;

	for (page = WORLD_BUFFERS / PAGE; page < PAGES; page++)
		n += !!memcmp(self->copy + page * PAGE,
			      self->w.memory + page * PAGE, PAGE);
	return n;
}

/* A frame that comes before the doorbell was seen is lost. */
static int receive(struct world *w)
{
	long end = now_ms() + PATIENCE_MS;
	int frames = 0;

	while (frames < FRAMES && now_ms() < end)
		frames += world_arrives(w, w->vf.mac, 0, SHORT) == 1;
	return frames == FRAMES ? 0 : -ETIMEDOUT;
}

/* The other VF will have the same address, the same rings and buffers. */
static int silence(struct world *w)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < QUEUES; i++) {
		ret = igbvf_ring_stop(&w->vf, &w->rx[i]);
		if (!ret)
			ret = igbvf_ring_stop(&w->vf, &w->tx[i]);
	}
	return ret;
}

/* What arrived is reported, perhaps by a later query: nobody tells the device. */
static void check_traffic(struct __test_metadata *_metadata,
			  struct _test_data_together *self)
{
	long end = now_ms() + PATIENCE_MS, reported = 0, ret;
	unsigned int written;

	ASSERT_EQ(0, receive(&self->w));
	written = differing(self);
	EXPECT_LT(0, written);
	do {
		ret = query(self);
		ASSERT_LE(0, ret);
		reported += ret;
	} while (differing(self) && now_ms() < end);
	EXPECT_EQ(0, differing(self));
	TH_LOG("written %u, reported %ld, of %lu", written, reported, PAGES);
	EXPECT_GT((long)PAGES / 2, reported);
}

static void track(struct __test_metadata *_metadata,
		  struct _test_data_together *self)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, container_start(&w->users[0]));
	ASSERT_EQ(0, mig_set_state(&w->users[0], PRE_COPY, NULL));
	ASSERT_EQ(0, mig_set_state(&w->users[1], PRE_COPY, NULL));
	memcpy(self->copy, w->memory, WORLD);
	ASSERT_LE(0, query(self));
}

/* One of them could still write anywhere, for all that the container knows. */
TEST_F_TIMEOUT(together, both_have_to_tell, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, container_start(&w->users[0]));
	ASSERT_EQ(0, mig_set_state(&w->users[0], PRE_COPY, NULL));
	EXPECT_EQ(PAGES, query(self));
	EXPECT_EQ(PAGES, query(self));
	ASSERT_EQ(0, mig_set_state(&w->users[1], PRE_COPY, NULL));
	EXPECT_GT(100, query(self));
}

TEST_F_TIMEOUT(together, each_is_heard, TEST_SECONDS)
{
	struct world *w = &self->w;

	track(_metadata, self);
	check_traffic(_metadata, self);
	ASSERT_EQ(0, silence(w));
	world_detach(w);
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	ASSERT_LE(0, query(self));
	check_traffic(_metadata, self);
}

/* That one of them is done with does not end it for the other. */
TEST_F_TIMEOUT(together, one_stops_first, TEST_SECONDS)
{
	struct world *w = &self->w;

	track(_metadata, self);
	ASSERT_EQ(0, mig_set_state(&w->users[1], STOP_COPY, NULL));
	check_traffic(_metadata, self);
	ASSERT_EQ(0, mig_set_state(&w->users[0], STOP_COPY, NULL));
	ASSERT_LE(0, query(self));
	EXPECT_EQ(0, differing(self));
}

/* Both have buffers posted there, and one gets frames. */
static int traffic(void *arg)
{
	struct traffic *t = arg;

	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE))
		world_arrives(t->w, t->w->vf.mac, 0, SHORT);
	return 0;
}

/*
 * An unmap asks all of them before it looks whether something is still pinned: eleven
 * times, and then it is a BUG of the kernel's.
 */
TEST_F_TIMEOUT(together, unmapped_again_and_again, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint64_t bitmap[DIRTY_WORDS(PAGES)];
	struct traffic t = { .w = w };
	unsigned int i, told = 0;
	struct job job;

	track(_metadata, self);
	world_detach(w);
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	ASSERT_EQ(0, job_start(&job, traffic, &t));
	for (i = 0; i < UNMAPS; i++) {
		memset(bitmap, 0, sizeof(bitmap));
		ASSERT_EQ(0, container_unmap(&w->users[0], IOVA, WORLD, bitmap));
		told += !all_bytes((uint8_t *)bitmap, 0, sizeof(bitmap));
		ASSERT_EQ(0, vfio_map_dma(&w->users[0], w->memory, IOVA, WORLD,
					  READ_WRITE));
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	EXPECT_LT(0, told);

	/* Neither of them has given up. */
	ASSERT_EQ(0, world_start(w, ENTRIES));
	memcpy(self->copy, w->memory, WORLD);
	check_traffic(_metadata, self);
	EXPECT_EQ(0, mig_set_state(&w->users[0], STOP_COPY, NULL));
	EXPECT_EQ(0, mig_set_state(&w->users[1], STOP_COPY, NULL));
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(world_end);
}

TEST_HARNESS_MAIN
