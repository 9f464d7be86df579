/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel logs from now on */
#ifndef _SELFTESTS_KMSG_H
#define _SELFTESTS_KMSG_H

/* A file descriptor, or -errno */
int kmsg_open(void);
/* Is there, within @timeout_ms, a message with both strings? */
int kmsg_has(int fd, const char *a, const char *b, int timeout_ms);

#endif /* _SELFTESTS_KMSG_H */
