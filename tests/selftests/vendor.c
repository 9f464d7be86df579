// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vendors: types that come and go, references, routing, traps, regions and
 * failures, with the vendors of tests/modules/. Lab device: edu.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../modules/pt_test.h"
#include "clock.h"
#include "health.h"
#include "sysfs.h"
#include "vfio.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

/* Seconds; a kernel that checks everything is slow. */
#define PATIENCE	300

#define EDU_ALIAS "mdev-pt:1234-11e8"
#define ALIASES "/run/modprobe.d/mdev-pt-test.conf"

#define BAR0	VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define LOG	VFIO_PCI_NUM_REGIONS
#define PAGE	(VFIO_PCI_NUM_REGIONS + 1)

static int load(const char *module)
{
	char command[96];

	snprintf(command, sizeof(command), "modprobe %s", module);
	return system(command) ? -ENOENT : 0;
}

/* As rmmod does, so that a reference shows as -EBUSY. */
static int unload(const char *module)
{
	char command[96];

	snprintf(command, sizeof(command), "rmmod %s 2>/dev/null", module);
	return system(command) ? -EBUSY : 0;
}

static int references(const char *module)
{
	char path[SYSFS_PATH], value[16];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	return sysfs_read(path, value, sizeof(value)) < 0 ? -1 : atoi(value);
}

static int has_type(const char *bdf, const char *type)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/mdev_supported_types/%s", bdf, type);
	return sysfs_exists(path);
}

/* For what is done by a worker */
static int type_appears(const char *bdf, const char *type)
{
	long end = now_ms() + 60000;

	while (!has_type(bdf, type) && now_ms() < end)
		usleep(1000);
	return has_type(bdf, type);
}

static int set_fail(const char *op)
{
	return sysfs_write("/sys/module/pt_test/parameters/fail", op);
}

static void clear_calls(void)
{
	sysfs_write("/sys/module/pt_test/parameters/calls", "0");
}

/* How often the op was called since clear_calls() */
static int calls(const char *op)
{
	char text[512], line[40], *at;

	if (sysfs_read("/sys/module/pt_test/parameters/calls", text,
		       sizeof(text)) <= 0)
		return -1;
	snprintf(line, sizeof(line), "%s ", op);
	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, line, strlen(line)))
			return atoi(at + strlen(line));
	}
	return -1;
}

/* A plain modprobe file; a device alias hides the sample's, for the same device. */
static int set_alias(const char *alias, const char *module)
{
	FILE *file;

	mkdir("/run/modprobe.d", 0755);
	file = fopen(ALIASES, "we");
	if (!file)
		return -errno;
	fprintf(file, "alias %s %s\n", alias, module);
	if (strcmp(alias, EDU_ALIAS))
		fprintf(file, "alias %s off\n", EDU_ALIAS);
	return fclose(file) ? -errno : 0;
}

FIXTURE(vendor) {
	char bdf[BDF_LEN];
	char uuid[UUID_LEN];
	struct vfio_user user;
};

FIXTURE_SETUP(vendor)
{
	memset(&self->user, -1, sizeof(self->user));
	uuid_make(self->uuid);
	if (pci_find(EDU_VENDOR, EDU_DEVICE, 0, self->bdf))
		SKIP(return, "no edu device here");
	ASSERT_EQ(0, set_alias(EDU_ALIAS, "off"));
	ASSERT_EQ(0, load("-a mdev_pt vfio-pci pt_test"));
	ASSERT_EQ(0, set_fail("none"));
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
}

FIXTURE_TEARDOWN(vendor)
{
	vfio_close(&self->user);
	if (mdev_exists(self->uuid))
		mdev_remove(self->uuid);
	pci_bind(self->bdf, NULL);
	unlink(ALIASES);
	EXPECT_EQ(0, unload("pt_test"));
	EXPECT_NE(1, sysfs_exists("/sys/module/pt_test_other") &&
		     unload("pt_test_other"));
}

static int create(FIXTURE_DATA(vendor) *self, const char *type)
{
	return mdev_create(self->bdf, type, self->uuid);
}

static int open_mdev(FIXTURE_DATA(vendor) *self)
{
	return vfio_open_group(&self->user, self->bdf, self->uuid);
}

static int create_and_open(FIXTURE_DATA(vendor) *self, const char *type)
{
	int ret = create(self, type);

	return ret ? ret : open_mdev(self);
}

/*
 * Types
 */

TEST_F_TIMEOUT(vendor, types_beside_the_default, PATIENCE)
{
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-null"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-trap"));

	/* One device, whatever the type */
	ASSERT_EQ(0, create(self, "pt-test-null"));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-test-null"));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-test-trap"));
	EXPECT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-trap"));
}

TEST_F_TIMEOUT(vendor, comes_and_goes_while_bound, PATIENCE)
{
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, unload("pt_test"));
		ASSERT_EQ(0, has_type(self->bdf, "pt-test-null"));
		ASSERT_EQ(1, mdev_available(self->bdf, "pt-pci"));
		ASSERT_EQ(0, load("pt_test"));
		ASSERT_EQ(1, mdev_available(self->bdf, "pt-test-null"));
	}
}

TEST_F_TIMEOUT(vendor, two_modules_for_one_function, PATIENCE)
{
	ASSERT_EQ(0, load("pt_test_other"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-other"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-null"));

	ASSERT_EQ(0, create(self, "pt-test-other"));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-test-null"));
	/* Who has no mdev goes at once; its types go when nobody is in the way. */
	EXPECT_EQ(-EBUSY, unload("pt_test_other"));
	EXPECT_EQ(0, unload("pt_test"));
	EXPECT_EQ(0, mdev_available(self->bdf, "pt-test-null"));
	EXPECT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(1, type_appears(self->bdf, "pt-test-other"));
	EXPECT_EQ(0, unload("pt_test_other"));
	EXPECT_EQ(0, load("pt_test"));
}

TEST_F_TIMEOUT(vendor, loaded_while_an_mdev_exists, PATIENCE)
{
	ASSERT_EQ(0, create(self, "pt-test-null"));
	ASSERT_EQ(0, load("pt_test_other"));
	EXPECT_EQ(0, has_type(self->bdf, "pt-test-other"));
	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(1, type_appears(self->bdf, "pt-test-other"));
}

TEST_F_TIMEOUT(vendor, unloaded_type_makes_no_mdev, PATIENCE)
{
	char other[UUID_LEN];

	uuid_make(other);
	ASSERT_EQ(0, load("pt_test_other"));
	ASSERT_EQ(0, create(self, "pt-pci"));
	ASSERT_EQ(0, unload("pt_test_other"));
	/* The type is there until the mdev is gone. */
	ASSERT_EQ(1, has_type(self->bdf, "pt-test-other"));
	EXPECT_EQ(-EUSERS, mdev_create(self->bdf, "pt-test-other", other));
}

TEST_F_TIMEOUT(vendor, is_loaded_by_device_alias, PATIENCE)
{
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	ASSERT_EQ(0, set_alias(EDU_ALIAS, "pt_test_other"));
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-other"));
}

TEST_F_TIMEOUT(vendor, is_loaded_by_class_alias, PATIENCE)
{
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	ASSERT_EQ(0, set_alias("mdev-pt:class-00ff*", "pt_test_other"));
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-other"));
}

/*
 * References
 */

/* (1), (2): the core stays while a vendor is registered. */
TEST_F_TIMEOUT(vendor, holds_the_core, PATIENCE)
{
	int before;

	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	ASSERT_EQ(0, unload("mdev_pt"));
	EXPECT_EQ(-EBUSY, unload("mdev_pt_core"));
	/* By its symbols, and by its registration */
	before = references("mdev_pt_core");
	ASSERT_EQ(0, load("pt_test_other"));
	EXPECT_EQ(before + 2, references("mdev_pt_core"));
	ASSERT_EQ(0, unload("pt_test_other"));
	EXPECT_EQ(before, references("mdev_pt_core"));
	EXPECT_EQ(0, unload("pt_test"));
	EXPECT_EQ(0, unload("mdev_pt_core"));
	ASSERT_EQ(0, load("-a mdev_pt pt_test"));
}

/* (3): an mdev holds the vendor's module, a bound function does not. */
TEST_F_TIMEOUT(vendor, is_held_by_its_mdev, PATIENCE)
{
	EXPECT_EQ(0, references("pt_test"));
	ASSERT_EQ(0, create(self, "pt-test-count"));
	EXPECT_EQ(1, references("pt_test"));
	EXPECT_EQ(-EBUSY, unload("pt_test"));
	ASSERT_EQ(0, open_mdev(self));
	EXPECT_EQ(-EBUSY, unload("pt_test"));
	vfio_close(&self->user);
	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(0, references("pt_test"));
}

TEST_F_TIMEOUT(vendor, is_let_go_when_the_function_is_unbound, PATIENCE)
{
	ASSERT_EQ(0, create(self, "pt-test-count"));
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	EXPECT_EQ(0, mdev_exists(self->uuid));
	EXPECT_EQ(0, references("pt_test"));
}

TEST_F_TIMEOUT(vendor, every_probe_has_its_remove, PATIENCE)
{
	clear_calls();
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	EXPECT_EQ(4, calls("remove_fn"));
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(4, calls("probe"));
}

/*
 * Routing
 */

TEST_F_TIMEOUT(vendor, each_op_is_called_and_passes_on, PATIENCE)
{
	struct vfio_region_info *info = malloc(VFIO_INFO_LEN);
	struct vfio_irq_info irq;
	uint32_t id, out = 0x5a;
	void *addr;

	clear_calls();
	ASSERT_EQ(0, create(self, "pt-test-count"));
	EXPECT_EQ(1, calls("create"));
	EXPECT_EQ(0, calls("open"));
	ASSERT_EQ(0, open_mdev(self));
	EXPECT_EQ(1, calls("open"));

	ASSERT_EQ(4, vfio_read(&self->user, CONFIG, 0, &id, 4));
	EXPECT_EQ(EDU_DEVICE << 16 | EDU_VENDOR, id);
	EXPECT_LT(0, calls("read"));
	ASSERT_EQ(4, vfio_write(&self->user, BAR0, 4, &out, 4));
	EXPECT_LT(0, calls("write"));
	ASSERT_EQ(4, vfio_read(&self->user, BAR0, 4, &id, 4));
	EXPECT_EQ(~out, id);

	ASSERT_EQ(0, vfio_region_info(&self->user, BAR0, info));
	EXPECT_LT(0, calls("get_region_info"));
	EXPECT_EQ(1 << 20, info->size);
	free(info);

	ASSERT_EQ(0, vfio_mmap(&self->user, BAR0, 0, 4096, &addr));
	EXPECT_EQ(1, calls("mmap"));
	EXPECT_EQ(~out, ((volatile uint32_t *)addr)[1]);
	munmap(addr, 4096);

	clear_calls();
	ASSERT_EQ(0, vfio_irq_info(&self->user, VFIO_PCI_MSI_IRQ_INDEX, &irq));
	EXPECT_EQ(1, irq.count);
	EXPECT_EQ(1, calls("ioctl"));

	vfio_close(&self->user);
	EXPECT_EQ(1, calls("close"));
	EXPECT_EQ(0, calls("remove"));
	ASSERT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(1, calls("remove"));
}

TEST_F_TIMEOUT(vendor, each_access_can_be_taken_over, PATIENCE)
{
	struct vfio_region_info *info = malloc(VFIO_INFO_LEN);
	unsigned char byte = 0;
	uint32_t value = 1;
	void *addr;

	ASSERT_EQ(0, create_and_open(self, "pt-test-own"));
	EXPECT_EQ(1, vfio_read(&self->user, CONFIG, 0, &byte, 1));
	EXPECT_EQ(PT_TEST_OWN_BYTE, byte);
	/* Not to the hardware */
	EXPECT_EQ(4, vfio_write(&self->user, CONFIG, 4, &value, 4));
	EXPECT_EQ(4, vfio_write(&self->user, BAR0, 4, &value, 4));
	EXPECT_EQ(PT_TEST_OWN_IOCTL,
		  ioctl(self->user.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(-ENOSPC, vfio_mmap(&self->user, BAR0, 0, 4096, &addr));
	ASSERT_EQ(0, vfio_region_info(&self->user, BAR0, info));
	EXPECT_EQ(PT_TEST_OWN_SIZE, info->size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ, info->flags);
	free(info);
}

/* edu can't be reset, but nvme can. */
TEST_F_TIMEOUT(vendor, is_told_of_a_reset, PATIENCE)
{
	char nvme[BDF_LEN];

	if (pci_find(0x1b36, 0x0010, 0, nvme))
		SKIP(return, "no nvme device here");
	ASSERT_EQ(0, pci_bind(nvme, "pt"));
	ASSERT_EQ(0, mdev_create(nvme, "pt-test-count", self->uuid));
	EXPECT_EQ(0, vfio_open_group(&self->user, nvme, self->uuid));
	clear_calls();
	EXPECT_EQ(0, vfio_reset(&self->user));
	EXPECT_EQ(1, calls("reset_done"));
	vfio_close(&self->user);
	clear_calls();
	EXPECT_EQ(0, pci_attr_write(nvme, "reset", "1"));
	EXPECT_EQ(1, calls("reset_done"));
	EXPECT_EQ(0, mdev_remove(self->uuid));
	EXPECT_EQ(0, pci_bind(nvme, NULL));
}

struct remover {
	const char *uuid;
	int result;
};

static void *remove_mdev(void *arg)
{
	struct remover *remover = arg;

	remover->result = mdev_remove(remover->uuid);
	return NULL;
}

TEST_F_TIMEOUT(vendor, is_asked_to_let_go, PATIENCE)
{
	struct remover remover = { .uuid = self->uuid };
	long end = now_ms() + 60000;
	pthread_t thread;

	ASSERT_EQ(0, create_and_open(self, "pt-test-count"));
	clear_calls();
	ASSERT_EQ(0, pthread_create(&thread, NULL, remove_mdev, &remover));
	while (calls("request") < 1 && now_ms() < end)
		usleep(1000);
	EXPECT_LT(0, calls("request"));
	vfio_close(&self->user);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, remover.result);
}

TEST_F_TIMEOUT(vendor, null_ops_are_the_default, PATIENCE)
{
	unsigned char plain[256], null[256];
	struct vfio_region_info *a = malloc(VFIO_INFO_LEN);
	struct vfio_region_info *b = malloc(VFIO_INFO_LEN);
	unsigned int i;

	ASSERT_EQ(0, create_and_open(self, "pt-pci"));
	ASSERT_EQ(256, vfio_read(&self->user, CONFIG, 0, plain, 256));
	ASSERT_EQ(0, vfio_region_info(&self->user, BAR0, a));
	vfio_close(&self->user);
	ASSERT_EQ(0, mdev_remove(self->uuid));

	clear_calls();
	ASSERT_EQ(0, create_and_open(self, "pt-test-null"));
	ASSERT_EQ(256, vfio_read(&self->user, CONFIG, 0, null, 256));
	ASSERT_EQ(0, vfio_region_info(&self->user, BAR0, b));
	EXPECT_EQ(0, memcmp(plain, null, 256));
	EXPECT_EQ(0, memcmp(a, b, sizeof(*a)));
	for (i = 1; i < VFIO_PCI_NUM_REGIONS; i++)
		EXPECT_EQ(i == VFIO_PCI_VGA_REGION_INDEX ? -EINVAL : 0,
			  vfio_region_info(&self->user, i, b));
	EXPECT_EQ(-EINVAL, vfio_region_info(&self->user, i, b));
	free(a);
	free(b);
}

/*
 * Traps
 */

FIXTURE(trap) {
	FIXTURE_DATA(vendor) vendor;
	struct vfio_user *user;
};

FIXTURE_SETUP(trap)
{
	FIXTURE_DATA(vendor) *vendor = &self->vendor;

	memset(&vendor->user, -1, sizeof(vendor->user));
	self->user = &vendor->user;
	uuid_make(vendor->uuid);
	if (pci_find(EDU_VENDOR, EDU_DEVICE, 0, vendor->bdf))
		SKIP(return, "no edu device here");
	ASSERT_EQ(0, set_alias(EDU_ALIAS, "off"));
	ASSERT_EQ(0, load("-a mdev_pt vfio-pci pt_test"));
	ASSERT_EQ(0, set_fail("none"));
	ASSERT_EQ(0, pci_bind(vendor->bdf, "pt"));
	ASSERT_EQ(0, create_and_open(vendor, "pt-test-trap"));
}

FIXTURE_TEARDOWN(trap)
{
	FIXTURE_DATA(vendor) *vendor = &self->vendor;

	vfio_close(&vendor->user);
	if (mdev_exists(vendor->uuid))
		mdev_remove(vendor->uuid);
	pci_bind(vendor->bdf, NULL);
	unlink(ALIASES);
	EXPECT_EQ(0, unload("pt_test"));
}

static int clear_log(struct vfio_user *user)
{
	return vfio_write(user, LOG, 0, "", 1) == 1 ? 0 : -EIO;
}

static struct pt_test_log get_log(struct vfio_user *user)
{
	struct pt_test_log log = {};

	if (vfio_read(user, LOG, 0, &log, sizeof(log)) != sizeof(log))
		log.count = -1;
	return log;
}

/* The bytes that the trap's reads give */
static unsigned char own_byte(uint64_t offset)
{
	return offset & 0x1f;
}

#define EXPECT_ACCESS(log, i, at, wide, val, writes) do { \
	EXPECT_EQ(at, (log).access[i].offset); \
	EXPECT_EQ(wide, (log).access[i].width); \
	EXPECT_EQ(val, (log).access[i].value); \
	EXPECT_EQ(writes, (log).access[i].is_write); \
} while (0)

TEST_F_TIMEOUT(trap, registers_keep_their_width, PATIENCE)
{
	static const unsigned char bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct pt_test_log log;

	ASSERT_EQ(0, clear_log(self->user));
	ASSERT_EQ(1, vfio_write(self->user, BAR0, PT_TEST_WIDE + 3, bytes, 1));
	ASSERT_EQ(2, vfio_write(self->user, BAR0, PT_TEST_WIDE + 6, bytes, 2));
	ASSERT_EQ(4, vfio_write(self->user, BAR0, PT_TEST_WIDE + 4, bytes, 4));
	ASSERT_EQ(8, vfio_write(self->user, BAR0, PT_TEST_WIDE + 8, bytes, 8));
	log = get_log(self->user);
	ASSERT_EQ(4, log.count);
	EXPECT_ACCESS(log, 0, PT_TEST_WIDE + 3, 1, 1, 1);
	EXPECT_ACCESS(log, 1, PT_TEST_WIDE + 6, 2, 0x0201, 1);
	EXPECT_ACCESS(log, 2, PT_TEST_WIDE + 4, 4, 0x04030201, 1);
	EXPECT_ACCESS(log, 3, PT_TEST_WIDE + 8, 8, 0x0807060504030201, 1);
}

TEST_F_TIMEOUT(trap, unaligned_access_is_cut_naturally, PATIENCE)
{
	unsigned char bytes[13], i;
	struct pt_test_log log;

	ASSERT_EQ(0, clear_log(self->user));
	/* 3: 1, 4: 4, 8: 8 */
	ASSERT_EQ(13, vfio_read(self->user, BAR0, PT_TEST_WIDE + 3, bytes, 13));
	for (i = 0; i < 13; i++)
		EXPECT_EQ(own_byte(PT_TEST_WIDE + 3 + i), bytes[i]);
	log = get_log(self->user);
	ASSERT_EQ(3, log.count);
	EXPECT_ACCESS(log, 0, PT_TEST_WIDE + 3, 1, 0, 0);
	EXPECT_ACCESS(log, 1, PT_TEST_WIDE + 4, 4, 0, 0);
	EXPECT_ACCESS(log, 2, PT_TEST_WIDE + 8, 8, 0, 0);
}

/* 4 is the liveness check, by the kernel's access; 8 is logged; 12 is neither. */
TEST_F_TIMEOUT(trap, straddling_write_is_split, PATIENCE)
{
	uint32_t words[3] = { 0x11223344, 0x55667788, 0x99aabbcc }, live;
	struct pt_test_log log;

	ASSERT_EQ(0, clear_log(self->user));
	ASSERT_EQ(12, vfio_write(self->user, BAR0, 4, words, 12));
	log = get_log(self->user);
	ASSERT_EQ(1, log.count);
	EXPECT_ACCESS(log, 0, PT_TEST_REGISTER, 4, words[1], 1);
	ASSERT_EQ(4, vfio_read(self->user, BAR0, 4, &live, 4));
	EXPECT_EQ(~words[0], live);
}

TEST_F_TIMEOUT(trap, straddling_read_is_split, PATIENCE)
{
	uint32_t words[4], hardware;

	/* 0: identification, 4: liveness, 8: ours */
	ASSERT_EQ(16, vfio_read(self->user, BAR0, 0, words, 16));
	ASSERT_EQ(4, vfio_read(self->user, BAR0, 0, &hardware, 4));
	EXPECT_EQ(0x010000ed, hardware);
	EXPECT_EQ(hardware, words[0]);
	EXPECT_EQ(0x0b0a0908, words[2]);
}

TEST_F_TIMEOUT(trap, border_of_two_pages, PATIENCE)
{
	uint32_t value = 0x04030201;
	struct pt_test_log log;

	ASSERT_EQ(0, clear_log(self->user));
	ASSERT_EQ(4, vfio_write(self->user, BAR0, PT_TEST_BORDER, &value, 4));
	log = get_log(self->user);
	ASSERT_EQ(2, log.count);
	EXPECT_ACCESS(log, 0, PT_TEST_BORDER, 2, 0x0201, 1);
	EXPECT_ACCESS(log, 1, PT_TEST_BORDER + 2, 2, 0x0403, 1);
}

/* edu's DMA source address: what was written can be read. */
TEST_F_TIMEOUT(trap, seen_and_passed_on, PATIENCE)
{
	uint64_t value = 0x123456789a, back = 0;
	struct pt_test_log log;

	ASSERT_EQ(0, clear_log(self->user));
	ASSERT_EQ(8, vfio_write(self->user, BAR0, PT_TEST_SEEN, &value, 8));
	log = get_log(self->user);
	ASSERT_EQ(1, log.count);
	EXPECT_ACCESS(log, 0, PT_TEST_SEEN, 8, value, 1);
	ASSERT_EQ(8, vfio_read(self->user, BAR0, PT_TEST_SEEN, &back, 8));
	EXPECT_EQ(value & 0xfffffff, back & 0xfffffff);
}

TEST_F_TIMEOUT(trap, config_space, PATIENCE)
{
	unsigned char bytes[8], line = 0x42;
	struct pt_test_log log;
	uint32_t id;

	ASSERT_EQ(0, clear_log(self->user));
	ASSERT_EQ(4, vfio_read(self->user, CONFIG, 0x2c, &id, 4));
	EXPECT_EQ(0x0f0e0d0c, id);
	/* From before to after the trap */
	ASSERT_EQ(8, vfio_read(self->user, CONFIG, 0x2a, bytes, 8));
	EXPECT_EQ(own_byte(0x2c), bytes[2]);
	EXPECT_EQ(own_byte(0x2f), bytes[5]);
	/* Never more than 4 bytes at a time */
	log = get_log(self->user);
	ASSERT_EQ(2, log.count);
	EXPECT_EQ(4, log.access[0].width);
	EXPECT_EQ(4, log.access[1].width);

	ASSERT_EQ(1, vfio_write(self->user, CONFIG, 0x3c, &line, 1));
	ASSERT_EQ(1, vfio_read(self->user, CONFIG, 0x3c, bytes, 1));
	EXPECT_EQ(line, bytes[0]);
	log = get_log(self->user);
	EXPECT_ACCESS(log, 2, 0x3c, 1, line, 1);
}

TEST_F_TIMEOUT(trap, out_of_range_as_without, PATIENCE)
{
	unsigned char bytes[16];

	EXPECT_EQ(-EINVAL, vfio_read(self->user, BAR0, 1 << 20, bytes, 4));
	EXPECT_EQ(4, vfio_read(self->user, BAR0, (1 << 20) - 4, bytes, 16));
	EXPECT_EQ(-EFAULT, vfio_read(self->user, CONFIG, 256, bytes, 4));
	EXPECT_EQ(-EFAULT, vfio_read(self->user, CONFIG, 252, bytes, 8));
	EXPECT_EQ(0, vfio_read(self->user, BAR0, PT_TEST_REGISTER, bytes, 0));
}

TEST_F_TIMEOUT(trap, bad_user_memory, PATIENCE)
{
	EXPECT_EQ(-EFAULT, vfio_read(self->user, BAR0, PT_TEST_REGISTER,
				     (void *)8, 4));
	EXPECT_EQ(-EFAULT, vfio_write(self->user, BAR0, PT_TEST_REGISTER,
				      (void *)8, 4));
	EXPECT_EQ(-EFAULT, vfio_read(self->user, LOG, 0, (void *)8, 4));
}

TEST_F_TIMEOUT(trap, failure_after_some_bytes, PATIENCE)
{
	uint32_t words[3] = {};

	ASSERT_EQ(0, set_fail("trap_write"));
	EXPECT_EQ(4, vfio_write(self->user, BAR0, 4, words, 12));
	EXPECT_EQ(-EDOM, vfio_write(self->user, BAR0, 8, words, 4));
	ASSERT_EQ(0, set_fail("trap_read"));
	EXPECT_EQ(-EDOM, vfio_read(self->user, BAR0, 8, words, 4));
}

TEST_F_TIMEOUT(trap, memory_switched_off, PATIENCE)
{
	uint16_t command = 0;
	uint32_t value;

	ASSERT_EQ(2, vfio_write(self->user, CONFIG, 4, &command, 2));
	EXPECT_EQ(-EIO, vfio_read(self->user, BAR0, PT_TEST_LIVE, &value, 4));
	/* What the vendor answers itself needs no hardware. */
	EXPECT_EQ(4, vfio_read(self->user, BAR0, PT_TEST_REGISTER, &value, 4));
	command = 2;
	ASSERT_EQ(2, vfio_write(self->user, CONFIG, 4, &command, 2));
	EXPECT_EQ(4, vfio_read(self->user, BAR0, PT_TEST_LIVE, &value, 4));
}

TEST_F_TIMEOUT(trap, only_the_other_pages_map, PATIENCE)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info *info = malloc(VFIO_INFO_LEN);
	void *addr;
	int page;

	ASSERT_EQ(0, vfio_region_info(self->user, BAR0, info));
	EXPECT_NE(0, info->flags & VFIO_REGION_INFO_FLAG_MMAP);
	sparse = (void *)vfio_region_cap(info,
					 VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	ASSERT_NE(NULL, sparse);
	ASSERT_EQ(2, sparse->nr_areas);
	EXPECT_EQ(0x1000, sparse->areas[0].offset);
	EXPECT_EQ(0x2000, sparse->areas[0].size);
	EXPECT_EQ(0x5000, sparse->areas[1].offset);
	EXPECT_EQ((1 << 20) - 0x5000, sparse->areas[1].size);
	free(info);

	for (page = 0; page < 6; page++) {
		int trapped = page == 0 || page == 3 || page == 4;
		int ret = vfio_mmap(self->user, BAR0, page * 4096, 4096, &addr);

		EXPECT_EQ(trapped ? -EINVAL : 0, ret);
		if (!ret)
			munmap(addr, 4096);
	}
	EXPECT_EQ(-EINVAL, vfio_mmap(self->user, BAR0, 0x2000, 0x2000, &addr));
	EXPECT_EQ(-EINVAL, vfio_mmap(self->user, BAR0, 0, 1 << 20, &addr));
}

TEST_F_TIMEOUT(trap, region_info_of_any_size, PATIENCE)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = BAR0 };
	struct vfio_region_info less = { .argsz = 8, .index = BAR0 };

	ASSERT_EQ(0, ioctl(self->user->device, VFIO_DEVICE_GET_REGION_INFO,
			   &info));
	EXPECT_NE(0, info.flags & VFIO_REGION_INFO_FLAG_CAPS);
	EXPECT_LT(sizeof(info), info.argsz);
	EXPECT_EQ(0, info.cap_offset);
	EXPECT_EQ(-1, ioctl(self->user->device, VFIO_DEVICE_GET_REGION_INFO,
			    &less));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F_TIMEOUT(trap, no_ioeventfd_around_it, PATIENCE)
{
	struct vfio_device_ioeventfd ioeventfd = {
		.argsz = sizeof(ioeventfd),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = PT_TEST_REGISTER,
		.fd = -1,
	};

	EXPECT_EQ(-1, ioctl(self->user->device, VFIO_DEVICE_IOEVENTFD,
			    &ioeventfd));
	EXPECT_EQ(ENOTTY, errno);
}

/*
 * Regions
 */

TEST_F_TIMEOUT(trap, regions_of_the_vendor, PATIENCE)
{
	const struct vfio_region_info_cap_type *type;
	struct vfio_region_info *info = malloc(VFIO_INFO_LEN);
	struct vfio_device_info device = { .argsz = sizeof(device) };
	unsigned char bytes[64];
	void *addr;

	ASSERT_EQ(0, ioctl(self->user->device, VFIO_DEVICE_GET_INFO, &device));
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS + 2, device.num_regions);

	ASSERT_EQ(0, vfio_region_info(self->user, PAGE, info));
	EXPECT_EQ(4096, info->size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_MMAP |
		  VFIO_REGION_INFO_FLAG_CAPS, info->flags);
	type = (void *)vfio_region_cap(info, VFIO_REGION_INFO_CAP_TYPE);
	ASSERT_NE(NULL, type);
	EXPECT_EQ(PT_TEST_TYPE, type->type);
	EXPECT_EQ(PT_TEST_SUBTYPE_PAGE, type->subtype);
	free(info);

	EXPECT_EQ(16, vfio_read(self->user, PAGE, 4080, bytes, 64));
	EXPECT_EQ(PT_TEST_OWN_BYTE, bytes[15]);
	EXPECT_EQ(-EINVAL, vfio_read(self->user, PAGE, 4096, bytes, 1));
	EXPECT_EQ(-EINVAL, vfio_write(self->user, PAGE, 0, bytes, 1));
	EXPECT_EQ(-EINVAL, vfio_read(self->user, PAGE + 1, 0, bytes, 1));

	ASSERT_EQ(0, vfio_mmap(self->user, PAGE, 0, 4096, &addr));
	EXPECT_EQ(PT_TEST_OWN_BYTE, *(volatile unsigned char *)addr);
	munmap(addr, 4096);
	EXPECT_EQ(-EINVAL, vfio_mmap(self->user, PAGE, 0, 8192, &addr));
	EXPECT_EQ(-EINVAL, vfio_mmap(self->user, PAGE, 4096, 4096, &addr));
	EXPECT_EQ(-EINVAL, vfio_mmap(self->user, LOG, 0, 4096, &addr));

	ASSERT_EQ(0, set_fail("region_read"));
	EXPECT_EQ(-EDOM, vfio_read(self->user, LOG, 0, bytes, 8));
}

TEST_F_TIMEOUT(trap, all_over_again_after_close, PATIENCE)
{
	FIXTURE_DATA(vendor) *vendor = &self->vendor;
	struct vfio_device_info device = { .argsz = sizeof(device) };
	int i;

	for (i = 0; i < 20; i++) {
		vfio_close(&vendor->user);
		ASSERT_EQ(0, open_mdev(vendor));
	}
	ASSERT_EQ(0, ioctl(self->user->device, VFIO_DEVICE_GET_INFO, &device));
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS + 2, device.num_regions);
}

/* Many threads at once: each must find its own bytes in each access. */
struct hammer {
	struct vfio_user *user;
	unsigned int seed;
	unsigned int rounds;
	unsigned int errors;
};

static void *hammer_traps(void *arg)
{
	struct hammer *hammer = arg;
	unsigned char bytes[16], i;
	unsigned int round;
	uint32_t word;
	void *addr;

	for (round = 0; round < hammer->rounds; round++) {
		unsigned int at = rand_r(&hammer->seed) % 16;
		unsigned int len = 1 + rand_r(&hammer->seed) % (16 - at);

		hammer->errors += vfio_read(hammer->user, BAR0,
					    PT_TEST_WIDE + at, bytes, len) !=
				  (ssize_t)len;
		for (i = 0; i < len; i++)
			hammer->errors += bytes[i] !=
					  own_byte(PT_TEST_WIDE + at + i);
		hammer->errors += vfio_read(hammer->user, BAR0, 0, &word, 4) !=
				  4 || word != 0x010000ed;
		vfio_write(hammer->user, BAR0, 4, bytes, 16);
		if (round % 16)
			continue;
		hammer->errors += vfio_mmap(hammer->user, BAR0, 0, 4096,
					    &addr) != -EINVAL;
		if (vfio_mmap(hammer->user, BAR0, 0x1000, 0x2000, &addr)) {
			hammer->errors++;
			continue;
		}
		(void)*(volatile uint32_t *)addr;
		munmap(addr, 0x2000);
	}
	return NULL;
}

TEST_F_TIMEOUT(trap, many_threads, PATIENCE)
{
	struct hammer hammers[8];
	pthread_t threads[8];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		hammers[i] = (struct hammer){ self->user, i + 1, 500, 0 };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, hammer_traps,
					    &hammers[i]));
	}
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, hammers[i].errors);
	}
}

/*
 * Failures
 */

TEST_F_TIMEOUT(vendor, refused_probe_has_no_type, PATIENCE)
{
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	ASSERT_EQ(0, set_fail("probe"));
	clear_calls();
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_EQ(0, has_type(self->bdf, "pt-test-null"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	EXPECT_EQ(0, calls("remove_fn"));
}

TEST_F_TIMEOUT(vendor, failed_create_leaves_nothing, PATIENCE)
{
	int i;

	ASSERT_EQ(0, set_fail("create"));
	clear_calls();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(-EDOM, create(self, "pt-test-count"));
		ASSERT_EQ(0, mdev_exists(self->uuid));
		ASSERT_EQ(1, mdev_available(self->bdf, "pt-test-count"));
	}
	EXPECT_EQ(0, calls("remove"));
	EXPECT_EQ(0, references("pt_test"));
	ASSERT_EQ(0, set_fail("none"));
	EXPECT_EQ(0, create(self, "pt-test-count"));
}

TEST_F_TIMEOUT(vendor, failed_open_leaves_nothing, PATIENCE)
{
	int i;

	ASSERT_EQ(0, create(self, "pt-test-trap"));
	ASSERT_EQ(0, set_fail("open"));
	clear_calls();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(-EDOM, open_mdev(self));
		vfio_close(&self->user);
	}
	EXPECT_EQ(0, calls("close"));
	ASSERT_EQ(0, set_fail("none"));
	ASSERT_EQ(0, open_mdev(self));
}

/*
 * Races
 */

static void *load_and_unload(void *arg)
{
	volatile int *stop = arg;

	while (!*stop) {
		load("pt_test_other");
		unload("pt_test_other");
	}
	return NULL;
}

TEST_F_TIMEOUT(vendor, loads_against_bind_create_and_open, PATIENCE)
{
	static const char *const types[] = {
		"pt-test-other", "pt-test-count", "pt-pci",
	};
	int stop = 0, i, made = 0, opened = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, load_and_unload, &stop));
	for (i = 0; i < 150; i++) {
		if (i % 10 == 0) {
			ASSERT_EQ(0, pci_bind(self->bdf, NULL));
			ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
		}
		if (create(self, types[i % 3]))
			continue;
		made++;
		if (i % 2) {
			opened += !open_mdev(self);
			vfio_close(&self->user);
		}
		EXPECT_EQ(0, mdev_remove(self->uuid));
	}
	stop = 1;
	pthread_join(thread, NULL);
	TH_LOG("%d mdevs, %d of them opened", made, opened);
	EXPECT_LT(0, made);
	EXPECT_LT(0, opened);
	if (sysfs_exists("/sys/module/pt_test_other"))
		EXPECT_EQ(0, unload("pt_test_other"));
	EXPECT_EQ(1, type_appears(self->bdf, "pt-test-count"));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-test-count"));
}

TEST_HARNESS_MAIN
