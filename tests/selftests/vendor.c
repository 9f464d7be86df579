// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vendors: types that come and go, references, routing, failures and races, with
 * the vendors of tests/modules/. Lab devices: edu, nvme.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../modules/pt_test.h"
#include "clock.h"
#include "edu.h"
#include "rounds.h"

#define BAR0	VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

FIXTURE(vendor) {
	struct edu edu;
};

FIXTURE_SETUP(vendor)
{
	int ret = edu_bind(&self->edu);

	if (ret == -ENODEV)
		SKIP(return, "no edu device here");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(vendor)
{
	EXPECT_EQ(0, edu_unbind(&self->edu));
}

/*
 * Types
 */

TEST_F_TIMEOUT(vendor, types_beside_the_default, EDU_SECONDS)
{
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-pci"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-null"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-trap"));

	/* One device, whatever the type */
	ASSERT_EQ(0, edu_create(&self->edu, "pt-test-null"));
	EXPECT_EQ(0, mdev_available(self->edu.bdf, "pt-pci"));
	EXPECT_EQ(0, mdev_available(self->edu.bdf, "pt-test-null"));
	EXPECT_EQ(0, mdev_available(self->edu.bdf, "pt-test-trap"));
	EXPECT_EQ(0, mdev_remove(self->edu.uuid));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-trap"));
}

TEST_F_TIMEOUT(vendor, comes_and_goes_while_bound, EDU_SECONDS)
{
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, module_unload("pt_test"));
		ASSERT_EQ(0, edu_has_type(&self->edu, "pt-test-null"));
		ASSERT_EQ(1, mdev_available(self->edu.bdf, "pt-pci"));
		ASSERT_EQ(0, module_load("pt_test"));
		ASSERT_EQ(1, mdev_available(self->edu.bdf, "pt-test-null"));
	}
}

TEST_F_TIMEOUT(vendor, two_modules_for_one_function, EDU_SECONDS)
{
	ASSERT_EQ(0, module_load("pt_test_other"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-other"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-null"));

	ASSERT_EQ(0, edu_create(&self->edu, "pt-test-other"));
	EXPECT_EQ(0, mdev_available(self->edu.bdf, "pt-test-null"));
	/* Who has no mdev goes at once; its types go when nobody is in the way. */
	EXPECT_EQ(-EBUSY, module_unload("pt_test_other"));
	EXPECT_EQ(0, module_unload("pt_test"));
	EXPECT_EQ(0, mdev_available(self->edu.bdf, "pt-test-null"));
	EXPECT_EQ(0, mdev_remove(self->edu.uuid));
	EXPECT_EQ(1, edu_type_appears(&self->edu, "pt-test-other"));
	EXPECT_EQ(0, module_unload("pt_test_other"));
	EXPECT_EQ(0, module_load("pt_test"));
}

TEST_F_TIMEOUT(vendor, loaded_while_an_mdev_exists, EDU_SECONDS)
{
	ASSERT_EQ(0, edu_create(&self->edu, "pt-test-null"));
	ASSERT_EQ(0, module_load("pt_test_other"));
	EXPECT_EQ(0, edu_has_type(&self->edu, "pt-test-other"));
	ASSERT_EQ(0, mdev_remove(self->edu.uuid));
	EXPECT_EQ(1, edu_type_appears(&self->edu, "pt-test-other"));
}

TEST_F_TIMEOUT(vendor, unloaded_type_makes_no_mdev, EDU_SECONDS)
{
	char other[UUID_LEN];

	uuid_make(other);
	ASSERT_EQ(0, module_load("pt_test_other"));
	ASSERT_EQ(0, edu_create(&self->edu, "pt-pci"));
	ASSERT_EQ(0, module_unload("pt_test_other"));
	/* The type is there until the mdev is gone. */
	ASSERT_EQ(1, edu_has_type(&self->edu, "pt-test-other"));
	EXPECT_EQ(-EUSERS, mdev_create(self->edu.bdf, "pt-test-other", other));
}

TEST_F_TIMEOUT(vendor, is_loaded_by_device_alias, EDU_SECONDS)
{
	ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
	ASSERT_EQ(0, vendor_alias(EDU_ALIAS, "pt_test_other"));
	ASSERT_EQ(0, pci_bind(self->edu.bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-other"));
}

TEST_F_TIMEOUT(vendor, is_loaded_by_class_alias, EDU_SECONDS)
{
	ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
	ASSERT_EQ(0, vendor_alias("mdev-pt:class-00ff*", "pt_test_other"));
	ASSERT_EQ(0, pci_bind(self->edu.bdf, "pt"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-other"));
}

/*
 * References
 */

/* (1), (2): the core stays while a vendor is registered. */
TEST_F_TIMEOUT(vendor, holds_the_core, EDU_SECONDS)
{
	int before;

	ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
	ASSERT_EQ(0, module_unload("mdev_pt"));
	EXPECT_EQ(-EBUSY, module_unload("mdev_pt_core"));
	/* By its symbols, and by its registration */
	before = module_references("mdev_pt_core");
	ASSERT_EQ(0, module_load("pt_test_other"));
	EXPECT_EQ(before + 2, module_references("mdev_pt_core"));
	ASSERT_EQ(0, module_unload("pt_test_other"));
	EXPECT_EQ(before, module_references("mdev_pt_core"));
	EXPECT_EQ(0, module_unload("pt_test"));
	EXPECT_EQ(0, module_unload("mdev_pt_core"));
	ASSERT_EQ(0, module_load("-a mdev_pt pt_test"));
}

/* (3): an mdev holds the vendor's module, a bound function does not. */
TEST_F_TIMEOUT(vendor, is_held_by_its_mdev, EDU_SECONDS)
{
	EXPECT_EQ(0, module_references("pt_test"));
	ASSERT_EQ(0, edu_create(&self->edu, "pt-test-count"));
	EXPECT_EQ(1, module_references("pt_test"));
	EXPECT_EQ(-EBUSY, module_unload("pt_test"));
	ASSERT_EQ(0, edu_open(&self->edu));
	EXPECT_EQ(-EBUSY, module_unload("pt_test"));
	vfio_close(&self->edu.user);
	ASSERT_EQ(0, mdev_remove(self->edu.uuid));
	EXPECT_EQ(0, module_references("pt_test"));
}

TEST_F_TIMEOUT(vendor, is_let_go_when_the_function_is_unbound, EDU_SECONDS)
{
	ASSERT_EQ(0, edu_create(&self->edu, "pt-test-count"));
	ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
	EXPECT_EQ(0, mdev_exists(self->edu.uuid));
	EXPECT_EQ(0, module_references("pt_test"));
}

TEST_F_TIMEOUT(vendor, every_probe_has_its_remove, EDU_SECONDS)
{
	vendor_clear_calls();
	ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
	EXPECT_EQ(4, vendor_calls("remove_fn"));
	ASSERT_EQ(0, pci_bind(self->edu.bdf, "pt"));
	EXPECT_EQ(4, vendor_calls("probe"));
}

/*
 * Routing
 */

TEST_F_TIMEOUT(vendor, each_op_is_called_and_passes_on, EDU_SECONDS)
{
	struct vfio_region_info *info = malloc(VFIO_INFO_LEN);
	struct vfio_irq_info irq;
	uint32_t id, out = 0x5a;
	void *addr;

	vendor_clear_calls();
	ASSERT_EQ(0, edu_create(&self->edu, "pt-test-count"));
	EXPECT_EQ(1, vendor_calls("create"));
	EXPECT_EQ(0, vendor_calls("open"));
	ASSERT_EQ(0, edu_open(&self->edu));
	EXPECT_EQ(1, vendor_calls("open"));

	ASSERT_EQ(4, vfio_read(&self->edu.user, CONFIG, 0, &id, 4));
	EXPECT_EQ(EDU_DEVICE << 16 | EDU_VENDOR, id);
	EXPECT_LT(0, vendor_calls("read"));
	ASSERT_EQ(4, vfio_write(&self->edu.user, BAR0, 4, &out, 4));
	EXPECT_LT(0, vendor_calls("write"));
	ASSERT_EQ(4, vfio_read(&self->edu.user, BAR0, 4, &id, 4));
	EXPECT_EQ(~out, id);

	ASSERT_EQ(0, vfio_region_info(&self->edu.user, BAR0, info));
	EXPECT_LT(0, vendor_calls("get_region_info"));
	EXPECT_EQ(1 << 20, info->size);
	free(info);

	ASSERT_EQ(0, vfio_mmap(&self->edu.user, BAR0, 0, 4096, &addr));
	EXPECT_EQ(1, vendor_calls("mmap"));
	EXPECT_EQ(~out, ((volatile uint32_t *)addr)[1]);
	munmap(addr, 4096);

	vendor_clear_calls();
	ASSERT_EQ(0, vfio_irq_info(&self->edu.user, VFIO_PCI_MSI_IRQ_INDEX, &irq));
	EXPECT_EQ(1, irq.count);
	EXPECT_EQ(1, vendor_calls("ioctl"));

	vfio_close(&self->edu.user);
	EXPECT_EQ(1, vendor_calls("close"));
	EXPECT_EQ(0, vendor_calls("remove"));
	ASSERT_EQ(0, mdev_remove(self->edu.uuid));
	EXPECT_EQ(1, vendor_calls("remove"));
}

TEST_F_TIMEOUT(vendor, each_access_can_be_taken_over, EDU_SECONDS)
{
	struct vfio_region_info *info = malloc(VFIO_INFO_LEN);
	unsigned char byte = 0;
	uint32_t value = 1;
	void *addr;

	ASSERT_EQ(0, edu_create_and_open(&self->edu, "pt-test-own"));
	EXPECT_EQ(1, vfio_read(&self->edu.user, CONFIG, 0, &byte, 1));
	EXPECT_EQ(PT_TEST_OWN_BYTE, byte);
	/* Not to the hardware */
	EXPECT_EQ(4, vfio_write(&self->edu.user, CONFIG, 4, &value, 4));
	EXPECT_EQ(4, vfio_write(&self->edu.user, BAR0, 4, &value, 4));
	EXPECT_EQ(PT_TEST_OWN_IOCTL,
		  ioctl(self->edu.user.device, VFIO_DEVICE_RESET));
	EXPECT_EQ(-ENOSPC, vfio_mmap(&self->edu.user, BAR0, 0, 4096, &addr));
	ASSERT_EQ(0, vfio_region_info(&self->edu.user, BAR0, info));
	EXPECT_EQ(PT_TEST_OWN_SIZE, info->size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ, info->flags);
	free(info);
}

/* edu can't be reset, but nvme can. */
TEST_F_TIMEOUT(vendor, is_told_of_a_reset, EDU_SECONDS)
{
	char nvme[BDF_LEN];

	if (pci_find(0x1b36, 0x0010, 0, nvme))
		SKIP(return, "no nvme device here");
	ASSERT_EQ(0, pci_bind(nvme, "pt"));
	ASSERT_EQ(0, mdev_create(nvme, "pt-test-count", self->edu.uuid));
	EXPECT_EQ(0, vfio_open_group(&self->edu.user, nvme, self->edu.uuid));
	vendor_clear_calls();
	EXPECT_EQ(0, vfio_reset(&self->edu.user));
	EXPECT_EQ(1, vendor_calls("reset_done"));
	vfio_close(&self->edu.user);
	vendor_clear_calls();
	EXPECT_EQ(0, pci_attr_write(nvme, "reset", "1"));
	EXPECT_EQ(1, vendor_calls("reset_done"));
	EXPECT_EQ(0, mdev_remove(self->edu.uuid));
	EXPECT_EQ(0, pci_bind(nvme, NULL));
}

static void take_pool(struct __test_metadata *_metadata, const char *pf,
		      struct edu *edu)
{
	ASSERT_EQ(0, pci_set_vfs(pf, 2));
	EXPECT_EQ(2, mdev_available(pf, "pt-test-count"));
	EXPECT_EQ(2, mdev_available(pf, "pt-pci"));

	ASSERT_EQ(0, mdev_create(pf, "pt-test-count", edu->uuid));
	EXPECT_EQ(1, mdev_available(pf, "pt-test-count"));
	EXPECT_EQ(1, mdev_available(pf, "pt-pci"));
	EXPECT_EQ(1, module_references("pt_test"));
	EXPECT_EQ(-EBUSY, pci_set_vfs(pf, 0));
	ASSERT_EQ(0, mdev_remove(edu->uuid));

	/* The VFs are asked, too, whenever a vendor comes. */
	ASSERT_EQ(0, module_unload("pt_test"));
	EXPECT_GT(0, mdev_available(pf, "pt-test-count"));
	EXPECT_EQ(2, mdev_available(pf, "pt-pci"));
	ASSERT_EQ(0, module_load("pt_test"));
	EXPECT_EQ(2, mdev_available(pf, "pt-test-count"));
}

TEST_F_TIMEOUT(vendor, accepts_the_vfs_of_a_pool, EDU_SECONDS)
{
	char nvme[BDF_LEN];

	if (pci_find(0x1b36, 0x0010, 0, nvme))
		SKIP(return, "no nvme device here");
	ASSERT_EQ(0, pci_bind(nvme, "pt"));
	take_pool(_metadata, nvme, &self->edu);
	EXPECT_EQ(0, pci_set_vfs(nvme, 0));
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

TEST_F_TIMEOUT(vendor, is_asked_to_let_go, EDU_SECONDS)
{
	struct remover remover = { .uuid = self->edu.uuid };
	long end = now_ms() + 60000;
	pthread_t thread;

	ASSERT_EQ(0, edu_create_and_open(&self->edu, "pt-test-count"));
	vendor_clear_calls();
	ASSERT_EQ(0, pthread_create(&thread, NULL, remove_mdev, &remover));
	while (vendor_calls("request") < 1 && now_ms() < end)
		usleep(1000);
	EXPECT_LT(0, vendor_calls("request"));
	vfio_close(&self->edu.user);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, remover.result);
}

TEST_F_TIMEOUT(vendor, null_ops_are_the_default, EDU_SECONDS)
{
	unsigned char plain[256], null[256];
	struct vfio_region_info *a = malloc(VFIO_INFO_LEN);
	struct vfio_region_info *b = malloc(VFIO_INFO_LEN);
	unsigned int i;

	ASSERT_EQ(0, edu_create_and_open(&self->edu, "pt-pci"));
	ASSERT_EQ(256, vfio_read(&self->edu.user, CONFIG, 0, plain, 256));
	ASSERT_EQ(0, vfio_region_info(&self->edu.user, BAR0, a));
	vfio_close(&self->edu.user);
	ASSERT_EQ(0, mdev_remove(self->edu.uuid));

	vendor_clear_calls();
	ASSERT_EQ(0, edu_create_and_open(&self->edu, "pt-test-null"));
	ASSERT_EQ(256, vfio_read(&self->edu.user, CONFIG, 0, null, 256));
	ASSERT_EQ(0, vfio_region_info(&self->edu.user, BAR0, b));
	EXPECT_EQ(0, memcmp(plain, null, 256));
	EXPECT_EQ(0, memcmp(a, b, sizeof(*a)));
	for (i = 1; i < VFIO_PCI_NUM_REGIONS; i++)
		EXPECT_EQ(i == VFIO_PCI_VGA_REGION_INDEX ? -EINVAL : 0,
			  vfio_region_info(&self->edu.user, i, b));
	EXPECT_EQ(-EINVAL, vfio_region_info(&self->edu.user, i, b));
	free(a);
	free(b);
}

/*
 * Failures
 */

TEST_F_TIMEOUT(vendor, refused_probe_has_no_type, EDU_SECONDS)
{
	ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
	ASSERT_EQ(0, vendor_fail("probe"));
	vendor_clear_calls();
	ASSERT_EQ(0, pci_bind(self->edu.bdf, "pt"));
	EXPECT_EQ(0, edu_has_type(&self->edu, "pt-test-null"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-pci"));
	ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
	EXPECT_EQ(0, vendor_calls("remove_fn"));
}

TEST_F_TIMEOUT(vendor, failed_create_leaves_nothing, EDU_SECONDS)
{
	int i;

	ASSERT_EQ(0, vendor_fail("create"));
	vendor_clear_calls();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(-EDOM, edu_create(&self->edu, "pt-test-count"));
		ASSERT_EQ(0, mdev_exists(self->edu.uuid));
		ASSERT_EQ(1, mdev_available(self->edu.bdf, "pt-test-count"));
	}
	EXPECT_EQ(0, vendor_calls("remove"));
	EXPECT_EQ(0, module_references("pt_test"));
	ASSERT_EQ(0, vendor_fail("none"));
	EXPECT_EQ(0, edu_create(&self->edu, "pt-test-count"));
}

TEST_F_TIMEOUT(vendor, failed_open_leaves_nothing, EDU_SECONDS)
{
	int i;

	ASSERT_EQ(0, edu_create(&self->edu, "pt-test-trap"));
	ASSERT_EQ(0, vendor_fail("open"));
	vendor_clear_calls();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(-EDOM, edu_open(&self->edu));
		vfio_close(&self->edu.user);
	}
	EXPECT_EQ(0, vendor_calls("close"));
	ASSERT_EQ(0, vendor_fail("none"));
	ASSERT_EQ(0, edu_open(&self->edu));
}

/*
 * Races
 */

static void *load_and_unload(void *arg)
{
	volatile int *stop = arg;

	while (!*stop) {
		module_load("pt_test_other");
		module_unload("pt_test_other");
	}
	return NULL;
}

TEST_F_TIMEOUT(vendor, loads_against_bind_create_and_open, EDU_SECONDS)
{
	static const char *const types[] = {
		"pt-test-other", "pt-test-count", "pt-pci",
	};
	unsigned int i, made = 0, opened = 0;
	pthread_t thread;
	int stop = 0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, load_and_unload, &stop));
	for (i = 0; i < rounds(150, 50); i++) {
		if (i % 10 == 0) {
			ASSERT_EQ(0, pci_bind(self->edu.bdf, NULL));
			ASSERT_EQ(0, pci_bind(self->edu.bdf, "pt"));
		}
		if (edu_create(&self->edu, types[i % 3]))
			continue;
		made++;
		if (i % 2) {
			opened += !edu_open(&self->edu);
			vfio_close(&self->edu.user);
		}
		EXPECT_EQ(0, mdev_remove(self->edu.uuid));
	}
	stop = 1;
	pthread_join(thread, NULL);
	TH_LOG("%u mdevs, %u of them opened", made, opened);
	EXPECT_NE(0, made);
	EXPECT_NE(0, opened);
	if (sysfs_exists("/sys/module/pt_test_other"))
		EXPECT_EQ(0, module_unload("pt_test_other"));
	EXPECT_EQ(1, edu_type_appears(&self->edu, "pt-test-count"));
	EXPECT_EQ(1, mdev_available(self->edu.bdf, "pt-test-count"));
}

TEST_HARNESS_MAIN
