// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "nvme.h"

#define PAGE		4096
#define ENTRIES		16

/* 3.1, Register Definition */
#define CAP		0x00
#define CC		0x14
#define CC_EN		(1u << 0)
#define CC_IOSQES	(6u << 16)
#define CC_IOCQES	(4u << 20)
#define CSTS		0x1c
#define CSTS_RDY	(1u << 0)
#define AQA		0x24
#define ASQ		0x28
#define ACQ		0x30
#define DOORBELLS	0x1000

/* 5, Admin Command Set, and NVM Command Set 6 */
#define CREATE_SQ	0x01
#define CREATE_CQ	0x05
#define IDENTIFY	0x06
#define ASYNC_EVENT	0x0c
#define IDENTIFY_CNS_CONTROLLER	1
#define CMD_WRITE	0x01
#define CMD_READ	0x02
#define QUEUE_CONTIGUOUS	(1u << 0)
#define QUEUE_INTERRUPTS	(1u << 1)

static uint32_t reg_read(struct nvme *n, size_t offset)
{
	return *(volatile uint32_t *)(n->regs + offset);
}

static void reg_write(struct nvme *n, size_t offset, uint32_t value)
{
	*(volatile uint32_t *)(n->regs + offset) = value;
}

static void reg_write64(struct nvme *n, size_t offset, uint64_t value)
{
	reg_write(n, offset, value);
	reg_write(n, offset + 4, value >> 32);
}

static int wait_ready(struct nvme *n, uint32_t ready)
{
	long end = now_ms() + NVME_TIMEOUT_MS;

	while ((reg_read(n, CSTS) & CSTS_RDY) != ready) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(1000);
	}
	return 0;
}

static void queue_init(struct nvme_queue *q, uint32_t id, uint8_t *memory)
{
	memset(memory, 0, 2 * PAGE);
	q->sq = (void *)memory;
	q->cq = (void *)(memory + PAGE);
	q->id = id;
	q->tail = 0;
	q->head = 0;
	q->phase = true;
}

static int map_registers(struct nvme *n, struct vfio_user *u)
{
	void *regs;
	int ret;

	/* Registers, and the doorbells of two queue pairs */
	ret = vfio_mmap(u, VFIO_PCI_BAR0_REGION_INDEX, 0, 2 * PAGE, &regs);
	if (ret)
		return ret;
	n->u = u;
	n->regs = regs;
	n->regs_len = 2 * PAGE;
	return 0;
}

int nvme_start(struct nvme *n, struct vfio_user *u, void *memory,
	       uint64_t iova, unsigned int vectors)
{
	int32_t fds[2];
	int ret;

	memset(n, 0, sizeof(*n));
	n->memory_iova = iova;
	n->admin.eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	n->io.eventfd = vectors == 1 ? n->admin.eventfd :
			eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	n->vectors = vectors;
	queue_init(&n->admin, 0, memory);
	queue_init(&n->io, 1, (uint8_t *)memory + 2 * PAGE);

	ret = map_registers(n, u);
	if (!ret)
		ret = vfio_bus_master(u, true);
	if (ret)
		return ret;
	fds[0] = n->admin.eventfd;
	fds[1] = n->io.eventfd;
	ret = vfio_irq_eventfds(u, VFIO_PCI_MSIX_IRQ_INDEX, 0, vectors, fds);
	if (ret)
		return ret;

	reg_write(n, CC, 0);
	ret = wait_ready(n, 0);
	if (ret)
		return ret;
	reg_write(n, AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	reg_write64(n, ASQ, iova);
	reg_write64(n, ACQ, iova + PAGE);
	reg_write(n, CC, CC_EN | CC_IOSQES | CC_IOCQES);
	return wait_ready(n, CSTS_RDY);
}

void nvme_stop(struct nvme *n)
{
	if (n->regs) {
		reg_write(n, CC, 0);
		wait_ready(n, 0);
		munmap((void *)n->regs, n->regs_len);
		vfio_irq_disable(n->u, VFIO_PCI_MSIX_IRQ_INDEX);
	}
	close(n->admin.eventfd);
	if (n->vectors > 1)
		close(n->io.eventfd);
}

/* 3.1.24: CAP.DSTRD gives the distance; QEMU has 0, as most have. */
static void doorbell(struct nvme *n, unsigned int index, uint32_t value)
{
	uint32_t stride = 4u << (reg_read(n, CAP + 4) & 0xf);

	reg_write(n, DOORBELLS + index * stride, value);
}

static void queue_submit(struct nvme *n, struct nvme_queue *q,
			 const uint32_t *command)
{
	memcpy(q->sq[q->tail], command, sizeof(*q->sq));
	q->tail = (q->tail + 1) % ENTRIES;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	doorbell(n, 2 * q->id, q->tail);
}

static int queue_run(struct nvme *n, struct nvme_queue *q,
		     const uint32_t *command)
{
	volatile uint32_t *done = q->cq[q->head];
	long end = now_ms() + NVME_TIMEOUT_MS;
	uint32_t status;

	queue_submit(n, q, command);
	while (((done[3] >> 16) & 1) != q->phase) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(100);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	status = done[3] >> 17;
	q->head = (q->head + 1) % ENTRIES;
	if (!q->head)
		q->phase = !q->phase;
	doorbell(n, 2 * q->id + 1, q->head);

	/* Status Code and Status Code Type */
	return status & 0x7ff;
}

int nvme_identify(struct nvme *n, uint64_t iova)
{
	uint32_t command[16] = {
		[0] = IDENTIFY,
		[6] = iova,
		[7] = iova >> 32,
		[10] = IDENTIFY_CNS_CONTROLLER,
	};

	return queue_run(n, &n->admin, command);
}

void nvme_async_event(struct nvme *n)
{
	uint32_t command[16] = { [0] = ASYNC_EVENT };

	queue_submit(n, &n->admin, command);
}

int nvme_enabled(struct vfio_user *u)
{
	struct nvme n = {};
	int ret;

	ret = map_registers(&n, u);
	if (ret)
		return ret;
	ret = !!(reg_read(&n, CC) & CC_EN);
	munmap((void *)n.regs, n.regs_len);
	return ret;
}

int nvme_create_io_queue(struct nvme *n)
{
	uint64_t iova = n->memory_iova + 2 * PAGE;
	uint32_t cq[16] = {
		[0] = CREATE_CQ,
		[6] = iova + PAGE,
		[7] = (iova + PAGE) >> 32,
		[10] = (ENTRIES - 1) << 16 | 1,
		[11] = (n->vectors - 1) << 16 | QUEUE_INTERRUPTS | QUEUE_CONTIGUOUS,
	};
	uint32_t sq[16] = {
		[0] = CREATE_SQ,
		[6] = iova,
		[7] = iova >> 32,
		[10] = (ENTRIES - 1) << 16 | 1,
		[11] = 1u << 16 | QUEUE_CONTIGUOUS,
	};
	int ret;

	ret = queue_run(n, &n->admin, cq);
	if (!ret)
		ret = queue_run(n, &n->admin, sq);
	return ret > 0 ? -EIO : ret;
}

static int nvme_rw(struct nvme *n, uint32_t opcode, uint64_t lba,
		   unsigned int blocks, uint64_t iova)
{
	uint32_t command[16] = {
		[0] = opcode,
		[1] = 1,	/* namespace */
		[6] = iova,
		[7] = iova >> 32,
		[10] = lba,
		[11] = lba >> 32,
		[12] = blocks - 1,
	};

	return queue_run(n, &n->io, command);
}

int nvme_read(struct nvme *n, uint64_t lba, unsigned int blocks, uint64_t iova)
{
	return nvme_rw(n, CMD_READ, lba, blocks, iova);
}

int nvme_write(struct nvme *n, uint64_t lba, unsigned int blocks,
	       uint64_t iova)
{
	return nvme_rw(n, CMD_WRITE, lba, blocks, iova);
}
