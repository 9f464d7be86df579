// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an mdev: types, create, open, remove, and everything that takes
 * the function away from under it.  Lab devices: igb, virtio-net, nvme, edu.
 *
 * Who has a device open and is to let go is told through the request eventfd.
 * Its signal is also how a test knows that the other side is waiting for us.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "job.h"
#include "sysfs.h"
#include "vfio.h"

/* Seconds; much more than anything takes, in an emulated machine too */
#define PATIENCE	60
#define TEST_SECONDS	180

#define NUM_VFS		3U

/* Sysfs operations that may block, for job_start() */
static int do_unbind(void *bdf)
{
	return pci_attr_write(bdf, "driver/unbind", bdf);
}

static int do_pci_remove(void *bdf)
{
	return pci_attr_write(bdf, "remove", "1");
}

static int do_mdev_remove(void *uuid)
{
	return mdev_remove(uuid);
}

static int rescan(void)
{
	return sysfs_write("/sys/bus/pci/rescan", "1");
}

static int load_modules(void)
{
	return system("modprobe -a mdev_pt vfio-pci");
}

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

/* Whatever an earlier test left behind */
static void remove_mdevs(void)
{
	struct dirent *entry;
	DIR *dir;

	dir = opendir("/sys/bus/mdev/devices");
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			mdev_remove(entry->d_name);
	}
	closedir(dir);
}

/* Back to the driver that the kernel would have chosen */
static void give_back(const char *bdf)
{
	pci_bind(bdf, NULL);
	sysfs_write("/sys/bus/pci/drivers_probe", bdf);
}

static int find_pf(uint16_t vendor, uint16_t device, char *pf)
{
	char value[16];
	unsigned int i;

	for (i = 0; !pci_find(vendor, device, i, pf); i++) {
		if (pci_attr_read(pf, "sriov_totalvfs", value,
				  sizeof(value)) > 0)
			return 0;
	}
	return -ENODEV;
}

static int type_attr(const char *parent, const char *type, const char *attr,
		     char *buf, size_t len)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "mdev_supported_types/%s/%s", type, attr);
	return pci_attr_read(parent, path, buf, len);
}

/* The names in mdev_supported_types, in order, with a space after each */
static int type_names(const char *parent, char *names, size_t len)
{
	struct dirent **entries;
	char path[SYSFS_PATH];
	int i, n;

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/mdev_supported_types", parent);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return -errno;

	names[0] = '\0';
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			strncat(names, entries[i]->d_name,
				len - strlen(names) - 1);
			strncat(names, " ", len - strlen(names) - 1);
		}
		free(entries[i]);
	}
	free(entries);
	return 0;
}

/* Do both paths exist, and are they the same file? */
static bool same_file(const char *a, const char *b)
{
	char real_a[PATH_MAX], real_b[PATH_MAX];

	return realpath(a, real_a) && realpath(b, real_b) &&
	       !strcmp(real_a, real_b);
}

static bool mdev_leads_to(const char *uuid, const char *link,
			  const char *bdf, const char *target)
{
	char a[SYSFS_PATH], b[SYSFS_PATH];

	snprintf(a, sizeof(a), "/sys/bus/mdev/devices/%s/%s", uuid, link);
	snprintf(b, sizeof(b), "/sys/bus/pci/devices/%s/%s", bdf, target);
	return same_file(a, b);
}

/* Opens, reads the vendor ID, closes: 0 or -errno */
static int try_open(const char *bdf, const char *name)
{
	struct vfio_user user;
	uint16_t vendor = 0;
	ssize_t len;
	int ret;

	ret = vfio_open_group(&user, bdf, name);
	if (ret)
		return ret;
	len = vfio_read(&user, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID,
			&vendor, sizeof(vendor));
	vfio_close(&user);
	if (len != sizeof(vendor))
		return len < 0 ? len : -EIO;
	return vendor == 0 || vendor == 0xffff ? -EIO : 0;
}

/* Opens, and hears when it is to let go: the eventfd, or -errno */
static int open_and_listen(struct vfio_user *user, const char *bdf,
			   const char *name)
{
	int32_t fd;
	int ret;

	ret = vfio_open_group(user, bdf, name);
	if (ret)
		return ret;

	fd = eventfd(0, EFD_CLOEXEC);
	ret = vfio_irq_eventfds(user, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, &fd);
	if (ret) {
		vfio_close(user);
		close(fd);
		return ret;
	}
	return fd;
}

/* sriov_numvfs as it reads */
static int num_vfs(const char *pf)
{
	char value[16];
	int ret;

	ret = pci_attr_read(pf, "sriov_numvfs", value, sizeof(value));
	return ret < 0 ? ret : atoi(value);
}

static bool bound_to(const char *bdf, const char *driver)
{
	char name[64];

	return pci_driver(bdf, name, sizeof(name)) >= 0 &&
	       !strcmp(name, driver);
}

#define CHECK_COUNTS(pf, vfs_free, pf_free) do { \
	EXPECT_EQ(vfs_free, mdev_available(pf, "pt-pci")); \
	EXPECT_EQ(pf_free, mdev_available(pf, "pt-pf")); \
} while (0)

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
	struct vfio_user user;
	struct job remove;
	int request;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	request = open_and_listen(&user, self->bdf, self->uuid);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&remove, do_mdev_remove, self->uuid));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	EXPECT_FALSE(job_ended(&remove));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));

	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&remove, PATIENCE));
	EXPECT_EQ(0, remove.result);
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
		struct vfio_user user;
		int request;

		request = open_and_listen(&user, self->bdf, self->uuid);
		if (request < 0 || write(pipefd[1], "o", 1) != 1 ||
		    eventfd_wait(request, PATIENCE * 1000))
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
	struct vfio_user user;
	struct job unbind;
	int request;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	request = open_and_listen(&user, self->bdf, self->uuid);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&unbind, do_unbind, self->bdf));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	EXPECT_FALSE(job_ended(&unbind));

	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&unbind, PATIENCE));
	EXPECT_EQ(0, unbind.result);
	EXPECT_FALSE(mdev_exists(self->uuid));
	EXPECT_TRUE(bound_to(self->bdf, ""));

	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
}

/* remove holds unreg_sem and waits; unbind holds the device lock and waits. */
TEST_F_TIMEOUT(vf, remove_and_unbind_while_open, TEST_SECONDS)
{
	struct job remove, unbind;
	struct vfio_user user;
	int request;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	request = open_and_listen(&user, self->bdf, self->uuid);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&remove, do_mdev_remove, self->uuid));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	ASSERT_EQ(0, job_start(&unbind, do_unbind, self->bdf));
	EXPECT_FALSE(job_ended(&remove));

	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&remove, PATIENCE));
	ASSERT_EQ(0, job_wait(&unbind, PATIENCE));
	EXPECT_EQ(0, remove.result);
	EXPECT_EQ(0, unbind.result);
	EXPECT_FALSE(mdev_exists(self->uuid));
}

TEST_F_TIMEOUT(vf, module_while_open, TEST_SECONDS)
{
	struct vfio_user user;
	uint16_t vendor;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	ASSERT_EQ(0, vfio_open_group(&user, self->bdf, self->uuid));

	EXPECT_EQ(-EWOULDBLOCK, unload("mdev_pt"));
	EXPECT_EQ(-EWOULDBLOCK, unload("mdev_pt_core"));
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
	EXPECT_EQ(-EWOULDBLOCK, unload("mdev_pt_core"));
	ASSERT_EQ(0, unload("mdev_pt"));
	EXPECT_FALSE(mdev_exists(self->uuid));
	EXPECT_TRUE(bound_to(self->bdf, ""));
	ASSERT_EQ(0, unload("mdev_pt_core"));

	/* driver_override is still there. */
	ASSERT_EQ(0, load_modules());
	EXPECT_TRUE(bound_to(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

/*
 * A PF bound to "pt": a pool of VFs, or itself.
 */
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

/* Which VF the mdev holds, or -1 */
static int vf_of(struct _test_data_pool *self, const char *uuid)
{
	char bdf[BDF_LEN];
	unsigned int i;

	if (mdev_link(uuid, "function", bdf, sizeof(bdf)) < 0)
		return -1;
	for (i = 0; i < NUM_VFS; i++) {
		if (!strcmp(bdf, self->vf[i]))
			return i;
	}
	return -1;
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
		ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[i]));
		CHECK_COUNTS(self->pf, (int)(NUM_VFS - 1 - i), 0);
		vf = vf_of(self, self->uuid[i]);
		ASSERT_LE(0, vf);
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
	struct vfio_user user;
	struct job unbind;
	char link[64];
	int request, vf;

	ASSERT_EQ(0, enable_vfs(self));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	vf = vf_of(self, self->uuid[0]);
	ASSERT_LE(0, vf);
	request = open_and_listen(&user, self->vf[vf], self->uuid[0]);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&unbind, do_unbind, self->vf[vf]));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	EXPECT_FALSE(job_ended(&unbind));
	EXPECT_EQ(-EBUSY, pci_set_vfs(self->pf, 0));
	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&unbind, PATIENCE));
	EXPECT_EQ(0, unbind.result);

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
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	vf = vf_of(self, self->uuid[0]);
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
	struct vfio_user user;
	struct job unbind;
	int request, vf;

	ASSERT_EQ(0, enable_vfs(self));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[1]));
	vf = vf_of(self, self->uuid[0]);
	ASSERT_LE(0, vf);
	request = open_and_listen(&user, self->vf[vf], self->uuid[0]);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&unbind, do_unbind, self->pf));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	EXPECT_FALSE(job_ended(&unbind));
	/* Nothing is given out from here on. */
	CHECK_COUNTS(self->pf, 0, 0);
	EXPECT_EQ(-EUSERS, mdev_create(self->pf, "pt-pci", self->uuid[2]));

	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&unbind, PATIENCE));
	EXPECT_EQ(0, unbind.result);
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
	EXPECT_FALSE(mdev_exists(self->uuid[1]));
	EXPECT_EQ(0, num_vfs(self->pf));
	EXPECT_EQ(-ENOENT, mdev_available(self->pf, "pt-pci"));
}

/* The same while the mdev is being removed, which waits for the same user. */
TEST_F_TIMEOUT(pool, remove_and_pf_unbind_while_open, TEST_SECONDS)
{
	struct job remove, unbind;
	struct vfio_user user;
	int request, vf;

	ASSERT_EQ(0, enable_vfs(self));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	vf = vf_of(self, self->uuid[0]);
	ASSERT_LE(0, vf);
	request = open_and_listen(&user, self->vf[vf], self->uuid[0]);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&remove, do_mdev_remove, self->uuid[0]));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	EXPECT_EQ(-EBUSY, pci_set_vfs(self->pf, 0));
	ASSERT_EQ(0, job_start(&unbind, do_unbind, self->pf));
	EXPECT_FALSE(job_ended(&remove));

	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&remove, PATIENCE));
	ASSERT_EQ(0, job_wait(&unbind, PATIENCE));
	EXPECT_EQ(0, remove.result);
	EXPECT_EQ(0, unbind.result);
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
}

/* VFs have no "remove" of their own: they go and come with their PF. */
TEST_F_TIMEOUT(pool, pci_remove_and_rescan, TEST_SECONDS)
{
	struct vfio_user user;
	struct job remove;
	char driver[64];
	int request, vf;

	ASSERT_EQ(0, enable_vfs(self));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[0]));
	ASSERT_EQ(0, mdev_create(self->pf, "pt-pci", self->uuid[1]));
	vf = vf_of(self, self->uuid[0]);
	ASSERT_LE(0, vf);
	request = open_and_listen(&user, self->vf[vf], self->uuid[0]);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&remove, do_pci_remove, self->pf));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	EXPECT_FALSE(job_ended(&remove));
	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&remove, PATIENCE));
	EXPECT_EQ(0, remove.result);
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
	EXPECT_FALSE(mdev_exists(self->uuid[1]));
	EXPECT_EQ(-ENODEV, pci_driver(self->pf, driver, sizeof(driver)));

	ASSERT_EQ(0, rescan());
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
	ASSERT_EQ(0, unload("mdev_pt"));
	EXPECT_FALSE(mdev_exists(self->uuid[0]));
	EXPECT_EQ(0, num_vfs(self->pf));
	ASSERT_EQ(0, unload("mdev_pt_core"));
	ASSERT_EQ(0, load_modules());
	CHECK_COUNTS(self->pf, 0, 1);
	ASSERT_EQ(0, enable_vfs(self));
	CHECK_COUNTS(self->pf, (int)NUM_VFS, 0);
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
	rescan();
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

	ASSERT_EQ(0, rescan());
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

TEST_F_TIMEOUT(plain, pci_remove_while_open, TEST_SECONDS)
{
	struct vfio_user user;
	struct job remove;
	int request;

	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	request = open_and_listen(&user, self->bdf, self->uuid);
	ASSERT_LE(0, request);

	ASSERT_EQ(0, job_start(&remove, do_pci_remove, self->bdf));
	ASSERT_EQ(0, eventfd_wait(request, PATIENCE * 1000));
	EXPECT_FALSE(job_ended(&remove));
	vfio_close(&user);
	ASSERT_EQ(0, job_wait(&remove, PATIENCE));
	EXPECT_EQ(0, remove.result);
	EXPECT_FALSE(mdev_exists(self->uuid));

	ASSERT_EQ(0, rescan());
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
}

/*
 * A VF whose PF is in a user's hands, through vfio-pci: the VF token, which
 * the two users share, says that they trust each other.
 */
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

TEST_F_TIMEOUT(token, is_needed_by_either_name, TEST_SECONDS)
{
	const char *names[] = { self->uuid, self->vf };
	char name[2 * UUID_LEN + 32], wrong[UUID_LEN];
	struct vfio_user user;
	uint8_t bytes[16];
	unsigned int i;

	ASSERT_EQ(0, vfio_open_group(&user, self->pf, self->pf));
	parse_uuid(self->token, bytes);
	ASSERT_EQ(0, vfio_feature(&user, VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, bytes,
				  sizeof(bytes)));
	ASSERT_EQ(0, pci_set_vfs(self->pf, 1));
	ASSERT_EQ(0, pci_vf(self->pf, 0, self->vf));
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

/*
 * Two functions in one IOMMU group: neither can be used while the kernel does
 * DMA through the other.
 */
FIXTURE(shared_group) {
	char bdf[BDF_LEN];
	char other[BDF_LEN];
	char uuid[UUID_LEN];
};

/* Endpoints without a driver, so that nothing of the host gets lost */
static int find_shared_group(char *bdf, char *other)
{
	char path[SYSFS_PATH], class[16];
	struct dirent **groups;
	int i, n, found = 0;

	n = scandir("/sys/kernel/iommu_groups", &groups, NULL, NULL);
	for (i = 0; i < n; i++) {
		struct dirent *entry;
		DIR *dir;

		snprintf(path, sizeof(path),
			 "/sys/kernel/iommu_groups/%.16s/devices",
			 groups[i]->d_name);
		free(groups[i]);
		if (found == 2)
			continue;
		dir = opendir(path);
		if (!dir)
			continue;
		for (found = 0; found < 2 && (entry = readdir(dir));) {
			if (entry->d_name[0] == '.' ||
			    pci_attr_read(entry->d_name, "class", class,
					  sizeof(class)) < 0 ||
			    !strncmp(class, "0x06", 4) ||
			    !bound_to(entry->d_name, ""))
				continue;
			snprintf(found++ ? other : bdf, BDF_LEN, "%.12s",
				 entry->d_name);
		}
		closedir(dir);
	}
	if (n >= 0)
		free(groups);
	return found == 2 ? 0 : -ENODEV;
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

TEST_F_TIMEOUT(shared_group, viable_with_pt_and_vfio_pci, TEST_SECONDS)
{
	ASSERT_EQ(0, pci_bind(self->other, "vfio-pci"));
	ASSERT_EQ(0, mdev_create(self->bdf, "pt-pci", self->uuid));
	EXPECT_EQ(0, try_open(self->bdf, self->uuid));
	EXPECT_EQ(0, try_open(self->other, self->other));
}

TEST_HARNESS_MAIN
