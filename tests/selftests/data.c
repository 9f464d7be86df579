// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real DMA by a function behind an mdev: it reaches what was mapped for it,
 * and nothing else
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "dma.h"
#include "igbvf.h"
#include "netdev.h"
#include "nvme.h"
#include "nvme_host.h"

/* A debug kernel in a busy lab is an order of magnitude slower. */
#define TEST_SECONDS	180

/*
 * NVMe
 */

FIXTURE(nvme_dma)
{
	struct dma dma;
	struct nvme nvme;
	char serial[64];
};

FIXTURE_VARIANT(nvme_dma)
{
	const struct function_kind *kind;
	enum vfio_way way;
};

FIXTURE_VARIANT_ADD(nvme_dma, pf) {
	.kind = &nvme_kind,
	.way = VFIO_WAY_GROUP,
};

FIXTURE_VARIANT_ADD(nvme_dma, pf_cdev) {
	.kind = &nvme_kind,
	.way = VFIO_WAY_CDEV,
};

FIXTURE_VARIANT_ADD(nvme_dma, vf) {
	.kind = &nvme_vf_kind,
	.way = VFIO_WAY_GROUP,
};

FIXTURE_VARIANT_ADD(nvme_dma, vf_cdev) {
	.kind = &nvme_vf_kind,
	.way = VFIO_WAY_CDEV,
};

FIXTURE_SETUP(nvme_dma)
{
	char name[64];
	int ret;

	ASSERT_EQ(0, function_load_drivers());
	if (dma_missing(variant->way))
		SKIP(return, "%s", dma_missing(variant->way));

	/* Back to the kernel's driver, which knows the serial number. */
	ASSERT_EQ(0, function_give_back(variant->kind));
	ret = function_take(&self->dma.function, variant->kind);
	if (ret == -ENODEV)
		SKIP(return, "no %s", variant->kind->name);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, nvme_controller(self->dma.function.pf, name, sizeof(name),
				     self->serial, sizeof(self->serial)));
	/* The tests write to the disk. */
	if (strncmp(self->serial, "lab-", 4))
		SKIP(return, "\"%s\" is no disk of the lab", self->serial);
	if (variant->kind->vf)
		ASSERT_EQ(0, nvme_vf_online(self->dma.function.pf, name));

	ASSERT_EQ(0, dma_open(&self->dma, variant->way, "pt"));
	ASSERT_EQ(0, nvme_start(&self->nvme, &self->dma.user, self->dma.memory,
				IOVA, variant->kind->vf ? 1 : 2));
}

FIXTURE_TEARDOWN(nvme_dma)
{
	nvme_stop(&self->nvme);
	EXPECT_EQ(0, dma_close(&self->dma));
}

TEST_F_TIMEOUT(nvme_dma, identify, TEST_SECONDS)
{
	size_t len = strlen(self->serial);

	ASSERT_EQ(0, nvme_identify(&self->nvme, IOVA + BUFFER));

	/* Identify Controller, bytes 4 to 23 */
	EXPECT_EQ(0, memcmp(self->dma.buffer + 4, self->serial, len));
	EXPECT_TRUE(all_bytes(self->dma.buffer + 4 + len, ' ', 20 - len));
	EXPECT_EQ(0, eventfd_wait(self->nvme.admin.eventfd, 1000));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->nvme.io.eventfd, 0));
}

TEST_F_TIMEOUT(nvme_dma, read_and_write, TEST_SECONDS)
{
	const unsigned int blocks = PAGE / NVME_BLOCK;
	uint8_t *there = self->dma.buffer, *back = self->dma.buffer + PAGE;
	struct nvme *nvme = &self->nvme;
	unsigned int i, round;

	ASSERT_EQ(0, nvme_create_io_queue(nvme));
	/* where the queues share a vector */
	eventfd_wait(nvme->io.eventfd, 100);
	for (round = 0; round < 40; round++) {
		for (i = 0; i < PAGE; i++)
			there[i] = i * 7 + i / 256 + round;
		memset(back, 0, PAGE);

		ASSERT_EQ(0, nvme_write(nvme, 64 + round * blocks, blocks,
					IOVA + BUFFER));
		ASSERT_EQ(0, eventfd_wait(nvme->io.eventfd, 1000));
		ASSERT_EQ(0, nvme_read(nvme, 64 + round * blocks, blocks,
				       IOVA + BUFFER + PAGE));
		ASSERT_EQ(0, eventfd_wait(nvme->io.eventfd, 1000));
		ASSERT_EQ(0, memcmp(there, back, PAGE));
	}
}

/*
 * The device is told to write to the physical address of a page that was never
 * mapped for it: without translation it would hit the page.
 */
TEST_F_TIMEOUT(nvme_dma, not_mapped, TEST_SECONDS)
{
	uint8_t *page = memory_alloc(PAGE);
	uint64_t address;
	int ret;

	ASSERT_NE(NULL, page);
	memset(page, 0x5a, PAGE);
	address = physical(page);
	ASSERT_NE(0, address);

	ret = nvme_identify(&self->nvme, address);
	TH_LOG("the device answers %d", ret);
	EXPECT_TRUE(all_bytes(page, 0x5a, PAGE));
	EXPECT_EQ(address, physical(page));
	EXPECT_TRUE(fault_logged(self->dma.kmsg, self->dma.function.bdf, address,
				 FAULT_MS));
}

/* Mapped for the device to read from: a write does not land. */
TEST_F_TIMEOUT(nvme_dma, read_only, TEST_SECONDS)
{
	const uint64_t iova = IOVA + MEMORY;
	uint8_t *page = memory_alloc(PAGE);

	ASSERT_NE(NULL, page);
	memset(page, 0x5a, PAGE);
	ASSERT_EQ(0, vfio_map_dma(&self->dma.user, page, iova, PAGE,
				  VFIO_DMA_MAP_FLAG_READ));
	nvme_identify(&self->nvme, iova);
	EXPECT_TRUE(all_bytes(page, 0x5a, PAGE));
	EXPECT_TRUE(fault_logged(self->dma.kmsg, self->dma.function.bdf, iova,
				 FAULT_MS));
}

TEST_F_TIMEOUT(nvme_dma, unmapped, TEST_SECONDS)
{
	const uint64_t iova = IOVA + MEMORY;
	uint8_t *page = memory_alloc(PAGE);

	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, vfio_map_dma(&self->dma.user, page, iova, PAGE, READ_WRITE));
	ASSERT_EQ(0, nvme_identify(&self->nvme, iova));
	EXPECT_EQ(0, memcmp(page + 4, self->serial, strlen(self->serial)));
	EXPECT_FALSE(fault_logged(self->dma.kmsg, self->dma.function.bdf, iova, 100));

	ASSERT_EQ(0, vfio_unmap_dma(&self->dma.user, iova, PAGE));
	memset(page, 0x5a, PAGE);
	nvme_identify(&self->nvme, iova);
	EXPECT_TRUE(all_bytes(page, 0x5a, PAGE));
	EXPECT_TRUE(fault_logged(self->dma.kmsg, self->dma.function.bdf, iova,
				 FAULT_MS));
}

/* Without bus mastering, as after a reset, it reaches no memory at all. */
TEST_F_TIMEOUT(nvme_dma, bus_master_off, TEST_SECONDS)
{
	memset(self->dma.buffer, 0x5a, PAGE);
	ASSERT_EQ(0, vfio_bus_master(&self->dma.user, false));
	EXPECT_EQ(-ETIMEDOUT, nvme_identify(&self->nvme, IOVA + BUFFER));
	EXPECT_TRUE(all_bytes(self->dma.buffer, 0x5a, PAGE));
}

/*
 * The VF of an 82576: frames to and from its PF
 */

FIXTURE(igb_vf_dma)
{
	struct dma dma;
	struct igbvf vf;
	int packet;
};

FIXTURE_VARIANT(igb_vf_dma)
{
	enum vfio_way way;
};

FIXTURE_VARIANT_ADD(igb_vf_dma, group) {
	.way = VFIO_WAY_GROUP,
};

FIXTURE_VARIANT_ADD(igb_vf_dma, cdev) {
	.way = VFIO_WAY_CDEV,
};

FIXTURE_SETUP(igb_vf_dma)
{
	int ret;

	ASSERT_EQ(0, function_load_drivers());
	if (dma_missing(variant->way))
		SKIP(return, "%s", dma_missing(variant->way));

	ret = function_take(&self->dma.function, &igb_vf_kind);
	if (ret == -ENODEV)
		SKIP(return, "no igb VF");
	ASSERT_EQ(0, ret);

	/* The PF answers the VF's mailbox while its interface is up. */
	self->packet = netdev_frames(self->dma.function.pf);
	ASSERT_LE(0, self->packet);

	ASSERT_EQ(0, dma_open(&self->dma, variant->way, "pt"));
	ASSERT_EQ(0, igbvf_start(&self->vf, &self->dma.user, self->dma.memory,
				 IOVA));
}

FIXTURE_TEARDOWN(igb_vf_dma)
{
	igbvf_stop(&self->vf);
	EXPECT_EQ(0, dma_close(&self->dma));
}

/* Registers through the mapping, and the PF's driver at their other end */
TEST_F_TIMEOUT(igb_vf_dma, mailbox, TEST_SECONDS)
{
	static const uint8_t none[6];

	EXPECT_NE(0, memcmp(self->vf.mac, none, sizeof(none)));
	/* a station address */
	EXPECT_EQ(0, self->vf.mac[0] & 1);
}

TEST_F_TIMEOUT(igb_vf_dma, send, TEST_SECONDS)
{
	struct pollfd pollfd = { .fd = self->packet, .events = POLLIN };
	uint8_t received[2048];
	unsigned int round;

	/* more often than the ring is long */
	for (round = 0; round < 80; round++) {
		make_frame(self->dma.buffer, self->vf.mac, round);
		ASSERT_EQ(0, igbvf_send(&self->vf, IOVA + BUFFER, FRAME_LEN));
		ASSERT_EQ(0, eventfd_wait(self->vf.eventfd, 1000));
		ASSERT_EQ(1, poll(&pollfd, 1, 2000));
		ASSERT_EQ(FRAME_LEN, recv(self->packet, received,
					  sizeof(received), 0));
		ASSERT_EQ(0, memcmp(received, self->dma.buffer, FRAME_LEN));
	}
}

TEST_F_TIMEOUT(igb_vf_dma, receive, TEST_SECONDS)
{
	static const uint8_t source[6] = { 0x02, 0, 0, 0, 0, 1 };
	uint8_t frame[FRAME_LEN];
	unsigned int round;

	for (round = 0; round < 80; round++) {
		memset(self->dma.buffer, 0, PAGE);
		igbvf_post(&self->vf, IOVA + BUFFER);
		make_frame(frame, source, round);
		ASSERT_EQ(FRAME_LEN, send(self->packet, frame, FRAME_LEN, 0));
		ASSERT_EQ(FRAME_LEN, igbvf_receive(&self->vf, 2000));
		ASSERT_EQ(0, eventfd_wait(self->vf.eventfd, 1000));
		ASSERT_EQ(0, memcmp(frame, self->dma.buffer, FRAME_LEN));
	}
}

/* A buffer that the VF holds, and that is unmapped before a frame comes */
TEST_F_TIMEOUT(igb_vf_dma, unmapped_while_posted, TEST_SECONDS)
{
	static const uint8_t source[6] = { 0x02, 0, 0, 0, 0, 1 };
	const uint64_t iova = IOVA + MEMORY;
	uint8_t *page = memory_alloc(PAGE);
	uint8_t frame[FRAME_LEN];

	ASSERT_NE(NULL, page);
	memset(page, 0x5a, PAGE);
	ASSERT_EQ(0, vfio_map_dma(&self->dma.user, page, iova, PAGE, READ_WRITE));
	igbvf_post(&self->vf, iova);
	ASSERT_EQ(0, vfio_unmap_dma(&self->dma.user, iova, PAGE));

	make_frame(frame, source, 1);
	ASSERT_EQ(FRAME_LEN, send(self->packet, frame, FRAME_LEN, 0));
	EXPECT_TRUE(fault_logged(self->dma.kmsg, self->dma.function.bdf, iova,
				 FAULT_MS));
	EXPECT_TRUE(all_bytes(page, 0x5a, PAGE));
}

static void give_back(void)
{
	function_give_back(&nvme_kind);
	function_give_back(&igb_vf_kind);
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) give_back_at_exit(void)
{
	atexit(give_back);
}

TEST_HARNESS_MAIN
