/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of the vfio-user protocol 0.0, in the byte order of the host
 *
 * What is not here has the layout of <linux/vfio.h>.
 */
#ifndef _MODELS_PROTOCOL_H
#define _MODELS_PROTOCOL_H

#include <stdint.h>

enum vfio_user_command {
	VFIO_USER_VERSION			= 1,
	VFIO_USER_DMA_MAP			= 2,
	VFIO_USER_DMA_UNMAP			= 3,
	VFIO_USER_DEVICE_GET_INFO		= 4,
	VFIO_USER_DEVICE_GET_REGION_INFO	= 5,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS	= 6,
	VFIO_USER_DEVICE_GET_IRQ_INFO		= 7,
	VFIO_USER_DEVICE_SET_IRQS		= 8,
	VFIO_USER_REGION_READ			= 9,
	VFIO_USER_REGION_WRITE			= 10,
	VFIO_USER_DMA_READ			= 11,
	VFIO_USER_DMA_WRITE			= 12,
	VFIO_USER_DEVICE_RESET			= 13,
	VFIO_USER_DIRTY_PAGES			= 14,
	VFIO_USER_REGION_WRITE_MULTI		= 15,
};

#define VFIO_USER_TYPE		0xf
#define VFIO_USER_TYPE_COMMAND	0x0
#define VFIO_USER_TYPE_REPLY	0x1
#define VFIO_USER_NO_REPLY	0x10
#define VFIO_USER_ERROR		0x20

/* @size: of the message, with this header */
struct vfio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
};

/* JSON text follows, with its NUL, or nothing. */
struct vfio_user_version {
	uint16_t major;
	uint16_t minor;
	char data[];
};

/* The kernel's structure has grown since. */
struct vfio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t num_regions;
	uint32_t num_irqs;
};

struct vfio_user_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[];
};

struct vfio_user_write {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[8];
};

struct vfio_user_write_multi {
	uint64_t count;
	struct vfio_user_write writes[];
};

struct vfio_user_dma_access {
	uint64_t address;
	uint64_t count;
	uint8_t data[];
};

/* The limits that a peer has unless it says otherwise */
#define VFIO_USER_MAX_XFER	(1024 * 1024)

/* Ours. QEMU refuses a server that takes more than 16 fds. */
#define MAX_FDS			16
#define MAX_MAPS		32768
#define MAX_PAYLOAD \
	(VFIO_USER_MAX_XFER + sizeof(struct vfio_user_region_access))

#endif /* _MODELS_PROTOCOL_H */
