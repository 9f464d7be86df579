// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live migration: the stream, whole, in pieces, damaged and hostile, with
 * pt-test-mig of tests/modules/. Lab devices: nvme, edu.
 */

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "records.h"
#include "rounds.h"
#include "testmig.h"

#define SEED	7
#define OTHER	99
/* What is enough to tell states apart, where each byte of the stream counts */
#define SHORT	16

#define STATE_AT	(sizeof(struct record) + sizeof(struct identity))

static struct record *first(struct mig_stream *stream)
{
	return (void *)stream->bytes;
}

static struct identity *identity(struct mig_stream *stream)
{
	return (void *)(first(stream) + 1);
}

/*
 * @t: whose stream @saved is, with the state from SEED on
 * @made: what a test makes of it
 */
FIXTURE(stream) {
	struct testmig t;
	struct testmig target;
	struct mig_stream saved;
	struct mig_stream made;
};

/* The device stays stopped. */
static int save(struct testmig *t, struct mig_stream *stream, size_t chunk)
{
	int fd, ret;

	stream->len = 0;
	ret = mig_set_state(&t->user, STOP_COPY, &fd);
	if (ret)
		return ret;
	ret = mig_read(fd, stream, chunk);
	close(fd);
	return ret;
}

static int load(struct testmig *t, const struct mig_stream *stream,
		size_t chunk)
{
	int fd, ret;

	ret = mig_set_state(&t->user, RESUMING, &fd);
	if (ret)
		return ret;
	ret = mig_write(fd, stream->bytes, stream->len, chunk);
	close(fd);
	return ret ? ret : mig_set_state(&t->user, RUNNING, NULL);
}

FIXTURE_SETUP(stream)
{
	int ret = testmig_start();

	if (ret == -ENODEV)
		SKIP(return, "no nvme here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, testmig_open(&self->t, TESTMIG));
	ASSERT_EQ(0, testmig_fill(&self->t, SEED));
	ASSERT_EQ(0, save(&self->t, &self->saved, 4096));
	ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	ASSERT_EQ(0, testmig_clear_calls());
	self->made = self->saved;
}

FIXTURE_TEARDOWN(stream)
{
	EXPECT_EQ(0, testmig_calls("overlaps"));
	EXPECT_EQ(0, testmig_calls("misordered"));
	EXPECT_EQ(0, testmig_close(&self->t));
	EXPECT_EQ(0, testmig_close(&self->target));
}

/* Refused, by write() or at the end, before anything has become of it */
static void check_refused(struct __test_metadata *_metadata, struct testmig *t,
			  const struct mig_stream *stream)
{
	ASSERT_EQ(0, testmig_fill(t, OTHER));
	ASSERT_EQ(0, testmig_clear_calls());
	EXPECT_EQ(-EINVAL, load(t, stream, MIG_STREAM_MAX));
	EXPECT_EQ(RESUMING, mig_state(&t->user));
	EXPECT_EQ(0, testmig_calls("load"));
	EXPECT_EQ(0, testmig_calls("resume"));
	EXPECT_TRUE(testmig_is(t, OTHER, PT_TEST_MIG_SIZE));
	ASSERT_EQ(0, vfio_reset(&t->user));
	EXPECT_EQ(RUNNING, mig_state(&t->user));
}

/* The same, by the write() that completes the first record */
static void check_refused_early(struct __test_metadata *_metadata,
				struct testmig *t,
				const struct mig_stream *stream)
{
	int fd;

	ASSERT_EQ(0, mig_set_state(&t->user, RESUMING, &fd));
	EXPECT_EQ(-EINVAL, mig_write(fd, stream->bytes, STATE_AT, STATE_AT));
	/* It stays refused. */
	EXPECT_EQ(-EINVAL, mig_write(fd, stream->bytes, stream->len, 4096));
	EXPECT_EQ(-EINVAL, mig_set_state(&t->user, RUNNING, NULL));
	close(fd);
	ASSERT_EQ(0, vfio_reset(&t->user));
	check_refused(_metadata, t, stream);
}

static void check_accepted(struct __test_metadata *_metadata, struct testmig *t,
			   const struct mig_stream *stream)
{
	ASSERT_EQ(0, testmig_fill(t, OTHER));
	ASSERT_EQ(0, testmig_clear_calls());
	EXPECT_EQ(0, load(t, stream, MIG_STREAM_MAX));
	EXPECT_EQ(RUNNING, mig_state(&t->user));
	EXPECT_EQ(1, testmig_calls("load"));
	EXPECT_EQ(1, testmig_calls("resume"));
	EXPECT_TRUE(testmig_is(t, SEED, PT_TEST_MIG_SIZE));
}

/*
 * As it should be
 */

TEST_F_TIMEOUT(stream, from_one_device_to_another, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, testmig_open(&self->target, TESTMIG));
	ASSERT_STRNE(self->t.bdf, self->target.bdf);
	ASSERT_EQ(0, save(&self->t, &self->made, 4096));
	EXPECT_EQ(0, load(&self->target, &self->made, 4096));
	EXPECT_EQ(RUNNING, mig_state(&self->target.user));
	EXPECT_TRUE(testmig_is(&self->target, SEED, PT_TEST_MIG_SIZE));

	/* It did not come: the source goes on. */
	EXPECT_TRUE(testmig_is(&self->t, SEED, PT_TEST_MIG_SIZE));
	EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
}

TEST_F_TIMEOUT(stream, to_the_same_device_later, TESTMIG_SECONDS)
{
	vfio_close(&self->t.user);
	ASSERT_EQ(0, vfio_open_group(&self->t.user, self->t.bdf, self->t.uuid));
	EXPECT_TRUE(testmig_is_clear(&self->t));
	check_accepted(_metadata, &self->t, &self->saved);
	/* As it came, so it goes. */
	ASSERT_EQ(0, save(&self->t, &self->made, 4096));
	EXPECT_EQ(self->saved.len, self->made.len);
	EXPECT_EQ(0, memcmp(self->saved.bytes, self->made.bytes,
			    self->saved.len));
}

TEST_F_TIMEOUT(stream, in_pieces, TESTMIG_SECONDS)
{
	static const size_t chunks[] = { 1, 7, 4096, MIG_STREAM_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		ASSERT_EQ(0, testmig_fill(&self->t, SEED));
		ASSERT_EQ(0, save(&self->t, &self->made, chunks[i]));
		EXPECT_EQ(self->saved.len, self->made.len);
		EXPECT_EQ(0, memcmp(self->saved.bytes, self->made.bytes,
				    self->saved.len));
		ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));

		ASSERT_EQ(0, testmig_fill(&self->t, OTHER));
		EXPECT_EQ(0, load(&self->t, &self->made, chunks[i]));
		EXPECT_TRUE(testmig_is(&self->t, SEED, PT_TEST_MIG_SIZE));
	}
}

/* So that the format stays what is written down above */
TEST_F_TIMEOUT(stream, is_made_of_records, TESTMIG_SECONDS)
{
	uint8_t state[PT_TEST_MIG_SIZE];
	size_t i;

	for (i = 0; i < sizeof(state); i++)
		state[i] = SEED + i * 3;
	self->made.len = 0;
	record_append(&self->made, RECORD_IDENTITY, identity(&self->saved),
	       sizeof(struct identity));
	record_append(&self->made, RECORD_STATE, state, sizeof(state));
	EXPECT_EQ(self->saved.len, self->made.len);
	EXPECT_EQ(0, memcmp(self->saved.bytes, self->made.bytes,
			    self->saved.len));
	EXPECT_STREQ("test-mig", identity(&self->saved)->type);
}

TEST_F_TIMEOUT(stream, without_any_state, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, testmig_set("size", 0));
	ASSERT_EQ(0, save(&self->t, &self->made, 4096));
	EXPECT_EQ(STATE_AT + sizeof(struct record), self->made.len);
	EXPECT_EQ(0, load(&self->t, &self->made, 4096));
	EXPECT_EQ(1, testmig_calls("load"));
}

TEST_F_TIMEOUT(stream, end_is_for_ever, TESTMIG_SECONDS)
{
	struct pollfd pollfd = { .events = POLLIN };
	struct vfio_precopy_info info;
	char byte;
	int i;

	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, &pollfd.fd));
	EXPECT_EQ(1, poll(&pollfd, 1, 0));
	self->made.len = 0;
	ASSERT_EQ(0, mig_read(pollfd.fd, &self->made, 4096));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, read(pollfd.fd, &byte, 1));
		EXPECT_EQ(1, poll(&pollfd, 1, 0));
		EXPECT_EQ(POLLIN, pollfd.revents & POLLIN);
	}
	/* Not a state to ask in, where it can be asked at all */
	EXPECT_EQ(mig_has_precopy(&self->t.user) ? -EINVAL : -ENOTTY,
		  mig_precopy_info(pollfd.fd, &info));
	close(pollfd.fd);
}

/*
 * Damaged
 */

/* A short one, for the tests that go through all of it */
static int make_short(struct _test_data_stream *self)
{
	return testmig_set("size", SHORT) ? :
	       testmig_fill(&self->t, SEED) ? :
	       save(&self->t, &self->made, 4096) ? :
	       mig_set_state(&self->t.user, RUNNING, NULL);
}

TEST_F_TIMEOUT(stream, every_byte_damaged, TESTMIG_SECONDS)
{
	size_t i;

	ASSERT_EQ(0, make_short(self));
	for (i = 0; i < self->made.len; i += rounds(1, 3)) {
		self->made.bytes[i] ^= 1 << i % 8;
		check_refused(_metadata, &self->t, &self->made);
		self->made.bytes[i] ^= 1 << i % 8;
		ASSERT_TRUE(__test_passed(_metadata)) {
			TH_LOG("bit %zu of byte %zu", i % 8, i);
		}
	}
	EXPECT_EQ(0, load(&self->t, &self->made, 4096));
	EXPECT_TRUE(testmig_is(&self->t, SEED, SHORT));
}

/* The user may go on where it was refused for what was missing. */
TEST_F_TIMEOUT(stream, cut_at_every_length, TESTMIG_SECONDS)
{
	size_t i;
	int fd;

	ASSERT_EQ(0, testmig_fill(&self->t, OTHER));
	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
	for (i = 0; i < self->saved.len; i++) {
		EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, STOP, NULL));
		EXPECT_EQ(RESUMING, mig_state(&self->t.user));
		EXPECT_EQ(0, testmig_calls("load"));
		ASSERT_EQ(0, mig_write(fd, self->saved.bytes + i, 1, 1)) {
			TH_LOG("after %zu bytes", i);
		}
	}
	EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_EQ(1, testmig_calls("load"));
	EXPECT_TRUE(testmig_is(&self->t, SEED, PT_TEST_MIG_SIZE));
	close(fd);
}

TEST_F_TIMEOUT(stream, cut_for_good, TESTMIG_SECONDS)
{
	const size_t lengths[] = {
		0, 1, sizeof(struct record) - 1, sizeof(struct record),
		STATE_AT - 1, STATE_AT, STATE_AT + 1,
		STATE_AT + sizeof(struct record), self->saved.len - 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		self->made.len = lengths[i];
		check_refused(_metadata, &self->t, &self->made);
	}
}

TEST_F_TIMEOUT(stream, more_after_the_end, TESTMIG_SECONDS)
{
	size_t len = self->saved.len;
	int fd;

	memset(self->made.bytes + len, 0, 4096);
	self->made.len = len + 1;
	check_refused(_metadata, &self->t, &self->made);
	self->made.len = len + 4096;
	check_refused(_metadata, &self->t, &self->made);

	/* Twice the same */
	memcpy(self->made.bytes + len, self->saved.bytes, len);
	self->made.len = 2 * len;
	check_refused(_metadata, &self->t, &self->made);

	/* In a write() of its own */
	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
	ASSERT_EQ(0, mig_write(fd, self->saved.bytes, len, 4096));
	EXPECT_EQ(-EINVAL, mig_write(fd, self->saved.bytes, 1, 1));
	EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, RUNNING, NULL));
	close(fd);
	ASSERT_EQ(0, vfio_reset(&self->t.user));
}

TEST_F_TIMEOUT(stream, endless, TESTMIG_SECONDS)
{
	static const uint8_t zeros[1024];
	int fd;

	self->made.len = STATE_AT;
	while (self->made.len + 2 * sizeof(zeros) < MIG_STREAM_MAX)
		record_append(&self->made, RECORD_OPTIONAL | 1, zeros, sizeof(zeros));
	check_refused(_metadata, &self->t, &self->made);

	/* Never so much as a whole record */
	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
	EXPECT_EQ(-EINVAL, mig_write(fd, self->made.bytes, self->made.len,
				     4096));
	EXPECT_EQ(-EINVAL, mig_write(fd, self->saved.bytes, 1, 1));
	close(fd);
	ASSERT_EQ(0, vfio_reset(&self->t.user));
}

TEST_F_TIMEOUT(stream, noise, TESTMIG_SECONDS)
{
	unsigned int seed = 1, i;
	size_t at;

	for (i = 0; i < rounds(50, 16); i++) {
		self->made.len = rand_r(&seed) % MIG_STREAM_MAX;
		for (at = 0; at < self->made.len; at++)
			self->made.bytes[at] = rand_r(&seed) >> 8;
		/* Half of it looks like a record at first. */
		if (i % 2 && self->made.len > sizeof(struct record))
			first(&self->made)->magic = MAGIC;
		check_refused(_metadata, &self->t, &self->made);
	}
	check_accepted(_metadata, &self->t, &self->saved);
}

/*
 * Of another device
 */

TEST_F_TIMEOUT(stream, of_another_type, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, testmig_open(&self->target, TESTMIG_OTHER));
	check_refused_early(_metadata, &self->target, &self->saved);
	ASSERT_EQ(0, save(&self->target, &self->made, 4096));
	check_refused_early(_metadata, &self->t, &self->made);
}

TEST_F_TIMEOUT(stream, of_another_device, TESTMIG_SECONDS)
{
	int ret = testmig_open_edu(&self->target, TESTMIG);

	if (ret == -ENODEV)
		SKIP(return, "no edu here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, save(&self->target, &self->made, 4096));
	check_refused_early(_metadata, &self->t, &self->made);
}

TEST_F_TIMEOUT(stream, of_a_newer_version, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, testmig_set("version", 2));
	ASSERT_EQ(0, save(&self->t, &self->made, 4096));
	ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	ASSERT_EQ(0, testmig_set("version", 1));
	check_refused_early(_metadata, &self->t, &self->made);
}

TEST_F_TIMEOUT(stream, of_an_older_version, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, testmig_set("version", 3));
	check_accepted(_metadata, &self->t, &self->saved);
	EXPECT_EQ(1, testmig_calls("loaded_version"));
}

TEST_F_TIMEOUT(stream, of_a_device_almost_the_same, TESTMIG_SECONDS)
{
	struct identity *id = identity(&self->made);
	const struct identity own = *id;
	uint8_t *const fields[] = {
		(void *)&id->vendor, (void *)&id->device,
		(void *)&id->subsystem_vendor, (void *)&id->subsystem_device,
		(void *)&id->revision, (void *)id->type,
		(void *)&id->type[8], (void *)&id->type[31],
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		*fields[i] ^= 1;
		record_seal(&self->made, 0);
		check_refused_early(_metadata, &self->t, &self->made);
		*id = own;
	}
	record_seal(&self->made, 0);
	check_accepted(_metadata, &self->t, &self->made);
}

/*
 * Hostile, with right checksums
 */

TEST_F_TIMEOUT(stream, of_a_newer_format, TESTMIG_SECONDS)
{
	first(&self->made)->version = 2;
	record_seal(&self->made, 0);
	check_refused_early(_metadata, &self->t, &self->made);
}

/* No such stream was ever written. */
TEST_F_TIMEOUT(stream, of_versions_that_never_were, TESTMIG_SECONDS)
{
	first(&self->made)->version = 0;
	record_seal(&self->made, 0);
	check_refused_early(_metadata, &self->t, &self->made);

	first(&self->made)->version = 1;
	identity(&self->made)->state_version = 0;
	record_seal(&self->made, 0);
	check_refused_early(_metadata, &self->t, &self->made);
}

TEST_F_TIMEOUT(stream, name_without_an_end, TESTMIG_SECONDS)
{
	memset(identity(&self->made)->type, 'a', 32);
	record_seal(&self->made, 0);
	check_refused_early(_metadata, &self->t, &self->made);
}

TEST_F_TIMEOUT(stream, records_of_impossible_lengths, TESTMIG_SECONDS)
{
	static const uint32_t lengths[] = {
		0xffffffff, 0xfffffff0, 0x80000000, 0x7fffffff, 0x100000,
	};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		first(&self->made)->len = lengths[i];
		/* Known when the header is there */
		ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
		EXPECT_EQ(-EINVAL, mig_write(fd, self->made.bytes,
					     sizeof(struct record), 16));
		close(fd);
		ASSERT_EQ(0, vfio_reset(&self->t.user));
		check_refused(_metadata, &self->t, &self->made);
	}
}

TEST_F_TIMEOUT(stream, records_out_of_order, TESTMIG_SECONDS)
{
	struct identity *own = identity(&self->saved);

	/* The state before the identity */
	self->made.len = 0;
	record_append(&self->made, RECORD_STATE, own, sizeof(*own));
	record_append(&self->made, RECORD_IDENTITY, own, sizeof(*own));
	check_refused(_metadata, &self->t, &self->made);

	/* No state; no identity; nothing */
	self->made.len = 0;
	record_append(&self->made, RECORD_IDENTITY, own, sizeof(*own));
	check_refused(_metadata, &self->t, &self->made);
	self->made.len = 0;
	record_append(&self->made, RECORD_STATE, own, sizeof(*own));
	check_refused(_metadata, &self->t, &self->made);
	self->made.len = 0;
	record_append(&self->made, RECORD_OPTIONAL | 1, own, 0);
	check_refused(_metadata, &self->t, &self->made);

	/* Two identities */
	self->made.len = 0;
	record_append(&self->made, RECORD_IDENTITY, own, sizeof(*own));
	record_append(&self->made, RECORD_IDENTITY, own, sizeof(*own));
	record_append(&self->made, RECORD_STATE, own, sizeof(*own));
	check_refused(_metadata, &self->t, &self->made);
}

TEST_F_TIMEOUT(stream, identity_too_short, TESTMIG_SECONDS)
{
	size_t len;

	for (len = 0; len < sizeof(struct identity); len += 5) {
		self->made.len = 0;
		record_append(&self->made, RECORD_IDENTITY, identity(&self->saved),
		       len);
		record_append(&self->made, RECORD_STATE, "", 0);
		check_refused(_metadata, &self->t, &self->made);
	}
}

/* What a newer host may write, and an older one may ignore */
TEST_F_TIMEOUT(stream, from_a_host_that_knows_more, TESTMIG_SECONDS)
{
	const uint8_t *state = self->saved.bytes + STATE_AT +
			       sizeof(struct record);
	uint8_t longer[sizeof(struct identity) + 100] = {};

	memcpy(longer, identity(&self->saved), sizeof(struct identity));
	self->made.len = 0;
	record_append(&self->made, RECORD_OPTIONAL | 5, longer, 3);
	record_append(&self->made, RECORD_IDENTITY, longer, sizeof(longer));
	record_append(&self->made, RECORD_OPTIONAL | 1, longer, sizeof(longer));
	record_append(&self->made, RECORD_OPTIONAL | 2, longer, 0);
	record_append(&self->made, RECORD_STATE, state, PT_TEST_MIG_SIZE);
	check_accepted(_metadata, &self->t, &self->made);

	self->made.len = STATE_AT;
	record_append(&self->made, 3, longer, 4);
	record_append(&self->made, RECORD_STATE, state, PT_TEST_MIG_SIZE);
	check_refused(_metadata, &self->t, &self->made);
}

/* The vendor refuses it: too late to leave the device as it was. */
TEST_F_TIMEOUT(stream, state_that_is_too_long, TESTMIG_SECONDS)
{
	static const uint8_t zeros[PT_TEST_MIG_SIZE + 1];

	self->made.len = STATE_AT;
	record_append(&self->made, RECORD_STATE, zeros, sizeof(zeros));
	EXPECT_EQ(-EINVAL, load(&self->t, &self->made, 4096));
	EXPECT_EQ(ERROR, mig_state(&self->t.user));
	ASSERT_EQ(0, vfio_reset(&self->t.user));
	check_accepted(_metadata, &self->t, &self->saved);
}

/* Whatever becomes of it, the next one is loaded. */
TEST_F_TIMEOUT(stream, changed_at_random, TESTMIG_SECONDS)
{
	unsigned int seed = 1, i, accepted = 0;

	for (i = 0; i < rounds(150, 40); i++) {
		self->made = self->saved;
		self->made.bytes[rand_r(&seed) % STATE_AT] = rand_r(&seed) >> 8;
		if (rand_r(&seed) % 2)
			self->made.bytes[STATE_AT + 8] = rand_r(&seed) >> 8;
		if (first(&self->made)->len < MIG_STREAM_MAX / 2)
			record_seal(&self->made, 0);
		record_seal(&self->made, STATE_AT);
		accepted += !load(&self->t, &self->made, 1 + rand_r(&seed) % 99);
		if (mig_state(&self->t.user) != RUNNING)
			ASSERT_EQ(0, vfio_reset(&self->t.user));
	}
	TH_LOG("%u of %u accepted", accepted, i);
	check_accepted(_metadata, &self->t, &self->saved);
}

/*
 * PRE_COPY
 */

FIXTURE(precopy) {
	struct testmig t;
	struct testmig target;
	struct mig_stream stream;
	int fd;
};

FIXTURE_SETUP(precopy)
{
	int ret = testmig_start();

	self->fd = -1;
	if (ret == -ENODEV)
		SKIP(return, "no nvme here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, testmig_open(&self->t, TESTMIG));
	if (!mig_has_precopy(&self->t.user))
		SKIP(return, "this kernel has no PRE_COPY");
	ASSERT_EQ(0, testmig_fill(&self->t, SEED));
	ASSERT_EQ(0, mig_set_state(&self->t.user, PRE_COPY, &self->fd));
}

FIXTURE_TEARDOWN(precopy)
{
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_EQ(0, testmig_close(&self->t));
	EXPECT_EQ(0, testmig_close(&self->target));
}

TEST_F_TIMEOUT(precopy, goes_on_in_the_same_file, TESTMIG_SECONDS)
{
	static struct mig_stream at_once;
	int fd;

	ASSERT_EQ(-ENOMSG, mig_read(self->fd, &self->stream, 7));
	EXPECT_LT(0, self->stream.len);
	EXPECT_EQ(0, testmig_calls("quiesce"));
	/* The state is that of the moment when the device stops. */
	ASSERT_EQ(0, testmig_fill(&self->t, OTHER));
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, &fd));
	EXPECT_EQ(-1, fd);
	ASSERT_EQ(0, mig_read(self->fd, &self->stream, 7));
	EXPECT_EQ(0, mig_read(self->fd, &self->stream, 7));

	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP, NULL));
	ASSERT_EQ(0, save(&self->t, &at_once, 4096));
	EXPECT_EQ(at_once.len, self->stream.len);
	EXPECT_EQ(0, memcmp(at_once.bytes, self->stream.bytes, at_once.len));

	ASSERT_EQ(0, testmig_open(&self->target, TESTMIG));
	EXPECT_EQ(0, load(&self->target, &self->stream, 4096));
	EXPECT_TRUE(testmig_is(&self->target, OTHER, PT_TEST_MIG_SIZE));
}

TEST_F_TIMEOUT(precopy, need_not_be_read, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, NULL));
	ASSERT_EQ(0, mig_read(self->fd, &self->stream, 4096));
	ASSERT_EQ(0, testmig_open(&self->target, TESTMIG));
	EXPECT_EQ(0, load(&self->target, &self->stream, 4096));
}

TEST_F_TIMEOUT(precopy, there_and_back_to_p2p, TESTMIG_SECONDS)
{
	int fd;

	ASSERT_EQ(-ENOMSG, mig_read(self->fd, &self->stream, 4096));
	ASSERT_EQ(0, mig_set_state(&self->t.user, PRE_COPY_P2P, &fd));
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(-ENOMSG, mig_read(self->fd, &self->stream, 4096));
	ASSERT_EQ(0, mig_set_state(&self->t.user, PRE_COPY, &fd));
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(-ENOMSG, mig_read(self->fd, &self->stream, 4096));
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, &fd));
	EXPECT_EQ(0, mig_read(self->fd, &self->stream, 4096));
	ASSERT_EQ(0, testmig_open(&self->target, TESTMIG));
	EXPECT_EQ(0, load(&self->target, &self->stream, 4096));
}

TEST_F_TIMEOUT(precopy, destination_refuses_early, TESTMIG_SECONDS)
{
	int fd;

	ASSERT_EQ(-ENOMSG, mig_read(self->fd, &self->stream, 4096));
	ASSERT_EQ(0, testmig_open(&self->target, TESTMIG_OTHER));
	ASSERT_EQ(0, mig_set_state(&self->target.user, RESUMING, &fd));
	EXPECT_EQ(-EINVAL, mig_write(fd, self->stream.bytes, self->stream.len,
				     4096));
	close(fd);
	/* The source has lost nothing. */
	ASSERT_EQ(0, testmig_clear_calls());
	EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_EQ(0, testmig_calls("quiesce"));
	EXPECT_TRUE(testmig_is(&self->t, SEED, PT_TEST_MIG_SIZE));
}

TEST_F_TIMEOUT(precopy, cancelled, TESTMIG_SECONDS)
{
	struct vfio_precopy_info info;
	char byte;

	ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_GE(0, read(self->fd, &byte, 1));
	EXPECT_EQ(-EINVAL, mig_precopy_info(self->fd, &info));
	EXPECT_EQ(0, testmig_calls("quiesce"));
	EXPECT_EQ(0, testmig_calls("resume"));
}

TEST_F_TIMEOUT(precopy, info_counts_down, TESTMIG_SECONDS)
{
	struct vfio_precopy_info info;
	uint64_t left;
	char byte;

	ASSERT_EQ(0, mig_precopy_info(self->fd, &info));
	EXPECT_LT(0, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	EXPECT_EQ(0, info.flags);
	for (left = info.initial_bytes; left; left--) {
		ASSERT_EQ(1, read(self->fd, &byte, 1));
		ASSERT_EQ(0, mig_precopy_info(self->fd, &info));
		ASSERT_EQ(left - 1, info.initial_bytes);
	}
	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(ENOMSG, errno);

	ASSERT_EQ(0, mig_set_state(&self->t.user, PRE_COPY_P2P, NULL));
	EXPECT_EQ(0, mig_precopy_info(self->fd, &info));
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, NULL));
	EXPECT_EQ(-EINVAL, mig_precopy_info(self->fd, &info));
}

TEST_F_TIMEOUT(precopy, info_of_any_size, TESTMIG_SECONDS)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) - 1 };

	EXPECT_EQ(-1, ioctl(self->fd, VFIO_MIG_GET_PRECOPY_INFO, &info));
	EXPECT_EQ(EINVAL, errno);
	info.argsz = sizeof(info) + 8;
	EXPECT_EQ(0, ioctl(self->fd, VFIO_MIG_GET_PRECOPY_INFO, &info));
	EXPECT_EQ(-1, ioctl(self->fd, VFIO_MIG_GET_PRECOPY_INFO, 8));
	EXPECT_EQ(EFAULT, errno);
}

/* vfio.h: at the temporary end, userspace can wait by poll. */
TEST_F_TIMEOUT(precopy, poll_waits_for_more, TESTMIG_SECONDS)
{
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };

	EXPECT_EQ(1, poll(&pollfd, 1, 0));
	ASSERT_EQ(-ENOMSG, mig_read(self->fd, &self->stream, 4096));
	EXPECT_EQ(0, poll(&pollfd, 1, 0));
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, NULL));
	EXPECT_EQ(1, poll(&pollfd, 1, 0));
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

TEST_HARNESS_MAIN
