// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VF whose PF is in a user's hands, through vfio-pci: the VF token, which
 * the two users share, says that they trust each other.  Lab device: igb.
 */

#include <fcntl.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "keeper.h"
#include "life.h"

FIXTURE(token) {
	char pf[BDF_LEN];
	char vf[BDF_LEN];
	char uuid[UUID_LEN];
	char token[UUID_LEN];
};

#define ENABLE_SRIOV "/sys/module/vfio_pci/parameters/enable_sriov"

/* As the 16 bytes that the ioctl wants */
static void parse_uuid(const char *uuid, uint8_t *bytes)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (*uuid == '-')
			uuid++;
		sscanf(uuid, "%2hhx", &bytes[i]);
		uuid += 2;
	}
}

FIXTURE_SETUP(token)
{
	load_modules();
	remove_mdevs();
	if (find_pf(0x8086, 0x10c9, self->pf))
		SKIP(return, "no 82576 (8086:10c9) here");
	if (sysfs_write(ENABLE_SRIOV, "Y"))
		SKIP(return, "this vfio-pci has no enable_sriov");
	ASSERT_EQ(0, pci_set_vfs(self->pf, 0));
	ASSERT_EQ(0, pci_bind(self->pf, "vfio-pci"));
	uuid_make(self->uuid);
	uuid_make(self->token);
}

FIXTURE_TEARDOWN_PARENT(token)
{
	remove_mdevs();
	pci_set_vfs(self->pf, 0);
	give_back(self->pf);
	sysfs_write(ENABLE_SRIOV, "N");
}

/* Opens the PF with the token, which makes its VFs demand it: 0 or -errno */
static int hold_pf(struct _test_data_token *self, struct vfio_user *user)
{
	uint8_t bytes[16];
	int ret;

	ret = vfio_open_group(user, self->pf, self->pf);
	if (ret)
		return ret;
	parse_uuid(self->token, bytes);
	ret = vfio_feature(user, VFIO_DEVICE_FEATURE_SET |
			   VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, bytes,
			   sizeof(bytes));
	if (!ret)
		ret = pci_set_vfs(self->pf, 1);
	return ret ? ret : pci_vf(self->pf, 0, self->vf);
}

TEST_F_TIMEOUT(token, is_needed_by_either_name, TEST_SECONDS)
{
	const char *names[] = { self->uuid, self->vf };
	char name[2 * UUID_LEN + 32], wrong[UUID_LEN];
	struct vfio_user user;
	unsigned int i;

	ASSERT_EQ(0, hold_pf(self, &user));
	ASSERT_EQ(0, pci_bind(self->vf, "pt"));
	ASSERT_EQ(0, mdev_create(self->vf, "pt-pci", self->uuid));

	uuid_make(wrong);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(-EACCES, try_open(self->vf, names[i]));
		snprintf(name, sizeof(name), "%s vf_token=%s", names[i],
			 wrong);
		EXPECT_EQ(-EACCES, try_open(self->vf, name));
		snprintf(name, sizeof(name), "%s vf_token=%.35s", names[i],
			 self->token);
		EXPECT_EQ(-EINVAL, try_open(self->vf, name));
		snprintf(name, sizeof(name), "%s vf_token=%s", names[i],
			 self->token);
		EXPECT_EQ(0, try_open(self->vf, name));
	}
	EXPECT_EQ(0, mdev_available(self->vf, "pt-pci"));

	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(1, mdev_available(self->vf, "pt-pci"));
	vfio_close(&user);
}

/* Newer than the headers that the tests may be built with */
struct bind_with_token {
	struct vfio_device_bind_iommufd bind;
	uint64_t token;
};

#define BIND_FLAG_TOKEN	(1u << 0)

/* Opens the character device of @name; @token: NULL for none. 0 or -errno */
static int try_cdev(const char *name, const char *token)
{
	struct bind_with_token bind = {
		.bind.argsz = token ? sizeof(bind) : sizeof(bind.bind),
		.bind.flags = token ? BIND_FLAG_TOKEN : 0,
	};
	int device, iommufd, ret;
	uint8_t bytes[16];

	device = vfio_cdev(name);
	if (device < 0)
		return device;
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (token) {
		parse_uuid(token, bytes);
		bind.token = (uintptr_t)bytes;
	}
	bind.bind.iommufd = iommufd;
	ret = ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind) < 0 ? -errno : 0;
	close(device);
	close(iommufd);
	return ret;
}

/* Older kernels do not ask for a token here: whatever vfio-pci does. */
TEST_F_TIMEOUT(token, cdev_as_with_vfio_pci, TEST_SECONDS)
{
	const char *names[] = { self->vf, self->uuid };
	int without, with_wrong, with;
	struct vfio_user user;
	char wrong[UUID_LEN];
	unsigned int i;

	if (!vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd, or no character devices of VFIO");

	ASSERT_EQ(0, hold_pf(self, &user));
	uuid_make(wrong);
	ASSERT_EQ(0, pci_bind(self->vf, "vfio-pci"));
	without = try_cdev(self->vf, NULL);
	with_wrong = try_cdev(self->vf, wrong);
	with = try_cdev(self->vf, self->token);
	TH_LOG("vfio-pci: without %d, with a wrong one %d, with the right one %d",
	       without, with_wrong, with);
	EXPECT_NE(0, with_wrong);

	ASSERT_EQ(0, pci_bind(self->vf, "pt"));
	ASSERT_EQ(0, mdev_create(self->vf, "pt-pci", self->uuid));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(without, try_cdev(names[i], NULL));
		EXPECT_EQ(with_wrong, try_cdev(names[i], wrong));
		EXPECT_EQ(with, try_cdev(names[i], self->token));
	}
	vfio_close(&user);
}

TEST_HARNESS_MAIN
