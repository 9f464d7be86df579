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

#define IGBVF_PAGES	4

/* What a receive ring's SRRCTL says of it: 8.10.2 */
#define IGBVF_LEGACY	(0u << 25)
#define IGBVF_ADVANCED	(1u << 25)
/* Header and packet each have a buffer, whatever the packet is. */
#define IGBVF_SPLIT	(5u << 25)
#define IGBVF_PACKET(kb)	(kb)
#define IGBVF_HEADER(bytes)	((bytes) / 64 << 8)

/*
 * One ring. The first five are the user's.
 * @queue: 0 or 1
 * @desc: zeros, 16 bytes for each of the @entries, a multiple of 8
 * @iova: where the VF finds @desc
 * @srrctl: of a receive ring
 * @writeback: of a transmit ring: where the VF writes its head, 4 bytes, or 0
 * @tail: the next to be filled
 * @head: the next that the VF has done
 */
struct igbvf_ring {
	unsigned int queue;
	volatile uint32_t (*desc)[4];
	uint32_t entries;
	uint64_t iova;
	uint32_t srrctl;
	uint64_t writeback;
	bool receive;
	uint32_t tail;
	uint32_t head;
};

/* @page: of BAR 0; NULL: what can't be mapped */
struct igbvf {
	struct vfio_user *u;
	volatile uint8_t *page[IGBVF_PAGES];
	struct igbvf_ring rx;
	struct igbvf_ring tx;
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
/*
 * It goes on with another VF, which is in the state of the first: only the
 * registers are mapped. Detached, it has none.
 */
int igbvf_attach(struct igbvf *vf, struct vfio_user *u);
void igbvf_detach(struct igbvf *vf);
/* Asks the PF, by a message of @len words. -EACCES: it refuses. */
int igbvf_ask(struct igbvf *vf, const uint32_t *message, unsigned int len);
/* @kind: 0 for the VF's own, VF_MAC_FILTER_ADD for a further one */
int igbvf_ask_address(struct igbvf *vf, uint32_t kind, const uint8_t *address);
/* Has somebody enabled the receive queue? 0, 1, or -errno */
int igbvf_receiving(struct vfio_user *u);
/* Hands the buffer, of 2 KB, to the VF. */
int igbvf_post(struct igbvf *vf, uint64_t iova);
/* The length of the frame in the buffer posted last, or -ETIMEDOUT */
int igbvf_receive(struct igbvf *vf, int timeout_ms);
int igbvf_send(struct igbvf *vf, uint64_t iova, size_t len);

/*
 * Rings of one's own, instead of those that igbvf_start() made. What is filled
 * is the VF's with the next igbvf_ring_bell().
 */
int igbvf_ring_start(struct igbvf *vf, struct igbvf_ring *ring);
int igbvf_ring_stop(struct igbvf *vf, struct igbvf_ring *ring);
/* How many may be filled */
uint32_t igbvf_ring_room(const struct igbvf_ring *ring);
void igbvf_ring_fill_rx(struct igbvf_ring *ring, uint64_t packet,
			uint64_t header);
void igbvf_ring_fill_tx(struct igbvf_ring *ring, uint64_t iova, size_t len);
/* With the VLAN of the last context */
void igbvf_ring_fill_tagged(struct igbvf_ring *ring, uint64_t iova, size_t len);
void igbvf_ring_fill_context(struct igbvf_ring *ring, unsigned int vlan);
void igbvf_ring_bell(struct igbvf *vf, struct igbvf_ring *ring);
/* Takes back what the VF has done, in order: how many descriptors */
uint32_t igbvf_ring_done(struct igbvf *vf, struct igbvf_ring *ring);

/* Registers */
#define IGBVF_PSRTYPE		0x0f0c
#define IGBVF_RX_RING(queue)	(0x2800 + 0x100 * (queue))
#define IGBVF_TX_RING(queue)	(0x3800 + 0x100 * (queue))
#define IGBVF_RING_BAL	0x00
#define IGBVF_RING_BAH	0x04
#define IGBVF_RING_LEN	0x08
#define IGBVF_RING_SRRCTL	0x0c
#define IGBVF_RING_HEAD	0x10
#define IGBVF_RING_TAIL	0x18
#define IGBVF_RING_DCTL	0x28
#define IGBVF_RING_WBAL	0x38
#define IGBVF_RING_WBAH	0x3c
#define IGBVF_DCTL_ENABLE	(1u << 25)

uint32_t igbvf_reg_read(struct igbvf *vf, size_t offset);
void igbvf_reg_write(struct igbvf *vf, size_t offset, uint32_t value);

#endif /* _SELFTESTS_IGBVF_H */
