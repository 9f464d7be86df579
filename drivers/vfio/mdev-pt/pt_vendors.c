// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vendors that come and go, and the functions that they accept
 */

#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "pt.h"

/*
 * Guards everything that depends on which vendors there are: the list of
 * parents, their functions, the offers for them, and their types.  Held while a
 * vendor is asked; never while a module is loaded or a user is waited for.
 */
DEFINE_MUTEX(pt_types_lock);

static LIST_HEAD(pt_parents);	/* guarded by pt_types_lock */

static void request_modules(u16 vendor, u16 device, u32 class)
{
	request_module("mdev-pt:%04x-%04x", vendor, device);
	request_module("mdev-pt:class-%06x", class);
}

/*
 * Load what may know the function, or one of its VFs, which then need not ask
 * one by one.  The module comes up, and is announced, before this returns: no
 * lock of ours may be held.
 */
void pt_vendors_load(struct pt_parent *parent)
{
	struct pci_dev *pdev = parent->pdev;

	request_modules(pdev->vendor, pdev->device, pdev->class);
	if (parent->vf_device)
		request_modules(pdev->vendor, parent->vf_device, pdev->class);
}

/* What the vendor said of the function: an offer, or NULL. */
struct mdev_pt_offer *
pt_function_offer(struct pt_function *fn,
		  const struct mdev_pt_vendor_driver *vendor)
{
	struct mdev_pt_offer *offer;

	list_for_each_entry(offer, &fn->offers, node) {
		if (offer->vendor == vendor)
			return offer;
	}
	return NULL;
}

static int ask_vendor(const struct mdev_pt_vendor_driver *vendor, void *data)
{
	struct pt_function *fn = data;
	struct mdev_pt_offer *offer;

	if (pt_function_offer(fn, vendor))
		return 0;

	offer = mdev_pt_offer_make(vendor, fn->pdev);
	if (IS_ERR(offer)) {
		pci_err(fn->pdev, "%s does not accept the function (%ld): it has no type of this vendor\n",
			vendor->name, PTR_ERR(offer));
		return 0;
	}
	if (offer) {
		mutex_lock(&fn->parent->lock);
		list_add_tail(&offer->node, &fn->offers);
		mutex_unlock(&fn->parent->lock);
	}
	return 0;
}

/* Ask all vendors that haven't accepted the function, which no mdev has. */
void pt_function_ask_vendors(struct pt_function *fn)
{
	lockdep_assert_held(&pt_types_lock);

	mdev_pt_visit_vendors(ask_vendor, fn);
}

/* End the offer of @vendor, or, if that is NULL, all of them. */
void pt_function_end_offers(struct pt_function *fn,
			    const struct mdev_pt_vendor_driver *vendor)
{
	struct mdev_pt_offer *offer, *next;
	LIST_HEAD(ended);

	lockdep_assert_held(&pt_types_lock);

	mutex_lock(&fn->parent->lock);
	list_for_each_entry_safe(offer, next, &fn->offers, node) {
		if (!vendor || offer->vendor == vendor)
			list_move_tail(&offer->node, &ended);
	}
	mutex_unlock(&fn->parent->lock);

	list_for_each_entry_safe(offer, next, &ended, node)
		mdev_pt_offer_end(offer);
}

void pt_vendors_add_parent(struct pt_parent *parent)
{
	lockdep_assert_held(&pt_types_lock);
	list_add_tail(&parent->node, &pt_parents);
}

void pt_vendors_remove_parent(struct pt_parent *parent)
{
	lockdep_assert_held(&pt_types_lock);
	list_del(&parent->node);
}

/* Its type may stay for a while, for the sake of others, but makes no mdev. */
static void forget_vendor(struct pt_parent *parent,
			  const struct mdev_pt_vendor_driver *vendor)
{
	struct pt_types *types = parent->types;
	struct pt_function *fn;
	unsigned int i;

	list_for_each_entry(fn, &parent->functions, node)
		pt_function_end_offers(fn, vendor);

	mutex_lock(&parent->lock);
	for (i = 0; types && i < types->count; i++) {
		if (types->type[i].vendor == vendor)
			types->type[i].vendor = NULL;
	}
	mutex_unlock(&parent->lock);
}

static int pt_vendors_notify(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	struct pt_parent *parent;

	mutex_lock(&pt_types_lock);
	list_for_each_entry(parent, &pt_parents, node) {
		if (event == MDEV_PT_VENDOR_REMOVED)
			forget_vendor(parent, data);
		pt_parent_update_types(parent);
	}
	mutex_unlock(&pt_types_lock);
	return NOTIFY_OK;
}

static struct notifier_block pt_vendors_notifier = {
	.notifier_call = pt_vendors_notify,
};

static void pt_vendors_work(struct work_struct *work)
{
	struct pt_parent *parent;

	mutex_lock(&pt_types_lock);
	list_for_each_entry(parent, &pt_parents, node) {
		if (READ_ONCE(parent->stale))
			pt_parent_update_types(parent);
	}
	mutex_unlock(&pt_types_lock);
}

static DECLARE_WORK(pt_stale_work, pt_vendors_work);

/* The last mdev of a stale parent has gone. */
void pt_vendors_catch_up(void)
{
	schedule_work(&pt_stale_work);
}

int pt_vendors_init(void)
{
	return mdev_pt_vendor_subscribe(&pt_vendors_notifier);
}

void pt_vendors_exit(void)
{
	mdev_pt_vendor_unsubscribe(&pt_vendors_notifier);
	cancel_work_sync(&pt_stale_work);
	pt_types_exit();
}
