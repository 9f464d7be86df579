// SPDX-License-Identifier: GPL-2.0-only
/* Config space and BARs, as regions that are read, written and mapped */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

static uint64_t region_size(const struct model *m, uint32_t region)
{
	if (region < MODEL_BARS)
		return m->device->bars[region].size;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return m->device->config_size;
	return 0;
}

void *model_bar_memory(struct model *m, unsigned int bar)
{
	return m->bars[bar].memory;
}

/*
 * How many of the @len bytes at @offset are alike, memory or not; *@memory says
 * which.
 */
static size_t alike(const struct model_bar *bar, uint64_t offset, size_t len,
		    bool *memory)
{
	const struct model_range *r;
	uint64_t end = offset + len;
	size_t i;

	*memory = false;
	for (i = 0; i < bar->num_memory; i++) {
		r = &bar->memory[i];
		if (offset < r->offset) {
			end = end < r->offset ? end : r->offset;
			break;
		}
		if (offset < r->offset + r->size) {
			*memory = true;
			if (end > r->offset + r->size)
				end = r->offset + r->size;
			break;
		}
	}
	return end - offset;
}

static void trap(struct model *m, unsigned int index, uint64_t offset,
		 uint8_t *buf, unsigned int width, bool write)
{
	const struct model_bar *bar = &m->device->bars[index];

	if (write && bar->write)
		bar->write(m, index, offset, get_le(buf, width), width);
	if (!write)
		put_le(buf, width,
		       bar->read ? bar->read(m, index, offset, width) : 0);
}

/* In accesses as a CPU would make them */
static void trap_all(struct model *m, unsigned int index, uint64_t offset,
		     uint8_t *buf, size_t len, bool write)
{
	unsigned int width;

	for (; len; offset += width, buf += width, len -= width) {
		width = 8;
		while (width > len || offset % width)
			width /= 2;
		trap(m, index, offset, buf, width, write);
	}
}

static void access_bar(struct model *m, unsigned int index, uint64_t offset,
		       uint8_t *buf, size_t len, bool write)
{
	uint8_t *memory = m->bars[index].memory;
	bool is_memory;
	size_t n;

	for (; len; offset += n, buf += n, len -= n) {
		n = alike(&m->device->bars[index], offset, len, &is_memory);
		if (!is_memory)
			trap_all(m, index, offset, buf, n, write);
		else if (write)
			memcpy(memory + offset, buf, n);
		else
			memcpy(buf, memory + offset, n);
	}
}

static int access_region(struct model *m, uint32_t region, uint64_t offset,
			 uint8_t *buf, uint32_t count, bool write)
{
	uint64_t size = region_size(m, region);

	if (!size || offset > size || count > size - offset)
		return -EINVAL;
	if (region != VFIO_PCI_CONFIG_REGION_INDEX)
		access_bar(m, region, offset, buf, count, write);
	else if (write)
		config_write(m, offset, buf, count);
	else
		config_read(m, offset, buf, count);
	return 0;
}

int region_read(struct model *m, struct message *msg)
{
	const struct vfio_user_region_access *request = (void *)msg->payload;
	struct vfio_user_region_access *reply;

	if (request->count > VFIO_USER_MAX_XFER)
		return -EINVAL;
	reply = message_reply(msg, sizeof(*reply) + request->count);
	if (!reply)
		return -ENOMEM;
	*reply = *request;
	return access_region(m, request->region, request->offset, reply->data,
			     request->count, false);
}

int region_write(struct model *m, struct message *msg)
{
	struct vfio_user_region_access *request = (void *)msg->payload;
	struct vfio_user_region_access *reply;
	int ret;

	if (request->count != msg->len - sizeof(*request))
		return -EINVAL;
	ret = access_region(m, request->region, request->offset, request->data,
			    request->count, true);
	if (ret)
		return ret;
	reply = message_reply(msg, sizeof(*reply));
	if (!reply)
		return -ENOMEM;
	*reply = *request;
	return 0;
}

int region_write_multi(struct model *m, struct message *msg)
{
	struct vfio_user_write_multi *request = (void *)msg->payload;
	size_t len = msg->len - sizeof(*request);
	struct vfio_user_write *w = request->writes;
	uint64_t *reply;
	uint64_t i;
	int ret;

	if (len % sizeof(*w) || len / sizeof(*w) != request->count)
		return -EINVAL;
	for (i = 0; i < request->count; i++, w++) {
		if (w->count > sizeof(w->data))
			return -EINVAL;
		ret = access_region(m, w->region, w->offset, w->data, w->count,
				    true);
		if (ret)
			return ret;
	}
	reply = message_reply(msg, sizeof(*reply));
	if (!reply)
		return -ENOMEM;
	*reply = request->count;
	return 0;
}

static void put_sparse(struct vfio_region_info_cap_sparse_mmap *cap,
		       const struct model_bar *bar)
{
	size_t i;

	cap->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	cap->header.version = 1;
	cap->nr_areas = bar->num_memory;
	for (i = 0; i < bar->num_memory; i++) {
		cap->areas[i].offset = bar->memory[i].offset;
		cap->areas[i].size = bar->memory[i].size;
	}
}

/* A client with less room than the capability needs asks again. */
static int put_memory(struct model *m, struct message *msg, uint32_t room)
{
	struct vfio_region_info *info = msg->reply;
	const struct model_bar *bar = &m->device->bars[info->index];
	struct vfio_region_info_cap_sparse_mmap *cap;

	info->argsz += sizeof(*cap) + bar->num_memory * sizeof(cap->areas[0]);
	info->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	info->cap_offset = sizeof(*info);
	msg->reply_fd = m->bars[info->index].memfd;
	if (room < info->argsz)
		return 0;
	info = realloc(info, info->argsz);
	if (!info)
		return -ENOMEM;
	msg->reply = info;
	msg->reply_len = info->argsz;
	cap = (void *)(info + 1);
	memset(cap, 0, info->argsz - sizeof(*info));
	put_sparse(cap, bar);
	return 0;
}

int region_info(struct model *m, struct message *msg)
{
	const struct vfio_region_info *request = (void *)msg->payload;
	struct vfio_region_info *info;

	if (request->argsz < sizeof(*info) ||
	    request->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info = message_reply(msg, sizeof(*info));
	if (!info)
		return -ENOMEM;
	info->argsz = sizeof(*info);
	info->index = request->index;
	info->size = region_size(m, request->index);
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE;
	if (info->index >= MODEL_BARS || !m->bars[info->index].memory)
		return 0;
	return put_memory(m, msg, request->argsz);
}

/* Sealed: a client that shrinks it would take the pages from under us. */
static int create_memory(struct bar *b, uint64_t size)
{
	b->memfd = memfd_create("bar", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->memfd < 0)
		return -errno;
	if (ftruncate(b->memfd, size) ||
	    fcntl(b->memfd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	b->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE, b->memfd, 0);
	if (b->memory == MAP_FAILED) {
		b->memory = NULL;
		return -errno;
	}
	return 0;
}

static bool is_sound(const struct model_bar *bar)
{
	uint64_t end = 0;
	size_t i;

	if (bar->size & (bar->size - 1) || (bar->size && bar->size < 16))
		return false;
	for (i = 0; i < bar->num_memory; i++) {
		const struct model_range *r = &bar->memory[i];

		if ((r->offset | r->size) % PAGE || r->offset < end ||
		    r->offset > bar->size || r->size > bar->size - r->offset)
			return false;
		end = r->offset + r->size;
	}
	return true;
}

int region_init(struct model *m)
{
	const struct model_bar *bar;
	unsigned int i;
	int ret;

	for (i = 0; i < MODEL_BARS; i++)
		m->bars[i].memfd = -1;
	for (i = 0; i < MODEL_BARS; i++) {
		bar = &m->device->bars[i];
		if (!is_sound(bar))
			return -EINVAL;
		ret = bar->num_memory ? create_memory(&m->bars[i], bar->size) :
					0;
		if (ret)
			return ret;
	}
	return 0;
}

void region_exit(struct model *m)
{
	unsigned int i;

	for (i = 0; i < MODEL_BARS; i++) {
		if (m->bars[i].memory)
			munmap(m->bars[i].memory, m->device->bars[i].size);
		if (m->bars[i].memfd >= 0)
			close(m->bars[i].memfd);
	}
}
