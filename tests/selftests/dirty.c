// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages of a NIC that really writes to memory: every page that changed was
 * reported, by the type1 container or by the log of the device, whichever this
 * kernel has. A copy that is made from the reports alone has to be equal in the
 * end. Type pt-igb-vf. Lab device: igb.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "clock.h"
#include "dirty.h"
#include "dirty/mirror.h"
#include "function.h"
#include "igbvf.h"
#include "job.h"
#include "migration.h"
#include "netdev.h"

#define TYPE		"pt-igb-vf"
#define MODULE		"mdev_pt_igb_vf"
#define TEST_SECONDS	600
#define PATIENCE_MS	20000

/* A power of two, and above all of the memory that a lab host has */
#define RINGS_IOVA	0x1000000000ULL
#define RINGS_SIZE	(32 * PAGE)
#define BUFFERS_IOVA	0x1100000000ULL
#define BUFFERS_SIZE	(1024 * PAGE)

/* Pages of the rings' memory; igbvf_start() has the first two. */
#define RX_RING		(2 * PAGE)
#define TX_RING		(18 * PAGE)
#define WRITEBACK	(19 * PAGE)
#define TX_BUFFER	(20 * PAGE)

#define MAX_FRAME	1400
#define BURST		32

/*
 * @room: what one descriptor's buffers take, in bytes
 * @per_packet: descriptors that the longest frame takes
 * @sequence: of the frames; no two are equal
 */
struct world {
	struct function function;
	struct vfio_user user;
	enum tracking tracking;
	struct mirror rings;
	struct mirror buffers;
	struct igbvf vf;
	struct igbvf_ring rx;
	size_t room;
	unsigned int per_packet;
	int packet;
	unsigned int seed;
	uint32_t sequence;
};

static const char *offer(struct world *w)
{
	int ret;

	if (function_load_drivers() || system("modprobe " MODULE " 2>/dev/null"))
		return "there is no " MODULE " here";
	ret = function_take(&w->function, &igb_vf_kind);
	if (ret == -ENODEV)
		return "no igb VF";
	if (ret)
		return "can't take the VF";
	w->packet = netdev_frames(w->function.pf);
	if (w->packet < 0)
		return "no frames from the PF";
	return function_offer_type(&w->function, TYPE) ? "no " TYPE : NULL;
}

static int map(struct world *w)
{
	return mirror_map(&w->rings, &w->user, RINGS_IOVA, RINGS_SIZE) ? :
	       mirror_map(&w->buffers, &w->user, BUFFERS_IOVA, BUFFERS_SIZE);
}

static int attach(struct world *w)
{
	return vfio_open_group(&w->user, w->function.bdf, w->function.name) ? :
	       map(w) ? :
	       igbvf_start(&w->vf, &w->user, w->rings.memory, RINGS_IOVA);
}

static void detach(struct world *w)
{
	if (w->vf.u)
		igbvf_stop(&w->vf);
	vfio_close(&w->user);
	mirror_free(&w->rings);
	mirror_free(&w->buffers);
}

/* Why this kernel does not track in this way, or NULL */
static const char *tracking_missing(struct world *w, enum tracking tracking)
{
	w->tracking = tracking;
	if (tracking == LOG)
		return log_probe(&w->user) ? "this kernel has no log" : NULL;
	return mig_has_precopy(&w->user) ? NULL : "this kernel has no PRE_COPY";
}

/*
 * Traffic
 */

/* A receive ring instead of the one that there is */
static int ring_start(struct world *w, uint32_t entries, uint32_t srrctl)
{
	uint32_t kb = srrctl & 0x7f;

	igbvf_ring_stop(&w->vf, w->rx.entries ? &w->rx : &w->vf.rx);
	memset(w->rings.memory + RX_RING, 0, TX_RING - RX_RING);
	memset(w->rings.written, 1, w->rings.size / PAGE);
	w->rx = (struct igbvf_ring){
		.receive = true,
		.desc = (void *)(w->rings.memory + RX_RING),
		.iova = RINGS_IOVA + RX_RING,
		.entries = entries,
		.srrctl = srrctl,
	};
	w->room = (kb ? kb : 2) * 1024;
	w->per_packet = 1 + MAX_FRAME / w->room;
	return igbvf_ring_start(&w->vf, &w->rx);
}

/* Anywhere, also across pages */
static uint64_t any_buffer(struct world *w, size_t len)
{
	return BUFFERS_IOVA + rand_r(&w->seed) % ((BUFFERS_SIZE - len) / 2) * 2;
}

static void post(struct world *w, uint32_t count)
{
	uint32_t room = igbvf_ring_room(&w->rx);
	bool split = (w->rx.srrctl & IGBVF_SPLIT) == IGBVF_SPLIT;

	for (count = count < room ? count : room; count; count--) {
		size_t page = (RX_RING + w->rx.tail * 16) / PAGE;

		/* The VF says "done" in the lowest bit of a header's address. */
		igbvf_ring_fill_rx(&w->rx, any_buffer(w, w->room),
				   split ? any_buffer(w, 1024) & ~7ULL : 0);
		__atomic_store_n(&w->rings.written[page], 1, __ATOMIC_SEQ_CST);
	}
	igbvf_ring_bell(&w->vf, &w->rx);
}

/* IPv4 and UDP, for those who look at headers; to everybody */
static bool send_frame(struct world *w, size_t len)
{
	static const uint8_t header[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0,
		192, 0, 2, 1, 192, 0, 2, 255,
		0x10, 0, 0x20, 0,
	};
	uint8_t frame[MAX_FRAME] = {};
	unsigned int seed = ++w->sequence;
	size_t i;

	memcpy(frame, header, sizeof(header));
	frame[16] = (len - 14) >> 8;
	frame[17] = len - 14;
	frame[38] = (len - 34) >> 8;
	frame[39] = len - 34;
	for (i = sizeof(header); i < len; i++)
		frame[i] = rand_r(&seed) >> 8;
	return send(w->packet, frame, len, 0) == (ssize_t)len;
}

static size_t any_length(struct world *w)
{
	return 60 + rand_r(&w->seed) % (MAX_FRAME - 60);
}

/* Until as many descriptors are done; how many were */
static unsigned int collect(struct world *w, unsigned int count, int timeout_ms)
{
	long end = now_ms() + timeout_ms;
	unsigned int done = 0;

	do {
		done += igbvf_ring_done(&w->vf, &w->rx);
	} while (done < count && now_ms() < end);
	return done;
}

/* Posts, and has frames sent, until @count descriptors are done; how many were */
static unsigned int traffic(struct world *w, unsigned int count)
{
	long end = now_ms() + PATIENCE_MS;
	unsigned int done = 0, burst, i;

	while (done < count && now_ms() < end) {
		post(w, 1 + rand_r(&w->seed) % w->rx.entries);
		burst = (w->rx.entries - 1 - igbvf_ring_room(&w->rx)) /
			w->per_packet;
		burst = burst < BURST ? burst : BURST;
		for (i = 0; i < burst; i++) {
			if (!send_frame(w, any_length(w)))
				return 0;
		}
		/* A frame may be lost. */
		done += collect(w, burst, 100);
	}
	return done;
}

/* Has frames sent until @count descriptors of those posted are done. */
static bool receive(struct world *w, unsigned int count)
{
	long end = now_ms() + PATIENCE_MS;
	unsigned int done = 0, burst, i;

	while (done < count && now_ms() < end) {
		burst = count - done < 10 ? count - done : 10;
		for (i = 0; i < burst; i++) {
			if (!send_frame(w, any_length(w)))
				return false;
		}
		/* What comes before the doorbell was seen is lost. */
		done += collect(w, burst, 100);
	}
	return done >= count;
}

/*
 * Tracking
 */

static int tracking_start(struct world *w)
{
	struct vfio_device_feature_dma_logging_range ranges[] = {
		{ RINGS_IOVA, RINGS_SIZE },
		{ BUFFERS_IOVA, BUFFERS_SIZE },
	};
	uint64_t page_size = PAGE;
	int ret;

	if (w->tracking == LOG)
		ret = log_start(&w->user, ranges, 2, &page_size);
	else
		ret = container_start(&w->user) ? :
		      mig_set_state(&w->user, PRE_COPY, NULL);
	/* As a migration does: all of it once, when it is tracked already */
	mirror_begin(&w->rings);
	mirror_begin(&w->buffers);
	return ret;
}

static int tracking_stop(struct world *w)
{
	return mig_set_state(&w->user, RUNNING, NULL) ? :
	       w->tracking == LOG ? log_stop(&w->user) :
	       container_stop(&w->user);
}

static int sync_all(struct world *w, struct mirror_count *count)
{
	memset(count, 0, sizeof(*count));
	return mirror_sync(&w->rings, &w->user, w->tracking, count) ? :
	       mirror_sync(&w->buffers, &w->user, w->tracking, count);
}

/*
 * The device has nothing to do: what changed is reported. The container, whose
 * queries the device does not hear of, may need some of them until it is told.
 */
static int sync_quiet(struct world *w, struct mirror_count *sum)
{
	long end = now_ms() + PATIENCE_MS;
	struct mirror_count count;
	int ret;

	ret = sync_all(w, sum);
	while (!ret && w->tracking == CONTAINER && sum->missed &&
	       now_ms() < end) {
		ret = sync_all(w, &count);
		sum->reported += count.reported;
		sum->missed = count.missed;
	}
	return ret;
}

#define CHECK_COUNT(count, what) do { \
	EXPECT_EQ(0, (count).missed); \
	TH_LOG("%s: written %zu, reported %zu, of %zu", what, \
	       (count).changed, (count).reported, (count).pages); \
} while (0)

#define CHECK_SYNC(w, what) do { \
	struct mirror_count _count; \
	ASSERT_EQ(0, sync_quiet(w, &_count)); \
	CHECK_COUNT(_count, what); \
} while (0)

#define CHECK_TRAFFIC(w, count) \
	ASSERT_LE(count, traffic(w, count))

/* The last query of a migration: what it does not say is lost. */
#define CHECK_STOPPED(w) do { \
	struct mirror_count _count; \
	ASSERT_EQ(0, mig_set_state(&(w)->user, STOP_COPY, NULL)); \
	ASSERT_EQ(0, sync_all(w, &_count)); \
	CHECK_COUNT(_count, "stopped"); \
} while (0)

FIXTURE(dirty) {
	struct world w;
};

FIXTURE_VARIANT(dirty) {
	enum tracking tracking;
};

FIXTURE_VARIANT_ADD(dirty, container) {
	.tracking = CONTAINER,
};

FIXTURE_VARIANT_ADD(dirty, log) {
	.tracking = LOG,
};

FIXTURE_SETUP(dirty)
{
	struct world *w = &self->w;
	const char *missing = offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	w->seed = 1;
	ASSERT_EQ(0, attach(w));
	missing = tracking_missing(w, variant->tracking);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
}

FIXTURE_TEARDOWN(dirty)
{
	detach(&self->w);
	EXPECT_EQ(0, function_withdraw(&self->w.function));
	close(self->w.packet);
}

/*
 * Traffic
 */

TEST_F_TIMEOUT(dirty, nothing_without_traffic, TEST_SECONDS)
{
	struct mirror_count count;
	int i;

	ASSERT_EQ(0, tracking_start(&self->w));
	post(&self->w, 255);
	ASSERT_EQ(0, sync_all(&self->w, &count));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, sync_quiet(&self->w, &count));
		EXPECT_EQ(0, count.missed);
		/* Perhaps a frame of the PF's own */
		EXPECT_GT(10, count.reported);
	}
}

TEST_F_TIMEOUT(dirty, between_queries, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	ASSERT_EQ(0, tracking_start(w));
	for (i = 0; i < 5; i++) {
		CHECK_TRAFFIC(w, 600);
		CHECK_SYNC(w, "phase");
	}
	CHECK_STOPPED(w);
}

/* Few pages of many: whoever says "all" has said nothing. */
TEST_F_TIMEOUT(dirty, what_was_not_written_is_not_reported, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct mirror_count count;

	ASSERT_EQ(0, tracking_start(w));
	ASSERT_EQ(0, sync_all(w, &count));
	CHECK_TRAFFIC(w, 10);
	ASSERT_EQ(0, sync_quiet(w, &count));
	EXPECT_EQ(0, count.missed);
	EXPECT_LE(10, count.changed);
	/* Three pages for a buffer, and then some frames that were not asked for */
	EXPECT_GT(200, count.reported);
}

struct driver {
	struct world *w;
	bool stop;
	unsigned int done;
};

static int drive(void *arg)
{
	struct driver *driver = arg;

	while (!__atomic_load_n(&driver->stop, __ATOMIC_ACQUIRE))
		driver->done += traffic(driver->w, 1);
	return 0;
}

/* Queries while descriptors are posted and frames arrive */
TEST_F_TIMEOUT(dirty, while_queries_run, TEST_SECONDS)
{
	struct driver driver = { .w = &self->w };
	struct mirror_count count;
	struct job job;
	int i;

	ASSERT_EQ(0, tracking_start(&self->w));
	ASSERT_EQ(0, job_start(&job, drive, &driver));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, sync_all(&self->w, &count));
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	TH_LOG("%u descriptors done", driver.done);
	EXPECT_LT(100, driver.done);
	CHECK_STOPPED(&self->w);
}

static int send_on(void *arg)
{
	struct driver *driver = arg;

	while (!__atomic_load_n(&driver->stop, __ATOMIC_ACQUIRE))
		driver->done += send_frame(driver->w, MAX_FRAME);
	return 0;
}

/* The device is stopped in the middle of a packet, and then stands. */
TEST_F_TIMEOUT(dirty, stopped_while_frames_arrive, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct driver driver;
	struct job job;
	unsigned int sent;
	int i;

	for (i = 0; i < 20; i++) {
		driver = (struct driver){ .w = w };
		ASSERT_EQ(0, tracking_start(w));
		collect(w, 0, 0);
		post(w, 255);
		ASSERT_EQ(0, job_start(&job, send_on, &driver));
		ASSERT_LT(0, collect(w, 1, PATIENCE_MS));
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
		ASSERT_EQ(0, tracking_stop(w));
	}
	/* It goes on where it was. */
	CHECK_TRAFFIC(w, 100);
}

/* Nobody sees the doorbell of what was posted before. */
TEST_F_TIMEOUT(dirty, posted_before, TEST_SECONDS)
{
	struct world *w = &self->w;

	post(w, 255);
	ASSERT_EQ(0, tracking_start(w));
	ASSERT_TRUE(receive(w, 100));
	/* Descriptors, too: no CPU has written to them. */
	CHECK_SYNC(w, "posted before");
	ASSERT_TRUE(receive(w, 100));
	CHECK_STOPPED(w);
}

/* A buffer that waits longer than several queries take */
TEST_F_TIMEOUT(dirty, posted_long_before, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, tracking_start(w));
	post(w, 255);
	for (i = 0; i < 10; i++)
		CHECK_SYNC(w, "waiting");
	ASSERT_TRUE(receive(w, 50));
	CHECK_SYNC(w, "written");
	ASSERT_TRUE(receive(w, 50));
	CHECK_STOPPED(w);
}

static void check_ring(struct __test_metadata *_metadata, struct world *w,
		       uint32_t entries, uint32_t srrctl)
{
	int i;

	ASSERT_EQ(0, ring_start(w, entries, srrctl));
	ASSERT_EQ(0, tracking_start(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "phase");
	}
	CHECK_STOPPED(w);
	ASSERT_EQ(0, tracking_stop(w));
}

TEST_F_TIMEOUT(dirty, rings_of_any_length, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 8, IGBVF_ADVANCED | IGBVF_PACKET(2));
	check_ring(_metadata, &self->w, 40, IGBVF_ADVANCED | IGBVF_PACKET(2));
	check_ring(_metadata, &self->w, 4096, IGBVF_ADVANCED | IGBVF_PACKET(2));
}

TEST_F_TIMEOUT(dirty, several_buffers_a_packet, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_ADVANCED | IGBVF_PACKET(1));
}

TEST_F_TIMEOUT(dirty, large_buffers, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_ADVANCED | IGBVF_PACKET(16));
}

TEST_F_TIMEOUT(dirty, buffers_of_the_default_size, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_ADVANCED | IGBVF_PACKET(0));
}

TEST_F_TIMEOUT(dirty, legacy_descriptors, TEST_SECONDS)
{
	check_ring(_metadata, &self->w, 64, IGBVF_LEGACY | IGBVF_PACKET(2));
}

TEST_F_TIMEOUT(dirty, headers_apart, TEST_SECONDS)
{
	/* All kinds of packets */
	igbvf_reg_write(&self->w.vf, IGBVF_PSRTYPE, 0x1ffe);
	check_ring(_metadata, &self->w, 64,
		   IGBVF_SPLIT | IGBVF_HEADER(256) | IGBVF_PACKET(2));
}

/* The guest's driver goes down and comes up. */
TEST_F_TIMEOUT(dirty, ring_set_up_anew, TEST_SECONDS)
{
	static const uint32_t entries[] = { 64, 8, 1024, 64, 64 };
	struct world *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, tracking_start(w));
	CHECK_TRAFFIC(w, 100);
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		ASSERT_EQ(0, ring_start(w, entries[i], IGBVF_ADVANCED |
					IGBVF_PACKET(1 + i % 2)));
		CHECK_TRAFFIC(w, 100);
		/* What was written for an earlier ring, too */
		if (i % 2)
			CHECK_SYNC(w, "set up");
	}
	CHECK_STOPPED(w);
}

/*
 * Sending: descriptors, or the head instead
 */

static void check_send(struct __test_metadata *_metadata, struct world *w,
		       unsigned int queue, uint64_t writeback)
{
	struct igbvf_ring tx = {
		.queue = queue,
		.desc = (void *)(w->rings.memory + TX_RING),
		.iova = RINGS_IOVA + TX_RING,
		.entries = 32,
		.writeback = writeback,
	};
	long end = now_ms() + PATIENCE_MS;
	unsigned int done = 0, i;

	if (!queue)
		ASSERT_EQ(0, igbvf_ring_stop(&w->vf, &w->vf.tx));
	memset(w->rings.memory + TX_RING, 0, PAGE);
	make_frame(w->rings.memory + TX_BUFFER, w->vf.mac, 1);
	ASSERT_EQ(0, igbvf_ring_start(&w->vf, &tx));
	while (igbvf_ring_room(&tx))
		igbvf_ring_fill_tx(&tx, RINGS_IOVA + TX_BUFFER, FRAME_LEN);
	ASSERT_EQ(0, tracking_start(w));

	/* From here on only the device writes. */
	igbvf_ring_bell(&w->vf, &tx);
	while (done < 31 && now_ms() < end)
		done += igbvf_ring_done(&w->vf, &tx);
	EXPECT_EQ(31, done);
	if (writeback)
		EXPECT_EQ(31, *(uint32_t *)(w->rings.memory + WRITEBACK));
	CHECK_SYNC(w, "sent");

	/* The rest is still posted, and the device still the same. */
	CHECK_STOPPED(w);
	ASSERT_EQ(0, tracking_stop(w));
	for (i = 0; i < 20; i++)
		igbvf_ring_fill_tx(&tx, RINGS_IOVA + TX_BUFFER, FRAME_LEN);
	ASSERT_EQ(0, tracking_start(w));
	igbvf_ring_bell(&w->vf, &tx);
	CHECK_STOPPED(w);
	ASSERT_EQ(0, tracking_stop(w));
	for (end = now_ms() + PATIENCE_MS; done < 51 && now_ms() < end;)
		done += igbvf_ring_done(&w->vf, &tx);
	EXPECT_EQ(51, done);
	ASSERT_EQ(0, igbvf_ring_stop(&w->vf, &tx));
}

TEST_F_TIMEOUT(dirty, sent_descriptors, TEST_SECONDS)
{
	check_send(_metadata, &self->w, 0, 0);
}

TEST_F_TIMEOUT(dirty, sent_by_the_second_queue, TEST_SECONDS)
{
	check_send(_metadata, &self->w, 1, 0);
}

TEST_F_TIMEOUT(dirty, sent_with_head_writeback, TEST_SECONDS)
{
	check_send(_metadata, &self->w, 0, RINGS_IOVA + WRITEBACK);
}

/*
 * Life
 */

static long posts(struct world *w)
{
	char path[SYSFS_PATH], value[32];

	snprintf(path, sizeof(path),
		 "/sys/bus/mdev/devices/%s/migration/posts", w->function.uuid);
	return sysfs_read(path, value, sizeof(value)) < 0 ? -1 : atol(value);
}

/* And nobody looks at the rings in between. */
TEST_F_TIMEOUT(dirty, again_and_again, TEST_SECONDS)
{
	struct world *w = &self->w;
	long seen;
	int i;

	for (i = 0; i < 10; i++) {
		seen = posts(w);
		ASSERT_LE(0, seen);
		CHECK_TRAFFIC(w, 300);
		EXPECT_EQ(seen, posts(w));
		ASSERT_EQ(0, tracking_start(w));
		CHECK_TRAFFIC(w, 300);
		EXPECT_LT(seen, posts(w));
		CHECK_SYNC(w, "round");
		if (i % 2)
			CHECK_STOPPED(w);
		ASSERT_EQ(0, tracking_stop(w));
	}
}

/* The doorbells come and go while somebody rings them. */
TEST_F_TIMEOUT(dirty, begins_and_ends_under_traffic, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct driver driver = { .w = w };
	struct job job;
	int i;

	ASSERT_EQ(0, job_start(&job, drive, &driver));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, tracking_start(w));
		ASSERT_EQ(0, tracking_stop(w));
	}
	ASSERT_EQ(0, tracking_start(w));
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
	ASSERT_EQ(0, tracking_stop(w));
	/* No tail was lost: the device has all that was posted. */
	CHECK_TRAFFIC(w, 1000);
}

static int driver_restart(struct world *w)
{
	int ret;

	igbvf_stop(&w->vf);
	memset(w->rings.written, 1, w->rings.size / PAGE);
	ret = igbvf_start(&w->vf, &w->user, w->rings.memory, RINGS_IOVA);
	if (ret)
		return ret;
	w->rx.entries = 0;
	return ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2));
}

/* The guest reboots in the middle of its migration. */
TEST_F_TIMEOUT(dirty, reset_while_tracked, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	ASSERT_EQ(0, tracking_start(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 300);
		ASSERT_EQ(0, vfio_reset(&w->user));
		EXPECT_EQ(RUNNING, mig_state(&w->user));
		ASSERT_EQ(0, driver_restart(w));
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "after a reset");
	}
	CHECK_STOPPED(w);
}

/* By its own register */
TEST_F_TIMEOUT(dirty, driver_restarts_while_tracked, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	ASSERT_EQ(0, tracking_start(w));
	for (i = 0; i < 3; i++) {
		CHECK_TRAFFIC(w, 300);
		ASSERT_EQ(0, driver_restart(w));
		CHECK_TRAFFIC(w, 300);
		CHECK_SYNC(w, "after a restart");
	}
	CHECK_STOPPED(w);
}

TEST_F_TIMEOUT(dirty, killed_while_tracked, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int *rounds = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, i;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, rounds);
	detach(w);
	for (i = 0; i < 5; i++) {
		*rounds = 0;
		pid = fork();
		if (!pid) {
			struct mirror_count count;

			w->rx.entries = 0;
			if (attach(w) || ring_start(w, 256, IGBVF_ADVANCED |
						    IGBVF_PACKET(2)) ||
			    tracking_start(w))
				_exit(1);
			while (traffic(w, 50) && !sync_all(w, &count))
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
	ASSERT_EQ(0, attach(w));
	ASSERT_EQ(0, ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	EXPECT_EQ(RUNNING, mig_state(&w->user));
	ASSERT_EQ(0, tracking_start(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

/*
 * Mappings that come and go
 */

static int remap(struct mirror *m, struct vfio_user *u)
{
	return vfio_map_dma(u, m->memory, m->iova, m->size,
			    VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

/* Memory that is hot-plugged in the middle */
TEST_F_TIMEOUT(dirty, mapped_while_tracked, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct mirror more = {};
	struct mirror_count count = {};
	unsigned int i;

	ASSERT_EQ(0, tracking_start(w));
	CHECK_TRAFFIC(w, 100);
	ASSERT_EQ(0, mirror_map(&more, &w->user, BUFFERS_IOVA + BUFFERS_SIZE,
				64 * PAGE));
	mirror_begin(&more);
	ASSERT_EQ(0, ring_start(w, 64, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	for (i = 0; i < 63; i++)
		igbvf_ring_fill_rx(&w->rx, more.iova + i * PAGE, 0);
	igbvf_ring_bell(&w->vf, &w->rx);
	ASSERT_TRUE(receive(w, 50));
	ASSERT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
	ASSERT_EQ(0, mirror_sync(&more, &w->user, w->tracking, &count));
	EXPECT_LE(45, count.changed);
	CHECK_COUNT(count, "mapped late");
	mirror_free(&more);
}

/* Pins come and go just then; they must not be in the way. */
TEST_F_TIMEOUT(dirty, unmapped_under_traffic, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct driver driver = { .w = w };
	struct job job;
	int i;

	ASSERT_EQ(0, tracking_start(w));
	ASSERT_EQ(0, job_start(&job, drive, &driver));
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

/* All of the memory goes, and the device is closed with it. */
TEST_F_TIMEOUT(dirty, everything_unmapped, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, tracking_start(w));
	post(w, 255);
	ASSERT_EQ(0, vfio_unmap_dma(&w->user, w->rings.iova, w->rings.size));
	ASSERT_EQ(0, vfio_unmap_dma(&w->user, w->buffers.iova,
				    w->buffers.size));
	EXPECT_TRUE(send_frame(w, MAX_FRAME));
	EXPECT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
	EXPECT_EQ(0, mig_set_state(&w->user, RUNNING, NULL));
}

/*
 * Hostile rings
 */

struct hostile {
	const char *name;
	uint64_t base;
	uint32_t len;
	uint32_t head;
	uint32_t tail;
	uint32_t srrctl;
	uint64_t buffer;
};

static const struct hostile hostile[] = {
	{ "ring unmapped", 0x123456789000, 4096, 0, 100, 2, BUFFERS_IOVA },
	{ "ring at the end of addresses", 0xffffffffffffff80, 4096, 0, 100, 2,
	  BUFFERS_IOVA },
	{ "ring at 0", 0, 4096, 0, 100, 2, BUFFERS_IOVA },
	{ "ring half unmapped", BUFFERS_IOVA + BUFFERS_SIZE - 2048, 4096, 0,
	  255, 2, BUFFERS_IOVA },
	{ "no length", BUFFERS_IOVA, 0, 0, 10, 2, BUFFERS_IOVA },
	{ "largest length", BUFFERS_IOVA, 0xfff80, 0, 0xffff, 2, BUFFERS_IOVA },
	{ "length out of range", BUFFERS_IOVA, 0xffffffff, 0, 0xffffffff, 2,
	  BUFFERS_IOVA },
	{ "tail beyond the ring", BUFFERS_IOVA, 4096, 0, 256, 2, BUFFERS_IOVA },
	{ "tail far beyond", BUFFERS_IOVA, 4096, 0, 0xffffffff, 2,
	  BUFFERS_IOVA },
	{ "head beyond the ring", BUFFERS_IOVA, 4096, 0xffff, 10, 2,
	  BUFFERS_IOVA },
	{ "buffers unmapped", BUFFERS_IOVA, 4096, 0, 200, 2, 0x123456789000 },
	{ "buffers at the end of addresses", BUFFERS_IOVA, 4096, 0, 200, 127,
	  0xfffffffffffffff0 },
	{ "buffers beyond 48 bits", BUFFERS_IOVA, 4096, 0, 200, 127,
	  0x8000000000000000 },
	{ "buffers in the ring", BUFFERS_IOVA, 4096, 0, 200, 2, BUFFERS_IOVA },
	{ "largest buffers", BUFFERS_IOVA, 4096, 0, 200, 127, BUFFERS_IOVA },
	{ "reserved descriptor type", BUFFERS_IOVA, 4096, 0, 200,
	  7u << 25 | 0x3f00 | 127, BUFFERS_IOVA },
};

static void set_up(struct world *w, const struct hostile *h)
{
	const uint32_t regs = IGBVF_RX_RING(0);
	uint64_t *desc = (void *)w->buffers.memory;
	size_t i;

	for (i = 0; i < BUFFERS_SIZE / 8; i++)
		desc[i] = h->buffer;
	igbvf_ring_stop(&w->vf, &w->rx);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_BAL, h->base);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_BAH, h->base >> 32);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_LEN, h->len);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_SRRCTL, h->srrctl);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_HEAD, h->head);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_TAIL, h->head);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_DCTL, IGBVF_DCTL_ENABLE);
	igbvf_reg_write(&w->vf, regs + IGBVF_RING_TAIL, h->tail);
}

/* Nothing is expected of them but that they harm nobody. */
TEST_F_TIMEOUT(dirty, hostile_rings, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct mirror_count count;
	unsigned int i, j;
	long begin;

	for (i = 0; i < ARRAY_SIZE(hostile); i++) {
		begin = now_ms();
		/* Before tracking begins, and while it goes on */
		if (i % 2)
			set_up(w, &hostile[i]);
		ASSERT_EQ(0, tracking_start(w)) {
			TH_LOG("%s", hostile[i].name);
		}
		if (!(i % 2))
			set_up(w, &hostile[i]);
		for (j = 0; j < 10; j++)
			EXPECT_TRUE(send_frame(w, any_length(w)));
		EXPECT_EQ(0, sync_all(w, &count));
		EXPECT_EQ(0, mig_set_state(&w->user, STOP_COPY, NULL));
		EXPECT_EQ(0, mig_set_state(&w->user, RUNNING, NULL)) {
			TH_LOG("%s", hostile[i].name);
		}
		ASSERT_EQ(0, vfio_reset(&w->user));
		ASSERT_EQ(0, tracking_stop(w));
		TH_LOG("%s: %ld ms", hostile[i].name, now_ms() - begin);

		/* The next driver of the device has a good time. */
		ASSERT_EQ(0, driver_restart(w));
		ASSERT_EQ(0, tracking_start(w));
		CHECK_TRAFFIC(w, 20);
		CHECK_STOPPED(w);
		ASSERT_EQ(0, tracking_stop(w));
	}
}

static int scribble(void *arg)
{
	static const uint8_t offsets[] = {
		IGBVF_RING_BAL, IGBVF_RING_BAH, IGBVF_RING_LEN,
		IGBVF_RING_SRRCTL, IGBVF_RING_HEAD, IGBVF_RING_TAIL,
		IGBVF_RING_DCTL,
	};
	struct driver *driver = arg;
	struct world *w = driver->w;
	unsigned int seed = 1;

	while (!__atomic_load_n(&driver->stop, __ATOMIC_ACQUIRE)) {
		uint32_t value = rand_r(&seed) << (rand_r(&seed) % 24);

		if (rand_r(&seed) % 3 == 0)
			value = rand_r(&seed) % 300;
		igbvf_reg_write(&w->vf, IGBVF_RX_RING(rand_r(&seed) % 2) +
				offsets[rand_r(&seed) % sizeof(offsets)], value);
		driver->done++;
	}
	return 0;
}

/* Registers are written at random while tracking comes and goes. */
TEST_F_TIMEOUT(dirty, registers_at_random, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct driver driver = { .w = w };
	struct mirror_count count;
	struct job job;
	int i;

	ASSERT_EQ(0, job_start(&job, scribble, &driver));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, tracking_start(w));
		EXPECT_TRUE(send_frame(w, any_length(w)));
		EXPECT_EQ(0, sync_all(w, &count));
		/* It may be in a state that no queue can be stopped in. */
		if (mig_set_state(&w->user, STOP_COPY, NULL) ||
		    tracking_stop(w)) {
			ASSERT_EQ(0, vfio_reset(&w->user));
			ASSERT_EQ(0, tracking_stop(w));
		}
	}
	__atomic_store_n(&driver.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, job_wait(&job, TEST_SECONDS));
	TH_LOG("%u writes", driver.done);
	ASSERT_EQ(0, vfio_reset(&w->user));
	ASSERT_EQ(0, driver_restart(w));
	ASSERT_EQ(0, tracking_start(w));
	CHECK_TRAFFIC(w, 300);
	CHECK_STOPPED(w);
}

/*
 * What only one of the two ways has
 */

FIXTURE(container) {
	struct world w;
};

FIXTURE_SETUP(container)
{
	struct world *w = &self->w;
	const char *missing = offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	w->seed = 1;
	ASSERT_EQ(0, attach(w));
	missing = tracking_missing(w, CONTAINER);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
}

FIXTURE_TEARDOWN(container)
{
	detach(&self->w);
	EXPECT_EQ(0, function_withdraw(&self->w.function));
	close(self->w.packet);
}

/* Who has not heard of the device can't know better. */
TEST_F_TIMEOUT(container, everything_until_precopy, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct mirror_count count;

	ASSERT_EQ(0, container_start(&w->user));
	ASSERT_EQ(0, sync_all(w, &count));
	EXPECT_EQ(count.pages, count.reported);
	CHECK_TRAFFIC(w, 50);
	ASSERT_EQ(0, sync_all(w, &count));
	EXPECT_EQ(count.pages, count.reported);
	ASSERT_EQ(0, mig_set_state(&w->user, PRE_COPY, NULL));
	ASSERT_EQ(0, sync_all(w, &count));
	EXPECT_GT(100, count.reported);
}

/* No page at a power of two, where the core looks for one to pin */
TEST_F_TIMEOUT(container, memory_at_odd_addresses, TEST_SECONDS)
{
	struct world *w = &self->w;

	detach(w);
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
	struct world w;
	uint64_t page_size;
};

FIXTURE_SETUP(log)
{
	struct world *w = &self->w;
	const char *missing = offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	w->seed = 1;
	ASSERT_EQ(0, attach(w));
	missing = tracking_missing(w, LOG);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
	self->page_size = PAGE;
}

FIXTURE_TEARDOWN(log)
{
	detach(&self->w);
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
static void check_units(struct __test_metadata *_metadata, struct world *w,
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
	struct world *w = &self->w;
	uint64_t bitmap[DIRTY_WORDS(BUFFERS_SIZE / PAGE)];
	struct mirror_count count = {};
	size_t half = BUFFERS_SIZE / 2, again = 0, i;

	ASSERT_EQ(0, tracking_start(w));
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
	function_give_back(&igb_vf_kind);
	system("modprobe -qr " MODULE);
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(end);
}

TEST_HARNESS_MAIN
