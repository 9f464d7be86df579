// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI driver "pt": claims functions, by driver_override only
 */

#include <linux/module.h>
#include <linux/notifier.h>

#include "compat.h"
#include "pt.h"

static bool disable_denylist;
module_param(disable_denylist, bool, 0444);
MODULE_PARM_DESC(disable_denylist,
		 "Allow functions whose errata make them unsafe in untrusted hands, as vfio-pci's parameter of this name does");

/* The functions that vfio-pci refuses */
static const struct pci_device_id pt_denylist[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_DSA_SPR0) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_IAX_SPR0) },
	{}
};

static int pt_check(struct pci_dev *pdev)
{
	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL) {
		pci_err(pdev, "is a bridge: only functions can be passed through\n");
		return -EINVAL;
	}

	if (pci_match_id(pt_denylist, pdev)) {
		if (!disable_denylist) {
			pci_err(pdev, "has errata that make it unsafe in untrusted hands: load mdev_pt with disable_denylist=1 to allow it\n");
			return -EINVAL;
		}
		pci_warn(pdev, "has errata that make it unsafe in untrusted hands: allowed by disable_denylist\n");
	}

	if (pci_num_vf(pdev)) {
		pci_err(pdev, "has VFs of another driver enabled: write 0 to sriov_numvfs before binding\n");
		return -EBUSY;
	}

	return 0;
}

static int pt_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct pt_parent *pool = NULL;
	struct pt_function *fn;
	int ret;

	ret = pt_check(pdev);
	if (ret)
		return ret;

	fn = pt_function_bind(pdev);
	if (IS_ERR(fn))
		return PTR_ERR(fn);

	if (pdev->is_virtfn)
		pool = pt_parent_of(pci_physfn(pdev));
	if (!pool)
		return pt_parent_register(fn);

	pt_parent_join(pool, fn);
	return 0;
}

static void pt_remove(struct pci_dev *pdev)
{
	struct pt_parent *parent = pt_parent_of(pdev);
	struct pt_function *fn = pt_function_of(pdev);

	if (!parent) {
		pt_function_unbind(fn);
		pt_parent_leave(fn);
		return;
	}

	pt_parent_close(parent);
	pt_function_unbind(fn);
	pt_parent_unregister(parent);
}

static int pt_sriov_configure(struct pci_dev *pdev, int nr_vfs)
{
	return pt_parent_set_vfs(pt_parent_of(pdev), nr_vfs);
}

/* The error core holds the device lock, and so the VFIO device. */
static pci_ers_result_t pt_error_detected(struct pci_dev *pdev,
					  pci_channel_state_t state)
{
	if (!dev_get_drvdata(&pdev->dev))
		return PCI_ERS_RESULT_CAN_RECOVER;
	return vfio_pci_core_aer_err_detected(pdev, state);
}

static const struct pci_error_handlers pt_err_handlers = {
	.error_detected	= pt_error_detected,
	.reset_done	= mdev_pt_device_reset_done,
};

/*
 * No MODULE_DEVICE_TABLE: its "vfio_pci:" alias would offer this driver to
 * tools that look for the best replacement of vfio-pci.
 */
static const struct pci_device_id pt_id_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};

/* The name is the first part of every mdev type: "pt-pci". */
static struct pci_driver pt_driver = {
	.name			= "pt",
	.id_table		= pt_id_table,
	.probe			= pt_probe,
	.remove			= pt_remove,
	.sriov_configure	= pt_sriov_configure,
	.err_handler		= &pt_err_handlers,
	.driver_managed_dma	= true,
};

/* New VFs of a pool are ours: claim them before the driver core looks. */
static int pt_bus_notify(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	int ret;

	if (action != BUS_NOTIFY_ADD_DEVICE || !pdev->is_virtfn ||
	    pci_dev_driver(pci_physfn(pdev)) != &pt_driver)
		return NOTIFY_DONE;

	ret = mdev_pt_set_driver_override(pdev, pt_driver.name);
	if (ret)
		pci_err(pdev, "not claimed for its pool: write \"%s\" to driver_override and bind it (%d)\n",
			pt_driver.name, ret);
	return NOTIFY_OK;
}

static struct notifier_block pt_bus_notifier = {
	.notifier_call = pt_bus_notify,
};

static int __init pt_init(void)
{
	int ret;

	ret = pt_function_init();
	if (ret)
		return ret;

	ret = pt_parent_init();
	if (ret)
		goto err_function;

	ret = pt_vendors_init();
	if (ret)
		goto err_parent;

	ret = bus_register_notifier(&pci_bus_type, &pt_bus_notifier);
	if (ret)
		goto err_vendors;

	ret = pci_register_driver(&pt_driver);
	if (ret)
		goto err_notifier;

	return 0;

err_notifier:
	bus_unregister_notifier(&pci_bus_type, &pt_bus_notifier);
err_vendors:
	pt_vendors_exit();
err_parent:
	pt_parent_exit();
err_function:
	pt_function_exit();
	return ret;
}
module_init(pt_init);

static void __exit pt_exit(void)
{
	pci_unregister_driver(&pt_driver);
	bus_unregister_notifier(&pci_bus_type, &pt_bus_notifier);
	pt_vendors_exit();
	pt_parent_exit();
	pt_function_exit();
}
module_exit(pt_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Whole PCI functions as mediated devices");
MODULE_AUTHOR("The mdev-pt developers");
/* Tools load the module of a driver by the driver's name. */
MODULE_ALIAS("pt");
