// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "kmsg.h"

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

int kmsg_has(int fd, const char *a, const char *b, int timeout_ms)
{
	long end = now_ms() + timeout_ms;
	char message[8192];
	ssize_t len;

	do {
		len = read(fd, message, sizeof(message) - 1);
		if (len > 0) {
			message[len] = '\0';
			if (strstr(message, a) && strstr(message, b))
				return 1;
		} else if (len < 0 && errno == EAGAIN) {
			usleep(10000);
		}
		/* EPIPE: the log overran us, and the next read goes on. */
	} while (now_ms() < end);
	return 0;
}
