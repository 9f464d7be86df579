// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of the device's user: through its type1 container, or, with iommufd,
 * through an access object of ours beside the device
 *
 * VFIO makes such objects for mdevs whose DMA is emulated, and none for a
 * function that does its own.  Nothing is pinned through ours: with iommufd
 * written pages are told by the log of the device.
 *
 * bind, attach, detach and unbind come with the lock of the device set held; bind
 * before open(), unbind after close().
 */

#include "compat.h"
#include "core.h"

#ifdef MDEV_PT_HAS_IOMMUFD
#include <linux/iommufd.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>

enum access_state {
	/* The device has no memory. */
	ACCESS_DETACHED,
	/* What the device has, we have. */
	ACCESS_ATTACHED,
	/* The device has some, and there is no way to it. */
	ACCESS_MISSING,
};

/**
 * struct mdev_pt_access - the way to the memory of a user of iommufd
 * @object: on the address space that the device is attached to, if it is to one
 * @lock: held for writing while that changes, for reading by who uses it: there
 *	is a time in between in which nothing seems to be mapped. Inside the lock
 *	of the device set; outside those of iommufd, and of page faults.
 * @state: @lock
 */
struct mdev_pt_access {
	struct iommufd_access *object;
	struct rw_semaphore lock;	/* see above */
	enum access_state state;
};

/* Asked for by an unmap of what others have pinned */
static void nothing_is_pinned(void *data, unsigned long iova,
			      unsigned long length)
{
}

static const struct iommufd_access_ops access_ops = {
	.unmap = nothing_is_pinned,
};

static int create_access(struct mdev_pt_device *pt, struct iommufd_ctx *ictx)
{
	struct mdev_pt_access *access;
	u32 id;
	int ret;

	access = kzalloc(sizeof(*access), GFP_KERNEL_ACCOUNT);
	if (!access)
		return -ENOMEM;
	init_rwsem(&access->lock);
	access->object = iommufd_access_create(ictx, &access_ops, pt, &id);
	if (IS_ERR(access->object)) {
		ret = PTR_ERR(access->object);
		kfree(access);
		return ret;
	}
	pt->access = access;
	return 0;
}

int mdev_pt_iommufd_bind(struct vfio_device *vdev, struct iommufd_ctx *ictx,
			 u32 *out_device_id)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	int ret;

	ret = vfio_iommufd_physical_bind(vdev, ictx, out_device_id);
	/* Only vendors ask for the user's memory. */
	if (ret || !pt->vendor)
		return ret;
	ret = create_access(pt, ictx);
	if (ret)
		vfio_iommufd_physical_unbind(vdev);
	return ret;
}

void mdev_pt_iommufd_unbind(struct vfio_device *vdev)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);

	if (pt->access) {
		iommufd_access_destroy(pt->access->object);
		kfree(pt->access);
		pt->access = NULL;
	}
	vfio_iommufd_physical_unbind(vdev);
}

static void detach_access(struct mdev_pt_access *access, enum access_state state)
{
	if (access->state == ACCESS_ATTACHED)
		iommufd_access_detach(access->object);
	access->state = state;
}

static void attach_access(struct mdev_pt_access *access, u32 ioas)
{
	int ret;

	down_write(&access->lock);
	if (access->state == ACCESS_ATTACHED)
		ret = iommufd_access_replace(access->object, ioas);
	else
		ret = iommufd_access_attach(access->object, ioas);
	if (ret)
		detach_access(access, ACCESS_MISSING);
	else
		access->state = ACCESS_ATTACHED;
	up_write(&access->lock);
}

/*
 * @pt_id is an address space, or page tables of the user's, of which nobody says
 * what they belong to: then there is no way to the memory, which is an error when
 * somebody needs one.
 */
int mdev_pt_iommufd_attach(struct vfio_device *vdev, u32 *pt_id)
{
	struct mdev_pt_device *pt = to_mdev_pt_device(vdev);
	u32 ioas = *pt_id;
	int ret;

	/* It changes the id to that of the page tables. */
	ret = vfio_iommufd_physical_attach_ioas(vdev, pt_id);
	if (!ret && pt->access)
		attach_access(pt->access, ioas);
	return ret;
}

void mdev_pt_iommufd_detach(struct vfio_device *vdev)
{
	struct mdev_pt_access *access = to_mdev_pt_device(vdev)->access;

	vfio_iommufd_physical_detach_ioas(vdev);
	if (!access)
		return;
	down_write(&access->lock);
	detach_access(access, ACCESS_DETACHED);
	up_write(&access->lock);
}

static int object_rw(struct iommufd_access *object, u64 iova, void *buf,
		     size_t len, bool write)
{
	unsigned int flags = write ? IOMMUFD_ACCESS_RW_WRITE :
				     IOMMUFD_ACCESS_RW_READ;
	int ret;

	/* A task that exits has no memory either, and may not borrow any. */
	if (current->flags & PF_KTHREAD && !current->mm)
		flags |= IOMMUFD_ACCESS_RW_KTHREAD;
	ret = iommufd_access_rw(object, iova, buf, len, flags);
	/* Nothing is mapped there; type1 says it so. */
	return ret == -ENOENT || ret == -EOVERFLOW ? -EINVAL : ret;
}

static int access_rw(struct mdev_pt_access *access, u64 iova, void *buf,
		     size_t len, bool write)
{
	int ret = -EINVAL;

	down_read(&access->lock);
	if (access->state == ACCESS_ATTACHED)
		ret = object_rw(access->object, iova, buf, len, write);
	else if (access->state == ACCESS_MISSING)
		ret = -EOPNOTSUPP;
	up_read(&access->lock);
	return ret;
}

/* Is there a way to the memory? */
bool mdev_pt_has_user_memory(struct mdev_pt_device *pt)
{
	struct mdev_pt_access *access = pt->access;
	bool has;

	if (!access)
		return !mdev_pt_is_iommufd(&pt->vdev.vdev);
	down_read(&access->lock);
	has = access->state == ACCESS_ATTACHED;
	up_read(&access->lock);
	return has;
}
#else
static int access_rw(struct mdev_pt_access *access, u64 iova, void *buf,
		     size_t len, bool write)
{
	return -EINVAL;
}

bool mdev_pt_has_user_memory(struct mdev_pt_device *pt)
{
	return true;
}
#endif

/*
 * Between open() and close(): 0; -EINVAL where nothing is mapped; -EPERM;
 * -EOPNOTSUPP where the device may find something, and we don't; or an error
 */
int mdev_pt_user_rw(struct mdev_pt_device *pt, u64 iova, void *buf, size_t len,
		    bool write)
{
	return pt->access ? access_rw(pt->access, iova, buf, len, write) :
			    vfio_dma_rw(&pt->vdev.vdev, iova, buf, len, write);
}
