// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

struct raw_write raw_write(uint16_t id, uint32_t flags, uint64_t offset,
			   uint32_t value)
{
	return (struct raw_write){
		.header = {
			.id = id,
			.command = VFIO_USER_REGION_WRITE,
			.size = sizeof(struct raw_write),
			.flags = flags,
		},
		.offset = offset,
		.region = VFIO_PCI_BAR0_REGION_INDEX,
		.count = 4,
		.value = value,
	};
}

int client_connect(struct client *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = CLIENT_TIMEOUT_MS / 1000 };

	memset(c, 0, sizeof(*c));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
		       sizeof(timeout)) ||
	    connect(c->fd, (void *)&address, sizeof(address)))
		return -errno;
	return 0;
}

int client_open(struct client *c, const char *path)
{
	const struct vfio_user_version version = { 0 };
	int ret = client_connect(c, path);

	return ret ? ret : client_call(c, VFIO_USER_VERSION, &version,
				       sizeof(version), NULL, 0, NULL);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int client_send(struct client *c, const void *buf, size_t len, const int *fds,
		unsigned int num_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(253 * sizeof(int))];
	struct iovec iov = { (void *)buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (num_fds) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, num_fds * sizeof(int));
	}
	while (iov.iov_len) {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EPIPE ? -ECONNRESET : -errno;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= n;
		msg.msg_controllen = 0;
	}
	return 0;
}

static int receive_all(struct client *c, void *buf, size_t len, int *fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	while (iov.iov_len) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0)
			return -errno;
		if (!n)
			return -ECONNRESET;
		cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg)
			memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= n;
	}
	return 0;
}

int client_receive(struct client *c, struct reply *r)
{
	int ret;

	r->fd = -1;
	r->len = 0;
	ret = receive_all(c, &r->header, sizeof(r->header), &r->fd);
	if (ret)
		return ret;
	if (r->header.size < sizeof(r->header) ||
	    r->header.size - sizeof(r->header) > sizeof(r->payload))
		return -EBADMSG;
	r->len = r->header.size - sizeof(r->header);
	return receive_all(c, r->payload, r->len, &r->fd);
}

bool client_closed(struct client *c)
{
	char buf[4096];
	ssize_t n;

	do
		n = recv(c->fd, buf, sizeof(buf), 0);
	while (n > 0);
	return !n || errno == ECONNRESET;
}

static int answer_dma(struct client *c, struct reply *r)
{
	struct vfio_user_dma_access *access = (void *)r->payload;
	uint64_t offset = access->address - c->memory_iova;
	size_t len = sizeof(r->header) + sizeof(*access);
	int ret;

	c->dma_calls++;
	r->header.flags = VFIO_USER_TYPE_REPLY;
	if (offset > c->memory_len || access->count > c->memory_len - offset) {
		r->header.flags |= VFIO_USER_ERROR;
		r->header.error = EFAULT;
		len = sizeof(r->header);
	} else if (r->header.command == VFIO_USER_DMA_READ) {
		memcpy(access->data, c->memory + offset, access->count);
		len += access->count;
	} else {
		memcpy(c->memory + offset, access->data, access->count);
	}
	r->header.size = len;
	ret = client_send(c, &r->header, sizeof(r->header), NULL, 0);
	return ret ? ret : client_send(c, r->payload, len - sizeof(r->header),
				       NULL, 0);
}

static int wait_reply(struct client *c, struct reply *r)
{
	int ret;

	for (;;) {
		ret = client_receive(c, r);
		if (ret || r->header.flags & VFIO_USER_TYPE)
			return ret;
		ret = answer_dma(c, r);
		if (ret)
			return ret;
	}
}

static int check_reply(const struct client *c, uint16_t command,
		       const struct reply *r)
{
	if (r->header.id != c->id || r->header.command != command)
		return -EBADMSG;
	if (!(r->header.flags & VFIO_USER_ERROR))
		return 0;
	if (r->len || r->fd >= 0 || !r->header.error)
		return -EBADMSG;
	return -r->header.error;
}

int client_call(struct client *c, uint16_t command, const void *payload,
		size_t len, const int *fds, unsigned int num_fds,
		struct reply *r)
{
	struct vfio_user_header *header;
	struct reply *own = r ? r : malloc(sizeof(*r));
	int ret = -ENOMEM;

	header = malloc(sizeof(*header) + len);
	if (!header || !own)
		goto out;
	*header = (struct vfio_user_header){
		.id = ++c->id,
		.command = command,
		.size = sizeof(*header) + len,
	};
	if (len)
		memcpy(header + 1, payload, len);
	ret = client_send(c, header, header->size, fds, num_fds);
	if (!ret)
		ret = wait_reply(c, own);
	if (!ret)
		ret = check_reply(c, command, own);
	if (!ret && !r && own->fd >= 0)
		close(own->fd);
out:
	free(header);
	if (!r)
		free(own);
	return ret;
}

int client_read(struct client *c, uint32_t region, uint64_t offset, void *buf,
		uint32_t count)
{
	struct vfio_user_region_access access = { offset, region, count };
	struct vfio_user_region_access *answer;
	struct reply *r = malloc(sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	ret = client_call(c, VFIO_USER_REGION_READ, &access, sizeof(access),
			  NULL, 0, r);
	answer = (void *)r->payload;
	if (!ret && (r->len != sizeof(access) + count ||
		     memcmp(answer, &access, sizeof(access))))
		ret = -EBADMSG;
	if (!ret)
		memcpy(buf, answer->data, count);
	free(r);
	return ret;
}

int client_write(struct client *c, uint32_t region, uint64_t offset,
		 const void *buf, uint32_t count)
{
	struct vfio_user_region_access *access;
	int ret;

	access = malloc(sizeof(*access) + count);
	if (!access)
		return -ENOMEM;
	access->offset = offset;
	access->region = region;
	access->count = count;
	memcpy(access->data, buf, count);
	ret = client_call(c, VFIO_USER_REGION_WRITE, access,
			  sizeof(*access) + count, NULL, 0, NULL);
	free(access);
	return ret;
}

uint32_t client_get(struct client *c, uint32_t region, uint64_t offset)
{
	uint32_t value;

	return client_read(c, region, offset, &value, 4) ? ~0U : value;
}

int client_put(struct client *c, uint32_t region, uint64_t offset,
	       uint32_t value)
{
	return client_write(c, region, offset, &value, 4);
}

int client_map(struct client *c, uint64_t iova, uint64_t size, uint32_t flags,
	       int fd, uint64_t offset)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = offset,
		.iova = iova,
		.size = size,
	};

	return client_call(c, VFIO_USER_DMA_MAP, &map, sizeof(map), &fd,
			   fd >= 0, NULL);
}

int client_unmap(struct client *c, uint64_t iova, uint64_t size,
		 uint32_t flags, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	struct vfio_iommu_type1_dma_unmap *answer;
	struct reply *r = malloc(sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	ret = client_call(c, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), NULL,
			  0, r);
	answer = (void *)r->payload;
	if (!ret && r->len != sizeof(unmap))
		ret = -EBADMSG;
	if (!ret && unmapped)
		*unmapped = answer->size;
	free(r);
	return ret;
}

int client_set_irqs(struct client *c, uint32_t index, uint32_t flags,
		    uint32_t start, uint32_t count, const uint8_t *data,
		    const int *fds)
{
	size_t data_len = data ? count : 0;
	struct vfio_irq_set *set;
	int ret;

	set = malloc(sizeof(*set) + data_len);
	if (!set)
		return -ENOMEM;
	set->argsz = sizeof(*set) + data_len;
	set->flags = flags;
	set->index = index;
	set->start = start;
	set->count = count;
	if (data)
		memcpy(set->data, data, data_len);
	ret = client_call(c, VFIO_USER_DEVICE_SET_IRQS, set, set->argsz, fds,
			  fds ? count : 0, NULL);
	free(set);
	return ret;
}

int eventfd_wait(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	return read(fd, &count, sizeof(count)) < 0 ? -errno : 0;
}
