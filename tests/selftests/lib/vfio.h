/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VFIO user: one device, opened through its group and a type1 container or
 * through its character device and iommufd
 *
 * Every function returns 0 or -errno, unless it names something else, and
 * none ends the test: what failed is for the caller to say.
 */
#ifndef _SELFTESTS_VFIO_H
#define _SELFTESTS_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/vfio.h>

/* Room for an info struct with all the capabilities that follow it */
#define VFIO_INFO_LEN	4096

enum vfio_way {
	VFIO_WAY_GROUP,
	VFIO_WAY_CDEV,
};

/*
 * A file descriptor that is not open is -1.
 * @ioas: the address space of vfio_map_dma()
 * @id: the device's, with iommufd
 */
struct vfio_user {
	int container;
	int group;
	int iommufd;
	int device;
	uint32_t ioas;
	uint32_t id;
};

/*
 * @function: the PCI address; @name: what VFIO_GROUP_GET_DEVICE_FD is given,
 * the same PCI address or the UUID of the function's mdev.
 */
int vfio_open_group(struct vfio_user *u, const char *function,
		    const char *name);
/* The same, with iommufd as the container */
int vfio_open_group_iommufd(struct vfio_user *u, const char *function,
			    const char *name);
/* The same, in the container of another, whose mappings both then have */
int vfio_join_group(struct vfio_user *u, const struct vfio_user *other,
		    const char *function, const char *name);
/* @name: a PCI address, or an mdev's UUID. */
int vfio_open_cdev(struct vfio_user *u, const char *name);
/* The character device alone: a file descriptor */
int vfio_cdev(const char *name);
int vfio_open(struct vfio_user *u, enum vfio_way way, const char *function,
	      const char *name);
/* Also after a failed open: closes what is open, in the right order. */
void vfio_close(struct vfio_user *u);

/* For who opened a character device: it is attached to @ioas. */
int vfio_ioas_new(struct vfio_user *u, uint32_t *ioas);
/* Page tables of the user's own, with the mappings of @ioas */
int vfio_page_tables_new(struct vfio_user *u, uint32_t ioas, uint32_t *pt);
/* -EBUSY: somebody uses it */
int vfio_iommufd_destroy(struct vfio_user *u, uint32_t id);
/* To an address space, or to page tables, instead of what it has */
int vfio_attach(struct vfio_user *u, uint32_t pt);
int vfio_detach(struct vfio_user *u);

/* Has this kernel /dev/iommu, and character devices of VFIO? With vfio loaded. */
int vfio_have_cdev(void);

/* @flags: VFIO_DMA_MAP_FLAG_READ (by the device) and _WRITE. */
int vfio_map_dma(struct vfio_user *u, void *vaddr, uint64_t iova,
		 uint64_t size, uint32_t flags);
int vfio_unmap_dma(struct vfio_user *u, uint64_t iova, uint64_t size);

int vfio_irq_info(struct vfio_user *u, uint32_t index,
		  struct vfio_irq_info *info);
/* These two fill a buffer of VFIO_INFO_LEN bytes. */
int vfio_device_info(struct vfio_user *u, struct vfio_device_info *info);
int vfio_region_info(struct vfio_user *u, uint32_t index,
		     struct vfio_region_info *info);
/* Of a buffer that vfio_region_info() filled; NULL if there is none. */
const struct vfio_info_cap_header *
vfio_region_cap(const struct vfio_region_info *info, uint16_t id);

/* The number of bytes, or -errno */
ssize_t vfio_read(struct vfio_user *u, uint32_t region, uint64_t offset,
		  void *buf, size_t len);
ssize_t vfio_write(struct vfio_user *u, uint32_t region, uint64_t offset,
		   const void *buf, size_t len);
/* munmap() is the caller's. */
int vfio_mmap(struct vfio_user *u, uint32_t region, uint64_t offset,
	      size_t len, void **addr);

/* One eventfd for each of @count interrupts from @start on; -1 takes it away. */
int vfio_irq_eventfds(struct vfio_user *u, uint32_t index, uint32_t start,
		      uint32_t count, const int32_t *fds);
int vfio_irq_disable(struct vfio_user *u, uint32_t index);
/* Have the kernel signal interrupt @start itself. */
int vfio_irq_trigger(struct vfio_user *u, uint32_t index, uint32_t start);

/* A device that has just been opened may not do DMA. */
int vfio_bus_master(struct vfio_user *u, bool on);
/* The device decodes no memory, and may do DMA as before. */
int vfio_memory_off(struct vfio_user *u);

int vfio_reset(struct vfio_user *u);
/*
 * VFIO_DEVICE_FEATURE with @flags (which hold the number) and the payload;
 * returns what the feature returns, some of them a file descriptor.
 */
int vfio_feature(struct vfio_user *u, uint32_t flags, void *data, size_t len);

/* Waits until the eventfd was signalled: 0, or -ETIMEDOUT. */
int eventfd_wait(int fd, int timeout_ms);

#endif /* _SELFTESTS_VFIO_H */
