// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is gone before anybody is told, while a user has it open: the
 * slot's power is switched off behind the kernel's back.  Lab device: igb.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "clock.h"
#include "function.h"
#include "keeper.h"
#include "life.h"

#define PATIENCE_MS	(PATIENCE * 1000)

FIXTURE(surprise) {
	struct function function;
	struct keeper keeper;
	char port[BDF_LEN];
	bool taken_out;
};

FIXTURE_VARIANT(surprise) {
	const char *driver;
};

FIXTURE_VARIANT_ADD(surprise, pt) {
	.driver = "pt",
};

FIXTURE_VARIANT_ADD(surprise, vfio_pci) {
	.driver = "vfio-pci",
};

/* The bridge above the function */
static int port_of(const char *bdf, char *port)
{
	char path[SYSFS_PATH], link[SYSFS_PATH];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/..", bdf);
	if (!realpath(path, link))
		return -errno;
	snprintf(port, BDF_LEN, "%.12s", strrchr(link, '/') + 1);
	return 0;
}

static uint32_t config_read(const char *bdf, unsigned int offset, size_t width)
{
	char path[SYSFS_PATH];
	uint32_t value = ~0u;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &value, width, offset) != (ssize_t)width)
		value = ~0u;
	close(fd);
	return value;
}

static int config_write16(const char *bdf, unsigned int offset, uint16_t value)
{
	char path[SYSFS_PATH];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = pwrite(fd, &value, sizeof(value), offset) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Where the port's PCI Express capability is, or 0 */
static unsigned int express_of(const char *port)
{
	unsigned int at = config_read(port, PCI_CAPABILITY_LIST, 1) & 0xfc;
	unsigned int i;

	for (i = 0; at && i < 48; i++) {
		if ((config_read(port, at, 1) & 0xff) == PCI_CAP_ID_EXP)
			return at;
		at = config_read(port, at + 1, 1) & 0xfc;
	}
	return 0;
}

static int slot_power(const char *port, bool on)
{
	unsigned int express = express_of(port);
	uint16_t control;

	if (!express)
		return -ENODEV;
	control = config_read(port, express + PCI_EXP_SLTCTL, 2);
	control &= ~(PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PIC);
	control |= on ? PCI_EXP_SLTCTL_PWR_IND_ON :
		   PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF;
	return config_write16(port, express + PCI_EXP_SLTCTL, control);
}

static bool wait_vendor(const char *bdf, uint16_t vendor)
{
	long end = now_ms() + PATIENCE_MS;

	while ((config_read(bdf, PCI_VENDOR_ID, 2) & 0xffff) != vendor) {
		if (now_ms() > end)
			return false;
		usleep(10000);
	}
	return true;
}

static int put_back(struct _test_data_surprise *self)
{
	int ret;

	self->taken_out = false;
	ret = slot_power(self->port, true);
	if (!ret)
		ret = pci_rescan();
	if (!ret && !wait_vendor(self->function.bdf, 0x8086))
		ret = -ETIMEDOUT;
	return ret;
}

FIXTURE_SETUP(surprise)
{
	int ret;

	load_modules();
	remove_mdevs();
	ret = function_take(&self->function, &igb_pf_kind);
	if (ret == -ENODEV)
		SKIP(return, "no 82576 (8086:10c9) here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, port_of(self->function.bdf, self->port));
	ASSERT_EQ(0, function_offer(&self->function, variant->driver));
}

FIXTURE_TEARDOWN_PARENT(surprise)
{
	if (self->taken_out) {
		do_pci_remove(self->function.bdf);
		put_back(self);
	}
	remove_mdevs();
	function_give_back(&igb_pf_kind);
}

static bool take_out(struct _test_data_surprise *self)
{
	/* The kernel would wait a minute for a reset of what is gone. */
	pci_attr_write(self->function.bdf, "reset_method", "\n");
	if (slot_power(self->port, false))
		return false;
	self->taken_out = true;
	return wait_vendor(self->function.bdf, 0xffff);
}

static bool reads_ones(struct vfio_user *user)
{
	uint32_t value = 0;

	/* VFIO answers for the IDs itself. */
	return vfio_read(user, VFIO_PCI_CONFIG_REGION_INDEX, PCI_CLASS_REVISION,
			 &value, sizeof(value)) == sizeof(value) &&
	       value == ~0u;
}

TEST_F_TIMEOUT(surprise, while_open, 2 * TEST_SECONDS)
{
	struct function *function = &self->function;
	struct keeper *keeper = &self->keeper;
	char driver[64];

	ASSERT_EQ(0, keeper_open(keeper, function->bdf, function->name));
	EXPECT_FALSE(reads_ones(&keeper->user));
	ASSERT_TRUE(take_out(self));
	EXPECT_TRUE(reads_ones(&keeper->user));

	/* The kernel learns of it: it asks the user, and waits. */
	ASSERT_EQ(0, keeper_ask(keeper, do_pci_remove, function->bdf));
	ASSERT_EQ(0, keeper_let_go(keeper));
	EXPECT_EQ(-ENODEV, pci_driver(function->bdf, driver, sizeof(driver)));
	if (function->uuid[0])
		EXPECT_FALSE(mdev_exists(function->uuid));

	ASSERT_EQ(0, put_back(self));
	function->uuid[0] = '\0';
	ASSERT_EQ(0, function_offer(function, variant->driver));
	EXPECT_EQ(0, try_open(function->bdf, function->name));
}

/* Nobody has it open: the mdev can go before the function, or with it. */
TEST_F_TIMEOUT(surprise, idle, 2 * TEST_SECONDS)
{
	struct function *function = &self->function;

	ASSERT_TRUE(take_out(self));
	if (function->uuid[0])
		EXPECT_EQ(0, mdev_remove(function->uuid));
	ASSERT_EQ(0, do_pci_remove(function->bdf));

	ASSERT_EQ(0, put_back(self));
	function->uuid[0] = '\0';
	ASSERT_EQ(0, function_offer(function, variant->driver));
	EXPECT_EQ(0, try_open(function->bdf, function->name));
}

TEST_HARNESS_MAIN
