// SPDX-License-Identifier: GPL-2.0-only

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>

#include "sysfs.h"
#include "vfio.h"

static int ioctl_errno(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

static int open_errno(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void vfio_user_init(struct vfio_user *u)
{
	*u = (struct vfio_user){ -1, -1, -1, -1, 0, 0 };
}

static bool in_container(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	return !ioctl(group, VFIO_GROUP_GET_STATUS, &status) &&
	       status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET;
}

/* To @u->container, or, if that is -1, to a new one of @node */
static int attach_group(struct vfio_user *u, const char *node,
			const char *function)
{
	bool is_new = u->container < 0;
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[SYSFS_PATH];
	int ret;

	ret = pci_group(function);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/%d", ret);

	if (is_new)
		u->container = open_errno(node);
	if (u->container < 0)
		return u->container;
	u->group = open_errno(path);
	if (u->group < 0)
		return u->group;

	ret = ioctl_errno(u->group, VFIO_GROUP_GET_STATUS, &status);
	if (ret)
		return ret;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;

	ret = ioctl_errno(u->group, VFIO_GROUP_SET_CONTAINER, &u->container);
	if (ret || !is_new)
		return ret;
	if (ioctl(u->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) >= 0)
		return 0;
	ret = -errno;
	/* The last device of a group takes it out of its container. */
	return ret == -EINVAL && !in_container(u->group) ? -ENODEV : ret;
}

/*
 * The kernel tries the function's lock once before it resets it, and gives up:
 * -EAGAIN. In 6.1 whoever reads its uevent file has that lock.
 */
static bool try_again(int ret, unsigned int *tries)
{
	if (ret != -EAGAIN || ++*tries > 1000)
		return false;
	usleep(1000);
	return true;
}

static int open_in_group(struct vfio_user *u, const char *node,
			 const char *function, const char *name)
{
	unsigned int tries = 0;
	int ret;

	ret = attach_group(u, node, function);
	if (!ret) {
		do {
			u->device = ioctl(u->group, VFIO_GROUP_GET_DEVICE_FD,
					  name);
			ret = u->device < 0 ? -errno : 0;
		} while (try_again(ret, &tries));
	}
	if (ret)
		vfio_close(u);
	return ret;
}

int vfio_open_group(struct vfio_user *u, const char *function,
		    const char *name)
{
	vfio_user_init(u);
	return open_in_group(u, "/dev/vfio/vfio", function, name);
}

int vfio_open_group_iommufd(struct vfio_user *u, const char *function,
			    const char *name)
{
	vfio_user_init(u);
	return open_in_group(u, "/dev/iommu", function, name);
}

int vfio_join_group(struct vfio_user *u, const struct vfio_user *other,
		    const char *function, const char *name)
{
	vfio_user_init(u);
	u->container = dup(other->container);
	return u->container < 0 ? -errno :
	       open_in_group(u, NULL, function, name);
}

/* /dev/vfio/devices/vfioN: the only entry in the function's, or mdev's, vfio-dev */
int vfio_cdev(const char *name)
{
	char path[SYSFS_PATH], node[SYSFS_PATH] = "";
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/vfio-dev",
		 strlen(name) < UUID_LEN - 1 ? "pci" : "mdev", name);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(node, sizeof(node), "/dev/vfio/devices/%.32s",
				 entry->d_name);
	}
	closedir(dir);
	return *node ? open_errno(node) : -ENODEV;
}

int vfio_ioas_new(struct vfio_user *u, uint32_t *ioas)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret = ioctl_errno(u->iommufd, IOMMU_IOAS_ALLOC, &alloc);

	*ioas = alloc.out_ioas_id;
	return ret;
}

int vfio_page_tables_new(struct vfio_user *u, uint32_t ioas, uint32_t *pt)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.dev_id = u->id,
		.pt_id = ioas,
	};
	int ret = ioctl_errno(u->iommufd, IOMMU_HWPT_ALLOC, &alloc);

	*pt = alloc.out_hwpt_id;
	return ret;
}

int vfio_iommufd_destroy(struct vfio_user *u, uint32_t id)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = id };

	return ioctl_errno(u->iommufd, IOMMU_DESTROY, &destroy);
}

int vfio_attach(struct vfio_user *u, uint32_t pt)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = pt,
	};

	return ioctl_errno(u->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

int vfio_detach(struct vfio_user *u)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
	};

	return ioctl_errno(u->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

static int bind_iommufd(struct vfio_user *u)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = u->iommufd,
	};
	int ret = ioctl_errno(u->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);

	u->id = bind.out_devid;
	return ret;
}

int vfio_open_cdev(struct vfio_user *u, const char *name)
{
	int ret;

	vfio_user_init(u);
	u->iommufd = open_errno("/dev/iommu");
	if (u->iommufd < 0) {
		ret = u->iommufd;
		goto out;
	}
	u->device = vfio_cdev(name);
	ret = u->device < 0 ? u->device :
	      bind_iommufd(u) ? :
	      vfio_ioas_new(u, &u->ioas) ? :
	      vfio_attach(u, u->ioas);
out:
	if (ret)
		vfio_close(u);
	return ret;
}

int vfio_open(struct vfio_user *u, enum vfio_way way, const char *function,
	      const char *name)
{
	return way == VFIO_WAY_CDEV ? vfio_open_cdev(u, name) :
	       vfio_open_group(u, function, name);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void vfio_close(struct vfio_user *u)
{
	close_fd(u->device);
	close_fd(u->group);
	close_fd(u->container);
	close_fd(u->iommufd);
	vfio_user_init(u);
}

int vfio_have_cdev(void)
{
	char line[128];
	FILE *devices;
	int found = 0;

	/* /dev/vfio/devices comes only with the first device. */
	devices = fopen("/proc/devices", "re");
	if (!devices)
		return 0;
	while (!found && fgets(line, sizeof(line), devices))
		found = !!strstr(line, " vfio-dev");
	fclose(devices);
	return found && !access("/dev/iommu", R_OK | W_OK);
}

int vfio_map_dma(struct vfio_user *u, void *vaddr, uint64_t iova,
		 uint64_t size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map type1 = {
		.argsz = sizeof(type1),
		.flags = flags,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = size,
	};
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = u->ioas,
		.user_va = (uintptr_t)vaddr,
		.length = size,
		.iova = iova,
	};

	if (u->iommufd < 0)
		return ioctl_errno(u->container, VFIO_IOMMU_MAP_DMA, &type1);

	if (flags & VFIO_DMA_MAP_FLAG_READ)
		ioas.flags |= IOMMU_IOAS_MAP_READABLE;
	if (flags & VFIO_DMA_MAP_FLAG_WRITE)
		ioas.flags |= IOMMU_IOAS_MAP_WRITEABLE;
	return ioctl_errno(u->iommufd, IOMMU_IOAS_MAP, &ioas);
}

int vfio_unmap_dma(struct vfio_user *u, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap type1 = {
		.argsz = sizeof(type1),
		.iova = iova,
		.size = size,
	};
	struct iommu_ioas_unmap ioas = {
		.size = sizeof(ioas),
		.ioas_id = u->ioas,
		.iova = iova,
		.length = size,
	};

	if (u->iommufd < 0)
		return ioctl_errno(u->container, VFIO_IOMMU_UNMAP_DMA, &type1);
	return ioctl_errno(u->iommufd, IOMMU_IOAS_UNMAP, &ioas);
}

int vfio_irq_info(struct vfio_user *u, uint32_t index,
		  struct vfio_irq_info *info)
{
	*info = (struct vfio_irq_info){
		.argsz = sizeof(*info),
		.index = index,
	};
	return ioctl_errno(u->device, VFIO_DEVICE_GET_IRQ_INFO, info);
}

int vfio_device_info(struct vfio_user *u, struct vfio_device_info *info)
{
	memset(info, 0, VFIO_INFO_LEN);
	info->argsz = VFIO_INFO_LEN;
	return ioctl_errno(u->device, VFIO_DEVICE_GET_INFO, info);
}

int vfio_region_info(struct vfio_user *u, uint32_t index,
		     struct vfio_region_info *info)
{
	memset(info, 0, VFIO_INFO_LEN);
	info->argsz = VFIO_INFO_LEN;
	info->index = index;
	return ioctl_errno(u->device, VFIO_DEVICE_GET_REGION_INFO, info);
}

const struct vfio_info_cap_header *
vfio_region_cap(const struct vfio_region_info *info, uint16_t id)
{
	const struct vfio_info_cap_header *cap;
	uint32_t offset = info->cap_offset;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return NULL;
	while (offset && offset <= VFIO_INFO_LEN - sizeof(*cap)) {
		cap = (const void *)((const char *)info + offset);
		if (cap->id == id)
			return cap;
		offset = cap->next;
	}
	return NULL;
}

static int region_offset(struct vfio_user *u, uint32_t region, uint64_t *offset)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = region,
	};
	int ret;

	ret = ioctl_errno(u->device, VFIO_DEVICE_GET_REGION_INFO, &info);
	if (!ret)
		*offset += info.offset;
	return ret;
}

ssize_t vfio_read(struct vfio_user *u, uint32_t region, uint64_t offset,
		  void *buf, size_t len)
{
	ssize_t ret = region_offset(u, region, &offset);

	if (ret)
		return ret;
	ret = pread(u->device, buf, len, offset);
	return ret < 0 ? -errno : ret;
}

ssize_t vfio_write(struct vfio_user *u, uint32_t region, uint64_t offset,
		   const void *buf, size_t len)
{
	ssize_t ret = region_offset(u, region, &offset);

	if (ret)
		return ret;
	ret = pwrite(u->device, buf, len, offset);
	return ret < 0 ? -errno : ret;
}

int vfio_mmap(struct vfio_user *u, uint32_t region, uint64_t offset,
	      size_t len, void **addr)
{
	int ret = region_offset(u, region, &offset);
	void *map;

	if (ret)
		return ret;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, u->device,
		   offset);
	if (map == MAP_FAILED)
		return -errno;
	*addr = map;
	return 0;
}

static int set_irqs(struct vfio_user *u, uint32_t flags, uint32_t index,
		    uint32_t start, uint32_t count, const int32_t *fds)
{
	size_t data = fds ? count * sizeof(*fds) : 0;
	struct vfio_irq_set *set = calloc(1, sizeof(*set) + data);
	int ret;

	if (!set)
		return -ENOMEM;
	set->argsz = sizeof(*set) + data;
	set->flags = flags | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = index;
	set->start = start;
	set->count = count;
	if (fds)
		memcpy(set->data, fds, data);
	ret = ioctl_errno(u->device, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

int vfio_irq_eventfds(struct vfio_user *u, uint32_t index, uint32_t start,
		      uint32_t count, const int32_t *fds)
{
	return set_irqs(u, VFIO_IRQ_SET_DATA_EVENTFD, index, start, count, fds);
}

int vfio_irq_disable(struct vfio_user *u, uint32_t index)
{
	return set_irqs(u, VFIO_IRQ_SET_DATA_NONE, index, 0, 0, NULL);
}

int vfio_irq_trigger(struct vfio_user *u, uint32_t index, uint32_t start)
{
	return set_irqs(u, VFIO_IRQ_SET_DATA_NONE, index, start, 1, NULL);
}

static int set_command(struct vfio_user *u, uint16_t clear, uint16_t set)
{
	uint16_t command;
	ssize_t ret;

	ret = vfio_read(u, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
			sizeof(command));
	if (ret < 0)
		return ret;
	command = (command & ~clear) | set;
	ret = vfio_write(u, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
			 sizeof(command));
	return ret < 0 ? ret : 0;
}

int vfio_bus_master(struct vfio_user *u, bool on)
{
	return on ? set_command(u, 0, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY) :
		    set_command(u, PCI_COMMAND_MASTER, 0);
}

int vfio_memory_off(struct vfio_user *u)
{
	return set_command(u, PCI_COMMAND_MEMORY, 0);
}

int vfio_reset(struct vfio_user *u)
{
	unsigned int tries = 0;
	int ret;

	do {
		ret = ioctl_errno(u->device, VFIO_DEVICE_RESET, NULL);
	} while (try_again(ret, &tries));
	return ret;
}

int vfio_feature(struct vfio_user *u, uint32_t flags, void *data, size_t len)
{
	struct vfio_device_feature *feature;
	int ret;

	feature = calloc(1, sizeof(*feature) + len);
	if (!feature)
		return -ENOMEM;
	feature->argsz = sizeof(*feature) + len;
	feature->flags = flags;
	if (len)
		memcpy(feature->data, data, len);
	ret = ioctl(u->device, VFIO_DEVICE_FEATURE, feature);
	if (ret < 0)
		ret = -errno;
	if (len)
		memcpy(data, feature->data, len);
	free(feature);
	return ret;
}

int eventfd_wait(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	uint64_t count;
	int ret;

	ret = poll(&pollfd, 1, timeout_ms);
	if (ret < 0)
		return -errno;
	if (!ret)
		return -ETIMEDOUT;
	return read(fd, &count, sizeof(count)) < 0 ? -errno : 0;
}
