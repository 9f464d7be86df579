// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real DMA by a function behind an mdev: it reaches what was mapped for it,
 * and nothing else
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/if_packet.h>
#include <linux/nvme_ioctl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "clock.h"
#include "function.h"
#include "igbvf.h"
#include "kmsg.h"
#include "nvme.h"
#include "vfio.h"

/* A debug kernel in a busy lab is an order of magnitude slower. */
#define TEST_SECONDS	180
#define PAGE		4096UL
/* Above all of the memory that a lab host has, so never a physical address */
#define IOVA		0x1000000000ULL
#define MEMORY		(16 * PAGE)
/* Behind what nvme_start() and igbvf_start() want */
#define BUFFER		(4 * PAGE)
/* Within this time a fault is in the log. */
#define FAULT_MS	2000
#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static void *memory_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Where the memory of a virtual address is, 0 if that can't be had */
static uint64_t physical(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static bool all_bytes(const uint8_t *p, uint8_t value, size_t len)
{
	while (len--) {
		if (*p++ != value)
			return false;
	}
	return true;
}

/* The IOMMU's own word for it that the function tried, and was stopped */
static bool fault_logged(int kmsg, const char *bdf, uint64_t iova,
			 int timeout_ms)
{
	char message[128];

	/* Older kernels leave out the PCI domain. */
	snprintf(message, sizeof(message), "%.8s] fault addr 0x%llx ", bdf + 5,
		 (unsigned long long)iova);
	return kmsg_has(kmsg, "DMAR: [DMA Write", message, timeout_ms);
}

static bool have_fault_log(void)
{
	return !access("/sys/class/iommu/dmar0", F_OK);
}

/*
 * NVMe
 */

static const struct function_kind nvme_kind = {
	.name = "nvme",
	.vendor = 0x1b36,
	.device = 0x0010,
};

static const struct function_kind nvme_vf_kind = {
	.name = "nvme VF",
	.vendor = 0x1b36,
	.device = 0x0010,
	.vf = true,
	.pf_driver = "nvme",
};

/*
 * Name and serial number as the kernel's own driver shows them, which sets up
 * the controller after it was bound
 */
static int nvme_controller(const char *bdf, char *name, size_t len,
			   char *serial, size_t serial_len)
{
	char path[SYSFS_PATH], state[16] = "";
	long end = now_ms() + 10000;
	glob_t found;
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme/nvme*", bdf);
	ret = glob(path, 0, NULL, &found);
	if (ret)
		return -ENOENT;
	snprintf(name, len, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);

	snprintf(path, sizeof(path), "/sys/class/nvme/%.16s/state", name);
	while (sysfs_read(path, state, sizeof(state)) < 0 ||
	       strcmp(state, "live")) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(10000);
	}

	snprintf(path, sizeof(path), "/sys/class/nvme/%.16s/serial", name);
	ret = sysfs_read(path, serial, serial_len);
	while (ret > 0 && serial[ret - 1] == ' ')
		serial[--ret] = '\0';
	return ret < 0 ? ret : 0;
}

/* Virtualization Management (NVMe 1.4, 5.22) */
static int virt_mgmt(int fd, unsigned int controller, unsigned int resource,
		     unsigned int action, unsigned int number)
{
	struct nvme_admin_cmd cmd = {
		.opcode = 0x1c,
		.cdw10 = controller << 16 | resource << 8 | action,
		.cdw11 = number,
	};
	int ret = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);

	return ret < 0 ? -errno : ret ? -EIO : 0;
}

#define QUEUES			0
#define INTERRUPTS		1
#define PRIMARY_FLEXIBLE	1
#define SECONDARY_ASSIGN	8
#define SECONDARY_ONLINE	9

/* A VF is no use before its PF has given it two queues and a vector. */
static int nvme_vf_online(const char *pf, const char *name)
{
	char path[SYSFS_PATH];
	int fd, ret;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	/* With what the PF gives away, which takes effect at a reset. */
	ret = pci_set_vfs(pf, 0);
	if (!ret)
		ret = virt_mgmt(fd, 0, INTERRUPTS, PRIMARY_FLEXIBLE, 0);
	if (!ret)
		ret = virt_mgmt(fd, 0, QUEUES, PRIMARY_FLEXIBLE, 0);
	if (!ret && ioctl(fd, NVME_IOCTL_RESET) < 0)
		ret = -errno;
	if (!ret)
		ret = function_enable_vf(pf);
	if (!ret)
		ret = virt_mgmt(fd, 1, INTERRUPTS, SECONDARY_ASSIGN, 1);
	if (!ret)
		ret = virt_mgmt(fd, 1, QUEUES, SECONDARY_ASSIGN, 2);
	if (!ret)
		ret = virt_mgmt(fd, 1, 0, SECONDARY_ONLINE, 0);
	close(fd);
	return ret;
}

FIXTURE(nvme_dma)
{
	struct function function;
	struct vfio_user user;
	struct nvme nvme;
	uint8_t *memory;
	uint8_t *buffer;
	char serial[64];
	int kmsg;
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
	if (variant->way == VFIO_WAY_CDEV && !vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd, or no character devices of VFIO");
	if (!have_fault_log())
		SKIP(return, "no Intel IOMMU, whose messages these tests know");

	/* Back to the kernel's driver, which knows the serial number. */
	ASSERT_EQ(0, function_give_back(variant->kind));
	ret = function_take(&self->function, variant->kind);
	if (ret == -ENODEV)
		SKIP(return, "no %s", variant->kind->name);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, nvme_controller(self->function.pf, name, sizeof(name),
				     self->serial, sizeof(self->serial)));
	/* The tests write to the disk. */
	if (strncmp(self->serial, "lab-", 4))
		SKIP(return, "\"%s\" is no disk of the lab", self->serial);
	if (variant->kind->vf)
		ASSERT_EQ(0, nvme_vf_online(self->function.pf, name));

	ASSERT_EQ(0, function_offer(&self->function, "pt"));
	ASSERT_EQ(0, vfio_open(&self->user, variant->way, self->function.bdf,
			       self->function.name));

	self->memory = memory_alloc(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->buffer = self->memory + BUFFER;
	ASSERT_EQ(0, vfio_map_dma(&self->user, self->memory, IOVA, MEMORY,
				  READ_WRITE));
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, nvme_start(&self->nvme, &self->user, self->memory, IOVA,
				variant->kind->vf ? 1 : 2));
}

FIXTURE_TEARDOWN(nvme_dma)
{
	nvme_stop(&self->nvme);
	vfio_close(&self->user);
	EXPECT_EQ(0, function_withdraw(&self->function));
}

TEST_F_TIMEOUT(nvme_dma, identify, TEST_SECONDS)
{
	size_t len = strlen(self->serial);

	ASSERT_EQ(0, nvme_identify(&self->nvme, IOVA + BUFFER));

	/* Identify Controller, bytes 4 to 23 */
	EXPECT_EQ(0, memcmp(self->buffer + 4, self->serial, len));
	EXPECT_TRUE(all_bytes(self->buffer + 4 + len, ' ', 20 - len));
	EXPECT_EQ(0, eventfd_wait(self->nvme.admin.eventfd, 1000));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->nvme.io.eventfd, 0));
}

TEST_F_TIMEOUT(nvme_dma, read_and_write, TEST_SECONDS)
{
	const unsigned int blocks = PAGE / NVME_BLOCK;
	uint8_t *there = self->buffer, *back = self->buffer + PAGE;
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
	EXPECT_TRUE(fault_logged(self->kmsg, self->function.bdf, address,
				 FAULT_MS));
}

/* Mapped for the device to read from: a write does not land. */
TEST_F_TIMEOUT(nvme_dma, read_only, TEST_SECONDS)
{
	const uint64_t iova = IOVA + MEMORY;
	uint8_t *page = memory_alloc(PAGE);

	ASSERT_NE(NULL, page);
	memset(page, 0x5a, PAGE);
	ASSERT_EQ(0, vfio_map_dma(&self->user, page, iova, PAGE,
				  VFIO_DMA_MAP_FLAG_READ));
	nvme_identify(&self->nvme, iova);
	EXPECT_TRUE(all_bytes(page, 0x5a, PAGE));
	EXPECT_TRUE(fault_logged(self->kmsg, self->function.bdf, iova,
				 FAULT_MS));
}

TEST_F_TIMEOUT(nvme_dma, unmapped, TEST_SECONDS)
{
	const uint64_t iova = IOVA + MEMORY;
	uint8_t *page = memory_alloc(PAGE);

	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, vfio_map_dma(&self->user, page, iova, PAGE, READ_WRITE));
	ASSERT_EQ(0, nvme_identify(&self->nvme, iova));
	EXPECT_EQ(0, memcmp(page + 4, self->serial, strlen(self->serial)));
	EXPECT_FALSE(fault_logged(self->kmsg, self->function.bdf, iova, 100));

	ASSERT_EQ(0, vfio_unmap_dma(&self->user, iova, PAGE));
	memset(page, 0x5a, PAGE);
	nvme_identify(&self->nvme, iova);
	EXPECT_TRUE(all_bytes(page, 0x5a, PAGE));
	EXPECT_TRUE(fault_logged(self->kmsg, self->function.bdf, iova,
				 FAULT_MS));
}

/* Without bus mastering, as after a reset, it reaches no memory at all. */
TEST_F_TIMEOUT(nvme_dma, bus_master_off, TEST_SECONDS)
{
	memset(self->buffer, 0x5a, PAGE);
	ASSERT_EQ(0, vfio_bus_master(&self->user, false));
	EXPECT_EQ(-ETIMEDOUT, nvme_identify(&self->nvme, IOVA + BUFFER));
	EXPECT_TRUE(all_bytes(self->buffer, 0x5a, PAGE));
}

/*
 * The VF of an 82576: frames to and from its PF
 */

#define FRAME_LEN	200
/* IEEE 802, Local Experimental Ethertype 1 */
#define FRAME_TYPE	0x88b5

static const struct function_kind igb_vf_kind = {
	.name = "igb VF",
	.vendor = 0x8086,
	.device = 0x10c9,
	.vf = true,
	.pf_driver = "igb",
};

static int netdev_of(const char *bdf, char *name)
{
	char path[SYSFS_PATH];
	glob_t found;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net/*", bdf);
	if (glob(path, 0, NULL, &found))
		return -ENODEV;
	snprintf(name, IFNAMSIZ, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return 0;
}

static int netdev_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};
	int ret;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	ret = ioctl(fd, SIOCGIFFLAGS, &request);
	if (!ret) {
		request.ifr_flags |= IFF_UP;
		ret = ioctl(fd, SIOCSIFFLAGS, &request);
	}
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Sets the name, which udev may be about to change. */
static int netdev_wait_carrier(const char *bdf, char *name)
{
	long end = now_ms() + 10000;
	char path[SYSFS_PATH], value[8];

	do {
		if (!netdev_of(bdf, name)) {
			snprintf(path, sizeof(path), "/sys/class/net/%s/carrier",
				 name);
			if (sysfs_read(path, value, sizeof(value)) > 0 &&
			    value[0] == '1')
				return 0;
		}
		usleep(10000);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

/* A socket for whole frames of our type on the interface */
static int packet_socket(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(FRAME_TYPE),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(FRAME_TYPE));

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errno : fd;
}

/* To everybody; the content tells one frame from another. */
static void make_frame(uint8_t *frame, const uint8_t *source, uint8_t seed)
{
	struct ether_header *header = (void *)frame;
	size_t i;

	memset(header->ether_dhost, 0xff, ETH_ALEN);
	memcpy(header->ether_shost, source, ETH_ALEN);
	header->ether_type = htons(FRAME_TYPE);
	for (i = sizeof(*header); i < FRAME_LEN; i++)
		frame[i] = seed + i;
}

FIXTURE(igb_vf_dma)
{
	struct function function;
	struct vfio_user user;
	struct igbvf vf;
	uint8_t *memory;
	uint8_t *buffer;
	char pf_name[IFNAMSIZ];
	int packet;
	int kmsg;
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
	if (variant->way == VFIO_WAY_CDEV && !vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd, or no character devices of VFIO");
	if (!have_fault_log())
		SKIP(return, "no Intel IOMMU, whose messages these tests know");

	ret = function_take(&self->function, &igb_vf_kind);
	if (ret == -ENODEV)
		SKIP(return, "no igb VF");
	ASSERT_EQ(0, ret);

	/* The PF answers the VF's mailbox while its interface is up. */
	ASSERT_EQ(0, netdev_of(self->function.pf, self->pf_name));
	ASSERT_EQ(0, netdev_up(self->pf_name));
	ASSERT_EQ(0, netdev_wait_carrier(self->function.pf, self->pf_name));
	self->packet = packet_socket(self->pf_name);
	ASSERT_LE(0, self->packet);

	ASSERT_EQ(0, function_offer(&self->function, "pt"));
	ASSERT_EQ(0, vfio_open(&self->user, variant->way, self->function.bdf,
			       self->function.name));
	self->memory = memory_alloc(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->buffer = self->memory + BUFFER;
	ASSERT_EQ(0, vfio_map_dma(&self->user, self->memory, IOVA, MEMORY,
				  READ_WRITE));
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, igbvf_start(&self->vf, &self->user, self->memory, IOVA));
}

FIXTURE_TEARDOWN(igb_vf_dma)
{
	igbvf_stop(&self->vf);
	vfio_close(&self->user);
	EXPECT_EQ(0, function_withdraw(&self->function));
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
		make_frame(self->buffer, self->vf.mac, round);
		ASSERT_EQ(0, igbvf_send(&self->vf, IOVA + BUFFER, FRAME_LEN));
		ASSERT_EQ(0, eventfd_wait(self->vf.eventfd, 1000));
		ASSERT_EQ(1, poll(&pollfd, 1, 2000));
		ASSERT_EQ(FRAME_LEN, recv(self->packet, received,
					  sizeof(received), 0));
		ASSERT_EQ(0, memcmp(received, self->buffer, FRAME_LEN));
	}
}

TEST_F_TIMEOUT(igb_vf_dma, receive, TEST_SECONDS)
{
	static const uint8_t source[6] = { 0x02, 0, 0, 0, 0, 1 };
	uint8_t frame[FRAME_LEN];
	unsigned int round;

	for (round = 0; round < 80; round++) {
		memset(self->buffer, 0, PAGE);
		igbvf_post(&self->vf, IOVA + BUFFER);
		make_frame(frame, source, round);
		ASSERT_EQ(FRAME_LEN, send(self->packet, frame, FRAME_LEN, 0));
		ASSERT_EQ(FRAME_LEN, igbvf_receive(&self->vf, 2000));
		ASSERT_EQ(0, eventfd_wait(self->vf.eventfd, 1000));
		ASSERT_EQ(0, memcmp(frame, self->buffer, FRAME_LEN));
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
	ASSERT_EQ(0, vfio_map_dma(&self->user, page, iova, PAGE, READ_WRITE));
	igbvf_post(&self->vf, iova);
	ASSERT_EQ(0, vfio_unmap_dma(&self->user, iova, PAGE));

	make_frame(frame, source, 1);
	ASSERT_EQ(FRAME_LEN, send(self->packet, frame, FRAME_LEN, 0));
	EXPECT_TRUE(fault_logged(self->kmsg, self->function.bdf, iova,
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
