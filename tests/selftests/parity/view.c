// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "view.h"

static sigjmp_buf bus_error;

static void on_bus_error(int sig)
{
	siglongjmp(bus_error, sig);
}

int catch_bus_errors(void)
{
	struct sigaction action = { .sa_handler = on_bus_error };

	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

static uint64_t peek_once(const volatile void *p, size_t width)
{
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)p;
	case 2:
		return *(const volatile uint16_t *)p;
	case 4:
		return *(const volatile uint32_t *)p;
	default:
		return *(const volatile uint64_t *)p;
	}
}

int peek(const volatile void *p, size_t width, uint64_t *value)
{
	if (sigsetjmp(bus_error, 1))
		return -EFAULT;
	*value = peek_once(p, width);
	return 0;
}

long raw_ioctl(struct view *v, unsigned long cmd, void *arg)
{
	int ret = ioctl(v->u->device, cmd, arg);

	return ret < 0 ? -errno : ret;
}

struct vfio_region_info region(struct view *v, uint32_t index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (raw_ioctl(v, VFIO_DEVICE_GET_REGION_INFO, &info))
		memset(&info, 0, sizeof(info));
	return info;
}

uint32_t region_count(struct view *v)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return raw_ioctl(v, VFIO_DEVICE_GET_INFO, &info) ? 0 : info.num_regions;
}

long read_at(struct view *v, uint64_t offset, void *buf, size_t len)
{
	ssize_t ret = pread(v->u->device, buf, len, offset);

	return ret < 0 ? -errno : ret;
}

long write_at(struct view *v, uint64_t offset, const void *buf,
	      size_t len)
{
	ssize_t ret = pwrite(v->u->device, buf, len, offset);

	return ret < 0 ? -errno : ret;
}

void record_reads(struct view *v, uint32_t index, size_t width,
		  size_t stride, const char *name)
{
	struct vfio_region_info info = region(v, index);
	size_t count = info.size / stride, i;
	uint8_t *values = calloc(count + 1, width);
	long ret, error = 0;

	for (i = 0; i < count; i++) {
		ret = read_at(v, info.offset + i * stride, values + i * width,
			      width);
		if (ret != (long)width && !error)
			error = ret;
	}
	record_values(v->s, error, values, count, width, stride,
		      "region %u %s, %zu bytes", index, name, width);
	free(values);
}

void record_config(struct view *v, const char *when)
{
	record_reads(v, CONFIG, 1, 1, when);
}

void record_scratch(struct view *v, const volatile void *map,
		    const char *when)
{
	const struct parity_function *f = v->function;
	uint64_t value = 0;
	int ret;

	ret = read_at(v, region(v, f->bar).offset + f->scratch, &value, 4);
	record_values(v->s, ret, &value, 1, 4, 4, "register %s", when);
	value = 0;
	ret = peek(map, 4, &value);
	record_values(v->s, ret, &value, 1, 4, 4, "register %s, mapped", when);
}

void *map_scratch(struct view *v)
{
	const struct parity_function *f = v->function;
	void *map = MAP_FAILED;
	int ret;

	ret = vfio_mmap(v->u, f->bar, f->scratch & ~(PAGE - 1), PAGE, &map);
	record(v->s, ret, "map the register");
	return ret ? NULL : (char *)map + f->scratch % PAGE;
}

void unmap_scratch(struct view *v, void *map)
{
	munmap((char *)map - v->function->scratch % PAGE, PAGE);
}
