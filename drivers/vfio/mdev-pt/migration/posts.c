// SPDX-License-Identifier: GPL-2.0-only
/*
 * Posts: which memory a function may write to
 *
 * What does a NIC write to? Buffers that were posted, in the order of the ring;
 * the descriptors of those; and next to nothing else.  So the buffers of each
 * descriptor are noted when it is posted, before the function sees the tail.
 * When the head has passed it, its buffers and itself are marked, once.
 */

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "../core.h"
#include "migration.h"
#include "posts.h"

/* Buffers of one descriptor: header and packet */
#define MAX_BUFFERS	2

/* Descriptors read at once, in bytes */
#define BATCH		1024

/*
 * struct mdev_pt_slot - what one descriptor names
 * @buffers: a length of 0: none, or marked
 * @guarded: which of them the container asks for before they are unmapped
 */
struct mdev_pt_slot {
	struct mdev_pt_buffer buffers[MAX_BUFFERS];
	bool guarded[MAX_BUFFERS];
};

static u32 next(struct mdev_pt_posts *p, u32 index)
{
	return index + 1 == p->ring.entries ? 0 : index + 1;
}

static void mark_descriptors(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
			     u32 first, u32 end)
{
	u64 size = p->ring.desc_size;

	if (first <= end) {
		mdev_pt_mark_dirty(pt, p->ring.base + first * size,
				   (end - first) * size);
	} else {
		mark_descriptors(pt, p, first, p->ring.entries);
		mark_descriptors(pt, p, 0, end);
	}
}

/* Nothing is posted there any more. */
static void clear_slot(struct mdev_pt_device *pt, struct mdev_pt_slot *slot)
{
	unsigned int i;

	for (i = 0; i < MAX_BUFFERS; i++) {
		if (slot->guarded[i])
			mdev_pt_dirty_unguard(pt, slot->buffers[i].iova,
					      slot->buffers[i].len);
	}
	memset(slot, 0, sizeof(*slot));
}

static void mark_buffers(struct mdev_pt_device *pt, struct mdev_pt_slot *slot)
{
	unsigned int i;

	for (i = 0; i < MAX_BUFFERS; i++)
		mdev_pt_mark_dirty(pt, slot->buffers[i].iova,
				   slot->buffers[i].len);
}

static void mark_slot(struct mdev_pt_device *pt, struct mdev_pt_slot *slot)
{
	mark_buffers(pt, slot);
	clear_slot(pt, slot);
}

/*
 * Buffers that were passed at the same time are often on the same pages, or on
 * pages next to each other: mark them at once.
 */
struct run {
	u64 first;
	u64 end;
};

static void mark_run(struct mdev_pt_device *pt, struct run *run)
{
	mdev_pt_mark_dirty(pt, run->first, run->end - run->first);
	run->first = 0;
	run->end = 0;
}

static void add_to_run(struct mdev_pt_device *pt, struct run *run, u64 iova,
		       u32 len)
{
	u64 first = iova & PAGE_MASK, end;

	/* Beyond the end of what there is, or nothing */
	if (!len || check_add_overflow(iova, (u64)len + PAGE_SIZE, &end)) {
		mdev_pt_mark_dirty(pt, iova, len);
		return;
	}
	end = PAGE_ALIGN(iova + len);
	if (first > run->end || end < run->first) {
		mark_run(pt, run);
		run->first = first;
		run->end = end;
	} else {
		run->first = min(run->first, first);
		run->end = max(run->end, end);
	}
}

static void mark_slots(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
		       u32 first, u32 end)
{
	struct run run = {};
	struct mdev_pt_slot *slot;
	unsigned int n;
	u32 i;

	for (i = first; i != end; i = next(p, i)) {
		slot = &p->slots[i];
		for (n = 0; n < MAX_BUFFERS; n++)
			add_to_run(pt, &run, slot->buffers[n].iova,
				   slot->buffers[n].len);
	}
	mark_run(pt, &run);
	/* Guards go when all is marked. */
	for (i = first; i != end; i = next(p, i))
		clear_slot(pt, &p->slots[i]);
}

static void guard_slot(struct mdev_pt_device *pt, struct mdev_pt_slot *slot)
{
	unsigned int i;

	for (i = 0; i < MAX_BUFFERS; i++)
		slot->guarded[i] = mdev_pt_dirty_guard(pt,
						       slot->buffers[i].iova,
						       slot->buffers[i].len);
}

static u64 ring_size(struct mdev_pt_posts *p)
{
	return (u64)p->ring.entries * p->ring.desc_size;
}

/* What the function writes besides buffers and descriptors: where its head is */
void mdev_pt_posts_written(struct mdev_pt_device *pt, struct mdev_pt_posts *p)
{
	struct mdev_pt_buffer buffers[MAX_BUFFERS] = {};
	unsigned int i;

	if (!p->ring.written)
		return;
	p->ring.written(p->ring.config, buffers, MAX_BUFFERS);
	for (i = 0; i < MAX_BUFFERS; i++)
		mdev_pt_mark_dirty(pt, buffers[i].iova, buffers[i].len);
}

/* A ring with nothing posted, whose next descriptor is @head; not if it can't be */
void mdev_pt_posts_begin(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
			 const struct mdev_pt_ring *ring, u32 head)
{
	lockdep_assert_held(&pt->mig->queues_lock);

	if (head >= ring->entries)
		return;
	if (ring->posted) {
		p->slots = kvcalloc(ring->entries, sizeof(*p->slots),
				    GFP_KERNEL_ACCOUNT);
		if (!p->slots) {
			mdev_pt_dirty_fail(pt, -ENOMEM);
			return;
		}
	}
	p->ring = *ring;
	p->head = head;
	p->tail = head;
	p->final = false;
	p->guarded = mdev_pt_dirty_guard(pt, ring->base, ring_size(p));
	p->running = true;
}

/* The function's head is at @head: what it has passed is written. */
void mdev_pt_posts_passed(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
			  u32 head)
{
	u32 first = p->head;

	if (head >= p->ring.entries || head == first)
		return;
	if (p->slots)
		mark_slots(pt, p, first, head);
	p->head = head;
	mark_descriptors(pt, p, first, head);
}

/* The user must not have us mark all of an address space, page by page. */
static void check_lengths(struct mdev_pt_device *pt, struct mdev_pt_slot *slot)
{
	unsigned int i;

	for (i = 0; i < MAX_BUFFERS; i++) {
		if (slot->buffers[i].len <= MDEV_PT_BUFFER_MAX)
			continue;
		slot->buffers[i].len = 0;
		mdev_pt_dirty_fail(pt, -EFBIG);
	}
}

/* Note the buffers of @count descriptors from the tail on, which don't wrap. */
static void note(struct mdev_pt_device *pt, struct mdev_pt_posts *p, u32 count)
{
	u8 batch[BATCH] __aligned(8);
	u32 size = p->ring.desc_size;
	struct mdev_pt_slot *slot;
	int ret;
	u32 i;

	ret = mdev_pt_dma_read(pt, p->ring.base + (u64)p->tail * size, batch,
			       count * size);
	for (i = 0; i < count; i++) {
		slot = &p->slots[p->tail + i];
		/* A head that is behind the tail leaves some. */
		mark_slot(pt, slot);
		/* What can't be read here can't be read by the function. */
		if (ret)
			continue;
		p->ring.posted(p->ring.config, batch + i * size, slot->buffers,
			       MAX_BUFFERS);
		check_lengths(pt, slot);
		guard_slot(pt, slot);
	}
}

/* What is posted again was passed, and all before it. */
static void make_room(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
		      u32 count)
{
	u32 entries = p->ring.entries;
	u32 room = (p->head + entries - p->tail - 1) % entries;

	if (count > room)
		mdev_pt_posts_passed(pt, p, (p->head + count - room) % entries);
}

/* The user's tail is at @tail, in the ring; the function has not seen it yet. */
void mdev_pt_posts_add(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
		       u32 tail)
{
	u32 max = BATCH / p->ring.desc_size, count;

	/* The tail was read before what it makes valid. */
	smp_rmb();
	while (p->tail != tail) {
		count = (tail > p->tail ? tail : p->ring.entries) - p->tail;
		count = min(count, max);
		make_room(pt, p, count);
		if (p->slots)
			note(pt, p, count);
		atomic64_add(count, &pt->mig->posts);
		p->tail += count;
		if (p->tail == p->ring.entries)
			p->tail = 0;
		cond_resched();
	}
}

/* As mdev_pt_posts_passed(), but all of that was written before it mattered. */
void mdev_pt_posts_skip(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
			u32 head)
{
	if (head >= p->ring.entries)
		return;
	for (; p->head != head; p->head = next(p, p->head)) {
		if (p->slots)
			clear_slot(pt, &p->slots[p->head]);
	}
}

/* It may have written to any of the descriptors. */
void mdev_pt_posts_ring(struct mdev_pt_device *pt, struct mdev_pt_posts *p)
{
	mark_descriptors(pt, p, 0, p->ring.entries);
	mdev_pt_posts_written(pt, p);
}

/* The function was stopped, perhaps in the middle of a packet. */
void mdev_pt_posts_stopped(struct mdev_pt_device *pt, struct mdev_pt_posts *p)
{
	u32 i = p->head, left = p->slots ? p->ring.max_packet : 0;

	/* They stay posted: it may go on. */
	for (; left && i != p->tail; left--, i = next(p, i))
		mark_buffers(pt, &p->slots[i]);
	/* Descriptors may be written back late, and in batches. */
	mdev_pt_posts_ring(pt, p);
	p->final = true;
}

/* The ring is given up: all that is posted, and not yet marked, is. */
void mdev_pt_posts_end(struct mdev_pt_device *pt, struct mdev_pt_posts *p)
{
	u32 i;

	if (p->running) {
		for (i = 0; p->slots && i < p->ring.entries; i++)
			mark_slot(pt, &p->slots[i]);
		mdev_pt_posts_ring(pt, p);
		if (p->guarded)
			mdev_pt_dirty_unguard(pt, p->ring.base, ring_size(p));
	}
	mdev_pt_posts_free(p);
}

/* Without a mark: tracking has ended, and guards end with it. */
void mdev_pt_posts_free(struct mdev_pt_posts *p)
{
	kvfree(p->slots);
	p->slots = NULL;
	p->running = false;
}
