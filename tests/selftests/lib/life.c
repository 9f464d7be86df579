// SPDX-License-Identifier: GPL-2.0-only

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "life.h"

int pci_rescan(void)
{
	return sysfs_write("/sys/bus/pci/rescan", "1");
}

int load_modules(void)
{
	return system("modprobe -a mdev_pt vfio-pci");
}

int unload_module(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

void remove_mdevs(void)
{
	struct dirent *entry;
	DIR *dir;

	dir = opendir("/sys/bus/mdev/devices");
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			mdev_remove(entry->d_name);
	}
	closedir(dir);
}

void give_back(const char *bdf)
{
	pci_bind(bdf, NULL);
	sysfs_write("/sys/bus/pci/drivers_probe", bdf);
}

int find_pf(uint16_t vendor, uint16_t device, char *pf)
{
	char value[16];
	unsigned int i;

	for (i = 0; !pci_find(vendor, device, i, pf); i++) {
		if (pci_attr_read(pf, "sriov_totalvfs", value,
				  sizeof(value)) > 0)
			return 0;
	}
	return -ENODEV;
}

int type_attr(const char *parent, const char *type, const char *attr,
	      char *buf, size_t len)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "mdev_supported_types/%s/%s", type, attr);
	return pci_attr_read(parent, path, buf, len);
}

int type_names(const char *parent, char *names, size_t len)
{
	struct dirent **entries;
	char path[SYSFS_PATH];
	int i, n;

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/mdev_supported_types", parent);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return -errno;

	names[0] = '\0';
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			strncat(names, entries[i]->d_name,
				len - strlen(names) - 1);
			strncat(names, " ", len - strlen(names) - 1);
		}
		free(entries[i]);
	}
	free(entries);
	return 0;
}

/* Do both paths exist, and are they the same file? */
static bool same_file(const char *a, const char *b)
{
	char real_a[PATH_MAX], real_b[PATH_MAX];

	return realpath(a, real_a) && realpath(b, real_b) &&
	       !strcmp(real_a, real_b);
}

bool mdev_leads_to(const char *uuid, const char *link, const char *bdf,
		   const char *target)
{
	char a[SYSFS_PATH], b[SYSFS_PATH];

	snprintf(a, sizeof(a), "/sys/bus/mdev/devices/%s/%s", uuid, link);
	snprintf(b, sizeof(b), "/sys/bus/pci/devices/%s/%s", bdf, target);
	return same_file(a, b);
}

int num_vfs(const char *pf)
{
	char value[16];
	int ret;

	ret = pci_attr_read(pf, "sriov_numvfs", value, sizeof(value));
	return ret < 0 ? ret : atoi(value);
}

bool bound_to(const char *bdf, const char *driver)
{
	char name[64];

	return pci_driver(bdf, name, sizeof(name)) >= 0 &&
	       !strcmp(name, driver);
}
