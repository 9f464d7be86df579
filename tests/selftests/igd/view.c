// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "view.h"

#define PAGE		4096UL
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
/* More reads of one width tell nothing new. */
#define READS_MAX	10000
/* The rest of config space is far from ASLS. */
#define CONFIG_LEN	272

struct vfio_region_info view_region(struct vfio_user *u, uint32_t index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (ioctl(u->device, VFIO_DEVICE_GET_REGION_INFO, &info))
		memset(&info, 0, sizeof(info));
	return info;
}

uint32_t view_region_count(struct vfio_user *u)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return ioctl(u->device, VFIO_DEVICE_GET_INFO, &info) ? 0 :
	       info.num_regions;
}

static long read_at(struct vfio_user *u, uint64_t offset, void *buf, size_t len)
{
	ssize_t ret = pread(u->device, buf, len, offset);

	return ret < 0 ? -errno : ret;
}

static long write_at(struct vfio_user *u, uint64_t offset, const void *buf,
		     size_t len)
{
	ssize_t ret = pwrite(u->device, buf, len, offset);

	return ret < 0 ? -errno : ret;
}

static void view_read(struct snapshot *s, struct vfio_user *u,
		      const struct vfio_region_info *info, uint64_t offset,
		      size_t len)
{
	uint8_t *buf = calloc(1, len + 1);
	long ret = read_at(u, info->offset + offset, buf, len);

	record_values(s, ret, buf, len, 1, 1, "region %u at 0x%llx, %zu bytes",
		      info->index, (unsigned long long)offset, len);
	free(buf);
}

/* In pieces of @width; the result is the first that is not whole. */
static void view_pieces(struct snapshot *s, struct vfio_user *u,
			const struct vfio_region_info *info, size_t width)
{
	size_t count = info->size / width, i;
	long ret, result = 0;
	uint8_t *values;

	if (count > READS_MAX)
		count = READS_MAX;
	values = calloc(count + 1, width);
	for (i = 0; i < count; i++) {
		ret = read_at(u, info->offset + i * width, values + i * width,
			      width);
		if (ret != (long)width && !result)
			result = ret;
	}
	record_values(s, result, values, count, width, width,
		      "region %u in pieces of %zu", info->index, width);
	free(values);
}

/* Around fields that are changed on the way, borders of pages and parts */
static void view_places(struct snapshot *s, struct vfio_user *u,
			const struct vfio_region_info *info)
{
	const uint64_t places[] = {
		0, 1, 2, 3, 0x15, 0x16, 0x17, 0x18, 0x3b9, 0x3ba, 0x3bb, 0x3bd,
		0x3c1, 0x3c2, 0x400, 0xffd, 0xfff, 0x1000, 0x1ffd, 0x1fff,
		0x2000, 0x2001, info->size - 5, info->size - 1, info->size,
		info->size + 1, info->size + PAGE,
	};
	static const size_t lens[] = {
		1, 2, 3, 4, 5, 7, 8, 9, 16, 0x3a4, 0x1000, 0x1001, 0x2000, 0x5000,
	};
	size_t i, j;

	for (i = 0; i < COUNT(places); i++) {
		for (j = 0; j < COUNT(lens); j++)
			view_read(s, u, info, places[i], lens[j]);
	}
}

static void view_refusals(struct snapshot *s, struct vfio_user *u,
			  const struct vfio_region_info *info)
{
	uint64_t far = view_region(u, 1).offset - view_region(u, 0).offset;
	static const uint64_t ones = ~0ULL;
	void *nowhere = (void *)-PAGE, *map;
	uint32_t i = info->index;
	uint8_t byte = 0;

	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, u->device, info->offset);
	record(s, map == MAP_FAILED ? -errno : 0, "region %u mmap", i);
	if (map != MAP_FAILED)
		munmap(map, PAGE);
	record(s, write_at(u, info->offset, &ones, 8), "region %u write", i);
	record(s, write_at(u, info->offset + 3, &ones, 1), "region %u write byte", i);
	record(s, write_at(u, info->offset, &ones, 0), "region %u write nothing", i);
	record(s, write_at(u, info->offset + info->size, &ones, 4), "region %u write at the end", i);
	record(s, write_at(u, info->offset, nowhere, 4), "region %u write from nowhere", i);
	record(s, read_at(u, info->offset, &byte, 0), "region %u read nothing", i);
	record(s, read_at(u, info->offset, nowhere, 4), "region %u read to nowhere", i);
	record(s, read_at(u, info->offset + far - 1, &byte, 1), "region %u read far beyond", i);
}

void view_regions(struct snapshot *s, struct vfio_user *u)
{
	static const size_t widths[] = { 1, 2, 4, 8, 3, 96, 4096 };
	struct vfio_region_info *full = malloc(VFIO_INFO_LEN), info;
	uint32_t i, count = view_region_count(u);
	size_t w;
	int ret;

	record(s, count, "number of regions");
	for (i = 0; i < count + 2; i++) {
		ret = vfio_region_info(u, i, full);
		record_values(s, ret, full, VFIO_INFO_LEN, 1, 1,
			      "region %u info", i);
	}
	free(full);

	for (i = OPREGION; i < count; i++) {
		info = view_region(u, i);
		view_read(s, u, &info, 0, info.size);
		view_read(s, u, &info, 0, info.size + 100);
		for (w = 0; w < COUNT(widths); w++)
			view_pieces(s, u, &info, widths[w]);
		view_places(s, u, &info);
		view_refusals(s, u, &info);
	}
}

static void view_config_bytes(struct snapshot *s, struct vfio_user *u,
			      const char *when)
{
	struct vfio_region_info info = view_region(u, CONFIG);
	uint8_t values[CONFIG_LEN];
	size_t width, i;
	long result;

	for (width = 1; width <= 4; width *= 2) {
		memset(values, 0, sizeof(values));
		result = 0;
		for (i = 0; i < sizeof(values); i += width) {
			if (read_at(u, info.offset + i, values + i, width) !=
			    (long)width)
				result = -EIO;
		}
		record_values(s, result, values, sizeof(values) / width, width,
			      width, "config %s, pieces of %zu", when, width);
	}
}

/* Each access that touches ASLS, or comes near it */
static void view_asls(struct snapshot *s, struct vfio_user *u, uint64_t config)
{
	uint8_t data[8], seen[16];
	uint64_t at;
	size_t len, i;
	long ret;

	for (at = 0xf8; at <= 0xff; at++) {
		for (len = 1; len <= 8; len++) {
			for (i = 0; i < len; i++)
				data[i] = 0x11 + at * 13 + len * 7 + i * 31;
			ret = write_at(u, config + at, data, len);
			memset(seen, 0, sizeof(seen));
			read_at(u, config + 0xf4, seen, sizeof(seen));
			record_values(s, ret, seen, sizeof(seen), 1, 1,
				      "config written at 0x%llx, %zu bytes",
				      (unsigned long long)at, len);
			memset(seen, 0, sizeof(seen));
			ret = read_at(u, config + at, seen, len);
			record_values(s, ret, seen, sizeof(seen), 1, 1,
				      "config read at 0x%llx, %zu bytes",
				      (unsigned long long)at, len);
		}
	}
}

void view_config(struct snapshot *s, struct vfio_user *u)
{
	uint64_t config = view_region(u, CONFIG).offset;

	view_config_bytes(s, u, "at first");
	view_asls(s, u, config);
	view_config_bytes(s, u, "after writes");
	record(s, vfio_reset(u), "reset");
	view_config_bytes(s, u, "after a reset");
	record(s, write_at(u, config + ASLS, (void *)-PAGE, 4), "ASLS from nowhere");
	record(s, read_at(u, config + ASLS, (void *)-PAGE, 4), "ASLS to nowhere");
}
