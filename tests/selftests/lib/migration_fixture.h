/* SPDX-License-Identifier: GPL-2.0-only */
/* The fixture of tests of the state machine: a device of pt-test-mig */
#ifndef _SELFTESTS_MIGRATION_FIXTURE_H
#define _SELFTESTS_MIGRATION_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "testmig.h"

#define SEED	7

/*
 * @saved: a stream of the device with all state from SEED on
 * @disordered: a reset may have come between two callbacks of the vendor
 */
FIXTURE(migration) {
	struct testmig t;
	struct mig_stream saved;
	bool precopy;
	bool disordered;
};

static inline int save(struct testmig *t, struct mig_stream *stream)
{
	int fd, ret;

	stream->len = 0;
	ret = mig_set_state(&t->user, STOP_COPY, &fd);
	if (ret)
		return ret;
	ret = mig_read(fd, stream, 4096);
	close(fd);
	return ret ? ret : mig_set_state(&t->user, RUNNING, NULL);
}

FIXTURE_SETUP(migration)
{
	int ret = testmig_start();

	if (ret == -ENODEV)
		SKIP(return, "no nvme here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, testmig_open(&self->t, TESTMIG));
	self->precopy = mig_has_precopy(&self->t.user);
	ASSERT_EQ(0, testmig_fill(&self->t, SEED));
	ASSERT_EQ(0, save(&self->t, &self->saved));
	ASSERT_EQ(0, testmig_clear_calls());
}

FIXTURE_TEARDOWN(migration)
{
	EXPECT_EQ(0, testmig_calls("overlaps"));
	if (!self->disordered)
		EXPECT_EQ(0, testmig_calls("misordered"));
	EXPECT_EQ(0, testmig_close(&self->t));
}

static inline bool is_precopy(uint32_t state)
{
	return state == PRE_COPY || state == PRE_COPY_P2P;
}

static inline bool is_saving(uint32_t state)
{
	return is_precopy(state) || state == STOP_COPY;
}

static inline bool is_stopped(uint32_t state)
{
	return state != RUNNING && state != PRE_COPY;
}

/* Does the kernel have the state? ERROR can't be asked for. */
static inline bool has_state(struct _test_data_migration *self, uint32_t state)
{
	return state != ERROR && (self->precopy || !is_precopy(state));
}

/* A file of a session that is over: an error, or its end, and never data. */
static inline bool is_dead(int fd)
{
	char byte;

	return read(fd, &byte, 1) <= 0 && write(fd, "", 1) < 0;
}

/* The whole way: only a device that is well gets there. */
static inline bool is_well(struct _test_data_migration *self)
{
	struct testmig *t = &self->t;
	int fd;

	if (mig_state(&t->user) != RUNNING || testmig_fill(t, SEED) ||
	    save(t, &self->saved) || testmig_fill(t, SEED + 1) ||
	    mig_set_state(&t->user, RESUMING, &fd))
		return false;
	if (mig_write(fd, self->saved.bytes, self->saved.len, 4096) ||
	    close(fd) || mig_set_state(&t->user, RUNNING, NULL))
		return false;
	return testmig_is(t, SEED, PT_TEST_MIG_SIZE);
}

static void end(void)
{
	testmig_end();
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(end);
}

#endif /* _SELFTESTS_MIGRATION_FIXTURE_H */
