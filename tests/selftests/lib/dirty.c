// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dirty.h"

#define PAGE	4096

static int dirty_pages(struct vfio_user *u, void *arg)
{
	return ioctl(u->container, VFIO_IOMMU_DIRTY_PAGES, arg) < 0 ? -errno : 0;
}

int container_start(struct vfio_user *u)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};

	return dirty_pages(u, &dirty);
}

int container_stop(struct vfio_user *u)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
	};

	return dirty_pages(u, &dirty);
}

static struct vfio_bitmap bitmap_for(uint64_t size, uint64_t *bitmap)
{
	return (struct vfio_bitmap){
		.pgsize = PAGE,
		.size = DIRTY_WORDS(size / PAGE) * sizeof(*bitmap),
		.data = (void *)bitmap,
	};
}

int container_query(struct vfio_user *u, uint64_t iova, uint64_t size,
		    uint64_t *bitmap)
{
	size_t i, words = DIRTY_WORDS(size / PAGE);
	/* The container clears bits, too. */
	uint64_t *now = calloc(words, sizeof(*now));
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.dirty.argsz = sizeof(arg),
		.dirty.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		.get.iova = iova,
		.get.size = size,
		.get.bitmap = bitmap_for(size, now),
	};
	int ret = now ? dirty_pages(u, &arg) : -ENOMEM;

	for (i = 0; !ret && i < words; i++)
		bitmap[i] |= now[i];
	free(now);
	return ret;
}

int container_unmap(struct vfio_user *u, uint64_t iova, uint64_t size,
		    uint64_t *bitmap)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} arg = {
		.unmap.argsz = sizeof(arg),
		.unmap.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		.unmap.iova = iova,
		.unmap.size = size,
		.bitmap = bitmap_for(size, bitmap),
	};

	if (ioctl(u->container, VFIO_IOMMU_UNMAP_DMA, &arg) < 0)
		return -errno;
	return arg.unmap.size == size ? 0 : -EIO;
}

int log_start(struct vfio_user *u,
	      const struct vfio_device_feature_dma_logging_range *ranges,
	      uint32_t count, uint64_t *page_size)
{
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = *page_size,
		.num_ranges = count,
		.ranges = (uintptr_t)ranges,
	};
	int ret;

	ret = vfio_feature(u, VFIO_DEVICE_FEATURE_SET |
			   VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &control,
			   sizeof(control));
	*page_size = control.page_size;
	return ret;
}

int log_stop(struct vfio_user *u)
{
	return vfio_feature(u, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

int log_report(struct vfio_user *u, uint64_t iova, uint64_t length,
	       uint64_t page_size, uint64_t *bitmap)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.bitmap = (uintptr_t)bitmap,
	};

	return vfio_feature(u, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &report,
			    sizeof(report));
}

int log_probe(struct vfio_user *u)
{
	return vfio_feature(u, VFIO_DEVICE_FEATURE_PROBE |
			    VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0);
}
