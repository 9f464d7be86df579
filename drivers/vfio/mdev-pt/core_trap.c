// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traps: byte ranges of a BAR or of config space whose accesses a vendor sees
 *
 * What lies beside a trap goes to vfio-pci-core as if the trap weren't there.
 * An access that straddles the border of one is split there; within the trap it
 * is cut into naturally aligned registers, the largest first, as vfio-pci-core
 * cuts an access to the hardware.
 *
 * A page of a BAR that holds a trapped byte can't be mapped.  Userspace learns
 * which pages can by the sparse-mmap capability.
 */

#include <linux/mm.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"

/*
 * struct trap - in mdev_pt_device::traps, sorted, disjoint
 * @start, @end: VFIO file offsets; @end is the first beyond
 * @mapped: its pages can be mapped: who does that looks after them
 */
struct trap {
	struct list_head node;
	u64 start;
	u64 end;
	bool mapped;
	const struct mdev_pt_trap_ops *ops;
	void *data;
};

static u64 region_size(struct pci_dev *pdev, unsigned int index)
{
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		return pdev->cfg_size;
	return index < PCI_STD_NUM_BARS ? pci_resource_len(pdev, index) : 0;
}

/* Keeps the list sorted; -EEXIST if @new overlaps. */
static int insert(struct mdev_pt_device *pt, struct trap *new)
{
	struct trap *trap;

	list_for_each_entry(trap, &pt->traps, node) {
		if (new->end <= trap->start)
			break;
		if (new->start < trap->end)
			return -EEXIST;
	}
	/* before @trap, or at the end */
	list_add_tail(&new->node, &trap->node);
	__set_bit(VFIO_PCI_OFFSET_TO_INDEX(new->start), &pt->trapped);
	return 0;
}

static int add_trap(struct mdev_pt_device *pt, unsigned int index, u64 offset,
		    u64 len, const struct mdev_pt_trap_ops *ops, void *data,
		    bool mapped)
{
	u64 size = region_size(pt->vdev.pdev, index);
	struct trap *trap;
	int ret;

	if (!len || offset >= size || len > size - offset)
		return -EINVAL;

	if (index < PCI_STD_NUM_BARS) {
		ret = mdev_pt_map_bar(pt, index);
		if (ret)
			return ret;
	}

	trap = kzalloc(sizeof(*trap), GFP_KERNEL_ACCOUNT);
	if (!trap)
		return -ENOMEM;
	trap->start = VFIO_PCI_INDEX_TO_OFFSET(index) + offset;
	trap->end = trap->start + len;
	trap->mapped = mapped;
	trap->ops = ops;
	trap->data = data;

	ret = insert(pt, trap);
	if (ret)
		kfree(trap);
	return ret;
}

int mdev_pt_add_trap(struct mdev_pt_device *pt, unsigned int index, u64 offset,
		     u64 len, const struct mdev_pt_trap_ops *ops, void *data)
{
	return add_trap(pt, index, offset, len, ops, data, false);
}
EXPORT_SYMBOL_GPL(mdev_pt_add_trap);

/* A page of a BAR, of which read() and write() are trapped; a mapping not, if @mapped */
int mdev_pt_add_page_trap(struct mdev_pt_device *pt, unsigned int bar,
			  u64 offset, const struct mdev_pt_trap_ops *ops,
			  void *data, bool mapped)
{
	return add_trap(pt, bar, offset, SZ_4K, ops, data, mapped);
}

void mdev_pt_traps_end(struct mdev_pt_device *pt)
{
	struct trap *trap, *next;

	list_for_each_entry_safe(trap, next, &pt->traps, node)
		kfree(trap);
	INIT_LIST_HEAD(&pt->traps);
	pt->trapped = 0;
}

/* Does one of the pages that hold the range hold a trap, be it @mapped? */
bool mdev_pt_traps_overlap_pages(struct mdev_pt_device *pt, unsigned int index,
				 u64 offset, u64 len, bool mapped)
{
	u64 start = VFIO_PCI_INDEX_TO_OFFSET(index) + offset;
	struct trap *trap;

	list_for_each_entry(trap, &pt->traps, node) {
		if ((mapped || !trap->mapped) &&
		    round_down(trap->start, PAGE_SIZE) < start + len &&
		    start < round_up(trap->end, PAGE_SIZE))
			return true;
	}
	return false;
}

static void note_area(struct vfio_region_info_cap_sparse_mmap *sparse,
		      unsigned int i, u64 offset, u64 len)
{
	if (sparse) {
		sparse->areas[i].offset = offset;
		sparse->areas[i].size = len;
	}
}

/*
 * Note each stretch of pages of the BAR without a trap in @sparse, if that is
 * not NULL; returns how many there are.
 */
static unsigned int free_areas(struct mdev_pt_device *pt, unsigned int index,
			       u64 size,
			       struct vfio_region_info_cap_sparse_mmap *sparse)
{
	u64 at = VFIO_PCI_INDEX_TO_OFFSET(index), base = at, start;
	unsigned int count = 0;
	struct trap *trap;

	list_for_each_entry(trap, &pt->traps, node) {
		if (VFIO_PCI_OFFSET_TO_INDEX(trap->start) != index ||
		    trap->mapped)
			continue;
		start = round_down(trap->start, PAGE_SIZE);
		if (start > at)
			note_area(sparse, count++, at - base, start - at);
		at = round_up(trap->end, PAGE_SIZE);
	}
	if (at < base + size)
		note_area(sparse, count++, at - base, base + size - at);
	return count;
}

/* The region has traps: say which of its pages can be mapped. */
int mdev_pt_traps_add_sparse_cap(struct mdev_pt_device *pt,
				 struct vfio_region_info *info,
				 struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	unsigned int count;
	size_t size;
	int ret;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		return 0;

	count = free_areas(pt, info->index, info->size, NULL);
	if (!count) {
		info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
		return 0;
	}

	size = struct_size(sparse, areas, count);
	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = count;
	free_areas(pt, info->index, info->size, sparse);

	ret = vfio_info_add_capability(caps, &sparse->header, size);
	kfree(sparse);
	return ret;
}

/* The trap at @pos, or the next one after it, or NULL */
static struct trap *next_trap(struct mdev_pt_device *pt, u64 pos)
{
	struct trap *trap;

	list_for_each_entry(trap, &pt->traps, node) {
		if (pos < trap->end)
			return trap;
	}
	return NULL;
}

/* The largest naturally aligned register at @pos, at most @max bytes */
static unsigned int width_at(u64 pos, u64 max)
{
	unsigned int width = 4;

	if (VFIO_PCI_OFFSET_TO_INDEX(pos) < PCI_STD_NUM_BARS)
		width = 8;
	while (width > max || pos & (width - 1))
		width /= 2;
	return width;
}

static int trap_read(struct mdev_pt_device *pt, struct trap *trap,
		     char __user *buf, u64 pos, unsigned int width)
{
	__le64 le;
	u64 value;
	int ret;

	if (!trap->ops->read)
		return MDEV_PT_DEFAULT;

	ret = trap->ops->read(pt, trap->data, pos & VFIO_PCI_OFFSET_MASK, width,
			      &value);
	if (ret)
		return ret;
	le = cpu_to_le64(value);
	return copy_to_user(buf, &le, width) ? -EFAULT : 0;
}

static int trap_write(struct mdev_pt_device *pt, struct trap *trap,
		      const char __user *buf, u64 pos, unsigned int width)
{
	__le64 le = 0;

	if (!trap->ops->write)
		return MDEV_PT_DEFAULT;

	if (copy_from_user(&le, buf, width))
		return -EFAULT;
	return trap->ops->write(pt, trap->data, pos & VFIO_PCI_OFFSET_MASK,
				width, le64_to_cpu(le));
}

/* Reads to @in, else writes from @out */
static ssize_t default_rw(struct mdev_pt_device *pt, char __user *in,
			  const char __user *out, size_t count, loff_t *ppos)
{
	struct vfio_device *vdev = &pt->vdev.vdev;

	return in ? vfio_pci_core_read(vdev, in, count, ppos) :
		    vfio_pci_core_write(vdev, out, count, ppos);
}

/* One piece of an access: a register in a trap, or what lies between traps. */
static ssize_t trap_step(struct mdev_pt_device *pt, char __user *in,
			 const char __user *out, size_t count, loff_t *ppos)
{
	struct trap *trap = next_trap(pt, *ppos);
	int ret = MDEV_PT_DEFAULT;

	if (trap && *ppos >= trap->start) {
		count = width_at(*ppos, min_t(u64, count, trap->end - *ppos));
		ret = in ? trap_read(pt, trap, in, *ppos, count) :
			   trap_write(pt, trap, out, *ppos, count);
	} else if (trap) {
		count = min_t(u64, count, trap->start - *ppos);
	}

	if (ret == MDEV_PT_DEFAULT)
		return default_rw(pt, in, out, count, ppos);
	ret = mdev_pt_vendor_result(ret);
	if (ret)
		return ret;
	*ppos += count;
	return count;
}

/* As vfio-pci-core's: an access that fails in the middle fails as a whole. */
static ssize_t trap_rw(struct mdev_pt_device *pt, char __user *in,
		       const char __user *out, size_t count, loff_t *ppos)
{
	unsigned int index = VFIO_PCI_OFFSET_TO_INDEX(*ppos);
	u64 size = region_size(pt->vdev.pdev, index);
	u64 offset = *ppos & VFIO_PCI_OFFSET_MASK;
	loff_t start = *ppos;
	size_t done = 0;
	ssize_t ret;

	/* Beyond the end vfio-pci-core has the error, and does nothing. */
	if (offset >= size || (index == VFIO_PCI_CONFIG_REGION_INDEX &&
			       count > size - offset))
		return default_rw(pt, in, out, count, ppos);
	count = min_t(u64, count, size - offset);

	while (done < count) {
		ret = trap_step(pt, in ? in + done : NULL,
				out ? out + done : NULL, count - done, ppos);
		if (ret < 0) {
			*ppos = start;
			return ret;
		}
		if (!ret)
			break;
		done += ret;
		cond_resched();
	}
	return done;
}

ssize_t mdev_pt_trap_read(struct mdev_pt_device *pt, char __user *buf,
			  size_t count, loff_t *ppos)
{
	return trap_rw(pt, buf, NULL, count, ppos);
}

ssize_t mdev_pt_trap_write(struct mdev_pt_device *pt, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	return trap_rw(pt, NULL, buf, count, ppos);
}
