// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function through "pt" must look and act as it does through vfio-pci
 *
 * Each test opens the same function in the same way through the one driver
 * and then through the other, has one piece of code take down what it sees,
 * and compares. What may differ stands in the table of exceptions, with the
 * reason; nothing else may.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "clock.h"
#include "function.h"
#include "snapshot.h"
#include "vfio.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
/* A debug kernel in a busy lab is an order of magnitude slower. */
#define TEST_SECONDS	180
#define PAGE		4096UL
/* More vectors tell nothing new. */
#define VECTORS_MAX	8
/* Some features move whole pages; none needs more room. */
#define FEATURE_LEN	256
/* vfio-pci-core ends at 1000 ioeventfds. */
#define IOEVENTFDS_MAX	1100
#define FLR_MS		100

/*
 * A function to compare
 *
 * @bar, @scratch: a register without side effects
 * @value: what can be written there, and read back
 */
struct parity_function {
	struct function_kind kind;
	unsigned int bar;
	uint64_t scratch;
	uint32_t value;
};

static const struct parity_function igb_vf = {
	.kind = {
		.name = "igb VF",
		.vendor = 0x8086,
		.device = 0x10c9,
		.vf = true,
		.pf_driver = "igb",
	},
	/* RDBAL of queue 0: 128-byte aligned */
	.bar = 0,
	.scratch = 0x2800,
	.value = 0x12345680,
};

static const struct parity_function igb_pf = {
	.kind = {
		.name = "igb PF",
		.vendor = 0x8086,
		.device = 0x10c9,
	},
	/* RDBAL of queue 0 */
	.bar = 0,
	.scratch = 0xc000,
	.value = 0x12345680,
};

static const struct parity_function virtio_net_vf = {
	.kind = {
		.name = "virtio-net VF",
		.vendor = 0x1af4,
		.device = 0x1041,
		.vf = true,
		/* A pool: the VFs of a PF that vfio-pci holds want a token. */
		.pf_driver = "pt",
	},
	/* driver_feature_select */
	.bar = 4,
	.scratch = 0x8,
	.value = 1,
};

static const struct parity_function nvme_vf = {
	.kind = {
		.name = "nvme VF",
		.vendor = 0x1b36,
		.device = 0x0010,
		.vf = true,
		.pf_driver = "nvme",
	},
	/* ASQ; reads 0 until the PF gives the VF resources */
	.bar = 0,
	.scratch = 0x28,
	.value = 0x12345000,
};

static const struct parity_function nvme = {
	.kind = {
		.name = "nvme",
		.vendor = 0x1b36,
		.device = 0x0010,
	},
	.bar = 0,
	.scratch = 0x28,
	.value = 0x12345000,
};

static const struct snapshot_exception exceptions[] = {
	{ "igb VF", "region 0 *", 0x8, 0xc,
	  "STATUS.LU: the PF's link comes up in its own time" },
	{ "igb VF", "region 0 read * bytes at 1", 0x7, 0xb,
	  "STATUS.LU: the PF's link comes up in its own time" },
	{}
};

/* What a section of the snapshot works on */
struct view {
	struct snapshot *s;
	struct vfio_user *u;
	const struct parity_function *function;
	const char *bdf;
};

/* Access to memory that is not there */

static sigjmp_buf bus_error;

static void on_bus_error(int sig)
{
	siglongjmp(bus_error, sig);
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

/* A read through a mapping: 0, or -EFAULT where the kernel sent SIGBUS. */
static int peek(const volatile void *p, size_t width, uint64_t *value)
{
	if (sigsetjmp(bus_error, 1))
		return -EFAULT;
	*value = peek_once(p, width);
	return 0;
}

/* Raw access */

static long raw_ioctl(struct view *v, unsigned long cmd, void *arg)
{
	int ret = ioctl(v->u->device, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static struct vfio_region_info region(struct view *v, uint32_t index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (raw_ioctl(v, VFIO_DEVICE_GET_REGION_INFO, &info))
		memset(&info, 0, sizeof(info));
	return info;
}

static uint32_t region_count(struct view *v)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return raw_ioctl(v, VFIO_DEVICE_GET_INFO, &info) ? 0 : info.num_regions;
}

static long read_at(struct view *v, uint64_t offset, void *buf, size_t len)
{
	ssize_t ret = pread(v->u->device, buf, len, offset);

	return ret < 0 ? -errno : ret;
}

static long write_at(struct view *v, uint64_t offset, const void *buf,
		     size_t len)
{
	ssize_t ret = pwrite(v->u->device, buf, len, offset);

	return ret < 0 ? -errno : ret;
}

/* Values read in steps of @stride; the result is the first error. */
static void record_reads(struct view *v, uint32_t index, size_t width,
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

static void record_config(struct view *v, const char *when)
{
	record_reads(v, CONFIG, 1, 1, when);
}

/* The scratch register by read(), and whether a mapping still reaches it. */
static void record_scratch(struct view *v, const volatile void *map,
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

/*
 * Sections
 */

static void see_container(struct view *v)
{
	struct vfio_iommu_type1_info *info;
	int ret, i;

	if (v->u->container < 0)
		return;
	for (i = 0; i < 16; i++)
		record(v->s, ioctl(v->u->container, VFIO_CHECK_EXTENSION, i),
		       "container extension %d", i);
	info = calloc(1, VFIO_INFO_LEN);
	info->argsz = VFIO_INFO_LEN;
	ret = ioctl(v->u->container, VFIO_IOMMU_GET_INFO, info);
	record_values(v->s, ret, info, VFIO_INFO_LEN, 1, 1, "IOMMU info");
	free(info);
}

static void see_features(struct view *v)
{
	uint8_t data[FEATURE_LEN];
	uint32_t feature;
	long ret;

	for (feature = 0; feature < 64; feature++) {
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_PROBE, NULL, 0),
		       "feature %u probe", feature);
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_PROBE |
						VFIO_DEVICE_FEATURE_GET, NULL, 0),
		       "feature %u probe get", feature);
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_PROBE |
						VFIO_DEVICE_FEATURE_SET, NULL, 0),
		       "feature %u probe set", feature);

		memset(data, 0, sizeof(data));
		ret = vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_GET,
				   data, sizeof(data));
		record_values(v->s, ret, data, sizeof(data), 1, 1,
			      "feature %u get", feature);

		/* Entering low power has a test of its own. */
		if (feature >= VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY &&
		    feature <= VFIO_DEVICE_FEATURE_LOW_POWER_EXIT)
			continue;
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_SET, NULL, 0),
		       "feature %u set, no payload", feature);
		ret = vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_SET,
				   data, sizeof(data));
		record_values(v->s, ret, data, sizeof(data), 1, 1,
			      "feature %u set", feature);
	}
}

static void see_info(struct view *v)
{
	struct vfio_pci_hot_reset_info *reset;
	struct vfio_device_info *device;
	struct vfio_region_info *info;
	struct vfio_irq_info irq;
	uint32_t i, regions, irqs;
	void *buf;
	int ret;

	buf = malloc(VFIO_INFO_LEN);
	device = buf;
	ret = vfio_device_info(v->u, device);
	record_values(v->s, ret, buf, VFIO_INFO_LEN, 1, 1, "device info");
	regions = device->num_regions;
	irqs = device->num_irqs;

	info = buf;
	for (i = 0; i < regions + 2; i++) {
		ret = vfio_region_info(v->u, i, info);
		record_values(v->s, ret, buf, VFIO_INFO_LEN, 1, 1,
			      "region %u info", i);
	}

	for (i = 0; i < irqs + 2; i++) {
		ret = vfio_irq_info(v->u, i, &irq);
		record_values(v->s, ret, &irq, sizeof(irq), 1, 1,
			      "interrupt %u info", i);
	}

	reset = buf;
	memset(buf, 0, VFIO_INFO_LEN);
	reset->argsz = sizeof(*reset);
	ret = raw_ioctl(v, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, reset);
	record_values(v->s, ret, buf, sizeof(*reset), 1, 1,
		      "hot reset info, no room");
	memset(buf, 0, VFIO_INFO_LEN);
	reset->argsz = VFIO_INFO_LEN;
	ret = raw_ioctl(v, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, reset);
	record_values(v->s, ret, buf, VFIO_INFO_LEN, 1, 1, "hot reset info");
	free(buf);

	see_features(v);
	see_container(v);
}

/*
 * What can be changed, byte by byte: all ones, all zeros, and back. This sets
 * off a reset (FLR) and power states too, on both sides the same.
 */
static void see_config(struct view *v)
{
	static const uint8_t patterns[] = { 0xff, 0x00, 0x5a };
	static const uint32_t ones = ~0u;
	struct vfio_region_info info = region(v, CONFIG);
	uint8_t *seen = calloc(1, info.size);
	uint8_t was, back;
	uint32_t dword;
	size_t i, p;

	record_config(v, "at first");
	record_reads(v, CONFIG, 2, 2, "at first");
	record_reads(v, CONFIG, 4, 4, "at first");

	for (p = 0; p < sizeof(patterns); p++) {
		for (i = 0; i < info.size; i++) {
			read_at(v, info.offset + i, &was, 1);
			write_at(v, info.offset + i, &patterns[p], 1);
			read_at(v, info.offset + i, &seen[i], 1);
			write_at(v, info.offset + i, &was, 1);
			read_at(v, info.offset + i, &back, 1);
			/* What stays is worth knowing too. */
			if (back != was)
				record(v->s, back, "config 0x%zx not restored by 0x%02x",
				       i, was);
		}
		record_values(v->s, 0, seen, info.size, 1, 1,
			      "config written 0x%02x", patterns[p]);
	}
	free(seen);

	/* How a guest finds the size of a BAR */
	for (i = PCI_BASE_ADDRESS_0; i <= PCI_ROM_ADDRESS; i += 4) {
		read_at(v, info.offset + i, &dword, 4);
		write_at(v, info.offset + i, &ones, 4);
		record_reads(v, CONFIG, 4, 4, "while one BAR is sized");
		write_at(v, info.offset + i, &dword, 4);
	}
	record_config(v, "at last");
}

static void see_mapped_area(struct view *v, const struct vfio_region_info *info,
			    uint64_t offset, uint64_t size, size_t width,
			    size_t stride)
{
	uint8_t *map, *values;
	int ret, error = 0;
	uint64_t value;
	size_t i;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   v->u->device, info->offset + offset);
	if (map == MAP_FAILED) {
		record(v->s, -errno, "region %u mmap at 0x%llx", info->index,
		       (unsigned long long)offset);
		return;
	}

	values = calloc(size / stride + 1, width);
	for (i = 0; i < size / stride; i++) {
		value = 0;
		ret = peek(map + i * stride, width, &value);
		if (ret && !error)
			error = ret;
		memcpy(values + i * width, &value, width);
	}
	record_values(v->s, error, values, size / stride, width, stride,
		      "region %u mapped at 0x%llx, %zu bytes", info->index,
		      (unsigned long long)offset, width);
	free(values);
	munmap(map, size);
}

static void see_mapped(struct view *v, uint32_t index, size_t width,
		       size_t stride)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info *info = malloc(VFIO_INFO_LEN);
	uint32_t i;

	if (vfio_region_info(v->u, index, info) ||
	    !(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		goto out;

	sparse = (const void *)vfio_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	if (!sparse)
		see_mapped_area(v, info, 0, info->size, width, stride);
	for (i = 0; sparse && i < sparse->nr_areas; i++)
		see_mapped_area(v, info, sparse->areas[i].offset,
				sparse->areas[i].size, width, stride);
out:
	free(info);
}

/* Every register of a small BAR, a sample of a big one */
static void see_bars(struct view *v)
{
	uint32_t index, width;
	uint64_t size;
	size_t stride;

	for (index = 0; index <= VFIO_PCI_ROM_REGION_INDEX; index++) {
		size = region(v, index).size;
		if (!size)
			continue;
		for (width = 1; width <= 8; width *= 2) {
			stride = size / (width == 4 ? 4096 : 512);
			if (stride < 8)
				stride = width == 4 ? 4 : 8;
			record_reads(v, index, width, stride, "read");
			see_mapped(v, index, width, stride);
		}
	}
}

/* Refusals */

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

static void see_refusals(struct view *v)
{
	record_config(v, "before");
	refuse_accesses(v);
	refuse_mmaps(v);
	refuse_irqs(v);
	refuse_ioctls(v);
	record_config(v, "after");
}

/* Interrupts */

static unsigned int count_signalled(const int32_t *fds, unsigned int count)
{
	unsigned int i, n = 0;

	for (i = 0; i < count; i++)
		n += !eventfd_wait(fds[i], 0);
	return n;
}

static long set_irqs(struct view *v, uint32_t flags, uint32_t index,
		     uint32_t count, const void *data, size_t len)
{
	struct {
		struct vfio_irq_set set;
		uint8_t data[VECTORS_MAX * 4];
	} irq = {
		.set = {
			.argsz = sizeof(irq.set) + len,
			.flags = flags,
			.index = index,
			.count = count,
		},
	};

	memcpy(irq.data, data, len);
	return raw_ioctl(v, VFIO_DEVICE_SET_IRQS, &irq);
}

static void see_masks(struct view *v, uint32_t index, int32_t fd)
{
	const uint32_t mask = VFIO_IRQ_SET_ACTION_MASK;
	const uint32_t unmask = VFIO_IRQ_SET_ACTION_UNMASK;
	uint8_t yes = 1;

	record(v->s, set_irqs(v, mask | VFIO_IRQ_SET_DATA_NONE, index, 1, NULL, 0),
	       "interrupt %u mask", index);
	record_config(v, "masked");
	record(v->s, set_irqs(v, unmask | VFIO_IRQ_SET_DATA_NONE, index, 1, NULL, 0),
	       "interrupt %u unmask", index);
	record(v->s, set_irqs(v, mask | VFIO_IRQ_SET_DATA_BOOL, index, 1, &yes, 1),
	       "interrupt %u mask, by value", index);
	record(v->s, set_irqs(v, unmask | VFIO_IRQ_SET_DATA_BOOL, index, 1, &yes, 1),
	       "interrupt %u unmask, by value", index);
	record(v->s, set_irqs(v, mask | VFIO_IRQ_SET_DATA_EVENTFD, index, 1, &fd, 4),
	       "interrupt %u mask, by eventfd", index);
	record(v->s, set_irqs(v, unmask | VFIO_IRQ_SET_DATA_EVENTFD, index, 1, &fd, 4),
	       "interrupt %u unmask, by eventfd", index);
}

static void see_interrupt(struct view *v, uint32_t index)
{
	int32_t fds[VECTORS_MAX], other;
	struct vfio_irq_info info;
	uint8_t bools[VECTORS_MAX];
	uint32_t i, n;

	vfio_irq_info(v->u, index, &info);
	n = info.count < VECTORS_MAX ? info.count : VECTORS_MAX;
	for (i = 0; i < VECTORS_MAX; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		bools[i] = i % 2 == 0;
	}
	other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	record(v->s, n, "interrupt %u count", index);
	record(v->s, vfio_irq_eventfds(v->u, index, 0, n ?: 1, fds),
	       "interrupt %u enable", index);
	record_config(v, "enabled");

	for (i = 0; i < n; i++)
		record(v->s, vfio_irq_trigger(v->u, index, i),
		       "interrupt %u trigger %u", index, i);
	record(v->s, count_signalled(fds, n), "interrupt %u signalled", index);
	record(v->s, set_irqs(v, VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_BOOL,
			      index, n, bools, n),
	       "interrupt %u trigger by value", index);
	record(v->s, count_signalled(fds, n),
	       "interrupt %u signalled by value", index);
	see_masks(v, index, other);

	/* Only one of INTx, MSI and MSI-X at a time */
	for (i = 0; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++) {
		if (i != index)
			record(v->s, vfio_irq_eventfds(v->u, i, 0, 1, &other),
			       "interrupt %u enable beside %u", i, index);
	}

	/* Another eventfd for the first, and none for the last */
	record(v->s, vfio_irq_eventfds(v->u, index, 0, 1, &other),
	       "interrupt %u another eventfd", index);
	record(v->s, vfio_irq_trigger(v->u, index, 0),
	       "interrupt %u trigger another", index);
	record(v->s, count_signalled(&other, 1),
	       "interrupt %u signalled another", index);
	if (n) {
		int32_t none = -1;

		record(v->s, vfio_irq_eventfds(v->u, index, n - 1, 1, &none),
		       "interrupt %u no eventfd", index);
		record(v->s, vfio_irq_trigger(v->u, index, n - 1),
		       "interrupt %u trigger none", index);
		record(v->s, count_signalled(fds, n),
		       "interrupt %u signalled none", index);
	}

	record(v->s, vfio_irq_disable(v->u, index), "interrupt %u disable",
	       index);
	record(v->s, vfio_irq_disable(v->u, index),
	       "interrupt %u disable again", index);
	record_config(v, "disabled");

	/* One vector first, and a second later: not every kernel can. */
	if (n > 1) {
		record(v->s, vfio_irq_eventfds(v->u, index, 0, 1, fds),
		       "interrupt %u enable one", index);
		record(v->s, vfio_irq_eventfds(v->u, index, 1, 1, fds + 1),
		       "interrupt %u add one", index);
		vfio_irq_trigger(v->u, index, 1);
		record(v->s, count_signalled(fds, n),
		       "interrupt %u signalled added", index);
	}
	/* Where this one has no vectors, another came to be enabled beside it. */
	for (i = 0; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++)
		vfio_irq_disable(v->u, i);

	for (i = 0; i < VECTORS_MAX; i++)
		close(fds[i]);
	close(other);
}

static void see_interrupts(struct view *v)
{
	uint32_t i;

	for (i = 0; i <= VFIO_PCI_REQ_IRQ_INDEX; i++)
		see_interrupt(v, i);
}

/* Writes */

static void *map_scratch(struct view *v)
{
	const struct parity_function *f = v->function;
	void *map = MAP_FAILED;
	int ret;

	ret = vfio_mmap(v->u, f->bar, f->scratch & ~(PAGE - 1), PAGE, &map);
	record(v->s, ret, "map the register");
	return ret ? NULL : (char *)map + f->scratch % PAGE;
}

static void unmap_scratch(struct view *v, void *map)
{
	munmap((char *)map - v->function->scratch % PAGE, PAGE);
}

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

static void see_writes(struct view *v)
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

/* Reset and power */

static uint16_t set_command(struct view *v, uint16_t clear, uint16_t set)
{
	uint64_t at = region(v, CONFIG).offset + PCI_COMMAND;
	uint16_t command = 0;

	read_at(v, at, &command, 2);
	command = (command & ~clear) | set;
	write_at(v, at, &command, 2);
	read_at(v, at, &command, 2);
	return command;
}

static void see_memory_disabled(struct view *v, void *map)
{
	record(v->s, set_command(v, PCI_COMMAND_MEMORY, 0), "memory disabled");
	record_scratch(v, map, "with memory disabled");
	record(v->s, set_command(v, 0, PCI_COMMAND_MEMORY), "memory enabled");
	record_scratch(v, map, "with memory enabled");
	record(v->s, set_command(v, 0, PCI_COMMAND_MASTER), "bus master on");
	record(v->s, set_command(v, PCI_COMMAND_MASTER, 0), "bus master off");
}

static void see_hot_reset(struct view *v)
{
	struct {
		struct vfio_pci_hot_reset reset;
		int32_t group;
	} hot = {
		.reset = { .argsz = sizeof(hot), .count = v->u->group >= 0 },
		.group = v->u->group,
	};

	record(v->s, raw_ioctl(v, VFIO_DEVICE_PCI_HOT_RESET, &hot), "hot reset");
}

static void see_resets(struct view *v)
{
	volatile uint32_t *map = map_scratch(v);
	long started;

	if (!map)
		return;
	*map = 0;
	see_memory_disabled(v, (void *)map);

	*map = v->function->value;
	record(v->s, set_command(v, 0, PCI_COMMAND_MASTER), "before the reset");
	record_scratch(v, map, "before the reset");
	started = now_ms();
	record(v->s, vfio_reset(v->u), "reset");
	/* Not every register shows it, but an FLR takes 100 ms by the standard. */
	record(v->s, now_ms() - started >= FLR_MS, "reset took its time");
	record_scratch(v, map, "after the reset");
	record_config(v, "after the reset");

	set_command(v, 0, PCI_COMMAND_MEMORY);
	*map = v->function->value;
	record_scratch(v, map, "before the hot reset");
	see_hot_reset(v);
	record_scratch(v, map, "after the hot reset");
	record_config(v, "after the hot reset");
	unmap_scratch(v, (void *)map);
}

/* What the host shows of the function; @idle: which is about to be suspended */
static void record_host(struct view *v, bool idle, const char *when)
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

static void record_host_config(struct view *v, const char *when)
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

static void see_low_power(struct view *v)
{
	volatile uint32_t *map = map_scratch(v);
	int32_t wakeup[2] = { eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 0 };
	uint8_t header[PCI_STD_HEADER_SIZEOF] = { 0 };
	long ret;
	int i;

	if (!map)
		return;
	record_host(v, false, "while open");
	for (i = 0; i < 2; i++) {
		bool with_wakeup = i == 1;

		*map = v->function->value;
		record(v->s, with_wakeup ?
		       vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
				    wakeup, sizeof(wakeup)) :
		       vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, NULL, 0),
		       "low power %d", i);
		record_host(v, true, "in low power");
		record(v->s, vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, NULL, 0),
		       "low power %d, again", i);
		record_scratch(v, map, "in low power");
		/* Little of it: each access wakes the function up for itself. */
		ret = read_at(v, region(v, CONFIG).offset, header,
			      sizeof(header));
		record_values(v->s, ret, header, sizeof(header), 1, 1,
			      "config header in low power");
		record(v->s, vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, NULL, 0),
		       "out of low power %d", i);
		record(v->s, vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, NULL, 0),
		       "out of low power %d, again", i);
		record(v->s, eventfd_wait(wakeup[0], 0), "woken up %d", i);
		record_scratch(v, map, "after low power");
		record_host(v, false, "after low power");
	}

	record_config(v, "after low power");
	unmap_scratch(v, (void *)map);
	close(wakeup[0]);
}

/*
 * The tests
 */

struct subject {
	const struct parity_function *what;
	enum vfio_way way;
	struct function function;
};

FIXTURE(parity)
{
	struct subject subject;
};

FIXTURE_VARIANT(parity)
{
	const struct parity_function *function;
	enum vfio_way way;
};

#define VARIANT(name)							\
	FIXTURE_VARIANT_ADD(parity, name) {				\
		.function = &name,					\
		.way = VFIO_WAY_GROUP,					\
	};								\
	FIXTURE_VARIANT_ADD(parity, name##_cdev) {			\
		.function = &name,					\
		.way = VFIO_WAY_CDEV,					\
	}

VARIANT(igb_vf);
VARIANT(igb_pf);
VARIANT(virtio_net_vf);
VARIANT(nvme_vf);
VARIANT(nvme);

FIXTURE_SETUP(parity)
{
	struct sigaction action = { .sa_handler = on_bus_error };
	int ret;

	ASSERT_EQ(0, function_load_drivers());
	if (variant->way == VFIO_WAY_CDEV && !vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd, or no character devices of VFIO");

	self->subject.what = variant->function;
	self->subject.way = variant->way;
	ret = function_take(&self->subject.function, &variant->function->kind);
	if (ret == -ENODEV)
		SKIP(return, "no %s", variant->function->kind.name);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, sigaction(SIGBUS, &action, NULL));
}

FIXTURE_TEARDOWN(parity)
{
	EXPECT_EQ(0, function_withdraw(&self->subject.function));
}

static void give_back(void)
{
	static const struct parity_function *const functions[] = {
		&igb_vf, &igb_pf, &virtio_net_vf, &nvme_vf, &nvme,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		function_give_back(&functions[i]->kind);
}

/* Not after each test: to bind the PF's driver again takes longer than a test. */
static void __attribute__((constructor)) give_back_at_exit(void)
{
	/* The harness runs each test in a child, which leaves by _exit(). */
	atexit(give_back);
}

typedef void (*section_t)(struct view *v);

static void take_snapshot(struct __test_metadata *_metadata,
			  struct subject *subject, section_t section,
			  struct snapshot *s)
{
	struct function *function = &subject->function;
	struct vfio_user user;
	struct view view = {
		.s = s,
		.u = &user,
		.function = subject->what,
		.bdf = function->bdf,
	};

	ASSERT_EQ(0, function_offer(function, s->title));
	ASSERT_EQ(0, vfio_open(&user, subject->way, function->bdf,
			       function->name));
	section(&view);
	vfio_close(&user);

	record_host(&view, true, "after close");
	record_host_config(&view, "after close");
	ASSERT_EQ(0, function_withdraw(function));
	record_host_config(&view, "unbound");
}

static void compare(struct __test_metadata *_metadata, struct subject *subject,
		    section_t section, struct snapshot *mine)
{
	struct snapshot theirs;

	snapshot_init(&theirs, "vfio-pci");
	snapshot_init(mine, "pt");
	take_snapshot(_metadata, subject, section, &theirs);
	take_snapshot(_metadata, subject, section, mine);
	EXPECT_EQ(0, snapshot_compare(&theirs, mine,
				      subject->what->kind.name, exceptions));
	snapshot_free(&theirs);
}

/* So that two snapshots of nothing are not taken for likeness. */
#define EXPECT_RESULT(expected, snapshot, item) do {			\
	const struct snapshot_item *_item = snapshot_find(snapshot, item); \
									\
	ASSERT_NE(NULL, _item) {					\
		TH_LOG("the snapshot has no \"%s\"", item);		\
	}								\
	EXPECT_EQ(expected, _item->result) {				\
		TH_LOG("\"%s\"", item);					\
	}								\
} while (0)

TEST_F_TIMEOUT(parity, info, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_info, &mine);
	EXPECT_RESULT(0, &mine, "device info");
	EXPECT_RESULT(0, &mine, "region 0 info");
	EXPECT_RESULT(-EINVAL, &mine, "region 9 info");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, config, TEST_SECONDS)
{
	const struct snapshot_item *item;
	struct snapshot mine;

	compare(_metadata, &self->subject, see_config, &mine);
	item = snapshot_find(&mine, "region 7 at first, 1 bytes");
	ASSERT_NE(NULL, item);
	ASSERT_LT(1, item->len);
	/* A VF's own vendor ID reads as ones; VFIO puts the right one there. */
	EXPECT_EQ(variant->function->kind.vendor,
		  item->data[0] | item->data[1] << 8);
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, bars, TEST_SECONDS)
{
	struct snapshot mine;
	char item[64];

	compare(_metadata, &self->subject, see_bars, &mine);
	snprintf(item, sizeof(item), "region %u read, 4 bytes",
		 variant->function->bar);
	EXPECT_RESULT(0, &mine, item);
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, refusals, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_refusals, &mine);
	EXPECT_RESULT(-ENOTTY, &mine, "unknown ioctl 0");
	EXPECT_RESULT(-EINVAL, &mine, "set interrupts, no flags");
	EXPECT_RESULT(-EINVAL, &mine, "region 7 mmap first page");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, interrupts, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_interrupts, &mine);
	EXPECT_RESULT(0, &mine, "interrupt 2 enable");
	EXPECT_RESULT(snapshot_find(&mine, "interrupt 2 count")->result, &mine,
		      "interrupt 2 signalled");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, writes, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_writes, &mine);
	EXPECT_RESULT(4, &mine, "write of 4 bytes");
	EXPECT_RESULT(0, &mine, "ioeventfd, 4 bytes");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, resets, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_resets, &mine);
	EXPECT_RESULT(0, &mine, "reset");
	EXPECT_RESULT(1, &mine, "reset took its time");
	EXPECT_RESULT(4, &mine, "register before the reset");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, low_power, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_low_power, &mine);
	EXPECT_RESULT(4, &mine, "register in low power");
	snapshot_free(&mine);
}

TEST_HARNESS_MAIN
