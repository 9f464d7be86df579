// SPDX-License-Identifier: GPL-2.0-only
/* Config space: identity, BARs, capabilities, resets */

#include <linux/pci_regs.h>

#include "fixture.h"

MODEL_FIXTURE(config);

static uint32_t get(struct client *c, unsigned int offset)
{
	return client_get(c, CONFIG, offset);
}

static int put(struct client *c, unsigned int offset, uint32_t value)
{
	return client_put(c, CONFIG, offset, value);
}

TEST_F(config, header)
{
	EXPECT_EQ(0x56781234, get(&self->c, PCI_VENDOR_ID));
	EXPECT_EQ(0xff000012, get(&self->c, PCI_CLASS_REVISION));
	EXPECT_EQ(0x87654321, get(&self->c, PCI_SUBSYSTEM_VENDOR_ID));
	EXPECT_EQ(0x0100, get(&self->c, PCI_INTERRUPT_LINE) & 0xffff);
	EXPECT_EQ(0, get(&self->c, PCI_CACHE_LINE_SIZE) >> 16 & 0xff);
}

TEST_F(config, only_what_is_writable_changes)
{
	unsigned int i;

	for (i = 0; i < 4096; i += 4)
		if (i != CAP_PCIE + PCI_EXP_DEVCTL)
			ASSERT_EQ(0, put(&self->c, i, ~0U));
	EXPECT_EQ(0x56781234, get(&self->c, PCI_VENDOR_ID));
	EXPECT_EQ(0xff000012, get(&self->c, PCI_CLASS_REVISION));
	EXPECT_EQ(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		  PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
		  PCI_COMMAND_INTX_DISABLE,
		  get(&self->c, PCI_COMMAND) & 0xffff);
	EXPECT_EQ(0x01ff, get(&self->c, PCI_INTERRUPT_LINE) & 0xffff);
	EXPECT_EQ(0, get(&self->c, PCI_ROM_ADDRESS));
	EXPECT_EQ(0, get(&self->c, 2048));
}

TEST_F(config, bar_sizing_and_address)
{
	static const uint32_t sized[6] = {
		0xffff0000, 0, 0xffff000c, 0xffffffff, 0xffffffe1, 0xfffff000,
	};
	unsigned int i, offset;

	for (i = 0; i < 6; i++) {
		offset = PCI_BASE_ADDRESS_0 + 4 * i;
		ASSERT_EQ(0, put(&self->c, offset, ~0U));
		EXPECT_EQ(sized[i], get(&self->c, offset));
		ASSERT_EQ(0, put(&self->c, offset, 0x12345678));
		EXPECT_EQ((0x12345678 & sized[i] & ~0xfU) | (sized[i] & 0xf),
			  get(&self->c, offset) | (i == 3 ? 0xf : 0));
	}
}

static unsigned int find_capability(struct client *c, uint8_t id)
{
	unsigned int offset, left = 48;
	uint32_t value;

	if (!(get(c, PCI_COMMAND) >> 16 & PCI_STATUS_CAP_LIST))
		return 0;
	offset = get(c, PCI_CAPABILITY_LIST) & 0xff;
	for (; offset && left; offset = value >> 8 & 0xff, left--) {
		value = get(c, offset);
		if ((value & 0xff) == id)
			return offset;
	}
	return 0;
}

TEST_F(config, capabilities)
{
	EXPECT_EQ(CAP_PM, find_capability(&self->c, PCI_CAP_ID_PM));
	EXPECT_EQ(CAP_MSI, find_capability(&self->c, PCI_CAP_ID_MSI));
	EXPECT_EQ(CAP_PCIE, find_capability(&self->c, PCI_CAP_ID_EXP));
	EXPECT_EQ(CAP_MSIX, find_capability(&self->c, PCI_CAP_ID_MSIX));
	EXPECT_EQ(0, find_capability(&self->c, PCI_CAP_ID_AGP));
	/* 64 bit, room for 4 vectors */
	EXPECT_EQ(PCI_MSI_FLAGS_64BIT | 2 << 1, get(&self->c, CAP_MSI) >> 16);
	EXPECT_EQ(MSIX_VECTORS - 1, get(&self->c, CAP_MSIX) >> 16);
	EXPECT_EQ(5, get(&self->c, CAP_MSIX + PCI_MSIX_TABLE));
	EXPECT_EQ(0x805, get(&self->c, CAP_MSIX + PCI_MSIX_PBA));
	EXPECT_EQ(2 | PCI_EXP_TYPE_ENDPOINT << 4,
		  get(&self->c, CAP_PCIE) >> 16);
	EXPECT_EQ(PCI_EXT_CAP_ID_DSN | 1 << 16, get(&self->c, 256));
}

static void dirty(struct client *c)
{
	client_put(c, BAR0, REG_SCRATCH, 0x1234);
	put(c, PCI_COMMAND, PCI_COMMAND_MEMORY);
	put(c, PCI_BASE_ADDRESS_0, 0xfeb00000);
}

/* But for the BARs: QEMU has its own, and does not tell when they are restored. */
static bool is_clean(struct client *c)
{
	return client_get(c, BAR0, REG_SCRATCH) == 0 &&
	       (get(c, PCI_COMMAND) & 0xffff) == 0 &&
	       get(c, PCI_BASE_ADDRESS_0) == 0xfeb00000;
}

TEST_F(config, reset_by_command)
{
	dirty(&self->c);
	EXPECT_FALSE(is_clean(&self->c));
	ASSERT_EQ(0, client_call(&self->c, VFIO_USER_DEVICE_RESET, NULL, 0,
				 NULL, 0, NULL));
	EXPECT_TRUE(is_clean(&self->c));
	EXPECT_EQ(1, client_get(&self->c, BAR0, REG_RESETS));
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_DEVICE_RESET, "x", 1,
				       NULL, 0, NULL));
}

TEST_F(config, reset_by_flr)
{
	const unsigned int devctl = CAP_PCIE + PCI_EXP_DEVCTL;
	uint8_t high = PCI_EXP_DEVCTL_BCR_FLR >> 8;

	dirty(&self->c);
	ASSERT_EQ(0, put(&self->c, devctl, 0x7fff));
	EXPECT_FALSE(is_clean(&self->c));
	ASSERT_EQ(0, put(&self->c, devctl, PCI_EXP_DEVCTL_BCR_FLR));
	EXPECT_TRUE(is_clean(&self->c));
	EXPECT_EQ(0, get(&self->c, devctl));
	/* Also by that byte alone, and not by its neighbours */
	ASSERT_EQ(0, client_write(&self->c, CONFIG, devctl + 2, &high, 1));
	ASSERT_EQ(0, client_write(&self->c, CONFIG, devctl, &high, 1));
	EXPECT_EQ(1, client_get(&self->c, BAR0, REG_RESETS));
	ASSERT_EQ(0, client_write(&self->c, CONFIG, devctl + 1, &high, 1));
	EXPECT_EQ(2, client_get(&self->c, BAR0, REG_RESETS));
}

TEST_F(config, reset_by_power_state)
{
	dirty(&self->c);
	ASSERT_EQ(0, put(&self->c, CAP_PM + PCI_PM_CTRL, 3));
	EXPECT_EQ(3, get(&self->c, CAP_PM + PCI_PM_CTRL));
	EXPECT_FALSE(is_clean(&self->c));
	ASSERT_EQ(0, put(&self->c, CAP_PM + PCI_PM_CTRL, 0));
	EXPECT_TRUE(is_clean(&self->c));
}

TEST_HARNESS_MAIN
