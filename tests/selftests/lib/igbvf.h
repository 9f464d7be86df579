/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest driver of an 82576 VF: mailbox, one ring each way, one MSI-X
 * vector
 *
 * Names are those of the 82576 datasheet, chapters 7.8.2.9 (mailbox) and 8.26
 * (VF registers).
 */
#ifndef _SELFTESTS_IGBVF_H
#define _SELFTESTS_IGBVF_H

#include "vfio.h"

#define IGBVF_RING_MEM	(2 * 4096)
#define IGBVF_TIMEOUT_MS	3000

struct igbvf {
	struct vfio_user *u;
	volatile uint8_t *regs;
	size_t regs_len;
	volatile uint32_t (*rx)[4];
	volatile uint32_t (*tx)[4];
	uint32_t rx_tail;
	uint32_t tx_tail;
	/* bits of V2PMAILBOX that a read has cleared */
	uint32_t mailbox;
	uint8_t mac[6];
	/* MSI-X vector 1: both rings */
	int eventfd;
};

/* All return 0 or -errno; igbvf_stop() also after a failed start. */
int igbvf_start(struct igbvf *vf, struct vfio_user *u, void *memory,
		uint64_t iova);
void igbvf_stop(struct igbvf *vf);
/* Has somebody enabled the receive queue? 0, 1, or -errno */
int igbvf_receiving(struct vfio_user *u);
/* Hands the buffer, of 2 KB, to the VF. */
int igbvf_post(struct igbvf *vf, uint64_t iova);
/* The length of the frame in the buffer posted last, or -ETIMEDOUT */
int igbvf_receive(struct igbvf *vf, int timeout_ms);
int igbvf_send(struct igbvf *vf, uint64_t iova, size_t len);

#endif /* _SELFTESTS_IGBVF_H */
