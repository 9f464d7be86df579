// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: descriptor rings whose registers the vendor names
 *
 * What does a NIC write to? Buffers that were posted, in the order of the ring;
 * the descriptors of those; and next to nothing else.  So each post is seen on
 * its doorbell page, and its buffers noted, before the function sees it.  When
 * the head has passed a descriptor, its buffers and itself are marked, once.
 *
 * The user's registers are those in the shadow of the doorbell page, which the
 * watcher passes on.  It sees values, not writes, but a ring is not sensitive to
 * that: a tail counts on from the last, and everything else is written while the
 * queue is disabled.
 */

#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "core.h"
#include "core_migration.h"

/* Buffers of one descriptor: header and packet */
#define MAX_BUFFERS	2

/* Descriptors read at once, in bytes */
#define BATCH		1024

/* How long a queue may take to stop or to start. 82576: some us. */
#define QUEUE_TIMEOUT_US	100000

struct registers {
	u64 base;
	u32 len;
	u32 head;
	u32 tail;
	u32 ctl;
	u32 config[MDEV_PT_QUEUE_CONFIG_MAX];
};

struct slot {
	struct mdev_pt_buffer buffers[MAX_BUFFERS];
};

/*
 * struct mdev_pt_queue - one ring
 * @map: its registers
 * @db: the doorbell page that they are on; NULL if it does not receive
 * @seen: what the user wrote, as far as it was passed on. Lock of @db.
 * @fresh: @seen was just read from the function. Lock of @db.
 * @stopped: disabled by mdev_pt_queues_stop(). mdev_pt_migration::queues_lock,
 *	but for a reset.
 * @stopped_ctl: what to write to go on
 *
 * What follows is the watcher's.
 *
 * @running: the rest is valid
 * @base: the ring's IOVA
 * @entries: its length in descriptors
 * @head: all before it were passed by the function, and are marked
 * @tail: the first that the function may not take
 * @config: further registers
 * @slots: @entries of them: the buffers of what was posted; length 0 once marked
 * @final: what a function that was stopped may have begun to write is marked
 */
struct mdev_pt_queue {
	const struct mdev_pt_queue_map *map;
	struct mdev_pt_doorbell *db;
	struct registers seen;
	bool fresh;
	bool stopped;
	u32 stopped_ctl;

	bool running;
	u64 base;
	u32 entries;
	u32 head;
	u32 tail;
	u32 config[MDEV_PT_QUEUE_CONFIG_MAX];
	struct slot *slots;
	bool final;
};

static struct mdev_pt_queue *queues_end(struct mdev_pt_migration *mig)
{
	return mig->queues + mig->nr_queues;
}

static int reg_read(struct mdev_pt_device *pt, u32 offset, u32 *value)
{
	u64 wide = 0;
	int ret;

	ret = mdev_pt_bar_read(pt, pt->mig->queues_bar, offset, 4, &wide);
	*value = wide;
	return ret;
}

static int reg_write(struct mdev_pt_device *pt, u32 offset, u32 value)
{
	return mdev_pt_bar_write(pt, pt->mig->queues_bar, offset, 4, value);
}

/* Wait until the function says that the queue is enabled, or not. */
static int wait_enabled(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
			bool enabled)
{
	int err = 0, ret;
	u32 ctl;

	ret = read_poll_timeout(reg_read, err,
				err || !(ctl & q->map->enable) != enabled,
				20, QUEUE_TIMEOUT_US, false, pt, q->map->ctl,
				&ctl);
	return err ?: ret;
}

static int read_registers(struct mdev_pt_device *pt,
			  const struct mdev_pt_queue_map *map,
			  struct registers *regs)
{
	u32 lo, hi = 0;
	unsigned int i;
	int ret;

	ret = reg_read(pt, map->base_lo, &lo) ?:
	      reg_read(pt, map->base_hi, &hi) ?:
	      reg_read(pt, map->len, &regs->len) ?:
	      reg_read(pt, map->head, &regs->head) ?:
	      reg_read(pt, map->tail, &regs->tail) ?:
	      reg_read(pt, map->ctl, &regs->ctl);
	regs->base = (u64)hi << 32 | lo;
	for (i = 0; !ret && i < map->nr_config; i++)
		ret = reg_read(pt, map->config[i], &regs->config[i]);
	return ret;
}

/* The user's page */

static __le32 *shadow(struct mdev_pt_queue *q, u32 offset)
{
	return &q->db->shadow[offset_in_page(offset) / 4];
}

static u32 shadow_get(struct mdev_pt_queue *q, u32 offset)
{
	return le32_to_cpu(READ_ONCE(*shadow(q, offset)));
}

static void shadow_set(struct mdev_pt_queue *q, u32 offset, u32 value)
{
	WRITE_ONCE(*shadow(q, offset), cpu_to_le32(value));
}

static void shadow_config(struct mdev_pt_queue *q, struct registers *regs)
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
static bool shadow_registers(struct mdev_pt_queue *q, struct registers *regs)
{
	struct registers before;

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
	struct registers *regs = &q->seen;
	unsigned int i;
	int ret;

	memset(regs, 0, sizeof(*regs));
	ret = read_registers(pt, map, regs);
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

	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		if (q->db != db)
			continue;
		ret = fill_queue(pt, q);
		if (ret)
			return ret;
	}
	return 0;
}

/* What the function may have written */

static void mark_descriptors(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
			     u32 first, u32 end)
{
	u64 size = q->map->desc_size;

	if (first <= end) {
		mdev_pt_mark_dirty(pt, q->base + first * size,
				   (end - first) * size);
	} else {
		mark_descriptors(pt, q, first, q->entries);
		mark_descriptors(pt, q, 0, end);
	}
}

static void mark_slot(struct mdev_pt_device *pt, struct slot *slot)
{
	unsigned int i;

	for (i = 0; i < MAX_BUFFERS; i++) {
		mdev_pt_mark_dirty(pt, slot->buffers[i].iova,
				   slot->buffers[i].len);
		slot->buffers[i].len = 0;
	}
}

/* What the function writes besides buffers and descriptors: where its head is */
static void mark_written(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	struct mdev_pt_buffer buffers[MAX_BUFFERS] = {};
	unsigned int i;

	if (!q->map->written)
		return;
	q->map->written(q->config, buffers, MAX_BUFFERS);
	for (i = 0; i < MAX_BUFFERS; i++)
		mdev_pt_mark_dirty(pt, buffers[i].iova, buffers[i].len);
}

/* All that is posted, and not yet marked: the ring is given up. */
static void forget(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	u32 i;

	if (q->running) {
		for (i = 0; q->slots && i < q->entries; i++)
			mark_slot(pt, &q->slots[i]);
		mark_descriptors(pt, q, 0, q->entries);
		mark_written(pt, q);
	}
	kvfree(q->slots);
	q->slots = NULL;
	q->running = false;
}

/* The ring as the registers say, with nothing posted */
static void attach(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		   const struct registers *regs, u32 head)
{
	u32 entries = min_t(u32, regs->len / q->map->desc_size,
			    q->map->max_entries);

	if (!(regs->ctl & q->map->enable) || !entries || head >= entries)
		return;

	if (q->map->receive) {
		q->slots = kvcalloc(entries, sizeof(*q->slots), GFP_KERNEL);
		if (!q->slots) {
			mdev_pt_dirty_fail(pt, -ENOMEM);
			return;
		}
	}
	q->base = regs->base;
	q->entries = entries;
	q->head = head;
	q->tail = head;
	memcpy(q->config, regs->config, sizeof(q->config));
	q->final = false;
	q->running = true;
}

/* The function's head is at @head: what it has passed is written. */
static void passed(struct mdev_pt_device *pt, struct mdev_pt_queue *q, u32 head)
{
	u32 first = q->head;

	if (head >= q->entries || head == first)
		return;
	while (q->head != head) {
		if (q->slots)
			mark_slot(pt, &q->slots[q->head]);
		if (++q->head == q->entries)
			q->head = 0;
	}
	mark_descriptors(pt, q, first, head);
}

/* Note the buffers of @count descriptors from q->tail on, which don't wrap. */
static void note(struct mdev_pt_device *pt, struct mdev_pt_queue *q, u32 count)
{
	u8 batch[BATCH] __aligned(8);
	u32 size = q->map->desc_size;
	struct slot *slot;
	int ret;
	u32 i;

	ret = mdev_pt_dma_read(pt, q->base + (u64)q->tail * size, batch,
			       count * size);
	for (i = 0; i < count; i++) {
		slot = &q->slots[q->tail + i];
		/* Posted again, so the last one was passed. */
		mark_slot(pt, slot);
		/* What can't be read here can't be read by the function. */
		if (!ret)
			q->map->posted(q->config, batch + i * size,
				       slot->buffers, MAX_BUFFERS);
	}
	atomic64_add(count, &pt->mig->posts);
}

static void post(struct mdev_pt_device *pt, struct mdev_pt_queue *q, u32 tail)
{
	u32 max = BATCH / q->map->desc_size, count;

	while (q->tail != tail) {
		count = (tail > q->tail ? tail : q->entries) - q->tail;
		count = min(count, max);
		note(pt, q, count);
		q->tail += count;
		if (q->tail == q->entries)
			q->tail = 0;
		cond_resched();
	}
}

/* A packet that was under way when the function was stopped */
static void mark_begun(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	u32 i = q->head, left = q->map->max_packet;

	for (; left && i != q->tail; left--) {
		mark_slot(pt, &q->slots[i]);
		if (++i == q->entries)
			i = 0;
	}
	/* Descriptors may be written back late, and in batches. */
	mark_descriptors(pt, q, 0, q->entries);
	mark_written(pt, q);
}

/* Passing on */

static bool is_reconfigured(struct mdev_pt_queue *q,
			    const struct registers *user)
{
	const struct registers *seen = &q->seen;

	return user->base != seen->base || user->len != seen->len ||
	       user->ctl != seen->ctl || user->head != seen->head ||
	       memcmp(user->config, seen->config, sizeof(user->config));
}

/*
 * The user has set up the queue anew: pass it on in the order that the function
 * wants, with nothing posted. @head is where it begins.
 */
static int program(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		   const struct registers *user, u32 *head)
{
	const struct mdev_pt_queue_map *map = q->map;
	struct mdev_pt_doorbell *db = q->db;
	unsigned int i;
	int ret;

	ret = mdev_pt_doorbell_write(pt, db, map->ctl,
				     user->ctl & ~map->enable) ?:
	      wait_enabled(pt, q, false) ?:
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
		ret = reg_read(pt, map->head, head);
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
	      wait_enabled(pt, q, true);
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* Without a look at what is posted: the last, when tracking ends */
static void forward(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	struct registers user;
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
		pci_err(pt->vdev.pdev, "migration: a queue takes no registers (%d): reset the device\n",
			ret);
}

/* The lock of @db is held for writing. */
void mdev_pt_queues_forward(struct mdev_pt_device *pt,
			    struct mdev_pt_doorbell *db)
{
	struct mdev_pt_queue *q;

	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		if (q->db == db)
			forward(pt, q);
	}
}

/*
 * The shadow was just filled: note what is posted. What the function passes in
 * the meantime was written before tracking began, or before a reset.
 */
static void begin_receive(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
			  const struct registers *user)
{
	u32 head;

	attach(pt, q, user, user->head);
	if (!q->running || user->tail >= q->entries)
		return;
	post(pt, q, user->tail);
	if (reg_read(pt, q->map->head, &head) || head >= q->entries)
		return;
	while (q->head != head) {
		memset(&q->slots[q->head], 0, sizeof(*q->slots));
		if (++q->head == q->entries)
			q->head = 0;
	}
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
			   struct registers *user, bool *rung)
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
		forget(pt, q);
		begin_receive(pt, q, user);
	} else if (reconfigured) {
		forget(pt, q);
		if (ret)
			return false;
		attach(pt, q, user, head);
		publish_head(q, user->head, head);
		user->head = head;
		*rung = true;
	}
	return true;
}

static void look_receive(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	bool last = READ_ONCE(pt->mig->stopped) && !q->final;
	struct registers user;
	bool rung;
	u32 head;

	if (!look_at_shadow(pt, q, &user, &rung))
		goto lost;
	if (!q->running) {
		if (rung)
			mdev_pt_doorbell_write(pt, q->db, q->map->tail,
					       user.tail);
		return;
	}

	/* Read after the tail: the user posts no more than the head has left. */
	if (reg_read(pt, q->map->head, &head))
		goto lost;
	passed(pt, q, head);
	if (rung) {
		if (user.tail < q->entries)
			post(pt, q, user.tail);
		mdev_pt_doorbell_write(pt, q->db, q->map->tail, user.tail);
	}
	publish_head(q, user.head, head);

	if (last) {
		mark_begun(pt, q);
		q->final = true;
	}
	return;

lost:
	if (last && q->running)
		mdev_pt_dirty_fail(pt, -EIO);
}

static void look_transmit(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	struct registers regs = {};
	bool last = READ_ONCE(pt->mig->stopped) && !q->final;
	u32 head, ctl;

	if (reg_read(pt, q->map->ctl, &ctl) ||
	    reg_read(pt, q->map->head, &head))
		goto lost;
	if (!(ctl & q->map->enable) && !q->stopped) {
		forget(pt, q);
		return;
	}

	/* It stands: nothing was written. */
	if (q->running && head == q->head && !last)
		return;

	if (read_registers(pt, q->map, &regs))
		goto lost;
	if (q->stopped)
		regs.ctl = q->stopped_ctl;
	if (!q->running || regs.base != q->base ||
	    regs.len / q->map->desc_size != q->entries) {
		forget(pt, q);
		attach(pt, q, &regs, regs.head);
		if (!q->running)
			return;
	}
	if (memcmp(q->config, regs.config, sizeof(q->config))) {
		mark_written(pt, q);
		memcpy(q->config, regs.config, sizeof(q->config));
	}
	if (regs.head != q->head)
		mark_written(pt, q);
	passed(pt, q, regs.head);

	/* Several rounds between two looks leave no trace in the head. */
	if (last) {
		mark_descriptors(pt, q, 0, q->entries);
		mark_written(pt, q);
		q->final = true;
	}
	return;

lost:
	if (last && q->running)
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

void mdev_pt_queues_look(struct mdev_pt_device *pt)
{
	struct mdev_pt_queue *q;

	/* In low power nothing is written, and a look would end it. */
	if (READ_ONCE(pt->vdev.pm_runtime_engaged))
		return;

	mutex_lock(&pt->mig->queues_lock);
	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		if (q->db)
			look_receive(pt, q);
		else
			look_transmit(pt, q);
	}
	mutex_unlock(&pt->mig->queues_lock);
}

void mdev_pt_queues_finish(struct mdev_pt_device *pt)
{
	struct mdev_pt_doorbell *db;
	struct mdev_pt_queue *q;

	mutex_lock(&pt->mig->queues_lock);
	list_for_each_entry(db, &pt->mig->doorbells, node)
		mdev_pt_doorbell_give_back(pt, db);
	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		kvfree(q->slots);
		q->slots = NULL;
		q->running = false;
	}
	mutex_unlock(&pt->mig->queues_lock);
}

/* For the vendor */

static bool map_is_valid(struct pci_dev *pdev, unsigned int bar,
			 const struct mdev_pt_queue_map *map)
{
	u64 size = bar < PCI_STD_NUM_BARS ? pci_resource_len(pdev, bar) : 0;
	u64 page = round_down(map->tail, SZ_4K);
	const u32 offsets[] = {
		map->base_lo, map->base_hi, map->len, map->head, map->ctl,
	};
	unsigned int i;

	if (page >= size || size - page < SZ_4K || !map->max_entries ||
	    !is_power_of_2(map->desc_size) || map->desc_size > 64 ||
	    map->nr_config > MDEV_PT_QUEUE_CONFIG_MAX ||
	    (map->receive && !map->posted))
		return false;
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (round_down(offsets[i], SZ_4K) != page || offsets[i] % 4)
			return false;
	}
	for (i = 0; i < map->nr_config; i++) {
		if (round_down(map->config[i], SZ_4K) != page ||
		    map->config[i] % 4)
			return false;
	}
	return map->tail % 4 == 0;
}

int mdev_pt_add_queues(struct mdev_pt_device *pt, unsigned int bar,
		       const struct mdev_pt_queue_map *map, unsigned int count)
{
	struct mdev_pt_migration *mig = pt->mig;
	struct mdev_pt_queue *q;
	unsigned int i;
	int ret;

	if (!mig || mig->queues || !count)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (!map_is_valid(pt->vdev.pdev, bar, &map[i]))
			return -EINVAL;
	}
	ret = mdev_pt_map_bar(pt, bar);
	if (ret)
		return ret;

	q = kcalloc(count, sizeof(*q), GFP_KERNEL_ACCOUNT);
	if (!q)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		q[i].map = &map[i];
	mutex_lock(&mig->layout_lock);
	mig->queues = q;
	mig->nr_queues = count;
	mutex_unlock(&mig->layout_lock);
	mig->queues_bar = bar;
	for (q = mig->queues; q < queues_end(mig); q++) {
		if (!q->map->receive)
			continue;
		ret = mdev_pt_doorbell_add(pt, bar, q->map->tail, &q->db);
		if (ret)
			return ret;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_add_queues);

/* Undoes mdev_pt_add_queues(), also where it failed. */
void mdev_pt_queues_end(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;

	mutex_lock(&mig->layout_lock);
	mdev_pt_doorbells_end(pt);
	kfree(mig->queues);
	mig->queues = NULL;
	mig->nr_queues = 0;
	mutex_unlock(&mig->layout_lock);
}

static int start_queue(struct mdev_pt_device *pt, struct mdev_pt_queue *q)
{
	const struct mdev_pt_queue_map *map = q->map;
	u32 head, tail;
	int ret;

	if (!(q->stopped_ctl & map->enable)) {
		ret = reg_write(pt, map->ctl, q->stopped_ctl);
		goto out;
	}
	/* Nothing is posted until it runs. */
	ret = reg_read(pt, map->head, &head) ?:
	      reg_read(pt, map->tail, &tail) ?:
	      reg_write(pt, map->tail, head) ?:
	      reg_write(pt, map->ctl, q->stopped_ctl) ?:
	      wait_enabled(pt, q, true) ?:
	      reg_write(pt, map->tail, tail);
out:
	if (!ret)
		WRITE_ONCE(q->stopped, false);
	return ret;
}

static int start_queues(struct mdev_pt_device *pt)
{
	struct mdev_pt_queue *q;
	int ret;

	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		ret = q->stopped ? start_queue(pt, q) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

static int stop_queues(struct mdev_pt_device *pt)
{
	struct mdev_pt_queue *q;
	int ret;

	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		ret = reg_read(pt, q->map->ctl, &q->stopped_ctl) ?:
		      reg_write(pt, q->map->ctl,
				q->stopped_ctl & ~q->map->enable);
		if (ret)
			return ret;
		WRITE_ONCE(q->stopped, true);
		q->final = false;
	}
	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		ret = wait_enabled(pt, q, false);
		if (ret)
			return ret;
	}
	return 0;
}

int mdev_pt_queues_stop(struct mdev_pt_device *pt)
{
	int ret;

	mutex_lock(&pt->mig->queues_lock);
	ret = stop_queues(pt);
	if (ret)
		start_queues(pt);
	mutex_unlock(&pt->mig->queues_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_stop);

int mdev_pt_queues_start(struct mdev_pt_device *pt)
{
	int ret;

	mutex_lock(&pt->mig->queues_lock);
	ret = start_queues(pt);
	mutex_unlock(&pt->mig->queues_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_start);

struct saved_queue {
	__le32 base_lo;
	__le32 base_hi;
	__le32 len;
	__le32 head;
	__le32 tail;
	__le32 ctl;
	__le32 nr_config;
	__le32 config[MDEV_PT_QUEUE_CONFIG_MAX];
};

int mdev_pt_queues_save(struct mdev_pt_device *pt, void *buf)
{
	struct saved_queue *saved = buf;
	struct registers regs;
	struct mdev_pt_queue *q;
	unsigned int i;
	int ret;

	BUILD_BUG_ON(sizeof(*saved) != mdev_pt_queues_size(1));

	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		memset(&regs, 0, sizeof(regs));
		ret = read_registers(pt, q->map, &regs);
		if (ret)
			return ret;
		saved->base_lo = cpu_to_le32(regs.base);
		saved->base_hi = cpu_to_le32(regs.base >> 32);
		saved->len = cpu_to_le32(regs.len);
		saved->head = cpu_to_le32(regs.head);
		saved->tail = cpu_to_le32(regs.tail);
		saved->ctl = cpu_to_le32(q->stopped ? q->stopped_ctl :
						      regs.ctl);
		saved->nr_config = cpu_to_le32(q->map->nr_config);
		for (i = 0; i < MDEV_PT_QUEUE_CONFIG_MAX; i++)
			saved->config[i] = cpu_to_le32(regs.config[i]);
		saved++;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_save);

static int load_queue(struct mdev_pt_device *pt, struct mdev_pt_queue *q,
		      const struct saved_queue *saved)
{
	const struct mdev_pt_queue_map *map = q->map;
	unsigned int i;
	int ret;

	q->stopped_ctl = le32_to_cpu(saved->ctl);
	WRITE_ONCE(q->stopped, true);
	ret = reg_write(pt, map->ctl, q->stopped_ctl & ~map->enable) ?:
	      wait_enabled(pt, q, false) ?:
	      reg_write(pt, map->base_lo, le32_to_cpu(saved->base_lo)) ?:
	      reg_write(pt, map->base_hi, le32_to_cpu(saved->base_hi)) ?:
	      reg_write(pt, map->len, le32_to_cpu(saved->len));
	for (i = 0; !ret && i < map->nr_config; i++)
		ret = reg_write(pt, map->config[i],
				le32_to_cpu(saved->config[i]));
	return ret ?: reg_write(pt, map->head, le32_to_cpu(saved->head)) ?:
	       reg_write(pt, map->tail, le32_to_cpu(saved->tail));
}

int mdev_pt_queues_load(struct mdev_pt_device *pt, const void *buf)
{
	const struct saved_queue *saved = buf;
	struct mdev_pt_queue *q;
	int ret = 0;

	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		/* The rest a user may write to the registers as well. */
		if (le32_to_cpu(saved++->nr_config) != q->map->nr_config) {
			pci_err(pt->vdev.pdev, "migration: the stream has a queue that no such device has\n");
			return -EINVAL;
		}
	}

	saved = buf;
	mutex_lock(&pt->mig->queues_lock);
	for (q = pt->mig->queues; q < queues_end(pt->mig); q++) {
		ret = load_queue(pt, q, saved++);
		if (ret)
			break;
	}
	/* If there is a shadow, it does not show this. */
	mutex_lock(&pt->mig->layout_lock);
	mdev_pt_doorbells_reset(pt);
	mutex_unlock(&pt->mig->layout_lock);
	mutex_unlock(&pt->mig->queues_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_load);

void mdev_pt_queues_were_reset(struct mdev_pt_device *pt)
{
	struct mdev_pt_queue *q;

	mutex_lock(&pt->mig->layout_lock);
	for (q = pt->mig->queues; q < queues_end(pt->mig); q++)
		WRITE_ONCE(q->stopped, false);
	mdev_pt_doorbells_reset(pt);
	mutex_unlock(&pt->mig->layout_lock);
}
EXPORT_SYMBOL_GPL(mdev_pt_queues_were_reset);
