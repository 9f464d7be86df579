/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A function that is open, with memory that it may reach by DMA; and how to
 * tell what it did to memory
 */
#ifndef _SELFTESTS_DMA_H
#define _SELFTESTS_DMA_H

#include <stdbool.h>

#include "function.h"
#include "vfio.h"

#define PAGE		4096UL
/* Above all of the memory that a lab host has, so never a physical address */
#define IOVA		0x1000000000ULL
#define MEMORY		(16 * PAGE)
/* Behind what nvme_start() and igbvf_start() want */
#define BUFFER		(4 * PAGE)
/* Within this time a fault is in the log. */
#define FAULT_MS	2000
#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/*
 * @memory: MEMORY bytes, at IOVA for the device
 * @buffer: the part of it from BUFFER on
 * @kmsg: what the kernel has logged since dma_open()
 */
struct dma {
	struct function function;
	struct vfio_user user;
	uint8_t *memory;
	uint8_t *buffer;
	int kmsg;
};

/* Why the function can't be used in this way on this machine, or NULL */
const char *dma_missing(enum vfio_way way);
/* 0 or -errno; function_take() comes before, and dma_close() after both. */
int dma_open(struct dma *dma, enum vfio_way way, const char *driver);
/* The part of dma_open() that opens what is offered, and maps the memory */
int dma_attach(struct dma *dma, enum vfio_way way);
int dma_close(struct dma *dma);

/* Locked, and all zeros; NULL if there is none */
void *memory_alloc(size_t size);
/* Where the memory of a virtual address is, 0 if that can't be had */
uint64_t physical(const void *p);
bool all_bytes(const uint8_t *p, uint8_t value, size_t len);
/* The IOMMU's own word for it that the function tried, and was stopped */
bool fault_logged(int kmsg, const char *bdf, uint64_t iova, int timeout_ms);

#endif /* _SELFTESTS_DMA_H */
