// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"
#include "view.h"

void record_host(struct view *v, bool idle, const char *when)
{
	static const char *const attrs[] = {
		"power/runtime_status", "power_state", "enable", "reset_method",
		"msi_bus", "d3cold_allowed",
	};
	char value[64];
	size_t i;
	int ret;

	for (i = 0; idle && i < 50; i++) {
		ret = pci_attr_read(v->bdf, attrs[0], value, sizeof(value));
		if (ret < 0 || !strcmp(value, "suspended"))
			break;
		usleep(10000);
	}
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		memset(value, 0, sizeof(value));
		ret = pci_attr_read(v->bdf, attrs[i], value, sizeof(value));
		record_values(v->s, ret, value, sizeof(value), 1, 1, "%s %s",
			      attrs[i], when);
	}
}

void record_host_config(struct view *v, const char *when)
{
	char path[SYSFS_PATH];
	uint8_t config[4096] = { 0 };
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", v->bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -errno : read(fd, config, sizeof(config));
	record_values(v->s, len, config, sizeof(config), 1, 1,
		      "host's config space %s", when);
	close(fd);
}
