/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Passthrough mediated devices: what a vendor builds on
 *
 * One mediated device is one whole PCI function.  Its VFIO device sits on the
 * function itself, so that IOMMU group, containers, iommufd and isolation are
 * those of vfio-pci; the mdev gives it a UUID, a type and a life cycle.
 *
 * By default a user gets what vfio-pci would give.  A vendor is a module that
 * knows a device: it offers an mdev type of its own for the functions that it
 * accepts, and takes over the accesses that it cares about.  See
 * Documentation/vendor-guide.rst for a walk from nothing to a working one.
 */
#ifndef _LINUX_MDEV_PT_H
#define _LINUX_MDEV_PT_H

#include <linux/device/driver.h>
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

struct mdev_pt_access;
struct mdev_pt_device;
struct mdev_pt_migration;
struct mdev_pt_vendor_driver;

/**
 * struct mdev_pt_function - a PCI function that a vendor was asked to accept
 * @pdev: the function
 * @id: the entry of the vendor's id table that it matched
 * @data: for the vendor, which sets it in probe()
 *
 * Lives from before probe() to after remove(); one for each vendor.
 */
struct mdev_pt_function {
	struct pci_dev *pdev;
	const struct pci_device_id *id;
	void *data;
};

/**
 * struct mdev_pt_device - a PCI function that is exposed as a mediated device
 * @vdev: the VFIO device on the function, of vfio-pci-core; also the
 *	function's drvdata for as long as it is registered
 * @mdev: the mediated device that gives the function its UUID
 * @fn: the function as the vendor accepted it; NULL without a vendor
 * @data: for the vendor, which sets it in create()
 *
 * Lives from before create() to after remove(). What is public is constant in
 * between, but for @data.
 */
struct mdev_pt_device {
	struct vfio_pci_core_device vdev;
	struct mdev_device *mdev;
	struct mdev_pt_function *fn;
	void *data;

	/* private: of mdev_pt_core */
	const struct mdev_pt_vendor_driver *vendor;
	const struct mdev_pt_vendor_ops *ops;
	struct list_head traps;		/* from open() to close(), constant */
	unsigned long trapped;		/* bit n: region n has traps */
	struct mdev_pt_migration *mig;	/* NULL: it can't migrate */
	bool memory_held;		/* by vdev.memory_lock */
	struct mdev_pt_access *access;	/* from bind to unbind of iommufd, constant */
};

/**
 * struct mdev_pt_vendor_ops - what a vendor takes over; NULL is the default
 *
 * The first six are told of what happens to the device. The core has done its
 * own part, or does it afterwards.
 *
 * @create: the mdev is being created. No user can open it yet, and the
 *	function's DMA still belongs to the host. Device lock of the function
 *	held. An error refuses the creation; @remove is not called then.
 * @remove: the mdev is going away; no user has it open. Undoes @create.
 *	Device lock of the function held.
 * @open: the first user opens the device: the function is enabled and, if it
 *	can be, was reset. Here regions and traps are added; they end with
 *	@close. An error refuses the open and ends them, too; @close is not
 *	called then.
 * @close: the last user has closed the device, which is still enabled: BARs can
 *	be accessed, unless it sleeps (D3). It will be disabled and reset.
 * @request: the function is needed elsewhere: the user is to let go. Takes
 *	over: the default, mdev_pt_request(), signals the user's request eventfd.
 *	Called again and again, @count counts up from 0, until the user closes.
 * @reset_done: the function was reset, by whatever means, and its config space
 *	was restored; between @create and @remove, and so also before @open and
 *	after @close. The device lock of the function and, depending on the
 *	means, its memory_lock are held: access no BAR and wait for nobody who
 *	does.
 *
 * The others take an access over. Each default is a function that can be called
 * from there, to pass the access on. All run in a user's process, any number of
 * them at a time, between @open and @close.
 *
 * @read: read @count bytes at @ppos, VFIO's file offset: the region's index
 *	in VFIO_PCI_OFFSET_TO_INDEX(*ppos), the offset in bytes in the rest.
 *	Returns the number of bytes read, with *ppos moved on by as much, or a
 *	negative error. Default: mdev_pt_read().
 * @write: the same for writing. Default: mdev_pt_write().
 * @ioctl: an ioctl on the device, but for VFIO_DEVICE_GET_REGION_INFO and
 *	VFIO_DEVICE_FEATURE. Default: mdev_pt_ioctl().
 * @mmap: map a part of a region; the offset is vma->vm_pgoff, in pages.
 *	Default: mdev_pt_mmap().
 * @get_region_info: describe the region @info->index: offset, size, flags and,
 *	by vfio_info_add_capability(), capabilities. Default:
 *	mdev_pt_get_region_info().
 *
 * @migration: what live migration needs; NULL for a device that can't. Needs
 *	@open.
 */
struct mdev_pt_vendor_ops {
	int (*create)(struct mdev_pt_device *pt);
	void (*remove)(struct mdev_pt_device *pt);
	int (*open)(struct mdev_pt_device *pt);
	void (*close)(struct mdev_pt_device *pt);
	void (*request)(struct mdev_pt_device *pt, unsigned int count);
	void (*reset_done)(struct mdev_pt_device *pt);

	ssize_t (*read)(struct mdev_pt_device *pt, char __user *buf,
			size_t count, loff_t *ppos);
	ssize_t (*write)(struct mdev_pt_device *pt, const char __user *buf,
			 size_t count, loff_t *ppos);
	long (*ioctl)(struct mdev_pt_device *pt, unsigned int cmd,
		      unsigned long arg);
	int (*mmap)(struct mdev_pt_device *pt, struct vm_area_struct *vma);
	int (*get_region_info)(struct mdev_pt_device *pt,
			       struct vfio_region_info *info,
			       struct vfio_info_cap *caps);

	const struct mdev_pt_migration_ops *migration;
};

/**
 * struct mdev_pt_migration_ops - what only the vendor knows of a migration
 * @state_size: the most that @save returns, in bytes
 * @version: of what @save writes; 1 at first, one more with each change
 * @quiesce: stop the function: when this returns it does no DMA and raises no
 *	interrupt, and its state does not change until @resume. On an error it
 *	goes on as before.
 * @resume: let the function go on from the state that it has: the one of
 *	@quiesce, or of @load
 * @save: write the state of the quiesced function to @buf, at most @size
 *	bytes; returns how many, or a negative error
 * @load: give the quiesced function, whatever state it has, the state of @size
 *	bytes in @buf, at any address, which @save of @version wrote at the
 *	source: this one or an older one. The core has checked device, length
 *	and checksum; the content is as hostile as any stream. An error has the
 *	source go on.
 * @needs_size: the most that @needs returns, in bytes
 * @needs: write to @buf, at most @size bytes, what a destination must have to take
 *	the function over; returns how many, or a negative error, which refuses
 *	the migration before it begins. Where there is PRE_COPY the function runs;
 *	what it needs later, @save has. NULL: nothing.
 * @check: can this function take over one that has the needs of @size bytes in
 *	@buf, at any address, which @needs of @version wrote? As hostile as for
 *	@load. Called before @load, and before the source stops if there is
 *	PRE_COPY. An error refuses the stream. NULL: it can. A source that knows
 *	no needs doesn't ask: what matters is for @load, too.
 * @mark_written: mark, by mdev_pt_mark_dirty(), what the function has written
 *	since the last call, and the queues and rings do not say. @stopped: it
 *	was quiesced, perhaps in the middle of it. Called only while dirty pages
 *	are tracked, every few ms and whenever somebody asks, by a thread, beside
 *	everything else: see below. It also says what may be written next, by
 *	mdev_pt_expect_written(). NULL: nothing.
 *
 * The state machine, the data file and the stream are the core's; so are dirty
 * pages, for a vendor that has added its queues, see mdev_pt_add_queues(). All
 * are called in process context, between open() and close(), and may access BARs;
 * all but @mark_written one at a time. A failure is logged by the vendor, which
 * knows the reason.
 *
 * @mark_written takes no lock under which mdev_pt_ring_attach() is called: that
 * waits for the thread.
 */
struct mdev_pt_migration_ops {
	size_t state_size;
	u32 version;
	int (*quiesce)(struct mdev_pt_device *pt);
	int (*resume)(struct mdev_pt_device *pt);
	ssize_t (*save)(struct mdev_pt_device *pt, void *buf, size_t size);
	int (*load)(struct mdev_pt_device *pt, const void *buf, size_t size,
		    u32 version);
	size_t needs_size;
	ssize_t (*needs)(struct mdev_pt_device *pt, void *buf, size_t size);
	int (*check)(struct mdev_pt_device *pt, const void *buf, size_t size,
		     u32 version);
	void (*mark_written)(struct mdev_pt_device *pt, bool stopped);
};

/**
 * struct mdev_pt_vendor_driver - a module that knows a device
 * @owner: the module; held for as long as an mdev of its type exists
 * @name: for people: the name of the type, e.g. "Intel 82576 VF"
 * @type: the type is "pt-<type>"; lower-case letters, digits and "-"
 * @id_table: the functions that @probe wants to see, ended by an empty entry
 * @probe: accept a function, or refuse it: -ENODEV, silently, or another
 *	error, which is logged. NULL accepts what is in @id_table. No user
 *	has the function. The core serialises @probe and @remove.
 * @remove: undo @probe: the function is unbound, or the module is unloaded. A
 *	user may have the function by another type: leave its registers alone.
 * @ops: what it takes over; may be empty
 *
 * A module is loaded on demand when a function is bound, by one of two aliases:
 * MODULE_ALIAS("mdev-pt:8086-154c") for a device, in lower-case hex, or
 * MODULE_ALIAS("mdev-pt:class-030000") for a class; "*" is a wildcard.
 */
struct mdev_pt_vendor_driver {
	struct module *owner;
	const char *name;
	const char *type;
	const struct pci_device_id *id_table;
	int (*probe)(struct mdev_pt_function *fn);
	void (*remove)(struct mdev_pt_function *fn);
	const struct mdev_pt_vendor_ops *ops;

	/* private: of mdev_pt_core */
	struct list_head node;
};

/**
 * mdev_pt_register_vendor_driver - offer a vendor's type from now on
 * @vendor: the vendor; stays as it is until it is unregistered
 *
 * The vendor is asked about every function that is bound to "pt", now or later;
 * see &struct mdev_pt_vendor_driver. When this returns, functions that are
 * bound and have no mdev have its type.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for an incomplete vendor, or -EBUSY when its type is
 *	registered.
 */
int mdev_pt_register_vendor_driver(struct mdev_pt_vendor_driver *vendor);

/**
 * mdev_pt_unregister_vendor_driver - undo mdev_pt_register_vendor_driver()
 * @vendor: the vendor; no mdev of its type exists
 *
 * When this returns, remove() was called for each function that the vendor had
 * accepted, and it will not be called again.
 *
 * Context: Process context, may sleep.
 */
void mdev_pt_unregister_vendor_driver(struct mdev_pt_vendor_driver *vendor);

/**
 * module_mdev_pt_vendor_driver() - a module that is one vendor, and no more
 * @drv: the struct mdev_pt_vendor_driver
 *
 * Makes module_init() and module_exit(), so that no module forgets to leave.
 */
#define module_mdev_pt_vendor_driver(drv) \
	module_driver(drv, mdev_pt_register_vendor_driver, \
		      mdev_pt_unregister_vendor_driver)

/* The defaults */

/**
 * mdev_pt_read - the default read
 * @pt: the device
 * @buf: where the bytes go
 * @count: how many
 * @ppos: VFIO's file offset, moved on by what was read
 *
 * Context: see read() of &struct mdev_pt_vendor_ops.
 *
 * Return: The number of bytes read, or a negative error, as vfio-pci's.
 */
ssize_t mdev_pt_read(struct mdev_pt_device *pt, char __user *buf,
		     size_t count, loff_t *ppos);

/**
 * mdev_pt_write - the default write
 * @pt: the device
 * @buf: where the bytes come from
 * @count: how many
 * @ppos: VFIO's file offset, moved on by what was written
 *
 * Context: see write() of &struct mdev_pt_vendor_ops.
 *
 * Return: The number of bytes written, or a negative error, as vfio-pci's.
 */
ssize_t mdev_pt_write(struct mdev_pt_device *pt, const char __user *buf,
		      size_t count, loff_t *ppos);

/**
 * mdev_pt_ioctl - the default ioctl
 * @pt: the device
 * @cmd: the command
 * @arg: its argument
 *
 * Context: see ioctl() of &struct mdev_pt_vendor_ops.
 *
 * Return: As vfio-pci's; -ENOTTY for VFIO_DEVICE_IOEVENTFD, whose writes would
 *	bypass them, when a BAR has traps.
 */
long mdev_pt_ioctl(struct mdev_pt_device *pt, unsigned int cmd,
		   unsigned long arg);

/**
 * mdev_pt_mmap - the default mmap
 * @pt: the device
 * @vma: with VFIO's file offset in vm_pgoff, in pages
 *
 * Context: see mmap() of &struct mdev_pt_vendor_ops. The mmap_lock is held.
 *
 * Return: As vfio-pci's; -EINVAL for a page that holds a trap.
 */
int mdev_pt_mmap(struct mdev_pt_device *pt, struct vm_area_struct *vma);

/**
 * mdev_pt_get_region_info - the default description of a region
 * @pt: the device, between open() and close()
 * @info: with the region's index; the rest is filled in
 * @caps: gets the capabilities; also a BAR's areas without a trap
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for a region that isn't there, or -ENOMEM.
 */
int mdev_pt_get_region_info(struct mdev_pt_device *pt,
			    struct vfio_region_info *info,
			    struct vfio_info_cap *caps);

/**
 * mdev_pt_request - the default request to let go
 * @pt: the device
 * @count: how often the user was asked before
 *
 * Context: see request() of &struct mdev_pt_vendor_ops.
 */
void mdev_pt_request(struct mdev_pt_device *pt, unsigned int count);

/**
 * struct mdev_pt_region_ops - accesses to a region that a vendor adds
 * @read: copy @len bytes at @offset of the region to @buf; NULL: not readable
 * @write: take @len bytes for @offset of the region; NULL: not writable
 * @mmap: map the part that @vma names, which lies in the region; NULL: can't
 *
 * @offset and @len lie in the region. An access of up to PAGE_SIZE bytes comes
 * in one piece. Return 0, not a number of bytes, or a negative error.
 */
struct mdev_pt_region_ops {
	int (*read)(struct mdev_pt_device *pt, void *data, u64 offset,
		    void *buf, size_t len);
	int (*write)(struct mdev_pt_device *pt, void *data, u64 offset,
		     const void *buf, size_t len);
	int (*mmap)(struct mdev_pt_device *pt, void *data,
		    struct vm_area_struct *vma);
};

/**
 * mdev_pt_add_region - give the device one more region
 * @pt: the device, in open() of its vendor
 * @type: VFIO_REGION_TYPE_..., with VFIO_REGION_TYPE_PCI_VENDOR_TYPE for one
 *	that a PCI vendor defines
 * @subtype: which of the type
 * @size: in bytes, less than 1 << VFIO_PCI_OFFSET_SHIFT; whole pages if it can
 *	be mapped
 * @ops: its accesses, which make up its flags; one at least
 * @data: passed to @ops; stays valid until after close()
 *
 * The region ends with close(). Its index follows vfio-pci-core's own and those
 * of earlier regions; userspace finds it by type and subtype.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int mdev_pt_add_region(struct mdev_pt_device *pt, u32 type, u32 subtype,
		       size_t size, const struct mdev_pt_region_ops *ops,
		       void *data);

/* From a trap: leave the access to the default */
#define MDEV_PT_DEFAULT 1

/**
 * struct mdev_pt_trap_ops - accesses to a trapped range of bytes
 * @read: set @value to what the user reads at @offset; NULL: the default
 * @write: the user writes @value to @offset; NULL: the default
 *
 * @offset is that of the BAR, or of config space, in bytes. @width is 1, 2, 4
 * or, in a BAR, 8 bytes, and divides @offset: the user's access, if that is
 * naturally aligned and lies in the range, else the largest such pieces of it;
 * what lies beside the range goes to the hardware in an access of its own.
 * @value is in the CPU's byte order. Return 0, MDEV_PT_DEFAULT, or a negative
 * error, which the user's access fails with, as a whole; pieces of it that are
 * done stay done. Also called while the function decodes no memory.
 */
struct mdev_pt_trap_ops {
	int (*read)(struct mdev_pt_device *pt, void *data, u64 offset,
		    unsigned int width, u64 *value);
	int (*write)(struct mdev_pt_device *pt, void *data, u64 offset,
		     unsigned int width, u64 value);
};

/**
 * mdev_pt_add_trap - see the accesses to a range of a BAR or of config space
 * @pt: the device, in open() of its vendor
 * @index: VFIO_PCI_BAR0_REGION_INDEX to VFIO_PCI_BAR5_REGION_INDEX, or
 *	VFIO_PCI_CONFIG_REGION_INDEX
 * @offset: where the range begins, in bytes
 * @len: its length in bytes
 * @ops: who is called
 * @data: passed to @ops; stays valid until after close()
 *
 * The trap ends with close(). The pages of a BAR that hold the range can't be
 * mapped by the user. A device with a trap in a BAR has no ioeventfds, which
 * would bypass it.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for a range that is not in the region, -EEXIST for one that
 *	is trapped already, -EBUSY when another driver has claimed the BAR, or
 *	-ENOMEM.
 */
int mdev_pt_add_trap(struct mdev_pt_device *pt, unsigned int index, u64 offset,
		     u64 len, const struct mdev_pt_trap_ops *ops, void *data);

/**
 * mdev_pt_map_bar - map a BAR for mdev_pt_bar_read() and mdev_pt_bar_write()
 * @pt: the device, in open() of its vendor
 * @bar: the BAR, 0 to 5
 *
 * The mapping ends with close(). A BAR with a trap is mapped already.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for a BAR that isn't there, -EBUSY when another driver has
 *	claimed it, or -ENOMEM.
 */
int mdev_pt_map_bar(struct mdev_pt_device *pt, unsigned int bar);

/**
 * mdev_pt_bar_read - read a register of the function
 * @pt: the device, between open() and close() of its vendor
 * @bar: the BAR, 0 to 5, mapped in open()
 * @offset: the register's offset in the BAR, in bytes, a multiple of @width
 * @width: 1, 2, 4 or, in a memory BAR of a 64-bit machine, 8 bytes
 * @value: where the value goes, in the CPU's byte order
 *
 * Context: Process context, may sleep. Takes the memory_lock of @pt->vdev: not
 *	to be called with it held, as in reset_done().
 *
 * Return: 0, -EINVAL for a register that isn't there, -ENXIO for a BAR that is
 *	not mapped, or, of a memory BAR, -EIO while the function does not decode
 *	memory: in D3, or switched off by the user (not so in the callbacks of
 *	a migration, for which the core switches it on).
 */
int mdev_pt_bar_read(struct mdev_pt_device *pt, unsigned int bar, u64 offset,
		     unsigned int width, u64 *value);

/**
 * mdev_pt_bar_write - write a register of the function
 * @pt: the device, between open() and close() of its vendor
 * @bar: the BAR, 0 to 5, mapped in open()
 * @offset: the register's offset in the BAR, in bytes, a multiple of @width
 * @width: 1, 2, 4 or, in a memory BAR of a 64-bit machine, 8 bytes
 * @value: the value, in the CPU's byte order
 *
 * Context: as mdev_pt_bar_read().
 *
 * Return: as mdev_pt_bar_read().
 */
int mdev_pt_bar_write(struct mdev_pt_device *pt, unsigned int bar, u64 offset,
		      unsigned int width, u64 value);

/**
 * mdev_pt_set_bus_master - let the function do DMA, or not
 * @pt: the device, in quiesce() or resume() of its vendor
 * @on: whether it may
 *
 * For a function that has no other way to be stopped. Interrupts by MSI are DMA,
 * too. When this returns, what the function has written before is in memory.
 *
 * Context: Process context, may sleep. Takes the memory_lock of @pt->vdev.
 *
 * Return: 1 if it could do DMA before, 0 if not, or -EIO when it is gone.
 */
int mdev_pt_set_bus_master(struct mdev_pt_device *pt, bool on);

/**
 * mdev_pt_reset - reset the function
 * @pt: the device, in resume() or load() of its vendor
 *
 * As a reset by the user, which nobody else notices: the state of the migration
 * stays as it is. Rings are detached and reset_done() is called before this
 * returns. It takes 100 ms and more.
 *
 * Context: Process context, may sleep. Takes the device lock of the function and
 *	the memory_lock of @pt->vdev.
 *
 * Return: 0, or a negative error: -EAGAIN when others hold the device lock,
 *	-EINVAL for a function that can't be reset.
 */
int mdev_pt_reset(struct mdev_pt_device *pt);

/**
 * mdev_pt_dma_read - read the user's memory, as the function would
 * @pt: the device, between open() and close() of its vendor
 * @iova: where
 * @buf: where the bytes go
 * @len: how many
 *
 * The user may change what was read at any time, also before this returns.
 *
 * Context: Process context, may sleep; may wait for the user, who can make its
 *	memory slow. The user's process, or a kernel thread. Not with a lock held
 *	that page faults take.
 *
 * Return: 0; -EINVAL where nothing is mapped; -EPERM where the function may not
 *	read, or in another process; -EOPNOTSUPP for a user of iommufd who has the
 *	function use page tables of its own; or another negative error.
 */
int mdev_pt_dma_read(struct mdev_pt_device *pt, u64 iova, void *buf,
		     size_t len);

/**
 * mdev_pt_dma_write - write to the user's memory, as the function would
 * @pt: the device, between open() and close() of its vendor
 * @iova: where
 * @buf: the bytes
 * @len: how many
 *
 * What was written is marked as dirty.
 *
 * Context: as mdev_pt_dma_read().
 *
 * Return: as mdev_pt_dma_read().
 */
int mdev_pt_dma_write(struct mdev_pt_device *pt, u64 iova, const void *buf,
		      size_t len);

/* Queues: how the core finds what a NIC writes to memory, and moves its rings */

#define MDEV_PT_QUEUE_CONFIG_MAX	8

/* The longest buffer that a descriptor may name, in bytes */
#define MDEV_PT_BUFFER_MAX	0x100000

/**
 * struct mdev_pt_buffer - a range of IOVAs that the function may write to
 * @iova: where it begins
 * @len: in bytes; with more than MDEV_PT_BUFFER_MAX there is no migration
 */
struct mdev_pt_buffer {
	u64 iova;
	u32 len;
};

/**
 * enum mdev_pt_ring_completion - how it is seen what the function has passed
 * @MDEV_PT_RING_HEAD: a register has the index of the descriptor that it takes
 *	next. When it moves, what was received is on its way to memory, before an
 *	answer to the read that shows it.
 * @MDEV_PT_RING_WRITEBACK: the function writes that index to memory
 * @MDEV_PT_RING_DONE: it writes to the descriptor: all up to the last one that
 *	is done were passed
 */
enum mdev_pt_ring_completion {
	MDEV_PT_RING_HEAD,
	MDEV_PT_RING_WRITEBACK,
	MDEV_PT_RING_DONE,
};

/**
 * struct mdev_pt_ring - a descriptor ring
 * @base: its IOVA
 * @entries: its length, in descriptors; 2 to 65536
 * @first: the descriptor that the function takes first, mostly 0
 * @desc_size: of a descriptor, in bytes, a power of two up to 64
 * @completion: how it is seen what the function has passed
 * @head: the offset of the register of MDEV_PT_RING_HEAD in the tails' BAR
 * @writeback: the IOVA of MDEV_PT_RING_WRITEBACK, of 32 bits, little endian
 * @done: for MDEV_PT_RING_DONE: is this descriptor done? One that was posted,
 *	and that the function has not written to, is not. The descriptor is the
 *	user's, and hostile.
 * @max_packet: the most descriptors that one packet takes, of those that the
 *	function may be about to write to when it is stopped; with @posted only
 * @config: what the callbacks are given
 * @posted: the buffers that a posted descriptor names, at most @max of them:
 *	fills @buffers, returns how many. The descriptor is the user's, and
 *	hostile. NULL: the function writes to no buffers.
 * @written: what the function writes for this ring besides descriptors and
 *	buffers, such as a head write-back; as @posted. NULL: nothing.
 */
struct mdev_pt_ring {
	u64 base;
	u32 entries;
	u32 first;
	u8 desc_size;
	enum mdev_pt_ring_completion completion;
	u32 head;
	u64 writeback;
	bool (*done)(const u32 *config, const void *desc);
	unsigned int max_packet;
	u32 config[MDEV_PT_QUEUE_CONFIG_MAX];
	unsigned int (*posted)(const u32 *config, const void *desc,
			       struct mdev_pt_buffer *buffers, unsigned int max);
	unsigned int (*written)(const u32 *config,
				struct mdev_pt_buffer *buffers,
				unsigned int max);
};

/**
 * struct mdev_pt_queue_map - the registers of one descriptor ring
 * @receive: the user posts buffers that the function writes to; else the
 *	function writes to nothing but the descriptors and @written
 * @desc_size: of a descriptor, in bytes, a power of two up to 64
 * @max_entries: the most descriptors that the function has room for
 * @base_lo: the ring's IOVA, low 32 bits
 * @base_hi: the ring's IOVA, high 32 bits
 * @len: the ring's length, in bytes
 * @head: the function's index, in descriptors: what it takes next. When it
 *	moves, what was received is on its way to memory, before an answer to
 *	the read that shows it. Can be written while the queue is disabled.
 * @tail: the user's index, in descriptors: the first that the function may not
 *	take. The doorbell.
 * @ctl: has the bit that enables the queue
 * @enable: that bit; reads as 1 when the queue runs and as 0 when it has stopped
 * @config: @nr_config further registers, which are written before the queue is
 *	enabled
 * @nr_config: how many, at most MDEV_PT_QUEUE_CONFIG_MAX
 * @max_packet: the most descriptors that one packet takes, of those that the
 *	function may be about to write to when it is stopped; @receive only
 * @posted: the buffers that a posted descriptor names, at most @max of them:
 *	fills @buffers, returns how many. @config has the values of the
 *	registers of that name. The descriptor is the user's, and hostile.
 *	@receive only.
 * @written: what the function writes for this queue besides descriptors and
 *	buffers, such as a head write-back; as @posted. NULL: nothing.
 *
 * All registers are 32 bits wide; those of one queue are on one page (of 4096
 * bytes) of the BAR.
 */
struct mdev_pt_queue_map {
	bool receive;
	u8 desc_size;
	u32 max_entries;
	u32 base_lo;
	u32 base_hi;
	u32 len;
	u32 head;
	u32 tail;
	u32 ctl;
	u32 enable;
	const u32 *config;
	unsigned int nr_config;
	unsigned int max_packet;
	unsigned int (*posted)(const u32 *config, const void *desc,
			       struct mdev_pt_buffer *buffers, unsigned int max);
	unsigned int (*written)(const u32 *config,
				struct mdev_pt_buffer *buffers,
				unsigned int max);
};

/*
 * mdev_pt_add_queues(): the pages (of 4096 bytes) of receive queues have no other
 * registers than those in the map, and those that mdev_pt_add_beside() names
 */
#define MDEV_PT_QUEUES_ALONE	BIT(0)

/**
 * mdev_pt_add_queues - name the rings of the function
 * @pt: the device, in open() of its vendor, which has migration ops
 * @bar: the BAR that has their registers
 * @map: @count queues; stays as it is until after close()
 * @count: how many
 * @flags: 0 or MDEV_PT_QUEUES_ALONE
 *
 * The core moves them by mdev_pt_queues_save() and mdev_pt_queues_load(), and
 * finds the pages that the function writes to: while dirty pages are tracked,
 * and only then, it sees the writes to the page of a receive queue's registers
 * before the function does. They end with close().
 *
 * Without MDEV_PT_QUEUES_ALONE the pages of receive queues are not mapped, tracking or
 * not, which is logged: each access comes to the kernel, those to other registers go on
 * to the function, and doorbells are slow. So it is where a transmit queue is on such a
 * page. With it a page is mapped, where the kernel can exchange that; while dirty pages
 * are tracked, what is neither in the map nor named by mdev_pt_add_beside() then reads
 * as 0 and takes no writes. A register that exists twice, at another place, is to be
 * trapped there, see mdev_pt_add_trap(): what is written to it would not be seen.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for a map that is not in the BAR or a flag that does not exist,
 *	-EBUSY when another driver has claimed the BAR, or -ENOMEM.
 */
int mdev_pt_add_queues(struct mdev_pt_device *pt, unsigned int bar,
		       const struct mdev_pt_queue_map *map, unsigned int count,
		       unsigned int flags);

/**
 * mdev_pt_queues_stop - disable the queues that run, and wait until they stand
 * @pt: the device, in quiesce() of its vendor
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, or -ETIMEDOUT, or what mdev_pt_bar_read() returns; the queues then
 *	run as before.
 */
int mdev_pt_queues_stop(struct mdev_pt_device *pt);

/**
 * mdev_pt_queues_start - enable again what mdev_pt_queues_stop() disabled, or
 *	what mdev_pt_queues_load() says was enabled
 * @pt: the device, in resume() of its vendor
 *
 * Heads and tails are those of the stopped, or of the loaded queues.
 *
 * Context: Process context, may sleep.
 *
 * Return: as mdev_pt_queues_stop().
 */
int mdev_pt_queues_start(struct mdev_pt_device *pt);

/**
 * mdev_pt_queues_size - how much mdev_pt_queues_save() writes
 * @count: the number of queues
 *
 * Return: The number of bytes.
 */
#define mdev_pt_queues_size(count) \
	((count) * sizeof(__le32) * (7 + MDEV_PT_QUEUE_CONFIG_MAX))

/**
 * mdev_pt_queues_save - write the state of the stopped queues
 * @pt: the device, in save() of its vendor
 * @buf: mdev_pt_queues_size() bytes
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, or what mdev_pt_bar_read() returns.
 */
int mdev_pt_queues_save(struct mdev_pt_device *pt, void *buf);

/**
 * mdev_pt_queues_load - take the state that mdev_pt_queues_save() wrote
 * @pt: the device, in load() of its vendor
 * @buf: mdev_pt_queues_size() bytes, hostile
 *
 * The registers are written; the queues are enabled by mdev_pt_queues_start().
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for what no such function can have, which is logged, or
 *	what mdev_pt_bar_write() returns.
 */
int mdev_pt_queues_load(struct mdev_pt_device *pt, const void *buf);

/**
 * mdev_pt_queues_were_reset - the user has reset the function by a register
 * @pt: the device, between open() and close() of its vendor
 *
 * To be called after the write that resets it, which a trap has seen. Resets by
 * other means are known to the core.
 *
 * Context: Process context, may sleep.
 */
void mdev_pt_queues_were_reset(struct mdev_pt_device *pt);

/*
 * Rings that are set up by messages, and not by registers: the vendor, which sees
 * the messages, tells of them, and moves them itself
 */

/**
 * mdev_pt_add_tails - name the tails of rings
 * @pt: the device, in open() of its vendor, which has migration ops
 * @bar: the BAR that has them
 * @offsets: of the @count registers; 32 bits wide, each on a page (of 4096
 *	bytes) that has nothing but tails, what mdev_pt_add_beside() names, and
 *	what is written only while dirty pages are not tracked
 * @count: how many
 *
 * While dirty pages are tracked, and only then, the core sees the writes to these
 * pages before the function does. They end with close(), as do their rings.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for a register that is not in the BAR, -EBUSY when another
 *	driver has claimed the BAR, or -ENOMEM.
 */
int mdev_pt_add_tails(struct mdev_pt_device *pt, unsigned int bar,
		      const u32 *offsets, unsigned int count);

/**
 * mdev_pt_add_beside - name other registers on the pages of tails, or of queues
 * @pt: the device, in open() of its vendor, after the tails or queues were added
 * @bar: the BAR that has them
 * @offsets: of the @count registers; 32 bits wide, each once
 * @count: how many
 *
 * While dirty pages are tracked, these read as the function had them when that
 * began, or when they were written last; a value that differs is passed on within
 * a ms. So they must be such that the function does not change, and in which
 * writing a value twice is nothing else than once.
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, -EINVAL for a register that is on no such page, or -ENOMEM.
 */
int mdev_pt_add_beside(struct mdev_pt_device *pt, unsigned int bar,
		       const u32 *offsets, unsigned int count);

/**
 * mdev_pt_ring_attach - there is a ring behind a tail
 * @pt: the device, between open() and close() of its vendor
 * @index: of the tail, in the order of mdev_pt_add_tails()
 * @ring: the ring; copied. Base and entries may be hostile.
 *
 * To be called before the function can take a descriptor of the ring: before the
 * message that enables it is passed on. It replaces an earlier ring. A reset, see
 * mdev_pt_queues_were_reset(), detaches all rings. The tail is then as the user or,
 * if that was later, the function has set it.
 *
 * Context: Process context, may sleep; not in reset_done(). The caller holds no
 *	lock that the callbacks of a ring take.
 *
 * Return: 0, or -EINVAL for a tail or a ring that can't be.
 */
int mdev_pt_ring_attach(struct mdev_pt_device *pt, unsigned int index,
			const struct mdev_pt_ring *ring);

/**
 * mdev_pt_ring_set_tail - write a tail, as the user would
 * @pt: the device, between open() and close() of its vendor
 * @index: of the tail, in the order of mdev_pt_add_tails()
 * @tail: the value
 *
 * Takes back what the user has written, whether the function has seen it or not.
 *
 * Context: as mdev_pt_ring_attach().
 *
 * Return: as mdev_pt_bar_write().
 */
int mdev_pt_ring_set_tail(struct mdev_pt_device *pt, unsigned int index,
			  u32 tail);

/**
 * mdev_pt_ring_detach - there is no ring behind a tail any more
 * @pt: the device, between open() and close() of its vendor
 * @index: of the tail, in the order of mdev_pt_add_tails()
 *
 * To be called when the function has stopped to write: after it has answered the
 * message that disables the ring.
 *
 * Context: as mdev_pt_ring_attach().
 */
void mdev_pt_ring_detach(struct mdev_pt_device *pt, unsigned int index);

/**
 * mdev_pt_mark_dirty - the function may have written to memory
 * @pt: the device, between open() and close() of its vendor
 * @iova: where
 * @len: how many bytes
 *
 * For what the queues do not say. While dirty pages are not tracked, this does
 * nothing. Not for the callbacks of a queue map or of a
 * ring.
 *
 * Context: Process context, may sleep.
 */
void mdev_pt_mark_dirty(struct mdev_pt_device *pt, u64 iova, u64 len);

/**
 * mdev_pt_expect_written - mark_written() may mark this
 * @pt: the device, between open() and close() of its vendor
 * @iova: where
 * @len: how many bytes
 *
 * Memory that the user unmaps while dirty pages are tracked is looked at once more
 * before it goes, if the function may write to it. Of queues and rings the core knows
 * that; of what else the function writes to, the vendor says it: in each call of
 * mark_written(), and better before the function can write there. Saying it again
 * costs next to nothing. While dirty pages are not tracked, this does nothing.
 *
 * Context: Process context, may sleep. Not for the callbacks of a queue map or of a
 *	ring.
 */
void mdev_pt_expect_written(struct mdev_pt_device *pt, u64 iova, u64 len);

#endif /* _LINUX_MDEV_PT_H */
