// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live migration: the state machine, without a guest, with pt-test-mig of
 * tests/modules/. The stream: see stream.c. Lab device: nvme.
 */

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "migration_fixture.h"

/*
 * What there is
 */

TEST_F_TIMEOUT(migration, flags, TESTMIG_SECONDS)
{
	uint64_t flags, expected = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	struct utsname name;
	int major, minor;

	ASSERT_EQ(0, uname(&name));
	ASSERT_EQ(2, sscanf(name.release, "%d.%d", &major, &minor));
	if (major > 6 || (major == 6 && minor >= 2))
		expected |= VFIO_MIGRATION_PRE_COPY;
	ASSERT_EQ(0, mig_flags(&self->t.user, &flags));
	EXPECT_EQ(expected, flags);
}

TEST_F_TIMEOUT(migration, none_without_a_vendor, TESTMIG_SECONDS)
{
	struct testmig plain = {};
	uint64_t value;

	ASSERT_EQ(0, testmig_open(&plain, "pt-pci"));
	EXPECT_EQ(-ENOTTY, mig_flags(&plain.user, &value));
	EXPECT_EQ(-ENOTTY, mig_state(&plain.user));
	EXPECT_EQ(-ENOTTY, mig_set_state(&plain.user, STOP, NULL));
	EXPECT_EQ(0, testmig_close(&plain));
}

TEST_F_TIMEOUT(migration, begins_running, TESTMIG_SECONDS)
{
	vfio_close(&self->t.user);
	ASSERT_EQ(0, testmig_clear_calls());
	ASSERT_EQ(0, vfio_open_group(&self->t.user, self->t.bdf, self->t.uuid));
	EXPECT_EQ(RUNNING, mig_state(&self->t.user));
	EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_EQ(0, testmig_calls("quiesce"));
	EXPECT_EQ(0, testmig_calls("resume"));
}

TEST_F_TIMEOUT(migration, data_size_is_enough, TESTMIG_SECONDS)
{
	uint64_t size;
	uint32_t state;
	int ret;

	ret = mig_data_size(&self->t.user, &size);
	if (ret == -ENOTTY)
		SKIP(return, "this kernel does not ask for it");
	ASSERT_EQ(0, ret);
	EXPECT_LE(self->saved.len, size);
	/* In every state, and however little there is */
	ASSERT_EQ(0, testmig_set("size", 0));
	for (state = 0; state < NUM_STATES; state++) {
		if (!has_state(self, state) || state == RESUMING)
			continue;
		ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
		ASSERT_EQ(0, mig_set_state(&self->t.user, state, NULL));
		EXPECT_EQ(0, mig_data_size(&self->t.user, &size));
		EXPECT_NE(0, size);
	}
}

/*
 * Arcs
 */

/* Leaving RESUMING takes a whole stream. */
static void check_arc(struct __test_metadata *_metadata,
		      struct _test_data_migration *self, uint32_t from,
		      uint32_t to)
{
	struct vfio_user *user = &self->t.user;
	int from_fd, fd, ret;

	ASSERT_EQ(0, mig_set_state(user, from, &from_fd));
	ASSERT_EQ(0, testmig_clear_calls());
	if (from == RESUMING && to != RESUMING)
		ASSERT_EQ(0, mig_write(from_fd, self->saved.bytes,
				       self->saved.len, 4096));

	ret = mig_set_state(user, to, &fd);
	/* The two that the protocol forbids */
	if (from == STOP_COPY && is_precopy(to)) {
		EXPECT_EQ(-EINVAL, ret);
		to = from;
	} else {
		EXPECT_EQ(0, ret);
	}
	EXPECT_EQ(to, mig_state(user));
	/* A file for each session, which the states that save have in common */
	EXPECT_EQ((is_saving(to) && !is_saving(from)) ||
		  (to == RESUMING && from != RESUMING), fd >= 0) {
		TH_LOG("fd %d", fd);
	}
	/* Nothing is stopped, or goes on, twice. */
	EXPECT_EQ(!is_stopped(from) && is_stopped(to), testmig_calls("quiesce"));
	EXPECT_EQ(is_stopped(from) && !is_stopped(to), testmig_calls("resume"));
	EXPECT_EQ(from != STOP_COPY && to == STOP_COPY, testmig_calls("save"));
	EXPECT_EQ(from == RESUMING && to != RESUMING, testmig_calls("load"));

	if (from_fd >= 0 && !(is_saving(from) && is_saving(to)) && from != to)
		EXPECT_TRUE(is_dead(from_fd));
	if (mig_state(user) == RESUMING)
		ASSERT_EQ(0, mig_write(fd >= 0 ? fd : from_fd,
				       self->saved.bytes, self->saved.len,
				       4096));
	ASSERT_EQ(0, mig_set_state(user, RUNNING, NULL));
	close(fd);
	close(from_fd);
}

TEST_F_TIMEOUT(migration, every_arc, TESTMIG_SECONDS)
{
	uint32_t from, to;

	for (from = 0; from < NUM_STATES; from++) {
		for (to = 0; to < NUM_STATES; to++) {
			if (!has_state(self, from) || !has_state(self, to))
				continue;
			check_arc(_metadata, self, from, to);
			ASSERT_TRUE(__test_passed(_metadata)) {
				TH_LOG("from %s to %s", mig_name(from),
				       mig_name(to));
			}
		}
	}
}

TEST_F_TIMEOUT(migration, states_that_do_not_exist, TESTMIG_SECONDS)
{
	static const uint32_t wrong[] = {
		ERROR, NUM_STATES, NUM_STATES + 1, 255, 256 + STOP,
		0x80000000, 0xffffffff,
	};
	uint32_t state;
	unsigned int i;
	int fd;

	for (state = 0; state < NUM_STATES; state++) {
		if (!has_state(self, state) || state == RESUMING)
			continue;
		ASSERT_EQ(0, mig_set_state(&self->t.user, state, NULL));
		for (i = 0; i < ARRAY_SIZE(wrong); i++) {
			EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, wrong[i],
							 &fd));
			EXPECT_EQ(-1, fd);
			EXPECT_EQ(state, mig_state(&self->t.user));
		}
		ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	}
}

TEST_F_TIMEOUT(migration, precopy_where_the_kernel_has_none, TESTMIG_SECONDS)
{
	if (self->precopy)
		SKIP(return, "this kernel has PRE_COPY");
	EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, PRE_COPY, NULL));
	EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, PRE_COPY_P2P, NULL));
	EXPECT_EQ(RUNNING, mig_state(&self->t.user));
	EXPECT_EQ(0, testmig_calls("quiesce"));
}

/*
 * Arguments
 */

static int set_stop(struct vfio_user *user, uint32_t argsz, uint32_t flags)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_mig_state state;
	} arg = {
		.feature.argsz = argsz,
		.feature.flags = VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE | flags,
		.state.device_state = STOP,
	};

	return ioctl(user->device, VFIO_DEVICE_FEATURE, &arg) < 0 ? -errno : 0;
}

TEST_F_TIMEOUT(migration, malformed_arguments, TESTMIG_SECONDS)
{
	const uint32_t size = sizeof(struct vfio_device_feature) +
			      sizeof(struct vfio_device_feature_mig_state);
	const uint32_t get = VFIO_DEVICE_FEATURE_GET;
	const uint32_t set = VFIO_DEVICE_FEATURE_SET;
	const uint32_t probe = VFIO_DEVICE_FEATURE_PROBE;
	struct vfio_user *user = &self->t.user;

	EXPECT_EQ(-EINVAL, set_stop(user, size - 1, set));
	EXPECT_EQ(-EINVAL, set_stop(user, 8, set));
	EXPECT_EQ(-EINVAL, set_stop(user, 0, set));
	EXPECT_EQ(-EINVAL, set_stop(user, size, 0));
	EXPECT_EQ(-EINVAL, set_stop(user, size, get | set));
	EXPECT_EQ(-EINVAL, set_stop(user, size, set | 1u << 19));
	EXPECT_EQ(0, set_stop(user, size, get | set | probe));
	EXPECT_EQ(RUNNING, mig_state(user));
	EXPECT_EQ(0, testmig_calls("quiesce"));
	EXPECT_EQ(0, set_stop(user, size + 8, set));
	EXPECT_EQ(STOP, mig_state(user));
}

/* The state is reached, but nobody has the file. */
TEST_F_TIMEOUT(migration, argument_that_can_only_be_read, TESTMIG_SECONDS)
{
	struct vfio_device_feature *feature = mmap(NULL, 4096,
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_device_feature_mig_state state = { STOP_COPY, -1 };

	ASSERT_NE(MAP_FAILED, feature);
	feature->argsz = sizeof(*feature) + sizeof(state);
	feature->flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	memcpy(feature->data, &state, sizeof(state));
	ASSERT_EQ(0, mprotect(feature, 4096, PROT_READ));
	EXPECT_EQ(-1, ioctl(self->t.user.device, VFIO_DEVICE_FEATURE, feature));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_TRUE(is_well(self));
}

TEST_F_TIMEOUT(migration, no_room_for_the_file, TESTMIG_SECONDS)
{
	static const uint32_t states[] = { STOP_COPY, RESUMING, PRE_COPY };
	struct rlimit limit, none;
	unsigned int i;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (!has_state(self, states[i]))
			continue;
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
		EXPECT_EQ(-EMFILE, mig_set_state(&self->t.user, states[i],
						 NULL));
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		/* Nobody can end RESUMING by a stream now. */
		if (mig_state(&self->t.user) == RESUMING)
			EXPECT_EQ(0, vfio_reset(&self->t.user));
		EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
		EXPECT_TRUE(is_well(self));
	}
}

/*
 * A vendor that fails
 */

TEST_F_TIMEOUT(migration, quiesce_fails, TESTMIG_SECONDS)
{
	static const uint32_t targets[] = {
		RUNNING_P2P, STOP, STOP_COPY, RESUMING, PRE_COPY_P2P,
	};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		if (!has_state(self, targets[i]))
			continue;
		ASSERT_EQ(0, testmig_fail("quiesce"));
		EXPECT_EQ(-EDOM, mig_set_state(&self->t.user, targets[i], &fd));
		EXPECT_EQ(-1, fd);
		EXPECT_EQ(RUNNING, mig_state(&self->t.user));
		ASSERT_EQ(0, testmig_fail("none"));
		EXPECT_TRUE(is_well(self));
	}
}

/* The session goes on. */
TEST_F_TIMEOUT(migration, quiesce_fails_in_precopy, TESTMIG_SECONDS)
{
	struct mig_stream stream = {};
	int fd;

	if (!self->precopy)
		SKIP(return, "this kernel has no PRE_COPY");
	ASSERT_EQ(0, mig_set_state(&self->t.user, PRE_COPY, &fd));
	ASSERT_EQ(0, testmig_fail("quiesce"));
	EXPECT_EQ(-EDOM, mig_set_state(&self->t.user, STOP_COPY, NULL));
	EXPECT_EQ(PRE_COPY, mig_state(&self->t.user));
	EXPECT_EQ(-ENOMSG, mig_read(fd, &stream, 4096));

	ASSERT_EQ(0, testmig_fail("none"));
	EXPECT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, NULL));
	EXPECT_EQ(0, mig_read(fd, &stream, 4096));
	EXPECT_EQ(self->saved.len, stream.len);
	EXPECT_EQ(0, memcmp(stream.bytes, self->saved.bytes, stream.len));
	close(fd);
}

TEST_F_TIMEOUT(migration, save_fails, TESTMIG_SECONDS)
{
	int fd;

	ASSERT_EQ(0, testmig_fail("save"));
	EXPECT_EQ(-EDOM, mig_set_state(&self->t.user, STOP_COPY, &fd));
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(STOP, mig_state(&self->t.user));
	/* The source goes on. */
	EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_EQ(1, testmig_calls("quiesce"));
	EXPECT_EQ(1, testmig_calls("resume"));
	EXPECT_TRUE(testmig_is(&self->t, SEED, PT_TEST_MIG_SIZE));
	ASSERT_EQ(0, testmig_fail("none"));
	EXPECT_TRUE(is_well(self));
}

TEST_F_TIMEOUT(migration, save_fails_in_precopy, TESTMIG_SECONDS)
{
	struct mig_stream stream = {};
	int fd;

	if (!self->precopy)
		SKIP(return, "this kernel has no PRE_COPY");
	ASSERT_EQ(0, mig_set_state(&self->t.user, PRE_COPY, &fd));
	ASSERT_EQ(0, testmig_fail("save"));
	EXPECT_EQ(-EDOM, mig_set_state(&self->t.user, STOP_COPY, NULL));
	EXPECT_EQ(PRE_COPY_P2P, mig_state(&self->t.user));
	EXPECT_EQ(-ENOMSG, mig_read(fd, &stream, 4096));

	ASSERT_EQ(0, testmig_fail("none"));
	EXPECT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, NULL));
	EXPECT_EQ(0, mig_read(fd, &stream, 4096));
	EXPECT_EQ(self->saved.len, stream.len);
	close(fd);
}

/* ERROR, and no way out but a reset */
static void check_error(struct __test_metadata *_metadata,
			struct _test_data_migration *self)
{
	uint32_t state;
	int fd;

	ASSERT_EQ(ERROR, mig_state(&self->t.user));
	for (state = 0; state < NUM_STATES; state++) {
		/* There already, for one that asks */
		if (state == ERROR)
			continue;
		EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, state, &fd));
		EXPECT_EQ(-1, fd);
		EXPECT_EQ(ERROR, mig_state(&self->t.user));
	}
	ASSERT_EQ(0, testmig_fail("none"));
	EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, RUNNING, NULL));
	ASSERT_EQ(0, vfio_reset(&self->t.user));
	EXPECT_EQ(RUNNING, mig_state(&self->t.user));
	EXPECT_TRUE(testmig_is_clear(&self->t));
	EXPECT_TRUE(is_well(self));
}

TEST_F_TIMEOUT(migration, load_fails, TESTMIG_SECONDS)
{
	int fd;

	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
	ASSERT_EQ(0, testmig_fail("load"));
	EXPECT_EQ(-EDOM, mig_write(fd, self->saved.bytes, self->saved.len,
				   4096));
	EXPECT_EQ(1, testmig_calls("load"));
	EXPECT_EQ(0, testmig_calls("resume"));
	EXPECT_GT(0, write(fd, "", 1));
	EXPECT_GT(0, mig_set_state(&self->t.user, RUNNING, NULL));
	check_error(_metadata, self);
	close(fd);
}

TEST_F_TIMEOUT(migration, resume_fails, TESTMIG_SECONDS)
{
	static const uint32_t from[] = {
		RUNNING_P2P, STOP, STOP_COPY, PRE_COPY_P2P,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(from); i++) {
		if (!has_state(self, from[i]))
			continue;
		ASSERT_EQ(0, mig_set_state(&self->t.user, from[i], NULL));
		ASSERT_EQ(0, testmig_clear_calls());
		ASSERT_EQ(0, testmig_fail("resume"));
		EXPECT_EQ(-EDOM, mig_set_state(&self->t.user,
					       is_precopy(from[i]) ? PRE_COPY :
					       RUNNING, NULL));
		EXPECT_EQ(1, testmig_calls("resume"));
		check_error(_metadata, self);
	}
}

TEST_F_TIMEOUT(migration, resume_fails_after_load, TESTMIG_SECONDS)
{
	int fd;

	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
	ASSERT_EQ(0, mig_write(fd, self->saved.bytes, self->saved.len, 4096));
	ASSERT_EQ(0, testmig_fail("resume"));
	EXPECT_EQ(-EDOM, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_EQ(1, testmig_calls("load"));
	check_error(_metadata, self);
	close(fd);
}

TEST_F_TIMEOUT(migration, close_ends_an_error, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP, NULL));
	ASSERT_EQ(0, testmig_fail("resume"));
	ASSERT_EQ(-EDOM, mig_set_state(&self->t.user, RUNNING, NULL));
	ASSERT_EQ(ERROR, mig_state(&self->t.user));
	ASSERT_EQ(0, testmig_fail("none"));
	vfio_close(&self->t.user);
	ASSERT_EQ(0, vfio_open_group(&self->t.user, self->t.bdf, self->t.uuid));
	EXPECT_TRUE(is_well(self));
}

TEST_HARNESS_MAIN
