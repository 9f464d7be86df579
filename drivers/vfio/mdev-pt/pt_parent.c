// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mdev parent and its instances
 *
 * A VF, or a function without SR-IOV, is a parent with one instance: itself.  A
 * PF is a pool: its instances are the VFs that are bound to us, and itself as
 * long as there are none.
 */

#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "pt.h"

static struct pt_parent *to_pt_parent(struct mdev_type *type)
{
	return container_of(type->parent, struct pt_types, mdev_parent)->parent;
}

static struct pt_type *to_pt_type(struct mdev_type *type)
{
	return container_of(type, struct pt_type, mdev_type);
}

static bool pt_parent_is_free(struct pt_parent *parent, struct pt_type *type,
			      struct pt_function *fn)
{
	lockdep_assert_held(&parent->lock);

	if (parent->closed || parent->changing || fn->holder)
		return false;
	if (fn->pdev->is_physfn && parent->vfs_enabled)
		return false;
	if (type->has_vendor)
		return type->vendor && pt_function_offer(fn, type->vendor);
	return type->is_pf == fn->pdev->is_physfn;
}

static struct pt_function *pt_parent_find_free(struct pt_parent *parent,
					       struct pt_type *type)
{
	struct pt_function *fn;

	list_for_each_entry(fn, &parent->functions, node) {
		if (pt_parent_is_free(parent, type, fn))
			return fn;
	}
	return NULL;
}

/* Give @fn to @mdev. A vendor's module stays until it is given back. */
static int pt_function_take(struct pt_function *fn, struct mdev_device *mdev)
{
	struct pt_type *type = to_pt_type(mdev->type);

	fn->offer = NULL;
	fn->owner = NULL;
	if (type->has_vendor) {
		if (!try_module_get(type->vendor->owner))
			return -ENODEV;
		fn->offer = pt_function_offer(fn, type->vendor);
		fn->owner = type->vendor->owner;
	}
	fn->holder = mdev;
	fn->parent->mdevs++;
	pt_function_get(fn);
	return 0;
}

static const char *pt_parent_advice(struct pt_parent *parent,
				    struct pt_type *type)
{
	if (type->has_vendor && !type->vendor)
		return "its vendor was unloaded";
	if (parent->changing)
		return "the types are changing, try again";
	if (type->is_pf)
		return "remove the mdev that holds the PF, or disable its VFs";
	if (parent->pdev->is_physfn)
		return "enable more VFs, or remove another mdev";
	return "remove the mdev that holds the function";
}

/* Give a free instance to @mdev, with a reference; -EUSERS if there is none. */
static struct pt_function *pt_parent_claim(struct pt_parent *parent,
					   struct mdev_device *mdev)
{
	struct pt_type *type = to_pt_type(mdev->type);
	const char *advice = NULL;
	struct pt_function *fn;
	int ret = -EUSERS;

	mutex_lock(&parent->lock);
	fn = pt_parent_find_free(parent, type);
	if (fn)
		ret = pt_function_take(fn, mdev);
	if (ret)
		advice = pt_parent_advice(parent, type);
	mutex_unlock(&parent->lock);
	if (!ret)
		return fn;

	pci_err(parent->pdev, "no free instance for mdev %s: %s\n",
		dev_name(&mdev->dev), advice);
	return ERR_PTR(ret);
}

static void pt_parent_unclaim(struct pt_parent *parent, struct pt_function *fn)
{
	struct module *owner = fn->owner;
	bool catch_up;

	mutex_lock(&parent->lock);
	fn->holder = NULL;
	catch_up = !--parent->mdevs && parent->stale;
	mutex_unlock(&parent->lock);
	pt_function_put(fn);
	module_put(owner);
	if (catch_up)
		pt_vendors_catch_up();
}

static int pt_mdev_probe(struct mdev_device *mdev)
{
	struct pt_parent *parent = to_pt_parent(mdev->type);
	struct pt_function *fn;
	int ret;

	fn = pt_parent_claim(parent, mdev);
	if (IS_ERR(fn))
		return PTR_ERR(fn);

	ret = pt_function_attach(fn);
	if (ret) {
		pt_parent_unclaim(parent, fn);
		return ret;
	}

	dev_set_drvdata(&mdev->dev, fn);
	return 0;
}

static void pt_mdev_remove(struct mdev_device *mdev)
{
	struct pt_function *fn = dev_get_drvdata(&mdev->dev);

	pt_function_detach(fn);
	pt_parent_unclaim(to_pt_parent(mdev->type), fn);
}

static unsigned int pt_mdev_get_available(struct mdev_type *type)
{
	struct pt_parent *parent = to_pt_parent(type);
	struct pt_function *fn;
	unsigned int n = 0;

	mutex_lock(&parent->lock);
	list_for_each_entry(fn, &parent->functions, node)
		n += pt_parent_is_free(parent, to_pt_type(type), fn);
	mutex_unlock(&parent->lock);
	return n;
}

static ssize_t pt_mdev_show_description(struct mdev_type *type, char *buf)
{
	struct pt_parent *parent = to_pt_parent(type);
	struct pt_type *pt_type = to_pt_type(type);
	struct pci_dev *pdev = parent->pdev;
	const char *what = "PCI function";

	/* A vendor may accept the PF, too. */
	if (pdev->is_physfn && !pt_type->is_pf)
		what = pt_type->has_vendor ? "PCI function, or one VF of it," :
					     "One VF of PCI function";

	return sysfs_emit(buf, "%s [%04x:%04x] as a whole, %s\n", what,
			  pdev->vendor, pdev->device,
			  pt_type->has_vendor ?
				"with its vendor's additions" :
				"as vfio-pci would pass it through");
}

struct mdev_driver pt_mdev_driver = {
	.device_api		= VFIO_DEVICE_API_PCI_STRING,
	.probe			= pt_mdev_probe,
	.remove			= pt_mdev_remove,
	.get_available		= pt_mdev_get_available,
	.show_description	= pt_mdev_show_description,
	.driver = {
		.name			= "mdev_pt",
		.owner			= THIS_MODULE,
		.mod_name		= KBUILD_MODNAME,
		.suppress_bind_attrs	= true,
	},
};

int pt_parent_init(void)
{
	return mdev_register_driver(&pt_mdev_driver);
}

void pt_parent_exit(void)
{
	mdev_unregister_driver(&pt_mdev_driver);
}

static void pt_parent_devres_release(struct device *dev, void *res)
{
	struct pt_parent *parent = res;

	mutex_destroy(&parent->lock);
}

/* The parent that a device bound to us is, or NULL. */
struct pt_parent *pt_parent_of(struct pci_dev *pdev)
{
	return devres_find(&pdev->dev, pt_parent_devres_release, NULL, NULL);
}

/* The PCI device ID of the VFs, which all have the same; 0 if it has none */
static u16 pt_vf_device(struct pci_dev *pdev)
{
	int pos = pci_find_ext_capability(pdev, PCI_EXT_CAP_ID_SRIOV);
	u16 device = 0;

	if (pos && pdev->is_physfn)
		pci_read_config_word(pdev, pos + PCI_SRIOV_VF_DID, &device);
	return device;
}

/*
 * Make the function of @fn a parent, with itself as its instance.  Called by
 * the PCI driver's probe(), which fails if this does.
 */
int pt_parent_register(struct pt_function *fn)
{
	struct pci_dev *pdev = fn->pdev;
	struct pt_parent *parent;
	int ret;

	parent = devres_alloc(pt_parent_devres_release, sizeof(*parent),
			      GFP_KERNEL);
	if (!parent)
		return -ENOMEM;

	mutex_init(&parent->lock);
	INIT_LIST_HEAD(&parent->functions);
	parent->pdev = pdev;
	parent->vf_device = pt_vf_device(pdev);
	devres_add(&pdev->dev, parent);

	pt_vendors_load(parent);

	mutex_lock(&pt_types_lock);
	fn->parent = parent;
	list_add_tail(&fn->node, &parent->functions);
	pt_vendors_add_parent(parent);
	ret = pt_parent_update_types(parent);
	if (ret) {
		pt_vendors_remove_parent(parent);
		pt_function_end_offers(fn, NULL);
	}
	mutex_unlock(&pt_types_lock);
	return ret;
}

/*
 * Remove all mdevs and the types.  The functions must be unbound already, so
 * that a remove in flight, which we wait for, does not wait for us.
 */
void pt_parent_unregister(struct pt_parent *parent)
{
	mutex_lock(&pt_types_lock);
	pt_vendors_remove_parent(parent);
	pt_parent_drop_types(parent);
	pt_function_end_offers(pt_function_of(parent->pdev), NULL);
	mutex_unlock(&pt_types_lock);
}

/* Make the function an instance of the parent, once the vendors have seen it. */
void pt_parent_join(struct pt_parent *parent, struct pt_function *fn)
{
	mutex_lock(&pt_types_lock);
	fn->parent = parent;
	pt_function_ask_vendors(fn);
	mutex_lock(&parent->lock);
	list_add_tail(&fn->node, &parent->functions);
	mutex_unlock(&parent->lock);
	mutex_unlock(&pt_types_lock);
}

/*
 * Take an unbound function out of its pool.  An mdev that held it stays behind
 * without a device until it is removed: only the mdev core can remove it.
 */
void pt_parent_leave(struct pt_function *fn)
{
	struct pt_parent *parent = fn->parent;

	mutex_lock(&pt_types_lock);
	mutex_lock(&parent->lock);
	list_del_init(&fn->node);
	/* A parent that goes away removes its mdevs itself. */
	if (fn->holder && !parent->closed)
		dev_warn(&fn->holder->dev, "%s was taken away: remove this mdev\n",
			 pci_name(fn->pdev));
	mutex_unlock(&parent->lock);
	pt_function_end_offers(fn, NULL);
	mutex_unlock(&pt_types_lock);
}

static int pt_parent_enable_vfs(struct pt_parent *parent, int nr_vfs)
{
	struct pci_dev *pdev = parent->pdev;
	struct pt_function *self = pt_function_of(pdev);
	bool held;
	int ret;

	mutex_lock(&parent->lock);
	held = self->holder;
	if (!held)
		parent->vfs_enabled = true;
	mutex_unlock(&parent->lock);

	if (held) {
		pci_err(pdev, "an mdev holds the PF itself: remove it before enabling VFs\n");
		return -EBUSY;
	}

	ret = pci_enable_sriov(pdev, nr_vfs);
	if (!ret)
		return nr_vfs;

	pci_err(pdev, "can't enable %d VFs (%d)\n", nr_vfs, ret);
	mutex_lock(&parent->lock);
	parent->vfs_enabled = false;
	mutex_unlock(&parent->lock);
	return ret;
}

static int pt_parent_disable_vfs(struct pt_parent *parent)
{
	struct pci_dev *pdev = parent->pdev;
	struct pt_function *fn;
	unsigned int held = 0;

	mutex_lock(&parent->lock);
	list_for_each_entry(fn, &parent->functions, node)
		held += !!fn->holder;
	if (!held)
		parent->closed = true;
	mutex_unlock(&parent->lock);

	if (held) {
		pci_err(pdev, "%u VFs are held by mdevs: remove these before disabling VFs\n",
			held);
		return -EBUSY;
	}

	pci_disable_sriov(pdev);

	mutex_lock(&parent->lock);
	parent->vfs_enabled = false;
	parent->closed = false;
	mutex_unlock(&parent->lock);
	return 0;
}

/*
 * sriov_numvfs was written, with the device lock of the PF held.  Returns the
 * number of VFs that are enabled, or -EBUSY while an mdev is in the way.
 */
int pt_parent_set_vfs(struct pt_parent *parent, int nr_vfs)
{
	device_lock_assert(&parent->pdev->dev);

	return nr_vfs ? pt_parent_enable_vfs(parent, nr_vfs) :
			pt_parent_disable_vfs(parent);
}

/* Give no more instances out, and let go of the VFs, whoever has them. */
void pt_parent_close(struct pt_parent *parent)
{
	mutex_lock(&parent->lock);
	parent->closed = true;
	mutex_unlock(&parent->lock);

	if (pci_num_vf(parent->pdev))
		pci_disable_sriov(parent->pdev);
}
