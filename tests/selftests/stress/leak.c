// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same rounds again and again: a leak makes one slab cache grow by as much
 * in every block of rounds.  Whatever else the machine does makes caches grow
 * too, by a slab at a time and for a while, but not in every block: there are
 * as many as it takes to see each cache stand still once, up to a limit.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest.h"

#include "health.h"
#include "stress.h"

#define BLOCKS	16
#define ROUNDS	40

static void leak_round(struct ring *ring, const void *arg)
{
	struct arena *a = ring->arena;
	int ret = 0;

	(void)arg;
	arena_prepare(a, TAKEN);
	if (!rng_below(&ring->rng, 4))
		ret = use(a->held, a->uuid[0], &ring->rng);
	if (ret)
		fail("%s can't be opened (%d)", a->held, ret);
	if (do_create(a) != -EEXIST)
		fail("the same UUID twice");
	if (a->kind == SINGLE && do_create_another(a) != -EUSERS)
		fail("two mdevs for one function");
	if (do_remove(a))
		fail("can't be removed");

	arena_prepare(a, TAKEN);
	if (do_unbind_held(a))
		fail("can't be unbound");
	if (a->kind == POOL && do_remove(a))
		fail("an mdev without a function can't be removed");
	ring_fight(ring, do_create, do_bind_held);
}

struct growth {
	const char *name;
	int least;	/* objects, in any block so far */
};

/* Less is a leak of a few objects in all rounds of a block: not worth a limit. */
static int limit(void)
{
	int quarter = scaled(ROUNDS) / 4;

	return quarter > 1 ? quarter : 2;
}

/* Ends of mappings wait for each other: the kernel forgets them by the MB. */
static bool is_lazy(const char *name)
{
	return !strcmp(name, "vmap_area");
}

static long objects_of(const struct health_slabs *slabs, const char *name)
{
	unsigned int i;

	for (i = 0; i < slabs->count; i++) {
		if (!strcmp(slabs->cache[i].name, name))
			return slabs->cache[i].objects;
	}
	return 0;
}

/* Returns the number of caches that grew in every block so far. */
static unsigned int note_growth(struct growth *growth, unsigned int count,
				const struct health_slabs *before,
				const struct health_slabs *after)
{
	unsigned int i, suspects = 0;
	long grew;

	for (i = 0; i < count; i++) {
		grew = objects_of(after, growth[i].name) -
		       objects_of(before, growth[i].name);
		if (grew < growth[i].least)
			growth[i].least = grew;
		if (is_lazy(growth[i].name))
			growth[i].least = 0;
		suspects += growth[i].least >= limit();
	}
	return suspects;
}

static void run_block(struct ring_test *block, struct health_slabs *slabs)
{
	rings_run(block, 1);
	/* udev has its own doings with every device of ours. */
	if (system("udevadm settle"))
		say("no udev here");
	health_slabs(slabs);
}

void leaks_run(void)
{
	static struct ring_test block = {
		.kinds = SINGLE | POOL,
		.silent = true,
		.rounds = ROUNDS,
		.round = leak_round,
	};
	static struct health_slabs first, before, after;
	static struct growth growth[HEALTH_CACHES];
	unsigned int i, n, suspects = 1;

	test_begin(&block.test, "leaks");
	if (health_slabs(&first)) {
		test_skip(&block.test, "no /proc/slabinfo");
		return;
	}

	run_block(&block, &first);	/* to warm up */
	for (i = 0; i < first.count; i++)
		growth[i] = (struct growth){ first.cache[i].name, INT_MAX };
	before = first;
	for (n = 0; n < BLOCKS && suspects; n++) {
		run_block(&block, &after);
		suspects = note_growth(growth, first.count, &before, &after);
		before = after;
	}
	for (i = 0; suspects && i < first.count; i++) {
		if (growth[i].least >= limit())
			fail("%s: %d objects more in every block of %u rounds",
			     growth[i].name, growth[i].least, scaled(ROUNDS));
	}
	say("%u blocks", n);
	test_end(&block.test);
}
