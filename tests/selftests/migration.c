// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live migration: the state machine and the life of the data file, without a
 * guest, with pt-test-mig of tests/modules/. The stream: see stream.c. Lab
 * device: nvme.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "edu.h"
#include "job.h"
#include "testmig.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define SEED	7

/* The compiler isn't to know it. */
static void *volatile nowhere = (void *)8;

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

static int save(struct testmig *t, struct mig_stream *stream)
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

static bool is_precopy(uint32_t state)
{
	return state == PRE_COPY || state == PRE_COPY_P2P;
}

static bool is_saving(uint32_t state)
{
	return is_precopy(state) || state == STOP_COPY;
}

static bool is_stopped(uint32_t state)
{
	return state != RUNNING && state != PRE_COPY;
}

/* Does the kernel have the state? ERROR can't be asked for. */
static bool has_state(struct _test_data_migration *self, uint32_t state)
{
	return state != ERROR && (self->precopy || !is_precopy(state));
}

/* A file of a session that is over: an error, or its end, and never data. */
static bool is_dead(int fd)
{
	char byte;

	return read(fd, &byte, 1) <= 0 && write(fd, "", 1) < 0;
}

/* The whole way: only a device that is well gets there. */
static bool is_well(struct _test_data_migration *self)
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

/*
 * Resets
 */

static int do_reset(struct testmig *t)
{
	return vfio_reset(&t->user);
}

/* As a guest does it: by the PCI Express capability */
static int do_flr(struct testmig *t)
{
	uint8_t cap = 0, id = 0;
	uint16_t control;

	if (vfio_read(&t->user, CONFIG, PCI_CAPABILITY_LIST, &cap, 1) != 1)
		return -EIO;
	while (cap) {
		vfio_read(&t->user, CONFIG, cap, &id, 1);
		if (id == PCI_CAP_ID_EXP)
			break;
		vfio_read(&t->user, CONFIG, cap + 1, &cap, 1);
	}
	if (!cap)
		return -ENODEV;
	vfio_read(&t->user, CONFIG, cap + PCI_EXP_DEVCTL, &control, 2);
	control |= PCI_EXP_DEVCTL_BCR_FLR;
	return vfio_write(&t->user, CONFIG, cap + PCI_EXP_DEVCTL, &control,
			  2) == 2 ? 0 : -EIO;
}

static void check_resets(struct __test_metadata *_metadata,
			 struct _test_data_migration *self,
			 int (*reset)(struct testmig *t))
{
	uint32_t state;
	int fd;

	for (state = 0; state < NUM_STATES; state++) {
		if (!has_state(self, state))
			continue;
		ASSERT_EQ(0, mig_set_state(&self->t.user, state, &fd));
		ASSERT_EQ(0, testmig_clear_calls());
		ASSERT_EQ(0, reset(&self->t));
		EXPECT_LE(1, testmig_calls("reset"));
		EXPECT_EQ(RUNNING, mig_state(&self->t.user)) {
			TH_LOG("reset in %s", mig_name(state));
		}
		EXPECT_TRUE(testmig_is_clear(&self->t));
		if (fd >= 0) {
			EXPECT_TRUE(is_dead(fd));
			close(fd);
		}
		EXPECT_TRUE(is_well(self));
	}
}

TEST_F_TIMEOUT(migration, reset_in_every_state, TESTMIG_SECONDS)
{
	check_resets(_metadata, self, do_reset);
}

TEST_F_TIMEOUT(migration, reset_by_the_guest_in_every_state, TESTMIG_SECONDS)
{
	check_resets(_metadata, self, do_flr);
}

/* Half a stream is forgotten. */
TEST_F_TIMEOUT(migration, reset_aborts_resuming, TESTMIG_SECONDS)
{
	int fd;

	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
	ASSERT_EQ(0, mig_write(fd, self->saved.bytes, self->saved.len / 2,
			       4096));
	ASSERT_EQ(0, vfio_reset(&self->t.user));
	EXPECT_GT(0, write(fd, self->saved.bytes, 1));
	close(fd);
	EXPECT_EQ(0, testmig_calls("load"));
	EXPECT_TRUE(is_well(self));
}

/*
 * The data file
 */

TEST_F_TIMEOUT(migration, saving_is_read_only, TESTMIG_SECONDS)
{
	char bytes[8];
	int fd;

	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, &fd));
	EXPECT_EQ(-1, write(fd, "", 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, pread(fd, bytes, 8, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, read(fd, nowhere, 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(fd, VFIO_DEVICE_RESET));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(0, read(fd, bytes, 0));
	/* None of it has moved it on. */
	EXPECT_EQ(8, read(fd, bytes, 8));
	EXPECT_EQ(0, memcmp(bytes, self->saved.bytes, 8));
	close(fd);
}

TEST_F_TIMEOUT(migration, loading_is_write_only, TESTMIG_SECONDS)
{
	const uint8_t *bytes = self->saved.bytes;
	char byte;
	int fd;

	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &fd));
	EXPECT_EQ(-1, read(fd, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, pwrite(fd, bytes, 8, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, write(fd, nowhere, 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, write(fd, bytes, 0));
	EXPECT_EQ(0, mig_write(fd, bytes, self->saved.len, 4096));
	EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_EQ(1, testmig_calls("load"));
	close(fd);
}

/* A second session does not bring the first one's file to life. */
TEST_F_TIMEOUT(migration, file_of_an_earlier_session, TESTMIG_SECONDS)
{
	int first, second, load;

	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, &first));
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP, NULL));
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, &second));
	EXPECT_TRUE(is_dead(first));
	EXPECT_FALSE(is_dead(second));
	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, &load));
	EXPECT_TRUE(is_dead(first));
	EXPECT_TRUE(is_dead(second));
	close(first);
	close(second);
	close(load);
}

/* The user who closes it can't ask again, but goes on with the states. */
TEST_F_TIMEOUT(migration, file_closed_early, TESTMIG_SECONDS)
{
	ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY, NULL));
	EXPECT_EQ(0, mig_set_state(&self->t.user, RUNNING, NULL));
	EXPECT_TRUE(is_well(self));
	ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING, NULL));
	EXPECT_EQ(-EINVAL, mig_set_state(&self->t.user, RUNNING, NULL));
	ASSERT_EQ(0, vfio_reset(&self->t.user));
	EXPECT_TRUE(is_well(self));
}

TEST_F_TIMEOUT(migration, file_outlives_device_and_mdev, TESTMIG_SECONDS)
{
	uint32_t state;
	int fd, references;

	for (state = 0; state < NUM_STATES; state++) {
		if (!has_state(self, state) ||
		    (state != RESUMING && !is_saving(state)))
			continue;
		ASSERT_EQ(0, mig_set_state(&self->t.user, state, &fd));
		vfio_close(&self->t.user);
		EXPECT_TRUE(is_dead(fd));
		ASSERT_EQ(0, testmig_close(&self->t));
		EXPECT_TRUE(is_dead(fd));
		/* Its code stays for as long. */
		references = module_references("mdev_pt_core");
		close(fd);
		EXPECT_EQ(references - 1, module_references("mdev_pt_core"));
		ASSERT_EQ(0, testmig_open(&self->t, TESTMIG));
		EXPECT_TRUE(is_well(self));
	}
}

TEST_F_TIMEOUT(migration, close_in_every_state, TESTMIG_SECONDS)
{
	uint32_t state;

	for (state = 0; state < NUM_STATES; state++) {
		if (!has_state(self, state))
			continue;
		ASSERT_EQ(0, mig_set_state(&self->t.user, state, NULL));
		vfio_close(&self->t.user);
		ASSERT_EQ(0, vfio_open_group(&self->t.user, self->t.bdf,
					     self->t.uuid));
		EXPECT_EQ(RUNNING, mig_state(&self->t.user)) {
			TH_LOG("closed in %s", mig_name(state));
		}
		EXPECT_TRUE(testmig_is_clear(&self->t));
		EXPECT_TRUE(is_well(self));
	}
}

/*
 * Races
 */

struct changer {
	struct _test_data_migration *self;
	unsigned int seed;
	unsigned int rounds;
	unsigned int done;
};

/* Whoever gets the file of a load feeds it, so that the state can be left. */
static int change_states(void *arg)
{
	struct changer *changer = arg;
	struct _test_data_migration *self = changer->self;
	unsigned int i;
	int fd;

	for (i = 0; i < changer->rounds; i++) {
		uint32_t state = rand_r(&changer->seed) % NUM_STATES;

		if (!has_state(self, state))
			continue;
		if (!mig_set_state(&self->t.user, state, &fd))
			changer->done++;
		if (fd < 0)
			continue;
		write(fd, self->saved.bytes, self->saved.len);
		close(fd);
	}
	return 0;
}

static int reset_often(void *arg)
{
	struct changer *changer = arg;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < changer->rounds && !ret; i++)
		ret = vfio_reset(&changer->self->t.user);
	return ret;
}

TEST_F_TIMEOUT(migration, two_threads_change_the_state, TESTMIG_SECONDS)
{
	struct changer changers[2];
	struct job jobs[2];
	unsigned int i;
	int state;

	for (i = 0; i < 2; i++) {
		changers[i] = (struct changer){ self, i + 1, 1000, 0 };
		ASSERT_EQ(0, job_start(&jobs[i], change_states, &changers[i]));
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, job_wait(&jobs[i], TESTMIG_SECONDS));
		TH_LOG("thread %u: %u changes", i, changers[i].done);
		EXPECT_LT(100, changers[i].done);
	}
	state = mig_state(&self->t.user);
	ASSERT_LT(ERROR, state);
	EXPECT_EQ(testmig_calls("quiesce"),
		  testmig_calls("resume") + is_stopped(state));
}

TEST_F_TIMEOUT(migration, resets_while_the_state_changes, TESTMIG_SECONDS)
{
	struct changer changers[] = {
		{ self, 1, 2000, 0 },
		{ self, 2, 20, 0 },
	};
	struct job jobs[2];

	self->disordered = true;
	ASSERT_EQ(0, job_start(&jobs[0], change_states, &changers[0]));
	ASSERT_EQ(0, job_start(&jobs[1], reset_often, &changers[1]));
	ASSERT_EQ(0, job_wait(&jobs[0], TESTMIG_SECONDS));
	ASSERT_EQ(0, job_wait(&jobs[1], TESTMIG_SECONDS));
	EXPECT_EQ(0, jobs[1].result);
	ASSERT_EQ(0, vfio_reset(&self->t.user));
	EXPECT_TRUE(is_well(self));
}

struct reader {
	int fd;
	bool left;
	bool read_after;
};

static int read_to_the_end(void *arg)
{
	struct reader *reader = arg;
	bool left;
	char byte;

	do {
		left = __atomic_load_n(&reader->left, __ATOMIC_ACQUIRE);
		if (read(reader->fd, &byte, 1) > 0 && left)
			reader->read_after = true;
	} while (!left);
	return 0;
}

TEST_F_TIMEOUT(migration, read_while_the_state_is_left, TESTMIG_SECONDS)
{
	struct reader reader;
	struct job job;
	int i;

	for (i = 0; i < 100; i++) {
		reader = (struct reader){};
		ASSERT_EQ(0, mig_set_state(&self->t.user, STOP_COPY,
					   &reader.fd));
		ASSERT_EQ(0, job_start(&job, read_to_the_end, &reader));
		ASSERT_EQ(0, mig_set_state(&self->t.user, STOP, NULL));
		__atomic_store_n(&reader.left, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, job_wait(&job, TESTMIG_SECONDS));
		EXPECT_FALSE(reader.read_after);
		close(reader.fd);
	}
}

/* A load that is written to while the state is left is taken whole, or refused. */
static int write_slowly(void *arg)
{
	struct reader *writer = arg;

	return write(writer->fd, "", 1) < 0 ? -errno : 0;
}

TEST_F_TIMEOUT(migration, write_while_the_state_is_left, TESTMIG_SECONDS)
{
	struct reader writer = {};
	struct job job;
	int i, ret;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING,
					   &writer.fd));
		ASSERT_EQ(0, mig_write(writer.fd, self->saved.bytes,
				       self->saved.len, 4096));
		ASSERT_EQ(0, job_start(&job, write_slowly, &writer));
		ret = mig_set_state(&self->t.user, RUNNING, NULL);
		ASSERT_EQ(0, job_wait(&job, TESTMIG_SECONDS));
		/* One byte too many, wherever it came */
		EXPECT_GT(0, job.result);
		if (ret) {
			EXPECT_EQ(-EINVAL, ret);
			EXPECT_EQ(0, vfio_reset(&self->t.user));
		} else {
			EXPECT_TRUE(testmig_is(&self->t, SEED,
					       PT_TEST_MIG_SIZE));
		}
		close(writer.fd);
	}
}

struct writer {
	const struct mig_stream *saved;
	int fd;
};

/* The device is closed under the writer, who has the whole state loaded. */
static int write_all(void *arg)
{
	struct writer *writer = arg;

	return write(writer->fd, writer->saved->bytes, writer->saved->len) < 0 ?
	       -errno : 0;
}

TEST_F_TIMEOUT(migration, close_while_it_is_written, TESTMIG_SECONDS)
{
	struct writer writer = { .saved = &self->saved };
	struct job job;
	int i;

	self->disordered = true;
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, mig_set_state(&self->t.user, RESUMING,
					   &writer.fd));
		ASSERT_EQ(0, job_start(&job, write_all, &writer));
		vfio_close(&self->t.user);
		ASSERT_EQ(0, job_wait(&job, TESTMIG_SECONDS));
		EXPECT_TRUE(!job.result || job.result == -ENODEV) {
			TH_LOG("write: %d", job.result);
		}
		EXPECT_GT(0, write(writer.fd, "", 1));
		close(writer.fd);
		ASSERT_EQ(0, vfio_open_group(&self->t.user, self->t.bdf,
					     self->t.uuid));
		EXPECT_EQ(RUNNING, mig_state(&self->t.user));
		EXPECT_TRUE(testmig_is_clear(&self->t));
	}
	EXPECT_TRUE(is_well(self));
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
