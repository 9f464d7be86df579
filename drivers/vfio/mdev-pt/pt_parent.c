// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mdev parent and its instances
 *
 * A VF, or a function without SR-IOV, is a parent with one instance of type
 * pt-pci: itself.  A PF is a pool: its instances of pt-pci are the VFs that are
 * bound to us.  The PF itself has a type of its own, pt-pf, so that nobody gets
 * it who wanted a VF; it is free while no VF is enabled.
 */

#include <linux/device.h>
#include <linux/slab.h>

#include "pt.h"

static struct pt_parent *to_pt_parent(struct mdev_type *type)
{
	return container_of(type->parent, struct pt_parent, mdev_parent);
}

static struct mdev_type *pt_parent_type_of(struct pt_parent *parent,
					   struct pt_function *fn)
{
	return fn->pdev->is_physfn ? &parent->pf_type : &parent->pci_type;
}

static bool pt_parent_is_free(struct pt_parent *parent, struct mdev_type *type,
			      struct pt_function *fn)
{
	lockdep_assert_held(&parent->lock);

	if (parent->closed || fn->holder)
		return false;
	if (fn->pdev->is_physfn && parent->vfs_enabled)
		return false;
	return type == pt_parent_type_of(parent, fn);
}

/* Give a free instance to @mdev, with a reference; -EUSERS if there is none. */
static struct pt_function *pt_parent_claim(struct pt_parent *parent,
					   struct mdev_device *mdev)
{
	struct pt_function *fn;

	mutex_lock(&parent->lock);
	list_for_each_entry(fn, &parent->functions, node) {
		if (pt_parent_is_free(parent, mdev->type, fn)) {
			fn->holder = mdev;
			pt_function_get(fn);
			mutex_unlock(&parent->lock);
			return fn;
		}
	}
	mutex_unlock(&parent->lock);

	pci_err(parent->pdev, "no free instance for mdev %s: %s\n",
		dev_name(&mdev->dev),
		mdev->type == &parent->pf_type ?
			"remove the mdev that holds the PF, or disable its VFs" :
		parent->pdev->is_physfn ?
			"enable more VFs, or remove another mdev" :
			"remove the mdev that holds the function");
	return ERR_PTR(-EUSERS);
}

static void pt_parent_unclaim(struct pt_parent *parent, struct pt_function *fn)
{
	mutex_lock(&parent->lock);
	fn->holder = NULL;
	mutex_unlock(&parent->lock);
	pt_function_put(fn);
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
		n += pt_parent_is_free(parent, type, fn);
	mutex_unlock(&parent->lock);
	return n;
}

static ssize_t pt_mdev_show_description(struct mdev_type *type, char *buf)
{
	struct pt_parent *parent = to_pt_parent(type);
	struct pci_dev *pdev = parent->pdev;
	bool pool = pdev->is_physfn && type == &parent->pci_type;

	return sysfs_emit(buf, "%s [%04x:%04x] as a whole, as vfio-pci would pass it through\n",
			  pool ? "One VF of PCI function" : "PCI function",
			  pdev->vendor, pdev->device);
}

static struct mdev_driver pt_mdev_driver = {
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

/* Make the function of @fn a parent, with itself as its instance. */
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
	parent->pci_type.sysfs_name = "pci";
	parent->pci_type.pretty_name = "Whole PCI function";
	parent->types[0] = &parent->pci_type;
	parent->pf_type.sysfs_name = "pf";
	parent->pf_type.pretty_name = "Whole PCI physical function";
	parent->types[1] = &parent->pf_type;
	pt_parent_join(parent, fn);
	devres_add(&pdev->dev, parent);

	ret = mdev_register_parent(&parent->mdev_parent, &pdev->dev,
				   &pt_mdev_driver, parent->types,
				   pdev->is_physfn ? 2 : 1);
	if (ret)
		pci_err(pdev, "can't become an mdev parent (%d)\n", ret);
	return ret;
}

/*
 * Remove all mdevs and the types.  The functions must be unbound already, so
 * that a remove in flight, which we wait for, does not wait for us.
 */
void pt_parent_unregister(struct pt_parent *parent)
{
	mdev_unregister_parent(&parent->mdev_parent);
}

/* Make the function an instance of the parent. */
void pt_parent_join(struct pt_parent *parent, struct pt_function *fn)
{
	fn->parent = parent;
	mutex_lock(&parent->lock);
	list_add_tail(&fn->node, &parent->functions);
	mutex_unlock(&parent->lock);
}

/*
 * Take an unbound function out of its pool.  An mdev that held it stays behind
 * without a device until it is removed: only the mdev core can remove it.
 */
void pt_parent_leave(struct pt_function *fn)
{
	struct pt_parent *parent = fn->parent;

	mutex_lock(&parent->lock);
	list_del_init(&fn->node);
	/* A parent that goes away removes its mdevs itself. */
	if (fn->holder && !parent->closed)
		dev_warn(&fn->holder->dev, "%s was taken away: remove this mdev\n",
			 pci_name(fn->pdev));
	mutex_unlock(&parent->lock);
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
