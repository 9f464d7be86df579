// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an mdev of a single function: types, create, open, remove, and
 * everything that takes the function away from under it.  Lab devices: igb, edu.
 */

#include <sys/wait.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "keeper.h"
#include "life.h"

/*
 * Two VFs whose PF has its own driver: each is a parent of one instance.
 */
FIXTURE(vf) {
	char pf[BDF_LEN];
	char bdf[BDF_LEN];
	char other[BDF_LEN];
	char uuid[UUID_LEN];
};

FIXTURE_SETUP(vf)
{
	load_modules();
	remove_mdevs();
	if (find_pf(0x8086, 0x10c9, self->pf))
		SKIP(return, "no 82576 (8086:10c9) here");

	ASSERT_EQ(0, pci_bind(self->pf, "igb"));
	ASSERT_EQ(0, pci_attr_write(self->pf, "sriov_drivers_autoprobe", "0"));
	ASSERT_EQ(0, pci_set_vfs(self->pf, 2));
	ASSERT_EQ(0, pci_vf(self->pf, 0, self->bdf));
	ASSERT_EQ(0, pci_vf(self->pf, 1, self->other));
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	ASSERT_EQ(0, pci_bind(self->other, "pt"));
	uuid_make(self->uuid);
}

FIXTURE_TEARDOWN_PARENT(vf)
{
	load_modules();
	remove_mdevs();
	pci_bind(self->bdf, NULL);
	pci_bind(self->other, NULL);
	pci_set_vfs(self->pf, 0);
	pci_attr_write(self->pf, "sriov_drivers_autoprobe", "1");
	pci_attr_write(self->pf, "driver_override", "\n");
}

TEST_F_TIMEOUT(vf, type, TEST_SECONDS)
{
	char value[256];

	ASSERT_EQ(0, type_names(self->bdf, value, sizeof(value)));
	EXPECT_STREQ("pt-pci ", value);
	ASSERT_LT(0, type_attr(self->bdf, "pt-pci", "name", value,
			       sizeof(value)));
	ASSERT_LT(0, type_attr(self->bdf, "pt-pci", "device_api", value,
			       sizeof(value)));
	EXPECT_STREQ("vfio-pci", value);
	ASSERT_LT(0, type_attr(self->bdf, "pt-pci", "description", value,
			       sizeof(value)));
	EXPECT_NE(NULL, strstr(value, "8086:10ca"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
}

TEST_F_TIMEOUT(vf, create_and_remove, TEST_SECONDS)
{
	char path[SYSFS_PATH], link[64];

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_TRUE(mdev_exists(self->uuid));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));
	EXPECT_EQ(1, mdev_available(self->other, "pt-pci"));

	EXPECT_TRUE(mdev_leads_to(self->uuid, "iommu_group", self->bdf,
				  "iommu_group"));
	EXPECT_TRUE(mdev_leads_to(self->uuid, "vfio-dev", self->bdf,
				  "vfio-dev"));
	EXPECT_TRUE(mdev_leads_to(self->uuid, "function", self->bdf, "."));
	EXPECT_TRUE(mdev_leads_to(self->uuid, "mdev_type", self->bdf,
				  "mdev_supported_types/pt-pci"));
	ASSERT_LT(0, mdev_link(self->uuid, "iommu_group", link, sizeof(link)));
	EXPECT_EQ(pci_group(self->bdf), atoi(link));

	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_FALSE(mdev_exists(self->uuid));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev",
		 self->bdf);
	EXPECT_FALSE(sysfs_exists(path));
	EXPECT_EQ(-ENOENT, mdev_remove(self->uuid));
}

TEST_F_TIMEOUT(vf, open_by_either_name, TEST_SECONDS)
{
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->bdf));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_F_TIMEOUT(vf, open_by_cdev, TEST_SECONDS)
{
	struct vfio_user user;
	uint16_t vendor;

	if (!vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd");

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, vfio_open_cdev(&user, self->uuid));
	EXPECT_EQ((ssize_t)sizeof(vendor),
		  vfio_read(&user, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID,
			    &vendor, sizeof(vendor)));
	vfio_close(&user);
	ASSERT_EQ(0, vfio_open_cdev(&user, self->bdf));
	vfio_close(&user);
}

TEST_F_TIMEOUT(vf, wrong_names, TEST_SECONDS)
{
	char name[2 * UUID_LEN + 32], uuid[UUID_LEN];

	/* Of two VFs, so that a name that matches too much finds the other. */
	uuid_make(uuid);
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, mdev_create(self->other, "pt-pci", uuid));

	EXPECT_EQ(-ENODEV, try_open(self->bdf, ""));
	EXPECT_EQ(-ENODEV, try_open(self->bdf, uuid));
	EXPECT_EQ(-ENODEV, try_open(self->bdf, self->other));
	EXPECT_EQ(-ENODEV, try_open(self->bdf, " "));

	snprintf(name, sizeof(name), "%.35s", self->uuid);
	EXPECT_EQ(-ENODEV, try_open(self->bdf, name));
	snprintf(name, sizeof(name), "%sx", self->uuid);
	EXPECT_EQ(-ENODEV, try_open(self->bdf, name));
	snprintf(name, sizeof(name), " %s", self->uuid);
	EXPECT_EQ(-ENODEV, try_open(self->bdf, name));
	snprintf(name, sizeof(name), "%.11s", self->bdf);
	EXPECT_EQ(-ENODEV, try_open(self->bdf, name));
	snprintf(name, sizeof(name), "%s0", self->bdf);
	EXPECT_EQ(-ENODEV, try_open(self->bdf, name));

	/* Options: none is known but the VF token, and none is due here. */
	snprintf(name, sizeof(name), "%s x", self->uuid);
	EXPECT_EQ(-EINVAL, try_open(self->bdf, name));
	snprintf(name, sizeof(name), "%s vf_token=%s", self->uuid, uuid);
	EXPECT_EQ(-EINVAL, try_open(self->bdf, name));
	snprintf(name, sizeof(name), "%s vf_token=%s", self->bdf, uuid);
	EXPECT_EQ(-EINVAL, try_open(self->bdf, name));

	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
	EXPECT_EQ(0, try_open(self->other, uuid));
}

TEST_F_TIMEOUT(vf, duplicate_uuid, TEST_SECONDS)
{
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(-EEXIST, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(-EEXIST, mdev_create(self->other, "pt-pci", self->uuid));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));
	EXPECT_EQ(1, mdev_available(self->other, "pt-pci"));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_F_TIMEOUT(vf, taken, TEST_SECONDS)
{
	char uuid[UUID_LEN];

	uuid_make(uuid);
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(-EUSERS, mdev_create(self->bdf, "pt-pci", uuid));
	EXPECT_FALSE(mdev_exists(uuid));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));

	/* The UUID that was refused is as good as new. */
	EXPECT_EQ(0, mdev_create(self->other, "pt-pci", uuid));
}

TEST_F_TIMEOUT(vf, malformed_uuid, TEST_SECONDS)
{
	EXPECT_EQ(-EINVAL, mdev_create(self->bdf, "pt-pci", "x"));
	self->uuid[35] = 'g';
	EXPECT_EQ(-EINVAL, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
}

TEST_F_TIMEOUT(vf, second_user, TEST_SECONDS)
{
	struct vfio_user user;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, vfio_open_group(&user, self->bdf, self->uuid));
	EXPECT_EQ(-EBUSY, try_open(self->bdf, self->bdf));
	vfio_close(&user);
	EXPECT_EQ(0, try_open(self->bdf, self->bdf));
}

TEST_F_TIMEOUT(vf, unbind_and_rebind, TEST_SECONDS)
{
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	EXPECT_FALSE(mdev_exists(self->uuid));
	EXPECT_EQ(-ENOENT, mdev_available(self->bdf, "pt-pci"));
	EXPECT_EQ(1, mdev_available(self->other, "pt-pci"));

	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_F_TIMEOUT(vf, to_vfio_pci_and_back, TEST_SECONDS)
{
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, pci_bind(self->bdf, "vfio-pci"));
	EXPECT_EQ(0, try_open(self->bdf, self->bdf));
	EXPECT_EQ(-ENODEV, try_open(self->bdf, self->uuid));

	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_F_TIMEOUT(vf, remove_while_open, TEST_SECONDS)
{
	struct keeper keeper;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, keeper_open(&keeper, self->bdf, self->uuid));

	ASSERT_EQ(0, keeper_ask(&keeper, do_mdev_remove, self->uuid));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));

	ASSERT_EQ(0, keeper_let_go(&keeper));
	EXPECT_FALSE(mdev_exists(self->uuid));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_F_TIMEOUT(vf, remove_while_open_then_killed, TEST_SECONDS)
{
	int pipefd[2], status;
	char stage = 0;
	pid_t child;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, pipe(pipefd));

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct keeper keeper;

		if (keeper_open(&keeper, self->bdf, self->uuid) ||
		    write(pipefd[1], "o", 1) != 1 ||
		    eventfd_wait(keeper.request, PATIENCE * 1000))
			_exit(1);
		/* A user who does not let go; somebody has to end it. */
		kill(getpid(), SIGKILL);
	}

	close(pipefd[1]);
	ASSERT_EQ(1, read(pipefd[0], &stage, 1));
	EXPECT_EQ(0, mdev_remove(self->uuid));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
}

TEST_F_TIMEOUT(vf, unbind_while_open, TEST_SECONDS)
{
	struct keeper keeper;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, keeper_open(&keeper, self->bdf, self->uuid));

	ASSERT_EQ(0, keeper_ask(&keeper, do_unbind, self->bdf));

	ASSERT_EQ(0, keeper_let_go(&keeper));
	EXPECT_FALSE(mdev_exists(self->uuid));
	EXPECT_TRUE(bound_to(self->bdf, ""));

	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
}

/* remove holds unreg_sem and waits; unbind holds the device lock and waits. */
TEST_F_TIMEOUT(vf, remove_and_unbind_while_open, TEST_SECONDS)
{
	struct job unbind;
	struct keeper keeper;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, keeper_open(&keeper, self->bdf, self->uuid));

	ASSERT_EQ(0, keeper_ask(&keeper, do_mdev_remove, self->uuid));
	ASSERT_EQ(0, job_start(&unbind, do_unbind, self->bdf));
	EXPECT_FALSE(job_ended(&keeper.job));

	ASSERT_EQ(0, keeper_let_go(&keeper));
	ASSERT_EQ(0, job_wait(&unbind, PATIENCE));
	EXPECT_EQ(0, unbind.result);
	EXPECT_FALSE(mdev_exists(self->uuid));
}

TEST_F_TIMEOUT(vf, module_while_open, TEST_SECONDS)
{
	struct vfio_user user;
	uint16_t vendor;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, vfio_open_group(&user, self->bdf, self->uuid));

	EXPECT_EQ(-EWOULDBLOCK, unload_module("mdev_pt"));
	EXPECT_EQ(-EWOULDBLOCK, unload_module("mdev_pt_core"));
	EXPECT_EQ((ssize_t)sizeof(vendor),
		  vfio_read(&user, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID,
			    &vendor, sizeof(vendor)));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));

	vfio_close(&user);
	EXPECT_EQ(0, mdev_remove(self->uuid));
}

/* As with vfio-pci, a function that nobody uses does not hold the module. */
TEST_F_TIMEOUT(vf, module_with_idle_mdev, TEST_SECONDS)
{
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(-EWOULDBLOCK, unload_module("mdev_pt_core"));
	ASSERT_EQ(0, unload_module("mdev_pt"));
	EXPECT_FALSE(mdev_exists(self->uuid));
	EXPECT_TRUE(bound_to(self->bdf, ""));
	ASSERT_EQ(0, unload_module("mdev_pt_core"));

	/* driver_override is still there. */
	ASSERT_EQ(0, load_modules());
	EXPECT_TRUE(bound_to(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

/*
 * A function without SR-IOV that can be removed from its bus and found again.
 */
FIXTURE(plain) {
	char bdf[BDF_LEN];
	char uuid[UUID_LEN];
};

FIXTURE_SETUP(plain)
{
	load_modules();
	remove_mdevs();
	if (pci_find(0x1234, 0x11e8, 0, self->bdf))
		SKIP(return, "no edu device (1234:11e8) here");
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	uuid_make(self->uuid);
}

FIXTURE_TEARDOWN_PARENT(plain)
{
	remove_mdevs();
	pci_rescan();
	pci_bind(self->bdf, NULL);
}

TEST_F_TIMEOUT(plain, type, TEST_SECONDS)
{
	char value[256];

	ASSERT_EQ(0, type_names(self->bdf, value, sizeof(value)));
	EXPECT_STREQ("pt-pci ", value);
	ASSERT_LT(0, type_attr(self->bdf, "pt-pci", "description", value,
			       sizeof(value)));
	EXPECT_NE(NULL, strstr(value, "1234:11e8"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
}

TEST_F_TIMEOUT(plain, pci_remove_idle, TEST_SECONDS)
{
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, try_open(self->bdf, self->uuid));
	ASSERT_EQ(0, do_pci_remove(self->bdf));
	EXPECT_FALSE(mdev_exists(self->uuid));

	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_F_TIMEOUT(plain, pci_remove_while_open, TEST_SECONDS)
{
	struct keeper keeper;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, keeper_open(&keeper, self->bdf, self->uuid));

	ASSERT_EQ(0, keeper_ask(&keeper, do_pci_remove, self->bdf));
	ASSERT_EQ(0, keeper_let_go(&keeper));
	EXPECT_FALSE(mdev_exists(self->uuid));

	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_HARNESS_MAIN
