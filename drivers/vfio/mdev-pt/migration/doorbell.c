// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbell pages: a page of a BAR whose writes are seen while dirty pages are
 * tracked, and only then
 *
 * The user maps the page and writes to the device.  While pages are tracked, a
 * page of memory, the shadow, stands in for it: mappings are zapped, and the
 * next fault gets the shadow.  A thread finds there what the user wrote, and
 * passes it on.  Accesses by read() and write() go the same way.
 *
 * Where a mapping can't be zapped (before 6.11 a VFIO device has no inode of its
 * own), or would have other registers with it (pages of more than 4 KB, or of which
 * the vendor doesn't know all), the page is not mapped at all, tracking or not.
 */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../core.h"
#include "migration.h"

static struct mdev_pt_doorbell *find(struct mdev_pt_device *pt,
				     unsigned int bar, u64 offset)
{
	struct mdev_pt_doorbell *db;

	if (!pt->mig)
		return NULL;
	list_for_each_entry(db, &pt->mig->doorbells, node) {
		if (db->bar == bar && db->offset == offset)
			return db;
	}
	return NULL;
}

static void zap(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db)
{
#ifdef HAVE_VFIO_INODE
	unmap_mapping_range(pt->vdev.vdev.inode->i_mapping,
			    VFIO_PCI_INDEX_TO_OFFSET(db->bar) + db->offset,
			    PAGE_SIZE, true);
#endif
}

static int beside_fill(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db)
{
	struct mdev_pt_beside *b;
	u64 value;
	int ret;

	for (b = db->beside; b < db->beside + db->nr_beside; b++) {
		ret = mdev_pt_bar_read(pt, db->bar, b->offset, 4, &value);
		if (ret)
			return ret;
		b->seen = value;
		WRITE_ONCE(*mdev_pt_doorbell_register(db, b->offset),
			   cpu_to_le32(b->seen));
	}
	return 0;
}

static void beside_forward(struct mdev_pt_device *pt,
			   struct mdev_pt_doorbell *db)
{
	struct mdev_pt_beside *b;
	u32 value;

	for (b = db->beside; b < db->beside + db->nr_beside; b++) {
		value = le32_to_cpu(READ_ONCE(*mdev_pt_doorbell_register(db,
									 b->offset)));
		if (value == b->seen)
			continue;
		mdev_pt_doorbell_write(pt, db, b->offset, value);
		b->seen = value;
	}
}

/* What the user has written since the last look; only the watcher calls it. */
void mdev_pt_doorbells_scan(struct mdev_pt_device *pt)
{
	struct mdev_pt_doorbell *db;

	list_for_each_entry(db, &pt->mig->doorbells, node) {
		if (!db->nr_beside)
			continue;
		mdev_pt_doorbell_lock(pt, db);
		if (db->active && !READ_ONCE(db->stale))
			beside_forward(pt, db);
		up_read(&db->lock);
	}
}

/* The shadow is as the device is. What the user wrote to it before is lost. */
static int fill(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db)
{
	int ret;

	lockdep_assert_held_write(&db->lock);

	WRITE_ONCE(db->stale, false);
	/* Before the first read: a reset after it asks for another fill. */
	smp_mb();
	ret = mdev_pt_queues_fill(pt, db) ?: mdev_pt_rings_fill(pt, db) ?:
	      beside_fill(pt, db);
	if (ret)
		WRITE_ONCE(db->stale, true);
	return ret;
}

/*
 * Held for reading when this returns, with a shadow that is up to date, if
 * there is one.
 */
void mdev_pt_doorbell_lock(struct mdev_pt_device *pt,
			   struct mdev_pt_doorbell *db)
{
	down_read(&db->lock);
	if (likely(!db->active || !READ_ONCE(db->stale)))
		return;
	up_read(&db->lock);

	down_write(&db->lock);
	if (db->active && READ_ONCE(db->stale))
		fill(pt, db);
	downgrade_write(&db->lock);
}

/* From now on the user writes to the shadow: 0, or the shadow can't be filled. */
int mdev_pt_doorbell_take(struct mdev_pt_device *pt,
			  struct mdev_pt_doorbell *db)
{
	int ret;

	down_write(&db->lock);
	db->active = true;
	zap(pt, db);
	/* Only now has the device what the user wrote last. */
	ret = fill(pt, db);
	up_write(&db->lock);
	return ret;
}

/* From now on the user writes to the device. */
void mdev_pt_doorbell_give_back(struct mdev_pt_device *pt,
				struct mdev_pt_doorbell *db)
{
	down_write(&db->lock);
	zap(pt, db);
	/* The last that the user wrote to the shadow */
	if (!READ_ONCE(db->stale)) {
		mdev_pt_queues_forward(pt, db);
		mdev_pt_rings_forward(pt, db);
		beside_forward(pt, db);
	}
	db->active = false;
	up_write(&db->lock);
}

/* The function was reset: memory_lock may be held, so no register can be read. */
void mdev_pt_doorbells_reset(struct mdev_pt_device *pt)
{
	struct mdev_pt_doorbell *db;

	lockdep_assert_held(&pt->mig->layout_lock);

	list_for_each_entry(db, &pt->mig->doorbells, node) {
		WRITE_ONCE(db->stale, true);
		/* The next access fills the shadow again. */
		zap(pt, db);
	}
}

/*
 * Pass a register on to the device, unless it was reset since the user wrote to
 * the shadow: -EAGAIN.
 */
int mdev_pt_doorbell_write(struct mdev_pt_device *pt,
			   struct mdev_pt_doorbell *db, u32 offset, u32 value)
{
	return mdev_pt_bar_write_unless(pt, db->bar, offset, 4, value,
					&db->stale);
}

#ifdef HAVE_VFIO_INODE
static const struct vm_operations_struct *core_vm_ops;

/*
 * The shadow is memory, and is mapped like memory, not like the device. A reset zaps
 * with the layout's lock held: what is inserted before is zapped, and after it nothing
 * that is stale is.
 */
static vm_fault_t doorbell_insert(struct mdev_pt_device *pt,
				  struct vm_fault *vmf,
				  struct mdev_pt_doorbell *db)
{
	struct vm_area_struct *vma = vmf->vma;
	vm_fault_t ret = VM_FAULT_NOPAGE;

	mutex_lock(&pt->mig->layout_lock);
	/* Else the access faults again, and the shadow is filled first. */
	if (!READ_ONCE(db->stale)) {
		ret = vmf_insert_pfn_prot(vma, vmf->address,
					  page_to_pfn(virt_to_page(db->shadow)),
					  vm_get_page_prot(vma->vm_flags));
		atomic64_inc(&pt->mig->faults);
	}
	mutex_unlock(&pt->mig->layout_lock);
	return ret;
}

static vm_fault_t doorbell_fault(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	struct mdev_pt_device *pt = to_mdev_pt_device(&vdev->vdev);
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	struct mdev_pt_doorbell *db;
	vm_fault_t ret;

	db = find(pt, VFIO_PCI_OFFSET_TO_INDEX(offset),
		  offset & VFIO_PCI_OFFSET_MASK);
	if (!db)
		return core_vm_ops->fault(vmf);

	mdev_pt_doorbell_lock(pt, db);
	if (db->active)
		ret = doorbell_insert(pt, vmf, db);
	else
		ret = core_vm_ops->fault(vmf);
	up_read(&db->lock);
	return ret;
}

/* No huge faults: one would map the page with others. */
static const struct vm_operations_struct doorbell_vm_ops = {
	.fault = doorbell_fault,
};

/* vfio-pci-core has set up @vma. */
void mdev_pt_doorbell_mmap(struct mdev_pt_device *pt,
			   struct vm_area_struct *vma)
{
	u64 index = VFIO_PCI_OFFSET_TO_INDEX((u64)vma->vm_pgoff << PAGE_SHIFT);
	struct mdev_pt_doorbell *db;

	if (!pt->mig)
		return;
	list_for_each_entry(db, &pt->mig->doorbells, node) {
		if (db->bar != index)
			continue;
		/* It has the same ones for every BAR. */
		WRITE_ONCE(core_vm_ops, vma->vm_ops);
		vma->vm_ops = &doorbell_vm_ops;
		return;
	}
}
#else
void mdev_pt_doorbell_mmap(struct mdev_pt_device *pt,
			   struct vm_area_struct *vma)
{
}
#endif

void mdev_pt_doorbell_name(struct mdev_pt_doorbell *db, u64 register_offset)
{
	__set_bit((register_offset - db->offset) / sizeof(__le32), db->named);
}

/* Is the register in the shadow, and not the function's own? */
static bool shadow_has(struct mdev_pt_doorbell *db, u64 offset)
{
	return test_bit((offset - db->offset) / sizeof(__le32), db->named);
}

/* In one register */
static int shadow_get(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db,
		      u64 offset, unsigned int width, u64 *value)
{
	__le64 le = 0;

	if (!shadow_has(db, offset))
		return mdev_pt_bar_read(pt, db->bar, offset, width, value);
	memcpy(&le, (u8 *)db->shadow + (offset - db->offset), width);
	*value = le64_to_cpu(le);
	return 0;
}

static int shadow_set(struct mdev_pt_device *pt, struct mdev_pt_doorbell *db,
		      u64 offset, unsigned int width, u64 value)
{
	__le64 le = cpu_to_le64(value);

	if (!shadow_has(db, offset))
		return mdev_pt_bar_write(pt, db->bar, offset, width, value);
	/* As by the CPU: one register is written at once. */
	if (width == 4)
		WRITE_ONCE(*mdev_pt_doorbell_register(db, offset),
			   cpu_to_le32(value));
	else
		memcpy((u8 *)db->shadow + (offset - db->offset), &le, width);
	return 0;
}

static int shadow_read(struct mdev_pt_device *pt, void *data, u64 offset,
		       unsigned int width, u64 *value)
{
	struct mdev_pt_doorbell *db = data;
	u64 high = 0;
	int ret;

	mdev_pt_doorbell_lock(pt, db);
	if (!db->active)
		ret = MDEV_PT_DEFAULT;
	else
		ret = shadow_get(pt, db, offset, min(width, 4u), value);
	if (!ret && width == 8) {
		ret = shadow_get(pt, db, offset + 4, 4, &high);
		*value |= high << 32;
	}
	up_read(&db->lock);
	return ret;
}

static int shadow_write(struct mdev_pt_device *pt, void *data, u64 offset,
			unsigned int width, u64 value)
{
	struct mdev_pt_doorbell *db = data;
	int ret;

	mdev_pt_doorbell_lock(pt, db);
	if (!db->active) {
		/* Under the lock: not after the shadow was filled. */
		ret = mdev_pt_bar_write(pt, db->bar, offset, width, value);
	} else if (width == 8) {
		ret = shadow_set(pt, db, offset, 4, (u32)value) ?:
		      shadow_set(pt, db, offset + 4, 4, value >> 32);
	} else {
		ret = shadow_set(pt, db, offset, width, value);
	}
	up_read(&db->lock);
	return ret;
}

static const struct mdev_pt_trap_ops shadow_ops = {
	.read = shadow_read,
	.write = shadow_write,
};

/* A register of 32 bits, on a whole page of the BAR */
bool mdev_pt_doorbell_fits(struct mdev_pt_device *pt, unsigned int bar,
			   u64 register_offset)
{
	u64 size = bar < PCI_STD_NUM_BARS ?
		   pci_resource_len(pt->vdev.pdev, bar) : 0;
	u64 page = round_down(register_offset, SZ_4K);

	return page < size && size - page >= SZ_4K && register_offset % 4 == 0;
}

/*
 * The doorbell for the page that holds the register: in open() of the vendor.
 * @alone: the page has no register that nobody names, and so can be mapped.
 */
int mdev_pt_doorbell_add(struct mdev_pt_device *pt, unsigned int bar,
			 u64 register_offset, bool alone,
			 struct mdev_pt_doorbell **doorbell)
{
	u64 offset = round_down(register_offset, SZ_4K);
	bool mapped = MDEV_PT_CAN_ZAP && alone;
	struct mdev_pt_doorbell *db;
	int ret;

	*doorbell = find(pt, bar, offset);
	if (*doorbell)
		return 0;

	db = kzalloc(sizeof(*db), GFP_KERNEL_ACCOUNT);
	if (!db)
		return -ENOMEM;
	db->shadow = (__le32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!db->shadow) {
		kfree(db);
		return -ENOMEM;
	}
	db->bar = bar;
	db->offset = offset;
	init_rwsem(&db->lock);

	ret = mdev_pt_add_page_trap(pt, bar, offset, &shadow_ops, db,
				    mapped);
	if (ret) {
		free_page((unsigned long)db->shadow);
		kfree(db);
		return ret;
	}
	if (alone)
		bitmap_fill(db->named, SZ_4K / sizeof(__le32));
	if (!mapped)
		dev_info_ratelimited(&pt->vdev.pdev->dev, "migration: %s: the page at 0x%llx of BAR %u is not mapped, and its doorbells are slow\n",
				     alone ? "this kernel can't exchange a mapping" :
					     "there may be registers beside the queues'",
				     offset, bar);
	mutex_lock(&pt->mig->layout_lock);
	list_add_tail(&db->node, &pt->mig->doorbells);
	mutex_unlock(&pt->mig->layout_lock);
	*doorbell = db;
	return 0;
}

void mdev_pt_doorbells_end(struct mdev_pt_device *pt)
{
	struct mdev_pt_doorbell *db, *next;

	lockdep_assert_held(&pt->mig->layout_lock);

	list_for_each_entry_safe(db, next, &pt->mig->doorbells, node) {
		free_page((unsigned long)db->shadow);
		kfree(db->beside);
		kfree(db);
	}
	INIT_LIST_HEAD(&pt->mig->doorbells);
}

/* For the vendor */

int mdev_pt_add_beside(struct mdev_pt_device *pt, unsigned int bar,
		       const u32 *offsets, unsigned int count)
{
	struct mdev_pt_doorbell *db;
	struct mdev_pt_beside *b;
	unsigned int i;

	for (i = 0; i < count; i++) {
		db = find(pt, bar, round_down(offsets[i], SZ_4K));
		if (!db || offsets[i] % 4)
			return -EINVAL;
		b = krealloc(db->beside, (db->nr_beside + 1) * sizeof(*b),
			     GFP_KERNEL_ACCOUNT);
		if (!b)
			return -ENOMEM;
		b[db->nr_beside].offset = offsets[i];
		b[db->nr_beside].seen = 0;
		db->beside = b;
		db->nr_beside++;
		mdev_pt_doorbell_name(db, offsets[i]);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_add_beside);
