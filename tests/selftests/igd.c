// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel graphics: what pt-igd shows is what vfio-pci shows, for each kind of
 * OpRegion; and one that lies does no harm
 *
 * Lab: --model igd, and --model 'igd --no-opregion' for the test without. Tests
 * that lack their device are skipped.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "function.h"
#include "health.h"
#include "igd/machine.h"
#include "igd/view.h"
#include "kmsg.h"

/* A debug kernel in a busy lab is an order of magnitude slower. */
#define TEST_SECONDS	240
#define KB		1024
#define NOT_THE_FIRMWARES "is in memory that is not the firmware's: update"
#define ADVICE		"update the firmware, or use type pt-pci"

static const struct snapshot_exception no_exceptions[] = { {} };

static const char host_bridge[] = "0000:00:00.0";
static const char lpc_bridge[] = "0000:00:1f.0";

struct igd {
	struct machine machine;
	struct vfio_user user;
	char uuid[UUID_LEN];
	int kmsg;
};

static int pci_exists(const char *bdf)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	return sysfs_exists(path);
}

/* OpRegion and bridges; an earlier run may have taken the LPC bridge. */
static unsigned int all_regions(void)
{
	return OPREGION + 2 + !!pci_exists(lpc_bridge);
}

/* Ends an earlier offer. */
static int withdraw(struct igd *igd)
{
	vfio_close(&igd->user);
	if (igd->uuid[0] && mdev_exists(igd->uuid))
		mdev_remove(igd->uuid);
	igd->uuid[0] = '\0';
	return pci_bind(igd->machine.bdf, NULL);
}

static int offer(struct igd *igd, const char *driver)
{
	int ret = pci_bind(igd->machine.bdf, driver);

	if (ret || strcmp(driver, "pt"))
		return ret;
	uuid_make(igd->uuid);
	return mdev_create(igd->machine.bdf, "pt-igd", igd->uuid);
}

static int open_device(struct igd *igd)
{
	return vfio_open_group(&igd->user, igd->machine.bdf, igd->machine.bdf);
}

/* From the firmware to what the user sees */
static int see(struct igd *igd, const struct opregion *o, const char *driver,
	       struct snapshot *s)
{
	uint32_t before = 0, after = 0;
	int ret;

	ret = withdraw(igd);
	if (!ret)
		ret = machine_firmware(&igd->machine, o);
	if (!ret)
		ret = machine_asls(&igd->machine, &before);
	if (!ret)
		ret = offer(igd, driver);
	if (ret)
		return ret;

	ret = open_device(igd);
	record(s, ret, "open");
	if (!ret) {
		view_regions(s, &igd->user);
		view_config(s, &igd->user);
	}
	ret = machine_asls(&igd->machine, &after);
	/* Without an OpRegion vfio-pci lets the user write there. */
	if (!o->absent)
		record(s, before == after, "ASLS is as firmware left it");
	return ret ? ret : withdraw(igd);
}

/* The number of differences, or -errno */
static int compare(struct igd *igd, const struct opregion *o, const char *name)
{
	struct snapshot vfio_pci, pt;
	int ret;

	snapshot_init(&vfio_pci, "vfio-pci");
	snapshot_init(&pt, "pt");
	ret = see(igd, o, "vfio-pci", &vfio_pci);
	if (!ret)
		ret = see(igd, o, "pt", &pt);
	if (!ret)
		ret = snapshot_compare(&vfio_pci, &pt, name, no_exceptions);
	snapshot_free(&vfio_pci);
	snapshot_free(&pt);
	return ret;
}

/* Returns what machine_find() returns. */
static int igd_init(struct igd *igd, int with_bar5)
{
	memset(igd, 0, sizeof(*igd));
	igd->user = (struct vfio_user){ -1, -1, -1, -1, 0, 0 };
	igd->kmsg = kmsg_open();
	return machine_find(&igd->machine, with_bar5);
}

static void igd_exit(struct igd *igd)
{
	if (igd->machine.bdf[0])
		withdraw(igd);
	close(igd->kmsg);
}

/*
 * Everything that vfio-pci does right
 */

FIXTURE(same) {
	struct igd igd;
};

/*
 * @size: of the region, 0 if the open is refused
 * @asls: what the user finds in ASLS, from the start of BAR5 on
 */
FIXTURE_VARIANT(same) {
	struct opregion opregion;
	uint32_t size;
	uint32_t asls;
};

FIXTURE_VARIANT_ADD(same, version_1_0) {
	.opregion = { .kilobytes = 8, .version = 0x0100 },
	.size = 8 * KB,
};

/* Before 2.0 these fields mean nothing, but RVDA reads 0. */
FIXTURE_VARIANT_ADD(same, version_1_0_with_rvda) {
	.opregion = { .kilobytes = 8, .version = 0x01ff, .rvda = 0x2000,
		      .rvds = 0x1000 },
	.size = 8 * KB,
};

FIXTURE_VARIANT_ADD(same, version_2_0) {
	.opregion = { .kilobytes = 8, .version = 0x0200 },
	.size = 8 * KB,
};

FIXTURE_VARIANT_ADD(same, version_2_0_vbt) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvda = 0x6000,
		      .rvda_in_bar5 = 1, .rvds = 0x1c00 },
	.size = 8 * KB + 0x1c00,
	.asls = 0x6000,
};

FIXTURE_VARIANT_ADD(same, version_2_0_vbt_before_it) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .place = 0x8000,
		      .rvda = 0x1003, .rvda_in_bar5 = 1, .rvds = 0x1235 },
	.size = 8 * KB + 0x1235,
	.asls = 0x1003,
};

FIXTURE_VARIANT_ADD(same, version_2_1) {
	.opregion = { .kilobytes = 8, .version = 0x0201 },
	.size = 8 * KB,
};

FIXTURE_VARIANT_ADD(same, version_2_1_vbt) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .rvda = 0x2000,
		      .rvds = 0x2200 },
	.size = 8 * KB + 0x2200,
	.asls = 0x2000,
};

FIXTURE_VARIANT_ADD(same, version_2_1_vbt_apart) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .place = 0x1000,
		      .rvda = 0x5002, .rvds = 0xffff },
	.size = 8 * KB + 0xffff,
	.asls = 0x6002,
};

FIXTURE_VARIANT_ADD(same, version_2_1_vbt_of_one_byte) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .rvda = 0x4000,
		      .rvds = 1 },
	.size = 8 * KB + 1,
	.asls = 0x4000,
};

FIXTURE_VARIANT_ADD(same, version_2_1_vbt_in_mailbox) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .rvda = 0x400,
		      .rvds = 0x1800 },
	.size = 8 * KB + 0x1800,
	.asls = 0x400,
};

FIXTURE_VARIANT_ADD(same, version_3_2_vbt) {
	.opregion = { .kilobytes = 8, .version = 0x0302, .rvda = 0x2000,
		      .rvds = 0x1801 },
	.size = 8 * KB + 0x1801,
	.asls = 0x2000,
};

FIXTURE_VARIANT_ADD(same, rvda_without_rvds) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .rvda = 0x2000 },
	.size = 8 * KB,
};

FIXTURE_VARIANT_ADD(same, rvds_without_rvda) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvds = 0x2000 },
	.size = 8 * KB,
};

FIXTURE_VARIANT_ADD(same, unaligned) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .place = 0x7ff5,
		      .rvda = 0x2001, .rvds = 0x1001 },
	.size = 8 * KB + 0x1001,
	.asls = 0x7ff5 + 0x2001,
};

FIXTURE_VARIANT_ADD(same, size_too_small) {
	.opregion = { .kilobytes = 3, .version = 0x0201 },
	.size = 3 * KB,
};

/* The user sees the VBT's beginning only. */
FIXTURE_VARIANT_ADD(same, size_too_small_vbt) {
	.opregion = { .kilobytes = 1, .version = 0x0201, .rvda = 0x3000,
		      .rvds = 0x2000 },
	.size = KB + 0x2000,
	.asls = 0x3000,
};

FIXTURE_VARIANT_ADD(same, no_size) {
	.opregion = { .version = 0x0201, .rvda = 0x3000, .rvds = 0x2000 },
};

FIXTURE_VARIANT_ADD(same, bad_signature) {
	.opregion = { .kilobytes = 8, .version = 0x0201,
		      .signature_is_bad = 1 },
};

FIXTURE_SETUP(same)
{
	if (igd_init(&self->igd, 1))
		SKIP(return, "no Intel graphics with memory for an OpRegion");
	ASSERT_EQ(0, function_load_drivers());
}

FIXTURE_TEARDOWN(same)
{
	igd_exit(&self->igd);
}

TEST_F_TIMEOUT(same, as_vfio_pci, TEST_SECONDS)
{
	EXPECT_EQ(0, compare(&self->igd, &variant->opregion, _metadata->name));
	EXPECT_EQ(0, health_complaints(self->igd.kmsg));
}

/* The comparison would not tell if both were wrong. */
TEST_F_TIMEOUT(same, as_it_should_be, TEST_SECONDS)
{
	struct igd *igd = &self->igd;
	uint32_t asls = 0;
	int ret;

	ASSERT_EQ(0, machine_firmware(&igd->machine, &variant->opregion));
	ASSERT_EQ(0, offer(igd, "pt"));
	ret = open_device(igd);
	if (!variant->size) {
		EXPECT_EQ(-EINVAL, ret);
		EXPECT_TRUE(kmsg_has(igd->kmsg, igd->machine.bdf, ADVICE, 1000));
		return;
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(all_regions(), view_region_count(&igd->user));
	EXPECT_EQ(variant->size, view_region(&igd->user, OPREGION).size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ,
		  view_region(&igd->user, OPREGION).flags & 7);
	ASSERT_EQ(4, vfio_read(&igd->user, CONFIG, ASLS, &asls, 4));
	EXPECT_EQ(igd->machine.bar5 + (variant->asls ? : variant->opregion.place),
		  asls);
}

/*
 * The contents of one OpRegion in particular, and its life
 */

FIXTURE(igd) {
	struct igd igd;
};

FIXTURE_SETUP(igd)
{
	static const struct opregion o = {
		.kilobytes = 8, .version = 0x0200, .rvda = 0x6000,
		.rvda_in_bar5 = 1, .rvds = 0x2345,
	};

	if (igd_init(&self->igd, 1))
		SKIP(return, "no Intel graphics with memory for an OpRegion");
	ASSERT_EQ(0, function_load_drivers());
	ASSERT_EQ(0, machine_firmware(&self->igd.machine, &o));
}

FIXTURE_TEARDOWN(igd)
{
	igd_exit(&self->igd);
}

/* Which of the bytes of the region is not as the pattern, but for the header */
static long first_wrong(const uint8_t *region, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (i < 0x18 || (i >= 0x3ba && i < 0x3c6))
			continue;
		if (region[i] != machine_pattern(i < OPREGION_SIZE ? i :
						 i - OPREGION_SIZE + 0x6000))
			return i;
	}
	return -1;
}

TEST_F_TIMEOUT(igd, vbt_is_behind_the_mailboxes, TEST_SECONDS)
{
	struct vfio_user *u = &self->igd.user;
	static uint8_t region[OPREGION_SIZE + 0x2345];
	uint16_t version;
	uint64_t rvda;
	uint32_t rvds;

	ASSERT_EQ(0, offer(&self->igd, "pt"));
	ASSERT_EQ(0, open_device(&self->igd));
	ASSERT_EQ(sizeof(region), vfio_read(u, OPREGION, 0, region, sizeof(region)));
	EXPECT_EQ(0, memcmp(region, "IntelGraphicsMem", 16));
	memcpy(&version, region + 0x16, 2);
	memcpy(&rvda, region + 0x3ba, 8);
	memcpy(&rvds, region + 0x3c2, 4);
	EXPECT_EQ(0x0201, version);
	EXPECT_EQ(OPREGION_SIZE, rvda);
	EXPECT_EQ(0x2345, rvds);
	EXPECT_EQ(-1, first_wrong(region, sizeof(region)));
}

/* An address above 4 GB is not the one that its lower half would be. */
TEST_F_TIMEOUT(igd, rvda_has_64_bits, TEST_SECONDS)
{
	const struct opregion o = {
		.kilobytes = 8, .version = 0x0200, .rvda_in_bar5 = 1,
		.rvda = 0x2000000000ULL + 0x6000, .rvds = 0x1000,
	};
	uint8_t vbt[16], pattern[16];
	size_t i;

	ASSERT_EQ(0, machine_firmware(&self->igd.machine, &o));
	ASSERT_EQ(0, offer(&self->igd, "pt"));
	ASSERT_EQ(0, open_device(&self->igd));
	ASSERT_EQ(sizeof(vbt), vfio_read(&self->igd.user, OPREGION,
					 OPREGION_SIZE, vbt, sizeof(vbt)));
	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = machine_pattern(0x6000 + i);
	EXPECT_NE(0, memcmp(vbt, pattern, sizeof(vbt)));
}

/* What is written to the memory shows: nothing was copied at open. */
TEST_F_TIMEOUT(igd, memory_is_read_as_it_is_now, TEST_SECONDS)
{
	struct vfio_user *u = &self->igd.user;
	uint8_t byte = 0;
	void *bar5;

	ASSERT_EQ(0, offer(&self->igd, "pt"));
	ASSERT_EQ(0, open_device(&self->igd));
	ASSERT_EQ(0, vfio_bus_master(u, true));
	ASSERT_EQ(0, vfio_mmap(u, VFIO_PCI_BAR5_REGION_INDEX, 0,
			       self->igd.machine.bar5_size, &bar5));
	*(volatile uint8_t *)(bar5 + 0x1abc) ^= 0xff;
	*(volatile uint8_t *)(bar5 + 0x6321) ^= 0xff;
	ASSERT_EQ(1, vfio_read(u, OPREGION, 0x1abc, &byte, 1));
	EXPECT_EQ((uint8_t)~machine_pattern(0x1abc), byte);
	ASSERT_EQ(1, vfio_read(u, OPREGION, OPREGION_SIZE + 0x321, &byte, 1));
	EXPECT_EQ((uint8_t)~machine_pattern(0x6321), byte);
	munmap(bar5, self->igd.machine.bar5_size);
}

/* ASLS is the user's own until the device is closed, and never the hardware's. */
TEST_F_TIMEOUT(igd, asls_ends_with_the_user, TEST_SECONDS)
{
	uint32_t value = 0x12345678, first = 0, hardware = 0;
	struct igd *igd = &self->igd;
	struct vfio_user *u = &igd->user;

	ASSERT_EQ(0, offer(igd, "pt"));
	ASSERT_EQ(0, open_device(igd));
	ASSERT_EQ(4, vfio_read(u, CONFIG, ASLS, &first, 4));
	ASSERT_EQ(4, vfio_write(u, CONFIG, ASLS, &value, 4));
	value = 0;
	ASSERT_EQ(4, vfio_read(u, CONFIG, ASLS, &value, 4));
	EXPECT_EQ(0x12345678, value);
	ASSERT_EQ(0, machine_asls(&igd->machine, &hardware));
	EXPECT_EQ(igd->machine.bar5, hardware);

	vfio_close(u);
	ASSERT_EQ(0, open_device(igd));
	ASSERT_EQ(4, vfio_read(u, CONFIG, ASLS, &value, 4));
	EXPECT_EQ(first, value);
}

/* How many mappings of firmware's memory the kernel has */
static int mappings(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, "memremap");
	if (f)
		fclose(f);
	return f ? n : -1;
}

/* Each open maps, and each close unmaps. */
TEST_F_TIMEOUT(igd, opens_again_and_again, TEST_SECONDS)
{
	int i, before = mappings();

	ASSERT_EQ(0, offer(&self->igd, "pt"));
	ASSERT_EQ(0, open_device(&self->igd));
	EXPECT_EQ(before + 2, mappings());
	vfio_close(&self->igd.user);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, open_device(&self->igd));
		ASSERT_EQ(all_regions(), view_region_count(&self->igd.user));
		vfio_close(&self->igd.user);
	}
	EXPECT_EQ(before, mappings());
	EXPECT_EQ(0, health_complaints(self->igd.kmsg));
}

static int start_from_nothing(const char *bdf)
{
	int ret = pci_bind(bdf, NULL);

	if (!ret && sysfs_exists("/sys/module/mdev_pt_igd"))
		ret = system("rmmod mdev_pt_igd") ? -EBUSY : 0;
	return ret;
}

TEST_F_TIMEOUT(igd, binding_loads_the_vendor, TEST_SECONDS)
{
	const char *bdf = self->igd.machine.bdf;
	char name[64] = "";

	ASSERT_EQ(0, start_from_nothing(bdf));
	ASSERT_FALSE(sysfs_exists("/sys/module/mdev_pt_igd"));
	ASSERT_EQ(0, pci_bind(bdf, "pt"));
	EXPECT_TRUE(sysfs_exists("/sys/module/mdev_pt_igd"));
	EXPECT_EQ(1, mdev_available(bdf, "pt-igd"));
	EXPECT_EQ(1, mdev_available(bdf, "pt-pci"));
	EXPECT_LT(0, pci_attr_read(bdf, "mdev_supported_types/pt-igd/name", name,
				   sizeof(name)));
	EXPECT_STREQ("Intel integrated graphics", name);
}

/* A bound function does not hold the module, an mdev does. */
TEST_F_TIMEOUT(igd, vendor_stays_below_an_mdev, TEST_SECONDS)
{
	ASSERT_EQ(0, offer(&self->igd, "pt"));
	EXPECT_NE(0, system("rmmod mdev_pt_igd 2>/dev/null"));
	ASSERT_EQ(0, mdev_remove(self->igd.uuid));
	EXPECT_EQ(0, system("rmmod mdev_pt_igd"));
	EXPECT_GT(0, mdev_available(self->igd.machine.bdf, "pt-igd"));
}

/* pt-pci is the function and no more. */
TEST_F_TIMEOUT(igd, pt_pci_has_no_regions, TEST_SECONDS)
{
	struct igd *igd = &self->igd;

	ASSERT_EQ(0, pci_bind(igd->machine.bdf, "pt"));
	uuid_make(igd->uuid);
	ASSERT_EQ(0, mdev_create(igd->machine.bdf, "pt-pci", igd->uuid));
	ASSERT_EQ(0, open_device(igd));
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, view_region_count(&igd->user));
}

/*
 * What vfio-pci does wrong: only pt-igd is shown these
 */

FIXTURE(hostile) {
	struct igd igd;
};

/* @size: of the region, 0 if the open is refused; @message: what is logged */
FIXTURE_VARIANT(hostile) {
	struct opregion opregion;
	size_t size;
	const char *message;
};

FIXTURE_VARIANT_ADD(hostile, size_of_9_kb) {
	.opregion = { .kilobytes = 9, .version = 0x0201 },
	.size = 8 * KB,
	.message = "OpRegion claims",
};

FIXTURE_VARIANT_ADD(hostile, size_of_9_kb_vbt) {
	.opregion = { .kilobytes = 9, .version = 0x0201, .rvda = 0x3000,
		      .rvds = 0x1000 },
	.size = 8 * KB + 0x1000,
	.message = "OpRegion claims",
};

FIXTURE_VARIANT_ADD(hostile, size_of_all_ones) {
	.opregion = { .kilobytes = ~0U, .version = 0x0100 },
	.size = 8 * KB,
	.message = "OpRegion claims",
};

/* 4 GB, which is 0 in 32 bits */
FIXTURE_VARIANT_ADD(hostile, size_that_wraps) {
	.opregion = { .kilobytes = 1 << 22, .version = 0x0200, .rvda = 0x3000,
		      .rvda_in_bar5 = 1, .rvds = 0x1000 },
	.size = 8 * KB + 0x1000,
	.message = "OpRegion claims",
};

FIXTURE_VARIANT_ADD(hostile, size_that_wraps_to_1_kb) {
	.opregion = { .kilobytes = (1 << 22) + 1, .version = 0x0100 },
	.size = 8 * KB,
	.message = "OpRegion claims",
};

FIXTURE_VARIANT_ADD(hostile, rvds_of_all_ones) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .rvda = 0x2000,
		      .rvds = ~0U },
};

/* Sizes of mailboxes and VBT add up to 4 GB. */
FIXTURE_VARIANT_ADD(hostile, rvds_that_wraps) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .rvda = 0x2000,
		      .rvds = -8 * KB },
};

FIXTURE_VARIANT_ADD(hostile, rvds_beyond_any_vbt) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvda = 0x6000,
		      .rvda_in_bar5 = 1, .rvds = 0x100001 },
};

/* Back to before the OpRegion */
FIXTURE_VARIANT_ADD(hostile, rvda_that_wraps) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .place = 0x8000,
		      .rvda = -0x1000ULL, .rvds = 0x1000 },
};

FIXTURE_VARIANT_ADD(hostile, rvda_of_all_ones) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvda = ~0ULL,
		      .rvds = 1 },
};

FIXTURE_VARIANT_ADD(hostile, rvda_to_the_last_byte) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvda = ~0ULL,
		      .rvds = 2 },
};

/* No processor has 60 address bits. */
FIXTURE_VARIANT_ADD(hostile, rvda_beyond_memory) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvda = 1ULL << 60,
		      .rvds = 0x1000 },
};

FIXTURE_VARIANT_ADD(hostile, rvda_beyond_memory_relative) {
	.opregion = { .kilobytes = 8, .version = 0x0201, .rvda = 1ULL << 60,
		      .rvds = 0x1000 },
};

/* All memory of the kernel's below 4 GB begins there. */
FIXTURE_VARIANT_ADD(hostile, rvda_in_low_memory) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvda = 0x100000,
		      .rvds = 0x1000 },
	.message = NOT_THE_FIRMWARES,
};

/* Half of it is where the kernel's memory begins. */
FIXTURE_VARIANT_ADD(hostile, rvda_half_in_memory) {
	.opregion = { .kilobytes = 8, .version = 0x0200, .rvda = 0xff000,
		      .rvds = 0x2000 },
	.message = NOT_THE_FIRMWARES,
};

/* Nothing is there. */
FIXTURE_VARIANT_ADD(hostile, rvda_above_4_gb) {
	.opregion = { .kilobytes = 8, .version = 0x0200,
		      .rvda = 0x2000000000ULL + 0x6000, .rvda_in_bar5 = 1,
		      .rvds = 0x1000 },
	.size = 8 * KB + 0x1000,
};

FIXTURE_VARIANT_ADD(hostile, asls_in_low_memory) {
	.opregion = { .absent = 1, .asls = 0x100000 },
	.message = NOT_THE_FIRMWARES,
};

FIXTURE_VARIANT_ADD(hostile, asls_at_the_end) {
	.opregion = { .absent = 1, .asls = 0xfffffff0 },
};

FIXTURE_SETUP(hostile)
{
	if (igd_init(&self->igd, 1))
		SKIP(return, "no Intel graphics with memory for an OpRegion");
	ASSERT_EQ(0, function_load_drivers());
}

FIXTURE_TEARDOWN(hostile)
{
	igd_exit(&self->igd);
}

/* The region is as long as it says, and no longer. */
TEST_F_TIMEOUT(hostile, does_no_harm, TEST_SECONDS)
{
	struct igd *igd = &self->igd;
	uint8_t buf[OPREGION_SIZE + 0x3000];
	int ret, before = mappings();
	struct snapshot s;

	ASSERT_EQ(0, machine_firmware(&igd->machine, &variant->opregion));
	ASSERT_EQ(0, offer(igd, "pt"));
	ret = open_device(igd);
	if (!variant->size) {
		EXPECT_EQ(-EINVAL, ret);
	} else {
		ASSERT_EQ(0, ret);
		EXPECT_EQ(variant->size, view_region(&igd->user, OPREGION).size);
		EXPECT_EQ(variant->size, vfio_read(&igd->user, OPREGION, 0, buf,
						   sizeof(buf)));
		EXPECT_EQ(-EINVAL, vfio_read(&igd->user, OPREGION,
					     variant->size, buf, 1));
		snapshot_init(&s, "pt");
		view_regions(&s, &igd->user);
		view_config(&s, &igd->user);
		snapshot_free(&s);
	}
	vfio_close(&igd->user);
	EXPECT_EQ(before, mappings());
	EXPECT_EQ(0, health_complaints(igd->kmsg));
}

/* Who refuses says what to do. */
TEST_F_TIMEOUT(hostile, is_explained, TEST_SECONDS)
{
	struct igd *igd = &self->igd;

	ASSERT_EQ(0, machine_firmware(&igd->machine, &variant->opregion));
	ASSERT_EQ(0, offer(igd, "pt"));
	if (variant->size && !variant->message)
		return;
	open_device(igd);
	EXPECT_TRUE(kmsg_has(igd->kmsg, igd->machine.bdf,
			     variant->message ? : ADVICE, 1000));
}

/*
 * A VBT in memory that is in use. Who had the function before, with a type that
 * lets ASLS through, may have left an OpRegion of their own making: no way to
 * the host's memory.
 */

FIXTURE(forged) {
	struct igd igd;
	uint8_t *page;
	uint64_t address;
};

FIXTURE_SETUP(forged)
{
	if (igd_init(&self->igd, 1))
		SKIP(return, "no Intel graphics with memory for an OpRegion");
	ASSERT_EQ(0, function_load_drivers());
	ASSERT_EQ(0, machine_own_page(&self->page, &self->address));
}

FIXTURE_TEARDOWN(forged)
{
	igd_exit(&self->igd);
}

TEST_F_TIMEOUT(forged, vbt, TEST_SECONDS)
{
	const struct opregion o = {
		.kilobytes = 8, .version = 0x0200, .rvda = self->address,
		.rvds = 4096,
	};

	ASSERT_EQ(0, machine_firmware(&self->igd.machine, &o));
	ASSERT_EQ(0, offer(&self->igd, "pt"));
	EXPECT_EQ(-EINVAL, open_device(&self->igd));
	EXPECT_TRUE(kmsg_has(self->igd.kmsg, self->igd.machine.bdf,
			     NOT_THE_FIRMWARES, 1000));
}

TEST_F_TIMEOUT(forged, vbt_relative, TEST_SECONDS)
{
	struct opregion o = {
		.kilobytes = 8, .version = 0x0201, .rvds = 4096,
	};

	/* Below BAR5 the sum overflows, which is refused as well. */
	o.rvda = self->address - self->igd.machine.bar5;
	ASSERT_EQ(0, machine_firmware(&self->igd.machine, &o));
	ASSERT_EQ(0, offer(&self->igd, "pt"));
	EXPECT_EQ(-EINVAL, open_device(&self->igd));
}

/*
 * Without a part. Comes last, for the LPC bridge does not come back: the kernel
 * warns when it maps the memory of an ISA bridge a second time.
 */

FIXTURE(without) {
	struct igd igd;
};

/* @bridge: to remove; @regions: how many are left */
FIXTURE_VARIANT(without) {
	struct opregion opregion;
	int with_bar5;
	const char *bridge;
	unsigned int regions;
};

FIXTURE_VARIANT_ADD(without, opregion) {
	.opregion = { .absent = 1 },
};

FIXTURE_VARIANT_ADD(without, opregion_all_ones) {
	.opregion = { .absent = 1, .asls = ~0U },
	.with_bar5 = 1,
};

FIXTURE_VARIANT_ADD(without, host_bridge) {
	.opregion = { .kilobytes = 8, .version = 0x0201 },
	.with_bar5 = 1,
	.bridge = host_bridge,
	.regions = 1,
};

FIXTURE_VARIANT_ADD(without, lpc_bridge) {
	.opregion = { .kilobytes = 8, .version = 0x0201 },
	.with_bar5 = 1,
	.bridge = lpc_bridge,
	.regions = 2,
};

FIXTURE_SETUP(without)
{
	if (igd_init(&self->igd, variant->with_bar5))
		SKIP(return, "no Intel graphics like that");
	ASSERT_EQ(0, function_load_drivers());
	if (variant->bridge == host_bridge && !pci_exists(lpc_bridge))
		SKIP(return, "without the LPC bridge, it can't be brought back alone");
	if (variant->bridge && pci_exists(variant->bridge))
		ASSERT_EQ(0, pci_attr_write(variant->bridge, "remove", "1"));
}

FIXTURE_TEARDOWN(without)
{
	igd_exit(&self->igd);
	if (variant->bridge == host_bridge && pci_exists(lpc_bridge))
		EXPECT_EQ(0, pci_attr_write(lpc_bridge, "rescan", "1"));
}

TEST_F_TIMEOUT(without, as_vfio_pci, TEST_SECONDS)
{
	EXPECT_EQ(0, compare(&self->igd, &variant->opregion, _metadata->name));
	EXPECT_EQ(0, health_complaints(self->igd.kmsg));
}

TEST_F_TIMEOUT(without, as_it_should_be, TEST_SECONDS)
{
	struct igd *igd = &self->igd;
	uint32_t value = 0x1badb002, before, after;

	ASSERT_EQ(0, machine_firmware(&igd->machine, &variant->opregion));
	ASSERT_EQ(0, machine_asls(&igd->machine, &before));
	ASSERT_EQ(0, offer(igd, "pt"));
	ASSERT_EQ(0, open_device(igd));
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS + variant->regions,
		  view_region_count(&igd->user));
	/* Not even then the user says where an OpRegion is. */
	EXPECT_EQ(4, vfio_write(&igd->user, CONFIG, ASLS, &value, 4));
	ASSERT_EQ(0, machine_asls(&igd->machine, &after));
	EXPECT_EQ(before, after);
}

TEST_HARNESS_MAIN
