/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function under test: taken from its driver, offered through vfio-pci
 * or through "pt", and given back
 *
 * Every function returns 0 or -errno.
 */
#ifndef _SELFTESTS_FUNCTION_H
#define _SELFTESTS_FUNCTION_H

#include <stdbool.h>

#include "sysfs.h"

/*
 * @vendor, @device: of the PF, or of the function itself
 * @vf: the function under test is the first VF
 * @pf_driver: what the PF is bound to while a VF is under test
 */
struct function_kind {
	const char *name;
	uint16_t vendor;
	uint16_t device;
	bool vf;
	const char *pf_driver;
};

/* Of the lab */
extern const struct function_kind igb_vf_kind, igb_pf_kind;
extern const struct function_kind virtio_net_vf_kind;
extern const struct function_kind nvme_vf_kind, nvme_kind;
extern const struct function_kind vga_kind;

/*
 * @name: by which VFIO_GROUP_GET_DEVICE_FD knows the function while it is
 * offered: its PCI address or the mdev's UUID
 */
struct function {
	char pf[BDF_LEN];
	char bdf[BDF_LEN];
	char uuid[UUID_LEN];
	const char *name;
	bool vf;
};

/* vfio-pci and "pt": without them nothing can be told about the kernel. */
int function_load_drivers(void);

/*
 * Make the function be there, with its PF's driver; quick when that is so
 * already. -ENODEV: there is no such device here.
 */
int function_take(struct function *f, const struct function_kind *kind);
/* @driver: "vfio-pci" or "pt", which gets an mdev too; ends an earlier offer */
int function_offer(struct function *f, const char *driver);
/* Through "pt", with an mdev of the function's own of that type */
int function_offer_type(struct function *f, const char *type);
/* Also unbinds. */
int function_withdraw(struct function *f);
/* One VF, without a driver unless the PF is bound to "pt" */
int function_enable_vf(const char *pf);
/* After the last test: no VFs, and the driver that the kernel would choose. */
int function_give_back(const struct function_kind *kind);

#endif /* _SELFTESTS_FUNCTION_H */
