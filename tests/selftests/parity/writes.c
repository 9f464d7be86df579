// SPDX-License-Identifier: GPL-2.0-only

#include <sys/eventfd.h>
#include <unistd.h>

#include "view.h"

/* vfio-pci-core ends at 1000 ioeventfds. */
#define IOEVENTFDS_MAX	1100

static long ioeventfd(struct view *v, uint32_t flags, uint64_t offset,
		      uint64_t data, int32_t fd)
{
	struct vfio_device_ioeventfd io = {
		.argsz = sizeof(io),
		.flags = flags,
		.offset = offset,
		.data = data,
		.fd = fd,
	};

	return raw_ioctl(v, VFIO_DEVICE_IOEVENTFD, &io);
}

static void fire(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;
	/* The kernel writes to the device in its own time. */
	usleep(20000);
}

static void see_ioeventfds(struct view *v, volatile uint32_t *map)
{
	const struct parity_function *f = v->function;
	uint64_t at = region(v, f->bar).offset + f->scratch;
	const uint64_t config = region(v, CONFIG).offset;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint32_t width, index;
	long ret, n;

	for (width = 1; width <= 8; width *= 2) {
		*map = 0;
		record(v->s, ioeventfd(v, width, at, f->value, fd),
		       "ioeventfd, %u bytes", width);
		fire(fd);
		record_scratch(v, map, "after an ioeventfd");
		record(v->s, ioeventfd(v, width, at, f->value, fd),
		       "ioeventfd, %u bytes, again", width);
		record(v->s, ioeventfd(v, width, at, f->value, -1),
		       "ioeventfd, %u bytes, removed", width);
		record(v->s, ioeventfd(v, width, at, f->value, -1),
		       "ioeventfd, %u bytes, removed again", width);
	}
	*map = 0;
	fire(fd);
	record_scratch(v, map, "after a removed ioeventfd");

	for (index = 0; index <= CONFIG; index++)
		record(v->s, ioeventfd(v, VFIO_DEVICE_IOEVENTFD_32,
				       region(v, index).offset, 0, fd),
		       "ioeventfd, region %u", index);
	record(v->s, ioeventfd(v, 0, at, 0, fd), "ioeventfd, no width");
	record(v->s, ioeventfd(v, 3, at, 0, fd), "ioeventfd, two widths");
	record(v->s, ioeventfd(v, 16, at, 0, fd), "ioeventfd, an unknown flag");
	record(v->s, ioeventfd(v, 4, at + 2, 0, fd), "ioeventfd, misaligned");
	record(v->s, ioeventfd(v, 4, config + 4, 0, fd), "ioeventfd, config");
	record(v->s, ioeventfd(v, 4, at - f->scratch + region(v, f->bar).size, 0, fd),
	       "ioeventfd, beyond the region");
	record(v->s, ioeventfd(v, 4, at, 0, 9999), "ioeventfd, a closed eventfd");
	record(v->s, ioeventfd(v, 4, at, 0, STDIN_FILENO),
	       "ioeventfd, no eventfd");
	record(v->s, ioeventfd(v, 4, at, 0, -2), "ioeventfd, less than -1");

	for (n = 0, ret = 0; n < IOEVENTFDS_MAX && !ret; n++)
		ret = ioeventfd(v, 4, at, 0x1000 + n, fd);
	record(v->s, n, "ioeventfds until one is refused");
	record(v->s, ret, "ioeventfd too many");
	close(fd);
}

void see_writes(struct view *v)
{
	const struct parity_function *f = v->function;
	uint64_t at = region(v, f->bar).offset + f->scratch;
	volatile uint32_t *map = map_scratch(v);
	uint64_t value;
	uint32_t width;

	if (!map)
		return;
	/* No reset undoes what was written before we came. */
	*map = 0;
	record_scratch(v, map, "at first");
	for (width = 1; width <= 8; width *= 2) {
		value = (uint64_t)f->value << 32 | f->value;
		record(v->s, write_at(v, at, &value, width),
		       "write of %u bytes", width);
		record_scratch(v, map, "written");
		value = 0;
		write_at(v, at, &value, width);
		record_scratch(v, map, "zeroed");
	}
	*map = f->value;
	record_scratch(v, map, "written through the mapping");
	see_ioeventfds(v, map);
	unmap_scratch(v, (void *)map);
}
