// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vendor that migrates, for the tests of the state machine and of the stream:
 * types pt-test-mig and pt-test-mig-other, which are the same but for the name,
 * and pt-test-mig-needs, which has needs, on QEMU's edu (1234:11e8) and on its
 * nvme, which can be reset.
 *
 * The state of such a device is some bytes of memory, which its user reads and
 * writes through a region and which a reset clears.
 *
 * Parameters: "calls" shows how often each callback was called since it was
 * written to, and how often the core broke its promises; "fail" names a
 * callback that is to fail; "version" is that of the state, "size" how much of
 * it is saved. A destination whose "has" is less than the source's "needs" refuses.
 */

#include <linux/delay.h>
#include <linux/mdev_pt.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "pt_test_calls.h"
#include "pt_test_mig.h"

enum count {
	COUNT_quiesce,
	COUNT_resume,
	COUNT_save,
	COUNT_load,
	COUNT_reset,
	COUNT_needs,
	COUNT_check,
	COUNT_overlaps,
	COUNT_misordered,
	/* Of the last load */
	COUNT_loaded_version,
	NUM_COUNTS
};

static const char *const count_names[NUM_COUNTS] = {
	[COUNT_quiesce] = "quiesce",
	[COUNT_resume] = "resume",
	[COUNT_save] = "save",
	[COUNT_load] = "load",
	[COUNT_reset] = "reset",
	[COUNT_needs] = "needs",
	[COUNT_check] = "check",
	[COUNT_overlaps] = "overlaps",
	[COUNT_misordered] = "misordered",
	[COUNT_loaded_version] = "loaded_version",
};

static atomic_t counts[NUM_COUNTS];

static struct pt_test_calls calls_param = {
	.names = count_names,
	.counts = counts,
	.size = NUM_COUNTS,
};
module_param_cb(calls, &pt_test_calls_ops, &calls_param, 0644);

static char fail[32];
module_param_string(fail, fail, sizeof(fail), 0644);

static unsigned int size = PT_TEST_MIG_SIZE;
module_param(size, uint, 0644);

static unsigned int needs;
module_param(needs, uint, 0644);

static unsigned int has;
module_param(has, uint, 0644);

/*
 * @users: callbacks that run just now
 * @quiesced: since the last quiesce(); not any more after a resume or a reset
 */
struct mig_state {
	struct mutex lock;	/* guards bytes */
	u8 bytes[PT_TEST_MIG_SIZE];
	atomic_t users;
	bool quiesced;
};

/* Every callback begins with it, and ends with done(). */
static int called(struct mig_state *state, enum count count, bool quiesced)
{
	atomic_inc(&counts[count]);
	if (atomic_inc_return(&state->users) > 1)
		atomic_inc(&counts[COUNT_overlaps]);
	if (READ_ONCE(state->quiesced) != quiesced)
		atomic_inc(&counts[COUNT_misordered]);
	/* Long enough for another to be seen */
	usleep_range(20, 100);
	return sysfs_streq(fail, count_names[count]) ? -EDOM : 0;
}

static int done(struct mig_state *state, int ret)
{
	atomic_dec(&state->users);
	return ret;
}

static int mig_quiesce(struct mdev_pt_device *pt)
{
	struct mig_state *state = pt->data;
	int ret = called(state, COUNT_quiesce, false);

	if (!ret)
		WRITE_ONCE(state->quiesced, true);
	return done(state, ret);
}

static int mig_resume(struct mdev_pt_device *pt)
{
	struct mig_state *state = pt->data;
	int ret = called(state, COUNT_resume, true);

	if (!ret)
		WRITE_ONCE(state->quiesced, false);
	return done(state, ret);
}

static ssize_t mig_save(struct mdev_pt_device *pt, void *buf, size_t len)
{
	struct mig_state *state = pt->data;
	int ret = called(state, COUNT_save, true);

	if (!ret) {
		ret = min_t(size_t, size, len);
		mutex_lock(&state->lock);
		memcpy(buf, state->bytes, ret);
		mutex_unlock(&state->lock);
	}
	return done(state, ret);
}

static int mig_load(struct mdev_pt_device *pt, const void *buf, size_t len,
		    u32 version)
{
	struct mig_state *state = pt->data;
	int ret = called(state, COUNT_load, true);

	atomic_set(&counts[COUNT_loaded_version], version);
	if (!ret && len > sizeof(state->bytes))
		ret = -EINVAL;
	if (!ret) {
		mutex_lock(&state->lock);
		memcpy(state->bytes, buf, len);
		mutex_unlock(&state->lock);
	}
	return done(state, ret);
}

static struct mdev_pt_migration_ops migration_ops = {
	.state_size = PT_TEST_MIG_SIZE,
	.version = 1,
	.quiesce = mig_quiesce,
	.resume = mig_resume,
	.save = mig_save,
	.load = mig_load,
};
module_param_named(version, migration_ops.version, uint, 0644);

/* The function may run, or not. */
static ssize_t mig_needs(struct mdev_pt_device *pt, void *buf, size_t len)
{
	struct mig_state *state = pt->data;
	__le32 value = cpu_to_le32(needs);
	int ret = called(state, COUNT_needs, READ_ONCE(state->quiesced));

	if (!ret && len < sizeof(value))
		ret = -EINVAL;
	if (!ret)
		memcpy(buf, &value, sizeof(value));
	return done(state, ret) ?: sizeof(value);
}

static int mig_check(struct mdev_pt_device *pt, const void *buf, size_t len,
		     u32 version)
{
	struct mig_state *state = pt->data;
	int ret = called(state, COUNT_check, true);
	__le32 value;

	if (!ret && len < sizeof(value))
		ret = -EINVAL;
	if (!ret) {
		memcpy(&value, buf, sizeof(value));
		ret = le32_to_cpu(value) > has ? -EACCES : 0;
	}
	return done(state, ret);
}

static struct mdev_pt_migration_ops needs_migration_ops = {
	.state_size = PT_TEST_MIG_SIZE,
	.version = 1,
	.quiesce = mig_quiesce,
	.resume = mig_resume,
	.save = mig_save,
	.load = mig_load,
	.needs_size = sizeof(__le32),
	.needs = mig_needs,
	.check = mig_check,
};

static int state_read(struct mdev_pt_device *pt, void *data, u64 offset,
		      void *buf, size_t len)
{
	struct mig_state *state = data;

	mutex_lock(&state->lock);
	memcpy(buf, state->bytes + offset, len);
	mutex_unlock(&state->lock);
	return 0;
}

static int state_write(struct mdev_pt_device *pt, void *data, u64 offset,
		       const void *buf, size_t len)
{
	struct mig_state *state = data;

	mutex_lock(&state->lock);
	memcpy(state->bytes + offset, buf, len);
	mutex_unlock(&state->lock);
	return 0;
}

static const struct mdev_pt_region_ops state_region = {
	.read = state_read,
	.write = state_write,
};

/* As a device does; edu is reset by nobody else. */
static void clear(struct mig_state *state)
{
	mutex_lock(&state->lock);
	memset(state->bytes, 0, sizeof(state->bytes));
	mutex_unlock(&state->lock);
	WRITE_ONCE(state->quiesced, false);
}

static int mig_create(struct mdev_pt_device *pt)
{
	struct mig_state *state = kzalloc(sizeof(*state), GFP_KERNEL);

	if (!state)
		return -ENOMEM;
	mutex_init(&state->lock);
	pt->data = state;
	return 0;
}

static void mig_remove(struct mdev_pt_device *pt)
{
	kfree(pt->data);
}

static int mig_open(struct mdev_pt_device *pt)
{
	clear(pt->data);
	return mdev_pt_add_region(pt, PT_TEST_MIG_TYPE,
				  PT_TEST_MIG_SUBTYPE_STATE, PT_TEST_MIG_SIZE,
				  &state_region, pt->data);
}

static void mig_reset_done(struct mdev_pt_device *pt)
{
	atomic_inc(&counts[COUNT_reset]);
	clear(pt->data);
}

static const struct mdev_pt_vendor_ops mig_ops = {
	.create = mig_create,
	.remove = mig_remove,
	.open = mig_open,
	.reset_done = mig_reset_done,
	.migration = &migration_ops,
};

static const struct mdev_pt_vendor_ops needs_ops = {
	.create = mig_create,
	.remove = mig_remove,
	.open = mig_open,
	.reset_done = mig_reset_done,
	.migration = &needs_migration_ops,
};

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ PCI_DEVICE(0x1b36, 0x0010) },
	{}
};

static struct mdev_pt_vendor_driver vendors[] = {
	{
		.owner = THIS_MODULE,
		.name = "Test migration",
		.type = "test-mig",
		.id_table = ids,
		.ops = &mig_ops,
	}, {
		.owner = THIS_MODULE,
		.name = "Test other migration",
		.type = "test-mig-other",
		.id_table = ids,
		.ops = &mig_ops,
	}, {
		.owner = THIS_MODULE,
		.name = "Test migration with needs",
		.type = "test-mig-needs",
		.id_table = ids,
		.ops = &needs_ops,
	},
};

static void unregister(unsigned int registered)
{
	while (registered--)
		mdev_pt_unregister_vendor_driver(&vendors[registered]);
}

static int __init pt_test_mig_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(vendors); i++) {
		ret = mdev_pt_register_vendor_driver(&vendors[i]);
		if (ret) {
			unregister(i);
			return ret;
		}
	}
	return 0;
}
module_init(pt_test_mig_init);

static void __exit pt_test_mig_exit(void)
{
	unregister(ARRAY_SIZE(vendors));
}
module_exit(pt_test_mig_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A vendor of mdev-pt that migrates, for its tests");
