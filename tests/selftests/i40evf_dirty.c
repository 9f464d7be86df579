// SPDX-License-Identifier: GPL-2.0-only
/*
 * An XL710 VF moves: what it has written to memory, as the model says, and what is
 * reported; see i40evf.c. Lab model: i40e-vf --vfs 2 --trusted.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dirty.h"
#include "i40evf/fixture.h"
#include "i40evf/requests.h"
#include "rounds.h"
#include "sysfs.h"

#define PAGES		(MEMORY_SIZE / 4096)

/* The user's memory is another object's there. */
FIXTURE_VARIANT_ADD(i40evf, iommufd) { .way = VFIO_WAY_CDEV };

struct pages {
	uint64_t bits[DIRTY_WORDS(PAGES)];
};

static bool has(const struct pages *p, unsigned int page)
{
	return p->bits[page / 64] >> page % 64 & 1;
}

static unsigned int weight(const struct pages *p)
{
	unsigned int i, n = 0;

	for (i = 0; i < DIRTY_WORDS(PAGES); i++)
		n += __builtin_popcountll(p->bits[i]);
	return n;
}

/* What the function has written since the last time, as the model says */
static int written_from(struct world *w, uint64_t base, struct pages *p)
{
	const char *text = world_model(w, w->at, "dirty clear");
	unsigned long iova, len, page;
	int n;

	memset(p, 0, sizeof(*p));
	if (!text)
		return -EIO;
	while (sscanf(text, "%lx %lx\n%n", &iova, &len, &n) == 2) {
		text += n;
		/* Before a user had it, others were written. */
		for (page = (iova - base) / 4096; len; len -= 4096, page++) {
			if (page < PAGES)
				p->bits[page / 64] |= 1ull << page % 64;
		}
	}
	return 0;
}

static int written(struct world *w, struct pages *p)
{
	return written_from(w, MEMORY, p);
}

static int query(struct world *w, struct pages *reported)
{
	if (w->way == VFIO_WAY_CDEV)
		return log_report(world_user(w), MEMORY, MEMORY_SIZE, 4096,
				  reported->bits);
	return container_query(world_user(w), MEMORY, MEMORY_SIZE,
			       reported->bits);
}

static unsigned int missed(struct __test_metadata *_metadata,
			   const struct pages *real, const struct pages *reported,
			   bool say)
{
	unsigned int i, n = 0;

	for (i = 0; i < PAGES; i++) {
		if (!has(real, i) || has(reported, i))
			continue;
		n++;
		if (say)
			TH_LOG("missed 0x%x", i * 4096);
	}
	return n;
}

/* What was written is reported, soon; or at once, if @stopped. Little else is. */
#define CHECK_WRITTEN(w, stopped, more) do { \
	struct pages _real, _reported = {}; \
	long _end = now_ms() + 20000; \
	ASSERT_EQ(0, written(w, &_real)); \
	ASSERT_EQ(0, query(w, &_reported)); \
	while (!(stopped) && now_ms() < _end && \
	       missed(_metadata, &_real, &_reported, false)) { \
		usleep(2000); \
		ASSERT_EQ(0, query(w, &_reported)); \
	} \
	EXPECT_EQ(0, missed(_metadata, &_real, &_reported, true)); \
	EXPECT_GE(weight(&_real) + (more), weight(&_reported)); \
} while (0)

static const char *way(struct world *w)
{
	return w->way == VFIO_WAY_CDEV ? "log" : "container";
}

/* Who asks, as sysfs says */
static const char *tracking(struct world *w)
{
	static char text[32];
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path),
		 "/sys/bus/mdev/devices/%s/migration/tracking",
		 w->vfs[w->at].uuid);
	return sysfs_read(path, text, sizeof(text)) < 0 ? "nobody" : text;
}

static int start_tracking(struct world *w)
{
	struct vfio_device_feature_dma_logging_range range = {
		MEMORY, MEMORY_SIZE
	};
	uint64_t page_size = 4096;

	return w->way == VFIO_WAY_CDEV ?
	       log_start(world_user(w), &range, 1, &page_size) :
	       container_start(world_user(w));
}

/* False: not on this kernel */
static bool track(struct __test_metadata *_metadata, struct world *w)
{
	struct pages pages = {};

	if (!mig_has_precopy(world_user(w)))
		return false;
	EXPECT_EQ(0, start_tracking(w));
	EXPECT_EQ(0, world_precopy(w));
	EXPECT_EQ(0, query(w, &pages));
	EXPECT_EQ(0, written(w, &pages));
	return true;
}

TEST_F_TIMEOUT(i40evf, reports_what_it_wrote, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, world_works(w));
	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, world_receive(w, 7));
		CHECK_WRITTEN(w, false, 8);
		ASSERT_EQ(0, world_send(w));
		CHECK_WRITTEN(w, false, 8);
		ASSERT_EQ(0, ask_vlan(w, OP_ADD_VLAN, 1 + i));
		CHECK_WRITTEN(w, false, 8);
		EXPECT_EQ(0, world_works(w));
		CHECK_WRITTEN(w, false, 8);
	}
	/* The last, which nobody has looked at: answered, but not read */
	ASSERT_EQ(0, world_receive(w, 40));
	ASSERT_EQ(0, world_send(w));
	ASSERT_NE(NULL, world_model(w, 0, "link down"));
	ASSERT_NE(NULL, world_model(w, 0, "link up"));
	/* Nor does the stream say that some may be missing. */
	ASSERT_EQ(0, world_save(w));
	/* Buffers that may be half full, and whole rings */
	CHECK_WRITTEN(w, true, 2 * 8 + 8);
}

/* The driver sets all up anew while pages are tracked. */
TEST_F_TIMEOUT(i40evf, reports_over_a_reset_by_the_pf, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, world_works(w));
		ASSERT_NE(NULL, world_model(w, 0, i ? "reset quiet" : "reset"));
		ASSERT_EQ(0, world_recover(w));
		/* What was posted before is reported, be it written or not. */
		CHECK_WRITTEN(w, false, PAGES);
		ASSERT_EQ(0, world_receive(w, 7));
		ASSERT_EQ(0, world_send(w));
		CHECK_WRITTEN(w, false, 8);
	}
	/* Nor does the stream say that some may be missing. */
	ASSERT_EQ(0, world_save(w));
	CHECK_WRITTEN(w, true, 2 * 8 + 8);
}

/* Throttling has its registers beside the tails. */
TEST_F_TIMEOUT(i40evf, throttling_while_tracked, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	vf_put(&w->f, VFINT_ITRN1, 0x21);
	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	EXPECT_EQ(0x21, vf_get(&w->f, VFINT_ITRN1));
	EXPECT_EQ(11, vf_get(&w->f, VFINT_ITRN1 + 4));
	vf_put(&w->f, VFINT_ITRN1 + 64, 0x33);
	EXPECT_EQ(0x33, vf_get(&w->f, VFINT_ITRN1 + 64));
	for (i = 0; i < 300; i++) {
		const char *state = world_model(w, 0, "state");

		ASSERT_NE(NULL, state);
		if (strstr(state, "vector 1 enabled itr 33 51 0"))
			break;
	}
	EXPECT_GT(300, i);
	/* The last is not lost when tracking ends. */
	vf_put(&w->f, VFINT_ITRN1 + 64, 0x34);
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0x34, vf_get(&w->f, VFINT_ITRN1 + 64));
	EXPECT_NE(NULL, strstr(world_model(w, 0, "state"),
			       "vector 1 enabled itr 33 52 0"));
}

/* Its tail is 0 then, by itself; the same value is written again. */
TEST_F_TIMEOUT(i40evf, queue_that_is_disabled_while_tracked, TEST_SECONDS)
{
	const uint32_t select[] = { 0, 3, 3 };
	struct world *w = &self->w;
	uint32_t msg[3];

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	ASSERT_EQ(0, world_send_burst(w, 0, 5));
	memcpy(msg, select, sizeof(msg));
	msg[0] = w->vsi;
	ASSERT_EQ(0, vf_request(&w->f, OP_DISABLE_QUEUES, msg, sizeof(msg), NULL,
				NULL));
	ASSERT_EQ(0, world_start_queues(w));
	EXPECT_EQ(0, world_send_burst(w, 0, 5));
	EXPECT_EQ(0, world_works(w));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0, world_works(w));
}

/* Stopped in PRE_COPY, and going on: the reset is not the user's, and ends nothing. */
TEST_F_TIMEOUT(i40evf, goes_on_in_precopy, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct vfio_precopy_info info;
	long resets;

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	resets = world_value(w, 0, "stats", "resets");
	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, mig_set_state(world_user(w), PRE_COPY_P2P, NULL));
	ASSERT_EQ(0, mig_set_state(world_user(w), PRE_COPY, NULL));
	EXPECT_EQ(resets + 1, world_value(w, 0, "stats", "resets"));
	ASSERT_EQ(PRE_COPY, mig_state(world_user(w)));
	EXPECT_STREQ(way(w), tracking(w));
	EXPECT_EQ(0, mig_precopy_info(w->precopy, &info));
	EXPECT_LT(0, info.initial_bytes);

	ASSERT_EQ(0, world_heed(w));
	CHECK_WRITTEN(w, false, PAGES);
	ASSERT_EQ(0, world_works(w));
	CHECK_WRITTEN(w, false, 8);
	/* And the stream is whole. */
	ASSERT_EQ(0, world_move_on(w));
	EXPECT_EQ(0, world_works(w));
}

/*
 * It stands in the middle of a move, or when one begins of which then no PRE_COPY
 * tells, and goes on.
 */
TEST_F_TIMEOUT(i40evf, goes_on_after_a_stop, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	for (i = 0; i < 3; i++) {
		struct pages event = {};

		ASSERT_EQ(0, world_works(w));
		ASSERT_EQ(0, world_save(w));
		CHECK_WRITTEN(w, true, i ? PAGES : 2 * 8 + 8);
		if (i % 2)
			ASSERT_EQ(0, mig_set_state(world_user(w), STOP, NULL));
		ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
		/* Not by the function, but instead of it */
		ASSERT_EQ(0, query(w, &event));
		EXPECT_TRUE(has(&event, ARQ / 4096));
		ASSERT_EQ(0, world_heed(w));
		ASSERT_EQ(0, world_works(w));
		CHECK_WRITTEN(w, false, PAGES);
		ASSERT_EQ(0, world_works(w));
		CHECK_WRITTEN(w, false, 8);
	}
	EXPECT_EQ(0, world_move_on(w));
	EXPECT_EQ(0, world_works(w));
}

/* It runs, and the stream is over. The user may yet ask for what was written. */
TEST_F_TIMEOUT(i40evf, reset_by_the_user_in_precopy, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct vfio_precopy_info info;
	char byte;

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, vfio_reset(world_user(w)));
	ASSERT_EQ(RUNNING, mig_state(world_user(w)));
	EXPECT_EQ(-EINVAL, mig_precopy_info(w->precopy, &info));
	EXPECT_EQ(-1, read(w->precopy, &byte, 1));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_STREQ(way(w), tracking(w));
	CHECK_WRITTEN(w, false, PAGES);

	ASSERT_EQ(0, world_attach(w, 0));
	ASSERT_EQ(0, world_start(w));
	ASSERT_EQ(0, world_works(w));
	CHECK_WRITTEN(w, false, PAGES);
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	/* A log has an end of its own. */
	EXPECT_STREQ(w->way == VFIO_WAY_CDEV ? way(w) : "off", tracking(w));
	EXPECT_EQ(0, world_works(w));

	/* The next one is as the first. */
	close(w->precopy);
	ASSERT_EQ(0, world_precopy(w));
	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, world_move_on(w));
	EXPECT_EQ(0, world_works(w));
}

/*
 * Admin queues
 */

static struct aq_desc *slot(struct world *w, unsigned int i)
{
	return (struct aq_desc *)(w->f.memory + ARQ) + i;
}

/* For statistics; the answer comes in slot @i of the queue from the PF. */
static int ask(struct world *w, unsigned int i)
{
	volatile struct aq_desc *d = slot(w, i);
	long end = now_ms() + 10000;
	uint8_t msg[12] = {};

	put16(msg, w->vsi);
	if (vf_send(&w->f, OP_GET_STATS, msg, sizeof(msg)))
		return -EPROTO;
	/* No read of a register, which takes longer than a look of the core */
	while (!(d->flags & AQ_FLAG_DD)) {
		if (now_ms() > end)
			return -ETIMEDOUT;
	}
	return 0;
}

static void fill_slot(struct world *w, unsigned int i, uint64_t buffer)
{
	*slot(w, i) = (struct aq_desc){
		.flags = AQ_FLAG_BUF | AQ_FLAG_LB,
		.datalen = AQ_MAX_BUF,
		.addr_low = buffer,
	};
}

/* A slot has another buffer before anybody has looked at the first. */
TEST_F_TIMEOUT(i40evf, buffer_that_is_not_posted_again, TEST_SECONDS)
{
	struct world *w = &self->w;
	const uint64_t other = MEMORY + 0x400000;
	unsigned int i;

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	drop_answers(w);
	for (i = 0; i < rounds(64, 20); i++) {
		unsigned int at = w->f.arq, then = (at + 1) % AQ_ENTRIES;

		ASSERT_EQ(0, ask(w, at));
		ASSERT_EQ(0, ask(w, then));
		fill_slot(w, at, other + 2 * i * AQ_MAX_BUF);
		fill_slot(w, then, other + (2 * i + 1) * AQ_MAX_BUF);
		/* The last is posted the next time: a full ring is an empty one. */
		vf_put(&w->f, VF_ARQT1, then);
		w->f.arq = (then + 1) % AQ_ENTRIES;
		CHECK_WRITTEN(w, false, 8);
		ASSERT_TRUE(__test_passed(_metadata));
	}
}

/* It can't be asked where it is, but does DMA all the same. */
TEST_F_TIMEOUT(i40evf, answers_while_memory_is_off, TEST_SECONDS)
{
	struct world *w = &self->w;

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	ASSERT_EQ(0, vfio_memory_off(world_user(w)));
	ASSERT_NE(NULL, world_model(w, 0, "link down"));
	ASSERT_NE(NULL, world_model(w, 0, "link up"));
	ASSERT_EQ(0, world_save(w));
	CHECK_WRITTEN(w, true, PAGES);
}

/* In memory that has nothing else, and in no region of guards with other */
#define FAR		(MEMORY + 0x10000000)
#define FAR_SIZE	0x40000ULL

static void set_queue(struct world *w, const uint32_t *regs, uint64_t base)
{
	/* Head, tail, length, base */
	vf_put(&w->f, regs[0], 0);
	vf_put(&w->f, regs[1], 0);
	vf_put(&w->f, regs[2], 0);
	vf_put(&w->f, regs[3], base);
	vf_put(&w->f, regs[2], AQ_ENTRIES | AQ_LEN_ENABLE);
}

static void set_far_adminq(struct world *w)
{
	static const uint32_t atq[] = {
		VF_ATQH1, VF_ATQT1, VF_ATQLEN1, VF_ATQBAL1,
	};
	static const uint32_t arq[] = {
		VF_ARQH1, VF_ARQT1, VF_ARQLEN1, VF_ARQBAL1,
	};
	unsigned int i;

	set_queue(w, atq, FAR + ATQ);
	set_queue(w, arq, FAR + ARQ);
	w->f.atq = 0;
	w->f.arq = 0;
	for (i = 0; i < AQ_ENTRIES; i++)
		fill_slot(w, i, FAR + ARQ_BUFFERS + i * AQ_MAX_BUF);
	vf_put(&w->f, VF_ARQT1, AQ_ENTRIES - 1);
}

/* Its descriptors and buffers alone, in memory that goes */
TEST_F_TIMEOUT(i40evf, adminq_in_memory_that_is_unmapped, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int i;

	if (w->way == VFIO_WAY_CDEV)
		SKIP(return, "an unmap tells nothing there");
	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	for (i = 0; i < rounds(50, 12); i++) {
		struct pages real, reported = {};

		ASSERT_EQ(0, vfio_map_dma(world_user(w), w->f.memory, FAR,
					  FAR_SIZE, VFIO_DMA_MAP_FLAG_READ |
					  VFIO_DMA_MAP_FLAG_WRITE));
		set_far_adminq(w);
		ASSERT_EQ(0, written_from(w, FAR, &real));
		ASSERT_EQ(0, ask(w, 0));
		ASSERT_EQ(0, container_unmap(world_user(w), FAR, FAR_SIZE,
					     reported.bits));
		ASSERT_EQ(0, written_from(w, FAR, &real));
		EXPECT_LT(0, weight(&real));
		EXPECT_EQ(0, missed(_metadata, &real, &reported, true));
		ASSERT_TRUE(__test_passed(_metadata));
	}
}

TEST_HARNESS_MAIN
