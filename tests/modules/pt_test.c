// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vendors for the tests of routing, traps, regions and failures, on QEMU's edu
 * device (1234:11e8), whose BAR 0 has 1 MB.  Each has a type:
 *
 *   pt-test-null    no op at all, for any function
 *   pt-test-count   every op, counts and passes on
 *   pt-test-own     every access op takes its accesses over
 *   pt-test-trap    traps and regions
 *
 * The parameter "calls" shows how often each op was called since it was written
 * to; "fail" names an op that is to fail.
 */

#include <linux/mdev_pt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "pt_test.h"
#include "pt_test_calls.h"

enum op {
	OP_probe,
	OP_remove_fn,
	OP_create,
	OP_remove,
	OP_open,
	OP_close,
	OP_request,
	OP_reset_done,
	OP_read,
	OP_write,
	OP_ioctl,
	OP_mmap,
	OP_get_region_info,
	NUM_OPS
};

static const char *const op_names[NUM_OPS] = {
	[OP_probe] = "probe",
	[OP_remove_fn] = "remove_fn",
	[OP_create] = "create",
	[OP_remove] = "remove",
	[OP_open] = "open",
	[OP_close] = "close",
	[OP_request] = "request",
	[OP_reset_done] = "reset_done",
	[OP_read] = "read",
	[OP_write] = "write",
	[OP_ioctl] = "ioctl",
	[OP_mmap] = "mmap",
	[OP_get_region_info] = "get_region_info",
};

static atomic_t calls[NUM_OPS];

static struct pt_test_calls calls_param = {
	.names = op_names,
	.counts = calls,
	.size = NUM_OPS,
};
module_param_cb(calls, &pt_test_calls_ops, &calls_param, 0644);

static char fail[32];
module_param_string(fail, fail, sizeof(fail), 0644);

static int fails(const char *name)
{
	return sysfs_streq(fail, name) ? -EDOM : 0;
}

/* Every op begins with it. */
static int called(enum op op)
{
	atomic_inc(&calls[op]);
	return fails(op_names[op]);
}

static int test_probe(struct mdev_pt_function *fn)
{
	int ret = called(OP_probe);

	if (ret)
		return ret;
	fn->data = kzalloc(64, GFP_KERNEL);
	return fn->data ? 0 : -ENOMEM;
}

static void test_remove_fn(struct mdev_pt_function *fn)
{
	called(OP_remove_fn);
	kfree(fn->data);
}

static int test_create(struct mdev_pt_device *pt)
{
	int ret = called(OP_create);
	struct pt_test_log *log;

	if (ret)
		return ret;
	log = kzalloc(sizeof(*log), GFP_KERNEL);
	pt->data = log;
	return log ? 0 : -ENOMEM;
}

static void test_remove(struct mdev_pt_device *pt)
{
	called(OP_remove);
	kfree(pt->data);
}

static int count_open(struct mdev_pt_device *pt)
{
	return called(OP_open);
}

static void test_close(struct mdev_pt_device *pt)
{
	called(OP_close);
}

static void count_request(struct mdev_pt_device *pt, unsigned int count)
{
	called(OP_request);
	mdev_pt_request(pt, count);
}

static void test_reset_done(struct mdev_pt_device *pt)
{
	called(OP_reset_done);
}

static ssize_t count_read(struct mdev_pt_device *pt, char __user *buf,
			  size_t count, loff_t *ppos)
{
	return called(OP_read) ?: mdev_pt_read(pt, buf, count, ppos);
}

static ssize_t count_write(struct mdev_pt_device *pt, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	return called(OP_write) ?: mdev_pt_write(pt, buf, count, ppos);
}

static long count_ioctl(struct mdev_pt_device *pt, unsigned int cmd,
			unsigned long arg)
{
	return called(OP_ioctl) ?: mdev_pt_ioctl(pt, cmd, arg);
}

static int count_mmap(struct mdev_pt_device *pt, struct vm_area_struct *vma)
{
	return called(OP_mmap) ?: mdev_pt_mmap(pt, vma);
}

static int count_get_region_info(struct mdev_pt_device *pt,
				 struct vfio_region_info *info,
				 struct vfio_info_cap *caps)
{
	return called(OP_get_region_info) ?:
	       mdev_pt_get_region_info(pt, info, caps);
}

static ssize_t own_read(struct mdev_pt_device *pt, char __user *buf,
			size_t count, loff_t *ppos)
{
	called(OP_read);
	count = min_t(size_t, count, 1);
	if (clear_user(buf, count) || put_user(PT_TEST_OWN_BYTE, buf))
		return -EFAULT;
	*ppos += count;
	return count;
}

static ssize_t own_write(struct mdev_pt_device *pt, const char __user *buf,
			 size_t count, loff_t *ppos)
{
	called(OP_write);
	*ppos += count;
	return count;
}

static long own_ioctl(struct mdev_pt_device *pt, unsigned int cmd,
		      unsigned long arg)
{
	called(OP_ioctl);
	return cmd == VFIO_DEVICE_GET_INFO ? mdev_pt_ioctl(pt, cmd, arg) :
	       PT_TEST_OWN_IOCTL;
}

static int own_mmap(struct mdev_pt_device *pt, struct vm_area_struct *vma)
{
	called(OP_mmap);
	return -ENOSPC;
}

static int own_get_region_info(struct mdev_pt_device *pt,
			       struct vfio_region_info *info,
			       struct vfio_info_cap *caps)
{
	called(OP_get_region_info);
	info->offset = VFIO_PCI_INDEX_TO_OFFSET(info->index);
	info->size = PT_TEST_OWN_SIZE;
	info->flags = VFIO_REGION_INFO_FLAG_READ;
	return 0;
}

static void own_request(struct mdev_pt_device *pt, unsigned int count)
{
	called(OP_request);
}

/* Traps: what was accessed, and how, goes to a log that a region shows. */

static DEFINE_SPINLOCK(log_lock);

static void log_access(struct pt_test_log *log, u64 offset, unsigned int width,
		       u64 value, bool is_write)
{
	struct pt_test_access *access;

	spin_lock(&log_lock);
	access = &log->access[log->count++ % PT_TEST_LOG];
	access->offset = offset;
	access->value = value;
	access->width = width;
	access->is_write = is_write;
	spin_unlock(&log_lock);
}

static int trap_read(struct mdev_pt_device *pt, void *data, u64 offset,
		     unsigned int width, u64 *value)
{
	if (fails("trap_read"))
		return -EDOM;
	/* Every byte says where it is. */
	*value = (offset & 0x1f) * 0x0101010101010101ULL + 0x0706050403020100ULL;
	log_access(pt->data, offset, width, 0, false);
	return 0;
}

static int trap_write(struct mdev_pt_device *pt, void *data, u64 offset,
		      unsigned int width, u64 value)
{
	if (fails("trap_write"))
		return -EDOM;
	log_access(pt->data, offset, width, value, true);
	return 0;
}

static const struct mdev_pt_trap_ops own_trap = {
	.read = trap_read,
	.write = trap_write,
};

/* The liveness register, by the kernel's own access to the BAR */
static int live_read(struct mdev_pt_device *pt, void *data, u64 offset,
		     unsigned int width, u64 *value)
{
	return mdev_pt_bar_read(pt, 0, offset, width, value);
}

static int live_write(struct mdev_pt_device *pt, void *data, u64 offset,
		      unsigned int width, u64 value)
{
	return mdev_pt_bar_write(pt, 0, offset, width, value);
}

static const struct mdev_pt_trap_ops live_trap = {
	.read = live_read,
	.write = live_write,
};

/* Sees writes, and leaves all to the default */
static int seen_write(struct mdev_pt_device *pt, void *data, u64 offset,
		      unsigned int width, u64 value)
{
	log_access(pt->data, offset, width, value, true);
	return MDEV_PT_DEFAULT;
}

static const struct mdev_pt_trap_ops seen_trap = {
	.write = seen_write,
};

static int log_read(struct mdev_pt_device *pt, void *data, u64 offset,
		    void *buf, size_t len)
{
	if (fails("region_read"))
		return -EDOM;
	spin_lock(&log_lock);
	memcpy(buf, data + offset, len);
	spin_unlock(&log_lock);
	return 0;
}

/* Whatever is written clears it. */
static int log_write(struct mdev_pt_device *pt, void *data, u64 offset,
		     const void *buf, size_t len)
{
	spin_lock(&log_lock);
	memset(data, 0, sizeof(struct pt_test_log));
	spin_unlock(&log_lock);
	return 0;
}

static const struct mdev_pt_region_ops log_region = {
	.read = log_read,
	.write = log_write,
};

static struct page *shared_page;

static int page_mmap(struct mdev_pt_device *pt, void *data,
		     struct vm_area_struct *vma)
{
	return vm_insert_page(vma, vma->vm_start, shared_page);
}

static int page_read(struct mdev_pt_device *pt, void *data, u64 offset,
		     void *buf, size_t len)
{
	memcpy(buf, page_address(shared_page) + offset, len);
	return 0;
}

static const struct mdev_pt_region_ops page_region = {
	.read = page_read,
	.mmap = page_mmap,
};

static const struct {
	unsigned int index;
	u64 offset;
	u64 len;
	const struct mdev_pt_trap_ops *ops;
} traps[] = {
	/* not in order */
	{ VFIO_PCI_BAR0_REGION_INDEX, PT_TEST_BORDER, 4, &own_trap },
	{ VFIO_PCI_BAR0_REGION_INDEX, PT_TEST_REGISTER, 4, &own_trap },
	{ VFIO_PCI_BAR0_REGION_INDEX, PT_TEST_LIVE, 4, &live_trap },
	{ VFIO_PCI_BAR0_REGION_INDEX, PT_TEST_WIDE, 16, &own_trap },
	{ VFIO_PCI_BAR0_REGION_INDEX, PT_TEST_SEEN, 8, &seen_trap },
	{ VFIO_PCI_CONFIG_REGION_INDEX, PCI_SUBSYSTEM_VENDOR_ID, 4, &own_trap },
	{ VFIO_PCI_CONFIG_REGION_INDEX, PCI_INTERRUPT_LINE, 1, &seen_trap },
};

/* What must be refused, with the errno */
static int check_refusals(struct mdev_pt_device *pt)
{
	static const struct mdev_pt_region_ops nothing;
	int ret;

	ret = mdev_pt_add_trap(pt, 0, PT_TEST_REGISTER + 3, 8, &own_trap, NULL);
	if (ret != -EEXIST)
		return ret == -ENOMEM ? ret : -ENOTRECOVERABLE;
	if (mdev_pt_add_trap(pt, 0, SZ_1M - 4, 8, &own_trap, NULL) != -EINVAL ||
	    mdev_pt_add_trap(pt, 0, 0, U64_MAX, &own_trap, NULL) != -EINVAL ||
	    mdev_pt_add_trap(pt, 1, 0, 4, &own_trap, NULL) != -EINVAL ||
	    mdev_pt_add_trap(pt, 42, 0, 4, &own_trap, NULL) != -EINVAL ||
	    mdev_pt_add_trap(pt, VFIO_PCI_CONFIG_REGION_INDEX, 256, 1,
			     &own_trap, NULL) != -EINVAL ||
	    mdev_pt_add_region(pt, 1, 1, 4096, &nothing, NULL) != -EINVAL ||
	    mdev_pt_add_region(pt, 1, 1, 0, &log_region, NULL) != -EINVAL ||
	    mdev_pt_add_region(pt, 1, 1, 100, &page_region, NULL) != -EINVAL ||
	    mdev_pt_map_bar(pt, 5) != -EINVAL)
		return -ENOTRECOVERABLE;
	return 0;
}

static int trap_open(struct mdev_pt_device *pt)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(traps); i++)
		ret = mdev_pt_add_trap(pt, traps[i].index, traps[i].offset,
				       traps[i].len, traps[i].ops, NULL);
	if (ret)
		return ret;
	ret = mdev_pt_add_region(pt, PT_TEST_TYPE, PT_TEST_SUBTYPE_LOG,
				 sizeof(struct pt_test_log), &log_region,
				 pt->data);
	if (ret)
		return ret;
	ret = mdev_pt_add_region(pt, PT_TEST_TYPE, PT_TEST_SUBTYPE_PAGE,
				 PAGE_SIZE, &page_region, NULL);
	if (ret)
		return ret;
	/* Whatever open() has done is undone if it fails late. */
	return called(OP_open) ?: check_refusals(pt);
}

/* edu, and nvme, which can be reset */
static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ PCI_DEVICE(0x1b36, 0x0010) },
	{}
};

static const struct pci_device_id any_ids[] = {
	{ PCI_DEVICE(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};

static const struct mdev_pt_vendor_ops no_ops;

static const struct mdev_pt_vendor_ops count_ops = {
	.create = test_create,
	.remove = test_remove,
	.open = count_open,
	.close = test_close,
	.request = count_request,
	.reset_done = test_reset_done,
	.read = count_read,
	.write = count_write,
	.ioctl = count_ioctl,
	.mmap = count_mmap,
	.get_region_info = count_get_region_info,
};

static const struct mdev_pt_vendor_ops own_ops = {
	.create = test_create,
	.remove = test_remove,
	.close = test_close,
	.request = own_request,
	.read = own_read,
	.write = own_write,
	.ioctl = own_ioctl,
	.mmap = own_mmap,
	.get_region_info = own_get_region_info,
};

static const struct mdev_pt_vendor_ops trap_ops = {
	.create = test_create,
	.remove = test_remove,
	.open = trap_open,
	.close = test_close,
};

#define VENDOR(vendor_name, vendor_type, table, vendor_ops) { \
	.owner = THIS_MODULE, \
	.name = (vendor_name), \
	.type = (vendor_type), \
	.id_table = (table), \
	.probe = test_probe, \
	.remove = test_remove_fn, \
	.ops = &(vendor_ops), \
}

static struct mdev_pt_vendor_driver vendors[] = {
	VENDOR("Test null", "test-null", any_ids, no_ops),
	VENDOR("Test count", "test-count", ids, count_ops),
	VENDOR("Test own", "test-own", ids, own_ops),
	VENDOR("Test trap", "test-trap", ids, trap_ops),
};

static void unregister(unsigned int count)
{
	while (count--)
		mdev_pt_unregister_vendor_driver(&vendors[count]);
}

/* What registration must refuse */
static int check_registration(void)
{
	static const struct mdev_pt_migration_ops migration;
	static const struct mdev_pt_vendor_ops migrates = {
		.migration = &migration,
	};
	struct mdev_pt_vendor_driver bad;

	bad = vendors[0];
	if (mdev_pt_register_vendor_driver(&bad) != -EBUSY)
		return -ENOTRECOVERABLE;
	bad.type = "pci";
	if (mdev_pt_register_vendor_driver(&bad) != -EINVAL)
		return -ENOTRECOVERABLE;
	bad.type = "a/b";
	if (mdev_pt_register_vendor_driver(&bad) != -EINVAL)
		return -ENOTRECOVERABLE;
	bad.type = "test-migrates";
	bad.ops = &migrates;
	if (mdev_pt_register_vendor_driver(&bad) != -EINVAL)
		return -ENOTRECOVERABLE;
	bad.ops = NULL;
	if (mdev_pt_register_vendor_driver(&bad) != -EINVAL)
		return -ENOTRECOVERABLE;
	return 0;
}

static int __init pt_test_init(void)
{
	unsigned int i;
	int ret = 0;

	shared_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!shared_page)
		return -ENOMEM;
	memset(page_address(shared_page), PT_TEST_OWN_BYTE, PAGE_SIZE);

	for (i = 0; !ret && i < ARRAY_SIZE(vendors); i++)
		ret = mdev_pt_register_vendor_driver(&vendors[i]);
	if (ret)
		i--;
	else
		ret = check_registration();
	if (ret) {
		unregister(i);
		__free_page(shared_page);
	}
	return ret;
}
module_init(pt_test_init);

static void __exit pt_test_exit(void)
{
	unregister(ARRAY_SIZE(vendors));
	__free_page(shared_page);
}
module_exit(pt_test_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Vendors of mdev-pt for its tests");
