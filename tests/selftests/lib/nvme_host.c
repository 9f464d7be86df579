// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "function.h"
#include "nvme_host.h"

int nvme_controller(const char *bdf, char *name, size_t len, char *serial,
		    size_t serial_len)
{
	char path[SYSFS_PATH], state[16] = "";
	long end = now_ms() + 10000;
	glob_t found;
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme/nvme*", bdf);
	ret = glob(path, 0, NULL, &found);
	if (ret)
		return -ENOENT;
	snprintf(name, len, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);

	snprintf(path, sizeof(path), "/sys/class/nvme/%.16s/state", name);
	while (sysfs_read(path, state, sizeof(state)) < 0 ||
	       strcmp(state, "live")) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(10000);
	}

	snprintf(path, sizeof(path), "/sys/class/nvme/%.16s/serial", name);
	ret = sysfs_read(path, serial, serial_len);
	while (ret > 0 && serial[ret - 1] == ' ')
		serial[--ret] = '\0';
	return ret < 0 ? ret : 0;
}

/* Virtualization Management (NVMe 1.4, 5.22) */
static int virt_mgmt(int fd, unsigned int controller, unsigned int resource,
		     unsigned int action, unsigned int number)
{
	struct nvme_admin_cmd cmd = {
		.opcode = 0x1c,
		.cdw10 = controller << 16 | resource << 8 | action,
		.cdw11 = number,
	};
	int ret = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);

	return ret < 0 ? -errno : ret ? -EIO : 0;
}

#define QUEUES			0
#define INTERRUPTS		1
#define PRIMARY_FLEXIBLE	1
#define SECONDARY_ASSIGN	8
#define SECONDARY_ONLINE	9

int nvme_vf_online(const char *pf, const char *name)
{
	char path[SYSFS_PATH];
	int fd, ret;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	/* With what the PF gives away, which takes effect at a reset. */
	ret = pci_set_vfs(pf, 0);
	if (!ret)
		ret = virt_mgmt(fd, 0, INTERRUPTS, PRIMARY_FLEXIBLE, 0);
	if (!ret)
		ret = virt_mgmt(fd, 0, QUEUES, PRIMARY_FLEXIBLE, 0);
	if (!ret && ioctl(fd, NVME_IOCTL_RESET) < 0)
		ret = -errno;
	if (!ret)
		ret = function_enable_vf(pf);
	if (!ret)
		ret = virt_mgmt(fd, 1, INTERRUPTS, SECONDARY_ASSIGN, 1);
	if (!ret)
		ret = virt_mgmt(fd, 1, QUEUES, SECONDARY_ASSIGN, 2);
	if (!ret)
		ret = virt_mgmt(fd, 1, 0, SECONDARY_ONLINE, 0);
	close(fd);
	return ret;
}
