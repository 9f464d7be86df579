// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same rounds again and again: a leak of one object a round makes one slab
 * cache grow by that much in every block of rounds.  Nothing else grows so
 * steadily, so there is no need to know what else the machine does.
 */

#include <errno.h>
#include <stdlib.h>

#include "kselftest.h"

#include "health.h"
#include "stress.h"

#define BLOCKS	3
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

void leaks_run(void)
{
	static struct ring_test block = {
		.kinds = SINGLE | POOL,
		.silent = true,
		.rounds = ROUNDS,
		.round = leak_round,
	};
	static struct health_slabs before, after;
	unsigned int i, n;
	int growth[HEALTH_CACHES], last;

	test_begin(&block.test, "leaks");
	if (health_slabs(&before)) {
		test_skip(&block.test, "no /proc/slabinfo");
		return;
	}

	for (i = 0; i < HEALTH_CACHES; i++)
		growth[i] = ROUNDS;
	/* Block 0 is to warm up. */
	for (n = 0; n <= BLOCKS; n++) {
		rings_run(&block, 1);
		/* udev has its own doings with every device of ours. */
		if (system("udevadm settle"))
			say("no udev here");
		health_slabs(&after);
		for (i = 0; n && i < after.count; i++) {
			last = after.cache[i].objects - before.cache[i].objects;
			if (last < growth[i])
				growth[i] = last;
		}
		before = after;
	}
	for (i = 0; i < after.count; i++) {
		if (growth[i] >= ROUNDS / 4 && growth[i] >= (int)scaled(ROUNDS) / 4)
			fail("%s: %d objects more in every block of %u rounds",
			     after.cache[i].name, growth[i], scaled(ROUNDS));
	}
	test_end(&block.test);
}
