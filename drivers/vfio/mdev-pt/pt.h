/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to mdev_pt, the generic parent
 *
 * pt_driver.c    PCI driver "pt": binding, SR-IOV, errors; the module
 * pt_parent.c    struct pt_parent: a function as mdev parent, its instances
 * pt_types.c     struct pt_types: the mdev types of a parent
 * pt_vendors.c   vendors that come and go, and the functions they accept
 * pt_function.c  struct pt_function: a claimed function and its VFIO device
 *
 * Lock order:
 *   device lock of a PF  >  device lock of its VF  >  pt_types_lock
 *   pt_types_lock  >  mdev_parent::unreg_sem (the mdev core's)
 *   pt_types_lock, unreg_sem  >  pt_parent::lock
 *
 * The device lock and unreg_sem are never taken one inside the other by
 * waiting: the PCI driver's remove() holds the first and takes the second, so
 * who holds unreg_sem (create and remove of an mdev) hands work that needs
 * the device lock to a worker; see pt_function.c.
 */
#ifndef _MDEV_PT_PT_H
#define _MDEV_PT_PT_H

#include <linux/kref.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core.h"

/* Guards the vendors' side: parents, their functions, offers and types */
extern struct mutex pt_types_lock;

extern struct mdev_driver pt_mdev_driver;

/**
 * struct pt_type - one mdev type of a parent
 * @mdev_type: the mdev core's side
 * @is_pf: "pt-pf": its instance is the PF itself
 * @has_vendor: it is a vendor's
 * @vendor: whose; NULL without one, and after that was unloaded;
 *	pt_parent::lock
 */
struct pt_type {
	struct mdev_type mdev_type;
	bool is_pf;
	bool has_vendor;
	const struct mdev_pt_vendor_driver *vendor;
};

/**
 * struct pt_types - the types of a parent, as registered at one time
 * @mdev_parent: the mdev core's side
 * @parent: whose types they are
 * @node: after that they wait here for the last user; pt_types_lock
 * @registered: each kobject has a reference of ours
 * @mdev_types: @type, for the mdev core
 * @count: of both arrays
 * @type: the types; constant, but for what says otherwise
 */
struct pt_types {
	struct mdev_parent mdev_parent;
	struct pt_parent *parent;
	struct list_head node;
	bool registered;
	struct mdev_type **mdev_types;
	unsigned int count;
	struct pt_type type[];
};

/**
 * struct pt_parent - a bound function that is an mdev parent
 * @pdev: the function; outlives the parent
 * @vf_device: the PCI device ID of its VFs; 0 if it can have none
 * @node: of all parents; pt_types_lock
 * @types: what it offers now, or NULL; pt_types_lock
 * @lock: guards what follows, and the holder and offers of every pt_function
 *	of the parent
 * @functions: the instances: @pdev itself and, of a PF, the VFs bound to us;
 *	changed with pt_types_lock held, too
 * @mdevs: that exist: @types can't change
 * @stale: @types are to be changed when @mdevs is 0
 * @changing: @types are being changed: no instance is given out
 * @vfs_enabled: VFs exist or are about to: the PF itself is not free
 * @closed: no instance is given out: the VFs, or the parent, are going away
 *
 * Lives from the PCI driver's probe() to after its remove(), as a device
 * resource of @pdev. A VF never outlives the parent that it belongs to: a
 * PF's remove() disables SR-IOV first.
 */
struct pt_parent {
	struct pci_dev *pdev;
	u16 vf_device;
	struct list_head node;
	struct pt_types *types;
	struct mutex lock;	/* guards what follows, and pt_function::holder */
	struct list_head functions;
	unsigned int mdevs;
	bool stale;
	bool changing;
	bool vfs_enabled;
	bool closed;
};

/**
 * enum pt_request - what the worker of a function is to do
 * @PT_ATTACH: register the VFIO device for pt_function::holder
 * @PT_DETACH: unregister it
 */
enum pt_request {
	PT_ATTACH,
	PT_DETACH,
};

/**
 * struct pt_function - a PCI function bound to "pt"
 * @ref: held by the binding, by the holder, and by a queued request
 * @pdev: the function, with a reference
 * @parent: whose instance it is; valid while bound
 * @node: in pt_parent::functions; pt_parent::lock
 * @offers: of the vendors that accepted it; pt_types_lock and pt_parent::lock
 *	to change, one of them to read
 * @holder: the mdev that has the function, or NULL; pt_parent::lock
 * @offer: the one that @holder took, or NULL; constant while it has a VFIO
 *	device
 * @owner: the module of @offer's vendor, held by @holder
 * @dev: the VFIO device, or NULL; device lock of @pdev
 * @work: carries out @request with the device lock held
 * @wait: woken when @done or @gone becomes true
 * @request: set by the holder before @work is queued
 * @result: of @request; device lock of @pdev until @done or @gone
 * @done: the worker is finished with @request
 * @gone: the function was unbound; never false again
 *
 * Requests come from probe and remove of one mdev, which the driver core
 * serialises: at most one is under way.
 */
struct pt_function {
	struct kref ref;
	struct pci_dev *pdev;
	struct pt_parent *parent;
	struct list_head node;
	struct list_head offers;
	struct mdev_device *holder;
	struct mdev_pt_offer *offer;
	struct module *owner;
	struct mdev_pt_device *dev;
	struct work_struct work;
	wait_queue_head_t wait;
	enum pt_request request;
	int result;
	bool done;
	bool gone;
};

/* pt_function.c */
int pt_function_init(void);
void pt_function_exit(void);
struct pt_function *pt_function_bind(struct pci_dev *pdev);
struct pt_function *pt_function_of(struct pci_dev *pdev);
void pt_function_unbind(struct pt_function *fn);
void pt_function_get(struct pt_function *fn);
void pt_function_put(struct pt_function *fn);
int pt_function_attach(struct pt_function *fn);
void pt_function_detach(struct pt_function *fn);

/* pt_parent.c */
int pt_parent_init(void);
void pt_parent_exit(void);
int pt_parent_register(struct pt_function *fn);
void pt_parent_unregister(struct pt_parent *parent);
struct pt_parent *pt_parent_of(struct pci_dev *pdev);
void pt_parent_join(struct pt_parent *parent, struct pt_function *fn);
void pt_parent_leave(struct pt_function *fn);
int pt_parent_set_vfs(struct pt_parent *parent, int nr_vfs);
void pt_parent_close(struct pt_parent *parent);

/* pt_types.c */
int pt_parent_update_types(struct pt_parent *parent);
void pt_parent_drop_types(struct pt_parent *parent);
void pt_types_exit(void);

/* pt_vendors.c */
int pt_vendors_init(void);
void pt_vendors_exit(void);
void pt_vendors_load(struct pt_parent *parent);
void pt_vendors_add_parent(struct pt_parent *parent);
void pt_vendors_remove_parent(struct pt_parent *parent);
void pt_vendors_catch_up(void);
void pt_function_ask_vendors(struct pt_function *fn);
void pt_function_end_offers(struct pt_function *fn,
			    const struct mdev_pt_vendor_driver *vendor);
struct mdev_pt_offer *
pt_function_offer(struct pt_function *fn,
		  const struct mdev_pt_vendor_driver *vendor);

#endif /* _MDEV_PT_PT_H */
