// SPDX-License-Identifier: GPL-2.0-only
/*
 * pins.c, as it is, in many schedules: type1 asks once, has no BUG, and no mark, page
 * or memory is lost. SCHEDULES: how many, of all kinds together; SEED: this one only;
 * FIRST: from this one on; EXPECT_HANGS: see below.
 */

#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"
#include "pins.h"
#include "type1.h"

#define SCHEDULES	100000
#define CONTAINERS	2
#define UNMAPPERS	2	/* of a container, at most */
#define SCAN_MS		1000
#define POSTS		3

/*
 * A kind of schedules
 * @percent: of all
 * @unmappers: of each container
 * @late: devices are opened, and closed, meanwhile
 * @hostile: one after the other, each after a pass of the unmap
 * @asked: how often a device may be asked about a mapping; 0: type1's limit
 */
FIXTURE_VARIANT(pins)
{
	unsigned int percent;
	unsigned int unmappers;
	bool late;
	bool hostile;
	unsigned int asked;
	struct sched_options options;
};

struct unmapper {
	struct container *c;
	unsigned int first;
	unsigned int count;
	unsigned int unmaps;
};

struct post {
	u64 iova;
	u64 len;
	bool guarded;
};

static struct {
	const struct _fixture_variant_pins *kind;
	bool calm;
	unsigned int unmapping;		/* tasks */
	struct container containers[CONTAINERS];
	struct vfio_device devices[DEVICES_MAX];
	struct unmapper unmappers[CONTAINERS * UNMAPPERS];
	unsigned long errors;
} test;

static u64 test_page(struct container *c)
{
	/* Not all of them are mapped. */
	return c->mappings[sched_random(MAPPINGS)].first + sched_random(20) - 2;
}

/* Is it the memory that was mapped, and may be written, all the time since? */
static bool test_is_same(struct vfio_device *d, u64 page, struct mapping *m,
			 unsigned int generation)
{
	return m && m->writable && m->generation == generation &&
	       type1_find(d->container, page) == m;
}

static void test_mark(struct vfio_device *d, u64 page, unsigned int count)
{
	struct mapping *m = type1_find(d->container, page);
	unsigned int generation = m ? m->generation : 0;
	unsigned long before = type1_pinned;
	int i, ret;

	sched_call("marks", page, count);
	ret = mdev_pt_pins_mark(d->pins, page, count);
	sched_trace("marked", page, ret);
	if (!ret && !test.kind->options.failing && test_is_same(d, page, m, generation))
		sched_fail("a mark of mapped memory is lost");
	if (ret < 0 && ret != -EINTR && !test.kind->options.failing && !mdev_pt_pins_error(d->pins))
		sched_fail("a mark fails, and there is no error");
	if (ret == -EINTR && !test.kind->options.stalled)
		sched_fail("nobody was killed");
	for (i = 0; i < ret; i++) {
		if (i >= (int)count || type1_pinned_at(d, page + i) <= before)
			sched_fail("a page is said to be marked, and was not pinned");
	}
}

static bool test_has_guard(struct vfio_device *d, u64 page)
{
	unsigned int i, j;

	for (i = 0; i < MAPPINGS; i++) {
		for (j = 0; j < MAPPING_PAGES; j++) {
			if (d->refs[i][j] && page / REGION_PAGES ==
			    (d->container->mappings[i].first + j) / REGION_PAGES)
				return true;
		}
	}
	return false;
}

static bool test_guard(struct vfio_device *d, struct post *post)
{
	struct container *c = d->container;
	u64 page = test_page(c);
	struct mapping *m = type1_find(c, page);
	unsigned int generation = m ? m->generation : 0;
	unsigned int unmaps = c->unmaps, epoch = d->epoch;
	bool quiet = !c->unmapping && d->tracking && !test.kind->options.failing;

	post->iova = (page << PAGE_SHIFT) + sched_random(4096);
	post->len = 1 + sched_random(4 * 4096);
	sched_call("guards", page, post->len);
	post->guarded = mdev_pt_pins_guard(d->pins, post->iova, post->len);
	sched_trace("guarded", page, post->guarded);
	/* Whatever was unmapped before, memory that is there has a guard. */
	quiet = quiet && unmaps == c->unmaps && d->epoch == epoch;
	if (quiet && !post->guarded)
		sched_fail("is not guarded");
	if (quiet && test_is_same(d, page, m, generation) && !test_has_guard(d, page) &&
	    !mdev_pt_pins_error(d->pins) && unmaps == c->unmaps && d->epoch == epoch)
		sched_fail("guarded memory has no page pinned");
	return post->guarded;
}

static void test_unguard(struct vfio_device *d, struct post *post)
{
	sched_trace("unguards", post->iova >> PAGE_SHIFT, post->len);
	mdev_pt_pins_unguard(d->pins, post->iova, post->len);
	post->guarded = false;
}

/* Of a device that is about to be asked, by the task that unmaps */
static void test_scan(struct vfio_device *d)
{
	unsigned int wanted = ++d->scans_wanted;

	wait_event_timeout(d->scans, !d->scanning || d->scans_done >= wanted, SCAN_MS);
}

static void test_scan_if_wanted(struct vfio_device *d)
{
	unsigned int wanted = d->scans_wanted;

	if (wanted == d->scans_done)
		return;
	test_mark(d, test_page(d->container), 1);
	d->scans_done = wanted;
	wake_up_all(&d->scans);
}

static void test_begin(struct vfio_device *d)
{
	sched_trace("begins", 0, 0);
	mdev_pt_pins_begin(d->pins);
	d->scanning = true;
	d->tracking = true;
	d->epoch++;
}

static void test_end(struct vfio_device *d)
{
	int error = mdev_pt_pins_error(d->pins);

	if (error && test.calm)
		sched_fail("has given up");
	test.errors += !!error;
	d->scanning = false;
	wake_up_all(&d->scans);
	/* No post is undone any more. */
	mutex_lock(&d->posting);
	d->tracking = false;
	d->given_up = 0;
	d->epoch++;
	mutex_unlock(&d->posting);
	sched_trace("ends", error, 0);
	mdev_pt_pins_end(d->pins);
	if (d->pinned)
		sched_fail("has ended, and a page is pinned");
}

static void test_close(struct vfio_device *d)
{
	mdev_pt_pins_destroy(d->pins);
	d->pins = NULL;
}

static void test_track(struct vfio_device *d)
{
	struct post posts[POSTS] = {};
	struct post *post;
	unsigned int i;

	test_begin(d);
	for (i = 8 + sched_random(8); i; i--) {
		test_scan_if_wanted(d);
		post = &posts[sched_random(POSTS)];
		switch (sched_random(8)) {
		case 0 ... 2:
			test_mark(d, test_page(d->container), 1 + sched_random(20));
			break;
		case 3:
			sched_call("expects", 0, 0);
			mdev_pt_pins_expect(d->pins, test_page(d->container) << PAGE_SHIFT,
					    1 + sched_random(4 * 4096));
			break;
		case 4:
			if (!sched_random(16) && mdev_pt_pins_narrow(d->pins) > 0 &&
			    !mdev_pt_pins_are_narrow(d->pins))
				sched_fail("is not narrow");
			break;
		default:
			if (!post->guarded)
				test_guard(d, post);
			else if (sched_random(2))
				test_unguard(d, post);
		}
	}
	test_end(d);
}

static void test_device(void *arg)
{
	struct vfio_device *d = arg;
	unsigned int i;

	for (i = sched_random(2); i < 2; i++)
		test_track(d);
}

/* The same device's posts, by another task */
static void test_posts(void *arg)
{
	struct vfio_device *d = arg;
	struct post post;
	unsigned int i, epoch;

	for (i = 0; i < 5; i++) {
		epoch = d->epoch;
		if (!test_guard(d, &post))
			continue;
		mutex_lock(&d->posting);
		if (d->tracking && d->epoch == epoch)
			test_unguard(d, &post);
		mutex_unlock(&d->posting);
	}
}

static void test_late_device(void *arg)
{
	struct vfio_device *d = arg;
	unsigned int i;

	for (i = sched_random(40); i; i--)
		sched_point();
	type1_register(d->container, d);
	test_track(d);
	type1_unregister(d->container, d);
	test_close(d);
}

/* Pins what is unmapped, after the unmap has asked N times. */
static void test_hostile_device(void *arg)
{
	struct vfio_device *d = arg;
	struct container *c = d->container;

	if (d->number) {
		wait_event(c->asked, c->passes >= d->number || !test.unmapping);
		type1_register(c, d);
	}
	test_begin(d);
	mdev_pt_pins_guard(d->pins, c->mappings[0].first << PAGE_SHIFT, 1);
	d->scanning = false;
	wait_event(c->asked, !test.unmapping);
	test_end(d);
}

static void test_unmapper(void *arg)
{
	struct unmapper *u = arg;
	unsigned int i, j, first, last;

	for (i = 0; i < u->unmaps; i++) {
		first = u->first + sched_random(u->count);
		last = first + sched_random(u->first + u->count - first);
		for (j = sched_random(60); j; j--)
			sched_point();
		type1_unmap(u->c, first, last);
		sched_point();
		type1_map(u->c, first, last);
	}
	if (!--test.unmapping)
		wake_up_all(&u->c->asked);
}

static void test_add_unmappers(struct container *c)
{
	const unsigned int n = test.kind->unmappers;
	struct unmapper *u;
	unsigned int i;

	for (i = 0; i < n; i++) {
		u = &test.unmappers[test.unmapping++];
		*u = (struct unmapper){
			.c = c, .unmaps = test.kind->hostile ? 1 : 2 + sched_random(3),
			.first = i * MAPPINGS / n,
			.count = test.kind->hostile ? 1 : MAPPINGS / n,
		};
		sched_add("unmapper", test.unmapping, test_unmapper, u);
	}
}

static void test_add_device(struct container *c, unsigned int number, bool posts)
{
	struct vfio_device *d = &test.devices[number];
	bool late = test.kind->late && number && sched_random(2);

	*d = (struct vfio_device){ .container = c, .number = number, .epoch = 1 };
	d->pins = mdev_pt_pins_create(d, test_scan);
	if (!d->pins)
		return;
	if (!late && !(test.kind->hostile && number))
		c->devices[c->nr_devices++] = d;
	sched_add("device", number, late ? test_late_device : test.kind->hostile ?
		  test_hostile_device : test_device, d);
	if (posts && !late)
		sched_add("posts", number, test_posts, d);
}

static void test_run(unsigned long seed)
{
	struct sched_options options = test.kind->options;
	unsigned int i, devices, containers;
	bool posts;

	options.seed = seed;
	options.idle = test.kind->hostile;
	sched_begin(&options);
	devices = 1 + sched_random(sched_random(12) ? 4 : DEVICES_MAX);
	posts = devices <= 4 && !test.kind->hostile && sched_random(2);
	containers = 1 + !sched_random(4);
	if (test.kind->hostile) {
		devices = DEVICES_MAX;
		containers = 1;
	}
	test.unmapping = 0;
	for (i = 0; i < containers; i++) {
		type1_init(&test.containers[i]);
		test_add_unmappers(&test.containers[i]);
	}
	for (i = 0; i < devices; i++)
		test_add_device(&test.containers[i % containers], i, posts);
	sched_run();
	if (test.calm && sched_expired)
		sched_fail("an unmap has not waited to the end");
	for (i = 0; i < devices; i++) {
		if (test.devices[i].pins)
			test_close(&test.devices[i]);
	}
	sched_end();
}

FIXTURE(pins)
{
	unsigned long first;
	unsigned long schedules;
};

static unsigned long test_getenv(const char *name, unsigned long value)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : value;
}

/* One unmapper, and time for all: what users have */
FIXTURE_VARIANT_ADD(pins, calm) {
	.percent = 55,
	.unmappers = 1,
	.asked = 1,
};

/* The machine has no CPU to spare: a second may be too short. */
FIXTURE_VARIANT_ADD(pins, stalled) {
	.percent = 10,
	.unmappers = 1,
	.options.stalled = true,
};

FIXTURE_VARIANT_ADD(pins, starved) {
	.percent = 5,
	.unmappers = 1,
	.options.stalled = true,
	.options.starved = true,
};

/* An unmapper may wait, with a lock held, until the other one has asked. */
FIXTURE_VARIANT_ADD(pins, two_unmappers) {
	.percent = 10,
	.unmappers = 2,
	.options.handoff = true,
};

FIXTURE_VARIANT_ADD(pins, devices_come_and_go) {
	.percent = 10,
	.unmappers = 1,
	.late = true,
};

FIXTURE_VARIANT_ADD(pins, no_memory) {
	.percent = 8,
	.unmappers = 1,
	.options.failing = true,
};

FIXTURE_VARIANT_ADD(pins, hostile) {
	.percent = 2,
	.unmappers = 1,
	.hostile = true,
	.options.handoff = true,
};

/*
 * pins.c: "from the tenth on it waits, whoever may hang then". These kinds do, and fail.
 * With EXPECT_HANGS a deadlock, and only that, is an expected failure of them. It is
 * the last schedule of its kind, so there are more than 100 % of them.
 */
FIXTURE_VARIANT_ADD(pins, two_unmappers_stalled) {
	.percent = 6,
	.unmappers = 2,
	.options.stalled = true,
	.options.handoff = true,
	.options.hangs = true,
};

FIXTURE_VARIANT_ADD(pins, two_unmappers_unfair) {
	.percent = 4,
	.unmappers = 2,
	.options.hangs = true,
};

FIXTURE_VARIANT_ADD(pins, two_unmappers_starved) {
	.percent = 4,
	.unmappers = 2,
	.options.stalled = true,
	.options.starved = true,
	.options.handoff = true,
	.options.hangs = true,
};

FIXTURE_VARIANT_ADD(pins, hostile_unfair) {
	.percent = 1,
	.unmappers = 1,
	.hostile = true,
	.options.hangs = true,
};

FIXTURE_SETUP(pins)
{
	self->first = test_getenv("SEED", test_getenv("FIRST", 0));
	self->schedules = getenv("SEED") ? 1 :
			  test_getenv("SCHEDULES", SCHEDULES) * variant->percent / 100;
	test.kind = variant;
	test.calm = variant->asked == 1;
}

FIXTURE_TEARDOWN(pins)
{
}

TEST_F_TIMEOUT(pins, schedules, 3600)
{
	unsigned long i;

	for (i = self->first; i < self->first + self->schedules; i++)
		test_run(i);
	TH_LOG("%lu schedules, %lu pins; asked %lu times, %u at most; %lu gave up",
	       self->schedules, type1_pinned, type1_asked, type1_asked_max, test.errors);
	if (variant->asked)
		EXPECT_GE(variant->asked, type1_asked_max);
}

TEST_HARNESS_MAIN
