// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues, while dirty pages are tracked
 *
 * A post is seen on the doorbell page of the ring, and noted before the function
 * sees it; posts.c has the rest.
 *
 * The user's registers are those in the shadow of the doorbell page, which the
 * watcher passes on.  It sees values, not writes, but a ring is not sensitive to
 * that: a tail counts on from the last, and everything else is written while the
 * queue is disabled.
 */

#include <linux/mm.h>

#include "../core.h"
#include "queue.h"

/* The user's page */

static __le32 *shadow(struct mdev_pt_queue *q, u32 offset)
{
	return mdev_pt_doorbell_register(q->db, offset);
}

static u32 shadow_get(struct mdev_pt_queue *q, u32 offset)
{
	return le32_to_cpu(READ_ONCE(*shadow(q, offset)));
}

static void shadow_set(struct mdev_pt_queue *q, u32 offset, u32 value)
{
	WRITE_ONCE(*shadow(q, offset), cpu_to_le32(value));
}

static void shadow_config(struct mdev_pt_queue *q, struct mdev_pt_queue_regs *regs)
{
	const struct mdev_pt_queue_map *map = q->map;
	unsigned int i;

	memset(regs, 0, sizeof(*regs));
	regs->base = (u64)shadow_get(q, map->base_hi) << 32 |
		     shadow_get(q, map->base_lo);
	regs->len = shadow_get(q, map->len);
	regs->head = shadow_get(q, map->head);
	regs->ctl = shadow_get(q, map->ctl);
	for (i = 0; i < map->nr_config; i++)
		regs->config[i] = shadow_get(q, map->config[i]);
}

/*
 * The user's registers at one time, or false while it sets the queue up anew:
 * an old base with a new enable bit would be a ring in memory that is not one.
 */
static bool shadow_registers(struct mdev_pt_queue *q, struct mdev_pt_queue_regs *regs)
{
	struct mdev_pt_queue_regs before;

	shadow_config(q, &before);
	/* In this order: x86 stores and loads are, too. */
	smp_rmb();
	before.tail = shadow_get(q, q->map->tail);
	/* As above */
	smp_rmb();
	shadow_config(q, regs);
	regs->tail = before.tail;
	return !memcmp(&before, regs, sizeof(before));
}

static int fill_queue(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	const struct mdev_pt_queue_map *map = q->map;
	struct mdev_pt_queue_regs *regs = &q->seen;
	unsigned int i;
	int ret;

	memset(regs, 0, sizeof(*regs));
	ret = mdev_pt_queue_regs_read(pt, map, regs);
	if (ret)
		return ret;
	/* The user does not know that it is stopped. */
	if (READ_ONCE(q->stopped))
		regs->ctl = q->stopped_ctl;

	shadow_set(q, map->base_lo, regs->base);
	shadow_set(q, map->base_hi, regs->base >> 32);
	shadow_set(q, map->len, regs->len);
	shadow_set(q, map->head, regs->head);
	shadow_set(q, map->tail, regs->tail);
	shadow_set(q, map->ctl, regs->ctl);
	for (i = 0; i < map->nr_config; i++)
		shadow_set(q, map->config[i], regs->config[i]);
	q->fresh = true;
	return 0;
}

/* The lock of @db is held for writing. */
int mdev_pt_queues_fill(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db)
{
	struct mdev_pt_queue *q;
	int ret;

	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		if (q->db != db)
			continue;
		ret = fill_queue(pt, q);
		if (ret)
			return ret;
	}
	return 0;
}

/* The ring as the registers say, with nothing posted */
static void attach(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		   const struct mdev_pt_queue_regs *regs, u32 head)
{
	const struct mdev_pt_queue_map *map = q->map;
	struct mdev_pt_ring ring = {
		.base = regs->base,
		.entries = min_t(u32, regs->len / map->desc_size,
				 map->max_entries),
		.desc_size = map->desc_size,
		.max_packet = map->max_packet,
		.posted = map->receive ? map->posted : NULL,
		.written = map->written,
	};

	if (!(regs->ctl & map->enable))
		return;
	memcpy(ring.config, regs->config, sizeof(ring.config));
	mdev_pt_posts_begin(pt, &q->posts, &ring, head);
}

/* Passing on */

static bool is_reconfigured(struct mdev_pt_queue *q,
			    const struct mdev_pt_queue_regs *user)
{
	const struct mdev_pt_queue_regs *seen = &q->seen;

	return user->base != seen->base || user->len != seen->len ||
	       user->ctl != seen->ctl || user->head != seen->head ||
	       memcmp(user->config, seen->config, sizeof(user->config));
}

/*
 * The user has set up the queue anew: pass it on in the order that the function
 * wants, with nothing posted. @head is where it begins.
 */
static int program(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		   const struct mdev_pt_queue_regs *user, u32 *head)
{
	const struct mdev_pt_queue_map *map = q->map;
	struct mdev_pt_doorbell *db = q->db;
	unsigned int i;
	int ret;

	ret = mdev_pt_doorbell_write(pt, db, map->ctl,
				     user->ctl & ~map->enable) ?:
	      mdev_pt_queue_wait(pt, q, false) ?:
	      mdev_pt_doorbell_write(pt, db, map->base_lo, user->base) ?:
	      mdev_pt_doorbell_write(pt, db, map->base_hi, user->base >> 32) ?:
	      mdev_pt_doorbell_write(pt, db, map->len, user->len);
	for (i = 0; !ret && i < map->nr_config; i++)
		ret = mdev_pt_doorbell_write(pt, db, map->config[i],
					     user->config[i]);
	if (ret)
		return ret;

	/*
	 * The shadow's head follows that of a queue that runs: if it does not
	 * differ, the user has not written it.
	 */
	*head = user->head;
	if (user->head == q->seen.head && q->seen.ctl & map->enable)
		ret = mdev_pt_queue_read(pt, map->head, head);
	ret = ret ?: mdev_pt_doorbell_write(pt, db, map->head, *head) ?:
	      mdev_pt_doorbell_write(pt, db, map->tail, *head);
	if (ret)
		return ret;

	if (q->stopped)
		q->stopped_ctl = user->ctl;
	if (q->stopped || !(user->ctl & map->enable))
		return 0;
	/* If it takes longer, that is between the user and the function. */
	ret = mdev_pt_doorbell_write(pt, db, map->ctl, user->ctl) ?:
	      mdev_pt_queue_wait(pt, q, true);
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* Without a look at what is posted: the last, when tracking ends */
static void forward(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	struct mdev_pt_queue_regs user;
	u32 head;
	int ret = 0;

	/* Half a setup is the user's own: it has the function for the rest. */
	shadow_registers(q, &user);
	if (is_reconfigured(q, &user))
		ret = program(pt, q, &user, &head);
	else if (user.tail == q->seen.tail)
		return;
	if (!ret)
		ret = mdev_pt_doorbell_write(pt, q->db, q->map->tail, user.tail);
	if (ret && ret != -EAGAIN)
		dev_err_ratelimited(&pt->vdev.pdev->dev, "migration: a queue takes no registers (%d): reset the device\n",
				    ret);
}

/* The lock of @db is held for writing. */
void mdev_pt_queues_forward(struct mdev_pt_device *pt,
			    struct mdev_pt_doorbell *db)
{
	struct mdev_pt_queue *q;

	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		if (q->db == db)
			forward(pt, q);
	}
}

/*
 * The shadow was just filled: note what is posted. What the function passes in
 * the meantime was written before tracking began, or before a reset.
 */
static void begin_receive(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
			  const struct mdev_pt_queue_regs *user)
{
	u32 head;

	attach(pt, q, user, user->head);
	if (!q->posts.running || user->tail >= q->posts.ring.entries)
		return;
	mdev_pt_posts_add(pt, &q->posts, user->tail);
	if (!mdev_pt_queue_read(pt, q->map->head, &head))
		mdev_pt_posts_skip(pt, &q->posts, head);
}

/*
 * The user may read the function's head in the shadow, @old as yet. If it has
 * written another, that is left alone.
 */
static void publish_head(struct mdev_pt_queue *q, u32 old, u32 head)
{
	struct mdev_pt_doorbell *db = q->db;

	down_read(&db->lock);
	if (db->active && !READ_ONCE(db->stale) && !q->fresh &&
	    cmpxchg(shadow(q, q->map->head), cpu_to_le32(old),
		    cpu_to_le32(head)) == cpu_to_le32(old))
		q->seen.head = head;
	up_read(&db->lock);
}

/* What the user has done since the last look. False: nothing can be said. */
static bool look_at_shadow(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
			   struct mdev_pt_queue_regs *user, bool *rung)
{
	struct mdev_pt_doorbell *db = q->db;
	bool fresh, reconfigured;
	u32 head = 0;
	int ret = 0;

	mdev_pt_doorbell_lock(pt, db);
	if (!db->active || READ_ONCE(db->stale)) {
		up_read(&db->lock);
		return false;
	}
	fresh = q->fresh;
	q->fresh = false;
	/* As the function is; what the user wrote meanwhile, at the next look */
	if (fresh)
		*user = q->seen;
	else if (!shadow_registers(q, user))
		*user = q->seen;
	reconfigured = is_reconfigured(q, user);
	*rung = user->tail != q->seen.tail;
	if (reconfigured)
		ret = program(pt, q, user, &head);
	q->seen = *user;
	up_read(&db->lock);

	if (fresh) {
		mdev_pt_posts_end(pt, &q->posts);
		begin_receive(pt, q, user);
	} else if (reconfigured) {
		mdev_pt_posts_end(pt, &q->posts);
		if (ret)
			return false;
		attach(pt, q, user, head);
		publish_head(q, user->head, head);
		user->head = head;
		*rung = true;
	}
	return true;
}

/* Was something posted? */
static bool look_receive(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
			 bool all)
{
	struct mdev_pt_posts *p = &q->posts;
	bool last = READ_ONCE(pt->mig->stopped) && !p->final;
	struct mdev_pt_queue_regs user;
	bool rung;
	u32 head;

	if (!look_at_shadow(pt, q, &user, &rung))
		goto lost;
	if (rung) {
		if (p->running && user.tail < p->ring.entries)
			mdev_pt_posts_add(pt, p, user.tail);
		mdev_pt_doorbell_write(pt, q->db, q->map->tail, user.tail);
	}
	if (!p->running || !(all || last))
		return rung;

	if (mdev_pt_queue_read(pt, q->map->head, &head))
		goto lost;
	mdev_pt_posts_passed(pt, p, head);
	publish_head(q, user.head, head);
	if (last)
		mdev_pt_posts_stopped(pt, p);
	return rung;

lost:
	if (last && p->running)
		mdev_pt_dirty_fail(pt, -EIO);
	return true;
}

static void look_transmit(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	struct mdev_pt_posts *p = &q->posts;
	bool last = READ_ONCE(pt->mig->stopped) && !p->final;
	struct mdev_pt_queue_regs regs = {};
	u32 head, ctl;

	if (mdev_pt_queue_read(pt, q->map->ctl, &ctl))
		goto lost;
	if (!(ctl & q->map->enable) && !q->stopped) {
		mdev_pt_posts_end(pt, p);
		return;
	}
	if (mdev_pt_queue_read(pt, q->map->head, &head))
		goto lost;

	/* It stands: nothing was written. */
	if (p->running && head == p->head && !last)
		return;

	if (mdev_pt_queue_regs_read(pt, q->map, &regs))
		goto lost;
	if (q->stopped)
		regs.ctl = q->stopped_ctl;
	if (!p->running || regs.base != p->ring.base ||
	    regs.len / q->map->desc_size != p->ring.entries) {
		mdev_pt_posts_end(pt, p);
		attach(pt, q, &regs, regs.head);
		if (!p->running)
			return;
		/* Since it was enabled the head may have moved. */
		mdev_pt_posts_ring(pt, p);
	}
	if (memcmp(p->ring.config, regs.config, sizeof(regs.config))) {
		mdev_pt_posts_written(pt, p);
		memcpy(p->ring.config, regs.config, sizeof(regs.config));
	}
	if (regs.head != p->head)
		mdev_pt_posts_written(pt, p);
	mdev_pt_posts_passed(pt, p, regs.head);

	/* Several rounds between two looks leave no trace in the head. */
	if (last)
		mdev_pt_posts_stopped(pt, p);
	return;

lost:
	if (last && p->running)
		mdev_pt_dirty_fail(pt, -EIO);
}

/* Only the watcher calls these three. */

void mdev_pt_queues_begin(struct mdev_pt_device *pt)
{
	struct mdev_pt_doorbell *db;

	mutex_lock(&pt->mig->queues_lock);
	list_for_each_entry(db, &pt->mig->doorbells, node)
		mdev_pt_doorbell_take(pt, db);
	mutex_unlock(&pt->mig->queues_lock);
}

/*
 * Was something posted? @all: mark what was written, too, and leave nothing for
 * the next look.
 */
bool mdev_pt_queues_scan(struct mdev_pt_device *pt, bool all)
{
	struct mdev_pt_queue *q;
	bool rung = false;

	/* In low power nothing is written, and a look would end it. */
	if (READ_ONCE(pt->vdev.pm_runtime_engaged))
		return false;

	mutex_lock(&pt->mig->queues_lock);
	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++) {
		if (q->db)
			rung |= look_receive(pt, q, all);
		else if (all)
			look_transmit(pt, q);
	}
	rung |= mdev_pt_rings_scan(pt, all);
	mdev_pt_doorbells_scan(pt);
	mutex_unlock(&pt->mig->queues_lock);
	return rung;
}

void mdev_pt_queues_finish(struct mdev_pt_device *pt)
{
	struct mdev_pt_doorbell *db;
	struct mdev_pt_queue *q;

	mutex_lock(&pt->mig->queues_lock);
	list_for_each_entry(db, &pt->mig->doorbells, node)
		mdev_pt_doorbell_give_back(pt, db);
	for (q = pt->mig->queues; q < mdev_pt_queues_past(pt->mig); q++)
		mdev_pt_posts_free(&q->posts);
	mdev_pt_rings_finish(pt);
	mutex_unlock(&pt->mig->queues_lock);
}
