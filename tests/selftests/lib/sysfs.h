/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI functions, driver "pt" and mediated devices through sysfs
 *
 * Every function returns 0, or a value where one is named, or -errno.
 */
#ifndef _SELFTESTS_SYSFS_H
#define _SELFTESTS_SYSFS_H

#include <stddef.h>
#include <stdint.h>

#define BDF_LEN		13	/* "0000:00:00.0" with its NUL */
#define UUID_LEN	37

/* 256 bytes are enough for any path that these functions build. */
#define SYSFS_PATH	256

int sysfs_write(const char *path, const char *value);
/* The content without the trailing newline; returns its length. */
int sysfs_read(const char *path, char *buf, size_t len);
/* The last part of what a link points to; returns its length. */
int sysfs_link(const char *path, char *buf, size_t len);
int sysfs_exists(const char *path);

/* Through driver_override; NULL unbinds and clears it. */
int pci_bind(const char *bdf, const char *driver);
/* The driver's name, or "" and 0 when the function has none. */
int pci_driver(const char *bdf, char *driver, size_t len);
int pci_attr_write(const char *bdf, const char *attr, const char *value);
int pci_attr_read(const char *bdf, const char *attr, char *buf, size_t len);
/* Returns the IOMMU group's number. */
int pci_group(const char *bdf);
/* From another number of VFs it goes by way of 0, as the kernel demands. */
int pci_set_vfs(const char *pf, unsigned int n);
int pci_vf(const char *pf, unsigned int i, char *bdf);
/* The nth function with these IDs, by address; -ENODEV if there is none. */
int pci_find(uint16_t vendor, uint16_t device, unsigned int nth, char *bdf);

int mdev_create(const char *parent_bdf, const char *type, const char *uuid);
int mdev_remove(const char *uuid);
/* Returns the number. */
int mdev_available(const char *parent_bdf, const char *type);
int mdev_exists(const char *uuid);
/* Where a link of the mdev leads; returns the length. */
int mdev_link(const char *uuid, const char *link, char *buf, size_t len);

/* A random (version 4) UUID, UUID_LEN bytes with the NUL. */
void uuid_make(char *uuid);

#endif /* _SELFTESTS_SYSFS_H */
