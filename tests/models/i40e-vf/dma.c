// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA, and which pages it wrote: a test can hold this against what somebody
 * else says is dirty
 *
 * The pages are a hash table with open addressing; a page's key is its number
 * plus one, as 0 is an empty slot.
 */

#include <errno.h>
#include <stdlib.h>

#include "vf.h"

#define PAGE_SHIFT	12
#define FIRST_SIZE	1024
#define EMPTY		0

static size_t slot(const struct dirty_pages *d, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15ULL >> 32) & (d->size - 1);

	while (d->pages[i] != EMPTY && d->pages[i] != key)
		i = (i + 1) & (d->size - 1);
	return i;
}

static bool grow(struct dirty_pages *d)
{
	struct dirty_pages bigger = {
		.size = d->size ? 2 * d->size : FIRST_SIZE,
		.used = d->used,
	};
	size_t i;

	bigger.pages = calloc(bigger.size, sizeof(*bigger.pages));
	if (!bigger.pages)
		return false;
	for (i = 0; i < d->size; i++)
		if (d->pages[i] != EMPTY)
			bigger.pages[slot(&bigger, d->pages[i])] = d->pages[i];
	free(d->pages);
	*d = bigger;
	return true;
}

static void remember(struct dirty_pages *d, uint64_t page)
{
	uint64_t key = page + 1;
	size_t i;

	/* An oracle that forgets is worse than none. */
	if (2 * d->used >= d->size && !grow(d))
		abort();
	i = slot(d, key);
	if (d->pages[i] == key)
		return;
	d->pages[i] = key;
	d->used++;
}

/* Bus mastering is for interrupts, too: they are writes. */
bool dma_enabled(const struct vf *vf)
{
	return model_config_get(vf->model, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

int dma_read(struct vf *vf, uint64_t iova, void *buf, size_t len)
{
	int ret = -EPERM;

	if (!len)
		return 0;
	if (dma_enabled(vf))
		ret = model_dma_read(vf->model, iova, buf, len);
	if (ret)
		vf->events.dma_errors++;
	return ret;
}

int dma_write(struct vf *vf, uint64_t iova, const void *buf, size_t len)
{
	uint64_t page;
	int ret = -EPERM;

	if (!len)
		return 0;
	if (dma_enabled(vf))
		ret = model_dma_write(vf->model, iova, buf, len);
	if (ret) {
		vf->events.dma_errors++;
		return ret;
	}
	for (page = iova >> PAGE_SHIFT;
	     page <= (iova + len - 1) >> PAGE_SHIFT; page++)
		remember(&vf->dirty, page);
	return 0;
}

void dirty_exit(struct vf *vf)
{
	free(vf->dirty.pages);
	vf->dirty = (struct dirty_pages){ 0 };
}

void dirty_clear(struct vf *vf)
{
	dirty_exit(vf);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void dirty_for_each(struct vf *vf,
		    void (*run)(uint64_t iova, uint64_t len, void *arg),
		    void *arg)
{
	const struct dirty_pages *d = &vf->dirty;
	size_t i, n = 0, first = 0;
	uint64_t *sorted = calloc(d->used + 1, sizeof(*sorted));

	if (!sorted)
		return;
	for (i = 0; i < d->size; i++)
		if (d->pages[i] != EMPTY)
			sorted[n++] = d->pages[i] - 1;
	qsort(sorted, n, sizeof(*sorted), compare);
	for (i = 1; i <= n; i++) {
		if (i < n && sorted[i] == sorted[i - 1] + 1)
			continue;
		run(sorted[first] << PAGE_SHIFT, (i - first) << PAGE_SHIFT,
		    arg);
		first = i;
	}
	free(sorted);
}
