// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "kselftest.h"

#include "health.h"
#include "stress.h"

__thread struct test *current;
unsigned int percent;
uint64_t seed;
unsigned long *progress_made;
int kmsg;

const int leaving[] = { ENODEV, ENOENT, EUSERS, 0 };
const int going[] = { ENODEV, ENOENT, EAGAIN, 0 };
const int no_open[] = { ENODEV, ENOENT, ENXIO, EAGAIN, EBUSY, 0 };

/* The output, and kselftest.h's counters */
static pthread_mutex_t report = PTHREAD_MUTEX_INITIALIZER;

void progress(void)
{
	__atomic_add_fetch(progress_made, 1, __ATOMIC_RELAXED);
}

static void print(const char *format, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	pthread_mutex_lock(&report);
	ksft_print_msg("%s: %s\n", current->name, text);
	pthread_mutex_unlock(&report);
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
}

void fail(const char *format, ...)
{
	va_list args;

	if (__atomic_add_fetch(&current->failures, 1, __ATOMIC_RELAXED) > 10)
		return;
	va_start(args, format);
	print(format, args);
	va_end(args);
}

void test_begin(struct test *test, const char *format, ...)
{
	va_list args;

	*test = (struct test){};
	va_start(args, format);
	vsnprintf(test->name, sizeof(test->name), format, args);
	va_end(args);
	current = test;
	progress();
}

void test_end(struct test *test)
{
	if (test->rounds)
		say("%u rounds in %lu ms", test->rounds, test->spent);
	pthread_mutex_lock(&report);
	if (health_complaints(kmsg)) {
		ksft_print_msg("%s: the kernel complained\n", test->name);
		test->failures++;
	}
	ksft_test_result(!test->failures, "%s\n", test->name);
	fflush(stdout);
	pthread_mutex_unlock(&report);
	progress();
}

void test_skip(struct test *test, const char *why)
{
	pthread_mutex_lock(&report);
	ksft_test_result_skip("%s: %s\n", test->name, why);
	pthread_mutex_unlock(&report);
}

/* Here, because every file that includes kselftest.h has counters of its own */
void tests_plan(unsigned int count)
{
	ksft_set_plan(count);
}

void tests_finish(void)
{
	ksft_finished();
}

unsigned int scaled(unsigned int n)
{
	n = n * percent / 100;
	return n ? n : 1;
}

/* xorshift64*: every thread has a state of its own. */
uint64_t rng_next(uint64_t *rng)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (*rng * 0x2545f4914f6cdd1dULL) >> 11;
}

uint64_t rng_below(uint64_t *rng, uint64_t n)
{
	return n ? rng_next(rng) % n : 0;
}

uint64_t rng_make(unsigned int stream)
{
	uint64_t rng = seed ^ ((stream + 1) * 0x9e3779b97f4a7c15ULL);

	if (!rng)
		rng = 1;
	rng_next(&rng);
	return rng;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void spin(uint64_t ns)
{
	uint64_t until = now_ns() + ns;

	while (now_ns() < until)
		;
}

bool allowed(int result, const int *errors)
{
	if (!result)
		return true;
	for (; errors && *errors; errors++) {
		if (result == -*errors)
			return true;
	}
	return false;
}
