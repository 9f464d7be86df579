// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors on the bus (AER): who has the device open hears of those that cannot
 * be corrected, and nobody else comes to harm.  Lab device: igb.
 */

#include <fcntl.h>
#include <sys/eventfd.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"

#include "function.h"
#include "keeper.h"
#include "kmsg.h"
#include "life.h"

#define AER_INJECT	"/dev/aer_inject"
/* Within this time an error has been handled, a reset of the link included. */
#define ERROR_MS	30000
/* What the kernel calls them by default: non-fatal and fatal */
#define NONFATAL	PCI_ERR_UNC_COMP_ABORT
#define FATAL		PCI_ERR_UNC_MALF_TLP

/* drivers/pci/pcie/aer_inject.c has it, and no header. */
struct aer_error {
	uint8_t bus;
	uint8_t device;
	uint8_t function;
	uint32_t uncorrectable;
	uint32_t correctable;
	uint32_t header_log[4];
	uint32_t domain;
};

static int inject(const char *bdf, uint32_t uncorrectable, uint32_t correctable)
{
	struct aer_error error = {
		.uncorrectable = uncorrectable,
		.correctable = correctable,
	};
	unsigned int domain, bus, device, function;
	int fd, ret;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4)
		return -EINVAL;
	error.domain = domain;
	error.bus = bus;
	error.device = device;
	error.function = function;

	fd = open(AER_INJECT, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, &error, sizeof(error)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

FIXTURE(errors) {
	struct function function;
	const char *driver;
	struct vfio_user user;
	int heard;
	int kmsg;
};

FIXTURE_VARIANT(errors) {
	const char *driver;
};

FIXTURE_VARIANT_ADD(errors, pt) {
	.driver = "pt",
};

FIXTURE_VARIANT_ADD(errors, vfio_pci) {
	.driver = "vfio-pci",
};

FIXTURE_SETUP(errors)
{
	int ret;

	load_modules();
	remove_mdevs();
	if (system("modprobe -q aer_inject") || access(AER_INJECT, W_OK))
		SKIP(return, "this kernel has no aer_inject");
	ret = function_take(&self->function, &igb_pf_kind);
	if (ret == -ENODEV)
		SKIP(return, "no 82576 (8086:10c9) here");
	ASSERT_EQ(0, ret);
	self->driver = variant->driver;
	ASSERT_EQ(0, function_offer(&self->function, self->driver));
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
}

FIXTURE_TEARDOWN_PARENT(errors)
{
	remove_mdevs();
	function_give_back(&igb_pf_kind);
}

static int open_and_hear(struct _test_data_errors *self)
{
	int ret;

	ret = vfio_open_group(&self->user, self->function.bdf,
			      self->function.name);
	if (ret)
		return ret;
	self->heard = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return vfio_irq_eventfds(&self->user, VFIO_PCI_ERR_IRQ_INDEX, 0, 1,
				 &self->heard);
}

/* The kernel's error handling has come to its end, and this was it. */
static bool ended(struct _test_data_errors *self, const char *how)
{
	return kmsg_has(self->kmsg, "AER: ", how, ERROR_MS);
}

#define RECOVERED	"device recovery successful"
/* QEMU's root port has no link after its reset: "failed" is not our doing. */
#define ENDED		"device recovery "

/* What an administrator does when the reset of a link has failed */
static int find_again(struct _test_data_errors *self)
{
	int ret;

	ret = do_pci_remove(self->function.bdf);
	if (!ret)
		ret = pci_rescan();
	self->function.uuid[0] = '\0';
	return ret ? ret : function_offer(&self->function, self->driver);
}

TEST_F_TIMEOUT(errors, nonfatal, TEST_SECONDS)
{
	ASSERT_EQ(0, open_and_hear(self));
	ASSERT_EQ(0, inject(self->function.bdf, NONFATAL, 0));
	EXPECT_EQ(0, eventfd_wait(self->heard, ERROR_MS));
	EXPECT_TRUE(ended(self, RECOVERED));
	/* once */
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->heard, 0));
	vfio_close(&self->user);
	EXPECT_EQ(0, try_open(self->function.bdf, self->function.name));
}

/* The link is reset, and with it the function below its user. */
TEST_F_TIMEOUT(errors, fatal, TEST_SECONDS)
{
	ASSERT_EQ(0, open_and_hear(self));
	ASSERT_EQ(0, inject(self->function.bdf, FATAL, 0));
	EXPECT_EQ(0, eventfd_wait(self->heard, ERROR_MS));
	EXPECT_TRUE(ended(self, ENDED));
	vfio_close(&self->user);
	ASSERT_EQ(0, find_again(self));
	EXPECT_EQ(0, try_open(self->function.bdf, self->function.name));
}

TEST_F_TIMEOUT(errors, corrected, TEST_SECONDS)
{
	ASSERT_EQ(0, open_and_hear(self));
	ASSERT_EQ(0, inject(self->function.bdf, 0, PCI_ERR_COR_RCVR));
	EXPECT_TRUE(kmsg_has(self->kmsg, self->function.bdf,
			     "severity=Correct", ERROR_MS));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->heard, 0));
	vfio_close(&self->user);
}

/* A user who does not want to hear of errors, and then none at all */
TEST_F_TIMEOUT(errors, nobody_listens, TEST_SECONDS)
{
	ASSERT_EQ(0, open_and_hear(self));
	ASSERT_EQ(0, vfio_irq_disable(&self->user, VFIO_PCI_ERR_IRQ_INDEX));
	ASSERT_EQ(0, inject(self->function.bdf, NONFATAL, 0));
	EXPECT_TRUE(ended(self, RECOVERED));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->heard, 0));

	vfio_close(&self->user);
	ASSERT_EQ(0, inject(self->function.bdf, NONFATAL, 0));
	EXPECT_TRUE(ended(self, RECOVERED));
	ASSERT_EQ(0, inject(self->function.bdf, FATAL, 0));
	EXPECT_TRUE(ended(self, ENDED));
	ASSERT_EQ(0, find_again(self));
	EXPECT_EQ(0, try_open(self->function.bdf, self->function.name));
}

/* Bound, and no VFIO device that could be told */
TEST_F_TIMEOUT(errors, without_an_mdev, TEST_SECONDS)
{
	if (strcmp(variant->driver, "pt"))
		SKIP(return, "%s has no mdevs", variant->driver);

	ASSERT_EQ(0, mdev_remove(self->function.uuid));
	ASSERT_EQ(0, inject(self->function.bdf, NONFATAL, 0));
	EXPECT_TRUE(ended(self, RECOVERED));
	ASSERT_EQ(0, inject(self->function.bdf, FATAL, 0));
	EXPECT_TRUE(ended(self, ENDED));
	EXPECT_TRUE(bound_to(self->function.bdf, "pt"));

	ASSERT_EQ(0, find_again(self));
	EXPECT_EQ(0, try_open(self->function.bdf, self->function.name));
}

TEST_HARNESS_MAIN
