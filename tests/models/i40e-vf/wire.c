// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch between the functions (VEB), and the wire
 *
 * Nothing is learnt: a frame goes to every function that has a filter for it,
 * and to the wire unless one of them has its address. The wire is a UNIX
 * datagram socket, a frame is a datagram: what QEMU's "-netdev dgram" speaks.
 * Peers on it hear each other. The socket of a peer takes 10 datagrams or some
 * more; what it has no room for waits.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vf.h"

/* Of one event, so that others have their turn */
#define FRAMES_A_ROUND	64
#define BUFFER		(4 * 1024 * 1024)
/* No event tells of room at the other end of a socket that is not connected. */
#define RETRY_NS	500000ULL

/* 0, -EAGAIN when there is no room, or -errno */
static int try_to_send(struct port *port, const struct peer *peer,
		       const uint8_t *frame, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, peer->path, sizeof(peer->path));
	if (sendto(port->wire, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (void *)&address, sizeof(address)) >= 0) {
		port->wire_out++;
		return 0;
	}
	if (errno == EAGAIN || errno == ENOBUFS)
		return -EAGAIN;
	if (errno != ENOENT)
		port->wire_dropped++;
	return -errno;
}

static void wait_for_room(struct port *port, struct peer *peer,
			  const uint8_t *frame, size_t len)
{
	struct waiting_frame *f = NULL;

	if (peer->waiting_bytes + len <= BUFFER)
		f = malloc(sizeof(*f) + len);
	if (!f) {
		port->wire_dropped++;
		return;
	}
	f->next = NULL;
	f->len = len;
	memcpy(f->data, frame, len);
	if (!peer->waiting)
		model_arm_timer(port->vfs[0].model, port->wire_timer, RETRY_NS,
				0);
	*peer->waiting_end = f;
	peer->waiting_end = &f->next;
	peer->waiting_bytes += len;
}

static void drop_first(struct peer *peer)
{
	struct waiting_frame *f = peer->waiting;

	peer->waiting = f->next;
	if (!peer->waiting)
		peer->waiting_end = &peer->waiting;
	peer->waiting_bytes -= f->len;
	free(f);
}

static void send_to(struct port *port, struct peer *peer, const uint8_t *frame,
		    size_t len)
{
	if (peer->waiting || try_to_send(port, peer, frame, len) == -EAGAIN)
		wait_for_room(port, peer, frame, len);
}

static void retry_event(struct model *m, int fd, void *arg)
{
	struct port *port = arg;
	struct peer *peer;
	bool waiting = false;
	unsigned int i;

	(void)fd;
	for (i = 0; i < port->num_peers; i++) {
		peer = &port->peers[i];
		while (peer->waiting &&
		       try_to_send(port, peer, peer->waiting->data,
				   peer->waiting->len) != -EAGAIN)
			drop_first(peer);
		waiting |= !!peer->waiting;
	}
	if (waiting)
		model_arm_timer(m, port->wire_timer, RETRY_NS, 0);
}

static bool is_same(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* To all but one: a peer may be known by another name. */
static void send_to_peers(struct port *port, const char *except,
			  const uint8_t *frame, size_t len)
{
	unsigned int i;

	for (i = 0; i < port->num_peers; i++)
		if (!except || !is_same(except, port->peers[i].path))
			send_to(port, &port->peers[i], frame, len);
}

/* Is somebody's unicast address the destination? */
static bool distribute(struct port *port, const struct vf *from,
		       const uint8_t *frame, size_t len)
{
	bool unicast = !(frame[0] & 1), found = false;
	struct vf *vf;
	unsigned int i;

	for (i = 0; i < port->num_vfs; i++) {
		vf = &port->vfs[i];
		if (vf == from || vf->pf.state == PF_RESETTING ||
		    !vf->policy.link_up || !filters_wants(vf, frame, len))
			continue;
		found |= unicast && filters_has_mac(vf, frame);
		rx_deliver(vf, frame, len, from);
	}
	return found;
}

void wire_send(struct vf *vf, const uint8_t *frame, size_t len)
{
	struct port *port = vf->port;

	if (!distribute(port, vf, frame, len) && port->wire >= 0)
		send_to_peers(port, NULL, frame, len);
}

static void wire_event(struct model *m, int fd, void *arg)
{
	static uint8_t frame[MAX_FRAME];
	struct sockaddr_un from;
	socklen_t from_len;
	struct port *port = arg;
	unsigned int left = FRAMES_A_ROUND;
	ssize_t n;

	(void)m;
	while (left--) {
		memset(&from, 0, sizeof(from));
		from_len = sizeof(from) - 1;
		n = recvfrom(fd, frame, sizeof(frame),
			     MSG_DONTWAIT | MSG_TRUNC, (void *)&from,
			     &from_len);
		if (n < 0)
			return;
		if (n < ETH_HLEN || n > MAX_FRAME - CRC_LEN)
			continue;
		port->wire_in++;
		if (n < MIN_FRAME) {
			memset(frame + n, 0, MIN_FRAME - n);
			n = MIN_FRAME;
		}
		distribute(port, NULL, frame, n);
		if (port->num_peers > 1)
			send_to_peers(port, from.sun_path, frame, n);
	}
}

int wire_add_peer(struct port *port, const char *path)
{
	struct peer *peer = &port->peers[port->num_peers];

	if (port->num_peers == MAX_PEERS || strlen(path) >= sizeof(peer->path))
		return -EINVAL;
	strcpy(peer->path, path);
	peer->waiting_end = &peer->waiting;
	port->num_peers++;
	return 0;
}

int wire_init(struct port *port, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int size = BUFFER;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
	    (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	port->wire_timer = model_add_timer(port->vfs[0].model, retry_event,
					   port);
	if (port->wire_timer < 0)
		return port->wire_timer;
	unlink(path);
	port->wire = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    0);
	if (port->wire < 0 ||
	    bind(port->wire, (void *)&address, sizeof(address)))
		return -errno;
	/* A burst should not be lost; without privilege it is a smaller one. */
	setsockopt(port->wire, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return model_add_fd(port->vfs[0].model, port->wire, wire_event, port);
}

void wire_exit(struct port *port)
{
	unsigned int i;

	for (i = 0; i < port->num_peers; i++)
		while (port->peers[i].waiting)
			drop_first(&port->peers[i]);
	if (port->wire >= 0)
		close(port->wire);
	port->wire = -1;
}
