// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bound function and its VFIO device
 *
 * The VFIO device comes and goes under the device lock of the PCI function:
 * vfio-pci-core asserts it, and the PCI error handler and sriov_configure rely
 * on it.  Two sides want to end it:
 *
 *   - the mdev's remove, which the mdev core calls with the parent's unreg_sem
 *     held for reading;
 *   - the PCI driver's remove(), which runs with the device lock held and then
 *     takes unreg_sem for writing, in mdev_unregister_parent().
 *
 * If the first waited for the device lock, they would wait for each other.  So
 * it leaves the work to a worker and waits until the worker has done it or
 * until remove() has: remove() ends the VFIO device itself, says so (@gone),
 * and only then goes for unreg_sem.  The mdev's create does the same.
 */

#include <linux/device.h>
#include <linux/slab.h>

#include "pt.h"

static struct workqueue_struct *pt_wq;

int pt_function_init(void)
{
	/* Unbound: a request may wait long for a user to let go. */
	pt_wq = alloc_workqueue("mdev_pt", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return pt_wq ? 0 : -ENOMEM;
}

/* Waits for requests that remove() has overtaken. */
void pt_function_exit(void)
{
	destroy_workqueue(pt_wq);
}

static void pt_function_release(struct kref *ref)
{
	struct pt_function *fn = container_of(ref, struct pt_function, ref);

	pci_dev_put(fn->pdev);
	kfree(fn);
}

void pt_function_get(struct pt_function *fn)
{
	kref_get(&fn->ref);
}

void pt_function_put(struct pt_function *fn)
{
	kref_put(&fn->ref, pt_function_release);
}

static void pt_function_carry_out(struct pt_function *fn)
{
	struct mdev_pt_device *dev;

	device_lock_assert(&fn->pdev->dev);

	switch (fn->request) {
	case PT_ATTACH:
		dev = mdev_pt_device_create(fn->pdev, fn->holder, fn->offer);
		fn->dev = IS_ERR(dev) ? NULL : dev;
		fn->result = PTR_ERR_OR_ZERO(dev);
		break;
	case PT_DETACH:
		mdev_pt_device_destroy(fn->dev);
		fn->dev = NULL;
		fn->result = 0;
		break;
	}
}

static void pt_function_work(struct work_struct *work)
{
	struct pt_function *fn = container_of(work, struct pt_function, work);

	device_lock(&fn->pdev->dev);
	/* Once it is gone nobody waits for us any more, and @holder may be freed. */
	if (!fn->gone)
		pt_function_carry_out(fn);
	device_unlock(&fn->pdev->dev);

	/*
	 * Only now: opening the device fails while its lock is held, and whoever
	 * we wake may open it at once.  Pairs with pt_function_settled().
	 */
	smp_store_release(&fn->done, true);
	wake_up_all(&fn->wait);
	pt_function_put(fn);
}

/* The request was carried out, or never will be. */
static bool pt_function_settled(struct pt_function *fn)
{
	/* pairs with pt_function_work() and pt_function_unbind() */
	return smp_load_acquire(&fn->done) || smp_load_acquire(&fn->gone);
}

static int pt_function_call(struct pt_function *fn, enum pt_request request)
{
	if (READ_ONCE(fn->gone))
		return -ENODEV;

	fn->request = request;
	fn->result = -ENODEV;	/* if the worker comes too late */
	fn->done = false;
	pt_function_get(fn);
	queue_work(pt_wq, &fn->work);

	/* Idle: not a hung task, however long the user holds on. */
	wait_event_idle(fn->wait, pt_function_settled(fn));

	return fn->result;
}

/*
 * Register the VFIO device for the holder.  -ENODEV when the function is being
 * unbound, else what mdev_pt_device_create() returns.
 */
int pt_function_attach(struct pt_function *fn)
{
	return pt_function_call(fn, PT_ATTACH);
}

/* Unregister it, after the user let go; the holder must have attached it. */
void pt_function_detach(struct pt_function *fn)
{
	pt_function_call(fn, PT_DETACH);
}

static void pt_function_devres_release(struct device *dev, void *res)
{
	pt_function_put(*(struct pt_function **)res);
}

/*
 * The function of a device that is bound to us, or NULL.  Kept as a device
 * resource because the drvdata belongs to vfio-pci-core.
 */
struct pt_function *pt_function_of(struct pci_dev *pdev)
{
	struct pt_function **res;

	res = devres_find(&pdev->dev, pt_function_devres_release, NULL, NULL);
	return res ? *res : NULL;
}

/* Called by the PCI driver's probe(); undone when the device is unbound. */
struct pt_function *pt_function_bind(struct pci_dev *pdev)
{
	struct pt_function **res;
	struct pt_function *fn;

	res = devres_alloc(pt_function_devres_release, sizeof(*res),
			   GFP_KERNEL);
	if (!res)
		return ERR_PTR(-ENOMEM);

	fn = kzalloc(sizeof(*fn), GFP_KERNEL);
	if (!fn) {
		devres_free(res);
		return ERR_PTR(-ENOMEM);
	}

	kref_init(&fn->ref);
	fn->pdev = pci_dev_get(pdev);
	INIT_LIST_HEAD(&fn->node);
	INIT_LIST_HEAD(&fn->offers);
	INIT_WORK(&fn->work, pt_function_work);
	init_waitqueue_head(&fn->wait);

	*res = fn;
	devres_add(&pdev->dev, res);
	return fn;
}

/*
 * Called by the PCI driver's remove(), with the device lock held: ends the
 * VFIO device, after the user let go, and releases whoever waits for us.
 */
void pt_function_unbind(struct pt_function *fn)
{
	device_lock_assert(&fn->pdev->dev);

	if (fn->dev) {
		mdev_pt_device_destroy(fn->dev);
		fn->dev = NULL;
	}

	/* pairs with pt_function_settled(): the VFIO device has ended first */
	smp_store_release(&fn->gone, true);
	wake_up_all(&fn->wait);
}
