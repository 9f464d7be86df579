/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * igb_vf.c   the vendor: type pt-igb-vf, its life cycle, queues, registers
 * mailbox.c  the conversation with the PF: listened to, and had again
 * regs.h     the registers
 */
#ifndef _MDEV_PT_IGB_VF_H
#define _MDEV_PT_IGB_VF_H

#include <linux/atomic.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/mdev_pt.h>
#include <linux/mutex.h>

#include "regs.h"

/* Kinds of messages that replace the one before */
#define IGB_VF_SETTINGS		3

/**
 * struct igb_vf_granted - what the PF has done for the VF, on its request
 * @ready: 1 since the VF said that it was reset: it may send and receive
 * @nr_filters: how many @filters
 * @mac: the VF's address; all 0 without one
 * @filters: further addresses
 * @settings: messages: multicast hashes, frame size, promiscuous mode; the first
 *	word is 0 for none
 * @vlans: bit n % 8 of byte n / 8: VLAN n
 * @reserved: 0
 *
 * Part of the stream.
 */
struct igb_vf_granted {
	u8 ready;
	u8 nr_filters;
	u8 mac[ETH_ALEN];
	u8 filters[RAR_ENTRIES][ETH_ALEN];
	__le32 settings[IGB_VF_SETTINGS][VMBMEM_WORDS];
	u8 vlans[VLAN_N_VID / 8];
	u8 reserved[4];
} __packed __aligned(4);

/**
 * struct igb_vf_mailbox_state - the mailbox in the stream
 * @vmbmem: the words of VMBMEM
 * @request: see &struct igb_vf
 * @pending: see &struct igb_vf
 * @requested: 1: the PF has not answered to @request
 * @owned: 1: the VF owns VMBMEM
 * @reserved: 0
 * @granted: what the PF at the destination is asked for
 */
struct igb_vf_mailbox_state {
	__le32 vmbmem[VMBMEM_WORDS];
	__le32 request[VMBMEM_WORDS];
	u8 pending;
	u8 requested;
	u8 owned;
	u8 reserved;
	struct igb_vf_granted granted;
} __packed __aligned(4);

#define IGB_VF_STATISTICS	9

/**
 * struct igb_vf - one for each mdev
 * @pt: the device
 * @reset: the function was reset, which @lock's next holder is to know
 * @lock: held over accesses to the BAR, so not for reset_done()
 * @eims: the vectors that resume() enables
 * @pending: bits of V2PMAILBOX that a read of ours has cleared, and that the
 *	user has still to see
 * @requested: the PF has not answered to @request
 * @request: the last message to the PF
 * @told: the PF has got a message since the device was opened
 * @granted: what the PF has granted since the device was opened
 * @statistics: what to add to each counter to go on from the source's
 */
struct igb_vf {
	struct mdev_pt_device *pt;
	atomic_t reset;

	/* guards the rest */
	struct mutex lock;
	u32 eims;
	u32 pending;
	bool requested;
	__le32 request[VMBMEM_WORDS];
	bool told;
	struct igb_vf_granted granted;
	u32 statistics[IGB_VF_STATISTICS];
};

/* A user can make it fail as often as it likes. */
#define igb_vf_err(igb, ...) \
	dev_err_ratelimited(&(igb)->pt->vdev.pdev->dev, __VA_ARGS__)

int igb_vf_read(struct igb_vf *igb, u32 offset, u32 *value);
int igb_vf_write(struct igb_vf *igb, u32 offset, u32 value);

/*
 * The user's access to a part of a register, which is 32 bits wide: of a read
 * the part is cut out; a write is one of the whole register, with 0 around.
 */
u32 igb_vf_part(u32 reg, u64 offset, unsigned int width);
u32 igb_vf_whole(u64 value, u64 offset);

void igb_vf_lock(struct igb_vf *igb);
void igb_vf_unlock(struct igb_vf *igb);

/* With the lock held: VTCTRL.RST was written. */
void igb_vf_mailbox_reset(struct igb_vf *igb);

extern const struct mdev_pt_trap_ops igb_vf_mailbox_ops;

/* With the lock held. The load logs what the PF did not do, but no failed access. */
int igb_vf_mailbox_save(struct igb_vf *igb, struct igb_vf_mailbox_state *state);
int igb_vf_mailbox_load(struct igb_vf *igb,
			const struct igb_vf_mailbox_state *state);
bool igb_vf_mailbox_valid(const struct igb_vf_mailbox_state *state);

/* With the lock held: has the PF undo what it did for the user, who has gone. */
void igb_vf_mailbox_forget(struct igb_vf *igb);

#endif /* _MDEV_PT_IGB_VF_H */
