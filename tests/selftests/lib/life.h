/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a function and of its mdev: what tests look at, and how they get
 * back to a known state
 *
 * Every function returns 0, or a value where one is named, or -errno.
 */
#ifndef _SELFTESTS_LIFE_H
#define _SELFTESTS_LIFE_H

#include <stdbool.h>

#include "sysfs.h"

/* Seconds; much more than anything takes, in an emulated machine too */
#define PATIENCE	60
#define TEST_SECONDS	180

int load_modules(void);
int unload_module(const char *module);

/* Whatever an earlier test left behind */
void remove_mdevs(void);
/* Back to the driver that the kernel would have chosen */
void give_back(const char *bdf);
/* Also finds what was removed. */
int pci_rescan(void);

int find_pf(uint16_t vendor, uint16_t device, char *pf);
/* sriov_numvfs as it reads */
int num_vfs(const char *pf);
/* "": to none */
bool bound_to(const char *bdf, const char *driver);

/* The length of what the attribute says */
int type_attr(const char *parent, const char *type, const char *attr,
	      char *buf, size_t len);
/* The names in mdev_supported_types, in order, with a space after each */
int type_names(const char *parent, char *names, size_t len);
/* Is the mdev's link there, and the same file as @target of the function? */
bool mdev_leads_to(const char *uuid, const char *link, const char *bdf,
		   const char *target);

#endif /* _SELFTESTS_LIFE_H */
