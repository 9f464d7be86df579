// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory is short: on the way to a bound function, an mdev and an open device
 * each allocation fails once, and nothing may be left behind.  For kernels with
 * fault injection.  Lab devices: igb, virtio-net, edu.
 */

#include "kselftest_harness.h"

#include "edu.h"
#include "faults/inject.h"
#include "health.h"
#include "keeper.h"
#include "kmsg.h"
#include "life.h"

/* More allocations than any of it needs */
#define NTH_MAX		2000
/* A request may go to a worker that was born after we looked. */
#define RETRIES		20
#define NUM_VFS		2

FIXTURE(faults) {
	char pf[BDF_LEN];
	char bdf[BDF_LEN];
	char uuid[UUID_LEN];
	const char *type;
	int kmsg;
};

/*
 * What is done with short memory; @undo when it worked after all.  @check: is
 * all as before?  @also: what it may fail with beside -ENOMEM
 */
struct attempt {
	int (*run)(struct _test_data_faults *self);
	int (*undo)(struct _test_data_faults *self);
	bool (*check)(struct _test_data_faults *self);
	int also;
};

/* Returns how many of the attempts failed, or -errno for a wrong one. */
static int try_each(struct _test_data_faults *self, const struct attempt *attempt)
{
	unsigned int nth, retries = 0;
	static struct tasks tasks;
	enum outcome outcome;
	int ret, failed = 0;

	for (nth = 1; nth < NTH_MAX; nth++) {
		tasks_arm(&tasks, nth);
		ret = attempt->run(self);
		outcome = tasks_disarm(&tasks, nth);
		if (ret)
			failed++;
		else if (attempt->undo(self))
			return -ENOTRECOVERABLE;
		if (!attempt->check(self)) {
			printf("# allocation %u failed, and left something behind\n",
			       nth);
			return -EEXIST;
		}
		if (ret && ret != -ENOMEM && ret != attempt->also) {
			printf("# allocation %u failed: %d\n", nth, ret);
			return ret;
		}
		if (ret || outcome == HIT)
			continue;
		if (outcome == SPARED)
			return failed;
		if (retries++ == RETRIES)
			return -ETIMEDOUT;
		nth--;
	}
	return -E2BIG;
}

FIXTURE_SETUP(faults)
{
	load_modules();
	remove_mdevs();
	if (!faults_available())
		SKIP(return, "this kernel has no fault injection");
	if (faults_choose(NULL))
		SKIP(return, "fault injection cannot be confined to our modules");
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	uuid_make(self->uuid);
	self->type = "pt-pci";
}

FIXTURE_TEARDOWN_PARENT(faults)
{
	remove_mdevs();
	if (self->bdf[0])
		pci_bind(self->bdf, NULL);
	if (!self->pf[0])
		return;
	pci_set_vfs(self->pf, 0);
	give_back(self->pf);
}

/* A VF of its own: the PF has its driver. */
static int take_single(struct _test_data_faults *self)
{
	int ret;

	ret = find_pf(0x8086, 0x10c9, self->pf);
	if (ret)
		return ret;
	ret = pci_bind(self->pf, "igb");
	if (!ret)
		ret = pci_attr_write(self->pf, "sriov_drivers_autoprobe", "0");
	if (!ret)
		ret = pci_set_vfs(self->pf, 1);
	if (!ret)
		ret = pci_vf(self->pf, 0, self->bdf);
	pci_attr_write(self->pf, "sriov_drivers_autoprobe", "1");
	return ret;
}

static int run_bind(struct _test_data_faults *self)
{
	return sysfs_write("/sys/bus/pci/drivers/pt/bind", self->bdf);
}

static int undo_bind(struct _test_data_faults *self)
{
	return pci_attr_write(self->bdf, "driver/unbind", self->bdf);
}

static bool check_unbound(struct _test_data_faults *self)
{
	return bound_to(self->bdf, "") &&
	       mdev_available(self->bdf, "pt-pci") == -ENOENT;
}

TEST_F_TIMEOUT(faults, bind, 4 * TEST_SECONDS)
{
	static const struct attempt attempt = {
		run_bind, undo_bind, check_unbound, 0
	};
	int failed;

	if (take_single(self) == -ENODEV)
		SKIP(return, "no 82576 (8086:10c9) here");
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	ASSERT_EQ(0, pci_attr_write(self->bdf, "driver_override", "pt"));
	failed = try_each(self, &attempt);
	TH_LOG("%d attempts failed", failed);
	EXPECT_LT(0, failed);

	ASSERT_EQ(0, run_bind(self));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
	EXPECT_EQ(0, health_complaints(self->kmsg));
}

static int run_create(struct _test_data_faults *self)
{
	return mdev_create(self->bdf, self->type, self->uuid);
}

static int undo_create(struct _test_data_faults *self)
{
	return mdev_remove(self->uuid);
}

static bool check_no_mdev(struct _test_data_faults *self)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev",
		 self->bdf);
	return !mdev_exists(self->uuid) && !sysfs_exists(path) &&
	       mdev_available(self->bdf, self->type) == 1;
}

static const struct attempt create_attempt = {
	run_create, undo_create, check_no_mdev, 0
};

TEST_F_TIMEOUT(faults, create, 4 * TEST_SECONDS)
{
	int failed;

	if (take_single(self) == -ENODEV)
		SKIP(return, "no 82576 (8086:10c9) here");
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	failed = try_each(self, &create_attempt);
	TH_LOG("%d attempts failed", failed);
	EXPECT_LT(0, failed);

	ASSERT_EQ(0, run_create(self));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(0, pci_bind(self->bdf, NULL));
	EXPECT_EQ(0, unload_module("mdev_pt"));
	EXPECT_EQ(0, health_complaints(self->kmsg));
}

static int run_open(struct _test_data_faults *self)
{
	return try_open(self->bdf, self->uuid);
}

/* try_open() has closed it already. */
static int undo_open(struct _test_data_faults *self)
{
	return mdev_exists(self->uuid) ? 0 : -ENOENT;
}

static bool check_opens(struct _test_data_faults *self)
{
	return !try_open(self->bdf, self->uuid);
}

static const struct attempt open_attempt = {
	run_open, undo_open, check_opens, 0
};

TEST_F_TIMEOUT(faults, open, 4 * TEST_SECONDS)
{
	int failed;

	if (take_single(self) == -ENODEV)
		SKIP(return, "no 82576 (8086:10c9) here");
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	failed = try_each(self, &open_attempt);
	TH_LOG("%d attempts failed", failed);
	EXPECT_LT(0, failed);

	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	EXPECT_EQ(0, health_complaints(self->kmsg));
}

/* Claiming a BAR says so when it is short of memory. */
static const struct attempt vendor_open_attempt = {
	run_open, undo_open, check_opens, -EBUSY
};

/*
 * With what a vendor adds: its module's reference, regions, traps.  Of the open,
 * only the vendor's part: the kernel's ACPI does not survive it when memory is
 * short as the INTx pin is looked up.
 */
TEST_F_TIMEOUT(faults, vendor, 4 * TEST_SECONDS)
{
	int failed;

	if (pci_find(EDU_VENDOR, EDU_DEVICE, 0, self->bdf))
		SKIP(return, "no edu device here");
	ASSERT_EQ(0, module_load("pt_test"));
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	self->type = "pt-test-trap";

	failed = try_each(self, &create_attempt);
	TH_LOG("%d attempts to create failed", failed);
	EXPECT_LT(0, failed);
	EXPECT_EQ(0, module_references("pt_test"));

	ASSERT_EQ(0, run_create(self));
	ASSERT_EQ(0, faults_choose("pt_test"));
	failed = try_each(self, &vendor_open_attempt);
	TH_LOG("%d attempts to open failed", failed);
	EXPECT_LT(0, failed);
	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(0, module_unload("pt_test"));
	EXPECT_EQ(0, health_complaints(self->kmsg));
}

/* The mdev of a pool: the VF is free again, and so is the PF afterwards. */
static int run_create_in_pool(struct _test_data_faults *self)
{
	return mdev_create(self->pf, "pt-pci", self->uuid);
}

static bool check_pool(struct _test_data_faults *self)
{
	return !mdev_exists(self->uuid) &&
	       mdev_available(self->pf, "pt-pci") == NUM_VFS &&
	       mdev_available(self->pf, "pt-pf") == 0;
}

TEST_F_TIMEOUT(faults, create_in_pool, 4 * TEST_SECONDS)
{
	static const struct attempt attempt = {
		run_create_in_pool, undo_create, check_pool, 0
	};
	int failed;

	if (find_pf(0x1af4, 0x1041, self->pf))
		SKIP(return, "no virtio-net PF (1af4:1041) here");
	ASSERT_EQ(0, pci_bind(self->pf, "pt"));
	ASSERT_EQ(0, pci_set_vfs(self->pf, NUM_VFS));
	ASSERT_EQ(0, pci_vf(self->pf, 0, self->bdf));
	failed = try_each(self, &attempt);
	TH_LOG("%d attempts failed", failed);
	EXPECT_LT(0, failed);

	EXPECT_EQ(0, pci_set_vfs(self->pf, 0));
	EXPECT_EQ(1, mdev_available(self->pf, "pt-pf"));
	EXPECT_EQ(0, health_complaints(self->kmsg));
}

TEST_HARNESS_MAIN
