// SPDX-License-Identifier: GPL-2.0-only
/*
 * samples/mdev-pt/pt_edu.c, as its users see it.  Lab device: edu.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "clock.h"
#include "life.h"
#include "vfio.h"

#define MODULE		"pt_edu"
#define LOADED		"/sys/module/" MODULE
#define TYPE		"pt-edu"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define PAGE		4096UL
#define BAR_SIZE	0x100000UL

/* QEMU, docs/specs/edu.rst */
#define IDENTIFICATION	0x00
#define LIVENESS	0x04
#define FACTORIAL	0x08
#define STATUS		0x20
#define COMPUTING	0x01
#define DMA_SOURCE	0x80

/* From here on the result has its low 32 bits clear. */
#define BOUND		34

struct stats {
	uint64_t reads;
	uint64_t writes;
	uint64_t bounded;
};

FIXTURE(edu) {
	char bdf[BDF_LEN];
	char uuid[UUID_LEN];
	struct vfio_user user;
	int region;
};

FIXTURE_SETUP(edu)
{
	load_modules();
	remove_mdevs();
	if (pci_find(0x1234, 0x11e8, 0, self->bdf))
		SKIP(return, "no edu (1234:11e8) here");
	/* Anew, so that the module is loaded if an earlier test unloaded it */
	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	uuid_make(self->uuid);
}

FIXTURE_TEARDOWN_PARENT(edu)
{
	load_modules();
	remove_mdevs();
	pci_bind(self->bdf, NULL);
}

static int open_type(struct vfio_user *user, const char *bdf, const char *uuid,
		     const char *type)
{
	int ret = mdev_create(bdf, type, uuid);

	return ret ? ret : vfio_open_group(user, bdf, uuid);
}

static int close_type(struct vfio_user *user, const char *uuid)
{
	vfio_close(user);
	return mdev_remove(uuid);
}

static uint32_t get32(struct vfio_user *user, uint64_t offset)
{
	uint32_t value;

	/* No register that we read has this value. */
	return vfio_read(user, 0, offset, &value, 4) == 4 ? value : 0xbad00bad;
}

static int put32(struct vfio_user *user, uint64_t offset, uint32_t value)
{
	ssize_t len = vfio_write(user, 0, offset, &value, 4);

	return len < 0 ? len : len == 4 ? 0 : -EIO;
}

static bool is_type(const struct vfio_region_info *info, uint32_t type,
		    uint32_t subtype)
{
	const struct vfio_region_info_cap_type *cap;

	cap = (const void *)vfio_region_cap(info, VFIO_REGION_INFO_CAP_TYPE);
	return cap && cap->type == type && cap->subtype == subtype;
}

/* The index of the statistics, or -errno */
static int find_stats(struct vfio_user *user)
{
	char buf[VFIO_INFO_LEN];
	uint32_t count, i;
	int ret;

	ret = vfio_device_info(user, (void *)buf);
	if (ret)
		return ret;
	count = ((struct vfio_device_info *)buf)->num_regions;
	for (i = VFIO_PCI_NUM_REGIONS; i < count; i++) {
		if (!vfio_region_info(user, i, (void *)buf) &&
		    is_type((void *)buf,
			    VFIO_REGION_TYPE_PCI_VENDOR_TYPE | 0x1234, 1))
			return i;
	}
	return -ENOENT;
}

static int open_edu(struct vfio_user *user, const char *bdf, const char *uuid)
{
	int ret = open_type(user, bdf, uuid, TYPE);

	return ret ? ret : find_stats(user);
}

static struct stats read_stats(struct vfio_user *user, uint32_t region)
{
	struct stats stats;

	if (vfio_read(user, region, 0, &stats, sizeof(stats)) != sizeof(stats))
		memset(&stats, 0xff, sizeof(stats));
	return stats;
}

#define ASSERT_OPEN(self) do { \
	(self)->region = open_edu(&(self)->user, (self)->bdf, (self)->uuid); \
	ASSERT_LE(VFIO_PCI_NUM_REGIONS, (self)->region); \
} while (0)

#define EXPECT_STATS(self, r, w, b) do { \
	struct stats seen_ = read_stats(&(self)->user, (self)->region); \
	EXPECT_EQ((uint64_t)(r), seen_.reads); \
	EXPECT_EQ((uint64_t)(w), seen_.writes); \
	EXPECT_EQ((uint64_t)(b), seen_.bounded); \
} while (0)

static int computed(struct vfio_user *user)
{
	long end = now_ms() + PATIENCE * 1000;

	while (get32(user, STATUS) & COMPUTING) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(1000);
	}
	return 0;
}

static uint32_t factorial(uint32_t n)
{
	uint32_t product = 1;

	while (n)
		product *= n--;
	return product;
}

TEST_F_TIMEOUT(edu, loaded_on_demand, TEST_SECONDS)
{
	char value[256];

	ASSERT_EQ(0, pci_bind(self->bdf, NULL));
	ASSERT_EQ(0, unload_module(MODULE));
	ASSERT_FALSE(sysfs_exists(LOADED));

	ASSERT_EQ(0, pci_bind(self->bdf, "pt"));
	EXPECT_TRUE(sysfs_exists(LOADED));
	EXPECT_EQ(1, mdev_available(self->bdf, TYPE));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	ASSERT_LT(0, type_attr(self->bdf, TYPE, "name", value, sizeof(value)));
	EXPECT_STREQ("QEMU educational device", value);
}

TEST_F_TIMEOUT(edu, one_function_two_types, TEST_SECONDS)
{
	const char *types[] = { TYPE, "pt-pci" };
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mdev_create(self->bdf, types[i], self->uuid));
		EXPECT_EQ(0, mdev_available(self->bdf, TYPE));
		EXPECT_EQ(0, mdev_available(self->bdf, "pt-pci"));
		ASSERT_EQ(0, mdev_remove(self->uuid));
		EXPECT_EQ(1, mdev_available(self->bdf, TYPE));
		EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));
	}
}

TEST_F_TIMEOUT(edu, statistics_region, TEST_SECONDS)
{
	char buf[VFIO_INFO_LEN];
	struct vfio_region_info *info = (void *)buf;
	uint64_t value[2];

	ASSERT_OPEN(self);
	ASSERT_EQ(0, vfio_region_info(&self->user, self->region, info));
	EXPECT_EQ(sizeof(struct stats), info->size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_CAPS,
		  info->flags);

	/* A part of it, the rest of it, nothing beyond, and no writes */
	ASSERT_EQ(0, put32(&self->user, FACTORIAL, 3));
	EXPECT_EQ(4, vfio_read(&self->user, self->region, 8, value, 4));
	EXPECT_EQ(1U, (uint32_t)value[0]);
	EXPECT_EQ(8, vfio_read(&self->user, self->region, 16, value, 16));
	EXPECT_EQ(0U, value[0]);
	EXPECT_EQ(-EINVAL, vfio_read(&self->user, self->region,
				     sizeof(struct stats), value, 1));
	EXPECT_EQ(-EINVAL, vfio_write(&self->user, self->region, 0, value, 8));
	EXPECT_EQ(0, close_type(&self->user, self->uuid));
}

TEST_F_TIMEOUT(edu, factorial_is_bounded, TEST_SECONDS)
{
	const uint32_t asked[] = { 0, 5, 12, 33, BOUND, BOUND + 1, UINT32_MAX };
	uint64_t i, n = sizeof(asked) / sizeof(asked[0]);

	ASSERT_OPEN(self);
	EXPECT_STATS(self, 0, 0, 0);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, put32(&self->user, FACTORIAL, asked[i]));
		ASSERT_EQ(0, computed(&self->user));
		EXPECT_EQ(asked[i] < BOUND ? factorial(asked[i]) : 0,
			  get32(&self->user, FACTORIAL));
	}
	EXPECT_STATS(self, n, n, 2);
	EXPECT_EQ(0, close_type(&self->user, self->uuid));
}

/* The register is seen, and bounded, wherever an access begins and ends. */
TEST_F_TIMEOUT(edu, accesses_of_any_width, TEST_SECONDS)
{
	uint32_t value[4] = { 0, 7, UINT32_MAX, 0 };
	uint8_t byte = 6;

	ASSERT_OPEN(self);
	ASSERT_EQ(16, vfio_write(&self->user, 0, 0, value, 16));
	ASSERT_EQ(0, computed(&self->user));
	EXPECT_STATS(self, 0, 1, 1);

	ASSERT_EQ(16, vfio_read(&self->user, 0, 0, value, 16));
	EXPECT_EQ(0U, value[2]);
	EXPECT_STATS(self, 1, 1, 1);

	/* The device ignores it. */
	ASSERT_EQ(0, put32(&self->user, FACTORIAL, 4));
	ASSERT_EQ(0, computed(&self->user));
	ASSERT_EQ(1, vfio_write(&self->user, 0, FACTORIAL + 1, &byte, 1));
	EXPECT_EQ(24U, get32(&self->user, FACTORIAL));
	EXPECT_STATS(self, 2, 3, 1);

	/* Beside the register */
	ASSERT_EQ(4, vfio_read(&self->user, 0, FACTORIAL - 4, value, 4));
	ASSERT_EQ(4, vfio_read(&self->user, 0, FACTORIAL + 4, value, 4));
	EXPECT_STATS(self, 2, 3, 1);
	EXPECT_EQ(0, close_type(&self->user, self->uuid));
}

#define THREADS		4
#define ACCESSES	250

static void *read_often(void *user)
{
	uint32_t value;
	long i, failed = 0;

	for (i = 0; i < ACCESSES; i++)
		failed += vfio_read(user, 0, FACTORIAL, &value, 4) != 4;
	return (void *)failed;
}

TEST_F_TIMEOUT(edu, concurrent_accesses_all_count, TEST_SECONDS)
{
	pthread_t thread[THREADS];
	void *failed;
	int i;

	ASSERT_OPEN(self);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, read_often,
					    &self->user));
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failed);
		EXPECT_EQ(NULL, failed);
	}
	EXPECT_STATS(self, THREADS * ACCESSES, 0, 0);
	EXPECT_EQ(0, close_type(&self->user, self->uuid));
}

TEST_F_TIMEOUT(edu, next_user_counts_from_0, TEST_SECONDS)
{
	ASSERT_OPEN(self);
	ASSERT_EQ(0, put32(&self->user, FACTORIAL, BOUND + 1));
	EXPECT_STATS(self, 0, 1, 1);
	vfio_close(&self->user);

	ASSERT_EQ(0, vfio_open_group(&self->user, self->bdf, self->uuid));
	EXPECT_STATS(self, 0, 0, 0);
	EXPECT_EQ(0, close_type(&self->user, self->uuid));
}

/* What is not the sample's: the other registers, config space, the regions */
struct view {
	uint32_t registers[64];
	uint32_t liveness;
	uint32_t last;
	uint8_t config[256];
	struct {
		uint64_t size;
		uint32_t flags;
	} region[VFIO_PCI_NUM_REGIONS];
};

static int look(struct vfio_user *user, struct view *view)
{
	char buf[VFIO_INFO_LEN];
	struct vfio_region_info *info = (void *)buf;
	uint32_t i;
	int ret;

	memset(view, 0, sizeof(*view));
	ret = put32(user, FACTORIAL, 6);
	ret = ret ? ret : computed(user);
	ret = ret ? ret : put32(user, LIVENESS, 0x12345678);
	ret = ret ? ret : put32(user, DMA_SOURCE, 0x89abcdef);
	if (ret)
		return ret;
	for (i = 0; i < 64; i++)
		view->registers[i] = get32(user, i * 4);
	view->liveness = get32(user, LIVENESS);
	view->last = get32(user, BAR_SIZE - 4);
	if (vfio_read(user, CONFIG, 0, view->config, 256) != 256)
		return -EIO;

	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		if (vfio_region_info(user, i, info))
			continue;
		view->region[i].size = info->size;
		view->region[i].flags = info->flags;
	}
	return 0;
}

TEST_F_TIMEOUT(edu, rest_is_the_default, TEST_SECONDS)
{
	struct view edu, pci;
	uint32_t i;

	ASSERT_OPEN(self);
	ASSERT_EQ(0, look(&self->user, &edu));
	EXPECT_STATS(self, 1, 1, 0);
	ASSERT_EQ(0, close_type(&self->user, self->uuid));

	ASSERT_EQ(0, open_type(&self->user, self->bdf, self->uuid, "pt-pci"));
	ASSERT_EQ(0, look(&self->user, &pci));
	ASSERT_EQ(0, close_type(&self->user, self->uuid));

	EXPECT_EQ(0x010000edU, edu.registers[IDENTIFICATION / 4]);
	EXPECT_EQ(~0x12345678U, edu.liveness);
	EXPECT_EQ(720U, edu.registers[FACTORIAL / 4]);
	EXPECT_EQ(0x89abcdefU, edu.registers[DMA_SOURCE / 4]);
	EXPECT_EQ(pci.last, edu.last);
	EXPECT_EQ(BAR_SIZE, edu.region[0].size);
	for (i = 0; i < 64; i++)
		EXPECT_EQ(pci.registers[i], edu.registers[i]) {
			TH_LOG("register 0x%x", i * 4);
		}
	EXPECT_EQ(0, memcmp(pci.config, edu.config, sizeof(pci.config)));

	/* Only the trapped BAR says which of its pages can be mapped. */
	pci.region[0].flags |= VFIO_REGION_INFO_FLAG_CAPS;
	EXPECT_EQ(0, memcmp(pci.region, edu.region, sizeof(pci.region)));
}

TEST_F_TIMEOUT(edu, only_the_trapped_page_is_not_mapped, TEST_SECONDS)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	char buf[VFIO_INFO_LEN];
	struct vfio_region_info *info = (void *)buf;
	void *map;

	ASSERT_OPEN(self);
	ASSERT_EQ(0, vfio_region_info(&self->user, 0, info));
	sparse = (const void *)vfio_region_cap(info,
					       VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	ASSERT_NE(NULL, sparse);
	ASSERT_EQ(1U, sparse->nr_areas);
	EXPECT_EQ(PAGE, sparse->areas[0].offset);
	EXPECT_EQ(BAR_SIZE - PAGE, sparse->areas[0].size);

	EXPECT_EQ(-EINVAL, vfio_mmap(&self->user, 0, 0, PAGE, &map));
	EXPECT_EQ(-EINVAL, vfio_mmap(&self->user, 0, 0, BAR_SIZE, &map));
	ASSERT_EQ(0, vfio_mmap(&self->user, 0, PAGE, BAR_SIZE - PAGE, &map));
	EXPECT_EQ(get32(&self->user, PAGE), *(volatile uint32_t *)map);
	EXPECT_EQ(0, munmap(map, BAR_SIZE - PAGE));
	EXPECT_EQ(0, close_type(&self->user, self->uuid));
}

TEST_F_TIMEOUT(edu, unload, TEST_SECONDS)
{
	ASSERT_EQ(0, mdev_create(self->bdf, TYPE, self->uuid));
	EXPECT_EQ(-EAGAIN, unload_module(MODULE));
	ASSERT_EQ(0, vfio_open_group(&self->user, self->bdf, self->uuid));
	EXPECT_EQ(-EAGAIN, unload_module(MODULE));
	ASSERT_EQ(0, close_type(&self->user, self->uuid));

	/* Bound, but without an mdev: the type goes, the function stays. */
	ASSERT_EQ(0, unload_module(MODULE));
	EXPECT_EQ(-ENOENT, mdev_available(self->bdf, TYPE));
	EXPECT_EQ(1, mdev_available(self->bdf, "pt-pci"));

	ASSERT_EQ(0, system("modprobe " MODULE));
	EXPECT_EQ(1, mdev_available(self->bdf, TYPE));
}

TEST_HARNESS_MAIN
