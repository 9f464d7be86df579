/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live migration: what its parts share
 *
 * state.c        the state machine
 * stream.c       the data file and the format of what goes through it
 * sysfs.c        what of it is seen in sysfs
 * dirty.c        which pages the function wrote to, and whom to tell
 * log.c          the log of the device
 * pins.c         how a type1 container is told, and asks
 * posts.c        what was posted to a ring, and what was written
 * queue.c        rings whose registers the vendor names; their state
 * queue_track.c  the same, while pages are tracked
 * ring.c         rings that the vendor attaches to their tails
 * doorbell.c     the pages of a BAR whose writes are seen while pages are tracked
 *
 * Locks, outermost first:
 *
 *	mdev_pt_migration::lock
 *	  mdev_pt_stream::lock	before queues_lock: a state is loaded
 *	  a lock under which the vendor attaches rings
 *	  mdev_pt_migration::queues_lock
 *	    a lock that the vendor takes to mark what was written
 *	    mdev_pt_pins::guards_lock
 *	    mdev_pt_tracker::lock
 *	      the lock of the user's type1 container, or mdev_pt_access::lock
 *	      and then those of iommufd
 *	        mmap_lock: the user's memory is accessed
 *	          mdev_pt_doorbell::lock	page faults
 *	            memory_lock of vfio-pci-core
 *	              mdev_pt_migration::layout_lock	resets
 *	                i_mmap_rwsem: zapping
 *	              mdev_pt_migration::reset_lock
 *
 * So nothing is marked with the lock of a doorbell held. The tracking thread holds
 * none of these when it calls mark_written().
 *
 * dma_unmap() of the container holds a lock that may be waited for with the
 * container's own held: it takes none of these.
 */
#ifndef _MDEV_PT_MIGRATION_H
#define _MDEV_PT_MIGRATION_H

#include <linux/bitmap.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mdev_pt.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/wait.h>

#include "log.h"

struct interval_tree_node;
struct iova_bitmap;
struct mdev_pt_pins;
struct mdev_pt_stream;
struct mem_cgroup;
struct task_struct;

/* Who asks for the pages that the function writes to */
enum mdev_pt_tracking {
	MDEV_PT_TRACKING_OFF,
	/* The user's type1 container, which is told by pinning */
	MDEV_PT_TRACKING_TYPE1,
	/* VFIO_DEVICE_FEATURE_DMA_LOGGING_* */
	MDEV_PT_TRACKING_LOG,
};

/**
 * struct mdev_pt_tracker - the tracking of dirty pages
 * @mode: who asks. @lock.
 * @thread: scans doorbells and rings; NULL when off. mdev_pt_migration::lock.
 * @memcg: of the user, who is charged for it; from start to stop
 * @lock: guards what is named so, and serialises marks
 * @log: what the log's user is told. @lock.
 * @pins: how a container is told
 * @error: why pages may be missing, or 0. @lock, but for a scan that came too late.
 * @wanted: how many scans were asked for
 * @done: which of them are done. The thread's.
 * @tracking: scans that are asked for will be done. The thread's.
 * @wait: of the thread, and for it
 * @marked: pages marked since the mdev was created
 */
struct mdev_pt_tracker {
	enum mdev_pt_tracking mode;
	struct task_struct *thread;
	struct mem_cgroup *memcg;
	struct mutex lock;	/* see above */
	struct mdev_pt_log log;
	struct mdev_pt_pins *pins;
	int error;
	atomic_long_t wanted;
	unsigned long done;
	bool tracking;
	wait_queue_head_t wait;
	atomic64_t marked;
};

/**
 * struct mdev_pt_beside - a register on a doorbell page that is no queue's
 * @offset: in the BAR
 * @seen: what the user wrote, as far as it was passed on. Lock of the doorbell;
 *	while that is held for reading, the watcher's.
 */
struct mdev_pt_beside {
	u32 offset;
	u32 seen;
};

/**
 * struct mdev_pt_doorbell - a page of 4 KB of a BAR with the tails of receive queues
 * @node: in mdev_pt_migration::doorbells; from open() to close(), constant
 * @bar: the BAR
 * @offset: of the page, in the BAR
 * @shadow: what the user finds there instead while @active
 * @lock: held for writing while the page changes, for reading by who uses it
 * @active: the user has @shadow instead of the device. @lock.
 * @stale: the function was reset: @shadow is to be filled again. Set under
 *	memory_lock, cleared under @lock.
 * @named: registers of the page that are in @shadow; what is done to others is done
 *	to the device. Of a page that can be mapped, all. From open() to close(),
 *	constant.
 * @beside: other registers of the page; from open() to close(), constant
 * @nr_beside: how many
 */
struct mdev_pt_doorbell {
	struct list_head node;
	unsigned int bar;
	u64 offset;
	__le32 *shadow;
	struct rw_semaphore lock;
	bool active;
	bool stale;
	DECLARE_BITMAP(named, SZ_4K / sizeof(__le32));
	struct mdev_pt_beside *beside;
	unsigned int nr_beside;
};

/**
 * struct mdev_pt_migration - what a device that can migrate has
 * @kobj: migration/ in the mdev's directory, and the life of this struct
 * @lock: serialises changes of the state and, with them, the vendor's calls;
 *	guards what is named so
 * @state: of the protocol. @lock.
 * @stopped: the function is quiescent. @lock.
 * @stream: what is saved to, or loaded from; NULL if there is none. @lock.
 * @reset_lock: guards @reset_pending
 * @reset_pending: the function was reset while somebody held @lock, who has to
 *	see to it
 * @resetter: who resets the function and looks after it itself. @lock.
 * @tracker: dirty pages
 * @layout_lock: held while @doorbells, @queues and @tails come and go, against a
 *	reset
 * @doorbells: from open() to close(), constant
 * @queues: from open() to close()
 * @nr_queues: how many
 * @queues_lock: serialises the watcher and the stop and start of queues, the
 *	attachment of rings
 * @queues_bar: the BAR with their registers
 * @tails: tails of rings, from open() to close()
 * @nr_tails: how many
 * @tails_bar: the BAR that has them
 * @posts: descriptors that were seen when they were posted, since the mdev was
 *	created
 * @faults: page faults that were given a shadow, since then
 * @user: the process that opened the device last. @lock.
 * @quiesce_us: how long the last quiescing took; @lock
 * @resume_us: how long the last resuming took; @lock
 */
struct mdev_pt_migration {
	struct kobject kobj;
	struct mutex lock;	/* see above */
	enum vfio_device_mig_state state;
	bool stopped;
	struct mdev_pt_stream *stream;
	spinlock_t reset_lock;	/* reset_pending */
	bool reset_pending;
	struct task_struct *resetter;
	struct mdev_pt_tracker tracker;
	struct mutex layout_lock;	/* doorbells, queues, tails */
	struct list_head doorbells;
	struct mdev_pt_queue *queues;
	unsigned int nr_queues;
	struct mutex queues_lock;	/* what the queues do */
	unsigned int queues_bar;
	struct mdev_pt_tail *tails;
	unsigned int nr_tails;
	unsigned int tails_bar;
	atomic64_t posts;
	atomic64_t faults;
	struct pid *user;
	u64 quiesce_us;
	u64 resume_us;
};

/* state.c */
int mdev_pt_migration_create(struct mdev_pt_device *pt);
void mdev_pt_migration_destroy(struct mdev_pt_device *pt);
int mdev_pt_migration_show(struct mdev_pt_device *pt);
void mdev_pt_migration_hide(struct mdev_pt_device *pt);
void mdev_pt_migration_release(struct kobject *kobj);
void mdev_pt_migration_open(struct mdev_pt_device *pt);
void mdev_pt_migration_close(struct mdev_pt_device *pt);
void mdev_pt_migration_reset_done(struct mdev_pt_device *pt);

bool mdev_pt_migration_lock(struct mdev_pt_migration *mig,
			    struct mdev_pt_stream *stream);
void mdev_pt_migration_unlock(struct mdev_pt_device *pt,
			      struct mdev_pt_migration *mig);
void mdev_pt_migration_error(struct mdev_pt_migration *mig);
int mdev_pt_feature_data_size(struct mdev_pt_device *pt, u32 flags,
			      void __user *arg, size_t argsz);

/* sysfs.c */
extern const struct kobj_type mdev_pt_migration_ktype;

/* stream.c */
struct mdev_pt_stream *mdev_pt_stream_save(struct mdev_pt_device *pt);
struct mdev_pt_stream *mdev_pt_stream_load(struct mdev_pt_device *pt);
struct file *mdev_pt_stream_file(struct mdev_pt_stream *stream);
void mdev_pt_stream_set_precopy(struct mdev_pt_stream *stream, bool precopy);
int mdev_pt_stream_take_state(struct mdev_pt_stream *stream,
			      struct mdev_pt_device *pt, int error);
int mdev_pt_stream_loaded(struct mdev_pt_stream *stream);
void mdev_pt_stream_end(struct mdev_pt_stream *stream);
size_t mdev_pt_stream_size(struct mdev_pt_device *pt);

/* dirty.c */
int mdev_pt_dirty_create(struct mdev_pt_device *pt);
void mdev_pt_dirty_destroy(struct mdev_pt_tracker *t);
int mdev_pt_dirty_start(struct mdev_pt_device *pt, enum mdev_pt_tracking mode);
void mdev_pt_dirty_before_stop(struct mdev_pt_device *pt);
void mdev_pt_dirty_stop(struct mdev_pt_device *pt);
void mdev_pt_dirty_stop_type1(struct mdev_pt_device *pt);
bool mdev_pt_dirty_is_narrow(struct mdev_pt_device *pt);
void mdev_pt_dirty_new_user(struct mdev_pt_device *pt);
void mdev_pt_dirty_scan(struct mdev_pt_device *pt);
void mdev_pt_dirty_flush(struct mdev_pt_device *pt);
int mdev_pt_dirty_error(struct mdev_pt_device *pt);
int mdev_pt_dirty_read(struct mdev_pt_device *pt, unsigned long iova,
		       size_t length, struct iova_bitmap *bitmap);
void mdev_pt_dirty_fail(struct mdev_pt_device *pt, int error);
void mdev_pt_dirty_unmap(struct mdev_pt_device *pt, u64 iova, u64 len);
bool mdev_pt_dirty_guard(struct mdev_pt_device *pt, u64 iova, u64 len);
void mdev_pt_dirty_unguard(struct mdev_pt_device *pt, u64 iova, u64 len);

/* doorbell.c */
bool mdev_pt_doorbell_fits(struct mdev_pt_device *pt, unsigned int bar,
			   u64 register_offset);
int mdev_pt_doorbell_add(struct mdev_pt_device *pt, unsigned int bar,
			 u64 register_offset, bool alone,
			 struct mdev_pt_doorbell **doorbell);
void mdev_pt_doorbell_name(struct mdev_pt_doorbell *db, u64 register_offset);
void mdev_pt_doorbell_lock(struct mdev_pt_device *pt,
			   struct mdev_pt_doorbell *db);
void mdev_pt_doorbells_end(struct mdev_pt_device *pt);
int mdev_pt_doorbell_take(struct mdev_pt_device *pt,
			  struct mdev_pt_doorbell *db);
void mdev_pt_doorbell_give_back(struct mdev_pt_device *pt,
				struct mdev_pt_doorbell *db);
void mdev_pt_doorbells_reset(struct mdev_pt_device *pt);
void mdev_pt_doorbell_mmap(struct mdev_pt_device *pt,
			   struct vm_area_struct *vma);
int mdev_pt_doorbell_write(struct mdev_pt_device *pt,
			   struct mdev_pt_doorbell *db, u32 offset, u32 value);
void mdev_pt_doorbells_scan(struct mdev_pt_device *pt);

/* queue.c */
void mdev_pt_queues_end(struct mdev_pt_device *pt);

/* queue_track.c */
void mdev_pt_queues_begin(struct mdev_pt_device *pt);
bool mdev_pt_queues_scan(struct mdev_pt_device *pt, bool all);
void mdev_pt_queues_finish(struct mdev_pt_device *pt);
void mdev_pt_queues_forward(struct mdev_pt_device *pt,
			    struct mdev_pt_doorbell *db);
int mdev_pt_queues_fill(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db);

/* ring.c */
void mdev_pt_rings_end(struct mdev_pt_device *pt);
void mdev_pt_rings_reset(struct mdev_pt_device *pt);
bool mdev_pt_rings_scan(struct mdev_pt_device *pt, bool all);
void mdev_pt_rings_finish(struct mdev_pt_device *pt);
void mdev_pt_rings_forward(struct mdev_pt_device *pt,
			   struct mdev_pt_doorbell *db);
int mdev_pt_rings_fill(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db);

static inline __le32 *mdev_pt_doorbell_register(struct mdev_pt_doorbell *db,
						u64 offset)
{
	return &db->shadow[(offset - db->offset) / 4];
}

#endif /* _MDEV_PT_MIGRATION_H */
