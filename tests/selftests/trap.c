// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traps and regions of a vendor, with pt-test-trap of tests/modules/. Lab device:
 * edu.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../modules/pt_test.h"
#include "edu.h"

#define BAR0	VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define LOG	VFIO_PCI_NUM_REGIONS
#define PAGE	(VFIO_PCI_NUM_REGIONS + 1)

FIXTURE(trap) {
	struct edu edu;
	struct vfio_user *user;
};

FIXTURE_SETUP(trap)
{
	int ret = edu_bind(&self->edu);

	if (ret == -ENODEV)
		SKIP(return, "no edu device here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, edu_create_and_open(&self->edu, "pt-test-trap"));
	self->user = &self->edu.user;
}

FIXTURE_TEARDOWN(trap)
{
	EXPECT_EQ(0, edu_unbind(&self->edu));
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

TEST_F_TIMEOUT(trap, registers_keep_their_width, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, unaligned_access_is_cut_naturally, EDU_SECONDS)
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
TEST_F_TIMEOUT(trap, straddling_write_is_split, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, straddling_read_is_split, EDU_SECONDS)
{
	uint32_t words[4], hardware;

	/* 0: identification, 4: liveness, 8: ours */
	ASSERT_EQ(16, vfio_read(self->user, BAR0, 0, words, 16));
	ASSERT_EQ(4, vfio_read(self->user, BAR0, 0, &hardware, 4));
	EXPECT_EQ(0x010000ed, hardware);
	EXPECT_EQ(hardware, words[0]);
	EXPECT_EQ(0x0b0a0908, words[2]);
}

TEST_F_TIMEOUT(trap, border_of_two_pages, EDU_SECONDS)
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
TEST_F_TIMEOUT(trap, seen_and_passed_on, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, config_space, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, out_of_range_as_without, EDU_SECONDS)
{
	unsigned char bytes[16];

	EXPECT_EQ(-EINVAL, vfio_read(self->user, BAR0, 1 << 20, bytes, 4));
	EXPECT_EQ(4, vfio_read(self->user, BAR0, (1 << 20) - 4, bytes, 16));
	EXPECT_EQ(-EFAULT, vfio_read(self->user, CONFIG, 256, bytes, 4));
	EXPECT_EQ(-EFAULT, vfio_read(self->user, CONFIG, 252, bytes, 8));
	EXPECT_EQ(0, vfio_read(self->user, BAR0, PT_TEST_REGISTER, bytes, 0));
}

TEST_F_TIMEOUT(trap, bad_user_memory, EDU_SECONDS)
{
	EXPECT_EQ(-EFAULT, vfio_read(self->user, BAR0, PT_TEST_REGISTER,
				     (void *)8, 4));
	EXPECT_EQ(-EFAULT, vfio_write(self->user, BAR0, PT_TEST_REGISTER,
				      (void *)8, 4));
	EXPECT_EQ(-EFAULT, vfio_read(self->user, LOG, 0, (void *)8, 4));
}

TEST_F_TIMEOUT(trap, failure_in_the_middle, EDU_SECONDS)
{
	uint32_t words[3] = {};

	ASSERT_EQ(0, vendor_fail("trap_write"));
	EXPECT_EQ(-EDOM, vfio_write(self->user, BAR0, 4, words, 12));
	EXPECT_EQ(-EDOM, vfio_write(self->user, BAR0, 8, words, 4));
	ASSERT_EQ(0, vendor_fail("trap_read"));
	EXPECT_EQ(-EDOM, vfio_read(self->user, BAR0, 8, words, 4));
}

TEST_F_TIMEOUT(trap, memory_switched_off, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, only_the_other_pages_map, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, region_info_of_any_size, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, no_ioeventfd_around_it, EDU_SECONDS)
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

TEST_F_TIMEOUT(trap, regions_of_the_vendor, EDU_SECONDS)
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

	ASSERT_EQ(0, vendor_fail("region_read"));
	EXPECT_EQ(-EDOM, vfio_read(self->user, LOG, 0, bytes, 8));
}

TEST_F_TIMEOUT(trap, all_over_again_after_close, EDU_SECONDS)
{
	struct edu *edu = &self->edu;
	struct vfio_device_info device = { .argsz = sizeof(device) };
	int i;

	for (i = 0; i < 20; i++) {
		vfio_close(&edu->user);
		ASSERT_EQ(0, edu_open(edu));
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

TEST_F_TIMEOUT(trap, many_threads, EDU_SECONDS)
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

TEST_HARNESS_MAIN
