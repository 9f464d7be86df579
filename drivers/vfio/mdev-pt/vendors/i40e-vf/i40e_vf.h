/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * i40e_vf.c   the vendor: type pt-i40e-vf, its life cycle and its migration
 * adminq.c    the user's admin queues: overheard; after a move, emulated
 * written.c   what the function writes to them: dirty pages
 * virtchnl.c  what their messages mean: rings, and what the PF has granted
 * session.c   a short conversation with the PF of our own
 * regs.h      registers, descriptors, messages
 *
 * Locks, outermost first; ../../migration/migration.h has those around them:
 *
 *	i40e_vf::lock
 *	  i40e_vf::written_lock
 */
#ifndef _MDEV_PT_I40E_VF_H
#define _MDEV_PT_I40E_VF_H

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/list.h>
#include <linux/mdev_pt.h>
#include <linux/mutex.h>

#include "regs.h"

#define I40E_VF_BAR		0

/* Pairs of queues that a VF may have; tails are those of all RX, then of all TX */
#define I40E_VF_QUEUES		16

/* Vectors that a VF may have, but for vector 0 */
#define I40E_VF_VECTORS		16

/* Longest admin queue that its registers have room for */
#define I40E_VF_AQ_MAX		(VF_AQ_INDEX + 1)

/* Addresses that are compared after a move: more than a PF grants by default */
#define I40E_VF_MACS		64

/**
 * struct i40e_vf_learned - what the PF says that it grants to this VF
 * @known: it has answered
 * @mac: set by the administrator; all 0: none
 * @queues: pairs
 * @vectors: with vector 0
 * @max_mtu: 0: not said
 * @caps: VC_CAP_*
 */
struct i40e_vf_learned {
	bool known;
	u8 mac[ETH_ALEN];
	u16 queues;
	u16 vectors;
	u16 max_mtu;
	u32 caps;
};

/* Bits of i40e_vf_granted::rss */
#define I40E_VF_RSS_KEY		BIT(0)
#define I40E_VF_RSS_LUT		BIT(1)
#define I40E_VF_RSS_HENA	BIT(2)

/**
 * struct i40e_vf_granted - what the PF has granted to the user's driver
 * @resources: 1: the PF has said what there is; else the rest is 0
 * @promiscuous: as in the message
 * @rss: what was set
 * @stripping: 1: of VLAN tags
 * @caps: VC_CAP_*
 * @queues: pairs that are configured
 * @vectors: that are in use, with vector 0
 * @max_frame: of a receive queue
 * @mac: the VF's own address; all 0: none
 * @nr_macs: how many @macs
 * @reserved: 0
 * @macs: filters, with @mac
 * @vlans: bit n % 8 of byte n / 8: VLAN n
 *
 * Part of the stream.
 */
struct i40e_vf_granted {
	u8 resources;
	u8 promiscuous;
	u8 rss;
	u8 stripping;
	__le32 caps;
	__le16 queues;
	__le16 vectors;
	__le16 max_frame;
	u8 mac[ETH_ALEN];
	__le16 nr_macs;
	u8 reserved[2];
	u8 macs[I40E_VF_MACS][ETH_ALEN];
	u8 vlans[VLAN_N_VID / 8];
} __packed __aligned(4);

/**
 * struct i40e_vf_needs - what a destination must have; part of the stream
 * @caps: VC_CAP_*
 * @queues: pairs
 * @vectors: with vector 0
 * @max_frame: the longest that is to be received
 * @mac: the address that its PF must have set, if it has set one; all 0: any
 */
struct i40e_vf_needs {
	__le32 caps;
	__le16 queues;
	__le16 vectors;
	__le16 max_frame;
	u8 mac[ETH_ALEN];
} __packed __aligned(4);

/* An admin queue in the stream: as in &struct i40e_vf_adminq */
struct i40e_vf_adminq_state {
	__le64 base;
	__le32 len;
	__le32 head;
	__le32 tail;
	__le32 reserved;
} __packed __aligned(4);

/**
 * struct i40e_vf_state - the stream; only ever longer
 * @atq: to the PF
 * @arq: from the PF
 * @dyn_ctl: VFINT_DYN_CTL01
 * @icr0_ena: VFINT_ICR0_ENA1
 * @announced: 1: the last message of @arq, which the user has not seen, is ours
 * @outstanding: how many messages the PF has not answered
 * @reserved: 0
 * @granted: what the PF at the destination will be asked for
 */
struct i40e_vf_state {
	struct i40e_vf_adminq_state atq;
	struct i40e_vf_adminq_state arq;
	__le32 dyn_ctl;
	__le32 icr0_ena;
	u8 announced;
	u8 outstanding;
	u8 reserved[6];
	struct i40e_vf_granted granted;
} __packed __aligned(4);

/**
 * struct i40e_vf_adminq - an admin queue, as the user has set it up
 * @base: its IOVA
 * @len: VF_A[RT]QLEN
 * @head: of the ARQ: up to which descriptor we have looked
 * @tail: VF_A[RT]QT
 */
struct i40e_vf_adminq {
	u64 base;
	u32 len;
	u32 head;
	u32 tail;
};

/* A buffer for a message of the PF */
struct i40e_vf_buffer {
	u64 iova;
	u16 len;
};

/**
 * struct i40e_vf_written - an admin queue, as the function writes to it
 * @base: its IOVA
 * @entries: its length; 0: it is not enabled
 * @marked: up to which descriptor it is marked
 * @head: the register of the function's head
 * @len: the register that says if it is enabled
 * @buffers: of the ARQ, I40E_VF_AQ_MAX of them; else NULL
 */
struct i40e_vf_written {
	u64 base;
	u32 entries;
	u32 marked;
	u32 head;
	u32 len;
	struct i40e_vf_buffer *buffers;
};

/* A pair of queues, as it was asked for last */
struct i40e_vf_pair {
	bool configured;
	struct vc_queue_pair info;
};

/**
 * struct i40e_vf - one for each mdev
 * @pt: the device
 * @learned: constant
 * @attrs: i40e-vf/ in the mdev's directory
 * @reset: the function was reset, which @lock's next holder is to know
 * @master: it may do DMA when it is resumed; reset_done() sees to it, too
 * @lock: held over accesses to the BAR and to the user's memory, and while rings
 *	are attached; so not for reset_done() and i40e_vf_mark_written()
 * @touched: the user has used an admin queue since the function was reset
 * @deaf: messages could not be read: what was granted is not known
 * @deaf_said: that was said
 * @atq: to the PF
 * @arq: from the PF
 * @requests: that the PF has not answered, oldest first
 * @nr_requests: how many
 * @pairs: rings
 * @granted: by the PF, since the function was reset
 * @before: before it moved; refused items are taken out
 * @repeat: promiscuous mode is still to be asked for, as @before has it
 * @asked: a request of the user's was used for that, and is not answered
 * @stats: as the PF has said last
 * @state: of the quiesced function
 * @arrived: it has moved, and the user's driver does not know it yet
 * @cause: VFINT_ICR01 is to name the admin queue; the user has not read it since the
 *	function arrived
 * @raise: vector 0 is to be raised when it is enabled
 * @stale_tails: the user may have rung for queues that were not there
 * @message: of a descriptor
 * @written_lock: guards what is named so
 * @written_atq: @written_lock
 * @written_arq: @written_lock
 */
struct i40e_vf {
	struct mdev_pt_device *pt;
	struct i40e_vf_learned learned;
	struct i40e_vf_attrs *attrs;
	atomic_t reset;
	atomic_t master;

	/* guards the rest */
	struct mutex lock;
	bool touched;
	bool deaf;
	bool deaf_said;
	struct i40e_vf_adminq atq;
	struct i40e_vf_adminq arq;
	struct list_head requests;
	unsigned int nr_requests;
	struct i40e_vf_pair pairs[I40E_VF_QUEUES];
	struct i40e_vf_granted granted;
	struct i40e_vf_granted before;
	bool repeat;
	bool asked;
	struct vc_stats stats;
	struct i40e_vf_state state;
	bool arrived;
	bool cause;
	bool raise;
	bool stale_tails;
	u8 message[I40E_VF_MESSAGE_MAX] __aligned(8);

	/* guards what follows */
	struct mutex written_lock;
	struct i40e_vf_written written_atq;
	struct i40e_vf_written written_arq;
};

/* A user can make it fail as often as it likes. */
#define i40e_vf_err(i40e, ...) \
	dev_err_ratelimited(&(i40e)->pt->vdev.pdev->dev, __VA_ARGS__)

/* i40e_vf.c */
int i40e_vf_read(struct i40e_vf *i40e, u32 offset, u32 *value);
int i40e_vf_write(struct i40e_vf *i40e, u32 offset, u32 value);
void i40e_vf_lock(struct i40e_vf *i40e);
void i40e_vf_unlock(struct i40e_vf *i40e);

/* adminq.c; with the lock held, but for the first */
int i40e_vf_add_traps(struct i40e_vf *i40e);
/* The function was reset: nothing is left but what @before has. */
void i40e_vf_adminq_reset(struct i40e_vf *i40e);
/* The state of the quiesced function is in @state. */
int i40e_vf_adminq_capture(struct i40e_vf *i40e);
/* The function, which was reset, goes on from there. */
int i40e_vf_adminq_restore(struct i40e_vf *i40e);

static inline u32 i40e_vf_entries(const struct i40e_vf_adminq *q)
{
	return q->len & VF_AQLEN_ENABLE ? q->len & VF_AQ_INDEX : 0;
}

/* written.c; all take written_lock */
void i40e_vf_mark_written(struct mdev_pt_device *pt, bool stopped);
/* With the lock held: the user has set the queue up anew, perhaps. */
void i40e_vf_written_begin(struct i40e_vf *i40e, struct i40e_vf_written *w,
			   const struct i40e_vf_adminq *q);
void i40e_vf_written_end(struct i40e_vf *i40e);
void i40e_vf_posted(struct i40e_vf *i40e, u32 index, u64 iova, u16 len);
struct i40e_vf_buffer i40e_vf_buffer(struct i40e_vf *i40e, u32 index);

/* virtchnl.c; with the lock held */
void i40e_vf_request(struct i40e_vf *i40e, u32 message, const void *data,
		     size_t len);
void i40e_vf_answer(struct i40e_vf *i40e, u32 message, u32 status,
		    const void *data, size_t len);
/* Of rings and requests nothing is left. */
void i40e_vf_forget(struct i40e_vf *i40e);
/* Is promiscuous mode to be asked for in the place of this request? */
bool i40e_vf_repeats(struct i40e_vf *i40e, u32 message, const void *data,
		     size_t len, struct vc_promiscuous *instead);
void i40e_vf_fill_needs(const struct i40e_vf_granted *granted,
			struct i40e_vf_needs *needs);
bool i40e_vf_granted_valid(const struct i40e_vf_granted *granted);
/* Without the lock: an error is logged. */
int i40e_vf_check_needs(struct i40e_vf *i40e,
			const struct i40e_vf_needs *needs);

/* session.c: no user has the device. An error is logged. */
int i40e_vf_learn(struct i40e_vf *i40e);

#endif /* _MDEV_PT_I40E_VF_H */
