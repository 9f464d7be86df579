// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry of vendors
 *
 * Three references keep everything in place for as long as it is needed:
 *
 *   - a vendor's module depends on this one, whose functions it calls, and a
 *     registered vendor holds it: the core is never unloaded below a vendor;
 *   - an mdev of a vendor's type holds the vendor's module: it is never
 *     unloaded below a device;
 *   - a function that a vendor merely accepted holds nothing: unregistering
 *     takes it back. A reference there would leave a module impossible to
 *     unload for as long as anything is bound.
 */

#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "core.h"

/* As much as leaves room for the rest of a sysfs name */
#define TYPE_MAX 32

/* A device that has more memory than this needs another way to save it. */
#define STATE_MAX SZ_64M

static LIST_HEAD(vendors);
static DEFINE_MUTEX(vendors_lock);	/* guards vendors; innermost */
static BLOCKING_NOTIFIER_HEAD(vendors_chain);

static bool type_is_valid(const char *type)
{
	const char *c;

	if (!type || !*type || strlen(type) > TYPE_MAX ||
	    !strcmp(type, "pci") || !strcmp(type, "pf"))
		return false;
	for (c = type; *c; c++) {
		if (!islower(*c) && !isdigit(*c) && *c != '-')
			return false;
	}
	return true;
}

static int vendor_check(const struct mdev_pt_vendor_driver *vendor)
{
	const struct mdev_pt_migration_ops *mig;

	if (!vendor->owner || !vendor->name || !vendor->id_table ||
	    !vendor->ops) {
		pr_err("mdev_pt: a vendor needs owner, name, id_table and ops\n");
		return -EINVAL;
	}
	mig = vendor->ops->migration;
	if (!type_is_valid(vendor->type)) {
		pr_err("mdev_pt: %s: type \"%s\" is not made of 1 to %u of a-z, 0-9 and \"-\", or is the core's own\n",
		       vendor->name, vendor->type ?: "", TYPE_MAX);
		return -EINVAL;
	}
	if (mig && (!mig->quiesce || !mig->resume || !mig->save || !mig->load ||
		    !mig->version || mig->state_size > STATE_MAX)) {
		pr_err("mdev_pt: %s: migration needs all four callbacks, a version from 1 on and a state_size of at most %u bytes\n",
		       vendor->name, STATE_MAX);
		return -EINVAL;
	}
	return 0;
}

int mdev_pt_register_vendor_driver(struct mdev_pt_vendor_driver *vendor)
{
	struct mdev_pt_vendor_driver *other;
	int ret;

	ret = vendor_check(vendor);
	if (ret)
		return ret;

	mutex_lock(&vendors_lock);
	list_for_each_entry(other, &vendors, node) {
		if (!strcmp(other->type, vendor->type)) {
			mutex_unlock(&vendors_lock);
			pr_err("mdev_pt: %s: type %s is taken by %s: unload that first\n",
			       vendor->name, vendor->type,
			       module_name(other->owner));
			/* modprobe takes -EEXIST for success */
			return -EBUSY;
		}
	}
	__module_get(THIS_MODULE);
	list_add_tail(&vendor->node, &vendors);
	mutex_unlock(&vendors_lock);

	blocking_notifier_call_chain(&vendors_chain, MDEV_PT_VENDOR_ADDED,
				     vendor);
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_pt_register_vendor_driver);

void mdev_pt_unregister_vendor_driver(struct mdev_pt_vendor_driver *vendor)
{
	mutex_lock(&vendors_lock);
	list_del(&vendor->node);
	mutex_unlock(&vendors_lock);

	blocking_notifier_call_chain(&vendors_chain, MDEV_PT_VENDOR_REMOVED,
				     vendor);
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(mdev_pt_unregister_vendor_driver);

/*
 * Have @nb called, with the vendor, after one was registered and after one was
 * taken off the list; its offers must be ended in the second call.
 */
int mdev_pt_vendor_subscribe(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&vendors_chain, nb);
}
EXPORT_SYMBOL_GPL(mdev_pt_vendor_subscribe);

void mdev_pt_vendor_unsubscribe(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&vendors_chain, nb);
}
EXPORT_SYMBOL_GPL(mdev_pt_vendor_unsubscribe);

/* Stops at, and returns, the first result of @visit that is not 0. */
int mdev_pt_visit_vendors(int (*visit)(const struct mdev_pt_vendor_driver *vendor,
				       void *data), void *data)
{
	struct mdev_pt_vendor_driver *vendor;
	int ret = 0;

	mutex_lock(&vendors_lock);
	list_for_each_entry(vendor, &vendors, node) {
		ret = visit(vendor, data);
		if (ret)
			break;
	}
	mutex_unlock(&vendors_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_pt_visit_vendors);

/* Would a function of these be shown to the vendor, whatever its subsystem? */
bool mdev_pt_vendor_knows(const struct mdev_pt_vendor_driver *vendor,
			  u16 vendor_id, u16 device_id, u32 class)
{
	const struct pci_device_id *id;

	for (id = vendor->id_table; id->vendor || id->subvendor || id->class_mask;
	     id++) {
		if ((id->vendor == PCI_ANY_ID || id->vendor == vendor_id) &&
		    (id->device == PCI_ANY_ID || id->device == device_id) &&
		    !((id->class ^ class) & id->class_mask))
			return true;
	}
	return false;
}
EXPORT_SYMBOL_GPL(mdev_pt_vendor_knows);

/*
 * Ask the vendor about a function: an offer, an ERR_PTR, or NULL when it does
 * not want it. The caller serialises this with mdev_pt_offer_end(), and sees to
 * it that no user has the function.
 */
struct mdev_pt_offer *mdev_pt_offer_make(const struct mdev_pt_vendor_driver *vendor,
					 struct pci_dev *pdev)
{
	const struct pci_device_id *id = pci_match_id(vendor->id_table, pdev);
	struct mdev_pt_offer *offer;
	int ret;

	if (!id)
		return NULL;

	offer = kzalloc(sizeof(*offer), GFP_KERNEL);
	if (!offer)
		return ERR_PTR(-ENOMEM);

	offer->vendor = vendor;
	offer->fn.pdev = pdev;
	offer->fn.id = id;
	ret = vendor->probe ?
	      mdev_pt_vendor_result(vendor->probe(&offer->fn)) : 0;
	if (!ret)
		return offer;

	kfree(offer);
	return ret == -ENODEV ? NULL : ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(mdev_pt_offer_make);

void mdev_pt_offer_end(struct mdev_pt_offer *offer)
{
	if (offer->vendor->remove)
		offer->vendor->remove(&offer->fn);
	kfree(offer);
}
EXPORT_SYMBOL_GPL(mdev_pt_offer_end);
