// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: each has an arena and two fighters.  All of them are busy at the same
 * time, because most of what happens is waiting for a device.
 */

#include "kselftest.h"

#include "clock.h"
#include "stress.h"

static struct ring rings[MAX_ARENAS];

static struct ring_test *list;
static unsigned int list_count;

static void *fight(void *arg)
{
	struct fighter *self = arg;
	struct ring *ring = self->ring;
	uint64_t start;

	for (;;) {
		pthread_barrier_wait(&ring->ready);
		if (!self->run)
			return NULL;
		current = ring->test;
		spin(self->delay);
		start = now_ns();
		self->result = self->run(ring->arena);
		self->took = (3 * self->took + now_ns() - start) / 4;
		pthread_barrier_wait(&ring->done);
	}
}

void ring_fight(struct ring *ring, int (*left)(struct arena *arena),
		int (*right)(struct arena *arena))
{
	uint64_t first = ring->left.took, second = ring->right.took, at;

	/* From "the left one has ended when the right one begins" to the reverse */
	at = rng_below(&ring->rng, first + second + 2);
	ring->left.delay = at < second ? second - at : 0;
	ring->right.delay = at < second ? 0 : at - second;

	ring->left.run = left;
	ring->right.run = right;
	pthread_barrier_wait(&ring->ready);
	if (left)
		pthread_barrier_wait(&ring->done);
}

static void start_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	if (pthread_create(thread, NULL, run, arg))
		ksft_exit_fail_msg("no threads\n");
}

void rings_start(void)
{
	unsigned int i;

	for (i = 0; i < num_arenas; i++) {
		struct ring *ring = &rings[i];

		ring->arena = arenas[i];
		ring->rng = rng_make(i);
		ring->left.ring = ring;
		ring->right.ring = ring;
		pthread_barrier_init(&ring->ready, NULL, 3);
		pthread_barrier_init(&ring->done, NULL, 3);
		start_thread(&ring->left.thread, fight, &ring->left);
		start_thread(&ring->right.thread, fight, &ring->right);
	}
}

void rings_end(void)
{
	unsigned int i;

	for (i = 0; i < num_arenas; i++) {
		ring_fight(&rings[i], NULL, NULL);
		pthread_join(rings[i].left.thread, NULL);
		pthread_join(rings[i].right.thread, NULL);
	}
}

/* The rings that a test is for: the first, or all; with @ring: is it one? */
static unsigned int rings_for(struct ring_test *test, struct ring *ring)
{
	unsigned int i, count = 0;

	for (i = 0; i < num_arenas; i++) {
		if (!(rings[i].arena->kind & test->kinds))
			continue;
		if (test->alone && count)
			break;
		if (ring == &rings[i])
			return 1;
		count++;
	}
	return ring ? 0 : count;
}

static void run_test(struct ring *ring, struct ring_test *it)
{
	struct test *test = &it->test;
	unsigned int rounds, i;
	long start = now_ms();

	current = test;
	ring->test = test;
	rounds = scaled(it->rounds) / rings_for(it, NULL);
	for (i = 0; i < (rounds ? : 1) && test->failures < 5; i++) {
		it->round(ring, it->arg);
		__atomic_add_fetch(&test->rounds, 1, __ATOMIC_RELAXED);
		progress();
	}
	__atomic_add_fetch(&test->spent, now_ms() - start, __ATOMIC_RELAXED);
	if (!__atomic_sub_fetch(&test->rings, 1, __ATOMIC_ACQ_REL) &&
	    !it->silent)
		test_end(test);
}

static void *run_ring(void *arg)
{
	struct ring *ring = arg;
	unsigned int i;

	for (i = 0; i < list_count; i++) {
		if (rings_for(&list[i], ring))
			run_test(ring, &list[i]);
	}
	return NULL;
}

void rings_run(struct ring_test *tests, unsigned int count)
{
	unsigned int i;

	list = tests;
	list_count = count;
	for (i = 0; i < count; i++) {
		tests[i].test.rings = rings_for(&tests[i], NULL);
		if (!tests[i].test.rings && !tests[i].silent)
			test_skip(&tests[i].test, "no device for it here");
	}
	for (i = 0; i < num_arenas; i++)
		start_thread(&rings[i].thread, run_ring, &rings[i]);
	for (i = 0; i < num_arenas; i++)
		pthread_join(rings[i].thread, NULL);
}
