/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's edu device under the vendors of tests/modules/
 *
 * Every function returns 0 or -errno, unless it says otherwise.
 */
#ifndef _SELFTESTS_EDU_H
#define _SELFTESTS_EDU_H

#include "sysfs.h"
#include "vfio.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_ALIAS	"mdev-pt:1234-11e8"

/* Seconds; a kernel that checks everything is slow. */
#define EDU_SECONDS	300

struct edu {
	char bdf[BDF_LEN];
	char uuid[UUID_LEN];
	struct vfio_user user;
};

/* "-a" for more than one */
int module_load(const char *module);
/* As rmmod does, so that a reference shows as -EBUSY */
int module_unload(const char *module);
/* Their number, or -1 */
int module_references(const char *module);

/* Have one op of pt_test fail; "none" */
int vendor_fail(const char *op);
void vendor_clear_calls(void);
/* How often the op was called since then */
int vendor_calls(const char *op);
/* A plain modprobe file; a device alias hides the sample's, for the same device. */
int vendor_alias(const char *alias, const char *module);
void vendor_no_alias(void);

/* Loads pt_test and binds the device; -ENODEV: there is none here. */
int edu_bind(struct edu *edu);
/* Also closes and removes what there is, and unloads the vendors. */
int edu_unbind(struct edu *edu);
int edu_create(struct edu *edu, const char *type);
int edu_open(struct edu *edu);
int edu_create_and_open(struct edu *edu, const char *type);
/* 1 or 0 */
int edu_has_type(struct edu *edu, const char *type);
/* The same, for what a worker does */
int edu_type_appears(struct edu *edu, const char *type);

#endif /* _SELFTESTS_EDU_H */
