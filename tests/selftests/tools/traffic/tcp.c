// SPDX-License-Identifier: GPL-2.0-only
/*
 * One connection, a stream each way. The host closes its own when it is told
 * to stop; the guest then closes the other one.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define CHUNK		16384
#define PATIENCE_US	30000000

static struct sockaddr_in address(in_addr_t addr)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons(traffic.port + PORT_TCP),
		.sin_addr.s_addr = addr,
	};
}

static int remember_ends(void)
{
	struct sockaddr_in local, peer;
	socklen_t len = sizeof(local);

	if (getsockname(traffic.tcp, (struct sockaddr *)&local, &len) ||
	    getpeername(traffic.tcp, (struct sockaddr *)&peer, &len))
		return -1;
	traffic.local = local.sin_addr;
	traffic.peer = peer.sin_addr;
	return 0;
}

int tcp_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in any = address(INADDR_ANY);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 1)) {
		perror("traffic: listen");
		return -1;
	}
	traffic.tcp = accept(fd, NULL, NULL);
	close(fd);
	return traffic.tcp < 0 ? -1 : remember_ends();
}

/* The guest's side may not be there yet. */
int tcp_connect(const char *name)
{
	uint64_t end = now_us() + PATIENCE_US;
	struct sockaddr_in peer = address(inet_addr(name));

	for (;;) {
		traffic.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(traffic.tcp, (struct sockaddr *)&peer, sizeof(peer)))
			return remember_ends();
		if (now_us() >= end)
			break;
		close(traffic.tcp);
		pause_until(now_us() + 100000);
	}
	perror("traffic: connect");
	return -1;
}

void *tcp_send(void *unused)
{
	uint64_t start = now_us();
	uint8_t buf[CHUNK];
	size_t done;
	ssize_t ret;

	while (!traffic.stop) {
		pattern(buf, own->tcp_sent, CHUNK);
		for (done = 0; done < CHUNK; done += ret) {
			ret = send(traffic.tcp, buf + done, CHUNK - done, 0);
			if (ret < 0) {
				own->tcp_errors++;
				return unused;
			}
			own->tcp_sent += ret;
		}
		/* KB/s are bytes a millisecond. */
		if (traffic.tcp_rate)
			pause_until(start + own->tcp_sent * 1000 / traffic.tcp_rate);
	}
	shutdown(traffic.tcp, SHUT_WR);
	return unused;
}

void *tcp_receive(void *unused)
{
	uint8_t buf[CHUNK], expected[CHUNK];
	ssize_t ret;

	while ((ret = recv(traffic.tcp, buf, CHUNK, 0)) > 0) {
		pattern(expected, own->tcp_received, ret);
		if (memcmp(buf, expected, ret) && !own->tcp_damaged)
			own->tcp_damaged = own->tcp_received + 1;
		own->tcp_received += ret;
	}
	if (ret)
		own->tcp_errors++;
	traffic.stop = true;
	return unused;
}
