// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest.h"
#include "view.h"

static void refuse_accesses(struct view *v)
{
	uint64_t far = region(v, 1).offset - region(v, 0).offset;
	uint32_t i, regions = region_count(v);
	struct vfio_region_info info;
	void *nowhere = (void *)-PAGE;
	static uint8_t buf[64];
	size_t len;

	for (i = 0; i < regions + 2; i++) {
		info = region(v, i);
		if (!info.offset)
			info.offset = i * far;
		record(v->s, read_at(v, info.offset + info.size, buf, 4),
		       "region %u read at the end", i);
		record(v->s, write_at(v, info.offset + info.size, buf, 4),
		       "region %u write at the end", i);
		record(v->s, read_at(v, info.offset + info.size - 2, buf, 4),
		       "region %u read across the end", i);
		record(v->s, read_at(v, info.offset + info.size + PAGE, buf, 4),
		       "region %u read beyond", i);
		record(v->s, read_at(v, info.offset + far - 4, buf, 4),
		       "region %u read far beyond", i);
		record(v->s, read_at(v, info.offset, buf, 0),
		       "region %u read nothing", i);
		record(v->s, read_at(v, info.offset, nowhere, 4),
		       "region %u read to nowhere", i);
		record(v->s, write_at(v, info.offset, nowhere, 4),
		       "region %u write from nowhere", i);
		for (len = 1; len <= sizeof(buf) && info.size; len += len / 2 + 1) {
			long ret;

			memset(buf, 0, sizeof(buf));
			ret = read_at(v, info.offset + 1, buf, len);
			record_values(v->s, ret, buf, sizeof(buf), 1, 1,
				      "region %u read %zu bytes at 1", i, len);
		}
	}
	record(v->s, write_at(v, region(v, VFIO_PCI_ROM_REGION_INDEX).offset, buf, 4),
	       "ROM write");
	record(v->s, read_at(v, ~0ULL >> 1, buf, 4), "read at the largest offset");
	record(v->s, read(v->u->device, buf, 4), "read without an offset");
}

static void refuse_mmap(struct view *v, const char *name, int flags, int prot,
			uint64_t offset, size_t len)
{
	void *map = mmap(NULL, len, prot, flags, v->u->device, offset);
	int error = map == MAP_FAILED ? -errno : 0;
	uint64_t value;

	if (!error) {
		/* A mapping may exist and yet lead nowhere. */
		error = peek(map, 1, &value);
		munmap(map, len);
	}
	record(v->s, error, "%s", name);
}

static void refuse_mmaps(struct view *v)
{
	uint32_t i, regions = region_count(v);
	struct vfio_region_info info;
	char name[64];

#define MMAP(what, ...) do {						\
	snprintf(name, sizeof(name), "region %u mmap " what, i);	\
	refuse_mmap(v, name, __VA_ARGS__);				\
} while (0)

	for (i = 0; i < regions + 2; i++) {
		uint64_t size;

		info = region(v, i);
		size = (info.size + PAGE - 1) & ~(PAGE - 1);
		MMAP("shared", MAP_SHARED, PROT_READ, info.offset, size ?: PAGE);
		MMAP("first page", MAP_SHARED, PROT_READ, info.offset, PAGE);
		MMAP("private", MAP_PRIVATE, PROT_READ, info.offset, PAGE);
		MMAP("executable", MAP_SHARED, PROT_READ | PROT_EXEC,
		     info.offset, PAGE);
		MMAP("too much", MAP_SHARED, PROT_READ, info.offset, size + PAGE);
		MMAP("beyond", MAP_SHARED, PROT_READ, info.offset + size, PAGE);
		MMAP("far beyond", MAP_SHARED, PROT_READ,
		     info.offset + (1ULL << 39), PAGE);
		if (size > PAGE)
			MMAP("across the end", MAP_SHARED, PROT_READ,
			     info.offset + size - PAGE, 2 * PAGE);
	}
#undef MMAP
}

static void refuse_irqs(struct view *v)
{
	struct {
		struct vfio_irq_set set;
		int32_t data[4];
	} irq;
	const struct {
		const char *name;
		uint32_t argsz, flags, index, start, count;
		int32_t fd;
	} cases[] = {
#define TRIGGER	VFIO_IRQ_SET_ACTION_TRIGGER
#define EVENTFD	VFIO_IRQ_SET_DATA_EVENTFD
#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX
#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define REQ	VFIO_PCI_REQ_IRQ_INDEX
#define FULL	sizeof(irq)
#define HEADER	sizeof(irq.set)
		{ "argsz 0", 0, TRIGGER | NONE, MSIX, 0, 0, 0 },
		{ "argsz of the header less 1", HEADER - 1, TRIGGER | NONE, MSIX, 0, 0, 0 },
		{ "no room for the data", HEADER, TRIGGER | EVENTFD, MSIX, 0, 1, -1 },
		{ "no flags", FULL, 0, MSIX, 0, 1, -1 },
		{ "two kinds of data", FULL, TRIGGER | NONE | BOOL, MSIX, 0, 1, -1 },
		{ "two actions", FULL, TRIGGER | MASK | NONE, MSIX, 0, 1, 0 },
		{ "no action", FULL, NONE, MSIX, 0, 1, 0 },
		{ "an unknown flag", FULL, 1u << 20 | TRIGGER | NONE, MSIX, 0, 1, 0 },
		{ "an unknown index", FULL, TRIGGER | NONE, 99, 0, 0, 0 },
		{ "the largest index", FULL, TRIGGER | NONE, ~0u, 0, 0, 0 },
		{ "a start beyond", FULL, TRIGGER | EVENTFD, MSIX, 4096, 1, -1 },
		{ "a start that overflows", FULL, TRIGGER | EVENTFD, MSIX, ~0u, 2, -1 },
		{ "too many", FULL, TRIGGER | NONE, MSIX, 0, 4096, 0 },
		{ "a count that overflows", FULL, TRIGGER | EVENTFD, MSIX, 1, ~0u, -1 },
		{ "a closed eventfd", FULL, TRIGGER | EVENTFD, MSIX, 0, 1, 9999 },
		{ "no eventfd", FULL, TRIGGER | EVENTFD, MSIX, 0, 1, STDIN_FILENO },
		{ "an eventfd less than -1", FULL, TRIGGER | EVENTFD, MSIX, 0, 1, -2 },
		{ "a trigger before it is enabled", FULL, TRIGGER | NONE, MSIX, 0, 1, 0 },
		{ "disable before enable", FULL, TRIGGER | NONE, MSIX, 0, 0, 0 },
		{ "INTx: two", FULL, TRIGGER | EVENTFD, INTX, 0, 2, -1 },
		{ "INTx: the second", FULL, TRIGGER | EVENTFD, INTX, 1, 1, -1 },
		{ "INTx: mask before enable", FULL, MASK | NONE, INTX, 0, 1, 0 },
		{ "request: two", FULL, TRIGGER | EVENTFD, REQ, 0, 2, -1 },
		{ "request: mask", FULL, MASK | NONE, REQ, 0, 1, 0 },
#undef TRIGGER
#undef EVENTFD
#undef NONE
#undef BOOL
#undef MASK
#undef MSIX
#undef INTX
#undef REQ
#undef FULL
#undef HEADER
	};
	struct vfio_irq_info info;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(&irq, 0, sizeof(irq));
		irq.set.argsz = cases[i].argsz;
		irq.set.flags = cases[i].flags;
		irq.set.index = cases[i].index;
		irq.set.start = cases[i].start;
		irq.set.count = cases[i].count;
		irq.data[0] = cases[i].fd;
		irq.data[1] = -1;
		record(v->s, raw_ioctl(v, VFIO_DEVICE_SET_IRQS, &irq),
		       "set interrupts, %s", cases[i].name);
	}

	info = (struct vfio_irq_info){ .argsz = sizeof(info) - 1 };
	record(v->s, raw_ioctl(v, VFIO_DEVICE_GET_IRQ_INFO, &info),
	       "interrupt info, argsz too small");
	info = (struct vfio_irq_info){ .argsz = sizeof(info), .index = ~0u };
	record(v->s, raw_ioctl(v, VFIO_DEVICE_GET_IRQ_INFO, &info),
	       "interrupt info, the largest index");
}

static void refuse_ioctls(struct view *v)
{
	struct {
		struct vfio_pci_hot_reset reset;
		int32_t fds[64];
	} hot;
	struct vfio_device_feature feature;
	struct vfio_region_info info;
	struct vfio_device_info device;
	int i;

	device = (struct vfio_device_info){ .argsz = 0 };
	record(v->s, raw_ioctl(v, VFIO_DEVICE_GET_INFO, &device),
	       "device info, argsz 0");
	device.argsz = offsetof(struct vfio_device_info, num_irqs);
	record(v->s, raw_ioctl(v, VFIO_DEVICE_GET_INFO, &device),
	       "device info, argsz too small");
	record(v->s, raw_ioctl(v, VFIO_DEVICE_GET_INFO, NULL),
	       "device info to nowhere");
	info = (struct vfio_region_info){ .argsz = 8 };
	record(v->s, raw_ioctl(v, VFIO_DEVICE_GET_REGION_INFO, &info),
	       "region info, argsz too small");
	info = (struct vfio_region_info){ .argsz = sizeof(info), .index = ~0u };
	record(v->s, raw_ioctl(v, VFIO_DEVICE_GET_REGION_INFO, &info),
	       "region info, the largest index");

	memset(&hot, 0, sizeof(hot));
	hot.reset.argsz = 4;
	record(v->s, raw_ioctl(v, VFIO_DEVICE_PCI_HOT_RESET, &hot),
	       "hot reset, argsz too small");
	hot.reset.argsz = sizeof(hot);
	hot.reset.flags = 1;
	record(v->s, raw_ioctl(v, VFIO_DEVICE_PCI_HOT_RESET, &hot),
	       "hot reset, a flag");
	hot.reset.flags = 0;
	hot.reset.count = 64;
	record(v->s, raw_ioctl(v, VFIO_DEVICE_PCI_HOT_RESET, &hot),
	       "hot reset, too many groups");
	hot.reset.count = 1;
	hot.fds[0] = 9999;
	record(v->s, raw_ioctl(v, VFIO_DEVICE_PCI_HOT_RESET, &hot),
	       "hot reset, a closed group");
	hot.fds[0] = v->u->device;
	record(v->s, raw_ioctl(v, VFIO_DEVICE_PCI_HOT_RESET, &hot),
	       "hot reset, no group");

	feature = (struct vfio_device_feature){ .argsz = 4 };
	record(v->s, raw_ioctl(v, VFIO_DEVICE_FEATURE, &feature),
	       "feature, argsz too small");
	feature.argsz = sizeof(feature);
	record(v->s, raw_ioctl(v, VFIO_DEVICE_FEATURE, &feature),
	       "feature, no verb");
	feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	record(v->s, raw_ioctl(v, VFIO_DEVICE_FEATURE, &feature),
	       "feature, get and set");
	feature.flags = VFIO_DEVICE_FEATURE_PROBE | 1u << 30;
	record(v->s, raw_ioctl(v, VFIO_DEVICE_FEATURE, &feature),
	       "feature, an unknown flag");

	/* Beyond the last that VFIO uses, and somebody else's */
	for (i = 0; i < 8; i++)
		record(v->s, raw_ioctl(v, _IO(VFIO_TYPE, VFIO_BASE + 100 + i), NULL),
		       "unknown ioctl %d", i);
	record(v->s, raw_ioctl(v, 0x5401 /* TCGETS */, &hot), "TCGETS");
	record(v->s, raw_ioctl(v, VFIO_GROUP_GET_STATUS, &device),
	       "a group's ioctl");
	record(v->s, raw_ioctl(v, VFIO_IOMMU_MAP_DMA, NULL),
	       "a container's ioctl");
	record(v->s, lseek(v->u->device, 0, SEEK_END), "lseek");
}

void see_refusals(struct view *v)
{
	record_config(v, "before");
	refuse_accesses(v);
	refuse_mmaps(v);
	refuse_irqs(v);
	refuse_ioctls(v);
	record_config(v, "after");
}
