// SPDX-License-Identifier: GPL-2.0-only
/* PCI functions, driver "pt" and mediated devices through sysfs */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "sysfs.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define MDEV_DEVICES	"/sys/bus/mdev/devices"

/* How long a driver of its own may keep a function that another is to have */
#define BIND_MS		10000L

int sysfs_write(const char *path, const char *value)
{
	size_t len = strlen(value);
	ssize_t done;
	int fd, ret;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	done = write(fd, value, len);
	ret = done < 0 ? -errno : (size_t)done == len ? 0 : -EIO;
	close(fd);
	return ret;
}

int sysfs_read(const char *path, char *buf, size_t len)
{
	ssize_t done;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	done = read(fd, buf, len - 1);
	ret = done < 0 ? -errno : (int)done;
	close(fd);
	if (ret < 0)
		return ret;

	if (ret && buf[ret - 1] == '\n')
		ret--;
	buf[ret] = '\0';
	return ret;
}

int sysfs_link(const char *path, char *buf, size_t len)
{
	char target[4096];
	const char *name;
	ssize_t done;

	done = readlink(path, target, sizeof(target) - 1);
	if (done < 0)
		return -errno;

	target[done] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) >= len)
		return -ENAMETOOLONG;
	strcpy(buf, name);
	return strlen(name);
}

int sysfs_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void path_of(char *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void path_of(char *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(path, SYSFS_PATH, format, args);
	va_end(args);
}

int pci_attr_write(const char *bdf, const char *attr, const char *value)
{
	char path[SYSFS_PATH];

	path_of(path, PCI_DEVICES "/%s/%s", bdf, attr);
	return sysfs_write(path, value);
}

int pci_attr_read(const char *bdf, const char *attr, char *buf, size_t len)
{
	char path[SYSFS_PATH];

	path_of(path, PCI_DEVICES "/%s/%s", bdf, attr);
	return sysfs_read(path, buf, len);
}

int pci_driver(const char *bdf, char *driver, size_t len)
{
	char path[SYSFS_PATH];
	int ret;

	path_of(path, PCI_DEVICES "/%s/driver", bdf);
	ret = sysfs_link(path, driver, len);
	if (ret != -ENOENT)
		return ret;

	path_of(path, PCI_DEVICES "/%s", bdf);
	if (!sysfs_exists(path))
		return -ENODEV;
	driver[0] = '\0';
	return 0;
}

static int unbind_other(const char *bdf, const char *driver)
{
	char bound[64];
	int ret;

	ret = pci_driver(bdf, bound, sizeof(bound));
	if (ret <= 0)
		return ret;
	if (driver && !strcmp(bound, driver))
		return 1;
	ret = pci_attr_write(bdf, "driver/unbind", bdf);
	/* Somebody else was quicker. */
	return ret == -ENODEV || ret == -ENOENT ? 0 : ret;
}

/*
 * Again and again: a driver that probes asynchronously (nvme) can have matched
 * before the override was there, and have the function for a while after it,
 * whether it binds in the end or not.
 */
int pci_bind(const char *bdf, const char *driver)
{
	long end = now_ms() + BIND_MS;
	int ret;

	/* A newline alone clears it: an empty write never reaches sysfs. */
	ret = pci_attr_write(bdf, "driver_override", driver ? driver : "\n");
	if (ret)
		return ret;

	ret = unbind_other(bdf, driver);
	while (!ret && driver && now_ms() < end) {
		/* The driver's own errno comes from bind alone. */
		ret = sysfs_write("/sys/bus/pci/drivers_probe", bdf);
		if (!ret)
			ret = unbind_other(bdf, driver);
		if (!ret)
			usleep(10000);
	}
	if (ret > 0)
		return 0;
	if (!driver)
		return ret;
	fprintf(stderr, "# %s is not bound to %s after %ld ms (%d)\n", bdf,
		driver, BIND_MS, ret);
	return ret ? ret : -ENODEV;
}

int pci_group(const char *bdf)
{
	char path[SYSFS_PATH], group[16];
	int ret;

	path_of(path, PCI_DEVICES "/%s/iommu_group", bdf);
	ret = sysfs_link(path, group, sizeof(group));
	return ret < 0 ? ret : atoi(group);
}

int pci_set_vfs(const char *pf, unsigned int n)
{
	char value[16];
	int ret;

	snprintf(value, sizeof(value), "%u", n);
	ret = pci_attr_write(pf, "sriov_numvfs", value);
	if (ret != -EBUSY || !n)
		return ret;

	/* The kernel goes from one number to another only by way of 0. */
	ret = pci_attr_write(pf, "sriov_numvfs", "0");
	return ret ? ret : pci_attr_write(pf, "sriov_numvfs", value);
}

int pci_vf(const char *pf, unsigned int i, char *bdf)
{
	char path[SYSFS_PATH];
	int ret;

	path_of(path, PCI_DEVICES "/%s/virtfn%u", pf, i);
	ret = sysfs_link(path, bdf, BDF_LEN);
	return ret < 0 ? ret : 0;
}

static int pci_id(const char *bdf, const char *attr)
{
	char value[16];
	int ret;

	ret = pci_attr_read(bdf, attr, value, sizeof(value));
	return ret < 0 ? ret : (int)strtol(value, NULL, 16);
}

int pci_find(uint16_t vendor, uint16_t device, unsigned int nth, char *bdf)
{
	struct dirent **entries;
	int n, i, ret = -ENODEV;

	n = scandir(PCI_DEVICES, &entries, NULL, alphasort);
	if (n < 0)
		return -errno;

	for (i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (ret && name[0] != '.' && pci_id(name, "vendor") == vendor &&
		    pci_id(name, "device") == device && nth-- == 0 &&
		    strlen(name) < BDF_LEN) {
			strcpy(bdf, name);
			ret = 0;
		}
		free(entries[i]);
	}
	free(entries);
	return ret;
}

int mdev_create(const char *parent_bdf, const char *type, const char *uuid)
{
	char path[SYSFS_PATH];

	path_of(path, PCI_DEVICES "/%s/mdev_supported_types/%s/create",
		parent_bdf, type);
	return sysfs_write(path, uuid);
}

int mdev_remove(const char *uuid)
{
	char path[SYSFS_PATH];

	path_of(path, MDEV_DEVICES "/%s/remove", uuid);
	return sysfs_write(path, "1");
}

int mdev_available(const char *parent_bdf, const char *type)
{
	char path[SYSFS_PATH], value[16];
	int ret;

	path_of(path,
		PCI_DEVICES "/%s/mdev_supported_types/%s/available_instances",
		parent_bdf, type);
	ret = sysfs_read(path, value, sizeof(value));
	return ret < 0 ? ret : atoi(value);
}

int mdev_exists(const char *uuid)
{
	char path[SYSFS_PATH];

	path_of(path, MDEV_DEVICES "/%s", uuid);
	return sysfs_exists(path);
}

int mdev_link(const char *uuid, const char *link, char *buf, size_t len)
{
	char path[SYSFS_PATH];

	path_of(path, MDEV_DEVICES "/%s/%s", uuid, link);
	return sysfs_link(path, buf, len);
}

void uuid_make(char *uuid)
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(uuid, UUID_LEN,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}
