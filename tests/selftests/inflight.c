// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user who dies while the device does DMA: the memory is the host's again, and
 * the device has been told.  Lab devices: igb, nvme.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "clock.h"
#include "dma.h"
#include "igbvf.h"
#include "kmsg.h"
#include "life.h"
#include "netdev.h"
#include "nvme.h"
#include "nvme_host.h"

/* As long as this nothing must happen. */
#define QUIET_MS	500
#define PATIENCE_MS	(PATIENCE * 1000)
/* Of what the device is given to write to */
#define BUFFERS		12
#define READS		20

/*
 * @memory: shared with the user, so that it outlives it
 * @under_way: what the user has had done
 */
FIXTURE(inflight) {
	struct dma dma;
	struct nvme nvme;
	struct igbvf vf;
	unsigned int *under_way;
	pid_t user;
};

FIXTURE_VARIANT(inflight) {
	const char *driver;
	enum vfio_way way;
};

FIXTURE_VARIANT_ADD(inflight, pt) {
	.driver = "pt",
	.way = VFIO_WAY_GROUP,
};

FIXTURE_VARIANT_ADD(inflight, pt_cdev) {
	.driver = "pt",
	.way = VFIO_WAY_CDEV,
};

FIXTURE_VARIANT_ADD(inflight, vfio_pci) {
	.driver = "vfio-pci",
	.way = VFIO_WAY_GROUP,
};

static void *shared_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

FIXTURE_SETUP(inflight)
{
	ASSERT_EQ(0, function_load_drivers());
	if (dma_missing(variant->way))
		SKIP(return, "%s", dma_missing(variant->way));
	self->dma.memory = shared_alloc(MEMORY);
	ASSERT_NE(NULL, self->dma.memory);
	self->dma.buffer = self->dma.memory + BUFFER;
	self->under_way = shared_alloc(PAGE);
	ASSERT_NE(NULL, self->under_way);
	self->dma.kmsg = kmsg_open();
	ASSERT_LE(0, self->dma.kmsg);
}

FIXTURE_TEARDOWN(inflight)
{
	if (self->user > 0)
		kill(self->user, SIGKILL);
	/* Their mappings hold the device. */
	if (self->nvme.regs)
		nvme_stop(&self->nvme);
	if (self->vf.u)
		igbvf_stop(&self->vf);
	if (self->dma.function.bdf[0])
		EXPECT_EQ(0, dma_close(&self->dma));
}

static void report(struct _test_data_inflight *self)
{
	__atomic_add_fetch(self->under_way, 1, __ATOMIC_RELEASE);
}

static bool has_reported(struct _test_data_inflight *self, unsigned int n)
{
	long end = now_ms() + PATIENCE_MS;

	while (__atomic_load_n(self->under_way, __ATOMIC_ACQUIRE) < n) {
		if (now_ms() > end)
			return false;
		if (waitpid(self->user, NULL, WNOHANG)) {
			self->user = 0;
			return false;
		}
		usleep(1000);
	}
	return true;
}

/* A child that uses the device until it is killed */
static pid_t user_start(struct _test_data_inflight *self, enum vfio_way way,
			void (*use)(struct _test_data_inflight *self))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (!dma_attach(&self->dma, way))
		use(self);
	_exit(1);
}

/* With it goes all that it has open: when it is gone, so is its VFIO device. */
static bool user_killed(struct _test_data_inflight *self)
{
	pid_t pid = self->user;
	int status;

	self->user = 0;
	return !kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid &&
	       WIFSIGNALED(status);
}

/* No write to the memory, and none that the IOMMU had to stop */
static bool stays_quiet(struct _test_data_inflight *self)
{
	char address[16];

	snprintf(address, sizeof(address), "%.8s]", self->dma.function.bdf + 5);
	return !kmsg_has(self->dma.kmsg, "DMAR: [DMA", address, QUIET_MS) &&
	       all_bytes(self->dma.memory, 0x5a, MEMORY);
}

static bool bus_master(struct vfio_user *user)
{
	uint16_t command = ~0;

	vfio_read(user, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
		  sizeof(command));
	return command & PCI_COMMAND_MASTER;
}

static void use_nvme(struct _test_data_inflight *self)
{
	struct nvme nvme;

	if (nvme_start(&nvme, &self->dma.user, self->dma.memory, IOVA, 2) ||
	    nvme_create_io_queue(&nvme))
		return;
	nvme_async_event(&nvme);
	while (!nvme_read(&nvme, 0, PAGE / NVME_BLOCK, IOVA + BUFFER))
		report(self);
}

TEST_F_TIMEOUT(inflight, nvme, TEST_SECONDS)
{
	struct function *function = &self->dma.function;
	struct nvme *nvme = &self->nvme;
	char name[64], serial[64];
	int ret;

	ASSERT_EQ(0, function_give_back(&nvme_kind));
	ret = function_take(function, &nvme_kind);
	if (ret == -ENODEV)
		SKIP(return, "no nvme");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, nvme_controller(function->pf, name, sizeof(name), serial,
				     sizeof(serial)));
	if (strncmp(serial, "lab-", 4))
		SKIP(return, "\"%s\" is no disk of the lab", serial);

	ASSERT_EQ(0, function_offer(function, variant->driver));
	self->user = user_start(self, variant->way, use_nvme);
	ASSERT_TRUE(has_reported(self, READS));
	ASSERT_TRUE(user_killed(self));
	memset(self->dma.memory, 0x5a, MEMORY);
	EXPECT_TRUE(stays_quiet(self));

	/* The next user finds it reset, and can use it. */
	ASSERT_EQ(0, dma_attach(&self->dma, variant->way));
	EXPECT_FALSE(bus_master(&self->dma.user));
	EXPECT_EQ(0, nvme_enabled(&self->dma.user));
	EXPECT_TRUE(all_bytes(self->dma.memory, 0x5a, MEMORY));
	ASSERT_EQ(0, nvme_start(nvme, &self->dma.user, self->dma.memory, IOVA,
				2));
	EXPECT_EQ(0, nvme_identify(nvme, IOVA + BUFFER));
}

static void use_igb_vf(struct _test_data_inflight *self)
{
	struct igbvf vf;
	unsigned int i;

	if (igbvf_start(&vf, &self->dma.user, self->dma.memory, IOVA))
		return;
	for (i = 0; i < BUFFERS; i++)
		igbvf_post(&vf, IOVA + BUFFER + i * PAGE);
	report(self);
	if (igbvf_receive(&vf, 0) == -ETIMEDOUT)
		pause();
}

static int send_frame(int packet, uint8_t seed)
{
	static const uint8_t source[6] = { 0x02, 0, 0, 0, 0, 1 };
	uint8_t frame[FRAME_LEN];

	make_frame(frame, source, seed);
	return send(packet, frame, FRAME_LEN, 0);
}

/* Sends until the first of the buffers has been written to */
static bool frames_arrive(struct _test_data_inflight *self, int packet)
{
	long end = now_ms() + PATIENCE_MS;

	while (all_bytes(self->dma.buffer, 0, FRAME_LEN)) {
		if (now_ms() > end || send_frame(packet, 1) != FRAME_LEN)
			return false;
		usleep(10000);
	}
	return true;
}

TEST_F_TIMEOUT(inflight, igb_vf, TEST_SECONDS)
{
	struct function *function = &self->dma.function;
	struct igbvf *vf = &self->vf;
	int packet, ret, i;

	ret = function_take(function, &igb_vf_kind);
	if (ret == -ENODEV)
		SKIP(return, "no igb VF");
	ASSERT_EQ(0, ret);
	packet = netdev_frames(function->pf);
	ASSERT_LE(0, packet);

	ASSERT_EQ(0, function_offer(function, variant->driver));
	self->user = user_start(self, variant->way, use_igb_vf);
	ASSERT_TRUE(has_reported(self, 1));
	ASSERT_TRUE(frames_arrive(self, packet));
	/* The others are still posted. */
	EXPECT_TRUE(all_bytes(self->dma.buffer + (BUFFERS - 1) * PAGE, 0,
			      PAGE));
	ASSERT_TRUE(user_killed(self));
	memset(self->dma.memory, 0x5a, MEMORY);
	for (i = 0; i < BUFFERS; i++)
		EXPECT_EQ(FRAME_LEN, send_frame(packet, i));
	EXPECT_TRUE(stays_quiet(self));

	ASSERT_EQ(0, dma_attach(&self->dma, variant->way));
	EXPECT_FALSE(bus_master(&self->dma.user));
	EXPECT_EQ(0, igbvf_receiving(&self->dma.user));
	EXPECT_TRUE(all_bytes(self->dma.memory, 0x5a, MEMORY));
	ASSERT_EQ(0, igbvf_start(vf, &self->dma.user, self->dma.memory, IOVA));
	igbvf_post(vf, IOVA + BUFFER);
	EXPECT_EQ(FRAME_LEN, send_frame(packet, 2));
	EXPECT_EQ(FRAME_LEN, igbvf_receive(vf, 2000));
}

static void function_kinds_give_back(void)
{
	function_give_back(&nvme_kind);
	function_give_back(&igb_vf_kind);
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) give_back_at_exit(void)
{
	atexit(function_kinds_give_back);
}

TEST_HARNESS_MAIN
