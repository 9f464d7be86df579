// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration/ of an mdev in sysfs: what its live migration is doing
 *
 * Documentation/ABI/testing/sysfs-bus-mdev-pt has the meaning of each file.
 */

#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "../core.h"
#include "migration.h"

static struct mdev_pt_migration *to_migration(struct kobject *kobj)
{
	return container_of(kobj, struct mdev_pt_migration, kobj);
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	static const char *const names[] = {
		[VFIO_DEVICE_STATE_ERROR] = "error",
		[VFIO_DEVICE_STATE_STOP] = "stop",
		[VFIO_DEVICE_STATE_RUNNING] = "running",
		[VFIO_DEVICE_STATE_STOP_COPY] = "stop-copy",
		[VFIO_DEVICE_STATE_RESUMING] = "resuming",
		[VFIO_DEVICE_STATE_RUNNING_P2P] = "running-p2p",
#ifdef VFIO_MIGRATION_PRE_COPY
		[VFIO_DEVICE_STATE_PRE_COPY] = "pre-copy",
		[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "pre-copy-p2p",
#endif
	};
	/* Without the lock, which a slow save would hold: a snapshot. */
	unsigned int state = READ_ONCE(to_migration(kobj)->state);

	return sysfs_emit(buf, "%s\n", names[state]);
}

static ssize_t tracking_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	static const char *const names[] = {
		[MDEV_PT_TRACKING_OFF] = "off",
		[MDEV_PT_TRACKING_TYPE1] = "container",
		[MDEV_PT_TRACKING_LOG] = "log",
	};

	return sysfs_emit(buf, "%s\n",
			  names[READ_ONCE(to_migration(kobj)->tracker.mode)]);
}

static ssize_t dirty_pages_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	struct mdev_pt_tracker *t = &to_migration(kobj)->tracker;

	return sysfs_emit(buf, "%lld\n", (long long)atomic64_read(&t->marked));
}

static ssize_t posts_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%lld\n",
			  (long long)atomic64_read(&to_migration(kobj)->posts));
}

static ssize_t doorbell_faults_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n",
			  (long long)atomic64_read(&to_migration(kobj)->faults));
}

static ssize_t quiesce_us_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(to_migration(kobj)->quiesce_us));
}

static ssize_t resume_us_show(struct kobject *kobj,
			      struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(to_migration(kobj)->resume_us));
}

static struct kobj_attribute state_attr = __ATTR_RO(state);
static struct kobj_attribute tracking_attr = __ATTR_RO(tracking);
static struct kobj_attribute dirty_pages_attr = __ATTR_RO(dirty_pages);
static struct kobj_attribute posts_attr = __ATTR_RO(posts);
static struct kobj_attribute doorbell_faults_attr = __ATTR_RO(doorbell_faults);
static struct kobj_attribute quiesce_us_attr = __ATTR_RO(quiesce_us);
static struct kobj_attribute resume_us_attr = __ATTR_RO(resume_us);

static struct attribute *migration_attrs[] = {
	&state_attr.attr,
	&tracking_attr.attr,
	&dirty_pages_attr.attr,
	&posts_attr.attr,
	&doorbell_faults_attr.attr,
	&quiesce_us_attr.attr,
	&resume_us_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(migration);

const struct kobj_type mdev_pt_migration_ktype = {
	.release = mdev_pt_migration_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = migration_groups,
};
