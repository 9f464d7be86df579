// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two functions in one IOMMU group: neither can be used while the kernel does
 * DMA through the other.
 */

#include <dirent.h>

#include "kselftest_harness.h"

#include "keeper.h"
#include "kmsg.h"
#include "life.h"

/* Within this time a message is in the log. */
#define LOG_MS	2000
#define QUIET_MS	200

FIXTURE(shared_group) {
	char bdf[BDF_LEN];
	char other[BDF_LEN];
	char uuid[UUID_LEN];
};

/* Two endpoints of the group without a driver, so that the host loses nothing */
static int two_unused(const char *group, char *bdf, char *other)
{
	char path[SYSFS_PATH], class[16];
	struct dirent *entry;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%.16s/devices",
		 group);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (found < 2 && (entry = readdir(dir))) {
		if (pci_attr_read(entry->d_name, "class", class,
				  sizeof(class)) > 0 &&
		    strncmp(class, "0x06", 4) && bound_to(entry->d_name, ""))
			snprintf(found++ ? other : bdf, BDF_LEN, "%.12s",
				 entry->d_name);
	}
	closedir(dir);
	return found == 2 ? 0 : -ENODEV;
}

static int find_shared_group(char *bdf, char *other)
{
	struct dirent **groups;
	int i, n, ret = -ENODEV;

	n = scandir("/sys/kernel/iommu_groups", &groups, NULL, NULL);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		if (ret)
			ret = two_unused(groups[i]->d_name, bdf, other);
		free(groups[i]);
	}
	free(groups);
	return ret;
}

FIXTURE_SETUP(shared_group)
{
	load_modules();
	remove_mdevs();
	if (find_shared_group(self->bdf, self->other))
		SKIP(return, "no two driverless functions in one IOMMU group");
	if (system("modprobe -q uio_pci_generic"))
		SKIP(return, "this kernel has no uio_pci_generic");
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	uuid_make(self->uuid);
}

FIXTURE_TEARDOWN_PARENT(shared_group)
{
	remove_mdevs();
	pci_bind(self->bdf, NULL);
	pci_bind(self->other, NULL);
}

TEST_F_TIMEOUT(shared_group, not_viable, TEST_SECONDS)
{
	if (pci_bind(self->other, "uio_pci_generic"))
		SKIP(return, "%s does not bind to uio_pci_generic",
		     self->other);

	/* The mdev can be made; the group is for the administrator to clear. */
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(-EPERM, try_open(self->bdf, self->uuid));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));

	ASSERT_EQ(0, pci_bind(self->other, NULL));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));

	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
}

/* Creating the mdev says who will be in the way, and says it once. */
TEST_F_TIMEOUT(shared_group, who_is_in_the_way, TEST_SECONDS)
{
	char who[96];
	int kmsg;

	if (pci_bind(self->other, "uio_pci_generic"))
		SKIP(return, "%s does not bind to uio_pci_generic",
		     self->other);
	snprintf(who, sizeof(who), "%s in the same IOMMU group is bound to uio_pci_generic",
		 self->other);

	kmsg = kmsg_open();
	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_TRUE(kmsg_has(kmsg, self->bdf, who, LOG_MS));
	EXPECT_FALSE(kmsg_has(kmsg, self->bdf, who, QUIET_MS));

	ASSERT_EQ(0, mdev_remove(self->uuid));
	ASSERT_EQ(0, pci_bind(self->other, NULL));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_FALSE(kmsg_has(kmsg, self->bdf, "in the same IOMMU group",
			      QUIET_MS));
}

TEST_F_TIMEOUT(shared_group, viable_with_pt_and_vfio_pci, TEST_SECONDS)
{
	ASSERT_EQ(0, pci_bind(self->other, "vfio-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
	EXPECT_EQ(0, try_open(self->other, self->other));
}

TEST_HARNESS_MAIN
