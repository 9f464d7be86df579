// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a destination must have: the record of the stream that says so, and who is
 * refused when; with pt-test-mig-needs of tests/modules/. Lab device: nvme.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "records.h"
#include "testmig.h"

#define SEED	7
#define NEEDS	5

/*
 * @t: the source, which runs; its stream is @saved
 * @target: which has what is needed
 * @made: what a test makes of the stream
 */
FIXTURE(needs) {
	struct testmig t;
	struct testmig target;
	struct mig_stream saved;
	struct mig_stream made;
};

static int save(struct testmig *t, struct mig_stream *stream)
{
	int fd, ret;

	stream->len = 0;
	ret = mig_set_state(&t->user, STOP_COPY, &fd);
	if (ret)
		return ret;
	ret = mig_read(fd, stream, 4096);
	close(fd);
	return ret;
}

FIXTURE_SETUP(needs)
{
	int ret = testmig_start();

	if (ret == -ENODEV)
		SKIP(return, "no nvme here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, testmig_set("needs", NEEDS));
	ASSERT_EQ(0, testmig_set("has", NEEDS));
	ASSERT_EQ(0, testmig_open(&self->t, TESTMIG_NEEDS));
	ASSERT_EQ(0, testmig_open(&self->target, TESTMIG_NEEDS));
	ASSERT_EQ(0, testmig_fill(&self->t, SEED));
	ASSERT_EQ(0, save(&self->t, &self->saved));
	ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	ASSERT_EQ(0, testmig_clear_calls());
	self->made = self->saved;
}

FIXTURE_TEARDOWN(needs)
{
	EXPECT_EQ(0, testmig_calls("overlaps"));
	EXPECT_EQ(0, testmig_calls("misordered"));
	EXPECT_EQ(0, testmig_close(&self->t));
	EXPECT_EQ(0, testmig_close(&self->target));
}

/* The error of the write, or that of the state */
static int load(struct testmig *t, const struct mig_stream *stream, size_t chunk)
{
	int fd, ret;

	ret = mig_set_state(&t->user, RESUMING, &fd);
	if (ret)
		return ret;
	ret = mig_write(fd, stream->bytes, stream->len, chunk);
	close(fd);
	return ret ? ret : mig_set_state(&t->user, RUNNING, NULL);
}

static void check_refused(struct __test_metadata *_metadata, struct testmig *t,
			  const struct mig_stream *stream, int error, int checks)
{
	ASSERT_EQ(0, testmig_clear_calls());
	EXPECT_EQ(error, load(t, stream, MIG_STREAM_MAX));
	EXPECT_EQ(RESUMING, mig_state(&t->user));
	EXPECT_EQ(checks, testmig_calls("check"));
	EXPECT_EQ(0, testmig_calls("load"));
	ASSERT_EQ(0, vfio_reset(&t->user));
}

static size_t end_of(struct mig_stream *stream, uint16_t type)
{
	struct record *record = record_find(stream, type);

	return record ? (uint8_t *)(record + 1) + record->len - stream->bytes : 0;
}

TEST_F_TIMEOUT(needs, stand_behind_the_identity, TESTMIG_SECONDS)
{
	uint8_t state[PT_TEST_MIG_SIZE], *identity;
	uint32_t value = NEEDS;
	size_t i;

	for (i = 0; i < sizeof(state); i++)
		state[i] = SEED + i * 3;
	identity = self->saved.bytes + sizeof(struct record);
	self->made.len = 0;
	record_append(&self->made, RECORD_IDENTITY, identity,
		      sizeof(struct identity));
	record_append(&self->made, RECORD_NEEDS, &value, sizeof(value));
	record_append(&self->made, RECORD_STATE, state, sizeof(state));
	EXPECT_EQ(self->saved.len, self->made.len);
	EXPECT_EQ(0, memcmp(self->saved.bytes, self->made.bytes,
			    self->saved.len));
}

TEST_F_TIMEOUT(needs, are_checked_once, TESTMIG_SECONDS)
{
	static const size_t chunks[] = { 1, 7, MIG_STREAM_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		ASSERT_EQ(0, testmig_clear_calls());
		EXPECT_EQ(0, load(&self->target, &self->saved, chunks[i]));
		EXPECT_EQ(1, testmig_calls("check"));
		EXPECT_EQ(1, testmig_calls("load"));
		EXPECT_TRUE(testmig_is(&self->target, SEED, PT_TEST_MIG_SIZE));
	}
}

/* Where there is PRE_COPY the source does not even stop. */
TEST_F_TIMEOUT(needs, refuse_before_the_source_stops, TESTMIG_SECONDS)
{
	struct vfio_user *source = &self->t.user;
	int from, to;

	if (!mig_has_precopy(source))
		SKIP(return, "no PRE_COPY");
	ASSERT_EQ(0, testmig_set("has", NEEDS - 1));
	ASSERT_EQ(0, testmig_clear_calls());
	self->made.len = 0;
	ASSERT_EQ(0, mig_set_state(source, PRE_COPY, &from));
	EXPECT_EQ(-ENOMSG, mig_read(from, &self->made, 4096));
	EXPECT_EQ(1, testmig_calls("needs"));

	ASSERT_EQ(0, mig_set_state(&self->target.user, RESUMING, &to));
	EXPECT_EQ(-EACCES, mig_write(to, self->made.bytes, self->made.len,
				     4096));
	EXPECT_EQ(-EACCES, mig_write(to, self->made.bytes, 1, 1));
	EXPECT_EQ(-EACCES, mig_set_state(&self->target.user, RUNNING, NULL));
	close(to);
	close(from);
	/* That of the target */
	EXPECT_EQ(1, testmig_calls("quiesce"));
	ASSERT_EQ(0, mig_set_state(source, RUNNING, NULL));
	EXPECT_EQ(0, testmig_calls("save"));
	ASSERT_EQ(0, vfio_reset(&self->target.user));
}

TEST_F_TIMEOUT(needs, too_little, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, testmig_set("has", NEEDS - 1));
	check_refused(_metadata, &self->target, &self->saved, -EACCES, 1);
	ASSERT_EQ(0, testmig_set("has", NEEDS));
	EXPECT_EQ(0, load(&self->target, &self->saved, 4096));
}

/* Who knows no needs loads as ever, and whoever has none is not asked. */
TEST_F_TIMEOUT(needs, missing, TESTMIG_SECONDS)
{
	struct record *needs = record_find(&self->made, RECORD_NEEDS);
	size_t end = end_of(&self->made, RECORD_NEEDS);

	ASSERT_NE(NULL, needs);
	memmove(needs, self->made.bytes + end, self->made.len - end);
	self->made.len -= sizeof(*needs) + sizeof(uint32_t);
	EXPECT_EQ(0, load(&self->target, &self->made, 4096));
	EXPECT_EQ(0, testmig_calls("check"));
	EXPECT_TRUE(testmig_is(&self->target, SEED, PT_TEST_MIG_SIZE));
}

TEST_F_TIMEOUT(needs, damaged, TESTMIG_SECONDS)
{
	size_t at = end_of(&self->made, RECORD_IDENTITY);
	size_t end = end_of(&self->made, RECORD_NEEDS);

	for (; at < end; at++) {
		self->made.bytes[at] ^= 1 << at % 8;
		check_refused(_metadata, &self->target, &self->made, -EINVAL,
			      0);
		self->made.bytes[at] ^= 1 << at % 8;
		ASSERT_TRUE(__test_passed(_metadata)) {
			TH_LOG("byte %zu", at);
		}
	}
}

TEST_F_TIMEOUT(needs, cut_off, TESTMIG_SECONDS)
{
	size_t end = end_of(&self->made, RECORD_NEEDS);

	for (self->made.len = end_of(&self->made, RECORD_IDENTITY);
	     self->made.len < end; self->made.len++)
		check_refused(_metadata, &self->target, &self->made, -EINVAL,
			      0);
	/* Whole, and then nothing */
	check_refused(_metadata, &self->target, &self->made, -EINVAL, 1);
	/* Shorter than the vendor writes them */
	self->made.len = end_of(&self->made, RECORD_IDENTITY);
	record_append(&self->made, RECORD_NEEDS, "", 0);
	check_refused(_metadata, &self->target, &self->made, -EINVAL, 1);
}

TEST_F_TIMEOUT(needs, twice, TESTMIG_SECONDS)
{
	uint32_t value = NEEDS;

	self->made.len = end_of(&self->made, RECORD_NEEDS);
	record_append(&self->made, RECORD_NEEDS, &value, sizeof(value));
	check_refused(_metadata, &self->target, &self->made, -EINVAL, 1);
}

TEST_F_TIMEOUT(needs, before_the_identity, TESTMIG_SECONDS)
{
	uint32_t value = NEEDS;

	self->made.len = 0;
	record_append(&self->made, RECORD_NEEDS, &value, sizeof(value));
	check_refused(_metadata, &self->target, &self->made, -EINVAL, 0);
}

/* A source that can't say what it needs does not move, and goes on. */
TEST_F_TIMEOUT(needs, source_that_fails, TESTMIG_SECONDS)
{
	bool precopy = mig_has_precopy(&self->t.user);

	ASSERT_EQ(0, testmig_fail("needs"));
	EXPECT_EQ(-EDOM, mig_set_state(&self->t.user,
				       precopy ? PRE_COPY : STOP_COPY, NULL));
	EXPECT_EQ(precopy ? RUNNING : STOP, mig_state(&self->t.user));
	EXPECT_EQ(0, testmig_calls("save"));
	ASSERT_EQ(0, testmig_fail("none"));
	ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_EQ(0, save(&self->t, &self->made));
}

TEST_HARNESS_MAIN
