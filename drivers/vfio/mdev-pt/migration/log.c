// SPDX-License-Identifier: GPL-2.0-only
/* The log of a device: a bitmap of written pages, which the user's query reads */

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../compat.h"
#include "log.h"

/*
 * One bit a page, in chunks. As many as cover 2 TB of memory in use; a guest that
 * has its device write all over an address space gets all of it reported instead.
 */
#define CHUNK_SHIFT	(PAGE_SHIFT + PAGE_SHIFT + 3)
#define CHUNK_PAGES	BIT(CHUNK_SHIFT - PAGE_SHIFT)
#define CHUNKS_MAX	16384

struct chunk {
	DECLARE_BITMAP(dirty, CHUNK_PAGES);
};

void mdev_pt_log_init(struct mdev_pt_log *log)
{
	xa_init_flags(&log->chunks, XA_FLAGS_ACCOUNT);
}

static struct chunk *log_add_chunk(struct mdev_pt_log *log, unsigned long index)
{
	struct chunk *chunk;

	if (log->nr_chunks == CHUNKS_MAX)
		return NULL;
	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;
	if (xa_err(xa_store(&log->chunks, index, chunk, GFP_KERNEL_ACCOUNT))) {
		kfree(chunk);
		return NULL;
	}
	log->nr_chunks++;
	return chunk;
}

void mdev_pt_log_add(struct mdev_pt_log *log, u64 page)
{
	unsigned long index = page / CHUNK_PAGES;
	struct chunk *chunk = xa_load(&log->chunks, index) ?:
			      log_add_chunk(log, index);

	if (chunk)
		__set_bit(page % CHUNK_PAGES, chunk->dirty);
	else
		log->all = true;
}

void mdev_pt_log_free(struct mdev_pt_log *log)
{
	struct chunk *chunk;
	unsigned long index;

	xa_for_each(&log->chunks, index, chunk)
		kfree(chunk);
	xa_destroy(&log->chunks);
	log->nr_chunks = 0;
	log->all = false;
}

#ifdef HAVE_VFIO_DMA_LOGGING
static void log_read_chunk(struct chunk *chunk, unsigned long first,
			   unsigned long begin, unsigned long end,
			   struct iova_bitmap *bitmap)
{
	unsigned long bit = begin;

	for_each_set_bit_from(bit, chunk->dirty, end) {
		iova_bitmap_set(bitmap, (first + bit) << PAGE_SHIFT, PAGE_SIZE);
		__clear_bit(bit, chunk->dirty);
	}
}

/* Reports the pages to @bitmap, and forgets them; @length is not 0. */
void mdev_pt_log_read(struct mdev_pt_log *log, unsigned long iova, size_t length,
		      struct iova_bitmap *bitmap)
{
	unsigned long page = iova >> PAGE_SHIFT;
	unsigned long last = (iova + length - 1) >> PAGE_SHIFT;
	unsigned long index, first;
	struct chunk *chunk;

	if (log->all) {
		iova_bitmap_set(bitmap, iova, length);
		return;
	}
	xa_for_each_range(&log->chunks, index, chunk, page / CHUNK_PAGES,
			  last / CHUNK_PAGES) {
		first = index * CHUNK_PAGES;
		log_read_chunk(chunk, first, max(page, first) - first,
			       min(last - first + 1, CHUNK_PAGES), bitmap);
	}
}
#endif
