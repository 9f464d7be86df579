// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's memory
 *
 * With an IOMMU in between each mapping comes by itself, a page here and a page
 * there, so they are in a balanced tree. Two keys that overlap are equal to it:
 * that is an order, as no two mappings do.
 */

#include <errno.h>
#include <search.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "internal.h"

/* @last: the last byte, so that the end of the address space is no case */
struct mapping {
	uint64_t first;
	uint64_t last;
	uint32_t flags;
	uint8_t *memory;
};

static sigjmp_buf * volatile fault;

/* A client can shrink the file that it gave us. */
static void on_sigbus(int number)
{
	if (fault)
		siglongjmp(*fault, 1);
	signal(number, SIG_DFL);
	raise(number);
}

int dma_init(void)
{
	struct sigaction action = {
		.sa_handler = on_sigbus,
		.sa_flags = SA_NODEFER,
	};

	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

static int copy(void *to, const void *from, size_t len)
{
	sigjmp_buf env;

	if (sigsetjmp(env, 0)) {
		fault = NULL;
		return -EFAULT;
	}
	fault = &env;
	memcpy(to, from, len);
	fault = NULL;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	if (x->last < y->first)
		return -1;
	return x->first > y->last;
}

/* Any mapping with a byte of the range */
static struct mapping *find(struct model *m, uint64_t first, uint64_t last)
{
	struct mapping key = { .first = first, .last = last };
	struct mapping **node = tfind(&key, &m->maps, compare);

	return node ? *node : NULL;
}

static size_t mapping_size(const struct mapping *map)
{
	return map->last - map->first + 1;
}

static void free_mapping(void *p)
{
	struct mapping *map = p;

	if (map->memory)
		munmap(map->memory, mapping_size(map));
	free(map);
}

static int map_file(struct mapping *map, int fd, uint64_t offset)
{
	uint64_t size = mapping_size(map);
	struct stat st;
	int prot = 0;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || offset > (uint64_t)st.st_size ||
	    size > st.st_size - offset)
		return -EINVAL;
	if (map->flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= PROT_READ;
	if (map->flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= PROT_WRITE;
	map->memory = mmap(NULL, size, prot, MAP_SHARED | MAP_NORESERVE, fd,
			   offset);
	if (map->memory == MAP_FAILED) {
		map->memory = NULL;
		return -errno;
	}
	return 0;
}

static bool is_range(uint64_t iova, uint64_t size)
{
	return size && !((iova | size) % PAGE) && iova + size - 1 >= iova;
}

static int insert(struct model *m, struct mapping *map, struct message *msg,
		  uint64_t offset)
{
	int ret;

	if (msg->num_fds) {
		ret = map_file(map, msg->fds[0], offset);
		if (ret)
			return ret;
	}
	if (!tsearch(map, &m->maps, compare))
		return -ENOMEM;
	m->num_maps++;
	return 0;
}

/* In this message @vaddr is the offset in the file. */
int dma_map(struct model *m, struct message *msg)
{
	const struct vfio_iommu_type1_dma_map *request = (void *)msg->payload;
	const uint32_t access = VFIO_DMA_MAP_FLAG_READ |
				VFIO_DMA_MAP_FLAG_WRITE;
	struct mapping *map;
	int ret;

	if (request->argsz < sizeof(*request) ||
	    !is_range(request->iova, request->size) ||
	    !(request->flags & access) || request->flags & ~access)
		return -EINVAL;
	if (m->num_maps == MAX_MAPS)
		return -ENOSPC;
	if (find(m, request->iova, request->iova + request->size - 1))
		return -EEXIST;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->first = request->iova;
	map->last = request->iova + request->size - 1;
	map->flags = request->flags;
	ret = insert(m, map, msg, request->vaddr);
	if (ret)
		free_mapping(map);
	return ret;
}

static bool is_cut(struct model *m, uint64_t first, uint64_t last)
{
	const struct mapping *a = find(m, first, first);
	const struct mapping *b = find(m, last, last);

	return (a && a->first < first) || (b && b->last > last);
}

static uint64_t unmap_range(struct model *m, uint64_t first, uint64_t last)
{
	struct mapping *map;
	uint64_t size = 0;

	while ((map = find(m, first, last))) {
		size += mapping_size(map);
		tdelete(map, &m->maps, compare);
		free_mapping(map);
		m->num_maps--;
	}
	return size;
}

void dma_unmap_all(struct model *m)
{
	tdestroy(m->maps, free_mapping);
	m->maps = NULL;
	m->num_maps = 0;
}

/*
 * An IOMMU that drops its translations unmaps whatever there may be: as with
 * the kernel's VFIO a range with many mappings or none is fine, one that cuts a
 * mapping is not.
 */
int dma_unmap(struct model *m, struct message *msg)
{
	const struct vfio_iommu_type1_dma_unmap *request = (void *)msg->payload;
	bool all = request->flags & VFIO_DMA_UNMAP_FLAG_ALL;
	struct vfio_iommu_type1_dma_unmap *reply;
	uint64_t last = request->iova + request->size - 1;

	if (request->argsz < sizeof(*request) ||
	    request->flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (all ? request->iova || request->size :
		  !is_range(request->iova, request->size) ||
		  is_cut(m, request->iova, last))
		return -EINVAL;
	reply = message_reply(msg, sizeof(*reply));
	if (!reply)
		return -ENOMEM;
	*reply = *request;
	if (all)
		dma_unmap_all(m);
	else
		reply->size = unmap_range(m, request->iova, last);
	return 0;
}

/* By message, when the client gave no file */

static int call_read(struct model *m, uint64_t iova, void *buf, size_t len)
{
	struct vfio_user_dma_access access = { .address = iova, .count = len };
	const struct vfio_user_dma_access *reply;
	struct message *msg;
	int ret = -EIO;

	msg = connection_call(&m->connection, VFIO_USER_DMA_READ, &access,
			      sizeof(access), NULL, 0);
	if (!msg)
		return -ETIMEDOUT;
	reply = (void *)msg->payload;
	if (!(msg->header.flags & VFIO_USER_ERROR) &&
	    msg->len == sizeof(*reply) + len && reply->count == len) {
		memcpy(buf, reply->data, len);
		ret = 0;
	}
	message_free(msg);
	return ret;
}

static int call_write(struct model *m, uint64_t iova, const void *buf,
		      size_t len)
{
	struct vfio_user_dma_access access = { .address = iova, .count = len };
	struct message *msg;
	int ret;

	msg = connection_call(&m->connection, VFIO_USER_DMA_WRITE, &access,
			      sizeof(access), buf, len);
	if (!msg)
		return -ETIMEDOUT;
	ret = msg->header.flags & VFIO_USER_ERROR ? -EIO : 0;
	message_free(msg);
	return ret;
}

static bool is_allowed(struct model *m, uint64_t iova, size_t len,
		       uint32_t flag)
{
	const struct mapping *map;
	uint64_t last = iova + len - 1;

	if (last < iova)
		return false;
	for (;;) {
		map = find(m, iova, iova);
		if (!map || !(map->flags & flag))
			return false;
		if (map->last >= last)
			return true;
		iova = map->last + 1;
	}
}

/* The part of a transfer that is in one mapping, and in one message */
static size_t part(const struct model *m, const struct mapping *map,
		   uint64_t iova, size_t len)
{
	if (len - 1 > map->last - iova)
		len = map->last - iova + 1;
	if (!map->memory && len > m->connection.max_xfer)
		len = m->connection.max_xfer;
	return len;
}

static int transfer_part(struct model *m, const struct mapping *map,
			 uint64_t iova, void *buf, size_t len, uint32_t flag)
{
	bool read = flag == VFIO_DMA_MAP_FLAG_READ;
	uint8_t *memory;

	if (!map->memory)
		return read ? call_read(m, iova, buf, len) :
			      call_write(m, iova, buf, len);
	memory = map->memory + (iova - map->first);
	return read ? copy(buf, memory, len) : copy(memory, buf, len);
}

/* @flag: the permission that it takes */
static int transfer(struct model *m, uint64_t iova, uint8_t *buf, size_t len,
		    uint32_t flag)
{
	const struct mapping *map;
	int ret = 0;
	size_t n;

	if (len && !is_allowed(m, iova, len, flag))
		return -EFAULT;
	for (; len && !ret; iova += n, buf += n, len -= n) {
		map = find(m, iova, iova);
		n = part(m, map, iova, len);
		ret = transfer_part(m, map, iova, buf, n, flag);
	}
	return ret;
}

int model_dma_read(struct model *m, uint64_t iova, void *buf, size_t len)
{
	return transfer(m, iova, buf, len, VFIO_DMA_MAP_FLAG_READ);
}

int model_dma_write(struct model *m, uint64_t iova, const void *buf,
		    size_t len)
{
	return transfer(m, iova, (void *)buf, len, VFIO_DMA_MAP_FLAG_WRITE);
}
