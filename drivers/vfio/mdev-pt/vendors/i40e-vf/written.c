// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the function writes to the admin queues: descriptors that are done, and of
 * the queue from the PF their buffers
 *
 * The function's heads say how far it has come. Its own lock, for the thread that
 * marks must not wait for who attaches rings.
 */

#include <linux/pci.h>

#include "i40e_vf.h"

static u32 next(const struct i40e_vf_written *w, u32 index)
{
	return index + 1 >= w->entries ? 0 : index + 1;
}

static void mark_descriptors(struct i40e_vf *i40e, struct i40e_vf_written *w,
			     u32 first, u32 count)
{
	u64 size = sizeof(struct i40e_vf_desc);

	mdev_pt_mark_dirty(i40e->pt, w->base + first * size, count * size);
}

static void mark_buffer(struct i40e_vf *i40e, struct i40e_vf_written *w,
			u32 index)
{
	struct i40e_vf_buffer *buffer;

	if (!w->buffers)
		return;
	buffer = &w->buffers[index];
	mdev_pt_mark_dirty(i40e->pt, buffer->iova, buffer->len);
}

/* It may have written to any of them. */
static void mark_all(struct i40e_vf *i40e, struct i40e_vf_written *w)
{
	u32 i;

	mark_descriptors(i40e, w, 0, w->entries);
	for (i = 0; i < w->entries; i++)
		mark_buffer(i40e, w, i);
}

/* Before it is unmapped, somebody is to look. */
static void expect(struct i40e_vf *i40e, struct i40e_vf_written *w)
{
	u32 i;

	mdev_pt_expect_written(i40e->pt, w->base,
			       w->entries * sizeof(struct i40e_vf_desc));
	for (i = 0; w->buffers && i < w->entries; i++)
		mdev_pt_expect_written(i40e->pt, w->buffers[i].iova,
				       w->buffers[i].len);
}

static void mark(struct i40e_vf *i40e, struct i40e_vf_written *w, bool stopped)
{
	u32 head, len;

	if (!w->entries)
		return;
	expect(i40e, w);
	if (i40e_vf_read(i40e, w->len, &len) ||
	    i40e_vf_read(i40e, w->head, &head)) {
		/* The user has switched memory off: DMA goes on without it. */
		if (stopped)
			mark_all(i40e, w);
		return;
	}
	/* It was reset, and where it was before nobody knows. */
	if (!(len & VF_AQLEN_ENABLE)) {
		mark_all(i40e, w);
		w->entries = 0;
		return;
	}

	head &= VF_AQ_INDEX;
	while (head < w->entries && w->marked != head) {
		mark_descriptors(i40e, w, w->marked, 1);
		mark_buffer(i40e, w, w->marked);
		w->marked = next(w, w->marked);
	}
	/* In the middle of a message; descriptors may come late. */
	if (stopped) {
		mark_descriptors(i40e, w, 0, w->entries);
		mark_buffer(i40e, w, w->marked);
	}
}

void i40e_vf_mark_written(struct mdev_pt_device *pt, bool stopped)
{
	struct i40e_vf *i40e = pt->data;

	mutex_lock(&i40e->written_lock);
	mark(i40e, &i40e->written_atq, stopped);
	mark(i40e, &i40e->written_arq, stopped);
	mutex_unlock(&i40e->written_lock);
}

void i40e_vf_written_begin(struct i40e_vf *i40e, struct i40e_vf_written *w,
			   const struct i40e_vf_adminq *q)
{
	u32 entries = i40e_vf_entries(q), len;

	mutex_lock(&i40e->written_lock);
	/* Not if it has only taken note of an error. */
	if (w->base != q->base || w->entries != entries) {
		/* What came until now, and is in memory when the read is done */
		if (w->entries && !entries) {
			i40e_vf_read(i40e, w->len, &len);
			mark_all(i40e, w);
		}
		w->base = q->base;
		w->entries = entries;
		w->marked = q->head < entries ? q->head : 0;
	}
	mutex_unlock(&i40e->written_lock);
}

void i40e_vf_written_end(struct i40e_vf *i40e)
{
	mutex_lock(&i40e->written_lock);
	if (i40e->written_atq.entries)
		mark_all(i40e, &i40e->written_atq);
	if (i40e->written_arq.entries)
		mark_all(i40e, &i40e->written_arq);
	i40e->written_atq.entries = 0;
	i40e->written_arq.entries = 0;
	mutex_unlock(&i40e->written_lock);
}

void i40e_vf_posted(struct i40e_vf *i40e, u32 index, u64 iova, u16 len)
{
	struct i40e_vf_buffer *buffer = &i40e->written_arq.buffers[index];

	len = min_t(u16, len, I40E_VF_MESSAGE_MAX);
	mutex_lock(&i40e->written_lock);
	/* It was passed, even if the head could not be read. */
	if (buffer->iova != iova || buffer->len > len)
		mark_buffer(i40e, &i40e->written_arq, index);
	buffer->iova = iova;
	buffer->len = len;
	mdev_pt_expect_written(i40e->pt, iova, len);
	mutex_unlock(&i40e->written_lock);
}

struct i40e_vf_buffer i40e_vf_buffer(struct i40e_vf *i40e, u32 index)
{
	struct i40e_vf_buffer buffer;

	mutex_lock(&i40e->written_lock);
	buffer = i40e->written_arq.buffers[index];
	mutex_unlock(&i40e->written_lock);
	return buffer;
}
