// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "edu.h"

#define ALIASES "/run/modprobe.d/mdev-pt-test.conf"

int module_load(const char *module)
{
	char command[96];

	snprintf(command, sizeof(command), "modprobe %s", module);
	return system(command) ? -ENOENT : 0;
}

int module_unload(const char *module)
{
	char command[96];

	snprintf(command, sizeof(command), "rmmod %s 2>/dev/null", module);
	return system(command) ? -EBUSY : 0;
}

int module_references(const char *module)
{
	char path[SYSFS_PATH], value[16];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	return sysfs_read(path, value, sizeof(value)) < 0 ? -1 : atoi(value);
}

int edu_has_type(struct edu *edu, const char *type)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/mdev_supported_types/%s", edu->bdf, type);
	return sysfs_exists(path);
}

int edu_type_appears(struct edu *edu, const char *type)
{
	long end = now_ms() + 60000;

	while (!edu_has_type(edu, type) && now_ms() < end)
		usleep(1000);
	return edu_has_type(edu, type);
}

int vendor_fail(const char *op)
{
	return sysfs_write("/sys/module/pt_test/parameters/fail", op);
}

void vendor_clear_calls(void)
{
	sysfs_write("/sys/module/pt_test/parameters/calls", "0");
}

int vendor_calls(const char *op)
{
	char text[512], line[40], *at;

	if (sysfs_read("/sys/module/pt_test/parameters/calls", text,
		       sizeof(text)) <= 0)
		return -1;
	snprintf(line, sizeof(line), "%s ", op);
	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, line, strlen(line)))
			return atoi(at + strlen(line));
	}
	return -1;
}

int vendor_alias(const char *alias, const char *module)
{
	FILE *file;

	mkdir("/run/modprobe.d", 0755);
	file = fopen(ALIASES, "we");
	if (!file)
		return -errno;
	fprintf(file, "alias %s %s\n", alias, module);
	if (strcmp(alias, EDU_ALIAS))
		fprintf(file, "alias %s off\n", EDU_ALIAS);
	return fclose(file) ? -errno : 0;
}

void vendor_no_alias(void)
{
	unlink(ALIASES);
}

int edu_bind(struct edu *edu)
{
	int ret;

	memset(&edu->user, -1, sizeof(edu->user));
	uuid_make(edu->uuid);
	ret = pci_find(EDU_VENDOR, EDU_DEVICE, 0, edu->bdf);
	if (ret)
		return ret;
	return vendor_alias(EDU_ALIAS, "off") ? :
	       module_load("-a mdev_pt vfio-pci pt_test") ? :
	       vendor_fail("none") ? :
	       pci_bind(edu->bdf, "pt");
}

int edu_unbind(struct edu *edu)
{
	int ret = 0;

	vfio_close(&edu->user);
	if (mdev_exists(edu->uuid))
		mdev_remove(edu->uuid);
	pci_bind(edu->bdf, NULL);
	vendor_no_alias();
	if (sysfs_exists("/sys/module/pt_test_other"))
		ret = module_unload("pt_test_other");
	return module_unload("pt_test") ? : ret;
}

int edu_create(struct edu *edu, const char *type)
{
	return mdev_create(edu->bdf, type, edu->uuid);
}

int edu_open(struct edu *edu)
{
	return vfio_open_group(&edu->user, edu->bdf, edu->uuid);
}

int edu_create_and_open(struct edu *edu, const char *type)
{
	return edu_create(edu, type) ? : edu_open(edu);
}
