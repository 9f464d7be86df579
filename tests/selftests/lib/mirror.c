// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dirty.h"
#include "mirror.h"

int mirror_map(struct mirror *m, struct vfio_user *u, uint64_t iova, size_t size)
{
	m->iova = iova;
	m->size = size;
	m->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m->memory == MAP_FAILED) {
		m->memory = NULL;
		return -ENOMEM;
	}
	m->copy = malloc(size);
	m->written = calloc(size / PAGE, 1);
	if (!m->copy || !m->written)
		return -ENOMEM;
	return vfio_map_dma(u, m->memory, iova, size,
			    VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

void mirror_free(struct mirror *m)
{
	if (m->memory)
		munmap(m->memory, m->size);
	free(m->copy);
	free(m->written);
	memset(m, 0, sizeof(*m));
}

void mirror_begin(struct mirror *m)
{
	memcpy(m->copy, m->memory, m->size);
	memset(m->written, 0, m->size / PAGE);
}

static bool differs(const struct mirror *m, size_t page)
{
	return memcmp(m->memory + page * PAGE, m->copy + page * PAGE, PAGE);
}

void mirror_take(struct mirror *m, const uint64_t *bitmap,
		 struct mirror_count *count)
{
	size_t page;

	for (page = 0; page < m->size / PAGE; page++) {
		bool reported = bitmap[page / 64] >> page % 64 & 1;
		/* Before it is copied: what comes later is reported later. */
		bool written = __atomic_exchange_n(&m->written[page], 0,
						   __ATOMIC_SEQ_CST);

		count->pages++;
		count->reported += reported;
		if (differs(m, page))
			count->changed++;
		if (reported || written)
			memcpy(m->copy + page * PAGE, m->memory + page * PAGE,
			       PAGE);
		if (differs(m, page))
			count->missed++;
	}
}

int mirror_sync(struct mirror *m, struct vfio_user *u, enum tracking tracking,
		struct mirror_count *count)
{
	uint64_t *bitmap = calloc(DIRTY_WORDS(m->size / PAGE), 8);
	int ret;

	if (!bitmap)
		return -ENOMEM;
	if (tracking == CONTAINER)
		ret = container_query(u, m->iova, m->size, bitmap);
	else
		ret = log_report(u, m->iova, m->size, PAGE, bitmap);
	if (!ret)
		mirror_take(m, bitmap, count);
	free(bitmap);
	return ret;
}
