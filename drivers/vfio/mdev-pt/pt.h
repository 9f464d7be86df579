/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to mdev_pt, the generic parent
 *
 * pt_driver.c    PCI driver "pt": binding, SR-IOV, errors; the module
 * pt_parent.c    struct pt_parent: a function as mdev parent, its instances
 * pt_function.c  struct pt_function: a claimed function and its VFIO device
 *
 * Lock order:
 *   device lock of a PF  >  device lock of its VF  >  pt_parent::lock
 *   mdev_parent::unreg_sem (the mdev core's)  >  pt_parent::lock
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
#include <linux/mdev_pt.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

/**
 * struct pt_parent - a bound function that is an mdev parent
 * @mdev_parent: the mdev core's side
 * @pci_type: "pt-pci": the VFs of a PF, else the function itself
 * @pf_type: "pt-pf", of a PF only: the PF itself, while it has no VFs
 * @types: both, for mdev_register_parent()
 * @pdev: the function; outlives the parent
 * @lock: guards what follows, and holder of every pt_function of the parent
 * @functions: the instances: @pdev itself and, of a PF, the VFs bound to us
 * @vfs_enabled: VFs exist or are about to: the PF itself is not free
 * @closed: no instance is given out: the VFs, or the parent, are going away
 *
 * Lives from the PCI driver's probe() to after its remove(), as a device
 * resource of @pdev. A VF never outlives the parent that it belongs to: a
 * PF's remove() disables SR-IOV first.
 */
struct pt_parent {
	struct mdev_parent mdev_parent;
	struct mdev_type pci_type;
	struct mdev_type pf_type;
	struct mdev_type *types[2];
	struct pci_dev *pdev;
	struct mutex lock;	/* guards what follows, and pt_function::holder */
	struct list_head functions;
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
 * @holder: the mdev that has the function, or NULL; pt_parent::lock
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
	struct mdev_device *holder;
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

#endif /* _MDEV_PT_PT_H */
