// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "view.h"

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
void see_bars(struct view *v)
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
