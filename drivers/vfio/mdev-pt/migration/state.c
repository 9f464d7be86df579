// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live migration: the state machine of VFIO's protocol
 *
 * RUNNING, PRE_COPY	the function runs
 * *_P2P		it is quiescent: no DMA, no interrupt
 * STOP			the same
 * STOP_COPY, RESUMING	the same, and its state is saved or loaded
 *
 * A vendor's quiesce() stops everything, so that the P2P states are already the
 * stopped ones.
 *
 * Tracking of dirty pages starts with the log, or for a type1 container, whose
 * tracking nobody tells us of, with PRE_COPY.  Of a guest that is paused when its
 * migration begins no PRE_COPY tells either: the user asks how much there is to move.
 * Once a container believes what it is told, it goes on to do so, so a function that
 * was stopped is tracked, whoever starts it and however: a migration may be under
 * way.  Tracking ends when the user calls a migration off, which is RUNNING for a
 * function that runs, or closes the device.
 */

#include <linux/delay.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "../core.h"
#include "migration.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#ifdef VFIO_MIGRATION_PRE_COPY
#define MIGRATION_FLAGS \
	(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY)
#define STATE_PRE_COPY		VFIO_DEVICE_STATE_PRE_COPY
#define STATE_PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P
#else
#define MIGRATION_FLAGS		(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P)
/* No state */
#define STATE_PRE_COPY		(~0u)
#define STATE_PRE_COPY_P2P	(~0u)
#endif

static bool is_precopy(unsigned int state)
{
	return state == STATE_PRE_COPY || state == STATE_PRE_COPY_P2P;
}

static int quiesce(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;
	ktime_t start = ktime_get();
	int ret;

	lockdep_assert_held(&mig->lock);

	mdev_pt_dirty_before_stop(pt);
	ret = mdev_pt_memory_hold(pt);
	if (!ret) {
		ret = mdev_pt_vendor_result(pt->ops->migration->quiesce(pt));
		mdev_pt_memory_release(pt);
	}
	if (!ret) {
		/* The last posts, and what was written up to now */
		WRITE_ONCE(mig->stopped, true);
		mdev_pt_dirty_flush(pt);
	}
	mig->quiesce_us = ktime_us_delta(ktime_get(), start);
	trace_mdev_pt_quiesce(&pt->vdev.pdev->dev, mig->quiesce_us, ret);
	return ret;
}

static int resume(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;
	ktime_t start = ktime_get();
	int ret;

	lockdep_assert_held(&mig->lock);

	/* First: a scan of running queues must not pass for the last one. */
	WRITE_ONCE(mig->stopped, false);
	ret = mdev_pt_memory_hold(pt);
	if (!ret) {
		ret = mdev_pt_vendor_result(pt->ops->migration->resume(pt));
		mdev_pt_memory_release(pt);
	}
	mig->resume_us = ktime_us_delta(ktime_get(), start);
	trace_mdev_pt_resume(&pt->vdev.pdev->dev, mig->resume_us, ret);
	return ret;
}

static void end_stream(struct mdev_pt_migration *mig)
{
	if (mig->stream)
		mdev_pt_stream_end(mig->stream);
	mig->stream = NULL;
}

/* A file for @stream, which becomes that of the state machine */
static struct file *begin_stream(struct mdev_pt_migration *mig,
				 struct mdev_pt_stream *stream)
{
	struct file *filp;

	if (IS_ERR(stream))
		return ERR_CAST(stream);
	filp = mdev_pt_stream_file(stream);
	if (IS_ERR(filp)) {
		mdev_pt_stream_end(stream);
		return filp;
	}
	end_stream(mig);
	mig->stream = stream;
	return filp;
}

#ifdef VFIO_MIGRATION_PRE_COPY
static struct file *enter_precopy(struct mdev_pt_device *pt)
{
	struct mdev_pt_stream *stream = mdev_pt_stream_save(pt);
	struct file *filp;
	int ret;

	if (IS_ERR(stream))
		return ERR_CAST(stream);
	mdev_pt_stream_set_precopy(stream, true);

	ret = mdev_pt_dirty_start(pt, MDEV_PT_TRACKING_TYPE1);
	if (ret) {
		mdev_pt_stream_end(stream);
		return ERR_PTR(ret);
	}
	filp = begin_stream(pt->mig, stream);
	if (IS_ERR(filp))
		mdev_pt_dirty_stop_type1(pt);
	return filp;
}
#endif

static struct file *enter_stop_copy(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;
	struct file *filp = NULL;
	int ret;

	/* From PRE_COPY_P2P the stream goes on. */
	if (!is_precopy(mig->state)) {
		filp = begin_stream(mig, mdev_pt_stream_save(pt));
		if (IS_ERR(filp))
			return filp;
	}
	/*
	 * An error of the arc has QEMU reset the guest's device; an error of the
	 * stream has it cancel.
	 */
	ret = mdev_pt_stream_take_state(mig->stream, pt, mdev_pt_dirty_error(pt));
	if (!ret)
		return filp;
	dev_err_ratelimited(&pt->vdev.pdev->dev, "migration: no state from %s (%d)\n",
			    pt->vendor->name, ret);
	if (filp) {
		end_stream(mig);
		fput(filp);
	}
	return ERR_PTR(ret);
}

#define ARC(from, to) ((from) << 8 | (to))

/* One arc. Returns the stream's file where one begins, else NULL, or an error. */
static struct file *step(struct mdev_pt_device *pt, unsigned int next)
{
	struct mdev_pt_migration *mig = pt->mig;
	int ret = 0;

	switch (ARC(mig->state, next)) {
	case ARC(VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_RUNNING_P2P):
		ret = quiesce(pt);
		break;
	case ARC(VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_RUNNING):
		ret = resume(pt);
		if (ret)
			WRITE_ONCE(mig->state, VFIO_DEVICE_STATE_ERROR);
		break;
	case ARC(VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_STOP):
	case ARC(VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RUNNING_P2P):
		break;
	case ARC(VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY):
		return enter_stop_copy(pt);
	case ARC(VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_STOP):
		end_stream(mig);
		break;
	case ARC(VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING):
		return begin_stream(mig, mdev_pt_stream_load(pt));
	case ARC(VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_STOP):
		ret = mdev_pt_stream_loaded(mig->stream);
		if (!ret)
			end_stream(mig);
		break;
#ifdef VFIO_MIGRATION_PRE_COPY
	case ARC(VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_PRE_COPY):
	case ARC(VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_PRE_COPY_P2P):
		return enter_precopy(pt);
	case ARC(VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_RUNNING):
	case ARC(VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_RUNNING_P2P):
		end_stream(mig);
		break;
	case ARC(VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P):
		ret = quiesce(pt);
		break;
	case ARC(VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_PRE_COPY):
		ret = resume(pt);
		if (ret)
			WRITE_ONCE(mig->state, VFIO_DEVICE_STATE_ERROR);
		break;
	case ARC(VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_STOP_COPY):
		return enter_stop_copy(pt);
#endif
	default:
		WARN_ONCE(1, "mdev_pt: no arc %u to %u\n", mig->state, next);
		ret = -EINVAL;
	}
	return ret ? ERR_PTR(ret) : NULL;
}

/* The function is as after power-on. */
static void after_reset(struct mdev_pt_migration *mig)
{
	end_stream(mig);
	WRITE_ONCE(mig->state, VFIO_DEVICE_STATE_RUNNING);
	WRITE_ONCE(mig->stopped, false);
}

/*
 * A reset can come while this thread holds the lock and waits for memory_lock,
 * which the one who resets holds: it must not wait for us, so we look after it.
 */
void mdev_pt_migration_unlock(struct mdev_pt_device *pt,
			      struct mdev_pt_migration *mig)
{
	for (;;) {
		spin_lock(&mig->reset_lock);
		if (!mig->reset_pending)
			break;
		mig->reset_pending = false;
		spin_unlock(&mig->reset_lock);
		/* Again: queues may have been stopped meanwhile. */
		mdev_pt_queues_were_reset(pt);
		after_reset(mig);
	}
	mutex_unlock(&mig->lock);
	spin_unlock(&mig->reset_lock);
}

static void migration_unlock(struct mdev_pt_device *pt)
{
	mdev_pt_migration_unlock(pt, pt->mig);
}

/*
 * For who writes to @stream. False: the state machine has done with it, and the
 * device may be gone; to be unlocked all the same.
 */
bool mdev_pt_migration_lock(struct mdev_pt_migration *mig,
			    struct mdev_pt_stream *stream)
{
	mutex_lock(&mig->lock);
	return mig->stream == stream;
}

/* The function may have half of a state. */
void mdev_pt_migration_error(struct mdev_pt_migration *mig)
{
	lockdep_assert_held(&mig->lock);

	WRITE_ONCE(mig->state, VFIO_DEVICE_STATE_ERROR);
}

/* In between create and remove; memory_lock may be held. */
void mdev_pt_migration_reset_done(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;

	mdev_pt_queues_were_reset(pt);
	if (READ_ONCE(mig->resetter) == current)
		return;

	spin_lock(&mig->reset_lock);
	mig->reset_pending = true;
	if (!mutex_trylock(&mig->lock)) {
		spin_unlock(&mig->reset_lock);
		return;
	}
	spin_unlock(&mig->reset_lock);
	migration_unlock(pt);
}

/* How often others, who reset it themselves, are waited for */
#define RESET_TRIES	20

int mdev_pt_reset(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;
	unsigned int tries = RESET_TRIES;
	long ret;

	lockdep_assert_held(&mig->lock);

	WRITE_ONCE(mig->resetter, current);
	/* Not for ever: the function may be unbound, which waits for the user. */
	while ((ret = vfio_pci_core_ioctl(&pt->vdev.vdev, VFIO_DEVICE_RESET,
					  0)) == -EAGAIN && --tries)
		msleep(20);
	WRITE_ONCE(mig->resetter, NULL);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_reset);

static struct file *set_state(struct vfio_device *vdev,
			      enum vfio_device_mig_state new_state)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	struct mdev_pt_migration *mig = pt->mig;
	enum vfio_device_mig_state next, old;
	struct file *filp = NULL;
	int ret;

	mutex_lock(&mig->lock);
	old = mig->state;
	/* Only a reset ends it; VFIO warns when it is asked for the next state. */
	if (old == VFIO_DEVICE_STATE_ERROR) {
		filp = ERR_PTR(-EINVAL);
		goto out;
	}

	while (mig->state != new_state) {
		ret = vfio_mig_get_next_state(vdev, mig->state, new_state,
					      &next);
		if (ret) {
			filp = ERR_PTR(ret);
			break;
		}
		filp = step(pt, next);
		trace_mdev_pt_state(&pt->vdev.pdev->dev, mig->state, next,
				    PTR_ERR_OR_ZERO(filp));
		if (IS_ERR(filp))
			break;
		WRITE_ONCE(mig->state, next);
		/* Only the last arc begins a stream. */
		if (WARN_ON(filp && next != new_state)) {
			fput(filp);
			filp = ERR_PTR(-EINVAL);
			break;
		}
	}
	/*
	 * Called off; perhaps after the guest was reset, or had gone on already, so
	 * that we are RUNNING. On the way to a state that stops the function it goes
	 * on.
	 */
	if (mig->state == new_state &&
	    ((old == VFIO_DEVICE_STATE_RUNNING &&
	      new_state == VFIO_DEVICE_STATE_RUNNING) ||
	     (is_precopy(old) && (new_state == VFIO_DEVICE_STATE_RUNNING ||
				  new_state == VFIO_DEVICE_STATE_RUNNING_P2P))))
		mdev_pt_dirty_stop_type1(pt);
out:
	migration_unlock(pt);
	return filp;
}

static int get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	mutex_lock(&pt->mig->lock);
	*state = pt->mig->state;
	migration_unlock(pt);
	return 0;
}

/* The migration of a paused guest begins: nothing is written until it goes on. */
static int state_begin_while_stopped(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;
	int ret = 0;

	mutex_lock(&mig->lock);
	if (mig->stopped && mig->state == VFIO_DEVICE_STATE_STOP &&
	    !mdev_pt_is_iommufd(&pt->vdev.vdev))
		ret = mdev_pt_dirty_start(pt, MDEV_PT_TRACKING_TYPE1);
	migration_unlock(pt);
	return ret;
}

#ifdef HAVE_VFIO_MIG_DATA_SIZE
static int get_data_size(struct vfio_device *vdev, unsigned long *size)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	*size = mdev_pt_stream_size(pt);
	return state_begin_while_stopped(pt);
}
#else
/* As VFIO does it where it knows the feature */
int mdev_pt_feature_data_size(struct mdev_pt_device *pt, u32 flags,
			      void __user *arg, size_t argsz)
{
	struct vfio_device_feature_mig_data_size size = {};
	int ret;

	if (!pt->mig)
		return -ENOTTY;
	ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET,
				 sizeof(size));
	if (ret != 1)
		return ret;
	size.stop_copy_length = mdev_pt_stream_size(pt);
	ret = state_begin_while_stopped(pt);
	if (ret)
		return ret;
	return copy_to_user(arg, &size, sizeof(size)) ? -EFAULT : 0;
}
#endif

static const struct vfio_migration_ops migration_ops = {
	.migration_set_state = set_state,
	.migration_get_state = get_state,
#ifdef HAVE_VFIO_MIG_DATA_SIZE
	.migration_get_data_size = get_data_size,
#endif
};

#ifdef HAVE_VFIO_DMA_LOGGING
static int log_start(struct vfio_device *vdev, struct rb_root_cached *ranges,
		     u32 nr_ranges, u64 *page_size)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	int ret = -EBUSY;

	if (!is_power_of_2(*page_size))
		return -EINVAL;
	if (!mdev_pt_has_user_memory(pt)) {
		dev_err_ratelimited(&pt->vdev.pdev->dev, "migration: no way to the user's memory: attach the device to an address space (IOAS), not to page tables\n");
		return -EOPNOTSUPP;
	}
	*page_size = PAGE_SIZE;

	mutex_lock(&pt->mig->lock);
	if (pt->mig->tracker.mode != MDEV_PT_TRACKING_LOG) {
		mdev_pt_dirty_stop(pt);
		ret = mdev_pt_dirty_start(pt, MDEV_PT_TRACKING_LOG);
	}
	migration_unlock(pt);
	return ret;
}

static int log_stop(struct vfio_device *vdev)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	int ret = -EINVAL;

	mutex_lock(&pt->mig->lock);
	if (pt->mig->tracker.mode == MDEV_PT_TRACKING_LOG) {
		mdev_pt_dirty_stop(pt);
		ret = 0;
	}
	migration_unlock(pt);
	return ret;
}

static int log_read_and_clear(struct vfio_device *vdev, unsigned long iova,
			      unsigned long length, struct iova_bitmap *dirty)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	int ret = -EINVAL;

	mutex_lock(&pt->mig->lock);
	if (pt->mig->tracker.mode == MDEV_PT_TRACKING_LOG)
		ret = mdev_pt_dirty_read(pt, iova, length, dirty);
	migration_unlock(pt);
	return ret;
}

static const struct vfio_log_ops log_ops = {
	.log_start = log_start,
	.log_stop = log_stop,
	.log_read_and_clear = log_read_and_clear,
};
#endif

/* Before the VFIO device is registered */
int mdev_pt_migration_create(struct mdev_pt_device *pt)
{
	struct vfio_device *vdev = &pt->vdev.vdev;
	struct mdev_pt_migration *mig;
	int ret;

	mig = kzalloc(sizeof(*mig), GFP_KERNEL);
	if (!mig)
		return -ENOMEM;
	kobject_init(&mig->kobj, &mdev_pt_migration_ktype);
	mutex_init(&mig->lock);
	mutex_init(&mig->layout_lock);
	mutex_init(&mig->queues_lock);
	spin_lock_init(&mig->reset_lock);
	INIT_LIST_HEAD(&mig->doorbells);
	mig->state = VFIO_DEVICE_STATE_RUNNING;
	pt->mig = mig;
	ret = mdev_pt_dirty_create(pt);
	if (ret) {
		pt->mig = NULL;
		kobject_put(&mig->kobj);
		return ret;
	}

	vdev->migration_flags = MIGRATION_FLAGS;
	vdev->mig_ops = &migration_ops;
#ifdef HAVE_VFIO_DMA_LOGGING
	vdev->log_ops = &log_ops;
#endif
	return 0;
}

/* No user is left; also without mdev_pt_migration_create(). */
void mdev_pt_migration_destroy(struct mdev_pt_device *pt)
{
	/* A stream's file may still refer to it. */
	if (pt->mig)
		kobject_put(&pt->mig->kobj);
}

void mdev_pt_migration_release(struct kobject *kobj)
{
	struct mdev_pt_migration *mig =
		container_of(kobj, struct mdev_pt_migration, kobj);

	mdev_pt_dirty_destroy(&mig->tracker);
	put_pid(mig->user);
	kfree(mig);
}

int mdev_pt_migration_show(struct mdev_pt_device *pt)
{
	return kobject_add(&pt->mig->kobj, &pt->mdev->dev.kobj, "migration");
}

void mdev_pt_migration_hide(struct mdev_pt_device *pt)
{
	kobject_del(&pt->mig->kobj);
}

/* A process that opens the device again may have it in the same container. */
static void state_meet_user(struct mdev_pt_device *pt)
{
	struct pid *user = get_task_pid(current, PIDTYPE_TGID);
	struct mdev_pt_migration *mig = pt->mig;

	if (user != mig->user)
		mdev_pt_dirty_new_user(pt);
	swap(user, mig->user);
	put_pid(user);
}

/* Before the vendor's open() */
void mdev_pt_migration_open(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;

	mutex_lock(&mig->lock);
	state_meet_user(pt);
	after_reset(mig);
	migration_unlock(pt);
}

/* Before the vendor's close(), and before a failed open ends */
void mdev_pt_migration_close(struct mdev_pt_device *pt)
{
	struct mdev_pt_migration *mig = pt->mig;

	mutex_lock(&mig->lock);
	mdev_pt_dirty_stop(pt);
	after_reset(mig);
	migration_unlock(pt);
	mdev_pt_queues_end(pt);
}
