// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mdev types that a parent offers
 *
 *   pt-pci      a function as vfio-pci would pass it through: the parent itself,
 *               or, of a PF, one of its VFs
 *   pt-pf       of a PF only: the PF itself, so that nobody gets it who wanted a
 *               VF; free while no VF is enabled
 *   pt-<type>   the same functions, those of them that the vendor accepted
 *
 * The mdev core takes all types of a parent at once and for good, so a change
 * means a registration anew, of another struct pt_types.  That is possible
 * while no mdev exists; a parent that can't change at once is stale, and does
 * later.
 */

#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "pt.h"

/*
 * The mdev core has references to a type's kobject of its own, the last of
 * which a creator that was refused may drop after the types are gone.  So each
 * type has one of ours, and whoever finds only that is the last.
 */
static LIST_HEAD(retired);	/* guarded by pt_types_lock */

static bool pt_types_unused(struct pt_types *types)
{
	unsigned int i;

	for (i = 0; i < types->count; i++) {
		if (kref_read(&types->type[i].mdev_type.kobj.kref) > 1)
			return false;
	}
	return true;
}

static void pt_types_free(struct pt_types *types)
{
	unsigned int i;

	for (i = 0; i < types->count; i++) {
		if (types->registered)
			kobject_put(&types->type[i].mdev_type.kobj);
		kfree(types->type[i].mdev_type.pretty_name);
		kfree(types->type[i].mdev_type.sysfs_name);
	}
	kfree(types);
}

/* Returns true if all are gone. */
static bool pt_types_reap(void)
{
	struct pt_types *types, *next;

	lockdep_assert_held(&pt_types_lock);

	list_for_each_entry_safe(types, next, &retired, node) {
		if (pt_types_unused(types)) {
			list_del(&types->node);
			pt_types_free(types);
		}
	}
	return list_empty(&retired);
}

static void pt_types_retire(struct pt_types *types)
{
	mdev_unregister_parent(&types->mdev_parent);
	list_add_tail(&types->node, &retired);
	pt_types_reap();
}

/* The names are copied: the vendor may be gone before the type is. */
static int pt_types_add(struct pt_types *types, const char *sysfs_name,
			const char *pretty_name, bool is_pf,
			const struct mdev_pt_vendor_driver *vendor)
{
	struct pt_type *type = &types->type[types->count];

	type->mdev_type.sysfs_name = kstrdup(sysfs_name, GFP_KERNEL);
	type->mdev_type.pretty_name = kstrdup(pretty_name, GFP_KERNEL);
	types->mdev_types[types->count++] = &type->mdev_type;
	type->is_pf = is_pf;
	type->has_vendor = vendor;
	type->vendor = vendor;
	return type->mdev_type.sysfs_name && type->mdev_type.pretty_name ?
	       0 : -ENOMEM;
}

/* Has the vendor accepted one of the functions, or might it accept a VF? */
static bool pt_parent_has_vendor(struct pt_parent *parent,
				 const struct mdev_pt_vendor_driver *vendor)
{
	struct pci_dev *pdev = parent->pdev;
	struct pt_function *fn;

	list_for_each_entry(fn, &parent->functions, node) {
		if (pt_function_offer(fn, vendor))
			return true;
	}
	return parent->vf_device &&
	       mdev_pt_vendor_knows(vendor, pdev->vendor, parent->vf_device,
				    pdev->class);
}

struct pt_types_build {
	struct pt_parent *parent;
	struct pt_types *types;
	unsigned int room;
};

static int count_vendor(const struct mdev_pt_vendor_driver *vendor, void *data)
{
	struct pt_types_build *build = data;

	build->room += pt_parent_has_vendor(build->parent, vendor);
	return 0;
}

static int add_vendor(const struct mdev_pt_vendor_driver *vendor, void *data)
{
	struct pt_types_build *build = data;

	if (!pt_parent_has_vendor(build->parent, vendor))
		return 0;
	/* One that came after the count is announced, and then found. */
	if (build->types->count == build->room)
		return 0;
	return pt_types_add(build->types, vendor->type, vendor->name, false,
			    vendor);
}

/* The types that the parent should have now, or an ERR_PTR */
static struct pt_types *pt_types_make(struct pt_parent *parent)
{
	bool is_pf = parent->pdev->is_physfn;
	struct pt_types_build build = {
		.parent = parent,
		.room = is_pf ? 2 : 1,
	};
	struct pt_types *types;
	int ret;

	mdev_pt_visit_vendors(count_vendor, &build);
	types = kzalloc(struct_size(types, type, build.room) +
			build.room * sizeof(*types->mdev_types), GFP_KERNEL);
	if (!types)
		return ERR_PTR(-ENOMEM);
	types->parent = parent;
	types->mdev_types = (struct mdev_type **)&types->type[build.room];
	build.types = types;

	ret = pt_types_add(types, "pci", "Whole PCI function", false, NULL);
	if (!ret && is_pf)
		ret = pt_types_add(types, "pf", "Whole PCI physical function",
				   true, NULL);
	if (!ret)
		ret = mdev_pt_visit_vendors(add_vendor, &build);
	if (ret) {
		pt_types_free(types);
		return ERR_PTR(ret);
	}
	return types;
}

static bool pt_types_are_equal(struct pt_types *a, struct pt_types *b)
{
	unsigned int i;

	if (!a || a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++) {
		if (a->type[i].vendor != b->type[i].vendor ||
		    strcmp(a->type[i].mdev_type.sysfs_name,
			   b->type[i].mdev_type.sysfs_name))
			return false;
	}
	return true;
}

static int pt_types_register(struct pt_parent *parent, struct pt_types *types)
{
	unsigned int i;
	int ret;

	ret = mdev_register_parent(&types->mdev_parent, &parent->pdev->dev,
				   &pt_mdev_driver, types->mdev_types,
				   types->count);
	if (ret) {
		pci_err(parent->pdev, "can't become an mdev parent (%d)\n",
			ret);
		pt_types_free(types);
		return ret;
	}
	for (i = 0; i < types->count; i++)
		kobject_get(&types->type[i].mdev_type.kobj);
	types->registered = true;
	parent->types = types;
	return 0;
}

/*
 * Bring the types of a parent up to date; no mdev is created meanwhile. With an
 * mdev in the way it is stale, and stays as it is.
 */
int pt_parent_update_types(struct pt_parent *parent)
{
	struct pt_types *types;
	struct pt_function *fn;
	int ret = 0;

	lockdep_assert_held(&pt_types_lock);

	mutex_lock(&parent->lock);
	parent->stale = parent->mdevs;
	parent->changing = !parent->stale;
	mutex_unlock(&parent->lock);
	if (parent->stale)
		return 0;

	list_for_each_entry(fn, &parent->functions, node)
		pt_function_ask_vendors(fn);

	types = pt_types_make(parent);
	if (IS_ERR(types)) {
		ret = PTR_ERR(types);
		pci_err(parent->pdev, "no memory for its mdev types: bind it again (%d)\n",
			ret);
	} else if (pt_types_are_equal(parent->types, types)) {
		pt_types_free(types);
	} else {
		if (parent->types)
			pt_types_retire(parent->types);
		parent->types = NULL;
		ret = pt_types_register(parent, types);
	}

	mutex_lock(&parent->lock);
	parent->changing = false;
	mutex_unlock(&parent->lock);
	return ret;
}

/* The parent goes away, and with it all its mdevs. */
void pt_parent_drop_types(struct pt_parent *parent)
{
	lockdep_assert_held(&pt_types_lock);

	if (parent->types)
		pt_types_retire(parent->types);
	parent->types = NULL;
}

/* Waits for the last refused creator. */
void pt_types_exit(void)
{
	bool done;

	do {
		mutex_lock(&pt_types_lock);
		done = pt_types_reap();
		mutex_unlock(&pt_types_lock);
		cond_resched();
	} while (!done);
}
