// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live migration: resets, the life of the data file, and who does all that at
 * once; as migration.c
 */

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/pci_regs.h>

#include "edu.h"
#include "job.h"
#include "migration_fixture.h"
#include "rounds.h"

#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

/* The compiler isn't to know it. */
static void *volatile nowhere = (void *)8;

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
	unsigned int i;

	self->disordered = true;
	for (i = 0; i < rounds(50, 12); i++) {
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

TEST_HARNESS_MAIN
