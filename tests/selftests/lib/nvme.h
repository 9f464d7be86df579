/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest NVMe driver: an admin queue and one I/O queue pair, one command
 * at a time
 *
 * Names are those of the NVM Express base specification, 1.4.
 */
#ifndef _SELFTESTS_NVME_H
#define _SELFTESTS_NVME_H

#include <stdbool.h>

#include "vfio.h"

#define NVME_BLOCK	512
/* What nvme_start() wants for the queues, page-aligned and mapped */
#define NVME_QUEUE_MEM	(4 * 4096)
/* Of commands and of the controller's state */
#define NVME_TIMEOUT_MS	3000

struct nvme_queue {
	uint32_t (*sq)[16];
	volatile uint32_t (*cq)[4];
	uint32_t id;
	uint32_t tail;
	uint32_t head;
	bool phase;
	/* of its MSI-X vector */
	int eventfd;
};

struct nvme {
	struct vfio_user *u;
	volatile uint8_t *regs;
	size_t regs_len;
	uint64_t memory_iova;
	unsigned int vectors;
	struct nvme_queue admin;
	struct nvme_queue io;
};

/*
 * All return 0 or -errno; nvme_stop() also after a failed start. @vectors: 1
 * for all, or one for each of the queues.
 */
int nvme_start(struct nvme *n, struct vfio_user *u, void *memory,
	       uint64_t iova, unsigned int vectors);
int nvme_create_io_queue(struct nvme *n);
void nvme_stop(struct nvme *n);
/* Has somebody enabled the controller (CC.EN)? 0, 1, or -errno */
int nvme_enabled(struct vfio_user *u);
/* A command that stays outstanding; nothing waits for it. */
void nvme_async_event(struct nvme *n);

/*
 * These return the status of the completion (Status Code and Type, 0 is
 * success), -ETIMEDOUT when none came, or another -errno. @iova: where the data
 * is, at most one page of it.
 */
int nvme_identify(struct nvme *n, uint64_t iova);
int nvme_read(struct nvme *n, uint64_t lba, unsigned int blocks, uint64_t iova);
int nvme_write(struct nvme *n, uint64_t lba, unsigned int blocks,
	       uint64_t iova);

#endif /* _SELFTESTS_NVME_H */
