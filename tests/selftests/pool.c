// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PF bound to "pt": its VFs are a pool of instances, and it is one itself
 * while it has none.  Lab devices: virtio-net, nvme.
 */

#include "kselftest_harness.h"

#include "keeper.h"
#include "life.h"

#define NUM_VFS		3U

#define CHECK_COUNTS(pf, vfs_free, pf_free) do { \
	EXPECT_EQ(vfs_free, mdev_available(pf, "pt-pci")); \
	EXPECT_EQ(pf_free, mdev_available(pf, "pt-pf")); \
} while (0)

FIXTURE(pool) {
	char pf[BDF_LEN];
	char vf[NUM_VFS][BDF_LEN];
	char uuid[NUM_VFS + 1][UUID_LEN];
};

FIXTURE_VARIANT(pool) {
	uint16_t vendor;
	uint16_t device;
};

FIXTURE_VARIANT_ADD(pool, virtio_net) {
	.vendor = 0x1af4,
	.device = 0x1041,
};

FIXTURE_VARIANT_ADD(pool, nvme) {
	.vendor = 0x1b36,
	.device = 0x0010,
};

FIXTURE_SETUP(pool)
{
	unsigned int i;

	load_modules();
	remove_mdevs();
	if (find_pf(variant->vendor, variant->device, self->pf))
		SKIP(return, "no PF %04x:%04x here", variant->vendor,
		     variant->device);

	ASSERT_EQ(0, pci_bind(self->pf, "pt"));
	ASSERT_EQ(0, pci_set_vfs(self->pf, 0));
	for (i = 0; i <= NUM_VFS; i++)
		uuid_make(self->uuid[i]);
}

FIXTURE_TEARDOWN_PARENT(pool)
{
	load_modules();
	remove_mdevs();
	give_back(self->pf);
}

static int enable_vfs(struct _test_data_pool *self)
{
	unsigned int i;
	int ret;

	ret = pci_set_vfs(self->pf, NUM_VFS);
	for (i = 0; i < NUM_VFS && !ret; i++)
		ret = pci_vf(self->pf, i, self->vf[i]);
	return ret;
}

/* Which VF the mdev holds, or -errno */
static int vf_of(struct _test_data_pool *self, const char *uuid)
{
	char bdf[BDF_LEN];
	unsigned int i;

	if (mdev_link(uuid, "function", bdf, sizeof(bdf)) < 0)
		return -ENODEV;
	for (i = 0; i < NUM_VFS; i++) {
		if (!strcmp(bdf, self->vf[i]))
			return i;
	}
	return -ENODEV;
}

/* Which VF the new mdev holds, or -errno */
static int create_mdev(struct _test_data_pool *self, unsigned int i)
{
	int ret;

	ret = mdev_create(self->pf, "pt-pci", self->uuid[i]);
	return ret ? ret : vf_of(self, self->uuid[i]);
}

/* VFs, an mdev, and who has it open: which VF it holds, or -errno */
static int keep_vf(struct _test_data_pool *self, struct keeper *keeper)
{
	int ret, vf;

	ret = enable_vfs(self);
	if (ret)
		return ret;
	vf = create_mdev(self, 0);
	if (vf < 0)
		return vf;
	ret = keeper_open(keeper, self->vf[vf], self->uuid[0]);
	return ret ? ret : vf;
}

TEST_F_TIMEOUT(pool, types, TEST_SECONDS)
{
	char value[256], ids[16];

	ASSERT_EQ(0, type_names(self->pf, value, sizeof(value)));
	EXPECT_STREQ("pt-pci pt-pf ", value);
	ASSERT_LT(0, type_attr(self->pf, "pt-pf", "device_api", value,
			       sizeof(value)));
	EXPECT_STREQ("vfio-pci", value);
	snprintf(ids, sizeof(ids), "%04x:%04x", variant->vendor,
		 variant->device);
	ASSERT_LT(0, type_attr(self->pf, "pt-pf", "description", value,
			       sizeof(value)));
	EXPECT_NE(NULL, strstr(value, ids));
	ASSERT_LT(0, type_attr(self->pf, "pt-pci", "description", value,
			       sizeof(value)));
	EXPECT_NE(NULL, strstr(value, ids));
	CHECK_COUNTS(self->pf, 0, 1);
}

TEST_F_TIMEOUT(pool, vfs_are_claimed, TEST_SECONDS)
{
	unsigned int i;

	ASSERT_EQ(0, enable_vfs(self));
	for (i = 0; i < NUM_VFS; i++) {
		EXPECT_TRUE(bound_to(self->vf[i], "pt"));
		EXPECT_EQ(-ENOENT, mdev_available(self->vf[i], "pt-pci"));
	}
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);

	ASSERT_EQ(0, pci_set_vfs(self->pf, 0));
	CHECK_COUNTS(self->pf, 0, 1);
	ASSERT_EQ(0, pci_set_vfs(self->pf, 1));
	CHECK_COUNTS(self->pf, 1, 0);
}

TEST_F_TIMEOUT(pool, full, TEST_SECONDS)
{
	unsigned int i, seen = 0;
	int vf;

	ASSERT_EQ(0, enable_vfs(self));
	for (i = 0; i < NUM_VFS; i++) {
		vf = create_mdev(self, i);
		ASSERT_LE(0, vf);
		CHECK_COUNTS(self->pf, (int)(NUM_VFS - 1 - i), 0);
		EXPECT_EQ(0, try_open(self->vf[vf], self->uuid[i]));
		seen |= 1 << vf;
	}
	EXPECT_EQ((1U << NUM_VFS) - 1, seen);

	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pci",
				       self->uuid[NUM_VFS]));
	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pf",
				       self->uuid[NUM_VFS]));
	EXPECT_FALSE(mdev_exists(self->uuid[NUM_VFS]));
	CHECK_COUNTS(self->pf, 0, 0);

	vf = vf_of(self, self->uuid[1]);
	ASSERT_EQ(0, mdev_remove(self->uuid[1]));
	CHECK_COUNTS(self->pf, 1, 0);
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[NUM_VFS]));
	EXPECT_EQ(vf, vf_of(self, self->uuid[NUM_VFS]));
	CHECK_COUNTS(self->pf, 0, 0);
}

TEST_F_TIMEOUT(pool, disable_while_held, TEST_SECONDS)
{
	int vf;

	ASSERT_EQ(0, enable_vfs(self));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	EXPECT_EQ(-EBUSY, pci_set_vfs(self->pf, 0));

	EXPECT_EQ((int)NUM_VFS, num_vfs(self->pf));
	CHECK_COUNTS(self->pf, (int)NUM_VFS - 1, 0);
	vf = vf_of(self, self->uuid[0]);
	ASSERT_LE(0, vf);
	EXPECT_EQ(0, try_open(self->vf[vf], self->uuid[0]));
	EXPECT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[1]));

	EXPECT_EQ(0, mdev_remove(self->uuid[1]));
	EXPECT_EQ(-EBUSY, pci_set_vfs(self->pf, 0));
	EXPECT_EQ(0, mdev_remove(self->uuid[0]));
	EXPECT_EQ(0, pci_set_vfs(self->pf, 0));
	CHECK_COUNTS(self->pf, 0, 1);
}

TEST_F_TIMEOUT(pool, pf_itself, TEST_SECONDS)
{
	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pci", self->uuid[1]));
	CHECK_COUNTS(self->pf, 0, 1);

	ASSERT_EQ(0, mdev_create(self->pf, "pt-pf", self->uuid[0]));
	EXPECT_TRUE(mdev_leads_to(self->uuid[0], "function", self->pf, "."));
	EXPECT_EQ(0, try_open(self->pf, self->uuid[0]));
	CHECK_COUNTS(self->pf, 0, 0);
	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pf", self->uuid[1]));
	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pci", self->uuid[1]));

	EXPECT_EQ(-EBUSY, pci_set_vfs(self->pf, NUM_VFS));
	EXPECT_EQ(0, num_vfs(self->pf));
	CHECK_COUNTS(self->pf, 0, 0);
	EXPECT_EQ(0, try_open(self->pf, self->uuid[0]));

	ASSERT_EQ(0, mdev_remove(self->uuid[0]));
	CHECK_COUNTS(self->pf, 0, 1);
	ASSERT_EQ(0, enable_vfs(self));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pf", self->uuid[0]));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);

	ASSERT_EQ(0, pci_set_vfs(self->pf, 0));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pf", self->uuid[0]));
	EXPECT_EQ(0, try_open(self->pf, self->uuid[0]));
}

TEST_F_TIMEOUT(pool, vf_to_another_driver_and_back, TEST_SECONDS)
{
	ASSERT_EQ(0, enable_vfs(self));
	ASSERT_EQ(0, pci_bind(self->vf[0], "vfio-pci"));
	CHECK_COUNTS(self->pf, (int)NUM_VFS - 1, 0);
	EXPECT_EQ(0, try_open(self->vf[0], self->vf[0]));
	ASSERT_EQ(0, pci_bind(self->vf[0], "pt"));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
}

TEST_F_TIMEOUT(pool, vf_unbind_while_open, TEST_SECONDS)
{
	struct keeper keeper;
	char link[64];
	int vf;

	vf = keep_vf(self, &keeper);
	ASSERT_LE(0, vf);

	ASSERT_EQ(0, keeper_ask(&keeper, do_unbind, self->vf[vf]));
	EXPECT_EQ(-EBUSY, pci_set_vfs(self->pf, 0));
	ASSERT_EQ(0, keeper_let_go(&keeper));

	/* The mdev has lost its function, and stays until it is removed. */
	EXPECT_TRUE(mdev_exists(self->uuid[0]));
	EXPECT_EQ(-ENOENT, mdev_link(self->uuid[0], "function", link,
				     sizeof(link)));
	EXPECT_EQ(-ENOENT, mdev_link(self->uuid[0], "iommu_group", link,
				     sizeof(link)));
	EXPECT_EQ(-ENOENT, mdev_link(self->uuid[0], "vfio-dev", link,
				     sizeof(link)));
	EXPECT_NE(0, try_open(self->vf[vf], self->uuid[0]));
	CHECK_COUNTS(self->pf, (int)NUM_VFS - 1, 0);

	/* It has no claim on the function that comes back. */
	ASSERT_EQ(0, pci_bind(self->vf[vf], "pt"));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
	EXPECT_EQ(-EEXIST, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	ASSERT_EQ(0, mdev_remove(self->uuid[0]));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
	EXPECT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
}

/* An mdev without a function does not hold the VFs. */
TEST_F_TIMEOUT(pool, disable_with_inert_mdev, TEST_SECONDS)
{
	int vf;

	ASSERT_EQ(0, enable_vfs(self));
	vf = create_mdev(self, 0);
	ASSERT_LE(0, vf);
	ASSERT_EQ(0, pci_bind(self->vf[vf], NULL));
	ASSERT_EQ(0, pci_set_vfs(self->pf, 0));
	CHECK_COUNTS(self->pf, 0, 1);
	EXPECT_TRUE(mdev_exists(self->uuid[0]));
	ASSERT_EQ(0, enable_vfs(self));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
	EXPECT_EQ(0, mdev_remove(self->uuid[0]));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
}

TEST_F_TIMEOUT(pool, pf_unbind_while_open, TEST_SECONDS)
{
	struct keeper keeper;

	ASSERT_LE(0, keep_vf(self, &keeper));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[1]));

	ASSERT_EQ(0, keeper_ask(&keeper, do_unbind, self->pf));
	/* Nothing is given out from here on. */
	CHECK_COUNTS(self->pf, 0, 0);
	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pci", self->uuid[2]));

	ASSERT_EQ(0, keeper_let_go(&keeper));
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
	EXPECT_FALSE(mdev_exists(self->uuid[1]));
	EXPECT_EQ(0, num_vfs(self->pf));
	EXPECT_EQ(-ENOENT, mdev_available(self->pf, "pt-pci"));
}

/* The same while the mdev is being removed, which waits for the same user. */
TEST_F_TIMEOUT(pool, remove_and_pf_unbind_while_open, TEST_SECONDS)
{
	struct job unbind;
	struct keeper keeper;

	ASSERT_LE(0, keep_vf(self, &keeper));

	ASSERT_EQ(0, keeper_ask(&keeper, do_mdev_remove, self->uuid[0]));
	EXPECT_EQ(-EBUSY, pci_set_vfs(self->pf, 0));
	ASSERT_EQ(0, job_start(&unbind, do_unbind, self->pf));
	EXPECT_FALSE(job_ended(&keeper.job));

	ASSERT_EQ(0, keeper_let_go(&keeper));
	ASSERT_EQ(0, job_wait(&unbind, PATIENCE));
	EXPECT_EQ(0, unbind.result);
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
}

/* VFs have no "remove" of their own: they go and come with their PF. */
TEST_F_TIMEOUT(pool, pci_remove_and_rescan, TEST_SECONDS)
{
	struct keeper keeper;
	char driver[64];

	ASSERT_LE(0, keep_vf(self, &keeper));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[1]));

	ASSERT_EQ(0, keeper_ask(&keeper, do_pci_remove, self->pf));
	ASSERT_EQ(0, keeper_let_go(&keeper));
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
	EXPECT_FALSE(mdev_exists(self->uuid[1]));
	EXPECT_EQ(-ENODEV, pci_driver(self->pf, driver, sizeof(driver)));

	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_bind(self->pf, "pt"));
	CHECK_COUNTS(self->pf, 0, 1);
	ASSERT_EQ(0, enable_vfs(self));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
}

TEST_F_TIMEOUT(pool, foreign_vfs, TEST_SECONDS)
{
	if (system("modprobe -q pci-pf-stub"))
		SKIP(return, "this kernel has no pci-pf-stub");

	/* It leaves the VFs enabled when it is unbound. */
	ASSERT_EQ(0, pci_bind(self->pf, "pci-pf-stub"));
	ASSERT_EQ(0, pci_attr_write(self->pf, "sriov_drivers_autoprobe", "0"));
	ASSERT_EQ(0, pci_set_vfs(self->pf, 1));
	ASSERT_EQ(0, pci_bind(self->pf, NULL));

	ASSERT_EQ(0, pci_attr_write(self->pf, "driver_override", "pt"));
	EXPECT_EQ(-EBUSY, sysfs_write("/sys/bus/pci/drivers/pt/bind",
				      self->pf));
	EXPECT_TRUE(bound_to(self->pf, ""));
	EXPECT_EQ(-ENOENT, mdev_available(self->pf, "pt-pci"));
	EXPECT_EQ(1, num_vfs(self->pf));

	ASSERT_EQ(0, pci_bind(self->pf, "pci-pf-stub"));
	ASSERT_EQ(0, pci_set_vfs(self->pf, 0));
	ASSERT_EQ(0, pci_attr_write(self->pf, "sriov_drivers_autoprobe", "1"));
	ASSERT_EQ(0, pci_bind(self->pf, "pt"));
	CHECK_COUNTS(self->pf, 0, 1);
}

TEST_F_TIMEOUT(pool, module_reload, TEST_SECONDS)
{
	ASSERT_EQ(0, enable_vfs(self));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	ASSERT_EQ(0, unload_module("mdev_pt"));
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
	EXPECT_EQ(0, num_vfs(self->pf));
	ASSERT_EQ(0, unload_module("mdev_pt_core"));
	ASSERT_EQ(0, load_modules());
	CHECK_COUNTS(self->pf, 0, 1);
	ASSERT_EQ(0, enable_vfs(self));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
}

TEST_HARNESS_MAIN
