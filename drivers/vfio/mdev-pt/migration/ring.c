// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings that are set up by messages, which the vendor sees, and not by registers
 *
 * The BAR has their tails, and perhaps their heads.  The vendor says what ring is
 * behind a tail, and when there is none any more; what is posted to it is seen
 * on the tail's doorbell page, as for queues.
 */

#include <linux/mm.h>
#include <linux/slab.h>

#include "../core.h"
#include "migration.h"
#include "posts.h"

/* Descriptors read at once, in bytes */
#define BATCH		1024

/* So many no device has, and more memory nobody shall have us take. */
#define MAX_ENTRIES	65536

/**
 * struct mdev_pt_tail - a tail, and the ring behind it
 * @offset: of the register, in the BAR
 * @db: its doorbell page
 * @seen: what the user wrote, as far as it was passed on. Lock of @db.
 * @fresh: @seen was just read from the function. Lock of @db.
 * @attached: there is a ring. mdev_pt_migration::queues_lock.
 * @anew: it was attached since the last look. mdev_pt_migration::queues_lock.
 * @reset: the function was reset, and has no rings. Set under
 *	mdev_pt_migration::layout_lock, cleared under @queues_lock.
 * @ring: the ring. mdev_pt_migration::queues_lock.
 * @posts: what the function may write to
 */
struct mdev_pt_tail {
	u32 offset;
	struct mdev_pt_doorbell *db;
	u32 seen;
	bool fresh;
	bool attached;
	bool anew;
	bool reset;
	struct mdev_pt_ring ring;
	struct mdev_pt_posts posts;
};

static struct mdev_pt_tail *tails_end(struct mdev_pt_migration *mig)
{
	return mig->tails + mig->nr_tails;
}

static __le32 *shadow(struct mdev_pt_tail *t)
{
	return mdev_pt_doorbell_register(t->db, t->offset);
}

static int read_register(struct mdev_pt_device *pt, u32 offset, u32 *value)
{
	u64 wide = 0;
	int ret;

	ret = mdev_pt_bar_read(pt, pt->mig->tails_bar, offset, 4, &wide);
	*value = wide;
	return ret;
}

/* The lock of @db is held for writing. */
int mdev_pt_rings_fill(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db)
{
	struct mdev_pt_tail *t;
	int ret;

	for (t = pt->mig->tails; t < tails_end(pt->mig); t++) {
		if (t->db != db)
			continue;
		ret = read_register(pt, t->offset, &t->seen);
		if (ret)
			return ret;
		WRITE_ONCE(*shadow(t), cpu_to_le32(t->seen));
		t->fresh = true;
	}
	return 0;
}

/* The same; without a look at what is posted: the last, when tracking ends */
void mdev_pt_rings_forward(struct mdev_pt_device *pt,
			   struct mdev_pt_doorbell *db)
{
	struct mdev_pt_tail *t;
	u32 tail;

	for (t = pt->mig->tails; t < tails_end(pt->mig); t++) {
		tail = le32_to_cpu(READ_ONCE(*shadow(t)));
		if (t->db == db && tail != t->seen)
			mdev_pt_doorbell_write(pt, db, t->offset, tail);
	}
}

/*
 * Behind the last descriptor that is done: all before it were passed, whether
 * they say so or not.  One that does not may hide some that do: the user has
 * written it anew, or asked for no answer.
 */
static void find_done(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
		      u32 *head)
{
	u32 i = p->head, size = p->ring.desc_size, count, n;
	u8 batch[BATCH] __aligned(8);

	*head = p->head;
	while (i != p->tail) {
		count = (p->tail > i ? p->tail : p->ring.entries) - i;
		count = min_t(u32, count, BATCH / size);
		/* What can't be read here can't be written by the function. */
		if (mdev_pt_dma_read(pt, p->ring.base + (u64)i * size, batch,
				     count * size))
			return;
		for (n = 0; n < count; n++) {
			if (p->ring.done(p->ring.config, batch + n * size))
				*head = (i + n + 1) % p->ring.entries;
		}
		i = (i + count) % p->ring.entries;
		cond_resched();
	}
}

static int find_head(struct mdev_pt_device *pt, struct mdev_pt_posts *p,
		     u32 *head)
{
	__le32 le;

	switch (p->ring.completion) {
	case MDEV_PT_RING_HEAD:
		return read_register(pt, p->ring.head, head);
	case MDEV_PT_RING_WRITEBACK:
		*head = p->head;
		if (!mdev_pt_dma_read(pt, p->ring.writeback, &le, sizeof(le)))
			*head = le32_to_cpu(le);
		return 0;
	case MDEV_PT_RING_DONE:
		find_done(pt, p, head);
		return 0;
	}
	return -EINVAL;
}

/* Tracking begins, and the ring is in use: where the function is, who knows? */
static void begin_in_use(struct mdev_pt_device *pt, struct mdev_pt_tail *t)
{
	struct mdev_pt_posts *p = &t->posts;
	u32 head;

	/* All but the tail's own descriptor may be posted. */
	mdev_pt_posts_begin(pt, p, &t->ring, (t->seen + 1) % t->ring.entries);
	if (!p->running)
		return;
	mdev_pt_posts_add(pt, p, t->seen);
	if (!find_head(pt, p, &head))
		mdev_pt_posts_skip(pt, p, head);
}

static void begin(struct mdev_pt_device *pt, struct mdev_pt_tail *t)
{
	bool valid = t->seen < t->ring.entries;

	mdev_pt_posts_end(pt, &t->posts);
	if (valid && !t->anew) {
		begin_in_use(pt, t);
		return;
	}
	/* A tail that is not in the ring is one of an earlier ring. */
	mdev_pt_posts_begin(pt, &t->posts, &t->ring, t->ring.first);
	if (valid && t->posts.running)
		mdev_pt_posts_add(pt, &t->posts, t->seen);
}

/* What the user has done since the last look. False: nothing can be said. */
static bool look_at_shadow(struct mdev_pt_device *pt, struct mdev_pt_tail *t,
			   bool *rung)
{
	bool fresh;
	u32 tail;

	mdev_pt_doorbell_lock(pt, t->db);
	if (!t->db->active || READ_ONCE(t->db->stale)) {
		up_read(&t->db->lock);
		return false;
	}
	fresh = t->fresh;
	t->fresh = false;
	/* As the function is; what the user wrote meanwhile, at the next look */
	tail = fresh ? t->seen : le32_to_cpu(READ_ONCE(*shadow(t)));
	*rung = tail != t->seen;
	t->seen = tail;
	up_read(&t->db->lock);

	if (t->attached && (fresh || t->anew))
		begin(pt, t);
	t->anew = false;
	return true;
}

static int look_at_ring(struct mdev_pt_device *pt, struct mdev_pt_tail *t,
			bool rung, bool all)
{
	struct mdev_pt_posts *p = &t->posts;
	u32 head;
	int ret;

	if (rung && t->seen < p->ring.entries)
		mdev_pt_posts_add(pt, p, t->seen);
	if (!all)
		return 0;
	ret = find_head(pt, p, &head);
	if (ret)
		return ret;
	if (head != p->head) {
		mdev_pt_posts_written(pt, p);
		if (p->ring.completion == MDEV_PT_RING_WRITEBACK)
			mdev_pt_mark_dirty(pt, p->ring.writeback,
					   sizeof(__le32));
	}
	mdev_pt_posts_passed(pt, p, head);
	return 0;
}

/* Was something posted? */
static bool look(struct mdev_pt_device *pt, struct mdev_pt_tail *t, bool all)
{
	bool stopped = READ_ONCE(pt->mig->stopped);
	struct mdev_pt_posts *p = &t->posts;
	bool rung, last, lost;

	if (READ_ONCE(t->reset)) {
		WRITE_ONCE(t->reset, false);
		mdev_pt_posts_end(pt, p);
		t->attached = false;
	}
	if (!stopped)
		p->final = false;
	last = stopped && !p->final;

	lost = !look_at_shadow(pt, t, &rung) ||
	       (p->running && look_at_ring(pt, t, rung, all || last));
	if (!lost && rung)
		mdev_pt_doorbell_write(pt, t->db, t->offset, t->seen);
	if (last && p->running) {
		if (lost)
			mdev_pt_dirty_fail(pt, -EIO);
		else
			mdev_pt_posts_stopped(pt, p);
	}
	return lost || rung;
}

/* As mdev_pt_queues_scan() */
bool mdev_pt_rings_scan(struct mdev_pt_device *pt, bool all)
{
	struct mdev_pt_tail *t;
	bool rung = false;

	for (t = pt->mig->tails; t < tails_end(pt->mig); t++)
		rung |= look(pt, t, all);
	return rung;
}

/* Tracking has ended. */
void mdev_pt_rings_finish(struct mdev_pt_device *pt)
{
	struct mdev_pt_tail *t;

	for (t = pt->mig->tails; t < tails_end(pt->mig); t++)
		mdev_pt_posts_free(&t->posts);
}

void mdev_pt_rings_reset(struct mdev_pt_device *pt)
{
	struct mdev_pt_tail *t;

	lockdep_assert_held(&pt->mig->layout_lock);

	for (t = pt->mig->tails; t < tails_end(pt->mig); t++)
		WRITE_ONCE(t->reset, true);
}

/* For the vendor */

int mdev_pt_add_tails(struct mdev_pt_device *pt, unsigned int bar,
		      const u32 *offsets, unsigned int count)
{
	struct mdev_pt_migration *mig = pt->mig;
	struct mdev_pt_tail *tails;
	unsigned int i;
	int ret;

	if (!mig || mig->tails || !count)
		return -EINVAL;
	ret = mdev_pt_map_bar(pt, bar);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		if (!mdev_pt_doorbell_fits(pt, bar, offsets[i]))
			return -EINVAL;
	}

	tails = kcalloc(count, sizeof(*tails), GFP_KERNEL_ACCOUNT);
	if (!tails)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		tails[i].offset = offsets[i];
	mutex_lock(&mig->layout_lock);
	mig->tails = tails;
	mig->nr_tails = count;
	mutex_unlock(&mig->layout_lock);
	mig->tails_bar = bar;
	for (i = 0; i < count; i++) {
		ret = mdev_pt_doorbell_add(pt, bar, offsets[i], true, &tails[i].db);
		if (ret)
			return ret;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_add_tails);

/* Undoes mdev_pt_add_tails(), also where it failed. */
void mdev_pt_rings_end(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;

	lockdep_assert_held(&mig->layout_lock);

	kfree(mig->tails);
	mig->tails = NULL;
	mig->nr_tails = 0;
}

static bool ring_is_valid(const struct mdev_pt_ring *ring)
{
	return ring->entries > 1 && ring->entries <= MAX_ENTRIES &&
	       ring->first < ring->entries &&
	       is_power_of_2(ring->desc_size) && ring->desc_size <= 64 &&
	       (ring->completion != MDEV_PT_RING_DONE || ring->done);
}

/*
 * A function may set the tail of a queue itself: to 0, where it is disabled. Else
 * what the user writes could be what it wrote to the ring before.
 */
static void refresh(struct mdev_pt_device *pt, struct mdev_pt_tail *t)
{
	__le32 seen = cpu_to_le32(t->seen);
	u32 tail;

	down_read(&t->db->lock);
	if (t->db->active && !READ_ONCE(t->db->stale) && !t->fresh &&
	    !read_register(pt, t->offset, &tail) && tail != t->seen &&
	    cmpxchg(shadow(t), seen, cpu_to_le32(tail)) == seen)
		t->seen = tail;
	up_read(&t->db->lock);
}

int mdev_pt_ring_attach(struct mdev_pt_device *pt, unsigned int index,
			const struct mdev_pt_ring *ring)
{
	struct mdev_pt_migration *mig = pt->mig;
	struct mdev_pt_tail *t;
	bool tracked;

	if (index >= mig->nr_tails || !ring_is_valid(ring))
		return -EINVAL;
	t = &mig->tails[index];

	mutex_lock(&mig->queues_lock);
	mdev_pt_posts_end(pt, &t->posts);
	WRITE_ONCE(t->reset, false);
	t->ring = *ring;
	t->attached = true;
	refresh(pt, t);
	tracked = t->db->active;
	t->anew = tracked;
	mutex_unlock(&mig->queues_lock);

	/* What is posted already is to be noted before the function has it. */
	if (tracked)
		mdev_pt_dirty_scan(pt);
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_ring_attach);

void mdev_pt_ring_detach(struct mdev_pt_device *pt, unsigned int index)
{
	struct mdev_pt_migration *mig = pt->mig;

	if (index >= mig->nr_tails)
		return;
	mutex_lock(&mig->queues_lock);
	mdev_pt_posts_end(pt, &mig->tails[index].posts);
	mig->tails[index].attached = false;
	mutex_unlock(&mig->queues_lock);
}
EXPORT_SYMBOL_GPL(mdev_pt_ring_detach);

int mdev_pt_ring_set_tail(struct mdev_pt_device *pt, unsigned int index,
			  u32 tail)
{
	struct mdev_pt_migration *mig = pt->mig;
	struct mdev_pt_tail *t;
	int ret;

	if (index >= mig->nr_tails)
		return -EINVAL;
	t = &mig->tails[index];

	/* Not beside the watcher, which passes tails on without the lock below. */
	mutex_lock(&mig->queues_lock);
	down_write(&t->db->lock);
	ret = mdev_pt_bar_write(pt, mig->tails_bar, t->offset, 4, tail);
	if (!ret && t->db->active) {
		WRITE_ONCE(*shadow(t), cpu_to_le32(tail));
		t->seen = tail;
	}
	up_write(&t->db->lock);
	mutex_unlock(&mig->queues_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_ring_set_tail);
