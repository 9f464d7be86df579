// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma.h"
#include "kmsg.h"

const char *dma_missing(enum vfio_way way)
{
	if (way == VFIO_WAY_CDEV && !vfio_have_cdev())
		return "this kernel has no iommufd, or no character devices of VFIO";
	if (access("/sys/class/iommu/dmar0", F_OK))
		return "no Intel IOMMU, whose messages these tests know";
	return NULL;
}

int dma_attach(struct dma *dma, enum vfio_way way)
{
	int ret;

	ret = vfio_open(&dma->user, way, dma->function.bdf,
			dma->function.name);
	if (ret)
		return ret;
	return vfio_map_dma(&dma->user, dma->memory, IOVA, MEMORY, READ_WRITE);
}

int dma_open(struct dma *dma, enum vfio_way way, const char *driver)
{
	int ret;

	dma->memory = memory_alloc(MEMORY);
	if (!dma->memory)
		return -ENOMEM;
	dma->buffer = dma->memory + BUFFER;
	dma->kmsg = kmsg_open();
	if (dma->kmsg < 0)
		return dma->kmsg;

	ret = function_offer(&dma->function, driver);
	return ret ? ret : dma_attach(dma, way);
}

int dma_close(struct dma *dma)
{
	vfio_close(&dma->user);
	return function_withdraw(&dma->function);
}

void *memory_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

uint64_t physical(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

bool all_bytes(const uint8_t *p, uint8_t value, size_t len)
{
	while (len--) {
		if (*p++ != value)
			return false;
	}
	return true;
}

bool fault_logged(int kmsg, const char *bdf, uint64_t iova, int timeout_ms)
{
	char message[128];

	/* Older kernels leave out the PCI domain. */
	snprintf(message, sizeof(message), "%.8s] fault addr 0x%llx ", bdf + 5,
		 (unsigned long long)iova);
	return kmsg_has(kmsg, "DMAR: [DMA Write", message, timeout_ms);
}
