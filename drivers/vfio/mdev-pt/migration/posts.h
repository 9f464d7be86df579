/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was posted to a ring, and what of it the function has passed
 *
 * Knows descriptors, and no register: who does says where tail and head are.
 */
#ifndef _MDEV_PT_POSTS_H
#define _MDEV_PT_POSTS_H

#include <linux/mdev_pt.h>

struct mdev_pt_slot;

/**
 * struct mdev_pt_posts - the state of one ring; mdev_pt_migration::queues_lock
 * @ring: the ring
 * @running: there is one: the rest is valid
 * @head: all before it were passed by the function, and are marked
 * @tail: the first that the function may not take
 * @slots: one a descriptor: the buffers of what is posted; NULL if the function
 *	writes to none
 * @guarded: the container asks before it unmaps the ring
 * @final: what a function that was stopped may have begun to write is marked
 */
struct mdev_pt_posts {
	struct mdev_pt_ring ring;
	bool running;
	u32 head;
	u32 tail;
	struct mdev_pt_slot *slots;
	bool guarded;
	bool final;
};

void mdev_pt_posts_begin(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
			 const struct mdev_pt_ring *ring, u32 head);
void mdev_pt_posts_add(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
		       u32 tail);
void mdev_pt_posts_skip(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
			u32 head);
void mdev_pt_posts_passed(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
			  u32 head);
void mdev_pt_posts_written(struct mdev_pt_device *pt, struct mdev_pt_posts *p);
void mdev_pt_posts_ring(struct mdev_pt_device *pt, struct mdev_pt_posts *p);
void mdev_pt_posts_stopped(struct mdev_pt_device *pt, struct mdev_pt_posts *p);
void mdev_pt_posts_end(struct mdev_pt_device *pt, struct mdev_pt_posts *p);
void mdev_pt_posts_free(struct mdev_pt_posts *p);

#endif /* _MDEV_PT_POSTS_H */
