// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to and from one client
 *
 * Nothing here waits for the client to send, except connection_call(), and
 * nothing waits forever: a peer that stops in the middle of a message, or does
 * not read its replies, harms itself only.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* Less than QEMU waits for the command in whose middle we may be */
#define CALL_TIMEOUT_MS	2000
#define SEND_TIMEOUT_MS	5000
#define QUEUE_MAX	256

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_fds(int *fds, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void message_close_fds(struct message *msg)
{
	close_fds(msg->fds, msg->num_fds);
	msg->num_fds = 0;
}

void message_free(struct message *msg)
{
	if (!msg)
		return;
	message_close_fds(msg);
	free(msg->reply);
	free(msg);
}

void *message_reply(struct message *msg, uint32_t len)
{
	void *reply = calloc(1, len);

	if (!reply)
		return NULL;
	msg->reply = reply;
	msg->reply_len = len;
	return reply;
}

void connection_open(struct connection *c, int fd)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->max_xfer = VFIO_USER_MAX_XFER;
	c->queue_end = &c->queue;
}

void connection_close(struct connection *c)
{
	struct message *msg;

	while ((msg = connection_dequeue(c)))
		message_free(msg);
	message_free(c->partial);
	close_fds(c->fds, c->num_fds);
	close(c->fd);
	c->fd = -1;
}

static void enqueue(struct connection *c, struct message *msg)
{
	if (c->queued == QUEUE_MAX) {
		message_free(msg);
		c->broken = true;
		return;
	}
	*c->queue_end = msg;
	c->queue_end = &msg->next;
	c->queued++;
}

struct message *connection_dequeue(struct connection *c)
{
	struct message *msg = c->queue;

	if (!msg)
		return NULL;
	c->queue = msg->next;
	if (!c->queue)
		c->queue_end = &c->queue;
	c->queued--;
	return msg;
}

/* False if there are more than one message may have. */
static bool take_fds(struct connection *c, const struct cmsghdr *cmsg)
{
	unsigned int count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	bool fit = c->num_fds + count <= MAX_FDS;
	unsigned int i;
	int fd;

	for (i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		if (fit)
			c->fds[c->num_fds++] = fd;
		else
			close(fd);
	}
	return fit;
}

/* The number of bytes, or 0: none now, or the connection is broken. */
static size_t receive(struct connection *c, void *buf, size_t len)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
	struct iovec iov = { buf, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		c->broken = true;
		return 0;
	}
	/* The kernel has closed those that had no room. */
	if (msg.msg_flags & MSG_CTRUNC)
		c->broken = true;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type == SCM_RIGHTS && !take_fds(c, cmsg))
			c->broken = true;
	return c->broken ? 0 : n;
}

/* After a header that cannot be right there is no next one to find. */
static struct message *start_message(const struct vfio_user_header *header)
{
	uint32_t type = header->flags & VFIO_USER_TYPE;
	struct message *msg;

	if (header->size < sizeof(*header) ||
	    header->size - sizeof(*header) > MAX_PAYLOAD ||
	    (type != VFIO_USER_TYPE_COMMAND && type != VFIO_USER_TYPE_REPLY))
		return NULL;
	msg = malloc(sizeof(*msg) + header->size - sizeof(*header));
	if (!msg)
		return NULL;
	memset(msg, 0, sizeof(*msg));
	msg->header = *header;
	msg->len = header->size - sizeof(*header);
	msg->reply_fd = -1;
	return msg;
}

static void finish_message(struct connection *c, struct message **msg)
{
	*msg = c->partial;
	(*msg)->num_fds = c->num_fds;
	memcpy((*msg)->fds, c->fds, sizeof(c->fds));
	c->num_fds = 0;
	c->partial = NULL;
	c->received = 0;
}

int connection_receive(struct connection *c, struct message **msg)
{
	size_t n;

	while (!c->broken) {
		if (c->partial && c->received == c->header.size) {
			finish_message(c, msg);
			return 1;
		}
		if (c->partial)
			n = receive(c, c->partial->payload + c->received -
				    sizeof(c->header),
				    c->header.size - c->received);
		else
			n = receive(c, (char *)&c->header + c->received,
				    sizeof(c->header) - c->received);
		if (!n)
			break;
		c->received += n;
		if (c->received != sizeof(c->header))
			continue;
		c->partial = start_message(&c->header);
		if (!c->partial)
			c->broken = true;
	}
	return 0;
}

static void set_fd(struct msghdr *msg, void *control, int fd)
{
	struct cmsghdr *cmsg;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(fd));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

static bool wait_for(struct connection *c, short events, long deadline)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	long left = deadline - now_ms();

	return left > 0 && poll(&p, 1, left) != 0;
}

static void advance(struct msghdr *msg, size_t n)
{
	msg->msg_controllen = 0;
	for (; msg->msg_iovlen && n >= msg->msg_iov->iov_len; msg->msg_iovlen--)
		n -= msg->msg_iov++->iov_len;
	if (msg->msg_iovlen) {
		msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + n;
		msg->msg_iov->iov_len -= n;
	}
}

static void send_all(struct connection *c, struct iovec *iov, size_t count,
		     int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };
	long deadline = now_ms() + SEND_TIMEOUT_MS;
	ssize_t n;

	if (fd >= 0)
		set_fd(&msg, control, fd);
	while (!c->broken && msg.msg_iovlen) {
		n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			advance(&msg, n);
		else if (errno == EINTR)
			continue;
		else if (errno != EAGAIN || !wait_for(c, POLLOUT, deadline))
			c->broken = true;
	}
}

void connection_send(struct connection *c, struct vfio_user_header *header,
		     const void *payload, size_t len, int fd)
{
	struct iovec iov[] = {
		{ header, sizeof(*header) },
		{ (void *)payload, len },
	};

	header->size = sizeof(*header) + len;
	send_all(c, iov, ARRAY_SIZE(iov), fd);
}

/* Replies that nobody waits for any more are no harm. */
static struct message *wait_reply(struct connection *c, uint16_t id)
{
	long deadline = now_ms() + CALL_TIMEOUT_MS;
	struct message *msg;

	while (!c->broken) {
		if (!connection_receive(c, &msg)) {
			if (c->broken || !wait_for(c, POLLIN, deadline))
				break;
			continue;
		}
		if ((msg->header.flags & VFIO_USER_TYPE) !=
		    VFIO_USER_TYPE_REPLY) {
			enqueue(c, msg);
			continue;
		}
		if (msg->header.id == id)
			return msg;
		message_free(msg);
	}
	return NULL;
}

struct message *connection_call(struct connection *c, uint16_t command,
				const void *head, size_t head_len,
				const void *data, size_t data_len)
{
	struct vfio_user_header header = {
		.id = c->next_id++,
		.command = command,
		.size = sizeof(header) + head_len + data_len,
	};
	struct iovec iov[] = {
		{ &header, sizeof(header) },
		{ (void *)head, head_len },
		{ (void *)data, data_len },
	};

	send_all(c, iov, ARRAY_SIZE(iov), -1);
	return wait_reply(c, header.id);
}
